"""The second lock: what the tables say that the caller holds, when a request begins and until its last write."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from bbws_access.access.departures import Departures, user_left
from bbws_access.access.grants import MembershipsUnread, Reason
from bbws_access.access.reader import read_access_in, role_seen_in, seen_in
from bbws_access.kernel.dynamodb import Call, Check, Database, Delete, Page, Put, Query, TransactionCancelled, Update
from bbws_access.kernel.errors import Forbidden
from bbws_access.kernel.records import (
    OrganisationExists,
    Stale,
    Step,
    check_open,
    organisation_exists,
    stays_open,
)
from bbws_access.service.requests import Request

Result = TypeVar("Result")


class CallerLeft(Stale):
    """The caller left since access was read, this organisation or another one. Nothing was written: read again."""


class CallersDatabase:
    """The database as a request of a caller may use it: each write fails as stale once the caller has left.

    It checks so in the same transaction, so whoever leaves before the commit has written nothing. There is no other
    write than a transaction. Everybody leaves an organisation that is closed; of a caller who holds nothing in it, and
    is let in by a platform role, the transaction checks that it is open
    (docs/decisions/0050-a-closed-organisation.md).
    """

    def __init__(self, database: Database, request: Request) -> None:
        self._database = database
        self._request = request

    @property
    def deadline(self) -> float:
        """Seconds for a call with all its retries."""
        return self._database.deadline

    @property
    def apart_at(self) -> float:
        """When reads that belong together were last answered apart."""
        return self._database.apart_at

    def parallel(self, calls: Iterable[Call], *, deadline: float | None = None) -> list:
        """The results of reads that are in flight at the same time, in the order of the calls."""
        calls = list(calls)
        if any(isinstance(call, Update) for call in calls):
            raise TypeError("What a caller writes goes into a transaction")
        return self._database.parallel(calls, deadline=deadline)

    def rest_of(self, query: Query, page: Page) -> list[dict]:
        """The items of a first page and of all that follow it."""
        return self._database.rest_of(query, page)

    def transact(self, actions: Iterable[Put | Update | Delete | Check]) -> None:
        """All of the actions or none. Raises CallerLeft, ORGANISATION_CLOSED, TransactionCancelled."""
        actions, table = list(actions), self._request.settings.permissions_table
        org_id = self._request.path.get("orgId")
        check, _ = self._request.access.departures.stays(table)
        guards: list[Step] = [(check, CallerLeft())]
        if org_id is not None and not self._request.access.belongs_to(org_id):
            guards.append(stays_open(table, org_id))
        try:
            self._database.transact([*actions, *(guard for guard, _ in guards)])
        except TransactionCancelled as cancelled:
            failed = cancelled.failed()
            for position, (_, error) in enumerate(guards, len(actions)):
                if position in failed:
                    raise error from cancelled
            raise TransactionCancelled(str(cancelled), cancelled.reasons[: len(actions)]) from cancelled


def check_access(
    request: Request, calls: Sequence[Call], *, memberships: bool = True, only_reads: bool = False
) -> list:
    """Read what the caller holds, in `request.access` from now on, and the results of the calls, all in one wait.

    Whether there is the organisation is not read of whoever was seen to hold something in it: what they hold is read,
    and proves it. Where they hold nothing there any more, and a platform role lets them in, it takes a second wait.
    memberships: whether the caller's are read, too      only_reads: whether the request changes nothing
    Raises Forbidden where it does not let the request in, MembershipsUnread where without them nobody can tell, and
    ORGANISATION_CLOSED where it would change something in a closed organisation.
    """
    org_id, user_id = request.path.get("orgId"), request.caller.user_id
    calls, unread = list(calls), []
    if org_id is not None and seen_in(user_id, org_id):
        unread = [n for n, call in enumerate(calls) if isinstance(call, OrganisationExists)]
    request.access, results = read_access_in(
        request.database,
        request.settings,
        user_id,
        org_id,
        now=request.now,
        alongside=[call for n, call in enumerate(calls) if n not in unread],
        memberships=memberships,
    )
    decision = request.access.allows(request.operation, request.path)
    if decision.allowed:
        if unread and request.access.belongs_to(org_id):
            found = [dict(calls[n].key) for n in unread]
        else:
            found = request.database.parallel(calls[n] for n in unread)
        for n, organisation in zip(unread, found, strict=True):
            results.insert(n, organisation)
        if org_id is not None and not only_reads and not request.access.belongs_to(org_id):
            _check_open(request, org_id, calls, results)
        return results
    request.log.record(
        "Access denied",
        decision="DENY",
        reason=decision.reason,
        operation=request.operation.operation_id,
        principal=user_id,
        organisationId=org_id,
    )
    message = "You may not do this."
    if decision.reason is Reason.NOT_IN_ORGANISATION:
        message = "You do not belong to this organisation."
    raise Forbidden(message)


def _check_open(request: Request, org_id: str, calls: list[Call], results: list) -> None:
    wanted = organisation_exists(request.settings.permissions_table, org_id)
    found = results[calls.index(wanted)] if wanted in calls else request.database.parallel([wanted])[0]
    check_open(found)


_MOST_NEEDED = 5_000
_needed: dict[tuple[str, str, str], None] = {}
"""Operations, organisations and people of whom a request needed memberships."""


def with_access(
    request: Request,
    calls: Sequence[Call],
    function: Callable[[Request], Result],
    invalid: Exception | None = None,
    *,
    only_reads: bool,
) -> Result:
    """What a function answers to a caller whom `check_access` lets in. Raises `invalid` in its place, and Forbidden.

    Of whoever holds a role of the organisation, mostly the role decides. So in a request that only reads, their
    memberships are read where the decision, or a link in the answer, turns out to depend on them: then it begins anew.
    Where it did the last time, and of whoever asks about themselves, they are read at once.
    """
    org_id, user_id = request.path.get("orgId"), request.caller.user_id
    place = request.operation.operation_id, org_id or "", user_id
    may_do_without = only_reads and org_id is not None and request.path.get("userId") != user_id
    if may_do_without and role_seen_in(user_id, org_id) and place not in _needed:
        try:
            return _answer(request, calls, function, invalid, memberships=False, only_reads=True)
        except MembershipsUnread:
            while len(_needed) >= _MOST_NEEDED:
                _needed.pop(next(iter(_needed)), None)
            _needed[place] = None
    return _answer(request, calls, function, invalid, memberships=True, only_reads=only_reads)


def _answer(
    request: Request,
    calls: Sequence[Call],
    function: Callable[[Request], Result],
    invalid: Exception | None,
    *,
    memberships: bool,
    only_reads: bool,
) -> Result:
    request.prefetched = check_access(request, calls, memberships=memberships, only_reads=only_reads)
    if invalid is not None:
        raise invalid
    return function(request)


class Receiver:
    """Whoever is given something by a request, in the path's organisation.

    What they get counts from the departures that `find` found on. Whoever leaves after the request began is not
    brought back by it.
    """

    def __init__(self, request: Request, user_id: str) -> None:
        self._request = request
        self._user_id = user_id
        self._first: int | None = None

    def find(self, record: dict | None) -> Departures:
        """The receiver's departures, from the result of `departures_read`. Raises USER_LEFT, Stale."""
        found = Departures(self._user_id, record)
        count = found.count(self._request.path["orgId"])
        if self._first is None:
            self._first = count
        if count != self._first:
            raise user_left(self._user_id)
        if self._is_caller() and found.record != self._request.access.departures.record:
            raise Stale
        return found

    def stays(self, departures: Departures) -> list[Step]:
        """The step that fails as stale where the receiver leaves; of the caller it is among the steps anyway."""
        return [] if self._is_caller() else [departures.stays(self._request.settings.permissions_table)]

    def _is_caller(self) -> bool:
        return self._user_id == self._request.caller.user_id
