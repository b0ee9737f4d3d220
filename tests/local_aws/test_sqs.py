"""SQS: shim `sqs`, and what functions do with its messages."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local_aws.conftest import ACCOUNT, REGION, Aws
from tests.local_aws.waiting import until

# Fails at messages that say so, and only at these.
CHOOSY = """
import json
def handler(event, context):
    bodies = {record["messageId"]: json.loads(record["body"]) for record in event["Records"]}
    for body in bodies.values():
        print("saw", body["name"])
    return {"batchItemFailures": [{"itemIdentifier": key} for key, body in bodies.items() if body["poison"]]}
"""


def test_metrics_of_a_queue(aws: Aws, unique: Callable[[str], str]) -> None:
    name = unique("metrics")
    url = aws.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    for _ in range(2):
        aws.client("sqs").send_message(QueueUrl=url, MessageBody="waits")

    def most(metric: str) -> float:
        now = datetime.now(UTC)
        points = aws.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/SQS",
            MetricName=metric,
            Dimensions=[{"Name": "QueueName", "Value": name}],
            StartTime=now - timedelta(minutes=5),
            EndTime=now + timedelta(minutes=1),
            Period=60,
            Statistics=["Maximum"],
        )["Datapoints"]
        return max((point["Maximum"] for point in points), default=0.0)

    assert until(lambda: most("ApproximateNumberOfMessagesVisible")) == 2
    assert until(lambda: most("ApproximateAgeOfOldestMessage")) > 0


def test_a_batch_needs_the_right_to_one(aws: Aws, unique: Callable[[str], str]) -> None:
    name = unique("batches")
    url = aws.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    entries = [{"Id": str(n), "MessageBody": "waits"} for n in range(3)]
    number = count()

    def who_may(action: str, resource: str = arn) -> Any:
        statement = {"Effect": "Allow", "Action": [action], "Resource": [resource]}
        who = unique(f"{action.partition(':')[2]}-{resource.rpartition('-')[2]}-{next(number)}")
        return aws.assumed(aws.role(who, [statement]), "sqs")

    assert len(who_may("sqs:SendMessage").send_message_batch(QueueUrl=url, Entries=entries)["Successful"]) == 3
    for other in (who_may("sqs:ReceiveMessage"), who_may("sqs:SendMessage", f"{arn}-other")):
        with pytest.raises(ClientError, match="AccessDenied"):
            other.send_message_batch(QueueUrl=url, Entries=entries)
    taken = aws.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    handles = [{"Id": str(n), "ReceiptHandle": one["ReceiptHandle"]} for n, one in enumerate(taken)]
    with pytest.raises(ClientError, match="AccessDenied"):
        who_may("sqs:SendMessage").delete_message_batch(QueueUrl=url, Entries=handles)
    gone = who_may("sqs:DeleteMessage").delete_message_batch(QueueUrl=url, Entries=handles)
    assert len(gone["Successful"]) == len(taken)


def test_of_a_batch_only_what_failed_comes_again_and_ends_in_the_dead_letters(
    aws: Aws, unique: Callable[[str], str]
) -> None:
    name = unique("choosy")
    sqs = aws.client("sqs")
    dead = sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
    redrive = {"deadLetterTargetArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}-dead", "maxReceiveCount": 2}
    attributes = {"VisibilityTimeout": "1", "RedrivePolicy": json.dumps(redrive)}
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    aws.function(name, CHOOSY, Timeout=1)
    aws.client("lambda").create_event_source_mapping(
        EventSourceArn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}",
        FunctionName=name,
        BatchSize=3,
        FunctionResponseTypes=["ReportBatchItemFailures"],
        ScalingConfig={"MaximumConcurrency": 2},
    )
    entries = [
        {"Id": one, "MessageBody": json.dumps({"name": one, "poison": one == "bad"})} for one in ("good", "bad", "fine")
    ]
    sqs.send_message_batch(QueueUrl=url, Entries=entries)
    (letter,) = until(lambda: sqs.receive_message(QueueUrl=dead).get("Messages"))
    assert json.loads(letter["Body"])["name"] == "bad"
    lines = aws.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}", filterPattern="saw")["events"]
    seen = [event["message"].split()[-1] for event in lines if event["message"].startswith("saw")]
    assert sorted(seen) == ["bad", "bad", "fine", "good"]
