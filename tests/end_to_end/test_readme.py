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
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    [section] = re.findall(r"^## A tour$(.*?)^## ", text, re.MULTILINE | re.DOTALL)
    tour = "".join(re.findall(r"^```bash\n(.*?)^```$", section, re.MULTILINE | re.DOTALL))
    # The same tool, pointed at this deployment; and names that no earlier run has taken.
    tool = tmp_path / "bbws-access"
    python, folder = shlex.quote(sys.executable), shlex.quote(str(dev.folder))
    tool.write_text(f'#!/bin/sh\nexec {python} -m bbws_access.commands "$@" --folder {folder}\n')
    tool.chmod(0o755)
    suffix = secrets.token_hex(4)
    for there, here in (
        (".venv/bin/bbws-access", shlex.quote(str(tool))),
        ("PUBLISHER", f"PUBLISHER_{suffix.upper()}"),
        ("ada@", f"ada-{suffix}@"),
        ("@walk.example", f"@{suffix}.walk.example"),
        ("org-walk", f"org-walk-{suffix}"),
    ):
        assert there in tour
        tour = tour.replace(there, here)
    dev.forget_token_uses()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", tour], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran
    promised = re.findall(r"# (\d{3})$", tour, re.MULTILINE)
    assert len(promised) > 12
    assert re.findall(r"\[(\d{3})\]", ran.stdout) == promised, ran.stdout
