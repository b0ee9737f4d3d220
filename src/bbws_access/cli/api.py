"""Calls the API as somebody who is signed in."""

import json
import re
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

from bbws_access.cli.errors import ToolError, UsageError
from bbws_access.cli.targets import LocalTarget, Target

_METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")
_TIMEOUT = 60  # seconds; the gateway gives up after 29


class NoAnswerError(ToolError):
    """The API did not answer; it may have done what it was asked."""


@dataclass(frozen=True)
class Answer:
    """What the API said."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def failed(self) -> bool:
        return self.status >= 400

    def text(self) -> str:
        """The body, JSON indented."""
        text = self.body.decode(errors="replace")
        try:
            return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
        except ValueError:
            return text

    @property
    def is_json(self) -> bool:
        return any(name.lower() == "content-type" and "json" in value for name, value in self.headers)


def check_request(method: str, path: str) -> str:
    """The method in capitals. Raises UsageError for what cannot be sent."""
    if method.upper() not in _METHODS:
        raise UsageError(f"{method!r} is no method.", f"The methods are {', '.join(_METHODS)}.")
    if not re.fullmatch(r"/[!-~]*", path):
        raise UsageError(
            f"{path!r} is no path of the API.",
            "Begin it with /, without host and base path, as in /organisations/org-demo/roles; write blanks as %20.",
        )
    return method.upper()


def read_body(data: str | None) -> bytes | None:
    """The body that `--data` stands for: JSON, `@FILE`, or `-` for standard input. Raises UsageError."""
    if data is None:
        return None
    if data == "-":
        text, where = sys.stdin.read(), "standard input"
    elif data.startswith("@"):
        try:
            text, where = Path(data[1:]).read_text(encoding="utf-8"), data[1:]
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{data[1:]} cannot be read: {error}.") from error
    else:
        text, where = data, "--data"
    try:
        json.loads(text)
    except ValueError as error:
        raise UsageError(f"{where} is no JSON: {error}.", "Write JSON, @FILE for a file, or - for input.") from error
    return text.encode()


def call(
    target: Target, outputs: Mapping[str, Any], method: str, path: str, *, token: str | None, body: bytes | None
) -> Answer:
    """Send one request. Raises NoAnswerError when no answer comes."""
    url = target.api_url(outputs) + path
    headers = {"Accept": "*/*"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    handlers: list[Any] = [_NoRedirects()]
    if isinstance(target, LocalTarget):
        context = ssl.create_default_context(cafile=str(target.aws.ca_bundle))
        handlers += [urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)]
    request = urllib.request.Request(url, data=body, headers=headers, method=method)  # noqa: S310 - always https, and a path cannot change the host
    try:
        try:
            answer = urllib.request.build_opener(*handlers).open(request, timeout=_TIMEOUT)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            return Answer(answer.status, answer.reason or "", list(answer.headers.items()), answer.read())
    except (OSError, HTTPException) as error:
        raise NoAnswerError(f"{url} does not answer: {error}.") from error


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A token goes to the API and to nobody that it names."""

    def redirect_request(self, *arguments: Any) -> None:
        return None
