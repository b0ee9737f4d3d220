"""`bbws-access diff` on the plans of the real stack, and `drift` where there is nothing to look at."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from bbws_access.cli.environments import Environment
from bbws_access.commands.main import app
from bbws_access.verify.compare import plans
from tests.support.tool import run_tool

ROOT = Path(__file__).resolve().parents[3]

pytestmark = pytest.mark.xdist_group("diff")


def tool(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return run_tool(ROOT, arguments, environment)


@pytest.fixture(scope="module")
def diff() -> Iterator[Callable[..., Result]]:
    """The command; what it plans for an environment is kept for the next time."""
    kept: dict[str, Any] = {}
    plan = plans.plan_without_credentials

    def plan_once(environment: Environment, *arguments: Any) -> Any:
        if environment.name not in kept:
            kept[environment.name] = plan(environment, *arguments)
        return kept[environment.name]

    def run(*arguments: str) -> Result:
        before = dict(os.environ)
        try:
            return CliRunner().invoke(app, ["diff", *arguments])
        finally:
            # The command makes its process talk to the local AWS that it plans against.
            os.environ.clear()
            os.environ.update(before)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plans, "plan_without_credentials", plan_once)
        yield run


@pytest.fixture(scope="module")
def comparison(diff: Callable[..., Result]) -> dict[str, Any]:
    result = diff("dev", "prod", "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_values_that_differ(comparison: dict[str, Any]) -> None:
    values = {item["path"]: (item["dev"], item["prod"]) for item in comparison["values"]}
    assert values["region"] == ("eu-west-1", "af-south-1")
    assert values["cross_region_replication"] == (False, True)
    assert values["audit_object_lock.days"] == (1, 2557)
    assert "pitr_enabled" not in values


def test_resources_of_one_alone(comparison: dict[str, Any]) -> None:
    """PROD has all that DEV has, and the failover region besides."""
    assert comparison["only"]["dev"] == []
    modules = {address.split(".")[1].partition("[")[0] for address in comparison["only"]["prod"]}
    assert {"dynamodb_replica", "s3_audit_replica", "failover_keys", "failover_cloudwatch"} <= modules


def test_attributes_that_differ(comparison: dict[str, Any]) -> None:
    found = {
        (item["address"], attribute["path"]): (attribute["dev"], attribute["prod"])
        for item in comparison["different"]
        for attribute in item["attributes"]
    }
    for table in ("permissions", "teams", "invitations", "audit"):
        assert found[f'module.dynamodb.aws_dynamodb_table.this["{table}"]', "deletion_protection_enabled"] == (
            False,
            True,
        )
    retention = "module.s3_audit.aws_s3_bucket_object_lock_configuration.archive"
    assert found[retention, "rule.default_retention.mode"] == ("GOVERNANCE", "COMPLIANCE")
    assert found["module.cognito.aws_cognito_user_pool.this[0]", "mfa_configuration"] == ("OPTIONAL", "ON")


def test_names_and_regions_are_no_differences(comparison: dict[str, Any]) -> None:
    """What is left has no name of one environment against the same name of the other."""
    assert comparison["names"]["prefix"] == {"dev": "bbws-access-dev", "prod": "bbws-access-prod"}
    assert comparison["same_but_for_names"] > 50
    for item in comparison["different"]:
        for attribute in item["attributes"]:
            left, right = json.dumps(attribute["dev"]), json.dumps(attribute["prod"])
            renamed = left.replace("bbws-access-dev", "bbws-access-prod").replace("eu-west-1", "af-south-1")
            assert renamed != right, (item["address"], attribute["path"])


def test_an_environment_that_is_not_there() -> None:
    result = tool("diff", "dev", "nowhere")
    assert result.returncode == 2
    assert "no environment 'nowhere'" in result.stderr
    assert "Traceback" not in result.stderr


def test_drift_of_what_is_not_there(tmp_path: Path) -> None:
    nowhere = tool("drift", "nowhere", "--local")
    assert (nowhere.returncode, nowhere.stdout) == (2, "")
    assert "no environment 'nowhere'" in nowhere.stderr
    down = tool("drift", "dev", "--local", "--folder", str(tmp_path / "none"))
    assert (down.returncode, down.stdout) == (3, "")
    assert "There is no local AWS for dev." in down.stderr


def test_the_table_is_for_people(diff: Callable[..., Result]) -> None:
    result = diff("dev", "prod")
    assert result.exit_code == 0, result.stderr
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["log_level", "DEBUG", "WARN"] in lines
    assert "0 resources only in dev, " in result.stdout
