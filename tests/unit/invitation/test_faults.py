"""Whatever fails half way, trying again ends well: nothing is granted twice, nothing lost, nobody mailed in vain."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import boto3
import pytest

from bbws_access.invitation import mail
from bbws_access.kernel.aws import AwsError, AwsUnavailable
from bbws_access.kernel.records import timestamp
from bbws_access.kernel.settings import Settings
from tests.support.invitations import new_email
from tests.support.services import Instance, World
from tests.unit.invitation.conftest import INVITER, Desk
from tests.unit.invitation.test_answers import accepted_by, assignments, memberships, team_usage, usage


class Killed(BaseException):
    """The function ends here, as when Lambda takes its machine away."""


class Steps:
    """Counts the calls of an instance to the outside, and disturbs one of them: before it is made, or after."""

    def __init__(self, instance: Instance, at: int = -1, *, after: bool = False, error: BaseException | None = None):
        self.names: list[str] = []
        self._at, self._after, self._error = at, after, error or Killed()
        database, aws = instance.database, instance.aws
        database._run = self._around(database._run, lambda calls, *_: type(calls[0]).__name__)
        aws._call = self._around(aws._call, lambda name, operation, *_, **__: f"{name} {operation}")

    def _around(self, call: Callable, name_of: Callable) -> Callable:
        def disturbed(*given: object, **options: object) -> object:
            number = len(self.names)
            self.names.append(name_of(*given, **options))
            if number == self._at and not self._after:
                raise self._error
            try:
                return call(*given, **options)
            finally:
                if number == self._at:
                    raise self._error  # whatever it answered

        return disturbed


def outage(code: str = "InternalFailure") -> AwsUnavailable:
    return AwsUnavailable("no answer", code)


ACCEPTING = [
    "BatchGet",  # token and invitation; with them, the attempt is counted
    "cognito AdminGetUser",
    "_Together",  # what is offered and by whom, and what the person has
    *("cognito AdminCreateUser", "sqs SendMessage"),
    "_Transact",  # everything at once
]


class TestAccepting:
    def test_its_steps(self, desk: Desk, new_instance: Callable[[], Instance], team: str) -> None:
        one, instance = desk.invite(role="SITE_EDITOR", teamId=team), new_instance()
        steps = Steps(instance)
        desk.use(one.token, "accept", api=instance).expect(200)
        assert steps.names == ACCEPTING

    @pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
    @pytest.mark.parametrize("at", range(len(ACCEPTING)), ids=ACCEPTING)
    def test_killed_anywhere_and_tried_again(
        self, desk: Desk, world: World, new_instance: Callable[[], Instance], team: str, at: int, *, after: bool
    ) -> None:
        one, instance = desk.invite(role="SITE_EDITOR", teamId=team), new_instance()
        Steps(instance, at, after=after)
        with pytest.raises(Killed):
            desk.use(one.token, "accept", api=instance)
        again = desk.use(one.token, "accept")
        if after and ACCEPTING[at] == "_Transact":
            again.expect(409, "INVITATION_NOT_PENDING")
            assert again.details == {"status": "ACCEPTED"}
        else:
            again.expect(200)
        user = accepted_by(desk, one)
        assert [held["active"] for held in assignments(world, user)] == [True]
        assert usage(world, desk.org, desk.roles["SITE_EDITOR"]) == 1
        assert [member["isPrimary"] for member in memberships(world, user)] == [True]
        assert team_usage(world, desk.org, team) == (1, 0)
        assert desk.pending(one.email) is None
        # Whoever sent it is told once, however many asked for it.
        before = len(told(desk, one.email))
        assert desk.post.deliver(desk.api) == []
        assert (before, len(told(desk, one.email))) == (0, 1)

    @pytest.mark.parametrize("after", [False, True], ids=["not done", "answer lost"])
    @pytest.mark.parametrize("at", [1, 3, 4], ids=[ACCEPTING[at] for at in (1, 3, 4)])
    def test_an_outage_is_a_503_and_changes_nothing(
        self, desk: Desk, new_instance: Callable[[], Instance], at: int, *, after: bool
    ) -> None:
        one, instance = desk.invite(), new_instance()
        Steps(instance, at, after=after, error=outage())
        answer = desk.use(one.token, "accept", api=instance)
        answer.expect(503, "SERVICE_UNAVAILABLE")
        assert int(answer.headers["Retry-After"]) > 0
        assert desk.stored(one.invitation)["status"] == "PENDING"
        seen = desk.use(one.token, "accept").expect(200)
        made = at > 3 or (at == 3 and after)
        assert seen["account"] == ("EXISTING" if made else "CREATED")

    def test_somebody_else_makes_the_account_at_the_same_moment(
        self, desk: Desk, new_instance: Callable[[], Instance], user_pool: str
    ) -> None:
        one, instance = desk.invite(), new_instance()
        find, cognito = instance.aws.cognito, boto3.client("cognito-idp")

        def found(operation: str, body: dict) -> dict:
            if operation == "AdminCreateUser":
                attributes = [{"Name": "email", "Value": one.email}, {"Name": "email_verified", "Value": "true"}]
                cognito.admin_create_user(UserPoolId=user_pool, Username=one.email, UserAttributes=attributes)
            return find(operation, body)

        instance.aws.cognito = found
        assert desk.use(one.token, "accept", api=instance).expect(200)["account"] == "EXISTING"

    @pytest.mark.parametrize(
        ("error", "status"),
        [
            (outage(), 503),
            (AwsError("no", "UnsupportedUserStateException"), 200),  # signs in at this very moment
            (AwsError("no", "NotAuthorizedException"), 500),
        ],
        ids=["outage", "signed in", "refused"],
    )
    def test_the_password_cannot_be_sent_again(
        self, desk: Desk, new_instance: Callable[[], Instance], monkeypatch: pytest.MonkeyPatch, error, status: int
    ) -> None:
        first = desk.invite()
        desk.use(first.token, "accept").expect(200)
        monkeypatch.setattr("bbws_access.invitation.accounts._SENT_JUST_NOW", -1.0)
        second, instance = desk.invite(first.email, role="ORG_ADMIN"), new_instance()
        Steps(instance, 3, error=error)
        desk.use(second.token, "accept", api=instance).expect(status)
        assert (desk.stored(second.invitation)["status"] == "ACCEPTED") is (status == 200)
        desk.use(second.token, "accept").expect(409 if status == 200 else 200)

    def test_a_refusal_of_cognito_is_a_fault_of_ours(self, desk: Desk, new_instance: Callable[[], Instance]) -> None:
        for at in (1, 3):
            one, instance = desk.invite(), new_instance()
            Steps(instance, at, error=AwsError("no", "NotAuthorizedException"))
            desk.use(one.token, "accept", api=instance).expect(500, "INTERNAL_ERROR")
            assert desk.stored(one.invitation)["status"] == "PENDING"


def told(desk: Desk, email: str) -> list:
    return [one for one in desk.post.letters(INVITER) if one.subject.startswith(f"{email} accepted")]


class TestCreating:
    NAMES = ("_Together", "cognito AdminGetUser", "sqs SendMessage", "_Transact")

    @pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
    @pytest.mark.parametrize("at", range(4), ids=NAMES)
    def test_killed_anywhere_and_tried_again(
        self, desk: Desk, new_instance: Callable[[], Instance], at: int, *, after: bool
    ) -> None:
        email, instance = new_email(), new_instance()
        steps = Steps(instance, at, after=after)
        body = {"email": email, "roleId": desk.roles["ORG_MANAGER"]}
        with pytest.raises(Killed):
            instance.call("POST", desk.path, desk.admin, body, email=INVITER)
        assert tuple(steps.names) == self.NAMES[: at + 1]
        done = after and self.NAMES[at] == "_Transact"
        answer = desk.create(email)
        answer.expect(409 if done else 201)
        # One mail, for the one invitation that there is; a message without an invitation waits.
        waiting = desk.post.deliver(desk.api)
        assert len(waiting) == (1 if at >= 2 and not done and (after or at == 3) else 0)
        [letter] = desk.post.letters(email)
        assert desk.use(letter.token).expect(200)["status"] == "PENDING"

    @pytest.mark.parametrize(
        "error", [outage(), AwsError("no", "AccessDeniedException"), outage("TooManyRequestsException")]
    )
    def test_without_the_user_pool_it_is_sent(
        self, desk: Desk, new_instance: Callable[[], Instance], error: AwsError
    ) -> None:
        email, instance = new_email(), new_instance()
        Steps(instance, self.NAMES.index("cognito AdminGetUser"), error=error)
        body = {"email": email, "roleId": desk.roles["ORG_MANAGER"]}
        instance.call("POST", desk.path, desk.admin, body).expect(201)
        assert desk.post.deliver(desk.api) == []
        assert len(desk.post.letters(email)) == 1

    def test_without_the_queue_nothing_happens(self, desk: Desk, new_instance: Callable[[], Instance]) -> None:
        email, instance = new_email(), new_instance()
        Steps(instance, self.NAMES.index("sqs SendMessage"), error=outage())
        body = {"email": email, "roleId": desk.roles["ORG_MANAGER"]}
        instance.call("POST", desk.path, desk.admin, body).expect(503, "SERVICE_UNAVAILABLE")
        assert desk.pending(email) is None


class TestTheWorker:
    NAMES = ("Get", "Get", "Put", "ses None", "Get", "_Transact")  # the second asks whether the sender has left

    @pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
    @pytest.mark.parametrize("at", range(6), ids=NAMES)
    def test_killed_anywhere_and_delivered_again(
        self, desk: Desk, new_instance: Callable[[], Instance], at: int, *, after: bool
    ) -> None:
        made, instance = desk.create().expect(201), new_instance()
        records = desk.post.take()
        steps = Steps(instance, at, after=after)
        with pytest.raises(Killed):
            desk.post.handle(instance, records)
        assert tuple(steps.names) == self.NAMES[: at + 1]
        assert desk.post.handle(desk.api, records) == []
        letters = desk.post.letters(made["email"])
        sent_before_it_was_noted = self.NAMES[at:] and at in (3, 4, 5) and not (at == 3 and not after)
        noted = at == 5 and after
        assert len(letters) == (2 if sent_before_it_was_noted and not noted else 1)
        for letter in letters:  # each of them is good
            assert desk.use(letter.token).expect(200)["status"] == "PENDING"
        assert desk.stored(made)["delivery"]["status"] == "SENT"

    def test_an_outage_of_ses_delays_and_loses_nothing(
        self, desk: Desk, new_instance: Callable[[], Instance], log
    ) -> None:
        made, records = desk.create().expect(201), None
        records = desk.post.take()
        for error in (outage(), AwsError("paused", "SendingPausedException")):
            instance = new_instance()
            Steps(instance, 3, error=error)
            assert desk.post.handle(instance, records) == records
        lines = [json.loads(line) for line in log.getvalue().splitlines()]
        failed = [line for line in lines if line["message"] == "Invitation failed"]
        assert [line["errorCode"] for line in failed] == ["InternalFailure", "SendingPausedException"]
        assert desk.stored(made)["delivery"]["status"] == "QUEUED"
        assert desk.post.handle(desk.api, records) == []
        [letter] = desk.post.letters(made["email"])
        desk.use(letter.token, "accept").expect(200)

    def test_a_message_that_is_ahead_of_its_commit_waits_and_one_without_is_dropped(self, desk: Desk) -> None:
        made = desk.create().expect(201)
        [record] = desk.post.take()
        body = json.loads(record["body"])
        for changed in (
            {"invitationId": "inv-none"},
            {"sendNumber": 2},
            {"kind": "accepted"},
            {"kind": "declined"},
        ):
            early = {**record, "body": json.dumps({**body, **changed})}
            assert desk.post.handle(desk.api, [early]) == [early]
            old = timestamp(datetime.now(UTC) - timedelta(minutes=3))
            late = {**record, "body": json.dumps({**body, **changed, "queuedAt": old})}
            assert desk.post.handle(desk.api, [late]) == []
        assert desk.post.letters(made["email"]) == []
        # But a good one is sent however late it is.
        assert desk.post.handle(desk.api, [{**record, "body": json.dumps({**body, "queuedAt": old})}]) == []
        assert len(desk.post.letters(made["email"])) == 1

    def test_a_message_that_comes_twice_is_sent_once(self, desk: Desk) -> None:
        made = desk.create().expect(201)
        records = desk.post.take()
        assert desk.post.handle(desk.api, records * 2) == []
        assert desk.post.handle(desk.api, records) == []
        assert len(desk.post.letters(made["email"])) == 1

    @pytest.mark.parametrize("end", ["revoke", "resend", "expire"])
    def test_what_nobody_needs_any_more_is_not_sent(self, desk: Desk, end: str) -> None:
        made = desk.create().expect(201)
        records = desk.post.take()
        path = f"{desk.path}/{made['invitationId']}"
        if end == "revoke":
            desk.api.call("DELETE", path, desk.admin).expect(204)
        elif end == "resend":
            desk.api.call("POST", f"{path}/resend", desk.admin).expect(200)
        else:
            desk.expire(made)
        assert desk.post.handle(desk.api, records) == []
        assert desk.post.letters(made["email"]) == []

    def test_nobody_is_told_who_has_no_address(self, desk: Desk) -> None:
        made = desk.api.call(
            "POST", desk.path, desk.admin, {"email": new_email(), "roleId": desk.roles["ORG_MANAGER"]}
        ).expect(201)
        assert desk.post.deliver(desk.api) == []
        [letter] = desk.post.letters(made["email"])
        assert letter.subject == "Acme invites you to Acme"
        assert desk.use(letter.token).expect(200)["invitedBy"] == ""
        desk.use(letter.token, "decline").expect(200)
        assert desk.post.deliver(desk.api) == []
        assert "answerSentAt" not in desk.stored(made)

    def test_without_a_sender_an_answer_still_counts(
        self, desk: Desk, invitation_settings: Settings, new_instance: Callable[..., Instance]
    ) -> None:
        one = desk.invite()
        desk.api = new_instance(invitation_settings._replace(mail_sender=None))
        desk.use(one.token, "decline").expect(200)
        assert desk.post.take() == []

    def test_a_message_that_makes_no_sense_comes_again_until_it_is_a_dead_letter(self, desk: Desk) -> None:
        desk.create().expect(201)
        [record] = desk.post.take()
        broken = {**record, "body": json.dumps({"kind": "invitation"})}
        assert desk.post.handle(desk.api, [broken]) == [broken]


def test_the_message_gives_the_commit_a_head_start(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "_HEAD_START", 2)
    desk.create().expect(201)
    assert desk.post.take() == []
