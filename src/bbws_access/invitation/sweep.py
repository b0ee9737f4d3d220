"""Marks invitations that have expired. Whoever reads one knows it anyway; this frees addresses and tidies the lists."""

from __future__ import annotations

import time

from bbws_access.invitation import rules, store
from bbws_access.kernel.events import Event
from bbws_access.kernel.records import Stale

_AT_ONCE = 100
_SECONDS = 20.0  # the next run goes on


def sweep(event: Event) -> None:
    """Mark what has expired, the longest expired first, for as long as there is time."""
    table, end = event.settings.invitations_table, time.monotonic() + _SECONDS
    query = store.overdue(table, event.now, _AT_ONCE)
    done, more = 0, True
    while more and time.monotonic() < end:
        [page] = event.database.parallel([query])
        for found in page.items:
            done += _expire(event, found)
            if time.monotonic() >= end:
                break
        more = page.last_key is not None
        query = query._replace(start_key=page.last_key)
    event.log.info("Invitations have expired", count=done, finished=not more)


def _expire(event: Event, found: dict) -> int:
    try:
        record = rules.ended(found, rules.EXPIRED, event.change)
        store.end(event.database, event.settings.invitations_table, found, record)
    except Stale:
        return 0  # the index is a moment behind, or somebody answers it: the next run looks again
    return 1
