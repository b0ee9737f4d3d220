"""Tries the cases of role_cases for real: with a role's own credentials, against a deployed system.

Nothing is changed by it: writes carry a condition that never holds, and what else would leave a trace is made
invalid in a way that AWS looks at after it has decided on access.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3
from botocore.exceptions import ClientError

from tests.support.role_cases import SENDER
from tests.support.terraform import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.role_cases import Case, Deployment

_REFUSALS = {"AccessDenied", "AccessDeniedException", "NotAuthorizedException", "UnauthorizedOperation"}
_NEVER = {
    "ConditionExpression": "attribute_exists(#never)",
    "ExpressionAttributeNames": {"#never": "neverWritten"},
}

_NOBODY = {"PK": {"S": "ROLE-CASE"}, "SK": {"S": "ROLE-CASE"}}

Call = Callable[[boto3.Session, "Case", "Deployment"], object]


@contextmanager
def copied_role(administrator: boto3.Session, role_name: str) -> Iterator[boto3.Session]:
    """A session as a role that has the named role's policies and boundary, and that the administrator may assume.

    The named role itself trusts Lambda alone. The copy is gone afterwards.
    """
    iam, sts = administrator.client("iam"), administrator.client("sts")
    account_id = sts.get_caller_identity()["Account"]
    role = iam.get_role(RoleName=role_name)["Role"]
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account_id}:root"}, "Action": "sts:AssumeRole"}
    boundary = role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
    copy = f"role-case-{uuid4().hex}"
    iam.create_role(
        RoleName=copy,
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
        **({"PermissionsBoundary": boundary} if boundary else {}),
    )
    names: list[str] = []
    try:
        for name in iam.list_role_policies(RoleName=role_name)["PolicyNames"]:
            document = iam.get_role_policy(RoleName=role_name, PolicyName=name)["PolicyDocument"]
            iam.put_role_policy(RoleName=copy, PolicyName=name, PolicyDocument=json.dumps(document))
            names.append(name)
        arn = f"arn:aws:iam::{account_id}:role/{copy}"
        credentials = sts.assume_role(RoleArn=arn, RoleSessionName=copy)["Credentials"]
        yield boto3.Session(
            credentials["AccessKeyId"],
            credentials["SecretAccessKey"],
            credentials["SessionToken"],
            region_name=administrator.region_name,
        )
    finally:
        for name in names:
            iam.delete_role_policy(RoleName=copy, PolicyName=name)
        iam.delete_role(RoleName=copy)


def can_be_tried(case: Case) -> bool:
    """False for requests that no client can make, such as a write to an index: those are for the simulation."""
    if case.action not in _CALLS:
        return False
    if case.action in _ITEM_CALLS:
        return case.leading_key is not None and ("/index/" not in case.resource or case.action == "dynamodb:Query")
    return True


def is_let_in(session: boto3.Session, case: Case, deployment: Deployment) -> bool:
    """Makes the case's call with `session`, whose credentials are the role's; False when AWS refused access.

    Any other error means that the role was let in. Raises KeyError for a case that cannot be tried.
    """
    try:
        _CALLS[case.action](session, case, deployment)
    except ClientError as error:
        return error.response["Error"]["Code"] not in _REFUSALS and not _refused_in_transaction(error)
    return True


def _refused_in_transaction(error: ClientError) -> bool:
    reasons: Any = error.response.get("CancellationReasons", [])
    return any(reason.get("Code") in _REFUSALS for reason in reasons)


# --- DynamoDB ------------------------------------------------------------------------------------------------


def _dynamodb(session: boto3.Session) -> Any:
    return session.client("dynamodb")


def _table(case: Case, deployment: Deployment) -> str:
    return f"{deployment.name_prefix}-ddb-{case.resource.split('/')[1]}"


def _key(case: Case) -> dict[str, Any]:
    return {"PK": {"S": case.leading_key}, "SK": {"S": "ROLE-CASE"}}


def _query(session: boto3.Session, case: Case, deployment: Deployment) -> object:
    table = _dynamodb(session)
    values = {":key": {"S": case.leading_key}}
    name = _table(case, deployment)
    if "/index/" not in case.resource:
        condition = {"KeyConditionExpression": "PK = :key", "ExpressionAttributeValues": values}
        return table.query(TableName=name, Limit=1, **condition)
    index = case.resource.rsplit("/", 1)[1]
    attribute = f"{deployment.index_keys[index]} = :key"
    return table.query(
        TableName=name, IndexName=index, Limit=1, KeyConditionExpression=attribute, ExpressionAttributeValues=values
    )


def _check(session: boto3.Session, case: Case, deployment: Deployment) -> object:
    check = {"TableName": _table(case, deployment), "Key": _key(case), **_NEVER}
    return _dynamodb(session).transact_write_items(TransactItems=[{"ConditionCheck": check}])


_ITEM_CALLS: dict[str, Call] = {
    "dynamodb:GetItem": lambda session, case, deployment: _dynamodb(session).get_item(
        TableName=_table(case, deployment), Key=_key(case)
    ),
    "dynamodb:BatchGetItem": lambda session, case, deployment: _dynamodb(session).batch_get_item(
        RequestItems={_table(case, deployment): {"Keys": [_key(case)]}}
    ),
    "dynamodb:Query": _query,
    "dynamodb:PutItem": lambda session, case, deployment: _dynamodb(session).put_item(
        TableName=_table(case, deployment), Item=_key(case), **_NEVER
    ),
    "dynamodb:UpdateItem": lambda session, case, deployment: _dynamodb(session).update_item(
        TableName=_table(case, deployment), Key=_key(case), **_NEVER
    ),
    "dynamodb:DeleteItem": lambda session, case, deployment: _dynamodb(session).delete_item(
        TableName=_table(case, deployment), Key=_key(case), **_NEVER
    ),
    "dynamodb:ConditionCheckItem": _check,
}


# --- Everything else -------------------------------------------------------------------------------------------


def _event(case: Case, deployment: Deployment) -> dict[str, str]:
    """An event whose detail EventBridge does not take."""
    source = case.context.get("events:source", "role-case")
    detail_type = {"DetailType": case.context["events:detail-type"]} if case.context else {}
    bus = deployment.arn(case.resource).rpartition("/")[2]
    return {"Source": source, "Detail": "no JSON", "EventBusName": bus, **detail_type}


def _queue(case: Case, deployment: Deployment) -> str:
    name = deployment.arn(case.resource).rpartition(":")[2]
    return f"https://sqs.{deployment.region}.amazonaws.com/{deployment.account_id}/{name}"


def _bucket(case: Case, deployment: Deployment) -> dict[str, str]:
    _, purpose, *key = case.resource.split("/", 2)
    bucket = {"Bucket": f"{deployment.name_prefix}-s3-{purpose}{deployment.bucket_suffix}"}
    return bucket | ({"Key": key[0]} if key else {})


def _retention(case: Case) -> dict[str, Any]:
    """A lock for as long as the case says; no longer than a day where it says nothing."""
    days = int(case.context.get("s3:object-lock-remaining-retention-days", 1))
    return {"Mode": "GOVERNANCE", "RetainUntilDate": datetime.now(UTC) + timedelta(days=days)}


def _mail(case: Case, deployment: Deployment, content: dict[str, Any]) -> dict[str, Any]:
    """A mail to nobody from the case's sender, which is the deployment's own where the case means that."""
    address = case.context.get("ses:FromAddress", SENDER["from_address"])
    if address == SENDER["from_address"]:
        address = deployment.sender["from_address"]
    address = f"{address.partition('@')[0]}@{deployment.sender['identity']}"
    configuration_set = f"{deployment.name_prefix}-mail"
    return {
        "FromEmailAddress": address,
        "Destination": {},
        "Content": content,
        "ConfigurationSetName": configuration_set,
    }


def _send_templated(session: boto3.Session, case: Case, deployment: Deployment) -> object:
    parts = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "contract" / "mail").iterdir())
    values = dict.fromkeys(re.findall(r"\{\{(\w+)\}\}", parts), "")
    template = {"TemplateName": f"{deployment.name_prefix}-mail-invitation", "TemplateData": json.dumps(values)}
    return session.client("sesv2").send_email(**_mail(case, deployment, {"Template": template}))


def _log_group(case: Case, deployment: Deployment) -> dict[str, str]:
    return {"logGroupName": f"/aws/lambda/{deployment.name_prefix}-lambda-{case.resource.split('/')[1]}"}


_CALLS: dict[str, Call] = {
    **_ITEM_CALLS,
    "dynamodb:Scan": lambda session, case, deployment: _dynamodb(session).scan(TableName=_table(case, deployment)),
    "dynamodb:PartiQLSelect": lambda session, case, deployment: _dynamodb(session).execute_statement(
        Statement=f'SELECT * FROM "{_table(case, deployment)}"', Limit=1
    ),
    # Of an item that is not there.
    "dynamodb:BatchWriteItem": lambda session, case, deployment: _dynamodb(session).batch_write_item(
        RequestItems={_table(case, deployment): [{"DeleteRequest": {"Key": _NOBODY}}]}
    ),
    "dynamodb:PartiQLDelete": lambda session, case, deployment: _dynamodb(session).execute_statement(
        Statement=f"DELETE FROM \"{_table(case, deployment)}\" WHERE PK = 'ROLE-CASE' AND SK = 'ROLE-CASE'"
    ),
    # Without a change.
    "dynamodb:UpdateTable": lambda session, case, deployment: _dynamodb(session).update_table(
        TableName=_table(case, deployment)
    ),
    "s3:ListBucket": lambda session, case, deployment: session.client("s3").list_objects_v2(
        Prefix=case.context["s3:prefix"], **_bucket(case, deployment)
    ),
    "s3:GetObject": lambda session, case, deployment: session.client("s3").get_object(**_bucket(case, deployment)),
    # A digest of something else.
    "s3:PutObject": lambda session, case, deployment: session.client("s3").put_object(
        Body=b"role-case", ContentMD5="AAAAAAAAAAAAAAAAAAAAAA==", **_bucket(case, deployment)
    ),
    "s3:DeleteObject": lambda session, case, deployment: session.client("s3").delete_object(
        **_bucket(case, deployment)
    ),
    "s3:DeleteObjectVersion": lambda session, case, deployment: session.client("s3").delete_object(
        VersionId="role-case", **_bucket(case, deployment)
    ),
    # Of an object that is not there.
    "s3:PutObjectRetention": lambda session, case, deployment: session.client("s3").put_object_retention(
        Retention=_retention(case), **_bucket(case, deployment)
    ),
    "s3:BypassGovernanceRetention": lambda session, case, deployment: session.client("s3").put_object_retention(
        Retention=_retention(case), BypassGovernanceRetention=True, **_bucket(case, deployment)
    ),
    "s3:PutBucketPolicy": lambda session, case, deployment: session.client("s3").put_bucket_policy(
        Policy="no JSON", **_bucket(case, deployment)
    ),
    "logs:CreateLogGroup": lambda session, case, deployment: session.client("logs").create_log_group(
        **_log_group(case, deployment)
    ),
    "logs:DeleteLogGroup": lambda session, case, deployment: session.client("logs").delete_log_group(
        **_log_group(case, deployment)
    ),
    "logs:CreateLogStream": lambda session, case, deployment: session.client("logs").create_log_stream(
        logStreamName="not:a:name", **_log_group(case, deployment)
    ),
    "logs:PutLogEvents": lambda session, case, deployment: session.client("logs").put_log_events(
        logStreamName="role-case-never-made",
        logEvents=[{"timestamp": 0, "message": "role case"}],
        **_log_group(case, deployment),
    ),
    "logs:FilterLogEvents": lambda session, case, deployment: session.client("logs").filter_log_events(
        limit=1, **_log_group(case, deployment)
    ),
    "events:PutEvents": lambda session, case, deployment: session.client("events").put_events(
        Entries=[_event(case, deployment)]
    ),
    # A message that nobody has received.
    "sqs:DeleteMessage": lambda session, case, deployment: session.client("sqs").delete_message(
        QueueUrl=_queue(case, deployment), ReceiptHandle="role-case"
    ),
    # SES checks a mail on all that it names at once: the identity, the configuration set and the template.
    "ses:SendTemplatedEmail": _send_templated,
    "ses:SendRawEmail": lambda session, case, deployment: session.client("sesv2").send_email(
        **_mail(case, deployment, {"Raw": {"Data": b"role case"}})
    ),
    # Without a text, and none at all.
    "sqs:SendMessage": lambda session, case, deployment: session.client("sqs").send_message(
        QueueUrl=_queue(case, deployment), MessageBody=""
    ),
    "sqs:ReceiveMessage": lambda session, case, deployment: session.client("sqs").receive_message(
        QueueUrl=_queue(case, deployment), MaxNumberOfMessages=0
    ),
    "sqs:SetQueueAttributes": lambda session, case, deployment: session.client("sqs").set_queue_attributes(
        QueueUrl=_queue(case, deployment), Attributes={}
    ),
    "kms:Decrypt": lambda session, case, deployment: session.client("kms").decrypt(CiphertextBlob=b"role-case"),
    "lambda:InvokeFunction": lambda session, case, deployment: session.client("lambda").invoke(
        FunctionName="role-case"
    ),
    "cognito-idp:ListUsers": lambda session, case, deployment: session.client("cognito-idp").list_users(
        UserPoolId=deployment.user_pool_id, Limit=1
    ),
    "cognito-idp:AdminUpdateUserAttributes": lambda session, case, deployment: session.client(
        "cognito-idp"
    ).admin_update_user_attributes(UserPoolId=deployment.user_pool_id, Username="role-case", UserAttributes=[]),
    "cognito-idp:AdminGetUser": lambda session, case, deployment: session.client("cognito-idp").admin_get_user(
        UserPoolId=deployment.user_pool_id, Username="role-case"
    ),
    "cognito-idp:AdminDeleteUser": lambda session, case, deployment: session.client("cognito-idp").admin_delete_user(
        UserPoolId=deployment.user_pool_id, Username="role-case"
    ),
    "cognito-idp:AdminSetUserPassword": lambda session, case, deployment: session.client(
        "cognito-idp"
    ).admin_set_user_password(UserPoolId=deployment.user_pool_id, Username="role-case", Password="x"),
    # There is no such user whose invitation could be sent again.
    "cognito-idp:AdminCreateUser": lambda session, case, deployment: session.client("cognito-idp").admin_create_user(
        UserPoolId=deployment.user_pool_id,
        Username="role-case",
        MessageAction="RESEND",
    ),
}
