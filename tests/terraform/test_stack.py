"""What the stack plans for some inputs."""

from typing import Any

import pytest

from tests.support.stack import ACCOUNT_ID, packages, plan_stack
from tests.support.terraform import Workspace

# One folder for all of them.
pytestmark = pytest.mark.xdist_group("stack-plans")

SENDER = {"identity": "example.com", "from_address": "access@example.com", "from_name": "Access"}
LINK = "https://portal.example.com/invitation"


@pytest.fixture(scope="module")
def own_workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return Workspace.create(tmp_path_factory.mktemp("stack"))


def user_pool(plan: dict[str, Any]) -> dict[str, Any]:
    """The change that makes the user pool."""
    (change,) = [item["change"] for item in plan["resource_changes"] if item["type"] == "aws_cognito_user_pool"]
    return change


def test_accounts_are_mailed_by_cognito_without_a_sender(own_workspace: Workspace) -> None:
    (email,) = user_pool(plan_stack(own_workspace, "dev", "module.cognito"))["after"]["email_configuration"]
    assert {name: value for name, value in email.items() if value} == {"email_sending_account": "COGNITO_DEFAULT"}


def test_accounts_are_mailed_by_a_verified_sender(own_workspace: Workspace) -> None:
    sender = SENDER | {"create_identity": False}
    plan = plan_stack(own_workspace, "dev", "module.cognito", invitation_sender=sender, invitation_link=LINK)
    (email,) = user_pool(plan)["after"]["email_configuration"]
    assert email["email_sending_account"] == "DEVELOPER"
    assert email["source_arn"] == f"arn:aws:ses:eu-west-1:{ACCOUNT_ID}:identity/example.com"
    assert email["from_email_address"] == "Access <access@example.com>"


def test_a_new_sender_is_asked_whether_it_is_verified(own_workspace: Workspace) -> None:
    plan = plan_stack(own_workspace, "dev", "module.cognito", invitation_sender=SENDER, invitation_link=LINK)
    (email,) = user_pool(plan)["after_unknown"]["email_configuration"]
    assert email.items() >= {"email_sending_account": True, "source_arn": True, "from_email_address": True}.items()


def test_words_of_other_services_apis_are_ids_that_nobody_can_choose(own_workspace: Workspace) -> None:
    carried = packages()
    carried["authorizer"] |= {"apis": ["sites"], "words": ["organisations", "sites"]}
    plan = plan_stack(own_workspace, "dev", "module.functions", packages=carried)
    # Of those whose environment is known before the user pool is.
    told = {
        item["change"]["after"]["function_name"].rpartition("-")[2]: item["change"]["after"]["environment"][0]
        for item in plan["resource_changes"]
        if item["type"] == "aws_lambda_function" and "variables" in item["change"]["after"]["environment"][0]
    }
    assert {"role", "team"} <= told.keys()
    assert {one["variables"]["RESERVED_IDS"] for one in told.values()} == {"organisations,sites"}
