"""Our signature is botocore's, byte for byte."""

import datetime
import json
import time

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
from hypothesis import given
from hypothesis import strategies as st

from bbws_access.kernel.signature import Credentials, Signer

HOST = "dynamodb.eu-west-1.amazonaws.com"
_TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)


def _signer() -> Signer:
    return Signer("dynamodb", "eu-west-1", HOST, "application/x-amz-json-1.0")


def _headers(request: bytes) -> tuple[dict[str, str], bytes]:
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST / HTTP/1.1"
    return dict(line.split(": ", 1) for line in lines[1:]), body


def _botocore(monkeypatch, headers: dict[str, str], body: bytes, credentials: Credentials) -> str:
    signed = {name: headers[name] for name in ("Content-Type", "X-Amz-Target")}
    request = AWSRequest("POST", f"https://{HOST}/", headers=signed, data=body)
    auth = SigV4Auth(BotoCredentials(*credentials), "dynamodb", "eu-west-1")
    stamp = time.strptime(headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ")
    moment = datetime.datetime(*stamp[:6], tzinfo=datetime.UTC)
    with monkeypatch.context() as patch:
        patch.setattr("botocore.auth.get_current_datetime", lambda *_, **__: moment)
        auth.add_auth(request)
    return request.headers["Authorization"]


@given(
    operation=st.sampled_from(["Query", "GetItem", "TransactWriteItems"]),
    content=st.dictionaries(st.text(max_size=10), st.text(max_size=50), max_size=3),
    credentials=st.builds(Credentials, _TEXT, _TEXT, st.none() | _TEXT),
    now=st.integers(1_600_000_000, 2_000_000_000),
)
def test_equal_to_botocore(operation, content, credentials, now):
    body = json.dumps(content).encode()
    signer = _signer()
    request = signer.request(body, credentials, target=f"DynamoDB_20120810.{operation}", now=now)
    headers, sent = _headers(request)
    assert sent == body
    assert headers["Content-Length"] == str(len(body))
    assert headers["Host"] == HOST
    with pytest.MonkeyPatch.context() as patch:
        assert headers["Authorization"] == _botocore(patch, headers, body, credentials)
    # The kept key of the day does not outlive the day or the secret.
    later = now + 86_400
    again, fresh = (
        _headers(one.request(body, credentials, target="DynamoDB_20120810.Query", now=later))[0]
        for one in (signer, _signer())
    )
    assert again == fresh
