"""IAM.

| AWS | MiniStack | test |
|---|---|---|
| the policies within a role have 10,240 characters together | any number | `test_sizes_of_policies` |
"""

import re
from typing import Any

from ministack.services import iam

_MOST = 10_240


def install() -> None:
    """Limit the policies that lie within roles."""
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
