"""Destroying: what is protected refuses, and what a compliance lock holds stays."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from bbws_access.cli import deploy, protection, storage
from bbws_access.cli.errors import ToolError
from bbws_access.cli.project import Project
from bbws_access.cli.protection import Locked
from bbws_access.cli.targets import LocalTarget, local_environment
from bbws_access.cli.terraform import Change, Report
from bbws_access.local_aws import LocalAws
from bbws_access.packaging import Packages

KEY = "arn:aws:kms:eu-west-1:000000000000:key/0a1b2c3d"


@pytest.fixture
def target(local_aws: LocalAws) -> LocalTarget:
    return LocalTarget(local_environment(Project(Path(__file__).parents[3]), "dev"), local_aws.folder)


def resource(address: str, **attributes: Any) -> dict[str, Any]:
    """A resource as a state has it, of an address such as module.a["x"].aws_s3_bucket.archive."""
    *module, kind, name = address.split(".")
    instance = {"attributes": attributes}
    found = {"mode": "managed", "type": kind, "name": name, "instances": [instance]}
    return found | ({"module": ".".join(module)} if module else {})


def state(*resources: dict[str, Any]) -> dict[str, Any]:
    data = {"mode": "data", "type": "aws_partition", "name": "current", "instances": [{"attributes": {}}]}
    return {"version": 4, "resources": [data, *resources]}


# --- Protected -------------------------------------------------------------------------------------------------------

PROTECTED = [
    resource("module.dynamodb.aws_dynamodb_table.this", deletion_protection_enabled=True),
    resource('module.dynamodb_replica["failover"].aws_dynamodb_table_replica.this', deletion_protection_enabled=True),
    resource("module.cognito.aws_cognito_user_pool.this", deletion_protection="ACTIVE"),
    resource("module.s3_audit.aws_s3_bucket.archive", force_destroy=False),
    resource("module.dynamodb.aws_backup_vault.this", force_destroy=False),
]
FREE = [
    resource("module.dynamodb.aws_dynamodb_table.this", deletion_protection_enabled=False),
    resource("module.cognito.aws_cognito_user_pool.this", deletion_protection="INACTIVE"),
    resource("module.s3_audit.aws_s3_bucket.archive", force_destroy=True),
    resource("module.iam.aws_iam_role.service"),
]


@pytest.mark.parametrize("one", PROTECTED, ids=lambda one: one["type"])
def test_one_protected_resource_refuses_the_whole(one: dict[str, Any], target: LocalTarget) -> None:
    with pytest.raises(ToolError, match=r"dev is protected: 1 .* Nothing was destroyed") as caught:
        protection.require_unprotected(target, state(*FREE, one))
    assert caught.value.details == f"{one['module']}.{one['type']}.{one['name']}"
    assert f"bbws-access apply dev --var deletion_protection=false --folder {target.folder}`" in caught.value.hint


def test_instances_are_named_by_their_keys() -> None:
    tables = resource("module.dynamodb.aws_dynamodb_table.this")
    tables["instances"] = [
        {"index_key": key, "attributes": {"deletion_protection_enabled": kept}}
        for key, kept in (("teams", True), ("audit", True), ("old", False), (0, True))
    ]
    assert protection.protected(state(tables)) == [
        'module.dynamodb.aws_dynamodb_table.this["audit"]',
        'module.dynamodb.aws_dynamodb_table.this["teams"]',
        "module.dynamodb.aws_dynamodb_table.this[0]",
    ]


def test_what_is_not_protected_may_go(target: LocalTarget) -> None:
    protection.require_unprotected(target, state(*FREE))
    protection.require_unprotected(target, {})


# --- Locked ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def bucket(local_aws: LocalAws) -> Callable[..., str]:
    """Makes a bucket with a default lock of a mode and days, or with none."""

    def make(mode: str | None = None, days: int = 0) -> str:
        s3, name = boto3.client("s3"), f"locks-{uuid.uuid4().hex[:12]}"
        place = {"LocationConstraint": s3.meta.region_name}
        s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True, CreateBucketConfiguration=place)
        if mode:
            rule = {"DefaultRetention": {"Mode": mode, "Days": days}}
            configuration = {"ObjectLockEnabled": "Enabled", "Rule": rule}
            s3.put_object_lock_configuration(Bucket=name, ObjectLockConfiguration=configuration)
        return name

    return make


def deployed(name: str) -> dict[str, Any]:
    rule = {"apply_server_side_encryption_by_default": [{"kms_master_key_id": KEY}]}
    return state(
        resource("module.s3_audit.aws_s3_bucket.archive", bucket=name, region="eu-west-1", object_lock_enabled=True),
        resource(
            "module.s3_audit.aws_s3_bucket_server_side_encryption_configuration.archive", bucket=name, rule=[rule]
        ),
        resource("module.archive_keys.aws_kms_key.this", arn=KEY),
        resource("module.keys.aws_kms_key.this", arn=f"{KEY}-another"),
        resource('module.failover_keys["failover"].aws_kms_key.this', arn=f"{KEY}-elsewhere"),
        resource("module.iam.aws_iam_role.service"),
        resource("aws_sns_topic.mine"),
    )


def put(name: str, key: str, until: datetime | None = None, mode: str = "COMPLIANCE") -> str:
    lock = {"ObjectLockMode": mode, "ObjectLockRetainUntilDate": until} if until else {}
    return boto3.client("s3").put_object(Bucket=name, Key=key, Body=b"audit", **lock)["VersionId"]


def test_a_bucket_that_the_law_holds_stays_with_its_key(target: LocalTarget, bucket: Callable[..., str]) -> None:
    name = bucket("COMPLIANCE", 2557)
    for _ in range(2):
        put(name, "archive/org-1/2026/01/01.json.gz")
    boto3.client("s3").delete_object(
        Bucket=name, Key="archive/org-1/2026/01/01.json.gz"
    )  # a marker, which hides nothing
    of = deployed(name)
    [locked] = protection.locked_buckets(target, of)
    assert (locked.bucket, locked.region, locked.versions) == (name, "eu-west-1", 2)
    assert abs(locked.until - datetime.now(UTC) - timedelta(days=2557)) < timedelta(minutes=5)
    assert locked.modules == {"module.s3_audit", "module.archive_keys"}
    assert protection.all_but(of, [locked]) == [
        "aws_sns_topic.mine",
        "module.failover_keys",
        "module.iam",
        "module.keys",
    ]
    said = "\n".join(protection.describe([locked]))
    assert f"{name} (eu-west-1): 2 versions, the last until {locked.until:%Y-%m-%d}" in said


def test_a_longer_lock_of_one_version_counts(target: LocalTarget, bucket: Callable[..., str]) -> None:
    name, until = bucket("COMPLIANCE", 1), datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)
    put(name, "archive/one", until)
    [locked] = protection.locked_buckets(target, deployed(name))
    assert locked.until == until


@pytest.mark.parametrize("default", [None, "GOVERNANCE"])
def test_a_version_under_a_lock_of_its_own_is_seen(
    default: str | None, target: LocalTarget, bucket: Callable[..., str]
) -> None:
    """The values may say GOVERNANCE today and have said COMPLIANCE yesterday: what counts is what is in the bucket."""
    name, until = bucket(default, 1), datetime.now(UTC).replace(microsecond=0) + timedelta(days=9)
    put(name, "archive/one")
    assert protection.locked_buckets(target, deployed(name)) == []
    put(name, "archive/two", until)
    put(name, "archive/three", until + timedelta(days=1), "GOVERNANCE")
    [locked] = protection.locked_buckets(target, deployed(name))
    assert (locked.versions, locked.until) == (1, until)


class ManyVersions:
    """S3 with a bucket of many versions, one written each hour; `locks` says until when each is locked, and how."""

    def __init__(self, count: int, rule: dict[str, Any] | None, locks: Callable[[int], tuple[str, datetime] | None]):
        self.count, self.rule, self.locks, self.asked = count, rule, locks, 0

    def get_object_lock_configuration(self, **_: str) -> dict[str, Any]:
        rule = {"Rule": {"DefaultRetention": self.rule}} if self.rule else {}
        return {"ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled", **rule}}

    def get_paginator(self, _: str) -> ManyVersions:
        return self

    def paginate(self, **_: str) -> Iterator[dict[str, Any]]:
        start = datetime.now(UTC) - timedelta(hours=self.count)
        for page in (range(n, min(n + 1000, self.count)) for n in range(0, self.count, 1000)):
            yield {
                "Versions": [
                    {"Key": f"archive/{n}", "VersionId": f"v{n}", "LastModified": start + timedelta(hours=n)}
                    for n in page
                ]
            }

    def get_object_retention(self, *, VersionId: str, **_: str) -> dict[str, Any]:  # noqa: N803 - boto3's name
        self.asked += 1
        lock = self.locks(int(VersionId[1:]))
        if lock is None:
            status: Any = {"HTTPStatusCode": 404}
            error: Any = {"Code": "NoSuchObjectLockConfiguration", "Message": ""}
            raise ClientError({"Error": error, "ResponseMetadata": status}, "GetObjectRetention")
        return {"Retention": {"Mode": lock[0], "RetainUntilDate": lock[1]}}


SIX_YEARS = datetime.now(UTC) + timedelta(days=6 * 365)
A_WEEK_AGO = datetime.now(UTC) - timedelta(days=7)
RULES = [None, {"Mode": "GOVERNANCE", "Days": 1}, {"Mode": "COMPLIANCE", "Years": 7}, {"Mode": "COMPLIANCE", "Days": 1}]


@pytest.mark.parametrize("rule", RULES, ids=str)
@pytest.mark.parametrize("count", [1, 2, 999, 1001, 20_000])
def test_locks_are_looked_for_however_many_versions_there_are(count: int, rule: dict[str, Any] | None) -> None:
    s3 = ManyVersions(count, rule, lambda _: ("COMPLIANCE", SIX_YEARS))
    held = protection._held(s3, "archive")
    assert held is not None
    assert held.until == SIX_YEARS
    assert (held.versions, held.more) == (min(count, protection.ASKED), count > protection.ASKED)
    assert s3.asked <= protection.ASKED


@pytest.mark.parametrize("rule", RULES, ids=str)
@pytest.mark.parametrize("which", [0, 1, 1000, 2_331, 2_998, 2_999])
def test_one_lock_among_many_versions_is_found(which: int, rule: dict[str, Any] | None) -> None:
    """All others ended, are GOVERNANCE or never were."""
    others = [("COMPLIANCE", A_WEEK_AGO), ("GOVERNANCE", SIX_YEARS), None]
    s3 = ManyVersions(3_000, rule, lambda n: ("COMPLIANCE", SIX_YEARS) if n == which else others[n % 3])
    held = protection._held(s3, "archive")
    assert held is not None
    assert (held.versions, held.until) == (1, SIX_YEARS)


@pytest.mark.parametrize("start", [0, 5_000, 18_000])
def test_the_locks_of_a_time_are_found_soon(start: int) -> None:
    """The bucket's rule said COMPLIANCE for a tenth of its life."""
    locked = range(start, start + 2_000)
    s3 = ManyVersions(20_000, None, lambda n: ("COMPLIANCE", SIX_YEARS) if n in locked else None)
    assert protection._held(s3, "archive") is not None
    assert s3.asked <= protection.ASKED


@pytest.mark.parametrize("rule", RULES, ids=str)
@pytest.mark.parametrize("count", [0, 1, 1001])
def test_a_rule_alone_holds_nothing(count: int, rule: dict[str, Any] | None) -> None:
    """What it says now is no lock on what was written before it."""
    s3 = ManyVersions(count, rule, lambda n: [("COMPLIANCE", A_WEEK_AGO), ("GOVERNANCE", SIX_YEARS), None][n % 3])
    assert protection._held(s3, "archive") is None
    assert s3.asked == count


def test_what_was_not_looked_at_is_not_counted() -> None:
    until = datetime(2033, 5, 1, 12, 30, tzinfo=UTC)
    some = Locked("archive", "eu-west-1", 500, until, frozenset(), more=True)
    assert str(some) == "archive (eu-west-1): at least 500 versions, the last that was seen until 2033-05-01 12:30 UTC"


def test_a_bucket_that_terraform_believes_to_be_without_locks_is_asked(
    target: LocalTarget, bucket: Callable[..., str]
) -> None:
    """Locks can be switched on for a bucket that is there."""
    name = bucket("COMPLIANCE", 1)
    put(name, "archive/one")
    of = deployed(name)
    of["resources"][1]["instances"][0]["attributes"]["object_lock_enabled"] = False
    assert [locked.bucket for locked in protection.locked_buckets(target, of)] == [name]


def test_nothing_is_kept_where_nothing_is_locked(target: LocalTarget, bucket: Callable[..., str]) -> None:
    name = bucket("COMPLIANCE", 1)
    assert protection.locked_buckets(target, deployed(name)) == []
    gone = deployed("a-bucket-that-is-gone")
    assert protection.locked_buckets(target, gone) == []
    assert protection.all_but(gone, []) == []
    unlocked = state(resource("module.s3_audit.aws_s3_bucket.access_logs", bucket=name, object_lock_enabled=False))
    assert protection.locked_buckets(target, unlocked) == []


LOCKED = Locked("b", "eu-west-1", 1, datetime.now(UTC), frozenset({"module.s3_audit", "module.archive_keys"}))


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("module.s3_audit.aws_s3_bucket.archive", False),
        ("module.s3_audit.aws_s3_bucket_policy.archive", False),
        ('module.archive_keys.aws_kms_key.this["audit-archive"]', False),
        ("module.s3_audit.aws_s3_bucket_replication_configuration.archive[0]", True),
        ('module.s3_audit_replica["failover"].aws_s3_bucket.archive', True),
        ("module.iam.aws_iam_role.service", True),
    ],
)
def test_a_plan_that_takes_a_part_of_the_archive_is_refused(address: str, kept: bool, target: LocalTarget) -> None:
    report = Report(changes=[Change("module.iam.aws_iam_role.other", "delete"), Change(address, "delete")])
    if kept:
        protection.require_kept(target, report, [LOCKED])
        return
    with pytest.raises(ToolError, match="Nothing was destroyed") as caught:
        protection.require_kept(target, report, [LOCKED])
    assert caught.value.details == address


# --- An environment that goes on -------------------------------------------------------------------------------------

TABLE_KEY, FAILOVER_KEY, ARCHIVE_KEY = f"{KEY}-tables", f"{KEY}-failover", f"{KEY}-archive"


def prod(archive: str, *, protected: bool = True, tainted: Sequence[str] = ()) -> dict[str, Any]:
    """PROD's state, as far as it holds anything, with the archive's replica in a bucket that may be asked."""
    rule = {"apply_server_side_encryption_by_default": [{"kms_master_key_id": ARCHIVE_KEY}]}
    replica, keys = 'module.s3_audit_replica["failover"]', 'module.failover_archive_keys["failover"]'
    at = {"bucket": archive, "region": "eu-west-1"}
    tables = 'module.dynamodb_replica["failover"].aws_dynamodb_table_replica.this'
    found = [
        resource(
            "module.dynamodb.aws_dynamodb_table.this",
            deletion_protection_enabled=protected,
            server_side_encryption=[{"enabled": True, "kms_key_arn": TABLE_KEY}],
        ),
        resource(tables, deletion_protection_enabled=protected, kms_key_arn=FAILOVER_KEY),
        resource(
            "module.cognito.aws_cognito_user_pool.this", deletion_protection="ACTIVE" if protected else "INACTIVE"
        ),
        resource("module.keys.aws_kms_key.this", arn=TABLE_KEY),
        resource('module.failover_keys["failover"].aws_kms_key.this', arn=FAILOVER_KEY),
        resource('module.failover_keys["failover"].aws_kms_key.logs', arn=f"{KEY}-logs"),
        resource(f"{replica}.aws_s3_bucket.archive", **at, force_destroy=not protected),
        resource(f"{replica}.aws_s3_bucket_policy.archive", **at),
        resource(f"{replica}.aws_s3_bucket_server_side_encryption_configuration.archive", **at, rule=[rule]),
        resource(f"{replica}.aws_s3_bucket_replication_configuration.archive", **at),
        resource(f"{keys}.aws_kms_key.this", arn=ARCHIVE_KEY),
        resource("module.functions.aws_lambda_function.this"),
    ]
    for one in found:
        one["instances"][0] |= {"status": "tainted"} if name_of(one) in tainted else {}
    return state(*found)


def name_of(one: dict[str, Any]) -> str:
    return f"{one['module']}.{one['type']}.{one['name']}"


def plan(*addresses: str, action: str = "delete") -> Report:
    """As Terraform says it while it plans, line by line."""
    report = Report()
    for address in addresses:
        change = {"resource": {"addr": address}, "action": action}
        report.read(json.dumps({"type": "planned_change", "change": change}), Project(Path(__file__).parents[3]))
    return report


@pytest.fixture
def deployed_as(target: LocalTarget, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], LocalTarget]:
    def deploy(of: dict[str, Any]) -> LocalTarget:
        monkeypatch.setattr(storage, "read_state", lambda *_: of)
        return target

    return deploy


def refused(target: LocalTarget, report: Report, said: str) -> list[str]:
    with pytest.raises(ToolError, match=said) as caught:
        protection.refuse_to_lose(target, report)
    assert caught.value.message.endswith("Nothing was changed.")
    return caught.value.details.splitlines()


REPLICA_OFF = (
    'module.dynamodb_replica["failover"].aws_dynamodb_table_replica.this',
    'module.failover_archive_keys["failover"].aws_kms_key.this',
    'module.failover_keys["failover"].aws_kms_key.logs',
    'module.failover_keys["failover"].aws_kms_key.this',
    'module.s3_audit_replica["failover"].aws_s3_bucket.archive',
    'module.s3_audit_replica["failover"].aws_s3_bucket_policy.archive',
    'module.s3_audit_replica["failover"].aws_s3_bucket_replication_configuration.archive',
    'module.s3_audit_replica["failover"].aws_s3_bucket_server_side_encryption_configuration.archive',
)


@pytest.mark.parametrize("action", ["delete", "replace"])
@pytest.mark.parametrize(
    "address",
    [
        "module.dynamodb.aws_dynamodb_table.this",
        "module.cognito.aws_cognito_user_pool.this",
        "module.keys.aws_kms_key.this",
        REPLICA_OFF[0],
        REPLICA_OFF[1],
        REPLICA_OFF[3],
        REPLICA_OFF[4],
    ],
)
def test_apply_takes_nothing_that_is_protected_nor_its_key(
    address: str, action: str, bucket: Callable[..., str], deployed_as: Callable
) -> None:
    target = deployed_as(prod(bucket()))
    assert refused(target, plan(address, action=action), "dev is protected, and this plan") == [address]
    protection.refuse_to_lose(target, plan(address, action="update"))
    protection.refuse_to_lose(target, plan("module.functions.aws_lambda_function.this", action=action))
    # Lifted, and with nothing under a lock, it goes.
    protection.refuse_to_lose(deployed_as(prod(bucket(), protected=False)), plan(address, action=action))


@pytest.mark.parametrize("protected", [True, False])
def test_switching_the_replica_off_leaves_a_locked_archive_whole(
    protected: bool, bucket: Callable[..., str], deployed_as: Callable, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whether protected or not: S3 takes policy, encryption and lifecycle away first, and then refuses the bucket."""
    name = bucket("COMPLIANCE", 2557)
    put(name, "archive/org-1/2026/01/01.json.gz")
    target = deployed_as(prod(name, protected=protected))
    first, *lost = refused(target, plan(*REPLICA_OFF), f"holds records in {name}, and this plan")
    assert first.startswith(f"{name} (eu-west-1): 1 version, the last until ")
    archive = [REPLICA_OFF[1], REPLICA_OFF[4], REPLICA_OFF[5], REPLICA_OFF[7]]
    assert lost == (sorted([REPLICA_OFF[0], REPLICA_OFF[3], *archive]) if protected else archive)
    for one in archive:
        assert refused(target, plan(one, action="replace"), "holds records in")
    protection.refuse_to_lose(target, plan(REPLICA_OFF[6]))  # replication goes with its role
    protection.say_what_would_be_lost(target, plan(*REPLICA_OFF))
    said = " ".join(capsys.readouterr().err.split())
    for one in archive:
        assert f"{one} is locked: `apply` refuses to delete it." in said
    assert (f"{REPLICA_OFF[0]} is protected: `apply` refuses" in said) == protected


def test_what_an_interrupted_apply_left_half_made_is_made_again(
    bucket: Callable[..., str], deployed_as: Callable
) -> None:
    half = (REPLICA_OFF[0], REPLICA_OFF[4], REPLICA_OFF[5])
    protection.refuse_to_lose(deployed_as(prod(bucket(), tainted=half)), plan(*half, action="replace"))
    # A bucket with records is not half made, whatever its state says; nor is a key half of what it encrypted.
    name, marked = bucket("COMPLIANCE", 9), (*half, REPLICA_OFF[1])
    put(name, "archive/one")
    target = deployed_as(prod(name, tainted=marked))
    assert refused(target, plan(*marked, action="replace"), "holds records")[1:] == [REPLICA_OFF[1], REPLICA_OFF[4]]


@pytest.mark.parametrize(
    ("kind", "attributes"),
    [
        ("aws_s3_bucket", {"bucket": "archive", "region": "eu-west-1"}),
        ("aws_dynamodb_table_replica", {"arn": "arn:aws:dynamodb:eu-west-1:111122223333:table/teams"}),
        ("aws_dynamodb_table", {"arn": "arn:aws:dynamodb:eu-west-1:111122223333:table/teams"}),
        ("aws_cognito_user_pool", {"arn": "arn:aws:cognito-idp:eu-west-1:111122223333:userpool/eu-west-1_A"}),
        ("aws_backup_vault", {"arn": "arn:aws:backup:eu-west-1:111122223333:backup-vault:tables"}),
    ],
)
def test_data_in_a_region_that_is_not_named_any_more_is_not_forgotten(
    kind: str,
    attributes: dict[str, Any],
    deployed_as: Callable,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whoever switches replication off takes the region out as well: Terraform would find nothing there to delete."""
    of = state(resource(f'module.there["failover"].{kind}.this', **attributes))
    deployed_as(of)
    project = Project(Path(__file__).parents[3])
    for region, failover, fine in (
        ("af-south-1", "eu-west-1", True),
        ("eu-west-1", None, True),
        ("af-south-1", None, False),
        ("af-south-1", "eu-central-1", False),
    ):
        environment = local_environment(project, "dev").with_values({"region": region, "failover_region": failover})
        target = LocalTarget(environment, tmp_path)
        vars(target)["s3"] = object()
        if fine:
            protection.refuse_to_lose(target, plan())
            continue
        protection.say_what_would_be_lost(target, plan())
        assert "lies in eu-west-1, which the values do not name" in " ".join(capsys.readouterr().err.split())
        assert refused(target, plan(), "lies in a region") == [f'module.there["failover"].{kind}.this: eu-west-1']
        with pytest.raises(ToolError, match="lies in a region"):
            deploy.plan_destroy(target, Packages("local", (), tmp_path))


def test_plans_that_delete_nothing_of_an_archive_look_for_no_locks(
    target: LocalTarget, deployed_as: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise AssertionError("asked S3")

    monkeypatch.setattr(protection, "locked_buckets", fail)
    deployed_as(prod("archive"))
    protection.refuse_to_lose(target, plan(*REPLICA_OFF, action="update"))
    protection.refuse_to_lose(target, plan("module.functions.aws_lambda_function.this"))
    protection.refuse_to_lose(target, plan())
