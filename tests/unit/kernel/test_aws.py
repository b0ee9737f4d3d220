"""Calls of other services than DynamoDB: real ones on the local AWS, faults from a server that has them on demand."""

import json
import time

import boto3
import pytest

from bbws_access.kernel.aws import Aws, AwsError, AwsUnavailable
from bbws_access.kernel.signature import Credentials
from tests.support.tables import REGION
from tests.unit.kernel.loopback import Answer, Loopback, error, http


def _aws(server: Loopback, **options: float) -> Aws:
    return Aws(REGION, server.url, lambda: Credentials("key", "secret"), **options)


def test_a_message_is_sent_to_a_queue(local_aws):
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="aws-client")["QueueUrl"]
    aws = Aws(REGION, local_aws.endpoint)
    sent = aws.sqs("SendMessage", {"QueueUrl": url, "MessageBody": '{"number": 1}', "DelaySeconds": 0})
    [message] = sqs.receive_message(QueueUrl=url)["Messages"]
    assert (message["MessageId"], message["Body"]) == (sent["MessageId"], '{"number": 1}')
    aws.close()


def test_an_event_reaches_the_bus(local_aws):
    events, sqs = boto3.client("events"), boto3.client("sqs")
    url = sqs.create_queue(QueueName="aws-client-events")["QueueUrl"]
    events.put_rule(Name="aws-client", EventPattern=json.dumps({"source": ["test.source"]}))
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_targets(Rule="aws-client", Targets=[{"Id": "queue", "Arn": arn}])
    Aws(REGION, local_aws.endpoint).put_event("test.source", "Tested", {"teamId": "team-1"}, "default")
    [message] = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
    event = json.loads(message["Body"])
    assert (event["source"], event["detail-type"], event["detail"]) == ("test.source", "Tested", {"teamId": "team-1"})


def test_a_person_is_found_in_a_user_pool(local_aws):
    cognito = boto3.client("cognito-idp")
    pool = cognito.create_user_pool(PoolName="aws-client", UsernameAttributes=["email"])["UserPool"]["Id"]
    aws = Aws(REGION, local_aws.endpoint)
    made = aws.cognito(
        "AdminCreateUser", {"UserPoolId": pool, "Username": "a@example.org", "MessageAction": "SUPPRESS"}
    )
    found = aws.cognito("AdminGetUser", {"UserPoolId": pool, "Username": made["User"]["Username"]})
    assert found["Username"] == made["User"]["Username"]
    with pytest.raises(AwsError) as refused:
        aws.cognito("AdminGetUser", {"UserPoolId": pool, "Username": "nobody@example.org"})
    assert refused.value.code == "UserNotFoundException"
    assert not isinstance(refused.value, AwsUnavailable)


def test_a_mail_is_sent(local_aws):
    ses = boto3.client("sesv2")
    ses.create_email_identity(EmailIdentity="example.org")
    content = {"Simple": {"Subject": {"Data": "Hello"}, "Body": {"Text": {"Data": "Text"}}}}
    mail = {
        "FromEmailAddress": "us@example.org",
        "Destination": {"ToAddresses": ["you@example.org"]},
        "Content": content,
    }
    assert Aws(REGION, local_aws.endpoint).send_email(mail)["MessageId"]


@pytest.mark.parametrize(
    "fault",
    [
        error("ThrottlingException"),
        http(429, {"message": "Too many"}),
        http(500, {"__type": "InternalFailure"}),
        http(503, b"<html>busy</html>"),
        None,
        b"garbage\r\n\r\n",
    ],
    ids=["throttling", "429", "500", "503", "hang-up", "garbage"],
)
def test_what_may_pass_is_tried_again(fault: Answer):
    with Loopback(lambda number, head, body: http(200, {"MessageId": "m"}) if number else fault) as server:
        assert _aws(server).sqs("SendMessage", {}) == {"MessageId": "m"}
        assert len(server.requests) == 2


def test_what_does_not_pass_ends_at_the_deadline():
    with Loopback(lambda number, head, body: http(503, {})) as server, pytest.raises(AwsUnavailable, match="Http503"):
        _aws(server, deadline=0.2).send_email({})


def test_silence_ends_at_the_deadline():
    with Loopback(lambda number, head, body: None) as server, pytest.raises(AwsUnavailable, match="SendMessage"):
        _aws(server, deadline=0.2, attempt_timeout=0.1).sqs("SendMessage", {})


def test_a_refusal_is_final():
    with Loopback(lambda number, head, body: http(400, {"__type": "com.amazon#Refused", "message": "no"})) as server:
        with pytest.raises(AwsError, match="no") as refused:
            _aws(server).cognito("AdminGetUser", {})
        assert refused.value.code == "Refused"
        assert len(server.requests) == 1


def test_an_event_that_the_bus_did_not_take_is_a_failure():
    answer = {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure", "ErrorMessage": "no"}]}
    with Loopback(lambda number, head, body: http(200, answer)) as server, pytest.raises(AwsUnavailable, match="no"):
        _aws(server).put_event("s", "t", {}, "default")


def test_credentials_and_addresses(monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    with pytest.raises(AwsError, match="AWS_ACCESS_KEY_ID is not set"):
        Aws(REGION).sqs("SendMessage", {})
    assert Aws("af-south-1")._client("ses")[0].authority == "email.af-south-1.amazonaws.com"


class TestEach:
    """Requests that have nothing to do with each other."""

    @staticmethod
    def names(count: int) -> list[dict]:
        return [{"Username": f"user-{n}"} for n in range(count)]

    def test_each_answer_belongs_to_its_request(self):
        with Loopback(lambda number, head, body: http(200, {"is": json.loads(body)["Username"]})) as server:
            found = _aws(server).each("cognito", "AdminGetUser", self.names(35))
        assert found == [{"is": f"user-{n}"} for n in range(35)]

    def test_one_that_is_refused_keeps_no_other_out(self):
        def answer(number: int, head: str, body: bytes) -> bytes:
            if b"user-3" in body:
                return error("UserNotFoundException")
            return http(200, {"found": True})

        with Loopback(answer) as server:
            found = _aws(server).each("cognito", "AdminGetUser", self.names(12))
        assert isinstance(found[3], AwsError)
        assert (found[3].code, isinstance(found[3], AwsUnavailable)) == ("UserNotFoundException", False)
        assert found[:3] + found[4:] == [{"found": True}] * 11

    @pytest.mark.parametrize(
        "fault",
        [error("TooManyRequestsException"), http(500, {"__type": "InternalFailure"}), None, http(200, b"no JSON")],
    )
    def test_what_may_pass_is_tried_again(self, fault: bytes):
        seen: dict[bytes, int] = {}

        def answer(number: int, head: str, body: bytes) -> bytes:
            seen[body] = seen.get(body, 0) + 1
            return fault if seen[body] == 1 and b"user-1" in body else http(200, {"found": True})

        with Loopback(answer) as server:
            assert _aws(server).each("cognito", "AdminGetUser", self.names(20)) == [{"found": True}] * 20
        # user-1 and user-10 to user-19
        assert sorted(seen.values()) == [1] * 9 + [2] * 11

    def test_what_does_not_pass_ends_at_the_deadline_and_says_so(self):
        def answer(number: int, head: str, body: bytes) -> bytes:
            return error("TooManyRequestsException") if b"user-1" in body else http(200, {"found": True})

        with Loopback(answer) as server:
            found = _aws(server).each("cognito", "AdminGetUser", self.names(3), deadline=0.5)
        assert found[0] == found[2] == {"found": True}
        assert isinstance(found[1], AwsUnavailable)

    def test_silence_ends_at_the_deadline(self):
        began = time.monotonic()
        with Loopback(lambda number, head, body: None) as server:
            found = _aws(server, attempt_timeout=0.1).each("cognito", "AdminGetUser", self.names(30), deadline=0.5)
        assert all(isinstance(one, AwsUnavailable) for one in found)
        assert time.monotonic() - began < 5

    def test_nothing_asks_nobody(self):
        with Loopback(lambda number, head, body: http(500, {})) as server:
            assert _aws(server).each("cognito", "AdminGetUser", []) == []
            assert server.requests == []
