"""One provider for many runs: the same plans, only where that is safe, and it ends with who started it."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from bbws_access.cli.project import Project
from bbws_access.verify.provider import REATTACH, has_one_configuration, shared
from bbws_access.verify.runner import Deadline, Runner
from tests.support.terraform import STACK, module_folders, module_name

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

run "in_europe_again" {
  command = plan
}

run "refused" {
  command = plan
  variables {
    region = "eu-north-1"
  }
  expect_failures = [data.aws_region.current]
}

run "wrong" {
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


def found(runner: Runner, folder: Path, environment: dict[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """What each run planned, and how it ended."""
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


def test_a_shared_provider_changes_no_answer(project: Project, kms: Path) -> None:
    runner = Runner(project, 1)
    runner.terraform(kms, project.root, Deadline(300), "init", "-backend=false", "-input=false")
    alone = found(runner, kms, runner.environment)
    with shared(kms, runner.environment) as environment:
        assert REATTACH in environment
        together = found(runner, kms, environment)
    assert together == alone
    plans, ends = together
    assert ends == {
        "in_europe": "pass",
        "in_africa": "pass",
        "in_europe_again": "pass",
        "refused": "pass",
        "wrong": "fail",
    }
    tags = {
        name: [change["change"]["after"].get("tags_all") for change in changes]
        for name, (changes, _) in plans.items()
        if changes
    }
    assert {"Home": "europe"} in tags["in_europe_again"]
    assert {"Home": "europe"} not in tags["in_africa"], "what one run sets up is gone in the next"


def test_what_has_several_configurations_starts_its_own(project: Project) -> None:
    assert not has_one_configuration(STACK)
    assert [module_name(folder) for folder in module_folders() if has_one_configuration(folder)]
    folder = project.modules / "kms"
    path = folder / "versions.tf"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("aws = {", "aws = {\n      configuration_aliases = [aws.other]", 1), encoding="utf-8")
    assert not has_one_configuration(folder)


def test_without_a_provider_the_environment_stays_as_it_is(tmp_path: Path) -> None:
    with shared(tmp_path, {"A": "b"}) as environment:
        assert environment == {"A": "b"}


def test_the_provider_ends_with_who_started_it(project: Project) -> None:
    runner = Runner(project, 1)
    folder = project.modules / "kms"
    runner.terraform(folder, project.root, Deadline(300), "init", "-backend=false", "-input=false")
    code = (
        "import os, sys, time; from pathlib import Path; from bbws_access.verify.provider import REATTACH, shared\n"
        f"with shared(Path({str(folder)!r}), os.environ) as environment:\n"
        "    print(environment[REATTACH], flush=True); time.sleep(60)"
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
