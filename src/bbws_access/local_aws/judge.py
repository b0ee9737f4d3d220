"""What is wrong with a request, by AWS's own model of its service.

A violation is told in the words that most services of AWS use, so that the local AWS can answer with them.
"""

import math
import re
import sys
import unicodedata
from base64 import b64decode
from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from bbws_access.local_aws.wire import Call, Model

# Kinds of violations.
REQUIRED, UNKNOWN, TYPE, ENUM, LENGTH, RANGE, PATTERN, UNION, LIMIT = (
    "required",
    "unknown",
    "type",
    "enum",
    "length",
    "range",
    "pattern",
    "union",
    "limit",
)


class Violation(NamedTuple):
    """`path` is where, such as `Entries[0].Source`; `message` what AWS would say of it.

    code: the error that AWS answers with, where it is not the service's usual one
    """

    kind: str
    path: str
    message: str
    code: str = ""


def limit(path: str, message: str, code: str) -> Violation:
    """A violation of what AWS checks beside its models."""
    return Violation(LIMIT, path, message, code)


def by_the_model(call: Call) -> list[Violation]:
    """What the model says against a request."""
    operation = call.operation
    found = [Violation(UNKNOWN, path, f"{operation} knows no {path!r}") for path in call.unknown]
    if operation.input:
        check = _checks(operation.model, call.protocol).of_input(operation.reference["shape"])
        check(call.values, None, found)
    else:
        found += [Violation(UNKNOWN, name, f"{operation} knows no {name!r}") for name in call.values]
    return found


# Where a value stands: None at the top, else what holds it and the name or the number within.
At = tuple[Any, Any] | None
Check = Callable[[Any, At, list[Violation]], None]


@cache
def _checks(owner: Model, protocol: str) -> "_Checks":
    return _Checks(owner, protocol)


class _Checks:
    """The shapes of a model as functions, made when they are first needed. They are on the way of every request."""

    def __init__(self, owner: Model, protocol: str):
        self._shapes = owner.shapes
        # In these an empty structure and an empty text are the same.
        self._xml = protocol in ("query", "rest-xml")
        self._wired_top = protocol in ("json", "cbor")
        self._made: dict[str, Check] = {}

    def of_input(self, name: str) -> Check:
        key = f"input {name}"
        if key not in self._made:
            self._made[key] = self._structure(self._shapes[name], wired=self._wired_top)
        return self._made[key]

    def _of(self, reference: dict[str, Any]) -> Check:
        if reference.get("jsonvalue"):
            return _anything
        name = reference["shape"]
        if name not in self._made:
            # Shapes hold themselves: whoever refers to this one meanwhile finds it when it is called.
            self._made[name] = lambda value, at, found: self._made[name](value, at, found)
            self._made[name] = self._make(self._shapes[name])
        return self._made[name]

    def _make(self, shape: dict[str, Any]) -> Check:
        kind = shape["type"]
        if kind == "structure":
            return _anything if shape.get("document") else self._structure(shape, wired=not self._xml)
        if kind == "list":
            return self._list(shape)
        if kind == "map":
            return self._map(shape)
        return _SCALARS[kind](shape)

    def _structure(self, shape: dict[str, Any], *, wired: bool) -> Check:
        names = {
            name: reference.get("locationName", name) if wired else name for name, reference in shape["members"].items()
        }
        members = {names[name]: self._of(reference) for name, reference in shape["members"].items()}
        required = [names[name] for name in shape.get("required", ())]
        union, xml = shape.get("union"), self._xml

        def check(value: Any, at: At, found: list[Violation]) -> None:
            if not isinstance(value, dict):
                if not (xml and value == ""):
                    found.append(_type(at, value, "a structure"))
                return
            present = 0
            for name, one in value.items():
                if name not in members:
                    if name != "__type":
                        place = _path((at, name))
                        found.append(Violation(UNKNOWN, place, f"the model knows no {place!r}"))
                elif one is not None:
                    present += 1
                    members[name](one, (at, name), found)
            found += [
                _constraint(REQUIRED, (at, name), "null", "Member must not be null", quoted=False)
                for name in required
                if value.get(name) is None
            ]
            if union and present != 1:
                found.append(Violation(UNION, _path(at), f"'{_said(at)}' must have exactly one member"))

        return check

    def _list(self, shape: dict[str, Any]) -> Check:
        member, sparse, xml = self._of(shape["member"]), shape.get("sparse"), self._xml
        length = _length(shape)

        def check(value: Any, at: At, found: list[Violation]) -> None:
            if not isinstance(value, list):
                if not (xml and value == ""):
                    found.append(_type(at, value, "a list"))
                return
            length(len(value), value, at, found)
            for number, one in enumerate(value):
                if one is not None:
                    member(one, (at, number), found)
                elif not sparse:
                    found.append(_type((at, number), one, "a member"))

        return check

    def _map(self, shape: dict[str, Any]) -> Check:
        key, member, sparse = self._of(shape["key"]), self._of(shape["value"]), shape.get("sparse")
        length = _length(shape)

        def check(value: Any, at: At, found: list[Violation]) -> None:
            if not isinstance(value, dict):
                found.append(_type(at, value, "a map"))
                return
            length(len(value), value, at, found)
            for name, one in value.items():
                inner = (at, name)
                key(name, inner, found)
                if one is not None:
                    member(one, inner, found)
                elif not sparse:
                    found.append(_type(inner, one, "a value"))

        return check


def _anything(value: Any, at: At, found: list[Violation]) -> None:
    pass


def _string(shape: dict[str, Any]) -> Check:
    length, enum, pattern = _length(shape), shape.get("enum"), shape.get("pattern")
    compiled = _compiled(pattern) if pattern else None

    def check(value: Any, at: At, found: list[Violation]) -> None:
        if not isinstance(value, str):
            if not isinstance(value, bytes):
                found.append(_type(at, value, "a text"))
                return
            value = value.decode(errors="replace")
        length(len(value), value, at, found)
        if enum and value not in enum:
            found.append(_constraint(ENUM, at, value, f"Member must satisfy enum value set: [{', '.join(enum)}]"))
        if compiled and not compiled.fullmatch(value):
            found.append(_constraint(PATTERN, at, value, f"Member must satisfy regular expression pattern: {pattern}"))

    return check


def _blob(shape: dict[str, Any]) -> Check:
    length = _length(shape)

    def check(value: Any, at: At, found: list[Violation]) -> None:
        if isinstance(value, str):
            try:
                value = b64decode(value, validate=True)
            except ValueError:
                found.append(_type(at, value, "base64"))
                return
        if isinstance(value, bytes):
            length(len(value), "(bytes)", at, found)
        else:
            found.append(_type(at, value, "bytes"))

    return check


def _number(shape: dict[str, Any]) -> Check:
    whole = shape["type"] in ("integer", "long")
    bound = 2**31 if shape["type"] == "integer" else 2**63
    least, most = shape.get("min", -math.inf), shape.get("max", math.inf)

    def check(value: Any, at: At, found: list[Violation]) -> None:
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
            if whole or value not in ("NaN", "Infinity", "-Infinity"):
                found.append(_type(at, value, "a whole number" if whole else "a number"))
        elif whole and not -bound <= value < bound:
            found.append(_type(at, value, f"a number of type {shape['type']}"))
        elif value < least:
            found.append(_constraint(RANGE, at, value, f"Member must have value greater than or equal to {least}"))
        elif value > most:
            found.append(_constraint(RANGE, at, value, f"Member must have value less than or equal to {most}"))

    return check


def _boolean(shape: dict[str, Any]) -> Check:
    def check(value: Any, at: At, found: list[Violation]) -> None:
        if not isinstance(value, bool):
            found.append(_type(at, value, "true or false"))

    return check


def _timestamp(shape: dict[str, Any]) -> Check:
    def check(value: Any, at: At, found: list[Violation]) -> None:
        if not _is_moment(value):
            found.append(_type(at, value, "a moment"))

    return check


_SCALARS: dict[str, Callable[[dict[str, Any]], Check]] = {
    "string": _string,
    "character": _string,
    "blob": _blob,
    "integer": _number,
    "long": _number,
    "float": _number,
    "double": _number,
    "boolean": _boolean,
    "timestamp": _timestamp,
}


def _length(shape: dict[str, Any]) -> Callable[[int, Any, At, list[Violation]], None]:
    least, most = shape.get("min", 0), shape.get("max", sys.maxsize)

    def check(length: int, value: Any, at: At, found: list[Violation]) -> None:
        if length < least:
            found.append(_constraint(LENGTH, at, value, f"Member must have length greater than or equal to {least}"))
        elif length > most:
            found.append(_constraint(LENGTH, at, value, f"Member must have length less than or equal to {most}"))

    return check


# How it is told


def _constraint(kind: str, at: At, value: Any, rule: str, *, quoted: bool = True) -> Violation:
    shown = f"'{str(value)[:2048]}'" if quoted else str(value)
    message = f"Value {shown} at '{_said(at)}' failed to satisfy constraint: {rule}"
    return Violation(kind, _path(at), message)


def _type(at: At, value: Any, wanted: str) -> Violation:
    found = f"{type(value).__name__} {str(value)[:80]!r}"
    return Violation(TYPE, _path(at), f"'{_said(at)}' is {found} where {wanted} stands")


def _path(at: At) -> str:
    if at is None:
        return ""
    before, part = _path(at[0]), at[1]
    if isinstance(part, int):
        return f"{before}[{part}]"
    return f"{before}.{part}" if before else str(part)


def _said(at: At) -> str:
    """A place as AWS writes it: in lower camel case, members of lists numbered from 1."""
    if at is None:
        return ""
    before, part = _said(at[0]), at[1]
    name = f"{part + 1}.member" if isinstance(part, int) else part[:1].lower() + part[1:]
    return f"{before}.{name}" if before else name


def _is_moment(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, int | float | datetime):
        return True
    if not isinstance(value, str):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        pass
    else:
        return True
    try:
        datetime.strptime(value, "%a, %d %b %Y %H:%M:%S %Z")
    except ValueError:
        return value.replace(".", "", 1).isdigit()
    return True


# Patterns are Java's. What Python's `re` lacks of it are classes of Unicode, of which a few are used.
_CLASS = re.compile(r"\\p\{(?:Is)?(\w+)\}|\\p([LNPSZMC])")
_POSIX = {
    "Alpha": "A-Za-z", "Alnum": "A-Za-z0-9", "Digit": "0-9", "Lower": "a-z", "Upper": "A-Z", "ASCII": r"\x00-\x7f",
    "Punct": re.escape("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"), "Graph": "!-~", "Print": " -~", "Space": r"\s",
    "XDigit": "0-9A-Fa-f", "Blank": r" \t", "Cntrl": r"\x00-\x1f\x7f",
}  # fmt: skip


@cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    """None where Python cannot express it."""
    # In UTF-16, Java's own text, all beyond the first plane are pairs of these; a hyphen behind a class is itself.
    pattern = pattern.replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010ffff")
    pattern = re.sub(r"(\\[wds])-(?=[^\]])", r"\1\\-", pattern)
    translated, depth, position = [], 0, 0
    while position < len(pattern):
        found = _CLASS.match(pattern, position)
        if found:
            ranges = _category(found[1] or found[2])
            if ranges is None:
                return None
            translated.append(ranges if depth else f"[{ranges}]")
            position = found.end()
            continue
        character = pattern[position]
        if character == "\\" and position + 1 < len(pattern):
            following = pattern[position + 1]
            translated.append("\\Z" if following in "zZ" else "\\" + following)
            position += 2
            continue
        if character == "[" and depth:
            # Java unites nested classes.
            return None
        depth += {"[": 1, "]": -1}.get(character, 0)
        translated.append(character)
        position += 1
    try:
        return re.compile("".join(translated))
    except re.error:
        return None


@cache
def _category(name: str) -> str | None:
    if name in _POSIX:
        return _POSIX[name]
    if name not in {"L", "N", "P", "S", "Z", "M", "C", "Lu", "Ll", "Nd", "Zs", "Sc", "Sm", "Cc"}:
        return None
    ranges: list[list[int]] = []
    for code in range(sys.maxunicode + 1):
        if unicodedata.category(chr(code)).startswith(name):
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1][1] = code
            else:
                ranges.append([code, code])
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)
