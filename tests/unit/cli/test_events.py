"""Events of the platform: what is told to the services, and waiting for them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from bbws_access.cli import events
from bbws_access.cli.errors import ToolError
from bbws_access.cli.project import Project
from bbws_access.cli.targets import LocalTarget, local_environment
from bbws_access.local_aws import LocalAws

ROOT = Path(__file__).parents[3]
EVENT = "OrganisationCreated"
BUS = "bbws-access-dev-bus"
OUTPUTS = {
    "event_bus_name": BUS,
    "log_group_names": {service: f"/aws/lambda/{service}" for service in ("role", "team")},
}


def after(calls: int) -> Any:
    """A part that is done when it has been asked so many times."""
    left = iter(range(calls, -1, -1))
    return lambda: next(left) == 0


def test_each_service_is_waited_for() -> None:
    events.wait(OUTPUTS, EVENT, {"role": after(1), "team": after(3)}, seconds=20)


def test_a_service_that_is_not_done_in_time_is_named() -> None:
    with pytest.raises(ToolError, match="the service team has not done its part within 0 s") as caught:
        events.wait(OUTPUTS, EVENT, {"role": lambda: True, "team": lambda: False}, seconds=0.3)
    assert "Run the command again" in caught.value.hint
    assert caught.value.details == "Logs: /aws/lambda/team"


def test_services_that_do_not_take_the_event_are_not_waited_for() -> None:
    assert set(events.consumers(EVENT)) == {"role", "team"}
    events.wait(OUTPUTS, EVENT, {"permission": lambda: False, "role": lambda: True}, seconds=0)


@pytest.fixture
def told(local_aws: LocalAws) -> Iterator[tuple[LocalTarget, Any]]:
    """A target, and what a rule for its events has put into a queue since."""
    target = LocalTarget(local_environment(Project(ROOT), "dev"), local_aws.folder)
    sqs, bus = boto3.client("sqs"), boto3.client("events")
    url = sqs.create_queue(QueueName="told")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    bus.create_event_bus(Name=BUS)
    bus.put_rule(Name="told", EventBusName=BUS, EventPattern=json.dumps({"source": ["bbws.platform"]}))
    bus.put_targets(Rule="told", EventBusName=BUS, Targets=[{"Id": "queue", "Arn": arn}])
    yield target, lambda: [json.loads(one["Body"]) for one in sqs.receive_message(QueueUrl=url).get("Messages", [])]
    bus.remove_targets(Rule="told", EventBusName=BUS, Ids=["queue"])
    bus.delete_rule(Name="told", EventBusName=BUS)
    bus.delete_event_bus(Name=BUS)
    sqs.delete_queue(QueueUrl=url)


def test_an_event_has_the_source_that_the_contract_gives_it(told: tuple[LocalTarget, Any]) -> None:
    target, received = told
    events.tell(target, OUTPUTS, EVENT, {"organisationId": "org-1", "name": "Acme"})
    [event] = received()
    assert (event["source"], event["detail-type"]) == ("bbws.platform", EVENT)
    assert event["detail"] == {"organisationId": "org-1", "name": "Acme"}


def test_an_event_reaches_the_bus_of_its_environment_alone(told: tuple[LocalTarget, Any]) -> None:
    target, received = told
    for other in ("bbws-access-sit-bus", "default"):
        events.tell(target, OUTPUTS | {"event_bus_name": other}, EVENT, {"organisationId": "org-1", "name": "Acme"})
    assert received() == []


def test_nothing_is_told_to_an_environment_without_a_bus(told: tuple[LocalTarget, Any]) -> None:
    target, received = told
    with pytest.raises(ToolError, match="dev has no event bus of its own yet") as caught:
        events.tell(target, {}, EVENT, {"organisationId": "org-1", "name": "Acme"})
    assert caught.value.hint == f"Bring it up to date with `{target.deploy_command}`."
    assert received() == []
