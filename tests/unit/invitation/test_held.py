"""Inviting somebody into what they have already: said at once, with no mail, and nothing else is told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import boto3
import pytest

from bbws_access.kernel.settings import Settings
from bbws_access.team.handler import service as team_service
from tests.support.invitations import create_user_pool, new_email
from tests.support.services import Instance, World
from tests.unit.invitation.conftest import Desk, Invited

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def cognito(local_aws):
    return boto3.client("cognito-idp")


def joined(desk: Desk, **more: str) -> Invited:
    """Somebody who was invited and accepted."""
    one = desk.invite(**more)
    desk.use(one.token, "accept").expect(200)
    desk.post.take()
    return one


class TestCreating:
    def test_a_role_that_they_have(self, desk: Desk) -> None:
        one = joined(desk)
        answer = desk.create(one.email.upper())
        answer.expect(409, "ALREADY_HELD")
        assert answer.details == {"roleId": desk.roles["ORG_MANAGER"]}
        assert desk.post.take() == []
        assert desk.pending(one.email) is None

    def test_a_role_and_a_team(self, desk: Desk, world: World, team: str, team_roles: dict[str, str]) -> None:
        one = joined(desk, teamId=team)
        for more in ({}, {"teamRoleId": team_roles["TEAM_LEAD"]}):
            answer = desk.create(one.email, teamId=team, **more)
            answer.expect(409, "ALREADY_HELD")
            assert answer.details == {"roleId": desk.roles["ORG_MANAGER"], "teamId": team}
        desk.create(one.email).expect(409, "ALREADY_HELD")
        # Another role, another team: that is something.
        desk.create(one.email, teamId=world.team(desk.org)).expect(201)

    def test_the_team_alone_or_the_role_alone(self, desk: Desk, team: str) -> None:
        desk.create(joined(desk).email, teamId=team).expect(201)
        desk.create(joined(desk, teamId=team).email, role="ORG_ADMIN", teamId=team).expect(201)

    def test_a_role_in_another_team(self, desk: Desk, world: World, team: str, cognito, user_pool: str) -> None:
        one = joined(desk, role="SITE_EDITOR", teamId=team)
        desk.create(one.email, role="SITE_EDITOR", teamId=team).expect(409, "ALREADY_HELD")
        desk.create(one.email, role="SITE_EDITOR", teamId=world.team(desk.org)).expect(201)

    def test_what_they_had(self, desk: Desk, world: World, cognito, user_pool: str) -> None:
        """Neither what has ended nor what has expired is held."""
        email = new_email()
        user = made(cognito, user_pool, email)
        world.assign(user, "ORG_MANAGER", desk.org, expires_at="2020-01-02T00:00:00Z", now=LONG_AGO, email=email)
        desk.create(email).expect(201)

    def test_it_waits_once_more_for_who_has_an_account(self, desk: Desk, cognito, user_pool: str) -> None:
        email = new_email()
        assert desk.create(email).expect(201)
        other = new_email()
        made(cognito, user_pool, other)
        assert desk.create(other).round_trips == 3

    def test_who_may_not_offer_it_learns_nothing(self, desk: Desk, world: World) -> None:
        one = joined(desk, role="ORG_ADMIN")
        weaker = world.member(desk.org, "ORG_MANAGER")
        desk.create(one.email, role="ORG_ADMIN", by=weaker).expect(403, "PERMISSION_CEILING")


class TestNothingElseIsTold:
    def test_what_they_have_elsewhere(self, desk: Desk, world: World, cognito, user_pool: str) -> None:
        elsewhere = world.organisation()
        for give in (
            lambda user, email: None,
            lambda user, email: world.assign(user, "ORG_MANAGER", elsewhere, email=email),
            lambda user, email: world.assign(user, "PLATFORM_ADMIN"),
        ):
            email = new_email()
            give(made(cognito, user_pool, email), email)
            desk.create(email).expect(201)

    def test_whose_user_id_it_is(
        self,
        desk: Desk,
        world: World,
        cognito,
        user_pool: str,
        team: str,
        team_roles: dict[str, str],
        start_instance: Callable[..., Instance],
    ) -> None:
        """Whoever gives a role to a user id, and invites addresses into it, does not find the one of that account."""
        email = new_email()
        user = made(cognito, user_pool, email)
        world.assign(user, "ORG_MANAGER", desk.org)
        desk.create(email).expect(201)
        desk.api.call("POST", f"{desk.path}/{desk.pending(email)['invitationId']}/resend", desk.admin).expect(200)
        # Nor does it help to type the guess where the person joins a team.
        other = new_email()
        user = made(cognito, user_pool, other)
        world.assign(user, "ORG_MANAGER", desk.org)
        record = {"teamRoleId": team_roles["MEMBER"], "userId": user, "userEmail": other}
        teams = start_instance(team_service, "permissions", "teams")
        teams.call("POST", f"/organisations/{desk.org}/teams/{team}/members", desk.admin, record).expect(201)
        desk.create(other).expect(201)
        # The address under which they came in is known; the one that they have since is not.
        one = joined(desk)
        new = new_email()
        attributes = [{"Name": "email", "Value": new}, {"Name": "email_verified", "Value": "true"}]
        cognito.admin_update_user_attributes(UserPoolId=user_pool, Username=one.email, UserAttributes=attributes)
        desk.create(new).expect(201)

    @pytest.mark.parametrize("why", ["disabled", "unverified"])
    def test_an_account_that_is_not_the_addresss(
        self, desk: Desk, world: World, cognito, user_pool: str, why: str
    ) -> None:
        email = new_email()
        user = made(cognito, user_pool, email, verified="false" if why == "unverified" else "true")
        world.assign(user, "ORG_MANAGER", desk.org, email=email)
        if why == "disabled":
            cognito.admin_disable_user(UserPoolId=user_pool, Username=email)
        desk.create(email).expect(201)


class TestWithoutThePool:
    def test_the_invitation_is_sent_all_the_same(
        self, desk: Desk, invitation_settings: Settings, new_instance: Callable[..., Instance], log
    ) -> None:
        one = joined(desk)
        gone = create_user_pool()
        boto3.client("cognito-idp").delete_user_pool(UserPoolId=gone)
        desk.api = new_instance(invitation_settings._replace(user_pool_id=gone))
        made_again = desk.create(one.email).expect(201)
        assert len(desk.post.take()) == 1
        assert "is not known" in log.getvalue()
        assert one.email not in log.getvalue()
        assert made_again["status"] == "PENDING"


class TestSendingAgain:
    def test_what_they_have_got_meanwhile(self, desk: Desk, world: World, cognito, user_pool: str) -> None:
        one = desk.invite()
        user = made(cognito, user_pool, one.email)
        api, path = desk.api, f"{one.path}/resend"
        api.call("POST", path, desk.admin).expect(200)
        desk.post.take()
        world.assign(user, "ORG_MANAGER", desk.org, email=one.email)
        before = desk.stored(one.invitation)
        api.call("POST", path, desk.admin).expect(409, "ALREADY_HELD")
        assert desk.post.take() == []
        assert desk.stored(one.invitation) == before
        api.call("DELETE", one.path, desk.admin).expect(204)


def made(cognito, pool: str, email: str, verified: str = "true") -> str:
    """A new account; the user's id."""
    attributes = [{"Name": "email", "Value": email}, {"Name": "email_verified", "Value": verified}]
    account = cognito.admin_create_user(
        UserPoolId=pool, Username=email, UserAttributes=attributes, MessageAction="SUPPRESS"
    )
    return next(one["Value"] for one in account["User"]["Attributes"] if one["Name"] == "sub")
