"""Effective permissions with where they come from, and access checks with their reason."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from bbws_access.access.permissions import expand
from bbws_access.cli.people import actor
from bbws_access.invitation.tokens import new_token
from bbws_access.kernel.contract import Contract, load_contract, load_permissions
from bbws_access.kernel.dynamodb import Database
from bbws_access.kernel.keys import index_key, key
from bbws_access.kernel.records import TOOL, Change, shown_actor
from bbws_access.role import effective
from bbws_access.role.engineers import assign_role
from bbws_access.role.organisations import create_organisation
from tests.support.services import Instance, World

PERMISSIONS = "/organisations/{}/users/{}/permissions"
CHECKS = "/organisations/{}/access-checks"
THEN = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def org(world: World) -> str:
    return world.organisation()


@pytest.fixture
def admin(world: World, org: str) -> str:
    return world.member(org)


@pytest.fixture
def join(database: Database, seeded_tables: dict[str, str]) -> Callable[..., None]:
    """Makes a user a member of a team, with a team role that has capabilities."""

    def make(user: str, org: str, team: str, *capabilities: str, active: bool = True) -> None:
        role = f"trole-{'-'.join(capabilities).lower().replace('_', '-')}"
        table = seeded_tables["teams"]
        definition = {"organisationId": org, "teamRoleId": role, "capabilities": list(capabilities), "active": True}
        database.put(table, {**key("TeamRoleDefinition", orgId=org, teamRoleId=role), **definition})
        parts = {"orgId": org, "userId": user, "teamId": team, "teamRoleId": role}
        member = {"organisationId": org, "userId": user, "teamId": team, "teamRoleId": role, "active": active}
        database.put(
            table, {**key("TeamMember", **parts), **index_key("TeamMember", "members-by-team", **parts), **member}
        )

    return make


class TestEffectivePermissions:
    def test_each_with_the_assignments_that_it_comes_from(
        self, api: Instance, world: World, org: str, admin: str
    ) -> None:
        content = {"name": "PART", "displayName": "P", "permissions": ["site:read"], "permissionSets": ["set-viewer"]}
        role = api.call("POST", f"/organisations/{org}/roles", admin, content).expect(201)["roleId"]
        user = world.member(org, "SITE_EDITOR", team_id="team-1")
        world.assign(user, role, org, expires_at="2999-01-01T00:00:00Z")
        answer = api.call("GET", PERMISSIONS.format(org, user), admin).expect(200)
        found = {one["name"]: one["sources"] for one in answer["permissions"]}
        assert set(found) == {"site:read", "site:update", "site:publish", "org:read", "team:read"}
        through = [
            (one["roleName"], one["scope"], one.get("teamId"), one.get("permissionSetId"), one.get("expiresAt"))
            for one in found["site:read"]
        ]
        assert through == [
            ("PART", "ORGANISATION", None, None, "2999-01-01T00:00:00.000Z"),
            ("PART", "ORGANISATION", None, "set-viewer", "2999-01-01T00:00:00.000Z"),
            ("SITE_EDITOR", "TEAM", "team-1", None, None),
        ]
        assert answer["_links"].keys() == {"self", "roles"}

    def test_wildcards_are_spelt_out(self, api: Instance, world: World, org: str, admin: str) -> None:
        answer = api.call("GET", PERMISSIONS.format(org, admin), admin).expect(200)
        found = {one["name"]: one["sources"] for one in answer["permissions"]}
        assert {name for name in found if name.startswith("team:")} == expand("team:*")
        assert [one["grantedBy"] for one in found["team:member:add"]] == ["team:*"]
        root = world.platform()
        answer = api.call("GET", PERMISSIONS.format(org, root), root).expect(200)
        assert [one["name"] for one in answer["permissions"]] == sorted(one["name"] for one in load_permissions())
        [source] = answer["permissions"][0]["sources"]
        assert source.keys() == {"roleId", "roleName", "scope", "grantedBy", "assignedAt"}
        assert source["scope"] == "PLATFORM"

    def test_what_is_not_in_force_does_not_count(
        self, api: Instance, world: World, org: str, admin: str, join: Callable[..., None]
    ) -> None:
        user = world.member(org, "ORG_MANAGER", now=THEN, expires_at="2020-01-02T00:00:00Z")
        join(user, org, "team-1", "CAN_VIEW_MEMBERS", active=False)
        world.assign(user, "ORG_ADMIN", world.organisation())
        answer = api.call("GET", PERMISSIONS.format(org, user), admin).expect(200)
        assert (answer["permissions"], answer["capabilities"]) == ([], [])

    def test_capabilities_of_teams(
        self, api: Instance, world: World, org: str, admin: str, join: Callable[..., None]
    ) -> None:
        user = world.user()
        join(user, org, "team-2", "CAN_UPDATE_TEAM")
        join(user, org, "team-1", "CAN_VIEW_SITES", "CAN_EDIT_SITES")
        join(user, world.organisation(), "team-9", "CAN_DELETE_SITES")
        for caller in (admin, user):
            answer = api.call("GET", PERMISSIONS.format(org, user), caller).expect(200)
            assert [(one["teamId"], one["name"]) for one in answer["capabilities"]] == [
                ("team-1", "CAN_EDIT_SITES"),
                ("team-1", "CAN_VIEW_SITES"),
                ("team-2", "CAN_UPDATE_TEAM"),
            ]

    def test_who_may_ask(self, api: Instance, world: World, org: str, admin: str) -> None:
        viewer = world.member(org, "SITE_VIEWER", team_id="team-1")
        api.call("GET", PERMISSIONS.format(org, viewer), viewer).expect(200)
        api.call("GET", PERMISSIONS.format(org, admin), viewer).expect(403, "FORBIDDEN")
        api.call("GET", PERMISSIONS.format(org, admin)).expect(401, "UNAUTHORIZED")
        api.call("GET", PERMISSIONS.format(world.organisation(), admin), admin).expect(403, "FORBIDDEN")
        api.call("GET", PERMISSIONS.format("org-none", admin), world.platform()).expect(404, "ORGANISATION_NOT_FOUND")
        api.call("GET", PERMISSIONS.format(org, "me"), admin).expect(400, "VALIDATION_ERROR")

    def test_round_trips(self, api: Instance, world: World, org: str, admin: str) -> None:
        user = world.member(org, "ORG_MANAGER")
        api.call("GET", PERMISSIONS.format(org, user), admin)
        for path in (PERMISSIONS.format(org, user), PERMISSIONS.format(org, admin)):
            assert api.call("GET", path, admin).round_trips == 1


class TestAccessChecks:
    def check(self, api: Instance, org: str, caller: str, user: str, method: str, path: str) -> dict:
        content = {"userId": user, "method": method, "path": path}
        return api.call("POST", CHECKS.format(org), caller, content).expect(200)

    def test_let_in_by_a_permission(self, api: Instance, world: World, org: str, admin: str) -> None:
        answer = self.check(api, org, admin, admin, "POST", f"/v1/organisations/{org}/roles")
        assert (answer["allowed"], answer["reason"]) == (True, "PERMISSION")
        assert answer["operation"] == {
            "operationId": "createRole",
            "path": "/organisations/{orgId}/roles",
            "needs": [{"permission": "role:create"}],
            "needsAlso": [],
        }
        assert answer["via"]["permission"] == "role:create"
        assert (answer["via"]["source"]["roleName"], answer["via"]["source"]["grantedBy"]) == ("ORG_ADMIN", "role:*")
        assert answer["path"] == f"/organisations/{org}/roles"

    def test_through_a_set(self, api: Instance, world: World, org: str, admin: str) -> None:
        content = {"name": "A", "displayName": "A", "permissions": [], "permissionSets": ["set-org-admin"]}
        role = api.call("POST", f"/organisations/{org}/roles", admin, content).expect(201)["roleId"]
        answer = self.check(api, org, admin, world.member(org, role), "GET", f"/organisations/{org}/roles")
        assert answer["via"]["source"]["permissionSetId"] == "set-org-admin"

    def test_by_being_the_user(self, api: Instance, world: World, org: str, admin: str) -> None:
        user = world.member(org, "SITE_VIEWER", team_id="team-1")
        path = f"/organisations/{org}/users/{user}/roles"
        answer = self.check(api, org, admin, user, "GET", path)
        assert (answer["allowed"], answer["reason"], "via" in answer) == (True, "SELF", False)
        assert answer["operation"]["needs"] == [{"permission": "role:read"}, {"self": "userId"}]
        path = f"/organisations/{org}/users/{admin}/roles"
        answer = self.check(api, org, admin, user, "GET", path)
        assert (answer["allowed"], answer["reason"]) == (False, "NO_PERMISSION")

    def test_signed_in_and_public(self, api: Instance, world: World, org: str, admin: str) -> None:
        member = world.member(org, "SITE_VIEWER", team_id="team-1")
        for user, path, allowed, reason in (
            (member, "/platform/permissions", True, "SIGNED_IN"),
            (world.user(), "/platform/permissions", False, "NOT_IN_ORGANISATION"),
            (world.user(), "/health", True, "PUBLIC"),
            (world.user(), f"/invitations/{new_token(org, 'inv-1')}-_Az", True, "PUBLIC"),
            (member, "/platform/permissions/site:read", True, "SIGNED_IN"),
        ):
            answer = self.check(api, org, admin, user, "GET", path)
            assert (answer["allowed"], answer["reason"]) == (allowed, reason)
            assert answer["operation"]["needs"] == []

    def test_refusals_have_their_reason(self, api: Instance, world: World, org: str, admin: str) -> None:
        path = f"/organisations/{org}/roles"
        for user, method, where, reason in (
            (world.member(org, "ORG_MANAGER"), "GET", path, "NO_PERMISSION"),
            (world.member(org, "SITE_ADMIN", team_id="team-1"), "GET", path, "NO_PERMISSION"),
            (world.member(world.organisation()), "GET", path, "NOT_IN_ORGANISATION"),
            (world.user(), "GET", path, "NOT_IN_ORGANISATION"),
            (admin, "PATCH", path, "UNKNOWN_ROUTE"),
            (admin, "GET", "/nowhere", "UNKNOWN_ROUTE"),
            (admin, "GET", f"/organisations/{org}/roles/a/b/c/d", "UNKNOWN_ROUTE"),
        ):
            answer = self.check(api, org, admin, user, method, where)
            assert (answer["allowed"], answer["reason"]) == (False, reason)
            assert ("operation" in answer) == (reason != "UNKNOWN_ROUTE")
            assert answer["message"]

    def test_a_platform_role_reaches_everywhere(self, api: Instance, world: World, org: str, admin: str) -> None:
        root = world.platform("SUPPORT_AGENT")
        for caller in (root, world.platform()):
            answer = self.check(api, org, caller, root, "GET", f"/organisations/{org}/roles")
            assert (answer["allowed"], answer["via"]["source"]["scope"]) == (True, "PLATFORM")
            assert "assignedBy" not in answer["via"]["source"]
            answer = self.check(api, org, caller, root, "POST", f"/organisations/{org}/roles")
            assert (answer["allowed"], answer["reason"]) == (False, "NO_PERMISSION")

    def test_who_sees_every_organisation_learns_the_whole_reason(self, api: Instance, world: World, org: str) -> None:
        expired = world.member(org, "ORG_ADMIN", now=THEN, expires_at="2020-01-02T00:00:00Z")
        root = world.platform("SUPPORT_AGENT")
        for user, reason in (
            (expired, "USER_INACTIVE"),
            (world.user(), "UNKNOWN_USER"),
            (world.member(world.organisation()), "SIGNED_IN"),
        ):
            answer = self.check(api, org, root, user, "GET", "/platform/permissions")
            assert answer["reason"] == reason

    def test_it_says_what_then_happens(self, api: Instance, world: World, org: str, admin: str) -> None:
        """The answer and the service agree, for every read of this service and every kind of user."""
        root = world.platform("SUPPORT_AGENT")
        users = [
            admin,
            world.member(org, "ORG_MANAGER"),
            world.member(org, "SITE_EDITOR", team_id="team-1"),
            world.member(world.organisation()),
            root,
            world.user(),
        ]
        for user in users:
            for path in (
                f"/organisations/{org}/roles",
                f"/organisations/{org}/roles/role-1",
                f"/organisations/{org}/users/{user}/roles",
                f"/organisations/{org}/users/{admin}/permissions",
            ):
                said = self.check(api, org, root if user == root else admin, user, "GET", path)["allowed"]
                assert said == (api.call("GET", path, user).status != 403), (path, user)

    @pytest.mark.parametrize(
        "path",
        [
            "/organisations/org-other/roles",
            "/organisations/{org}/roles/*",
            "/organisations/{org}/roles/A",
            "/v1/organisations/org-other/roles",
        ],
    )
    def test_paths_of_others_and_impossible_ids(self, api: Instance, org: str, admin: str, path: str) -> None:
        content = {"userId": admin, "method": "GET", "path": path.replace("{org}", org)}
        api.call("POST", CHECKS.format(org), admin, content).expect(400, "VALIDATION_ERROR")

    @pytest.mark.parametrize(
        "wrong",
        [
            {},
            {"userId": "me", "method": "GET", "path": "/health"},
            {"method": "GET", "path": "/health"},
            {"userId": "00000000-0000-4000-8000-000000000000", "method": "get", "path": "/health"},
            {"userId": "00000000-0000-4000-8000-000000000000", "method": "GET", "path": "health"},
            {"userId": "00000000-0000-4000-8000-000000000000", "method": "GET", "path": "/health?x=1"},
            {"userId": "00000000-0000-4000-8000-000000000000", "method": "GET", "path": "/" + "a" * 1024},
        ],
    )
    def test_bad_bodies(self, api: Instance, org: str, admin: str, wrong: dict) -> None:
        api.call("POST", CHECKS.format(org), admin, wrong).expect(400, "VALIDATION_ERROR")

    def test_who_may_ask(self, api: Instance, world: World, org: str, admin: str) -> None:
        content = {"userId": admin, "method": "GET", "path": "/health"}
        viewer = world.member(org, "SITE_VIEWER", team_id="team-1")
        for caller in (viewer, world.user(), world.member(world.organisation())):
            api.call("POST", CHECKS.format(org), caller, content).expect(403, "FORBIDDEN")
        api.call("POST", CHECKS.format(org), None, content).expect(401, "UNAUTHORIZED")
        api.call("POST", CHECKS.format("org-none"), world.platform(), content).expect(404, "ORGANISATION_NOT_FOUND")
        api.call("POST", CHECKS.format(org), world.member(org, "ORG_MANAGER"), content).expect(200)

    def test_round_trips(self, api: Instance, world: World, org: str, admin: str) -> None:
        content = {"userId": world.member(org), "method": "GET", "path": f"/organisations/{org}/roles"}
        assert api.call("POST", CHECKS.format(org), admin, content).round_trips == 1


class TestStrangers:
    """An organisation learns of a person what it gave them, and nothing of what they have elsewhere."""

    @pytest.fixture
    def strangers(self, world: World, org: str) -> list[str]:
        """Who has nothing in the organisation, each for another reason."""
        elsewhere = world.organisation()
        left = world.member(org, "ORG_MANAGER", now=THEN, expires_at="2020-01-02T00:00:00Z")
        with_another_customer = world.member(org, "ORG_MANAGER", now=THEN, expires_at="2020-01-02T00:00:00Z")
        world.assign(with_another_customer, "ORG_ADMIN", elsewhere)
        left_there_too = world.member(elsewhere, now=THEN, expires_at="2020-01-02T00:00:00Z")
        engineer = world.platform()
        world.assign(engineer, "ORG_ADMIN", elsewhere)
        return [world.user(), left, with_another_customer, left_there_too, world.member(elsewhere), engineer]

    @pytest.mark.parametrize("role", ["ORG_ADMIN", "ORG_MANAGER"])
    def test_one_answer_about_all_of_them_for_every_route(
        self, api: Instance, world: World, org: str, strangers: list[str], role: str
    ) -> None:
        caller, token = world.member(org, role), new_token(org, "inv-1")
        for operation in load_contract().operations.values():
            answers = set()
            for user in strangers:
                ids = {"orgId": org, "userId": user, "token": token}
                names = {parameter.name: "x-1" for parameter in operation.parameters if parameter.location == "path"}
                path = operation.path.format_map({**names, **ids})
                asked = {"userId": user, "method": operation.method, "path": path}
                answer = api.call("POST", CHECKS.format(org), caller, asked).expect(200)
                answers.add(json.dumps(answer, sort_keys=True).replace(user, "USER"))
                assert answer["reason"] == ("PUBLIC" if operation.access == "public" else "NOT_IN_ORGANISATION")
            assert len(answers) == 1, operation

    def test_one_answer_to_every_other_question(
        self, api: Instance, world: World, org: str, admin: str, strangers: list[str]
    ) -> None:
        role = api.call("POST", f"/organisations/{org}/roles", admin, role_content()).expect(201)["roleId"]

        def asked(user: str) -> list:
            base = f"/organisations/{org}/users/{user}"
            answers = [api.call("GET", f"{base}/{what}", admin) for what in ("permissions", "roles")]
            answers.append(api.call("DELETE", f"{base}/roles/{role}", admin))
            # Whoever may assign roles may bring anybody in, and learns nothing by that either.
            answers.append(api.call("POST", f"{base}/roles", admin, {"roleId": role}))
            preview = {"permissions": ["site:read", "site:publish"]}
            answers.append(api.call("POST", f"/organisations/{org}/roles/{role}/preview", admin, preview))
            answers.append(api.call("GET", f"{base}/permissions", admin))
            check = {"userId": user, "method": "GET", "path": f"/organisations/{org}/roles"}
            answers.append(api.call("POST", CHECKS.format(org), admin, check))
            api.call("DELETE", f"{base}/roles/{role}", admin).expect(204)
            told = [[one.status, one.body] for one in answers]
            text = json.dumps(told, sort_keys=True).replace(user, "USER")
            return re.sub(r'"requestId": "[^"]*"|\d{4}-\d\d-\d\dT[\d:.]+Z', "*", text)

        assert len({asked(user) for user in strangers}) == 1

    def test_a_platform_role_shows_to_no_colleague(self, api: Instance, world: World, org: str, admin: str) -> None:
        engineer = world.member(org, "ORG_MANAGER")
        world.assign(engineer, "SUPPORT_AGENT")
        answer = api.call("GET", PERMISSIONS.format(org, engineer), admin).expect(200)
        assert {source["scope"] for one in answer["permissions"] for source in one["sources"]} == {"ORGANISATION"}
        assert "PLATFORM" in json.dumps(api.call("GET", PERMISSIONS.format(org, engineer), engineer).expect(200))
        check = {"userId": engineer, "method": "GET", "path": f"/organisations/{org}/roles"}
        answer = api.call("POST", CHECKS.format(org), admin, check).expect(200)
        assert (answer["allowed"], answer["reason"]) == (False, "NO_PERMISSION")


def test_no_answer_names_an_engineer(api: Instance, world: World, database: Database) -> None:
    """Neither the roles that engineers gave, nor what they made."""
    made = create_organisation(database, world.table, "Acme", Change.outside_a_request(actor()))
    org, admin, root = made["organisationId"], world.user(), world.user()
    for user, role, place in ((admin, "ORG_ADMIN", org), (root, "PLATFORM_ADMIN", None)):
        assign_role(database, world.table, user, role, Change.outside_a_request(actor()), place)
    for caller, path in (
        (admin, PERMISSIONS.format(org, admin)),
        (root, PERMISSIONS.format(org, root)),
        (admin, f"/organisations/{org}/users/{admin}/roles"),
        (admin, f"/organisations/{org}/roles"),
        (admin, f"/organisations/{org}/access-review"),
        (admin, f"/organisations/{org}/access-review?format=csv"),
    ):
        text = json.dumps(api.call("GET", path, caller).expect(200))
        assert actor() not in text, path
        assert TOOL not in text, path
    for shown in (admin, "system", "invited:a@b.example"):
        assert shown_actor(shown) == shown


def role_content() -> dict:
    return {"name": "ASKED_ABOUT", "displayName": "A", "permissions": ["site:read"]}


class TestTeamRoutes:
    """No route of a team is in the contract yet; the rules for them hold already."""

    @pytest.fixture
    def contract(self) -> Contract:
        access = [{"permission": "team:update"}, {"capability": "CAN_UPDATE_TEAM"}]
        operation = {"operationId": "updateTeam", "x-bbws-service": "team", "x-bbws-access": access, "responses": {}}
        parameters = [{"name": name, "in": "path", "required": True, "schema": {}} for name in ("orgId", "teamId")]
        path = "/organisations/{orgId}/teams/{teamId}"
        return Contract({"paths": {path: {"put": {**operation, "parameters": parameters}}}})

    def test_a_capability_and_a_role_of_the_team_let_in(
        self,
        contract: Contract,
        api: Instance,
        world: World,
        org: str,
        join: Callable[..., None],
        database: Database,
        seeded_tables: dict[str, str],
    ) -> None:
        from bbws_access.access.reader import read_access_in
        from bbws_access.kernel.settings import Settings

        settings = Settings(region="eu-west-1", tables=seeded_tables)
        lead, holder = world.user(), world.platform("SUPPORT_AGENT")
        join(lead, org, "team-1", "CAN_UPDATE_TEAM")
        content = {"name": "T", "displayName": "T", "permissions": ["team:*"], "scope": "TEAM"}
        role = api.call("POST", f"/organisations/{org}/roles", world.member(org), content).expect(201)["roleId"]
        world.assign(holder, role, org, team_id="team-1")
        for user, team, allowed, reason in (
            (lead, "team-1", True, "CAPABILITY"),
            (lead, "team-2", False, "NO_PERMISSION"),
            (holder, "team-1", True, "PERMISSION"),
            (holder, "team-2", False, "NO_PERMISSION"),
        ):
            access, _ = read_access_in(database, settings, user, org)
            match = effective.route(contract, "PUT", f"/organisations/{org}/teams/{team}", org)
            answer = effective.explain(match, access)
            assert (answer["allowed"], answer["reason"]) == (allowed, reason)
            if reason == "CAPABILITY":
                assert answer["via"] == {
                    "capability": "CAN_UPDATE_TEAM",
                    "teamId": "team-1",
                    "teamRoleId": "trole-can-update-team",
                }


def test_every_reason_has_words() -> None:
    assert set(effective._MESSAGES) == set(type(next(iter(effective._MESSAGES))))


def test_the_contract_knows_every_reason() -> None:
    known = load_contract().document["components"]["schemas"]["AccessCheck"]["properties"]["reason"]["enum"]
    assert sorted(known) == sorted(effective._MESSAGES)
