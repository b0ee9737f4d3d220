"""What a user holds, as the reader finds it out, against a model that looks at everything there is.

On tables in memory: each wait sees one state of all of them, and another change can come between any two waits, or in
the midst of one that is answered apart.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from itertools import combinations
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bbws_access.access.grants import Access
from bbws_access.access.permissions import expand, expand_all
from bbws_access.access.reader import (
    REMEMBERED,
    AccessIn,
    definition_calls,
    read_access,
    read_access_in,
    read_others_in,
)
from bbws_access.kernel.contract import platform_roles, platform_sets
from bbws_access.kernel.dynamodb import DatabaseUnavailable, Get, Page, Query
from bbws_access.kernel.keys import key
from bbws_access.kernel.settings import Settings

NOW = datetime(2026, 6, 1, tzinfo=UTC)
PAST, FUTURE = "2026-05-31T23:59:59.000Z", "2026-06-01T00:00:01.000Z"
SETTINGS = Settings(region="eu-west-1", tables={"permissions": "permissions", "teams": "teams"})
WITHOUT_TEAMS = Settings(region="eu-west-1", tables={"permissions": "permissions"})
USERS = ("11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222")
ORGS = ("org-a", "org-b")
# More than what is read of an organisation at first sight.
ROLES = tuple(f"role-{n:02}" for n in range(9))
SETS = ("set-0", "set-1", "set-viewer")  # the last is the platform's
TEAM_ROLES = tuple(f"trole-{n:02}" for n in range(8))
TEAMS = ("team-0", "team-1")
PERMISSIONS = ("org:read", "role:read", "role:*", "site:read", "*")
CAPABILITIES = ("CAN_VIEW_MEMBERS", "CAN_EDIT_SITES")
PLATFORM = "role-support-agent"

State = dict[tuple[str, str, str], dict]
"""Items by table, partition key and sort key."""
Change = Callable[[State], None]


class Apart(NamedTuple):
    """A wait whose answers come one after another, in an order of their own, with a change between any two."""

    order: list[float]
    changes: list[Change]


class Tables:
    """Tables of which each wait sees one state. `between` are the changes that come after each wait in turn.

    apart: of each wait in turn, whether it is answered apart; later ones are not
    """

    def __init__(self, state: State, between: Iterable[list[Change]] = (), apart: Iterable[Apart | None] = ()) -> None:
        self.state = state
        self.between = list(between)
        self.apart = list(apart)
        self.seen: list[State] = []
        self.calls: list[list] = []
        self.deadline = 4.0
        self.apart_at = -math.inf

    def parallel(self, calls: Iterable[Get | Query], *, deadline: float | None = None) -> list:
        self.calls.append(list(calls))
        self.seen.append(dict(self.state))
        apart = self.apart.pop(0) if self.apart else None
        results = [self._found(call) for call in self.calls[-1]] if apart is None else self._one_by_one(apart)
        if self.between:
            for change in self.between.pop(0):
                change(self.state)
        return results

    def _one_by_one(self, apart: Apart) -> list:
        calls, changes = self.calls[-1], list(apart.changes)
        order = sorted(range(len(calls)), key=lambda n: (apart.order[n % len(apart.order)], n))
        results: list = [None] * len(calls)
        for n in order:
            results[n] = self._found(calls[n])
            if changes:
                changes.pop(0)(self.state)
                self.seen.append(dict(self.state))
        self.apart_at = time.monotonic()
        return results

    def _found(self, call: Get | Query) -> Page | dict | None:
        assert call.consistent
        if isinstance(call, Get):
            return self.state.get((call.table, *call.key.values()))
        start = (call.start_key or {"SK": ""})["SK"]
        inside = sorted(
            (place[2], item)
            for place, item in self.state.items()
            if place[:2] == (call.table, call.partition)
            and place[2].startswith(call.sort_prefix or "")
            and place[2] > start
        )
        some = inside[: call.limit]
        last = {"PK": call.partition, "SK": some[-1][0]} if call.limit and len(some) == call.limit else None
        names = call.names.values()
        return Page([{name: item[name] for name in names if name in item} for _, item in some], last, len(some))


def place(table: str, entity: str, **parts: str) -> tuple[str, str, str]:
    return (table, *key(entity, **parts).values())


class Held(NamedTuple):
    """What a user holds, to be compared: each grant and membership as a whole."""

    grants: frozenset
    memberships: frozenset
    known: bool
    elsewhere: bool


def model(state: State, user: str, orgs: Iterable[str] | None, teams: bool = True) -> Held:
    """The rules, from all items: orgs are those asked about, None for all."""
    left = state.get(place("permissions", "Departures", userId=user), {"places": {}})["places"]

    def counts(record: dict) -> bool:
        times = sum(left.get(one, {"count": 0})["count"] for one in (record.get("organisationId"), "EVERYWHERE") if one)
        ends = record.get("expiresAt")
        return record["active"] and (ends is None or ends > "2026-06-01") and record.get("departures", 0) == times

    def of(table: str, beginning: str) -> list[dict]:
        beginning += f"#USER#{user}"
        return [item for at, item in state.items() if at[:2] == (table, beginning) and at[2] != "GIVEN"]

    def active(table: str, entity: str, **parts: str) -> dict | None:
        found = state.get(place(table, entity, **parts))
        return found if found is not None and found["active"] else None

    grants, memberships, elsewhere = set(), set(), False
    assigned, platform = of("permissions", "ASSIGNMENT"), of("permissions", "PLATFORM_ASSIGNMENT")
    joined = of("teams", "MEMBER") if teams else []
    for record in filter(counts, platform):
        if record["roleId"] in platform_roles():
            granted = frozenset(platform_roles()[record["roleId"]]["permissions"])
            grants.add((record["roleId"], "PLATFORM", None, None, granted))
    for record in filter(counts, assigned):
        org = record["organisationId"]
        if orgs is not None and org not in orgs:
            elsewhere = True
            continue
        role = active("permissions", "OrganisationRole", orgId=org, roleId=record["roleId"])
        reach = ("ORGANISATION", "TEAM") if record["scope"] == "TEAM" else ("ORGANISATION",)
        if role is None or role["scope"] not in reach:
            continue
        granted = set(role["permissions"])
        for one in role["permissionSets"]:
            own = active("permissions", "PermissionSet", orgId=org, setId=one)
            granted |= set((own or platform_sets().get(one) or {"permissions": ()})["permissions"])
        grants.add((role["roleId"], record["scope"], org, record.get("teamId"), frozenset(granted)))
    for member in filter(counts, joined):
        org = member["organisationId"]
        if orgs is not None and org not in orgs:
            elsewhere = True
            continue
        role = active("teams", "TeamRoleDefinition", orgId=org, teamRoleId=member["teamRoleId"])
        memberships.add((org, member["teamId"], frozenset(role["capabilities"] if role else ())))
    return Held(frozenset(grants), frozenset(memberships), bool(assigned or platform or joined), elsewhere)


def held(access) -> Held:
    return Held(
        frozenset((one.role_id, one.scope, one.org_id, one.team_id, one.permissions) for one in access.grants),
        frozenset((one.org_id, one.team_id, one.capabilities) for one in access.memberships),
        access.known,
        access.active_elsewhere,
    )


# What can happen


def _stored(at: tuple[str, str, str], item: dict | None) -> Change:
    def change(state: State) -> None:
        if item is None:
            state.pop(at, None)
        else:
            state[at] = item

    return change


_org, _team = st.sampled_from(ORGS), st.sampled_from(TEAMS)
_active = st.sampled_from([True, True, True, False])
_sometimes = st.integers(0, 4).map(lambda n: n == 0)


@st.composite
def role_changed(draw) -> Change:
    org, role = draw(_org), draw(st.sampled_from(ROLES))
    item = {
        "roleId": role,
        "name": role.upper(),
        "scope": draw(st.sampled_from(["ORGANISATION", "ORGANISATION", "TEAM"])),
        "permissions": draw(st.lists(st.sampled_from(PERMISSIONS), max_size=2, unique=True)),
        "permissionSets": draw(st.lists(st.sampled_from(SETS), max_size=2, unique=True)),
        "active": draw(_active),
    }
    return _stored(place("permissions", "OrganisationRole", orgId=org, roleId=role), None if draw(_sometimes) else item)


@st.composite
def set_changed(draw) -> Change:
    org, one = draw(_org), draw(st.sampled_from(SETS[:2]))
    item = {"setId": one, "permissions": draw(st.lists(st.sampled_from(PERMISSIONS), max_size=2)), "active": True}
    item["active"] = draw(_active)
    return _stored(place("permissions", "PermissionSet", orgId=org, setId=one), None if draw(_sometimes) else item)


@st.composite
def team_role_changed(draw) -> Change:
    org, one = draw(_org), draw(st.sampled_from(TEAM_ROLES))
    item = {"teamRoleId": one, "capabilities": draw(st.lists(st.sampled_from(CAPABILITIES), max_size=2))}
    item["active"] = draw(_active)
    return _stored(place("teams", "TeamRoleDefinition", orgId=org, teamRoleId=one), None if draw(_sometimes) else item)


@st.composite
def assigned(draw) -> Change:
    user, org, role = draw(st.sampled_from(USERS)), draw(_org), draw(st.sampled_from([*ROLES, "role-never"]))
    team = draw(st.sampled_from([None, None, *TEAMS]))
    item = {"userId": user, "organisationId": org, "roleId": role, "scope": "TEAM" if team else "ORGANISATION"}
    item |= {"active": draw(_active), "departures": draw(st.sampled_from([0, 0, 0, 1]))}
    if team:
        item["teamId"] = team
    ends = draw(st.sampled_from([None, None, PAST, FUTURE]))
    if ends:
        item["expiresAt"] = ends
    at = place("permissions", "UserRoleAssignment", userId=user, orgId=org, roleId=role, teamId=team or "-")
    return _stored(at, None if draw(_sometimes) else item)


@st.composite
def platform_assigned(draw) -> Change:
    user, role = draw(st.sampled_from(USERS)), draw(st.sampled_from([PLATFORM, "role-00"]))
    item = {"userId": user, "roleId": role, "scope": "PLATFORM", "active": draw(_active)}
    return _platform_stored(user, role, None if draw(st.booleans()) else item)


def _platform_stored(user: str, role: str, item: dict | None) -> Change:
    """An assignment as engineers write it: in one transaction with the record of what the user was ever given."""
    at = place("permissions", "PlatformRoleAssignment", userId=user, roleId=role)
    given = place("permissions", "PlatformRolesGiven", userId=user)

    def change(state: State) -> None:
        state[given] = {"roleIds": {role} | state.get(given, {"roleIds": set()})["roleIds"]}
        _stored(at, item)(state)

    return change


@st.composite
def joined(draw) -> Change:
    user, org, team = draw(st.sampled_from(USERS)), draw(_org), draw(_team)
    item = {"userId": user, "organisationId": org, "teamId": team, "teamRoleId": draw(st.sampled_from(TEAM_ROLES))}
    item |= {"active": draw(_active), "departures": draw(st.sampled_from([0, 0, 0, 1]))}
    return _stored(
        place("teams", "TeamMember", userId=user, orgId=org, teamId=team), None if draw(_sometimes) else item
    )


@st.composite
def left(draw) -> Change:
    user, where = draw(st.sampled_from(USERS)), draw(st.sampled_from([*ORGS, "EVERYWHERE"]))
    at = place("permissions", "Departures", userId=user)

    def change(state: State) -> None:
        before = state.get(at, {"places": {}})["places"]
        count = before.get(where, {"count": 0})["count"] + 1
        state[at] = {"userId": user, "places": {**before, where: {"count": count, "leftAt": PAST}}}

    return change


change = (
    st.one_of(
        role_changed(),
        role_changed(),
        set_changed(),
        team_role_changed(),
        assigned(),
        assigned(),
        joined(),
        joined(),
        left(),
    )
    | platform_assigned()
)
changes = st.lists(change, max_size=40)


class Question(NamedTuple):
    """A way to ask, and about whom and where."""

    way: str
    user: str
    org: str
    hint: tuple[str, ...]
    teams: bool

    def scope(self) -> list[str] | None:
        return None if self.way == "everywhere" else [self.org]

    def asked(self, tables: Tables) -> Held:
        where = SETTINGS if self.teams else WITHOUT_TEAMS
        if self.way == "everywhere":
            return held(read_access(tables, where, self.user, self.hint, now=NOW))
        if self.way == "in":
            return held(read_access_in(tables, where, self.user, self.org, now=NOW)[0])
        asked = AccessIn(where, self.user, self.org)
        return held(asked.access(tables, tables.parallel(asked.calls), now=NOW))


question = st.builds(
    Question,
    st.sampled_from(["everywhere", "in", "in", "with others' reads"]),
    st.sampled_from(USERS),
    _org,
    st.lists(st.sampled_from([*ORGS, "org-never"]), max_size=2).map(tuple),
    st.sampled_from([True, True, True, False]),
)


@settings(max_examples=150, deadline=None)
@given(changes, st.lists(st.tuples(st.lists(change, max_size=4), question), min_size=1, max_size=8))
def test_it_is_what_everything_together_says(before: list[Change], steps: list[tuple[list[Change], Question]]) -> None:
    """Whatever was changed since somebody was asked about last, and in whichever way one asks."""
    REMEMBERED.clear()
    tables = Tables({})
    for one in before:
        one(tables.state)
    for since, asked in steps:
        for one in since:
            one(tables.state)
        assert asked.asked(tables) == model(tables.state, asked.user, asked.scope(), asked.teams)


def _without(state: State, user: str, kinds: set[str]) -> State:
    """The state without those kinds of a user's records."""
    return {at: item for at, item in state.items() if at[1] not in {f"{kind}#USER#{user}" for kind in kinds}}


@settings(max_examples=150, deadline=None)
@given(changes, question, st.lists(change, max_size=4), st.lists(st.lists(change, max_size=4), min_size=1, max_size=6))
def test_what_decides_was_all_there_at_one_moment(
    before: list[Change], asked: Question, since: list[Change], between: list[list[Change]]
) -> None:
    """Changes come between the waits of one question: an assignment goes, then its role grants more.

    The answer is what one moment held. Only a kind of record of which the person had none at first is left out.
    """
    REMEMBERED.clear()
    tables = Tables({})
    for one in before:
        one(tables.state)
    asked.asked(tables)
    for one in since:
        one(tables.state)
    tables.seen.clear()
    tables.between = list(between)
    found = asked.asked(tables)
    first, last = tables.seen[0], tables.seen[-1]
    kinds = {"ASSIGNMENT", "PLATFORM_ASSIGNMENT", "MEMBER"}
    said = place("permissions", "PlatformRolesGiven", userId=asked.user)
    had = {kind for kind in kinds if any(at[1] == f"{kind}#USER#{asked.user}" for at in first if at != said)}
    if len(tables.seen) == 1:
        had = kinds
    # Of whom a record says that they had platform roles, these may be looked for although none was there.
    possible = [had, had | {"PLATFORM_ASSIGNMENT"}] if said in first else [had]
    assert found in [
        model(_without(last, asked.user, kinds - some), asked.user, asked.scope(), asked.teams) for some in possible
    ]


KINDS = ("role", "set", "team role", "assignment", "member", "left")


def _near(draw, kinds: Iterable[str] = KINDS, gone: bool | None = None) -> Change:
    """A change to the few things that one person's access in one organisation hangs by."""
    org, user = ORGS[0], USERS[0]
    kind = draw(st.sampled_from(list(kinds)))
    role, team_role = ROLES[8], TEAM_ROLES[7]
    some = draw(st.lists(st.sampled_from(PERMISSIONS), max_size=2, unique=True))
    item: dict
    if kind == "role":
        sets = draw(st.sampled_from([[], [SETS[0]]])) if gone is None else [SETS[0]]
        item = {"roleId": role, "name": role, "scope": "ORGANISATION", "permissions": some, "permissionSets": sets}
        at = place("permissions", "OrganisationRole", orgId=org, roleId=role)
    elif kind == "set":
        item = {"setId": SETS[0], "permissions": some}
        at = place("permissions", "PermissionSet", orgId=org, setId=SETS[0])
    elif kind == "team role":
        item = {"teamRoleId": team_role, "capabilities": draw(st.lists(st.sampled_from(CAPABILITIES), max_size=2))}
        at = place("teams", "TeamRoleDefinition", orgId=org, teamRoleId=team_role)
    elif kind == "assignment":
        item = {"userId": user, "organisationId": org, "roleId": role, "scope": "ORGANISATION"}
        at = place("permissions", "UserRoleAssignment", userId=user, orgId=org, roleId=role, teamId="-")
    elif kind == "member":
        item = {"userId": user, "organisationId": org, "teamId": TEAMS[0], "teamRoleId": team_role}
        at = place("teams", "TeamMember", userId=user, orgId=org, teamId=TEAMS[0])
    else:
        item = {"places": {org: {"count": draw(st.sampled_from([0, 1]))}}}
        at = place("permissions", "Departures", userId=user)
    if gone is None:
        gone = kind in ("assignment", "member") and draw(st.booleans())
    count = ("", "", "written")

    def change(state: State) -> None:
        written = state.get(count, {"n": 0})["n"] + 1
        state[count] = {"n": written}
        if gone:
            state.pop(at, None)
        else:
            state[at] = item | {"active": True, "version": written, "dateCreated": str(written)}

    return change


near = st.composite(_near)()
all_there = st.tuples(*(st.composite(_near)([kind], False) for kind in KINDS[:-1]))


@settings(max_examples=600, deadline=None)
@given(
    all_there,
    st.lists(near, max_size=2),
    st.lists(
        st.builds(Apart, st.lists(st.floats(0, 1), min_size=4, max_size=7), st.lists(near, min_size=2, max_size=6)),
        min_size=1,
        max_size=3,
    ),
    st.sampled_from(["everywhere", "in", "with others' reads"]),
)
def test_what_was_answered_apart_was_there_at_one_moment_too(
    before: Iterable[Change], since: list[Change], apart: list[Apart], way: str
) -> None:
    """Some of a wait is throttled, and answered after somebody took a role away and let it do more."""
    REMEMBERED.clear()
    asked = Question(way, USERS[0], ORGS[0], (ORGS[0],), True)
    tables = Tables({})
    for one in before:
        one(tables.state)
    asked.asked(tables)
    for one in since:
        one(tables.state)
    tables.seen, tables.apart, tables.apart_at = [], list(apart), -math.inf
    found = asked.asked(tables)
    # A kind of which the person had nothing at the first look is not asked for again, whenever it came.
    left_out = [set(some) for n in range(3) for some in combinations(("ASSIGNMENT", "MEMBER"), n)]
    assert found in [
        model(_without(state, asked.user, some), asked.user, asked.scope())
        for state in tables.seen
        for some in left_out
    ]


def test_a_throttled_role_does_not_grant_what_nobody_was_given() -> None:
    """The assignment is read, then taken away, then its role widened, and only then is the role read."""
    REMEMBERED.clear()
    state = _organisation(roles=9)
    _give(state, 8)
    tables = Tables(state)
    _read(tables)
    assigned = next(at for at in state if at[1] == f"ASSIGNMENT#USER#{USERS[0]}")
    role = place("permissions", "OrganisationRole", orgId=ORGS[0], roleId="role-008")

    def take_away(state: State) -> None:
        del state[assigned]
        state[role] = state[role] | {"permissions": ["*"], "version": 2}

    tables.apart = [Apart([0.0], [*[lambda _: None] * 2, take_away])]
    access = read_access_in(tables, SETTINGS, USERS[0], ORGS[0], now=NOW)[0]
    assert not access.grants
    assert len(tables.calls) >= 3


def test_nor_where_the_reads_alongside_took_many_waits_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of somebody else, whose records came with the caller's: long ago, when these are throttled too."""
    REMEMBERED.clear()
    state = _organisation(roles=9)
    _give(state, 8)
    tables = Tables(state)
    for before_long in (0.0, 60.0):
        REMEMBERED.clear()
        read_access_in(tables, SETTINGS, USERS[0], ORGS[0], now=NOW)
        asked = AccessIn(SETTINGS, USERS[0], ORGS[0])
        assigned = next(at for at in state if at[1] == f"ASSIGNMENT#USER#{USERS[0]}")
        role = place("permissions", "OrganisationRole", orgId=ORGS[0], roleId="role-008")
        before = dict(state)

        def take_away(state: State, assigned=assigned, role=role) -> None:
            del state[assigned]
            state[role] = state[role] | {"permissions": ["*"], "version": 2}

        tables.apart = [Apart([0.0], [*[lambda _: None] * 2, take_away])]
        results = tables.parallel(asked.calls)
        now = time.monotonic()
        with monkeypatch.context() as patch:
            patch.setattr(time, "monotonic", lambda now=now + before_long: now)
            assert not asked.access(tables, results, now=NOW).grants
        state.clear()
        state.update(before)


def test_what_never_comes_whole_is_an_error() -> None:
    REMEMBERED.clear()
    state = _organisation(roles=1)
    _give(state, 0)
    role = place("permissions", "OrganisationRole", orgId=ORGS[0], roleId="role-000")

    def widen(state: State) -> None:
        state[role] = state[role] | {"version": state[role].get("version", 1) + 1}

    tables = Tables(state, apart=[Apart([0.0], [widen])] * 20)
    with pytest.raises(DatabaseUnavailable):
        read_access_in(tables, SETTINGS, USERS[0], ORGS[0], now=NOW)
    # Answered apart, but the same twice: that is enough.
    tables = Tables(state, apart=[Apart([0.0], [])] * 20)
    assert read_access_in(tables, SETTINGS, USERS[0], ORGS[0], now=NOW)[0].grants
    assert len(tables.calls) == 2


def _in_force_in(state: State, user: str) -> set[str]:
    """Organisations in which a user has something that counts."""
    return {
        item["organisationId"]
        for at, item in state.items()
        if at[1] in (f"ASSIGNMENT#USER#{user}", f"MEMBER#USER#{user}")
        and model({at: item, **_departures(state, user)}, user, []).elsewhere
    }


def _departures(state: State, user: str) -> State:
    at = place("permissions", "Departures", userId=user)
    return {at: state[at]} if at in state else {}


def _needed(state: State, user: str) -> dict[str, set]:
    """By organisation, the definitions that what counts of a user's records names, and their roles' sets."""
    needed: dict[str, set] = {}
    for at, item in state.items():
        if at[1] not in (f"ASSIGNMENT#USER#{user}", f"MEMBER#USER#{user}"):
            continue
        if not model({at: item, **_departures(state, user)}, user, []).elsewhere:
            continue
        org = item["organisationId"]
        found = needed.setdefault(org, set())
        if "teamRoleId" in item:
            found.add(item["teamRoleId"])
            continue
        found.add(item["roleId"])
        role = state.get(place("permissions", "OrganisationRole", orgId=org, roleId=item["roleId"]))
        if role is not None and role["active"]:
            reach = ("ORGANISATION", "TEAM") if item["scope"] == "TEAM" else ("ORGANISATION",)
            found |= set(role["permissionSets"]) - platform_sets().keys() if role["scope"] in reach else set()
    return needed


@settings(max_examples=300, deadline=None)
@given(
    st.lists(change, max_size=60),
    st.lists(st.tuples(st.lists(change, max_size=4), st.integers(0, 6)), min_size=1, max_size=4),
    st.sampled_from([*ORGS, ""]),
    st.data(),
)
def test_no_more_definitions_are_read_than_so_many(
    before: list[Change], steps: list[tuple[list[Change], int]], preferred: str, data: st.DataObject
) -> None:
    """What is read is all that there is; what is not read counts; and without need nothing is left unread."""
    REMEMBERED.clear()
    tables, user = Tables({}), USERS[0]
    for one in before:
        one(tables.state)
    for some, most in steps:
        for one in some:
            one(tables.state)
        tables.calls.clear()
        if data.draw(st.booleans()):
            tables.apart = [Apart([0.5], [])] * 2
        access = read_access(tables, SETTINGS, user, [preferred, *ORGS], now=NOW, most_definitions=most)
        tables.apart = []
        everything, needed = model(tables.state, user, None), _needed(tables.state, user)
        read = [org for org in needed if org not in access.unread]
        assert held(access).grants == {one for one in everything.grants if one[2] not in access.unread}
        assert held(access).memberships == {one for one in everything.memberships if one[0] not in access.unread}
        assert access.known is everything.known
        assert access.unread <= _in_force_in(tables.state, user)
        assert preferred not in access.unread
        others = sum(len(needed[org]) for org in read if org != preferred)
        # Whatever the preferred one takes, it does not take the others' half.
        assert others <= max(most - len(needed.get(preferred, ())), most // 2)
        if access.unread:
            assert sum(map(len, needed.values())) > most


def test_organisations_with_fewest_definitions_are_read_first() -> None:
    REMEMBERED.clear()
    tables = Tables({})
    for org, roles in (("org-a", 1), ("org-b", 6), ("org-c", 3), ("org-d", 2)):
        for n in range(roles):
            role = {"roleId": f"role-{n:03}", "scope": "ORGANISATION", "permissions": ["org:read"], "active": True}
            tables.state[place("permissions", "OrganisationRole", orgId=org, roleId=role["roleId"])] = role
            given = {"userId": USERS[0], "organisationId": org, "roleId": role["roleId"], "scope": "ORGANISATION"}
            at = place(
                "permissions", "UserRoleAssignment", userId=USERS[0], orgId=org, roleId=role["roleId"], teamId="-"
            )
            tables.state[at] = {**given, "active": True}
    for preferred, most, unread in (
        ("", 12, set()),
        ("", 11, {"org-b"}),
        ("", 5, {"org-b", "org-c"}),
        ("org-b", 9, {"org-c"}),
        ("org-b", 6, {"org-c"}),
        ("org-b", 4, {"org-c", "org-d"}),
        ("org-b", 1, {"org-a", "org-c", "org-d"}),
    ):
        for _ in range(2):
            access = read_access(tables, SETTINGS, USERS[0], [preferred], now=NOW, most_definitions=most)
            assert access.unread == unread
            assert access.organisations() == {"org-a", "org-b", "org-c", "org-d"} - unread
            assert access.active


def test_of_what_is_beyond_the_bound_no_definition_is_asked_for() -> None:
    """Whoever has a hundred roles in each of two hundred organisations: the waits and reads of five hundred."""
    REMEMBERED.clear()
    tables = Tables({})
    for n in range(50):
        for k in range(100):
            role_id, org = f"role-{n * 1000 + k}", f"org-{n:03}"
            given = {"userId": USERS[0], "organisationId": org, "roleId": role_id, "scope": "ORGANISATION"}
            at = place("permissions", "UserRoleAssignment", userId=USERS[0], orgId=org, roleId=role_id, teamId="-")
            tables.state[at] = {**given, "active": True}
            role = {"roleId": role_id, "scope": "ORGANISATION", "permissions": ["org:read"], "active": True}
            tables.state[place("permissions", "OrganisationRole", orgId=org, roleId=role_id)] = role
    for waits in (2, 1):
        tables.calls.clear()
        access = read_access(tables, SETTINGS, USERS[0], ["org-007"], now=NOW, most_definitions=500)
        assert access.organisations() == {"org-007", "org-000", "org-001", "org-002", "org-003"}
        assert len(access.unread) == 45
        assert len(tables.calls) == waits
        assert max(sum(isinstance(call, Get) for call in calls) for calls in tables.calls) <= 502


class TestPlatformRoles:
    """They count as soon as they are given, however they were looked for before, and no longer than they are held."""

    def granted(self, tables: Tables) -> set[str]:
        """What each way of asking finds, which is one thing."""
        ways = ("everywhere", "in", "with others' reads")
        found = {
            frozenset(one[0] for one in Question(way, USERS[0], ORGS[0], (), True).asked(tables).grants) for way in ways
        }
        [one] = found
        return set(one)

    def test_one_that_is_given_to_somebody_who_was_seen_without(self) -> None:
        REMEMBERED.clear()
        tables = Tables(_organisation(1))
        assert self.granted(tables) == set()
        _platform(PLATFORM)(tables.state)
        assert self.granted(tables) == {PLATFORM}
        _platform("role-platform-admin")(tables.state)
        assert self.granted(tables) == {PLATFORM, "role-platform-admin"}

    def test_one_that_ended_and_came_back(self) -> None:
        REMEMBERED.clear()
        tables = Tables(_organisation(1))
        for active, version in ((True, 1), (False, 2), (True, 3)):
            _platform(PLATFORM, active=active, version=version)(tables.state)
            assert self.granted(tables) == ({PLATFORM} if active else set())

    def test_those_that_were_given_before_there_was_a_record_of_it(self) -> None:
        REMEMBERED.clear()
        tables = Tables(_organisation(1))
        _platform(PLATFORM)(tables.state)
        _platform("role-platform-admin")(tables.state)
        del tables.state[place("permissions", "PlatformRolesGiven", userId=USERS[0])]
        for _ in range(2):
            assert self.granted(tables) == {PLATFORM, "role-platform-admin"}
        # The record begins with a change to one of them.
        _platform("role-platform-admin", active=False)(tables.state)
        for _ in range(2):
            assert self.granted(tables) == {PLATFORM}
            REMEMBERED.clear()

    def test_one_that_is_written_between_the_waits_is_read_at_one_moment_with_the_rest(self) -> None:
        """What it was given at the first look goes as the second one begins, with departures for everything."""
        REMEMBERED.clear()
        tables = Tables(_organisation(1))
        self.granted(tables)
        _platform(PLATFORM)(tables.state)
        tables.between = [[_platform(PLATFORM, active=False)]]
        assert self.granted(tables) == set()

    @pytest.mark.parametrize(
        "said",
        [{"role#x", "", "A B"}, {1, 2}, {b"x"}, "role-platform-admin", b"x", 7, True, None, [{"S": "x"}], {"a": "x"}],
        ids=("no ids", "numbers", "bytes", "text", "binary", "number", "yes", "nothing", "list", "map"),
    )
    def test_a_record_that_names_what_can_be_no_role_locks_nobody_out(self, said: object) -> None:
        REMEMBERED.clear()
        tables = Tables(_organisation(1))
        _give(tables.state, 0)
        before = self.granted(tables)
        assert before
        tables.state[place("permissions", "PlatformRolesGiven", userId=USERS[0])] = {"roleIds": said}
        assert self.granted(tables) == before

    def test_a_record_that_names_what_is_not_there_is_looked_for_once(self) -> None:
        REMEMBERED.clear()
        tables = Tables(_organisation(1))
        _read(tables)
        tables.state[place("permissions", "PlatformRolesGiven", userId=USERS[0])] = {"roleIds": {PLATFORM}}
        assert [_read(tables)[0] for _ in range(3)] == [2, 1, 1]

    def test_a_record_that_names_very_many_costs_no_more_than_the_platform_has_roles(self) -> None:
        REMEMBERED.clear()
        tables = Tables(_organisation(1))
        _read(tables)
        before = _read(tables)
        named = {f"role-{n}" for n in range(3000)}
        given = place("permissions", "PlatformRolesGiven", userId=USERS[0])
        tables.state[given] = {"roleIds": named}
        assert [_read(tables) for _ in range(2)] == [before] * 2
        tables.state[given] = {"roleIds": named | platform_roles().keys()}
        assert _read(tables)[0] == 2
        waits, items, queries = _read(tables)
        assert (waits, items, queries) == (before[0], before[1] + len(platform_roles()), before[2])


def _platform(role: str, *, active: bool = True, version: int = 1) -> Change:
    item = {"userId": USERS[0], "roleId": role, "scope": "PLATFORM", "active": active, "version": version}
    return _platform_stored(USERS[0], role, item)


# Of others, what a change to a role can touch


class Others(NamedTuple):
    """Whose other roles are looked for, where, and which permissions these may grant."""

    org: str
    places: tuple[tuple[str, str | None], ...]
    wanted: frozenset[str]
    whole: frozenset[str]

    def asked(self, tables: Tables) -> dict[str, Access]:
        calls = definition_calls(SETTINGS, self.org)
        defined = [page.items for page in tables.parallel(calls)]
        return read_others_in(tables, SETTINGS, self.org, defined, self.places, self.wanted, whole=self.whole, now=NOW)


others = st.builds(
    Others,
    _org,
    st.lists(st.tuples(st.sampled_from(USERS), st.sampled_from([None, *TEAMS])), unique=True, max_size=4).map(tuple),
    st.lists(st.sampled_from([*sorted(expand("role:*")), "org:read", "site:read"]), max_size=3).map(frozenset),
    st.lists(st.sampled_from(USERS), max_size=2).map(frozenset),
)


@settings(max_examples=300, deadline=None)
@given(changes, others, st.sampled_from([0, 2, 20]))
def test_of_others_it_finds_what_matters_there_by_keys_and_by_queries(
    before: list[Change], asked: Others, most: int
) -> None:
    tables = Tables({})
    for one in before:
        one(tables.state)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bbws_access.access.reader._MOST_BY_KEY", most)
        found = asked.asked(tables)
    assert found.keys() == {user for user, _ in asked.places}
    for user, team in asked.places:
        grants = model(tables.state, user, [asked.org]).grants
        granted = [
            expand_all(permissions)
            for _, scope, _, there, permissions in grants
            if scope == "ORGANISATION"
            or (scope == "TEAM" and there == team)
            or (scope == "PLATFORM" and user in asked.whole)
        ]
        seen = expand_all(found[user].permissions_in(asked.org, team))
        assert seen & asked.wanted == frozenset().union(*granted) & asked.wanted
        left = tables.state.get(place("permissions", "Departures", userId=user), {"places": {}})["places"]
        times = sum(left.get(one, {"count": 0})["count"] for one in (asked.org, "EVERYWHERE"))
        assert found[user].departures.count(asked.org) == times
        assert user in asked.whole or not found[user].is_platform()


class TestHowMuchIsAskedOfOthers:
    def ask(self, state: State, users: int, wanted: set[str], team: str | None = None, **more) -> tuple[int, int]:
        """Items by their keys, and queries, beside those of the definitions; all in one wait."""
        tables = Tables(state)
        places = tuple((f"user-{n}", team) for n in range(users))
        Others("org-a", places, frozenset(wanted), frozenset(more.get("whole", ()))).asked(tables)
        assert len(tables.calls) == 2
        kinds = [type(call) for call in tables.calls[1]]
        return kinds.count(Get), kinds.count(Query)

    def test_nothing_but_departures_where_no_other_role_gives_it(self) -> None:
        assert self.ask(_organisation(500), 100, {"site:publish"}) == (100, 0)
        assert self.ask(_organisation(500), 100, set()) == (100, 0)

    def test_a_key_for_each_role_that_does(self) -> None:
        state = _organisation(500, sets=3)
        assert self.ask(state, 100, {"site:read"}) == (100 * (1 + 3), 0)
        assert self.ask(state, 100, {"site:read"}, "team-0") == (100 * (1 + 3 + 3), 0)

    def test_one_query_each_where_very_many_do(self) -> None:
        assert self.ask(_organisation(20), 100, {"org:read"}) == (100 * 21, 0)
        assert self.ask(_organisation(21), 100, {"org:read"}) == (100, 100)

    def test_platform_roles_only_where_they_are_shown_and_give_it(self) -> None:
        state = _organisation(1)
        assert self.ask(state, 2, {"site:publish"}, whole=("user-0",))[0] > self.ask(state, 2, {"site:publish"})[0]
        assert self.ask(state, 2, set(), whole=("user-0",)) == (2, 0)


# How much is asked


def _organisation(roles: int, sets: int = 0, team_roles: int = 4) -> State:
    """One where everything is defined; each role carries a set of its own as far as there are any."""
    state: State = {}
    for n in range(roles):
        item = {"roleId": f"role-{n:03}", "name": f"R{n}", "scope": "ORGANISATION", "permissions": ["org:read"]}
        item |= {"permissionSets": [f"set-{n:03}"] if n < sets else [], "active": True}
        state[place("permissions", "OrganisationRole", orgId="org-a", roleId=item["roleId"])] = item
    for n in range(sets):
        item = {"setId": f"set-{n:03}", "permissions": ["site:read"], "active": True}
        state[place("permissions", "PermissionSet", orgId="org-a", setId=item["setId"])] = item
    for n in range(team_roles):
        item = {"teamRoleId": f"trole-{n:03}", "capabilities": ["CAN_VIEW_MEMBERS"], "active": True}
        state[place("teams", "TeamRoleDefinition", orgId="org-a", teamRoleId=item["teamRoleId"])] = item
    return state


def _give(state: State, role: int | None, team_role: int | None = None, user: str = USERS[0]) -> None:
    if role is not None:
        item = {"userId": user, "organisationId": "org-a", "roleId": f"role-{role:03}", "scope": "ORGANISATION"}
        at = place("permissions", "UserRoleAssignment", userId=user, orgId="org-a", roleId=item["roleId"], teamId="-")
        state[at] = {**item, "active": True}
    if team_role is not None:
        item = {"userId": user, "organisationId": "org-a", "teamId": "team-0", "teamRoleId": f"trole-{team_role:03}"}
        state[place("teams", "TeamMember", userId=user, orgId="org-a", teamId="team-0")] = {**item, "active": True}


def _read(tables: Tables) -> tuple[int, int, int]:
    """Waits, items by their keys, and queries, of one question."""
    tables.calls.clear()
    read_access_in(tables, SETTINGS, USERS[0], "org-a", now=NOW)
    asked = [call for calls in tables.calls for call in calls]
    return (
        len(tables.calls),
        sum(isinstance(call, Get) for call in asked),
        sum(isinstance(call, Query) for call in asked),
    )


class TestHowMuchIsAsked:
    @pytest.mark.parametrize("roles", [5, 500])
    def test_of_who_has_a_default_role_and_is_in_a_team(self, roles: int) -> None:
        tables = Tables(_organisation(roles, team_roles=4 if roles == 5 else 100))
        _give(tables.state, 4, 3)
        assert _read(tables) == (1, 1, 6)  # departures; what the person has, and the first definitions
        assert _read(tables) == (1, 3, 2)  # which platform roles the person was given, stands among the assignments

    def test_of_who_has_one_role_of_five_hundred(self) -> None:
        tables = Tables(_organisation(500))
        _give(tables.state, 499)
        assert _read(tables) == (2, 1 + 2, 6 + 1)  # a second wait asks again for what the person has, as far as it is
        assert _read(tables) == (1, 2, 2)

    def test_of_who_has_a_role_that_carries_a_set(self) -> None:
        tables = Tables(_organisation(500, sets=500))
        _give(tables.state, 499)
        assert _read(tables) == (3, 1 + 2 + 3, 6 + 1 + 1)
        assert _read(tables) == (1, 3, 2)

    def test_of_a_stranger_as_little_as_of_anybody(self) -> None:
        tables = Tables(_organisation(500, sets=500))
        assert _read(tables) == (1, 1, 6)
        assert _read(tables) == (1, 1, 2)

    def test_of_who_has_a_platform_role(self) -> None:
        tables = Tables(_organisation(5))
        _platform(PLATFORM)(tables.state)
        assert _read(tables) == (1, 1, 6)
        assert _read(tables) == (1, 2, 2)
        _platform("role-platform-admin")(tables.state)
        assert _read(tables) == (2, 2 + 1, 2 + 1)  # one that it did not know of, so all are looked for
        assert _read(tables) == (1, 3, 2)

    def test_a_role_that_is_gone_is_looked_for_once(self) -> None:
        tables = Tables(_organisation(500))
        _give(tables.state, 600)
        assert [_read(tables)[0] for _ in range(2)] == [2, 1]

    def test_many_organisations_in_as_many_waits_as_one(self) -> None:
        tables = Tables({})
        for n in range(200):
            org, role = f"org-{n:03}", "role-500"
            given = {"userId": USERS[0], "organisationId": org, "roleId": role, "scope": "ORGANISATION", "active": True}
            at = place("permissions", "UserRoleAssignment", userId=USERS[0], orgId=org, roleId=role, teamId="-")
            tables.state[at] = given
            defined = {"roleId": role, "scope": "ORGANISATION", "permissions": ["org:read"], "active": True}
            tables.state[place("permissions", "OrganisationRole", orgId=org, roleId=role)] = defined
        for waits in (2, 1):
            tables.calls.clear()
            assert len(read_access(tables, SETTINGS, USERS[0], now=NOW).organisations()) == 200
            assert len(tables.calls) == waits

    def test_changes_without_an_end_are_not_waited_for(self) -> None:
        """A role that names another set each time that it is looked at: those not read grant nothing."""
        tables = Tables(_organisation(500, sets=1))
        _give(tables.state, 499)
        at = place("permissions", "OrganisationRole", orgId="org-a", roleId="role-499")

        def another(state: State) -> None:
            number = int((state[at]["permissionSets"] or ["set-1000"])[0][4:]) + 1
            state[at] = {**state[at], "permissionSets": [f"set-{number}"]}

        tables.between = [[another] for _ in range(100)]
        access, _ = read_access_in(tables, SETTINGS, USERS[0], "org-a", now=NOW)
        assert access.permissions_in("org-a") == {"org:read"}
        assert len(tables.calls) < 15
