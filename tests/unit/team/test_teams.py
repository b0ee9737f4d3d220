"""Teams of an organisation, against real tables."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial

import boto3
import pytest

from bbws_access.kernel.dynamodb import Delete, Query
from bbws_access.kernel.keys import key
from bbws_access.kernel.texts import skeleton
from bbws_access.team import memberships, store
from tests.support.services import EVENT_BUS, Instance, World, at_once
from tests.support.teams import MEMBER, MEMBERS, TEAM, TEAMS, USER_TEAMS, Organisation


def names(page: dict) -> list[str]:
    return [one["name"] for one in page["items"]]


class TestCreate:
    def test_the_least(self, api: Instance, org: Organisation) -> None:
        answer = api.call("POST", TEAMS.format(org.id), org.admin, {"name": "Équipe São Paulo"})
        made = answer.expect(201)
        assert (made["name"], made["description"], made["memberCount"], made["active"]) == (
            "Équipe São Paulo",
            "",
            0,
            True,
        )
        assert (made["createdBy"], made["version"], made["organisationId"]) == (org.admin, 1, org.id)
        assert not made.keys() & {"divisionId", "groupId"}
        assert api.call("GET", answer.headers["Location"], org.admin).expect(200) == made
        assert made["_links"].keys() == {"self", "members", "add", "update", "delete"}

    def test_everything(self, api: Instance, org: Organisation) -> None:
        body = {"name": "Writers", "description": "d", "divisionId": "division-1", "groupId": "group-1"}
        made = api.call("POST", TEAMS.format(org.id), org.admin, body).expect(201)
        assert {name: made[name] for name in body} == body

    @pytest.mark.parametrize("name", ["", " x", "x ", "a#b", "a\nb", "a\x7f", "x" * 101, 7, None])
    def test_names_that_cannot_be(self, api: Instance, org: Organisation, name: object) -> None:
        api.call("POST", TEAMS.format(org.id), org.admin, {"name": name}).expect(400, "VALIDATION_ERROR")

    def test_a_taken_name_whatever_its_case(self, api: Instance, org: Organisation) -> None:
        org.team("Writers")
        answer = api.call("POST", TEAMS.format(org.id), org.admin, {"name": "wRITERS"})
        answer.expect(409, "NAME_TAKEN")
        assert answer.details == {"name": "wRITERS"}

    def test_a_name_that_looks_like_another(self, api: Instance, org: Organisation) -> None:
        team = org.team("Cafe\u0301 team")
        made = org.get(TEAM, team)
        assert made["name"] == "Caf\u00e9 team"
        for name in ("Caf\u00e9 team", "CAF\u00c9\u00a0TEAM", "\uff23af\u00e9 team", "Caf\u00e9  t\u0435\u0430m"):
            answer = api.call("POST", TEAMS.format(org.id), org.admin, {"name": name})
            answer.expect(409, "NAME_TAKEN")
        other = org.team("Other")
        for name in ("cafe\u0301 team", "Caf\u00e9 tea\u043c"):
            api.call("PUT", TEAM.format(org.id, other), org.admin, {"name": name}).expect(409, "NAME_TAKEN")
        for name in ("Cafe\u0301 team", "Caf\u00e9 team"):
            assert names(org.get(TEAMS, name=name)) == ["Caf\u00e9 team"]
        api.call("PUT", TEAM.format(org.id, team), org.admin, {"name": "Tea"}).expect(200)
        assert org.team("Caf\u00e9 team")

    def test_a_name_given_before_names_were_compared_by_their_looks(self, api: Instance, org: Organisation) -> None:
        team = org.team("\u0412\u0435\u0431")
        org.database.transact(
            [Delete(org.tables["teams"], key("TeamName", orgId=org.id, name=skeleton("\u0412\u0435\u0431")))]
        )
        api.call("PUT", TEAM.format(org.id, team), org.admin, {"name": "Web"}).expect(200)
        api.call("DELETE", TEAM.format(org.id, team), org.admin).expect(204)

    @pytest.mark.parametrize(
        "name",
        ["\u200b", "We\u200bb", "Web\u202e", "W\u00adeb", "\u2800", "\u3164", "We\u2028b", "\ufeffWeb", "a\ufe00"],
    )
    def test_what_nobody_sees(self, api: Instance, org: Organisation, name: str) -> None:
        answer = api.call("POST", TEAMS.format(org.id), org.admin, {"name": name})
        answer.expect(400, "VALIDATION_ERROR")
        assert [one["field"] for one in answer.details] == ["body.name"]
        api.call("GET", TEAMS.format(org.id), org.admin, query={"name": name}).expect(400, "VALIDATION_ERROR")
        api.call("POST", TEAMS.format(org.id), org.admin, {"name": "A", "description": f"{name}\u200b"}).expect(400)

    @pytest.mark.parametrize("field", ["divisionId", "groupId"])
    def test_ids_that_are_words_of_paths(self, api: Instance, org: Organisation, field: str) -> None:
        for word in ("teams", "members", "v1", "audit"):
            answer = api.call("POST", TEAMS.format(org.id), org.admin, {"name": "A", field: word})
            answer.expect(400, "VALIDATION_ERROR")
            assert [one["field"] for one in answer.details] == [f"body.{field}"]
        team = org.team(**{field: "teams-2"})
        api.call("PUT", TEAM.format(org.id, team), org.admin, {"name": "A", field: "roles"}).expect(400)

    def test_other_organisations_have_names_of_their_own(self, api: Instance, org: Organisation, world: World) -> None:
        org.team("Writers")
        Organisation(api, world, org.tables).team("Writers")

    def test_one_of_fifty_gets_a_name(self, org: Organisation, new_instance: Callable[[], Instance]) -> None:
        call = [
            partial(new_instance().call, "POST", TEAMS.format(org.id), org.admin, {"name": "One"}) for _ in range(50)
        ]
        statuses = [answer.status for answer in at_once(call)]
        assert (statuses.count(201), statuses.count(409)) == (1, 49)
        assert names(org.get(TEAMS)) == ["One"]

    def test_who_may(self, api: Instance, org: Organisation, world: World) -> None:
        for role, status in (("ORG_MANAGER", 201), ("ORG_ADMIN", 201)):
            user = world.member(org.id, role)
            api.call("POST", TEAMS.format(org.id), user, {"name": role}).expect(status)
        stranger = Organisation(api, world, org.tables).admin
        for user in (org.user(), stranger):
            api.call("POST", TEAMS.format(org.id), user, {"name": "No"}).expect(403, "FORBIDDEN")
        api.call("POST", TEAMS.format(org.id), world.platform(), {"name": "Platform"}).expect(201)
        api.call("POST", TEAMS.format(org.id), None, {"name": "No"}).expect(401, "UNAUTHORIZED")

    def test_an_organisation_that_is_not_there(self, api: Instance, world: World) -> None:
        for path in (TEAMS, "/organisations/{}/team-roles"):
            api.call("GET", path.format("org-none"), world.platform()).expect(404, "ORGANISATION_NOT_FOUND")
        api.call("POST", TEAMS.format("org-none"), world.platform(), {"name": "x"}).expect(
            404, "ORGANISATION_NOT_FOUND"
        )

    @pytest.mark.parametrize(("there", "status"), [(True, 200), (False, 404)])
    def test_one_that_an_engineer_was_in(
        self, api: Instance, org: Organisation, world: World, there: bool, status: int
    ) -> None:
        """Of whom the function saw in it, it does not read whether it exists, unless that proves nothing any more."""
        user = world.platform()
        world.assign(user, "ORG_ADMIN", org.id)
        for _ in range(2):
            assert api.call("GET", TEAMS.format(org.id), user).round_trips == 1
        world.leave(user, org.id)
        if not there:
            world.database.delete(world.table, key("Organisation", orgId=org.id))
        answers = [api.call("GET", TEAMS.format(org.id), user) for _ in range(2)]
        assert [answer.status for answer in answers] == [status, status]
        assert [answer.round_trips for answer in answers] == [2, 1]

    def test_nobody_who_left_learns_whether_it_is_there(self, api: Instance, org: Organisation, world: World) -> None:
        user = world.member(org.id)
        api.call("GET", TEAMS.format(org.id), user).expect(200)
        world.leave(user, org.id)
        world.database.delete(world.table, key("Organisation", orgId=org.id))
        api.call("GET", TEAMS.format(org.id), user).expect(403, "FORBIDDEN")


class TestRead:
    def test_newest_first_with_counts_in_one_round_trip(self, api: Instance, org: Organisation) -> None:
        first, second = org.team("A"), org.team("B")
        org.member(first)
        answer = api.call("GET", TEAMS.format(org.id), org.admin)
        items = answer.expect(200)["items"]
        assert [(one["teamId"], one["memberCount"]) for one in items] == [(second, 0), (first, 1)]
        assert answer.round_trips == 1
        assert names(org.get(TEAMS, order="oldest")) == ["A", "B"]

    def test_filters(self, api: Instance, org: Organisation) -> None:
        org.team("A", divisionId="division-1")
        gone = org.team("B", divisionId="division-1")
        org.team("C", divisionId="division-2")
        org.member(gone)
        api.call("DELETE", TEAM.format(org.id, gone), org.admin).expect(204)
        assert names(org.get(TEAMS, divisionId="division-1")) == ["A"]
        assert names(org.get(TEAMS, divisionId="division-1", active="false")) == ["B"]
        assert names(org.get(TEAMS, active="false")) == ["B"]
        assert names(org.get(TEAMS, name="C")) == ["C"]
        assert names(org.get(TEAMS, name="C", divisionId="division-1")) == []
        assert org.get(TEAMS, active="false")["items"][0]["memberCount"] == 0

    @pytest.mark.parametrize("division", [{}, {"divisionId": "division-1"}], ids=["all", "division"])
    @pytest.mark.parametrize("order", ["newest", "oldest"])
    def test_pages(self, api: Instance, org: Organisation, order: str, division: dict[str, str]) -> None:
        made = [org.team(f"T{n}", divisionId=f"division-{n % 2}") for n in range(9)]
        for team in made[::3]:
            org.member(team)
        api.call("DELETE", TEAM.format(org.id, made[4]), org.admin).expect(204)
        wanted = [team for n, team in enumerate(made) if n != 4 and (not division or n % 2)]
        found, start = [], {}
        while True:
            page = org.get(TEAMS, pageSize="2", order=order, **division, **start)
            found += page["items"]
            if not page["moreAvailable"]:
                break
            assert page["_links"]["next"]["href"]
            start = {"startAt": page["startAt"]}
        ids = [one["teamId"] for one in found]
        assert ids == (wanted if order == "oldest" else wanted[::-1])
        assert {one["teamId"] for one in found if one["memberCount"]} == set(ids) & set(made[::3])
        other = {"startAt": org.get(TEAMS, pageSize="1", order=order)["startAt"], "order": order, "active": "false"}
        api.call("GET", TEAMS.format(org.id), org.admin, query=other).expect(400, "INVALID_CURSOR")

    def test_one_that_is_not_there(self, api: Instance, org: Organisation, world: World) -> None:
        theirs = Organisation(api, world, org.tables).team()
        for team in ("team-none", theirs):
            api.call("GET", TEAM.format(org.id, team), org.admin).expect(404, "TEAM_NOT_FOUND")
            api.call("PUT", TEAM.format(org.id, team), org.admin, {"name": "x"}).expect(404, "TEAM_NOT_FOUND")
            api.call("DELETE", TEAM.format(org.id, team), org.admin).expect(404, "TEAM_NOT_FOUND")
            api.call("GET", MEMBERS.format(org.id, team), org.admin).expect(404, "TEAM_NOT_FOUND")

    def test_members_may_not_read_what_only_the_organisation_may(self, api: Instance, org: Organisation) -> None:
        team = org.team()
        lead = org.member(team, "TEAM_LEAD")
        api.call("GET", TEAM.format(org.id, team), lead).expect(403, "FORBIDDEN")
        api.call("GET", TEAMS.format(org.id), lead).expect(403, "FORBIDDEN")


class TestUpdate:
    def test_all_that_can_change(self, api: Instance, org: Organisation) -> None:
        team = org.team("A", divisionId="division-1", groupId="group-1", description="d")
        org.member(team)
        body = {"name": "B", "divisionId": "division-2", "version": 1}
        made = api.call("PUT", TEAM.format(org.id, team), org.admin, body).expect(200)
        assert (made["name"], made["description"], made["divisionId"], made["version"]) == ("B", "", "division-2", 2)
        assert made["memberCount"] == 1
        assert "groupId" not in made
        assert names(org.get(TEAMS, divisionId="division-1")) == []
        assert names(org.get(TEAMS, divisionId="division-2")) == ["B"]
        api.call("PUT", TEAM.format(org.id, team), org.admin, body).expect(409, "VERSION_CONFLICT")
        assert "divisionId" not in api.call("PUT", TEAM.format(org.id, team), org.admin, {"name": "B"}).expect(200)
        assert names(org.get(TEAMS, divisionId="division-2")) == []
        org.team("A")
        api.call("PUT", TEAM.format(org.id, team), org.admin, {"name": "a"}).expect(409, "NAME_TAKEN")

    def test_leads_change_their_own_team_and_no_other(self, api: Instance, org: Organisation) -> None:
        mine, other = org.team("A"), org.team("B")
        lead, member = org.member(mine, "TEAM_LEAD"), org.member(mine)
        made = api.call("PUT", TEAM.format(org.id, mine), lead, {"name": "Mine"}).expect(200)
        assert made["_links"].keys() == {"self", "members", "add", "update"}
        api.call("PUT", TEAM.format(org.id, other), lead, {"name": "Theirs"}).expect(403, "FORBIDDEN")
        api.call("PUT", TEAM.format(org.id, mine), member, {"name": "Ours"}).expect(403, "FORBIDDEN")

    def test_leads_neither_end_their_team_nor_bring_it_back(self, api: Instance, org: Organisation) -> None:
        team = org.team("A")
        lead = org.member(team, "TEAM_LEAD")
        answer = api.call("PUT", TEAM.format(org.id, team), lead, {"name": "A", "active": False})
        assert "team:delete" in answer.expect(403, "FORBIDDEN")["error"]["message"]
        api.call("DELETE", TEAM.format(org.id, team), lead).expect(403, "FORBIDDEN")
        manager = org.world.member(org.id, "ORG_MANAGER")
        api.call("PUT", TEAM.format(org.id, team), manager, {"name": "A", "active": False}).expect(403, "FORBIDDEN")
        assert org.get(TEAM, team)["active"]

    def test_deactivated_and_brought_back(self, api: Instance, org: Organisation) -> None:
        team = org.team("A")
        user = org.member(team, "TEAM_LEAD")
        ended = api.call("PUT", TEAM.format(org.id, team), org.admin, {"name": "A", "active": False}).expect(200)
        assert (ended["active"], ended["memberCount"]) == (False, 0)
        assert not ended["_links"].keys() & {"add", "delete"}
        assert org.capabilities(user, team) == set()
        org.team("A")
        api.call("PUT", TEAM.format(org.id, team), org.admin, {"name": "A", "active": True}).expect(409, "NAME_TAKEN")
        back = api.call("PUT", TEAM.format(org.id, team), org.admin, {"name": "B", "active": True}).expect(200)
        assert (back["active"], back["memberCount"]) == (True, 0)
        org.add(team, user, "TEAM_LEAD").expect(201)
        assert org.numbers(team) == (1, 1, 1)


@pytest.fixture
def told(org: Organisation) -> Callable[[], list[dict]]:
    """The events of the organisation's teams that reached the bus so far."""
    events, sqs = boto3.client("events"), boto3.client("sqs")
    name = f"teams-{org.id}"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    pattern = {"source": ["bbws.access"], "detail-type": ["TeamDeactivated"], "detail": {"organisationId": [org.id]}}
    events.put_rule(Name=name, EventBusName=EVENT_BUS, EventPattern=json.dumps(pattern))
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_targets(Rule=name, EventBusName=EVENT_BUS, Targets=[{"Id": "queue", "Arn": arn}])

    def read() -> list[dict]:
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(message["Body"])["detail"] for message in found]

    return read


class TestDelete:
    def test_memberships_end_with_the_team(
        self, api: Instance, org: Organisation, told: Callable[[], list[dict]]
    ) -> None:
        team, other = org.team("A"), org.team("B")
        users = [org.member(team, "TEAM_LEAD"), *(org.member(team) for _ in range(3))]
        org.add(other, users[0]).expect(201)
        answer = api.call("DELETE", TEAM.format(org.id, team), org.admin)
        assert answer.expect(204) is None
        assert answer.round_trips == 2
        assert org.numbers(team) == (0, 0, 0)
        assert (org.uses("TEAM_LEAD"), org.uses("MEMBER")) == (0, 1)
        for user in users:
            assert org.capabilities(user, team) == set()
            api.call("GET", MEMBER.format(org.id, team, user), org.admin).expect(404, "MEMBER_NOT_FOUND")
        assert [one["teamId"] for one in org.get(USER_TEAMS, users[0])["items"]] == [other]
        assert org.get(USER_TEAMS, users[1], active="false")["items"][0]["teamName"] == "A"
        assert told() == [{"organisationId": org.id, "teamId": team}]
        # Who had it for a primary team has none; the next one they join is.
        assert org.add(other, users[1]).expect(201)["isPrimary"]

    def test_again_changes_nothing_and_tells_again(
        self, api: Instance, org: Organisation, told: Callable[[], list[dict]]
    ) -> None:
        team = org.team("A")
        for _ in range(2):
            api.call("DELETE", TEAM.format(org.id, team), org.admin).expect(204)
        assert org.get(TEAM, team)["version"] == 2
        assert len(told()) == 2

    def test_as_many_members_as_a_transaction_holds_and_one_more(self, api: Instance, org: Organisation) -> None:
        team, most = org.team("A"), memberships.ENDED_AT_ONCE
        users = [org.user() for _ in range(most)]
        for end in (most, most + 1):
            for user in users:
                org.add(team, user).expect(201)
            assert org.numbers(team) == (end, 0, end)
            answer = api.call("DELETE", TEAM.format(org.id, team), org.admin)
            answer.expect(204)
            assert (answer.round_trips == 2) is (end == most)
            assert org.numbers(team) == (0, 0, 0)
            team = org.team("A")
            users.append(org.user())
        assert org.uses("MEMBER") == 0

    def test_an_index_that_has_not_caught_up(
        self, api: Instance, org: Organisation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        team, members, asked = org.team("A"), store.members, []
        user = org.member(team)

        def behind(table: str, org_id: str, team_id: str, *more: object) -> Query:
            asked.append(team_id)
            return members(table, org_id, team_id if len(asked) > 2 else "team-none", *more)

        monkeypatch.setattr(store, "members", behind)
        api.call("DELETE", TEAM.format(org.id, team), org.admin).expect(204)
        assert len(asked) == 3
        assert org.numbers(team) == (0, 0, 0)
        assert org.capabilities(user, team) == set()

    def test_a_member_changes_after_the_members_were_read(
        self, api: Instance, org: Organisation, new_instance: Callable[[], Instance]
    ) -> None:
        team, transact = org.team("A"), api.database.transact
        users = [org.member(team) for _ in range(2)]

        def late_transact(actions: list) -> None:
            api.database.transact = transact
            path = MEMBER.format(org.id, team, users[0])
            body = {"teamRoleId": org.roles["MEMBER"], "firstName": "Grace"}
            new_instance().call("PUT", path, org.admin, body).expect(200)
            transact(actions)

        api.database.transact = late_transact
        api.call("DELETE", TEAM.format(org.id, team), org.admin).expect(204)
        assert org.numbers(team) == (0, 0, 0)
        assert all(org.capabilities(user, team) == set() for user in users)

    @pytest.mark.parametrize("before", [0, 2])
    def test_somebody_joins_after_the_members_were_read(
        self, api: Instance, org: Organisation, new_instance: Callable[[], Instance], before: int
    ) -> None:
        team, late, transact = org.team("A"), org.user(), api.database.transact
        users = [late, *(org.member(team) for _ in range(before))]

        def late_transact(actions: list) -> None:
            api.database.transact = transact
            org.add(team, late, api=new_instance()).expect(201)
            transact(actions)

        api.database.transact = late_transact
        api.call("DELETE", TEAM.format(org.id, team), org.admin).expect(204)
        assert org.numbers(team) == (0, 0, 0)
        assert org.uses("MEMBER") == 0
        assert all(org.capabilities(user, team) == set() for user in users)

    def test_what_one_call_does_not_finish_the_next_does(
        self, api: Instance, org: Organisation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        team = org.team("A")
        for _ in range(4):
            org.member(team)
        monkeypatch.setattr(memberships, "ENDED_AT_ONCE", 3)
        monkeypatch.setattr(memberships, "_LONGEST_END", 0.0)
        answer = api.call("DELETE", TEAM.format(org.id, team), org.admin)
        answer.expect(503, "SERVICE_UNAVAILABLE")
        assert answer.headers["Retry-After"]
        assert not org.get(TEAM, team)["active"]
        org.add(team, org.user()).expect(409, "TEAM_INACTIVE")
        monkeypatch.setattr(memberships, "_LONGEST_END", 15.0)
        api.call("DELETE", TEAM.format(org.id, team), org.admin).expect(204)
        assert org.numbers(team) == (0, 0, 0)

    def test_a_deactivation_that_was_cut_off_is_finished_by_the_next(
        self, api: Instance, org: Organisation, told: Callable[[], list[dict]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        team, body = org.team("A"), {"name": "A", "active": False}
        user, _ = org.member(team, "TEAM_LEAD"), org.member(team)
        monkeypatch.setattr(memberships, "ENDED_AT_ONCE", 1)
        monkeypatch.setattr(memberships, "_LONGEST_END", -1.0)
        api.call("PUT", TEAM.format(org.id, team), org.admin, body).expect(503, "SERVICE_UNAVAILABLE")
        monkeypatch.setattr(memberships, "_LONGEST_END", 15.0)
        api.call("PUT", TEAM.format(org.id, team), org.admin, body).expect(200)
        assert org.numbers(team) == (0, 0, 0)
        assert org.capabilities(user, team) == set()
        assert told() == [{"organisationId": org.id, "teamId": team}]

    def test_an_end_that_could_not_be_told_is_told_by_the_next_call(
        self, api: Instance, org: Organisation, told: Callable[[], list[dict]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        team = org.team("A")
        with monkeypatch.context() as outage:
            # Nothing listens at the address of a port that was just given back.
            outage.setattr(api.aws, "_endpoint", "http://127.0.0.1:9")
            outage.setattr(api.aws, "_deadline", 0.1)
            api.aws._clients.clear()
            api.call("DELETE", TEAM.format(org.id, team), org.admin).expect(503, "SERVICE_UNAVAILABLE")
        api.aws._clients.clear()
        api.call("DELETE", TEAM.format(org.id, team), org.admin).expect(204)
        assert told() == [{"organisationId": org.id, "teamId": team}]

    def test_joining_and_deleting_at_once(self, org: Organisation, new_instance: Callable[[], Instance]) -> None:
        team, users = org.team("A"), [org.user() for _ in range(12)]
        tasks = [partial(org.add, team, user, api=new_instance()) for user in users]
        tasks.insert(6, partial(new_instance().call, "DELETE", TEAM.format(org.id, team), org.admin))
        answers = at_once(tasks)
        assert answers.pop(6).status == 204
        assert {answer.status for answer in answers} <= {201, 409}
        assert org.numbers(team) == (0, 0, 0)
        assert org.uses("MEMBER") == 0
        assert all(org.capabilities(user, team) == set() for user in users)

    def test_a_team_that_was_brought_back_keeps_its_members(self, api: Instance, org: Organisation) -> None:
        team = org.team("A")
        org.member(team)
        with pytest.raises(Exception, match="brought the team back"):
            memberships.end_all_of_team(
                org.database, org.tables["teams"], org.id, team, memberships.Change.outside_a_request("t")
            )
        assert org.numbers(team) == (1, 0, 1)
