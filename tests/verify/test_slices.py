"""What is proven of the slices holds for the stack: their plans together are the plan of the whole."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bbws_access.cli.project import Project
from bbws_access.verify import jobs, slices
from bbws_access.verify.provider import Providers
from bbws_access.verify.runner import Deadline, Runner
from tests.support.terraform import ROOT

# Where the plans of the slices are made once for all.
pytestmark = pytest.mark.xdist_group("verify-plans")

# The largest: with replicas and a second region.
ENVIRONMENT = "prod"


def whole_plan(project: Project, providers: Providers, root: Path, inputs: dict[str, Any]) -> list[jobs.Planned]:
    """The plan of all modules at once, made in the way of the slices."""
    runner, deadline = Runner(project, 1), Deadline(600)
    stack = slices.make_slice(project, None, root, {ENVIRONMENT: inputs})
    assert runner.terraform(stack, root, deadline, "init", "-backend=false", "-input=false").status == 0
    plans = []

    def take(event: dict[str, Any]) -> None:
        if event.get("type") == "test_plan":
            plans.append(jobs.read_plan(event["test_plan"]))

    environment = runner.environment | providers.settings(stack)
    outcome = runner.terraform(
        stack, root, deadline, "test", "-json", "-verbose", on_event=take, environment=environment
    )
    assert outcome.diagnostics == []
    (plan,) = plans
    return plan


def differences(whole: Any, part: Any, unknown: Any, part_unknown: Any, path: str) -> Iterator[str]:
    """Where the slice's value is not the whole plan's, as far as that is known before it is applied."""
    if unknown is True:
        return
    if part_unknown is True:
        yield f"{path}: {whole!r} is known in the whole plan only"
    elif isinstance(whole, dict) and isinstance(part, dict):
        for name in sorted(whole.keys() | part.keys()):
            inner = [value.get(name) if isinstance(value, dict) else None for value in (unknown, part_unknown)]
            yield from differences(whole.get(name), part.get(name), *inner, f"{path}.{name}")
    elif isinstance(whole, list) and isinstance(part, list) and len(whole) == len(part):
        for at, pair in enumerate(zip(whole, part, strict=True)):
            inner = [
                value[at] if isinstance(value, list) and at < len(value) else None for value in (unknown, part_unknown)
            ]
            yield from differences(*pair, *inner, f"{path}[{at}]")
    elif whole != part:
        yield f"{path}: {whole!r} in the whole plan, {part!r} in the slice"


def test_the_slices_together_are_the_whole_stack(
    planned, project: Project, providers: Providers, tmp_path: Path
) -> None:
    whole = {
        item.address: item
        for item in whole_plan(project, providers, tmp_path / "whole", planned.values[ENVIRONMENT])
        if item.managed
    }
    parts = [item for facts in planned.facts for item in facts.planned[ENVIRONMENT] if item.managed]
    assert len(whole) > 100
    assert sorted(item.address for item in parts) == sorted(whole), "each resource in one slice, and no other"
    wrong = [
        line
        for item in parts
        for line in differences(
            whole[item.address].values, item.values, whole[item.address].unknown, item.unknown, item.address
        )
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("module", [*(module for module, _ in jobs.WORKERS.values()), *jobs.SUPPORTING.values()])
def test_a_slice_has_one_module_real_and_the_stack_as_it_is(module: str, tmp_path: Path) -> None:
    """What a worker plans: its own module's files, stand-ins for all others, and the stack that calls them."""
    project, root = Project(ROOT), tmp_path / "slice"
    stack = slices.make_slice(project, module, root, {"dev": {"region": "here"}})
    assert json.loads((stack / "tests" / "plans.tftest.json").read_text(encoding="utf-8")) == {
        "run": [{"dev": {"command": "plan", "variables": {"region": "here"}}}]
    }
    for call in slices.module_calls(project):
        made, real = root / "terraform" / "modules" / call.source, project.modules / call.source
        if slices.top(call.source) == module:
            assert code(made) == code(real)
        else:
            stand_in = slices.STAND_INS / f"{call.source.replace('/', '-')}.tf"
            assert [path.name for path in made.glob("*.tf*")] == ["main.tf"]
            assert (made / "main.tf").read_text(encoding="utf-8").endswith(stand_in.read_text(encoding="utf-8"))
    kept = code(project.stack)
    kept.pop("outputs.tf")
    made = code(stack)
    assert 'backend "local" {}' in made.pop("offline_override.tf")
    assert made == kept
    for path in project.contract.glob("*.json"):
        assert (root / "contract" / path.name).read_bytes() == path.read_bytes()


def code(folder: Path) -> dict[str, str]:
    """What Terraform reads in a folder and below it, by its place there; native tests left out."""
    paths = [path for path in sorted(folder.rglob("*.tf")) if not {".terraform", "tests"} & set(path.parts)]
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def test_differences_are_seen() -> None:
    whole = {"a": 1, "b": [{"c": 2}], "d": None, "e": "x"}
    assert list(differences(whole, whole, {}, {}, "r")) == []
    assert list(differences(whole, whole | {"a": 2}, {}, {}, "r")) == ["r.a: 1 in the whole plan, 2 in the slice"]
    assert list(differences(whole, whole | {"b": [{"c": 3}]}, {}, {}, "r")) == [
        "r.b[0].c: 2 in the whole plan, 3 in the slice"
    ]
    assert list(differences(whole, whole | {"d": "known"}, {"d": True}, {}, "r")) == []
    assert list(differences(whole, whole | {"e": None}, {}, {"e": True}, "r")) == [
        "r.e: 'x' is known in the whole plan only"
    ]
    assert list(differences(whole, {"a": 1}, {}, {}, "r"))
