"""What keeps an environment from being destroyed: protection that a value lifts, and locks that nobody lifts."""

import collections
import concurrent.futures
import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bbws_access.cli import storage
from bbws_access.cli.console import note, step
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
UNPROTECTED = ("--var", "deletion_protection=false")
# Goes with the role that it names. The archive is whole without it, and `apply` makes it again.
LOOSE = ("aws_s3_bucket_replication_configuration",)
# How many versions are asked for their locks before it is seen whether one is enough, and by how many at once: as many
# as a client keeps connections.
ASKED, AT_ONCE = 500, 10
State = dict[str, Any]


@dataclass(frozen=True)
class Locked:
    """A bucket that cannot be deleted: versions in it are under a compliance lock.

    until: when the last lock that was found ends, UTC      modules: the stack's modules that stay with it
    more: whether others were not looked at, since one is enough
    """

    bucket: str
    region: str
    versions: int
    until: datetime
    modules: frozenset[str]
    more: bool = False

    def __str__(self) -> str:
        held = f"{self.versions} version{'s' * (self.versions != 1)}"
        until = f"until {self.until:%Y-%m-%d %H:%M} UTC"
        if self.more:
            return f"{self.bucket} ({self.region}): at least {held}, the last that was seen {until}"
        return f"{self.bucket} ({self.region}): {held}, the last {until}"


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
            f"Lift the protection first: `{target.advice('apply', *UNPROTECTED)}`. Then destroy again.",
            details="\n".join(found),
        )


def require_in_sight(target: Target, state: State) -> None:
    """Raise ToolError where data lies in a region that the values do not name any more: Terraform would look for it in
    another one, not find it, and forget it, locked or not.
    """
    lost = _out_of_sight(target, state)
    if lost:
        raise ToolError(
            f"Data of {target.environment.name} lies in a region that its values do not name. Nothing was changed.",
            "Leave region and failover_region as they were, also where the replicas are to go: with "
            "cross_region_replication=false Terraform needs to know where they are.",
            details="\n".join(f"{address}: {region}" for address, region in sorted(lost.items())),
        )


def _out_of_sight(target: Target, state: State) -> dict[str, str]:
    """Addresses of data in regions that the values do not name, and these regions."""
    environment = target.environment
    named = {environment.region, environment.values["failover_region"]}
    return {
        _address(resource, instance): region
        for resource, instance in _instances(state, *PROTECTED)
        if (region := _region(instance["attributes"])) and region not in named
    }


def _region(attributes: dict[str, Any]) -> str | None:
    """Where something lies, by its ARN; those of buckets do not say."""
    arn = (attributes.get("arn") or "").split(":")
    return attributes.get("region") or (arn[3] if len(arn) > 3 else None) or None


def locked_buckets(target: Target, state: State) -> list[Locked]:
    """The buckets of an environment in which a compliance lock holds something now.

    Each bucket is asked whether it has locks at all: they can be switched on without Terraform's knowing.
    """
    found = []
    with step("Locks") as current:
        for resource, instance in _instances(state, "aws_s3_bucket"):
            bucket, region = instance["attributes"]["bucket"], instance["attributes"].get("region")
            region = region or target.environment.region
            held = _held(target.client("s3", region), bucket, current.say)
            if held:
                modules = {_module(resource), *(_module(key) for key, _ in _keys_of(state, bucket))}
                found.append(Locked(bucket, region, held.versions, held.until, frozenset(modules), held.more))
        current.result = f"{len(found)} bucket{'s' * (len(found) != 1)} locked" if found else "nothing is locked"
    return found


@dataclass(frozen=True)
class _Held:
    versions: int
    until: datetime
    more: bool


_Version = tuple[datetime, str, str]  # when it was written, its key and its id


def _held(s3: Any, bucket: str, say: Callable[[str], None] = lambda text: None) -> _Held | None:
    """What a compliance lock holds in a bucket; None for nothing.

    Only the versions know: the bucket's rule is of what is written from now on, and may have said something else when
    they were. One that is held is enough for the bucket to stay, so the rest is not asked then.
    """
    from botocore.exceptions import ClientError

    try:
        s3.get_object_lock_configuration(Bucket=bucket)
        pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket)
        # Millions lie in an archive: no more than needed of each.
        versions: list[_Version] = sorted(
            (version["LastModified"], version["Key"], version["VersionId"])
            for page in pages
            for version in page.get("Versions", ())
        )
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchBucket", "ObjectLockConfigurationNotFoundError"):
            return None
        raise
    now, asked = datetime.now(UTC), 0
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        order = _spread(versions)
        while some := list(itertools.islice(order, ASKED)):
            ends = pool.map(lambda version: _retained(s3, bucket, version), some)
            held = [until for until in ends if until and until > now]
            asked += len(some)
            if held:
                return _Held(len(held), max(held), more=asked < len(versions))
            say(f"{bucket}: {asked} of {len(versions)} versions asked")
    return None


def _spread(versions: Sequence[_Version]) -> Iterator[_Version]:
    """The newest first, then those in the middle of what is left, the widest gap first.

    A rule that was changed leaves locks on the versions of a time, so one of them comes soon wherever that time lies.
    """
    if versions:
        yield versions[-1]
    gaps = collections.deque([(0, len(versions) - 1)])
    while gaps:
        start, end = gaps.popleft()
        if start < end:
            middle = (start + end) // 2
            yield versions[middle]
            gaps += [(start, middle), (middle + 1, end)]


def _retained(s3: Any, bucket: str, version: _Version) -> datetime | None:
    """Until when a compliance lock of its own holds a version."""
    from botocore.exceptions import ClientError

    try:
        _, key, version_id = version
        found = s3.get_object_retention(Bucket=bucket, Key=key, VersionId=version_id)["Retention"]
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


def require_kept(target: Target, report: Report, locked: Iterable[Locked]) -> None:
    """Raise ToolError when a plan would destroy a part of what is locked, because it needs something that goes."""
    kept = {module for one in locked for module in one.modules}
    lost = [change.address for change in report.changes if _call(change.address) in kept and not _loose(change.address)]
    if lost:
        raise ToolError(
            "The archive is locked, and the plan would take parts of it. Nothing was destroyed.",
            f"Bring it up to date first: `{target.advice('apply')}`. Then the archive needs nothing else.",
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


@dataclass(frozen=True)
class Loss:
    """What a plan for an environment that goes on would delete or replace, though it must not.

    protected: addresses of what refuses to be deleted, and of the keys that it is encrypted with
    locked: addresses of what belongs to an archive that holds something
    """

    protected: list[str]
    locked: list[str]
    buckets: list[Locked]


def loss(target: Target, report: Report) -> Loss:
    """What a plan must not take. Terraform would find out halfway, with an archive's policy and lock rule gone and its
    key on the way to deletion, that the bucket refuses.
    """
    doomed = {change.address for change in report.changes if change.action in ("delete", "replace")}
    if not doomed:
        return Loss([], [], [])
    state = storage.read_state(target.s3, target.environment) or {}
    half_made = {_address(*one) for one in _instances(state) if one[1].get("status") == "tainted"}
    # What an interrupted apply left half made holds nothing, and is made again.
    kept = {*protected(state), *_keys_of_protected(state)} - half_made
    lost = sorted(doomed & kept)
    # Looking for locks takes a while, and most plans delete other things.
    holding = {_module(resource) for resource, _ in _instances(state, "aws_s3_bucket", "aws_kms_key")} - {""}
    doomed = {one for one in doomed if _call(one) in holding and not _loose(one)}
    locked = locked_buckets(target, state) if doomed else []
    modules = {module for one in locked for module in one.modules}
    whatever = {_address(*one) for one in _instances(state, "aws_s3_bucket", "aws_kms_key")}
    broken = sorted(one for one in doomed if _call(one) in modules and (one not in half_made or one in whatever))
    return Loss(lost, broken, [one for one in locked if one.modules & {_call(address) for address in broken}])


def say_what_would_be_lost(target: Target, report: Report) -> None:
    """Note beside a plan what `apply` refuses."""
    state = storage.read_state(target.s3, target.environment) or {}
    for address, region in sorted(_out_of_sight(target, state).items()):
        note(f"{address} lies in {region}, which the values do not name: `apply` refuses to forget it.")
    found = loss(target, report)
    for address in sorted({*found.protected, *found.locked}):
        note(f"{address} is {'locked' if address in found.locked else 'protected'}: `apply` refuses to delete it.")


def refuse_to_lose(target: Target, report: Report) -> None:
    """Raise ToolError, before anything is changed, when a plan deletes or replaces what is protected or locked."""
    require_in_sight(target, storage.read_state(target.s3, target.environment) or {})
    found, name = loss(target, report), target.environment.name
    details = "\n".join(sorted({*found.protected, *found.locked}))
    if found.locked:
        raise ToolError(
            f"A compliance lock holds records in {', '.join(one.bucket for one in found.buckets)}, and this plan would "
            "take the archive apart around them. Nothing was changed.",
            "Nobody can delete them before the lock ends. Keep the values that the archive was made with "
            "(cross_region_replication=true for a replica).",
            details="\n".join([*map(str, found.buckets), details]),
        )
    if found.protected:
        raise ToolError(
            f"{name} is protected, and this plan deletes or replaces {len(found.protected)} of what it protects. "
            "Nothing was changed.",
            "If they are to go for good, lift the protection first, with all other values as they were: "
            f"`{target.advice('apply', *UNPROTECTED)}`. Then apply this again.",
            details=details,
        )


def _loose(address: str) -> bool:
    return bool(re.search(rf"(^|\.)({'|'.join(LOOSE)})\.", address))


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


def _keys_of(state: State, bucket: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
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
            yield resource, instance


def _keys_of_protected(state: State) -> Iterator[str]:
    """Addresses of the keys that something protected is encrypted with: a key that goes takes it along."""
    kept = set(protected(state))
    used: list[str] = []
    for resource, instance in _instances(state, *PROTECTED):
        if _address(resource, instance) not in kept:
            continue
        used.append(json.dumps(instance["attributes"], default=str))
        if resource["type"] == "aws_s3_bucket":
            yield from (_address(*key) for key in _keys_of(state, instance["attributes"].get("bucket", "")))
    for resource, instance in _instances(state, "aws_kms_key"):
        arn = instance["attributes"].get("arn")
        if arn and any(json.dumps(arn) in attributes for attributes in used):
            yield _address(resource, instance)


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
