"""Processes of the AWS provider that serve many runs of Terraform.

Terraform starts the provider anew for each run, which takes longer than most of the runs themselves. A process that is
started by hand serves any number of them, one after the other: whoever configures it configures it for all. So each
connection that Terraform makes, one for every configuration of the provider in a run, is passed on to a process that
nobody else is connected to.
"""

import contextlib
import json
import os
import re
import selectors
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REATTACH = "TF_REATTACH_PROVIDERS"
# Seconds; a provider that does not answer by then is left out, and Terraform starts its own.
PATIENCE = 30.0
# Ends the provider and removes its socket when the pipe is closed, also because whoever opened it was killed; the last
# one removes the folder of all.
_GUARD = '"$0" -debug & read -r _; kill -KILL $!; wait; rm -rf "$TMPDIR"; rmdir "${TMPDIR%/*}" 2> /dev/null'
_CHUNK = 1 << 18
# Seconds to wait for a provider whose connection is just ending, before another one is started. Terraform gives up a
# connection on which nothing came for 20.
_SOON = 0.5


@dataclass
class _Process:
    """A provider at work; `said` is what it told of how to reach it."""

    process: subprocess.Popen[bytes]
    said: dict[str, Any]

    @classmethod
    def start(cls, binary: Path, environment: Mapping[str, str], folder: Path) -> "_Process | None":
        # A short path of its own: that of a socket may not be long.
        sockets = tempfile.mkdtemp(prefix="p", dir=folder)
        process = subprocess.Popen(  # noqa: S603 - a list of our own, no shell
            ["/bin/sh", "-c", _GUARD, str(binary)],
            # It lives longer than those that Terraform starts, so it collects its garbage, though seldom. It writes
            # down all that it does unless told not to.
            env=dict(environment) | {"GOGC": "400", "GOMEMLIMIT": "512MiB", "TF_LOG": "off", "TMPDIR": sockets},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        said = _said(process)
        started = cls(process, said)
        if said:
            return started
        started.end()
        return None

    @property
    def address(self) -> str:
        (told,) = self.said.values()
        return told["Addr"]["String"]

    def end(self) -> None:
        try:
            self.process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)


class Providers:
    """Providers at work, and a socket at which Terraform finds one that is free; more are started as they are needed.

    environment: what they run in
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self._folder = tempfile.TemporaryDirectory(prefix="aws-")
        self._socket = socket.socket(socket.AF_UNIX)
        self._free: list[_Process] = []
        self._all: list[_Process] = []
        self._lock = threading.Condition()
        self._opening = threading.Lock()
        self._closed = False
        self._addresses: dict[Path, str | None] = {}

    def __enter__(self) -> "Providers":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End them all."""
        with self._lock:
            self._closed = True
        # Wakes up who waits for a connection.
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for process in self._all:
            process.end()
        self._folder.cleanup()

    def settings(self, folder: Path) -> dict[str, str]:
        """The settings with which Terraform finds them; `folder` is initialised, and says which provider it takes.

        None where they cannot be started, or are of another version than those at work: Terraform starts its own.
        """
        binaries = list((folder / ".terraform" / "providers").glob("*/hashicorp/aws/*/*/terraform-provider-aws_*"))
        if len(binaries) != 1:
            return {}
        binary = binaries[0].resolve()
        with self._opening:
            if not self._addresses:
                self._addresses[binary] = self._open(binary)
        address = self._addresses.get(binary)
        return {REATTACH: address} if address else {}

    def _open(self, binary: Path) -> str | None:
        self._binary = binary
        first = self._start()
        if first is None:
            return None
        path = str(Path(first.address).with_name("s"))
        self._socket.bind(path)
        self._socket.listen(64)
        self._give_back(first)
        for run in (self._accept, self._start_spare):
            threading.Thread(target=run, daemon=True).start()
        ((name, told),) = first.said.items()
        return json.dumps({name: told | {"Addr": told["Addr"] | {"String": path}}})

    def _start(self) -> _Process | None:
        try:
            process = _Process.start(self._binary, self._environment, Path(self._folder.name))
        except FileNotFoundError:
            return None  # closed meanwhile: the folder is gone
        with self._lock:
            if process and self._closed:
                process.end()
                return None
            if process:
                self._all.append(process)
        return process

    def _start_spare(self) -> None:
        """Terraform asks for a second one while the connection of the first is ending: it need not wait for a start."""
        if spare := self._start():
            self._give_back(spare)

    def _give_back(self, process: _Process) -> None:
        with self._lock:
            self._free.append(process)
            self._lock.notify()

    def _take(self) -> _Process | None:
        with self._lock:
            if self._lock.wait_for(lambda: self._free or self._closed, _SOON) and self._free:
                return self._free.pop()
        return self._start()

    def _accept(self) -> None:
        while True:
            try:
                asking, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(asking,), daemon=True).start()

    def _serve(self, asking: socket.socket) -> None:
        with asking:
            while process := self._take():
                with socket.socket(socket.AF_UNIX) as answering:
                    try:
                        answering.connect(process.address)
                    except OSError:
                        continue  # it is no more: the next one
                    back = threading.Thread(target=_pass_on, args=(answering, asking), daemon=True)
                    back.start()
                    _pass_on(asking, answering)
                    back.join()
                self._give_back(process)
                return


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    """Everything that comes, until either side has closed; then both are."""
    with contextlib.suppress(OSError):
        while data := source.recv(_CHUNK):
            target.sendall(data)
    for one in (source, target):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


def _said(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """What the provider says that Terraform must know to find it; nothing where it does not."""
    said, until = b"", time.monotonic() + PATIENCE
    if process.stdout is None:
        return {}
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while selector.select(max(until - time.monotonic(), 0)):
            part = os.read(process.stdout.fileno(), 65536)
            said += part
            if found := re.search(rb"TF_REATTACH_PROVIDERS='([^'\n]+)'", said):
                return json.loads(found[1])
            if not part:
                break
    return {}
