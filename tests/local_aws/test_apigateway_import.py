"""An API as one OpenAPI document: shims `apigateway_import` and `openapi`.

MiniStack answers PutRestApi with 404 and lets ImportRestApi make an empty API. When these tests pass without the
shims, the shims can go.
"""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local_aws.conftest import ACCOUNT, REGION, Aws, function_uri

FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:service"


def document(uri: str = function_uri(FUNCTION), **extra: Any) -> dict[str, Any]:
    """A small document with everything that the project's own uses."""
    integration = {"type": "aws_proxy", "httpMethod": "POST", "uri": uri, "timeoutInMillis": 5000}
    return {
        "openapi": "3.0.3",
        "info": {"title": "pets", "version": "1.0"},
        "paths": {
            "/pets": {
                "post": {
                    "operationId": "createPet",
                    "security": [{"token": []}],
                    "parameters": [{"$ref": "#/components/parameters/Trace"}],
                    "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}}},
                    "responses": {"201": {"description": "made"}},
                    "x-amazon-apigateway-integration": integration,
                },
                "options": {
                    "security": [],
                    "responses": {
                        "204": {
                            "description": "preflight",
                            "headers": {"Access-Control-Allow-Origin": {"schema": {"type": "string"}}},
                        }
                    },
                    "x-amazon-apigateway-integration": {
                        "type": "mock",
                        "passthroughBehavior": "never",
                        "requestTemplates": {"application/json": '{"statusCode": 204}'},
                        "responses": {
                            "default": {
                                "statusCode": "204",
                                "responseParameters": {
                                    "method.response.header.Access-Control-Allow-Origin": "'https://example.org'"
                                },
                            }
                        },
                    },
                },
            },
            "/pets/{petId}": {
                "get": {
                    "parameters": [{"name": "petId", "in": "path", "required": True, "schema": {"type": "string"}}],
                    "x-amazon-apigateway-request-validator": "parameters",
                    "responses": {"200": {"description": "found"}},
                    "x-amazon-apigateway-integration": integration,
                }
            },
        },
        "components": {
            "parameters": {"Trace": {"name": "trace", "in": "query", "required": True, "schema": {"type": "string"}}},
            "schemas": {
                "Pet": {
                    "type": "object",
                    "required": ["name"],
                    "additionalProperties": False,
                    "properties": {
                        "name": {"type": "string", "minLength": 2},
                        "tag": {"$ref": "#/components/schemas/Tag"},
                    },
                },
                "Tag": {"type": "string", "enum": ["a", "b"]},
            },
            "securitySchemes": {
                "token": {
                    "type": "apiKey",
                    "name": "Authorization",
                    "in": "header",
                    "x-amazon-apigateway-authtype": "custom",
                    "x-amazon-apigateway-authorizer": {
                        "type": "token",
                        "authorizerUri": uri,
                        "identityValidationExpression": "^Bearer .+$",
                        "authorizerResultTtlInSeconds": 300,
                    },
                }
            },
        },
        "x-amazon-apigateway-request-validators": {
            "everything": {"validateRequestBody": True, "validateRequestParameters": True},
            "parameters": {"validateRequestBody": False, "validateRequestParameters": True},
        },
        "x-amazon-apigateway-request-validator": "everything",
        "x-amazon-apigateway-gateway-responses": {
            "UNAUTHORIZED": {
                "statusCode": "401",
                "responseParameters": {"gatewayresponse.header.Cache-Control": "'no-store'"},
                "responseTemplates": {"application/json": '{"id": "$context.requestId"}'},
            }
        },
        **extra,
    }


@pytest.fixture
def api_id(aws: Aws) -> str:
    return aws.client("apigateway").create_rest_api(name="empty", description="before")["id"]


def put(aws: Aws, api_id: str, body: Any, **options: Any) -> dict[str, Any]:
    content = body if isinstance(body, str) else json.dumps(body)
    return aws.client("apigateway").put_rest_api(
        restApiId=api_id, **({"mode": "overwrite", "failOnWarnings": True} | options), body=content.encode()
    )


def test_put_makes_everything_of_the_document(aws: Aws, api_id: str) -> None:
    client = aws.client("apigateway")
    put(aws, api_id, document())
    api = client.get_rest_api(restApiId=api_id)
    assert api["name"] == "pets"
    assert "description" not in api or api["description"] == ""
    resources = {item["path"]: item for item in client.get_resources(restApiId=api_id)["items"]}
    assert set(resources) == {"/", "/pets", "/pets/{petId}"}
    [authorizer] = client.get_authorizers(restApiId=api_id)["items"]
    assert authorizer["type"] == "TOKEN"
    assert authorizer["identitySource"] == "method.request.header.Authorization"
    post = client.get_method(restApiId=api_id, resourceId=resources["/pets"]["id"], httpMethod="POST")
    assert post["authorizationType"] == "CUSTOM"
    assert post["authorizerId"] == authorizer["id"]
    assert post["operationName"] == "createPet"
    assert post["requestParameters"] == {"method.request.querystring.trace": True}
    assert post["requestModels"] == {"application/json": "Pet"}
    assert post["methodIntegration"]["timeoutInMillis"] == 5000
    validators = {item["id"]: item["name"] for item in client.get_request_validators(restApiId=api_id)["items"]}
    assert validators[post["requestValidatorId"]] == "everything"
    get = client.get_method(restApiId=api_id, resourceId=resources["/pets/{petId}"]["id"], httpMethod="GET")
    assert get["authorizationType"] == "NONE"
    assert validators[get["requestValidatorId"]] == "parameters"
    assert {model["name"] for model in client.get_models(restApiId=api_id)["items"]} == {"Pet", "Tag"}
    response = client.get_gateway_response(restApiId=api_id, responseType="UNAUTHORIZED")
    assert response["defaultResponse"] is False
    assert response["responseParameters"] == {"gatewayresponse.header.Cache-Control": "'no-store'"}


def test_put_again_replaces_and_keeps_ids(aws: Aws, api_id: str) -> None:
    client = aws.client("apigateway")
    put(aws, api_id, document())
    before = {item["path"]: item["id"] for item in client.get_resources(restApiId=api_id)["items"]}
    changed = document()
    del changed["paths"]["/pets/{petId}"]
    del changed["x-amazon-apigateway-gateway-responses"]
    put(aws, api_id, changed)
    after = {item["path"]: item["id"] for item in client.get_resources(restApiId=api_id)["items"]}
    assert after == {path: before[path] for path in ("/", "/pets")}
    assert client.get_gateway_response(restApiId=api_id, responseType="UNAUTHORIZED")["defaultResponse"] is True


def test_merge_keeps_what_the_document_does_not_name(aws: Aws, api_id: str) -> None:
    put(aws, api_id, document())
    other = document()
    other["paths"] = {"/cats": other["paths"]["/pets"]}
    put(aws, api_id, other, mode="merge")
    paths = {item["path"] for item in aws.client("apigateway").get_resources(restApiId=api_id)["items"]}
    assert paths == {"/", "/pets", "/pets/{petId}", "/cats"}


def test_import_makes_an_api(aws: Aws) -> None:
    client = aws.client("apigateway")
    made = client.import_rest_api(body=json.dumps(document()).encode(), failOnWarnings=True)
    assert made["name"] == "pets"
    assert len(client.get_resources(restApiId=made["id"])["items"]) == 3


def _schema(keywords: dict[str, Any]) -> Callable[[dict[str, Any]], None]:
    return lambda body: body["components"]["schemas"]["Pet"]["properties"]["name"].update(keywords)


REFUSED: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "const": (_schema({"const": "x"}), "const"),
    "examples": (_schema({"examples": ["x"]}), "examples"),
    "discriminator": (_schema({"oneOf": [], "discriminator": {"propertyName": "x"}}), "discriminator"),
    "exclusiveMinimum by number": (_schema({"exclusiveMinimum": 3}), "exclusiveMinimum"),
    "nullable, a warning": (_schema({"nullable": True}), "nullable"),
    "unknown reference": (_schema({"$ref": "#/components/schemas/Nothing"}), "Nothing"),
    "model name": (lambda body: body["components"]["schemas"].update({"New-Pet": {"type": "string"}}), "New-Pet"),
    "path part": (lambda body: body["paths"].update({"/a{b}": {}}), "a{b}"),
    "two variables side by side": (
        lambda body: body["paths"].update({"/pets/{other}/x": body["paths"]["/pets/{petId}"]}),
        "sibling",
    ),
    "validator": (lambda body: body.update({"x-amazon-apigateway-request-validator": "none"}), "none"),
    "gateway response": (
        lambda body: body["x-amazon-apigateway-gateway-responses"].update({"SURPRISE": {}}),
        "SURPRISE",
    ),
    "security scheme": (lambda body: body["paths"]["/pets"]["post"].update(security=[{"nobody": []}]), "nobody"),
    "integration address": (
        lambda body: body["paths"]["/pets"]["post"]["x-amazon-apigateway-integration"].update(uri=FUNCTION),
        "Invalid ARN",
    ),
    "integration timeout": (
        lambda body: body["paths"]["/pets"]["post"]["x-amazon-apigateway-integration"].update(timeoutInMillis=30000),
        "Timeout",
    ),
    "undeclared header of a mock": (
        lambda body: body["paths"]["/pets"]["options"]["responses"]["204"].pop("headers"),
        "Access-Control-Allow-Origin",
    ),
    "authorizer address": (
        lambda body: body["components"]["securitySchemes"]["token"]["x-amazon-apigateway-authorizer"].update(
            authorizerUri=FUNCTION
        ),
        "Invalid Authorizer URI",
    ),
    "no title": (lambda body: body.update(info={}), "title"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_documents(aws: Aws, api_id: str, name: str) -> None:
    put(aws, api_id, document())
    change, expected = REFUSED[name]
    body = copy.deepcopy(document())
    body["info"]["title"] = "changed"
    change(body)
    with pytest.raises(ClientError) as caught:
        put(aws, api_id, body)
    assert caught.value.response["Error"]["Code"] == "BadRequestException"
    assert expected in caught.value.response["Error"]["Message"]
    client = aws.client("apigateway")
    assert client.get_rest_api(restApiId=api_id)["name"] == "pets"
    assert len(client.get_resources(restApiId=api_id)["items"]) == 3


def test_a_body_that_does_not_parse(aws: Aws, api_id: str) -> None:
    with pytest.raises(ClientError) as caught:
        put(aws, api_id, '{"openapi": "3.0.3", ')
    assert caught.value.response["Error"]["Code"] == "BadRequestException"


def test_warnings_are_only_reported_when_they_may_pass(aws: Aws, api_id: str) -> None:
    body = document()
    body["components"]["schemas"]["Tag"]["nullable"] = True
    assert "nullable" in put(aws, api_id, body, failOnWarnings=False)["warnings"][0]


def test_update_keeps_types(aws: Aws, api_id: str) -> None:
    client = aws.client("apigateway")
    operations = [
        {"op": "replace", "path": "/minimumCompressionSize", "value": "1024"},
        {"op": "replace", "path": "/disableExecuteApiEndpoint", "value": "true"},
        {"op": "add", "path": "/binaryMediaTypes/image~1png"},
        {"op": "replace", "path": "/endpointConfiguration/types/EDGE", "value": "REGIONAL"},
    ]
    client.update_rest_api(restApiId=api_id, patchOperations=operations)
    api = client.get_rest_api(restApiId=api_id)
    assert api["minimumCompressionSize"] == 1024
    assert api["disableExecuteApiEndpoint"] is True
    assert api["binaryMediaTypes"] == ["image/png"]
    assert api["endpointConfiguration"]["types"] == ["REGIONAL"]


def test_deployment_needs_methods_with_integrations(aws: Aws, api_id: str) -> None:
    client = aws.client("apigateway")
    with pytest.raises(ClientError, match="doesn't contain any methods"):
        client.create_deployment(restApiId=api_id)
    body = document()
    del body["paths"]["/pets"]["post"]["x-amazon-apigateway-integration"]
    put(aws, api_id, body)
    with pytest.raises(ClientError, match="No integration defined"):
        client.create_deployment(restApiId=api_id)
