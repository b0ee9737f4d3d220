"""Two values of Terraform's, side by side."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bbws_access.verify.compare.attributes import ABSENT, UNKNOWN, as_json, differences, known, normaliser

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


def found(left: Any, right: Any, **names: Any) -> list[tuple[str, Any, Any]]:
    return [(item.path, as_json(item.left), as_json(item.right)) for item in differences(left, right, "", **names)]


@given(PLAIN)
def test_a_value_does_not_differ_from_itself(value: Any) -> None:
    assert found(value, value) == []
    assert found({"a": value}, {"a": value}) == []


@given(st.dictionaries(st.text(min_size=1, max_size=5), st.integers(), min_size=1, max_size=4), st.data())
def test_a_changed_attribute_is_named_and_no_other(value: dict[str, int], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(value)))
    assert found(value, value | {key: value[key] + 1}) == [(key, value[key], value[key] + 1)]


@pytest.mark.parametrize("nothing", [None, [], {}])
@pytest.mark.parametrize("other", [None, [], {}])
def test_nothing_is_nothing(nothing: Any, other: Any) -> None:
    assert found({"a": nothing}, {"a": other}) == []


def test_false_and_zero_and_an_empty_text_are_something() -> None:
    for value in (False, 0, ""):
        assert found({"a": value}, {"a": None}) == [("a", value, None)]


def test_documents_are_read_as_documents() -> None:
    left = json.dumps({"Statement": [{"Sid": "Read", "Action": ["a", "b"]}, {"Sid": "Write", "Action": "c"}]})
    right = json.dumps(
        {"Statement": [{"Sid": "Write", "Action": "c"}, {"Sid": "Read", "Action": ["a", "d"]}]}, indent=2
    )
    assert found({"policy": left}, {"policy": right}) == [("policy.Statement[Read].Action", ["b"], ["d"])]


def test_a_member_that_only_one_side_has_is_whole() -> None:
    left, right = [{"name": "a", "size": 1}], [{"name": "a", "size": 1}, {"name": "b", "size": 2}]
    assert found({"list": left}, {"list": right}) == [("list[b]", "(absent)", {"name": "b", "size": 2})]


def test_members_without_names_drop_out_where_both_have_them() -> None:
    left, right = [{"days": 1}, {"days": 2}], [{"days": 2}, {"days": 3}]
    assert found({"rule": left}, {"rule": right}) == [("rule.days", 1, 3)]


def test_the_order_of_plain_members_counts() -> None:
    assert found({"a": [1, 2]}, {"a": [2, 1]}) == [("a", [1, 2], [2, 1])]


def test_names_of_both_sides_are_the_same() -> None:
    ours = normaliser({"bbws-access-dev": "{prefix}", "eu-west-1": "{region}"})
    theirs = normaliser({"bbws-access-prod": "{prefix}", "af-south-1": "{region}"})
    left = {"arn": "arn:aws:sqs:eu-west-1:1:bbws-access-dev-queue", "bbws-access-dev-x": 1}
    right = {"arn": "arn:aws:sqs:af-south-1:1:bbws-access-prod-queue", "bbws-access-prod-x": 1}
    assert found(left, right, left_names=ours, right_names=theirs) == []
    # The other's region where one's own belongs is a difference, and so is a longer word.
    for text in (
        "arn:aws:sqs:eu-west-1:1:bbws-access-prod-queue",
        "arn:aws:sqs:af-south-1:1:bbws-access-production-queue",
    ):
        assert [item[0] for item in found(left, right | {"arn": text}, left_names=ours, right_names=theirs)] == ["arn"]


def test_what_is_unknown_or_sensitive_is_not_shown() -> None:
    value = known(
        {"name": "a", "secret": "x", "list": [{"id": None, "size": 1}]},
        {"arn": True, "list": [{"id": True}], "tags": {}},
        {"secret": True},
    )
    assert value["arn"] is UNKNOWN
    assert as_json(value) == {
        "name": "a",
        "secret": "(sensitive)",
        "list": [{"id": "(known after apply)", "size": 1}],
        "arn": "(known after apply)",
    }
    other = known({"name": "a", "secret": "y"}, {"arn": True}, {"secret": True})
    assert ("secret", "(sensitive)", "(sensitive)") in found(value, other)
    assert "x" not in json.dumps(as_json(value)["secret"])


def test_what_is_absent_differs_from_everything() -> None:
    assert found({"a": ABSENT}, {"a": 1}) == [("a", "(absent)", 1)]
