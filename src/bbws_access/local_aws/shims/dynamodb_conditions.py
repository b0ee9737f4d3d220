"""DynamoDB: conditions that compare texts, as those of keys do, without MiniStack's walk through an expression."""

import operator
from collections.abc import Callable
from typing import Any, NamedTuple


class Clause(NamedTuple):
    """One comparison of an attribute with given values."""

    attribute: str
    is_name: bool  # whether the attribute is a placeholder
    operator: str
    values: tuple[str, ...]


_COMPARISONS: dict[str, Callable[[str, str], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "begins_with": str.startswith,
}


def is_word(token: tuple[str, str], word: str) -> bool:
    return token[0] == "IDENT" and token[1].upper() == word


def clauses(tokens: list[tuple[str, str]]) -> list[Clause]:
    """An expression as comparisons that all have to hold, as those of keys are; none where it is anything else."""
    found: list[Clause] = []
    tokens = [one for one in tokens if one[0] != "EOF"]
    at = 0

    def kinds(*wanted: str) -> bool:
        there = tokens[at : at + len(wanted)]
        return len(there) == len(wanted) and all(
            kind in one.split("|") for (kind, _), one in zip(there, wanted, strict=True)
        )

    while at < len(tokens):
        if tokens[at][1] == "begins_with" and kinds(
            "IDENT", "LPAREN", "IDENT|NAME_REF", "COMMA", "VALUE_REF", "RPAREN"
        ):
            name, value = tokens[at + 2], tokens[at + 4]
            found.append(Clause(name[1], name[0] == "NAME_REF", "begins_with", (value[1],)))
            at += 6
        elif kinds("IDENT|NAME_REF", "EQ|NE|LT|GT|LE|GE", "VALUE_REF"):
            name, comparison, value = tokens[at : at + 3]
            found.append(Clause(name[1], name[0] == "NAME_REF", comparison[1], (value[1],)))
            at += 3
        elif kinds("IDENT|NAME_REF", "IDENT", "VALUE_REF", "IDENT", "VALUE_REF") and (
            is_word(tokens[at + 1], "BETWEEN") and is_word(tokens[at + 3], "AND")
        ):
            name, _, low, _, high = tokens[at : at + 5]
            found.append(Clause(name[1], name[0] == "NAME_REF", "BETWEEN", (low[1], high[1])))
            at += 5
        else:
            return []
        if at == len(tokens):
            return found if all(one.operator in _COMPARISONS or one.operator == "BETWEEN" for one in found) else []
        if not is_word(tokens[at], "AND"):
            return []
        at += 1
    return []


def of_texts(comparisons: list[Clause], item: Any, values: Any, names: Any) -> bool | None:
    """Whether all comparisons hold, None where MiniStack has to tell: something is no text, or not there."""
    if not (isinstance(item, dict) and isinstance(values, dict) and isinstance(names, dict)):
        return None
    holds = True
    for attribute, is_name, comparison, placeholders in comparisons:
        texts = []
        for value in (
            item.get(names.get(attribute, attribute) if is_name else attribute),
            *(values.get(one) for one in placeholders),
        ):
            text = value.get("S") if isinstance(value, dict) and len(value) == 1 else None
            if not isinstance(text, str):
                return None
            texts.append(text)
        if comparison == "BETWEEN":
            left, low, high = texts
            if low > high:
                return None
            holds &= low <= left <= high
        else:
            holds &= _COMPARISONS[comparison](texts[0], texts[1])
    return holds
