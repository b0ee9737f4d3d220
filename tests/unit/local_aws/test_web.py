"""The local AWS's HTTP server: requests in any pieces, answers of every kind, and what is no request."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bbws_access.local_aws import web


class Transport(asyncio.Transport):
    """Keeps what was written."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.written, self.closed, self.paused = b"", False, False

    def write(self, data: Any) -> None:
        assert not self.closed
        self.written += data

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False


Send = Callable[[Any], Awaitable[None]]


async def echo(scope: Any, receive: Any, send: Send) -> None:
    body = (await receive())["body"]
    said = b"%s %s ?%s " % (scope["method"].encode(), scope["raw_path"], scope["query_string"])
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": said + body})


def talk(pieces: list[bytes], application: Any = echo, *, gone: bool = False) -> Transport:
    """What a connection answers to bytes that come in pieces."""

    async def run() -> Transport:
        transport, connection = Transport(), web._Connection(application, set())
        connection.connection_made(transport)
        for piece in pieces:
            if not transport.closed:
                connection.data_received(piece)
                await settle()
        if gone:
            connection.connection_lost(None)
        await settle()
        return transport

    async def settle() -> None:
        for _ in range(30):
            await asyncio.sleep(0)

    return asyncio.run(run())


def answers(written: bytes) -> list[bytes]:
    """The bodies of answers that say their lengths."""
    found = []
    while written:
        head, _, written = written.partition(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        found.append(written[:length])
        written = written[length:]
    return found


GET = b"GET /a%20b?c=d HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\nhello\r\n\r\n12"
CHUNKED = (
    b"PUT /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5;name=value\r\nhello\r\n0B\r\n\r\n0\r\n\r\nab12\r\n0\r\nTrailer: x\r\nOther: y\r\n\r\n"
)
EXPECTED = [b"GET /a%20b ?c=d ", b"POST /p ? hello\r\n\r\n12", b"PUT /c ? hello\r\n0\r\n\r\nab12", b"GET /a%20b ?c=d "]


@given(st.lists(st.integers(0, len(GET + POST + CHUNKED + GET)), max_size=12))
def test_requests_come_in_any_pieces(cuts: list[int]) -> None:
    """Also several in one piece: they are answered one after the other."""
    sent = GET + POST + CHUNKED + GET
    places = [0, *sorted(cuts), len(sent)]
    pieces = [sent[start:end] for start, end in itertools.pairwise(places) if start < end]
    transport = talk(pieces)
    assert answers(transport.written) == EXPECTED
    assert not transport.closed


def test_byte_by_byte() -> None:
    sent = GET + POST + CHUNKED
    assert talk([sent[at : at + 1] for at in range(len(sent))]).written == talk([sent]).written


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/2.0\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET  / HTTP/1.1\r\n\r\n",
        b"G T / HTTP/1.1\r\n\r\n",
        b"GET /\xc3\xa4 HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nName : value\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n",
        b"GET / HTTP/1.1\r\n: value\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: b\nC: d\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: \x00\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\na",
        b"POST / HTTP/1.1\r\nContent-Length: 1_0\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: " + b"x" * (64 * 1024) + b"\r\n\r\n",
    ],
)
def test_what_is_no_request_is_refused_and_ends_the_connection(sent: bytes) -> None:
    transport = talk([sent + GET])
    assert transport.written.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert transport.closed
    assert transport.written.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize(
    ("sent", "stays"),
    [
        (GET, True),
        (GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), False),
        (GET.replace(b"\r\n\r\n", b"\r\nConnection: Keep-Alive, Close\r\n\r\n"), False),
        (GET.replace(b"HTTP/1.1", b"HTTP/1.0"), False),
        (GET.replace(b"HTTP/1.1", b"HTTP/1.0").replace(b"\r\n\r\n", b"\r\nConnection: keep-alive\r\n\r\n"), True),
    ],
)
def test_a_connection_stays_as_its_client_says(sent: bytes, stays: bool) -> None:
    transport = talk([sent])
    assert transport.closed is not stays
    assert (b"connection: close" in transport.written) is not stays


def test_a_client_that_waits_is_told_to_go_on() -> None:
    head, body = POST.replace(b"Host: x", b"Expect: 100-Continue").split(b"\r\n\r\n", 1)
    told = talk([head + b"\r\n\r\n"])
    assert told.written == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert answers(talk([head + b"\r\n\r\n", body]).written.removeprefix(told.written)) == [
        b"POST /p ? hello\r\n\r\n12"
    ]
    assert not talk([head + b"\r\n\r\n" + body]).written.startswith(told.written)


async def parts(scope: Any, receive: Any, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"A", b"b\r\nInjected: c")]})
    for part in (b"one", b"", b"three"):
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body"})


def test_an_answer_in_parts_is_chunked() -> None:
    head, _, body = talk([GET], parts).written.partition(b"\r\n\r\n")
    assert head.split(b"\r\n")[1:] == [b"A: b  Injected: c", b"transfer-encoding: chunked"]
    assert body == b"3\r\none\r\n5\r\nthree\r\n0\r\n\r\n"
    old = talk([GET.replace(b"HTTP/1.1", b"HTTP/1.0")], parts)
    assert old.written.endswith(b"\r\n\r\nonethree")
    assert old.closed


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
def test_answers_without_a_body(method: str, status: int) -> None:
    async def application(scope: Any, receive: Any, send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": [(b"x", b"y")]})
        await send({"type": "http.response.body", "body": b"not sent"})

    transport = talk([GET.replace(b"GET", method.encode()) * 2], application)
    assert transport.written == (b"HTTP/1.1 %d %s\r\nx: y\r\n\r\n" % (status, web._REASONS[status])) * 2


def test_an_application_that_fails() -> None:
    async def before(scope: Any, receive: Any, send: Send) -> None:
        raise ValueError

    async def between(scope: Any, receive: Any, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise ValueError

    transport = talk([GET + GET], before)
    assert transport.written.count(b"HTTP/1.1 500 Internal Server Error") == 2
    transport = talk([GET + GET], between)
    # Nobody can take the half for the whole.
    assert transport.closed
    assert not transport.written.endswith(b"0\r\n\r\n")


def test_the_application_is_told_that_its_client_went() -> None:
    told = []

    async def waits(scope: Any, receive: Any, send: Send) -> None:
        told.append((await receive())["type"])
        told.append((await receive())["type"])

    talk([GET], waits, gone=True)
    assert told == ["http.request", "http.disconnect"]


def test_requests_do_not_overtake_and_what_comes_ahead_is_bounded() -> None:
    async def run() -> None:
        turn = asyncio.Event()

        async def waits(scope: Any, receive: Any, send: Send) -> None:
            await turn.wait()
            await echo(scope, receive, send)

        transport, connection = Transport(), web._Connection(waits, set())
        connection.connection_made(transport)
        connection.data_received(POST + GET)
        await asyncio.sleep(0)
        for _ in range(5):
            connection.data_received(b"GET /" + b"x" * 60_000 + b" HTTP/1.1\r\n\r\n")
        assert transport.paused
        assert transport.written == b""
        turn.set()
        for _ in range(60):
            await asyncio.sleep(0)
        assert not transport.paused
        assert [one[:5] for one in answers(transport.written)] == [b"POST ", *[b"GET /"] * 6]

    asyncio.run(run())


def test_a_slow_reader_holds_the_application_up() -> None:
    async def run() -> None:
        transport, connection = Transport(), web._Connection(parts, set())
        connection.connection_made(transport)
        connection.pause_writing()
        connection.data_received(GET)
        for _ in range(10):
            await asyncio.sleep(0)
        assert b"three" not in transport.written
        connection.resume_writing()
        for _ in range(10):
            await asyncio.sleep(0)
        assert transport.written.endswith(b"0\r\n\r\n")

    asyncio.run(run())


def test_only_idle_connections_are_closed() -> None:
    async def run() -> None:
        async def waits(scope: Any, receive: Any, send: Send) -> None:
            await asyncio.Event().wait()

        idle, busy = (web._Connection(application, set()) for application in (echo, waits))
        transports = []
        for one in (idle, busy):
            transports.append(Transport())
            one.connection_made(transports[-1])
            one.data_received(GET)
        for _ in range(10):
            await asyncio.sleep(0)
        for one in (idle, busy):
            one.close_if_idle(asyncio.get_running_loop().time() + 1)
        assert [one.closed for one in transports] == [True, False]

    asyncio.run(run())
