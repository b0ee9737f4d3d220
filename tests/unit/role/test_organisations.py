"""Organisations and first roles, as the platform's engineers make them."""

from __future__ import annotations

import uuid
from functools import partial

import pytest

from bbws_access.access.reader import read_access
from bbws_access.kernel.contract import load_roles
from bbws_access.kernel.dynamodb import Database
from bbws_access.kernel.errors import BadRequest, Conflict, NotFound
from bbws_access.kernel.ids import is_valid_id, new_id
from bbws_access.kernel.keys import key, partition
from bbws_access.kernel.settings import Settings
from bbws_access.local_aws import LocalAws
from bbws_access.role.organisations import assign_role, create_organisation, end_platform_roles
from tests.support.services import ENGINEER, World, at_once
from tests.support.tables import REGION, patient_database

DEFAULTS = [role["name"] for role in load_roles()["defaultOrganisationRoles"]]


@pytest.fixture
def table(seeded_tables: dict[str, str]) -> str:
    return seeded_tables["permissions"]


class TestCreateOrganisation:
    def test_a_new_one(self, database: Database, table: str) -> None:
        done = create_organisation(database, table, " Acme ", ENGINEER)
        assert is_valid_id(done["organisationId"])
        assert done["organisationId"].startswith("org-")
        assert (done["name"], done["created"]) == ("Acme", True)
        assert done["roles"] == {"created": DEFAULTS, "existing": []}
        stored = database.get(table, key("Organisation", orgId=done["organisationId"]))
        assert (stored["name"], stored["active"], stored["createdBy"]) == ("Acme", True, ENGINEER)
        roles = database.query_all(
            table, partition("OrganisationRole", orgId=done["organisationId"]), sort_prefix="ROLE#"
        )
        assert sorted(role["name"] for role in roles) == sorted(DEFAULTS)
        assert all(role["isDefault"] for role in roles)
        [admin] = [role for role in roles if role["name"] == "ORG_ADMIN"]
        [default] = [role for role in load_roles()["defaultOrganisationRoles"] if role["name"] == "ORG_ADMIN"]
        assert {name: admin[name] for name in default} == default

    def test_again_changes_nothing(self, database: Database, table: str) -> None:
        org_id = new_id("organisation")
        create_organisation(database, table, "Acme", ENGINEER, org_id)
        before = database.query_all(table, partition("OrganisationRole", orgId=org_id))
        done = create_organisation(database, table, "Acme", "somebody else", org_id)
        assert (done["created"], done["roles"]) == (False, {"created": [], "existing": DEFAULTS})
        assert database.query_all(table, partition("OrganisationRole", orgId=org_id)) == before

    def test_at_the_same_moment(self, local_aws: LocalAws, database: Database, table: str) -> None:
        org_id = new_id("organisation")
        clients = [patient_database(local_aws.endpoint) for _ in range(6)]
        done = at_once([partial(create_organisation, one, table, "Acme", ENGINEER, org_id) for one in clients])
        assert sum(one["created"] for one in done) == 1
        roles = database.query_all(table, partition("OrganisationRole", orgId=org_id), sort_prefix="ROLE#")
        assert sorted(role["name"] for role in roles) == sorted(DEFAULTS)
        for client in clients:
            client.close()

    def test_refusals(self, database: Database, table: str) -> None:
        org_id = create_organisation(database, table, "Acme", ENGINEER)["organisationId"]
        with pytest.raises(Conflict, match="'Acme'"):
            create_organisation(database, table, "Other", ENGINEER, org_id)
        for name in ("", "  ", "x" * 101, "a\nb"):
            with pytest.raises(BadRequest, match="name"):
                create_organisation(database, table, name, ENGINEER)
        for wrong in ("Org-1", "org*", "org#1", "o" * 65, "org/1"):
            with pytest.raises(BadRequest, match="id"):
                create_organisation(database, table, "Acme", ENGINEER, wrong)


class TestAssignRole:
    def test_by_name_and_by_id_and_again(self, world: World, database: Database, table: str) -> None:
        org_id, user = world.organisation(), world.user()
        more = {"user_id": user, "actor": ENGINEER, "organisation_id": org_id}
        first = assign_role(database, table, role="ORG_ADMIN", **more)
        assert (first["created"], first["assignment"]["assignedBy"]) == (True, ENGINEER)
        again = assign_role(database, table, role=first["assignment"]["roleId"], **more)
        assert again == {"created": False, "assignment": first["assignment"]}
        counted = database.get(table, key("RoleUsage", orgId=org_id, roleId=first["assignment"]["roleId"]))
        assert (counted["count"], counted["createdBy"]) == (1, ENGINEER)

    def test_a_platform_role(self, world: World, database: Database, table: str) -> None:
        user = world.user()
        for name, created in (("PLATFORM_ADMIN", True), ("role-platform-admin", False)):
            done = assign_role(database, table, user_id=user, role=name, actor=ENGINEER)
            assert done["created"] is created
        assert done["assignment"]["scope"] == "PLATFORM"
        parts = {"userId": user, "roleId": "role-platform-admin"}
        assert database.get(table, key("PlatformRoleAssignment", **parts)) == done["assignment"]
        # Nothing of it lies where services write.
        assert database.query_all(table, partition("UserRoleAssignment", userId=user)) == []
        with pytest.raises(BadRequest, match="teamId"):
            assign_role(database, table, user_id=user, role="SUPPORT_AGENT", team_id="team-1", actor=ENGINEER)

    def test_platform_roles_are_taken_away_and_given_again(self, world: World, database: Database, table: str) -> None:
        user, org_id = world.user(), world.organisation()
        world.assign(user, "ORG_ADMIN", org_id)
        assert end_platform_roles(database, table, user, ENGINEER) == []
        for name in ("PLATFORM_ADMIN", "SUPPORT_AGENT"):
            world.assign(user, name)
        assert sorted(end_platform_roles(database, table, user, ENGINEER)) == ["PLATFORM_ADMIN", "SUPPORT_AGENT"]
        assert end_platform_roles(database, table, user, ENGINEER) == []
        access = read_access(database, Settings(region=REGION, tables={"permissions": table}), user)
        assert [grant.role_name for grant in access.grants] == ["ORG_ADMIN"]
        done = assign_role(database, table, user_id=user, role="SUPPORT_AGENT", actor=ENGINEER)
        assert (done["created"], done["assignment"]["version"]) == (True, 3)
        with pytest.raises(BadRequest, match="sub"):
            end_platform_roles(database, table, "me@example.com", ENGINEER)

    def test_in_a_team(self, world: World, database: Database, table: str) -> None:
        org_id, user = world.organisation(), world.user()
        more = {"user_id": user, "actor": ENGINEER, "organisation_id": org_id}
        done = assign_role(database, table, role="SITE_ADMIN", team_id="team-1", **more)
        assert (done["assignment"]["scope"], done["assignment"]["teamId"]) == ("TEAM", "team-1")
        with pytest.raises(BadRequest, match="teamId"):
            assign_role(database, table, role="SITE_ADMIN", **more)
        with pytest.raises(BadRequest, match="teamId"):
            assign_role(database, table, role="ORG_ADMIN", team_id="team-1", **more)

    def test_refusals(self, world: World, database: Database, table: str) -> None:
        org_id, user = world.organisation(), world.user()
        more = {"actor": ENGINEER, "organisation_id": org_id}
        with pytest.raises(NotFound, match="NOBODY"):
            assign_role(database, table, user_id=user, role="NOBODY", **more)
        with pytest.raises(NotFound, match="organisation org-none"):
            assign_role(database, table, user_id=user, role="ORG_ADMIN", actor=ENGINEER, organisation_id="org-none")
        with pytest.raises(NotFound, match="PLATFORM_ADMIN"):
            assign_role(database, table, user_id=user, role="ORG_ADMIN", actor=ENGINEER)
        with pytest.raises(BadRequest, match="future"):
            assign_role(database, table, user_id=user, role="ORG_ADMIN", expires_at="2020-01-01T00:00:00Z", **more)
        with pytest.raises(BadRequest, match="sub"):
            assign_role(database, table, user_id="me@example.com", role="ORG_ADMIN", **more)
        with pytest.raises(BadRequest, match="team"):
            assign_role(database, table, user_id=user, role="SITE_ADMIN", team_id="team*", **more)
        with pytest.raises(BadRequest, match="organisation id"):
            assign_role(
                database, table, user_id=str(uuid.uuid4()), role="ORG_ADMIN", actor=ENGINEER, organisation_id="*"
            )


def test_what_the_tool_writes_says_who_and_has_an_id_of_its_own(world: World, database: Database, table: str) -> None:
    org_id = world.organisation()
    role = world.assign(world.user(), "ORG_ADMIN", org_id)
    organisation = database.get(table, key("Organisation", orgId=org_id))
    for stored in (role, organisation):
        assert (stored["lastUpdatedBy"], len(stored["requestId"])) == (ENGINEER, 32)
    assert role["requestId"] != organisation["requestId"]
