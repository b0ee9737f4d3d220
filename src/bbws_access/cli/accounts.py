"""The account of a person in the user pool: whether they may sign in, with what, and a new temporary password."""

import shlex
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from bbws_access.cli.errors import UsageError, service_errors
from bbws_access.cli.targets import Target

_INVITED = "FORCE_CHANGE_PASSWORD"
_AUTHENTICATOR, _SMS, _EMAIL = "SOFTWARE_TOKEN_MFA", "SMS_MFA", "EMAIL_OTP"
_FACTORS = {_AUTHENTICATOR: "authenticator app", _SMS: "text message", _EMAIL: "e-mail"}


def account_of(target: Target, outputs: Mapping[str, Any], user_id: str, now: datetime) -> dict[str, Any] | None:
    """What the user pool knows of a person; None without an account.

    Returns email, emailVerified, enabled, status, signIn (a sentence), secondFactor (a sentence), organisationId (the
    default one), dateCreated.
    """
    cognito, pool = target.client("cognito-idp"), outputs["user_pool_id"]
    with service_errors():
        try:
            found = cognito.admin_get_user(UserPoolId=pool, Username=user_id)
        except cognito.exceptions.UserNotFoundException:
            return None
        about = cognito.describe_user_pool(UserPoolId=pool)["UserPool"]
    attributes = {item["Name"]: item["Value"] for item in found["UserAttributes"]}
    return {
        "email": attributes.get("email"),
        "emailVerified": attributes.get("email_verified") == "true",
        "enabled": found["Enabled"],
        "status": found["UserStatus"],
        "signIn": _sign_in(found, about, now),
        "secondFactor": _second_factor(found, about),
        "organisationId": attributes.get("custom:organisation_id"),
        "dateCreated": found["UserCreateDate"].isoformat(timespec="seconds"),
    }


def resend_password(target: Target, outputs: Mapping[str, Any], email: str) -> dict[str, Any]:
    """Have Cognito mail a new temporary password to somebody who has not signed in yet; the one before ends.

    Returns userId, email, validUntil. Raises UsageError for whoever has no account, a disabled one, or a password of
    their own.
    """
    cognito, pool = target.client("cognito-idp"), outputs["user_pool_id"]
    with service_errors():
        try:
            found = cognito.admin_get_user(UserPoolId=pool, Username=email)
        except cognito.exceptions.UserNotFoundException:
            hint = f"`{target.advice('user list', '--find', email.partition('@')[0])}` shows whether it is another one."
            raise UsageError(f"There is no account of {email}.", hint) from None
        if not found["Enabled"]:
            enable = f"aws cognito-idp admin-enable-user --user-pool-id {pool} --username {shlex.quote(email)}"
            raise UsageError(f"The account of {email} is disabled.", f"Enable it first: `{enable}`.")
        if found["UserStatus"] != _INVITED:
            reset = f"aws cognito-idp admin-reset-user-password --user-pool-id {pool} --username {shlex.quote(email)}"
            raise UsageError(
                f"{email} has a password of their own, so there is no temporary one to send again.",
                f"Whoever forgot it gets a code for a new one by mail: `{reset}`.",
            )
        sent = cognito.admin_create_user(
            UserPoolId=pool, Username=email, MessageAction="RESEND", DesiredDeliveryMediums=["EMAIL"]
        )["User"]
        about = cognito.describe_user_pool(UserPoolId=pool)["UserPool"]
    attributes = {item["Name"]: item["Value"] for item in found["UserAttributes"]}
    return {
        "userId": attributes["sub"],
        "email": email,
        "validUntil": _valid_until(sent, about).isoformat(timespec="seconds"),
    }


def _sign_in(found: Mapping[str, Any], about: Mapping[str, Any], now: datetime) -> str:
    if not found["Enabled"]:
        return "disabled: cannot sign in"
    status = found["UserStatus"]
    if status == _INVITED:
        until = _valid_until(found, about)
        if until <= now:
            return f"never signed in; the temporary password ended {until:%Y-%m-%d %H:%M} UTC"
        return f"has not signed in yet; the temporary password is valid until {until:%Y-%m-%d %H:%M} UTC"
    return {
        "CONFIRMED": "may sign in",
        "RESET_REQUIRED": "has to choose a new password, with a code that comes by mail",
        "UNCONFIRMED": "signed up by themselves, and has not confirmed the address",
    }.get(status, status)


def _valid_until(found: Mapping[str, Any], about: Mapping[str, Any]) -> datetime:
    """When a temporary password ends that was sent as the account was changed last."""
    from datetime import UTC

    days = about.get("Policies", {}).get("PasswordPolicy", {}).get("TemporaryPasswordValidityDays", 7)
    return found["UserLastModifiedDate"].astimezone(UTC) + timedelta(days=days)


def _second_factor(found: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    factors = [_FACTORS.get(one, one) for one in found.get("UserMFASettingList") or ()]
    wanted = about.get("MfaConfiguration", "OFF")
    if wanted == "OFF":
        return "not used in this user pool"
    if factors:
        return " and ".join(factors)
    return "none yet; asked for at the next sign-in" if wanted == "ON" else "none; optional in this user pool"
