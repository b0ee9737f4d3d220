"""Differences between two values of Terraform's: attributes of resources, with documents of JSON read as such."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Normalise = Callable[[str], str]

# What tells the members of a list of objects apart, in the order of preference.
_NAMES = (("Sid",), ("sid",), ("id",), ("name",), ("Name",), ("key",), ("attribute_name",), ("properties", "title"))


class Placeholder:
    """A value that is not shown, or not known yet. `content` only decides whether two are the same."""

    def __init__(self, text: str, content: Any = None) -> None:
        self.text = text
        self._content = content

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Placeholder) and (self.text, self._content) == (other.text, other._content)

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return self.text


UNKNOWN = Placeholder("(known after apply)")
ABSENT = Placeholder("(absent)")


@dataclass(frozen=True)
class AttributeDifference:
    """`path` is an attribute's path, such as `policy.Statement[ReadTable].Action`."""

    path: str
    left: Any
    right: Any

    def to_json(self, left: str, right: str) -> dict[str, Any]:
        return {"path": self.path, left: as_json(self.left), right: as_json(self.right)}


def as_json(value: Any) -> Any:
    """Plain data; placeholders become their text."""
    if isinstance(value, Placeholder):
        return value.text
    if isinstance(value, Mapping):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_json(item) for item in value]
    return value


def known(value: Any, unknown: Any, sensitive: Any) -> Any:
    """A value of a plan, with placeholders for what Terraform says is unknown or sensitive."""
    if unknown is True:
        return UNKNOWN
    if sensitive is True:
        return Placeholder("(sensitive)", json.dumps(value, sort_keys=True))
    if isinstance(value, dict) or isinstance(unknown, dict):
        value = value if isinstance(value, dict) else {}
        unknown = unknown if isinstance(unknown, dict) else {}
        sensitive = sensitive if isinstance(sensitive, dict) else {}
        # Only what is unknown, and not the `false` of what is known, adds an attribute.
        keys = list(value) + [key for key in unknown if key not in value and _holds_true(unknown[key])]
        return {key: known(value.get(key), unknown.get(key), sensitive.get(key)) for key in keys}
    if isinstance(value, list):
        unknowns = unknown if isinstance(unknown, list) else []
        hidden = sensitive if isinstance(sensitive, list) else []
        return [known(item, _member(unknowns, index), _member(hidden, index)) for index, item in enumerate(value)]
    return value


def _holds_true(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_true, value.values()))
    if isinstance(value, list):
        return any(map(_holds_true, value))
    return value is True


def _member(values: list[Any], index: int) -> Any:
    return values[index] if index < len(values) else None


def differences(
    left: Any, right: Any, path: str = "", left_names: Normalise = str, right_names: Normalise = str
) -> Iterator[AttributeDifference]:
    """What differs after both sides' texts are normalised. Nothing, null and empty collections are the same."""
    if _is_nothing(left) and _is_nothing(right):
        return
    if isinstance(left, str) and isinstance(right, str):
        documents = _document(left), _document(right)
        if None not in documents and type(documents[0]) is type(documents[1]):
            left, right = documents
    if isinstance(left, dict) and isinstance(right, dict):
        ours = {left_names(key): value for key, value in left.items()}
        theirs = {right_names(key): value for key, value in right.items()}
        for key in sorted({*ours, *theirs}):
            below = f"{path}.{key}" if path else key
            yield from differences(ours.get(key), theirs.get(key), below, left_names, right_names)
    elif isinstance(left, list) and isinstance(right, list):
        yield from _lists(left, right, path, left_names, right_names)
    elif normalised(left, left_names) != normalised(right, right_names):
        yield AttributeDifference(path, left, right)


def _is_nothing(value: Any) -> bool:
    return value is None or value == [] or value == {}


def _document(text: str) -> Any:
    """What a text of JSON says, where it is an object or a list."""
    if text[:1] not in ("{", "["):
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None


def normalised(value: Any, names: Normalise) -> Any:
    """The value with every text in it normalised."""
    if isinstance(value, str):
        return names(value)
    if isinstance(value, dict):
        return {names(key): normalised(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [normalised(item, names) for item in value]
    return value


def _lists(
    left: list[Any], right: list[Any], path: str, left_names: Normalise, right_names: Normalise
) -> Iterator[AttributeDifference]:
    if all(not isinstance(item, dict | list) for item in (*left, *right)):
        # Plain values: what only one side has.
        ours = [(_canonical(item, left_names), item) for item in left]
        theirs = [(_canonical(item, right_names), item) for item in right]
        if [text for text, _ in ours] == [text for text, _ in theirs]:
            return
        only_ours = [item for text, item in ours if text not in {other for other, _ in theirs}]
        only_theirs = [item for text, item in theirs if text not in {other for other, _ in ours}]
        if only_ours or only_theirs:
            yield AttributeDifference(path, only_ours, only_theirs)
        else:
            yield AttributeDifference(path, left, right)
        return
    for name in _NAMES:
        named = _by_name(left, name, left_names), _by_name(right, name, right_names)
        if named[0] is not None and named[1] is not None:
            for key in sorted({*named[0], *named[1]}):
                ours, theirs = named[0].get(key, ABSENT), named[1].get(key, ABSENT)
                yield from differences(ours, theirs, f"{path}[{key}]", left_names, right_names)
            return
    # Without names: those that both sides have drop out, the others are compared as they come.
    theirs = {_canonical(item, right_names) for item in right}
    ours = {_canonical(item, left_names) for item in left}
    left = [item for item in left if _canonical(item, left_names) not in theirs]
    right = [item for item in right if _canonical(item, right_names) not in ours]
    for index in range(max(len(left), len(right))):
        pair = [side[index] if index < len(side) else ABSENT for side in (left, right)]
        one = len(left) == len(right) == 1
        yield from differences(*pair, path if one else f"{path}[{index}]", left_names, right_names)


def _by_name(items: list[Any], name: tuple[str, ...], names: Normalise) -> dict[str, Any] | None:
    """The items by a name that each has to itself; None where they have none."""
    found: dict[str, Any] = {}
    for item in items:
        text = item
        for part in name:
            text = text.get(part) if isinstance(text, dict) else None
        if not isinstance(text, str) or not text or names(text) in found:
            return None
        found[names(text)] = item
    return found


def _canonical(item: Any, names: Normalise) -> str:
    return json.dumps(as_json(normalised(item, names)), sort_keys=True)


def normaliser(tokens: Mapping[str, str]) -> Normalise:
    """Replaces whole words: `tokens` names what stands for each. Longer words win over shorter ones in them."""
    words = sorted((word for word in tokens if word), key=len, reverse=True)
    if not words:
        return str
    pattern = re.compile(r"(?<![A-Za-z0-9])(" + "|".join(map(re.escape, words)) + r")(?![A-Za-z0-9])")
    return lambda text: pattern.sub(lambda found: tokens[found[1]], text)
