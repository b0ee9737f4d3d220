"""The invitation service's mails: asked for through a queue, sent by a worker, and what became of them.

A message names the invitation and which sending it is for, never the token: the worker makes that. So no token lies in
a queue, and a message that comes twice makes two good tokens at worst.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from html import escape
from typing import NamedTuple

from bbws_access.access.departures import Departures, departures_read
from bbws_access.invitation import rules, store, tokens, words
from bbws_access.kernel.aws import Aws, AwsError, AwsUnavailable
from bbws_access.kernel.errors import Unavailable
from bbws_access.kernel.events import Event, Message, NotYet
from bbws_access.kernel.records import timestamp, until_fresh
from bbws_access.kernel.settings import Settings

INVITATION, ACCEPTED, DECLINED = "invitation", "accepted", "declined"

# The message leaves before what it is about is committed, so that no mail is ever lost between the two. The worker
# waits for the commit so long, and takes its absence for a commit that failed then.
_HEAD_START = 2  # seconds
_COMMITTED_WITHIN = timedelta(minutes=2)
_IN_BATCH = 10  # messages, as many as SQS takes at once
_LONGEST_BATCH = 5.0  # seconds for the messages of a hundred invitations
_ANSWERS = {ACCEPTED: rules.ACCEPTED, DECLINED: rules.DECLINED}


class MailNotSent(Exception):
    """SES did not take a mail; the message comes again. It holds SES's code and nothing of the mail."""


def check_configured(settings: Settings) -> None:
    """Raises MAIL_NOT_CONFIGURED where no mail can be sent: nobody would get the token."""
    if not (settings.mail_queue_url and settings.mail_sender and settings.invitation_link):
        raise Unavailable(
            "This environment has no sender of mails, so nobody can be invited. An engineer has to set one.",
            code="MAIL_NOT_CONFIGURED",
            retry_after=3600,
        )


def ask(aws: Aws, settings: Settings, kind: str, invitation: dict, now: datetime) -> None:
    """Ask for a mail about an invitation as it is about to be stored. Raises Unavailable; then nothing is asked for."""
    message = {"QueueUrl": settings.mail_queue_url, **_message(kind, invitation, now)}
    try:
        aws.sqs("SendMessage", message)
    except AwsUnavailable as error:
        raise _not_queued() from error


def ask_for_each(aws: Aws, settings: Settings, invitations: list[dict], now: datetime) -> list[Unavailable | None]:
    """Ask for the mails of new invitations as they are about to be stored. Of each None, or why nothing was asked for.

    Raises AwsError.
    """
    batches = [invitations[start : start + _IN_BATCH] for start in range(0, len(invitations), _IN_BATCH)]
    bodies = [
        {
            "QueueUrl": settings.mail_queue_url,
            "Entries": [{"Id": str(n), **_message(INVITATION, one, now)} for n, one in enumerate(batch)],
        }
        for batch in batches
    ]
    outcomes: list[Unavailable | None] = []
    for batch, answer in zip(
        batches, aws.each("sqs", "SendMessageBatch", bodies, deadline=_LONGEST_BATCH), strict=True
    ):
        if isinstance(answer, AwsError) and not isinstance(answer, AwsUnavailable):
            raise answer
        done = set() if isinstance(answer, AwsError) else {one["Id"] for one in answer.get("Successful", ())}
        outcomes += [None if str(n) in done else _not_queued() for n in range(len(batch))]
    return outcomes


def _message(kind: str, invitation: dict, now: datetime) -> dict:
    body = {
        "kind": kind,
        "organisationId": invitation["organisationId"],
        "invitationId": invitation["invitationId"],
        "sendNumber": invitation["sendNumber"],
        "queuedAt": timestamp(now),
    }
    return {"MessageBody": json.dumps(body), "DelaySeconds": _HEAD_START}


def _not_queued() -> Unavailable:
    return Unavailable("Mail cannot be queued right now. Nothing has changed: try again.", retry_after=5)


def tell_sender(aws: Aws, settings: Settings, kind: str, invitation: dict, now: datetime) -> None:
    """Ask for the mail that tells whoever sent an invitation of the answer, where mails can be sent."""
    if settings.mail_queue_url and settings.mail_sender:
        ask(aws, settings, kind, invitation, now)


def send(message: Message) -> None:
    """Send the mail that a message asks for, unless it was sent already or nobody needs it any more.

    Raises NotYet or MailNotSent for a message that has to come again.
    """
    body, settings = message.body, message.settings
    table = settings.invitations_table
    log = message.log.bind(organisationId=body["organisationId"], invitationId=body["invitationId"], kind=body["kind"])
    read = store.invitation(table, body["organisationId"], body["invitationId"])
    [invitation] = message.database.parallel([read])
    if not _happened(body, invitation):
        if message.now - datetime.fromisoformat(body["queuedAt"]) < _COMMITTED_WITHIN:
            raise NotYet("What the mail is about is not stored yet")
        log.info("The mail is about something that never happened")
        return
    if not _is_due(body, invitation, message.now):
        log.info("The mail is not needed, or was sent already")
        return
    [left] = message.database.parallel([departures_read(settings.permissions_table, invitation["sentBy"])])
    if rules.sender_left(invitation, Departures(invitation["sentBy"], left)):
        log.info("The mail is on behalf of somebody who left, or to them")
        return
    if body["kind"] == INVITATION:
        token = tokens.new_token(invitation["organisationId"], invitation["invitationId"])
        store.keep_token(message.database, table, rules.token_record(tokens.token_hash(token), invitation, message.now))
        values = _invitation_values(invitation, f"{settings.invitation_link}#token={token}", message.now)
        to = invitation["email"]
    else:
        values, to = _answer_values(invitation), invitation["senderEmail"]
    try:
        message.aws.send_email(_mail(settings, body, to, values))
    except AwsError as error:
        log.record("Invitation failed", errorCode=error.code)
        raise MailNotSent(error.code) from None
    _change(message, read, lambda stored: _sent(body, stored, message))
    log.record("Invitation sent" if body["kind"] == INVITATION else "Answer sent")


def feedback(event: Event) -> None:
    """Write on an invitation that its mail bounced, or that its receiver complained of it."""
    tags = event.detail["mail"].get("tags") or {}
    org_id, invitation_id, number, kind = (
        (tags.get(name) or [""])[0] for name in ("organisationId", "invitationId", "sendNumber", "kind")
    )
    if kind != INVITATION or not number.isdigit():
        event.log.info("The mail was none to an invited person")
        return
    if "complaint" in event.detail:
        status, reason = rules.COMPLAINED, event.detail["complaint"].get("complaintFeedbackType") or ""
    else:
        bounce = event.detail["bounce"]
        status, reason = rules.BOUNCED, f"{bounce.get('bounceType')}, {bounce.get('bounceSubType')}"

    def returned(stored: dict | None) -> dict | None:
        if stored is None or stored["sendNumber"] != int(number):
            return None
        if stored["delivery"]["status"] in (status, rules.COMPLAINED):
            return None
        delivery = {"status": status, "at": timestamp(event.now), **({"reason": reason[:200]} if reason else {})}
        return {**stored, "delivery": delivery, **event.change.next(stored)}

    _change(event, store.invitation(event.settings.invitations_table, org_id, invitation_id), returned)
    event.log.record("Invitation failed", organisationId=org_id, invitationId=invitation_id, errorCode=status)


def _happened(body: dict, invitation: dict | None) -> bool:
    """Whether what the message was sent ahead of is stored."""
    if invitation is None or invitation["sendNumber"] < body["sendNumber"]:
        return False
    if body["kind"] == INVITATION or invitation["sendNumber"] > body["sendNumber"]:
        return True
    return invitation["status"] != rules.PENDING


def _is_due(body: dict, invitation: dict, now: datetime) -> bool:
    if invitation["sendNumber"] != body["sendNumber"]:
        return False  # it was sent again since
    if body["kind"] == INVITATION:
        unsent = invitation["delivery"]["status"] == rules.QUEUED
        return unsent and rules.status_at(invitation, now) == rules.PENDING
    wanted = invitation["status"] == _ANSWERS[body["kind"]] and "answerSentAt" not in invitation
    return wanted and bool(invitation["senderEmail"])


def _sent(body: dict, stored: dict, message: Message) -> dict | None:
    moment = timestamp(message.now)
    if body["kind"] != INVITATION:
        return {**stored, "answerSentAt": moment, **message.change.next(stored)}
    # A bounce may have been faster; and what was sent again meanwhile is not what was sent here.
    if stored["delivery"]["status"] != rules.QUEUED or stored["sendNumber"] != body["sendNumber"]:
        return None
    return {**stored, "delivery": {"status": rules.SENT, "at": moment}, **message.change.next(stored)}


def _change(taken: Message | Event, read, changed) -> None:
    """Store what `changed` makes of an invitation, for as long as it takes; None for nothing."""

    def attempt(reads: list) -> None:
        record = changed(reads[0])
        if record is not None:
            store.replace(taken.database, taken.settings.invitations_table, reads[0], record)

    def again() -> list:
        return taken.database.parallel([read])

    until_fresh(again(), again, attempt)


class Value(NamedTuple):
    """What stands for a name in a mail's subject and text, and in its HTML before it is escaped."""

    text: str
    html: str

    @classmethod
    def ours(cls, text: str) -> Value:
        return cls(text, text)

    @classmethod
    def name(cls, name: str) -> Value:
        """A name that somebody gave something."""
        return cls.ours(words.name(name))

    @classmethod
    def message(cls, message: str) -> Value:
        """What somebody wrote."""
        lines = words.lines(message)
        return cls("\n".join(words.quoted(lines)), "\n".join(lines))


def _invitation_values(invitation: dict, link: str, now: datetime) -> dict[str, Value]:
    ends = datetime.fromisoformat(invitation["expiresAt"])
    return {
        **_offer_values(invitation),
        # The address is verified, and holds neither blanks nor line ends.
        "inviter": Value.ours(invitation["senderEmail"]) if invitation["senderEmail"] else _organisation(invitation),
        "message": Value.message(invitation["message"]),
        "link": Value.ours(link),
        "expires": Value.ours(words.until(ends, now)),
    }


def _answer_values(invitation: dict) -> dict[str, Value]:
    values = {**_offer_values(invitation), "email": Value.ours(invitation["email"])}
    if invitation["status"] == rules.DECLINED:
        values["message"] = Value.message(invitation.get("declineReason", ""))
    return values


def _offer_values(invitation: dict) -> dict[str, Value]:
    return {
        "organisationName": _organisation(invitation),
        "roleName": Value.name(invitation["roleDisplayName"]),
        "teamName": Value.name(invitation.get("teamName", "")),
    }


def _organisation(invitation: dict) -> Value:
    return Value.name(invitation["organisationName"])


def _mail(settings: Settings, body: dict, to: str, values: dict[str, Value]) -> dict:
    """A request to SES, which escapes nothing: each value goes in plain for subject and text, and escaped for HTML."""
    plain = {name: value.text for name, value in values.items()}
    escaped = {f"{name}Html": escape(value.html).replace("\n", "<br>") for name, value in values.items()}
    tags = {name: str(body[name]) for name in ("kind", "organisationId", "invitationId", "sendNumber")}
    return {
        "FromEmailAddress": settings.mail_sender,
        "Destination": {"ToAddresses": [to]},
        "Content": {
            "Template": {
                "TemplateName": f"{settings.mail_template_prefix}-{body['kind']}",
                "TemplateData": json.dumps({**plain, **escaped}),
            }
        },
        "EmailTags": [{"Name": name, "Value": value} for name, value in tags.items()],
        **({"ConfigurationSetName": settings.mail_configuration_set} if settings.mail_configuration_set else {}),
    }
