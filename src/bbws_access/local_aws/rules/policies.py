"""Policies: their grammar and sizes, wherever one is handed over.

From IAM's reference of the policy grammar and its quotas, and what each service says of policies of its resources.
Actions and condition keys that nobody knows are taken by AWS, so they are none of a rule's business.
"""

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from ipaddress import ip_network
from typing import Any, NamedTuple

from bbws_access.local_aws.judge import Violation, limit
from bbws_access.local_aws.wire import Call

_VERSIONS = ("2012-10-17", "2008-10-17")
_TOP = {"Version", "Id", "Statement"}
_STATEMENT = {
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
}
_ACTION = re.compile(r"\*|[A-Za-z0-9-]+:[A-Za-z0-9*?_-]+")
_ARN = re.compile(r"(arn:[\w*?-]+:[\w*?-]+:[\w*?${}.-]*:[\w*?${}:/.-]*:.+)|\*", re.DOTALL)
_ACCOUNT = re.compile(r"\d{12}")
_PRINCIPAL_ARN = re.compile(r"arn:aws[\w-]*:(iam|sts)::(\d{12}|aws|cloudfront):.+")
_SERVICE = re.compile(r"[a-z0-9][a-z0-9.-]*\.(amazonaws\.com|amazonaws\.com\.cn|amazon\.com|aws)")
_PRINCIPALS = {"AWS", "Service", "Federated", "CanonicalUser"}
_OPERATOR = re.compile(
    r"(?:For(?:All|Any)Values:)?(?:(?:String(?:Not)?(?:Equals(?:IgnoreCase)?|Like)|Arn(?:Not)?(?:Equals|Like)"
    r"|Bool|BinaryEquals|(?P<number>Numeric(?:(?:Not)?Equals|(?:Less|Greater)Than(?:Equals)?))"
    r"|(?P<date>Date(?:(?:Not)?Equals|(?:Less|Greater)Than(?:Equals)?))|(?P<address>(?:Not)?IpAddress))(?:IfExists)?"
    r"|(?P<null>Null))",
    re.IGNORECASE,
)
_KEY = re.compile(r"[\w-]+:.+")
_VARIABLE = re.compile(r"\$\{([^}]*)\}?")


class Kind(NamedTuple):
    """What policies of one place may hold."""

    principal: bool  # it names principals: a policy of a resource, or who may assume a role
    resource: bool  # it names resources
    code: str = "MalformedPolicyDocument"


IDENTITY = Kind(principal=False, resource=True)
TRUST = Kind(principal=True, resource=False)
RESOURCE = Kind(principal=True, resource=True)


def faults(text: str, kind: Kind) -> Iterator[str]:
    """What is wrong with a policy."""
    try:
        document = json.loads(text, object_pairs_hook=_unique)
    except _Twice:
        yield "Syntax errors in policy: a key occurs twice."
        return
    except ValueError:
        yield "Syntax errors in policy." if text.strip()[:1] == "{" else "This policy contains invalid Json"
        return
    if not isinstance(document, dict):
        yield "Syntax errors in policy."
        return
    for name in document.keys() - _TOP:
        yield f"Syntax errors in policy: {name!r} is none of its elements."
    if "Version" in document and document["Version"] not in _VERSIONS:
        yield "The policy must contain a valid version string"
    statements = document.get("Statement")
    statements = statements if isinstance(statements, list) else [statements]
    if not statements or not all(isinstance(one, dict) for one in statements):
        yield "Syntax errors in policy: it has no statement."
        return
    names = [one["Sid"] for one in statements if one.get("Sid")]
    if len(set(map(str, names))) != len(names):
        yield "Statement IDs (SID) in a single policy must be unique."
    for statement in statements:
        yield from _statement_faults(statement, kind)


class _Twice(ValueError):
    pass


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Twice
    return found


def _statement_faults(statement: dict[str, Any], kind: Kind) -> Iterator[str]:
    for name in statement.keys() - _STATEMENT:
        yield f"Syntax errors in policy: {name!r} is no element of a statement."
    if statement.get("Effect") not in ("Allow", "Deny"):
        yield f"Syntax errors in policy: the effect {statement.get('Effect')!r} is neither Allow nor Deny."
    sid = statement.get("Sid", "")
    if not isinstance(sid, str) or (not kind.principal and not re.fullmatch(r"[A-Za-z0-9]*", sid)):
        yield f"Statement IDs (SID) in policies of IAM are letters and digits: {sid!r}."
    yield from _one_of(statement, "Action", required=True)
    for action in _texts(statement.get("Action", statement.get("NotAction"))):
        if not isinstance(action, str) or not _ACTION.fullmatch(action):
            yield f"Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.: {action!r}"
    if kind.resource:
        yield from _one_of(statement, "Resource", required=True)
        for resource in _texts(statement.get("Resource", statement.get("NotResource"))):
            if not isinstance(resource, str) or not _ARN.fullmatch(resource):
                yield f'Resource {resource} must be in ARN format or "*".'
            else:
                yield from _variable_faults(resource)
    elif "Resource" in statement or "NotResource" in statement:
        yield "Has prohibited field Resource"
    if kind.principal:
        yield from _one_of(statement, "Principal", required=True)
        yield from _principal_faults(statement.get("Principal", statement.get("NotPrincipal")))
    elif "Principal" in statement or "NotPrincipal" in statement:
        yield "Policy document should not specify a principal."
    yield from _condition_faults(statement.get("Condition"))


def _one_of(statement: dict[str, Any], name: str, *, required: bool) -> Iterator[str]:
    there = [one for one in (name, f"Not{name}") if one in statement]
    if len(there) > 1:
        yield f"Syntax errors in policy: {name} and Not{name} stand in one statement."
    elif (not there and required) or (there and (statement[there[0]] in ("", [], {}, None))):
        yield f"Policy statement must contain {name.lower()}s."


def _texts(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _variable_faults(text: str) -> Iterator[str]:
    for found in _VARIABLE.finditer(text):
        if not found[0].endswith("}") or not re.fullmatch(r"[*?$]|[\w-]+:[\w/.+=@ :-]+(, *'[^']*')?", found[1]):
            yield f"The policy contains an invalid variable: {found[0]}"


def _principal_faults(principal: Any) -> Iterator[str]:
    if principal == "*" or principal is None:
        return
    if not isinstance(principal, dict):
        yield f"Invalid principal in policy: {principal!r}"
        return
    for kind, values in principal.items():
        if kind not in _PRINCIPALS:
            yield f'Invalid principal in policy: "{kind}"'
        for value in _texts(values):
            right = isinstance(value, str) and (
                (kind == "AWS" and (value == "*" or _ACCOUNT.fullmatch(value) or _PRINCIPAL_ARN.fullmatch(value)))
                or (kind == "Service" and _SERVICE.fullmatch(value))
                or (kind in ("Federated", "CanonicalUser") and value)
            )
            if not right:
                yield f'Invalid principal in policy: "{kind}":"{value}"'


def _condition_faults(condition: Any) -> Iterator[str]:
    if condition is None:
        return
    if not isinstance(condition, dict):
        yield "Syntax errors in policy: a condition is an object."
        return
    for operator, keys in condition.items():
        known = _OPERATOR.fullmatch(operator)
        if known is None:
            yield f"Invalid Condition type : {operator}."
            continue
        if not isinstance(keys, dict) or not keys:
            yield f"Syntax errors in policy: {operator} compares nothing."
            continue
        for key, values in keys.items():
            if not _KEY.fullmatch(key):
                yield f"Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.: {key!r}"
            if isinstance(values, list) and not values and operator.lower().startswith("for"):
                continue
            for value in _texts(values):
                if isinstance(value, dict | list) or value is None:
                    yield f"Syntax errors in policy: {key} is compared with {value!r}."
                elif "${" not in str(value) and not _fits(known, str(value)):
                    yield f"Syntax errors in policy: {operator} cannot compare {key} with {value!r}."
                elif isinstance(value, str):
                    yield from _variable_faults(value)


def _fits(operator: re.Match[str], value: str) -> bool:
    try:
        if operator["number"]:
            float(value)
        elif operator["date"] and not value.isdigit():
            datetime.fromisoformat(value)
        elif operator["address"]:
            ip_network(value, strict=False)
    except ValueError:
        return False
    return value.lower() in ("true", "false") if operator["null"] else True


# Where they are handed over


def _policy(
    member: str, kind: Kind, most: int | None = None, *, blanks: bool = True, too_long: str = ""
) -> Callable[[Call], Iterator[Violation]]:
    """A rule for one member. `blanks`: they count towards its size."""

    def rule(call: Call) -> Iterator[Violation]:
        text = call.values.get(member)
        if text is None:
            return
        if isinstance(text, bytes):
            text = text.decode(errors="replace")
        size = len(text if blanks else re.sub(r"\s", "", text))
        if most is not None and size > most:
            message = f"Maximum policy size of {most} bytes exceeded"
            yield limit(member, message, too_long or kind.code)
        for fault in faults(text, kind):
            yield limit(member, fault, kind.code)

    return rule


def _attribute(name: str, most: int, code: str) -> Callable[[Call], Iterator[Violation]]:
    """A rule for a policy among the attributes of SQS and SNS."""
    kind = RESOURCE._replace(code=code)

    def rule(call: Call) -> Iterator[Violation]:
        values = call.values
        if "AttributeName" in values:
            attributes = {values["AttributeName"]: values.get("AttributeValue")}
        else:
            attributes = values.get("Attributes") or {}
        text = attributes.get(name)
        # An empty one takes the policy away.
        if text:
            if len(text.encode()) > most:
                yield limit(name, f"{name} is longer than {most} bytes", code)
            for fault in faults(text, kind):
                yield limit(name, fault, code)

    return rule


def _of_identity(most: int) -> Callable[[Call], Iterator[Violation]]:
    return _policy("PolicyDocument", IDENTITY, most, blanks=False, too_long="LimitExceeded")


_S3_POLICY = _policy("Policy", RESOURCE._replace(code="MalformedPolicy"), 20 * 1024)
_KMS_POLICY = _policy("Policy", RESOURCE._replace(code="MalformedPolicyDocumentException"), 32 * 1024)
_SQS = _attribute("Policy", 8192, "InvalidAttributeValue")
_SNS = _attribute("Policy", 30720, "InvalidParameter")

RULES = [
    ("iam:CreatePolicy", _of_identity(6144)),
    ("iam:CreatePolicyVersion", _of_identity(6144)),
    ("iam:PutRolePolicy", _of_identity(10240)),
    ("iam:PutUserPolicy", _of_identity(2048)),
    ("iam:PutGroupPolicy", _of_identity(5120)),
    ("iam:CreateRole", _policy("AssumeRolePolicyDocument", TRUST, 2048, blanks=False, too_long="LimitExceeded")),
    ("iam:UpdateAssumeRolePolicy", _policy("PolicyDocument", TRUST, 2048, blanks=False, too_long="LimitExceeded")),
    ("sts:AssumeRole", _policy("Policy", IDENTITY, 2048, too_long="PackedPolicyTooLarge")),
    ("s3:PutBucketPolicy", _S3_POLICY),
    ("kms:CreateKey", _KMS_POLICY),
    ("kms:PutKeyPolicy", _KMS_POLICY),
    ("sqs:CreateQueue", _SQS),
    ("sqs:SetQueueAttributes", _SQS),
    ("sns:CreateTopic", _SNS),
    ("sns:SetTopicAttributes", _SNS),
    ("events:PutPermission", _policy("Policy", RESOURCE._replace(code="ValidationException"), 10240)),
    ("logs:PutResourcePolicy", _policy("policyDocument", RESOURCE._replace(code="InvalidParameterException"), 5120)),
    ("backup:PutBackupVaultAccessPolicy", _policy("Policy", RESOURCE._replace(code="InvalidParameterValueException"))),
]
