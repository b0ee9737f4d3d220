"""Many invitations in one request: each has its own result, nothing is lost, nothing happens twice."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from unittest.mock import patch

import boto3
import pytest

from bbws_access.invitation import bulk, rules
from bbws_access.kernel.aws import AwsUnavailable
from bbws_access.kernel.dynamodb import Database, DatabaseUnavailable, Throttled
from bbws_access.kernel.keys import partition
from bbws_access.service.access import CallersDatabase
from tests.support.invitations import new_email
from tests.support.services import Answer, Instance, World, at_once
from tests.support.tables import query_all
from tests.unit.invitation.conftest import INVITER, Desk
from tests.unit.invitation.test_creation import custom_role, member_with


class Counter:
    """Counts what goes to DynamoDB, and to other services, by operation."""

    def __init__(self, api: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
        self.database, self.aws = api.database, api.aws
        self.others: list[tuple[str, int]] = []
        each = api.aws._call_each

        def counted(name: str, operation: str, bodies: list, deadline: float) -> list:
            self.others.append((operation, len(bodies)))
            return each(name, operation, bodies, deadline)

        monkeypatch.setattr(api.aws, "_call_each", counted)
        self._before = 0, 0

    def start(self) -> None:
        self._before = self.database.requests, self.database.round_trips
        self.others.clear()

    @property
    def requests(self) -> int:
        return self.database.requests - self._before[0]

    @property
    def waits(self) -> int:
        return self.database.round_trips - self._before[1]


class Bulk:
    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.path = f"/organisations/{desk.org}/invitations/bulk"

    def row(self, email: str | None = None, role: str = "ORG_MANAGER", **more: object) -> dict:
        return {"email": email or new_email(), "roleId": self.desk.roles.get(role, role), **more}

    def send(self, rows: list[dict], *, by: str | None = None, api: Instance | None = None) -> Answer:
        body = {"invitations": rows}
        return (api or self.desk.api).call("POST", self.path, by or self.desk.admin, body, email=INVITER)

    def results(self, rows: list[dict], **more: object) -> list[dict]:
        answer = self.send(rows, **more).expect(200)
        assert [one["position"] for one in answer["items"]] == list(range(len(rows)))
        assert answer["count"] == len(rows)
        assert answer["created"] == sum(one["status"] == "CREATED" for one in answer["items"])
        assert ("retryAfter" in answer) is any(one["status"] == "RETRY" for one in answer["items"])
        assert all(("error" in one) is (one["status"] != "CREATED") for one in answer["items"])
        return answer["items"]

    def statuses(self, rows: list[dict], **more: object) -> list[str]:
        return [one["status"] for one in self.results(rows, **more)]

    def stored(self) -> list[dict]:
        place = partition("Invitation", orgId=self.desk.org)
        return query_all(self.desk.world.database, self.desk.table, place, sort_prefix="INVITATION#")

    def counted(self) -> tuple[int, int]:
        """How many creations were counted: in the day, and in all minutes together."""
        found = query_all(self.desk.world.database, self.desk.table, partition("InvitationRate", orgId=self.desk.org))
        days = [one["count"] for one in found if one["SK"].startswith("DAY#")]
        return sum(days), sum(one["count"] for one in found if one["SK"].startswith("MINUTE#"))


@pytest.fixture
def many(desk: Desk) -> Bulk:
    return Bulk(desk)


def code(result: dict) -> str:
    return result["error"]["code"]


class TestCreating:
    def test_each_as_one_alone(self, many: Bulk, desk: Desk, team: str, team_roles: dict[str, str]) -> None:
        """The records of many are those of one, but for what differs between any two."""
        rows = [
            many.row(),
            many.row(role="SITE_EDITOR", teamId=team, message="  Welcome\n"),
            many.row(teamId=team, teamRoleId=team_roles["TEAM_LEAD"]),
        ]
        alone = [
            desk.api.call("POST", desk.path, desk.admin, {**row, "email": new_email()}, email=INVITER) for row in rows
        ]
        made = many.results(rows)
        assert [one["status"] for one in made] == ["CREATED"] * 3
        own = {"invitationId", "email", "dateCreated", "requestId", "sentAt", "expiresAt", "delivery", "PK", "SK"}
        own |= {name for name in desk.stored(made[0]) if name.startswith("GSI")} | {"inBulk"}
        for one, single in zip(made, alone, strict=True):
            found, other = desk.stored(one), desk.stored(single.expect(201))
            assert {name: found[name] for name in found.keys() - own} == {
                name: other[name] for name in other.keys() - own
            }
            assert found.keys() - other.keys() == {"inBulk"}
            pending = desk.pending(one["email"])
            assert pending["invitationId"] == one["invitationId"]
        assert many.counted() == (6, 6)

    def test_everybody_gets_a_mail_and_gets_in(self, many: Bulk, desk: Desk, team: str, team_roles: dict) -> None:
        rows = [many.row(teamId=team) for _ in range(12)]
        made = many.results(rows)
        desk.post.deliver(desk.api)
        for one in made:
            [letter] = desk.post.letters(one["email"])
            desk.use(letter.token, "accept").expect(200)
        assert {one["status"] for one in many.stored()} == {"ACCEPTED"}

    def test_whoever_invites_many_is_told_who_declines_and_not_who_accepts(self, many: Bulk, desk: Desk) -> None:
        made = many.results([many.row(), many.row()])
        desk.post.deliver(desk.api)
        first, second = (desk.post.letters(one["email"])[0].token for one in made)
        before = len(desk.post.letters(INVITER))
        desk.use(first, "accept").expect(200)
        desk.post.deliver(desk.api)
        assert len(desk.post.letters(INVITER)) == before
        desk.use(second, "decline").expect(200)
        desk.post.deliver(desk.api)
        assert len(desk.post.letters(INVITER)) == before + 1
        # Sent again by itself, it is one like any other.
        [third] = many.results([many.row()])
        path = f"{desk.path}/{third['invitationId']}/resend"
        desk.api.call("POST", path, desk.admin, email=INVITER).expect(200)
        desk.post.deliver(desk.api)
        desk.use(desk.post.letters(third["email"])[-1].token, "accept").expect(200)
        desk.post.deliver(desk.api)
        assert len(desk.post.letters(INVITER)) == before + 2

    def test_a_hundred_cost_few_requests(self, many: Bulk, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        many.results([many.row()])
        counter = Counter(desk.api, monkeypatch)
        counter.start()
        assert many.statuses([many.row() for _ in range(100)]) == ["CREATED"] * 100
        # What the caller holds and what is offered, two batches of keys, and a transaction for each 48.
        assert (counter.requests, counter.waits) == (8, 4)
        assert counter.others == [("AdminGetUser", 100), ("SendMessageBatch", 10)]
        counter.start()
        assert many.statuses([many.row("not an address") for _ in range(100)]) == ["INVALID"] * 100
        assert not counter.others

    def test_offers_of_all_kinds_fit_into_transactions(
        self, many: Bulk, desk: Desk, world: World, team_roles: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Ten roles in ten teams, each asked about once in a transaction, of no more than 100 actions."""
        wanted = [custom_role(world, desk, ["site:read"])["roleId"] for _ in range(5)]
        teams = [world.team(desk.org) for _ in range(5)]
        rows = [
            many.row(role=wanted[n % 5], teamId=teams[n // 5 % 5], teamRoleId=list(team_roles.values())[n % 4])
            for n in range(100)
        ]
        sizes = []
        transact = Database.transact

        def measured(self: Database, actions: list, **more: object) -> None:
            sizes.append(len(list(actions)))
            transact(self, actions, **more)

        monkeypatch.setattr(Database, "transact", measured)
        assert many.statuses(rows) == ["CREATED"] * 100
        assert max(sizes) <= 100
        assert len(sizes) == 3


class TestResults:
    def test_every_kind_of_row(self, many: Bulk, desk: Desk, world: World, team: str) -> None:
        there = desk.create().expect(201)
        member = new_email()
        user = account(desk, member)
        world.assign(user, "ORG_MANAGER", desk.org, email=member)
        other = world.organisation()
        foreign = query_all(world.database, world.table, f"ROLE#ORG#{other}", sort_prefix="ROLE#")[0]["roleId"]
        twice = new_email()
        rows = [
            many.row(),
            many.row(there["email"].upper()),
            many.row(member),
            many.row("no address"),
            many.row(role="role-none"),
            many.row(role=foreign),
            many.row(role="SITE_EDITOR"),
            many.row(teamId="team-none"),
            many.row(teamId=team, teamRoleId="trole-none"),
            many.row(teamRoleId="trole-none"),
            many.row(role="role-support-agent"),
            many.row(message="x" * 501),
            many.row(message="a\u202eb"),
            {"roleId": desk.roles["ORG_MANAGER"]},
            {"email": new_email()},
            many.row(twice),
            many.row(twice.upper(), role="ORG_ADMIN"),
            many.row("=cmd|' /C calc'!A0@evil.example"),
            many.row(),
        ]
        found = many.results(rows)
        assert [(one["status"], one.get("error", {}).get("code")) for one in found] == [
            ("CREATED", None),
            ("ALREADY_INVITED", "INVITATION_PENDING"),
            ("ALREADY_MEMBER", "ALREADY_HELD"),
            ("INVALID", "VALIDATION_ERROR"),
            ("INVALID", "ROLE_NOT_FOUND"),
            ("INVALID", "ROLE_NOT_FOUND"),
            ("INVALID", "VALIDATION_ERROR"),
            ("INVALID", "TEAM_NOT_FOUND"),
            ("INVALID", "TEAM_ROLE_NOT_FOUND"),
            ("INVALID", "VALIDATION_ERROR"),
            ("INVALID", "SYSTEM_RESOURCE"),
            ("INVALID", "VALIDATION_ERROR"),
            ("INVALID", "VALIDATION_ERROR"),
            ("INVALID", "VALIDATION_ERROR"),
            ("INVALID", "VALIDATION_ERROR"),
            ("CREATED", None),
            ("INVALID", "VALIDATION_ERROR"),
            ("INVALID", "VALIDATION_ERROR"),
            ("CREATED", None),
        ]
        assert found[1]["invitationId"] == there["invitationId"]
        assert found[3]["error"]["details"][0]["field"] == "body.invitations.3.email"
        assert found[16]["error"]["details"][0]["message"].startswith("is the address of invitation 15")
        assert "email" not in found[13]
        assert len(many.stored()) == 4
        assert many.counted() == (4, 4)
        assert len(desk.post.take()) == 4

    def test_each_error_is_what_creating_it_alone_says(self, many: Bulk, desk: Desk, world: World, team: str) -> None:
        there = desk.create().expect(201)
        weak = member_with(world, desk, ["invitation:create", "org:read"])
        member = new_email()
        world.assign(account(desk, member), "ORG_MANAGER", desk.org, email=member)
        rows = [
            many.row(),
            many.row(there["email"], role="role-none"),
            many.row(role=custom_role(world, desk, ["org:read"])["roleId"], teamId=team),
            many.row(role="role-support-agent"),
        ]
        for who, some in ((weak, rows), (desk.admin, [many.row(member), many.row(there["email"])])):
            for row, one in zip(some, many.results(some, by=who), strict=True):
                alone = desk.api.call("POST", desk.path, who, row, email=INVITER)
                assert alone.status >= 400
                error = alone.body["error"]
                assert (code(one), one["error"]["message"]) == (error["code"], error["message"])
                assert one["error"].get("details") == error["details"]

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"invitations": []},
            {"invitations": [{}] * 101},
            {"invitations": ["a@b.example"]},
            {"invitations": [{"x": 1}]},
        ],
    )
    def test_what_is_no_request(self, many: Bulk, desk: Desk, body: dict) -> None:
        desk.api.call("POST", many.path, desk.admin, body).expect(400, "VALIDATION_ERROR")

    def test_who_may_not(self, many: Bulk, desk: Desk, world: World) -> None:
        many.send([many.row()], by=member_with(world, desk, ["invitation:read"])).expect(403, "FORBIDDEN")
        many.send([many.row()], by=world.somebody()).expect(403, "FORBIDDEN")
        assert many.stored() == []


def account(desk: Desk, email: str) -> str:
    """A new account with a proven address; its user id."""
    made = boto3.client("cognito-idp").admin_create_user(
        UserPoolId=desk.api._handle.__self__._settings.user_pool_id,
        Username=email,
        UserAttributes=[{"Name": "email", "Value": email}, {"Name": "email_verified", "Value": "true"}],
        MessageAction="SUPPRESS",
    )
    return next(one["Value"] for one in made["User"]["Attributes"] if one["Name"] == "sub")


@pytest.fixture
def one_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """No counter starts anew in the middle of a test."""
    monkeypatch.setattr(rules, "minute", lambda now: "2026-01-01T00:00")
    monkeypatch.setattr(rules, "day", lambda now: "2026-01-01")


class TestAgain:
    def test_sent_twice_creates_nothing_twice(self, many: Bulk, desk: Desk) -> None:
        rows = [many.row() for _ in range(30)]
        first, second = many.results(rows), many.results(rows)
        assert {one["status"] for one in second} == {"ALREADY_INVITED"}
        assert [one["invitationId"] for one in second] == [one["invitationId"] for one in first]
        assert len(many.stored()) == len(desk.post.take()) == 30
        assert many.counted() == (30, 30)

    def test_sent_five_times_at_the_same_moment(
        self, many: Bulk, desk: Desk, new_instance: Callable[..., Instance]
    ) -> None:
        rows, instances = [many.row() for _ in range(60)], [new_instance() for _ in range(5)]
        answers = at_once(
            [partial(many.results, rows[n * 7 :] + rows[: n * 7], api=api) for n, api in enumerate(instances)]
        )
        by_address: dict[str, list[dict]] = {}
        for answer in answers:
            for one in answer:
                by_address.setdefault(one["email"], []).append(one)
        assert len(by_address) == 60
        for found in by_address.values():
            assert sorted(one["status"] for one in found) == ["ALREADY_INVITED"] * 4 + ["CREATED"]
            assert len({one["invitationId"] for one in found}) == 1
        assert len(many.stored()) == 60
        assert many.counted() == (60, 60)
        desk.post.deliver(desk.api)
        assert all(len(desk.post.letters(email)) == 1 for email in by_address)

    def test_an_expired_one_gives_way(self, many: Bulk, desk: Desk) -> None:
        old = desk.invite()
        desk.expire(old.invitation)
        [new] = many.results([many.row(old.email)])
        assert new["status"] == "CREATED"
        assert desk.pending(old.email)["invitationId"] == new["invitationId"]


@pytest.mark.usefixtures("one_minute")
class TestLimits:
    @pytest.mark.parametrize("unit", ["MINUTE", "DAY"])
    def test_what_is_beyond_is_to_be_sent_again(
        self, many: Bulk, desk: Desk, monkeypatch: pytest.MonkeyPatch, unit: str
    ) -> None:
        monkeypatch.setattr(rules, f"CREATIONS_A_{unit}", 5)
        desk.create().expect(201)
        rows = [many.row() for _ in range(7)]
        answer = many.send(rows).expect(200)
        assert [one["status"] for one in answer["items"]] == ["CREATED"] * 4 + ["RETRY"] * 3
        assert {code(one) for one in answer["items"][4:]} == {"RATE_LIMITED"}
        assert 1 <= answer["retryAfter"] <= (60 if unit == "MINUTE" else 86400)
        assert len(many.stored()) == len(desk.post.take()) == 5
        # Nobody asks the user pool for people who cannot be invited now.
        counter = Counter(desk.api, monkeypatch)
        assert many.statuses(rows) == ["ALREADY_INVITED"] * 4 + ["RETRY"] * 3
        assert counter.others == []
        desk.create().expect(429, "RATE_LIMITED")
        monkeypatch.setattr(rules, unit.lower(), lambda now: "2026-02-02T02:02")
        assert many.statuses(rows) == ["ALREADY_INVITED"] * 4 + ["CREATED"] * 3

    def test_what_is_not_created_does_not_count(self, many: Bulk, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rules, "CREATIONS_A_MINUTE", 4)
        rows = [many.row() for _ in range(3)]
        many.results(rows)
        for _ in range(3):
            many.results([*rows, many.row("no address"), many.row(role="role-none")])
        assert many.counted() == (3, 3)
        assert many.statuses([many.row()]) == ["CREATED"]

    def test_never_more_than_the_rate(
        self, many: Bulk, monkeypatch: pytest.MonkeyPatch, new_instance: Callable[..., Instance]
    ) -> None:
        monkeypatch.setattr(rules, "CREATIONS_A_MINUTE", 40)
        instances = [new_instance() for _ in range(6)]
        answers = at_once([partial(many.results, [many.row() for _ in range(12)], api=api) for api in instances])
        found = [one["status"] for answer in answers for one in answer]
        assert found.count("CREATED") == len(many.stored()) == 40
        assert found.count("RETRY") == 32


class TestFaults:
    def test_a_role_that_changes_meanwhile(self, many: Bulk, desk: Desk, world: World) -> None:
        """It grants more than the caller holds from now on: nobody is invited into it any more."""
        role = custom_role(world, desk, ["org:read"])["roleId"]
        weak = member_with(world, desk, ["invitation:create", "org:read"])
        rows = [many.row(role=role), many.row(role=role)]
        with before_transaction(1, lambda: world.touch_role(desk.org, role, permissions=["site:delete"])):
            found = many.results(rows, by=weak)
        assert [code(one) for one in found] == ["PERMISSION_CEILING"] * 2
        assert many.stored() == []
        assert many.counted() == (0, 0)

    @pytest.mark.parametrize("everywhere", [False, True])
    def test_whoever_invites_leaves_in_the_middle(self, many: Bulk, desk: Desk, world: World, everywhere: bool) -> None:
        """What was created before stays and says so; the mails are not sent, and nobody gets in by them."""
        rows = [many.row() for _ in range(100)]
        with before_transaction(2, lambda: world.leave(desk.admin, None if everywhere else desk.org)):
            found = many.results(rows)
        created = [one for one in found if one["status"] == "CREATED"]
        refused = [one for one in found if one["status"] != "CREATED"]
        assert (len(created), {code(one) for one in refused}) == (48, {"FORBIDDEN"})
        assert {one["email"] for one in many.stored()} == {one["email"] for one in created}
        desk.post.deliver(desk.api)
        assert not any(desk.post.letters(one["email"]) for one in found)

    def test_whoever_left_before_the_first_is_told_as_anybody(self, many: Bulk, desk: Desk, world: World) -> None:
        with before_transaction(1, lambda: world.leave(desk.admin, desk.org)):
            many.send([many.row() for _ in range(3)]).expect(403, "FORBIDDEN")
        assert many.stored() == []

    def test_a_row_that_somebody_else_invites_meanwhile(self, many: Bulk, desk: Desk) -> None:
        rows, others = [many.row() for _ in range(50)], []
        with before_transaction(1, lambda: others.append(desk.create(rows[20]["email"]).expect(201))):
            found = many.results(rows)
        assert [one["status"] for one in found] == ["CREATED"] * 20 + ["ALREADY_INVITED"] + ["CREATED"] * 29
        assert found[20]["invitationId"] == others[0]["invitationId"]
        assert many.counted() == (50, 50)

    def test_a_table_that_is_throttled_in_the_middle(self, many: Bulk, desk: Desk) -> None:
        rows = [many.row() for _ in range(100)]

        def throttled() -> None:
            raise Throttled("slow down", "ThrottlingException")

        with before_transaction(2, throttled):
            found = many.results(rows)
        again = [n for n, one in enumerate(found) if one["status"] == "RETRY"]
        assert len(again) == 48
        assert {code(found[n]) for n in again} == {"SERVICE_UNAVAILABLE"}
        assert len(many.stored()) == 52
        # Only those are sent again, and then all are there once.
        assert many.statuses([rows[n] for n in again]) == ["CREATED"] * 48
        assert sorted(one["email"] for one in many.stored()) == sorted(row["email"] for row in rows)
        desk.post.deliver(desk.api)
        assert all(len(desk.post.letters(row["email"])) == 1 for row in rows)

    @pytest.mark.parametrize(("number", "created"), [(1, 0), (2, 48)])
    def test_a_table_that_cannot_be_read_again(self, many: Bulk, desk: Desk, number: int, created: int) -> None:
        """What was created before says so; where nothing was, the whole is to be sent again."""
        rows, parallel, away = [many.row() for _ in range(60)], CallersDatabase.parallel, []

        def read(database: CallersDatabase, calls: list, **more: object) -> list:
            if away:
                raise Throttled("slow down", "ThrottlingException")
            return parallel(database, calls, **more)

        def taken() -> None:
            away.append(desk.create(rows[50 if created else 20]["email"]).expect(201))
            many.desk.world.touch_role(desk.org, desk.roles["ORG_MANAGER"], displayName="Another")

        with patch.object(CallersDatabase, "parallel", read), before_transaction(number, taken):
            if created:
                statuses = many.statuses(rows)
                assert [statuses.count(one) for one in ("CREATED", "RETRY")] == [48, 12]
            else:
                many.send(rows).expect(503, "SERVICE_UNAVAILABLE")
        assert len(many.stored()) == created + 1
        assert sorted(many.statuses(rows)) == ["ALREADY_INVITED"] * (created + 1) + ["CREATED"] * (59 - created)

    @pytest.mark.parametrize("seed", range(3))
    def test_whatever_is_lost_on_the_way_each_is_there_once(self, many: Bulk, desk: Desk, seed: int) -> None:
        """Requests to the database that are refused, and answers that get lost; what says RETRY is sent again."""
        chance, transact = random.Random(seed), CallersDatabase.transact
        rows = [many.row(role=chance.choice(["ORG_MANAGER", "ORG_ADMIN"])) for _ in range(100)]

        def unsure(database: CallersDatabase, actions: list) -> None:
            outcome = chance.randrange(3)
            if outcome == 0:
                raise Throttled("slow down", "ThrottlingException")
            transact(database, actions)
            if outcome == 1:
                raise DatabaseUnavailable("TransactWriteItems: timed out", "ConnectionLost")

        said: dict[str, list[str]] = {row["email"]: [] for row in rows}
        left = rows
        with patch.object(CallersDatabase, "transact", unsure):
            while left:
                found = many.results(left)
                for one in found:
                    said[one["email"]].append(one["status"])
                left = [row for row, one in zip(left, found, strict=True) if one["status"] == "RETRY"]
        assert all(set(one[:-1]) <= {"RETRY"} and one[-1] in ("CREATED", "ALREADY_INVITED") for one in said.values())
        assert any(len(one) > 1 for one in said.values())
        assert sorted(one["email"] for one in many.stored()) == sorted(said)
        assert many.counted() == (100, 100)

    def test_a_role_that_never_stands_still(self, many: Bulk, desk: Desk, world: World) -> None:
        role, transact = custom_role(world, desk, ["org:read"])["roleId"], CallersDatabase.transact

        def touched(database: CallersDatabase, actions: list) -> None:
            world.touch_role(desk.org, role, displayName="Another")
            transact(database, actions)

        with patch.object(CallersDatabase, "transact", touched):
            found = many.results([many.row(role=role), many.row("no address")])
        assert [(one["status"], code(one)) for one in found] == [
            ("RETRY", "VERSION_CONFLICT"),
            ("INVALID", "VALIDATION_ERROR"),
        ]
        assert many.stored() == []

    def test_no_time_left(self, many: Bulk, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(bulk, "_SECONDS", -1.0)
        assert many.statuses([many.row() for _ in range(3)]) == ["RETRY"] * 3
        assert many.stored() == []

    def test_mails_that_cannot_be_queued(self, many: Bulk, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        """The queue takes the first ten, not the second, and of the third nine."""
        each, rows = desk.api.aws._call_each, [many.row() for _ in range(30)]

        def partly(name: str, operation: str, bodies: list[dict], deadline: float) -> list:
            answers = each(name, operation, bodies, deadline)
            if operation == "SendMessageBatch":
                assert len(bodies) == 3
                answers[1] = AwsUnavailable("no", "ServiceUnavailable")
                failed = answers[2]["Successful"].pop(4)
                answers[2]["Failed"] = [{"Id": failed["Id"], "Code": "InternalError", "SenderFault": False}]
            return answers

        with patch.object(desk.api.aws, "_call_each", partly):
            found = many.results(rows)
        assert [n for n, one in enumerate(found) if one["status"] == "RETRY"] == [*range(10, 20), 24]
        assert len(many.stored()) == 19
        assert (
            many.statuses(rows)
            == ["ALREADY_INVITED"] * 10
            + ["CREATED"] * 10
            + ["ALREADY_INVITED"] * 4
            + ["CREATED"]
            + ["ALREADY_INVITED"] * 5
        )

    def test_a_user_pool_that_is_away_keeps_nobody_from_inviting(self, many: Bulk, desk: Desk) -> None:
        each = desk.api.aws._call_each

        def away(name: str, operation: str, bodies: list[dict], deadline: float) -> list:
            if name == "cognito":
                return [AwsUnavailable("no", "InternalErrorException") for _ in bodies]
            return each(name, operation, bodies, deadline)

        with patch.object(desk.api.aws, "_call_each", away):
            assert many.statuses([many.row(), many.row()]) == ["CREATED"] * 2

    def test_without_a_sender_nobody_is_invited(
        self, many: Bulk, desk: Desk, invitation_settings, new_instance
    ) -> None:
        api = new_instance(invitation_settings._replace(mail_sender=None))
        many.send([many.row()], api=api).expect(503, "MAIL_NOT_CONFIGURED")
        assert many.stored() == []


class before_transaction:  # noqa: N801 - reads as a statement
    """Lets something happen before the n-th transaction of a request, counted from 1, and only then."""

    def __init__(self, number: int, happens: Callable[[], object]) -> None:
        self._left, self._happens = number, happens

    def __enter__(self) -> None:
        transact = CallersDatabase.transact

        def watched(database: CallersDatabase, actions: list) -> None:
            self._left -= 1
            if self._left == 0:
                self._happens()
            transact(database, actions)

        self._patch = patch.object(CallersDatabase, "transact", watched)
        self._patch.start()

    def __exit__(self, *_: object) -> None:
        self._patch.stop()
        assert self._left <= 0, "there were fewer transactions"


class TestWhoHasIt:
    """What is said of many is what is said of one, whatever somebody has or had."""

    def test_the_same_as_for_one_alone(self, many: Bulk, desk: Desk, world: World, team: str, team_roles: dict) -> None:
        role = desk.roles["ORG_MANAGER"]
        people = {name: new_email() for name in ("nobody", "nothing", "has", "had", "left", "typed", "elsewhere")}
        users = {name: account(desk, email) for name, email in people.items() if name != "nobody"}
        for name in ("has", "had", "left"):
            world.assign(users[name], role, desk.org, email=people[name])
        world.take_roles(users["had"], desk.org)
        world.leave(users["left"], desk.org)
        world.assign(users["typed"], role, desk.org)
        world.assign(users["elsewhere"], "ORG_MANAGER", world.organisation(), email=people["elsewhere"])
        offers = [{}, {"teamId": team}]
        expected = {"has": ["ALREADY_MEMBER", "CREATED"]}
        for place, more in enumerate(offers):
            rows = [many.row(email, **more) for email in people.values()]
            found = dict(zip(people, many.results(rows), strict=True))
            for name, one in found.items():
                wanted = expected.get(name, ["CREATED", "CREATED"])[place]
                assert one["status"] == wanted, (name, more, one)
                if wanted == "CREATED":
                    kept = desk.stored(one)
                    assert kept.get("invited") == self.alone(desk, many, people[name], one, more)

    def alone(self, desk: Desk, many: Bulk, email: str, one: dict, more: dict) -> dict | None:
        """What the record of a single invitation in its place says of the invited person."""
        desk.api.call("DELETE", f"{desk.path}/{one['invitationId']}", desk.admin).expect(204)
        single = desk.api.call("POST", desk.path, desk.admin, many.row(email, **more), email=INVITER).expect(201)
        desk.api.call("DELETE", f"{desk.path}/{single['invitationId']}", desk.admin).expect(204)
        return desk.stored(single).get("invited")
