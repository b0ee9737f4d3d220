"""DynamoDB's expressions: their grammar, their placeholders, and the types of what they compare.

From the developer guide's reference of expressions. Whatever DynamoDB refuses before it looks at an item is found here.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from ministack.services._dynamodb_keywords import AWS_KEYWORDS

_LONGEST_EXPRESSION = 4096
_MOST_OPERATORS = 300
_MOST_IN_OPERANDS = 100
_TOKEN = re.compile(
    r"\s*(?:(?P<operator><>|<=|>=|[=<>(),.\[\]+-])|(?P<name>#[A-Za-z0-9_]+|[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<value>:[A-Za-z0-9_]+)|(?P<number>\d+)|(?P<end>$))"
)
_WORDS = frozenset(("AND", "OR", "NOT", "BETWEEN", "IN"))
_CLAUSES = frozenset(("SET", "REMOVE", "ADD", "DELETE"))
_COMPARATORS = frozenset(("=", "<>", "<", "<=", ">", ">="))
_ORDERED = frozenset(("S", "N", "B"))
_SETS = frozenset(("SS", "NS", "BS"))
_TYPES = frozenset(("S", "N", "B", "SS", "NS", "BS", "M", "L", "BOOL", "NULL"))
# Functions that are conditions, and how many operands each takes.
_CONDITIONS = {"attribute_exists": 1, "attribute_not_exists": 1, "attribute_type": 2, "begins_with": 2, "contains": 2}

# What looks at values and not at their types alone: bounds, and the name of a type.
_BY_VALUE = ("BETWEEN", "ATTRIBUTE_TYPE")
# A program has few expressions and sends them again and again: what was right is right for other values too.
_faultless: set[tuple[Any, ...]] = set()
_MOST_REMEMBERED = 4096

Path = tuple[str | int, ...]


class Refused(Exception):
    """What DynamoDB says of an expression."""


class Operand(NamedTuple):
    """Something that is compared: a path, a value with its type, or the result of a function."""

    path: Path | None = None
    type: str | None = None
    value: Any = None


class Expressions:
    """The expressions of one request, or of one part of a transaction, with the placeholders that they share."""

    def __init__(self, names: Any, values: Any):
        self._names = names if isinstance(names, dict) else {}
        self._values = values if isinstance(values, dict) else {}
        self._given = names is not None, values is not None
        self._used: set[str] = set()

    def check(self, kinds: dict[str, str | None], *, batch: bool = False) -> Iterator[str]:
        """What is wrong with these expressions, by the names of their parameters."""
        there = {kind: text for kind, text in kinds.items() if text is not None}
        shape = self._shape(there)
        if shape in _faultless:
            return
        found = list(self._check(there))
        yield from found
        if not found and shape is not None:
            if len(_faultless) >= _MOST_REMEMBERED:
                _faultless.clear()
            _faultless.add(shape)

    def _shape(self, there: dict[str, str]) -> tuple[Any, ...] | None:
        """All that decides whether these expressions are right, None where the values themselves do."""
        if any(word in text.upper() for text in there.values() for word in _BY_VALUE):
            return None
        kinds = tuple((name, tuple(value)) for name, value in self._values.items())
        return tuple(there.items()), self._given, tuple(self._names.items()), kinds

    def _check(self, there: dict[str, str]) -> Iterator[str]:
        for what, given, placeholders, form in (
            ("ExpressionAttributeNames", self._given[0], self._names, r"#[A-Za-z0-9_]+"),
            ("ExpressionAttributeValues", self._given[1], self._values, r":[A-Za-z0-9_]+"),
        ):
            if given and not there:
                yield f"{what} can only be specified when using expressions"
            elif given and not placeholders:
                yield f"{what} must not be empty"
            for one in placeholders:
                if not re.fullmatch(form, one):
                    yield f'{what} contains invalid key: Syntax error; key: "{one}"'
        for kind, text in there.items():
            try:
                self._one(kind, text)
            except Refused as refusal:
                yield f"Invalid {kind}: {refusal}"
                return
        for what, placeholders in (
            ("ExpressionAttributeNames", self._names),
            ("ExpressionAttributeValues", self._values),
        ):
            unused = sorted(set(placeholders) - self._used)
            if there and unused:
                yield f"Value provided in {what} unused in expressions: keys: {{{', '.join(unused)}}}"

    def _one(self, kind: str, text: str) -> None:
        if not text.strip():
            raise Refused("The expression can not be empty;")
        size = len(text.encode())
        if size > _LONGEST_EXPRESSION:
            raise Refused(
                "Expression size has exceeded the maximum allowed size; "
                f"maximum size: {_LONGEST_EXPRESSION}, expression size: {size}"
            )
        parser = _Parser(text, self._names, self._values, self._used)
        if kind == "UpdateExpression":
            parser.update()
        elif kind == "ProjectionExpression":
            parser.projection()
        else:
            parser.condition(keys=kind == "KeyConditionExpression")


@lru_cache(maxsize=4096)
def _tokens(text: str) -> tuple[tuple[str, str], ...]:
    """An expression's tokens by kind; the last is its end. Raises Refused."""
    found, position = [], 0
    while True:
        token = _TOKEN.match(text, position)
        if token is None:
            near = text[max(0, position - 5) : position + 10]
            raise Refused(f'Syntax error; token: "{text[position:].strip()[:1]}", near: "{near}"')
        kind = token.lastgroup or "end"
        found.append((kind, token[kind]))
        if kind == "end":
            return tuple(found)
        position = token.end()


class _Parser:
    def __init__(self, text: str, names: dict[str, str], values: dict[str, Any], used: set[str]):
        self._text, self._names, self._values, self._used = text, names, values, used
        self._tokens = _tokens(text)
        self._position = 0
        self._operators = 0

    # Tokens

    def _peek(self, ahead: int = 0) -> tuple[str, str]:
        return self._tokens[min(self._position + ahead, len(self._tokens) - 1)]

    def _word(self) -> str:
        kind, text = self._peek()
        return text.upper() if kind == "name" else ""

    def _take(self, *texts: str) -> str:
        _, text = self._peek()
        if texts and text not in texts:
            self._fail()
        self._position += 1
        return text

    def _fail(self) -> None:
        shown = self._peek()[1] or "<EOF>"
        raise Refused(f'Syntax error; token: "{shown}", near: "{self._near()}"')

    def _near(self) -> str:
        around = self._tokens[max(0, self._position - 1) : self._position + 2]
        return " ".join(text for _, text in around).strip()

    def _operator(self) -> None:
        self._operators += 1
        if self._operators > _MOST_OPERATORS:
            raise Refused(
                f"Too many operators in the expression; operator count: {self._operators}; "
                f"max allowed: {_MOST_OPERATORS}"
            )

    def _end(self) -> None:
        if self._peek()[0] != "end":
            self._fail()

    # Operands

    def _name(self) -> str:
        kind, text = self._peek()
        if kind != "name":
            self._fail()
        self._position += 1
        if text.startswith("#"):
            if text not in self._names:
                raise Refused(
                    f"An expression attribute name used in the document path is not defined; attribute name: {text}"
                )
            self._used.add(text)
            return self._names[text]
        if text.upper() in AWS_KEYWORDS:
            raise Refused(f"Attribute name is a reserved keyword; reserved keyword: {text}")
        return text

    def _path(self) -> Path:
        parts: list[str | int] = [self._name()]
        while self._peek()[1] in (".", "["):
            if self._take() == ".":
                parts.append(self._name())
            else:
                if self._peek()[0] != "number":
                    self._fail()
                parts.append(int(self._take()))
                self._take("]")
        return tuple(parts)

    def _value(self) -> Operand:
        text = self._take()
        if text not in self._values:
            raise Refused(f"An expression attribute value used in expression is not defined; attribute value: {text}")
        self._used.add(text)
        value = self._values[text]
        kind = next(iter(value), None) if isinstance(value, dict) else None
        return Operand(type=kind, value=value.get(kind) if kind else None)

    def _plain(self) -> Operand:
        return self._value() if self._peek()[0] == "value" else Operand(path=self._path())

    def _compared(self) -> Operand:
        """An operand of a comparison: also `size(path)`."""
        if self._peek()[0] == "name" and self._peek(1)[1] == "(":
            function = self._take()
            if function in _CONDITIONS:
                raise Refused(f"The function is not allowed to be used this way in an expression; function: {function}")
            if function != "size":
                raise Refused(f"Invalid function name; function: {function}")
            self._operator()
            self._take("(")
            sized = self._plain()
            self._take(")")
            if sized.type is not None and sized.type in ("N", "BOOL", "NULL"):
                raise _wrong_type("operator or function: size", sized.type)
            return Operand(type="N")
        return self._plain()

    # Conditions

    def condition(self, *, keys: bool) -> None:
        if keys:
            self._key_condition()
        else:
            self._any_of()
        self._end()

    def _any_of(self) -> None:
        self._all_of()
        while self._word() == "OR":
            self._take()
            self._operator()
            self._all_of()

    def _all_of(self) -> None:
        self._not()
        while self._word() == "AND":
            self._take()
            self._operator()
            self._not()

    def _not(self) -> None:
        if self._word() == "NOT":
            self._take()
            self._operator()
            self._not()
        elif self._peek()[1] == "(":
            self._take()
            if self._peek()[1] == "(" and self._is_redundant():
                raise Refused("The expression has redundant parentheses;")
            self._any_of()
            self._take(")")
        elif self._peek()[0] == "name" and self._peek(1)[1] == "(" and self._peek()[1] != "size":
            self._function()
        else:
            self._comparison()

    def _is_redundant(self) -> bool:
        depth = 0
        for number in range(self._position, len(self._tokens) - 1):
            text = self._tokens[number][1]
            depth += {"(": 1, ")": -1}.get(text, 0)
            if depth == 0:
                return self._tokens[number + 1][1] == ")"
        return False

    def _function(self) -> None:
        function = self._take()
        if function not in _CONDITIONS:
            raise Refused(
                f"The function is not allowed to be used this way in an expression; function: {function}"
                if function in ("if_not_exists", "list_append")
                else f"Invalid function name; function: {function}"
            )
        self._operator()
        self._take("(")
        operands = [self._compared()]
        while self._peek()[1] == ",":
            self._take()
            operands.append(self._compared())
        self._take(")")
        what = f"operator or function: {function}"
        if len(operands) != _CONDITIONS[function]:
            raise Refused(
                f"Incorrect number of operands for operator or function; {what}, number of operands: {len(operands)}"
            )
        first, last = operands[0], operands[-1]
        if function.startswith("attribute_") and first.path is None:
            raise Refused(f"Operator or function requires a document path; {what}")
        if function == "attribute_type":
            if last.type != "S":
                raise _wrong_type(what, last.type or "path")
            if last.value not in _TYPES:
                raise Refused(f"Invalid attribute type name found; type: {last.value}, valid types: {sorted(_TYPES)}")
        if function == "begins_with":
            for one in operands:
                if one.type is not None and one.type not in ("S", "B"):
                    raise _wrong_type(what, one.type)
        if len(operands) == 2:
            _distinct(function, first, last)

    def _comparison(self) -> None:
        left = self._compared()
        word, text = self._word(), self._peek()[1]
        if text in _COMPARATORS:
            self._take()
            self._operator()
            right = self._compared()
            if text not in ("=", "<>"):
                for one in (left, right):
                    if one.type is not None and one.type not in _ORDERED:
                        raise _wrong_type(f"operator: {text}", one.type)
            _distinct(text, left, right)
        elif word == "BETWEEN":
            self._take()
            self._operator()
            self._between()
        elif word == "IN":
            self._take()
            self._operator()
            self._take("(")
            count = 1
            self._compared()
            while self._peek()[1] == ",":
                self._take()
                count += 1
                self._compared()
            self._take(")")
            if count > _MOST_IN_OPERANDS:
                raise Refused(
                    "Invalid number of operands; operator: IN, "
                    f"number of operands: {count}, max allowed: {_MOST_IN_OPERANDS}"
                )
        else:
            self._fail()

    def _between(self) -> None:
        low = self._compared()
        if self._word() != "AND":
            self._fail()
        self._take()
        high = self._compared()
        for one in (low, high):
            if one.type is not None and one.type not in _ORDERED:
                raise _wrong_type("operator: BETWEEN", one.type)
        if low.type and high.type and low.value is not None and high.value is not None:
            if low.type != high.type:
                raise Refused(
                    "The BETWEEN operator requires same data type for lower and upper bounds; "
                    f"lower bound operand: AttributeValue: {{{low.type}:{low.value}}}, "
                    f"upper bound operand: AttributeValue: {{{high.type}:{high.value}}}"
                )
            ordered = float(low.value) <= float(high.value) if low.type == "N" else low.value <= high.value
            if not ordered:
                raise Refused(
                    "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; "
                    f"lower bound operand: AttributeValue: {{{low.type}:{low.value}}}, "
                    f"upper bound operand: AttributeValue: {{{high.type}:{high.value}}}"
                )

    def _key_condition(self) -> None:
        """One condition of the partition key, and at most one of the sort key."""
        found: list[tuple[Path, str]] = [self._key_part()]
        while self._word() == "AND":
            self._take()
            found.append(self._key_part())
        if self._word() in ("OR", "NOT", "IN"):
            raise Refused(f"Invalid operator used in KeyConditionExpression: {self._word()}")
        if len(found) > 2:
            raise Refused("Conditions can be of length 1 or 2 only")
        paths = [path for path, _ in found]
        if len(set(paths)) != len(paths):
            raise Refused("KeyConditionExpressions must only contain one condition per key")
        if not any(operator == "=" for _, operator in found):
            raise Refused("Query key condition not supported")

    def _key_part(self) -> tuple[Path, str]:
        if self._peek()[1] == "(":
            self._take()
            part = self._key_part()
            self._take(")")
            return part
        if self._word() == "NOT":
            raise Refused("Invalid operator used in KeyConditionExpression: NOT")
        if self._peek()[0] == "name" and self._peek(1)[1] == "(":
            function = self._take()
            if function != "begins_with":
                raise Refused(f"Invalid operator used in KeyConditionExpression: {function}")
            self._take("(")
            path = self._path()
            self._take(",")
            prefix = self._plain()
            self._take(")")
            if prefix.type is not None and prefix.type not in ("S", "B"):
                raise _wrong_type("operator or function: begins_with", prefix.type)
            return self._top(path), function
        path = self._path()
        word, text = self._word(), self._peek()[1]
        if word == "BETWEEN":
            self._take()
            self._between()
            return self._top(path), word
        if text == "<>" or word == "IN":
            raise Refused(f"Invalid operator used in KeyConditionExpression: {text.upper()}")
        self._take(*_COMPARATORS)
        operand = self._plain()
        if operand.path is not None:
            raise Refused("Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition")
        if operand.type not in _ORDERED:
            raise Refused(
                "One or more parameter values were invalid: Condition parameter type does not match schema type"
            )
        return self._top(path), text

    @staticmethod
    def _top(path: Path) -> Path:
        if len(path) > 1:
            raise Refused("KeyConditionExpressions cannot have conditions on nested attributes")
        return path

    # Projections

    def projection(self) -> None:
        paths = [self._path()]
        while self._peek()[1] == ",":
            self._take()
            paths.append(self._path())
        self._end()
        _apart(paths)

    # Updates

    def update(self) -> None:
        seen: set[str] = set()
        paths: list[Path] = []
        while self._peek()[0] != "end":
            clause = self._word()
            if clause not in _CLAUSES:
                self._fail()
            if clause in seen:
                raise Refused(f'The "{clause}" section can only be used once in an update expression;')
            seen.add(clause)
            self._take()
            paths.append(self._action(clause))
            while self._peek()[1] == ",":
                self._take()
                paths.append(self._action(clause))
        _apart(paths)

    def _action(self, clause: str) -> Path:
        self._operator()
        path = self._path()
        if clause == "SET":
            self._take("=")
            self._sum()
        elif clause in ("ADD", "DELETE"):
            if self._peek()[0] != "value":
                self._fail()
            value = self._value()
            allowed = _SETS | {"N"} if clause == "ADD" else _SETS
            if value.type not in allowed:
                raise Refused(
                    f"Incorrect operand type for operator or function; operator: {clause}, operand type: "
                    f"{value.type}, typeset: ALLOWED_FOR_{clause}_OPERAND"
                )
        return path

    def _sum(self) -> None:
        left = self._term()
        sign = self._peek()[1]
        if sign in ("+", "-"):
            self._take()
            self._operator()
            for one in (left, self._term()):
                if one.type not in (None, "N"):
                    raise _wrong_type(f"operator or function: {sign}", str(one.type))

    def _term(self) -> Operand:
        if self._peek()[1] == "(":
            self._take()
            self._sum()
            self._take(")")
            return Operand()
        if self._peek()[0] == "name" and self._peek(1)[1] == "(":
            function = self._take()
            if function not in ("if_not_exists", "list_append"):
                known = function in _CONDITIONS or function == "size"
                raise Refused(
                    f"The function is not allowed in an update expression; function: {function}"
                    if known
                    else f"Invalid function name; function: {function}"
                )
            self._operator()
            self._take("(")
            first = self._term()
            self._take(",")
            second = self._term()
            self._take(")")
            if function == "if_not_exists":
                if first.path is None:
                    raise Refused(f"Operator or function requires a document path; operator or function: {function}")
                return Operand()
            for one in (first, second):
                if one.type not in (None, "L"):
                    raise _wrong_type(f"operator or function: {function}", str(one.type))
            return Operand(type="L")
        return self._plain()


def _wrong_type(what: str, kind: str) -> Refused:
    return Refused(f"Incorrect operand type for operator or function; {what}, operand type: {kind}")


def _distinct(what: str, first: Operand, second: Operand) -> None:
    if first.path is not None and first.path == second.path:
        shown = ", ".join(str(part) for part in first.path)
        raise Refused(
            "The first operand must be distinct from the remaining operands for this operator or function; "
            f"operator: {what}, first operand: [{shown}]"
        )


def _apart(paths: list[Path]) -> None:
    """No path is another one, or leads into it."""
    for number, one in enumerate(paths):
        for other in paths[:number]:
            shorter = min(len(one), len(other))
            if one[:shorter] == other[:shorter]:
                raise Refused(
                    "Two document paths overlap with each other; must remove or rewrite one of these paths; "
                    f"path one: {list(other)}, path two: {list(one)}"
                )
            # A list and a map cannot be at the same place.
            at = next(place for place in range(shorter) if one[place] != other[place])
            if isinstance(one[at], int) is not isinstance(other[at], int):
                raise Refused(
                    "Two document paths conflict with each other; must remove or rewrite one of these paths; "
                    f"path one: {list(other)}, path two: {list(one)}"
                )
