"""Which of the tokens of a sign-in the tool goes on with."""

from types import SimpleNamespace
from typing import Any

import pytest

from bbws_access.cli.sign_in import sign_in

OUTPUTS = {"user_pool_id": "eu-west-1_Pool", "client_id": "client"}


class _Pool:
    """A user pool that asks for nothing more."""

    exceptions = SimpleNamespace(NotAuthorizedException=KeyError, UserNotFoundException=KeyError)

    def initiate_auth(self, **asked: Any) -> dict[str, Any]:
        assert (asked["ClientId"], asked["AuthFlow"]) == ("client", "USER_SRP_AUTH")
        return {"AuthenticationResult": {"AccessToken": "the access token", "IdToken": "the id token"}}


@pytest.mark.parametrize(
    ("outputs", "token"),
    [
        (OUTPUTS, "the access token"),  # of a stack that was deployed before there was a choice
        (OUTPUTS | {"token_use": "access"}, "the access token"),
        (OUTPUTS | {"token_use": "id"}, "the id token"),
    ],
)
def test_the_token_is_the_one_that_the_api_takes(outputs: dict[str, str], token: str) -> None:
    target: Any = SimpleNamespace(client=lambda service: _Pool())
    assert sign_in(target, outputs, "ada@example.com", "a password") == token
