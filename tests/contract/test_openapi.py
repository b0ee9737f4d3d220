"""The API's contract is valid, complete, and within what API Gateway imports."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from bbws_access.access.permissions import is_known
from bbws_access.kernel import errors
from bbws_access.kernel.contract import Operation, base_paths, json_schema, load_contract, load_permissions, load_roles
from bbws_access.service.runtime import EXPOSED_HEADERS, Service

DOCUMENT = json.loads((Path(__file__).parents[2] / "contract" / "openapi.json").read_text())
OPERATIONS = [
    pytest.param(method, path, operation, id=operation["operationId"])
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
]
SCHEMAS = DOCUMENT["components"]["schemas"]
REQUESTS = sorted(name for name in SCHEMAS if name.endswith("Request"))
# Whatever an operation does: the gateway throttles, and a function, its storage or the way to it may fail.
ALWAYS = {"400", "429", "500", "502", "503", "504"}
# The keywords of JSON Schema draft 4 that API Gateway's models know, of those that this contract has a use for.
KEYWORDS = {
    "type",
    "description",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "enum",
    "pattern",
    "format",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "uniqueItems",
}


def resolved(node: dict) -> dict:
    while "$ref" in node:
        target = DOCUMENT
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def schemas_within(schema: dict) -> Iterator[dict]:
    yield schema
    for one in schema.get("properties", {}).values():
        yield from schemas_within(one)
    if "items" in schema:
        yield from schemas_within(schema["items"])


def every_reference(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from every_reference(value)
    elif isinstance(node, list):
        for value in node:
            yield from every_reference(value)


def test_it_is_valid_openapi() -> None:
    validate(DOCUMENT)
    assert DOCUMENT["openapi"].startswith("3.0.")


def test_names_of_operations_are_unique() -> None:
    names = [operation["operationId"] for item in DOCUMENT["paths"].values() for operation in item.values()]
    assert len(names) == len(set(names))


def test_the_base_path_is_the_servers_alone() -> None:
    assert set(base_paths(DOCUMENT)) == {"/v1"}
    assert not any(path.startswith("/v1") for path in DOCUMENT["paths"])


def test_nothing_is_left_over() -> None:
    used = set(every_reference(DOCUMENT))
    declared = {
        f"#/components/{kind}/{name}"
        for kind in ("schemas", "parameters", "responses", "examples")
        for name in DOCUMENT["components"][kind]
    }
    assert declared == used


@pytest.mark.parametrize("path", DOCUMENT["paths"])
def test_paths_can_be_imported(path: str) -> None:
    assert re.fullmatch(r"(/([a-z][a-z-]*|\{[a-zA-Z]+\}))+", path)


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS)
class TestOperation:
    def test_it_is_described(self, method: str, path: str, operation: dict) -> None:
        for name in ("operationId", "summary", "description"):
            assert operation[name].strip()
        assert set(operation["tags"]) <= {tag["name"] for tag in DOCUMENT["tags"]}
        assert len(operation["tags"]) == 1

    def test_a_service_answers_it(self, method: str, path: str, operation: dict) -> None:
        service = operation["x-bbws-service"]
        assert service in load_contract().services
        module = importlib.import_module(f"bbws_access.{service}.handler")
        assert operation["operationId"] in module.service._handlers

    def test_its_access_is_stated_and_exists(self, method: str, path: str, operation: dict) -> None:
        access = operation["x-bbws-access"]
        if isinstance(access, str):
            assert access in ("public", "signed-in")
        else:
            catalogue = {permission["name"] for permission in load_permissions()}
            for rule in access:
                [(kind, value)] = rule.items()
                assert (
                    (kind == "permission" and value in catalogue)
                    or (kind == "self" and f"{{{value}}}" in path)
                    or (kind == "capability" and value in load_roles()["teamCapabilities"] and "{teamId}" in path)
                ), rule
        assert operation["security"] == ([] if access == "public" else [{"cognito": []}])

    def test_its_parameters_are_declared_and_bounded(self, method: str, path: str, operation: dict) -> None:
        parameters = [resolved(one) for one in operation["parameters"]]
        assert {one["name"] for one in parameters if one["in"] == "path"} == set(re.findall(r"\{(\w+)\}", path))
        names = [(one["in"], one["name"]) for one in parameters]
        assert len(names) == len(set(names))
        for one in parameters:
            assert one["description"]
            assert one["required"] is (one["in"] == "path")
            schema = one["schema"]
            bounded = schema["type"] == "boolean" or "enum" in schema
            bounded = bounded or (schema["type"] == "integer" and {"minimum", "maximum"} <= schema.keys())
            assert bounded or {"minLength", "maxLength"} <= schema.keys()
            assert one["in"] != "path" or schema["pattern"].startswith("^")

    def test_lists_can_be_paged(self, method: str, path: str, operation: dict) -> None:
        if not operation["operationId"].startswith("list"):
            return
        parameters = {resolved(one)["name"]: resolved(one)["schema"] for one in operation["parameters"]}
        size = parameters["pageSize"]
        assert (size["minimum"], size["maximum"], size["default"]) == (1, 100, 50)
        assert "startAt" in parameters
        answer = resolved(operation["responses"]["200"]["content"]["application/json"]["schema"])
        assert answer["required"] == ["items", "count", "moreAvailable", "startAt", "_links"]

    def test_every_status_is_there(self, method: str, path: str, operation: dict) -> None:
        wanted = set(ALWAYS)
        if operation["x-bbws-access"] != "public":
            wanted |= {"401", "403"}
        if "{" in path:
            wanted |= {"404"}
        if method in ("post", "put"):
            wanted |= {"413"}
        # They change nothing.
        without = ("checkAccess", "previewRole")
        if method in ("post", "put", "delete") and operation["operationId"] not in without:
            wanted |= {"409"}
        successes = {status for status in operation["responses"] if status.startswith("2")}
        assert len(successes) == 1
        assert set(operation["responses"]) - successes == wanted

    def test_answers_are_described(self, method: str, path: str, operation: dict) -> None:
        for status, response in operation["responses"].items():
            response = resolved(response)
            assert response["description"]
            if status == "204":
                assert "content" not in response
                continue
            schema = response["content"]["application/json"]["schema"]
            assert schema["$ref"].startswith("#/components/schemas/")
            assert (schema["$ref"] == "#/components/schemas/Error") is (not status.startswith("2"))

    def test_its_body_is_a_request(self, method: str, path: str, operation: dict) -> None:
        if "requestBody" not in operation:
            without = ("seedRoles", "resendInvitation", "deactivateUser")
            assert method in ("get", "delete") or operation["operationId"] in without
            return
        body = operation["requestBody"]
        assert body["required"] is True
        assert list(body["content"]) == ["application/json"]
        [name] = re.findall(r"^#/components/schemas/(\w+)$", body["content"]["application/json"]["schema"]["$ref"])
        assert name in REQUESTS

    def test_its_examples_fit(self, method: str, path: str, operation: dict) -> None:
        """One for the body and one for the answer, there or at the schema, as a caller would meet them."""
        [status] = [status for status in operation["responses"] if status.startswith("2")]
        contents = [*resolved(operation["responses"][status]).get("content", {}).values()]
        contents += operation.get("requestBody", {}).get("content", {}).values()
        for content in contents:
            example = content.get("example", resolved(content["schema"]).get("example"))
            assert example is not None, "an example is missing"
            check_example(example, content["schema"])
        if "requestBody" in operation:
            assert "example" in operation["requestBody"]["content"]["application/json"], "models take no examples"


def check_example(example: object, schema: dict) -> None:
    checker = Draft202012Validator.FORMAT_CHECKER
    Draft202012Validator(json_schema(DOCUMENT, schema), format_checker=checker).validate(example)


@pytest.mark.parametrize("name", REQUESTS)
class TestRequest:
    def test_api_gateway_can_import_it(self, name: str) -> None:
        assert re.fullmatch(r"[A-Za-z0-9]+", name)
        assert all(one.endswith("Request") for one in every_reference(SCHEMAS[name]))
        for schema in schemas_within(SCHEMAS[name]):
            assert schema.keys() <= KEYWORDS
            assert schema.get("format") in (None, "date-time")
            assert isinstance(schema["type"], str)

    def test_it_is_closed_and_bounded(self, name: str) -> None:
        assert SCHEMAS[name]["type"] == "object"
        for schema in schemas_within(SCHEMAS[name]):
            if schema["type"] == "object":
                assert schema["additionalProperties"] is False
                assert set(schema.get("required", ())) <= set(schema["properties"])
            elif schema["type"] == "array":
                assert {"maxItems", "uniqueItems"} <= schema.keys()
            elif schema["type"] == "integer":
                assert "minimum" in schema
            elif schema["type"] == "string":
                assert "enum" in schema or {"maxLength", "pattern"} <= schema.keys()
            if "pattern" in schema:
                assert re.fullmatch(r"\^.*\$", schema["pattern"])
                assert re.compile(schema["pattern"])


@pytest.mark.parametrize(
    "operation",
    [one for one in load_contract().operations.values() if one.each_schema],
    ids=lambda one: one.operation_id,
)
def test_what_is_checked_one_by_one_is_let_through_before(operation: Operation) -> None:
    """Its fields are the same, and no value that fits, or is wrong in itself, turns away the whole request."""
    [(name, several)] = operation.body_schema["properties"].items()
    each, loose = operation.each_schema, several["items"]
    assert loose["properties"].keys() == each["properties"].keys()
    assert "required" not in loose
    validator = Draft202012Validator(operation.body_schema)
    for field, schema in each["properties"].items():
        assert loose["properties"][field]["maxLength"] > schema["maxLength"]
        for text in ("", "x" * schema["maxLength"], "x" * (schema["maxLength"] + 1), "\x00\n\u202e", "=1+1", "\u00e9"):
            validator.validate({name: [{field: text}]})
    assert not validator.is_valid({name: [{"unknown": "x"}]})


def test_each_pattern_has_words_for_people() -> None:
    """Refusals and the reference page say them in a pattern's place."""

    def patterns(node: object) -> Iterator[str]:
        if isinstance(node, dict):
            if isinstance(node.get("pattern"), str):
                yield node["pattern"]
            for value in node.values():
                yield from patterns(value)
        elif isinstance(node, list):
            for value in node:
                yield from patterns(value)

    assert set(patterns([DOCUMENT["paths"], DOCUMENT["components"]])) == DOCUMENT["x-bbws-patterns"].keys()


@pytest.mark.parametrize("name", sorted(set(SCHEMAS) - set(REQUESTS)))
def test_answers_are_closed(name: str) -> None:
    schema = SCHEMAS[name]
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False or name == "Links"
    for one in schemas_within(schema):
        for name, value in one.get("properties", {}).items():
            assert "$ref" in value or value["description"], name


def test_the_services_and_the_contract_have_the_same_operations() -> None:
    """Both ways: what a service registers is in the contract, and nothing of the contract lacks a service."""
    for name in {operation.service for operation in load_contract().operations.values()}:
        service: Service = importlib.import_module(f"bbws_access.{name}.handler").service
        wanted = {one.operation_id for one in load_contract().operations.values() if one.service == name}
        assert set(service._handlers) == wanted


def test_pages_can_read_every_header_that_an_answer_has() -> None:
    responses = [*DOCUMENT["components"]["responses"].values()]
    for item in DOCUMENT["paths"].values():
        responses += [one for operation in item.values() for one in operation["responses"].values()]
    declared = {name for response in responses for name in response.get("headers", {})}
    assert set(EXPOSED_HEADERS.split(",")) == declared, "add the header to EXPOSED_HEADERS of service/runtime.py"


def test_the_error_codes_of_the_program_are_in_the_contract() -> None:
    known = set(SCHEMAS["Error"]["properties"]["error"]["properties"]["code"]["enum"])
    classes = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.ServiceError)]
    assert {one.code for one in classes} <= known
    folder = Path(errors.__file__).parents[1]
    # What only the engineers' tool can meet: an organisation is not made through the API.
    tool = {"ORGANISATION_EXISTS"}
    for package in ("kernel", "access", "service", "permission", "role", "team", "invitation"):
        for file in (folder / package).glob("*.py"):
            assert set(re.findall(r'code="([A-Z_]+)"', file.read_text())) - tool <= known, file


def test_every_permission_of_the_contract_is_in_the_catalogue() -> None:
    names = [permission["name"] for permission in load_permissions()]
    assert all(is_known(name) for name in names)
    categories = SCHEMAS["Permission"]["properties"]["category"]["enum"]
    assert {permission["category"] for permission in load_permissions()} == set(categories)
