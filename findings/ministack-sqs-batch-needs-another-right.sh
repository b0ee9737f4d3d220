#!/usr/bin/env bash
# IAM has no action for a batch: `sqs:SendMessage` allows SendMessageBatch on AWS (SQS developer guide, API permissions reference). With AUTH=true
# MiniStack 1.5.33 asks for `sqs:SendMessageBatch`, which no policy for AWS can name, so a user who may send is refused the batch.
export AUTH=true
. "$(dirname "$0")/ministack.lib"
probe <<'PYTHON'
import json

import boto3
from botocore.exceptions import ClientError
from client import client

iam, url = client("iam"), client("sqs").create_queue(QueueName="letters")["QueueUrl"]
iam.create_user(UserName="ann")
allowed = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}
iam.put_user_policy(UserName="ann", PolicyName="send", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allowed]}))
key = iam.create_access_key(UserName="ann")["AccessKey"]
sqs = boto3.client("sqs", endpoint_url=client("sqs").meta.endpoint_url, region_name="eu-west-1",
                   aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])
sqs.send_message(QueueUrl=url, MessageBody="one")
print("SendMessage      allowed")
try:
    sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": "a", "MessageBody": "two"}])
except ClientError as error:
    print("SendMessageBatch", error.response["Error"]["Code"], error.response["Error"]["Message"])
    assert "sqs:SendMessageBatch" in str(error)
else:
    raise SystemExit("the batch is allowed now")
PYTHON
