"""A local AWS of the tests' own with the tables of the data model, for real conditions and real transactions.

Fixtures: `local_aws` (one per process), `tables` (made once, by the names of the data model). Records of one test never
meet those of another: every test makes organisations and users of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from bbws_access.kernel.contract import load_data_model
from bbws_access.kernel.dynamodb import Database
from bbws_access.local_aws import LocalAws

REGION = "eu-west-1"


@pytest.fixture(scope="session")
def local_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """An empty local AWS; ends with the tests."""
    aws = LocalAws(Path(tmp_path_factory.mktemp("aws")), REGION)
    aws.start()
    # The session's other fixtures and the code under test find it as a function in AWS finds its own.
    with pytest.MonkeyPatch.context() as patch:
        for name, value in aws.environment().items():
            patch.setenv(name, value)
        yield aws
    aws.stop()


@pytest.fixture(scope="session")
def tables(local_aws: LocalAws) -> dict[str, str]:
    """The real names of the tables by their names in the data model."""
    client = boto3.client("dynamodb")
    names = {}
    for name, table in load_data_model()["tables"].items():
        names[name] = f"bbws-access-test-ddb-{name}"
        create_table(client, names[name], table)
    return names


@pytest.fixture
def database(local_aws: LocalAws) -> Iterator[Database]:
    """A client of the kernel's own kind."""
    database = patient_database(local_aws.endpoint)
    yield database
    database.close()


def patient_database(endpoint: str) -> Database:
    """A client that bears a busy machine: twenty connections at once take their time where two cores do everything."""
    return Database(REGION, endpoint, deadline=60.0, attempt_timeout=30.0)


def create_table(client: object, name: str, table: dict) -> None:
    """Create a table with the keys and indexes that the data model gives it."""
    indexes = table["indexes"]
    attributes = {"PK", "SK"} | {index[part] for index in indexes.values() for part in ("partitionKey", "sortKey")}
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": one, "AttributeType": "S"} for one in sorted(attributes)],
        KeySchema=_key_schema("PK", "SK"),
        GlobalSecondaryIndexes=[
            {
                "IndexName": index_name,
                "KeySchema": _key_schema(index["partitionKey"], index["sortKey"]),
                "Projection": {"ProjectionType": index["projection"]},
            }
            for index_name, index in indexes.items()
        ],
    )
    client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})


def _key_schema(partition: str, sort: str) -> list[dict[str, str]]:
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]
