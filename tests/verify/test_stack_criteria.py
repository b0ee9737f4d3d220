"""Defects in the stack, in its modules and in the environments' values, each seen by the criterion that says why.

Most are made in a plan that is there already, as the change of the code would have made them; others in the code of the
stack itself, planned together. The inventory sees every one of them, whoever thought of it or not.
"""

import json
import random
import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from bbws_access.cli.project import Project
from bbws_access.verify import engine, inventory, jobs, slices
from bbws_access.verify.catalogue import RULES
from bbws_access.verify.dependencies import needed_by
from bbws_access.verify.provider import Providers
from bbws_access.verify.report import Finding
from bbws_access.verify.rules import Evidence, judge
from tests.verify.conftest import ENVIRONMENTS, Wanted, copy_project, plan_all, replaced
from tests.verify.conftest import Planned as Plans

pytestmark = pytest.mark.xdist_group("verify-plans")

GONE = object()
"""Instead of a value: the resource is not there."""


@dataclass(frozen=True)
class Defect:
    """A planned value that is another than it should be.

    criterion: the one that turns red      address: a part of the resource's address, of all that it fits
    path: the value's place, as "rule.0.status"; empty for the resource itself      value: what is there then; for a
    part of a text, a pair of that part and another      environment: in whose plan
    """

    criterion: str
    address: str
    path: str
    value: Any
    environment: str = "prod"

    def __str__(self) -> str:
        return f"{self.criterion}-{self.address}-{self.path}-{self.environment}"


D = Defect
STAGE, SETTINGS = "aws_api_gateway_stage.this", "aws_api_gateway_method_settings.all"
API, POOL = "aws_api_gateway_rest_api.this", "aws_cognito_user_pool.this"
CLIENT, ACL = "aws_cognito_user_pool_client.this", "aws_wafv2_web_acl.this"
MAIL, MAIL_DEAD = "aws_sqs_queue.mail", "module.mail.aws_sqs_queue.dead_letters"
AUDIT_TABLE = 'module.dynamodb.aws_dynamodb_table.this["audit"]'
LOCK = "module.s3_audit.aws_s3_bucket_object_lock_configuration.archive"
ARCHIVE_RULES = "module.s3_audit.aws_s3_bucket_lifecycle_configuration.archive"
REPLICA_LOCK = 'module.s3_audit_replica["failover"].aws_s3_bucket_object_lock_configuration.archive'
REPLICATION = "aws_s3_bucket_replication_configuration"
ROLE = 'module.functions.aws_lambda_function.this["role"]'
TARGET = 'aws_cloudwatch_event_target.this["organisation-created-role"]'
RULE = 'aws_cloudwatch_event_rule.this["organisation-created"]'
PERMISSION = 'module.functions.aws_lambda_permission.live["api-role"]'
ALARM = "aws_cloudwatch_metric_alarm.this"
ROLE_POLICY = 'module.iam.aws_iam_role_policy.service["role"]'
VARIABLES = "environment.0.variables"

DEFECTS = [
    # What an environment is
    D("environment-table", LOCK, "rule.0.default_retention.0.days", 365),
    D("environment-table", LOCK, "rule.0.default_retention.0.mode", "GOVERNANCE"),
    D("environment-table", REPLICA_LOCK, "rule.0.default_retention.0.days", 1),
    D("environment-table", POOL, "mfa_configuration", "OPTIONAL"),
    D("environment-table", POOL, "software_token_mfa_configuration", []),
    D("environment-table", ACL, "", GONE),
    D("environment-table", "aws_wafv2_web_acl_association.this", "", GONE),
    D("environment-table", ACL, "rule.0.statement.0.rate_based_statement.0.limit", 2_000_000),
    D("environment-table", ACL, "rule.1.override_action.0", {"count": [{}], "none": []}),
    D("environment-table", "aws_backup_plan.this", "", GONE),
    D("environment-table", "aws_backup_selection.this", "resources", []),
    D("environment-table", "aws_backup_plan.this", "rule.0.schedule", "cron(0 1 ? * SUN *)"),
    D("environment-table", "aws_backup_plan.this", "rule.0.lifecycle.0.delete_after", 1),
    D("environment-table", ROLE, f"{VARIABLES}.LOG_LEVEL", "DEBUG"),
    D("environment-table", 'aws_lambda_function.this["authorizer"]', f"{VARIABLES}.LOG_LEVEL", "DEBUG"),
    D("environment-table", ROLE, "reserved_concurrent_executions", 0),
    D("environment-table", "aws_lambda_provisioned_concurrency_config.live", "", GONE),
    D("environment-table", "aws_lambda_provisioned_concurrency_config.live", "provisioned_concurrent_executions", 1),
    D("environment-table", SETTINGS, "settings.0.throttling_rate_limit", 10000),
    D("environment-table", SETTINGS, "settings.0.throttling_burst_limit", -1),
    D("environment-table", SETTINGS, "method_path", "health/GET"),
    D("environment-table", "aws_s3_bucket_versioning.archive", "versioning_configuration.0.status", "Suspended"),
    D("deletion-protection", AUDIT_TABLE, "deletion_protection_enabled", False),
    D("regions", "aws_dynamodb_table_replica.this", "", GONE),
    D("pitr", AUDIT_TABLE, "point_in_time_recovery.0.enabled", False),
    # Who hears of what
    D("watched", f'{ALARM}["mail-dead-letters"]', "", GONE),
    D("watched", f'{ALARM}["events-dead-letters"]', "threshold", 100),
    D("watched", f'{ALARM}["role-dead-letters"]', "metric_query", []),
    D("watched", f'{ALARM}["mail-backlog"]', "", GONE),
    D("watched", f'{ALARM}["organisation-created-event-failures"]', "", GONE),
    D("watched", f'{ALARM}["tables-backup-failures"]', "", GONE),
    D("watched", f'{ALARM}["archive-replication-lag"]', "", GONE),
    D("watched", f'{ALARM}["archive-replication-failures"]', "", GONE),
    D("watched", f'{ALARM}["audit-replication-lag"]', "", GONE),
    D("watched", f'{ALARM}["audit-throttles"]', "", GONE),
    D("watched", f'{ALARM}["api-5xx"]', "comparison_operator", "LessThanThreshold"),
    D("watched", f'{ALARM}["concurrency"]', "", GONE),
    D("watched", f'{ALARM}["role-errors"]', "threshold", 5000),
    D("watched", f'{ALARM}["authorizer-latency"]', "threshold", 10000),
    D("watched", f'{ALARM}["role-latency"]', "actions_enabled", False),
    D("metrics", f'{ALARM}["mail-dead-letters"]', "dimensions.QueueName", "bbws-access-prod-queue-mails-dead"),
    D("metrics", f'{ALARM}["mail-backlog"]', "metric_name", "AgeOfOldestMessage"),
    D("metrics", f'{ALARM}["role-latency"]', "namespace", "AWS/Lambdas"),
    D("metrics", f'{ALARM}["role-latency"]', "dimensions", {"Function": "bbws-access-prod-lambda-role"}),
    D("metrics", f'{ALARM}["audit-replication-lag"]', "dimensions.ReceivingRegion", "eu-west-2"),
    D("metrics", 'metric_filter.this["authorizer-TokenFailures"]', "metric_transformation.0.name", "BadTokens"),
    D("metrics", 'metric_filter.this["role-HandledErrors"]', "log_group_name", "/aws/lambda/role"),
    D("told", f'{ALARM}["api-5xx"]', "alarm_actions", ["arn:aws:sns:af-south-1:111122223333:ops"]),
    D("told", f'{ALARM}["archive-replication-lag"]', "alarm_actions",
      ["arn:aws:sns:af-south-1:111122223333:bbws-access-prod-sns-alerts-critical"]),
    D("told", 'module.cloudwatch.aws_sns_topic_policy.this["critical"]', "policy",
      ("cloudwatch.amazonaws.com", "events.amazonaws.com")),
    D("told", "aws_sns_topic_subscription.this", "", GONE, slices.ANOTHER),
    # What waits
    D("queues", MAIL_DEAD, "message_retention_seconds", 3600),
    D("queues", MAIL, "message_retention_seconds", 1209600),
    D("queues", MAIL, "visibility_timeout_seconds", 30),
    D("queues", MAIL, "visibility_timeout_seconds", 43200),
    D("queues", MAIL, "redrive_policy", ('"maxReceiveCount":', '"maxReceiveCount":9999,"x":')),
    D("queues", MAIL, "message_retention_seconds", 3600),
    D("queues", MAIL, "redrive_policy", ('"maxReceiveCount":', '"maxReceiveCount":1,"x":')),
    D("queues", MAIL, "redrive_policy", ("dead-letters", "dead")),
    D("queues", TARGET, "retry_policy.0.maximum_retry_attempts", 0),
    D("queues", TARGET, "", GONE),
    D("queues", RULE, "state", "DISABLED"),
    D("queues", RULE, "event_pattern", ("OrganisationCreated", "OrganizationCreated")),
    D("queues", "module.events.aws_sqs_queue.dead_letters", "policy", ("rule-organisation-created", "rule-x")),
    D("queues", 'event_invoke_config.live["role"]', "maximum_retry_attempts", 0),
    D("functions", "aws_lambda_event_source_mapping.mail", "enabled", False),
    D("functions", "aws_lambda_event_source_mapping.mail", "function_response_types", []),
    D("dead-letters", ROLE, "dead_letter_config", []),
    # What does the work
    D("functions", ROLE, "timeout", 300),
    D("functions", ROLE, "memory_size", 128),
    D("functions", ROLE, "runtime", "python3.8"),
    D("functions", ROLE, "tracing_config.0.mode", "PassThrough"),
    D("functions", ROLE, "role", "arn:aws:iam::111122223333:role/bbws-access-prod-role-invitation-service"),
    D("functions", ROLE, f"{VARIABLES}.DB_PASSWORD", "hunter2hunter2"),
    D("functions", ROLE, f"{VARIABLES}.SETTING", "AKIAABCDEFGHIJKLMNOP"),
    D("references", ROLE, f"{VARIABLES}.TEAMS_TABLE", "bbws-access-prod-ddb-audit"),
    D("references", TARGET, "arn", ("lambda-role:", "lambda-roles:")),
    D("references", ROLE_POLICY, "policy", ("bbws-access-prod-ddb-teams", "bbws-access-sit-ddb-teams")),
    D("tables", AUDIT_TABLE, "ttl.0.enabled", False),
    D("tables", AUDIT_TABLE, "stream_view_type", "KEYS_ONLY"),
    D("tables", AUDIT_TABLE, "global_secondary_index.0.projection_type", "KEYS_ONLY"),
    D("tables", AUDIT_TABLE, "", GONE),
    D("archive", ARCHIVE_RULES, "rule.1.expiration.0.days", 30),
    D("archive", ARCHIVE_RULES, "rule.0.status", "Disabled"),
    D("archive", "module.s3_audit.aws_s3_bucket_logging.archive", "", GONE),
    D("archive", REPLICATION, "rule.0.status", "Disabled"),
    D("archive", LOCK, "", GONE),
    # Who reaches what
    D("invocations", 'aws_lambda_alias.live["role"]', "function_version", "$LATEST"),
    D("invocations", PERMISSION, "principal", "*"),
    D("invocations", PERMISSION, "source_arn", None),
    D("invocations", PERMISSION, "source_arn", "arn:aws:execute-api:af-south-1:111122223333:*/*/*"),
    D("invocations", PERMISSION, "qualifier", None),
    D("invocations", TARGET, "arn", "arn:aws:lambda:af-south-1:111122223333:function:bbws-access-prod-lambda-role"),
    D("api-routes", API, "body", ('"security":[{"bbws-access-prod-authorizer":[]}]', '"security":[]')),
    D("api-routes", API, "body", ('"authorizerResultTtlInSeconds":300', '"authorizerResultTtlInSeconds":3600')),
    D("api-routes", API, "body", ('"x-amazon-apigateway-request-validator":"parameters"', '"x-nothing":0')),
    D("api-routes", API, "body", ('"validateRequestBody":false', '"validateRequestBody":true')),
    D("api-routes", API, "body", ("lambda-role:live", "lambda-team:live")),
    D("api-routes", API, "body", ('"identityValidationExpression":"^', '"identityValidationExpression":"^.*')),
    D("api-stage", STAGE, "access_log_settings", []),
    D("api-stage", STAGE, "access_log_settings.0.format", ("$context.resourcePath", "$context.path")),
    D("api-stage", STAGE, "xray_tracing_enabled", False),
    D("api-stage", SETTINGS, "settings.0.data_trace_enabled", True),
    D("api-stage", SETTINGS, "settings.0.metrics_enabled", True),
    D("api-stage", SETTINGS, "settings.0.logging_level", "INFO"),
    D("api-stage", "aws_xray_sampling_rule.untraced", "fixed_rate", 1),
    D("api-stage", API, "endpoint_configuration.0.types", ["EDGE"]),
    D("sign-in", CLIENT, "explicit_auth_flows", ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]),
    D("sign-in", CLIENT, "access_token_validity", 1440),
    D("sign-in", CLIENT, "refresh_token_validity", 525600),
    D("sign-in", CLIENT, "write_attributes", ["name", "custom:organisation_id"]),
    D("sign-in", CLIENT, "write_attributes", ["name", "email"]),
    D("sign-in", CLIENT, "prevent_user_existence_errors", "LEGACY"),
    D("sign-in", CLIENT, "enable_token_revocation", False),
    D("sign-in", POOL, "password_policy.0.minimum_length", 6),
    D("sign-in", POOL, "admin_create_user_config.0.allow_admin_create_user_only", False),
    D("sign-in", POOL, "username_configuration.0.case_sensitive", True),
    D("sign-in", POOL, "lambda_config.0.pre_token_generation_config", []),
    D("named-resources", ROLE_POLICY, "policy", ('"Effect":"Allow"', '"Effect":"Allow","NotResource":"a"')),
    D("named-resources", ROLE_POLICY, "policy", ("dynamodb:GetItem", "dynamodb:*")),
    D("named-resources", 'module.iam.aws_iam_role.service["role"]', "assume_role_policy",
      ('"Principal":{"Service":"lambda.amazonaws.com"}', '"Principal":{"AWS":"*"}')),
    D("named-resources", 'aws_kms_key.this["data"]', "policy",
      ("arn:aws:iam::111122223333:root", "arn:aws:iam::999999999999:root")),
    D("named-resources", "module.events.aws_sqs_queue.dead_letters", "policy", ("aws:SourceArn", "aws:PrincipalTag/a")),
    D("transport", MAIL, "policy", ("aws:SecureTransport", "aws:MultiFactorAuthPresent")),
    D("transport", 'module.cloudwatch.aws_sns_topic_policy.this["critical"]', "policy", ('"Deny"', '"Allow"')),
    D("transport", "module.s3_audit.aws_s3_bucket_policy.archive", "", GONE),
    D("transport", "module.s3_audit.aws_s3_bucket_ownership_controls.archive", "rule.0.object_ownership", "Writer"),
    D("transport", "aws_sesv2_configuration_set.this", "delivery_options.0.tls_policy", "OPTIONAL"),
    D("keys", 'module.keys.aws_kms_key.this["data"]', "enable_key_rotation", False),
    D("keys", 'module.keys.aws_kms_key.this["data"]', "deletion_window_in_days", 7),
    D("encryption", AUDIT_TABLE, "server_side_encryption", []),
    D("tag-values", AUDIT_TABLE, "tags_all.CostCenter", "OTHER"),
    D("tag-values", MAIL, "tags_all.Component", "?"),
    D("log-retention", 'aws_cloudwatch_log_group.this["role"]', "retention_in_days", 0),
]  # fmt: skip


def changed(value: Any, path: list[str], new: Any) -> Any:
    """A value with another at a place."""
    if not path:
        if isinstance(new, tuple):
            assert new[0] in value, f"{new[0]} is not in {value[:500]}"
            return value.replace(*new)
        return new
    head, rest = path[0], path[1:]
    if isinstance(value, list):
        at = int(head)
        return [changed(one, rest, new) if number == at else one for number, one in enumerate(value)]
    return {**value, head: changed(value.get(head), rest, new)}


def apply(evidence: Evidence, defect: Defect) -> list[str]:
    """Make a defect in the plan; the addresses of what it changes."""
    touched = []
    for facts in evidence.facts:
        kept = []
        for item in facts.planned[defect.environment]:
            if item.managed and defect.address in item.address:
                touched.append(item.address)
                if defect.value is GONE:
                    continue
                path = defect.path.split(".")
                unknown = {name: one for name, one in item.unknown.items() if name != path[0]}
                item = replace(item, values=changed(item.values, path, defect.value), unknown=unknown)
            kept.append(item)
        facts.planned[defect.environment] = kept
    assert touched, f"nothing is called {defect.address}"
    return touched


def found_by(evidence: Evidence, environment: str, *criteria: str) -> dict[str, list[Finding]]:
    """What these criteria and the inventory find, or all that are about what is made."""
    rules = [rule for rule in RULES if rule.id in (*criteria, "inventory") or not (criteria or rule.about_the_run)]
    judged = judge(evidence, [environment], rules)
    return {item.id: item.verdicts[environment].findings for item in judged if not item.passed}


def evidence_of(planned: Plans, project: Project) -> Evidence:
    """Evidence of its own, whose lists may be changed; the resources in them may not."""
    facts = [replace(one, planned={name: list(items) for name, items in one.planned.items()}) for one in planned.facts]
    return Evidence(project, dict(planned.values), facts, dependencies=planned.dependencies)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return copy_project(tmp_path_factory.mktemp("stack") / "project")


@pytest.mark.parametrize("defect", DEFECTS, ids=str)
def test_a_defect_in_a_plan_is_seen(defect: Defect, planned: Plans, project: Project) -> None:
    evidence = evidence_of(planned, project)
    apply(evidence, defect)
    environment = "dev" if defect.environment == slices.ANOTHER else defect.environment
    found = found_by(evidence, environment, defect.criterion)
    assert defect.criterion in found, {name: [one.message for one in some][:2] for name, some in found.items()}
    # A stranger's is nobody's environment, and tags_all says again what tags and the provider say.
    assert "inventory" in found or defect.environment == slices.ANOTHER or "tags_all" in defect.path


LITE = (
    D("sign-in", POOL, "user_pool_tier", "LITE"),
    D("sign-in", POOL, "password_policy.0.password_history_size", 0),
    D("sign-in", POOL, "lambda_config.0.pre_token_generation_config.0.lambda_version", "V1_0"),
    D("sign-in", 'aws_lambda_function.this["authorizer"]', f"{VARIABLES}.TOKEN_USE", "id"),
)
ELSEWHERE = (D("sign-in", POOL, "", GONE), D("sign-in", 'aws_lambda_function.this["authorizer"]', VARIABLES, {}))


@pytest.mark.parametrize(
    ("made", "values", "found"),
    [
        (LITE, {}, None),
        (LITE[:-1], {}, "takes access tokens"),
        (LITE[:2], {}, "trigger of version V2_0"),
        (LITE[2:], {}, "plan ESSENTIALS and a trigger of version V1_0"),
        ((*LITE, D("sign-in", CLIENT, "read_attributes", ["custom:organisation_id", "email"])), {}, "email_verified"),
        ((*LITE, D("sign-in", CLIENT, "read_attributes", None)), {}, "custom:organisation_id, email, email_verified"),
        ((D("sign-in", CLIENT, "read_attributes", ["name"]),), {}, None),
        # Of a pool that is made elsewhere the values say which plan it has.
        (ELSEWHERE, {"existing_user_pool_id": "eu-west-1_Theirs"}, None),
        (ELSEWHERE, {"existing_user_pool_id": "eu-west-1_Theirs", "user_pool_tier": "LITE"}, "takes access tokens"),
    ],
)
def test_the_tokens_that_are_taken_say_who_somebody_is(
    made: tuple[Defect, ...], values: dict[str, Any], found: str | None, planned: Plans, project: Project
) -> None:
    evidence = evidence_of(planned, project)
    for one in made:
        apply(evidence, one)
    evidence.values["prod"] = {**evidence.values["prod"], **values}
    messages = [finding.message for finding in found_by(evidence, "prod", "sign-in").get("sign-in", [])]
    assert len(messages) == (found is not None), messages
    assert found is None or found in messages[0]


# --- The environments' values ----------------------------------------------------------------------------------------


def lines() -> Iterator[tuple[str, str, str]]:
    """Every line of every environment's values that gives one, and the line with another value."""
    others = {"true": "false", "false": "true", "null": "{ rate_limit = 50 }"}
    for name in ENVIRONMENTS:
        path = copy_root() / "environments" / f"{name}.tfvars"
        for line in path.read_text(encoding="utf-8").splitlines():
            match = re.fullmatch(r"\s*([a-z_]+)\s*=\s*(.+)", line)
            if not match or match[1] in ("env_name", "audit_object_lock"):
                continue
            value = match[2]
            quoted = {"DEBUG": "INFO", "INFO": "DEBUG", "WARN": "DEBUG", "OPTIONAL": "OFF", "ON": "OPTIONAL",
                      "GOVERNANCE": "COMPLIANCE", "COMPLIANCE": "GOVERNANCE", "eu-west-1": "eu-west-2",
                      "af-south-1": "us-east-1"}  # fmt: skip
            if value in others:
                other = others[value]
            elif value.startswith('"'):
                other = f'"{quoted[value.strip(chr(34))]}"'
            elif value.isdigit():
                other = str(int(value) + 1)
            else:
                other = {'["*"]': "[]", "[]": '["https://evil.example"]'}.get(value, "null")
            yield name, line, line[: line.index("=") + 1] + f" {other}"


def copy_root() -> Path:
    return Path(__file__).resolve().parents[2] / "terraform"


@pytest.mark.parametrize(("environment", "line", "other"), list(lines()))
def test_every_value_of_an_environment_is_held_to_the_table(
    environment: str, line: str, other: str, planned: Plans, project: Project
) -> None:
    evidence = evidence_of(planned, project)
    with replaced(project, [(f"environments/{environment}.tfvars", f"{line}\n", f"{other}\n")]):
        try:
            values = engine._values(project, [environment])[0][environment]
        except Exception as error:  # the tool refuses it before anything is planned
            assert line.split()[0] in str(error) or "COMPLIANCE" in str(error), error
            return
    evidence.values[environment] = values
    found = found_by(evidence, environment, "environment-table", "regions")
    assert found.keys() & {"environment-table", "regions"}, found.keys()
    assert "inventory" in found


def test_the_readme_shows_the_table(project: Project) -> None:
    table = json.loads((copy_root() / "environments" / "table.json").read_text(encoding="utf-8"))["environments"]
    text = (copy_root().parent / "README.md").read_text(encoding="utf-8")
    rows = {
        cells[0].strip(): [cell.strip() for cell in cells[1:]]
        for line in text.partition("## Environments")[2].partition("\n## ")[0].splitlines()
        if line.startswith("|")
        for cells in [line.strip("|").split("|")]
    }

    def lock(days: int) -> str:
        return "7 years" if days == 2557 else f"{days} day" + "s" * (days != 1)

    shown = {
        "region": lambda one: one["region"],
        "failover region, replicas": lambda one: one["failover_region"] or "-",
        "log level": lambda one: one["log_level"],
        "throttle, requests a second / burst": lambda one: (
            f"{one['api_throttle_rate_limit']} / {one['api_throttle_burst_limit']}"
        ),
        "second factor": lambda one: one["multi_factor_authentication"].lower(),
        "warm authorizers": lambda one: str(one["authorizer_provisioned_concurrency"]),
        "deletion protection": lambda one: "yes" if one["deletion_protection"] else "no",
        "web ACL, requests in five minutes from one address": lambda one: (
            f"{one['web_acl']['rate_limit']:,}" if one["web_acl"] else "no"
        ),
        "daily backup of the tables, beside recovery to any second": lambda one: (
            "yes" if one["backup_plan_enabled"] else "no"
        ),
        "audit lock": lambda one: (
            f"{one['audit_object_lock']['mode'].lower()}, {lock(one['audit_object_lock']['days'])}"
        ),
    }
    for row, cell in shown.items():
        assert rows[row] == [cell(table[name]) for name in ENVIRONMENTS], row
    assert rows.keys() - {"", "---"} == shown.keys()


# --- The stack's code ------------------------------------------------------------------------------------------------

WIRING = {
    # A defect of terraform/stack: file, text, another; the criterion that sees it; a part of what it finds.
    "no alarm on mail's dead letters": (
        "main.tf", "    module.mail.dead_letter_queue_names,\n", "", "watched", "queue-mail-dead-letters"),
    "no alarm on rules": ("main.tf", "= module.events.watched_rules", "= {}", "watched", "FailedInvocations"),
    "no alarm on backups": (
        "main.tf", 'for name in module.dynamodb.backup_vault_name[*] : "tables" => name',
        "for name in [] : name => name", "watched", "backups failed"),
    "no alarm on the archive's replication": (
        "main.tf", "  archive_replication = {\n    source_bucket      = module.s3_audit.bucket_name\n",
        "  archive_replication = false ? null : {\n    source_bucket      = module.s3_audit.access_log_bucket_name\n",
        "watched", "lag of"),
    "no second factor": (
        "main.tf", "= var.multi_factor_authentication", '= "OPTIONAL"', "environment-table", "second factor"),
    "tokens without an organisation": (
        "main.tf", 'use if use != "access"', '"id"', "sign-in", "takes id tokens"),
    "no web ACL": ("main.tf", "= module.inputs.web_acl\n", "= null\n", "environment-table", "web ACL"),
    "always debugging": (
        "main.tf", "LOG_LEVEL    = var.log_level", 'LOG_LEVEL    = "DEBUG"', "environment-table", "LOG_LEVEL"),
    "a short lock": (
        "main.tf",
        "  object_lock               = module.inputs.audit_object_lock\n"
        '  allow_compliance_lock     = module.inputs.audit_object_lock.mode == "COMPLIANCE"\n'
        "  exports_expire_after_days = local.exports_days\n"
        "  force_destroy             = !var.deletion_protection\n  replication",
        '  object_lock               = { mode = "GOVERNANCE", days = 365 }\n  exports_expire_after_days = '
        "local.exports_days\n  force_destroy             = true\n  replication",
        "environment-table", "lock is"),
    "nothing warm": (
        "main.tf", "= var.authorizer_provisioned_concurrency", "= 0", "environment-table", "warm function"),
    "throttled for another": (
        "main.tf", "rate_limit = var.api_throttle_rate_limit", "rate_limit = 10000", "environment-table", "throttling"),
    "a function without dead letters": (
        "main.tf", "= contains(local.event_consumers, service)",
        '= contains(local.event_consumers, service) && service != "team"',
        "references", "queue-team-dead-letters"),
    "a table without expiry": ("contract.tf", "= table.ttlAttribute", "= null", "tables", "lets nothing expire"),
    "another's cost centre": ("names.tf", '"BBWS-ACCESS"', '"OTHER"', "tag-values", "CostCenter"),
    "an event that reaches nobody": (
        "main.tf", "detail_type = event.detail_type", 'detail_type = "${event.detail_type}s"',
        "queues", "does not reach"),
    "logs of decisions deleted early": (
        "main.tf", "= var.audit_log_retention_days", "= 60", "log-retention", "kept for 60 days"),
    "paths in traces": (
        "main.tf", 'var.xray_sampling_rules_enabled ? ["token"] : []', "[]", "api-stage", "are traced"),
    "everything allowed beside the modules": (
        "contract.tf", "# What contract/ says, in the form that the modules take.\n",
        'resource "aws_iam_role_policy" "more" {\n  name = "more"\n  role = "${local.name_prefix}-role-role-service"\n'
        '  policy = jsonencode({ Statement = [{ Effect = "Allow", Action = "*", Resource = "*" }] })\n}\n\n',
        "least-privilege", "aws_iam_role_policy.more"),
    "a queue beside the inputs": (
        "inputs/versions.tf", "terraform {", 'resource "aws_sqs_queue" "more" {\n  name = "more"\n}\n\nterraform {',
        "naming", "module.inputs.aws_sqs_queue.more"),
}  # fmt: skip


def test_defects_of_the_stacks_code_are_seen_each(
    planned: Plans, project: Project, providers: Providers, tmp_path: Path
) -> None:
    """All of them in one plan: each is found by its criterion, and what it changed by the inventory."""
    changes = tuple((f"stack/{file}", old, new) for file, old, new, _, _ in WIRING.values())
    modules = [module for module, _ in jobs.WORKERS.values()] + list(jobs.SUPPORTING.values())
    wanted = {module: Wanted(module, planned.values["prod"], changes) for module in modules}
    found = plan_all(project, providers, tmp_path, wanted)
    evidence = evidence_of(planned, project)
    for facts in evidence.facts:
        facts.planned["prod"] = found[facts.module].resources
    with replaced(project, changes):
        red = found_by(evidence, "prod")
    for name, (_, _, _, criterion, part) in WIRING.items():
        messages = [finding.message for finding in red.get(criterion, [])]
        assert any(part in message for message in messages), f"{name}: {criterion} says {messages[:5]}"
    assert "inventory" in red


FIRST_PROVIDER = 'provider "aws" {\n  region              = var.region\n  allowed_account_ids = [var.account_id]\n'

LINES = {
    "ignored": ("modules/mail/queue.tf", "  receive_wait_time_seconds  =",
                "  lifecycle {\n    ignore_changes = [policy]\n  }\n  receive_wait_time_seconds  ="),
    "any-account": ("stack/versions.tf", 'provider "aws" {\n  region              = var.region\n'
                    "  allowed_account_ids = [var.account_id]\n", 'provider "aws" {\n  region = var.region\n'),
    "no-lock": ("stack/versions.tf", "    use_lockfile = true\n", ""),
    "no-encryption": ("stack/versions.tf", "    encrypt      = true\n", ""),
    "ignored-in-lines": ("modules/s3-audit/main.tf", 'resource "aws_s3_bucket" "archive" {\n',
                         'resource "aws_s3_bucket" "archive" {\n  lifecycle {\n    ignore_changes = [\n'
                         "      policy, # not ours\n    ]\n  }\n"),
    "all-ignored": ("modules/mail/queue.tf", "  receive_wait_time_seconds  =",
                    "  lifecycle { ignore_changes = all }\n  receive_wait_time_seconds  ="),
    "protected": ("modules/mail/queue.tf", "  receive_wait_time_seconds  =",
                  "  lifecycle {\n    prevent_destroy = \"true\"\n  }\n  receive_wait_time_seconds  ="),
    "account-in-a-comment": ("stack/versions.tf", FIRST_PROVIDER, FIRST_PROVIDER.replace("  allowed", "  # allowed")),
    "account-in-slashes": ("stack/versions.tf", FIRST_PROVIDER, FIRST_PROVIDER.replace("  allowed", "  // allowed")),
    "account-between-stars": ("stack/versions.tf", FIRST_PROVIDER,
                              FIRST_PROVIDER.replace("  allowed", "  /* x\n  allowed") + "  */\n"),
    "account-in-a-text": ("stack/versions.tf", FIRST_PROVIDER,
                          FIRST_PROVIDER.replace("  allowed", '  profile = "x" == <<X\n  allowed') + "X\n"),
    "another-account-too": ("stack/versions.tf", FIRST_PROVIDER,
                            FIRST_PROVIDER.replace("var.account_id]", "var.account_id, var.project_name]")),
    "lock-in-a-comment": ("stack/versions.tf", "    use_lockfile = true\n", "    # use_lockfile = true\n"),
    "encryption-in-a-comment": ("stack/versions.tf", "    encrypt      = true\n", "    # encrypt = true\n"),
    "lock-elsewhere": ("stack/versions.tf", "    use_lockfile = true\n  ",
                       "    x {\n      use_lockfile = true\n    }\n  "),
    "another-backend": ("stack/versions.tf", 'backend "s3"', 'backend "local"'),
    "tags-in-a-comment": ("stack/versions.tf", "    tags = local.tags\n  }\n}\n\n# Holds",
                          "    # tags = local.tags\n  }\n}\n\n# Holds"),
}  # fmt: skip


@pytest.mark.parametrize(
    "file",
    ["stack/more.tf.json", "modules/mail/more.tf.json", "stack/terraform.tfvars", "stack/x.auto.tfvars.json"],
)
def test_files_that_only_terraform_reads_are_findings(file: str, planned: Plans, tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project")
    (project.root / "terraform" / file).write_text("{}", encoding="utf-8")
    found = found_by(evidence_of(planned, project), "prod", "kept-in-sight")
    assert [(name, one.file) for name, findings in found.items() for one in findings] == [
        ("kept-in-sight", f"terraform/{file}")
    ]


@pytest.mark.parametrize("name", LINES)
def test_what_no_plan_shows_is_seen_in_the_code(name: str, planned: Plans, project: Project) -> None:
    with replaced(project, [LINES[name]]):
        found = found_by(evidence_of(planned, project), "prod")
    assert found.keys() == {"kept-in-sight", "inventory"}
    assert found["kept-in-sight"][0].file == f"terraform/{LINES[name][0]}"


CODE = {
    # What no plan shows: file, text, another; the block that the inventory names.
    "another-output": ("stack/outputs.tf", "module.cognito.user_pool_id", 'module.cognito.client_ids["main"]',
                       "stack: output user_pool_id"),
    "no-output": ("stack/outputs.tf", 'output "client_id" {', 'output "client" {', "stack: output client_id"),
    "an-outputs-local": ("stack/main.tf", '"authorizer"].words', '"role"].words', "stack: locals"),
    "a-modules-output": ("modules/mail/outputs.tf", "local.queue_arns.mail", "local.queue_arns.dead_letters",
                         "modules/mail: output queue_arn"),
    "another-region": ("stack/versions.tf", FIRST_PROVIDER, FIRST_PROVIDER.replace("var.region", '"eu-west-1"'),
                       "stack: provider aws"),
    "another-role": ("stack/versions.tf", FIRST_PROVIDER,
                     FIRST_PROVIDER + '  assume_role {\n    role_arn = "x"\n  }\n', "stack: provider aws"),
    "ignored-tags": ("stack/versions.tf", FIRST_PROVIDER,
                     FIRST_PROVIDER + '  ignore_tags {\n    keys = ["Environment"]\n  }\n', "stack: provider aws"),
    "another-state": ("stack/versions.tf", "    use_lockfile = true\n",
                      '    use_lockfile = true\n    key = "another"\n', "stack: terraform"),
    "any-version": ("stack/versions.tf", '">= 5.100, < 7"', '">= 5.0"', "stack: terraform"),
    "replicas-at-home": ("stack/main.tf", '"../modules/dynamodb/replica"\n  providers = { aws = aws.failover }',
                         '"../modules/dynamodb/replica"', "stack: module dynamodb_replica"),
    "not-moved": ("stack/main.tf", '  from = module.keys.aws_kms_alias.this["audit-archive"]',
                  '  from = module.keys.aws_kms_alias.this["data"]',
                  'stack: moved module.keys.aws_kms_alias.this["audit-archive"]'),
    "another-default": ("stack/inputs/variables.tf", 'then destroy."\n  type        = bool\n  default     = true',
                        'then destroy."\n  type        = bool\n  default     = false',
                        "stack/inputs: variable deletion_protection"),
    "a-kind-not-known": ("stack/names.tf", "locals {\n", 'action "aws_lambda_invoke" "x" {\n  config {\n    a = 1\n'
                         "  }\n}\n\nlocals {\n", "stack: action aws_lambda_invoke x"),
    "forgotten": ("stack/names.tf", "locals {\n", "removed {\n  from = module.old\n  lifecycle {\n"
                  "    destroy = false\n  }\n}\n\nlocals {\n", "stack: removed module.old"),
    "a-command": ("modules/mail/queue.tf", "  receive_wait_time_seconds  =",
                  '  provisioner "local-exec" {\n    command = "true"\n  }\n  receive_wait_time_seconds  =',
                  "modules/mail: resource aws_sqs_queue mail"),
    "two-commands": ("modules/mail/queue.tf", "  receive_wait_time_seconds  =",
                     '  provisioner "local-exec" {\n    command = "false"\n  }\n  provisioner "local-exec" {\n'
                     '    command = "true"\n  }\n  receive_wait_time_seconds  =',
                     'modules/mail: resource aws_sqs_queue mail: provisioner local-exec is "{ command = \\"false\\" }'),
    "replaced-with": ("modules/mail/queue.tf", "  receive_wait_time_seconds  =",
                      "  lifecycle {\n    replace_triggered_by = [aws_sqs_queue.dead_letters]\n  }\n"
                      "  receive_wait_time_seconds  =", "modules/mail: resource aws_sqs_queue mail"),
}  # fmt: skip


@pytest.mark.parametrize("name", CODE)
def test_what_no_plan_shows_stands_in_the_inventory(name: str, planned: Plans, project: Project) -> None:
    file, old, new, block = CODE[name]
    with replaced(project, [(file, old, new)]):
        found = found_by(evidence_of(planned, project), "prod", "kept-in-sight")
    assert found.keys() == {"inventory"}
    named = [finding for finding in found["inventory"] if finding.message.startswith((f"{block}: ", f"{block} "))]
    assert named
    for finding in named:
        # What is gone is nowhere.
        assert finding.file == (None if " is not set; " in finding.message else f"terraform/{file}")


def test_another_layout_is_nothing_else(planned: Plans, project: Project) -> None:
    in_lines = FIRST_PROVIDER.replace("[var.account_id]", "[\n    var.account_id, // x\n  ]")
    changes = [
        ("stack/outputs.tf", "    = module.cognito.user_pool_id\n", " = /* x */ module.cognito.user_pool_id # x\n"),
        ("stack/versions.tf", FIRST_PROVIDER, in_lines),
        ("stack/outputs.tf", '"App client that people sign in through."', '"The app client."'),
    ]
    with replaced(project, changes):
        assert found_by(evidence_of(planned, project), "prod", "kept-in-sight") == {}


# --- The inventory ---------------------------------------------------------------------------------------------------


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every place with a value that is neither a list nor an object."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, (*path, str(key)))
    else:
        yield path, value


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_inventory_sees_any_value_change(environment: str, planned: Plans, project: Project) -> None:
    """Sixty places of every environment at random: what stands there is another, or what stood there is gone."""
    chance = random.Random(environment)
    evidence = evidence_of(planned, project)
    before = inventory.describe(evidence, environment)
    items = [
        (facts, at) for facts in evidence.facts for at, one in enumerate(facts.planned[environment]) if one.managed
    ]
    for facts, at in chance.sample(items, 60):
        item = facts.planned[environment][at]
        places = [
            (path, value)
            for path, value in leaves(item.values)
            if path[0] not in inventory.NOT_KEPT and path[0] not in ("body", "triggers") and value not in (None, "")
        ]
        if not places:
            continue
        path, value = chance.choice(places)
        other = (not value) if isinstance(value, bool) else value + 1 if isinstance(value, int | float) else f"{value}x"
        unknown = {name: one for name, one in item.unknown.items() if name != path[0]}
        facts.planned[environment][at] = replace(item, values=changed(item.values, list(path), other), unknown=unknown)
        after = inventory.describe(evidence, environment)
        assert after != before, f"{item.address}: {'.'.join(path)} is {other!r} instead of {value!r}"
        facts.planned[environment][at] = item


def test_the_inventory_is_written_as_it_is_read(planned: Plans, project: Project) -> None:
    evidence = evidence_of(planned, project)
    committed = inventory.path_of(project).read_text(encoding="utf-8")
    inventory.write(evidence)
    written = inventory.path_of(project).read_text(encoding="utf-8")
    assert json.loads(written) == json.loads(json.dumps(inventory.make(evidence)))
    assert "inventory" not in found_by(evidence, "prod")
    assert written == committed, "what is planned is not what was accepted: `bbws-access verify --accept`, and read it"


def test_a_resource_more_or_less_is_seen(planned: Plans, project: Project) -> None:
    evidence = evidence_of(planned, project)
    facts = next(facts for facts in evidence.facts if facts.module == "mail")
    first = facts.planned["prod"][0]
    facts.planned["prod"][0] = replace(first, address=first.address.replace("mail", "mails"))
    messages = [finding.message for finding in found_by(evidence, "prod")["inventory"]]
    assert sum(message.endswith((" is new", " is gone")) for message in messages) == 2


def test_a_resource_that_nothing_depends_on_and_no_environment_makes_is_seen(planned: Plans, project: Project) -> None:
    evidence = evidence_of(planned, project)
    evidence.dependencies = evidence.dependencies | {"aws_sqs_queue.more": []}
    (finding,) = found_by(evidence, "prod")["inventory"]
    assert finding.message == "aws_sqs_queue.more is new in the code"


# Seconds that the provider waits for a resource of a type by itself, however fast AWS answers.
WAITS = {
    "aws_cognito_user_pool": 1,
    "aws_dynamodb_table_replica": 180,
    "aws_kms_key": 12,
    "aws_lambda_function": 5,
    "aws_s3_bucket_lifecycle_configuration": 55,
    "aws_sqs_queue": 25,
}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_nothing_that_takes_long_waits_for_more_than_it_needs(
    environment: str, planned: Plans, project: Project
) -> None:
    graph = planned.dependencies
    # The graph is of resources, of some of which an environment makes none.
    made = {
        re.sub(r"\[[^]]*\]", "", item.address): item.type for item in evidence_of(planned, project).planned(environment)
    }
    assert made.keys() & graph.keys() > {"module.mail.aws_sqs_queue.mail", "module.iam.aws_iam_role.service"}

    @cache
    def longest(resource: str) -> tuple[int, tuple[str, ...]]:
        """How long what it needs and it itself take, and what takes that long."""
        seconds, way = max((longest(needed) for needed in graph.get(resource, ())), default=(0, ()))
        own = WAITS.get(made.get(resource, ""), 0)
        return seconds + own, (*way, resource) if own else way

    seconds, way = max(longest(resource) for resource in graph)
    replicated = ["module.dynamodb_replica.aws_dynamodb_table_replica.this"]
    queues = ["module.mail.aws_sqs_queue.dead_letters", "module.mail.aws_sqs_queue.mail"]
    wanted = ["module.keys.aws_kms_key.this", *(replicated if environment == "prod" else queues)]
    assert list(way) == wanted, f"{seconds} s"
    # Where there are replicas, they are not all that there is to wait for.
    assert list(longest(queues[-1])[1]) == ["module.keys.aws_kms_key.this", *queues]
    others = {name for name in graph if not needed_by(graph, [name]).keys() & {*replicated} and name not in replicated}
    assert max(longest(name)[0] for name in others) == longest(queues[-1])[0]

    def needs(resource: str) -> set[str]:
        return set(needed_by(graph, [resource]))

    mapping, permission = "module.mail.aws_lambda_event_source_mapping.mail", "module.events.aws_lambda_permission.this"
    alias, function = "module.functions.aws_lambda_alias.live", "module.functions.aws_lambda_function.this"
    policy, queue = "module.iam.aws_iam_role_policy.service", "module.functions.aws_sqs_queue.dead_letters"
    # Lambda looks whether the role may, and SQS and Lambda whether what they are told of is there.
    assert needs(function) >= {policy, queue, "module.cloudwatch.aws_cloudwatch_log_group.this"}
    assert needs(mapping) >= {alias, function, policy, "module.mail.aws_sqs_queue.mail"}
    assert needs(permission) >= {alias, function}
    assert needs("module.events.aws_cloudwatch_event_target.this") >= {
        permission,
        "module.events.aws_sqs_queue.dead_letters",
    }
    assert needs("module.api_gateway.aws_api_gateway_stage.this") >= {alias, "module.authorizer.aws_lambda_alias.live"}


def test_other_dependencies_are_seen(planned: Plans, project: Project) -> None:
    evidence = evidence_of(planned, project)
    evidence.dependencies = deepcopy(planned.dependencies)
    evidence.dependencies["module.mail.aws_sqs_queue.mail"] = []
    (finding,) = found_by(evidence, "prod")["inventory"]
    assert "module.mail.aws_sqs_queue.dead_letters" in finding.message
