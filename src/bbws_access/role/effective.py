"""What a user may do in an organisation, where it comes from, and whether a request would be let in and why."""

from __future__ import annotations

from bbws_access.access.grants import PLATFORM, Access, Decision, Grant, Membership, Reason
from bbws_access.access.permissions import covers, expand
from bbws_access.kernel.contract import Contract, Operation
from bbws_access.kernel.errors import BadRequest
from bbws_access.kernel.ids import is_valid_id
from bbws_access.kernel.records import shown_actor
from bbws_access.kernel.violations import violation
from bbws_access.role.rules import assigned_at, assigned_by

_MESSAGES = {
    Reason.PUBLIC: "Anybody may do this.",
    Reason.SIGNED_IN: "Every active user may do this.",
    Reason.PERMISSION: "A role of the user grants it.",
    Reason.SELF: "It is about the user's own account.",
    Reason.CAPABILITY: "The user's membership of the team allows it.",
    Reason.UNKNOWN_ROUTE: "The API has no such method and path.",
    Reason.UNKNOWN_USER: "The user has neither a role nor a team, and never had one.",
    Reason.USER_INACTIVE: "Nothing that the user was given is in force any more.",
    Reason.NOT_IN_ORGANISATION: "The user has neither a role nor a team in this organisation.",
    Reason.NO_PERMISSION: "Nothing that the user has allows it.",
}


def effective_permissions(access: Access, org_id: str) -> list[dict]:
    """Every permission of the catalogue that a user holds in an organisation or one of its teams, with its sources."""
    found: dict[str, list[dict]] = {}
    for grant in access.grants:
        if grant.org_id is not None and grant.org_id != org_id:
            continue
        for written in grant.permissions:
            for name in expand(written):
                for set_id in grant.sources[written]:
                    found.setdefault(name, []).append(_source(grant, written, set_id))
    return [{"name": name, "sources": sorted(found[name], key=_order)} for name in sorted(found)]


def effective_capabilities(access: Access, org_id: str) -> list[dict]:
    """Every capability that team memberships in an organisation give."""
    found = [
        {"name": name, "teamId": membership.team_id, "teamRoleId": membership.team_role_id}
        for membership in access.memberships
        if membership.org_id == org_id
        for name in membership.capabilities
    ]
    return sorted(found, key=lambda capability: (capability["teamId"], capability["name"]))


def route(contract: Contract, method: str, path: str, org_id: str) -> tuple[Operation, dict[str, str]] | None:
    """The operation that a method and a path without the base path lead to, and its parameters; None for no route.

    Raises VALIDATION_ERROR for another organisation's path, and for one with an id that no request can carry.
    """
    match = contract.match(method, path)
    if match is None:
        return None
    operation, parameters = match
    # Where anybody may call, the path decides nothing; a token or a permission's name is no id.
    decides = isinstance(operation.access, list)
    wrong = [name for name, value in parameters.items() if decides and not is_valid_id(value)]
    if wrong:
        raise BadRequest(
            f"The path's {' and '.join(wrong)} cannot be an id.",
            details=[violation("body.path", "id", f"{name} is not an id", parameters[name]) for name in wrong],
        )
    if parameters.get("orgId", org_id) != org_id:
        raise BadRequest(
            "The path leads to another organisation. Ask there.",
            details=[violation("body.path", "organisation", "must lie in the organisation of the request", path)],
        )
    return match


def seen_by(caller: Access, access: Access, org_id: str) -> Access:
    """What of a user's access a caller may learn in an organisation.

    All of it is for the user, and for who sees the users of every organisation. Anybody else learns what the
    organisation gave: an id is easily had, so more would tell of strangers whether they are with another customer.
    """
    return access if sees_all_of(caller, access.user_id) else access.within(org_id)


def sees_all_of(caller: Access, user_id: str) -> bool:
    """Whether a caller may learn more of a user than what one organisation gave."""
    return caller.user_id == user_id or caller.holds("user:read", None) is not None


def explain(match: tuple[Operation, dict[str, str]] | None, access: Access, *, limited: bool = False) -> dict:
    """Whether a user would be let in, as answers show it: allowed, reason, message, operation, via.

    limited: `access` is what one organisation gave. Of who has nothing there, everything is answered alike.
    """
    decision = access.allows(*match) if match is not None else Decision(False, Reason.UNKNOWN_ROUTE)
    if limited and not access.active and decision.reason in (Reason.UNKNOWN_USER, Reason.USER_INACTIVE):
        decision = Decision(False, Reason.NOT_IN_ORGANISATION)
    answer: dict[str, object] = {
        "allowed": decision.allowed,
        "reason": str(decision.reason),
        "message": _MESSAGES[decision.reason],
    }
    if match is not None:
        operation = match[0]
        needs = [dict(rule) for rule in operation.access] if isinstance(operation.access, list) else []
        answer["operation"] = {
            "operationId": operation.operation_id,
            "path": operation.path,
            "needs": needs,
            "needsAlso": list(operation.also),
        }
    if isinstance(decision.via, Grant):
        answer["via"] = _via_grant(decision.via, decision.rule["permission"])
    elif isinstance(decision.via, Membership):
        answer["via"] = {
            "capability": decision.rule["capability"],
            "teamId": decision.via.team_id,
            "teamRoleId": decision.via.team_role_id,
        }
    return answer


def _via_grant(grant: Grant, permission: str) -> dict:
    written = min(held for held in grant.permissions if covers(held, permission))
    return {"permission": permission, "source": _source(grant, written, grant.sources[written][0])}


def _source(grant: Grant, written: str, set_id: str | None) -> dict:
    source = {"roleId": grant.role_id, "roleName": grant.role_name, "scope": grant.scope, "grantedBy": written}
    if grant.team_id is not None:
        source["teamId"] = grant.team_id
    if set_id is not None:
        source["permissionSetId"] = set_id
    since, giver = assigned_at(grant.assignment), assigned_by(grant.assignment)
    if since is not None:
        source["assignedAt"] = since
    if "expiresAt" in grant.assignment:
        source["expiresAt"] = grant.assignment["expiresAt"]
    if grant.scope != PLATFORM and giver is not None:
        source["assignedBy"] = shown_actor(giver)
    return source


def _order(source: dict) -> tuple[str, ...]:
    names = ("roleName", "roleId", "teamId", "permissionSetId", "grantedBy")
    return tuple(source.get(name, "") for name in names)
