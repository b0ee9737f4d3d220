"""Every environment plans without an account, and without anything that is up."""

from pathlib import Path

import pytest

from tests.support.deployment import Deployment


@pytest.mark.parametrize("environment", ["dev", "sit", "prod"])
def test_every_environment_plans_without_an_account(environment: str) -> None:
    result = Deployment(environment, Path()).tool("plan", environment, named=False, folder=False)
    assert "0 to change, 0 to destroy" in result.stdout + result.stderr, result
