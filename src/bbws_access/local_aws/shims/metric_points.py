"""CloudWatch, the points of metrics: as many as a person looks at, however many were put.

| AWS | MiniStack | test |
|---|---|---|
| points are kept for less time the finer they are | each for two weeks | `test_metric_points.py` |

MiniStack keeps every value that was put as a dictionary of its own and looks at all of them at each request to
CloudWatch. Here the newest values of a metric stay as they came; older ones are brought together by minute, and still
older ones by hour. Count, sum, minimum and maximum of each minute stay exact; percentiles are those of at most
eighteen values of it.
"""

import threading
import time
from collections.abc import Iterable
from typing import Any

from ministack.services import cloudwatch

Point = dict[str, Any]

# How many values stay as they came, and how many more there may be before older ones are brought together.
_RAW = 256
_SLACK = 256
# How many points of minutes there are before the older half is brought together by hour.
_MINUTES = 2048
_VALUES = 16
_MINUTE, _HOUR = 60, 3600
_EVICTION_SECONDS = 60.0

_putting = threading.Lock()


class Points(list[Point]):
    """The points of one metric. It is a list, since MiniStack appends to it and goes through it."""

    def __init__(self, points: Iterable[Point] = ()):
        super().__init__(points)
        self.changes = 0
        # How long the list may become before it is looked at.
        self._enough = 0

    def append(self, point: Point) -> None:
        """Add a value; it may come from any thread."""
        with _putting:
            if self:
                point["Dimensions"] = self[0]["Dimensions"]
            super().append(point)
            self.changes += 1
            if len(self) <= self._enough:
                return
            if len(self) - _first_raw(self) > _RAW + _SLACK:
                # Replaced at once: whoever goes through the list meanwhile sees points of before or of now.
                self[:] = _compacted(self)
            self._enough = _first_raw(self) + _RAW + _SLACK

    def __reduce__(self) -> tuple[Any, ...]:
        # Saved as what it is to everybody else, so that a saved state needs no class of ours.
        return list, (list(self),)


def install() -> None:
    """Let MiniStack put its points here, and throw old ones away without going through all of them each time."""
    cloudwatch._metric_bucket = _bucket
    evicted = 0.0

    def evict() -> None:
        nonlocal evicted
        now = time.time()
        if now - evicted < _EVICTION_SECONDS:
            return
        evicted = now
        cutoff = now - cloudwatch.TWO_WEEKS_SECONDS
        with _putting:
            for key, points in list(cloudwatch._metrics._data.items()):
                if any(one["Timestamp"] < cutoff for one in points):
                    kept = [one for one in points if one["Timestamp"] >= cutoff]
                    if kept:
                        points[:] = kept
                    else:
                        cloudwatch._metrics._data.pop(key, None)

    cloudwatch._evict_old_metrics = evict


def _bucket(key: tuple[str, str, str]) -> Points:
    points = cloudwatch._metrics.get(key)
    if isinstance(points, Points):
        return points
    with _putting:
        points = cloudwatch._metrics.get(key)
        if not isinstance(points, Points):
            # New, or from a saved state.
            points = Points(points or ())
            cloudwatch._metrics[key] = points
    return points


def _first_raw(points: list[Point]) -> int:
    """Where the values begin that stand as they came: behind all that were brought together."""
    # They are few and in front, so the end of them is found by halving.
    low, high = 0, len(points)
    while low < high:
        middle = (low + high) // 2
        if "Kept" in points[middle]:
            low = middle + 1
        else:
            high = middle
    return low


def _compacted(points: list[Point]) -> list[Point]:
    """The newest values as they came, those before by minute, and the oldest of these by hour."""
    start = _first_raw(points)
    raw = sorted(points[start:], key=_timestamp)
    # What is there already of the same minutes goes with the new.
    minute = raw[0]["Timestamp"] // _MINUTE * _MINUTE
    before = [one for one in points[:start] if one["Timestamp"] < minute]
    same = [one for one in points[:start] if one["Timestamp"] >= minute]
    together = before + _brought_together(same + raw[:-_RAW], _MINUTE)
    if len(together) > _MINUTES:
        together.sort(key=_timestamp)
        half = len(together) // 2
        together = _brought_together(together[:half], _HOUR) + together[half:]
    return together + raw[-_RAW:]


def _timestamp(point: Point) -> float:
    return point["Timestamp"]


def _brought_together(points: list[Point], seconds: int) -> list[Point]:
    buckets: dict[tuple[int, str], list[Point]] = {}
    for point in points:
        buckets.setdefault((int(point["Timestamp"] // seconds), point.get("Unit", "None")), []).append(point)
    return [one for bucket in buckets.values() for one in _few(bucket)]


def _few(points: list[Point]) -> list[Point]:
    """At most so many points that say the same of one stretch of time; the extremes stay points of their own."""
    when, first = min(map(_timestamp, points)), points[0]
    kept = {"Timestamp": when, "Unit": first.get("Unit", "None"), "Dimensions": first["Dimensions"], "Kept": True}
    # Sets of statistics that somebody put have no values to bring together.
    sets = [point for point in points if "_stat" in point]
    found = [{**point, "Kept": True} for point in sets]
    if len(sets) > _VALUES:
        together = cloudwatch._calc_stats(sets)
        found = [{**kept, "Value": together.get("Average", 0.0), "_stat": together}] if together else []
    counts: dict[float, float] = {}
    for point in points:
        if "_stat" not in point:
            counts[point["Value"]] = counts.get(point["Value"], 0.0) + float(point.get("Count", 1.0))
    values = sorted(counts)
    groups = [[value] for value in values]
    if len(values) > _VALUES + 2:
        inner, size = values[1:-1], -(-(len(values) - 2) // _VALUES)
        groups = [values[:1], *(inner[at : at + size] for at in range(0, len(inner), size)), values[-1:]]
    for group in groups:
        count = sum(counts[value] for value in group)
        total = sum(value * counts[value] for value in group)
        found.append({**kept, "Value": total / count if count else group[0], "Count": count})
    return found
