"""`plan` without an account, and without anything that is up."""

from pathlib import Path

from tests.support.deployment import Deployment


def test_an_environment_plans_without_an_account() -> None:
    """DEV and PROD are planned in the same way for `diff` (tests/verify/compare/test_diff.py), from the same values."""
    result = Deployment("sit", Path()).tool("plan", "sit", named=False, folder=False)
    assert "0 to change, 0 to destroy" in result.stdout + result.stderr, result
