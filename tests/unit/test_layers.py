"""Which packages may import which: the rules stand below the services, and none of it reaches the engineer's tools."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import bbws_access
from bbws_access.packaging.sources import NEVER_IN_AWS

ROOT = Path(bbws_access.__file__).parent
SERVICES = {"permission", "role", "team", "invitation"}
# What each package may import besides itself. Of the services, invitation grants what role and team own.
LAYERS = {
    "kernel": set(),
    "access": {"kernel"},
    "service": {"kernel", "access"},
    "authorizer": {"kernel", "access"},
    "permission": {"kernel", "access", "service"},
    "role": {"kernel", "access", "service"},
    "team": {"kernel", "access", "service"},
    "invitation": {"kernel", "access", "service", "role", "team"},
}


def imported(file: Path) -> Iterator[str]:
    """The project's modules, or what is in them, that a file names in its imports, wherever they stand."""
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} imports relative to itself"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def of_project(file: Path) -> list[str]:
    return [name for name in imported(file) if name.startswith("bbws_access.")]


@pytest.mark.parametrize("package", LAYERS)
def test_a_package_imports_only_what_lies_below_it(package: str) -> None:
    files = list((ROOT / package).rglob("*.py"))
    assert len(files) > 1
    for file in files:
        reached = {name.split(".")[1] for name in of_project(file)} - {package}
        assert reached <= LAYERS[package], file


def test_no_layer_holds_what_runs_on_the_engineers_machine() -> None:
    tools = {name.split(".")[1] for name in NEVER_IN_AWS}
    packages = {file.parent.name for file in ROOT.glob("*/__init__.py")}
    assert packages == LAYERS.keys() | tools
    assert not LAYERS.keys() & tools


def test_nothing_imports_a_handler() -> None:
    handlers = tuple(f"bbws_access.{name}.handler" for name in SERVICES | {"authorizer"})
    for file in ROOT.rglob("*.py"):
        assert not [name for name in of_project(file) if name.startswith(handlers)], file
