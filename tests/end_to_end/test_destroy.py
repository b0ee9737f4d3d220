"""Destroying leaves nothing. Runs when all other tests of the copy are done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.support.deployment import Deployment

pytestmark = [pytest.mark.xdist_group("dev"), pytest.mark.last]


def _left(deployment: Deployment) -> dict[str, list[Any]]:
    """What is there of each kind that the stack makes, but for the two buckets of `bootstrap`."""
    client = deployment.client
    bootstrap = {deployment.status["buckets"]["terraform-state"], deployment.status["buckets"]["artifacts"]}
    keys = client("kms").list_keys()["Keys"]
    states = [client("kms").describe_key(KeyId=key["KeyId"])["KeyMetadata"] for key in keys]
    return {
        "tables": client("dynamodb").list_tables()["TableNames"],
        "buckets": [b["Name"] for b in client("s3").list_buckets()["Buckets"] if b["Name"] not in bootstrap],
        "functions": [f["FunctionName"] for f in client("lambda").list_functions()["Functions"]],
        "roles": [r["RoleName"] for r in client("iam").list_roles()["Roles"] if "bbws-access" in r["RoleName"]],
        "apis": client("apigateway").get_rest_apis()["items"],
        "user pools": client("cognito-idp").list_user_pools(MaxResults=10)["UserPools"],
        "log groups": [g["logGroupName"] for g in client("logs").describe_log_groups()["logGroups"]],
        "alarms": [a["AlarmName"] for a in client("cloudwatch").describe_alarms()["MetricAlarms"]],
        "dashboards": client("cloudwatch").list_dashboards()["DashboardEntries"],
        "topics": client("sns").list_topics()["Topics"],
        "queues": client("sqs").list_queues().get("QueueUrls", []),
        "rules": client("events").list_rules()["Rules"],
        "event buses": [b for b in client("events").list_event_buses()["EventBuses"] if b["Name"] != "default"],
        "event source mappings": client("lambda").list_event_source_mappings()["EventSourceMappings"],
        "mail identities": client("sesv2").list_email_identities()["EmailIdentities"],
        "mail templates": client("sesv2").list_email_templates()["TemplatesMetadata"],
        "configuration sets": client("sesv2").list_configuration_sets()["ConfigurationSets"],
        "keys": [k["KeyId"] for k in states if k["KeyManager"] == "CUSTOMER" and k["KeyState"] != "PendingDeletion"],
    }


def test_destroy_leaves_nothing(copy: Deployment) -> None:
    # Under DEV's governance lock, in two versions.
    for _ in range(2):
        copy.client("s3").put_object(
            Bucket=copy.status["buckets"]["audit-archive"], Key="archive/org-demo/2026/11/30.json.gz", Body=b"{}"
        )
    before = _left(copy)
    for kind, found in before.items():
        assert found, f"the list of {kind} sees something as long as there is something"
    copy.tool("destroy", "dev", "--local", "--yes", named=False)
    assert {kind: found for kind, found in _left(copy).items() if found} == {}
    copy.tool("down", "--destroy", "--yes")
    assert not copy.folder.exists()
