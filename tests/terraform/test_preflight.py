"""What a browser may send to an API of another service that the api-gateway module makes: served by the local AWS."""

from __future__ import annotations

import json
import ssl
import urllib.request
from collections.abc import Callable
from email.message import Message

import boto3
import pytest

from bbws_access.local_aws import LocalAws
from tests.support.tables import REGION
from tests.support.terraform import Workspace, write_example

# One plan for both.
pytestmark = pytest.mark.xdist_group("preflight")

PORTAL = "https://portal.example.com"
ROLE = "arn:aws:iam::000000000000:role/authorizer-invocation"
FUNCTIONS = (
    f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/arn:aws:lambda:{REGION}:000000000000:function"
)
DOCUMENT = {
    "openapi": "3.0.3",
    "info": {"title": "Notes", "version": "1.0.0"},
    "paths": {
        "/notes": {
            "get": {
                "operationId": "listNotes",
                "x-bbws-service": "notes",
                "security": [{"token": []}],
                "parameters": [{"$ref": "#/components/parameters/Tenant"}],
                "responses": {"200": {"description": "Notes"}},
            }
        },
        "/notes/{noteId}": {
            "parameters": [{"name": "noteId", "in": "path", "required": True, "schema": {"type": "string"}}],
            "put": {
                "operationId": "updateNote",
                "x-bbws-service": "notes",
                "security": [{"token": []}],
                "parameters": [{"name": "If-Match", "in": "header", "required": True, "schema": {"type": "string"}}],
                "responses": {"200": {"description": "The note"}},
            },
        },
    },
    "components": {
        "parameters": {"Tenant": {"name": "X-Tenant", "in": "header", "required": True, "schema": {"type": "string"}}}
    },
}
CONFIGURATION = f"""
module "api" {{
  source           = "../../modules/api-gateway"
  project_name     = "notes"
  env_name         = "test"
  account_id       = "000000000000"
  check_account    = false
  openapi_document = jsonencode({json.dumps(DOCUMENT)})
  services         = {{ notes = "{FUNCTIONS}:notes:live/invocations" }}
  authorizer = {{
    name                           = "notes-authorizer"
    uri                            = "{FUNCTIONS}:authorizer:live/invocations"
    credentials_arn                = "{ROLE}"
    identity_source                = "method.request.header.X-Access-Token"
    identity_validation_expression = "^[0-9A-Za-z._-]+$"
  }}
  access_log_group_arn = "arn:aws:logs:{REGION}:000000000000:log-group:/notes/test/api-access:*"
  cors = {{
    allowed_origins = ["{PORTAL}"]
    allowed_headers = ["X-Feature"]
    exposed_headers = ["X-Request-Id"]
  }}
  throttle = {{ rate_limit = 100, burst_limit = 50 }}
}}

output "body" {{
  value = module.api.body
}}
"""

Preflight = Callable[..., "tuple[int, Message]"]


@pytest.fixture(scope="module")
def body(workspace: Workspace) -> str:
    folder = workspace.initialised(write_example(workspace, CONFIGURATION, "preflight"))
    workspace.terraform(folder, "plan", "-input=false", "-lock=false", "-out=api.tfplan")
    plan = json.loads(workspace.terraform(folder, "show", "-json", "api.tfplan"))
    return plan["planned_values"]["outputs"]["body"]["value"]


@pytest.fixture
def send(body: str, local_aws: LocalAws) -> Preflight:
    client = boto3.client("apigateway")
    api_id = client.create_rest_api(name="notes")["id"]
    client.put_rest_api(restApiId=api_id, mode="overwrite", failOnWarnings=True, body=body.encode())
    client.create_deployment(restApiId=api_id, stageName="live")
    handlers = [urllib.request.ProxyHandler({})]
    if local_aws.endpoint.startswith("https"):
        context = ssl.create_default_context(cafile=str(local_aws.ca_bundle))
        handlers.append(urllib.request.HTTPSHandler(context=context))
    opener = urllib.request.build_opener(*handlers)

    def call(method: str, path: str, **headers: str) -> tuple[int, Message]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(local_aws.api_url(api_id, "live") + path, method=method, headers=named)
        try:
            with opener.open(request, timeout=20) as answer:
                return answer.status, answer.headers
        except urllib.error.HTTPError as error:
            return error.code, error.headers

    return call


def lets_through(send: Preflight, method: str, path: str, *headers: str, origin: str = PORTAL) -> bool:
    """Whether a browser sends a request of a page, as the Fetch standard decides it by the preflight's answer."""
    status, answer = send(
        "OPTIONS",
        path,
        Origin=origin,
        Access_Control_Request_Method=method,
        Access_Control_Request_Headers=",".join(sorted(name.lower() for name in headers)),
    )
    listed = {name.strip().lower() for name in answer.get("Access-Control-Allow-Headers", "").split(",")}
    methods = {name.strip() for name in answer.get("Access-Control-Allow-Methods", "").split(",")}
    return (
        200 <= status < 300
        and answer.get("Access-Control-Allow-Origin") == origin
        and method in methods
        and {name.lower() for name in headers} <= listed
    )


def test_a_page_may_send_what_the_api_asks_for_and_nothing_else(send: Preflight) -> None:
    assert lets_through(send, "GET", "/notes", "X-Access-Token", "X-Tenant", "Content-Type", "X-Feature")
    assert lets_through(send, "PUT", "/notes/note-1", "x-access-token", "if-match", "content-type")
    for method, path, header in (
        ("GET", "/notes", "Authorization"),  # not where this API takes its token from
        ("GET", "/notes", "If-Match"),  # of another path
        ("PUT", "/notes/note-1", "X-Tenant"),
        ("GET", "/notes", "X-Forwarded-For"),
        ("GET", "/notes", "*"),
    ):
        assert not lets_through(send, method, path, header), (method, path, header)
    assert not lets_through(send, "DELETE", "/notes/note-1", "If-Match")
    assert not lets_through(send, "GET", "/notes", "X-Tenant", origin="https://evil.example")


def test_a_page_may_read_why_it_was_refused(send: Preflight) -> None:
    status, answer = send("GET", "/notes", Origin=PORTAL, X_Tenant="one")
    assert status == 401
    assert answer["Access-Control-Allow-Origin"] == PORTAL
    assert set(answer["Access-Control-Expose-Headers"].split(",")) == {"WWW-Authenticate", "X-Request-Id"}
