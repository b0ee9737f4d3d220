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
from bbws_access.cli.environments import STATE_KEY, Environment, load_environment
from bbws_access.cli.errors import ToolError
from bbws_access.cli.project import Project
from bbws_access.cli.targets import LOCAL_VALUES
from bbws_access.local_aws import LocalAws
from bbws_access.packaging import Package

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
        self._s3, self.written_to = s3, []
        self.meta = s3.meta

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._s3, name)
        if not name.startswith(("put_", "create_", "delete_")):
            return call

        def noted(**arguments: Any) -> Any:
            self.written_to.append((name, arguments["Bucket"]))
            return call(**arguments)

        return noted

    @property
    def written(self) -> list[str]:
        return [name for name, _ in self.written_to]


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
    """But for its encryption, which S3 gives every bucket: nobody can tell whether somebody chose it."""
    storage.bootstrap(s3, environment)
    theirs, new = settings(s3, bucket), settings(s3, environment.artifacts_bucket)
    assert theirs.pop("get_bucket_encryption") != new.pop("get_bucket_encryption")
    text = json.dumps(new, default=str).replace(environment.artifacts_bucket, bucket)
    text = text.replace('"Prefix": "packages/"', '"Prefix": "stack.tfstate"')
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
    operation, values = storage._lifecycle("bucket", lambda _: found, "stack.tfstate")
    assert operation == "put_bucket_lifecycle_configuration"
    first, second = values["LifecycleConfiguration"]["Rules"]
    assert (first["Filter"], "Prefix" in first, first["ID"]) == ({"Prefix": "logs/"}, False, "logs")
    assert second["ID"] == "old-versions"
    assert values["TransitionDefaultMinimumObjectSize"] == "varies_by_storage_class"


EXPIRES = {"Expiration": {"Days": 30}}


@pytest.mark.parametrize(
    ("limit", "does", "said"),
    [
        ({"Filter": {"Prefix": ""}}, EXPIRES, "deletes objects in use: the state, stack.tfstate"),
        ({"Filter": {"Prefix": ""}}, {"Expiration": {"Date": "2030-01-01T00:00:00Z"}}, "deletes objects in use"),
        ({"Filter": {}}, EXPIRES, "deletes objects in use"),
        ({"Filter": {"Prefix": "stack"}}, EXPIRES, "deletes objects in use"),
        ({"Filter": {"Prefix": "stack.tfstate.tflock"}}, EXPIRES, "deletes objects in use"),
        ({"Filter": {"ObjectSizeGreaterThan": 1}}, EXPIRES, "deletes objects in use"),
        ({"Filter": {"And": {"Prefix": "s", "ObjectSizeLessThan": 10**9}}}, EXPIRES, "deletes objects in use"),
        (
            {"Filter": {"Prefix": ""}},
            {"Transitions": [{"Days": 90, "StorageClass": "DEEP_ARCHIVE"}]},
            "moves the state, stack.tfstate, to where it takes hours to be read",
        ),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_a_rule_that_would_take_the_state_is_refused(
    s3: Any, environment: Environment, bucket: str, limit: dict[str, Any], does: dict[str, Any], said: str
) -> None:
    rule = {"ID": "tidy", "Status": "Enabled", **limit, **does}
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
    refused(s3, environment, f"lifecycle rule tidy {said}")


@pytest.mark.parametrize(
    "limit",
    [
        {"Filter": {"Prefix": "tmp/"}},
        {"Filter": {"Prefix": "stack.tfplan"}},
        {"Filter": {"Tag": {"Key": "keep", "Value": "no"}}},
        {"Filter": {"And": {"Prefix": "tmp/", "ObjectSizeGreaterThan": 1}}},
        {"Filter": {"And": {"Prefix": "", "Tags": [{"Key": "keep", "Value": "no"}]}}},
        {"Prefix": "tmp/"},
    ],
    ids=json.dumps,
)
@pytest.mark.parametrize("does", [EXPIRES, {"Transitions": [{"Days": 90, "StorageClass": "GLACIER"}]}], ids=json.dumps)
def test_a_rule_about_other_objects_stays(limit: dict[str, Any], does: dict[str, Any]) -> None:
    """Ours come beside it, and are about our objects."""
    theirs = {"ID": "tidy", "Status": "Enabled", **limit, **does}
    _, values = storage._lifecycle("bucket", lambda _: {"Rules": [theirs]}, "stack.tfstate")
    kept, ours = values["LifecycleConfiguration"]["Rules"]
    assert kept == {key: value for key, value in theirs.items() if key != "Prefix"} | (
        {"Filter": {"Prefix": "tmp/"}} if "Prefix" in theirs else {}
    )
    assert ours["Filter"] == {"Prefix": "stack.tfstate"}


def test_packages_are_named_where_it_is_they_that_would_go() -> None:
    rule = {"ID": "tidy", "Status": "Enabled", "Filter": {"Prefix": ""}, **EXPIRES}
    with pytest.raises(ToolError, match="deletes objects in use: the packages, packages/"):
        storage._lifecycle("bucket", lambda _: {"Rules": [rule]}, "packages/")
    rule["Filter"] = {"Prefix": "stack.tfstate"}
    assert storage._lifecycle("bucket", lambda _: {"Rules": [rule]}, "packages/") is not None


def test_no_rule_of_ours_reaches_objects_of_others(s3: Any, environment: Environment, bucket: str) -> None:
    """In both buckets, whether they were there or not: versions of others' objects are theirs to delete."""
    storage.bootstrap(s3, environment)
    for name, prefix in ((bucket, STATE_KEY), (environment.artifacts_bucket, "packages/")):
        [rule] = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
        assert rule["Filter"] == {"Prefix": prefix}
    assert Package("role", Path("role.zip"), "0" * 64, 1, 1, built=True).s3_key.startswith("packages/")


def test_all_that_is_changed_in_a_bucket_that_was_there_is_said(
    s3: Any, environment: Environment, bucket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_bucket_ownership_controls(
        Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]}
    )
    recorder = Recorder(s3)
    storage.bootstrap(recorder, environment)
    said = " ".join(capsys.readouterr().err.split()).replace("- ", "-")
    assert environment.artifacts_bucket not in said  # nobody used it before
    changed = [name for name, of in recorder.written_to if of == bucket]
    assert said.count(f"{bucket} was there.") == len(changed) == 6
    for words in (
        "Nobody gets public access",
        "Access lists of it and its objects no longer count",
        "keeps earlier versions",
        "refuses requests without TLS",
        "A new rule deletes versions below stack.tfstate 90 days after",
        "Its tags are now Component, CostCenter, Environment, ManagedBy, Project",
    ):
        assert words in said
    storage.bootstrap(s3, environment)
    assert "was there." not in capsys.readouterr().err


def test_somebody_elses_shorter_keeping_of_versions_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    rule = {"ID": "tidy", "Status": "Enabled", "Filter": {}, "NoncurrentVersionExpiration": {"NoncurrentDays": 7}}
    storage._lifecycle("bucket", lambda _: {"Rules": [rule]}, "stack.tfstate")
    said = " ".join(capsys.readouterr().err.split())
    assert "lifecycle rule tidy deletes earlier versions of the state before 90 days are over" in said


def test_a_key_of_somebody_elses_choice_stays(s3: Any, environment: Environment, bucket: str) -> None:
    key = boto3.client("kms").create_key()["KeyMetadata"]["Arn"]
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    storage.bootstrap(s3, environment)
    [found] = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert found["ApplyServerSideEncryptionByDefault"] == rule["ApplyServerSideEncryptionByDefault"]


def test_a_bucket_that_was_there_keeps_its_encryption(
    s3: Any, environment: Environment, bucket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever reads it from another account could not read what is encrypted with this account's key."""
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    before = settings(s3, bucket)["get_bucket_encryption"]
    storage.bootstrap(s3, environment)
    assert settings(s3, bucket)["get_bucket_encryption"] == before
    said = " ".join(capsys.readouterr().err.split())
    assert "keeps its encryption: with a key of S3's own (AES256)" in said
    [new] = s3.get_bucket_encryption(Bucket=environment.artifacts_bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert new["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"


def test_a_new_bucket_is_encrypted_with_kms_and_keeps_what_else_its_rule_says() -> None:
    """S3 gives each new bucket a rule of its own."""
    blocked = {"BlockedEncryptionTypes": {"EncryptionType": ["SSE-C"]}}
    first = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, **blocked}
    found = {"ServerSideEncryptionConfiguration": {"Rules": [first]}}
    _, values = storage._encryption("bucket", lambda _: found, there=False)
    [rule] = values["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["BlockedEncryptionTypes"] == blocked["BlockedEncryptionTypes"]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms"}
    assert storage._encryption("bucket", lambda _: found, there=True) is None


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
