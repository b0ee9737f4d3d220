"""What a permission set may be and become, apart from HTTP and storage."""

from __future__ import annotations

from bbws_access.access.granting import check_ceiling, check_known
from bbws_access.access.grants import ORGANISATION, PLATFORM, Access
from bbws_access.access.permissions import obsolete
from bbws_access.kernel.contract import platform_sets
from bbws_access.kernel.errors import Conflict, Forbidden
from bbws_access.kernel.records import Change, audit_columns, check_version
from bbws_access.kernel.texts import skeleton

# Every decision about a member of the organisation reads all of them.
MOST_SETS = 500


def new_set(org_id: str, set_id: str, body: dict, access: Access, change: Change) -> dict:
    """The record of a new set. Raises UNKNOWN_PERMISSIONS, PERMISSION_CEILING or NAME_TAKEN."""
    check_known(body["permissions"])
    check_ceiling(access, org_id, body["permissions"])
    check_name(body["name"])
    return {
        "entityType": "PermissionSet",
        "setId": set_id,
        "organisationId": org_id,
        "name": body["name"],
        "description": body.get("description", ""),
        "permissions": list(body["permissions"]),
        "scope": ORGANISATION,
        "isSystem": False,
        "active": True,
        **change.first(),
    }


def changed_set(stored: dict, body: dict, access: Access, change: Change) -> dict:
    """The next version of a set. Raises as `new_set` does, or VERSION_CONFLICT."""
    check_version(stored, body.get("version"))
    check_known(body["permissions"], had=stored["permissions"])
    active = body.get("active", stored["active"])
    if active:
        check_name(body["name"])
    # Bringing a set back grants all of it. What is added to an inactive one is judged when it is added: whoever brings
    # the set back may hold more, and would grant what somebody planted there.
    had = stored["permissions"] if stored["active"] or not active else ()
    check_ceiling(access, stored["organisationId"], body["permissions"], had=had)
    return {
        **stored,
        "name": body["name"],
        "description": body.get("description", ""),
        "permissions": list(body["permissions"]),
        "active": active,
        **change.next(stored),
    }


def check_changeable(set_id: str) -> None:
    """Raises SYSTEM_RESOURCE for the platform's sets."""
    if set_id in platform_sets():
        raise Forbidden("The platform's permission sets never change.", code="SYSTEM_RESOURCE")


def check_name(name: str) -> None:
    """Raises NAME_TAKEN for a name of the platform's sets, which every organisation sees beside its own."""
    if any(skeleton(held["name"]) == skeleton(name) for held in platform_sets().values()):
        raise Conflict(
            f"The platform has a permission set {name!r}. Choose another name.",
            code="NAME_TAKEN",
            details={"name": name},
        )


def set_answer(stored: dict, links: dict) -> dict:
    """A set as answers show it."""
    answer = {"setId": stored["setId"]}
    if stored["scope"] != PLATFORM:
        answer["organisationId"] = stored["organisationId"]
    names = ("name", "description", "permissions", "scope", "isSystem", "active", "version")
    return {
        **answer,
        **{name: stored[name] for name in names},
        "obsoletePermissions": obsolete(stored["permissions"]),
        **audit_columns(stored),
        "_links": links,
    }


def permission_answer(stored: dict, links: dict) -> dict:
    """A permission of the catalogue as answers show it."""
    names = ("permissionId", "name", "description", "resource", "action", "category", "isSystem", "active", "version")
    return {**{name: stored[name] for name in names}, **audit_columns(stored), "_links": links}
