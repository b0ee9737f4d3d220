"""The API of another service behind the same authorizer, as docs/another-api.md says: gateway, policy, second lock."""

from __future__ import annotations

import contextlib
import io
import json
import re
import secrets
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bbws_access.kernel.ids import new_id
from tests.support.deployment import ANOTHER_API, ROOT, SITES_API, claims

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.deployment import Answer, Deployment

    Call = Callable[..., Answer]

pytestmark = pytest.mark.xdist_group("dev")

DOCUMENT = json.loads((Path(ANOTHER_API["BBWS_ACCESS_APIS"]) / "sites.json").read_text())
STAGE = "live"
STRANGER_API = "stranger12"
# Each route in an organisation asks again for what it needs, and answers what the gateway said of the caller.
FUNCTION = """
NEEDS = {needs}


def handler(event, context):
    permission, capability = NEEDS[event["httpMethod"] + " " + event["resource"]]
    held = "orgId" not in event["pathParameters"] or still_holds(event, permission, capability)
    context = event["requestContext"]["authorizer"]
    return {{"statusCode": 200 if held else 403, "body": json.dumps({{"secondLock": held, "caller": context}})}}
"""


@pytest.fixture(scope="module")
def sites(dev: Deployment) -> Iterator[Call]:
    """Calls the sites API, which is made on the local AWS as its own team would make it."""
    name = f"sites-{secrets.token_hex(4)}"
    _rest_api(dev, SITES_API, _function(dev, name))
    yield lambda *arguments, **named: dev.request(*arguments, **named, api=(SITES_API, STAGE))
    for api_id in (SITES_API, STRANGER_API):
        dev.client("apigateway").delete_rest_api(restApiId=api_id)
    dev.client("lambda").delete_function(FunctionName=name)
    dev.client("iam").delete_role(RoleName=name)
    with contextlib.suppress(dev.client("logs").exceptions.ResourceNotFoundException):
        dev.client("logs").delete_log_group(logGroupName=f"/aws/lambda/{name}")


def _function(dev: Deployment, name: str) -> str:
    """The function behind the API: the second lock as the documentation has it, and a handler that uses it."""
    text = (ROOT / "docs" / "another-api.md").read_text()
    [second_lock] = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    needs = {
        f"{method.upper()} {path}": tuple(
            next((rule[kind] for rule in operation["x-bbws-access"] if isinstance(rule, dict) and kind in rule), None)
            for kind in ("permission", "capability")
        )
        for path, item in DOCUMENT["paths"].items()
        for method, operation in item.items()
        if method != "parameters"
    }
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as package:
        package.writestr("sites.py", second_lock + FUNCTION.format(needs=needs))
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = dev.client("iam").create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )["Role"]["Arn"]
    client = dev.client("lambda")
    arn = client.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role=role,
        Handler="sites.handler",
        Code={"ZipFile": archive.getvalue()},
        Timeout=10,
        Environment={"Variables": {"ACCESS_API_URL": dev.status["api_url"], "SSL_CERT_FILE": dev.status["ca_bundle"]}},
    )["FunctionArn"]
    client.add_permission(
        FunctionName=name,
        StatementId="gateway",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=f"arn:aws:execute-api:{dev.status['region']}:000000000000:{SITES_API}/*/*",
    )
    return arn


def _rest_api(dev: Deployment, api_id: str, function: str) -> None:
    region = dev.status["region"]
    authorizer = {
        "type": "token",
        "authorizerUri": dev.status["authorizer_uri"],
        "identityValidationExpression": r"^[Bb][Ee][Aa][Rr][Ee][Rr] +[0-9A-Za-z_-]+\.[0-9A-Za-z_-]+\.[0-9A-Za-z_-]*$",
        "authorizerResultTtlInSeconds": 300,
    }
    scheme = {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "x-amazon-apigateway-authtype": "custom",
        "x-amazon-apigateway-authorizer": authorizer,
    }
    integration = {
        "type": "aws_proxy",
        "httpMethod": "POST",
        "uri": f"arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions/{function}/invocations",
    }
    methods = {"security": [{"access": []}], "x-amazon-apigateway-integration": integration}
    body: dict[str, Any] = {
        **DOCUMENT,
        "paths": {
            path: {method: {**operation, **methods} for method, operation in item.items() if method != "parameters"}
            for path, item in DOCUMENT["paths"].items()
        },
        "components": {**DOCUMENT["components"], "securitySchemes": {"access": scheme}},
    }
    client = dev.client("apigateway")
    with contextlib.suppress(client.exceptions.NotFoundException):
        client.delete_rest_api(restApiId=api_id)  # of an earlier run, in a deployment that was kept
    client.create_rest_api(name=api_id, tags={"ms-custom-id": api_id})  # ids are AWS's to choose, elsewhere
    client.put_rest_api(restApiId=api_id, mode="overwrite", body=json.dumps(body).encode())
    client.create_deployment(restApiId=api_id, stageName=STAGE)


@pytest.fixture(scope="module")
def editor(dev: Deployment, organisation: str) -> str:
    """Token of somebody who may read sites in the whole organisation and create none."""
    dev.user("sites.reader@demo.example", organisation, "ORG_MANAGER")
    return dev.token("sites.reader@demo.example")


def test_who_holds_the_permission_is_let_in(sites: Call, admin: str, organisation: str) -> None:
    answer = sites("GET", f"/organisations/{organisation}/sites", admin)
    assert (answer.status, answer.body["secondLock"]) == (200, True), answer.body
    caller = answer.body["caller"]
    assert caller["userId"] == caller["principalId"] == claims(admin)["sub"]
    assert (caller["orgId"], caller["email"]) == (organisation, claims(admin)["email"])
    assert "site:*" in caller["permissions"].split(",")
    assert sites("POST", f"/organisations/{organisation}/sites", admin, {}).status == 200


def test_without_the_permission_the_gateway_refuses(sites: Call, editor: str, organisation: str) -> None:
    answer = sites("POST", f"/organisations/{organisation}/sites", editor, {})
    assert (answer.status, "secondLock" in answer.body) == (403, False)


def test_another_organisations_sites_stay_shut(
    sites: Call, dev: Deployment, admin: str, organisation: str, other_organisation: str
) -> None:
    theirs = dev.token("admin@another.example")
    for token, path in ((admin, other_organisation), (theirs, organisation)):
        answer = sites("GET", f"/organisations/{path}/sites", token)
        assert (answer.status, "secondLock" in answer.body) == (403, False)
    assert sites("GET", f"/organisations/{other_organisation}/sites", theirs).status == 200


def test_without_a_good_token_nobody_is_let_in(sites: Call, admin: str, organisation: str) -> None:
    path = f"/organisations/{organisation}/sites"
    assert sites("GET", path).status == 401
    assert sites("GET", path, admin[:-4] + "AAAA").status == 401


def test_no_spelling_of_a_path_walks_past_what_is_refused(sites: Call, admin: str) -> None:
    site = "/catalogue/site-1"
    assert sites("GET", site, admin).status == 200
    for written in (
        "secrets",
        "secrets/",
        "secrets//",
        "/secrets",
        "./secrets",
        "x/../secrets",
        "SECRETS",
        "secrets;a=b",
    ):
        answer = sites("GET", f"{site}/{written}", admin)
        assert (answer.status, "secondLock" in answer.body) == (403, False), written
    for written in (f"{site}%2Fsecrets", f"{site}/%73ecrets", f"{site}/secrets%2F", f"{site}/secrets%20", f"{site}/"):
        answer = sites("GET", written, admin)
        assert (answer.status, "secondLock" in answer.body) == (403, False), written


def test_a_role_in_a_team_counts_through_the_teams_path(
    sites: Call, dev: Deployment, organisation: str, admin: str
) -> None:
    """Read and update sites of one team; taken away, the second lock is shut while the gateway's policy still opens."""
    made = dev.request("POST", f"/organisations/{organisation}/teams", admin, {"name": f"Sites {new_id('team')}"})
    assert made.status == 201, made.body
    team, other_team = made.body["teamId"], new_id("team")
    dev.user("sites.editor@demo.example", organisation, "ORG_MANAGER")
    user = claims(dev.token("sites.editor@demo.example"))["sub"]
    roles = dev.request("GET", f"/organisations/{organisation}/roles?name=SITE_EDITOR", admin).body["items"]
    [role] = [one["roleId"] for one in roles if one["name"] == "SITE_EDITOR"]
    given = f"/organisations/{organisation}/users/{user}/roles"
    assert dev.request("POST", given, admin, {"roleId": role, "teamId": team}).status == 201
    token = dev.token("sites.editor@demo.example")
    site = f"/organisations/{organisation}/teams/{team}/sites/site-1"
    assert sites("PUT", site, token, {}).body["secondLock"] is True
    for method, path in (
        ("PUT", site.replace(team, other_team)),
        ("GET", f"/organisations/{organisation}/teams/{other_team}/sites"),
        ("GET", f"/organisations/{organisation}/sites"),
        ("DELETE", f"/organisations/{organisation}/sites/site-1"),
    ):
        answer = sites(method, path, token)
        assert (answer.status, "secondLock" in answer.body) == (403, False), (method, path)
    assert dev.request("DELETE", f"{given}/{role}?teamId={team}", admin).status == 204
    answer = sites("PUT", site, token, {})
    assert (answer.status, answer.body["secondLock"]) == (403, False)


def test_an_api_that_nobody_named_is_refused(sites: Call, dev: Deployment, admin: str, organisation: str) -> None:
    _rest_api(dev, STRANGER_API, "arn:aws:lambda:eu-west-1:000000000000:function:sites")
    answer = dev.request("GET", f"/organisations/{organisation}/sites", admin, api=(STRANGER_API, STAGE))
    assert (answer.status, "secondLock" in answer.body) == (500, False)
