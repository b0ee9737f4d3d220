"""A key that no type knows is refused by every module, for every object at every depth of its inputs."""

import json
import re
import tempfile
from pathlib import Path
from typing import Any

import pytest

from bbws_access.verify import inputs
from tests.support.terraform import ROOT, Workspace, blocks, configuration_folders, module_name, read

FOLDERS = inputs.module_folders(ROOT)
MISSPELT = "ttl_atribute"

every_folder = pytest.mark.parametrize("folder", FOLDERS, ids=module_name)


def places(folder: Path) -> list[inputs.Place]:
    """Every object in the inputs of a module."""
    variables = inputs.read_variables(folder / inputs.FOLDER / "variables.tf")
    return [place for variable in variables for place in inputs.places(variable)]


def test_no_object_comes_in_past_the_guard() -> None:
    """What is typed as an object where it is called drops keys, so objects are typed behind `inputs` only."""
    open_doors = [
        f"{module_name(folder)}: {name}"
        for folder in configuration_folders()
        if folder.name != inputs.FOLDER
        for name, variable in blocks(folder, "variable").items()
        if inputs.parse_type(str(variable["type"]).removeprefix("${").removesuffix("}")).has_objects
    ]
    assert not open_doors


@every_folder
def test_what_stands_before_the_inputs_is_up_to_date(folder: Path) -> None:
    for path, text in inputs.written(folder).items():
        assert path.read_text(encoding="utf-8") == inputs.formatted(text), f"{path.name}: run `make inputs`"


@every_folder
def test_types_are_read_as_terraform_reads_them(folder: Path) -> None:
    """The reader that the guards rest on agrees with a parser of the whole language."""
    for name, variable in blocks(folder / inputs.FOLDER, "variable").items():
        objects = str(variable["type"]).count("object(")
        (mine,) = [one for one in inputs.read_variables(folder / inputs.FOLDER / "variables.tf") if one.name == name]
        assert len(list(inputs.places(mine))) == objects, name
        # Each key once, with its type behind it.
        assert sum(len(place.keys) for place in inputs.places(mine)) == len(
            re.findall(r"\b\w+ *= *(?=(?:optional|object|map|set|list|string|number|bool)\b)", str(variable["type"]))
        ), name


@every_folder
def test_a_misspelt_key_is_refused_and_a_known_one_is_not(folder: Path, workspace: Workspace) -> None:
    found = places(folder)
    assert found
    known = [dict.fromkeys(place.keys) for place in found]
    # First alone, then what is known alone, then both.
    answers = iter(
        judge(
            folder,
            workspace,
            [{place.variable: place.value({MISSPELT: 1})} for place in found]
            + [{place.variable: place.value(keys)} for place, keys in zip(found, known, strict=True)]
            + [{place.variable: place.value({MISSPELT: 1} | keys)} for place, keys in zip(found, known, strict=True)],
        )
    )
    expected = {place.name: f"{'.'.join(names(place))}.{MISSPELT} (known: " for place in found}
    assert {place.name for place in found if expected[place.name] not in next(answers)} == set()
    assert {place.name: said for place in found if (said := next(answers))} == {}
    assert {place.name for place in found if expected[place.name] not in next(answers)} == set()


def test_the_message_names_what_was_meant(workspace: Workspace) -> None:
    folder = next(folder for folder in FOLDERS if module_name(folder) == "dynamodb")
    tables = {"orders": {"ttl_atribute": "ttl"}, "others": {"ttl_attribute": "ttl"}}
    backup, table = judge(folder, workspace, [{"backup": {"delete_after": 365}}, {"tables": tables}])
    assert "backup.delete_after (known: delete_after_days)" in backup
    assert "tables.orders.ttl_atribute (known: ttl_attribute, ttl_enabled)" in table


def names(place: inputs.Place) -> list[str]:
    return [place.variable, *(step.attribute or "some" for step in place.steps)]


def judge(folder: Path, workspace: Workspace, cases: list[dict[str, Any]]) -> list[str]:
    """What the guards of a module say to each of some inputs, "" where they let them pass: one run of Terraform."""
    (workspace.root / "guards").mkdir(exist_ok=True)
    copy = Path(tempfile.mkdtemp(dir=workspace.root / "guards"))
    (copy / "tests").mkdir()
    (copy / "variables.tf").write_text((folder / "variables.tf").read_text(encoding="utf-8"), encoding="utf-8")
    declared = read(folder / "variables.tf")["variable"]
    # A guard looks at keys alone, so whatever else is required may be anything.
    anything = {"string": "some", "number": 1}
    required = {
        name: anything.get(variable["type"].strip("${}"), {})
        for block in declared
        for name, variable in block.items()
        if "default" not in variable
    }
    said: dict[str, str] = {}
    # Terraform skips what comes after a failure in the same file.
    for number, case in enumerate(cases):
        file = f"tests/case_{number}.tftest.json"
        said[file] = ""
        run = {"judge": {"command": "plan", "variables": required | case}}
        (copy / file).write_text(json.dumps({"run": [run]}), encoding="utf-8")
    passed = set()
    for line in workspace.terraform_lines(copy, "test", "-json"):
        event = json.loads(line)
        if event.get("type") == "diagnostic":
            said[event["@testfile"]] += " ".join(event["diagnostic"]["detail"].split())
        if event.get("type") == "test_file" and event["test_file"].get("status") == "pass":
            passed.add(event["@testfile"])
    assert passed == {file for file, text in said.items() if not text}
    return list(said.values())
