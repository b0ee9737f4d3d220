"""Runs the workers, judges what they found, and writes it down."""

import contextlib
import json
import platform
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from bbws_access.cli import advice
from bbws_access.cli.environments import load_environment
from bbws_access.cli.errors import ToolError, UsageError
from bbws_access.cli.project import Project
from bbws_access.cli.terraform import locked_version
from bbws_access.verify import inventory, overview, slices
from bbws_access.verify.cache import Cache, digest, processors
from bbws_access.verify.catalogue import RULES
from bbws_access.verify.dependencies import Graph as Dependencies
from bbws_access.verify.dependencies import read_graph
from bbws_access.verify.jobs import SCAN, SUPPORTING, WORKERS, Facts, Job
from bbws_access.verify.provider import Providers
from bbws_access.verify.report import COMPLETE, FAILED, RUNNING, Graph, Report, Worker
from bbws_access.verify.rules import Evidence, judge
from bbws_access.verify.runner import CheckError, Deadline, Runner
from bbws_access.verify.scanners import Scanners

DEFAULT_ENVIRONMENTS = ("dev", "sit", "prod")
PARTIAL = "partial"
REPORT = "report.json"
# What the table of environments shows first.
FIRST = ("region", "env_name", "pitr_enabled", "cross_region_replication", "failover_region")
# The code that facts come from; criteria are judged anew each time.
FACTS_FROM = (
    "jobs.py",
    "slices.py",
    "hcl.py",
    "runner.py",
    "scanners.py",
    "parliament_policies.py",
    "provider.py",
    "stand_ins",
)
NOT_SHOWN = {"packages", "artifacts_bucket", "account_id"}


@dataclass
class Options:
    """What the user asked for. `only` are workers or modules, all when empty; `time_limit` is in seconds per worker."""

    environments: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    output: Path | None = None
    fresh: bool = False
    time_limit: float = 900.0


@dataclass
class Run:
    """A verification under way: what the terminal shows."""

    jobs: list[Job] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)


def verify(project: Project, options: Options, watch: Callable[[Run], Any] | None = None) -> Report:
    """Do what `options` say and write it down; `watch` is called with the run before it starts, and may look at it.

    Raises UsageError for a wrong name or wrong values, ToolError where nothing can be run at all.
    """
    from bbws_access.verify import render

    started, began = datetime.now(UTC), time.monotonic()
    environments = _environments(project, options.environments)
    chosen = _chosen(options.only)
    folder = output_folder(project, options)
    with _written(folder):
        folder.mkdir(parents=True, exist_ok=True)
    values, effective = _values(project, environments)
    runner = Runner(project, processors() + 1)
    scanners = Scanners(project, runner)
    versions = _versions(project, runner, scanners)
    cache = Cache(project.build / "verify-cache")
    providers = Providers(runner.environment)
    jobs = [
        Job(name, module, project, runner, values, options.time_limit, providers) for name, module in chosen.items()
    ]
    run = Run(jobs)

    modules = set(chosen.values())
    rules = [rule for rule in RULES if set(rule.needs) <= modules]
    scan_key = _key(versions, _scanned(project))
    scanning = scanners.start(options.time_limit, None if options.fresh else cache.read("checkov", scan_key))
    base = project.build / "verify-work"
    base.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=base))
    stop_watching = watch(run) if watch else None
    try:
        with providers, ThreadPoolExecutor(len(jobs) + 1) as pool:
            try:
                needed = any(rule.about_dependencies for rule in rules)
                depending = (
                    pool.submit(_dependencies, work / "dependencies", runner, cache, versions, options, providers)
                    if needed
                    else None
                )
                futures = [
                    pool.submit(
                        _work, job, work / job.facts.module, scanners, cache, versions, effective, options.fresh
                    )
                    for job in jobs
                ]
                for future in futures:
                    while not future.done():
                        # Short waits, so that Ctrl-C is heard.
                        threading.Event().wait(0.05)
                    future.result()
                dependencies, undecided = depending.result() if depending else (None, "")
            except BaseException:
                runner.stop()
                raise
    finally:
        if stop_watching:
            stop_watching()
        shutil.rmtree(work, ignore_errors=True)
    scanning.join(timeout=1)
    if scanners.result is not None:
        cache.write("checkov", scan_key, scanners.result)

    if modules == {slices.STACK} and not jobs[0].facts.makes_anything:
        rules = [rule for rule in rules if not rule.about_resources]
    evidence = Evidence(
        project, values, [job.facts for job in jobs], dependencies=dependencies, no_dependencies=undecided
    )
    report = Report(
        started=_time(started),
        project=values[environments[0]]["project_name"],
        versions=versions,
        environments=environments,
        environment_values={name: _shown(values[name]) for name in environments},
        workers=[_worker(job, environments) for job in jobs if job.facts.name in WORKERS],
        supporting=[_worker(job, environments) for job in jobs if job.facts.name not in WORKERS],
        not_judged=[rule.id for rule in RULES if rule not in rules],
        estimates={name: overview.estimate(evidence, name) for name in environments},
        routes=overview.routes(project),
        graph=_graph(evidence),
    )
    # What the summary says of the workers is judged; the verdict then stands in it, too.
    evidence.summary = render.summary(report, project.root)
    report.criteria = judge(evidence, environments, rules)
    report.finished = _time(datetime.now(UTC))
    report.seconds = time.monotonic() - began
    with _written(folder):
        render.write(report, folder, project.root)
        (folder / REPORT).write_text(json.dumps(report.to_json(), indent=1) + "\n", encoding="utf-8")
    return report


def output_folder(project: Project, options: Options) -> Path:
    """Where the files go. What looked at a part only leaves the last report of everything as it is."""
    folder = project.build / "verify"
    everything = not options.only and set(_environments(project, options.environments)) >= set(DEFAULT_ENVIRONMENTS)
    return options.output or (folder if everything else folder / PARTIAL)


def _work(
    job: Job,
    work: Path,
    scanners: Scanners,
    cache: Cache,
    versions: dict[str, str],
    effective: str,
    fresh: bool,
) -> None:
    module = job.facts.module
    key = _key(versions, effective, _inputs(job))
    kept = None if fresh else _kept(cache, job, key)
    if kept is None:
        job.run(work / module, scanners.scan, scanners.analyse)
        if job.status == COMPLETE and not [step for step in job.facts.faults if step.name != SCAN]:
            cache.write(job.facts.name, key, job.facts.to_json())
        return
    # Checkov looks at all modules at once, and answers for itself.
    job.facts, job.cached, job.status = kept, True, RUNNING
    for step in job.facts.steps:
        step.cached, step.seconds = True, 0.0
    job.doing = SCAN
    (step,) = [step for step in job.facts.steps if step.name == SCAN]
    try:
        passed, step.detail = scanners.scan(module, Deadline(job.time_limit))
        step.status = COMPLETE if passed else FAILED
    except CheckError as error:
        step.status, step.detail, job.facts.broken = FAILED, str(error), str(error)
    job.facts.seconds = 0.0
    job.status = FAILED if job.facts.broken else COMPLETE


def accept(project: Project, options: Options) -> Path:
    """Plan the three environments, without any other check, and write the inventory; its path.

    Raises UsageError for a part of them, ToolError where a module cannot be planned.
    """
    environments = _environments(project, options.environments)
    if options.only or set(environments) != set(inventory.ENVIRONMENTS):
        raise UsageError("--accept needs every module and all three environments.", "Leave --only and --env out.")
    values = {name: one for name, one in _values(project, environments)[0].items() if name != slices.ANOTHER}
    runner = Runner(project, processors() + 1)
    cache = Cache(project.build / "verify-cache")
    providers, chosen = Providers(runner.environment), _chosen(options.only)
    jobs = [
        Job(name, module, project, runner, values, options.time_limit, providers) for name, module in chosen.items()
    ]
    base = project.build / "verify-work"
    base.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=base))
    try:
        with providers, ThreadPoolExecutor(len(jobs) + 1) as pool:
            depending = pool.submit(_dependencies, work / "dependencies", runner, cache, {}, options, providers)
            for planning in [pool.submit(job.plan, work / job.facts.module) for job in jobs]:
                planning.result()
            dependencies, undecided = depending.result()
    except CheckError as error:
        raise ToolError(f"Nothing was accepted: {error}.", f"`{advice.command('verify')}` says more.") from error
    finally:
        runner.stop()
        shutil.rmtree(work, ignore_errors=True)
    if dependencies is None:
        raise ToolError(f"Nothing was accepted: {undecided}.")
    with _written(inventory.path_of(project)):
        return inventory.write(Evidence(project, values, [job.facts for job in jobs], dependencies=dependencies))


def _dependencies(
    work: Path,
    runner: Runner,
    cache: Cache,
    versions: dict[str, str],
    options: Options,
    providers: Providers | None = None,
) -> tuple[Dependencies | None, str]:
    """What the stack's resources need, or why that is not known."""
    project, here = runner.project, Path(__file__).parent
    read = digest(project.root, [project.modules, project.stack])
    key = _key(versions, read, digest(here, [here / "dependencies.py", here / "slices.py"]))
    kept = None if options.fresh else cache.read("dependencies", key)
    if kept is not None:
        return kept, ""
    try:
        found = read_graph(project, runner, work, Deadline(options.time_limit), providers)
    except (CheckError, ToolError, OSError) as error:
        return None, str(error)
    cache.write("dependencies", key, found)
    return found, ""


def _inputs(job: Job) -> str:
    """Everything in the project that a worker's answer comes from."""
    project, module = job.project, job.facts.module
    here = Path(__file__).parent
    # The whole stack is valid or not together with its modules.
    read = project.modules if module == slices.STACK else project.modules / module
    return digest(project.root, [read, project.stack, project.contract]) + digest(
        here, [here / name for name in FACTS_FROM]
    )


def _scanned(project: Project) -> str:
    """Everything that Checkov's answer comes from: what it reads, how it is told to, and who asks."""
    told = [path for path in (project.root / name for name in (".checkov.yaml", ".checkov.yml")) if path.is_file()]
    here = Path(__file__).parent
    return digest(project.root, [project.root / "terraform", *told]) + digest(here, [here / "scanners.py"])


def _kept(cache: Cache, job: Job, key: str) -> Facts | None:
    answer = cache.read(job.facts.name, key)
    try:
        return Facts.from_json(answer) if answer else None
    except ValueError:
        return None


def _key(versions: dict[str, str], *parts: str) -> str:
    facts = {name: value for name, value in versions.items() if name != "commit"}
    return sha256(json.dumps([facts, *parts], sort_keys=True).encode()).hexdigest()


# --- What was asked for ----------------------------------------------------------------------------------------------


def _environments(project: Project, asked: Iterable[str]) -> list[str]:
    names = list(dict.fromkeys(asked)) or [name for name in DEFAULT_ENVIRONMENTS if name in project.environments]
    for name in names:
        project.tfvars(name)
    if not names:
        raise ToolError("terraform/environments holds no values of dev, sit or prod.", "Restore the files.")
    return names


def _chosen(only: Iterable[str]) -> dict[str, str]:
    """Worker => module, in the stage's order."""
    everything = {name: module for name, (module, _) in WORKERS.items()} | SUPPORTING
    names = set(only)
    for name in names:
        if name not in everything and name not in everything.values():
            raise UsageError(
                f"There is no worker {name!r}.", f"The workers are {', '.join(everything)}; their modules will do, too."
            )
    return {name: module for name, module in everything.items() if not names or {name, module} & names}


def _values(project: Project, environments: list[str]) -> tuple[dict[str, dict[str, Any]], str]:
    """The stack's inputs by environment, a stranger's among them, and all of them as one text to compare."""
    found: dict[str, dict[str, Any]] = {}
    for name in environments:
        loaded = load_environment(project, name, stand_ins={"account_id": slices.ACCOUNT_ID})
        found[name] = loaded.values | {
            "artifacts_bucket": loaded.artifacts_bucket,
            "packages": slices.packages(project),
        }
    found[slices.ANOTHER] = found[environments[0]] | slices.ANOTHER_PROJECT
    return found, json.dumps(found, sort_keys=True)


def _versions(project: Project, runner: Runner, scanners: Scanners) -> dict[str, str]:
    found = {"terraform": runner.binary.version, "aws provider": locked_version(project)}
    found |= scanners.versions | {"python": platform.python_version()}
    git = shutil.which("git")
    if git:
        shown = subprocess.run(  # noqa: S603 - a list of our own, no shell
            [git, "rev-parse", "--short", "HEAD"], cwd=project.root, capture_output=True, text=True, check=False
        )
        if shown.returncode == 0:
            found["commit"] = shown.stdout.strip()
    return found


# --- What is written down --------------------------------------------------------------------------------------------


def _worker(job: Job, environments: list[str]) -> Worker:
    facts = job.facts
    faults = facts.faults
    if facts.broken:
        message = facts.broken
    elif faults:
        message = "; ".join(f"{step.name}: {step.detail}" for step in faults)
    else:
        count = {name: sum(item.managed for item in facts.planned.get(name, [])) for name in environments}
        message = ", ".join(f"{name}: {number} resources" for name, number in count.items())
    return Worker(
        name=facts.name,
        module=facts.module,
        status=job.status,
        seconds=facts.seconds,
        message=message,
        task=_task(facts),
        steps=facts.steps,
        resources={
            name: [overview.resource(item) for item in facts.planned.get(name, []) if item.managed]
            for name in environments
        },
        outputs=facts.outputs,
        cached=job.cached,
    )


def _task(facts: Facts) -> str:
    if facts.name in WORKERS:
        return WORKERS[facts.name][1]
    return "What wires the modules together" if facts.module == slices.STACK else "What the workers' modules rest on"


def _shown(values: dict[str, Any]) -> dict[str, Any]:
    order = [*FIRST, *sorted(set(values) - set(FIRST) - NOT_SHOWN)]
    return {name: values[name] for name in order if name in values}


def _graph(evidence: Evidence) -> Any:
    try:
        return overview.graph(evidence)
    except (ToolError, OSError):
        # The stack cannot be read: every worker says so in its row.
        return Graph()


@contextlib.contextmanager
def _written(folder: Path) -> Iterator[None]:
    """Says in one sentence that a folder cannot be written."""
    try:
        yield
    except OSError as error:
        reason = f"The summary cannot be written: {error.strerror or error}: {error.filename or folder}."
        raise ToolError(reason, "Give another folder with --output.") from error


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
