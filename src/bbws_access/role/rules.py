"""What a role and an assignment may be and become, apart from HTTP and storage."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from bbws_access.access.granting import check_ceiling, check_known, lacking_for
from bbws_access.access.grants import NO_TEAM, ORGANISATION, PLATFORM, TEAM, Access, in_force
from bbws_access.access.permissions import missing, obsolete
from bbws_access.kernel.contract import platform_roles, platform_sets
from bbws_access.kernel.errors import BadRequest, Conflict, Forbidden, NotFound
from bbws_access.kernel.records import Change, audit_columns, check_version, shown_actor, timestamp
from bbws_access.kernel.uses import PART, part_of
from bbws_access.kernel.violations import violation

DEFAULT_PRIORITY = 500
# Every decision about somebody reads all of these, so nobody may pile them up for a stranger.
MOST_ROLES = 500
MOST_ASSIGNMENTS = 100
COUNTED_ASSIGNMENTS = (
    "roles of this user in the organisation (what ended counts for 90 days; what expired first has to be taken away)"
)
ENDED_ASSIGNMENTS_STAY = timedelta(days=90)


class Sets(NamedTuple):
    """Permission sets by id, each with its permissions. Only the active ones grant them."""

    active: dict[str, tuple[str, ...]]
    inactive: dict[str, tuple[str, ...]]


# Roles


def new_role(org_id: str, role_id: str, body: dict, *, is_default: bool, change: Change) -> dict:
    """The record of a new, active role."""
    return {
        "entityType": "OrganisationRole",
        "roleId": role_id,
        "organisationId": org_id,
        "name": body["name"],
        "displayName": body["displayName"],
        "description": body.get("description", ""),
        "scope": body.get("scope", ORGANISATION),
        "permissions": list(body["permissions"]),
        "permissionSets": list(body.get("permissionSets", ())),
        "priority": body.get("priority", DEFAULT_PRIORITY),
        "isDefault": is_default,
        "active": True,
        **change.first(),
    }


def changed_role(stored: dict, body: dict, change: Change) -> dict:
    """The next version of a role. Raises VERSION_CONFLICT."""
    check_version(stored, body.get("version"))
    return {
        **stored,
        "name": body["name"],
        "displayName": body["displayName"],
        "description": body.get("description", ""),
        "permissions": list(body["permissions"]),
        "permissionSets": list(body.get("permissionSets", ())),
        "priority": body.get("priority", DEFAULT_PRIORITY),
        "active": body.get("active", stored["active"]),
        **change.next(stored),
    }


def regranted_role(stored: dict, body: dict, change: Change) -> dict:
    """The next version of a role of which only the grants change. Raises VERSION_CONFLICT."""
    check_version(stored, body.get("version"))
    return {
        **stored,
        "permissions": list(body["permissions"]),
        "permissionSets": list(body.get("permissionSets", stored["permissionSets"])),
        **change.next(stored),
    }


def proposed_role(stored: dict, body: dict) -> dict:
    """A role as a change would make it, for a look at what would come of it."""
    return {
        **stored,
        "permissions": list(body["permissions"]),
        "permissionSets": list(body.get("permissionSets", stored["permissionSets"])),
        "active": body.get("active", stored["active"]),
    }


def check_grants(old: dict | None, new: dict, sets: Sets, access: Access) -> None:
    """Whether this user may give a role what it then grants.

    old: the role as it is, None for a new one
    Raises UNKNOWN_PERMISSIONS, VALIDATION_ERROR for sets that are not there, or PERMISSION_CEILING.
    """
    check_content(old, new, sets)
    check_ceiling(access, new["organisationId"], _added(old, new, sets))


def lacking(old: dict, new: dict, sets: Sets, access: Access) -> list[str]:
    """What this user lacks for changing a role so."""
    return lacking_for(access, new["organisationId"], _added(old, new, sets))


def _added(old: dict | None, new: dict, sets: Sets) -> list[str]:
    """What a change adds to a role, so that whoever makes it has to hold it; wildcards as written.

    Bringing a role back grants all of it. What is added to an inactive one is judged when it is added: whoever brings
    the role back may hold more, and would grant what somebody planted there. What an inactive set carries is not
    granted: writing it into the role, or into an active set of it, adds it.
    """
    brings_back = old is not None and not old["active"] and new["active"]
    if old is None or brings_back:
        return sorted(carried(new, sets))
    ways = [missing(of(old, sets), of(new, sets)) for of in (granted, carried)]
    return sorted(frozenset().union(*ways))


def check_content(old: dict | None, new: dict, sets: Sets) -> None:
    """Whether what a role grants is there. Raises UNKNOWN_PERMISSIONS, or VALIDATION_ERROR for sets that are not."""
    check_known(new["permissions"], had=old["permissions"] if old is not None else ())
    kept = old["permissionSets"] if old is not None else ()
    absent = [set_id for set_id in new["permissionSets"] if set_id not in sets.active and set_id not in kept]
    if absent:
        raise BadRequest(
            f"There are no active permission sets {', '.join(absent)}.",
            details=[
                violation("body.permissionSets", "active", f"{set_id} is not an active set", set_id)
                for set_id in absent
            ],
        )


def granted_then_and_now(old: dict | None, new: dict, sets: Sets) -> tuple[frozenset[str], frozenset[str]]:
    """What a role then grants, and what it grants now (None: no role yet). An inactive role grants nothing."""
    wanted = granted(new, sets) if new["active"] else frozenset()
    return wanted, granted(old, sets) if old is not None and old["active"] else frozenset()


def granted(role: dict, sets: Sets) -> frozenset[str]:
    """What a role grants, directly and through its active sets; wildcards as written."""
    held = (sets.active.get(set_id, ()) for set_id in role.get("permissionSets", ()))
    return frozenset(role["permissions"]).union(*held)


def carried(role: dict, sets: Sets) -> frozenset[str]:
    """What a role grants, and what it would as soon as somebody brings back its inactive sets; wildcards as written.

    That is what giving it is judged by: bringing a set back asks nobody who then gains by it.
    """
    held = (sets.inactive.get(set_id, ()) for set_id in role.get("permissionSets", ()))
    return granted(role, sets).union(*held)


def with_platform_sets(records: Iterable[dict]) -> Sets:
    """The sets of the records, and the platform's."""
    sets = Sets({held["setId"]: tuple(held["permissions"]) for held in platform_sets().values()}, {})
    for record in records:
        (sets.active if record["active"] else sets.inactive)[record["setId"]] = tuple(record["permissions"])
    return sets


def check_changeable(role_id: str) -> None:
    """Raises SYSTEM_RESOURCE for platform roles."""
    if role_id in platform_roles():
        raise Forbidden("Platform roles never change.", code="SYSTEM_RESOURCE")


def check_assignable_here(role_id: str) -> None:
    """Raises SYSTEM_RESOURCE for platform roles: no organisation hands out what reaches all of them."""
    if role_id in platform_roles():
        raise Forbidden(
            "Platform roles are assigned by the platform's engineers, outside this API.", code="SYSTEM_RESOURCE"
        )


def no_role(role_id: str) -> NotFound:
    return NotFound(f"There is no role {role_id} in this organisation.", code="ROLE_NOT_FOUND")


def no_active_role(role_id: str) -> NotFound:
    return NotFound(
        f"There is no active role {role_id} in this organisation: it cannot be assigned.", code="ROLE_NOT_FOUND"
    )


def in_use(count: int) -> Conflict:
    """The answer to the deactivation of a role that users have."""
    return Conflict(
        f"The role is assigned {count} time{'s' if count != 1 else ''}. Remove the assignments first; "
        "GET /organisations/{orgId}/roles/{roleId}/users lists them.",
        code="ROLE_IN_USE",
        details={"count": count},
    )


def role_answer(stored: dict, links: dict) -> dict:
    """A role of an organisation as answers show it."""
    names = (
        "roleId",
        "organisationId",
        "name",
        "displayName",
        "description",
        "scope",
        "permissions",
        "permissionSets",
        "priority",
        "isDefault",
        "active",
        "version",
    )
    return {
        **{name: stored[name] for name in names},
        "obsoletePermissions": obsolete(stored["permissions"]),
        "isSystem": False,
        **audit_columns(stored),
        "_links": links,
    }


def platform_role_answer(stored: dict, links: dict) -> dict:
    """A platform role as answers show it."""
    names = (
        "roleId",
        "name",
        "displayName",
        "description",
        "scope",
        "permissions",
        "priority",
        "isSystem",
        "active",
        "version",
    )
    return {**{name: stored[name] for name in names}, **audit_columns(stored), "_links": links}


# Assignments


def check_team(role: dict, team_id: str | None, field: str = "body.teamId") -> None:
    """A role of scope TEAM is assigned in one team, any other in none. Raises VALIDATION_ERROR."""
    if role["scope"] == TEAM and team_id is None:
        raise BadRequest(
            f"The role {role['name']} has scope TEAM: say in which team with teamId.",
            details=[violation(field, "required", "is required for a role of scope TEAM")],
        )
    if role["scope"] != TEAM and team_id is not None:
        raise BadRequest(
            f"The role {role['name']} reaches the whole organisation: leave teamId out.",
            details=[violation(field, "scope", "is only for a role of scope TEAM", team_id)],
        )


def check_teams_active(teams: Iterable[dict | None], team_id: str | None) -> None:
    """Raises TEAM_NOT_FOUND unless what was read of the assignment's team, if it has one, is an active team."""
    if not all(team is not None and team["active"] for team in teams):
        raise NotFound(f"There is no active team {team_id} in this organisation.", code="TEAM_NOT_FOUND")


def in_team(team: dict) -> dict[str, int]:
    """What an assignment in a team says of the team: at which version it was."""
    return {"teamVersion": team["version"]}


def ends_with(team: dict | None, assignment: dict) -> bool:
    """Whether an assignment in a team was given before the team's last end. team: its record as it is now

    The team may be back since, and people have been given roles in it again.
    """
    if team is None:
        return True
    last = team.get("version", 0)
    if team["active"]:
        last = team.get("activeFrom", last + 1) - 1  # teams from before this was recorded: all that there is
    return assignment.get("teamVersion", 0) <= last


def check_expiry(text: str | None, now: datetime) -> str | None:
    """The moment when an assignment ends, in UTC; None for never. Raises VALIDATION_ERROR unless it is to come."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        normal = timestamp(moment)
    except (ValueError, OverflowError):
        raise _bad_expiry("format", "must be a date and time such as 2030-01-31T12:00:00Z", text) from None
    if moment <= now:
        raise _bad_expiry("future", "must be in the future", text)
    return normal


def _bad_expiry(rule: str, message: str, text: str) -> BadRequest:
    return BadRequest(
        f"The assignment's expiresAt {message}.", details=[violation("body.expiresAt", rule, message, text)]
    )


def new_assignment(
    role: dict,
    user_id: str,
    team_id: str | None,
    expires_at: str | None,
    replaced: dict | None,
    change: Change,
    *,
    departures: int,
) -> dict:
    """The record of an assignment.

    replaced: the ended one whose place it takes, whose versions it goes on with
    departures: how often the user has left the organisation, or everything, so far
    """
    of_platform = role["scope"] == PLATFORM
    record = {
        "entityType": "PlatformRoleAssignment" if of_platform else "UserRoleAssignment",
        **({} if of_platform else {"organisationId": role["organisationId"]}),
        "userId": user_id,
        "roleId": role["roleId"],
        "roleName": role["name"],
        "scope": role["scope"],
        "departures": departures,
        **({} if of_platform else {PART: part_of(user_id)}),
        "active": True,
        **change.first(),
    }
    if team_id is not None:
        record["teamId"] = team_id
    if expires_at is not None:
        record["expiresAt"] = expires_at
    if replaced is not None:
        record["version"] = replaced["version"] + 1
    return record


def assigned_at(stored: dict) -> str | None:
    """Since when there is an assignment: since its record is there, whose only copy is smaller than two would be."""
    return stored.get("assignedAt") or stored.get("dateCreated")


def assigned_by(stored: dict) -> str | None:
    """Who gave it: who made its record, unless that names another, as after an invitation."""
    return stored.get("assignedBy") or stored.get("createdBy")


def ended_assignment(stored: dict, change: Change) -> dict:
    """The next version of an assignment: not in force any more, and gone from the table some time later."""
    forgotten = int((change.now + ENDED_ASSIGNMENTS_STAY).timestamp())
    return {**stored, "active": False, "ttl": forgotten, **change.next(stored)}


def key_team(team_id: str | None) -> str:
    """The team as part of an assignment's key."""
    return NO_TEAM if team_id is None else team_id


def already_assigned(stored: dict) -> Conflict:
    return Conflict(
        "The user has this role already. To change when it ends, take it away first.",
        code="ALREADY_ASSIGNED",
        details={"assignedAt": assigned_at(stored), "expiresAt": stored.get("expiresAt")},
    )


def assignment_answer(stored: dict, role_name: str, now: datetime, links: dict) -> dict:
    """An assignment as answers show it, under the role's present name."""
    names = ("organisationId", "userId", "roleId", "scope", "version")
    answer = {name: stored[name] for name in names}
    answer |= {"assignedAt": assigned_at(stored), "assignedBy": shown_actor(assigned_by(stored))}
    answer.update((name, stored[name]) for name in ("teamId", "expiresAt") if name in stored)
    return {
        **answer,
        "roleName": role_name,
        "active": in_force(stored, now),
        **audit_columns(stored),
        "_links": links,
    }
