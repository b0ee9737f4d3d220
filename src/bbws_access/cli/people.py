"""Reference data, organisations, users and the passwords of a local AWS."""

import contextlib
import getpass
import os
import re
import secrets
import string
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from bbws_access.cli import events
from bbws_access.cli.errors import ToolError, UsageError, service_errors
from bbws_access.cli.targets import LocalTarget, Target

DEMO = "demo.json"
PASSWORDS = "passwords.json"
DEMO_ORGANISATION = {"id": "org-demo", "name": "Demo organisation", "email": "admin@demo.example"}
PASSWORD_LENGTH = 24
ORGANISATION_CREATED = "OrganisationCreated"
USER_DEACTIVATED = "UserDeactivated"


def actor() -> str:
    """Who the records say did it."""
    from bbws_access.kernel.records import TOOL

    with contextlib.suppress(OSError, KeyError):
        return f"{TOOL}:{getpass.getuser()}"
    return TOOL


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


def seed(target: Target, outputs: Mapping[str, Any]) -> dict[str, Any]:
    """Write the reference data; what is right already stays as it is."""
    from bbws_access.reference_data import seed_reference_data

    with service_errors():
        return seed_reference_data(database(target), outputs["table_names"]["permissions"], actor())


def create_organisation(
    target: Target,
    outputs: Mapping[str, Any],
    name: str,
    organisation_id: str | None = None,
    check_new: Callable[[str, str], None] | None = None,
) -> dict[str, Any]:
    """Tell the services of a new organisation, and wait until it has its default roles and team roles.

    With an id, doing it again changes nothing, and goes on where it was cut off.
    check_new: gets the name and the id of one that is not there yet, and raises where it is not to be made
    Returns organisationId, name, created. Raises ToolError when a service does not do its part in time.
    """
    from bbws_access.kernel.records import check_open, organisation_read
    from bbws_access.role.organisations import check_organisation
    from bbws_access.team import store as team_roles

    with service_errors():
        name, org_id = check_organisation(name, organisation_id, outputs.get("reserved_ids", ()))
        tables, names = database(target), outputs["table_names"]

        def recorded() -> dict[str, Any] | None:
            [found] = tables.parallel([organisation_read(names["permissions"], org_id)])
            return found

        def has_team_roles() -> bool:
            about = team_roles.about_team_roles(names["teams"], org_id)
            [page] = tables.parallel([about])
            return team_roles.got_team_roles(tables.rest_of(about, page))

        found = recorded()
        check_open(found)
        if found is not None and found["name"] != name:
            raise UsageError(f"The organisation {org_id} is there already, with the name {found['name']!r}.")
        parts = {"role": lambda: recorded() is not None, "team": has_team_roles}
        created = found is None
        if created and check_new is not None:
            check_new(name, org_id)
        if created or not all(parts[service]() for service in events.consumers(ORGANISATION_CREATED)):
            events.tell(target, outputs, ORGANISATION_CREATED, {"organisationId": org_id, "name": name})
            events.wait(outputs, ORGANISATION_CREATED, parts)
    return {"organisationId": org_id, "name": name, "created": created}


def deactivate_user(
    target: Target, outputs: Mapping[str, Any], person: str, organisation: str | None = None
) -> dict[str, Any]:
    """End everything that a person holds: in one organisation, or everywhere, and then they cannot sign in either.

    person: the e-mail address, or the user id, which needs no account
    The first write ends all of it, whatever else happens. Platform roles, which no service may write, are taken away
    here; the rest is tidied up when the services get the event that this sends, and is waited for. Doing it again goes
    on where it was cut off, and ends what was given since.
    Returns userId, email (None without an account), organisationId (None: everywhere), platformRoles (names of those
    that were taken away). Raises ToolError when a service does not do its part in time.
    """
    from bbws_access.kernel.records import Change
    from bbws_access.role import store as roles
    from bbws_access.role.engineers import leave
    from bbws_access.team import store as teams

    tables, names = database(target), outputs["table_names"]
    with service_errors():
        user_id, email = find_person(target, outputs, tables, person)
        if organisation is not None:
            _organisation(target, tables, outputs, organisation)
        departure, change = str(uuid.uuid4()), Change.outside_a_request(actor())
        departures, taken = leave(tables, names["permissions"], user_id, organisation, departure, change)
        if organisation is None and email is not None:
            _shut_out(target, outputs, user_id)
        detail = {"userId": user_id, "departureId": departure}
        events.tell(
            target, outputs, USER_DEACTIVATED, detail | ({"organisationId": organisation} if organisation else {})
        )

        def ended(query: Any) -> bool:
            [page] = tables.parallel([query])
            return not any(departures.ended(item) for item in tables.rest_of(query, page))

        parts = {
            "role": lambda: ended(roles.all_assignments_of_user(names["permissions"], user_id, organisation)),
            "team": lambda: ended(teams.memberships(names["teams"], user_id, organisation)),
        }
        events.wait(outputs, USER_DEACTIVATED, parts)
    return {"userId": user_id, "email": email, "organisationId": organisation, "platformRoles": taken}


def find_person(
    target: Target, outputs: Mapping[str, Any], tables: Any, person: str, *, or_invited: bool = False
) -> tuple[str | None, str | None]:
    """The user id of an address or a user id, and the address of the account; None where there is none (any more).

    or_invited: an address without an account will do where it was ever invited; then there is no user id
    Raises UsageError for an address without an account, and for a user id of which nothing is known.
    """
    from bbws_access.kernel.ids import is_user_id

    named = person.strip().lower()
    by_id = is_user_id(named)
    cognito = target.client("cognito-idp")
    try:
        answer = cognito.admin_get_user(
            UserPoolId=outputs["user_pool_id"], Username=named if by_id else check_email(person)
        )
    except cognito.exceptions.UserNotFoundException:
        if not by_id:
            if or_invited and _is_invited(tables, outputs, named):
                return None, named
            hint = f"Where the account is gone, name the person by user id: `{target.advice('user list')}` shows it."
            raise UsageError(f"There is no user {named}.", hint) from None
        if not _is_known(tables, outputs, named):
            raise UsageError(f"There is no user {named}: neither an account nor anything that was given.") from None
        return named, None
    attributes = {item["Name"]: item["Value"] for item in answer["UserAttributes"]}
    return attributes["sub"], attributes.get("email", named)


def _is_invited(tables: Any, outputs: Mapping[str, Any], email: str) -> bool:
    """Whether any organisation invited an address."""
    from bbws_access.invitation import rules
    from bbws_access.kernel.dynamodb import Query
    from bbws_access.kernel.keys import partition

    index = "invitations-by-email"
    place = partition("Invitation", index=index, email=rules.normal_email(email))
    [page] = tables.parallel([Query(outputs["table_names"]["invitations"], place, index=index, limit=1)])
    return bool(page.items)


def _is_known(tables: Any, outputs: Mapping[str, Any], user_id: str) -> bool:
    """Whether anything is or was given to a user, or they left before."""
    from bbws_access.access.departures import departures_read
    from bbws_access.role import store as roles
    from bbws_access.team import store as teams

    permissions = outputs["table_names"]["permissions"]
    left, *pages = tables.parallel(
        [
            departures_read(permissions, user_id),
            roles.assignments_of_user_anywhere(permissions, user_id),
            roles.platform_assignments(permissions, user_id),
            teams.memberships(outputs["table_names"]["teams"], user_id),
        ]
    )
    return left is not None or any(page.items for page in pages)


def _shut_out(target: Target, outputs: Mapping[str, Any], user_id: str) -> None:
    """Disable an account and end its sign-ins; one that is deleted at this moment needs neither."""
    cognito = target.client("cognito-idp")
    account = {"UserPoolId": outputs["user_pool_id"], "Username": user_id}
    with contextlib.suppress(cognito.exceptions.UserNotFoundException):
        cognito.admin_disable_user(**account)
        cognito.admin_user_global_sign_out(**account)


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
    Without ``password``, AWS sends an invitation by e-mail.
    Returns userId, email, organisationId, roleId, roleName, scope (PLATFORM, ORGANISATION), created, granted (whether
    the person got the role now).
    """
    from bbws_access.kernel.records import Change, check_open
    from bbws_access.role.engineers import assign_role, find_role

    email = _check_invitable(email)
    pool = outputs["user_pool_id"]
    tables, table = database(target), outputs["table_names"]["permissions"]
    of = None if platform else organisation
    cognito = target.client("cognito-idp")
    with service_errors():
        # Whether organisation and role exist shows before anything is made.
        check_open(_organisation(target, tables, outputs, organisation))
        found = find_role(tables, table, role, of)
        user, created = _ensure_user(cognito, pool, email, organisation, invite=password is None)
        if password is not None and created:
            cognito.admin_set_user_password(UserPoolId=pool, Username=user["sub"], Password=password, Permanent=True)
        change = Change.outside_a_request(actor())
        assigned = assign_role(tables, table, user["sub"], role, change, of, email)
    return {
        "userId": user["sub"],
        "email": email,
        "organisationId": organisation,
        "roleId": assigned["assignment"]["roleId"],
        "roleName": found["name"],
        "scope": found["scope"],
        "created": created,
        "granted": assigned["created"],
    }


def role_names(target: Target, outputs: Mapping[str, Any], organisation: str, *, platform: bool) -> list[str]:
    """What `create_user` can give somebody in an organisation, or of the platform's; the most powerful first."""
    from bbws_access.kernel.contract import platform_roles
    from bbws_access.kernel.records import check_open
    from bbws_access.role import store

    if platform:
        return [role["name"] for role in platform_roles().values()]
    tables, table = database(target), outputs["table_names"]["permissions"]
    with service_errors():
        check_open(_organisation(target, tables, outputs, organisation))
        query = store.every_role(table, organisation)
        [page] = tables.parallel([query])
        found = [role for role in tables.rest_of(query, page) if role["scope"] == "ORGANISATION"]
    return [role["name"] for role in sorted(found, key=lambda role: (role["priority"], role["name"]))]


def no_organisation(target: Target, organisation: str) -> UsageError:
    """What to say of an organisation that is not there."""
    from bbws_access.kernel.ids import is_valid_id

    hint = f"`{target.advice('org list')}` names those there are"
    if is_valid_id(organisation):
        hint += f"; `{target.advice('org create', organisation, '--id', organisation)}` makes it"
    return UsageError(f"There is no organisation {organisation}.", f"{hint}.")


def _organisation(target: Target, tables: Any, outputs: Mapping[str, Any], organisation: str) -> dict[str, Any]:
    """The record of an organisation. Raises UsageError where there is none."""
    from bbws_access.kernel.records import organisation_read

    [found] = tables.parallel([organisation_read(outputs["table_names"]["permissions"], organisation)])
    if found is None:
        raise no_organisation(target, organisation)
    return found


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
        found = {item["Name"]: item["Value"] for item in answer["UserAttributes"]}
        if found.get("email_verified") != "true" or found.get("email", "").lower() != email:
            raise UsageError(
                f"There is an account that says it is {email}, and the user pool has not verified that: the role would "
                "go to whoever signed up with it.",
                "Find out whose it is; then delete it, or mark the address as verified, and run the command again.",
            ) from None
        return found, False
    return {item["Name"]: item["Value"] for item in answer["User"]["Attributes"]}, True


def check_email(email: str) -> str:
    """The address in lower case. Raises UsageError when it is none."""
    name, at, domain = email.strip().lower().rpartition("@")
    if not at or not name or "." not in domain or any(sign.isspace() for sign in email.strip()):
        raise UsageError(f"{email!r} is not an e-mail address.")
    return f"{name}@{domain}"


def _check_invitable(email: str) -> str:
    """The address in lower case, of the form that the API takes in an invitation. Raises UsageError.

    So it is ASCII: two addresses that look alike would be two people, and one of them not who everybody thinks.
    """
    from bbws_access.kernel.contract import load_contract

    email = check_email(email)
    allowed = load_contract().document["components"]["parameters"]["InvitationEmail"]["schema"]
    if len(email) > allowed["maxLength"] or not re.search(allowed["pattern"], email):
        raise UsageError(f"{email!r} cannot be the address of a new person: use plain letters, digits and signs.")
    return email


def generate_password() -> str:
    """A password that every policy of Cognito accepts."""
    kinds = (string.ascii_lowercase, string.ascii_uppercase, string.digits, "-_.!+=")
    letters = [secrets.choice(kind) for kind in kinds]
    letters += [secrets.choice("".join(kinds)) for _ in range(PASSWORD_LENGTH - len(letters))]
    secrets.SystemRandom().shuffle(letters)
    return "".join(letters)


def ensure_demo(target: LocalTarget, outputs: Mapping[str, Any]) -> dict[str, str]:
    """The demo organisation and its administrator, whose password lies in a file that only you can read."""
    from bbws_access.kernel.records import organisation_read

    email, org_id = DEMO_ORGANISATION["email"], DEMO_ORGANISATION["id"]
    with service_errors():
        [found] = database(target).parallel([organisation_read(outputs["table_names"]["permissions"], org_id)])
    if found is not None and not found["active"]:
        # Whoever closed it meant it, and nobody is given anything there any more.
        demo = target.read(DEMO) or {"organisation_id": org_id, "email": email, "user_id": ""}
        target.write(DEMO, demo)
        return demo
    # It may have been renamed.
    name = DEMO_ORGANISATION["name"] if found is None else found["name"]
    organisation = create_organisation(target, outputs, name, org_id)
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
