"""Criteria on who hears of what: everything that can fail has an alarm, on a metric that exists, with somebody told."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from bbws_access.verify import slices
from bbws_access.verify.jobs import Planned
from bbws_access.verify.report import Finding
from bbws_access.verify.rules import Evidence, Look, rule

DEFAULT_BUS = "default"
LAX = {
    "authorizer": {"Errors": 10, "Duration": 100},
    "others": {"Errors": 5, "Duration": 500},
}
"""Thresholds of functions above which an alarm comes too late: errors in a minute, p95 in milliseconds."""


@dataclass(frozen=True)
class Metric:
    """A metric that an alarm looks at."""

    alarm: Planned
    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    statistic: str
    alone: bool
    """Whether the alarm compares it as it is, not as a part of an expression."""

    @property
    def what(self) -> str:
        shown = ", ".join(f"{name} {value}" for name, value in self.dimensions)
        return f"{self.namespace} {self.name}" + (f" of {shown}" if shown else "")


def metrics_of(evidence: Evidence, environment: str) -> Iterator[Metric]:
    """Everything that alarms look at."""
    for alarm in evidence.planned(environment, "aws_cloudwatch_metric_alarm"):
        queries = [metric for query in alarm.values.get("metric_query") or [] for metric in query.get("metric") or []]
        own = [alarm.values] if alarm.values.get("metric_name") else []
        for metric in [*own, *queries]:
            dimensions = tuple(sorted((metric.get("dimensions") or {}).items()))
            found = metric.get("stat") or metric.get("statistic") or metric.get("extended_statistic") or ""
            yield Metric(alarm, metric.get("namespace"), metric["metric_name"], dimensions, found, metric in own)


@cache
def published() -> dict[str, dict[str, Any]]:
    """Metrics of AWS's services, by namespace."""
    return json.loads((Path(__file__).parent / "metrics.json").read_text(encoding="utf-8"))["namespaces"]


@dataclass
class There:
    """What there is to be watched, by the dimension that names it."""

    evidence: Evidence
    environment: str

    def values(self, dimension: str, others: dict[str, str]) -> set[str] | None:
        """Every value that a dimension can have; None where that is nothing of the plan's."""
        match dimension:
            case "GlobalSecondaryIndexName":
                return {
                    index["name"]
                    for item in self._all("aws_dynamodb_table")
                    if item.values.get("name") == others.get("TableName")
                    for index in item.values.get("global_secondary_index") or []
                }
            case "ReceivingRegion":
                values = self.evidence.values[self.environment]
                return {values["failover_region"]} if values["cross_region_replication"] else set()
            case "EventBusName":
                return {DEFAULT_BUS} | self._names("aws_cloudwatch_event_bus", "name")
            case "RuleId":
                return {
                    one.get("id")
                    for item in self._all("aws_s3_bucket_replication_configuration")
                    for one in item.values.get("rule") or []
                }
        kinds = {
            "FunctionName": ("aws_lambda_function", "function_name"),
            "ApiName": ("aws_api_gateway_rest_api", "name"),
            "Stage": ("aws_api_gateway_stage", "stage_name"),
            "TableName": ("aws_dynamodb_table", "name"),
            "QueueName": ("aws_sqs_queue", "name"),
            "RuleName": ("aws_cloudwatch_event_rule", "name"),
            "BackupVaultName": ("aws_backup_vault", "name"),
            "SourceBucket": ("aws_s3_bucket", "bucket"),
            "DestinationBucket": ("aws_s3_bucket", "bucket"),
            "TopicName": ("aws_sns_topic", "name"),
            "WebACL": ("aws_wafv2_web_acl", "name"),
        }
        return self._names(*kinds[dimension]) if dimension in kinds else None

    def _all(self, kind: str) -> list[Planned]:
        return self.evidence.planned(self.environment, kind)

    def _names(self, kind: str, attribute: str) -> set[str]:
        return {item.values.get(attribute) for item in self._all(kind)} - {None}


@rule(
    "metrics",
    "Alarms look at what exists",
    "Every metric of an alarm is one that AWS publishes with those dimensions, or one that a log filter here makes; its"
    " dimensions name what is planned.",
    "every metric of every alarm, AWS's lists of metrics, the log filters",
    needs=("cloudwatch", "lambda", "dynamodb", "api-gateway", "events", "mail", "s3-audit"),
)
def _metrics(evidence: Evidence, environment: str, look: Look) -> None:
    there = There(evidence, environment)
    made = _made_from_logs(evidence, environment, look)
    services = {
        (item.values.get("environment") or [{}])[0].get("variables", {}).get("SERVICE_NAME")
        for item in evidence.planned(environment, "aws_lambda_function")
    }
    for metric in metrics_of(evidence, environment):
        look.at(f"{metric.alarm.address}: {metric.what}")
        names, values = {name for name, _ in metric.dimensions}, dict(metric.dimensions)
        if metric.namespace.startswith("AWS/"):
            known = published().get(metric.namespace, {}).get("metrics", {}).get(metric.name)
            wrong = "" if known else "which AWS does not publish"
            if known and not any(names == set(some) for some in known):
                wrong = f"which comes with {' or '.join(', '.join(some) or 'none' for some in known)}"
            for name, value in metric.dimensions:
                expected = there.values(name, values)
                if not wrong and expected is not None and value not in expected:
                    wrong = f"and no {value} is planned"
        else:
            known = [set(some) for some in made.get((metric.namespace, metric.name), [])]
            wrong = "" if known else "which no log filter makes"
            if known and names not in known:
                wrong = f"which is made with {' or '.join(', '.join(sorted(some)) or 'none' for some in known)}"
            elif values.get("Service") is not None and values["Service"] not in services:
                wrong = f"and no function calls itself {values['Service']}"
        if wrong:
            message = f"{metric.alarm.address} looks at {metric.what}, {wrong}"
            look.findings.append(evidence.finding(message, metric.alarm, "dimensions", metric.name))


def _made_from_logs(evidence: Evidence, environment: str, look: Look) -> dict[tuple[str, str], list[list[str]]]:
    groups = {item.values.get("name") for item in evidence.planned(environment, "aws_cloudwatch_log_group")}
    made: dict[tuple[str, str], list[list[str]]] = {}
    for item in evidence.planned(environment, "aws_cloudwatch_log_metric_filter"):
        group = item.values.get("log_group_name")
        look.at(f"{item.address}: {group}")
        if group not in groups:
            message = f"{item.address} reads {group}, which nothing here makes"
            look.findings.append(evidence.finding(message, item, "log_group_name", group))
        for metric in item.values.get("metric_transformation") or []:
            made.setdefault((metric["namespace"], metric["name"]), []).append(sorted(metric.get("dimensions") or {}))
    return made


@rule(
    "told",
    "Every alarm tells a topic that is there, with somebody who hears",
    "Every alarm is on and tells topics of its own region and of this plan, which let alarms publish; wherever"
    " addresses are given for a topic, each of them is subscribed to it, in every region that has alarms.",
    "actions of alarms, policies of topics, subscriptions; for a stranger with an address for every topic, too",
    needs=("cloudwatch",),
)
def _told(evidence: Evidence, environment: str, look: Look) -> None:
    for name in (environment, slices.ANOTHER):
        alarms = evidence.planned(name, "aws_cloudwatch_metric_alarm")
        topics: dict[str, set[str]] = {}
        for item in evidence.planned(name, "aws_sns_topic_policy"):
            statements = _statements(item.values.get("policy"))
            lets = [one for one in statements if one.get("Effect") == "Allow" and _may_publish(one)]
            if lets:
                topics.setdefault(item.module, set()).update(str(one.get("Resource")) for one in lets)
        used: dict[str, set[str]] = {}
        for alarm in alarms:
            told = set(alarm.values.get("alarm_actions") or [])
            look.at(f"{alarm.address}: {', '.join(sorted(told)) or 'nobody'}")
            used.setdefault(alarm.module, set()).update(told)
            if alarm.values.get("actions_enabled") is False or not told:
                look.findings.append(evidence.finding(f"{alarm.address} tells nobody", alarm, "alarm_actions"))
            for topic in sorted(told - topics.get(alarm.module, set())):
                message = f"{alarm.address} tells {topic}, which is no topic here that alarms may publish to"
                look.findings.append(evidence.finding(message, alarm, "alarm_actions", topic))
        _subscribed(evidence, name, look, used)


def _subscribed(evidence: Evidence, name: str, look: Look, used: dict[str, set[str]]) -> None:
    subscribed = {
        (item.module, item.values.get("topic_arn"), item.values.get("endpoint"))
        for item in evidence.planned(name, "aws_sns_topic_subscription")
    }
    addresses = evidence.values[name].get("alert_emails") or {}
    for module, topics in used.items():
        for topic in sorted(topics):
            for address in addresses.get(topic.rpartition("-")[2], []):
                look.at(f"{address} hears of {topic}")
                if (module, topic, address) not in subscribed:
                    look.findings.append(Finding(f"{address} is not subscribed to {topic}", module))


def _statements(policy: Any) -> list[dict[str, Any]]:
    found = json.loads(policy).get("Statement", []) if isinstance(policy, str) else []
    return found if isinstance(found, list) else [found]


def _may_publish(statement: dict[str, Any]) -> bool:
    principal = statement.get("Principal")
    services = principal.get("Service", []) if isinstance(principal, dict) else []
    return "cloudwatch.amazonaws.com" in (services if isinstance(services, list) else [services])


@rule(
    "watched",
    "Everything that can fail has an alarm",
    "An alarm that tells somebody watches the errors and the p95 of every function, the account's concurrency, what an"
    " asynchronous function cannot even leave as a dead letter, throttling of every table and index, every replica's"
    " lag, the API's errors, every rule's failures, every queue's age, every message in a queue of dead letters, every"
    " vault's failed jobs, the archive's replication; none goes off later than the numbers of the design.",
    "everything planned that can fail, and every alarm",
    needs=("cloudwatch", "lambda", "dynamodb", "api-gateway", "events", "mail", "s3-audit"),
)
def _watched(evidence: Evidence, environment: str, look: Look) -> None:
    watching: dict[tuple[Any, ...], list[Metric]] = {}
    for metric in metrics_of(evidence, environment):
        if metric.alarm.values.get("alarm_actions") and metric.alarm.values.get("actions_enabled") is not False:
            watching.setdefault((metric.namespace, metric.name, metric.dimensions), []).append(metric)
    for item, what, namespace, name, dimensions, most in _can_fail(evidence, environment):
        found = watching.get((namespace, name, tuple(sorted(dimensions.items()))), [])
        look.at(f"{what}: {', '.join(metric.alarm.address for metric in found) or 'no alarm'}")
        if not found:
            message = f"No alarm watches {what} ({namespace} {name})"
            look.findings.append(evidence.finding(message, item) if item else Finding(message))
        for metric in found:
            alarm = metric.alarm
            threshold = alarm.values.get("threshold")
            rises = str(alarm.values.get("comparison_operator", "")).startswith("GreaterThan")
            if not rises:
                message = f"{alarm.address} does not go off when {what} rise"
                look.findings.append(evidence.finding(message, alarm, "comparison_operator"))
            elif most is not None and (threshold is None or threshold > most):
                message = f"{alarm.address} goes off above {threshold}; {what} may be at most {most}"
                look.findings.append(evidence.finding(message, alarm, "threshold", threshold))
            if alarm.values.get("treat_missing_data") not in ("notBreaching", "ignore", "breaching"):
                message = f"{alarm.address} does not say what no data means"
                look.findings.append(evidence.finding(message, alarm, "treat_missing_data"))


Failing = tuple[Planned | None, str, str, str, dict[str, str], float | None]
"""What, in words; the metric and its dimensions; the value that the alarm may not let pass, where the design says."""


def _can_fail(evidence: Evidence, environment: str) -> Iterator[Failing]:
    yield from _functions(evidence, environment)
    for item in evidence.planned(environment, "aws_dynamodb_table"):
        table = {"TableName": item.values["name"]}
        indexes = [{"GlobalSecondaryIndexName": one["name"]} for one in item.values.get("global_secondary_index") or []]
        for index in [{}, *indexes]:
            for way in ("Read", "Write"):
                what = f"throttled {way.lower()}s of {' '.join([item.values['name'], *index.values()])}"
                yield item, what, "AWS/DynamoDB", f"{way}ThrottleEvents", table | index, 0
    tables = {
        item.values["name"].rpartition("-ddb-")[2]: item for item in evidence.planned(environment, "aws_dynamodb_table")
    }
    for item in evidence.planned(environment, "aws_dynamodb_table_replica"):
        key = item.address.rpartition('["')[2].rstrip('"]')
        name = tables[key].values["name"] if key in tables else key
        dimensions = {"TableName": name, "ReceivingRegion": evidence.values[environment]["failover_region"]}
        yield item, f"the lag of {name}'s replica", "AWS/DynamoDB", "ReplicationLatency", dimensions, None
    stages = [item.values.get("stage_name") for item in evidence.planned(environment, "aws_api_gateway_stage")]
    for item in evidence.planned(environment, "aws_api_gateway_rest_api"):
        for stage in stages:
            for errors in ("5XXError", "4XXError"):
                dimensions = {"ApiName": item.values["name"], "Stage": stage}
                yield item, f"{errors} of {item.values['name']}", "AWS/ApiGateway", errors, dimensions, None
    yield from _asynchronous(evidence, environment)
    for item in evidence.planned(environment, "aws_backup_vault"):
        for state in ("Failed", "Aborted"):
            dimensions = {"BackupVaultName": item.values["name"]}
            what = f"backups {state.lower()} into {item.values['name']}"
            yield item, what, "AWS/Backup", f"NumberOfBackupJobs{state}", dimensions, 0
    for item in evidence.planned(environment, "aws_s3_bucket_replication_configuration"):
        for one in item.values.get("rule") or []:
            target = str(one["destination"][0]["bucket"]).rpartition(":")[2]
            source = target.removesuffix("-replica") if target.endswith("-replica") else target.replace("-replica", "")
            dimensions = {"SourceBucket": source, "DestinationBucket": target, "RuleId": one["id"]}
            yield item, f"the lag of {target}", "AWS/S3", "ReplicationLatency", dimensions, None
            yield item, f"failed replications to {target}", "AWS/S3", "OperationsFailedReplication", dimensions, 0


def _functions(evidence: Evidence, environment: str) -> Iterator[Failing]:
    functions = evidence.planned(environment, "aws_lambda_function")
    for item in functions:
        name = item.values["function_name"]
        lax = LAX["authorizer" if name.endswith("-authorizer") else "others"]
        for metric in ("Errors", "Duration"):
            dimensions = {"FunctionName": name}
            yield item, f"{metric} of {name}", "AWS/Lambda", metric, dimensions, lax[metric]
        if item.values.get("dead_letter_config"):
            what = f"dead letters that {name} could not leave"
            yield item, what, "AWS/Lambda", "DeadLetterErrors", {"FunctionName": name}, 0
    if functions:
        yield None, "the concurrency of all functions", "AWS/Lambda", "ConcurrentExecutions", {}, 80


def _asynchronous(evidence: Evidence, environment: str) -> Iterator[Failing]:
    for item in evidence.planned(environment, "aws_cloudwatch_event_rule"):
        bus = item.values.get("event_bus_name") or DEFAULT_BUS
        dimensions = {"RuleName": item.values["name"]} | ({} if bus == DEFAULT_BUS else {"EventBusName": bus})
        for metric in ("FailedInvocations", "InvocationsFailedToBeSentToDlq"):
            yield item, f"{metric} of {item.values['name']}", "AWS/Events", metric, dimensions, 0
    queues = evidence.planned(environment, "aws_sqs_queue")
    dead = dead_letter_queues(evidence, environment)
    for item in queues:
        name = item.values["name"]
        if name in dead:
            metric, what, most = "ApproximateNumberOfMessagesVisible", f"dead letters in {name}", 0
        else:
            metric, what, most = "ApproximateAgeOfOldestMessage", f"what waits in {name}", None
        yield item, what, "AWS/SQS", metric, {"QueueName": name}, most
    for item in evidence.planned(environment, "aws_sesv2_email_identity"):
        for rate in ("Bounce", "Complaint"):
            yield item, f"the account's {rate.lower()} rate", "AWS/SES", f"Reputation.{rate}Rate", {}, 1


def dead_letter_queues(evidence: Evidence, environment: str) -> set[str]:
    """Names of the queues that something leaves dead letters in."""
    found = set()
    for item in evidence.planned(environment):
        parts = [item.values.get("redrive_policy"), item.values.get("dead_letter_config")]
        for part in parts:
            text = part if isinstance(part, str) else json.dumps(part or "")
            found.update(_queue_names(text))
    named = {item.values.get("name") for item in evidence.planned(environment, "aws_sqs_queue")}
    return found | {name for name in named if str(name).endswith("-dead-letters")}


def _queue_names(text: str) -> list[str]:
    return re.findall(r":sqs:[\w-]+:\d+:([\w-]+)", text)
