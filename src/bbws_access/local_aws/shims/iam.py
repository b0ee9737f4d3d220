"""IAM.

| AWS | MiniStack | test |
|---|---|---|
| the policies within a role have 10,240 characters together | any number | `test_sizes_of_policies` |
| `*` and `?` stand for every character | not for a line break | `test_a_wildcard_stands_for_every_character` |
"""

import re
from functools import lru_cache
from typing import Any

from ministack.core import iam_evaluator
from ministack.services import iam

_MOST = 10_240


def install() -> None:
    """Limit the policies that lie within roles; let wildcards stand for every character."""
    compiled = iam_evaluator._fnmatch_compile

    @lru_cache(maxsize=4096)
    def whole(pattern: str, ignore_case: bool) -> re.Pattern[str]:
        found = compiled(pattern, ignore_case)
        return re.compile(found.pattern.removeprefix("^").removesuffix("$") + r"\Z", found.flags | re.DOTALL)

    iam_evaluator._fnmatch_compile = whole
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
