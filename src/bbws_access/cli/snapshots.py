"""Deployments as Terraform has just made them, before there is any data in them, for folders that are fresh.

A snapshot is the saved state of a local AWS. Its name is the hash of everything that the deployment was made of and by,
so one that is out of date is never found. It is whole or not there: it is written beside its place and renamed, and
each of its files is held to its hash before anything of it is used.
"""

import contextlib
import datetime
import fcntl
import hashlib
import importlib.metadata
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bbws_access import local_aws
from bbws_access.cli.environments import Environment
from bbws_access.cli.terraform import find_provider, find_terraform
from bbws_access.packaging import Packages

# The least recently used go.
KEPT = 4
STATE = "state"
"""The part of a local AWS's folder that is kept, and nothing else: no certificate, no key that tokens are signed
with, no password."""
_FORMAT = 1
_STAGING = ".making-"
_MANIFEST = "manifest.json"


class SnapshotError(Exception):
    """A snapshot cannot be used; the text says why."""


@dataclass(frozen=True)
class Kept:
    """What a snapshot says of itself."""

    outputs: dict[str, Any]
    """Of the stack."""
    endpoint: str
    """Where the local AWS answered."""
    made: str
    """When, in UTC, as ISO 8601."""


class Snapshots:
    """The snapshots in a folder, which several processes may use at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def holds(self, key: str) -> bool:
        """Whether there is a snapshot of this key. It may be damaged."""
        with contextlib.suppress(OSError):
            return self._manifest(key).is_file()
        return False

    def save(self, key: str, state: Path, kept: Kept) -> None:
        """Keep a copy of the saved state of a local AWS that is stopped. Raises OSError, and then has kept nothing."""
        with self._alone():
            staging = _staging(self.folder)
            try:
                files = dict(_copy(_files(state), staging / STATE))
                manifest = {"format": _FORMAT, "key": key, "files": files, **vars(kept)}
                _write(staging / _MANIFEST, json.dumps(manifest, indent=1).encode())
                shutil.rmtree(self.folder / key, ignore_errors=True)
                staging.rename(self.folder / key)
            except BaseException:
                shutil.rmtree(staging, ignore_errors=True)
                raise
            self._prune()

    def restore(self, key: str, folder: Path) -> Kept:
        """Fill a local AWS's folder, which has no saved state, with that of a snapshot.

        Raises SnapshotError, and OSError where the folder cannot be written; the folder then still has no state.
        """
        with self._alone():
            manifest = self._read(key)
            staging = _staging(folder)
            try:
                found = ((name, (self.folder / key / STATE / name)) for name in manifest["files"])
                for name, digest in _copy(found, staging / STATE):
                    if digest != manifest["files"][name]:
                        raise SnapshotError(f"{name[:20]} is damaged")
                # What a local AWS left that was killed before it first saved its state is no state.
                shutil.rmtree(folder / STATE, ignore_errors=True)
                (staging / STATE).rename(folder / STATE)
            except FileNotFoundError as error:
                raise SnapshotError(f"{Path(error.filename).name[:20]} is missing") from error
            except ValueError as error:
                raise SnapshotError(f"it names a file that cannot be ({error})") from error
            finally:
                shutil.rmtree(staging, ignore_errors=True)
            with contextlib.suppress(OSError):
                os.utime(self._manifest(key))
            return Kept(manifest["outputs"], manifest["endpoint"], manifest["made"])

    def discard(self, key: str) -> None:
        """Remove a snapshot, so that the next deployment takes its place."""
        with contextlib.suppress(OSError), self._alone():
            shutil.rmtree(self.folder / key, ignore_errors=True)

    def _manifest(self, key: str) -> Path:
        return self.folder / key / _MANIFEST

    def _read(self, key: str) -> dict[str, Any]:
        try:
            manifest = json.loads(self._manifest(key).read_text())
        except FileNotFoundError as error:
            raise SnapshotError("there is none") from error
        except (ValueError, RecursionError, OSError) as error:
            raise SnapshotError(f"its manifest cannot be read ({error})") from error
        shape = {"key": str, "files": dict, "outputs": dict, "endpoint": str, "made": str}
        if (
            not isinstance(manifest, dict)
            or manifest.get("format") != _FORMAT
            or any(not isinstance(manifest.get(name), kind) for name, kind in shape.items())
            or any(not _is_inside(name) for name in manifest["files"])
        ):
            raise SnapshotError("its manifest is of another form")
        if manifest["key"] != key:
            raise SnapshotError("it is of another deployment")
        return manifest

    def _prune(self) -> None:
        used = {}
        for snapshot in self.folder.iterdir():
            if snapshot.is_dir():
                manifest = snapshot / _MANIFEST
                # Without a manifest it is of no use, and goes first.
                used[snapshot] = manifest.stat().st_mtime_ns if manifest.is_file() else 0
        for snapshot in sorted(used, key=lambda one: used[one])[:-KEPT]:
            shutil.rmtree(snapshot, ignore_errors=True)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        # A state is readable by its owner only, wherever it lies.
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def kept_now(outputs: dict[str, Any], endpoint: str) -> Kept:
    """What to say of a snapshot that is made now."""
    return Kept(outputs, endpoint, datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"))


def _staging(folder: Path) -> Path:
    """A new folder in another, in which nobody else is at work: what is left there is of somebody who was killed."""
    for left in folder.glob(f"{_STAGING}*"):
        shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=_STAGING, dir=folder))


def _is_inside(name: Any) -> bool:
    return isinstance(name, str) and bool(name) and not name.startswith("/") and ".." not in name.split("/")


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path


def _copy(files: Iterable[tuple[str, Path]], into: Path) -> Iterator[tuple[str, str]]:
    """Copy files by their names; yields each name with the hash of its content.

    Copies and no links: no folder's damage is another's.
    """
    into.mkdir(mode=0o700)
    for name, path in files:
        content = path.read_bytes()
        (into / name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(into / name, content)
        yield name, hashlib.sha256(content).hexdigest()


def _write(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)


# --- What a deployment is made of and by -----------------------------------------------------------------------------


def key_of(environment: Environment, packages: Packages) -> str:
    """Changes when anything does that decides what a deployment in a fresh folder comes to be."""
    project = environment.project
    config = find_provider(project).config
    parts: dict[str, Any] = {
        "format": _FORMAT,
        "sources": sources(environment, packages),
        "place": (environment.name, environment.account_id, environment.backend, environment.artifacts_bucket),
        "packages": sorted((item.function, sorted(item.values.items())) for item in packages),
        "tool": digest_of(Path(__file__).parent, Path(__file__).parents[1] / "packaging"),
        "local AWS": local_aws_version(),
        "terraform": find_terraform().version,
        # The lock, among the sources, pins the provider; this may put another in its place.
        "provider": config.read_text() if config else "",
        "python": (sys.version, platform.machine()),
        # Name and version of each are the name of its folder; to ask for them takes ten times as long.
        "installed": sorted({path.name for entry in sys.path for path in Path(entry).glob("*.dist-info")}),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=repr).encode()).hexdigest()[:32]


def sources(environment: Environment, packages: Packages) -> str:
    """Changes when Terraform's sources, the contract, values or packages do."""
    project = environment.project
    # Terraform may read a file of any name.
    digest = hashlib.sha256(digest_of(project.root / "terraform", project.contract).encode())
    digest.update(repr(sorted((item.function, item.sha256) for item in packages)).encode())
    digest.update(repr(sorted(environment.values.items(), key=lambda item: item[0])).encode())
    return digest.hexdigest()


def local_aws_version() -> str:
    """Changes when the local AWS's program does."""
    digest = hashlib.sha256(importlib.metadata.version("ministack").encode())
    digest.update(digest_of(Path(local_aws.__file__).parent).encode())
    return digest.hexdigest()


# Python and Terraform write there at any time, also under names that last for a moment.
_WRITTEN = {"__pycache__", ".terraform"}


def digest_of(*folders: Path) -> str:
    """Changes when a file of a program does."""
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted(_program(folder, set())):
            digest.update(f"{path.relative_to(folder)}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\0".encode())
    return digest.hexdigest()


def _program(folder: Path, above: Set[Path]) -> Iterator[Path]:
    """The files in a folder and below, also behind links, which programs follow; above: where it lies, no links."""
    here = folder.resolve()
    if here not in above:
        for path in folder.iterdir():
            if path.name in _WRITTEN:
                continue
            if path.is_dir():
                yield from _program(path, above | {here})
            elif path.is_file():
                yield path
