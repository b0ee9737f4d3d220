"""What would come of a change to a role, before anybody makes it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from bbws_access.access.permissions import expand
from bbws_access.kernel.dynamodb import Database
from bbws_access.kernel.keys import partition
from bbws_access.kernel.records import Change
from bbws_access.role import rules, store
from tests.support.services import Instance, World
from tests.support.tables import query_all

ROLES = "/organisations/{}/roles"
PREVIEW = "/organisations/{}/roles/{}/preview"
SITE = sorted(expand("site:*"))


@pytest.fixture
def org(world: World) -> str:
    return world.organisation()


@pytest.fixture
def admin(world: World, org: str) -> str:
    return world.member(org)


@pytest.fixture
def make_role(api: Instance, org: str, admin: str) -> Callable[..., str]:
    """Makes a role with permissions; its id."""

    def make(name: str, *permissions: str, **more: object) -> str:
        body = {"name": name, "displayName": name, "permissions": list(permissions), **more}
        return api.call("POST", ROLES.format(org), admin, body).expect(201)["roleId"]

    return make


@pytest.fixture
def preview(api: Instance, org: str, admin: str) -> Callable[..., dict]:
    """The preview of a role with these permissions."""

    def ask(role: str, *permissions: str, query: dict | None = None, user: str = admin, **more: object) -> dict:
        body = {"permissions": list(permissions), **more}
        return api.call("POST", PREVIEW.format(org, role), user, body, query).expect(200)

    return ask


def changes(answer: dict) -> dict[str, tuple[list[str], list[str]]]:
    return {one["userId"]: (one["gained"], one["lost"]) for one in answer["items"]}


def test_who_gains_and_loses_what(preview, make_role, world: World, org: str, admin: str) -> None:
    role = make_role("EDITOR", "site:read", "site:update")
    other = make_role("READER", "site:read")
    alone, both, root = world.member(org, role), world.member(org, role), world.member(org, role)
    world.assign(both, other, org)
    world.assign(root, "PLATFORM_ADMIN")
    answer = preview(role, "site:publish")
    assert changes(answer) == {
        alone: (["site:publish"], ["site:read", "site:update"]),
        both: (["site:publish"], ["site:update"]),
        root: (["site:publish"], ["site:read", "site:update"]),  # the platform's roles are not this caller's to know
    }
    assert (answer["gaining"], answer["losing"], answer["count"], answer["moreAvailable"]) == (3, 3, 3, False)
    assert changes(preview(role, "site:publish", user=world.platform()))[root] == ([], [])
    assert (answer["allowed"], answer["missing"], answer["roleInUse"], answer["version"]) == (True, [], False, 1)


def test_wildcards_are_compared_by_what_they_stand_for(preview, make_role, world: World, org: str) -> None:
    role = make_role("SITES", *SITE)
    user = world.member(org, role)
    assert changes(preview(role, "site:*")) == {user: ([], [])}
    assert changes(preview(role, "site:*", "team:member:*"))[user][0] == sorted(expand("team:member:*"))
    wide = make_role("WIDE", "site:*")
    somebody = world.member(org, wide)
    assert changes(preview(wide, "site:read")) == {somebody: ([], [name for name in SITE if name != "site:read"])}


def test_what_other_assignments_no_longer_give_does_not_count(preview, make_role, world: World, org: str) -> None:
    role, other = make_role("EDITOR", "site:read"), make_role("READER", "site:read")
    user = world.member(org, role)
    world.assign(user, other, org, now=datetime(2020, 1, 1, tzinfo=UTC), expires_at="2020-02-01T00:00:00Z")
    assert changes(preview(role)) == {user: ([], ["site:read"])}


def test_a_team_is_a_place_of_its_own(preview, make_role, world: World, org: str) -> None:
    role = make_role("TEAMS_EDITOR", "site:read", "site:update", scope="TEAM")
    other = make_role("TEAMS_READER", "site:read", scope="TEAM")
    user = world.user()
    for team in ("team-1", "team-2"):
        world.assign(user, role, org, team_id=team)
    world.assign(user, other, org, team_id="team-2")
    answer = preview(role)
    found = {one["teamId"]: one["lost"] for one in answer["items"]}
    assert found == {"team-1": ["site:read", "site:update"], "team-2": ["site:update"]}
    everywhere = make_role("READS", "site:read")
    world.assign(user, everywhere, org)
    found = {one["teamId"]: one["lost"] for one in preview(role)["items"]}
    assert found == {"team-1": ["site:update"], "team-2": ["site:update"]}


def test_sets_count_and_stay_unless_said(preview, make_role, world: World, org: str) -> None:
    role = make_role("VIEWS", "site:update", permissionSets=["set-viewer"])
    user = world.member(org, role)
    assert changes(preview(role)) == {user: ([], ["site:update"])}
    without = preview(role, "site:update", permissionSets=[])
    assert changes(without) == {user: ([], ["org:read", "site:read", "team:read"])}


def test_the_end_of_a_role_in_use(preview, make_role, world: World, org: str) -> None:
    role = make_role("ENDS", "site:read")
    unused = preview(role, "site:read", active=False)
    assert (unused["items"], unused["allowed"], unused["roleInUse"]) == ([], True, False)
    user = world.member(org, role)
    answer = preview(role, "site:read", active=False)
    assert changes(answer) == {user: ([], ["site:read"])}
    assert (answer["allowed"], answer["roleInUse"]) == (False, True)


def test_the_ceiling_of_the_caller(preview, make_role, api: Instance, world: World, org: str, admin: str) -> None:
    updater = world.member(org, make_role("UPDATER", "role:update", "role:read", "user:read", "site:read"))
    role = make_role("ANY", "site:delete")
    answer = preview(role, "site:delete", "site:read", "team:create", user=updater)
    # What the role grants already, its change does not add.
    assert (answer["allowed"], answer["missing"]) == (False, ["team:create"])
    assert answer["_links"].keys() == {"self", "role", "users", "update", "permissions"}
    body = {"permissions": ["site:delete", "site:read", "team:create"]}
    refused = api.call("PUT", f"/organisations/{org}/roles/{role}/permissions", updater, body)
    assert refused.expect(403, "PERMISSION_CEILING")["error"]["details"] == {"missing": answer["missing"]}


@pytest.mark.parametrize("lacks", ["role:update", "role:read", "user:read"])
def test_it_takes_what_showing_its_content_takes(
    api: Instance, preview, make_role, world: World, org: str, lacks: str
) -> None:
    """A role's users, and what else they hold, are for those who may read roles and users."""
    role = make_role("ANY", "site:read")
    world.member(org, role)
    needed = ["role:update", "role:read", "user:read"]
    less = world.member(org, make_role("LESS", *(name for name in needed if name != lacks)))
    refused = api.call("POST", PREVIEW.format(org, role), less, {"permissions": []})
    assert "items" not in refused.expect(403, "FORBIDDEN")
    # Different roles may grant them; one held in a team does not count for the organisation.
    rest = make_role("REST", lacks, scope="TEAM")
    world.assign(less, rest, org, team_id=world.team(org))
    api.call("POST", PREVIEW.format(org, role), less, {"permissions": []}).expect(403, "FORBIDDEN")
    world.assign(less, make_role("WHOLE_REST", lacks), org)
    assert preview(role, user=less)["count"] == 1


def test_pages(preview, make_role, api: Instance, world: World, org: str, admin: str) -> None:
    role = make_role("MANY", "site:read")
    users = sorted(world.member(org, role) for _ in range(11))
    found, query = [], {"pageSize": "4"}
    while True:
        page = preview(role, query=query)
        found += page["items"]
        assert page["losing"] == page["count"] <= 4
        if not page["moreAvailable"]:
            break
        query = {"pageSize": "4", "startAt": page["startAt"]}
    assert [one["userId"] for one in found] == users
    other = make_role("OTHER", "site:read")
    wrong = api.call("POST", PREVIEW.format(org, other), admin, {"permissions": []}, query)
    wrong.expect(400, "INVALID_CURSOR")


def test_the_total_counts_all_that_nobody_ended(
    preview, make_role, api: Instance, world: World, org: str, admin: str
) -> None:
    role = make_role("COUNTED", "site:read")
    assert preview(role)["total"] == 0
    users = [world.member(org, role) for _ in range(3)]
    world.assign(world.user(), role, org, now=datetime(2020, 1, 1, tzinfo=UTC), expires_at="2020-02-01T00:00:00Z")
    first = preview(role, query={"pageSize": "2"})
    assert (first["total"], first["count"]) == (4, 2)
    last = preview(role, query={"pageSize": "2", "startAt": first["startAt"]})
    assert (last["total"], last["count"], last["moreAvailable"]) == (4, 1, False)
    api.call("DELETE", f"/organisations/{org}/users/{users[0]}/roles/{role}", admin).expect(204)
    assert preview(role)["total"] == 3


def test_a_page_takes_as_many_requests_for_a_hundred_users_as_for_two(
    preview, make_role, api: Instance, world: World, org: str
) -> None:
    """One for a hundred departures, and one for each other role that gives what changes. It was three for each user."""
    role, other = make_role("CROWD", "site:read"), make_role("OTHER", "site:backup")
    change = Change.outside_a_request("somebody")
    users = [world.user() for _ in range(100)]
    with_both = users[::3]
    [crowd, backup] = world.database.parallel([store.role(world.table, org, one) for one in (role, other)])
    given = [(user, crowd) for user in users] + [(user, backup) for user in with_both]
    puts = []
    for user, one in given:
        record = rules.new_assignment(one, user, None, None, None, change, departures=0)
        puts.append(store.assign_steps(world.table, record, one, None, change)[0][0])
    for start in range(0, len(puts), 100):
        world.database.transact(puts[start : start + 100])

    def requests(size: int) -> tuple[dict, int]:
        before = api.database.requests
        answer = preview(role, "site:read", "site:backup", query={"pageSize": str(size)})
        assert answer["count"] == size
        return answer, api.database.requests - before

    preview(role)  # from the second request on the function knows what the caller needs
    _, few = requests(2)
    answer, many = requests(100)
    assert {one["userId"] for one in answer["items"] if not one["gained"]} == set(with_both)
    # ORG_ADMIN and the new role grant site:backup.
    assert (few, many) == (6 + 1, 6 + 1 + 2)


def test_nothing_is_written(preview, make_role, database: Database, world: World, org: str) -> None:
    role = make_role("SAME", "site:read")
    user = world.member(org, role)

    def everything() -> list[list[dict]]:
        places = [partition("OrganisationRole", orgId=org), partition("UserRoleAssignment", userId=user)]
        return [query_all(database, world.table, one) for one in [*places, partition("RoleUsage", orgId=org)]]

    before = everything()
    preview(role, "*", active=False)
    assert everything() == before


def test_refusals(api: Instance, make_role, world: World, org: str, admin: str) -> None:
    role = make_role("PLAIN", "site:read")
    path = PREVIEW.format(org, role)
    api.call("POST", path, admin, {"permissions": ["site:fly"]}).expect(400, "UNKNOWN_PERMISSIONS")
    api.call("POST", path, admin, {"permissions": [], "permissionSets": ["set-none"]}).expect(400, "VALIDATION_ERROR")
    for body in ({}, {"permissions": "site:read"}, {"permissions": [], "name": "X"}, {"permissions": [], "active": 1}):
        api.call("POST", path, admin, body).expect(400, "VALIDATION_ERROR")
    api.call("POST", PREVIEW.format(org, "role-none"), admin, {"permissions": []}).expect(404, "ROLE_NOT_FOUND")
    system = PREVIEW.format(org, "role-platform-admin")
    api.call("POST", system, world.platform(), {"permissions": []}).expect(403, "SYSTEM_RESOURCE")
    api.call("POST", path, world.member(org, "ORG_MANAGER"), {"permissions": []}).expect(403, "FORBIDDEN")
    api.call("POST", path, world.member(world.organisation()), {"permissions": []}).expect(403, "FORBIDDEN")
