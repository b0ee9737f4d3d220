"""DynamoDB.

| AWS | MiniStack | test |
|---|---|---|
| dynamodb:LeadingKeys holds the partition keys that a request names | it is absent | `test_leading_keys` |
| point-in-time recovery has a recovery period | it is forgotten | `test_recovery_period` |
| expressions of Query and Scan are checked | only when an item is found | `test_expressions_...` |
| a filter of Query names no key of the table or index | it may | `test_expressions_...` |
| who writes an item in an ongoing transaction is refused | it may | `test_an_ongoing_...` |
| begins_with and size of a value of another type are false | an error, a number | `test_values_of_another_type` |
| a replica has a key of its own region | it keeps the key of the table's region | `test_replica_has_its_own_key` |
"""

import asyncio
import contextlib
import copy
import json
import logging
import os
import re
from collections.abc import Iterator
from contextvars import ContextVar
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import dynamodb

from bbws_access.local_aws.shims import dynamodb_memory, dynamodb_partitions
from bbws_access.local_aws.shims.dynamodb_conditions import Clause, clauses, is_word, of_texts

logger = logging.getLogger("local-aws.dynamodb")

Response = tuple[int, dict[str, Any], bytes]

# How long a transaction has its items to itself.
TRANSACTION_SECONDS = float(os.environ.get("LOCAL_AWS_TRANSACTION_SECONDS", "0.01"))
_TRANSACTION = "TransactWriteItems"
# The items of transactions under way.
_ongoing: set[tuple[str, ...]] = set()
_SINGLE_WRITES = ("PutItem", "UpdateItem", "DeleteItem")
_MOST_REMEMBERED = 4096
_RECOVERY_DAYS = range(1, 36)
_IMMUTABLE = (str, int, float, bool, type(None), bytes)
_KEY = "dynamodb:LeadingKeys"
_WORD = re.compile(r"(?<![:\w#])#?[A-Za-z_]\w*")
_EQUALITY = re.compile(r"([#\w][\w.-]*)\s*=\s*(:\w+)")

# Table (or index) ARN -> the partition keys that the request at hand names in it.
_leading_keys: ContextVar[dict[str, list[str]]] = ContextVar("leading_keys")


class _CheckedArn(str):
    """The ARN of one part of a transaction, with the partition keys that this part names."""

    leading_keys: list[str]

    def __new__(cls, arn: str, leading_keys: list[str]) -> "_CheckedArn":
        """Make the ARN with its keys."""
        checked = super().__new__(cls, arn)
        checked.leading_keys = leading_keys
        return checked


def install() -> None:
    """Give IAM the partition keys of every request."""
    service_context = iam_actions.dynamodb_service_context
    transaction_checks = iam_actions.dynamodb_transaction_checks
    enforce = iam_evaluator.enforce

    def with_leading_keys(body: bytes) -> dict[str, Any]:
        _leading_keys.set(request_leading_keys(_parsed(body)))
        return service_context(body)

    def checks_with_leading_keys(action: str, body: bytes, region: str, account: str) -> list[tuple[str, str]]:
        checks = transaction_checks(action, body, region, account)
        if not checks:
            return checks
        parts = [
            (member, detail)
            for item in _parsed(body).get("TransactItems") or []
            for member in iam_actions._DYNAMODB_TRANSACT_ITEM_ACTIONS
            if isinstance(detail := (item or {}).get(member), dict) and isinstance(detail.get("TableName"), str)
        ]
        return [
            (checked, _CheckedArn(arn, _item_keys(detail["TableName"], detail.get("Item") or detail.get("Key"))))
            for (checked, arn), (_, detail) in zip(checks, parts, strict=True)
        ]

    def enforce_with_leading_keys(
        access_key_id: str,
        iam_action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: dict[str, Any] | None = None,
    ) -> Any:
        if service == "dynamodb":
            if isinstance(resource_arn, _CheckedArn):
                keys = resource_arn.leading_keys
            else:
                keys = _leading_keys.get({}).get(_name(resource_arn), [])
            if keys:
                service_context = {**(service_context or {}), _KEY: keys}
        return enforce(access_key_id, iam_action, service, region, str(resource_arn), service_context)

    iam_actions.dynamodb_service_context = with_leading_keys
    iam_actions.dynamodb_transaction_checks = checks_with_leading_keys
    iam_evaluator.enforce = enforce_with_leading_keys
    _let_transactions_take_time()
    _keep_recovery_period()
    _keep_replica_keys()
    dynamodb_partitions.install()
    _check_expressions()
    _compare_by_type()
    _remember_expressions()
    dynamodb_memory.install()


def _remember_expressions() -> None:
    """Take each expression apart and check it once: MiniStack does it again for each item that a filter looks at."""
    tokenize = lru_cache(maxsize=4096)(dynamodb._tokenize)
    dynamodb._tokenize = lambda expression: list(tokenize(expression))
    dynamodb._condition_syntax_error = lru_cache(maxsize=4096)(dynamodb._condition_syntax_error)
    evaluate_condition = dynamodb._evaluate_condition

    @lru_cache(maxsize=4096)
    def sound(expression: str, slot: str) -> list[tuple[str, str]] | None:
        """The tokens of an expression that has no fault in itself, None of any other."""
        tokens = tokenize(expression)
        if (
            not expression.strip()
            or dynamodb._check_redundant_parens(tokens, slot)
            or dynamodb._check_reserved_keyword_usage(tokens)
            or dynamodb._condition_syntax_error(expression, slot)
        ):
            return None
        return tokens

    @lru_cache(maxsize=4096)
    def remembered(expression: str, slot: str) -> tuple[list[Clause], list[tuple[str, str]] | None]:
        """What compares texts alone; and the tokens where no fault depends on values."""
        tokens = sound(expression, slot)
        if tokens is None:
            return [], None
        return clauses(tokens), None if any(is_word(one, "BETWEEN") for one in tokens) else tokens

    def evaluate(expression: str, item: Any, values: Any, names: Any, slot: str = "ConditionExpression") -> Any:
        comparisons, tokens = remembered(expression, slot) if isinstance(expression, str) else ([], None)
        if comparisons:
            holds = of_texts(comparisons, item, values, names)
            if holds is not None:
                return holds
        if tokens is not None:
            try:
                return dynamodb._ExprEval(tokens, item, values, names).evaluate()
            except Exception as error:
                # MiniStack has words for it.
                logger.debug("evaluated again: %s", error)
        return evaluate_condition(expression, item, values, names, slot)

    dynamodb._evaluate_condition = evaluate
    dynamodb.copy = SimpleNamespace(**{**vars(copy), "deepcopy": copied})
    _remember_keys()
    _remember_projections()
    dynamodb._validate_expression_attrs = _remembering_faultless(dynamodb._validate_expression_attrs)


def _remembering_faultless(validate: Any) -> Any:
    """Look for placeholders that are missing or not used once for all values that they may have."""
    faultless: set[tuple[Any, ...]] = set()

    def validate_once(data: dict[str, Any], fields: tuple[str, ...], *wording: Any) -> Any:
        names, values = data.get("ExpressionAttributeNames"), data.get("ExpressionAttributeValues")
        texts = tuple(data.get(field) for field in fields)
        if any(type(one) not in (dict, type(None)) for one in (names, values)) or any(
            type(one) not in (str, type(None)) for one in texts
        ):
            return validate(data, fields, *wording)
        shape = fields, texts, tuple(names or ()), tuple(values or ())
        if shape in faultless:
            return None
        found = validate(data, fields, *wording)
        if found is None:
            if len(faultless) >= _MOST_REMEMBERED:
                faultless.clear()
            faultless.add(shape)
        return found

    return validate_once


def _remember_projections() -> None:
    """Take each list of attributes apart once: MiniStack does it for each request, and again for each item."""
    validate, overlap, project = (
        dynamodb._validate_projection_expression_syntax,
        dynamodb._projection_overlap_error,
        dynamodb._project_item,
    )

    @lru_cache(maxsize=4096)
    def overlapping(expression: str, names: tuple[tuple[str, str], ...]) -> str | None:
        return overlap(expression, dict(names))

    @lru_cache(maxsize=4096)
    def attributes(expression: str, names: tuple[tuple[str, str], ...]) -> tuple[str, ...] | None:
        """Which attributes are asked for, None where it is not just them, or there is a fault."""
        placeholders = dict(names)
        paths = [dynamodb._parse_projection_path(one, placeholders) for one in expression.split(",") if one.strip()]
        if any(len(path) != 1 or path[0][0] != "name" for path in paths):
            return None
        found = tuple(path[0][1] for path in paths)
        # MiniStack finds faults of the expression alone, and finds them for any item.
        try:
            project({}, expression, placeholders)
        except ValueError:
            return None
        return found

    def overlapping_once(expression: Any, names: Any) -> str | None:
        try:
            return overlapping(expression, tuple((names or {}).items()))
        except (AttributeError, TypeError, ValueError):
            return overlap(expression, names)

    def project_known(item: Any, expression: Any, names: Any) -> Any:
        try:
            found = attributes(expression, tuple((names or {}).items())) if expression else None
        except (AttributeError, TypeError, ValueError):
            found = None
        if found is None or type(item) is not dict:
            return project(item, expression, names)
        return {name: _compact(item[name]) for name in found if name in item}

    dynamodb._validate_projection_expression_syntax = lru_cache(maxsize=4096)(validate)
    dynamodb._projection_overlap_error, dynamodb._project_item = overlapping_once, project_known


def _compact(value: Any) -> Any:
    return dynamodb._compact_projection(value) if "L" in value or "M" in value else value


def copied(value: Any) -> Any:
    """A copy of an item, or of a part of it; of anything that came as JSON, as `copy.deepcopy`.

    Values that are one text are never changed in their place, so a copy has the same ones.
    """
    kind = type(value)
    if kind is dict:
        if len(value) == 1:
            ((name, one),) = value.items()
            if type(one) is str and name in dynamodb_memory.TEXTS:
                return value
        return {name: one if type(one) is str else copied(one) for name, one in value.items()}
    if kind is list:
        return [copied(one) for one in value]
    return value if kind in _IMMUTABLE else copy.deepcopy(value)


def _remember_keys() -> None:
    """Find once which placeholder a key condition gives to a key: MiniStack makes its patterns for each query."""
    extract, bound = dynamodb._extract_pk_from_condition, dynamodb._key_condition_av

    @lru_cache(maxsize=4096)
    def equal_to(
        condition: str, placeholders: tuple[str, ...], names: tuple[tuple[str, str], ...], key: str
    ) -> str | None:
        return extract(condition, {one: {"S": one} for one in placeholders}, dict(names), key)

    @lru_cache(maxsize=4096)
    def bound_to(
        condition: str, placeholders: tuple[str, ...], names: tuple[tuple[str, str], ...], key: str
    ) -> str | None:
        return bound(condition, None, {one: one for one in placeholders}, dict(names), key)

    def extract_once(condition: Any, values: Any, names: Any, key: str) -> Any:
        if not condition:
            return None
        placeholder = equal_to(condition, tuple(values), tuple(names.items()), key)
        return None if placeholder is None else dynamodb._extract_key_val(values[placeholder])

    def bound_once(condition: Any, key_conditions: Any, values: Any, names: Any, key: str) -> Any:
        if key_conditions or not condition:
            return bound(condition, key_conditions, values, names, key)
        placeholder = bound_to(condition, tuple(values), tuple(names.items()), key)
        return None if placeholder is None else values[placeholder]

    dynamodb._extract_pk_from_condition, dynamodb._key_condition_av = extract_once, bound_once


def _compare_by_type() -> None:
    """What an item holds of another type than a function compares makes it false, and is no error."""
    begins_with, size = dynamodb._ExprEval._fn_begins_with, dynamodb._ExprEval._fn_size

    def checked_begins_with(evaluation: Any) -> bool:
        try:
            return begins_with(evaluation)
        except ValueError:
            # The rules have refused prefixes of another type before.
            return False

    def checked_size(evaluation: Any) -> dict[str, str] | None:
        start = evaluation.pos
        found = size(evaluation)
        after, evaluation.pos = evaluation.pos, start + 2
        value = evaluation._operand()
        evaluation.pos = after
        return None if not isinstance(value, dict) or value.keys() & {"N", "BOOL", "NULL"} else found

    dynamodb._ExprEval._fn_begins_with = checked_begins_with
    dynamodb._ExprEval._fn_size = checked_size


def _let_transactions_take_time() -> None:
    handle_request = dynamodb.handle_request

    async def handle(method: str, path: str, headers: dict, body: bytes, query_params: dict) -> Response:
        action = headers.get("x-amz-target", "").rpartition(".")[2]
        if action not in _SINGLE_WRITES and action != _TRANSACTION:
            return await handle_request(method, path, headers, body, query_params)
        data = _parsed(body)
        refused = conflict(action, data)
        if refused:
            return refused
        if action == _TRANSACTION:
            with ongoing(data):
                await asyncio.sleep(TRANSACTION_SECONDS)
                return await handle_request(method, path, headers, body, query_params)
        return await handle_request(method, path, headers, body, query_params)

    dynamodb.handle_request = handle


def conflict(operation: str, data: dict[str, Any]) -> Response | None:
    """How a write is refused since it names an item of an ongoing transaction, None where it is not."""
    if operation in _SINGLE_WRITES:
        if _ongoing and _item(data) in _ongoing:
            return dynamodb.error_response_json(
                "TransactionConflictException", "Transaction is ongoing for the item", 400
            )
    elif operation == _TRANSACTION and _ongoing:
        items = _items(data)
        if not _ongoing.isdisjoint(items):
            return _conflict([one in _ongoing for one in items])
    return None


@contextlib.contextmanager
def ongoing(data: dict[str, Any]) -> Iterator[None]:
    """The items of a transaction are its own meanwhile."""
    taken = {one for one in _items(data) if one is not None}
    _ongoing.update(taken)
    try:
        yield
    finally:
        _ongoing.difference_update(taken)


def _items(data: dict[str, Any]) -> list[tuple[str, ...] | None]:
    parts = data.get("TransactItems")
    return [_item(next(iter(part.values()), None)) for part in parts or () if isinstance(part, dict)]


def _item(detail: Any) -> tuple[str, ...] | None:
    """The item that a write, or one part of a transaction, names; None where it names none."""
    values = (detail.get("Item") or detail.get("Key")) if isinstance(detail, dict) else None
    table = detail.get("TableName") if isinstance(detail, dict) else None
    if not isinstance(values, dict) or not isinstance(table, str):
        return None
    keys = (_written(values.get(part["AttributeName"])) for part in _key_schema(table, None))
    return (get_account_id(), get_region(), _name(table), *keys)


def _written(value: Any) -> str:
    """A value as a text that another one does not have."""
    if type(value) is dict and len(value) == 1:
        ((kind, content),) = value.items()
        if type(content) is str:
            return f"{kind}:{content}"
    return json.dumps(value, sort_keys=True)


def _conflict(conflicts: list[bool]) -> Response:
    reasons = [
        {"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"} if one else {"Code": "None"}
        for one in conflicts
    ]
    codes = ", ".join(one["Code"] for one in reasons)
    content = {
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]",
        "CancellationReasons": reasons,
    }
    return 400, {"Content-Type": "application/x-amz-json-1.0"}, json.dumps(content).encode()


def _keep_recovery_period() -> None:
    describe, update = dynamodb._describe_continuous_backups, dynamodb._update_continuous_backups

    def completed(answer: Response, table: str) -> Response:
        status, headers, body = answer
        if status >= 400:
            return answer
        content = json.loads(body)
        description = content["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
        if description["PointInTimeRecoveryStatus"] == "ENABLED":
            description["RecoveryPeriodInDays"] = int(dynamodb._pitr_settings[_name(table)])
        return status, headers, json.dumps(content).encode()

    def describe_with_period(data: dict[str, Any]) -> Response:
        return completed(describe(data), data.get("TableName", ""))

    def update_with_period(data: dict[str, Any]) -> Response:
        specification = data.get("PointInTimeRecoverySpecification") or {}
        days = specification.get("RecoveryPeriodInDays", _RECOVERY_DAYS[-1])
        if days not in _RECOVERY_DAYS:
            return dynamodb.error_response_json("ValidationException", "RecoveryPeriodInDays must be 1 to 35", 400)
        answer = update(data)
        name = _name(data.get("TableName", ""))
        if answer[0] < 400 and dynamodb._pitr_settings.get(name):
            # MiniStack asks only whether the setting is true.
            dynamodb._pitr_settings[name] = days
        return completed(answer, name)

    dynamodb._describe_continuous_backups = describe_with_period
    dynamodb._update_continuous_backups = update_with_period


def _keep_replica_keys() -> None:
    apply_updates, describe = dynamodb._apply_replica_updates, dynamodb._table_description

    def apply_with_keys(name: str, table: dict[str, Any], updates: list[dict[str, Any]]) -> Response | None:
        error = apply_updates(name, table, updates)
        for action, detail in (pair for update in updates for pair in update.items() if error is None):
            replica = dynamodb._tables.get_scoped(get_account_id(), detail.get("RegionName"), name)
            if replica is None:
                continue
            key = detail.get("KMSMasterKeyId")
            if key:
                replica["SSEDescription"] = {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": key}
            elif action == "Create":
                # Without one it is encrypted by DynamoDB's own key, of which a table says nothing.
                replica.pop("SSEDescription", None)
        return error

    def describe_with_keys(name: str) -> dict[str, Any]:
        description = describe(name)
        for replica in description.get("Replicas", []):
            table = dynamodb._tables.get_scoped(get_account_id(), replica["RegionName"], name) or {}
            key = (table.get("SSEDescription") or {}).get("KMSMasterKeyArn")
            if key:
                replica["KMSMasterKeyId"] = key
        return description

    dynamodb._apply_replica_updates = apply_with_keys
    dynamodb._table_description = describe_with_keys


def _check_expressions() -> None:
    query, scan = dynamodb._query, dynamodb._scan

    def refused(data: dict[str, Any], forbidden: set[str]) -> Response | None:
        for slot in ("KeyConditionExpression", "FilterExpression"):
            tokens = dynamodb._tokenize(data.get(slot) or "")
            message = dynamodb._check_reserved_keyword_usage(tokens)
            if message:
                # MiniStack words it for UpdateExpression wherever it stands.
                return _invalid(message.replace("UpdateExpression", slot))
        message = dynamodb._validate_projection_expression_syntax(data.get("ProjectionExpression") or "")
        if message:
            return _invalid(message)
        names = data.get("ExpressionAttributeNames") or {}
        for word in _WORD.findall(data.get("FilterExpression") or ""):
            if names.get(word, word) in forbidden:
                return _invalid(
                    "Filter Expression can only contain non-primary key attributes: "
                    f"Primary key attribute: {names.get(word, word)}"
                )
        return None

    def checked_query(data: dict[str, Any]) -> Response:
        keys = {part["AttributeName"] for part in _key_schema(data.get("TableName", ""), data.get("IndexName"))}
        return refused(data, keys) or query(data)

    def checked_scan(data: dict[str, Any]) -> Response:
        return refused(data, set()) or scan(data)

    dynamodb._query = checked_query
    dynamodb._scan = checked_scan


def _invalid(message: str) -> Response:
    return dynamodb.error_response_json("ValidationException", message, 400)


def request_leading_keys(data: dict[str, Any]) -> dict[str, list[str]]:
    """The partition keys that a request names, by table, or by `table/index/name` for a query of an index."""
    table = data.get("TableName")
    if isinstance(table, str):
        index = data.get("IndexName")
        if "KeyConditionExpression" in data or "KeyConditions" in data:
            keys = _query_keys(table, index, data)
        else:
            keys = _item_keys(table, data.get("Item") or data.get("Key"))
        return {_name(table) + (f"/index/{index}" if index else ""): keys}
    found: dict[str, list[str]] = {}
    for name, requests in (data.get("RequestItems") or {}).items():
        if isinstance(requests, dict):
            items = requests.get("Keys") or []
        else:
            items = [
                (request.get("PutRequest") or {}).get("Item") or (request.get("DeleteRequest") or {}).get("Key")
                for request in requests or []
            ]
        found[_name(name)] = [key for item in items for key in _item_keys(name, item)]
    return found


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        data = iam_actions.json.loads(body or b"{}")
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def _name(table: str) -> str:
    """A table's name, with its index, of a name or an ARN."""
    return table.partition(":table/")[2] or table


def _key_schema(table: str, index: str | None) -> list[dict[str, str]]:
    """The key schema of a table, or of an index; empty if there is no such table."""
    record = dynamodb._tables.get(_name(table)) or {}
    for kind in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
        for one in record.get(kind) or []:
            if index is not None and one.get("IndexName") == index:
                return one["KeySchema"]
    return record.get("KeySchema") or []


def _partition_attribute(table: str, index: str | None = None) -> str | None:
    if index is None:
        return (dynamodb._tables.get(_name(table)) or {}).get("pk_name")
    return next((part["AttributeName"] for part in _key_schema(table, index) if part.get("KeyType") == "HASH"), None)


def _item_keys(table: str, item: Any) -> list[str]:
    attribute = _partition_attribute(table)
    value = item.get(attribute) if isinstance(item, dict) else None
    return [str(one) for one in value.values()] if isinstance(value, dict) else []


def _query_keys(table: str, index: str | None, data: dict[str, Any]) -> list[str]:
    attribute = _partition_attribute(table, index)
    legacy = (data.get("KeyConditions") or {}).get(attribute)
    if legacy:
        return [str(one) for value in legacy.get("AttributeValueList") or [] for one in value.values()]
    names = data.get("ExpressionAttributeNames") or {}
    values = data.get("ExpressionAttributeValues") or {}
    for name, placeholder in _EQUALITY.findall(str(data.get("KeyConditionExpression", ""))):
        if names.get(name, name) == attribute and isinstance(values.get(placeholder), dict):
            return [str(one) for one in values[placeholder].values()]
    return []
