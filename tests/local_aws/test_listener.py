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


def _serve(
    app: Any, ask: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]], folder: Path
) -> None:
    certificate, key, bundle = ensure_certificate(folder / "tls")

    async def run() -> None:
        listener = socket.create_server((server.HOST, 0))
        serving = await server._listen(app, listener, certificate, key)
        trusted = ssl.create_default_context(cafile=str(bundle))
        reader, writer = await asyncio.open_connection(*listener.getsockname(), ssl=trusted)
        await asyncio.wait_for(ask(reader, writer), 30)
        writer.close()
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving

    asyncio.run(run())
