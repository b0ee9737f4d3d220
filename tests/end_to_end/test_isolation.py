"""Two organisations, every route of the contract, every id of the other one: nothing leaks and nothing changes.

The requests are made from the contract, so a new route is tried without being named here; a new id in a path has to be
given to tests/support/inhabitants.py, or these tests fail.
"""

from __future__ import annotations

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
    return Inhabitants.settle(dev, "first.example"), Inhabitants.settle(dev, "second.example")


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
        names = [segment[1:-1] for segment in operation.segments if segment.startswith("{")]
        if "orgId" not in names:
            continue
        mine, theirs = own.body(operation), other.body(operation)
        path = own.path(operation)
        yield operation, "their organisation", other.path(operation), theirs
        yield operation, "their organisation", own.path(operation, orgId=other.organisation_id), mine
        for name in names:
            if name != "orgId":
                what = "shared" if name in SHARED else "their id"
                yield operation, what, own.path(operation, **{name: other.ids[name]}), mine
        for field in mine or {}:
            if field in other.ids or field == "permissionSets":
                what = "shared" if field in SHARED else "their id"
                yield operation, what, path, {**mine, field: theirs[field]}
        for parameter in operation.parameters:
            if parameter.location == "query" and parameter.name in other.ids:
                yield operation, "shared", f"{path}?{parameter.name}={other.ids[parameter.name]}", mine


def _records_of(dev: Deployment, company: Inhabitants) -> dict[str, list[str]]:
    """Every record of every table that names the organisation."""
    client = dev.client("dynamodb")
    found: dict[str, list[str]] = {}
    for table in dev.status["tables"].values():
        pages = client.get_paginator("scan").paginate(TableName=table)
        items = [json.dumps(item, sort_keys=True) for page in pages for item in page["Items"]]
        found[table] = sorted(item for item in items if company.organisation_id in item)
    return found
