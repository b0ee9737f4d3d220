"""What may be granted: permissions that exist, and no more than the one who grants holds."""

from __future__ import annotations

from collections.abc import Iterable

from bbws_access.access.grants import Access
from bbws_access.access.permissions import is_known, missing
from bbws_access.kernel.errors import BadRequest, Forbidden


def check_known(permissions: Iterable[str]) -> None:
    """Raises BadRequest UNKNOWN_PERMISSIONS, listing those that are neither in the catalogue nor cover part of it."""
    unknown = [name for name in permissions if not is_known(name)]
    if unknown:
        raise BadRequest(
            f"There are no permissions {', '.join(unknown)}. GET /platform/permissions lists those there are.",
            code="UNKNOWN_PERMISSIONS",
            details={"unknown": unknown},
        )


def lacking_for(access: Access, org_id: str, wanted: Iterable[str], *, had: Iterable[str] = ()) -> list[str]:
    """What a user would have to hold, and does not, to hand out `wanted` where `had` is granted already; by name."""
    return missing(access.permissions_in(org_id), missing(had, sorted(wanted)))


def check_ceiling(access: Access, org_id: str, wanted: Iterable[str], *, had: Iterable[str] = ()) -> None:
    """Refuse to let a user hand out what they do not hold themselves in the whole organisation.

    had: what the receiving role or set grants already, which its change does not add
    Roles held in one team only do not count. Raises Forbidden PERMISSION_CEILING, listing what is lacking.
    """
    lacking = lacking_for(access, org_id, wanted, had=had)
    if lacking:
        raise Forbidden(
            f"You cannot grant what you do not hold in the whole organisation: {', '.join(lacking)}.",
            code="PERMISSION_CEILING",
            details={"missing": lacking},
        )
