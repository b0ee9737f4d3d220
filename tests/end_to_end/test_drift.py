"""What somebody changes on AWS by hand, behind Terraform's back, is found and can be put back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.deployment import Deployment

# After everything that brings DEV up: once something was applied by hand, `up` has to plan again.
pytestmark = [pytest.mark.xdist_group("dev"), pytest.mark.last]

DRIFT_FOUND = 4
BACK_DOOR = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def test_what_is_changed_by_hand_is_drift(dev: Deployment) -> None:
    table, role = dev.status["tables"]["teams"], "bbws-access-dev-role-team-service"
    group, alarm = "/aws/lambda/bbws-access-dev-lambda-role", "bbws-access-dev-alarm-authorizer-errors"
    database, iam, logs = dev.client("dynamodb"), dev.client("iam"), dev.client("logs")
    protection = {"PointInTimeRecoveryEnabled": False}
    try:
        database.update_continuous_backups(TableName=table, PointInTimeRecoverySpecification=protection)
        iam.put_role_policy(RoleName=role, PolicyName="back-door", PolicyDocument=json.dumps(BACK_DOOR))
        logs.put_retention_policy(logGroupName=group, retentionInDays=7)
        dev.client("cloudwatch").delete_alarms(AlarmNames=[alarm])

        result = dev.tool("drift", "dev", "--local", "--json", check=False, named=False)
        assert result.returncode == DRIFT_FOUND, result.stderr
        found = {item["address"]: item for item in json.loads(result.stdout)}
        assert set(found) == {
            'module.cloudwatch.aws_cloudwatch_log_group.this["role"]',
            'module.cloudwatch.aws_cloudwatch_metric_alarm.this["authorizer-errors"]',
            'module.dynamodb.aws_dynamodb_table.this["teams"]',
            'module.iam.aws_iam_role.service["team"]',
        }
        assert found['module.cloudwatch.aws_cloudwatch_metric_alarm.this["authorizer-errors"]']["deleted"] is True
        assert found['module.cloudwatch.aws_cloudwatch_log_group.this["role"]']["attributes"] == [
            {"path": "retention_in_days", "state": 30, "found": 7}
        ]
        assert {"path": "point_in_time_recovery.enabled", "state": True, "found": False} in found[
            'module.dynamodb.aws_dynamodb_table.this["teams"]'
        ]["attributes"]
        (extra,) = found['module.iam.aws_iam_role.service["team"]']["attributes"]
        assert extra["path"] == "inline_policy[back-door]"
        assert json.loads(extra["found"]) == BACK_DOOR
    finally:
        iam.delete_role_policy(RoleName=role, PolicyName="back-door")
        applied = dev.tool("apply", "dev", "--local", "--yes", named=False)

    # That puts back what was changed, and finds nothing else to do: Terraform has nothing against a policy of a role
    # that it knows nothing of.
    assert "1 to add, 2 to change, 0 to destroy" in applied.stdout + applied.stderr, applied
    backups = database.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    assert "back-door" not in iam.list_role_policies(RoleName=role)["PolicyNames"]
    (kept,) = [one for one in logs.describe_log_groups()["logGroups"] if one["logGroupName"] == group]
    assert kept["retentionInDays"] == 30
    assert dev.client("cloudwatch").describe_alarms(AlarmNames=[alarm])["MetricAlarms"]
