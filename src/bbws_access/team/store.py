"""Where the team service's records lie: the reads of its operations, and the writes of teams and team roles."""

from __future__ import annotations

from collections.abc import Iterable

from bbws_access.kernel.contract import load_roles
from bbws_access.kernel.dynamodb import Get, Query
from bbws_access.kernel.keys import index_key, key, partition, sort_prefix
from bbws_access.kernel.records import Change, Named, Stale, Step, put_over, size_of, where
from bbws_access.kernel.texts import skeleton
from bbws_access.kernel.uses import Uses

TEAMS = Named("Team", "TeamName", "teamId")
USES = Uses("TeamRoleUsagePart", "TeamRoleUsage", "teamRoleId")
TEAM_ROLES = Named("TeamRoleDefinition", "TeamRoleName", "teamRoleId")
_DIVISIONS = "teams-by-division"
_MEMBERS = "members-by-team"


# Teams


def team_usage(table: str, org_id: str, team_id: str) -> Get:
    return Get(table, key("TeamUsage", orgId=org_id, teamId=team_id))


def teams(table: str, org_id: str, query: dict, size: int) -> Query:
    """The teams of an organisation, or of one division, in the order asked for: ids begin with the time of making.

    size: how many are wanted
    """
    if "divisionId" in query:
        place = partition("Team", index=_DIVISIONS, orgId=org_id, divisionId=query["divisionId"])
        asked = Query(table, place, "TEAM#", index=_DIVISIONS, consistent=False)
    else:
        asked = Query(table, partition("Team", orgId=org_id), "TEAM#")
    # Nearly all teams are active; of those of a name, or inactive, there are few among many.
    limit = 2 * size + 1 if query["active"] and "name" not in query else None
    wanted = {name: query[name] for name in ("active", "name") if name in query}
    return where(asked._replace(forward=query["order"] == "oldest", limit=limit), wanted)


def team_usages(table: str, org_id: str, beside: Query, size: int) -> Query:
    """The numbers of members of those teams that a query finds first: they lie in the same order.

    A moment behind the writes, as the lists of members are: only shown, and half the price.
    """
    place = partition("TeamUsage", orgId=org_id)
    asked = Query(table, place, "TEAM#", limit=2 * size + 1, forward=beside.forward, consistent=False)
    if beside.start_key is None:
        return asked
    return asked._replace(start_key={"PK": asked.partition, "SK": beside.start_key["SK"]})


def team_item(record: dict) -> dict:
    """A team's record as it is stored, where the lists of its organisation and its division find it."""
    parts = {"orgId": record["organisationId"], "teamId": record["teamId"]}
    division = record.get("divisionId")
    found_by = {} if division is None else index_key("Team", _DIVISIONS, divisionId=division, **parts)
    return {**_without_index(record), **key("Team", **parts), **found_by}


# Team roles


def team_role(table: str, org_id: str, team_role_id: str) -> Get:
    return Get(table, key("TeamRoleDefinition", orgId=org_id, teamRoleId=team_role_id))


def team_roles(table: str, org_id: str, query: dict) -> Query:
    """The team roles of an organisation in the order asked for: ids begin with the time of their making."""
    prefix = sort_prefix("TeamRoleDefinition", active=query["active"])
    asked = every_team_role(table, org_id)._replace(sort_prefix=prefix, forward=query["order"] == "oldest")
    return where(asked, {name: query[name] for name in ("active", "name") if name in query})


def every_team_role(table: str, org_id: str) -> Query:
    """All active team roles of an organisation."""
    return Query(table, partition("TeamRoleDefinition", orgId=org_id), "TEAM_ROLE#")


def team_role_names(table: str, org_id: str) -> Query:
    """Ids and names of all active team roles of an organisation, to be shown. A moment behind the writes."""
    names = {"#name": "name"}
    return every_team_role(table, org_id)._replace(projection="teamRoleId,#name", names=names, consistent=False)


def size_of_team_roles(table: str, org_id: str) -> Query:
    """How many active team roles an organisation has."""
    return size_of(table, partition("TeamRoleDefinition", orgId=org_id), "TEAM_ROLE#")


def about_team_roles(table: str, org_id: str) -> Query:
    """All that is recorded of an organisation's team roles, inactive ones too; of a new organisation, nothing."""
    return Query(table, partition("TeamRoleDefinition", orgId=org_id))


def got_team_roles(records: Iterable[dict]) -> bool:
    """Whether an organisation got its default team roles once. records: the results of `about_team_roles`"""
    # Organisations that are older than the record of the seed have default team roles, which are never removed.
    return any(one["entityType"] == "TeamRoleSeed" or one.get("isDefault") is True for one in records)


def seed_steps(table: str, org_id: str, change: Change) -> list[Step]:
    """The step that records it, and fails where somebody did so meanwhile."""
    item = {"entityType": "TeamRoleSeed", "organisationId": org_id, "active": True, **change.first()}
    return [(put_over(table, {**key("TeamRoleSeed", orgId=org_id), **item}, None), Stale())]


def default_names(table: str, org_id: str) -> list[Get]:
    """The names of the default team roles, where an active team role of the organisation has them."""
    names = (skeleton(role["name"]) for role in load_roles()["defaultTeamRoles"])
    return [Get(table, key("TeamRoleName", orgId=org_id, name=name)) for name in names]


# Members


def member(table: str, org_id: str, team_id: str, user_id: str) -> Get:
    return Get(table, key("TeamMember", orgId=org_id, teamId=team_id, userId=user_id))


def members(table: str, org_id: str, team_id: str, team_role_id: str | None, limit: int) -> Query:
    """Those who are members of a team now, by team role and user. A moment behind the writes."""
    return Query(
        table,
        partition("TeamMember", index=_MEMBERS, orgId=org_id, teamId=team_id),
        "TEAM_ROLE#" if team_role_id is None else f"TEAM_ROLE#{team_role_id}#",
        index=_MEMBERS,
        consistent=False,
        limit=limit,
    )


def memberships(table: str, user_id: str, org_id: str | None = None) -> Query:
    """A user's memberships, ended ones too, of one organisation or of all."""
    parts = {} if org_id is None else {"orgId": org_id}
    return Query(table, partition("TeamMember", userId=user_id), sort_prefix("TeamMember", **parts))


def primary_team(table: str, org_id: str, user_id: str) -> Get:
    return Get(table, key("PrimaryTeam", orgId=org_id, userId=user_id))


def assignments(table: str, org_id: str, user_id: str) -> Query:
    """A user's role assignments in an organisation, ended ones too; of the table `permissions`."""
    place = partition("UserRoleAssignment", userId=user_id)
    return Query(table, place, sort_prefix("UserRoleAssignment", orgId=org_id))


def member_item(record: dict) -> dict:
    """A membership's record as it is stored; the lists of team and organisation find it while it is in force."""
    parts = {"orgId": record["organisationId"], "teamId": record["teamId"], "userId": record["userId"]}
    item = {**_without_index(record), **key("TeamMember", **parts)}
    if record["active"]:
        item.update(index_key("TeamMember", _MEMBERS, teamRoleId=record["teamRoleId"], **parts))
        item.update(index_key("TeamMember", "members-by-organisation", **parts))
    return item


def _without_index(record: dict) -> dict:
    return {name: value for name, value in record.items() if not name.startswith("GSI")}
