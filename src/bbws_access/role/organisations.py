"""Organisations and their first roles, for the platform's engineers, who work with credentials of AWS.

There is no caller of the API here, so nothing asks what the actor holds. Who it was is recorded all the same.
"""

from __future__ import annotations

from datetime import datetime

from bbws_access.access.grants import PLATFORM
from bbws_access.access.reader import in_force
from bbws_access.kernel.contract import load_roles
from bbws_access.kernel.dynamodb import Database, Put
from bbws_access.kernel.errors import BadRequest, Conflict, NotFound
from bbws_access.kernel.ids import is_user_id, is_valid_id, new_id
from bbws_access.kernel.keys import key
from bbws_access.kernel.records import Change, Stale, Step, commit, organisation_read, until_fresh
from bbws_access.role import rules, store

_LONGEST_NAME = 100


def check_organisation(name: str, organisation_id: str | None) -> tuple[str, str]:
    """The name and the id of an organisation, as they are recorded; a new id for None. Raises BadRequest."""
    name = name.strip()
    if not 1 <= len(name) <= _LONGEST_NAME or not name.isprintable():
        raise BadRequest(f"The organisation's name must have 1 to {_LONGEST_NAME} printable characters.")
    org_id = organisation_id or new_id("organisation")
    if not is_valid_id(org_id):
        raise BadRequest(
            f"{org_id!r} cannot be an organisation's id: use up to 64 lower-case letters and digits, "
            "single hyphens between them."
        )
    return name, org_id


def create_organisation(
    database: Database,
    table: str,
    name: str,
    actor: str,
    organisation_id: str | None = None,
    *,
    now: datetime | None = None,
    request_id: str | None = None,
) -> dict:
    """Record an organisation and give it the default roles; doing it again with its id changes nothing.

    table: the real name of the table `permissions`      organisation_id: a new one is made for None
    Returns {"organisationId", "name", "created": bool, "roles": {"created": [names], "existing": [names]}}.
    Raises BadRequest for a name or id that cannot be, Conflict for an id that another name has.
    """
    name, org_id = check_organisation(name, organisation_id)
    change = Change.outside_a_request(actor, request_id, now)
    reads = [organisation_read(table, org_id), *store.default_names(table, org_id)]

    def complete(results: list) -> dict:
        organisation, *taken = results
        if organisation is not None and organisation["name"] != name:
            raise Conflict(
                f"The organisation {org_id} is there already, with the name {organisation['name']!r}.",
                code="ORGANISATION_EXISTS",
            )
        roles, existing = missing_defaults(org_id, taken, change)
        if organisation is None:
            record = {
                **key("Organisation", orgId=org_id),
                "entityType": "Organisation",
                "organisationId": org_id,
                "name": name,
                "active": True,
                **change.first(),
            }
            put = (Put(table, record, "attribute_not_exists(PK)"), Stale())
            commit(database, [put, *seed_steps(table, roles)])
        else:
            roles = []  # it got them with its record; those that it renamed or deactivated since are its own affair
        return {
            "organisationId": org_id,
            "name": name,
            "created": organisation is None,
            "roles": {"created": [role["name"] for role in roles], "existing": existing},
        }

    return until_fresh(database.parallel(reads), lambda: database.parallel(reads), complete)


def assign_role(
    database: Database,
    table: str,
    *,
    user_id: str,
    role: str,
    actor: str,
    organisation_id: str | None = None,
    team_id: str | None = None,
    expires_at: str | None = None,
    now: datetime | None = None,
    request_id: str | None = None,
) -> dict:
    """Give a user a role; where the user has it already, nothing changes.

    role: the id or the name of an organisation's active role, or of a platform role when organisation_id is None
    expires_at: RFC 3339; None for never
    Returns {"created": bool, "assignment": the stored record}.
    Raises BadRequest, or NotFound for an organisation or role that is not there.
    """
    _check_user_id(user_id)
    if team_id is not None and not is_valid_id(team_id):
        raise BadRequest(f"{team_id!r} is no team id.")
    change = Change.outside_a_request(actor, request_id, now)

    def attempt(_: list) -> dict:
        if organisation_id is None:
            found = _platform_role(role)
            place = store.platform_assignment(table, user_id, found["roleId"])
        else:
            found = _organisation_role(database, table, organisation_id, role)
            place = store.assignment(table, organisation_id, user_id, found["roleId"], team_id)
        rules.check_team(found, team_id)
        ends = rules.check_expiry(expires_at, change.now)
        [stored] = database.parallel([place])
        if stored is not None and in_force(stored, change.now):
            return {"created": False, "assignment": stored}
        record = rules.new_assignment(found, user_id, team_id, ends, stored, change)
        if organisation_id is None:
            item = {**place.key, **record}
            store.put_platform_assignments(database, table, [(item, stored)])
        else:
            item = store.assign(database, table, record, stored, change)
        return {"created": True, "assignment": item}

    return until_fresh([], list, attempt)


def end_platform_roles(
    database: Database,
    table: str,
    user_id: str,
    actor: str,
    *,
    now: datetime | None = None,
    request_id: str | None = None,
) -> list[str]:
    """Take every platform role away from a user; returns the names of those that were taken. Raises BadRequest.

    The event `UserDeactivated` ends everything else: the role service may not write platform assignments.
    """
    _check_user_id(user_id)
    change = Change.outside_a_request(actor, request_id, now)
    query = store.platform_assignments(table, user_id)

    def attempt(reads: list) -> list[str]:
        held = [one for one in database.rest_of(query, reads[0]) if one["active"]]
        if held:
            ended = [(rules.ended_assignment(one, change), one) for one in held]
            store.put_platform_assignments(database, table, ended)
        return [one["roleName"] for one in held]

    return until_fresh(database.parallel([query]), lambda: database.parallel([query]), attempt)


def missing_defaults(org_id: str, taken: list[dict | None], change: Change) -> tuple[list[dict], list[str]]:
    """New records of those default roles whose name is free, and the names of the others.

    taken: what was found of `store.default_names`
    """
    roles, existing = [], []
    for default, found in zip(load_roles()["defaultOrganisationRoles"], taken, strict=True):
        if found is not None:
            existing.append(default["name"])
        else:
            roles.append(rules.new_role(org_id, new_id("role"), default, is_default=True, change=change))
    return roles, existing


def seed_steps(table: str, roles: list[dict]) -> list[Step]:
    """The steps that store default roles. Each fails as stale: somebody who took a name first did the same."""
    items = [{**key("OrganisationRole", orgId=role["organisationId"], roleId=role["roleId"]), **role} for role in roles]
    return [(action, Stale()) for item in items for action, _ in store.ROLES.create(table, item)]


def _check_user_id(user_id: str) -> None:
    if not is_user_id(user_id):
        raise BadRequest(f"{user_id!r} is no user id: use the sub of the Cognito account, a lower-case UUID.")


def _platform_role(role: str) -> dict:
    roles = rules.platform_roles().values()
    for found in roles:
        if role in (found["roleId"], found["name"]):
            return {**found, "scope": PLATFORM}
    names = ", ".join(one["name"] for one in roles)
    raise NotFound(f"There is no platform role {role}; there are {names}.", code="ROLE_NOT_FOUND")


def _organisation_role(database: Database, table: str, org_id: str, role: str) -> dict:
    if not is_valid_id(org_id):
        raise BadRequest(f"{org_id!r} is no organisation id.")
    query = {"active": True, "order": "oldest"}
    asked = store.roles(table, org_id, query)
    organisation, page = database.parallel([organisation_read(table, org_id), asked])
    if organisation is None:
        raise NotFound(f"There is no organisation {org_id}.", code="ORGANISATION_NOT_FOUND")
    for found in database.rest_of(asked, page):
        if role in (found["roleId"], found["name"]):
            return found
    raise NotFound(f"The organisation {org_id} has no active role {role}.", code="ROLE_NOT_FOUND")
