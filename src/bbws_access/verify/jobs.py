"""What a worker does: proves one module for every environment, and keeps the facts that the criteria are judged on."""

import json
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bbws_access.cli.project import Project
from bbws_access.verify import slices
from bbws_access.verify.hcl import read_blocks
from bbws_access.verify.provider import Providers
from bbws_access.verify.report import COMPLETE, FAILED, RUNNING, SKIPPED, WITH_FAULTS, Output, Step, from_json
from bbws_access.verify.runner import CheckError, Deadline, Diagnostic, Outcome, Runner

WORKERS = {
    "worker-1-dynamodb-tables-module": ("dynamodb", "Create DynamoDB table modules"),
    "worker-2-lambda-iam-roles-module": ("iam", "Create IAM roles and policies"),
    "worker-3-api-gateway-module": ("api-gateway", "Create API Gateway configuration"),
    "worker-4-cognito-integration-module": ("cognito", "Configure Cognito authorizer"),
    "worker-5-s3-audit-storage-module": ("s3-audit", "Create S3 buckets for audit"),
    "worker-6-cloudwatch-monitoring-module": ("cloudwatch", "Configure CloudWatch resources"),
}
SUPPORTING = {
    "supporting-events": "events",
    "supporting-kms": "kms",
    "supporting-lambda": "lambda",
    "supporting-mail": "mail",
    "supporting-stack": slices.STACK,
}
"""Modules that the six rest on, and the stack that wires them together: proven in the same way, beside the stage's own
workers."""

FORMAT, VALIDATE, PLAN, TESTS = "format", "validate", "plan", "native tests"
PLAN_ELSEWHERE = "plan as a stranger's"
SCAN, POLICIES = "Checkov", "policy analysis"


@dataclass
class Planned:
    """A planned resource. `unknown` has true where a value is known only after it is applied."""

    address: str
    type: str
    values: dict[str, Any]
    unknown: dict[str, Any] = field(default_factory=dict)
    managed: bool = True

    @property
    def call(self) -> str:
        """The stack's module block that it belongs to."""
        found = re.match(r"module\.([\w-]+)", self.address)
        return found[1] if found else ""

    @property
    def module(self) -> str:
        """The module's part of the address, with instance keys."""
        found = re.match(r'((?:module\.[\w-]+(?:\["[^"]*"\]|\[\d+\])?\.?)+)(?=\.|aws_|data\.)', self.address)
        return found[1].rstrip(".") if found else ""

    @property
    def label(self) -> str:
        """The resource's name in the configuration."""
        found = re.search(r"\.([\w-]+)(?:\[[^\]]*\])?$", self.address)
        return found[1] if found else ""


@dataclass
class Facts:
    """Everything that a worker found out."""

    name: str
    module: str
    steps: list[Step] = field(default_factory=list)
    planned: dict[str, list[Planned]] = field(default_factory=dict)
    """By environment, and by `slices.ANOTHER`."""
    taggable: list[str] = field(default_factory=list)
    """Types of planned resources that can carry tags."""
    outputs: list[Output] = field(default_factory=list)
    seconds: float = 0.0
    broken: str = ""
    """Why it could not do all of its checks, in one sentence."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Any) -> "Facts":
        """Raises ValueError for anything else than what `to_json` gives."""
        return from_json(cls, data)

    @property
    def makes_anything(self) -> bool:
        return any(item.managed for items in self.planned.values() for item in items)

    @property
    def faults(self) -> list[Step]:
        return [step for step in self.steps if step.status == FAILED]


class Job:
    """One worker at work."""

    def __init__(
        self,
        name: str,
        module: str,
        project: Project,
        runner: Runner,
        values: dict[str, dict[str, Any]],
        time_limit: float,
        providers: Providers | None = None,
    ) -> None:
        self.facts = Facts(name, module)
        self.project = project
        self.runner = runner
        self.values = values
        self.time_limit = time_limit
        self.providers = providers
        self.status = "PENDING"
        self.doing = ""
        self.started = 0.0
        self.cached = False

    @property
    def verdict(self) -> str:
        """Its status for people, as a finished worker's is."""
        return WITH_FAULTS if self.status == COMPLETE and self.facts.faults else self.status

    def run(
        self,
        root: Path,
        scan: Callable[[str, Deadline], tuple[bool, str]],
        analyse: Callable[[list[Planned], Deadline, Path], tuple[bool, str]],
    ) -> None:
        """Do every check below `root`, a folder of this worker's own. Never raises."""
        self.status, self.started = RUNNING, time.monotonic()
        deadline = Deadline(self.time_limit)
        try:
            self._checks(root, deadline, scan, analyse)
        except Exception as error:
            self.facts.broken = str(error) if isinstance(error, CheckError) else _sentence(error)
        for step in self.facts.steps:
            if step.status == RUNNING:
                step.status, step.detail = FAILED, self.facts.broken
        done = {(step.name, step.environment) for step in self.facts.steps}
        for name, environment in self._expected():
            if (name, environment) not in done:
                self.facts.steps.append(Step(name, environment, SKIPPED, detail="a check before it failed"))
        self.facts.seconds = time.monotonic() - self.started
        self.status = FAILED if self.facts.broken else COMPLETE

    def plan(self, root: Path) -> None:
        """Plan for every environment below `root`, and check nothing else. Raises CheckError."""
        stack = slices.make_slice(self.project, self.facts.module, root, self.values)
        self._plan(stack, root, Deadline(self.time_limit))

    def _expected(self) -> list[tuple[str, str | None]]:
        plans = [(PLAN_ELSEWHERE, None) if name == slices.ANOTHER else (PLAN, name) for name in self.values]
        return [(FORMAT, None), (VALIDATE, None), *plans, (TESTS, None), (SCAN, None), (POLICIES, None)]

    def _step(self, name: str, environment: str | None = None) -> Step:
        step = Step(name, environment, RUNNING)
        self.facts.steps.append(step)
        self.doing = name
        return step

    def _checks(self, root: Path, deadline: Deadline, scan: Callable, analyse: Callable) -> None:
        module = self.facts.module
        folder = slices.folder_of(self.project, module)
        if not any(folder.glob("*.tf")):
            raise CheckError(f"{folder.relative_to(self.project.root)} is gone, or holds no Terraform files")
        self.doing = "copying"
        stack = slices.make_slice(self.project, module, root, self.values)
        # The stack is valid or not together with what it calls; a slice has stand-ins there, and no outputs.
        whole = root / "whole" if module == slices.STACK else root
        if whole != root:
            slices.make_slice(self.project, None, whole, {})
        folders = [whole / path.relative_to(self.project.root) for path in slices.folders_of(self.project, module)]
        self.facts.outputs = list(_outputs(folder))

        with _timed(self._step(FORMAT)) as step:
            self._format(folders[0], whole, deadline, step)
        with _timed(self._step(VALIDATE)) as step:
            for path in folders:
                self._init(path, whole, deadline)
                self._validate(path, whole, deadline)
            step.detail = f"{len(folders)} configuration{'s' * (len(folders) > 1)}"
            step.status = COMPLETE
        self._plan(stack, root, deadline)
        with _timed(self._step(TESTS)) as step:
            self._tests(folders, whole, deadline, step)
        with _timed(self._step(POLICIES)) as step:
            resources = [item for name, items in self.facts.planned.items() if name != slices.ANOTHER for item in items]
            passed, step.detail = analyse(resources, deadline, root)
            step.status = COMPLETE if passed else FAILED
        with _timed(self._step(SCAN)) as step:
            passed, step.detail = scan(module, deadline)
            step.status = COMPLETE if passed else FAILED

    def _format(self, folder: Path, root: Path, deadline: Deadline, step: Step) -> None:
        outcome = self.runner.terraform(folder, root, deadline, "fmt", "-check", "-recursive", "-no-color", ".")
        if outcome.status not in (0, 3):
            raise CheckError(_plain(outcome.text, folder, root))
        files = [(folder / name).relative_to(root).as_posix() for name in outcome.text.split()]
        step.detail = f"not formatted: {', '.join(files)}" if files else ""
        step.status = FAILED if files else COMPLETE

    def _init(self, folder: Path, root: Path, deadline: Deadline) -> None:
        outcome = self.runner.terraform(folder, root, deadline, "init", "-backend=false", "-input=false", "-json")
        if outcome.status:
            raise CheckError(_first(outcome, "init"))

    def _environment(self, folder: Path) -> dict[str, str]:
        return self.runner.environment | (self.providers.settings(folder) if self.providers else {})

    def _validate(self, folder: Path, root: Path, deadline: Deadline) -> None:
        outcome = self.runner.terraform(
            folder, root, deadline, "validate", "-json", environment=self._environment(folder)
        )
        try:
            answer = json.loads(outcome.text)
        except ValueError as error:
            raise CheckError(f"terraform validate failed: {_plain(outcome.text, folder, root)}") from error
        if not answer.get("valid"):
            raise CheckError(_diagnostics(answer, folder, root))

    def _plan(self, stack: Path, root: Path, deadline: Deadline) -> None:
        """Plan for every environment, and for a stranger, in one process that reads the provider's schema once."""
        mine = slices.is_made_by(self.project, self.facts.module)
        self.doing = PLAN
        steps: dict[str, Step] = {}
        began = time.monotonic()
        taggable: set[str] = set()

        def take(event: dict[str, Any]) -> None:
            nonlocal began
            name = event.get("@testrun", "")
            if event.get("type") == "test_run" and event["test_run"].get("progress") == "starting" and name:
                self.doing = f"plan for {name}"
            if event.get("type") == "test_plan":
                self.facts.planned[name] = [item for item in read_plan(event["test_plan"]) if mine(item.call)]
                taggable.update(_taggable(event["test_plan"], {item.type for item in self.facts.planned[name]}))
                # Thirteen megabytes, of which nothing else is needed.
                event["test_plan"] = {}
            if event.get("type") == "test_run" and event["test_run"].get("progress") == "complete" and name:
                now = time.monotonic()
                status = COMPLETE if event["test_run"].get("status") == "pass" else FAILED
                shown = (PLAN_ELSEWHERE, None) if name == slices.ANOTHER else (PLAN, name)
                steps[name] = Step(*shown, status, now - began)
                began = now

        self._init(stack, root, deadline)
        try:
            outcome = self.runner.terraform(
                stack, root, deadline, "test", "-json", "-verbose", on_event=take, environment=self._environment(stack)
            )
        finally:
            self.facts.taggable = sorted(taggable)
            self.facts.steps += steps.values()
        for name, step in steps.items():
            if step.status == FAILED:
                step.detail = _first(outcome, "plan", name)
            else:
                managed = [item for item in self.facts.planned.get(name, []) if item.managed]
                step.detail = f"{len(managed)} resources"
        missing = [name for name in self.values if name not in steps]
        failed = [step for step in steps.values() if step.status == FAILED]
        if failed:
            raise CheckError(failed[0].detail)
        if missing or outcome.status:
            raise CheckError(_first(outcome, "plan"))

    def _tests(self, folders: list[Path], root: Path, deadline: Deadline, step: Step) -> None:
        passed, faults = 0, []

        def take(event: dict[str, Any]) -> None:
            if event.get("type") == "test_run" and event.get("@testrun"):
                self.doing = f"{TESTS}: {event['@testrun']}"

        for folder in folders:
            if not any((folder / "tests").glob("*.tftest.hcl")):
                continue
            outcome = self.runner.terraform(
                folder, root, deadline, "test", "-json", on_event=take, environment=self._environment(folder)
            )
            summaries = [event["test_summary"] for event in outcome.events if event.get("type") == "test_summary"]
            if not summaries:
                raise CheckError(_first(outcome, "test"))
            passed += summaries[0]["passed"]
            if summaries[0]["failed"] or summaries[0]["errored"] or outcome.status:
                faults += [str(item) for item in outcome.diagnostics] or ["terraform test failed"]
        if not passed and not faults:
            faults = ["there are no native tests"]
        step.detail = "; ".join(faults[:5]) if faults else f"{passed} runs pass"
        step.status = FAILED if faults else COMPLETE


class _timed:  # noqa: N801 - used as a function
    """Counts the seconds of a step."""

    def __init__(self, step: Step) -> None:
        self.step = step

    def __enter__(self) -> Step:
        self.began = time.monotonic()
        return self.step

    def __exit__(self, *error: object) -> None:
        self.step.seconds = time.monotonic() - self.began


def read_plan(plan: dict[str, Any]) -> list[Planned]:
    """What there will be, from a plan in Terraform's JSON."""
    found = []
    for change in plan.get("resource_changes", []):
        if change["change"].get("after") is None:
            continue
        unknown = change["change"].get("after_unknown")
        found.append(
            Planned(
                change["address"],
                change["type"],
                change["change"]["after"],
                unknown if isinstance(unknown, dict) else {},
                change["mode"] == "managed",
            )
        )
    return found


def _taggable(plan: dict[str, Any], types: set[str]) -> set[str]:
    found = set()
    for provider in plan.get("provider_schemas", {}).values():
        schemas = provider.get("resource_schemas", {})
        found |= {kind for kind in types & schemas.keys() if "tags" in schemas[kind]["block"].get("attributes", {})}
    return found


def _outputs(folder: Path) -> list[Output]:
    found = []
    for path in sorted(folder.glob("*.tf")):
        for block in read_blocks(path):
            if block.kind == "output" and block.labels:
                described = block.body.argument("description")
                text = described.plain.removeprefix('"').removesuffix('"') if described else ""
                found.append(Output(block.labels[0], text.replace('\\"', '"')))
    return found


def _first(outcome: Outcome, what: str, run: str | None = None) -> str:
    """The first error as one sentence; that of `run` where there is one."""
    mine = [item for item in outcome.diagnostics if item.run == run] if run else []
    errors: list[Diagnostic] = mine or outcome.diagnostics
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        return f"{errors[0]}{more}"
    return f"terraform {what} failed: {' '.join(outcome.text.split())[:300] or 'it says nothing'}"


def _diagnostics(answer: dict[str, Any], folder: Path, root: Path) -> str:
    from bbws_access.verify.runner import read_diagnostic

    errors = [item for item in answer.get("diagnostics", []) if item.get("severity") == "error"]
    if not errors:
        return "terraform validate says that it is not valid, and not why"
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"{read_diagnostic(errors[0], folder, root)}{more}"


def _plain(text: str, folder: Path, root: Path) -> str:
    """Terraform's error for people as one line, with the file's place in the project first."""
    words = " ".join(re.sub(r"[│╷╵]", " ", text).split())
    found = re.search(r"Error: (.+?) on (\S+) line (\d+)[^:]*: (.*)", words)
    if not found:
        return words[:300] or "it says nothing"
    path = folder / found[2].removeprefix("./")
    place = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
    return f"{place}:{found[3]}: {found[1]}"


def _sentence(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if not hasattr(error, "message") else str(error)
