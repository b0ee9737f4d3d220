"""Commands that the tool gives as advice: made in one place, and good to be pasted in any folder."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from bbws_access.cli import advice
from bbws_access.cli.environments import load_environment
from bbws_access.cli.project import Project
from bbws_access.cli.targets import AwsTarget, LocalTarget, local_environment
from bbws_access.commands.main import app

ROOT = Path(__file__).parents[3]
SOURCES = ROOT / "src" / "bbws_access"
# What never reaches a terminal, or is the same on every machine: files, pages and answers of the API.
ELSEWHERE = {
    "role/review.py": "an answer of the API",
    "reference_page/page.py": "a page",
    "verify/inventory.py": "a file of the repository, and the criterion about it",
    "verify/junit.py": "the name of a suite in a report",
}


def _commands(group: typer.core.TyperGroup, *names: str) -> Iterator[tuple[str, typer.core.TyperCommand]]:
    for name, one in group.commands.items():
        if hasattr(one, "commands"):
            yield from _commands(one, *names, name)
        else:
            yield " ".join((*names, name)), one


COMMANDS = dict(_commands(typer.main.get_command(app)))
# A call that somebody spelt by hand: of the tool by its name, or of a command with an option and without the tool.
_NAMES = "|".join(sorted({name.split()[0] for name in COMMANDS}))
BY_HAND = re.compile(rf"bbws-access ({_NAMES})\b|(?<![\w}}] )(`|: )({_NAMES}) (--|[a-z]+ --)")


def _texts(path: Path) -> Iterator[tuple[int, str]]:
    """The texts of a module that may be shown: all but docstrings, other than those of commands, which are help."""
    tree = ast.parse(path.read_text())
    quiet = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            helping = path.parent.name == "commands" and isinstance(node, ast.FunctionDef) and node.name[0] != "_"
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and not helping:
                quiet.add(id(first.value))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in quiet:
            yield node.lineno, " ".join(node.value.split())


def spelt_by_hand(path: Path) -> list[str]:
    """Places in a module that name a call of the tool without `advice`."""
    return [f"{path.name}:{line}: {text}" for line, text in _texts(path) if BY_HAND.search(text)]


def test_no_advice_is_spelt_by_hand() -> None:
    found = []
    for path in sorted(SOURCES.rglob("*.py")):
        name = str(path.relative_to(SOURCES))
        found += [] if name in ELSEWHERE else spelt_by_hand(path)
    assert found == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('raise ToolError("No.", "Run `bbws-access up` again.")', True),
        ('raise ToolError("No.", f"Run bbws-access apply {name} --yes.")', True),
        ('note("Finish it: up --environment dev")', True),
        ('note("`org create --id x` makes one.")', True),
        ('note("`up` was cut off.")', False),
        ('def run():\n    """Makes `bbws-access up` go."""', False),
        ('note(f"Finish it with `{target.advice(1)}`.")', False),
    ],
)
def test_advice_that_is_spelt_by_hand_is_found(tmp_path: Path, text: str, found: bool) -> None:
    (tmp_path / "one.py").write_text(text)
    assert bool(spelt_by_hand(tmp_path / "one.py")) == found


def test_which_commands_take_the_environment_as_an_argument() -> None:
    by_argument = {
        name
        for name, one in COMMANDS.items()
        for parameter in one.params
        if parameter.name == "environment" and parameter.param_type_name == "argument"
    }
    assert by_argument == set(advice.BY_ARGUMENT)


LOCAL = local_environment(Project(ROOT), "prod")
AWS = load_environment(
    Project(ROOT), "dev", arguments=["account_id=111122223333", 'cors_allowed_origins=["https://a b.example"]']
)
ARGUMENTS = {"token": ["a@b.example"], "api": ["GET", "/health"], "org create": ["My company"], "mail": ["a@b.example"]}


ABOUT_DATA = ("seed", "token", "api", "org create")
CALLS = [
    *((name, where) for name in (*advice.DEPLOYING, *ABOUT_DATA) for where in ("standard", "folder", "aws")),
    *((name, where) for name in ("up", "down", "status", "env", "mail") for where in ("standard", "folder")),
]


@pytest.mark.parametrize(("name", "where"), CALLS)
def test_advice_is_a_call_that_the_tool_takes(name: str, where: str, tmp_path: Path) -> None:
    target = {
        "standard": lambda: LocalTarget(LOCAL),
        "folder": lambda: LocalTarget(LOCAL, tmp_path / "a folder"),
        "aws": lambda: AwsTarget(AWS),
    }[where]()
    said = target.advice(name, *ARGUMENTS.get(name, ()))
    words = shlex.split(said)
    called = shlex.split(advice.this_tool())
    assert words[: len(called)] == called
    rest = words[len(called) :]
    assert " ".join(rest[: len(name.split())]) == name
    # The tool's own parser takes it, with the place that it is about.
    context = COMMANDS[name].make_context(name, rest[len(name.split()) :])
    assert context.params["environment"] == target.environment.name
    if where == "folder":
        assert context.params["folder"] == tmp_path / "a folder"
    if where == "aws":
        assert context.params["var"] == ["account_id=111122223333", 'cors_allowed_origins=["https://a b.example"]']


@pytest.mark.parametrize("called", ["by path", "as a module", "by name", "another has the name"])
def test_the_tool_is_named_so_that_a_shell_finds_it(
    called: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "a folder"
    folder.mkdir()
    tool = folder / advice.NAME
    tool.write_text("#!/bin/sh\necho this one\n")
    tool.chmod(0o755)
    path = "/usr/bin:/bin"
    monkeypatch.setattr(sys, "argv", [str(tool)])
    expected = shlex.quote(str(tool))
    if called == "by name":
        path, expected = f"{folder}:{path}", advice.NAME
    elif called == "another has the name":
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / advice.NAME).write_text("#!/bin/sh\necho another\n")
        (tmp_path / "other" / advice.NAME).chmod(0o755)
        path = f"{tmp_path / 'other'}:{path}"
    elif called == "as a module":
        (folder / "python").symlink_to(sys.executable)
        monkeypatch.setattr(sys, "argv", [str(SOURCES / "commands" / "__main__.py")])
        monkeypatch.setattr(sys, "executable", str(folder / "python"))
    monkeypatch.setenv("PATH", path)
    assert advice.this_tool() == expected
    said = subprocess.run(
        ["/bin/sh", "-c", advice.this_tool()], cwd="/", env={"PATH": path}, capture_output=True, text=True, check=True
    )
    assert said.stdout == "this one\n"


def test_a_relative_call_is_advised_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / advice.NAME).write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [f"./{advice.NAME}"])
    monkeypatch.setenv("PATH", "/nowhere")
    assert advice.this_tool() == str(tmp_path / advice.NAME)
