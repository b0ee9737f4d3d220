"""The commands about organisations and people, and for requests as one of them."""

import itertools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from bbws_access.cli.console import Step, err, escape, out, remark, step
from bbws_access.cli.errors import FAILURE, UsageError
from bbws_access.cli.targets import LocalTarget, Target
from bbws_access.commands.options import DataPlace, JsonOption, Values
from bbws_access.commands.places import data_target
from bbws_access.kernel.ids import is_valid_id

_SHOWN = 20  # refused rows on the screen; the report has all


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
    """Sign in and write the token that the API takes, and nothing else, to standard output."""
    from bbws_access.cli.sign_in import sign_in_as

    target, outputs = data_target(place, values)
    password = sys.stdin.readline().rstrip("\n") if password_stdin else None
    print(sign_in_as(target, outputs, email, password))


def invite(
    *,
    file: Annotated[
        Path, typer.Argument(help="CSV, UTF-8; the first line names the columns: email, role, team, teamRole, message.")
    ],
    organisation: Annotated[str, typer.Option("--organisation", "-o", help="Id of the organisation.")],
    role: Annotated[str, typer.Option(help="Name or id of the role, for rows without one.")] = "",
    team: Annotated[str, typer.Option(help="Name or id of the team, for rows without one.")] = "",
    team_role: Annotated[str, typer.Option("--team-role", help="Name or id of the role in the team.")] = "",
    report: Annotated[
        Path | None, typer.Option(help="Where to write who was not invited, and why; FILE.report.csv unless given.")
    ] = None,
    as_: Annotated[
        str | None, typer.Option("--as", metavar="EMAIL", help="Who invites; locally the demo's administrator.")
    ] = None,
    place: DataPlace,
    values: Values,
    json_: JsonOption = False,
) -> None:
    """Invite everybody in a file, at most 100,000. Started again, also after a kill, it goes on where it was.

    What became of each row is kept in FILE.progress. Exits with 1 where a row was refused.
    """
    from bbws_access.cli import api as requests
    from bbws_access.cli import invite as inviting
    from bbws_access.cli.invitees import Invitees
    from bbws_access.cli.sign_in import sign_in_as

    if not is_valid_id(organisation):
        raise UsageError(f"{organisation!r} is no id of an organisation.")
    progress, report = file.with_name(file.name + ".progress"), report or file.with_name(file.name + ".report.csv")
    # Not when everybody is invited.
    inviting.check_report(report, file, progress)
    invitees = Invitees(file, {"role": role, "team": team, "teamRole": team_role})
    target, outputs = data_target(place, values)
    email = _caller(target, as_)
    api = inviting.Api(
        lambda method, path, token, body: requests.call(target, outputs, method, path, token=token, body=body),
        lambda: sign_in_as(target, outputs, email),
    )
    about = {"file": invitees.digest, "organisation": organisation, "api": target.api_url(outputs)}
    with inviting.Journal(progress, about, invitees.rows) as journal:
        try:
            with step("Inviting") as current:
                inviting.Inviting(api, organisation, journal, _teller(current)).run(invitees)
                current.result = inviting.progress(journal.counts(), invitees.rows)
        finally:
            counts = journal.counts()
            refused = inviting.write_report(report, journal.results())
            _show_invited(counts, invitees.rows, report if refused else None, json_=json_)
        if counts[inviting.INVALID]:
            for one in itertools.islice((one for one in journal.results() if one.status == inviting.INVALID), _SHOWN):
                err.print(f"[red]✗[/red] line {one.line}  {escape(one.email or '-')}  {escape(one.message)}")
            raise typer.Exit(FAILURE)


def _teller(current: Step) -> Callable[[str], None]:
    """Tells how far it is: on one line of a terminal, else every tenth time on a line of its own."""
    told = itertools.count()

    def tell(text: str) -> None:
        current.say(text)
        if not err.is_terminal and next(told) % 10 == 0:
            remark(text)

    return tell


def _show_invited(counts: dict[str, int], rows: int, report: Path | None, *, json_: bool) -> None:
    left = rows - sum(counts.values())
    if json_:
        named = {"created": "CREATED", "alreadyInvited": "ALREADY_INVITED", "alreadyMember": "ALREADY_MEMBER"}
        found = {name: counts[status] for name, status in {**named, "invalid": "INVALID"}.items()}
        print(json.dumps({"rows": rows, **found, "left": left, "report": str(report) if report else None}, indent=2))
        return
    table = Table(
        "rows", "invited", "pending before", "members before", "refused", "left", box=None, header_style="dim"
    )
    table.add_row(f"{rows:,}", *(f"{counts[status]:,}" for status in counts), f"{left:,}")
    out.print(table)
    if report is not None:
        err.print(f"  who was not invited, and why: {escape(str(report))}")


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
    from bbws_access.cli.sign_in import sign_in_as

    method = requests.check_request(method, path)
    if anonymous and as_:
        raise UsageError("--anonymous and --as exclude each other.")
    body = requests.read_body(data)
    target, outputs = data_target(place, values)
    token = None
    if not anonymous:
        token = sign_in_as(target, outputs, _caller(target, as_))
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


def review(
    *,
    organisation: Annotated[str, typer.Argument(help="Id of the organisation.")],
    as_: Annotated[
        str | None, typer.Option("--as", metavar="EMAIL", help="Who reads it; locally the demo's administrator.")
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("--output", metavar="FILE|-", help="Where to; access-review-ORGANISATION.csv unless given."),
    ] = None,
    restart: Annotated[bool, typer.Option("--restart", help="Begin anew, whatever was read before.")] = False,
    place: DataPlace,
    values: Values,
) -> None:
    """Write who has what in an organisation to a CSV file, of any size.

    Stopped in between, the same command goes on from there. The file is there as soon as all of it is.
    """
    from bbws_access.cli import review as reviews

    first = reviews.first_path(organisation)
    target, outputs = data_target(place, values)
    fetch = reviews.signed_in(target, outputs, _caller(target, as_))
    if output == "-":
        for text, _ in reviews.pages(fetch, first):
            sys.stdout.buffer.write(text)
        return
    file = Path(output or f"access-review-{organisation}.csv")
    with step("Access review") as current:
        source = target.api_url(outputs)
        done = reviews.write(fetch, organisation, source, file, current.say, restart=restart)
        current.result = f"{done.rows} rows"
    print(file)


def _caller(target: Target, email: str | None) -> str:
    """Who calls the API: whom the user names, or the demo's administrator of a local AWS."""
    from bbws_access.cli import people

    found = email or (target.read(people.DEMO).get("email") if isinstance(target, LocalTarget) else None)
    if found is None:
        raise UsageError("Nobody is named who calls.", "Add --as EMAIL.")
    return found
