"""The benchmark of the services knows every operation, that of the authorizer everything that it reads."""

import os

import pytest
from benchmarks.authorizer import _decision_figures
from benchmarks.services import BEYOND_THE_GOAL, LISTS, READS, SCENARIOS

from bbws_access.kernel.contract import load_contract


def test_every_operation_has_a_scenario() -> None:
    operations = load_contract().operations.keys()
    assert SCENARIOS.keys() == operations, "say in benchmarks/_scenarios.py what each operation is asked"
    assert {*BEYOND_THE_GOAL, *LISTS, *READS} <= operations


def test_a_decision_finds_all_that_it_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", os.environ.get("AWS_CA_BUNDLE", ""))  # so that it is as before afterwards
    figures = _decision_figures(20)
    assert figures["round_trips_in_depth"] == 1
    assert 0 < figures["policy_bytes"] <= 8192
