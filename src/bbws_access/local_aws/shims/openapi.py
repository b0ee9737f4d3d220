"""An OpenAPI 3.0 document read as API Gateway reads it.

API Gateway takes a part of OpenAPI and a part of JSON Schema draft 4. What it refuses is an `OpenApiError` here, what
it drops with a warning stands in `Definition.warnings`. Nothing here knows of MiniStack.
"""

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any

import yaml

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch")
_PATH_PART = re.compile(r"^(?:[A-Za-z0-9._\-,:]+|\{[A-Za-z0-9._\-]+\+?\})$")
_MODEL_NAME = re.compile(r"^[A-Za-z0-9]+$")
_SCHEMA_REFERENCE = "#/components/schemas/"
_LAMBDA_URI = re.compile(
    r"^arn:aws[a-z-]*:apigateway:[a-z0-9-]+:lambda:path/2015-03-31/functions/arn:aws[a-z-]*:lambda:[^/]+/invocations$"
)
_INTEGRATION_TYPES = {"aws_proxy", "aws", "http_proxy", "http", "mock"}
_PASSTHROUGH = {"WHEN_NO_MATCH", "WHEN_NO_TEMPLATES", "NEVER"}
_TIMEOUT_MILLISECONDS = range(50, 29_001)
_AUTHORIZER_SECONDS = range(3601)
_COMPRESSION_BYTES = range(10_485_761)

# Keywords whose value is a schema, a list of schemas, or schemas by name.
_ONE_SCHEMA = ("not", "additionalProperties", "additionalItems")
_MANY_SCHEMAS = ("allOf", "anyOf", "oneOf")
_NAMED_SCHEMAS = ("properties", "patternProperties", "definitions")
_DRAFT_4 = {
    *_ONE_SCHEMA,
    *_MANY_SCHEMAS,
    *_NAMED_SCHEMAS,
    "$ref",
    "$schema",
    "id",
    "title",
    "description",
    "default",
    "type",
    "enum",
    "format",
    "items",
    "required",
    "dependencies",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
}
# Words of OpenAPI that say nothing to a validator: dropped in silence.
_ANNOTATIONS = {"example", "externalDocs", "xml", "deprecated"}
# Words of OpenAPI that the author may believe to be checked: dropped with a warning.
_UNCHECKED = {"nullable", "readOnly", "writeOnly"}

_LOCATIONS = {"path": "path", "query": "querystring", "header": "header"}


class OpenApiError(Exception):
    """What API Gateway answers with 400 BadRequestException."""


@dataclass
class Method:
    """One method of one resource."""

    operation_name: str
    authorizer: str | None
    api_key_required: bool
    parameters: dict[str, bool]
    models: dict[str, str]
    validator: str | None
    responses: dict[str, dict[str, Any]]
    integration: dict[str, Any] | None


@dataclass
class Definition:
    """What a document defines: literal properties of the API, and everything in it by its name or path."""

    title: str
    description: str
    version: str
    properties: dict[str, Any] = field(default_factory=dict)
    authorizers: dict[str, dict[str, Any]] = field(default_factory=dict)
    validators: dict[str, dict[str, bool]] = field(default_factory=dict)
    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    gateway_responses: dict[str, dict[str, Any]] = field(default_factory=dict)
    methods: dict[str, dict[str, Method]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def read_document(content: bytes) -> Definition:
    """Read a document, JSON or YAML. Raises OpenApiError with a message that names the place."""
    try:
        document = json.loads(content)
    except ValueError:
        try:
            document = yaml.safe_load(content.decode("utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise OpenApiError(f"Unable to parse API definition: {error}") from error
    if not isinstance(document, dict):
        raise OpenApiError("Unable to parse API definition because of a malformed document: it is not an object")
    if not str(document.get("openapi", "")).startswith("3.0"):
        raise OpenApiError("Unable to parse API definition: 'openapi' must be 3.0.x")
    return _Reader(document).read()


class _Reader:
    def __init__(self, document: dict[str, Any]):
        self._document = document
        self._components = document.get("components") or {}
        info = document.get("info") or {}
        if not info.get("title"):
            raise OpenApiError("Invalid OpenAPI input: info.title is missing")
        self._out = Definition(str(info["title"]), str(info.get("description", "")), str(info.get("version", "")))
        self._api_key_schemes: set[str] = set()

    def read(self) -> Definition:
        self._read_properties()
        self._read_models()
        self._read_security_schemes()
        self._read_validators()
        self._read_gateway_responses()
        paths = self._document.get("paths")
        if not isinstance(paths, dict):
            raise OpenApiError("Invalid OpenAPI input: 'paths' is missing")
        for path, item in paths.items():
            self._read_path(path, item)
        return self._out

    def _warn(self, text: str) -> None:
        if text not in self._out.warnings:
            self._out.warnings.append(text)

    def _read_properties(self) -> None:
        document, properties = self._document, self._out.properties
        policy = document.get("x-amazon-apigateway-policy")
        properties["policy"] = json.dumps(policy) if isinstance(policy, dict) else policy
        properties["binaryMediaTypes"] = list(document.get("x-amazon-apigateway-binary-media-types") or [])
        size = document.get("x-amazon-apigateway-minimum-compression-size")
        if size is not None and (not isinstance(size, int) or size not in _COMPRESSION_BYTES):
            raise OpenApiError("Invalid minimum compression size, must be between 0 and 10485760")
        properties["minimumCompressionSize"] = size
        source = document.get("x-amazon-apigateway-api-key-source", "HEADER")
        if source not in ("HEADER", "AUTHORIZER"):
            raise OpenApiError(f"Invalid API key source '{source}'")
        properties["apiKeySource"] = source
        servers = document.get("servers") or []
        endpoint = document.get("x-amazon-apigateway-endpoint-configuration") or next(
            (
                server["x-amazon-apigateway-endpoint-configuration"]
                for server in servers
                if "x-amazon-apigateway-endpoint-configuration" in server
            ),
            {},
        )
        properties["disableExecuteApiEndpoint"] = bool(endpoint.get("disableExecuteApiEndpoint", False))
        if len(servers) > 1:
            self._warn("More than one server provided. Ignoring all except the first one")

    # Models

    def _read_models(self) -> None:
        schemas = self._components.get("schemas") or {}
        for name, schema in schemas.items():
            if not _MODEL_NAME.match(name):
                raise OpenApiError(f"Invalid model name '{name}': model names can only contain alphanumeric characters")
            self._out.models[name] = {
                "description": schema.get("description", "") if isinstance(schema, dict) else "",
                "schema": self._schema(schema, f"model '{name}'"),
            }

    def _schema(self, schema: Any, place: str) -> Any:
        """The draft 4 schema that a model keeps of an OpenAPI schema."""
        if not isinstance(schema, dict):
            raise OpenApiError(
                f"Invalid model specified: Validation Result: warnings : [], errors : [Invalid model "
                f"schema specified in {place}: a schema is an object]"
            )
        reference = schema.get("$ref")
        if reference is not None:
            name = reference.removeprefix(_SCHEMA_REFERENCE) if isinstance(reference, str) else ""
            if name not in (self._components.get("schemas") or {}):
                raise OpenApiError(f"Invalid model reference specified in {place}: {reference}")
            return {"$ref": reference}
        unsupported = sorted(
            key for key in schema if key not in _DRAFT_4 | _ANNOTATIONS | _UNCHECKED and not key.startswith("x-")
        )
        unsupported += [
            key
            for key in ("exclusiveMinimum", "exclusiveMaximum")
            if key in schema and not isinstance(schema[key], bool)
        ]
        if unsupported:
            raise OpenApiError(
                "Invalid model specified: Validation Result: warnings : [], errors : [Invalid model schema specified "
                f"in {place}. Unsupported keyword(s): {json.dumps(unsupported)}]"
            )
        for key in sorted(_UNCHECKED & schema.keys()):
            if schema[key]:
                self._warn(f"Ignoring '{key}' in {place}: API Gateway does not check it")
        result = {key: value for key, value in schema.items() if key in _DRAFT_4}
        # An imported model is without these two: on AWS they only count when the model is changed afterwards.
        result.pop("minItems", None)
        result.pop("maxItems", None)
        for key in _ONE_SCHEMA:
            if isinstance(result.get(key), dict):
                result[key] = self._schema(result[key], place)
        for key in _MANY_SCHEMAS:
            if key in result:
                result[key] = [self._schema(part, place) for part in result[key]]
        for key in _NAMED_SCHEMAS:
            if key in result:
                result[key] = {
                    name: self._schema(part, f"{place}, property '{name}'") for name, part in result[key].items()
                }
        if isinstance(result.get("items"), dict):
            result["items"] = self._schema(result["items"], f"{place}, items")
        elif isinstance(result.get("items"), list):
            result["items"] = [self._schema(part, f"{place}, items") for part in result["items"]]
        return result

    def _model_name(self, schema: Any, place: str) -> str | None:
        """The model that a body refers to; an inline schema becomes a model of its own, as on AWS."""
        if schema is None:
            return None
        read = self._schema(schema, place)
        if "$ref" in read:
            return read["$ref"].removeprefix(_SCHEMA_REFERENCE)
        text = json.dumps(read, sort_keys=True)
        name = "MODEL" + hashlib.sha256(text.encode()).hexdigest()[:6]
        self._out.models.setdefault(name, {"description": "", "schema": read})
        return name

    # Security, validators, gateway responses

    def _read_security_schemes(self) -> None:
        for name, scheme in (self._components.get("securitySchemes") or {}).items():
            extension = scheme.get("x-amazon-apigateway-authorizer")
            if extension is None:
                if scheme.get("type") == "apiKey" and str(scheme.get("name", "")).lower() == "x-api-key":
                    self._api_key_schemes.add(name)
                else:
                    self._warn(f"Unsupported security definition type '{scheme.get('type')}' for '{name}'. Ignoring")
                continue
            self._out.authorizers[name] = self._authorizer(name, scheme, extension)

    def _authorizer(self, name: str, scheme: dict[str, Any], extension: dict[str, Any]) -> dict[str, Any]:
        if scheme.get("type") != "apiKey":
            raise OpenApiError(f"Invalid security scheme '{name}': an authorizer needs a scheme of type apiKey")
        kind = str(extension.get("type", "")).lower()
        authorizer: dict[str, Any] = {
            "name": name,
            "type": kind.upper(),
            "authType": scheme.get("x-amazon-apigateway-authtype", "custom"),
            "authorizerCredentials": extension.get("authorizerCredentials"),
            "authorizerResultTtlInSeconds": extension.get("authorizerResultTtlInSeconds", 300),
            "identityValidationExpression": extension.get("identityValidationExpression"),
            "providerARNs": extension.get("providerARNs") or [],
            "identitySource": extension.get("identitySource")
            or f"method.request.{_LOCATIONS.get(scheme.get('in', 'header'), 'header')}.{scheme.get('name')}",
        }
        if kind == "cognito_user_pools":
            if not authorizer["providerARNs"]:
                raise OpenApiError(f"Invalid authorizer '{name}': providerARNs is missing")
        elif kind in ("token", "request"):
            authorizer["authorizerUri"] = extension.get("authorizerUri", "")
            if not _LAMBDA_URI.match(authorizer["authorizerUri"]):
                raise OpenApiError(
                    f"Invalid Authorizer URI: {authorizer['authorizerUri']}. Authorizer URI should be a valid API "
                    "Gateway ARN that represents a Lambda function invocation."
                )
        else:
            raise OpenApiError(f"Invalid authorizer '{name}': its type is token, request or cognito_user_pools")
        if kind != "request" and "identitySource" in extension and "," in extension["identitySource"]:
            raise OpenApiError(f"Invalid authorizer '{name}': a {kind} authorizer has one identity source")
        seconds = authorizer["authorizerResultTtlInSeconds"]
        if not isinstance(seconds, int) or seconds not in _AUTHORIZER_SECONDS:
            raise OpenApiError(f"Invalid authorizer '{name}': authorizerResultTtlInSeconds is 0 to 3600")
        try:
            re.compile(authorizer["identityValidationExpression"] or "")
        except re.error as error:
            raise OpenApiError(f"Invalid authorizer '{name}': identityValidationExpression: {error}") from error
        return authorizer

    def _read_validators(self) -> None:
        for name, validator in (self._document.get("x-amazon-apigateway-request-validators") or {}).items():
            self._out.validators[name] = {
                "validateRequestBody": bool(validator.get("validateRequestBody")),
                "validateRequestParameters": bool(validator.get("validateRequestParameters")),
            }

    def _read_gateway_responses(self) -> None:
        for kind, response in (self._document.get("x-amazon-apigateway-gateway-responses") or {}).items():
            status = response.get("statusCode")
            if status is not None and not re.fullmatch(r"[1-5]\d\d", str(status)):
                raise OpenApiError(f"Invalid status code in gateway response '{kind}': {status}")
            for target, source in (response.get("responseParameters") or {}).items():
                if not target.startswith("gatewayresponse.header."):
                    raise OpenApiError(f"Invalid parameter in gateway response '{kind}': {target}")
                if not re.match(r"^('.*'|method\.request\.|context\.|stageVariables\.)", str(source)):
                    raise OpenApiError(f"Invalid mapping expression in gateway response '{kind}': {source}")
            self._out.gateway_responses[kind] = response

    # Paths

    def _read_path(self, path: str, item: dict[str, Any]) -> None:
        if not path.startswith("/"):
            raise OpenApiError(f"Invalid path '{path}': a path begins with a slash")
        for part in filter(None, path.split("/")):
            if not _PATH_PART.match(part):
                raise OpenApiError(
                    f"Unable to create resource at path '{path}': Resource's path part only allow a-zA-Z0-9._-: or a "
                    "valid greedy path variable and curly braces at the beginning and the end."
                )
        shared = item.get("parameters") or []
        methods = self._out.methods.setdefault(path, {})
        for key, operation in item.items():
            if key in _METHODS:
                methods[key.upper()] = self._method(path, key, operation, shared)
            elif key == "x-amazon-apigateway-any-method":
                methods["ANY"] = self._method(path, "any", operation, shared)
            elif key not in ("parameters", "summary", "description", "servers") and not key.startswith("x-"):
                self._warn(f"Ignoring '{key}' of path '{path}'")

    def _method(self, path: str, verb: str, operation: dict[str, Any], shared: list[Any]) -> Method:
        place = f"{verb.upper()} {path}"
        validator = operation.get(
            "x-amazon-apigateway-request-validator", self._document.get("x-amazon-apigateway-request-validator")
        )
        if validator is not None and validator not in self._out.validators:
            raise OpenApiError(f"Invalid Request Validator identifier specified: '{validator}' for {place}")
        authorizer, api_key_required = self._security(operation, place)
        responses = self._responses(operation, place)
        return Method(
            operation_name=operation.get("operationId", ""),
            authorizer=authorizer,
            api_key_required=api_key_required,
            parameters=self._parameters(path, operation, shared, place),
            models=self._request_models(operation, place),
            validator=validator,
            responses=responses,
            integration=self._integration(operation, responses, place),
        )

    def _security(self, operation: dict[str, Any], place: str) -> tuple[str | None, bool]:
        authorizer, api_key_required = None, False
        known = self._components.get("securitySchemes") or {}
        for requirement in operation.get("security", self._document.get("security")) or []:
            for name in requirement:
                if name not in known:
                    raise OpenApiError(f"Invalid security scheme '{name}' for {place}: it is not defined")
                if name in self._api_key_schemes:
                    api_key_required = True
                elif name in self._out.authorizers:
                    authorizer = authorizer or name
        return authorizer, api_key_required

    def _resolved(self, value: Any, kind: str, place: str) -> Any:
        if not isinstance(value, dict) or "$ref" not in value:
            return value
        prefix = f"#/components/{kind}/"
        found = (self._components.get(kind) or {}).get(str(value["$ref"]).removeprefix(prefix))
        if not str(value["$ref"]).startswith(prefix) or found is None:
            raise OpenApiError(f"Invalid reference for {place}: {value['$ref']}")
        return found

    def _parameters(self, path: str, operation: dict[str, Any], shared: list[Any], place: str) -> dict[str, bool]:
        found: dict[str, bool] = {}
        for raw in [*shared, *(operation.get("parameters") or [])]:
            parameter = self._resolved(raw, "parameters", place)
            location = _LOCATIONS.get(parameter.get("in", ""))
            if location is None:
                self._warn(f"Ignoring parameter '{parameter.get('name')}' in '{parameter.get('in')}' of {place}")
                continue
            required = location == "path" or bool(parameter.get("required", False))
            found[f"method.request.{location}.{parameter['name']}"] = required
        for name in re.findall(r"\{([^}+]+)\+?\}", path):
            found.setdefault(f"method.request.path.{name}", True)
        return found

    def _request_models(self, operation: dict[str, Any], place: str) -> dict[str, str]:
        body = self._resolved(operation.get("requestBody"), "requestBodies", place)
        models = {}
        for media_type, content in ((body or {}).get("content") or {}).items():
            name = self._model_name(content.get("schema"), f"request body of {place}")
            if name is not None:
                models[media_type] = name
        return models

    def _responses(self, operation: dict[str, Any], place: str) -> dict[str, dict[str, Any]]:
        found = {}
        for status, raw in (operation.get("responses") or {}).items():
            if not re.fullmatch(r"[1-5]\d\d", str(status)):
                self._warn(f"Ignoring response '{status}' of {place}: API Gateway takes status codes only")
                continue
            if isinstance(raw, dict) and "$ref" in raw:
                self._warn(f"Ignoring response '{status}' of {place}: a reference to a response is not supported")
                found[str(status)] = {"statusCode": str(status), "responseParameters": {}, "responseModels": {}}
                continue
            found[str(status)] = {
                "statusCode": str(status),
                "responseParameters": {f"method.response.header.{name}": False for name in (raw.get("headers") or {})},
                "responseModels": {
                    media_type: name
                    for media_type, content in (raw.get("content") or {}).items()
                    if (name := self._model_name(content.get("schema"), f"{status} response of {place}")) is not None
                },
            }
        return found

    def _integration(
        self, operation: dict[str, Any], responses: dict[str, dict[str, Any]], place: str
    ) -> dict[str, Any] | None:
        given = operation.get("x-amazon-apigateway-integration")
        if given is None:
            return None
        kind = str(given.get("type", "")).lower()
        if kind not in _INTEGRATION_TYPES:
            raise OpenApiError(
                f"Unable to put integration on '{place}': invalid integration type '{given.get('type')}'"
            )
        uri = given.get("uri", "")
        if kind == "aws_proxy" and not _LAMBDA_URI.match(uri):
            raise OpenApiError(f"Unable to put integration on '{place}': Invalid ARN specified in the request: '{uri}'")
        if kind in ("aws_proxy", "aws") and given.get("httpMethod", "").upper() != "POST" and ":lambda:" in uri:
            raise OpenApiError(
                f"Unable to put integration on '{place}': a Lambda function is invoked with httpMethod POST"
            )
        if kind != "mock" and not given.get("httpMethod"):
            raise OpenApiError(
                f"Unable to put integration on '{place}': Enumeration value for HttpMethod must be non-empty"
            )
        passthrough = str(given.get("passthroughBehavior", "when_no_match")).upper()
        if passthrough not in _PASSTHROUGH:
            raise OpenApiError(f"Unable to put integration on '{place}': invalid passthroughBehavior '{passthrough}'")
        timeout = given.get("timeoutInMillis", 29_000)
        if not isinstance(timeout, int) or timeout not in _TIMEOUT_MILLISECONDS:
            raise OpenApiError(f"Unable to put integration on '{place}': Timeout should be between 50 ms and 29000 ms")
        integration = {
            "type": kind.upper(),
            "httpMethod": given.get("httpMethod"),
            "uri": uri or None,
            "connectionType": given.get("connectionType", "INTERNET"),
            "credentials": given.get("credentials"),
            "requestParameters": given.get("requestParameters") or {},
            "requestTemplates": given.get("requestTemplates") or {},
            "passthroughBehavior": passthrough,
            "timeoutInMillis": timeout,
            "cacheKeyParameters": given.get("cacheKeyParameters") or [],
            "contentHandling": given.get("contentHandling"),
            "integrationResponses": {},
        }
        for pattern, response in (given.get("responses") or {}).items():
            status = str(response.get("statusCode", ""))
            if kind == "aws_proxy":
                # A proxy integration answers what the function answers.
                continue
            if status not in responses:
                raise OpenApiError(
                    f"Unable to put integration response on '{place}': Invalid Response status code specified: "
                    f"'{status}' is no response of the method"
                )
            declared = responses[status]["responseParameters"]
            for target in response.get("responseParameters") or {}:
                if target not in declared:
                    raise OpenApiError(
                        f"Unable to put integration response on '{place}': Invalid mapping expression specified: "
                        f"Validation Result: warnings : [], errors : [Invalid mapping expression parameter specified: "
                        f"{target}]"
                    )
            integration["integrationResponses"][status] = {
                "statusCode": status,
                "selectionPattern": "" if pattern == "default" else pattern,
                "responseParameters": response.get("responseParameters") or {},
                "responseTemplates": response.get("responseTemplates") or {},
                "contentHandling": response.get("contentHandling"),
            }
        return integration
