"""What an invitation gives ends no later than what its sender holds."""

from __future__ import annotations

import pytest

from bbws_access.kernel.keys import key, sort_prefix
from tests.support.services import World
from tests.support.tables import query_all
from tests.unit.invitation.conftest import Desk

SOON, PAST = "2090-01-01T00:00:00.000Z", "2020-01-01T00:00:00.000Z"


@pytest.fixture
def deputy(world: World, org: str) -> str:
    """An administrator for a time."""
    return world.member(org, expires_at=SOON)


def given(desk: Desk, user: str) -> list[dict]:
    """What somebody was given in the organisation."""
    place = key("UserRoleAssignment", userId=user, orgId=desk.org, roleId="-", teamId="-")["PK"]
    prefix = sort_prefix("UserRoleAssignment", orgId=desk.org)
    return query_all(desk.world.database, desk.world.table, place, sort_prefix=prefix)


def end(desk: Desk, user: str, moment: str) -> None:
    """As if what somebody has ended then."""
    for record in given(desk, user):
        desk.world.put({**record, "expiresAt": moment})


def test_the_role_ends_with_its_senders(desk: Desk, deputy: str) -> None:
    one = desk.invite(by=deputy)
    assert one.invitation["roleExpiresAt"] == SOON
    assert desk.use(one.token).expect(200)["roleExpiresAt"] == SOON
    assert desk.use(one.token, "accept").expect(200)["roleExpiresAt"] == SOON
    accepted = desk.stored(one.invitation)
    [assignment] = given(desk, accepted["acceptedBy"])
    assert assignment["expiresAt"] == accepted["roleExpiresAt"] == SOON


def test_it_is_judged_again_when_it_is_accepted(desk: Desk, admin: str, deputy: str) -> None:
    earlier, later = "2089-01-01T00:00:00.000Z", "2091-01-01T00:00:00.000Z"
    for moment in (earlier, later):
        one = desk.invite(by=deputy)
        end(desk, deputy, moment)
        assert desk.use(one.token, "accept").expect(200)["roleExpiresAt"] == moment
        [assignment] = given(desk, desk.stored(one.invitation)["acceptedBy"])
        assert assignment["expiresAt"] == moment
    one = desk.invite(by=deputy)
    end(desk, deputy, PAST)
    desk.use(one.token, "accept").expect(409, "INVITER_NOT_ALLOWED")
    # Sent again by somebody who keeps it, it is theirs.
    again = desk.api.call("POST", f"{one.path}/resend", admin, email="admin@acme.example").expect(200)
    assert "roleExpiresAt" not in again


def test_a_place_in_a_team_has_no_end(desk: Desk, deputy: str, team: str) -> None:
    answer = desk.create(by=deputy, teamId=team)
    answer.expect(403, "PERMISSION_CEILING")
    assert set(answer.details["heldUntil"].values()) == {SOON}


def test_whoever_sends_for_good_gives_for_good(desk: Desk) -> None:
    one = desk.invite()
    assert "roleExpiresAt" not in one.invitation
    assert "roleExpiresAt" not in desk.use(one.token, "accept").expect(200)
    [assignment] = given(desk, desk.stored(one.invitation)["acceptedBy"])
    assert "expiresAt" not in assignment
