"""Differences as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bbws_access.verify.compare.attributes import ABSENT, AttributeDifference
from bbws_access.verify.compare.drift import Drift
from bbws_access.verify.compare.plans import Comparison, ResourceDifference
from bbws_access.verify.compare.show import LONGEST_VALUE, show_comparison, show_drift, value

if TYPE_CHECKING:
    import pytest


def lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_drift_by_module(capsys: pytest.CaptureFixture[str]) -> None:
    changed = AttributeDifference("point_in_time_recovery.enabled", True, False)
    show_drift(
        [
            Drift('module.cloudwatch.aws_cloudwatch_metric_alarm.this["errors"]', deleted=True),
            Drift('module.dynamodb.aws_dynamodb_table.this["teams"]', deleted=False, attributes=(changed,)),
        ]
    )
    shown = lines(capsys.readouterr().out)
    assert "cloudwatch" in shown
    assert 'aws_cloudwatch_metric_alarm.this["errors"] there deleted' in shown
    assert 'aws_dynamodb_table.this["teams"]' in shown
    assert "point_in_time_recovery.enabled true false" in shown
    assert "2 resources differ from Terraform's state." in shown


def test_no_drift(capsys: pytest.CaptureFixture[str]) -> None:
    show_drift([])
    assert capsys.readouterr().out == "No drift: everything is as Terraform left it.\n"


def test_the_same_difference_of_several_resources_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    protection = (AttributeDifference("deletion_protection_enabled", False, True),)
    tables = [f'module.dynamodb.aws_dynamodb_table.this["{name}"]' for name in ("audit", "permissions", "teams")]
    comparison = Comparison(
        "dev",
        "prod",
        {"region": ("eu-west-1", "af-south-1")},
        [AttributeDifference("deletion_protection", False, True)],
        [],
        ['module.keys["failover"].aws_kms_key.this["data"]', 'module.keys["failover"].aws_kms_key.this["logs"]'],
        [
            *(ResourceDifference(address, protection) for address in tables),
            ResourceDifference("aws_thing.this", (AttributeDifference("size", ABSENT, 2),)),
        ],
        same=7,
        names_only=3,
    )
    show_comparison(comparison)
    shown = lines(capsys.readouterr().out)
    assert "Taken for the same: region eu-west-1 → af-south-1" in shown
    assert "deletion_protection false true" in shown
    assert "keys aws_kms_key.this[…] (2 times)" in shown
    assert "aws_dynamodb_table.this[…]" in shown
    assert "deletion_protection_enabled (3 times) false true" in shown
    assert "stack" in shown
    assert "size (absent) 2" in shown
    assert "0 resources only in dev, 2 only in prod, 4 different, 7 the same (3 but for their names)" in shown


def test_values_are_short_and_no_markup() -> None:
    assert value(None) == "[dim]-[/dim]"
    assert value("") == '""'
    assert value({"a": [1, True]}) == '{"a": [1, true]}'
    assert len(value("x" * 500)) == LONGEST_VALUE
    assert value("[red]text[/red]") == "\\[red]text\\[/red]"
