"""The command line on a deployment that is up."""

from __future__ import annotations

import json
import os
import signal
import ssl
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.deployment import claims

if TYPE_CHECKING:
    from tests.support.deployment import Deployment

pytestmark = pytest.mark.xdist_group("dev")


def test_status_is_for_machines_too(dev: Deployment) -> None:
    status = dev.status
    assert status["running"] is True
    assert (status["environment"], status["region"]) == ("dev", "eu-west-1")
    assert set(status["tables"]) == {"permissions", "teams", "invitations", "audit"}
    assert status["tables"]["permissions"] == "bbws-access-dev-ddb-permissions"
    assert status["buckets"]["audit-archive"] == "bbws-access-dev-s3-audit-archive"
    context = ssl.create_default_context(cafile=status["ca_bundle"])
    with urllib.request.urlopen(f"{status['api_url']}/health", context=context) as answer:
        assert answer.status == 200


def test_env_points_aws_at_it(dev: Deployment) -> None:
    assert dev.shell["AWS_ENDPOINT_URL"] == dev.status["endpoint"]
    assert dev.shell["AWS_REGION"] == "eu-west-1"
    exports = dev.tool("env").stdout
    assert f"export AWS_ENDPOINT_URL={dev.status['endpoint']}" in exports


def test_api_calls_signed_in_and_says_by_its_exit_code_how_it_went(dev: Deployment, organisation: str) -> None:
    roles = f"/organisations/{organisation}/roles"
    listed = dev.tool("api", "GET", f"{roles}?pageSize=1")
    assert json.loads(listed.stdout)["count"] == 1
    assert "\x1b" not in listed.stdout
    refused = dev.tool("api", "POST", roles, "--data", '{"name": "lower"}', "--include", check=False)
    assert refused.returncode == 1
    head, _, body = refused.stdout.partition("\n\n")
    assert head.startswith("HTTP 400 ")
    assert "content-type: application/json" in head.lower()
    assert json.loads(body)["error"]["code"] == "VALIDATION_ERROR"
    anonymous = dev.tool("api", "GET", roles, "--anonymous", check=False)
    assert (anonymous.returncode, json.loads(anonymous.stdout)["error"]["code"]) == (1, "UNAUTHORIZED")
    assert dev.tool("api", "GET", roles, "--anonymous", "--as", "a@b.example", check=False).returncode == 2
    assert dev.tool("api", "PUT", roles, "--data", "{", check=False).returncode == 2


def test_review_writes_the_file_that_the_api_gives_in_pages(dev: Deployment, organisation: str, tmp_path: Path) -> None:
    whole = dev.tool("api", "GET", f"/organisations/{organisation}/access-review?format=csv").stdout
    file = tmp_path / "review.csv"
    written = dev.tool("review", organisation, "--output", str(file))
    assert written.stdout == f"{file}\n"
    assert "rows" in written.stderr
    rows = file.read_bytes().decode().splitlines()
    assert rows == [line for line in whole.splitlines() if line]
    assert dev.tool("review", organisation, "--output", "-").stdout.splitlines() == rows
    again = dev.tool("review", organisation, "--output", str(file), check=False)
    assert (again.returncode, "there already" in again.stderr) == (2, True)
    stranger = dev.tool("review", "org-none", "--output", str(tmp_path / "none.csv"), check=False)
    assert stranger.returncode == 1
    assert not (tmp_path / "none.csv").exists()


def test_the_reference_lies_beside_the_local_api(dev: Deployment) -> None:
    page = dev.tool("api", "GET", "/docs", "--anonymous").stdout
    assert page.startswith("<!doctype html>")
    assert 'id="createRole"' in page


def test_token_prints_a_token_and_nothing_else(dev: Deployment, admin: str, organisation: str) -> None:
    content = claims(admin)
    assert content["token_use"] == "access"
    assert content["custom:organisation_id"] == organisation
    assert content["email"] == dev.status["admin_email"]


def test_a_second_up_changes_nothing(dev: Deployment) -> None:
    before = dev.status
    said = dev.up()
    assert "nothing had changed" in said, said
    assert dev.status == before


def _holds(snapshot: Path, text: bytes) -> bool:
    """Whether a snapshot, or a part that it names, has some text."""
    try:
        content = snapshot.read_bytes()
        named = [file for file in (snapshot.parent / "blobs").iterdir() if file.name.encode() in content]
        return text in content or any(text in file.read_bytes() for file in named)
    except FileNotFoundError:
        # Replaced meanwhile.
        return False


def _wait_until_saved(dev: Deployment, text: str) -> None:
    """The local AWS saves what changed a second later, or in ten times as long as saving takes."""
    for _ in range(240):
        if any(_holds(file, text.encode()) for file in dev.folder.rglob("state.pickle")):
            return
        time.sleep(0.5)
    raise AssertionError(f"{text} was not saved within two minutes")


def test_up_after_the_local_aws_was_killed(dev: Deployment, admin: str, organisation: str) -> None:
    """What was written before the kill is there afterwards, at the same address."""
    made = dev.request(
        "POST",
        f"/organisations/{organisation}/permission-sets",
        admin,
        {"name": f"Kept {os.urandom(4).hex()}", "description": "", "permissions": ["site:read"]},
    )
    assert made.status == 201, made.body
    url = dev.status["api_url"]
    _wait_until_saved(dev, made.body["setId"])
    pid = json.loads((dev.folder / "process.json").read_text())["pid"]
    os.kill(pid, signal.SIGKILL)
    down = dev.tool("status", check=False)
    assert down.returncode == 3
    dev.up()
    assert dev.status["api_url"] == url
    again = dev.token(dev.status["admin_email"])
    answer = dev.request("GET", f"/organisations/{organisation}/permission-sets/{made.body['setId']}", again)
    assert answer.status == 200


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["org", "create", ""], "name"),
        (["user", "create", "nobody", "--organisation", "org-demo"], "e-mail"),
        (["user", "create", "a@b.example", "--organisation", "org-nowhere"], "org-nowhere"),
        (["user", "create", "a@b.example", "--organisation", "org-demo", "--role", "KING"], "KING"),
        (["user", "deactivate", "nobody@demo.example"], "nobody@demo.example"),
        (["token", "nobody@demo.example", "--password-stdin"], "There is no account of nobody@demo.example"),
        (["token", "nobody@demo.example"], "There is no account of nobody@demo.example"),
        (["api", "GET", "/health", "--as", "nobody@demo.example"], "There is no account of nobody@demo.example"),
    ],
)
def test_mistakes_are_named(dev: Deployment, arguments: list[str], says: str) -> None:
    result = dev.tool(*arguments, check=False)
    assert result.returncode in (1, 2)
    assert says in result.stdout + result.stderr
    assert "Traceback" not in result.stderr
