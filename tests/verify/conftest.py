"""The plans of every module, made once for all tests of the criteria, and a copy of the project to break."""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from bbws_access.cli.project import Project
from bbws_access.verify import engine, jobs, slices
from bbws_access.verify.dependencies import Graph, read_graph
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


@dataclass
class Found:
    resources: list[jobs.Planned]
    taggable: set[str]


def plan_all(project: Project, root: Path, wanted: dict[str, Wanted]) -> dict[str, Found]:
    """Many plans in one run of Terraform: slices with the same inputs are modules of one, with the same providers."""
    runner = Runner(project, 2)
    found: dict[str, Found] = {}

    def take(event: dict[str, Any]) -> None:
        if event.get("type") != "test_plan":
            return
        plan, parts = event["test_plan"], {}
        for item in jobs.read_plan(plan):
            name, _, address = item.address.removeprefix("module.").partition(".")
            parts.setdefault(name, []).append(replace(item, address=address))
        for name, items in parts.items():
            mine = slices.is_made_by(project, wanted[name].module)
            resources = [item for item in items if mine(item.call)]
            found[name] = Found(resources, jobs._taggable(plan, {item.type for item in resources}))
        event["test_plan"] = {}

    def terraform(*arguments: str, **options: Any) -> None:
        outcome = runner.terraform(root, root, Deadline(600), *arguments, "-json", **options)
        assert outcome.diagnostics == []
        assert outcome.status == 0, outcome.text

    groups: dict[str, list[str]] = {}
    for name, item in wanted.items():
        # A change of the stack may be one of the providers' configuration.
        changes = [change for change in item.changes if change[0].startswith("stack/")]
        groups.setdefault(json.dumps([item.inputs, changes]), []).append(name)
    _write(project, root, wanted, list(groups.values()))
    terraform("init", "-backend=false", "-input=false")
    # One long run with much in memory: collecting garbage would take a quarter of its time.
    memory = min(6, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**30 // 4)
    environment = runner.environment | {"GOGC": "off", "GOMEMLIMIT": f"{max(memory, 1)}GiB"}
    terraform("test", "-verbose", on_event=take, environment=environment)
    for name, item in wanted.items():
        if item.module == slices.STACK:
            # It may make nothing itself.
            found.setdefault(name, Found([], set()))
    assert found.keys() == wanted.keys()
    return found


def _write(project: Project, root: Path, wanted: dict[str, Wanted], groups: list[list[str]]) -> None:
    """A configuration with a run for each group, which plans the slices of the group as modules."""
    sources: dict[tuple[str, Changes], str] = {}
    runs = []
    for number, names in enumerate(groups):
        folder = root / f"group-{number}"
        folder.mkdir(parents=True)
        called = {}
        for name in names:
            item = wanted[name]
            if (item.module, item.changes) not in sources:
                with replaced(project, item.changes):
                    stack = slices.make_slice(project, item.module, root / f"slice-{len(sources)}", {})
                _take_providers(stack)
                sources[item.module, item.changes] = f"../{stack.relative_to(root).as_posix()}"
            providers = {"aws": "aws", "aws.failover": "aws.failover"}
            called[name] = {"source": sources[item.module, item.changes], "providers": providers} | item.inputs
        shutil.copy(stack / "providers.txt", folder / "providers.tf")
        variables = {name: {"default": item.inputs[name]} for name in PROVIDERS_NEED}
        (folder / "main.tf.json").write_text(json.dumps({"variable": variables, "module": called}), encoding="utf-8")
        runs.append({f"group-{number}": {"command": "plan", "module": {"source": f"./{folder.name}"}}})
    (root / "tests").mkdir()
    (root / "tests" / "plans.tftest.json").write_text(json.dumps({"run": runs}), encoding="utf-8")
    (root / "main.tf").write_text(slices._VERSIONS, encoding="utf-8")


PROVIDERS_NEED = ("region", "failover_region", "account_id", "env_name")
PROVIDER = re.compile(r'^provider "aws" \{\n.*?^\}\n', re.MULTILINE | re.DOTALL)
TAGS = re.compile(r"^  tags = \{\n.*?^  \}\n", re.MULTILINE | re.DOTALL)


def _take_providers(stack: Path) -> None:
    """Make a slice's stack a module that gets its providers, and keep their configuration beside it."""
    versions, tags = ((stack / name).read_text(encoding="utf-8") for name in ("versions.tf", "names.tf"))
    offline = "\n".join(slices._OFFLINE.splitlines()[1:])
    taken = "\n".join(PROVIDER.findall(versions)).replace("[var.account_id]", f"null\n{offline}")
    (stack / "providers.txt").write_text(f"locals {{\n{TAGS.findall(tags)[0]}}}\n\n{taken}", encoding="utf-8")
    aliases = 'source  = "hashicorp/aws"\n      configuration_aliases = [aws.failover]'
    versions = PROVIDER.sub("", versions).replace('source  = "hashicorp/aws"', aliases)
    (stack / "versions.tf").write_text(versions, encoding="utf-8")
    (stack / "offline_override.tf").unlink()


@dataclass
class Planned:
    """The facts of plans alone."""

    values: dict[str, dict[str, Any]]
    facts: list[jobs.Facts]
    dependencies: Graph

    def evidence(self, project: Project) -> Evidence:
        values, facts = deepcopy(self.values), deepcopy(self.facts)
        return Evidence(project, values, facts, " ".join(jobs.WORKERS), self.dependencies)


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
    found = plan_all(project, root / "plans", wanted)
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
