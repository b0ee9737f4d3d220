"""`org close`: nothing that anybody holds, or is about to be given, opens anything afterwards."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bbws_access.access.reader import read_access
from bbws_access.cli import closing, events, organisations, people
from bbws_access.cli.errors import UsageError
from bbws_access.cli.records import records_in
from bbws_access.kernel.dynamodb import Database
from bbws_access.kernel.ids import new_id
from bbws_access.kernel.settings import Settings
from bbws_access.role.handler import service as role_service
from tests.support.invitations import new_email
from tests.support.services import Instance, World
from tests.support.tables import REGION
from tests.support.teams import TEAMS, Organisation
from tests.unit.cli.conftest import Place
from tests.unit.cli.test_organisations import invite


class Killed(BaseException):
    """What a kill looks like from within."""


class Inhabited:
    """An organisation with people who hold all that can be held, and others who were there once."""

    def __init__(self, place: Place, world: World, organisation: Organisation, tables: dict[str, str]) -> None:
        self.place, self.world, self.organisation, self.tables = place, world, organisation, tables
        self.id, self.team = organisation.id, organisation.team()
        self.platform = world.platform()
        self.both = world.platform("PLATFORM_ADMIN")
        world.assign(self.both, "ORG_ADMIN", self.id)
        self.members = [organisation.admin, world.member(self.id), self.both]
        in_team = organisation.user()
        organisation.add(self.team, in_team, "TEAM_LEAD").expect(201)
        world.assign(in_team, "SITE_VIEWER", self.id, team_id=self.team)
        self.members.append(in_team)
        self.elsewhere = world.organisation()
        world.assign(in_team, "ORG_ADMIN", self.elsewhere)
        self.former = world.member(self.id)
        world.take_roles(self.former, self.id)
        invite(world, tables, self.id, new_email())
        invite(world, tables, self.id, new_email(), ends="2020-01-01T00:00:00.000Z")

    def close(self) -> dict:
        return closing.close(self.place, self.place.outputs_, self.id, lambda _: None)

    def records(self, table: str, kind: str) -> list[dict]:
        return list(records_in(self.place, self.tables[table], self.id, kind))

    def check_closed(self) -> None:
        settings = Settings(region=REGION, tables=self.tables)
        for user in [*self.members, self.former]:
            access = read_access(self.world.database, settings, user, [self.id])
            assert not access.belongs_to(self.id)
            status = self.organisation.api.call("GET", TEAMS.format(self.id), user).status
            assert status == (200 if user == self.both else 403)
        for kind in ("OrganisationRole", "PermissionSet", "UserRoleAssignment"):
            assert not any(one["active"] for one in self.records("permissions", kind)), kind
        for kind in ("TeamRoleDefinition", "Team", "TeamMember"):
            assert not any(one["active"] for one in self.records("teams", kind)), kind
        assert {one["status"] for one in self.records("invitations", "Invitation")} <= {"REVOKED", "EXPIRED"}
        assert self.organisation.api.call("GET", TEAMS.format(self.id), self.platform).status == 200
        body = {"name": "Late"}
        for user in (self.platform, self.both):
            self.organisation.api.call("POST", TEAMS.format(self.id), user, body).expect(409, "ORGANISATION_CLOSED")


@pytest.fixture
def inhabited(place: Place, world: World, organisation: Organisation, seeded_tables: dict[str, str]) -> Inhabited:
    return Inhabited(place, world, organisation, seeded_tables)


def test_everything_ends_and_what_is_elsewhere_stays(inhabited: Inhabited, world: World) -> None:
    before = len(inhabited.records("permissions", "UserRoleAssignment"))
    done = inhabited.close()
    assert (done["closed"], done["name"]) == (True, "Acme")
    assert done["ended"] == {
        "people": 4,
        "roles": 5,
        "teamRoles": len(inhabited.organisation.roles),
        "permissionSets": 0,
        "teams": 1,
        "invitations": 2,
    }
    inhabited.check_closed()
    assert len(inhabited.records("permissions", "UserRoleAssignment")) == before
    settings = Settings(region=REGION, tables=inhabited.tables)
    for user in inhabited.members[-1:]:
        assert read_access(world.database, settings, user, [inhabited.elsewhere]).belongs_to(inhabited.elsewhere)


def test_again_it_says_so_and_changes_nothing(inhabited: Inhabited) -> None:
    first = inhabited.close()
    told = list(inhabited.place.told)
    again = inhabited.close()
    assert again == {**first, "closed": False, "ended": dict.fromkeys(first["ended"], 0)}
    assert inhabited.place.told == told


@pytest.mark.parametrize("after", range(1, 10))
def test_killed_after_any_call_of_the_tables_it_goes_on(
    inhabited: Inhabited, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    run, writes = Database._run, []

    def cut(self: Database, calls: list, *more: object) -> list:
        result = run(self, calls, *more)
        if calls and type(calls[0]).__name__ == "_Transact":
            writes.append(calls)
            if len(writes) == after:
                raise Killed
        return result

    with monkeypatch.context() as patched:
        patched.setattr(Database, "_run", cut)
        with pytest.raises(Killed):
            inhabited.close()
    inhabited.close()
    inhabited.check_closed()


@pytest.mark.parametrize("step", ["tell_each", "wait"])
def test_killed_around_the_event_it_goes_on(inhabited: Inhabited, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def cut(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(events, step, cut)
        with pytest.raises(Killed):
            inhabited.close()
    inhabited.close()
    inhabited.check_closed()


@pytest.mark.parametrize("caller", ["member", "platform"])
@pytest.mark.parametrize("name", ["assignRole", "createRole"])
@pytest.mark.parametrize("moment", ["closed whole before", "closed in between"])
def test_what_was_about_to_be_written_opens_nothing(
    inhabited: Inhabited,
    start_instance: Callable[..., Instance],
    monkeypatch: pytest.MonkeyPatch,
    caller: str,
    name: str,
    moment: str,
) -> None:
    """The request stops before its commit; then all of it is closed, or only as far as the mark."""
    roles = start_instance(role_service, "permissions", "teams")
    user = inhabited.organisation.admin if caller == "member" else inhabited.platform
    newcomer, path = inhabited.world.user(), f"/organisations/{inhabited.id}"
    [role] = [one for one in inhabited.records("permissions", "OrganisationRole") if one["name"] == "ORG_ADMIN"]
    run, stopped = roles.database._run, []

    def paused(calls: list, *more: object) -> list:
        if type(calls[0]).__name__ == "_Transact" and not stopped:
            stopped.append(calls)
            if moment == "closed whole before":
                inhabited.close()
            else:
                closing._mark(inhabited.place, inhabited.place.outputs_, inhabited.id)
        return run(calls, *more)

    monkeypatch.setattr(roles.database, "_run", paused)
    if name == "assignRole":
        answer = roles.call("POST", f"{path}/users/{newcomer}/roles", user, {"roleId": role["roleId"]})
    else:
        body = {"name": "LATE", "displayName": "Late", "scope": "ORGANISATION", "permissions": ["role:read"]}
        answer = roles.call("POST", f"{path}/roles", user, body)
    assert stopped
    if caller == "platform":
        answer.expect(409, "ORGANISATION_CLOSED")
    elif moment == "closed whole before":
        answer.expect(403)
    else:
        assert answer.status == 201  # then it ends with the rest
        inhabited.members.append(newcomer)
    inhabited.close()
    inhabited.check_closed()


def test_the_event_that_made_it_does_nothing_to_it(inhabited: Inhabited) -> None:
    inhabited.close()
    inhabited.place.tell("OrganisationCreated", {"organisationId": inhabited.id, "name": "Acme"})
    inhabited.check_closed()


def test_an_event_that_comes_only_after_the_closing_gives_no_team_roles(
    place: Place, world: World, seeded_tables: dict[str, str]
) -> None:
    org_id = world.organisation()
    closing.close(place, place.outputs_, org_id, lambda _: None)
    place.tell("OrganisationCreated", {"organisationId": org_id, "name": "Acme"})
    assert not list(records_in(place, seeded_tables["teams"], org_id, "TeamRoleDefinition"))


def test_the_tool_gives_nothing_in_it_and_says_why(inhabited: Inhabited) -> None:
    place, outputs, org_id = inhabited.place, inhabited.place.outputs_, inhabited.id
    inhabited.close()
    calls = {
        "create": lambda: people.create_organisation(place, outputs, "Acme", org_id),
        "rename": lambda: organisations.rename(place, outputs, org_id, f"Other {new_id('organisation')}"),
        "user": lambda: people.create_user(place, outputs, new_email(), org_id, "ORG_ADMIN", None),
        "roles": lambda: people.role_names(place, outputs, org_id, platform=False),
    }
    for name, call in calls.items():
        with pytest.raises(UsageError, match=f"{org_id} is closed"):
            call()
            pytest.fail(name)
    with pytest.raises(UsageError, match="There is no organisation"):
        closing.close(place, outputs, "org-none", lambda _: None)


def test_it_is_listed_and_shown_as_closed(inhabited: Inhabited) -> None:
    place, outputs = inhabited.place, inhabited.place.outputs_
    [before] = [one for one in organisations.every(place, outputs) if one["organisationId"] == inhabited.id]
    assert (before["state"], before["closedAt"], before["closedBy"]) == ("OPEN", None, None)
    done = inhabited.close()
    [after] = [one for one in organisations.every(place, outputs) if one["organisationId"] == inhabited.id]
    assert (after["state"], after["closedAt"], after["closedBy"]) == ("CLOSED", done["closedAt"], people.actor())
    shown = organisations.show(place, outputs, inhabited.id)
    assert (shown["state"], shown["people"], shown["teams"], shown["roles"]) == ("CLOSED", 0, 0, 0)
    assert shown["pendingInvitations"] == 0
