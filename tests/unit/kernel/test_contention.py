"""Many transactions on one item end within production's deadline. Time is simulated: no machine is too slow for it."""

from __future__ import annotations

import heapq
import random
import threading

import pytest

from bbws_access.kernel import dynamodb
from bbws_access.kernel.dynamodb import Credentials, Database, DatabaseError, Delete, TransactionCancelled


class Clock:
    """Takes the place of the module `time`. Of all threads that sleep, the first to wake runs, alone."""

    def __init__(self) -> None:
        self.now = 0.0
        self._sleeping: list[tuple[float, int, threading.Event]] = []
        self._number = 0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        awake = self.will_wake(seconds)
        self.go_on()
        awake.wait()

    def will_wake(self, seconds: float) -> threading.Event:
        awake = threading.Event()
        self._number += 1
        heapq.heappush(self._sleeping, (self.now + seconds, self._number, awake))
        return awake

    def go_on(self) -> None:
        if self._sleeping:
            self.now, _, awake = heapq.heappop(self._sleeping)
            awake.set()


class Item:
    """An item that a transaction has to itself for a while."""

    def __init__(self, clock: Clock, held: float) -> None:
        self.clock, self.held = clock, held
        self.free_at, self.written = 0.0, 0

    def transact(self) -> DatabaseError | None:
        self.clock.sleep(random.uniform(0.002, 0.010))  # the way there
        if self.clock.now < self.free_at:
            return TransactionCancelled("", ["TransactionConflict"])
        self.free_at = self.clock.now + self.held
        self.clock.sleep(self.held)
        self.written += 1
        return None


class OneItem(Database):
    """A client of one item, with the deadline and the retries that the services have."""

    item: Item

    def _attempt(self, calls: list, requests: list, waiting: list[int], results: list, end: float) -> dict:
        failure = self.item.transact()
        return {} if failure is None else {0: failure}


def _callers(monkeypatch: pytest.MonkeyPatch, number: int, held: float) -> tuple[Item, list[DatabaseError]]:
    """The item after so many transactions that began at once, and those that failed."""
    clock, failures = Clock(), []
    item = Item(clock, held)
    monkeypatch.setattr(dynamodb, "time", clock)

    def call(start: threading.Event) -> None:
        start.wait()
        database = OneItem("eu-west-1", None, lambda: Credentials("key", "secret"))
        database.item = item
        try:
            database.transact([Delete("t", {"PK": "a", "SK": "b"})])
        except DatabaseError as error:
            failures.append(error)
        clock.go_on()

    threads = [threading.Thread(target=call, args=(clock.will_wake(0),)) for _ in range(number)]
    for thread in threads:
        thread.start()
    clock.go_on()
    for thread in threads:
        thread.join()
    return item, failures


@pytest.mark.parametrize("held", [0.005, 0.01, 0.02])
@pytest.mark.parametrize("seed", range(5))
def test_fifty_transactions_on_one_item(monkeypatch: pytest.MonkeyPatch, held: float, seed: int) -> None:
    random.seed(seed)
    item, failures = _callers(monkeypatch, 50, held)
    assert (item.written, failures) == (50, [])


def test_more_than_the_deadline_has_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    item, failures = _callers(monkeypatch, 50, held=0.2)
    assert len(failures) == 50 - item.written > 0
    assert {type(one) for one in failures} == {TransactionCancelled}
