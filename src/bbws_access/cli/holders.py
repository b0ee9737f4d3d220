"""Who holds something, and whether they have an account: the records of the tables beside the accounts of the pool.

No service asks so: it would take one request to Cognito for each person of a page, which Cognito limits, and the
right to read every account. Engineers ask here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from bbws_access.cli.accounts import account_of
from bbws_access.cli.errors import service_errors
from bbws_access.cli.people import database, find_person
from bbws_access.cli.records import active_records
from bbws_access.cli.targets import Target

ENABLED, DISABLED, NONE = "ENABLED", "DISABLED", "NONE"


@dataclass
class Holder:
    """A person who holds something. organisations: in which; account: ENABLED, DISABLED, or NONE."""

    userId: str  # noqa: N815 - the name in the JSON that is printed
    email: str | None = None
    account: str = NONE
    roles: int = 0
    memberships: int = 0
    platformRoles: list[str] = field(default_factory=list)  # noqa: N815 - the name in the JSON that is printed
    organisations: list[str] = field(default_factory=list)

    @property
    def holds_something(self) -> bool:
        return bool(self.roles or self.memberships or self.platformRoles)

    @property
    def place(self) -> str:
        """Where they stand in a list: by address, or user id where none is known. Nobody else stands there."""
        return f"{self.email or self.userId},{self.userId}"

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def find_holders(target: Target, outputs: Mapping[str, Any]) -> list[Holder]:
    """Everybody who holds a role, a membership or a platform role now, by user id. Reads both tables whole."""
    return [one for one in everybody(target, outputs) if one.holds_something]


def everybody(target: Target, outputs: Mapping[str, Any]) -> list[Holder]:
    """The same, and who has an account and holds nothing."""
    from bbws_access.access.departures import ENTITY, Departures

    now = datetime.now(UTC)
    names = outputs["table_names"]
    with service_errors():
        records = [
            *active_records(target, names["permissions"], "UserRoleAssignment", "PlatformRoleAssignment", ENTITY),
            *active_records(target, names["teams"], "TeamMember"),
        ]
        accounts = dict(_accounts(target, outputs["user_pool_id"]))
    left = {one["userId"]: Departures(one["userId"], one) for one in records if one["entityType"] == ENTITY}
    found = {user_id: Holder(user_id, email, account) for user_id, (email, account) in accounts.items()}
    for record in records:
        user_id = record["userId"]
        departures = left.get(user_id) or Departures(user_id)
        if record["entityType"] == ENTITY or not departures.in_force(record, now):
            continue
        holder = found.setdefault(user_id, Holder(user_id))
        holder.email = holder.email or record.get("userEmail")
        if record["entityType"] == "PlatformRoleAssignment":
            holder.platformRoles.append(record["roleName"])
            continue
        if record["entityType"] == "TeamMember":
            holder.memberships += 1
        else:
            holder.roles += 1
        if record["organisationId"] not in holder.organisations:
            holder.organisations.append(record["organisationId"])
    return [found[user_id] for user_id in sorted(found)]


def _accounts(target: Target, pool: str) -> Iterator[tuple[str, tuple[str | None, str]]]:
    """Of each account: the user id, and the address with whether it may sign in."""
    for page in target.client("cognito-idp").get_paginator("list_users").paginate(UserPoolId=pool):
        for user in page["Users"]:
            attributes = {item["Name"]: item["Value"] for item in user["Attributes"]}
            yield attributes["sub"], (attributes.get("email"), ENABLED if user["Enabled"] else DISABLED)


def show(target: Target, outputs: Mapping[str, Any], person: str) -> dict[str, Any]:
    """Everything about one person: what they hold everywhere, the account, and what they are invited to.

    person: the e-mail address, or the user id, which needs no account
    Returns userId (None for an address that is only invited), email, account (`accounts.account_of`), platformRoles,
    organisations (each with name, roles, memberships), left (where and when last), invitations. Raises UsageError.
    """
    from bbws_access.access.departures import Departures, departures_read
    from bbws_access.role import store as roles
    from bbws_access.team import store as teams

    tables, names, now = database(target), outputs["table_names"], datetime.now(UTC)
    with service_errors():
        user_id, email = find_person(target, outputs, tables, person, or_invited=True)
        held: list[dict[str, Any]] = []
        platform: list[dict[str, Any]] = []
        left: dict[str, Any] | None = None
        if user_id is not None:
            queries = [
                roles.assignments_of_user_anywhere(names["permissions"], user_id),
                teams.memberships(names["teams"], user_id),
                roles.platform_assignments(names["permissions"], user_id),
            ]
            left, *pages = tables.parallel([departures_read(names["permissions"], user_id), *queries])
            departures = Departures(user_id, left)
            assigned, joined, platform = (
                departures.those_in_force(tables.rest_of(*one), now) for one in zip(queries, pages, strict=True)
            )
            held = [*assigned, *joined]
        invitations = [] if email is None else _invitations(tables, names["invitations"], email, now)
        told = _Names(tables, names, [*held, *invitations])
    account = None if user_id is None else account_of(target, outputs, user_id, now)
    places = {} if left is None else left["places"]
    return {
        "userId": user_id,
        "email": email or next((one["userEmail"] for one in held if "userEmail" in one), None),
        "account": account,
        "platformRoles": [{"roleName": one["roleName"], "roleId": one["roleId"]} for one in platform],
        "organisations": told.organisations(held),
        "left": [{"organisationId": place, "leftAt": about["leftAt"]} for place, about in sorted(places.items())],
        "invitations": [
            {
                "organisationId": one["organisationId"],
                "name": told.of("Organisation", one["organisationId"]),
                "invitationId": one["invitationId"],
                "expiresAt": one["expiresAt"],
            }
            for one in invitations
        ],
    }


def _invitations(tables: Any, table: str, email: str, now: datetime) -> list[dict[str, Any]]:
    """The pending invitations of an address, of all organisations."""
    from bbws_access.invitation import rules
    from bbws_access.kernel.dynamodb import Query
    from bbws_access.kernel.keys import partition
    from bbws_access.kernel.records import timestamp

    index = "invitations-by-email"
    asked = Query(table, partition("Invitation", index=index, email=rules.normal_email(email)), "ORG#", index=index)
    [page] = tables.parallel([asked])
    moment = timestamp(now)
    return [
        one
        for one in tables.rest_of(asked, page)
        if one["status"] == rules.PENDING and one["active"] and one["expiresAt"] > moment
    ]


class _Names:
    """What organisations, roles and teams are called that somebody's records name by id."""

    def __init__(self, tables: Any, names: Mapping[str, str], records: list[dict[str, Any]]) -> None:
        from bbws_access.kernel.dynamodb import Get
        from bbws_access.kernel.keys import key

        wanted: dict[tuple[str, ...], Any] = {}
        for record in records:
            org_id = record["organisationId"]
            wanted["Organisation", org_id] = Get(names["permissions"], key("Organisation", orgId=org_id))
            for entity, name, table in (
                ("OrganisationRole", "roleId", "permissions"),
                ("Team", "teamId", "teams"),
                ("TeamRoleDefinition", "teamRoleId", "teams"),
            ):
                if name in record:
                    place = key(entity, **{"orgId": org_id, name: record[name]})
                    wanted[entity, org_id, record[name]] = Get(names[table], place)
        self._found = dict(zip(wanted, tables.parallel(wanted.values()), strict=True))

    def of(self, *what: str) -> str | None:
        """The name; None for what is not there any more."""
        record = self._found.get(what)
        return None if record is None else record["name"]

    def organisations(self, held: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """What somebody holds, by organisation."""
        found = []
        for org_id in sorted({one["organisationId"] for one in held}):
            inside = [one for one in held if one["organisationId"] == org_id]
            found.append(
                {
                    "organisationId": org_id,
                    "name": self.of("Organisation", org_id),
                    "roles": [self._role(one) for one in inside if "teamRoleId" not in one],
                    "memberships": [self._membership(one) for one in inside if "teamRoleId" in one],
                }
            )
        return found

    def _role(self, stored: Mapping[str, Any]) -> dict[str, Any]:
        org_id, role_id = stored["organisationId"], stored["roleId"]
        name = self.of("OrganisationRole", org_id, role_id) or stored["roleName"]
        shown = {"roleName": name, "roleId": role_id, "until": stored.get("expiresAt")}
        if "teamId" not in stored:
            return shown
        return shown | {"teamId": stored["teamId"], "teamName": self.of("Team", org_id, stored["teamId"])}

    def _membership(self, stored: Mapping[str, Any]) -> dict[str, Any]:
        org_id, team_id, role_id = stored["organisationId"], stored["teamId"], stored["teamRoleId"]
        name = self.of("TeamRoleDefinition", org_id, role_id) or stored["teamRoleName"]
        named = {"teamName": self.of("Team", org_id, team_id), "teamId": team_id}
        return named | {"teamRoleName": name, "teamRoleId": role_id, "isPrimary": stored["isPrimary"]}
