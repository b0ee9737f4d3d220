"""Shorter ways through MiniStack: shim `shortcuts`."""

import asyncio
from email.utils import formatdate, parsedate_to_datetime
from typing import Any

import pytest
from ministack import app

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
