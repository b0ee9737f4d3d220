"""Reads what a user holds from the tables: one wait where it is known beforehand which roles that are.

What is read grows with what the person holds, not with what the organisation has defined: of an organisation's roles,
permission sets and team roles, those by id that the person's records name. Which these are is remembered from the
last time, or the organisation's first ones are read, its default roles among them. Where that was not enough, all is
read again, now with the right ids: whatever decides has been read in one wait (docs/decisions/0036).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from operator import itemgetter

from bbws_access.access.departures import Departures, departures_read
from bbws_access.access.grants import NO_TEAM, ORGANISATION, PLATFORM, TEAM, Access, Grant, Membership
from bbws_access.access.permissions import gives_any
from bbws_access.access.remembered import Definition, Remembered
from bbws_access.kernel.contract import platform_roles, platform_sets
from bbws_access.kernel.dynamodb import MOST_IN_BATCH, Call, Database, DatabaseUnavailable, Get, Page, Query
from bbws_access.kernel.ids import is_valid_id
from bbws_access.kernel.keys import key, partition, sort_prefix
from bbws_access.kernel.settings import Settings

_ORGANISATIONS_AT_ONCE = 11  # the default one and ten hinted
_FIRST = 6  # of an organisation's definitions of a kind: those that it started with are the oldest
_PATIENCE = 2  # times a database's own deadline, for all waits together: a function must live to say that it failed
_MOST_BY_KEY = 20  # of one person's assignments: each costs a unit, where a query costs one for several
_MOST_WAITS = 10  # for definitions that name others while somebody keeps changing them
MOST_DEFINITIONS = 500  # that a decision about everything reads: each takes about 0.1 ms of CPU, until it is compiled
_MOST_OF_A_KIND = 500  # definitions that an organisation has at most (docs/decisions/0006)

_ROLE, _SET, _TEAM_ROLE = "OrganisationRole", "PermissionSet", "TeamRoleDefinition"
_PLATFORM_ROLE = "PlatformRoleAssignment"
_EVERYWHERE = "*"  # among ids of organisations, of which none is so
_ID_NAMES = {_ROLE: "roleId", _SET: "setId", _TEAM_ROLE: "teamRoleId"}
_PREFIXES = {_ROLE: "ROLE#", _SET: "SET#", _TEAM_ROLE: "TEAM_ROLE#"}
_NAMES = {"#a": "active", "#v": "version"}
_SAYS = {
    _ROLE: _NAMES | {"#i": "roleId", "#n": "name", "#s": "scope", "#p": "permissions", "#t": "permissionSets"},
    _SET: _NAMES | {"#i": "setId", "#p": "permissions"},
    _TEAM_ROLE: _NAMES | {"#i": "teamRoleId", "#c": "capabilities"},
}
_PROJECTIONS = {entity: ",".join(names) for entity, names in _SAYS.items()}
_GIVEN = ("organisationId", "teamId", "active", "expiresAt", "departures")
_DECIDING = (*_GIVEN, "roleId", "scope")
_ASSIGNED = (*_DECIDING, "assignedAt", "assignedBy", "dateCreated", "createdBy")  # as answers tell of it
_SAID = "roleIds"  # what the record of platform roles says, which lies among the assignments
_MOST_SAID = 10
_JOINED = (*_GIVEN, "teamRoleId")
_COLUMNS = {
    columns: {f"#{name}": name for name in columns}
    for columns in (_DECIDING, (*_DECIDING, _SAID), _ASSIGNED, (*_ASSIGNED, _SAID), _JOINED)
}
_COLUMNS_SHOWN = {columns: ",".join(names) for columns, names in _COLUMNS.items()}

_PLACE = itemgetter(0, 1)  # of a definition: its kind and organisation

REMEMBERED = Remembered()
"""What people needed of whom this function was asked before."""


def read_access(
    database: Database,
    settings: Settings,
    user_id: str,
    organisations: Iterable[str] = (),
    *,
    now: datetime | None = None,
    deadline: float | None = None,
    most_definitions: int | None = None,
) -> Access:
    """What a user holds everywhere.

    organisations: a hint which are likely to matter; wrong or missing ones cost time, never correctness.
    deadline: seconds for all of it
    most_definitions: for who opens organisations at a gateway behind which each request is judged again: where what the
    user holds names more roles, sets and team roles than this, only as many organisations are looked into as have no
    more together, the first of the hint in any case, then those with fewest, for which half of it is kept. The others
    are the answer's `unread`
    Raises DatabaseError: what is not known in time is no answer.
    """
    database, began = _Hurried(database, deadline), time.monotonic()
    organisations = list(organisations)
    known = REMEMBERED.of(user_id)
    entities = _entities(settings)
    hinted = list(dict.fromkeys(org for org in organisations if is_valid_id(org)))[:_ORGANISATIONS_AT_ONCE]
    person = _Person(settings, user_id, known.get(_EVERYWHERE), columns=_DECIDING)
    first = _First(settings, [org_id for org_id in hinted if org_id not in known])
    needed = _ById(settings, (one for definitions in known.values() for one in definitions if one[0] in entities))
    results = database.parallel([*person.calls, *first.calls, *needed.calls])
    bound = None if most_definitions is None else _Bound(most_definitions, next(iter(organisations), None))
    reading = _Reading(database, settings, user_id, None, now or datetime.now(UTC), hinted, bound)
    return reading.finish(person, first, needed, results, began)


def read_access_in(
    database: Database,
    settings: Settings,
    user_id: str,
    org_id: str | None,
    *,
    now: datetime | None = None,
    alongside: Sequence[Call] = (),
    memberships: bool = True,
) -> tuple[Access, list]:
    """What a user holds in one organisation (None: PLATFORM roles only), and the results of the reads alongside.

    All in one wait, or those reads in the first. A service that may not read the teams table sees no memberships: it
    has no route that a membership alone opens. memberships: whether they are read; the answer knows where they are not.
    Raises DatabaseError.
    """
    database, began = _Hurried(database), time.monotonic()
    remembered = REMEMBERED.of(user_id)
    known = None if org_id is None else remembered.get(org_id)
    entities = _entities(settings, memberships)
    needed = _ById(settings, (one for one in known or () if one[0] in entities))
    person = _Person(settings, user_id, remembered.get(_EVERYWHERE), memberships=memberships)
    first = _First(settings, [] if org_id is None or known is not None else [org_id])
    calls = [*person.calls, *first.calls, *needed.calls]
    results = database.parallel([*calls, *alongside])
    reading = _Reading(database, settings, user_id, [org_id], now or datetime.now(UTC), memberships=memberships)
    access = reading.finish(person, first, needed, results[: len(calls)], began)
    return access, results[len(calls) :]


def seen_in(user_id: str, org_id: str) -> bool:
    """Whether a user was seen to hold anything in an organisation. They may not any more."""
    return bool(REMEMBERED.of(user_id).get(org_id))


def role_seen_in(user_id: str, org_id: str) -> bool:
    """Whether a user was seen to hold a role of an organisation. They may not any more."""
    return any(entity == _ROLE for entity, *_ in REMEMBERED.of(user_id).get(org_id, ()))


class AccessIn:
    """What a user holds in one organisation, for those who send its reads along with others of their own.

    calls: the reads to begin with
    """

    def __init__(self, settings: Settings, user_id: str, org_id: str) -> None:
        self._settings, self._user_id, self._org_id = settings, user_id, org_id
        # Nobody sends the calls before they are there. Who sends them may take several waits before coming here.
        self._began = time.monotonic()
        remembered, entities = REMEMBERED.of(user_id), _entities(settings)
        known = remembered.get(org_id)
        self._needed = _ById(settings, (one for one in known or () if one[0] in entities))
        self._person = _Person(settings, user_id, remembered.get(_EVERYWHERE))
        self._first = _First(settings, [] if known is not None else [org_id])
        self.calls: list[Call] = [*self._person.calls, *self._first.calls, *self._needed.calls]

    def access(self, database: Database, results: Sequence, *, now: datetime) -> Access:
        """It, from the answers to `calls`, and from more where these do not tell. Raises DatabaseError."""
        reading = _Reading(_Hurried(database), self._settings, self._user_id, [self._org_id], now)
        return reading.finish(self._person, self._first, self._needed, results, self._began)


def definition_calls(settings: Settings, org_id: str) -> list[Query]:
    """The reads of an organisation's roles and permission sets, which `read_others_in` needs all of."""
    return [_definitions_read(settings, entity, org_id) for entity in (_ROLE, _SET)]


def read_others_in(
    database: Database,
    settings: Settings,
    org_id: str,
    definitions: Sequence[Iterable[dict]],
    places: Iterable[tuple[str, str | None]],
    wanted: frozenset[str],
    *,
    whole: Collection[str] = (),
    now: datetime,
) -> dict[str, Access]:
    """What gives several users any of some permissions in an organisation, by user: to be shown, not to decide.

    definitions: all that `definition_calls` find
    places: each user, with a team or None; what reaches no place that is named with the user is not looked for
    wanted: permissions, no wildcards      whole: of whom platform roles are asked, too
    An assignment's key says whose it is, of which role and where. So what may matter is read by its keys, a hundred in
    a request; only of somebody for whom these would be too many, all that they have. Raises DatabaseError.
    """
    defined = _Definitions([org_id])
    for entity, records in zip((_ROLE, _SET), definitions, strict=True):
        defined.add(entity, org_id, records, whole=True)
    roles = [
        role
        for role in definitions[0]
        if defined.role(org_id, role["roleId"]) and gives_any(defined.permissions_of(role, org_id)[0], wanted)
    ]
    platform = [one["roleId"] for one in platform_roles().values() if gives_any(one["permissions"], wanted)]
    table = settings.permissions_table
    calls: list[list[Call]] = []
    users: dict[str, dict[str | None, None]] = {}
    for user_id, team_id in places:
        users.setdefault(user_id, {None: None})[team_id] = None
    for user_id, teams in users.items():
        given: list[Call] = [
            Get(
                table,
                key("UserRoleAssignment", userId=user_id, orgId=org_id, roleId=role["roleId"], teamId=team or NO_TEAM),
            )
            for team in teams
            for role in roles
            if team or role.get("scope") == ORGANISATION
        ]
        if len(given) > _MOST_BY_KEY:
            prefix = sort_prefix("UserRoleAssignment", orgId=org_id)
            given = [_what_counts(table, partition("UserRoleAssignment", userId=user_id), prefix, _ASSIGNED)]
        everywhere = [
            Get(table, key(_PLATFORM_ROLE, userId=user_id, roleId=role_id))
            for role_id in (platform if user_id in whole else ())
        ]
        calls += [[departures_read(table, user_id)], given, everywhere]
    flat = [call for some in calls for call in some]
    found = iter(_complete(database, flat, database.parallel(flat)))
    answers = [[next(found) for _ in some] for some in calls]
    result = {}
    for n, user_id in enumerate(users):
        [left], given, everywhere = answers[3 * n : 3 * n + 3]
        held = [record for one in given for record in (one if isinstance(one, list) else [one]) if record is not None]
        records = [left, held, [record for record in everywhere if record is not None]]
        result[user_id] = _Held(user_id, records, now).access(defined)
    return result


def organisation_calls(settings: Settings, org_id: str) -> list[Query]:
    """The reads of an organisation's roles, permission sets and, where the service may, team roles."""
    return [_definitions_read(settings, entity, org_id) for entity in _entities(settings)]


def _entities(settings: Settings, memberships: bool = True) -> tuple[str, ...]:
    return (_ROLE, _SET, _TEAM_ROLE) if memberships and settings.has_table("teams") else (_ROLE, _SET)


def _table_of(settings: Settings, entity: str) -> str:
    return settings.teams_table if entity == _TEAM_ROLE else settings.permissions_table


def _definitions_read(settings: Settings, entity: str, org_id: str, limit: int | None = None) -> Query:
    """The read of an organisation's definitions of a kind, the oldest first."""
    names = _SAYS[entity]
    return Query(
        _table_of(settings, entity),
        partition(entity, orgId=org_id),
        _PREFIXES[entity],
        limit=limit,
        projection=_PROJECTIONS[entity],
        names=names,
    )


class _ById:
    """The reads of some definitions."""

    def __init__(self, settings: Settings, definitions: Iterable[Definition]) -> None:
        places: dict[tuple[str, str], list[Definition]] = {}
        for one in definitions:
            places.setdefault(one[:2], []).append(one)
        # Of whoever needs that many, all: one by one they cost more units, and requests that nothing limits.
        self._whole = [place for place, some in places.items() if len(some) > MOST_IN_BATCH]
        self._single = [one for some in places.values() if len(some) <= MOST_IN_BATCH for one in some]
        self.calls: list[Call] = [_definitions_read(settings, *place) for place in self._whole]
        for entity, org_id, one in self._single:
            place = key(entity, orgId=org_id, **{_ID_NAMES[entity]: one})
            self.calls.append(Get(_table_of(settings, entity), place))

    def add_to(self, definitions: _Definitions, found: Sequence) -> None:
        """found: all items of each call that is a query, and the item of any other"""
        for (entity, org_id), records in zip(self._whole, found, strict=False):
            definitions.add(entity, org_id, records, whole=True)
        definitions.add_read(self._single, found[len(self._whole) :])


class _First:
    """The reads of some organisations' first definitions, of which nobody knows yet what will be needed."""

    def __init__(self, settings: Settings, organisations: Iterable[str]) -> None:
        entities = _entities(settings)
        self._places = [(entity, org_id) for org_id in organisations for entity in entities]
        self.calls = [_definitions_read(settings, *place, _FIRST) for place in self._places]

    def add_to(self, definitions: _Definitions, pages: Sequence[Page]) -> None:
        for (entity, org_id), page in zip(self._places, pages, strict=True):
            definitions.add(entity, org_id, page.items, whole=page.last_key is None)


class _Person:
    """The reads of what a person was given: roles, memberships and platform roles; and of their departures.

    platform: the platform roles that the person was seen to have been given; None where nobody looked
    kinds: which of these; departures are always read
    columns: what of a role that was given
    memberships: whether anybody asks for them

    What reaches every organisation lies where no service writes (docs/decisions/0011-platform-assignments.md). Of
    somebody whom nobody looked at, a query finds it. Later it is read by its keys, which takes no request of its own;
    and the record that says which keys there are comes with the assignments, among which it lies
    (docs/decisions/0044-platform-roles-by-their-keys.md).
    """

    ASSIGNED, PLATFORM, JOINED = range(1, 4)

    def __init__(
        self,
        settings: Settings,
        user_id: str,
        platform: Iterable[Definition] | None = None,
        kinds: Collection[int] = (ASSIGNED, PLATFORM, JOINED),
        columns: tuple[str, ...] = _ASSIGNED,
        memberships: bool = True,
    ) -> None:
        if not is_valid_id(user_id):
            raise ValueError(f"{user_id!r} is no user id")
        self._settings = settings
        self._user_id = user_id
        self._memberships = memberships and settings.has_table("teams")
        self._columns = columns
        self._keys = None if platform is None or self.PLATFORM not in kinds else [role_id for *_, role_id in platform]
        self._calls: dict[int, list[Call]] = {0: [departures_read(settings.permissions_table, user_id)]}
        if self.ASSIGNED in kinds:
            # Without a prefix: the record of platform roles lies there, too, and takes no unit of its own.
            self._calls[self.ASSIGNED] = [self._all("UserRoleAssignment", None, (*columns, _SAID))]
        if self.PLATFORM in kinds:
            self._calls[self.PLATFORM] = self._of_platform()
        if self.JOINED in kinds and self._memberships:
            self._calls[self.JOINED] = [self._all("TeamMember", "ORG#", _JOINED)]
        self.calls: list[Call] = [call for calls in self._calls.values() for call in calls]
        self.platform: tuple[Definition, ...] = ()
        self.missing = False

    def _all(self, entity: str, prefix: str | None, columns: tuple[str, ...]) -> Query:
        settings = self._settings
        table = settings.teams_table if entity == "TeamMember" else settings.permissions_table
        return _what_counts(table, partition(entity, userId=self._user_id), prefix, columns)

    def _of_platform(self) -> list[Call]:
        if self._keys is None:
            return [self._all(_PLATFORM_ROLE, "ROLE#", self._columns)]
        table, user_id = self._settings.permissions_table, self._user_id
        places = [key(_PLATFORM_ROLE, userId=user_id, roleId=role_id) for role_id in self._keys]
        return [Get(table, place) for place in places]

    def records(self, found: Sequence) -> list:
        """Departures (None: none), assignments, platform assignments and, where they may be read, memberships.

        found: all items of each call that is a query, and the item of any other
        From now on `platform` are the platform roles that the person was given, and `missing` says whether any of them
        was not read.
        """
        rest = iter(found)
        by_kind = {kind: [next(rest) for _ in calls] for kind, calls in self._calls.items()}
        found_assigned, joined = (by_kind.get(kind, [[]])[0] for kind in (self.ASSIGNED, self.JOINED))
        assigned = [record for record in found_assigned if _SAID not in record]
        platform = by_kind.get(self.PLATFORM, [[]])
        if self._keys is None:
            [records] = platform
            ids = {record["roleId"] for record in records}
        else:
            # As the query shows them: what is read anew is compared with what was read before.
            shown = self._columns
            records = [{name: one[name] for name in shown if name in one} for one in platform if one is not None]
            ids = {*self._keys, *_said(found_assigned)}
            self.missing = not ids <= set(self._keys)
        self.platform = tuple((_PLATFORM_ROLE, _EVERYWHERE, role_id) for role_id in sorted(ids))
        given = [assigned, records, joined] if self._memberships else [assigned, records]
        return [by_kind[0][0], *given]

    def again(self, records: Sequence) -> _Person:
        """The reads of the same once more; of what was there, since departures alone can begin at any moment."""
        kinds = {kind for kind, found in enumerate(records) if found}
        if self.missing:
            kinds.add(self.PLATFORM)
        return _Person(self._settings, self._user_id, None, kinds, self._columns, self._memberships)


def _said(records: Iterable[dict]) -> set[str]:
    """The platform roles that the record of them names; `records` are those among which it lies.

    Services may write there. So whatever it says, in whatever type, locks nobody out; and of very many only those are
    looked for that the platform has, since no other grants anything.
    """
    said = [record[_SAID] for record in records if _SAID in record]
    named = {role_id for one in said if isinstance(one, set) for role_id in one if is_valid_id(role_id)}
    return named if len(named) <= _MOST_SAID else named & platform_roles().keys()


def _what_counts(table: str, place: str, prefix: str | None, columns: tuple[str, ...]) -> Query:
    """Of a person's records only what decides: every decision about them reads those of all organisations."""
    return Query(table, place, prefix, projection=_COLUMNS_SHOWN[columns], names=_COLUMNS[columns])


def _complete(
    database: Database | _Hurried, calls: Sequence[Call], results: Sequence, answers: dict | None = None
) -> list:
    """The results, with all items in the place of a query's first page: the next pages of all of them come together."""
    found = [result.items if isinstance(result, Page) else result for result in results]
    unfinished = {n: page.last_key for n, page in enumerate(results) if isinstance(page, Page) and page.last_key}
    while unfinished:
        more = database.parallel([calls[n]._replace(start_key=last, answers=answers) for n, last in unfinished.items()])
        for n, page in zip(list(unfinished), more, strict=True):
            found[n] = found[n] + page.items
            unfinished[n] = page.last_key
        unfinished = {n: last for n, last in unfinished.items() if last is not None}
    return found


class _Hurried:
    """A database whose calls have one deadline together, so that several waits take no longer than one may."""

    def __init__(self, database: Database, seconds: float | None = None) -> None:
        self._database = database
        self._end = time.monotonic() + (_PATIENCE * database.deadline if seconds is None else seconds)

    @property
    def apart_at(self) -> float:
        return self._database.apart_at

    def parallel(self, calls: Iterable[Call]) -> list:
        left = self._end - time.monotonic()
        if left <= 0:
            raise DatabaseUnavailable("the reads took too long together", "Deadline")
        return self._database.parallel(calls, deadline=min(left, self._database.deadline))


class _Reading:
    """One user's access, in some organisations (None: all that the user is active in) or in none ([None])."""

    def __init__(
        self,
        database: _Hurried,
        settings: Settings,
        user_id: str,
        organisations: Sequence[str | None] | None,
        now: datetime,
        hinted: Sequence[str] = (),
        bound: _Bound | None = None,
        memberships: bool = True,
    ) -> None:
        self._database = database
        self._settings = settings
        self._user_id = user_id
        self._organisations = organisations
        self._now = now
        self._hinted = hinted
        self._bound = bound
        self._memberships = memberships
        # Pages are read until two waits found the same, and those that are the same are decoded once.
        self._answers: dict[bytes, tuple[bytes, Page]] = {}

    def finish(self, person: _Person, first: _First, needed: _ById, results: Sequence, began: float) -> Access:
        """What the user holds, from the first wait's results of all these reads in this order, and from more waits.

        Each of them reads again what decides, so nothing counts that was taken away before the role that it names was
        changed. What was answered apart, as where some of it was throttled, is read until two waits in turn found the
        same: then it was so between the two. What the person did not have at first is not asked for again: it counts
        from the next request on. began: no later than the first wait (of time.monotonic)
        """
        definitions = _Definitions(self._organisations)
        begin, end = len(person.calls), len(person.calls) + len(first.calls)
        first.add_to(definitions, results[begin:end])
        calls = [*person.calls, *needed.calls]
        found, apart = self._complete(calls, [*results[:begin], *results[end:]], began)
        records = person.records(found[:begin])
        needed.add_to(definitions, found[begin:])
        access = self._access(records, definitions)
        again, platform = None, person.platform
        before = None
        for _ in range(_MOST_WAITS):
            whole = not definitions.missing and (again is not None or not person.missing)
            seen = (records, definitions.say_of(definitions.asked)) if whole else None
            if seen is not None and (not apart or seen == before):
                break
            before, began = seen, time.monotonic()
            again = again or person.again(records)
            needed = _ById(self._settings, definitions.asked)
            calls = [*again.calls, *needed.calls]
            found, apart = self._complete(calls, self._database.parallel(calls), began)
            begin = len(again.calls)
            records = again.records(found[:begin])
            platform = tuple(sorted({*platform, *again.platform}))
            read = _Definitions(self._organisations)
            needed.add_to(read, found[begin:])
            if before is not None and (records, read.say_of(definitions.asked)) == before:
                break  # so what follows from it is the same
            definitions = read
            access = self._access(records, definitions)
        else:
            if apart:
                raise DatabaseUnavailable("what the user holds changed at every look", "Apart")
        self._remember(definitions, platform)
        return access

    def _access(self, records: Sequence, definitions: _Definitions) -> Access:
        """What the user holds by these records, as far as it is to be looked at."""
        held = _Held(self._user_id, records, self._now)
        bound = self._bound
        if bound is None:
            return held.access(definitions, memberships=self._memberships)
        if len(held.assignments) + len(held.members) > bound.most:
            bound.narrow(held.named)
        access = held.access(definitions, bound.unread)
        # Only the roles say which sets they carry.
        if bound.narrow(definitions.asked):
            definitions.ask_anew()
            access = held.access(definitions, bound.unread)
        return access

    def _complete(self, calls: Sequence[Call], results: Sequence, began: float) -> tuple[list, bool]:
        """The results with all items of each query, and whether they were answered apart."""
        paged = any(isinstance(result, Page) and result.last_key for result in results)
        found = _complete(self._database, calls, results, self._answers)
        return found, paged or self._database.apart_at >= began

    def _remember(self, definitions: _Definitions, platform: tuple[Definition, ...]) -> None:
        places = [*self._hinted, *(self._organisations or ())]
        found: dict[str, list[Definition]] = {org_id: [] for org_id in places if org_id is not None}
        for one in definitions.asked:
            found.setdefault(one[1], []).append(one)
        if not self._memberships:
            # Whoever asks for memberships next needs what these named when they were last read.
            for org_id, known in REMEMBERED.of(self._user_id).items():
                found.get(org_id, []).extend(one for one in known if one[0] == _TEAM_ROLE)
        needed = {org_id: tuple(definitions) for org_id, definitions in found.items()} | {_EVERYWHERE: platform}
        REMEMBERED.note(self._user_id, needed, everywhere=self._organisations is None)


class _Bound:
    """Which organisations are not looked into, so that no decision reads more than so many definitions.

    What is left out once stays so for this decision: a reading that finds less does not begin anew.
    """

    def __init__(self, most: int, preferred: str | None) -> None:
        self.most = most
        self._preferred = preferred
        self.unread: set[str] = set()

    def narrow(self, definitions: Collection[Definition]) -> bool:
        """Leave out as many organisations as it takes, given what is needed of each; whether these are more now."""
        if len(definitions) <= self.most:
            return False
        kinds = Counter(map(_PLACE, definitions))
        if self.unread:
            kinds = {place: count for place, count in kinds.items() if place[1] not in self.unread}
        if sum(kinds.values()) <= self.most:
            return False
        # Of whoever needs very many of a kind, all of that kind are read.
        costs: dict[str, int] = {}
        for (_, org_id), count in kinds.items():
            costs[org_id] = costs.get(org_id, 0) + (count if count <= MOST_IN_BATCH else _MOST_OF_A_KIND)
        # The preferred one is looked into whatever it takes. It must not open all others by taking everything.
        before, room = len(self.unread), max(self.most - costs.pop(self._preferred, 0), self.most // 2)
        for org_id, cost in sorted(costs.items(), key=lambda one: (one[1], one[0])):
            if cost > room:
                self.unread.add(org_id)
            room -= cost
        return len(self.unread) > before


class _Definitions:
    """Roles, sets and team roles of some organisations (None: of any), as far as they were read; and the platform's.

    asked: those that somebody's records, and the roles named there, name      missing: whether any of them is unread
    """

    def __init__(self, organisations: Iterable[str | None] | None = None) -> None:
        self._organisations = None if organisations is None else frozenset(organisations)
        self._found: dict[Definition, dict | None] = {}
        self._whole: set[tuple[str, str]] = set()
        self._capabilities: dict[Definition, frozenset[str]] = {}
        self._permissions: dict[tuple[str, str], tuple[frozenset[str], _Sources]] = {}
        self.asked: dict[Definition, None] = {}
        self.missing = False

    def add(self, entity: str, org_id: str, records: Iterable[dict], *, whole: bool) -> None:
        """Take definitions of a kind. whole: the organisation has no others"""
        name = _ID_NAMES[entity]
        self._found.update(((entity, org_id, record[name]), record) for record in records)
        if whole:
            self._whole.add((entity, org_id))

    def add_read(self, definitions: Sequence[Definition], records: Sequence[dict | None]) -> None:
        """Take what was found of some definitions."""
        self._found.update(zip(definitions, records, strict=True))

    def ask_anew(self) -> None:
        """Forget what was asked for."""
        self.asked = {}
        self.missing = False

    def say_of(self, asked: Iterable[Definition]) -> list[tuple]:
        """What decides of those that were asked for, and their versions."""
        found = ((place, self._found.get(place) or {}) for place in asked)
        return [(place, [record.get(name) for name in _SAYS[place[0]].values()]) for place, record in found]

    def counts(self, org_id: str) -> bool:
        """Whether it is asked what somebody holds in an organisation."""
        return self._organisations is None or org_id in self._organisations

    def role(self, org_id: str, role_id: object) -> dict | None:
        """An active role."""
        return self._active((_ROLE, org_id, role_id))

    def capabilities(self, org_id: str, team_role_id: object) -> frozenset[str]:
        """The capabilities of an active team role; none of another one."""
        place = _TEAM_ROLE, org_id, team_role_id
        found = self._capabilities.get(place)
        if found is None:
            record = self._active(place)
            found = frozenset(record.get("capabilities", ()) if record is not None else ())
            self._capabilities[place] = found
        return found

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
        place = _SET, org_id, set_id
        if set_id in platform_sets() and self._found.get(place) is None:
            return platform_sets()[set_id]["permissions"]
        held = self._active(place)
        return () if held is None else held.get("permissions", ())

    def _active(self, place: Definition) -> dict | None:
        """A definition that is active; None for any other, and for one that was not read."""
        found = self._found.get(place)
        if not is_valid_id(place[2]):
            return None
        self.asked[place] = None
        if found is None and place not in self._found and place[:2] not in self._whole:
            self.missing = True
        return found if found is not None and found.get("active") is True else None


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

    def __init__(self, user_id: str, records: Sequence, now: datetime) -> None:
        """records: departures (None: none), assignments, platform assignments and, where they were read, memberships"""
        left, *given = records
        self.user_id = user_id
        self.departures = Departures(user_id, left)
        self.known = any(given)
        assignments, platform, *members = (self.departures.those_in_force(records, now) for records in given)
        self.platform = platform
        self.assignments = _in_organisations(assignments)
        self.members = _in_organisations([one for kind in members for one in kind])

    @property
    def named(self) -> Collection[Definition]:
        """The roles and team roles that the records name."""
        return {(_ROLE, one["organisationId"], one["roleId"]) for one in self.assignments} | {
            (_TEAM_ROLE, one["organisationId"], one.get("teamRoleId", "")) for one in self.members
        }

    def access(self, definitions: _Definitions, without: Collection[str] = (), *, memberships: bool = True) -> Access:
        """What the records grant by these definitions. without: organisations in which that is not looked for

        memberships: whether the records have them
        """
        joined, elsewhere, unread = [], False, set()
        grants = [_platform_grant(assignment) for assignment in self.platform]
        for assignment in self.assignments:
            org_id = assignment["organisationId"]
            if org_id in without:
                unread.add(org_id)
            elif definitions.counts(org_id):
                grants.append(_grant(assignment, org_id, definitions))
            else:
                elsewhere = True
        for member in self.members:
            org_id = member["organisationId"]
            if org_id in without:
                unread.add(org_id)
                continue
            if not definitions.counts(org_id):
                elsewhere = True
                continue
            if not is_valid_id(member.get("teamId")):
                continue
            role_id = member.get("teamRoleId", "")
            capabilities = definitions.capabilities(org_id, role_id)
            joined.append(Membership(org_id, member["teamId"], capabilities, role_id))
        held = tuple(grant for grant in grants if grant is not None)
        return Access(
            self.user_id,
            held,
            tuple(joined) if memberships else None,
            known=self.known,
            active_elsewhere=elsewhere,
            departures=self.departures,
            unread=frozenset(unread),
        )


def _in_organisations(records: list[dict]) -> list[dict]:
    """Those whose organisation has an id that can be one."""
    named = [record.get("organisationId") for record in records]
    valid = {org_id for org_id in {one for one in named if isinstance(one, str)} if is_valid_id(org_id)}
    return [record for record, one in zip(records, named, strict=True) if isinstance(one, str) and one in valid]


def _grant(assignment: dict, org_id: str, definitions: _Definitions) -> Grant | None:
    """A grant never reaches further than the assignment nor than the role."""
    role = definitions.role(org_id, assignment["roleId"])
    if role is None:
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
