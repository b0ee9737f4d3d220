"""CloudWatch and its logs: alarms, dashboards, metric filters, retention."""

import json
import re
from collections.abc import Iterator
from typing import Any

from bbws_access.local_aws.judge import Violation, limit
from bbws_access.local_aws.shims.log_patterns import PatternError, compile_pattern
from bbws_access.local_aws.wire import Call

_RETENTION = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
_DAY, _WEEK = 86_400, 604_800
_MOST_WIDGETS = 500
_MOST_DIMENSIONS = 3
_RULE_TOKEN = re.compile(
    r'\s*(?:(ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*("[^"]+"|[^\s()"]+)\s*\)|(AND|OR|NOT|TRUE|FALSE|[()]))'
)
_CODE = "ValidationError"


def _alarm(call: Call) -> Iterator[Violation]:
    values = call.values
    metrics = values.get("Metrics") or []
    period = values.get("Period")
    if bool(metrics) == bool(values.get("MetricName")):
        yield limit("Metrics", "Either Metrics or MetricName stands in an alarm.", _CODE)
    if values.get("MetricName") and not (
        values.get("Namespace") and period and bool(values.get("Statistic")) != bool(values.get("ExtendedStatistic"))
    ):
        yield limit("MetricName", "A metric needs its namespace, a period, and one statistic.", _CODE)
    periods = [period] if period else [one["MetricStat"]["Period"] for one in metrics if one.get("MetricStat")]
    for one in periods:
        if one not in (1, 5, 10, 20, 30) and (one < 60 or one % 60):
            yield limit("Period", "Period must be 10, 20, 30 or a multiple of 60", _CODE)
        longest = _WEEK if one >= 3600 else _DAY
        if one * (values.get("EvaluationPeriods") or 1) > longest:
            yield limit(
                "EvaluationPeriods",
                "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400).",
                _CODE,
            )
    points = values.get("DatapointsToAlarm")
    if points and points > (values.get("EvaluationPeriods") or 1):
        yield limit("DatapointsToAlarm", "DatapointsToAlarm must be less than or equal to EvaluationPeriods", _CODE)
    if metrics:
        yield from _queries(metrics)
    elif values.get("Threshold") is None and not values.get("ThresholdMetricId"):
        yield limit("Threshold", "An alarm has a threshold.", _CODE)


def _queries(metrics: list[dict[str, Any]]) -> Iterator[Violation]:
    names = [one["Id"] for one in metrics]
    if len(set(names)) != len(names) or not all(re.fullmatch(r"[a-z]\w*", name, re.ASCII) for name in names):
        yield limit("Metrics", "Ids are distinct, and begin with a lower-case letter.", _CODE)
    if sum(one.get("ReturnData", True) is not False for one in metrics) != 1:
        yield limit("Metrics", "Exactly one element of the metrics list should return data.", _CODE)
    for one in metrics:
        if bool(one.get("MetricStat")) == bool(one.get("Expression")):
            yield limit("Metrics", f"{one['Id']} is either a metric or an expression.", _CODE)
        unknown = [
            word
            for word in re.findall(
                r"(?<![\w\"'.])[a-z]\w*", re.sub(r"\"[^\"]*\"|'[^']*'", "", one.get("Expression") or "")
            )
            if word not in names
        ]
        if unknown:
            yield limit("Metrics", f"{one['Id']} names {unknown}, which are none of the metrics.", _CODE)


def _composite(call: Call) -> Iterator[Violation]:
    rule, position, depth, operand = call.values.get("AlarmRule") or "", 0, 0, True
    while position < len(rule.rstrip()):
        token = _RULE_TOKEN.match(rule, position)
        if token is None:
            break
        position = token.end()
        word = token[3]
        if word == "(" and operand:
            depth += 1
        elif word == ")" and not operand and depth:
            depth -= 1
        elif word in ("AND", "OR") and not operand:
            operand = True
        elif (word is None or word in ("TRUE", "FALSE")) and operand:
            operand = False
        elif not (word == "NOT" and operand):
            break
    else:
        if not operand and not depth:
            return
    yield limit("AlarmRule", f"AlarmRule contains a syntax error near {rule[position:][:40]!r}.", _CODE)


def _dashboard(call: Call) -> Iterator[Violation]:
    code = "InvalidParameterInput"
    try:
        body = json.loads(call.values.get("DashboardBody") or "")
        widgets = body["widgets"]
    except (ValueError, TypeError, KeyError):
        yield limit("DashboardBody", "The field DashboardBody must be a valid JSON object", code)
        return
    if len(widgets) > _MOST_WIDGETS:
        yield limit("DashboardBody", f"A dashboard has at most {_MOST_WIDGETS} widgets", code)
    for number, widget in enumerate(widgets):
        path = f"DashboardBody.widgets[{number}]"
        kind = widget.get("type")
        if kind not in ("metric", "text", "log", "alarm", "explorer", "custom"):
            yield limit(path, f"Invalid widget type {kind!r}", code)
        width, left = widget.get("width", 6), widget.get("x", 0)
        if not (1 <= width <= 24 and 0 <= left <= 23 and 1 <= widget.get("height", 6) <= 1000):
            yield limit(path, "A widget is 1 to 24 wide, 1 to 1000 high, and begins at 0 to 23", code)
        properties = widget.get("properties")
        if not isinstance(properties, dict):
            yield limit(path, "Should have property properties", code)
        elif kind == "text" and not isinstance(properties.get("markdown"), str):
            yield limit(path, "Should have property markdown", code)
        elif kind == "log" and not {"query", "region"} <= properties.keys():
            yield limit(path, "Should have the properties query and region", code)
        elif kind == "metric" and "region" not in properties:
            yield limit(path, "Should have property region", code)


def _metric_data(call: Call) -> Iterator[Violation]:
    for number, one in enumerate(call.values.get("MetricData") or ()):
        ways = [name for name in ("Value", "Values", "StatisticValues") if one.get(name) is not None]
        if len(ways) != 1:
            yield limit(
                f"MetricData[{number}]",
                "One of Value, Values and StatisticValues is set",
                "InvalidParameterCombination",
            )


# Logs


def _pattern_rule(member: str) -> Any:
    def rule(call: Call) -> Iterator[Violation]:
        pattern = call.values.get(member)
        kind = "metric " if call.operation.name == "PutMetricFilter" else ""
        if pattern:
            try:
                compile_pattern(pattern)
            except PatternError as error:
                yield limit(member, f"Invalid {kind}filter pattern: {error}", "InvalidParameterException")

    return rule


def _retention(call: Call) -> Iterator[Violation]:
    if call.values.get("retentionInDays") not in _RETENTION:
        yield limit(
            "retentionInDays", f"'retentionInDays' must be one of {list(_RETENTION)}", "InvalidParameterException"
        )


def _metric_filter(call: Call) -> Iterator[Violation]:
    code = "InvalidParameterException"
    for number, one in enumerate(call.values.get("metricTransformations") or ()):
        path = f"metricTransformations[{number}]"
        dimensions = one.get("dimensions") or {}
        if dimensions and one.get("defaultValue") is not None:
            yield limit(
                path,
                "Invalid metric transformation: dimensions and default value are mutually exclusive properties.",
                code,
            )
        if len(dimensions) > _MOST_DIMENSIONS:
            yield limit(path, "Invalid metric transformation: at most 3 dimensions", code)
        value = one.get("metricValue") or ""
        if not value.startswith("$") and not re.fullmatch(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", value):
            yield limit(path, f"Invalid metric transformation: metricValue {value!r}", code)


RULES = [
    ("cloudwatch:PutMetricAlarm", _alarm),
    ("cloudwatch:PutCompositeAlarm", _composite),
    ("cloudwatch:PutDashboard", _dashboard),
    ("cloudwatch:PutMetricData", _metric_data),
    ("logs:PutRetentionPolicy", _retention),
    ("logs:PutMetricFilter", _metric_filter),
    *(
        (f"logs:{operation}", _pattern_rule("filterPattern"))
        for operation in ("PutMetricFilter", "PutSubscriptionFilter", "FilterLogEvents", "TestMetricFilter")
    ),
]
