"""Who has a role: assigning, listing, taking away, expiry, and what happens at the same moment."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from unittest.mock import patch

import pytest

from bbws_access.access import joining
from bbws_access.kernel.dynamodb import Database, Delete
from bbws_access.kernel.keys import key
from bbws_access.role import store
from bbws_access.service import runtime
from tests.support.services import Answer, Instance, World, at_once, moment
from tests.support.tables import query_all

USER_ROLES = "/organisations/{}/users/{}/roles"
USER_ROLE = "/organisations/{}/users/{}/roles/{}"
ROLE = "/organisations/{}/roles/{}"
ROLE_USERS = "/organisations/{}/roles/{}/users"
THEN = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def org(world: World) -> str:
    return world.organisation()


@pytest.fixture
def admin(world: World, org: str) -> str:
    return world.member(org)


@pytest.fixture
def roles(api: Instance, org: str, admin: str) -> dict[str, str]:
    """Ids of the organisation's roles by name."""
    page = api.call("GET", f"/organisations/{org}/roles", admin).expect(200)
    return {role["name"]: role["roleId"] for role in page["items"]}


@pytest.fixture
def usage(database: Database, seeded_tables: dict[str, str], org: str) -> Callable[[str], tuple[int, int]]:
    """The counted use of a role, and the true one."""

    def count(role_id: str) -> tuple[int, int]:
        table = seeded_tables["permissions"]
        [counts] = database.parallel([store.USES.read(table, org, role_id)])
        index = f"ASSIGNMENT#ORG#{org}#ROLE#{role_id}"
        found = query_all(database, table, index, index="assignments-by-role", consistent=False)
        return store.USES.total(counts), sum(one["active"] for one in found)

    return count


class _Clock:
    """Takes the place of the class `datetime` where a service asks for the time."""

    def __init__(self, moment: datetime) -> None:
        self._moment = moment

    def now(self, zone: object) -> datetime:
        return self._moment


def later(**span: int) -> str:
    return (datetime.now(UTC) + timedelta(**span)).isoformat()


def _join(world: World, user: str, org_id: str) -> None:
    """Somebody is in a team of an organisation."""
    place = key("TeamMember", userId=user, orgId=org_id, teamId="team-1")
    item = {"userId": user, "organisationId": org_id, "teamId": "team-1", "teamRoleId": "trole-1", "active": True}
    world.database.put(world.teams_table, {**place, **item})


def pages(api: Instance, path: str, user: str, size: int, **query: str) -> list[dict]:
    """The assignments of all pages."""
    found: list[dict] = []
    start: dict[str, str] = {}
    while True:
        page = api.call("GET", path, user, query={"pageSize": str(size), **query, **start}).expect(200)
        assert page["count"] == len(page["items"]) <= size
        found += page["items"]
        if not page["moreAvailable"]:
            return found
        start = {"startAt": page["startAt"]}


class TestAssign:
    def test_for_the_whole_organisation(
        self, api: Instance, world: World, org: str, admin: str, roles: dict[str, str]
    ) -> None:
        user = world.user()
        answer = api.call("POST", USER_ROLES.format(org, user), admin, {"roleId": roles["ORG_MANAGER"]})
        made = answer.expect(201)
        assert (made["roleName"], made["scope"], made["active"]) == ("ORG_MANAGER", "ORGANISATION", True)
        assert made["assignedBy"] == made["createdBy"] == admin
        assert "teamId" not in made
        assert "expiresAt" not in made
        assert made["_links"].keys() == {"self", "role", "remove"}
        [listed] = api.call("GET", answer.headers["Location"], admin).expect(200)["items"]
        assert listed == made
        # It counts at once, and no more than the role grants: user:read is in it, role:read is not.
        api.call("GET", USER_ROLES.format(org, admin), user).expect(403, "FORBIDDEN")
        api.call("GET", f"/organisations/{org}/users/{admin}/permissions", user).expect(200)

    def test_in_teams(self, api: Instance, world: World, org: str, admin: str, roles: dict[str, str]) -> None:
        user, path = world.user(), None
        for team in ("team-1", "team-2"):
            world.team(org, team)
            path = USER_ROLES.format(org, user)
            made = api.call("POST", path, admin, {"roleId": roles["SITE_EDITOR"], "teamId": team}).expect(201)
            assert (made["scope"], made["teamId"]) == ("TEAM", team)
            assert made["_links"]["remove"]["href"].endswith(f"?teamId={team}")
        assert [one["teamId"] for one in pages(api, path, admin, 1)] == ["team-1", "team-2"]

    def test_in_an_active_team_of_the_organisation_only(
        self, api: Instance, world: World, org: str, admin: str, roles: dict[str, str]
    ) -> None:
        path = USER_ROLES.format(org, world.user())
        for team in (world.team(org, active=False), world.team(world.organisation()), "team-none"):
            content = {"roleId": roles["SITE_EDITOR"], "teamId": team}
            api.call("POST", path, admin, content).expect(404, "TEAM_NOT_FOUND")
        assert pages(api, path, admin, 10) == []

    def test_a_team_that_ends_at_the_same_moment(
        self,
        api: Instance,
        world: World,
        org: str,
        admin: str,
        roles: dict[str, str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        team, path = world.team(org), USER_ROLES.format(org, world.user())
        transact = api.database.transact

        def after_the_team(actions: list, **more: object) -> None:
            world.team(org, team, active=False)
            transact(actions, **more)

        monkeypatch.setattr(api.database, "transact", after_the_team)
        content = {"roleId": roles["SITE_EDITOR"], "teamId": team}
        api.call("POST", path, admin, content).expect(404, "TEAM_NOT_FOUND")
        assert pages(api, path, admin, 10) == []

    def test_until_a_moment(self, api: Instance, world: World, org: str, admin: str, roles: dict[str, str]) -> None:
        user = world.user()
        ends = datetime.now(UTC) + timedelta(hours=1)
        content = {"roleId": roles["ORG_MANAGER"], "expiresAt": ends.astimezone().isoformat()}
        made = api.call("POST", USER_ROLES.format(org, user), admin, content).expect(201)
        assert made["expiresAt"].endswith("Z")
        assert abs(moment(made["expiresAt"]) - ends) < timedelta(milliseconds=1)

    def test_twice_is_refused_and_says_since_when(
        self, api: Instance, world: World, org: str, admin: str, roles: dict[str, str]
    ) -> None:
        user = world.user()
        content = {"roleId": roles["ORG_MANAGER"]}
        made = api.call("POST", USER_ROLES.format(org, user), admin, content).expect(201)
        answer = api.call("POST", USER_ROLES.format(org, user), admin, {**content, "expiresAt": later(days=1)})
        answer.expect(409, "ALREADY_ASSIGNED")
        assert answer.details == {"assignedAt": made["assignedAt"], "expiresAt": None}

    def test_again_after_it_was_taken_away(
        self, api: Instance, world: World, org: str, admin: str, roles: dict[str, str], usage: Callable
    ) -> None:
        user, role = world.user(), roles["ORG_MANAGER"]
        for version in (1, 3, 5):
            made = api.call("POST", USER_ROLES.format(org, user), admin, {"roleId": role}).expect(201)
            assert made["version"] == version
            assert usage(role) == (1, 1)
            api.call("DELETE", USER_ROLE.format(org, user, role), admin).expect(204)
            assert usage(role) == (0, 0)

    def test_again_after_it_expired(
        self, api: Instance, world: World, org: str, admin: str, roles: dict[str, str], usage: Callable
    ) -> None:
        user, role = world.user(), roles["ORG_MANAGER"]
        world.assign(user, role, org, now=THEN, expires_at="2020-01-02T00:00:00Z")
        made = api.call("POST", USER_ROLES.format(org, user), admin, {"roleId": role}).expect(201)
        assert (made["active"], "expiresAt" in made) == (True, False)
        assert usage(role) == (1, 1)

    def test_the_ceiling(self, api: Instance, world: World, org: str, admin: str, roles: dict[str, str]) -> None:
        content = {"name": "ASSIGNER", "displayName": "A", "permissions": ["role:assign", "site:read"]}
        role = api.call("POST", f"/organisations/{org}/roles", admin, content).expect(201)
        assigner = world.member(org, role["roleId"])
        world.assign(assigner, "SITE_ADMIN", org, team_id=world.team(org, "team-1"))
        user = world.user()
        answer = api.call("POST", USER_ROLES.format(org, user), assigner, {"roleId": roles["ORG_ADMIN"]})
        answer.expect(403, "PERMISSION_CEILING")
        assert "team:*" in answer.details["missing"]
        # What is held in one team only is not held in the organisation, not even for that team.
        team = {"roleId": roles["SITE_EDITOR"], "teamId": "team-1"}
        answer = api.call("POST", USER_ROLES.format(org, user), assigner, team)
        answer.expect(403, "PERMISSION_CEILING")
        assert answer.details == {"missing": ["site:publish", "site:update"]}
        viewer = {"roleId": roles["SITE_VIEWER"], "teamId": "team-1"}
        api.call("POST", USER_ROLES.format(org, user), assigner, viewer).expect(201)
        # Nor does one give oneself more.
        own = {"roleId": roles["ORG_ADMIN"]}
        api.call("POST", USER_ROLES.format(org, assigner), assigner, own).expect(403, "PERMISSION_CEILING")

    def test_the_ceiling_counts_what_comes_through_sets(
        self, api: Instance, world: World, org: str, admin: str
    ) -> None:
        content = {"name": "ALL", "displayName": "A", "permissions": [], "permissionSets": ["set-platform-admin"]}
        role = api.call("POST", f"/organisations/{org}/roles", world.platform(), content).expect(201)
        answer = api.call("POST", USER_ROLES.format(org, world.user()), admin, {"roleId": role["roleId"]})
        answer.expect(403, "PERMISSION_CEILING")
        assert answer.details == {"missing": ["*"]}

    def test_teams_are_for_roles_of_scope_team(
        self, api: Instance, world: World, org: str, admin: str, roles: dict[str, str]
    ) -> None:
        path = USER_ROLES.format(org, world.user())
        for content in ({"roleId": roles["SITE_EDITOR"]}, {"roleId": roles["ORG_MANAGER"], "teamId": "team-1"}):
            answer = api.call("POST", path, admin, content)
            answer.expect(400, "VALIDATION_ERROR")
            assert answer.details[0]["field"] == "body.teamId"

    @pytest.mark.parametrize(
        "expires",
        [
            "2020-01-01T00:00:00Z",
            "2999-13-01T00:00:00Z",
            "2999-02-30T00:00:00Z",
            "2999-01-01",
            "9999-12-31T23:59:59-12:00",
            "soon",
            "",
            7,
        ],
    )
    def test_ends_in_the_future(
        self, api: Instance, world: World, org: str, admin: str, roles: dict[str, str], expires: object
    ) -> None:
        content = {"roleId": roles["ORG_MANAGER"], "expiresAt": expires}
        api.call("POST", USER_ROLES.format(org, world.user()), admin, content).expect(400, "VALIDATION_ERROR")

    def test_an_unknown_or_inactive_role(
        self, api: Instance, world: World, org: str, admin: str, roles: dict[str, str]
    ) -> None:
        api.call("DELETE", ROLE.format(org, roles["SITE_VIEWER"]), admin).expect(204)
        for role in ("role-none", roles["SITE_VIEWER"]):
            content = {"roleId": role, "teamId": "team-1"}
            api.call("POST", USER_ROLES.format(org, world.user()), admin, content).expect(404, "ROLE_NOT_FOUND")

    def test_platform_roles_are_not_assigned_here(self, api: Instance, world: World, org: str) -> None:
        root, user = world.platform(), world.user()
        content = {"roleId": "role-platform-admin"}
        api.call("POST", USER_ROLES.format(org, user), root, content).expect(403, "SYSTEM_RESOURCE")
        path = USER_ROLE.format(org, root, "role-platform-admin")
        api.call("DELETE", path, root).expect(403, "SYSTEM_RESOURCE")

    @pytest.mark.parametrize(
        "wrong",
        [
            {},
            {"roleId": "role*"},
            {"roleId": "role-1", "teamId": "-"},
            {"roleId": "role-1", "teamId": "team/1"},
            {"roleId": "role-1", "scope": "PLATFORM"},
            {"roleId": "role-1", "assignedBy": "me"},
            [],
        ],
    )
    def test_bad_bodies(self, api: Instance, world: World, org: str, admin: str, wrong: object) -> None:
        api.call("POST", USER_ROLES.format(org, world.user()), admin, wrong).expect(400, "VALIDATION_ERROR")

    def test_bad_users(self, api: Instance, org: str, admin: str, roles: dict[str, str]) -> None:
        for user in ("me", "*", "00000000-0000-0000-0000-00000000000", "ABCDEF00-0000-4000-8000-000000000000"):
            content = {"roleId": roles["ORG_MANAGER"]}
            api.call("POST", USER_ROLES.format(org, user), admin, content).expect(400, "VALIDATION_ERROR")


class TestRemove:
    def test_what_was_not_assigned(
        self, api: Instance, world: World, org: str, admin: str, roles: dict[str, str]
    ) -> None:
        user, role = world.user(), roles["ORG_MANAGER"]
        api.call("DELETE", USER_ROLE.format(org, user, role), admin).expect(404, "ASSIGNMENT_NOT_FOUND")
        api.call("DELETE", USER_ROLE.format(org, user, "role-none"), admin).expect(404, "ROLE_NOT_FOUND")
        world.assign(user, role, org)
        api.call("DELETE", USER_ROLE.format(org, user, role), admin).expect(204)
        api.call("DELETE", USER_ROLE.format(org, user, role), admin).expect(404, "ASSIGNMENT_NOT_FOUND")

    def test_it_is_recorded(
        self,
        api: Instance,
        world: World,
        org: str,
        admin: str,
        roles: dict[str, str],
        database: Database,
        seeded_tables: dict[str, str],
    ) -> None:
        user, role = world.member(org, "ORG_MANAGER"), roles["ORG_MANAGER"]
        api.call("DELETE", USER_ROLE.format(org, user, role), admin).expect(204)
        parts = {"orgId": org, "userId": user, "roleId": role, "teamId": "-"}
        stored = database.get(seeded_tables["permissions"], key("UserRoleAssignment", **parts))
        assert (stored["active"], stored["lastUpdatedBy"], stored["version"]) == (False, admin, 2)
        assert len(stored["requestId"]) == 36

    def test_one_team_of_two(self, api: Instance, world: World, org: str, admin: str, roles: dict[str, str]) -> None:
        user, role = world.user(), roles["SITE_EDITOR"]
        for team in ("team-1", "team-2"):
            world.assign(user, role, org, team_id=team)
        path = USER_ROLE.format(org, user, role)
        api.call("DELETE", path, admin).expect(400, "VALIDATION_ERROR")
        api.call("DELETE", path, admin, query={"teamId": "team-3"}).expect(404, "ASSIGNMENT_NOT_FOUND")
        api.call("DELETE", path, admin, query={"teamId": "team-1"}).expect(204)
        [left] = pages(api, USER_ROLES.format(org, user), admin, 50)
        assert left["teamId"] == "team-2"
        other = USER_ROLE.format(org, user, roles["ORG_MANAGER"])
        api.call("DELETE", other, admin, query={"teamId": "team-1"}).expect(400, "VALIDATION_ERROR")

    def test_it_shuts_the_door_at_once(
        self, api: Instance, world: World, org: str, admin: str, roles: dict[str, str]
    ) -> None:
        other = world.member(org)
        api.call("GET", f"/organisations/{org}/roles", other).expect(200)
        api.call("DELETE", USER_ROLE.format(org, other, roles["ORG_ADMIN"]), admin).expect(204)
        api.call("GET", f"/organisations/{org}/roles", other).expect(403, "FORBIDDEN")

    def test_the_last_administrator_may_go_and_the_platform_can_help(
        self, api: Instance, world: World, org: str, admin: str, roles: dict[str, str]
    ) -> None:
        api.call("DELETE", USER_ROLE.format(org, admin, roles["ORG_ADMIN"]), admin).expect(204)
        content = {"roleId": roles["ORG_ADMIN"]}
        api.call("POST", USER_ROLES.format(org, admin), admin, content).expect(403, "FORBIDDEN")
        api.call("POST", USER_ROLES.format(org, admin), world.platform(), content).expect(201)


class TestLists:
    def test_the_roles_of_a_user(
        self, api: Instance, world: World, org: str, admin: str, roles: dict[str, str]
    ) -> None:
        user, other = world.user(), world.organisation()
        for name in ("ORG_MANAGER", "ORG_ADMIN"):
            world.assign(user, name, org)
        for n in range(3):
            world.assign(user, "SITE_VIEWER", org, team_id=f"team-{n}")
        world.assign(user, "ORG_ADMIN", other)
        world.assign(user, "PLATFORM_ADMIN")
        path = USER_ROLES.format(org, user)
        for size in (1, 2, 5, 50):
            found = pages(api, path, admin, size)
            assert len(found) == 5
            assert {one["organisationId"] for one in found} == {org}
        # The present name of a role is shown, not the one at the time of the assignment.
        content = {"name": "WATCHER", "displayName": "W", "permissions": []}
        api.call("PUT", ROLE.format(org, roles["SITE_VIEWER"]), admin, content).expect(200)
        names = sorted(one["roleName"] for one in pages(api, path, admin, 50))
        assert names == ["ORG_ADMIN", "ORG_MANAGER", "WATCHER", "WATCHER", "WATCHER"]

    def test_what_ended_or_expired_is_listed_apart(
        self, api: Instance, world: World, org: str, admin: str, roles: dict[str, str]
    ) -> None:
        user = world.user()
        world.assign(user, "ORG_MANAGER", org, now=THEN, expires_at="2020-01-02T00:00:00Z")
        world.assign(user, "SITE_VIEWER", org, team_id="team-1")
        world.assign(user, "SITE_VIEWER", org, team_id="team-2", expires_at="2999-01-01T00:00:00Z")
        path = USER_ROLE.format(org, user, roles["SITE_VIEWER"])
        api.call("DELETE", path, admin, query={"teamId": "team-1"}).expect(204)
        of_user = USER_ROLES.format(org, user)
        assert [one.get("teamId") for one in pages(api, of_user, admin, 50)] == ["team-2"]
        found = pages(api, of_user, admin, 50, active="false")
        assert {one["roleName"] for one in found} == {"ORG_MANAGER", "SITE_VIEWER"}
        assert not any(one["active"] or "remove" in one["_links"] for one in found)
        users = ROLE_USERS.format(org, roles["SITE_VIEWER"])
        assert [one["teamId"] for one in pages(api, users, admin, 50)] == ["team-2"]
        assert [one["teamId"] for one in pages(api, users, admin, 50, active="false")] == ["team-1"]
        users = ROLE_USERS.format(org, roles["ORG_MANAGER"])
        assert pages(api, users, admin, 50) == []
        assert [one["userId"] for one in pages(api, users, admin, 50, active="false")] == [user]

    def test_the_users_of_a_role(
        self, api: Instance, world: World, org: str, admin: str, roles: dict[str, str]
    ) -> None:
        users = sorted(world.member(org, "ORG_MANAGER") for _ in range(5))
        path = ROLE_USERS.format(org, roles["ORG_MANAGER"])
        for size in (1, 2, 5, 6):
            found = pages(api, path, admin, size)
            assert [one["userId"] for one in found] == users
        page = api.call("GET", path, admin).expect(200)
        assert page["_links"].keys() == {"self", "role"}
        start = api.call("GET", path, admin, query={"pageSize": "1"}).expect(200)["startAt"]
        other = ROLE_USERS.format(org, roles["ORG_ADMIN"])
        api.call("GET", other, admin, query={"startAt": start}).expect(400, "INVALID_CURSOR")

    def test_a_page_reads_little_of_many_users(
        self,
        api: Instance,
        world: World,
        org: str,
        admin: str,
        roles: dict[str, str],
        items_read: list[tuple[str, int]],
    ) -> None:
        role_id = roles["ORG_MANAGER"]
        users = sorted(world.member(org, "ORG_MANAGER") for _ in range(14))
        path, place = ROLE_USERS.format(org, role_id), f"ASSIGNMENT#ORG#{org}#ROLE#{role_id}"
        assert [one["userId"] for one in pages(api, path, admin, 2)] == users
        preview = api.call("POST", f"{ROLE.format(org, role_id)}/preview?pageSize=2", admin, {"permissions": []})
        assert [one["userId"] for one in preview.expect(200)["items"]] == users[:2]
        assert max(count for partition, count in items_read if partition == place) == 3
        # What has ended is not among them.
        for user in users[:11]:
            api.call("DELETE", USER_ROLE.format(org, user, role_id), admin).expect(204)
        answer = api.call("GET", path, admin, query={"pageSize": "2"})
        assert [one["userId"] for one in answer.expect(200)["items"]] == users[11:13]
        assert answer.round_trips == 1
        assert max(count for partition, count in items_read if partition == place) == 3

    def test_those_who_had_a_role_cost_no_more_for_all_who_have_it(
        self,
        api: Instance,
        world: World,
        org: str,
        admin: str,
        roles: dict[str, str],
        items_read: list[tuple[str, int]],
    ) -> None:
        """It waited once for each megabyte of everybody who has the role."""
        role_id, path = roles["ORG_MANAGER"], ROLE_USERS.format(org, roles["ORG_MANAGER"])
        place = f"ASSIGNMENT#ORG#{org}#ROLE#{role_id}"
        record = world.assign(world.user(), "ORG_MANAGER", org)
        for n in range(24):  # more than DynamoDB reads at once, with an end and without
            ends = {"expiresAt": f"29{n:02d}-01-01T00:00:00.000Z"} if n % 2 else {}
            world.put(store._assignment_item({**record, "userId": world.user(), "padding": "x" * 60_000, **ends}))
        gone = sorted(world.member(org, "ORG_MANAGER") for _ in range(3))
        for user in gone:
            api.call("DELETE", USER_ROLE.format(org, user, role_id), admin).expect(204)
        expired = world.member(org, "ORG_MANAGER", now=THEN, expires_at="2020-01-02T00:00:00Z")
        for query in ({}, {"pageSize": "4"}):
            answer = api.call("GET", path, admin, query={"active": "false", **query})
            assert [one["userId"] for one in answer.expect(200)["items"]] == [*gone, expired]
            assert answer.round_trips == 1
        assert max(count for partition, count in items_read if partition == place) == 4

    def test_whoever_expires_between_two_pages_ends_no_list(
        self, api: Instance, world: World, org: str, admin: str, roles: dict[str, str]
    ) -> None:
        soon = [world.member(org, "ORG_MANAGER", expires_at=f"2999-01-0{n}T00:00:00Z") for n in range(1, 4)]
        lasting = sorted(world.member(org, "ORG_MANAGER") for _ in range(2))
        path = ROLE_USERS.format(org, roles["ORG_MANAGER"])
        page = api.call("GET", path, admin, query={"pageSize": "2"}).expect(200)
        assert [one["userId"] for one in page["items"]] == soon[:2]
        query = {"pageSize": "50", "startAt": page["startAt"]}
        for clock, left in (
            ("2999-01-01T12:00:00+00:00", [soon[2]]),
            ("2999-01-02T12:00:00+00:00", [soon[2]]),
            ("2999-01-09T00:00:00+00:00", []),
        ):
            with patch.object(runtime, "datetime", _Clock(datetime.fromisoformat(clock))):
                rest = api.call("GET", path, admin, query=query).expect(200)
            assert [one["userId"] for one in rest["items"]] == [*left, *lasting], clock

    @pytest.mark.parametrize("seed", range(3))
    def test_whoever_has_or_had_a_role_is_in_one_list_once(
        self, api: Instance, world: World, org: str, admin: str, roles: dict[str, str], seed: int
    ) -> None:
        """Given and taken and given again, for a time and for good, in teams and not: each is in its list."""
        chance = random.Random(seed)
        role_id = roles["SITE_VIEWER"]
        users, teams = [world.user() for _ in range(3)], ["team-1", "team-2"]
        now = {"team-1": {}, "team-2": {}}
        for _ in range(25):
            user, team = chance.choice(users), chance.choice(teams)
            if now[team].get(user) == "lasting":
                path = USER_ROLE.format(org, user, role_id)
                api.call("DELETE", path, admin, query={"teamId": team}).expect(204)
                now[team][user] = "ended"
            else:
                past = chance.random() < 0.3
                more = {"now": THEN, "expires_at": "2020-01-02T00:00:00Z"} if past else {}
                if not past and chance.random() < 0.5:
                    more = {"expires_at": f"29{chance.randrange(10, 99)}-01-01T00:00:00Z"}
                world.assign(user, "SITE_VIEWER", org, team_id=team, **more)
                now[team][user] = "ended" if past else "lasting"
            path = ROLE_USERS.format(org, role_id)
            for active, wanted in (("true", "lasting"), ("false", "ended")):
                found = pages(api, path, admin, chance.choice([1, 2, 50]), active=active)
                model = {(one, team) for team, held in now.items() for one, state in held.items() if state == wanted}
                assert len(found) == len(model)
                assert {(one["userId"], one["teamId"]) for one in found} == model

    def test_users_read_their_own_and_no_one_elses(self, api: Instance, world: World, org: str, admin: str) -> None:
        viewer = world.member(org, "SITE_VIEWER", team_id="team-1")
        page = api.call("GET", USER_ROLES.format(org, viewer), viewer).expect(200)
        assert page["_links"].keys() == {"self", "permissions"}
        assert page["items"][0]["_links"].keys() == {"self"}
        api.call("GET", USER_ROLES.format(org, admin), viewer).expect(403, "FORBIDDEN")
        # Not in an organisation where nothing is in force for them, not even about themselves.
        api.call("GET", USER_ROLES.format(world.organisation(), viewer), viewer).expect(403, "FORBIDDEN")

    @pytest.mark.parametrize(
        ("method", "path", "content"),
        [
            ("GET", USER_ROLES, None),
            ("POST", USER_ROLES, {"roleId": "role-1"}),
            ("DELETE", USER_ROLES + "/role-1", None),
        ],
    )
    def test_refusals(self, api: Instance, world: World, method: str, path: str, content: dict | None) -> None:
        org, other, user = world.organisation(), world.organisation(), world.user()
        api.call(method, path.format(org, user), None, content).expect(401, "UNAUTHORIZED")
        for caller in (world.member(other), world.member(org, "ORG_MANAGER"), world.user()):
            api.call(method, path.format(org, user), caller, content).expect(403, "FORBIDDEN")
        root = world.platform()
        api.call(method, path.format("org-none", user), root, content).expect(404, "ORGANISATION_NOT_FOUND")


class TestExpired:
    def test_expired_assignments_do_not_keep_a_role(
        self, api: Instance, world: World, org: str, admin: str, roles: dict[str, str], usage: Callable
    ) -> None:
        role = roles["ORG_MANAGER"]
        for _ in range(60):
            world.member(org, role, now=THEN, expires_at="2020-01-02T00:00:00Z")
        assert usage(role) == (60, 60)
        kept = world.member(org, role)
        answer = api.call("DELETE", ROLE.format(org, role), admin)
        answer.expect(409, "ROLE_IN_USE")
        assert answer.details == {"count": 1}
        assert usage(role) == (1, 1)
        api.call("DELETE", USER_ROLE.format(org, kept, role), admin).expect(204)
        api.call("DELETE", ROLE.format(org, role), admin).expect(204)

    def test_they_grant_nothing(self, api: Instance, world: World, org: str) -> None:
        user = world.member(org, "ORG_ADMIN", now=THEN, expires_at="2020-01-02T00:00:00Z")
        api.call("GET", f"/organisations/{org}/roles", user).expect(403, "FORBIDDEN")

    def test_whoever_takes_one_away_lets_it_be_forgotten(
        self,
        api: Instance,
        world: World,
        org: str,
        admin: str,
        roles: dict[str, str],
        usage: Callable,
        database: Database,
        seeded_tables: dict[str, str],
    ) -> None:
        """Else it counted for good, among the user's roles here and their organisations, and nobody could end it."""
        role, moment = roles["ORG_MANAGER"], "2020-01-02T00:00:00Z"
        here, left = (world.member(org, role, now=THEN, expires_at=moment) for _ in range(2))
        world.leave(left, org, tidy=False)
        for user in (here, left):
            path = USER_ROLE.format(org, user, role)
            api.call("DELETE", path, admin).expect(204)
            stored = database.get(
                seeded_tables["permissions"],
                key("UserRoleAssignment", orgId=org, userId=user, roleId=role, teamId="-"),
            )
            assert stored["active"] is False
            assert datetime.fromtimestamp(stored["ttl"], UTC) - datetime.now(UTC) > timedelta(days=89)
            api.call("DELETE", path, admin).expect(404, "ASSIGNMENT_NOT_FOUND")
        assert usage(role) == (0, 0)
        by_platform = world.member(org, role, now=THEN, expires_at=moment)
        api.call("DELETE", USER_ROLE.format(org, by_platform, role), world.platform()).expect(204)

    def test_it_counts_among_the_organisations_until_it_is_forgotten(
        self, api: Instance, world: World, org: str, admin: str, roles: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("bbws_access.access.joining.MOST_GIVEN", 1)
        somebody, other = world.user(), world.organisation()
        there = world.assign(somebody, "ORG_MANAGER", other, now=THEN, expires_at="2020-01-02T00:00:00Z")
        path, content = USER_ROLES.format(org, somebody), {"roleId": roles["ORG_MANAGER"]}
        full = api.call("POST", path, admin, content).expect(409, "LIMIT_REACHED")
        assert "what expired first has to be taken away" in full["error"]["message"]
        api.call("DELETE", USER_ROLE.format(other, somebody, there["roleId"]), world.platform()).expect(204)
        api.call("POST", path, admin, content).expect(409, "LIMIT_REACHED")
        parts = {"orgId": other, "userId": somebody, "roleId": there["roleId"], "teamId": "-"}
        world.database.transact([Delete(world.table, key("UserRoleAssignment", **parts))])
        api.call("POST", path, admin, content).expect(201)


class TestConcurrency:
    def test_assigning_twice_at_once_assigns_once(
        self, new_instance: Callable[[], Instance], world: World, org: str, admin: str, roles: dict, usage: Callable
    ) -> None:
        role, path = roles["ORG_MANAGER"], USER_ROLES.format(org, world.user())
        instances = [new_instance() for _ in range(10)]
        answers: list[Answer] = at_once([partial(one.call, "POST", path, admin, {"roleId": role}) for one in instances])
        assert sorted(answer.status for answer in answers) == [201] + [409] * 9
        assert {answer.code for answer in answers if answer.status == 409} == {"ALREADY_ASSIGNED"}
        assert usage(role) == (1, 1)

    def test_taking_away_twice_at_once_counts_once(
        self, new_instance: Callable[[], Instance], world: World, org: str, admin: str, roles: dict, usage: Callable
    ) -> None:
        role = roles["ORG_MANAGER"]
        users = [world.member(org, role) for _ in range(2)]
        path = USER_ROLE.format(org, users[0], role)
        instances = [new_instance() for _ in range(8)]
        answers = at_once([partial(one.call, "DELETE", path, admin) for one in instances])
        assert sorted(answer.status for answer in answers) == [204] + [404] * 7
        assert usage(role) == (1, 1)

    def test_never_an_assignment_to_an_inactive_role(
        self, new_instance: Callable[[], Instance], api: Instance, world: World, org: str, admin: str, usage: Callable
    ) -> None:
        for n in range(8):
            content = {"name": f"R{n}", "displayName": "R", "permissions": ["site:read"]}
            role = api.call("POST", f"/organisations/{org}/roles", admin, content).expect(201)["roleId"]
            deleter, *assigners = [new_instance() for _ in range(4)]
            removal, *assigned = at_once(
                [
                    partial(deleter.call, "DELETE", ROLE.format(org, role), admin),
                    *(
                        partial(one.call, "POST", USER_ROLES.format(org, world.user()), admin, {"roleId": role})
                        for one in assigners
                    ),
                ]
            )
            active = api.call("GET", ROLE.format(org, role), admin).expect(200)["active"]
            counted, true = usage(role)
            made = sum(answer.status == 201 for answer in assigned)
            assert counted == true == made
            assert {answer.status for answer in assigned} <= {201, 404}
            if active:
                removal.expect(409, "ROLE_IN_USE")
                assert made == 3
            else:
                removal.expect(204)
                assert made == 0

    def test_counters_never_drift(
        self, new_instance: Callable[[], Instance], world: World, org: str, admin: str, roles: dict, usage: Callable
    ) -> None:
        role = roles["ORG_MANAGER"]
        users = [world.user() for _ in range(4)]
        instances = [new_instance() for _ in range(8)]

        def busy(number: int) -> list[int]:
            one, statuses = instances[number], []
            for step in range(6):
                user = users[(number + step) % len(users)]
                if (number + step) % 3:
                    answer = one.call("POST", USER_ROLES.format(org, user), admin, {"roleId": role})
                else:
                    answer = one.call("DELETE", USER_ROLE.format(org, user, role), admin)
                statuses.append(answer.status)
            return statuses

        statuses = [status for each in at_once([partial(busy, n) for n in range(8)]) for status in each]
        assert set(statuses) <= {201, 204, 404, 409}
        counted, true = usage(role)
        assert counted == true == statuses.count(201) - statuses.count(204)

    def test_deactivating_while_the_last_user_goes(
        self, new_instance: Callable[[], Instance], api: Instance, world: World, org: str, admin: str, usage: Callable
    ) -> None:
        for n in range(5):
            content = {"name": f"R{n}", "displayName": "R", "permissions": ["site:read"]}
            role = api.call("POST", f"/organisations/{org}/roles", admin, content).expect(201)["roleId"]
            user = world.member(org, role)
            first, second = new_instance(), new_instance()
            gone, removed = at_once(
                [
                    partial(first.call, "DELETE", ROLE.format(org, role), admin),
                    partial(second.call, "DELETE", USER_ROLE.format(org, user, role), admin),
                ]
            )
            removed.expect(204)
            assert gone.status in (204, 409)
            assert usage(role) == (0, 0)
            api.call("DELETE", ROLE.format(org, role), admin).expect(204)


class TestRoundTrips:
    def test_counts(self, api: Instance, world: World, org: str, admin: str, roles: dict[str, str]) -> None:
        user = world.user()
        for count, method, where, content in (
            (3, "POST", USER_ROLES.format(org, user), {"roleId": roles["ORG_MANAGER"]}),  # the user's first one here
            (2, "POST", USER_ROLES.format(org, user), {"roleId": roles["ORG_ADMIN"]}),
            (1, "POST", USER_ROLES.format(org, user), {"roleId": roles["ORG_MANAGER"]}),
            (1, "GET", USER_ROLES.format(org, user), None),
            (2, "DELETE", USER_ROLE.format(org, user, roles["ORG_MANAGER"]), None),
        ):
            answer = api.call(method, where, admin, content)
            assert answer.round_trips == count, (method, where, answer)


class TestLimits:
    """Every decision about a user reads all of the user's assignments, so nobody can pile them up for a stranger."""

    def test_a_user_has_at_most_so_many_assignments_in_an_organisation(
        self, api: Instance, world: World, org: str, admin: str, roles: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("bbws_access.role.rules.MOST_ASSIGNMENTS", 3)
        somebody, role = world.user(), roles["SITE_VIEWER"]
        path = USER_ROLES.format(org, somebody)

        def assign(team: str) -> Answer:
            return api.call("POST", path, admin, {"roleId": role, "teamId": team})

        for team in ("team-1", "team-2", "team-3", "team-4"):
            world.team(org, team)
        for team in ("team-1", "team-2", "team-3"):
            assign(team).expect(201)
        full = assign("team-4").expect(409, "LIMIT_REACHED")
        assert full["error"]["details"] == {"limit": 3}
        # Taking one away makes no room, so that no number of turns does; but the same one may come back.
        api.call("DELETE", f"{path}/{role}", admin, query={"teamId": "team-1"}).expect(204)
        assign("team-4").expect(409, "LIMIT_REACHED")
        assign("team-1").expect(201)

    def test_others_bring_nobody_into_more_than_so_many_organisations(
        self, api: Instance, world: World, org: str, admin: str, roles: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """One where there is a role, one where it ended, one where there is a team alone: decisions read all of it."""
        monkeypatch.setattr("bbws_access.access.joining.MOST_GIVEN", 3)
        somebody, others = world.user(), [world.organisation() for _ in range(3)]
        path, content = USER_ROLES.format(org, somebody), {"roleId": roles["ORG_MANAGER"]}
        for other in others[:2]:
            world.assign(somebody, "ORG_MANAGER", other)
        world.take_roles(somebody, others[1])
        _join(world, somebody, others[1])
        _join(world, somebody, others[2])
        full = api.call("POST", path, admin, content).expect(409, "LIMIT_REACHED")
        assert full["error"]["details"] == {"limit": 3}
        assert "of this user" in full["error"]["message"]
        assert not any(other in str(full) for other in others)
        # Whoever is there is in no further one by another role, be it that a team alone is left of it.
        _join(world, somebody, org)
        api.call("POST", path, admin, content).expect(201)
        api.call("POST", path, admin, {"roleId": roles["ORG_ADMIN"]}).expect(201)
        for role in ("ORG_MANAGER", "ORG_ADMIN"):
            api.call("DELETE", f"{path}/{roles[role]}", admin).expect(204)
        api.call("POST", path, admin, content).expect(201)

    def test_all_pages_are_counted(
        self,
        api: Instance,
        world: World,
        org: str,
        admin: str,
        roles: dict[str, str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("bbws_access.access.joining.MOST_GIVEN", 3)
        real = joining._organisations
        monkeypatch.setattr(joining, "_organisations", lambda *parts: real(*parts)._replace(limit=1))
        somebody = world.user()
        path, content = USER_ROLES.format(org, somebody), {"roleId": roles["ORG_MANAGER"]}
        others = sorted(world.organisation() for _ in range(3))
        for other in others[:2]:
            world.assign(somebody, "ORG_MANAGER", other)
            world.assign(somebody, "ORG_ADMIN", other)
        api.call("POST", path, admin, content).expect(201)
        second = world.organisation()
        there = USER_ROLES.format(second, somebody)
        by = world.member(second)
        [role] = [
            one["roleId"]
            for one in api.call("GET", f"/organisations/{second}/roles", by).expect(200)["items"]
            if one["name"] == "ORG_MANAGER"
        ]
        api.call("POST", there, by, {"roleId": role}).expect(409, "LIMIT_REACHED")

    def test_at_the_same_moment_the_limit_is_passed_by_as_many_and_by_no_more(
        self, api: Instance, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("bbws_access.access.joining.MOST_GIVEN", 1)
        somebody, places = world.user(), []
        for _ in range(3):
            place = world.organisation()
            by = world.member(place)
            found = api.call("GET", f"/organisations/{place}/roles", by).expect(200)["items"]
            places.append((place, by, next(one["roleId"] for one in found if one["scope"] == "ORGANISATION")))

        def assign(place: str, by: str, role: str) -> Answer:
            return api.call("POST", USER_ROLES.format(place, somebody), by, {"roleId": role})

        real, meanwhile = store.assign, [places[1]]

        def late(*what: object) -> dict:
            if meanwhile:
                assign(*meanwhile.pop()).expect(201)
            return real(*what)

        monkeypatch.setattr(store, "assign", late)
        assign(*places[0]).expect(201)
        assign(*places[2]).expect(409, "LIMIT_REACHED")

    def test_what_ended_is_forgotten_some_time_later(
        self,
        api: Instance,
        world: World,
        org: str,
        admin: str,
        roles: dict[str, str],
        database: Database,
        seeded_tables: dict[str, str],
    ) -> None:
        somebody, role = world.user(), roles["ORG_MANAGER"]
        path = USER_ROLES.format(org, somebody)

        def stored() -> dict:
            [item] = query_all(database, seeded_tables["permissions"], f"ASSIGNMENT#USER#{somebody}")
            return item

        api.call("POST", path, admin, {"roleId": role}).expect(201)
        assert "ttl" not in stored()
        api.call("DELETE", f"{path}/{role}", admin).expect(204)
        days = (stored()["ttl"] - datetime.now(UTC).timestamp()) / 86_400
        assert 89.9 < days < 90.1
        api.call("POST", path, admin, {"roleId": role}).expect(201)
        assert "ttl" not in stored()

    def test_an_organisation_has_at_most_so_many_roles(
        self, api: Instance, org: str, admin: str, roles: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("bbws_access.role.rules.MOST_ROLES", len(roles))
        content = {"name": "ONE_MORE", "displayName": "One more", "permissions": ["site:read"]}
        api.call("POST", f"/organisations/{org}/roles", admin, content).expect(409, "LIMIT_REACHED")
