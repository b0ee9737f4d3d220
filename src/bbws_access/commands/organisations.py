"""The commands about organisations."""

import json
from typing import Annotated

import typer
from rich.table import Table

from bbws_access.cli.console import err, escape
from bbws_access.commands.options import DataPlace, JsonOption, PageSizeOption, StartAtOption, Values
from bbws_access.commands.places import data_target
from bbws_access.commands.screen import further_pages, show_facts, show_whole

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
    shown = page(found, lambda one: one["organisationId"], start_at, page_size)
    if json_:
        print(json.dumps(shown, indent=2))
        return
    table = Table("id", "name", "made", box=None, header_style="dim")
    for one in shown["items"]:
        table.add_row(one["organisationId"], escape(one["name"]), one["dateCreated"][:10])
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
    who = [one["email"] or one["userId"] for one in found["administrators"]]
    named = ", ".join(who[:_NAMED]) + (f" and {len(who) - _NAMED} more" if len(who) > _NAMED else "")
    show_facts(
        [
            ("Organisation", found["name"]),
            ("Id", found["organisationId"]),
            ("Made", f"{found['dateCreated'][:10]} by {found['createdBy']}"),
            ("Administrators", named or "nobody"),
            ("People", f"{found['people']:,}"),
            ("Teams", f"{found['teams']:,}"),
            ("Roles", f"{found['roles']:,}, permission sets of its own {found['permissionSets']:,}"),
            ("Invitations", f"{found['pendingInvitations']:,} pending"),
        ]
    )


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
