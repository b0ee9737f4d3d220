"""What each role can and cannot do, tried for real: the local AWS judges every call by the deployed policies.

Leading keys are judged there by one of our shims (docs/local-aws.md); the same cases are judged by a simulation of
IAM in tests/unit/iam, which stands on no shim.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from bbws_access.kernel.contract import load_data_model
from tests.support.role_cases import CASES, ROLE_NAMES, Case

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.deployment import Deployment

pytestmark = pytest.mark.xdist_group("dev")

INDEX_KEYS = {
    index: keys["partitionKey"]
    for table in load_data_model()["tables"].values()
    for index, keys in table["indexes"].items()
}

# Tried as the call it is; other actions of the list are judged by the simulation alone.
DATA_CALLS: dict[str, Callable[[Any, dict[str, Any], str], Any]] = {
    "dynamodb:GetItem": lambda db, table, key: db.get_item(**table, Key=_key(key)),
    "dynamodb:PutItem": lambda db, table, key: db.put_item(**table, Item=_key(key), **_never()),
    "dynamodb:UpdateItem": lambda db, table, key: db.update_item(
        **table,
        Key=_key(key),
        UpdateExpression="SET #a = :a",
        ConditionExpression="attribute_exists(#never)",
        ExpressionAttributeNames={"#a": "probe", "#never": "never"},
        ExpressionAttributeValues={":a": {"S": "probe"}},
    ),
    "dynamodb:DeleteItem": lambda db, table, key: db.delete_item(**table, Key=_key(key), **_never()),
    "dynamodb:Query": lambda db, table, key: db.query(
        **table,
        KeyConditionExpression="#pk = :pk",
        ExpressionAttributeNames={"#pk": INDEX_KEYS.get(table.get("IndexName"), "PK")},
        ExpressionAttributeValues={":pk": {"S": key}},
        Limit=1,
    ),
    "dynamodb:Scan": lambda db, table, _: db.scan(**table, Limit=1),
    "dynamodb:BatchGetItem": lambda db, table, _: db.batch_get_item(
        RequestItems={table["TableName"]: {"Keys": [_key("PROBE")]}}
    ),
    "dynamodb:DeleteTable": lambda db, table, _: db.delete_table(**table),
}


def _key(partition: str) -> dict[str, dict[str, str]]:
    return {"PK": {"S": partition}, "SK": {"S": "PROBE"}}


def _never() -> dict[str, Any]:
    """A condition that never holds: whoever may write is told so, and nothing is written."""
    return {"ConditionExpression": "attribute_exists(#never)", "ExpressionAttributeNames": {"#never": "never"}}


def _table(dev: Deployment, resource: str) -> dict[str, Any]:
    _, table, *index = resource.split("/")
    name = {"TableName": dev.status["tables"][table]}
    return name | ({"IndexName": index[1]} if index else {})


def _cases(role: str) -> list[Case]:
    found = [
        case for case in CASES if case.role == role and case.action in DATA_CALLS and "/stream" not in case.resource
    ]
    # Without a key there is no such call, and an index has no items of its own.
    return [
        case
        for case in found
        if (case.leading_key or case.action in ("dynamodb:Scan", "dynamodb:BatchGetItem", "dynamodb:DeleteTable"))
        and ("/index/" not in case.resource or case.action == "dynamodb:Query")
    ]


def _allowed(call: Callable[[], Any]) -> bool:
    try:
        call()
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in ("AccessDeniedException", "AccessDenied"):
            return False
        assert code == "ConditionalCheckFailedException", error
    return True


@pytest.mark.parametrize("role", ROLE_NAMES)
def test_tables(dev: Deployment, role: str) -> None:
    database = dev.client("dynamodb", role=role)
    cases = _cases(role)
    assert any(not case.allowed for case in cases)
    wrong = [str(case) for case in cases if _allowed(lambda case=case: _call(database, dev, case)) is not case.allowed]
    assert not wrong, "\n".join(wrong)


def _call(database: Any, dev: Deployment, case: Case) -> Any:
    return DATA_CALLS[case.action](database, _table(dev, case.resource), case.leading_key or "")


@pytest.mark.parametrize("role", ROLE_NAMES)
def test_archive(dev: Deployment, role: str) -> None:
    """Only audit reads and writes the archive, in its two prefixes, and nobody deletes from it."""
    s3 = dev.client("s3", role=role)
    bucket = dev.status["buckets"]["audit-archive"]
    is_audit = role == "audit"
    for prefix, allowed in (("archive/org-1/", is_audit), ("exports/org-1/", is_audit), ("other/", False)):
        key = f"{prefix}probe-{role}"
        assert _allowed(lambda key=key: s3.put_object(Bucket=bucket, Key=key, Body=b"probe")) is allowed, key
        assert not _allowed(lambda key=key: s3.delete_object(Bucket=bucket, Key=key)), key


@pytest.mark.parametrize("role", ROLE_NAMES)
def test_a_transaction_is_judged_by_its_parts(dev: Deployment, role: str) -> None:
    """TransactWriteItems is no action of its own: a transaction that touches a stranger's partition is refused."""
    database = dev.client("dynamodb", role=role)
    table = dev.status["tables"]["permissions"]
    partitions = {"permission": "ROLE#ORG#org-1", "role": "PERMISSION_SET#ORG#org-1"}
    put = {"Put": {"TableName": table, "Item": _key(partitions.get(role, "ROLE#ORG#org-1"))}}
    assert not _allowed(lambda: database.transact_write_items(TransactItems=[put]))
