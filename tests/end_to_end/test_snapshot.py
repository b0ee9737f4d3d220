"""A fresh folder that takes over a deployment: like any other from then on, with nothing of the first one's people."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.deployment import Deployment

pytestmark = pytest.mark.xdist_group("dev")


def _admin(deployment: Deployment) -> str:
    return deployment.token(deployment.status["admin_email"])


def test_it_is_the_same_deployment_at_another_address(dev: Deployment, copy: Deployment) -> None:
    for name in ("region", "user_pool_id", "client_id", "tables", "buckets", "functions", "organisation_id"):
        assert copy.status[name] == dev.status[name]
    assert copy.status["endpoint"] != dev.status["endpoint"]
    assert copy.status["api_url"] == dev.status["api_url"].replace(dev.status["endpoint"], copy.status["endpoint"])
    queues = copy.client("sqs").list_queues()["QueueUrls"]
    assert {url.rpartition("/000000000000/")[0] for url in queues} == {copy.status["endpoint"]}


def test_no_token_of_the_one_opens_the_other(dev: Deployment, copy: Deployment, admin: str, organisation: str) -> None:
    roles = f"/organisations/{organisation}/roles"
    assert copy.request("GET", roles, admin).status == 401
    assert dev.request("GET", roles, _admin(copy)).status == 401
    assert copy.request("GET", roles, _admin(copy)).status == 200


def test_it_has_nobody_but_its_own(dev: Deployment, copy: Deployment, other_organisation: str) -> None:
    assert len(dev.client("cognito-idp").list_users(UserPoolId=dev.status["user_pool_id"])["Users"]) > 1
    (user,) = copy.client("cognito-idp").list_users(UserPoolId=copy.status["user_pool_id"])["Users"]
    assert {"Name": "email", "Value": "admin@demo.example"} in user["Attributes"]
    items = copy.client("dynamodb").scan(TableName=copy.status["tables"]["permissions"])["Items"]
    assert other_organisation not in json.dumps(items)


def test_events_and_mails_arrive(copy: Deployment) -> None:
    """Over bus, queues and event source mappings, whose consumers were deployed at another address."""
    made = json.loads(copy.tool("org", "create", "A copy's company", "--json").stdout)["organisationId"]
    copy.user("boss@copy.example", made, "ORG_ADMIN")
    boss = copy.token("boss@copy.example")
    (role,) = copy.request("GET", f"/organisations/{made}/roles?name=ORG_MANAGER", boss).body["items"]
    invited = {"email": "new@copy.example", "roleId": role["roleId"]}
    assert copy.request("POST", f"/organisations/{made}/invitations", boss, invited).status == 201
    assert "#token=" in copy.letter("new@copy.example").text


def test_terraform_finds_it_as_it_left_the_first(copy: Deployment) -> None:
    """Where nothing is adrift, an apply has nothing to change either."""
    assert json.loads(copy.tool("drift", "dev", "--local", "--json", named=False).stdout) == []


def test_it_goes_down_and_comes_up_as_any_other(copy: Deployment) -> None:
    before = copy.status
    copy.tool("down")
    said = copy.up()
    assert "Apply" not in said, said
    assert copy.status == before
    assert copy.request("GET", f"/organisations/{before['organisation_id']}/roles", _admin(copy)).status == 200
