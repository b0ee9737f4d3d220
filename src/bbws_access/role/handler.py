"""The role service's operations."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from bbws_access.access import identity, joining
from bbws_access.access.departures import Departures, depart, departures_read
from bbws_access.access.granting import check_ceiling, granted_until, text_of_end
from bbws_access.access.grants import Access, end_of, in_force
from bbws_access.access.reader import AccessIn, definition_calls, read_others_in
from bbws_access.kernel.aws import AwsError
from bbws_access.kernel.contract import load_contract
from bbws_access.kernel.dynamodb import Call, Page, Query
from bbws_access.kernel.errors import Conflict, NotFound, Unavailable
from bbws_access.kernel.events import Event
from bbws_access.kernel.ids import new_id
from bbws_access.kernel.paging import encode_cursor, list_response, page_size
from bbws_access.kernel.records import (
    check_room,
    check_size,
    commit,
    commit_patiently,
    organisation_exists,
    team_read,
    timestamp,
)
from bbws_access.role import effective, organisations, people, preview, review, rules, store
from bbws_access.service.access import Receiver
from bbws_access.service.links import Links, base_path, cursor_scope, link, own_link, page_links
from bbws_access.service.operations import (
    change_of,
    check_organisation,
    check_switch,
    departed,
    from_cursor,
    lacking_for_switch,
    page_of,
    settle,
)
from bbws_access.service.requests import Request, Response
from bbws_access.service.runtime import Service

service = Service("role")

_ROLE_ACTIONS = {
    "users": "listRoleUsers",
    "update": "updateRole",
    "permissions": "replaceRolePermissions",
    "preview": "previewRole",
    "delete": "deleteRole",
}
_SWITCHED_BY = {"begins": "createRole", "ends": "deleteRole"}


# Platform roles


def _platform_roles(request: Request) -> list[Call]:
    return [from_cursor(request, store.platform_roles(request.settings.permissions_table))]


@service.operation("listPlatformRoles", prefetch=_platform_roles)
def list_platform_roles(request: Request) -> dict:
    [query], [page] = _platform_roles(request), request.prefetched
    found, cursor = page_of(request, query, page)
    items = [rules.platform_role_answer(role, _platform_role_links(role)) for role in found]
    return list_response(items, cursor, page_links(request, cursor))


@service.operation(
    "getPlatformRole",
    prefetch=lambda request: [store.platform_role(request.settings.permissions_table, request.path["roleId"])],
)
def get_platform_role(request: Request) -> dict:
    found = request.prefetched[0]
    if found is None:
        raise NotFound(f"There is no platform role {request.path['roleId']}.", code="ROLE_NOT_FOUND")
    return rules.platform_role_answer(found, _platform_role_links(found))


def _platform_role_links(stored: dict) -> dict:
    return {"self": link("getPlatformRole", roleId=stored["roleId"])}


# Roles of an organisation


def _roles(request: Request) -> list[Call]:
    table, org_id = request.settings.permissions_table, request.path["orgId"]
    return [organisation_exists(table, org_id), from_cursor(request, store.roles(table, org_id, request.query))]


@service.operation("listRoles", prefetch=_roles)
def list_roles(request: Request) -> dict:
    organisation, page = request.prefetched
    check_organisation(request, organisation)
    found, cursor = page_of(request, _roles(request)[1], page)
    links = Links(request.access)
    items = [rules.role_answer(role, _role_links(links, role)) for role in found]
    actions = {"create": "createRole", "seed": "seedRoles"}
    return list_response(items, cursor, page_links(request, cursor, actions))


def _new_role_reads(request: Request) -> list[Call]:
    table, org_id = request.settings.permissions_table, request.path["orgId"]
    return [
        organisation_exists(table, org_id),
        store.permission_sets(table, org_id),
        store.size_of_roles(table, org_id),
    ]


@service.operation("createRole", prefetch=_new_role_reads)
def create_role(request: Request) -> Response:
    table, org_id = request.settings.permissions_table, request.path["orgId"]
    role_id = new_id("role")

    def create(reads: list) -> dict:
        check_organisation(request, reads[0])
        check_room(reads[2], rules.MOST_ROLES, "active roles")
        record = rules.new_role(org_id, role_id, request.body, is_default=False, change=change_of(request))
        check_size(reads[2], "roleId", None, record, "roles")
        rules.check_grants(None, record, _sets(request, reads[1]), request.access)
        steps = store.ROLES.create(table, record)
        commit(request.database, [*steps, *store.sets_stay_active(table, org_id, record["permissionSets"])])
        return record

    return _answer(request, settle(request, _new_role_reads, create), status=201)


def _seed_reads(request: Request) -> list[Call]:
    table, org_id = request.settings.permissions_table, request.path["orgId"]
    return [organisation_exists(table, org_id), *store.default_names(table, org_id)]


@service.operation("seedRoles", prefetch=_seed_reads)
def seed_roles(request: Request) -> dict:
    table, org_id = request.settings.permissions_table, request.path["orgId"]

    def seed(reads: list) -> dict:
        organisation, *taken = reads
        check_organisation(request, organisation)
        roles, existing = organisations.missing_defaults(org_id, taken, change_of(request))
        for role in roles:
            check_ceiling(request.access, org_id, role["permissions"])
        if roles:
            commit(request.database, organisations.seed_steps(table, roles))
        links = Links(request.access).of(own_link(request), {"roles": "listRoles"}, orgId=org_id)
        created = [role["name"] for role in roles]
        return {"organisationId": org_id, "created": created, "existing": existing, "_links": links}

    return settle(request, _seed_reads, seed)


def _existing_reads(request: Request) -> list[Call]:
    """The organisation and the path's role, as `_existing` needs them."""
    table, org_id, role_id = request.settings.permissions_table, request.path["orgId"], request.path["roleId"]
    return [organisation_exists(table, org_id), *store.ROLES.reads(table, org_id, role_id)]


def _role_reads(request: Request) -> list[Call]:
    """The reads of a role that changes; the sets that it may carry, how many roles there are and how large."""
    table, org_id = request.settings.permissions_table, request.path["orgId"]
    return [*_end_reads(request), store.permission_sets(table, org_id), store.size_of_roles(table, org_id)]


def _end_reads(request: Request) -> list[Call]:
    """The reads of a role that ends, and whether anybody has it."""
    table, org_id, role_id = request.settings.permissions_table, request.path["orgId"], request.path["roleId"]
    return [*_existing_reads(request), store.USES.read(table, org_id, role_id)]


@service.operation("getRole", prefetch=_existing_reads)
def get_role(request: Request) -> Response:
    return _answer(request, _existing(request, request.prefetched))


@service.operation("updateRole", prefetch=_role_reads)
def update_role(request: Request) -> Response:
    return _replace_role(request, lambda stored: rules.changed_role(stored, request.body, change_of(request)))


@service.operation("replaceRolePermissions", prefetch=_role_reads)
def replace_role_permissions(request: Request) -> Response:
    return _replace_role(request, lambda stored: rules.regranted_role(stored, request.body, change_of(request)))


@service.operation("deleteRole", prefetch=_end_reads)
def delete_role(request: Request) -> Response:
    rules.check_changeable(request.path["roleId"])

    def deactivate(reads: list) -> None:
        stored = _existing(request, reads)
        if stored["active"]:
            _store_role(request, stored, {**stored, "active": False, **change_of(request).next(stored)}, reads)

    settle(request, _end_reads, deactivate)
    return Response(204)


def _replace_role(request: Request, next_version: Callable[[dict], dict]) -> Response:
    rules.check_changeable(request.path["roleId"])

    def replace(reads: list) -> dict:
        stored = _existing(request, reads)
        record = next_version(stored)
        check_switch(request, stored, record, **_SWITCHED_BY)
        rules.check_grants(stored, record, _sets(request, reads[4], stored, record), request.access)
        if record["active"] and not stored["active"]:
            check_room(reads[-1], rules.MOST_ROLES, "active roles")
        if record["active"]:
            check_size(reads[-1], "roleId", stored, record, "roles")
        _store_role(request, stored, record, reads)
        return record

    return _answer(request, settle(request, _role_reads, replace))


def _store_role(request: Request, stored: dict, record: dict, reads: list) -> None:
    table, org_id, role_id = request.settings.permissions_table, stored["organisationId"], stored["roleId"]
    added = [set_id for set_id in record["permissionSets"] if set_id not in stored["permissionSets"]]
    steps = [
        *store.ROLES.replace(table, stored, record),
        *store.sets_stay_active(table, org_id, added),
    ]
    ends = stored["active"] and not record["active"]
    if ends:
        store.check_unused(request.database, table, org_id, role_id, reads[3], change_of(request))
    steps += store.USES.renewed(table, record, change_of(request), reads[3], unused=ends)
    commit_patiently(request.database, steps)


def _preview_reads(request: Request) -> list[Call]:
    table, org_id, role_id = request.settings.permissions_table, request.path["orgId"], request.path["roleId"]
    size = page_size(request.query)
    return [
        *_existing_reads(request),
        *definition_calls(request.settings, org_id),
        store.USES.read(table, org_id, role_id),
        _page_of_role(request, store.assignments_of_role(table, org_id, role_id, True, timestamp(request.now), size)),
    ]


@service.operation("previewRole", prefetch=_preview_reads, only_reads=True)
def preview_role(request: Request) -> dict:
    """What a change would do. Nothing is written."""
    rules.check_changeable(request.path["roleId"])
    database, now, org_id = request.database, request.now, request.path["orgId"]
    stored = _existing(request, request.prefetched)
    proposed = rules.proposed_role(stored, request.body)
    queries, reads = _preview_reads(request), request.prefetched
    roles, held = (database.rest_of(queries[n], reads[n]) for n in (3, 4))
    sets = _sets(request, Page(held, None, len(held)), stored, proposed)
    rules.check_content(stored, proposed, sets)
    then, before = rules.granted_then_and_now(stored, proposed, sets)
    found, cursor = page_of(request, queries[6], reads[6])
    places = [(one["userId"], one.get("teamId")) for one in found]
    others = read_others_in(
        database,
        request.settings,
        org_id,
        (roles, held),
        places,
        preview.difference(then, before),
        whole={user_id for user_id, _ in places if effective.sees_all_of(request.access, user_id)},
        now=now,
    )
    items = [
        preview.effect(assignment, others[assignment["userId"]], then, before)
        for assignment in found
        if others[assignment["userId"]].departures.lets(assignment)
    ]
    in_use = stored["active"] and not proposed["active"] and bool(found or "startAt" in request.query)
    switch = lacking_for_switch(request, stored, proposed, **_SWITCHED_BY)
    lacking = list(dict.fromkeys([*switch, *rules.lacking(stored, proposed, sets, request.access)]))
    actions = {"update": "updateRole", "permissions": "replaceRolePermissions", "users": "listRoleUsers"}
    return {
        "organisationId": org_id,
        "roleId": stored["roleId"],
        "version": stored["version"],
        "allowed": not lacking and not in_use,
        "missing": lacking,
        "roleInUse": in_use,
        "total": store.USES.total(reads[5]),
        "gaining": sum(bool(item["gained"]) for item in items),
        "losing": sum(bool(item["lost"]) for item in items),
        **list_response(items, cursor, page_links(request, cursor, {"role": "getRole", **actions})),
    }


# Assignments


def _role_users(request: Request) -> list[Call]:
    table, org_id, role_id = request.settings.permissions_table, request.path["orgId"], request.path["roleId"]
    active, now, size = request.query["active"], timestamp(request.now), page_size(request.query)
    return [
        *_existing_reads(request),
        _page_of_role(request, store.assignments_of_role(table, org_id, role_id, active, now, size)),
    ]


def _page_of_role(request: Request, query: Query) -> Query:
    """A page of a role's assignments, from the request's cursor on: what it stood at may have expired meanwhile."""
    first, last = query.sort_range
    found = from_cursor(request, query._replace(sort_range=("", last)))
    at = found.start_key and found.start_key[query.key_attributes()[1]]
    return query._replace(start_key=found.start_key if at and at >= first else None)


@service.operation("listRoleUsers", prefetch=_role_users)
def list_role_users(request: Request) -> dict:
    role = _existing(request, request.prefetched)
    found, cursor = page_of(request, _role_users(request)[3], request.prefetched[3])
    links = Links(request.access)
    items = [_assignment(request, links, assignment, role["name"]) for assignment in found]
    return list_response(items, cursor, page_links(request, cursor, {"role": "getRole"}))


def _user_roles(request: Request) -> list[Call]:
    table, org_id, user_id = request.settings.permissions_table, request.path["orgId"], request.path["userId"]
    return [
        organisation_exists(table, org_id),
        store.role_names(table, org_id),
        from_cursor(request, store.assignments_of_user(table, org_id, user_id)),
        departures_read(table, user_id),
    ]


@service.operation("listUserRoles", prefetch=_user_roles)
def list_user_roles(request: Request) -> dict:
    check_organisation(request, request.prefetched[0])
    _, names_query, query, _ = _user_roles(request)
    departures = Departures(request.path["userId"], request.prefetched[3])
    roles = request.database.rest_of(names_query, request.prefetched[1])
    names = {role["roleId"]: role["name"] for role in roles}
    first, wanted = request.prefetched[2], request.query["active"]
    shown = [one for one in first.items if departures.in_force(one, request.now) is wanted]
    found, cursor = page_of(request, query, first._replace(items=shown))
    links = Links(request.access)
    items = [
        _assignment(request, links, {**one, "active": wanted}, names.get(one["roleId"], one["roleName"]))
        for one in found
    ]
    actions = {"assign": "assignRole", "permissions": "getUserPermissions"}
    return list_response(items, cursor, page_links(request, cursor, actions))


def _assign_reads(request: Request) -> list[Call]:
    table, org_id, body = request.settings.permissions_table, request.path["orgId"], request.body
    return [
        organisation_exists(table, org_id),
        store.role(table, org_id, body["roleId"]),
        store.permission_sets(table, org_id),
        store.assignment(table, org_id, request.path["userId"], body["roleId"], body.get("teamId")),
        store.size_of_assignments(table, org_id, request.path["userId"]),
        departures_read(table, request.path["userId"]),
        store.USES.head(table, org_id, body["roleId"]),
        *([team_read(request.settings.teams_table, org_id, body["teamId"])] if "teamId" in body else []),
    ]


@service.operation("assignRole", prefetch=_assign_reads)
def assign_role(request: Request) -> Response:
    table, org_id, body = request.settings.permissions_table, request.path["orgId"], request.body
    role_id, team_id, change = body["roleId"], body.get("teamId"), change_of(request)
    rules.check_assignable_here(role_id)
    receiver = Receiver(request, request.path["userId"])

    def assign(reads: list) -> tuple[dict, str]:
        organisation, role, sets, stored, size, left, head, *teams = reads
        check_organisation(request, organisation)
        if role is None or not role["active"]:
            raise rules.no_active_role(role_id)
        rules.check_team(role, team_id)
        rules.check_teams_active(teams, team_id)
        asked = rules.check_expiry(body.get("expiresAt"), request.now)
        # Nobody gives for longer than they have: the answer says when it ends.
        until = granted_until(request.access, org_id, rules.carried(role, _sets(request, sets, role)))
        ends = text_of_end(until, end_of({"expiresAt": asked}))
        departures = receiver.find(left)
        if stored is not None and departures.in_force(stored, request.now):
            raise rules.already_assigned(stored)
        if stored is None:
            check_room(size, rules.MOST_ASSIGNMENTS, rules.COUNTED_ASSIGNMENTS)
            if not size.count:
                where = request.database, request.settings, request.path["userId"], org_id
                joining.check_another(*where, joining.MOST_GIVEN)
        count = departures.count(org_id)
        record = rules.new_assignment(role, request.path["userId"], team_id, ends, stored, change, departures=count)
        record |= identity.known(size.items, record["userId"], *request.caller[:2])
        for team in teams:
            record |= rules.in_team(team)
        teams_stay = (store.team_stays(request.settings.teams_table, team) for team in teams)
        checks = [*receiver.stays(departures), *teams_stay]
        return store.assign(request.database, table, record, role, stored, change, checks, head), role["name"]

    record, name = settle(request, _assign_reads, assign)
    answer = _assignment(request, Links(request.access), record, name)
    return Response(201, answer, {"Location": answer["_links"]["self"]["href"]})


def _remove_reads(request: Request) -> list[Call]:
    table, path = request.settings.permissions_table, request.path
    return [
        *_existing_reads(request),
        store.assignment(table, path["orgId"], path["userId"], path["roleId"], request.query.get("teamId")),
    ]


@service.operation("removeRole", prefetch=_remove_reads)
def remove_role(request: Request) -> Response:
    rules.check_assignable_here(request.path["roleId"])

    def remove(reads: list) -> None:
        role, stored = _existing(request, reads), reads[3]
        rules.check_team(role, request.query.get("teamId"), "query.teamId")
        # What has expired, or what they had before they left, stays and counts until somebody ends it, and whoever sees
        # it may.
        if stored is None or not stored["active"]:
            raise NotFound("The user does not have this role.", code="ASSIGNMENT_NOT_FOUND")
        store.end(request.database, request.settings.permissions_table, [stored], change_of(request))

    settle(request, _remove_reads, remove)
    return Response(204)


# What a user may do


def _other_user_reads(request: Request, user_id: str) -> list[Call]:
    """The reads of what another user holds. What the caller holds is read by the second access check anyway."""
    if user_id == request.caller.user_id:
        return []
    request.other = AccessIn(request.settings, user_id, request.path["orgId"])
    return request.other.calls


def _access_of(request: Request, user_id: str, pages: list) -> Access:
    if user_id == request.caller.user_id:
        return request.access
    return request.other.access(request.database, pages, now=request.now)


def _permissions_reads(request: Request) -> list[Call]:
    organisation = organisation_exists(request.settings.permissions_table, request.path["orgId"])
    return [organisation, *_other_user_reads(request, request.path["userId"])]


@service.operation("getUserPermissions", prefetch=_permissions_reads)
def get_user_permissions(request: Request) -> dict:
    org_id, user_id = request.path["orgId"], request.path["userId"]
    organisation, *pages = request.prefetched
    check_organisation(request, organisation)
    access = effective.seen_by(request.access, _access_of(request, user_id, pages), org_id)
    links = Links(request.access).of(own_link(request), {"roles": "listUserRoles"}, orgId=org_id, userId=user_id)
    return {
        "organisationId": org_id,
        "userId": user_id,
        "permissions": effective.effective_permissions(access, org_id),
        "capabilities": effective.effective_capabilities(access, org_id),
        "_links": links,
    }


def _check_reads(request: Request) -> list[Call]:
    organisation = organisation_exists(request.settings.permissions_table, request.path["orgId"])
    return [organisation, *_other_user_reads(request, request.body["userId"])]


@service.operation("checkAccess", prefetch=_check_reads, only_reads=True)
def check_access(request: Request) -> dict:
    org_id, body = request.path["orgId"], request.body
    organisation, *pages = request.prefetched
    check_organisation(request, organisation)
    path, base = body["path"], base_path()
    if path.startswith(f"{base}/"):
        path = path.removeprefix(base)
    match = effective.route(load_contract(), body["method"], path, org_id)
    access = _access_of(request, body["userId"], pages)
    seen = effective.seen_by(request.access, access, org_id)
    answer = effective.explain(match, seen, limited=seen is not access)
    links = Links(request.access).of(
        own_link(request),
        {"permissions": "getUserPermissions", "roles": "listUserRoles"},
        orgId=org_id,
        userId=body["userId"],
    )
    asked = {"organisationId": org_id, "userId": body["userId"], "method": body["method"], "path": path}
    return {**asked, **answer, "_links": links}


# Who is in the organisation


def _users_from(request: Request, after: str | None) -> list[Query]:
    settings, org_id, now = request.settings, request.path["orgId"], timestamp(request.now)
    limit = page_size(request.query) + 1 + review.SPARE
    return [
        store.assigned_in(settings.permissions_table, org_id, after, limit, now),
        store.members_in(settings.teams_table, org_id, after, limit, now),
    ]


def _names(request: Request) -> list[Call]:
    settings, org_id = request.settings, request.path["orgId"]
    return [
        organisation_exists(settings.permissions_table, org_id),
        store.role_names(settings.permissions_table, org_id),
        store.team_role_names(settings.teams_table, org_id),
    ]


def _named(request: Request, reads: list) -> people.Names:
    """The names of the organisation's roles and team roles, from the results of `_names` and of others behind them."""
    check_organisation(request, reads[0])
    roles, team_roles = (request.database.rest_of(*read) for read in zip(_names(request)[1:], reads[1:3], strict=True))
    return people.Names(roles, team_roles)


def _users(request: Request) -> list[Call]:
    return [*_names(request), *_users_from(request, review.after(request))]


@service.operation("listUsers", prefetch=_users)
def list_users(request: Request) -> dict:
    names = _named(request, request.prefetched)
    found, cursor = people.page(request, partial(_users_from, request), request.prefetched[3:])
    links, org_id = Links(request.access), request.path["orgId"]
    items = [
        {**people.user(org_id, user_id, held, names), "_links": _user_links(request, links, user_id)}
        for user_id, held in found.items()
    ]
    return list_response(items, cursor, page_links(request, cursor, {"review": "reviewAccess"}))


def _user(request: Request) -> list[Call]:
    settings, org_id, user_id = request.settings, request.path["orgId"], request.path["userId"]
    return [
        *_names(request),
        store.assignments_of_user(settings.permissions_table, org_id, user_id),
        store.memberships_of_user(settings.teams_table, org_id, user_id),
        departures_read(settings.permissions_table, user_id),
    ]


@service.operation("getUser", prefetch=_user)
def get_user(request: Request) -> dict:
    org_id, user_id = request.path["orgId"], request.path["userId"]
    names, queries = _named(request, request.prefetched), _user(request)[3:5]
    *pages, left = request.prefetched[3:]
    stored = [one for read in zip(queries, pages, strict=True) for one in request.database.rest_of(*read)]
    held = Departures(user_id, left).those_in_force(stored, request.now)
    if not held:
        raise people.not_here(user_id)
    links = _user_links(request, Links(request.access), user_id)
    return {**people.user(org_id, user_id, held, names), "_links": links}


def _user_links(request: Request, links: Links, user_id: str) -> dict:
    parts = {"orgId": request.path["orgId"], "userId": user_id}
    actions = {"roles": "listUserRoles", "teams": "listUserTeams", "permissions": "getUserPermissions"}
    if user_id != request.caller.user_id:
        actions["deactivate"] = "deactivateUser"
    return links.of(link("getUser", **parts), actions, **parts)


@service.operation("deactivateUser", prefetch=_permissions_reads)
def deactivate_user(request: Request) -> Response:
    org_id, user_id = request.path["orgId"], request.path["userId"]
    if user_id == request.caller.user_id:
        # Whoever lets somebody leave stays, so somebody stays who can let people in.
        raise people.leaves_alone()

    def leave(reads: list) -> str:
        organisation, *pages = reads
        check_organisation(request, organisation)
        access = _access_of(request, user_id, pages).within(org_id)
        if not access.known:
            # Who has left already did so once; what was not told then is told now.
            told = access.departures.told(org_id)
            if told is None:
                raise people.not_here(user_id)
            return told
        people.check_may_leave(request.access, access, org_id)
        table = request.settings.permissions_table
        depart(request.database, table, access.departures, org_id, request.request_id, change_of(request))
        return request.request_id

    departure = {"userId": user_id, "organisationId": org_id}
    departure["departureId"] = settle(request, _permissions_reads, leave)
    try:
        # That ends the records, here and in the teams. By now none of them counts any more.
        request.aws.put_event("bbws.platform", "UserDeactivated", departure, request.settings.required_event_bus)
    except AwsError as error:
        request.log.warning("A departure could not be told", reason=error.code, userId=user_id)
        raise Unavailable("The user has left; lists and counts have yet to be tidied up. Call again.") from error
    return Response(204)


# Who has what


def _review_reads(request: Request) -> list[Call]:
    settings, org_id, now = request.settings, request.path["orgId"], timestamp(request.now)
    place, limit = review.place(request)
    return [
        organisation_exists(settings.permissions_table, org_id),
        store.permission_sets(settings.permissions_table, org_id),
        store.role_grants(settings.permissions_table, org_id),
        store.team_role_grants(settings.teams_table, org_id),
        store.assigned_in(settings.permissions_table, org_id, place, limit, now),
        store.members_in(settings.teams_table, org_id, place, limit, now),
    ]


@service.operation("reviewAccess", prefetch=_review_reads)
def review_access(request: Request) -> Response | dict:
    organisation, sets, *found = request.prefetched
    check_organisation(request, organisation)
    database, queries = request.database, _review_reads(request)[2:]
    roles, team_roles = (database.rest_of(*read) for read in zip(queries[:2], found[:2], strict=True))
    definitions = review.Definitions(roles, _sets(request, sets), team_roles)
    asked = request.query["format"]
    if asked == review.WHOLE:
        records = review.everything(database, queries[2:], found[2:])
        name = f"access-review-{request.path['orgId']}.csv"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        text = review.as_csv(map(definitions.item, review.named(records)))
        return Response(200, text, headers, "text/csv; charset=utf-8")
    if asked == review.PAGES:
        after, _ = review.place(request)
        records, end = review.portion(database, after, queries[2:], found[2:])
        text, full = review.some_as_csv(map(definitions.item, review.named(records)), header=after is None)
        rest = full or end
        headers = {}
        if rest is not None:
            further = page_links(request, encode_cursor(cursor_scope(request), {"after": rest}))["next"]["href"]
            headers["Link"] = f'<{further}>; rel="next"'
        header = "present" if after is None else "absent"
        return Response(200, text, headers, f"text/csv; charset=utf-8; header={header}")
    records, cursor = review.page(request, queries[2:], found[2:])
    links = page_links(request, cursor)
    links["csv"] = link("reviewAccess", {"format": "csv"}, **request.path)
    return list_response([definitions.item(record) for record in review.named(records)], cursor, links)


# What happens elsewhere on the platform


@service.event("OrganisationCreated")
def organisation_created(event: Event) -> None:
    org_id, name = event.detail["organisationId"], event.detail["name"]
    try:
        done = organisations.create_organisation(
            event.database, event.settings.permissions_table, name, event.change, org_id
        )
    except Conflict as error:
        if error.code != "ORGANISATION_EXISTS":
            raise
        # The event would be refused again each time it came: a warning, and what is there stays.
        event.log.warning("The organisation is there already, with another name", organisationId=org_id, name=name)
        return
    event.log.info("Organisation", organisationId=org_id, created=done["created"])


@service.event("UserDeactivated")
def user_deactivated(event: Event) -> None:
    table, departures = event.settings.permissions_table, departed(event)
    user_id, org_id = event.detail["userId"], event.detail.get("organisationId")
    held = store.all_assignments_of_user(table, user_id, org_id)
    ended = store.end_found(event.database, table, held, event.change, departures.ended)
    event.log.info("Assignments of a user ended", userId=user_id, organisationId=org_id, ended=ended)


@service.event("TeamDeactivated")
def team_deactivated(event: Event) -> None:
    table, org_id, team_id = event.settings.permissions_table, event.detail["organisationId"], event.detail["teamId"]
    [team] = event.database.parallel([team_read(event.settings.teams_table, org_id, team_id)])
    held, ends = store.assignments_in_team(table, org_id, team_id), partial(rules.ends_with, team)
    ended = store.end_found(event.database, table, held, event.change, ends)
    event.log.info("Assignments in a team ended", organisationId=org_id, teamId=team_id, ended=ended)


# Shared by the operations


def _sets(request: Request, page: Page, *roles: dict) -> rules.Sets:
    """The sets that the roles carry or may carry. page: the first of `store.permission_sets`"""
    table, org_id = request.settings.permissions_table, request.path["orgId"]
    return store.sets_of(request.database, table, org_id, page, *roles)


def _existing(request: Request, reads: list) -> dict:
    """The path's role, from the results of `_existing_reads` and of others behind them. Raises ROLE_NOT_FOUND."""
    check_organisation(request, reads[0])
    table, org_id, role_id = request.settings.permissions_table, request.path["orgId"], request.path["roleId"]
    found = store.ROLES.find(request.database, table, org_id, role_id, reads[1:3])
    if found is None:
        raise rules.no_role(role_id)
    return found


def _answer(request: Request, stored: dict, status: int = 200) -> Response:
    links = _role_links(Links(request.access), stored)
    headers = {"Location": links["self"]["href"]} if status == 201 else {}
    return Response(status, rules.role_answer(stored, links), headers)


def _role_links(links: Links, stored: dict) -> dict:
    parts = {"orgId": stored["organisationId"], "roleId": stored["roleId"]}
    actions = {name: operation for name, operation in _ROLE_ACTIONS.items() if stored["active"] or name != "delete"}
    return links.of(link("getRole", **parts), actions, **parts)


def _assignment(request: Request, links: Links, stored: dict, role_name: str) -> dict:
    parts = {"orgId": stored["organisationId"], "userId": stored["userId"], "roleId": stored["roleId"]}
    itself = link("listUserRoles", orgId=parts["orgId"], userId=parts["userId"])
    actions = {"role": "getRole"}
    shown = links.of(itself, actions, **parts)
    if in_force(stored, request.now) and links.may("removeRole", parts):
        team = {"teamId": stored["teamId"]} if "teamId" in stored else None
        shown["remove"] = link("removeRole", team, **parts)
    return rules.assignment_answer(stored, role_name, request.now, shown)


handler = service.handler
