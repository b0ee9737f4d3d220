"""What lies between a connection to the local AWS and the emulator."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import pytest

from bbws_access.local_aws import server
from bbws_access.local_aws.certificate import ensure_certificate

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

WHO = ContextVar("WHO", default="nobody")
# More than a server reads ahead: the request's own task has to ask for the rest.
LARGE = b"x" * (4 << 20)


def test_no_request_inherits_what_another_one_set(tmp_path: Path) -> None:
    """On one connection, as an SDK keeps it: cpython#140947 lets a task's context pass on."""
    found: list[str] = []

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        found.append(WHO.get())
        WHO.set(scope["path"])
        # Slow enough that the connection stops to be read.
        await asyncio.sleep(0.1)
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for path in ("/first", "/second", "/third"):
            writer.write(f"POST {path} HTTP/1.1\r\nHost: here\r\nContent-Length: {len(LARGE)}\r\n\r\n".encode() + LARGE)
            await writer.drain()
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")

    _serve(app, ask, tmp_path)
    assert found == ["nobody"] * 3


@pytest.mark.parametrize("connection", ["keep-alive", "close"])
def test_head_and_body_of_an_answer_are_one_record(tmp_path: Path, connection: str) -> None:
    """What a client of Terraform's provider sends again where it reads the head alone."""

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        await receive()
        await send({"type": "http.response.start", "status": 201, "headers": [(b"content-length", b"6")]})
        await send({"type": "http.response.body", "body": b"made", "more_body": True})
        await send({"type": "http.response.body", "body": b"it"})

    records: list[bytes] = []

    async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(1 if connection == "close" else 3):
            writer.write(
                f"POST / HTTP/1.1\r\nHost: here\r\nConnection: {connection}\r\nContent-Length: 2\r\n\r\n{{}}".encode()
            )
            records.append(await reader.read(1 << 16))

    _serve(app, ask, tmp_path)
    assert [one.partition(b"\r\n\r\n")[2] for one in records] == [b"madeit"] * len(records)


def test_an_answer_that_comes_in_parts_is_not_held_back(tmp_path: Path) -> None:
    asked = asyncio.Event()

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"6")]})
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        await asked.wait()
        await send({"type": "http.response.body", "body": b"two"})

    async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        assert (await reader.readuntil(b"one")).startswith(b"HTTP/1.1 200")
        asked.set()
        assert await reader.readexactly(3) == b"two"

    _serve(app, ask, tmp_path)


class _Direct:
    """Answers what names itself in a header: at once, later, or not at all."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bytes]] = []

    def operation_of(self, method: bytes, url: bytes, headers: list[tuple[bytes, bytes]]) -> str | None:
        name = dict(headers).get(b"how")
        return name.decode() if name else None

    def answer(self, operation: str, headers: Any, body: bytes, client: str, answered: Any) -> bool:
        self.asked.append((operation, body))
        if operation == "later":
            asyncio.get_running_loop().call_later(0.05, answered, 200, {"who": "direct"}, body)
        elif operation == "now":
            answered(200, {"who": "direct"}, body)
        return operation in ("now", "later")


async def _echo(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message["body"], message["more_body"]
    length = str(len(body)).encode()
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"who", b"app"), (b"content-length", length)]}
    )
    await send({"type": "http.response.body", "body": body})


async def _answer(reader: asyncio.StreamReader) -> tuple[str, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    found = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
    return found["who"], await reader.readexactly(int(found["content-length"]))


@pytest.mark.parametrize("first", ["now", "later", "never", ""])
@pytest.mark.parametrize("second", ["now", "later", "never", ""])
@pytest.mark.parametrize("size", [0, 7, 200_000, 2 << 20])
def test_whoever_answers_one_connection_has_one_order(tmp_path: Path, first: str, second: str, size: int) -> None:
    """Both requests are sent before the first is answered, and each is answered once, whole, in turn."""
    direct = _Direct()

    def request(how: str, letter: bytes) -> bytes:
        how = f"How: {how}\r\n" if how else ""
        return f"POST / HTTP/1.1\r\nHost: here\r\n{how}Content-Length: {size}\r\n\r\n".encode() + letter * size

    async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            writer.write(request(first, b"a") + request(second, b"b"))
            answers = [await _answer(reader), await _answer(reader)]
            assert [body for _, body in answers] == [b"a" * size, b"b" * size]
            if size <= server._DIRECT_BYTES:
                assert answers[0][0] == ("direct" if first in ("now", "later") else "app")
            else:
                assert {who for who, _ in answers} == {"app"}

    _serve(_echo, ask, tmp_path, direct)
    assert all(set(body) <= {b"a"[0], b"b"[0]} and len(body) == size for _, body in direct.asked)


def test_who_speaks_an_older_version_is_told_when_the_answer_ends(tmp_path: Path) -> None:
    async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(
            b"POST / HTTP/1.0\r\nHost: here\r\nConnection: keep-alive\r\nHow: now\r\nContent-Length: 1\r\n\r\na"
        )
        answer = await asyncio.wait_for(reader.read(), 10)
        assert b"connection: close" in answer
        assert answer.endswith(b"a")

    _serve(_echo, ask, tmp_path, _Direct())


def test_who_goes_before_the_answer_harms_nobody(tmp_path: Path) -> None:
    direct = _Direct()

    async def ask(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"POST / HTTP/1.1\r\nHost: here\r\nHow: later\r\nContent-Length: 1\r\n\r\na")
        await writer.drain()
        while not direct.asked:
            await asyncio.sleep(0.01)
        writer.transport.abort()
        host, port = writer.get_extra_info("peername")
        trusted = ssl.create_default_context(cafile=str(tmp_path / "tls" / "ca-bundle.pem"))
        await asyncio.sleep(0.1)
        reader, writer = await asyncio.open_connection(host, port, ssl=trusted)
        writer.write(b"POST / HTTP/1.1\r\nHost: here\r\nHow: now\r\nContent-Length: 1\r\n\r\nb")
        assert await _answer(reader) == ("direct", b"b")
        writer.close()

    _serve(_echo, ask, tmp_path, direct)


def _serve(
    app: Any,
    ask: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    folder: Path,
    direct: Any = None,
) -> None:
    certificate, key, bundle = ensure_certificate(folder / "tls")

    async def run() -> None:
        listener = socket.create_server((server.HOST, 0))
        serving = await server._listen(app, listener, certificate, key, direct)
        trusted = ssl.create_default_context(cafile=str(bundle))
        reader, writer = await asyncio.open_connection(*listener.getsockname(), ssl=trusted)
        await asyncio.wait_for(ask(reader, writer), 30)
        writer.close()
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving

    with asyncio.Runner(loop_factory=server.event_loop) as runner:
        runner.run(run())
