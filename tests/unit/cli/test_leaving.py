"""`user deactivate` and what names holders without an account: with accounts that are there, disabled, or gone."""

from __future__ import annotations

import uuid

import boto3
import pytest

from bbws_access.access.reader import read_access
from bbws_access.cli import doctor, holders
from bbws_access.cli.errors import UsageError
from bbws_access.kernel.settings import Settings
from tests.support.invitations import new_email
from tests.support.services import World
from tests.support.tables import REGION
from tests.support.teams import Organisation
from tests.unit.cli.conftest import Place


def give_everything(world: World, organisation: Organisation, user: str) -> None:
    """A role, a role in a team, a membership as lead, and a platform role."""
    team = organisation.team(f"Team {user}")
    world.assign(user, "ORG_ADMIN", organisation.id)
    world.assign(user, "SITE_VIEWER", organisation.id, team_id=team)
    organisation.add(team, user, "TEAM_LEAD").expect(201)
    world.assign(user, "PLATFORM_ADMIN")


def is_active(world: World, tables: dict[str, str], user: str) -> bool:
    return read_access(world.database, Settings(region=REGION, tables=tables), user).active


@pytest.mark.parametrize("order", ["account there", "disabled before", "deleted before", "deleted after"])
@pytest.mark.parametrize("by", ["address", "id"])
def test_everything_ends_whatever_becomes_of_the_account_first(
    place: Place, world: World, organisation: Organisation, seeded_tables: dict[str, str], order: str, by: str
) -> None:
    email, user = place.account(enabled=order != "disabled before")
    give_everything(world, organisation, user)
    if order == "deleted before":
        place.delete(email)
    if (order, by) == ("deleted before", "address"):
        with pytest.raises(UsageError, match=email) as refused:
            place.deactivate(email)
        assert "user id" in refused.value.hint
        by = "id"
    done = place.deactivate(email.upper() if by == "address" else user.upper())
    known = None if order == "deleted before" else email
    assert done == {"userId": user, "email": known, "organisationId": None, "platformRoles": ["PLATFORM_ADMIN"]}
    assert not is_active(world, seeded_tables, user)
    if order != "deleted before":
        cognito = boto3.client("cognito-idp")
        found = cognito.admin_get_user(UserPoolId=place.outputs_["user_pool_id"], Username=email)
        assert not found["Enabled"]
    if order == "deleted after":
        place.delete(email)
    # Again, by the id, which is what is left of a person.
    assert place.deactivate(user)["platformRoles"] == []
    assert len({told["departureId"] for told in place.told}) == 2


def test_the_first_write_ends_it_although_nobody_is_told(
    place: Place, world: World, organisation: Organisation, seeded_tables: dict[str, str]
) -> None:
    """Neither Cognito nor the bus answers."""
    email, user = place.account()
    give_everything(world, organisation, user)
    place.tell = lambda *_: (_ for _ in ()).throw(ConnectionError("gone"))
    with pytest.raises(ConnectionError):
        place.deactivate(email)
    assert not is_active(world, seeded_tables, user)


def test_in_one_organisation_the_account_stays(
    place: Place, world: World, organisation: Organisation, seeded_tables: dict[str, str]
) -> None:
    email, user = place.account()
    give_everything(world, organisation, user)
    world.assign(user, "ORG_ADMIN", elsewhere := world.organisation())
    assert place.deactivate(email, organisation.id)["platformRoles"] == []
    access = read_access(world.database, Settings(region=REGION, tables=seeded_tables), user)
    assert (access.organisations(), access.is_platform()) == ({elsewhere}, True)
    found = boto3.client("cognito-idp").admin_get_user(UserPoolId=place.outputs_["user_pool_id"], Username=email)
    assert found["Enabled"]
    with pytest.raises(UsageError, match="org-none"):
        place.deactivate(email, "org-none")


def test_who_was_never_there_is_named(place: Place) -> None:
    for person in (new_email(), str(uuid.uuid4())):
        with pytest.raises(UsageError, match=person):
            place.deactivate(person)
    with pytest.raises(UsageError, match="e-mail address"):
        place.deactivate("nobody")
    assert place.told == []


def test_holders_without_an_account_are_named_until_they_are_deactivated(
    place: Place, world: World, organisation: Organisation
) -> None:
    there, gone, disabled = place.account(), place.account(), place.account(enabled=False)
    for _, user in (there, gone, disabled):
        give_everything(world, organisation, user)
    place.delete(gone[0])
    world.leave(nothing := organisation.user(), tidy=False)  # holds nothing, although nobody has tidied up
    found = {one.userId: one for one in holders.find_holders(place, place.outputs_)}
    accounts = [found[user].account for _, user in (there, gone, disabled)]
    assert accounts == [holders.ENABLED, holders.NONE, holders.DISABLED]
    assert nothing not in found
    expected = {"roles": 2, "memberships": 1, "platformRoles": ["PLATFORM_ADMIN"], "organisations": [organisation.id]}
    shown = found[gone[1]].as_json()
    assert {name: shown[name] for name in expected} == expected
    finding = doctor.accounts_of_holders(place)
    assert finding.state == "warning"
    named = [one.userId for one in found.values() if one.account != holders.ENABLED]
    assert named[0] in finding.found
    assert "user deactivate" in finding.advice
    for user in named:
        world.leave(user)
    assert doctor.accounts_of_holders(place).state == "good"
