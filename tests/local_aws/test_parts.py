"""The parts of a saved state: whatever happens between and while they are written, what is read back is whole."""

import contextlib
import pickle
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bbws_access.local_aws import changes, parts, wire
from bbws_access.local_aws.parts import Behind, Blobs, Blocks, Items, Telemetry

TABLES = ("first", "second")
names = st.sampled_from(["a", "b", "c"])
step = st.one_of(
    st.tuples(st.just("put"), st.sampled_from(TABLES), names, names, st.integers(0, 9)),
    st.tuples(st.just("remove"), st.sampled_from(TABLES), names, names),
    st.tuples(st.sampled_from(["replace", "create", "delete"]), st.sampled_from(TABLES)),
    st.just(("save",)),
    st.just(("fail",)),
)


class Store:
    """Tables as MiniStack holds them, and what it does to them."""

    def __init__(self, folder: Path):
        self.blobs = Blobs(folder)
        self.tables: dict[Any, Any] = {}
        self.items = Items(self.blobs, self.tables)

    def do(self, action: str, name: str = "", partition: str = "", sort: str = "", value: int = 0) -> None:
        table = self.tables.get(name)
        if action == "create":
            self.tables[name] = {"items": defaultdict(dict)}
        elif table is None:
            return
        elif action == "delete":
            del self.tables[name]
        elif action == "replace":
            table["items"] = defaultdict(dict, {"x": {"y": {"n": value}}})
            self.items.replaced(table)
        elif action == "put":
            table["items"].setdefault(partition, {})[sort] = {"n": value}
            self.items.changed(table, partition, sort)
        else:
            within = table["items"].get(partition, {})
            within.pop(sort, None)
            if not within:
                table["items"].pop(partition, None)
            self.items.changed(table, partition, sort)

    def content(self) -> dict[Any, Any]:
        return {name: {key: dict(of) for key, of in table["items"].items()} for name, table in self.tables.items()}

    def save(self, meanwhile: list[Any]) -> tuple[Any, Any]:
        """The parts, and what there was at that moment; requests go on while tables are written."""
        while True:
            self.items.prepare()
            while meanwhile:
                self.do(*meanwhile.pop())
            try:
                found = self.items.collect()
            except Behind:
                continue
            self.blobs.flush()
            return found, pickle.loads(pickle.dumps(self.content()))


def restored(folder: Path, found: Any) -> Store:
    again = Store(folder)
    again.tables.update({name: {} for name in found})
    again.items.restore(found)
    return again


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("_CHUNK", 2), ("_FEWEST_CHANGES", 6), ("_MOST_LISTS", 3), ("_BLOCK", 4)):
        monkeypatch.setattr(parts, name, value)


@given(st.lists(step, max_size=40), st.lists(st.lists(step.filter(lambda one: len(one) > 1), max_size=4), max_size=8))
def test_what_is_read_back_is_what_there_was(steps: list[Any], meanwhile: list[list[Any]]) -> None:
    with TemporaryDirectory() as folder:
        store = Store(Path(folder))
        for one in (("create", "first"), ("create", "second"), *steps, ("save",)):
            if one[0] == "fail":
                # As on a full disk: while a table is written, the file cannot be.
                store.blobs.flush = lambda: (_ for _ in ()).throw(OSError)  # type: ignore[method-assign]
                with contextlib.suppress(OSError):
                    store.items.prepare()
                del store.blobs.flush
            elif one[0] == "save":
                found, there = store.save(meanwhile.pop() if meanwhile else [])
                again = restored(Path(folder), found)
                assert again.content() == there
                # It goes on from there as well as the one before.
                store = again if len(there) % 2 else store
            else:
                store.do(*one)


def test_one_item_costs_one_item() -> None:
    with TemporaryDirectory() as folder:
        store = Store(Path(folder))
        store.do("create", "first")
        for number in range(100):
            store.do("put", "first", str(number), "s", number)
        whole, lists = store.save([])[0]["first"]
        assert (len(whole), lists) == (50, [])
        before = {file.name for file in Path(folder).iterdir()}
        store.do("put", "first", "7", "s", 99)
        store.do("remove", "first", "8", "s")
        assert store.save([])[0]["first"] == (whole, (lists := store.save([])[0]["first"][1]))
        [new] = {file.name for file in Path(folder).iterdir()} - before
        assert lists == [new]
        assert pickle.loads((Path(folder) / new).read_bytes()) == [("7", "s", {"n": 99}), ("8", "s", None)]


def test_lists_of_changes_are_few_and_short() -> None:
    with TemporaryDirectory() as folder:
        store = Store(Path(folder))
        store.do("create", "first")
        for number in range(40):
            store.do("put", "first", str(number), "s", 0)
        for number in range(300):
            store.do("put", "first", str(number % 4), "s", number)
            whole, lists = store.save([])[0]["first"]
            assert len(lists) <= 4
            assert len(whole) == 20


grown = st.lists(st.one_of(st.integers(1, 9), st.integers(-9, -1), st.just(0)), max_size=40)


@given(grown)
def test_blocks_hold_what_the_list_holds(steps: list[int]) -> None:
    """A positive number adds so many, a negative one takes so many from the beginning, zero saves."""
    with TemporaryDirectory() as folder:
        blocks = Blocks(blobs := Blobs(Path(folder)))
        entries: list[int] = []
        count = gone = 0
        for one in (*steps, 0):
            if one > 0:
                entries += range(count, count + one)
                count += one
            elif one < 0:
                gone += len(entries[:-one])
                del entries[:-one]
            else:
                found = blocks.collect("key", entries, gone)
                blobs.flush()
                assert blocks.restore(found) == entries
                assert len(found) <= len(entries) // 4 + 2


def test_full_blocks_are_not_written_again_and_another_list_has_none_of_them() -> None:
    with TemporaryDirectory() as folder:
        blocks = Blocks(blobs := Blobs(Path(folder)))
        entries = list(range(10))
        first = blocks.collect("key", entries, 0)
        blobs.flush()
        entries.append(10)
        again = blocks.collect("key", entries, 0)
        assert again[:2] == first[:2]
        assert list(blobs._waiting) == again[2:]
        blobs.flush()
        other = list(range(20, 24))
        of_another = blocks.collect("key", other, 0)
        blobs.flush()
        assert blocks.restore(of_another) == other


def test_telemetry_is_written_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(parts.time, "monotonic", lambda: now)
    with TemporaryDirectory() as folder:
        telemetry = Telemetry(Blobs(Path(folder)))

        def saved(state: int, *, force: bool = False) -> Any:
            telemetry.prepare(lambda: {"logs": (state, lambda: state)}, now=force)
            return telemetry.restore(telemetry.collect()).get("logs")

        assert saved(1, force=True) == 1
        assert saved(2) == 1
        now = 31.0
        assert saved(3) == 3
        assert saved(4, force=True) == 4
        telemetry.prepare(dict, now=True)
        assert telemetry.collect() == {}


CHANGE = [
    "", "GET /somewhere", "unknown:GetThing", "secretsmanager:GetRandomPassword", "sqs:ReceiveMessage",
    "sts:AssumeRole",
    "sts:GetSessionToken", "cognito-idp:InitiateAuth", "cognito-idp:GetTokensFromRefreshToken", "dynamodb:PutItem",
    "dynamodb:TransactWriteItems", "dynamodb:ExecuteStatement", "logs:StartQuery", "lambda:Invoke", "s3:PutObject",
    "kms:GenerateDataKey", "events:PutEvents", "iam:GenerateCredentialReport", "cloudwatch:SetAlarmState",
]  # fmt: skip


@pytest.mark.parametrize("operation", CHANGE)
def test_what_may_change_something(operation: str) -> None:
    assert not changes.only_reads(operation)


def test_what_only_reads_is_sent_as_a_read() -> None:
    """AWS's own models say so where the method of HTTP tells; SES alone sends questions by POST."""
    for service in changes._READS.keys() - {"sesv2"}:
        model = wire.model(service)
        reading = [one for one in model.operations.values() if changes.only_reads(str(one))]
        assert reading, service
        if model.protocol in ("rest-json", "rest-xml"):
            assert {one.detail["http"]["method"] for one in reading} <= {"GET", "HEAD"}, service
