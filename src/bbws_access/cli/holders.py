"""Who holds something, and whether they have an account: the records of the tables beside the accounts of the pool.

No service asks so: it would take one request to Cognito for each person of a page, which Cognito limits, and the
right to read every account. Engineers ask here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from bbws_access.cli.errors import service_errors
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

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def find_holders(target: Target, outputs: Mapping[str, Any]) -> list[Holder]:
    """Everybody who holds a role, a membership or a platform role now, by user id. Reads both tables whole."""
    from bbws_access.access.departures import ENTITY, Departures

    now = datetime.now(UTC)
    names = outputs["table_names"]
    with service_errors():
        records = [
            *_records(target, names["permissions"], "UserRoleAssignment", "PlatformRoleAssignment", ENTITY),
            *_records(target, names["teams"], "TeamMember"),
        ]
        accounts = dict(_accounts(target, outputs["user_pool_id"]))
    left = {one["userId"]: Departures(one["userId"], one) for one in records if one["entityType"] == ENTITY}
    found: dict[str, Holder] = {}
    for record in records:
        user_id = record["userId"]
        departures = left.get(user_id) or Departures(user_id)
        if record["entityType"] == ENTITY or not departures.in_force(record, now):
            continue
        email, account = accounts.get(user_id, (None, NONE))
        holder = found.setdefault(user_id, Holder(user_id, email or record.get("userEmail"), account))
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


def _records(target: Target, table: str, *kinds: str) -> Iterator[dict[str, Any]]:
    """What is active of some kinds of records, and of each what counts here."""
    from bbws_access.kernel.dynamodb import decode_item

    values = {f":kind{n}": {"S": kind} for n, kind in enumerate(kinds)}
    pages = (
        target.client("dynamodb")
        .get_paginator("scan")
        .paginate(
            TableName=table,
            FilterExpression=f"entityType IN ({', '.join(values)}) AND #active = :active",
            ExpressionAttributeNames={"#active": "active"},
            ExpressionAttributeValues={**values, ":active": {"BOOL": True}},
            ConsistentRead=True,
        )
    )
    for page in pages:
        yield from map(decode_item, page["Items"])


def _accounts(target: Target, pool: str) -> Iterator[tuple[str, tuple[str | None, str]]]:
    """Of each account: the user id, and the address with whether it may sign in."""
    for page in target.client("cognito-idp").get_paginator("list_users").paginate(UserPoolId=pool):
        for user in page["Users"]:
            attributes = {item["Name"]: item["Value"] for item in user["Attributes"]}
            yield attributes["sub"], (attributes.get("email"), ENABLED if user["Enabled"] else DISABLED)
