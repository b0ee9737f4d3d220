"""A synthetic contract with every route of the domain, those of services that do not exist yet included."""

from bbws_access.kernel.contract import Contract

_ROUTES = """
GET /health public
GET /platform/permissions signed-in
GET /platform/permissions/{permissionId} signed-in
GET /platform/roles signed-in
GET /platform/roles/{roleId} signed-in
POST /organisations/{orgId}/permission-sets permission:create
GET /organisations/{orgId}/permission-sets permission:read
GET /organisations/{orgId}/permission-sets/{setId} permission:read
PUT /organisations/{orgId}/permission-sets/{setId} permission:update
DELETE /organisations/{orgId}/permission-sets/{setId} permission:delete
POST /organisations/{orgId}/roles role:create
GET /organisations/{orgId}/roles role:read
GET /organisations/{orgId}/roles/{roleId} role:read
PUT /organisations/{orgId}/roles/{roleId} role:update
DELETE /organisations/{orgId}/roles/{roleId} role:delete
PUT /organisations/{orgId}/roles/{roleId}/permissions role:update
GET /organisations/{orgId}/roles/{roleId}/users role:read
POST /organisations/{orgId}/roles/{roleId}/preview role:update +role:read +user:read
POST /organisations/{orgId}/roles/seed role:create
GET /organisations/{orgId}/users/{userId}/roles role:read self
POST /organisations/{orgId}/users/{userId}/roles role:assign
DELETE /organisations/{orgId}/users/{userId}/roles/{roleId} role:assign
GET /organisations/{orgId}/users/{userId}/permissions self user:read
POST /organisations/{orgId}/access-checks user:read
POST /organisations/{orgId}/teams team:create
GET /organisations/{orgId}/teams team:read
GET /organisations/{orgId}/teams/{teamId} team:read
PUT /organisations/{orgId}/teams/{teamId} team:update CAN_UPDATE_TEAM
DELETE /organisations/{orgId}/teams/{teamId} team:delete
POST /organisations/{orgId}/teams/{teamId}/report team:read site:read +team:member:read
POST /organisations/{orgId}/team-roles team:role:create
GET /organisations/{orgId}/team-roles team:role:read
GET /organisations/{orgId}/team-roles/{teamRoleId} team:role:read
PUT /organisations/{orgId}/team-roles/{teamRoleId} team:role:update
DELETE /organisations/{orgId}/team-roles/{teamRoleId} team:role:update
POST /organisations/{orgId}/teams/{teamId}/members team:member:add CAN_MANAGE_MEMBERS
GET /organisations/{orgId}/teams/{teamId}/members team:member:read CAN_VIEW_MEMBERS
GET /organisations/{orgId}/teams/{teamId}/members/{userId} team:member:read CAN_VIEW_MEMBERS
PUT /organisations/{orgId}/teams/{teamId}/members/{userId} team:member:update CAN_MANAGE_MEMBERS
DELETE /organisations/{orgId}/teams/{teamId}/members/{userId} team:member:remove CAN_MANAGE_MEMBERS
POST /organisations/{orgId}/teams/{teamId}/members/{userId}/transfer org:user:manage
GET /organisations/{orgId}/users/{userId}/teams self user:read
POST /organisations/{orgId}/invitations invitation:create
GET /organisations/{orgId}/invitations invitation:read
GET /organisations/{orgId}/invitations/{invitationId} invitation:read
PUT /organisations/{orgId}/invitations/{invitationId} invitation:revoke
DELETE /organisations/{orgId}/invitations/{invitationId} invitation:revoke
POST /organisations/{orgId}/invitations/{invitationId}/resend invitation:resend
GET /invitations/{token} public
POST /invitations/{token}/accept public
POST /invitations/{token}/decline public
GET /audit/access audit:read
GET /audit/permissions audit:read
GET /audit/summary audit:read
GET /audit/organisations/{orgId} audit:read audit:read:org
POST /audit/exports audit:export
GET /audit/exports/{exportId} audit:export
"""


def full_contract() -> Contract:
    """Every route of the domain."""
    paths: dict[str, dict] = {}
    for n, line in enumerate(_ROUTES.split("\n")):
        if not line:
            continue
        method, path, *access = line.split()
        paths.setdefault(path, {})[method.lower()] = {
            "operationId": f"operation{n}",
            "x-bbws-service": "synthetic",
            "x-bbws-access": access[0] if access[0] in ("public", "signed-in") else _rules(access),
            "x-bbws-access-also": [one[1:] for one in access if one.startswith("+")],
        }
    return Contract({"paths": paths})


def _rules(access: list[str]) -> list[dict[str, str]]:
    return [_rule(one) for one in access if not one.startswith("+")]


def _rule(text: str) -> dict[str, str]:
    if text == "self":
        return {"self": "userId"}
    return {"capability" if text.startswith("CAN_") else "permission": text}
