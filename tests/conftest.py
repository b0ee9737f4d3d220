"""Fixtures that every test may use, and the record of what the tests have the local AWS asked."""

import os
import shutil
from pathlib import Path

import pytest

from bbws_access.local_aws import recorder, wire

pytest_plugins = ("tests.support.tables", "tests.support.services", "tests.support.invitations")

ROOT = Path(__file__).resolve().parents[1]
RECORDS = ROOT / ".build" / "requests"


def pytest_configure(config: pytest.Config) -> None:
    """Have every request judged by AWS's newest models and what was found written down; the workers inherit it."""
    os.environ.setdefault(wire.VARIABLE, str(ROOT / ".venv" / "models" / "botocore" / "data"))
    if recorder.VARIABLE in os.environ:
        return
    RECORDS.mkdir(parents=True, exist_ok=True)
    for folder in RECORDS.iterdir():
        if not _runs(int(folder.name)):
            shutil.rmtree(folder)
    os.environ[recorder.VARIABLE] = str(RECORDS / str(os.getpid()))


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
