"""The commands about organisations and people, and for requests as one of them."""

import json
import sys
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from bbws_access.cli.console import err, out
from bbws_access.cli.errors import FAILURE, UsageError
from bbws_access.cli.targets import LocalTarget
from bbws_access.commands.options import DataPlace, JsonOption, Values
from bbws_access.commands.places import data_target


def org_create(
    *,
    name: Annotated[str, typer.Argument(help="Name of the organisation.")],
    id_: Annotated[str | None, typer.Option("--id", help="Its id; a new one is made unless given.")] = None,
    place: DataPlace,
    values: Values,
    json_: JsonOption = False,
) -> None:
    """Tell the services of a new organisation: it gets its default roles and team roles.

    With an id, doing it again changes nothing.
    """
    from bbws_access.cli import people

    target, outputs = data_target(place, values)
    made = people.create_organisation(target, outputs, name, id_)
    if json_:
        print(json.dumps(made, indent=2))
        return
    err.print(f"[green]✓[/green] {escape(made['name'])} {'created' if made['created'] else 'already exists'}")
    print(made["organisationId"])


def user_create(
    *,
    email: Annotated[str, typer.Argument(help="E-mail address that the person signs in with.")],
    organisation: Annotated[str, typer.Option("--organisation", "-o", help="Id of the person's organisation.")],
    role: Annotated[str, typer.Option(help="Name or id of the role that the person gets there.")] = "ORG_ADMIN",
    platform: Annotated[
        bool, typer.Option("--platform", help="The role is one of the platform's and reaches every organisation.")
    ] = False,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    place: DataPlace,
    values: Values,
    json_: JsonOption = False,
) -> None:
    """Make a person who can sign in. On AWS they are invited by e-mail; locally a password is generated and kept."""
    from bbws_access.cli import people

    target, outputs = data_target(place, values)
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
    err.print(f"[green]✓[/green] {escape(address)} {'created' if made['created'] else 'already exists'}")
    print(made["userId"])


def user_deactivate(
    *,
    person: Annotated[
        str, typer.Argument(help="E-mail address of the person; or their user id, also where the account is gone.")
    ],
    organisation: Annotated[
        str | None, typer.Option("--organisation", "-o", help="Only in the organisation with this id.")
    ] = None,
    place: DataPlace,
    values: Values,
    json_: JsonOption = False,
) -> None:
    """End all roles and memberships of a person who has left, at once, who then cannot sign in either.

    With an organisation, end them there and nowhere else.
    """
    from bbws_access.cli import people

    target, outputs = data_target(place, values)
    done = people.deactivate_user(target, outputs, person, organisation)
    if json_:
        print(json.dumps(done, indent=2))
        return
    where = f"in {organisation}" if organisation else "everywhere, and cannot sign in"
    err.print(f"[green]✓[/green] {escape(done['email'] or done['userId'])} deactivated {escape(where)}")
    if done["email"] is None:
        err.print("  there is no account")
    for role in done["platformRoles"]:
        err.print(f"  {role} is taken away")
    print(done["userId"])


def user_list(
    *,
    without_account: Annotated[
        bool, typer.Option("--without-account", help="Only people whose account is gone or disabled.")
    ] = False,
    place: DataPlace,
    values: Values,
    json_: JsonOption = False,
) -> None:
    """List everybody who holds a role or a membership anywhere, and whether they have an account.

    Whoever has none can be deactivated by user id.
    """
    from bbws_access.cli import holders

    target, outputs = data_target(place, values)
    found = holders.find_holders(target, outputs)
    if without_account:
        found = [one for one in found if one.account != holders.ENABLED]
    if json_:
        print(json.dumps([one.as_json() for one in found], indent=2))
        return
    table = Table("user id", "e-mail", "account", "holds", "in", box=None, header_style="dim")
    for one in found:
        held = [*one.platformRoles, f"{one.roles} roles, {one.memberships} memberships"]
        style = "" if one.account == holders.ENABLED else "yellow"
        table.add_row(
            one.userId, escape(one.email or "-"), one.account, ", ".join(held), " ".join(one.organisations), style=style
        )
    out.print(table)


def token(
    *,
    email: Annotated[str, typer.Argument(help="Who signs in.")],
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    place: DataPlace,
    values: Values,
) -> None:
    """Sign in and write the access token, and nothing else, to standard output."""
    from bbws_access.cli.sign_in import sign_in_as

    target, outputs = data_target(place, values)
    password = sys.stdin.readline().rstrip("\n") if password_stdin else None
    print(sign_in_as(target, outputs, email, password))


def api(
    *,
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
    place: DataPlace,
    values: Values,
) -> None:
    """Call the API signed in, and write its answer. Exits with 1 when that is an error."""
    from bbws_access.cli import api as requests
    from bbws_access.cli import people
    from bbws_access.cli.sign_in import sign_in_as

    method = requests.check_request(method, path)
    if anonymous and as_:
        raise UsageError("--anonymous and --as exclude each other.")
    body = requests.read_body(data)
    target, outputs = data_target(place, values)
    token = None
    if not anonymous:
        email = as_ or (target.read(people.DEMO).get("email") if isinstance(target, LocalTarget) else None)
        if email is None:
            raise UsageError("Nobody is named who calls.", "Add --as EMAIL, or --anonymous.")
        token = sign_in_as(target, outputs, email)
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
