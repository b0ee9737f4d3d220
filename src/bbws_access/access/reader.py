"""Reads what a user holds from the tables: one round trip in depth when the organisations are known beforehand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property

from bbws_access.access.departures import Departures, departures_read
from bbws_access.access.grants import ORGANISATION, PLATFORM, TEAM, Access, Grant, Membership
from bbws_access.kernel.contract import platform_roles, platform_sets
from bbws_access.kernel.dynamodb import Call, Database, Page, Query
from bbws_access.kernel.ids import is_valid_id
from bbws_access.kernel.keys import partition
from bbws_access.kernel.settings import Settings

_ORGANISATIONS_AT_ONCE = 11  # the default one and ten hinted

_GIVEN = ("organisationId", "teamId", "active", "expiresAt", "departures")
_ASSIGNED = (*_GIVEN, "roleId", "scope", "assignedAt", "assignedBy")
_JOINED = (*_GIVEN, "teamRoleId")
_ROLE_NAMES = {"#n": "name", "#s": "scope", "#p": "permissions", "#t": "permissionSets", "#a": "active"}
_SET_NAMES = {"#p": "permissions", "#a": "active"}
_TEAM_ROLE_NAMES = {"#c": "capabilities", "#a": "active"}


def read_access(
    database: Database,
    settings: Settings,
    user_id: str,
    organisations: Iterable[str] = (),
    *,
    now: datetime | None = None,
    deadline: float | None = None,
) -> Access:
    """What a user holds everywhere.

    organisations: a hint which are likely to matter; wrong or missing ones cost time, never correctness.
    Raises DatabaseError.
    """
    read = list(dict.fromkeys(org for org in organisations if is_valid_id(org)))[:_ORGANISATIONS_AT_ONCE]
    calls = _user_calls(settings, user_id)
    for org_id in read:
        calls += organisation_calls(settings, org_id)
    results = _complete(database, calls, database.parallel(calls, deadline=deadline))
    now = now or datetime.now(UTC)
    own, rest = _split_user(settings, results)
    held = _Held(user_id, own, now)
    definitions = _Definitions(settings, read, rest)
    unread = [org_id for org_id in held.organisations() if org_id not in definitions.organisations]
    for start in range(0, len(unread), _ORGANISATIONS_AT_ONCE):
        chunk = unread[start : start + _ORGANISATIONS_AT_ONCE]
        calls = [call for org_id in chunk for call in organisation_calls(settings, org_id)]
        definitions.add(settings, chunk, _complete(database, calls, database.parallel(calls, deadline=deadline)))
    return held.access(definitions)


def read_access_in(
    database: Database,
    settings: Settings,
    user_id: str,
    org_id: str | None,
    *,
    now: datetime | None = None,
    alongside: Sequence[Call] = (),
) -> tuple[Access, list]:
    """What a user holds in one organisation (None: PLATFORM roles only), and the results of the reads alongside.

    All in one round trip. A service that may not read the teams table sees no memberships: it has no route that
    a membership alone opens. Raises DatabaseError.
    """
    calls = calls_in(settings, user_id, org_id)
    results = database.parallel([*calls, *alongside])
    own = len(calls)
    return access_in(database, settings, user_id, org_id, calls, results[:own], now=now), results[own:]


def calls_in(settings: Settings, user_id: str, org_id: str | None) -> list[Query]:
    """The reads that `access_in` needs, for those who send them along with others of their own."""
    calls = _user_calls(settings, user_id)
    if org_id is not None:
        calls += organisation_calls(settings, org_id)
    return calls


def access_in(
    database: Database,
    settings: Settings,
    user_id: str,
    org_id: str | None,
    calls: Sequence[Query],
    pages: Sequence[Page],
    *,
    now: datetime | None = None,
) -> Access:
    """What a user holds in one organisation, from the answers to `calls_in`. Raises DatabaseError."""
    own, rest = _split_user(settings, _complete(database, calls, pages))
    held = _Held(user_id, own, now or datetime.now(UTC))
    return held.access(_Definitions(settings, [] if org_id is None else [org_id], rest))


def read_others_in(
    database: Database, settings: Settings, user_ids: Iterable[str], org_id: str, *, now: datetime
) -> dict[str, Access]:
    """What several users hold in one organisation, by user. Raises DatabaseError."""
    users = list(dict.fromkeys(user_ids))
    if not users:
        return {}
    calls = [call for user_id in users for call in _user_calls(settings, user_id)]
    width = len(calls) // len(users)
    shared = organisation_calls(settings, org_id)
    results = _complete(database, [*calls, *shared], database.parallel([*calls, *shared]))
    definitions = _Definitions(settings, [org_id], results[len(calls) :])
    found: dict[str, Access] = {}
    for n, user_id in enumerate(users):
        own, _ = _split_user(settings, results[n * width : (n + 1) * width])
        found[user_id] = _Held(user_id, own, now).access(definitions)
    return found


def organisation_calls(settings: Settings, org_id: str) -> list[Query]:
    """The reads of an organisation's roles, permission sets and, where the service may, team roles."""
    calls = [
        Query(
            settings.permissions_table,
            partition("OrganisationRole", orgId=org_id),
            "ROLE#",
            projection="roleId,#n,#s,#p,#t,#a",
            names=_ROLE_NAMES,
        ),
        Query(
            settings.permissions_table,
            partition("PermissionSet", orgId=org_id),
            "SET#",
            projection="setId,#p,#a",
            names=_SET_NAMES,
        ),
    ]
    if settings.has_table("teams"):
        calls.append(
            Query(
                settings.teams_table,
                partition("TeamRoleDefinition", orgId=org_id),
                "TEAM_ROLE#",
                projection="teamRoleId,#c,#a",
                names=_TEAM_ROLE_NAMES,
            )
        )
    return calls


def _user_calls(settings: Settings, user_id: str) -> list[Query]:
    if not is_valid_id(user_id):
        raise ValueError(f"{user_id!r} is no user id")
    # What reaches every organisation lies where no service writes (docs/decisions/0011-platform-assignments.md).
    calls = [
        departures_read(settings.permissions_table, user_id),
        _what_counts(settings.permissions_table, partition("UserRoleAssignment", userId=user_id), "ORG#", _ASSIGNED),
        _what_counts(
            settings.permissions_table, partition("PlatformRoleAssignment", userId=user_id), "ROLE#", _ASSIGNED
        ),
    ]
    if settings.has_table("teams"):
        calls.append(_what_counts(settings.teams_table, partition("TeamMember", userId=user_id), "ORG#", _JOINED))
    return calls


def _what_counts(table: str, place: str, prefix: str, columns: Iterable[str]) -> Query:
    """Of a person's records only what decides: every decision about them reads those of all organisations."""
    names = {f"#{name}": name for name in columns}
    return Query(table, place, prefix, projection=",".join(names), names=names)


def _complete(database: Database, calls: list[Query], pages: list[Page]) -> list[list[dict]]:
    return [
        page.items if page.last_key is None else database.rest_of(call, page)
        for call, page in zip(calls, pages, strict=True)
    ]


def _split_user(settings: Settings, results: list[list[dict]]) -> tuple[list[list[dict]], list[list[dict]]]:
    """Departures, assignments, platform assignments and memberships of the user; and what was read of organisations."""
    if settings.has_table("teams"):
        return results[:4], results[4:]
    return [*results[:3], []], results[3:]


class _Definitions:
    """Roles, sets and team roles of the organisations read so far; and those of the platform."""

    def __init__(self, settings: Settings, organisations: list[str], results: list[list[dict]]) -> None:
        self.organisations: set[str] = set()
        self.roles: dict[tuple[str, str], dict] = {}
        self.sets: dict[tuple[str, str], frozenset[str]] = {}
        self.team_roles: dict[tuple[str, str], frozenset[str]] = {}
        self._permissions: dict[tuple[str, str], tuple[frozenset[str], _Sources]] = {}
        self.add(settings, organisations, results)

    def add(self, settings: Settings, organisations: list[str], results: list[list[dict]]) -> None:
        width = 3 if settings.has_table("teams") else 2
        for n, org_id in enumerate(organisations):
            self.organisations.add(org_id)
            parts = results[n * width : (n + 1) * width]
            for role in parts[0]:
                self.roles[org_id, role["roleId"]] = role
            for held in parts[1]:
                if held.get("active") is True:
                    self.sets[org_id, held["setId"]] = frozenset(held.get("permissions", ()))
            if width == 3:
                for team_role in parts[2]:
                    if team_role.get("active") is True:
                        key = org_id, team_role["teamRoleId"]
                        self.team_roles[key] = frozenset(team_role.get("capabilities", ()))

    def permissions_of(self, role: dict, org_id: str) -> tuple[frozenset[str], Mapping[str, tuple[str | None, ...]]]:
        """A role's permissions, and each with its sources: None for the role itself, or the ids of sets."""
        place = org_id, role["roleId"]
        found = self._permissions.get(place)
        if found is None:
            own = role.get("permissions", ())
            sets = {set_id: self._permissions_of_set(org_id, set_id) for set_id in role.get("permissionSets") or ()}
            found = self._permissions[place] = frozenset(own).union(*sets.values()), _Sources(own, sets)
        return found

    def _permissions_of_set(self, org_id: str, set_id: str) -> Iterable[str]:
        held = self.sets.get((org_id, set_id))
        return platform_sets().get(set_id, {"permissions": ()})["permissions"] if held is None else held


class _Sources(Mapping):
    """Where each permission of a role comes from. Decisions do not ask, so it is found out when somebody does."""

    def __init__(self, own: Iterable[str], sets: Mapping[str, Iterable[str]]) -> None:
        self._own = own
        self._sets = sets

    @cached_property
    def _found(self) -> dict[str, tuple[str | None, ...]]:
        sources: dict[str, tuple[str | None, ...]] = dict.fromkeys(self._own, (None,))
        for set_id, held in self._sets.items():
            for permission in held:
                sources[permission] = (*sources.get(permission, ()), set_id)
        return sources

    def __getitem__(self, permission: str) -> tuple[str | None, ...]:
        return self._found[permission]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


class _Held:
    """The records of one user that are in force: those that the user has not left since."""

    def __init__(self, user_id: str, records: list[list[dict]], now: datetime) -> None:
        left, *given = records
        self.user_id = user_id
        self.departures = Departures(user_id, left[0] if left else None)
        self.known = any(given)
        counts = self.departures.in_force
        assignments, platform, members = ([record for record in kind if counts(record, now)] for kind in given)
        self.platform = platform
        self.assignments = [assignment for assignment in assignments if is_valid_id(assignment.get("organisationId"))]
        self.members = [member for member in members if is_valid_id(member.get("organisationId"))]

    def organisations(self) -> list[str]:
        return list(dict.fromkeys(record["organisationId"] for record in (*self.assignments, *self.members)))

    def access(self, definitions: _Definitions) -> Access:
        memberships, elsewhere = [], False
        grants = [_platform_grant(assignment) for assignment in self.platform]
        for assignment in self.assignments:
            org_id = assignment["organisationId"]
            if org_id in definitions.organisations:
                grants.append(_grant(assignment, org_id, definitions))
            else:
                elsewhere = True
        for member in self.members:
            org_id = member["organisationId"]
            if org_id not in definitions.organisations:
                elsewhere = True
                continue
            if not is_valid_id(member.get("teamId")):
                continue
            role_id = member.get("teamRoleId", "")
            capabilities = definitions.team_roles.get((org_id, role_id), frozenset())
            memberships.append(Membership(org_id, member["teamId"], capabilities, role_id))
        held = tuple(grant for grant in grants if grant is not None)
        return Access(
            self.user_id,
            held,
            tuple(memberships),
            known=self.known,
            active_elsewhere=elsewhere,
            departures=self.departures,
        )


def _grant(assignment: dict, org_id: str, definitions: _Definitions) -> Grant | None:
    """A grant never reaches further than the assignment nor than the role."""
    role = definitions.roles.get((org_id, assignment["roleId"]))
    if role is None or role.get("active") is not True:
        return None
    scope, team_id = assignment.get("scope"), assignment.get("teamId")
    if scope == TEAM:
        if not is_valid_id(team_id) or role.get("scope") not in (ORGANISATION, TEAM):
            return None
    elif scope != ORGANISATION or role.get("scope") != ORGANISATION:
        return None
    permissions, sources = definitions.permissions_of(role, org_id)
    return Grant(
        permissions,
        scope,
        org_id,
        team_id if scope == TEAM else None,
        role["roleId"],
        role.get("name", ""),
        assignment,
        sources,
    )


def _platform_grant(assignment: dict) -> Grant | None:
    role = platform_roles().get(assignment["roleId"])
    if role is None or assignment.get("scope") != PLATFORM:
        return None
    sources = dict.fromkeys(role["permissions"], (None,))
    return Grant(frozenset(sources), PLATFORM, None, None, role["roleId"], role["name"], assignment, sources)
