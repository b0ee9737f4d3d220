"""Buckets that are there before `bootstrap`: it adds what they lack, keeps what others put on them, or refuses."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from bbws_access.cli import storage
from bbws_access.cli.environments import Environment, load_environment
from bbws_access.cli.errors import ToolError
from bbws_access.cli.project import Project
from bbws_access.cli.targets import LOCAL_VALUES
from bbws_access.local_aws import LocalAws

ROOT = Path(__file__).parents[3]
READS = (
    "get_public_access_block",
    "get_bucket_ownership_controls",
    "get_bucket_versioning",
    "get_bucket_encryption",
    "get_bucket_policy",
    "get_bucket_lifecycle_configuration",
    "get_bucket_tagging",
)
BACKUP_READER = {
    "Sid": "BackupReader",
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::000000000000:role/backup-reader"},
    "Action": "s3:GetObject",
}


class Recorder:
    """S3 that notes what is written."""

    def __init__(self, s3: Any) -> None:
        self._s3, self.written = s3, []
        self.meta = s3.meta

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._s3, name)
        if not name.startswith(("put_", "create_", "delete_")):
            return call

        def noted(**arguments: Any) -> Any:
            self.written.append(name)
            return call(**arguments)

        return noted


@pytest.fixture
def environment(request: pytest.FixtureRequest) -> Environment:
    suffix = f"bucket_suffix=-{abs(hash(request.node.nodeid)) % 10**8}"
    return load_environment(Project(ROOT), "dev", arguments=[suffix], supplied=LOCAL_VALUES)


@pytest.fixture
def s3(local_aws: LocalAws) -> Any:
    return boto3.client("s3")


@pytest.fixture
def bucket(s3: Any, environment: Environment) -> Iterator[str]:
    """The state's bucket, as somebody made it by hand; afterwards it holds what it held."""
    name = environment.state_bucket
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": environment.region})
    s3.put_object(Bucket=name, Key="stack.tfstate", Body=b"{}")
    yield name
    assert s3.get_object(Bucket=name, Key="stack.tfstate")["Body"].read() == b"{}"


def settings(s3: Any, name: str) -> dict[str, Any]:
    found = {}
    for read in READS:
        try:
            answer = getattr(s3, read)(Bucket=name)
        except ClientError as error:
            answer = {"Code": error.response["Error"]["Code"]}
        found[read] = {key: value for key, value in answer.items() if key != "ResponseMetadata"}
    return found


def refused(s3: Any, environment: Environment, said: str) -> None:
    """`bootstrap` refuses, and has written nothing to any bucket."""
    before = settings(s3, environment.state_bucket)
    recorder = Recorder(s3)
    with pytest.raises(ToolError, match=said) as caught:
        storage.bootstrap(recorder, environment)
    assert caught.value.hint.endswith("Nothing was changed.")
    assert recorder.written == []
    assert settings(s3, environment.state_bucket) == before


def test_the_second_time_writes_nothing(s3: Any, environment: Environment) -> None:
    storage.bootstrap(s3, environment)
    recorder = Recorder(s3)
    storage.bootstrap(recorder, environment)
    assert recorder.written == []


def test_a_bare_bucket_gets_all_that_a_new_one_has(s3: Any, environment: Environment, bucket: str) -> None:
    storage.bootstrap(s3, environment)
    theirs, new = settings(s3, bucket), settings(s3, environment.artifacts_bucket)
    text = json.dumps(new, default=str).replace(environment.artifacts_bucket, bucket)
    assert json.loads(json.dumps(theirs, default=str)) == json.loads(text)


def test_statements_of_others_stay(s3: Any, environment: Environment, bucket: str) -> None:
    theirs = {**BACKUP_READER, "Resource": f"arn:aws:s3:::{bucket}/*"}
    s3.put_bucket_policy(
        Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Id": "theirs", "Statement": theirs})
    )
    for _ in range(2):
        storage.bootstrap(s3, environment)
        policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
        assert policy["Id"] == "theirs"
        assert [one["Sid"] for one in policy["Statement"]] == ["BackupReader", "TlsOnly"]
        assert policy["Statement"][0] == theirs


def test_a_statement_that_says_the_same_under_another_name_is_enough(s3: Any, environment: Environment, bucket: str):
    same = {
        "Sid": "DenyPlainHttp",
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": ["s3:*"],
        "Resource": [f"arn:aws:s3:::{bucket}/*", f"arn:aws:s3:::{bucket}"],
        "Condition": {"Bool": {"aws:SecureTransport": False}},
    }
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [same]}))
    storage.bootstrap(s3, environment)
    assert json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"] == [same]


@pytest.mark.parametrize(
    "change",
    [
        {"Action": "s3:PutObject"},
        {"Resource": "arn:aws:s3:::{bucket}"},
        {"Condition": {"Bool": {"aws:SecureTransport": "true"}}},
    ],
    ids=["one action", "objects left out", "the other way round"],
)
def test_our_name_on_another_statement_is_a_conflict(
    s3: Any, environment: Environment, bucket: str, change: dict[str, Any]
) -> None:
    change = json.loads(json.dumps(change).replace("{bucket}", bucket))
    statement = {**storage._tls_only(s3, bucket)["Statement"][0], **change}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    refused(s3, environment, f"{bucket} is there, and its policy has a statement TlsOnly")


def test_tags_of_others_stay_and_ours_are_added(s3: Any, environment: Environment, bucket: str) -> None:
    theirs = [{"Key": "Owner", "Value": "platform"}, {"Key": "CostCenter", "Value": "4711"}]
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": theirs})
    storage.bootstrap(s3, environment)
    tags = {tag["Key"]: tag["Value"] for tag in s3.get_bucket_tagging(Bucket=bucket)["TagSet"]}
    assert tags == {
        "Owner": "platform",
        "CostCenter": "4711",
        "Project": "BBWS",
        "Component": "terraform",
        "Environment": "dev",
        "ManagedBy": "bbws-access",
    }


def test_a_bucket_full_of_tags_is_refused(s3: Any, environment: Environment, bucket: str) -> None:
    s3.put_bucket_tagging(
        Bucket=bucket, Tagging={"TagSet": [{"Key": f"tag-{n}", "Value": "x"} for n in range(storage.MOST_TAGS - 2)]}
    )
    refused(s3, environment, "48 tags, which leaves no room")


def test_lifecycle_rules_of_others_stay(s3: Any, environment: Environment, bucket: str) -> None:
    theirs = [
        {
            "ID": "cheaper",
            "Status": "Enabled",
            "Filter": {"Prefix": "old/"},
            "Transitions": [{"Days": 60, "StorageClass": "STANDARD_IA"}],
        },
        {"ID": "off", "Status": "Disabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}},
        {
            "ID": "markers",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "Expiration": {"ExpiredObjectDeleteMarker": True},
        },
    ]
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": theirs})
    for _ in range(2):
        storage.bootstrap(s3, environment)
        rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
        assert [rule["ID"] for rule in rules] == ["cheaper", "off", "markers", "old-versions"]
        assert rules[0] == theirs[0]


def test_a_rule_of_ours_that_somebody_changed_stays(s3: Any, environment: Environment, bucket: str) -> None:
    theirs = {
        "ID": "old-versions",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "NoncurrentVersionExpiration": {"NoncurrentDays": 3650},
    }
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [theirs]})
    storage.bootstrap(s3, environment)
    [rule] = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 3650}


def test_a_rule_in_the_older_way_of_writing_is_kept_in_the_newer_one(environment: Environment) -> None:
    """S3 refuses both ways in one configuration."""
    theirs = {
        "ID": "logs",
        "Status": "Enabled",
        "Prefix": "logs/",
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
    }
    found = {"Rules": [theirs], "TransitionDefaultMinimumObjectSize": "varies_by_storage_class"}
    operation, values = storage._lifecycle("bucket", lambda _: found)
    assert operation == "put_bucket_lifecycle_configuration"
    first, second = values["LifecycleConfiguration"]["Rules"]
    assert (first["Filter"], "Prefix" in first, first["ID"]) == ({"Prefix": "logs/"}, False, "logs")
    assert second["ID"] == "old-versions"
    assert values["TransitionDefaultMinimumObjectSize"] == "varies_by_storage_class"


@pytest.mark.parametrize("expiry", [{"Days": 30}, {"Date": "2030-01-01T00:00:00Z"}], ids=["days", "date"])
def test_a_rule_that_would_delete_the_state_is_refused(
    s3: Any, environment: Environment, bucket: str, expiry: dict[str, Any]
) -> None:
    rule = {"ID": "tidy", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": expiry}
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
    refused(s3, environment, "lifecycle rule tidy deletes objects in use")


def test_a_key_of_somebody_elses_choice_stays(s3: Any, environment: Environment, bucket: str) -> None:
    key = boto3.client("kms").create_key()["KeyMetadata"]["Arn"]
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    storage.bootstrap(s3, environment)
    [found] = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert found["ApplyServerSideEncryptionByDefault"] == rule["ApplyServerSideEncryptionByDefault"]


def test_what_else_an_encryption_rule_says_stays() -> None:
    blocked = {"BlockedEncryptionTypes": {"EncryptionType": ["SSE-C"]}}
    first = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, **blocked}
    _, values = storage._encryption(lambda _: {"ServerSideEncryptionConfiguration": {"Rules": [first]}})
    [rule] = values["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["BlockedEncryptionTypes"] == blocked["BlockedEncryptionTypes"]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms"}


def test_suspended_versioning_is_on_again_and_said(
    s3: Any, environment: Environment, bucket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for status in ("Enabled", "Suspended"):
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})
    storage.bootstrap(s3, environment)
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    assert f"Versioning of {bucket} was suspended" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("function", "settings", "said"),
    [
        (
            storage._public_access,
            {"get_bucket_policy_status": {"PolicyStatus": {"IsPublic": True}}},
            "its policy lets everybody in",
        ),
        (
            storage._ownership,
            {
                "get_bucket_ownership_controls": {
                    "OwnershipControls": {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
                },
                "get_bucket_acl": {
                    "Owner": {"ID": "me"},
                    "Grants": [
                        {"Grantee": {"ID": "me"}},
                        {"Grantee": {"URI": "http://acs.amazonaws.com/groups/s3/LogDelivery"}},
                    ],
                },
            },
            "its access list lets others in",
        ),
    ],
)
def test_a_bucket_that_others_use_is_not_closed_under_their_hands(
    function: Callable, settings: dict[str, dict], said: str
) -> None:
    with pytest.raises(ToolError, match=said):
        function("bucket", lambda operation: settings.get(operation, {}))


def test_a_conflict_in_one_bucket_leaves_the_other_unmade(s3: Any, environment: Environment) -> None:
    name = environment.artifacts_bucket
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": environment.region})
    rule = {"ID": "tidy", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
    s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": [rule]})
    with pytest.raises(ToolError, match="lifecycle rule tidy"):
        storage.bootstrap(s3, environment)
    with pytest.raises(ClientError, match="404"):
        s3.head_bucket(Bucket=environment.state_bucket)


def test_every_call_names_whose_bucket_it_means(s3: Any, environment: Environment) -> None:
    """A bucket that was deleted and made again by somebody else in between is refused by S3 itself."""

    class Checked:
        meta = s3.meta

        def __getattr__(self, name: str) -> Any:
            def call(**arguments: Any) -> Any:
                if name != "create_bucket":
                    assert arguments["ExpectedBucketOwner"] == environment.account_id, name
                return getattr(s3, name)(**arguments)

            return call

    storage.bootstrap(Checked(), environment)
    assert storage.read_state(Checked(), environment) is None
    assert storage.read_lock(Checked(), environment) is None
    storage.remove_lock(Checked(), environment)
