"""Evaluates IAM policies as AWS does within one account, from the documents alone.

It knows the elements and condition operators that this project's policies use and refuses any other, so that no
policy passes because part of it was not understood.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

Document = Mapping[str, Any]

_STATEMENT_ELEMENTS = {"Sid", "Effect", "Action", "Resource", "Condition"}


@dataclass(frozen=True)
class Request:
    """One action on one resource.

    `context` holds what the service says about the request, by condition key: a string, or a tuple of strings for a key
    with several values. A key that the request does not carry is absent.
    """

    action: str
    resource: str
    context: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)


def is_allowed(policies: Iterable[Document], *requests: Request) -> bool:
    """True when every request is allowed by some statement and denied by none.

    Several requests are the parts of one call, such as the operations of a transaction: one refused refuses all.
    Raises ValueError for a statement that uses what this evaluator does not know.
    """
    statements = [statement for policy in policies for statement in _statements(policy)]
    return bool(requests) and all(_decide(statements, request) for request in requests)


def _decide(statements: list[Document], request: Request) -> bool:
    effects = {statement["Effect"] for statement in statements if _applies(statement, request)}
    return effects == {"Allow"}


def _statements(policy: Document) -> list[Document]:
    statements = _list(policy["Statement"])
    for statement in statements:
        unknown = set(statement) - _STATEMENT_ELEMENTS
        if unknown or statement.get("Effect") not in ("Allow", "Deny"):
            raise ValueError(f"cannot evaluate the statement {statement.get('Sid')}: {sorted(unknown) or 'no effect'}")
        if "${" in str(statement):
            raise ValueError(f"cannot evaluate the policy variable in the statement {statement.get('Sid')}")
    return statements


def _applies(statement: Document, request: Request) -> bool:
    # Conditions are looked at first, so that one which is not understood cannot hide behind another action.
    conditions = [
        _holds(operator, expected, request.context.get(key))
        for operator, keys in statement.get("Condition", {}).items()
        for key, expected in keys.items()
    ]
    return (
        any(_matches(pattern.lower(), request.action.lower()) for pattern in _list(statement["Action"]))
        and any(_matches(pattern, request.resource) for pattern in _list(statement["Resource"]))
        and all(conditions)
    )


def _holds(operator: str, expected: object, actual: str | tuple[str, ...] | None) -> bool:
    values = [str(value) for value in _list(expected)]
    if operator == "Null":
        return (actual is None) == (values == ["true"])
    every = operator.startswith("ForAllValues:")
    compare = _OPERATORS.get(operator.removeprefix("ForAllValues:"))
    if compare is None:
        raise ValueError(f"cannot evaluate the condition operator {operator}")
    if actual is None:
        return every  # "all of none" is true: why Null has to stand beside ForAllValues
    given = (actual,) if isinstance(actual, str) else actual
    if not every and len(given) != 1:
        raise ValueError(f"{operator} compares one value; a key with several takes ForAllValues")
    return all(any(compare(value, one) for value in values) for one in given)


def _matches(pattern: str, text: str) -> bool:
    return _compiled(pattern).fullmatch(text) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = ({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in pattern)
    return re.compile("".join(parts), re.DOTALL)


_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda expected, actual: expected == actual,
    "StringLike": _matches,
    "ArnEquals": _matches,
    "NumericLessThanEquals": lambda expected, actual: float(actual) <= float(expected),
    "Bool": lambda expected, actual: expected.lower() == actual.lower(),
}


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
