"""IAM.

| AWS | MiniStack | test |
|---|---|---|
| the policies within a role have 10,240 characters together | any number | `test_sizes_of_policies` |
| `*` and `?` stand for every character | not for a line break | `test_a_wildcard_stands_for_every_character` |

And what costs no answer but time: a policy's text is taken apart once, and who calls is looked up without all of their
policies where only the name is asked for.
"""

import re
from functools import lru_cache
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.responses import _account_from_sts_session, get_account_id
from ministack.core.router import extract_access_key_id
from ministack.services import iam

_MOST = 10_240
_PRINCIPALS = ("Root", "User", "AssumedRole", "FederatedUser")


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
    parse_text = lru_cache(maxsize=1024)(parse)

    def parse_document(document: str | dict[str, Any]) -> list[iam_evaluator.ParsedStatement]:
        return parse_text(document) if isinstance(document, str) else parse(document)

    return parse_document


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
