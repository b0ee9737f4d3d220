"""Starting, watching and stopping the emulator's process."""

import contextlib
import fcntl
import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from bbws_access.local_aws.errors import LocalAwsError
from bbws_access.local_aws.files import write_atomically
from bbws_access.local_aws.server import HEALTH_PATH, HOST, WORD, client_environment, server_environment

# Below the ranges that Linux, macOS and Windows give to outgoing connections, so that the remembered port is still
# free after a restart.
_PORTS = range(20000, 30000)
_MODULE = "bbws_access.local_aws"
_LOG_BYTES = 10 * 1024 * 1024
# Seconds for a process that is there to answer.
_PATIENCE = 5.0
_STOP_SECONDS = 20.0
_PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
_FOREIGN_VARIABLES = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
)


@dataclass(frozen=True)
class _Process:
    """What the pid file says; `started` tells a reused pid from the process that we began."""

    pid: int
    started: str
    port: int
    region: str


class Mail(NamedTuple):
    """A mail that SES sent; `sender` may have a name before the address."""

    sender: str
    to: str
    subject: str
    text: str
    html: str


class LocalAws:
    """The local AWS whose state lies in one folder.

    `folder` holds everything: certificate, saved state, log, pid file, port. `region` is the region of requests that
    name none. `port` is chosen and remembered when it is None. Every method raises LocalAwsError with a sentence that
    says what to do; none of them touches a process that this folder's pid file does not prove to be its own.
    """

    def __init__(self, folder: Path, region: str, port: int | None = None):
        self.folder = Path(folder).resolve()
        self.region = region
        self._given_port = port
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        """The port: the one given, or the one remembered in the folder."""
        if self._given_port is not None:
            return self._given_port
        remembered = self._remembered_port()
        if remembered is None:
            raise LocalAwsError(f"No local AWS was ever started in {self.folder}: start it first.")
        return remembered

    @property
    def endpoint(self) -> str:
        """The address of every service, for example https://127.0.0.1:24566."""
        return f"https://{HOST}:{self.port}"

    @property
    def ca_bundle(self) -> Path:
        """The PEM file of authorities that a caller of `endpoint` trusts."""
        return self.folder / "tls" / "ca-bundle.pem"

    @property
    def log_file(self) -> Path:
        """Where the emulator writes its log."""
        return self.folder / "emulator.log"

    def api_url(self, api_id: str, stage: str) -> str:
        """The address of a REST API's stage, without a trailing slash; it needs no name resolution."""
        return f"{self.endpoint}/_aws/execute-api/{api_id}/{stage}"

    def show(self, api_id: str, name: str, page: str) -> None:
        """Serve a page of HTML at `/{name}` of every stage of a REST API; `name` is lower-case letters."""
        folder = self.folder / "pages" / api_id
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.html").write_text(page, encoding="utf-8")

    def environment(self) -> dict[str, str]:
        """Variables to add to the environment of boto3, Terraform or the AWS command line."""
        return client_environment(self.port, self.region, self.ca_bundle)

    def process_environment(self) -> dict[str, str]:
        """A whole environment for a child process: the caller's own, with every other road to an AWS removed."""
        removed = {*_PROXY_VARIABLES, *_FOREIGN_VARIABLES}
        kept = {
            name: value
            for name, value in os.environ.items()
            if name not in removed and not name.startswith("AWS_ENDPOINT_URL_")
        }
        return kept | self.environment()

    def start(self, timeout: float = 60.0) -> None:
        """Start the emulator in the background and return when it answers; nothing happens if it already does.

        A process of ours that no longer answers is replaced. `timeout` is in seconds.
        """
        with self._locked():
            process = self._own_process()
            if process is not None:
                if process.region == self.region and self._given_port in (None, process.port) and self._answers(5.0):
                    self._pause.unlink(missing_ok=True)
                    return
                self._end(process)
            # A process that ended or was killed may hold its port for a moment.
            patience = 3.0 if (self.folder / "process.json").exists() else 0.5
            (self.folder / "process.json").unlink(missing_ok=True)
            self._spawn(self._choose_port(patience), timeout)
            self._pause.unlink(missing_ok=True)

    def stop(self) -> bool:
        """Stop the emulator, which saves its state; returns whether one was running."""
        self._pause.unlink(missing_ok=True)
        return self._stop()

    def _stop(self) -> bool:
        with self._locked():
            process = self._own_process()
            if process is not None:
                self._end(process)
            (self.folder / "process.json").unlink(missing_ok=True)
            return process is not None

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Stop it for as long as the block takes. Where the caller is killed meanwhile, `is_paused` says so."""
        try:
            write_atomically(self._pause, b"")
        except OSError as error:
            raise self._folder_error(error) from error
        try:
            self._stop()
            yield
        finally:
            self.start()

    def is_paused(self) -> bool:
        """Whether somebody has stopped it for a moment and not yet started it again."""
        return self._pause.exists()

    @property
    def _pause(self) -> Path:
        return self.folder / "paused"

    def is_running(self) -> bool:
        """Whether our process is there and answers.

        One that is about to listen, too busy, or stopped for a moment is waited for a while: whoever started it may
        have been killed, and whoever paused it be at work.
        """
        deadline = time.monotonic() + _PATIENCE
        while self.is_there() or self.is_paused():
            if self.is_there() and self._answers(2.0):
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return False

    def is_there(self) -> bool:
        """Whether our process is there, also while the machine is too busy for it to answer."""
        return self._own_process() is not None

    def health(self) -> dict[str, Any]:
        """What the emulator says of itself: services, version, whether IAM is enforced."""
        process = self._own_process()
        if process is None:
            raise LocalAwsError("The local AWS is not running: start it.")
        try:
            return self._request("GET", HEALTH_PATH, 5.0)
        except OSError as error:
            raise LocalAwsError(
                f"The local AWS (process {process.pid}) is there but does not answer ({error}). "
                f"Starting it again replaces it; what it last did is in {self.log_file}."
            ) from error

    def reset(self) -> None:
        """Empty the local AWS, running or not: every resource, every object, every saved file."""
        if self._own_process() is not None:
            try:
                self._request("POST", "/_ministack/reset", 60.0)
            except OSError as error:
                raise LocalAwsError(
                    f"The local AWS could not be emptied ({error}): stop it, then try again."
                ) from error
            return
        with self._locked():
            for name in ("state", "keys", "tmp", "pages"):
                shutil.rmtree(self.folder / name, ignore_errors=True)

    # The process

    def _spawn(self, port: int, timeout: float) -> None:
        try:
            # Not at the top: cryptography would take a quarter of the tool's start.
            from bbws_access.local_aws.certificate import ensure_certificate

            ensure_certificate(self.folder / "tls")
            (self.folder / "tmp").mkdir(exist_ok=True)
            self._remember_port(port)
            if self.log_file.exists() and self.log_file.stat().st_size > _LOG_BYTES:
                self.log_file.replace(self.log_file.with_suffix(".log.1"))
            with self.log_file.open("ab") as log:
                self._child = subprocess.Popen(  # noqa: S603 - our own interpreter and module, no shell
                    [
                        *(sys.executable, "-m", _MODULE),
                        *("--folder", str(self.folder), "--port", str(port), "--region", self.region),
                        "--await-word",
                    ],
                    stdin=subprocess.PIPE,
                    bufsize=0,
                    stdout=log,
                    stderr=log,
                    cwd=self.folder,
                    env=server_environment(self.folder, port, self.region) | _python_path(),
                    start_new_session=True,
                )
            started = _started(self._child.pid) or ""
            process = _Process(self._child.pid, started, port, self.region)
            write_atomically(self.folder / "process.json", json.dumps(asdict(process)).encode())
            # Until it hears this, it waits: where we are killed before the file stands, it goes, and holds no port.
            with contextlib.suppress(BrokenPipeError):
                self._child.stdin.write(WORD)
            self._child.stdin.close()
        except OSError as error:
            raise self._folder_error(error) from error
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self._child.poll() is not None:
                (self.folder / "process.json").unlink(missing_ok=True)
                raise LocalAwsError(
                    f"The local AWS ended while starting (status {self._child.returncode}). "
                    f"The last lines of {self.log_file}:\n{self._log_tail()}"
                )
            if self._answers(1.0):
                return
            time.sleep(0.05)
        self._end(process)
        (self.folder / "process.json").unlink(missing_ok=True)
        raise LocalAwsError(
            f"The local AWS did not answer within {timeout:.0f} s and was ended. "
            f"The last lines of {self.log_file}:\n{self._log_tail()}"
        )

    def _own_process(self) -> _Process | None:
        """The process that this folder's pid file names, if it is alive and is the one that we began."""
        try:
            saved = json.loads((self.folder / "process.json").read_text())
            process = _Process(int(saved["pid"]), str(saved["started"]), int(saved["port"]), str(saved["region"]))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError):
            # A pid file that says nothing usable proves no process to be ours.
            return None
        if self._child is not None and self._child.pid == process.pid:
            self._child.poll()
        return process if process.started and _started(process.pid) == process.started else None

    def _end(self, process: _Process) -> None:
        for number, seconds in ((signal.SIGTERM, _STOP_SECONDS), (signal.SIGKILL, 10.0)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, number)
            # A stopped process would never see the first signal.
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGCONT)
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                if self._own_process() is None:
                    return
                time.sleep(0.05)
        raise LocalAwsError(f"Process {process.pid} of the local AWS cannot be ended; end it by hand.")

    def mails(self) -> list[Mail]:
        """What SES sent, by sender in order. Raises OSError where the emulator does not answer."""
        boxes = self._request("GET", "/_ministack/ses/messages", 30)["messages"]
        sent = [one for box in boxes.values() for one in box]
        parts = "Source", "To", "Subject", "BodyText", "BodyHtml"
        found = [[one.get(part) or "" for part in parts] for one in sent]
        return [Mail(sender, ", ".join(to), *rest) for sender, to, *rest in found]

    def _answers(self, timeout: float) -> bool:
        try:
            return bool(self._request("GET", HEALTH_PATH, timeout))
        except OSError:
            return False

    def _request(self, method: str, path: str, timeout: float) -> dict[str, Any]:
        """One request to the emulator. Its certificate is trusted by this folder alone, so that no other server on
        the port is taken for it. Raises OSError."""
        connection = http.client.HTTPSConnection(
            HOST, self.port, timeout=timeout, context=ssl.create_default_context(cafile=str(self.ca_bundle))
        )
        try:
            connection.request(method, path)
            response = connection.getresponse()
            content = response.read()
            if response.status != http.client.OK:
                raise OSError(f"{method} {path} answered {response.status}")
            return json.loads(content)
        except (http.client.HTTPException, ValueError) as error:
            raise OSError(str(error) or type(error).__name__) from error
        finally:
            connection.close()

    # The folder

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Let one process at a time start or stop this folder's emulator."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.folder.chmod(0o700)
            lock = (self.folder / "lock").open("w")
        except OSError as error:
            raise self._folder_error(error) from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _folder_error(self, error: OSError) -> LocalAwsError:
        return LocalAwsError(
            f"The folder {self.folder} of the local AWS cannot be written ({error.strerror or error}): "
            "free some disk space, or let your user write there."
        )

    def _remembered_port(self) -> int | None:
        try:
            return int((self.folder / "port").read_text())
        except (OSError, ValueError):
            return None

    def _remember_port(self, port: int) -> None:
        write_atomically(self.folder / "port", f"{port}\n".encode())

    def _choose_port(self, patience: float) -> int:
        if self._given_port is not None:
            if not _becomes_free(self._given_port, patience):
                raise LocalAwsError(
                    f"Port {self._given_port} is taken by another program: end that program, or choose another port."
                )
            return self._given_port
        remembered = self._remembered_port()
        if remembered is not None:
            if not _becomes_free(remembered, patience):
                raise LocalAwsError(
                    f"Port {remembered}, which the local AWS used before, is taken by another program: end that "
                    f"program, or remove {self.folder / 'port'} to have another port chosen."
                )
            return remembered
        for port in random.sample(_PORTS, 200):
            if _is_free(port):
                return port
        raise LocalAwsError("No free port was found on 127.0.0.1: end some programs that listen there.")

    def _log_tail(self, lines: int = 15) -> str:
        try:
            text = self.log_file.read_text(errors="replace")
        except OSError:
            return "(no log)"
        return "\n".join(text.splitlines()[-lines:])


def _python_path() -> dict[str, str]:
    # A project used from its source tree, not installed, is found through the caller's path only.
    value = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": value} if value else {}


def _becomes_free(port: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not _is_free(port):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the server itself does: a connection in TIME_WAIT takes no port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _started(pid: int) -> str | None:
    """When and as what the process began, as a text that no other process shares; None if it is gone or not ours."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        # The name in brackets may hold anything; the fields after it are fixed (proc(5): state is 3, start time 22).
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None if Path("/proc/self/stat").exists() else _started_by_ps(pid)
    if fields[0] == "Z":
        return None
    return fields[19] if _MODULE in command or not command else None


def _started_by_ps(pid: int) -> str | None:
    """The same where there is no /proc."""
    listed = subprocess.run(  # noqa: S603 - a fixed program and a number, no shell
        ["/bin/ps", "-o", "stat=,lstart=,command=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.strip()
    match = re.match(r"(\S+)\s+(\S+\s+\S+\s+\S+\s+\S+\s+\S+)\s+(.*)", listed)
    if match is None or match[1].startswith("Z") or _MODULE not in match[3]:
        return None
    return match[2]
