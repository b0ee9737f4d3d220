"""Signing in as somebody of a deployment's user pool."""

import getpass
import sys
from collections.abc import Mapping
from typing import Any

from bbws_access.cli import totp
from bbws_access.cli.console import err
from bbws_access.cli.errors import ToolError, service_errors
from bbws_access.cli.people import check_email, generate_password, remember_password, remembered_password
from bbws_access.cli.srp import Client, SrpError
from bbws_access.cli.targets import LocalTarget, Target

AUTHENTICATORS = "authenticators.json"


def sign_in(target: Target, outputs: Mapping[str, Any], email: str, password: str) -> str:
    """The token of a user that the API takes, by SRP; asks for a code or a new password when the pool wants one."""
    email = check_email(email)
    cognito = target.client("cognito-idp")
    client_id = outputs["client_id"]
    srp = Client(outputs["user_pool_id"])
    authenticator = _LocalAuthenticator(target, email) if isinstance(target, LocalTarget) else _Authenticator()
    with service_errors():
        try:
            answer = cognito.initiate_auth(
                ClientId=client_id,
                AuthFlow="USER_SRP_AUTH",
                AuthParameters={"USERNAME": email, "SRP_A": srp.public},
            )
            while "AuthenticationResult" not in answer:
                responses = _respond(cognito, answer, srp, password, authenticator)
                session = {"Session": answer["Session"]} if answer.get("Session") else {}
                answer = cognito.respond_to_auth_challenge(
                    ClientId=client_id, ChallengeName=answer["ChallengeName"], ChallengeResponses=responses, **session
                )
        except (cognito.exceptions.NotAuthorizedException, cognito.exceptions.UserNotFoundException) as error:
            raise ToolError(f"{email} cannot sign in: wrong e-mail address or password.") from error
        except SrpError as error:
            raise ToolError(str(error)) from error
    kind = "IdToken" if outputs.get("token_use") == "id" else "AccessToken"
    return answer["AuthenticationResult"][kind]


def sign_in_as(target: Target, outputs: Mapping[str, Any], email: str, password: str | None = None) -> str:
    """Like `sign_in`, with the password that the local AWS remembers or that the user is asked for unless given."""
    email = check_email(email)
    status = _status(target, outputs, email)
    if password is None and isinstance(target, LocalTarget):
        password = _first_password(target, outputs, email, status) or remembered_password(target, email)
    if password is None:
        password = ask(f"Password of {email}: ", hidden=True)
    return sign_in(target, outputs, email, password)


def _status(target: Target, outputs: Mapping[str, Any], email: str) -> str | None:
    """Cognito's word for an account; None where the caller may not know it, who may sign in all the same.

    Raises ToolError where there is none, which whoever works here may know: strangers ask the pool, and it tells them
    nothing.
    """
    from botocore.exceptions import ClientError

    cognito = target.client("cognito-idp")
    with service_errors():
        try:
            return cognito.admin_get_user(UserPoolId=outputs["user_pool_id"], Username=email)["UserStatus"]
        except cognito.exceptions.UserNotFoundException as error:
            raise ToolError(
                f"There is no account of {email} in {target.environment.name}.",
                f"`{target.advice('user list')}` names everybody who holds something.",
            ) from error
        except ClientError as error:
            if error.response["Error"]["Code"] != "AccessDeniedException":
                raise
            return None


def _first_password(target: LocalTarget, outputs: Mapping[str, Any], email: str, status: str | None) -> str | None:
    """Stands in for somebody of the local AWS who was invited, reads the mail and chooses a password; else None."""
    if status != "FORCE_CHANGE_PASSWORD":
        return None
    cognito, pool = target.client("cognito-idp"), outputs["user_pool_id"]
    with service_errors():
        # Kept first: a run that was killed in between finds it, and sets it.
        password = remembered_password(target, email) or remember_password(target, email, generate_password())
        cognito.admin_set_user_password(UserPoolId=pool, Username=email, Password=password, Permanent=True)
    return password


class _Authenticator:
    """The authenticator app of the person at the terminal."""

    def code(self) -> str:
        return ask("Code: ")

    def bind(self, secret: str) -> None:
        """Give the app the secret that its codes are made from."""
        err.print(f"Enter this key in an authenticator app: {secret}", markup=False)


class _LocalAuthenticator(_Authenticator):
    """Stands in for the app of a user of the local AWS; its secret lies in a file that only you can read."""

    def __init__(self, target: LocalTarget, email: str) -> None:
        self._target = target
        self._email = email

    def code(self) -> str:
        secret = self._target.read(AUTHENTICATORS).get(self._email)
        return totp.code(secret) if secret else super().code()

    def bind(self, secret: str) -> None:
        self._target.write(AUTHENTICATORS, self._target.read(AUTHENTICATORS) | {self._email: secret})


def _respond(
    cognito: Any, answer: dict[str, Any], srp: Client, password: str, authenticator: _Authenticator
) -> dict[str, str]:
    """What to answer to a challenge of the pool."""
    name, given = answer["ChallengeName"], answer["ChallengeParameters"]
    user = given.get("USER_ID_FOR_SRP") or given.get("USERNAME") or ""
    if name == "PASSWORD_VERIFIER":
        proof = srp.prove(user, password, given["SALT"], given["SRP_B"], given["SECRET_BLOCK"])
        return {
            "USERNAME": user,
            "PASSWORD_CLAIM_SECRET_BLOCK": given["SECRET_BLOCK"],
            "PASSWORD_CLAIM_SIGNATURE": proof.signature,
            "TIMESTAMP": proof.timestamp,
        }
    if name == "SOFTWARE_TOKEN_MFA":
        return {"USERNAME": user, "SOFTWARE_TOKEN_MFA_CODE": authenticator.code()}
    if name == "MFA_SETUP":
        answer["Session"] = _set_up_authenticator(cognito, answer["Session"], authenticator)
        return {"USERNAME": user}
    if name == "NEW_PASSWORD_REQUIRED":
        return {"USERNAME": user, "NEW_PASSWORD": ask("New password: ", hidden=True)}
    raise ToolError(f"The user pool asks for {name}, which this tool cannot answer.")


def _set_up_authenticator(cognito: Any, session: str, authenticator: _Authenticator) -> str:
    """Bind an authenticator app to the user, who has no second factor yet; returns the session to go on with."""
    begun = cognito.associate_software_token(Session=session)
    authenticator.bind(begun["SecretCode"])
    return cognito.verify_software_token(Session=begun["Session"], UserCode=authenticator.code())["Session"]


def ask(question: str, *, hidden: bool = False) -> str:
    """Ask at the terminal, on standard error, so that standard output holds the result alone."""
    if not sys.stdin.isatty():
        raise ToolError(f"The user pool asks for an answer ({question.rstrip(': ')}), and there is no terminal.")
    if hidden:
        return getpass.getpass(question, stream=sys.stderr)
    err.print(question, end="", markup=False)
    return input().strip()
