"""Reads what a user holds from the tables: one round trip in depth when the organisations are known beforehand.

Of organisations that were not known, only what the user has there is read, by its ids: one wait more for their roles
and team roles, and one for the sets of those roles, however many organisations there are
(docs/decisions/0036-two-ways-to-read-definitions.md).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from itertools import chain

from bbws_access.access.departures import Departures, departures_read
from bbws_access.access.grants import ORGANISATION, PLATFORM, TEAM, Access, Grant, Membership
from bbws_access.kernel.contract import platform_roles, platform_sets
from bbws_access.kernel.dynamodb import MOST_IN_BATCH, BatchGet, Call, Database, DatabaseUnavailable, Page, Query
from bbws_access.kernel.ids import is_valid_id
from bbws_access.kernel.keys import key, partition
from bbws_access.kernel.settings import Settings

_ORGANISATIONS_AT_ONCE = 11  # the default one and ten hinted
_PATIENCE = 2  # times a database's own deadline, for all waits together: a function must live to say that it failed

_GIVEN = ("organisationId", "teamId", "active", "expiresAt", "departures")
_ASSIGNED = (*_GIVEN, "roleId", "scope", "assignedAt", "assignedBy")
_JOINED = (*_GIVEN, "teamRoleId")
_ROLE = "roleId,#n,#s,#p,#t,#a"
_ROLE_NAMES = {"#n": "name", "#s": "scope", "#p": "permissions", "#t": "permissionSets", "#a": "active"}
_SET = "setId,#p,#a"
_SET_NAMES = {"#p": "permissions", "#a": "active"}
_TEAM_ROLE = "teamRoleId,#c,#a"
_TEAM_ROLE_NAMES = {"#c": "capabilities", "#a": "active"}
_DEFINITIONS = {
    "OrganisationRole": ("permissions", "roleId", _ROLE, _ROLE_NAMES),
    "PermissionSet": ("permissions", "setId", _SET, _SET_NAMES),
    "TeamRoleDefinition": ("teams", "teamRoleId", _TEAM_ROLE, _TEAM_ROLE_NAMES),
}


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
    deadline: seconds for all of it
    Raises DatabaseError: what is not known in time is no answer.
    """
    database = _Hurried(database, _PATIENCE * database.deadline if deadline is None else deadline)
    read = list(dict.fromkeys(org for org in organisations if is_valid_id(org)))[:_ORGANISATIONS_AT_ONCE]
    calls = _user_calls(settings, user_id)
    for org_id in read:
        calls += organisation_calls(settings, org_id)
    results = _complete(database, calls, database.parallel(calls))
    now = now or datetime.now(UTC)
    own, rest = _split_user(settings, results)
    held = _Held(user_id, own, now)
    definitions = _Definitions(settings, read, rest)
    _read_held(database, settings, held, definitions)
    return held.access(definitions)


class _Hurried:
    """A database whose calls have one deadline together, so that several waits take no longer than one may."""

    def __init__(self, database: Database, seconds: float) -> None:
        self._database = database
        self._end = time.monotonic() + seconds

    def parallel(self, calls: Iterable[Call]) -> list:
        left = self._end - time.monotonic()
        if left <= 0:
            raise DatabaseUnavailable("the reads took too long together", "Deadline")
        return self._database.parallel(calls, deadline=min(left, self._database.deadline))


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
            projection=_ROLE,
            names=_ROLE_NAMES,
        ),
        Query(
            settings.permissions_table,
            partition("PermissionSet", orgId=org_id),
            "SET#",
            projection=_SET,
            names=_SET_NAMES,
        ),
    ]
    if settings.has_table("teams"):
        calls.append(
            Query(
                settings.teams_table,
                partition("TeamRoleDefinition", orgId=org_id),
                "TEAM_ROLE#",
                projection=_TEAM_ROLE,
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


def _complete(database: Database | _Hurried, calls: Sequence[Query], pages: Sequence[Page]) -> list[list[dict]]:
    """All items of each query: those of the first pages and of all that follow, page by page of all at once."""
    results = [page.items for page in pages]
    unfinished = {n: page.last_key for n, page in enumerate(pages) if page.last_key is not None}
    while unfinished:
        more = database.parallel([calls[n]._replace(start_key=last) for n, last in unfinished.items()])
        for n, page in zip(list(unfinished), more, strict=True):
            results[n] = results[n] + page.items
            unfinished[n] = page.last_key
        unfinished = {n: last for n, last in unfinished.items() if last is not None}
    return results


_Place = tuple[str, str]
"""The id of an organisation, and of something in it."""


def _read_held(database: _Hurried, settings: Settings, held: _Held, definitions: _Definitions) -> None:
    """What the user has in organisations that were not read as a whole."""
    away = dict.fromkeys(org_id for org_id in held.organisations() if org_id not in definitions.organisations)
    if not away:
        return
    roles = _places(held.assignments, "roleId", away)
    team_roles = _places(held.members, "teamRoleId", away)
    calls = _batches(settings, "OrganisationRole", roles)
    width = len(calls)
    calls += _batches(settings, "TeamRoleDefinition", team_roles)
    found = database.parallel(calls)
    items = dict(zip(roles, chain.from_iterable(found[:width]), strict=True))
    sets = _sets_of(items)
    by_set: list[tuple[_Place, dict]] = []
    if sets:
        items, by_set = _read_sets(database, settings, items, sets)
    definitions.add_held(away, items, dict(zip(team_roles, chain.from_iterable(found[width:]), strict=True)), by_set)


def _read_sets(
    database: _Hurried, settings: Settings, roles: dict[_Place, dict | None], sets: dict[str, dict[str, None]]
) -> tuple[dict[_Place, dict | None], list[tuple[_Place, dict]]]:
    """The sets of these roles, and the roles with those that have sets read again beside them.

    Else a role as it was before this wait would count with a set as it is now: with more than it ever granted, where
    somebody took the set out of the role and then filled it. A set that came in meanwhile grants nothing yet.
    """
    # Whoever has that many is asked for all: one organisation costs no more requests than the limits on it say.
    whole = [org_id for org_id, ids in sets.items() if len(ids) > MOST_IN_BATCH]
    places = [(org_id, set_id) for org_id, ids in sets.items() if len(ids) <= MOST_IN_BATCH for set_id in ids]
    carrying = [place for place, role in roles.items() if role is not None and place[0] in sets and _own_sets(role)]
    queries = [organisation_calls(settings, org_id)[1] for org_id in whole]
    batches = [_batches(settings, "OrganisationRole", carrying), _batches(settings, "PermissionSet", places)]
    found = database.parallel([*queries, *batches[0], *batches[1]])
    ends = len(queries), len(queries) + len(batches[0])
    pages = _complete(database, queries, found[: ends[0]])
    again = dict(zip(carrying, chain.from_iterable(found[ends[0] : ends[1]]), strict=True))
    single = zip(places, chain.from_iterable(found[ends[1] :]), strict=True)
    by_set = [(place, one) for place, one in single if one is not None]
    by_set += [((org_id, one["setId"]), one) for org_id, items in zip(whole, pages, strict=True) for one in items]
    return roles | again, by_set


def _sets_of(roles: Mapping[_Place, dict | None]) -> dict[str, dict[str, None]]:
    """The organisations' own sets that active roles carry."""
    sets: dict[str, dict[str, None]] = {}
    for (org_id, _), role in roles.items():
        if role is not None and role.get("active") is True:
            for set_id in _own_sets(role):
                sets.setdefault(org_id, {})[set_id] = None
    return sets


def _own_sets(role: dict) -> list[str]:
    return [one for one in role.get("permissionSets") or () if one not in platform_sets() and is_valid_id(one)]


def _places(records: Iterable[dict], name: str, organisations: Mapping[str, None]) -> list[_Place]:
    """What the records of a user name in these organisations, each once."""
    found = ((record["organisationId"], record.get(name)) for record in records)
    return list(dict.fromkeys(place for place in found if place[0] in organisations and is_valid_id(place[1])))


def _batches(settings: Settings, entity: str, places: Sequence[_Place]) -> list[BatchGet]:
    """Reads of definitions, in their order."""
    table, name, columns, names = _DEFINITIONS[entity]
    if not places:
        return []
    keys = [key(entity, orgId=org_id, **{name: one}) for org_id, one in places]
    return [
        BatchGet(settings.table(table), tuple(keys[start : start + MOST_IN_BATCH]), columns, names)
        for start in range(0, len(keys), MOST_IN_BATCH)
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
                self._add_set((org_id, held["setId"]), held)
            for team_role in parts[2] if width == 3 else ():
                self._add_team_role((org_id, team_role["teamRoleId"]), team_role)

    def add_held(
        self,
        organisations: Iterable[str],
        roles: Mapping[_Place, dict | None],
        team_roles: Mapping[_Place, dict | None],
        sets: Iterable[tuple[_Place, dict]],
    ) -> None:
        """Of organisations only what a user has there, as it was found; None for what was not."""
        self.organisations.update(organisations)
        self.roles.update((place, role) for place, role in roles.items() if role is not None)
        for place, held in sets:
            self._add_set(place, held)
        for place, team_role in team_roles.items():
            if team_role is not None:
                self._add_team_role(place, team_role)

    def _add_set(self, place: _Place, held: dict) -> None:
        if held.get("active") is True:
            self.sets[place] = frozenset(held.get("permissions", ()))

    def _add_team_role(self, place: _Place, team_role: dict) -> None:
        if team_role.get("active") is True:
            self.team_roles[place] = frozenset(team_role.get("capabilities", ()))

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
