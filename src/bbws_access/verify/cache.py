"""Answers of earlier runs, found by everything that could change them."""

import contextlib
import json
import os
import tempfile
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

_KEPT = 4


def digest(root: Path, folders: Iterable[Path]) -> str:
    """One hash of the files below folders, their names included. Files that Terraform leaves there do not count."""
    whole = sha256()
    for folder in folders:
        paths = [folder] if folder.is_file() else sorted(path for path in folder.rglob("*") if path.is_file())
        for path in paths:
            if ".terraform" in path.parts or "__pycache__" in path.parts or path.name == ".terraform.lock.hcl":
                continue
            whole.update(f"{path.relative_to(root).as_posix()}\0".encode())
            whole.update(sha256(path.read_bytes()).digest())
        whole.update(b"\0")
    return whole.hexdigest()


class Cache:
    """One file for each answer; the newest few of each name are kept."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, name: str, key: str) -> Any:
        """The answer, or None."""
        try:
            return json.loads(self._path(name, key).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def write(self, name: str, key: str, answer: Any) -> None:
        """Keep an answer. A folder that cannot be written only costs time at the next run."""
        with contextlib.suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", dir=self.folder, delete=False, encoding="utf-8") as file:
                json.dump(answer, file)
            Path(file.name).replace(self._path(name, key))
            old = sorted(self.folder.glob(f"{name}.*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
            for path in old[_KEPT:]:
                path.unlink()

    def _path(self, name: str, key: str) -> Path:
        return self.folder / f"{name}.{key[:32]}.json"


def processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
