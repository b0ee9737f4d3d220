#!/usr/bin/env bash
# SetDefaultPolicyVersion makes another stored version of a managed policy the one that counts. MiniStack 1.5.33 lists, makes and deletes
# versions, and CreatePolicyVersion can make a new one the default, but going back to an older one is an unknown action.
. "$(dirname "$0")/ministack.lib"
probe <<'PYTHON'
import json

from botocore.exceptions import ClientError
from client import client

iam = client("iam")


def document(action):
    statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


arn = iam.create_policy(PolicyName="p", PolicyDocument=document("s3:GetObject"))["Policy"]["Arn"]
iam.create_policy_version(PolicyArn=arn, PolicyDocument=document("s3:PutObject"), SetAsDefault=True)
versions = {one["VersionId"]: one["IsDefaultVersion"] for one in iam.list_policy_versions(PolicyArn=arn)["Versions"]}
print("versions, and which is the default:", versions)
assert versions == {"v1": False, "v2": True}, versions
try:
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
except ClientError as error:
    print("SetDefaultPolicyVersion:", error.response["Error"]["Code"], "-", error.response["Error"]["Message"])
    assert error.response["Error"]["Code"] in ("InvalidAction", "UnknownOperationException", "NotImplemented"), error
else:
    raise SystemExit("SetDefaultPolicyVersion is known now")
PYTHON
