"""How the database client behaves when DynamoDB throttles, fails, hangs or hangs up."""

import json
import ssl
import threading
import time
from collections.abc import Callable

import pytest

from bbws_access.kernel.dynamodb import (
    BatchGet,
    ConditionFailed,
    Credentials,
    Database,
    DatabaseError,
    DatabaseUnavailable,
    Get,
    Page,
    Put,
    Query,
    Throttled,
    TransactionCancelled,
)
from bbws_access.kernel.http import Connection, Pool
from bbws_access.local_aws.certificate import ensure_certificate
from tests.unit.kernel.loopback import Answer, Loopback, error, http

KEY = {"PK": "a", "SK": "b"}
KEY_OF_ONE = {"PK": {"S": "1"}, "SK": {"S": "x"}}
FOUND = http(200, {"Item": {"n": {"N": "7"}}}, checksum=True)


def _database(server: Loopback, **options) -> Database:
    return Database("eu-west-1", server.url, lambda: Credentials("key", "secret"), **options)


def _script(*answers: Answer) -> Callable[[int, str, bytes], Answer]:
    """The answers in turn; the last one for ever."""
    return lambda number, head, body: answers[min(number, len(answers) - 1)]


@pytest.mark.parametrize(
    "fault",
    [
        error("ProvisionedThroughputExceededException"),
        error("ThrottlingException"),
        error("RequestLimitExceeded"),
        http(500, {"__type": "com.amazonaws.dynamodb.v20120810#InternalServerError"}),
        http(503, b"<html>busy</html>"),
        None,
        http(200, {"Item": {}}, headers="x-amz-crc32: 1\r\n"),
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        b"garbage\r\n\r\n",
        b"SSH-2.0 hello there\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=[
        "throughput",
        "throttling",
        "limit",
        "500",
        "503",
        "hang-up",
        "checksum",
        "cut",
        "garbage",
        "ssh",
        "length",
        "chunk",
    ],
)
def test_a_read_is_tried_again(fault):
    with Loopback(_script(fault, FOUND)) as server:
        database = _database(server, deadline=30)
        assert database.get("t", KEY) == {"n": 7}
        assert len(server.requests) == 2


def test_throttled_until_the_deadline():
    with Loopback(_script(error("ProvisionedThroughputExceededException"))) as server:
        database = _database(server, deadline=1)
        with pytest.raises(Throttled, match="ProvisionedThroughputExceededException"):
            database.get("t", KEY)
        assert 2 <= len(server.requests) <= 100


def test_a_server_that_does_not_answer_costs_no_more_than_the_deadline():
    given_up = threading.Event()
    waited_for = []

    def slow(number: int, head: str, body: bytes) -> Answer:
        waited_for.append(not given_up.wait(30))
        return FOUND

    with Loopback(slow) as server:
        with pytest.raises(DatabaseUnavailable, match="timed out"):
            _database(server, deadline=0.3, attempt_timeout=0.1).get("t", KEY)
        given_up.set()
    assert not any(waited_for)


def test_nobody_listens():
    with Loopback(_script(None)) as server:
        url = server.url
    with pytest.raises(DatabaseUnavailable, match="refused"):
        Database("eu-west-1", url, lambda: Credentials("k", "s"), deadline=0.2).get("t", KEY)


@pytest.mark.parametrize("fault", [None, http(500, {"__type": "x#InternalServerError"})], ids=["hang-up", "500"])
def test_a_conditional_write_with_unknown_outcome_is_not_repeated(fault):
    with Loopback(_script(fault, http(200, {}))) as server:
        with pytest.raises(DatabaseUnavailable):
            _database(server).put("t", KEY, condition="attribute_not_exists(PK)")
        assert len(server.requests) == 1


def test_a_throttled_conditional_write_is_repeated():
    with Loopback(
        _script(error("ThrottlingException"), error("TransactionConflictException"), http(200, {}))
    ) as server:
        _database(server).put("t", KEY, condition="attribute_not_exists(PK)")
        assert len(server.requests) == 3


def test_an_unconditional_put_is_repeated():
    with Loopback(_script(None, http(200, {}))) as server:
        _database(server).put("t", KEY)
        assert len(server.requests) == 2


def test_a_transaction_is_repeated_with_the_same_token():
    conflict = error("TransactionCanceledException", CancellationReasons=[{"Code": "TransactionConflict"}])
    answers = _script(None, error("TransactionInProgressException"), conflict, http(200, {}))
    with Loopback(answers) as server:
        _database(server).transact([Put("t", KEY)])
        tokens = {json.loads(body)["ClientRequestToken"] for _, body in server.requests}
        assert len(server.requests) == 4
        assert len(tokens) == 1
        assert len(tokens.pop()) <= 36


def test_a_cancelled_transaction_whose_condition_failed_is_not_repeated():
    reasons = [{"Code": "TransactionConflict"}, {"Code": "ConditionalCheckFailed"}, {"Code": "None"}]
    with Loopback(_script(error("TransactionCanceledException", CancellationReasons=reasons))) as server:
        with pytest.raises(TransactionCancelled) as caught:
            _database(server).transact([Put("t", KEY), Put("t", KEY), Put("t", KEY)])
        assert caught.value.reasons == ["TransactionConflict", "ConditionalCheckFailed", None]
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("code", "kind"), [("ConditionalCheckFailedException", ConditionFailed), ("ValidationException", DatabaseError)]
)
def test_answers_that_repeating_cannot_change(code, kind):
    with Loopback(_script(error(code))) as server:
        with pytest.raises(kind, match=code):
            _database(server).get("t", KEY)
        assert len(server.requests) == 1


def test_connections_are_kept_and_replaced_when_the_other_side_closed_them():
    with Loopback(_script(FOUND)) as server:
        database = _database(server)
        for _ in range(3):
            database.get("t", KEY)
        assert server.connections == 1
        server.drop()
        before = database.round_trips
        assert database.get("t", KEY) == {"n": 7}
        assert server.connections == 2
        assert database.round_trips == before + 1


def test_a_conditional_write_after_an_idle_time_meets_a_closed_connection_safely():
    with Loopback(_script(http(200, {}))) as server:
        database = _database(server)
        database.put("t", KEY, condition="attribute_not_exists(PK)")
        server.drop()
        database.put("t", KEY, condition="attribute_not_exists(PK)")
        assert len(server.requests) == 2


@pytest.mark.parametrize(
    "answer",
    [
        http(200, {"Item": {"n": {"N": "7"}}}, chunked=True, checksum=True),
        http(200, {"Item": {"n": {"N": "7"}}}, headers="Connection: close\r\n"),
    ],
    ids=["chunked", "close"],
)
def test_ways_of_ending_an_answer(answer):
    with Loopback(_script(answer)) as server:
        database = _database(server)
        assert [database.get("t", KEY) for _ in range(3)] == [{"n": 7}] * 3
        assert server.connections == (3 if b"close" in answer else 1)


def test_what_follows_an_answer_in_its_tls_record_is_never_taken_for_the_next_answer(tmp_path, monkeypatch):
    certificate, key, bundle = ensure_certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
    # Longer than two records: the end of the answer and what follows it share the third.
    long = http(200, {"Item": {"text": {"S": "x" * 40_000}}})
    stray = http(200, {"Item": {"n": {"N": "666"}}})
    with Loopback(_script(long + stray, FOUND), context) as server:
        database = _database(server)
        assert len(database.get("t", KEY)["text"]) == 40_000
        assert database.get("t", KEY) == {"n": 7}


def _asked(body: bytes) -> str:
    """The partition that a query asks for."""
    return json.loads(body)["ExpressionAttributeValues"][":pk"]["S"]


def _queries(count: int) -> list[Query]:
    return [Query("t", str(n)) for n in range(count)]


def _page(key: str) -> Answer:
    return http(200, {"Items": [{"key": {"S": key}}], "Count": 1})


def _keys(pages: list) -> list[str]:
    return [item["key"] for page in pages for item in page.items]


def test_parallel_requests_are_all_sent_before_the_first_answer():
    everybody = threading.Barrier(5, timeout=60)

    def answer(number: int, head: str, body: bytes) -> Answer:
        everybody.wait()
        return _page(_asked(body))

    with Loopback(answer) as server:
        database = _database(server)
        assert _keys(database.parallel(_queries(5))) == [str(n) for n in range(5)]
        assert (database.round_trips, database.requests) == (1, 5)


@pytest.mark.parametrize(("count", "more"), [(1, 0), (5, 0), (37, 0), (38, 1), (90, 53)])
def test_the_first_are_sent_last_and_waited_for_first(monkeypatch: pytest.MonkeyPatch, count: int, more: int):
    """They take longest, so nobody sleeps for the others; while more are to be sent, the oldest answer makes room."""
    sent: list[str] = []
    read: list[str] = []
    asked: dict[Connection, str] = {}
    send, answered = Pool.send, Connection.read_answer

    def sending(pool: Pool, data: bytes, timeout: float) -> Connection:
        connection = send(pool, data, timeout)
        asked[connection] = _asked(data.partition(b"\r\n\r\n")[2])
        sent.append(asked[connection])
        return connection

    def reading(connection: Connection) -> tuple[int, bytes]:
        read.append(asked[connection])
        return answered(connection)

    monkeypatch.setattr(Pool, "send", sending)
    monkeypatch.setattr(Connection, "read_answer", reading)
    with Loopback(lambda number, head, body: _page(_asked(body))) as server:
        assert _keys(_database(server).parallel(_queries(count))) == [str(n) for n in range(count)]
    assert sent == [str(n) for n in reversed(range(count))]
    assert read == [*sent[:more], *reversed(sent[more:])]


def test_many_requests_share_few_connections():
    with Loopback(lambda number, head, body: _page(_asked(body))) as server:
        database = _database(server)
        assert _keys(database.parallel(_queries(100))) == [str(n) for n in range(100)]
        assert (server.connections, database.round_trips, database.requests) == (37, 3, 100)


def test_reads_that_were_answered_apart_are_known_to_be():
    """Whoever decides by them must not take them for what was there at one moment."""
    began = time.monotonic()
    for answers, calls in (
        ([error("ThrottlingException"), _page("0")], _queries(1)),
        ([None, _page("0")], _queries(1)),
        ([_page("0")], _queries(38)),
        ([http(200, {"Responses": {}, "UnprocessedKeys": {"t": {"Keys": [KEY_OF_ONE]}}}), http(200, {})], [_batch(2)]),
    ):
        with Loopback(_script(*answers)) as server:
            database = _database(server, deadline=30)
            database.parallel(calls)
            assert database.apart_at >= began
    for answers in ([FOUND], [error("ThrottlingException"), FOUND]):
        with Loopback(_script(*answers)) as server:
            database = _database(server, deadline=30)
            database.put("t", KEY)
            assert database.apart_at < began
    with Loopback(_script(_page("0"))) as server:
        database = _database(server, deadline=30)
        database.parallel(_queries(37))
        assert database.apart_at < began


def test_only_the_parts_that_failed_are_sent_again():
    def answer(number: int, head: str, body: bytes) -> Answer:
        key = _asked(body)
        seen = sum(_asked(one) == key for _, one in server.requests)
        return error("ThrottlingException") if key == "1" and seen == 1 else _page(key)

    with Loopback(answer) as server:
        assert _keys(_database(server).parallel(_queries(3))) == ["0", "1", "2"]
        assert len(server.requests) == 4


def test_one_refused_request_does_not_mix_up_the_answers_of_the_others():
    def answer(number: int, head: str, body: bytes) -> Answer:
        key = _asked(body)
        return error("ValidationException") if key == "0" else _page(key)

    with Loopback(answer) as server:
        database = _database(server)
        with pytest.raises(DatabaseError, match="ValidationException"):
            database.parallel(_queries(3))
        for key in ("8", "9"):
            assert _keys([database.query("t", key)]) == [key]


def _gets(*numbers: int, table: str = "t") -> list[Get]:
    return [Get(table, {"PK": f"p{n}", "SK": "x"}) for n in numbers]


def _gathered(body: bytes) -> dict[str, list[dict]]:
    """The keys that a request for several items names, by table."""
    tables = json.loads(body)["RequestItems"]
    assert all(one["ConsistentRead"] is True for one in tables.values())
    return {table: one["Keys"] for table, one in tables.items()}


def _answered(body: bytes, *, left: int = 0) -> Answer:
    """All that is asked for but `left` keys, in another order; an item that has an odd number is not there."""
    told: dict[str, dict] = {"Responses": {}, "UnprocessedKeys": {}}
    asked = [(table, key) for table, keys in _gathered(body).items() for key in keys]
    for table, key in reversed(asked[: len(asked) - left]):
        found = told["Responses"].setdefault(table, [])
        if int(key["PK"]["S"][1:]) % 2 == 0:
            found.append({**key, "text": {"S": table + key["PK"]["S"][1:]}})
    for table, key in asked[len(asked) - left :]:
        rest = told["UnprocessedKeys"].setdefault(table, {"Keys": [], "ConsistentRead": True})
        rest["Keys"].append(key)
    return http(200, told)


def _texts(items: list) -> list[str | None]:
    return [None if item is None else item["text"] for item in items]


def test_items_travel_together_and_come_back_in_their_order():
    def answer(number: int, head: str, body: bytes) -> Answer:
        return _page("q") if b"KeyCondition" in body else _answered(body)

    with Loopback(answer) as server:
        database = _database(server)
        calls = [*_gets(4), Query("t", "q"), *_gets(2, 3, table="u"), *_gets(3, 4, 0)]
        first, page, *more = database.parallel(calls)
        assert _texts([first, *more]) == ["t4", "u2", None, None, "t4", "t0"]
        assert _keys([page]) == ["q"]
        assert (database.round_trips, database.requests) == (1, 2)
        first["text"] = "changed"
        assert more[3]["text"] == "t4"  # each caller's own
        [asked] = [_gathered(body) for _, body in server.requests if b"RequestItems" in body]
        named = {table: [key["PK"]["S"] for key in keys] for table, keys in asked.items()}
        assert named == {"t": ["p4", "p3", "p0"], "u": ["p2", "p3"]}


def test_a_hundred_items_in_each_request():
    with Loopback(lambda number, head, body: _answered(body)) as server:
        database = _database(server)
        calls = [*_gets(*range(0, 406, 2)), *_gets(6, 8, table="u")]
        assert _texts(database.parallel(calls)) == [call.table + call.key["PK"][1:] for call in calls]
        sizes = [{table: len(keys) for table, keys in _gathered(body).items()} for _, body in server.requests]
        assert sorted(sizes, key=str) == [{"t": 100}, {"t": 100}, {"t": 3, "u": 2}]


def test_what_a_request_for_several_tables_leaves_is_asked_for_again():
    def answer(number: int, head: str, body: bytes) -> Answer:
        return _answered(body, left=3 if number == 0 else 1 if number == 1 else 0)

    with Loopback(answer) as server:
        database = _database(server)
        found = database.parallel([*_gets(*range(5)), *_gets(0, 1, table="u")])
        assert _texts(found) == ["t0", None, "t2", None, "t4", "u0", None]
        sizes = [{table: len(keys) for table, keys in _gathered(body).items()} for _, body in server.requests]
        assert sizes == [{"t": 5, "u": 2}, {"t": 1, "u": 2}, {"u": 1}]


def test_whoever_may_not_ask_several_tables_at_once_asks_one_by_one():
    """As if IAM compared the partition keys of all tables with what is allowed in each."""

    def answer(number: int, head: str, body: bytes) -> Answer:
        if b"RequestItems" in body:
            return error("AccessDeniedException") if len(_gathered(body)) > 1 else _answered(body)
        return http(200, {"Item": {"text": {"S": "one"}}})

    with Loopback(answer) as server:
        database = _database(server)
        for requests in (1 + 2, 2):  # the first refusal is remembered
            before = len(server.requests)
            assert _texts(database.parallel([*_gets(0, 2), *_gets(4, 6, table="u")])) == ["t0", "t2", "u4", "u6"]
            assert len(server.requests) - before == requests
        assert _texts(database.parallel([*_gets(0, 2), *_gets(4, table="u")])) == ["t0", "t2", "one"]


def test_whoever_may_not_ask_at_all_is_refused():
    with Loopback(_script(error("AccessDeniedException"))) as server:
        database = _database(server)
        for calls in ([*_gets(0, 2), *_gets(4, 6, table="u")], _gets(0, 2)):
            with pytest.raises(DatabaseError, match="AccessDenied"):
                database.parallel(calls)
        # What was sent; of two in flight, the second may be given up before the server has read it.
        assert database.requests == 1 + 2 + 1


def test_rotated_credentials_are_used_at_once(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "FIRST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "one")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "session-one")
    with Loopback(_script(FOUND)) as server:
        database = Database("eu-west-1", server.url)
        database.get("t", KEY)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "SECOND")
        monkeypatch.delenv("AWS_SESSION_TOKEN")
        database.get("t", KEY)
        first, second = (head for head, _ in server.requests)
    assert "Credential=FIRST/" in first
    assert "X-Amz-Security-Token: session-one" in first
    assert "Credential=SECOND/" in second
    assert "X-Amz-Security-Token" not in second


def test_missing_credentials_are_named(monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    with pytest.raises(DatabaseError, match="AWS_ACCESS_KEY_ID is not set"):
        Database("eu-west-1").get("t", KEY)


@pytest.mark.parametrize(
    "endpoint", ["127.0.0.1:1", "ftp://127.0.0.1", "http://example.org", "https://", "https://h/path"]
)
def test_endpoints_that_make_no_sense_or_are_not_encrypted(endpoint):
    with pytest.raises(ValueError, match="endpoint"):
        Database("eu-west-1", endpoint)


def test_the_endpoint_of_aws_itself():
    assert Database("af-south-1")._pool.authority == "dynamodb.af-south-1.amazonaws.com"


def _items(body: bytes) -> list[dict]:
    """The keys that a batch asks for, each as an item that says which it is."""
    (part,) = json.loads(body)["RequestItems"].values()
    assert part["ConsistentRead"] is True
    assert part["ProjectionExpression"] == "PK,SK,#n"
    assert part["ExpressionAttributeNames"] == {"#n": "name"}
    return [{**key, "name": key["PK"]} for key in part["Keys"]]


def _batch(count: int) -> BatchGet:
    return BatchGet("t", tuple({"PK": str(n), "SK": "x"} for n in range(count)), "#n", {"#n": "name"})


def test_what_a_batch_leaves_is_asked_for_again_and_nothing_is_lost():
    """DynamoDB may leave out any of it, answers in any order, and says nothing of what is not there."""

    def answer(number: int, head: str, body: bytes) -> Answer:
        items = _items(body)
        there = [item for item in items[::3] if item["PK"]["S"] != "6"]
        left = {
            "t": {"Keys": [{name: item[name] for name in ("PK", "SK")} for item in items if item not in items[::3]]}
        }
        return http(200, {"Responses": {"t": there[::-1]}, "UnprocessedKeys": left if left["t"]["Keys"] else {}})

    with Loopback(answer) as server:
        database = _database(server, deadline=30)
        found, one = database.parallel([_batch(10), _batch(1)])
        assert [item and item["name"] for item in found] == [None if n == 6 else str(n) for n in range(10)]
        assert [item["name"] for item in one] == ["0"]
        # 10, then 6 that were left, 4, 2 and 1: each time a third is answered. The other batch is not sent again.
        assert [len(_items(body)) for _, body in server.requests if len(_items(body)) > 1] == [10, 6, 4, 2]
        assert len(server.requests) == 6
        assert database.round_trips == 5


@pytest.mark.parametrize("left", ["all", "refused"])
def test_a_batch_that_is_never_answered_whole_is_no_answer(left: str):
    def answer(number: int, head: str, body: bytes) -> Answer:
        if left == "refused":
            return error("ProvisionedThroughputExceededException")
        items = [{name: item[name] for name in ("PK", "SK")} for item in _items(body)]
        return http(200, {"Responses": {"t": []}, "UnprocessedKeys": {"t": {"Keys": items}}})

    with Loopback(answer) as server, pytest.raises(Throttled):
        _database(server, deadline=0.5).parallel([_batch(3)])


def test_a_batch_whose_connection_breaks_is_sent_again():
    def answer(number: int, head: str, body: bytes) -> Answer:
        return None if number == 0 else http(200, {"Responses": {"t": _items(body)}})

    with Loopback(answer) as server:
        assert len(_database(server, deadline=30).parallel([_batch(100)])[0]) == 100
        assert len(server.requests) == 2


@pytest.mark.parametrize("count", [0, 101])
def test_a_batch_has_as_many_keys_as_dynamodb_takes(count: int):
    with Loopback(_script(FOUND)) as server, pytest.raises(ValueError, match="1 to 100 keys"):
        _database(server).parallel([_batch(count)])


def test_pages_that_are_asked_for_again_are_decoded_where_they_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = [{"Items": [{"n": {"N": str(n)}}], "Count": 1} for n in (1, 1, 2, 2, 1)]
    decoded, decode = [], Query._result

    def counted(query: Query, answer: dict) -> Page:
        decoded.append(answer["Items"][0]["n"]["N"])
        return decode(query, answer)

    monkeypatch.setattr(Query, "_result", counted)
    with Loopback(_script(*(http(200, page) for page in pages))) as server:
        database, answers = _database(server), {}
        asked = Query("t", "p", answers=answers)
        found = [database.parallel([asked])[0].items for _ in range(4)]
        assert found == [[{"n": 1}], [{"n": 1}], [{"n": 2}], [{"n": 2}]]
        assert decoded == ["1", "2"]
        # Another request has an answer of its own, whatever was said to this one.
        other = database.parallel([asked._replace(partition="q")])[0]
        assert (other.items, decoded) == ([{"n": 1}], ["1", "2", "1"])
        assert len(answers) == 2
        # Nobody else sees them.
        assert database.parallel([Query("t", "p")])[0].items == [{"n": 1}]
        assert len(decoded) == 4


def test_a_fault_is_no_answer_that_is_kept() -> None:
    page = {"Items": [{"n": {"N": "1"}}], "Count": 1}
    with Loopback(_script(error("ThrottlingException"), http(200, page))) as server:
        answers: dict = {}
        assert _database(server).parallel([Query("t", "p", answers=answers)])[0].items == [{"n": 1}]
        assert [answer for answer, _ in answers.values()] == [json.dumps(page).encode()]
