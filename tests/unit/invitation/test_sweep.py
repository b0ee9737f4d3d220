"""The sweep of many expired invitations: how often it waits, and what it leaves to others at the same time."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from bbws_access.invitation import rules, store, sweep
from bbws_access.kernel.dynamodb import Database, Get, Put, TransactionCancelled
from bbws_access.kernel.ids import new_id
from bbws_access.kernel.keys import key
from bbws_access.kernel.records import Change
from tests.support.invitations import new_email
from tests.support.services import Instance, World, at_once
from tests.unit.invitation.conftest import Desk

LONG_AGO = "2020-01-01T00:00:00.000Z"
_SENT_AGAIN = {"version": 2, "expiresAt": "2090-01-01T00:00:00.000Z"}
Start = Callable[..., Instance]


class Expired:
    """Many invitations that have expired, of several organisations, stored as creating them would have."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.database, self.table = desk.world.database, desk.table
        self.pattern = desk.stored(desk.invite().invitation)
        self.records: list[dict] = []

    def add(self, organisation: str, number: int) -> list[dict]:
        change = Change.outside_a_request("somebody")
        made = []
        for _ in range(number):
            ids = {"organisationId": organisation, "invitationId": new_id("invitation"), "email": new_email()}
            made.append({**self.pattern, **ids, "expiresAt": LONG_AGO, "version": 1})
        puts = []
        for record in made:
            place = key("PendingInvitation", orgId=organisation, email=record["email"])
            pending = {**place, **rules.pending_record(record, change)}
            puts += [Put(self.table, item) for item in (store._item(record), pending)]
        stored = [puts[start : start + 100] for start in range(0, len(puts), 100)]
        assert not any(self.database.transact_each(stored))
        self.records += made
        return made

    def stored(self, record: dict) -> dict:
        place = key("Invitation", orgId=record["organisationId"], invitationId=record["invitationId"])
        return self.database.get(self.table, place)

    def has_address(self, record: dict) -> bool:
        place = key("PendingInvitation", orgId=record["organisationId"], email=record["email"])
        return self.database.get(self.table, place) is not None

    def check_ended_once(self, *records: dict) -> None:
        """Each differs from what it was as the end of an invitation does, and in nothing else."""
        reads = [
            Get(
                self.table,
                key(entity, orgId=one["organisationId"], invitationId=one["invitationId"], email=one["email"]),
            )
            for one in records
            for entity in ("Invitation", "PendingInvitation")
        ]
        found = self.database.parallel(reads)
        for record, stored, pending in zip(records, found[::2], found[1::2], strict=True):
            wanted = {**record, "status": "EXPIRED", "active": False, "version": 2, "lastUpdatedBy": "system"}
            wanted |= {name: stored[name] for name in ("requestId", "dateLastUpdated")}
            assert stored == store._item(wanted)
            assert pending is None


@pytest.fixture
def expired(desk: Desk) -> Expired:
    # What tests before this one left is none of its business.
    desk.api.deliver("InvitationSweep")
    return Expired(desk)


def organisations(number: int) -> list[str]:
    return [new_id("organisation") for _ in range(number)]


def test_a_hundred_times_as_many_in_a_wait(desk: Desk, expired: Expired) -> None:
    for organisation in organisations(8):
        expired.add(organisation, 50)
    before = desk.api.database.round_trips
    desk.api.deliver("InvitationSweep")
    expired.check_ended_once(*expired.records)
    # Today's build waited once for each invitation, and once for each hundred.
    assert desk.api.database.round_trips - before <= (400 + 5) / 50


def test_one_large_organisation_keeps_no_other_part_waiting(
    desk: Desk, expired: Expired, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of each part of the platform the first are ended together, however many one organisation has before them."""
    monkeypatch.setattr(sweep, "_OF_EACH_PART", 4)
    large, *others = _in_parts_of_their_own()
    expired.add(large, 40)
    small = [record for organisation in others for record in expired.add(organisation, 2)]
    monkeypatch.setattr(sweep, "_SECONDS", 3600.0)
    rounds = []
    do = sweep._expire

    def noting(event: object, found: list[dict], until: float) -> int:
        rounds.append({record["invitationId"] for record in found})
        return do(event, found, until)

    monkeypatch.setattr(sweep, "_expire", noting)
    desk.api.deliver("InvitationSweep")
    assert {record["invitationId"] for record in small} <= rounds[0]
    assert len(rounds) == 11  # the last page may be an empty one
    expired.check_ended_once(*expired.records)


def _in_parts_of_their_own() -> list[str]:
    found: dict[str, str] = {}
    while len(found) < 4:
        [organisation] = organisations(1)
        record = {
            "organisationId": organisation,
            "invitationId": "i",
            "status": rules.PENDING,
            "expiresAt": LONG_AGO,
            "email": "a@b.example",
            "dateCreated": LONG_AGO,
        }
        found.setdefault(store._item(record)["GSI3PK"], organisation)
    return list(found.values())


def test_all_parts_are_looked_at(desk: Desk, expired: Expired) -> None:
    """Each organisation lies in one part of those that the sweep asks for, and in the same one each time."""
    asked = {query.partition for query in store.overdue("t", Change.outside_a_request("somebody").now, 1)}
    placed = set()
    for organisation in organisations(200):
        record = {**expired.pattern, "organisationId": organisation}
        first, again = (store._item({**record, "invitationId": new_id("invitation")})["GSI3PK"] for _ in range(2))
        assert first == again
        placed.add(first)
    assert placed == asked


def test_two_sweeps_at_once_end_each_once(desk: Desk, expired: Expired, new_instance: Start) -> None:
    for organisation in organisations(3):
        expired.add(organisation, 40)
    instances = [new_instance() for _ in range(3)]
    at_once([lambda one=one: one.deliver("InvitationSweep") for one in instances])
    expired.check_ended_once(*expired.records)


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_to_some_between_finding_and_ending(
    desk: Desk, expired: Expired, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Ended, sent again, gone, its address another one's, or free: each is what that made it, and the rest is swept."""
    chance = random.Random(seed)
    for organisation in organisations(2):
        expired.add(organisation, 45)
    happened = {
        record["invitationId"]: chance.choice(["nothing"] * 6 + ["changed", "gone", "taken", "free"])
        for record in expired.records
    }
    meanwhile = [_Meanwhile(expired, record, happened[record["invitationId"]]) for record in expired.records]
    transact = Database.transact_each

    def late(database: Database, transactions: list) -> list:
        for one in meanwhile:
            one.happen()
        return transact(database, transactions)

    monkeypatch.setattr(Database, "transact_each", late)
    before = desk.api.database.round_trips
    desk.api.deliver("InvitationSweep")
    for one in meanwhile:
        one.check()
    # Each try names all that fails, so a second one for the rest, and a third where both halves of an end failed.
    assert desk.api.database.round_trips - before <= 8


class _Meanwhile:
    def __init__(self, expired: Expired, record: dict, what: str) -> None:
        self._expired, self._record, self._what = expired, record, what
        self._place = key("PendingInvitation", orgId=record["organisationId"], email=record["email"])
        self._done = False

    def happen(self) -> None:
        if self._done:
            return
        self._done = True
        database, table, record = self._expired.database, self._expired.table, self._record
        if self._what == "changed":
            database.put(table, store._item({**record, **_SENT_AGAIN}))
        elif self._what == "gone":
            database.delete(
                table, key("Invitation", orgId=record["organisationId"], invitationId=record["invitationId"])
            )
        elif self._what == "taken":
            database.put(table, {**self._place, "invitationId": "another"})
        elif self._what == "free":
            database.delete(table, self._place)

    def check(self) -> None:
        expired, record = self._expired, self._record
        found = expired.stored(record)
        if self._what == "changed":
            assert found == store._item({**record, **_SENT_AGAIN})
            assert expired.has_address(record)
        elif self._what == "gone":
            assert found is None
        elif self._what == "taken":
            assert (found["status"], found["version"]) == ("EXPIRED", 2)
            assert expired.database.get(expired.table, self._place)["invitationId"] == "another"
        else:
            expired.check_ended_once(record)


def test_what_is_accepted_while_it_is_swept_is_one_or_the_other(desk: Desk, expired: Expired, world: World) -> None:
    """An invitation that expires as it is accepted is accepted or expired, and the address is free in both cases."""
    for _ in range(3):
        one = desk.invite()
        expired.add(desk.org, 10)
        stored = desk.stored(one.invitation)
        due = {**stored, "expiresAt": LONG_AGO}

        def expire(due: dict = due) -> None:
            # As its index says when the clock of the sweep is ahead of the acceptance's.
            record = rules.ended(due, rules.EXPIRED, Change.outside_a_request("system"))
            outcomes = desk.world.database.transact_each([list(store.expire(desk.table, due, record))])
            assert all(found is None or isinstance(found, TransactionCancelled) for found in outcomes)

        _, answer = at_once([expire, lambda one=one: desk.use(one.token, "accept")])
        found = desk.stored(one.invitation)
        assert found["status"] == ("ACCEPTED" if answer.status == 200 else "EXPIRED")
        assert answer.status in (200, 404, 409, 410)
        assert desk.pending(one.email) is None


def test_a_busy_invitation_keeps_few_others_waiting(
    desk: Desk, expired: Expired, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the database refuses for one item all the time ends the run of that item alone."""
    [busy, *others] = expired.add(new_id("organisation"), 20)
    transact = Database.transact_each

    def conflicting(database: Database, transactions: list) -> list:
        outcomes: list = [None] * len(transactions)
        free = []
        for number, actions in enumerate(transactions):
            keys = [getattr(action, "key", {}).get("SK") for action in actions]
            if f"INVITATION#{busy['invitationId']}" in keys:
                outcomes[number] = TransactionCancelled("busy", ["TransactionConflict"] + [None] * (len(actions) - 1))
            else:
                free.append(number)
        for number, outcome in zip(free, transact(database, [transactions[n] for n in free]), strict=True):
            outcomes[number] = outcome
        return outcomes

    monkeypatch.setattr(Database, "transact_each", conflicting)
    desk.api.deliver("InvitationSweep")
    expired.check_ended_once(*others)
    assert expired.stored(busy)["status"] == "PENDING"
    monkeypatch.setattr(Database, "transact_each", transact)
    desk.api.deliver("InvitationSweep")
    expired.check_ended_once(busy)


def test_killed_after_any_round_the_next_run_goes_on(
    desk: Desk, expired: Expired, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "_OF_EACH_PART", 10)
    monkeypatch.setattr(sweep, "_TOGETHER", 5)
    expired.add(new_id("organisation"), 35)
    transact, left = Database.transact_each, [0]

    def dying(database: Database, transactions: list) -> list:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return transact(database, transactions)

    monkeypatch.setattr(Database, "transact_each", dying)
    for rounds in (0, 1, 2):
        left[0] = rounds
        with pytest.raises(KeyboardInterrupt):
            desk.api.deliver("InvitationSweep")
    ended = [record for record in expired.records if expired.stored(record)["status"] == "EXPIRED"]
    assert len(ended) == 30
    monkeypatch.setattr(Database, "transact_each", transact)
    desk.api.deliver("InvitationSweep")
    expired.check_ended_once(*expired.records)
