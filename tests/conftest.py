"""Fixtures that every test may use, and the record of what the tests have the local AWS asked."""

import contextlib
import importlib
import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

import hypothesis
import pytest

from bbws_access.local_aws import recorder, wire
from tests.requests.known import KNOWN

pytest_plugins = ("tests.support.tables", "tests.support.services", "tests.support.invitations")

ROOT = Path(__file__).resolve().parents[1]
RECORDS = ROOT / ".build" / "requests"


# A test says nothing about how long something takes on a machine that others use.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


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


def pytest_collection(session: pytest.Session) -> None:
    """Have each worker compile a share of the tests, before all of them load all of them."""
    worker = getattr(session.config, "workerinput", None)
    if worker is None or session.config.args != session.config.getini("testpaths") or sys.dont_write_bytecode:
        return
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    for file in files[int(worker["workerid"].removeprefix("gw")) :: worker["workercount"]]:
        with contextlib.suppress(Exception, pytest.fail.Exception):  # told when it is collected
            importlib.import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def faults(found: Iterable[recorder.Record] | None = None) -> list[str]:
    """What Terraform, the tool and the functions said wrongly to the local AWS so far, known deviations left out."""
    if found is None:
        found = recorder.records(Path(os.environ[recorder.VARIABLE]))
    return sorted(
        {
            f"{one.caller} {one.operation}: {one.kind} at {one.path or 'the top'}: {one.message} in {one.values}"
            for one in found
            if one.kind and one.caller != recorder.OTHERS and not any(known.fits(one) for known in KNOWN)
        }
    )


def pytest_sessionfinish(session: pytest.Session) -> None:
    """The last word of the process that leads the others, once no worker sends anything any more."""
    if hasattr(session.config, "workerinput") or session.exitstatus != pytest.ExitCode.OK:
        return
    told = faults()
    if told:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        print("\n\nRequests that AWS would not understand (tests/requests):", *told, sep="\n")
