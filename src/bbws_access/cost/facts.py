"""What the project itself says about a bill: its plan (`terraform/inventory.json`), its contract, what was measured."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from bbws_access.cli import advice
from bbws_access.cli.errors import ToolError, UsageError
from bbws_access.cli.project import Project

MEASURED = Path(__file__).with_name("measured.json")
# API Gateway's metrics of each method, where it publishes them: Count, 4XXError, 5XXError, Latency, IntegrationLatency.
METRICS_OF_A_METHOD = 5
# Reasons that denials are told apart by, each a metric of its own.
REASONS = 4
TIERS = ("LITE", "ESSENTIALS", "PLUS")
LEVELS = ("DEBUG", "INFO", "WARN")


@dataclass(frozen=True)
class Facts:
    """An environment as it is planned, as far as it costs something."""

    environment: str
    region: str
    failover_region: str | None
    methods: int
    """of the API, without those of OPTIONS"""
    detailed_metrics: bool
    """whether API Gateway publishes metrics of each method"""
    access_log_format: str
    system_log_level: str
    """of Lambda's own lines: INFO has two for each invocation, WARN none for one that went well"""
    user_pool_tier: str
    service_memory: int
    authorizer_memory: int
    trigger_memory: int
    warm_authorizers: int
    alarm_metrics: int
    log_metrics: int
    dashboards: int
    keys: int
    web_acl_rules: int
    """0 without a web ACL"""
    log_retention_days: int
    recovery: bool


CHANGEABLE = {
    "detailed_metrics": ("true or false", {"true": True, "false": False}),
    "system_log_level": ("DEBUG, INFO or WARN", {level: level for level in LEVELS}),
    "user_pool_tier": ("LITE, ESSENTIALS or PLUS", {tier: tier for tier in TIERS}),
    **dict.fromkeys(("service_memory", "authorizer_memory", "trigger_memory"), ("megabytes from 128 to 10240", None)),
}


class Plan:
    """The inventory as one environment has it."""

    def __init__(self, inventory: Mapping[str, Any], environment: str) -> None:
        self._planned = inventory["planned"]
        self._environment = environment

    def of(self, value: Any) -> Any:
        if isinstance(value, dict) and value.keys() == {"by environment"}:
            return value["by environment"].get(self._environment)
        return value

    def resources(self, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Address and values of each resource of a type that this environment has."""
        for address, values in self._planned.items():
            if f".{kind}." in address and self._environment in values.get("only in", [self._environment]):
                yield address, {name: self.of(value) for name, value in values.items()}

    def one(self, kind: str, label: str = "") -> dict[str, Any]:
        found = [values for address, values in self.resources(kind) if label in address]
        if len(found) != 1:
            raise ToolError(f"The inventory has {len(found)} resources {kind}{label}, and not one.")
        return found[0]

    def input(self, name: str) -> Any:
        return self.of(self._planned["inputs"][name])


def read_json(path: Path, what: str) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"There is no file {path} of {what}.") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is no JSON, so no {what}: {error}") from None


def read_facts(project: Project, environment: str, inventory: Path | None = None) -> Facts:
    """Raises UsageError for an environment that the inventory does not know."""
    path = inventory or project.root / "terraform" / "inventory.json"
    content = read_json(path, "what is planned")
    try:
        known = sorted(content["planned"]["inputs"]["env_name"]["by environment"])
        if environment not in known:
            raise UsageError(
                f"The inventory knows no environment {environment!r}.",
                f"It knows {', '.join(known)}: plans of other environments are held to no inventory.",
            )
        return _facts(Plan(content, environment), environment, project)
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise UsageError(
            f"{path} is no inventory: {error!r}", f"Write it with `{advice.command('verify', '--accept')}`."
        ) from None


def _facts(plan: Plan, environment: str, project: Project) -> Facts:
    paths = read_json(project.contract / "openapi.json", "the API")["paths"].values()
    rules = [plan.of(values["rule"]) or [] for _, values in plan.resources("aws_wafv2_web_acl")]
    alarms = [values for _, values in plan.resources("aws_cloudwatch_metric_alarm")]
    filters = [values["metric_transformation"][0] for _, values in plan.resources("aws_cloudwatch_log_metric_filter")]
    # Filters of several log groups add up to one metric, unless a dimension tells them apart.
    metrics = {one["name"]: one.get("dimensions") or {} for one in filters}
    services = sum(one["name"] == "HandledErrors" for one in filters)
    sizes = {"Service": services, "Reason": REASONS}
    functions = dict(plan.resources("aws_lambda_function"))
    memory = {address.partition('["')[2].rstrip('"]'): values["memory_size"] for address, values in functions.items()}
    levels = {values["logging_config"][0]["system_log_level"] for values in functions.values()}
    settings = plan.one("aws_api_gateway_method_settings")["settings"]
    warm = [values["provisioned_concurrent_executions"] for _, values in
            plan.resources("aws_lambda_provisioned_concurrency_config")]  # fmt: skip
    return Facts(
        environment=environment,
        region=plan.input("region"),
        failover_region=plan.input("failover_region") if plan.input("cross_region_replication") else None,
        methods=sum(1 for path in paths for method in path if method in ("get", "put", "post", "delete", "patch")),
        detailed_metrics=settings[0]["metrics_enabled"],
        access_log_format=plan.one("aws_api_gateway_stage")["access_log_settings"][0]["format"],
        system_log_level=min(levels, key=LEVELS.index),
        user_pool_tier=plan.one("aws_cognito_user_pool")["user_pool_tier"],
        service_memory=max(size for name, size in memory.items() if name not in ("authorizer", "token-claims")),
        authorizer_memory=memory["authorizer"],
        trigger_memory=memory["token-claims"],
        warm_authorizers=sum(warm),
        alarm_metrics=sum(
            sum("metric" in query for query in one["metric_query"]) if one.get("metric_query") else 1 for one in alarms
        ),
        log_metrics=sum(max([sizes[name] for name in dimensions], default=1) for dimensions in metrics.values()),
        dashboards=sum(1 for _ in plan.resources("aws_cloudwatch_dashboard")),
        keys=sum(1 for _ in plan.resources("aws_kms_key")),
        web_acl_rules=sum(map(len, rules)),
        log_retention_days=plan.input("service_log_retention_days"),
        recovery=plan.input("pitr_enabled"),
    )


def changed(facts: Facts, changes: list[str]) -> Facts:
    """The same with values of the user's, `name=value` each. Raises UsageError."""
    given: dict[str, Any] = {}
    for text in changes:
        name, equals, value = text.partition("=")
        if not equals or name not in CHANGEABLE:
            raise UsageError(
                f"{text!r} changes nothing that a bill knows.", f"Write NAME=VALUE with one of {', '.join(CHANGEABLE)}."
            )
        meaning, values = CHANGEABLE[name]
        if values is not None and value in values:
            given[name] = values[value]
        elif values is None and value.isascii() and value.isdigit() and 128 <= int(value) <= 10240:
            given[name] = int(value)
        else:
            raise UsageError(f"{name} takes {meaning}, not {value!r}.")
    return replace(facts, **given)


def as_json(facts: Facts) -> dict[str, Any]:
    return {field.name: getattr(facts, field.name) for field in fields(facts)}
