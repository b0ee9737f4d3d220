"""CloudWatch Logs: a group keeps its newest events, and a function's environment writes one stream.

| AWS | MiniStack | test |
|---|---|---|
| an execution environment of a function writes one stream | one for each invocation | `test_one_stream_...` |
| a function's context names its stream | another one | `test_one_stream_...` |
| events go after the group's retention | never | `test_log_groups.py` |
| (nothing that can be seen) events take little room | each is a dictionary | `test_log_groups.py` |

A group keeps its newest ten thousand events here: the most that one FilterLogEvents answers. Lines of one stream are
much alike, and few are ever read; so all but the newest are packed together, until somebody reads them.
"""

from __future__ import annotations

import pickle
import threading
import time
import zlib
from array import array
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, SupportsIndex, overload

from ministack.core.responses import AccountRegionScopedDict
from ministack.services import cloudwatch_logs

MOST_EVENTS = 10_000
# By how many more a group may grow before it is cut, so that cutting costs little.
_SLACK = 1_000
# What Insights' record pointers lead to; records are made again from the events where they are gone.
_MOST_RECORDS = 10_000

# How many events are packed together.
_BLOCK = 256

Event = dict[str, Any]

_cutting = threading.Lock()


class _Block(NamedTuple):
    """Events that are packed together, and when each was."""

    packed: bytes
    timestamps: array[int]


class _State(NamedTuple):
    """All that is in a stream. Whoever reads takes it once, so that it stays whole meanwhile."""

    blocks: tuple[_Block, ...]
    gone: int  # how many events of the first block are no longer there
    newest: list[Event]


class Events:
    """The events of a stream, oldest first: a list for MiniStack, which adds to its end and reads."""

    def __init__(self, events: Iterable[Event] = ()):
        self._state = _State((), 0, [])
        self.extend(events)

    def append(self, event: Event) -> None:
        """Add an event behind the others."""
        self.extend((event,))

    def extend(self, events: Iterable[Event]) -> None:
        """Add events behind the others. One thread at a time, as MiniStack does; others may read."""
        self._state.newest.extend(events)
        while len(self._state.newest) >= 2 * _BLOCK:
            blocks, gone, newest = self._state
            self._state = _State((*blocks, _pack(newest[:_BLOCK])), gone, newest[_BLOCK:])

    def __len__(self) -> int:
        blocks, gone, newest = self._state
        return len(blocks) * _BLOCK - gone + len(newest)

    def __iter__(self) -> Iterator[Event]:
        blocks, gone, newest = self._state
        for block in blocks:
            yield from _unpack(block)[gone:]
            gone = 0
        yield from newest

    @overload
    def __getitem__(self, at: SupportsIndex) -> Event: ...
    @overload
    def __getitem__(self, at: slice) -> list[Event]: ...
    def __getitem__(self, at: SupportsIndex | slice) -> Event | list[Event]:
        blocks, gone, newest = self._state
        known = range(gone, len(blocks) * _BLOCK + len(newest))
        if isinstance(at, slice):
            return [_event(blocks, newest, place) for place in known[at]]
        return _event(blocks, newest, known[at])

    def between(self, start: int, end: int) -> Iterator[Event]:
        """The events from one place to another, with a block at a time unpacked."""
        blocks, gone, newest = self._state
        for block in blocks:
            length = _BLOCK - gone
            if start < length and end > 0:
                yield from _unpack(block)[gone:][max(start, 0) : end]
            start, end, gone = start - length, end - length, 0
        if end > 0:
            yield from newest[max(start, 0) : end]

    def timestamps(self) -> Iterator[int]:
        """When each event was, without unpacking any."""
        blocks, gone, newest = self._state
        for block in blocks:
            yield from block.timestamps[gone:]
            gone = 0
        yield from (event["timestamp"] for event in newest)

    def after(self, count: int) -> Events:
        """The same without so many at the beginning."""
        blocks, gone, newest = self._state
        whole, rest = divmod(gone + count, _BLOCK)
        later = Events()
        if whole < len(blocks):
            later._state = _State(blocks[whole:], rest, newest[:])
        else:
            later._state = _State((), 0, newest[gone + count - len(blocks) * _BLOCK :])
        return later

    def copy(self) -> Events:
        """The events that are there now."""
        return self.after(0)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Events | list) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        blocks, gone, newest = self._state
        return _restored, ([tuple(one) for one in blocks], gone, newest)


def _restored(blocks: list[tuple[bytes, array[int]]], gone: int, newest: list[Event]) -> Events:
    events = Events()
    events._state = _State(tuple(_Block(*one) for one in blocks), gone, newest)
    # Blocks of a version before may have had another size.
    return events if all(len(times) == _BLOCK for _, times in blocks) else Events(_all(blocks, gone, newest))


def _all(blocks: list[tuple[bytes, array[int]]], gone: int, newest: list[Event]) -> Iterator[Event]:
    yield from [event for block in blocks for event in _unpack(_Block(*block))][gone:]
    yield from newest


def _event(blocks: tuple[_Block, ...], newest: list[Event], place: int) -> Event:
    block, at = divmod(place, _BLOCK)
    return _unpack(blocks[block])[at] if block < len(blocks) else newest[place - len(blocks) * _BLOCK]


def _pack(events: list[Event]) -> _Block:
    packed = zlib.compress(pickle.dumps(events, pickle.HIGHEST_PROTOCOL), 1)
    return _Block(packed, array("q", [event["timestamp"] for event in events]))


# Whoever looks for a moment asks for events of one block again and again.
_unpacked: tuple[_Block | None, list[Event]] = (None, [])


def _unpack(block: _Block) -> list[Event]:
    global _unpacked
    known, events = _unpacked
    if known is not block:
        events = pickle.loads(zlib.decompress(block.packed))  # noqa: S301 - packed above, in this process or one before
        _unpacked = block, events
    return events


class _Newest(AccountRegionScopedDict):
    """A store that keeps what was put last."""

    __slots__ = ()

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, value)
        while len(self._data) > _MOST_RECORDS:
            # From several threads at once: whoever comes second finds another oldest one, or nothing.
            self._data.pop(next(iter(self._data), None), None)


def install() -> None:
    """Let no group of logs grow for ever, and let what is there take little room."""
    cloudwatch_logs._log_records = _Newest()
    cloudwatch_logs._append_log_events = _packing(cloudwatch_logs._append_log_events)
    cloudwatch_logs._stream_event_range = _range
    put = cloudwatch_logs._put_log_events

    def put_and_cut(data: dict[str, Any]) -> Any:
        answer = put(data)
        if answer[0] < 400:
            cut(data.get("logGroupName", ""))
        return answer

    cloudwatch_logs._put_log_events = put_and_cut


def _packing(append: Any) -> Any:
    def append_packed(stream: dict[str, Any], events: list[Event]) -> None:
        append(stream, events)
        with cloudwatch_logs._log_events_lock:
            # A list is of a saved state, or has late events between others.
            if type(stream["events"]) is list and len(stream["events"]) >= 2 * _BLOCK:
                stream["events"] = Events(stream["events"])

    return append_packed


def _range(events: Events | list[Event], stream: str, start: int, end: int) -> Iterator[tuple[Event, str]]:
    """As MiniStack's; events of several streams are asked for in turns."""
    found = events.between(start, end) if isinstance(events, Events) else events[start:end]
    return ((event, stream) for event in found)


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
        times = {name: _timestamps(stream["events"]) for name, stream in list(group["streams"].items())}
        oldest = sorted(one for found in times.values() for one in found)[excess]
        for name, stream in list(group["streams"].items()):
            if name not in times:
                continue
            events, found = stream["events"], times[name]
            kept = next((at for at, one in enumerate(found) if one >= oldest), len(found))
            if kept:
                # Replaced, not emptied: whoever reads the old list reads it to its end.
                stream["events"] = events.after(kept) if isinstance(events, Events) else events[kept:]
                stream["firstEventTimestamp"] = found[kept] if kept < len(found) else None
            if not stream["events"] and kept:
                group["streams"].pop(name, None)


def _timestamps(events: Events | list[Event]) -> list[int]:
    return list(events.timestamps()) if isinstance(events, Events) else [event["timestamp"] for event in events]


def _count(group: dict[str, Any]) -> int:
    return sum(len(stream["events"]) for stream in list(group["streams"].values()))
