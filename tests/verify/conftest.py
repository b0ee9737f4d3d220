"""The plans of every module, made once for all tests of the criteria, and a copy of the project to break."""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from bbws_access.cli.project import Project
from bbws_access.verify import engine, jobs, slices
from bbws_access.verify.dependencies import Graph, read_graph
from bbws_access.verify.hcl import Block, read_blocks
from bbws_access.verify.inputs import FOLDER as INPUTS
from bbws_access.verify.provider import Providers
from bbws_access.verify.report import COMPLETE, Step
from bbws_access.verify.rules import Evidence
from bbws_access.verify.runner import Deadline, Runner
from tests.support.terraform import ROOT

ENVIRONMENTS = ("dev", "sit", "prod")
WITH_EVERYTHING = "everything"
"""DEV with all optional inputs."""
OPTIONAL = {
    "bucket_suffix": "-4711",
    "alert_emails": {"critical": ["duty@ops.example"], "warning": ["team@ops.example"]},
    "permissions_boundary_arn": f"arn:aws:iam::{slices.ACCOUNT_ID}:policy/boundary",
    "invitation_sender": {"identity": "mail.example", "from_address": "invitations@mail.example"},
    "invitation_link": "https://portal.example/invitation",
    "ses_sandbox": True,
    "web_acl": {
        "rate_limit": 1000,
        "log_destination_arn": f"arn:aws:logs:eu-west-1:{slices.ACCOUNT_ID}:log-group:aws-waf-logs-access",
    },
    "custom_domain": {
        "domain_name": "access.portal.example",
        "certificate_arn": f"arn:aws:acm:eu-west-1:{slices.ACCOUNT_ID}:certificate/0a1b2c3d",
        "hosted_zone_id": "Z0123456789ABCDEFGHIJ",
    },
    "manage_api_gateway_account": True,
    "additional_apis": {"abcde12345": "sites"},
    "authorizer_provisioned_concurrency": 1,
    "backup_plan_enabled": True,
}


def copy_project(folder: Path) -> Project:
    """What Terraform and the engine read, to break at will."""
    ignore = shutil.ignore_patterns(".terraform", "*.tfstate*", "*.tfplan")
    for name in ("terraform", "contract"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignore)
    return Project(folder)


@contextmanager
def replaced(project: Project, changes: Iterable[tuple[str, str, str]]) -> Iterator[None]:
    """A project in which a text that stands once in a file below terraform/ is another, for a while."""
    before: dict[Path, str] = {}
    try:
        for file, old, new in changes:
            path = project.root / "terraform" / file
            text = path.read_text(encoding="utf-8")
            before.setdefault(path, text)
            assert text.count(old) == 1, f"{file} holds {old!r} {text.count(old)} times"
            path.write_text(text.replace(old, new), encoding="utf-8")
        yield
    finally:
        for path, text in before.items():
            path.write_text(text, encoding="utf-8")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return copy_project(tmp_path / "project")


Changes = tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class Wanted:
    """A plan of one module with the inputs of an environment, and with changes of its code."""

    module: str
    inputs: dict[str, Any]
    changes: Changes = ()

    @property
    def changes_of_stack(self) -> Changes:
        return tuple(change for change in self.changes if change[0].startswith("stack/"))

    @property
    def changes_of_module(self) -> Changes:
        return tuple(change for change in self.changes if change not in self.changes_of_stack)


@dataclass
class Found:
    resources: list[jobs.Planned]
    taggable: set[str]


def plan_all(project: Project, providers: Providers, root: Path, wanted: dict[str, Wanted]) -> dict[str, Found]:
    """Many plans in one run of Terraform, which plans the stack once for all that share its inputs and its code."""
    runner = Runner(project, 2)
    found = {name: Found([], set()) for name in wanted}
    names = list(wanted)

    def take(event: dict[str, Any]) -> None:
        if event.get("type") != "test_plan":
            return
        plan = event["test_plan"]
        parts: dict[str, list[jobs.Planned]] = {name: [] for name in groups[event["@testrun"]]}
        for item in jobs.read_plan(plan):
            copied = COPY.match(item.address)
            if copied:
                parts[names[int(copied[1])]].append(replace(item, address=COPY.sub("module.", item.address)))
                continue
            for name in parts:
                if wanted[name].module == slices.STACK:
                    parts[name].append(item)
        for name, items in parts.items():
            mine = slices.is_made_by(project, wanted[name].module)
            resources = [item for item in items if mine(item.call)]
            found[name] = Found(resources, jobs._taggable(plan, {item.type for item in resources}))
        event["test_plan"] = {}
        planned.append(event["@testrun"])

    def terraform(*arguments: str, **options: Any) -> None:
        outcome = runner.terraform(root, root, Deadline(600), *arguments, "-json", **options)
        assert outcome.diagnostics == []
        assert outcome.status == 0, outcome.text

    same: dict[str, list[str]] = {}
    for name, item in wanted.items():
        same.setdefault(json.dumps([item.inputs, item.changes_of_stack]), []).append(name)
    groups = {f"group-{number}": together for number, together in enumerate(same.values())}
    planned: list[str] = []
    _write(project, root, wanted, groups)
    terraform("init", "-backend=false", "-input=false")
    # One long run: it would take ever new memory, and the system as long to clear that as garbage to be collected.
    environment = runner.environment | providers.settings(root) | {"GOGC": "400"}
    terraform("test", "-verbose", on_event=take, environment=environment)
    assert planned == list(groups)
    for name, item in wanted.items():
        # The stack may make nothing itself.
        assert found[name].resources or item.module == slices.STACK, name
    return found


COPY = re.compile(r"module\.wanted-(\d+)-")
"""How the address begins of what a copy of a call makes."""


def _write(project: Project, root: Path, wanted: dict[str, Wanted], groups: dict[str, list[str]]) -> None:
    """A configuration with a run for each group, which plans the stack of stand-ins, and beside it the real modules.

    A real module is called as the stack calls it, with what the stand-ins put out: as in a slice of its own, of which
    the stack and the inputs would take the most time. Nobody takes what it puts out but calls of the same module.
    """
    numbers = {name: number for number, name in enumerate(wanted)}
    modules: dict[tuple[str, Changes], Path] = {}
    for group, names in groups.items():
        stack_changes = wanted[names[0]].changes_of_stack
        for name in names:
            item = wanted[name]
            key = item.module, item.changes_of_module
            if item.module != slices.STACK and key not in modules:
                modules[key] = root / f"modules-{len(modules)}"
                with replaced(project, key[1]):
                    shutil.copytree(project.modules / item.module, modules[key] / item.module)
        with replaced(project, stack_changes):
            stack = slices.make_slice(project, slices.STACK, root / group, {})
            calls = [
                block
                for path in sorted(project.stack.glob("*.tf"))
                for block in read_blocks(path)
                if block.kind == "module" and block.labels != (INPUTS,)
            ]
            sources = {call.name: call.source for call in slices.module_calls(project)}
        copies = []
        for name in names:
            item = wanted[name]
            own = {call for call, source in sources.items() if slices.top(source) == item.module}
            prefix = f"wanted-{numbers[name]}-"
            for block in calls:
                if block.labels[0] in own:
                    folder = modules[item.module, item.changes_of_module]
                    source = os.path.relpath(folder / sources[block.labels[0]], stack)
                    copies.append(_copied(block, prefix, own, source))
        (stack / "wanted.tf").write_text("\n".join(copies), encoding="utf-8")
    runs = [
        {
            group: {
                "command": "plan",
                "module": {"source": f"./{group}/terraform/stack"},
                "variables": wanted[names[0]].inputs,
            }
        }
        for group, names in groups.items()
    ]
    (root / "tests").mkdir()
    (root / "tests" / "plans.tftest.json").write_text(json.dumps({"run": runs}), encoding="utf-8")
    (root / "main.tf").write_text(slices._VERSIONS, encoding="utf-8")


def _copied(call: Block, prefix: str, own: set[str], source: str) -> str:
    """A call of a module under another name; other calls of the same module are meant as copies, too."""
    text = re.sub(r"\bmodule\.([\w-]+)", lambda at: f"module.{prefix * (at[1] in own)}{at[1]}", call.text)
    text, moved = re.subn(r'^(\s*source\s*=\s*)"[^"]*"', rf'\g<1>"{source}"', text, flags=re.MULTILINE)
    assert moved == 1, text
    return f'module "{prefix}{call.labels[0]}" {{{text}}}\n'


@dataclass
class Planned:
    """The facts of plans alone."""

    values: dict[str, dict[str, Any]]
    facts: list[jobs.Facts]
    dependencies: Graph

    def evidence(self, project: Project) -> Evidence:
        """Evidence of its own, whose lists and steps may be changed; the resources in them may not."""
        facts = [
            replace(
                one,
                steps=[replace(step) for step in one.steps],
                planned={name: list(items) for name, items in one.planned.items()},
            )
            for one in self.facts
        ]
        return Evidence(project, dict(self.values), facts, " ".join(jobs.WORKERS), self.dependencies)


@pytest.fixture(scope="session")
def planned(tmp_path_factory: pytest.TempPathFactory, providers: Providers) -> Planned:
    """Every module, planned for all environments and for a stranger; the other steps are taken for done."""
    root = tmp_path_factory.mktemp("plans")
    project = copy_project(root / "project")
    values, _ = engine._values(project, list(ENVIRONMENTS))
    values[WITH_EVERYTHING] = values["dev"] | OPTIONAL
    modules = {name: module for name, (module, _) in jobs.WORKERS.items()} | jobs.SUPPORTING
    wanted = {
        f"{module}-{name}": Wanted(module, inputs) for module in modules.values() for name, inputs in values.items()
    }
    found = plan_all(project, providers, root / "plans", wanted)
    facts = []
    for worker, module in modules.items():
        plans = {name: found[f"{module}-{name}"] for name in values}
        steps = [Step(jobs.PLAN, name, COMPLETE) for name in values if name != slices.ANOTHER]
        steps += [Step(name, None, COMPLETE) for name in (jobs.FORMAT, jobs.VALIDATE, jobs.TESTS)]
        taggable = sorted(set().union(*(plan.taggable for plan in plans.values())))
        facts.append(
            jobs.Facts(worker, module, steps, {name: plan.resources for name, plan in plans.items()}, taggable)
        )
    dependencies = read_graph(project, Runner(project, 2), root / "dependencies", Deadline(600), providers)
    return Planned(values, facts, dependencies)


@pytest.fixture(scope="session")
def providers() -> Iterator[Providers]:
    """At work for all runs of Terraform that the tests start themselves."""
    with Providers(Runner(Project(ROOT), 1).environment) as providers:
        yield providers


@pytest.fixture
def job(project: Project, providers: Providers) -> Callable[..., jobs.Job]:
    """A worker on the copy, for DEV alone."""

    def make(module: str, time_limit: float = 300, runner: Runner | None = None) -> jobs.Job:
        values, _ = engine._values(project, ["dev"])
        runner = runner or Runner(project, 2)
        return jobs.Job(f"worker of {module}", module, project, runner, values, time_limit, providers)

    return make
