"""Records of whole tables, for who may read all of them; and pages of what was found."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from bbws_access.cli.errors import UsageError
from bbws_access.cli.targets import Target

One = TypeVar("One")


def active_records(target: Target, table: str, *kinds: str) -> Iterator[dict[str, Any]]:
    """What is active of some kinds of records. Reads the table whole."""
    return _records(target, table, kinds, {"active": True})


def records_in(target: Target, table: str, org_id: str, *kinds: str) -> Iterator[dict[str, Any]]:
    """All records of some kinds in an organisation, inactive ones too. Reads the table whole, never an index."""
    return _records(target, table, kinds, {"organisationId": org_id})


def every_record(target: Target, table: str, *kinds: str) -> Iterator[dict[str, Any]]:
    """All records of some kinds, inactive ones too. Reads the table whole."""
    return _records(target, table, kinds, {})


def _records(
    target: Target, table: str, kinds: Sequence[str], wanted: Mapping[str, str | bool]
) -> Iterator[dict[str, Any]]:
    from bbws_access.kernel.dynamodb import decode_item, encode_item

    values = {f":kind{n}": {"S": kind} for n, kind in enumerate(kinds)}
    pages = (
        target.client("dynamodb")
        .get_paginator("scan")
        .paginate(
            TableName=table,
            FilterExpression=" AND ".join(
                [f"#kind IN ({', '.join(values)})", *(f"#{name} = :{name}" for name in wanted)]
            ),
            ExpressionAttributeNames={"#kind": "entityType", **{f"#{name}": name for name in wanted}},
            ExpressionAttributeValues={**values, **encode_item({f":{name}": wanted[name] for name in wanted})},
            ConsistentRead=True,
        )
    )
    for page in pages:
        yield from map(decode_item, page["Items"])


def page(found: Sequence[One], place: Callable[[One], str], start_at: str | None, size: int) -> dict[str, Any]:
    """A page as the API's lists are: items, count, moreAvailable, startAt; and total, since all was read.

    found: all of it, in the order of what `place` says of each
    start_at: what the page before said, None for the first one
    """
    if start_at is not None and not start_at.strip():
        raise UsageError("--start-at is empty: give what the page before ended with.")
    rest = [one for one in found if start_at is None or place(one) > start_at]
    items = rest[:size]
    more = len(rest) > size
    return {
        "items": items,
        "count": len(items),
        "moreAvailable": more,
        "startAt": place(items[-1]) if more else None,
        "total": len(found),
    }
