"""What a schema says against a value, as people and programs read it: field, rule, message, value.

The schema's library would name the rule and not the way out, and it speaks of regular expressions; the contract has
words for each of its patterns.
"""

from __future__ import annotations

from itertools import islice

from bbws_access.kernel.contract import words_of_patterns
from bbws_access.kernel.violations import NO_VALUE, violation

MOST = 50  # violations of one answer
_LONGEST_NAME = 64  # characters of a name that somebody else made up
TYPES = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "null": "null",
    "number": "a number",
    "object": "a JSON object",
    "string": "text",
}
_FORMATS = {"date-time": "must be a date and time such as 2030-01-31T12:00:00Z"}


def violations_of(field: str, validator, schema: dict, value: object) -> list[dict]:
    """What is wrong with a value. A text that is empty or no date fits no pattern either, which would say less."""
    errors = islice(validator.iter_errors(value), MOST)
    found = [entry for error in errors for entry in _entries(field, error, schema)][:MOST]
    plain = {entry["field"] for entry in found if entry["rule"] != "pattern"}
    return [entry for entry in found if entry["rule"] != "pattern" or entry["field"] not in plain]


def _entries(field: str, error, schema: dict) -> list[dict]:
    kind = error.kind
    path = ".".join([field, *(str(part)[:_LONGEST_NAME] for part in error.instance_path)])
    part = _part(schema, error.schema_path)
    if kind.name == "required":
        return [violation(f"{path}.{kind.property}", "required", "is required")]
    if kind.name == "additionalProperties":
        return [_unknown(path, name, part) for name in kind.unexpected]
    message = _message(kind, part, error.instance) or error.message
    # A document as a whole says nothing that its sender could find in it.
    whole = not error.instance_path and field == "body"
    secret = part.get("format") == "password"
    return [violation(path, kind.name, message, NO_VALUE if whole or secret else error.instance)]


def _unknown(path: str, name: str, part: dict) -> dict:
    """A field that there is not: perhaps one that there is, misspelt. Its value may be anything, so it is not shown."""
    from difflib import get_close_matches  # rarely needed, so no start of a function pays for it

    name = name[:_LONGEST_NAME]
    known = {one.lower(): one for one in part.get("properties", {})}
    close = get_close_matches(name.lower(), known, 1)
    advice = f"did you mean {known[close[0]]}?" if close else f"there are {', '.join(known.values())}"
    return violation(f"{path}.{name}", "additionalProperties", f"is not a field here; {advice}")


def _message(kind, part: dict, value: object) -> str | None:
    """The rule in words, as they follow the name of the field; None for a rule that no schema of ours has."""
    match kind.name:
        case "type":
            wanted = " or ".join(TYPES[name] for name in sorted(kind.types, key="null".__eq__))
            return f"must be {wanted}, and is {TYPES[_type_of(value)]}"
        case "minLength":
            return "must not be empty" if kind.limit == 1 else f"must have at least {_count(kind.limit, 'character')}"
        case "maxLength":
            return f"must have at most {_count(kind.limit, 'character')}, and has {len(value)}"
        case "minItems":
            return "must not be empty" if kind.limit == 1 else f"must have at least {_count(kind.limit, 'item')}"
        case "maxItems":
            return f"must have at most {_count(kind.limit, 'item')}, and has {len(value)}"
        case "uniqueItems":
            return "must not have an item twice"
        case "minimum":
            return f"must be at least {kind.limit}"
        case "maximum":
            return f"must be at most {kind.limit}"
        case "enum":
            return f"must be {_any_of(kind.options)}"
        case "pattern":
            return f"must be {words_of_patterns().get(kind.pattern, f'text like {kind.pattern}')}"
        case "format":
            return _FORMATS.get(part.get("format"))
    return None


def _part(schema: dict, path: list) -> dict:
    """The part of a schema whose rule was broken."""
    for step in path[:-1]:
        schema = schema[step]
    return schema


def _type_of(value: object) -> str:
    if value is None:
        return "null"
    for kind, name in (
        (bool, "boolean"),
        (int, "integer"),
        (float, "number"),
        (str, "string"),
        (list, "array"),
        (dict, "object"),
    ):
        if isinstance(value, kind):
            return name
    raise TypeError(type(value))


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _any_of(options: list) -> str:
    texts = ["null" if one is None else str(one).lower() if isinstance(one, bool) else str(one) for one in options]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} or {texts[-1]}"
