"""The commands about organisations."""

import json
import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.table import Table

from bbws_access.cli.console import confirm, err, escape, note, step
from bbws_access.cli.errors import FAILURE, ToolError
from bbws_access.commands.options import DataPlace, JsonOption, PageSizeOption, StartAtOption, Values, YesOption
from bbws_access.commands.places import data_target
from bbws_access.commands.screen import counted, further_pages, show_facts, show_whole

OrganisationArgument = Annotated[str, typer.Argument(help="Id of the organisation.")]
SameNameOption = Annotated[
    bool, typer.Option("--same-name", help="Go on also where another organisation has that name.")
]
_NAMED = 5  # administrators on the screen; JSON has all


def org_create(
    *,
    name: Annotated[str, typer.Argument(help="Name of the organisation.")],
    id_: Annotated[str | None, typer.Option("--id", help="Its id; a new one is made unless given.")] = None,
    same_name: SameNameOption = False,
    place: DataPlace,
    values: Values,
    json_: JsonOption = False,
) -> None:
    """Tell the services of a new organisation: it gets its default roles and team roles.

    A name that another organisation has is refused. With the id of one that is there, doing it again changes nothing.
    """
    from bbws_access.cli import organisations, people

    target, outputs = data_target(place, values)

    def check_new(name: str, org_id: str) -> None:
        organisations.check_name_is_free(target, outputs, name, besides=org_id, flag="--same-name")

    made = people.create_organisation(target, outputs, name, id_, None if same_name else check_new)
    if json_:
        print(json.dumps(made, indent=2))
        return
    err.print(f"[green]✓[/green] {escape(made['name'])} {'created' if made['created'] else 'already exists'}")
    print(made["organisationId"])


def org_list(
    *,
    find: Annotated[
        str | None, typer.Option("--find", metavar="TEXT", help="Only those whose name or id contains the text.")
    ] = None,
    closed: Annotated[
        bool | None, typer.Option("--closed/--open", help="Only those that are closed, or only those that are open.")
    ] = None,
    page_size: PageSizeOption = 50,
    start_at: StartAtOption = None,
    place: DataPlace,
    values: Values,
    json_: JsonOption = False,
) -> None:
    """List the organisations, by id."""
    from bbws_access.cli import organisations
    from bbws_access.cli.records import page

    target, outputs = data_target(place, values)
    found = organisations.every(target, outputs)
    if find is not None:
        wanted = find.casefold()
        found = [one for one in found if wanted in one["name"].casefold() or wanted in one["organisationId"]]
    if closed is not None:
        found = [one for one in found if one["state"] == (organisations.CLOSED if closed else organisations.OPEN)]
    shown = page(found, lambda one: one["organisationId"], start_at, page_size)
    if json_:
        print(json.dumps(shown, indent=2))
        return
    table = Table("id", "name", "made", "state", box=None, header_style="dim")
    for one in shown["items"]:
        table.add_row(one["organisationId"], escape(one["name"]), one["dateCreated"][:10], _state(one))
    show_whole(table)
    further_pages(shown, "organisations")


def org_show(
    *, organisation: OrganisationArgument, place: DataPlace, values: Values, json_: JsonOption = False
) -> None:
    """Show what is in an organisation, and who administers it."""
    from bbws_access.cli import organisations

    target, outputs = data_target(place, values)
    found = organisations.show(target, outputs, organisation)
    if json_:
        print(json.dumps(found, indent=2))
        return
    show_facts(_facts(found))


def _state(one: Mapping[str, Any]) -> str:
    return "open" if one["closedAt"] is None else f"closed {one['closedAt'][:10]} by {one['closedBy']}"


def _facts(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is in an organisation, for the screen."""
    who = [one["email"] or one["userId"] for one in found["administrators"]]
    named = ", ".join(who[:_NAMED]) + (f" and {len(who) - _NAMED} more" if len(who) > _NAMED else "")
    return [
        ("Organisation", found["name"]),
        ("Id", found["organisationId"]),
        ("Made", f"{found['dateCreated'][:10]} by {found['createdBy']}"),
        ("State", _state(found)),
        ("Administrators", named or "nobody"),
        ("People", f"{found['people']:,}"),
        ("Teams", f"{found['teams']:,}"),
        ("Roles", f"{found['roles']:,}, permission sets of its own {found['permissionSets']:,}"),
        ("Invitations", f"{found['pendingInvitations']:,} pending"),
    ]


def org_close(
    *,
    organisation: OrganisationArgument,
    yes: YesOption = False,
    place: DataPlace,
    values: Values,
    json_: JsonOption = False,
) -> None:
    """Close an organisation for good: everybody leaves it at once, and nothing in it changes any more.

    Asks for its name first. Nothing is deleted. Cut off in between, the same command goes on.
    """
    from bbws_access.cli import closing, organisations

    target, outputs = data_target(place, values)
    found = organisations.show(target, outputs, organisation)
    if found["state"] == organisations.OPEN and not yes:
        _ask_to_close(found)
    with step("Closing") as current:
        done = closing.close(target, outputs, organisation, current.say)
        current.result = _ended(done["ended"])
    if json_:
        print(json.dumps(done, indent=2))
        return
    when = f"{done['closedAt'][:16].replace('T', ' ')} UTC by {done['closedBy']}"
    text = "is closed" if done["closed"] else f"was closed before: {when}"
    err.print(f"[green]✓[/green] {escape(done['name'])} {escape(text)}")
    print(done["organisationId"])


def _ended(numbers: Mapping[str, int]) -> str:
    """What ended, for the screen."""
    texts = [f"the access of {numbers['people']:,} people"] if numbers["people"] else []
    texts += [text for name, one in _ENDED.items() if (text := counted(numbers[name], one))]
    return f"ended {', '.join(texts)}" if texts else "nothing was left to end"


_ENDED = {
    "roles": "role",
    "teamRoles": "team role",
    "permissionSets": "permission set",
    "teams": "team",
    "invitations": "invitation",
}


def _ask_to_close(found: Mapping[str, Any]) -> None:
    """Show what will end, and go on only where the user types the organisation's name. Raises ToolError."""
    if not sys.stdin.isatty():
        raise ToolError("Nobody is at the terminal to agree.", "Add --yes to go on without being asked.")
    for name, value in _facts(found):
        err.print(f"  [dim]{name:<14}[/dim]  {escape(value)}")
    name = found["name"]
    if not confirm(f"All of this ends, for good. Type the organisation's name, {name!r}, to close it:", name):
        note("Nothing was changed.")
        raise typer.Exit(FAILURE)


def org_rename(
    *,
    organisation: OrganisationArgument,
    name: Annotated[str, typer.Argument(help="Its new name.")],
    same_name: SameNameOption = False,
    place: DataPlace,
    values: Values,
    json_: JsonOption = False,
) -> None:
    """Give an organisation another name, which mails and lists show from then on. Its id stays."""
    from bbws_access.cli import organisations

    target, outputs = data_target(place, values)
    done = organisations.rename(target, outputs, organisation, name, same_name=same_name)
    if json_:
        print(json.dumps(done, indent=2))
        return
    text = f"was {done['before']}, is {done['name']}" if done["renamed"] else f"is {done['name']} already"
    err.print(f"[green]✓[/green] {organisation} {escape(text)}")
