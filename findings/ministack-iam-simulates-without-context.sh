#!/usr/bin/env bash
# SimulateCustomPolicy of a policy with ${aws:username} in its resource, the value given in ContextEntries. IAM fills the variable and answers
# `allowed` for ann's own prefix. MiniStack 1.5.33 answers implicitDeny; without the variable the same call is allowed.
. "$(dirname "$0")/ministack.lib"
probe <<'PYTHON'
import json
from client import client

iam = client("iam")

def decision(resource):
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": resource}]}
    answer = iam.simulate_custom_policy(
        PolicyInputList=[json.dumps(policy)], ActionNames=["s3:GetObject"], ResourceArns=["arn:aws:s3:::shelf/ann/book"],
        ContextEntries=[{"ContextKeyName": "aws:username", "ContextKeyValues": ["ann"], "ContextKeyType": "string"}])
    found = answer["EvaluationResults"][0]["EvalDecision"]
    print(f"{resource:40} {found}")
    return found

assert decision("arn:aws:s3:::shelf/ann/*") == "allowed"
assert decision("arn:aws:s3:::shelf/${aws:username}/*") == "implicitDeny", "the variable is filled now"
PYTHON
