"""Terraform on the local AWS: applied, planned again without a change, destroyed without a rest."""

import contextlib
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bbws_access.local_aws import LocalAws
from bbws_access.verify.provider import Providers
from tests.local_aws.conftest import REGION, Aws
from tests.local_aws.test_apigateway_import import document
from tests.support.terraform import ROOT, terraform_environment

# One deployment for all of them, whichever worker they run on.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("local-aws-terraform")]

FIXTURE = Path(__file__).parent / "terraform" / "main.tf"
NAME = "fixture"
APPLY = ("-auto-approve", "-input=false", "-no-color")
FUNCTION = """
import json
def handler(event, context):
    if "triggerSource" in event:
        organisation = event["request"]["userAttributes"].get("custom:organisation_id", "")
        access = {"claimsToAddOrOverride": {"custom:organisation_id": organisation}}
        event["response"] = {"claimsAndScopeOverrideDetails": {"accessTokenGeneration": access}}
        return event
    return {"statusCode": 200, "body": json.dumps({"path": event["path"]})}
"""


@contextlib.contextmanager
def served(environment: dict[str, str]) -> Iterator[Providers]:
    """Providers at work for a local AWS. They trust it by what all programs in Go trust on Linux: the setting of AWS's
    own that Terraform uses works for the first configuration of a provider only.
    """
    trusting = dict(environment)
    trusting["SSL_CERT_FILE"] = trusting.pop("AWS_CA_BUNDLE")
    with Providers(trusting) as providers:
        yield providers


@dataclass
class Terraform:
    folder: Path
    environment: dict[str, str]
    providers: Providers

    def run(self, *arguments: str, allowed: tuple[int, ...] = (0,)) -> subprocess.CompletedProcess[str]:
        at_work = self.providers.settings(self.folder) if sys.platform == "linux" and arguments[0] != "init" else {}
        result = subprocess.run(
            ["terraform", *arguments],
            cwd=self.folder,
            env=self.environment | at_work,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode in allowed, f"terraform {arguments[0]}:\n{result.stdout[-4000:]}\n{result.stderr}"
        return result

    def outputs(self) -> dict[str, Any]:
        return {name: output["value"] for name, output in json.loads(self.run("output", "-json").stdout).items()}


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    # Its own, so that what other tests leave cannot hide a rest.
    emulator = LocalAws(tmp_path_factory.mktemp("terraform-aws"), REGION)
    emulator.start()
    yield emulator
    emulator.stop()


@pytest.fixture(scope="module")
def terraform(emulator: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terraform]:
    folder = tmp_path_factory.mktemp("terraform")
    shutil.copy(FIXTURE, folder)
    with zipfile.ZipFile(folder / "function.zip", "w") as package:
        package.writestr(zipfile.ZipInfo("index.py"), FUNCTION)
    body = document("FUNCTION")
    body["paths"]["/pets/{petId}"]["get"]["security"] = []
    variables = {
        "TF_VAR_name": NAME,
        "TF_VAR_package": str(folder / "function.zip"),
        "TF_VAR_api_document": json.dumps(body),
    }
    # Of the process's environment nothing but what Terraform needs to find its provider and the local AWS.
    environment = terraform_environment(ROOT) | emulator.environment() | variables
    with served(environment) as providers:
        terraform = Terraform(folder, environment, providers)
        terraform.run("init", "-input=false", "-no-color")
        terraform.run("apply", *APPLY)
        yield terraform


def rests(aws: Aws) -> dict[str, list[Any]]:
    """Everything of the fixture that is left, but keys that wait for their deletion and keys of AWS."""
    found: dict[str, list[Any]] = {}
    for region in (REGION, "af-south-1"):

        def client(service: str, region: str = region) -> Any:
            return aws.client(service, region)

        keys = (client("kms").describe_key(KeyId=key["KeyId"]) for key in client("kms").list_keys()["Keys"])
        listed = {
            "tables": client("dynamodb").list_tables()["TableNames"],
            "functions": client("lambda").list_functions()["Functions"],
            "event source mappings": client("lambda").list_event_source_mappings()["EventSourceMappings"],
            "APIs": client("apigateway").get_rest_apis()["items"],
            "web ACLs": client("wafv2").list_web_acls(Scope="REGIONAL")["WebACLs"],
            "log groups": client("logs").describe_log_groups()["logGroups"],
            "metric filters": client("logs").describe_metric_filters()["metricFilters"],
            "queues": client("sqs").list_queues().get("QueueUrls", []),
            "topics": client("sns").list_topics()["Topics"],
            "subscriptions": client("sns").list_subscriptions()["Subscriptions"],
            "alarms": client("cloudwatch").describe_alarms()["MetricAlarms"],
            "composite alarms": client("cloudwatch").describe_alarms(AlarmTypes=["CompositeAlarm"])["CompositeAlarms"],
            "dashboards": client("cloudwatch").list_dashboards()["DashboardEntries"],
            "user pools": client("cognito-idp").list_user_pools(MaxResults=10)["UserPools"],
            "rules": client("events").list_rules()["Rules"],
            "schedules": client("scheduler").list_schedules()["Schedules"],
            "vaults": client("backup").list_backup_vaults()["BackupVaultList"],
            "plans": client("backup").list_backup_plans()["BackupPlansList"],
            "identities": client("sesv2").list_email_identities()["EmailIdentities"],
            "aliases": [
                alias
                for alias in client("kms").list_aliases()["Aliases"]
                if not alias["AliasName"].startswith("alias/aws/")
            ],
            "keys": [
                key["KeyMetadata"]["Arn"]
                for key in keys
                if key["KeyMetadata"]["KeyManager"] == "CUSTOMER"
                and key["KeyMetadata"]["KeyState"] not in ("PendingDeletion", "PendingReplicaDeletion")
            ],
        }
        found |= {f"{name} in {region}": items for name, items in listed.items() if items}
    everywhere = {
        "buckets": aws.client("s3").list_buckets()["Buckets"],
        "roles": aws.client("iam").list_roles()["Roles"],
        "policies": aws.client("iam").list_policies(Scope="Local")["Policies"],
    }
    return found | {name: items for name, items in everywhere.items() if items}


def test_a_second_plan_is_empty_after_a_restart_too(terraform: Terraform, emulator: LocalAws) -> None:
    emulator.stop()
    emulator.start()
    result = terraform.run("plan", "-detailed-exitcode", "-input=false", "-no-color", allowed=(0, 2))
    assert result.returncode == 0, result.stdout[-6000:]


def test_the_applied_api_answers(terraform: Terraform, emulator: LocalAws) -> None:
    answer = Aws(emulator).call(terraform.outputs()["api_id"], "/pets/7")
    assert (answer.status, answer.body) == (200, {"path": "/pets/7"})


def test_a_changed_document_goes_live(terraform: Terraform, emulator: LocalAws) -> None:
    changed = json.loads(terraform.environment["TF_VAR_api_document"])
    changed["paths"]["/cats/{catId}"] = json.loads(
        json.dumps(changed["paths"]["/pets/{petId}"]).replace("petId", "catId")
    )
    environment = terraform.environment | {"TF_VAR_api_document": json.dumps(changed)}
    aws, api_id = Aws(emulator), terraform.outputs()["api_id"]
    assert aws.call(api_id, "/cats/1").status == 403
    Terraform(terraform.folder, environment, terraform.providers).run("apply", "-refresh=false", *APPLY)
    assert aws.call(api_id, "/cats/1").status == 200


def test_destroy_leaves_nothing(terraform: Terraform, emulator: LocalAws) -> None:
    aws = Aws(emulator)
    assert rests(aws)
    terraform.run("destroy", "-refresh=false", *APPLY)
    assert rests(aws) == {}
