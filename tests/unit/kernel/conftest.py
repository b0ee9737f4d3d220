"""The local AWS for tests of the database client: the real emulator with TLS, and two tables."""

from collections.abc import Iterator

import boto3
import pytest

from bbws_access.kernel.dynamodb import Credentials, Database
from bbws_access.local_aws import LocalAws

REGION = "eu-west-1"


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    local = LocalAws(tmp_path_factory.mktemp("kernel-aws"), REGION)
    local.start()
    yield local
    local.stop()


@pytest.fixture(scope="session")
def table(emulator: LocalAws) -> str:
    """A table with the index GSI1, as the tables of the data model have it."""
    environment = emulator.environment()
    client = boto3.client(
        "dynamodb",
        region_name=REGION,
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        verify=environment["AWS_CA_BUNDLE"],
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    client.create_table(
        TableName="kernel",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"} for name in ("PK", "SK", "GSI1PK", "GSI1SK")
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "assignments-by-role",
                "KeySchema": [
                    {"AttributeName": "GSI1PK", "KeyType": "HASH"},
                    {"AttributeName": "GSI1SK", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    return "kernel"


@pytest.fixture
def database(emulator: LocalAws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    environment = emulator.environment()
    monkeypatch.setenv("AWS_CA_BUNDLE", environment["AWS_CA_BUNDLE"])
    database = Database(REGION, environment["AWS_ENDPOINT_URL"], lambda: Credentials("test", "test"))
    yield database
    database.close()
