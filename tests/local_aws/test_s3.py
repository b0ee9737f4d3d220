"""Metrics configurations of buckets: shim `s3`. MiniStack takes a request for one for CreateBucket."""

from collections.abc import Callable

import pytest
from botocore.exceptions import ClientError

from tests.local_aws.conftest import REGION, Aws


def test_metrics_configurations(aws: Aws, unique: Callable[[str], str]) -> None:
    client, bucket = aws.client("s3"), unique("measured")
    client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    configuration = {"Id": "prefix", "Filter": {"Prefix": "archive/"}}
    client.put_bucket_metrics_configuration(Bucket=bucket, Id="prefix", MetricsConfiguration=configuration)
    found = client.get_bucket_metrics_configuration(Bucket=bucket, Id="prefix")
    assert found["MetricsConfiguration"] == configuration
    listed = client.list_bucket_metrics_configurations(Bucket=bucket)
    assert listed["MetricsConfigurationList"] == [configuration]
    client.delete_bucket_metrics_configuration(Bucket=bucket, Id="prefix")
    with pytest.raises(ClientError, match="NoSuchConfiguration"):
        client.get_bucket_metrics_configuration(Bucket=bucket, Id="prefix")
