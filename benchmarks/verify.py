"""How much sooner `verify` answers than the same checks by hand, and than itself when nothing changed.

python -m benchmarks.verify [WORKER ...]; takes many minutes.

By hand is what an engineer does without it: for each module one command after the other, as Terraform and the scanners
come: fmt, init and validate of each of its configurations, plan and show for each environment and for the stranger,
test for each file of native tests, Checkov, Parliament. The questions are the same, and so are the slices planned.
"""

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bbws_access.cli.project import Project, find_project
from bbws_access.cli.terraform import UNCOLLECTED
from bbws_access.verify import engine, slices
from bbws_access.verify.cache import processors
from bbws_access.verify.engine import Options, verify
from bbws_access.verify.jobs import Planned, read_plan
from bbws_access.verify.runner import Deadline, Runner
from bbws_access.verify.scanners import Scanners


def main(arguments: list[str]) -> int:
    """Exit status 1 when a goal is missed."""
    project = find_project()
    only = tuple(arguments)
    with tempfile.TemporaryDirectory() as folder:
        work, output = Path(folder) / "work", Path(folder) / "output"
        print(f"processors {processors()}, load of the machine {os.getloadavg()[1]:.1f}", flush=True)
        together, cpu_together = measured(
            "verify --fresh", lambda: proven(project, Options(only=only, output=output, fresh=True))
        )
        known, _ = measured("verify, nothing changed", lambda: proven(project, Options(only=only, output=output)))
        alone, cpu_alone = measured("by hand, one after the other", lambda: by_hand(project, only, work))
    print(f"verify --fresh / by hand       {together / alone:.2f}   wanted: at most 0.50")
    print(f"the same, of a processor       {cpu_together / cpu_alone:.2f}")
    print(f"nothing changed / --fresh      {known / together:.3f}  wanted: less than 5 s")
    return int(together / alone > 0.5 or known >= 5)


def measured(name: str, what: Callable[[], None]) -> tuple[float, float]:
    """Seconds, and seconds of a processor in the programs that were run, which other work disturbs less."""
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    what()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = time.monotonic() - began
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{name:<30} {seconds:7.1f} s   of a processor {cpu:7.1f} s", flush=True)
    return seconds, cpu


def proven(project: Project, options: Options) -> None:
    report = verify(project, options)
    if not report.passed:
        sys.exit(f"Not everything holds, so there is nothing to compare: {options.output}/summary.md")


def by_hand(project: Project, only: tuple[str, ...], work: Path) -> None:
    """Every check of the workers, one command after the other."""
    runner = Runner(project, 1)
    scanners = Scanners(project, runner)
    environment = {name: value for name, value in runner.environment.items() if name not in UNCOLLECTED}
    values, _ = engine._values(project, list(engine.DEFAULT_ENVIRONMENTS))
    deadline = Deadline(7200)

    def run(folder: Path, root: Path, *command: str) -> str:
        outcome = runner.run(list(command), folder, root, deadline, environment=environment)
        if outcome.status:
            sys.exit(f"{' '.join(command)} in {folder} failed: {outcome.text[-1000:]} {outcome.diagnostics}")
        return outcome.text

    terraform = runner.binary.path
    for module in engine._chosen(only).values():
        root = work / module
        stack = slices.make_slice(project, module, root, values)
        folders = [root / path.relative_to(project.root) for path in slices.folders_of(project, module)]
        run(folders[0], root, terraform, "fmt", "-check", "-recursive")
        for folder in folders:
            run(folder, root, terraform, "init", "-backend=false", "-input=false")
            run(folder, root, terraform, "validate")
        run(stack, root, terraform, "init", "-input=false")
        planned: list[Planned] = []
        for name, inputs in values.items():
            (stack / f"{name}.tfvars.json").write_text(json.dumps(inputs), encoding="utf-8")
            run(stack, root, terraform, "plan", "-input=false", f"-var-file={name}.tfvars.json", f"-out={name}.tfplan")
            planned += read_plan(json.loads(run(stack, root, terraform, "show", "-json", f"{name}.tfplan")))
        for folder in folders:
            for path in sorted((folder / "tests").glob("*.tftest.hcl")):
                run(folder, root, terraform, "test", f"-filter=tests/{path.name}")
        run(
            project.root,
            project.root,
            scanners.checkov or "checkov",
            "--directory",
            str(folders[0]),
            "--quiet",
            "--framework",
            "terraform",
            "--skip-download",
            "--compact",
            "--skip-path",
            "/tests/",
        )
        scanners.analyse(planned, deadline, root)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
