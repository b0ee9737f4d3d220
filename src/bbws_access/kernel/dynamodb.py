"""A small DynamoDB client: signed requests over kept TLS connections, several in flight at once without threads.

Items are plain Python values: str, int, float, bool, None, bytes, list, dict and sets of str or int. Why not boto3:
docs/decisions/0007-own-dynamodb-client.md
"""

from __future__ import annotations

import json
import math
import os
import random
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from typing import NamedTuple

from bbws_access.kernel.http import Connection, Pool
from bbws_access.kernel.signature import Credentials, MissingCredentials, Signer, environment_credentials

_SERVICE = "dynamodb"
_TARGET = "DynamoDB_20120810."
_CONTENT_TYPE = "application/x-amz-json-1.0"
_FIRST_BACKOFF = 0.025
_LONGEST_BACKOFF = 1.0
MOST_IN_BATCH = 100  # keys of a BatchGet
# Each needs a connection, and each new one a TLS handshake; the authorizer asks as many for a token of eleven
# organisations, all at once.
_MOST_IN_FLIGHT = 37

_THROTTLES = frozenset(
    (
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "Throttling",
        "RequestLimitExceeded",
        "TooManyRequestsException",
        "LimitExceededException",
        "TransactionConflictException",
    )
)
_TRANSIENT = frozenset(("InternalServerError", "ServiceUnavailable", "TransactionInProgressException"))
_ENCODER = json.JSONEncoder(separators=(",", ":"))  # made once: `json.dumps` with options makes one for each call
_DECODER = json.JSONDecoder()
_PASSING_REASONS = frozenset(("TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"))


class DatabaseError(Exception):
    """DynamoDB refused a request: a fault of the program or of its permissions. `code` is DynamoDB's."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(f"{code}: {message}" if code else message)
        self.code = code


class ConditionFailed(DatabaseError):
    """The condition of a single write did not hold. Nothing was written."""


class TransactionCancelled(DatabaseError):
    """A transaction did not happen. `reasons` has one entry per action: None, or DynamoDB's code for what failed."""

    def __init__(self, message: str, reasons: list[str | None]) -> None:
        super().__init__(message, "TransactionCanceledException")
        self.reasons = reasons

    def failed(self) -> list[int]:
        """Positions of the actions whose condition did not hold."""
        return [n for n, reason in enumerate(self.reasons) if reason == "ConditionalCheckFailed"]


class DatabaseUnavailable(DatabaseError):
    """DynamoDB did not answer in time, or answered with faults until the deadline.

    After a conditional single write the outcome is unknown; a transaction is safe to send again with its token.
    """


class Throttled(DatabaseUnavailable):
    """DynamoDB asked for fewer requests until the deadline. Nothing was written."""


class Page(NamedTuple):
    """One page of a query. `last_key` is None at the end; pass it as `start_key` to go on."""

    items: list[dict]
    last_key: dict | None
    count: int


class Get(NamedTuple):
    """Read one item; the result is the item or None."""

    table: str
    key: dict
    consistent: bool = True
    projection: str | None = None
    names: dict[str, str] | None = None

    def _request(self) -> tuple[str, dict]:
        body = {"TableName": self.table, "Key": encode_item(self.key), "ConsistentRead": self.consistent}
        return "GetItem", _optional(body, ProjectionExpression=self.projection, ExpressionAttributeNames=self.names)

    def _result(self, answer: dict) -> dict | None:
        return decode_item(answer["Item"]) if "Item" in answer else None


class Query(NamedTuple):
    """Read one partition of a table or of an index; the result is a Page.

    sort_prefix: only sort keys that begin so      sort_range: only sort keys between these two, both included
    index: (index name, partition attribute, sort attribute) or the index name alone, then the attributes are GSI1PK
    and GSI1SK, or those of the data model when the caller uses `Database.query`
    select: "COUNT" to count only
    answers: what was answered to requests, kept here by whoever asks again and changes nothing of it: what is the same
    to the byte is not decoded again
    """

    table: str
    partition: str
    sort_prefix: str | None = None
    sort_range: tuple[str, str] | None = None
    index: str | tuple[str, str, str] | None = None
    limit: int | None = None
    start_key: dict | None = None
    forward: bool = True
    consistent: bool = True
    filter: str | None = None
    names: dict[str, str] | None = None
    values: dict[str, object] | None = None
    select: str | None = None
    projection: str | None = None
    answers: dict[bytes, tuple[bytes, Page]] | None = None

    def _request(self) -> tuple[str, dict]:
        index, partition_name, sort_name = self._index()
        names = {"#pk": partition_name}
        values = {":pk": {"S": self.partition}}
        condition = "#pk = :pk"
        if self.sort_prefix and self.sort_range:
            raise ValueError("A query takes sort_prefix or sort_range, not both")
        if self.sort_prefix:
            condition += " AND begins_with(#sk, :sk)"
            names["#sk"] = sort_name
            values[":sk"] = {"S": self.sort_prefix}
        elif self.sort_range:
            condition += " AND #sk BETWEEN :sk AND :sk2"
            names["#sk"] = sort_name
            values[":sk"], values[":sk2"] = {"S": self.sort_range[0]}, {"S": self.sort_range[1]}
        if self.names:
            names.update(self.names)
        if self.values:
            values.update(encode_item(self.values))
        body = {
            "TableName": self.table,
            "KeyConditionExpression": condition,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
        }
        if index is None:
            body["ConsistentRead"] = self.consistent
        if not self.forward:
            body["ScanIndexForward"] = False
        return "Query", _optional(
            body,
            IndexName=index,
            Limit=self.limit,
            ExclusiveStartKey=encode_item(self.start_key) if self.start_key else None,
            FilterExpression=self.filter,
            Select=self.select,
            ProjectionExpression=self.projection,
        )

    def key_attributes(self) -> tuple[str, str]:
        """The names of the partition key and the sort key of what is queried: the table or the index."""
        return self._index()[1:]

    def _index(self) -> tuple[str | None, str, str]:
        if self.index is None:
            return None, "PK", "SK"
        if isinstance(self.index, tuple):
            return self.index
        from bbws_access.kernel.contract import load_data_model

        for table in load_data_model()["tables"].values():
            if self.index in table["indexes"]:
                index = table["indexes"][self.index]
                return self.index, index["partitionKey"], index["sortKey"]
        raise ValueError(f"The data model has no index {self.index!r}")

    def _answered(self, request: bytes, answer: bytes) -> Page:
        """The page of an answer, which may be one of those that are kept."""
        had = self.answers.get(request)
        if had is None or had[0] != answer:
            had = self.answers[request] = answer, self._result(_DECODER.decode(answer.decode()))
        return had[1]

    def _result(self, answer: dict) -> Page:
        last = answer.get("LastEvaluatedKey")
        return Page(
            _decode_items(answer.get("Items", ())),
            decode_item(last) if last else None,
            answer.get("Count", 0),
        )


class Put(NamedTuple):
    """Write a whole item."""

    table: str
    item: dict
    condition: str | None = None
    names: dict[str, str] | None = None
    values: dict[str, object] | None = None

    def _request(self) -> tuple[str, dict]:
        return "PutItem", self._action()[1]

    def _action(self) -> tuple[str, dict]:
        return "Put", _conditioned({"TableName": self.table, "Item": encode_item(self.item)}, self)

    def _result(self, answer: dict) -> None:
        return None


class Update(NamedTuple):
    """Change an item by an update expression; outside a transaction the result is the item as it then is."""

    table: str
    key: dict
    expression: str
    condition: str | None = None
    names: dict[str, str] | None = None
    values: dict[str, object] | None = None

    def _request(self) -> tuple[str, dict]:
        return "UpdateItem", {**self._action()[1], "ReturnValues": "ALL_NEW"}

    def _action(self) -> tuple[str, dict]:
        body = {"TableName": self.table, "Key": encode_item(self.key), "UpdateExpression": self.expression}
        return "Update", _conditioned(body, self)

    def _result(self, answer: dict) -> dict:
        return decode_item(answer.get("Attributes", {}))


class Delete(NamedTuple):
    """Remove an item."""

    table: str
    key: dict
    condition: str | None = None
    names: dict[str, str] | None = None
    values: dict[str, object] | None = None

    def _request(self) -> tuple[str, dict]:
        return "DeleteItem", self._action()[1]

    def _action(self) -> tuple[str, dict]:
        return "Delete", _conditioned({"TableName": self.table, "Key": encode_item(self.key)}, self)

    def _result(self, answer: dict) -> None:
        return None


class Check(NamedTuple):
    """A condition on an item that a transaction does not change."""

    table: str
    key: dict
    condition: str
    names: dict[str, str] | None = None
    values: dict[str, object] | None = None

    def _action(self) -> tuple[str, dict]:
        return "ConditionCheck", _conditioned({"TableName": self.table, "Key": encode_item(self.key)}, self)


class _Transact(NamedTuple):
    actions: list
    token: str
    alone: bool = False  # what becomes of it is its result, and no matter of what is sent beside it

    def _request(self) -> tuple[str, dict]:
        actions = [dict([action._action()]) for action in self.actions]
        return "TransactWriteItems", {"TransactItems": actions, "ClientRequestToken": self.token}

    def _result(self, answer: dict) -> None:
        return None


class BatchGet(NamedTuple):
    """Read up to 100 items of one table by their keys, each once; the result has each item, or None, in their order.

    What DynamoDB leaves unprocessed is asked for again until the deadline, so no result lacks an item that is there.
    """

    table: str
    keys: tuple[dict, ...]
    projection: str | None = None
    names: dict[str, str] | None = None

    def _request(self) -> tuple[str, dict]:
        if not 0 < len(self.keys) <= MOST_IN_BATCH:
            raise ValueError(f"A batch has 1 to {MOST_IN_BATCH} keys, not {len(self.keys)}")
        return self._of([encode_item(key) for key in self.keys])

    def _of(self, keys: list[dict]) -> tuple[str, dict]:
        # The keys say which answer is whose.
        projection = f"PK,SK,{self.projection}" if self.projection else None
        part = {"Keys": keys, "ConsistentRead": True}
        _optional(part, ProjectionExpression=projection, ExpressionAttributeNames=self.names)
        return "BatchGetItem", {"RequestItems": {self.table: part}}

    def _left(self, answer: dict) -> tuple[str, dict] | None:
        """The request for what the answer leaves unprocessed, as consistent as the first one."""
        left = answer.get("UnprocessedKeys") or {}
        keys = [key for part in left.values() for key in part["Keys"]]
        return self._of(keys) if keys else None

    def _result(self, answer: dict, before: list | None = None) -> list[dict | None]:
        """What came before, with the items of one more answer."""
        found = [decode_item(item) for items in answer.get("Responses", {}).values() for item in items]
        by_key = {(item["PK"], item["SK"]): item for item in found}
        result = before or [None] * len(self.keys)
        return [by_key.get((key["PK"], key["SK"]), had) for key, had in zip(self.keys, result, strict=True)]


Call = Get | Query | BatchGet


class _Together(NamedTuple):
    """Batches of several tables, up to 100 keys, as one request; the result has theirs."""

    parts: tuple[BatchGet, ...]

    def _request(self) -> tuple[str, dict]:
        return self._of([part._request() for part in self.parts])

    def _of(self, requests: Iterable[tuple[str, dict]]) -> tuple[str, dict]:
        tables: dict[str, dict] = {}
        for _, body in requests:
            tables.update(body["RequestItems"])
        return "BatchGetItem", {"RequestItems": tables}

    def _left(self, answer: dict) -> tuple[str, dict] | None:
        requests = [part._left(_of_table(answer, part.table)) for part in self.parts]
        left = [request for request in requests if request is not None]
        return self._of(left) if left else None

    def _result(self, answer: dict, before: list | None = None) -> list[list[dict | None]]:
        had = before or [None] * len(self.parts)
        return [part._result(_of_table(answer, part.table), found) for part, found in zip(self.parts, had, strict=True)]


_READS = Get, Query, BatchGet, _Together


def _of_table(answer: dict, table: str) -> dict:
    """What of the answer to a batch is about one table."""
    return {
        name: {table: answer[name][table]} for name in ("Responses", "UnprocessedKeys") if table in answer.get(name, {})
    }


class _Plan:
    """Which requests carry some calls: single items travel together, up to 100 in one request."""

    def __init__(self, calls: list, *, apart: bool) -> None:
        """apart: each table's items in requests of their own"""
        self._calls = calls
        self._others: list[int] = []
        places: dict[tuple[str, ...], list[int]] = {}
        for n, call in enumerate(calls):
            if _is_single(call):
                # DynamoDB refuses a key that comes twice.
                places.setdefault((call.table, *call.key.values()), []).append(n)
            else:
                self._others.append(n)
        tables: dict[str, list[list[int]]] = {}
        for (table, *_), positions in places.items():
            tables.setdefault(table, []).append(positions)
        # In each request, by table, the positions of the results of each of its keys.
        self._gathered: list[dict[str, list[list[int]]]] = []
        room = 0
        for table, wanted in tables.items():
            for positions in wanted:
                if not room or (apart and table not in self._gathered[-1]):
                    self._gathered.append({})
                    room = MOST_IN_BATCH
                self._gathered[-1].setdefault(table, []).append(positions)
                room -= 1
        self.sent = [*map(self._request, self._gathered), *(calls[n] for n in self._others)]
        self.mixes = any(len(gathered) > 1 for gathered in self._gathered)

    def _request(self, gathered: dict[str, list[list[int]]]) -> Get | BatchGet | _Together:
        keys = {table: [self._calls[one[0]].key for one in wanted] for table, wanted in gathered.items()}
        parts = [BatchGet(table, tuple(some)) for table, some in keys.items()]
        if len(parts) > 1:
            return _Together(tuple(parts))
        return parts[0] if len(parts[0].keys) > 1 else Get(parts[0].table, parts[0].keys[0])

    def results(self, found: list) -> list:
        """The results of the calls, from those of what was sent."""
        results: list = [None] * len(self._calls)
        for n, result in zip(self._others, found[len(self._gathered) :], strict=True):
            results[n] = result
        for gathered, sent, items in zip(self._gathered, self.sent, found, strict=False):
            by_table = items if type(sent) is _Together else [items if type(sent) is BatchGet else [items]]
            for wanted, some in zip(gathered.values(), by_table, strict=True):
                for positions, item in zip(wanted, some, strict=True):
                    for n in positions:
                        results[n] = item if item is None or n == positions[0] else dict(item)
        return results


def _is_single(call: object) -> bool:
    return isinstance(call, Get) and call.consistent and call.projection is None


class Database:
    """DynamoDB in one region.

    endpoint: another address than AWS's own, such as https://127.0.0.1:4566
    deadline: seconds for a call with all its retries; attempt_timeout: seconds without an answer for one attempt
    Every method raises DatabaseError or one of its kinds.
    """

    def __init__(
        self,
        region: str,
        endpoint: str | None = None,
        credentials: Callable[[], Credentials] = environment_credentials,
        *,
        deadline: float = 4.0,
        attempt_timeout: float = 1.5,
    ) -> None:
        self._region = region
        self._credentials = credentials
        self.deadline = deadline
        self._attempt_timeout = attempt_timeout
        self._pool = Pool(endpoint or f"https://{_SERVICE}.{region}.amazonaws.com")
        self._signer = Signer(_SERVICE, region, self._pool.authority, _CONTENT_TYPE)
        self.round_trips = 0  # waits for the database, one after another; as many as may be in flight count once
        self.requests = 0  # sent to the database
        # When reads that belong together were last answered apart: at several attempts, or too many to be in flight.
        self.apart_at = -math.inf
        self._apart = False  # whether one request may not read items of several tables

    def get(self, table: str, key: dict, *, consistent: bool = True) -> dict | None:
        """One item, or None."""
        return self._run([Get(table, key, consistent)])[0]

    def query(self, table: str, partition: str, **options: object) -> Page:
        """One page of a partition. Options are the fields of `Query`."""
        return self._run([Query(table, partition, **options)])[0]

    def rest_of(self, query: Query, page: Page) -> list[dict]:
        """The items of a first page and of all that follow it."""
        items = page.items
        while page.last_key is not None:
            page = self._run([query._replace(start_key=page.last_key)])[0]
            items = items + page.items
        return items

    def parallel(self, calls: Iterable[Call | Update], *, deadline: float | None = None) -> list:
        """The results of several calls that are in flight at the same time, up to 37, in the order of the calls.

        Reads, and updates that need nothing of what is read. Single items travel together, up to 100 in one request.
        Raises ConditionFailed of an update.
        """
        calls = list(calls)
        if not calls:
            return []
        plan = _Plan(calls, apart=self._apart)
        try:
            return plan.results(self._run(plan.sent, deadline))
        except DatabaseError as error:
            if error.code != "AccessDeniedException" or not plan.mixes:
                raise
            # How IAM sees the partition keys of a request for several tables is written nowhere.
            self._apart = True
            return self.parallel(calls, deadline=deadline)

    def put(self, table: str, item: dict, *, condition=None, names=None, values=None) -> None:
        """Write an item. Raises ConditionFailed."""
        self._run([Put(table, item, condition, names, values)])

    def update(self, table: str, key: dict, expression: str, *, condition=None, names=None, values=None) -> dict:
        """Change an item and return it as it then is. Raises ConditionFailed."""
        return self._run([Update(table, key, expression, condition, names, values)])[0]

    def delete(self, table: str, key: dict, *, condition=None, names=None, values=None) -> None:
        """Remove an item. Raises ConditionFailed."""
        self._run([Delete(table, key, condition, names, values)])

    def transact(self, actions: Iterable[Put | Update | Delete | Check], *, token: str | None = None) -> None:
        """All of the actions or none. Raises TransactionCancelled.

        token: at most 36 characters; the same token within ten minutes makes the same transaction happen once.
        """
        self._run([_Transact(list(actions), token or os.urandom(16).hex())])

    def transact_each(
        self, transactions: Iterable[list[Put | Update | Delete | Check]]
    ) -> list[TransactionCancelled | DatabaseUnavailable | None]:
        """Carry out transactions that have nothing to do with each other, up to 37 at the same time.

        Of each in their order: None where it happened, or why it did not; after DatabaseUnavailable that is unknown.
        """
        return self._run([_Transact(actions, os.urandom(16).hex(), alone=True) for actions in transactions])

    def close(self) -> None:
        """Close the kept connections."""
        self._pool.close()

    def _run(self, calls: list, deadline: float | None = None) -> list:
        end = time.monotonic() + (self.deadline if deadline is None else deadline)
        requests = [_encoded(call._request()) for call in calls]
        results: list = [None] * len(calls)
        waiting = list(range(len(calls)))
        attempt = 0
        while True:
            failures = self._attempt(calls, requests, waiting, results, end)
            if len(waiting) > _MOST_IN_FLIGHT or any(isinstance(calls[n], _READS) for n in failures):
                self.apart_at = time.monotonic()
            if not failures:
                return results
            attempt += 1
            # Full jitter: callers that failed together do not come back together.
            pause = random.uniform(0, min(_LONGEST_BACKOFF, _FIRST_BACKOFF * 2**attempt))  # noqa: S311 - spreads retries, guards no secret
            if time.monotonic() + pause >= end:
                for n, failure in failures.items():
                    results[n] = _unless_alone(calls[n], failure)
                return results
            time.sleep(pause)
            waiting = list(failures)

    def _attempt(self, calls: list, requests: list, waiting: list[int], results: list, end: float) -> dict:
        """Send what is waiting, and read the answers; returns what may be tried again."""
        try:
            credentials = self._credentials()
        except MissingCredentials as error:
            raise DatabaseError(str(error), "NoCredentials") from None
        failures: dict[int, DatabaseError] = {}
        sent: list[tuple[int, Connection]] = []
        # The first ones, single items gathered in one request, mostly take longest. They are sent last and waited for
        # first: by then the other answers are there, and a process that need not sleep for them takes less CPU.
        unsent = list(waiting)
        self.round_trips += -(-len(waiting) // _MOST_IN_FLIGHT)
        self.requests += len(waiting)
        try:
            while unsent or sent:
                while unsent and len(sent) < _MOST_IN_FLIGHT:
                    n = unsent.pop()
                    operation, body = requests[n]
                    data = self._signer.request(body, credentials, target=_TARGET + operation)
                    try:
                        sent.append((n, self._pool.send(data, self._timeout(end))))
                    except OSError as error:
                        # Not sent whole, so it cannot have been carried out.
                        failures[n] = DatabaseUnavailable(f"{operation}: {_describe(error)}", "ConnectionFailed")
                if not sent:
                    break
                n, connection = sent.pop(0 if unsent else -1)
                try:
                    connection.settimeout(self._timeout(end))
                    status, answer = connection.read_answer()
                except (OSError, ValueError) as error:
                    connection.close()
                    failure = DatabaseUnavailable(f"{requests[n][0]}: {_describe(error)}", "ConnectionLost")
                    if not _repeatable(calls[n]):
                        raise failure from error
                    failures[n] = failure
                    continue
                self._pool.keep(connection)
                if status == 200 and type(calls[n]) is Query and calls[n].answers is not None:
                    results[n] = calls[n]._answered(requests[n][1], answer)
                elif status == 200:
                    body = _DECODER.decode(answer.decode())
                    if isinstance(calls[n], (BatchGet, _Together)):
                        results[n] = calls[n]._result(body, results[n])
                        if left := calls[n]._left(body):
                            requests[n] = _encoded(left)
                            failures[n] = Throttled("some keys were not processed", "UnprocessedKeys")
                    else:
                        results[n] = calls[n]._result(body)
                else:
                    try:
                        failures[n] = _retryable(calls[n], status, answer)
                    except TransactionCancelled as cancelled:
                        results[n] = _unless_alone(calls[n], cancelled)
        finally:
            for _, connection in sent:
                connection.close()
        return failures

    def _timeout(self, end: float) -> float:
        return max(0.001, min(self._attempt_timeout, end - time.monotonic()))


def encode(value: object) -> dict:
    """A plain value as DynamoDB's typed value. Raises TypeError for what has no equal there."""
    kind = type(value)
    if kind is str:
        return {"S": value}
    if kind is bool:
        return {"BOOL": value}
    if kind is int or kind is float:
        return {"N": repr(value)}
    if value is None:
        return {"NULL": True}
    if kind is list or kind is tuple:
        return {"L": [encode(entry) for entry in value]}
    if kind is dict:
        return {"M": encode_item(value)}
    if kind is set or kind is frozenset:
        if value and all(type(entry) is str for entry in value):
            return {"SS": sorted(value)}
        if value and all(type(entry) is int for entry in value):
            return {"NS": [str(entry) for entry in sorted(value)]}
        raise TypeError("A set must hold at least one entry, all of them str or all of them int")
    if kind is bytes:
        return {"B": b64encode(value).decode()}
    raise TypeError(f"{kind.__name__} cannot be stored")


def encode_item(item: dict) -> dict:
    """A plain dictionary as DynamoDB's attribute map."""
    return {name: encode(value) for name, value in item.items()}


def decode(typed: dict) -> object:
    """DynamoDB's typed value as a plain one."""
    ((kind, value),) = typed.items()
    if kind == "S" or kind == "BOOL":
        return value
    if kind == "N":
        return _number(value)
    if kind == "L":
        # Nearly all are lists of names: without a call for each, long ones take a third of the time.
        return [entry["S"] if "S" in entry else decode(entry) for entry in value]
    if kind == "M":
        return decode_item(value)
    if kind == "NULL":
        return None
    if kind == "SS":
        return set(value)
    if kind == "NS":
        return {_number(entry) for entry in value}
    if kind == "B":
        return b64decode(value)
    if kind == "BS":
        return {b64decode(entry) for entry in value}
    raise ValueError(f"Unknown DynamoDB type {kind}")


def decode_item(item: dict) -> dict:
    """DynamoDB's attribute map as a plain dictionary."""
    return {name: value["S"] if "S" in value else decode(value) for name, value in item.items()}


def _decode_items(items: Iterable[dict]) -> list[dict]:
    """Attribute maps as plain dictionaries: what `decode_item` says of each, without calls for nearly all of it."""
    return [
        {
            name: value["S"] if "S" in value else value["BOOL"] if "BOOL" in value else decode(value)
            for name, value in item.items()
        }
        for item in items
    ]


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)


def _encoded(request: tuple[str, dict]) -> tuple[str, bytes]:
    operation, body = request
    return operation, _ENCODER.encode(body).encode()


def _conditioned(body: dict, action: Put | Update | Delete | Check) -> dict:
    return _optional(
        body,
        ConditionExpression=action.condition,
        ExpressionAttributeNames=action.names or None,
        ExpressionAttributeValues=encode_item(action.values) if action.values else None,
    )


def _optional(body: dict, **values: object) -> dict:
    body.update((name, value) for name, value in values.items() if value is not None)
    return body


def _repeatable(call: object) -> bool:
    """Whether sending it again after an unknown outcome changes nothing more."""
    if isinstance(call, (Get, Query, BatchGet, _Together, _Transact)):
        return True
    return isinstance(call, (Put, Delete)) and call.condition is None


def _unless_alone(call: object, failure: DatabaseError) -> DatabaseError:
    """The failure as the result of a transaction that stands alone; raises that of any other call."""
    if isinstance(call, _Transact) and call.alone:
        return failure
    raise failure


def _retryable(call: object, status: int, answer: bytes) -> DatabaseError:
    """The error to raise if there is no time to try again; raises at once when trying again is useless."""
    try:
        body = json.loads(answer)
        code = str(body.get("__type", "")).rpartition("#")[2]
        message = str(body.get("message") or body.get("Message") or "")
    except ValueError:
        body, code, message = {}, f"Http{status}", "the answer was not JSON"
    if code in _THROTTLES:
        return Throttled(message, code)
    if code == "ConditionalCheckFailedException":
        raise ConditionFailed(message, code)
    if code == "TransactionCanceledException":
        reasons = [
            None if reason.get("Code") in (None, "None") else reason["Code"]
            for reason in body.get("CancellationReasons", ())
        ]
        error = TransactionCancelled(message, reasons)
        failed = {reason for reason in reasons if reason}
        if failed and failed <= _PASSING_REASONS:
            return error
        raise error
    if code in _TRANSIENT or status >= 500:
        error = DatabaseUnavailable(message, code)
        if _repeatable(call):
            return error
        raise error
    raise DatabaseError(message, code)


def _describe(error: Exception) -> str:
    return str(error) or type(error).__name__
