"""Whole deployments, one for each environment that the tests look at, brought up once."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.deployment import Deployment

if TYPE_CHECKING:
    from collections.abc import Iterator


# A folder in which the deployments stay from one run to the next, for whoever works on these tests.
KEPT = os.environ.get("BBWS_ACCESS_TEST_FOLDER")


def _deployed(
    environment: str, tmp_path_factory: pytest.TempPathFactory, killed_after: int = 0
) -> Iterator[Deployment]:
    if KEPT:
        deployment = Deployment(environment, Path(KEPT) / environment)
        deployment.up()
        yield deployment
        return
    deployment = Deployment(environment, tmp_path_factory.mktemp("local-aws") / environment)
    try:
        if killed_after:
            deployment.kill_up(killed_after)
            assert "The last deployment was cut off" in deployment.up()
        else:
            deployment.up()
        yield deployment
    finally:
        deployment.tool("down", check=False)


@pytest.fixture(scope="session")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """DEV's values, deployed by `bbws-access up`."""
    yield from _deployed("dev", tmp_path_factory)


@pytest.fixture(scope="session")
def prod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """PROD's values, both regions, deployed by `bbws-access up` after one that was killed in the midst of it."""
    yield from _deployed("prod", tmp_path_factory, killed_after=40)


@pytest.fixture(scope="session")
def copy(dev: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """DEV's values again, in a fresh folder that takes over what was deployed to the other: for who takes it down."""
    assert dev.status["running"]
    deployment = Deployment("dev", tmp_path_factory.mktemp("copy") / "dev")
    try:
        said = deployment.up("--from-snapshot")
        if KEPT and "There is no snapshot" in said:
            # DEV was up before the sources changed, so nothing was kept of it; now something is.
            deployment.tool("down")
            deployment.folder.rename(deployment.folder.with_name("first"))
            said = deployment.up("--from-snapshot")
        assert "Snapshot       of " in said, said
        assert "Apply" not in said, said
        yield deployment
    finally:
        deployment.tool("down", check=False)


@pytest.fixture(scope="session")
def admin(dev: Deployment) -> str:
    """Access token of the demo organisation's administrator."""
    return dev.token(dev.status["admin_email"])


@pytest.fixture(scope="session")
def organisation(dev: Deployment) -> str:
    return dev.status["organisation_id"]


@pytest.fixture(scope="session")
def other_organisation(dev: Deployment) -> str:
    """An organisation that the demo's administrator has nothing to do with, with an administrator of its own."""
    made = json.loads(dev.tool("org", "create", "Another company", "--same-name", "--json").stdout)
    dev.user("admin@another.example", made["organisationId"], "ORG_ADMIN")
    return made["organisationId"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes a deployment down, or makes `up` plan again, comes after everything that needs it."""
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)
