"""What happens outside requests: events that services take, and what is kept of those that they cannot."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.local_aws.waiting import until

if TYPE_CHECKING:
    from tests.support.deployment import Deployment

pytestmark = pytest.mark.xdist_group("dev")

LEAVER = "leaver@events.example"


@pytest.fixture(scope="module")
def company(dev: Deployment) -> str:
    """An organisation of these tests' own."""
    return json.loads(dev.tool("org", "create", "Company of events", "--id", "org-events", "--json").stdout)[
        "organisationId"
    ]


def test_a_new_organisation_has_its_roles_and_team_roles(dev: Deployment, company: str) -> None:
    again = json.loads(dev.tool("org", "create", "Company of events", "--id", company, "--json").stdout)
    assert again == {"organisationId": company, "name": "Company of events", "created": False}
    other = dev.tool("org", "create", "Another name", "--id", company, check=False)
    assert other.returncode == 2
    assert "Company of events" in other.stderr
    dev.user("admin@events.example", company, "ORG_ADMIN")
    token = dev.token("admin@events.example")
    for resource, names in (
        ("roles", {"ORG_ADMIN", "ORG_MANAGER", "SITE_ADMIN", "SITE_EDITOR", "SITE_VIEWER"}),
        ("team-roles", {"TEAM_LEAD", "SENIOR_MEMBER", "MEMBER", "VIEWER"}),
    ):
        found = dev.request("GET", f"/organisations/{company}/{resource}", token)
        assert found.status == 200
        assert {one["name"] for one in found.body["items"]} == names


def test_who_left_one_organisation_keeps_the_other_and_who_left_everywhere_cannot_sign_in(
    dev: Deployment, company: str, organisation: str
) -> None:
    for place in (company, organisation):
        dev.user(LEAVER, place, "ORG_ADMIN")
    token = dev.token(LEAVER)

    def statuses() -> list[int]:
        return [dev.request("GET", f"/organisations/{place}/roles", token).status for place in (company, organisation)]

    assert statuses() == [200, 200]
    dev.tool("user", "deactivate", LEAVER, "--organisation", company)
    assert statuses() == [403, 200]
    dev.token(LEAVER)
    for _ in range(2):
        dev.tool("user", "deactivate", LEAVER)
        assert statuses() == [403, 403]
    refused = dev.tool("token", LEAVER, check=False)
    assert refused.returncode == 1
    assert "cannot sign in" in refused.stderr


def test_one_command_leaves_an_old_token_with_nothing_also_without_an_account(dev: Deployment, company: str) -> None:
    """Cognito alone ends nothing: the token of an account that is gone works on, until its user id is deactivated."""
    email, admin = "gone@events.example", "admin@events.example"
    for one in (email, admin):
        dev.user(one, company, "ORG_ADMIN")
    dev.tool("user", "create", email, "--organisation", company, "--role", "SUPPORT_AGENT", "--platform")
    token = dev.token(email)
    paths = [f"/organisations/{company}/roles", "/platform/roles", "/platform/permissions"]

    def statuses() -> list[int]:
        return [dev.request("GET", path, token).status for path in paths]

    assert statuses() == [200, 200, 200]
    dev.client("cognito-idp").admin_delete_user(UserPoolId=dev.status["user_pool_id"], Username=email)
    assert statuses() == [200, 200, 200]
    refused = dev.tool("user", "deactivate", email, check=False)
    assert refused.returncode == 2
    assert "user id" in refused.stderr
    held = json.loads(dev.tool("user", "list", "--without-account", "--json").stdout)["items"]
    [gone] = [one for one in held if company in one["organisations"]]
    assert (gone["account"], gone["roles"], gone["platformRoles"]) == ("NONE", 1, ["SUPPORT_AGENT"])
    assert gone["userId"] in dev.tool("doctor", "--json", check=False).stdout
    done = json.loads(dev.tool("user", "deactivate", gone["userId"], "--json").stdout)
    assert (done["email"], done["platformRoles"]) == (None, ["SUPPORT_AGENT"])
    assert statuses() == [403, 403, 403]
    assert gone["userId"] not in dev.tool("user", "list", "--page-size", "10000", "--json").stdout
    # The services have tidied up, too: nobody holds the role any more.
    review = dev.request("GET", f"/organisations/{company}/access-review", dev.token(admin))
    assert review.status == 200
    assert gone["userId"] not in json.dumps(review.body)


def _dead_letters(dev: Deployment, name: str) -> list[dict[str, Any]]:
    """What lies in a queue of dead letters; afterwards it is empty."""
    sqs = dev.client("sqs")
    url = sqs.get_queue_url(QueueName=f"{dev.names.name_prefix}-queue-{name}-dead-letters")["QueueUrl"]
    found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    for message in found:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return [json.loads(message["Body"]) for message in found]


def test_what_no_service_can_handle_is_kept_and_told(dev: Deployment) -> None:
    detail = json.dumps({"userId": "nobody's id"})
    entry = {"Source": "bbws.platform", "DetailType": "UserDeactivated", "Detail": detail}
    bus = f"{dev.names.name_prefix}-bus"
    # On the bus that the account's environments share, the same event is nobody's.
    dev.client("events").put_events(Entries=[entry])
    [sent] = dev.client("events").put_events(Entries=[{**entry, "EventBusName": bus}])["Entries"]
    alarms = [f"{dev.names.name_prefix}-alarm-{service}-dead-letters" for service in ("role", "team")]

    def told() -> bool:
        found = dev.client("cloudwatch").describe_alarms(AlarmNames=alarms)["MetricAlarms"]
        return {alarm["StateValue"] for alarm in found} == {"ALARM"}

    # Both services tried it three times.
    assert until(told, seconds=60)
    for service in ("role", "team"):
        [event] = _dead_letters(dev, service)
        assert (event["id"], event["detail"]) == (sent["EventId"], {"userId": "nobody's id"})


def test_queues_are_encrypted_take_tls_only_and_dead_letters_of_rules_alone(dev: Deployment) -> None:
    """The queues' own policies, as they are deployed."""
    sqs = dev.client("sqs")
    urls = sqs.list_queues(QueueNamePrefix=f"{dev.names.name_prefix}-queue-")["QueueUrls"]
    assert {url.rpartition("-queue-")[2] for url in urls} >= {"mail", "mail-dead-letters", "events-dead-letters"}
    for url in urls:
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        statements = json.loads(attributes["Policy"])["Statement"]
        assert statements[0]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        assert attributes["KmsMasterKeyId"]
        senders = [one["Principal"] for one in statements if one["Effect"] == "Allow"]
        assert senders == ([{"Service": "events.amazonaws.com"}] if url.endswith("-events-dead-letters") else [])
