"""EventBridge: shim `eventbridge`."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local_aws.conftest import ACCOUNT, REGION, Aws
from tests.local_aws.waiting import until

FAILING = "def handler(event, context):\n    print('attempt', event['id'])\n    raise ValueError('no')\n"


def queue(aws: Aws, name: str, rule: str | None = None) -> tuple[str, str]:
    """A queue, in which a rule may leave dead letters; its URL and ARN."""
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    attributes = {}
    if rule:
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
        }
        attributes["Policy"] = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    return aws.client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"], arn


def messages(aws: Aws, url: str) -> list[dict[str, Any]]:
    answer = aws.client("sqs").receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], VisibilityTimeout=0
    )
    return answer.get("Messages", [])


def rule_for(aws: Aws, name: str, function: str, dead_letters: str, bus: str = "default") -> str:
    events = aws.client("events")
    pattern = json.dumps({"source": [name]})
    arn = events.put_rule(Name=name, EventBusName=bus, EventPattern=pattern)["RuleArn"]
    target = {"Id": "function", "Arn": function, "DeadLetterConfig": {"Arn": dead_letters}}
    events.put_targets(Rule=name, EventBusName=bus, Targets=[target])
    return arn


def put(aws: Aws, source: str, bus: str = "default") -> None:
    entry = {"Source": source, "DetailType": "Thing", "Detail": json.dumps({"number": 1}), "EventBusName": bus}
    assert aws.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0


def metric(aws: Aws, rule: str, name: str, bus: str | None = None) -> float:
    now = datetime.now(UTC)
    points = aws.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Events",
        MetricName=name,
        Dimensions=[
            {"Name": "RuleName", "Value": rule},
            *({"Name": "EventBusName", "Value": bus} for bus in [bus] if bus),
        ],
        StartTime=now - timedelta(minutes=5),
        EndTime=now + timedelta(minutes=1),
        Period=60,
        Statistics=["Sum"],
    )["Datapoints"]
    return sum(point["Sum"] for point in points)


def test_rule_without_permission(aws: Aws, unique: Callable[[str], str]) -> None:
    name = unique("rule")
    function = aws.function(name, "def handler(event, context):\n    return None\n")
    url, dead_letters = queue(aws, f"{name}-dead", f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{name}")
    rule = rule_for(aws, name, function, dead_letters)
    put(aws, name)
    (letter,) = until(lambda: messages(aws, url))
    assert json.loads(letter["Body"])["detail"] == {"number": 1}
    attributes = {key: value["StringValue"] for key, value in letter["MessageAttributes"].items()}
    assert attributes["RULE_ARN"] == rule
    assert attributes["TARGET_ARN"] == function
    assert attributes["ERROR_CODE"] == "NO_PERMISSIONS"
    assert metric(aws, name, "FailedInvocations") == 1

    aws.client("lambda").add_permission(
        FunctionName=name,
        StatementId="rule",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=rule,
    )
    put(aws, name)
    assert until(lambda: aws.client("logs").describe_log_streams(logGroupName=f"/aws/lambda/{name}")["logStreams"])
    assert metric(aws, name, "FailedInvocations") == 1
    assert metric(aws, name, "Invocations") == 2


def test_equal_rules_on_buses_of_their_own(aws: Aws, unique: Callable[[str], str]) -> None:
    name = unique("rule")
    function = aws.function(name, "def handler(event, context):\n    return None\n")
    letters = {}
    for bus in (f"{name}-one", f"{name}-two"):
        aws.client("events").create_event_bus(Name=bus)
        url, dead_letters = queue(aws, f"{bus}-dead", f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{bus}/{name}")
        # Nobody may invoke the function, so what a rule takes is in its dead letters.
        rule_for(aws, name, function, dead_letters, bus)
        letters[bus] = url
    one, two = letters
    put(aws, name, one)
    put(aws, name)
    assert len(until(lambda: messages(aws, letters[one]))) == 1
    assert messages(aws, letters[two]) == []
    assert metric(aws, name, "FailedInvocations", one) == 1
    assert metric(aws, name, "FailedInvocations", two) == metric(aws, name, "FailedInvocations") == 0


def test_rule_whose_dead_letters_refuse(aws: Aws, unique: Callable[[str], str]) -> None:
    name = unique("rule")
    function = aws.function(name, FAILING)
    url, dead_letters = queue(aws, f"{name}-dead", f"arn:aws:events:{REGION}:{ACCOUNT}:rule/another")
    rule_for(aws, name, function, dead_letters)
    put(aws, name)
    assert until(lambda: metric(aws, name, "InvocationsFailedToBeSentToDlq")) == 1
    assert messages(aws, url) == []


def test_failing_function(aws: Aws, unique: Callable[[str], str]) -> None:
    name = unique("rule")
    url, dead_letters = queue(aws, f"{name}-dead")
    function = aws.function(name, FAILING, DeadLetterConfig={"TargetArn": dead_letters})
    aws.client("lambda").put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=1)
    rule = rule_for(aws, name, function, dead_letters)
    aws.client("lambda").add_permission(
        FunctionName=name,
        StatementId="rule",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=rule,
    )
    put(aws, name)
    (letter,) = until(lambda: messages(aws, url))
    event = json.loads(letter["Body"])
    assert (event["source"], event["detail"]) == (name, {"number": 1})
    assert "no" in letter["MessageAttributes"]["ErrorMessage"]["StringValue"]
    lines = aws.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}", filterPattern="attempt")["events"]
    assert len(lines) == 2


def test_events_by_source_and_type(aws: Aws, unique: Callable[[str], str]) -> None:
    statement = {
        "Effect": "Allow",
        "Action": "events:PutEvents",
        "Resource": f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default",
        "Condition": {"StringEquals": {"events:source": "mine", "events:detail-type": "Done"}},
    }
    events = aws.assumed(aws.role(unique("sender"), [statement]), "events")

    def send(*entries: tuple[str, str]) -> None:
        events.put_events(Entries=[{"Source": source, "DetailType": kind, "Detail": "{}"} for source, kind in entries])

    send(("mine", "Done"))
    for refused in (("yours", "Done"), ("mine", "Begun"), ("mine", "")):
        with pytest.raises(ClientError, match="AccessDenied"):
            send(refused)
        with pytest.raises(ClientError, match="AccessDenied"):
            send(("mine", "Done"), refused)


def test_detail_is_an_object(aws: Aws) -> None:
    entries = [{"Source": "details", "DetailType": "Thing", "Detail": detail} for detail in ("{}", "no", "[]")]
    answer = aws.client("events").put_events(Entries=entries)
    assert answer["FailedEntryCount"] == 2
    assert [entry.get("ErrorCode") for entry in answer["Entries"]] == [None, "MalformedDetail", "MalformedDetail"]


def test_events_that_lack_something(aws: Aws) -> None:
    right = {"Source": "lacking", "DetailType": "Thing", "Detail": "{}"}
    entries = [right, *(right | {member: ""} for member in right), right | {"Source": "aws.events"}, right]
    answer = aws.client("events").put_events(Entries=entries)
    assert answer["FailedEntryCount"] == 4
    assert [entry.get("ErrorCode") for entry in answer["Entries"]] == [
        None,
        *["InvalidArgument"] * 3,
        "NotAuthorizedForSourceException",
        None,
    ]
    assert answer["Entries"][1]["ErrorMessage"] == (
        "Parameter Source is not valid. Reason: Source is a required argument."
    )
    assert all(("EventId" in entry) is not ("ErrorCode" in entry) for entry in answer["Entries"])
