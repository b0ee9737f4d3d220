"""DynamoDB: expressions, values, keys, and what one request may hold.

From the API reference, and "Service, account, and table quotas" of the developer guide.
"""

import re
from base64 import b64decode
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

from bbws_access.local_aws.judge import Violation, limit
from bbws_access.local_aws.rules.expressions import Expressions
from bbws_access.local_aws.wire import Call

_EXPRESSIONS = (
    "ConditionExpression",
    "FilterExpression",
    "KeyConditionExpression",
    "ProjectionExpression",
    "UpdateExpression",
)
# What was before expressions, and cannot stand beside them.
_LEGACY = (
    "AttributeUpdates",
    "Expected",
    "QueryFilter",
    "ScanFilter",
    "KeyConditions",
    "AttributesToGet",
    "ConditionalOperator",
)
_LARGEST_ITEM = 400 * 1024
_LARGEST_TRANSACTION = 4 * 1024 * 1024
_DEEPEST = 32
_PLAIN = frozenset(("S", "B", "BOOL"))
_MOST_WRITES = 25
_MOST_GETS = 100
_MOST_INDEXES = {"GlobalSecondaryIndexes": 20, "LocalSecondaryIndexes": 5}
_MOST_PROJECTED = 100


def _refusal(path: str, message: str) -> Violation:
    return limit(path, message, "ValidationException")


# One write or read


def _single(call: Call) -> Iterator[Violation]:
    yield from _part(call.values, "")


def _part(values: dict[str, Any], path: str) -> Iterator[Violation]:
    """A request for one table, or one part of a transaction."""
    there = [name for name in _EXPRESSIONS if values.get(name) is not None]
    legacy = [name for name in _LEGACY if values.get(name) is not None]
    if there and legacy:
        yield _refusal(
            path,
            "Can not use both expression and non-expression parameters in the same request: Non-expression parameters: "
            f"{{{', '.join(legacy)}}} Expression parameters: {{{', '.join(there)}}}",
        )
    expressions = Expressions(values.get("ExpressionAttributeNames"), values.get("ExpressionAttributeValues"))
    for message in expressions.check({name: values.get(name) for name in _EXPRESSIONS}):
        yield _refusal(path, message)
    for name, value in (values.get("ExpressionAttributeValues") or {}).items():
        for message in () if _is_plain(value) else _value(value):
            yield _refusal(path, f"ExpressionAttributeValues contains invalid value: {message} for key {name}")
    yield from _item(values, path)
    if values.get("Select") == "COUNT" and values.get("ProjectionExpression"):
        yield _refusal(path, "Cannot specify the ProjectionExpression when choosing to get only the Count")
    if values.get("Select") == "SPECIFIC_ATTRIBUTES" and not values.get("ProjectionExpression"):
        yield _refusal(
            path, "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES"
        )


def _item(values: dict[str, Any], path: str) -> Iterator[Violation]:
    for name in ("Item", "Key", "ExclusiveStartKey"):
        item = values.get(name)
        if not isinstance(item, dict):
            continue
        if name != "Item" and not item:
            yield _refusal(path, "The provided key element does not match the schema")
        for attribute, value in item.items():
            if not attribute:
                yield _refusal(path, "Empty attribute name")
            if len(attribute.encode()) > 65535:
                yield _refusal(path, "Attribute name is too large, must be less than 65536 bytes")
            for message in () if _is_plain(value) else _value(value):
                yield _refusal(path, message)
            if name != "Item" and set(value) - {"S", "N", "B"}:
                yield _refusal(path, "The provided key element does not match the schema")
            elif name != "Item" and (value.get("S") == "" or value.get("B") == ""):
                yield _refusal(
                    path,
                    "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain "
                    f"an empty string value. Key: {attribute}",
                )
        if sum(len(attribute.encode()) + _size(value) for attribute, value in item.items()) > _LARGEST_ITEM:
            yield _refusal(path, "Item size has exceeded the maximum allowed size")


def _is_plain(value: dict[str, Any]) -> bool:
    """Whether nothing beside the model's types can be wrong with a value."""
    return len(value) == 1 and not value.keys().isdisjoint(_PLAIN)


def _value(value: dict[str, Any], depth: int = 1) -> Iterator[str]:
    if depth > _DEEPEST:
        yield "Nesting Levels have exceeded supported limits"
        return
    for kind, content in value.items():
        if kind == "N":
            yield from _number(content)
        elif kind in ("SS", "NS", "BS"):
            if not content:
                names = {"SS": "string", "NS": "number", "BS": "binary"}
                yield f"One or more parameter values were invalid: An {names[kind]} set may not be empty"
            same = [Decimal(one) for one in content] if kind == "NS" and not any(map(_bad, content)) else content
            if len(set(same)) != len(same):
                yield (
                    "One or more parameter values were invalid: "
                    f"Input collection [{', '.join(content)}] contains duplicates."
                )
            if kind == "NS":
                for one in content:
                    yield from _number(one)
        elif kind == "NULL" and content is not True:
            yield "One or more parameter values were invalid: Null attribute value types must have the value of true"
        elif kind == "L":
            for one in content:
                yield from _value(one, depth + 1)
        elif kind == "M":
            for one in content.values():
                yield from _value(one, depth + 1)


def _bad(text: str) -> bool:
    return any(_number(text))


def _number(text: str) -> Iterator[str]:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or text != text.strip() or "_" in text:
        yield f"A value provided cannot be converted into a number: {text}"
        return
    # Not by `normalize`, which rounds to Python's own precision.
    if len("".join(map(str, number.as_tuple().digits)).strip("0")) > 38:
        yield "Attempting to store more than 38 significant digits in a Number"
    elif number and not -130 <= number.adjusted() <= 125:
        kind = "larger" if number.adjusted() > 0 else "smaller"
        yield f"Number overflow. Attempting to store a number with magnitude {kind} than supported range"


def _size(value: dict[str, Any]) -> int:
    total = 0
    for kind, content in value.items():
        if kind == "S":
            total += len(content.encode())
        elif kind == "B":
            total += len(b64decode(content))
        elif kind == "N":
            total += _number_size(content)
        elif kind == "SS":
            total += sum(len(one.encode()) for one in content)
        elif kind == "NS":
            total += sum(map(_number_size, content))
        elif kind == "BS":
            total += sum(len(b64decode(one)) for one in content)
        elif kind == "L":
            total += 3 + sum(1 + _size(one) for one in content)
        elif kind == "M":
            total += 3 + sum(1 + len(name.encode()) + _size(one) for name, one in content.items())
        else:
            total += 1
    return total


def _number_size(text: str) -> int:
    return len(text.lstrip("-").replace(".", "").strip("0")) // 2 + 2


# Several at once


def _transaction(call: Call) -> Iterator[Violation]:
    total = 0
    for number, parts in enumerate(call.values.get("TransactItems") or ()):
        path = f"TransactItems[{number}]"
        if len(parts) != 1:
            yield _refusal(
                path,
                "TransactItems can only contain one of Check, Put, Update or Delete"
                if parts
                else "TransactWriteRequest should contain Delete or Put or Update or ConditionCheck",
            )
        for kind, part in parts.items():
            yield from _part(part, f"{path}.{kind}")
            total += sum(
                len(name.encode()) + _size(value) for name, value in (part.get("Item") or part.get("Key") or {}).items()
            )
            if kind == "Update":
                total += sum(map(_size, (part.get("ExpressionAttributeValues") or {}).values()))
    if total > _LARGEST_TRANSACTION:
        yield _refusal("TransactItems", "Transaction request cannot include data larger than 4 MB")
    keys = [
        _identity(part["TableName"], part["Key"])
        for parts in call.values.get("TransactItems") or ()
        for part in parts.values()
        if part.get("Key")
    ]
    # A put names the whole item, and which of it is the key the table alone knows.
    if len(set(keys)) != len(keys):
        yield _refusal("TransactItems", "Transaction request cannot include multiple operations on one item")


def _identity(table: str, key: dict[str, Any]) -> str:
    return f"{table.rpartition('/')[2]} {sorted((name, sorted(value.items(), key=str)) for name, value in key.items())}"


def _batch_write(call: Call) -> Iterator[Violation]:
    requests = call.values.get("RequestItems") or {}
    if sum(map(len, requests.values())) > _MOST_WRITES:
        yield _refusal("RequestItems", "Too many items requested for the BatchWriteItem call")
    for table, parts in requests.items():
        for number, part in enumerate(parts):
            path = f"RequestItems.{table}[{number}]"
            if len(part) != 1:
                yield _refusal(
                    path,
                    "Supplied AttributeValue has more than one datatypes set, must contain exactly one "
                    "of the supported operations",
                )
            for one in part.values():
                yield from _item(one, path)
        deleted = [_identity(table, part["DeleteRequest"]["Key"]) for part in parts if part.get("DeleteRequest")]
        if len(set(deleted)) != len(deleted):
            yield _refusal("RequestItems", "Provided list of item keys contains duplicates")


def _batch_get(call: Call) -> Iterator[Violation]:
    requests = call.values.get("RequestItems") or {}
    if sum(len(one["Keys"]) for one in requests.values()) > _MOST_GETS:
        yield _refusal("RequestItems", "Too many items requested for the BatchGetItem call")
    for table, one in requests.items():
        yield from _part(one, f"RequestItems.{table}")
        for key in one["Keys"]:
            yield from _item({"Key": key}, f"RequestItems.{table}.Keys")
        keys = [_identity(table, key) for key in one["Keys"]]
        if len(set(keys)) != len(keys):
            yield _refusal("RequestItems", "Provided list of item keys contains duplicates")


# Tables


def _create_table(call: Call) -> Iterator[Violation]:
    values = call.values
    defined = {one["AttributeName"]: one["AttributeType"] for one in values.get("AttributeDefinitions") or ()}
    if len(defined) != len(values.get("AttributeDefinitions") or ()):
        yield _refusal("AttributeDefinitions", "Cannot have two attributes with the same name")
    schemas = [values.get("KeySchema") or []]
    names: list[str] = []
    projected = 0
    for kind, most in _MOST_INDEXES.items():
        indexes = values.get(kind) or []
        if len(indexes) > most:
            yield _refusal(kind, f"One or more parameter values were invalid: {kind} count exceeds the limit of {most}")
        for index in indexes:
            names.append(index["IndexName"])
            schemas.append(index["KeySchema"])
            projection = index["Projection"]
            projected += len(projection.get("NonKeyAttributes") or ())
            if (projection.get("ProjectionType") == "INCLUDE") != bool(projection.get("NonKeyAttributes")):
                yield _refusal(
                    kind,
                    "One or more parameter values were invalid: ProjectionType is "
                    f"{projection.get('ProjectionType')}, NonKeyAttributes is "
                    f"{'specified' if projection.get('NonKeyAttributes') else 'not specified'}",
                )
    if projected > _MOST_PROJECTED:
        yield _refusal("GlobalSecondaryIndexes", "Number of NonKeyAttributes exceeds 100")
    if len(set(names)) != len(names):
        yield _refusal("GlobalSecondaryIndexes", "One or more parameter values were invalid: Duplicate index name")
    used: set[str] = set()
    for schema in schemas:
        yield from _key_schema(schema)
        used |= {part["AttributeName"] for part in schema}
    if used - defined.keys():
        yield _refusal(
            "AttributeDefinitions",
            "One or more parameter values were invalid: Some index key attributes are not defined in "
            f"AttributeDefinitions. Keys: {sorted(used)}, AttributeDefinitions: {sorted(defined)}",
        )
    if defined.keys() - used:
        yield _refusal(
            "AttributeDefinitions",
            "One or more parameter values were invalid: Some AttributeDefinitions are not used. "
            f"AttributeDefinitions: {sorted(defined)}, keys used: {sorted(used)}",
        )
    provisioned = values.get("BillingMode", "PROVISIONED") == "PROVISIONED"
    if provisioned != bool(values.get("ProvisionedThroughput")):
        yield _refusal(
            "ProvisionedThroughput",
            "No provisioned throughput specified for the table"
            if provisioned
            else "One or more parameter values were invalid: Neither ReadCapacityUnits nor WriteCapacityUnits can be "
            "specified when BillingMode is PAY_PER_REQUEST",
        )


def _key_schema(schema: list[dict[str, str]]) -> Iterator[Violation]:
    kinds = [part["KeyType"] for part in schema]
    if kinds.count("HASH") == 0 or kinds != sorted(kinds):
        yield _refusal("KeySchema", "Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
    if kinds.count("RANGE") == 1 and kinds.count("HASH") == 1:
        first, second = (part["AttributeName"] for part in schema)
        if first == second:
            yield _refusal(
                "KeySchema", "Both the Hash Key and the Range Key element in the KeySchema have the same name"
            )


def _table_name(call: Call) -> Iterator[Violation]:
    # The model allows an ARN, or one letter, for every operation.
    name = call.values.get("TableName") or ""
    if not name.startswith("arn:") and not re.fullmatch(r"[a-zA-Z0-9_.-]{3,255}", name):
        yield _refusal(
            "TableName",
            f"Invalid table/index name {name!r}. Table/index names must be between 3 and 255 characters "
            "long, and may contain only the characters a-z, A-Z, 0-9, '_', '-', and '.'",
        )


_SINGLE = ("PutItem", "UpdateItem", "DeleteItem", "GetItem", "Query", "Scan")

RULES = [
    *((f"dynamodb:{operation}", _single) for operation in _SINGLE),
    *(
        (f"dynamodb:{operation}", _table_name)
        for operation in (*_SINGLE, "CreateTable", "DescribeTable", "UpdateTable")
    ),
    ("dynamodb:TransactWriteItems", _transaction),
    ("dynamodb:TransactGetItems", _transaction),
    ("dynamodb:BatchWriteItem", _batch_write),
    ("dynamodb:BatchGetItem", _batch_get),
    ("dynamodb:CreateTable", _create_table),
]
