"""The commands about people, and for requests as one of them."""

import itertools
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from bbws_access.cli.console import Step, err, escape, out, remark, step
from bbws_access.cli.errors import FAILURE, ToolError, UsageError
from bbws_access.cli.targets import LocalTarget, Target
from bbws_access.commands.options import DataPlace, JsonOption, PageSizeOption, StartAtOption, Values
from bbws_access.commands.places import data_target
from bbws_access.commands.screen import counted, further_pages, show_facts, show_whole
from bbws_access.kernel.ids import is_valid_id

_SHOWN = 20  # refused rows on the screen; the report has all
_SHOWN_IN = 3  # organisations of a person in a list; `user show` has all


def user_create(
    *,
    email: Annotated[str, typer.Argument(help="E-mail address that the person signs in with.")],
    organisation: Annotated[str, typer.Option("--organisation", "-o", help="Id of the person's organisation.")],
    role: Annotated[
        str | None, typer.Option(help="Name or id of the role that the person gets there; asked for unless given.")
    ] = None,
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
    if role is None:
        role = _asked_role(people.role_names(target, outputs, organisation, platform=platform), address)
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
    where = "in every organisation" if made["scope"] == "PLATFORM" else f"in {organisation}"
    granted = "now has" if made["granted"] else "had before, and keeps,"
    err.print(f"  {granted} the role {escape(made['roleName'])} {escape(where)}")
    print(made["userId"])


def _asked_role(names: list[str], email: str) -> str:
    """The role that the user chooses for a new person. Raises UsageError where there is nobody to ask, or no choice."""
    from bbws_access.cli.console import choose

    if not names:
        raise UsageError("The organisation has no active role for the whole of it, so there is none to give.")
    chosen = choose(f"Which role does {email} get?", names)
    if chosen is None:
        raise UsageError(f"Say which role {email} gets.", f"Add --role with one of {', '.join(names)}.")
    return chosen


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
        bool, typer.Option("--without-account", help="Only holders whose account is gone or disabled.")
    ] = False,
    organisation: Annotated[
        str | None, typer.Option("--organisation", "-o", help="Only who holds something in the organisation.")
    ] = None,
    find: Annotated[
        str | None, typer.Option("--find", metavar="TEXT", help="Only those whose address contains the text.")
    ] = None,
    page_size: PageSizeOption = 50,
    start_at: StartAtOption = None,
    place: DataPlace,
    values: Values,
    json_: JsonOption = False,
) -> None:
    """List everybody who has an account or holds a role or a membership anywhere, by address.

    Whoever holds something and has no account can be deactivated by user id.
    """
    from bbws_access.cli import holders, organisations
    from bbws_access.cli.records import page

    target, outputs = data_target(place, values)
    if organisation is not None:
        organisations.read(target, outputs, organisation)
    found = holders.everybody(target, outputs)
    if without_account:
        found = [one for one in found if one.account != holders.ENABLED and one.holds_something]
    if organisation is not None:
        found = [one for one in found if organisation in one.organisations]
    if find is not None:
        found = [one for one in found if find.lower() in (one.email or "").lower()]
    found.sort(key=lambda one: one.place)
    shown = page(found, lambda one: one.place, start_at, page_size)
    if json_:
        print(json.dumps(shown | {"items": [one.as_json() for one in shown["items"]]}, indent=2))
        return
    table = Table("e-mail", "account", "holds", "in", "user id", box=None, header_style="dim")
    for one in shown["items"]:
        counts = [counted(one.roles, "role"), counted(one.memberships, "membership")]
        held = [*one.platformRoles, *(text for text in counts if text)]
        style = "" if one.account == holders.ENABLED else "yellow"
        inside = " ".join(one.organisations[:_SHOWN_IN])
        if more := len(one.organisations) - _SHOWN_IN:
            inside += f" and {more} more" if more > 0 else ""
        table.add_row(
            escape(one.email or "-"),
            one.account.lower(),
            ", ".join(held) or "nothing",
            inside or "-",
            one.userId,
            style=style,
        )
    show_whole(table)
    further_pages(shown, "people")


def user_show(
    *,
    person: Annotated[
        str, typer.Argument(help="E-mail address of the person; or their user id, also where the account is gone.")
    ],
    place: DataPlace,
    values: Values,
    json_: JsonOption = False,
) -> None:
    """Show what somebody holds in every organisation, whether they can sign in, and their second factor."""
    from bbws_access.cli import holders

    target, outputs = data_target(place, values)
    found = holders.show(target, outputs, person)
    if json_:
        print(json.dumps(found, indent=2))
        return
    account = found["account"]
    proven = account is None or account["emailVerified"]
    facts = [
        ("User", (found["email"] or "-") + ("" if proven else ", which nobody has verified")),
        ("User id", found["userId"] or "none: only invited so far"),
    ]
    if account is None:
        facts.append(("Account", "none"))
    else:
        facts += [
            ("Account", f"{account['signIn']}; made {account['dateCreated'][:10]}"),
            ("Second factor", account["secondFactor"]),
            ("Signs in to", account["organisationId"] or "no organisation of their own"),
        ]
    facts += [("Platform", one["roleName"]) for one in found["platformRoles"]]
    for one in found["organisations"]:
        title = f"{one['name']} ({one['organisationId']})"
        facts += [(title if n == 0 else "", text) for n, text in enumerate(_held_in(one))]
    if not found["organisations"] and not found["platformRoles"]:
        facts.append(("Holds", "nothing"))
    for one in found["invitations"]:
        facts.append(("Invited to", f"{one['name']} ({one['organisationId']}), until {one['expiresAt'][:10]}"))
    for one in found["left"]:
        where = "everything" if one["organisationId"] == "EVERYWHERE" else one["organisationId"]
        facts.append(("Left", f"{where}, last on {one['leftAt'][:10]}"))
    show_facts(facts)


def _held_in(organisation: Mapping[str, Any]) -> list[str]:
    """What somebody holds in an organisation, in lines."""
    lines = []
    for role in organisation["roles"]:
        team = f" in the team {role['teamName'] or role['teamId']}" if "teamId" in role else ""
        until = f", until {role['until'][:10]}" if role["until"] else ""
        lines.append(f"{role['roleName']}{team}{until}")
    for one in organisation["memberships"]:
        primary = ", their primary team" if one["isPrimary"] else ""
        lines.append(f"{one['teamRoleName']} of the team {one['teamName'] or one['teamId']}{primary}")
    return lines


def user_resend_password(
    *,
    email: Annotated[str, typer.Argument(help="E-mail address of somebody who has not signed in yet.")],
    place: DataPlace,
    values: Values,
    json_: JsonOption = False,
) -> None:
    """Mail a new temporary password to somebody who has not signed in yet, whose first one got lost or ended."""
    from bbws_access.cli import accounts, people

    target, outputs = data_target(place, values)
    sent = accounts.resend_password(target, outputs, people.check_email(email))
    if json_:
        print(json.dumps(sent, indent=2))
        return
    err.print(f"[green]✓[/green] a new temporary password is on its way to {escape(sent['email'])}")
    err.print(f"  valid until {sent['validUntil'][:16].replace('T', ' ')} UTC; the one before opens nothing any more")
    print(sent["userId"])


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
    query: Annotated[
        str | None,
        typer.Option(
            "--query", metavar="JMESPATH", help="Write only this of the answer, as lines; of an error its message."
        ),
    ] = None,
    place: DataPlace,
    values: Values,
) -> None:
    """Call the API signed in, and write its answer. Exits with 1 when that is an error."""
    from bbws_access.cli import api as requests
    from bbws_access.cli.sign_in import sign_in_as

    method = requests.check_request(method, path)
    if anonymous and as_:
        raise UsageError("--anonymous and --as exclude each other.")
    if include and query is not None:
        raise UsageError("--include and --query exclude each other.")
    wanted = None if query is None else requests.check_query(query)
    body = requests.read_body(data)
    target, outputs = data_target(place, values)
    token = None
    if not anonymous:
        token = sign_in_as(target, outputs, _caller(target, as_))
    answer = requests.call(target, outputs, method, path, token=token, body=body)
    if wanted is not None:
        if answer.failed:
            raise ToolError(answer.problem)
        if found := answer.picked(wanted):
            print(found)
        return
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
