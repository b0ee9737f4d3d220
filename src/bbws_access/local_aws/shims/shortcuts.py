"""Ways through MiniStack that are shorter and lead to the same place.

| AWS | MiniStack | test |
|---|---|---|
| (nothing) | asks fifteen handlers of hosts and paths about each request | `test_shortcuts.py` |
| (nothing) | writes the date of each answer anew | `test_shortcuts.py` |
| (nothing) | makes a pattern of each resource of an authorizer's policy, for each request | `test_shortcuts.py` |
| (nothing) | begins two threads for each invocation of a function | `test_shortcuts.py` |
| (nothing) | writes answers of DynamoDB with Python's own JSON | `test_shortcuts.py` |

A request of an SDK to a service with a target header (DynamoDB, Cognito, EventBridge and others) is a POST to `/` of
the local AWS's own address, and none of those handlers is for it.
"""

import json
import os
import queue
import re
import sys
import threading
import time
from collections.abc import Callable
from email.utils import formatdate
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import orjson
from ministack import app
from ministack.core import concurrency, lambda_runtime, responses
from ministack.services import apigateway_v1, dynamodb, lambda_svc

_OWN_HOSTS = ("127.0.0.1", "localhost")
# The names of threads that wait for one answer of a function: MiniStack's, and none.
_SHORT = (None, "ministack-apigw-invoke", "ministack-apigw-authorizer")
_MOST_IDLE = 64


def install() -> None:
    """Go past what is for other requests, and do once what MiniStack does again and again."""
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
    apigateway_v1._arn_matches = arn_matches
    for module in (apigateway_v1, dynamodb, lambda_svc):
        module.new_uuid = new_uuid
    dynamodb.json_response = json_response
    dynamodb.json = SimpleNamespace(**{**vars(json), "dumps": dumps})
    responses.expected_success_content_type = lru_cache(maxsize=256)(responses.expected_success_content_type)
    for module in (concurrency, lambda_runtime):
        module.threading = SimpleNamespace(**{**vars(threading), "Thread": thread})


def arn_matches(pattern: str, arn: str) -> bool:
    """As MiniStack's: whether a resource of an authorizer's policy, which may have `*` and `?`, is this method."""
    return _arn_pattern(pattern).match(arn) is not None


@lru_cache(maxsize=4096)
def _arn_pattern(pattern: str) -> re.Pattern[str]:
    return re.compile("^" + re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".") + "$")


def new_uuid() -> str:
    """As `str(uuid.uuid4())`, without an object for it."""
    text = os.urandom(16).hex()
    variant = "89ab"[int(text[16], 16) & 3]
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{variant}{text[17:20]}-{text[20:]}"


def json_response(
    data: Any, status: int = 200, *, content_type: str = responses.JSON_1_0_CONTENT_TYPE
) -> tuple[int, dict[str, str], bytes]:
    """As MiniStack's, in fewer bytes and less time."""
    try:
        body = orjson.dumps(data)
    except TypeError:
        # Numbers of more than 64 bits, and keys that are no texts.
        body = json.dumps(data, ensure_ascii=False).encode()
    return status, {"Content-Type": content_type}, body


def thread(**settings: Any) -> Any:
    """A thread for one short task of many: one that has nothing to do is taken, so that none has to begin for it."""
    name = settings.get("name")
    return Thread(settings["target"]) if name in _SHORT else threading.Thread(**settings)


def dumps(data: Any, **settings: Any) -> str:
    """As `json.dumps`, in fewer characters where nothing is said of their form."""
    if settings:
        return json.dumps(data, **settings)
    try:
        return orjson.dumps(data).decode()
    except TypeError:
        return json.dumps(data)


class Thread:
    """What `threading.Thread` is for whoever begins it and waits for its end. It never waits for an idle one."""

    _idle: queue.SimpleQueue["_Worker"] = queue.SimpleQueue()

    def __init__(self, target: Callable[[], Any]):
        self._target = target
        self._running = threading.Lock()
        self._ended = False

    def start(self) -> None:
        """Raises RuntimeError where no more threads can be had."""
        try:
            worker = self._idle.get_nowait()
        except queue.Empty:
            worker = _Worker(self._idle)
            worker.start()
        self._running.acquire()
        worker.tasks.put(self)

    def run(self) -> None:
        """Do what it is for."""
        try:
            self._target()
        finally:
            self._ended = True
            self._running.release()

    def join(self, timeout: float | None = None) -> None:
        """Wait until it has ended, or so long."""
        if self._running.acquire(timeout=-1 if timeout is None else max(timeout, 0)):
            self._running.release()

    def is_alive(self) -> bool:
        """Whether it has begun and not ended."""
        return self._running.locked() and not self._ended


class _Worker(threading.Thread):
    """Runs one task after another; of those with nothing to do, a few stay."""

    def __init__(self, idle: "queue.SimpleQueue[_Worker]"):
        super().__init__(name="local-aws-worker", daemon=True)
        self.tasks: queue.SimpleQueue[Thread] = queue.SimpleQueue()
        self._idle = idle

    def run(self) -> None:
        """Until there are enough others."""
        while True:
            task = self.tasks.get()
            try:
                task.run()
            except BaseException:
                # Told as a thread's; the next task has nothing to do with it.
                threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), self)))
            # Nothing of a task is kept until the next.
            del task
            if self._idle.qsize() >= _MOST_IDLE:
                return
            self._idle.put(self)


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
