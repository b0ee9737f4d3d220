"""Keys that AWS manages: shim `kms`. MiniStack knows none, and Terraform asks for the one of DynamoDB."""

import pytest
from botocore.exceptions import ClientError

from tests.local_aws.conftest import Aws


def test_a_managed_key_is_there_when_asked_for(aws: Aws) -> None:
    client = aws.client("kms")
    key = client.describe_key(KeyId="alias/aws/dynamodb")["KeyMetadata"]
    assert key["KeyManager"] == "AWS"
    assert client.describe_key(KeyId="alias/aws/dynamodb")["KeyMetadata"]["KeyId"] == key["KeyId"]
    with pytest.raises(ClientError):
        client.schedule_key_deletion(KeyId=key["KeyId"])
    with pytest.raises(ClientError):
        client.describe_key(KeyId="alias/other")
