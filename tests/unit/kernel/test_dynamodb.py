"""The database client against the emulator, over TLS."""

import uuid

import pytest

from bbws_access.kernel.dynamodb import (
    BatchGet,
    Check,
    ConditionFailed,
    Credentials,
    Database,
    DatabaseError,
    DatabaseUnavailable,
    Delete,
    Get,
    Put,
    Query,
    TransactionCancelled,
    Update,
    decode_item,
    encode_item,
)
from tests.support.tables import query_all


@pytest.fixture
def table(tables: dict[str, str]) -> str:
    return tables["permissions"]


@pytest.fixture
def pk(table: str) -> str:
    return f"TEST#{uuid.uuid4()}"


def _fill(database: Database, table: str, pk: str, count: int) -> None:
    for n in range(count):
        database.put(
            table,
            {
                "PK": pk,
                "SK": f"{'A' if n % 2 else 'B'}#{n:03d}",
                "n": n,
                "GSI1PK": pk,
                "GSI1SK": f"{n:03d}",
                "name": "x",
            },
        )


def test_an_item_comes_back_as_it_was(database, table, pk):
    item = {
        "PK": pk,
        "SK": "1",
        "text": "ünïcödé ✓",
        "number": -42,
        "fraction": 0.5,
        "yes": True,
        "no": False,
        "nothing": None,
        "list": ["a", 1, {"deep": [None]}],
        "map": {"a": {"b": "c"}},
        "words": {"x", "y"},
        "numbers": {1, 2},
        "bytes": b"\x00\xff",
        "empty": "",
    }
    database.put(table, item)
    assert database.get(table, {"PK": pk, "SK": "1"}) == item
    assert database.get(table, {"PK": pk, "SK": "2"}) is None


@pytest.mark.parametrize("value", [set(), {1, "a"}, {1.5}, object(), 1 + 2j])
def test_what_cannot_be_stored_is_refused(value):
    with pytest.raises(TypeError):
        encode_item({"value": value})


def test_what_only_others_store_is_read():
    assert decode_item({"a": {"BS": ["eA==", "eQ=="]}}) == {"a": {b"x", b"y"}}


def test_an_unknown_type_in_an_answer_is_refused():
    with pytest.raises(ValueError, match="Unknown DynamoDB type"):
        decode_item({"a": {"ZZ": "x"}})


def test_queries_by_prefix_range_direction_and_filter(database, table, pk):
    _fill(database, table, pk, 6)
    keys = [item["SK"] for item in database.query(table, pk, sort_prefix="A#").items]
    assert keys == ["A#001", "A#003", "A#005"]
    assert [i["SK"] for i in database.query(table, pk, sort_prefix="A#", forward=False).items] == keys[::-1]
    assert [i["n"] for i in database.query(table, pk, sort_range=("A#002", "B#000")).items] == [3, 5, 0]
    filtered = database.query(
        table, pk, filter="#n > :n AND #name = :x", names={"#n": "n", "#name": "name"}, values={":n": 3, ":x": "x"}
    )
    assert sorted(item["n"] for item in filtered.items) == [4, 5]
    assert database.query(table, pk, select="COUNT") == ([], None, 6)
    projected = database.query(table, pk, sort_prefix="A#001", projection="#n", names={"#n": "name"})
    assert projected.items == [{"name": "x"}]


def test_pages_and_all_of_them(database, table, pk):
    _fill(database, table, pk, 7)
    first = database.query(table, pk, limit=3)
    assert len(first.items) == 3
    assert first.last_key == {"PK": pk, "SK": first.items[-1]["SK"]}
    second = database.query(table, pk, limit=3, start_key=first.last_key)
    assert {i["SK"] for i in first.items}.isdisjoint(i["SK"] for i in second.items)
    assert len(query_all(database, table, pk, limit=2)) == 7


def test_an_index_by_its_name_in_the_data_model(database, table, pk):
    _fill(database, table, pk, 4)
    page = database.query(table, pk, index="assignments-by-role", sort_range=("001", "002"), consistent=False)
    assert [item["n"] for item in page.items] == [1, 2]
    with pytest.raises(ValueError, match="no index"):
        database.query(table, pk, index="no-such-index")


def test_prefix_and_range_together_are_refused(database, table, pk):
    with pytest.raises(ValueError, match="not both"):
        database.query(table, pk, sort_prefix="A", sort_range=("A", "B"))


def test_parallel_reads_are_one_round_trip_and_keep_their_order(database, table, pk):
    _fill(database, table, pk, 4)
    before = database.round_trips
    results = database.parallel(
        [Get(table, {"PK": pk, "SK": f"B#{n:03d}"}) for n in (2, 0, 9)] + [Query(table, pk, "A#")]
    )
    assert database.round_trips == before + 1
    assert [item and item["n"] for item in results[:3]] == [2, 0, None]
    assert [item["n"] for item in results[3].items] == [1, 3]
    assert database.parallel([]) == []


def test_a_condition_that_does_not_hold(database, table, pk):
    item = {"PK": pk, "SK": "1", "version": 1}
    database.put(table, item, condition="attribute_not_exists(PK)")
    with pytest.raises(ConditionFailed):
        database.put(table, item, condition="attribute_not_exists(PK)")
    changed = database.update(
        table,
        {"PK": pk, "SK": "1"},
        "SET #v = #v + :one",
        condition="#v = :v",
        names={"#v": "version"},
        values={":one": 1, ":v": 1},
    )
    assert changed["version"] == 2
    with pytest.raises(ConditionFailed):
        database.delete(table, {"PK": pk, "SK": "1"}, condition="version = :v", values={":v": 1})
    database.delete(table, {"PK": pk, "SK": "1"})
    assert database.get(table, {"PK": pk, "SK": "1"}) is None


def test_a_transaction_is_all_or_nothing_and_says_what_failed(database, table, pk):
    database.transact(
        [
            Put(table, {"PK": pk, "SK": "1", "n": 1}, "attribute_not_exists(PK)"),
            Put(table, {"PK": pk, "SK": "2", "n": 1}),
        ]
    )
    with pytest.raises(TransactionCancelled) as caught:
        database.transact(
            [
                Update(table, {"PK": pk, "SK": "1"}, "SET n = :n", values={":n": 5}),
                Check(table, {"PK": pk, "SK": "2"}, "n = :n", values={":n": 7}),
                Delete(table, {"PK": pk, "SK": "3"}, "attribute_exists(PK)"),
            ]
        )
    assert caught.value.reasons == [None, "ConditionalCheckFailed", "ConditionalCheckFailed"]
    assert caught.value.failed() == [1, 2]
    assert database.get(table, {"PK": pk, "SK": "1"})["n"] == 1


def test_the_same_token_makes_a_transaction_happen_once(database, table, pk):
    database.put(table, {"PK": pk, "SK": "1", "n": 0})
    add = [Update(table, {"PK": pk, "SK": "1"}, "ADD n :one", values={":one": 1})]
    token = uuid.uuid4().hex
    for _ in range(3):
        database.transact(add, token=token)
    assert database.get(table, {"PK": pk, "SK": "1"})["n"] == 1


def test_faults_of_the_program_are_named(database, pk):
    with pytest.raises(DatabaseError, match="ResourceNotFoundException") as caught:
        database.get("no-such-table", {"PK": pk, "SK": "1"})
    assert caught.value.code == "ResourceNotFoundException"
    assert not isinstance(caught.value, DatabaseUnavailable)


def test_a_server_that_we_do_not_trust_is_not_talked_to(local_aws, monkeypatch):
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    database = Database("eu-west-1", local_aws.endpoint, lambda: Credentials("test", "test"), deadline=0.2)
    with pytest.raises(DatabaseUnavailable, match="certificate verify failed"):
        database.get("kernel", {"PK": "a", "SK": "b"})


def test_items_by_their_keys_in_one_request(database, table, pk):
    _fill(database, table, pk, 4)
    keys = tuple({"PK": pk, "SK": f"B#{n:03d}"} for n in (2, 9, 0))
    before = database.round_trips
    whole, part = database.parallel([BatchGet(table, keys), BatchGet(table, keys, "#n", {"#n": "name"})])
    assert database.round_trips == before + 1
    assert [item and item["n"] for item in whole] == [2, None, 0]
    assert part == [{**keys[0], "name": "x"}, None, {**keys[2], "name": "x"}]
