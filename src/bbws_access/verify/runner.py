"""Runs Terraform for a check: offline, within a time limit, and never more at once than the machine serves."""

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bbws_access.cli.project import Project
from bbws_access.cli.terraform import UNCOLLECTED, find_provider, find_terraform

# Nothing listens there: what wants to ask AWS fails at once, and names what it wanted.
NOWHERE = "http://127.0.0.1:9"


class CheckError(Exception):
    """A check that could not be done; the message is one sentence, with file and line where they are known."""


class TimeLimitError(CheckError):
    """The worker's time was over."""


@dataclass(frozen=True)
class Diagnostic:
    """An error of Terraform: `file` is relative to the project."""

    summary: str
    detail: str
    file: str | None
    line: int | None
    address: str | None
    run: str | None

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}: " if self.file else ""
        text = f"{self.summary.rstrip('.')}: {self.detail}" if self.detail else self.summary
        if NOWHERE.removeprefix("http://") in text:
            wanted = self.address or "it"
            text = f"{wanted} asks AWS while planning, which needs credentials; a plan must do without"
        return place + " ".join(text.split())


@dataclass
class Outcome:
    """What one run of Terraform said."""

    status: int
    events: list[dict[str, Any]]
    diagnostics: list[Diagnostic]
    text: str = ""


@dataclass
class Deadline:
    """When a worker must be done, and what it runs now."""

    limit: float
    started: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        return self.limit - (time.monotonic() - self.started)


class Runner:
    """Terraform for all workers of one verification. `slots` is how many processes may run at once."""

    def __init__(self, project: Project, slots: int) -> None:
        self.project = project
        self.binary = find_terraform()
        config = find_provider(project).config
        dropped = ("AWS_", "TF_")
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(dropped)} | {
            "CHECKPOINT_DISABLE": "1",
            "TF_IN_AUTOMATION": "1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": NOWHERE,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            **UNCOLLECTED,
        }
        if config:
            self.environment["TF_CLI_CONFIG_FILE"] = str(config)
        self._slots = threading.BoundedSemaphore(slots)
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def stop(self) -> None:
        """End everything that runs, for good."""
        with self._lock:
            self._stopped = True
            for process in self._processes:
                _kill(process)

    def run(
        self,
        command: list[str],
        folder: Path,
        root: Path,
        deadline: Deadline,
        *,
        environment: Mapping[str, str] | None = None,
        given: bytes | None = None,
        on_event: Callable[[dict[str, Any]], None] | None = None,
    ) -> Outcome:
        """Run a program in `folder`, a part of the copy of the project at `root`; its output is read line by line.

        Raises TimeLimitError when the deadline passes, CheckError when the program cannot be started or is killed.
        """
        if not self._slots.acquire(timeout=max(deadline.left, 0)):
            raise TimeLimitError(f"the time limit of {deadline.limit:g} s passed while waiting for a processor")
        try:
            return self._run(command, folder, root, deadline, environment or self.environment, given, on_event)
        finally:
            self._slots.release()

    def terraform(self, folder: Path, root: Path, deadline: Deadline, *arguments: str, **options: Any) -> Outcome:
        """Run a command of Terraform."""
        return self.run([self.binary.path, *arguments], folder, root, deadline, **options)

    def _run(
        self,
        command: list[str],
        folder: Path,
        root: Path,
        deadline: Deadline,
        environment: Mapping[str, str],
        given: bytes | None,
        on_event: Callable[[dict[str, Any]], None] | None,
    ) -> Outcome:
        what = f"{Path(command[0]).name} {command[1]}"
        with self._lock:
            if self._stopped:
                raise CheckError("interrupted")
            try:
                process = subprocess.Popen(  # noqa: S603 - a list of our own, no shell
                    command,
                    cwd=folder,
                    env=dict(environment),
                    stdin=subprocess.PIPE if given is not None else subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    # A group of its own, so that its providers end with it.
                    start_new_session=True,
                )
            except OSError as error:
                raise CheckError(f"{command[0]} cannot be run: {error.strerror}") from error
            self._processes.add(process)
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            _kill(process)

        timer = threading.Timer(max(deadline.left, 0.01), expire)
        timer.start()
        outcome = Outcome(0, [], [])
        rest: list[str] = []
        try:
            if given is not None and process.stdin:
                with contextlib.suppress(BrokenPipeError), process.stdin:
                    process.stdin.write(given)
            for raw in process.stdout or ():
                event = _event(raw)
                if event is None:
                    rest.append(raw.decode(errors="replace"))
                    continue
                outcome.events.append(event)
                if event.get("type") == "diagnostic" and event["diagnostic"].get("severity") == "error":
                    outcome.diagnostics.append(
                        read_diagnostic(event["diagnostic"], folder, root, event.get("@testrun"))
                    )
                if on_event:
                    on_event(event)
            outcome.status = process.wait()
        finally:
            timer.cancel()
            _kill(process)
            with self._lock:
                self._processes.discard(process)
        outcome.text = "".join(rest)
        if expired.is_set():
            raise TimeLimitError(f"{what} was ended: the time limit of {deadline.limit:g} s passed")
        if outcome.status < 0:
            raise CheckError("interrupted" if self._stopped else f"{what} was killed by signal {-outcome.status}")
        return outcome


def read_diagnostic(item: Mapping[str, Any], folder: Path, root: Path, run: str | None = None) -> Diagnostic:
    """A diagnostic in Terraform's JSON; `folder` is where it ran, `root` the copy of the project."""
    file = line = None
    if item.get("range"):
        path = Path(os.path.normpath(folder / item["range"]["filename"]))
        file = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
        line = item["range"]["start"]["line"]
    return Diagnostic(item.get("summary", ""), item.get("detail", ""), file, line, item.get("address"), run)


def _event(raw: bytes) -> dict[str, Any] | None:
    if not raw.startswith(b'{"@'):
        return None
    try:
        return json.loads(raw)
    except ValueError:
        return None


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and everything that it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
