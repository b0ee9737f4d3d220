"""Requests and events that take turns, a step of the database each, in orders drawn by lot; and functions that die."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import NamedTuple

import pytest
from benchmarks._scenarios import Place

from bbws_access.access import departures
from bbws_access.kernel.dynamodb import Put
from bbws_access.role import store
from bbws_access.role.handler import service as role_service
from bbws_access.team.handler import service as team_service
from tests.support.services import Instance
from tests.support.teams import MEMBERS
from tests.unit.leaving.test_orders import ROLES, Departure, Person
from tests.unit.leaving.test_requests import held

_DIES = 0.04  # how likely a function that handles an event dies at each step, before it or before it hears of it
_DYING = 8  # of the functions that handle events


class Died(BaseException):
    """The function ends, whatever it was about to do."""


class Written(NamedTuple):
    """What a committed transaction stored: a departure, or something active of a user's. by: which function"""

    by: str
    kind: str
    user: str
    of: str | None = None


class Turns:
    """Functions of which one at a time goes on, until its next step; `written` is in the order of commits."""

    def __init__(self, lot: random.Random) -> None:
        self._lot, self._changed = lot, threading.Condition()
        self._waiting: set[str] = set()
        self._alive: dict[str, float] = {}
        self._turn: str | None = None
        self.written: list[Written] = []

    def start(self, name: str, instance: Instance, act: Callable[[], object], dies: float = 0.0) -> None:
        """Let a function take turns. dies: how likely at each step; then another one does it again"""
        database = instance.database
        run, each = database._run, database.transact_each

        def one_step(calls: list, *more: float | None) -> list:
            self._wait(name)
            results = run(calls, *more)
            for call, result in zip(calls, results, strict=True):
                if type(call).__name__ == "_Transact" and result is None:
                    self._note(name, [action.item for action in call.actions if isinstance(action, Put)])
            self._perhaps_die(name)
            return results

        database._run = one_step
        database.transact_each = lambda transactions: [each([one])[0] for one in transactions]
        self._alive[name] = dies
        threading.Thread(target=self._live, args=(name, act), daemon=True).start()

    def run(self) -> None:
        """Take turns until all are done."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._turn is None and len(self._waiting) == len(self._alive))
                if not self._alive:
                    return
                self._turn = self._lot.choice(sorted(self._waiting))
                self._changed.notify_all()

    def _live(self, name: str, act: Callable[[], object]) -> None:
        try:
            act()
        finally:
            with self._changed:
                del self._alive[name]
                self._changed.notify_all()

    def _wait(self, name: str) -> None:
        with self._changed:
            self._waiting.add(name)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._turn == name)
            self._waiting.discard(name)
            self._turn = None
        self._perhaps_die(name)

    def _perhaps_die(self, name: str) -> None:
        if self._lot.random() < self._alive[name]:
            raise Died

    def _note(self, name: str, items: list[dict]) -> None:
        for item in items:
            kind = item["entityType"]
            if kind == "Departures" or (kind in ("UserRoleAssignment", "TeamMember") and item["active"]):
                self.written.append(Written(name, kind, item["userId"], item.get("roleId") or item.get("teamId")))


@pytest.mark.parametrize("seed", range(12))
def test_whatever_the_order(
    place: Place, start_instance: Callable[..., Instance], monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Somebody leaves, once or twice, gives and takes; a colleague gives them something; four functions are told."""
    monkeypatch.setattr(departures, "_COPIES", ("00", "01", "02"))  # fewer steps, in more orders
    monkeypatch.setattr(departures, "_PAUSE", 0.0)
    lot, person, organisation = random.Random(seed), Person(place), place.organisation
    turns, low = Turns(lot), place.role()
    events = [Departure(place, person.id, person.org_id), Departure(place, person.id, None)][: lot.choice((1, 2))]
    services, started = {"role": role_service, "team": team_service}, []

    def function(service: str) -> Instance:
        return start_instance(services[service], "permissions", "teams")

    def tell(event: Departure, service: str) -> None:
        started.append(event)
        instance, dies = function(service), _DIES if len(started) <= _DYING else 0.0

        def handle() -> None:
            try:
                event.reach(service, instance)
            except Died:
                tell(event, service)

        turns.start(f"event {len(started)}", instance, handle, dies)

    def ask(name: str, service: str, path: str, by: str, body: dict) -> None:
        instance = function(service)
        turns.start(name, instance, lambda: instance.call("POST", path, by, body))

    for event in events:
        tell(event, "role")
        tell(event, "team")
    role, join = {"roleId": place.ids["roleId"]}, MEMBERS.format(person.org_id, person.team)
    to_them, to_another = (ROLES.format(person.org_id, user) for user in (person.id, person.accomplice))
    ask("own 1", "role", to_another, person.id, role)
    ask("own 2", "role", to_them, person.id, role)
    ask("own 3", "team", join, person.id, organisation.body(person.accomplice))
    ask("colleague 1", "role", to_them, place.admin, {"roleId": low})
    ask("colleague 2", "role", to_them, place.admin, role)
    ask("colleague 3", "team", join, place.admin, organisation.body(person.id))
    turns.run()
    for event in events:
        event.reach("team")
        event.reach("role")

    written = turns.written
    left = [n for n, one in enumerate(written) if one.kind == "Departures"]
    assert len(left) == len(events), written
    assert all(n < left[0] for n, one in enumerate(written) if one.by.startswith("own")), written
    kept = {one for one in written[left[-1] :] if one.user == person.id and one.kind != "Departures"}
    roles = [one for one in kept if one.kind == "UserRoleAssignment"]
    expected = len(roles), len(kept) - len(roles)
    assert held(place, person.id) == person.active() == expected, written
    [uses] = place.world.database.parallel([store.USES.read(place.world.table, person.org_id, low)])
    assert store.USES.total(uses) == len([one for one in roles if one.of == low]), written
    others = [one for one in written if one.kind == "TeamMember" and one.user == person.accomplice]
    assert organisation.numbers(person.team)[0] == len(kept) - len(roles) + len(others), written
