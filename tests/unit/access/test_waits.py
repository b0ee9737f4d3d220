"""How often a decision waits for the database, however much somebody holds; and that what it reads fits together."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bbws_access.access.grants import Access
from bbws_access.access.reader import _Held, read_access
from bbws_access.kernel.dynamodb import (
    BatchGet,
    Database,
    DatabaseUnavailable,
    Get,
    Page,
    Query,
    Throttled,
    _Together,
)
from bbws_access.kernel.keys import key, sort_prefix
from bbws_access.kernel.settings import Settings

SETTINGS = Settings(region="eu-west-1", tables={"permissions": "permissions", "teams": "teams"})
USER = "11111111-1111-4111-8111-111111111111"


class Memory(Database):
    """Tables in memory, with pages of so many items. `waits` has how many requests went together, each time."""

    def __init__(self, page: int = 1000) -> None:
        super().__init__("eu-west-1", "http://127.0.0.1:9")
        self._tables: dict[str, dict[tuple[str, str], dict]] = {"permissions": {}, "teams": {}}
        self._page = page
        self.waits: list[int] = []
        self.sent: list[BatchGet | Query] = []
        self.deadlines: list[float] = []
        self.before: Callable[[int], None] = lambda wait: None

    def write(self, table: str, keys: dict, **item: object) -> None:
        self._tables[table][keys["PK"], keys["SK"]] = {**keys, **item}

    def remove(self, table: str, keys: dict) -> None:
        del self._tables[table][keys["PK"], keys["SK"]]

    def _run(self, calls: list, deadline: float | None = None) -> list:
        self.before(len(self.waits))
        self.deadlines.append(deadline)
        self.waits += [len(calls[start : start + 37]) for start in range(0, len(calls), 37)]
        self.sent += calls
        return [self._answer(call) for call in calls]

    def _answer(self, call: BatchGet | Get | Query | _Together) -> list | dict | Page | None:
        if isinstance(call, _Together):
            return [self._batch(part) for part in call.parts]
        if isinstance(call, Get):
            return self._tables[call.table].get((call.key["PK"], call.key["SK"]))
        return self._batch(call) if isinstance(call, BatchGet) else self._query(call)

    def _batch(self, call: BatchGet) -> list[dict | None]:
        call._request()
        assert len({tuple(one.values()) for one in call.keys}) == len(call.keys)
        found = (self._tables[call.table].get((one["PK"], one["SK"])) for one in call.keys)
        return [item and (_projected(item, call) if call.projection else item) for item in found]

    def _query(self, call: Query) -> Page:
        table = self._tables[call.table]
        after = call.start_key["SK"] if call.start_key else ""
        places = sorted(
            place
            for place in table
            if place[0] == call.partition and place[1].startswith(call.sort_prefix or "") and place[1] > after
        )
        size = min(self._page, call.limit or self._page)
        items = [_projected(table[place], call) for place in places[:size]]
        more = len(places) > size
        last = dict(zip(("PK", "SK"), places[size - 1], strict=True)) if more else None
        return Page(items, last, len(items))


def _projected(item: dict, call: BatchGet | Query) -> dict:
    columns = {(call.names or {}).get(one, one) for one in (call.projection or "").split(",")}
    keys = {"PK", "SK"} if isinstance(call, BatchGet) else set()
    return {name: value for name, value in item.items() if name in columns | keys}


def _org(n: int) -> str:
    return f"org-{n:026d}"


def _role(n: int, k: int = 0) -> str:
    return f"role-{n * 1000 + k:026d}"


def _hold(database: Memory, n: int, *, roles: int = 1, teams: int = 1, sets: int = 0, **changes: object) -> None:
    """In one organisation so many roles, each with so many sets, and so many teams, each with its team role."""
    org = _org(n)
    for k in range(roles):
        names = [f"set-{n * 100_000 + k * 1000 + j:026d}" for j in range(sets)]
        for name in names:
            place = key("PermissionSet", orgId=org, setId=name)
            database.write("permissions", place, setId=name, permissions=[f"set{n}:{name}"], active=True)
        role = {"roleId": _role(n, k), "name": "ROLE", "scope": "ORGANISATION", "permissions": [f"p{n}:r{k}"]}
        role |= {"permissionSets": names, "active": True}
        database.write("permissions", key("OrganisationRole", orgId=org, roleId=_role(n, k)), **role | changes)
        place = key("UserRoleAssignment", userId=USER, orgId=org, roleId=_role(n, k), teamId="-")
        given = {"organisationId": org, "roleId": _role(n, k), "scope": "ORGANISATION", "active": True}
        database.write("permissions", place, **given)
    for k in range(teams):
        team_role, team = f"trole-{n * 1000 + k:026d}", f"team-{n * 1000 + k:026d}"
        place = key("TeamRoleDefinition", orgId=org, teamRoleId=team_role)
        capabilities = [f"CAN_{n}_{k}"]
        database.write("teams", place, teamRoleId=team_role, capabilities=capabilities, active=k % 5 != 4)
        place = key("TeamMember", userId=USER, orgId=org, teamId=team)
        database.write("teams", place, organisationId=org, teamId=team, teamRoleId=team_role, active=True)


def _read(database: Memory, *hint: str, **options: object) -> Access:
    return read_access(database, SETTINGS, USER, hint, **options)


def _told(access: Access) -> tuple:
    grants = {
        (one.org_id, one.team_id, one.role_id, one.permissions, tuple(sorted(one.sources.items())))
        for one in access.grants
    }
    return grants, set(access.memberships), access.known, access.active, access.organisations()


@pytest.mark.parametrize(
    ("sets", "waits", "requests"),
    # The person's records and what eleven organisations began with; the records again, as far as there are any, with
    # 200 roles and departures and 200 team roles; the same once more with the sets.
    [(0, 2, 37 + 2 + 3 + 2), (1, 3, 37 + 2 + 3 + 2 + 2 + 5 + 2), (3, 3, 37 + 2 + 3 + 2 + 2 + 9 + 2)],
)
def test_two_hundred_organisations_take_three_waits(sets: int, waits: int, requests: int) -> None:
    database = Memory()
    for n in range(200):
        _hold(database, n, sets=sets)
    access = _read(database, *(_org(n) for n in range(11)))
    assert (len(database.waits), sum(database.waits)) == (waits, requests)
    assert access.organisations() == {_org(n) for n in range(200)}
    assert {one.permissions for one in access.grants} == {
        frozenset({f"p{n}:r0", *(f"set{n}:set-{n * 100_000 + j:026d}" for j in range(sets))}) for n in range(200)
    }
    assert {one.capabilities for one in access.memberships} == {frozenset({f"CAN_{n}_0"}) for n in range(200)}


def test_what_is_read_by_ids_is_what_is_read_as_a_whole() -> None:
    """With roles and sets that are inactive, gone, the platform's, or another organisation's."""
    database = Memory(page=7)
    for n in range(8):
        _hold(database, n, roles=3, teams=6, sets=2)
    _hold(database, 8, roles=2, sets=1, active=False)
    _hold(database, 9, scope="TEAM")
    _hold(database, 10, permissionSets=["set-viewer", "set-gone", "set-*", None, 5, f"set-{300_000:026d}"])
    _hold(database, 11, permissionSets=None, permissions=["*"])
    database.remove("permissions", key("OrganisationRole", orgId=_org(1), roleId=_role(1)))
    for n, changes in ((2, {"active": False}), (3, {"active": "yes"}), (4, {"permissions": []})):
        place = key("PermissionSet", orgId=_org(n), setId=f"set-{n * 100_000:026d}")
        item = {"setId": place["SK"][4:], "permissions": ["x:y"], "active": True}
        database.write("permissions", place, **item | changes)
    for k, role_id in enumerate((None, 5, "", "role-*", "role-platform-admin", _role(3))):
        place = key("UserRoleAssignment", userId=USER, orgId=_org(5), roleId=f"role-strange-{k}", teamId="-")
        given = {"organisationId": _org(5), "roleId": role_id, "scope": "ORGANISATION", "active": True}
        database.write("permissions", place, **given)
        place = key("TeamMember", userId=USER, orgId=_org(5), teamId=f"team-strange-{k}")
        given = {"organisationId": _org(5), "teamId": f"team-strange-{k}", "teamRoleId": role_id or "", "active": True}
        database.write("teams", place, **given)
    everything = [_org(n) for n in range(12)]
    by_ids = _told(_read(database))
    for hinted in (1, 3, 11):
        for start in range(0, 12, hinted):
            assert _told(_read(database, *everything[start : start + hinted])) == by_ids
    assert len(by_ids[0]) == 8 * 3 - 1 + 1 + 1


def test_pages_of_all_partitions_follow_together() -> None:
    database = Memory(page=100)
    for n in range(10):
        _hold(database, n, roles=25, teams=25)
    access = _read(database, *(_org(n) for n in range(10)))
    assert len(access.grants) == len(access.memberships) == 250
    # 250 assignments and as many memberships, a hundred on each page; again with the 500 that they name, and once more,
    # since pages that follow one another are not one moment.
    assert database.waits == [34, 2, 2, *2 * [2 + 3 + 3, 2, 2]]


def test_what_two_waits_found_alike_is_judged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 20,000 memberships each look at all of them takes as long as reading them."""
    database, judged = Memory(page=100), []
    judge = _Held.access

    def counted(held: _Held, definitions: object, **more: object) -> Access:
        judged.append(len(held.members))
        return judge(held, definitions, **more)

    monkeypatch.setattr(_Held, "access", counted)
    for n in range(10):
        _hold(database, n, roles=25, teams=25)
    first = _read(database, *(_org(n) for n in range(10)))
    # Before the roles that they name were known, and with them; the third wait found the same.
    assert judged == [250, 250]
    judged.clear()
    assert _told(_read(database, _org(0))) == _told(first)
    assert judged == [250]
    # What changes between the first look and the second is judged again, until two looks are the same.
    judged.clear()
    place = key("TeamMember", userId=USER, orgId=_org(3), teamId=f"team-{3000:026d}")
    waits = len(database.waits)

    def take_away(wait: int) -> None:
        if wait == waits + 3:
            database.remove("teams", place)

    database.before = take_away
    assert len(_read(database, _org(0)).memberships) == 249
    assert judged == [250, 249]


def test_an_organisation_at_its_limits_adds_no_wait_and_few_requests() -> None:
    """A stranger's organisation that gives a person as many roles as it may, each with sets of its own."""
    alone, both = Memory(), Memory()
    for database in (alone, both):
        for n in range(30):
            _hold(database, n, sets=1)
    _hold(both, 99, roles=100, sets=5, teams=100)
    assert len(_read(alone).grants) == 30
    assert len(_read(both).grants) == 130
    assert len(both.waits) == len(alone.waits) == 3
    # A batch more for roles and one for team roles, each time; once all sets, by one query.
    assert sum(both.waits) <= sum(alone.waits) + 6
    whole = [one for one in both.sent if isinstance(one, Query) and one.sort_prefix == sort_prefix("PermissionSet")]
    assert [one.partition for one in whole] == [key("PermissionSet", orgId=_org(99), setId="x")["PK"]]


def test_many_roles_and_sets_in_each_of_many_organisations() -> None:
    """What does not fit in so many requests at once follows as answers come, all of it."""
    database = Memory()
    for n in range(60):
        _hold(database, n, roles=20, sets=6, teams=3)
    assert {len(one.permissions) for one in _read(database).grants} == {7}
    # 1,200 assignments, which are two pages, each time; 8,400 roles and sets, twice, as they come in pages.
    assert len(database.waits) <= 2 + 2 + 2 * (1 + 3)


def test_a_set_that_was_taken_out_and_then_filled_never_counts() -> None:
    """Between two waits: no moment ever was in which the role granted what the set then holds."""
    database = Memory()
    _hold(database, 1, sets=2)
    taken, kept = (f"set-{100_000 + j:026d}" for j in range(2))

    def edit(wait: int) -> None:
        if wait == 2:
            role = {"roleId": _role(1), "name": "ROLE", "scope": "ORGANISATION", "permissions": ["new:own"]}
            role |= {"permissionSets": [kept, f"set-{5:026d}"], "active": True}
            database.write("permissions", key("OrganisationRole", orgId=_org(1), roleId=_role(1)), **role)
            place = key("PermissionSet", orgId=_org(1), setId=taken)
            database.write("permissions", place, setId=taken, permissions=["*"], active=True)

    database.before = edit
    (grant,) = _read(database).grants
    assert grant.permissions == {"new:own", f"set1:{kept}"}


def test_a_role_that_is_switched_off_before_its_sets_are_read_gives_nothing() -> None:
    database = Memory()
    _hold(database, 1, sets=1)
    place = key("OrganisationRole", orgId=_org(1), roleId=_role(1))
    database.before = lambda wait: database.remove("permissions", place) if wait == 2 else None
    access = _read(database)
    assert access.grants == ()


def test_all_waits_share_one_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """A function of ten seconds must live to say that it failed: what is not known in time is no answer."""
    now = [1000.0]
    monkeypatch.setattr("bbws_access.access.reader.time.monotonic", lambda: now[0])
    database = Memory(page=1)
    for n in range(20):
        _hold(database, n)

    def slow(wait: int) -> None:
        now[0] += 1.5

    database.before = slow
    with pytest.raises(DatabaseUnavailable):
        _read(database)
    assert now[0] - 1000 < 10
    assert database.deadlines == pytest.approx([4, 4, 4, 3.5, 2, 0.5])
    with pytest.raises(DatabaseUnavailable):
        _read(database, deadline=0.3)
    assert database.deadlines[6:] == pytest.approx([0.3])


@pytest.mark.parametrize("wait", [0, 1, 2])
def test_a_wait_that_fails_is_no_decision(wait: int) -> None:
    database = Memory()
    _hold(database, 1, sets=1)

    def fail(number: int) -> None:
        if number == wait:
            raise Throttled("no", "ThrottlingException")

    database.before = fail
    with pytest.raises(Throttled):
        _read(database)
