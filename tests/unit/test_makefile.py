"""What `make` refuses before it does anything, and when it makes the Python environment anew."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def make(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs make without doing anything but read what it would do."""
    kept = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    command = ["make", "--dry-run", *arguments]
    return subprocess.run(command, cwd=folder, env=kept | variables, capture_output=True, text=True, check=False)


def environment(root: Path) -> None:
    """A real Python environment of a folder, with the project in it, as `make setup` leaves it but without packages."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", root / ".venv"], check=True)
    [packages] = (root / ".venv").glob("lib/python3*/site-packages")
    (packages / "project.pth").write_text(f"{root / 'src'}\n")
    (root / "src" / "bbws_access").mkdir(parents=True)
    (root / "src" / "bbws_access" / "__init__.py").write_text("")
    for name in ("pyproject.toml", "requirements"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, root / name)
    ready = root / ".venv" / ".ready"
    ready.touch()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "a project"
    root.mkdir()
    shutil.copy(ROOT / "Makefile", root)
    shutil.copytree(ROOT / "terraform" / "environments", root / "terraform" / "environments")
    environment(root)
    return root


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["up", "ENVIRONMNT=prod"], '"make up" does not take ENVIRONMNT; it takes ARGUMENTS ENVIRONMENT PYTHON.'),
        (["down", "ENVIROMENT=prod", "ARGUMENTS=--destroy"], '"make down" does not take ENVIROMENT;'),
        (["up", "TARGET=aws"], '"make up" does not take TARGET;'),
        (["lint", "ENVIRONMENT=dev"], '"make lint" does not take ENVIRONMENT; it takes PYTHON.'),
        (["environment=prod"], "does not take environment;"),
        (["up", "prod"], "An environment is named so: make up ENVIRONMENT=prod"),
        (["down", "sit"], "An environment is named so: make down ENVIRONMENT=sit"),
        (["up", "live"], 'There is no goal "live"; `make help` lists them.'),
        (["nonsense"], 'There is no goal "nonsense"'),
    ],
)
def test_a_slip_on_the_command_line_stops_everything(project: Path, arguments: list[str], message: str) -> None:
    done = make(project, *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Nothing was done" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "does"),
    [
        (["up"], "bbws-access up --environment dev"),
        (["up", "ENVIRONMENT=prod", "ARGUMENTS=--yes"], "bbws-access up --environment prod --yes"),
        (["down", "ENVIRONMENT=sit", "PYTHON=python3"], "bbws-access down --environment sit"),
        (["setup", "package", "TARGET=local"], "bbws-access package --target local"),
        (["coverage", "ARGUMENTS=-x"], "coverage report"),
        (["client", "FOLDER=elsewhere"], "--output-path elsewhere"),
        (["test", "WORKERS=1"], "--numprocesses 1"),
        ([], "awk"),
    ],
)
def test_what_goals_take_reaches_them(project: Path, arguments: list[str], does: str) -> None:
    done = make(project, *arguments, ENVIRONMNT="prod")
    assert done.returncode == 0, done.stderr
    assert does in done.stdout


def test_every_variable_that_a_goal_uses_is_one_that_it_takes() -> None:
    goal, lines = "", (ROOT / "Makefile").read_text().splitlines()
    takes = dict(line.split(".takes := ") for line in lines if ".takes := " in line)
    for line in lines:
        goal = line.split(":")[0] if line and not line.startswith(("\t", " ", "#")) else goal
        if line.startswith("\t"):
            for name in ("ENVIRONMENT", "TARGET", "WORKERS", "ARGUMENTS", "FOLDER"):
                if f"$({name})" in line or f"$(or $({name})" in line:
                    assert name in takes[goal].split(), f"{goal} uses {name}"


REMADE = "venv --clear"


def test_a_python_environment_that_is_good_stays(project: Path) -> None:
    assert "Nothing to be done" in make(project, "setup").stdout
    assert "Nothing to be done" in make(project, "setup", PYTHONPATH=str(ROOT / "src")).stdout
    beside = project.parent / "a link"
    beside.symlink_to(project)
    assert "Nothing to be done" in make(beside, "setup").stdout


@pytest.mark.parametrize("what", ["renamed", "copied", "interpreter gone", "interpreter of another version", "empty"])
def test_a_python_environment_that_is_no_good_is_made_anew(project: Path, what: str) -> None:
    python = project / ".venv" / "bin" / "python"
    if what == "renamed":
        project = project.rename(project.with_name("renamed"))
    elif what == "copied":
        project = Path(shutil.copytree(project, project.with_name("copied"), symlinks=True))
    elif what == "interpreter gone":
        python.unlink()
        python.symlink_to("/nowhere/python3")
    elif what == "interpreter of another version":
        # Its packages lie in a folder that the new one does not look in.
        [packages] = (project / ".venv").glob("lib/python3*")
        packages.rename(packages.with_name("python3.1"))
    else:
        shutil.rmtree(project / ".venv" / "lib")
    for goal in ("setup", "up"):
        done = make(project, goal)
        assert (done.returncode, done.stderr) == (0, "")
        assert REMADE in done.stdout
        assert "is of another folder or interpreter" in done.stdout
    # What lies in the environment is made anew with it.
    assert "uv venv" in make(project, "verify").stdout
    assert (project / ".venv" / ".ready").exists(), "a dry run touches nothing"
