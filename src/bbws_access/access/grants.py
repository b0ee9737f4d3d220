"""What a user holds, and the decision whether that lets a request in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from bbws_access.access.permissions import covers
from bbws_access.kernel.contract import Contract, Operation

if TYPE_CHECKING:
    from bbws_access.access.departures import Departures

PLATFORM, ORGANISATION, TEAM = "PLATFORM", "ORGANISATION", "TEAM"
NO_TEAM = "-"  # the team of a role without one, as part of an assignment's key
NEVER = datetime.max.replace(tzinfo=UTC)  # when that ends which has no end


class Reason(StrEnum):
    """Why a request was let in or refused. The values appear in logs, metrics and answers: they never change."""

    PUBLIC = "PUBLIC"
    SIGNED_IN = "SIGNED_IN"
    PERMISSION = "PERMISSION"
    SELF = "SELF"
    CAPABILITY = "CAPABILITY"

    UNKNOWN_ROUTE = "UNKNOWN_ROUTE"
    UNKNOWN_USER = "UNKNOWN_USER"
    USER_INACTIVE = "USER_INACTIVE"
    NOT_IN_ORGANISATION = "NOT_IN_ORGANISATION"
    NO_PERMISSION = "NO_PERMISSION"


class Grant(NamedTuple):
    """One active, unexpired assignment of an active role.

    permissions: the role's own and those of its active sets, wildcards as written
    sources: where each permission comes from: a set's id, or None for the role itself
    org_id: None for PLATFORM; team_id: only for TEAM; assignment: the stored item
    """

    permissions: frozenset[str]
    scope: str
    org_id: str | None
    team_id: str | None
    role_id: str
    role_name: str
    assignment: dict
    sources: Mapping[str, tuple[str | None, ...]]

    @property
    def ends(self) -> datetime:
        """When it ends by itself; NEVER for without an end."""
        return end_of(self.assignment)

    def reaches(self, org_id: str | None, team_id: str | None) -> bool:
        """Whether it counts for a path with this organisation and team (None: not in the path)."""
        if self.scope == PLATFORM:
            return True
        if org_id is None or self.org_id != org_id:
            return False
        return self.scope == ORGANISATION or (self.scope == TEAM and team_id is not None and self.team_id == team_id)


class Membership(NamedTuple):
    """One active membership of a team; `capabilities` are those of its active team role."""

    org_id: str
    team_id: str
    capabilities: frozenset[str]
    team_role_id: str = ""


class Decision(NamedTuple):
    """`via` is the grant or membership that let the request in, else None; `rule` the contract's alternative."""

    allowed: bool
    reason: Reason
    via: Grant | Membership | None = None
    rule: Mapping[str, str] | None = None


class MembershipsUnread(Exception):
    """An answer depends on memberships, which nobody read: read them, and ask again."""


class Access:
    """Everything that one user holds at one moment.

    known: there is at least one assignment or membership, active or not
    active_elsewhere: active in an organisation whose grants were not read
    unread: organisations in which something is in force, though nobody read what it grants: the authorizer opens them
    departures: what was read of them with the rest; None where nothing was read
    memberships: None for the constructor where nobody read them. Whatever would depend on them then raises
    MembershipsUnread
    """

    __slots__ = ("_memberships", "active_elsewhere", "departures", "grants", "known", "unread", "user_id")

    def __init__(
        self,
        user_id: str,
        grants: tuple[Grant, ...] = (),
        memberships: tuple[Membership, ...] | None = (),
        *,
        known: bool = True,
        active_elsewhere: bool = False,
        departures: Departures | None = None,
        unread: frozenset[str] = frozenset(),
    ) -> None:
        self.user_id = user_id
        self.grants = grants
        self._memberships = memberships
        self.known = known
        self.active_elsewhere = active_elsewhere
        self.departures = departures
        self.unread = unread

    @property
    def memberships(self) -> tuple[Membership, ...]:
        """Active memberships of teams. Raises MembershipsUnread."""
        if self._memberships is None:
            raise MembershipsUnread
        return self._memberships

    @property
    def active(self) -> bool:
        """Whether anything is in force for the user anywhere."""
        return bool(self.grants or self.active_elsewhere or self.unread or self.memberships)

    def within(self, org_id: str) -> Access:
        """What of it one organisation gave: as good as unknown where that is nothing.

        That is what an organisation may learn about a person. Platform roles, and whether the person is active
        elsewhere, are none of its business.
        """
        grants = tuple(grant for grant in self.grants if grant.org_id == org_id)
        memberships = tuple(membership for membership in self.memberships if membership.org_id == org_id)
        known = bool(grants or memberships)
        return Access(self.user_id, grants, memberships, known=known, departures=self.departures)

    def organisations(self) -> frozenset[str]:
        """Organisations in which the user is active. A PLATFORM role reaches all and makes active in none.

        Those that are unread are not among them: what is asked of an Access opens none of these.
        """
        return frozenset(
            [grant.org_id for grant in self.grants if grant.org_id is not None]
            + [membership.org_id for membership in self.memberships]
        )

    def belongs_to(self, org_id: str) -> bool:
        """Whether the user is active in an organisation."""
        return any(grant.org_id == org_id for grant in self.grants) or any(
            membership.org_id == org_id for membership in self.memberships
        )

    def is_platform(self) -> bool:
        """Whether a role of PLATFORM scope is held."""
        return any(grant.scope == PLATFORM for grant in self.grants)

    def permissions_in(self, org_id: str | None, team_id: str | None = None) -> frozenset[str]:
        """Permissions, wildcards as written, that count in an organisation (None: in none) and, if given, a team."""
        return frozenset().union(*(grant.permissions for grant in self.grants if grant.reaches(org_id, team_id)))

    def holds(self, permission: str, org_id: str | None, team_id: str | None = None) -> Grant | None:
        """The first grant that includes a permission there, or None."""
        for grant in self.grants:
            if grant.reaches(org_id, team_id) and any(covers(held, permission) for held in grant.permissions):
                return grant
        return None

    def held_until(self, permission: str, org_id: str | None, team_id: str | None = None) -> datetime | None:
        """Until when a permission is held there: the latest end of what includes it. None where it is not held."""
        ends = (
            grant.ends
            for grant in self.grants
            if grant.reaches(org_id, team_id) and any(covers(held, permission) for held in grant.permissions)
        )
        return max(ends, default=None)

    def stays_until(self, org_id: str) -> datetime | None:
        """Until when any role reaches an organisation; None where none does."""
        return max((grant.ends for grant in self.grants if grant.reaches(org_id, None)), default=None)

    def allows(self, operation: Operation, params: Mapping[str, str]) -> Decision:
        """Whether the user may call an operation with these path parameters."""
        access = operation.access
        if access == "public":
            return Decision(True, Reason.PUBLIC)
        if not (self.known or self.memberships):
            return Decision(False, Reason.UNKNOWN_USER)
        if not self.active:
            return Decision(False, Reason.USER_INACTIVE)
        if access == "signed-in":
            return Decision(True, Reason.SIGNED_IN)
        org_id, team_id = params.get("orgId"), params.get("teamId")
        if all(self.holds(permission, org_id, team_id) is not None for permission in operation.also):
            for rule in access:
                decision = self._alternative(rule, params, org_id, team_id)
                if decision is not None:
                    return decision
        outside = org_id is not None and not self.belongs_to(org_id) and not self.is_platform()
        return Decision(False, Reason.NOT_IN_ORGANISATION if outside else Reason.NO_PERMISSION)

    def decide(self, contract: Contract, method: str, path: str) -> Decision:
        """Like `allows`, for a method and a path without the stage."""
        match = contract.match(method, path)
        return self.allows(*match) if match else Decision(False, Reason.UNKNOWN_ROUTE)

    def _alternative(
        self, rule: Mapping[str, str], params: Mapping[str, str], org_id: str | None, team_id: str | None
    ) -> Decision | None:
        if "permission" in rule:
            grant = self.holds(rule["permission"], org_id, team_id)
            return None if grant is None else Decision(True, Reason.PERMISSION, grant, rule)
        if "self" in rule:
            if params.get(rule["self"]) == self.user_id and (org_id is None or self.belongs_to(org_id)):
                return Decision(True, Reason.SELF, None, rule)
            return None
        for membership in self.memberships:
            if (
                membership.org_id == org_id
                and membership.team_id == team_id
                and rule["capability"] in membership.capabilities
            ):
                return Decision(True, Reason.CAPABILITY, membership, rule)
        return None


def in_force(record: dict, now: datetime) -> bool:
    """Whether an assignment or membership counts now, as far as its own record says.

    One whose expiry cannot be read does not. Whether its holder has left since, `Departures.in_force` asks too.
    """
    if record.get("active") is not True:
        return False
    return record.get("expiresAt") is None or end_of(record) > now


def end_of(record: dict) -> datetime:
    """When an assignment or membership ends by itself: NEVER without an expiry, long ago where it cannot be read."""
    expiry = record.get("expiresAt")
    if expiry is None:
        return NEVER
    try:
        moment = datetime.fromisoformat(expiry)
    except (TypeError, ValueError):
        return datetime.min.replace(tzinfo=UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
