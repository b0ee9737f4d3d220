"""How much of it there may be: limits count what is active, and what decisions read stays as small as that."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bbws_access.kernel.contract import load_contract
from bbws_access.kernel.dynamodb import Database
from bbws_access.kernel.keys import partition, sort_prefix
from bbws_access.permission.handler import service as permission_service
from bbws_access.role.handler import service as role_service
from bbws_access.team.handler import service as team_service
from tests.support.services import Answer, Instance, World, at_once
from tests.support.tables import query_all

Call = Callable[..., Answer]
# The path, the id's name, the entity, its table, the limit that bounds it.
KINDS = {
    "role": ("roles", "roleId", "OrganisationRole", "permissions", "bbws_access.role.rules.MOST_ROLES"),
    "set": ("permission-sets", "setId", "PermissionSet", "permissions", "bbws_access.permission.rules.MOST_SETS"),
    "team-role": ("team-roles", "teamRoleId", "TeamRoleDefinition", "teams", "bbws_access.team.rules.MOST_TEAM_ROLES"),
}


class Things:
    """One kind of definition in an organisation."""

    def __init__(self, send: Call, database: Database, world: World, org: str, kind: str) -> None:
        self.path, self.id_name, self.entity, table, self.limit = KINDS[kind]
        self.table = world.table if table == "permissions" else world.teams_table
        self._send, self._database, self.org = send, database, org
        self.admin = world.member(org)

    def body(self, name: str, **more: object) -> dict:
        if self.id_name == "setId":
            return {"name": name, "permissions": ["site:read"], **more}
        grants = {"permissions": ["site:read"]} if self.id_name == "roleId" else {"capabilities": ["CAN_VIEW_SITES"]}
        return {"name": name, "displayName": name, **grants, **more}

    def call(self, method: str, rest: str = "", body: dict | None = None) -> Answer:
        return self._send(method, f"{self.path}{rest}", self.admin, body)

    def create(self, name: str) -> Answer:
        return self.call("POST", "", self.body(name))

    def made(self, name: str) -> str:
        return self.create(name).expect(201)[self.id_name]

    def switch(self, one: str, name: str, *, on: bool) -> Answer:
        return self.call("PUT", f"/{one}", self.body(name, active=on))

    def listed(self, *, active: bool) -> list[str]:
        found, start = [], ""
        scope = "&scope=ORGANISATION" if self.id_name == "setId" else ""
        while True:
            page = self.call("GET", f"?pageSize=2&active={str(active).lower()}{scope}{start}").expect(200)
            assert all(one["active"] is active for one in page["items"])
            found += [one[self.id_name] for one in page["items"]]
            if not page["moreAvailable"]:
                return found
            start = f"&startAt={page['startAt']}"

    def store(self, record: dict) -> None:
        """Store a record as it is."""
        self._database.put(self.table, record)

    def read_by_decisions(self) -> list[dict]:
        """The records among which every decision about a member of the organisation looks."""
        place = partition(self.entity, orgId=self.org)
        return query_all(self._database, self.table, place, sort_prefix=sort_prefix(self.entity))


@pytest.fixture(params=KINDS)
def things(
    request: pytest.FixtureRequest, start_instance: Callable[..., Instance], database: Database, world: World
) -> Things:
    services = {
        "permission": start_instance(permission_service, "permissions"),
        "role": start_instance(role_service, "permissions", "teams"),
        "team": start_instance(team_service, "permissions", "teams"),
    }
    org = world.organisation()

    def send(method: str, path: str, user: str, body: dict | None = None) -> Answer:
        path, _, query = f"/organisations/{org}/{path}".partition("?")
        operation, _ = load_contract().match(method, path)
        return services[operation.service].call(method, f"{path}?{query}" if query else path, user, body)

    return Things(send, database, world, org, request.param)


def test_what_is_inactive_takes_no_room(things: Things, monkeypatch: pytest.MonkeyPatch) -> None:
    before = len(things.listed(active=True))
    monkeypatch.setattr(things.limit, before + 2)
    first, second = things.made("FIRST"), things.made("SECOND")
    full = things.create("THIRD")
    full.expect(409, "LIMIT_REACHED")
    assert full.details == {"limit": before + 2}
    things.call("DELETE", f"/{first}").expect(204)
    third = things.made("THIRD")
    # Bringing back is making again, as far as there is room.
    things.switch(first, "FIRST", on=True).expect(409, "LIMIT_REACHED")
    things.switch(second, "SECOND", on=False).expect(200)
    things.switch(first, "FIRST", on=True).expect(200)
    things.switch(third, "THIRD", on=True).expect(200)  # it is on, so it takes no more room


def test_making_and_ending_again_and_again_costs_nobody_anything(things: Things) -> None:
    before = things.read_by_decisions()
    ended = []
    for n in range(6):
        ended.append(things.made(f"NO{n}"))
        if n % 2:
            things.call("DELETE", f"/{ended[-1]}").expect(204)
        else:
            things.switch(ended[-1], f"NO{n}", on=False).expect(200)
    assert things.read_by_decisions() == before
    assert things.listed(active=False) == sorted(ended, reverse=True)


def test_what_is_inactive_is_there_all_the_same(things: Things) -> None:
    one, other = things.made("ONE"), things.made("OTHER")
    things.call("DELETE", f"/{one}").expect(204)
    things.call("DELETE", f"/{one}").expect(204)
    found = things.call("GET", f"/{one}").expect(200)
    assert (found["active"], found["version"], found["name"]) == (False, 2, "ONE")
    assert one not in things.listed(active=True)
    assert things.listed(active=False) == [one]
    renamed = things.call("PUT", f"/{one}", things.body("OTHER", version=2)).expect(200)
    assert (renamed["active"], renamed["version"], renamed["name"]) == (False, 3, "OTHER")
    things.switch(one, "OTHER", on=True).expect(409, "NAME_TAKEN")
    back = things.switch(one, "ONE", on=True).expect(200)
    assert (back["active"], back["version"], back["dateCreated"]) == (True, 4, found["dateCreated"])
    assert things.call("GET", f"/{one}").expect(200) == back
    assert things.listed(active=False) == []
    assert {one, other} <= set(things.listed(active=True))
    assert things.create("ONE").expect(409, "NAME_TAKEN")


def test_it_is_found_whenever_it_moves(things: Things) -> None:
    """Between its two places nobody is told that it is not there, and no change is lost."""
    one = things.made("MOVES")
    before = things.call("GET", f"/{one}").expect(200)["version"]

    def switch(on: bool) -> int:
        return things.switch(one, "MOVES", on=on).status

    def read() -> int:
        return things.call("GET", f"/{one}").status

    statuses: list[int] = []
    for _ in range(3):
        tasks: list[Callable[[], int]] = [lambda: switch(False), lambda: switch(True), read, read]
        statuses += at_once(tasks)
    assert set(statuses) <= {200, 409}, statuses
    after = things.call("GET", f"/{one}").expect(200)
    assert before < after["version"] <= before + 6
    assert things.listed(active=True).count(one) + things.listed(active=False).count(one) == 1


# How large it may be together


@pytest.fixture
def small(things: Things, monkeypatch: pytest.MonkeyPatch) -> Things:
    """Definitions of an organisation that has room for 100 more bytes."""
    if things.id_name == "teamRoleId":
        pytest.fail("team roles are few, and decisions read little of them")
    present = sum(_size(one) for one in things.read_by_decisions())
    monkeypatch.setattr("bbws_access.kernel.records.LARGEST_DEFINITIONS", present + 100)
    return things


def _size(one: dict) -> int:
    texts = [one["name"], one.get("displayName", ""), one["description"]]
    return sum(len(text.encode()) for text in [*texts, *one["permissions"], *one.get("permissionSets", [])])


@pytest.mark.parametrize("things", ["role", "set"], indirect=True)
def test_one_organisation_costs_its_people_no_more_than_so_much(small: Things) -> None:
    """All that a decision reads of an organisation fits in one answer of the database, and is read quickly."""
    body = small.body("ONE", description="x" * 50)
    one = small.call("POST", "", body).expect(201)[small.id_name]
    full = small.call("POST", "", small.body("TWO", description="x" * 50))
    full.expect(409, "LIMIT_REACHED")
    assert "bytes" in full.body["error"]["message"]
    grown = small.call("PUT", f"/{one}", {**body, "description": "é" * 50})  # bytes count, not letters
    grown.expect(409, "LIMIT_REACHED")
    small.call("PUT", f"/{one}", {**body, "description": "y" * 50}).expect(200)
    small.call("PUT", f"/{one}", {**body, "active": False}).expect(200)
    # What is inactive is read by no decision, so it may be as long as it likes; but not when it comes back.
    small.call("PUT", f"/{one}", {**body, "description": "x" * 500}).expect(200)
    small.call("PUT", f"/{one}", {**body, "description": "x" * 500, "active": True}).expect(409, "LIMIT_REACHED")
    small.call("PUT", f"/{one}", {**body, "active": True}).expect(200)
    small.call("PUT", f"/{one}", {**body, "description": ""}).expect(200)
    small.made("TWO")


def test_what_is_too_large_already_may_shrink_and_stay(
    start_instance: Callable[..., Instance], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    api, org = start_instance(role_service, "permissions", "teams"), world.organisation()
    admin, path = world.member(org), f"/organisations/{org}/roles"
    content = {"displayName": "x", "permissions": ["site:read", "site:update"]}
    role = api.call("POST", path, admin, {"name": "ONE", **content}).expect(201)["roleId"]
    monkeypatch.setattr("bbws_access.kernel.records.LARGEST_DEFINITIONS", 10)
    grants = f"{path}/{role}/permissions"
    api.call("PUT", grants, admin, {"permissions": ["site:read", "site:delete"]}).expect(200)
    api.call("PUT", grants, admin, {"permissions": ["site:read"]}).expect(200)
    more = {"permissions": ["site:read"], "permissionSets": ["set-viewer"]}
    api.call("PUT", grants, admin, more).expect(409, "LIMIT_REACHED")
    api.call("DELETE", f"{path}/{role}", admin).expect(204)


@pytest.mark.parametrize("things", ["role", "set"], indirect=True)
def test_what_is_more_than_one_answer_holds_may_shrink(things: Things) -> None:
    """Organisations that are older than the limit may have that much. The last of it shrinks like the first."""
    first, *_, last = [things.made(f"THING_{number}") for number in range(6)]
    for one in things.read_by_decisions():
        things.store({**one, "description": "x" * 300_000})
    for one, name in ((first, "THING_0"), (last, "THING_5")):
        smaller = things.body(name, description="y" * 400)
        things.call("PUT", f"/{one}", smaller).expect(200)
        things.call("PUT", f"/{one}", {**smaller, "description": "z" * 400}).expect(200)
        larger = {**smaller, "description": "z" * 401}
        things.call("PUT", f"/{one}", larger).expect(409, "LIMIT_REACHED")
