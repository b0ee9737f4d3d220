"""What the invitation service needs beside tables: a queue, a user pool, SES with its templates, and a mailbox.

Fixtures: `post` (the queue of mails, and what is sent), `user_pool`, `mail_templates`, `invitation_settings`.
"""

from __future__ import annotations

import json
import uuid

import boto3
import pytest

from bbws_access.invitation import mail
from bbws_access.kernel.settings import Settings
from bbws_access.local_aws import LocalAws
from tests.support.mails import MAILS, Letter, letters, template
from tests.support.services import Instance
from tests.support.tables import REGION

SENDER = "access@bbws.example"
LINK = "https://portal.example/invitation"


class Post:
    """The queue of mails to send, the worker that empties it, and the mailbox that they end in."""

    def __init__(self, local_aws: LocalAws, queue: str) -> None:
        self.queue = queue
        self._sqs = boto3.client("sqs")
        self._aws = local_aws

    def take(self) -> list[dict]:
        """What is in the queue, as Lambda gets it; it is out of the queue then."""
        found = []
        while batch := self._receive():
            found += batch
        return found

    def deliver(self, instance: Instance) -> list[dict]:
        """Let a worker handle what is in the queue; the records that it could not handle."""
        return self.handle(instance, self.take())

    def handle(self, instance: Instance, records: list[dict]) -> list[dict]:
        if not records:
            return []
        failed = {one["itemIdentifier"] for one in instance.invoke({"Records": records})["batchItemFailures"]}
        return [one for one in records if one["messageId"] in failed]

    def letters(self, to: str) -> list[Letter]:
        """What was sent to an address, in order."""
        return letters(self._aws, SENDER, to)

    def everything(self) -> str:
        """All that was ever sent, as text."""
        return json.dumps(self._aws.mails())

    def _receive(self) -> list[dict]:
        answer = self._sqs.receive_message(
            QueueUrl=self.queue, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
        )
        records = []
        for one in answer.get("Messages", ()):
            self._sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=one["ReceiptHandle"])
            attributes = {name: one["Attributes"][name] for name in ("SentTimestamp", "ApproximateReceiveCount")}
            arn = f"arn:aws:sqs:{REGION}:000000000000:{self.queue.rsplit('/', 1)[1]}"
            records.append(
                {
                    "messageId": one["MessageId"],
                    "body": one["Body"],
                    "attributes": attributes,
                    "eventSource": "aws:sqs",
                    "eventSourceARN": arn,
                }
            )
        return records


@pytest.fixture(scope="session")
def mail_templates(local_aws: LocalAws) -> str:
    """The mails' templates in SES, and the identity that sends; the templates' prefix."""
    ses = boto3.client("sesv2")
    ses.create_email_identity(EmailIdentity=SENDER.partition("@")[2])
    for name in MAILS:
        made = template(name)
        content = {"Subject": made.subject, "Text": made.text, "Html": made.html}
        ses.create_email_template(TemplateName=f"test-mail-{name}", TemplateContent=content)
    return "test-mail"


@pytest.fixture(scope="session")
def user_pool(local_aws: LocalAws) -> str:
    return create_user_pool()


def create_user_pool() -> str:
    """A user pool as Terraform makes it, where the environment leads to; its id."""
    schema = [{"Name": "organisation_id", "AttributeDataType": "String", "Mutable": True}]
    made = boto3.client("cognito-idp").create_user_pool(
        PoolName="invitations",
        UsernameAttributes=["email"],
        AutoVerifiedAttributes=["email"],
        Schema=schema,
        AdminCreateUserConfig={"AllowAdminCreateUserOnly": True},
        UsernameConfiguration={"CaseSensitive": False},
    )
    return made["UserPool"]["Id"]


@pytest.fixture
def post(local_aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> Post:
    monkeypatch.setattr(mail, "_HEAD_START", 0)
    return Post(local_aws, create_mail_queue())


def create_mail_queue() -> str:
    """A queue of mails of its own; its URL."""
    return boto3.client("sqs").create_queue(QueueName=f"test-{uuid.uuid4().hex[:12]}-mail")["QueueUrl"]


@pytest.fixture
def invitation_settings(seeded_tables: dict[str, str], post: Post, user_pool: str, mail_templates: str) -> Settings:
    """What the invitation service's function is told, with a queue of the test's own."""
    return settings_of_invitation(seeded_tables, post.queue, user_pool, mail_templates)


def settings_of_invitation(tables: dict[str, str], queue: str, user_pool: str, template_prefix: str) -> Settings:
    """What the invitation service's function is told, with the tables that it may use and no other."""
    return Settings(
        region=REGION,
        environment="test",
        service="invitation",
        tables={name: tables[name] for name in ("permissions", "teams", "invitations")},
        user_pool_id=user_pool,
        mail_queue_url=queue,
        mail_sender=SENDER,
        mail_template_prefix=template_prefix,
        invitation_link=LINK,
    )


def new_email() -> str:
    """An address that nobody has."""
    return f"{uuid.uuid4().hex[:16]}@invited.example"


def new_address() -> str:
    """An address that requests come from, in a network of its own."""
    return f"2001:db8:{uuid.uuid4().hex[:4]}:{uuid.uuid4().hex[:4]}::1"
