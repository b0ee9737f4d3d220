"""What a service does with events and messages: only those of the contract, each failure said and tried again."""

import io
import json

import pytest

from bbws_access.kernel import events
from bbws_access.kernel.contract import Contract, ContractError
from bbws_access.kernel.events import Event, Message, UnknownEvent
from bbws_access.kernel.logs import Logger
from bbws_access.kernel.settings import Settings
from bbws_access.service.runtime import Service

_KNOWN = {
    "events": {
        "Made": {
            "source": "test",
            "consumers": ["thing"],
            "detail": {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}},
        },
        "Other": {"source": "test", "consumers": ["other"], "detail": {"type": "object"}},
    },
    "queues": {"mail": {"consumer": "thing"}, "post": {"consumer": None}},
}


class Harness:
    """A service that takes one type of event and one queue; `fails` says on which input it raises."""

    def __init__(self) -> None:
        self.lines = io.StringIO()
        settings = Settings(region="eu-west-1", tables={})
        log = Logger("thing", "test", stream=self.lines)
        self.service = Service("thing", contract=Contract({}), settings=settings, log=log)
        self.seen: list[Event | Message] = []
        self.fails: str | None = None
        self.service.event("Made")(self._event)
        self.service.messages("mail")(self._message)

    def _event(self, event: Event) -> None:
        self._take(event, event.detail["id"])

    def _message(self, message: Message) -> None:
        self._take(message, message.body["id"])

    def _take(self, what: Event | Message, name: str) -> None:
        if name == self.fails:
            raise RuntimeError("not now")
        self.seen.append(what)

    def logged(self) -> list[dict]:
        return [json.loads(line) for line in self.lines.getvalue().splitlines()]


@pytest.fixture
def harness(monkeypatch) -> Harness:
    monkeypatch.setattr(events, "load_events", lambda: _KNOWN)
    return Harness()


def _event(detail: object = None, **fields: object) -> dict:
    return {"id": "event-1", "source": "test", "detail-type": "Made", "detail": detail or {"id": "a"}, **fields}


def _record(name: str, *, queue: str = "bbws-access-dev-sqs-mail", body: str | None = None) -> dict:
    return {
        "messageId": f"message-{name}",
        "eventSourceARN": f"arn:aws:sqs:eu-west-1:111122223333:{queue}",
        "body": body if body is not None else json.dumps({"id": name}),
        "attributes": {"ApproximateReceiveCount": "2", "SentTimestamp": "1700000000000"},
    }


def test_an_event_is_handled(harness):
    assert harness.service.handler(_event(), None) is None
    [event] = harness.seen
    assert (event.event_id, event.type, event.detail) == ("event-1", "Made", {"id": "a"})
    assert event.change[:2] == ("system", "event-1")
    [line] = harness.logged()
    assert (line["message"], line["outcome"], line["eventName"]) == ("Event", "SUCCESS", "Made")


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (_event(source="elsewhere"), "source 'elsewhere'"),
        (_event(**{"detail-type": "Unheard"}), "'Unheard'"),
        (_event(**{"detail-type": "Other"}), "Other"),
        (_event([1]), "detail"),
        (_event({"id": 7}), "detail.id"),
        (_event({"x": "a"}), "id"),
    ],
)
def test_an_event_that_is_not_the_contracts_is_refused(harness, event, message):
    with pytest.raises((UnknownEvent, KeyError), match=message):
        harness.service.handler(event, None)
    assert not harness.seen
    assert [line["outcome"] for line in harness.logged() if line["message"] == "Event"] == ["FAILURE"]


def test_a_failure_reaches_lambda(harness):
    harness.fails = "a"
    with pytest.raises(RuntimeError, match="not now"):
        harness.service.handler(_event(), None)
    fault, line = harness.logged()
    assert (fault["level"], fault["errorType"]) == ("ERROR", "RuntimeError")
    assert line["outcome"] == "FAILURE"


def test_only_messages_that_failed_come_again(harness):
    harness.fails = "b"
    records = [_record("a"), _record("b"), _record("c"), _record("d", queue="other"), _record("e", body="[1]")]
    records.append(_record("f", body="{"))
    answer = harness.service.handler({"Records": records}, None)
    failed = [f"message-{name}" for name in "bdef"]
    assert answer == {"batchItemFailures": [{"itemIdentifier": one} for one in failed]}
    assert [one.body["id"] for one in harness.seen] == ["a", "c"]
    first = harness.seen[0]
    assert (first.message_id, first.receive_count, first.sent_at.year) == ("message-a", 2, 2023)
    assert first.change[:2] == ("system", "message-a")


def test_a_message_that_is_too_early_is_no_fault(harness):
    harness.service._queues["mail"] = lambda _: (_ for _ in ()).throw(events.NotYet("nothing is stored"))
    answer = harness.service.handler({"Records": [_record("a")]}, None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "message-a"}]}
    said, line = harness.logged()
    assert (said["level"], said["reason"]) == ("INFO", "nothing is stored")
    assert (line["message"], line["outcome"]) == ("Message", "NOT_YET")


def test_a_service_takes_what_the_contract_sends_it(monkeypatch):
    monkeypatch.setattr(events, "load_events", lambda: _KNOWN)
    service = Service("thing", contract=Contract({}))
    with pytest.raises(ContractError, match=r"without a function \['Made', 'mail'\]"):
        _ = service.handler
    service.event("Made")(print)
    service.messages("mail")(print)
    with pytest.raises(ContractError, match="registered twice"):
        service.event("Made")(print)
    service.event("Unheard")(print)
    with pytest.raises(ContractError, match=r"not in the contract \['Unheard'\]"):
        _ = service.handler
