"""What reaches a service beside requests: events of EventBridge and messages of SQS queues."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import UTC, datetime
from typing import NamedTuple

from bbws_access.kernel.aws import Aws
from bbws_access.kernel.contract import load_events
from bbws_access.kernel.dynamodb import Database
from bbws_access.kernel.errors import BadRequest
from bbws_access.kernel.formats import Formats
from bbws_access.kernel.logs import Logger
from bbws_access.kernel.records import SYSTEM, Change
from bbws_access.kernel.settings import Settings


class UnknownEvent(Exception):
    """A function got what the contract does not send it, or not in the form that the contract gives it."""


class Event(NamedTuple):
    """One event of EventBridge, its detail valid by contract/events.json. It may come more than once.

    event_id: the same each time the event comes      now: UTC, the same moment for the whole handling
    """

    event_id: str
    type: str
    detail: dict
    now: datetime
    database: Database
    aws: Aws
    settings: Settings
    log: Logger

    @property
    def change(self) -> Change:
        """A change that the event makes: by the system, under the event's id."""
        return Change(SYSTEM, self.event_id, self.now)


class NotYet(Exception):
    """What a message is about has not happened yet. The message comes again, and that is no fault."""


class Message(NamedTuple):
    """One message of a queue. It may come more than once.

    receive_count: 1 the first time      sent_at, now: UTC
    """

    message_id: str
    body: dict
    receive_count: int
    sent_at: datetime
    now: datetime
    database: Database
    aws: Aws
    settings: Settings
    log: Logger

    @property
    def change(self) -> Change:
        """A change that the message makes: by the system, under the message's id."""
        return Change(SYSTEM, self.message_id, self.now)


def consumed_events(service: str) -> frozenset[str]:
    """The types of events that a service's function takes."""
    return frozenset(name for name, event in load_events()["events"].items() if service in event["consumers"])


def consumed_queues(service: str) -> frozenset[str]:
    """The queues whose messages a service's function takes."""
    return frozenset(name for name, queue in load_events()["queues"].items() if queue["consumer"] == service)


def checked_detail(event: dict, reserved: Collection[str] = ()) -> dict:
    """The detail of an event that has the source and form which the contract gives its type, names as they are stored.

    reserved: words of other APIs' paths, which nothing may be called
    Raises UnknownEvent, or BadRequest for a name or an id that cannot be.
    """
    from jsonschema_rs import Draft202012Validator

    kind = event.get("detail-type")
    definition = load_events()["events"].get(kind)
    if definition is None or event.get("source") != definition["source"]:
        raise UnknownEvent(f"There is no event {kind!r} of source {event.get('source')!r} in contract/events.json")
    detail = event.get("detail")
    for error in Draft202012Validator(definition["detail"], mask="the value").iter_errors(detail):
        path = ".".join(["detail", *map(str, error.instance_path)])
        raise UnknownEvent(f"{kind}: {path}: {error.message}")
    stored, refused = Formats(definition["detail"], definition.get("chosenIds", ()), reserved).apply(detail, "detail")
    for found in refused:
        raise BadRequest(f"{kind}: {found['field']} {found['message']}")
    return stored


def queue_of(record: dict, queues: frozenset[str]) -> str:
    """The queue that a record of SQS comes from, by the last part of its name. Raises UnknownEvent."""
    arn = str(record.get("eventSourceARN"))
    for name in queues:
        if arn.endswith((f"-{name}", f":{name}")):
            return name
    raise UnknownEvent(f"Messages of {arn} are not for this service")


def message_content(record: dict) -> tuple[dict, int, datetime]:
    """Body, receive count and time of sending of a record of SQS. Raises UnknownEvent."""
    attributes = record.get("attributes", {})
    try:
        body = json.loads(record["body"])
        sent = datetime.fromtimestamp(int(attributes["SentTimestamp"]) / 1000, UTC)
        count = int(attributes["ApproximateReceiveCount"])
    except (KeyError, ValueError):
        raise UnknownEvent("The message is no JSON, or SQS did not say when it was sent") from None
    if not isinstance(body, dict):
        raise UnknownEvent("The message is no JSON object")
    return body, count, sent
