"""What `bbws-access api` sends, and what it refuses to send."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace

import pytest

from bbws_access.cli import api
from bbws_access.cli.errors import ToolError, UsageError
from tests.unit.kernel.loopback import Loopback, http


class Anywhere:
    """A target whose API is at an address."""

    def __init__(self, url: str) -> None:
        self.url = url

    def api_url(self, outputs: object) -> str:
        return self.url


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("FETCH", "/health"),
        ("GET", "health"),
        ("GET", "https://example.org/"),
        ("GET", "/a b"),
        ("GET", "/é"),
        ("GET", "/a\n"),
    ],
)
def test_what_is_no_request_is_refused(method: str, path: str) -> None:
    with pytest.raises(UsageError):
        api.check_request(method, path)


def test_a_body_is_json_from_the_command_line_a_file_or_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "body.json").write_text('{"name": "Ä"}')
    monkeypatch.setattr("sys.stdin", io.StringIO("[1]"))
    assert api.read_body(None) is None
    assert api.read_body('{"a": 1}') == b'{"a": 1}'
    assert api.read_body(f"@{tmp_path / 'body.json'}").decode() == '{"name": "Ä"}'
    assert api.read_body("-") == b"[1]"


@pytest.mark.parametrize("data", ["{", "", "@/no/such/file"])
def test_a_body_that_is_none_is_refused(data: str) -> None:
    with pytest.raises(UsageError):
        api.read_body(data)


def test_the_answer_comes_back_whatever_its_status() -> None:
    requests = []

    def answer(number: int, head: str, body: bytes) -> bytes:
        requests.append((head, body))
        return http(403, b'{"error":{"code":"FORBIDDEN"}}')

    with Loopback(answer) as server:
        made = api.call(Anywhere(server.url), {}, "POST", "/x?y=1", token="abc", body=b"{}")
    assert (made.status, made.failed) == (403, True)
    assert made.text() == '{\n  "error": {\n    "code": "FORBIDDEN"\n  }\n}'
    [(head, body)] = requests
    assert head.startswith("POST /x?y=1 HTTP/1.1")
    assert "authorization: bearer abc" in head.lower()
    assert body == b"{}"


def test_a_redirect_is_not_followed() -> None:
    count = SimpleNamespace(requests=0)

    def answer(number: int, head: str, body: bytes) -> bytes:
        count.requests += 1
        return b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"

    with Loopback(answer) as server:
        assert api.call(Anywhere(server.url), {}, "GET", "/", token="abc", body=None).status == 302
    assert count.requests == 1


def test_silence_is_an_error() -> None:
    with pytest.raises(ToolError, match="does not answer"):
        api.call(Anywhere("http://127.0.0.1:9"), {}, "GET", "/health", token=None, body=None)
