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

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.parser import ParsedResult

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

    def picked(self, query: ParsedResult) -> str:
        """What a query finds in the body, as lines: texts as they are, a list's items one by one, the rest as JSON.

        Raises ToolError where the body is no JSON, or a function of the query does not take what is there.
        """
        if not self.body:
            return ""
        try:
            found = query.search(json.loads(self.body))
        except JMESPathError as error:
            raise ToolError(f"--query does not fit the answer: {error}.") from error
        except ValueError as error:
            raise ToolError("The answer is no JSON, so --query finds nothing in it.") from error
        items = found if isinstance(found, list) else [] if found is None else [found]
        return "\n".join(one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in items)

    @property
    def problem(self) -> str:
        """Status, code and message of an error, on one line."""
        try:
            error = json.loads(self.body)["error"]
            return f"{self.status} {error['code']}: {error['message']}"
        except (ValueError, LookupError, TypeError):
            return f"HTTP {self.status} {self.reason}"

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


def check_query(query: str) -> ParsedResult:
    """A JMESPath query, ready to be used. Raises UsageError for what is none."""
    try:
        return jmespath.compile(query)
    except JMESPathError as error:
        where = str(error).splitlines()[0].rstrip(":. ")
        raise UsageError(
            f"{query!r} is no JMESPath query: {where}.", "Write one as in --query 'items[].name'; see jmespath.org."
        ) from error


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
