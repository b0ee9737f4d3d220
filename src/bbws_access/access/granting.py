"""What may be granted: what exists, and no more than the one who grants holds."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from bbws_access.access.grants import Access, Membership
from bbws_access.access.permissions import is_known, missing, obsolete
from bbws_access.kernel.contract import Operation
from bbws_access.kernel.errors import BadRequest, Forbidden

# The permissions that allow, where they reach, what a capability allows in one team.
CAPABILITY_PERMISSIONS: Mapping[str, tuple[str, ...]] = {
    "CAN_MANAGE_MEMBERS": ("team:member:add", "team:member:update", "team:member:remove"),
    "CAN_UPDATE_TEAM": ("team:update",),
    "CAN_VIEW_MEMBERS": ("team:member:read",),
    "CAN_VIEW_SITES": ("site:read",),
    "CAN_EDIT_SITES": ("site:update",),
    "CAN_DELETE_SITES": ("site:delete",),
    "CAN_VIEW_AUDIT": ("audit:read:org",),
}


def check_known(permissions: Iterable[str], *, had: Collection[str] = ()) -> None:
    """Raises BadRequest UNKNOWN_PERMISSIONS, listing those that are neither in the catalogue nor cover part of it.

    had: what is written down already. A permission that a release dropped may stay, so that all else can change.
    """
    unknown = [name for name in obsolete(permissions) if name not in had]
    if unknown:
        raise BadRequest(
            f"Unknown permissions: {', '.join(unknown)}. GET /platform/permissions lists those there are.",
            code="UNKNOWN_PERMISSIONS",
            details={"unknown": unknown},
        )


def lacking_for(access: Access, org_id: str, wanted: Iterable[str], *, had: Iterable[str] = ()) -> list[str]:
    """What a user would have to hold, and does not, to hand out `wanted` where `had` is granted already; by name.

    What is obsolete is no permission any more, so nobody has to hold it.
    """
    added = missing(had, sorted(wanted))
    return [name for name in missing(access.permissions_in(org_id), added) if is_known(name)]


def check_ceiling(access: Access, org_id: str, wanted: Iterable[str], *, had: Iterable[str] = ()) -> None:
    """Refuse to let a user hand out what they do not hold themselves in the whole organisation.

    had: what the receiving role or set grants already, which its change does not add
    Roles held in one team only do not count. Raises Forbidden PERMISSION_CEILING, listing what is lacking.
    """
    _refuse(lacking_for(access, org_id, wanted, had=had), "in the whole organisation")


def check_team_role_ceiling(
    access: Access, org_id: str, capabilities: Iterable[str], *, had: Collection[str] = ()
) -> None:
    """Refuse to let a user define a team role that allows more than their permissions in the whole organisation do.

    had: the capabilities that the team role has already
    Raises Forbidden PERMISSION_CEILING, listing the capabilities that are lacking.
    """
    held = access.permissions_in(org_id)
    _refuse([name for name in capabilities if name not in had and not _allows(held, name)], "in the whole organisation")


def check_membership_ceiling(
    access: Access,
    org_id: str,
    team_id: str,
    capabilities: Iterable[str],
    *,
    to: str,
    had: Collection[str] = (),
) -> None:
    """Refuse to let a user give a team role in a team that they may not give there.

    to: the user who gets the team role      had: the capabilities that this user has in the team already
    They give no more than they hold in this team, be it by capability or by permission. Whoever adds, changes and
    removes the members of all the organisation's teams gives any of its team roles, to others.
    Raises Forbidden PERMISSION_CEILING, listing the capabilities that are lacking.
    """
    if to != access.user_id and _allows(access.permissions_in(org_id), "CAN_MANAGE_MEMBERS"):
        return
    held = access.permissions_in(org_id, team_id)
    own = frozenset().union(
        *(membership.capabilities for membership in access.memberships if _is_of(membership, org_id, team_id))
    )
    kept = own.union(had)
    _refuse([name for name in capabilities if name not in kept and not _allows(held, name)], "in this team")


def switch_lacking(
    access: Access, params: Mapping[str, str], old: bool, new: bool, *, begins: Operation, ends: Operation
) -> list[str]:
    """The permission that a user lacks for a change that switches a thing on or off, if any; by name.

    begins, ends: the operations that make such a thing, and that deactivate it. Switching it on with a change of the
    whole is making it again, and switching it off is deactivating it: whoever may merely change it may do neither.
    """
    if old == new:
        return []
    needed = begins if new else ends
    # A role held in a team makes no teams, so the path's team does not count for an operation without one.
    own = {name: value for name, value in params.items() if f"{{{name}}}" in needed.segments}
    if access.allows(needed, own).allowed:
        return []
    return [rule["permission"] for rule in needed.access if "permission" in rule]


def _is_of(membership: Membership, org_id: str, team_id: str) -> bool:
    return (membership.org_id, membership.team_id) == (org_id, team_id)


def _allows(held: Iterable[str], capability: str) -> bool:
    return not missing(held, CAPABILITY_PERMISSIONS[capability])


def _refuse(lacking: list[str], where: str) -> None:
    if lacking:
        raise Forbidden(
            f"You cannot grant what you do not hold {where}: {', '.join(lacking)}.",
            code="PERMISSION_CEILING",
            details={"missing": lacking},
        )
