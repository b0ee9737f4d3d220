"""What each operation of the contract asks of the database: requests and read units. None becomes dearer unseen.

In an organisation as it begins, with one more of each thing, by somebody whom the function was asked about before: the
scenarios of the benchmark. Waits are what docs/decisions/0018 allows.
"""

from __future__ import annotations

import statistics
from typing import NamedTuple

import pytest
from benchmarks._scenarios import SCENARIOS, Place
from benchmarks.services import BEYOND_THE_GOAL, goal_of, measured

from bbws_access.access.reader import REMEMBERED, organisation_calls, read_access, read_access_in
from bbws_access.kernel.contract import load_contract
from bbws_access.kernel.dynamodb import Database, Put
from bbws_access.kernel.ids import new_id
from bbws_access.kernel.keys import key
from bbws_access.kernel.records import Change
from bbws_access.kernel.settings import Settings
from bbws_access.local_aws import LocalAws
from bbws_access.permission.rules import MOST_SETS
from bbws_access.role.rules import MOST_ROLES
from bbws_access.team.rules import MOST_TEAM_ROLES
from tests.support.services import ENGINEER, World
from tests.support.tables import REGION
from tests.support.teams import Organisation
from tests.support.units import units_of

# Requests and read units. Whoever makes an operation dearer says so here, and why it is worth it: changing or ending a
# role or a team role asks for the counts of those who hold it, which lie in parts so that no item takes everybody who
# joins; and whoever gives one reads which parts there are, so that what nobody holds has none: a unit here saves 62
# write units there (docs/decisions/0039-no-item-that-everybody-writes.md). Whoever has a platform role pays a unit for
# each (docs/decisions/0044-platform-roles-by-their-keys.md). Whether the organisation exists is read of nobody who
# holds something in it (docs/decisions/0046-what-a-request-need-not-read.md).
COSTS = {
    "getHealth": (1, 0.5),
    "listPermissions": (4, 7),
    "getPermission": (3, 4),
    "listPermissionSets": (5, 5),
    "createPermissionSet": (5, 5),
    "getPermissionSet": (3, 5),
    "updatePermissionSet": (5, 7),
    "deletePermissionSet": (4, 6),
    "listPlatformRoles": (4, 4),
    "getPlatformRole": (3, 4),
    "listRoles": (4, 4),
    "createRole": (6, 6),
    "seedRoles": (7, 13),
    "getRole": (3, 5),
    "updateRole": (7, 9),
    "deleteRole": (5, 7),
    "replaceRolePermissions": (7, 9),
    "previewRole": (8, 11.5),
    "listRoleUsers": (4, 5.5),
    "listTeams": (5, 4.5),
    "createTeam": (4, 4),
    "getTeam": (3, 5),
    "updateTeam": (4, 6),
    "deleteTeam": (5, 6.5),
    "listTeamRoles": (4, 4),
    "createTeamRole": (5, 5),
    "getTeamRole": (3, 5),
    "updateTeamRole": (5, 7),
    "deleteTeamRole": (5, 7),
    "listTeamMembers": (5, 5),
    "addTeamMember": (6, 11),
    "getTeamMember": (4, 6.5),
    "updateTeamMember": (6, 10),
    "removeTeamMember": (4, 7),
    "transferTeamMember": (6, 12),
    "listUserTeams": (6, 6.5),
    "listUsers": (7, 5),
    "getUser": (7, 7),
    "deactivateUser": (10, 11),  # the event that ends the records is one
    "listUserRoles": (5, 5.5),
    "assignRole": (8, 12),  # the first one there of somebody; then it is (6, 10)
    "removeRole": (4, 7),
    "getUserPermissions": (5, 10),
    "reviewAccess": (8, 7),
    "checkAccess": (5, 10),
    "listInvitations": (4, 4),
    "createInvitation": (15, 21),  # counted in a day, too (0040)
    "createInvitations": (27, 59),  # ten of them, of people with accounts
    "getInvitation": (3, 4),
    "updateInvitation": (4, 5),
    "deleteInvitation": (4, 5),
    "resendInvitation": (16, 18),
    "readInvitation": (2, 2),
    "acceptInvitation": (8, 13),
    "declineInvitation": (3, 2),
}


@pytest.fixture(scope="module")
def place(local_aws: LocalAws, seeded_tables: dict[str, str]) -> Place:
    """An instance of each service, and an organisation with one of each thing."""
    return Place(local_aws.endpoint, seeded_tables)


@pytest.mark.xdist_group("costs")
@pytest.mark.parametrize("name", SCENARIOS)
def test_no_operation_costs_more_than_it_did(name: str, place: Place) -> None:
    operation = load_contract().operations[name]
    if operation.method != "GET":
        place.settle()  # what one leaves behind is none of the next one's cost
    for _ in range(2):
        cost = measured(place, operation)
    requests, units = COSTS[name]
    assert cost.requests <= requests
    assert place.instances[operation.service].units() <= units
    limit = BEYOND_THE_GOAL.get(name) or goal_of(operation)
    assert (cost.reads, cost.writes) <= (limit.reads, limit.writes)


def test_two_thirds_of_the_operations_take_five_requests_or_fewer() -> None:
    assert COSTS.keys() == load_contract().operations.keys()
    requests = [one for one, _ in COSTS.values()]
    assert statistics.median(requests) <= 5
    assert sum(one <= 5 for one in requests) * 3 > len(requests) * 2


# An organisation at its limits


class Cost(NamedTuple):
    waits: int
    requests: int
    units: float

    def within(self, *limits: float) -> bool:
        return all(one <= limit for one, limit in zip(self, limits, strict=True))


class Large:
    """An organisation with as many roles, sets and team roles as it may have, and people who hold some of them."""

    def __init__(self, place: Place, endpoint: str) -> None:
        self.world: World = place.world
        self.organisation = Organisation(place.instances["team"], place.world, place.tables)
        self.id = self.organisation.id
        self.tables = {name: place.tables[name] for name in ("permissions", "teams")}
        self.settings = Settings(region=REGION, tables=self.tables)
        self.database = _Recording(endpoint)
        self.change = Change.outside_a_request(ENGINEER)
        self.sets = self._define("PermissionSet", "permission-set", MOST_SETS, permissions=_WORDS)
        carried = {"permissions": _WORDS, "permissionSets": [], "scope": "ORGANISATION"}
        self.roles = self._define("OrganisationRole", "role", MOST_ROLES - 5, **carried)
        self.team_roles = self._define("TeamRoleDefinition", "team-role", MOST_TEAM_ROLES - 4, capabilities=_CAN)

    def _define(self, entity: str, kind: str, count: int, **columns: object) -> list[dict]:
        table = self.tables["teams" if entity == "TeamRoleDefinition" else "permissions"]
        name = {"role": "roleId", "permission-set": "setId", "team-role": "teamRoleId"}[kind]
        items = []
        for n in range(count):
            one = new_id(kind)
            item = {**key(entity, orgId=self.id, **{name: one}), "entityType": entity, name: one, "active": True}
            item |= {
                "organisationId": self.id,
                "name": f"NAME_{n}",
                "displayName": f"Name {n}",
                "description": "x" * 60,
            }
            items.append({**item, **columns, **self.change.first()})
        for start in range(0, count, 100):
            self.world.database.transact([Put(table, item) for item in items[start : start + 100]])
        return items

    def holder(self, role: str, team_role: str | None = None) -> str:
        user = self.world.member(self.id, role)
        if team_role is not None:
            columns = {"organisationId": self.id, "teamId": "team-x", "teamRoleId": team_role, "active": True}
            place = key("TeamMember", userId=user, orgId=self.id, teamId="team-x")
            # As whole as those that the service writes: others end whatever they find in these tables.
            item = {**place, **columns, "entityType": "TeamMember", "userId": user}
            item |= {"isPrimary": False, "isLead": False}
            self.world.database.put(self.tables["teams"], {**item, **self.change.first()})
        return user

    def decision(self, user: str) -> Cost:
        """The authorizer's read of somebody whose token names the organisation."""
        return self._cost(lambda: read_access(self.database, self.settings, user, [self.id]))

    def second_check(self, user: str) -> Cost:
        return self._cost(lambda: read_access_in(self.database, self.settings, user, self.id))

    def everything(self) -> float:
        """Units of all definitions together: what each decision read before."""
        return units_of(self.world.database, organisation_calls(self.settings, self.id))

    def _cost(self, read) -> Cost:
        self.database.asked.clear()
        before = self.database.round_trips, self.database.requests
        read()
        waits, requests = self.database.round_trips - before[0], self.database.requests - before[1]
        return Cost(waits, requests, units_of(self.world.database, list(self.database.asked)))


_WORDS = ["org:read", "site:read", "site:update", "site:publish", "team:read"]
_CAN = ["CAN_VIEW_MEMBERS", "CAN_VIEW_SITES"]


class _Recording(Database):
    def __init__(self, endpoint: str) -> None:
        super().__init__(REGION, endpoint, deadline=60.0, attempt_timeout=30.0)
        self.asked: list = []

    def _run(self, calls: list, deadline: float | None = None) -> list:
        self.asked += calls
        return super()._run(calls, deadline)


@pytest.fixture(scope="module")
def large(place: Place, local_aws: LocalAws) -> Large:
    return Large(place, local_aws.endpoint)


@pytest.mark.xdist_group("costs")
class TestAnOrganisationAtItsLimits:
    def test_who_holds_a_default_role_waits_once_also_at_first_sight(self, large: Large) -> None:
        for role in ("ORG_ADMIN", "ORG_MANAGER"):
            user = large.holder(role, large.organisation.roles["MEMBER"])
            for read in (large.decision, large.second_check):
                REMEMBERED.clear()
                assert read(user).within(1, 7, 8)
                assert read(user).within(1, 3, 5)

    def test_who_holds_the_last_of_five_hundred_pays_for_what_they_hold(self, large: Large) -> None:
        user = large.holder(large.roles[-1]["roleId"], large.team_roles[-1]["teamRoleId"])
        for read in (large.decision, large.second_check):
            REMEMBERED.clear()
            assert read(user).within(2, 7 + 3, 13)
            known = read(user)
            assert known.within(1, 3, 5)
            assert large.everything() / known.units > 15

    def test_who_holds_one_that_carries_a_set(self, large: Large) -> None:
        role = {**large.roles[-2], "permissionSets": [large.sets[-1]["setId"]]}
        large.world.put(role)
        user = large.holder(role["roleId"])
        for read in (large.decision, large.second_check):
            REMEMBERED.clear()
            assert read(user).within(3, 7 + 2 + 2, 15)
            known = read(user)
            assert known.within(1, 3, 5)
            assert large.everything() / known.units > 15

    def test_an_operation_costs_there_what_it_costs_anywhere(self, large: Large, place: Place) -> None:
        """What reads no list of definitions itself."""
        operation = load_contract().operations["getTeam"]
        place.settle()
        place.organisation, place.admin = large.organisation, large.organisation.admin
        place.ids |= {"orgId": large.id, "teamId": large.organisation.team()}
        for _ in range(2):
            cost = measured(place, operation)
        requests, units = COSTS["getTeam"]
        assert cost.requests <= requests
        assert place.instances["team"].units() <= units
