"""An organisation with one of everything in it, made through the API; found again by the contract's parameter names."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.support.deployment import claims

if TYPE_CHECKING:
    from tests.support.deployment import Deployment


@dataclass
class Inhabitants:
    """organisation_id, its administrator's token, and `ids`: one that is there for each id in a path of the contract.

    Every text that the organisation's administrator wrote holds `mark`, so a leak of any of it can be seen.
    """

    organisation_id: str
    token: str
    mark: str
    ids: dict[str, str] = field(default_factory=dict)

    @classmethod
    def settle(cls, deployment: Deployment, name: str, domain: str) -> Inhabitants:
        mark = f"M{secrets.token_hex(6)}"
        made = json.loads(deployment.tool("org", "create", f"{name} {mark}", "--json").stdout)
        org_id = made["organisationId"]
        email = f"admin-{mark.lower()}@{domain}"
        deployment.user(email, org_id, "ORG_ADMIN")
        token = deployment.token(email)
        here = cls(org_id, token, mark)
        here.ids |= {
            "orgId": org_id,
            "userId": claims(token)["sub"],
            "permissionId": "site:read",
            "roleId": here._create(deployment, "roles", "roleId", {**_named(mark), "permissions": ["site:read"]}),
            "setId": here._create(
                deployment,
                "permission-sets",
                "setId",
                {"name": f"Set {mark}", "description": mark, "permissions": ["site:read"]},
            ),
        }
        return here

    def _create(self, deployment: Deployment, collection: str, id_name: str, body: dict) -> str:
        made = deployment.request("POST", f"/organisations/{self.organisation_id}/{collection}", self.token, body)
        assert made.status == 201, made.body
        return made.body[id_name]


def _named(mark: str) -> dict:
    return {"name": mark.upper(), "displayName": f"Name {mark}", "description": f"Text {mark}"}
