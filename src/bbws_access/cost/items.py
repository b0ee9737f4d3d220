"""How DynamoDB counts: bytes of an item, units of a read and of a write."""

from __future__ import annotations

import math

READ_BLOCK = 4096
WRITE_BLOCK = 1024


def item_bytes(item: dict) -> int:
    """Bytes of an item as DynamoDB stores it, in its own notation (`{"PK": {"S": "..."}}`): names and values."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(value: dict) -> int:
    [(kind, content)] = value.items()
    if kind == "S":
        return len(content.encode())
    if kind == "N":
        # About one byte for two significant digits, and one more.
        return math.ceil(len(content.lstrip("-").replace(".", "").strip("0") or "0") / 2) + 1
    if kind in ("BOOL", "NULL"):
        return 1
    if kind == "L":
        return 3 + sum(1 + _value_bytes(one) for one in content)
    if kind == "M":
        return 3 + sum(1 + len(name.encode()) + _value_bytes(one) for name, one in content.items())
    if kind == "SS":
        return sum(len(one.encode()) for one in content)
    if kind == "B":
        return len(content) * 3 // 4 if isinstance(content, str) else len(content)
    raise ValueError(f"An attribute of type {kind} is not reckoned with")


def read_units(size: int, *, consistent: bool) -> float:
    """Units of a read of so many bytes; reading nothing costs as much as reading one block."""
    blocks = max(1, math.ceil(size / READ_BLOCK))
    return float(blocks) if consistent else blocks / 2


def write_units(table: dict, before: dict | None, after: dict | None, times: int = 1) -> float:
    """Units of a write that made the item `after` of the item `before`, None where there is none.

    table: as the data model has it
    times: 2 in a transaction. An index is written after it, so its entries cost once.
    """
    size = max(item_bytes(before or {}), item_bytes(after or {}))
    units = times * max(1, math.ceil(size / WRITE_BLOCK))
    return float(units + sum(_entry_units(index, before, after) for index in table["indexes"].values()))


def entry(index: dict, item: dict | None) -> dict | None:
    """What an index keeps of an item; None where it keeps nothing."""
    keys = (index["partitionKey"], index["sortKey"])
    if item is None or not all(name in item for name in keys):
        return None
    if index["projection"] == "ALL":
        return item
    kept = {*keys, "PK", "SK", *index.get("attributes", ())}
    return {name: value for name, value in item.items() if name in kept}


def _entry_units(index: dict, before: dict | None, after: dict | None) -> int:
    old, new = entry(index, before), entry(index, after)
    if old == new:
        return 0
    keys = (index["partitionKey"], index["sortKey"])
    if old and new and any(old[name] != new[name] for name in keys):
        # The entry moves: it is removed where it was, and written where it is now.
        return _blocks(old) + _blocks(new)
    return max(_blocks(one) for one in (old, new) if one)


def _blocks(item: dict) -> int:
    return max(1, math.ceil(item_bytes(item) / WRITE_BLOCK))
