"""API Gateway, requests to an API.

| AWS | MiniStack | test |
|---|---|---|
| one request id in header, context, event and log | three different ones | `test_one_request_id` |
| a stage writes its access log | nothing is written | `test_access_log_...` |
| a function is only invoked with its permission, or with credentials that may | always | `test_..._permission...` |
| an authorizer's error other than "Unauthorized" is a 500 | any case of the word is a 401 | `test_authorizer_...` |
| a statement of an authorizer counts for execute-api:Invoke only | its action is not read | `test_authorizer_...` |
| a context with objects or lists is a fault of the authorizer | they are dropped | `test_authorizer_...` |
| gateway responses know every $context variable | a few | `test_no_token_...` |
| a function's fault, or an answer of another shape, are a 502 gateway response | its text, or 200 | `test_a_fault...` |
| an integration's timeout is a 504 | waits on | `test_integration_timeout` |
| a request above 10 MB is a 413 | is passed on | `test_too_large_request` |
| (nothing) | a page in the folder's `pages/{api}` is served at its name, such as `/docs` | `test_a_page_...` |
| the mapping template of a mock's answer is run | is answered as it stands | `test_preflight_...` |
| Count, 4XXError, 5XXError, Latency and IntegrationLatency are published | nothing | `test_metrics_...` |
"""

import asyncio
import datetime
import json
import re
import time
import uuid
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson
from ministack.core import iam_evaluator
from ministack.core.arn import execute_api_arn
from ministack.services import apigateway_v1 as gateway

from bbws_access.local_aws.shims import log_groups, velocity
from bbws_access.local_aws.shims.apigateway_deployments import serving
from bbws_access.local_aws.shims.cloudwatch import publish
from bbws_access.local_aws.shims.permissions import function_permits, role_permits

Response = tuple[int, dict[str, Any], bytes]

_SERVICE = "apigateway.amazonaws.com"
_REQUEST_BYTES = 10 * 1024 * 1024
_FUNCTION_PAYLOAD_BYTES = 6 * 1024 * 1024
_PROXY_ANSWER = {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded", "cookies"}
_VARIABLE = re.compile(r"\$(?:\{context\.([\w.-]+)\}|context\.([A-Za-z]\w*(?:\.[A-Za-z][\w-]*)*))")
_STATUS_CODES = range(100, 600)


@dataclass
class _Exchange:
    """One request and what became of it: the source of the access log and the metrics."""

    method: str
    path: str
    headers: dict[str, Any]
    query: dict[str, Any]
    stage_name: str
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    began: float = field(default_factory=time.time)
    resource: dict[str, Any] = field(default_factory=dict)
    path_params: dict[str, str] = field(default_factory=dict)
    authorizer_context: dict[str, str] = field(default_factory=dict)
    context: dict[str, str] = field(default_factory=dict)
    timeout: float = 29.0


_PAGE = re.compile(r"/[a-z]+")
_exchange: ContextVar[_Exchange] = ContextVar("exchange")


def install() -> None:
    """Complete the data plane of REST APIs."""
    original = _Original()
    gateway._handle_execute_in_scope = original.handle_in_scope
    gateway._gateway_error_response = original.gateway_error_response
    gateway._authorize_request_v1 = original.authorize
    gateway._invoke_authorizer_lambda = original.invoke_authorizer
    gateway._evaluate_policy = original.evaluate_policy
    gateway._build_lambda_event_v1 = original.build_event
    gateway._invoke_lambda_proxy_v1 = original.invoke_proxy
    gateway._invoke_mock_v1 = original.invoke_mock
    gateway._check_request_validation = original.check_request_validation


def _page(api_id: str, stage_name: str, method: str, path: str) -> bytes | None:
    """A page that lies in the local AWS's folder for this path of an API; AWS has nothing like it."""
    if method != "GET" or not _PAGE.fullmatch(path) or stage_name not in gateway._stages_v1.get(api_id, {}):
        return None
    try:
        return (Path.home() / "pages" / api_id / f"{path[1:]}.html").read_bytes()
    except FileNotFoundError:
        return None


class _Original:
    """The functions of MiniStack that are wrapped, and their wrappers."""

    def __init__(self) -> None:
        self._execute = gateway._execute_in_scope
        self._gateway_error_response = gateway._gateway_error_response
        self._authorize = gateway._authorize_request_v1
        self._invoke_authorizer = gateway._invoke_authorizer_lambda
        self._evaluate_policy = gateway._evaluate_policy
        self._build_event = gateway._build_lambda_event_v1
        self._call_function = gateway._call_lambda_raw
        self._invoke_mock = gateway._invoke_mock_v1
        self._check_request_validation = gateway._check_request_validation

    async def handle_in_scope(
        self,
        api_id: str,
        stage_name: str,
        method: str,
        path: str,
        headers: dict[str, Any] | None,
        body: bytes | None,
        query_params: dict[str, Any] | None,
        account: str,
        region: str,
    ) -> Response:
        """Serve one request of a stage, and account for it."""
        if (page := _page(api_id, stage_name, method, path)) is not None:
            return 200, {"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-cache"}, page
        exchange = _Exchange(method, path, headers or {}, query_params or {}, stage_name)
        token = _exchange.set(exchange)
        request = {
            "api_id": api_id,
            "stage_name": stage_name,
            "stage": gateway._stages_v1.get(api_id, {}).get(stage_name),
            "headers": exchange.headers,
            "query_params": exchange.query,
            "path_params": {},
            "resource_path": "",
            "request_id": exchange.request_id,
        }
        exchange.context |= _request_context(exchange, api_id, account, region)
        try:
            with serving(api_id, stage_name):
                if request["stage"] is not None and body and len(body) > _REQUEST_BYTES:
                    answer = gateway._gw_error("REQUEST_TOO_LARGE", "Request Too Long")
                else:
                    answer = await self._execute(
                        request, api_id, stage_name, method, path, headers, body, query_params, account, region
                    )
                exchange.context["resourcePath"] = request["resource_path"] or "-"
                if isinstance(answer, gateway._GatewayError):
                    answer = gateway._gateway_error_response(answer, request)
            status, response_headers, content = answer
            response_headers["x-amzn-requestid"] = exchange.request_id
            self._account_for(exchange, request["stage"], api_id, int(status), content)
            return int(status), response_headers, content
        finally:
            _exchange.reset(token)

    def _account_for(
        self, exchange: _Exchange, stage: dict[str, Any] | None, api_id: str, status: int, content: bytes
    ) -> None:
        if stage is None:
            return
        milliseconds = round((time.time() - exchange.began) * 1000)
        exchange.context |= {
            "status": str(status),
            "responseLength": str(len(content or b"")),
            "responseLatency": str(milliseconds),
        }
        _write_access_log(stage, exchange)
        name = (gateway._rest_apis.get(api_id) or {}).get("name", "")
        values = {"Count": 1.0, "4XXError": float(400 <= status < 500), "5XXError": float(status >= 500)}
        latencies = {"Latency": float(milliseconds)}
        if "integration.latency" in exchange.context:
            latencies["IntegrationLatency"] = float(exchange.context["integration.latency"])
        for dimensions in ({"ApiName": name}, {"ApiName": name, "Stage": exchange.stage_name}):
            for metric, value in values.items():
                publish("AWS/ApiGateway", metric, value, "Count", dimensions)
            for metric, value in latencies.items():
                publish("AWS/ApiGateway", metric, value, "Milliseconds", dimensions)

    def gateway_error_response(self, error: Any, request: dict[str, Any]) -> Response:
        """Render a gateway response with every variable that the access log knows."""
        exchange = _exchange.get(None)
        if exchange is not None:
            exchange.context |= {
                "error.message": error.message or "-",
                "error.messageString": json.dumps(error.message) if error.message else "-",
                "error.responseType": error.response_type,
            }
            if error.response_type == "BAD_REQUEST_PARAMETERS":
                exchange.context["error.validationErrorString"] = error.message
        status, headers, body = self._gateway_error_response(error, request)
        status = getattr(error, "status", None) or status
        context = exchange.context if exchange is not None else {}
        text = _VARIABLE.sub(lambda match: context.get(match[1] or match[2], ""), body.decode())
        return status, headers, text.encode()

    # Authorizers

    async def authorize(self, *arguments: Any) -> tuple[Any, dict[str, str] | None]:
        """Authorize a request, and keep what the authorizer said for the log."""
        exchange = _exchange.get()
        exchange.resource, exchange.path_params = arguments[5], arguments[9] or {}
        error, context = await self._authorize(*arguments)
        if context:
            exchange.context |= {f"authorizer.{name}": str(value) for name, value in context.items()}
        return error, context

    async def invoke_authorizer(
        self, authorizer: dict[str, Any], event: dict[str, Any], account: str, region: str
    ) -> dict[str, Any] | None:
        """Invoke an authorizer's function, if API Gateway may."""
        exchange = _exchange.get()
        reference = gateway._extract_lambda_ref_from_integration_uri(authorizer.get("authorizerUri", ""))
        api_id = exchange.context["apiId"]
        source = f"arn:aws:execute-api:{region}:{account}:{api_id}/authorizers/{authorizer['id']}"
        if not _may_invoke(reference, source, authorizer.get("authorizerCredentials"), account, region):
            exchange.context |= {
                "authorizer.status": "500",
                "authorizer.error": "The caller may not invoke the function",
            }
            return None
        began = time.time()
        result = await self._invoke_authorizer(authorizer, event, account, region)
        exchange.context |= {
            "authorizer.latency": str(round((time.time() - began) * 1000)),
            "authorizer.requestId": str(uuid.uuid4()),
            "authorizer.status": "200",
        }
        if result is None or not result.get("error"):
            return _checked_authorizer_answer(result)
        body = result.get("body")
        message = body.get("errorMessage", "") if isinstance(body, dict) else str(body)
        unauthorized = message == "Unauthorized"
        exchange.context |= {
            "authorizer.status": "401" if unauthorized else "500",
            "authorizer.error": "Unauthorized" if unauthorized else "Internal server error",
        }
        # MiniStack takes the word in any case and with spaces around it.
        return result if unauthorized else {**result, "body": {"errorMessage": f"authorizer failed: {message}"}}

    def evaluate_policy(self, policy: Any, method_arn: str) -> str:
        """Evaluate an authorizer's policy; a statement counts for execute-api:Invoke only."""
        if isinstance(policy, dict):
            statements = policy.get("Statement") or []
            statements = [statements] if isinstance(statements, dict) else statements
            policy = {**policy, "Statement": [one for one in statements if _names_invoke(one)]}
        return self._evaluate_policy(policy, method_arn)

    # Integrations

    def build_event(self, *arguments: Any, **settings: Any) -> dict[str, Any]:
        """The event of a proxy integration, under the request's own id."""
        event = self._build_event(*arguments, **settings)
        exchange = _exchange.get()
        event["requestContext"]["requestId"] = exchange.request_id
        event["requestContext"]["extendedRequestId"] = exchange.context["extendedRequestId"]
        return event

    async def invoke_proxy(
        self,
        integration: dict[str, Any],
        api_id: str,
        stage_name: str,
        stage: dict[str, Any],
        resource: dict[str, Any],
        path: str,
        method: str,
        headers: dict[str, Any],
        body: bytes | None,
        query_params: dict[str, Any],
        path_params: dict[str, str],
        *,
        owner_account_id: str,
        owner_region: str,
        binary_media_types: list[str],
        authorizer_context: dict[str, str] | None,
        caller_identity: dict[str, Any] | None,
    ) -> Any:
        """Invoke a function and answer what it says, or by the gateway response of what went wrong."""
        exchange = _exchange.get()
        reference = gateway._extract_lambda_ref_from_integration_uri(integration.get("uri", ""))
        source_path = re.sub(r"\{[^}]+\}", "*", resource["path"])
        source = execute_api_arn(owner_region, owner_account_id, api_id, stage_name, method, source_path)
        if not _may_invoke(reference, source, integration.get("credentials"), owner_account_id, owner_region):
            exchange.context["integration.error"] = "Invalid permissions on Lambda function"
            return gateway._gw_error("API_CONFIGURATION_ERROR", "Internal server error")
        event = gateway._build_lambda_event_v1(
            api_id,
            stage_name,
            stage,
            resource,
            path,
            method,
            headers,
            body,
            query_params,
            path_params,
            binary_media_types=binary_media_types,
            authorizer_context=authorizer_context,
            caller_identity=caller_identity,
        )
        if len(orjson.dumps(event)) > _FUNCTION_PAYLOAD_BYTES:
            return gateway._gw_error("REQUEST_TOO_LARGE", "Request Too Long")
        began = time.time()
        call = asyncio.ensure_future(
            self._call_function(reference, event, account_id=owner_account_id, region=owner_region)
        )
        try:
            result, missing = await asyncio.wait_for(
                asyncio.shield(call), timeout=(integration.get("timeoutInMillis") or 29_000) / 1000
            )
        except TimeoutError:
            # The function runs on, as it does on AWS.
            exchange.context["integration.error"] = "Execution failed due to a timeout error"
            return gateway._gw_error("INTEGRATION_TIMEOUT", "Endpoint request timed out")
        finally:
            exchange.context["integration.latency"] = str(round((time.time() - began) * 1000))
            exchange.context["integration.requestId"] = str(uuid.uuid4())
        if missing:
            exchange.context["integration.error"] = "Invalid permissions on Lambda function"
            return gateway._gw_error("API_CONFIGURATION_ERROR", "Internal server error")
        if result.get("throttle"):
            exchange.context |= {"integration.status": "429", "integration.error": "Rate exceeded"}
            return _fault(500)
        answer = None if result.get("error") else _proxy_answer(result.get("body"))
        if answer is None:
            exchange.context |= {
                "integration.status": "200",
                "integration.error": "Lambda execution failed with status 200 due to customer function error"
                if result.get("error")
                else "Malformed Lambda proxy response",
            }
            return _fault(502)
        exchange.context["integration.status"] = str(answer["statusCode"])
        return _http_answer(answer, headers, binary_media_types)

    def invoke_mock(self, integration: dict[str, Any]) -> Response:
        """A mock's answer, with its mapping template run."""
        exchange = _exchange.get()
        status, headers, body = self._invoke_mock(integration)
        template = body.decode()
        if template == "{}":
            return status, headers, b""
        if "#" in template or "$" in template:
            override: dict[str, Any] = {"header": {}}
            names = {
                "input": velocity.Params(
                    exchange.path_params,
                    {name: value[0] for name, value in exchange.query.items()},
                    {name: str(value) for name, value in exchange.headers.items()},
                ),
                "context": {"requestId": exchange.request_id, "responseOverride": override},
            }
            try:
                body = velocity.render(template, names).strip().encode()
            except velocity.TemplateError as error:
                exchange.context["integration.error"] = f"Unable to transform response: {error}"
                return gateway._gateway_error_response(
                    _fault(500),
                    {
                        "api_id": exchange.context["apiId"],
                        "stage_name": exchange.stage_name,
                        "stage": gateway._stages_v1[exchange.context["apiId"]][exchange.stage_name],
                        "headers": exchange.headers,
                        "query_params": exchange.query,
                        "path_params": exchange.path_params,
                        "resource_path": exchange.resource.get("path", ""),
                        "request_id": exchange.request_id,
                    },
                )
            headers |= {name: str(value) for name, value in override["header"].items()}
            status = int(override.get("status", status))
        return status, headers, body

    def check_request_validation(
        self,
        method: dict[str, Any],
        api_id: str,
        request: dict[str, Any],
        headers: dict[str, Any],
        body: bytes | None,
        query_params: dict[str, Any],
    ) -> Any:
        """Validate a request, and say what is wrong with its body."""
        error = self._check_request_validation(method, api_id, request, headers, body, query_params)
        if error is not None and error.response_type == "BAD_REQUEST_BODY":
            _exchange.get().context["error.validationErrorString"] = _body_errors(api_id, method, headers, body)
        return error


def _fault(status: int) -> Any:
    """A fault that no gateway response but DEFAULT_5XX covers; it keeps its status unless that sets one."""
    error = gateway._gw_error("DEFAULT_5XX", "Internal server error")
    api_id = _exchange.get().context["apiId"]
    if not gateway._gateway_responses.get(api_id, {}).get("DEFAULT_5XX", {}).get("statusCode"):
        error.status = status
    return error


def _proxy_answer(body: Any) -> dict[str, Any] | None:
    """A function's answer in the shape of a proxy answer, None if it is none."""
    if not isinstance(body, dict) or not set(body) <= _PROXY_ANSWER:
        return None
    try:
        status = int(body.get("statusCode", 200))
    except (TypeError, ValueError):
        return None
    text = body.get("body")
    if status not in _STATUS_CODES or not (text is None or isinstance(text, str)):
        return None
    if any(not isinstance(body.get(name) or {}, dict) for name in ("headers", "multiValueHeaders")):
        return None
    return {**body, "statusCode": status, "body": text or ""}


def _http_answer(answer: dict[str, Any], headers: dict[str, Any], binary_media_types: list[str]) -> Response:
    content = answer["body"].encode()
    if answer.get("isBase64Encoded") and gateway._media_type_matches(headers.get("accept"), binary_media_types):
        content = gateway.base64.b64decode(content)
    # A name counts once in any case; of two values for it, the list's is answered.
    found: dict[str, tuple[str, Any]] = {"content-type": ("Content-Type", "application/json")}
    for name, value in (answer.get("headers") or {}).items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        found[name.lower()] = (name, text)
    for name, values in (answer.get("multiValueHeaders") or {}).items():
        found[name.lower()] = (name, [str(value) for value in values])
    return answer["statusCode"], dict(found.values()), content


def _names_invoke(statement: Any) -> bool:
    if not isinstance(statement, dict):
        return False
    actions = statement.get("Action") or []
    actions = [actions] if isinstance(actions, str) else actions
    return any(iam_evaluator.fnmatch_iam("execute-api:Invoke", action) for action in actions)


def _checked_authorizer_answer(result: dict[str, Any] | None) -> dict[str, Any] | None:
    body = (result or {}).get("body")
    context = body.get("context") if isinstance(body, dict) else None
    if isinstance(context, dict) and any(isinstance(value, dict | list) for value in context.values()):
        return {**(result or {}), "body": {}}
    return result


def _may_invoke(function: str, source_arn: str, credentials: str | None, account: str, region: str) -> bool:
    if credentials:
        return role_permits(credentials, _SERVICE, function, account, region)
    return function_permits(function, _SERVICE, source_arn, account, region)


def _body_errors(api_id: str, method: dict[str, Any], headers: dict[str, Any], body: bytes | None) -> str:
    """What is wrong with a body, as the list that $context.error.validationErrorString carries."""
    try:
        document = json.loads(body or b"")
    except ValueError:
        return "[Invalid request body]"
    models = gateway._models.get(api_id, {})
    media_type = gateway._header_ci(headers, "content-type").split(";", 1)[0].strip()
    named = method.get("requestModels") or {}
    name = named.get(media_type) or named.get("application/json")

    def local(text: str) -> Any:
        return json.loads(
            re.sub(r'"https://apigateway\.amazonaws\.com/restapis/[^/]+/models/', '"#/definitions/', text)
        )

    schema = {
        **local(models[name]["schema"]),
        "definitions": {other: local(model["schema"]) for other, model in models.items()},
    }
    errors = jsonschema_rs.Draft4Validator(schema).iter_errors(document)
    return "[" + ", ".join(error.message for error in errors) + "]"


def _request_context(exchange: _Exchange, api_id: str, account: str, region: str) -> dict[str, str]:
    began = datetime.datetime.fromtimestamp(exchange.began, datetime.UTC)
    return {
        "accountId": account,
        "apiId": api_id,
        "domainName": f"{api_id}.execute-api.{region}.amazonaws.com",
        "domainPrefix": api_id,
        "extendedRequestId": gateway.base64.b64encode(uuid.uuid4().bytes[:12]).decode(),
        "httpMethod": exchange.method,
        "identity.sourceIp": gateway._header_ci(exchange.headers, "x-forwarded-for").split(",")[0].strip()
        or "127.0.0.1",
        "identity.userAgent": gateway._header_ci(exchange.headers, "user-agent") or "-",
        "path": f"/{exchange.stage_name}{exchange.path}",
        "protocol": "HTTP/1.1",
        "requestId": exchange.request_id,
        "requestTime": began.strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "requestTimeEpoch": str(int(exchange.began * 1000)),
        "stage": exchange.stage_name,
        **(
            {"xrayTraceId": f"1-{int(exchange.began):08x}-{uuid.uuid4().hex[:24]}"}
            if (gateway._stages_v1.get(api_id, {}).get(exchange.stage_name) or {}).get("tracingEnabled")
            else {}
        ),
    }


# The older names of the same facts.
_ALIASES = {
    "integrationLatency": "integration.latency",
    "integrationErrorMessage": "integration.error",
    "integrationStatus": "integration.status",
    "authorizer.integrationLatency": "authorizer.latency",
}


def _write_access_log(stage: dict[str, Any], exchange: _Exchange) -> None:
    settings = stage.get("accessLogSettings") or {}
    template, destination = settings.get("format"), settings.get("destinationArn", "")
    if not template or ":log-group:" not in destination:
        return
    context = exchange.context

    def value(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        return _escaped(context.get(name) or context.get(_ALIASES.get(name, ""), "-"))

    group = destination.split(":log-group:", 1)[1].removesuffix(":*")
    log_groups.write(group, f"{context['apiId']}-{exchange.stage_name}", [_VARIABLE.sub(value, template)])


def _escaped(text: str) -> str:
    """A value as it stands inside a quoted text of a JSON log line."""
    return json.dumps(text, ensure_ascii=False)[1:-1]
