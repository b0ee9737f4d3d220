"""Bringing a target to what the project says, and taking it down again."""

import contextlib
import hashlib
import json
import shlex
import shutil
import ssl
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bbws_access.cli import people, protection, replicas, storage
from bbws_access.cli.console import note, remark, size, step
from bbws_access.cli.environments import Environment
from bbws_access.cli.errors import InterruptedByUserError, ToolError, service_errors
from bbws_access.cli.snapshots import (
    STATE,
    Kept,
    SnapshotError,
    Snapshots,
    kept_now,
    key_of,
    local_aws_version,
    sources,
)
from bbws_access.cli.targets import APPLIED, LEAST_DISK, LocalTarget, Target, check_disk, make_folder
from bbws_access.cli.terraform import UNSAVED_STATE, Report, TerraformError, data_folder, find_provider, find_terraform
from bbws_access.kernel.contract import load_contract
from bbws_access.packaging import Packages, package
from bbws_access.reference_page import render

PROGRAM = "program.json"


@dataclass(frozen=True)
class Deployment:
    """What `up` has made or found."""

    target: LocalTarget
    outputs: dict[str, Any]
    demo: dict[str, str]
    took: float
    """Seconds."""
    changed: bool

    @property
    def api_url(self) -> str:
        return self.target.api_url(self.outputs)


# --- The local AWS ---------------------------------------------------------------------------------------------------


def up(
    target: LocalTarget, *, from_snapshot: bool = False, before_apply: Callable[[Report], None] = lambda report: None
) -> Deployment:
    """Start the local AWS of an environment and deploy everything to it; what is there already stays.

    ``before_apply`` sees what is to change, and raises where it must not.
    With ``from_snapshot`` a fresh folder takes over what an earlier run deployed to another, where all that decides
    what a deployment comes to be is the same; where there is no such snapshot, or it does not work, it is deployed.
    """
    started = time.monotonic()
    find_terraform()
    find_provider(target.project)
    make_folder(target.folder)
    require_disk(target.folder)
    with target.alone():
        target.recover()
        fresh = _is_fresh(target)
        if from_snapshot and not fresh:
            note(f"{target.folder} holds a local AWS already; a snapshot is for a fresh folder.")
        if from_snapshot and fresh and (deployment := _from_snapshot(target, started)):
            return deployment
        packages = _start_and_package(target)
        target.enter()
        print_ = fingerprint(target.environment, packages)
        applied = target.read(APPLIED)
        if applied.get("fingerprint") == print_ and (demo := _still_there(target, applied)):
            _show_reference(target, applied["outputs"])
            return Deployment(target, applied["outputs"], demo, time.monotonic() - started, changed=False)
        target.forget_applied()
        snapshot = _Snapshot(target, packages) if fresh else None
        if snapshot and not from_snapshot:
            snapshot.offer()
        with step("Buckets") as current:
            storage.bootstrap(target.s3, target.environment)
            count = storage.upload(target.s3, target.environment, packages)
            current.result = f"{target.environment.state_bucket}, {_plural(count, 'package')} uploaded"
        target.release_stale_lock()
        report = converge(target, packages, before_apply)
        if snapshot:
            snapshot.keep()
        demo = _fill(target)
        outputs = target.outputs()
        target.write(APPLIED, {"fingerprint": print_, "outputs": outputs})
        return Deployment(target, outputs, demo, time.monotonic() - started, changed=bool(report.changes))


def _from_snapshot(target: LocalTarget, started: float) -> Deployment | None:
    """Bring a fresh folder up from its snapshot; None, with the folder as fresh as before, where that cannot be."""
    packages = make_packages(target)
    snapshot = _Snapshot(target, packages)
    kept = snapshot.restore()
    if kept is None:
        return None
    try:
        with step("Local AWS") as current:
            start_local_aws(target)
            current.result = f"{target.aws.endpoint}, {target.environment.region}"
        target.enter()
        snapshot.move_in(kept)
        demo = _fill(target)
    except Exception as error:  # whatever it is, Terraform can still do it
        snapshot.give_up(str(error) or type(error).__name__)
        return None
    target.write(APPLIED, {"fingerprint": fingerprint(target.environment, packages), "outputs": kept.outputs})
    return Deployment(target, kept.outputs, demo, time.monotonic() - started, changed=True)


def _is_fresh(target: LocalTarget) -> bool:
    """Whether nothing was ever in this local AWS."""
    return not target.aws.is_running() and not (target.folder / STATE / "state.pickle").exists()


def _fill(target: LocalTarget) -> dict[str, str]:
    """Put data into what is deployed, and ask the API how it is; returns the demo organisation."""
    outputs = target.outputs()
    with step("Data") as current:
        current.say("reference data and the demo organisation")
        people.seed(target, outputs)
        demo = people.ensure_demo(target, outputs)
        current.result = f"reference data; organisation {demo['organisation_id']} with {demo['email']}"
    with step("API") as current:
        current.say("asking how it is")
        current.result = require_health(target, outputs)
        _show_reference(target, outputs)
    return demo


class _Snapshot:
    """The snapshot of a deployment, for a fresh folder."""

    def __init__(self, target: LocalTarget, packages: Packages) -> None:
        self._target, self._packages = target, packages
        self._snapshots = Snapshots(target.project.snapshots)
        self._key = key_of(target.environment, packages)

    def offer(self) -> None:
        """Say so where there is one."""
        if self._snapshots.holds(self._key):
            anew = self._target.advice("up", "--from-snapshot")
            remark(f"There is a snapshot of just this deployment: in a fresh folder, `{anew}` takes seconds.")

    def restore(self) -> Kept | None:
        """Fill the folder, in which nothing runs; None, with a note that says why, where it cannot be filled."""
        if not self._snapshots.holds(self._key):
            note("There is no snapshot of just this deployment; Terraform makes it.")
            return None
        try:
            with step("Snapshot") as current:
                kept = self._snapshots.restore(self._key, self._target.folder)
                current.result = f"of {kept.made}"
        except (SnapshotError, OSError) as error:
            if isinstance(error, SnapshotError):
                self._snapshots.discard(self._key)
            note(f"The snapshot cannot be used: {error}. Terraform makes the deployment.")
            return None
        return kept

    def move_in(self, kept: Kept) -> None:
        """Make what was restored this folder's own. Raises ToolError where it is not what was kept."""
        target = self._target
        with service_errors():
            if storage.outputs(storage.read_state(target.s3, target.environment)) != kept.outputs:
                raise ToolError("Terraform's state in it has other outputs.")
            storage.replace_in_state(target.s3, target.environment, kept.endpoint, target.aws.endpoint)

    def give_up(self, why: str) -> None:
        """Go back to an empty folder, and never use this snapshot again."""
        note(f"The snapshot does not work: {why} Terraform makes the deployment.")
        self._snapshots.discard(self._key)
        target = self._target
        target.aws.stop()
        shutil.rmtree(target.folder / STATE, ignore_errors=True)
        for name in (people.DEMO, people.PASSWORDS):
            (target.folder / name).unlink(missing_ok=True)

    def keep(self) -> None:
        """Keep what Terraform has just made, unless what it is made of has changed meanwhile."""
        target = self._target
        outputs = target.outputs()
        with step("Snapshot") as current:
            if key_of(target.environment, self._packages) != self._key:
                current.result = "not kept: the project changed meanwhile"
                return
            try:
                # Stopped, so that what is on the disk is everything that there is.
                with target.aws.paused():
                    self._snapshots.save(self._key, target.folder / STATE, kept_now(outputs, target.aws.endpoint))
                current.result = "kept for --from-snapshot in a fresh folder"
            except OSError as error:
                current.result = f"not kept: {error.strerror or error}"


def _show_reference(target: LocalTarget, outputs: Mapping[str, Any]) -> None:
    """The API's reference, at /docs beside the API."""
    target.aws.show(outputs["rest_api_id"], "docs", render(load_contract()))


def _start_and_package(target: LocalTarget) -> Packages:
    """Both at once: neither needs the other."""
    made: list[Packages] = []
    failures: list[Exception] = []

    def make() -> None:
        try:
            made.append(package("local", root=target.project.root))
        except Exception as error:  # raised again below, in the thread that asked
            failures.append(error)

    worker = threading.Thread(target=make, name="packaging")
    worker.start()
    try:
        with step("Local AWS") as current:
            current.say("starting")
            start_local_aws(target)
            current.result = f"{target.aws.endpoint}, {target.environment.region}"
        with step("Packages") as current:
            current.say("compiling")
            worker.join()
            if made:
                current.result = describe(made[0])
            else:
                current.result = "failed"
    finally:
        worker.join()
    if failures:
        raise failures[0]
    return made[0]


def start_local_aws(target: LocalTarget) -> None:
    """Start the local AWS; one that runs an older version of its program is started again."""
    version = local_aws_version()
    if target.read(PROGRAM).get("version") != version:
        target.aws.stop()
    target.aws.start()
    target.write(PROGRAM, {"version": version})


def require_health(target: LocalTarget, outputs: dict[str, Any]) -> str:
    """One word about the API. Raises ToolError when it does not answer as it should."""
    if _comes_to_health(target, outputs):
        return "healthy"
    raise ToolError(
        "Everything is deployed, and the API does not answer GET /health with 200.",
        f"Its log is {target.aws.log_file}; `{target.advice('down', '--destroy')}` makes room for a fresh start.",
    )


def _comes_to_health(target: LocalTarget, outputs: Mapping[str, Any]) -> bool:
    """Whether the API answers, if not at once: on a busy machine a first start may take too long."""
    for attempt in range(3):
        if is_healthy(target, outputs):
            return True
        time.sleep(attempt)
    return False


def is_healthy(target: LocalTarget, outputs: Mapping[str, Any]) -> bool:
    """Whether the API answers."""
    context = ssl.create_default_context(cafile=str(target.aws.ca_bundle))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    with (
        contextlib.suppress(OSError, ValueError),
        opener.open(f"{target.api_url(outputs)}/health", timeout=20) as answer,
    ):
        return answer.status == 200 and isinstance(json.load(answer), dict)
    return False


def describe(packages: Packages) -> str:
    """One line about what packaging did."""
    built = sum(item.built for item in packages)
    total = size(sum(item.size for item in packages))
    return f"{_plural(len(packages.packages), 'function')}, {total}, " + (f"{built} built" if built else "unchanged")


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")


def fingerprint(environment: Environment, packages: Packages) -> str:
    """Changes when anything does that a deployment and its data are made of."""
    digest = hashlib.sha256(sources(environment, packages).encode())
    digest.update(Path(people.__file__).read_bytes())
    return digest.hexdigest()


def _still_there(target: LocalTarget, applied: dict[str, Any]) -> dict[str, str] | None:
    """The demo organisation when the deployment that was noted is still there and answers."""
    demo = target.read(people.DEMO)
    if not demo:
        return None
    with contextlib.suppress(Exception):
        if storage.outputs(storage.read_state(target.s3, target.environment)) != applied["outputs"]:
            return None
        if _comes_to_health(target, applied["outputs"]):
            return demo
    return None


def converge(target: Target, packages: Packages, before_apply: Callable[[Report], None]) -> Report:
    """Plan, and apply what the plan says."""
    report = make_plan(target, packages)
    protection.refuse_to_lose(target, report)
    if report.changes:
        before_apply(report)
        apply_plan(target, report)
    return report


def make_plan(
    target: Target,
    packages: Packages | None,
    *,
    destroy: bool = False,
    lock: bool = True,
    targets: Iterable[str] = (),
) -> Report:
    """Write the plan and say what it would do; lock and targets: as for Terraform.plan."""
    environment = target.environment
    values = packages_of(packages) if packages else {}
    with step("Plan") as current:
        files = environment.write_values(target.terraform.folder, values)
        target.terraform.init(environment.backend, current.say)
        report = target.terraform.plan(files, current.say, destroy=destroy, lock=lock, targets=targets)
        if lock and not destroy and replicas.adopt(target, report, files):
            report = target.terraform.plan(files, current.say, targets=targets)
        counts = report.counts
        current.result = (
            f"{counts['create']} to add, {counts['update']} to change, {counts['delete']} to destroy"
            if report.changes
            else "nothing to change"
        )
    for warning in report.warnings:
        if targets and "targeting" in warning.summary.lower():
            continue  # it warns of leaving things out, which is what was asked for
        note(f"{warning.summary}: {' '.join(warning.detail.split())}" if warning.detail else warning.summary)
    return report


def packages_of(packages: Packages) -> dict[str, dict[str, object]]:
    """The packages as Terraform's variable wants them."""
    return {item.function: item.values for item in packages}


def apply_plan(target: Target, planned: Report, title: str = "Apply") -> None:
    """Do what the plan says. A local AWS goes back to where it was when Terraform's state is lost on the way."""
    if isinstance(target, LocalTarget):
        target.before_apply()
    refuse_over_unsaved_state(target)
    try:
        with step(title) as current:
            report = target.terraform.apply(planned, current.say)
            current.result = f"{report.done} done"
    except ToolError as error:
        if isinstance(target, LocalTarget):
            target.after_apply(error)
        elif target.terraform.unsaved_state.exists():
            ended = "Interrupted:" if isinstance(error, InterruptedByUserError) else error.message
            error.message = f"{ended} Terraform could not save its state."
            error.hint = push_advice(target, target.terraform.unsaved_state)
        if isinstance(error, TerraformError):
            add_lock_advice(target, error)
        raise
    if isinstance(target, LocalTarget):
        target.after_apply()


def refuse_over_unsaved_state(target: Target) -> None:
    """Raise ToolError when an earlier apply could not save its state: another would go on from an older one."""
    if isinstance(target, LocalTarget):
        return  # it goes back to where it was before such an apply
    for path in (target.terraform.unsaved_state, target.project.stack / UNSAVED_STATE):
        if path.exists():
            raise ToolError(
                f"An earlier apply could not save its state, and kept it as {path}.", push_advice(target, path)
            )


def push_advice(target: Target, unsaved: Path) -> str:
    stack, data, path = (
        shlex.quote(str(path)) for path in (target.project.stack, target.terraform.folder / "data", unsaved)
    )
    return (
        f"It is the only record of what that apply made. Save it: (cd {stack} && TF_DATA_DIR={data} terraform state "
        f"push {path}) && rm {path}"
    )


def add_lock_advice(target: Target, error: TerraformError) -> None:
    """Add the command that removes a lock, when the state is locked."""
    if any("acquiring the state lock" in item.summary for item in error.report.errors):
        lock = storage.read_lock(target.s3, target.environment) or {}
        error.message = f"The state is locked by {lock.get('Who', 'somebody')} since {lock.get('Created', 'a while')}."
        error.hint = (
            f"When that run is dead: (cd {shlex.quote(str(target.project.stack))} && "
            f"TF_DATA_DIR={shlex.quote(str(target.terraform.folder / 'data'))} "
            f"terraform force-unlock {lock.get('ID', 'LOCK_ID')})"
        )


def down(target: LocalTarget, *, destroy: bool) -> None:
    """Stop the local AWS, after taking everything down if ``destroy``, and say how it was."""
    if not target.folder.is_dir():
        note(f"There is no local AWS of {target.environment.name}: nothing to {'destroy' if destroy else 'stop'}.")
        return
    with target.alone():
        if destroy:
            _destroy_local(target)
        with step("Local AWS") as current:
            stopped = "stopped" if target.aws.stop() else "was not running"
            current.result = "removed" if destroy else f"{stopped}; {target.folder} keeps its state"
    if destroy:
        shutil.rmtree(target.folder)
        # Terraform itself is not asked: where nothing was ever deployed there is no address to tell it.
        shutil.rmtree(data_folder(target.project, target.key), ignore_errors=True)


def _destroy_local(target: LocalTarget) -> None:
    target.recover()
    if not (target.folder / "state").is_dir():
        return
    find_terraform()
    if not target.aws.is_running():
        with step("Local AWS") as current:
            target.aws.start()
            current.result = target.aws.endpoint
    target.enter()
    if not storage.is_bootstrapped(target.s3, target.environment):
        return
    target.forget_applied()
    target.release_stale_lock()
    kept: set[str] = set()
    if storage.read_state(target.s3, target.environment):
        unprotect(target)
        report, locked = plan_destroy(target, package("local", root=target.project.root))
        if report.changes:
            apply_plan(target, report, "Destroy")
        left = storage.read_state(target.s3, target.environment) or {}
        gone = protection.all_but(left, locked) if locked else managed(left)
        if gone:
            raise ToolError(f"Terraform left {_plural(len(gone), 'resource')} behind.")
        kept = protection.names(left)
    with step("Buckets") as current:
        storage.remove(target.s3, target.environment)
        left = [item for item in leftovers(target) if item.rpartition(" ")[2] not in kept]
        if left:
            raise ToolError(
                f"The local AWS still holds {_plural(len(left), 'resource')} after everything was destroyed.",
                details="\n".join(left),
            )
        current.result = "nothing is left" if not kept else "the locked archive goes with the local AWS"


def plan_destroy(target: Target, packages: Packages) -> tuple[Report, list[protection.Locked]]:
    """The plan that destroys everything that can be, and what a lock keeps, which is said first.

    Raises ToolError, with nothing destroyed, while the environment is protected.
    """
    state = storage.read_state(target.s3, target.environment) or {}
    protection.require_in_sight(target, state)
    protection.require_unprotected(target, state)
    locked = protection.locked_buckets(target, state)
    for line in protection.describe(locked) if locked else ():
        note(line)
    targets = protection.all_but(state, locked)
    if locked and not targets:
        return Report(), locked
    report = make_plan(target, packages, destroy=True, targets=targets)
    protection.require_kept(target, report, locked)
    return report, locked


def managed(state: dict[str, Any]) -> list[str]:
    """Addresses of the resources in a state, without instances."""
    return [f"{item['type']}.{item['name']}" for item in state.get("resources", ()) if item.get("mode") == "managed"]


def unprotect(target: LocalTarget) -> None:
    """Lift what protects an environment from being destroyed. Only ever on a local AWS."""
    protected = protection.protected(storage.read_state(target.s3, target.environment) or {})
    target.environment = target.environment.with_values({"deletion_protection": False})
    if not protected:
        return
    # Nothing else: what an interrupted deployment lacks is not made to be destroyed.
    report = make_plan(target, package("local", root=target.project.root), targets=protected)
    if report.changes:
        apply_plan(target, report, "Unprotect")


def leftovers(target: LocalTarget) -> list[str]:
    """Names of what the local AWS still holds of the environment, in both of its regions."""
    found = []
    regions = {target.environment.region, target.environment.values.get("failover_region")} - {None}
    sender = target.environment.values.get("invitation_sender") or {}
    made = [target.environment.prefix]
    if sender.get("create_identity", True) and "identity" in sender:
        made.append(f"mail identity {sender['identity']}")
    for region in sorted(regions):
        found += [f"{region}: {name}" for name in _names(region) if any(part in name for part in made)]
    return found


def _names(region: str) -> Iterator[str]:
    """Names of everything of the kinds that the stack makes and that outlive a careless destroy."""
    import boto3
    from botocore.config import Config

    def pages(service: str, operation: str, key: str, **arguments: Any) -> Iterator[Any]:
        client = boto3.client(service, region_name=region, config=Config(user_agent_extra="bbws-access"))
        if client.can_paginate(operation):
            for page in client.get_paginator(operation).paginate(**arguments):
                yield from page.get(key, ())
        else:
            yield from getattr(client, operation)(**arguments).get(key, ())

    yield from (f"table {name}" for name in pages("dynamodb", "list_tables", "TableNames"))
    yield from (f"function {item['FunctionName']}" for item in pages("lambda", "list_functions", "Functions"))
    yield from (f"log group {item['logGroupName']}" for item in pages("logs", "describe_log_groups", "logGroups"))
    yield from (f"role {item['RoleName']}" for item in pages("iam", "list_roles", "Roles"))
    yield from (f"policy {item['PolicyName']}" for item in pages("iam", "list_policies", "Policies", Scope="Local"))
    yield from (f"queue {url}" for url in pages("sqs", "list_queues", "QueueUrls"))
    yield from (f"topic {item['TopicArn']}" for item in pages("sns", "list_topics", "Topics"))
    yield from (f"API {item['name']}" for item in pages("apigateway", "get_rest_apis", "items"))
    yield from (f"alarm {item['AlarmName']}" for item in pages("cloudwatch", "describe_alarms", "MetricAlarms"))
    yield from (
        f"dashboard {item['DashboardName']}" for item in pages("cloudwatch", "list_dashboards", "DashboardEntries")
    )
    buses = [item["Name"] for item in pages("events", "list_event_buses", "EventBuses")]
    yield from (f"event bus {name}" for name in buses if name != "default")
    for bus in buses:
        yield from (f"rule {item['Name']}" for item in pages("events", "list_rules", "Rules", EventBusName=bus))
    yield from (
        f"user pool {item['Name']}" for item in pages("cognito-idp", "list_user_pools", "UserPools", MaxResults=60)
    )
    yield from (
        f"mail identity {item['IdentityName']}" for item in pages("sesv2", "list_email_identities", "EmailIdentities")
    )
    yield from (
        f"mail template {item['TemplateName']}" for item in pages("sesv2", "list_email_templates", "TemplatesMetadata")
    )
    yield from (f"configuration set {name}" for name in pages("sesv2", "list_configuration_sets", "ConfigurationSets"))
    yield from (
        f"event source mapping {item['EventSourceArn']}"
        for item in pages("lambda", "list_event_source_mappings", "EventSourceMappings")
    )
    yield from (f"alias {item['AliasName']}" for item in pages("kms", "list_aliases", "Aliases"))
    yield from (f"bucket {item['Name']}" for item in pages("s3", "list_buckets", "Buckets"))


@contextlib.contextmanager
def throw_away(make: Callable[[Path], LocalTarget], folder: Path) -> Iterator[LocalTarget]:
    """An empty local AWS for Terraform, which is gone afterwards."""
    find_terraform()
    folder.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix="plan-", dir=folder))
    target = make(place)
    try:
        target.aws.start()
        target.enter()
        storage.bootstrap(target.s3, target.environment)
        yield target
    finally:
        with contextlib.suppress(Exception):
            target.aws.stop()
        shutil.rmtree(place, ignore_errors=True)
        # Terraform itself is not asked: where the local AWS did not start there is no address to tell it.
        shutil.rmtree(data_folder(target.project, target.key), ignore_errors=True)


def require_disk(folder: Path) -> None:
    """Raise ToolError when the disk is almost full."""
    disk = check_disk(folder)
    if not disk.enough:
        raise ToolError(
            f"Only {size(disk.free)} are free where {folder} lies, and {size(LEAST_DISK)} are needed.",
            "Free some disk space.",
        )


# --- AWS -------------------------------------------------------------------------------------------------------------


def require_buckets(target: Target) -> None:
    if not storage.is_bootstrapped(target.s3, target.environment):
        raise ToolError(
            f"The buckets for {target.environment.name}'s state and packages do not exist yet.",
            f"Make them with `{target.advice('bootstrap')}`.",
        )


def upload_packages(target: Target, packages: Packages) -> None:
    """Put what is new into the artifacts bucket."""
    with step("Upload") as current:
        current.result = _plural(storage.upload(target.s3, target.environment, packages), "package")


def make_packages(target: Target) -> Packages:
    with step("Packages") as current:
        current.say("compiling")
        packages = package(target.packages, root=target.project.root)
        current.result = describe(packages)
    return packages
