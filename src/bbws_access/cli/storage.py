"""The buckets that stand before Terraform does: its state, and the functions' packages."""

import json
from collections.abc import Iterable
from typing import Any

from bbws_access.cli.environments import STATE_KEY, Environment
from bbws_access.cli.errors import ToolError
from bbws_access.packaging import Package

KEPT_STATES = 100
KEPT_DAYS = 90


def bootstrap(s3: Any, environment: Environment) -> None:
    """Make both buckets, or bring them to what they should be. Raises ToolError for a bucket of somebody else's."""
    _bucket(s3, environment, environment.state_bucket)
    _bucket(s3, environment, environment.artifacts_bucket)


def is_bootstrapped(s3: Any, environment: Environment) -> bool:
    """Whether both buckets are there."""
    return all(_owned(s3, environment, name) for name in (environment.state_bucket, environment.artifacts_bucket))


def _owned(s3: Any, environment: Environment, name: str) -> bool:
    from botocore.exceptions import ClientError

    try:
        answer = s3.head_bucket(Bucket=name, ExpectedBucketOwner=environment.account_id)
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        if status == 404:
            return False
        if status == 403:
            raise _foreign(name) from error
        if status == 301:
            raise ToolError(f"The bucket {name} lies in another region than {environment.region}.") from error
        raise
    region = answer.get("BucketRegion") or environment.region
    if region != environment.region:
        raise ToolError(f"The bucket {name} lies in {region}, and the environment in {environment.region}.")
    return True


def _foreign(name: str) -> ToolError:
    return ToolError(
        f"The bucket {name} belongs to somebody else, or your credentials may not see it.",
        "Bucket names are global: choose another one with bucket_suffix.",
    )


def _bucket(s3: Any, environment: Environment, name: str) -> None:
    from botocore.exceptions import ClientError

    if not _owned(s3, environment, name):
        place: dict[str, Any] = {}
        if environment.region != "us-east-1":
            place = {"CreateBucketConfiguration": {"LocationConstraint": environment.region}}
        try:
            s3.create_bucket(Bucket=name, ObjectOwnership="BucketOwnerEnforced", **place)
        except ClientError as error:
            if error.response["Error"]["Code"] == "BucketAlreadyExists":
                raise _foreign(name) from error
            if error.response["Error"]["Code"] != "BucketAlreadyOwnedByYou":
                raise
    owner = {"Bucket": name, "ExpectedBucketOwner": environment.account_id}
    s3.put_public_access_block(
        **owner,
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": True,
            "IgnorePublicAcls": True,
            "BlockPublicPolicy": True,
            "RestrictPublicBuckets": True,
        },
    )
    s3.put_bucket_ownership_controls(**owner, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]})
    s3.put_bucket_versioning(**owner, VersioningConfiguration={"Status": "Enabled"})
    encryption = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}, "BucketKeyEnabled": True}
    s3.put_bucket_encryption(**owner, ServerSideEncryptionConfiguration={"Rules": [encryption]})
    s3.put_bucket_policy(**owner, Policy=json.dumps(_tls_only(s3, name)))
    s3.put_bucket_lifecycle_configuration(
        **owner,
        LifecycleConfiguration={
            "Rules": [
                {
                    "ID": "old-versions",
                    "Status": "Enabled",
                    "Filter": {},
                    "NoncurrentVersionExpiration": {
                        "NoncurrentDays": KEPT_DAYS,
                        "NewerNoncurrentVersions": KEPT_STATES,
                    },
                    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
                }
            ]
        },
    )
    tags = {
        "Project": "BBWS",
        "Component": "terraform",
        "CostCenter": "BBWS-ACCESS",
        "Environment": environment.name,
        "ManagedBy": "bbws-access",
    }
    s3.put_bucket_tagging(**owner, Tagging={"TagSet": [{"Key": key, "Value": value} for key, value in tags.items()]})


def _tls_only(s3: Any, name: str) -> dict[str, Any]:
    arn = f"arn:{s3.meta.partition}:s3:::{name}"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "TlsOnly",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [arn, f"{arn}/*"],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ],
    }


def upload(s3: Any, environment: Environment, packages: Iterable[Package]) -> int:
    """Put the packages that are not there yet; returns how many. Their keys name their content."""
    from botocore.exceptions import ClientError

    count = 0
    for package in packages:
        try:
            s3.head_object(Bucket=environment.artifacts_bucket, Key=package.s3_key)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
                raise
            with package.path.open("rb") as body:
                s3.put_object(
                    Bucket=environment.artifacts_bucket,
                    Key=package.s3_key,
                    Body=body,
                    ContentType="application/zip",
                    ExpectedBucketOwner=environment.account_id,
                )
            count += 1
    return count


def read_state(s3: Any, environment: Environment) -> dict[str, Any] | None:
    """The state that Terraform keeps, or None when nothing was ever deployed."""
    from botocore.exceptions import ClientError

    try:
        answer = s3.get_object(Bucket=environment.state_bucket, Key=STATE_KEY)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return None
        raise
    state = json.loads(answer["Body"].read())
    if state.get("version") != 4:
        raise ToolError(f"The state in {environment.state_bucket} has the unknown format {state.get('version')}.")
    return state


def outputs(state: dict[str, Any] | None) -> dict[str, Any]:
    """The outputs in a state, by name."""
    return {name: item["value"] for name, item in (state or {}).get("outputs", {}).items()}


def empty(s3: Any, bucket: str) -> None:
    """Delete every version of every object, governance locks notwithstanding."""
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        found = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        doomed = [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in found]
        if doomed:
            answer = s3.delete_objects(
                Bucket=bucket, Delete={"Objects": doomed, "Quiet": True}, BypassGovernanceRetention=True
            )
            if answer.get("Errors"):
                first = answer["Errors"][0]
                raise ToolError(f"{first['Key']} in {bucket} cannot be deleted: {first.get('Message', first['Code'])}.")


def remove(s3: Any, environment: Environment) -> None:
    """Delete both buckets with all they hold."""
    for name in (environment.artifacts_bucket, environment.state_bucket):
        if _owned(s3, environment, name):
            empty(s3, name)
            s3.delete_bucket(Bucket=name, ExpectedBucketOwner=environment.account_id)


# --- The state's lock ------------------------------------------------------------------------------------------------


def read_lock(s3: Any, environment: Environment) -> dict[str, Any] | None:
    """Who holds the state's lock, as Terraform wrote it; None when nobody does."""
    from botocore.exceptions import ClientError

    try:
        answer = s3.get_object(Bucket=environment.state_bucket, Key=f"{STATE_KEY}.tflock")
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return None
        raise
    return json.loads(answer["Body"].read())


def remove_lock(s3: Any, environment: Environment) -> None:
    s3.delete_object(Bucket=environment.state_bucket, Key=f"{STATE_KEY}.tflock")
