"""Fixtures that every test may use."""

pytest_plugins = ("tests.support.tables", "tests.support.services", "tests.support.invitations")
