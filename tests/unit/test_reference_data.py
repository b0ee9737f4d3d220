"""Reference data gets into the table once, and follows the contract."""

from __future__ import annotations

import boto3
import pytest

from bbws_access import reference_data
from bbws_access.kernel.contract import load_data_model, load_permissions, load_roles
from bbws_access.kernel.dynamodb import Database
from bbws_access.kernel.keys import key
from bbws_access.local_aws import LocalAws
from bbws_access.reference_data import seed_reference_data
from tests.support.services import ENGINEER
from tests.support.tables import create_table

SIZES = {
    "Permission": len(load_permissions()),
    "PlatformRole": len(load_roles()["platformRoles"]),
    "PlatformPermissionSet": len(load_roles()["platformPermissionSets"]),
}
NOTHING = {"created": 0, "updated": 0, "unchanged": 0, "deactivated": 0}


@pytest.fixture
def table(local_aws: LocalAws, request: pytest.FixtureRequest) -> str:
    """An empty table."""
    name = f"empty-{request.node.name}"
    create_table(boto3.client("dynamodb"), name, load_data_model()["tables"]["permissions"])
    return name


def test_first_everything_is_created_then_nothing_changes(database: Database, table: str) -> None:
    done = seed_reference_data(database, table, ENGINEER)
    assert done == {kind: {**NOTHING, "created": size} for kind, size in SIZES.items()}
    stored = database.get(table, key("PlatformRole", roleId="role-platform-admin"))
    assert (stored["name"], stored["permissions"], stored["scope"]) == ("PLATFORM_ADMIN", ["*"], "PLATFORM")
    assert (stored["createdBy"], stored["version"], stored["isSystem"]) == (ENGINEER, 1, True)
    assert seed_reference_data(database, table, "other") == {
        kind: {**NOTHING, "unchanged": size} for kind, size in SIZES.items()
    }
    assert database.get(table, key("PlatformRole", roleId="role-platform-admin")) == stored


def test_it_follows_the_contract(database: Database, table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seed_reference_data(database, table, ENGINEER)
    changed = [dict(one) for one in load_permissions()]
    changed[0]["description"] = "Make sites"
    gone = changed.pop()
    monkeypatch.setattr(reference_data, "load_permissions", lambda: changed)
    done = seed_reference_data(database, table, "other")["Permission"]
    assert done == {**NOTHING, "updated": 1, "unchanged": len(changed) - 1, "deactivated": 1}
    stored = database.get(table, key("Permission", permissionId=changed[0]["permissionId"]))
    assert (stored["description"], stored["version"], stored["lastUpdatedBy"]) == ("Make sites", 2, "other")
    assert stored["createdBy"] == ENGINEER
    stored = database.get(table, key("Permission", permissionId=gone["permissionId"]))
    assert (stored["active"], stored["version"]) == (False, 2)
    monkeypatch.undo()
    done = seed_reference_data(database, table, ENGINEER)["Permission"]
    assert done == {**NOTHING, "updated": 2, "unchanged": len(changed) - 1}
