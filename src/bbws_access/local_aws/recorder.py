"""What was sent to the local AWS, for the tests: which operations by whom, and every kind of violation once.

It writes where the environment's LOCAL_AWS_REQUESTS names a folder, one file for each process of the local AWS, so that
any number of them can share the folder, and a killed one loses nothing.
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from bbws_access.local_aws.judge import Violation

VARIABLE = "LOCAL_AWS_REQUESTS"

TERRAFORM, TOOL, FUNCTIONS, OTHERS = "terraform", "tool", "functions", "others"


class Record(NamedTuple):
    """One thing that was seen. Without a `kind` it only says that somebody used the operation."""

    caller: str
    operation: str
    kind: str = ""
    path: str = ""
    message: str = ""
    values: str = ""


class Recorder:
    """Notes what one process of the local AWS was asked."""

    def __init__(self, folder: Path):
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / f"{os.getpid()}.jsonl").open("a", buffering=1)
        self._seen: set[tuple[str, ...]] = set()

    def note(self, caller: str, operation: str, found: list[Violation], values: Any) -> None:
        """Write down what is new of it."""
        self._write(Record(caller, operation), (caller, operation))
        for one in found:
            shape = re.sub(r"\[\d+\]", "[]", one.path)
            record = Record(caller, operation, one.kind, one.path, one.message[:500], repr(values)[:2000])
            self._write(record, (caller, operation, one.kind, shape))

    def _write(self, record: Record, key: tuple[str, ...]) -> None:
        if key not in self._seen:
            self._seen.add(key)
            self._file.write(json.dumps(record) + "\n")


def records(folder: Path) -> Iterator[Record]:
    """Everything that was written into a folder, the last line of a killed process left out where it is cut off."""
    for file in sorted(folder.glob("*.jsonl")):
        for line in file.read_text().splitlines(keepends=True):
            if line.endswith("\n"):
                yield Record(*json.loads(line))


def caller(headers: dict[str, str]) -> str:
    """Who sent a request: their SDKs name them, and the functions' own client names none."""
    agent = headers.get("user-agent", "")
    if "Terraform" in agent:
        return TERRAFORM
    if "bbws-access" in agent:
        return TOOL
    return OTHERS if agent else FUNCTIONS
