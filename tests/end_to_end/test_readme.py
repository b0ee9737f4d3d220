"""The README's tour, run as it stands there."""

from __future__ import annotations

import os
import re
import secrets
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.deployment import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.deployment import Deployment

pytestmark = pytest.mark.xdist_group("dev")


def test_the_tour(dev: Deployment, tmp_path: Path) -> None:
    """Each command prints what is behind its `#>`, an ellipsis standing for anything; it fails where that is a ✗."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    [section] = re.findall(r"^## A tour$(.*?)^## ", text, re.MULTILINE | re.DOTALL)
    tour = "".join(re.findall(r"^```bash\n(.*?)^```$", section, re.MULTILINE | re.DOTALL))
    # The same tool, pointed at this deployment; and names that no earlier run has taken. The organisation is as the
    # demo's is at first, since other tests make roles in that.
    suffix = secrets.token_hex(4)
    demo, admin = f"org-tour-{suffix}", f"admin@{suffix}.tour.example"
    dev.tool("org", "create", f"Tour {suffix}", "--id", demo)
    dev.tool("user", "create", admin, "--organisation", demo, "--role", "ORG_ADMIN")
    tool = tmp_path / "bbws-access"
    python, folder = shlex.quote(sys.executable), shlex.quote(str(dev.folder))
    tool.write_text(
        f"""#!/bin/sh
        case "$1 $*" in api*--as*|api*--anonymous*) as= ;; api*) as="--as {admin}" ;; esac
        exec {python} -m bbws_access.commands "$@" $as --folder {folder}
        """
    )
    tool.chmod(0o755)
    for there, here in (
        ("$PWD/.venv/bin", str(tmp_path)),
        ("org-demo", demo),
        ("ada@", f"ada-{suffix}@"),
        ("@walk.example", f"@{suffix}.walk.example"),
        ("org-walk", f"org-walk-{suffix}"),
        ("Walk and Sons", f"Walk and Sons {suffix}"),
    ):
        assert there in tour
        tour = tour.replace(there, here)
    blocks = re.split(r"((?:^#> .*\n)+)", tour, flags=re.MULTILINE)
    assert len(blocks) > 25
    script = "".join(f"{commands}echo @@\n" for commands in blocks[::2])
    dev.forget_token_uses()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    ran = subprocess.run(
        ["bash", "-Euc", f"set -o pipefail; exec 2>&1; trap 'echo @failed' ERR\n{script}"],
        cwd=ROOT,
        env={**environment, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    printed = [part.strip().splitlines() for part in ran.stdout.split("@@\n")]
    for expected, lines in zip(blocks[1::2], printed, strict=False):
        wanted = expected.replace("#> ", "").splitlines()
        if wanted[0].startswith("✗"):
            wanted.append("@failed")
        assert len(lines) >= len(wanted), ran.stdout
        for line, pattern in zip(lines[-len(wanted) :], wanted, strict=True):
            assert re.fullmatch(".+".join(map(re.escape, pattern.split("…"))), line), ran.stdout
        assert lines.count("@failed") == wanted.count("@failed"), ran.stdout
    assert len(printed) == len(blocks[::2]) + 1, ran.stdout
    assert "@failed" not in printed[-2], ran.stdout
