"""CPU that one organisation can cost somebody in a decision about another one.

    python -m benchmarks.strangers

An organisation at all of its limits assigns as many roles as it may to a person who has an ordinary role elsewhere.
What is measured is what the authorizer does with the database's answers: parsing, rules, policy. Goal: 40 ms.
"""

from __future__ import annotations

import json
import statistics
import time
import uuid
from datetime import UTC, datetime

from bbws_access.access.reader import _ASSIGNED, _Definitions, _Held
from bbws_access.authorizer.policy import RouteMap
from bbws_access.kernel.contract import load_contract, load_permissions
from bbws_access.kernel.dynamodb import decode_item, encode_item
from bbws_access.kernel.ids import new_id
from bbws_access.kernel.records import LARGEST_DEFINITIONS
from bbws_access.permission.rules import MOST_SETS
from bbws_access.role.rules import MOST_ASSIGNMENTS, MOST_ROLES

GOAL_MS = 40.0
_PREFIX = "arn:aws:execute-api:eu-west-1:000000000000:abcdefghij/v1/"
_STAMP = "2026-01-01T00:00:00.000Z"


def main(arguments: list[str] | None = None) -> int:
    user = str(uuid.uuid4())
    home, away = _organisation(user, 5, 0, 1), _organisation(user, MOST_ROLES, MOST_SETS, MOST_ASSIGNMENTS)
    alone, both = _cpu_ms(user, [home]), _cpu_ms(user, [home, away])
    read = sum(map(len, away[1:]))
    print(
        f"One decision without the organisation {alone:.2f} ms, with it {both:.2f} ms; it answers with {read:,} bytes"
    )
    print(f"Goal ({GOAL_MS} ms): {'met' if both < GOAL_MS else 'MISSED'}")
    return 0 if both < GOAL_MS else 1


def _organisation(user: str, roles: int, sets: int, assigned: int) -> tuple[str, bytes, bytes, bytes]:
    """Its id, and what the database answers of the user's roles there, of their sets and of the user's assignments."""
    org_id = new_id("organisation")
    held = [{"setId": new_id("permission-set"), "permissions": _names(sets), "active": True} for _ in range(sets)]
    carried = [one["setId"] for one in held[:2]]
    made = [
        {
            "roleId": new_id("role"),
            "name": f"R{n}",
            "scope": "ORGANISATION",
            "permissions": _names(roles, less=sum(map(len, carried))),
            "permissionSets": carried,
            "active": True,
        }
        for n in range(roles)
    ]
    columns = {"organisationId": org_id, "scope": "ORGANISATION", "assignedAt": _STAMP, "assignedBy": user}
    given = [{**columns, "roleId": one["roleId"], "active": True} for one in made[:assigned]]
    assert all(set(one) <= set(_ASSIGNED) for one in given)
    read = made[:assigned], held[:2], given
    return org_id, *(json.dumps({"Items": [encode_item(one) for one in kind]}).encode() for kind in read)


def _names(shared_by: int, less: int = 0) -> list[str]:
    """As many permissions as each of so many definitions may have at most."""
    found, room = [], LARGEST_DEFINITIONS // max(shared_by, 1) - less - 4
    for permission in sorted(load_permissions(), key=lambda one: len(one["name"])):
        room -= len(permission["name"])
        if room < 0 or len(found) == 50:
            break
        found.append(permission["name"])
    return found


def _cpu_ms(user: str, organisations: list[tuple[str, bytes, bytes, bytes]]) -> float:
    routes = RouteMap(load_contract().operations.values())
    now, times = datetime.now(UTC), []
    for _ in range(15):
        started = time.process_time()
        definitions, assigned = _Definitions(), []
        for org_id, *answers in organisations:
            roles, sets, given = ([decode_item(item) for item in json.loads(text)["Items"]] for text in answers)
            definitions.add("OrganisationRole", org_id, roles, whole=True)
            definitions.add("PermissionSet", org_id, sets, whole=True)
            assigned += given
        access = _Held(user, [None, assigned, [], []], now).access(definitions)
        routes.compile(access, _PREFIX)
        times.append((time.process_time() - started) * 1000)
    return statistics.median(times)
