"""API Gateway, an API as one OpenAPI document.

| AWS | MiniStack | test |
|---|---|---|
| PutRestApi replaces an API by a document | 404 | `test_apigateway_import.py`, all |
| ImportRestApi makes an API from a document | makes an empty API | `test_import_makes_an_api` |
| a document that AWS cannot take is refused, the API stays as it was | (as above) | `test_refused_documents` |
| UpdateRestApi takes numbers, flags and lists as texts in a patch | keeps the texts | `test_update_keeps_types` |
| a policy that says execute-api:/ is kept with the API's ARN | as it came | `test_apigateway_policy.py` |
| a deployment needs a method, and every method an integration | any deployment is made | `test_deployment_needs_...` |
"""

import json
from typing import Any

from ministack.services import apigateway_v1 as gateway

from bbws_access.local_aws.shims.openapi import Definition, Method, OpenApiError, read_document

Response = tuple[int, dict[str, Any], bytes]

_SCHEMA_REFERENCE = "#/components/schemas/"
_LIST_PROPERTIES = {"binaryMediaTypes"}


def install() -> None:
    """Teach the control plane of REST APIs to import."""
    handle_request = gateway.handle_request
    create_deployment = gateway._create_deployment

    async def handle(method: str, path: str, headers: dict, body: bytes, query_params: dict) -> Response:
        parts = [part for part in path.split("/") if part]
        if parts[:1] == ["restapis"]:
            if method == "PUT" and len(parts) == 2:
                return put_rest_api(parts[1], body, query_params)
            if method == "POST" and len(parts) == 1 and _option(query_params, "mode") == "import":
                return import_rest_api(body, query_params)
        return await handle_request(method, path, headers, body, query_params)

    def create_checked_deployment(api_id: str, data: dict[str, Any]) -> Response:
        methods = [
            method
            for resource in gateway._resources.get(api_id, {}).values()
            for method in resource.get("resourceMethods", {}).values()
        ]
        if api_id in gateway._rest_apis and not methods:
            return _refused("The REST API doesn't contain any methods")
        if any(not method.get("methodIntegration") for method in methods):
            return _refused("No integration defined for method")
        return create_deployment(api_id, data)

    gateway.handle_request = handle
    gateway._create_deployment = create_checked_deployment
    gateway._update_rest_api = update_rest_api


def put_rest_api(api_id: str, body: bytes, query_params: dict[str, Any]) -> Response:
    """PutRestApi: replace (`mode=overwrite`) or complete (`mode=merge`) an API by a document."""
    api = gateway._rest_apis.get(api_id)
    if api is None:
        return gateway._v1_error("NotFoundException", "Invalid API identifier specified", 404)
    try:
        definition = _read(body, query_params)
    except OpenApiError as error:
        return _refused(str(error))
    overwrite = _option(query_params, "mode") == "overwrite"
    try:
        _apply(api_id, definition, overwrite)
    except OpenApiError as error:
        return _refused(str(error))
    api["name"] = definition.title
    literals = {"description": definition.description, "version": definition.version, **definition.properties}
    api.update(literals if overwrite else {name: value for name, value in literals.items() if value})
    _name_itself(api)
    view = gateway._rest_api_view(api)
    if definition.warnings:
        view["warnings"] = definition.warnings
    return gateway._v1_response(view)


def import_rest_api(body: bytes, query_params: dict[str, Any]) -> Response:
    """ImportRestApi: make an API from a document."""
    try:
        definition = _read(body, query_params)
    except OpenApiError as error:
        return _refused(str(error))
    endpoint_types = _option(query_params, "endpointConfigurationTypes") or "EDGE"
    status, headers, content = gateway._create_rest_api(
        {"name": definition.title, "endpointConfiguration": {"types": [endpoint_types]}}
    )
    if status >= 400:
        return status, headers, content
    status, headers, content = put_rest_api(
        json.loads(content)["id"], body, query_params | {"mode": ["overwrite"], "failonwarnings": ["false"]}
    )
    return (201 if status == 200 else status), headers, content


def update_rest_api(api_id: str, data: dict[str, Any]) -> Response:
    """UpdateRestApi, whose patch carries every value as a text."""
    api = gateway._rest_apis.get(api_id)
    if api is None:
        return gateway._v1_error("NotFoundException", "Invalid API identifier specified", 404)
    for operation in data.get("patchOperations") or []:
        kind = operation.get("op", "replace")
        value = operation.get("value")
        name, *rest = [
            part.replace("~1", "/").replace("~0", "~") for part in operation.get("path", "").lstrip("/").split("/")
        ]
        if name in _LIST_PROPERTIES and rest:
            _patch_list(api.setdefault(name, []), kind, rest[0], value)
        elif name == "endpointConfiguration" and rest:
            endpoint = api.setdefault("endpointConfiguration", {})
            if rest[0] == "types" and kind == "replace":
                endpoint["types"] = [value]
            elif rest[0] == "vpcEndpointIds":
                _patch_list(endpoint.setdefault("vpcEndpointIds", []), kind, "", value)
            else:
                endpoint[rest[0]] = value
        elif name == "minimumCompressionSize":
            api[name] = int(value) if kind == "replace" and value not in (None, "") else None
        elif name == "disableExecuteApiEndpoint":
            api[name] = str(value).lower() == "true"
        else:
            gateway._apply_patch(api, [operation])
    _name_itself(api)
    return gateway._v1_response(gateway._rest_api_view(api))


def _name_itself(api: dict[str, Any]) -> None:
    """Write the API's ARN into its policy, where that says only execute-api:/."""
    if isinstance(api.get("policy"), str):
        arn = f"arn:aws:execute-api:{gateway.get_region()}:{gateway.get_account_id()}:{api['id']}/"
        api["policy"] = api["policy"].replace('"execute-api:/', f'"{arn}')


def _patch_list(items: list[str], kind: str, name: str, value: str | None) -> None:
    item = name or value
    if kind == "remove":
        items[:] = [existing for existing in items if existing != item]
    elif kind == "replace" and value:
        items[:] = [value if existing == item else existing for existing in items]
    elif item not in items:
        items.append(item)


def _read(body: bytes, query_params: dict[str, Any]) -> Definition:
    definition = read_document(body)
    unknown = sorted(set(definition.gateway_responses) - set(gateway._GATEWAY_RESPONSE_TYPES))
    if unknown:
        raise OpenApiError(f"Invalid gateway response type: {', '.join(unknown)}")
    if definition.warnings and _option(query_params, "failonwarnings") == "true":
        raise OpenApiError("Warnings found during import:\n\t" + "\n\t".join(definition.warnings))
    return definition


def _apply(api_id: str, definition: Definition, overwrite: bool) -> None:
    """Put the parts of a definition where MiniStack keeps an API's parts; what stays keeps its id."""
    authorizers = _authorizers(api_id, definition)
    validators = _validators(api_id, definition)
    models = _models(api_id, definition)
    authorizer_ids = {authorizer["name"]: authorizer["id"] for authorizer in authorizers.values()}
    validator_ids = {validator["name"]: validator["id"] for validator in validators.values()}
    authorizer_types = {authorizer["name"]: authorizer["type"] for authorizer in authorizers.values()}

    def method_record(resource_id: str, verb: str, method: Method) -> dict[str, Any]:
        kind = authorizer_types.get(method.authorizer or "")
        return {
            "httpMethod": verb,
            "authorizationType": "NONE" if kind is None else kind if kind == "COGNITO_USER_POOLS" else "CUSTOM",
            "authorizerId": authorizer_ids.get(method.authorizer or ""),
            "authorizationScopes": [],
            "apiKeyRequired": method.api_key_required,
            "operationName": method.operation_name,
            "requestParameters": method.parameters,
            "requestModels": method.models,
            "requestValidatorId": validator_ids.get(method.validator or ""),
            "methodResponses": method.responses,
            "methodIntegration": method.integration and {**method.integration, "cacheNamespace": resource_id},
        }

    resources = _resources(api_id, definition, overwrite)
    by_path = {resource["path"]: resource for resource in resources.values()}
    for path, methods in definition.methods.items():
        resource = by_path[path.rstrip("/") or "/"]
        resource["resourceMethods"] |= {
            verb: method_record(resource["id"], verb, method) for verb, method in methods.items()
        }
    responses = {
        kind: {
            **gateway._default_gateway_response(kind),
            "defaultResponse": False,
            "responseParameters": dict(response.get("responseParameters") or {}),
            **({"statusCode": str(response["statusCode"])} if response.get("statusCode") else {}),
            **({"responseTemplates": dict(response["responseTemplates"])} if response.get("responseTemplates") else {}),
        }
        for kind, response in definition.gateway_responses.items()
    }

    def combined(store: Any, new: dict[str, Any]) -> dict[str, Any]:
        return new if overwrite else {**store.get(api_id, {}), **new}

    gateway._authorizers_v1[api_id] = combined(gateway._authorizers_v1, authorizers)
    gateway._request_validators[api_id] = combined(gateway._request_validators, validators)
    gateway._models[api_id] = combined(gateway._models, models)
    gateway._gateway_responses[api_id] = combined(gateway._gateway_responses, responses)
    gateway._resources[api_id] = resources


def _resources(api_id: str, definition: Definition, overwrite: bool) -> dict[str, dict[str, Any]]:
    """The resource tree of the definition's paths, with an existing path's id kept."""
    existing = {resource["path"]: resource for resource in gateway._resources.get(api_id, {}).values()}
    found: dict[str, dict[str, Any]] = {}

    def resource(path: str) -> dict[str, Any]:
        if path in found:
            return found[path]
        parent, _, part = path.rpartition("/") if path != "/" else ("", "", "")
        parent_id = None if path == "/" else resource(parent or "/")["id"]
        if part.startswith("{"):
            other = next(
                (
                    record["pathPart"]
                    for record in found.values()
                    if record["parentId"] == parent_id and record["pathPart"].startswith("{")
                ),
                None,
            )
            if other is not None:
                raise OpenApiError(
                    f"Unable to create resource at path '{path}': A sibling ({other}) of this resource already has a "
                    "variable path part -- only one is allowed"
                )
        old = existing.get(path, {})
        found[path] = {
            "id": old.get("id") or gateway._new_id()[:8],
            "parentId": parent_id,
            "pathPart": part,
            "path": path,
            "resourceMethods": {} if overwrite else dict(old.get("resourceMethods", {})),
        }
        return found[path]

    resource("/")
    for path in [*([] if overwrite else existing), *definition.methods]:
        resource(path.rstrip("/") or "/")
    return {record["id"]: record for record in found.values()}


def _authorizers(api_id: str, definition: Definition) -> dict[str, dict[str, Any]]:
    ids = {old["name"]: old["id"] for old in gateway._authorizers_v1.get(api_id, {}).values()}
    records = [{"id": ids.get(name) or gateway._new_id()[:6], **new} for name, new in definition.authorizers.items()]
    return {record["id"]: record for record in records}


def _validators(api_id: str, definition: Definition) -> dict[str, dict[str, Any]]:
    ids = {old["name"]: old["id"] for old in gateway._request_validators.get(api_id, {}).values()}
    records = [
        {"id": ids.get(name) or gateway._new_id()[:6], "name": name, **new}
        for name, new in definition.validators.items()
    ]
    return {record["id"]: record for record in records}


def _models(api_id: str, definition: Definition) -> dict[str, dict[str, Any]]:
    ids = {name: old["id"] for name, old in gateway._models.get(api_id, {}).items()}
    address = f"https://apigateway.amazonaws.com/restapis/{api_id}/models/"
    return {
        name: {
            "id": ids.get(name) or gateway._new_id()[:6],
            "name": name,
            "description": model["description"],
            "schema": json.dumps(model["schema"]).replace(f'"$ref": "{_SCHEMA_REFERENCE}', f'"$ref": "{address}'),
            "contentType": "application/json",
        }
        for name, model in definition.models.items()
    }


def _option(query_params: dict[str, Any], name: str) -> str | None:
    value = query_params.get(name)
    return value[0] if isinstance(value, list) and value else value


def _refused(message: str) -> Response:
    return gateway._v1_error("BadRequestException", message, 400)
