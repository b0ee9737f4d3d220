"""Every operation of the permission service, against real tables."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from bbws_access.kernel.contract import load_permissions, load_roles
from bbws_access.kernel.dynamodb import Database
from bbws_access.kernel.keys import key
from tests.support.services import Answer, Instance, World, at_once

SETS = "/organisations/{}/permission-sets"
SET = "/organisations/{}/permission-sets/{}"
PLATFORM_SETS = [one["setId"] for one in load_roles()["platformPermissionSets"]]


def body(name: str = "Editors", *permissions: str, **more: object) -> dict:
    return {"name": name, "permissions": list(permissions or ("site:read", "site:update")), **more}


@pytest.fixture
def org(world: World) -> str:
    return world.organisation()


@pytest.fixture
def admin(world: World, org: str) -> str:
    return world.member(org)


@pytest.fixture
def create(api: Instance, org: str, admin: str) -> Callable[..., dict]:
    """Creates a set as the admin and returns it."""
    return lambda *arguments, **more: api.call("POST", SETS.format(org), admin, body(*arguments, **more)).expect(201)


class TestHealth:
    def test_anybody_may_ask(self, api: Instance) -> None:
        answer = api.call("GET", "/health").expect(200)
        assert (answer["status"], answer["service"], answer["environment"]) == ("ok", "permission", "test")

    def test_a_table_that_does_not_answer_is_not_healthy(self, start_instance: Callable[..., Instance]) -> None:
        from bbws_access.permission.handler import service

        instance = start_instance(service, "permissions")
        instance.database.deadline = 0.2
        instance.database._pool._address, instance.database._pool._idle = ("127.0.0.1", 9), []
        instance.call("GET", "/health").expect(503, "SERVICE_UNAVAILABLE")


@pytest.fixture
def user_of_a_team(world: World, org: str) -> str:
    """A user who has nothing but a membership."""
    user, team = world.user(), world.team(org)
    place = key("TeamMember", orgId=org, teamId=team, userId=user)
    columns = {"organisationId": org, "teamId": team, "userId": user, "teamRoleId": "team-role-x"}
    more = {"isPrimary": False, "isLead": False, "active": True, "version": 1}
    world.database.put(world.teams_table, {**place, **columns, **more})
    return user


class TestCatalogue:
    def test_every_permission_in_pages(self, api: Instance, world: World) -> None:
        user = world.somebody()
        names, start = [], {}
        while True:
            page = api.call("GET", "/platform/permissions", user, query={"pageSize": "20", **start}).expect(200)
            assert page["count"] == len(page["items"]) <= 20
            names += [one["name"] for one in page["items"]]
            if not page["moreAvailable"]:
                break
            assert page["startAt"] in page["_links"]["next"]["href"]
            start = {"startAt": page["startAt"]}
        assert sorted(names) == sorted(one["name"] for one in load_permissions())
        assert page["startAt"] is None
        assert "next" not in page["_links"]

    def test_by_category(self, api: Instance, world: World) -> None:
        page = api.call("GET", "/platform/permissions?category=AUDIT", world.somebody()).expect(200)
        assert {one["name"] for one in page["items"]} == {"audit:read", "audit:export", "audit:read:org"}

    def test_one(self, api: Instance, world: World) -> None:
        one = api.call("GET", "/platform/permissions/perm-team-member-add", world.somebody()).expect(200)
        assert (one["name"], one["resource"], one["action"]) == ("team:member:add", "team", "member:add")
        assert one["_links"] == {"self": {"href": "/v1/platform/permissions/perm-team-member-add"}}

    @pytest.mark.parametrize(
        ("path", "status", "code"),
        [
            ("/platform/permissions/perm-none", 404, "PERMISSION_NOT_FOUND"),
            ("/platform/permissions/perm*", 400, "VALIDATION_ERROR"),
            ("/platform/permissions?category=NONE", 400, "VALIDATION_ERROR"),
            ("/platform/permissions?pageSize=0", 400, "VALIDATION_ERROR"),
            ("/platform/permissions?pageSize=101", 400, "VALIDATION_ERROR"),
            ("/platform/permissions?pageSize=many", 400, "VALIDATION_ERROR"),
            ("/platform/permissions?other=1", 400, "VALIDATION_ERROR"),
            ("/platform/permissions?startAt=abc", 400, "INVALID_CURSOR"),
        ],
    )
    def test_refusals(self, api: Instance, world: World, path: str, status: int, code: str) -> None:
        api.call("GET", path, world.somebody()).expect(status, code)

    def test_nobody_is_refused(self, api: Instance, world: World) -> None:
        api.call("GET", "/platform/permissions").expect(401, "UNAUTHORIZED")
        api.call("GET", "/platform/permissions", world.user()).expect(403, "FORBIDDEN")

    def test_whoever_holds_something_reads_it_until_they_leave(
        self, api: Instance, world: World, org: str, user_of_a_team: str
    ) -> None:
        """A role, a platform role, or a membership; whatever the gateway's cached policy still lets through."""
        for user in (world.somebody(), world.platform("SUPPORT_AGENT"), user_of_a_team):
            api.call("GET", "/platform/permissions", user).expect(200)
            api.call("GET", "/platform/permissions/perm-site-read", user).expect(200)
            world.leave(user)
            api.call("GET", "/platform/permissions", user).expect(403, "FORBIDDEN")
            api.call("GET", "/platform/permissions/perm-site-read", user).expect(403, "FORBIDDEN")

    def test_the_cursor_of_another_filter_is_refused(self, api: Instance, world: World) -> None:
        user = world.somebody()
        start = api.call("GET", "/platform/permissions?pageSize=1", user).expect(200)["startAt"]
        query = {"category": "SITE", "startAt": start}
        api.call("GET", "/platform/permissions", user, query=query).expect(400, "INVALID_CURSOR")


class TestCreate:
    def test_a_new_set(self, api: Instance, org: str, admin: str) -> None:
        answer = api.call("POST", SETS.format(org), admin, body("Editors", "site:*", "team:member:*", description="d"))
        made = answer.expect(201)
        assert made["permissions"] == ["site:*", "team:member:*"]
        assert (made["scope"], made["isSystem"], made["active"], made["version"]) == ("ORGANISATION", False, True, 1)
        assert made["createdBy"] == made["lastUpdatedBy"] == admin
        assert answer.headers["Location"] == made["_links"]["self"]["href"]
        assert api.call("GET", answer.headers["Location"], admin).expect(200) == made

    def test_what_is_stored_says_who_and_in_which_request(
        self, create: Callable[..., dict], database: Database, seeded_tables: dict[str, str], org: str, admin: str
    ) -> None:
        made = create("Editors")
        for stored in (
            database.get(seeded_tables["permissions"], key("PermissionSet", orgId=org, setId=made["setId"])),
            database.get(seeded_tables["permissions"], key("PermissionSetName", orgId=org, name="editors")),
        ):
            assert stored["createdBy"] == admin
            assert len(stored["requestId"]) == 36
            assert stored["entityType"] in ("PermissionSet", "PermissionSetName")

    @pytest.mark.parametrize("name", ["Editors", "EDITORS", "Viewer", "viewer"])
    def test_a_name_is_had_once_whatever_its_case(
        self, api: Instance, org: str, admin: str, create: Callable[..., dict], name: str
    ) -> None:
        create("Editors")
        api.call("POST", SETS.format(org), admin, body(name)).expect(409, "NAME_TAKEN")

    def test_another_organisation_may_use_the_name(self, api: Instance, world: World, create: Callable) -> None:
        create("Editors")
        other = world.organisation()
        api.call("POST", SETS.format(other), world.member(other), body("Editors")).expect(201)

    def test_unknown_permissions_are_listed(self, api: Instance, org: str, admin: str) -> None:
        answer = api.call("POST", SETS.format(org), admin, body("X", "site:read", "site:fly", "ship:*", "site:read:*"))
        answer.expect(400, "UNKNOWN_PERMISSIONS")
        assert answer.details == {"unknown": ["site:fly", "ship:*", "site:read:*"]}

    def test_nobody_grants_what_they_lack(self, api: Instance, org: str, admin: str) -> None:
        answer = api.call("POST", SETS.format(org), admin, body("X", "site:read", "audit:export", "org:*", "*"))
        answer.expect(403, "PERMISSION_CEILING")
        assert answer.details == {"missing": ["*", "audit:export", "org:*"]}

    def test_what_is_held_in_one_team_is_not_held_in_the_organisation(
        self, api: Instance, world: World, org: str
    ) -> None:
        user = world.member(org, "ORG_ADMIN")
        manager = world.member(org, "ORG_MANAGER")
        world.assign(manager, "SITE_ADMIN", org, team_id="team-1")
        # ORG_MANAGER may not create sets at all; give that, through a set of its own kind, with nothing about sites.
        set_id = api.call("POST", SETS.format(org), user, body("Sets", "permission:create")).expect(201)["setId"]
        role = {
            **key("OrganisationRole", orgId=org, roleId="role-sets"),
            "entityType": "OrganisationRole",
            "organisationId": org,
            "roleId": "role-sets",
            "name": "SETS",
            "scope": "ORGANISATION",
            "permissions": [],
            "permissionSets": [set_id],
            "active": True,
            "version": 1,
        }
        world.put(role)
        world.assign(manager, "role-sets", org)
        api.call("POST", SETS.format(org), manager, body("A", "site:read")).expect(403, "PERMISSION_CEILING")
        api.call("POST", SETS.format(org), manager, body("B", "team:read")).expect(201)

    def test_a_platform_admin_grants_everything_everywhere(self, api: Instance, world: World, org: str) -> None:
        api.call("POST", SETS.format(org), world.platform(), body("All", "*")).expect(201)

    @pytest.mark.parametrize(
        "wrong",
        [
            {},
            {"name": "X"},
            {"name": "X", "permissions": []},
            {"name": "", "permissions": ["site:read"]},
            {"name": " X", "permissions": ["site:read"]},
            {"name": "X#Y", "permissions": ["site:read"]},
            {"name": "X" * 101, "permissions": ["site:read"]},
            {"name": "X", "permissions": ["site:read", "site:read"]},
            {"name": "X", "permissions": ["Site:Read"]},
            {"name": "X", "permissions": ["site"]},
            {"name": "X", "permissions": [1]},
            {"name": "X", "permissions": "site:read"},
            {"name": "X", "permissions": [f"site:a{'b' * n}" for n in range(51)]},
            {"name": "X", "permissions": ["site:read"], "description": "d" * 501},
            {"name": "X", "permissions": ["site:read"], "isSystem": True},
            {"name": "X", "permissions": ["site:read"], "active": False},
            [],
            "X",
        ],
    )
    def test_bad_bodies(self, api: Instance, org: str, admin: str, wrong: object) -> None:
        answer = api.call("POST", SETS.format(org), admin, wrong)
        answer.expect(400, "VALIDATION_ERROR")
        assert answer.details

    def test_malformed_and_overlong_bodies(self, api: Instance, org: str, admin: str) -> None:
        api.call("POST", SETS.format(org), admin, raw="{").expect(400, "VALIDATION_ERROR")
        api.call("POST", SETS.format(org), admin).expect(400, "VALIDATION_ERROR")
        api.call("POST", SETS.format(org), admin, raw='"' + "x" * 70_000 + '"').expect(413, "PAYLOAD_TOO_LARGE")


class TestRead:
    def test_one_of_the_platform(self, api: Instance, org: str, admin: str) -> None:
        one = api.call("GET", SET.format(org, "set-viewer"), admin).expect(200)
        assert (one["scope"], one["isSystem"]) == ("PLATFORM", True)
        assert "organisationId" not in one
        assert one["_links"].keys() == {"self"}

    def test_the_links_are_what_the_caller_may_do(
        self, api: Instance, world: World, org: str, create: Callable[..., dict]
    ) -> None:
        made = create("Editors")
        assert made["_links"].keys() == {"self", "update", "delete"}
        agent = world.platform("SUPPORT_AGENT")
        assert api.call("GET", SET.format(org, made["setId"]), agent).expect(200)["_links"].keys() == {"self"}
        assert api.call("GET", SETS.format(org), agent).expect(200)["_links"].keys() == {"self"}

    def test_lists_go_through_the_platforms_sets_and_the_own_ones_in_order(
        self, api: Instance, org: str, admin: str, create: Callable[..., dict]
    ) -> None:
        own = [create(f"Set {n}")["setId"] for n in range(5)]
        for size in (1, 2, 3, 5, 6, 7, 11, 100):
            for order, expected in (("newest", own[::-1]), ("oldest", own)):
                found = everything(api, org, admin, size, order=order)
                assert found == sorted(PLATFORM_SETS) + expected, (size, order)

    def test_lists_by_scope(self, api: Instance, org: str, admin: str, create: Callable[..., dict]) -> None:
        own = create("Editors")["setId"]
        assert everything(api, org, admin, 4, scope="PLATFORM") == sorted(PLATFORM_SETS)
        assert everything(api, org, admin, 4, scope="ORGANISATION") == [own]

    def test_an_organisation_without_sets_ends_with_the_platforms(self, api: Instance, org: str, admin: str) -> None:
        size = str(len(PLATFORM_SETS))
        page = api.call("GET", SETS.format(org), admin, query={"pageSize": size}).expect(200)
        assert (page["count"], page["moreAvailable"]) == (len(PLATFORM_SETS), False)

    def test_lists_of_what_was_deactivated(
        self, api: Instance, org: str, admin: str, create: Callable[..., dict]
    ) -> None:
        kept, gone = create("Kept")["setId"], create("Gone")["setId"]
        api.call("DELETE", SET.format(org, gone), admin).expect(204)
        assert everything(api, org, admin, 50, scope="ORGANISATION") == [kept]
        assert everything(api, org, admin, 50, active="false") == [gone]

    def test_cursors_of_other_lists_are_refused(self, api: Instance, world: World, org: str, admin: str) -> None:
        other = world.organisation()
        start = api.call("GET", SETS.format(org), admin, query={"pageSize": "2"}).expect(200)["startAt"]
        for path, user, query in (
            (SETS.format(other), world.member(other), {}),
            (SETS.format(org), admin, {"order": "oldest"}),
            (SETS.format(org), admin, {"active": "false"}),
            (SETS.format(org), admin, {"scope": "PLATFORM"}),
            (f"/organisations/{org}/permission-sets", admin, {"startAt": start[:-2]}),
        ):
            query = {"startAt": start, **query}
            api.call("GET", path, user, query=query).expect(400, "INVALID_CURSOR")

    def test_a_page_size_may_change_between_pages(self, api: Instance, org: str, admin: str) -> None:
        start = api.call("GET", SETS.format(org), admin, query={"pageSize": "2"}).expect(200)["startAt"]
        page = api.call("GET", SETS.format(org), admin, query={"pageSize": "3", "startAt": start}).expect(200)
        assert page["count"] == 3


class TestUpdate:
    def test_a_full_replacement(self, api: Instance, org: str, admin: str, create: Callable[..., dict]) -> None:
        made = create("Editors", description="d")
        changed = api.call("PUT", SET.format(org, made["setId"]), admin, body("Writers", "site:read")).expect(200)
        assert (changed["name"], changed["description"], changed["permissions"]) == ("Writers", "", ["site:read"])
        assert (changed["version"], changed["active"]) == (2, True)
        assert changed["dateCreated"] == made["dateCreated"] <= changed["dateLastUpdated"]
        assert api.call("GET", SET.format(org, made["setId"]), admin).expect(200) == changed
        create("Editors")  # the old name is free
        api.call("POST", SETS.format(org), admin, body("writers")).expect(409, "NAME_TAKEN")

    def test_the_case_of_the_own_name_may_change(
        self, api: Instance, org: str, admin: str, create: Callable[..., dict]
    ) -> None:
        made = create("Editors")
        assert api.call("PUT", SET.format(org, made["setId"]), admin, body("EDITORS")).expect(200)["name"] == "EDITORS"
        api.call("POST", SETS.format(org), admin, body("editors")).expect(409, "NAME_TAKEN")

    def test_a_taken_name(self, api: Instance, org: str, admin: str, create: Callable[..., dict]) -> None:
        create("Editors")
        made = create("Writers")
        for name in ("editors", "Viewer"):
            api.call("PUT", SET.format(org, made["setId"]), admin, body(name)).expect(409, "NAME_TAKEN")
        assert api.call("GET", SET.format(org, made["setId"]), admin).expect(200)["version"] == 1

    def test_versions(self, api: Instance, org: str, admin: str, create: Callable[..., dict]) -> None:
        made = create("Editors")
        path = SET.format(org, made["setId"])
        api.call("PUT", path, admin, body("Editors", version=1)).expect(200)
        stale = api.call("PUT", path, admin, body("Editors", version=1))
        stale.expect(409, "VERSION_CONFLICT")
        assert stale.details == {"version": 2}
        api.call("PUT", path, admin, body("Editors")).expect(200)

    def test_the_ceiling_is_on_what_is_added(self, api: Instance, world: World, org: str, admin: str) -> None:
        made = api.call("POST", SETS.format(org), world.platform(), body("Big", "audit:read", "site:*")).expect(201)
        path = SET.format(org, made["setId"])
        # Renaming, and taking away, is no grant.
        api.call("PUT", path, admin, body("Large", "audit:read", "site:*")).expect(200)
        answer = api.call("PUT", path, admin, body("Large", "audit:read", "audit:export", "site:read"))
        answer.expect(403, "PERMISSION_CEILING")
        assert answer.details == {"missing": ["audit:export"]}
        api.call("PUT", path, admin, body("Large", "audit:read")).expect(200)

    def test_bringing_a_set_back_grants_all_of_it(self, api: Instance, world: World, org: str, admin: str) -> None:
        made = api.call("POST", SETS.format(org), world.platform(), body("Big", "audit:read")).expect(201)
        path = SET.format(org, made["setId"])
        off = api.call("PUT", path, admin, body("Big", "audit:read", active=False)).expect(200)
        assert off["active"] is False
        assert "delete" not in off["_links"]
        # What is added while it is inactive is judged as well: whoever brings it back may hold more.
        more = body("Big", "audit:read", "audit:export")
        api.call("PUT", path, admin, more).expect(403, "PERMISSION_CEILING")
        api.call("PUT", path, admin, body("Big", "audit:read", "site:read")).expect(200)
        api.call("PUT", path, world.platform(), more).expect(200)
        back = body("Big", "audit:read", "audit:export", active=True)
        api.call("PUT", path, admin, back).expect(403, "PERMISSION_CEILING")
        assert api.call("PUT", path, world.platform(), back).expect(200)["active"] is True

    def test_a_set_comes_back_under_a_free_name_only(
        self, api: Instance, org: str, admin: str, create: Callable[..., dict]
    ) -> None:
        made = create("Editors")
        path = SET.format(org, made["setId"])
        api.call("DELETE", path, admin).expect(204)
        create("Editors")
        api.call("PUT", path, admin, body("Editors", active=True)).expect(409, "NAME_TAKEN")
        api.call("PUT", path, admin, body("Editors 2", active=True)).expect(200)
        api.call("POST", SETS.format(org), admin, body("editors 2")).expect(409, "NAME_TAKEN")

    def test_unknown_permissions(self, api: Instance, org: str, admin: str, create: Callable[..., dict]) -> None:
        made = create("Editors")
        answer = api.call("PUT", SET.format(org, made["setId"]), admin, body("Editors", "site:fly"))
        answer.expect(400, "UNKNOWN_PERMISSIONS")


class TestDelete:
    def test_it_stays_readable_and_its_name_is_free(
        self, api: Instance, org: str, admin: str, create: Callable[..., dict]
    ) -> None:
        made = create("Editors")
        path = SET.format(org, made["setId"])
        api.call("DELETE", path, admin).expect(204)
        gone = api.call("GET", path, admin).expect(200)
        assert (gone["active"], gone["version"]) == (False, 2)
        api.call("DELETE", path, admin).expect(204)
        assert api.call("GET", path, admin).expect(200)["version"] == 2
        create("Editors")

    def test_it_grants_nothing_any_more(self, api: Instance, world: World, org: str, admin: str) -> None:
        made = api.call("POST", SETS.format(org), admin, body("Readers", "permission:read")).expect(201)
        world.put(
            {
                **key("OrganisationRole", orgId=org, roleId="role-reader"),
                "organisationId": org,
                "roleId": "role-reader",
                "name": "READER",
                "scope": "ORGANISATION",
                "permissions": [],
                "permissionSets": [made["setId"]],
                "active": True,
                "version": 1,
            }
        )
        user = world.user()
        world.assign(user, "role-reader", org)
        api.call("GET", SETS.format(org), user).expect(200)
        api.call("DELETE", SET.format(org, made["setId"]), admin).expect(204)
        api.call("GET", SETS.format(org), user).expect(403, "FORBIDDEN")


class TestRefusals:
    @pytest.mark.parametrize(("method", "content"), [("PUT", body("Viewer")), ("DELETE", None)])
    def test_the_platforms_sets_never_change(
        self, api: Instance, world: World, org: str, method: str, content: dict | None
    ) -> None:
        api.call(method, SET.format(org, "set-viewer"), world.platform(), content).expect(403, "SYSTEM_RESOURCE")

    @pytest.mark.parametrize(("method", "content"), [("GET", None), ("PUT", body()), ("DELETE", None)])
    def test_a_set_of_another_organisation_is_not_here(
        self, api: Instance, world: World, create: Callable[..., dict], method: str, content: dict | None
    ) -> None:
        made, other = create(), world.organisation()
        answer = api.call(method, SET.format(other, made["setId"]), world.member(other), content)
        answer.expect(404, "PERMISSION_SET_NOT_FOUND")

    @pytest.mark.parametrize(
        ("method", "path", "content"),
        [
            ("GET", SETS, None),
            ("POST", SETS, body()),
            ("GET", SETS + "/set-1", None),
            ("PUT", SETS + "/set-1", body()),
            ("DELETE", SETS + "/set-1", None),
        ],
    )
    def test_organisations(self, api: Instance, world: World, method: str, path: str, content: dict | None) -> None:
        org, other = world.organisation(), world.organisation()
        stranger, manager = world.member(other), world.member(org, "ORG_MANAGER")
        expired = world.user()
        then = datetime(2020, 1, 1, tzinfo=UTC)
        world.assign(expired, "ORG_ADMIN", org, now=then, expires_at="2020-01-02T00:00:00Z")
        api.call(method, path.format(org), None, content).expect(401, "UNAUTHORIZED")
        for user in (stranger, manager, expired, world.user(), world.platform("BILLING_ADMIN")):
            api.call(method, path.format(org), user, content).expect(403, "FORBIDDEN")
        api.call(method, path.format("org-none"), manager, content).expect(403, "FORBIDDEN")
        api.call(method, path.format("org-none"), world.platform(), content).expect(404, "ORGANISATION_NOT_FOUND")
        api.call(method, path.format("org*"), world.platform(), content).expect(400, "VALIDATION_ERROR")

    def test_who_may_not_learns_that_before_what_is_wrong_with_the_body(self, api: Instance, world: World) -> None:
        org = world.organisation()
        api.call("POST", SETS.format(org), world.user(), {"name": 1}).expect(403, "FORBIDDEN")


class TestConcurrency:
    def test_twenty_at_once_and_one_gets_the_name(
        self, new_instance: Callable[[], Instance], org: str, admin: str
    ) -> None:
        instances = [new_instance() for _ in range(20)]
        answers: list[Answer] = at_once(
            [lambda one=one: one.call("POST", SETS.format(org), admin, body("Editors")) for one in instances]
        )
        assert sorted(answer.status for answer in answers) == [201] + [409] * 19
        assert {answer.code for answer in answers if answer.status == 409} == {"NAME_TAKEN"}
        assert len(everything(instances[0], org, admin, 100, scope="ORGANISATION")) == 1

    def test_no_update_is_lost(
        self, new_instance: Callable[[], Instance], org: str, admin: str, create: Callable[..., dict]
    ) -> None:
        made = create("Editors")
        path = SET.format(org, made["setId"])
        instances = [new_instance() for _ in range(8)]
        answers = at_once(
            [
                lambda n=n, one=one: one.call("PUT", path, admin, body("Editors", description=str(n), version=1))
                for n, one in enumerate(instances)
            ]
        )
        assert sorted(answer.status for answer in answers) == [200] + [409] * 7
        [winner] = [answer.body for answer in answers if answer.status == 200]
        assert instances[0].call("GET", path, admin).expect(200) == winner

    def test_updates_that_name_no_version_all_happen_one_after_the_other(
        self, new_instance: Callable[[], Instance], org: str, admin: str, create: Callable[..., dict]
    ) -> None:
        made = create("Editors")
        path = SET.format(org, made["setId"])
        instances = [new_instance() for _ in range(4)]
        answers = at_once([lambda one=one: one.call("PUT", path, admin, body("Editors")) for one in instances])
        assert sorted(answer.expect(200)["version"] for answer in answers) == [2, 3, 4, 5]


class TestRoundTrips:
    """Reads wait once for the database, writes twice: reads together with the access check, then one transaction."""

    def test_counts(self, api: Instance, org: str, admin: str, create: Callable[..., dict]) -> None:
        path = SET.format(org, create("Editors")["setId"])
        for count, method, where, content in (
            (1, "GET", "/health", None),
            (1, "GET", "/platform/permissions", None),
            (1, "GET", "/platform/permissions/perm-site-read", None),
            (1, "GET", SETS.format(org), None),
            (1, "GET", path, None),
            (2, "POST", SETS.format(org), body("New")),
            (2, "PUT", path, body("Newer")),
            (2, "DELETE", path, None),
            (1, "PUT", SET.format(org, "set-viewer"), body()),
        ):
            answer = api.call(method, where, admin, content)
            assert answer.round_trips == count, (method, where, answer)


def everything(api: Instance, org: str, user: str, size: int, **query: str) -> list[str]:
    """The ids of all pages of a list of sets."""
    found: list[str] = []
    start: dict[str, str] = {}
    while True:
        page = api.call("GET", SETS.format(org), user, query={"pageSize": str(size), **query, **start}).expect(200)
        assert page["count"] == len(page["items"]) <= size
        found += [one["setId"] for one in page["items"]]
        if not page["moreAvailable"]:
            return found
        assert page["items"]
        start = {"startAt": page["startAt"]}
