"""Two organisations, every route of the contract, every id of the other one: nothing leaks and nothing changes.

The requests are made from the contract, so a new route is tried without being named here; a new id in a path has to be
given to tests/support/inhabitants.py, or these tests fail.
"""

from __future__ import annotations

import copy
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from bbws_access.kernel.contract import load_contract
from tests.support.inhabitants import Inhabitants

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bbws_access.kernel.contract import Operation
    from tests.support.deployment import Deployment

pytestmark = pytest.mark.xdist_group("dev")

# People belong to no organisation: anybody may be named, and what they are elsewhere is not shown.
SHARED = frozenset(("orgId", "userId", "permissionId", "token"))


@pytest.fixture(scope="module")
def companies(dev: Deployment) -> tuple[Inhabitants, Inhabitants]:
    return Inhabitants.settle(dev, "First company", "first.example"), Inhabitants.settle(
        dev, "Second company", "second.example"
    )


@pytest.mark.parametrize("direction", ["there", "back"])
def test_no_route_leads_into_another_organisation(
    dev: Deployment, companies: tuple[Inhabitants, Inhabitants], direction: str, record_property: Any
) -> None:
    own, other = companies if direction == "there" else reversed(companies)
    before = _records_of(dev, other)
    assert before, "there is something to protect"
    statuses: Counter[int] = Counter()
    for operation, what, path, body in _requests(own, other):
        answer = dev.request(operation.method, path, own.token, body)
        told = f"{operation.method} {path} {body}: {answer.status} {answer.body}"
        assert other.mark not in json.dumps(answer.body), told
        if what == "their organisation":
            assert (answer.status, answer.code) == (403, "FORBIDDEN"), told
        elif what == "their id":
            assert answer.status in (400, 403, 404, 409), told
        else:
            assert answer.status < 500, told
        statuses[answer.status] += 1
    assert _records_of(dev, other) == before
    record_property("requests", dict(statuses))
    print(f"isolation, {direction}: {statuses.total()} requests, {dict(sorted(statuses.items()))}")


def _requests(own: Inhabitants, other: Inhabitants) -> Iterator[tuple[Operation, str, str, dict | None]]:
    """Each operation with ids of the other organisation in each place that takes one: in path, body and query."""
    for operation in load_contract().operations.values():
        if operation.access in ("public", "signed-in"):
            continue
        names = [segment[1:-1] for segment in operation.segments if segment.startswith("{")]
        mine, theirs = _body(operation, own.ids), _body(operation, other.ids)
        if "orgId" in names:
            yield operation, "their organisation", _path(operation, other.ids), theirs
            yield operation, "their organisation", _path(operation, {**own.ids, "orgId": other.ids["orgId"]}), mine
        for name in names:
            what = "shared" if name in SHARED else "their id"
            if name != "orgId":
                yield operation, what, _path(operation, {**own.ids, name: other.ids[name]}), mine
        for field in sorted((mine or {}).keys() & (theirs or {}).keys()):
            if mine[field] != theirs[field]:
                what = "shared" if field in SHARED else "their id"
                yield operation, what, _path(operation, own.ids), {**mine, field: theirs[field]}
        for parameter in operation.parameters:
            if parameter.location == "query" and parameter.name in other.ids:
                query = f"?{parameter.name}={other.ids[parameter.name]}"
                yield operation, "shared", _path(operation, own.ids) + query, mine


def _path(operation: Operation, ids: dict[str, str]) -> str:
    path = operation.path
    for segment in operation.segments:
        if segment.startswith("{"):
            assert segment[1:-1] in ids, f"tests/support/inhabitants.py has no {segment[1:-1]} for {operation}"
            path = path.replace(segment, ids[segment[1:-1]])
    return path


def _body(operation: Operation, ids: dict[str, str]) -> dict | None:
    """A body that the operation takes, with these ids wherever it takes one."""
    if operation.body_schema is None:
        return None
    body = copy.deepcopy(operation.body_example) or {}
    for name in operation.body_schema.get("properties", {}):
        if name in ids:
            body[name] = ids[name]
        elif name == "permissionSets":
            body[name] = [ids["setId"]]
    return body


def _records_of(dev: Deployment, company: Inhabitants) -> dict[str, list[str]]:
    """Every record of every table that names the organisation."""
    client = dev.client("dynamodb")
    found: dict[str, list[str]] = {}
    for table in dev.status["tables"].values():
        pages = client.get_paginator("scan").paginate(TableName=table)
        items = [json.dumps(item, sort_keys=True) for page in pages for item in page["Items"]]
        found[table] = sorted(item for item in items if company.organisation_id in item)
    return found
