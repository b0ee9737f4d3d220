"""CloudWatch: alarms, metrics of the platform, metrics from log lines.

| AWS | MiniStack | test |
|---|---|---|
| an alarm is described whole | its XML leaves out most, metric math is not kept | `test_alarm_is_described_whole_...` |
| alarms know M of N periods, dimensions, missing data, metric math | none of these | `test_alarm_...` |
| alarms are evaluated on their own | when somebody puts a metric | `test_alarm_...` |
| Lambda publishes its metrics | throttles only | `test_lambda_metrics` |
| metric filters make metrics of log lines | they are kept, and nothing is made | `test_metric_filter_...` |
| log events are found by patterns of every kind | by terms only | `test_log_events_are_found_by_patterns` |
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import threading
import time
from functools import cache
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from ministack.core.responses import request_scope
from ministack.services import cloudwatch, cloudwatch_logs, lambda_svc

from bbws_access.local_aws.shims import log_groups, log_patterns, metric_math, metric_points

if TYPE_CHECKING:
    from botocore.model import ServiceModel, Shape

logger = logging.getLogger("local-aws.cloudwatch")

Response = tuple[int, dict[str, Any], bytes]

_EVALUATION_SECONDS = 2.0
_KEPT_PERIODS = 3
_XML = "http://monitoring.amazonaws.com/doc/2010-08-01/"
# What PutMetricAlarm takes and MiniStack forgets.
_FORGOTTEN = ("Metrics", "ThresholdMetricId", "EvaluateLowSampleCountPercentile")
_COMPARISONS = {
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
    "LessThanOrEqualToThreshold": lambda value, threshold: value <= threshold,
}


def install() -> None:
    """Complete metrics and alarms, and begin to evaluate."""
    metric_points.install()
    log_groups.install()
    _bridge_query_protocol()
    _keep_whole_alarms()
    _publish_lambda_metrics()
    _evaluate_metric_filters()
    cloudwatch._evaluate_alarm = evaluate_alarm
    threading.Thread(target=_evaluate_for_ever, name="local-aws-alarms", daemon=True).start()


def publish(namespace: str, name: str, value: float, unit: str, dimensions: dict[str, str]) -> None:
    """Put one data point of a metric, in the account and region of the request at hand."""
    cloudwatch.record_metric(namespace, name, value, unit, dimensions)


# The query protocol


@cache
def _model() -> ServiceModel:
    """CloudWatch's own model. Loading botocore is a fifth of a start, and only clients of this protocol need it."""
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    return ServiceModel(Loader().load_service_model("cloudwatch", "service-2"), "cloudwatch")


def _bridge_query_protocol() -> None:
    """Let MiniStack's JSON handlers, which are whole, answer for its XML ones, by the service's own model."""
    handle_request = cloudwatch.handle_request

    async def handle(method: str, path: str, headers: dict, body: bytes, query_params: dict) -> Response:
        content_type = headers.get("content-type", "")
        query = "json" not in content_type and "cbor" not in content_type + headers.get("smithy-protocol", "")
        if not query or headers.get("x-amz-target") or not body:
            return await handle_request(method, path, headers, body, query_params)
        params = {name: values[-1] for name, values in _form(body).items()}
        action = params.get("Action", "")
        model = _model()
        if action not in model.operation_names:
            return await handle_request(method, path, headers, body, query_params)
        operation = model.operation_model(action)
        data = _parsed(operation.input_shape, params, "") if operation.input_shape else {}
        json_headers = {
            **headers,
            "content-type": "application/x-amz-json-1.0",
            "x-amz-target": f"GraniteServiceVersion20100801.{action}",
        }
        status, _, content = await handle_request(
            method, path, json_headers, json.dumps(data or {}).encode(), query_params
        )
        answer = json.loads(content or b"{}")
        xml_headers = {"Content-Type": "text/xml"}
        if status >= 400:
            code = str(answer.get("__type", "InternalFailure")).rpartition("#")[2]
            text = (
                f'<ErrorResponse xmlns="{_XML}"><Error><Type>Sender</Type><Code>{escape(code)}</Code>'
                f"<Message>{escape(str(answer.get('message') or answer.get('Message') or ''))}</Message></Error>"
                "</ErrorResponse>"
            )
            return status, xml_headers, text.encode()
        inner = _rendered(operation.output_shape, answer) if operation.output_shape else ""
        text = f'<{action}Response xmlns="{_XML}"><{action}Result>{inner}</{action}Result></{action}Response>'
        return status, xml_headers, text.encode()

    cloudwatch.handle_request = handle


def _form(body: bytes) -> dict[str, list[str]]:
    return cloudwatch.parse_qs(body.decode("utf-8", errors="replace"), keep_blank_values=True)


def _parsed(shape: Shape, params: dict[str, str], prefix: str) -> Any:
    """The value that query parameters under a prefix make up, None if there are none."""
    if shape.type_name == "structure":
        found = {}
        for name, member in shape.members.items():
            value = _parsed(member, params, f"{prefix}.{name}" if prefix else name)
            if value is not None:
                found[name] = value
        return found or None
    if shape.type_name == "list":
        if params.get(prefix) == "":
            return []
        items: list[Any] = []
        while (value := _parsed(shape.member, params, f"{prefix}.member.{len(items) + 1}")) is not None:
            items.append(value)
        return items or None
    text = params.get(prefix)
    if text is None:
        return None
    if shape.type_name in ("integer", "long"):
        return int(text)
    if shape.type_name in ("double", "float"):
        return float(text)
    if shape.type_name == "boolean":
        return text == "true"
    return text


def _rendered(shape: Shape, value: Any) -> str:
    if shape.type_name == "structure":
        return "".join(
            f"<{name}>{_rendered(member, value[name])}</{name}>"
            for name, member in shape.members.items()
            if value.get(name) is not None
        )
    if shape.type_name == "list":
        return "".join(f"<member>{_rendered(shape.member, item)}</member>" for item in value)
    if shape.type_name == "boolean":
        return "true" if value else "false"
    if shape.type_name == "timestamp" and isinstance(value, int | float):
        return cloudwatch._ts_iso(value)
    return escape(str(value))


# Alarms


def _keep_whole_alarms() -> None:
    put_metric_alarm = cloudwatch._put_metric_alarm

    def put(params: dict, data: dict, is_cbor: bool, is_json: bool = False) -> Response:
        answer = put_metric_alarm(params, data, is_cbor, is_json)
        alarm = cloudwatch._alarms.get(data.get("AlarmName", ""))
        if answer[0] >= 400 or alarm is None:
            return answer
        alarm |= {name: data[name] for name in _FORGOTTEN if data.get(name)}
        # MiniStack fills in defaults that AWS does not: an alarm has one statistic, or metrics, not both.
        for name in ("Statistic", "Period", "MetricName", "Namespace", "Unit", "ExtendedStatistic"):
            if data.get(name) is None:
                alarm.pop(name, None)
        if data.get("Threshold") is None:
            alarm.pop("Threshold", None)
        return answer

    cloudwatch._put_metric_alarm = put


def evaluate_alarm(alarm: dict[str, Any], now: float | None = None) -> None:
    """Set an alarm's state as CloudWatch does: M of N periods, with its rule for periods without data."""
    compare = _COMPARISONS.get(alarm.get("ComparisonOperator", ""))
    if compare is None or "Threshold" not in alarm:
        return
    needed = alarm.get("EvaluationPeriods", 1)
    try:
        period, values = _values(alarm, needed + _KEPT_PERIODS, now or time.time())
    except metric_math.MathError as error:
        logger.warning("alarm %s: %s", alarm["AlarmName"], error)
        return
    # The newest periods with data count first; missing ones fill up as the alarm says.
    present = [value for value in values if value is not None]
    if len(present) >= needed:
        considered = [value for value in values if value is not None][-needed:]
    else:
        considered = values[-needed:]
    missing = alarm.get("TreatMissingData", "missing")
    breaching = [
        missing == "breaching" if value is None else compare(value, alarm["Threshold"])
        for value in considered
        if value is not None or missing in ("breaching", "notBreaching")
    ]
    if not present and missing == "ignore":
        return
    if not breaching:
        state, reason = "INSUFFICIENT_DATA", f"No data points in {needed} periods of {period} seconds"
    elif sum(breaching) >= min(alarm.get("DatapointsToAlarm") or needed, needed):
        shown = [value for value in considered if value is not None]
        state, reason = "ALARM", f"Threshold Crossed: data points {shown} against {alarm['Threshold']}"
    else:
        state, reason = "OK", f"Threshold not crossed in {needed} periods of {period} seconds"
    old = alarm["StateValue"]
    if state != old:
        alarm |= {"StateValue": state, "StateReason": reason, "StateUpdatedTimestamp": int(time.time())}
        cloudwatch._record_history(alarm["AlarmName"], old, state, reason)
        cloudwatch._dispatch_alarm_actions(alarm, old, state, reason)
        cloudwatch._evaluate_parent_alarms(alarm)


def _values(alarm: dict[str, Any], count: int, now: float) -> tuple[int, list[float | None]]:
    """Length of a period and the newest `count` values of what an alarm watches, oldest first."""
    queries = alarm.get("Metrics")
    if not queries:
        period = alarm.get("Period", 60)
        periods = _periods(period, count, now)
        statistic = alarm.get("ExtendedStatistic") or alarm.get("Statistic", "Average")
        series = _series(alarm["Namespace"], alarm["MetricName"], alarm.get("Dimensions"), statistic, period, periods)
        return period, [series.get(start) for start in periods]
    stats = {query["Id"]: query["MetricStat"] for query in queries if query.get("MetricStat")}
    period = next((stat["Period"] for stat in stats.values()), 60)
    periods = _periods(period, count, now)
    known = {
        name: _series(
            stat["Metric"]["Namespace"],
            stat["Metric"]["MetricName"],
            stat["Metric"].get("Dimensions"),
            stat["Stat"],
            stat["Period"],
            periods,
        )
        for name, stat in stats.items()
    }
    watched = next((query for query in queries if query.get("ReturnData", True)), queries[0])
    expressions = {query["Id"]: query["Expression"] for query in queries if query.get("Expression")}
    # An expression may use another; each pass computes those whose parts are known.
    for _ in expressions:
        for name, expression in expressions.items():
            if name not in known:
                with contextlib.suppress(metric_math.MathError):
                    known[name] = metric_math.evaluate(expression, known, periods)
    if watched["Id"] not in known:
        known[watched["Id"]] = metric_math.evaluate(watched["Expression"], known, periods)
    return period, [known[watched["Id"]].get(start) for start in periods]


def _periods(period: int, count: int, now: float) -> list[int]:
    newest = math.floor(now / period) * period
    return [newest - period * back for back in reversed(range(count))]


def _series(
    namespace: str, name: str, dimensions: list[dict[str, str]] | None, statistic: str, period: int, periods: list[int]
) -> metric_math.Series:
    within: dict[int, list[dict[str, Any]]] = {start: [] for start in periods}
    # A copy: points are put meanwhile.
    for point in list(_points(namespace, name, dimensions)):
        start = math.floor(point["Timestamp"] / period) * period
        if start in within:
            within[start].append(point)
    found = {}
    for start, points in within.items():
        stats = cloudwatch._calc_stats(points)
        if stats:
            value = cloudwatch._stat_value(stats, statistic, points)
            if value is not None:
                found[start] = value
    return found


def _points(namespace: str, name: str, dimensions: list[dict[str, str]] | None) -> list[dict[str, Any]]:
    wanted = cloudwatch._dims_key({item["Name"]: item["Value"] for item in dimensions or []})
    return cloudwatch._metrics.get((namespace, name, wanted)) or []


def _seen(points: list[dict[str, Any]]) -> tuple[Any, ...]:
    """What differs as soon as a point was added or removed."""
    return getattr(points, "changes", None), len(points), points[-1]["Timestamp"] if points else None


def _grounds(alarm: dict[str, Any], now: float) -> tuple[Any, ...]:
    """What an alarm's state follows from; while it stays the same, so does the state."""
    stats = [query["MetricStat"] for query in alarm.get("Metrics") or () if query.get("MetricStat")]
    watched = [
        (stat["Metric"]["Namespace"], stat["Metric"]["MetricName"], stat["Metric"].get("Dimensions")) for stat in stats
    ]
    if not alarm.get("Metrics"):
        watched.append((alarm.get("Namespace", ""), alarm.get("MetricName", ""), alarm.get("Dimensions")))
    period = min([stat["Period"] for stat in stats] or [alarm.get("Period", 60)])
    seen = [_seen(_points(*one)) for one in watched]
    return (id(alarm), alarm.get("AlarmConfigurationUpdatedTimestamp"), alarm["StateValue"], now // period, *seen)


def _evaluate_for_ever() -> None:
    known: dict[tuple[str, str, str], tuple[Any, ...]] = {}
    while True:
        time.sleep(_EVALUATION_SECONDS)
        for account, region in {key[:2] for key in list(cloudwatch._alarms._data)}:
            with request_scope(account, region):
                for alarm in list(cloudwatch._alarms.values()):
                    try:
                        now, name = time.time(), (account, region, alarm["AlarmName"])
                        grounds = _grounds(alarm, now)
                        if known.get(name) != grounds:
                            cloudwatch._evaluate_alarm(alarm, now)
                            known[name] = (*grounds[:2], alarm["StateValue"], *grounds[3:])
                    except Exception:
                        # One alarm that cannot be evaluated must not stop the others.
                        logger.exception("alarm %s could not be evaluated", alarm.get("AlarmName"))


# Metrics of the platform


def _publish_lambda_metrics() -> None:
    dispatch = lambda_svc._execute_function_dispatch

    def execute(func: dict, config: dict, event: Any, request_id: str, started: float) -> dict:
        in_flight, _ = lambda_svc.executions_in_flight()
        result = dispatch(func, config, event, request_id, started)
        name, resource = config.get("FunctionName", ""), config.get("FunctionName", "")
        version = config.get("Version", "$LATEST")
        if version != "$LATEST":
            resource = f"{name}:{version}"
        failed = float(bool(result.get("error")))
        milliseconds = (time.time() - started) * 1000
        for dimensions in ({"FunctionName": name}, {"FunctionName": name, "Resource": resource}, {}):
            publish("AWS/Lambda", "Invocations", 1.0, "Count", dimensions)
            publish("AWS/Lambda", "Errors", failed, "Count", dimensions)
            publish("AWS/Lambda", "Duration", milliseconds, "Milliseconds", dimensions)
            publish("AWS/Lambda", "Throttles", 0.0, "Count", dimensions)
            publish("AWS/Lambda", "ConcurrentExecutions", float(in_flight), "Count", dimensions)
        return result

    def throttled(function_name: str, duration_ms: float, error: bool, throttle: bool) -> None:
        # What MiniStack publishes on some ways of invoking is published above on all of them.
        if throttle:
            for dimensions in ({"FunctionName": function_name}, {}):
                publish("AWS/Lambda", "Throttles", 1.0, "Count", dimensions)

    lambda_svc._execute_function_dispatch = execute
    lambda_svc._emit_lambda_metrics = throttled


# Metrics from log lines


def _evaluate_metric_filters() -> None:
    fan_out = cloudwatch_logs._fanout_to_subscription_filters

    def handle(group: str, stream: str, events: list[dict[str, Any]]) -> None:
        for key, record in list(cloudwatch_logs._metric_filters.items()):
            if key[0] == group:
                _publish_matches(record, [event.get("message", "") for event in events])
        fan_out(group, stream, events)

    cloudwatch_logs._fanout_to_subscription_filters = handle
    cloudwatch_logs._compile_filter_pattern = log_patterns.compile_pattern
    cloudwatch_logs._subscription_pattern_matches = lambda pattern, line: log_patterns.compile_pattern(pattern)(line)


def _publish_matches(record: dict[str, Any], lines: list[str]) -> None:
    matches = log_patterns.compile_pattern(record.get("filterPattern", ""))
    matching = [line for line in lines if matches(line)]
    for transformation in record.get("metricTransformations", []):
        default = transformation.get("defaultValue")
        unit = transformation.get("unit") or "None"
        namespace, name = transformation["metricNamespace"], transformation["metricName"]
        for line in matching:
            fields = log_patterns.json_fields(line) or {}
            dimensions = {
                key: str(log_patterns.select(fields, selector))
                for key, selector in (transformation.get("dimensions") or {}).items()
                if log_patterns.select(fields, selector) is not None
            }
            text = str(transformation["metricValue"])
            value = log_patterns.select(fields, text) if text.startswith("$") else text
            with contextlib.suppress(TypeError, ValueError):
                publish(namespace, name, float(value), unit, dimensions)
        if lines and not matching and default is not None:
            publish(namespace, name, float(default), unit, {})
