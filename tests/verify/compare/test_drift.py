"""What a plan's JSON says was changed without Terraform. With a real AWS by hand: tests/end_to_end/test_drift.py."""

from __future__ import annotations

from typing import Any

from bbws_access.verify.compare.drift import read_drift

ADDRESS = "module.dynamodb.aws_dynamodb_table.this"


def item(
    before: Any, after: Any, address: str = ADDRESS, kind: str = "aws_dynamodb_table", **more: Any
) -> dict[str, Any]:
    change = {"actions": ["update"], "before": before, "after": after, "after_unknown": {}} | more
    return {"address": address, "mode": "managed", "type": kind, "change": change}


def plan(drift: list[Any], changes: list[Any]) -> dict[str, Any]:
    return {"resource_drift": drift, "resource_changes": changes}


def test_what_terraform_would_put_back_is_drift() -> None:
    (drift,) = read_drift(plan([item({"size": 1}, {"size": 2})], [item({"size": 2}, {"size": 1})]))
    assert drift.to_json() == {
        "module": "dynamodb",
        "address": ADDRESS,
        "deleted": False,
        "attributes": [{"path": "size", "state": 1, "found": 2}],
    }


def test_what_terraform_would_leave_is_not() -> None:
    assert read_drift(plan([item({"people": 1}, {"people": 2})], [item({"people": 2}, {"people": 2})])) == []


def test_a_change_that_is_not_applied_yet_is_not() -> None:
    assert read_drift(plan([], [item({"size": 1}, {"size": 2})])) == []
    drifted = item({"size": 1, "people": 1}, {"size": 1, "people": 2})
    assert read_drift(plan([drifted], [item({"size": 1, "people": 2}, {"size": 9, "people": 2})])) == []


def test_what_was_deleted_is_drift() -> None:
    (drift,) = read_drift(plan([item({"size": 1}, None)], [item(None, {"size": 1})]))
    assert drift.deleted


def test_a_policy_that_nobody_gave_a_role_is_drift() -> None:
    role = {
        "name": "role",
        "inline_policy": [{"name": "service", "policy": "{}"}, {"name": "back-door", "policy": "{*}"}],
        "managed_policy_arns": ["arn:aws:iam::aws:policy/AdministratorAccess"],
    }
    changes = [
        item(role, role, "aws_iam_role.this", "aws_iam_role"),
        item({"role": "role", "name": "service"}, {}, "aws_iam_role_policy.this", "aws_iam_role_policy"),
    ]
    (drift,) = read_drift(plan([], changes))
    assert [attribute.path for attribute in drift.attributes] == ["inline_policy[back-door]", "managed_policy_arns"]


def test_secrets_are_not_shown() -> None:
    drifted = item(
        {"password": "one"},
        {"password": "two"},
        before_sensitive={"password": True},
        after_sensitive={"password": True},
    )
    wanted = item({"password": "two"}, {"password": "one"}, after_sensitive={"password": True})
    (drift,) = read_drift(plan([drifted], [wanted]))
    assert drift.to_json()["attributes"] == [{"path": "password", "state": "(sensitive)", "found": "(sensitive)"}]
