"""What each operation uses of what AWS charges for: units of DynamoDB, bytes of log, milliseconds of CPU.

    python -m benchmarks.units [--write] [OPERATION ...]

Every operation of the contract is carried out on a local AWS of its own, in the scenario of benchmarks/_scenarios.py.
The units are counted from the items themselves, as DynamoDB counts them: a read by 4 KB of all that it looks at, before
its filter, and half of that where it need not be consistent; a write by 1 KB of the larger of the item before and
after, twice in a transaction, and once more for each index whose entry changes. A replica gets what was changed, and
not what was only asked in a condition. `bbws-access cost` reckons with the result, which --write keeps in
src/bbws_access/cost/measured.json.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import statistics
import sys
import tempfile
import time
import uuid
from pathlib import Path

import boto3
from tests.support.tables import REGION, patient_database

from bbws_access.authorizer.apis import load_apis
from bbws_access.authorizer.handler import Authorizer
from bbws_access.authorizer.tokens import Identity
from bbws_access.cost.items import item_bytes, read_units, write_units
from bbws_access.kernel.contract import Operation, load_contract, load_data_model
from bbws_access.kernel.logs import Logger
from bbws_access.kernel.settings import Settings
from bbws_access.local_aws import LocalAws
from benchmarks._scenarios import SCENARIOS, Asked, Place

MEASURED = Path(__file__).resolve().parents[1] / "src" / "bbws_access" / "cost" / "measured.json"
ONLY_BY_NAME = True
TIMES = 5
_READS = ("GetItem", "BatchGetItem", "Query")


class Meter:
    """Counts the units of what a database client is asked."""

    def __init__(self, tables: dict[str, str]) -> None:
        self._client = boto3.client("dynamodb")
        self._models = {real: load_data_model()["tables"][name] for name, real in tables.items()}
        self.reads = self.writes = self.replicated = 0.0
        self.on = False

    def start(self) -> None:
        self.reads = self.writes = self.replicated = 0.0
        self.on = True

    def watch(self, database: object) -> None:
        """Count what this client is asked from now on."""
        run = database._run

        def counted(calls: list, deadline: float | None = None) -> list:
            if not self.on:
                return run(calls, deadline)
            writes = [action for call in calls for action in self._actions(call)]
            before = [self._item(table, key) for _, table, key, _ in writes]
            for call in calls:
                self.reads += self._read(call)
            result = run(calls, deadline)
            for (kind, table, key, times), old in zip(writes, before, strict=True):
                new = old if kind == "ConditionCheck" else self._item(table, key)
                units = write_units(self._models[table], old, new, times)
                self.writes += units
                self.replicated += units if kind != "ConditionCheck" else 0
            return result

        database._run = counted

    def _actions(self, call: object) -> list[tuple[str, str, dict, int]]:
        name, body = call._request()
        if name in _READS:
            return []
        if name == "TransactWriteItems":
            parts = [next(iter(action.items())) for action in body["TransactItems"]]
            return [(kind, part["TableName"], _key_of(part), 2) for kind, part in parts]
        return [(name, body["TableName"], _key_of(body), 1)]

    def _item(self, table: str, key: dict) -> dict | None:
        return self._client.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item")

    def _read(self, call: object) -> float:
        name, body = call._request()
        if name not in _READS:
            return 0.0
        if name == "GetItem":
            item = self._item(body["TableName"], body["Key"])
            return read_units(item_bytes(item or {}), consistent=body["ConsistentRead"])
        if name == "BatchGetItem":
            return sum(
                read_units(item_bytes(self._item(table, key) or {}), consistent=part.get("ConsistentRead", False))
                for table, part in body["RequestItems"].items()
                for key in part["Keys"]
            )
        # All that the query looks at, whatever its filter leaves and its projection shows.
        for unwanted in ("FilterExpression", "ProjectionExpression", "Select"):
            body.pop(unwanted, None)
        condition = set(re.findall(r"[#:]\w+", body["KeyConditionExpression"]))
        for placeholders in ("ExpressionAttributeNames", "ExpressionAttributeValues"):
            body[placeholders] = {name: value for name, value in body[placeholders].items() if name in condition}
        answer = self._client.query(**body)
        size = sum(map(item_bytes, answer["Items"]))
        return read_units(size, consistent=body.get("ConsistentRead", False))


def _key_of(body: dict) -> dict:
    key = body.get("Key") or body["Item"]
    return {"PK": key["PK"], "SK": key["SK"]}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Units of DynamoDB, bytes of log and CPU of each operation")
    parser.add_argument("operation", nargs="*")
    parser.add_argument("--write", action="store_true", help=f"keep the figures in {MEASURED.name}")
    options = parser.parse_args(arguments)
    operations = load_contract().operations
    unknown = sorted(set(options.operation) - operations.keys())
    if unknown or (options.write and options.operation):
        print(f"No operation {', '.join(unknown)}." if unknown else "--write keeps all of them.", file=sys.stderr)
        return 2
    environment = dict(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        aws = LocalAws(Path(folder) / "aws", REGION)
        aws.start()
        os.environ.update(aws.environment())
        try:
            found = measure(Place(aws.endpoint), options.operation or list(operations))
        finally:
            os.environ.clear()
            os.environ.update(environment)
            aws.stop()
    if options.write:
        MEASURED.write_text(json.dumps(found, indent=2) + "\n")
    return 0


def measure(place: Place, names: list[str]) -> dict:
    operations = load_contract().operations
    meter = Meter(place.tables)
    logs = io.StringIO()
    for instance in place.instances.values():
        meter.watch(instance.database)
        instance.log_to(logs)
    print(f"  {'operation':26}{'read units':>11}{'write units':>12}{'CPU ms':>8}{'log bytes':>11}")
    found = {}
    for name in names:
        operation = operations[name]
        place.settle()
        # What is counted is exact at once. The CPU is measured without the counting, which is not the function's work.
        meter.on = False
        cpu = statistics.median(_answered(place, operation, SCENARIOS[name](place)) for _ in range(TIMES))
        asked = SCENARIOS[name](place)
        meter.start()
        logs.seek(0)
        logs.truncate()
        _answered(place, operation, asked)
        meter.on = False
        one = {"readUnits": meter.reads, "writeUnits": meter.writes, "replicatedUnits": meter.replicated}
        one |= {"logBytes": len(logs.getvalue())}
        found[name] = one | {"cpuMilliseconds": round(cpu, 2)}
        print(f"  {name:26}{one['readUnits']:>11}{one['writeUnits']:>12}{found[name]['cpuMilliseconds']:>8}"
              f"{one['logBytes']:>11}", flush=True)  # fmt: skip
    return {"operations": found, "decision": _decision(place, meter), "itemBytes": _items(place)}


def _decision(place: Place, meter: Meter) -> dict:
    """One decision of the authorizer about the administrator, whose token names the organisation."""
    log = io.StringIO()
    settings = Settings(REGION, tables={name: place.tables[name] for name in ("permissions", "teams")})
    database = patient_database(os.environ["AWS_ENDPOINT_URL"])
    meter.watch(database)
    org_id, user = place.organisation.id, place.admin
    authorizer = Authorizer(
        settings,
        database,
        _Believing(Identity(user, f"{user[:8]}@acme.example", org_id, (org_id,))),
        Logger("authorizer", "prod", "WARN", stream=log),
        load_apis({"abcdefghij": "access"}),
    )
    arn = f"arn:aws:execute-api:{REGION}:000000000000:abcdefghij/v1/GET/organisations/{org_id}/roles"
    request_id = str(uuid.uuid4())
    cpu = []
    for _ in range(TIMES + 1):
        began = time.process_time()
        authorizer.authorize({"methodArn": arn}, request_id)
        cpu.append((time.process_time() - began) * 1000)
    log.seek(0)
    log.truncate()
    meter.start()
    authorizer.authorize({"methodArn": arn}, request_id)
    meter.on = False
    found = {"readUnits": meter.reads, "writeUnits": meter.writes, "logBytes": len(log.getvalue())}
    print(f"  {'a decision':26}{meter.reads:>11}{meter.writes:>12}{statistics.median(cpu[1:]):>8.2f}"
          f"{found['logBytes']:>11}")  # fmt: skip
    return found | {"cpuMilliseconds": round(statistics.median(cpu[1:]), 2)}


class _Believing:
    """A verifier that knows one token, which it takes no time to check: benchmarks/authorizer.py measures that."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    def verify(self, authorization: object) -> Identity:
        return self._identity


def _items(place: Place) -> dict[str, int]:
    """The median bytes of what the scenarios left of each kind."""
    sizes: dict[str, list[int]] = {}
    client = boto3.client("dynamodb")
    for table in place.tables.values():
        for page in client.get_paginator("scan").paginate(TableName=table):
            for item in page["Items"]:
                kind = item.get("entityType", {"S": f"{item['PK']['S'].partition('#')[0]} of {table}"})["S"]
                sizes.setdefault(kind, []).append(item_bytes(item))
    found = {kind: round(statistics.median(all_)) for kind, all_ in sorted(sizes.items())}
    print("  Median bytes of an item: " + ", ".join(f"{kind} {size}" for kind, size in found.items()))
    return found


def _answered(place: Place, operation: Operation, asked: Asked) -> float:
    """Milliseconds of CPU of one request, which must have succeeded."""
    answer = place.request(operation, asked)
    if answer.status >= 300:
        sys.exit(f"{operation.operation_id} answered {answer.status}, so its cost means nothing: {answer.body}")
    return place.instances[operation.service].cost.cpu


if __name__ == "__main__":
    sys.exit(main())
