"""What the role service does when organisations come and people and teams go."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import pytest

from bbws_access.kernel.contract import load_roles
from bbws_access.kernel.dynamodb import Database
from bbws_access.kernel.errors import BadRequest
from bbws_access.kernel.events import UnknownEvent
from bbws_access.kernel.ids import new_id
from bbws_access.kernel.keys import key, partition
from bbws_access.role import store
from bbws_access.role.handler import service
from tests.support.services import Instance, World, at_once
from tests.support.tables import query_all

DEFAULTS = sorted(role["name"] for role in load_roles()["defaultOrganisationRoles"])


@pytest.fixture
def table(seeded_tables: dict[str, str]) -> str:
    return seeded_tables["permissions"]


class Records:
    """What the tables hold."""

    def __init__(self, database: Database, table: str) -> None:
        self._database = database
        self._table = table

    def roles(self, org: str) -> list[dict]:
        return query_all(self._database, self._table, partition("OrganisationRole", orgId=org), sort_prefix="ROLE#")

    def organisation(self, org: str) -> dict | None:
        return self._database.get(self._table, key("Organisation", orgId=org))

    def assignments(self, user: str) -> list[dict]:
        return query_all(self._database, self._table, partition("UserRoleAssignment", userId=user))

    def active(self, user: str) -> list[tuple[str, str]]:
        """(organisation, role's name) of what is not ended."""
        return sorted((one["organisationId"], one["roleName"]) for one in self.assignments(user) if one["active"])

    def counts(self, org: str) -> dict[str, int]:
        """The counted use of roles by name, without those that nobody has."""
        names = {role["roleId"]: role["name"] for role in self.roles(org)}
        used = query_all(self._database, self._table, partition("RoleUsage", orgId=org))
        counted = Counter()
        for one in used:
            counted[names[one["roleId"]]] += one["count"]
        return {name: number for name, number in counted.items() if number}


@pytest.fixture
def records(database: Database, table: str) -> Records:
    return Records(database, table)


class TestOrganisationCreated:
    def test_it_gets_its_record_and_the_default_roles(self, api: Instance, records: Records) -> None:
        org = new_id("organisation")
        api.deliver("OrganisationCreated", organisationId=org, name=" Acme ")
        stored = records.organisation(org)
        assert (stored["name"], stored["active"], stored["createdBy"]) == ("Acme", True, "system")
        assert sorted(role["name"] for role in records.roles(org)) == DEFAULTS

    @pytest.mark.parametrize("word", ["teams", "roles", "access-checks", "organisations", "audit", "v1", "sites"])
    def test_an_id_that_is_a_word_of_a_path_ends_in_the_dead_letters(
        self, start_instance: Callable[..., Instance], records: Records, word: str
    ) -> None:
        log = io.StringIO()
        api = start_instance(service, "permissions", "teams", log=log, reserved_ids=("sites",))
        with pytest.raises(BadRequest, match=r"detail\.organisationId is a word of the API's paths"):
            api.deliver("OrganisationCreated", organisationId=word, name="Acme")
        assert records.organisation(word) is None
        assert "detail.organisationId is a word of the API's paths" in log.getvalue()

    @pytest.mark.parametrize("name", ["Ac\u200bme", "\u3164", "Acme\u202e", "Acme\u2028Sent by us", "Acme\nSent by us"])
    def test_a_name_that_deceives_ends_there_too(self, api: Instance, records: Records, name: str) -> None:
        org = new_id("organisation")
        with pytest.raises((BadRequest, UnknownEvent), match=r"detail\.name"):
            api.deliver("OrganisationCreated", organisationId=org, name=name)
        assert records.organisation(org) is None

    def test_its_name_is_stored_in_one_form(self, api: Instance, records: Records) -> None:
        org = new_id("organisation")
        for name in ("Cafe\u0301\u00a0", "Caf\u00e9"):
            api.deliver("OrganisationCreated", organisationId=org, name=name)
            assert records.organisation(org)["name"] == "Caf\u00e9"

    def test_again_changes_nothing_even_where_a_default_role_was_renamed(
        self, api: Instance, world: World, records: Records
    ) -> None:
        org = new_id("organisation")
        api.deliver("OrganisationCreated", organisationId=org, name="Acme")
        [viewer] = [role for role in records.roles(org) if role["name"] == "SITE_VIEWER"]
        body = {"name": "READER", "displayName": "Reader", "permissions": viewer["permissions"]}
        api.call("PUT", f"/organisations/{org}/roles/{viewer['roleId']}", world.platform(), body).expect(200)
        before = records.organisation(org), records.roles(org)
        api.deliver("OrganisationCreated", organisationId=org, name="Acme")
        assert (records.organisation(org), records.roles(org)) == before

    def test_twice_at_once(self, new_instance: Callable[[], Instance], records: Records) -> None:
        org = new_id("organisation")
        deliver = [partial(new_instance().deliver, "OrganisationCreated") for _ in range(5)]
        at_once([partial(one, organisationId=org, name="Acme") for one in deliver])
        assert sorted(role["name"] for role in records.roles(org)) == DEFAULTS

    def test_another_name_is_logged_and_overwrites_nothing(
        self, start_instance: Callable[..., Instance], world: World, records: Records
    ) -> None:
        org, lines = world.organisation(), io.StringIO()
        api = start_instance(service, "permissions", "teams", log=lines)
        before = records.organisation(org), records.roles(org)
        api.deliver("OrganisationCreated", organisationId=org, name="Somebody else")
        assert (records.organisation(org), records.roles(org)) == before
        [warning] = [line for line in map(json.loads, lines.getvalue().splitlines()) if line["level"] == "WARN"]
        assert (warning["organisationId"], warning["name"]) == (org, "Somebody else")

    def test_what_cannot_be_is_not_taken(self, api: Instance, records: Records) -> None:
        org = new_id("organisation")
        with pytest.raises(BadRequest, match="name"):
            api.deliver("OrganisationCreated", organisationId=org, name=" ")
        for wrong in ({"name": "Acme"}, {"organisationId": "Org*", "name": "Acme"}, {"organisationId": org, "name": 1}):
            with pytest.raises(UnknownEvent, match="OrganisationCreated"):
                api.deliver("OrganisationCreated", **wrong)
        assert records.organisation(org) is None


class TestUserDeactivated:
    def test_everything_everywhere_ends_and_is_counted(self, api: Instance, world: World, records: Records) -> None:
        user, one, two = world.user(), world.organisation(), world.organisation()
        colleague = world.member(one, "ORG_MANAGER")
        world.assign(user, "ORG_MANAGER", one)
        world.assign(user, "SITE_VIEWER", one, team_id="team-1")
        world.assign(user, "SITE_VIEWER", one, team_id="team-2")
        world.assign(user, "ORG_ADMIN", two)
        api.deliver("UserDeactivated", userId=user)
        assert records.active(user) == []
        assert (records.counts(one), records.counts(two)) == ({"ORG_MANAGER": 1}, {})
        assert records.active(colleague) == [(one, "ORG_MANAGER")]
        ended = records.assignments(user)
        assert {(one["lastUpdatedBy"], one["version"], "ttl" in one) for one in ended} == {("system", 2, True)}
        api.call("GET", f"/organisations/{one}/roles", user).expect(403)
        api.deliver("UserDeactivated", userId=user)
        assert records.assignments(user) == ended
        assert records.counts(one) == {"ORG_MANAGER": 1}

    @pytest.mark.parametrize(("before", "left"), [(1, []), (2, ["ORG_ADMIN"])], ids=["before", "after"])
    def test_what_is_given_before_the_departure_is_recorded_ends_and_what_is_given_after_stays(
        self,
        api: Instance,
        world: World,
        records: Records,
        monkeypatch: pytest.MonkeyPatch,
        before: int,
        left: list[str],
    ) -> None:
        """The first transaction records the departure, the second one ends what there was."""
        org, user = world.organisation(), world.user()
        world.assign(user, "ORG_MANAGER", org)
        transact, calls = api.database.transact, []

        def overtaken(actions: list, **more: object) -> None:
            calls.append(actions)
            if len(calls) == before:
                world.assign(user, "ORG_ADMIN", org)
            transact(actions, **more)

        monkeypatch.setattr(api.database, "transact", overtaken)
        api.deliver("UserDeactivated", userId=user)
        assert len(calls) >= before
        assert [role for _, role in records.active(user)] == left
        assert records.counts(org) == dict.fromkeys(left, 1)
        status = 200 if left else 403
        api.call("GET", f"/organisations/{org}/roles", user).expect(status)

    def test_in_one_organisation_only(self, api: Instance, world: World, records: Records) -> None:
        user, one, two = world.user(), world.organisation(), world.organisation()
        for org in (one, two):
            world.assign(user, "ORG_ADMIN", org)
        api.deliver("UserDeactivated", userId=user, organisationId=one)
        assert records.active(user) == [(two, "ORG_ADMIN")]
        assert (records.counts(one), records.counts(two)) == ({}, {"ORG_ADMIN": 1})
        api.deliver("UserDeactivated", userId=world.user())

    def test_platform_roles_count_no_more_although_no_service_writes_them(
        self, api: Instance, world: World, database: Database, table: str
    ) -> None:
        user, org = world.platform("SUPPORT_AGENT"), world.organisation()
        path = f"/organisations/{org}/roles"
        api.call("GET", path, user).expect(200)
        api.deliver("UserDeactivated", userId=user, organisationId=org)
        api.call("GET", path, user).expect(200)  # it is held in no organisation, so leaving one does not end it
        api.deliver("UserDeactivated", userId=user)
        api.call("GET", path, user).expect(403)
        api.call("GET", "/platform/roles", user).expect(403)
        stored = database.get(table, key("PlatformRoleAssignment", userId=user, roleId="role-support-agent"))
        assert stored["active"]
        world.assign(user, "SUPPORT_AGENT")
        api.call("GET", path, user).expect(200)

    def test_what_has_expired_is_counted_off_too(self, api: Instance, world: World, records: Records) -> None:
        org, user = world.organisation(), world.user()
        moment = "2020-01-02T00:00:00Z"
        world.assign(user, "ORG_ADMIN", org, now=datetime(2020, 1, 1, tzinfo=UTC), expires_at=moment)
        assert records.counts(org) == {"ORG_ADMIN": 1}
        api.deliver("UserDeactivated", userId=user)
        assert records.counts(org) == {}

    def test_a_fault_half_way_is_made_good_the_next_time(
        self, api: Instance, world: World, records: Records, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        org, user = world.organisation(), world.user()
        for n in range(5):
            world.assign(user, "SITE_VIEWER", org, team_id=f"team-{n}")
        monkeypatch.setattr(store, "_ENDED_AT_ONCE", 2)
        transact, calls = api.database.transact, []

        def failing(actions: list, **more: object) -> None:
            calls.append(actions)
            if len(calls) == 3:  # after the departure, and two of the five
                raise ConnectionError("gone")
            transact(actions, **more)

        monkeypatch.setattr(api.database, "transact", failing)
        with pytest.raises(ConnectionError):
            api.deliver("UserDeactivated", userId=user)
        assert (len(records.active(user)), records.counts(org)) == (3, {"SITE_VIEWER": 3})
        api.deliver("UserDeactivated", userId=user)
        assert (records.active(user), records.counts(org)) == ([], {})

    def test_many_at_once_count_each_assignment_once(
        self, new_instance: Callable[[], Instance], world: World, records: Records
    ) -> None:
        org = world.organisation()
        users = [world.member(org) for _ in range(3)]
        world.member(org)
        leavers = [*users, *users]
        at_once([partial(new_instance().deliver, "UserDeactivated", userId=user) for user in leavers])
        assert [records.active(user) for user in users] == [[], [], []]
        assert records.counts(org) == {"ORG_ADMIN": 1}


class TestTeamDeactivated:
    def test_roles_in_the_team_end_and_no_other(self, api: Instance, world: World, records: Records) -> None:
        org, user, other = world.organisation(), world.user(), world.user()
        elsewhere = world.organisation()
        world.assign(user, "SITE_VIEWER", org, team_id="team-1")
        world.assign(other, "SITE_VIEWER", org, team_id="team-1")
        world.assign(user, "SITE_ADMIN", org, team_id="team-2")
        world.assign(user, "ORG_MANAGER", org)
        world.assign(user, "SITE_VIEWER", elsewhere, team_id="team-1")
        for _ in range(2):
            api.deliver("TeamDeactivated", organisationId=org, teamId="team-1")
            assert records.active(user) == sorted(
                [(org, "ORG_MANAGER"), (org, "SITE_ADMIN"), (elsewhere, "SITE_VIEWER")]
            )
            assert records.active(other) == []
            assert records.counts(org) == {"ORG_MANAGER": 1, "SITE_ADMIN": 1}

    def test_an_assignment_that_came_back_is_found_again(self, api: Instance, world: World, records: Records) -> None:
        org, user = world.organisation(), world.user()
        world.assign(user, "SITE_VIEWER", org, team_id="team-1")
        api.deliver("TeamDeactivated", organisationId=org, teamId="team-1")
        world.assign(user, "SITE_VIEWER", org, team_id="team-1")
        assert records.active(user) == [(org, "SITE_VIEWER")]
        api.deliver("TeamDeactivated", organisationId=org, teamId="team-1")
        assert (records.active(user), records.counts(org)) == ([], {})
