"""Several callers at the same moment, each with connections of their own: real concurrency, real conditions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import boto3
import pytest

from bbws_access.invitation import rules
from bbws_access.kernel.records import Change
from bbws_access.role import store as role_store
from tests.support.invitations import new_email
from tests.support.services import Answer, Instance, World, at_once
from tests.unit.invitation.conftest import INVITER, Desk
from tests.unit.invitation.test_answers import accepted_by, assignments, memberships, team_usage, usage
from tests.unit.invitation.test_creation import custom_role

Start = Callable[[], Instance]


@pytest.fixture(autouse=True)
def one_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """No counter starts anew in the middle of a test."""
    monkeypatch.setattr(rules, "minute", lambda now: "2026-01-01T00:00")


def statuses(answers: list[Answer]) -> list[int]:
    return sorted(answer.status for answer in answers)


def test_one_of_fifty_invitations_of_an_address(desk: Desk, new_instance: Start) -> None:
    email, instances = new_email(), [new_instance() for _ in range(10)]
    body = {"email": email, "roleId": desk.roles["ORG_MANAGER"]}

    def create_five(instance: Instance) -> list[Answer]:
        return [instance.call("POST", desk.path, desk.admin, body, email=INVITER) for _ in range(5)]

    answers = [one for five in at_once([partial(create_five, one) for one in instances]) for one in five]
    assert statuses(answers) == [201] + [409] * 49
    assert {answer.code for answer in answers if answer.status == 409} == {"INVITATION_PENDING"}
    page = desk.api.call("GET", desk.path, desk.admin).expect(200)
    assert [one["email"] for one in page["items"]] == [email]
    # Messages of those that came second are about nothing: one mail is sent.
    desk.post.deliver(desk.api)
    assert len(desk.post.letters(email)) == 1


@pytest.mark.parametrize("unit", ["MINUTE", "DAY"])
def test_never_more_than_the_rate(desk: Desk, new_instance: Start, monkeypatch: pytest.MonkeyPatch, unit: str) -> None:
    monkeypatch.setattr(rules, f"CREATIONS_A_{unit}", 10)
    instances = [new_instance() for _ in range(16)]

    def create(instance: Instance) -> Answer:
        body = {"email": new_email(), "roleId": desk.roles["ORG_MANAGER"]}
        return instance.call("POST", desk.path, desk.admin, body, email=INVITER)

    answers = at_once([partial(create, one) for one in instances])
    assert statuses(answers) == [201] * 10 + [429] * 6
    assert desk.api.call("GET", desk.path, desk.admin).expect(200)["count"] == 10


def test_never_more_uses_of_tokens_than_the_rate(desk: Desk, new_instance: Start) -> None:
    one, instances = desk.invite(), [new_instance() for _ in range(12)]
    path = f"/invitations/{one.token}"
    answers = at_once([partial(each.call, "GET", path, source="192.0.2.200") for each in instances])
    assert statuses(answers) == [200] * 5 + [429] * 7


def test_accepting_twice_at_once_grants_once(
    desk: Desk, world: World, new_instance: Start, team: str, user_pool: str
) -> None:
    one, instances = desk.invite(role="SITE_EDITOR", teamId=team), [new_instance() for _ in range(8)]
    answers = at_once([partial(desk.use, one.token, "accept", api=each) for each in instances])
    assert statuses(answers) == [200] + [409] * 7
    assert {answer.code for answer in answers if answer.status == 409} == {"INVITATION_NOT_PENDING"}
    user = accepted_by(desk, one)
    assert len(assignments(world, user)) == len(memberships(world, user)) == 1
    assert usage(world, desk.org, desk.roles["SITE_EDITOR"]) == 1
    assert team_usage(world, desk.org, team) == (1, 0)
    found = boto3.client("cognito-idp").list_users(UserPoolId=user_pool, Filter=f'email = "{one.email}"')
    assert len(found["Users"]) == 1


@pytest.mark.parametrize("other", ["revoke", "decline", "resend"])
def test_accepting_against(desk: Desk, world: World, new_instance: Start, other: str) -> None:
    """One of them happens, whole; the other one is told which."""
    for _ in range(4):
        one, first, second = desk.invite(), new_instance(), new_instance()
        rivals = {
            "revoke": partial(second.call, "DELETE", one.path, desk.admin),
            "decline": partial(desk.use, one.token, "decline", api=second),
            "resend": partial(second.call, "POST", f"{one.path}/resend", desk.admin),
        }
        accepted, rival = at_once([partial(desk.use, one.token, "accept", api=first), rivals[other]])
        stored = desk.stored(one.invitation)
        if accepted.status == 200:
            assert stored["status"] == "ACCEPTED"
            # Whoever sends it again may have read it before it was accepted, and what its person holds after that.
            assert rival.status == 409
            assert rival.code in {"INVITATION_NOT_PENDING", "ALREADY_HELD" if other == "resend" else None}
            assert len(assignments(world, stored["acceptedBy"])) == 1
        else:
            assert rival.status in (200, 204)
            assert stored["status"] == {"revoke": "REVOKED", "decline": "DECLINED", "resend": "PENDING"}[other]
            assert "acceptedBy" not in stored
            accepted.expect(404 if other == "resend" else 409)
        assert (desk.pending(one.email) is None) is (stored["status"] != "PENDING")


def test_sending_again_at_once_counts_each(desk: Desk, new_instance: Start) -> None:
    one, instances = desk.invite(), [new_instance() for _ in range(6)]
    answers = at_once([partial(each.call, "POST", f"{one.path}/resend", desk.admin) for each in instances])
    assert statuses(answers) == [200] * 3 + [409] * 3
    stored = desk.stored(one.invitation)
    assert (stored["resendCount"], stored["sendNumber"]) == (3, 4)
    # However often the workers were called, the last sending's token is the good one.
    desk.post.deliver(desk.api)
    good = [letter for letter in desk.post.letters(one.email) if desk.use(letter.token).status == 200]
    assert len(good) == 1


def test_never_into_a_role_that_is_gone(desk: Desk, world: World, new_instance: Start) -> None:
    """A role that is deactivated, or grows, at the moment of accepting is not given as it was."""
    for change in ({"active": False}, {"permissions": ["org:read", "role:assign"]}):
        role = custom_role(world, desk, ["org:read"])
        by = world.member(desk.org, custom_role(world, desk, ["org:read", "invitation:create"])["roleId"])
        one, instance = desk.invite(role=role["roleId"], by=by), new_instance()
        run, done = instance.database._run, []

        def just_before_the_end(calls: list, *more: object, role=role, change=change, run=run, done=done) -> list:
            if type(calls[0]).__name__ == "_Transact" and not done:
                done.append(True)
                world.touch_role(desk.org, role["roleId"], **change)
            return run(calls, *more)

        instance.database._run = just_before_the_end
        code = "INVITATION_OBSOLETE" if "active" in change else "INVITER_NOT_ALLOWED"
        desk.use(one.token, "accept", api=instance).expect(409, code)
        assert usage(world, desk.org, role["roleId"]) == 0


@pytest.mark.parametrize("gone", ["team", "membership", "role"])
def test_what_the_person_has_already_must_stay_until_the_end(
    desk: Desk, world: World, new_instance: Start, team: str, gone: str
) -> None:
    """A role in a team that is deleted at the moment of accepting, a role or place that is taken away then."""
    first = desk.invite(teamId=team)
    desk.use(first.token, "accept").expect(200)
    user = accepted_by(desk, first)
    role = "ORG_MANAGER" if gone == "role" else "SITE_EDITOR"
    one, instance = desk.invite_beforehand(first.email, role=role, teamId=team), new_instance()
    run, done = instance.database._run, []

    def just_before_the_end(calls: list, *more: object) -> list:
        if type(calls[0]).__name__ == "_Transact" and not done:
            done.append(gone)
            change = Change.outside_a_request("somebody")
            if gone == "team":
                world.team(desk.org, team, active=False)
            elif gone == "membership":
                world.take_from_teams(user, desk.org)
            else:
                role_store.end(world.database, world.table, assignments(world, user), change)
        return run(calls, *more)

    instance.database._run = just_before_the_end
    desk.use(one.token, "accept", api=instance).expect(409, "INVITATION_OBSOLETE")
    assert done
    assert usage(world, desk.org, desk.roles["SITE_EDITOR"]) == 0
    assert desk.stored(one.invitation)["status"] == "PENDING"


def test_never_for_who_is_deactivated_at_that_moment(desk: Desk, world: World, new_instance: Start) -> None:
    first = desk.invite()
    desk.use(first.token, "accept").expect(200)
    user = accepted_by(desk, first)
    one, instance = desk.invite(first.email, role="ORG_ADMIN"), new_instance()
    run, done = instance.database._run, []

    def just_before_the_end(calls: list, *more: object) -> list:
        if type(calls[0]).__name__ == "_Transact" and not done:
            done.append(world.leave(user, desk.org))
        return run(calls, *more)

    instance.database._run = just_before_the_end
    desk.use(one.token, "accept", api=instance).expect(409, "INVITATION_OBSOLETE")
    assert done
    assert not any(held["active"] for held in assignments(world, user))


def test_two_workers_with_one_message(desk: Desk, new_instance: Start) -> None:
    made = desk.create().expect(201)
    records, workers = desk.post.take(), [new_instance() for _ in range(4)]
    left = at_once([partial(desk.post.handle, one, records) for one in workers])
    assert left == [[]] * 4
    letters = desk.post.letters(made["email"])
    assert 1 <= len(letters) <= 4
    assert desk.stored(made)["delivery"]["status"] == "SENT"
    assert desk.use(letters[0].token).expect(200)["status"] == "PENDING"
