"""One service: routing from the contract, validation, the second access check, errors, logs.

service = Service("role")

@service.operation("getRole", prefetch=lambda request: [Get(...)])
def get_role(request: Request) -> dict: ...

@service.event("OrganisationCreated")
def organisation_created(event: Event) -> None: ...

handler = service.handler
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from bbws_access.kernel.aws import Aws
from bbws_access.kernel.contract import Contract, ContractError, Operation, load_contract
from bbws_access.kernel.dynamodb import Call, Database, DatabaseUnavailable, Throttled
from bbws_access.kernel.errors import BadRequest, NotFound, ServiceError, TooLarge, Unauthorized, Unavailable
from bbws_access.kernel.events import (
    Event,
    Message,
    NotYet,
    checked_detail,
    consumed_events,
    consumed_queues,
    message_content,
    queue_of,
)
from bbws_access.kernel.http import tls_context
from bbws_access.kernel.ids import is_valid_id
from bbws_access.kernel.logs import Logger
from bbws_access.kernel.settings import Settings
from bbws_access.service.access import CallersDatabase, with_access
from bbws_access.service.requests import Caller, Request, Response
from bbws_access.service.validation import Validators

# The headers of answers that the contract tells of, and that a page could not read otherwise.
EXPOSED_HEADERS = "Link,Location,Retry-After"
_SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
}


Handler = Callable[[Request], Response | dict]
Prefetch = Callable[[Request], Sequence[Call]]
EventHandler = Callable[[Event], None]
MessageHandler = Callable[[Message], None]


class Service:
    """The operations of one service. Database, settings and contract are made at first need unless given."""

    def __init__(
        self,
        name: str,
        *,
        contract: Contract | None = None,
        settings: Settings | None = None,
        database: Database | None = None,
        log: Logger | None = None,
    ) -> None:
        self.name = name
        self._contract = contract or load_contract()
        self._settings = settings
        self._database = database
        self._log = log
        self._aws: Aws | None = None
        self._handlers: dict[str, tuple[Handler, Prefetch | None]] = {}
        self._reads: set[str] = set()
        self._events: dict[str, EventHandler] = {}
        self._queues: dict[str, MessageHandler] = {}
        self._validators: dict[str, Validators] = {}
        self._routes = {
            (operation.method, operation.path): operation
            for operation in self._contract.operations.values()
            if operation.service == name
        }

    def operation(
        self, operation_id: str, *, prefetch: Prefetch | None = None, only_reads: bool = False
    ) -> Callable[[Handler], Handler]:
        """Register the function that carries out an operation.

        only_reads: it changes nothing though its method is not GET, so it may be begun anew

        prefetch: reads that the function will need and that path, query and body alone determine. They travel with
        the access check's own reads; their results are in `request.prefetched`. They never run for a body that
        is invalid, and nobody sees their results if access is refused.
        """

        def register(function: Handler) -> Handler:
            if operation_id in self._handlers:
                raise ContractError(f"{operation_id} is registered twice")
            self._handlers[operation_id] = (function, prefetch)
            if only_reads:
                self._reads.add(operation_id)
            return function

        return register

    def event(self, kind: str) -> Callable[[EventHandler], EventHandler]:
        """Register the function that takes the events of a type. Raise any exception to have the event delivered again.

        It may get an event twice, and two at once, so doing the same again must change nothing.
        """
        return _registration(self._events, kind)

    def messages(self, queue: str) -> Callable[[MessageHandler], MessageHandler]:
        """Register the function that takes the messages of a queue, one at a time.

        Raise any exception to have the message delivered again; NotYet is one that no alarm counts.
        """
        return _registration(self._queues, queue)

    @property
    def handler(self) -> Callable[[dict, object], dict | None]:
        """The Lambda handler. Raises ContractError unless exactly what the contract says is registered."""
        wanted = {operation.operation_id for operation in self._routes.values()}
        wanted |= consumed_events(self.name) | consumed_queues(self.name)
        have = self._handlers.keys() | self._events.keys() | self._queues.keys()
        if wanted != have:
            raise ContractError(
                f"The service {self.name} and the contract differ: "
                f"without a function {sorted(wanted - have)}, not in the contract {sorted(have - wanted)}"
            )
        if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
            # The start of a function has more CPU than its requests: load what the first one needs.
            self._prepare()
            tls_context()
            for operation in self._routes.values():
                self._validators_of(operation)
        return self._handle

    def _prepare(self) -> None:
        if self._settings is None:
            self._settings = Settings.from_environment()
        if self._log is None:
            self._log = Logger(self.name, self._settings.environment, self._settings.log_level)
        if self._database is None:
            self._database = Database(self._settings.region, self._settings.endpoint)
        if self._aws is None:
            self._aws = Aws(self._settings.region, self._settings.endpoint)

    def _handle(self, event: dict, context: object) -> dict | None:
        self._prepare()
        if "detail-type" in event:
            return self._handle_event(event, context)
        if "Records" in event:
            return self._handle_messages(event["Records"])
        return self._handle_request(event, context)

    def _handle_event(self, event: dict, context: object) -> None:
        """Raises what the registered function raises: Lambda then tries again, and in the end keeps a dead letter."""
        started = time.perf_counter()
        event_id = event.get("id") or getattr(context, "aws_request_id", "")
        log = self._log.bind(requestId=event_id, eventName=event.get("detail-type"))
        outcome = "FAILURE"
        try:
            detail = checked_detail(event, self._settings.reserved_ids)
            function = self._events[event["detail-type"]]
            now = datetime.now(UTC)
            function(Event(event_id, event["detail-type"], detail, now, self._database, self._aws, self._settings, log))
            outcome = "SUCCESS"
        except Exception as error:
            log.fault("The event was not handled", error)
            raise
        finally:
            log.record("Event", outcome=outcome, latencyMs=_since(started))

    def _handle_messages(self, records: list[dict]) -> dict:
        """The answer that makes SQS deliver again those messages, and only those, that could not be handled."""
        failed = []
        for record in records:
            started = time.perf_counter()
            message_id = record.get("messageId", "")
            log = self._log.bind(requestId=message_id)
            outcome = "FAILURE"
            try:
                function = self._queues[queue_of(record, frozenset(self._queues))]
                body, count, sent = message_content(record)
                now = datetime.now(UTC)
                function(Message(message_id, body, count, sent, now, self._database, self._aws, self._settings, log))
                outcome = "SUCCESS"
            except NotYet as waiting:
                outcome = "NOT_YET"
                log.info("The message comes again", reason=str(waiting))
                failed.append({"itemIdentifier": message_id})
            except Exception as error:
                log.fault("The message was not handled", error)
                failed.append({"itemIdentifier": message_id})
            log.record("Message", outcome=outcome, latencyMs=_since(started))
        return {"batchItemFailures": failed}

    def _handle_request(self, event: dict, context: object) -> dict:
        started = time.perf_counter()
        http = event.get("requestContext") or {}
        headers = {str(name).lower(): value for name, value in (event.get("headers") or {}).items()}
        request = Request()
        request.request_id = http.get("requestId") or getattr(context, "aws_request_id", "") or ""
        request.log = self._log.bind(requestId=request.request_id)
        request.caller = request.access = None
        request.path = {}
        operation = self._routes.get((event.get("httpMethod"), event.get("resource")))
        try:
            response = self._answer(event, http, headers, operation, request)
            text = _rendered(response)
        except ServiceError as error:
            response = _error(error.status, error.code, error.message, error.details, request, error.headers)
        except DatabaseUnavailable as error:
            request.log.warning(
                "The database is unavailable", reason=error.code, throttled=isinstance(error, Throttled)
            )
            failure = Unavailable("The service is busy. Try again in a moment.")
            response = _error(failure.status, failure.code, failure.message, None, request, failure.headers)
        except Exception as error:
            request.log.fault("Unexpected error", error)
            response = _error(500, "INTERNAL_ERROR", "Something went wrong on our side.", None, request, {})
        if response.status >= 400:
            text = _rendered(response)
        request.log.record(
            "Request",
            # The contract says which method and route an operation has.
            operation=operation.operation_id if operation else None,
            method=None if operation else event.get("httpMethod"),
            resource=None if operation else event.get("resource"),
            status=response.status,
            errorCode=_code_of(response),
            latencyMs=_since(started),
            # Of what went well the gateway's line says who asked, under the same request's id.
            principal=request.caller.user_id if request.caller and response.status >= 400 else None,
            organisationId=request.path.get("orgId"),
        )
        return self._proxy_response(response, text, headers.get("origin"))

    def _answer(
        self, event: dict, http: dict, headers: dict, operation: Operation | None, request: Request
    ) -> Response:
        if operation is None:
            raise NotFound(f"There is no {event.get('httpMethod')} {event.get('resource')}")
        request.operation = operation
        request.settings = self._settings
        request.database = self._database
        request.aws = self._aws
        request.now = datetime.now(UTC)
        request.source_ip = (http.get("identity") or {}).get("sourceIp") or ""
        request.user_agent = headers.get("user-agent") or ""
        request.prefetched = []
        if operation.access != "public":
            request.caller = _caller(http.get("authorizer"))
        validators = self._validators_of(operation)
        request.path = validators.path(event.get("pathParameters") or {})
        request.query = validators.query(event)
        request.each = validators.each
        function, prefetch = self._handlers[operation.operation_id]
        invalid: ServiceError | None = None
        request.body = {}
        try:
            request.body = validators.body(event)
        except (BadRequest, TooLarge) as error:
            invalid = error  # a caller without access learns that first
        calls = list(prefetch(request)) if prefetch is not None and invalid is None else []
        if operation.access == "public":
            request.prefetched = self._database.parallel(calls)
            if invalid is not None:
                raise invalid
            result = function(request)
        else:
            # What the gateway's cached policy said may be five minutes old.
            request.database = CallersDatabase(self._database, request)
            only_reads = operation.method == "GET" or operation.operation_id in self._reads
            result = with_access(request, calls, function, invalid, only_reads=only_reads)
        return result if isinstance(result, Response) else Response(200, result)

    def _validators_of(self, operation: Operation) -> Validators:
        validators = self._validators.get(operation.operation_id)
        if validators is None:
            validators = self._validators[operation.operation_id] = Validators(operation, self._settings.reserved_ids)
        return validators

    def _proxy_response(self, response: Response, text: str, origin: str | None) -> dict:
        headers = {"Content-Type": response.media_type, **_SECURITY_HEADERS, **response.headers}
        allowed = self._settings.allowed_origins
        if allowed:
            headers["Vary"] = "Origin"
            if origin and (origin in allowed or "*" in allowed):
                headers["Access-Control-Allow-Origin"] = origin if origin in allowed else "*"
                headers["Access-Control-Expose-Headers"] = EXPOSED_HEADERS
        return {"statusCode": response.status, "headers": headers, "body": text, "isBase64Encoded": False}


def _registration(registered: dict[str, Callable], name: str) -> Callable[[Callable], Callable]:
    def register(function: Callable) -> Callable:
        if name in registered:
            raise ContractError(f"{name} is registered twice")
        registered[name] = function
        return function

    return register


def _since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 1)


def _caller(context: dict | None) -> Caller:
    user_id = (context or {}).get("userId")
    if not is_valid_id(user_id):
        raise Unauthorized("Sign in first.")
    return Caller(user_id, context.get("email") or "", context.get("orgId") or "")


def _code_of(response: Response) -> str | None:
    """The error code, also of an operation that answers with an error instead of raising it."""
    error = response.body.get("error") if response.status >= 400 and isinstance(response.body, dict) else None
    return error.get("code") if isinstance(error, dict) else None


def _rendered(response: Response) -> str:
    if response.body is None:
        return ""
    if response.media_type != "application/json":
        return response.body
    return json.dumps(response.body, separators=(",", ":"), default=_plain)


def _plain(value: object) -> object:
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} cannot be part of an answer")


def _error(
    status: int, code: str, message: str, details: object, request: Request, headers: Mapping[str, str]
) -> Response:
    body = {"error": {"code": code, "message": message, "details": details, "requestId": request.request_id}}
    return Response(status, body, headers)
