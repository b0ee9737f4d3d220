"""IAM.

| AWS | MiniStack | test |
|---|---|---|
| the policies within a role have 10,240 characters together | any number | `test_sizes_of_policies` |
| `*` and `?` stand for every character | not for a line break | `test_a_wildcard_stands_for_every_character` |

And what costs no answer but time: a policy's text is taken apart once, and who calls is looked up without all of their
policies where only the name is asked for.
"""

import datetime
import re
from collections.abc import Iterable
from contextvars import ContextVar
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.responses import _account_from_sts_session, get_account_id
from ministack.core.router import extract_access_key_id
from ministack.services import iam

_MOST = 10_240
_PRINCIPALS = ("Root", "User", "AssumedRole", "FederatedUser")
# Key, account and principal of the request at hand, while it is judged.
_known: ContextVar[tuple[str, str, Any] | None] = ContextVar("known", default=None)


class _Moment(datetime.datetime):
    """A moment that is written down again and again: that of a session's beginning, for each of its requests."""

    @classmethod
    @lru_cache(maxsize=1024)
    def fromtimestamp(cls, timestamp: float, tz: datetime.tzinfo | None = None) -> "_Moment":
        return super().fromtimestamp(timestamp, tz)

    def strftime(self, form: str) -> str:
        written: dict[str, str] = self.__dict__
        if form not in written:
            written[form] = super().strftime(form)
        return written[form]


class _Statements(list[Any]):
    """The statements of a policy's text, and which condition keys they name."""

    def __init__(self, statements: Iterable[Any]):
        super().__init__(statements)
        self.keys = frozenset(
            key.lower() for one in self for block in one.conditions.values() if isinstance(block, dict) for key in block
        )


def install() -> None:
    """Limit the policies that lie within roles; let wildcards stand for every character."""
    compiled = iam_evaluator._fnmatch_compile

    @lru_cache(maxsize=4096)
    def whole(pattern: str, ignore_case: bool) -> re.Pattern[str]:
        found = compiled(pattern, ignore_case)
        return re.compile(found.pattern.removeprefix("^").removesuffix("$") + r"\Z", found.flags | re.DOTALL)

    iam_evaluator._fnmatch_compile = whole
    iam_evaluator.parse_policy_document = _remembering(iam_evaluator.parse_policy_document)
    iam_evaluator.request_caller_arn = caller
    iam_evaluator._names_condition_key = _names_condition_key
    iam_evaluator._dt = SimpleNamespace(**{**vars(datetime), "datetime": _Moment})
    # The root's keys are of this process's environment, which stays.
    iam_evaluator.is_root_access_key = lru_cache(maxsize=1024)(iam_evaluator.is_root_access_key)
    resolve = iam_evaluator.resolve_principal

    def resolve_known(access_key_id: str, account_id: str, credential: Any = None) -> Any:
        known = _known.get()
        if known is not None and credential is None and known[:2] == (access_key_id, account_id):
            return known[2]
        return resolve(access_key_id, account_id, credential)

    iam_evaluator.resolve_principal = resolve_known
    put_role_policy = iam._put_role_policy

    def put(parameters: dict[str, Any]) -> tuple:
        role, name = iam._roles.get(iam._p(parameters, "RoleName")), iam._p(parameters, "PolicyName")
        if role is not None:
            policies = {**role["InlinePolicies"], name: iam._p(parameters, "PolicyDocument")}
            if sum(len(re.sub(r"\s", "", text)) for text in policies.values()) > _MOST:
                message = f"Maximum policy size of {_MOST} bytes exceeded for role {role['RoleName']}"
                return iam._error(409, "LimitExceeded", message, ns="iam")
        return put_role_policy(parameters)

    iam._IAM_HANDLERS["PutRolePolicy"] = put


def _remembering(parse: Any) -> Any:
    """Take each text of a policy apart once: MiniStack does it for every request. Who changes a policy has another."""
    parse_text = lru_cache(maxsize=1024)(lambda text: _Statements(parse(text)))

    def parse_document(document: str | dict[str, Any]) -> list[iam_evaluator.ParsedStatement]:
        return parse_text(document) if isinstance(document, str) else parse(document)

    return parse_document


def judge_as(access_key_id: str, account_id: str, principal: Any) -> None:
    """Say who sends the request at hand: IAM is asked about several things at one moment. None ends it."""
    _known.set(None if principal is None else (access_key_id, account_id, principal))


def _names_condition_key(policies: list[list[Any]], prefix: str) -> bool:
    """As MiniStack's: whether a condition in some policies uses a key that begins so."""
    return any(
        key.startswith(prefix)
        for statements in policies
        for key in (statements if isinstance(statements, _Statements) else _Statements(statements)).keys
    )


def caller(headers: dict[str, str], query_params: dict[str, Any] | None = None) -> str:
    """The ARN of whoever sends a request; the account's root where nobody is known by its key.

    MiniStack gathers all policies of the caller to tell its name.
    """
    nobody = f"arn:aws:iam::{get_account_id()}:root"
    try:
        key = extract_access_key_id(headers or {}, query_params or {})
        if not key:
            return nobody
        found = iam_evaluator.resolve_credential(key, _account_from_sts_session(key) or get_account_id())
    except Exception:
        return nobody
    if isinstance(found, iam_evaluator.CredentialResolutionError) or found.principal_type not in _PRINCIPALS:
        return nobody
    return found.principal_arn or nobody
