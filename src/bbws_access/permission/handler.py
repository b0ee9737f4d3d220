"""The permission service's operations."""

from __future__ import annotations

from bbws_access.access.grants import ORGANISATION, PLATFORM
from bbws_access.kernel.contract import platform_sets
from bbws_access.kernel.dynamodb import Call
from bbws_access.kernel.errors import NotFound
from bbws_access.kernel.ids import new_id
from bbws_access.kernel.paging import decode_cursor, encode_cursor, list_response, page_size
from bbws_access.kernel.records import check_room, check_size, commit, organisation_exists, take, timestamp
from bbws_access.permission import rules, store
from bbws_access.service.links import Links, cursor_scope, link, page_links
from bbws_access.service.operations import change_of, check_organisation, check_switch, from_cursor, page_of, settle
from bbws_access.service.requests import Request, Response
from bbws_access.service.runtime import Service

service = Service("permission")

_ACTIONS = {"update": "updatePermissionSet", "delete": "deletePermissionSet"}


# Health


def _read_health(request: Request) -> list[Call]:
    return [store.permission(request.settings.permissions_table, "perm-permission-read", consistent=False)]


@service.operation("getHealth", prefetch=_read_health)
def get_health(request: Request) -> dict:
    return {
        "status": "ok",
        "service": service.name,
        "environment": request.settings.environment,
        "timestamp": timestamp(request.now),
        "_links": {"self": link("getHealth")},
    }


# The catalogue


def _catalogue(request: Request) -> list[Call]:
    return [from_cursor(request, store.permissions(request.settings.permissions_table, request.query.get("category")))]


@service.operation("listPermissions", prefetch=_catalogue)
def list_permissions(request: Request) -> dict:
    [query], [page] = _catalogue(request), request.prefetched
    found, cursor = page_of(request, query, page)
    items = [rules.permission_answer(permission, _permission_links(permission)) for permission in found]
    return list_response(items, cursor, page_links(request, cursor))


@service.operation(
    "getPermission",
    prefetch=lambda request: [store.permission(request.settings.permissions_table, request.path["permissionId"])],
)
def get_permission(request: Request) -> dict:
    found = request.prefetched[0]
    if found is None:
        raise NotFound(f"There is no permission {request.path['permissionId']}.", code="PERMISSION_NOT_FOUND")
    return rules.permission_answer(found, _permission_links(found))


def _permission_links(stored: dict) -> dict:
    return {"self": link("getPermission", permissionId=stored["permissionId"])}


# Permission sets


def _list_reads(request: Request) -> list[Call]:
    """The organisation, then the parts of the list that are not behind the cursor."""
    table, org_id, query = request.settings.permissions_table, request.path["orgId"], request.query
    parts = []
    if query.get("scope") != ORGANISATION:
        parts.append(store.platform_sets(table, query))
    if query.get("scope") != PLATFORM:
        parts.append(store.organisation_sets(table, org_id, query))
    cursor = query.get("startAt")
    if cursor:
        inside = (decode_cursor(cursor_scope(request), cursor) or {}).get("PK")
        while len(parts) > 1 and parts[0].partition != inside:
            del parts[0]
        parts[0] = from_cursor(request, parts[0])
    return [organisation_exists(table, org_id), *parts]


@service.operation("listPermissionSets", prefetch=_list_reads)
def list_permission_sets(request: Request) -> dict:
    """The platform's sets, then the organisation's own, as one list."""
    check_organisation(request, request.prefetched[0])
    size = page_size(request.query)
    found: list[dict] = []
    last = None
    for query, page in list(zip(_list_reads(request), request.prefetched, strict=True))[1:]:
        if len(found) == size:
            # Whether anything follows decides whether there is a next page.
            last = _key_of(found[-1]) if take(request.database, query, page, 1)[0] else None
            break
        more, last = take(request.database, query, page, size - len(found))
        found += more
        if last is not None:
            break
    cursor = encode_cursor(cursor_scope(request), last)
    links = Links(request.access)
    items = [rules.set_answer(found_set, _set_links(links, request.path["orgId"], found_set)) for found_set in found]
    return list_response(items, cursor, page_links(request, cursor, {"create": "createPermissionSet"}))


def _new_set_reads(request: Request) -> list[Call]:
    table, org_id = request.settings.permissions_table, request.path["orgId"]
    return [organisation_exists(table, org_id), store.size_of_sets(table, org_id)]


@service.operation("createPermissionSet", prefetch=_new_set_reads)
def create_permission_set(request: Request) -> Response:
    org_id, table = request.path["orgId"], request.settings.permissions_table
    set_id = new_id("permission-set")

    def create(reads: list) -> dict:
        check_organisation(request, reads[0])
        check_room(reads[1], rules.MOST_SETS, "active permission sets")
        record = rules.new_set(org_id, set_id, request.body, request.access, change_of(request))
        check_size(reads[1], "setId", None, record, "permission sets")
        commit(request.database, store.SETS.create(table, record))
        return record

    return _answer(request, settle(request, _new_set_reads, create), status=201)


def _set_reads(request: Request) -> list[Call]:
    table, org_id, set_id = request.settings.permissions_table, request.path["orgId"], request.path["setId"]
    if set_id in platform_sets():
        return [organisation_exists(table, org_id), store.platform_set(table, set_id)]
    return [organisation_exists(table, org_id), *store.SETS.reads(table, org_id, set_id)]


def _change_reads(request: Request) -> list[Call]:
    """The reads of a set that changes, and how many there are and how large."""
    table, org_id = request.settings.permissions_table, request.path["orgId"]
    return [*_set_reads(request), store.size_of_sets(table, org_id)]


@service.operation("getPermissionSet", prefetch=_set_reads)
def get_permission_set(request: Request) -> Response:
    return _answer(request, _existing(request, request.prefetched))


@service.operation("updatePermissionSet", prefetch=_change_reads)
def update_permission_set(request: Request) -> Response:
    rules.check_changeable(request.path["setId"])

    def replace(reads: list) -> dict:
        stored = _existing(request, reads)
        record = rules.changed_set(stored, request.body, request.access, change_of(request))
        check_switch(request, stored, record, begins="createPermissionSet", ends="deletePermissionSet")
        if record["active"] and not stored["active"]:
            check_room(reads[-1], rules.MOST_SETS, "active permission sets")
        if record["active"]:
            check_size(reads[-1], "setId", stored, record, "permission sets")
        commit(request.database, store.SETS.replace(request.settings.permissions_table, stored, record))
        return record

    return _answer(request, settle(request, _change_reads, replace))


@service.operation("deletePermissionSet", prefetch=_set_reads)
def delete_permission_set(request: Request) -> Response:
    rules.check_changeable(request.path["setId"])

    def deactivate(reads: list) -> None:
        stored = _existing(request, reads)
        if stored["active"]:
            record = {**stored, "active": False, **change_of(request).next(stored)}
            commit(request.database, store.SETS.replace(request.settings.permissions_table, stored, record))

    settle(request, _set_reads, deactivate)
    return Response(204)


def _existing(request: Request, reads: list) -> dict:
    check_organisation(request, reads[0])
    table, org_id, set_id = request.settings.permissions_table, request.path["orgId"], request.path["setId"]
    if set_id in platform_sets():
        found = reads[1]
    else:
        found = store.SETS.find(request.database, table, org_id, set_id, reads[1:3])
    if found is None:
        raise NotFound(f"There is no permission set {request.path['setId']}.", code="PERMISSION_SET_NOT_FOUND")
    return found


def _answer(request: Request, stored: dict, status: int = 200) -> Response:
    links = _set_links(Links(request.access), request.path["orgId"], stored)
    headers = {"Location": links["self"]["href"]} if status == 201 else {}
    return Response(status, rules.set_answer(stored, links), headers)


def _set_links(links: Links, org_id: str, stored: dict) -> dict:
    set_id = stored["setId"]
    actions = dict(_ACTIONS)
    if stored["isSystem"]:
        actions.clear()
    elif not stored["active"]:
        del actions["delete"]
    return links.of(link("getPermissionSet", orgId=org_id, setId=set_id), actions, orgId=org_id, setId=set_id)


def _key_of(item: dict) -> dict:
    return {"PK": item["PK"], "SK": item["SK"]}


handler = service.handler
