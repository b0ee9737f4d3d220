"""Each test asks a function that has just started: what earlier ones needed is not remembered."""

from __future__ import annotations

import pytest

from bbws_access.access.reader import REMEMBERED


@pytest.fixture(autouse=True)
def _nobody_is_remembered() -> None:
    REMEMBERED.clear()
