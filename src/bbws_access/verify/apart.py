"""What of one environment would meet another's, if both were in one account and one region.

Two environments may share both, and IAM, EventBridge and CloudWatch know no environments: only names, patterns and
ARNs keep them apart. Accounts and regions are therefore taken for the same, whatever they are.
"""

import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple

from bbws_access.verify.jobs import Planned

# Kind => what tells one from another within an account and region; nothing: there is one only. Others go by their name.
IDENTITIES: dict[str, tuple[str, ...]] = {
    "aws_api_gateway_account": (),
    "aws_api_gateway_domain_name": ("domain_name",),
    "aws_cloudwatch_dashboard": ("dashboard_name",),
    "aws_cloudwatch_event_rule": ("event_bus_name", "name"),
    "aws_cloudwatch_event_target": ("event_bus_name", "rule", "target_id"),
    "aws_cloudwatch_log_metric_filter": ("log_group_name", "name"),
    "aws_cloudwatch_metric_alarm": ("alarm_name",),
    "aws_cognito_user_pool_client": ("user_pool_id", "name"),
    "aws_cognito_user_pool_domain": ("domain",),
    "aws_iam_role_policy": ("role", "name"),
    "aws_lambda_alias": ("function_name", "name"),
    "aws_lambda_function": ("function_name",),
    "aws_lambda_permission": ("function_name", "qualifier", "statement_id"),
    "aws_route53_record": ("zone_id", "name", "type"),
    "aws_s3_bucket": ("bucket",),
    "aws_sesv2_configuration_set": ("configuration_set_name",),
    "aws_sesv2_email_identity": ("email_identity",),
    "aws_xray_sampling_rule": ("rule_name",),
}
# What AWS counts for the whole account and nowhere else: each environment may watch it.
OF_THE_ACCOUNT = {
    ("AWS/Lambda", "ConcurrentExecutions"),
    ("AWS/SES", "Reputation.BounceRate"),
    ("AWS/SES", "Reputation.ComplaintRate"),
}
# Actions for which AWS knows no resource to name.
WITHOUT_RESOURCE = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
POLICIES = {
    "aws_iam_role_policy": "policy",
    "aws_iam_policy": "policy",
    "aws_iam_role": "assume_role_policy",
    "aws_s3_bucket_policy": "policy",
    "aws_sns_topic_policy": "policy",
    "aws_sqs_queue": "policy",
    "aws_sqs_queue_policy": "policy",
    "aws_kms_key": "policy",
    "aws_cloudwatch_log_resource_policy": "policy_document",
    "aws_cloudwatch_event_bus_policy": "policy",
}
OF_ROLES = {"aws_iam_role_policy", "aws_iam_policy"}

_REGION = re.compile(r"\b[a-z]{2}(?:-gov)?-(?:north|south|east|west|central)[a-z]*-\d\b")
_ACCOUNT = re.compile(r"(?<![\w-])\d{12}(?![\w-])")
_ARN = re.compile(r"arn:[a-z-]+:[a-z0-9-]+:[^\s\"',]*")


class Meeting(NamedTuple):
    """Something of `item` that meets another environment: what, and where."""

    item: Planned
    message: str
    attribute: str
    value: str


def meetings(mine: list[Planned], theirs: list[Planned], their_prefix: str) -> Iterator[Meeting]:
    """Everything of `mine` that is the same as something of `theirs`, takes what is theirs, or may reach it."""
    yield from _names(mine, theirs)
    yield from _events(mine, theirs)
    yield from _metrics(mine, theirs)
    yield from _permissions(mine, _arns(theirs, their_prefix))


# Names


def _names(mine: list[Planned], theirs: list[Planned]) -> Iterator[Meeting]:
    taken = {(item.type, name) for item in theirs if (name := _identity(item)) is not None}
    for item in mine:
        name = _identity(item)
        if name is not None and (item.type, name) in taken:
            attributes = IDENTITIES.get(item.type, ("name",))
            shown = " / ".join(name) or "one for the whole account and region"
            yield Meeting(item, f"{item.address} is the same thing in both: {shown}", (*attributes, "name")[-1], shown)


def _identity(item: Planned) -> tuple[str, ...] | None:
    """What it is known by; None where that is known only after it exists, or it is a part of something else."""
    attributes = IDENTITIES.get(item.type, ("name",))
    values = [item.values.get(attribute) for attribute in attributes]
    return tuple(_same_place(str(value)) for value in values) if all(values) else None


# Events


def _events(mine: list[Planned], theirs: list[Planned]) -> Iterator[Meeting]:
    patterns = [(_bus(item), _pattern(item)) for item in theirs if _pattern(item) is not None]
    for item in mine:
        pattern = _pattern(item)
        if pattern is None:
            continue
        if any(bus == _bus(item) and overlap(pattern, other) for bus, other in patterns):
            message = f"{item.address} takes events of the bus {_bus(item)} that the other environment takes too"
            yield Meeting(item, message, "event_pattern", json.dumps(pattern))


def _bus(item: Planned) -> str:
    return item.values.get("event_bus_name") or "default"


def _pattern(item: Planned) -> dict[str, Any] | None:
    text = item.values.get("event_pattern") if item.type == "aws_cloudwatch_event_rule" else None
    return json.loads(text) if text else None


def overlap(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether an event may match two patterns of EventBridge. A filter of either, such as a prefix, may match all."""
    for key in one.keys() & other.keys():
        first, second = one[key], other[key]
        if isinstance(first, dict) and isinstance(second, dict):
            if not overlap(first, second):
                return False
        elif isinstance(first, list) and isinstance(second, list):
            filters = any(isinstance(value, dict) for value in (*first, *second))
            if not filters and not any(value in second for value in first):
                return False
    return True


# Metrics


def _metrics(mine: list[Planned], theirs: list[Planned]) -> Iterator[Meeting]:
    counted = {metric for item in theirs for metric in _made(item)}
    watched = {metric for item in theirs for metric in _watched(item)}
    for item in mine:
        for namespace, name in _made(item):
            if (namespace, name) in counted:
                message = f"{item.address} counts into a metric of the other environment"
                yield Meeting(item, message, "metric_transformation", f"{namespace} {name}")
        for metric in _watched(item):
            namespace, name, dimensions = metric
            if (namespace, name) in counted or (metric in watched and (namespace, name) not in OF_THE_ACCOUNT):
                message = f"{item.address} watches a metric of the other environment"
                shown = " ".join((namespace, name, *(f"{key}={value}" for key, value in dimensions)))
                yield Meeting(item, message, "metric_query", shown)


def _made(item: Planned) -> Iterator[tuple[str, str]]:
    if item.type == "aws_cloudwatch_log_metric_filter":
        # Dimensions come from the log line, which says nothing of its environment that a plan could see.
        for metric in item.values.get("metric_transformation") or []:
            yield metric["namespace"], metric["name"]


def _watched(item: Planned) -> Iterator[tuple[str, str, tuple[tuple[str, str], ...]]]:
    if item.type == "aws_cloudwatch_metric_alarm":
        parts = [
            item.values,
            *(one for query in item.values.get("metric_query") or [] for one in query["metric"] or []),
        ]
        for metric in parts:
            if metric.get("namespace") and metric.get("metric_name"):
                dimensions = sorted((metric.get("dimensions") or {}).items())
                yield metric["namespace"], metric["metric_name"], tuple((k, _same_place(v)) for k, v in dimensions)


# Permissions


def _arns(items: Iterable[Planned], prefix: str) -> list[str]:
    """Every ARN in the plan that names something of the environment."""
    named = re.compile(rf"(?<![a-z0-9-]){re.escape(prefix)}(?![a-z0-9])")
    found = {arn for item in items for text in _strings(item.values) for arn in _ARN.findall(text)}
    return sorted({_same_place(arn) for arn in found if named.search(arn)})


def _permissions(mine: list[Planned], arns: list[str]) -> Iterator[Meeting]:
    for item in mine:
        attribute = POLICIES.get(item.type)
        text = item.values.get(attribute) if attribute else None
        for statement in _allowing(text):
            for pattern in _reach(item, statement):
                reached = _reached(pattern, arns)
                if reached:
                    sid = statement.get("Sid") or "a statement"
                    yield Meeting(item, f"{item.address}: {sid} reaches {reached}", attribute, pattern)
        source = item.values.get("source_arn") if item.type == "aws_lambda_permission" else None
        reached = _reached(source, arns) if source else None
        if reached:
            yield Meeting(item, f"{item.address} lets {reached} invoke", "source_arn", source)


def _reached(pattern: str, arns: list[str]) -> str | None:
    """The first of these that a pattern reaches, which may name another account or region."""
    placed = _compiled(_same_place(pattern))
    return next((arn for arn in arns if placed.fullmatch(arn)), None)


def _allowing(text: object) -> Iterator[dict[str, Any]]:
    document = json.loads(text) if isinstance(text, str) and text else {}
    yield from (one for one in _list(document.get("Statement", [])) if one.get("Effect") == "Allow")


def _reach(item: Planned, statement: dict[str, Any]) -> Iterator[str]:
    """The patterns of ARNs that a statement opens: of a role, its resources; of a resource, who it lets in."""
    if item.type in OF_ROLES:
        actions, resources = _list(statement.get("Action", "*")), _list(statement.get("Resource", "*"))
        # A wildcard of actions on everything is what another criterion is about.
        if not set(actions) <= WITHOUT_RESOURCE and not ("*" in resources and any("*" in action for action in actions)):
            yield from resources
        return
    for keys in (statement.get("Condition") or {}).values():
        yield from (value for values in keys.values() for value in _list(values) if str(value).startswith("arn:"))
    principals = statement.get("Principal")
    for value in _list(principals.get("AWS", [])) if isinstance(principals, dict) else []:
        if ":role/" in value or ":user/" in value:
            yield value


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = ({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in pattern)
    return re.compile("".join(parts), re.DOTALL)


def _same_place(text: str) -> str:
    return _ACCOUNT.sub("ACCOUNT", _REGION.sub("REGION", text))


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
