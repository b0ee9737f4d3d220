"""Ways through MiniStack that are shorter and lead to the same place.

| AWS | MiniStack | test |
|---|---|---|
| (nothing) | asks fifteen handlers of hosts and paths about each request | `test_shortcuts.py` |
| (nothing) | writes the date of each answer anew | `test_shortcuts.py` |

A request of an SDK to a service with a target header (DynamoDB, Cognito, EventBridge and others) is a POST to `/` of
the local AWS's own address, and none of those handlers is for it.
"""

import time
from email.utils import formatdate
from typing import Any

from ministack import app

_OWN_HOSTS = ("127.0.0.1", "localhost")


def install() -> None:
    """Go past handlers that are for other hosts or paths, and write each second's date once."""
    before_body, data_plane = app._handle_pre_body_request, app._handle_special_data_plane_request

    async def handle_before_body(method: str, path: str, headers: dict[str, str], *rest: Any) -> Any:
        return None if of_an_sdk(method, path, headers) else await before_body(method, path, headers, *rest)

    async def handle_data_plane(method: str, path: str, headers: dict[str, str], *rest: Any, **settings: Any) -> Any:
        if of_an_sdk(method, path, headers):
            return None
        return await data_plane(method, path, headers, *rest, **settings)

    app._handle_pre_body_request = handle_before_body
    app._handle_special_data_plane_request = handle_data_plane
    app.formatdate = _Date().now


def of_an_sdk(method: str, path: str, headers: dict[str, str]) -> bool:
    """Whether a request can only be one of an SDK to a service with a target header."""
    return (
        method == "POST"
        and path == "/"
        and "x-amz-target" in headers
        and headers.get("host", "").partition(":")[0] in _OWN_HOSTS
    )


class _Date:
    def __init__(self) -> None:
        self._second, self._text = 0, ""

    def now(self, timeval: float | None = None, localtime: bool = False, usegmt: bool = False) -> str:
        """As `email.utils.formatdate`."""
        if timeval is not None or localtime or not usegmt:
            return formatdate(timeval, localtime, usegmt)
        second = int(time.time())
        if second != self._second:
            self._text, self._second = formatdate(second, usegmt=True), second
        return self._text
