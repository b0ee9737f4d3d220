"""Roles that the platform's engineers give and take by the tool, with credentials of AWS.

There is no caller of the API here, so nothing asks what the actor holds. Who it was is recorded all the same.
"""

from __future__ import annotations

from bbws_access.access import identity
from bbws_access.access.departures import Departures, departures_read, record_departure, user_left
from bbws_access.access.grants import PLATFORM
from bbws_access.kernel.contract import platform_roles
from bbws_access.kernel.dynamodb import Database, Get
from bbws_access.kernel.errors import BadRequest, NotFound
from bbws_access.kernel.ids import is_user_id, is_valid_id
from bbws_access.kernel.records import Change, check_open, commit, organisation_read, stays_open, until_fresh
from bbws_access.role import rules, store


def assign_role(
    database: Database,
    table: str,
    user_id: str,
    role: str,
    change: Change,
    organisation_id: str | None = None,
    email: str | None = None,
) -> dict:
    """Give a user a role; where the user has it already, nothing changes.

    table: the real name of the table `permissions`
    email: the user's address, where the user pool has verified it
    role: the id or the name of an organisation's active role, or of a platform role when organisation_id is None
    Returns {"created": bool, "assignment": the stored record}.
    Raises BadRequest, also for a role of scope TEAM, NotFound for an organisation or role that is not there, or
    USER_LEFT where the user leaves at this moment.
    """
    _check_user_id(user_id)
    left = departures_read(table, user_id)
    before = Departures(user_id, database.parallel([left])[0]).count(organisation_id)

    def attempt(_: list) -> dict:
        found = find_role(database, table, role, organisation_id)
        reads: list[Get] = []
        if organisation_id is None:
            place = store.platform_assignment(table, user_id, found["roleId"])
            reads.append(store.roles_given(table, user_id))
        else:
            place = store.assignment(table, organisation_id, user_id, found["roleId"], None)
            reads.append(store.USES.head(table, organisation_id, found["roleId"]))
        rules.check_team(found, None)
        stored, record, more = database.parallel([place, left, *reads])
        departures = Departures(user_id, record)
        if departures.count(organisation_id) != before:
            raise user_left(user_id)
        if stored is not None and departures.in_force(stored, change.now):
            if organisation_id is None:
                _say_given(database, table, stored, more, change)
            return {"created": False, "assignment": stored}
        record = rules.new_assignment(found, user_id, None, None, stored, change, departures=before)
        if email is not None and organisation_id is not None:
            record |= identity.proven(email)
        stays = [departures.stays(table)]
        if organisation_id is None:
            item = {**place.key, **record}
            store.put_platform_assignments(database, table, [(item, stored)], more, change, stays)
        else:
            stays.append(stays_open(table, organisation_id))
            item = store.assign(database, table, record, found, stored, change, stays, more)
        return {"created": True, "assignment": item}

    return until_fresh([], list, attempt)


def _say_given(database: Database, table: str, assignment: dict, said: dict | None, change: Change) -> None:
    """Make a platform role known to decisions that was given by a release that did not, or that they lost since."""
    if not store.says_given(said, [assignment["roleId"]]):
        commit(database, store.roles_given_steps(table, [assignment], said, change))


def leave(
    database: Database, table: str, user_id: str, organisation_id: str | None, departure_id: str, change: Change
) -> tuple[Departures, list[str]]:
    """End everything that a user holds, in an organisation or, for None, everywhere: from now on it counts no more.

    departure_id: what the event `UserDeactivated`, which makes the services tidy up, says of it
    Returns the user's departures, and the names of the platform roles that were taken away: no service may write those.
    Raises BadRequest.
    """
    _check_user_id(user_id)
    departures = record_departure(database, table, user_id, organisation_id, departure_id, change)
    ended = [] if organisation_id is not None else _end_platform_roles(database, table, departures, change)
    return departures, ended


def _end_platform_roles(database: Database, table: str, departures: Departures, change: Change) -> list[str]:
    query = store.platform_assignments(table, departures.user_id)
    asked = [query, store.roles_given(table, departures.user_id)]

    def attempt(reads: list) -> list[str]:
        held = [assignment for assignment in database.rest_of(query, reads[0]) if departures.ended(assignment)]
        if held:
            ended = [(rules.ended_assignment(assignment, change), assignment) for assignment in held]
            store.put_platform_assignments(database, table, ended, reads[1], change)
        return [assignment["roleName"] for assignment in held]

    return until_fresh(database.parallel(asked), lambda: database.parallel(asked), attempt)


def find_role(database: Database, table: str, role: str, organisation_id: str | None = None) -> dict:
    """The active role of an organisation, or of the platform for None, with this id or name.

    Raises BadRequest for what is no organisation's id, NotFound for an organisation or role that is not there,
    ORGANISATION_CLOSED.
    """
    if organisation_id is None:
        return _platform_role(role)
    return _organisation_role(database, table, organisation_id, role)


def _check_user_id(user_id: str) -> None:
    if not is_user_id(user_id):
        raise BadRequest(f"{user_id!r} is no user id: use the sub of the Cognito account, a lower-case UUID.")


def _platform_role(role: str) -> dict:
    roles = platform_roles().values()
    for found in roles:
        if role in (found["roleId"], found["name"]):
            return {**found, "scope": PLATFORM}
    names = ", ".join(found["name"] for found in roles)
    raise NotFound(f"There is no platform role {role}; there are {names}.", code="ROLE_NOT_FOUND")


def _organisation_role(database: Database, table: str, org_id: str, role: str) -> dict:
    if not is_valid_id(org_id):
        raise BadRequest(f"{org_id!r} is no organisation id.")
    query = {"active": True, "order": "oldest"}
    asked = store.roles(table, org_id, query)
    organisation, page = database.parallel([organisation_read(table, org_id), asked])
    if organisation is None:
        raise NotFound(f"There is no organisation {org_id}.", code="ORGANISATION_NOT_FOUND")
    check_open(organisation)
    roles = database.rest_of(asked, page)
    for found in roles:
        if role in (found["roleId"], found["name"]):
            return found
    names = ", ".join(sorted(found["name"] for found in roles)) or "none"
    raise NotFound(
        f"The organisation {org_id} has no active role {role}; its active roles are {names}.", code="ROLE_NOT_FOUND"
    )
