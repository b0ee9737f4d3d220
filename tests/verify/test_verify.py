"""The command from end to end on a copy of the project: green, known, then broken on purpose and red."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bbws_access.cli.project import Project
from bbws_access.verify.report import Report
from tests.verify.conftest import copy_project

pytestmark = pytest.mark.xdist_group("verify-runs")  # many, so that they begin early

MODULES = {"dynamodb", "s3-audit"}
NATIVE_TESTS = {"dynamodb.tftest.hcl", "audit_storage.tftest.hcl"}
ONE = ("--only", "dynamodb")
BOTH = (*ONE, "--only", "worker-5-s3-audit-storage-module")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy with the modules that are looked at and one native test of each.

    The others take long and are proven elsewhere; every other module is a stand-in, and Checkov's time.
    """
    made = copy_project(tmp_path_factory.mktemp("verify") / "project")
    for folder in made.modules.iterdir():
        if folder.name not in MODULES:
            shutil.rmtree(folder)
    for path in made.modules.rglob("*.tftest.hcl"):
        if path.name not in NATIVE_TESTS:
            path.unlink()
            continue
        blocks = path.read_text(encoding="utf-8").split("\nrun ")
        assert len(blocks) > 1
        path.write_text("\nrun ".join(blocks[:2]), encoding="utf-8")
    return made


def verify(project: Project, *arguments: str) -> tuple[int, str]:
    """Exit code and what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "bbws_access.commands", "verify", "--env", "dev", *arguments],
        cwd=project.root,
        env=os.environ | {"COLUMNS": "160"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{path} holds {old!r} {text.count(old)} times"
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_green_then_known_then_red_where_it_is_broken(project: Project, tmp_path: Path) -> None:
    found, junit = tmp_path / "report.json", tmp_path / "junit.xml"
    status, said = verify(project, *ONE, "--json", str(found), "--junit", str(junit))
    assert status == 0, said
    report = Report.from_json(json.loads(found.read_text(encoding="utf-8")))
    assert report.passed
    assert [worker.status for worker in report.workers] == ["COMPLETE"]
    assert not ElementTree.parse(junit).findall(".//failure")
    assert not (project.build / "verify" / "index.html").exists(), "kept for a report of everything"
    assert (project.build / "verify" / "partial" / "index.html").is_file()
    assert "partial/summary.md" in "".join(said.split())

    status, said = verify(project, *ONE, "--json", str(found))
    assert status == 0, said
    report = Report.from_json(json.loads(found.read_text(encoding="utf-8")))
    assert all(worker.cached for worker in report.workers)

    dynamodb, s3 = project.modules / "dynamodb", project.modules / "s3-audit"
    capacity = """
    read_capacity  = each.key == "teams" ? 1 : null
    write_capacity = each.key == "teams" ? 1 : null
"""
    mode = 'each.key == "teams" ? "PROVISIONED" : "PAY_PER_REQUEST"'
    replace(dynamodb / "main.tf", '"PAY_PER_REQUEST"\n', f"{mode}{capacity}")
    index = re.search(
        r'dynamic "global_secondary_index" \{.*?content \{\n', (dynamodb / "main.tf").read_text(), re.DOTALL
    )
    assert index
    replace(dynamodb / "main.tf", index[0], f"{index[0]}{capacity}")
    name = "local.table_names[each.key]"
    replace(dynamodb / "main.tf", f"= {name}", f'= each.key == "audit" ? "audit-events" : {name}')
    (dynamodb / "home.tf").write_text('locals {\n  home = "eu-west-1"\n}\n', encoding="utf-8")
    text = (s3 / "main.tf").read_text(encoding="utf-8")
    (s3 / "main.tf").write_text(text.replace("block_public_policy     = true", "block_public_policy     = false", 1))
    status, said = verify(project, *BOTH, "--json", str(found), "--junit", str(junit))
    assert status == 1, said
    report = Report.from_json(json.loads(found.read_text(encoding="utf-8")))
    red = {item.id: item.verdicts["dev"].findings for item in report.criteria if not item.passed}
    # The table is not what it is called in the contract, either.
    assert set(red) == {"on-demand", "naming", "tables", "hardcoded", "public-access"}
    assert all(worker.status == "COMPLETE" for worker in report.workers)
    places = {name: [(finding.file, finding.line, finding.address) for finding in found] for name, found in red.items()}
    assert [place[2] for place in places["on-demand"]] == ['module.dynamodb.aws_dynamodb_table.this["teams"]']
    assert [place[2] for place in places["naming"]] == ['module.dynamodb.aws_dynamodb_table.this["audit"]']
    assert places["hardcoded"] == [("terraform/modules/dynamodb/home.tf", 2, None)]
    (place,) = places["public-access"]
    lines = (project.root / place[0]).read_text(encoding="utf-8").splitlines()
    assert "block_public_policy     = false" in lines[place[1] - 1]
    assert ElementTree.parse(junit).findall(".//failure")


def test_a_folder_that_cannot_be_written_is_named(project: Project, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    status, said = verify(project, "--only", "kms", "--output", str(tmp_path / "file" / "folder"))
    assert status == 1
    assert "The summary cannot be written: Not a directory" in said
    assert "Give another folder with --output." in said


def test_a_part_is_not_accepted(project: Project) -> None:
    """The inventory is of everything; what is left out would count as gone."""
    before = (project.root / "terraform" / "inventory.json").read_bytes()
    for part in (ONE, ()):
        status, said = verify(project, "--accept", *part)
        assert status == 2
        assert "--accept needs every module and all three environments." in said
    assert (project.root / "terraform" / "inventory.json").read_bytes() == before


def test_wrong_usage_exits_with_2(project: Project) -> None:
    status, said = verify(project, "--only", "worker-7")
    assert status == 2
    assert "There is no worker 'worker-7'" in said
