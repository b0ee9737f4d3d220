"""What the commands show, and ask."""

import contextlib
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

from rich.table import Table

from bbws_access.cli.console import confirm, escape, note, out, seconds
from bbws_access.cli.errors import ToolError
from bbws_access.cli.targets import LocalTarget, Target, local_folder


def facts_of(target: LocalTarget) -> dict[str, Any]:
    """What `status` says. Names of what is deployed are null while nothing is."""
    from bbws_access.cli import people

    facts: dict[str, Any] = dict.fromkeys(
        ("running", "environment", "region", "api_url", "endpoint", "ca_bundle", "folder", "user_pool_id", "client_id")
    )
    facts |= {"authorizer_uri": None, "tables": {}, "buckets": {}, "functions": {}}
    facts |= {"organisation_id": None, "admin_email": None}
    facts |= {
        "running": False,
        "environment": target.environment.name,
        "region": target.environment.region,
        "folder": str(target.folder),
    }
    if not target.folder.is_dir() or not target.aws.is_running():
        return facts
    target.enter()
    facts |= {"running": True, "endpoint": target.aws.endpoint, "ca_bundle": str(target.aws.ca_bundle)}
    with contextlib.suppress(ToolError):
        outputs = target.outputs()
        demo = target.read(people.DEMO)
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


def show_deployment(deployment: Any) -> None:
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
    return f"{shlex.quote(sys.executable)} -m bbws_access.commands"


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
