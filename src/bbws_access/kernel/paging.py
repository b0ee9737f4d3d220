"""Lists in pages. A cursor is opaque, safe in a URL, and good only for the list that it came from."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode

from bbws_access.kernel.errors import BadRequest
from bbws_access.kernel.violations import violation

DEFAULT_PAGE_SIZE = 50
LARGEST_PAGE_SIZE = 100
_LONGEST_CURSOR = 2048
_TAG_BYTES = 12


def page_size(query: dict) -> int:
    """The page size asked for, 1 to 100. Raises BadRequest."""
    size = query.get("pageSize", DEFAULT_PAGE_SIZE)
    if type(size) is not int or not 1 <= size <= LARGEST_PAGE_SIZE:
        raise BadRequest(
            f"pageSize must be a whole number from 1 to {LARGEST_PAGE_SIZE}",
            details=[violation("query.pageSize", "maximum", f"must be from 1 to {LARGEST_PAGE_SIZE}", size)],
        )
    return size


def encode_cursor(scope: list[str], last_key: dict | None) -> str | None:
    """The cursor after `last_key`, bound to a scope: operation, organisation, filters. None at the end.

    The binding is a checksum, no secret: what a reader may see is decided by the query's own partition key, which
    is never taken from a cursor.
    """
    if last_key is None:
        return None
    payload = json.dumps(last_key, separators=(",", ":"), sort_keys=True).encode()
    return urlsafe_b64encode(_tag(scope, payload) + payload).decode().rstrip("=")


def decode_cursor(scope: list[str], cursor: str | None) -> dict | None:
    """The key to go on from. Raises BadRequest INVALID_CURSOR for a cursor of another list, or one that was changed."""
    if not cursor:
        return None
    try:
        key = json.loads(_payload(scope, cursor))
    except (ValueError, RecursionError):
        key = None
    if not isinstance(key, dict) or not all(isinstance(value, str) for value in key.values()):
        raise invalid_cursor("startAt is not a cursor of this list")
    return key


def invalid_cursor(message: str) -> BadRequest:
    """The refusal of a cursor, which is not repeated: it holds keys of items."""
    advice = "Take it unchanged from the previous page, with the same filters."
    return BadRequest(
        f"{message}. {advice}",
        code="INVALID_CURSOR",
        details=[violation("query.startAt", "cursor", "is not a cursor of this list")],
    )


def _payload(scope: list[str], cursor: str) -> bytes:
    if len(cursor) > _LONGEST_CURSOR or not cursor.isascii():
        return b""
    data = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    # One spelling only: the decoder ignores foreign characters and unused bits.
    one_spelling = urlsafe_b64encode(data).decode().rstrip("=") == cursor
    tag, payload = data[:_TAG_BYTES], data[_TAG_BYTES:]
    return payload if one_spelling and hmac.compare_digest(tag, _tag(scope, payload)) else b""


def list_response(items: list[dict], cursor: str | None, links: dict) -> dict:
    """The body of every list: items, count, moreAvailable, startAt, _links."""
    return {
        "items": items,
        "count": len(items),
        "moreAvailable": cursor is not None,
        "startAt": cursor,
        "_links": links,
    }


def _tag(scope: list[str], payload: bytes) -> bytes:
    bound = json.dumps(scope, separators=(",", ":")).encode()
    return hashlib.sha256(b"bbws-cursor\0" + bound + b"\0" + payload).digest()[:_TAG_BYTES]
