"""What IAM checks of one request, beside the single resource that MiniStack sees in it.

AWS asks IAM for every resource that a request names, with what the request says about it (the source of an event, the
sender of a mail). MiniStack asks once, for one resource, and forgets the rest. A shim says here what there is to ask.
"""

import json
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, NamedTuple

from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_account_id

_body: ContextVar[bytes] = ContextVar("body", default=b"")


class Check(NamedTuple):
    """One question to IAM. The keys of the context are condition keys."""

    action: str
    resource_arn: str
    context: dict[str, Any]


# Request (JSON), region and account -> what is to be asked instead.
Checks = Callable[[dict[str, Any], str, str], list[Check]]
_checks: dict[str, Checks] = {}


def check(action: str, checks: Checks) -> None:
    """Ask these questions wherever MiniStack asks whether a request may do `action`, such as events:PutEvents."""
    if not _checks:
        _install()
    _checks[action] = checks


def _install() -> None:
    resource_arn_of, enforce = iam_actions.extract_resource_arn, iam_evaluator.enforce

    def remember_body(service: str, method: str, path: str, headers: dict, body: bytes, *rest: Any) -> str:
        _body.set(body or b"")
        return resource_arn_of(service, method, path, headers, body, *rest)

    def enforce_each(
        access_key_id: str,
        iam_action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: dict[str, Any] | None = None,
    ) -> Any:
        if iam_action not in _checks:
            return enforce(access_key_id, iam_action, service, region, resource_arn, service_context)
        for action, arn, context in _checks[iam_action](_request(), region, get_account_id()):
            denied = enforce(access_key_id, action, service, region, arn, {**(service_context or {}), **context})
            if denied:
                return denied
        return None

    iam_actions.extract_resource_arn = remember_body
    iam_evaluator.enforce = enforce_each


def _request() -> dict[str, Any]:
    try:
        data = json.loads(_body.get() or b"{}")
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}
