"""Members of teams: joining, changing, leaving, moving, and who may have it so, against real tables."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from bbws_access.kernel.dynamodb import Call, Put, TransactionCancelled
from bbws_access.kernel.records import Change
from bbws_access.role.engineers import assign_role
from bbws_access.team import rules
from tests.support.services import Instance, World, at_once
from tests.support.teams import (
    MEMBER,
    MEMBERS,
    TEAM,
    TEAM_ROLE,
    TRANSFER,
    USER_TEAMS,
    Organisation,
)


class TestAdd:
    def test_the_least(self, api: Instance, org: Organisation) -> None:
        team, user = org.team(), org.user()
        answer = org.add(team, user)
        made = answer.expect(201)
        assert (made["userId"], made["teamId"], made["organisationId"]) == (user, team, org.id)
        assert (made["teamRoleName"], made["isLead"], made["active"], made["version"]) == ("MEMBER", False, True, 1)
        assert (made["addedBy"], made["joinedAt"]) == (org.admin, made["dateCreated"])
        assert not made.keys() & {"firstName", "lastName"}
        assert api.call("GET", answer.headers["Location"], org.admin).expect(200) == made
        assert made["_links"].keys() == {"self", "team", "update", "remove", "transfer"}
        assert "transfer" in org.get(MEMBER, team, user, by=org.mover)["_links"]
        assert org.numbers(team) == (1, 0, 1)
        assert org.get(TEAM, team)["memberCount"] == 1
        assert org.capabilities(user, team) == {"CAN_VIEW_MEMBERS", "CAN_VIEW_SITES"}

    def test_one_read_and_one_transaction(self, org: Organisation) -> None:
        assert org.add(org.team(), org.user()).round_trips == 2

    def test_an_address_that_is_typed_says_so(self, org: Organisation) -> None:
        team, user = org.team(), org.user()
        made = org.add(team, user, userEmail="chief@acme.example").expect(201)
        listed = org.get(MEMBERS, team)["items"][0], org.get(USER_TEAMS, user)["items"][0], org.get(MEMBER, team, user)
        for shown in (made, *listed):
            assert (shown["userEmail"], shown["emailSource"]) == ("chief@acme.example", "TYPED")

    def test_an_address_that_is_proven_is_not_replaced_by_what_is_typed(
        self, api: Instance, org: Organisation, world: World
    ) -> None:
        user, one, two = world.user(), org.team("One"), org.team("Two")
        change = Change.outside_a_request("test")
        assign_role(world.database, world.table, user, "ORG_MANAGER", change, org.id, "ada@acme.example")
        made = org.add(one, user, userEmail="chief@acme.example").expect(201)
        moved = api.call("POST", TRANSFER.format(org.id, one, user), org.mover, {"toTeamId": two}).expect(200)
        changed = {"teamRoleId": org.roles["VIEWER"], "firstName": "Chief"}
        shown = api.call("PUT", MEMBER.format(org.id, two, user), org.admin, changed).expect(200)
        for found in (made, moved, shown):
            assert (found["userEmail"], found["emailSource"]) == ("ada@acme.example", "VERIFIED")

    def test_who_adds_themselves_is_named_by_their_token(self, api: Instance, org: Organisation) -> None:
        body = org.body(org.admin, userEmail="chief@acme.example")
        for email, shown in (
            ("", ("chief@acme.example", "TYPED")),
            ("boss@acme.example", ("boss@acme.example", "VERIFIED")),
        ):
            path = MEMBERS.format(org.id, org.team(f"Of {email}."))
            made = api.call("POST", path, org.admin, body, email=email).expect(201)
            assert (made["userEmail"], made["emailSource"]) == shown

    def test_names(self, org: Organisation) -> None:
        made = org.add(org.team(), org.user(), firstName="Ada", lastName="Lovelace").expect(201)
        assert (made["firstName"], made["lastName"]) == ("Ada", "Lovelace")

    @pytest.mark.parametrize(
        "more",
        [
            {"userEmail": "nobody"},
            {"userEmail": "a b@example.org"},
            {"userEmail": "a;=HYPERLINK(1)@example.org"},  # a cell of its own where ; parts the cells of a CSV file
            {"userId": "x"},
            {"firstName": ""},
            {"role": "x"},
        ],
    )
    def test_what_cannot_be(self, api: Instance, org: Organisation, more: dict) -> None:
        body = {**org.body(org.user()), **more}
        api.call("POST", MEMBERS.format(org.id, org.team()), org.admin, body).expect(400, "VALIDATION_ERROR")

    def test_one_answer_about_who_has_nothing_here(self, api: Instance, org: Organisation, world: World) -> None:
        """Whether a stranger is with another customer, or an engineer, is told by no operation that takes a user."""
        elsewhere, team = world.organisation(), org.team()
        user = world.user()
        engineer = world.platform()
        answers = []
        for one in (user, world.member(elsewhere), engineer, world.member(elsewhere, "SITE_ADMIN", team_id="team-1")):
            asked = [
                org.add(team, one),
                api.call("GET", USER_TEAMS.format(org.id, one), org.admin),
                api.call("GET", MEMBER.format(org.id, team, one), org.admin),
                api.call("PUT", MEMBER.format(org.id, team, one), org.admin, {"teamRoleId": org.roles["MEMBER"]}),
                api.call("DELETE", MEMBER.format(org.id, team, one), org.admin),
                api.call("POST", TRANSFER.format(org.id, team, one), org.mover, {"toTeamId": org.team(f"To {one}")}),
            ]
            shown = json.dumps([[answer.status, answer.body] for answer in asked], sort_keys=True).replace(one, "USER")
            answers.append(re.sub(r'"requestId": "[^"]*"', "", shown))
        assert len(set(answers)) == 1
        assert "NOT_IN_ORGANISATION" in answers[0]

    def test_twice(self, org: Organisation) -> None:
        team, user = org.team(), org.user()
        joined = org.add(team, user).expect(201)["joinedAt"]
        answer = org.add(team, user, "TEAM_LEAD")
        answer.expect(409, "ALREADY_MEMBER")
        assert answer.details == {"joinedAt": joined, "teamRoleId": org.roles["MEMBER"]}
        assert org.numbers(team) == (1, 0, 1)

    def test_again_after_leaving(self, api: Instance, org: Organisation) -> None:
        team, user = org.team(), org.user()
        org.add(team, user, firstName="Ada").expect(201)
        api.call("DELETE", MEMBER.format(org.id, team, user), org.admin).expect(204)
        made = org.add(team, user, "TEAM_LEAD").expect(201)
        assert (made["version"], made["isLead"]) == (3, True)
        assert "firstName" not in made
        assert "ttl" not in org.stored("TeamMember", teamId=team, userId=user)
        assert org.numbers(team) == (1, 1, 1)

    def test_what_is_not_there(self, api: Instance, org: Organisation, world: World) -> None:
        team, user = org.team(), org.user()
        other = Organisation(api, world, org.tables)
        org.add("team-none", user).expect(404, "TEAM_NOT_FOUND")
        org.add(other.team(), user).expect(404, "TEAM_NOT_FOUND")
        org.add(team, user, other.roles["MEMBER"]).expect(404, "TEAM_ROLE_NOT_FOUND")
        api.call("DELETE", TEAM.format(org.id, team), org.admin).expect(204)
        org.add(team, user).expect(409, "TEAM_INACTIVE")

    def test_limits(self, org: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rules, "MOST_MEMBERSHIPS", 2)
        user = org.user()
        for name in ("A", "B"):
            org.add(org.team(name), user).expect(201)
        org.add(org.team("C"), user).expect(409, "LIMIT_REACHED")


class TestBelonging:
    """A member belongs to the organisation: through a role in force, or another team."""

    def test_strangers_are_refused(self, api: Instance, org: Organisation, world: World) -> None:
        team, other = org.team(), Organisation(api, world, org.tables)
        for user in (world.user(), other.user(), other.member(other.team()), world.platform()):
            org.add(team, user).expect(409, "NOT_IN_ORGANISATION")
        assert org.numbers(team) == (0, 0, 0)

    def test_a_role_that_ended_or_expired_is_no_proof(self, org: Organisation, world: World) -> None:
        team, now = org.team(), datetime.now(UTC)
        for state in ({"active": False}, {"expiresAt": (now - timedelta(seconds=1)).isoformat()}):
            user = world.user()
            stored = world.assign(user, "ORG_MANAGER", org.id)
            world.put({**stored, **state})
            org.add(team, user).expect(409, "NOT_IN_ORGANISATION")

    def test_another_team_is_proof(self, api: Instance, org: Organisation, world: World) -> None:
        first, second, user = org.team("A"), org.team("B"), world.user()
        stored = world.assign(user, "ORG_MANAGER", org.id)
        org.add(first, user).expect(201)
        world.put({**stored, "active": False})
        # Also where that team was the primary one, which the same transaction changes.
        assert org.add(second, user, isPrimary=True).expect(201)["isPrimary"]
        assert not org.get(MEMBER, first, user)["isPrimary"]
        api.call("DELETE", MEMBER.format(org.id, first, user), org.admin).expect(204)
        org.add(org.team("C"), user).expect(201)
        for team in org.get(USER_TEAMS, user)["items"]:
            api.call("DELETE", MEMBER.format(org.id, team["teamId"], user), org.admin).expect(204)
        org.add(first, user).expect(409, "NOT_IN_ORGANISATION")

    def test_the_proof_must_hold_in_the_transaction(
        self, org: Organisation, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        user = world.user()
        stored = world.assign(user, "ORG_MANAGER", org.id)
        check = rules.check_joinable

        def meanwhile(team: dict) -> None:
            world.put({**stored, "active": False})
            check(team)

        monkeypatch.setattr(rules, "check_joinable", meanwhile)
        org.add(org.team(), user).expect(409, "NOT_IN_ORGANISATION")


class TestRead:
    def test_pages_in_one_round_trip(self, api: Instance, org: Organisation) -> None:
        team = org.team()
        users = {org.member(team, role) for role in ("MEMBER", "TEAM_LEAD", "MEMBER", "VIEWER", "MEMBER")}
        seen, start = [], {}
        while True:
            answer = api.call("GET", MEMBERS.format(org.id, team), org.admin, query={"pageSize": "2", **start})
            page = answer.expect(200)
            assert answer.round_trips == 1
            seen += [one["userId"] for one in page["items"]]
            if not page["moreAvailable"]:
                break
            start = {"startAt": page["startAt"]}
        assert len(seen) == 5
        assert set(seen) == users
        only = org.get(MEMBERS, team, teamRoleId=org.roles["MEMBER"])
        assert {one["teamRoleName"] for one in only["items"]} == {"MEMBER"}
        assert only["count"] == 3
        assert only["_links"].keys() == {"self", "team", "add"}
        other = {"startAt": org.get(MEMBERS, team, pageSize="1")["startAt"], "teamRoleId": org.roles["MEMBER"]}
        api.call("GET", MEMBERS.format(org.id, team), org.admin, query=other).expect(400, "INVALID_CURSOR")

    def test_members_see_their_own_team_alone(self, api: Instance, org: Organisation) -> None:
        mine, other = org.team("A"), org.team("B")
        viewer, user = org.member(mine, "VIEWER"), org.member(other)
        found = org.get(MEMBERS, mine, by=viewer)
        assert found["items"][0]["_links"].keys() == {"self"}
        assert org.get(MEMBER, mine, viewer, by=viewer)["userId"] == viewer
        api.call("GET", MEMBERS.format(org.id, other), viewer).expect(403, "FORBIDDEN")
        api.call("GET", MEMBER.format(org.id, other, user), viewer).expect(403, "FORBIDDEN")
        # Without CAN_VIEW_MEMBERS, not even that.
        api.call("GET", MEMBERS.format(org.id, mine), org.member(mine, org.define("BLIND", "CAN_VIEW_SITES"))).expect(
            403, "FORBIDDEN"
        )

    def test_who_is_no_member(self, api: Instance, org: Organisation) -> None:
        team, user = org.team(), org.user()
        api.call("GET", MEMBER.format(org.id, team, user), org.admin).expect(404, "MEMBER_NOT_FOUND")
        api.call("PUT", MEMBER.format(org.id, team, user), org.admin, {"teamRoleId": "x"}).expect(
            404, "MEMBER_NOT_FOUND"
        )
        api.call("DELETE", MEMBER.format(org.id, team, user), org.admin).expect(404, "MEMBER_NOT_FOUND")
        body = {"toTeamId": org.team("B")}
        api.call("POST", TRANSFER.format(org.id, team, user), org.mover, body).expect(404, "MEMBER_NOT_FOUND")

    def test_a_users_teams(self, api: Instance, org: Organisation, world: World) -> None:
        first, second = org.team("A"), org.team("B")
        user = org.member(first, "TEAM_LEAD")
        org.add(second, user).expect(201)
        found = org.get(USER_TEAMS, user, by=user)["items"]
        assert [(one["teamName"], one["teamRoleName"], one["isPrimary"]) for one in found] == [
            ("A", "TEAM_LEAD", True),
            ("B", "MEMBER", False),
        ]
        page = org.get(USER_TEAMS, user, pageSize="1")
        assert org.get(USER_TEAMS, user, pageSize="1", startAt=page["startAt"])["items"][0]["teamName"] == "B"
        api.call("DELETE", MEMBER.format(org.id, second, user), org.admin).expect(204)
        assert [one["teamName"] for one in org.get(USER_TEAMS, user)["items"]] == ["A"]
        ended = org.get(USER_TEAMS, user, active="false")["items"]
        assert [(one["teamName"], one["active"], one["_links"].keys()) for one in ended] == [
            ("B", False, {"self", "team"})
        ]
        api.call("GET", USER_TEAMS.format(org.id, user), org.user()).expect(403, "FORBIDDEN")
        other = Organisation(api, world, org.tables)
        assert org.api.call("GET", USER_TEAMS.format(other.id, user), other.admin).expect(200)["items"] == []


class TestGiving:
    """Nobody gives more than they hold in the team, but for who manages all members: to others."""

    def test_leads_give_what_they_have(self, org: Organisation) -> None:
        team = org.team()
        lead = org.member(team, "TEAM_LEAD")
        for role in org.roles:
            org.add(team, org.user(), role, by=lead).expect(201)

    def test_leads_give_no_more(self, api: Instance, org: Organisation) -> None:
        team = org.team()
        small = org.define("SMALL", "CAN_MANAGE_MEMBERS")
        lead = org.member(team, small)
        answer = org.add(team, org.user(), "MEMBER", by=lead)
        answer.expect(403, "PERMISSION_CEILING")
        assert answer.details == {"missing": ["CAN_VIEW_MEMBERS", "CAN_VIEW_SITES"]}
        other = org.member(team)
        path = MEMBER.format(org.id, team, other)
        api.call("PUT", path, lead, {"teamRoleId": org.roles["TEAM_LEAD"]}).expect(403, "PERMISSION_CEILING")
        # What the member has already is not given: they may be made less.
        api.call("PUT", path, lead, {"teamRoleId": org.roles["VIEWER"]}).expect(200)
        org.add(team, org.user(), small, by=lead).expect(201)

    def test_leads_have_no_say_elsewhere(self, api: Instance, org: Organisation) -> None:
        team, other = org.team("A"), org.team("B")
        lead, user = org.member(team, "TEAM_LEAD"), org.member(other)
        org.add(other, org.user(), by=lead).expect(403, "FORBIDDEN")
        path = MEMBER.format(org.id, other, user)
        api.call("PUT", path, lead, {"teamRoleId": org.roles["VIEWER"]}).expect(403, "FORBIDDEN")
        api.call("DELETE", path, lead).expect(403, "FORBIDDEN")
        body = {"toTeamId": team}
        api.call("POST", TRANSFER.format(org.id, other, user), lead, body).expect(403, "FORBIDDEN")
        org.add(team, org.user(), by=org.member(team)).expect(403, "FORBIDDEN")

    def test_nobody_gives_themselves_more_than_they_hold(self, api: Instance, org: Organisation) -> None:
        team, manager = org.team(), org.holder("team:member:*", "team:update", "site:read")
        answer = org.add(team, manager, "TEAM_LEAD", by=manager)
        answer.expect(403, "PERMISSION_CEILING")
        assert answer.details == {"missing": ["CAN_EDIT_SITES", "CAN_DELETE_SITES"]}
        org.add(team, org.user(), "TEAM_LEAD", by=manager).expect(201)
        org.add(team, manager, "MEMBER", by=manager).expect(201)
        path = MEMBER.format(org.id, team, manager)
        api.call("PUT", path, manager, {"teamRoleId": org.roles["TEAM_LEAD"]}).expect(403, "PERMISSION_CEILING")
        api.call("PUT", path, org.admin, {"teamRoleId": org.roles["SENIOR_MEMBER"]}).expect(200)
        # An administrator holds all of it.
        org.add(team, org.admin, "TEAM_LEAD").expect(201)

    def test_a_permission_in_one_team_reaches_that_team(self, org: Organisation) -> None:
        team, other = org.team("A"), org.team("B")
        helper = org.holder("team:member:add", "team:member:read", team=team)
        org.add(team, org.user(), "VIEWER", by=helper).expect(201)
        org.add(other, org.user(), "VIEWER", by=helper).expect(403, "FORBIDDEN")

    @pytest.mark.parametrize("permissions", [("team:member:add",), ("team:member:add", "team:member:update")])
    @pytest.mark.parametrize("everywhere", [False, True])
    def test_nobody_gets_more_through_an_accomplice(
        self, api: Instance, org: Organisation, permissions: tuple[str, ...], everywhere: bool
    ) -> None:
        team = org.team()
        helper, accomplice = org.holder(*permissions, team=None if everywhere else team), org.user()
        answer = org.add(team, accomplice, "TEAM_LEAD", by=helper)
        answer.expect(403, "PERMISSION_CEILING")
        assert "CAN_MANAGE_MEMBERS" in answer.details["missing"]
        org.add(team, accomplice, org.define("TIME", "CAN_VIEW_MEMBERS")).expect(201)
        path, body = MEMBER.format(org.id, team, accomplice), {"teamRoleId": org.roles["TEAM_LEAD"]}
        api.call("PUT", path, helper, body).expect(403)
        assert org.numbers(team) == (1, 0, 1)

    def test_a_manager_of_all_members_gives_the_default_team_roles(self, org: Organisation, world: World) -> None:
        team, manager = org.team(), world.member(org.id, "ORG_MANAGER")
        for role in ("TEAM_LEAD", "SENIOR_MEMBER", "MEMBER", "VIEWER"):
            org.add(team, org.user(), role, by=manager).expect(201)
        org.add(team, manager, "MEMBER", by=manager).expect(403, "PERMISSION_CEILING")

    def test_losing_the_team_role_is_losing_it_at_once(self, api: Instance, org: Organisation) -> None:
        team = org.team()
        org.member(team, "TEAM_LEAD")
        lead = org.member(team, "TEAM_LEAD")
        org.add(team, org.user(), by=lead).expect(201)
        api.call("DELETE", MEMBER.format(org.id, team, lead), org.admin).expect(204)
        org.add(team, org.user(), by=lead).expect(403)


class TestUpdate:
    def test_all_that_can_change(self, api: Instance, org: Organisation) -> None:
        team, user = org.team(), org.user()
        org.add(team, user, firstName="Ada", lastName="Byron").expect(201)
        body = {"teamRoleId": org.roles["TEAM_LEAD"], "lastName": "Lovelace", "version": 1}
        answer = api.call("PUT", MEMBER.format(org.id, team, user), org.admin, body)
        made = answer.expect(200)
        assert answer.round_trips == 2
        assert (made["firstName"], made["lastName"], made["isLead"], made["version"]) == ("Ada", "Lovelace", True, 2)
        assert (made["teamRoleName"], made["isPrimary"], made["addedBy"]) == ("TEAM_LEAD", True, org.admin)
        assert org.get(MEMBER, team, user) == made
        assert org.numbers(team) == (1, 1, 1)
        assert (org.uses("MEMBER"), org.uses("TEAM_LEAD")) == (0, 1)
        api.call("PUT", MEMBER.format(org.id, team, user), org.admin, body).expect(409, "VERSION_CONFLICT")

    def test_team_roles_that_cannot_be_given(self, api: Instance, org: Organisation) -> None:
        team = org.team()
        path = MEMBER.format(org.id, team, org.member(team))
        api.call("DELETE", TEAM_ROLE.format(org.id, org.roles["VIEWER"]), org.admin).expect(204)
        for role in (org.roles["VIEWER"], "trole-none"):
            api.call("PUT", path, org.admin, {"teamRoleId": role}).expect(404, "TEAM_ROLE_NOT_FOUND")

    def test_who_may(self, api: Instance, org: Organisation) -> None:
        team = org.team()
        user = org.member(team)
        body, path = {"teamRoleId": org.roles["VIEWER"]}, MEMBER.format(org.id, team, user)
        for caller in (org.holder("team:member:add", "team:member:remove"), user, org.user()):
            api.call("PUT", path, caller, body).expect(403, "FORBIDDEN")
        api.call("PUT", path, org.holder("team:member:update"), body).expect(200)


class TestLastLead:
    def test_the_last_lead_stays(self, api: Instance, org: Organisation) -> None:
        team, other = org.team("A"), org.team("B")
        lead = org.member(team, "TEAM_LEAD")
        member, path = org.member(team), MEMBER.format(org.id, team, lead)
        for who in (org.admin, lead):
            api.call("DELETE", path, who).expect(409, "LAST_LEAD")
            api.call("PUT", path, who, {"teamRoleId": org.roles["MEMBER"]}).expect(409, "LAST_LEAD")
        api.call("POST", TRANSFER.format(org.id, team, lead), org.mover, {"toTeamId": other}).expect(409, "LAST_LEAD")
        assert org.numbers(team) == (2, 1, 2)
        assert org.numbers(other) == (0, 0, 0)
        body = {"teamRoleId": org.roles["TEAM_LEAD"]}
        api.call("PUT", MEMBER.format(org.id, team, member), org.admin, body).expect(200)
        api.call("DELETE", path, lead).expect(204)
        assert org.numbers(team) == (1, 1, 1)

    def test_from_one_leading_team_role_to_another(self, api: Instance, org: Organisation) -> None:
        team = org.team()
        lead = org.member(team, "TEAM_LEAD")
        body = {"teamRoleId": org.define("CHIEF", "CAN_MANAGE_MEMBERS")}
        api.call("PUT", MEMBER.format(org.id, team, lead), org.admin, body).expect(200)
        assert org.numbers(team) == (1, 1, 1)

    @pytest.mark.parametrize(("how", "number"), [("leave", 50), ("step-down", 8), ("move", 8)])
    def test_of_leads_who_go_at_once_one_stays(
        self, org: Organisation, new_instance: Callable[[], Instance], how: str, number: int
    ) -> None:
        team, other = org.team("A"), org.team("B")
        leads = [org.member(team, "TEAM_LEAD") for _ in range(number)]

        def go(lead: str) -> Callable[[], object]:
            call, path = new_instance().call, MEMBER.format(org.id, team, lead)
            if how == "leave":
                return partial(call, "DELETE", path, org.admin)
            if how == "step-down":
                return partial(call, "PUT", path, org.admin, {"teamRoleId": org.roles["MEMBER"]})
            return partial(call, "POST", TRANSFER.format(org.id, team, lead), org.mover, {"toTeamId": other})

        answers = at_once([go(lead) for lead in leads])
        refused = [answer for answer in answers if answer.status == 409]
        assert [answer.code for answer in refused] == ["LAST_LEAD"]
        left = 1 if how != "step-down" else len(leads)
        assert org.numbers(team) == (left, 1, left)
        moved = len(leads) - 1 if how == "move" else 0
        assert org.numbers(other) == (moved, moved, moved)


class TestRemove:
    def test_they_are_gone(self, api: Instance, org: Organisation) -> None:
        team = org.team()
        user = org.member(team)
        answer = api.call("DELETE", MEMBER.format(org.id, team, user), org.admin)
        answer.expect(204)
        assert answer.round_trips == 2
        assert org.numbers(team) == (0, 0, 0)
        assert org.uses("MEMBER") == 0
        assert org.capabilities(user, team) == set()
        stored = org.stored("TeamMember", teamId=team, userId=user)
        assert stored["ttl"] > datetime.now(UTC).timestamp() + 89 * 86400
        assert not [name for name in stored if name.startswith("GSI")]
        api.call("DELETE", MEMBER.format(org.id, team, user), org.admin).expect(404, "MEMBER_NOT_FOUND")

    def test_who_may(self, api: Instance, org: Organisation) -> None:
        team = org.team()
        user = org.member(team)
        path = MEMBER.format(org.id, team, user)
        for caller in (org.holder("team:member:add", "team:member:update"), user, org.user()):
            api.call("DELETE", path, caller).expect(403, "FORBIDDEN")
        api.call("DELETE", path, org.holder("team:member:remove")).expect(204)

    def test_from_a_team_whose_end_was_not_finished(self, api: Instance, org: Organisation, world: World) -> None:
        team = org.team()
        lead = org.member(team, "TEAM_LEAD")
        stored = org.stored("Team", teamId=team)
        org.database.put(org.tables["teams"], {**stored, "active": False})
        api.call("DELETE", MEMBER.format(org.id, team, lead), org.admin).expect(204)
        assert org.numbers(team) == (0, 0, 0)


class TestTransfer:
    def test_both_or_neither(self, api: Instance, org: Organisation) -> None:
        here, there = org.team("A"), org.team("B")
        user = org.user()
        org.add(here, user, firstName="Ada").expect(201)
        answer = api.call("POST", TRANSFER.format(org.id, here, user), org.mover, {"toTeamId": there})
        made = answer.expect(200)
        assert answer.round_trips == 2
        assert (made["teamId"], made["teamRoleName"], made["firstName"], made["isPrimary"]) == (
            there,
            "MEMBER",
            "Ada",
            True,
        )
        assert (org.numbers(here), org.numbers(there), org.uses("MEMBER")) == ((0, 0, 0), (1, 0, 1), 1)
        assert org.stored("PrimaryTeam", userId=user)["teamId"] == there
        body = {"toTeamId": here, "teamRoleId": org.roles["TEAM_LEAD"]}
        back = api.call("POST", TRANSFER.format(org.id, there, user), org.mover, body).expect(200)
        assert (back["isLead"], back["version"], back["isPrimary"]) == (True, 3, True)
        assert (org.numbers(here), org.uses("MEMBER"), org.uses("TEAM_LEAD")) == ((1, 1, 1), 0, 1)

    def test_the_primary_team_stays_where_it_is_another(self, api: Instance, org: Organisation) -> None:
        first, here, there = org.team("A"), org.team("B"), org.team("C")
        user = org.member(first)
        org.add(here, user).expect(201)
        made = api.call("POST", TRANSFER.format(org.id, here, user), org.mover, {"toTeamId": there}).expect(200)
        assert not made["isPrimary"]
        assert org.get(MEMBER, first, user)["isPrimary"]

    def test_refusals(self, api: Instance, org: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
        here, there, gone = org.team("A"), org.team("B"), org.team("C")
        user = org.member(here)
        path = TRANSFER.format(org.id, here, user)
        api.call("DELETE", TEAM.format(org.id, gone), org.admin).expect(204)
        api.call("POST", path, org.mover, {"toTeamId": here}).expect(400, "VALIDATION_ERROR")
        api.call("POST", path, org.mover, {"toTeamId": "team-none"}).expect(404, "TEAM_NOT_FOUND")
        api.call("POST", path, org.mover, {"toTeamId": gone}).expect(409, "TEAM_INACTIVE")
        body = {"toTeamId": there, "teamRoleId": "trole-none"}
        api.call("POST", path, org.mover, body).expect(404, "TEAM_ROLE_NOT_FOUND")
        with monkeypatch.context() as limited:
            limited.setattr(rules, "MOST_MEMBERSHIPS", 1)
            api.call("POST", path, org.mover, {"toTeamId": there}).expect(409, "LIMIT_REACHED")
        org.add(there, user).expect(201)
        api.call("POST", path, org.mover, {"toTeamId": there}).expect(409, "ALREADY_MEMBER")
        assert (org.numbers(here), org.numbers(there)) == ((1, 0, 1), (1, 0, 1))

    def test_who_may(self, api: Instance, org: Organisation) -> None:
        here, there = org.team("A"), org.team("B")
        user, body = org.member(here), {"toTeamId": there}
        for caller in (org.holder("team:member:*"), user, org.user()):
            api.call("POST", TRANSFER.format(org.id, here, user), caller, body).expect(403, "FORBIDDEN")
        # Where it is held in one team only, nobody goes to another.
        local = org.holder("org:user:manage", team=here)
        answer = api.call("POST", TRANSFER.format(org.id, here, user), local, body)
        assert "org:user:manage" in answer.expect(403, "FORBIDDEN")["error"]["message"]
        mover = org.holder("org:user:manage")
        org.add(here, mover, "VIEWER").expect(201)
        own = {"toTeamId": there, "teamRoleId": org.roles["TEAM_LEAD"]}
        api.call("POST", TRANSFER.format(org.id, here, mover), mover, own).expect(403, "PERMISSION_CEILING")
        for given in (own, body):  # also the team role that the member has here: there it is given
            api.call("POST", TRANSFER.format(org.id, here, user), mover, given).expect(403, "PERMISSION_CEILING")
        manager = org.holder("org:user:manage", "team:member:*")
        api.call("POST", TRANSFER.format(org.id, here, user), manager, own).expect(200)


class TestPrimary:
    def primaries(self, org: Organisation, user: str) -> list[str]:
        found = [one["teamId"] for one in org.get(USER_TEAMS, user)["items"] if one["isPrimary"]]
        pointer = org.stored("PrimaryTeam", userId=user)
        assert found == ([] if pointer is None else [pointer["teamId"]])
        return found

    def test_the_first_unless_said_otherwise(self, api: Instance, org: Organisation) -> None:
        first, second = org.team("A"), org.team("B")
        user = org.user()
        org.add(first, user, isPrimary=False).expect(201)
        assert self.primaries(org, user) == []
        org.add(second, user).expect(201)
        assert self.primaries(org, user) == [second]
        body = {"teamRoleId": org.roles["MEMBER"], "isPrimary": True}
        assert api.call("PUT", MEMBER.format(org.id, first, user), org.admin, body).expect(200)["isPrimary"]
        assert self.primaries(org, user) == [first]
        body["isPrimary"] = False
        assert not api.call("PUT", MEMBER.format(org.id, first, user), org.admin, body).expect(200)["isPrimary"]
        assert self.primaries(org, user) == []
        org.add(org.team("C"), user, isPrimary=True).expect(201)
        assert len(self.primaries(org, user)) == 1

    def test_it_goes_with_the_membership(self, api: Instance, org: Organisation) -> None:
        first, second = org.team("A"), org.team("B")
        user = org.member(first)
        org.add(second, user).expect(201)
        api.call("DELETE", MEMBER.format(org.id, first, user), org.admin).expect(204)
        assert self.primaries(org, user) == []

    def test_leads_do_not_take_it_from_another_team(self, api: Instance, org: Organisation) -> None:
        first, second = org.team("A"), org.team("B")
        lead, user = org.member(second, "TEAM_LEAD"), org.member(first)
        org.add(second, user, by=lead, isPrimary=True).expect(403, "FORBIDDEN")
        org.add(second, user, by=lead).expect(201)
        body = {"teamRoleId": org.roles["MEMBER"], "isPrimary": True}
        api.call("PUT", MEMBER.format(org.id, second, user), lead, body).expect(403, "FORBIDDEN")
        assert self.primaries(org, user) == [first]

    def test_one_of_many_that_are_joined_at_once(self, org: Organisation, new_instance: Callable[[], Instance]) -> None:
        user, teams = org.user(), [org.team(f"T{n}") for n in range(20)]
        answers = at_once([partial(org.add, team, user, api=new_instance()) for team in teams])
        assert {answer.status for answer in answers} == {201}
        assert len(self.primaries(org, user)) == 1

    def test_one_of_many_that_are_asked_for_at_once(
        self, org: Organisation, new_instance: Callable[[], Instance]
    ) -> None:
        user, teams = org.user(), [org.team(f"T{n}") for n in range(8)]
        answers = at_once([partial(org.add, team, user, api=new_instance(), isPrimary=True) for team in teams])
        assert {answer.status for answer in answers} <= {201, 409}
        assert len(self.primaries(org, user)) == 1

    def test_what_was_read_of_it_before_it_went_and_came_again_is_old(
        self, api: Instance, org: Organisation, new_instance: Callable[[], Instance], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its first version names another team by then: two primary ones would be left, and the other could not end."""
        first, second, third = (org.team(name) for name in "ABC")
        user = org.member(first)
        org.add(second, user, isPrimary=False).expect(201)
        slow = new_instance()
        parallel, torn = slow.database.parallel, []

        def read(calls: Iterable[Call], **more: float | None) -> list:
            """First which is the primary team; and the rest a moment later."""
            calls = list(calls)
            found = parallel(calls, **more)
            places = [n for n, one in enumerate(found) if isinstance(one, dict) and one["entityType"] == "PrimaryTeam"]
            if torn or not places:
                return found
            torn.append(found[places[0]])
            api.call("DELETE", MEMBER.format(org.id, first, user), org.admin).expect(204)
            found = parallel(calls, **more)
            found[places[0]] = torn[0]
            body = {"teamRoleId": org.roles["MEMBER"], "isPrimary": True}
            api.call("PUT", MEMBER.format(org.id, second, user), org.admin, body).expect(200)
            return found

        monkeypatch.setattr(slow.database, "parallel", read)
        org.add(third, user, api=slow, isPrimary=True).expect(201)
        assert torn[0]["version"] == 1
        assert self.primaries(org, user) == [third]
        for team in (second, third):
            api.call("DELETE", MEMBER.format(org.id, team, user), org.admin).expect(204)

    @pytest.mark.parametrize("asked", [{}, {"isPrimary": True}])
    def test_one_that_comes_between_the_reading_of_memberships_and_of_what_names_it(
        self, asked: dict, org: Organisation, new_instance: Callable[[], Instance], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nobody says which of several answers was read first: it is named, and not among what is held."""
        first, second = org.team("A"), org.team("B")
        user = org.user()
        slow = new_instance()
        parallel, torn = slow.database.parallel, []

        def read(calls: Iterable[Call], **more: float | None) -> list:
            calls = list(calls)
            found = parallel(calls, **more)
            if torn:
                return found
            org.add(first, user).expect(201)
            after = parallel(calls, **more)
            torn.extend(
                n for n, one in enumerate(after) if isinstance(one, dict) and one["entityType"] == "PrimaryTeam"
            )
            return [after[n] if n in torn else one for n, one in enumerate(found)]

        monkeypatch.setattr(slow.database, "parallel", read)
        primary = org.add(second, user, api=slow, **asked).expect(201)["isPrimary"]
        assert torn
        assert primary is bool(asked)
        assert self.primaries(org, user) == [second if asked else first]

    def test_who_is_moved_to_the_one_that_they_left(self, api: Instance, org: Organisation, world: World) -> None:
        """Nobody has tidied up there yet; and back they are without a primary team."""
        here, there = org.team("A"), org.team("B")
        user = org.member(there)
        world.leave(user, org.id, tidy=False)
        world.assign(user, "ORG_MANAGER", org.id)
        org.add(here, user, isPrimary=False).expect(201)
        path = TRANSFER.format(org.id, here, user)
        assert not api.call("POST", path, org.mover, {"toTeamId": there}).expect(200)["isPrimary"]
        assert self.primaries(org, user) == []
        assert org.numbers(there) == (1, 0, 1)


class TestCounts:
    def test_fifty_who_join_at_once(self, org: Organisation, new_instance: Callable[[], Instance]) -> None:
        team, users = org.team(), [org.user() for _ in range(50)]
        roles = ["TEAM_LEAD", "MEMBER"]
        tasks = [partial(org.add, team, user, roles[n % 2], api=new_instance()) for n, user in enumerate(users)]
        assert {answer.status for answer in at_once(tasks)} == {201}
        assert org.numbers(team) == (50, 25, 50)
        assert (org.uses("TEAM_LEAD"), org.uses("MEMBER")) == (25, 25)

    def test_twenty_calls_that_add_the_same_user(self, org: Organisation, new_instance: Callable[[], Instance]) -> None:
        team, user = org.team(), org.user()
        answers = at_once([partial(org.add, team, user, api=new_instance()) for _ in range(20)])
        statuses = [answer.status for answer in answers]
        assert (statuses.count(201), statuses.count(409)) == (1, 19)
        assert org.numbers(team) == (1, 0, 1)

    def test_twenty_calls_that_remove_the_same_user(
        self, org: Organisation, new_instance: Callable[[], Instance]
    ) -> None:
        team = org.team()
        user = org.member(team)
        tasks = [
            partial(new_instance().call, "DELETE", MEMBER.format(org.id, team, user), org.admin) for _ in range(20)
        ]
        statuses = [answer.status for answer in at_once(tasks)]
        assert (statuses.count(204), statuses.count(404)) == (1, 19)
        assert org.numbers(team) == (0, 0, 0)


class TestUserDeactivated:
    def test_everything_ends_everywhere(self, api: Instance, org: Organisation, world: World) -> None:
        other = Organisation(api, world, org.tables)
        first, second, theirs = org.team("A"), org.team("B"), other.team()
        user = org.member(first, "TEAM_LEAD")
        org.add(second, user).expect(201)
        world.assign(user, "ORG_MANAGER", other.id)
        other.add(theirs, user).expect(201)
        for _ in range(2):
            api.deliver("UserDeactivated", userId=user)
            assert [org.numbers(first), org.numbers(second), other.numbers(theirs)] == [(0, 0, 0)] * 3
        assert (org.uses("TEAM_LEAD"), org.uses("MEMBER"), other.uses("MEMBER")) == (0, 0, 0)
        assert org.stored("PrimaryTeam", userId=user) is None
        assert org.stored("TeamMember", teamId=first, userId=user)["lastUpdatedBy"] == "system"

    def test_or_in_one_organisation(self, api: Instance, org: Organisation, world: World) -> None:
        other = Organisation(api, world, org.tables)
        mine, theirs = org.team(), other.team()
        user = org.member(mine)
        world.assign(user, "ORG_MANAGER", other.id)
        other.add(theirs, user).expect(201)
        api.deliver("UserDeactivated", userId=user, organisationId=org.id)
        assert (org.numbers(mine), other.numbers(theirs)) == ((0, 0, 0), (1, 0, 1))

    def test_nobody_known(self, api: Instance) -> None:
        api.deliver("UserDeactivated", userId=str(uuid.uuid4()))

    def test_a_team_joined_at_the_same_moment_is_left_too(
        self, api: Instance, org: Organisation, new_instance: Callable[[], Instance], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, second = org.team("A"), org.team("B")
        user, transact_each, joined = org.member(first), api.database.transact_each, []

        def overtaken(transactions: Iterable[list]) -> list:
            if not joined:
                joined.append(org.add(second, user, api=new_instance()).expect(201))
            return transact_each(transactions)

        monkeypatch.setattr(api.database, "transact_each", overtaken)
        api.deliver("UserDeactivated", userId=user)
        assert joined
        assert [org.numbers(first), org.numbers(second)] == [(0, 0, 0)] * 2

    def test_nobody_joins_while_their_departure_is_written(
        self, api: Instance, org: Organisation, new_instance: Callable[[], Instance], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Between the copies of the record and the record itself."""
        first, second = org.team("A"), org.team("B")
        user, transact, refused = org.member(first), api.database.transact, []

        def overtaken(actions: list, **more: object) -> None:
            if not refused:
                refused.append(org.add(second, user, api=new_instance()).expect(409, "VERSION_CONFLICT"))
            transact(actions, **more)

        monkeypatch.setattr(api.database, "transact", overtaken)
        api.deliver("UserDeactivated", userId=user)
        assert refused
        assert [org.numbers(first), org.numbers(second)] == [(0, 0, 0)] * 2

    def test_many_end_in_few_waits(self, api: Instance, org: Organisation) -> None:
        """A wait for each 25 memberships at most, not for each one."""
        user, teams = org.user(), [org.team(f"T{n}") for n in range(60)]
        for n, team in enumerate(teams):
            org.add(team, user, "TEAM_LEAD" if n % 7 == 0 else "MEMBER").expect(201)
        before = api.database.round_trips
        api.deliver("UserDeactivated", userId=user)
        waits = api.database.round_trips - before
        assert [org.numbers(team) for team in teams] == [(0, 0, 0)] * 60
        assert (org.uses("TEAM_LEAD"), org.uses("MEMBER")) == (0, 0)
        # Their departure is recorded, its copies first, and what they hold is read, once more at the end for what began
        # meanwhile.
        assert waits <= 5 + 60 / 25

    def test_who_gets_in_the_way_makes_transactions_smaller(
        self, api: Instance, org: Organisation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        user, teams = org.user(), [org.team(f"T{n}") for n in range(5)]
        for team in teams:
            org.add(team, user).expect(201)
        transact, sizes = api.database.transact, []

        def contended(actions: list, **more: object) -> None:
            ends = sum(isinstance(action, Put) and action.item["entityType"] == "TeamMember" for action in actions)
            sizes.append(ends)
            if ends > 2:
                raise TransactionCancelled("TransactWriteItems", ["TransactionConflict"] * len(actions))
            transact(actions, **more)

        monkeypatch.setattr(api.database, "transact", contended)
        api.deliver("UserDeactivated", userId=user)
        assert [size for size in sizes if size] == [5, 2, 3, 1, 2]
        assert [org.numbers(team) for team in teams] == [(0, 0, 0)] * 5

    def test_while_they_join(self, org: Organisation, new_instance: Callable[[], Instance]) -> None:
        user, teams = org.user(), [org.team(f"T{n}") for n in range(6)]
        for team in teams[:3]:
            org.add(team, user).expect(201)
        tasks = [partial(org.add, team, user, api=new_instance()) for team in teams[3:]]
        tasks += [partial(new_instance().deliver, "UserDeactivated", userId=user)] * 2
        at_once(tasks)
        new_instance().deliver("UserDeactivated", userId=user)
        assert [org.numbers(team) for team in teams] == [(0, 0, 0)] * 6
        assert org.uses("MEMBER") == 0
