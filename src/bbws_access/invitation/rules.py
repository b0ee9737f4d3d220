"""What an invitation may be and become, apart from HTTP and storage."""

from __future__ import annotations

from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address
from typing import NamedTuple

from bbws_access.access.departures import Departures
from bbws_access.kernel.errors import BadRequest, Conflict, NotFound, ServiceError, TooManyRequests
from bbws_access.kernel.records import INVITED, Change, audit_columns, last_changed, timestamp
from bbws_access.kernel.violations import violation

PENDING, ACCEPTED, DECLINED, REVOKED, EXPIRED = "PENDING", "ACCEPTED", "DECLINED", "REVOKED", "EXPIRED"
QUEUED, SENT, BOUNCED, COMPLAINED = "QUEUED", "SENT", "BOUNCED", "COMPLAINED"

LASTS = timedelta(days=7)
MOST_RESENDS = 3
TOKENS_STAY = timedelta(hours=24)  # beyond the end of the invitation, so that its reader learns what became of it
# Why so many: docs/decisions/0040-a-companys-first-day.md
CREATIONS_A_MINUTE = 600
CREATIONS_A_DAY = 20_000
USES_A_MINUTE = 5  # of one invitation's tokens by one address
FAILURES_A_MINUTE = 5  # of one address
COUNTERS_STAY = timedelta(hours=1)  # beyond the time that they count
DEFAULT_TEAM_ROLE = "MEMBER"


# The invitation


def new_invitation(
    org_id: str,
    invitation_id: str,
    body: dict,
    offer: dict[str, str],
    sender_email: str,
    change: Change,
    *,
    departures: int,
    in_bulk: bool = False,
) -> dict:
    """The record of a new invitation.

    offer: what it offers, by id and present name: roleId, roleName and, with a team, teamId, teamName, teamRoleId,
    teamRoleName
    departures: how often the sender has left the organisation, or everything, so far
    in_bulk: it is one of many, of which nobody wants to be told by mail that it was accepted
    """
    return {
        "entityType": "Invitation",
        "invitationId": invitation_id,
        "organisationId": org_id,
        "email": normal_email(body["email"]),
        **offer,
        "message": body.get("message", ""),
        "resendCount": 0,
        **_pending(1, sender_email, change, departures),
        **({"inBulk": True} if in_bulk else {}),
        **change.first(),
    }


def resent(stored: dict, sender_email: str, change: Change, *, departures: int) -> dict:
    """The next version of an invitation that is sent again. Raises INVITATION_NOT_PENDING or RESEND_LIMIT.

    departures: how often the sender, who may be another one, has left the organisation, or everything, so far
    """
    check_pending(stored, change.now)
    if stored["resendCount"] >= MOST_RESENDS:
        raise Conflict(
            f"The invitation was sent again {MOST_RESENDS} times already. Revoke it and create a new one.",
            code="RESEND_LIMIT",
            details={"limit": MOST_RESENDS},
        )
    return {
        # Whoever sends one again by itself wants to know what becomes of it.
        **{name: value for name, value in stored.items() if name not in ("invited", "inBulk")},
        **_pending(stored["sendNumber"] + 1, sender_email, change, departures),
        "resendCount": stored["resendCount"] + 1,
        **change.next(stored),
    }


def _pending(send_number: int, sender_email: str, change: Change, departures: int) -> dict:
    moment = timestamp(change.now)
    return {
        "status": PENDING,
        "active": True,
        "expiresAt": timestamp(change.now + LASTS),
        "sendNumber": send_number,
        "sentBy": change.actor,
        "senderEmail": sender_email,
        "senderDepartures": departures,
        "sentAt": moment,
        "delivery": {"status": QUEUED, "at": moment},
    }


def ended(stored: dict, status: str, change: Change, **more: object) -> dict:
    """The next and last version of an invitation. Raises INVITATION_NOT_PENDING unless it can end so."""
    if status != EXPIRED:
        check_pending(stored, change.now)
    return {**stored, "status": status, "active": False, **more, **change.next(stored)}


def sender_left(stored: dict, departures: Departures) -> bool:
    """Whether whoever sent an invitation last has left since. departures: the sender's"""
    return departures.count(stored["organisationId"]) != stored.get("senderDepartures", 0)


def invited_left(stored: dict, departures: Departures) -> bool:
    """Whether whoever accepts an invitation has left since it was sent last. departures: theirs"""
    org_id, invited = stored["organisationId"], stored.get("invited")
    if invited is None:  # accounts could not be reached at the sending
        return _since(stored, departures.last(org_id))
    # Clocks differ, the engineers' ones too; a count does not. An account that came later had left nothing by then.
    before = invited["departures"] if invited["userId"] == departures.user_id else 0
    return departures.count(org_id) != before


def ended_since(stored: dict, record: dict, departures: Departures) -> bool:
    """Whether what somebody had, who has not left since an invitation was sent, was taken from them since.

    departures: theirs. What they left before, they had no more at the sending, however late that is tidied up.
    """
    if record["active"] or ("invited" in stored and not departures.lets(record)):
        return False
    return _since(stored, last_changed(record))


def _since(stored: dict, moment: str) -> bool:
    # All moments are cut to milliseconds: within the same one, the end counts as the later.
    return moment >= stored["sentAt"]


def with_role_end(record: dict, ends: str | None) -> dict:
    """An invitation that says when the role ends that it gave; None for never."""
    kept = {name: value for name, value in record.items() if name != "roleExpiresAt"}
    return kept if ends is None else {**kept, "roleExpiresAt": ends}


def status_at(stored: dict, now: datetime) -> str:
    """What became of an invitation by now: it has expired from its end on, whether that was written down or not."""
    if stored["status"] == PENDING and stored["expiresAt"] <= timestamp(now):
        return EXPIRED
    return stored["status"]


def check_pending(stored: dict, now: datetime) -> None:
    """Raises INVITATION_NOT_PENDING, with the status, for an invitation that is final."""
    status = status_at(stored, now)
    if status != PENDING:
        raise Conflict(
            f"The invitation is {status}, and that is final.", code="INVITATION_NOT_PENDING", details={"status": status}
        )


def pending_record(invitation: dict, change: Change) -> dict:
    """The record that keeps an address to one pending invitation in an organisation."""
    kept = ("organisationId", "email", "invitationId", "expiresAt")
    return {"entityType": "PendingInvitation", **{name: invitation[name] for name in kept}, **change.first()}


def check_none_pending(found: dict | None, now: datetime) -> None:
    """Raises INVITATION_PENDING where an address has a pending invitation; one that has expired gives way."""
    if found is not None and found["expiresAt"] > timestamp(now):
        raise Conflict(
            "There is a pending invitation for this address. Send it again, or revoke it first.",
            code="INVITATION_PENDING",
            details={"invitationId": found["invitationId"]},
        )


def already_held(offer: dict[str, str]) -> Conflict:
    """The answer where there is nothing to accept. offer: what was offered, by id and name"""
    names = ("roleId", "teamId")
    team = f" and is a member of the team {offer['teamName']!r}" if "teamId" in offer else ""
    return Conflict(
        f"Whoever has this address has the role {offer['roleName']}{team} already: accepting would give nothing. To "
        "change when a role ends or which team role somebody has, change that.",
        code="ALREADY_HELD",
        details={name: offer[name] for name in names if name in offer},
    )


def invited_person(invitation: dict) -> str:
    """Who the records say did it, for somebody who has no account yet."""
    return f"{INVITED}{invitation['email']}"


class CreationsLeft(NamedTuple):
    """How many invitations an organisation may still create at a moment. error: the answer to one more"""

    number: int
    error: TooManyRequests


def creations_left(in_day: dict | None, in_minute: dict | None, now: datetime) -> CreationsLeft:
    """in_day, in_minute: what counts the organisation's, None for nothing; the transaction makes sure of it"""
    of_day = max(0, CREATIONS_A_DAY - (in_day["count"] if in_day is not None else 0))
    of_minute = max(0, CREATIONS_A_MINUTE - (in_minute["count"] if in_minute is not None else 0))
    if of_day <= of_minute:
        return CreationsLeft(of_day, too_many_in_day(now))
    return CreationsLeft(of_minute, too_many_in_minute(now))


def check_creations(in_day: dict | None, in_minute: dict | None, now: datetime) -> None:
    """Raises RATE_LIMITED where the day or the minute is full already."""
    left = creations_left(in_day, in_minute, now)
    if not left.number:
        raise left.error


def token_record(tokens_hash: str, invitation: dict, now: datetime) -> dict:
    """The record that leads from the hash of a token to the invitation."""
    kept = ("organisationId", "invitationId", "sendNumber", "expiresAt")
    ends = datetime.fromisoformat(invitation["expiresAt"]) + TOKENS_STAY
    return {
        "entityType": "InvitationToken",
        "tokenHash": tokens_hash,
        **{name: invitation[name] for name in kept},
        "ttl": int(ends.timestamp()),
        "dateCreated": timestamp(now),
    }


def normal_email(email: str) -> str:
    """The address in lower case: the user pool does not tell cases apart either."""
    return email.lower()


def check_team_given(body: dict) -> None:
    """Raises VALIDATION_ERROR for a team role without a team."""
    if "teamRoleId" in body and "teamId" not in body:
        raise BadRequest(
            "A team role needs the team: say which with teamId.",
            details=[violation("body.teamId", "required", "is required with teamRoleId")],
        )


# Many at once

CREATED, ALREADY_INVITED, ALREADY_MEMBER = "CREATED", "ALREADY_INVITED", "ALREADY_MEMBER"
INVALID, RETRY = "INVALID", "RETRY"
_STATUSES = {"INVITATION_PENDING": ALREADY_INVITED, "ALREADY_HELD": ALREADY_MEMBER, "VERSION_CONFLICT": RETRY}


def result_answer(position: int, email: object, outcome: dict | ServiceError) -> dict:
    """What became of one invitation of many. outcome: its record, or why it was not created"""
    found: dict[str, object] = {"position": position}
    if isinstance(email, str):
        found["email"] = email
    if isinstance(outcome, dict):
        return {**found, "status": CREATED, "invitationId": outcome["invitationId"]}
    passing = outcome.status in (429, 503)
    found["status"] = RETRY if passing else _STATUSES.get(outcome.code, INVALID)
    if found["status"] == ALREADY_INVITED:
        found["invitationId"] = outcome.details["invitationId"]
    details = {} if outcome.details is None else {"details": outcome.details}
    return {**found, "error": {"code": outcome.code, "message": outcome.message, **details}}


def check_given_once(first: int | None, position: int) -> None:
    """Raises VALIDATION_ERROR for an address that stands in a request already, at `first`."""
    if first is not None:
        message = f"is the address of invitation {first} of this request, which invites an address once"
        raise BadRequest(
            "The address stands in the request twice.",
            details=[violation(f"body.invitations.{position}.email", "uniqueItems", message)],
        )


# Counters


def minute(now: datetime) -> str:
    """The minute that a counter counts."""
    return timestamp(now)[:16]


def day(now: datetime) -> str:
    """The day that a counter counts, of UTC."""
    return timestamp(now)[:10]


def seconds_left(now: datetime) -> int:
    """Until the minute ends, at least 1."""
    return 60 - now.second


def seconds_left_of_day(now: datetime) -> int:
    """Until the day ends, at least 1."""
    return 60 * (24 * 60 - now.hour * 60 - now.minute) - now.second


def address_of(source: str) -> str:
    """What stands for one caller: an IPv4 address, or the network of an IPv6 address, which has billions of them."""
    try:
        address = ip_address(source)
    except ValueError:
        return "unknown"
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return f"{IPv6Address(int(address) >> 64 << 64)}/64"
    return str(address)


def too_many_in_minute(now: datetime) -> TooManyRequests:
    return _too_many("invitations of an organisation a minute", CREATIONS_A_MINUTE, "minute", seconds_left(now))


def too_many_in_day(now: datetime) -> TooManyRequests:
    return _too_many("invitations of an organisation a day", CREATIONS_A_DAY, "day", seconds_left_of_day(now))


def too_many_uses(now: datetime) -> TooManyRequests:
    return _too_many("uses of an invitation a minute from one address", USES_A_MINUTE, "minute", seconds_left(now))


def too_many_failures(now: datetime) -> TooManyRequests:
    what = "uses a minute from one address of tokens that are none"
    return _too_many(what, FAILURES_A_MINUTE, "minute", seconds_left(now))


def _too_many(what: str, limit: int, unit: str, seconds: int) -> TooManyRequests:
    return TooManyRequests(
        f"At most {limit:,} {what}. Try again when the {unit} is over.",
        code="RATE_LIMITED",
        details={"limit": limit},
        headers={"Retry-After": str(seconds)},
    )


# Answers


def no_invitation() -> NotFound:
    """One answer to every token that leads nowhere, whatever the reason, and to every unknown id."""
    return NotFound("There is no such invitation.", code="INVITATION_NOT_FOUND")


def obsolete(what: str) -> Conflict:
    return Conflict(
        f"The invitation cannot be accepted any more: {what}. Ask whoever invited you for a new one.",
        code="INVITATION_OBSOLETE",
    )


def inviter_not_allowed() -> Conflict:
    return Conflict(
        "Whoever sent the invitation may not offer this any more. Ask the organisation for a new one.",
        code="INVITER_NOT_ALLOWED",
    )


def invitation_answer(stored: dict, now: datetime, links: dict) -> dict:
    """An invitation as the organisation sees it."""
    names = (
        "invitationId",
        "organisationId",
        "email",
        "roleId",
        "roleName",
        "message",
        "expiresAt",
        "resendCount",
        "sentBy",
        "sentAt",
        "delivery",
        "version",
    )
    optional = (
        "teamId",
        "teamName",
        "teamRoleId",
        "teamRoleName",
        "roleExpiresAt",
        "acceptedAt",
        "acceptedBy",
        "declinedAt",
        "declineReason",
        "revokedAt",
    )
    status = status_at(stored, now)
    return {
        **{name: stored[name] for name in names},
        **{name: stored[name] for name in optional if name in stored},
        "status": status,
        "active": status == PENDING,
        **audit_columns(stored),
        "_links": links,
    }


def view_answer(stored: dict, now: datetime, links: dict) -> dict:
    """An invitation as the invited person sees it."""
    return {
        "organisationName": stored["organisationName"],
        "roleName": stored["roleDisplayName"],
        **{name: stored[name] for name in ("teamName", "roleExpiresAt") if name in stored},
        "email": stored["email"],
        "invitedBy": stored["senderEmail"],
        "message": stored["message"],
        "status": status_at(stored, now),
        "expiresAt": stored["expiresAt"],
        "_links": links,
    }
