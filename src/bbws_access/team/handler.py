"""The team service's operations and events."""

from __future__ import annotations

from functools import partial

from bbws_access.access import identity
from bbws_access.access.departures import Departures, departures_read
from bbws_access.access.granting import check_membership_ceiling
from bbws_access.kernel.aws import AwsError
from bbws_access.kernel.dynamodb import Call, Page, Put, Query
from bbws_access.kernel.errors import BadRequest, Forbidden, Unavailable
from bbws_access.kernel.events import Event
from bbws_access.kernel.ids import new_id
from bbws_access.kernel.paging import list_response, page_size
from bbws_access.kernel.records import Step, check_room, commit, commit_patiently, organisation_exists, team_read
from bbws_access.kernel.violations import violation
from bbws_access.service.access import Receiver
from bbws_access.service.links import Links, link, page_links
from bbws_access.service.operations import (
    change_of,
    check_organisation,
    check_switch,
    departed,
    from_cursor,
    page_of,
    settle,
)
from bbws_access.service.requests import Request, Response
from bbws_access.service.runtime import Service
from bbws_access.team import memberships, rules, store
from bbws_access.team.defaults import seed_team_roles

service = Service("team")

_TEAM_ACTIONS = {"members": "listTeamMembers", "add": "addTeamMember", "update": "updateTeam", "delete": "deleteTeam"}
_TEAM_ROLE_ACTIONS = {"update": "updateTeamRole", "delete": "deleteTeamRole"}
_MEMBER_ACTIONS = {
    "team": "getTeam",
    "update": "updateTeamMember",
    "remove": "removeTeamMember",
    "transfer": "transferTeamMember",
}


# Teams


def _teams(request: Request) -> list[Call]:
    table, org_id = request.settings.teams_table, request.path["orgId"]
    size = page_size(request.query)
    found = from_cursor(request, store.teams(table, org_id, request.query, size))
    return [_organisation(request), found, store.team_usages(table, org_id, found, size)]


@service.operation("listTeams", prefetch=_teams)
def list_teams(request: Request) -> dict:
    organisation, page, beside = request.prefetched
    check_organisation(request, organisation)
    found, cursor = page_of(request, _teams(request)[1], page)
    usages = _usages(request, found, beside.items)
    links = Links(request.access)
    items = [rules.team_answer(team, usages.get(team["teamId"]), _team_links(links, team)) for team in found]
    return list_response(items, cursor, page_links(request, cursor, {"create": "createTeam"}))


def _usages(request: Request, teams: list[dict], beside: list[dict]) -> dict[str, dict]:
    """The numbers of the teams, by team. Those not read beside the teams were never in use, or lie further on."""
    table, org_id = request.settings.teams_table, request.path["orgId"]
    found = {usage["teamId"]: usage for usage in beside}
    absent = [team["teamId"] for team in teams if team["teamId"] not in found]
    read = request.database.parallel([store.team_usage(table, org_id, team_id) for team_id in absent])
    return {**found, **{usage["teamId"]: usage for usage in read if usage is not None}}


@service.operation("createTeam", prefetch=lambda request: [_organisation(request)])
def create_team(request: Request) -> Response:
    table, change = request.settings.teams_table, change_of(request)
    record = store.team_item(rules.new_team(request.path["orgId"], new_id("team"), request.body, change))

    def create(reads: list) -> None:
        check_organisation(request, reads[0])
        usage = memberships.no_members(table, record, change)
        commit(request.database, [*store.TEAMS.create(table, record), usage])

    settle(request, lambda again: [_organisation(again)], create)
    return _team_answer(request, record, None, status=201)


def _team_reads(request: Request) -> list[Call]:
    table, org_id, team_id = request.settings.teams_table, request.path["orgId"], request.path["teamId"]
    return [_organisation(request), team_read(table, org_id, team_id), store.team_usage(table, org_id, team_id)]


@service.operation("getTeam", prefetch=_team_reads)
def get_team(request: Request) -> Response:
    return _team_answer(request, _existing_team(request, request.prefetched), request.prefetched[2])


def _change_reads(request: Request) -> list[Call]:
    """The reads of a team that changes; with its members, where they go with it."""
    reads = _team_reads(request)
    if _ends_team(request):
        table, org_id, team_id = request.settings.teams_table, request.path["orgId"], request.path["teamId"]
        reads.append(store.members(table, org_id, team_id, None, memberships.ENDED_AT_ONCE))
    return reads


def _ends_team(request: Request) -> bool:
    return request.operation.operation_id == "deleteTeam" or request.body.get("active") is False


@service.operation("updateTeam", prefetch=_change_reads)
def update_team(request: Request) -> Response:
    def replace(reads: list) -> tuple[dict, dict | None, bool]:
        stored = _existing_team(request, reads)
        record = store.team_item(rules.changed_team(stored, request.body, change_of(request)))
        # Leads change their team through CAN_UPDATE_TEAM. Whether there is a team is not theirs to say.
        check_switch(request, stored, record, begins="createTeam", ends="deleteTeam")
        return record, reads[2], _store_team(request, stored, record, reads)

    record, usage, done = settle(request, _team_reads, replace)
    if _ends_team(request):
        _end_team(request, done=done)
        usage = None
    return _team_answer(request, record, usage)


@service.operation("deleteTeam", prefetch=_change_reads)
def delete_team(request: Request) -> Response:
    def deactivate(reads: list) -> bool:
        stored = _existing_team(request, reads)
        record = {**stored, "active": False, **change_of(request).next(stored)}
        return stored["active"] and _store_team(request, stored, record, reads)

    _end_team(request, done=settle(request, _team_reads, deactivate))
    return Response(204)


def _store_team(request: Request, stored: dict, record: dict, reads: list) -> bool:
    """Store a team's next version; whether that ended all its memberships too.

    Only the first attempt has read them: where they change all the time, the team ends first, and then nobody joins.
    """
    table, ending = request.settings.teams_table, None
    if stored["active"] and not record["active"] and len(reads) > len(_team_reads(request)):
        ending = memberships.end_with_team(table, reads[2], reads[3], change_of(request))
    commit(request.database, [*store.TEAMS.replace(table, stored, record), *(ending or ())])
    return ending is not None


def _end_team(request: Request, *, done: bool) -> None:
    """End the memberships of a team that is inactive by now, and tell. What was left undone, the next call does.

    done: they have ended with the team
    """
    table, org_id, team_id = request.settings.teams_table, request.path["orgId"], request.path["teamId"]
    if not done:
        ending = partial(memberships.end_all_of_team, request.database, table, org_id, team_id, change_of(request))
        settle(request, lambda _: (), lambda _: ending())
    try:
        detail = {"organisationId": org_id, "teamId": team_id}
        request.aws.put_event("bbws.access", "TeamDeactivated", detail, request.settings.required_event_bus)
    except AwsError as error:
        request.log.warning("The end of a team could not be told", reason=error.code, teamId=team_id)
        raise Unavailable("The team is inactive; the roles held in it have yet to end. Call again.") from error


# Team roles


def _team_roles(request: Request) -> list[Call]:
    table, org_id = request.settings.teams_table, request.path["orgId"]
    return [_organisation(request), from_cursor(request, store.team_roles(table, org_id, request.query))]


@service.operation("listTeamRoles", prefetch=_team_roles)
def list_team_roles(request: Request) -> dict:
    check_organisation(request, request.prefetched[0])
    found, cursor = page_of(request, _team_roles(request)[1], request.prefetched[1])
    links = Links(request.access)
    items = [rules.team_role_answer(role, _team_role_links(links, role)) for role in found]
    return list_response(items, cursor, page_links(request, cursor, {"create": "createTeamRole"}))


def _new_team_role_reads(request: Request) -> list[Call]:
    return [
        _organisation(request),
        store.size_of_team_roles(request.settings.teams_table, request.path["orgId"]),
    ]


@service.operation("createTeamRole", prefetch=_new_team_role_reads)
def create_team_role(request: Request) -> Response:
    table, org_id, role_id = request.settings.teams_table, request.path["orgId"], new_id("team-role")
    record = rules.new_team_role(org_id, role_id, request.body, is_default=False, change=change_of(request))

    def create(reads: list) -> None:
        check_organisation(request, reads[0])
        check_room(reads[1], rules.MOST_TEAM_ROLES, "active team roles")
        rules.check_capabilities(None, record, request.access)
        commit(request.database, store.TEAM_ROLES.create(table, record))

    settle(request, _new_team_role_reads, create)
    return _team_role_answer(request, record, status=201)


def _team_role_reads(request: Request) -> list[Call]:
    table, org_id, role_id = request.settings.teams_table, request.path["orgId"], request.path["teamRoleId"]
    return [
        _organisation(request),
        *store.TEAM_ROLES.reads(table, org_id, role_id),
        store.USES.read(table, org_id, role_id),
        *([store.size_of_team_roles(table, org_id)] if request.body.get("active") else []),
    ]


@service.operation("getTeamRole", prefetch=lambda request: _team_role_reads(request)[:3])
def get_team_role(request: Request) -> Response:
    return _team_role_answer(request, _existing_team_role(request, request.prefetched))


@service.operation("updateTeamRole", prefetch=_team_role_reads)
def update_team_role(request: Request) -> Response:
    def replace(reads: list) -> dict:
        stored = _existing_team_role(request, reads)
        record = rules.changed_team_role(stored, request.body, change_of(request))
        check_switch(request, stored, record, begins="createTeamRole", ends="deleteTeamRole")
        rules.check_capabilities(stored, record, request.access)
        if record["active"] and not stored["active"]:
            check_room(reads[-1], rules.MOST_TEAM_ROLES, "active team roles")
        _store_team_role(request, stored, record, reads[3])
        return record

    return _team_role_answer(request, settle(request, _team_role_reads, replace))


@service.operation("deleteTeamRole", prefetch=_team_role_reads)
def delete_team_role(request: Request) -> Response:
    def deactivate(reads: list) -> None:
        stored = _existing_team_role(request, reads)
        if stored["active"]:
            record = {**stored, "active": False, **change_of(request).next(stored)}
            _store_team_role(request, stored, record, reads[3])

    settle(request, _team_role_reads, deactivate)
    return Response(204)


def _store_team_role(request: Request, stored: dict, record: dict, usage: Page) -> None:
    table = request.settings.teams_table
    steps = store.TEAM_ROLES.replace(table, stored, record)
    unused = rules.must_be_unused(stored, record)
    if unused and (count := store.USES.total(usage)) > 0:
        raise rules.in_use(count)
    steps += store.USES.renewed(table, record, change_of(request), usage, unused=unused)
    commit_patiently(request.database, steps)


# Members


def _members(request: Request) -> list[Call]:
    table, org_id, team_id = request.settings.teams_table, request.path["orgId"], request.path["teamId"]
    # One more than a page tells whether there is another.
    limit = page_size(request.query) + 1
    return [
        _organisation(request),
        team_read(table, org_id, team_id),
        store.team_role_names(table, org_id),
        from_cursor(request, store.members(table, org_id, team_id, request.query.get("teamRoleId"), limit)),
    ]


@service.operation("listTeamMembers", prefetch=_members)
def list_team_members(request: Request) -> dict:
    _existing_team(request, request.prefetched)
    names = _role_names(request, request.prefetched[2])
    found, cursor = page_of(request, _members(request)[3], request.prefetched[3])
    links = Links(request.access)
    items = [_membership(links, member, names) for member in found]
    actions = {"team": "getTeam", "add": "addTeamMember"}
    return list_response(items, cursor, page_links(request, cursor, actions))


def _member_reads(request: Request) -> list[Call]:
    table, org_id, team_id = request.settings.teams_table, request.path["orgId"], request.path["teamId"]
    return [
        _organisation(request),
        team_read(table, org_id, team_id),
        store.every_team_role(table, org_id),
        store.memberships(table, request.path["userId"], org_id),
        departures_read(request.settings.permissions_table, request.path["userId"]),
        store.primary_team(table, org_id, request.path["userId"]),
    ]


def _one_member_reads(request: Request) -> list[Call]:
    """The reads of a membership alone."""
    table, org_id, team_id = request.settings.teams_table, request.path["orgId"], request.path["teamId"]
    return [
        _organisation(request),
        team_read(table, org_id, team_id),
        store.member(table, org_id, team_id, request.path["userId"]),
        departures_read(request.settings.permissions_table, request.path["userId"]),
    ]


def _get_reads(request: Request) -> list[Call]:
    names = store.team_role_names(request.settings.teams_table, request.path["orgId"])
    return [*_one_member_reads(request), names]


@service.operation("getTeamMember", prefetch=_get_reads)
def get_team_member(request: Request) -> dict:
    _, _, stored, left, names = request.prefetched
    _existing_team(request, request.prefetched)
    stored = _member_in_force(request, stored, left)
    return _membership(Links(request.access), stored, _role_names(request, names))


def _add_reads(request: Request) -> list[Call]:
    table, path, body = request.settings.teams_table, request.path, request.body
    org_id, user_id = path["orgId"], body["userId"]
    return [
        _organisation(request),
        team_read(table, org_id, path["teamId"]),
        store.team_role(table, org_id, body["teamRoleId"]),
        store.memberships(table, user_id, org_id),
        store.primary_team(table, org_id, user_id),
        store.assignments(request.settings.permissions_table, org_id, user_id),
        departures_read(request.settings.permissions_table, user_id),
        store.USES.head(table, org_id, body["teamRoleId"]),
    ]


@service.operation("addTeamMember", prefetch=_add_reads)
def add_team_member(request: Request) -> Response:
    table, body, change = request.settings.teams_table, request.body, change_of(request)
    org_id, team_id = request.path["orgId"], request.path["teamId"]
    receiver = Receiver(request, body["userId"])

    def add(reads: list) -> dict:
        team = _existing_team(request, reads)
        rules.check_joinable(team)
        _, _, role, owned, pointer, assigned, left, head = reads
        role = rules.check_givable(role, body["teamRoleId"])
        _check_given(request, role, body["userId"])
        departures = receiver.find(left)
        held = [membership for membership in owned.items if departures.in_force(membership, request.now)]
        stored = rules.of_team(owned.items, team_id)
        if stored in held:
            raise rules.already_member(stored)
        if stored is None:
            check_room(owned, rules.MOST_MEMBERSHIPS, rules.COUNTED_MEMBERSHIPS)
        primary = body.get("isPrimary", not rules.has_primary(pointer, held))
        count = departures.count(org_id)
        who = identity.known([*assigned.items, *owned.items], body["userId"], *request.caller[:2])
        record = rules.new_membership(
            org_id, team_id, {**body, **who}, role, stored, change, primary=primary, departures=count
        )
        steps = memberships.begin(table, record, role, stored, change, head=head)
        if primary:
            steps += _primary(request, "team:member:add", record, pointer, owned.items, held)
        elif stored is not None and stored["isPrimary"]:
            steps.append(memberships.no_primary(table, stored))  # they left since, and nobody ended it yet
        written = [action.item for action, _ in steps if isinstance(action, Put)]
        assignments = [one for one in assigned.items if departures.in_force(one, request.now)]
        commit(
            request.database,
            [*steps, *_belongs(request, assignments, held, written), *receiver.stays(departures)],
        )
        return record

    record = settle(request, _add_reads, add)
    answer = _membership(Links(request.access), record, {})
    return Response(201, answer, {"Location": answer["_links"]["self"]["href"]})


def _update_reads(request: Request) -> list[Call]:
    table, org_id = request.settings.teams_table, request.path["orgId"]
    return [*_member_reads(request), store.USES.head(table, org_id, request.body["teamRoleId"])]


@service.operation("updateTeamMember", prefetch=_update_reads)
def update_team_member(request: Request) -> dict:
    table, body, change = request.settings.teams_table, request.body, change_of(request)
    receiver = Receiver(request, request.path["userId"])

    def replace(reads: list) -> tuple[dict, dict[str, str]]:
        _existing_team(request, reads)
        departures = receiver.find(reads[4])
        stored = _existing_member(request, reads)
        record = rules.changed_membership(stored, body, change)
        roles = _roles(request, reads[2])
        role = None
        if body["teamRoleId"] != stored["teamRoleId"]:
            role = rules.check_givable(roles.get(body["teamRoleId"]), body["teamRoleId"])
            had = roles[stored["teamRoleId"]]["capabilities"]
            _check_given(request, role, stored["userId"], had)
            record = rules.with_team_role(record, role)
        extra: list[Step] = []
        wanted = body.get("isPrimary", stored["isPrimary"])
        if wanted != stored["isPrimary"]:
            record["isPrimary"] = wanted
            if wanted:
                held = [one for one in reads[3].items if departures.in_force(one, request.now)]
                extra = _primary(request, "team:member:update", record, reads[5], reads[3].items, held)
            else:
                extra = [memberships.no_primary(table, stored)]
        steps = memberships.alter(table, stored, record, role, change, reads[6])
        commit(request.database, [*steps, *extra, *receiver.stays(departures)])
        return record, {role_id: roles[role_id]["name"] for role_id in roles}

    record, names = settle(request, _update_reads, replace)
    return _membership(Links(request.access), record, names)


@service.operation("removeTeamMember", prefetch=_one_member_reads)
def remove_team_member(request: Request) -> Response:
    table = request.settings.teams_table

    def remove(reads: list) -> None:
        team = _existing_team(request, reads)
        stored, departures = reads[2], Departures(request.path["userId"], reads[3])
        # What they had before they left is in the lists until somebody ends it, and whoever sees it may.
        left = stored is not None and departures.ended(stored)
        if not left:
            stored = _member_in_force(request, *reads[2:])
        # A team that is being deleted loses its leads with all the others; who left leads no more.
        keep_leads = team["active"] and not left
        commit(request.database, memberships.end(table, [stored], change_of(request), keep_leads=keep_leads))

    settle(request, _one_member_reads, remove)
    return Response(204)


def _transfer_reads(request: Request) -> list[Call]:
    table, org_id, body = request.settings.teams_table, request.path["orgId"], request.body
    # Whoever keeps the team role is counted already where they are counted then.
    heads = [store.USES.head(table, org_id, body["teamRoleId"])] if "teamRoleId" in body else []
    return [*_member_reads(request), team_read(table, org_id, body["toTeamId"]), *heads]


@service.operation("transferTeamMember", prefetch=_transfer_reads)
def transfer_team_member(request: Request) -> dict:
    table, body, change = request.settings.teams_table, request.body, change_of(request)
    org_id, to_team = request.path["orgId"], body["toTeamId"]
    if to_team == request.path["teamId"]:
        raise BadRequest(
            "The member is in this team already: name another one.",
            details=[violation("body.toTeamId", "other", "must be another team than the path's", to_team)],
        )
    receiver = Receiver(request, request.path["userId"])

    def transfer(reads: list) -> dict:
        if request.access.holds("org:user:manage", org_id, to_team) is None:
            raise Forbidden(f"You may not move anybody to the team {to_team}: that takes org:user:manage there too.")
        _existing_team(request, reads)
        departures = receiver.find(reads[4])
        stored = _existing_member(request, reads)
        target, head = reads[6], reads[7] if len(reads) > 7 else None
        if target is None:
            raise rules.no_team(to_team)
        rules.check_joinable(target)
        roles = _roles(request, reads[2])
        role_id = body.get("teamRoleId", stored["teamRoleId"])
        role = rules.check_givable(roles.get(role_id), role_id)
        _check_given(request, role, stored["userId"], team_id=to_team)
        replaced = rules.of_team(reads[3].items, to_team)
        if replaced is not None and departures.in_force(replaced, request.now):
            raise rules.already_member(replaced)
        if replaced is None:
            check_room(reads[3], rules.MOST_MEMBERSHIPS, rules.COUNTED_MEMBERSHIPS)
        primary = stored["isPrimary"]
        count = departures.count(org_id)
        record = rules.new_membership(
            org_id, to_team, stored, role, replaced, change, primary=primary, departures=count
        )
        steps = memberships.move(table, stored, record, role, replaced, change, head)
        if primary:
            steps += memberships.primary(table, record, reads[5], (), change, left=stored["teamId"])
        elif replaced is not None and replaced["isPrimary"]:
            steps.append(memberships.no_primary(table, replaced))  # they left it since, and nobody ended it yet
        commit(request.database, [*steps, *receiver.stays(departures)])
        return record

    return _membership(Links(request.access), settle(request, _transfer_reads, transfer), {})


def _user_teams(request: Request) -> list[Call]:
    table, org_id, user_id = request.settings.teams_table, request.path["orgId"], request.path["userId"]
    return [
        _organisation(request),
        store.team_role_names(table, org_id),
        from_cursor(request, store.memberships(table, user_id, org_id)),
        departures_read(request.settings.permissions_table, user_id),
    ]


@service.operation("listUserTeams", prefetch=_user_teams)
def list_user_teams(request: Request) -> dict:
    check_organisation(request, request.prefetched[0])
    names = _role_names(request, request.prefetched[1])
    departures = Departures(request.path["userId"], request.prefetched[3])
    first, wanted = request.prefetched[2], request.query["active"]
    shown = [one for one in first.items if departures.in_force(one, request.now) is wanted]
    found, cursor = page_of(request, _user_teams(request)[2], first._replace(items=shown))
    table, org_id = request.settings.teams_table, request.path["orgId"]
    teams = request.database.parallel([team_read(table, org_id, membership["teamId"]) for membership in found])
    links = Links(request.access)
    items = [
        {**_membership(links, {**membership, "active": wanted}, names), "teamName": team["name"]}
        for membership, team in zip(found, teams, strict=True)
    ]
    return list_response(items, cursor, page_links(request, cursor))


# Events


@service.event("OrganisationCreated")
def organisation_created(event: Event) -> None:
    """The organisation gets its default team roles."""
    done = seed_team_roles(event.database, event.settings.teams_table, event.detail["organisationId"], event.change)
    event.log.info("Default team roles", organisationId=event.detail["organisationId"], **done)


@service.event("UserDeactivated")
def user_deactivated(event: Event) -> None:
    """Everything that the user is a member of ends, in one organisation or everywhere."""
    table, org_id, departures = event.settings.teams_table, event.detail.get("organisationId"), departed(event)
    memberships.end_all_of_user(event.database, table, departures, org_id, event.change)


# Shared by the operations


def _organisation(request: Request) -> Call:
    return organisation_exists(request.settings.permissions_table, request.path["orgId"])


def _existing_team(request: Request, reads: list) -> dict:
    check_organisation(request, reads[0])
    if reads[1] is None:
        raise rules.no_team(request.path["teamId"])
    return reads[1]


def _existing_team_role(request: Request, reads: list) -> dict:
    check_organisation(request, reads[0])
    table, org_id, role_id = request.settings.teams_table, request.path["orgId"], request.path["teamRoleId"]
    found = store.TEAM_ROLES.find(request.database, table, org_id, role_id, reads[1:3])
    if found is None:
        raise rules.no_team_role(role_id)
    return found


def _existing_member(request: Request, reads: list) -> dict:
    """The path's membership among those of its user, from the results of `_member_reads`. Raises MEMBER_NOT_FOUND."""
    return _member_in_force(request, rules.of_team(reads[3].items, request.path["teamId"]), reads[4])


def _member_in_force(request: Request, stored: dict | None, left: dict | None) -> dict:
    """The path's membership. left: its user's departures. Raises MEMBER_NOT_FOUND where there is none in force."""
    departures = Departures(request.path["userId"], left)
    if stored is None or not departures.in_force(stored, request.now):
        raise rules.no_member(request.path["userId"])
    return stored


def _roles(request: Request, page: object) -> dict[str, dict]:
    """The organisation's team roles by id. page: the first of `store.every_team_role`"""
    query = store.every_team_role(request.settings.teams_table, request.path["orgId"])
    return {role["teamRoleId"]: role for role in request.database.rest_of(query, page)}


def _role_names(request: Request, page: object) -> dict[str, str]:
    """The names of the organisation's team roles by id. page: the first of those or of their names"""
    query: Query = store.team_role_names(request.settings.teams_table, request.path["orgId"])
    return {role["teamRoleId"]: role["name"] for role in request.database.rest_of(query, page)}


def _check_given(request: Request, role: dict, user_id: str, had: list[str] | tuple = (), *, team_id: str = "") -> None:
    """Whether the caller may give the user this team role, here or in another team. Raises PERMISSION_CEILING."""
    team_id = team_id or request.path["teamId"]
    check_membership_ceiling(request.access, request.path["orgId"], team_id, role["capabilities"], to=user_id, had=had)


def _belongs(request: Request, assignments: list[dict], held: list[dict], written: list[dict]) -> list[Step]:
    """The step that holds only while the new member belongs to the organisation. Raises NOT_IN_ORGANISATION.

    assignments, held: the roles and memberships that they have there now
    written: what the transaction writes already, where that is still as it was read
    """
    if not assignments and not held:
        raise rules.not_in_organisation(request.body["userId"])
    if not assignments and any((item["PK"], item["SK"]) == (held[0]["PK"], held[0]["SK"]) for item in written):
        return []  # a transaction acts once on a record
    tables = request.settings.permissions_table, request.settings.teams_table
    proofs = (assignments[0], None) if assignments else (None, held[0])
    return [memberships.belongs(tables, *proofs, change_of(request))]


def _primary(
    request: Request, permission: str, record: dict, pointer: dict | None, owned: list[dict], held: list[dict]
) -> list[Step]:
    """The steps that make a membership the primary one. Raises FORBIDDEN where that takes more than the caller has.

    owned, held: all the user's memberships, and those in force
    """
    others = [one for one in held if one["isPrimary"] and one["teamId"] != record["teamId"]]
    rules.check_primary(request.access, request.path["orgId"], permission, others[0] if others else None)
    return memberships.primary(request.settings.teams_table, record, pointer, owned, change_of(request))


def _team_answer(request: Request, stored: dict, usage: dict | None, status: int = 200) -> Response:
    links = _team_links(Links(request.access), stored)
    headers = {"Location": links["self"]["href"]} if status == 201 else {}
    return Response(status, rules.team_answer(stored, usage, links), headers)


def _team_links(links: Links, stored: dict) -> dict:
    parts = {"orgId": stored["organisationId"], "teamId": stored["teamId"]}
    actions = {
        name: operation
        for name, operation in _TEAM_ACTIONS.items()
        if stored["active"] or name not in ("add", "delete")
    }
    return links.of(link("getTeam", **parts), actions, **parts)


def _team_role_answer(request: Request, stored: dict, status: int = 200) -> Response:
    links = _team_role_links(Links(request.access), stored)
    headers = {"Location": links["self"]["href"]} if status == 201 else {}
    return Response(status, rules.team_role_answer(stored, links), headers)


def _team_role_links(links: Links, stored: dict) -> dict:
    parts = {"orgId": stored["organisationId"], "teamRoleId": stored["teamRoleId"]}
    actions = {
        name: operation for name, operation in _TEAM_ROLE_ACTIONS.items() if stored["active"] or name != "delete"
    }
    return links.of(link("getTeamRole", **parts), actions, **parts)


def _membership(links: Links, stored: dict, names: dict[str, str]) -> dict:
    """A membership as answers show it. names: of team roles by id; what the record itself says where one is absent"""
    parts = {"orgId": stored["organisationId"], "teamId": stored["teamId"], "userId": stored["userId"]}
    actions = _MEMBER_ACTIONS if stored["active"] else {"team": "getTeam"}
    shown = links.of(link("getTeamMember", **parts), actions, **parts)
    return rules.membership_answer(stored, names.get(stored["teamRoleId"], stored["teamRoleName"]), shown)


handler = service.handler
