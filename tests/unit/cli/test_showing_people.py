"""`user list`, `user show` and `user resend-password`: people in every state that a user pool and the tables know."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import boto3
import pytest

from bbws_access.cli import accounts, holders, people
from bbws_access.cli.errors import UsageError
from bbws_access.local_aws import LocalAws
from tests.support.invitations import new_email
from tests.support.services import World
from tests.support.teams import Organisation
from tests.unit.cli.conftest import Place
from tests.unit.cli.test_organisations import invite


def show(place: Place, person: str) -> dict:
    return holders.show(place, place.outputs_, person)


def test_what_somebody_holds_everywhere(
    place: Place, world: World, organisation: Organisation, seeded_tables: dict[str, str]
) -> None:
    email, user = place.account()
    team = organisation.team("Writers")
    world.assign(user, "ORG_ADMIN", organisation.id, expires_at="2999-01-01T00:00:00.000Z")
    world.assign(user, "SITE_VIEWER", organisation.id, team_id=team)
    organisation.add(team, user, "TEAM_LEAD").expect(201)
    world.assign(user, "SUPPORT_AGENT")
    world.assign(user, "ORG_MANAGER", elsewhere := world.organisation())
    world.assign(user, "ORG_MANAGER", before := world.organisation())
    world.leave(user, before, tidy=False)
    invitation = invite(world, seeded_tables, asked := world.organisation(), email.upper())
    invite(world, seeded_tables, world.organisation(), email, ends="2020-01-01T00:00:00.000Z")
    found = show(place, email.upper())
    assert found == show(place, user.upper())
    assert (found["userId"], found["email"]) == (user, email)
    assert [one["roleName"] for one in found["platformRoles"]] == ["SUPPORT_AGENT"]
    inside = {one["organisationId"]: one for one in found["organisations"]}
    assert inside.keys() == {organisation.id, elsewhere}
    roles = {one["roleName"]: one for one in inside[organisation.id]["roles"]}
    assert roles["ORG_ADMIN"]["until"] == "2999-01-01T00:00:00.000Z"
    assert "teamId" not in roles["ORG_ADMIN"]
    assert (roles["SITE_VIEWER"]["teamId"], roles["SITE_VIEWER"]["teamName"]) == (team, "Writers")
    [membership] = inside[organisation.id]["memberships"]
    assert (membership["teamName"], membership["teamRoleName"]) == ("Writers", "TEAM_LEAD")
    assert [one["organisationId"] for one in found["left"]] == [before]
    assert [(one["organisationId"], one["invitationId"]) for one in found["invitations"]] == [(asked, invitation)]


def test_a_role_is_called_as_it_is_called_now(place: Place, world: World, organisation: Organisation) -> None:
    _, user = place.account()
    assigned = world.assign(user, "ORG_MANAGER", organisation.id)
    world.touch_role(organisation.id, assigned["roleId"], name="CAPTAIN")
    [inside] = show(place, user)["organisations"]
    assert [one["roleName"] for one in inside["roles"]] == ["CAPTAIN"]


def test_whoever_has_no_account_or_was_only_invited(
    place: Place, world: World, organisation: Organisation, seeded_tables: dict[str, str]
) -> None:
    email, user = place.account()
    world.assign(user, "ORG_ADMIN", organisation.id, email=email)
    place.delete(email)
    gone = show(place, user)
    assert (gone["account"], gone["email"], len(gone["organisations"])) == (None, email, 1)
    invite(world, seeded_tables, organisation.id, invited := new_email())
    found = show(place, invited)
    assert (found["userId"], found["account"], found["organisations"], found["email"]) == (None, None, [], invited)
    assert len(found["invitations"]) == 1
    for nobody in (new_email(), str(uuid.uuid4())):
        with pytest.raises(UsageError, match=nobody):
            show(place, nobody)


def test_the_list_has_everybody_once(place: Place, world: World, organisation: Organisation) -> None:
    (_, idle), (gone_email, gone), (_, holder) = place.account(), place.account(), place.account()
    for user in (gone, holder):
        world.assign(user, "ORG_ADMIN", organisation.id)
    world.assign(left := place.account()[1], "ORG_ADMIN", organisation.id)
    world.leave(left, tidy=False)
    place.delete(gone_email)
    found = holders.everybody(place, place.outputs_)
    by_id = {one.userId: one for one in found}
    assert len(by_id) == len(found)
    assert len({one.place for one in found}) == len(found)
    states = {user: (by_id[user].account, by_id[user].roles) for user in (idle, gone, holder, left)}
    assert states == {
        idle: (holders.ENABLED, 0),
        gone: (holders.NONE, 1),
        holder: (holders.ENABLED, 1),
        left: (holders.ENABLED, 0),
    }
    assert {idle, left}.isdisjoint(one.userId for one in holders.find_holders(place, place.outputs_))


def test_sign_in_states(place: Place) -> None:
    cognito, pool = boto3.client("cognito-idp"), place.outputs_["user_pool_id"]
    email, user = place.account()
    now = datetime.now(UTC)

    def account(when: datetime = now) -> dict:
        return accounts.account_of(place, place.outputs_, user, when)

    assert account()["signIn"].startswith("has not signed in yet; the temporary password is valid until ")
    assert account(now + timedelta(days=8))["signIn"].startswith("never signed in; the temporary password ended ")
    assert (account()["status"], account()["emailVerified"]) == ("FORCE_CHANGE_PASSWORD", True)
    cognito.admin_set_user_password(UserPoolId=pool, Username=email, Password="The-new-0ne", Permanent=True)
    assert account()["signIn"] == "may sign in"
    cognito.admin_reset_user_password(UserPoolId=pool, Username=email)
    assert "choose a new password" in account()["signIn"]
    cognito.admin_disable_user(UserPoolId=pool, Username=email)
    assert (account()["enabled"], account()["signIn"]) == (False, "disabled: cannot sign in")
    place.delete(email)
    assert accounts.account_of(place, place.outputs_, user, now) is None


def test_second_factors(place: Place) -> None:
    def factor(wanted: str, *factors: str) -> str:
        return accounts._second_factor({"UserMFASettingList": list(factors)}, {"MfaConfiguration": wanted})

    assert factor("OFF") == "not used in this user pool"
    assert factor("ON") == "none yet; asked for at the next sign-in"
    assert factor("OPTIONAL") == "none; optional in this user pool"
    assert factor("ON", "SOFTWARE_TOKEN_MFA") == factor("OPTIONAL", "SOFTWARE_TOKEN_MFA") == "authenticator app"
    _, user = place.account()
    found = accounts.account_of(place, place.outputs_, user, datetime.now(UTC))
    assert found["secondFactor"] == "not used in this user pool"


def test_a_temporary_password_is_sent_again_to_who_needs_one(place: Place) -> None:
    cognito, pool = boto3.client("cognito-idp"), place.outputs_["user_pool_id"]
    email, user = place.account()
    sent = accounts.resend_password(place, place.outputs_, email)
    assert (sent["userId"], sent["email"]) == (user, email)
    assert datetime.fromisoformat(sent["validUntil"]) > datetime.now(UTC) + timedelta(days=6)
    cognito.admin_disable_user(UserPoolId=pool, Username=email)
    with pytest.raises(UsageError, match="disabled"):
        accounts.resend_password(place, place.outputs_, email)
    cognito.admin_enable_user(UserPoolId=pool, Username=email)
    cognito.admin_set_user_password(UserPoolId=pool, Username=email, Password="The-new-0ne", Permanent=True)
    with pytest.raises(UsageError, match="a password of their own"):
        accounts.resend_password(place, place.outputs_, email)
    with pytest.raises(UsageError, match="no account"):
        accounts.resend_password(place, place.outputs_, new_email())


def test_what_was_granted_is_said(place: Place, organisation: Organisation, local_aws: LocalAws) -> None:
    email = new_email()

    def create(role: str, **more: bool) -> dict:
        return people.create_user(place, place.outputs_, email, organisation.id, role, "The-new-0ne", **more)

    made, again = create("ORG_MANAGER"), create("ORG_MANAGER")
    shown = [(one["created"], one["granted"], one["roleName"], one["scope"]) for one in (made, again)]
    assert shown == [(True, True, "ORG_MANAGER", "ORGANISATION"), (False, False, "ORG_MANAGER", "ORGANISATION")]
    platform = create("SUPPORT_AGENT", platform=True)
    assert (platform["granted"], platform["roleName"], platform["scope"]) == (True, "SUPPORT_AGENT", "PLATFORM")
    names = people.role_names(place, place.outputs_, organisation.id, platform=False)
    assert names == ["ORG_ADMIN", "ORG_MANAGER"]  # what is held in a team cannot be given so
    assert "PLATFORM_ADMIN" in people.role_names(place, place.outputs_, organisation.id, platform=True)
    with pytest.raises(UsageError, match="There is no organisation"):
        people.role_names(place, place.outputs_, "org-none", platform=False)
