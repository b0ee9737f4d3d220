"""A local AWS of the tests' own with the tables of the data model, for real conditions and real transactions.

Fixtures: `local_aws` (one per process), `tables` (made once, by the names of the data model). Records of one test never
meet those of another: every test makes organisations and users of its own.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import boto3
import pytest

from bbws_access.kernel.aws import Aws
from bbws_access.kernel.contract import load_data_model
from bbws_access.kernel.dynamodb import Database, Page, Query
from bbws_access.local_aws import LocalAws

REGION = "eu-west-1"


_running: list[LocalAws] = []
_environment_before = pytest.StashKey[dict[str, str]]()


@pytest.fixture(scope="session")
def local_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """An empty local AWS; ends with the tests.

    While a test that uses it runs, the environment leads to it, as a function's environment in AWS leads to its own.
    """
    aws = LocalAws(Path(tmp_path_factory.mktemp("aws")), REGION)
    aws.start()
    os.environ.update(aws.environment())
    _running.append(aws)
    yield aws
    _running.clear()
    aws.stop()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before the fixtures of any scope: tests of other folders talk to an AWS of theirs, in the same process."""
    definitions = getattr(item, "_fixtureinfo", None)
    found = definitions.name2fixturedefs.get("local_aws") if definitions else None
    if found and found[-1].func.__module__ == __name__:
        item.stash[_environment_before] = dict(os.environ)
        for aws in _running:
            os.environ.update(aws.environment())


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    before = item.stash.get(_environment_before, None)
    if before is not None:
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(scope="session")
def tables(local_aws: LocalAws) -> dict[str, str]:
    """The real names of the tables by their names in the data model."""
    return create_tables()


def create_tables() -> dict[str, str]:
    """Create the tables where the environment leads to; their real names by their names in the data model."""
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


def query_all(database: Database, table: str, partition: str, **options: object) -> list[dict]:
    """Every item of a partition that matches, over as many pages as it takes. Options are the fields of `Query`."""
    query = Query(table, partition, **options)
    [page] = database.parallel([query])
    return database.rest_of(query, page)


@pytest.fixture
def items_read(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """What queries of the test have read so far: the partition, and how many items of it came at once."""
    read: list[tuple[str, int]] = []
    result = Query._result

    def noting(query: Query, answer: dict) -> Page:
        page = result(query, answer)
        read.append((query.partition, len(page.items)))
        return page

    monkeypatch.setattr(Query, "_result", noting)
    return read


def patient_database(endpoint: str) -> Database:
    """A client that bears a busy machine: twenty connections at once take their time where two cores do everything."""
    return StrictDatabase(REGION, endpoint, deadline=60.0, attempt_timeout=30.0)


def patient_aws(endpoint: str) -> Aws:
    """A client of the other services that bears a busy machine as well."""
    return Aws(REGION, endpoint, deadline=60.0, attempt_timeout=30.0)


class StrictDatabase(Database):
    """Refuses what DynamoDB refuses and the local AWS lets pass: reserved words, and keys in a filter.

    All of one process share their connections: each test has instances of its own, and most would connect for a
    request or two.
    """

    _kept: ClassVar[dict[str, list]] = {}

    def __init__(self, region: str, endpoint: str, **options: float) -> None:
        super().__init__(region, endpoint, **options)
        self._pool._idle = self._kept.setdefault(endpoint, [])

    def close(self) -> None:
        """Leave the connections to the others."""

    def _run(self, calls: list, deadline: float | None = None) -> list:
        for call in calls:
            _, body = call._request()
            several = [one for action in body.get("TransactItems", ()) for one in action.values()]
            for part in [body, *several, *body.get("RequestItems", {}).values()]:
                _check_expressions(part)
        return super()._run(calls, deadline)


_EXPRESSIONS = (
    "KeyConditionExpression",
    "FilterExpression",
    "ProjectionExpression",
    "ConditionExpression",
    "UpdateExpression",
)
_GRAMMAR = {"AND", "OR", "NOT", "BETWEEN", "SET", "ADD", "REMOVE", "DELETE"}
_FUNCTIONS = {"attribute_exists", "attribute_not_exists", "if_not_exists", "begins_with"}
_KEYS = {"PK", "SK", *(f"GSI{n}{kind}" for n in (1, 2, 3) for kind in ("PK", "SK"))}


def _check_expressions(body: dict) -> None:
    for kind in _EXPRESSIONS:
        expression = body.get(kind, "")
        bare = set(re.findall(r"(?<![#:\w])[A-Za-z_]\w*", expression)) - _GRAMMAR - _FUNCTIONS
        # All reserved words are single words; a letter, or what is made of two words as in expiresAt, is none of them.
        plain = {word for word in bare - _KEYS - {"version"} if not re.fullmatch(r"[a-z]+([A-Z][a-z]+)+|[a-z]", word)}
        assert not plain, f"{kind}: {sorted(plain)} may be reserved words; name them by placeholders"
        if kind == "FilterExpression":
            named = {body["ExpressionAttributeNames"][name] for name in re.findall(r"#\w+", expression)}
            own = ("GSI1PK", "GSI1SK") if "IndexName" in body else ("PK", "SK")
            assert not (bare | named) & set(own), f"{kind}: a filter cannot look at the keys of what is queried"


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
