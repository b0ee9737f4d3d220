"""What a replica that was just added forbids, and replicas that an interrupted apply left behind.

DynamoDB refuses to delete a table from which a replica was added in the last 24 hours ("Replica cannot be deleted
because it has acted as a source region for new replica(s) being added to the table in the last 24 hours"). Terraform
learns that when half of an environment is gone, so the plan is asked first.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from bbws_access.cli import storage
from bbws_access.cli.console import note
from bbws_access.cli.errors import ToolError
from bbws_access.cli.targets import LocalTarget, Target
from bbws_access.cli.terraform import Report

KEPT = dt.timedelta(hours=24)
_REPLICA = re.compile(r'aws_dynamodb_table_replica\.\w+\["(?P<key>[^"]+)"\]$')


class Held(NamedTuple):
    """A table that the plan deletes, and the moment from which DynamoDB lets it."""

    table: str
    region: str  # of the replica that was added last
    until: dt.datetime


def held(target: Target, report: Report, now: dt.datetime | None = None) -> list[Held]:
    """The tables of a plan that cannot be deleted yet. The local AWS has no such rule."""
    if isinstance(target, LocalTarget):
        return []
    now = now or dt.datetime.now(dt.UTC)
    doomed = {change.address for change in report.changes if change.action in ("delete", "replace")}
    found = []
    for table in _tables(storage.read_state(target.s3, target.environment) or {}, doomed):
        added = [(created, region) for region, created in _replicas(target, table)]
        if added and max(added)[0] + KEPT > now:
            created, region = max(added)
            found.append(Held(table, region, created + KEPT))
    return found


def say_what_is_held(target: Target, report: Report) -> None:
    """Note beside a plan what would fail now."""
    for table, region, until in held(target, report):
        note(f"{table} cannot be deleted before {_moment(until)}: its replica in {region} is not a day old.")


def refuse_what_is_held(target: Target, report: Report) -> None:
    """Raise ToolError, before anything is changed, when a table of the plan cannot be deleted yet."""
    found = held(target, report)
    if found:
        lines = (f"{table}: from {_moment(until)}, replica in {region}" for table, region, until in found)
        raise ToolError(
            "DynamoDB deletes no table from which a replica was added in the last 24 hours, and this plan deletes "
            + ("one." if len(found) == 1 else f"{len(found)}."),
            f"Nothing was changed. It works from {_moment(max(one.until for one in found))}.",
            details="\n".join(lines),
        )


def adopt(target: Target, report: Report, var_files: list[Path]) -> bool:
    """Take into the state the replicas of a plan that are there already; whether there were any.

    The provider notes a replica once it is ready, which takes minutes. An apply that is interrupted meanwhile has made
    what Terraform knows nothing of, and DynamoDB refuses to make it again.
    """
    planned = [
        found for change in report.changes if change.action == "create" and (found := _REPLICA.search(change.address))
    ]
    if not planned:
        return False
    state = storage.read_state(target.s3, target.environment) or {}
    tables = {
        instance.get("index_key"): instance["attributes"]["name"]
        for resource in state.get("resources", ())
        if resource.get("mode") == "managed" and resource.get("type") == "aws_dynamodb_table"
        for instance in resource["instances"]
        if "deposed" not in instance
    }
    region, adopted = target.environment.values["failover_region"], False
    for found in planned:
        table = tables.get(found["key"])
        if table is not None and region in dict(_replicas(target, table)):
            note(f"{table} has its replica in {region} already, from an apply that was interrupted; going on with it.")
            target.terraform.adopt(var_files, found.string, f"{table}:{target.environment.region}")
            adopted = True
    return adopted


def _tables(state: dict[str, Any], addresses: set[str]) -> Iterator[str]:
    """Names of the tables in a state that have these addresses."""
    for resource in state.get("resources", ()):
        if resource.get("mode") != "managed" or resource.get("type") != "aws_dynamodb_table":
            continue
        start = ".".join([*filter(None, [resource.get("module")]), resource["type"], resource["name"]])
        for instance in resource["instances"]:
            key = instance.get("index_key")
            index = "" if key is None else f"[{key}]" if isinstance(key, int) else f'["{key}"]'
            if start + index in addresses and "deposed" not in instance:
                yield instance["attributes"]["name"]


def _replicas(target: Target, table: str) -> Iterator[tuple[str, dt.datetime]]:
    """The regions of a table's replicas, and when each was made: DynamoDB says that only of the replica's own table."""
    from botocore.exceptions import ClientError

    try:
        described = target.client("dynamodb").describe_table(TableName=table)["Table"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return
        raise
    for replica in described.get("Replicas", ()):
        region = replica["RegionName"]
        if region == target.environment.region:
            continue
        try:
            there = target.client("dynamodb", region).describe_table(TableName=table)["Table"]
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                continue
            raise
        yield region, there["CreationDateTime"]


def _moment(moment: dt.datetime) -> str:
    # Rounded up: a minute too late rather than one too early.
    return f"{(moment + dt.timedelta(seconds=59)).astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC"
