"""Criteria on what an environment is: its row of the table, and what its values make of the stack."""

import json
from typing import Any

from bbws_access.verify.environments import REGIONAL, TABLE, table_of
from bbws_access.verify.jobs import Planned
from bbws_access.verify.report import Finding
from bbws_access.verify.rules import Evidence, Look, rule


@rule(
    "environment-table",
    "Every environment as its table says",
    f"The environment's values are those of {TABLE}, and all of them arrive: log level, throttling, second factor,"
    " warm authorizers, web ACL and its limit, backups of every table, the archive's lock, origins.",
    "the environment's values, and the resources that they decide",
    needs=("dynamodb", "api-gateway", "cognito", "s3-audit", "lambda"),
)
def _environment_table(evidence: Evidence, environment: str, look: Look) -> None:
    values = evidence.values[environment]
    wanted = table_of(evidence.project, environment)
    for name, value in wanted.items():
        if name in REGIONAL:
            continue
        look.at(f"{name} = {json.dumps(values.get(name))}")
        if values.get(name) != value:
            message = f"{name} is {json.dumps(values.get(name))}; {TABLE} says {json.dumps(value)}"
            file = f"terraform/environments/{environment}.tfvars"
            look.findings.append(Finding(message, f"var.{name}", file, None, json.dumps(values.get(name))))
    _arrives(evidence, environment, look, values)


def _arrives(evidence: Evidence, environment: str, look: Look, values: dict[str, Any]) -> None:
    """What the environment's own values make of the stack."""

    def expect(item: Planned, what: str, attribute: str, found: Any, wanted: Any) -> None:
        look.at(f"{item.address}: {what} = {json.dumps(found)}")
        if found != wanted:
            message = f"{item.address}: {what} is {json.dumps(found)}, and should be {json.dumps(wanted)}"
            look.findings.append(evidence.finding(message, item, attribute, json.dumps(found)))

    def one(kind: str, what: str, there: bool = True) -> list[Planned]:
        items = evidence.planned(environment, kind)
        look.at(f"{len(items)} {kind}")
        if there and not items:
            look.findings.append(Finding(f"There is no {what} ({kind})"))
        elif not there:
            message = f"{{}} is a {what} that the environment does not ask for"
            look.findings += [evidence.finding(message.format(item.address), item) for item in items]
        return items

    for item in one("aws_lambda_function", "function"):
        variables = (item.values.get("environment") or [{}])[0].get("variables") or {}
        expect(item, "LOG_LEVEL", "environment", variables.get("LOG_LEVEL"), values["log_level"])
        expect(item, "ENVIRONMENT", "environment", variables.get("ENVIRONMENT"), values["env_name"])
    for item in one("aws_api_gateway_method_settings", "throttling of the API"):
        settings = item.values["settings"][0]
        expect(item, "method_path", "method_path", item.values.get("method_path"), "*/*")
        for name, value in (("rate", "rate_limit"), ("burst", "burst_limit")):
            found = settings.get(f"throttling_{value}")
            expect(item, f"throttling, {name}", f"throttling_{value}", found, values[f"api_throttle_{value}"])
    if values.get("existing_user_pool_id") is None:
        for item in one("aws_cognito_user_pool", "user pool"):
            found, wanted = item.values.get("mfa_configuration"), values["multi_factor_authentication"]
            expect(item, "second factor", "mfa_configuration", found, wanted)
            token = (item.values.get("software_token_mfa_configuration") or [{}])[0].get("enabled", False)
            expect(item, "second factor by an app", "software_token_mfa_configuration", token, wanted != "OFF")
    _warm(evidence, environment, values, one, expect)
    _web_acl(values, one, expect)
    _backups(evidence, environment, values, one, expect)
    for item in one("aws_s3_bucket_object_lock_configuration", "lock of the archive"):
        retention = item.values["rule"][0]["default_retention"][0]
        found = {"mode": retention["mode"], "days": retention.get("days")}
        expect(item, "lock", "rule", found, values["audit_object_lock"])
    for item in one("aws_s3_bucket_versioning", "versioning of buckets"):
        status = item.values["versioning_configuration"][0].get("status")
        expect(item, "versioning", "versioning_configuration", status, "Enabled")
    if values["env_name"] == "prod":
        any_origin = "*" in values["cors_allowed_origins"]
        look.at(f"origins: {', '.join(values['cors_allowed_origins']) or 'none'}")
        if any_origin:
            look.findings.append(Finding("PROD lets pages of any origin call", "var.cors_allowed_origins"))


def _warm(evidence: Evidence, environment: str, values: dict[str, Any], one: Any, expect: Any) -> None:
    count = values["authorizer_provisioned_concurrency"]
    for item in one("aws_lambda_provisioned_concurrency_config", "warm function", count > 0):
        expect(item, "warm instances", "provisioned_concurrent_executions",
               item.values.get("provisioned_concurrent_executions"), count)  # fmt: skip
        expect(item, "function", "function_name", item.values.get("function_name"),
               f"{evidence.prefix(environment)}-lambda-authorizer")  # fmt: skip
    for item in evidence.planned(environment, "aws_lambda_function"):
        # None at all shuts a function; some take from all others.
        reserved = item.values.get("reserved_concurrent_executions")
        expect(item, "reserved concurrency", "reserved_concurrent_executions", reserved, -1)


def _web_acl(values: dict[str, Any], one: Any, expect: Any) -> None:
    wanted = values.get("web_acl")
    one("aws_wafv2_web_acl_association", "web ACL before the API", wanted is not None)
    for item in one("aws_wafv2_web_acl", "web ACL", wanted is not None):
        rules = item.values.get("rule") or []
        limits = [
            (limit.get("limit"), bool((one_rule.get("action") or [{}])[0].get("block")))
            for one_rule in rules
            for limit in (one_rule.get("statement") or [{}])[0].get("rate_based_statement") or []
        ]
        limit = wanted["rate_limit"] if wanted else 0
        expect(item, "requests of one address that are blocked", "rate_based_statement", limits,
               [(limit, True)] if limit else [])  # fmt: skip
        groups = sorted(
            group["name"]
            for one_rule in rules
            for group in (one_rule.get("statement") or [{}])[0].get("managed_rule_group_statement") or []
        )
        least = {"AWSManagedRulesCommonRuleSet", "AWSManagedRulesKnownBadInputsRuleSet"}
        expect(item, "AWS's rules are missing", "managed_rule_group_statement", sorted(least - set(groups)), [])
        counting = [
            one_rule["name"]
            for one_rule in rules
            if any(override.get("count") for override in one_rule.get("override_action") or [])
        ]
        expect(item, "rules that only count", "override_action", counting, [])
        default = (item.values.get("default_action") or [{}])[0]
        expect(item, "blocks by default", "default_action", bool(default.get("block")), False)


def _backups(evidence: Evidence, environment: str, values: dict[str, Any], one: Any, expect: Any) -> None:
    asked = bool(values["backup_plan_enabled"])
    vaults = {item.values.get("name"): item for item in one("aws_backup_vault", "vault of backups", asked)}
    for item in vaults.values():
        own = str(item.values.get("kms_key_arn") or "").partition(":key/")[2]
        expect(item, "a key of our own", "kms_key_arn", bool(own), True)
    for item in one("aws_backup_plan", "plan of backups", asked):
        rules = item.values.get("rule") or []
        expect(item, "vaults", "rule", sorted({r.get("target_vault_name") for r in rules}), sorted(vaults))
        # Every day, at any hour: cron(minute hour ? * * *) or cron(minute hour * * ? *).
        daily = [str(r.get("schedule")).strip("cron()").split()[2:] for r in rules]
        expect(item, "days", "schedule", [days for days in daily if set(days) - {"*", "?"}], [])
        ages = [(r.get("lifecycle") or [{}])[0].get("delete_after") for r in rules]
        expect(item, "kept for less than 35 days", "delete_after", [age for age in ages if (age or 0) < 35], [])
    tables = {item.values.get("name") for item in evidence.planned(environment, "aws_dynamodb_table")}
    for item in one("aws_backup_selection", "selection of tables to back up", asked):
        named = {str(arn).rpartition("/")[2] for arn in item.values.get("resources") or []}
        expect(item, "tables without a backup", "resources", sorted(tables - named), [])
