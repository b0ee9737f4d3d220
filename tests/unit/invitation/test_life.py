"""Lists, sending again, revoking, expiring, and what the world says of the mails."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from bbws_access.invitation import rules, store, sweep
from bbws_access.kernel.keys import key
from bbws_access.kernel.records import timestamp
from tests.support.services import World, moment
from tests.unit.invitation.conftest import INVITER, Desk, Invited


def pages(desk: Desk, size: int = 50, **query: str) -> list[dict]:
    found, start = [], {}
    while True:
        page = desk.api.call("GET", desk.path, desk.admin, query={"pageSize": str(size), **query, **start}).expect(200)
        assert page["count"] == len(page["items"]) <= size
        found += page["items"]
        if not page["moreAvailable"]:
            return found
        assert page["_links"]["next"]
        start = {"startAt": page["startAt"]}


def ids(found: list[dict]) -> list[str]:
    return [one["invitationId"] for one in found]


@pytest.fixture
def several(desk: Desk) -> dict[str, Invited]:
    """One invitation of each status, by status; made in this order. Two have expired, one of them is swept."""
    made = {name: desk.invite() for name in ("ACCEPTED", "DECLINED", "REVOKED", "SWEPT", "EXPIRED", "PENDING")}
    desk.use(made["ACCEPTED"].token, "accept").expect(200)
    desk.use(made["DECLINED"].token, "decline").expect(200)
    desk.api.call("DELETE", made["REVOKED"].path, desk.admin).expect(204)
    desk.expire(made["SWEPT"].invitation, "2020-01-01T00:00:00.000Z")
    desk.api.deliver("InvitationSweep")
    desk.expire(made["EXPIRED"].invitation, "2021-01-01T00:00:00.000Z")
    return made


class TestLists:
    def test_all_by_date(self, desk: Desk, several: dict[str, Invited]) -> None:
        wanted = [one.invitation["invitationId"] for one in several.values()]
        for size in (1, 2, 6, 50):
            assert ids(pages(desk, size, order="oldest")) == wanted
            assert ids(pages(desk, size)) == wanted[::-1]

    def test_a_page_reads_little_of_many(
        self, desk: Desk, several: dict[str, Invited], items_read: list[tuple[str, int]]
    ) -> None:
        assert len(several) == 6
        for query in ({}, {"status": "PENDING"}, {"status": "EXPIRED"}, {"status": "REVOKED"}):
            pages(desk, 1, **query)
        of_organisation = [count for place, count in items_read if place.startswith(f"INVITATION#ORG#{desk.org}")]
        assert max(of_organisation) == 2

    def test_by_status_as_it_is_now(self, desk: Desk, several: dict[str, Invited]) -> None:
        assert desk.stored(several["SWEPT"].invitation)["status"] == "EXPIRED"
        assert desk.stored(several["EXPIRED"].invitation)["status"] == "PENDING"
        for status in ("ACCEPTED", "DECLINED", "REVOKED", "PENDING"):
            found = pages(desk, status=status)
            assert ids(found) == [several[status].invitation["invitationId"]]
            assert found[0]["status"] == status
        wanted = [several[name].invitation["invitationId"] for name in ("SWEPT", "EXPIRED")]
        for size in (1, 2, 50):
            found = pages(desk, size, status="EXPIRED", order="oldest")
            assert ids(found) == wanted
            assert {(one["status"], one["active"]) for one in found} == {("EXPIRED", False)}
            assert ids(pages(desk, size, status="EXPIRED")) == wanted[::-1]

    def test_a_page_holds_when_the_sweep_comes_between(self, desk: Desk, several: dict[str, Invited]) -> None:
        query = {"status": "EXPIRED", "pageSize": "1"}
        page = desk.api.call("GET", desk.path, desk.admin, query=query).expect(200)
        desk.api.deliver("InvitationSweep")
        rest = desk.api.call("GET", desk.path, desk.admin, query={**query, "startAt": page["startAt"]}).expect(200)
        assert ids(page["items"] + rest["items"]) == [
            several[name].invitation["invitationId"] for name in ("EXPIRED", "SWEPT")
        ]

    def test_by_address(self, desk: Desk, world: World, several: dict[str, Invited]) -> None:
        for name, status in (("SWEPT", "EXPIRED"), ("EXPIRED", "EXPIRED"), ("PENDING", "PENDING")):
            one = several[name]
            assert ids(pages(desk, email=one.email.upper())) == [one.invitation["invitationId"]]
            for wanted in ("PENDING", "EXPIRED", "REVOKED"):
                assert len(pages(desk, email=one.email, status=wanted)) == (wanted == status)
        again = desk.invite(several["REVOKED"].email)
        found = pages(desk, 1, email=again.email)
        assert [one["status"] for one in found] == ["PENDING", "REVOKED"]
        # Other organisations' invitations to the address are theirs.
        other = world.organisation()
        page = desk.api.call(
            "GET", f"/organisations/{other}/invitations", world.member(other), query={"email": again.email}
        )
        assert page.expect(200)["items"] == []

    def test_what_others_send_to_an_address_makes_no_list_longer(
        self, desk: Desk, world: World, several: dict[str, Invited]
    ) -> None:
        one, other = several["REVOKED"], world.organisation()
        theirs = {**desk.stored(one.invitation), "organisationId": other, "padding": "x" * 60_000}
        for n in range(20):  # more than DynamoDB reads at once
            world.database.put(desk.table, store._item({**theirs, "invitationId": f"inv-{n}"}))
        for query in ({}, {"status": "REVOKED"}):
            answer = desk.api.call("GET", desk.path, desk.admin, query={"email": one.email, **query})
            assert ids(answer.expect(200)["items"]) == [one.invitation["invitationId"]]
            assert answer.round_trips == 1

    def test_a_read_is_one_wait(self, desk: Desk, several: dict[str, Invited]) -> None:
        for query in ({}, {"status": "EXPIRED"}, {"status": "PENDING"}, {"email": several["PENDING"].email}):
            assert desk.api.call("GET", desk.path, desk.admin, query=query).round_trips == 1

    def test_a_cursor_is_good_for_its_list_only(self, desk: Desk, several: dict[str, Invited]) -> None:
        for query in ({}, {"status": "EXPIRED"}):
            page = desk.api.call("GET", desk.path, desk.admin, query={**query, "pageSize": "1"}).expect(200)
            for other in ({"status": "PENDING"}, {"order": "oldest", **query}):
                wrong = {**other, "startAt": page["startAt"]}
                desk.api.call("GET", desk.path, desk.admin, query=wrong).expect(400, "INVALID_CURSOR")

    def test_links_are_what_the_caller_may_do(self, desk: Desk, world: World, several: dict[str, Invited]) -> None:
        reader = world.member(desk.org, "ORG_MANAGER")
        page = desk.api.call("GET", desk.path, reader).expect(200)
        assert page["_links"].keys() == {"self", "create"}
        assert all(one["_links"].keys() == {"self"} for one in page["items"])


class TestSendingAgain:
    def test_a_new_token_kills_the_old_one(self, desk: Desk) -> None:
        one = desk.invite()
        answer = desk.api.call("POST", f"{one.path}/resend", desk.admin, email="second@acme.example")
        shown = answer.expect(200)
        assert answer.round_trips == 2
        assert (shown["resendCount"], shown["delivery"]["status"]) == (1, "QUEUED")
        assert moment(shown["expiresAt"]) > moment(one.invitation["expiresAt"])
        desk.use(one.token).expect(404, "INVITATION_NOT_FOUND")
        desk.use(one.token, "accept").expect(404, "INVITATION_NOT_FOUND")
        assert desk.post.deliver(desk.api) == []
        letter = desk.post.letters(one.email)[-1]
        assert desk.use(letter.token).expect(200)["invitedBy"] == "second@acme.example"
        assert desk.pending(one.email)["expiresAt"] == shown["expiresAt"]
        desk.use(letter.token, "accept").expect(200)

    def test_a_team_is_called_what_it_is_called_now(self, desk: Desk, world: World, team: str) -> None:
        one = desk.invite(teamId=team)
        place = key("Team", orgId=desk.org, teamId=team)
        world.database.put(world.teams_table, {**world.database.get(world.teams_table, place), "name": "Authors"})
        shown = desk.api.call("POST", f"{one.path}/resend", desk.admin).expect(200)
        assert (one.invitation["teamName"], shown["teamName"]) == ("Team", "Authors")

    def test_at_most_three_times(self, desk: Desk) -> None:
        one = desk.invite()
        for _ in range(3):
            shown = desk.api.call("POST", f"{one.path}/resend", desk.admin).expect(200)
        assert shown["_links"].keys() == {"self", "revoke"}
        answer = desk.api.call("POST", f"{one.path}/resend", desk.admin)
        answer.expect(409, "RESEND_LIMIT")
        assert answer.details == {"limit": 3}
        # Of four messages, one is for the last sending.
        assert desk.post.deliver(desk.api) == []
        assert len(desk.post.letters(one.email)) == 2


class TestRevoking:
    def test_the_token_is_worth_nothing(self, desk: Desk) -> None:
        one = desk.invite()
        answer = desk.api.call("DELETE", one.path, desk.admin)
        answer.expect(204)
        assert answer.round_trips == 2
        assert desk.use(one.token).expect(200)["status"] == "REVOKED"
        desk.use(one.token, "accept").expect(409, "INVITATION_NOT_PENDING")
        shown = desk.api.call("GET", one.path, desk.admin).expect(200)
        assert (shown["status"], shown["active"], shown["_links"].keys()) == ("REVOKED", False, {"self"})
        assert shown["revokedAt"] == shown["dateLastUpdated"]

    def test_as_a_change(self, desk: Desk) -> None:
        one = desk.invite()
        for body in ({"active": True}, {}, {"active": False, "status": "PENDING"}):
            desk.api.call("PUT", one.path, desk.admin, body).expect(400, "VALIDATION_ERROR")
        shown = desk.api.call("PUT", one.path, desk.admin, {"active": False}).expect(200)
        assert shown["status"] == "REVOKED"
        assert desk.api.call("PUT", one.path, desk.admin, {"active": False}).expect(200) == shown


class TestExpiring:
    def test_it_is_true_at_the_moment_of_reading(self, desk: Desk) -> None:
        one = desk.invite()
        now = datetime.now(UTC)
        desk.expire(one.invitation, timestamp(now + timedelta(seconds=60)))
        assert desk.api.call("GET", one.path, desk.admin).expect(200)["status"] == "PENDING"
        desk.expire(one.invitation, timestamp(now))
        assert desk.api.call("GET", one.path, desk.admin).expect(200)["status"] == "EXPIRED"
        assert desk.use(one.token).expect(200)["status"] == "EXPIRED"

    def test_the_very_moment(self) -> None:
        now = datetime(2026, 1, 1, tzinfo=UTC)
        stored = {"status": "PENDING", "expiresAt": timestamp(now)}
        assert rules.status_at(stored, now) == "EXPIRED"
        assert rules.status_at(stored, now - timedelta(milliseconds=1)) == "PENDING"

    def test_the_sweep_writes_it_down(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sweep, "_OF_EACH_PART", 2)
        gone, stays = [desk.invite() for _ in range(5)], desk.invite()
        for one in gone:
            desk.expire(one.invitation)
        for _ in range(2):  # twice is as good as once
            desk.api.deliver("InvitationSweep")
            for one in gone:
                stored = desk.stored(one.invitation)
                assert (stored["status"], stored["active"], stored["lastUpdatedBy"]) == ("EXPIRED", False, "system")
                assert "GSI3PK" not in stored
                assert stored["version"] == 3
                assert desk.pending(one.email) is None
        assert desk.stored(stays.invitation)["status"] == "PENDING"
        assert desk.pending(stays.email)["invitationId"] == stays.invitation["invitationId"]

    def test_without_time_it_leaves_the_rest_to_the_next_one(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        gone = [desk.invite() for _ in range(3)]
        for one in gone:
            desk.expire(one.invitation)
        monkeypatch.setattr(sweep, "_SECONDS", -1.0)
        desk.api.deliver("InvitationSweep")
        assert {desk.stored(one.invitation)["status"] for one in gone} == {"PENDING"}

    def test_it_leaves_alone_what_is_answered_meanwhile(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        one = desk.invite()
        desk.expire(one.invitation)
        found = desk.stored(one.invitation)
        desk.world.database.put(desk.table, {**found, "version": 9})
        query = desk.api.database.parallel

        def behind(calls: list) -> list:
            pages = query(calls)
            return [page._replace(items=[{**each, "version": 1} for each in page.items]) for page in pages]

        desk.api.database.parallel = behind
        desk.api.deliver("InvitationSweep")
        assert desk.stored(one.invitation)["status"] == "PENDING"


class TestWhatTheWorldSays:
    @staticmethod
    def tags(one: Invited, **more: str) -> dict:
        named = {
            "kind": "invitation",
            "organisationId": one.invitation["organisationId"],
            "invitationId": one.invitation["invitationId"],
            "sendNumber": "1",
            **more,
        }
        return {"messageId": "m", "destination": [one.email], "tags": {name: [text] for name, text in named.items()}}

    def bounce(self, desk: Desk, mail: dict, kind: str = "Permanent") -> None:
        bounce = {"bounceType": kind, "bounceSubType": "General", "bouncedRecipients": []}
        desk.api.deliver("Email Bounced", eventType="Bounce", mail=mail, bounce=bounce)

    def complain(self, desk: Desk, mail: dict, **more: str) -> None:
        desk.api.deliver("Email Complaint Received", eventType="Complaint", mail=mail, complaint=more)

    def delivery(self, desk: Desk, one: Invited) -> dict:
        return desk.api.call("GET", one.path, desk.admin).expect(200)["delivery"]

    def test_a_bounce_is_on_the_invitation(self, desk: Desk, log) -> None:
        one = desk.invite()
        for _ in range(2):
            self.bounce(desk, self.tags(one))
            found = self.delivery(desk, one)
            assert (found["status"], found["reason"]) == ("BOUNCED", "Permanent, General")
            assert desk.stored(one.invitation)["version"] == 3
        lines = [json.loads(line) for line in log.getvalue().splitlines()]
        assert [one["errorCode"] for one in lines if one["message"] == "Invitation failed"] == ["BOUNCED"] * 2
        # Sent again, to the same address after its mailbox was emptied, it is as good as new.
        desk.api.call("POST", f"{one.path}/resend", desk.admin).expect(200)
        assert self.delivery(desk, one)["status"] == "QUEUED"

    def test_a_complaint_outweighs_a_bounce(self, desk: Desk) -> None:
        one = desk.invite()
        self.complain(desk, self.tags(one), complaintFeedbackType="abuse")
        assert self.delivery(desk, one)["reason"] == "abuse"
        self.bounce(desk, self.tags(one))
        assert self.delivery(desk, one)["status"] == "COMPLAINED"
        other = desk.invite()
        self.complain(desk, self.tags(other))
        assert "reason" not in self.delivery(desk, other)

    def test_a_bounce_may_be_faster_than_our_note(self, desk: Desk) -> None:
        made = desk.create(by=desk.admin).expect(201)
        records = desk.post.take()
        one = Invited(made["email"], made, "")
        send = desk.api.aws.send_email

        def bounced_at_once(body: dict) -> dict:
            answer = send(body)
            self.bounce(desk, self.tags(one))
            return answer

        desk.api.aws.send_email = bounced_at_once
        assert desk.post.handle(desk.api, records) == []
        assert self.delivery(desk, one)["status"] == "BOUNCED"

    def test_what_is_about_another_mail_changes_nothing(self, desk: Desk) -> None:
        one = desk.invite()
        for mail in (
            self.tags(one, sendNumber="2"),
            self.tags(one, kind="accepted"),
            self.tags(one, sendNumber="x"),
            self.tags(one, invitationId="inv-none"),
            {"messageId": "m", "destination": [INVITER]},
            {"messageId": "m", "tags": {}},
        ):
            self.bounce(desk, mail)
            self.complain(desk, mail)
        assert self.delivery(desk, one)["status"] == "SENT"
