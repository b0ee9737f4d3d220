"""What is remembered of DynamoDB's expressions changes no answer of MiniStack's own functions."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from ministack.services import dynamodb

from bbws_access.local_aws.shims import dynamodb as shim
from bbws_access.local_aws.shims import dynamodb_memory

REPLACED = (
    "_tokenize",
    "_condition_syntax_error",
    "_evaluate_condition",
    "_extract_pk_from_condition",
    "_key_condition_av",
    "_validate_projection_expression_syntax",
    "_projection_overlap_error",
    "_project_item",
    "_validate_expression_attrs",
)
ORIGINAL = {name: getattr(dynamodb, name) for name in REPLACED}
CONDITIONS = (
    "#a = :v", "a = :v", "a <> :v AND b < :w", "a = :v OR NOT b = :w", "begins_with(#a, :v)", "a BETWEEN :v AND :w",
    "attribute_exists(a)", "attribute_not_exists(#b)", "attribute_type(a, :v)", "contains(a, :v)", "size(a) > :v",
    "a IN (:v, :w)", "(a = :v)", "((a = :v))", "total = :v", "a =", "", " ", "a.c = :v", "a[0] = :v", "contains(a, a)",
    "a BETWEEN :v AND :w AND #b = :v", "begins_with(#a, :v) AND b <= :w", "#a <> :w", "a = :v AND c = :w",
    "a > :v AND b >= :w", "a = :v AND",
    "BEGINS_WITH(a, :v)", "a = :v AND NOT b = :w", "a BETWEEN :w AND :v", "a.b = :v AND b = :w", "a = :missing",
    ":v = a", "#b = :v AND a = :w", "a = :v AND begins_with(b, :w)", "a = :v AND b BETWEEN :v AND :w",
)  # fmt: skip
values = st.sampled_from(
    [{"S": "a"}, {"S": "ab"}, {"S": "S"}, {"N": "1"}, {"N": "1.0"}, {"BOOL": True}, {"L": [{"S": "a"}]}, {"SS": ["a"]}]
)
items = st.dictionaries(st.sampled_from(["a", "b", "total"]), values)
given_values = st.dictionaries(st.sampled_from([":v", ":w"]), values)
names = st.dictionaries(st.sampled_from(["#a", "#b"]), st.sampled_from(["a", "b"]))
slots = st.sampled_from(["ConditionExpression", "FilterExpression", "KeyConditionExpression"])


@pytest.fixture(scope="module", autouse=True)
def remembering() -> Iterator[dict[str, Any]]:
    copying = dynamodb.copy
    shim._remember_expressions()
    yield {name: getattr(dynamodb, name) for name in REPLACED}
    dynamodb.copy = copying
    for name, function in ORIGINAL.items():
        setattr(dynamodb, name, function)


def told(function: Any, *arguments: Any, **settings: Any) -> Any:
    try:
        return function(*arguments, **settings)
    except Exception as error:
        return type(error), str(error)


@given(st.sampled_from(CONDITIONS), items, given_values, names, slots)
def test_conditions(condition: str, item: Any, valued: Any, named: Any, slot: str) -> None:
    expected = told(ORIGINAL["_evaluate_condition"], condition, item, valued, named, slot=slot)
    for _ in range(2):
        assert told(dynamodb._evaluate_condition, condition, item, valued, named, slot=slot) == expected


def test_a_part_that_is_no_dictionary_is_told_by_ministack() -> None:
    for item, valued, named in (({"a": {"S": "a"}}, None, {}), ({"a": {"S": "a"}}, {":v": {"S": "a"}}, None)):
        expected = told(ORIGINAL["_evaluate_condition"], "#a = :v", item, valued, named)
        assert told(dynamodb._evaluate_condition, "#a = :v", item, valued, named) == expected


@pytest.mark.parametrize("condition", ["#a = :v AND begins_with(b, :w)", "a BETWEEN :v AND :w", "a <> :w AND b <= :v"])
def test_texts_are_compared_without_ministack(condition: str, monkeypatch: pytest.MonkeyPatch) -> None:
    item, valued = {"a": {"S": "a"}, "b": {"S": "ab"}}, {":v": {"S": "a"}, ":w": {"S": "b"}}
    expected = ORIGINAL["_evaluate_condition"](condition, item, valued, {"#a": "a"})
    monkeypatch.setattr(dynamodb, "_ExprEval", None)
    assert dynamodb._evaluate_condition(condition, item, valued, {"#a": "a"}) == expected


tree = st.recursive(
    st.text(max_size=3) | st.integers() | st.booleans() | st.none() | st.binary(max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
)


@given(tree)
@example({"a": {"S": "text"}, "b": {"L": [{"N": "1"}, {"M": {"c": {"S": "text"}}}]}})
def test_copies_share_nothing_that_can_change(value: Any) -> None:
    """A value that is one text is never changed in its place, and is shared."""
    copied = shim.copied(value)
    assert copied == value

    def parts(one: Any) -> Iterator[int]:
        if isinstance(one, dict) and len(one) == 1:
            ((name, content),) = one.items()
            if name in dynamodb_memory.TEXTS and isinstance(content, str):
                return
        if isinstance(one, list | dict):
            yield id(one)
            for inner in one.values() if isinstance(one, dict) else one:
                yield from parts(inner)

    assert not set(parts(copied)) & set(parts(value))


@given(st.sampled_from(CONDITIONS), given_values, names, st.sampled_from(["a", "b"]))
def test_keys_of_conditions(condition: str, valued: Any, named: Any, key: str) -> None:
    for name, arguments in (
        ("_extract_pk_from_condition", (condition, valued, named, key)),
        ("_key_condition_av", (condition, None, valued, named, key)),
        ("_key_condition_av", (condition, {key: {"AttributeValueList": [{"S": "x"}]}}, valued, named, key)),
    ):
        expected = told(ORIGINAL[name], *arguments)
        for _ in range(2):
            assert told(getattr(dynamodb, name), *arguments) == expected


PROJECTIONS = (
    "a", "#a", "a, b", "#a, #b", "a, #a", "a.b", "a[0]", "a, a.b", "a, a", "#missing", "name", "a, name", "a.b, a.c",
    "", " ", ",", "a,,b", "a[", "a[x]", "total, a, b", "L", ".a", "#a.b, b",
)  # fmt: skip
deep = st.recursive(
    values, lambda inner: st.builds(lambda one: {"L": one}, st.lists(inner, max_size=3))
    | st.builds(lambda one: {"M": one}, st.dictionaries(st.sampled_from(["a", "b", "c"]), inner))
)  # fmt: skip


@given(
    st.sampled_from(PROJECTIONS),
    st.dictionaries(st.sampled_from(["a", "b", "total", "L"]), deep),
    st.none() | names | st.just({"#a": 1}) | st.just({"#a": []}),
)
def test_projections(expression: str, item: Any, named: Any) -> None:
    for _ in range(2):
        for name, arguments in (
            ("_validate_projection_expression_syntax", (expression,)),
            ("_projection_overlap_error", (expression, named)),
            ("_project_item", (item, expression, named)),
        ):
            expected = told(ORIGINAL[name], *arguments)
            found = told(getattr(dynamodb, name), *arguments)
            assert found == expected
            if isinstance(found, dict):
                assert list(found) == list(expected)


@given(
    st.none()
    | st.dictionaries(st.text(), st.fixed_dictionaries({"S": st.text()}) | deep | st.just({}) | st.just({"S": 1}))
)
def test_sizes(item: Any) -> None:
    known = dynamodb_memory._size_of(dynamodb._item_size_bytes)
    assert told(known, item) == told(dynamodb._item_size_bytes, item)


FIELDS = ("KeyConditionExpression", "FilterExpression")


@given(
    st.dictionaries(st.sampled_from(FIELDS), st.sampled_from(CONDITIONS) | st.none() | st.just(1)),
    st.none() | given_values | st.just([]) | st.just([":v"]),
    st.none() | names,
    st.sampled_from([(), ({"FilterExpression": "bare"},)]),
)
def test_placeholders(expressions: dict[str, Any], valued: Any, named: Any, wording: tuple[Any, ...]) -> None:
    data = {**expressions, "ExpressionAttributeValues": valued, "ExpressionAttributeNames": named}
    for asked in (FIELDS, FIELDS[:1]):
        for _ in range(2):
            expected = told(ORIGINAL["_validate_expression_attrs"], data, asked, *wording)
            assert told(dynamodb._validate_expression_attrs, data, asked, *wording) == expected
