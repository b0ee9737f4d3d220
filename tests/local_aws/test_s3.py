"""S3: shim `s3`."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local_aws.conftest import REGION, Aws


def test_metrics_configurations(aws: Aws, unique: Callable[[str], str]) -> None:
    client, bucket = aws.client("s3"), unique("measured")
    client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    configuration = {"Id": "prefix", "Filter": {"Prefix": "archive/"}}
    client.put_bucket_metrics_configuration(Bucket=bucket, Id="prefix", MetricsConfiguration=configuration)
    found = client.get_bucket_metrics_configuration(Bucket=bucket, Id="prefix")
    assert found["MetricsConfiguration"] == configuration
    listed = client.list_bucket_metrics_configurations(Bucket=bucket)
    assert listed["MetricsConfigurationList"] == [configuration]
    client.delete_bucket_metrics_configuration(Bucket=bucket, Id="prefix")
    with pytest.raises(ClientError, match="NoSuchConfiguration"):
        client.get_bucket_metrics_configuration(Bucket=bucket, Id="prefix")


def test_retention_is_checked(aws: Aws, unique: Callable[[str], str]) -> None:
    bucket = unique("locked")
    aws.client("s3").create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION}, ObjectLockEnabledForBucket=True
    )
    write = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    week = {"NumericLessThanEquals": {"s3:object-lock-remaining-retention-days": "7"}}
    retain = write | {"Action": "s3:PutObjectRetention", "Condition": week}
    writer = aws.assumed(aws.role(unique("writer"), [write]), "s3")
    keeper = aws.assumed(aws.role(unique("keeper"), [write, retain]), "s3")

    def put(client: Any, days: int) -> None:
        until = datetime.now(UTC) + timedelta(days=days)
        client.put_object(
            Bucket=bucket, Key="one", Body=b"1", ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=until
        )

    writer.put_object(Bucket=bucket, Key="one", Body=b"1")
    put(keeper, 7)
    for client, days in ((writer, 1), (keeper, 8)):
        with pytest.raises(ClientError, match="AccessDenied"):
            put(client, days)
    writer.put_object(Bucket=bucket, Key="two", Body=b"2")
    lock = {"Mode": "GOVERNANCE", "RetainUntilDate": datetime.now(UTC) + timedelta(days=7)}
    with pytest.raises(ClientError, match="AccessDenied"):
        writer.put_object_retention(Bucket=bucket, Key="two", Retention=lock)
    keeper.put_object_retention(Bucket=bucket, Key="two", Retention=lock)
    longer = lock | {"RetainUntilDate": datetime.now(UTC) + timedelta(days=8)}
    with pytest.raises(ClientError, match="AccessDenied"):
        keeper.put_object_retention(Bucket=bucket, Key="two", Retention=longer)


def test_locks_that_s3_refuses(aws: Aws, unique: Callable[[str], str]) -> None:
    client, bucket = aws.client("s3"), unique("locks")
    location = {"LocationConstraint": REGION}
    client.create_bucket(Bucket=bucket, CreateBucketConfiguration=location, ObjectLockEnabledForBucket=True)
    later, before = (datetime.now(UTC) + timedelta(days=days) for days in (1, -1))
    for lock, message in (
        ({"ObjectLockMode": "GOVERNANCE"}, "must both be supplied"),
        ({"ObjectLockRetainUntilDate": later}, "must both be supplied"),
        ({"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": before}, "must be in the future"),
        ({"ObjectLockMode": "STRICT", "ObjectLockRetainUntilDate": later}, "STRICT"),
        ({"ObjectLockLegalHoldStatus": "MAYBE"}, "MAYBE"),
    ):
        for write in (client.put_object, client.create_multipart_upload):
            body = {"Body": b"1"} if write == client.put_object else {}
            with pytest.raises(ClientError, match=f"InvalidArgument.*{message}") as refusal:
                write(Bucket=bucket, Key="one", **body, **lock)
            assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert "Contents" not in client.list_objects_v2(Bucket=bucket)
    client.put_object(Bucket=bucket, Key="one", Body=b"1")
    with pytest.raises(ClientError, match=r"InvalidArgument.*must be in the future"):
        client.put_object_retention(
            Bucket=bucket, Key="one", Retention={"Mode": "GOVERNANCE", "RetainUntilDate": before}
        )


def test_versioning_of_a_locked_bucket_stays_on(aws: Aws, unique: Callable[[str], str]) -> None:
    client, bucket, free = aws.client("s3"), unique("locked"), unique("free")
    location = {"LocationConstraint": REGION}
    client.create_bucket(Bucket=bucket, CreateBucketConfiguration=location, ObjectLockEnabledForBucket=True)
    client.create_bucket(Bucket=free, CreateBucketConfiguration=location)
    with pytest.raises(ClientError, match="InvalidBucketState") as refusal:
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409
    assert client.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    client.put_bucket_versioning(Bucket=free, VersioningConfiguration={"Status": "Suspended"})


@pytest.mark.parametrize(
    ("rule", "own", "expected"),
    [(None, None, 30), (9, None, 9), (9, 3, 3), (None, 3, 3)],
    ids=["the replica's rule", "the source's rule", "the object's own", "the object's own, without a rule"],
)
def test_a_replica_is_locked(
    aws: Aws, unique: Callable[[str], str], rule: int | None, own: int | None, expected: int
) -> None:
    """By the lock of what it is a copy of; where that has none, by the rule of its own bucket."""
    client, source, copy = aws.client("s3"), unique("source"), unique("copy")
    for bucket, days in ((source, rule), (copy, 30)):
        place = {"LocationConstraint": REGION}
        client.create_bucket(Bucket=bucket, CreateBucketConfiguration=place, ObjectLockEnabledForBucket=True)
        if days:
            lock = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": days}}}
            client.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=lock)
    client.put_bucket_replication(
        Bucket=source,
        ReplicationConfiguration={
            "Role": aws.role(unique("copier"), []),
            "Rules": [
                {
                    "ID": "all",
                    "Status": "Enabled",
                    "Priority": 0,
                    "Filter": {"Prefix": ""},
                    "DeleteMarkerReplication": {"Status": "Disabled"},
                    "Destination": {"Bucket": f"arn:aws:s3:::{copy}"},
                }
            ],
        },
    )
    until = datetime.now(UTC) + timedelta(days=own or 0)
    chosen = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": until} if own else {}
    client.put_object(Bucket=source, Key="one", Body=b"1", **chosen)
    version = client.head_object(Bucket=copy, Key="one")["VersionId"]
    found = client.get_object_retention(Bucket=copy, Key="one", VersionId=version)["Retention"]
    assert found["Mode"] == "COMPLIANCE"
    away = found["RetainUntilDate"] - datetime.now(UTC)
    assert timedelta(days=expected, hours=-1) < away <= timedelta(days=expected)
    with pytest.raises(ClientError, match="AccessDenied"):
        client.delete_object(Bucket=copy, Key="one", VersionId=version)
