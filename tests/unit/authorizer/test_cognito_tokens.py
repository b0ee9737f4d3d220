"""Tokens as Cognito itself makes them, with the keys that it serves."""

import io
from typing import NamedTuple

import boto3
import pytest

from bbws_access.authorizer.tokens import Failure, KeySet, TokenRefused, Verifier
from bbws_access.kernel.logs import Logger
from tests.support.tables import REGION


class SignedIn(NamedTuple):
    pool_id: str
    client_id: str
    access_token: str
    id_token: str
    sub: str


def _sign_in(client, pool_id: str, client_id: str) -> dict:
    return client.initiate_auth(
        ClientId=client_id,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "me@example.org", "PASSWORD": "Swordfish-1"},
    )["AuthenticationResult"]


@pytest.fixture(scope="module")
def cognito(local_aws) -> list[SignedIn]:
    """The same person in two clients of one pool, and in a second pool."""
    client = boto3.client("cognito-idp", region_name=REGION)
    found = []
    for clients in (2, 1):
        pool_id = client.create_user_pool(PoolName="test", UsernameAttributes=["email"])["UserPool"]["Id"]
        client.admin_create_user(
            UserPoolId=pool_id,
            Username="me@example.org",
            UserAttributes=[{"Name": "email", "Value": "me@example.org"}],
            MessageAction="SUPPRESS",
        )
        client.admin_set_user_password(
            UserPoolId=pool_id, Username="me@example.org", Password="Swordfish-1", Permanent=True
        )
        user = client.admin_get_user(UserPoolId=pool_id, Username="me@example.org")
        sub = next(one["Value"] for one in user["UserAttributes"] if one["Name"] == "sub")
        for _ in range(clients):
            made = client.create_user_pool_client(
                UserPoolId=pool_id, ClientName="test", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"]
            )
            client_id = made["UserPoolClient"]["ClientId"]
            result = _sign_in(client, pool_id, client_id)
            found.append(SignedIn(pool_id, client_id, result["AccessToken"], result["IdToken"], sub))
    return found


@pytest.fixture
def verifier(local_aws, cognito) -> Verifier:
    return _verifier(local_aws, cognito[0])


def _verifier(local_aws, first: SignedIn, **settings: str) -> Verifier:
    log = Logger("authorizer", "test", stream=io.StringIO())
    return Verifier(
        issuers={
            f"https://cognito-idp.{REGION}.amazonaws.com/{first.pool_id}": KeySet(
                f"{local_aws.endpoint}/{first.pool_id}/.well-known/jwks.json", log
            )
        },
        client_ids=(first.client_id,),
        **settings,
    )


def test_an_access_token_proves_who_calls(verifier, cognito):
    assert verifier.verify(f"Bearer {cognito[0].access_token}").user_id == cognito[0].sub


@pytest.mark.parametrize(
    ("choose", "failure"),
    [
        (lambda found: found[0].id_token, Failure.WRONG_USE),
        (lambda found: found[1].access_token, Failure.WRONG_CLIENT),
        (lambda found: found[2].access_token, Failure.WRONG_POOL),
    ],
    ids=["id-token", "other-client", "other-pool"],
)
def test_other_tokens_of_cognito_do_not(verifier, cognito, choose, failure):
    with pytest.raises(TokenRefused) as caught:
        verifier.verify(f"Bearer {choose(cognito)}")
    assert caught.value.failure is failure


def test_an_id_token_does_where_it_is_the_one_that_is_taken(local_aws, cognito):
    verifier = _verifier(local_aws, cognito[0], kind="id")
    assert verifier.verify(f"Bearer {cognito[0].id_token}").user_id == cognito[0].sub
    for other, failure in (
        (cognito[0].access_token, Failure.WRONG_USE),
        (cognito[1].id_token, Failure.WRONG_CLIENT),
        (cognito[2].id_token, Failure.WRONG_POOL),
    ):
        with pytest.raises(TokenRefused) as caught:
            verifier.verify(f"Bearer {other}")
        assert caught.value.failure is failure
