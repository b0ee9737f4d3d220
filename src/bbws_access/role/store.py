"""Where the role service's records lie: the reads and writes of its operations."""

from __future__ import annotations

from collections.abc import Iterable

from bbws_access.access.reader import in_force
from bbws_access.kernel.contract import load_roles
from bbws_access.kernel.dynamodb import Check, Database, Get, Query
from bbws_access.kernel.errors import Conflict
from bbws_access.kernel.keys import index_key, key, partition, sort_prefix
from bbws_access.kernel.records import Change, Named, Stale, Step, commit, count, put_over, size_of, timestamp, where
from bbws_access.role import rules

ROLES = Named("OrganisationRole", "OrganisationRoleName", "roleId")
_ENDED_AT_ONCE = 50


# Reads


def role(table: str, org_id: str, role_id: str) -> Get:
    return Get(table, key("OrganisationRole", orgId=org_id, roleId=role_id))


def platform_role(table: str, role_id: str) -> Get:
    return Get(table, key("PlatformRole", roleId=role_id))


def usage(table: str, org_id: str, role_id: str) -> Get:
    return Get(table, key("RoleUsage", orgId=org_id, roleId=role_id))


def assignment(table: str, org_id: str, user_id: str, role_id: str, team_id: str | None) -> Get:
    parts = {"orgId": org_id, "userId": user_id, "roleId": role_id, "teamId": rules.key_team(team_id)}
    return Get(table, key("UserRoleAssignment", **parts))


def platform_assignment(table: str, user_id: str, role_id: str) -> Get:
    return Get(table, key("PlatformRoleAssignment", userId=user_id, roleId=role_id))


def platform_assignments(table: str, user_id: str) -> Query:
    """Every platform role that a user has or had."""
    return Query(table, partition("PlatformRoleAssignment", userId=user_id), "ROLE#")


def platform_roles(table: str) -> Query:
    """The platform's active roles, by id."""
    return where(Query(table, partition("PlatformRole"), "ROLE#"), {"active": True})


def roles(table: str, org_id: str, query: dict) -> Query:
    """The roles of an organisation in the order asked for: ids begin with the time of their making."""
    asked = Query(
        table,
        partition("OrganisationRole", orgId=org_id),
        "ROLE#",
        forward=query["order"] == "oldest",
    )
    return where(asked, {name: query[name] for name in ("active", "scope", "name") if name in query})


def role_names(table: str, org_id: str) -> Query:
    """Ids and names of all roles of an organisation, inactive ones too."""
    asked = Query(table, partition("OrganisationRole", orgId=org_id), "ROLE#", projection="roleId,#name")
    return asked._replace(names={"#name": "name"})


def default_names(table: str, org_id: str) -> list[Get]:
    """The names of the default roles, where an active role of the organisation has them."""
    names = (role["name"].casefold() for role in load_roles()["defaultOrganisationRoles"])
    return [Get(table, key("OrganisationRoleName", orgId=org_id, name=name)) for name in names]


def permission_sets(table: str, org_id: str) -> Query:
    """What an organisation's permission sets grant."""
    return Query(
        table,
        partition("PermissionSet", orgId=org_id),
        "SET#",
        projection="setId,#permissions,#active",
        names={"#permissions": "permissions", "#active": "active"},
    )


def size_of_roles(table: str, org_id: str) -> Query:
    return size_of(table, partition("OrganisationRole", orgId=org_id), "ROLE#")


def size_of_assignments(table: str, org_id: str, user_id: str) -> Query:
    """How many assignments a user has or had in an organisation."""
    prefix = sort_prefix("UserRoleAssignment", orgId=org_id)
    return size_of(table, partition("UserRoleAssignment", userId=user_id), prefix)


def assignments_of_user(table: str, org_id: str, user_id: str, active: bool, now: str) -> Query:
    """A user's assignments in an organisation: those in force, or those that are not."""
    asked = Query(
        table,
        partition("UserRoleAssignment", userId=user_id),
        sort_prefix("UserRoleAssignment", orgId=org_id),
    )
    return _in_force(asked, active, now)


def assignments_of_role(table: str, org_id: str, role_id: str, active: bool, now: str) -> Query:
    """The assignments of a role, by user: those in force, or those that are not. A moment behind the writes."""
    asked = Query(
        table,
        partition("UserRoleAssignment", index="assignments-by-role", orgId=org_id, roleId=role_id),
        index="assignments-by-role",
    )
    return _in_force(asked, active, now)


def _in_force(query: Query, active: bool, now: str) -> Query:
    condition = "#active = :active AND (attribute_not_exists(expiresAt) OR expiresAt > :now)"
    return query._replace(
        filter=condition if active else f"NOT ({condition})",
        names={"#active": "active"},
        values={":active": True, ":now": now},
    )


# Writes


def sets_stay_active(table: str, org_id: str, set_ids: Iterable[str]) -> list[Step]:
    """Steps that fail where one of an organisation's sets was deactivated meanwhile."""
    return [
        (
            Check(
                table,
                key("PermissionSet", orgId=org_id, setId=set_id),
                "#active = :true",
                {"#active": "active"},
                {":true": True},
            ),
            Stale(),
        )
        for set_id in set_ids
        if not rules.is_platform_set(set_id)
    ]


def unused(table: str, org_id: str, role_id: str) -> Step:
    """A step that fails where anybody has the role."""
    action = Check(
        table,
        key("RoleUsage", orgId=org_id, roleId=role_id),
        "attribute_not_exists(PK) OR #count <= :none",
        {"#count": "count"},
        {":none": 0},
    )
    return action, Stale()


def assign(database: Database, table: str, record: dict, replaced: dict | None, change: Change) -> dict:
    """Store an assignment; returns it. Raises Stale where its role or its place is not as it was read.

    replaced: the record that is in its place: removed, or expired but still counted; None for none
    """
    org_id, role_id = record["organisationId"], record["roleId"]
    parts = {
        "orgId": org_id,
        "roleId": role_id,
        "userId": record["userId"],
        "teamId": rules.key_team(record.get("teamId")),
    }
    item = {
        **key("UserRoleAssignment", **parts),
        **index_key("UserRoleAssignment", "assignments-by-role", **parts),
        **record,
    }
    role_key = key("OrganisationRole", orgId=org_id, roleId=role_id)
    steps = [
        (put_over(table, item, replaced), Stale()),
        (Check(table, role_key, "#active = :true", {"#active": "active"}, {":true": True}), Stale()),
    ]
    if replaced is None or not replaced["active"]:
        steps.append(_count(table, org_id, role_id, 1, change))
    commit(database, steps)
    return item


def put_platform_assignments(database: Database, table: str, items: Iterable[tuple[dict, dict | None]]) -> None:
    """Store platform assignments, each over the one that was read in its place (None for none). All of them or none.

    With an engineer's credentials: no service may. Raises Stale where one is not as it was read.
    """
    commit(database, [(put_over(table, item, replaced), Stale()) for item, replaced in items])


def end(database: Database, table: str, stored: list[dict], change: Change) -> None:
    """End assignments of one role, all of them or none. Raises Stale where one was changed since it was read."""
    org_id, role_id = stored[0]["organisationId"], stored[0]["roleId"]
    steps = [(put_over(table, rules.ended_assignment(one, change), one), Stale()) for one in stored]
    commit(database, [*steps, _count(table, org_id, role_id, -len(stored), change)])


def end_expired(database: Database, table: str, org_id: str, role_id: str, change: Change) -> bool:
    """End assignments that have expired, which nothing does when they do; returns whether there were any.

    Raises Stale where one was changed since it was read.
    """
    query = assignments_of_role(table, org_id, role_id, False, timestamp(change.now))
    names = {**query.names, "#counted": "active"}
    query = query._replace(filter=f"#counted = :active AND ({query.filter})", names=names)
    found = database.rest_of(query, database.parallel([query])[0])
    ended = False
    for start in range(0, len(found), _ENDED_AT_ONCE):
        # The index is a moment behind: it may still show what was ended or removed just now.
        keys = [{"PK": one["PK"], "SK": one["SK"]} for one in found[start : start + _ENDED_AT_ONCE]]
        read = database.parallel([Get(table, one) for one in keys])
        expired = [one for one in read if one and one["active"] and not in_force(one, change.now)]
        if expired:
            end(database, table, expired, change)
            ended = True
    return ended


def check_unused(database: Database, table: str, org_id: str, role_id: str, usage: dict | None, change: Change) -> None:
    """Raises ROLE_IN_USE with the number of assignments in force. Expired ones are ended and then Stale is raised."""
    count = usage["count"] if usage is not None else 0
    if count > 0:
        if end_expired(database, table, org_id, role_id, change):
            raise Stale
        raise rules.in_use(count)


def _count(table: str, org_id: str, role_id: str, difference: int, change: Change) -> Step:
    """A step that changes how often a role is assigned. It has no condition: taking a role away must always work."""
    ids = {"organisationId": org_id, "roleId": role_id}
    action = count(table, "RoleUsage", ids, {"count": difference}, change)
    return action, Conflict("The use of the role could not be counted.")
