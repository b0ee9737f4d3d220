"""DynamoDB's expressions: what was right once is not taken apart again, and what is wrong is always found."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bbws_access.local_aws.rules import expressions
from bbws_access.local_aws.rules.expressions import Expressions

KINDS = (
    "ConditionExpression",
    "FilterExpression",
    "KeyConditionExpression",
    "ProjectionExpression",
    "UpdateExpression",
)
TEXTS = (
    "#a = :v", "a = :v", "#a = :v AND begins_with(b, :w)", "begins_with(#a, :v)", "a BETWEEN :v AND :w", "#a.b",
    "attribute_type(a, :v)", "attribute_exists(a)", "SET #a = :v", "SET a = a + :v", "ADD a :v", "contains(a, :v)", "",
    "a IN (:v, :w)", "size(a) > :v", "DELETE a :v", "SET a = list_append(a, :v)", "REMOVE #a", "a =", "#a, b",
)  # fmt: skip
names = st.one_of(st.none(), st.dictionaries(st.sampled_from(["#a", "#b", "a"]), st.sampled_from(["a", "b"])))
typed = st.sampled_from(
    [{"S": "a"}, {"S": "S"}, {"S": "b"}, {"N": "1"}, {"N": "2"}, {"BOOL": True}, {"SS": ["a"]}, {"L": []}, {"M": {}}]
)
values = st.one_of(st.none(), st.dictionaries(st.sampled_from([":v", ":w"]), typed))
requests = st.tuples(st.dictionaries(st.sampled_from(KINDS), st.sampled_from(TEXTS), max_size=2), names, values)


def checked(kinds: dict[str, str], named: Any, valued: Any) -> list[str]:
    return list(Expressions(named, valued).check(kinds))


@given(st.lists(requests, max_size=12))
def test_remembering_changes_no_answer(asked: list[tuple[Any, Any, Any]]) -> None:
    expressions._faultless.clear()
    # Each twice: the second time is the remembered one.
    remembered = [checked(*one) for one in asked for _ in range(2)]
    fresh = []
    for one in asked:
        expressions._faultless.clear()
        fresh += [checked(*one)] * 2
    assert remembered == fresh


@pytest.mark.parametrize(
    ("text", "right", "wrong"),
    [
        ("a BETWEEN :v AND :w", {":v": {"N": "1"}, ":w": {"N": "2"}}, {":v": {"N": "2"}, ":w": {"N": "1"}}),
        ("a BETWEEN :v AND :w", {":v": {"S": "a"}, ":w": {"S": "b"}}, {":v": {"S": "b"}, ":w": {"S": "a"}}),
        ("attribute_type(a, :v)", {":v": {"S": "SS"}}, {":v": {"S": "text"}}),
        ("begins_with(a, :v)", {":v": {"S": "x"}}, {":v": {"N": "1"}}),
        ("a = :v", {":v": {"S": "x"}}, {":v": {"S": "x"}, ":w": {"S": "x"}}),
    ],
)
def test_the_same_text_with_other_values(text: str, right: dict[str, Any], wrong: dict[str, Any]) -> None:
    for _ in range(2):
        assert checked({"ConditionExpression": text}, None, right) == []
        assert checked({"ConditionExpression": text}, None, wrong) != []


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expressions, "_MOST_REMEMBERED", 10)
    for number in range(25):
        checked({"ProjectionExpression": f"a{number}"}, None, None)
    assert len(expressions._faultless) <= 10
