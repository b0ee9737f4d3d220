"""The packages: what they hold, that they run, and that the same inputs give the same bytes."""

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from bbws_access.packaging import FUNCTIONS, Packages, PackagingError, package

from .conftest import SOURCES, make_project

pytestmark = pytest.mark.xdist_group("packaging")  # one project, packaged once

ALL = ("authorizer", "invitation", "permission", "role", "team", "token-claims")


# One function of each kind: with the one lock, with the other, with none.
KINDS = ("authorizer", "role", "token-claims")


def names(path: Path) -> set[str]:
    with zipfile.ZipFile(path) as archive:
        return set(archive.namelist())


def source(project: Path, name: str) -> Path:
    return project / "src" / "bbws_access" / name


def test_a_package_holds_what_its_handler_imports_and_nothing_else(packaged: Packages) -> None:
    packages = {item.function: names(item.path) for item in packaged}

    assert set(packages) == set(FUNCTIONS) == set(ALL)
    ours = {name for name in packages["token-claims"] if not name.endswith(".pyc")}
    assert ours == {
        "contract/roles.json",
        "bbws_access/__init__.py",
        "bbws_access/kernel/__init__.py",
        "bbws_access/kernel/text.py",
        "bbws_access/authorizer/__init__.py",
        "bbws_access/authorizer/token_claims.py",
    }
    for held in packages.values():
        assert "bbws_access/kernel/unused.py" not in held
        assert not any(name.startswith(("bbws_access/cli", "bbws_access/commands")) for name in held)
        assert not any(name.startswith(("boto3", "botocore", "bin/", "tests/")) for name in held)
        assert not any(name.endswith((".pyi", ".h", "RECORD", "INSTALLER", "direct_url.json")) for name in held)


def test_each_package_carries_only_the_locks_that_it_needs(packaged: Packages) -> None:
    packages = {item.function: names(item.path) for item in packaged}
    carried = {
        function: {name.partition("/")[0] for name in held} & {"jsonschema_rs", "cryptography"}
        for function, held in packages.items()
    }
    assert carried == {
        "permission": {"jsonschema_rs"},
        "role": {"jsonschema_rs"},
        "invitation": {"jsonschema_rs"},
        "team": {"jsonschema_rs"},
        "authorizer": {"cryptography"},
        "token-claims": set(),
    }


@pytest.mark.parametrize("function", ALL)
def test_a_local_package_runs_in_a_bare_interpreter(packaged: Packages, tmp_path: Path, function: str) -> None:
    (item,) = [item for item in packaged if item.function == function]
    with zipfile.ZipFile(item.path) as archive:
        archive.extractall(tmp_path / "task")
    program = (
        "import importlib, sys; sys.path.insert(0, sys.argv[1]); "
        "module = importlib.import_module(sys.argv[2]); module.handler({}, None); "
        "assert module.__file__.startswith(sys.argv[1]), module.__file__; print(module.__cached__)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, str(tmp_path / "task"), FUNCTIONS[function]],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    cached = Path(done.stdout.strip())
    assert cached.is_file(), "the compiled file lies where the interpreter looks for it"


def test_compiled_files_are_taken_unchecked_and_name_lambdas_folder(project: Path, tmp_path: Path) -> None:
    (item,) = package("local", ["token-claims"], root=project)
    with zipfile.ZipFile(item.path) as archive:
        archive.extractall(tmp_path)
        compiled = [name for name in archive.namelist() if name.endswith(".pyc")]
        contents = [archive.read(name) for name in compiled]
    assert len(compiled) == 5
    for content in contents:
        assert int.from_bytes(content[4:8], "little") == 1, "hash-based, and not compared with the source"
        assert str(project).encode() not in content
        assert b"/var/task/bbws_access/" in content
    # Proof that Python uses them: a changed source changes nothing.
    (tmp_path / "bbws_access/kernel/text.py").write_text("GREETING = 'changed'\n")
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from bbws_access.kernel.text import GREETING; print(GREETING)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert "changed" not in done.stdout


def build_elsewhere(root: Path, target: str, **environment: str) -> dict[str, str]:
    """The packages' hashes, made by a process of its own."""
    program = (
        "import json, sys; from pathlib import Path; from bbws_access.packaging import package; "
        "print(json.dumps({p.function: p.sha256 for p in package(sys.argv[1], sys.argv[3:], root=Path(sys.argv[2]))}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, target, str(root), *KINDS],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environment,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("target", ["local", "aws"])
def test_two_checkouts_give_the_same_bytes(tmp_path: Path, node_modules: Path, target: str) -> None:
    first, second = make_project(tmp_path / "one"), make_project(tmp_path / "some where else" / "two")
    if target == "aws":
        for root in (first, second):
            (root / "node_modules").symlink_to(node_modules)
    for path in [*second.rglob("*.py"), *second.rglob("*.json")]:
        path.chmod(0o600)
        os.utime(path, (1, 1))
    before = os.umask(0o077)
    try:
        one = build_elsewhere(
            second, target, PYTHONHASHSEED="7", LC_ALL="C", TZ="Asia/Tokyo", PYTHONPYCACHEPREFIX="/nope"
        )
    finally:
        os.umask(before)
    assert one == build_elsewhere(first, target, PYTHONHASHSEED="99", LC_ALL="C.UTF-8", TZ="UTC")
    # The order in which functions are made leaves no trace either.
    again = package(target, ["role"], root=first, build=tmp_path / "again")
    assert next(iter(again)).sha256 == one["role"]


def test_packages_for_aws_hold_arm64_and_python_312_only(project: Path, node_modules: Path) -> None:
    (project / "node_modules").symlink_to(node_modules)
    for item in package("aws", root=project):
        with zipfile.ZipFile(item.path) as archive:
            libraries = [name for name in archive.namelist() if ".so" in name]
            machines = {int.from_bytes(archive.read(name)[18:20], "little") for name in libraries}
            compiled = [name for name in archive.namelist() if name.endswith(".pyc")]
            magic = {archive.read(name)[:4] for name in compiled}
            sources = [name for name in archive.namelist() if name.endswith(".py")]
            assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
            assert {info.external_attr >> 16 for info in archive.infolist()} == {0o100644}
            assert archive.namelist() == sorted(archive.namelist())
        assert machines <= {0xB7}, f"{item.function}: every library is for AArch64"
        assert bool(libraries) == (item.function != "token-claims")
        assert magic == {(3531).to_bytes(2, "little") + b"\r\n"}, "the magic number of CPython 3.12"
        assert all(name.endswith(".cpython-312.pyc") for name in compiled)
        assert len(compiled) == len(sources)


def test_unchanged_inputs_build_nothing(packaged: Packages, packaged_project: Path) -> None:
    first = {item.function: item for item in packaged}
    stamps = {name: item.path.stat().st_mtime_ns for name, item in first.items()}
    second = list(package("local", root=packaged_project))

    assert all(item.built for item in first.values())
    assert not any(item.built for item in second)
    assert {item.function: item.path.stat().st_mtime_ns for item in second} == stamps


def test_a_change_rebuilds_the_functions_that_hold_it(project: Path) -> None:
    before = {item.function: item.sha256 for item in package("local", root=project)}
    source(project, "kernel/checks.py").write_text(SOURCES["kernel/checks.py"] + "\n# a remark\n")
    after = {item.function: item for item in package("local", root=project)}

    assert {name for name, item in after.items() if item.built} == {"invitation", "permission", "role", "team"}
    assert {name for name, item in after.items() if item.sha256 != before[name]} == {
        "invitation",
        "permission",
        "role",
        "team",
    }


def test_a_damaged_archive_is_made_again(project: Path) -> None:
    (item,) = package("local", ["token-claims"], root=project)
    item.path.write_bytes(b"half a download")
    (again,) = package("local", ["token-claims"], root=project)
    assert again.built
    assert again.sha256 == item.sha256


def test_terraform_reads_keys_and_hashes(packaged: Packages, packaged_project: Path) -> None:
    tfvars = packaged_project / ".build/local/packages.tfvars.json"
    values = json.loads(tfvars.read_text())
    for item in packaged:
        assert values["packages"][item.function] == {
            "s3_key": f"packages/{item.function}/{item.sha256}.zip",
            "source_code_hash": item.source_code_hash,
        }
    assert package("local", ["role"], root=packaged_project).tfvars == tfvars
    assert json.loads(tfvars.read_text()) == values, "packaging one function keeps the others' values"


def test_an_import_that_no_lock_holds_is_named(project: Path) -> None:
    source(project, "kernel/text.py").write_text("import boto3\n")
    with pytest.raises(PackagingError, match=r"bbws_access\.kernel\.text imports boto3") as caught:
        package("local", ["token-claims"], root=project)
    assert "make lock" in caught.value.hint


def test_code_of_the_engineers_machine_never_goes_to_aws(project: Path) -> None:
    source(project, "kernel/text.py").write_text("from bbws_access import cli\n")
    with pytest.raises(PackagingError, match=r"imports bbws_access\.cli, which runs on the engineer's machine"):
        package("local", ["token-claims"], root=project)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("kernel/text.py", "def broken(:\n", r"text\.py:1: "),
        ("kernel/text.py", "import bbws_access.kernel.missing\n", None),
        ("authorizer/token_claims.py", None, "there is no such module"),
    ],
)
def test_broken_sources_are_named(project: Path, name: str, text: str | None, message: str) -> None:
    path = source(project, name)
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
    with pytest.raises(PackagingError, match=message):
        package("local", ["token-claims"], root=project)


def test_a_lock_whose_hash_does_not_match_installs_nothing(project: Path) -> None:
    lock = project / "requirements" / "service.txt"
    lock.write_text(re.sub(r"sha256:[0-9a-f]{8}", "sha256:00000000", lock.read_text()))
    with pytest.raises(PackagingError, match=r"service\.txt"):
        package("local", ["role"], root=project)
    assert not list((project / ".build/local/dependencies").glob("service-*"))


def test_an_unknown_function_is_refused_with_the_known_ones(project: Path) -> None:
    with pytest.raises(PackagingError, match="'teams'") as caught:
        package("local", ["teams"], root=project)
    assert "authorizer, invitation, permission, role, team, token-claims" in caught.value.hint


def test_packages_for_aws_say_that_node_is_missing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package("local", ["token-claims"], root=project)
    monkeypatch.setenv("PATH", str(project))
    with pytest.raises(PackagingError, match=r"Node\.js"):
        package("aws", ["token-claims"], root=project)
