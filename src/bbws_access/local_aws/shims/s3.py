"""S3.

| AWS | MiniStack | test |
|---|---|---|
| a bucket has metrics configurations | a request for one is taken for CreateBucket | `test_metrics_configurations` |
| PutObjectRetention is asked for an object's own lock, and how long | PutObject | `test_retention_is_checked` |
| an object's lock has a mode and a date that is to come | is kept as it came | `test_locks_that_s3_refuses` |
| versioning of a bucket with a lock stays on | is suspended | `test_versioning_of_a_locked_bucket_stays_on` |
| a replica has its object's lock, or what its bucket's rule says | has none | `test_a_replica_is_locked` |
"""

import math
import re
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import AccountScopedDict
from ministack.services import s3

_XML = "http://s3.amazonaws.com/doc/2006-03-01/"
_RETAIN_UNTIL = re.compile(rb"<RetainUntilDate>\s*([^<\s]+)\s*</RetainUntilDate>")
_remaining_days: ContextVar[int | None] = ContextVar("remaining_days", default=None)
_DECLARATION = re.compile(rb"^\s*<\?xml[^>]*\?>\s*")


def install() -> None:
    """Keep metrics configurations; check who locks objects, how, and for how long."""
    _check_retention()
    _check_locks()
    _lock_replicas()
    handle_request, delete_bucket, reset = s3.handle_request, s3._delete_bucket, s3.reset
    # Beside MiniStack's own stores, so that it is saved with them: bucket -> id -> XML.
    s3._bucket_metrics = AccountScopedDict()

    async def handle(
        method: str, path: str, headers: dict, body: bytes, query_params: dict, *arguments: Any, **settings: Any
    ) -> tuple:
        bucket = path.strip("/")
        if "metrics" in query_params and "/" not in bucket:
            return _metrics(method, bucket, query_params.get("id", [None])[0], body)
        return await handle_request(method, path, headers, body, query_params, *arguments, **settings)

    def delete(name: str) -> tuple:
        answer = delete_bucket(name)
        if answer[0] < 300:
            s3._bucket_metrics.pop(name, None)
        return answer

    def reset_all() -> None:
        reset()
        s3._bucket_metrics._data.clear()

    s3.handle_request = handle
    s3._delete_bucket = delete
    s3.reset = reset_all


def _metrics(method: str, bucket: str, name: str | None, body: bytes) -> tuple:
    if s3._ensure_bucket(bucket) is None:
        return s3._no_such_bucket(bucket)
    configurations = s3._bucket_metrics.setdefault(bucket, {})
    if method == "GET" and name is None:
        listed = b"".join(configurations.values())
        text = f'<ListMetricsConfigurationsResult xmlns="{_XML}"><IsTruncated>false</IsTruncated>'.encode()
        return 200, {"Content-Type": "application/xml"}, text + listed + b"</ListMetricsConfigurationsResult>"
    if method == "PUT":
        configurations[name] = _DECLARATION.sub(b"", body)
        return 200, {}, b""
    if name not in configurations:
        return s3._error("NoSuchConfiguration", "The specified configuration does not exist.", 404, f"/{bucket}")
    if method == "DELETE":
        del configurations[name]
        return 204, {}, b""
    return 200, {"Content-Type": "application/xml"}, configurations[name]


def _check_retention() -> None:
    resource_arn_of, enforce = iam_actions.extract_resource_arn, iam_evaluator.enforce
    additional_checks = iam_actions.s3_additional_checks

    def remember_retention(service: str, method: str, path: str, headers: dict, body: bytes, *rest: Any) -> str:
        if service == "s3":
            in_body = _RETAIN_UNTIL.search(body or b"")
            until = headers.get("x-amz-object-lock-retain-until-date") or (in_body and in_body[1].decode())
            _remaining_days.set(_days_until(until) if until else None)
        return resource_arn_of(service, method, path, headers, body, *rest)

    def with_retention(method: str, path: str, headers: dict, *rest: Any) -> list[tuple[str, str]]:
        checks = additional_checks(method, path, headers, *rest)
        if method in ("PUT", "POST") and "x-amz-object-lock-retain-until-date" in headers:
            checks.append(("s3:PutObjectRetention", f"arn:aws:s3:::{path.strip('/')}"))
        return checks

    def enforce_retention(
        access_key_id: str,
        iam_action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: dict[str, Any] | None = None,
    ) -> Any:
        days = _remaining_days.get()
        if iam_action == "s3:PutObjectRetention" and days is not None:
            service_context = {**(service_context or {}), "s3:object-lock-remaining-retention-days": str(days)}
        return enforce(access_key_id, iam_action, service, region, resource_arn, service_context)

    iam_actions.extract_resource_arn = remember_retention
    iam_actions.s3_additional_checks = with_retention
    iam_evaluator.enforce = enforce_retention


def _check_locks() -> None:
    header_error, put_retention = s3._object_lock_header_error, s3._put_object_retention
    put_versioning = s3._put_bucket_versioning

    def checked_headers(bucket: str, headers: dict) -> tuple | None:
        return header_error(bucket, headers) or _lock_error(headers)

    def checked_retention(bucket: str, key: str, body: bytes, *arguments: Any, **settings: Any) -> tuple:
        until = _RETAIN_UNTIL.search(body or b"")
        return (until and _date_error(until[1].decode())) or put_retention(bucket, key, body, *arguments, **settings)

    def checked_versioning(bucket: str, body: bytes) -> tuple:
        if s3._bucket_object_lock.get(bucket) and b"Suspended" in body:
            return s3._error(
                "InvalidBucketState",
                "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.",
                409,
            )
        return put_versioning(bucket, body)

    s3._object_lock_header_error = checked_headers
    s3._put_object_retention = checked_retention
    s3._put_bucket_versioning = checked_versioning


def _lock_replicas() -> None:
    apply_lock = s3._apply_object_lock_from_headers

    def apply_to_both(bucket: str, key: str, headers: dict, version_id: str | None) -> None:
        apply_lock(bucket, key, headers, version_id)
        written = s3._buckets[bucket]["objects"].get(key, {})
        if written.get("version_id") != version_id or not written.get("_replica"):
            return
        replica_bucket, replica_version, account = written["_replica"]
        retention = s3._object_retention.get((bucket, key, version_id))
        hold = s3._object_legal_hold.get((bucket, key, version_id))
        with s3._in_account(account):
            if not s3._bucket_object_lock.get(replica_bucket):
                return
            # As if it came with the object's own lock: only without one does the bucket's rule count.
            lock = {"x-amz-object-lock-legal-hold": hold} if hold else {}
            if retention:
                lock["x-amz-object-lock-mode"] = retention["Mode"]
                lock["x-amz-object-lock-retain-until-date"] = retention["RetainUntilDate"]
            apply_lock(replica_bucket, key, lock, replica_version)
            s3._persist_version_state(replica_bucket, key, s3._buckets[replica_bucket])

    s3._apply_object_lock_from_headers = apply_to_both


def _lock_error(headers: dict) -> tuple | None:
    mode, until = (headers.get(f"x-amz-object-lock-{name}") for name in ("mode", "retain-until-date"))
    hold = headers.get("x-amz-object-lock-legal-hold")
    if hold is not None and hold not in ("ON", "OFF"):
        return s3._error("InvalidArgument", "Legal Hold must be either of 'ON' or 'OFF'", 400)
    if mode is None and until is None:
        return None
    if not mode or not until:
        message = "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied"
        return s3._error("InvalidArgument", message, 400)
    if mode not in ("GOVERNANCE", "COMPLIANCE"):
        return s3._error("InvalidArgument", "Unknown wormMode directive.", 400)
    return _date_error(until)


def _date_error(until: str) -> tuple | None:
    try:
        moment = datetime.fromisoformat(until)
    except ValueError:
        return s3._error("InvalidArgument", "The retain until date must be provided in ISO 8601 format", 400)
    if moment.replace(tzinfo=moment.tzinfo or UTC) <= datetime.now(UTC):
        return s3._error("InvalidArgument", "The retain until date must be in the future!", 400)
    return None


def _days_until(moment: str) -> int | None:
    try:
        until = datetime.fromisoformat(moment)
    except ValueError:
        return None
    return math.ceil((until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds() / 86400)
