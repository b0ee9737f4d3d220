"""How long a company takes to get in, reckoned with the limits of the code and of AWS."""

from __future__ import annotations

import pytest
from benchmarks.first_day import GOAL_SECONDS, accepting, inviting, main

from bbws_access.invitation import rules

MINUTE, HOUR, DAY = 60, 3600, 86400


def test_it_used_to_take_hours() -> None:
    assert 6.6 * HOUR <= accepting(1000, before=True).seconds <= 6.7 * HOUR
    assert accepting(1000, before=True).what == "uses of tokens"
    assert 16.6 * HOUR <= inviting(10_000, before=True).seconds <= 16.7 * HOUR


@pytest.mark.parametrize("people", [1, 100, 1000, 5000])
def test_an_office_behind_one_address_is_in_within_ten_minutes(people: int) -> None:
    took = accepting(people)
    assert took.seconds <= GOAL_SECONDS
    assert took.what != "uses of tokens"


def test_a_company_is_invited_within_minutes() -> None:
    assert inviting(1000).seconds <= 2 * MINUTE
    assert inviting(10_000).seconds <= 17 * MINUTE
    # Spread over days: that many mails at once are what providers call spam.
    assert inviting(100_000).seconds == 4 * DAY
    assert inviting(100_000).what == "invitations a day"


def test_limits_that_are_too_tight_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "USES_A_MINUTE", 1)
    assert accepting(1000).seconds <= GOAL_SECONDS  # of one person only
    monkeypatch.setattr(rules, "CREATIONS_A_MINUTE", 60)
    assert inviting(10_000).seconds > 2 * HOUR


def test_it_can_be_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--people", "1000"]) == 0
    assert capsys.readouterr().out.count(" min  ") == 4
