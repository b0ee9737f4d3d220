"""DynamoDB: a query of a large partition reads what it asks for.

| AWS | MiniStack | test |
|---|---|---|
| (nothing that can be seen) a query reads a range of sort keys | it reads all of the partition | `test_partitions.py` |

MiniStack looks at each item of a partition for each query. Here the sort keys of a partition that is asked for ranges
are kept in order, and MiniStack's query sees the range alone; it checks and answers as ever.
"""

from bisect import bisect_left, bisect_right, insort
from collections import OrderedDict
from contextvars import ContextVar
from functools import lru_cache
from threading import Lock
from typing import Any

from ministack.core.responses import AccountRegionScopedDict
from ministack.services import dynamodb

from bbws_access.local_aws.shims.dynamodb_conditions import Clause, clauses

# Smaller partitions are read whole.
LEAST = 64
# Of how many partitions the order is kept, of those that were asked for last.
_MOST = 256

_Bucket = dict[str, dict[str, Any]]
# Name and record of the table that the query at hand sees.
_seen: ContextVar[tuple[str, dict[str, Any]] | None] = ContextVar("seen", default=None)
# By its identity each partition, and its sort keys in order.
_ordered: OrderedDict[int, tuple[_Bucket, list[str]]] = OrderedDict()
# Requests are served one after another, but a thread of MiniStack's removes what expired.
_changing = Lock()


class _Tables(AccountRegionScopedDict):
    """The tables; a query sees a part of its own."""

    __slots__ = ()

    def get(self, key: Any, default: Any = None) -> Any:
        seen = _seen.get()
        return seen[1] if seen is not None and seen[0] == key else super().get(key, default)


def install() -> None:
    """Let queries see the range that they ask for."""
    tables = _Tables()
    tables._data = dynamodb._tables._data
    dynamodb._tables = tables
    put, remove, replaced, query = dynamodb._set_item, dynamodb._remove_item, dynamodb._items_replaced, dynamodb._query

    def put_item(table: dict[str, Any], partition: Any, sort: Any, item: Any) -> Any:
        with _changing:
            bucket = table["items"].get(partition)
            if bucket is not None and sort not in bucket and (keys := _kept(bucket)) is not None:
                insort(keys, sort)
            return put(table, partition, sort, item)

    def remove_item(table: dict[str, Any], partition: Any, sort: Any) -> Any:
        with _changing:
            bucket = table["items"].get(partition)
            if bucket is not None and sort in bucket and (keys := _kept(bucket)) is not None:
                del keys[bisect_left(keys, sort)]
            return remove(table, partition, sort)

    def replace_items(table: dict[str, Any]) -> None:
        _ordered.clear()
        replaced(table)

    def query_range(data: dict[str, Any]) -> Any:
        part = narrowed(data)
        if part is None:
            return query(data)
        token = _seen.set((data["TableName"], part))
        try:
            return query(data)
        finally:
            _seen.reset(token)

    dynamodb._set_item, dynamodb._remove_item, dynamodb._items_replaced = put_item, remove_item, replace_items
    dynamodb._query = query_range


def narrowed(data: dict[str, Any]) -> dict[str, Any] | None:
    """The record of a table with the range alone that a query asks for, None where it asks for none that is known."""
    name, expression = data.get("TableName"), data.get("KeyConditionExpression")
    if data.get("IndexName") or not isinstance(name, str) or not isinstance(expression, str):
        return None
    table = dynamodb._tables.get(name)
    both = _of_keys(expression)
    names, values = data.get("ExpressionAttributeNames") or {}, data.get("ExpressionAttributeValues") or {}
    if not table or both is None or not isinstance(names, dict) or not isinstance(values, dict):
        return None
    found = {names.get(one.attribute, one.attribute) if one.is_name else one.attribute: one for one in both}
    partition, sort = found.get(table["pk_name"]), found.get(table["sk_name"])
    if partition is None or sort is None or partition.operator != "=":
        return None
    if dynamodb._get_attr_type(table, table["sk_name"]) != "S":
        return None
    texts = [_text(values.get(one)) for one in (*partition.values, *sort.values)]
    with _changing:
        bucket = table["items"].get(texts[0])
        if None in texts or bucket is None or len(bucket) < LEAST:
            return None
        keys = _in_order(bucket)
        low, high = _range(keys, sort.operator, texts[1:])
        return {**table, "items": {texts[0]: {key: bucket[key] for key in keys[low:high]}}}


@lru_cache(maxsize=1024)
def _of_keys(expression: str) -> tuple[Clause, Clause] | None:
    found = clauses(dynamodb._tokenize(expression))
    return (found[0], found[1]) if len(found) == 2 else None


def _text(value: Any) -> Any:
    return value.get("S") if isinstance(value, dict) and isinstance(value.get("S"), str) else None


def _range(keys: list[str], operator: str, texts: list[str]) -> tuple[int, int]:
    """Where all keys stand that may compare so. Of an operator that is not known, all."""
    first = texts[0]
    if operator == "begins_with":
        return bisect_left(keys, first), bisect_right(keys, first, key=lambda key: key[: len(first)])
    if operator == "BETWEEN":
        return bisect_left(keys, first), bisect_right(keys, texts[1])
    low = bisect_left(keys, first) if operator in ("=", ">", ">=") else 0
    high = bisect_right(keys, first) if operator in ("=", "<", "<=") else len(keys)
    return low, high


def _in_order(bucket: _Bucket) -> list[str]:
    keys = _kept(bucket)
    if keys is None or len(keys) != len(bucket):
        keys = sorted(bucket)
        _ordered[id(bucket)] = bucket, keys
        while len(_ordered) > _MOST:
            _ordered.popitem(last=False)
    else:
        _ordered.move_to_end(id(bucket))
    return keys


def _kept(bucket: _Bucket) -> list[str] | None:
    known = _ordered.get(id(bucket))
    return known[1] if known is not None and known[0] is bucket else None
