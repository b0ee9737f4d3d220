"""Groups of logs keep their newest events."""

from typing import Any

import pytest
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
    monkeypatch.setattr(cloudwatch_logs, "_log_records", cloudwatch_logs._log_records)
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
