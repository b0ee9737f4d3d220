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
_OLD_VERSIONS: dict[str, Any] = {
    "ID": "old-versions",
    "Status": "Enabled",
    "Filter": {},
    "NoncurrentVersionExpiration": {"NoncurrentDays": KEPT_DAYS, "NewerNoncurrentVersions": KEPT_STATES},
    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
}


def bootstrap(s3: Any, environment: Environment) -> None:
    """Make both buckets, or add to them what they lack; what others put on them stays. Raises ToolError for a bucket of
    somebody else's and for one with settings that do not go together with ours, before anything is changed.
    """
    names = (environment.state_bucket, environment.artifacts_bucket)
    there = {name: _owned(s3, environment, name) for name in names}
    changes = {name: _missing(s3, environment, name) for name in names if there[name]}
    for name in names:
        if not there[name]:
            _create(s3, environment, name)
            changes[name] = _missing(s3, environment, name)
    for name in names:
        for put, values in changes[name]:
            getattr(s3, put)(Bucket=name, ExpectedBucketOwner=environment.account_id, **values)


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


def _create(s3: Any, environment: Environment, name: str) -> None:
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


def _missing(s3: Any, environment: Environment, name: str) -> list[tuple[str, dict[str, Any]]]:
    """The calls that bring a bucket to what it should be, by what it is; none where it is so already."""
    owner = {"Bucket": name, "ExpectedBucketOwner": environment.account_id}

    def read(operation: str) -> dict[str, Any]:
        return _read(s3, operation, owner)

    lacking = (
        _public_access(name, read),
        _ownership(name, read),
        _versioning(name, read),
        _encryption(read),
        _policy(name, read, _tls_only(s3, name)),
        _lifecycle(name, read),
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


def _encryption(read: Callable[[str], dict]) -> _Change:
    """With KMS. A key that somebody chose stays, and so does whatever else a rule says."""
    rules = read("get_bucket_encryption").get("ServerSideEncryptionConfiguration", {}).get("Rules", [])
    first = rules[0] if rules else {}
    if first.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm", "AES256") != "AES256":
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


def _lifecycle(name: str, read: Callable[[str], dict]) -> _Change:
    found = read("get_bucket_lifecycle_configuration")
    rules = found.get("Rules", [])
    for rule in rules:
        if rule["Status"] == "Enabled" and {"Days", "Date"} & rule.get("Expiration", {}).keys():
            raise _conflict(
                name,
                f"its lifecycle rule {rule.get('ID', 'without a name')} deletes objects in use, such as the state",
                "Take its expiry of current objects away, or choose another bucket_suffix.",
            )
    if any(rule.get("ID") == _OLD_VERSIONS["ID"] for rule in rules):
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
        "LifecycleConfiguration": {"Rules": [*rules, _OLD_VERSIONS]},
        **kept,
    }


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
