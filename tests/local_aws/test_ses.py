"""SES v2: shim `ses`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local_aws.conftest import ACCOUNT, REGION, Aws
from tests.local_aws.waiting import until

TAGS = [{"Name": "invitationId", "Value": "inv-1"}]


@pytest.fixture(scope="module")
def mail(aws: Aws) -> str:
    """An identity, a template and a configuration set that tells EventBridge; what they are called."""
    name = "ses-shim"
    ses = aws.client("sesv2")
    ses.create_email_identity(EmailIdentity=f"{name}.example")
    content = {"Subject": "Hello, {{name}}", "Text": "Hello, {{name}}", "Html": "<p>{{name}}</p>"}
    ses.create_email_template(TemplateName=name, TemplateContent=content)
    ses.create_configuration_set(ConfigurationSetName=name)
    ses.create_configuration_set_event_destination(
        ConfigurationSetName=name,
        EventDestinationName="events",
        EventDestination={
            "Enabled": True,
            "MatchingEventTypes": ["BOUNCE", "COMPLAINT", "RENDERING_FAILURE"],
            "EventBridgeDestination": {"EventBusArn": f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default"},
        },
    )
    return name


def send(client: Any, name: str, to: str, sender: str = "access", values: dict | None = None, **other: Any) -> str:
    request = {
        "FromEmailAddress": f"Access <{sender}@{name}.example>",
        "Destination": {"ToAddresses": [to]},
        "Content": {"Template": {"TemplateName": name, "TemplateData": json.dumps(values or {"name": "Ada"})}},
        "ConfigurationSetName": name,
        "EmailTags": TAGS,
    }
    return client.send_email(**request | other)["MessageId"]


def sent_to(aws: Aws, address: str) -> list[dict[str, Any]]:
    """Every mail to an address, as the emulator keeps it."""
    answer = aws._pool.request("GET", f"{aws.emulator.endpoint}/_ministack/ses/messages?account={ACCOUNT}")
    assert answer.status == 200
    found = json.loads(answer.data)["messages"].get(ACCOUNT, [])
    return [message for message in found if address in message["To"]]


@pytest.fixture
def told(aws: Aws, mail: str, unique: Callable[[str], str]) -> Callable[[], list[dict[str, Any]]]:
    """The events of SES that a queue has received since."""
    name = unique("told")
    url = aws.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    pattern = {"source": ["aws.ses"], "detail": {"mail": {"tags": {"ses:configuration-set": [mail]}}}}
    aws.client("events").put_rule(Name=name, EventPattern=json.dumps(pattern))
    aws.client("events").put_targets(
        Rule=name, Targets=[{"Id": "queue", "Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"}]
    )

    def receive() -> list[dict[str, Any]]:
        found = aws.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        return [json.loads(message["Body"]) for message in found.get("Messages", [])]

    return receive


@pytest.mark.parametrize(
    ("local", "detail_type", "part"),
    [("bounce", "Email Bounced", "bounce"), ("complaint+7", "Email Complaint Received", "complaint")],
)
def test_what_became_of_a_mail(aws: Aws, mail: str, told: Callable, local: str, detail_type: str, part: str) -> None:
    ses = aws.client("sesv2")
    send(ses, mail, "success@simulator.amazonses.com")
    message = send(ses, mail, f"{local}@simulator.amazonses.com")
    (event,) = until(told)
    assert event["detail-type"] == detail_type
    detail = event["detail"]
    assert detail["mail"]["messageId"] == message
    assert detail["mail"]["destination"] == [f"{local}@simulator.amazonses.com"]
    assert detail["mail"]["tags"] == {"ses:configuration-set": [mail], "invitationId": ["inv-1"]}
    assert detail["eventType"].lower() == part
    assert part in detail


def test_a_mail_can_be_read(aws: Aws, mail: str) -> None:
    send(aws.client("sesv2"), mail, "reader@example.org", values={"name": "<b>Ada</b>"})
    (message,) = sent_to(aws, "reader@example.org")
    assert message["Subject"] == "Hello, <b>Ada</b>"
    assert message["BodyHtml"] == "<p><b>Ada</b></p>"
    assert message["BodyText"] == "Hello, <b>Ada</b>"


def test_template_with_a_condition(aws: Aws, unique: Callable[[str], str], mail: str) -> None:
    name, ses = unique("condition"), aws.client("sesv2")
    text = "Hello{{#if name}}, {{name}}{{/if}}.{{#if note}}\n\nA note:\n{{note}}{{/if}}\n"
    content = {"Subject": "Hello", "Text": text, "Html": re.sub(r"(#if |{{)note", r"\1noteHtml", text)}
    ses.create_email_template(TemplateName=name, TemplateContent=content)
    for number, (values, said) in enumerate(
        [
            ({"name": "Ada", "note": "x", "noteHtml": "<b>x</b>"}, "Hello, Ada.\n\nA note:\n{}\n"),
            ({"name": "", "note": "", "noteHtml": ""}, "Hello.\n"),
            (
                {"name": "{{#if note}}", "note": "{{/if}}", "noteHtml": "{{/if}}"},
                "Hello, {{{{#if note}}}}.\n\nA note:\n{}\n",
            ),
        ]
    ):
        template = {"Template": {"TemplateName": name, "TemplateData": json.dumps(values)}}
        send(ses, mail, f"condition-{number}@example.org", Content=template)
        (message,) = sent_to(aws, f"condition-{number}@example.org")
        assert message["BodyText"] == said.format(values["note"])
        assert message["BodyHtml"] == said.format(values["noteHtml"])


def test_template_lacks_a_value(aws: Aws, mail: str, told: Callable) -> None:
    message = send(aws.client("sesv2"), mail, "nobody@example.org", values={"other": "value"})
    (event,) = until(told)
    assert event["detail-type"] == "Email Rendering Failed"
    assert event["detail"]["mail"]["messageId"] == message
    assert "'name'" in event["detail"]["failure"]["errorMessage"]
    assert sent_to(aws, "nobody@example.org") == []


def test_configuration_set(aws: Aws, mail: str) -> None:
    ses = aws.client("sesv2")
    with pytest.raises(ses.exceptions.NotFoundException):
        send(ses, mail, "paused@example.org", ConfigurationSetName="none")
    ses.put_configuration_set_sending_options(ConfigurationSetName=mail, SendingEnabled=False)
    try:
        with pytest.raises(ses.exceptions.SendingPausedException):
            send(ses, mail, "paused@example.org")
    finally:
        ses.put_configuration_set_sending_options(ConfigurationSetName=mail, SendingEnabled=True)
    assert sent_to(aws, "paused@example.org") == []
    send(ses, mail, "paused@example.org")
    assert len(sent_to(aws, "paused@example.org")) == 1


def test_sending_is_checked(aws: Aws, mail: str, unique: Callable[[str], str]) -> None:
    prefix = f"arn:aws:ses:{REGION}:{ACCOUNT}"
    resources = [f"{prefix}:identity/{mail}.example", f"{prefix}:template/{mail}", f"{prefix}:configuration-set/{mail}"]

    def sender(name: str, actions: list[str], allowed: list[str]) -> Any:
        condition = {"StringEquals": {"ses:FromAddress": f"access@{mail}.example"}}
        statement = {"Effect": "Allow", "Action": actions, "Resource": allowed, "Condition": condition}
        return aws.assumed(aws.role(unique(name), [statement]), "sesv2")

    both = ["ses:SendEmail", "ses:SendTemplatedEmail"]
    whole = sender("whole", both, resources)
    send(whole, mail, "checked@example.org")
    with pytest.raises(ClientError, match="AccessDenied"):
        send(whole, mail, "checked@example.org", sender="director")
    simple = {"Simple": {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}}}
    send(whole, mail, "checked@example.org", Content=simple)
    for missing in resources:
        part = sender(f"no-{missing.split(':')[-1].split('/')[0]}", both, [one for one in resources if one != missing])
        with pytest.raises(ClientError, match="AccessDenied"):
            send(part, mail, "checked@example.org")
    plain = sender("plain", ["ses:SendEmail"], resources)
    with pytest.raises(ClientError, match="AccessDenied"):
        send(plain, mail, "checked@example.org")
    assert len(sent_to(aws, "checked@example.org")) == 2


def test_sandbox(aws: Aws, mail: str, unique: Callable[[str], str]) -> None:
    prefix = f"arn:aws:ses:{REGION}:{ACCOUNT}"
    resources = [f"{prefix}:identity/{mail}.example", f"{prefix}:template/{mail}", f"{prefix}:configuration-set/{mail}"]
    address = f"{unique('ada')}@example.org"

    def sender(name: str, allowed: list[str]) -> Any:
        condition = {"StringEquals": {"ses:FromAddress": f"access@{mail}.example"}}
        actions = ["ses:SendEmail", "ses:SendTemplatedEmail"]
        statement = {"Effect": "Allow", "Action": actions, "Resource": allowed, "Condition": condition}
        return aws.assumed(aws.role(unique(name), [statement]), "sesv2")

    # As the module iam writes them, outside the sandbox and in it.
    production, sandbox = sender("production", resources), sender("sandbox", [*resources, f"{prefix}:identity/*"])
    ses = aws.client("sesv2")
    details = {"MailType": "TRANSACTIONAL", "WebsiteURL": "https://example.org", "UseCaseDescription": "invitations"}
    ses.put_account_details(ProductionAccessEnabled=False, **details)
    try:
        assert ses.get_account()["ProductionAccessEnabled"] is False
        with pytest.raises(ClientError, match="AccessDenied"):
            send(production, mail, address)
        with pytest.raises(ClientError, match=f"MessageRejected.*not verified.*: {address}$"):
            send(sandbox, mail, address)
        ses.create_email_identity(EmailIdentity=address)
        with pytest.raises(ClientError, match="AccessDenied"):
            send(production, mail, address)
        send(sandbox, mail, address)
        # A verified domain covers its addresses, the mailbox simulator needs nothing, and nobody writes as another.
        send(sandbox, mail, f"bob@{mail}.example")
        send(production, mail, "success@simulator.amazonses.com")
        with pytest.raises(ClientError, match="AccessDenied"):
            send(sandbox, mail, address, sender="director")
    finally:
        ses.put_account_details(ProductionAccessEnabled=True, **details)
    assert len(sent_to(aws, address)) == 1
    send(production, mail, f"{unique('anybody')}@example.org")
