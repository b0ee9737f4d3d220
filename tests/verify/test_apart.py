"""Two environments in one account and region: what of one would meet the other."""

import json
from typing import Any

import pytest

from bbws_access.verify.apart import meetings, overlap
from bbws_access.verify.jobs import Planned
from tests.verify.conftest import Planned as Plans

pytestmark = pytest.mark.xdist_group("verify-plans")


def resources(plans: Plans, environment: str) -> list[Planned]:
    return [item for facts in plans.facts for item in facts.planned[environment] if item.managed]


@pytest.mark.parametrize(("one", "other"), [("dev", "sit"), ("sit", "dev"), ("dev", "prod"), ("prod", "sit")])
def test_environments_are_apart(one: str, other: str, planned: Plans) -> None:
    mine, theirs = resources(planned, one), resources(planned, other)
    assert list(meetings(mine, theirs, f"bbws-access-{other}")) == []
    # The same environment twice meets itself in everything: nothing was overlooked because nothing was seen.
    seen = {met.item.type for met in meetings(mine, mine, f"bbws-access-{one}")}
    assert seen >= {
        "aws_cloudwatch_event_bus",
        "aws_cloudwatch_event_rule",
        "aws_cloudwatch_log_metric_filter",
        "aws_cloudwatch_metric_alarm",
        "aws_dynamodb_table",
        "aws_iam_role",
        "aws_iam_role_policy",
        "aws_kms_alias",
        "aws_kms_key",
        "aws_lambda_function",
        "aws_lambda_permission",
        "aws_s3_bucket",
        "aws_sns_topic_policy",
        "aws_sqs_queue",
        "aws_ses_template",
        "aws_xray_sampling_rule",
    }
    # One after the other, each statement of a role that names something is seen to reach it.
    statements = [
        statement
        for item in mine
        if item.type == "aws_iam_role_policy"
        for statement in json.loads(item.values["policy"])["Statement"]
    ]
    reached = [met for met in meetings(mine, mine, f"bbws-access-{one}") if met.item.type == "aws_iam_role_policy"]
    assert len(reached) > len(statements)


# What DEV could have, beside SIT as it is.


def _rule(bus: str, pattern: dict[str, Any]) -> Planned:
    values = {"name": "bbws-access-dev-rule-x", "event_bus_name": bus, "event_pattern": json.dumps(pattern)}
    return Planned("aws_cloudwatch_event_rule.x", "aws_cloudwatch_event_rule", values)


def _alarm(namespace: str, name: str, dimensions: dict[str, str] | None = None) -> Planned:
    metric = {"namespace": namespace, "metric_name": name, "dimensions": dimensions}
    values = {"alarm_name": "bbws-access-dev-alarm-x", "metric_query": [{"metric": [metric]}, {"metric": []}]}
    return Planned("aws_cloudwatch_metric_alarm.x", "aws_cloudwatch_metric_alarm", values)


def _policy(action: str, resource: str, kind: str = "aws_iam_role_policy", **statement: Any) -> Planned:
    document = {"Statement": [{"Effect": "Allow", "Action": action, "Resource": resource, **statement}]}
    attribute = "assume_role_policy" if kind == "aws_iam_role" else "policy"
    return Planned(f"{kind}.x", kind, {attribute: json.dumps(document)})


def _source(pattern: str) -> dict[str, Any]:
    return {"Condition": {"ArnLike": {"aws:SourceArn": pattern}}}


def _filter(namespace: str, name: str) -> Planned:
    values = {
        "log_group_name": "mine",
        "name": "mine",
        "metric_transformation": [{"namespace": namespace, "name": name}],
    }
    return Planned("aws_cloudwatch_log_metric_filter.x", "aws_cloudwatch_log_metric_filter", values)


HERE = "eu-west-1:111122223333"
TABLES = f"arn:aws:dynamodb:{HERE}:table"
RULES = _source(f"arn:aws:events:{HERE}:rule/*")
ALARMS = _source(f"arn:aws:cloudwatch:{HERE}:alarm:*")
LOGS = {"Condition": {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": [f"arn:aws:logs:{HERE}:log-group:*"]}}}
SITS_ROLE = {"Principal": {"AWS": "arn:aws:iam::111122223333:role/bbws-access-sit-role-role-service"}}
SITS_METRICS = "BBWS/AccessManagement/bbws-access-sit"


def _named(kind: str, name: str, attribute: str = "name") -> Planned:
    return Planned(f"{kind}.x", kind, {attribute: f"bbws-access-sit-{name}"})


FAULTS = {
    "a rule on the account's bus for all mails": _rule("default", {"source": ["aws.ses"]}),
    "a rule with a filter": _rule("default", {"source": [{"prefix": "aws."}]}),
    "a rule on the other's bus": _rule("bbws-access-sit-bus", {"source": ["bbws.platform"]}),
    "a metric of lines": _filter(SITS_METRICS, "TokenFailures"),
    "an alarm on the other's lines": _alarm(SITS_METRICS, "TokenFailures"),
    "an alarm on the other's function": _alarm("AWS/Lambda", "Errors", {"FunctionName": "bbws-access-sit-lambda-role"}),
    "a role for any table": _policy("dynamodb:GetItem", f"{TABLES}/*"),
    "a role for tables of the project": _policy("dynamodb:GetItem", f"{TABLES}/bbws-access-*-ddb-teams"),
    "a role for a table elsewhere": _policy(
        "dynamodb:GetItem", f"{TABLES}/bbws-access-sit-ddb-teams".replace("eu-west-1", "us-east-1")
    ),
    "a role for everything": _policy("dynamodb:GetItem", "*"),
    "a role for buckets": _policy("s3:GetObject", "arn:aws:s3:::bbws-access-*"),
    "a role for any bus": _policy("events:PutEvents", f"arn:aws:events:{HERE}:event-bus/*"),
    "a queue for any rule": _policy("sqs:SendMessage", "q", "aws_sqs_queue", **RULES),
    "a topic for any alarm": _policy("sns:Publish", "t", "aws_sns_topic_policy", **ALARMS),
    "a key for any log group": _policy("kms:Decrypt", "*", "aws_kms_key", **LOGS),
    "a role that the other's may take": _policy("sts:AssumeRole", "", "aws_iam_role", **SITS_ROLE),
    "a function that any rule may invoke": Planned(
        "aws_lambda_permission.x", "aws_lambda_permission", {"source_arn": f"arn:aws:events:{HERE}:rule/*"}
    ),
    "a bucket": _named("aws_s3_bucket", "s3-audit-archive", "bucket"),
    "a role": _named("aws_iam_role", "role-role-service"),
    "something with a name": _named("aws_sns_topic", "sns-alerts-dlq"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_meets_another_environment_is_found(fault: str, planned: Plans) -> None:
    found = list(meetings([FAULTS[fault]], resources(planned, "sit"), "bbws-access-sit"))
    assert found
    assert all(met.item is FAULTS[fault] and met.attribute and met.value for met in found)


HARMLESS = {
    "an alarm on what AWS counts for the account": _alarm("AWS/Lambda", "ConcurrentExecutions"),
    "an alarm of its own": _alarm("AWS/Lambda", "Errors", {"FunctionName": "bbws-access-dev-lambda-role"}),
    "a rule on its own bus": _rule("bbws-access-dev-bus", {"source": ["bbws.platform"]}),
    "a rule for another set of mails": _rule(
        "default", {"source": ["aws.ses"], "detail": {"mail": {"tags": {"ses:configuration-set": ["dev"]}}}}
    ),
    "a role that traces": _policy("xray:PutTraceSegments", "*"),
    "a role with a name that begins alike": _policy(
        "dynamodb:GetItem", "arn:aws:dynamodb:eu-west-1:111122223333:table/bbws-access-sit2-ddb-teams"
    ),
    "a statement that denies": Planned(
        "aws_iam_role_policy.x",
        "aws_iam_role_policy",
        {"policy": json.dumps({"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}})},
    ),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_meets_nobody_is_not_found(name: str, planned: Plans) -> None:
    assert list(meetings([HARMLESS[name]], resources(planned, "sit"), "bbws-access-sit")) == []


def test_two_environments_cannot_both_set_the_log_role_of_api_gateway() -> None:
    account = Planned("aws_api_gateway_account.this", "aws_api_gateway_account", {})
    [met] = meetings([account], [account], "bbws-access-sit")
    assert "one for the whole account and region" in met.message


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ({"source": ["a"]}, {"source": ["a"]}, True),
        ({"source": ["a"]}, {"source": ["a", "b"]}, True),
        ({"source": ["a"]}, {"source": ["b"]}, False),
        ({"source": ["a"]}, {"detail-type": ["b"]}, True),
        ({"source": ["a"], "detail": {"x": ["1"]}}, {"source": ["a"]}, True),
        ({"source": ["a"], "detail": {"x": ["1"]}}, {"source": ["a"], "detail": {"x": ["2"]}}, False),
        ({"source": ["a"], "detail": {"x": ["1"]}}, {"source": ["a"], "detail": {"y": ["2"]}}, True),
        ({"source": [{"prefix": "a"}]}, {"source": ["b"]}, True),
        ({"source": [{"prefix": "a"}], "detail-type": ["x"]}, {"source": ["b"], "detail-type": ["y"]}, False),
    ],
)
def test_patterns_that_one_event_may_match(one: dict[str, Any], other: dict[str, Any], meet: bool) -> None:
    assert overlap(one, other) == overlap(other, one) == meet
