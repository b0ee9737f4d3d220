"""Callers whom a role lets in: their memberships are not read, and nobody can tell."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bbws_access.access.grants import ORGANISATION, Access, Grant, MembershipsUnread
from bbws_access.kernel.contract import load_contract
from bbws_access.kernel.keys import index_key, key
from bbws_access.service import access as second_lock
from tests.support.services import Instance, World

ROLES = "/organisations/{}/roles"
OF_ONE = "/organisations/{}/users/{}/{}"
CHECKS = "/organisations/{}/access-checks"


@pytest.fixture
def org(world: World) -> str:
    return world.organisation()


@pytest.fixture
def admin(world: World, org: str) -> str:
    return world.member(org)


@pytest.fixture
def join(world: World, seeded_tables: dict[str, str]) -> Callable[..., None]:
    """Makes a user a member of a team, with a team role that has a capability."""

    def make(user: str, org: str, *capabilities: str) -> None:
        table, role, team = seeded_tables["teams"], "trole-any", "team-1"
        definition = {"organisationId": org, "teamRoleId": role, "capabilities": list(capabilities), "active": True}
        world.database.put(table, {**key("TeamRoleDefinition", orgId=org, teamRoleId=role), **definition})
        parts = {"orgId": org, "userId": user, "teamId": team, "teamRoleId": role}
        member = {"organisationId": org, "userId": user, "teamId": team, "teamRoleId": role, "active": True}
        index = index_key("TeamMember", "members-by-team", **parts)
        world.database.put(table, {**key("TeamMember", **parts), **index, **member})

    return make


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each reading of a caller's access, whether their memberships were read."""
    found: list[bool] = []
    read = second_lock.read_access_in

    def noted(*arguments: object, memberships: bool, **named: object) -> tuple[Access, list]:
        found.append(memberships)
        return read(*arguments, memberships=memberships, **named)

    monkeypatch.setattr(second_lock, "read_access_in", noted)
    return found


def in_turn(readings: list[bool], call: Callable[[], object], times: int = 4) -> list[list[bool]]:
    """The readings of each of some equal requests."""
    found = []
    for _ in range(times):
        readings.clear()
        call()
        found.append(list(readings))
    return found


WHOLE, WITHOUT, ANEW = [True], [False], [False, True]


def test_whom_a_role_lets_in_is_read_whole_once(
    api: Instance, world: World, org: str, admin: str, join: Callable[..., None], readings: list[bool]
) -> None:
    join(admin, org, "CAN_UPDATE_TEAM")
    for path in (ROLES.format(org), OF_ONE.format(org, world.member(org), "permissions")):
        found = in_turn(readings, lambda path=path: api.call("GET", path, admin).expect(200))
        assert found in ([WHOLE, *[WITHOUT] * 3], [WITHOUT] * 4)


def test_who_changes_something_is_always_read_whole(api: Instance, org: str, admin: str, readings: list[bool]) -> None:
    """It cannot begin anew."""
    api.call("GET", ROLES.format(org), admin).expect(200)
    content = {"displayName": "R", "permissions": ["role:read"]}
    names = iter(("ONE", "TWO"))

    def create() -> None:
        api.call("POST", ROLES.format(org), admin, content | {"name": next(names)}).expect(201)

    assert in_turn(readings, create, 2) == [WHOLE] * 2


def test_who_asks_about_themselves_is_read_whole(
    api: Instance, org: str, admin: str, join: Callable[..., None], readings: list[bool]
) -> None:
    join(admin, org, "CAN_UPDATE_TEAM")

    def ask() -> None:
        answer = api.call("GET", OF_ONE.format(org, admin, "permissions"), admin).expect(200)
        assert [one["name"] for one in answer["capabilities"]] == ["CAN_UPDATE_TEAM"]

    assert in_turn(readings, ask) == [WHOLE] * 4


def test_an_access_check_of_oneself_begins_anew_once(
    api: Instance, world: World, org: str, admin: str, join: Callable[..., None], readings: list[bool]
) -> None:
    """A role lets the caller in, and what they ask about is what a membership gives."""
    content = {"name": "ASKS", "displayName": "A", "permissions": ["user:read"]}
    role = api.call("POST", ROLES.format(org), admin, content).expect(201)["roleId"]
    user = world.user()
    world.assign(user, role, org)
    join(user, org, "CAN_UPDATE_TEAM")
    check = {"userId": user, "method": "PUT", "path": f"/organisations/{org}/teams/team-1"}

    def ask() -> None:
        answer = api.call("POST", CHECKS.format(org), user, check).expect(200)
        assert (answer["allowed"], answer["reason"]) == (True, "CAPABILITY")

    assert in_turn(readings, ask) == [WHOLE, ANEW, WHOLE, WHOLE]


def test_a_refusal_is_what_it_was(
    api: Instance, world: World, org: str, join: Callable[..., None], readings: list[bool]
) -> None:
    stranger, member, elsewhere, manager = world.user(), world.user(), world.user(), world.member(org, "ORG_MANAGER")
    join(member, org, "CAN_UPDATE_TEAM")
    join(elsewhere, world.organisation(), "CAN_UPDATE_TEAM")
    outside = "You do not belong to this organisation."
    for user, message, kinds in (
        (stranger, "You may not do this.", [WHOLE] * 3),
        (member, "You may not do this.", [WHOLE] * 3),
        (elsewhere, outside, [WHOLE] * 3),
        (manager, "You may not do this.", [WHOLE, WITHOUT, WITHOUT]),
    ):

        def ask(user: str = user, message: str = message) -> None:
            answer = api.call("GET", f"{ROLES.format(org)}/role-none/users", user)
            assert (answer.status, answer.body["error"]["message"]) == (403, message)

        assert in_turn(readings, ask, 3) == kinds


def test_who_has_lost_their_role_is_refused_with_the_right_reason(
    api: Instance, world: World, org: str, join: Callable[..., None], readings: list[bool]
) -> None:
    """Remembered as a holder of a role, they are now a member of a team, or nobody."""
    manager = world.member(org)
    for _ in range(2):
        api.call("GET", ROLES.format(org), manager).expect(200)
    world.take_roles(manager, org)
    readings.clear()
    answer = api.call("GET", ROLES.format(org), manager)
    assert (answer.status, readings) == (403, ANEW)
    join(manager, org, "CAN_UPDATE_TEAM")
    answer = api.call("GET", ROLES.format(org), manager)
    assert (answer.status, answer.body["error"]["message"]) == (403, "You may not do this.")


def test_team_roles_stay_remembered(api: Instance, org: str, admin: str, join: Callable[..., None]) -> None:
    """What is left out now and then is not forgotten: the next whole reading takes no wait more."""
    join(admin, org, "CAN_UPDATE_TEAM")
    own = OF_ONE.format(org, admin, "permissions")
    for _ in range(2):
        api.call("GET", own, admin).expect(200)
    for _ in range(2):
        api.call("GET", ROLES.format(org), admin).expect(200)
    answer = api.call("GET", own, admin)
    answer.expect(200)
    assert answer.round_trips == 1


ANSWERS = (
    lambda access: access.memberships,
    lambda access: access.organisations(),
    lambda access: access.belongs_to("org-b"),
    lambda access: access.within("org-a"),
    lambda access: access.allows(load_contract().operations["updateTeam"], {"orgId": "org-a", "teamId": "team-1"}),
)


@pytest.mark.parametrize("ask", ANSWERS)
def test_what_depends_on_memberships_that_nobody_read_has_no_answer(ask: Callable[[Access], object]) -> None:
    grant = Grant(frozenset(("role:read",)), ORGANISATION, "org-a", None, "role-1", "R", {}, {})
    access = Access("user", (grant,), None)
    with pytest.raises(MembershipsUnread):
        ask(access)


def test_nor_has_whether_somebody_is_known_who_holds_nothing_else() -> None:
    operation = load_contract().operations["listRoles"]
    for known in (True, False):
        with pytest.raises(MembershipsUnread):
            Access("user", (), None, known=known).allows(operation, {"orgId": "org-a"})
