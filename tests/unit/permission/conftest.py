"""The permission service as AWS runs it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bbws_access.permission.handler import service
from tests.support.services import Instance


@pytest.fixture
def new_instance(start_instance: Callable[..., Instance]) -> Callable[[], Instance]:
    """Starts one more instance of the function."""
    return lambda: start_instance(service, "permissions", "teams")


@pytest.fixture
def api(new_instance: Callable[[], Instance]) -> Instance:
    return new_instance()
