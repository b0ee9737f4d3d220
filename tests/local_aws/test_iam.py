"""Who may do what is decided by the policies as they are at the moment: shim `iam`."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local_aws.conftest import ACCOUNT, Aws


def document(effect: str, action: str) -> str:
    statement = {"Effect": effect, "Action": action, "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def role(aws: Aws, unique: Callable[[str], str]) -> Iterator[Any]:
    """The name of a role without policies, and whether its session may list queues at this moment."""
    name = unique("changing")
    queues = aws.assumed(aws.role(name, []), "sqs")

    def may() -> bool:
        try:
            queues.list_queues()
        except ClientError as refused:
            assert refused.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException")
            return False
        return True

    yield name, may


def test_a_change_of_a_role_is_felt_at_once(aws: Aws, role: Any, unique: Callable[[str], str]) -> None:
    """Its own policy, one attached to it, another version of that, a boundary; and each taken away."""
    (name, may), iam = role, aws.client("iam")
    assert not may()
    iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=document("Allow", "sqs:*"))
    assert may()
    iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=document("Allow", "sns:*"))
    assert not may()
    iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=document("Allow", "sqs:*"))
    assert may()
    arn = iam.create_policy(PolicyName=unique("denies"), PolicyDocument=document("Deny", "sqs:*"))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=name, PolicyArn=arn)
    assert not may()
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=document("Deny", "sns:*"), SetAsDefault=True)
    assert may()
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=document("Deny", "sqs:*"), SetAsDefault=True)
    assert not may()
    iam.detach_role_policy(RoleName=name, PolicyArn=arn)
    assert may()
    bound = iam.create_policy(PolicyName=unique("bounds"), PolicyDocument=document("Allow", "sns:*"))["Policy"]["Arn"]
    iam.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=bound)
    assert not may()
    iam.delete_role_permissions_boundary(RoleName=name)
    assert may()
    iam.delete_role_policy(RoleName=name, PolicyName="own")
    assert not may()


def test_the_policy_of_a_resource_knows_its_caller(aws: Aws, role: Any, unique: Callable[[str], str]) -> None:
    """A queue's own policy names the session of a role that has no policies itself."""
    name, _ = role
    queue = aws.client("sqs").create_queue(QueueName=unique("named"))["QueueUrl"]
    arn = aws.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    statement = {
        "Effect": "Deny",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/{name}"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    aws.client("iam").put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=document("Allow", "sqs:*"))
    sender = aws.assumed(f"arn:aws:iam::{ACCOUNT}:role/{name}", "sqs")
    sender.send_message(QueueUrl=queue, MessageBody="before")
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    aws.client("sqs").set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    with pytest.raises(ClientError, match="AccessDenied"):
        sender.send_message(QueueUrl=queue, MessageBody="after")
    aws.client("sqs").send_message(QueueUrl=queue, MessageBody="the account itself")
