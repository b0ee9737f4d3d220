"""What a service is asked and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple

from bbws_access.access.grants import Access
from bbws_access.access.reader import AccessIn
from bbws_access.kernel.aws import Aws
from bbws_access.kernel.contract import Operation
from bbws_access.kernel.dynamodb import Database
from bbws_access.kernel.logs import Logger
from bbws_access.kernel.settings import Settings


class Caller(NamedTuple):
    """Who calls, as the authorizer told. `org_id` is the default organisation, "" when there is none."""

    user_id: str
    email: str
    org_id: str


class Response(NamedTuple):
    """An answer. A body of None is sent as no body at all; one of another media type than JSON is text already."""

    status: int
    body: object = None
    headers: Mapping[str, str] = {}
    media_type: str = "application/json"


class Request:
    """One request, validated.

    operation: the contract's operation      path, query: parameters, typed, defaults filled in
    body: the JSON body ({} without one)     caller: who calls, None on public routes
    access: what the caller holds in the path's organisation, or everywhere where it names none; None on public routes
    database: with a caller, a CallersDatabase: what it writes holds only as long as the caller has not left
    other: whoever else the operation asks about, by the calls that were prefetched
    prefetched: results of the operation's `prefetch` calls, in their order
    each: one item of a body whose items have results of their own, checked, as it is stored: `each(field, item)`
    now: UTC, the same moment for the whole request
    """

    __slots__ = (
        "access",
        "aws",
        "body",
        "caller",
        "database",
        "each",
        "log",
        "now",
        "operation",
        "other",
        "path",
        "prefetched",
        "query",
        "request_id",
        "settings",
        "source_ip",
        "user_agent",
    )

    operation: Operation
    path: dict[str, str]
    query: dict[str, object]
    body: dict
    caller: Caller | None
    access: Access | None
    other: AccessIn
    prefetched: list
    each: Callable[[str, object], dict]
    request_id: str
    source_ip: str
    user_agent: str
    database: Database
    aws: Aws
    settings: Settings
    log: Logger
    now: datetime
