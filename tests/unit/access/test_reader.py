"""Reading what a user holds, from real tables; round trips counted."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from bbws_access.access.grants import Decision, Reason
from bbws_access.access.reader import read_access, read_access_in
from bbws_access.kernel.contract import load_contract
from bbws_access.kernel.dynamodb import Database, Get
from bbws_access.kernel.ids import new_id
from bbws_access.kernel.keys import key
from bbws_access.kernel.settings import Settings
from tests.support.tables import REGION

NOW = datetime.now(UTC)


class People:
    """One user whose records a test writes."""

    def __init__(self, database: Database, tables: dict[str, str]) -> None:
        self.database = database
        self.tables = tables
        self.settings = Settings(region=REGION, tables={name: tables[name] for name in ("permissions", "teams")})
        self.user = str(uuid.uuid4())

    def role(self, org: str, *permissions: str, **changes: object) -> str:
        role_id = new_id("role")
        item = {
            "roleId": role_id,
            "name": "ROLE",
            "displayName": "not needed here",
            "scope": "ORGANISATION",
            "permissions": list(permissions),
            "active": True,
        }
        keys = key("OrganisationRole", orgId=org, roleId=role_id)
        self.database.put(self.tables["permissions"], {**keys, **item, **changes})
        return role_id

    def assign(self, org: str, role_id: str, team: str = "-", **changes: object) -> None:
        item = {
            "userId": self.user,
            "organisationId": org,
            "roleId": role_id,
            "scope": "ORGANISATION" if team == "-" else "TEAM",
            "teamId": team,
            "active": True,
        }
        keys = key("UserRoleAssignment", userId=self.user, orgId=org, roleId=role_id, teamId=team)
        self.database.put(self.tables["permissions"], {**keys, **item, **changes})

    def assign_platform(self, role_id: str, **changes: object) -> None:
        item = {"userId": self.user, "roleId": role_id, "scope": "PLATFORM", "active": True}
        keys = key("PlatformRoleAssignment", userId=self.user, roleId=role_id)
        self.database.put(self.tables["permissions"], {**keys, **item, **changes})
        given = key("PlatformRolesGiven", userId=self.user)
        self.database.update(self.tables["permissions"], given, "ADD roleIds :one", values={":one": {role_id}})

    def permission_set(self, org: str, *permissions: str, active: bool = True) -> str:
        set_id = new_id("permission-set")
        item = {"setId": set_id, "permissions": list(permissions), "active": active}
        self.database.put(self.tables["permissions"], {**key("PermissionSet", orgId=org, setId=set_id), **item})
        return set_id

    def join(self, org: str, team: str, *capabilities: str, role_active: bool = True, active: bool = True) -> None:
        team_role = new_id("team-role")
        keys = key("TeamRoleDefinition", orgId=org, teamRoleId=team_role)
        role = {"teamRoleId": team_role, "capabilities": list(capabilities), "active": role_active}
        self.database.put(self.tables["teams"], {**keys, **role})
        member = {"userId": self.user, "organisationId": org, "teamId": team, "teamRoleId": team_role, "active": active}
        self.database.put(
            self.tables["teams"], {**key("TeamMember", userId=self.user, orgId=org, teamId=team), **member}
        )

    def read(self, *hint: str):
        return read_access(self.database, self.settings, self.user, hint)


@pytest.fixture
def people(database, tables) -> People:
    return People(database, tables)


@pytest.fixture
def org() -> str:
    return new_id("organisation")


def test_everything_of_hinted_organisations_in_one_round_trip(people, org):
    other = new_id("organisation")
    people.assign(org, people.role(org, "role:read"))
    people.assign(other, people.role(other, "team:*"))
    people.join(org, "team-1", "CAN_VIEW_MEMBERS")
    before = people.database.round_trips
    access = people.read(org, other, new_id("organisation"), "*", "", org)
    assert people.database.round_trips == before + 1
    assert access.organisations() == {org, other}
    assert access.permissions_in(org) == {"role:read"}
    assert access.permissions_in(other) == {"team:*"}
    assert access.permissions_in(None) == frozenset()
    assert access.memberships[0].capabilities == {"CAN_VIEW_MEMBERS"}


def test_an_organisation_that_was_not_hinted_costs_a_second_round_trip(people, org):
    people.assign(org, people.role(org, "role:read"))
    before = people.database.round_trips
    assert people.read().permissions_in(org) == {"role:read"}
    assert people.database.round_trips == before + 2


def test_an_organisation_whose_records_ended_is_not_read(people, org):
    people.assign(org, people.role(org, "role:read"), active=False)
    people.join(org, "team-1", "CAN_VIEW_MEMBERS", active=False)
    before = people.database.round_trips
    access = people.read()
    assert people.database.round_trips == before + 1
    assert access.known
    assert not access.active


@pytest.mark.parametrize(("count", "round_trips"), [(11, 1), (13, 2)])
def test_as_many_organisations_as_a_token_names_are_read_at_once(people, count, round_trips):
    orgs = [new_id("organisation") for _ in range(count)]
    for org in orgs:
        people.assign(org, people.role(org, "role:read"))
    before = people.database.round_trips
    assert people.read(*orgs).organisations() == set(orgs)
    assert people.database.round_trips == before + round_trips


def test_sets_add_to_a_role_and_say_where_from(people, org):
    own = people.permission_set(org, "site:read", "role:read")
    ended = people.permission_set(org, "org:update", active=False)
    role = people.role(org, "role:read", permissionSets=[own, ended, "set-viewer", "set-unknown"])
    people.assign(org, role)
    (grant,) = people.read(org).grants
    assert grant.permissions == {"role:read", "site:read", "org:read", "team:read"}
    assert grant.sources["role:read"] == (None, own)
    assert grant.sources["team:read"] == ("set-viewer",)
    assert set(grant.sources["site:read"]) == {own, "set-viewer"}
    assert (grant.role_id, grant.role_name, grant.assignment["roleId"]) == (role, "ROLE", role)


@pytest.mark.parametrize(
    ("role", "assignment"),
    [
        ({"active": False}, {}),
        ({}, {"active": False}),
        ({}, {"active": "true"}),
        ({}, {"expiresAt": (NOW - timedelta(seconds=1)).isoformat()}),
        ({}, {"expiresAt": "soon"}),
        ({}, {"expiresAt": 5}),
        ({}, {"scope": "PLATFORM"}),
        ({}, {"scope": None}),
        ({"scope": "TEAM"}, {}),
        ({}, {"roleId": "role-gone"}),
        ({}, {"organisationId": "*"}),
    ],
)
def test_what_gives_nothing(people, org, role, assignment):
    people.assign(org, people.role(org, "*", **role), **assignment)
    access = people.read(org)
    assert access.grants == ()
    assert access.organisations() == frozenset()
    assert access.known


def test_a_platform_role_counts_everywhere_and_makes_active_nowhere(people, org):
    people.assign_platform("role-support-agent")
    people.assign_platform(people.role(org, "*"))
    access = people.read(org)
    assert len(access.grants) == 1
    assert "role:read" in access.permissions_in(org)
    assert access.organisations() == frozenset()
    assert access.is_platform()


def test_an_organisations_role_never_counts_as_a_platform_role(people, org):
    people.assign(org, "role-platform-admin", scope="PLATFORM")
    people.assign(org, "role-platform-admin")
    people.assign_platform("role-platform-admin", scope="ORGANISATION")
    people.assign_platform("role-platform-admin", active=False)
    assert people.read(org).grants == ()


def test_a_platform_role_among_an_organisations_assignments_is_nothing(people, org):
    """That is where services write."""
    for name in ("PLATFORM", "*", None):
        people.assign(
            "PLATFORM", "role-platform-admin", team=f"team-{name}", scope="PLATFORM", teamId=None, organisationId=name
        )
    access = people.read(org)
    assert (access.grants, access.known, access.active) == ((), True, False)


def test_a_team_assignment_counts_for_its_team(people, org):
    people.assign(org, people.role(org, "team:update"), team="team-1")
    people.assign(org, people.role(org, "site:read", scope="TEAM"), team="team-2")
    people.assign(org, people.role(org, "*"), team="team-*")
    access = people.read(org)
    assert access.permissions_in(org) == frozenset()
    assert access.permissions_in(org, "team-1") == {"team:update"}
    assert access.permissions_in(org, "team-2") == {"site:read"}
    assert access.permissions_in("org-other", "team-1") == frozenset()


def test_memberships_keep_the_organisation_even_without_capabilities(people, org):
    people.join(org, "team-1", "CAN_VIEW_MEMBERS", role_active=False)
    people.join(org, "team-*", "CAN_VIEW_MEMBERS")
    access = people.read(org)
    assert [(one.team_id, one.capabilities) for one in access.memberships] == [("team-1", frozenset())]
    assert access.organisations() == {org}


def test_the_second_lock_reads_one_organisation_and_what_travels_along(people, org):
    other = new_id("organisation")
    people.assign(org, people.role(org, "role:read"))
    people.assign(other, people.role(other, "*"))
    role = people.role(org, "x:y")
    item_key = key("OrganisationRole", orgId=org, roleId=role)
    before = people.database.round_trips
    access, results = read_access_in(
        people.database,
        people.settings,
        people.user,
        org,
        alongside=[Get(people.settings.permissions_table, item_key)],
    )
    assert people.database.round_trips == before + 1
    assert results[0]["roleId"] == role
    assert access.permissions_in(org) == {"role:read"}
    assert access.permissions_in(other) == frozenset()
    assert access.active_elsewhere
    operation = load_contract().operations["listRoles"]
    assert access.allows(operation, {"orgId": other}) == Decision(False, Reason.NOT_IN_ORGANISATION)


def test_a_service_without_the_teams_table(people, org):
    people.assign(org, people.role(org, "permission:read"))
    people.join(org, "team-1", "CAN_VIEW_MEMBERS")
    settings = Settings(region=REGION, tables={"permissions": people.tables["permissions"]})
    access, _ = read_access_in(people.database, settings, people.user, org)
    assert access.permissions_in(org) == {"permission:read"}
    assert access.memberships == ()


def test_platform_roles_alone(people, org):
    people.assign_platform("role-security-officer")
    people.assign(org, people.role(org, "*"))
    access, _ = read_access_in(people.database, people.settings, people.user, None)
    assert access.permissions_in(None) == {"audit:read", "audit:export"}


def test_many_roles_over_several_pages(people, org):
    text = "x" * 60_000
    wanted = [people.role(org, f"p{n}:read", permissionSets=[text]) for n in range(20)]
    for role in wanted:
        people.assign(org, role)
    assert people.read(org).permissions_in(org) == {f"p{n}:read" for n in range(20)}


@pytest.mark.parametrize("user", ["", "a#b", "*", None])
def test_a_user_id_that_is_none(people, user):
    with pytest.raises(ValueError, match="no user id"):
        read_access(people.database, people.settings, user)
