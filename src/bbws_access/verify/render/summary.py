"""The stage summary, in the form of the stage's plan."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from bbws_access.cli.project import Project
from bbws_access.verify import slices
from bbws_access.verify.report import COMPLETE, Criterion, Report, Worker

STAGE = "stage-2-infrastructure-terraform"
PLAN = "project-plan-2-access-management"
POLICY_LIMIT = 10_240
DOCUMENTED_VALUES = ("region", "env_name", "pitr_enabled", "cross_region_replication", "failover_region")
MOST_FINDINGS = 20


def summary(report: Report, root: Path) -> str:
    """The summary as Markdown. The same report and the same files below ``root`` give the same text."""
    parts = [
        _head(report),
        _workers(report),
        _outputs(report, root),
        _criteria(report),
        _environments(report),
        _resources(report),
        _next_stage(report, root),
        _dependencies(),
        _made_with(report),
    ]
    return "\n\n---\n\n".join(parts) + "\n"


# --- Parts -----------------------------------------------------------------------------------------------------------


def _head(report: Report) -> str:
    status = "COMPLETE" if report.passed else "FAILED"
    return "\n".join(
        (
            "# Stage 2: Infrastructure Terraform, Summary",
            "",
            f"**Stage ID**: {STAGE}  ",
            f"**Project**: {PLAN}  ",
            f"**Status**: {status}  ",
            f"**Workers**: {len(report.workers)} (parallel execution)  ",
            f"**Verified**: {plain(report.started)}, in {duration(report.seconds)}",
        )
    )


def _workers(report: Report) -> str:
    head = ("Worker", "Task", "Resources", "Status", "Time")
    lines = ["## Stage Workers", "", *table(head, map(_row, report.workers))]
    if report.supporting:
        lines += ["", "Modules that they rest on, and the stack that wires all together, proven in the same way:", ""]
        lines += table(("Module", *head[1:]), map(_row, report.supporting))
    failed = [worker for worker in (*report.workers, *report.supporting) if not worker.passed]
    if failed:
        lines += ["", "What went wrong:", ""]
        lines += [f"- {plain(worker.name)}: {plain(_why(worker))}" for worker in failed]
    return "\n".join(lines)


def _row(worker: Worker) -> tuple[str, ...]:
    return plain(worker.name), plain(worker.task), _kinds(worker), worker.verdict, _seconds(worker)


def _why(worker: Worker) -> str:
    if worker.message:
        return worker.message
    faults = [step for step in worker.steps if step.status != COMPLETE]
    names = [f"{step.name}{f' of {step.environment}' if step.environment else ''}" for step in faults]
    return f"{', '.join(names)}: {faults[0].detail or faults[0].status}" if faults else worker.status


def _kinds(worker: Worker) -> str:
    """What the worker's module makes in the environment where it makes most."""
    most = max(worker.resources.values(), key=len, default=[])
    counts = Counter(resource.type for resource in most)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    shown = [f"{count} `{_code(kind)}`" for kind, count in ordered[:3]]
    rest = len(most) - sum(count for _, count in ordered[:3])
    return ", ".join(shown + ([f"{rest} more"] if rest else [])) or "none"


def _seconds(worker: Worker) -> str:
    return "cached" if worker.cached else duration(worker.seconds)


def duration(seconds: float) -> str:
    """A time as people say it, rounded before it is split: never 2 min 60 s."""
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def _outputs(report: Report, root: Path) -> str:
    lines = ["## Stage Outputs"]
    for worker in (*report.workers, *report.supporting):
        lines += ["", f"### {plain(worker.name)}", "", *_tree(root, worker.module)]
        if worker.resources:
            rows = [
                (f"`{kind}`", *(str(Counter(item.type for item in found)[kind]) for found in worker.resources.values()))
                for kind in sorted({item.type for found in worker.resources.values() for item in found})
            ]
            lines += ["", *table(("Resource", *(name.upper() for name in worker.resources)), rows, numbers=True)]
    return "\n".join(lines)


def _tree(root: Path, module: str) -> Iterator[str]:
    folder = slices.folder_of(Project(root), module)
    place = _place(root, module)
    if not folder.is_dir() or not any(folder.glob("*.tf")):
        yield f"`{place}` holds no Terraform files."
        return
    rows = list(_branches(folder, ""))
    width = max(len(shown) for shown, _ in rows)
    yield "```text"
    yield f"{place}/"
    yield from (shown if lines is None else f"{shown:<{width}}  {lines:>4} lines" for shown, lines in rows)
    yield "```"


def _branches(folder: Path, indent: str) -> Iterator[tuple[str, int | None]]:
    """Every file below a folder as a line of the tree, with its number of lines; None for a folder."""
    # In the order in which one reads a module. What Terraform keeps beside it is hidden, and is not the module's.
    first, last = ("main.tf",), ("variables.tf", "outputs.tf", "versions.tf", "README.md")
    entries = sorted(
        (path for path in folder.iterdir() if not path.name.startswith(".")),
        key=lambda path: (
            path.is_dir(),
            path.name in last,
            path.name not in first,
            last.index(path.name) if path.name in last else 0,
            path.name,
        ),
    )
    for path in entries:
        end = path is entries[-1]
        shown = f"{indent}{'└──' if end else '├──'} {path.name}{'/' if path.is_dir() else ''}"
        if path.is_dir():
            yield shown, None
            yield from _branches(path, f"{indent}{'    ' if end else '│   '}")
        else:
            yield shown, len(path.read_text(encoding="utf-8", errors="replace").splitlines())


def _criteria(report: Report) -> str:
    lines = ["## Success Criteria", ""]
    lines += _ticked(report, (item for item in report.criteria if item.from_document))
    beyond = [item for item in report.criteria if not item.from_document]
    if beyond:
        lines += ["", "Beyond the plan:", "", *_ticked(report, beyond)]
    if report.not_judged:
        left = ", ".join(map(plain, report.not_judged))
        lines += ["", f"Not judged, because not everything that they are about was asked for: {left}."]
    return "\n".join(lines)


def _ticked(report: Report, criteria: Iterable[Criterion]) -> Iterator[str]:
    for criterion in criteria:
        held = _holds(report, criterion)
        yield f"- [{'x' if held else ' '}] {prose(criterion.title)}"
        evidence = [
            f"{name.upper()} {_verdict(criterion, name)}" for name in report.environments if name in criterion.verdicts
        ]
        yield f"  - {prose(criterion.looked_at)}: {', '.join(evidence) or 'not judged'}"
        found: dict[str, list[str]] = {}
        for name, verdict in criterion.verdicts.items():
            for finding in verdict.findings:
                about = [f"`{_code(part)}`" for part in (finding.address, finding.place) if part]
                found.setdefault(f"{plain(finding.message)}{': ' if about else ''}{', '.join(about)}", []).append(name)
        for number, (text, names) in enumerate(found.items()):
            if number == MOST_FINDINGS:
                yield f"  - … and {len(found) - MOST_FINDINGS} more findings"
                break
            yield f"  - **{', '.join(name.upper() for name in names)}**: {text}"


def _holds(report: Report, criterion: Criterion) -> bool:
    return criterion.passed and all(name in criterion.verdicts for name in report.environments)


def _verdict(criterion: Criterion, environment: str) -> str:
    verdict = criterion.verdicts[environment]
    if verdict.passed:
        return f"{verdict.looked_at_count} ✓" if verdict.value is None else f"{verdict.value} as meant"
    return f"{verdict.looked_at_count} ✗" if verdict.looked_at_count else "nothing to look at ✗"


def _environments(report: Report) -> str:
    values = report.environment_values
    names = [name for name in report.environments if name in values]
    rest = sorted({key for name in names for key in values[name]} - set(DOCUMENTED_VALUES))
    differing = [key for key in rest if len({json.dumps(values[name].get(key)) for name in names}) > 1]
    rows = [
        (key, *(value(values[name].get(key)) for name in names)) for key in (*DOCUMENTED_VALUES, *differing) if names
    ]
    lines = ["## Environment Configuration", "", "As planned.", ""]
    lines += table(("Variable", *(name.upper() for name in names)), rows) if rows else ["Nothing was planned."]
    return "\n".join(lines)


def _resources(report: Report) -> str:
    names = [name for name in report.environments if name in report.estimates]
    estimates = [report.estimates[name] for name in names]
    rows = [
        ("Resources", *(f"{estimate.resources:,}" for estimate in estimates)),
        ("API document, bytes", *(f"{estimate.api_document_bytes:,}" for estimate in estimates)),
    ]
    longest = [max(item.policy_characters.items(), key=lambda pair: pair[1], default=("none", 0)) for item in estimates]
    rows.append(
        (
            f"Longest policies of a role, characters (AWS takes {POLICY_LIMIT:,})",
            *(f"{length:,} ({plain(role)})" for role, length in longest),
        )
    )
    lines = ["## Estimated Size", ""]
    lines += table(("", *(name.upper() for name in names)), rows, numbers=True) if names else ["Nothing was planned."]
    return "\n".join(lines)


def _place(root: Path, module: str) -> str:
    return slices.folder_of(Project(root), module).relative_to(root).as_posix()


def _next_stage(report: Report, root: Path) -> str:
    lines = ["## Outputs for the Next Stage"]
    for worker in (*report.workers, *report.supporting):
        if worker.outputs:
            rows = [(f"`{output.name}`", plain(output.description)) for output in worker.outputs]
            lines += ["", f"### `{_place(root, worker.module)}`", "", *table(("Output", "Value"), rows)]
    if len(lines) == 1:
        lines += ["", "No module has outputs."]
    return "\n".join(lines)


def _dependencies() -> str:
    return "\n".join(
        (
            "## Dependencies",
            "",
            "**Depends On**: Stage 1 (LLD Review & Analysis)",
            "",
            "**Blocks**: Stage 3 (Lambda Services Development)",
        )
    )


def _made_with(report: Report) -> str:
    versions = ", ".join(f"{plain(name)} {plain(version)}" for name, version in report.versions.items())
    return f"**Created**: {plain(report.finished or report.started)}  \n**With**: {versions or 'unknown versions'}"


# --- Markdown --------------------------------------------------------------------------------------------------------


def plain(text: str) -> str:
    """Text that Markdown shows as it is, on one line and in a table's cell too."""
    return re.sub(r"([\\`*_\[\]<>|#~&])", r"\\\1", " ".join(text.split()))


def prose(text: str) -> str:
    """The same, with what stands in backquotes left as code. Not for a table's cell."""
    parts = re.split(r"(`[^`\n]+`)", text)
    return "".join(part if number % 2 else _spaced(part) for number, part in enumerate(parts))


def _spaced(part: str) -> str:
    """Plain text in the middle of a line, which keeps the space at its ends."""
    inner = plain(part)
    return f"{' ' if part[:1].isspace() else ''}{inner}{' ' if inner and part[-1:].isspace() else ''}"


def value(content: Any) -> str:
    """A variable's value: a dash where there is none."""
    if content is None:
        return "-"
    return plain(content if isinstance(content, str) else json.dumps(content, ensure_ascii=False, sort_keys=True))


def _code(text: str) -> str:
    """Text for a code span outside tables: a span of one backtick cannot hold another."""
    return " ".join(text.split()).replace("`", "'")


def table(head: Iterable[str], rows: Iterable[Iterable[str]], *, numbers: bool = False) -> list[str]:
    """A table's lines; with ``numbers`` all columns but the first are aligned to the right."""
    head = list(head)
    rule = ["---"] + ["---:" if numbers else "---"] * (len(head) - 1)
    return [f"| {' | '.join(cells)} |" for cells in (head, rule, *rows)]
