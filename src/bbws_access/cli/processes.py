"""Processes of Terraform: which are there, and ending those that nobody waits for any more."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bbws_access.cli.console import note


def process_start(pid: int) -> str:
    """When a process began, as a text to compare; empty when it is gone."""
    if not pid:
        return ""
    status = Path(f"/proc/{pid}/stat")
    with contextlib.suppress(OSError):
        fields = status.read_text().rpartition(")")[2].split()
        return "" if fields[0] == "Z" else fields[19]
    if Path("/proc/self/stat").exists():
        return ""
    shown = subprocess.run(  # noqa: S603 - a fixed program and a number, no shell
        ["/bin/ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return shown.stdout.strip()


def end_orphan(mark: Mapping[str, Any]) -> None:
    """End a Terraform that outlived the run that began it: politely first, so that it saves its state."""
    pid, started = int(mark.get("pid") or 0), mark.get("started")
    if not pid or not started:
        return
    if process_start(pid) == started:
        note(f"Ending the Terraform (process {pid}) that an earlier run left behind.")
    for number, patience in ((signal.SIGINT, 60.0), (signal.SIGKILL, 10.0)):
        deadline = time.monotonic() + patience
        if process_start(pid) != started:
            break
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        while process_start(pid) == started and time.monotonic() < deadline:
            time.sleep(0.1)
    end_providers(pid)


def end_providers(group: int) -> None:
    """End the providers of a Terraform that was killed: they do not notice, and would wait for it for ever.

    ``group`` is Terraform's process group, which is its process id and which nothing else can have joined.
    """
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if any(_is_provider(member) for member in _group(group)):
            os.killpg(group, signal.SIGKILL)


def _group(group: int) -> list[int]:
    members = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError):
            if int((folder / "stat").read_text().rpartition(")")[2].split()[2]) == group:
                members.append(int(folder.name))
    return members


def _is_provider(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return b"terraform-provider-" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def terraform_processes(endpoint: str) -> list[int]:
    """Processes of Terraform that talk to ``endpoint``."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            program = (folder / "cmdline").read_bytes().split(b"\0")[0]
            if Path(os.fsdecode(program)).name == "terraform":
                variables = (folder / "environ").read_bytes().split(b"\0")
                if f"AWS_ENDPOINT_URL={endpoint}".encode() in variables:
                    found.append(int(folder.name))
    return found
