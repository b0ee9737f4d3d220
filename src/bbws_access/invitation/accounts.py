"""The accounts of invited people in the user pool. An account without a grant may do nothing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from bbws_access.kernel.aws import Aws, AwsError, AwsUnavailable
from bbws_access.kernel.errors import Conflict, Unavailable
from bbws_access.kernel.ids import is_user_id

_SENT_JUST_NOW = 3600.0  # seconds
_LONGEST_SEARCH = 5.0  # seconds for the accounts of a hundred addresses


class Account(NamedTuple):
    """`user_id` is the account's sub; `created`: it was made now."""

    user_id: str
    created: bool


def find(aws: Aws, pool: str, email: str) -> dict | None:
    """The user pool's record of the account with an address, usable or not; None without one.

    Raises Unavailable when Cognito is.
    """
    try:
        return aws.cognito("AdminGetUser", {"UserPoolId": pool, "Username": email})
    except AwsUnavailable as error:
        raise _unavailable() from error
    except AwsError as error:
        if error.code == "UserNotFoundException":
            return None
        raise


def find_each(aws: Aws, pool: str, emails: Iterable[str]) -> list[dict | AwsError | None]:
    """What `find` would find of each address, in their order; or why that is not known."""
    bodies = [{"UserPoolId": pool, "Username": email} for email in emails]
    answers = aws.each("cognito", "AdminGetUser", bodies, deadline=_LONGEST_SEARCH)
    return [
        None if isinstance(answer, AwsError) and answer.code == "UserNotFoundException" else answer
        for answer in answers
    ]


def use_or_create(aws: Aws, pool: str, email: str, org_id: str, found: dict | None, now: datetime) -> Account:
    """The account that `find` found, or a new one: of the organisation, with a temporary password that goes by mail.

    Doing it again, also after a failure half way, uses what is there.
    Raises ACCOUNT_NOT_USABLE for an account that may not sign in with the address, Unavailable when Cognito is.
    """
    if found is None:
        made = _create(aws, pool, email, org_id)
        if made is not None:
            return Account(_id_in(made["User"]["Attributes"]), created=True)
        found = find(aws, pool, email)
    if found is None:
        raise Unavailable("The account is being changed at the same moment. Try again.")
    if not is_usable(found, email):
        raise Conflict(
            "There is an account with this address that cannot be used: it is disabled, or the address is not "
            "verified. Ask the platform's support.",
            code="ACCOUNT_NOT_USABLE",
        )
    if found["UserStatus"] == "FORCE_CHANGE_PASSWORD" and _is_old(found, now):
        # Nobody has ever signed in, and the temporary password may be gone or expired: send another one.
        _send_password_again(aws, pool, email)
    return Account(user_id(found), created=False)


def is_usable(found: dict, email: str) -> bool:
    """Whether whoever signs in to an account that `find` found is the person of the address: enabled, and verified."""
    attributes = {attribute["Name"]: attribute["Value"] for attribute in found["UserAttributes"]}
    proven = attributes.get("email_verified") == "true" and attributes.get("email", "").lower() == email
    return found["Enabled"] and proven


def user_id(found: dict) -> str:
    """The sub of an account that `find` found."""
    return _id_in(found["UserAttributes"])


def _create(aws: Aws, pool: str, email: str, org_id: str) -> dict | None:
    """The new account; None where somebody else made it first, or this did before its answer was lost."""
    attributes = {"email": email, "email_verified": "true", "custom:organisation_id": org_id}
    body = {
        "UserPoolId": pool,
        "Username": email,
        "UserAttributes": [{"Name": name, "Value": value} for name, value in attributes.items()],
        "DesiredDeliveryMediums": ["EMAIL"],
    }
    try:
        return aws.cognito("AdminCreateUser", body)
    except AwsUnavailable as error:
        raise _unavailable() from error
    except AwsError as error:
        if error.code == "UsernameExistsException":
            return None
        raise


def _send_password_again(aws: Aws, pool: str, email: str) -> None:
    body = {"UserPoolId": pool, "Username": email, "MessageAction": "RESEND", "DesiredDeliveryMediums": ["EMAIL"]}
    try:
        aws.cognito("AdminCreateUser", body)
    except AwsUnavailable as error:
        raise _unavailable() from error
    except AwsError as error:
        # UnsupportedUserStateException: the person signs in for the first time at this moment.
        if error.code != "UnsupportedUserStateException":
            raise


def _is_old(found: dict, now: datetime) -> bool:
    return now.timestamp() - float(found["UserLastModifiedDate"]) > _SENT_JUST_NOW


def _id_in(attributes: list[dict]) -> str:
    [sub] = [attribute["Value"] for attribute in attributes if attribute["Name"] == "sub"]
    if not is_user_id(sub):
        raise ValueError("The user pool has an account whose sub is no user id")
    return sub


def _unavailable() -> Unavailable:
    return Unavailable("Accounts cannot be reached now. Nothing has changed: try again.", retry_after=5)
