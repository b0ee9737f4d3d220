"""Two organisations, every route of the contract, every id of the other one: nothing leaks and nothing changes.

The requests are made from the contract, so a new route is tried without being named here; a new id in a path has to be
given to tests/support/inhabitants.py, or these tests fail.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.inhabitants import Inhabitants, check_isolated, records_of, requests_between

if TYPE_CHECKING:
    from tests.support.deployment import Deployment

pytestmark = pytest.mark.xdist_group("dev")


@pytest.fixture(scope="module")
def companies(dev: Deployment) -> tuple[Inhabitants, Inhabitants]:
    return Inhabitants.settle(dev, "first.example"), Inhabitants.settle(dev, "second.example")


@pytest.mark.parametrize("direction", ["there", "back"])
def test_no_route_leads_into_another_organisation(
    dev: Deployment, companies: tuple[Inhabitants, Inhabitants], direction: str, record_property: Any
) -> None:
    own, other = companies if direction == "there" else reversed(companies)
    client, tables = dev.client("dynamodb"), dev.status["tables"].values()
    before = records_of(client, tables, other)
    assert any(before.values()), "there is something to protect"
    statuses: Counter[int] = Counter()
    for operation, whose, path, body in requests_between(own, other):
        answer = dev.request(operation.method, path, own.token, body)
        check_isolated(other, whose, answer, f"{operation.method} {path} {body}: {answer.status} {answer.body}")
        statuses[answer.status] += 1
    assert records_of(client, tables, other) == before
    record_property("requests", dict(statuses))
    print(f"isolation, {direction}: {statuses.total()} requests, {dict(sorted(statuses.items()))}")
