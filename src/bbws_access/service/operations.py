"""What the operations of services have in common: who changes what, pages of lists, attempts that settle."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from bbws_access.access.departures import Departures, record_departure
from bbws_access.access.granting import switch_lacking
from bbws_access.kernel.contract import load_contract
from bbws_access.kernel.dynamodb import Call, Query
from bbws_access.kernel.errors import Forbidden, NotFound
from bbws_access.kernel.events import Event
from bbws_access.kernel.paging import encode_cursor, page_size
from bbws_access.kernel.records import Change, Result, start_key, take, until_fresh
from bbws_access.service.access import check_access
from bbws_access.service.links import cursor_scope
from bbws_access.service.requests import Request


def change_of(request: Request) -> Change:
    """The change that a request makes: by its caller, now."""
    return Change(request.caller.user_id, request.request_id, request.now)


def check_organisation(request: Request, found: dict | None) -> None:
    """Raises ORGANISATION_NOT_FOUND where the read of the organisation found none."""
    if found is None:
        raise NotFound(f"There is no organisation {request.path['orgId']}.", code="ORGANISATION_NOT_FOUND")


def lacking_for_switch(request: Request, old: dict, new: dict, *, begins: str, ends: str) -> list[str]:
    """The permission that the caller lacks for a change that switches a record on or off, if any; by name.

    begins, ends: ids of the operations that make such a record, and that deactivate it
    """
    operations = load_contract().operations
    made, ended = operations[begins], operations[ends]
    return switch_lacking(request.access, request.path, old["active"], new["active"], begins=made, ends=ended)


def check_switch(request: Request, old: dict, new: dict, *, begins: str, ends: str) -> None:
    """Raises FORBIDDEN where the caller may change a record, but not switch it on or off so."""
    lacking = lacking_for_switch(request, old, new, begins=begins, ends=ends)
    if lacking:
        what = "bring it back" if new["active"] else "deactivate it"
        raise Forbidden(f"You may change this, not {what}: that takes {' or '.join(lacking)}.")


def from_cursor(request: Request, query: Query) -> Query:
    """The query, from where the request's `startAt` says to go on. Raises INVALID_CURSOR."""
    return query._replace(start_key=start_key(cursor_scope(request), request.query.get("startAt"), query))


def page_of(request: Request, query: Query, first: object) -> tuple[list[dict], str | None]:
    """The items of the page that the request asks for, and the cursor to the next one.

    first: the result of `query`
    """
    found, last = take(request.database, query, first, page_size(request.query))
    return found, encode_cursor(cursor_scope(request), last)


def departed(event: Event) -> Departures:
    """Record the departure that an event tells of; the person's departures as they then are.

    Each service that takes the event does so before anything else: whichever comes first ends all that they hold.
    """
    detail = event.detail
    return record_departure(
        event.database,
        event.settings.permissions_table,
        detail["userId"],
        detail.get("organisationId"),
        detail.get("departureId", event.event_id),
        event.change,
    )


def settle(request: Request, reads: Callable[[Request], Iterable[Call]], attempt: Callable[[list], Result]) -> Result:
    """The result of `attempt(results of reads)`: with what was prefetched, then anew while it is stale.

    What the caller holds is read anew each time, too: whoever may not do it any more is refused with 403.
    """
    return until_fresh(request.prefetched, lambda: check_access(request, list(reads(request))), attempt)
