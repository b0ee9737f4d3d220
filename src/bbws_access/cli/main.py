"""`bbws-access`: the commands."""

import contextlib
import errno
import json
import os
import shlex
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table
from typer.exceptions import TyperException

from bbws_access.cli.console import confirm, err, note, out, remark, seconds, show_error, size, step
from bbws_access.cli.environments import Environment, load_environment
from bbws_access.cli.errors import (
    DRIFT_FOUND,
    FAILURE,
    InterruptedByUserError,
    NotRunningError,
    ToolError,
    UsageError,
)
from bbws_access.cli.project import Project, find_project
from bbws_access.cli.targets import (
    LOCAL_VALUES,
    NEW_SHELL,
    SHELL_IS_LOCAL,
    AwsTarget,
    LocalTarget,
    Target,
    has_aws_credentials,
    local_environment,
    local_folder,
    require_aws_credentials,
    running_target,
    shell_is_local,
)
from bbws_access.local_aws import LocalAwsError
from bbws_access.packaging import FUNCTIONS, PackagingError

EXIT_CODES = (
    "Exit codes: 0 done, 1 failure, 2 wrong usage or values, 3 the local AWS is not running, 4 drift was found, "
    "130 interrupted."
)

app = typer.Typer(
    help=f"Access management on AWS, and an AWS on your own machine to try it on.\n\n{EXIT_CODES}",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
org = typer.Typer(help="Organisations.", no_args_is_help=True)
user = typer.Typer(help="People who sign in.", no_args_is_help=True)
app.add_typer(org, name="org")
app.add_typer(user, name="user")

EnvironmentArgument = Annotated[str, typer.Argument(metavar="ENV", help="dev, sit, prod or another of yours.")]
EnvironmentOption = Annotated[str, typer.Option("--environment", "-e", help="Environment whose values are used.")]
FolderOption = Annotated[
    Path | None, typer.Option("--folder", help="Folder of the local AWS; .local-aws/ENVIRONMENT unless given.")
]
PortOption = Annotated[int | None, typer.Option("--port", min=1, max=65535, help="Port of the local AWS on 127.0.0.1.")]
VarOption = Annotated[
    list[str] | None,
    typer.Option("--var", metavar="NAME=VALUE", help="A value of a Terraform variable; may be repeated."),
]
VarFileOption = Annotated[
    list[Path] | None, typer.Option("--var-file", help="A file of further values; may be repeated.")
]
LocalOption = Annotated[bool, typer.Option("--local", help="Work on the environment's local AWS, which must be up.")]
WhereOption = Annotated[
    bool | None,
    typer.Option("--local/--aws", help="Where to work; the local AWS if it is up, else AWS, unless given."),
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON for machines.")]


# --- The local AWS ---------------------------------------------------------------------------------------------------


@app.command()
def up(
    environment: EnvironmentOption = "dev",
    folder: FolderOption = None,
    port: PortOption = None,
    var: VarOption = None,
    var_file: VarFileOption = None,
) -> None:
    """Start the local AWS and deploy everything to it. Harmless and fast when it is up already."""
    from bbws_access.cli import deploy

    project = find_project()
    target = LocalTarget(_local_environment(project, environment, var, var_file), folder, port)
    deployment = deploy.up(target)
    target.write("values.json", {"arguments": var or [], "files": [str(path.resolve()) for path in var_file or []]})
    _show_deployment(deployment)


@app.command()
def down(
    environment: EnvironmentOption = "dev",
    folder: FolderOption = None,
    destroy: Annotated[bool, typer.Option("--destroy", help="Destroy everything first, and keep nothing.")] = False,
) -> None:
    """Stop the local AWS. Its state is kept, unless --destroy."""
    from bbws_access.cli import deploy

    target = _known_target(find_project(), environment, folder)
    if not deploy.down(target, destroy=destroy):
        note(f"The local AWS of {environment} was not running.")


@app.command()
def status(environment: EnvironmentOption = "dev", folder: FolderOption = None, json_: JsonOption = False) -> None:
    """Say whether the local AWS is up and where it is. Exits with 3 when it is not."""
    facts = _facts(find_project(), environment, folder)
    if json_:
        out.print_json(json.dumps(facts))
    else:
        for name, value in facts.items():
            lines = list(value.values()) if isinstance(value, dict) else [value]
            for number, line in enumerate(lines or [None]):
                out.print(f"[dim]{name if number == 0 else '':<17}[/dim]{escape('-' if line is None else str(line))}")
    if not facts["running"]:
        raise typer.Exit(NotRunningError.exit_code)


@app.command()
def env(environment: EnvironmentOption = "dev", folder: FolderOption = None, json_: JsonOption = False) -> None:
    """Write shell exports that make `aws`, boto3 and Terraform talk to the local AWS: eval "$(bbws-access env)"."""
    target = _up_target(find_project(), environment, folder)
    target.enter()
    outputs = target.outputs()
    values = target.aws.environment() | {
        "BBWS_ACCESS_API_URL": target.api_url(outputs),
        "BBWS_ACCESS_ENVIRONMENT": environment,
    }
    if json_:
        print(json.dumps(values, indent=2))
        return
    for name, value in values.items():
        print(f"export {name}={shlex.quote(value)}")


# --- Environments ----------------------------------------------------------------------------------------------------


@app.command()
def bootstrap(
    environment: EnvironmentArgument,
    local: LocalOption = False,
    folder: FolderOption = None,
    var: VarOption = None,
    var_file: VarFileOption = None,
) -> None:
    """Make the buckets that hold Terraform's state and the functions' packages. Doing it again changes nothing."""
    from bbws_access.cli import storage

    target = _deploy_target(find_project(), environment, local, folder, var, var_file)
    with step("Buckets") as current:
        storage.bootstrap(target.s3, target.environment)
        current.result = f"{target.environment.state_bucket}, {target.environment.artifacts_bucket}"


@app.command(name="package")
def package_(
    functions: Annotated[list[str] | None, typer.Argument(metavar="[FUNCTION]...", help="All unless named.")] = None,
    target: Annotated[str, typer.Option(help="aws (arm64, Python 3.12) or local (this machine).")] = "aws",
    json_: JsonOption = False,
) -> None:
    """Make the functions' packages: the same inputs give the same bytes on any machine."""
    from bbws_access.packaging import package

    if target not in ("aws", "local"):
        raise UsageError(f"There is no target {target!r}.", "The targets are aws and local.")
    for name in functions or ():
        if name not in FUNCTIONS:
            raise UsageError(f"There is no function {name!r}.", f"The functions are {', '.join(sorted(FUNCTIONS))}.")
    project = find_project()
    with step("Packages") as current:
        current.say("compiling")
        made = package(target, functions or (), root=project.root)
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


@app.command()
def plan(
    environment: EnvironmentArgument,
    local: LocalOption = False,
    folder: FolderOption = None,
    var: VarOption = None,
    var_file: VarFileOption = None,
) -> None:
    """Show what `apply` would do. Without AWS credentials it plans against an empty local AWS, and says so."""
    from bbws_access.cli import deploy

    project = find_project()
    if local or has_aws_credentials():
        target = _deploy_target(project, environment, local, folder, var, var_file)
        deploy.require_buckets(target)
        _show_plan(deploy.make_plan(target, deploy.make_packages(target)))
        return
    if shell_is_local():
        note(f"{SHELL_IS_LOCAL} {NEW_SHELL}")
        note(f"Planning {environment} against an empty local AWS.")
    else:
        note(f"No AWS credentials were found: planning {environment} against an empty local AWS.")
    values = load_environment(
        project, environment, arguments=_without_account(var), files=var_file or (), supplied=LOCAL_VALUES
    )
    with deploy.throw_away(lambda place: LocalTarget(values, place), project.build / "plans") as target:
        target.packages = "aws"
        _show_plan(deploy.make_plan(target, deploy.make_packages(target)))


@app.command()
def apply(
    environment: EnvironmentArgument,
    local: LocalOption = False,
    folder: FolderOption = None,
    yes: YesOption = False,
    var: VarOption = None,
    var_file: VarFileOption = None,
) -> None:
    """Deploy an environment, after showing what that changes and asking."""
    from bbws_access.cli import deploy

    with _working_target(environment, local, folder, var, var_file) as target:
        deploy.require_buckets(target)
        packages = deploy.make_packages(target)
        deploy.upload_packages(target, packages)
        report = deploy.make_plan(target, packages)
        if _show_plan(report) and _agreed(target, "Apply these changes", yes):
            deploy.apply_plan(target, report)


@app.command()
def destroy(
    environment: EnvironmentArgument,
    local: LocalOption = False,
    folder: FolderOption = None,
    yes: YesOption = False,
    var: VarOption = None,
    var_file: VarFileOption = None,
) -> None:
    """Destroy what Terraform made in an environment, after showing it and asking."""
    from bbws_access.cli import deploy

    with _working_target(environment, local, folder, var, var_file) as target:
        deploy.require_buckets(target)
        report = deploy.make_plan(target, deploy.make_packages(target), destroy=True)
        if _show_plan(report) and _agreed(target, "Destroy all of this", yes):
            deploy.apply_plan(target, report, "Destroy")


@app.command()
def verify(
    env: Annotated[
        list[str] | None, typer.Option("--env", metavar="ENV", help="Environment to prove; may be repeated.")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="WORKER", help="Worker, or module, to run alone; may be repeated."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", help="Folder for the files; else .build/verify, in it partial/ for a part of it."),
    ] = None,
    json_: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="Write the report as JSON; - for standard output.")
    ] = None,
    junit: Annotated[Path | None, typer.Option("--junit", metavar="FILE", help="Write JUnit XML for CI.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Answer nothing from earlier runs.")] = False,
    time_limit: Annotated[float, typer.Option("--time-limit", min=1, help="Seconds that a worker may take.")] = 900,
) -> None:
    """Prove every module for every environment, offline, by its plans, tests and scanners, and write it down."""
    from bbws_access.verify import command
    from bbws_access.verify.engine import Options

    options = Options(tuple(env or ()), tuple(only or ()), output, fresh, time_limit)
    raise typer.Exit(command.run(options, json_, junit))


@app.command()
def drift(
    environment: EnvironmentArgument,
    local: LocalOption = False,
    folder: FolderOption = None,
    var: VarOption = None,
    var_file: VarFileOption = None,
    json_: JsonOption = False,
) -> None:
    """Show what was changed in an environment without Terraform. Exits with 4 when anything was; changes nothing."""
    from bbws_access.cli import deploy
    from bbws_access.verify.compare.drift import find_drift
    from bbws_access.verify.compare.show import show_drift

    with _working_target(environment, local, folder, var, var_file) as target:
        deploy.require_buckets(target)
        target.outputs()
        found = find_drift(target)
    if json_:
        print(json.dumps([item.to_json() for item in found], indent=2))
    else:
        show_drift(found)
    if found:
        raise typer.Exit(DRIFT_FOUND)


@app.command()
def diff(
    left: Annotated[str, typer.Argument(metavar="ENV", help="An environment, such as the one to promote from.")],
    right: Annotated[str, typer.Argument(metavar="ENV", help="The one to compare it with.")],
    var: VarOption = None,
    var_file: VarFileOption = None,
    json_: JsonOption = False,
) -> None:
    """Show what differs between two environments' plans, their names and regions aside. Needs no AWS credentials."""
    from bbws_access.verify.compare.plans import compare, plan_without_credentials
    from bbws_access.verify.compare.show import show_comparison

    project = find_project()
    pair = [
        load_environment(project, name, arguments=_without_account(var), files=var_file or (), supplied=LOCAL_VALUES)
        for name in (left, right)
    ]
    plans = [plan_without_credentials(values, project.build / "plans") for values in pair]
    comparison = compare(pair[0], plans[0], pair[1], plans[1])
    if json_:
        print(json.dumps(comparison.to_json(), indent=2))
    else:
        show_comparison(comparison)


@app.command()
def seed(
    environment: EnvironmentArgument,
    local: WhereOption = None,
    folder: FolderOption = None,
    var: VarOption = None,
    var_file: VarFileOption = None,
    json_: JsonOption = False,
) -> None:
    """Write the reference data: permissions, platform roles and sets. Doing it again changes nothing."""
    from bbws_access.cli import people

    target, outputs = _data_target(environment, local, folder, var, var_file)
    report = people.seed(target, outputs)
    if json_:
        print(json.dumps(report, indent=2))
        return
    for kind, counts in report.items():
        out.print(f"{kind}: " + ", ".join(f"{count} {name}" for name, count in counts.items()))


# --- People ----------------------------------------------------------------------------------------------------------


@org.command("create")
def org_create(
    name: Annotated[str, typer.Argument(help="Name of the organisation.")],
    id_: Annotated[str | None, typer.Option("--id", help="Its id; a new one is made unless given.")] = None,
    environment: EnvironmentOption = "dev",
    local: WhereOption = None,
    folder: FolderOption = None,
    var: VarOption = None,
    var_file: VarFileOption = None,
    json_: JsonOption = False,
) -> None:
    """Tell the services of a new organisation: it gets its default roles and team roles.

    With an id, doing it again changes nothing.
    """
    from bbws_access.cli import people

    target, outputs = _data_target(environment, local, folder, var, var_file)
    made = people.create_organisation(target, outputs, name, id_)
    if json_:
        print(json.dumps(made, indent=2))
        return
    err.print(f"[green]✓[/green] {escape(made['name'])} {'made' if made['created'] else 'was there already'}")
    print(made["organisationId"])


@user.command("create")
def user_create(
    email: Annotated[str, typer.Argument(help="E-mail address that the person signs in with.")],
    organisation: Annotated[str, typer.Option("--organisation", "-o", help="Id of the person's organisation.")],
    role: Annotated[str, typer.Option(help="Name or id of the role that the person gets there.")] = "ORG_ADMIN",
    platform: Annotated[
        bool, typer.Option("--platform", help="The role is one of the platform's and reaches every organisation.")
    ] = False,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    environment: EnvironmentOption = "dev",
    local: WhereOption = None,
    folder: FolderOption = None,
    var: VarOption = None,
    var_file: VarFileOption = None,
    json_: JsonOption = False,
) -> None:
    """Make a person who can sign in. On AWS they are invited by e-mail; locally a password is generated and kept."""
    from bbws_access.cli import people

    target, outputs = _data_target(environment, local, folder, var, var_file)
    address = people.check_email(email)
    password = sys.stdin.readline().rstrip("\n") if password_stdin else None
    if password_stdin and not password:
        raise UsageError("Standard input holds no password.")
    generated = password is None and isinstance(target, LocalTarget)
    if generated:
        password = people.remembered_password(target, address) or people.generate_password()
    made = people.create_user(target, outputs, address, organisation, role, password, platform=platform)
    if made["created"] and isinstance(target, LocalTarget):
        people.remember_password(target, address, password)
    if json_:
        print(json.dumps(made, indent=2))
        return
    err.print(f"[green]✓[/green] {escape(address)} {'made' if made['created'] else 'was there already'}")
    print(made["userId"])


@user.command("deactivate")
def user_deactivate(
    email: Annotated[str, typer.Argument(help="E-mail address of the person.")],
    organisation: Annotated[
        str | None, typer.Option("--organisation", "-o", help="Only in the organisation with this id.")
    ] = None,
    environment: EnvironmentOption = "dev",
    local: WhereOption = None,
    folder: FolderOption = None,
    var: VarOption = None,
    var_file: VarFileOption = None,
    json_: JsonOption = False,
) -> None:
    """End all roles and memberships of a person who has left, who then cannot sign in either.

    With an organisation, end them there and nowhere else.
    """
    from bbws_access.cli import people

    target, outputs = _data_target(environment, local, folder, var, var_file)
    done = people.deactivate_user(target, outputs, email, organisation)
    if json_:
        print(json.dumps(done, indent=2))
        return
    where = f"in {organisation}" if organisation else "everywhere, and cannot sign in"
    err.print(f"[green]✓[/green] {escape(done['email'])} deactivated {escape(where)}")
    for role in done["platformRoles"]:
        err.print(f"  {role} is taken away")
    print(done["userId"])


@app.command()
def token(
    email: Annotated[str, typer.Argument(help="Who signs in.")],
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    environment: EnvironmentOption = "dev",
    local: WhereOption = None,
    folder: FolderOption = None,
    var: VarOption = None,
    var_file: VarFileOption = None,
) -> None:
    """Sign in and write the access token, and nothing else, to standard output."""
    from bbws_access.cli import people

    target, outputs = _data_target(environment, local, folder, var, var_file)
    password = sys.stdin.readline().rstrip("\n") if password_stdin else None
    print(people.sign_in_as(target, outputs, email, password))


@app.command()
def mail(
    to: Annotated[str, typer.Argument(metavar="EMAIL", help="Whom it was sent to.")],
    environment: EnvironmentOption = "dev",
    folder: FolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the newest mail to somebody, as the local AWS sent it. Waits a moment for one that is on its way."""
    from bbws_access.cli import mails

    target = _up_target(find_project(), environment, folder)
    found = mails.newest(target, to)
    if as_json:
        print(json.dumps(found._asdict(), ensure_ascii=False))
        return
    out.print(f"[dim]From:[/dim] {escape(found.sender)}\n[dim]Subject:[/dim] {escape(found.subject)}\n")
    print(found.text)


@app.command()
def api(
    method: Annotated[str, typer.Argument(help="GET, POST, PUT or DELETE.")],
    path: Annotated[str, typer.Argument(help="Path below the base path, such as /organisations/org-demo/roles.")],
    as_: Annotated[
        str | None, typer.Option("--as", metavar="EMAIL", help="Who calls; locally the demo's administrator.")
    ] = None,
    anonymous: Annotated[bool, typer.Option("--anonymous", help="Call without signing in.")] = False,
    data: Annotated[
        str | None, typer.Option("--data", "-d", metavar="JSON|@FILE|-", help="The body; - reads standard input.")
    ] = None,
    include: Annotated[bool, typer.Option("--include", "-i", help="Write status and headers first.")] = False,
    environment: EnvironmentOption = "dev",
    local: WhereOption = None,
    folder: FolderOption = None,
    var: VarOption = None,
    var_file: VarFileOption = None,
) -> None:
    """Call the API signed in, and write its answer. Exits with 1 when that is an error."""
    from bbws_access.cli import api as requests
    from bbws_access.cli import people

    method = requests.check_request(method, path)
    if anonymous and as_:
        raise UsageError("--anonymous and --as exclude each other.")
    body = requests.read_body(data)
    target, outputs = _data_target(environment, local, folder, var, var_file)
    token = None
    if not anonymous:
        email = as_ or (target.read("demo.json").get("email") if isinstance(target, LocalTarget) else None)
        if email is None:
            raise UsageError("Nobody is named who calls.", "Add --as EMAIL, or --anonymous.")
        token = people.sign_in_as(target, outputs, email)
    answer = requests.call(target, outputs, method, path, token=token, body=body)
    if include:
        out.print(f"HTTP {answer.status} {escape(answer.reason)}", style="red" if answer.failed else "green")
        for name, value in answer.headers:
            out.print(f"[dim]{escape(name)}:[/dim] {escape(value)}")
        out.print()
    if answer.is_json and out.is_terminal:
        out.print_json(answer.text())
    elif answer.body:
        print(answer.text())
    if answer.failed:
        if not include:
            err.print(f"[red]✗[/red] HTTP {answer.status} {escape(answer.reason)}")
        raise typer.Exit(FAILURE)


@app.command()
def doctor(environment: EnvironmentOption = "dev", folder: FolderOption = None, json_: JsonOption = False) -> None:
    """Check what the tool needs, and say what to do about what is missing."""
    from bbws_access.cli.doctor import examine

    findings = examine(environment, folder)
    if json_:
        print(json.dumps([finding.as_json() for finding in findings], indent=2))
    else:
        table = Table("", "what", "found", "to do", box=None, header_style="dim")
        signs = {"good": "[green]✓[/green]", "warning": "[yellow]•[/yellow]", "bad": "[red]✗[/red]"}
        for finding in findings:
            table.add_row(signs[finding.state], finding.what, escape(finding.found), escape(finding.advice))
        out.print(table)
    if any(finding.state == "bad" for finding in findings):
        raise typer.Exit(FAILURE)


# --- Choosing where to work ------------------------------------------------------------------------------------------


def _local_environment(
    project: Project, name: str, var: list[str] | None = None, var_file: list[Path] | None = None
) -> Environment:
    return local_environment(project, name, arguments=var or (), files=var_file or ())


def _without_account(var: list[str] | None) -> list[str]:
    """A plan on a local AWS is of the local AWS's account, whatever the user's will be."""
    return [item for item in var or () if item.partition("=")[0].strip() not in LOCAL_VALUES]


def _known_target(project: Project, environment: str, folder: Path | None) -> LocalTarget:
    """The local AWS of the environment, running or not, with the values that `up` was given."""
    remembered: dict[str, Any] = {}
    with contextlib.suppress(FileNotFoundError, ValueError):
        remembered = json.loads((local_folder(project, environment, folder) / "values.json").read_text())
    files = [Path(path) for path in remembered.get("files", ())]
    return LocalTarget(_local_environment(project, environment, remembered.get("arguments"), files), folder)


def _up_target(project: Project, environment: str, folder: Path | None) -> LocalTarget:
    """The same, when it is running. Raises NotRunningError."""
    target = _known_target(project, environment, folder)
    return running_target(target)


def _deploy_target(
    project: Project,
    environment: str,
    local: bool,
    folder: Path | None,
    var: list[str] | None,
    var_file: list[Path] | None,
) -> Target:
    """Where to deploy to: AWS, unless the user says otherwise. The process works there from now on."""
    if local:
        if var or var_file:
            target = LocalTarget(_local_environment(project, environment, var, var_file), folder)
        else:
            target = _known_target(project, environment, folder)
        found: Target = running_target(target)
        found.enter()
        return found
    require_aws_credentials()
    target = AwsTarget(load_environment(project, environment, arguments=var or (), files=var_file or ()))
    target.check_account()
    return target


@contextlib.contextmanager
def _working_target(
    environment: str, local: bool, folder: Path | None, var: list[str] | None, var_file: list[Path] | None
) -> Iterator[Target]:
    """The same, with no other run of this tool on it."""
    target = _deploy_target(find_project(), environment, local, folder, var, var_file)
    if not isinstance(target, LocalTarget):
        yield target
        return
    with target.alone():
        target.recover()
        target.release_stale_lock()
        yield target


def _data_target(
    environment: str,
    local: bool | None,
    folder: Path | None,
    var: list[str] | None,
    var_file: list[Path] | None,
) -> tuple[Target, dict[str, Any]]:
    """Where to work on data, and the outputs of what is deployed there; says where, when the user did not."""
    if folder is not None and local is False:
        raise UsageError("--folder names a local AWS, so it excludes --aws.")
    if (local or folder is not None) and (var or var_file):
        raise UsageError(
            "A running local AWS keeps the values that it was brought up with: leave out --var and --var-file."
        )
    project = find_project()
    named = local is not None or folder is not None
    if not named:
        # Values of the user's are for AWS.
        local = not (var or var_file) and _local_is_up(project, environment)
    target: Target
    if local or folder is not None:
        target = _up_target(project, environment, folder)
        target.enter()
    else:
        target = _deploy_target(project, environment, False, None, var, var_file)
    if not named:
        where = f"the local AWS of {environment}" if local else f"AWS account {target.environment.account_id}"
        remark(f"Working on {where}")
    return target, target.outputs()


def _local_is_up(project: Project, environment: str) -> bool:
    """Raises NotRunningError when it is not, and there are no AWS credentials either."""
    try:
        _up_target(project, environment, None)
    except NotRunningError:
        if not has_aws_credentials():
            raise
        return False
    return True


# --- Showing ---------------------------------------------------------------------------------------------------------


def _facts(project: Project, environment: str, folder: Path | None) -> dict[str, Any]:
    """What `status` says. Names of what is deployed are null while nothing is."""
    facts: dict[str, Any] = dict.fromkeys(
        ("running", "environment", "region", "api_url", "endpoint", "ca_bundle", "folder", "user_pool_id", "client_id")
    )
    facts |= {"authorizer_uri": None, "tables": {}, "buckets": {}, "functions": {}}
    facts |= {"organisation_id": None, "admin_email": None}
    target = _known_target(project, environment, folder)
    facts |= {
        "running": False,
        "environment": environment,
        "region": target.environment.region,
        "folder": str(target.folder),
    }
    if not target.folder.is_dir() or not target.aws.is_running():
        return facts
    target.enter()
    facts |= {"running": True, "endpoint": target.aws.endpoint, "ca_bundle": str(target.aws.ca_bundle)}
    with contextlib.suppress(ToolError):
        outputs = target.outputs()
        demo = target.read("demo.json")
        facts |= {
            "api_url": target.api_url(outputs),
            "user_pool_id": outputs["user_pool_id"],
            "client_id": outputs["client_id"],
            "authorizer_uri": outputs.get("authorizer_uri"),
            "tables": outputs["table_names"],
            "buckets": outputs["bucket_names"]
            | {
                "terraform-state": target.environment.state_bucket,
                "artifacts": target.environment.artifacts_bucket,
            },
            "functions": outputs["function_names"],
            "organisation_id": demo.get("organisation_id"),
            "admin_email": demo.get("email"),
        }
    return facts


def _show_deployment(deployment: Any) -> None:
    """The one screen at the end of `up`."""
    target, demo = deployment.target, deployment.demo
    tool = _this_tool()
    options = ""
    if target.environment.name != "dev":
        options += f" --environment {target.environment.name}"
    if target.folder != local_folder(target.project, target.environment.name):
        options += f" --folder {shlex.quote(str(target.folder))}"
    request = (
        f"curl --cacert {shlex.quote(str(target.aws.ca_bundle))} \\\n"
        f'  -H "Authorization: Bearer $({tool} token {demo["email"]}{options})" \\\n'
        f"  {deployment.api_url}/organisations/{demo['organisation_id']}/roles"
    )
    changed = "deployed" if deployment.changed else "up, nothing had changed"
    out.print()
    out.print(f"[bold]{target.environment.prefix}[/bold] is {changed} [dim]({seconds(deployment.took)})[/dim]")
    out.print()
    for name, value in (
        ("API", deployment.api_url),
        ("Reference", f"{deployment.api_url}/docs"),
        ("Organisation", f"{demo['organisation_id']}, administrator {demo['email']}"),
        ("Sign in", f"{tool} token {demo['email']}{options}"),
    ):
        out.print(f"[dim]{name:<14}[/dim]{escape(value)}")
    out.print("\n[dim]A request to paste; it answers 200:[/dim]\n")
    out.print(request, markup=False)
    out.print("\n[dim]What to try next:[/dim]\n")
    for command, meaning in (
        (f'eval "$({tool} env{options})"', "let aws, boto3 and Terraform talk to it"),
        (f'{tool} org create "My company"{options}', "make an organisation of your own"),
        (f"{tool} status{options}", "see where everything is"),
        (f"{tool} down{options}", "stop it; its state is kept"),
    ):
        out.print(f"{escape(command)}  [dim]# {meaning}[/dim]")


def _this_tool() -> str:
    """How the user can call this tool again, from any folder."""
    called = Path(sys.argv[0]).resolve()
    found = shutil.which("bbws-access")
    if found and Path(found).resolve() == called:
        return "bbws-access"
    if called.name == "bbws-access":
        return shlex.quote(str(called))
    return f"{shlex.quote(sys.executable)} -m bbws_access.cli"


def _show_plan(report: Any) -> bool:
    """A table of what changes, by module; returns whether anything does."""
    if not report.changes:
        out.print("Nothing to change.")
        return False
    rows: dict[str, dict[str, int]] = {}
    for change in report.changes:
        row = rows.setdefault(change.module, {})
        for action in ("create", "delete") if change.action == "replace" else (change.action,):
            row[action] = row.get(action, 0) + 1
    table = Table("module", "add", "change", "destroy", box=None, header_style="dim")
    for module in sorted(rows):
        table.add_row(module, *(str(rows[module].get(action, "")) for action in ("create", "update", "delete")))
    counts = report.counts
    table.add_section()
    table.add_row("[bold]all[/bold]", *(str(counts[action]) for action in ("create", "update", "delete")))
    out.print(table)
    for change in report.changes:
        if change.action in ("delete", "replace"):
            out.print(f"  [red]{change.action}[/red] {escape(change.address)}")
    return True


def _agreed(target: Target, question: str, yes: bool) -> bool:
    """Whether the user wants it. Raises ToolError when there is nobody to ask."""
    name = target.environment.name
    if yes:
        return True
    if not sys.stdin.isatty():
        raise ToolError("Nobody is at the terminal to agree.", "Add --yes to go on without being asked.")
    wanted = name if name == "prod" else "yes"
    if confirm(f"{question} in {name}? Type {wanted!r} to go on:", wanted):
        return True
    note("Nothing was changed.")
    return False


# --- Ending ----------------------------------------------------------------------------------------------------------


def main() -> None:
    """Run the tool; never shows a traceback."""
    signal.signal(signal.SIGTERM, _interrupt)
    started = time.monotonic()
    try:
        status_ = app(standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has left.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(FAILURE) from None
    except TyperException as error:
        error.show()
        raise SystemExit(error.exit_code) from None
    except typer.Exit as error:
        raise SystemExit(error.exit_code) from None
    except (typer.Abort, KeyboardInterrupt):
        raise SystemExit(_failed(InterruptedByUserError("Interrupted."))) from None
    except (ToolError, PackagingError, LocalAwsError, OSError) as error:
        raise SystemExit(_failed(_as_tool_error(error))) from None
    except Exception as error:
        raise SystemExit(_failed(_unexpected(error, started))) from None
    raise SystemExit(status_ if isinstance(status_, int) else 0)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _failed(error: ToolError) -> int:
    show_error(error)
    return error.exit_code


def _as_tool_error(error: Exception) -> ToolError:
    if isinstance(error, ToolError):
        return error
    if isinstance(error, PackagingError):
        return ToolError(error.message, error.hint)
    if isinstance(error, OSError) and not isinstance(error, LocalAwsError):
        place = f": {error.filename}" if error.filename else ""
        if error.errno == errno.ENOSPC:
            return ToolError(f"The disk is full{place}.", "Free some space, then run the command again.")
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            return ToolError(f"{error.strerror}{place}.", "Give your user access to it.")
        return ToolError(f"{error.strerror or error}{place}.")
    return ToolError(str(error))


def _unexpected(error: Exception, started: float) -> ToolError:
    """A fault of AWS's, told in one sentence, or of our own, written down in full."""
    from botocore.exceptions import BotoCoreError, ClientError

    if isinstance(error, ClientError):
        details = error.response["Error"]
        return ToolError(f"AWS refuses {error.operation_name}: {details.get('Message') or details['Code']}")
    if isinstance(error, BotoCoreError):
        return ToolError(f"AWS cannot be reached: {error}")
    place = "standard error"
    with contextlib.suppress(ToolError, OSError):
        logs = find_project().logs
        logs.mkdir(parents=True, exist_ok=True)
        path = logs / "crash.log"
        head = f"{shlex.join(sys.argv)} after {time.monotonic() - started:.1f} s"
        path.write_text("\n\n".join((head, "".join(traceback.format_exception(error)))))
        place = str(path)
    return ToolError(
        f"The tool has a fault: {type(error).__name__}: {error}", f"Please report it with {place}, which says where."
    )


if __name__ == "__main__":
    main()
