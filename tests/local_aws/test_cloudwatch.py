"""Alarms, metrics and metric filters: shims `cloudwatch`, `log_patterns` and `metric_math`."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from bbws_access.local_aws.shims import log_patterns, metric_math
from tests.local_aws.conftest import ACCOUNT, REGION, Aws

TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:topic"


def query_call(aws: Aws, action: str, **parameters: Any) -> str:
    """One call in the query protocol, which Terraform's provider uses, as the XML text of its answer."""
    import urllib.parse

    import urllib3
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    body = urllib.parse.urlencode({"Action": action, "Version": "2010-08-01", **parameters})
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    request = AWSRequest("POST", aws.emulator.endpoint + "/", headers, body)
    SigV4Auth(Credentials("test", "test"), "monitoring", REGION).add_auth(request)
    pool = urllib3.PoolManager(ca_certs=str(aws.emulator.ca_bundle))
    answer = pool.request("POST", aws.emulator.endpoint + "/", headers=dict(request.headers.items()), body=body)
    return answer.data.decode()


def wait_for_state(aws: Aws, name: str, state: str) -> dict[str, Any]:
    client = aws.client("cloudwatch")
    deadline = time.monotonic() + 15
    while True:
        [alarm] = client.describe_alarms(AlarmNames=[name])["MetricAlarms"]
        if alarm["StateValue"] == state:
            return alarm
        assert time.monotonic() < deadline, f"{name} is {alarm['StateValue']}: {alarm['StateReason']}"
        time.sleep(0.3)


def put_alarm(aws: Aws, name: str, **settings: Any) -> None:
    defaults = {
        "Namespace": name,
        "MetricName": "errors",
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 1.0,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
    }
    merged = {key: value for key, value in (defaults | settings).items() if value is not None}
    aws.client("cloudwatch").put_metric_alarm(AlarmName=name, **merged)


def put_points(aws: Aws, namespace: str, points: list[tuple[float, float]], **dimensions: str) -> None:
    """Put (seconds ago, value) points of the metric `errors`."""
    now = time.time()
    aws.client("cloudwatch").put_metric_data(
        Namespace=namespace,
        MetricData=[
            {
                "MetricName": "errors",
                "Timestamp": now - ago,
                "Value": value,
                "Dimensions": [{"Name": name, "Value": text} for name, text in dimensions.items()],
            }
            for ago, value in points
        ],
    )


def test_alarm_is_described_whole_in_the_query_protocol(aws: Aws, unique: Callable[[str], str]) -> None:
    name = unique("whole")
    answer = query_call(
        aws,
        "PutMetricAlarm",
        **{
            "AlarmName": name,
            "AlarmDescription": "a < b & c",
            "Namespace": "n",
            "MetricName": "m",
            "ExtendedStatistic": "p95",
            "Period": 300,
            "EvaluationPeriods": 3,
            "DatapointsToAlarm": 2,
            "Threshold": 100,
            "ComparisonOperator": "GreaterThanThreshold",
            "TreatMissingData": "breaching",
            "ActionsEnabled": "true",
            "AlarmActions.member.1": TOPIC,
            "OKActions.member.1": TOPIC,
            "InsufficientDataActions.member.1": TOPIC,
            "Dimensions.member.1.Name": "FunctionName",
            "Dimensions.member.1.Value": "f",
            "Unit": "Milliseconds",
        },
    )
    assert "PutMetricAlarmResponse" in answer
    text = query_call(aws, "DescribeAlarms", **{"AlarmNames.member.1": name})
    for part in (
        "<AlarmDescription>a &lt; b &amp; c</AlarmDescription>",
        "<Period>300</Period>",
        "<ExtendedStatistic>p95</ExtendedStatistic>",
        "<EvaluationPeriods>3</EvaluationPeriods>",
        "<DatapointsToAlarm>2</DatapointsToAlarm>",
        "<Threshold>100.0</Threshold>",
        "<TreatMissingData>breaching</TreatMissingData>",
        f"<AlarmActions><member>{TOPIC}</member></AlarmActions>",
        f"<OKActions><member>{TOPIC}</member></OKActions>",
        f"<InsufficientDataActions><member>{TOPIC}</member></InsufficientDataActions>",
        "<Dimensions><member><Name>FunctionName</Name><Value>f</Value></member></Dimensions>",
        "<Unit>Milliseconds</Unit>",
        "<ActionsEnabled>true</ActionsEnabled>",
    ):
        assert part in text
    assert "<Statistic>" not in text
    missing = query_call(aws, "ListTagsForResource", ResourceARN=f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:none")
    assert "<Code>ResourceNotFound" in missing


def test_alarm_of_metric_math_is_kept_and_evaluated(aws: Aws, unique: Callable[[str], str]) -> None:
    name = unique("math")
    stat = {"Namespace": name, "Dimensions": [{"Name": "Service", "Value": "role"}]}
    queries = [
        {
            "Id": metric,
            "MetricStat": {"Metric": {**stat, "MetricName": metric}, "Period": 60, "Stat": "Sum"},
            "ReturnData": False,
        }
        for metric in ("errors", "requests")
    ]
    queries.append({"Id": "rate", "Expression": "IF(requests >= 4, 100 * errors / requests, 0)", "ReturnData": True})
    single = dict.fromkeys(("Namespace", "MetricName", "Statistic", "Period"))
    put_alarm(aws, name, Metrics=queries, Threshold=50.0, **single)
    [alarm] = aws.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    assert [query["Id"] for query in alarm["Metrics"]] == ["errors", "requests", "rate"]
    assert "MetricName" not in alarm
    assert "Period" not in alarm
    datum = {"Dimensions": stat["Dimensions"], "Timestamp": time.time()}
    aws.client("cloudwatch").put_metric_data(
        Namespace=name,
        MetricData=[{**datum, "MetricName": "errors", "Value": 3}, {**datum, "MetricName": "requests", "Value": 5}],
    )
    wait_for_state(aws, name, "ALARM")


def test_alarm_watches_its_dimensions_only(aws: Aws, unique: Callable[[str], str]) -> None:
    name = unique("dimensions")
    put_alarm(aws, name, Dimensions=[{"Name": "Service", "Value": "role"}])
    put_points(aws, name, [(1, 5)], Service="permission")
    wait_for_state(aws, name, "OK")
    put_points(aws, name, [(1, 5)], Service="role")
    wait_for_state(aws, name, "ALARM")


def test_alarm_counts_periods(aws: Aws, unique: Callable[[str], str]) -> None:
    name = unique("periods")
    put_alarm(aws, name, EvaluationPeriods=3, DatapointsToAlarm=2)
    put_points(aws, name, [(125, 5), (65, 0), (1, 0)])
    wait_for_state(aws, name, "OK")
    put_points(aws, name, [(65, 5)])
    wait_for_state(aws, name, "ALARM")


@pytest.mark.parametrize(
    ("missing", "state"),
    [("missing", "INSUFFICIENT_DATA"), ("notBreaching", "OK"), ("breaching", "ALARM"), ("ignore", "INSUFFICIENT_DATA")],
)
def test_alarm_without_data(aws: Aws, unique: Callable[[str], str], missing: str, state: str) -> None:
    name = unique("missing")
    put_alarm(aws, name, TreatMissingData=missing)
    wait_for_state(aws, name, state)


def test_alarm_tells_its_topic_and_its_composite(aws: Aws, unique: Callable[[str], str]) -> None:
    name = unique("told")
    topic = aws.client("sns").create_topic(Name=name)["TopicArn"]
    statement = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = {"Version": "2012-10-17", "Statement": [statement | {"Resource": "*"}]}
    queue = aws.client("sqs").create_queue(QueueName=name, Attributes={"Policy": json.dumps(policy)})["QueueUrl"]
    aws.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")
    put_alarm(aws, name, AlarmActions=[topic])
    aws.client("cloudwatch").put_composite_alarm(AlarmName=f"{name}-all", AlarmRule=f'ALARM("{name}")')
    put_points(aws, name, [(1, 5)])
    wait_for_state(aws, name, "ALARM")
    [message] = aws.client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=5)["Messages"]
    assert json.loads(json.loads(message["Body"])["Message"])["AlarmName"] == name
    [composite] = aws.client("cloudwatch").describe_alarms(AlarmNames=[f"{name}-all"], AlarmTypes=["CompositeAlarm"])[
        "CompositeAlarms"
    ]
    assert composite["StateValue"] == "ALARM"


def test_lambda_metrics(aws: Aws, unique: Callable[[str], str]) -> None:
    name = unique("measured")
    aws.function(name, "def handler(event, context):\n    return {'bad': 1 / event['divisor']}")
    for divisor in (1, 1, 0):
        aws.client("lambda").invoke(FunctionName=name, Payload=json.dumps({"divisor": divisor}))
    now = time.time()
    sums = {}
    for metric in ("Invocations", "Errors", "Duration", "Throttles"):
        [point] = aws.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName=metric,
            Dimensions=[{"Name": "FunctionName", "Value": name}],
            StartTime=now - 3600,
            EndTime=now + 3600,
            Period=86400,
            Statistics=["Sum"],
        )["Datapoints"]
        sums[metric] = point["Sum"]
    assert (sums["Invocations"], sums["Errors"], sums["Throttles"]) == (3, 1, 0)
    assert sums["Duration"] > 0


def test_metric_filter_makes_metrics_of_log_lines(aws: Aws, unique: Callable[[str], str]) -> None:
    name = unique("filtered")
    logs = aws.client("logs")
    aws.function(name, "import json\ndef handler(event, context):\n    print(json.dumps(event))")
    group = f"/aws/lambda/{name}"
    logs.create_log_group(logGroupName=group)
    logs.put_metric_filter(
        logGroupName=group,
        filterName="denied",
        filterPattern='{ ($.event = "decision") && ($.allowed IS FALSE) }',
        metricTransformations=[
            {
                "metricName": "denied",
                "metricNamespace": name,
                "metricValue": "$.count",
                "dimensions": {"Reason": "$.reason"},
            }
        ],
    )
    line = {"event": "decision", "allowed": False, "reason": "SCOPE", "count": 2}
    for event in (line, {**line, "allowed": True}, {**line, "event": "other"}, line):
        aws.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event))
    now = time.time()
    [point] = aws.client("cloudwatch").get_metric_statistics(
        Namespace=name,
        MetricName="denied",
        Dimensions=[{"Name": "Reason", "Value": "SCOPE"}],
        StartTime=now - 3600,
        EndTime=now + 3600,
        Period=86400,
        Statistics=["Sum", "SampleCount"],
    )["Datapoints"]
    assert (point["Sum"], point["SampleCount"]) == (4, 2)


def test_metric_filter_with_a_pattern_that_is_not_understood_is_refused(aws: Aws, unique: Callable[[str], str]) -> None:
    logs = aws.client("logs")
    group = unique("group")
    logs.create_log_group(logGroupName=group)
    transformation = {"metricName": "m", "metricNamespace": "n", "metricValue": "1"}
    for pattern in ("{ $.a = }", "{ $.a > b }", "{ level = 1 }", "[ip, user"):
        with pytest.raises(ClientError, match="Invalid metric filter pattern"):
            logs.put_metric_filter(
                logGroupName=group, filterName="f", filterPattern=pattern, metricTransformations=[transformation]
            )


LINE = '{"level": "ERROR", "code": 503, "ok": false, "none": null, "error": {"kinds": ["a", "b"]}, "ms": 12.5}'


@pytest.mark.parametrize(
    ("pattern", "line", "expected"),
    [
        ("", LINE, True),
        ("ERROR", LINE, True),
        ("ERROR -503", LINE, False),
        ("?WARN ?ERROR", LINE, True),
        ('"level\\": \\"ERROR"', LINE, True),
        ("%5[0-9]{2}%", LINE, True),
        ('{ $.level = "ERROR" }', LINE, True),
        ('{ $.level = "ERR*" }', LINE, True),
        ('{ $.level != "ERROR" }', LINE, False),
        ('{ $.missing != "ERROR" }', LINE, False),
        ("{ $.code = 503 }", LINE, True),
        ("{ $.code >= 500 && $.ms < 20 }", LINE, True),
        ("{ $.code >= 600 || $.ms < 20 }", LINE, True),
        ("{ ($.code >= 600 || $.ms < 20) && $.ok IS TRUE }", LINE, False),
        ("{ $.ok IS FALSE }", LINE, True),
        ("{ $.none IS NULL }", LINE, True),
        ("{ $.missing NOT EXISTS }", LINE, True),
        ('{ $.error.kinds[1] = "b" }', LINE, True),
        ("{ $.level = %ERR% }", LINE, True),
        ('{ $.level = "ERROR" }', "no JSON ERROR", False),
        ("[ip, user, status]", "10.0.0.1 ann 404", True),
        ("[ip, user]", "10.0.0.1 ann 404", False),
        ("[ip, user, status = 4*]", "10.0.0.1 ann 404", True),
        ("[ip, user, status = 5*]", "10.0.0.1 ann 404", False),
        ("[ip, user != ann, status]", "10.0.0.1 ann 404", False),
        ("[ip, user, status >= 400]", "10.0.0.1 ann 404", True),
        ("[ip, user, status > 404]", "10.0.0.1 ann 404", False),
        ("[ip, user, status > 400 && status < 500]", "10.0.0.1 ann 404", True),
        ("[ip, user = eve || user = ann, status]", "10.0.0.1 ann 404", True),
        ("[..., status = 404, bytes]", '10.0.0.1 - ann [10/Oct/2026 13:55:36] "GET / HTTP/1.1" 404 12', True),
        ("[ip, id, user = ann, ...]", '10.0.0.1 - ann [10/Oct/2026 13:55:36] "GET / HTTP/1.1" 404 12', True),
        ('[ip, id, user, time, request = "GET *", status, bytes]', '1.2.3.4 - ann [t x] "GET / HTTP/1.1" 404 1', True),
        ("[ip, ..., bytes > 10]", '10.0.0.1 - ann [10/Oct/2026 13:55:36] "GET / HTTP/1.1" 404 12', True),
    ],
)
def test_filter_patterns(pattern: str, line: str, expected: bool) -> None:
    assert log_patterns.compile_pattern(pattern)(line) is expected


@pytest.mark.parametrize(
    "pattern",
    ["{ $.a", "{ $.a = }", "{ a = 1 }", "{ $.a > b }", "{ $.a = %(% }", "%(%", '"open', "[a, b", "[, b]", "[a > b, c]"],
)
def test_patterns_that_are_not_understood(pattern: str) -> None:
    with pytest.raises(log_patterns.PatternError):
        log_patterns.compile_pattern(pattern)


def test_log_events_are_found_by_patterns(aws: Aws, unique: Callable[[str], str]) -> None:
    logs, group = aws.client("logs"), unique("group")
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="one")
    lines = ['{"level": "ERROR", "status": 503}', '{"level": "INFO", "status": 200}', "10.0.0.1 ann ERROR"]
    now = int(time.time() * 1000)
    events = [{"timestamp": now + number, "message": line} for number, line in enumerate(lines)]
    logs.put_log_events(logGroupName=group, logStreamName="one", logEvents=events)
    for pattern, found in (
        ('{ $.level = "ERROR" }', [0]),
        ("{ $.status >= 200 && $.status < 500 }", [1]),
        ('{ $.level = "FATAL" }', []),
        ("[ip, user = ann, ...]", [2]),
        ("ERROR", [0, 2]),
        ("?INFO ?ann", [1, 2]),
        ("ERROR -ann", [0]),
        ("%5[0-9]{2}%", [0]),
        ("", [0, 1, 2]),
    ):
        events = logs.filter_log_events(logGroupName=group, filterPattern=pattern)["events"]
        assert [event["message"] for event in events] == [lines[number] for number in found], pattern
    for pattern in ("{ $.level = }", "{ $.level", "[ip, user"):
        with pytest.raises(ClientError, match="InvalidParameterException"):
            logs.filter_log_events(logGroupName=group, filterPattern=pattern)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("a + b", {0: 11.0}),
        ("a - FILL(b, 0)", {0: -9.0, 60: 2.0}),
        ("100 * a / b", {0: 10.0}),
        ("a / c", {60: 2.0}),
        ("IF(a > 1, a, 0)", {0: 0.0, 60: 2.0}),
        ("IF(a > 1, a)", {60: 2.0}),
        ("-(a)", {0: -1.0, 60: -2.0}),
        ("SUM([a, b])", {0: 11.0, 60: 2.0}),
        ("7", {0: 7.0, 60: 7.0}),
    ],
)
def test_metric_math(expression: str, expected: metric_math.Series) -> None:
    series = {"a": {0: 1.0, 60: 2.0}, "b": {0: 10.0}, "c": {0: 0.0, 60: 1.0}}
    assert metric_math.evaluate(expression, series, [0, 60]) == expected


@pytest.mark.parametrize(
    "expression", ["nobody", "ANOMALY_DETECTION_BAND(a)", "a +", "SUM([a, 1])", "__import__('os')"]
)
def test_metric_math_that_is_not_understood(expression: str) -> None:
    with pytest.raises(metric_math.MathError):
        metric_math.evaluate(expression, {"a": {}}, [0])
