"""Every route of the contract, every id of another organisation, straight to the services: the second lock alone.

On the way through the gateway the first lock answers most of these requests (tests/end_to_end/test_isolation.py).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator

import boto3
import pytest

from bbws_access.invitation.handler import service as invitation
from bbws_access.kernel.contract import Operation, load_contract
from bbws_access.kernel.settings import Settings
from bbws_access.local_aws import LocalAws
from bbws_access.permission.handler import service as permission
from bbws_access.role.handler import service as role
from bbws_access.team.handler import service as team
from tests.support.inhabitants import THEIR_ORGANISATION, Inhabitants, check_isolated, records_of, requests_between
from tests.support.services import Answer, Instance, World

Send = Callable[[Operation, str, str, dict | None], Answer]


@pytest.fixture
def send(local_aws: LocalAws, invitation_settings: Settings, start_instance: Callable[..., Instance]) -> Iterator[Send]:
    """Sends a user's request to the service that has the operation."""
    instances = {
        "permission": start_instance(permission, "permissions"),
        "role": start_instance(role, "permissions", "teams"),
        "team": start_instance(team, "permissions", "teams"),
        "invitation": Instance(invitation, invitation_settings, local_aws.endpoint),
    }

    def request(operation: Operation, user: str, path: str, body: dict | None) -> Answer:
        service = instances[operation.service]
        return service.call(operation.method, path, user, body, email="admin@acme.example")

    yield request
    instances["invitation"].close()


@pytest.fixture
def companies(send: Send, world: World) -> tuple[Inhabitants, Inhabitants]:
    def settle() -> Inhabitants:
        org_id = world.organisation()
        admin = world.member(org_id)
        company = Inhabitants(org_id, admin, f"m{secrets.token_hex(6)}")
        company.furnish(
            world.member(org_id, "ORG_MANAGER"), lambda operation, path, body: send(operation, admin, path, body)
        )
        return company

    return settle(), settle()


def test_no_service_leads_into_another_organisation(
    send: Send, companies: tuple[Inhabitants, Inhabitants], seeded_tables: dict[str, str]
) -> None:
    client = boto3.client("dynamodb")
    own, other = companies
    before = records_of(client, seeded_tables.values(), other)
    assert any(before.values()), "there is something to protect"
    refused = set()
    for operation, whose, path, body in requests_between(own, other):
        answer = send(operation, own.token, path, body)
        check_isolated(other, whose, answer, f"{operation.method} {path} {body}: {answer.status} {answer.body}")
        if whose == THEIR_ORGANISATION:
            refused.add(operation.operation_id)
    assert refused == {one.operation_id for one in load_contract().operations.values() if "{orgId}" in one.path}
    assert records_of(client, seeded_tables.values(), other) == before
