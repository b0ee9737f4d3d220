"""An organisation with one of everything in it, by the contract's parameter names; requests from one to another."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bbws_access.kernel.contract import load_contract

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from bbws_access.kernel.contract import Operation
    from tests.support.deployment import Answer, Deployment

# People belong to no organisation: anybody may be named, and what they are elsewhere is not shown.
SHARED = frozenset(("orgId", "userId", "permissionId", "token"))
THEIR_ORGANISATION, THEIR_ID, ANYBODYS = "their organisation", "their id", "anybody's"


@dataclass
class Inhabitants:
    """organisation_id, its administrator's token, and `ids`: one that is there for each id in the contract.

    token: without a gateway, the administrator's user id
    Every text that was written about the organisation holds `mark`, so a leak of any of it can be seen.
    """

    organisation_id: str
    token: str
    mark: str
    ids: dict[str, str] = field(default_factory=dict)

    @classmethod
    def settle(cls, deployment: Deployment, domain: str) -> Inhabitants:
        """Make an organisation, an administrator, a member, and one of each thing."""
        mark = f"m{secrets.token_hex(6)}"
        made = json.loads(deployment.tool("org", "create", f"Company {mark}", "--json").stdout)
        org_id = made["organisationId"]
        deployment.user(f"admin-{mark}@{domain}", org_id, "ORG_ADMIN")
        here = cls(org_id, deployment.token(f"admin-{mark}@{domain}"), mark)
        member = deployment.user(f"member-{mark}@{domain}", org_id, "ORG_MANAGER")
        here.furnish(member, lambda one, path, body: deployment.request(one.method, path, here.token, body))
        deployment.letter(f"invited-{mark}@example.org")  # what is made in the background is there too
        return here

    def furnish(self, member: str, send: Callable[[Operation, str, dict | None], Answer]) -> None:
        """Make one of each thing.

        member: the id of a user of the organisation      send: sends a request of the administrator's
        """
        self.ids |= {"orgId": self.organisation_id, "userId": member, "permissionId": "site:read"}
        for operation_id, name in _MADE_BY.items():
            operation = load_contract().operations[operation_id]
            answer = send(operation, self.path(operation), self.body(operation))
            assert answer.status == 201, answer.body
            if name is not None:
                self.ids[name] = answer.body[name]
        self.ids["toTeamId"] = self.ids["teamId"]

    def body(self, operation: Operation) -> dict | None:
        """A body that an operation takes, with this organisation's ids; None where it takes none."""
        if operation.body_schema is None:
            return None
        assert operation.operation_id in _BODIES, f"tests/support/inhabitants.py has no body for {operation}"
        text = json.dumps(_BODIES[operation.operation_id]).replace("MARK", self.mark.upper()).replace("mark", self.mark)
        for name, value in self.ids.items():
            text = text.replace(f"<{name}>", value)
        return json.loads(text)

    def path(self, operation: Operation, **others: str) -> str:
        """An operation's path with this organisation's ids, but for those given."""
        ids = {**self.ids, **others}
        path = operation.path
        for segment in operation.segments:
            if segment.startswith("{"):
                assert segment[1:-1] in ids, f"tests/support/inhabitants.py has no {segment[1:-1]} for {operation}"
                path = path.replace(segment, ids[segment[1:-1]])
        return path


def requests_between(own: Inhabitants, other: Inhabitants) -> Iterator[tuple[Operation, str, str, dict | None]]:
    """Each operation with ids of the other organisation in each place that takes one: in path, body and query.

    With each, whose the id is, the path, and the body.
    """
    for operation in load_contract().operations.values():
        names = [segment[1:-1] for segment in operation.segments if segment.startswith("{")]
        if "orgId" not in names:
            continue
        mine, theirs = own.body(operation), other.body(operation)
        path = own.path(operation)
        yield operation, THEIR_ORGANISATION, other.path(operation), theirs
        yield operation, THEIR_ORGANISATION, own.path(operation, orgId=other.organisation_id), mine
        for name in names:
            if name != "orgId":
                whose = ANYBODYS if name in SHARED else THEIR_ID
                yield operation, whose, own.path(operation, **{name: other.ids[name]}), mine
        for field_name in mine or {}:
            if field_name in other.ids or field_name == "permissionSets":
                whose = ANYBODYS if field_name in SHARED else THEIR_ID
                yield operation, whose, path, {**mine, field_name: theirs[field_name]}
        for parameter in operation.parameters:
            if parameter.location == "query" and parameter.name in other.ids:
                yield operation, ANYBODYS, f"{path}?{parameter.name}={other.ids[parameter.name]}", mine


def check_isolated(other: Inhabitants, whose: str, answer: Answer, told: str) -> None:
    """Fail where an answer to one of these requests shows or does anything in the other organisation."""
    assert other.mark not in json.dumps(answer.body), told
    if whose == THEIR_ORGANISATION:
        assert (answer.status, answer.code) == (403, "FORBIDDEN"), told
    elif whose == THEIR_ID:
        assert answer.status in (400, 403, 404, 409), told
    else:
        assert answer.status < 500, told


def records_of(client: Any, tables: Iterable[str], company: Inhabitants) -> dict[str, list[str]]:
    """Every record of these tables that names the organisation. client: of DynamoDB"""
    found: dict[str, list[str]] = {}
    for table in tables:
        pages = client.get_paginator("scan").paginate(TableName=table)
        items = [json.dumps(item, sort_keys=True, default=repr) for page in pages for item in page["Items"]]
        found[table] = sorted(item for item in items if company.organisation_id in item)
    return found


# Operations that make something, in an order in which each has what it needs, and the id that comes of it.
_MADE_BY = {
    "createPermissionSet": "setId",
    "createRole": "roleId",
    "createTeamRole": "teamRoleId",
    "createTeam": "teamId",
    "addTeamMember": None,
    "assignRole": None,
    "createInvitation": "invitationId",
}
_TEXTS = {"description": "About mark"}
_BODIES = {
    "createPermissionSet": {"name": "Set mark", "permissions": ["site:read"], **_TEXTS},
    "updatePermissionSet": {"name": "Set mark", "permissions": ["site:read"], **_TEXTS},
    "createRole": {"name": "MARK", "displayName": "mark", "permissions": ["site:read"], "permissionSets": ["<setId>"]},
    "updateRole": {"name": "MARK", "displayName": "mark", "permissions": ["site:read"], "permissionSets": ["<setId>"]},
    "replaceRolePermissions": {"permissions": ["site:read"], "permissionSets": ["<setId>"]},
    "previewRole": {"permissions": ["site:read"], "permissionSets": ["<setId>"]},
    "assignRole": {"roleId": "<roleId>"},
    "checkAccess": {"userId": "<userId>", "method": "GET", "path": "/organisations/<orgId>/roles"},
    "createTeam": {"name": "Team mark", **_TEXTS},
    "updateTeam": {"name": "Team mark", **_TEXTS},
    "createTeamRole": {"name": "MARK", "displayName": "mark", "capabilities": ["CAN_VIEW_MEMBERS"]},
    "updateTeamRole": {"name": "MARK", "displayName": "mark", "capabilities": ["CAN_VIEW_MEMBERS"]},
    "addTeamMember": {"userId": "<userId>", "teamRoleId": "<teamRoleId>", "userEmail": "mark@example.org"},
    "updateTeamMember": {"teamRoleId": "<teamRoleId>"},
    "transferTeamMember": {"toTeamId": "<toTeamId>", "teamRoleId": "<teamRoleId>"},
    "updateInvitation": {"active": False},
    "createInvitations": {
        "invitations": [
            {
                "email": "invited-with-others-mark@example.org",
                "roleId": "<roleId>",
                "teamId": "<teamId>",
                "teamRoleId": "<teamRoleId>",
            }
        ]
    },
    "createInvitation": {
        "email": "invited-mark@example.org",
        "roleId": "<roleId>",
        "teamId": "<teamId>",
        "teamRoleId": "<teamRoleId>",
    },
}
