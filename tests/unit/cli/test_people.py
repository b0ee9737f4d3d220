"""People that the tool makes, in a real user pool."""

from __future__ import annotations

import boto3
import pytest

from bbws_access.cli import people
from bbws_access.cli.errors import UsageError
from tests.support.invitations import new_email


@pytest.mark.parametrize("verified", ["false", None])
def test_nothing_is_given_to_an_account_whose_address_nobody_verified(user_pool: str, verified: str | None) -> None:
    cognito, email = boto3.client("cognito-idp"), new_email()
    attributes = [{"Name": "email", "Value": email}]
    if verified is not None:
        attributes.append({"Name": "email_verified", "Value": verified})
    cognito.admin_create_user(UserPoolId=user_pool, Username=email, UserAttributes=attributes, MessageAction="SUPPRESS")
    with pytest.raises(UsageError, match="has not verified that"):
        people._ensure_user(cognito, user_pool, email, "org-1", invite=False)


def test_an_account_that_is_there_is_used(user_pool: str) -> None:
    cognito, email = boto3.client("cognito-idp"), new_email()
    made, created = people._ensure_user(cognito, user_pool, email, "org-1", invite=False)
    again, created_again = people._ensure_user(cognito, user_pool, email, "org-2", invite=False)
    assert (created, created_again) == (True, False)
    assert (again["sub"], again["custom:organisation_id"]) == (made["sub"], "org-1")


@pytest.mark.parametrize(
    "email",
    ["ad\u200ba@acme.example", "\u0430da@acme.example", "ada@acm\u0435.example", "a#b@c.example", "a\u00ad@b.example"],
)
def test_an_address_that_only_looks_like_somebodys(email: str) -> None:
    with pytest.raises(UsageError, match="cannot be the address"):
        people._check_invitable(email)
    assert people._check_invitable(" Ada@Acme.example") == "ada@acme.example"
