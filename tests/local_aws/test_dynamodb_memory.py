"""Records of streams and tokens of transactions: small, and the same to everybody who looks."""

import copy
import pickle
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bbws_access.local_aws.shims.dynamodb_memory import Digest, Packed, _Streams

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
