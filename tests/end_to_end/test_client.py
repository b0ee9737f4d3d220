"""The generated Python client, made anew and used against the running API."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.deployment import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.deployment import Deployment

pytestmark = pytest.mark.xdist_group("dev")

PYTHON = ROOT / ".venv" / "generator" / "bin" / "python"
# What a program of somebody else's would write.
PROGRAM = """
import json, os, ssl

from bbws_access_client import AuthenticatedClient
from bbws_access_client.api.roles import create_role, delete_role, get_role, list_roles
from bbws_access_client.models import CreateRoleRequest, Error, ErrorErrorCode, Role, RoleList

context = ssl.create_default_context(cafile=os.environ["CA"])
organisation, name = os.environ["ORGANISATION"], os.environ["NAME"]
with AuthenticatedClient(base_url=os.environ["API"], token=os.environ["TOKEN"], verify_ssl=context) as client:
    page = list_roles.sync(organisation, client=client, page_size=2)
    assert isinstance(page, RoleList) and page.count == 2 and page.more_available
    further = list_roles.sync(organisation, client=client, page_size=2, start_at=page.start_at)
    assert not {role.role_id for role in page.items} & {role.role_id for role in further.items}
    request = CreateRoleRequest(name=name, display_name="Made by a program", permissions=["site:read"])
    made = create_role.sync(organisation, client=client, body=request)
    assert isinstance(made, Role) and made.scope == "ORGANISATION" and made.date_created.tzinfo is not None
    twice = create_role.sync_detailed(organisation, client=client, body=request)
    assert twice.status_code == 409 and isinstance(twice.parsed, Error)
    assert twice.parsed.error.code == ErrorErrorCode.NAME_TAKEN
    assert get_role.sync(organisation, made.role_id, client=client).display_name == "Made by a program"
    assert delete_role.sync_detailed(organisation, made.role_id, client=client).status_code == 204
    elsewhere = list_roles.sync("org-other", client=client)
    assert isinstance(elsewhere, Error) and elsewhere.error.code == ErrorErrorCode.FORBIDDEN
print(json.dumps({"created": made.to_dict()["name"]}))
"""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "client"
    made = subprocess.run(["make", "client", f"FOLDER={folder}"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    return folder


def test_a_program_lists_makes_and_is_refused(dev: Deployment, admin: str, organisation: str, client: Path) -> None:
    name = f"CLIENT_{secrets.token_hex(4).upper()}"
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(client),
        "API": dev.status["api_url"],
        "CA": dev.status["ca_bundle"],
        "TOKEN": admin,
        "ORGANISATION": organisation,
        "NAME": name,
    }
    done = subprocess.run([PYTHON, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"created": name}


def test_the_program_in_its_readme_runs(dev: Deployment, admin: str, organisation: str, client: Path) -> None:
    """And what else it names is there."""
    readme = (client / "README.md").read_text()
    [program] = re.findall(r"```python\n(.*?)```", readme, re.S)
    environment = dev.shell | {"PATH": os.environ["PATH"], "PYTHONPATH": str(client), "TOKEN": admin}
    done = subprocess.run([PYTHON, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    names = [line.split()[0] for line in done.stdout.splitlines()]
    assert len(set(names)) == len(names) >= 5, "all pages of the roles that every organisation starts with"
    done = subprocess.run(
        [PYTHON, "-c", program], env=environment | {"TOKEN": "none"}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.split(":")[0]) == (1, "UNAUTHORIZED")
    for name in set(re.findall(r"`bbws_access_client\.(\w+)`", readme)):
        assert any((client / "bbws_access_client").glob(f"{name}*")), name
    for name in ("AuthenticatedClient", "sync", "asyncio", "sync_detailed", "asyncio_detailed", "ErrorErrorCode"):
        assert f"`{name}`" in readme
        assert any(re.search(rf"(def|class) {name}\b", path.read_text()) for path in client.rglob("*.py")), name
