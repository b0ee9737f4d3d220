"""Wrong values are refused with a message that names them, and what lies beside them is not: `values.py` lists both."""

import copy
import json
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest

from bbws_access.verify import inputs
from tests.support.terraform import MODULES, ROOT, Workspace, module_name, native_test_files, read
from tests.terraform.values import RIGHT, WRONG

MODULES_WITH_INPUTS = [folder for folder in inputs.module_folders(ROOT) if folder.is_relative_to(MODULES)]


@pytest.mark.parametrize("module", MODULES_WITH_INPUTS, ids=module_name)
def test_values(module: Path, workspace: Workspace) -> None:
    name = module_name(module)
    wrong = WRONG[name]
    given = [(path, value) for path, value, _ in wrong] + RIGHT[name]
    answers = judge(module, workspace, given)
    passed = [case[:2] for case, answer in zip(wrong, answers, strict=False) if not answer]
    assert not passed, f"{len(passed)} wrong values of {len(wrong)} pass"
    unclear = [(case, answer) for case, answer in zip(wrong, answers, strict=False) if case[2] not in answer]
    assert not unclear
    refused = [(case, answer) for case, answer in zip(RIGHT[name], answers[len(wrong) :], strict=True) if answer]
    assert not refused


def judge(module: Path, workspace: Workspace, given: list[tuple[str, Any]]) -> list[str]:
    """What a module's inputs say to each change of those that its native tests start from; "" where they take it."""
    folder = module / inputs.FOLDER
    (workspace.root / "values").mkdir(exist_ok=True)
    copied = Path(tempfile.mkdtemp(dir=workspace.root / "values"))
    (copied / "tests").mkdir()
    shutil.copy(folder / "variables.tf", copied)
    for path in (folder / "tests").glob("*.tfvars"):
        shutil.copy(path, copied / "tests")
    start, text = _start(folder)
    said: dict[str, str] = {}
    for number, (path, value) in enumerate(given):
        name, changed = path.split("/")[0], _changed(start, path, value)
        quoted = json.dumps(json.dumps(changed)).replace("${", "$${").replace("%{", "%%{")
        file = f"tests/case_{number}.tftest.hcl"
        run = f'run "judge" {{\n  command = plan\n\n  variables {{\n    {name} = jsondecode({quoted})\n  }}\n}}\n'
        (copied / file).write_text(f"{text}\n{run}", encoding="utf-8")
        said[file] = ""
    passed = set()
    for line in workspace.terraform_lines(copied, "test", "-json"):
        event = json.loads(line)
        if event.get("type") == "diagnostic":
            item = event["diagnostic"]
            said[event["@testfile"]] += " ".join(f"{item['summary']}: {item['detail']}".split())
            assert item["summary"] == "Invalid value for variable", f"{event['@testfile']}: {item}"
        if event.get("type") == "test_file" and event["test_file"].get("status") == "pass":
            passed.add(event["@testfile"])
    assert passed == {file for file, answer in said.items() if not answer}
    return list(said.values())


def _start(folder: Path) -> tuple[dict[str, Any], str]:
    """The inputs that native tests of a folder start from, and their text where they stand in the tests themselves."""
    start: dict[str, Any] = {}
    for path in (folder / "tests").glob("*.tfvars"):
        start |= read(path)
    (file,) = native_test_files(folder)
    found = re.search(r"^variables \{\n.*?^\}\n", file.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    for variables in read(file).get("variables", []):
        start |= variables
    return start, found.group(0) if found else ""


def _changed(start: dict[str, Any], path: str, value: Any) -> Any:
    """The input that the path begins with, changed; a value that is a path of its own is copied from there."""
    changed = copy.deepcopy(start)
    steps = re.split(r"/(?!$)", path)
    if isinstance(value, str) and re.fullmatch(r"(replications|schedulers)/\w+", value):
        group, _, member = value.partition("/")
        value = changed[group][member]
    at = changed
    for step in steps[:-1]:
        at = at.setdefault(step, {})
    at[steps[-1]] = value
    return changed[steps[0]]
