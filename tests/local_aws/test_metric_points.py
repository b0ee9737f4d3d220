"""The points of metrics: however many there were, what is told of them is right."""

import pickle
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from ministack.services import cloudwatch

from bbws_access.local_aws.shims import cloudwatch as shim
from bbws_access.local_aws.shims import metric_points
from bbws_access.local_aws.shims.metric_points import Points

BEGAN = 1_700_000_000 // 3600 * 3600


def point(second: float, value: float, **more: Any) -> dict[str, Any]:
    return {"Timestamp": BEGAN + second, "Value": value, "Unit": "Count", "Dimensions": {"of": "x"}, **more}


def statistics(points: list[dict[str, Any]], seconds: int) -> dict[int, dict[str, float]]:
    found = defaultdict(list)
    for one in points:
        found[int(one["Timestamp"] // seconds)].append(one)
    return {at: cloudwatch._calc_stats(within) for at, within in found.items()}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few that generated lists are brought together, by hour as well."""
    for name, value in (("_RAW", 4), ("_SLACK", 4), ("_MINUTES", 24), ("_VALUES", 4)):
        monkeypatch.setattr(metric_points, name, value)


values = st.one_of(st.sampled_from([0.0, 1.0]), st.floats(-1e6, 1e6, allow_nan=False).map(lambda one: round(one, 3)))
# From any time of the last two hours, mostly in order: what is put may be late.
seconds = st.one_of(st.integers(0, 7199), st.integers(0, 119))
sets = st.fixed_dictionaries(
    {"SampleCount": st.integers(1, 9), "Sum": values, "Minimum": st.just(-1e6), "Maximum": st.just(1e6)}
)
put = st.one_of(
    st.builds(point, seconds, values),
    st.builds(lambda second, value, count: point(second, value, Count=count), seconds, values, st.integers(1, 5)),
    st.builds(lambda second, of: point(second, of["Sum"] / of["SampleCount"], _stat=of), seconds, sets),
)


@given(st.lists(put, max_size=150))
@example([point(number % 60, float(number)) for number in range(150)])
@example([point(7199 - number * 48, float(number % 7)) for number in range(150)])
def test_statistics_of_each_hour_stay_exact(came: list[dict[str, Any]]) -> None:
    kept = Points()
    for one in came:
        kept.append(dict(one))
    expected = statistics(came, 3600)
    found = statistics(list(kept), 3600)
    assert found.keys() == expected.keys()
    for at, of in expected.items():
        assert found[at] == pytest.approx(of)


@given(st.lists(st.builds(point, st.integers(0, 179), values), max_size=60))
def test_statistics_of_each_minute_stay_exact(came: list[dict[str, Any]]) -> None:
    """Within what is not yet brought together by hour, as long as alarms look back."""
    kept = Points()
    for one in came:
        kept.append(dict(one))
    expected = statistics(came, 60)
    found = statistics(list(kept), 60)
    assert found.keys() == expected.keys()
    for at, of in expected.items():
        assert found[at] == pytest.approx(of)


def test_few_points_stay_as_they_came_and_many_are_few() -> None:
    kept = Points()
    for number in range(8):
        kept.append(point(number, float(number)))
    assert [one["Value"] for one in kept] == [float(number) for number in range(8)]
    for number in range(20_000):
        kept.append(point(number / 10, float(number * 7919 % 997)))
    assert len(kept) < 24 + 2 * 6 * 3 + 8
    assert kept[-1]["Value"] == float(19_999 * 7919 % 997)


def test_percentiles_stay_close(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    kept = Points()
    came = [point(number / 100, float(number * 7919 % 1000)) for number in range(3_000)]
    for one in came:
        kept.append(dict(one))
    assert len(kept) < 600
    for percentile in (50, 90, 95, 99):
        exact = cloudwatch._percentile(cloudwatch._percentile_samples(came), percentile)
        assert cloudwatch._percentile(cloudwatch._percentile_samples(list(kept)), percentile) == pytest.approx(
            exact, abs=50
        )


def test_each_point_is_a_change_for_alarms() -> None:
    kept, seen = Points(), set()
    for _ in range(100):
        kept.append(point(1, 1.0))
        seen.add(shim._seen(kept))
    assert len(seen) == 100


def test_a_saved_state_holds_plain_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Points([point(1, 1.0)])
    saved = pickle.loads(pickle.dumps(kept))
    assert type(saved) is list
    key = ("namespace", "name", "saved")
    monkeypatch.setattr(cloudwatch, "_metrics", cloudwatch.AccountRegionScopedDict())
    cloudwatch._metrics[key] = saved
    metric_points._bucket(key).append(point(2, 2.0))
    assert [one["Value"] for one in cloudwatch._metrics[key]] == [1.0, 2.0]
