"""The buckets that stand before Terraform does: its state, and the functions' packages."""

import json
from collections.abc import Callable, Iterable
from typing import Any

from bbws_access.cli.console import note
from bbws_access.cli.environments import STATE_KEY, Environment
from bbws_access.cli.errors import ToolError
from bbws_access.packaging import Package

KEPT_STATES = 100
KEPT_DAYS = 90
MOST_TAGS = 50
# What is ours in a bucket; whatever else lies there is left to those who put it there.
PACKAGES = "packages/"
OLD_VERSIONS = "old-versions"
# From these, S3 reads an object only after it was restored, which takes hours.
_COLD = ("GLACIER", "DEEP_ARCHIVE")


def bootstrap(s3: Any, environment: Environment) -> None:
    """Make both buckets, or add to them what they lack, and say so; what others put on them stays. Raises ToolError for
    a bucket of somebody else's and for one with settings that do not go together with ours, before anything is changed.
    """
    names = (environment.state_bucket, environment.artifacts_bucket)
    there = {name: _owned(s3, environment, name) for name in names}
    changes = {name: _missing(s3, environment, name, there=True) for name in names if there[name]}
    for name in names:
        if not there[name]:
            there[name] = not _create(s3, environment, name)
            changes[name] = _missing(s3, environment, name, there=there[name])
    for name in names:
        for put, values in changes[name]:
            getattr(s3, put)(Bucket=name, ExpectedBucketOwner=environment.account_id, **values)
            if there[name]:
                note(f"{name} was there. {_told(put, values)}")


def _told(put: str, values: dict[str, Any]) -> str:
    """What a change means for whoever else uses the bucket."""
    if put == "put_bucket_lifecycle_configuration":
        rule = values["LifecycleConfiguration"]["Rules"][-1]
        return (
            f"A new rule deletes versions below {rule['Filter']['Prefix']} {KEPT_DAYS} days after they were replaced, "
            f"but for the last {KEPT_STATES}, and parts of uploads there after 7 days."
        )
    if put == "put_bucket_tagging":
        return f"Its tags are now {', '.join(sorted(tag['Key'] for tag in values['Tagging']['TagSet']))}."
    return {
        "put_public_access_block": "Nobody gets public access to it any more.",
        "put_bucket_ownership_controls": "Access lists of it and its objects no longer count.",
        "put_bucket_versioning": "It keeps earlier versions of all its objects now.",
        "put_bucket_encryption": "New objects are encrypted with KMS: who reads them from another account needs a key.",
        "put_bucket_policy": "Its policy refuses requests without TLS now.",
    }[put]


def _prefix(environment: Environment, name: str) -> str:
    """Where our objects lie in one of the buckets."""
    return STATE_KEY if name == environment.state_bucket else PACKAGES


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


def _create(s3: Any, environment: Environment, name: str) -> bool:
    """Make a bucket; returns whether it was not there."""
    from botocore.exceptions import ClientError

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
        return False
    return True


def _missing(s3: Any, environment: Environment, name: str, *, there: bool) -> list[tuple[str, dict[str, Any]]]:
    """The calls that bring a bucket to what it should be, by what it is; none where it is so already."""
    owner = {"Bucket": name, "ExpectedBucketOwner": environment.account_id}

    def read(operation: str) -> dict[str, Any]:
        return _read(s3, operation, owner)

    lacking = (
        # First: who is cut off after the next call finds a bucket that was there, and its encryption is left as it is.
        _encryption(name, read, there=there),
        _public_access(name, read),
        _ownership(name, read),
        _versioning(name, read),
        _policy(name, read, _tls_only(s3, name)),
        _lifecycle(name, read, _prefix(environment, name)),
        _tags(name, read, environment),
    )
    return [change for change in lacking if change is not None]


def _read(s3: Any, operation: str, owner: dict[str, Any]) -> dict[str, Any]:
    """A setting of a bucket; {} where it has none."""
    from botocore.exceptions import ClientError

    try:
        answer = getattr(s3, operation)(**owner)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code != "NoSuchBucket" and (code.startswith("NoSuch") or code.endswith("NotFoundError")):
            return {}
        raise
    return {key: value for key, value in answer.items() if key != "ResponseMetadata"}


def _conflict(name: str, what: str, hint: str) -> ToolError:
    return ToolError(f"The bucket {name} is there, and {what}.", f"{hint} Nothing was changed.")


_Change = tuple[str, dict[str, Any]] | None
_BLOCKED = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


def _public_access(name: str, read: Callable[[str], dict]) -> _Change:
    blocked = read("get_public_access_block").get("PublicAccessBlockConfiguration", {})
    if all(blocked.get(one) for one in _BLOCKED):
        return None
    if read("get_bucket_policy_status").get("PolicyStatus", {}).get("IsPublic"):
        raise _conflict(
            name,
            "its policy lets everybody in",
            "A state holds secrets: take the public statements out of the policy, or choose another bucket_suffix.",
        )
    return "put_public_access_block", {"PublicAccessBlockConfiguration": dict.fromkeys(_BLOCKED, True)}


def _ownership(name: str, read: Callable[[str], dict]) -> _Change:
    rules = read("get_bucket_ownership_controls").get("OwnershipControls", {}).get("Rules", ())
    wanted = {"ObjectOwnership": "BucketOwnerEnforced"}
    if list(rules) == [wanted]:
        return None
    acl = read("get_bucket_acl")
    if any(grant["Grantee"].get("ID") != acl["Owner"]["ID"] for grant in acl["Grants"]):
        raise _conflict(
            name,
            "its access list lets others in, which S3 does not take over into what access lists are switched off for",
            "Say in the bucket's policy who may use it and empty the list, or choose another bucket_suffix.",
        )
    return "put_bucket_ownership_controls", {"OwnershipControls": {"Rules": [wanted]}}


def _versioning(name: str, read: Callable[[str], dict]) -> _Change:
    status = read("get_bucket_versioning").get("Status")
    if status == "Enabled":
        return None
    if status == "Suspended":
        note(f"Versioning of {name} was suspended; it is on again, since a state without versions cannot be restored.")
    return "put_bucket_versioning", {"VersioningConfiguration": {"Status": "Enabled"}}


def _encryption(name: str, read: Callable[[str], dict], *, there: bool) -> _Change:
    """With KMS, in a bucket that was made just now, and keep whatever else a rule says. In one that was there the
    encryption stays: others may read from it who have no right to the account's key.
    """
    rules = read("get_bucket_encryption").get("ServerSideEncryptionConfiguration", {}).get("Rules", [])
    first = rules[0] if rules else {}
    algorithm = first.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm")
    if algorithm not in (None, "AES256"):
        return None
    if there and algorithm:
        note(f"{name} was there, and keeps its encryption: with a key of S3's own (AES256), not with KMS.")
        return None
    wanted = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}, "BucketKeyEnabled": True}
    return "put_bucket_encryption", {"ServerSideEncryptionConfiguration": {"Rules": [{**first, **wanted}]}}


def _policy(name: str, read: Callable[[str], dict], wanted: dict[str, Any]) -> _Change:
    text = read("get_bucket_policy").get("Policy")
    policy = json.loads(text) if text else {"Version": wanted["Version"], "Statement": []}
    statements = policy["Statement"] if isinstance(policy["Statement"], list) else [policy["Statement"]]
    lacking = []
    for ours in wanted["Statement"]:
        if any(_meaning(one) == _meaning(ours) for one in statements):
            continue
        if any(one.get("Sid") == ours["Sid"] for one in statements):
            raise _conflict(
                name,
                f"its policy has a statement {ours['Sid']} that says something else than ours",
                "Give that statement another name.",
            )
        lacking.append(ours)
    if not lacking:
        return None
    return "put_bucket_policy", {"Policy": json.dumps({**policy, "Statement": [*statements, *lacking]})}


def _meaning(statement: dict[str, Any]) -> str:
    """A statement without its name, with lists of one and texts alike, in any order."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(one) for key, one in value.items()}
        return sorted(map(str, value)) if isinstance(value, list) else [str(value).lower()]

    everybody = {"AWS": "*"}
    said = {key: value for key, value in statement.items() if key != "Sid"}
    said["Principal"] = "*" if said.get("Principal") == everybody else said.get("Principal")
    return json.dumps(plain(said), sort_keys=True).lower()


def _lifecycle(name: str, read: Callable[[str], dict], prefix: str) -> _Change:
    found = read("get_bucket_lifecycle_configuration")
    rules = found.get("Rules", [])
    ours = "the state" if prefix == STATE_KEY else "the packages"
    for rule in rules:
        if rule["Status"] != "Enabled" or not _touches(rule, prefix):
            continue
        called = f"its lifecycle rule {rule.get('ID', 'without a name')}"
        if {"Days", "Date"} & rule.get("Expiration", {}).keys():
            raise _conflict(
                name,
                f"{called} deletes objects in use: {ours}, {prefix}",
                f"Take its expiry of current objects away, limit it to another prefix than {prefix}, or choose another "
                "bucket_suffix.",
            )
        if any(moved.get("StorageClass") in _COLD for moved in rule.get("Transitions", ())):
            raise _conflict(
                name,
                f"{called} moves {ours}, {prefix}, to where it takes hours to be read",
                f"Limit it to another prefix than {prefix}, or choose another bucket_suffix.",
            )
        if rule.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays", KEPT_DAYS) < KEPT_DAYS:
            note(f"{name} was there, and {called} deletes earlier versions of {ours} before {KEPT_DAYS} days are over.")
    if any(rule.get("ID") == OLD_VERSIONS for rule in rules):
        return None  # ours, or what somebody made of it
    # The older way to say what a rule is about cannot stand beside the newer one.
    rules = [
        {**{key: value for key, value in rule.items() if key != "Prefix"}, "Filter": {"Prefix": rule["Prefix"]}}
        if "Prefix" in rule
        else rule
        for rule in rules
    ]
    kept = {key: value for key, value in found.items() if key == "TransitionDefaultMinimumObjectSize"}
    return "put_bucket_lifecycle_configuration", {
        "LifecycleConfiguration": {"Rules": [*rules, _old_versions(prefix)]},
        **kept,
    }


def _old_versions(prefix: str) -> dict[str, Any]:
    return {
        "ID": OLD_VERSIONS,
        "Status": "Enabled",
        "Filter": {"Prefix": prefix},
        "NoncurrentVersionExpiration": {"NoncurrentDays": KEPT_DAYS, "NewerNoncurrentVersions": KEPT_STATES},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
    }


def _touches(rule: dict[str, Any], prefix: str) -> bool:
    """Whether a lifecycle rule is about any of our objects."""
    limits = rule.get("Filter", {})
    limits = {**limits, **limits.get("And", {})}
    if limits.get("Tag") or limits.get("Tags"):
        return False  # ours have none
    theirs = limits.get("Prefix") or rule.get("Prefix") or ""
    return theirs.startswith(prefix) or prefix.startswith(theirs)


def _tags(name: str, read: Callable[[str], dict], environment: Environment) -> _Change:
    """Those of ours that are not there; one with another value is somebody's decision."""
    found = read("get_bucket_tagging").get("TagSet", [])
    wanted = {
        "Project": "BBWS",
        "Component": "terraform",
        "CostCenter": "BBWS-ACCESS",
        "Environment": environment.name,
        "ManagedBy": "bbws-access",
    }
    lacking = [{"Key": key, "Value": wanted[key]} for key in wanted.keys() - {tag["Key"] for tag in found}]
    if not lacking:
        return None
    if len(found) + len(lacking) > MOST_TAGS:
        raise _conflict(
            name,
            f"it has {len(found)} tags, which leaves no room for {', '.join(sorted(tag['Key'] for tag in lacking))}",
            f"A bucket takes {MOST_TAGS}: remove some.",
        )
    return "put_bucket_tagging", {"Tagging": {"TagSet": [*found, *sorted(lacking, key=lambda tag: tag["Key"])]}}


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
            s3.head_object(
                Bucket=environment.artifacts_bucket,
                Key=package.s3_key,
                ExpectedBucketOwner=environment.account_id,
            )
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
        answer = s3.get_object(
            Bucket=environment.state_bucket, Key=STATE_KEY, ExpectedBucketOwner=environment.account_id
        )
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return None
        raise
    state = json.loads(answer["Body"].read())
    if state.get("version") != 4:
        raise ToolError(f"The state in {environment.state_bucket} has the unknown format {state.get('version')}.")
    return state


def replace_in_state(s3: Any, environment: Environment, old: str, new: str) -> None:
    """Put a text in the place of another in the state that Terraform keeps. Only ever on a local AWS."""
    place = {"Bucket": environment.state_bucket, "Key": STATE_KEY, "ExpectedBucketOwner": environment.account_id}
    content = s3.get_object(**place)["Body"].read()
    if (changed := content.replace(old.encode(), new.encode())) != content:
        s3.put_object(**place, Body=changed, ContentType="application/json")


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
        answer = s3.get_object(
            Bucket=environment.state_bucket,
            Key=f"{STATE_KEY}.tflock",
            ExpectedBucketOwner=environment.account_id,
        )
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return None
        raise
    return json.loads(answer["Body"].read())


def remove_lock(s3: Any, environment: Environment) -> None:
    s3.delete_object(
        Bucket=environment.state_bucket, Key=f"{STATE_KEY}.tflock", ExpectedBucketOwner=environment.account_id
    )
