"""Where the role service's records lie: the reads and writes of its operations."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from bbws_access.access.grants import in_force
from bbws_access.kernel.contract import load_roles, platform_sets
from bbws_access.kernel.dynamodb import Database, Get, Page, Put, Query
from bbws_access.kernel.ids import is_valid_id
from bbws_access.kernel.keys import index_key, key, partition, sort_prefix
from bbws_access.kernel.records import (
    Change,
    Named,
    Stale,
    Step,
    commit,
    definitions,
    put_over,
    size_of,
    stays_active,
    timestamp,
    until_fresh,
    where,
)
from bbws_access.kernel.texts import skeleton
from bbws_access.kernel.uses import Uses
from bbws_access.role import rules

USES = Uses("RoleUsagePart", "RoleUsage", "roleId")
ROLES = Named("OrganisationRole", "OrganisationRoleName", "roleId")
_ENDED_AT_ONCE = 50  # each with its role's count at worst: a transaction has room for 100
_MOST_GIVEN, _LATEST = 100, 10**9  # platform roles that one user was ever given; version of what says so
LONGEST_SORT_KEY = 1000  # bytes; DynamoDB takes 1024
_PLACES_OF_THE_ASSIGNED = ("GSI2PK", "GSI2SK", "GSI3PK", "GSI3SK")
# In the place of the moment at which an assignment ends, among those of its role.
_ENDED, _LASTING = "-", "NEVER"


# Reads


def role(table: str, org_id: str, role_id: str) -> Get:
    return Get(table, key("OrganisationRole", orgId=org_id, roleId=role_id))


def platform_role(table: str, role_id: str) -> Get:
    return Get(table, key("PlatformRole", roleId=role_id))


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
    place = partition("OrganisationRole", orgId=org_id), sort_prefix("OrganisationRole", active=query["active"])
    asked = Query(table, *place, forward=query["order"] == "oldest")
    return where(asked, {name: query[name] for name in ("active", "scope", "name") if name in query})


def every_role(table: str, org_id: str) -> Query:
    """All active roles of an organisation."""
    return Query(table, partition("OrganisationRole", orgId=org_id), "ROLE#")


def role_names(table: str, org_id: str) -> Query:
    """Ids and names of all active roles of an organisation, to be shown. A moment behind the writes."""
    return every_role(table, org_id)._replace(projection="roleId,#name", names={"#name": "name"}, consistent=False)


def default_names(table: str, org_id: str) -> list[Get]:
    """The names of the default roles, where an active role of the organisation has them."""
    names = (skeleton(role["name"]) for role in load_roles()["defaultOrganisationRoles"])
    return [Get(table, key("OrganisationRoleName", orgId=org_id, name=name)) for name in names]


def permission_sets(table: str, org_id: str) -> Query:
    """What an organisation's active permission sets grant."""
    return Query(
        table,
        partition("PermissionSet", orgId=org_id),
        "SET#",
        projection="setId,#permissions,#active",
        names={"#permissions": "permissions", "#active": "active"},
    )


def sets_of(database: Database, table: str, org_id: str, page: Page, *roles: dict) -> rules.Sets:
    """An organisation's active sets, the platform's, and those inactive ones that the roles carry.

    page: the result of `permission_sets`
    """
    sets = rules.with_platform_sets(database.rest_of(permission_sets(table, org_id), page))
    carried = {set_id for role in roles for set_id in role.get("permissionSets", ())}
    absent = sorted(carried - sets.active.keys() - sets.inactive.keys())
    if not absent:
        return sets
    found = database.parallel(
        [Get(table, key("PermissionSet", active=False, orgId=org_id, setId=set_id)) for set_id in absent]
    )
    sets.inactive.update((held["setId"], tuple(held["permissions"])) for held in found if held is not None)
    return sets


def size_of_roles(table: str, org_id: str) -> Query:
    """How many active roles an organisation has, and how large they are."""
    return definitions(table, partition("OrganisationRole", orgId=org_id), "ROLE#", "roleId")


def size_of_assignments(table: str, org_id: str, user_id: str) -> Query:
    """How many assignments a user has or had in an organisation; and what they say of who the user is."""
    prefix = sort_prefix("UserRoleAssignment", orgId=org_id)
    counted = size_of(table, partition("UserRoleAssignment", userId=user_id), prefix)
    return counted._replace(select=None, projection="userEmail,emailSource,dateCreated")


def assignments_of_user(table: str, org_id: str, user_id: str) -> Query:
    """A user's assignments in an organisation, ended ones too."""
    prefix = sort_prefix("UserRoleAssignment", orgId=org_id)
    return Query(table, partition("UserRoleAssignment", userId=user_id), prefix)


def assignments_of_role(
    table: str, org_id: str, role_id: str, active: bool, now: str, size: int | None = None
) -> Query:
    """The assignments of a role: those in force, or those that are not. A moment behind the writes.

    Those that somebody ended lie before all others, and the others in the order of their ends, so both lists are one
    stretch of the index, and cost what they return.
    size: how many are wanted, None for all
    """
    asked = Query(
        table,
        partition("UserRoleAssignment", index="assignments-by-role", orgId=org_id, roleId=role_id),
        index="assignments-by-role",
        limit=None if size is None else size + 1,
    )
    now_sorts = f"{now}#~"  # behind all that ends at this moment, which is not in force any more
    if not active:
        return asked._replace(sort_range=(_ENDED, now_sorts))
    return _in_force(asked._replace(sort_range=(now_sorts, "~")), now)


def assignments_of_user_anywhere(table: str, user_id: str) -> Query:
    """A user's assignments in all organisations, ended ones too."""
    return Query(table, partition("UserRoleAssignment", userId=user_id), "ORG#")


def all_assignments_of_user(table: str, user_id: str, org_id: str | None) -> Query:
    """The assignments of a user that nobody ended, everywhere or in one organisation."""
    prefix = "ORG#" if org_id is None else sort_prefix("UserRoleAssignment", orgId=org_id)
    return where(Query(table, partition("UserRoleAssignment", userId=user_id), prefix), {"active": True})


def assignments_in_team(table: str, org_id: str, team_id: str) -> Query:
    """The assignments in a team that nobody ended. A moment behind the writes."""
    place = partition("UserRoleAssignment", index="assignments-by-team", orgId=org_id, teamId=team_id)
    return Query(table, place, index="assignments-by-team")


def assigned_in(table: str, org_id: str, after: str | None, limit: int | None, now: str) -> Query:
    """The assignments in force in an organisation, by user, after a sort key. A moment behind the writes."""
    place = partition("UserRoleAssignment", index="assignments-by-organisation", orgId=org_id)
    return _by_user(Query(table, place, index="assignments-by-organisation", limit=limit), after, now)


def members_in(table: str, org_id: str, after: str | None, limit: int | None, now: str) -> Query:
    """The memberships in force in an organisation's teams, by user, after a sort key. A moment behind the writes."""
    place = partition("TeamMember", index="members-by-organisation", orgId=org_id)
    return _by_user(Query(table, place, index="members-by-organisation", limit=limit), after, now)


def memberships_of_user(table: str, org_id: str, user_id: str) -> Query:
    """A user's memberships in an organisation, ended ones too. `table` is the table `teams`."""
    prefix = sort_prefix("TeamMember", orgId=org_id)
    return Query(table, partition("TeamMember", userId=user_id), prefix)


def team_role_names(table: str, org_id: str) -> Query:
    """Ids and names of all active team roles of an organisation, to be shown. A moment behind the writes."""
    asked = team_role_grants(table, org_id)
    return asked._replace(projection="teamRoleId,#name", names={"#name": "name"}, consistent=False)


def role_grants(table: str, org_id: str) -> Query:
    """Names of all active roles of an organisation, and what they grant directly and through sets."""
    names = {f"#{name}": name for name in ("name", "permissions", "permissionSets")}
    asked = Query(table, partition("OrganisationRole", orgId=org_id), "ROLE#", names=names)
    return asked._replace(projection=",".join(["roleId", *names]))


def team_role_grants(table: str, org_id: str) -> Query:
    """Names and capabilities of all active team roles of an organisation. `table` is the table `teams`."""
    names = {f"#{name}": name for name in ("name", "capabilities")}
    asked = Query(table, partition("TeamRoleDefinition", orgId=org_id), "TEAM_ROLE#", names=names)
    return asked._replace(projection=",".join(["teamRoleId", *names]))


def _by_user(query: Query, after: str | None, now: str) -> Query:
    # What a sort key goes on with is no sign before "#", and none begins with "USER$".
    place = {"sort_prefix": "USER#"} if after is None else {"sort_range": (f"{after}!", "USER$")}
    return _in_force(query._replace(**place), now)


def _in_force(query: Query, now: str) -> Query:
    return query._replace(
        filter="#active = :active AND (attribute_not_exists(expiresAt) OR expiresAt > :now)",
        names={"#active": "active"},
        values={":active": True, ":now": now},
    )


# Writes


def sets_stay_active(table: str, org_id: str, set_ids: Iterable[str]) -> list[Step]:
    """Steps that fail where one of an organisation's sets was deactivated meanwhile."""
    own = [set_id for set_id in set_ids if set_id not in platform_sets()]
    return [stays_active(table, key("PermissionSet", orgId=org_id, setId=set_id)) for set_id in own]


def team_stays(table: str, team: dict) -> Step:
    """A step that fails as stale where a team is not as it was read, which an assignment in it says.

    Else one that was read before the team ended would end as somebody tells of that, although the team is back.
    """
    return stays_active(table, team, version=team["version"])


def assign(
    database: Database,
    table: str,
    record: dict,
    role: dict,
    replaced: dict | None,
    change: Change,
    checks: Iterable[Step] = (),
    head: dict | None = None,
) -> dict:
    """Store an assignment; returns it. Raises Stale where its role or its place is not as it was read.

    role: as it was read      head: that of its counts, if it was read
    replaced: the record that is in its place: removed, or expired but still counted; None for none
    checks: steps of what else must hold
    """
    commit(database, [*assign_steps(table, record, role, replaced, change, head), *checks])
    return _assignment_item(record)


def assign_steps(
    table: str, record: dict, role: dict, replaced: dict | None, change: Change, head: dict | None = None
) -> list[Step]:
    """The steps that store an assignment and count it; they fail as stale where its role changed since it was read."""
    moves = [(record, 1), *([(replaced, -1)] if replaced is not None and replaced["active"] else [])]
    return [
        (put_over(table, _assignment_item(record), replaced), Stale()),
        *USES.counted(table, moves, change, role, head),
    ]


def _assignment_item(record: dict) -> dict:
    parts = {
        "orgId": record["organisationId"],
        "roleId": record["roleId"],
        "userId": record["userId"],
        "teamId": rules.key_team(record.get("teamId")),
        "ends": record.get("expiresAt", _LASTING) if record["active"] else _ENDED,
    }
    indexes = ["assignments-by-role", "assignments-by-organisation"]
    if "teamId" in record:
        indexes.append("assignments-by-team")
    item = key("UserRoleAssignment", **parts)
    for index in indexes:
        item |= index_key("UserRoleAssignment", index, **parts)
    return {**record, **item}


def put_platform_assignments(
    database: Database,
    table: str,
    items: Sequence[tuple[dict, dict | None]],
    said: dict | None,
    change: Change,
    checks: Iterable[Step] = (),
) -> None:
    """Store platform assignments of one user, each over the one that was read in its place (None for none).

    All of them or none, and with them that the user was given these roles: so decisions know where to look.
    said: the result of `roles_given`      checks: steps of what else must hold
    With an engineer's credentials: no service may. Raises Stale where one is not as it was read.
    """
    puts = [(put_over(table, item, replaced), Stale()) for item, replaced in items]
    commit(database, [*puts, *roles_given_steps(table, [item for item, _ in items], said, change), *checks])


def roles_given(table: str, user_id: str) -> Get:
    """The record of the platform roles that a user was ever given, which says where decisions look."""
    return Get(table, key("PlatformRolesGiven", userId=user_id))


def says_given(said: dict | None, role_ids: Collection[str]) -> bool:
    """Whether the record of the platform roles that a user was given is sound, and names all of these.

    It lies where services may write. So it is never added to: it might be of another type, or as large as an item gets,
    and then engineers could neither give roles nor take them away.
    """
    if said is None:
        return False
    version, named = said.get("version"), said.get("roleIds")
    if type(version) is not int or version > _LATEST or not isinstance(named, set) or len(named) > _MOST_GIVEN:
        return False
    return all(map(is_valid_id, named)) and named.issuperset(role_ids)


def roles_given_steps(table: str, assignments: Sequence[dict], said: dict | None, change: Change) -> list[Step]:
    """The step that makes the record say so of a user's platform assignments. It fails as stale unless it is as read.

    said: the result of `roles_given`; one that is not sound is replaced by one that names every platform role, since
    more than was given does no harm
    """
    [user_id] = {assignment["userId"] for assignment in assignments}
    given = {assignment["roleId"] for assignment in assignments}
    record = {"entityType": "PlatformRolesGiven", "userId": user_id, "active": True, **change.first()}
    item = {**key("PlatformRolesGiven", userId=user_id), **record, "roleIds": given}
    if said is None:
        return [(put_over(table, item, None), Stale())]
    if not says_given(said, ()):
        every = {role["roleId"] for role in load_roles()["platformRoles"]}
        return [(Put(table, {**item, "roleIds": given | every}), Stale())]
    kept = {name: said[name] for name in ("dateCreated", "createdBy") if isinstance(said.get(name), str)}
    return [(put_over(table, {**item, **kept, **change.next(said), "roleIds": given | said["roleIds"]}, said), Stale())]


def end(database: Database, table: str, stored: list[dict], change: Change) -> None:
    """End assignments, at most 50, all of them or none. Raises Stale where one was changed since it was read."""
    steps: list[Step] = []
    for assignment in stored:
        ended = _assignment_item(rules.ended_assignment(assignment, change))
        # What has ended is found by its user and its role only: the lists of what there is stay short.
        left = {name: value for name, value in ended.items() if name not in _PLACES_OF_THE_ASSIGNED}
        steps.append((put_over(table, left, assignment), Stale()))
    commit(database, [*steps, *USES.counted(table, [(one, -1) for one in stored], change)])


def end_found(
    database: Database, table: str, query: Query, change: Change, ends: Callable[[dict], bool] | None = None
) -> int:
    """End all that a query finds of what nobody ended, piece by piece; returns how many.

    ends: which of them; all for None
    What is ended stays ended when a later piece fails, so doing it again goes on. Raises Stale, DatabaseError.
    """

    done = 0

    def pieces(reads: list) -> int:
        nonlocal done
        [page], before = reads, -1
        while done > before:  # what is given meanwhile ends as well
            found, before = database.rest_of(query, page), done
            for start in range(0, len(found), _ENDED_AT_ONCE):
                piece = found[start : start + _ENDED_AT_ONCE]
                if query.index is not None:
                    piece = _as_stored(database, table, piece)
                held = [one for one in piece if one["active"] and (ends is None or ends(one))]
                if held:
                    end(database, table, held, change)
                    done += len(held)
            if done > before:
                [page] = database.parallel([query])
        return done

    return until_fresh(database.parallel([query]), lambda: database.parallel([query]), pieces)


def _as_stored(database: Database, table: str, found: list[dict]) -> list[dict]:
    """The items of an index as they are: it is a moment behind, and may show what was removed just now."""
    read = database.parallel([Get(table, {"PK": item["PK"], "SK": item["SK"]}) for item in found])
    return [item for item in read if item is not None]


def end_expired(database: Database, table: str, org_id: str, role_id: str, change: Change) -> bool:
    """End assignments that have expired, which nothing does when they do; returns whether there were any.

    Raises Stale where one was changed since it was read.
    """
    query = assignments_of_role(table, org_id, role_id, False, timestamp(change.now))
    query = where(query, {"active": True})._replace(sort_range=("0", query.sort_range[1]))
    found = database.rest_of(query, database.parallel([query])[0])
    ended = False
    for start in range(0, len(found), _ENDED_AT_ONCE):
        read = _as_stored(database, table, found[start : start + _ENDED_AT_ONCE])
        expired = [assignment for assignment in read if assignment["active"] and not in_force(assignment, change.now)]
        if expired:
            end(database, table, expired, change)
            ended = True
    return ended


def check_unused(database: Database, table: str, org_id: str, role_id: str, usage: Page, change: Change) -> None:
    """Raises ROLE_IN_USE with the number of assignments in force. Expired ones are ended and then Stale is raised.

    usage: the result of `USES.read`
    """
    held = USES.total(usage)
    if held > 0:
        if end_expired(database, table, org_id, role_id, change):
            raise Stale
        raise rules.in_use(held)
