"""What people have is written often and stands in indexes: DynamoDB charges twice for an item of one byte over 1 KB."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from bbws_access.access import identity
from bbws_access.cost.items import WRITE_BLOCK, item_bytes
from bbws_access.kernel.contract import load_roles
from bbws_access.kernel.dynamodb import encode_item
from bbws_access.kernel.ids import new_id
from bbws_access.kernel.records import Change
from bbws_access.role import rules as role_rules
from bbws_access.role import store as role_store
from bbws_access.team import rules as team_rules
from bbws_access.team import store as team_store

NOW = datetime(2026, 11, 30, tzinfo=UTC)
ORG, TEAM = new_id("organisation"), new_id("team")
BY, USER = str(uuid.uuid4()), str(uuid.uuid4())
CHANGE = Change(BY, str(uuid.uuid4()), NOW)
# Longer than most, in a team role with the longest of the default names.
PERSON = {"userId": USER, "userEmail": "philippa.van-der-merwe@department.example.co.za"}
NAMES = {"firstName": "Philippa", "lastName": "van der Merwe"}
TEAM_ROLE = {
    "teamRoleId": new_id("team-role"),
    "name": max((one["name"] for one in load_roles()["defaultTeamRoles"]), key=len),
    "capabilities": ["CAN_MANAGE_MEMBERS"],
}


def membership(body: dict, change: Change = CHANGE) -> dict:
    return team_rules.new_membership(ORG, TEAM, body, TEAM_ROLE, None, change, primary=True, departures=0)


def member_bytes(record: dict) -> int:
    return item_bytes(encode_item(team_store.member_item(record)))


def test_a_membership_is_less_than_a_kilobyte() -> None:
    """Of somebody who was added, who accepted, and whose team role is another one by now."""
    added = membership({**PERSON, **NAMES})
    # Whoever accepts has made the record, and who invited has given it.
    own = Change(USER, str(uuid.uuid4()), NOW)
    accepted = membership({"userId": USER, **identity.proven(PERSON["userEmail"]), **NAMES}, own) | {"addedBy": BY}
    assert member_bytes(added) < WRITE_BLOCK
    assert member_bytes(accepted) < WRITE_BLOCK
    later = Change(str(uuid.uuid4()), str(uuid.uuid4()), NOW + timedelta(days=1))
    assert member_bytes({**membership(PERSON), **later.next(added)}) < WRITE_BLOCK


@pytest.mark.parametrize("old", [{}, {"joinedAt": "2026-01-01T00:00:00.000Z", "addedBy": "44444444-4444-4444-8444"}])
def test_a_membership_of_before_is_read_as_it_says(old: dict) -> None:
    """Records that were written with the columns twice keep what they say."""
    shown = team_rules.membership_answer({**membership(PERSON), **old}, "MEMBER", {})
    assert shown["joinedAt"] == old.get("joinedAt", "2026-11-30T00:00:00.000Z")
    assert shown["addedBy"] == old.get("addedBy", BY)


def test_an_assignment_is_less_than_a_kilobyte() -> None:
    """In the whole organisation."""
    for role in load_roles()["defaultOrganisationRoles"]:
        of_org = {**role, "scope": "ORGANISATION", "roleId": new_id("role"), "organisationId": ORG}
        record = role_rules.new_assignment(of_org, USER, None, "2027-11-30T00:00:00.000Z", None, CHANGE, departures=1)
        later = Change(str(uuid.uuid4()), str(uuid.uuid4()), NOW).next(record)
        for one in (record, {**record, **later}):
            put = role_store.assign_steps("permissions", one, {**of_org, "version": 1}, None, CHANGE)[0][0]
            assert item_bytes(encode_item(put.item)) < WRITE_BLOCK, role["name"]


def test_an_assignment_in_a_team_is_less_than_a_kilobyte() -> None:
    """With the keys of a third index, of the longest of the default names, and after a change."""
    name = max((one["name"] for one in load_roles()["defaultOrganisationRoles"]), key=len)
    of_org = {"name": name, "scope": "TEAM", "roleId": new_id("role"), "organisationId": ORG}
    record = role_rules.new_assignment(of_org, USER, TEAM, None, None, CHANGE, departures=0)
    record |= role_rules.in_team({"version": 12})
    put = role_store.assign_steps("permissions", record, {**of_org, "version": 1}, None, CHANGE)[0][0]
    assert "GSI3PK" in put.item
    assert item_bytes(encode_item(put.item)) < WRITE_BLOCK
