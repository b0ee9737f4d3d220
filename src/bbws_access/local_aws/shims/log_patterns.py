"""Filter patterns of CloudWatch Logs: terms, and conditions on the fields of JSON lines."""

import fnmatch
import json
import re
from collections.abc import Callable
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
    """The pattern is malformed, or of the space-delimited kind, which is not understood here."""


def compile_pattern(pattern: str) -> Match:
    """A function that says whether a log line matches. Raises PatternError."""
    text = pattern.strip()
    if text.startswith("["):
        raise PatternError("space-delimited filter patterns are not supported by the local AWS")
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
        compiled = re.compile(regex)
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
            if isinstance(found, bool) or not isinstance(found, int | float):
                return False
            return {"<": found < number, ">": found > number, "<=": found <= number, ">=": found >= number}[operator]

        return ordered

    regex = re.compile(value if kind == "regex" else fnmatch.translate(value.replace('\\"', '"').replace("[", "[[]")))
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


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
