"""PROD's values on a local AWS: two regions, locks, deletion protection and a second factor."""

from __future__ import annotations

import gzip
import json
import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from bbws_access.cli import protection, totp
from bbws_access.cli.environments import STATE_KEY
from bbws_access.verify.criteria_stack import NEW_EACH_TIME

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.deployment import Deployment

pytestmark = pytest.mark.xdist_group("prod")

FAILOVER = "eu-west-1"


def eventually(look: Callable[[], Any]) -> Any:
    """What `look` finds; replication takes a moment."""
    for _ in range(600):
        found = look()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError("it never came")


def _state(prod: Deployment) -> dict[str, Any]:
    bucket = prod.status["buckets"]["terraform-state"]
    return json.load(prod.client("s3").get_object(Bucket=bucket, Key=STATE_KEY)["Body"])


def test_it_stands_in_its_regions(prod: Deployment) -> None:
    assert prod.status["region"] == "af-south-1"
    assert prod.request("GET", "/health").status == 200
    buckets = prod.status["buckets"]
    assert buckets["audit-archive-replica"] == "bbws-access-prod-s3-audit-archive-replica"


@pytest.mark.parametrize("table", ["permissions", "teams", "invitations", "audit"])
def test_an_item_reaches_the_failover_region(prod: Deployment, table: str) -> None:
    key = {"PK": {"S": f"TEST#{uuid.uuid4()}"}, "SK": {"S": "TEST"}}
    name = prod.status["tables"][table]
    prod.client("dynamodb").put_item(TableName=name, Item=key | {"value": {"S": "replicated"}})
    replica = prod.client("dynamodb", region=FAILOVER)
    item = eventually(lambda: replica.get_item(TableName=name, Key=key).get("Item"))
    assert item["value"] == {"S": "replicated"}


def test_an_object_reaches_the_failover_region(prod: Deployment) -> None:
    buckets = prod.status["buckets"]
    key, body = "archive/org-demo/2026/11/23.json.gz", gzip.compress(b"{}")
    prod.client("s3").put_object(Bucket=buckets["audit-archive"], Key=key, Body=body)
    s3 = prod.client("s3", region=FAILOVER)

    def replicated() -> Any:
        try:
            return s3.get_object(Bucket=buckets["audit-archive-replica"], Key=key)
        except ClientError:
            return None

    copy = eventually(replicated)
    assert copy["Body"].read() == body
    assert copy["ServerSideEncryption"] == "aws:kms"


def test_what_is_archived_cannot_be_destroyed(prod: Deployment) -> None:
    s3 = prod.client("s3")
    bucket = prod.status["buckets"]["audit-archive"]
    key = "archive/org-demo/2026/11/22.json.gz"
    version = s3.put_object(Bucket=bucket, Key=key, Body=b"kept")["VersionId"]
    held = s3.get_object_retention(Bucket=bucket, Key=key, VersionId=version)["Retention"]
    assert held["Mode"] == "COMPLIANCE"
    years = (held["RetainUntilDate"].timestamp() - time.time()) / (365.25 * 24 * 3600)
    assert 6.9 < years < 7.1
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.delete_object(Bucket=bucket, Key=key, VersionId=version, BypassGovernanceRetention=True)


@pytest.mark.parametrize("region", [None, FAILOVER])
def test_tables_are_protected(prod: Deployment, region: str | None) -> None:
    database = prod.client("dynamodb", region=region)
    for name in prod.status["tables"].values():
        table = database.describe_table(TableName=name)["Table"]
        assert table["DeletionProtectionEnabled"] is True
        assert table["SSEDescription"]["SSEType"] == "KMS"
        assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
        backups = database.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
        assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
        with pytest.raises(ClientError, match="protect"):
            database.delete_table(TableName=name)


def test_every_table_is_backed_up(prod: Deployment) -> None:
    backup, database = prod.client("backup"), prod.client("dynamodb")
    (plan,) = backup.list_backup_plans()["BackupPlansList"]
    assert plan["BackupPlanName"] == "bbws-access-prod-plan-tables"
    of_plan = {"BackupPlanId": plan["BackupPlanId"]}
    (selection,) = backup.list_backup_selections(**of_plan)["BackupSelectionsList"]
    found = backup.get_backup_selection(**of_plan, SelectionId=selection["SelectionId"])["BackupSelection"]
    tables = prod.status["tables"].values()
    assert set(found["Resources"]) == {database.describe_table(TableName=name)["Table"]["TableArn"] for name in tables}


def test_the_stage_is_filtered(prod: Deployment) -> None:
    apis = {api["name"]: api["id"] for api in prod.client("apigateway").get_rest_apis()["items"]}
    stage = f"arn:aws:apigateway:{prod.status['region']}::/restapis/{apis['bbws-access-prod-apigw']}/stages/v1"
    found = prod.client("wafv2").get_web_acl_for_resource(ResourceArn=stage)["WebACL"]
    assert found["Name"] == "bbws-access-prod-apigw-acl"


def test_archives_are_shut_to_the_public(prod: Deployment) -> None:
    for purpose, region in (("audit-archive", None), ("audit-access-logs", None), ("audit-archive-replica", FAILOVER)):
        s3 = prod.client("s3", region=region)
        block = s3.get_public_access_block(Bucket=prod.status["buckets"][purpose])["PublicAccessBlockConfiguration"]
        assert all(block.values()), purpose
        assert len(block) == 4, purpose


def test_the_authorizer_is_kept_warm(prod: Deployment) -> None:
    found = prod.client("lambda").get_provisioned_concurrency_config(
        FunctionName=prod.status["functions"]["authorizer"], Qualifier="live"
    )
    assert found["RequestedProvisionedConcurrentExecutions"] == 2


def test_signing_in_takes_a_second_factor(prod: Deployment) -> None:
    """No token for a password alone; with the code of an authenticator app the API answers."""
    cognito = prod.client("cognito-idp")
    pool = prod.status["user_pool_id"]
    assert cognito.get_user_pool_mfa_config(UserPoolId=pool)["MfaConfiguration"] == "ON"
    organisation = prod.status["organisation_id"]
    email, password = "second-factor@demo.example", "Correct-horse-7-battery"
    prod.user(email, organisation, "ORG_ADMIN")
    cognito.admin_set_user_password(UserPoolId=pool, Username=email, Password=password, Permanent=True)
    asked = prod.sign_in(email, password)
    assert "AuthenticationResult" not in asked
    assert asked["ChallengeName"] == "MFA_SETUP"
    begun = cognito.associate_software_token(Session=asked["Session"])
    session = cognito.verify_software_token(Session=begun["Session"], UserCode=totp.code(begun["SecretCode"]))[
        "Session"
    ]
    done = cognito.respond_to_auth_challenge(
        ClientId=prod.status["client_id"],
        ChallengeName="MFA_SETUP",
        Session=session,
        ChallengeResponses={"USERNAME": asked["ChallengeParameters"].get("USER_ID_FOR_SRP", email)},
    )
    token = done["AuthenticationResult"]["AccessToken"]
    assert prod.request("GET", f"/organisations/{organisation}/roles", token).status == 200


def test_the_tool_signs_in_with_a_second_factor(prod: Deployment) -> None:
    """On the local AWS it stands in for the authenticator app: sets it up, then answers with its codes."""
    for _ in range(2):
        token = prod.token(prod.status["admin_email"])
        organisation = prod.status["organisation_id"]
        assert prod.request("GET", f"/organisations/{organisation}/roles", token).status == 200


def test_what_was_left_half_made_is_made_again_under_its_name(prod: Deployment) -> None:
    """What an interrupted apply left half made is destroyed before it is made again, where its name stays the same."""
    first = {
        resource["type"]
        for resource in _state(prod)["resources"]
        for instance in resource["instances"]
        if instance.get("create_before_destroy")
    }
    assert "aws_api_gateway_deployment" in first
    assert first <= NEW_EACH_TIME


def test_logs_and_alarms_are_watched_in_both_regions(prod: Deployment) -> None:
    alarms = {alarm["AlarmName"] for alarm in prod.client("cloudwatch").describe_alarms()["MetricAlarms"]}
    assert "bbws-access-prod-alarm-authorizer-errors" in alarms
    elsewhere = prod.client("cloudwatch", region=FAILOVER).describe_alarms()["MetricAlarms"]
    assert sorted(alarm["AlarmName"] for alarm in elsewhere) == [
        "bbws-access-prod-alarm-archive-replication-failures",
        "bbws-access-prod-alarm-archive-replication-lag",
    ]
    kept = {
        group["logGroupName"]: group.get("retentionInDays")
        for group in prod.client("logs").describe_log_groups()["logGroups"]
    }
    assert kept["/aws/lambda/bbws-access-prod-lambda-role"] == 30
    assert kept["/aws/apigateway/bbws-access-prod-apigw/access"] == 90
    assert None not in kept.values(), kept


def _kept(prod: Deployment, region: str | None = None) -> dict[str, Any]:
    """What is there of an environment, in one region."""
    bootstrap = {f"bbws-access-prod-s3-{name}" for name in ("terraform-state", "artifacts")}
    buckets = prod.client("s3", region=region).list_buckets()["Buckets"]
    kms = prod.client("kms", region=region)
    aliases = [one["AliasName"] for one in kms.list_aliases()["Aliases"] if "bbws-access" in one["AliasName"]]
    return {
        "buckets": sorted(one["Name"] for one in buckets if one["Name"] not in bootstrap),
        "aliases": aliases,
        "tables": prod.client("dynamodb", region=region).list_tables()["TableNames"],
        "functions": prod.client("lambda", region=region).list_functions()["Functions"],
        "alarms": prod.client("cloudwatch", region=region).describe_alarms()["MetricAlarms"],
        "vaults": prod.client("backup", region=region).list_backup_vaults()["BackupVaultList"],
        "user pools": prod.client("cognito-idp", region=region).list_user_pools(MaxResults=10)["UserPools"],
        "buses": prod.client("events", region=region).list_event_buses()["EventBuses"][1:],
    }


@pytest.mark.last
def test_prod_goes_in_two_steps_but_for_what_the_law_holds(prod: Deployment) -> None:
    """With records in the archive and its replica. No vault here holds backups: the local AWS makes none."""
    buckets = prod.status["buckets"]
    archives = {buckets["audit-archive"]: None, buckets["audit-archive-replica"]: FAILOVER}
    key = "archive/org-law/2026/11/30.json.gz"
    prod.client("s3").put_object(Bucket=buckets["audit-archive"], Key=key, Body=b"{}")
    eventually(
        lambda: (
            "Contents"
            in prod.client("s3", region=FAILOVER).list_objects_v2(Bucket=buckets["audit-archive-replica"], Prefix=key)
        )
    )

    refused = prod.tool("destroy", "prod", "--local", "--yes", named=False, check=False)
    assert refused.returncode == 1
    assert "is protected" in refused.stderr
    assert 'module.dynamodb.aws_dynamodb_table.this["teams"]' in refused.stderr
    assert prod.request("GET", "/health").status == 200

    # Nor by `apply`, with the replica switched off.
    smaller = ("--var", "cross_region_replication=false")
    refused = prod.tool("apply", "prod", "--local", "--yes", *smaller, named=False, check=False)
    assert refused.returncode == 1
    said = "".join(refused.stderr.split())  # lines end where the terminal does
    assert f"holdsrecordsin{buckets['audit-archive-replica']}" in said
    for lost in ("aws_s3_bucket_policy.archive", "aws_s3_bucket_object_lock_configuration.archive"):
        assert f'module.s3_audit_replica["failover"].{lost}' in said
    assert 'module.failover_archive_keys["failover"].aws_kms_key.this["audit-archive"]' in said
    assert 'module.dynamodb_replica["failover"].aws_dynamodb_table_replica.this["teams"]' in said

    # Nothing but the protection changes: the deployment that was cut off and the one that followed left nothing out.
    protected = protection.protected(_state(prod))
    assert len(protected) > 10
    done = prod.tool("apply", "prod", "--local", "--yes", "--var", "deletion_protection=false", named=False)
    assert f" 0 to add, {len(protected)} to change, 0 to destroy" in done.stdout + done.stderr, done
    assert prod.request("GET", "/health").status == 200
    done = prod.tool("destroy", "prod", "--local", "--yes", named=False)
    said = " ".join((done.stdout + done.stderr).split())
    for name in archives:
        assert name in said
    year = time.gmtime().tm_year + 7
    assert f"the last until {year}-" in said

    for region, parts in ((None, ("archive", "access-logs")), (FAILOVER, ("archive-replica", "replica-access-logs"))):
        left = _kept(prod, region)
        names = {f"bbws-access-prod-s3-audit-{part}" for part in parts}
        assert names <= set(left.pop("buckets"))
        assert left.pop("aliases") == ["alias/bbws-access-prod-key-audit-archive"]
        assert {kind: found for kind, found in left.items() if found} == {}
    for name, region in archives.items():
        # Whole: its policy, its lock, its key and its rules.
        s3 = prod.client("s3", region=region)
        assert (
            "DenyInsecureTransport" in s3.get_bucket_policy(Bucket=name)["Policy"]
            or "Tls" in s3.get_bucket_policy(Bucket=name)["Policy"]
        )
        assert s3.get_object_lock_configuration(Bucket=name)["ObjectLockConfiguration"]["Rule"]
        assert len(s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]) == 4
        assert all(s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"].values())
        [encryption] = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
        kms = prod.client("kms", region=region)
        held = kms.describe_key(KeyId=encryption["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"])
        assert held["KeyMetadata"]["KeyState"] == "Enabled"
        assert s3.get_object(Bucket=name, Key=key)["Body"].read() == b"{}"
    # A second time there is nothing left to do, and a later apply makes the rest around what stayed.
    again = prod.tool("destroy", "prod", "--local", "--yes", named=False)
    assert buckets["audit-archive"] in again.stdout + again.stderr
    plan = prod.tool("plan", "prod", "--local", named=False)
    # The four buckets are protected again, and that is all that changes of what is there.
    assert " to add, 4 to change, 0 to destroy" in plan.stdout + plan.stderr

    prod.tool("down", "--destroy", "--yes")
    assert not prod.folder.exists()
