"""What each role can and cannot do, tried for real: the local AWS judges every call by the deployed policies.

Leading keys are judged there by one of our shims (docs/local-aws.md); the same cases are judged by a simulation of
IAM in tests/unit/iam, which stands on no shim.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
import pytest

from tests.support.role_calls import can_be_tried, copied_role, is_let_in
from tests.support.role_cases import CASES, ROLE_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.deployment import Deployment

pytestmark = pytest.mark.xdist_group("prod")


@pytest.fixture
def administrator(prod: Deployment) -> Iterator[boto3.Session]:
    """The engineer's session; every session of the process talks to the local AWS meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in prod.shell.items():
            if name.startswith("AWS_"):
                patch.setenv(name, value)
        yield boto3.Session("test", "test", region_name=prod.status["region"])


@pytest.mark.parametrize("role", ROLE_NAMES)
def test_a_role_may_what_it_must_and_nothing_else(prod: Deployment, administrator: boto3.Session, role: str) -> None:
    cases = [case for case in CASES if case.role == role and can_be_tried(case)]
    assert {case.allowed for case in cases} == {True, False}, "both what must be and what must not be is tried"
    with copied_role(administrator, prod.names.role_name(role)) as session:
        wrong = [str(case) for case in cases if is_let_in(session, case, prod.names) is not case.allowed]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("role", ROLE_NAMES)
def test_a_transaction_is_judged_by_its_parts(prod: Deployment, administrator: boto3.Session, role: str) -> None:
    """TransactWriteItems is no action of its own: a transaction that touches a stranger's partition is refused."""
    strangers = "PERMISSION_SET#ORG#org-1" if role == "role" else "ROLE#ORG#org-1"
    item = {"PK": {"S": strangers}, "SK": {"S": "NOBODY"}}
    put = {"Put": {"TableName": prod.status["tables"]["permissions"], "Item": item}}
    with copied_role(administrator, prod.names.role_name(role)) as session:
        database = session.client("dynamodb")
        with pytest.raises(database.exceptions.ClientError, match="AccessDenied"):
            database.transact_write_items(TransactItems=[put])
