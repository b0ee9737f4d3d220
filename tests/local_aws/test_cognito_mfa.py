"""Second factor of user pools: shim `cognito_mfa`."""

import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from bbws_access.cli.totp import code
from tests.local_aws.conftest import Aws

PASSWORD = "Correct-Horse-7"
EMAIL = "admin@demo.example"


def test_a_second_factor_is_set_up_then_asked_for(aws: Aws) -> None:
    cognito = aws.client("cognito-idp")
    pool = cognito.create_user_pool(PoolName=f"pool-{time.time_ns()}", UsernameAttributes=["email"])["UserPool"]["Id"]
    cognito.set_user_pool_mfa_config(
        UserPoolId=pool, SoftwareTokenMfaConfiguration={"Enabled": True}, MfaConfiguration="ON"
    )
    client = cognito.create_user_pool_client(
        UserPoolId=pool, ClientName="main", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"]
    )["UserPoolClient"]["ClientId"]
    cognito.admin_create_user(UserPoolId=pool, Username=EMAIL, MessageAction="SUPPRESS")
    cognito.admin_set_user_password(UserPoolId=pool, Username=EMAIL, Password=PASSWORD, Permanent=True)

    def sign_in() -> dict[str, Any]:
        return cognito.initiate_auth(
            ClientId=client,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": EMAIL, "PASSWORD": PASSWORD},
        )

    def answer(challenge: str, session: str, **responses: str) -> dict[str, Any]:
        return cognito.respond_to_auth_challenge(
            ClientId=client,
            ChallengeName=challenge,
            Session=session,
            ChallengeResponses={"USERNAME": EMAIL, **responses},
        )

    asked = sign_in()
    assert (asked["ChallengeName"], "AuthenticationResult" in asked) == ("MFA_SETUP", False)
    with pytest.raises(ClientError, match="NotAuthorized"):
        answer("MFA_SETUP", asked["Session"])  # nothing was set up
    with pytest.raises(ClientError, match="NotAuthorized"):
        cognito.associate_software_token(Session="A" * 44)
    begun = cognito.associate_software_token(Session=asked["Session"])
    secret = begun["SecretCode"]
    with pytest.raises(ClientError, match="Code mismatch"):
        cognito.verify_software_token(Session=begun["Session"], UserCode=f"{(int(code(secret)) + 1) % 10**6:06d}")
    verified = cognito.verify_software_token(Session=begun["Session"], UserCode=code(secret))
    assert "AccessToken" in answer("MFA_SETUP", verified["Session"])["AuthenticationResult"]

    again = sign_in()
    assert again["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
    with pytest.raises(ClientError, match="NotAuthorized"):
        answer("SOFTWARE_TOKEN_MFA", "A" * 44, SOFTWARE_TOKEN_MFA_CODE=code(secret))  # no password was proven
    signed_in = answer("SOFTWARE_TOKEN_MFA", again["Session"], SOFTWARE_TOKEN_MFA_CODE=code(secret))
    assert "AccessToken" in signed_in["AuthenticationResult"]
