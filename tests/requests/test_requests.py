"""Every request that Terraform, the tool and the functions sent in these tests is one that AWS would understand.

The local AWS judges each request by AWS's newest models of its services and by the rules beside them, and writes down
what it finds (`bbws_access.local_aws.recorder`). This comes last and reads what the run so far has left; `conftest.py`
reads it once more when everything has ended, since other workers may still be at work.
"""

from typing import Any

import boto3
import pytest
from botocore.config import Config

from bbws_access.kernel.aws import Aws
from bbws_access.kernel.dynamodb import Credentials, Database, DatabaseError, Get, Put
from bbws_access.local_aws import LocalAws, recorder, wire
from bbws_access.local_aws.recorder import FUNCTIONS, OTHERS, TERRAFORM, TOOL, Record, caller, records
from tests.conftest import RECORDS, faults
from tests.requests.known import KNOWN, Known

REGION = "eu-west-1"


@pytest.mark.last
def test_every_request_is_one_that_aws_understands() -> None:
    assert faults() == []


def test_the_models_are_the_newest() -> None:
    """Those that `requirements/models.txt` pins, and not the older ones that the emulator asks for."""
    pinned = (RECORDS.parents[1] / "requirements" / "models.txt").read_text().split("==")[1].split()[0]
    [installed] = (RECORDS.parents[1] / ".venv" / "models").glob("botocore-*.dist-info")
    assert installed.name == f"botocore-{pinned}.dist-info"
    # A list of services without its models, or with names that they have not, would judge nothing.
    for names in wire.SERVICES.values():
        for name in names:
            assert wire.model(name).operations


def test_known_deviations_have_a_reason() -> None:
    for one in KNOWN:
        assert one.operation and one.kind and len(one.reason) > 40
    mine = Record(TERRAFORM, "iam:CreateRole", "length", "Path", "too long")
    assert Known(TERRAFORM, "iam:CreateRole", "length", "", "because").fits(mine)
    assert not Known(TERRAFORM, "iam:CreateRole", "pattern", "", "because").fits(mine)


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        (
            "APN/1.0 HashiCorp/1.0 Terraform/1.11.4 (+https://www.terraform.io) terraform-provider-aws/5.100.0",
            TERRAFORM,
        ),
        ("APN/1.0 HashiCorp/1.0 Terraform/1.11.4 aws-sdk-go-v2/1.36.0 api/s3#1.72.3", TERRAFORM),
        ("Boto3/1.43.106 md/Botocore#1.43.106 bbws-access", TOOL),
        ("Boto3/1.43.106 md/Botocore#1.43.106", OTHERS),
        ("", FUNCTIONS),
    ],
)
def test_callers(agent: str, expected: str) -> None:
    assert caller({"user-agent": agent}) == expected


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    """What is found where each of them sends what is wrong, over every protocol; sent to a local AWS of its own."""
    folder = tmp_path_factory.mktemp("planted")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv(recorder.VARIABLE, str(folder / "requests"))
        aws = LocalAws(folder / "aws", REGION)
        aws.start()
    try:
        _send_as_functions(aws)
        for agent in ("bbws-access", "Terraform/1.11.4 terraform-provider-aws/5.100.0"):
            _send_by_boto3(aws, agent)
    finally:
        aws.stop()
    return list(records(folder / "requests"))


def _send_as_functions(aws: LocalAws) -> None:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_CA_BUNDLE", str(aws.ca_bundle))
        database = Database(REGION, aws.endpoint, lambda: Credentials("test", "test"), deadline=20.0)
        for request in (
            Get("nowhere", {"PK": "a"}, projection="status"),
            Put("nowhere", {"PK": "a"}, condition="attribute_exists(PK) AND"),
        ):
            with pytest.raises(DatabaseError):
                database.parallel([request])
        database.close()
        client = Aws(REGION, aws.endpoint, lambda: Credentials("test", "test"), deadline=20.0)
        with pytest.raises(Exception, match="Parameter"):
            client.put_event("", "Type", {}, "default")
        with pytest.raises(Exception, match="SerializationException"):
            client.send_email({"FromEmailAddress": 7, "Colour": "red"})
        client.close()


BAD: list[tuple[str, str, dict[str, Any]]] = [
    ("iam", "create_role", {"RoleName": "a b", "AssumeRolePolicyDocument": "{}", "MaxSessionDuration": 1}),
    ("sqs", "create_queue", {"QueueName": "q", "Attributes": {"DelaySeconds": "901"}}),
    ("lambda", "update_function_configuration", {"FunctionName": "f", "MemorySize": 1, "Role": "nobody"}),
    ("s3", "put_bucket_versioning", {"Bucket": "abc", "VersioningConfiguration": {"Status": "On"}}),
    ("cloudwatch", "put_metric_alarm", {"AlarmName": "a", "EvaluationPeriods": 0, "ComparisonOperator": "More"}),
    ("logs", "put_retention_policy", {"logGroupName": "a b", "retentionInDays": 2}),
    ("dynamodb", "create_table", {"TableName": "t", "KeySchema": [], "BillingMode": "FREE"}),
    ("backup", "create_backup_vault", {"BackupVaultName": "?"}),
    ("sns", "create_topic", {"Name": "a b"}),
]


def _send_by_boto3(aws: LocalAws, agent: str) -> None:
    for service, operation, values in BAD:
        client = boto3.client(
            service,
            region_name=REGION,
            endpoint_url=aws.endpoint,
            verify=str(aws.ca_bundle),
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(parameter_validation=False, retries={"max_attempts": 1}, user_agent_extra=agent),
        )
        with pytest.raises(Exception, match=r".+"):
            getattr(client, operation)(**values)


def found(planted: list[Record], caller: str) -> set[tuple[str, str, str]]:
    return {(one.operation, one.kind, one.path) for one in planted if one.caller == caller and one.kind}


EXPECTED = {
    ("iam:CreateRole", "pattern", "RoleName"),
    ("iam:CreateRole", "range", "MaxSessionDuration"),
    ("iam:CreateRole", "limit", "AssumeRolePolicyDocument"),
    ("sqs:CreateQueue", "limit", "Attributes.DelaySeconds"),
    ("lambda:UpdateFunctionConfiguration", "range", "MemorySize"),
    ("lambda:UpdateFunctionConfiguration", "pattern", "Role"),
    ("s3:PutBucketVersioning", "enum", "VersioningConfiguration.Status"),
    ("cloudwatch:PutMetricAlarm", "range", "EvaluationPeriods"),
    ("cloudwatch:PutMetricAlarm", "enum", "ComparisonOperator"),
    ("logs:PutRetentionPolicy", "pattern", "logGroupName"),
    ("logs:PutRetentionPolicy", "limit", "retentionInDays"),
    ("dynamodb:CreateTable", "length", "KeySchema"),
    ("dynamodb:CreateTable", "enum", "BillingMode"),
    ("backup:CreateBackupVault", "pattern", "BackupVaultName"),
    ("sns:CreateTopic", "limit", "Name"),
}


@pytest.mark.parametrize("caller", [TOOL, TERRAFORM])
def test_what_is_planted_is_found(planted: list[Record], caller: str) -> None:
    assert EXPECTED - found(planted, caller) == set()


def test_what_is_planted_in_functions_is_found(planted: list[Record]) -> None:
    there = found(planted, FUNCTIONS)
    assert ("dynamodb:GetItem", "limit", "") in there
    assert ("dynamodb:PutItem", "limit", "") in there
    assert ("events:PutEvents", "limit", "Entries[0]") in there
    assert {("sesv2:SendEmail", "type", "FromEmailAddress"), ("sesv2:SendEmail", "required", "Content")} <= there
    assert ("sesv2:SendEmail", "unknown", "Colour") in there


def test_a_fault_names_the_request(planted: list[Record]) -> None:
    [told] = [one for one in faults(planted) if one.startswith("tool iam:CreateRole: range at MaxSessionDuration")]
    assert "greater than or equal to 3600" in told
    assert "'RoleName': 'a b'" in told
