"""The plans of every module, made once for all tests of the criteria, and a copy of the project to break."""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bbws_access.cli.project import Project
from bbws_access.verify import engine, jobs, slices
from bbws_access.verify.criteria import Evidence
from bbws_access.verify.report import COMPLETE, Step
from bbws_access.verify.runner import Deadline, Runner
from tests.support.terraform import ROOT

ENVIRONMENTS = ("dev", "prod")


def copy_project(folder: Path) -> Project:
    """What Terraform and the engine read, to break at will."""
    ignore = shutil.ignore_patterns(".terraform", "*.tfstate*", "*.tfplan")
    for name in ("terraform", "contract"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignore)
    return Project(folder)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return copy_project(tmp_path / "project")


@dataclass
class Planned:
    """The facts of plans alone."""

    values: dict[str, dict[str, Any]]
    facts: list[jobs.Facts]

    def evidence(self, project: Project) -> Evidence:
        return Evidence(project, deepcopy(self.values), deepcopy(self.facts), " ".join(jobs.WORKERS))


@pytest.fixture(scope="session")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Planned:
    """Every module, planned for two environments and for a stranger; the other steps are taken for done."""
    root = tmp_path_factory.mktemp("plans")
    project = copy_project(root / "project")
    values, _ = engine._values(project, list(ENVIRONMENTS))
    runner = Runner(project, 2)
    modules = {name: module for name, (module, _) in jobs.WORKERS.items()} | jobs.SUPPORTING

    def plan(name: str, module: str) -> jobs.Facts:
        job = jobs.Job(name, module, project, runner, values, 600)
        stack = slices.make_slice(project, module, root / module, values)
        job._plan(stack, root / module, Deadline(600))
        job.facts.steps += [Step(step, None, COMPLETE) for step in (jobs.FORMAT, jobs.VALIDATE, jobs.TESTS)]
        return job.facts

    with ThreadPoolExecutor(2) as pool:
        facts = list(pool.map(plan, modules, modules.values()))
    return Planned(values, facts)


@pytest.fixture
def job(project: Project) -> Callable[..., jobs.Job]:
    """A worker on the copy, for DEV alone."""

    def make(module: str, time_limit: float = 300, runner: Runner | None = None) -> jobs.Job:
        values, _ = engine._values(project, ["dev"])
        return jobs.Job(f"worker of {module}", module, project, runner or Runner(project, 2), values, time_limit)

    return make
