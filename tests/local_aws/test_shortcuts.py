"""Shorter ways through MiniStack: shim `shortcuts`."""

import asyncio
import json
import threading
import time
import uuid
from email.utils import formatdate, parsedate_to_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ministack import app
from ministack.core import concurrency, responses
from ministack.services import apigateway_v1

from bbws_access.local_aws.shims import shortcuts
from tests.local_aws.conftest import Aws

SDK = {"host": "127.0.0.1:2000", "x-amz-target": "DynamoDB_20120810.Query"}


@pytest.mark.parametrize("host", ["127.0.0.1:24566", "localhost", "127.0.0.1"])
@pytest.mark.parametrize("target", ["DynamoDB_20120810.Query", "AWSEvents.PutEvents", "made up"])
def test_nobody_else_would_have_answered(host: str, target: str) -> None:
    """What is passed over has nothing to say to such a request."""
    headers = {"host": host, "x-amz-target": target, "content-type": "application/x-amz-json-1.0"}
    assert shortcuts.of_an_sdk("POST", "/", headers)

    async def answers() -> list[Any]:
        return [
            await app._handle_pre_body_request("POST", "/", headers, {}, "id"),
            await app._handle_special_data_plane_request("POST", "/", headers, b"{}", {}, "id"),
        ]

    assert asyncio.run(answers()) == [None, None]


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/", SDK),
        ("OPTIONS", "/", SDK),
        ("POST", "/_aws/execute-api/a/v1", SDK),
        ("POST", "/bucket", SDK),
        ("POST", "/", {"host": "127.0.0.1:2000"}),
        ("POST", "/", SDK | {"host": "a1b2c3d4.execute-api.localhost:2000"}),
        ("POST", "/", SDK | {"host": "bucket.s3.127.0.0.1:2000"}),
        ("POST", "/", {"x-amz-target": "DynamoDB_20120810.Query"}),
    ],
)
def test_all_others_are_asked(method: str, path: str, headers: dict[str, str]) -> None:
    assert not shortcuts.of_an_sdk(method, path, headers)


def test_the_date_is_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    date, now = shortcuts._Date(), 0.0
    monkeypatch.setattr(shortcuts.time, "time", lambda: now)
    for now in (1_700_000_000.2, 1_700_000_000.9, 1_700_000_001.0, 1_699_999_999.0):
        assert date.now(usegmt=True) == formatdate(now, usegmt=True)
    assert date.now(5.0, usegmt=True) == formatdate(5.0, usegmt=True)


def test_answers_carry_the_date(aws: Aws) -> None:
    answer = aws.client("dynamodb").list_tables()["ResponseMetadata"]["HTTPHeaders"]
    assert parsedate_to_datetime(answer["date"]).year > 2000


PATTERN = st.lists(
    st.sampled_from(["*", "?", "a", "arn:aws", ".", "[a]", "GET/teams", "/", "\n", "+"]), max_size=6
).map("".join)


@given(PATTERN, PATTERN)
def test_a_method_is_matched_as_before(pattern: str, arn: str) -> None:
    for _ in range(2):
        assert shortcuts.arn_matches(pattern, arn) == apigateway_v1._arn_matches(pattern, arn)


def test_ids_are_random_uuids() -> None:
    ids = {shortcuts.new_uuid() for _ in range(500)}
    assert len(ids) == 500
    for one in ids:
        known = uuid.UUID(one)
        assert (known.version, known.variant, str(known)) == (4, uuid.RFC_4122, one)
    assert {one[19] for one in ids} == set("89ab")


JSON = st.recursive(
    st.none() | st.booleans() | st.text() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(JSON | st.dictionaries(st.integers(), st.integers()))
def test_an_answer_says_the_same(data: Any) -> None:
    def told(answer: Any) -> Any:
        status, headers, body = answer(data, 400, content_type="a/b")
        return status, headers, json.loads(body)

    try:
        expected = told(responses.json_response)
    except UnicodeEncodeError:
        with pytest.raises(UnicodeEncodeError):
            shortcuts.json_response(data)
    else:
        assert told(shortcuts.json_response) == expected


def test_a_thread_ends_and_serves_the_next() -> None:
    seen, go = [], threading.Event()

    def wait() -> None:
        go.wait(10)
        seen.append(threading.current_thread())

    first, second = shortcuts.Thread(wait), shortcuts.Thread(wait)
    assert not first.is_alive()
    first.start()
    second.start()
    assert first.is_alive() and second.is_alive()
    first.join(timeout=0.01)
    assert first.is_alive()
    go.set()
    for one in (first, second):
        one.join()
        one.join(timeout=0)
        assert not one.is_alive()
    # None waits for one that is busy, and one that is idle serves again.
    assert len(set(seen)) == 2
    for _ in range(100):
        third = shortcuts.Thread(wait)
        third.start()
        third.join()
        if seen[-1] in seen[:2]:
            return
        time.sleep(0.01)
    raise AssertionError("no thread was used again")


def test_a_task_that_fails_leaves_its_thread_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", told.append)

    def fail() -> None:
        raise ValueError("of this task")

    for _ in range(3):
        failing = shortcuts.Thread(fail)
        failing.start()
        failing.join()
        assert not failing.is_alive()
    done = shortcuts.Thread(lambda: told.append("done"))
    done.start()
    done.join()
    assert [str(getattr(one, "exc_value", one)) for one in told] == ["of this task"] * 3 + ["done"]


def test_few_idle_threads_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shortcuts, "_MOST_IDLE", 2)
    monkeypatch.setattr(shortcuts.Thread, "_idle", shortcuts.queue.SimpleQueue())
    go, before = threading.Event(), set(threading.enumerate())
    many = [shortcuts.Thread(go.wait) for _ in range(8)]
    for one in many:
        one.start()
    begun = set(threading.enumerate()) - before
    assert len(begun) == 8
    go.set()
    for _ in range(1000):
        alive = [one for one in begun if one.is_alive()]
        # Each looks before it stays, so a few more may.
        if len(alive) < 8 and len(alive) == shortcuts.Thread._idle.qsize():
            return
        time.sleep(0.01)
    raise AssertionError(f"{len(alive)} threads stayed")


def test_only_what_waits_for_one_answer_takes_an_idle_thread() -> None:
    """What lasts, or is known by its thread, keeps one of its own."""
    for name in ("stderr-function", "provided-api-function", "provided-log-function", "ministack-reentrant"):
        assert isinstance(shortcuts.thread(target=print, daemon=True, name=name), threading.Thread)
    for name in (None, "ministack-apigw-invoke", "ministack-apigw-authorizer"):
        assert isinstance(shortcuts.thread(target=print, daemon=True, name=name), shortcuts.Thread)


def test_an_invocation_runs_in_a_context_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        concurrency, "threading", shortcuts.SimpleNamespace(**{**vars(threading), "Thread": shortcuts.thread})
    )

    async def regions() -> list[Any]:
        found = []
        for region in ("eu-west-1", "af-south-1", None):
            if region:
                responses.set_request_region(region)
            found.append(await concurrency.run_reentrant(responses.get_region, thread_name="ministack-apigw-invoke"))
        return found

    assert asyncio.run(regions()) == ["eu-west-1", "af-south-1", "af-south-1"]
