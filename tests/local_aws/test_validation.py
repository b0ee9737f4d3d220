"""Requests that AWS refuses by its models and by the rules beside them: shim `validation`."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.local_aws.conftest import ACCOUNT, REGION, Aws

TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
ALLOW = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/*"}
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:queue"
ALARM = {
    "AlarmName": "wrong",
    "Namespace": "AWS/Lambda",
    "MetricName": "Errors",
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 1.0,
    "ComparisonOperator": "GreaterThanThreshold",
}
KEYS = {
    "AttributeDefinitions": [{"AttributeName": "PK", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "PK", "KeyType": "HASH"}],
    "BillingMode": "PAY_PER_REQUEST",
}


def variables(name: str, value: str) -> dict[str, Any]:
    return {"FunctionName": "a", "Environment": {"Variables": {name: value}}}


def policy(*statements: dict[str, Any], **more: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements), **more})


@pytest.fixture(scope="module")
def ask(aws: Aws) -> Callable[[str, str, dict[str, Any]], Any]:
    """Calls an operation without botocore's own checks of what is said."""
    clients: dict[str, Any] = {}

    def call(service: str, operation: str, values: dict[str, Any]) -> Any:
        if service not in clients:
            clients[service] = boto3.client(
                service,
                region_name=REGION,
                endpoint_url=aws.emulator.endpoint,
                verify=str(aws.emulator.ca_bundle),
                aws_access_key_id="test",
                aws_secret_access_key="test",
                config=Config(parameter_validation=False, retries={"max_attempts": 1}),
            )
        return getattr(clients[service], operation)(**values)

    return call


# Service, operation, what is said, and the error that AWS answers with.
BY_THE_MODEL = [
    ("dynamodb", "describe_table", {}, "ValidationException"),
    (
        "dynamodb",
        "put_item",
        {"TableName": "abc", "Item": {"PK": {"S": "a"}}, "ReturnValues": "ALL"},
        "ValidationException",
    ),
    ("dynamodb", "get_item", {"TableName": "", "Key": {"PK": {"S": "a"}}}, "ValidationException"),
    ("dynamodb", "transact_write_items", {"TransactItems": []}, "ValidationException"),
    (
        "dynamodb",
        "transact_write_items",
        {"TransactItems": [{"Delete": {"TableName": "abc", "Key": {"PK": {"S": str(n)}}}} for n in range(101)]},
        "ValidationException",
    ),
    ("dynamodb", "get_item", {"TableName": "abc", "Key": {"PK": {"S": 1}}}, "SerializationException"),
    ("sesv2", "send_email", {"FromEmailAddress": 7}, "SerializationException"),
    ("logs", "create_log_group", {"logGroupName": "no spaces"}, "InvalidParameterException"),
    ("events", "put_rule", {"Name": "no spaces", "ScheduleExpression": "rate(5 minutes)"}, "ValidationException"),
    ("iam", "create_role", {"RoleName": "a" * 65, "AssumeRolePolicyDocument": policy(TRUST)}, "ValidationError"),
    ("iam", "create_role", {"RoleName": "a"}, "ValidationError"),
    ("kms", "create_key", {"KeySpec": "RSA_1"}, "ValidationException"),
    ("cognito-idp", "create_user_pool", {"PoolName": "a?"}, "InvalidParameterException"),
    ("lambda", "update_function_configuration", {"FunctionName": "a", "MemorySize": 64}, "ValidationException"),
    ("cloudwatch", "put_metric_alarm", ALARM | {"ComparisonOperator": "More"}, "ValidationError"),
    (
        "sts",
        "assume_role",
        {"RoleArn": "arn:aws:iam::000000000000:role/a", "RoleSessionName": "a b"},
        "ValidationError",
    ),
    ("s3", "put_bucket_versioning", {"Bucket": "abc", "VersioningConfiguration": {"Status": "On"}}, "MalformedXML"),
    ("sesv2", "create_email_identity", {"EmailIdentity": ""}, "BadRequestException"),
    ("apigateway", "put_gateway_response", {"restApiId": "a", "responseType": "MINE"}, "BadRequestException"),
]


@pytest.mark.parametrize(
    ("service", "operation", "values", "code"),
    BY_THE_MODEL,
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_a_model_forbids(ask: Any, service: str, operation: str, values: dict[str, Any], code: str) -> None:
    with pytest.raises(ClientError) as refusal:
        ask(service, operation, values)
    assert refusal.value.response["Error"]["Code"] == code
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_how_it_is_told(ask: Any) -> None:
    """In the words of AWS's own framework, every member at once."""
    with pytest.raises(ClientError) as refusal:
        ask("dynamodb", "create_table", KEYS | {"KeySchema": [], "BillingMode": "FREE"})
    assert refusal.value.response["Error"]["Message"] == (
        "3 validation errors detected: Value '[]' at 'keySchema' failed to satisfy constraint: Member must have length "
        "greater than or equal to 1; Value 'FREE' at 'billingMode' failed to satisfy constraint: Member must satisfy "
        "enum value set: [PROVISIONED, PAY_PER_REQUEST]; Value null at 'tableName' failed to satisfy constraint: "
        "Member must not be null"
    )


def test_iam_is_asked_first(aws: Aws, unique: Callable[[str], str]) -> None:
    nobody = aws.assumed(aws.role(unique("nobody"), []), "logs")
    with pytest.raises(ClientError, match="AccessDenied"):
        nobody.put_retention_policy(logGroupName="group", retentionInDays=2)


POLICIES = {
    "no json": "{",
    "a list": "[]",
    "no statement": policy(),
    "old version": policy(ALLOW, Version="2020-01-01"),
    "unknown element": policy(ALLOW, Statements=[]),
    "misspelt element": policy(ALLOW | {"Resources": "*"}),
    "effect": policy(ALLOW | {"Effect": "allow"}),
    "no action": policy({"Effect": "Allow", "Resource": "*"}),
    "both actions": policy(ALLOW | {"NotAction": "s3:*"}),
    "action without service": policy(ALLOW | {"Action": "GetObject"}),
    "empty actions": policy(ALLOW | {"Action": []}),
    "no resource": policy({"Effect": "Allow", "Action": "s3:*"}),
    "resource without arn": policy(ALLOW | {"Resource": "bucket"}),
    "short arn": policy(ALLOW | {"Resource": "arn:aws:s3:bucket"}),
    "principal": policy(ALLOW | {"Principal": "*"}),
    "same sid": policy(ALLOW | {"Sid": "A"}, ALLOW | {"Sid": "A"}),
    "sid with a space": policy(ALLOW | {"Sid": "A b"}),
    "unknown operator": policy(ALLOW | {"Condition": {"StringIs": {"aws:PrincipalOrgID": "o"}}}),
    "no number": policy(ALLOW | {"Condition": {"NumericEquals": {"s3:max-keys": "many"}}}),
    "no address": policy(ALLOW | {"Condition": {"IpAddress": {"aws:SourceIp": "here"}}}),
    "condition of an object": policy(ALLOW | {"Condition": {"StringEquals": {"aws:PrincipalTag/a": {"b": "c"}}}}),
    "condition key without service": policy(ALLOW | {"Condition": {"StringEquals": {"SourceArn": "a"}}}),
    "unfinished variable": policy(ALLOW | {"Resource": "arn:aws:s3:::bucket/${aws:username"}),
}


@pytest.mark.parametrize("document", POLICIES.values(), ids=POLICIES)
def test_malformed_policies(ask: Any, aws: Aws, unique: Callable[[str], str], document: str) -> None:
    with pytest.raises(ClientError, match="MalformedPolicyDocument"):
        ask("iam", "create_policy", {"PolicyName": unique("bad"), "PolicyDocument": document})


TRUSTS = {
    "no principal": policy({"Effect": "Allow", "Action": "sts:AssumeRole"}),
    "resource": policy(TRUST | {"Resource": "*"}),
    "no service": policy(TRUST | {"Principal": {"Service": "lambda"}}),
    "no account": policy(TRUST | {"Principal": {"AWS": "somebody"}}),
    "unknown kind": policy(TRUST | {"Principal": {"Function": "lambda.amazonaws.com"}}),
}


@pytest.mark.parametrize("document", TRUSTS.values(), ids=TRUSTS)
def test_malformed_trust(ask: Any, unique: Callable[[str], str], document: str) -> None:
    with pytest.raises(ClientError, match="MalformedPolicyDocument"):
        ask("iam", "create_role", {"RoleName": unique("bad"), "AssumeRolePolicyDocument": document})


def test_sizes_of_policies(ask: Any, aws: Aws, unique: Callable[[str], str]) -> None:
    long = [f"arn:aws:s3:::{number:030}" for number in range(170)]
    name = unique("long")
    with pytest.raises(ClientError, match="LimitExceeded"):
        ask("iam", "create_policy", {"PolicyName": name, "PolicyDocument": policy(ALLOW | {"Resource": long})})
    # Blanks do not count, so that a policy may be indented.
    indented = json.dumps(json.loads(policy(ALLOW | {"Resource": long[:100]})), indent=40)
    assert len(indented) > 6144
    ask("iam", "create_policy", {"PolicyName": name, "PolicyDocument": indented})
    aws.role(name, [])
    half = policy(ALLOW | {"Resource": long[:130]})
    ask("iam", "put_role_policy", {"RoleName": name, "PolicyName": "one", "PolicyDocument": half})
    # All policies within a role count together.
    with pytest.raises(ClientError, match=r"LimitExceeded.*10240 bytes exceeded"):
        ask("iam", "put_role_policy", {"RoleName": name, "PolicyName": "two", "PolicyDocument": half})
    ask("iam", "put_role_policy", {"RoleName": name, "PolicyName": "one", "PolicyDocument": half})


@pytest.mark.parametrize(
    ("service", "operation", "values", "code"),
    [
        ("sqs", "create_queue", {"QueueName": "a", "Attributes": {"Policy": "{}"}}, "InvalidAttributeValue"),
        (
            "sqs",
            "create_queue",
            {"QueueName": "a", "Attributes": {"VisibilityTimeout": "43201"}},
            "InvalidAttributeValue",
        ),
        ("sqs", "create_queue", {"QueueName": "a b"}, "InvalidParameterValue"),
        ("sqs", "send_message", {"QueueUrl": "https://queue", "MessageBody": "\x00"}, "InvalidMessageContents"),
        ("sqs", "send_message_batch", {"QueueUrl": "https://queue", "Entries": []}, "EmptyBatchRequest"),
        ("sqs", "receive_message", {"QueueUrl": "https://queue", "MaxNumberOfMessages": 11}, "InvalidParameterValue"),
        ("sns", "create_topic", {"Name": "a b"}, "InvalidParameter"),
        ("kms", "create_key", {"Policy": policy(ALLOW)}, "MalformedPolicyDocumentException"),
        ("lambda", "update_function_configuration", variables("LONG", "x" * 4096), "InvalidParameterValueException"),
        ("lambda", "update_function_configuration", variables("AWS_REGION", "x"), "InvalidParameterValueException"),
        ("logs", "put_retention_policy", {"logGroupName": "group", "retentionInDays": 2}, "InvalidParameterException"),
        (
            "logs",
            "filter_log_events",
            {"logGroupName": "group", "filterPattern": "{ $.a = }"},
            "InvalidParameterException",
        ),
        ("cloudwatch", "put_metric_alarm", ALARM | {"Period": 61}, "ValidationError"),
        ("cloudwatch", "put_metric_alarm", ALARM | {"EvaluationPeriods": 1441}, "ValidationError"),
        ("cloudwatch", "put_metric_alarm", ALARM | {"DatapointsToAlarm": 2}, "ValidationError"),
        ("cloudwatch", "put_composite_alarm", {"AlarmName": "a", "AlarmRule": "ALARM(one) AND"}, "ValidationError"),
        ("cloudwatch", "put_composite_alarm", {"AlarmName": "a", "AlarmRule": "ALARM(one) OK(two)"}, "ValidationError"),
        ("cloudwatch", "put_dashboard", {"DashboardName": "a", "DashboardBody": "{}"}, "InvalidParameterInput"),
        ("events", "put_rule", {"Name": "a"}, "ValidationException"),
        ("events", "put_rule", {"Name": "a", "EventPattern": "{}"}, "InvalidEventPatternException"),
        ("events", "put_rule", {"Name": "a", "EventPattern": '{"source": "one"}'}, "InvalidEventPatternException"),
        ("events", "put_rule", {"Name": "a", "EventPattern": '{"source": []}'}, "InvalidEventPatternException"),
        (
            "events",
            "put_rule",
            {"Name": "a", "EventPattern": '{"source": [{"starts": "a"}]}'},
            "InvalidEventPatternException",
        ),
        (
            "events",
            "put_targets",
            {"Rule": "a", "Targets": [{"Id": "a", "Arn": QUEUE, "Input": "{"}]},
            "ValidationException",
        ),
        ("dynamodb", "create_table", KEYS | {"TableName": "ab"}, "ValidationException"),
        ("dynamodb", "create_table", KEYS | {"TableName": "abc", "AttributeDefinitions": []}, "ValidationException"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_the_rules_forbid(ask: Any, service: str, operation: str, values: dict[str, Any], code: str) -> None:
    with pytest.raises(ClientError) as refusal:
        ask(service, operation, values)
    assert refusal.value.response["Error"]["Code"] == code


@pytest.mark.parametrize(
    ("expression", "right"),
    [
        ("rate(1 minute)", True),
        ("rate(5 minutes)", True),
        ("rate(24 hours)", True),
        ("cron(0 5 * * ? *)", True),
        ("cron(0/15 8-17 ? JAN-MAR MON-FRI *)", True),
        ("cron(0 5 L * ? *)", True),
        ("cron(0 5 ? * 6#3 2026-2030)", True),
        ("rate(1 minutes)", False),
        ("rate(5 minute)", False),
        ("rate(0 minutes)", False),
        ("rate(5 seconds)", False),
        ("rate(5minutes)", False),
        ("Rate(5 minutes)", False),
        ("cron(0 5 * * *)", False),
        ("cron(0 5 * * * *)", False),
        ("cron(0 5 ? * ? *)", False),
        ("cron(60 5 * * ? *)", False),
        ("cron(0 24 * * ? *)", False),
        ("cron(0 5 0 * ? *)", False),
        ("cron(0 5 ? * 0 *)", False),
        ("cron(0 5 ? * MONDAY *)", False),
        ("cron(0 5 * * ? *) ", False),
        ("cron(*/0 5 * * ? *)", False),
    ],
)
def test_schedules(ask: Any, unique: Callable[[str], str], expression: str, right: bool) -> None:
    rule = {"Name": unique("rule"), "ScheduleExpression": expression}
    if right:
        ask("events", "put_rule", rule)
    else:
        with pytest.raises(ClientError, match=r"ValidationException.*ScheduleExpression is not valid"):
            ask("events", "put_rule", rule)


ITEM = {"TableName": "nowhere", "Key": {"PK": {"S": "a"}}}
VALUES = {":s": {"S": "b"}, ":t": {"S": "a"}, ":n": {"N": "1"}, ":l": {"L": []}, ":b": {"BOOL": True}, ":e": {"SS": []}}


@pytest.mark.parametrize(
    ("kind", "expression", "message"),
    [
        ("ConditionExpression", "begins_with(a, :n)", "begins_with, operand type: N"),
        ("ConditionExpression", "size(:b) > :n", "size, operand type: BOOL"),
        ("ConditionExpression", "a < :b", "operator: <, operand type: BOOL"),
        ("ConditionExpression", "a BETWEEN :s AND :t", "upper bound"),
        ("ConditionExpression", "a BETWEEN :s AND :n", "same data type"),
        ("ConditionExpression", "a IN (:s) AND", "Syntax error"),
        ("ConditionExpression", "a == :s", "Syntax error"),
        ("ConditionExpression", "attribute_exists(:s)", "requires a document path"),
        ("ConditionExpression", "attribute_type(a, :s)", "Invalid attribute type name"),
        ("ConditionExpression", "starts_with(a, :s)", "Invalid function name"),
        ("ConditionExpression", "size(a)", "Syntax error"),
        ("ConditionExpression", "status = :s", "reserved keyword: status"),
        ("ConditionExpression", "#a = :s", "not defined; attribute name: #a"),
        ("ConditionExpression", "a = :x", "not defined; attribute value: :x"),
        ("ConditionExpression", "a = a", "must be distinct"),
        ("ConditionExpression", " ", "can not be empty"),
        ("ConditionExpression", " OR ".join(["a = :s"] * 160), "Too many operators"),
        ("ConditionExpression", "a = :s" + " OR abcdefghijk = :s" * 220, "exceeded the maximum allowed size"),
        ("UpdateExpression", "SET a = :s, a.b = :n", "overlap"),
        ("UpdateExpression", "SET a = :s SET b = :s", "only be used once"),
        ("UpdateExpression", "ADD a :s", "ALLOWED_FOR_ADD_OPERAND"),
        ("UpdateExpression", "DELETE a :n", "ALLOWED_FOR_DELETE_OPERAND"),
        ("UpdateExpression", "SET a = b + :s", "operand type: S"),
        ("UpdateExpression", "SET a = list_append(b, :n)", "operand type: N"),
        ("UpdateExpression", "SET a = size(b)", "not allowed in an update expression"),
        ("UpdateExpression", "a = :s", "Syntax error"),
    ],
)
def test_expressions_that_are_wrong_in_themselves(ask: Any, kind: str, expression: str, message: str) -> None:
    used = {name: value for name, value in VALUES.items() if name in expression}
    update = {} if kind == "UpdateExpression" else {"UpdateExpression": "REMOVE zzz"}
    values = ITEM | update | {kind: expression} | ({"ExpressionAttributeValues": used} if used else {})
    with pytest.raises(ClientError) as refusal:
        ask("dynamodb", "update_item", values)
    assert refusal.value.response["Error"]["Code"] == "ValidationException"
    assert message in refusal.value.response["Error"]["Message"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"UpdateExpression": "REMOVE a", "ExpressionAttributeNames": {"#b": "b"}},
            "unused in expressions: keys: {#b}",
        ),
        ({"UpdateExpression": "SET a = :s", "ExpressionAttributeValues": VALUES}, "unused in expressions"),
        ({"UpdateExpression": "REMOVE a", "ExpressionAttributeValues": {}}, "must not be empty"),
        ({"ExpressionAttributeNames": {"#b": "b"}}, "only be specified when using expressions"),
        ({"UpdateExpression": "REMOVE a", "Expected": {"a": {"Exists": False}}}, "non-expression parameters"),
        ({"UpdateExpression": "SET a = :e", "ExpressionAttributeValues": {":e": {"SS": []}}}, "may not be empty"),
        ({"UpdateExpression": "SET a = :e", "ExpressionAttributeValues": {":e": {"N": "x"}}}, "cannot be converted"),
        ({"UpdateExpression": "SET a = :e", "ExpressionAttributeValues": {":e": {"N": "1e126"}}}, "Number overflow"),
        ({"UpdateExpression": "SET a = :e", "ExpressionAttributeValues": {":e": {"N": "1" * 39}}}, "38 significant"),
        ({"Key": {"PK": {"S": ""}}}, "cannot contain an empty string value"),
        ({"Key": {"PK": {"BOOL": True}}}, "does not match the schema"),
    ],
)
def test_writes_that_are_wrong_in_themselves(ask: Any, values: dict[str, Any], message: str) -> None:
    with pytest.raises(ClientError) as refusal:
        ask("dynamodb", "update_item", ITEM | values)
    assert refusal.value.response["Error"]["Code"] == "ValidationException"
    assert message in refusal.value.response["Error"]["Message"]


def test_transactions_that_are_wrong_in_themselves(ask: Any) -> None:
    delete = {"Delete": ITEM}
    big = {"Put": {"TableName": "nowhere", "Item": {"PK": {"S": "a"}, "a": {"S": "x" * 399_000}}}}
    many = [{"Put": big["Put"] | {"Item": big["Put"]["Item"] | {"PK": {"S": str(n)}}}} for n in range(11)]
    for parts, message in (
        ([delete, {"ConditionCheck": ITEM | {"ConditionExpression": "attribute_exists(PK)"}}], "multiple operations"),
        ([{"Delete": ITEM, "Put": big["Put"]}], "only contain one"),
        ([{}], "should contain"),
        (many, "4 MB"),
        ([delete, {"Delete": ITEM | {"Key": {"PK": {"S": "b"}}, "ConditionExpression": "a = :x"}}], ":x"),
    ):
        with pytest.raises(ClientError, match="ValidationException") as refusal:
            ask("dynamodb", "transact_write_items", {"TransactItems": parts})
        assert message in refusal.value.response["Error"]["Message"]


def test_what_is_right_passes(ask: Any, unique: Callable[[str], str]) -> None:
    """Everything that the rules look at, said as it should be."""
    name = unique("right")
    ask("dynamodb", "create_table", KEYS | {"TableName": name})
    values = {":s": {"S": "b"}, ":t": {"S": "a"}, ":n": {"N": "1"}, ":zero": {"N": "0"}, ":l": {"L": []}}
    ask(
        "dynamodb",
        "update_item",
        {
            "TableName": name,
            "Key": {"PK": {"S": "a"}},
            "UpdateExpression": "SET #n = if_not_exists(#n, :zero) + :n, l = list_append(if_not_exists(l, :l), :l) "
            "REMOVE gone, m.#n[0] ADD tags :e DELETE labels :e",
            "ConditionExpression": "attribute_not_exists(PK) OR (size(l) < :n AND NOT contains(tags, :s)) "
            "OR PK BETWEEN :t AND :s OR #n IN (:n, :zero)",
            "ExpressionAttributeNames": {"#n": "number"},
            "ExpressionAttributeValues": values | {":e": {"SS": ["x"]}},
        },
    )
    ask(
        "events",
        "put_rule",
        {
            "Name": name,
            "EventPattern": json.dumps(
                {
                    "source": [{"prefix": "bbws."}, "one"],
                    "detail": {"n": [{"numeric": [">", 0, "<=", 5]}], "e": [{"exists": False}]},
                    "$or": [{"detail-type": ["a"]}, {"account": [{"anything-but": ["1"]}]}],
                }
            ),
        },
    )
    ask("cloudwatch", "put_metric_alarm", ALARM | {"AlarmName": name})
    ask(
        "cloudwatch",
        "put_composite_alarm",
        {"AlarmName": f"{name}-all", "AlarmRule": f'ALARM("{name}") AND NOT (OK({name}) OR TRUE)'},
    )
    ask(
        "cloudwatch",
        "put_metric_data",
        {"Namespace": "Ours", "MetricData": [{"MetricName": "a", "Value": 1.0, "Timestamp": datetime.now(UTC)}]},
    )
    statement = ALLOW | {
        "Sid": "One",
        "Resource": ["arn:aws:dynamodb:*:000000000000:table/a/index/*", "arn:aws:s3:::b/${aws:PrincipalTag/team}/*"],
        "Condition": {
            "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["ORG#*"]},
            "Bool": {"aws:SecureTransport": "true"},
            "NumericLessThanEqualsIfExists": {"s3:max-keys": 5},
            "Null": {"aws:TokenIssueTime": True},
            "IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "2001:db8::/32"]},
            "DateGreaterThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"},
        },
    }
    ask("iam", "create_policy", {"PolicyName": name, "PolicyDocument": policy(statement, Id="x")})
    trust = TRUST | {"Principal": {"AWS": [ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root"], "Service": "lambda.amazonaws.com"}}
    ask("iam", "create_role", {"RoleName": name, "AssumeRolePolicyDocument": policy(trust)})
    resource = {"Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": f"{QUEUE}-{name}"}
    attributes = {
        "Policy": policy(resource),
        "VisibilityTimeout": "60",
        "RedrivePolicy": json.dumps({"deadLetterTargetArn": QUEUE, "maxReceiveCount": 5}),
    }
    ask("sqs", "create_queue", {"QueueName": "queue"})
    ask("sqs", "create_queue", {"QueueName": f"queue-{name}", "Attributes": attributes})
    ask("logs", "create_log_group", {"logGroupName": f"/aws/lambda/{name}"})
    ask("logs", "put_retention_policy", {"logGroupName": f"/aws/lambda/{name}", "retentionInDays": 30})
