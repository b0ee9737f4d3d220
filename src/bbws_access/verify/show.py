"""The verification in the terminal: workers while they run, then what the criteria say."""

import threading
import time
from collections.abc import Callable

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from bbws_access.verify.engine import Run
from bbws_access.verify.jobs import Job
from bbws_access.verify.report import COMPLETE, FAILED, PENDING, RUNNING, WITH_FAULTS, Report, Worker

_COLOURS = {PENDING: "dim", RUNNING: "cyan", COMPLETE: "green", WITH_FAULTS: "red", FAILED: "red"}


def watch(console: Console) -> Callable[[Run], Callable[[], None]]:
    """What the engine calls when it starts: follows the workers until what it returns is called."""

    def begin(run: Run) -> Callable[[], None]:
        if console.is_terminal:
            live = Live(get_renderable=lambda: workers(run), console=console, refresh_per_second=4, transient=True)
            live.start()
            return live.stop
        done = threading.Event()
        thread = threading.Thread(target=_lines, args=(run, console, done), daemon=True)
        thread.start()

        def end() -> None:
            done.set()
            thread.join(2)

        return end

    return begin


def _lines(run: Run, console: Console, done: threading.Event) -> None:
    """Without a terminal: a line when a worker begins, and one when it ends."""
    seen: dict[str, str] = {}
    while True:
        last = done.is_set()
        for job in run.jobs:
            verdict = job.verdict
            if verdict != seen.get(job.facts.name, PENDING):
                seen[job.facts.name] = verdict
                console.print(f"{job.facts.name} {verdict}")
        if last:
            return
        done.wait(0.2)


def workers(run: Run) -> Table:
    """The workers now."""
    table = Table(box=None, pad_edge=False)
    for title in ("Worker", "Status", "Checks", "Seconds", "Now"):
        table.add_column(title, no_wrap=True, overflow="ellipsis", justify="right" if title == "Seconds" else "left")
    for job in run.jobs:
        table.add_row(job.facts.name, _status(job.verdict), _bar(job), _seconds(job), escape(_now(job)))
    return table


def _bar(job: Job) -> str:
    total = 6 + len(job.values)
    done = len([step for step in list(job.facts.steps) if step.status in (COMPLETE, FAILED)])
    done = total if job.status in (COMPLETE, FAILED) else min(done, total - 1)
    tone = "red" if _COLOURS[job.verdict] == "red" else "green"
    return f"[{tone}]{'━' * done}[/{tone}][dim]{'━' * (total - done)}[/dim]"


def _seconds(job: Job) -> str:
    if job.status == RUNNING and not job.cached:
        return f"{time.monotonic() - job.started:.0f}"
    return "" if job.status == PENDING else f"{job.facts.seconds:.0f}"


def _now(job: Job) -> str:
    if job.status == RUNNING:
        return job.doing
    return job.facts.broken or ", ".join(step.name for step in job.facts.faults) or ("known" if job.cached else "")


def _status(status: str) -> str:
    return f"[{_COLOURS[status]}]{status}[/{_COLOURS[status]}]"


def result(report: Report, console: Console) -> None:
    """What was found: a table of workers, a table of criteria, and every finding."""
    table = Table(box=None, pad_edge=False)
    for title in ("Worker", "Status", "Seconds"):
        table.add_column(title, justify="right" if title == "Seconds" else "left", no_wrap=True)
    for worker in (*report.workers, *report.supporting):
        table.add_row(worker.name, _status(worker.verdict), _took(worker))
    console.print(table)
    for worker in (*report.workers, *report.supporting):
        if not worker.passed:
            console.print(f"[red]✗[/red] {worker.name}: {escape(worker.message)}")
    console.print()
    table = Table(box=None, pad_edge=False)
    table.add_column("Criterion", overflow="fold")
    for name in report.environments:
        table.add_column(name.upper())
    for criterion in report.criteria:
        marks = []
        for name in report.environments:
            verdict = criterion.verdicts[name]
            mark = "[green]✓[/green]" if verdict.passed else "[red]✗[/red]"
            meant = verdict.passed and verdict.value
            marks.append(f"[dim]{meant}[/dim]" if meant else f"{mark} [dim]{verdict.looked_at_count}[/dim]")
        table.add_row(escape(criterion.title), *marks)
    console.print(table)
    for criterion in report.criteria:
        said: dict[tuple[str, str], list[str]] = {}
        for name, verdict in criterion.verdicts.items():
            for finding in verdict.findings:
                said.setdefault((finding.place, finding.message), []).append(name)
        if said:
            console.print(f"\n[red]✗[/red] {escape(criterion.title)}")
        for (place, message), names in said.items():
            head = f"{place}: " if place and not message.startswith(place) else ""
            console.print(f"  {escape(head + message)} [dim]({', '.join(names)})[/dim]")
    if report.not_judged:
        console.print(f"\n[yellow]•[/yellow] Not judged without the other workers: {', '.join(report.not_judged)}")


def _took(worker: Worker) -> str:
    return "known" if worker.cached else f"{worker.seconds:.0f}"
