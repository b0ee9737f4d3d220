"""The commands about the local AWS and this machine."""

import json
import shlex
from typing import Annotated

import typer
from rich.table import Table

from bbws_access.cli.console import escape, out
from bbws_access.cli.errors import FAILURE, NotRunningError, UsageError
from bbws_access.cli.terraform import Report
from bbws_access.commands.options import JsonOption, LocalPlace, PortOption, Values, YesOption
from bbws_access.commands.places import aws_target, known_target, remember_values, up_target
from bbws_access.commands.screen import WELL, agreed, agreed_to_lose, facts_of, show_deployment, show_status


def up(
    *,
    place: LocalPlace,
    port: PortOption = None,
    from_snapshot: Annotated[
        bool,
        typer.Option(
            "--from-snapshot", help="In a fresh folder, take over what an earlier `up` of just this deployment made."
        ),
    ] = False,
    yes: YesOption = False,
    values: Values,
    unset: Annotated[
        list[str] | None,
        typer.Option("--unset", metavar="NAME|FILE", help="Take back what --var or --var-file gave; may be repeated."),
    ] = None,
) -> None:
    """Start the local AWS and deploy everything to it. Harmless and fast when it is up already.

    Values stay until they are taken back; `status` shows them. What would be destroyed is shown, and asked about.
    """
    from bbws_access.cli import deploy

    target = known_target(place, values, unset or (), port)

    def before_apply(report: Report) -> None:
        if not agreed_to_lose(target, report, yes):
            raise typer.Exit(FAILURE)
        # From here on there may be something of theirs.
        remember_values(target)

    deployment = deploy.up(target, from_snapshot=from_snapshot, before_apply=before_apply)
    remember_values(target)
    show_deployment(deployment)


def down(
    *,
    place: LocalPlace,
    destroy: Annotated[
        bool, typer.Option("--destroy", help="Destroy everything first, and keep nothing; asks unless --yes.")
    ] = False,
    yes: YesOption = False,
) -> None:
    """Stop the local AWS. Its state is kept, unless --destroy."""
    from bbws_access.cli import deploy

    target = known_target(place)
    if destroy and target.folder.is_dir() and not agreed(target, "Destroy the whole local AWS", yes):
        return
    deploy.down(target, destroy=destroy)


def status(*, place: LocalPlace, json_: JsonOption = False) -> None:
    """Say whether all is well with the local AWS, and where it is.

    Exits with 3 when it is not running, with 1 when what is deployed is not whole or does not answer.
    """
    target = known_target(place)
    facts = facts_of(target)
    if json_:
        out.print_json(json.dumps(facts))
    else:
        show_status(target, facts)
    if not facts["running"]:
        raise typer.Exit(NotRunningError.exit_code)
    if facts["state"] != WELL:
        raise typer.Exit(FAILURE)


def env(*, place: LocalPlace, json_: JsonOption = False) -> None:
    """Write shell exports, for `eval`, that make `aws`, boto3 and Terraform talk to the local AWS."""
    target = up_target(place)
    target.enter()
    outputs = target.outputs()
    values = target.aws.environment() | {
        "BBWS_ACCESS_API_URL": target.api_url(outputs),
        "BBWS_ACCESS_ENVIRONMENT": place.environment,
    }
    if json_:
        print(json.dumps(values, indent=2))
        return
    for name, value in values.items():
        print(f"export {name}={shlex.quote(value)}")


def mail(
    *,
    to: Annotated[str, typer.Argument(metavar="EMAIL", help="Whom it was sent to.")],
    place: LocalPlace,
    as_json: JsonOption = False,
) -> None:
    """Write the newest mail to somebody, as the local AWS sent it. Waits a moment for one that is on its way."""
    from bbws_access.cli import mails

    target = up_target(place)
    found = mails.newest(target, to)
    if as_json:
        print(json.dumps(found._asdict(), ensure_ascii=False))
        return
    out.print(f"[dim]From:[/dim] {escape(found.sender)}\n[dim]Subject:[/dim] {escape(found.subject)}\n")
    print(mails.readable(found))


def doctor(
    *,
    place: LocalPlace,
    aws: Annotated[bool, typer.Option("--aws", help="Look at the environment's AWS account as well.")] = False,
    values: Values,
    json_: JsonOption = False,
) -> None:
    """Check what the tool needs, and say what to do about what is missing.

    With --aws also what the environment needs of its AWS account: quotas, enabled regions, API Gateway's log role, SES.
    """
    from bbws_access.cli.account import examine_account
    from bbws_access.cli.doctor import examine

    if values and not aws:
        raise UsageError("Values are for what the AWS account is looked at with: add --aws.")
    findings = examine(place.environment, lambda: known_target(place))
    if aws:
        target = aws_target(place.environment, values)
        findings += examine_account(target.environment, target.client)
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
