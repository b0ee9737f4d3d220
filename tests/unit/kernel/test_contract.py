"""Reading the contract: routes, references, access rules; and what contradicts itself."""

import pytest

from bbws_access.access.permissions import is_known
from bbws_access.kernel.contract import Contract, ContractError, json_schema, load_contract


def _document(access: object = "public", path: str = "/a/{orgId}", **more: object) -> dict:
    operation = {"operationId": "one", "x-bbws-service": "s", "x-bbws-access": access, **more}
    return {"paths": {path: {"get": operation}}}


def test_fixed_segments_go_before_parameters():
    document = _document(path="/roles/{roleId}")
    document["paths"]["/roles/seed"] = {"get": {"operationId": "two", "x-bbws-service": "s", "x-bbws-access": "public"}}
    contract = Contract(document)
    assert contract.match("GET", "/roles/seed")[0].operation_id == "two"
    operation, params = contract.match("get", "/roles/x/")
    assert (operation.operation_id, params) == ("one", {"roleId": "x"})
    for method, path in (
        ("POST", "/roles/x"),
        ("GET", "/roles"),
        ("GET", "/roles/x/y"),
        ("GET", "/other/x"),
        ("GET", ""),
        ("GET", "/roles//"),
    ):
        assert contract.match(method, path) is None


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (_document("anybody"), "x-bbws-access must be"),
        (_document([]), "x-bbws-access must be"),
        (_document("public", **{"x-bbws-access-also": ["role:read"]}), "of permissions alone"),
        (_document([{"self": "orgId"}], **{"x-bbws-access-also": ["role:read"]}), "of permissions alone"),
        (_document([{"permission": "role:read"}], **{"x-bbws-access-also": "role:read"}), "a list of permissions"),
        (_document([{"permission": "role:read"}], **{"x-bbws-access-also": [""]}), "a list of permissions"),
        (_document([{"role": "admin"}]), "no access rule"),
        (_document([{"permission": "a:b", "self": "orgId"}]), "no access rule"),
        (_document([{"self": "userId"}]), "not in the path"),
        (_document([{"capability": "CAN_X"}]), "needs {orgId} and {teamId}"),
        ({"paths": {"/a": {"get": {"operationId": "x", "x-bbws-service": "s"}}}}, "has no x-bbws-access"),
        ({"paths": {"/a": {"get": {"x-bbws-access": "public"}}}}, "has no operationId"),
    ],
)
def test_contradictions_are_named(document, message):
    with pytest.raises(ContractError, match=message):
        Contract(document)


def test_an_operation_id_used_twice():
    document = _document()
    document["paths"]["/b"] = document["paths"]["/a/{orgId}"]
    with pytest.raises(ContractError, match="used twice"):
        Contract(document)


def test_schemas_are_inlined_and_nullable_is_a_type():
    document = {
        "components": {
            "schemas": {"A": {"type": "string", "nullable": True, "enum": ["x"]}, "B~/": {"type": "integer"}}
        }
    }
    schema = {
        "type": "object",
        "properties": {
            "a": {"$ref": "#/components/schemas/A"},
            "b": {"$ref": "#/components/schemas/B~0~1"},
            "example": {"type": "string", "example": "x"},
            "nullable": {"type": "boolean"},
        },
    }
    assert json_schema(document, schema)["properties"] == {
        "a": {"type": ["string", "null"], "enum": ["x", None]},
        "b": {"type": "integer"},
        "example": {"type": "string"},
        "nullable": {"type": "boolean"},
    }


def test_references_that_lead_nowhere_or_in_a_circle():
    with pytest.raises(ContractError, match="leads nowhere"):
        json_schema({}, {"$ref": "#/components/schemas/A"})
    circle = {"components": {"schemas": {"A": {"type": "array", "items": {"$ref": "#/components/schemas/A"}}}}}
    with pytest.raises(ContractError, match="refers to itself"):
        json_schema(circle, {"$ref": "#/components/schemas/A"})


def test_an_operations_parameter_wins_over_the_paths():
    document = _document(parameters=[{"name": "n", "in": "query", "required": True, "schema": {"type": "integer"}}])
    document["paths"]["/a/{orgId}"]["parameters"] = [{"name": "n", "in": "query", "schema": {"type": "string"}}]
    (parameter,) = Contract(document).operations["one"].parameters
    assert (parameter.name, parameter.location, parameter.required, parameter.schema) == (
        "n",
        "query",
        True,
        {"type": "integer"},
    )


def test_the_project_s_own_contract_holds_together():
    contract = load_contract()
    assert contract.operations
    for operation in contract.operations.values():
        assert operation.service in contract.services
        for rule in operation.access if isinstance(operation.access, list) else ():
            assert "permission" not in rule or is_known(rule["permission"])
            assert rule.get("capability", "CAN_UPDATE_TEAM") in contract.roles["teamCapabilities"]
        assert all(map(is_known, operation.also))
        in_path = {segment[1:-1] for segment in operation.segments if segment.startswith("{")}
        assert in_path == {p.name for p in operation.parameters if p.location == "path"}
        assert operation.body_schema is None or operation.method in ("POST", "PUT")
    names = [permission["name"] for permission in contract.permissions]
    assert len(set(names)) == len(names)
    assert contract.data_model["entities"]
