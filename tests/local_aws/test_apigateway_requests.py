"""Requests to an API: shims `apigateway_requests`, `apigateway_deployments` and `velocity`.

The shims' own tables say what MiniStack alone does; when a test passes without its shim, that shim can go.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.local_aws.conftest import ACCOUNT, REGION, Answer, Aws, function_uri
from tests.local_aws.test_apigateway_import import document, put

SERVICE = """
import json, time
def handler(event, context):
    query = event.get("queryStringParameters") or {}
    kind = query.get("kind")
    if kind == "raise":
        raise ValueError("a secret text")
    if kind == "text":
        return "no proxy answer"
    if kind == "shape":
        return {"statusCode": 200, "body": {"not": "a text"}}
    if kind == "slow":
        time.sleep(3)
    return {"statusCode": 200, "headers": {"X-Own": "1"}, "body": json.dumps({
        "requestId": event["requestContext"]["requestId"], "authorizer": event["requestContext"].get("authorizer")})}
"""

AUTHORIZER = """
import time
def handler(event, context):
    word = event["authorizationToken"].removeprefix("Bearer ").split("-")[0]
    if word in ("Unauthorized", "unauthorized"):
        raise Exception(word)
    if word == "fault":
        raise RuntimeError("the table does not answer")
    api = event["methodArn"].split("/")[0]
    statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": [api + "/v1/GET/pets/*"]}
    if word == "deny":
        statement |= {"Effect": "Deny"}
    if word == "nothing":
        statement |= {"Resource": [api + "/v1/GET/other"]}
    if word == "action":
        statement |= {"Action": "execute-api:ManageConnections"}
    answer = {"principalId": "ann", "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
              "context": {"orgId": "org-1", "made": str(time.time())}}
    if word == "nested":
        answer["context"]["roles"] = ["a"]
    return answer
"""

ERRORS = {
    kind: {
        **({} if kind.startswith("DEFAULT") else {"statusCode": status}),
        "responseParameters": {"gatewayresponse.header.Cache-Control": "'no-store'"},
        "responseTemplates": {
            "application/json": f'{{"error": {{"code": "{kind}", "details": $context.error.messageString, '
            '"requestId": "$context.requestId", "method": "$context.httpMethod"}}'
        },
    }
    for kind, status in {
        "UNAUTHORIZED": "401",
        "ACCESS_DENIED": "403",
        "MISSING_AUTHENTICATION_TOKEN": "404",
        "BAD_REQUEST_BODY": "400",
        "BAD_REQUEST_PARAMETERS": "400",
        "AUTHORIZER_FAILURE": "500",
        "AUTHORIZER_CONFIGURATION_ERROR": "500",
        "API_CONFIGURATION_ERROR": "500",
        "INTEGRATION_TIMEOUT": "504",
        "REQUEST_TOO_LARGE": "413",
        "THROTTLED": "429",
        "DEFAULT_4XX": "",
        "DEFAULT_5XX": "",
    }.items()
}
LOGGED = (
    "requestId",
    "status",
    "httpMethod",
    "resourcePath",
    "path",
    "stage",
    "apiId",
    "responseLength",
    "responseLatency",
    "authorizer.principalId",
    "authorizer.orgId",
    "authorizer.error",
    "authorizer.status",
    "integration.error",
    "integration.status",
    "error.responseType",
    "error.message",
    "error.validationErrorString",
    "identity.userAgent",
)


@dataclass
class Api:
    aws: Aws
    id: str
    service: str
    authorizer: str
    log_group: str

    def get(self, path: str = "/pets/1", token: str | None = "good", **query: str) -> Answer:
        text = "&".join(f"{name}={value}" for name, value in query.items())
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return self.aws.call(self.id, path + ("?" + text if text else ""), headers=headers)

    def last_log(self) -> dict[str, str]:
        logs = self.aws.client("logs")
        events = logs.filter_log_events(logGroupName=self.log_group)["events"]
        return json.loads(events[-1]["message"])

    def deploy(self, change: Callable[[dict[str, Any]], Any] = lambda body: None) -> None:
        body = api_document(self.service, self.authorizer)
        change(body)
        put(self.aws, self.id, body)
        deployment = self.aws.client("apigateway").create_deployment(restApiId=self.id)["id"]
        operation = {"op": "replace", "path": "/deploymentId", "value": deployment}
        self.aws.client("apigateway").update_stage(restApiId=self.id, stageName="v1", patchOperations=[operation])


def api_document(service: str, authorizer: str) -> dict[str, Any]:
    body = document(function_uri(service))
    body["components"]["securitySchemes"]["token"]["x-amazon-apigateway-authorizer"]["authorizerUri"] = function_uri(
        authorizer
    )
    body["paths"]["/pets/{petId}"]["get"]["security"] = [{"token": []}]
    integration = body["paths"]["/pets"]["post"]["x-amazon-apigateway-integration"]
    body["paths"]["/pets/{petId}"]["get"]["x-amazon-apigateway-integration"] = integration | {"timeoutInMillis": 1500}
    body["paths"]["/open"] = {
        "post": body["paths"]["/pets"]["post"] | {"security": []},
        "get": body["paths"]["/pets/{petId}"]["get"] | {"security": [], "parameters": []},
    }
    body["x-amazon-apigateway-gateway-responses"] = ERRORS
    return body


@pytest.fixture(scope="module")
def api(aws: Aws) -> Iterator[Api]:
    name = f"pets-{time.time_ns()}"
    service, authorizer = aws.function(f"{name}-service", SERVICE), aws.function(f"{name}-authorizer", AUTHORIZER)
    gateway = aws.client("apigateway")
    api_id = gateway.create_rest_api(name=name)["id"]
    for function in (service, authorizer):
        aws.client("lambda").add_permission(
            FunctionName=function,
            StatementId="gateway",
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
            SourceArn=f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api_id}/*",
        )
    put(aws, api_id, api_document(service, authorizer))
    deployment = gateway.create_deployment(restApiId=api_id)["id"]
    gateway.create_stage(restApiId=api_id, stageName="v1", deploymentId=deployment)
    group = f"/aws/apigateway/{name}"
    aws.client("logs").create_log_group(logGroupName=group)
    line = json.dumps({field: f"$context.{field}" for field in LOGGED})
    operations = [
        {
            "op": "replace",
            "path": "/accessLogSettings/destinationArn",
            "value": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}",
        },
        {"op": "replace", "path": "/accessLogSettings/format", "value": line},
    ]
    gateway.update_stage(restApiId=api_id, stageName="v1", patchOperations=operations)
    yield Api(aws, api_id, service, authorizer, group)
    gateway.delete_rest_api(restApiId=api_id)


def test_one_request_id(api: Api) -> None:
    answer = api.get()
    assert answer.status == 200
    assert answer.body["requestId"] == answer.headers["x-amzn-requestid"]
    assert api.last_log()["requestId"] == answer.headers["x-amzn-requestid"]


def test_access_log_of_an_answered_request(api: Api) -> None:
    api.get()
    line = api.last_log()
    assert line["status"] == "200"
    assert (line["httpMethod"], line["resourcePath"], line["path"]) == ("GET", "/pets/{petId}", "/v1/pets/1")
    assert (line["authorizer.principalId"], line["authorizer.orgId"]) == ("ann", "org-1")
    assert line["integration.status"] == "200"
    assert line["integration.error"] == "-"
    assert int(line["responseLatency"]) >= 0
    assert int(line["responseLength"]) > 0


def test_no_token_is_unauthorized(api: Api) -> None:
    answer = api.get(token=None)
    assert answer.status == 401
    assert answer.headers["cache-control"] == "no-store"
    assert answer.body["error"] == {
        "code": "UNAUTHORIZED",
        "details": "Unauthorized",
        "requestId": answer.headers["x-amzn-requestid"],
        "method": "GET",
    }
    assert api.last_log()["error.responseType"] == "UNAUTHORIZED"


@pytest.mark.parametrize(
    ("token", "status", "code", "logged"),
    [
        ("Unauthorized", 401, "UNAUTHORIZED", "Unauthorized"),
        ("unauthorized", 500, "AUTHORIZER_FAILURE", "Internal server error"),
        ("fault", 500, "AUTHORIZER_FAILURE", "Internal server error"),
        ("nested", 500, "AUTHORIZER_CONFIGURATION_ERROR", "-"),
        ("deny", 403, "ACCESS_DENIED", "-"),
        ("nothing", 403, "ACCESS_DENIED", "-"),
        ("action", 403, "ACCESS_DENIED", "-"),
    ],
)
def test_authorizer_answers(api: Api, token: str, status: int, code: str, logged: str) -> None:
    answer = api.get(token=token)
    assert (answer.status, answer.body["error"]["code"]) == (status, code)
    line = api.last_log()
    assert line["authorizer.error"] == logged
    assert line["status"] == str(status)


def test_authorizer_answer_is_cached_and_faults_are_not(api: Api) -> None:
    first, second = (api.get(token="good-cached").body["authorizer"]["made"] for _ in range(2))
    assert first == second
    api.get(token="fault-cached")
    # The cached answer would carry no latency of the authorizer; a fault is asked again.
    assert api.get(token="fault-cached").status == 500
    assert api.last_log()["authorizer.status"] == "500"


def test_unknown_route(api: Api) -> None:
    assert api.get("/nowhere", token=None).body["error"]["code"] == "MISSING_AUTHENTICATION_TOKEN"
    assert api.get("/nowhere").status in (403, 404)


def test_request_validation(api: Api) -> None:
    headers = {"Content-Type": "application/json"}
    missing = api.aws.call(api.id, "/open", "POST", headers, '{"name": "Rex"}')
    assert (missing.status, missing.body["error"]["code"]) == (400, "BAD_REQUEST_PARAMETERS")
    assert "trace" in missing.body["error"]["details"]
    for body in ('{"name": "R"}', '{"name": "Rex", "other": 1}', '{"name": "Rex", "tag": "c"}', "{", "[]"):
        wrong = api.aws.call(api.id, "/open?trace=1", "POST", headers, body)
        assert (wrong.status, wrong.body["error"]["code"]) == (400, "BAD_REQUEST_BODY"), body
    api.aws.call(api.id, "/open?trace=1", "POST", headers, "{}")
    assert "name" in api.last_log()["error.validationErrorString"]
    assert api.aws.call(api.id, "/open?trace=1", "POST", headers, '{"name": "Rex", "tag": "a"}').status == 200


@pytest.mark.parametrize(
    ("kind", "logged"), [("raise", "function error"), ("text", "Malformed"), ("shape", "Malformed")]
)
def test_a_faulty_function_is_a_502(api: Api, kind: str, logged: str) -> None:
    answer = api.get("/open", kind=kind)
    assert (answer.status, answer.body["error"]["code"]) == (502, "DEFAULT_5XX")
    assert "secret" not in answer.text
    assert logged in api.last_log()["integration.error"]


def test_integration_timeout(api: Api) -> None:
    answer = api.get("/open", kind="slow")
    assert (answer.status, answer.body["error"]["code"]) == (504, "INTEGRATION_TIMEOUT")


def test_too_large_request(api: Api) -> None:
    answer = api.aws.call(api.id, "/open?trace=1", "POST", body=b"x" * (10 * 1024 * 1024 + 1))
    assert (answer.status, answer.body["error"]["code"]) == (413, "REQUEST_TOO_LARGE")


def test_a_page_is_served_beside_the_api(api: Api) -> None:
    api.aws.emulator.show(api.id, "guide", "<h1>Pets</h1>")
    answer = api.aws.call(api.id, "/guide")
    assert (answer.status, answer.text) == (200, "<h1>Pets</h1>")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    for path in ("/guides", "/guide/more", "/../guide", "/Guide"):
        assert api.aws.call(api.id, path).status != 200


def test_preflight_of_one_origin(api: Api) -> None:
    answer = api.aws.call(api.id, "/pets", "OPTIONS", {"Origin": "https://example.org"})
    assert (answer.status, answer.text) == (204, "")
    assert answer.headers["access-control-allow-origin"] == "https://example.org"


def test_preflight_picks_the_origin_by_template(api: Api) -> None:
    template = """#set($origin = $input.params("origin"))
        #if($origin == "")#set($origin = $input.params("Origin"))#end
        #set($allowed = ["https://a.example","https://b.example"])
        #if($allowed.contains($origin))#set($context.responseOverride.header.Access-Control-Allow-Origin = $origin)#end
    """

    def change(body: dict[str, Any]) -> None:
        default = body["paths"]["/pets"]["options"]["x-amazon-apigateway-integration"]["responses"]["default"]
        default["responseTemplates"] = {"application/json": template}
        del default["responseParameters"]

    api.deploy(change)
    try:
        for origin in ("https://a.example", "https://b.example"):
            answer = api.aws.call(api.id, "/pets", "OPTIONS", {"Origin": origin})
            assert (answer.status, answer.headers["access-control-allow-origin"]) == (204, origin)
        other = api.aws.call(api.id, "/pets", "OPTIONS", {"Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in other.headers
    finally:
        api.deploy()


def test_a_stage_serves_its_deployment(api: Api) -> None:
    body = api_document(api.service, api.authorizer)
    del body["paths"]["/open"]
    put(api.aws, api.id, body)
    assert api.get("/open").status == 200
    api.deploy(lambda changed: changed["paths"].pop("/open"))
    assert api.get("/open", token=None).status == 404
    api.deploy()
    assert api.get("/open").status == 200


def test_a_function_needs_its_permission(api: Api) -> None:
    functions = api.aws.client("lambda")
    permission = {
        "FunctionName": api.service,
        "Action": "lambda:InvokeFunction",
        "Principal": "apigateway.amazonaws.com",
    }
    functions.remove_permission(FunctionName=api.service, StatementId="gateway")
    try:
        answer = api.get("/open")
        assert (answer.status, answer.body["error"]["code"]) == (500, "API_CONFIGURATION_ERROR")
        assert "permission" in api.last_log()["integration.error"]
        other = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api.id}/v1/POST/open"
        functions.add_permission(**permission, StatementId="other", SourceArn=other)
        assert api.get("/open").status == 500
        exact = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api.id}/v1/GET/open"
        functions.add_permission(**permission, StatementId="exact", SourceArn=exact)
        assert api.get("/open").status == 200
    finally:
        everything = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api.id}/*"
        functions.add_permission(**permission, StatementId="gateway", SourceArn=everything)


def test_an_authorizer_needs_permission_or_credentials(api: Api, unique: Callable[[str], str]) -> None:
    aws = api.aws
    function = aws.function(unique("authorizer"), AUTHORIZER)
    allowed = [{"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": function}]
    may = aws.role(unique("may"), allowed, "apigateway.amazonaws.com")
    may_not = aws.role(unique("may-not"), [], "apigateway.amazonaws.com")
    untrusted = aws.role(unique("untrusted"), allowed)

    def with_credentials(arn: str | None) -> Callable[[dict[str, Any]], None]:
        def change(body: dict[str, Any]) -> None:
            extension = body["components"]["securitySchemes"]["token"]["x-amazon-apigateway-authorizer"]
            extension["authorizerUri"] = function_uri(function)
            if arn:
                extension["authorizerCredentials"] = arn

        return change

    try:
        expected = {None: 500, may_not: 500, untrusted: 500, may: 200}
        for number, (credentials, status) in enumerate(expected.items()):
            api.deploy(with_credentials(credentials))
            assert api.get(token=f"good-{number}").status == status, credentials
    finally:
        api.deploy()


def test_metrics_of_the_api(api: Api) -> None:
    api.get()
    api.get(token=None)
    name = api.aws.client("apigateway").get_rest_api(restApiId=api.id)["name"]
    now = time.time()
    for metric in ("Count", "4XXError", "5XXError", "Latency"):
        [point] = api.aws.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/ApiGateway",
            MetricName=metric,
            Dimensions=[{"Name": "ApiName", "Value": name}, {"Name": "Stage", "Value": "v1"}],
            StartTime=now - 3600,
            EndTime=now + 3600,
            Period=86400,
            Statistics=["Sum", "SampleCount"],
        )["Datapoints"]
        assert point["SampleCount"] >= 2
        if metric == "4XXError":
            assert 1 <= point["Sum"] < point["SampleCount"]
