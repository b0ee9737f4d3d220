"""An HTTP/1.1 server for an ASGI application over TLS: as little as the local AWS needs, so that it costs little.

A request is read whole before the application sees it, and an answer is written at once where it has one part. What is
not understood, or could be understood in two ways, is a 400 and the end of the connection.
"""

import asyncio
import contextlib
import logging
import re
import ssl
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

logger = logging.getLogger("local-aws.web")

Scope = dict[str, Any]
Message = dict[str, Any]
Application = Callable[[Scope, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]

_MOST_HEAD = 64 * 1024
# Of what a client sends on while its request is being served.
_MOST_AHEAD = 256 * 1024
_TARGET = re.compile(rb"[\x21-\x7e]+")
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FORBIDDEN = re.compile(rb"[\x00\r\n]")
_SIZE = re.compile(rb"[0-9A-Fa-f]{1,15}")
_LENGTH = re.compile(rb"[0-9]{1,15}")
_REASONS = {one.value: one.phrase.encode() for one in HTTPStatus}
_BODILESS = {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}
# What runs as long as the process: a task that nobody holds may be collected.
_running: set[asyncio.Task[None]] = set()


class _Malformed(Exception):
    """What came is no request."""


async def start(
    application: Application, host: str, port: int, certificate: str, key: str, idle_seconds: float
) -> asyncio.Server:
    """Listen, after the application has started. Raises OSError where the port is taken."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["http/1.1"])
    await _start_application(application)
    connections: set[_Connection] = set()
    server = await asyncio.get_running_loop().create_server(
        lambda: _Connection(application, connections), host, port, ssl=context, backlog=512
    )
    _running.add(asyncio.create_task(_close_idle(connections, idle_seconds)))
    return server


async def _start_application(application: Application) -> None:
    """Let the application do what it does before the first request. Its end is that of the process."""
    started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    messages: asyncio.Queue[Message] = asyncio.Queue()
    messages.put_nowait({"type": "lifespan.startup"})

    async def send(message: Message) -> None:
        if message["type"] == "lifespan.startup.complete" and not started.done():
            started.set_result(None)

    async def run() -> None:
        await application({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, messages.get, send)

    task = asyncio.create_task(run())
    await asyncio.wait((started, task), return_when=asyncio.FIRST_COMPLETED)
    if not started.done():
        task.result()
        raise OSError("the local AWS did not start")
    _running.add(task)


async def _close_idle(connections: "set[_Connection]", seconds: float) -> None:
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(seconds / 5)
        for one in list(connections):
            one.close_if_idle(loop.time() - seconds)


class _Connection(asyncio.Protocol):
    """One client's connection: its requests are served one after the other."""

    def __init__(self, application: Application, connections: "set[_Connection]"):
        self._application, self._connections = application, connections
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._buffer = bytearray()
        self._reader = _Reader()
        self._task: asyncio.Task[None] | None = None
        self._gone = self._loop.create_future()
        self._writable: asyncio.Future[None] | None = None
        self._reading = True
        self._used = self._loop.time()

    # What the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = transport  # type: ignore[assignment]
        self._client, self._server = (transport.get_extra_info(name)[:2] for name in ("peername", "sockname"))
        self._connections.add(self)

    def data_received(self, data: bytes) -> None:
        """Read on, and serve the request that is whole."""
        self._used = self._loop.time()
        self._buffer += data
        if self._task is None:
            self._advance()
        elif len(self._buffer) > _MOST_AHEAD and self._reading:
            self._reading = False
            self._transport.pause_reading()

    def connection_lost(self, error: Exception | None) -> None:
        """Tell whoever waits."""
        self._connections.discard(self)
        for future in (self._gone, self._writable):
            if future is not None and not future.done():
                future.set_result(None)

    def pause_writing(self) -> None:
        """The client reads more slowly than the application writes."""
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        """The client has read."""
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None

    def close_if_idle(self, before: float) -> None:
        """Close a connection that nothing came on since, unless a request is being served."""
        if self._task is None and self._used < before:
            self._transport.close()

    # Requests

    def _advance(self) -> None:
        try:
            request = self._reader.read(self._buffer, self._transport)
        except _Malformed:
            date = formatdate(usegmt=True).encode()
            self._transport.write(
                b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\ndate: " + date + b"\r\n\r\n"
            )
            self._transport.close()
            return
        if request is not None:
            self._task = self._loop.create_task(self._serve(*request))
            self._task.add_done_callback(self._served)

    def _served(self, task: asyncio.Task[None]) -> None:
        self._task = None
        self._used = self._loop.time()
        if task.cancelled() or task.exception() is not None or self._transport.is_closing():
            self._transport.close()
            return
        if not self._reading:
            self._reading = True
            self._transport.resume_reading()
        if self._buffer:
            self._advance()

    async def _serve(self, scope: Scope, body: bytes, stay: bool) -> None:
        scope |= {"client": self._client, "server": self._server}
        pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
        answer = _Answer(scope, stay)

        async def receive() -> Message:
            if pending:
                return pending.pop()
            await asyncio.shield(self._gone)
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            content = answer.bytes_of(message)
            if content and not self._transport.is_closing():
                self._transport.write(content)
                if self._writable is not None and message.get("more_body"):
                    await asyncio.shield(self._writable)

        try:
            await self._application(scope, receive, send)
        except Exception:
            logger.exception("%s %s failed", scope["method"], scope["path"])
            if not answer.begun:
                await send({"type": "http.response.start", "status": 500, "headers": []})
                await send({"type": "http.response.body"})
        if not answer.whole or not answer.stay:
            self._transport.close()


class _Answer:
    """An answer on its way into bytes."""

    def __init__(self, scope: Scope, stay: bool):
        self._scope = scope
        self._start: Message | None = None
        self._chunked = False
        self.stay = stay
        self.begun, self.whole = False, False

    def bytes_of(self, message: Message) -> bytes:
        """What to write for a message; the head waits for the first part of the body."""
        if message["type"] == "http.response.start":
            self._start = message
            return b""
        if message["type"] != "http.response.body" or self.whole or (self._start is None and not self.begun):
            return b""
        content, more = message.get("body", b""), message.get("more_body", False)
        parts = []
        if not self.begun:
            self.begun = True
            parts.append(self._head(self._start or {}, len(content), more))
        self.whole = not more
        silent = self._scope["method"] == "HEAD" or self._status in _BODILESS
        if not silent:
            if self._chunked:
                if content:
                    parts += [f"{len(content):x}\r\n".encode(), content, b"\r\n"]
                if not more:
                    parts.append(b"0\r\n\r\n")
            else:
                parts.append(content)
        return b"".join(parts)

    def _head(self, message: Message, length: int, more: bool) -> bytes:
        self._status = message["status"]
        lines = [b"HTTP/1.1 %d %s" % (self._status, _REASONS.get(self._status, b""))]
        framed = self._scope["method"] == "HEAD" or self._status in _BODILESS
        for name, value in message["headers"]:
            lower = name.lower()
            framed |= lower in (b"content-length", b"transfer-encoding")
            if lower == b"connection" and b"close" in value.lower():
                self.stay = False
            # A line break would begin a header of whoever chose the value.
            lines.append(name + b": " + _FORBIDDEN.sub(b" ", value))
        if not framed and not more:
            lines.append(b"content-length: %d" % length)
        elif not framed and self._scope["http_version"] == "1.1":
            self._chunked = True
            lines.append(b"transfer-encoding: chunked")
        elif not framed:
            self.stay = False
        if not self.stay:
            lines.append(b"connection: close")
        return b"\r\n".join(lines) + b"\r\n\r\n"


class _Reader:
    """Reads requests out of a buffer: head, then a body of a length or in chunks."""

    def __init__(self) -> None:
        self._searched = 0
        self._scope: Scope | None = None
        self._length: int | None = 0
        self._chunks: list[bytes] = []
        self._stay = True

    def read(self, buffer: bytearray, transport: asyncio.Transport) -> tuple[Scope, bytes, bool] | None:
        """The next request that is whole, its body, and whether the connection stays; None where more has to come."""
        if self._scope is None:
            # Empty lines before a request are passed over.
            while buffer.startswith(b"\r\n"):
                del buffer[:2]
            end = buffer.find(b"\r\n\r\n", max(0, self._searched - 3))
            if end < 0 or end > _MOST_HEAD:
                if len(buffer) > _MOST_HEAD:
                    raise _Malformed
                self._searched = len(buffer)
                return None
            head = bytes(buffer[:end])
            del buffer[: end + 4]
            self._searched = 0
            if self._begin(head) and not buffer:
                transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if self._length is None:
            if not self._read_chunks(buffer):
                return None
            body = b"".join(self._chunks)
            self._chunks = []
        else:
            if len(buffer) < self._length:
                return None
            body = bytes(buffer[: self._length])
            del buffer[: self._length]
        scope, self._scope = self._scope, None
        return scope or {}, body, self._stay

    def _begin(self, head: bytes) -> bool:
        """Read a head; returns whether its client waits to be told to go on."""
        first, *lines = head.split(b"\r\n")
        method, _, rest = first.partition(b" ")
        target, _, version = rest.partition(b" ")
        if version not in (b"HTTP/1.1", b"HTTP/1.0") or not _TOKEN.fullmatch(method) or not _TARGET.fullmatch(target):
            raise _Malformed
        headers: list[tuple[bytes, bytes]] = []
        lengths, encodings, connection, expects = set(), [], b"", False
        for line in lines:
            name, colon, value = line.partition(b":")
            if not colon or not _TOKEN.fullmatch(name) or _FORBIDDEN.search(value):
                raise _Malformed
            name, value = name.lower(), value.strip(b" \t")
            headers.append((name, value))
            if name == b"content-length":
                lengths.add(value)
            elif name == b"transfer-encoding":
                encodings.append(value.lower())
            elif name == b"connection":
                connection += b"," + value.lower()
            elif name == b"expect":
                expects = value.lower() == b"100-continue"
        if encodings:
            if encodings != [b"chunked"] or lengths:
                raise _Malformed
            self._length = None
        elif lengths:
            [length, *others] = lengths
            if others or not _LENGTH.fullmatch(length):
                raise _Malformed
            self._length = int(length)
        else:
            self._length = 0
        old = version == b"HTTP/1.0"
        said = {one.strip() for one in connection.split(b",")}
        self._stay = b"keep-alive" in said if old else b"close" not in said
        if not target.startswith((b"/", b"*")):
            # A proxy's form: http://host/path
            _, _, after = target.partition(b"://")
            target = b"/" + after.partition(b"/")[2]
        path, _, query = target.partition(b"?")
        self._scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.0" if old else "1.1",
            "method": method.decode().upper(),
            "scheme": "https",
            "path": unquote(path.decode()),
            "raw_path": path,
            "query_string": query,
            "root_path": "",
            "headers": headers,
        }
        return expects and self._length != 0

    def _read_chunks(self, buffer: bytearray) -> bool:
        """Take the chunks that are whole; returns whether the last was among them."""
        at = 0
        with contextlib.suppress(_More):
            while True:
                line, start = _line(buffer, at)
                size_text = line.partition(b";")[0].strip()
                if not _SIZE.fullmatch(size_text):
                    raise _Malformed
                size = int(size_text, 16)
                if size == 0:
                    # Trailers are read and forgotten; an empty line ends them.
                    trailer, start = _line(buffer, start)
                    while trailer:
                        trailer, start = _line(buffer, start)
                    del buffer[:start]
                    return True
                end = start + size
                if len(buffer) < end + 2:
                    break
                if buffer[end : end + 2] != b"\r\n":
                    raise _Malformed
                self._chunks.append(bytes(buffer[start:end]))
                at = end + 2
        del buffer[:at]
        return False


class _More(Exception):
    """The line is not whole yet."""


def _line(buffer: bytearray, at: int) -> tuple[bytes, int]:
    end = buffer.find(b"\r\n", at, at + _MOST_HEAD)
    if end < 0:
        if len(buffer) - at > _MOST_HEAD:
            raise _Malformed
        raise _More
    return bytes(buffer[at:end]), end + 2
