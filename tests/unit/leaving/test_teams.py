"""Roles in a team end with the team: whenever the services are told of it, and not those of the team that is back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bbws_access.invitation.handler import service as invitation_service
from bbws_access.kernel.settings import Settings
from bbws_access.local_aws import LocalAws
from bbws_access.role.handler import service as role_service
from bbws_access.team.handler import service as team_service
from tests.support.invitations import Post, new_address, new_email
from tests.support.services import Instance, World
from tests.support.teams import TEAM, Organisation

ASSIGNED = "/organisations/{}/users/{}/roles"


@pytest.fixture
def roles(start_instance: Callable[..., Instance]) -> Instance:
    return start_instance(role_service, "permissions", "teams")


@pytest.fixture
def org(start_instance: Callable[..., Instance], world: World, seeded_tables: dict[str, str]) -> Organisation:
    return Organisation(start_instance(team_service, "permissions", "teams"), world, seeded_tables)


@pytest.fixture
def viewer(roles: Instance, org: Organisation) -> str:
    """The id of a role of scope TEAM."""
    found = roles.call("GET", f"/organisations/{org.id}/roles", org.admin, query={"name": "SITE_VIEWER"}).expect(200)
    return found["items"][0]["roleId"]


def held(roles: Instance, org: Organisation, user: str) -> list[str]:
    """The teams in which a user has a role."""
    items = roles.call("GET", ASSIGNED.format(org.id, user), org.admin).expect(200)["items"]
    return [one["teamId"] for one in items if "teamId" in one]


def switch(org: Organisation, team: str, *, on: bool) -> None:
    body = {"name": "Writers", "active": on}
    org.api.call("PUT", TEAM.format(org.id, team), org.admin, body).expect(200)


def test_an_end_that_is_told_late_or_again_takes_only_what_was_given_before(
    roles: Instance, org: Organisation, viewer: str
) -> None:
    team, early, late = org.team(), org.world.user(), org.world.user()

    def assign(user: str) -> None:
        body = {"roleId": viewer, "teamId": team}
        roles.call("POST", ASSIGNED.format(org.id, user), org.admin, body).expect(201)

    def told() -> tuple[list[str], list[str]]:
        roles.deliver("TeamDeactivated", organisationId=org.id, teamId=team)
        return held(roles, org, early), held(roles, org, late)

    assign(early)
    switch(org, team, on=False)
    switch(org, team, on=True)
    org.api.call("PUT", TEAM.format(org.id, team), org.admin, {"name": "Writers", "description": "x"}).expect(200)
    assign(late)
    assert told() == ([], [team])
    # Once more, and for whoever got it again.
    assign(early)
    assert told() == told() == ([team], [team])
    # The next end is another one, told in time or late.
    switch(org, team, on=False)
    assert told() == ([], [])
    switch(org, team, on=True)
    assign(late)
    org.api.call("DELETE", TEAM.format(org.id, team), org.admin).expect(204)
    switch(org, team, on=True)
    assert told() == ([], [])


def test_what_an_invitation_gave_since_stays_too(
    local_aws: LocalAws,
    invitation_settings: Settings,
    post: Post,
    roles: Instance,
    org: Organisation,
    viewer: str,
) -> None:
    team, email = org.team(), new_email()
    switch(org, team, on=False)
    switch(org, team, on=True)
    api = Instance(invitation_service, invitation_settings, local_aws.endpoint)
    body = {"email": email, "roleId": viewer, "teamId": team}
    made = api.call("POST", f"/organisations/{org.id}/invitations", org.admin, body, email="a@acme.example").expect(201)
    post.deliver(api)
    token = post.letters(email)[-1].token
    api.call("POST", f"/invitations/{token}/accept", None, {}, source=new_address()).expect(200)
    path = f"/organisations/{org.id}/invitations/{made['invitationId']}"
    user = api.call("GET", path, org.admin).expect(200)["acceptedBy"]
    api.close()
    roles.deliver("TeamDeactivated", organisationId=org.id, teamId=team)
    assert held(roles, org, user) == [team]


def off_and_on(org: Organisation, team: str) -> None:
    switch(org, team, on=False)
    switch(org, team, on=True)


def test_a_role_that_is_given_while_the_team_goes_and_is_back_stays(
    roles: Instance, org: Organisation, viewer: str, before_commit: Callable[..., list]
) -> None:
    """The end of the team is told after the role was given, and came before."""
    team, user = org.team(), org.world.user()
    done = before_commit(roles, lambda: off_and_on(org, team))
    body = {"roleId": viewer, "teamId": team}
    roles.call("POST", ASSIGNED.format(org.id, user), org.admin, body).expect(201)
    assert done
    roles.deliver("TeamDeactivated", organisationId=org.id, teamId=team)
    assert held(roles, org, user) == [team]


@pytest.mark.parametrize("member", [False, True], ids=["who joins", "who is a member"])
def test_a_role_that_is_accepted_while_the_team_goes_and_is_back_stays(
    local_aws: LocalAws,
    invitation_settings: Settings,
    post: Post,
    roles: Instance,
    org: Organisation,
    viewer: str,
    before_commit: Callable[..., list],
    member: bool,
) -> None:
    team, email = org.team(), new_email()
    api = Instance(invitation_service, invitation_settings, local_aws.endpoint)

    def invite(role: str) -> str:
        body = {"email": email, "roleId": role, "teamId": team}
        answer = api.call("POST", f"/organisations/{org.id}/invitations", org.admin, body, email="a@acme.example")
        invitation = answer.expect(201)["invitationId"]
        post.deliver(api)
        return invitation

    def accept() -> None:
        token = post.letters(email)[-1].token
        api.call("POST", f"/invitations/{token}/accept", None, {}, source=new_address()).expect(200)

    def accepted_by(invitation: str) -> str:
        return api.call("GET", f"/organisations/{org.id}/invitations/{invitation}", org.admin).expect(200)["acceptedBy"]

    def meanwhile() -> None:
        if not member:
            off_and_on(org, team)
            return
        # As a large one, which is back before its members have ended.
        stored = org.stored("Team", teamId=team)
        back = stored["version"] + 2
        org.database.put(org.tables["teams"], {**stored, "version": back, "activeFrom": back})

    if member:
        page = roles.call("GET", f"/organisations/{org.id}/roles", org.admin, query={"name": "ORG_MANAGER"})
        first = invite(page.expect(200)["items"][0]["roleId"])
        accept()
        user = accepted_by(first)
    invitation = invite(viewer)
    done = before_commit(api, meanwhile)
    accept()
    assert done
    user = accepted_by(invitation)
    api.close()
    roles.deliver("TeamDeactivated", organisationId=org.id, teamId=team)
    assert held(roles, org, user) == [team]
