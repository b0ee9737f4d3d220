"""What JSON Schema cannot say of values: how names and texts are stored, and which ids nobody may choose.

It goes by the contract alone, for bodies, queries and events, so no field can forget it: a text whose pattern lets
letters of every script through is written for people.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from bbws_access.kernel.contract import fixed_words
from bbws_access.kernel.texts import NAME, TEXT, TextRefused, normalised
from bbws_access.kernel.violations import violation

CHOSEN_ID = "chosen id"


class Formats:
    """The rules for the values of one schema.

    chosen: names of those properties that hold ids which whoever sends them made up
    reserved: further words of paths, of other services' APIs behind the same authorizer
    """

    def __init__(self, schema: dict, chosen: Collection[str] = (), reserved: Collection[str] = ()) -> None:
        self._plan = _plan(schema, chosen)
        self._reserved = reserved

    def apply(self, value: object, field: str) -> tuple[object, list[dict]]:
        """The value with its names and texts as they are stored, and what is wrong with it."""
        violations: list[dict] = []
        return self._applied(self._plan, value, field, violations), violations

    def _applied(self, plan: object, value: object, field: str, violations: list[dict]) -> object:
        if isinstance(plan, dict) and isinstance(value, dict):
            found = {
                name: self._applied(plan[name], value[name], f"{field}.{name}", violations)
                for name in plan
                if name in value
            }
            return {**value, **found}
        if isinstance(plan, list) and isinstance(value, list):
            return [self._applied(plan[0], one, f"{field}.{n}", violations) for n, one in enumerate(value)]
        if not isinstance(plan, str) or not isinstance(value, str):
            return value
        if plan == CHOSEN_ID:
            if is_reserved(value, self._reserved):
                violations.append(
                    violation(field, "reserved", "is a word of the API's paths, so nothing can be called so", value)
                )
            return value
        try:
            return normalised(value, plan)
        except TextRefused as refused:
            violations.append(violation(field, "characters", str(refused), value))
            return value


def is_reserved(value: str, others: Collection[str] = ()) -> bool:
    """Whether an id would be taken for a word of a path: whatever has it could not be told from that word."""
    return value in fixed_words() or value in others


def kind_of(schema: dict) -> str | None:
    """NAME or TEXT for a text that is written for people, None for any other value."""
    pattern = schema.get("pattern")
    if pattern is None or re.search(pattern, "\u00e9") is None:
        return None
    return TEXT if re.search(pattern, "\u00e9\n\u00e9") else NAME


def _plan(schema: dict, chosen: Collection[str]) -> str | dict | list | None:
    """Where in a value there is something to do; None for nowhere."""
    if "items" in schema:
        inside = _plan(schema["items"], chosen)
        return None if inside is None else [inside]
    if "properties" not in schema:
        return kind_of(schema)
    found = {name: CHOSEN_ID if name in chosen else _plan(part, chosen) for name, part in schema["properties"].items()}
    return {name: part for name, part in found.items() if part is not None} or None
