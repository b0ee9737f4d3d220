"""The invitation service's operations, its mail worker, and what it does when events say so."""

from __future__ import annotations

from bbws_access.invitation import acceptance, bulk, holders, mail, offers, rules, store, sweep
from bbws_access.kernel.dynamodb import Call, Query
from bbws_access.kernel.errors import Forbidden, NotFound
from bbws_access.kernel.events import Event, Message
from bbws_access.kernel.ids import new_id
from bbws_access.kernel.paging import encode_cursor, list_response, page_size
from bbws_access.kernel.records import Stale, commit, organisation_exists, take, timestamp, until_fresh
from bbws_access.service.access import check_access
from bbws_access.service.links import Links, cursor_scope, link, own_link, page_links
from bbws_access.service.operations import change_of, check_organisation, from_cursor, page_of, settle
from bbws_access.service.requests import Request, Response
from bbws_access.service.runtime import Service

service = Service("invitation")

_ACTIONS = {"resend": "resendInvitation", "revoke": "deleteInvitation"}


# Invitations of an organisation


def _listed(request: Request) -> list[Call]:
    org_id, size = request.path["orgId"], page_size(request.query)
    queries = store.invitations(request.settings.invitations_table, org_id, request.query, request.now, size)
    return [organisation_exists(request.settings.permissions_table, org_id), *_from_cursor(request, queries)]


@service.operation("listInvitations", prefetch=_listed)
def list_invitations(request: Request) -> dict:
    check_organisation(request, request.prefetched[0])
    queries, pages = _listed(request)[1:], request.prefetched[1:]
    if len(queries) == 1:
        found, cursor = page_of(request, queries[0], pages[0])
    else:
        found, cursor = _merged(request, queries, pages)
    links = Links(request.access)
    items = [_shown(request, links, invitation) for invitation in found]
    return list_response(items, cursor, page_links(request, cursor, {"create": "createInvitation"}))


def _from_cursor(request: Request, queries: list[Query]) -> list[Query]:
    """The queries from where the cursor says to go on. A cursor of two queries is a key of the last one."""
    found = from_cursor(request, queries[-1])
    if found.start_key is None:
        return queries
    others = (query._replace(start_key={**found.start_key, "GSI1PK": query.partition}) for query in queries[:-1])
    return [*others, found]


def _merged(request: Request, queries: list[Query], pages: list) -> tuple[list[dict], str | None]:
    """One page of two queries with sort keys of one kind: what moves from one to the other keeps its place."""
    size = page_size(request.query)
    taken = [take(request.database, query, page, size) for query, page in zip(queries, pages, strict=True)]
    newest = request.query["order"] == "newest"
    found = sorted(
        (invitation for items, _ in taken for invitation in items),
        key=lambda invitation: invitation["GSI1SK"],
        reverse=newest,
    )
    if len(found) <= size and not any(last for _, last in taken):
        return found, None
    last = {name: found[size - 1][name] for name in ("PK", "SK", "GSI1SK")}
    return found[:size], encode_cursor(cursor_scope(request), {**last, "GSI1PK": queries[-1].partition})


def _new_reads(request: Request) -> list[Call]:
    table, org_id, body = request.settings.invitations_table, request.path["orgId"], request.body
    return [
        store.pending(table, org_id, rules.normal_email(body["email"])),
        *store.creations(table, org_id, request.now),
        *offers.reads(request.settings, org_id, body["roleId"], body.get("teamId")),
    ]


@service.operation("createInvitation", prefetch=_new_reads)
def create_invitation(request: Request) -> Response:
    table, org_id, body = request.settings.invitations_table, request.path["orgId"], request.body
    change = change_of(request)
    mail.check_configured(request.settings)
    rules.check_team_given(body)
    invitation_id = new_id("invitation")
    calls = _new_reads(request)[3:]
    invited: dict[str, object] | None = None

    def create(reads: list) -> dict:
        nonlocal invited
        pending, in_day, in_minute, *rest = reads
        offer = offers.resolve(
            request.database, calls, rest, body["roleId"], body.get("teamId"), body.get("teamRoleId")
        )
        offer = offers.check_may_offer(request.access, offer)
        rules.check_none_pending(pending, request.now)
        rules.check_creations(in_day, in_minute, request.now)
        record = rules.new_invitation(
            org_id, invitation_id, body, offer.names(), request.caller.email, change, departures=_left(request)
        )
        if invited is None:
            found = holders.check_not_held(request, record["email"], offer)
            mail.ask(request.aws, request.settings, mail.INVITATION, record, request.now)
            invited = found
        record |= invited
        steps = store.create(table, record, pending, change)
        commit(request.database, [*steps, *offers.stay(request.settings, offer)])
        return record

    answer = _shown(request, Links(request.access), settle(request, _new_reads, create))
    return Response(201, answer, {"Location": answer["_links"]["self"]["href"]})


@service.operation("createInvitations", prefetch=bulk.reads)
def create_invitations(request: Request) -> dict:
    mail.check_configured(request.settings)
    outcomes = bulk.create(request)
    created = sum(isinstance(outcome, dict) for outcome in outcomes)
    answer = bulk.answer(request, outcomes)
    request.log.info("Invitations created", count=len(outcomes), created=created)
    links = Links(request.access).of(own_link(request), {"invitations": "listInvitations"}, **request.path)
    return {**answer, "count": len(outcomes), "created": created, "_links": links}


def _reads(request: Request) -> list[Call]:
    org_id = request.path["orgId"]
    return [
        organisation_exists(request.settings.permissions_table, org_id),
        store.invitation(request.settings.invitations_table, org_id, request.path["invitationId"]),
    ]


@service.operation("getInvitation", prefetch=_reads)
def get_invitation(request: Request) -> dict:
    return _shown(request, Links(request.access), _existing(request, request.prefetched))


@service.operation("updateInvitation", prefetch=_reads)
def update_invitation(request: Request) -> dict:
    # The contract lets nothing but active false through.
    return _shown(request, Links(request.access), _revoke(request))


@service.operation("deleteInvitation", prefetch=_reads)
def delete_invitation(request: Request) -> Response:
    _revoke(request)
    return Response(204)


def _revoke(request: Request) -> dict:
    change = change_of(request)

    def revoke(reads: list) -> dict:
        stored = _existing(request, reads)
        if stored["status"] == rules.REVOKED:
            return stored
        record = rules.ended(stored, rules.REVOKED, change, revokedAt=timestamp(request.now))
        store.end(request.database, request.settings.invitations_table, stored, record)
        return record

    return settle(request, _reads, revoke)


def _resend_reads(request: Request) -> list[Call]:
    return [*_reads(request), *offers.reads_of_any(request.settings, request.path["orgId"])]


@service.operation("resendInvitation", prefetch=_resend_reads)
def resend_invitation(request: Request) -> dict:
    table, change = request.settings.invitations_table, change_of(request)
    mail.check_configured(request.settings)
    invited: dict[int, dict[str, object]] = {}  # by the number of the sending, each of which is asked for once
    existing = _existing(request, request.prefetched)
    # A sending changes neither role nor team, so both are known from now on.
    offered = existing["roleId"], existing.get("teamId")
    calls = offers.reads(request.settings, request.path["orgId"], *offered)

    any_calls, any_results = _resend_reads(request)[2:], request.prefetched[2:]
    first = [*request.prefetched[:2], *offers.sent_before(request.database, any_calls, any_results, existing)]

    def resend(reads: list) -> dict:
        stored = _existing(request, reads)
        record = rules.resent(stored, request.caller.email, change, departures=_left(request))
        try:
            offer = offers.resolve(request.database, calls, reads[2:], *offered, stored.get("teamRoleId"))
            offer = offers.check_may_offer(request.access, offer)
        except (Forbidden, NotFound):
            if reads is first and "teamId" in stored:
                raise Stale() from None  # the team may be gone, which says more
            raise
        record = rules.with_role_end(record, None) | offer.names()
        number = record["sendNumber"]
        if number not in invited:
            found = holders.check_not_held(request, record["email"], offer)
            mail.ask(request.aws, request.settings, mail.INVITATION, record, request.now)
            invited[number] = found
        record |= invited[number]
        steps = store.resend(table, stored, record, change)
        commit(request.database, [*steps, *offers.stay(request.settings, offer)])
        return record

    record = until_fresh(first, lambda: check_access(request, [*_reads(request), *calls]), resend)
    return _shown(request, Links(request.access), record)


def _left(request: Request) -> int:
    """How often the caller has left the organisation, or everything."""
    return request.access.departures.count(request.path["orgId"])


def _existing(request: Request, reads: list) -> dict:
    check_organisation(request, reads[0])
    if reads[1] is None:
        raise rules.no_invitation()
    return reads[1]


def _shown(request: Request, links: Links, stored: dict) -> dict:
    parts = {"orgId": stored["organisationId"], "invitationId": stored["invitationId"]}
    pending = rules.status_at(stored, request.now) == rules.PENDING
    actions = {
        relation: operation
        for relation, operation in _ACTIONS.items()
        if pending and (relation != "resend" or stored["resendCount"] < rules.MOST_RESENDS)
    }
    return rules.invitation_answer(stored, request.now, links.of(link("getInvitation", **parts), actions, **parts))


# By token


@service.operation("readInvitation")
def read_invitation(request: Request) -> dict:
    return _viewed(request, acceptance.find(request))


@service.operation("acceptInvitation")
def accept_invitation(request: Request) -> dict:
    record, account = acceptance.accept(request)
    request.log.record(
        "Invitation accepted", organisationId=record["organisationId"], invitationId=record["invitationId"]
    )
    return {**_viewed(request, record), "account": "CREATED" if account.created else "EXISTING"}


@service.operation("declineInvitation")
def decline_invitation(request: Request) -> dict:
    return _viewed(request, acceptance.decline(request))


def _viewed(request: Request, stored: dict) -> dict:
    token = request.path["token"]
    links = {"self": link("readInvitation", token=token)}
    if rules.status_at(stored, request.now) == rules.PENDING:
        links["accept"] = link("acceptInvitation", token=token)
        links["decline"] = link("declineInvitation", token=token)
    return rules.view_answer(stored, request.now, links)


# Outside requests


@service.messages("mail")
def send_mail(message: Message) -> None:
    mail.send(message)


@service.event("Email Bounced")
def mail_bounced(event: Event) -> None:
    mail.feedback(event)


@service.event("Email Complaint Received")
def mail_complained_of(event: Event) -> None:
    mail.feedback(event)


@service.event("InvitationSweep")
def sweep_invitations(event: Event) -> None:
    sweep.sweep(event)


handler = service.handler
