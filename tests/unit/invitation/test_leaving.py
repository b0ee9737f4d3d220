"""Inviters and invited people who leave: before, while and after an invitation is answered."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import boto3
import pytest

from bbws_access.access.departures import record_departure
from bbws_access.kernel.records import Change
from tests.support.invitations import new_email
from tests.support.services import Answer, Instance, World
from tests.unit.invitation.conftest import INVITER, Desk, Invited
from tests.unit.invitation.test_answers import accepted_by, assignments, memberships
from tests.unit.invitation.test_held import made

EVERYWHERE = pytest.mark.parametrize("everywhere", [False, True], ids=["the organisation", "everything"])


def in_the_middle(instance: Instance, act: Callable[[], object]) -> list[object]:
    """Something happens just before the instance's next transaction."""
    run, done = instance.database._run, []

    def paused(calls: list, *more: object) -> list:
        if type(calls[0]).__name__ == "_Transact" and not done:
            done.append(None)
            act()
        return run(calls, *more)

    instance.database._run = paused
    return done


def refused(answer: Answer, code: str, desk: Desk, one: Invited) -> None:
    answer.expect(409, code)
    assert desk.stored(one.invitation)["status"] == "PENDING"


class TestTheInviter:
    @EVERYWHERE
    @pytest.mark.parametrize("when", ["before", "while"])
    def test_who_left_gives_nothing(
        self, desk: Desk, world: World, new_instance: Callable[[], Instance], team: str, everywhere: bool, when: str
    ) -> None:
        """Neither to somebody whose account the acceptance makes, nor to somebody who has one."""
        for _ in range(2):
            inviter = world.member(desk.org)
            one = desk.invite(by=inviter, teamId=team)
            org, api = None if everywhere else desk.org, new_instance()
            if when == "before":
                world.leave(inviter, org)
            else:
                done = in_the_middle(api, lambda inviter=inviter, org=org: world.leave(inviter, org))
            refused(desk.use(one.token, "accept", api=api), "INVITER_NOT_ALLOWED", desk, one)
            assert when == "before" or done
            # The second time, the account of the first attempt is there.
            refused(desk.use(one.token, "accept"), "INVITER_NOT_ALLOWED", desk, one)

    def test_who_left_and_came_back_gives_nothing_that_they_offered_before(self, desk: Desk, world: World) -> None:
        inviter = world.member(desk.org)
        one = desk.invite(by=inviter)
        world.leave(inviter, desk.org)
        world.assign(inviter, "ORG_ADMIN", desk.org)
        refused(desk.use(one.token, "accept"), "INVITER_NOT_ALLOWED", desk, one)
        desk.api.call("POST", f"{one.path}/resend", inviter, email=INVITER).expect(200)
        desk.post.deliver(desk.api)
        desk.use(desk.post.letters(one.email)[-1].token, "accept").expect(200)

    def test_what_somebody_else_sent_again_is_theirs(self, desk: Desk, world: World) -> None:
        inviter = world.member(desk.org)
        one = desk.invite(by=inviter)
        desk.api.call("POST", f"{one.path}/resend", desk.admin, email=INVITER).expect(200)
        desk.post.deliver(desk.api)
        world.leave(inviter)
        desk.use(desk.post.letters(one.email)[-1].token, "accept").expect(200)

    def test_leaving_another_organisation_does_not_matter(self, desk: Desk, world: World) -> None:
        one = desk.invite(by=(inviter := world.member(desk.org)))
        world.leave(inviter, world.organisation())
        desk.use(one.token, "accept").expect(200)

    def test_a_platform_role_does_not_make_good_that_they_left(self, desk: Desk, world: World) -> None:
        inviter = world.platform()
        one = desk.invite(by=inviter)
        world.leave(inviter, desk.org)
        refused(desk.use(one.token, "accept"), "INVITER_NOT_ALLOWED", desk, one)

    @EVERYWHERE
    def test_mails_that_wait_are_not_sent(self, desk: Desk, world: World, everywhere: bool) -> None:
        """Neither on behalf of who left, nor to them."""
        inviter, email = world.member(desk.org), new_email()
        told = desk.invite(by=inviter)
        desk.use(told.token, "decline").expect(200)
        desk.create(email, by=inviter).expect(201)
        before = len(desk.post.letters(INVITER))
        world.leave(inviter, None if everywhere else desk.org)
        assert desk.post.deliver(desk.api) == []
        assert desk.post.letters(email) == []
        assert len(desk.post.letters(INVITER)) == before


class TestTheInvited:
    @EVERYWHERE
    @pytest.mark.parametrize("member", [False, True], ids=["with nothing", "with a role"])
    @pytest.mark.parametrize("when", ["before", "while"])
    def test_who_left_since_it_was_sent_is_not_brought_back(
        self,
        desk: Desk,
        world: World,
        new_instance: Callable[[], Instance],
        everywhere: bool,
        member: bool,
        when: str,
    ) -> None:
        """Although their account stays enabled."""
        first = desk.invite()
        desk.use(first.token, "accept").expect(200)
        user = accepted_by(desk, first)
        if not member:
            world.take_roles(user, desk.org)
        one, api = desk.invite(first.email, role="ORG_ADMIN"), new_instance()

        def leave() -> None:
            world.leave(user, None if everywhere else desk.org)

        done = [leave()] if when == "before" else in_the_middle(api, leave)
        refused(desk.use(one.token, "accept", api=api), "INVITATION_OBSOLETE", desk, one)
        assert done
        assert not any(held["active"] for held in assignments(world, user))
        # Sent again by somebody who knows: then they are back.
        desk.api.call("POST", f"{one.path}/resend", desk.admin, email=INVITER).expect(200)
        desk.post.deliver(desk.api)
        desk.use(desk.post.letters(one.email)[-1].token, "accept").expect(200)
        assert [held["roleName"] for held in assignments(world, user) if held["active"]] == ["ORG_ADMIN"]

    @EVERYWHERE
    @pytest.mark.parametrize("again", [False, True], ids=["once", "again"])
    def test_a_clock_that_is_slow_brings_nobody_back(
        self, desk: Desk, world: World, everywhere: bool, again: bool
    ) -> None:
        """The tool records a departure by an engineer's clock, a sending has the function's."""
        first = desk.invite()
        desk.use(first.token, "accept").expect(200)
        user = accepted_by(desk, first)
        one, org = desk.invite(first.email, role="ORG_ADMIN"), None if everywhere else desk.org
        change = Change.outside_a_request("engineer")
        for number in range(1 + again):
            then = change._replace(now=change.now - timedelta(minutes=4 - number))
            record_departure(world.database, world.table, user, org, f"d{number}", then)
            refused(desk.use(one.token, "accept"), "INVITATION_OBSOLETE", desk, one)
            desk.api.call("POST", f"{one.path}/resend", desk.admin, email=INVITER).expect(200)
            desk.post.deliver(desk.api)
            one = one._replace(token=desk.post.letters(one.email)[-1].token)
        desk.use(one.token, "accept").expect(200)
        assert [held["roleName"] for held in assignments(world, user) if held["departures"]] == ["ORG_ADMIN"]

    @pytest.mark.parametrize("account", ["disabled", "unverified", "made since"])
    def test_a_clock_that_is_slow_brings_nobody_back_whose_account_could_not_be_used_then(
        self, desk: Desk, world: World, user_pool: str, account: str
    ) -> None:
        cognito, email = boto3.client("cognito-idp"), new_email()
        if account == "made since":
            one = desk.invite(email)
            user = made(cognito, user_pool, email)
        else:
            user = made(cognito, user_pool, email, verified=str(account != "unverified").lower())
            if account == "disabled":
                cognito.admin_disable_user(UserPoolId=user_pool, Username=user)
            one = desk.invite(email)
            cognito.admin_enable_user(UserPoolId=user_pool, Username=user)
            verified = [{"Name": "email_verified", "Value": "true"}]
            cognito.admin_update_user_attributes(UserPoolId=user_pool, Username=user, UserAttributes=verified)
        change = Change.outside_a_request("engineer")
        then = change._replace(now=change.now - timedelta(minutes=4))
        record_departure(world.database, world.table, user, desk.org, "d", then)
        refused(desk.use(one.token, "accept"), "INVITATION_OBSOLETE", desk, one)
        desk.api.call("POST", f"{one.path}/resend", desk.admin, email=INVITER).expect(200)
        desk.post.deliver(desk.api)
        desk.use(desk.post.letters(email)[-1].token, "accept").expect(200)

    @EVERYWHERE
    def test_a_clock_that_is_fast_keeps_nobody_out(self, desk: Desk, world: World, everywhere: bool) -> None:
        first = desk.invite()
        desk.use(first.token, "accept").expect(200)
        user, change = accepted_by(desk, first), Change.outside_a_request("engineer")
        then = change._replace(now=change.now + timedelta(minutes=4))
        record_departure(world.database, world.table, user, None if everywhere else desk.org, "d", then)
        desk.use(desk.invite(first.email).token, "accept").expect(200)
        assert [held["departures"] for held in assignments(world, user)] == [1]

    @pytest.mark.parametrize("role", ["ORG_MANAGER", "ORG_ADMIN"], ids=["the role that they had", "another role"])
    def test_what_is_tidied_up_after_the_sending_keeps_nobody_out(
        self, desk: Desk, world: World, team: str, role: str
    ) -> None:
        """The event is told late, or of one service only after the other."""
        first = desk.invite(teamId=team)
        desk.use(first.token, "accept").expect(200)
        user = accepted_by(desk, first)
        departures = world.leave(user, desk.org, tidy=False)
        one = desk.invite(first.email, role, teamId=team)
        world.tidy(departures, desk.org)
        desk.use(one.token, "accept").expect(200)
        assert [held["roleName"] for held in assignments(world, user) if held["active"]] == [role]
        assert [held["teamId"] for held in memberships(world, user) if held["active"]] == [team]

    def test_what_is_taken_after_it_was_tidied_up_is_not_given_back(self, desk: Desk, world: World) -> None:
        """Whoever is back, and loses it again, is not helped by an older offer."""
        first = desk.invite()
        desk.use(first.token, "accept").expect(200)
        user = accepted_by(desk, first)
        departures = world.leave(user, desk.org, tidy=False)
        one = desk.invite(first.email, "ORG_ADMIN")
        world.tidy(departures, desk.org)
        world.assign(user, "ORG_MANAGER", desk.org)
        world.take_roles(user, desk.org)
        refused(desk.use(one.token, "accept"), "INVITATION_OBSOLETE", desk, one)

    def test_who_is_back_before_all_is_tidied_up_is_counted_once(self, desk: Desk, world: World, team: str) -> None:
        first = desk.invite(teamId=team)
        desk.use(first.token, "accept").expect(200)
        user = accepted_by(desk, first)
        departures = world.leave(user, desk.org, tidy=False)
        one = desk.invite(first.email, teamId=team)
        desk.use(one.token, "accept").expect(200)
        [assignment], [membership] = assignments(world, user), memberships(world, user)
        assert departures.count(desk.org) == assignment["departures"] == membership["departures"] == 1
        assert membership["isPrimary"]
        usage = world.database.get(world.teams_table, {"PK": f"TEAM_USAGE#ORG#{desk.org}", "SK": f"TEAM#{team}"})
        assert usage["memberCount"] == 1

    def test_leaving_another_organisation_does_not_matter(self, desk: Desk, world: World) -> None:
        first = desk.invite()
        desk.use(first.token, "accept").expect(200)
        one = desk.invite(first.email, role="ORG_ADMIN")
        world.leave(accepted_by(desk, first), world.organisation())
        desk.use(one.token, "accept").expect(200)
