"""What may be granted: what exists, no more than the one who grants holds, and for no longer."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from bbws_access.access.grants import NEVER, Access, Membership
from bbws_access.access.permissions import is_known, missing, obsolete
from bbws_access.kernel.contract import Operation
from bbws_access.kernel.errors import BadRequest, Forbidden
from bbws_access.kernel.records import timestamp

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
    """What a user would have to hold without an end, and does not, to put `wanted` where `had` is already; by name.

    That is for roles and sets: whoever has them keeps for good what is put into them.
    What is obsolete is no permission any more, so nobody has to hold it.
    """
    added = (name for name in missing(had, sorted(wanted)) if is_known(name))
    return [name for name in added if access.held_until(name, org_id) != NEVER]


def check_ceiling(access: Access, org_id: str, wanted: Iterable[str], *, had: Iterable[str] = ()) -> None:
    """Refuse to let a user put into a role or set what they do not hold, for good, in the whole organisation.

    had: what the receiving role or set grants already, which its change does not add
    Roles held in one team only do not count. Raises Forbidden PERMISSION_CEILING, listing what is lacking and until
    when the user holds what ends.
    """
    lacking = lacking_for(access, org_id, wanted, had=had)
    _refuse({name: access.held_until(name, org_id) for name in lacking}, "in the whole organisation")


def granted_until(access: Access, org_id: str, wanted: Iterable[str]) -> datetime:
    """Until when a user may give what a role carries: as long as they hold all of it in the whole organisation.

    And no longer than they have any role there: one that grants nothing makes its holder part of the organisation.
    Raises Forbidden PERMISSION_CEILING, listing what is lacking.
    """
    until = {name: access.held_until(name, org_id) for name in sorted(wanted) if is_known(name)}
    _refuse({name: None for name, end in until.items() if end is None}, "in the whole organisation")
    return min([*(end for end in until.values() if end is not None), access.stays_until(org_id) or NEVER])


def text_of_end(*ends: datetime) -> str | None:
    """The earliest of several ends as records have it; None for never."""
    earliest = min(ends, default=NEVER)
    return None if earliest == NEVER else timestamp(earliest)


def check_team_role_ceiling(
    access: Access, org_id: str, capabilities: Iterable[str], *, had: Collection[str] = ()
) -> None:
    """Refuse to let a user define a team role that allows more than their permissions in the whole organisation do.

    had: the capabilities that the team role has already
    Raises Forbidden PERMISSION_CEILING, listing the capabilities that are lacking.
    """
    until = {name: _capability_until(access, name, org_id) for name in capabilities if name not in had}
    _refuse({name: end for name, end in until.items() if end != NEVER}, "in the whole organisation")


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
    manages = _capability_until(access, "CAN_MANAGE_MEMBERS", org_id) if to != access.user_id else None
    own = frozenset().union(
        *(membership.capabilities for membership in access.memberships if _is_of(membership, org_id, team_id))
    )
    until: dict[str, datetime | None] = {}
    for name in capabilities:
        if name not in own and name not in had:
            ways = [end for end in (manages, _capability_until(access, name, org_id, team_id)) if end is not None]
            until[name] = max(ways, default=None)
    _refuse({name: end for name, end in until.items() if end != NEVER}, "in this team")


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


def _capability_until(access: Access, capability: str, org_id: str, team_id: str | None = None) -> datetime | None:
    """Until when permissions allow what a capability does; None where they do not."""
    ends = [access.held_until(name, org_id, team_id) for name in CAPABILITY_PERMISSIONS[capability]]
    return None if None in ends else min(end for end in ends if end is not None)


def _refuse(lacking: Mapping[str, datetime | None], where: str) -> None:
    """Raises PERMISSION_CEILING where anything is lacking: each with the end until which it is held, None for not."""
    if not lacking:
        return
    details: dict[str, object] = {"missing": list(lacking)}
    ending = {name: timestamp(end) for name, end in lacking.items() if end is not None}
    never = [name for name in lacking if name not in ending]
    parts = []
    if never:
        parts.append(f"You cannot grant what you do not hold {where}: {', '.join(never)}.")
    if ending:
        details["heldUntil"] = ending
        held = ", ".join(f"{name} until {end}" for name, end in ending.items())
        parts.append(f"You cannot grant for good what you hold for a time {where}: {held}.")
    raise Forbidden(" ".join(parts), code="PERMISSION_CEILING", details=details)
