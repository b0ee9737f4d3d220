"""What teams, team roles and memberships may be and become, and how answers show them, apart from HTTP and storage."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from bbws_access.access import identity
from bbws_access.access.granting import check_team_role_ceiling
from bbws_access.access.grants import Access
from bbws_access.kernel.errors import Conflict, Forbidden, NotFound
from bbws_access.kernel.records import Change, audit_columns, check_version, shown_actor
from bbws_access.kernel.uses import PART, part_of

LEADS = "CAN_MANAGE_MEMBERS"  # who has it is a lead
DEFAULT_SORT_ORDER = 500
ENDED_MEMBERSHIPS_STAY = timedelta(days=90)
# Every decision about a member of a team reads all of these, so nobody may pile them up.
MOST_TEAM_ROLES = 100
MOST_MEMBERSHIPS = 100
COUNTED_MEMBERSHIPS = "memberships of this user in the organisation (ended ones count for 90 days)"


# Teams


def new_team(org_id: str, team_id: str, body: dict, change: Change) -> dict:
    """The record of a new, active team."""
    return {
        "entityType": "Team",
        "teamId": team_id,
        "organisationId": org_id,
        **_of_team(body),
        "active": True,
        "activeFrom": 1,
        **change.first(),
    }


def changed_team(stored: dict, body: dict, change: Change) -> dict:
    """The next version of a team. Raises VERSION_CONFLICT."""
    check_version(stored, body.get("version"))
    kept = {name: value for name, value in stored.items() if name not in ("divisionId", "groupId")}
    record = {**kept, **_of_team(body), "active": body.get("active", stored["active"]), **change.next(stored)}
    # The version at which it began, the last time: what was given in the team before that ended with it.
    return record if stored["active"] or not record["active"] else {**record, "activeFrom": record["version"]}


def _of_team(body: dict) -> dict:
    place = {name: body[name] for name in ("divisionId", "groupId") if name in body}
    return {"name": body["name"], "description": body.get("description", ""), **place}


def no_team(team_id: str) -> NotFound:
    return NotFound(f"There is no team {team_id} in this organisation.", code="TEAM_NOT_FOUND")


def check_joinable(stored: dict) -> None:
    """Raises TEAM_INACTIVE for a team that nobody can be a member of."""
    if not stored["active"]:
        raise Conflict(f"The team {stored['name']!r} is not active, so it has no members.", code="TEAM_INACTIVE")


def team_answer(stored: dict, usage: dict | None, links: dict) -> dict:
    """A team as answers show it."""
    names = ("teamId", "organisationId", "name", "description", "active", "version")
    answer = {name: stored[name] for name in names}
    answer.update((name, stored[name]) for name in ("divisionId", "groupId") if name in stored)
    members = 0 if usage is None else usage["memberCount"]
    return {**answer, "memberCount": members, **audit_columns(stored), "_links": links}


# Team roles


def new_team_role(org_id: str, team_role_id: str, body: dict, *, is_default: bool, change: Change) -> dict:
    """The record of a new, active team role."""
    return {
        "entityType": "TeamRoleDefinition",
        "teamRoleId": team_role_id,
        "organisationId": org_id,
        **_of_team_role(body),
        "isDefault": is_default,
        "active": True,
        **change.first(),
    }


def changed_team_role(stored: dict, body: dict, change: Change) -> dict:
    """The next version of a team role. Raises VERSION_CONFLICT."""
    check_version(stored, body.get("version"))
    return {
        **stored,
        **_of_team_role(body),
        "active": body.get("active", stored["active"]),
        **change.next(stored),
    }


def _of_team_role(body: dict) -> dict:
    return {
        "name": body["name"],
        "displayName": body["displayName"],
        "description": body.get("description", ""),
        "capabilities": list(body["capabilities"]),
        "sortOrder": body.get("sortOrder", DEFAULT_SORT_ORDER),
    }


def check_capabilities(old: dict | None, new: dict, access: Access) -> None:
    """Whether this user may let a team role allow what it then allows. Raises PERMISSION_CEILING."""
    # Bringing a team role back allows all of it. What is added to an inactive one is judged when it is added: whoever
    # brings it back may hold more, and would allow what somebody planted there.
    brings_back = old is not None and not old["active"] and new["active"]
    had = old["capabilities"] if old is not None and not brings_back else ()
    check_team_role_ceiling(access, new["organisationId"], new["capabilities"], had=had)


def must_be_unused(old: dict, new: dict) -> bool:
    """Whether a change is only for a team role that no member has: one that ends it, or makes or unmakes leads."""
    ends = old["active"] and not new["active"]
    return ends or (LEADS in old["capabilities"]) != (LEADS in new["capabilities"])


def no_team_role(team_role_id: str) -> NotFound:
    return NotFound(f"There is no team role {team_role_id} in this organisation.", code="TEAM_ROLE_NOT_FOUND")


def check_givable(role: dict | None, team_role_id: str) -> dict:
    """The team role that a member is to get. Raises TEAM_ROLE_NOT_FOUND unless it is there and active."""
    if role is None or not role["active"]:
        raise NotFound(
            f"There is no active team role {team_role_id} in this organisation: no member can have it.",
            code="TEAM_ROLE_NOT_FOUND",
        )
    return role


def in_use(count: int) -> Conflict:
    """The answer to a change that a team role does not bear while members have it."""
    return Conflict(
        f"{count} member{'s have' if count != 1 else ' has'} this team role. While any has, it can neither be "
        f"deactivated nor gain or lose {LEADS}. Give them another team role first.",
        code="TEAM_ROLE_IN_USE",
        details={"count": count},
    )


def team_role_answer(stored: dict, links: dict) -> dict:
    """A team role as answers show it."""
    names = (
        "teamRoleId",
        "organisationId",
        "name",
        "displayName",
        "description",
        "capabilities",
        "sortOrder",
        "isDefault",
        "active",
        "version",
    )
    return {**{name: stored[name] for name in names}, **audit_columns(stored), "_links": links}


# Members


def new_membership(
    org_id: str,
    team_id: str,
    body: dict,
    role: dict,
    replaced: dict | None,
    change: Change,
    *,
    primary: bool,
    departures: int,
) -> dict:
    """The record of a membership that begins.

    body: userId, userEmail, emailSource unless that was typed, and, where known, firstName and lastName
    role: the team role's record
    replaced: the ended membership whose place it takes, whose versions it goes on with
    departures: how often the user has left the organisation, or everything, so far
    """
    record = {
        "entityType": "TeamMember",
        "organisationId": org_id,
        "teamId": team_id,
        "userId": body["userId"],
        "userEmail": body["userEmail"],
        "emailSource": body.get("emailSource", identity.TYPED),
        **{name: body[name] for name in ("firstName", "lastName") if name in body},
        "isPrimary": primary,
        "departures": departures,
        "active": True,
        **change.first(),
    }
    if replaced is not None:
        record["version"] = replaced["version"] + 1
    return with_team_role(record, role)


def with_team_role(record: dict, role: dict) -> dict:
    """A membership's record with another team role."""
    return {
        **record,
        "teamRoleId": role["teamRoleId"],
        PART: part_of(record["userId"]),
        "teamRoleName": role["name"],
        "isLead": LEADS in role["capabilities"],
    }


def joined_at(stored: dict) -> str:
    """Since when there is a membership: since its record is there, whose only copy is smaller than two would be."""
    return stored.get("joinedAt") or stored["dateCreated"]


def added_by(stored: dict) -> str:
    """Who gave a membership: who made its record, unless that names another, as after an invitation."""
    return stored.get("addedBy") or stored["createdBy"]


def ended_membership(stored: dict, change: Change) -> dict:
    """The next version of a membership: not in force any more, and gone from the table some time later."""
    forgotten = int((change.now + ENDED_MEMBERSHIPS_STAY).timestamp())
    return {**stored, "active": False, "isPrimary": False, "ttl": forgotten, **change.next(stored)}


def changed_membership(stored: dict, body: dict, change: Change) -> dict:
    """The next version of a membership, but for its team role and whether it is the primary one.

    Raises VERSION_CONFLICT.
    """
    check_version(stored, body.get("version"))
    names = {name: body[name] for name in ("firstName", "lastName") if name in body}
    return {**stored, **names, **change.next(stored)}


def check_primary(access: Access, org_id: str, permission: str, taken_from: dict | None) -> None:
    """Raises FORBIDDEN where who acts in one team would take the user's primary team from another.

    taken_from: the membership that would not be the primary one any more, None where there is none
    """
    if taken_from is not None and access.holds(permission, org_id) is None:
        raise Forbidden(
            f"The user's primary team is another one. Changing that takes {permission} in the whole organisation."
        )


def has_primary(pointer: dict | None, held: Iterable[dict]) -> bool:
    """Whether a user has a primary team. pointer: the record that names it; held: the memberships in force"""
    return pointer is not None and of_team(held, pointer["teamId"]) is not None


def no_member(user_id: str) -> NotFound:
    return NotFound(f"The user {user_id} is no member of this team.", code="MEMBER_NOT_FOUND")


def already_member(stored: dict) -> Conflict:
    return Conflict(
        "The user is a member of this team already. To change the team role, change the member.",
        code="ALREADY_MEMBER",
        details={"joinedAt": joined_at(stored), "teamRoleId": stored["teamRoleId"]},
    )


def not_in_organisation(user_id: str) -> Conflict:
    return Conflict(
        f"The user {user_id} has neither a role nor a team in this organisation. Invite them first.",
        code="NOT_IN_ORGANISATION",
    )


def of_team(memberships: Iterable[dict], team_id: str) -> dict | None:
    """The membership of a team, in force or ended, among those of one user."""
    return next((membership for membership in memberships if membership["teamId"] == team_id), None)


def membership_answer(stored: dict, team_role_name: str, links: dict) -> dict:
    """A membership as answers show it, under the team role's present name."""
    names = (
        "organisationId",
        "teamId",
        "userId",
        "userEmail",
        "teamRoleId",
        "isLead",
        "isPrimary",
        "active",
        "version",
    )
    answer = {name: stored[name] for name in names}
    answer.update((name, stored[name]) for name in ("firstName", "lastName") if name in stored)
    answer["emailSource"] = stored.get("emailSource", identity.TYPED)
    answer |= {"joinedAt": joined_at(stored), "addedBy": shown_actor(added_by(stored))}
    answer["teamRoleName"] = team_role_name
    return {**answer, **audit_columns(stored), "_links": links}
