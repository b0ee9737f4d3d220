"""Who has left, and how often: one record per person, written before anything else ends.

What a person is given says how often they had left by then, the organisation or everything. It counts while that number
is still the person's. So one write ends all that somebody holds, wherever it lies, and what is being written at that
moment never counts (docs/decisions/0012-who-leaves.md).
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from bbws_access.access.grants import in_force
from bbws_access.kernel.dynamodb import Check, Database, Get, Put, Throttled, TransactionCancelled
from bbws_access.kernel.errors import Conflict, Unavailable
from bbws_access.kernel.keys import key
from bbws_access.kernel.records import (
    Change,
    Stale,
    Step,
    commit,
    commit_patiently,
    put_over,
    timestamp,
    until_fresh,
)

ENTITY = "Departures"
_COPY, _COPIES = "DeparturesCopy", tuple(f"{number:02d}" for number in range(32))
EVERYWHERE = "EVERYWHERE"  # among ids of organisations, which are lower-case
_PATIENCE = 5  # times a database's own deadline, or as many attempts as a change may take
_PAUSE = 0.5  # seconds at most
_TOLD_AT_MOST = 50  # of the last departures of a person, to know those again that are told twice


class Departures(NamedTuple):
    """The departures of one person; `record` is None for somebody who never left."""

    user_id: str
    record: dict | None = None

    def count(self, org_id: str | None) -> int:
        """How often the person has left an organisation (None: none) or everything."""
        places = self.record["places"] if self.record is not None else {}
        return sum(places[place]["count"] for place in (org_id, EVERYWHERE) if place in places)

    def last(self, org_id: str) -> str:
        """When the person last left an organisation or everything; "" for never."""
        places = self.record["places"] if self.record is not None else {}
        return max((places[place]["leftAt"] for place in (org_id, EVERYWHERE) if place in places), default="")

    def told(self, org_id: str) -> str | None:
        """What the person's last departure from an organisation itself was told under; None where there was none."""
        told = self.record["told"] if self.record is not None else []
        place = f"{org_id}#"
        return next((one.removeprefix(place) for one in reversed(told) if one.startswith(place)), None)

    def lets(self, given: dict) -> bool:
        """Whether the person has not left since they were given a role or a membership."""
        left = 0 if self.record is None else self.count(given.get("organisationId"))
        return given.get("departures", 0) == left

    def in_force(self, given: dict, now: datetime) -> bool:
        """Whether a role or a membership of the person counts now."""
        return in_force(given, now) and self.lets(given)

    def those_in_force(self, given: Iterable[dict], now: datetime) -> list[dict]:
        """Those of a person's roles or memberships that count now: the same as `in_force` of each, for very many."""
        if self.record is not None:
            return [one for one in given if self.in_force(one, now)]
        return [
            one
            for one in given
            if one.get("active") is True
            and one.get("departures", 0) == 0
            and (one.get("expiresAt") is None or in_force(one, now))
        ]

    def ended(self, given: dict) -> bool:
        """Whether what the person was given, and what nobody ended yet, ended as they left."""
        return given["active"] and given.get("departures", 0) < self.count(given.get("organisationId"))

    def stays(self, table: str) -> Step:
        """A step that fails as stale where the person leaves meanwhile.

        It asks any copy of the record: many who act at the same moment on behalf of one person are not in each other's
        way.
        """
        place = key(ENTITY, userId=self.user_id)
        if self.record is None or "copies" in self.record:
            copy = random.choice(_COPIES)  # noqa: S311 - spreads who asks, guards no secret
            place = key(_COPY, userId=self.user_id, copy=copy)
        if self.record is None:
            return Check(table, place, "attribute_not_exists(PK)"), Stale()
        names, values = {"#version": "version"}, {":version": self.record["version"]}
        return Check(table, place, "#version <= :version", names, values), Stale()


def departures_read(table: str, user_id: str) -> Get:
    """The read of somebody's departures, in the table `permissions`: with the user's id they make `Departures`."""
    return Get(table, key(ENTITY, userId=user_id))


def record_departure(
    database: Database, table: str, user_id: str, org_id: str | None, departure_id: str, change: Change
) -> Departures:
    """Record that somebody leaves an organisation, or everything for None; doing it again changes nothing.

    departure_id: the same each time that the same departure is told
    All that they hold there counts no more from now on. Returns the departures as they then are.
    """
    read, place = departures_read(table, user_id), org_id or EVERYWHERE
    told = f"{place}#{departure_id}"

    def attempt(reads: list) -> Departures:
        [found] = reads
        if found is not None and told in found["told"]:
            return Departures(user_id, found)
        item = _next(user_id, place, told, found, change)
        # Copies first: from the last of them on, nothing that began before is written any more. They are written one by
        # one, since all would hardly be free at the same moment. Who dies before the record is written leaves the
        # person unable to write, and whoever tells of the departure again goes on.
        for outcome in database.transact_each([put] for put in _copies(table, user_id, item["version"])):
            if outcome is not None and not (isinstance(outcome, TransactionCancelled) and outcome.failed()):
                raise Unavailable("The departure could not be written: too many changes at the same moment.")
        commit(database, [(put_over(table, item, found), Stale())])
        return Departures(user_id, item)

    for left in range(_PATIENCE - 1, -1, -1):
        try:
            return until_fresh(database.parallel([read]), lambda: database.parallel([read]), attempt)
        except (Throttled, Unavailable, Stale):
            # All that the person writes at this moment checks the record: whoever writes on and on must not stay. And
            # who is put out of many organisations at once leaves all of them by this one record.
            if not left:
                raise
            time.sleep(random.uniform(0, _PAUSE))  # noqa: S311 - parts those that met, guards no secret
    raise AssertionError("unreachable")


def depart(
    database: Database,
    table: str,
    departures: Departures,
    org_id: str,
    departure_id: str,
    change: Change,
) -> None:
    """Record that somebody leaves an organisation as a request asks it, in one transaction.

    departures: as they were read
    What checks the request's caller is in the transaction as well, so of two who let each other leave at the same
    moment one stays. Raises Stale where the departures are not as they were read.
    """
    found = departures.record
    item = _next(departures.user_id, org_id, f"{org_id}#{departure_id}", found, change)
    # The record is at the version that was read, so no copy is later than the new one.
    copies = _copies(table, departures.user_id, item["version"])
    copies = [put._replace(condition=None, names=None, values=None) for put in copies]
    commit_patiently(database, [*((put, Stale()) for put in copies), (put_over(table, item, found), Stale())])


def _next(user_id: str, place: str, told: str, found: dict | None, change: Change) -> dict:
    """The record of somebody's departures with one more; found: as it is."""
    before = {"places": {}, "told": []} if found is None else found
    count = before["places"].get(place, {"count": 0})["count"] + 1
    return {
        **key(ENTITY, userId=user_id),
        "entityType": ENTITY,
        "userId": user_id,
        "active": True,
        **(change.first() if found is None else {**found, **change.next(found)}),
        "places": {**before["places"], place: {"count": count, "leftAt": timestamp(change.now)}},
        "told": [*before["told"], told][-_TOLD_AT_MOST:],
        "copies": len(_COPIES),
    }


def _copies(table: str, user_id: str, version: int) -> list[Put]:
    """The copies of a record's version; one that is as new already stays."""
    names, values = {"#version": "version"}, {":version": version}
    condition = "attribute_not_exists(PK) OR #version < :version"
    kept = {"entityType": _COPY, "userId": user_id, "version": version, "active": True}
    places = (key(_COPY, userId=user_id, copy=copy) for copy in _COPIES)
    return [Put(table, {**place, **kept}, condition, names, values) for place in places]


def user_left(user_id: str) -> Conflict:
    """The answer to whoever gives something to somebody who left after that began."""
    return Conflict(
        f"The user {user_id} left while this was under way, and was given nothing. If they are to be back, ask again.",
        code="USER_LEFT",
    )
