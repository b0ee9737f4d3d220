"""A table from which a replica was just added cannot be deleted: said before anything is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from bbws_access.cli import replicas, storage
from bbws_access.cli.environments import load_environment
from bbws_access.cli.errors import ToolError
from bbws_access.cli.project import Project
from bbws_access.cli.targets import AwsTarget, LocalTarget
from bbws_access.cli.terraform import Change, Report

ROOT = Path(__file__).resolve().parents[3]
NOW = dt.datetime(2026, 3, 2, 12, 0, tzinfo=dt.UTC)
HOME, AWAY, THIRD = "af-south-1", "eu-west-1", "eu-central-1"
TEAMS, ROLES = "bbws-access-prod-ddb-teams", "bbws-access-prod-ddb-permissions"
STATE = {
    "resources": [
        {
            "module": "module.dynamodb",
            "mode": "managed",
            "type": "aws_dynamodb_table",
            "name": "this",
            "instances": [
                {"index_key": "teams", "attributes": {"name": TEAMS}},
                {"index_key": "permissions", "attributes": {"name": ROLES}},
            ],
        },
        {
            "module": "module.replicas[0]",
            "mode": "managed",
            "type": "aws_dynamodb_table_replica",
            "name": "this",
            "instances": [{"index_key": "teams", "attributes": {"id": f"{TEAMS}:{HOME}"}}],
        },
    ]
}
ADDRESS = 'module.dynamodb.aws_dynamodb_table.this["{}"]'.format


class DynamoDb:
    """The tables of one region: since when each is there, and where else."""

    def __init__(self, region: str, tables: dict[str, dict[str, dt.datetime]]) -> None:
        self.region, self.tables = region, tables

    def describe_table(self, *, TableName: str) -> dict[str, Any]:  # noqa: N803 - boto3's name
        regions = self.tables.get(TableName, {})
        if self.region not in regions:
            error = {"Code": "ResourceNotFoundException", "Message": "Requested resource not found"}
            raise ClientError({"Error": error}, "DescribeTable")
        table = {"TableName": TableName, "CreationDateTime": regions[self.region]}
        if len(regions) > 1:
            table["Replicas"] = [{"RegionName": region, "ReplicaStatus": "ACTIVE"} for region in regions]
        return {"Table": table}


@pytest.fixture
def prod(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict], AwsTarget]:
    target = AwsTarget(load_environment(Project(ROOT), "prod", arguments=["account_id=111122223333"]))
    assert target.environment.region == HOME

    def make(tables: dict[str, dict[str, dt.datetime]]) -> AwsTarget:
        clients = {"s3": object()}
        monkeypatch.setattr(storage, "read_state", lambda *_: STATE)
        monkeypatch.setattr(
            target,
            "client",
            lambda service, region=None: clients.get(service) or DynamoDb(region or HOME, tables),
        )
        return target

    return make


def _ago(**time: float) -> dt.datetime:
    return NOW - dt.timedelta(**time)


def _plan(*changes: tuple[str, str]) -> Report:
    return Report(changes=[Change(address, action) for address, action in changes])


DESTROY = _plan(
    (ADDRESS("teams"), "delete"),
    (ADDRESS("permissions"), "delete"),
    ('module.replicas[0].aws_dynamodb_table_replica.this["teams"]', "delete"),
    ("module.functions.aws_lambda_function.this", "delete"),
)


@pytest.mark.parametrize("action", ["delete", "replace"])
def test_a_table_with_a_replica_of_today_is_held_until_a_day_after_it(prod, action: str) -> None:
    target = prod({TEAMS: {HOME: _ago(days=90), AWAY: _ago(hours=2)}})
    plan = _plan((ADDRESS("teams"), action))
    assert replicas.held(target, plan, NOW) == [replicas.Held(TEAMS, AWAY, NOW + dt.timedelta(hours=22))]


def test_the_last_of_several_replicas_counts(prod) -> None:
    target = prod({TEAMS: {HOME: _ago(days=90), AWAY: _ago(hours=20), THIRD: _ago(hours=1)}})
    assert replicas.held(target, DESTROY, NOW) == [replicas.Held(TEAMS, THIRD, NOW + dt.timedelta(hours=23))]


@pytest.mark.parametrize(
    "tables",
    [
        {TEAMS: {HOME: _ago(days=90), AWAY: _ago(hours=24)}, ROLES: {HOME: _ago(days=90), AWAY: _ago(days=2)}},
        {TEAMS: {HOME: _ago(hours=1)}, ROLES: {HOME: _ago(minutes=1)}},
        {},
    ],
    ids=["a day old", "no replicas", "gone by hand"],
)
def test_whatever_else_is_there_can_be_deleted(prod, tables: dict) -> None:
    target = prod(tables)
    assert replicas.held(target, DESTROY, NOW) == []
    replicas.refuse_what_is_held(target, _plan())


def test_a_table_that_stays_is_not_asked_about(prod) -> None:
    target = prod({TEAMS: {HOME: _ago(days=90), AWAY: _ago(hours=2)}})
    plan = _plan((ADDRESS("teams"), "update"), (ADDRESS("permissions"), "delete"))
    assert replicas.held(target, plan, NOW) == []


def test_nothing_is_changed_before_the_moment_that_is_named(prod, capsys: pytest.CaptureFixture[str]) -> None:
    added = dt.datetime.now(dt.UTC) - dt.timedelta(hours=2)
    target = prod({TEAMS: {HOME: _ago(days=90), AWAY: added}, ROLES: {HOME: _ago(days=90), AWAY: added}})
    replicas.say_what_is_held(target, DESTROY)
    said = " ".join(capsys.readouterr().err.split())
    assert f"{TEAMS} cannot be deleted before" in said
    with pytest.raises(ToolError, match=r"the last 24 hours, and this plan deletes 2\.$") as refused:
        replicas.refuse_what_is_held(target, DESTROY)
    until = (added + dt.timedelta(hours=24, seconds=59)).strftime("%Y-%m-%d %H:%M UTC")
    assert refused.value.hint == f"Nothing was changed. It works from {until}."
    assert (
        refused.value.details == f"{TEAMS}: from {until}, replica in {AWAY}\n{ROLES}: from {until}, replica in {AWAY}"
    )


def test_whoever_may_not_look_is_told_so_rather_than_let_into_it(prod, monkeypatch: pytest.MonkeyPatch) -> None:
    target = prod({TEAMS: {HOME: _ago(days=90), AWAY: _ago(hours=2)}})
    denied = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "No."}}, "DescribeTable")

    def refuse(self: DynamoDb, **_: str) -> None:
        raise denied

    monkeypatch.setattr(DynamoDb, "describe_table", refuse)
    with pytest.raises(ClientError) as caught:
        replicas.held(target, DESTROY, NOW)
    assert caught.value is denied


def test_the_local_aws_has_no_such_rule(tmp_path: Path) -> None:
    environment = load_environment(Project(ROOT), "prod", arguments=["account_id=000000000000"])
    assert replicas.held(LocalTarget(environment, tmp_path), DESTROY) == []


CREATE = _plan(
    ('module.replicas[0].aws_dynamodb_table_replica.this["permissions"]', "create"),
    ('module.replicas[0].aws_dynamodb_table_replica.this["teams"]', "create"),
    ('module.replicas[0].aws_dynamodb_table_replica.this["audit"]', "create"),
    ("module.functions.aws_lambda_function.this", "create"),
)


def test_a_replica_that_an_interrupted_apply_made_is_gone_on_with(
    prod: Callable[[dict], AwsTarget], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """That of a table which has none is made, and so is that of a table which is not there yet."""
    target = prod({ROLES: {HOME: NOW, AWAY: NOW}, TEAMS: {HOME: NOW}})
    adopted = []
    monkeypatch.setattr(
        type(target), "terraform", type("T", (), {"adopt": lambda self, *given: adopted.append(given)})()
    )
    files = [Path("values.tfvars.json")]
    assert replicas.adopt(target, CREATE, files)
    assert adopted == [(files, CREATE.changes[0].address, f"{ROLES}:{HOME}")]
    said = capsys.readouterr()
    assert f"{ROLES} has its replica in {AWAY} already" in said.out + said.err


@pytest.mark.parametrize("action", ["update", "delete", "replace"])
def test_no_other_replica_is(prod: Callable[[dict], AwsTarget], action: str) -> None:
    target = prod({ROLES: {HOME: NOW, AWAY: NOW}, TEAMS: {HOME: NOW, THIRD: NOW}})
    assert not replicas.adopt(target, _plan((CREATE.changes[0].address, action)), [])
    assert not replicas.adopt(target, _plan((CREATE.changes[1].address, "create")), [])
