"""Read units of DynamoDB, by its published rules: what the local AWS does not count, and AWS sends a bill for.

A consistent read costs one for each 4 KB begun, and at least one; another one half of it. Single items count one by
one, those of a query together, before a filter and a projection.
"""

from __future__ import annotations

from collections.abc import Iterable

from bbws_access.kernel.dynamodb import Database

_UNIT = 4096  # bytes


def units_of(database: Database, calls: Iterable[object]) -> float:
    """What these calls cost to read, by what the tables hold now. Writes count nothing here."""
    return sum(_units(database, call) for call in calls)


def _units(database: Database, call: object) -> float:
    kind = type(call).__name__
    if kind == "Query":
        whole = call._replace(projection=None, filter=None, select=None, names=None, values=None)
        [page] = database._run([whole])
        return _rounded(sum(map(size_of, page.items)), consistent=call.consistent and call.index is None)
    if kind == "Get":
        [item] = database._run([call._replace(projection=None, names=None)])
        return _rounded(size_of(item or {}), consistent=call.consistent)
    if kind == "_Together":
        return units_of(database, call.parts)
    if kind == "BatchGet":
        [items] = database._run([call._replace(projection=None, names=None)])
        return sum(_rounded(size_of(item or {}), consistent=True) for item in items)
    return 0


def _rounded(size: int, *, consistent: bool) -> float:
    units = max(1, -(-size // _UNIT))
    return units if consistent else units / 2


def size_of(value: object) -> int:
    """Bytes of an item or of a value in it, as DynamoDB counts them."""
    if isinstance(value, bool) or value is None:
        return 1
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, (int, float)):
        return len(str(value)) // 2 + 2
    if isinstance(value, dict):
        return sum(len(name.encode()) + size_of(one) for name, one in value.items())
    return 3 + sum(1 + size_of(one) for one in value)
