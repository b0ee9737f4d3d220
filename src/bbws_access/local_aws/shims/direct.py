"""DynamoDB: requests for items on a way of their own, which does what MiniStack's way for all services does.

| AWS | MiniStack | test |
|---|---|---|
| (nothing) | reads each body nine times, and builds all that some request to some service may need | `test_direct.py` |

Functions ask for items several times in each request that they serve, so this is most of what a local AWS does. A
request is served here where everything about it is usual: its headers, its form, its signature, and every check lets it
pass. Any other goes the way of all, as if it had not been looked at, and is refused there, in MiniStack's words. So
nothing can be allowed here that is refused there: who signed it, what IAM says and what the models say is asked of the
same functions, each time.
"""

import base64
import calendar
import hashlib
import hmac
import json
import logging
import os
import re
import time
import zlib
from collections.abc import Mapping
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, NamedTuple

from ministack import app
from ministack.core import iam_actions, iam_evaluator, responses, sigv4
from ministack.services import dynamodb

from bbws_access.local_aws.shims import dynamodb as shim
from bbws_access.local_aws.shims import iam, validation
from bbws_access.local_aws.shims.shortcuts import new_uuid

logger = logging.getLogger("local-aws.direct")

Response = tuple[int, dict[str, Any], bytes]
Headers = list[tuple[bytes, bytes]]

TRANSACTION = "TransactWriteItems"
# Operations for items, and MiniStack's functions for them.
_OPERATIONS = {
    "BatchGetItem": "_batch_get_item",
    "BatchWriteItem": "_batch_write_item",
    "DeleteItem": "_delete_item",
    "GetItem": "_get_item",
    "PutItem": "_put_item",
    "Query": "_query",
    "Scan": "_scan",
    "TransactGetItems": "_transact_get_items",
    TRANSACTION: "_transact_write_items",
    "UpdateItem": "_update_item",
}
_TARGET = b"DynamoDB_20120810."
_HOSTS = (b"127.0.0.1", b"localhost")
# What SDKs send. Another header may mean something: a compressed body, a session of somebody else.
_HEADERS = frozenset(
    (
        *(b"host", b"x-amz-target", b"x-amz-date", b"x-amz-security-token", b"authorization", b"content-type"),
        *(b"content-length", b"accept", b"accept-encoding", b"connection", b"user-agent", b"x-amz-user-agent"),
        *(b"amz-sdk-invocation-id", b"amz-sdk-request"),
    )
)
_NEEDED = frozenset((b"host", b"x-amz-target", b"x-amz-date", b"authorization", b"content-type", b"content-length"))
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([A-Za-z0-9]+)/(\d{8})/([a-z0-9-]+)/dynamodb/aws4_request, ?"
    r"SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})"
)
_MOMENT = re.compile(r"\d{8}T\d{6}Z", re.ASCII)
# A little less than DynamoDB's fifteen minutes: who comes close is asked again.
_SKEW_SECONDS = 14 * 60
# This process's environment stays as it is.
_RECORDED = os.environ.get("CLOUDTRAIL_RECORDING") == "1"
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, PUT, DELETE, HEAD, OPTIONS, PATCH",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Expose-Headers": "*",
}


class Ready(NamedTuple):
    """A request that may be served."""

    operation: str
    data: dict[str, Any]
    headers: dict[str, str]
    body: bytes
    region: str


class Parsed(bytes):
    """A body with what it says."""

    data: dict[str, Any]


def install() -> None:
    """Let IAM take what a body says where that is known."""
    iam_actions.json = SimpleNamespace(**{**vars(json), "loads": _loads})


def _loads(text: Any, **settings: Any) -> Any:
    return text.data if isinstance(text, Parsed) else json.loads(text, **settings)


def operation_of(method: bytes, url: bytes, headers: Headers) -> str | None:
    """Which operation for items a request asks for, None where it is not one or anything about it is unusual."""
    if method != b"POST" or url != b"/":
        return None
    found = dict(headers)
    if len(found) != len(headers) or not _NEEDED <= found.keys() <= _HEADERS:
        return None
    target, host = found[b"x-amz-target"], found[b"host"]
    if not target.startswith(_TARGET) or host.partition(b":")[0] not in _HOSTS:
        return None
    if not found[b"content-type"].startswith(b"application/x-amz-json-1."):
        return None
    operation = target[len(_TARGET) :].decode("latin-1")
    return operation if operation in _OPERATIONS else None


def prepare(operation: str, raw_headers: Headers, body: bytes, address: str, *, secure: bool) -> Ready | None:
    """Check a request; None where it does not pass, or is unusual. It runs in a context of its own."""
    if app._get_reset_lock().locked():
        return None
    headers = {name.decode("latin-1"): sigv4.decode_header_value(value) for name, value in raw_headers}
    found = _AUTHORIZATION.fullmatch(headers["authorization"])
    if found is None:
        return None
    key, day, region, signed, signature = found.groups()
    try:
        responses.set_request_account_id(app._request_account_scope(key))
    except iam_evaluator.AmbiguousAccessKeyError:
        return None
    responses.set_request_region(region)
    responses.set_request_client_ip(address)
    iam_evaluator.pin_request_origin(address, secure)
    iam_evaluator._anonymous.set(False)
    iam_evaluator._signed_request.set(None)
    credential = None
    if iam_evaluator.is_root_access_key(key):
        iam_evaluator._verified_key.set("")
    else:
        credential = _signer(key, day, region, signed, signature, headers, body)
        if credential is None:
            return None
        iam_evaluator._verified_key.set(key)
    data = validation.faultless(headers, body)
    if data is None:
        return None
    account = responses.get_account_id()
    try:
        # Who it is stays the same for all that the request names.
        iam.judge_as(key, account, iam_evaluator.resolve_principal(key, account, credential))
        if not _is_allowed(operation, key, region, data, body):
            return None
    finally:
        iam.judge_as(key, account, None)
    return Ready(operation, data, headers, body, region)


def serve(ready: Ready) -> Response:
    """Carry out a request that was checked, in the context that it was checked in and in the same step of the loop."""
    request_id = new_uuid()
    try:
        answer = shim.conflict(ready.operation, ready.data)
        if answer is None:
            status, headers, content = getattr(dynamodb, _OPERATIONS[ready.operation])(ready.data)
            content = content if isinstance(content, bytes) else content.encode()
            headers["x-amz-crc32"] = str(zlib.crc32(content))
        else:
            status, headers, content = answer
    except Exception as error:
        logger.exception("%s failed", ready.operation)
        text = json.dumps({"__type": "InternalError", "message": str(error)})
        return 500, {"Content-Type": "application/json"}, text.encode()
    responses.fix_error_content_type("dynamodb", status, headers)
    responses.fix_success_content_type("dynamodb", status, headers)
    if _RECORDED or "cloudtrail" in app._loaded_modules:
        app._maybe_record_cloudtrail("dynamodb", "POST", "/", ready.headers, ready.body, {}, request_id, ready.region)
    headers.update(_CORS)
    headers["x-amzn-requestid"] = headers["x-amz-request-id"] = request_id
    headers["x-amz-id-2"] = base64.b64encode(os.urandom(48)).decode()
    return status, headers, content


def _signer(
    key: str, day: str, region: str, signed: str, signature: str, headers: Mapping[str, str], body: bytes
) -> iam_evaluator.ResolvedCredential | None:
    """Whoever has this key, where they signed just this request, not long ago."""
    moment = headers["x-amz-date"]
    if not moment.startswith(day) or abs(time.time() - _seconds(moment)) > _SKEW_SECONDS:
        return None
    names = signed.split(";")
    if "host" not in names or "x-amz-date" not in names or not headers.keys() >= set(names):
        return None
    # A session's account is this request's already.
    account = responses.get_account_id()
    credential = iam_evaluator.resolve_credential(key, account, headers.get("x-amz-security-token", ""))
    if isinstance(credential, iam_evaluator.CredentialResolutionError):
        return None
    lines = "".join(f"{name}:{' '.join(headers[name].split())}\n" for name in names)
    asked = f"POST\n/\n\n{lines}\n{signed}\n{hashlib.sha256(body).hexdigest()}"
    scope = f"{day}/{region}/dynamodb/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(asked.encode()).hexdigest()}"
    signing_key = sigv4._cached_signing_key(credential.secret_access_key, day, region, "dynamodb")
    found = hmac.digest(signing_key, text.encode(), "sha256").hex()
    return credential if hmac.compare_digest(found, signature) else None


@lru_cache(maxsize=64)
def _seconds(moment: str) -> float:
    if not _MOMENT.fullmatch(moment):
        return 0.0
    try:
        return calendar.timegm(time.strptime(moment, "%Y%m%dT%H%M%SZ"))
    except ValueError:
        return 0.0


def _is_allowed(operation: str, key: str, region: str, data: dict[str, Any], body: bytes) -> bool:
    """What IAM says, about all that a request names."""
    parsed = Parsed(body)
    parsed.data = data
    action, account = f"dynamodb:{operation}", responses.get_account_id()
    context = iam_actions.dynamodb_service_context(parsed)
    checks = iam_actions.dynamodb_transaction_checks(action, parsed, region, account)
    if checks:
        context = {**context, "dynamodb:EnclosingOperation": [operation]}
    else:
        checks = [(action, arn) for arn in iam_actions.dynamodb_resource_arns(parsed, region, account)]
    # Most parts of a transaction ask for the same. The partition keys that one names are no part of its ARN's text.
    different = {(one, str(arn), tuple(getattr(arn, "leading_keys", ()))): arn for one, arn in checks}
    return bool(checks) and not any(
        iam_evaluator.enforce(key, one, "dynamodb", region, resource_arn=arn, service_context=context)
        for (one, *_), arn in different.items()
    )
