"""A small HTTP server on loopback whose every answer the test decides, for what no emulator does on demand."""

import json
import socket
import ssl
import threading
import zlib
from collections.abc import Callable
from typing import Self

Answer = bytes | None  # the raw bytes to send; None closes the connection without an answer


class Loopback:
    """Answers each request with `answer(number, headers, body)`, a number counting from 0.

    A request whose answer is None sees its connection closed. `requests` holds (head, body) of each.
    """

    def __init__(self, answer: Callable[[int, str, bytes], Answer], context: ssl.SSLContext | None = None) -> None:
        self._answer = answer
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self.requests: list[tuple[str, bytes]] = []
        self.connections = 0
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        scheme = "https" if self._context else "http"
        return f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self.drop()

    def drop(self) -> None:
        """Close every open connection, as a server does with idle ones."""
        for connection in self._open:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # already closed by the other side
            finally:
                connection.close()
        self._open.clear()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, raw: socket.socket) -> None:
        try:
            connection = self._context.wrap_socket(raw, server_side=True) if self._context else raw
            self._open.append(connection)
            with connection, connection.makefile("rb") as reader:
                while line := reader.readline():
                    head = line.decode()
                    while (line := reader.readline()) not in (b"\r\n", b""):
                        head += line.decode()
                    length = next(
                        (int(h.split(":")[1]) for h in head.splitlines() if h.lower().startswith("content-length:")), 0
                    )
                    body = reader.read(length)
                    with self._lock:
                        number = len(self.requests)
                        self.requests.append((head, body))
                    answer = self._answer(number, head, body)
                    if answer is None:
                        return
                    connection.sendall(answer)
        except (OSError, ValueError):
            return  # the client went away


def http(status: int, body: object, *, checksum: bool = False, chunked: bool = False, headers: str = "") -> bytes:
    """An HTTP answer with a JSON body."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status} Text\r\n{headers}"
    if checksum:
        head += f"x-amz-crc32: {zlib.crc32(data)}\r\n"
    if chunked:
        middle = len(data) // 2
        parts = [data[:middle], data[middle:]]
        content = b"".join(f"{len(part):x};x=y\r\n".encode() + part + b"\r\n" for part in parts if part)
        return head.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + content + b"0\r\nTrailer: x\r\n\r\n"
    return head.encode() + f"Content-Length: {len(data)}\r\n\r\n".encode() + data


def error(code: str, **more: object) -> bytes:
    """DynamoDB's shape of an error."""
    return http(400, {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "no", **more})
