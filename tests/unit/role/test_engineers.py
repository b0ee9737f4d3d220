"""The roles that the platform's engineers give and take by the tool."""

from __future__ import annotations

import uuid

import pytest

from bbws_access.access.reader import read_access
from bbws_access.kernel.dynamodb import Database
from bbws_access.kernel.errors import BadRequest, NotFound
from bbws_access.kernel.keys import key, partition
from bbws_access.kernel.records import Change, Stale
from bbws_access.kernel.settings import Settings
from bbws_access.role import store
from bbws_access.role.engineers import assign_role, leave
from tests.support.services import ENGINEER, World
from tests.support.tables import REGION, query_all

CHANGE = Change.outside_a_request(ENGINEER)


@pytest.fixture
def table(seeded_tables: dict[str, str]) -> str:
    return seeded_tables["permissions"]


class TestAssignRole:
    def test_by_name_and_by_id_and_again(self, world: World, database: Database, table: str) -> None:
        org_id, user = world.organisation(), world.user()
        more = {"user_id": user, "change": CHANGE, "organisation_id": org_id}
        first = assign_role(database, table, role="ORG_ADMIN", **more)
        assert (first["created"], first["assignment"]["createdBy"]) == (True, ENGINEER)
        again = assign_role(database, table, role=first["assignment"]["roleId"], **more)
        assert again == {"created": False, "assignment": first["assignment"]}
        [page] = database.parallel([store.USES.read(table, org_id, first["assignment"]["roleId"])])
        head, counted = page.items
        assert (head["count"], head["parts"], counted["count"]) == (0, {counted["part"]}, 1)
        assert head["createdBy"] == counted["createdBy"] == ENGINEER

    def test_a_platform_role(self, world: World, database: Database, table: str) -> None:
        user = world.user()
        for name, created in (("PLATFORM_ADMIN", True), ("role-platform-admin", False)):
            done = assign_role(database, table, user_id=user, role=name, change=CHANGE)
            assert done["created"] is created
        assert done["assignment"]["scope"] == "PLATFORM"
        parts = {"userId": user, "roleId": "role-platform-admin"}
        assert database.get(table, key("PlatformRoleAssignment", **parts)) == done["assignment"]
        given = database.get(table, key("PlatformRolesGiven", userId=user))
        assert (given["roleIds"], given["createdBy"], given["version"]) == ({"role-platform-admin"}, ENGINEER, 1)
        # Nothing that grants lies where services write.
        assert query_all(database, table, partition("UserRoleAssignment", userId=user)) == [given]

    def test_platform_roles_are_taken_away_and_given_again(self, world: World, database: Database, table: str) -> None:
        user, org_id = world.user(), world.organisation()
        world.assign(user, "ORG_ADMIN", org_id)
        assert leave(database, table, user, None, "first", CHANGE)[1] == []
        for name in ("PLATFORM_ADMIN", "SUPPORT_AGENT"):
            world.assign(user, name)
        assert leave(database, table, user, org_id, "of the organisation", CHANGE)[1] == []
        assert sorted(leave(database, table, user, None, "second", CHANGE)[1]) == ["PLATFORM_ADMIN", "SUPPORT_AGENT"]
        assert leave(database, table, user, None, "third", CHANGE)[1] == []
        access = read_access(database, Settings(region=REGION, tables={"permissions": table}), user)
        assert (access.grants, access.active) == ((), False)
        given = database.get(table, key("PlatformRolesGiven", userId=user))
        assert given["roleIds"] == {"role-platform-admin", "role-support-agent"}
        done = assign_role(database, table, user_id=user, role="SUPPORT_AGENT", change=CHANGE)
        assert (done["created"], done["assignment"]["version"]) == (True, 3)
        with pytest.raises(BadRequest, match="sub"):
            leave(database, table, "me@example.com", None, "fourth", CHANGE)

    def test_decisions_that_saw_somebody_without_see_them_with_it(self, world: World, database: Database) -> None:
        user, table = world.user(), world.table
        settings = Settings(region=REGION, tables={"permissions": table})

        def granted() -> set[str]:
            return {one.role_id for one in read_access(database, settings, user).grants}

        assert granted() == set()
        world.assign(user, "PLATFORM_ADMIN")
        assert granted() == {"role-platform-admin"}
        world.assign(user, "SUPPORT_AGENT")
        assert granted() == {"role-platform-admin", "role-support-agent"}
        leave(database, table, user, None, "first", CHANGE)
        assert granted() == set()
        world.assign(user, "SUPPORT_AGENT")
        assert granted() == {"role-support-agent"}

    def test_giving_again_makes_known_what_an_earlier_release_gave(
        self, world: World, database: Database, table: str
    ) -> None:
        """To a function that saw the person without it, and knows no key to look at."""
        user, settings = world.user(), Settings(region=REGION, tables={"permissions": table})
        assert not read_access(database, settings, user).grants
        given = key("PlatformRolesGiven", userId=user)
        world.assign(user, "SUPPORT_AGENT")
        database.delete(table, given)
        assert not read_access(database, settings, user).grants
        for _ in range(2):
            done = assign_role(database, table, user_id=user, role="SUPPORT_AGENT", change=CHANGE)
            assert not done["created"]
            assert read_access(database, settings, user).grants
            stored = database.get(table, given)
            assert (stored["roleIds"], stored["version"]) == ({"role-support-agent"}, 1)

    def test_ending_says_what_was_given_before_that_was_said(
        self, world: World, database: Database, table: str
    ) -> None:
        user = world.platform("SUPPORT_AGENT")
        given = key("PlatformRolesGiven", userId=user)
        database.delete(table, given)
        leave(database, table, user, None, "first", CHANGE)
        assert database.get(table, given)["roleIds"] == {"role-support-agent"}

    @pytest.mark.parametrize(
        "damage",
        [
            {"roleIds": "role-support-agent", "version": 1},
            {"roleIds": 7, "version": 1},
            {"roleIds": None, "version": 1},
            {"roleIds": {1, 2}, "version": 1},
            {"roleIds": {"A B"}, "version": 1},
            {"roleIds": {f"role-{n}" for n in range(101)}, "version": 1},
            {"version": 1},
            {"roleIds": {"role-x"}},
            {"roleIds": {"role-x"}, "version": "1"},
            {"roleIds": {"role-x"}, "version": 10**37},
            {"roleIds": {"role-x"}, "version": 1, "createdBy": 7},
            {"roleIds": {"role-x"}, "version": 1, "filling": "x" * 399_000},
        ],
        ids=(
            *(
                "text",
                "number",
                "nothing",
                "numbers",
                "no ids",
                "too many",
                "no roles",
                "no version",
                "version of text",
            ),
            *("huge version", "nobody's", "as large as an item gets"),
        ),
    )
    def test_no_record_of_what_was_given_keeps_roles_from_being_given_and_taken(
        self, world: World, database: Database, table: str, damage: dict
    ) -> None:
        """It lies where services write. Whatever one of them made of it, engineers act, and decisions see it."""
        user, settings = world.user(), Settings(region=REGION, tables={"permissions": table})
        given = key("PlatformRolesGiven", userId=user)

        def granted() -> set[str]:
            return {one.role_id for one in read_access(database, settings, user).grants}

        for first in (True, False):
            database.put(table, {**given, **damage})
            assert granted() == set()
            done = assign_role(database, table, user_id=user, role="SUPPORT_AGENT", change=CHANGE)
            assert done["created"]
            assert granted() == {"role-support-agent"}
            database.put(table, {**given, **damage})
            assert not assign_role(database, table, user_id=user, role="SUPPORT_AGENT", change=CHANGE)["created"]
            stored = database.get(table, given)
            assert stored["roleIds"] >= {"role-support-agent"}
            assert (stored["userId"], stored["entityType"]) == (user, "PlatformRolesGiven")
            assert "filling" not in stored
            database.put(table, {**given, **damage})
            assert leave(database, table, user, None, f"{first}", CHANGE)[1] == ["SUPPORT_AGENT"]
            assert granted() == set()

    def test_no_role_is_lost_that_another_engineer_gives_meanwhile(
        self, world: World, database: Database, table: str
    ) -> None:
        user = world.platform("SUPPORT_AGENT")
        [said] = database.parallel([store.roles_given(table, user)])
        world.assign(user, "PLATFORM_ADMIN")
        [held] = database.parallel([store.platform_assignment(table, user, "role-support-agent")])
        with pytest.raises(Stale):
            store.put_platform_assignments(database, table, [(held, held)], said, CHANGE)
        with pytest.raises(Stale):
            store.put_platform_assignments(database, table, [(held, held)], None, CHANGE)
        stored = database.get(table, key("PlatformRolesGiven", userId=user))
        assert stored["roleIds"] == {"role-support-agent", "role-platform-admin"}
        assert stored["version"] == 2

    def test_refusals(self, world: World, database: Database, table: str) -> None:
        org_id, user = world.organisation(), world.user()
        more = {"change": CHANGE, "organisation_id": org_id}
        with pytest.raises(NotFound, match="NOBODY"):
            assign_role(database, table, user_id=user, role="NOBODY", **more)
        with pytest.raises(NotFound, match="organisation org-none"):
            assign_role(database, table, user_id=user, role="ORG_ADMIN", change=CHANGE, organisation_id="org-none")
        with pytest.raises(NotFound, match="PLATFORM_ADMIN"):
            assign_role(database, table, user_id=user, role="ORG_ADMIN", change=CHANGE)
        with pytest.raises(BadRequest, match="sub"):
            assign_role(database, table, user_id="me@example.com", role="ORG_ADMIN", **more)
        with pytest.raises(BadRequest, match="teamId"):
            assign_role(database, table, user_id=user, role="SITE_ADMIN", **more)
        with pytest.raises(BadRequest, match="organisation id"):
            assign_role(
                database, table, user_id=str(uuid.uuid4()), role="ORG_ADMIN", change=CHANGE, organisation_id="*"
            )


def test_what_the_tool_writes_says_who_and_has_an_id_of_its_own(world: World, database: Database, table: str) -> None:
    org_id = world.organisation()
    role = world.assign(world.user(), "ORG_ADMIN", org_id)
    organisation = database.get(table, key("Organisation", orgId=org_id))
    for stored in (role, organisation):
        assert (stored["createdBy"], len(stored["requestId"])) == (ENGINEER, 32)
    assert role["requestId"] != organisation["requestId"]
