"""What a criterion is: a rule that looks at things and says which of them break it.

A rule that found nothing to look at has failed.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from bbws_access.cli.project import Project
from bbws_access.verify import slices
from bbws_access.verify.code import locals_of
from bbws_access.verify.dependencies import Graph
from bbws_access.verify.hcl import Block, read_blocks
from bbws_access.verify.jobs import WORKERS, Facts, Planned
from bbws_access.verify.report import Criterion, Finding, Verdict


@dataclass
class Look:
    """What a rule saw: a line for each thing that it looked at, and what is wrong."""

    evidence: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    value: str | None = None
    """What the environment is meant to have in place of what the title says, such as "off": no tick then."""

    def at(self, line: str) -> None:
        self.evidence.append(line)


@dataclass
class Evidence:
    """Everything that rules look at."""

    project: Project
    values: dict[str, dict[str, Any]]
    """Inputs of the stack by environment."""
    facts: list[Facts]
    summary: str | None = None
    """The text of the stage's summary; None while there is none."""
    dependencies: Graph | None = None
    """What each resource of the whole stack needs; None where that is not known."""
    no_dependencies: str = "Nothing has read them"
    """Why not."""

    def planned(self, environment: str, *types: str) -> list[Planned]:
        """Managed resources of an environment, of these types or of all."""
        return [
            item
            for facts in self.facts
            for item in facts.planned.get(environment, [])
            if item.managed and (not types or item.type in types)
        ]

    @cached_property
    def modules_with_findings(self) -> set[str]:
        """Modules that a criterion about what they make finds something wrong with, in any environment."""
        environments = [name for name in self.values if name != slices.ANOTHER]
        rules = [item for item in RULES if not item.about_the_run]
        found = set()
        for criterion in judge(self, environments, rules):
            for finding in (item for verdict in criterion.verdicts.values() for item in verdict.findings):
                call = self.calls.get(Planned(finding.address or "", "", {}).call)
                path = re.match(r"terraform/(?:modules/([a-z0-9-]+)|stack)/", finding.file or "")
                found |= {slices.top(call.source)} if call else {path[1] or slices.STACK} if path else set()
        return found

    def prefix(self, environment: str) -> str:
        values = self.values[environment]
        return f"{values['project_name']}-{values['env_name']}"

    @cached_property
    def calls(self) -> dict[str, slices.Call]:
        return {call.name: call for call in slices.module_calls(self.project)}

    @cached_property
    def _blocks(self) -> dict[str, list[tuple[Path, Block]]]:
        return {}

    @cached_property
    def _locals(self) -> dict[str, dict[str, str]]:
        return {}

    def blocks(self, call: str) -> list[tuple[Path, Block]]:
        """The blocks of the code that a call of the stack runs; of no module's call, those of the stack itself."""
        known = self.calls.get(call)
        source = known.source if known else ""
        if source not in self._blocks:
            stack = [path for path in self.project.stack.rglob("*.tf") if ".terraform" not in path.parts]
            paths = sorted((self.project.modules / source).glob("*.tf") if known else stack)
            self._blocks[source] = [(path, block) for path in paths for block in read_blocks(path)]
        return self._blocks[source]

    def locals_of(self, call: str) -> dict[str, str]:
        """The expressions of the local values of that code."""
        if call not in self._locals:
            self._locals[call] = locals_of(block for _, block in self.blocks(call))
        return self._locals[call]

    def at(self, message: str, address: str) -> Finding:
        """A finding at a resource without values, by its address."""
        return self.finding(message, Planned(address, address.split(".")[-2], {}))

    def finding(self, message: str, item: Planned, attribute: str | None = None, value: object = None) -> Finding:
        """A finding at a resource, with the line of its attribute where that is in the code."""
        file = line = None
        for path, block in self.blocks(item.call):
            if block.kind == "resource" and block.labels == (item.type, item.label):
                file, line = path.relative_to(self.project.root).as_posix(), block.line
                if attribute:
                    line = _line_of(block, attribute)
        return Finding(message, item.address, file, line, None if value is None else str(value))


def _line_of(block: Block, attribute: str) -> int:
    for number, row in enumerate(block.text.splitlines()):
        if re.match(rf"\s*{attribute}\b\s*(=|\{{|\")", row) or re.match(rf'\s*dynamic\s+"{attribute}"', row):
            return block.line + number
    return block.line


@dataclass(frozen=True)
class Rule:
    """A criterion before it is judged."""

    id: str
    title: str
    rule: str
    looked_at: str
    from_document: bool
    look: Callable[[Evidence, str, Look], None]
    worker: str | None = None
    needs: tuple[str, ...] = ()
    """Modules without which it would judge half of what it is about."""
    about_the_run: bool = False
    """Whether it is about workers and files, not about what modules make."""
    about_dependencies: bool = False
    """Whether it needs to know what depends on what."""
    about_resources: bool = False
    """Whether it is about any resource there is: the stack alone makes none, and then there is nothing to judge."""


RULES: list[Rule] = []
"""Filled by the modules that `catalogue` imports, in the report's order."""


def rule(
    id: str,
    title: str,
    text: str,
    looked_at: str,
    *,
    from_document: bool = False,
    module: str | None = None,
    needs: tuple[str, ...] = (),
    about_the_run: bool = False,
    about_dependencies: bool = False,
    about_resources: bool = False,
) -> Callable:
    """Makes a function that looks a criterion; it is named by `id`."""
    worker = next((name for name, (folder, _) in WORKERS.items() if folder == module), None)

    def add(look: Callable[[Evidence, str, Look], None]) -> Callable:
        needed = needs or ((module,) if module else ())
        told = about_the_run, about_dependencies, about_resources
        RULES.append(Rule(id, title, text, looked_at, from_document, look, worker, needed, *told))
        return look

    return add


def judge(evidence: Evidence, environments: Iterable[str], rules: Iterable[Rule]) -> list[Criterion]:
    """Every rule in every environment. One that cannot be judged has failed."""
    judged = []
    for item in rules:
        criterion = Criterion(item.id, item.title, item.rule, item.looked_at, item.from_document, worker=item.worker)
        for environment in environments:
            look = Look()
            try:
                item.look(evidence, environment, look)
            except Exception as error:
                look.findings.append(Finding(f"It could not be judged: {type(error).__name__}: {error}"))
            else:
                if not look.evidence:
                    look.findings.append(Finding(f"There was nothing to look at: {item.looked_at}."))
            criterion.verdicts[environment] = Verdict(
                not look.findings, len(look.evidence), look.findings, look.evidence, look.value
            )
        judged.append(criterion)
    return judged
