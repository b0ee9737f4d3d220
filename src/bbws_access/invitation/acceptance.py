"""What the holder of a token does: reads, accepts or declines the invitation."""

from __future__ import annotations

from collections.abc import Sequence

from bbws_access.access import identity, joining
from bbws_access.access.departures import Departures, departures_read
from bbws_access.access.grants import TEAM
from bbws_access.access.reader import AccessIn
from bbws_access.invitation import accounts, mail, offers, rules, store, tokens
from bbws_access.invitation.accounts import Account
from bbws_access.kernel.dynamodb import Call, Page
from bbws_access.kernel.errors import Conflict, NotFound
from bbws_access.kernel.records import Change, Step, check_room, stays, timestamp, until_fresh
from bbws_access.role import rules as role_rules
from bbws_access.role import store as role_store
from bbws_access.service.requests import Request
from bbws_access.team import memberships
from bbws_access.team import rules as team_rules
from bbws_access.team import store as team_store


def find(request: Request) -> dict:
    """The invitation that the request's token is for. Raises RATE_LIMITED or INVITATION_NOT_FOUND.

    What is no token counts for the address, and keeps nobody with a token from using it: an office has one address.
    Each use of one invitation counts, so nobody tries more tokens for it than before.
    """
    try:
        return _found(request)
    except NotFound:
        store.count_failure(request.database, request.settings.invitations_table, request.source_ip, request.now)
        raise


def _found(request: Request) -> dict:
    table, token = request.settings.invitations_table, request.path["token"]
    said = tokens.invitation_of(token)
    if said is None:
        raise rules.no_invitation()
    reads = [store.token(table, tokens.token_hash(token)), store.invitation(table, *said)]
    known, found = store.count_use(request.database, table, request.source_ip, said[1], request.now, reads)
    if known is None or not tokens.is_hash_of(known["tokenHash"], token):
        raise rules.no_invitation()
    if (known["organisationId"], known["invitationId"]) != said:
        raise rules.no_invitation()
    return _current(found, known["sendNumber"])


def _current(found: dict | None, send_number: int) -> dict:
    """The invitation, unless it was sent again after the token's mail: then the token is as good as unknown."""
    if found is None or found["sendNumber"] != send_number:
        raise rules.no_invitation()
    return found


def decline(request: Request) -> dict:
    """The declined invitation; whoever sent it is told."""
    table, stored = request.settings.invitations_table, find(request)
    more = {"declinedAt": timestamp(request.now)}
    if request.body.get("reason"):
        more["declineReason"] = request.body["reason"]
    change = Change(rules.invited_person(stored), request.request_id, request.now)
    rules.check_pending(stored, request.now)
    mail.tell_sender(request.aws, request.settings, mail.DECLINED, stored, request.now)

    def attempt(reads: list) -> dict:
        found = _current(reads[0], stored["sendNumber"])
        record = rules.ended(found, rules.DECLINED, change, **more)
        store.end(request.database, table, found, record)
        return record

    return until_fresh([stored], lambda: _again(request, stored), attempt)


def accept(request: Request) -> tuple[dict, Account]:
    """The accepted invitation and the account that accepted it: granted all that was offered, or nothing.

    First whether it may be accepted, then the account where there is none, then everything in one transaction. A
    failure before the end leaves at most an account that may do nothing, and accepting again goes on from there.
    """
    stored = find(request)
    rules.check_pending(stored, request.now)
    who = request.aws, request.settings.user_pool_id, stored["email"]
    there = accounts.find(*who)
    user_id = offers.NOBODY_YET if there is None else accounts.user_id(there)
    offered = _Offered(request, stored)
    width = len(offered.calls)
    first = request.database.parallel([*offered.calls, *([] if there is None else _held(request, stored, user_id))])
    first_offer = offered.check(first[:width], user_id)
    account = accounts.use_or_create(*who, stored["organisationId"], there, request.now)
    change = Change(account.user_id, request.request_id, request.now)
    if not stored.get("inBulk"):
        mail.tell_sender(request.aws, request.settings, mail.ACCEPTED, stored, request.now)
    held_reads = _held(request, stored, account.user_id)
    first = [stored, *first, *(_NOTHING_HELD if account.created else ())]

    def again() -> list:
        return _again(request, stored, [*offered.calls, *held_reads])

    def attempt(reads: list) -> dict:
        found = _current(reads[0], stored["sendNumber"])
        more = {"acceptedAt": timestamp(request.now), "acceptedBy": account.user_id}
        record = rules.ended(found, rules.ACCEPTED, change, **more)
        # The account may be the inviter's, who then gets no more than they hold.
        offer = first_offer if reads is first else offered.check(reads[1 : width + 1], account.user_id)
        held = _Held(request, found, account.user_id, held_reads, reads[width + 1 :])
        # Whoever leaves at this moment neither gets nor gives anything.
        people = {one.user_id: one for one in (offered.inviter, held.departures)}
        given, ends = _assign(request, found, offer, change, held, offered.role_head, is_new=account.created)
        record = rules.with_role_end(record, ends)
        steps = [
            *(one.stays(request.settings.permissions_table) for one in people.values()),
            *given,
            *_join(request, found, offer, change, held, offered.team_role_head),
            *held.stays_member(request, found),
        ]
        store.end(request.database, request.settings.invitations_table, found, record, steps)
        return record

    made_by_somebody_else = there is None and not account.created
    return until_fresh(again() if made_by_somebody_else else first, again, attempt), account


# What `_held` would find of an account that was made just now.
_NOTHING_HELD = (Page([], None, 0), Page([], None, 0), None, None)


def _held(request: Request, stored: dict, user_id: str) -> list[Call]:
    """The reads of what a user holds and held in the invitation's organisation."""
    org_id, teams = stored["organisationId"], request.settings.teams_table
    return [
        team_store.assignments(request.settings.permissions_table, org_id, user_id),
        team_store.memberships(teams, user_id, org_id),
        team_store.primary_team(teams, org_id, user_id),
        departures_read(request.settings.permissions_table, user_id),
    ]


class _Offered:
    """The reads of what an invitation offers and of what its inviter holds. A sending changes neither.

    inviter: the departures of whoever sent it, once `check` has seen them
    role_head, team_role_head: those of the counts of what is offered, then; None where there is none
    """

    inviter: Departures
    role_head: dict | None = None
    team_role_head: dict | None = None

    def __init__(self, request: Request, stored: dict) -> None:
        self._request = request
        self._stored = stored
        self._of = stored["roleId"], stored.get("teamId")
        self._inviter = AccessIn(request.settings, stored["sentBy"], stored["organisationId"])
        self._offer = offers.reads(request.settings, stored["organisationId"], *self._of)
        settings, org_id = request.settings, stored["organisationId"]
        self._heads = [role_store.USES.head(settings.permissions_table, org_id, stored["roleId"])]
        if "teamRoleId" in stored:
            self._heads.append(team_store.USES.head(settings.teams_table, org_id, stored["teamRoleId"]))
        self.calls = [*self._inviter.calls, *self._offer, *self._heads]

    def check(self, results: list, user_id: str) -> offers.Offer:
        """The offer, from the results of `calls`. Raises INVITATION_OBSOLETE or INVITER_NOT_ALLOWED."""
        request, stored, width = self._request, self._stored, len(self._inviter.calls)
        try:
            offer = offers.resolve(request.database, self._offer, results[width:], *self._of, stored.get("teamRoleId"))
        except (NotFound, Conflict) as error:
            raise rules.obsolete(error.message) from error
        access = self._inviter.access(request.database, results[:width], now=request.now)
        still = offers.still_offered(access, offer, to=user_id)
        if still is None or rules.sender_left(stored, access.departures):
            raise rules.inviter_not_allowed()
        self.inviter = access.departures
        self.role_head, self.team_role_head = [*results[-len(self._heads) :], None][:2]
        return still


class _Held:
    """What the person of an account holds and held in the invitation's organisation, from the results of `_held`.

    assignments, memberships: all the records, ended ones too      assigned, joined: the first pages of their queries
    pointer: the record that names the primary team, None without one
    Raises INVITATION_OBSOLETE where the person left after the offer, or what was offered was taken from them, or
    everything was.
    """

    def __init__(self, request: Request, stored: dict, user_id: str, calls: list[Call], results: list) -> None:
        self.assigned, self.joined, self.pointer, left = results
        self.departures = Departures(user_id, left)
        self._now = request.now
        self.assignments = request.database.rest_of(calls[0], self.assigned)
        self.memberships = request.database.rest_of(calls[1], self.joined)
        self._check_not_left(stored)

    def assignment(self, role_id: str, team_id: str | None) -> dict | None:
        wanted = role_id, team_id
        return next((held for held in self.assignments if (held["roleId"], held.get("teamId")) == wanted), None)

    def membership(self, team_id: str) -> dict | None:
        return next((membership for membership in self.memberships if membership["teamId"] == team_id), None)

    def stays_member(self, request: Request, stored: dict) -> list[Step]:
        """A step that fails where the person leaves at this moment; none where nothing but what is offered is held."""
        settings = request.settings
        places = (settings.permissions_table, self.assignments), (settings.teams_table, self.memberships)
        others = [
            stays(table, record)
            for table, records in places
            for record in records
            if self.in_force(record) and not _is_offered(record, stored)
        ]
        return others[:1]

    def in_force(self, record: dict) -> bool:
        return self.departures.in_force(record, self._now)

    def _check_not_left(self, stored: dict) -> None:
        records = [*self.assignments, *self.memberships]
        if rules.invited_left(stored, self.departures):
            raise rules.obsolete("you have left the organisation since it was sent")
        ended = [record for record in records if rules.ended_since(stored, record, self.departures)]
        if not ended:
            return
        offered = [record for record in ended if _is_offered(record, stored)]
        if offered or not any(map(self.in_force, records)):
            raise rules.obsolete("what you had in the organisation has ended since it was sent")


def _is_offered(held: dict, stored: dict) -> bool:
    if "teamRoleId" in held:
        return held["teamId"] == stored.get("teamId")
    return held["roleId"] == stored["roleId"] and held.get("teamId") in (None, stored.get("teamId"))


def _assign(
    request: Request,
    stored: dict,
    offer: offers.Offer,
    change: Change,
    held: _Held,
    head: dict | None,
    *,
    is_new: bool,
) -> tuple[list[Step], str | None]:
    """The steps that give the role; where the user has it, that it stays. And when it ends, None for never.

    is_new: whether the account was made just now, so that it is in no other organisation
    Raises LIMIT_REACHED.
    """
    table, user_id = request.settings.permissions_table, change.actor
    team_id = stored.get("teamId") if offer.role["scope"] == TEAM else None
    found = held.assignment(offer.role["roleId"], team_id)
    if found is not None and held.in_force(found):
        return [stays(table, found), role_store.USES.stays(table, offer.role, found)], found.get("expiresAt")
    if found is None:
        check_room(held.assigned, role_rules.MOST_ASSIGNMENTS, role_rules.COUNTED_ASSIGNMENTS)
        if not (held.assignments or held.memberships or is_new):
            where = request.database, request.settings, user_id, stored["organisationId"]
            joining.check_another(*where, joining.MOST_ACCEPTED)
    count = held.departures.count(stored["organisationId"])
    record = role_rules.new_assignment(offer.role, user_id, team_id, offer.until, found, change, departures=count)
    record |= {**identity.proven(stored["email"]), "assignedBy": stored["sentBy"]}
    if team_id is not None:
        record |= role_rules.in_team(offer.team)
    return role_store.assign_steps(table, record, offer.role, found, change, head), offer.until


def _join(
    request: Request, stored: dict, offer: offers.Offer, change: Change, held: _Held, head: dict | None
) -> list[Step]:
    """The steps that join the team, none without one; where the user is in it, that it stays. Raises LIMIT_REACHED."""
    if offer.team is None:
        return []
    table, org_id, user_id = request.settings.teams_table, stored["organisationId"], change.actor
    # The role may be held in the team alone, and says at which version the team was.
    team_stays = role_store.team_stays(table, offer.team)
    found = held.membership(offer.team["teamId"])
    if found is not None and held.in_force(found):
        return [stays(table, found), team_stays, team_store.USES.stays(table, offer.team_role, found)]
    if found is None:
        check_room(held.joined, team_rules.MOST_MEMBERSHIPS, team_rules.COUNTED_MEMBERSHIPS)
    names = {name: request.body[name] for name in ("firstName", "lastName") if name in request.body}
    body = {"userId": user_id, **identity.proven(stored["email"]), **names}
    is_first = not team_rules.has_primary(held.pointer, filter(held.in_force, held.memberships))
    record = team_rules.new_membership(
        org_id,
        offer.team["teamId"],
        body,
        offer.team_role,
        found,
        change,
        primary=is_first,
        departures=held.departures.count(org_id),
    )
    record |= {"addedBy": stored["sentBy"]}
    steps = memberships.begin(table, record, offer.team_role, found, change, team_stays, head)
    if is_first:
        steps += memberships.primary(table, record, held.pointer, held.memberships, change)
    return steps


def _again(request: Request, stored: dict, calls: Sequence[Call] = ()) -> list:
    read = store.invitation(request.settings.invitations_table, stored["organisationId"], stored["invitationId"])
    return request.database.parallel([read, *calls])
