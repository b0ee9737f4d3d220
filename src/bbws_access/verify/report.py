"""What a verification found, as data: for the terminal, JSON, JUnit, the summary and the web page.

`to_json` gives plain dicts and lists; `from_json` reads them back and refuses what it does not know.
"""

import types
import typing
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from typing import Any

PENDING = "PENDING"
RUNNING = "RUNNING"
COMPLETE = "COMPLETE"
FAILED = "FAILED"
SKIPPED = "SKIPPED"
"""Of a step, never of a worker: what it needed failed before."""
WITH_FAULTS = "COMPLETE, with faults"
"""What a worker's COMPLETE is shown as when it did all of its checks and one found a fault. Never green."""


@dataclass
class Finding:
    """One thing that breaks a rule. `file` is relative to the project."""

    message: str
    address: str | None = None
    file: str | None = None
    line: int | None = None
    value: str | None = None

    @property
    def place(self) -> str:
        """`file:line`, `file`, or an empty text."""
        return f"{self.file}:{self.line}" if self.file and self.line else self.file or ""


@dataclass
class Verdict:
    """Whether a rule holds in one environment. Nothing looked at is a failure."""

    passed: bool
    looked_at_count: int
    findings: list[Finding] = field(default_factory=list)
    evidence: list[str] = field(default_factory=list)
    """What was looked at, as one line each: an address and the value found there."""
    value: str | None = None
    """What the environment has in place of what the title says, such as "off"; None where it has it."""


@dataclass
class Criterion:
    """A rule, and its verdict in each environment."""

    id: str
    title: str
    rule: str
    looked_at: str
    from_document: bool
    """Whether the stage's plan names it; the others go beyond it."""
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    worker: str | None = None
    """The worker whose module alone it concerns; None where it concerns several."""

    @property
    def passed(self) -> bool:
        return bool(self.verdicts) and all(verdict.passed for verdict in self.verdicts.values())


@dataclass
class Step:
    """One check of a worker; `environment` is None for those that are the same in all of them."""

    name: str
    environment: str | None
    status: str
    seconds: float = 0.0
    detail: str = ""
    cached: bool = False


@dataclass
class Resource:
    """A planned resource. `name` is its name in AWS where it has one that is known, else None."""

    address: str
    type: str
    name: str | None = None


@dataclass
class Output:
    name: str
    description: str


@dataclass
class Worker:
    """One of the stage's workers: `name` as the plan has it, `module` the folder below terraform/modules."""

    name: str
    module: str
    status: str = PENDING
    seconds: float = 0.0
    message: str = ""
    """Why it failed, in one sentence with file and line where they are known; else a short result."""
    task: str = ""
    steps: list[Step] = field(default_factory=list)
    resources: dict[str, list[Resource]] = field(default_factory=dict)
    """By environment."""
    outputs: list[Output] = field(default_factory=list)
    cached: bool = False

    @property
    def passed(self) -> bool:
        """Whether it did all of its checks, and none found a fault."""
        return self.status == COMPLETE and all(step.status == COMPLETE for step in self.steps)

    @property
    def verdict(self) -> str:
        """Its status for people: COMPLETE only where it passed."""
        return WITH_FAULTS if self.status == COMPLETE and not self.passed else self.status


@dataclass
class Estimate:
    """How large an environment gets, and how near to AWS's limits."""

    resources: int
    policy_characters: dict[str, int] = field(default_factory=dict)
    """Characters of all inline policies together without whitespace, by role; AWS takes 10,240."""
    api_document_bytes: int = 0


@dataclass
class Route:
    """A route of the API: `service` answers it, `access` says in words who may call it."""

    method: str
    path: str
    service: str
    access: str


@dataclass
class Node:
    """A module or a resource of the stack. `module` is the node it lies in; None for a module itself."""

    id: str
    label: str
    kind: str
    """module or resource."""
    type: str | None = None
    module: str | None = None


@dataclass
class Edge:
    """`source` needs `target`."""

    source: str
    target: str


@dataclass
class Graph:
    nodes: list[Node] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)


@dataclass
class Report:
    """One verification. `started` and `finished` are RFC 3339 times, UTC."""

    started: str
    finished: str = ""
    project: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    """What was run: terraform, provider, checkov, parliament, python, commit."""
    environments: list[str] = field(default_factory=list)
    environment_values: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By environment: region, env_name, pitr_enabled, cross_region_replication, failover_region and what else its plan
    was made with."""
    workers: list[Worker] = field(default_factory=list)
    supporting: list[Worker] = field(default_factory=list)
    """Modules that the workers' modules rest on, proven in the same way."""
    criteria: list[Criterion] = field(default_factory=list)
    not_judged: list[str] = field(default_factory=list)
    """Criteria left out because not all that they are about was asked for."""
    estimates: dict[str, Estimate] = field(default_factory=dict)
    routes: list[Route] = field(default_factory=list)
    graph: Graph = field(default_factory=Graph)
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        return (
            bool(self.workers or self.supporting)
            and all(worker.passed for worker in (*self.workers, *self.supporting))
            and bool(self.criteria)
            and all(criterion.passed for criterion in self.criteria)
        )

    def to_json(self) -> dict[str, Any]:
        """Plain data, with `passed` beside the facts for those who read nothing else."""
        return {"passed": self.passed} | asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Report":
        """The report that `to_json` gave. Raises ValueError where the data is not one."""
        return from_json(cls, {name: value for name, value in data.items() if name != "passed"})


def from_json(kind: Any, data: Any) -> Any:
    """`data` as `kind`, one of the classes of this file or what their fields are made of.

    Raises ValueError where the data is something else.
    """
    if is_dataclass(kind):
        if not isinstance(data, dict):
            raise ValueError(f"a {kind.__name__} must be an object, not {data!r}")
        hints = typing.get_type_hints(kind)
        unknown = sorted(set(data) - {item.name for item in fields(kind)})
        if unknown:
            raise ValueError(f"a {kind.__name__} has no {', '.join(unknown)}")
        try:
            return kind(**{name: from_json(hints[name], value) for name, value in data.items()})
        except TypeError as error:
            raise ValueError(f"a {kind.__name__} is incomplete: {error}") from error
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is types.UnionType:
        return None if data is None else from_json(inner[0], data)
    if origin is list and isinstance(data, list):
        return [from_json(inner[0], value) for value in data]
    if origin is dict and isinstance(data, dict):
        return {key: from_json(inner[1], value) for key, value in data.items()}
    if kind is Any:
        return data
    if kind is float and isinstance(data, int | float):
        return float(data)
    if isinstance(kind, type) and isinstance(data, kind):
        return data
    raise ValueError(f"{data!r} is not a {kind}")
