"""Records of streams and tokens of transactions: small, and the same to everybody who looks."""

from __future__ import annotations

import copy
import json
import pickle
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ministack.services import dynamodb

from bbws_access.local_aws.shims import dynamodb_memory as shim
from bbws_access.local_aws.shims.dynamodb import copied
from bbws_access.local_aws.shims.dynamodb_memory import Digest, Packed, _Streams, share

if TYPE_CHECKING:
    from collections.abc import Iterator

texts = st.text(max_size=5)
attributes = st.recursive(
    st.one_of(
        st.builds(lambda text: {"S": text}, texts),
        st.just({"BOOL": True}),
        st.just({"NULL": True}),
        st.just({"N": "1"}),
    ),
    lambda inner: st.one_of(
        st.builds(lambda parts: {"L": parts}, st.lists(inner, max_size=3)),
        st.builds(lambda parts: {"M": parts}, st.dictionaries(texts, inner, max_size=3)),
    ),
    max_leaves=6,
)
records = st.builds(
    lambda number, item: {"eventID": str(number), "dynamodb": {"NewImage": item, "SequenceNumber": number}},
    st.integers(),
    st.dictionaries(texts, attributes, max_size=3),
)


@given(st.lists(records, max_size=12), st.integers(-15, 15), st.integers(-15, 15))
def test_records_are_a_list_like_any_other(came: list[Any], start: int, end: int) -> None:
    packed, plain = Packed(), []
    for one in came:
        packed.append(one)
        plain.append(copy.deepcopy(one))
    for found in (packed, pickle.loads(pickle.dumps(packed)), Packed(plain)):
        assert list(found) == plain
        assert len(found) == len(plain)
        assert bool(found) is bool(plain)
        assert found[start:end] == plain[start:end]
        assert [found[at] for at in range(len(found))] == plain
    del packed[:start], plain[:start]
    assert list(packed) == plain


def test_a_record_stays_what_it_was_when_its_item_changes() -> None:
    item = {"name": {"S": "before"}}
    packed = Packed([{"dynamodb": {"NewImage": item}}])
    item["name"]["S"] = "after"
    packed[0]["dynamodb"]["NewImage"]["name"]["S"] = "of a reader"
    assert packed[0] == {"dynamodb": {"NewImage": {"name": {"S": "before"}}}}


def test_records_of_every_table_are_packed() -> None:
    streams = _Streams()
    streams["table"] = []
    streams["table"].append({"eventID": "1"})
    assert isinstance(streams["table"], Packed)
    assert streams.setdefault("table", []) is streams["table"]


@given(records, records)
def test_tokens_know_the_same_request_from_another(one: Any, other: Any) -> None:
    kept = pickle.loads(pickle.dumps(Digest(one)))
    assert kept == copy.deepcopy(one)
    assert (kept == other) is (one == other)


@given(st.lists(st.dictionaries(texts, attributes, max_size=4), max_size=4))
def test_items_that_share_their_values_are_what_they_were(items: list[Any]) -> None:
    came = copy.deepcopy(items)
    for item in items:
        share(item)
    assert items == came
    assert [copied(item) for item in items] == came
    # Of another kind is another value, and true is not one.
    assert [json.dumps(item) for item in items] == [json.dumps(item) for item in came]


def test_equal_values_of_items_are_there_once() -> None:
    first, other = ({"name": {"S": "same"}, "more": {"M": {"x": {"N": "1"}}}} for _ in range(2))
    share(first)
    share(other)
    assert first["name"] is other["name"]
    assert first["more"]["M"]["x"] is other["more"]["M"]["x"]
    # What is changed in its place is each item's own.
    assert first["more"]["M"] is not other["more"]["M"]
    assert copied(first)["more"]["M"] is not first["more"]["M"]


@pytest.mark.usefixtures("table")
def test_a_change_of_one_item_leaves_those_that_share_its_values() -> None:
    for name in ("a", "b"):
        _ask("PutItem", Item=_item(name))
    before = _ask("GetItem", Key={"pk": {"S": "b"}})
    changes = (
        ("SET n = n + :one, m.x = :text, l[0] = :text", {":one": {"N": "1"}, ":text": {"S": "new"}}),
        ("SET l = list_append(l, l), m = l, s = :text", {":text": {"S": "new"}}),
        ("ADD n :one, t :set", {":one": {"N": "5"}, ":set": {"SS": ["b"]}}),
        ("DELETE t :set", {":set": {"SS": ["a"]}}),
        ("REMOVE l[0], s", None),
    )
    for expression, values in changes:
        more = {"ExpressionAttributeValues": values} if values else {}
        _ask("PutItem", Item=_item("a"))
        _ask("UpdateItem", Key={"pk": {"S": "a"}}, UpdateExpression=expression, **more)
        update = {"TableName": "memory", "Key": {"pk": {"S": "a"}}, "UpdateExpression": "SET s = n"}
        _ask("TransactWriteItems", TransactItems=[{"Update": update}])
        assert _ask("GetItem", Key={"pk": {"S": "a"}})["Item"] != _item("a")
        assert _ask("GetItem", Key={"pk": {"S": "b"}}) == before
    assert before["Item"] == _item("b")


def _item(name: str) -> dict[str, Any]:
    parts = {"m": {"M": {"x": {"S": "text"}}}, "l": {"L": [{"S": "text"}, {"N": "1"}]}, "t": {"SS": ["a", "c"]}}
    return {"pk": {"S": name}, "n": {"N": "1"}, "s": {"S": "text"}, **parts}


def _ask(operation: str, **data: Any) -> Any:
    name = "".join(f"_{one.lower()}" if one.isupper() else one for one in operation)
    named = data if operation.startswith("Transact") else {"TableName": "memory", **data}
    status, _, content = getattr(dynamodb, name)(json.loads(json.dumps(named)))
    assert status == 200, content
    return json.loads(content)


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A table of MiniStack's, whose items share their values."""
    for name in ("_stream_records", "_txn_token_store", "_set_item"):
        monkeypatch.setattr(dynamodb, name, getattr(dynamodb, name))
    shim.install()
    monkeypatch.setattr(dynamodb, "copy", SimpleNamespace(deepcopy=copied))
    key = {"KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}], "BillingMode": "PAY_PER_REQUEST"}
    _ask("CreateTable", **key, AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}])
    yield
    _ask("DeleteTable")
