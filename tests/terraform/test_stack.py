"""What the stack plans for some inputs."""

import json
from typing import Any

import pytest

from bbws_access.cli.project import Project
from bbws_access.verify import engine
from tests.support.stack import ACCOUNT_ID, OVERRIDE, packages
from tests.support.terraform import ROOT, Workspace

# One run for all of them.
pytestmark = pytest.mark.xdist_group("stack-plans")

SENDER = {"identity": "example.com", "from_address": "access@example.com", "from_name": "Access"}
LINK = "https://portal.example.com/invitation"
CARRIED = packages()
CARRIED["authorizer"] |= {"apis": ["sites"], "words": ["organisations", "sites"]}
# The run => what is planned of DEV, with all that it needs, and inputs over its own.
RUNS: dict[str, tuple[str, dict[str, Any]]] = {
    "no_sender": ("module.cognito", {}),
    "verified_sender": (
        "module.cognito",
        {"invitation_sender": SENDER | {"create_identity": False}, "invitation_link": LINK},
    ),
    "new_sender": ("module.cognito", {"invitation_sender": SENDER, "invitation_link": LINK}),
    "words": ("module.functions", {"packages": CARRIED}),
}


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """Every run's changes, planned by one process of Terraform: each reads the provider's schemas, which takes long."""
    workspace = Workspace.create(tmp_path_factory.mktemp("stack"))
    folder = workspace.root / "terraform" / "stack"
    (folder / "offline_override.tf").write_text(OVERRIDE, encoding="utf-8")
    values = engine._values(Project(ROOT), ["dev"])[0]["dev"]
    runs = [
        {name: {"command": "plan", "plan_options": {"target": [target]}, "variables": values | inputs}}
        for name, (target, inputs) in RUNS.items()
    ]
    (folder / "tests").mkdir(exist_ok=True)
    (folder / "tests" / "plans.tftest.json").write_text(json.dumps({"run": runs}), encoding="utf-8")
    found, said = {}, []
    for line in workspace.terraform_lines(workspace.initialised(folder), "test", "-json", "-verbose"):
        event = json.loads(line)
        if event["type"] == "test_plan":
            found[event["@testrun"]] = event["test_plan"]["resource_changes"]
        if event["type"] == "diagnostic" and event["diagnostic"]["severity"] == "error":
            said.append(event["diagnostic"])
    assert said == []
    assert list(found) == list(RUNS)
    return found


def user_pool(changes: list[dict[str, Any]]) -> dict[str, Any]:
    """The change that makes the user pool."""
    (change,) = [item["change"] for item in changes if item["type"] == "aws_cognito_user_pool"]
    return change


def test_accounts_are_mailed_by_cognito_without_a_sender(plans: dict[str, list[dict[str, Any]]]) -> None:
    (email,) = user_pool(plans["no_sender"])["after"]["email_configuration"]
    assert {name: value for name, value in email.items() if value} == {"email_sending_account": "COGNITO_DEFAULT"}


def test_accounts_are_mailed_by_a_verified_sender(plans: dict[str, list[dict[str, Any]]]) -> None:
    (email,) = user_pool(plans["verified_sender"])["after"]["email_configuration"]
    assert email["email_sending_account"] == "DEVELOPER"
    assert email["source_arn"] == f"arn:aws:ses:eu-west-1:{ACCOUNT_ID}:identity/example.com"
    assert email["from_email_address"] == "Access <access@example.com>"


def test_a_new_sender_is_asked_whether_it_is_verified(plans: dict[str, list[dict[str, Any]]]) -> None:
    (email,) = user_pool(plans["new_sender"])["after_unknown"]["email_configuration"]
    assert email.items() >= {"email_sending_account": True, "source_arn": True, "from_email_address": True}.items()


def test_words_of_other_services_apis_are_ids_that_nobody_can_choose(plans: dict[str, list[dict[str, Any]]]) -> None:
    # Of those whose environment is known before the user pool is.
    told = {
        item["change"]["after"]["function_name"].rpartition("-")[2]: item["change"]["after"]["environment"][0]
        for item in plans["words"]
        if item["type"] == "aws_lambda_function" and "variables" in item["change"]["after"]["environment"][0]
    }
    assert {"role", "team"} <= told.keys()
    assert {one["variables"]["RESERVED_IDS"] for one in told.values()} == {"organisations,sites"}
