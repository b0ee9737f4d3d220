"""Marks invitations that have expired. Whoever reads one knows it anyway; this frees addresses and tidies the lists."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from bbws_access.invitation import rules, store
from bbws_access.kernel.dynamodb import Delete, TransactionCancelled, Update
from bbws_access.kernel.events import Event

_OF_EACH_PART = 100  # at once, so that no organisation's invitations keep those of other parts waiting
_TOGETHER = 50  # in a transaction, which has room for 100 actions
_SECONDS = 20.0  # of the function's 30; the next run goes on


class _End(NamedTuple):
    """The end of one invitation. free: frees its address; None where another invitation has it."""

    store: Update
    free: Delete | None


def sweep(event: Event) -> None:
    """Mark what has expired, the longest expired first, for as long as there is time."""
    until = time.monotonic() + _SECONDS
    queries = store.overdue(event.settings.invitations_table, event.now, _OF_EACH_PART)
    done = 0
    while queries and time.monotonic() < until:
        pages = event.database.parallel(queries)
        done += _expire(event, [found for page in pages for found in page.items], until)
        queries = [
            query._replace(start_key=page.last_key)
            for query, page in zip(queries, pages, strict=True)
            if page.last_key is not None
        ]
    event.log.info("Invitations have expired", count=done, finished=not queries)


def _expire(event: Event, found: Iterable[dict], until: float) -> int:
    """End invitations, as many as there is time for; returns how many.

    Those that somebody else ends or sends again meanwhile are theirs: the others of their transaction go on without
    them. What the database was too busy for is left to the next run.
    """
    table, change = event.settings.invitations_table, event.change
    ends = [_End(*store.expire(table, stored, rules.ended(stored, rules.EXPIRED, change))) for stored in found]
    waiting = list(_transactions(ends))
    done = 0
    while waiting and time.monotonic() < until:
        outcomes = event.database.transact_each(list(map(_actions, waiting)))
        again: list[list[_End]] = []
        for together, outcome in zip(waiting, outcomes, strict=True):
            if outcome is None:
                done += len(together)
            elif isinstance(outcome, TransactionCancelled):
                again += _without_failed(together, set(outcome.failed()))
        waiting = again
    return done


def _transactions(ends: list[_End]) -> Iterator[list[_End]]:
    for start in range(0, len(ends), _TOGETHER):
        yield ends[start : start + _TOGETHER]


def _actions(together: list[_End]) -> list[Update | Delete]:
    return [action for end in together for action in end if action is not None]


def _without_failed(together: list[_End], failed: set[int]) -> list[list[_End]]:
    """What to try instead of a transaction, of which the actions at these positions failed; fewer with each time."""
    if not failed:  # others were in the way of some of it all the time: not of both halves, perhaps
        middle = len(together) // 2
        return [half for half in (together[:middle], together[middle:]) if half] if middle else []
    left, position = [], 0
    for end in together:
        was_stored = position not in failed
        position += 1
        if end.free is not None:
            end = end if position not in failed else end._replace(free=None)
            position += 1
        if was_stored:
            left.append(end)
    return [left] if left else []
