"""The tool, run in the tests' own process: to start one of its own takes longer than most of what is asked of it."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import boto3

from bbws_access.commands.main import main


def run_tool(
    folder: Path, arguments: tuple[str, ...], environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """What the tool says and how it ends in a folder, with nobody at the keyboard and no variables but these."""
    out, err, before = io.StringIO(), io.StringIO(), dict(os.environ)
    argv, stdin, handler, session = sys.argv, sys.stdin, signal.getsignal(signal.SIGTERM), boto3.DEFAULT_SESSION
    status: object = "did not end"
    os.environ.clear()
    os.environ.update(environment)
    sys.argv, boto3.DEFAULT_SESSION = ["bbws-access", *arguments], None
    try:
        with (
            Path(os.devnull).open(encoding="utf-8") as sys.stdin,
            contextlib.chdir(folder),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            main()
    except SystemExit as ended:
        status = ended.code
    finally:
        sys.argv, sys.stdin, boto3.DEFAULT_SESSION = argv, stdin, session
        signal.signal(signal.SIGTERM, handler)
        os.environ.clear()
        os.environ.update(before)
    assert isinstance(status, int), status
    return subprocess.CompletedProcess(sys.argv, status, out.getvalue(), err.getvalue())
