"""What a query of a large partition sees: shim `dynamodb_partitions`."""

from __future__ import annotations

import json
import threading
from bisect import bisect_left
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ministack.services import dynamodb

from bbws_access.local_aws.shims import dynamodb_partitions as shim
from bbws_access.local_aws.shims.dynamodb_conditions import Clause

if TYPE_CHECKING:
    from collections.abc import Iterator

REPLACED = ("_tables", "_set_item", "_remove_item", "_items_replaced", "_query")
TABLE = "partitions"
SORTS = ("a", "ab", "a#1", "a#2", "a\U0010ffff", "b", "b#", "ä", "")
CONDITIONS = [
    "#p = :p", "#p = :p AND #s = :a", "#p = :p AND begins_with(#s, :a)", "#p = :p AND #s BETWEEN :a AND :b",
    "begins_with(#s, :a) AND #p = :p", "#s < :a AND #p = :p", "PK = :p AND SK <= :a", "#p = :p AND SK > :a",
    "#p = :p AND #s >= :a", "#p = :p AND #p = :a", "#p < :p AND #s = :a", "#p = :p AND #s <> :a",
    "#p = :p AND #s = :a AND #s = :b", "#p = :p AND other = :a",
]  # fmt: skip
sorts = st.sampled_from(SORTS) | st.text("ab#\U0010ffff", max_size=3)


@pytest.fixture(scope="module", autouse=True)
def plain() -> Iterator[Any]:
    """MiniStack's own query beside the shim's."""
    before = {name: getattr(dynamodb, name) for name in REPLACED}
    query = dynamodb._query
    shim.install()
    yield query
    for name, one in before.items():
        setattr(dynamodb, name, one)
    dynamodb._tables.pop(TABLE, None)


@pytest.fixture(autouse=True)
def table(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(shim, "LEAST", 1)
    return made()


def made() -> dict[str, Any]:
    dynamodb._tables.pop(TABLE, None)
    status, _, body = dynamodb._create_table({
        "TableName": TABLE, "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in ("PK", "SK")],
        "KeySchema": [{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
    })  # fmt: skip
    assert status == 200, body
    return dynamodb._tables[TABLE]


def put(table: dict[str, Any], sort: str, partition: str = "p") -> None:
    dynamodb._set_item(table, partition, sort, {"PK": {"S": partition}, "SK": {"S": sort}, "n": {"S": sort}})


@given(
    st.lists(st.tuples(st.booleans(), sorts, st.sampled_from("pq")), max_size=40),
    st.sampled_from(CONDITIONS), sorts, sorts, st.booleans(), st.none() | st.integers(1, 3), st.booleans(),
)  # fmt: skip
def test_answers_are_those_of_the_whole_partition(
    plain: Any, changes: list[tuple[bool, str, str]], condition: str, low: str, high: str, forward: bool,
    limit: int | None, filtered: bool,
) -> None:  # fmt: skip
    table = made()
    names = {name: attribute for name, attribute in (("#p", "PK"), ("#s", "SK")) if name in condition}
    values = {name: {"S": text} for name, text in ((":p", "p"), (":a", low), (":b", high)) if name in condition}
    data: dict[str, Any] = {
        "TableName": TABLE, "KeyConditionExpression": condition, "ScanIndexForward": forward,
        "ExpressionAttributeValues": values, **({"ExpressionAttributeNames": names} if names else {}),
        **({"Limit": limit} if limit else {}),
    }  # fmt: skip
    if filtered:
        data |= {"FilterExpression": "n <> :n"}
        values[":n"] = {"S": "ab"}
    for adds, sort, partition in changes:
        if adds:
            put(table, sort, partition)
        else:
            dynamodb._remove_item(table, partition, sort)
        page: dict[str, Any] = dict(data)
        for _ in range(4):
            answer, expected = dynamodb._query(dict(page)), plain(dict(page))
            assert answer == expected
            start = json.loads(answer[2]).get("LastEvaluatedKey")
            if start is None:
                break
            page["ExclusiveStartKey"] = start


def test_a_range_is_all_that_is_seen(table: dict[str, Any]) -> None:
    for number in range(1000):
        put(table, f"role#{number:04}")
    data = {
        "TableName": TABLE,
        "KeyConditionExpression": "PK = :p AND begins_with(SK, :s)",
        "ExpressionAttributeValues": {":p": {"S": "p"}, ":s": {"S": "role#001"}},
    }
    part = shim.narrowed(data)
    assert part is not None
    assert list(part["items"]["p"]) == [f"role#{number:04}" for number in range(10, 20)]
    assert len(table["items"]["p"]) == 1000


def test_order_follows_changes(table: dict[str, Any]) -> None:
    """Also those that nobody told of, where a partition is another one or has another size."""
    for number in range(100):
        put(table, str(number))
    bucket = table["items"]["p"]
    assert shim._in_order(bucket) == sorted(bucket)
    put(table, "5")
    put(table, "new")
    dynamodb._remove_item(table, "p", "7")
    dynamodb._remove_item(table, "p", "7")
    assert shim._kept(bucket) == sorted(bucket)
    bucket["behind the back"] = {}
    assert shim._in_order(bucket) == sorted(bucket)
    table["items"] = {"p": {key: {} for key in "zyx"}}
    dynamodb._items_replaced(table)
    assert shim._kept(bucket) is None
    assert shim._in_order(table["items"]["p"]) == ["x", "y", "z"]


@pytest.mark.parametrize("first", ["put", "remove"])
@pytest.mark.parametrize("second", ["put", "remove"])
def test_who_changes_a_partition_from_another_thread_waits(
    table: dict[str, Any], monkeypatch: pytest.MonkeyPatch, first: str, second: str
) -> None:
    """As MiniStack's thread does that removes what expired, every minute."""
    for number in range(10, 20):
        put(table, str(number))
    bucket = table["items"]["p"]
    shim._in_order(bucket)
    steps = {"put": put, "remove": lambda table, sort: dynamodb._remove_item(table, "p", sort)}
    other = threading.Thread(target=steps[second], args=(table, "01" if second == "put" else "11"))
    began: list[bool] = []

    def interrupted(keys: list[str], sort: str) -> int:
        found = bisect_left(keys, sort)
        if not began:
            began.append(True)
            other.start()
            other.join(0.2)
        return found

    if first == "put":
        monkeypatch.setattr(shim, "insort", lambda keys, sort: keys.insert(interrupted(keys, sort), sort))
    else:
        monkeypatch.setattr(shim, "bisect_left", interrupted)
    steps[first](table, "155" if first == "put" else "15")
    other.join()
    assert shim._kept(bucket) == sorted(bucket)


def test_only_so_many_orders_are_kept(table: dict[str, Any]) -> None:
    buckets = [{str(number): {}} for number in range(shim._MOST + 3)]
    for bucket in buckets:
        shim._in_order(bucket)
    assert len(shim._ordered) == shim._MOST
    assert shim._kept(buckets[0]) is None
    assert shim._kept(buckets[-1]) is not None


def test_of_an_unknown_comparison_nothing_is_left_out() -> None:
    keys = ["a", "b", "c"]
    assert shim._range(keys, "<>", ["b"]) == (0, 3)
    assert isinstance(shim._of_keys("PK = :p AND SK <> :s"), tuple)
    assert shim._of_keys("PK = :p") is None
    assert Clause("PK", False, "=", (":p",)) in (shim._of_keys("PK = :p AND SK = :s") or ())
