"""The pinned dependencies that functions carry, installed from hashed locks for the machine that runs them."""

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bbws_access.packaging.errors import PackagingError

LOCKS = ("authorizer", "service")
# Lambda's Python 3.12 stands on Amazon Linux 2023, which has glibc 2.34.
AWS_PLATFORM = ("--python-platform", "aarch64-manylinux_2_34", "--python-version", "3.12")

_LEFT_OUT_FOLDERS = {"__pycache__", "bin", "test", "tests", "doc", "docs", "include"}
_LEFT_OUT_SUFFIXES = {".c", ".h", ".pxd", ".pyi", ".pyx", ".typed", ".pyc"}
# Scanners of deployed functions read METADATA; the rest is the installer's own bookkeeping.
_KEPT_METADATA = {"METADATA"}


@dataclass(frozen=True)
class Dependencies:
    """One installed lock: its files by name in the archive, and the top-level names that Python can import from it."""

    lock: str
    fingerprint: str
    files: dict[str, Path]
    importable: frozenset[str]


def fingerprint(target: str, lock_file: Path) -> str:
    """Changes when the lock, or the machine that the dependencies are for, changes."""
    machine = " ".join(AWS_PLATFORM) if target == "aws" else host()
    return hashlib.sha256(b"\0".join((machine.encode(), _read(lock_file)))).hexdigest()


def host() -> str:
    """The interpreter and platform of this machine."""
    return f"{sys.implementation.cache_tag} {sys.version_info[:3]} {sysconfig.get_platform()}"


def install(target: str, lock_file: Path, folder: Path) -> Dependencies:
    """Install ``lock_file`` below ``folder`` unless it is there already."""
    mark = fingerprint(target, lock_file)
    place = folder / f"{lock_file.stem}-{mark[:16]}"
    if not place.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        for stale in folder.glob(f"{lock_file.stem}-*"):
            shutil.rmtree(stale, ignore_errors=True)
        fresh = Path(tempfile.mkdtemp(prefix=".install-", dir=folder))
        try:
            _run_uv(target, lock_file, fresh)
            fresh.rename(place)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    files = {name: path for name, path in _walk(place) if _belongs(name)}
    importable = {name.partition("/")[0].partition(".")[0] for name in files if not _is_metadata(name)}
    return Dependencies(lock_file.stem, mark, files, frozenset(importable))


def _walk(place: Path) -> list[tuple[str, Path]]:
    return sorted((path.relative_to(place).as_posix(), path) for path in place.rglob("*") if path.is_file())


def _is_metadata(name: str) -> bool:
    return name.partition("/")[0].endswith(".dist-info")


def _belongs(name: str) -> bool:
    *folders, file = name.split("/")
    if _is_metadata(name):
        return file in _KEPT_METADATA or "licenses" in folders
    return not _LEFT_OUT_FOLDERS & set(folders) and Path(file).suffix not in _LEFT_OUT_SUFFIXES and file != ".lock"


def _read(lock_file: Path) -> bytes:
    try:
        return lock_file.read_bytes()
    except FileNotFoundError as error:
        raise PackagingError(f"The lock file {lock_file} is missing.", "Write it with `make lock`.") from error


def _run_uv(target: str, lock_file: Path, place: Path) -> None:
    import uv

    platform = AWS_PLATFORM if target == "aws" else ("--python", sys.executable)
    command = [
        uv.find_uv_bin(),
        "pip",
        "install",
        "--quiet",
        "--no-config",
        "--link-mode",
        "copy",
        "--target",
        str(place),
    ]
    command += [*platform, "--only-binary", ":all:", "--require-hashes", "--no-deps", "-r", str(lock_file)]
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)  # noqa: S603 - a list of our own, no shell
    if done.returncode != 0:
        raise PackagingError(
            f"uv could not install {lock_file.name} for {target}: {done.stderr.strip() or 'no reason given'}",
            "Is the package index reachable, and does the lock have a wheel for that platform?",
        )
