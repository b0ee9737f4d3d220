"""An organisation with one of everything in it, made through the API; found again by the contract's parameter names."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bbws_access.kernel.contract import Operation
    from tests.support.deployment import Deployment


@dataclass
class Inhabitants:
    """organisation_id, its administrator's token, and `ids`: one that is there for each id in the contract.

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
        here.ids |= {
            "orgId": org_id,
            "userId": deployment.user(f"member-{mark}@{domain}", org_id, "ORG_MANAGER"),
            "permissionId": "site:read",
        }
        for operation_id, name in _MADE_BY.items():
            here._make(deployment, operation_id, name)
        here.ids["toTeamId"] = here.ids["teamId"]
        deployment.letter(f"invited-{mark}@example.org")  # what is made in the background is there too
        return here

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

    def _make(self, deployment: Deployment, operation_id: str, name: str | None) -> None:
        from bbws_access.kernel.contract import load_contract

        operation = load_contract().operations[operation_id]
        answer = deployment.request(operation.method, self.path(operation), self.token, self.body(operation))
        assert answer.status == 201, answer.body
        if name is not None:
            self.ids[name] = answer.body[name]


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
    "createInvitation": {
        "email": "invited-mark@example.org",
        "roleId": "<roleId>",
        "teamId": "<teamId>",
        "teamRoleId": "<teamRoleId>",
    },
}
