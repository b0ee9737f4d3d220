"""HTTP/1.1 over kept TLS connections: just what calls to AWS need, without the import time of a general client."""

from __future__ import annotations

import os
import select
import socket
import ssl
import time
import zlib
from functools import lru_cache

_IDLE_SECONDS = 50.0  # older connections are likely closed by the other side
_CONNECT_SECONDS = 1.0
_LARGEST_ANSWER = 16 * 1024 * 1024


class Pool:
    """Kept connections to one address, `https://host[:port]` (plain http for this machine only)."""

    def __init__(self, endpoint: str) -> None:
        scheme, separator, authority = endpoint.rstrip("/").partition("://")
        host, _, port = authority.partition(":")
        if not separator or scheme not in ("http", "https") or not host or "/" in authority:
            raise ValueError(f"The endpoint {endpoint!r} is no address of the form https://host[:port]")
        if scheme == "http" and host not in ("127.0.0.1", "localhost"):
            raise ValueError(f"The endpoint {endpoint!r} must use https; plain http is for this machine only")
        self.authority = authority
        self._address = host, int(port) if port else (443 if scheme == "https" else 80)
        self._secure = scheme == "https"
        self._idle: list[Connection] = []

    def send(self, data: bytes, timeout: float) -> Connection:
        """Send a request and return the connection that will carry the answer. Raises OSError."""
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                break
            if connection.is_fresh():
                connection.settimeout(timeout)
                try:
                    connection.sendall(data)
                except OSError:
                    connection.close()
                    continue  # closed by the other side while idle; the next one, or a new one
                return connection
            connection.close()
        connection = self._connect(min(timeout, _CONNECT_SECONDS))
        try:
            connection.settimeout(timeout)
            connection.sendall(data)
        except OSError:
            connection.close()
            raise
        return connection

    def get(self, path: str, timeout: float) -> tuple[int, bytes]:
        """Status and body of a GET. Raises OSError or ValueError."""
        request = f"GET {path} HTTP/1.1\r\nHost: {self.authority}\r\nAccept: application/json\r\n\r\n"
        return self.exchange(request.encode("ascii"), timeout)

    def exchange(self, data: bytes, timeout: float) -> tuple[int, bytes]:
        """Status and body of the answer to a whole request. Raises OSError or ValueError."""
        connection = self.send(data, timeout)
        try:
            answer = connection.read_answer()
        except (OSError, ValueError):
            connection.close()
            raise
        self.keep(connection)
        return answer

    def keep(self, connection: Connection) -> None:
        if connection.reusable:
            connection.used = time.monotonic()
            self._idle.append(connection)
        else:
            connection.close()

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _connect(self, timeout: float) -> Connection:
        raw = socket.create_connection(self._address, timeout)
        try:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if not self._secure:
                return Connection(raw)
            return Connection(tls_context().wrap_socket(raw, server_hostname=self._address[0]))
        except BaseException:
            raw.close()
            raise


def tls_context() -> ssl.SSLContext:
    """A verifying TLS context, made once; trusts AWS_CA_BUNDLE instead of the system's authorities if that is set."""
    return _tls_context(os.environ.get("AWS_CA_BUNDLE") or None)


@lru_cache(maxsize=4)
def _tls_context(bundle: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=bundle)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _header(head: bytes, name: bytes) -> bytes | None:
    """The value of the last header of a name, all in lower case as the head is; None without one."""
    begin = head.rfind(b"\r\n%b:" % name)
    if begin < 0:
        return None
    begin += len(name) + 3
    return head[begin : head.index(b"\r\n", begin)].strip()


class Connection:
    """One kept connection, used by one request at a time."""

    __slots__ = ("_buffer", "_poll", "_socket", "_timeout", "close", "reusable", "sendall", "used")

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._buffer = b""
        self._timeout: float | None = None
        self._poll = select.poll()
        self._poll.register(connected, select.POLLIN)
        self.sendall = connected.sendall
        self.close = connected.close
        self.reusable = True
        self.used = time.monotonic()

    def is_fresh(self) -> bool:
        """Whether it can carry a request: recently used, and nothing (an end, or stray bytes) waits to be read."""
        if time.monotonic() - self.used > _IDLE_SECONDS:
            return False
        if isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
            return False  # already decrypted: the operating system does not know of it
        return not self._poll.poll(0)

    def settimeout(self, seconds: float) -> None:
        if seconds != self._timeout:
            self._socket.settimeout(seconds)
            self._timeout = seconds

    def read_answer(self) -> tuple[int, bytes]:
        """Status and body. Raises OSError when the connection ends, ValueError when the answer makes no sense."""
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            self._more()
        # Of a dozen headers four matter: finding them takes a third of the time of reading all.
        head = self._buffer[: end + 2].lower()
        self._buffer = self._buffer[end + 4 :]
        version, status = head[: head.index(b"\r\n")].split(b" ", 2)[:2]
        if not version.startswith(b"http/1."):
            raise ValueError("the answer is not HTTP/1")
        self.reusable = version != b"http/1.0" and _header(head, b"connection") != b"close"
        if _header(head, b"transfer-encoding") == b"chunked":
            body = self._chunks()
        else:
            length = _header(head, b"content-length")
            body = self._until_end() if length is None else self._take(int(length))
        checksum = _header(head, b"x-amz-crc32")
        if checksum is not None and int(checksum) != zlib.crc32(body):
            self.reusable = False
            raise ValueError("the answer's checksum is wrong")
        if self._buffer:
            self.reusable = False
        return int(status), body

    def _more(self) -> None:
        data = self._socket.recv(16384)
        if not data:
            raise ConnectionResetError("the connection was closed before the answer was complete")
        self._buffer += data
        if len(self._buffer) > _LARGEST_ANSWER:
            raise ValueError("the answer is too large")

    def _take(self, length: int) -> bytes:
        if not 0 <= length <= _LARGEST_ANSWER:
            raise ValueError("the answer's length makes no sense")
        if len(self._buffer) < length:
            parts, have = [self._buffer], len(self._buffer)
            while have < length:
                data = self._socket.recv(min(length - have, 262144))
                if not data:
                    raise ConnectionResetError("the connection was closed before the answer was complete")
                parts.append(data)
                have += len(data)
            self._buffer = b"".join(parts)
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        return body

    def _line(self) -> bytes:
        while (end := self._buffer.find(b"\r\n")) < 0:
            self._more()
        line, self._buffer = self._buffer[:end], self._buffer[end + 2 :]
        return line

    def _chunks(self) -> bytes:
        parts, total = [], 0
        while length := int(self._line().partition(b";")[0], 16):
            total += length
            if total > _LARGEST_ANSWER:
                raise ValueError("the answer is too large")
            parts.append(self._take(length))
            if self._line():
                raise ValueError("a chunk of the answer is longer than announced")
        while self._line():
            pass
        return b"".join(parts)

    def _until_end(self) -> bytes:
        self.reusable = False
        while True:
            try:
                self._more()
            except ConnectionResetError:
                body, self._buffer = self._buffer, b""
                return body
