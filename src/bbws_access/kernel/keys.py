"""Keys of items, built from the data model so that services and Terraform share one definition."""

from __future__ import annotations

import re
from functools import lru_cache

from bbws_access.kernel.contract import load_data_model

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


class InvalidKey(ValueError):
    """A part of a key is missing, empty, not text, or holds the separator."""


def key(entity: str, *, active: bool = True, **parts: str) -> dict[str, str]:
    """The primary key of an item: `{"PK": ..., "SK": ...}`.

    active: whether the item is; some kinds lie elsewhere while they are not
    """
    model = _entity(entity)
    sort_key = model["SK"] if active else model.get("inactiveSK", model["SK"])
    return {"PK": _fill(entity, model["PK"], parts), "SK": _fill(entity, sort_key, parts)}


def index_key(entity: str, index: str, **parts: str) -> dict[str, str]:
    """The attributes that place an item in an index, such as `{"GSI1PK": ..., "GSI1SK": ...}`."""
    patterns = _entity(entity).get("indexes", {}).get(index)
    if patterns is None:
        raise InvalidKey(f"{entity} has no index {index!r}")
    return {name: _fill(entity, pattern, parts) for name, pattern in patterns.items()}


def partition(entity: str, *, index: str | None = None, **parts: str) -> str:
    """The value of the partition key alone, for a query of the table or of an index."""
    return _fill(entity, _patterns(entity, index)[0], parts)


def sort_prefix(entity: str, *, index: str | None = None, active: bool = True, **parts: str) -> str:
    """The sort key up to the first part that is not given: what a query's begins_with needs.

    active: whether the items are; some kinds lie elsewhere while they are not
    """
    pattern = _patterns(entity, index)[1]
    if not active and index is None:
        pattern = _entity(entity).get("inactiveSK", pattern)
    for match in _PLACEHOLDER.finditer(pattern):
        if match[1] not in parts:
            pattern = pattern[: match.start()]
            break
    return _fill(entity, pattern, parts)


def _patterns(entity: str, index: str | None) -> tuple[str, str]:
    model = _entity(entity)
    if index is None:
        return model["PK"], model["SK"]
    table = load_data_model()["tables"][model["table"]]["indexes"][index]
    patterns = model["indexes"][index]
    return patterns[table["partitionKey"]], patterns[table["sortKey"]]


def _entity(entity: str) -> dict:
    try:
        return load_data_model()["entities"][entity]
    except KeyError:
        raise InvalidKey(f"Unknown entity {entity!r}") from None


@lru_cache(maxsize=256)
def _parts(pattern: str) -> tuple[tuple[tuple[str, str], ...], str]:
    """Each placeholder's name behind the text that stands before it, and the text at the end."""
    *pieces, end = _PLACEHOLDER.split(pattern)
    return tuple(zip(pieces[::2], pieces[1::2], strict=True)), end


def _fill(entity: str, pattern: str, parts: dict[str, str]) -> str:
    filled = ""
    placeholders, end = _parts(pattern)
    for before, name in placeholders:
        value = parts.get(name)
        if not isinstance(value, str) or not value:
            raise InvalidKey(f"The key of {entity} needs a non-empty {name}")
        if "#" in value:
            raise InvalidKey(f"The {name} of {entity} may not contain '#'")
        filled += before + value
    return filled + end
