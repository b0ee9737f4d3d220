"""Many invitations in one request: each with a result of its own, whatever becomes of the others.

They are stored in as few transactions as DynamoDB allows, each on the same conditions as a single invitation. What a
transaction refuses is read again and tried again, without those rows that turn out to be at fault. So a request can be
sent again at any time: what it created before is pending then.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence

from bbws_access.invitation import holders, mail, offers, rules, store
from bbws_access.invitation.offers import Offer, Offers, Wanted
from bbws_access.kernel.dynamodb import Call, DatabaseUnavailable, TransactionCancelled
from bbws_access.kernel.errors import BadRequest, Forbidden, ServiceError, Unavailable
from bbws_access.kernel.ids import new_id
from bbws_access.kernel.records import Stale, Step
from bbws_access.service.access import CallerLeft, check_access
from bbws_access.service.operations import change_of, check_organisation
from bbws_access.service.requests import Request

Outcome = dict | ServiceError  # the record that was created, or why there is none

_ATTEMPTS = 10
# Of the 29 that API Gateway waits: what was begun by then is over before.
_SECONDS = 16.0
_ACTIONS = 97  # of the 100 of a transaction: two count, and one asks whether the caller is still there
_OF_A_ROW = 2
_BUSY = "Too many changes at the same moment. Nothing was created: send it again."


class _Row:
    """One invitation of a request. outcome: None until it is known"""

    outcome: Outcome | None = None
    body: dict
    wanted: Wanted
    offer: Offer
    replaced: dict | None  # the pending invitation of the address that has expired
    record: dict
    invited: dict[str, object] | None = None  # what the record says of who is invited, once somebody looked
    asked = False  # for its mail

    def __init__(self, position: int, given: dict) -> None:
        self.position = position
        self.email = given.get("email")
        self.invitation_id = new_id("invitation")

    def take(self, body: dict) -> None:
        self.body, self.email = body, rules.normal_email(body["email"])
        self.wanted = body["roleId"], body.get("teamId"), body.get("teamRoleId")


def reads(request: Request) -> list[Call]:
    """What `create` needs at first."""
    return _reads(request, [row for row in _rows(request) if row.outcome is None])


def create(request: Request) -> list[Outcome]:
    """What became of each invitation of the request, in its order.

    Raises FORBIDDEN where the caller may not do it any more and nothing was created, ORGANISATION_NOT_FOUND.
    """
    rows, until = _rows(request), time.monotonic() + _SECONDS
    results = request.prefetched
    for attempt in range(_ATTEMPTS):
        waiting = [row for row in rows if row.outcome is None]
        if attempt:
            if not waiting:
                break
            try:
                results = check_access(request, _reads(request, waiting))
            except (Forbidden, DatabaseUnavailable) as error:
                if not any(isinstance(row.outcome, dict) for row in rows):
                    raise
                _settle(waiting, error if isinstance(error, Forbidden) else Unavailable(_BUSY))
                break
        _try(request, waiting, results, until)
    _settle((row for row in rows if row.outcome is None), Stale())
    return [row.outcome for row in rows if row.outcome is not None]


def answer(request: Request, outcomes: Sequence[Outcome]) -> dict:
    """The results as the caller sees them, and how long to wait where any are to be sent again."""
    items = []
    seconds = [0]
    for row, outcome in zip(_rows(request), outcomes, strict=True):
        items.append(rules.result_answer(row.position, row.email, outcome))
        if items[-1]["status"] == rules.RETRY:
            seconds.append(int(outcome.headers.get("Retry-After", "1")))
    return {"items": items, **({"retryAfter": max(seconds)} if max(seconds) else {})}


def _rows(request: Request) -> list[_Row]:
    """The request's invitations; those that cannot be one have their outcome."""
    rows, positions = [], {}
    for position, given in enumerate(request.body["invitations"]):
        row = _Row(position, given)
        rows.append(row)
        try:
            row.take(request.each(f"body.invitations.{position}", given))
            rules.check_given_once(positions.get(row.email), position)
            positions[row.email] = position
            rules.check_team_given(row.body)
        except BadRequest as error:
            row.outcome = error
    return rows


def _reads(request: Request, rows: list[_Row]) -> list[Call]:
    table, org_id = request.settings.invitations_table, request.path["orgId"]
    return [
        *_offers(request, rows).calls,
        *store.creations(table, org_id, request.now),
        *(store.pending(table, org_id, row.email) for row in rows),
    ]


def _offers(request: Request, rows: Iterable[_Row]) -> Offers:
    return Offers(request.settings, request.path["orgId"], (row.wanted for row in rows))


def _settle(rows: Iterable[_Row], outcome: ServiceError) -> None:
    for row in rows:
        row.outcome = outcome


def _try(request: Request, rows: list[_Row], results: list, until: float) -> None:
    """Create what can be created; what has no outcome then has to be read again."""
    offered = _offers(request, rows)
    width = len(offered.calls)
    check_organisation(request, results[0])
    offered.take(request.database, results[:width])
    in_day, in_minute, *pending = results[width:]
    for row, found in zip(rows, pending, strict=True):
        try:
            row.offer, row.replaced = offered.offer(request.access, row.wanted), found
            rules.check_none_pending(found, request.now)
        except ServiceError as error:
            row.outcome = error
    _look_for_holders(request, _limited(request, _open(rows), in_day, in_minute, at_all=True))
    _ask_for_mails(request, _limited(request, _open(rows), in_day, in_minute))
    for group in _groups(_open(rows)):
        _commit(request, group, until)


def _open(rows: Iterable[_Row]) -> list[_Row]:
    return [row for row in rows if row.outcome is None]


def _limited(
    request: Request, rows: list[_Row], in_day: dict | None, in_minute: dict | None, *, at_all: bool = False
) -> list[_Row]:
    """Those that the organisation may create now; the others are told so. at_all: all, if it may create any"""
    left = rules.creations_left(in_day, in_minute, request.now)
    allowed = len(rows) if at_all and left.number else left.number
    _settle(rows[allowed:], left.error)
    return rows[:allowed]


def _look_for_holders(request: Request, rows: list[_Row]) -> None:
    unknown = [row for row in rows if row.invited is None]
    said = holders.check_each_not_held(request, [(row.email, row.offer) for row in unknown])
    for row, found in zip(unknown, said, strict=True):
        if isinstance(found, ServiceError):
            row.outcome = found
        else:
            row.invited = found


def _ask_for_mails(request: Request, rows: list[_Row]) -> None:
    """Make the records, and ask for the mails of those that nobody asked for."""
    org_id, change = request.path["orgId"], change_of(request)
    left = request.access.departures.count(org_id)
    for row in rows:
        record = rules.new_invitation(
            org_id,
            row.invitation_id,
            row.body,
            row.offer.names(),
            request.caller.email,
            change,
            departures=left,
            in_bulk=True,
        )
        row.record = record | row.invited
    unasked = [row for row in rows if not row.asked]
    outcomes = mail.ask_for_each(request.aws, request.settings, [row.record for row in unasked], request.now)
    for row, error in zip(unasked, outcomes, strict=True):
        row.outcome, row.asked = error, error is None


def _groups(rows: Iterable[_Row]) -> Iterator[list[_Row]]:
    """The rows of one transaction each: as many as it has room for, those that offer the same together."""
    group: list[_Row] = []
    checked: set[tuple[str, str]] = set()
    for row in sorted(rows, key=lambda row: [part or "" for part in row.wanted]):
        needed = checked | _checked(row.offer).keys()
        if group and _OF_A_ROW * (len(group) + 1) + len(needed) > _ACTIONS:
            yield group
            group, needed = [], set(_checked(row.offer))
        group.append(row)
        checked = needed
    if group:
        yield group


def _checked(offer: Offer) -> dict[tuple[str, str], None]:
    """What a transaction checks of an offer, in the order of `offers.stay`."""
    found = [("role", offer.role["roleId"])]
    if offer.team is not None:
        found += [("team", offer.team["teamId"]), ("team role", offer.team_role["teamRoleId"])]
    return dict.fromkeys(found)


def _commit(request: Request, group: list[_Row], until: float) -> None:
    """Store a group of invitations, all or none; where anything is not as it was read, none has an outcome then."""
    if time.monotonic() > until:
        _settle(group, Unavailable("There was no time left for this one. Nothing was created: send it again."))
        return
    table, change = request.settings.invitations_table, change_of(request)
    stays: dict[tuple[str, str], Step] = {}
    for row in group:
        for name, step in zip(_checked(row.offer), offers.stay(request.settings, row.offer), strict=True):
            stays.setdefault(name, step)  # a transaction may ask about an item once
    steps = [
        *(step for row in group for step in store.keep(table, row.record, row.replaced, change)),
        *stays.values(),
        *store.count_creations(table, request.path["orgId"], len(group), request.now),
    ]
    try:
        request.database.transact([action for action, _ in steps])
    except CallerLeft:
        return
    except TransactionCancelled as cancelled:
        if not cancelled.failed():
            _settle(group, Unavailable(_BUSY))
        return
    except DatabaseUnavailable as error:
        request.log.warning("Invitations could not be stored", reason=error.code, count=len(group))
        _settle(group, Unavailable("The service is busy, and may have created it or not. Send it again."))
        return
    for row in group:
        row.outcome = row.record
