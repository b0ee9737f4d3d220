"""The calls of the reference page, pasted as they are."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bbws_access.kernel.contract import load_contract
from bbws_access.reference_page import render

if TYPE_CHECKING:
    from tests.support.deployment import Deployment

pytestmark = pytest.mark.xdist_group("dev")


def _call(operation: str, kind: str) -> str:
    article = render(load_contract()).split(f'<article id="{operation}">', 1)[1].split("</article>", 1)[0]
    return unescape(re.search(rf'data-kind="{kind}"[^>]*><code>(.*?)</code>', article, re.DOTALL)[1])


@pytest.mark.parametrize("kind", ["curl", "python"])
def test_pasted_calls_work(dev: Deployment, admin: str, organisation: str, kind: str) -> None:
    """A list, and a POST with a body: twice, so that the second says that the first one worked."""
    exports = dict(re.findall(r"^export (\w+)=(.*)$", dev.tool("env").stdout, re.MULTILINE))
    environment = {
        **os.environ,
        **exports,
        "TOKEN": admin,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }

    def paste(operation: str) -> str:
        command = ["bash", "-c"] if kind == "curl" else [sys.executable, "-c"]
        text = _call(operation, kind).replace("org-demo", organisation)
        return subprocess.run([*command, text], env=environment, capture_output=True, text=True, check=True).stdout

    roles = paste("listRoles")
    assert "ORG_ADMIN" in roles
    paste("createRole")
    again = paste("createRole")
    assert json.loads(again[again.index("{") :])["error"]["code"] == "NAME_TAKEN"
