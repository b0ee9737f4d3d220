"""Permissions, roles, tables and services: the files of the contract fit each other."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from bbws_access.access.permissions import is_known
from bbws_access.kernel.ids import is_valid_id

CONTRACT = Path(__file__).parents[2] / "contract"
DOCUMENT = json.loads((CONTRACT / "openapi.json").read_text())
PERMISSIONS = json.loads((CONTRACT / "permissions.json").read_text())["permissions"]
ROLES = json.loads((CONTRACT / "roles.json").read_text())
MODEL = json.loads((CONTRACT / "data-model.json").read_text())
GRANTS = json.loads((CONTRACT / "services.json").read_text())
SERVICES, ENGINEERS = GRANTS["services"], GRANTS["engineers"]["writes"]


def schema_of(name: str) -> dict:
    return DOCUMENT["components"]["schemas"][name]["properties"]


class TestPermissions:
    def test_names_and_ids_are_unique(self) -> None:
        for field in ("permissionId", "name", "description"):
            values = [permission[field] for permission in PERMISSIONS]
            assert len(values) == len(set(values))

    @pytest.mark.parametrize("permission", PERMISSIONS, ids=lambda one: one["name"])
    def test_each_is_consistent(self, permission: dict) -> None:
        assert permission.keys() == {"permissionId", "name", "resource", "action", "category", "description"}
        assert permission["name"] == f"{permission['resource']}:{permission['action']}"
        assert permission["permissionId"] == "perm-" + permission["name"].replace(":", "-")
        assert is_valid_id(permission["permissionId"])
        assert re.fullmatch(schema_of("Permission")["name"]["pattern"], permission["name"])


class TestRoles:
    def test_what_they_grant_exists(self) -> None:
        for kind in ("platformRoles", "platformPermissionSets", "defaultOrganisationRoles"):
            for one in ROLES[kind]:
                assert one["permissions"]
                assert all(is_known(name) for name in one["permissions"]), one["name"]

    @pytest.mark.parametrize("role", ROLES["platformRoles"], ids=lambda one: one["name"])
    def test_platform_roles(self, role: dict) -> None:
        assert is_valid_id(role["roleId"])
        assert re.fullmatch(schema_of("PlatformRole")["name"]["pattern"], role["name"])
        assert 1 <= role["priority"] <= 999

    @pytest.mark.parametrize("one", ROLES["platformPermissionSets"], ids=lambda one: one["name"])
    def test_platform_sets(self, one: dict) -> None:
        assert is_valid_id(one["setId"])
        assert 1 <= len(one["permissions"]) <= 50

    @pytest.mark.parametrize("role", ROLES["defaultOrganisationRoles"], ids=lambda one: one["name"])
    def test_default_roles_could_be_created(self, role: dict) -> None:
        wanted = schema_of("CreateRoleRequest")
        assert role.keys() <= wanted.keys()
        assert re.fullmatch(wanted["name"]["pattern"], role["name"])
        assert role["scope"] in wanted["scope"]["enum"]
        assert 1 <= role["priority"] <= 999

    def test_names_and_ids_are_unique(self) -> None:
        for kind, field in (
            ("platformRoles", "roleId"),
            ("platformRoles", "name"),
            ("platformPermissionSets", "setId"),
            ("platformPermissionSets", "name"),
            ("defaultOrganisationRoles", "name"),
            ("defaultTeamRoles", "name"),
        ):
            values = [one[field].casefold() for one in ROLES[kind]]
            assert len(values) == len(set(values)), (kind, field)

    def test_team_roles_give_capabilities_that_exist(self) -> None:
        for role in ROLES["defaultTeamRoles"]:
            assert set(role["capabilities"]) <= set(ROLES["teamCapabilities"])
        assert schema_of("EffectiveCapability")["name"]["enum"] == ROLES["teamCapabilities"]

    def test_the_first_administrator_can_seed_the_other_roles(self) -> None:
        """What an organisation starts with is granted by someone who holds it."""
        from bbws_access.access.permissions import missing

        [admin] = [role for role in ROLES["defaultOrganisationRoles"] if role["name"] == "ORG_ADMIN"]
        for role in ROLES["defaultOrganisationRoles"]:
            assert missing(admin["permissions"], role["permissions"]) == []


class TestDataModel:
    @pytest.mark.parametrize("name", MODEL["entities"])
    def test_entities_lie_in_tables_and_indexes_that_exist(self, name: str) -> None:
        entity = MODEL["entities"][name]
        table = MODEL["tables"][entity["table"]]
        for index_name, key in entity.get("indexes", {}).items():
            index = table["indexes"][index_name]
            assert key.keys() == {index["partitionKey"], index["sortKey"]}

    def test_every_index_has_an_entity(self) -> None:
        used = {
            (entity["table"], index) for entity in MODEL["entities"].values() for index in entity.get("indexes", {})
        }
        declared = {(name, index) for name, table in MODEL["tables"].items() for index in table["indexes"]}
        assert used == declared

    def test_no_two_entities_share_a_key(self) -> None:
        shapes = [
            (entity["table"], re.sub(r"\{\w+\}", "*", entity["PK"]), re.sub(r"\{\w+\}", "*", entity["SK"]))
            for entity in MODEL["entities"].values()
        ]
        assert len(shapes) == len(set(shapes))


class TestServices:
    @pytest.mark.parametrize("name", SERVICES)
    def test_it_names_entities_that_exist_once(self, name: str) -> None:
        service = SERVICES[name]
        named = [*service["writes"], *service["creates"], *service["reads"]]
        assert set(named) <= set(MODEL["entities"])
        # Who may write an entity may read and create it; who may create it may read it or not.
        assert not set(service["writes"]) & {*service["creates"], *service["reads"]}
        for kind in ("writes", "creates", "reads"):
            assert len(service[kind]) == len(set(service[kind]))

    def test_every_entity_has_a_writer(self) -> None:
        written = {entity for service in SERVICES.values() for entity in (*service["writes"], *service["creates"])}
        assert written | set(ENGINEERS) == set(MODEL["entities"])
        assert not written & set(ENGINEERS)

    def test_every_operation_has_a_service(self) -> None:
        named = {one["x-bbws-service"] for item in DOCUMENT["paths"].values() for one in item.values()}
        assert named <= set(SERVICES)
