"""A company's first day: its people are invited from a file, by a run that is killed, and get in from one address."""

from __future__ import annotations

import csv
import json
import secrets
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.deployment import Deployment

pytestmark = pytest.mark.xdist_group("dev")


def test_a_company_is_invited_from_a_file_and_gets_in(dev: Deployment, tmp_path: Path) -> None:
    mark = secrets.token_hex(4)
    org_id = json.loads(dev.tool("org", "create", f"First day {mark}", "--json").stdout)["organisationId"]
    admin = f"admin@{mark}.example"
    dev.user(admin, org_id, "ORG_ADMIN")
    token = dev.token(admin)
    dev.request("POST", f"/organisations/{org_id}/teams", token, {"name": "Everybody"})
    people = [f"person-{n}@{mark}.example" for n in range(96)]
    file = tmp_path / "people.csv"
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["email", "role", "team", "message"])
        # Two requests, since one takes 64 KB.
        writer.writerows([email, "ORG_MANAGER", "Everybody", "ä" * 450] for email in people)
        writer.writerow(["nobody", "ORG_MANAGER", "Everybody", ""])
        writer.writerow([people[7].upper(), "ORG_MANAGER", "", ""])
        writer.writerow([f"stranger@{mark}.example", "NO_SUCH_ROLE", "", ""])
        writer.writerow([admin, "ORG_ADMIN", "", ""])
    asked = ["invite", str(file), "--organisation", org_id, "--as", admin, "--json"]
    _kill_after_first_results(dev, asked, tmp_path / "people.csv.progress")
    ran = dev.tool(*asked, check=False)
    assert ran.returncode == 1, ran.stderr
    found = json.loads(ran.stdout)
    assert found["created"] + found["alreadyInvited"] == 96
    assert {name: found[name] for name in ("rows", "alreadyMember", "invalid", "left")} == {
        "rows": 100,
        "alreadyMember": 1,
        "invalid": 3,
        "left": 0,
    }
    assert "line 98  nobody" in ran.stderr
    report = {one["line"]: one["code"] for one in csv.DictReader((tmp_path / "people.csv.report.csv").open(newline=""))}
    assert {"98", "99", "100", "101"} <= report.keys()
    assert report["101"] == "ALREADY_HELD"
    # Each is there once, and got one mail.
    invited, start = [], ""
    while True:
        page = dev.request("GET", f"/organisations/{org_id}/invitations?pageSize=100{start}", token).body
        invited += [one["email"] for one in page["items"]]
        if not page["moreAvailable"]:
            break
        start = f"&startAt={page['startAt']}"
    assert sorted(invited) == sorted(people)
    # More of them than an address used to be allowed uses of tokens get in at once.
    for email in people[:8]:
        accepted = dev.letter(email).token
        assert dev.request("GET", f"/invitations/{accepted}").status == 200
        answer = dev.request("POST", f"/invitations/{accepted}/accept", body={})
        assert (answer.status, answer.body["status"]) == (200, "ACCEPTED")


def _kill_after_first_results(dev: Deployment, asked: list[str], progress: Path) -> None:
    """Start the tool, and kill it as soon as it has written down what became of anybody."""
    process = dev.start_tool(*asked)
    for _ in range(1200):
        if progress.exists() and b"CREATED" in progress.read_bytes():
            break
        assert process.poll() is None, "it ended before anybody was invited"
        time.sleep(0.05)
    process.kill()
    process.wait()
