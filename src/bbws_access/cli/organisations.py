"""Organisations as engineers see them: all of them, what is in one, and a new name.

No service lists organisations, since nobody sees others than their own. Engineers ask here, and read the table whole.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bbws_access.cli.errors import UsageError, service_errors
from bbws_access.cli.people import actor, database, no_organisation
from bbws_access.cli.records import every_record
from bbws_access.cli.targets import Target

OPEN, CLOSED = "OPEN", "CLOSED"
_ADMINISTERS = "role:assign"  # whoever may do this in a whole organisation can give anything that they hold


def every(target: Target, outputs: Mapping[str, Any]) -> list[dict[str, Any]]:
    """All organisations, by id: organisationId, name, dateCreated, state (OPEN, CLOSED), closedAt, closedBy."""
    with service_errors():
        records = every_record(target, outputs["table_names"]["permissions"], "Organisation")
        found = [_shown(record) for record in records]
    return sorted(found, key=lambda one: one["organisationId"])


def check_name_is_free(target: Target, outputs: Mapping[str, Any], name: str, *, besides: str, flag: str) -> None:
    """Raises UsageError where an open organisation other than `besides` has a name that looks the same.

    flag: the option that makes the command go on all the same
    """
    from bbws_access.kernel.texts import skeleton

    looks = skeleton(name)
    same = [
        one
        for one in every(target, outputs)
        if skeleton(one["name"]) == looks and one["organisationId"] != besides and one["state"] == OPEN
    ]
    if not same:
        return
    there = " and ".join(f"{one['organisationId']}, made {one['dateCreated'][:10]}" for one in same)
    raise UsageError(
        f"There is an organisation of the name {same[0]['name']!r} already: {there}.",
        f"`{target.advice('org show', same[0]['organisationId'])}` says what is in it. "
        f"{flag} goes on all the same; choose another name where people would confuse the two.",
    )


def show(target: Target, outputs: Mapping[str, Any], org_id: str) -> dict[str, Any]:
    """What is in an organisation, in numbers, and who administers it. Lists of people are a moment behind.

    Returns what `every` does, and createdBy, people, administrators (userId, email), roles, permissionSets,
    teams, pendingInvitations. Raises UsageError where there is none.
    """
    from bbws_access.access.permissions import covers
    from bbws_access.invitation import store as invitations
    from bbws_access.kernel.dynamodb import Query
    from bbws_access.kernel.keys import partition
    from bbws_access.kernel.records import timestamp
    from bbws_access.role import rules, store
    from bbws_access.role.review import named

    names, tables, now = outputs["table_names"], database(target), datetime.now(UTC)
    permissions, moment = names["permissions"], timestamp(now)
    with service_errors():
        record = read(target, outputs, org_id)
        queries: list[Query] = [
            store.every_role(permissions, org_id),
            store.permission_sets(permissions, org_id),
            Query(names["teams"], partition("Team", orgId=org_id), "TEAM#"),
            store.assigned_in(permissions, org_id, None, None, moment),
            store.members_in(names["teams"], org_id, None, None, moment),
            *invitations.invitations(names["invitations"], org_id, {"order": "oldest", "status": "PENDING"}, now, 0),
        ]
        queries = [query._replace(limit=None) for query in queries]
        firsts = tables.parallel(queries)
        roles, sets, teams, assigned, members, pending = (
            tables.rest_of(*one) for one in zip(queries, firsts, strict=True)
        )
        carried = store.sets_of(tables, permissions, org_id, firsts[1], *roles)
    administer = {
        role["roleId"] for role in roles if any(covers(held, _ADMINISTERS) for held in rules.granted(role, carried))
    }
    people = {one["userId"] for one in (*assigned, *members)}
    held = [one for one in assigned if one["roleId"] in administer and one.get("teamId") is None]
    administrators = {one["userId"]: one.get("userEmail") for one in named(held)}
    return {
        **_shown(record),
        "createdBy": record["createdBy"],
        "people": len(people),
        "administrators": [{"userId": user, "email": administrators[user]} for user in sorted(administrators)],
        "roles": len(roles),
        "permissionSets": len(sets),
        "teams": sum(team["active"] for team in teams),
        "pendingInvitations": len(pending),
    }


def rename(
    target: Target, outputs: Mapping[str, Any], org_id: str, name: str, *, same_name: bool = False
) -> dict[str, Any]:
    """Give an organisation another name; doing it again changes nothing. Its id stays.

    same_name: also where another one has that name
    Returns organisationId, name, before, renamed. Raises UsageError.
    """
    from bbws_access.kernel.records import (
        Change,
        Stale,
        check_open,
        commit,
        organisation_read,
        put_over,
        until_fresh,
    )
    from bbws_access.role.organisations import check_organisation

    tables, table = database(target), outputs["table_names"]["permissions"]
    change = Change.outside_a_request(actor())
    with service_errors():
        found = read(target, outputs, org_id)
        check_open(found)
        before = found["name"]
        name, _ = check_organisation(name, org_id)
        if not same_name:
            check_name_is_free(target, outputs, name, besides=org_id, flag="--same-name")
        asked = [organisation_read(table, org_id)]

        def attempt(reads: list[dict[str, Any]]) -> bool:
            [stored] = reads
            check_open(stored)
            if stored["name"] == name:
                return False
            commit(tables, [(put_over(table, {**stored, "name": name, **change.next(stored)}, stored), Stale())])
            return True

        renamed = until_fresh(tables.parallel(asked), lambda: tables.parallel(asked), attempt)
    return {"organisationId": org_id, "name": name, "before": before, "renamed": renamed}


def read(target: Target, outputs: Mapping[str, Any], org_id: str) -> dict[str, Any]:
    """The record of an organisation. Raises UsageError where there is none."""
    from bbws_access.kernel.ids import is_valid_id
    from bbws_access.kernel.records import organisation_read

    found = None
    if is_valid_id(org_id):
        with service_errors():
            [found] = database(target).parallel([organisation_read(outputs["table_names"]["permissions"], org_id)])
    if found is None:
        raise no_organisation(target, org_id)
    return found


def _shown(record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **{name: record[name] for name in ("organisationId", "name", "dateCreated")},
        "state": OPEN if record["active"] else CLOSED,
        "closedAt": record.get("closedAt"),
        "closedBy": record.get("closedBy"),
    }
