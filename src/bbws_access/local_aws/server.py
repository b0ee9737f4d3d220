"""The emulator's own process: environment, saved state, shims, and one TLS listener on the loopback interface."""

import argparse
import asyncio
import concurrent.futures
import contextlib
import contextvars
import gc
import logging
import os
import resource
import shlex
import shutil
import signal
import socket
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bbws_access.local_aws import changes, memory
from bbws_access.local_aws.errors import LocalAwsError

if TYPE_CHECKING:
    from bbws_access.local_aws.snapshot import Snapshots

ACCOUNT_ID = "000000000000"
HOST = "127.0.0.1"
HEALTH_PATH = "/_ministack/health"
# What the launcher writes to standard input once it has noted the process.
WORD = b"noted"
_SETTLE_SECONDS = 2.0
_IDLE_SECONDS = 75
# Larger requests go the way that makes their sender wait.
_DIRECT_BYTES = 1 << 20

# What the emulator's process may keep of its caller's environment: nothing that names an AWS account, a profile,
# a proxy or a Python path.
KEPT_VARIABLES = (
    *("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "SYSTEMROOT"),
    *("LOCAL_AWS_TRANSACTION_SECONDS", "LOCAL_AWS_REQUESTS", "LOCAL_AWS_MODELS"),
)


def client_environment(port: int, region: str, bundle: Path) -> dict[str, str]:
    """The variables with which boto3, Terraform and the AWS command line talk to the emulator on `port`."""
    return {
        "AWS_ENDPOINT_URL": f"https://{HOST}:{port}",
        "AWS_CA_BUNDLE": str(bundle),
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        # Neither a profile of the user's nor the machine's own role may ever answer instead.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": f"{HOST},localhost",
        "no_proxy": f"{HOST},localhost",
    }


def server_environment(folder: Path, port: int, region: str) -> dict[str, str]:
    """The whole environment of the emulator's process, and so of the functions that it runs."""
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    return {
        **kept,
        **client_environment(port, region, folder / "tls" / "ca-bundle.pem"),
        "HOME": str(folder),
        "TMPDIR": str(folder / "tmp"),
        "SSL_CERT_FILE": str(folder / "tls" / "ca-bundle.pem"),
        "AUTH": "true",
        "BIND_HOST": HOST,
        "MINISTACK_HOST": HOST,
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": region,
        "MINISTACK_ACCOUNT_ID": ACCOUNT_ID,
        "USE_SSL": "1",
        "MINISTACK_SSL_CERT": str(folder / "tls" / "server.pem"),
        "MINISTACK_SSL_KEY": str(folder / "tls" / "server.key"),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "DOCKER_HOST": f"unix://{folder}/no-docker",
        "STATE_DIR": str(folder / "keys"),
        "PERSIST_STATE": "0",
        "MINISTACK_COGNITO_PRETOKEN_STRICT": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def run(arguments: list[str]) -> int:
    """Serve in the foreground until SIGTERM or SIGINT; returns the exit status."""
    from bbws_access.local_aws.certificate import ensure_certificate  # as in the launcher, which imports this module

    parser = argparse.ArgumentParser(prog="python -m bbws_access.local_aws", description="Run the local AWS.")
    parser.add_argument("--folder", type=Path, default=Path(".local-aws"), help="where certificate and state lie")
    parser.add_argument("--port", type=int, required=True, help="TCP port on 127.0.0.1")
    parser.add_argument("--region", default="eu-west-1", help="region of requests that name none")
    parser.add_argument("--await-word", action="store_true", help="begin when standard input says so, or end with it")
    options = parser.parse_args(arguments)
    if options.await_word and not _hears_word():
        return 1
    folder = options.folder.resolve()
    memory.share_one_heap()
    try:
        # What functions left there when the emulator was killed.
        shutil.rmtree(folder / "tmp", ignore_errors=True)
        for name in ("tmp", "keys", "state"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        certificate, key, _ = ensure_certificate(folder / "tls")
        environment = server_environment(folder, options.port, options.region)
        os.environ.clear()
        os.environ.update(environment)
        tempfile.tempdir = None
        with asyncio.Runner(loop_factory=event_loop) as runner:
            runner.run(_serve(folder, options.port, certificate, key))
    except LocalAwsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _hears_word() -> bool:
    """Whether whoever began this process has noted it, and so can end it again."""
    heard = os.read(0, len(WORD)) == WORD
    # What this process begins finds an empty standard input.
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return heard


def event_loop() -> asyncio.AbstractEventLoop:
    """A loop, of uvloop where there is one: TLS costs half as much there, and it is not made for every machine."""
    try:
        from uvloop import new_event_loop
    except ImportError:
        from asyncio import new_event_loop
    return new_event_loop()


async def _serve(folder: Path, port: int, certificate: Path, key: Path) -> None:
    # MiniStack reads its environment while it is imported, so not before now.
    from ministack.app import app

    from bbws_access.local_aws.shims import install_shims
    from bbws_access.local_aws.snapshot import Snapshots

    install_shims(function_interpreter=_function_interpreter(folder))
    loop = asyncio.get_running_loop()

    def run_at_once(collect: Callable[[], bytes]) -> bytes:
        # Requests are served by this loop: between two steps of it, none is half done.
        collected: concurrent.futures.Future[bytes] = concurrent.futures.Future()

        def run() -> None:
            try:
                collected.set_result(collect())
            except BaseException as error:
                collected.set_exception(error)

        loop.call_soon_threadsafe(run)
        return collected.result()

    snapshots = Snapshots(folder / "state", run_at_once=run_at_once)
    snapshots.restore()
    snapshots.start()

    requests = _Requests(snapshots)

    async def watched_app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        with requests.one(scope["path"]):
            await app(scope, receive, send)

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    stopped = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_number, stopped.set)
    _collect_seldom()
    listener = socket.create_server((HOST, port), backlog=512)
    serving = await _listen(watched_app, listener, certificate, key, _Direct(requests))
    logging.getLogger("local-aws").info("listening on https://%s:%s", HOST, port)
    stopping = asyncio.create_task(stopped.wait())
    await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
    if not stopping.done():
        raise LocalAwsError("the local AWS stopped listening")
    await requests.settle(_SETTLE_SECONDS)
    await asyncio.to_thread(snapshots.close)
    logging.getLogger("local-aws").info("stopped, state saved")
    logging.shutdown()
    # Closing the kept-alive TLS connections of clients politely can take half a minute, and nothing is left to save.
    os._exit(0)


async def _listen(
    app: Callable[..., Any],
    listener: socket.socket,
    certificate: Path,
    key: Path,
    direct: "_Direct | None" = None,
) -> asyncio.Task[None]:
    """Serve an ASGI application over TLS; the task ends when that does. Raises LocalAwsError where it cannot.

    direct: answers some requests before the application is asked
    """
    import uvicorn
    from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

    class Protocol(HttpToolsProtocol):
        """Sends head and body of an answer together, and lets some requests be answered at once."""

        operation: str | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(_Together(transport))

        def on_headers_complete(self) -> None:
            usual = direct is not None and not self.expect_100_continue and self.parser.should_keep_alive()
            # Who speaks HTTP/1.0 waits for the connection's end, whatever they say of keeping it.
            usual = usual and self.parser.get_http_version() == "1.1"
            if usual and (self.cycle is None or self.cycle.response_complete):
                self.operation = direct.operation_of(self.parser.get_method(), self.url, self.headers)
            if self.operation is None:
                super().on_headers_complete()
            self.chunks: list[bytes] = []
            self.length = 0

        def on_body(self, body: bytes) -> None:
            if self.operation is None:
                super().on_body(body)
                return
            self.chunks.append(body)
            self.length += len(body)
            if self.length > _DIRECT_BYTES:
                self._leave()

        def on_message_complete(self) -> None:
            if self.operation is not None:
                cycle = _Exchange()
                self.cycle, before = cycle, self.cycle
                body, client = b"".join(self.chunks), (self.client or (HOST,))[0]
                operation, self.operation = self.operation, None
                if direct.answer(operation, self.headers, body, client, partial(self._answered, cycle)):
                    return
                self.cycle = before
                self._leave()
            super().on_message_complete()

        def _leave(self) -> None:
            """Give what came so far to the application."""
            self.operation = None
            super().on_headers_complete()
            for chunk in self.chunks:
                super().on_body(chunk)

        def _answered(self, cycle: "_Exchange", status: int, headers: dict[str, Any], content: bytes) -> None:
            cycle.response_complete = True
            if not self.transport.is_closing():
                lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
                head = f"{lines}content-length: {len(content)}\r\n\r\n".encode("latin-1")
                self.transport.write_now(STATUS_LINE[status] + head + content)
            if not cycle.keep_alive:
                self.transport.close()
            self.on_response_complete()

    class Server(uvicorn.Server):
        """Leaves the process's signals to those who save its state."""

        def capture_signals(self) -> contextlib.AbstractContextManager[None]:
            return contextlib.nullcontext()

    config = uvicorn.Config(
        app,
        ssl_certfile=certificate,
        ssl_keyfile=str(key),
        http=Protocol,
        ws="none",
        loop="asyncio",
        lifespan="on",
        timeout_keep_alive=_IDLE_SECONDS,
        access_log=False,
        server_header=False,
        date_header=False,
        log_config=None,
        # Or a request inherits the context variables of one before it on its connection (account, verified key), where
        # that one's body was so large that its task made the connection read on.
        reset_contextvars=True,
    )
    server = Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        if serving.done():
            serving.result()
            raise LocalAwsError("the local AWS did not start")
        await asyncio.sleep(0.01)
    return serving


class _Exchange:
    """What Uvicorn knows of a request that is answered without the application: nothing to be told, only whether it is
    under way."""

    def __init__(self) -> None:
        self.response_complete = self.disconnected = False
        self.keep_alive = True
        self.message_event = asyncio.Event()


class _Direct:
    """Answers requests for items of DynamoDB, most of them in the step of the loop that read them."""

    def __init__(self, requests: "_Requests"):
        from ministack import app

        from bbws_access.local_aws.shims import direct, dynamodb

        self.operation_of = direct.operation_of
        self._requests, self._app, self._direct, self._dynamodb = requests, app, direct, dynamodb

    def answer(
        self,
        operation: str,
        headers: list[tuple[bytes, bytes]],
        body: bytes,
        client: str,
        answered: Callable[[int, dict[str, Any], bytes], None],
    ) -> bool:
        """Have a request answered, now or later; False where it goes the way of all requests."""
        # Nothing that one request sets is seen by another.
        context = contextvars.Context()
        return context.run(self._answer, operation, headers, body, client, answered, context)

    def _answer(
        self,
        operation: str,
        headers: list[tuple[bytes, bytes]],
        body: bytes,
        client: str,
        answered: Callable[[int, dict[str, Any], bytes], None],
        context: contextvars.Context,
    ) -> bool:
        direct, dynamodb = self._direct, self._dynamodb
        self._requests.begin()
        waits = False
        try:
            try:
                ready = direct.prepare(operation, headers, body, client, secure=True)
                if ready is None:
                    return False
                if operation == direct.TRANSACTION and not dynamodb.conflict(operation, ready.data):
                    taken = dynamodb.ongoing(ready.data)
                    taken.__enter__()
                    waits = True
            except Exception as error:
                # Nothing was done yet, and MiniStack has an answer to what cannot even be looked at.
                logging.getLogger("local-aws.direct").debug("%s goes the way of all: %r", operation, error)
                return False
            if not waits:
                answered(*self._dated(direct.serve(ready)))
                return True
        finally:
            if not waits:
                self._requests.end("/")

        def commit() -> None:
            try:
                taken.__exit__(None, None, None)
                answered(*self._dated(direct.serve(ready)))
            finally:
                self._requests.end("/")

        asyncio.get_running_loop().call_later(dynamodb.TRANSACTION_SECONDS, commit, context=context)
        return True

    def _dated(self, answer: tuple[int, dict[str, Any], bytes]) -> tuple[int, dict[str, Any], bytes]:
        answer[1]["date"] = self._app.formatdate(usegmt=True)
        return answer


class _Together(asyncio.Transport):
    """Writes at once what is written to a connection in one step of the loop.

    Head and body of an answer would be two records of TLS, and Terraform's provider (5.100.0) cannot bear that. When
    its SDK, smithy-go, has read the head, it closes the request's body; where the goroutine that sent that body has not
    noticed its end yet, this counts as a failure and closes the connection. Then the answer's body is never read, and
    the request is sent again although it took effect: what it created "already exists".
    """

    def __init__(self, transport: asyncio.Transport):
        super().__init__()
        self._transport = transport
        self._chunks: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._chunks:
            asyncio.get_running_loop().call_soon(self._flush)
        self._chunks.append(bytes(data))

    def write_now(self, data: bytes) -> None:
        """Write what is whole, behind what was written before."""
        self._flush()
        self._transport.write(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def abort(self) -> None:
        self._chunks = []
        self._transport.abort()

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

    def _flush(self) -> None:
        chunks, self._chunks = self._chunks, []
        content = b"".join(chunks)
        if content and not self._transport.is_closing():
            self._transport.write(content)


def _collect_seldom() -> None:
    """Let the collector of garbage look at what there is from now on, and at all of it seldom.

    What a local AWS holds is never garbage by a cycle: it was parsed from JSON. To go through a million dictionaries
    again and again takes up to a second each time, in which nobody is answered.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)


class _Requests:
    """The requests being served."""

    def __init__(self, snapshots: "Snapshots"):
        self._snapshots = snapshots
        self._count = 0

    @contextlib.contextmanager
    def one(self, path: str) -> Iterator[None]:
        """Count a request while it is served, and have what it changed saved."""
        self.begin()
        try:
            yield
        finally:
            self.end(path)

    def begin(self) -> None:
        """Count a request; `end` has to follow."""
        self._count += 1
        changes.asked.set("")

    def end(self, path: str) -> None:
        """Count a request no more, in the context that it began in, and have what it changed saved."""
        self._count -= 1
        if changes.of_an_api(path):
            self._snapshots.mark_seen()
        elif path != HEALTH_PATH and not changes.only_reads(changes.asked.get()):
            self._snapshots.mark_changed()

    async def settle(self, seconds: float) -> None:
        """Wait until no request is being served, at most so long."""
        deadline = asyncio.get_running_loop().time() + seconds
        while self._count and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.02)


def _function_interpreter(folder: Path) -> Path:
    """A script that runs Python with its standard library alone.

    A function on AWS sees what its package carries. The project's own environment would lend it everything that is
    installed there, and a package with a forgotten dependency would pass here and fail on AWS.
    """
    interpreter = Path(getattr(sys, "_base_executable", "") or sys.executable)
    if not interpreter.exists():
        interpreter = Path(sysconfig.get_config_var("BINDIR")) / f"python{sys.version_info[0]}.{sys.version_info[1]}"
    script = folder / "function-python"
    script.write_text(f'#!/bin/sh\nexec {shlex.quote(str(interpreter))} -I -S "$@"\n')
    script.chmod(0o700)
    return script
