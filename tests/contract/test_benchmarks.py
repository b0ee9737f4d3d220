"""The benchmark of the services knows every operation."""

from benchmarks.services import BEYOND_THE_GOAL, LISTS, READS, SCENARIOS

from bbws_access.kernel.contract import load_contract


def test_every_operation_has_a_scenario() -> None:
    operations = load_contract().operations.keys()
    assert SCENARIOS.keys() == operations, "say in benchmarks/_scenarios.py what each operation is asked"
    assert {*BEYOND_THE_GOAL, *LISTS, *READS} <= operations
