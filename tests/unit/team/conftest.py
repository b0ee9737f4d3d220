"""The team service as AWS runs it, in an organisation with its default roles and team roles."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bbws_access.team.handler import service
from tests.support.services import Instance, World
from tests.support.teams import Organisation


@pytest.fixture
def new_instance(start_instance: Callable[..., Instance]) -> Callable[[], Instance]:
    """Starts one more instance of the function."""
    return lambda: start_instance(service, "permissions", "teams")


@pytest.fixture
def api(new_instance: Callable[[], Instance]) -> Instance:
    return new_instance()


@pytest.fixture
def org(api: Instance, world: World, seeded_tables: dict[str, str]) -> Organisation:
    return Organisation(api, world, seeded_tables)
