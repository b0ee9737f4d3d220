"""What keeps an environment from being destroyed: protection that a value lifts, and locks that nobody lifts."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bbws_access.cli.errors import ToolError
from bbws_access.cli.targets import Target
from bbws_access.cli.terraform import Report

# Kind => the attribute that refuses a deletion, and its value then.
PROTECTED = {
    "aws_dynamodb_table": ("deletion_protection_enabled", True),
    "aws_dynamodb_table_replica": ("deletion_protection_enabled", True),
    "aws_cognito_user_pool": ("deletion_protection", "ACTIVE"),
    # These refuse while anything is in them.
    "aws_s3_bucket": ("force_destroy", False),
    "aws_backup_vault": ("force_destroy", False),
}
# Goes with the role that it names. The archive is whole without it, and `apply` makes it again.
LOOSE = ("aws_s3_bucket_replication_configuration",)
State = dict[str, Any]


@dataclass(frozen=True)
class Locked:
    """A bucket that cannot be deleted: versions in it are under a compliance lock.

    until: when the last lock that was found ends, UTC      modules: the stack's modules that stay with it
    """

    bucket: str
    region: str
    versions: int
    until: datetime
    modules: frozenset[str]

    def __str__(self) -> str:
        held = f"{self.versions} version{'s' * (self.versions != 1)}"
        return f"{self.bucket} ({self.region}): {held}, the last until {self.until:%Y-%m-%d %H:%M} UTC"


def protected(state: State) -> list[str]:
    """Addresses of what is deployed and refuses to be deleted."""
    return sorted(
        _address(resource, instance)
        for resource, instance in _instances(state, *PROTECTED)
        if instance["attributes"].get(PROTECTED[resource["type"]][0]) == PROTECTED[resource["type"]][1]
    )


def require_unprotected(target: Target, state: State) -> None:
    """Raise ToolError while anything that is deployed refuses to be deleted: Terraform would stop halfway."""
    found = protected(state)
    if found:
        name = target.environment.name
        raise ToolError(
            f"{name} is protected: {len(found)} of its resources refuse to be deleted. Nothing was destroyed.",
            f"Lift the protection first: bbws-access apply {name} --var deletion_protection=false, with the other "
            "options that you gave here. Then destroy again.",
            details="\n".join(found),
        )


def locked_buckets(target: Target, state: State) -> list[Locked]:
    """The buckets of an environment in which a compliance lock holds something now."""
    found = []
    for resource, instance in _instances(state, "aws_s3_bucket"):
        bucket = instance["attributes"]
        if not bucket.get("object_lock_enabled"):
            continue
        region = bucket.get("region") or target.environment.region
        held = _held(target.client("s3", region), bucket["bucket"])
        if held:
            module = _module(resource)
            keys = {_module(key) for key in _keys_of(state, bucket["bucket"])}
            found.append(Locked(bucket["bucket"], region, *held, frozenset({module, *keys})))
    return found


def _held(s3: Any, bucket: str) -> tuple[int, datetime] | None:
    """How many versions a compliance lock holds, and until when; None for none."""
    from botocore.exceptions import ClientError

    try:
        configuration = s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]
        default = configuration.get("Rule", {}).get("DefaultRetention", {})
        pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket)
        versions = [version for page in pages for version in page.get("Versions", ())]
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchBucket", "ObjectLockConfigurationNotFoundError"):
            return None
        raise
    now = datetime.now(UTC)
    days = timedelta(days=default.get("Days", 0) + 365 * default.get("Years", 0))
    # One question for each version takes hours where years of an archive lie. The bucket's own rule is the answer for
    # nearly all of them, and where it finds one that is held, the bucket stays whatever the others are.
    held = [version["LastModified"] + days for version in versions if version["LastModified"] + days > now]
    if default.get("Mode") == "COMPLIANCE" and held:
        newest = max(versions, key=lambda version: version["LastModified"])
        return len(held), max(*held, _retained(s3, bucket, newest) or now)
    if default.get("Mode") == "COMPLIANCE" or len(versions) <= 1000:
        exact = [until for version in versions if (until := _retained(s3, bucket, version)) and until > now]
        return (len(exact), max(exact)) if exact else None
    return None


def _retained(s3: Any, bucket: str, version: dict[str, Any]) -> datetime | None:
    """Until when a compliance lock of its own holds a version."""
    from botocore.exceptions import ClientError

    try:
        found = s3.get_object_retention(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])["Retention"]
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 404):
            return None
        raise
    return found["RetainUntilDate"] if found.get("Mode") == "COMPLIANCE" else None


def all_but(state: State, locked: Iterable[Locked]) -> list[str]:
    """What Terraform is to destroy instead of everything, when something stays; empty for everything."""
    kept = {module for one in locked for module in one.modules}
    if not kept:
        return []
    addresses = {_module(resource) or f"{resource['type']}.{resource['name']}" for resource, _ in _instances(state)}
    return sorted(addresses - kept)


def require_kept(report: Report, locked: Iterable[Locked]) -> None:
    """Raise ToolError when a plan would destroy a part of what is locked, because it needs something that goes."""
    kept = {module for one in locked for module in one.modules}
    lost = [
        change.address
        for change in report.changes
        if _call(change.address) in kept and not re.search(rf"\.({'|'.join(LOOSE)})\.", change.address)
    ]
    if lost:
        raise ToolError(
            "The archive is locked, and the plan would take parts of it. Nothing was destroyed.",
            "Bring the environment up to date with `bbws-access apply` first: then the archive needs nothing else.",
            details="\n".join(sorted(lost)),
        )


def describe(locked: Iterable[Locked]) -> list[str]:
    """What is to be said before anything is destroyed."""
    return [
        "A compliance lock holds audit records that nobody can delete, not even the account's root user. These buckets "
        "stay, with their settings, access logs and keys:",
        *(f"  {one}" for one in locked),
        "They stay in Terraform's state too: a later `apply` makes the rest again around them, and once the locks have "
        "ended, `destroy` takes them as well.",
    ]


def names(state: State) -> set[str]:
    """Names of buckets and of aliases of keys in a state."""
    buckets = {instance["attributes"]["bucket"] for _, instance in _instances(state, "aws_s3_bucket")}
    return buckets | {instance["attributes"]["name"] for _, instance in _instances(state, "aws_kms_alias")}


# The state


def _instances(state: State, *types: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Managed resources with each of their instances."""
    for resource in state.get("resources", ()):
        if resource["mode"] == "managed" and (not types or resource["type"] in types):
            for instance in resource["instances"]:
                yield resource, instance


def _keys_of(state: State, bucket: str) -> Iterator[dict[str, Any]]:
    """The keys that a bucket's objects are encrypted with."""
    arns = {
        default.get("kms_master_key_id")
        for _, instance in _instances(state, "aws_s3_bucket_server_side_encryption_configuration")
        if instance["attributes"]["bucket"] == bucket
        for rule in instance["attributes"]["rule"]
        for default in rule["apply_server_side_encryption_by_default"]
    }
    for resource, instance in _instances(state, "aws_kms_key"):
        if instance["attributes"]["arn"] in arns:
            yield resource


def _address(resource: dict[str, Any], instance: dict[str, Any]) -> str:
    key = instance.get("index_key")
    index = "" if key is None else f'["{key}"]' if isinstance(key, str) else f"[{key}]"
    return ".".join(filter(None, [resource.get("module"), resource["type"], resource["name"]])) + index


def _module(resource: dict[str, Any]) -> str:
    """The stack's module that a resource belongs to, as an address: all its instances together."""
    return _call(resource.get("module") or "")


def _call(address: str) -> str:
    found = re.match(r"module\.[A-Za-z0-9_-]+", address)
    return found[0] if found else ""
