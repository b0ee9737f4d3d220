"""Organisations as they begin: their record, and the roles that each starts with."""

from __future__ import annotations

from collections.abc import Collection

from bbws_access.kernel.contract import load_roles
from bbws_access.kernel.dynamodb import Database, Put
from bbws_access.kernel.errors import BadRequest, Conflict
from bbws_access.kernel.formats import is_reserved
from bbws_access.kernel.ids import is_valid_id, new_id
from bbws_access.kernel.keys import key
from bbws_access.kernel.records import Change, Stale, Step, commit, organisation_read, until_fresh
from bbws_access.kernel.texts import NAME, TextRefused, normalised
from bbws_access.role import rules, store

_LONGEST_NAME = 100


def check_organisation(name: str, organisation_id: str | None, reserved: Collection[str] = ()) -> tuple[str, str]:
    """The name and the id of an organisation, as they are recorded; a new id for None. Raises BadRequest.

    reserved: words of other services' APIs, which no organisation may be called
    """
    try:
        name = normalised(name, NAME)
    except TextRefused as refused:
        raise BadRequest(f"The organisation's name {refused}.") from None
    if len(name) > _LONGEST_NAME:
        raise BadRequest(f"The organisation's name must have 1 to {_LONGEST_NAME} characters.")
    org_id = organisation_id or new_id("organisation")
    if not is_valid_id(org_id):
        raise BadRequest(
            f"{org_id!r} cannot be an organisation's id: use up to 64 lower-case letters and digits, "
            "single hyphens between them."
        )
    if is_reserved(org_id, reserved):
        raise BadRequest(
            f"{org_id!r} cannot be an organisation's id: it is a word of the API's paths, so no policy could tell the "
            "organisation from it."
        )
    return name, org_id


def create_organisation(
    database: Database, table: str, name: str, change: Change, organisation_id: str | None = None
) -> dict:
    """Record an organisation and give it the default roles; doing it again with its id changes nothing.

    table: the real name of the table `permissions`      organisation_id: a new one is made for None
    Returns {"organisationId", "name", "created": bool, "roles": {"created": [names], "existing": [names]}}.
    Raises BadRequest for a name or id that cannot be, Conflict for an id that another name has.
    """
    name, org_id = check_organisation(name, organisation_id)
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
    return [(action, Stale()) for role in roles for action, _ in store.ROLES.create(table, role)]
