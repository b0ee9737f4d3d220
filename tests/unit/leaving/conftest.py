"""All services, in an organisation of their own, and requests that stop just before what they write."""

from __future__ import annotations

from collections.abc import Callable

import boto3
import pytest
from benchmarks._scenarios import Place

from bbws_access.kernel.dynamodb import Database
from bbws_access.local_aws import LocalAws
from tests.support.services import Instance


@pytest.fixture(scope="session")
def place(local_aws: LocalAws, seeded_tables: dict[str, str]) -> Place:
    """An instance of each service, and an organisation with one of each thing."""
    return Place(local_aws.endpoint, seeded_tables)


@pytest.fixture
def before_commit(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list]:
    """Makes something happen once, just before the next transaction of an instance, or before one that comes later.

    What it returned is in the list.
    """

    def arrange(instance: Instance, act: Callable[[], object], number: int = 1) -> list:
        database: Database = instance.database
        run, done, seen = database._run, [], []

        def paused(calls: list, *more: object) -> list:
            if type(calls[0]).__name__ == "_Transact":
                seen.append(calls)
                if len(seen) == number:
                    done.append(act())
            return run(calls, *more)

        monkeypatch.setattr(database, "_run", paused)
        return done

    return arrange


@pytest.fixture
def written_by(seeded_tables: dict[str, str]) -> Callable[[str], list[dict]]:
    """All records, in every table, that a request wrote last; by the request's id."""

    def find(request_id: str) -> list[dict]:
        client, found = boto3.client("dynamodb"), []
        for table in seeded_tables.values():
            pages = client.get_paginator("scan").paginate(
                TableName=table,
                FilterExpression="requestId = :request",
                ExpressionAttributeValues={":request": {"S": request_id}},
            )
            found += [item for page in pages for item in page["Items"]]
        return found

    return find
