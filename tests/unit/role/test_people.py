"""Who is in an organisation, what it learns of them, and how one of them leaves."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from bbws_access.access.departures import Departures, departures_read
from bbws_access.access.reader import read_access
from bbws_access.kernel.settings import Settings
from bbws_access.role.handler import service as role_service
from bbws_access.team.handler import service as team_service
from tests.support.services import Instance, World, at_once
from tests.support.tables import REGION, query_all
from tests.support.teams import Organisation

USERS = "/organisations/{}/users"
USER = "/organisations/{}/users/{}"
LEAVE = "/organisations/{}/users/{}/deactivate"


@pytest.fixture
def teams(start_instance: Callable[..., Instance]) -> Instance:
    return start_instance(team_service, "permissions", "teams")


@pytest.fixture
def api(start_instance: Callable[..., Instance]) -> Instance:
    return start_instance(role_service, "permissions", "teams")


@pytest.fixture
def org(teams: Instance, world: World, seeded_tables: dict[str, str]) -> Organisation:
    return Organisation(teams, world, seeded_tables)


def listed(api: Instance, org: Organisation, size: int = 100) -> list[dict]:
    """Everybody on all pages."""
    found, query = [], {"pageSize": str(size)}
    while True:
        page = api.call("GET", USERS.format(org.id), org.admin, query=query).expect(200)
        assert page["count"] == len(page["items"]) <= size
        found += page["items"]
        if not page["moreAvailable"]:
            return found
        query["startAt"] = page["startAt"]


def departures_of(world: World, user: str) -> Departures:
    [record] = world.database.parallel([departures_read(world.table, user)])
    return Departures(user, record)


def has_anything(world: World, org: Organisation, user: str) -> bool:
    access = read_access(world.database, Settings(region=REGION, tables=org.tables), user, [org.id])
    return org.id in access.organisations()


def test_a_user_with_all_that_they_hold_here_and_nothing_else(api: Instance, world: World, org: Organisation) -> None:
    user, team, elsewhere = world.user(), org.team(), world.organisation()
    world.assign(user, "ORG_MANAGER", org.id, email="ada@acme.example", expires_at="2999-01-01T00:00:00.000Z")
    world.assign(user, "SITE_VIEWER", org.id, team_id=team)
    org.add(team, user, "TEAM_LEAD").expect(201)
    world.assign(user, "ORG_ADMIN", elsewhere)
    world.assign(user, "PLATFORM_ADMIN")
    shown = api.call("GET", USER.format(org.id, user), org.admin).expect(200)
    assert {(one["roleName"], one["scope"], one.get("teamId"), one["until"]) for one in shown["roles"]} == {
        ("ORG_MANAGER", "ORGANISATION", None, "2999-01-01T00:00:00.000Z"),
        ("SITE_VIEWER", "TEAM", team, None),
    }
    [membership] = shown["memberships"]
    assert (membership["teamId"], membership["teamRoleName"], membership["isPrimary"]) == (team, "TEAM_LEAD", True)
    assert elsewhere not in str(shown)
    assert "PLATFORM" not in str(shown)
    assert "deactivate" in shown["_links"]
    assert "deactivate" not in api.call("GET", USER.format(org.id, user), user).expect(200)["_links"]
    [same] = [one for one in listed(api, org) if one["userId"] == user]
    assert same == shown


def test_strangers_of_every_kind_have_one_answer(api: Instance, world: World, org: Organisation) -> None:
    strangers = {
        "unknown": world.user(),
        "elsewhere": world.somebody(),
        "engineer": world.platform(),
        "gone everywhere": (gone := world.member(org.id)),
        "expired": world.member(org.id),
    }
    world.leave(gone, tidy=False)
    world.take_roles(strangers["expired"], org.id)
    for kind, user in strangers.items():
        for method, path in (("GET", USER), ("POST", LEAVE)):
            before = departures_of(world, user).record
            answer = api.call(method, path.format(org.id, user), org.admin)
            assert (answer.status, answer.code) == (404, "USER_NOT_FOUND"), kind
            assert answer.body["error"]["message"].replace(user, "") == "The user  holds nothing in this organisation."
            assert departures_of(world, user).record == before, kind


@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_pages_have_everybody_once(api: Instance, world: World, org: Organisation, size: int) -> None:
    team = org.team()
    people = {org.admin, *(world.member(org.id) for _ in range(3)), *(org.member(team) for _ in range(3))}
    both = world.member(org.id, "ORG_MANAGER")
    world.assign(both, "SITE_VIEWER", org.id, team_id=team)
    org.add(team, both).expect(201)
    world.leave(world.member(org.id))
    found = listed(api, org, size)
    assert [one["userId"] for one in found] == sorted(people | {both})
    [shown] = [one for one in found if one["userId"] == both]
    assert (len(shown["roles"]), len(shown["memberships"])) == (2, 1)


def test_who_leaves_has_nothing_here_and_keeps_all_else(
    api: Instance, teams: Instance, world: World, org: Organisation
) -> None:
    user, team, elsewhere = world.member(org.id), org.team(), world.organisation()
    org.add(team, user, "TEAM_LEAD").expect(201)
    world.assign(user, "ORG_ADMIN", elsewhere)
    world.assign(user, "SUPPORT_AGENT")
    api.call("POST", LEAVE.format(org.id, user), org.admin).expect(204)
    access = read_access(world.database, Settings(region=REGION, tables=org.tables), user, [org.id, elsewhere])
    assert (access.organisations(), access.is_platform()) == ({elsewhere}, True)
    api.call("GET", USER.format(org.id, user), org.admin).expect(404, "USER_NOT_FOUND")
    # Again: one departure. The event that was sent is the same one, whoever takes it, and tidies up.
    told = departures_of(world, user)
    api.call("POST", LEAVE.format(org.id, user), org.admin).expect(204)
    assert departures_of(world, user).record == told.record
    event = {"userId": user, "organisationId": org.id, "departureId": told.told(org.id)}
    for instance in (api, teams):
        instance.deliver("UserDeactivated", **event)
        instance.deliver("UserDeactivated", **event)
    assert departures_of(world, user).record == told.record
    assert org.numbers(team) == (0, 0, 0)
    assert user not in [one["userId"] for one in listed(api, org)]
    # Whoever is given something again is back, and can leave again.
    world.assign(user, "ORG_MANAGER", org.id)
    api.deliver("UserDeactivated", **event)
    assert has_anything(world, org, user)
    api.call("POST", LEAVE.format(org.id, user), org.admin).expect(204)
    assert not has_anything(world, org, user)
    assert departures_of(world, user).count(org.id) == 2


def test_a_membership_is_enough_to_be_here(api: Instance, world: World, org: Organisation) -> None:
    user = org.member(org.team())
    world.take_roles(user, org.id)
    shown = api.call("GET", USER.format(org.id, user), org.admin).expect(200)
    assert (shown["roles"], len(shown["memberships"])) == ([], 1)
    api.call("POST", LEAVE.format(org.id, user), org.admin).expect(204)
    assert not has_anything(world, org, user)


def test_who_may_let_whom_leave(api: Instance, world: World, org: Organisation) -> None:
    def leave(caller: str, user: str) -> Callable:
        return api.call("POST", LEAVE.format(org.id, user), caller).expect

    manager, assigner = org.holder("org:user:manage"), org.holder("org:user:manage", "role:assign")
    refused = api.call("POST", LEAVE.format(org.id, org.admin), manager)
    refused.expect(403, "PERMISSION_CEILING")
    assert {"role:*", "user:*"} <= set(refused.details["missing"])
    assert has_anything(world, org, org.admin)
    leave(manager, manager)(409, "SELF_DEACTIVATION")
    leave(org.admin, org.admin)(409, "SELF_DEACTIVATION")
    leave(org.holder("role:*", "user:*"), manager)(403, "FORBIDDEN")
    leave(world.member(world.organisation()), manager)(403, "FORBIDDEN")  # of another organisation
    leave(org.holder("org:user:manage", team=org.team()), manager)(403, "FORBIDDEN")  # in one team only
    leave(manager, org.holder("org:user:manage"))(204)  # who may do no more
    leave(assigner, org.admin)(204)  # who takes every role away anyway
    leave(world.platform(), assigner)(204)


def test_of_two_who_let_each_other_leave_one_stays(
    start_instance: Callable[..., Instance], world: World, org: Organisation
) -> None:
    instances = [start_instance(role_service, "permissions", "teams") for _ in range(2)]
    for _ in range(5):
        pair = [world.member(org.id) for _ in range(2)]
        calls = [
            partial(instance.call, "POST", LEAVE.format(org.id, other), caller)
            for instance, caller, other in zip(instances, pair, reversed(pair), strict=True)
        ]
        statuses = sorted(answer.status for answer in at_once(calls))
        assert statuses == [204, 403]
        assert [has_anything(world, org, one) for one in pair].count(True) == 1


def test_a_role_that_is_given_at_the_same_moment_ends_too_or_comes_after(
    start_instance: Callable[..., Instance], world: World, org: Organisation
) -> None:
    giving, ending = (start_instance(role_service, "permissions", "teams") for _ in range(2))
    found = giving.call("GET", f"/organisations/{org.id}/roles", org.admin).expect(200)["items"]
    [body] = [{"roleId": one["roleId"]} for one in found if one["name"] == "ORG_MANAGER"]
    for _ in range(5):
        user, other = org.user(), world.member(org.id)
        give = partial(giving.call, "POST", f"{USER.format(org.id, user)}/roles", other, body)
        given, left = at_once([give, partial(ending.call, "POST", LEAVE.format(org.id, user), org.admin)])
        left.expect(204)
        assert given.status in (201, 409)
        if given.status == 409:
            assert given.code in ("USER_LEFT", "VERSION_CONFLICT")
        else:
            # Given before, it has ended with all else; a request that began after the departure brings them back.
            back = [one for one in query_all(world.database, world.table, f"ASSIGNMENT#USER#{user}") if one["active"]]
            now = {one.get("departures", 0) for one in back if one["roleId"] == body["roleId"]}
            assert has_anything(world, org, user) is (now == {1})
        assert departures_of(world, user).count(org.id) == 1


@pytest.mark.parametrize("user", ["nobody", "06658720-8B54-4586-B298-DE2E0DB73C0E"])
def test_what_is_no_user_id_is_refused(api: Instance, org: Organisation, user: str) -> None:
    for method, path in (("GET", USER), ("POST", LEAVE)):
        api.call(method, path.format(org.id, user), org.admin).expect(400, "VALIDATION_ERROR")
