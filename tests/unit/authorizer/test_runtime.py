"""The authorizer under AWS's own runtime client: what stands in its log, and what API Gateway gets."""

import json
from pathlib import Path

import pytest

import bbws_access
from tests.support.runtime import REQUEST, Outcome, run_on_aws
from tests.support.tables import REGION
from tests.unit.authorizer.tokens_support import CLIENT, POOL

SOURCES = Path(bbws_access.__file__).parents[1]
TOKEN = "Bearer aaaa.bbbb.cccc"
ENVIRONMENT = {
    "ENVIRONMENT": "test",
    "LOG_LEVEL": "INFO",
    "SERVICE_NAME": "authorizer",
    "USER_POOL_ID": POOL,
    "CLIENT_IDS": CLIENT,
    "APIS": "abcdefghij=access",
    "PERMISSIONS_TABLE": "permissions",
    "TEAMS_TABLE": "teams",
    "AWS_REGION": REGION,
    # Nobody listens there.
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
}


def invoke(**event: str) -> Outcome:
    arn = f"arn:aws:execute-api:{REGION}:000000000000:abcdefghij/v1/GET/permissions"
    event = {"type": "TOKEN", "methodArn": arn, "authorizationToken": TOKEN, **event}
    return run_on_aws("bbws_access.authorizer.handler.handler", SOURCES, event, ENVIRONMENT)


def test_a_refused_token_is_one_line_of_ours_and_one_of_the_runtime() -> None:
    """The runtime's line stands at ERROR, though a bad token is nobody's fault here: filters must go by the message."""
    outcome = invoke()
    assert outcome.kind == "error"
    assert (outcome.answer["errorMessage"], outcome.answer["errorType"]) == ("Unauthorized", "Unauthorized")
    ours, runtimes = map(json.loads, outcome.lines)
    assert (ours["level"], ours["message"], ours["requestId"]) == ("INFO", "Authentication failed", REQUEST)
    assert (runtimes["level"], runtimes["errorType"], runtimes["requestId"]) == ("ERROR", "Unauthorized", REQUEST)
    assert "message" not in runtimes
    assert not any(part in line for line in outcome.lines for part in ("aaaa", "bbbb", "cccc"))


@pytest.mark.parametrize("arn", ["arn:aws:execute-api:eu-west-1:000000000000:zzzzzzzzzz/v1/GET/permissions", "nothing"])
def test_a_fault_is_two_lines_at_error(arn: str) -> None:
    outcome = invoke(methodArn=arn)
    assert (outcome.kind, outcome.answer["errorType"]) == ("error", "AuthorizerFault")
    ours, runtimes = map(json.loads, outcome.lines)
    assert (ours["level"], ours["message"]) == ("ERROR", "Authorizer fault")
    assert (runtimes["level"], runtimes["errorMessage"]) == ("ERROR", "The request could not be authorized")
