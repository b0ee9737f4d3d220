"""What a service of AWS may do: invoke a function, by its own policy; or what a role may that the service was given."""

import json
from typing import Any

from ministack.core import iam_evaluator
from ministack.services import iam, lambda_svc

_INVOKE = "lambda:InvokeFunction"


def function_permits(function: str, service: str, source_arn: str, account: str, region: str) -> bool:
    """Whether the policy of a function (an ARN, with its alias or version) lets a service invoke it for a source."""
    record, config, name = lambda_svc._get_func_record_for_ref_in_scope(function, account_id=account, region=region)
    if record is None or config is None:
        return False
    # The record of a version has the policy of the moment it was published; today's is the function's own.
    statements = lambda_svc._functions.get_scoped(account, region, name)["policy"]["Statement"]
    return any(_permits(statement, function, service, source_arn, account) for statement in statements)


def role_permits(role_arn: str, service: str, resource: str, account: str, region: str, action: str = _INVOKE) -> bool:
    """Whether a service may take a role, and the role may do something to a resource: invoke a function."""
    name = role_arn.rsplit("/", 1)[-1]
    role = iam._roles.get(name)
    if role is None or role.get("Arn") != role_arn:
        return False
    trust = role.get("AssumeRolePolicyDocument")
    if not _trusts(json.loads(trust) if isinstance(trust, str) else trust or {}, service):
        return False
    context = iam_evaluator.EvalContext(
        principal_arn=f"arn:aws:sts::{account}:assumed-role/{name}/{service.partition('.')[0]}",
        principal_type="AssumedRole",
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=region,
    )
    return iam_evaluator.evaluate(context, iam_evaluator._gather_role_policies(name, account)).decision == "Allow"


def _permits(statement: dict[str, Any], function: str, service: str, source_arn: str, account: str) -> bool:
    condition = statement.get("Condition") or {}
    wanted_source = (condition.get("ArnLike") or {}).get("AWS:SourceArn")
    wanted_account = (condition.get("StringEquals") or {}).get("AWS:SourceAccount")
    return (
        statement.get("Effect") == "Allow"
        and statement.get("Resource") == function
        and iam_evaluator._service_principal_matches(statement.get("Principal"), service)
        and iam_evaluator.fnmatch_iam(_INVOKE, statement.get("Action", ""))
        and (wanted_source is None or iam_evaluator.fnmatch_iam_cs(source_arn, wanted_source))
        and wanted_account in (None, account)
    )


def _trusts(policy: dict[str, Any], service: str) -> bool:
    statements = policy.get("Statement") or []
    return any(
        statement.get("Effect") == "Allow"
        and iam_evaluator._service_principal_matches(statement.get("Principal"), service)
        for statement in ([statements] if isinstance(statements, dict) else statements)
    )
