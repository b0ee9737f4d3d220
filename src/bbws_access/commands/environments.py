"""The commands that deploy an environment, and write its reference data."""

import json
from typing import Annotated

import typer
from rich.table import Table

from bbws_access.cli.console import note, out, size, step
from bbws_access.cli.errors import UsageError
from bbws_access.cli.project import find_project
from bbws_access.cli.targets import NEW_SHELL, SHELL_IS_LOCAL, LocalTarget, has_aws_credentials, shell_is_local
from bbws_access.cli.terraform import find_terraform
from bbws_access.commands.options import DeployPlace, JsonOption, SeedPlace, SkipAccountOption, Values, YesOption
from bbws_access.commands.places import account_findings, data_target, deploy_target, plan_values, working_target
from bbws_access.commands.screen import agreed, show_plan
from bbws_access.packaging import FUNCTIONS


def bootstrap(*, place: DeployPlace, values: Values) -> None:
    """Make the buckets that hold Terraform's state and the functions' packages. Doing it again changes nothing."""
    from bbws_access.cli import storage

    target = deploy_target(place, values)
    with step("Buckets") as current:
        storage.bootstrap(target.s3, target.environment)
        current.result = f"{target.environment.state_bucket}, {target.environment.artifacts_bucket}"


def package(
    *,
    functions: Annotated[list[str] | None, typer.Argument(metavar="[FUNCTION]...", help="All unless named.")] = None,
    target: Annotated[str, typer.Option(help="aws (arm64, Python 3.12) or local (this machine).")] = "aws",
    json_: JsonOption = False,
) -> None:
    """Make the functions' packages: the same inputs give the same bytes on any machine."""
    from bbws_access import packaging

    if target not in ("aws", "local"):
        raise UsageError(f"There is no target {target!r}.", "The targets are aws and local.")
    for name in functions or ():
        if name not in FUNCTIONS:
            raise UsageError(f"There is no function {name!r}.", f"The functions are {', '.join(sorted(FUNCTIONS))}.")
    project = find_project()
    with step("Packages") as current:
        current.say("compiling")
        made = packaging.package(target, functions or (), root=project.root)
        current.result = str(made.tfvars.parent.relative_to(project.root))
    if json_:
        facts = {
            item.function: {
                "path": str(item.path),
                "sha256": item.sha256,
                "size": item.size,
                "unzipped": item.unzipped,
                "s3_key": item.s3_key,
                "built": item.built,
            }
            for item in made
        }
        print(json.dumps(facts, indent=2))
        return
    table = Table("function", "zip", "unzipped", "SHA-256", "", box=None, header_style="dim")
    for item in made:
        state = "built" if item.built else "unchanged"
        table.add_row(item.function, size(item.size), size(item.unzipped), item.sha256[:16], state)
    out.print(table)


def plan(*, place: DeployPlace, skip_account: SkipAccountOption = False, values: Values) -> None:
    """Show what `apply` would do. Without AWS credentials it plans against an empty local AWS, and says so.

    On AWS it first says what the account lacks, as `doctor --aws` does.
    """
    from bbws_access.cli import deploy, protection, replicas, shared

    find_terraform()
    if place.local or has_aws_credentials():
        target = deploy_target(place, values)
        if not skip_account:
            for found in account_findings(target):
                note(f"{found.what}: {found.found}. {found.advice}")
        deploy.require_buckets(target)
        report = deploy.make_plan(target, deploy.make_packages(target), lock=False)
        show_plan(report)
        replicas.say_what_is_held(target, report)
        protection.say_what_would_be_lost(target, report)
        shared.say_what_others_lose(target, report)
        return
    if shell_is_local():
        note(f"{SHELL_IS_LOCAL} {NEW_SHELL}")
        note(f"Planning {place.environment} against an empty local AWS.")
    else:
        note(f"No AWS credentials were found: planning {place.environment} against an empty local AWS.")
    project = find_project()
    environment = plan_values(project, place.environment, values)
    with deploy.throw_away(lambda folder: LocalTarget(environment, folder), project.build / "plans") as target:
        target.packages = "aws"
        show_plan(deploy.make_plan(target, deploy.make_packages(target)))


def apply(
    *, place: DeployPlace, yes: YesOption = False, skip_account: SkipAccountOption = False, values: Values
) -> None:
    """Deploy an environment, after showing what that changes and asking.

    On AWS it looks first whether the account has what is needed, as `doctor --aws` does, and makes nothing where not.
    A plan that deletes or replaces what is protected, or what a compliance lock holds, is refused.
    """
    from bbws_access.cli import deploy, protection, replicas, shared
    from bbws_access.cli.account import require_account

    with working_target(place, values) as target:
        deploy.refuse_over_unsaved_state(target)
        if not skip_account:
            findings = account_findings(target)
            require_account(findings)
            for found in findings:
                note(f"{found.what}: {found.found}. {found.advice}")
        deploy.require_buckets(target)
        packages = deploy.make_packages(target)
        deploy.upload_packages(target, packages)
        report = deploy.make_plan(target, packages)
        changes = show_plan(report)
        replicas.refuse_what_is_held(target, report)
        protection.refuse_to_lose(target, report)
        shared.say_what_others_lose(target, report)
        if changes and agreed(target, "Apply these changes", yes):
            deploy.apply_plan(target, report)


def destroy(*, place: DeployPlace, yes: YesOption = False, values: Values) -> None:
    """Destroy what Terraform made in an environment, after showing it and asking.

    A protected environment, as PROD is, refuses: lift that first, with `apply --var deletion_protection=false`. What a
    compliance lock holds stays, and is named before anything is destroyed; so is what other environments of the
    account work with.
    """
    from bbws_access.cli import deploy, replicas, shared

    with working_target(place, values) as target:
        deploy.refuse_over_unsaved_state(target)
        deploy.require_buckets(target)
        report, _ = deploy.plan_destroy(target, deploy.make_packages(target))
        changes = show_plan(report)
        replicas.refuse_what_is_held(target, report)
        shared.say_what_others_lose(target, report)
        if changes and agreed(target, "Destroy all of this", yes):
            deploy.apply_plan(target, report, "Destroy")


def seed(*, place: SeedPlace, values: Values, json_: JsonOption = False) -> None:
    """Write the reference data: permissions, platform roles and sets. Doing it again changes nothing."""
    from bbws_access.cli import people

    target, outputs = data_target(place, values)
    report = people.seed(target, outputs)
    if json_:
        print(json.dumps(report, indent=2))
        return
    for kind, counts in report.items():
        out.print(f"{kind}: " + ", ".join(f"{count} {name}" for name, count in counts.items()))
