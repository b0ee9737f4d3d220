"""Team roles: what members may do in their team, and who may say so, against real tables."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from bbws_access.kernel.contract import load_roles
from bbws_access.kernel.keys import key
from bbws_access.team import rules
from tests.support.services import Instance, World, at_once
from tests.support.teams import MEMBER, TEAM_ROLE, TEAM_ROLES, Organisation, team_role

DEFAULTS = {one["name"]: one for one in load_roles()["defaultTeamRoles"]}


def create(org: Organisation, *arguments: str, by: str | None = None, **more: object) -> dict:
    body = team_role(*arguments, **more)
    return org.api.call("POST", TEAM_ROLES.format(org.id), by or org.admin, body).expect(201)


class TestDefaults:
    def test_every_organisation_starts_with_them(self, org: Organisation) -> None:
        found = org.get(TEAM_ROLES, order="oldest")["items"]
        assert {one["name"]: one["capabilities"] for one in found} == {
            n: d["capabilities"] for n, d in DEFAULTS.items()
        }
        assert all(one["isDefault"] and one["active"] and one["createdBy"] == "system" for one in found)
        assert {one["name"]: one["sortOrder"] for one in found} == {n: d["sortOrder"] for n, d in DEFAULTS.items()}

    def test_the_event_again_changes_nothing(self, api: Instance, org: Organisation) -> None:
        before = org.get(TEAM_ROLES)["items"]
        api.deliver("OrganisationCreated", organisationId=org.id, name="Acme")
        assert org.get(TEAM_ROLES)["items"] == before

    @pytest.mark.parametrize("older", [False, True], ids=["", "of an organisation older than the record of the seed"])
    def test_the_event_again_brings_nothing_back(self, api: Instance, org: Organisation, older: bool) -> None:
        """Neither what the organisation abolished nor what it renamed."""
        api.call("DELETE", TEAM_ROLE.format(org.id, org.roles["VIEWER"]), org.admin).expect(204)
        renamed = team_role("COLLEAGUE", "CAN_VIEW_MEMBERS")
        api.call("PUT", TEAM_ROLE.format(org.id, org.roles["MEMBER"]), org.admin, renamed).expect(200)
        if older:
            org.database.delete(org.tables["teams"], key("TeamRoleSeed", orgId=org.id))
        before = org.get(TEAM_ROLES)["items"]
        assert {one["name"] for one in before} == {*DEFAULTS, "COLLEAGUE"} - {"VIEWER", "MEMBER"}
        for _ in range(2):
            api.deliver("OrganisationCreated", organisationId=org.id, name="Acme")
            assert org.get(TEAM_ROLES)["items"] == before

    def test_all_abolished_stay_so_where_none_is_left(self, api: Instance, org: Organisation) -> None:
        for role in org.roles.values():
            api.call("DELETE", TEAM_ROLE.format(org.id, role), org.admin).expect(204)
        api.deliver("OrganisationCreated", organisationId=org.id, name="Acme")
        assert org.get(TEAM_ROLES)["items"] == []

    def test_a_seed_that_failed_is_made_good(
        self, api: Instance, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Also where the organisation has a team role of its own by then."""
        org_id, transact = world.organisation(), api.database.transact
        admin = world.member(org_id)

        def failing(actions: list, **more: object) -> None:
            raise ConnectionError("gone")

        monkeypatch.setattr(api.database, "transact", failing)
        with pytest.raises(ConnectionError):
            api.deliver("OrganisationCreated", organisationId=org_id, name="Acme")
        monkeypatch.setattr(api.database, "transact", transact)
        api.call("POST", TEAM_ROLES.format(org_id), admin, team_role("MEMBER")).expect(201)
        api.deliver("OrganisationCreated", organisationId=org_id, name="Acme")
        found = api.call("GET", TEAM_ROLES.format(org_id), admin).expect(200)["items"]
        assert sorted(one["name"] for one in found) == sorted(DEFAULTS)
        assert [one["isDefault"] for one in found if one["name"] == "MEMBER"] == [False]

    def test_the_event_many_times_at_once(self, world: World, new_instance: Callable[[], Instance]) -> None:
        org_id = world.organisation()
        at_once([partial(new_instance().deliver, "OrganisationCreated", organisationId=org_id, name="A")] * 10)
        found = new_instance().call("GET", TEAM_ROLES.format(org_id), world.member(org_id)).expect(200)["items"]
        assert sorted(one["name"] for one in found) == sorted(DEFAULTS)


class TestCreate:
    def test_the_least(self, api: Instance, org: Organisation) -> None:
        answer = api.call("POST", TEAM_ROLES.format(org.id), org.admin, team_role("HELPER"))
        made = answer.expect(201)
        assert (made["sortOrder"], made["description"], made["isDefault"], made["version"]) == (500, "", False, 1)
        assert api.call("GET", answer.headers["Location"], org.admin).expect(200) == made
        assert made["_links"].keys() == {"self", "update", "delete"}

    @pytest.mark.parametrize(
        "body",
        [
            team_role("lower"),
            team_role("HELPER", "CAN_FLY"),
            {"name": "HELPER", "displayName": "x", "capabilities": []},
            team_role("HELPER", "CAN_VIEW_SITES", "CAN_VIEW_SITES"),
            team_role("HELPER", sortOrder=1000),
            team_role("HELPER", isDefault=True),
        ],
    )
    def test_what_cannot_be(self, api: Instance, org: Organisation, body: dict) -> None:
        api.call("POST", TEAM_ROLES.format(org.id), org.admin, body).expect(400, "VALIDATION_ERROR")

    def test_a_taken_name(self, api: Instance, org: Organisation) -> None:
        api.call("POST", TEAM_ROLES.format(org.id), org.admin, team_role("MEMBER")).expect(409, "NAME_TAKEN")

    def test_one_of_fifty_gets_a_name(self, org: Organisation, new_instance: Callable[[], Instance]) -> None:
        tasks = [
            partial(new_instance().call, "POST", TEAM_ROLES.format(org.id), org.admin, team_role("ONE"))
            for _ in range(50)
        ]
        statuses = [answer.status for answer in at_once(tasks)]
        assert (statuses.count(201), statuses.count(409)) == (1, 49)

    def test_no_more_than_one_holds(self, api: Instance, org: Organisation) -> None:
        maker = org.holder("team:role:*", "site:read", "team:member:add")
        create(org, "READER", "CAN_VIEW_SITES", by=maker)
        body = team_role("X", "CAN_VIEW_SITES", "CAN_MANAGE_MEMBERS", "CAN_EDIT_SITES")
        answer = api.call("POST", TEAM_ROLES.format(org.id), maker, body)
        answer.expect(403, "PERMISSION_CEILING")
        assert answer.details == {"missing": ["CAN_MANAGE_MEMBERS", "CAN_EDIT_SITES"]}

    def test_limits(self, api: Instance, org: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rules, "MOST_TEAM_ROLES", 5)
        create(org, "FIFTH")
        api.call("POST", TEAM_ROLES.format(org.id), org.admin, team_role("SIXTH")).expect(409, "LIMIT_REACHED")

    def test_who_may(self, api: Instance, org: Organisation, world: World) -> None:
        stranger = Organisation(api, world, org.tables).admin
        lead = org.member(org.team(), "TEAM_LEAD")
        for user in (world.member(org.id, "ORG_MANAGER"), lead, stranger):
            api.call("POST", TEAM_ROLES.format(org.id), user, team_role()).expect(403, "FORBIDDEN")
            api.call("GET", TEAM_ROLES.format(org.id), user).expect(403, "FORBIDDEN")
        create(org, by=world.platform())


class TestRead:
    def test_filters_and_pages(self, api: Instance, org: Organisation) -> None:
        gone = create(org, "GONE")["teamRoleId"]
        api.call("DELETE", TEAM_ROLE.format(org.id, gone), org.admin).expect(204)
        assert [one["name"] for one in org.get(TEAM_ROLES, active="false")["items"]] == ["GONE"]
        assert [one["teamRoleId"] for one in org.get(TEAM_ROLES, name="VIEWER")["items"]] == [org.roles["VIEWER"]]
        first = org.get(TEAM_ROLES, pageSize="3")
        second = org.get(TEAM_ROLES, pageSize="3", startAt=first["startAt"])
        assert (first["count"], second["count"], second["moreAvailable"]) == (3, 1, False)
        assert not {one["name"] for one in first["items"]} & {one["name"] for one in second["items"]}

    def test_one_that_is_not_there(self, api: Instance, org: Organisation, world: World) -> None:
        theirs = Organisation(api, world, org.tables).roles["MEMBER"]
        for role in ("trole-none", theirs):
            api.call("GET", TEAM_ROLE.format(org.id, role), org.admin).expect(404, "TEAM_ROLE_NOT_FOUND")
            api.call("PUT", TEAM_ROLE.format(org.id, role), org.admin, team_role()).expect(404, "TEAM_ROLE_NOT_FOUND")
            api.call("DELETE", TEAM_ROLE.format(org.id, role), org.admin).expect(404, "TEAM_ROLE_NOT_FOUND")


class TestUpdate:
    def test_all_that_can_change(self, api: Instance, org: Organisation) -> None:
        role = create(org, "A", sortOrder=7, description="d")["teamRoleId"]
        body = team_role("B", "CAN_MANAGE_MEMBERS", "CAN_VIEW_AUDIT", version=1)
        made = api.call("PUT", TEAM_ROLE.format(org.id, role), org.admin, body).expect(200)
        assert (made["name"], made["sortOrder"], made["description"], made["version"]) == ("B", 500, "", 2)
        assert made["capabilities"] == ["CAN_MANAGE_MEMBERS", "CAN_VIEW_AUDIT"]
        api.call("PUT", TEAM_ROLE.format(org.id, role), org.admin, body).expect(409, "VERSION_CONFLICT")
        api.call("PUT", TEAM_ROLE.format(org.id, role), org.admin, team_role("MEMBER")).expect(409, "NAME_TAKEN")
        create(org, "A")

    def test_members_show_its_present_name_and_may_what_it_says(self, api: Instance, org: Organisation) -> None:
        team, role = org.team(), create(org, "A", "CAN_VIEW_SITES")["teamRoleId"]
        user = org.member(team, role)
        api.call("PUT", TEAM_ROLE.format(org.id, role), org.admin, team_role("B", "CAN_EDIT_SITES")).expect(200)
        assert org.get(MEMBER, team, user)["teamRoleName"] == "B"
        assert org.capabilities(user, team) == {"CAN_EDIT_SITES"}

    def test_no_more_is_added_than_one_holds(self, api: Instance, org: Organisation) -> None:
        role = create(org, "A", "CAN_DELETE_SITES")["teamRoleId"]
        maker = org.holder("team:role:*", "site:read")
        path = TEAM_ROLE.format(org.id, role)
        api.call("PUT", path, maker, team_role("B", "CAN_DELETE_SITES", "CAN_VIEW_SITES")).expect(200)
        answer = api.call("PUT", path, maker, team_role("B", "CAN_DELETE_SITES", "CAN_VIEW_AUDIT"))
        answer.expect(403, "PERMISSION_CEILING")
        assert answer.details == {"missing": ["CAN_VIEW_AUDIT"]}
        # Bringing it back grants all of it.
        api.call("DELETE", path, maker).expect(204)
        back = team_role("B", "CAN_DELETE_SITES", active=True)
        api.call("PUT", path, maker, back).expect(403, "PERMISSION_CEILING")
        api.call("PUT", path, maker, team_role("C", "CAN_DELETE_SITES")).expect(200)
        assert api.call("PUT", path, org.admin, back).expect(200)["active"]

    def test_who_leads_does_not_change_under_members(self, api: Instance, org: Organisation) -> None:
        team, role = org.team(), create(org, "A", "CAN_MANAGE_MEMBERS")["teamRoleId"]
        user = org.member(team, role)
        path = TEAM_ROLE.format(org.id, role)
        for body in (team_role("A", "CAN_VIEW_SITES"), team_role("A", "CAN_MANAGE_MEMBERS", active=False)):
            answer = api.call("PUT", path, org.admin, body)
            answer.expect(409, "TEAM_ROLE_IN_USE")
            assert answer.details == {"count": 1}
        api.call("PUT", path, org.admin, team_role("A", "CAN_MANAGE_MEMBERS", "CAN_VIEW_SITES")).expect(200)
        lead = org.member(team, "TEAM_LEAD")
        api.call("DELETE", MEMBER.format(org.id, team, user), lead).expect(204)
        api.call("PUT", path, org.admin, team_role("A", "CAN_VIEW_SITES")).expect(200)


class TestDelete:
    def test_not_while_members_have_it(self, api: Instance, org: Organisation) -> None:
        team, path = org.team(), TEAM_ROLE.format(org.id, org.roles["VIEWER"])
        users = [org.member(team, "VIEWER") for _ in range(2)]
        for left in (2, 1):
            answer = api.call("DELETE", path, org.admin)
            answer.expect(409, "TEAM_ROLE_IN_USE")
            assert answer.details == {"count": left}
            api.call("DELETE", MEMBER.format(org.id, team, users.pop()), org.admin).expect(204)
        for _ in range(2):
            api.call("DELETE", path, org.admin).expect(204)
        gone = org.get(TEAM_ROLE, org.roles["VIEWER"])
        assert (gone["active"], gone["version"], "delete" in gone["_links"]) == (False, 2, False)
        org.add(team, org.user(), "VIEWER").expect(404, "TEAM_ROLE_NOT_FOUND")
        create(org, "VIEWER")

    def test_ending_it_and_giving_it_at_once(self, org: Organisation, new_instance: Callable[[], Instance]) -> None:
        team, users = org.team(), [org.user() for _ in range(12)]
        tasks = [partial(org.add, team, user, "VIEWER", api=new_instance()) for user in users]
        path = TEAM_ROLE.format(org.id, org.roles["VIEWER"])
        tasks.insert(6, partial(new_instance().call, "DELETE", path, org.admin))
        answers = at_once(tasks)
        ended, added = answers.pop(6).status == 204, [one.status for one in answers].count(201)
        assert ended is (added == 0)
        assert org.uses("VIEWER") == added
        assert org.get(TEAM_ROLE, org.roles["VIEWER"])["active"] is not ended
