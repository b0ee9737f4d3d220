"""What the commands show, and ask."""

import re
import shlex
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from rich.table import Table

from bbws_access.cli import advice
from bbws_access.cli.console import confirm, err, escape, note, out, seconds, wide
from bbws_access.cli.errors import ToolError
from bbws_access.cli.targets import LocalTarget, NotDeployedError, PartlyDeployedError, Target
from bbws_access.cli.terraform import Report

# Whether all is well with a local AWS, from nothing to everything.
NONE, STOPPED, EMPTY, PARTLY, UNHEALTHY, WELL = "none", "stopped", "empty", "partly deployed", "unhealthy", "well"


def facts_of(target: LocalTarget) -> dict[str, Any]:
    """What `status` says. Names of what is deployed are null while nothing is."""
    from bbws_access.cli import deploy, people

    facts: dict[str, Any] = dict.fromkeys(
        ("api_url", "endpoint", "ca_bundle", "user_pool_id", "client_id", "authorizer_uri", "organisation_id")
    )
    facts = {
        "state": NONE,
        "running": False,
        "environment": target.environment.name,
        "region": target.environment.region,
        "folder": str(target.folder),
        **facts,
        "admin_email": None,
        "values": list(target.environment.typed[1::2]),
        "tables": {},
        "buckets": {},
        "functions": {},
    }
    if not target.folder.is_dir():
        return facts
    if not target.aws.is_running():
        return facts | {"state": STOPPED}
    target.enter()
    facts |= {"running": True, "endpoint": target.aws.endpoint, "ca_bundle": str(target.aws.ca_bundle)}
    try:
        outputs = target.outputs()
    except PartlyDeployedError:
        return facts | {"state": PARTLY}
    except NotDeployedError:
        return facts | {"state": EMPTY}
    demo = target.read(people.DEMO)
    state = WELL if deploy.is_healthy(target, outputs) else UNHEALTHY
    if target.is_unfinished or not demo:
        state = PARTLY
    return facts | {
        "state": state,
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


def show_status(target: LocalTarget, facts: dict[str, Any]) -> None:
    """First whether all is well, then what a person needs."""
    name, state = target.environment.name, facts["state"]
    up = target.advice("up")
    said = {
        NONE: (f"There is no local AWS for {name}.", f"Make it: {up}"),
        STOPPED: (f"The local AWS of {name} is not running.", f"Start it, as it was: {up}"),
        EMPTY: (f"The local AWS of {name} runs, and nothing is deployed to it.", f"Deploy: {up}"),
        PARTLY: (f"{name} is deployed in part: the last apply was cut off, failed, or is at work.", f"Finish it: {up}"),
        UNHEALTHY: (
            f"{name} is deployed, and its API does not answer as it should.",
            f"Its log is {target.aws.log_file}. Bring it up again: {up}",
        ),
        WELL: (f"{target.environment.prefix} is up, and all is well.", ""),
    }
    message, advised = said[state]
    sign = "[green]✓[/green]" if state == WELL else "[red]✗[/red]"
    out.print(f"{sign} {escape(message)}")
    if advised:
        out.print(f"  {escape(advised)}")
    if facts["api_url"]:
        out.print()
        _show_place(target, facts["api_url"], facts["organisation_id"], facts["admin_email"])
    if state == WELL:
        _show_next(
            (f'eval "$({target.advice("env")})"', "let aws, boto3 and Terraform talk to it"),
            (target.advice("api", "GET", f"/organisations/{facts['organisation_id']}/roles"), "call the API"),
            (target.advice("status", "--json"), "names of tables, buckets and functions"),
            (target.advice("down"), "stop it; its state is kept"),
        )


def show_first_hour() -> None:
    """What somebody needs who has just come."""
    out.print("Access management on AWS, and an AWS on your own machine to try it on. To begin with:\n")
    _show_commands(
        (advice.command("up"), "start the local AWS and deploy everything to it"),
        (advice.command("status"), "see whether all is well, and how to get in"),
        (advice.command("api", "GET", "/organisations/org-demo/roles"), "call the API as the demo's administrator"),
        (advice.command("org", "create", "My company"), "make an organisation of your own"),
        (advice.command("down"), "stop the local AWS; its state is kept"),
    )
    out.print(f"\nAll commands: {escape(advice.command('--help'))}")
    out.print(f"Completion in your shell: {escape(advice.command('--install-completion'))}")


def show_deployment(deployment: Any) -> None:
    """The one screen at the end of `up`."""
    target, demo = deployment.target, deployment.demo
    request = (
        f"curl --cacert {shlex.quote(str(target.aws.ca_bundle))} \\\n"
        f'  -H "Authorization: Bearer $({target.advice("token", demo["email"])})" \\\n'
        f"  {deployment.api_url}/organisations/{demo['organisation_id']}/roles"
    )
    changed = "deployed" if deployment.changed else "up, nothing had changed"
    out.print()
    out.print(f"[bold]{target.environment.prefix}[/bold] is {changed} [dim]({seconds(deployment.took)})[/dim]")
    out.print()
    _show_place(target, deployment.api_url, demo["organisation_id"], demo["email"])
    out.print("\n[dim]A request to paste; it answers 200:[/dim]\n")
    out.print(request, markup=False)
    _show_next(
        (f'eval "$({target.advice("env")})"', "let aws, boto3 and Terraform talk to it"),
        (target.advice("org create", "My company"), "make an organisation of your own"),
        (target.advice("status"), "see how it is"),
        (target.advice("down"), "stop it; its state is kept"),
    )


def _show_place(target: LocalTarget, api_url: str, organisation: str | None, email: str | None) -> None:
    """Where it is, and how to get in."""
    rows = [("API", api_url), ("Reference", f"{api_url}/docs")]
    if organisation and email:
        rows.append(("Organisation", f"{organisation}, administrator {email}"))
        rows.append(("Sign in", target.advice("token", email)))
    rows.append(("Folder", str(target.folder)))
    options, given = target.environment.typed[::2], target.environment.typed[1::2]
    rows += [("Value given" if number == 0 else "", value) for number, value in enumerate(given)]
    if given:
        first = given[0].partition("=")[0] if options[0] == "--var" else given[0]
        rows.append(("", f"stays; to take it back: {target.advice('up', '--unset', first)}"))
    for name, value in rows:
        out.print(f"[dim]{name:<14}[/dim]{escape(value)}")


def _show_next(*commands: tuple[str, str]) -> None:
    out.print("\n[dim]What to try next:[/dim]\n")
    _show_commands(*commands)


def _show_commands(*commands: tuple[str, str]) -> None:
    for command, meaning in commands:
        out.print(f"{escape(command)}  [dim]# {meaning}[/dim]")


def show_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Names and values, one to a line."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for name, value in facts:
        table.add_row(escape(name), escape(value))
    show_whole(table)


def show_whole(table: Table) -> None:
    """A table at its own width: ids are copied from it, so a narrow terminal, or none, cuts none of them short."""
    wide.print(table)


def counted(number: int, what: str) -> str:
    """A number of things; "" for none."""
    return f"{number:,} {what}{'' if number == 1 else 's'}" if number else ""


def further_pages(page: Mapping[str, Any], what: str) -> None:
    """One line below a list that is not all: how many there are, and how to see the others."""
    if page["moreAvailable"]:
        place = shlex.quote(page["startAt"])
        err.print(f"  {page['count']:,} of {page['total']:,} {what}; further ones with --start-at {escape(place)}")
    elif not page["items"]:
        err.print(f"  no {what}")


# What is not new is named one by one.
_MARKED = {"update": "yellow", "replace": "red", "delete": "red"}


def show_plan(report: Any) -> bool:
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
        if colour := _MARKED.get(change.action):
            out.print(f"  [{colour}]{change.action}[/{colour}] {escape(change.address)}")
    return True


_SHOWN = 20
# Made anew whenever what they are made of changes; they hold nothing.
_PASSING = re.compile(r"(^|\.)aws_api_gateway_deployment\.")


def agreed_to_lose(target: Target, report: Report, yes: bool) -> bool:
    """Whether nothing that a plan destroys is missed. Raises ToolError when there is nobody to ask."""
    lost = [
        change
        for change in report.changes
        # What is tainted was half made by an earlier apply.
        if change.action in ("delete", "replace") and change.reason != "tainted" and not _PASSING.search(change.address)
    ]
    if not lost:
        return True
    note(f"This destroys {len(lost)} of what is there:")
    for change in lost[:_SHOWN]:
        err.print(f"  [red]{change.action}[/red] {escape(change.address)}")
    if len(lost) > _SHOWN:
        err.print(f"  and {len(lost) - _SHOWN} more")
    return agreed(target, "Destroy this", yes)


def agreed(target: Target, question: str, yes: bool) -> bool:
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
