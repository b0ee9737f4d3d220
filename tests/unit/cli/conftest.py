"""Where the tool works in these tests: the test's tables and user pool, and functions that get what it tells."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import boto3
import pytest

from bbws_access.cli import advice, events, people
from bbws_access.kernel.contract import load_events
from bbws_access.role.handler import service as role_service
from bbws_access.team.handler import service as team_service
from tests.support.invitations import new_email
from tests.support.services import Instance, World
from tests.support.tables import REGION
from tests.support.teams import Organisation


class Place:
    """Where the tool works: the test's tables and user pool, and functions that get what it tells."""

    def __init__(self, tables: dict[str, str], pool: str, functions: list[Instance]) -> None:
        self.environment = SimpleNamespace(name="test", region=REGION)
        self.outputs_ = {"table_names": tables, "user_pool_id": pool, "log_group_names": {"role": "r", "team": "t"}}
        self.functions, self.told = functions, []

    def client(self, service: str, region: str | None = None) -> object:
        return boto3.client(service)

    def outputs(self) -> dict:
        return self.outputs_

    def advice(self, command: str, *arguments: str) -> str:
        return advice.about(command, self.environment.name, arguments)

    def tell(self, kind: str, detail: dict) -> None:
        self.told.append(detail)
        source = load_events()["events"][kind]["source"]
        event = {
            "id": str(uuid.uuid4()),
            "source": source,
            "detail-type": kind,
            "detail": json.loads(json.dumps(detail)),
        }
        for function in self.functions:
            function.invoke(event)

    def account(self, *, enabled: bool = True) -> tuple[str, str]:
        """A new account: its address and user id."""
        email = new_email()
        attributes = [{"Name": "email", "Value": email}, {"Name": "email_verified", "Value": "true"}]
        cognito, pool = boto3.client("cognito-idp"), self.outputs_["user_pool_id"]
        made = cognito.admin_create_user(
            UserPoolId=pool, Username=email, UserAttributes=attributes, MessageAction="SUPPRESS"
        )
        if not enabled:
            cognito.admin_disable_user(UserPoolId=pool, Username=email)
        return email, next(item["Value"] for item in made["User"]["Attributes"] if item["Name"] == "sub")

    def delete(self, email: str) -> None:
        boto3.client("cognito-idp").admin_delete_user(UserPoolId=self.outputs_["user_pool_id"], Username=email)

    def deactivate(self, person: str, organisation: str | None = None) -> dict:
        return people.deactivate_user(self, self.outputs_, person, organisation)


@pytest.fixture
def functions(start_instance: Callable[..., Instance]) -> list[Instance]:
    return [start_instance(service, "permissions", "teams") for service in (team_service, role_service)]


@pytest.fixture
def place(
    seeded_tables: dict[str, str], user_pool: str, functions: list[Instance], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    place = Place(seeded_tables, user_pool, functions)
    monkeypatch.setattr(events, "tell", lambda target, *more: target.tell(*more[-2:]))
    monkeypatch.setattr(
        events, "tell_each", lambda target, _, kind, details: [target.tell(kind, detail) for detail in details]
    )
    return place


@pytest.fixture
def organisation(functions: list[Instance], world: World, seeded_tables: dict[str, str]) -> Organisation:
    return Organisation(functions[0], world, seeded_tables)
