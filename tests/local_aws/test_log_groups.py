"""Groups of logs keep their newest events."""

import json
import pickle
from bisect import bisect_left
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ministack.services import cloudwatch_logs

from bbws_access.local_aws.shims import log_groups


@pytest.fixture(autouse=True)
def groups(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(log_groups, "MOST_EVENTS", 20)
    monkeypatch.setattr(log_groups, "_SLACK", 5)
    monkeypatch.setattr(cloudwatch_logs, "_log_groups", cloudwatch_logs.AccountRegionScopedDict())
    return cloudwatch_logs._log_groups


def messages(group: dict[str, Any]) -> list[str]:
    events = [one for stream in group["streams"].values() for one in stream["events"]]
    return [one["message"] for one in sorted(events, key=lambda one: one["timestamp"])]


def write(monkeypatch: pytest.MonkeyPatch, second: int, stream: str, *lines: str) -> None:
    monkeypatch.setattr(log_groups.time, "time", lambda: float(second))
    log_groups.write("group", stream, list(lines), make_group=True)


def test_the_oldest_events_of_all_streams_go(groups: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for second in range(25):
        write(monkeypatch, second, f"stream-{second % 2}", str(second))
    assert messages(groups["group"]) == [str(second) for second in range(25)]
    write(monkeypatch, 25, "stream-1", "25")
    assert messages(groups["group"]) == [str(second) for second in range(6, 26)]
    first = [stream["firstEventTimestamp"] for stream in groups["group"]["streams"].values()]
    assert sorted(first) == [6_000, 7_000]


def test_a_stream_without_events_goes_and_one_that_was_never_written_stays(
    groups: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(monkeypatch, 1, "left", "a")
    cloudwatch_logs._create_log_stream({"logGroupName": "group", "logStreamName": "empty"})
    write(monkeypatch, 2, "busy", *map(str, range(30)))
    assert set(groups["group"]["streams"]) == {"empty", "busy"}


def test_what_is_of_one_moment_stays_together(groups: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line more is kept, rather than a line of the same moment taken and another not."""
    write(monkeypatch, 1, "one", *map(str, range(26)))
    assert len(messages(groups["group"])) == 26
    write(monkeypatch, 2, "one", "last")
    assert messages(groups["group"])[-1] == "last"


def test_events_that_somebody_puts_count_as_well(groups: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloudwatch_logs, "_put_log_events", cloudwatch_logs._put_log_events)
    for name in ("_log_records", "_append_log_events", "_stream_event_range"):
        monkeypatch.setattr(cloudwatch_logs, name, getattr(cloudwatch_logs, name))
    log_groups.install()
    cloudwatch_logs._create_log_group({"logGroupName": "group"})
    cloudwatch_logs._create_log_stream({"logGroupName": "group", "logStreamName": "s"})
    for number in range(30):
        event = {"timestamp": number + 1, "message": str(number)}
        cloudwatch_logs._put_log_events({"logGroupName": "group", "logStreamName": "s", "logEvents": [event]})
    assert len(messages(groups["group"])) <= 25
    assert messages(groups["group"])[-1] == "29"


def test_records_of_insights_are_made_again_where_they_are_gone(groups: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_groups, "_MOST_RECORDS", 3)
    monkeypatch.setattr(cloudwatch_logs, "_log_records", log_groups._Newest())
    write(monkeypatch, 1, "one", *map(str, range(9)))
    found = cloudwatch_logs._collect_query_records(["group"], 0, 100)
    assert [one["@message"] for one in found] == [str(number) for number in range(9)]
    assert len(cloudwatch_logs._log_records._data) == 3
    again = cloudwatch_logs._collect_query_records(["group"], 0, 100)
    assert [one["@ptr"] for one in again] == [one["@ptr"] for one in found]


@pytest.fixture(scope="module", autouse=True)
def small_blocks() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_groups, "_BLOCK", 3)
        yield


def event(number: int) -> dict[str, Any]:
    return {"timestamp": number, "message": f"line {number}", "ingestionTime": number}


@given(
    st.lists(
        st.one_of(st.integers(0, 7), st.tuples(st.just("gone"), st.integers(0, 9)), st.just("saved")), max_size=12
    ),
    st.data(),
)
def test_packed_events_are_as_a_list(steps: list[Any], data: st.DataObject) -> None:
    expected: list[dict[str, Any]] = []
    events, number = log_groups.Events(), 0
    for step in steps:
        if isinstance(step, int):
            added = [event(number + more) for more in range(step)]
            number += step
            expected = expected + added
            events.extend(added)
        elif step == "saved":
            events = pickle.loads(pickle.dumps(events))
        else:
            before, all_of_before = events, list(events)
            count = min(step[1], len(expected))
            expected, events = expected[count:], events.after(count)
            assert list(before) == all_of_before
    assert list(events) == expected and len(events) == len(expected) and bool(events) == bool(expected)
    assert list(events.timestamps()) == [one["timestamp"] for one in expected]
    places = st.integers(-len(expected) - 2, len(expected) + 2)
    start, end, step = data.draw(places), data.draw(places), data.draw(st.sampled_from([None, 1, 2, -1]))
    assert events[start:end:step] == expected[start:end:step]
    low, high = sorted((max(start, 0), max(end, 0)))
    assert list(events.between(low, high)) == expected[low:high]
    for at in range(-len(expected) - 1, len(expected) + 1):
        try:
            found = expected[at]
        except IndexError:
            with pytest.raises(IndexError):
                events[at]
        else:
            assert events[at] == found
    wanted = data.draw(st.integers(-1, number + 1))
    assert bisect_left(events, wanted, key=lambda one: one["timestamp"]) == bisect_left(
        [one["timestamp"] for one in expected], wanted
    )


def test_blocks_of_another_size_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    events = log_groups.Events(event(number) for number in range(20)).after(2)
    saved = pickle.dumps(events)
    monkeypatch.setattr(log_groups, "_BLOCK", 4)
    again = pickle.loads(saved)
    again.extend([event(20)])
    assert list(again) == [event(number) for number in range(2, 21)]


def test_a_reader_sees_what_was_there(groups: Any) -> None:
    events = log_groups.Events(event(number) for number in range(8))
    reader = iter(events)
    first = next(reader)
    events.extend(event(number) for number in range(8, 30))
    assert [first, *reader][:8] == [event(number) for number in range(8)]


def test_packed_events_are_found_in_every_way(groups: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_put_log_events", "_log_records", "_append_log_events", "_stream_event_range"):
        monkeypatch.setattr(cloudwatch_logs, name, getattr(cloudwatch_logs, name))
    log_groups.install()
    monkeypatch.setattr(log_groups, "MOST_EVENTS", 200)
    for second in range(60):
        write(monkeypatch, second, f"stream-{second % 2}", f"line {second}")
    write(monkeypatch, 30, "stream-0", "late")
    write(monkeypatch, 60, "stream-0", "line 60")
    streams = groups["group"]["streams"]
    assert all(isinstance(one["events"], log_groups.Events) for one in streams.values())
    lines = [f"line {second}" for second in range(61)]
    expected = [*lines[:31], "late", *lines[31:]]

    def found(**given: Any) -> list[str]:
        answer = cloudwatch_logs._filter_log_events({"logGroupName": "group", **given})
        return [one["message"] for one in json.loads(answer[2])["events"]]

    assert sorted(found()) == sorted(expected)
    assert found(startTime=50_000, endTime=52_000) == ["line 50", "line 51", "line 52"]
    assert found(filterPattern="late") == ["late"]
    page = cloudwatch_logs._get_log_events(
        {"logGroupName": "group", "logStreamName": "stream-1", "startTime": 20_000, "limit": 3, "startFromHead": True}
    )
    assert [one["message"] for one in json.loads(page[2])["events"]] == ["line 21", "line 23", "line 25"]
    records = cloudwatch_logs._collect_query_records(["group"], 10, 12)
    assert sorted(one["@message"] for one in records) == ["line 10", "line 11", "line 12"]
    described = json.loads(cloudwatch_logs._describe_log_groups({})[2])["logGroups"][0]
    assert described["storedBytes"] == sum(map(len, expected))
