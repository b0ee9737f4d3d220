"""Requests are checked against AWS's models of its services, and the rules beside them, before they are served.

| AWS | MiniStack | test |
|---|---|---|
| refuses what lacks a member or has one of a wrong type, length, range or pattern | takes it | `test_validation.py` |
| refuses malformed policies, schedules, patterns, expressions and alarms | takes most | `test_validation.py` |

The check comes after IAM's, as on AWS: who may not call an operation learns nothing of its members. Only what cannot be
read at all is refused before, since IAM has to read it as well. Members that a model does not know are no reason to
refuse, except in the XML of S3: AWS passes over them. The tests' record has them.
"""

import json
import os
from contextvars import ContextVar
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

from ministack import app
from ministack.core.responses import error_response_json, new_uuid
from ministack.services import cloudwatch, s3, ses_v2

from bbws_access.local_aws import changes, recorder
from bbws_access.local_aws.judge import LIMIT, REQUIRED, TYPE, UNION, UNKNOWN, Violation, by_the_model
from bbws_access.local_aws.rules import by_the_rules
from bbws_access.local_aws.wire import Call, NotUnderstood, Request, Unreadable, read

Response = tuple[int, dict[str, Any], bytes]

# With which error each service answers a member that its model forbids. Others are judged, not refused.
_CODES = {
    "apigateway": "BadRequestException",
    "backup": "InvalidParameterValueException",
    "cloudwatch": "ValidationError",
    "cognito-idp": "InvalidParameterException",
    "dynamodb": "ValidationException",
    "events": "ValidationException",
    "iam": "ValidationError",
    "kms": "ValidationException",
    "lambda": "ValidationException",
    "logs": "InvalidParameterException",
    "s3": "InvalidArgument",
    "sesv2": "BadRequestException",
    "sns": "ValidationError",
    "sqs": "InvalidParameterValue",
    "sts": "ValidationError",
    "wafv2": "WAFInvalidParameterException",
}
# The codes of quotas that are answered with a conflict.
_CONFLICTS = ("LimitExceeded",)
# What a rule says of one event of many is answered in its place; see the shim `eventbridge`.
_OF_AN_ENTRY = "entry:"

_raw_path: ContextVar[str] = ContextVar("raw_path")
# What was asked is noted there, where somebody wants to know.
_notes: recorder.Recorder | None = None
# How the request at hand is refused, None where nothing is wrong with it.
_refusal: ContextVar[Response | None] = ContextVar("refusal", default=None)


def install() -> None:
    """Judge every request, refuse what AWS would refuse, and note it where somebody wants to know."""
    global _notes
    pin, shortcuts, serve_mail = app.pin_signed_request, app._handle_post_body_shortcuts, ses_v2.handle_request
    folder = os.environ.get(recorder.VARIABLE)
    _notes = recorder.Recorder(Path(folder)) if folder else None

    def remember_path(method: str, raw_path: str, *arguments: Any, **settings: Any) -> None:
        _raw_path.set(raw_path)
        pin(method, raw_path, *arguments, **settings)

    async def judged(
        method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict, request_id: str
    ) -> Any:
        _refusal.set(None)
        if not path.startswith("/_"):
            parameters = [(name, value) for name, values in query_params.items() for value in values]
            request = Request(method, _raw_path.get(quote(path)), parameters, headers, body)
            refused, readable, _ = _judge(request)
            if not readable:
                return refused
            _refusal.set(refused)
        return await shortcuts(method, path, headers, body, query_params, request_id)

    def refusing(serve: Any) -> Any:
        async def handle(*arguments: Any, **settings: Any) -> Response:
            return _refusal.get() or await serve(*arguments, **settings)

        return handle

    app.pin_signed_request = remember_path
    app._handle_post_body_shortcuts = judged
    ses_v2.handle_request = refusing(serve_mail)
    for service in ("monitoring", *_CODES):
        if service in app.SERVICE_HANDLERS:
            app.SERVICE_HANDLERS[service] = refusing(app.SERVICE_HANDLERS[service])


def faultless(headers: dict[str, str], body: bytes) -> dict[str, Any] | None:
    """What a request with a target header says, None where anything is wrong with it."""
    refused, _, call = _judge(Request("POST", "/", [], headers, body))
    return None if refused or call is None else call.values


def _judge(request: Request) -> tuple[Response | None, bool, Call | None]:
    """How a request is refused, None where it is not; whether it could be read; and what it asks for."""
    call: Call | None = None
    refused: Response | None = None
    readable = True
    try:
        call = read(request)
        found = by_the_model(call)
        # Rules rely on what the model promises.
        if not any(one.kind in (TYPE, REQUIRED, UNION) for one in found):
            found += by_the_rules(call)
        name = str(call.operation)
        if found:
            refused = _answer(call, found)
            readable = refused is None or call.protocol == "query" or not any(one.kind == TYPE for one in found)
    except NotUnderstood as problem:
        found, name = [Violation("not understood", "", str(problem))], f"{request.method} {request.path}"
    except Unreadable as problem:
        found, name = [Violation("unreadable", "", str(problem))], str(problem.operation)
    changes.asked.set(name)
    if _notes:
        _notes.note(recorder.caller(request.headers), name, found, call.values if call else request.body[:500])
    return refused, readable, call


def _answer(call: Call, found: list[Violation]) -> Response | None:
    service = call.operation.model.name
    code = _CODES.get(service)
    if code is None:
        return None
    if service == "s3":
        return _answer_of_s3(found)
    types = [one for one in found if one.kind == TYPE]
    if types and call.protocol != "query":
        return _error(call, "SerializationException", types[0].message)
    of_model = [one for one in found if one.kind not in (UNKNOWN, LIMIT)]
    if of_model:
        count = f"{len(of_model)} validation error{'s' if len(of_model) > 1 else ''} detected"
        return _error(call, code, f"{count}: {'; '.join(one.message for one in of_model)}")
    for one in found:
        if one.kind == LIMIT and not one.code.startswith(_OF_AN_ENTRY):
            return _error(call, one.code or code, one.message)
    return None


def _answer_of_s3(found: list[Violation]) -> Response | None:
    for one in found:
        if one.kind == LIMIT:
            return s3._error(one.code, one.message, 400)
        if "." in one.path or one.path.startswith("Tagging"):
            return s3._error(
                "MalformedXML",
                "The XML you provided was not well-formed or did not validate against our published schema",
                400,
            )
        if one.kind != UNKNOWN:
            return s3._error("InvalidArgument", one.message, 400)
    return None


def _error(call: Call, code: str, message: str) -> Response:
    status = 409 if code in _CONFLICTS else 400
    if call.protocol == "cbor":
        return cloudwatch._error(code, message, status, use_cbor=True)
    if call.protocol == "query":
        text = (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
            f"<RequestId>{new_uuid()}</RequestId></ErrorResponse>"
        )
        return status, {"Content-Type": "text/xml"}, text.encode()
    if call.operation.model.name == "sqs":
        content = {"__type": f"com.amazonaws.sqs#{code}", "message": message}
        headers = {"Content-Type": "application/x-amz-json-1.0", "x-amzn-query-error": f"{code};Sender"}
        return status, headers, json.dumps(content).encode()
    status, headers, body = error_response_json(code, message, status)
    return status, {**headers, "x-amzn-errortype": code}, body
