"""The platform's reference data in the tables: permissions, platform roles and platform permission sets.

The contract has them; the tables get a copy, so that lists, audit columns and the audit trail show them as they show
everything else. What a permission or a platform role means is decided from the contract alone.
"""

from __future__ import annotations

from collections import Counter

from bbws_access.access.grants import PLATFORM
from bbws_access.kernel.contract import load_permissions, load_roles
from bbws_access.kernel.dynamodb import Database, Put, Query
from bbws_access.kernel.keys import key, partition
from bbws_access.kernel.records import Change, Stale, commit, until_fresh

_KINDS = {"Permission": "permissionId", "PlatformRole": "roleId", "PlatformPermissionSet": "setId"}
_ACTIONS_IN_A_TRANSACTION = 100
_COLUMNS = ("dateCreated", "dateLastUpdated", "createdBy", "lastUpdatedBy", "requestId", "version")


def seed_reference_data(database: Database, table: str, actor: str) -> dict[str, dict[str, int]]:
    """Bring the table up to date with the contract; doing it again changes nothing.

    table: the real name of the table `permissions`      actor: who does it, for the records
    What the contract has no more is made inactive.
    Returns, for each of Permission, PlatformRole and PlatformPermissionSet, how many records were
    {"created", "updated", "unchanged", "deactivated"}. Raises DatabaseError.
    """
    change = Change.outside_a_request(actor)
    reads = [Query(table, partition(kind)) for kind in _KINDS]

    def read() -> list[list[dict]]:
        return [database.rest_of(*both) for both in zip(reads, database.parallel(reads), strict=True)]

    def write(stored: list[list[dict]]) -> dict[str, dict[str, int]]:
        puts, report = [], {}
        for (kind, id_name), records in zip(_KINDS.items(), stored, strict=True):
            found, counts = _differences(table, kind, id_name, records, change)
            puts += found
            report[kind] = {name: counts[name] for name in ("created", "updated", "unchanged", "deactivated")}
        for start in range(0, len(puts), _ACTIONS_IN_A_TRANSACTION):
            commit(database, [(put, Stale()) for put in puts[start : start + _ACTIONS_IN_A_TRANSACTION]])
        return report

    return until_fresh(read(), read, write)


def _differences(
    table: str, kind: str, id_name: str, records: list[dict], change: Change
) -> tuple[list[Put], Counter[str]]:
    puts, counts = [], Counter()
    stored = {record[id_name]: record for record in records}
    for wanted in _wanted(kind):
        old = stored.pop(wanted[id_name], None)
        if old is None:
            counts["created"] += 1
            item = {**key(kind, **{id_name: wanted[id_name]}), **wanted, **change.first()}
            puts.append(Put(table, item, "attribute_not_exists(PK)"))
        elif {name: value for name, value in old.items() if name not in (*_COLUMNS, "PK", "SK")} == wanted:
            counts["unchanged"] += 1
        else:
            counts["updated"] += 1
            kept = {name: old[name] for name in ("PK", "SK", *_COLUMNS) if name in old}
            puts.append(_next(table, old, {**kept, **wanted}, change))
    for old in stored.values():
        if old["active"]:
            counts["deactivated"] += 1
            puts.append(_next(table, old, {**old, "active": False}, change))
    return puts, counts


def _next(table: str, old: dict, new: dict, change: Change) -> Put:
    item = {**new, **change.next(old)}
    return Put(table, item, "#version = :version", {"#version": "version"}, {":version": old["version"]})


def _wanted(kind: str) -> list[dict]:
    common = {"entityType": kind, "isSystem": True, "active": True}
    if kind == "Permission":
        return [{**permission, **common} for permission in load_permissions()]
    entries = load_roles()["platformRoles" if kind == "PlatformRole" else "platformPermissionSets"]
    return [{**entry, "scope": PLATFORM, **common} for entry in entries]
