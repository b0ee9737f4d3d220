import os
from collections.abc import Iterator

import pytest

from bbws_access.verify.provider import shared
from tests.support.terraform import MODULES, Environment, Workspace


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """One copy of the tree for the whole run, shared by the processes of pytest-xdist."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    return Workspace.create(base / "terraform-workspace")


@pytest.fixture(scope="session")
def provider(workspace: Workspace) -> Iterator[Environment]:
    """The workspace's environment with one provider at work, for what configures the provider once."""
    with shared(workspace.initialised(workspace.copy_of(MODULES / "kms")), workspace.environment) as environment:
        yield environment
