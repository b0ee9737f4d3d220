"""Providers for many runs: the same plans, each run with providers of its own, and they end with who started them."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from bbws_access.cli.project import Project
from bbws_access.verify.provider import REATTACH, Providers
from bbws_access.verify.runner import Deadline, Runner

pytestmark = pytest.mark.xdist_group("verify-runs")  # many, so that they begin early

RUNS = """
provider "aws" {
  region = "eu-west-1"
  PROVIDER
  default_tags {
    tags = { Home = "europe" }
  }
}

provider "aws" {
  alias  = "africa"
  region = "af-south-1"
  PROVIDER
}

variables {
  env_name   = "dev"
  region     = "eu-west-1"
  account_id = "000000000000"
  keys       = { data = { description = "Data." } }

  check_account = false
}

run "in_europe" {
  command = plan
}

run "in_africa" {
  command = plan
  providers = {
    aws = aws.africa
  }
  variables {
    region = "af-south-1"
  }
}

run "refused" {
  command = plan
  variables {
    region = "eu-north-1"
  }
  expect_failures = [data.aws_region.current]
}

run "in_europe_again_and_wrong" {
  command = plan
  assert {
    condition     = var.env_name == "prod"
    error_message = "It is not prod."
  }
}
"""
OFFLINE = """
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
"""


@pytest.fixture
def kms(project: Project) -> Path:
    """The module of keys with runs in two regions, with and without tags by default, and one that must fail."""
    folder = project.modules / "kms"
    shutil.rmtree(folder / "tests")
    (folder / "tests").mkdir()
    (folder / "tests" / "runs.tftest.hcl").write_text(RUNS.replace("PROVIDER", OFFLINE), encoding="utf-8")
    return folder


def initialised(runner: Runner, folder: Path) -> Path:
    runner.terraform(folder, runner.project.root, Deadline(300), "init", "-backend=false", "-input=false")
    return folder


def found(runner: Runner, folder: Path, settings: dict[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """What each run planned, and how it ended."""
    environment = runner.environment | settings
    outcome = runner.terraform(
        folder, runner.project.root, Deadline(300), "test", "-json", "-verbose", environment=environment
    )
    plans, ends = {}, {}
    for event in outcome.events:
        if event.get("type") == "test_plan":
            plans[event["@testrun"]] = [event["test_plan"].get(part) for part in ("resource_changes", "output_changes")]
        if event.get("type") == "test_run" and event["test_run"].get("status"):
            ends[event["@testrun"]] = event["test_run"]["status"]
    return plans, ends


def test_providers_at_work_change_no_answer(project: Project, kms: Path) -> None:
    runner = Runner(project, 1)
    initialised(runner, kms)
    alone = found(runner, kms, {})
    with Providers(runner.environment) as providers:
        assert REATTACH in providers.settings(kms)
        together = found(runner, kms, providers.settings(kms))
    assert together == alone
    plans, ends = together
    assert ends == {
        "in_europe": "pass",
        "in_africa": "pass",
        "refused": "pass",
        "in_europe_again_and_wrong": "fail",
    }
    tags = {
        name: [change["change"]["after"].get("tags_all") for change in changes]
        for name, (changes, _) in plans.items()
        if changes
    }
    assert {"Home": "europe"} in tags["in_europe_again_and_wrong"]
    assert {"Home": "europe"} not in tags["in_africa"], "what one run sets up is gone in the next"


PLACE = """
terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

provider "aws" {
  region = "HERE"
  PROVIDER
}

provider "aws" {
  alias  = "there"
  region = "THERE"
  PROVIDER
}

data "aws_region" "here" {}

data "aws_region" "there" {
  provider   = aws.there
  depends_on = [data.aws_region.here]
}

# Once more, when the other is set up.
data "aws_arn" "here" {
  arn = "arn:aws:sqs:${data.aws_region.there.name}:111122223333:queue"
}

data "aws_region" "here_again" {
  depends_on = [data.aws_arn.here]
}

output "places" {
  value = [data.aws_region.here.name, data.aws_region.there.name, data.aws_region.here_again.name]
}
"""


def test_each_configuration_of_each_run_has_a_provider_of_its_own(project: Project, tmp_path: Path) -> None:
    """Several runs at once, each with two regions: nobody is told of a region that somebody else set up."""
    runner = Runner(project, 4)
    places = [("eu-west-1", "af-south-1"), ("us-east-1", "eu-west-1")]
    folders = []
    for here, there in places:
        folder = tmp_path / here
        folder.mkdir()
        text = PLACE.replace("PROVIDER", OFFLINE).replace("THERE", there).replace("HERE", here)
        (folder / "main.tf").write_text(text, encoding="utf-8")
        folders.append(initialised(runner, folder))
    with Providers(runner.environment) as providers, ThreadPoolExecutor(len(folders)) as pool:

        def applied(folder: Path) -> list[str]:
            environment = runner.environment | providers.settings(folder)
            arguments = ("apply", "-auto-approve", "-json")
            outcome = runner.terraform(folder, folder, Deadline(300), *arguments, environment=environment)
            said = [event["outputs"] for event in outcome.events if event.get("type") == "outputs"][-1]
            return said["places"]["value"]

        for _ in range(2):
            assert list(pool.map(applied, folders)) == [[here, there, here] for here, there in places]


def test_a_provider_that_died_is_replaced(project: Project) -> None:
    runner = Runner(project, 1)
    folder = initialised(runner, project.modules / "kms")
    with Providers(runner.environment) as providers:
        (told,) = json.loads(providers.settings(folder)[REATTACH]).values()
        os.kill(told["Pid"], signal.SIGKILL)
        until = time.monotonic() + 20
        while alive(told["Pid"]) and time.monotonic() < until:
            time.sleep(0.05)
        environment = runner.environment | providers.settings(folder)
        outcome = runner.terraform(folder, folder, Deadline(300), "validate", "-json", environment=environment)
    assert json.loads(outcome.text)["valid"], outcome.text


def test_another_version_is_not_served(project: Project, tmp_path: Path) -> None:
    """Nor where no provider is installed: Terraform starts its own, or says what it lacks."""
    runner = Runner(project, 1)
    folder = initialised(runner, project.modules / "kms")
    (binary,) = (folder / ".terraform" / "providers").glob("*/hashicorp/aws/*/*/terraform-provider-aws_*")
    other = tmp_path / ".terraform" / "providers" / "registry.terraform.io/hashicorp/aws/6.0.0/linux_amd64"
    with Providers(runner.environment) as providers:
        assert providers.settings(tmp_path) == {}
        other.mkdir(parents=True)
        (other / binary.name).write_text("", encoding="utf-8")
        assert REATTACH in providers.settings(folder)
        assert providers.settings(tmp_path) == {}


def test_what_is_no_provider_is_not_waited_for(tmp_path: Path) -> None:
    folder = tmp_path / ".terraform" / "providers" / "registry.terraform.io/hashicorp/aws/6.0.0/linux_amd64"
    folder.mkdir(parents=True)
    binary = folder / "terraform-provider-aws_v6.0.0"
    binary.write_text("#!/bin/sh\necho nothing\n", encoding="utf-8")
    binary.chmod(0o755)
    with Providers(os.environ) as providers:
        assert providers.settings(tmp_path) == {}


def test_providers_end_with_who_started_them(project: Project) -> None:
    runner = Runner(project, 1)
    folder = initialised(runner, project.modules / "kms")
    code = (
        "import os, sys, time; from pathlib import Path; from bbws_access.verify.provider import REATTACH, Providers\n"
        "with Providers(os.environ) as providers:\n"
        f"    print(providers.settings(Path({str(folder)!r}))[REATTACH], flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], env=runner.environment, stdout=subprocess.PIPE)
    assert parent.stdout
    (told,) = json.loads(parent.stdout.readline()).values()
    assert alive(told["Pid"])
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    until = time.monotonic() + 20
    while alive(told["Pid"]) and time.monotonic() < until:
        time.sleep(0.1)
    assert not alive(told["Pid"])
    while Path(told["Addr"]["String"]).parent.exists() and time.monotonic() < until:
        time.sleep(0.1)
    assert not Path(told["Addr"]["String"]).parent.exists()


def alive(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        # Dead, and not yet buried by who took it over.
        stat = Path(f"/proc/{pid}/stat")
        return not stat.exists() or ") Z " not in stat.read_text(encoding="utf-8")
    return False
