"""Reference data, organisations, users and sign-in."""

import contextlib
import getpass
import json
import os
import secrets
import ssl
import string
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any

from bbws_access.cli import events, totp
from bbws_access.cli.console import err
from bbws_access.cli.errors import ToolError, UsageError
from bbws_access.cli.srp import Client, SrpError
from bbws_access.cli.targets import LocalTarget, Target

DEMO = "demo.json"
PASSWORDS = "passwords.json"
AUTHENTICATORS = "authenticators.json"
DEMO_ORGANISATION = {"id": "org-demo", "name": "Demo organisation", "email": "admin@demo.example"}
PASSWORD_LENGTH = 24
ORGANISATION_CREATED = "OrganisationCreated"
USER_DEACTIVATED = "UserDeactivated"


def actor() -> str:
    """Who the records say did it."""
    with contextlib.suppress(OSError, KeyError):
        return f"bbws-access:{getpass.getuser()}"
    return "bbws-access"


def database(target: Target) -> Any:
    """The tables of a target that the process has entered."""
    import boto3

    from bbws_access.kernel.dynamodb import Credentials, Database

    def credentials() -> Credentials:
        found = boto3.Session().get_credentials()
        if found is None:
            raise ToolError("No AWS credentials were found.", "Sign in to AWS.")
        frozen = found.get_frozen_credentials()
        return Credentials(frozen.access_key, frozen.secret_key, frozen.token)

    return Database(
        target.environment.region, os.environ.get("AWS_ENDPOINT_URL"), credentials, deadline=30.0, attempt_timeout=10.0
    )


@contextlib.contextmanager
def service_errors() -> Iterator[None]:
    """Turn what the services and AWS refuse into errors of the tool."""
    from botocore.exceptions import BotoCoreError, ClientError

    from bbws_access.kernel.dynamodb import DatabaseError
    from bbws_access.kernel.errors import ServiceError
    from bbws_access.kernel.keys import InvalidKey

    try:
        yield
    except ServiceError as error:
        raise UsageError(error.message) from error
    except InvalidKey as error:
        raise UsageError(f"{error}.") from error
    except DatabaseError as error:
        raise ToolError(f"The tables do not answer: {error}.") from error
    except ClientError as error:
        details = error.response["Error"]
        raise ToolError(f"AWS refuses {error.operation_name}: {details.get('Message') or details['Code']}") from error
    except BotoCoreError as error:
        raise ToolError(f"AWS cannot be reached: {error}.") from error


# --- Data ------------------------------------------------------------------------------------------------------------


def seed(target: Target, outputs: Mapping[str, Any]) -> dict[str, Any]:
    """Write the reference data; what is right already stays as it is."""
    from bbws_access.reference_data import seed_reference_data

    with service_errors():
        return seed_reference_data(database(target), outputs["table_names"]["permissions"], actor())


def create_organisation(
    target: Target, outputs: Mapping[str, Any], name: str, organisation_id: str | None = None
) -> dict[str, Any]:
    """Tell the services of a new organisation, and wait until it has its default roles and team roles.

    With an id, doing it again changes nothing, and goes on where it was cut off.
    Returns organisationId, name, created. Raises ToolError when a service does not do its part in time.
    """
    from bbws_access.kernel.records import organisation_read
    from bbws_access.role.organisations import check_organisation
    from bbws_access.team import store as team_roles

    with service_errors():
        name, org_id = check_organisation(name, organisation_id)
        tables, names = database(target), outputs["table_names"]

        def recorded() -> dict[str, Any] | None:
            [found] = tables.parallel([organisation_read(names["permissions"], org_id)])
            return found

        def has_team_roles() -> bool:
            [page] = tables.parallel([team_roles.team_role_names(names["teams"], org_id)])
            return bool(page.items)

        found = recorded()
        if found is not None and found["name"] != name:
            raise UsageError(f"The organisation {org_id} is there already, with the name {found['name']!r}.")
        parts = {"role": lambda: recorded() is not None, "team": has_team_roles}
        created = found is None
        if created or not all(parts[service]() for service in events.consumers(ORGANISATION_CREATED)):
            events.tell(target, ORGANISATION_CREATED, {"organisationId": org_id, "name": name})
            events.wait(outputs, ORGANISATION_CREATED, parts)
    return {"organisationId": org_id, "name": name, "created": created}


def deactivate_user(
    target: Target, outputs: Mapping[str, Any], email: str, organisation: str | None = None
) -> dict[str, Any]:
    """End everything that a user holds: in one organisation, or everywhere, and then they cannot sign in either.

    Platform roles, which no service may take away, end here; the rest ends when the services get the event that this
    sends, and is waited for. Doing it again changes nothing, and goes on where it was cut off.
    Returns userId, email, organisationId (None: everywhere), platformRoles (names of those that were taken away).
    Raises ToolError when a service does not do its part in time.
    """
    from bbws_access.kernel.records import Change, organisation_read
    from bbws_access.role import store as roles
    from bbws_access.role.engineers import end_platform_roles
    from bbws_access.team import store as teams

    email = check_email(email)
    pool = outputs["user_pool_id"]
    cognito = target.client("cognito-idp")
    tables, names = database(target), outputs["table_names"]
    with service_errors():
        try:
            answer = cognito.admin_get_user(UserPoolId=pool, Username=email)
        except cognito.exceptions.UserNotFoundException:
            raise UsageError(f"There is no user {email}.") from None
        user_id = next(item["Value"] for item in answer["UserAttributes"] if item["Name"] == "sub")
        platform_roles: list[str] = []
        if organisation is None:
            cognito.admin_disable_user(UserPoolId=pool, Username=email)
            cognito.admin_user_global_sign_out(UserPoolId=pool, Username=email)
            change = Change.outside_a_request(actor())
            platform_roles = end_platform_roles(tables, names["permissions"], user_id, change)
        elif tables.parallel([organisation_read(names["permissions"], organisation)]) == [None]:
            raise UsageError(f"There is no organisation {organisation}.")
        detail = {"userId": user_id} | ({"organisationId": organisation} if organisation else {})
        events.tell(target, USER_DEACTIVATED, detail)

        def ended(query: Any) -> bool:
            [page] = tables.parallel([query])
            return not any(item["active"] for item in tables.rest_of(query, page))

        parts = {
            "role": lambda: ended(roles.all_assignments_of_user(names["permissions"], user_id, organisation)),
            "team": lambda: ended(teams.memberships(names["teams"], user_id, organisation)),
        }
        events.wait(outputs, USER_DEACTIVATED, parts)
    return {"userId": user_id, "email": email, "organisationId": organisation, "platformRoles": platform_roles}


def create_user(
    target: Target,
    outputs: Mapping[str, Any],
    email: str,
    organisation: str,
    role: str,
    password: str | None,
    *,
    platform: bool = False,
) -> dict[str, Any]:
    """Make a user of the pool who belongs to ``organisation`` and has ``role`` in it; again changes nothing.

    With ``platform`` the role is one of the platform's, and reaches every organisation.
    Without ``password``, AWS sends an invitation by e-mail. Returns userId, email, organisationId, roleId, created.
    """
    from bbws_access.kernel.records import Change
    from bbws_access.role.engineers import assign_role

    email = check_email(email)
    pool = outputs["user_pool_id"]
    cognito = target.client("cognito-idp")
    with service_errors():
        # Whether organisation and role exist shows before anything is made.
        _require_role(target, outputs, organisation, role, platform=platform)
        user, created = _ensure_user(cognito, pool, email, organisation, invite=password is None)
        if password is not None and created:
            cognito.admin_set_user_password(UserPoolId=pool, Username=user["sub"], Password=password, Permanent=True)
        assigned = assign_role(
            database(target),
            outputs["table_names"]["permissions"],
            user["sub"],
            role,
            Change.outside_a_request(actor()),
            None if platform else organisation,
        )
    return {
        "userId": user["sub"],
        "email": email,
        "organisationId": organisation,
        "roleId": assigned["assignment"]["roleId"],
        "created": created,
    }


def _require_role(target: Target, outputs: Mapping[str, Any], organisation: str, role: str, *, platform: bool) -> None:
    from bbws_access.kernel.contract import load_roles
    from bbws_access.kernel.records import organisation_read
    from bbws_access.role import store

    table = outputs["table_names"]["permissions"]
    tables = database(target)
    asked = store.roles(table, organisation, {"active": True, "order": "oldest"})
    found, page = tables.parallel([organisation_read(table, organisation), asked])
    if found is None:
        raise UsageError(f"There is no organisation {organisation}.", "Make it with `bbws-access org create NAME`.")
    roles = load_roles()["platformRoles"] if platform else tables.rest_of(asked, page)
    if not any(role in (item["roleId"], item["name"]) for item in roles):
        names = ", ".join(sorted(item["name"] for item in roles))
        raise UsageError(f"{'The platform' if platform else organisation} has no role {role}; it has {names}.")


def _ensure_user(
    cognito: Any, pool: str, email: str, organisation: str, *, invite: bool
) -> tuple[dict[str, str], bool]:
    """The user's attributes, and whether it was made now."""
    attributes = {"email": email, "email_verified": "true", "custom:organisation_id": organisation}
    pairs = [{"Name": name, "Value": value} for name, value in attributes.items()]
    options = {"DesiredDeliveryMediums": ["EMAIL"]} if invite else {"MessageAction": "SUPPRESS"}
    try:
        answer = cognito.admin_create_user(UserPoolId=pool, Username=email, UserAttributes=pairs, **options)
    except cognito.exceptions.UsernameExistsException:
        answer = cognito.admin_get_user(UserPoolId=pool, Username=email)
        return {item["Name"]: item["Value"] for item in answer["UserAttributes"]}, False
    return {item["Name"]: item["Value"] for item in answer["User"]["Attributes"]}, True


def check_email(email: str) -> str:
    """The address in lower case. Raises UsageError when it is none."""
    name, at, domain = email.strip().lower().rpartition("@")
    if not at or not name or "." not in domain or any(sign.isspace() for sign in email.strip()):
        raise UsageError(f"{email!r} is not an e-mail address.")
    return f"{name}@{domain}"


def generate_password() -> str:
    """A password that every policy of Cognito accepts."""
    kinds = (string.ascii_lowercase, string.ascii_uppercase, string.digits, "-_.!+=")
    letters = [secrets.choice(kind) for kind in kinds]
    letters += [secrets.choice("".join(kinds)) for _ in range(PASSWORD_LENGTH - len(letters))]
    secrets.SystemRandom().shuffle(letters)
    return "".join(letters)


def ensure_demo(target: LocalTarget, outputs: Mapping[str, Any]) -> dict[str, str]:
    """The demo organisation and its administrator, whose password lies in a file that only you can read."""
    email = DEMO_ORGANISATION["email"]
    organisation = create_organisation(target, outputs, DEMO_ORGANISATION["name"], DEMO_ORGANISATION["id"])
    password = remembered_password(target, email) or remember_password(target, email, generate_password())
    user = create_user(target, outputs, email, organisation["organisationId"], "ORG_ADMIN", password)
    if not user["created"]:
        # A run that was killed in between may have left the user without this password.
        with service_errors():
            target.client("cognito-idp").admin_set_user_password(
                UserPoolId=outputs["user_pool_id"], Username=user["userId"], Password=password, Permanent=True
            )
    demo = {"organisation_id": organisation["organisationId"], "email": email, "user_id": user["userId"]}
    target.write(DEMO, demo)
    return demo


def remembered_password(target: LocalTarget, email: str) -> str | None:
    """The generated password of a local user."""
    return target.read(PASSWORDS).get(email)


def remember_password(target: LocalTarget, email: str, password: str) -> str:
    target.write(PASSWORDS, target.read(PASSWORDS) | {email: password})
    return password


def health(target: LocalTarget, outputs: Mapping[str, Any]) -> bool:
    """Whether the API answers."""
    context = ssl.create_default_context(cafile=str(target.aws.ca_bundle))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    with (
        contextlib.suppress(OSError, ValueError),
        opener.open(f"{target.api_url(outputs)}/health", timeout=20) as answer,
    ):
        return answer.status == 200 and isinstance(json.load(answer), dict)
    return False


# --- Signing in ------------------------------------------------------------------------------------------------------


def sign_in(target: Target, outputs: Mapping[str, Any], email: str, password: str) -> str:
    """The access token of a user, by SRP; asks for a code or a new password when the pool wants one."""
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
    return answer["AuthenticationResult"]["AccessToken"]


def sign_in_as(target: Target, outputs: Mapping[str, Any], email: str, password: str | None = None) -> str:
    """Like `sign_in`, with the password that the local AWS remembers or that the user is asked for unless given."""
    email = check_email(email)
    if password is None and isinstance(target, LocalTarget):
        password = _first_password(target, outputs, email) or remembered_password(target, email)
    if password is None:
        password = ask(f"Password of {email}: ", hidden=True)
    return sign_in(target, outputs, email, password)


def _first_password(target: LocalTarget, outputs: Mapping[str, Any], email: str) -> str | None:
    """Stands in for somebody of the local AWS who was invited, reads the mail and chooses a password; else None."""
    cognito, pool = target.client("cognito-idp"), outputs["user_pool_id"]
    with service_errors():
        try:
            status = cognito.admin_get_user(UserPoolId=pool, Username=email)["UserStatus"]
        except cognito.exceptions.UserNotFoundException:
            return None
        if status != "FORCE_CHANGE_PASSWORD":
            return None
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
