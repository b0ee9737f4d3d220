"""S3.

| AWS | MiniStack | test |
|---|---|---|
| a bucket has metrics configurations | a request for one is taken for CreateBucket | `test_s3.py` |
"""

import re
from typing import Any

from ministack.core.responses import AccountScopedDict
from ministack.services import s3

_XML = "http://s3.amazonaws.com/doc/2006-03-01/"
_DECLARATION = re.compile(rb"^\s*<\?xml[^>]*\?>\s*")


def install() -> None:
    """Keep metrics configurations."""
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
