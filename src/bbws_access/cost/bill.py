"""What an environment costs a month."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bbws_access.cli.errors import UsageError
from bbws_access.cost.facts import METRICS_OF_A_METHOD, Facts, read_json
from bbws_access.cost.prices import Prices
from bbws_access.cost.usage import Usage

GB = 10**9
SECONDS_A_MONTH = 730 * 3600
PROCESSOR = 1769
"""Megabytes of memory with which a function has one processor; with fewer it has so much less of it."""

# Bytes of Lambda's own lines in JSON, by the level at which they are written, as in the developer guide's examples:
# platform.start and platform.report, the latter with its trace.
PLATFORM_LINES = {"WARN": 0, "INFO": 190 + 480, "DEBUG": 190 + 480 + 330}

# What the gateway fills in, where an answer is the usual one.
_UUID = "0f1a9bb8-1c3b-4f0e-9c5c-2f5a9b8e7d10"
FILLED_IN = {
    "requestId": _UUID,
    "extendedRequestId": "dGhpcyBpcyBub25lPQ=",
    "requestTime": "30/Nov/2026:15:42:37 +0000",
    "requestTimeEpoch": "1795967557123",
    "identity.sourceIp": "203.0.113.117",
    "identity.userAgent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Safari/537.36",
    "authorizer.principalId": _UUID,
    "authorizer.userId": _UUID,
    "authorizer.orgId": "org-01K0000000000000000000000",
    "httpMethod": "GET",
    "resourcePath": "/organisations/{orgId}/teams/{teamId}/members",
    "protocol": "HTTP/1.1",
    "stage": "v1",
    "domainName": "abcdefghij.execute-api.eu-west-1.amazonaws.com",
    "status": "200",
    "responseLength": "1834",
    "responseLatency": "43",
    "integration.status": "200",
    "integration.latency": "31",
    "integration.requestId": _UUID,
    "authorizer.status": "200",
    "authorizer.latency": "0",
    "authorizer.requestId": _UUID,
    "xrayTraceId": "Root=1-692c6f0d-0f1a9bb81c3b4f0e9c5c2f5a",
}


class Line(NamedTuple):
    """service and what of it; quantity in units of the price; USD; the region whose price stands in, if one does"""

    service: str
    what: str
    quantity: float
    unit: str
    usd: float
    stand_in: str | None


class Bill(NamedTuple):
    """An environment's lines, with what they were reckoned from."""

    facts: Facts
    usage: Usage
    lines: list[Line]

    @property
    def total(self) -> float:
        return sum(line.usd for line in self.lines)

    def services(self) -> dict[str, float]:
        """USD by service, the dearest first."""
        found: dict[str, float] = {}
        for line in self.lines:
            found[line.service] = found.get(line.service, 0.0) + line.usd
        return dict(sorted(found.items(), key=lambda one: -one[1]))

    def to_json(self) -> dict[str, Any]:
        return {
            "environment": self.facts.environment,
            "region": self.facts.region,
            "usage": self.usage.name,
            "currency": "USD",
            "total": round(self.total, 2),
            "estimated": sorted({line.stand_in for line in self.lines if line.stand_in}),
            "services": {name: round(usd, 2) for name, usd in self.services().items()},
            "lines": [line._asdict() | {"usd": round(line.usd, 2)} for line in self.lines],
        }


def access_log_bytes(text: str) -> int:
    """Bytes of a line of the gateway's log; what has no value is a hyphen."""
    return len(re.sub(r"\$context\.([A-Za-z.]+[A-Za-z])", lambda found: FILLED_IN.get(found[1], "-"), text)) + 1


def milliseconds(cpu: float, wait: float, memory: int) -> float:
    """How long a function runs that needs so much of a processor, and waits so long."""
    return cpu / min(1.0, memory / PROCESSOR) + wait


class Reckoner:
    """Makes a bill of what is planned, what was measured, and how much it is used."""

    def __init__(self, facts: Facts, usage: Usage, prices: Prices, measured: Mapping[str, Any]) -> None:
        self._facts, self._usage, self._prices, self._measured = facts, usage, prices, measured

    def bill(self) -> Bill:
        parts = (self._cognito, self._gateway, self._functions, self._database, self._logs, self._monitoring,
                 self._keys, self._web_acl, self._rest)  # fmt: skip
        return Bill(self._facts, self._usage, [line for part in parts for line in part() if line.quantity])

    def _line(self, service: str, what: str, quantity: float, price: str) -> Line:
        found = self._prices[price]
        return Line(service, what, quantity, found.unit, found.of(quantity, price), found.stand_in)

    # How often what happens

    def _each(self, figure: str) -> float:
        """The mean of a measured figure over the operations."""
        measured = self._measured["operations"]
        return sum(share * measured[name][figure] for name, share in self._usage.operations.items())

    @property
    def _decisions(self) -> float:
        return self._usage.requests / self._usage.values["requestsForEachDecision"]

    @property
    def _tokens(self) -> float:
        return self._usage.people * self._usage.values["tokens"]

    # Its parts

    def _cognito(self) -> Iterator[Line]:
        tier = self._facts.user_pool_tier
        yield self._line("Cognito", f"active people, {tier}", self._usage.people, f"cognito.{tier.lower()}")

    def _gateway(self) -> Iterator[Line]:
        yield self._line("API Gateway", "requests", self._usage.requests, "gateway.request")
        if self._facts.detailed_metrics:
            count = self._facts.methods * METRICS_OF_A_METHOD
            yield self._line("API Gateway", "detailed metrics", count, "cloudwatch.metric")

    def _functions(self) -> Iterator[Line]:
        facts, values, decision = self._facts, self._usage.values, self._measured["decision"]
        wait = values["wait"]
        work = (
            (self._usage.requests, facts.service_memory, milliseconds(self._each("cpuMilliseconds"), wait,
                                                                       facts.service_memory)),
            (self._decisions, facts.authorizer_memory, milliseconds(decision["cpuMilliseconds"], wait,
                                                                     facts.authorizer_memory)),
            (self._tokens, facts.trigger_memory, milliseconds(decision["cpuMilliseconds"], wait,
                                                               facts.trigger_memory)),
        )  # fmt: skip
        start = values["coldStarts"] * values["coldStartMilliseconds"]
        seconds = sum(
            count * (each + milliseconds(start, 0, memory)) / 1000 * memory / 1024 for count, memory, each in work
        )
        yield self._line("Lambda", "invocations", sum(count for count, _, _ in work), "lambda.request")
        yield self._line("Lambda", "running", seconds, "lambda.arm")
        warm = facts.warm_authorizers * facts.authorizer_memory / 1024 * SECONDS_A_MONTH
        yield self._line("Lambda", "warm authorizers", warm, "lambda.provisioned")

    def _database(self) -> Iterator[Line]:
        usage, decision = self._usage, self._measured["decision"]
        reads = usage.requests * self._each("readUnits") + self._decisions * decision["readUnits"] + self._tokens * 2
        writes = usage.requests * self._each("writeUnits")
        copied = usage.requests * self._each("replicatedUnits")
        sent = usage.values["organisations"] * usage.values["invitations"]
        for operation in ("createInvitation", "acceptInvitation"):
            reads += sent * self._measured["operations"][operation]["readUnits"]
            writes += sent * self._measured["operations"][operation]["writeUnits"]
            copied += sent * self._measured["operations"][operation]["replicatedUnits"]
        yield self._line("DynamoDB", "reading", reads, "dynamodb.read")
        yield self._line("DynamoDB", "writing", writes, "dynamodb.write")
        if self._facts.failover_region:
            yield self._line("DynamoDB", "writing to the replicas", copied, "dynamodb.write")
        stored = usage.people * usage.values["recordBytes"] / GB * (2 if self._facts.failover_region else 1)
        yield self._line("DynamoDB", "stored", stored, "dynamodb.storage")
        if self._facts.recovery:
            yield self._line("DynamoDB", "recovery to any second", stored, "dynamodb.recovery")

    def _logs(self) -> Iterator[Line]:
        usage, facts, decision = self._usage, self._facts, self._measured["decision"]
        invocations = usage.requests + self._decisions + self._tokens
        written = {
            "gateway, a line a request": usage.requests * access_log_bytes(facts.access_log_format),
            "services, a line a request": usage.requests
            * self._each("logBytes")
            * (1 + usage.values["faults"]),
            "authorizer, a line a decision": self._decisions * decision["logBytes"],
            "Lambda's own lines": invocations * PLATFORM_LINES[facts.system_log_level],
        }  # fmt: skip
        price = self._prices["logs.ingestion"]
        total = sum(written.values()) / GB
        usd = price.of(total, "logs.ingestion")
        for what, size in written.items():
            share = size / GB / total if total else 0
            yield Line("CloudWatch logs", what, size / GB, price.unit, usd * share, price.stand_in)
        kept = total * facts.log_retention_days / 30 * usage.values["logCompression"]
        yield self._line("CloudWatch logs", "kept", kept, "logs.storage")

    def _monitoring(self) -> Iterator[Line]:
        yield self._line("CloudWatch", "metrics of alarms", self._facts.alarm_metrics, "cloudwatch.alarm")
        yield self._line("CloudWatch", "metrics from logs", self._facts.log_metrics, "cloudwatch.metric")
        yield self._line("CloudWatch", "dashboards", self._facts.dashboards, "cloudwatch.dashboard")

    def _keys(self) -> Iterator[Line]:
        yield self._line("KMS", "keys", self._facts.keys, "kms.key")

    def _web_acl(self) -> Iterator[Line]:
        if self._facts.web_acl_rules:
            yield self._line("WAF", "web ACL", 1, "waf.acl")
            yield self._line("WAF", "rules", self._facts.web_acl_rules, "waf.rule")
            yield self._line("WAF", "requests", self._usage.requests, "waf.request")

    def _rest(self) -> Iterator[Line]:
        sent = self._usage.requests * self._usage.values["answer"] / GB
        yield self._line("Transfer", "answers", sent, "transfer.out")
        events = self._usage.values["organisations"] * self._usage.values["invitations"]
        yield self._line("EventBridge", "events", events, "events.event")


def read_measured(path: Path, operations: list[str]) -> Mapping[str, Any]:
    """What benchmarks/units.py measured. Raises UsageError where an operation of the contract is not among it."""
    measured = read_json(path, "measurements")
    missing = [name for name in operations if name not in measured.get("operations", {})]
    if missing or "decision" not in measured:
        raise UsageError(
            f"Nobody has measured {', '.join(missing) or 'a decision'}.", "Run python -m benchmarks.units --write."
        )
    return measured
