"""Filter patterns of CloudWatch Logs: terms, conditions on the fields of JSON lines, and of space-delimited ones."""

import fnmatch
import json
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

_MISSING = object()
_TERM = re.compile(r'([?-]?)(?:"((?:[^"\\]|\\.)*)"|%([^%]+)%|([^\s"%]+))')
_TOKEN = re.compile(
    r"""\s*(?:(?P<selector>\$(?:\.[\w@-]+|\[\d+\]|\["[^"]+"\])+)|(?P<operator>&&|\|\||!=|<=|>=|=|<|>|\(|\))"""
    r"""|"(?P<text>(?:[^"\\]|\\.)*)"|%(?P<regex>[^%]+)%|(?P<word>[^\s()=<>!&|"]+))"""
)

Match = Callable[[str], bool]
Condition = Callable[[Any], bool]


class PatternError(Exception):
    """The pattern is malformed."""


class _Field(str):
    """A field of a space-delimited line: a text, and a number where it is compared with one."""

    __slots__ = ()


@lru_cache(maxsize=1024)
def compile_pattern(pattern: str) -> Match:
    """A function that says whether a log line matches. Raises PatternError."""
    text = pattern.strip()
    if text.startswith("["):
        return _columns(text)
    if not text.startswith("{"):
        return _terms(text)
    if not text.endswith("}"):
        raise PatternError("a JSON pattern ends with }")
    parser = _Parser(text[1:-1])
    condition = parser.any_of()
    parser.finish()

    def matches(line: str) -> bool:
        fields = json_fields(line)
        return fields is not None and condition(fields)

    return matches


# A space-delimited line's fields: in brackets, in quotes, or without a space.
_COLUMN = re.compile(r'\[([^\]]*)\]|"([^"]*)"|(\S+)')
_COLUMN_NAME = re.compile(r"[A-Za-z_][\w-]*")


def _columns(text: str) -> Match:
    if not text.endswith("]"):
        raise PatternError("a space-delimited pattern ends with ]")
    columns = [one.strip() for one in text[1:-1].split(",")]
    if columns.count("...") > 1 or not all(columns):
        raise PatternError("a field has a name, and ... stands once")
    conditions: list[tuple[int, Condition]] = []
    rest = columns.index("...") if "..." in columns else len(columns)
    for number, column in enumerate(columns):
        if column == "...":
            continue
        name = _COLUMN_NAME.match(column.lstrip("("))
        if name is None:
            raise PatternError(f"{column!r} names no field")
        if name[0] != column:
            # A condition on the field's own name reads like one of a JSON line.
            operand = rf"(?<![\w$.]){re.escape(name[0])}(?=\s*(?:!?=|[<>]))"
            parser = _Parser(re.sub(operand, f"$.{name[0]}", column))
            condition = parser.any_of()
            parser.finish()
            # Fields behind the ellipsis are counted from the end.
            at = number if number < rest else number - len(columns)
            conditions.append((at, lambda value, name=name[0], condition=condition: condition({name: value})))

    def matches(line: str) -> bool:
        fields = [_Field(bracketed or quoted or word) for bracketed, quoted, word in _COLUMN.findall(line)]
        if "..." in columns:
            if len(fields) < len(columns) - 1:
                return False
        elif len(fields) != len(columns):
            return False
        return all(condition(fields[at]) for at, condition in conditions)

    return matches


def json_fields(line: str) -> dict[str, Any] | None:
    """The object that a log line is, None if it is no JSON object."""
    try:
        fields = json.loads(line)
    except ValueError:
        return None
    return fields if isinstance(fields, dict) else None


def select(fields: Any, selector: str) -> Any:
    """The value of a selector such as `$.error.code`, None if there is none."""
    value = _select(fields, selector)
    return None if value is _MISSING else value


def _select(fields: Any, selector: str) -> Any:
    for name, index, quoted in re.findall(r'\.([\w@-]+)|\[(\d+)\]|\["([^"]+)"\]', selector):
        if index:
            if not isinstance(fields, list) or int(index) >= len(fields):
                return _MISSING
            fields = fields[int(index)]
        else:
            if not isinstance(fields, dict) or (name or quoted) not in fields:
                return _MISSING
            fields = fields[name or quoted]
    return fields


def _terms(text: str) -> Match:
    if _TERM.sub("", text).strip():
        raise PatternError(f"cannot read the pattern {text}")
    every: list[Match] = []
    some: list[Match] = []
    for sign, quoted, regex, word in _TERM.findall(text):
        contains = _contains(regex, quoted.replace('\\"', '"') or word)
        if sign == "?":
            some.append(contains)
        elif sign == "-":
            every.append(lambda line, contains=contains: not contains(line))
        else:
            every.append(contains)
    return lambda line: all(one(line) for one in every) and (not some or any(one(line) for one in some))


def _contains(regex: str, term: str) -> Match:
    if regex:
        compiled = _regex(regex)
        return lambda line: compiled.search(line) is not None
    return lambda line: term in line


class _Parser:
    def __init__(self, text: str):
        self._tokens = [
            (match.lastgroup or "", match[match.lastgroup or 0]) for match in _TOKEN.finditer(text) if match.lastgroup
        ]
        if "".join(match[0] for match in _TOKEN.finditer(text)).strip() != text.strip():
            raise PatternError(f"cannot read the JSON pattern {{{text}}}")
        self._position = 0

    def finish(self) -> None:
        if self._position != len(self._tokens):
            raise PatternError(f"unexpected {self._tokens[self._position][1]!r}")

    def _take(self, *values: str) -> str | None:
        if self._position < len(self._tokens) and self._tokens[self._position][1] in values:
            self._position += 1
            return self._tokens[self._position - 1][1]
        return None

    def any_of(self) -> Condition:
        parts = [self._all_of()]
        while self._take("||"):
            parts.append(self._all_of())
        return lambda fields: any(part(fields) for part in parts)

    def _all_of(self) -> Condition:
        parts = [self._one()]
        while self._take("&&"):
            parts.append(self._one())
        return lambda fields: all(part(fields) for part in parts)

    def _one(self) -> Condition:
        if self._take("("):
            condition = self.any_of()
            if not self._take(")"):
                raise PatternError("a closing parenthesis is missing")
            return condition
        kind, selector = self._next()
        if kind != "selector":
            raise PatternError(f"expected a field such as $.level, found {selector!r}")
        if self._take("IS"):
            wanted = self._take("NULL", "TRUE", "FALSE")
            if wanted is None:
                raise PatternError("IS takes NULL, TRUE or FALSE")
            value = {"NULL": None, "TRUE": True, "FALSE": False}[wanted]
            return lambda fields: _select(fields, selector) is value
        if self._take("NOT"):
            if not self._take("EXISTS"):
                raise PatternError("NOT takes EXISTS")
            return lambda fields: _select(fields, selector) is _MISSING
        operator = self._take("=", "!=", "<", ">", "<=", ">=")
        if operator is None:
            raise PatternError(f"{selector} is compared with nothing")
        kind, value = self._next()
        return _comparison(selector, operator, kind, value)

    def _next(self) -> tuple[str, str]:
        if self._position >= len(self._tokens):
            raise PatternError("the pattern ends too early")
        self._position += 1
        return self._tokens[self._position - 1]


def _comparison(selector: str, operator: str, kind: str, value: str) -> Condition:
    if operator in ("<", ">", "<=", ">="):
        number = _number(value)
        if number is None:
            raise PatternError(f"{operator} compares numbers, {value!r} is none")

        def ordered(fields: Any) -> bool:
            found = _select(fields, selector)
            if isinstance(found, _Field):
                found = _number(found)
            if isinstance(found, bool) or not isinstance(found, int | float):
                return False
            return {"<": found < number, ">": found > number, "<=": found <= number, ">=": found >= number}[operator]

        return ordered

    wildcards = fnmatch.translate(value.replace('\\"', '"').replace("[", "[[]"))
    regex = _regex(value) if kind == "regex" else re.compile(wildcards)
    number = _number(value) if kind == "word" else None

    def equal(fields: Any) -> bool:
        found = _select(fields, selector)
        if found is _MISSING or isinstance(found, dict | list):
            return False
        if isinstance(found, bool | None):
            same = kind == "word" and json.dumps(found) == value.lower()
        elif isinstance(found, str):
            same = (regex.search if kind == "regex" else regex.match)(found) is not None
        else:
            same = number is not None and found == number
        return same if operator == "=" else not same

    return equal


def _regex(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise PatternError(f"%{text}% is no regular expression: {error}") from None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
