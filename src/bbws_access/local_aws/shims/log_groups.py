"""CloudWatch Logs: a group keeps its newest events, and a function's environment writes one stream.

| AWS | MiniStack | test |
|---|---|---|
| an execution environment of a function writes one stream | one for each invocation | `test_one_stream_...` |
| a function's context names its stream | another one | `test_one_stream_...` |
| events go after the group's retention | never | `test_log_groups.py` |

A group keeps its newest ten thousand events here: the most that one FilterLogEvents answers.
"""

import threading
import time
from typing import Any

from ministack.core.responses import AccountRegionScopedDict
from ministack.services import cloudwatch_logs

MOST_EVENTS = 10_000
# By how many more a group may grow before it is cut, so that cutting costs little.
_SLACK = 1_000
# What Insights' record pointers lead to; records are made again from the events where they are gone.
_MOST_RECORDS = 10_000

Event = dict[str, Any]

_cutting = threading.Lock()


class _Newest(AccountRegionScopedDict):
    """A store that keeps what was put last."""

    __slots__ = ()

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, value)
        while len(self._data) > _MOST_RECORDS:
            # From several threads at once: whoever comes second finds another oldest one, or nothing.
            self._data.pop(next(iter(self._data), None), None)


def install() -> None:
    """Let no group of logs grow for ever."""
    cloudwatch_logs._log_records = _Newest()
    put = cloudwatch_logs._put_log_events

    def put_and_cut(data: dict[str, Any]) -> Any:
        answer = put(data)
        if answer[0] < 400:
            cut(data.get("logGroupName", ""))
        return answer

    cloudwatch_logs._put_log_events = put_and_cut


def write(group_name: str, stream_name: str, messages: list[str], *, make_group: bool = False) -> None:
    """Write lines of AWS itself to a stream, which is made where it is not there; filters and subscribers see them."""
    now = int(time.time() * 1000)
    group = cloudwatch_logs._log_groups.get(group_name)
    if group is None:
        if not make_group:
            return
        group = cloudwatch_logs._log_groups.setdefault(
            group_name,
            {
                "arn": cloudwatch_logs._make_group_arn(group_name),
                "creationTime": now,
                "retentionInDays": None,
                "tags": {},
                "subscriptionFilters": {},
                "streams": {},
            },
        )
    stream = group["streams"].setdefault(
        stream_name,
        {
            "events": [],
            "uploadSequenceToken": "1",
            "creationTime": now,
            "firstEventTimestamp": None,
            "lastEventTimestamp": None,
            "lastIngestionTime": None,
        },
    )
    events = [{"timestamp": now, "message": message, "ingestionTime": now} for message in messages]
    cloudwatch_logs._append_log_events(stream, events)
    cut(group_name)
    told = [{"timestamp": now, "message": message} for message in messages]
    cloudwatch_logs._fanout_to_subscription_filters(group_name, stream_name, told)
    cloudwatch_logs._fanout_to_live_tail_sessions(group_name, stream_name, events)


def cut(group_name: str) -> None:
    """Take the oldest events from a group that has too many, and with them the streams that have none left."""
    group = cloudwatch_logs._log_groups.get(group_name)
    if group is None or _count(group) <= MOST_EVENTS + _SLACK:
        return
    with _cutting, cloudwatch_logs._log_events_lock:
        excess = _count(group) - MOST_EVENTS
        if excess <= 0:
            return
        times = sorted(event["timestamp"] for stream in list(group["streams"].values()) for event in stream["events"])
        oldest = times[excess]
        for name, stream in list(group["streams"].items()):
            events = stream["events"]
            kept = next((at for at, event in enumerate(events) if event["timestamp"] >= oldest), len(events))
            if kept:
                # Replaced, not emptied: whoever reads the old list reads it to its end.
                stream["events"] = events[kept:]
                stream["firstEventTimestamp"] = events[kept]["timestamp"] if kept < len(events) else None
            if not stream["events"] and kept:
                group["streams"].pop(name, None)


def _count(group: dict[str, Any]) -> int:
    return sum(len(stream["events"]) for stream in list(group["streams"].values()))
