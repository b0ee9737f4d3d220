"""What EventBridge takes of numbers in a pattern: one comparison, or a range that holds something."""

import json
from typing import Any

import pytest

from bbws_access.local_aws.rules.events import pattern_faults


def faults(numeric: Any) -> list[str]:
    return list(pattern_faults(json.dumps({"detail": {"amount": [{"numeric": numeric}]}})))


@pytest.mark.parametrize(
    "numeric",
    [
        *([operator, 5] for operator in ("<", "<=", "=", ">", ">=")),
        *([low, -5.5, high, 9] for low in (">", ">=") for high in ("<", "<=")),
        ["=", 0],
        ["<", 5e9],
    ],
    ids=str,
)
def test_comparisons_and_ranges_are_taken(numeric: Any) -> None:
    assert faults(numeric) == []


@pytest.mark.parametrize(
    "numeric",
    [
        ["!=", 5],
        ["==", 5],
        ["<", 5, ">", 9],
        ["<", 9, ">", 5],
        [">", 9, "<", 5],
        [">=", 5, "<=", 5],
        [">", 1, ">", 2],
        ["=", 1, "<", 2],
        [">", 1, "="],
        [">", 1, "<", 2, "<", 3],
        [5, ">"],
        [">", "5"],
        [">", True],
        [">", None],
        ["<", 5e9 + 1],
        [[">"], 5],
        [">"],
        [],
        "> 5",
        5,
        {">": 5},
    ],
    ids=str,
)
def test_what_is_no_comparison_and_ranges_that_hold_nothing_are_refused(numeric: Any) -> None:
    (fault,) = faults(numeric)
    assert "numeric" in fault
