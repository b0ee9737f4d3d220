"""How many hold a definition, counted in parts: whatever comes between reading and writing, the counts are true."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from bbws_access.kernel.dynamodb import Database
from bbws_access.kernel.errors import ServiceError
from bbws_access.kernel.ids import new_id
from bbws_access.kernel.keys import key
from bbws_access.kernel.records import Change, Stale, commit, count
from bbws_access.kernel.uses import PART, PARTS, part_of
from bbws_access.role import rules, store
from bbws_access.role.handler import service as role_service
from tests.support.services import Instance, World

CHANGE = Change.outside_a_request("somebody")


class Defined:
    """A role, its holders as the records say, and callers who read and write at moments of their own."""

    def __init__(self, world: World) -> None:
        self.database, self.table = world.database, world.table
        self.org_id, self.role_id = new_id("organisation"), new_id("role")
        body = {"name": "R", "displayName": "R", "permissions": []}
        record = rules.new_role(self.org_id, self.role_id, body, is_default=False, change=CHANGE)
        commit(self.database, store.ROLES.create(self.table, record))

    def role(self) -> dict:
        reads = store.ROLES.reads(self.table, self.org_id, self.role_id)
        return store.ROLES.find(self.database, self.table, self.org_id, self.role_id, self.database.parallel(reads))

    def held(self, user: str) -> dict | None:
        return self.database.parallel([store.assignment(self.table, self.org_id, user, self.role_id, None)])[0]

    def counted(self) -> int:
        [page] = self.database.parallel([store.USES.read(self.table, self.org_id, self.role_id)])
        assert all(one["count"] >= 0 for one in page.items)
        return store.USES.total(page)

    # Each yields between what it reads and what it writes, and returns whether it wrote.

    def give(self, user: str) -> Iterator[None]:
        role, stored = self.role(), self.held(user)
        if not role["active"] or (stored is not None and stored["active"]):
            return False
        record = rules.new_assignment(role, user, None, None, stored, CHANGE, departures=0)
        yield
        store.assign(self.database, self.table, record, role, stored, CHANGE)
        return True

    def take(self, user: str) -> Iterator[None]:
        stored = self.held(user)
        if stored is None or not stored["active"]:
            return False
        yield
        store.end(self.database, self.table, [stored], CHANGE)
        return True

    def change(self, *, active: bool) -> Iterator[None]:
        role = self.role()
        [page] = self.database.parallel([store.USES.read(self.table, self.org_id, self.role_id)])
        ends = role["active"] and not active
        if ends and store.USES.total(page):
            return False
        record = {**role, "active": active, **CHANGE.next(role)}
        yield
        renewed = store.USES.renewed(self.table, record, CHANGE, unused=ends)
        commit(self.database, [*store.ROLES.replace(self.table, role, record), *renewed])
        return True

    def count_as_before_parts(self, user: str) -> None:
        """As if a user had been given the role before there were parts."""
        stored = self.held(user)
        before = {name: value for name, value in stored.items() if name != PART}
        ids = {"organisationId": self.org_id, "roleId": self.role_id}
        [(off, _)] = store.USES.counted(self.table, [(stored, -1)], {}, CHANGE)
        self.database.transact([off, count(self.table, "RoleUsage", ids, {"count": 1}, CHANGE)])
        self.database.put(self.table, before)


@pytest.fixture
def defined(world: World) -> Defined:
    return Defined(world)


def finish(task: Iterator[None]) -> bool:
    """Run a caller to its end; whether it wrote."""
    try:
        while True:
            next(task)
    except StopIteration as done:
        return bool(done.value)
    except Stale:
        return False


def start(task: Iterator[None]) -> Iterator[None] | None:
    """Let a caller read; None where it ends without writing."""
    try:
        next(task)
    except StopIteration:
        return None
    return task


@pytest.mark.parametrize("seed", range(4))
def test_any_order_of_reads_and_writes(defined: Defined, world: World, seed: int) -> None:
    """Nobody holds what has ended, the counts are what the records say, and in the end it can be ended."""
    chance, users = random.Random(seed), [world.user() for _ in range(4)]
    waiting: list[tuple[Iterator[None], int | None]] = []  # a caller, and the version that a giver has read
    for _ in range(40):
        if waiting and chance.random() < 0.5:
            task, read = waiting.pop(chance.randrange(len(waiting)))
            now = defined.role()["version"]
            if finish(task) and read is not None:
                assert read == now, "was given as it was before it changed"
            holders = [user for user in users if (held := defined.held(user)) is not None and held["active"]]
            assert defined.counted() == len(holders)
            assert defined.role()["active"] or not holders
            continue
        kind, user = chance.choice(["give", "give", "take", "change", "end", "old"]), chance.choice(users)
        if kind == "old":
            stored = defined.held(user)
            if stored is not None and stored["active"] and PART in stored:
                defined.count_as_before_parts(user)
            continue
        version = defined.role()["version"]
        if kind in ("give", "take"):
            task = start(getattr(defined, kind)(user))
        else:
            task = start(defined.change(active=kind == "change"))
        if task is not None:
            waiting.append((task, version if kind == "give" else None))
    for task, _ in waiting:
        finish(task)
    for user in users:
        finish(defined.take(user))
    assert defined.counted() == 0
    if defined.role()["active"]:
        assert finish(defined.change(active=False))
    assert not finish(defined.give(users[0]))


def test_a_change_is_told_to_parts_that_were_not_there(defined: Defined, world: World) -> None:
    """Whoever read before the first change of all is stale in every part, whether somebody is counted there or not."""
    users = {}
    while len(users) < len(PARTS):
        user = world.user()
        users.setdefault(part_of(user), user)
    waiting = [start(defined.give(user)) for user in users.values()]
    assert finish(defined.give(world.user()))
    assert finish(defined.change(active=True))
    assert [finish(task) for task in waiting] == [False] * len(PARTS)
    for user in users.values():
        assert finish(defined.give(user))
    assert defined.counted() == len(PARTS) + 1


def test_one_holder_in_any_part_keeps_it(defined: Defined, world: World) -> None:
    """Also one who comes after whoever ends it has counted, and one who was given it before there were parts."""
    for old in (False, True):
        ending, user = start(defined.change(active=False)), world.user()
        assert finish(defined.give(user))
        if old:
            defined.count_as_before_parts(user)
        assert not finish(ending)
        assert not finish(defined.change(active=False))
        assert finish(defined.take(user))
    assert finish(defined.change(active=False))


def test_what_a_database_from_before_there_were_parts_has_does_not_shut_anybody_out(
    defined: Defined, world: World
) -> None:
    """A part that knows an older version than the definition's, as an older build leaves it, learns of it."""
    user = world.user()
    assert finish(defined.give(user))
    role = defined.role()
    world.put({**role, "version": role["version"] + 1})
    other = next(one for one in iter(world.user, None) if part_of(one) == part_of(user))
    assert finish(defined.give(other))
    place = key("RoleUsagePart", orgId=defined.org_id, roleId=defined.role_id, part=part_of(user))
    assert defined.database.get(defined.table, place)["definitionVersion"] == role["version"] + 1


def test_no_item_is_in_everybodys_transaction(
    world: World, start_instance: Callable[..., Instance], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One administrator gives one role to many: it took the count, the role and their own departures each time."""
    api, org_id = start_instance(role_service, "permissions", "teams"), world.organisation()
    admin, role_id = world.member(org_id), world.assign(world.user(), "ORG_MANAGER", org_id)["roleId"]
    touched: Counter[tuple[str, str]] = Counter()
    transact = Database.transact

    def noting(database: Database, actions: list, **more: object) -> None:
        actions = list(actions)
        for action in actions:
            place = getattr(action, "key", None) or action.item
            touched[place["PK"], place["SK"]] += 1
        transact(database, actions, **more)

    monkeypatch.setattr(Database, "transact", noting)
    for _ in range(24):
        path = f"/organisations/{org_id}/users/{world.user()}/roles"
        api.call("POST", path, admin, {"roleId": role_id}).expect(201)
    assert max(touched.values()) <= 12, touched.most_common(3)


def test_a_conflict_is_what_commit_says(defined: Defined, world: World) -> None:
    """A part that is behind by more than one change is as stale as any other."""
    task = start(defined.give(world.user()))
    for _ in range(2):
        assert finish(defined.change(active=True))
    with pytest.raises(ServiceError) as raised:
        next(task)
    assert isinstance(raised.value, Stale)
