"""Platform roles and the roles of organisations, against real tables."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from bbws_access.kernel.contract import load_roles
from bbws_access.kernel.dynamodb import Database
from bbws_access.kernel.keys import key
from bbws_access.permission.handler import service as permission_service
from tests.support.services import Answer, Instance, World, at_once

ROLES = "/organisations/{}/roles"
ROLE = "/organisations/{}/roles/{}"
GRANTS = "/organisations/{}/roles/{}/permissions"
SEED = "/organisations/{}/roles/seed"
DEFAULTS = [role["name"] for role in load_roles()["defaultOrganisationRoles"]]


def body(name: str = "EDITOR", *permissions: str, **more: object) -> dict:
    return {"name": name, "displayName": name.title(), "permissions": list(permissions or ("site:read",)), **more}


@pytest.fixture
def org(world: World) -> str:
    return world.organisation()


@pytest.fixture
def admin(world: World, org: str) -> str:
    return world.member(org)


@pytest.fixture
def create(api: Instance, org: str, admin: str) -> Callable[..., dict]:
    """Creates a role as the admin and returns it."""
    return lambda *arguments, **more: api.call("POST", ROLES.format(org), admin, body(*arguments, **more)).expect(201)


@pytest.fixture
def new_set(start_instance: Callable[..., Instance], org: str, world: World) -> Callable[..., str]:
    """Creates a permission set as a platform administrator and returns its id."""
    sets, root = start_instance(permission_service, "permissions"), world.platform()

    def make(name: str, *permissions: str) -> str:
        content = {"name": name, "permissions": list(permissions)}
        return sets.call("POST", f"/organisations/{org}/permission-sets", root, content).expect(201)["setId"]

    def delete(set_id: str) -> None:
        sets.call("DELETE", f"/organisations/{org}/permission-sets/{set_id}", root).expect(204)

    make.delete = delete
    return make


def everything(api: Instance, org: str, user: str, size: int = 100, **query: str) -> list[dict]:
    """The roles of all pages."""
    found: list[dict] = []
    start: dict[str, str] = {}
    while True:
        page = api.call("GET", ROLES.format(org), user, query={"pageSize": str(size), **query, **start}).expect(200)
        assert page["count"] == len(page["items"]) <= size
        found += page["items"]
        if not page["moreAvailable"]:
            return found
        start = {"startAt": page["startAt"]}


def by_name(api: Instance, org: str, user: str, name: str) -> dict:
    [found] = everything(api, org, user, name=name)
    return found


class TestPlatformRoles:
    def test_all(self, api: Instance, world: World) -> None:
        page = api.call("GET", "/platform/roles", world.somebody()).expect(200)
        assert {one["name"] for one in page["items"]} == {one["name"] for one in load_roles()["platformRoles"]}
        assert all(one["isSystem"] and one["scope"] == "PLATFORM" for one in page["items"])

    def test_in_pages(self, api: Instance, world: World) -> None:
        user = world.somebody()
        first = api.call("GET", "/platform/roles?pageSize=3", user).expect(200)
        query = {"pageSize": "3", "startAt": first["startAt"]}
        second = api.call("GET", "/platform/roles", user, query=query).expect(200)
        assert (first["count"], second["count"], second["moreAvailable"]) == (3, 1, False)

    def test_one(self, api: Instance, world: World) -> None:
        one = api.call("GET", "/platform/roles/role-platform-admin", world.somebody()).expect(200)
        assert (one["name"], one["permissions"]) == ("PLATFORM_ADMIN", ["*"])
        assert one["_links"] == {"self": {"href": "/v1/platform/roles/role-platform-admin"}}

    def test_refusals(self, api: Instance, world: World) -> None:
        api.call("GET", "/platform/roles/role-none", world.somebody()).expect(404, "ROLE_NOT_FOUND")
        api.call("GET", "/platform/roles/role*", world.somebody()).expect(400, "VALIDATION_ERROR")
        api.call("GET", "/platform/roles").expect(401, "UNAUTHORIZED")


class TestCreate:
    def test_the_least(self, api: Instance, org: str, admin: str) -> None:
        answer = api.call("POST", ROLES.format(org), admin, body("EDITOR"))
        made = answer.expect(201)
        assert (made["scope"], made["priority"], made["permissionSets"]) == ("ORGANISATION", 500, [])
        assert (made["description"], made["isDefault"], made["isSystem"], made["active"]) == ("", False, False, True)
        assert (made["createdBy"], made["version"], made["organisationId"]) == (admin, 1, org)
        assert api.call("GET", answer.headers["Location"], admin).expect(200) == made
        assert made["_links"].keys() == {"self", "users", "update", "permissions", "preview", "delete"}

    def test_everything(self, api: Instance, org: str, admin: str, new_set: Callable[..., str]) -> None:
        own = new_set("Sites", "site:read")
        more = {"scope": "TEAM", "priority": 999, "description": "d", "permissionSets": [own, "set-site-manager"]}
        made = api.call("POST", ROLES.format(org), admin, body("EDITOR", "team:member:*", **more)).expect(201)
        assert {name: made[name] for name in more} == more

    def test_a_role_of_sets_alone(self, api: Instance, org: str, admin: str) -> None:
        content = {"name": "V", "displayName": "V", "permissions": [], "permissionSets": ["set-viewer"]}
        api.call("POST", ROLES.format(org), admin, content).expect(201)

    def test_a_taken_name(self, api: Instance, org: str, admin: str, create: Callable[..., dict]) -> None:
        create("EDITOR")
        for name in ("EDITOR", "ORG_ADMIN"):
            answer = api.call("POST", ROLES.format(org), admin, body(name))
            answer.expect(409, "NAME_TAKEN")
            assert answer.details == {"name": name}

    def test_unknown_permissions_are_listed(self, api: Instance, org: str, admin: str) -> None:
        answer = api.call("POST", ROLES.format(org), admin, body("X", "site:fly", "site:read", "site:read:*"))
        answer.expect(400, "UNKNOWN_PERMISSIONS")
        assert answer.details == {"unknown": ["site:fly", "site:read:*"]}

    def test_sets_that_are_not_there(
        self, api: Instance, world: World, org: str, admin: str, new_set: Callable[..., str]
    ) -> None:
        gone = new_set("Gone", "site:read")
        new_set.delete(gone)
        for set_id in ("set-none", gone):
            answer = api.call("POST", ROLES.format(org), admin, body("X", permissionSets=[set_id]))
            answer.expect(400, "VALIDATION_ERROR")
            assert set_id in answer.details[0]["message"]

    def test_sets_of_another_organisation_are_not_there(self, api: Instance, world: World, new_set: Callable) -> None:
        foreign, other = new_set("Sites", "site:read"), world.organisation()
        answer = api.call("POST", ROLES.format(other), world.member(other), body("X", permissionSets=[foreign]))
        answer.expect(400, "VALIDATION_ERROR")

    def test_nobody_grants_what_they_lack(
        self, api: Instance, org: str, admin: str, new_set: Callable[..., str]
    ) -> None:
        audit = new_set("Audit", "audit:export", "site:read")
        for content, lacking in (
            (body("X", "site:read", "org:delete"), ["org:delete"]),
            (body("X", "org:*"), ["org:*"]),
            (body("X", "*"), ["*"]),
            (body("X", permissionSets=[audit]), ["audit:export"]),
            (body("X", permissionSets=["set-platform-admin"]), ["*"]),
            (body("X", "org:delete", scope="TEAM"), ["org:delete"]),
        ):
            answer = api.call("POST", ROLES.format(org), admin, content)
            answer.expect(403, "PERMISSION_CEILING")
            assert answer.details == {"missing": lacking}

    def test_what_is_held_in_one_team_does_not_count(
        self, api: Instance, world: World, org: str, admin: str, create: Callable[..., dict]
    ) -> None:
        maker = world.member(org, create("ROLE_MAKER", "role:create", "role:assign")["roleId"])
        world.assign(maker, "SITE_ADMIN", org, team_id="team-1")
        api.call("POST", ROLES.format(org), maker, body("X", "site:read")).expect(403, "PERMISSION_CEILING")
        api.call("POST", ROLES.format(org), maker, body("X", "role:create")).expect(201)

    @pytest.mark.parametrize(
        "wrong",
        [
            {},
            {"name": "X", "displayName": "X"},
            body("lower"),
            body("1X"),
            body("X#Y"),
            body("X Y"),
            body("X" * 65),
            body("X", displayName=""),
            body("X", displayName=" "),
            body("X", displayName="x" * 101),
            body("X", description="d" * 501),
            body("X", scope="PLATFORM"),
            body("X", priority=0),
            body("X", priority=1000),
            body("X", priority="1"),
            body("X", priority=1.5),
            body("X", permissionSets=["set*"]),
            body("X", permissionSets=["set-1", "set-1"]),
            body("X", permissionSets=[f"set-{n}" for n in range(21)]),
            body("X", "site:read", "site:read"),
            body("X", "site:*:read"),
            body("X", isDefault=True),
            body("X", active=True),
            [],
        ],
    )
    def test_bad_bodies(self, api: Instance, org: str, admin: str, wrong: object) -> None:
        api.call("POST", ROLES.format(org), admin, wrong).expect(400, "VALIDATION_ERROR")

    def test_malformed_and_overlong_bodies(self, api: Instance, org: str, admin: str) -> None:
        api.call("POST", ROLES.format(org), admin, raw='{"name":').expect(400, "VALIDATION_ERROR")
        api.call("POST", ROLES.format(org), admin).expect(400, "VALIDATION_ERROR")
        api.call("POST", ROLES.format(org), admin, raw="[" + "1," * 40_000 + "1]").expect(413, "PAYLOAD_TOO_LARGE")


class TestRead:
    def test_in_order_and_in_pages(self, api: Instance, org: str, admin: str, create: Callable[..., dict]) -> None:
        made = [create(f"R{n}")["name"] for n in range(4)]
        oldest = [role["name"] for role in everything(api, org, admin, order="oldest")]
        assert oldest[-4:] == made
        assert sorted(oldest[:-4]) == sorted(DEFAULTS)
        for size in (1, 2, 3, 8, 9, 10):
            assert [role["name"] for role in everything(api, org, admin, size, order="oldest")] == oldest
            assert [role["name"] for role in everything(api, org, admin, size)] == oldest[::-1]

    def test_by_scope_name_and_activity(self, api: Instance, org: str, admin: str, create: Callable) -> None:
        gone = create("GONE")
        api.call("DELETE", ROLE.format(org, gone["roleId"]), admin).expect(204)
        names = {role["name"] for role in everything(api, org, admin, scope="TEAM")}
        assert names == {"SITE_ADMIN", "SITE_EDITOR", "SITE_VIEWER"}
        assert [role["name"] for role in everything(api, org, admin, name="ORG_ADMIN")] == ["ORG_ADMIN"]
        assert everything(api, org, admin, name="GONE") == []
        assert [role["name"] for role in everything(api, org, admin, name="GONE", active="false")] == ["GONE"]

    def test_links_are_what_the_caller_may_do(self, api: Instance, world: World, org: str, admin: str) -> None:
        agent = world.platform("SUPPORT_AGENT")
        page = api.call("GET", ROLES.format(org), agent).expect(200)
        assert page["_links"].keys() == {"self"}
        assert all(role["_links"].keys() == {"self", "users"} for role in page["items"])
        page = api.call("GET", ROLES.format(org), admin).expect(200)
        assert page["_links"].keys() == {"self", "create", "seed"}

    def test_bad_queries(self, api: Instance, world: World, org: str, admin: str) -> None:
        for query in ({"active": "yes"}, {"order": "up"}, {"scope": "PLATFORM"}, {"name": "x"}, {"pageSize": "0"}):
            api.call("GET", ROLES.format(org), admin, query=query).expect(400, "VALIDATION_ERROR")
        start = api.call("GET", ROLES.format(org), admin, query={"pageSize": "1"}).expect(200)["startAt"]
        other = world.organisation()
        query = {"startAt": start}
        api.call("GET", ROLES.format(other), world.member(other), query=query).expect(400, "INVALID_CURSOR")
        query = {"startAt": start, "scope": "TEAM"}
        api.call("GET", ROLES.format(org), admin, query=query).expect(400, "INVALID_CURSOR")


class TestUpdate:
    def test_a_full_replacement(self, api: Instance, org: str, admin: str, create: Callable[..., dict]) -> None:
        made = create("EDITOR", "site:read", description="d", priority=7, permissionSets=["set-viewer"], scope="TEAM")
        changed = api.call("PUT", ROLE.format(org, made["roleId"]), admin, body("WRITER", "site:update")).expect(200)
        assert (changed["name"], changed["permissions"], changed["permissionSets"]) == ("WRITER", ["site:update"], [])
        assert (changed["description"], changed["priority"], changed["scope"]) == ("", 500, "TEAM")
        assert (changed["version"], changed["active"], changed["dateCreated"]) == (2, True, made["dateCreated"])
        create("EDITOR")
        api.call("POST", ROLES.format(org), admin, body("WRITER")).expect(409, "NAME_TAKEN")

    def test_the_scope_never_changes(self, api: Instance, org: str, admin: str, create: Callable[..., dict]) -> None:
        made = create("EDITOR")
        wrong = body("EDITOR", scope="TEAM")
        api.call("PUT", ROLE.format(org, made["roleId"]), admin, wrong).expect(400, "VALIDATION_ERROR")

    def test_a_taken_name(self, api: Instance, org: str, admin: str, create: Callable[..., dict]) -> None:
        made = create("EDITOR")
        answer = api.call("PUT", ROLE.format(org, made["roleId"]), admin, body("ORG_ADMIN"))
        answer.expect(409, "NAME_TAKEN")

    def test_versions(self, api: Instance, org: str, admin: str, create: Callable[..., dict]) -> None:
        path = ROLE.format(org, create("EDITOR")["roleId"])
        api.call("PUT", path, admin, body("EDITOR", version=1)).expect(200)
        answer = api.call("PUT", path, admin, body("EDITOR", version=1))
        answer.expect(409, "VERSION_CONFLICT")
        assert answer.details == {"version": 2}
        grants = {"permissions": [], "version": 1}
        api.call("PUT", f"{path}/permissions", admin, grants).expect(409, "VERSION_CONFLICT")

    def test_the_ceiling_is_on_what_is_added(
        self, api: Instance, world: World, org: str, admin: str, new_set: Callable[..., str]
    ) -> None:
        audit = new_set("Audit", "audit:export")
        content = body("BIG", "audit:read", permissionSets=[audit])
        path = ROLE.format(org, api.call("POST", ROLES.format(org), world.platform(), content).expect(201)["roleId"])
        api.call("PUT", path, admin, {**content, "displayName": "Big one"}).expect(200)
        api.call("PUT", path, admin, body("BIG", "audit:read", "audit:export", permissionSets=[audit])).expect(200)
        answer = api.call("PUT", path, admin, body("BIG", "audit:read", "org:delete"))
        answer.expect(403, "PERMISSION_CEILING")
        assert answer.details == {"missing": ["org:delete"]}
        api.call("PUT", path, admin, body("BIG", "audit:read")).expect(200)
        api.call("PUT", path, admin, body("BIG", permissionSets=[audit])).expect(403, "PERMISSION_CEILING")

    def test_bringing_a_role_back_grants_all_of_it(self, api: Instance, world: World, org: str, admin: str) -> None:
        made = api.call("POST", ROLES.format(org), world.platform(), body("BIG", "audit:read")).expect(201)
        path = ROLE.format(org, made["roleId"])
        assert api.call("PUT", path, admin, body("BIG", "audit:read", active=False)).expect(200)["active"] is False
        api.call("PUT", path, admin, body("BIG", "audit:read", active=True)).expect(403, "PERMISSION_CEILING")
        api.call("PUT", path, world.platform(), body("BIG", "audit:read", active=True)).expect(200)

    def test_a_role_comes_back_under_a_free_name_only(
        self, api: Instance, org: str, admin: str, create: Callable[..., dict]
    ) -> None:
        path = ROLE.format(org, create("EDITOR")["roleId"])
        api.call("DELETE", path, admin).expect(204)
        create("EDITOR")
        api.call("PUT", path, admin, body("EDITOR", active=True)).expect(409, "NAME_TAKEN")
        api.call("PUT", path, admin, body("EDITOR_2", active=True)).expect(200)

    def test_a_carried_set_that_was_deactivated_may_stay_and_grants_nothing(
        self, api: Instance, org: str, admin: str, create: Callable[..., dict], new_set: Callable[..., str]
    ) -> None:
        gone, kept = new_set("Gone", "site:read"), new_set("Kept", "site:read")
        made = create("EDITOR", permissionSets=[gone])
        new_set.delete(gone)
        path = ROLE.format(org, made["roleId"])
        changed = api.call("PUT", path, admin, body("EDITOR", permissionSets=[gone, kept])).expect(200)
        assert changed["permissionSets"] == [gone, kept]

    def test_grants_alone(
        self, api: Instance, org: str, admin: str, create: Callable[..., dict], new_set: Callable[..., str]
    ) -> None:
        own = new_set("Sites", "site:read")
        made = create("EDITOR", "site:read", permissionSets=[own], description="d", priority=3)
        path = GRANTS.format(org, made["roleId"])
        changed = api.call("PUT", path, admin, {"permissions": ["team:*"]}).expect(200)
        assert (changed["permissions"], changed["permissionSets"]) == (["team:*"], [own])
        assert (changed["description"], changed["priority"], changed["version"]) == ("d", 3, 2)
        changed = api.call("PUT", path, admin, {"permissions": [], "permissionSets": []}).expect(200)
        assert (changed["permissions"], changed["permissionSets"]) == ([], [])
        for wrong, status, code in (
            ({"permissions": ["site:fly"]}, 400, "UNKNOWN_PERMISSIONS"),
            ({"permissions": ["org:delete"]}, 403, "PERMISSION_CEILING"),
            ({"permissions": [], "permissionSets": ["set-none"]}, 400, "VALIDATION_ERROR"),
            ({"permissions": [], "permissionSets": ["set-platform-admin"]}, 403, "PERMISSION_CEILING"),
            ({"permissions": [], "name": "X"}, 400, "VALIDATION_ERROR"),
            ({}, 400, "VALIDATION_ERROR"),
        ):
            api.call("PUT", path, admin, wrong).expect(status, code)


class TestDelete:
    def test_it_stays_readable_and_its_name_is_free(
        self, api: Instance, org: str, admin: str, create: Callable[..., dict]
    ) -> None:
        path = ROLE.format(org, create("EDITOR")["roleId"])
        api.call("DELETE", path, admin).expect(204)
        gone = api.call("GET", path, admin).expect(200)
        assert (gone["active"], gone["version"]) == (False, 2)
        assert "delete" not in gone["_links"]
        api.call("DELETE", path, admin).expect(204)
        assert api.call("GET", path, admin).expect(200)["version"] == 2
        create("EDITOR")

    def test_a_role_in_use_is_not_deactivated_either_way(
        self, api: Instance, world: World, org: str, admin: str, create: Callable[..., dict]
    ) -> None:
        made = create("EDITOR")
        path = ROLE.format(org, made["roleId"])
        users = [world.member(org, made["roleId"]) for _ in range(3)]
        for method, content in (("DELETE", None), ("PUT", body("EDITOR", active=False))):
            answer = api.call(method, path, admin, content)
            answer.expect(409, "ROLE_IN_USE")
            assert answer.details == {"count": 3}
        for user in users:
            api.call("DELETE", f"/organisations/{org}/users/{user}/roles/{made['roleId']}", admin).expect(204)
        api.call("DELETE", path, admin).expect(204)


class TestSeed:
    def test_only_what_is_missing(self, api: Instance, org: str, admin: str, create: Callable[..., dict]) -> None:
        done = api.call("POST", SEED.format(org), admin).expect(200)
        assert (done["created"], done["existing"]) == ([], DEFAULTS)
        viewer, editor = (by_name(api, org, admin, name) for name in ("SITE_VIEWER", "SITE_EDITOR"))
        api.call("DELETE", ROLE.format(org, viewer["roleId"]), admin).expect(204)
        api.call("PUT", ROLE.format(org, editor["roleId"]), admin, body("EDITOR")).expect(200)
        done = api.call("POST", SEED.format(org), admin).expect(200)
        assert done["created"] == ["SITE_EDITOR", "SITE_VIEWER"]
        again = by_name(api, org, admin, "SITE_VIEWER")
        assert (again["isDefault"], again["permissions"], again["createdBy"]) == (True, ["site:read"], admin)
        assert api.call("POST", SEED.format(org), admin).expect(200)["created"] == []

    def test_the_ceiling_counts_for_what_is_missing(
        self, api: Instance, world: World, org: str, admin: str, create: Callable[..., dict]
    ) -> None:
        maker = world.member(org, create("ROLE_MAKER", "role:create")["roleId"])
        api.call("POST", SEED.format(org), maker).expect(200)
        viewer = by_name(api, org, admin, "SITE_VIEWER")
        api.call("DELETE", ROLE.format(org, viewer["roleId"]), admin).expect(204)
        api.call("POST", SEED.format(org), maker).expect(403, "PERMISSION_CEILING")

    def test_at_the_same_moment(
        self, new_instance: Callable[[], Instance], api: Instance, world: World, org: str, admin: str
    ) -> None:
        for role in everything(api, org, admin, scope="TEAM"):
            api.call("DELETE", ROLE.format(org, role["roleId"]), admin).expect(204)
        instances = [new_instance() for _ in range(6)]
        answers = at_once([lambda one=one: one.call("POST", SEED.format(org), admin) for one in instances])
        assert sorted(len(answer.expect(200)["created"]) for answer in answers) == [0, 0, 0, 0, 0, 3]
        assert sorted(role["name"] for role in everything(api, org, admin)) == sorted(DEFAULTS)


class TestRefusals:
    @pytest.mark.parametrize(
        ("method", "path", "content"),
        [
            ("PUT", ROLE, body()),
            ("PUT", ROLE, {**body(), "active": False}),
            ("DELETE", ROLE, None),
            ("PUT", GRANTS, {"permissions": []}),
        ],
    )
    def test_platform_roles_never_change(
        self, api: Instance, world: World, org: str, method: str, path: str, content: dict | None
    ) -> None:
        path = path.format(org, "role-support-agent")
        api.call(method, path, world.platform(), content).expect(403, "SYSTEM_RESOURCE")

    @pytest.mark.parametrize(
        ("method", "path", "content"),
        [
            ("GET", ROLE, None),
            ("PUT", ROLE, body()),
            ("DELETE", ROLE, None),
            ("PUT", GRANTS, {"permissions": []}),
            ("GET", "/organisations/{}/roles/{}/users", None),
        ],
    )
    def test_unknown_and_foreign_roles(
        self, api: Instance, world: World, create: Callable, method: str, path: str, content: dict | None
    ) -> None:
        other = world.organisation()
        admin = world.member(other)
        for role_id in ("role-none", create("EDITOR")["roleId"]):
            api.call(method, path.format(other, role_id), admin, content).expect(404, "ROLE_NOT_FOUND")
        api.call(method, path.format(other, "role*"), admin, content).expect(400, "VALIDATION_ERROR")

    @pytest.mark.parametrize(
        ("method", "path", "content"),
        [
            ("GET", ROLES, None),
            ("POST", ROLES, body()),
            ("POST", SEED, None),
            ("GET", ROLES + "/role-1", None),
            ("PUT", ROLES + "/role-1", body()),
            ("DELETE", ROLES + "/role-1", None),
            ("PUT", ROLES + "/role-1/permissions", {"permissions": []}),
            ("GET", ROLES + "/role-1/users", None),
        ],
    )
    def test_organisations(self, api: Instance, world: World, method: str, path: str, content: dict | None) -> None:
        org, other = world.organisation(), world.organisation()
        api.call(method, path.format(org), None, content).expect(401, "UNAUTHORIZED")
        viewer = world.member(org, "SITE_VIEWER", team_id="team-1")
        strangers = world.member(other), world.member(org, "ORG_MANAGER"), viewer, world.user()
        for user in (*strangers, world.platform("BILLING_ADMIN")):
            api.call(method, path.format(org), user, content).expect(403, "FORBIDDEN")
        api.call(method, path.format("org-none"), world.platform(), content).expect(404, "ORGANISATION_NOT_FOUND")
        api.call(method, path.format("org*"), world.platform(), content).expect(400, "VALIDATION_ERROR")


class TestConcurrency:
    def test_twenty_at_once_and_one_gets_the_name(
        self, new_instance: Callable[[], Instance], org: str, admin: str
    ) -> None:
        instances = [new_instance() for _ in range(20)]
        answers: list[Answer] = at_once(
            [lambda one=one: one.call("POST", ROLES.format(org), admin, body("EDITOR")) for one in instances]
        )
        assert sorted(answer.status for answer in answers) == [201] + [409] * 19
        assert {answer.code for answer in answers if answer.status == 409} == {"NAME_TAKEN"}
        assert len(everything(instances[0], org, admin, name="EDITOR")) == 1

    def test_renaming_to_one_name_at_once(
        self, new_instance: Callable[[], Instance], org: str, admin: str, create: Callable[..., dict]
    ) -> None:
        paths = [ROLE.format(org, create(f"R{n}")["roleId"]) for n in range(6)]
        instances = [new_instance() for _ in paths]
        answers = at_once(
            [
                lambda one=one, path=path: one.call("PUT", path, admin, body("ONE"))
                for one, path in zip(instances, paths, strict=True)
            ]
        )
        assert sorted(answer.status for answer in answers) == [200] + [409] * 5
        for n in range(6):  # the winner's old name is free, and only that one
            status = instances[0].call("POST", ROLES.format(org), admin, body(f"R{n}")).status
            assert status == (201 if answers[n].status == 200 else 409)

    def test_no_update_is_lost(
        self, new_instance: Callable[[], Instance], org: str, admin: str, create: Callable[..., dict]
    ) -> None:
        path = ROLE.format(org, create("EDITOR")["roleId"])
        instances = [new_instance() for _ in range(8)]
        answers = at_once(
            [
                lambda n=n, one=one: one.call("PUT", path, admin, body("EDITOR", priority=n + 1, version=1))
                for n, one in enumerate(instances)
            ]
        )
        assert sorted(answer.status for answer in answers) == [200] + [409] * 7
        [winner] = [answer.body for answer in answers if answer.status == 200]
        assert instances[0].call("GET", path, admin).expect(200) == winner

    def test_a_set_that_goes_while_a_role_takes_it_up(
        self,
        new_instance: Callable[[], Instance],
        start_instance: Callable[..., Instance],
        world: World,
        org: str,
        admin: str,
        new_set: Callable[..., str],
    ) -> None:
        sets, roles = start_instance(permission_service, "permissions"), new_instance()
        root = world.platform()
        for n in range(6):
            set_id = new_set(f"Set {n}", "site:read")
            path, content = f"/organisations/{org}/permission-sets/{set_id}", body(f"R{n}", permissionSets=[set_id])
            gone, made = at_once(
                [
                    partial(sets.call, "DELETE", path, root),
                    partial(roles.call, "POST", ROLES.format(org), admin, content),
                ]
            )
            gone.expect(204)
            # Either the role was first, or it was refused. Whichever it was, no later role takes the set up.
            assert made.status in (201, 400), made.body
            late = body(f"LATE{n}", permissionSets=[set_id])
            roles.call("POST", ROLES.format(org), admin, late).expect(400, "VALIDATION_ERROR")


class TestRecords:
    def test_what_is_stored_says_who_and_in_which_request(
        self, create: Callable[..., dict], database: Database, seeded_tables: dict[str, str], org: str, admin: str
    ) -> None:
        made = create("EDITOR")
        for entity, parts in (
            ("OrganisationRole", {"roleId": made["roleId"]}),
            ("OrganisationRoleName", {"name": "editor"}),
        ):
            stored = database.get(seeded_tables["permissions"], key(entity, orgId=org, **parts))
            assert (stored["entityType"], stored["createdBy"]) == (entity, admin)
            assert len(stored["requestId"]) == 36


class TestRoundTrips:
    """Reads wait once for the database, writes twice: reads together with the access check, then one transaction."""

    def test_counts(self, api: Instance, org: str, admin: str, create: Callable[..., dict]) -> None:
        path = ROLE.format(org, create("EDITOR")["roleId"])
        for count, method, where, content in (
            (1, "GET", "/platform/roles", None),
            (1, "GET", "/platform/roles/role-platform-admin", None),
            (1, "GET", ROLES.format(org), None),
            (1, "GET", path, None),
            (1, "GET", f"{path}/users", None),
            (2, "POST", ROLES.format(org), body("NEW", permissionSets=["set-viewer"])),
            (2, "PUT", path, body("NEWER")),
            (2, "PUT", f"{path}/permissions", {"permissions": []}),
            (2, "DELETE", path, None),
            (1, "POST", SEED.format(org), None),
        ):
            answer = api.call(method, where, admin, content)
            assert answer.status < 300, answer
            assert answer.round_trips == count, (method, where, answer)
