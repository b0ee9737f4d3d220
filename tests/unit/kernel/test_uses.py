"""How many hold a definition, counted in parts: whatever comes between reading and writing, the counts are true."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from bbws_access.kernel.dynamodb import Database, Page
from bbws_access.kernel.errors import ServiceError
from bbws_access.kernel.ids import new_id
from bbws_access.kernel.keys import key
from bbws_access.kernel.records import Change, Stale, Step, commit, count, put_over
from bbws_access.kernel.uses import PART, PARTS, part_of
from bbws_access.role import rules, store
from bbws_access.role.handler import service as role_service
from tests.support.services import Instance, World

CHANGE = Change.outside_a_request("somebody")
Given = list[tuple["Defined", int]]  # what somebody was given, and the version that was read
Task = Iterator[None]  # a caller, who stops after each read and returns a `Given`, or None where nothing was written


class Defined:
    """A role, its holders as the records say, and callers who read and write at moments of their own."""

    def __init__(self, world: World, org_id: str) -> None:
        self.database, self.table = world.database, world.table
        self.org_id, self.role_id = org_id, new_id("role")
        body = {"name": self.role_id[-8:].upper(), "displayName": "R", "permissions": []}
        record = rules.new_role(self.org_id, self.role_id, body, is_default=False, change=CHANGE)
        commit(self.database, store.ROLES.create(self.table, record))

    def role(self) -> dict:
        reads = store.ROLES.reads(self.table, self.org_id, self.role_id)
        return store.ROLES.find(self.database, self.table, self.org_id, self.role_id, self.database.parallel(reads))

    def held(self, user: str) -> dict | None:
        return self.database.parallel([store.assignment(self.table, self.org_id, user, self.role_id, None)])[0]

    def holders(self, users: list[str]) -> list[dict]:
        gets = [store.assignment(self.table, self.org_id, user, self.role_id, None) for user in users]
        return [one for one in self.database.parallel(gets) if one is not None and one["active"]]

    def head(self) -> dict | None:
        return self.database.parallel([store.USES.head(self.table, self.org_id, self.role_id)])[0]

    def page(self) -> Page:
        return self.database.parallel([store.USES.read(self.table, self.org_id, self.role_id)])[0]

    def counts(self) -> dict[str | None, int]:
        """By part; None for what was given before there were parts."""
        return {one.get("part"): one["count"] for one in self.page().items if one["count"]}

    def counted(self) -> int:
        return sum(self.counts().values())

    # Callers

    def give(self, *users: str, blind: bool = False) -> Task:
        """Give it in one transaction, also over what somebody has, as over what has expired. blind: without the head"""
        role = self.role()
        yield
        head = None if blind else self.head()
        yield
        stored = [self.held(user) for user in users]
        if not role["active"]:
            return None
        yield
        commit(self.database, self.given_steps(role, users, stored, head))
        return [(self, role["version"])]

    def given_steps(
        self, role: dict, users: tuple[str, ...], stored: list[dict | None], head: dict | None, *moves: tuple[dict, int]
    ) -> list[Step]:
        steps, moves = [], list(moves)
        for user, before in zip(users, stored, strict=True):
            record = rules.new_assignment(role, user, None, None, before, CHANGE, departures=0)
            steps.append((put_over(self.table, store._assignment_item(record), before), Stale()))
            moves += [(record, 1), *([(before, -1)] if before is not None and before["active"] else [])]
        return [*steps, *store.USES.counted(self.table, moves, CHANGE, role, head)]

    def move(self, user: str, other: Defined) -> Task:
        """Take it and give another one, in one transaction."""
        stored, replaced = self.held(user), other.held(user)
        yield
        role, head = other.role(), other.head()
        if stored is None or not stored["active"] or not role["active"]:
            return None
        yield
        ended = store._assignment_item(rules.ended_assignment(stored, CHANGE))
        steps = other.given_steps(role, (user,), [replaced], head, (stored, -1))
        commit(self.database, [(put_over(self.table, ended, stored), Stale()), *steps])
        return [(other, role["version"])]

    def take(self, *users: str) -> Task:
        """Take it from those who have it."""
        stored = self.holders(list(users))
        if not stored:
            return None
        yield
        store.end(self.database, self.table, stored, CHANGE)
        return []

    def change(self, *, active: bool) -> Task:
        role = self.role()
        yield
        page = self.page()
        ends = role["active"] and not active
        if ends and store.USES.total(page):
            return None
        record = {**role, "active": active, **CHANGE.next(role)}
        yield
        renewed = store.USES.renewed(self.table, record, CHANGE, page, unused=ends)
        commit(self.database, [*store.ROLES.replace(self.table, role, record), *renewed])
        return []

    def end(self) -> Task:
        return self.change(active=False)

    def renew(self) -> Task:
        """Change it, or bring it back."""
        return self.change(active=True)

    # As builds from before wrote

    def count_as_before_parts(self, user: str) -> None:
        """As if a user had been given the role before there were parts."""
        stored = self.held(user)
        if stored is None or not stored["active"] or PART not in stored:
            return
        before = {name: value for name, value in stored.items() if name != PART}
        ids = {"organisationId": self.org_id, "roleId": self.role_id}
        [(off, _)] = store.USES.counted(self.table, [(stored, -1)], CHANGE)
        self.database.transact([off, count(self.table, "RoleUsage", ids, {"count": 1}, CHANGE)])
        self.database.put(self.table, before)

    def forget_names(self, *, changed: bool) -> None:
        """As a build leaves it whose head named no parts: with all of them, where anything changed the role."""
        head, role = self.head(), self.role()
        kept = ("parts", "definitionVersion")
        if head is not None:
            self.database.put(self.table, {name: value for name, value in head.items() if name not in kept})
        there = {one["part"] for one in self.page().items if "part" in one}
        for part in set(PARTS) - there if changed else ():
            ids = {"organisationId": self.org_id, "roleId": self.role_id, "part": part}
            columns = {"entityType": "RoleUsagePart", "count": 0, "active": True, **ids, **CHANGE.first()}
            place = key("RoleUsagePart", orgId=self.org_id, roleId=self.role_id, part=part)
            self.database.put(self.table, {**place, **columns, "definitionVersion": role["version"]})


@pytest.fixture
def defined(world: World) -> Defined:
    return Defined(world, new_id("organisation"))


def step(task: Task) -> tuple[bool, Given | None]:
    """Let a caller go on to where it stops next: whether it is done, and with what."""
    try:
        next(task)
    except StopIteration as done:
        return True, done.value
    except Stale:
        return True, None
    return False, None


def finish(task: Task) -> bool:
    """Run a caller to its end; whether it wrote."""
    done = False
    while not done:
        done, wrote = step(task)
    return wrote is not None


def read(task: Task) -> Task:
    """Let a caller read all that it reads, as far as before its write."""
    for _ in range({"give": 3, "move": 2, "take": 1, "change": 2}[task.__name__]):
        next(task)
    return task


def users_of_all_parts(world: World) -> list[str]:
    users: dict[str, str] = {}
    while len(users) < len(PARTS):
        user = world.user()
        users.setdefault(part_of(user), user)
    return list(users.values())


class History:
    """Callers of two roles, who take turns in an order drawn by lot; after each write everything has to be true."""

    def __init__(self, world: World, seed: int) -> None:
        org_id = new_id("organisation")
        self.lot = random.Random(seed)
        self.roles = [Defined(world, org_id), Defined(world, org_id)]
        # Two who share a part, and others.
        self.users = [world.user() for _ in range(11)]
        self.users.append(next(one for one in iter(world.user, None) if part_of(one) == part_of(self.users[0])))
        self.waiting: list[Task] = []
        self.wrote: Counter[str] = Counter()

    def begin(self) -> Task:
        role, other = self.lot.sample(self.roles, 2)
        user, another = self.lot.sample(self.users, 2)
        kinds: dict[str, Callable[[], Task]] = {
            "give": lambda: role.give(user),
            "give both": lambda: role.give(user, another),
            "give blind": lambda: role.give(user, blind=True),
            "move": lambda: role.move(user, other),
            "take": lambda: role.take(user),
            "take both": lambda: role.take(user, another),
            "take all": lambda: role.take(*self.users),
            "renew": role.renew,
            "end": role.end,
        }
        # Many take all that there is, so that roles end again and again, and parts come and go.
        often = [*kinds, "give", "move", "take all", "renew", "end"]
        return kinds[self.lot.choice(often)]()

    def go_on(self, task: Task) -> bool:
        """Let a caller take its next step, and check what it did; whether it is done."""
        versions = [(role, found["version"], found["active"]) for role in self.roles for found in [role.role()]]
        done, wrote = step(task)
        if wrote is None:
            return done
        self.wrote[task.__name__] += 1
        for given, version in wrote:
            assert (given, version, True) in versions, "was given as it was before it changed, or after it ended"
        self.check()
        return True

    def check(self) -> None:
        for role in self.roles:
            holders = role.holders(self.users)
            items, defined = role.page().items, role.role()
            counts = {one.get("part"): one["count"] for one in items if one["count"]}
            assert counts == Counter(one.get(PART) for one in holders)
            assert defined["active"] or not holders
            known = {one["definitionVersion"] for one in items if "definitionVersion" in one}
            assert known <= {defined["version"]}, "a part was not told of a change"
            named = {part for one in items for part in one.get("parts", ())}
            assert named <= {one.get("part") for one in items}, "nobody could be given it"

    def check_alone(self) -> None:
        """Whoever is not disturbed gets what they ask for."""
        for role in self.roles:
            user = self.lot.choice(self.users)
            if not role.role()["active"]:
                assert finish(role.renew())
            assert finish(role.give(user))
            assert not finish(role.end())
            assert finish(role.renew())
            assert finish(role.give(user))
            self.check()

    def run(self, steps: int) -> None:
        for _ in range(steps):
            if self.waiting and self.lot.random() < 0.75:
                at = self.lot.randrange(len(self.waiting))
                if self.go_on(self.waiting[at]):
                    del self.waiting[at]
            else:
                self.waiting.append(self.begin())

    def all_go_on(self) -> None:
        """Each to the end, so that nobody is half way."""
        for task in self.waiting:
            while not self.go_on(task):
                pass
        self.waiting.clear()

    def leave_by_a_build_before(self) -> None:
        """As that build leaves what there is: some counted before there were parts, and no parts named."""
        for role in self.roles:
            for user in self.lot.sample(self.users, 8):
                role.count_as_before_parts(user)
            if self.lot.random() < 0.7:
                role.forget_names(changed=role.role()["version"] > 1)
        self.check()


@pytest.mark.parametrize("seed", range(6))
def test_any_order_of_reads_and_writes(world: World, seed: int) -> None:
    """Nobody holds what has ended or is given what has changed; the counts are what the records say; all can end."""
    history = History(world, seed)
    for _ in range(4):
        history.run(70)
        history.all_go_on()
        history.check_alone()
        history.leave_by_a_build_before()
    history.run(40)
    history.all_go_on()
    history.check_alone()
    assert all(history.wrote[name] for name in ("give", "take", "change")), history.wrote
    for role in history.roles:
        assert finish(role.take(*history.users))
        assert finish(role.end())
        assert [one["entityType"] for one in role.page().items] == ["RoleUsage"]
        assert not finish(role.give(history.users[0]))


def test_what_nobody_ever_held_takes_one_item(defined: Defined, world: World) -> None:
    """Each change wrote 32 parts, which stayed for ever; what somebody holds has the parts that they are in."""
    written: list[int] = []
    transact = defined.database.transact
    defined.database.transact = lambda actions, **more: (written.append(len(actions)), transact(actions, **more))
    assert finish(defined.renew())
    assert len(defined.page().items) == 1
    users = [world.user() for _ in range(3)]
    assert finish(defined.give(*users))
    parts = len({part_of(user) for user in users})
    written.clear()
    assert finish(defined.give(world.user(), blind=True))
    assert finish(defined.give(users[0]))
    assert finish(defined.give(users[0], blind=True))
    assert written == [3, 2, 2], "the head is written with what it does not name, and only then"
    assert finish(defined.renew())
    assert written[-1] <= 1 + 1 + parts + 1
    defined.database.transact = transact


def test_what_ended_leaves_its_head_alone(defined: Defined, world: World) -> None:
    """Else each role that comes and goes would leave 32 items behind. It can come back and be given, too."""
    for _ in range(3):
        users = [world.user() for _ in range(4)]
        assert finish(defined.give(*users))
        assert finish(defined.take(*users))
        assert finish(defined.end())
        [head] = defined.page().items
        assert (head["entityType"], head["count"], "parts" in head) == ("RoleUsage", 0, False)
        assert head["definitionVersion"] == defined.role()["version"]
        assert finish(defined.renew())


def test_a_change_is_told_to_parts_that_were_not_there(defined: Defined, world: World) -> None:
    """Whoever read before the first change of all is stale in every part, whether somebody is counted there or not."""
    users = users_of_all_parts(world)
    waiting = [read(defined.give(user)) for user in users]
    assert finish(defined.give(world.user()))
    assert finish(defined.renew())
    assert [finish(task) for task in waiting] == [False] * len(PARTS)
    for user in users:
        assert finish(defined.give(user))
    assert defined.counted() == len(PARTS) + 1


@pytest.mark.parametrize("meanwhile", ["renew", "end"])
@pytest.mark.parametrize("head", [False, True])
def test_a_part_that_comes_to_be_stops_whoever_read_before(
    defined: Defined, world: World, meanwhile: str, head: bool
) -> None:
    """The change would not tell it: whoever read the old version could be given the role there ever after."""
    user = world.user()
    if head:
        assert finish(defined.renew())
    changing, giving = read(getattr(defined, meanwhile)()), read(defined.give(user))
    assert finish(defined.give(next(one for one in iter(world.user, None) if part_of(one) == part_of(user))))
    assert not finish(changing)
    assert finish(giving), "nothing changed it"


def test_a_part_that_went_is_not_written_by_whoever_saw_it(defined: Defined, world: World) -> None:
    """The role ended and came back: what was read before is stale, although no part says so any more."""
    user, other = world.user(), world.user()
    assert finish(defined.give(user))
    assert finish(defined.take(user))
    late = read(defined.give(user))
    assert finish(defined.end())
    assert finish(defined.renew())
    late_and_new = read(defined.give(other))
    assert not finish(late)
    assert finish(defined.renew())
    assert not finish(late_and_new)
    assert finish(defined.give(user, other))


def test_one_holder_in_any_part_keeps_it(defined: Defined, world: World) -> None:
    """Also one who comes after whoever ends it has counted, and one who was given it before there were parts."""
    for old in (False, True):
        ending, user = read(defined.end()), world.user()
        assert finish(defined.give(user))
        if old:
            defined.count_as_before_parts(user)
        assert not finish(ending)
        assert not finish(defined.end())
        assert finish(defined.take(user))
    assert finish(defined.end())


def test_one_from_before_parts_who_is_counted_meanwhile_keeps_it(defined: Defined, world: World) -> None:
    """The count of what was given before there were parts is in the head, which whoever ends it writes."""
    user = world.user()
    assert finish(defined.give(user))
    defined.count_as_before_parts(user)
    assert finish(defined.give(user)), "over what was counted in the head, in the transaction that names the part"
    assert defined.counts() == {part_of(user): 1}
    defined.count_as_before_parts(user)
    assert not finish(defined.end())
    role = defined.role()
    ended = {**role, "active": False, **CHANGE.next(role)}
    with pytest.raises(Stale):
        commit(defined.database, store.USES.renewed(defined.table, ended, CHANGE, defined.page(), unused=True))


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


def test_a_change_by_the_build_before_is_seen(defined: Defined, world: World) -> None:
    """While a deployment replaces the functions. That build tells all parts of a change and leaves the head."""
    late, role = read(defined.give(world.user())), defined.role()
    commit(defined.database, store.ROLES.replace(defined.table, role, {**role, **CHANGE.next(role)}))
    defined.forget_names(changed=True)
    assert not finish(late)
    assert finish(defined.give(world.user()))
    assert finish(defined.renew())
    assert len(defined.head()["parts"]) == len(PARTS), "the first change names what that build made"


@pytest.mark.parametrize("old", [False, True])
def test_what_somebody_holds_says_that_it_stays(defined: Defined, world: World, old: bool) -> None:
    """By their part, or by the definition itself where they have none; and not by what they hold of another."""
    user, role = world.user(), defined.role()
    assert finish(defined.give(user))
    if old:
        defined.count_as_before_parts(user)
    elsewhere = next(part for part in PARTS if part != part_of(user))
    of_another = {**defined.held(user), "roleId": "role-another", PART: elsewhere}
    holders = [defined.held(user), of_another, None]
    for holder in holders:
        commit(defined.database, [store.USES.stays(defined.table, role, holder)])
    assert finish(defined.renew())
    for holder in holders:
        with pytest.raises(Stale):
            commit(defined.database, [store.USES.stays(defined.table, role, holder)])


def test_no_item_is_in_everybodys_transaction(
    world: World, start_instance: Callable[..., Instance], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One administrator gives one role to many: it took the count, the role and their own departures each time.

    Only the first of each part write the head as well.
    """
    api, org_id = start_instance(role_service, "permissions", "teams"), world.organisation()
    admin, users = world.member(org_id), users_of_all_parts(world)
    [role_id] = {world.assign(user, "ORG_MANAGER", org_id)["roleId"] for user in users}
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
    task = read(defined.give(world.user()))
    for _ in range(2):
        assert finish(defined.renew())
    with pytest.raises(ServiceError) as raised:
        next(task)
    assert isinstance(raised.value, Stale)
