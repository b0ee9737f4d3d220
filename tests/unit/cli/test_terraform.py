"""Finding Terraform and its provider, and following a real Terraform."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bbws_access.cli import terraform as module
from bbws_access.cli.errors import InterruptedByUserError, ToolError
from bbws_access.cli.project import Project
from bbws_access.cli.terraform import (
    UNSAVED_STATE,
    Terraform,
    TerraformError,
    find_provider,
    find_terraform,
    holds_provider,
    read_log,
)

ROOT = Path(__file__).parents[3]

LOCK = (ROOT / "terraform" / "stack" / ".terraform.lock.hcl").read_text()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    root = tmp_path / "a project"
    (root / "terraform" / "stack").mkdir(parents=True)
    (root / "contract").mkdir()
    (root / "terraform" / "stack" / ".terraform.lock.hcl").write_text(LOCK)
    return Project(root)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without any configuration of Terraform's."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("XDG_DATA_DIRS", str(tmp_path / "shared"))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.delenv("TF_CLI_CONFIG_FILE", raising=False)
    return folder


def fake_terraform(folder: Path, says: str) -> Path:
    path = folder / "terraform"
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


# --- Finding ---------------------------------------------------------------------------------------------------------


def test_the_terraform_on_the_path_is_found() -> None:
    binary = find_terraform()
    assert Path(binary.path).name == "terraform"
    assert tuple(map(int, binary.version.split(".")[:2])) >= (1, 11)


def test_a_missing_terraform_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match=r"Terraform 1\.11 or newer is needed, and there is no `terraform`"):
        find_terraform()


@pytest.mark.parametrize("version", ["1.10.9", "0.15.0"])
def test_a_terraform_that_is_too_old_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    path = fake_terraform(tmp_path, f"Terraform v{version}")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(ToolError) as caught:
        find_terraform()
    assert str(path) in caught.value.message
    assert version in caught.value.message


def test_something_that_is_no_terraform_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_terraform(tmp_path, "hello")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(ToolError, match="does not say which Terraform it is"):
        find_terraform()


def hold(folder: Path, version: str = "5.100.0") -> Path:
    (folder / "registry.terraform.io/hashicorp/aws" / version / module.host_platform()).mkdir(parents=True)
    return folder


def test_a_configuration_that_the_user_names_wins(
    project: Project, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(home / ".terraform.d/plugins")
    config = tmp_path / "my.tfrc"
    config.write_text("")
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(config))
    assert find_provider(project).config == config


def test_a_named_configuration_that_is_not_there_counts_for_nothing(
    project: Project, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(home / "gone.tfrc"))
    own = home / ".terraformrc"
    own.write_text("")
    assert find_provider(project).config == own


def test_a_folder_that_terraform_looks_in_comes_before_mirrors(
    project: Project, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "mirror_folders", lambda: [hold(tmp_path / "mirror")])
    plugins = hold(home / ".terraform.d/plugins")
    source = find_provider(project)
    assert str(plugins) in source.description
    assert "filesystem_mirror" not in source.config.read_text()


def test_a_mirror_is_used_for_the_provider_alone(
    project: Project, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = hold(tmp_path / "old", "5.0.0")
    mirror = hold(tmp_path / "a mirror")
    monkeypatch.setattr(module, "mirror_folders", lambda: [other, mirror])
    source = find_provider(project)
    text = source.config.read_text()
    assert str(mirror) in text
    assert text.count('"registry.terraform.io/hashicorp/aws"') == 2
    done = subprocess.run(
        ["terraform", "version"],
        env=os.environ | {"TF_CLI_CONFIG_FILE": str(source.config), "CHECKPOINT_DISABLE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "problem" not in (done.stdout + done.stderr).lower(), "Terraform accepts the configuration"


def test_without_a_mirror_the_registry_is_used_and_cached(
    project: Project, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "mirror_folders", list)
    source = find_provider(project)
    assert "registry" in source.description
    assert "plugin_cache_dir" in source.config.read_text()
    assert (project.build / "terraform" / "plugins").is_dir()


def test_packed_mirrors_count_too(tmp_path: Path) -> None:
    folder = tmp_path / "registry.terraform.io/hashicorp/aws"
    folder.mkdir(parents=True)
    assert not holds_provider(tmp_path, "5.100.0")
    (folder / f"terraform-provider-aws_5.100.0_{module.host_platform()}.zip").write_bytes(b"")
    assert holds_provider(tmp_path, "5.100.0")


def test_a_dependency_lock_without_the_provider_is_named(project: Project, home: Path) -> None:
    (project.stack / ".terraform.lock.hcl").write_text("")
    with pytest.raises(ToolError, match="does not pin hashicorp/aws"):
        find_provider(project)


def test_the_stacks_lock_holds_the_published_checksums() -> None:
    assert LOCK.count('"zh:') == 15
    assert LOCK.count('"h1:') >= 2
    ignored = subprocess.run(
        ["git", "check-ignore", "-q", "terraform/stack/.terraform.lock.hcl"], cwd=ROOT, check=False
    ).returncode
    assert ignored != 0, "the stack's lock is tracked"


# --- Running: resources that are Terraform's own, so that nothing but Terraform is needed ----------------------------

PAIR = """
variable "text" {
  type = string
  validation {
    condition     = var.text != "bad"
    error_message = "text must not be bad."
  }
}
resource "terraform_data" "first" {
  input = var.text
}
resource "terraform_data" "second" {
  triggers_replace = terraform_data.first.output
  input            = "x"
}
"""


def runner(project: Project, text: str, values: str = 'text = "a"\n') -> tuple[Terraform, list[Path]]:
    (project.stack / ".terraform.lock.hcl").unlink(missing_ok=True)
    (project.stack / "main.tf").write_text(text)
    path = project.root / "values.tfvars"
    path.write_text(values)
    (project.stack / ".terraform.lock.hcl").write_text(LOCK)
    found = Terraform(project, "local-test", {"PATH": os.environ["PATH"], "TF_VAR_text": "never", "TF_CLI_ARGS": "-x"})
    found.environment["TF_CLI_CONFIG_FILE"] = os.devnull
    (project.stack / ".terraform.lock.hcl").unlink()
    found.init({}, lambda text: None)
    return found, [path]


def test_a_plan_tells_what_it_would_do_and_apply_does_it(project: Project) -> None:
    terraform, files = runner(project, PAIR)
    said: list[str] = []
    planned = terraform.plan(files, said.append)
    assert {change.address: change.action for change in planned.changes} == {
        "terraform_data.first": "create",
        "terraform_data.second": "create",
    }
    assert planned.counts == {"create": 2}
    done = terraform.apply(planned, said.append)
    assert (done.done, done.finished, done.errors) == (2, True, [])
    assert not terraform.plan_file.exists()
    assert not (project.stack / ".terraform").exists(), "data lies below .build"
    assert terraform.plan(files, said.append).changes == []

    files[0].write_text('text = "b"\n')
    changed = terraform.plan(files, said.append)
    assert {change.address: change.action for change in changed.changes} == {
        "terraform_data.first": "update",
        "terraform_data.second": "replace",
    }
    assert changed.counts == {"create": 1, "update": 1, "delete": 1}
    assert terraform.apply(changed, said.append).done == 3
    assert terraform.plan(files, said.append, destroy=True).counts == {"delete": 2}
    assert read_log(terraform.log("apply"), project).finished


def change(project: Project, terraform: Terraform, what: str) -> None:
    """Change one thing that a prepared folder depends on."""
    if what == "a module's file":
        (project.modules / "inner" / "main.tf").write_text('output "text" { value = "b" }\n')
    elif what == "a new file":
        (project.stack / "more.tf").write_text('output "more" { value = "b" }\n')
    elif what == "a file that is gone":
        (project.stack / "second.tf").unlink()
    elif what == "the lock":
        (project.stack / ".terraform.lock.hcl").write_text("# changed\n")
    elif what == "Terraform":
        terraform.binary = replace(terraform.binary, version="1.99.0")
    elif what == "where the provider comes from":
        terraform.environment["TF_CLI_CONFIG_FILE"] = str(project.root / "cli.tfrc")
        (project.root / "cli.tfrc").write_text("disable_checkpoint = true\n")
    elif what == "the modules' list":
        (terraform.folder / "data" / "modules" / "modules.json").unlink()
    elif what == "the modules' list, written by somebody":
        (terraform.folder / "data" / "modules" / "modules.json").write_text('{"Modules": []}')
    elif what == "the whole folder":
        shutil.rmtree(terraform.folder / "data")
    elif what == "what was noted":
        (terraform.folder / "prepared.json").write_text("{")
    else:
        raise AssertionError(what)


@pytest.mark.parametrize(
    "what",
    [
        "a module's file",
        "a new file",
        "a file that is gone",
        "the lock",
        "Terraform",
        "where the provider comes from",
        "the modules' list",
        "the modules' list, written by somebody",
        "the whole folder",
        "what was noted",
    ],
)
def test_a_folder_is_prepared_again_when_anything_changed(project: Project, what: str) -> None:
    (project.modules / "inner").mkdir(parents=True)
    (project.modules / "inner" / "main.tf").write_text('output "text" { value = "a" }\n')
    (project.stack / "second.tf").write_text('output "text" { value = module.inner.text }\n')
    terraform, files = runner(project, PAIR + 'module "inner" { source = "../modules/inner" }\n')
    said: list[str] = []
    terraform.init({}, said.append)
    assert terraform.plan(files, lambda text: None).changes
    terraform.init({}, said.append)
    assert said == [], "neither at once nor after a plan is there anything to prepare"
    change(project, terraform, what)
    terraform.init({}, said.append)
    assert said
    assert terraform.plan(files, lambda text: None).changes
    said.clear()
    terraform.init({}, said.append)
    assert said == []


def test_another_backend_is_prepared(project: Project) -> None:
    backend = 'terraform {\n  backend "local" {}\n}\n'
    terraform, files = runner(project, PAIR + backend)
    for name in ("one.tfstate", "other.tfstate"):
        terraform.init({"path": str(project.root / name)}, lambda text: None)
        terraform.apply(terraform.plan(files, lambda text: None), lambda text: None)
        assert (project.root / name).exists()


def test_a_run_that_failed_is_prepared_for_again(project: Project) -> None:
    """Whatever made it fail: what is wrong with the folder may be more than is looked at."""
    terraform, files = runner(project, PAIR, 'text = "bad"\n')
    with pytest.raises(TerraformError, match="plan failed"):
        terraform.plan(files, lambda text: None)
    said: list[str] = []
    terraform.init({}, said.append)
    assert said


def test_what_could_not_be_prepared_is_not_noted(project: Project) -> None:
    terraform, _ = runner(project, PAIR)
    (project.stack / "main.tf").write_text('module "gone" {\n  source = "../modules/gone"\n}\n')
    for _ in range(2):
        with pytest.raises(TerraformError, match="init failed"):
            terraform.init({}, lambda text: None)


def test_errors_carry_file_and_line(project: Project) -> None:
    terraform, files = runner(project, PAIR, 'text = "bad"\n')
    with pytest.raises(TerraformError) as caught:
        terraform.plan(files, lambda text: None)
    assert caught.value.message == "Terraform plan failed."
    assert "text must not be bad." in caught.value.details
    assert "at values.tfvars:1" in caught.value.details
    assert str(terraform.log("plan")) in caught.value.hint


def test_a_stack_that_does_not_parse_is_an_error_of_init(project: Project) -> None:
    with pytest.raises(TerraformError) as caught:
        runner(project, "resource {\n")
    assert "terraform/stack/main.tf:1" in caught.value.details


SLOW = """
resource "terraform_data" "slow" {
  provisioner "local-exec" {
    command = "sleep 3"
  }
}
resource "terraform_data" "never" {
  depends_on = [terraform_data.slow]
}
"""


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Whoever runs the tests in the background may have them ignore interrupts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_lets_terraform_end_in_good_order(project: Project) -> None:
    terraform, files = runner(project, SLOW, "")
    planned = terraform.plan(files, lambda text: None)
    started = threading.Event()

    def say(text: str) -> None:
        if "slow" in text and not started.is_set():
            started.set()
            threading.Timer(0.3, signal.raise_signal, [signal.SIGINT]).start()

    with pytest.raises(InterruptedByUserError, match="saved what it did"):
        terraform.apply(planned, say)
    assert started.is_set()
    left = terraform.plan(files, lambda text: None)
    assert [change.address for change in left.changes if change.action == "create"] == ["terraform_data.never"]


def test_terraform_outlives_the_tool_and_can_be_ended(project: Project) -> None:
    """A killed tool leaves a Terraform that goes on; the next run ends it and reads how far it came."""
    from bbws_access.cli.processes import end_orphan, process_start

    terraform, files = runner(project, SLOW.replace("sleep 3", "sleep 30"), "")
    terraform.plan(files, lambda text: None)
    log = terraform.log("apply")
    program = (
        "import sys, json, os; from pathlib import Path; from bbws_access.cli.project import Project; "
        "from bbws_access.cli.terraform import Terraform, Report; "
        "import bbws_access.cli.terraform as t; t.find_provider = lambda p: t.ProviderSource('', Path(os.devnull)); "
        "run = Terraform(Project(Path(sys.argv[1])), 'local-test', os.environ); "
        "run.on_start = lambda pid: print(pid, flush=True); run.apply(Report(), lambda text: None)"
    )
    tool = subprocess.Popen([sys.executable, "-c", program, str(project.root)], stdout=subprocess.PIPE, text=True)
    pid = int(tool.stdout.readline())
    mark = {"pid": pid, "started": process_start(pid), "log": str(log)}
    while "apply_start" not in log.read_text():
        time.sleep(0.05)
    tool.kill()
    tool.wait()
    tool.stdout.close()
    time.sleep(0.5)
    assert process_start(pid) == mark["started"], "Terraform goes on without the tool"
    end_orphan(mark)
    assert process_start(pid) == ""
    assert not read_log(log, project).finished


def test_terraform_is_ended_when_what_it_works_on_is_gone(project: Project) -> None:
    terraform, files = runner(project, SLOW.replace("sleep 3", "sleep 60"), "")
    planned = terraform.plan(files, lambda text: None)
    terraform.is_alive = lambda: False
    with pytest.raises(TerraformError, match="The local AWS ended while Terraform was at work") as caught:
        terraform.apply(planned, lambda text: None)
    assert caught.value.status == -signal.SIGKILL


def test_what_was_seen_gone_is_not_there_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Terraform takes a moment to die: what is said of it then must not depend on what is started meanwhile."""
    now = iter(range(100))
    monkeypatch.setattr(module.time, "monotonic", lambda: next(now))
    answers = iter([False] * 3 + [True] + [False] * module._Watch.PATIENCE + [True])
    watch = module._Watch(lambda: next(answers))
    seen = [watch.is_gone() for _ in range(40) if not watch.gone]
    assert seen.count(True) == 1
    assert list(answers) == [True], "three times away and back again is not gone"
    assert watch.is_gone()


def test_a_state_that_could_not_be_saved_is_kept_apart(project: Project) -> None:
    """Another environment's apply, which runs in the same folder, must not take it for its own."""
    fails = """
resource "terraform_data" "writes" {
  provisioner "local-exec" {
    command = "echo mine > errored.tfstate"
  }
}
"""
    terraform, files = runner(project, fails, "")
    written = project.stack / UNSAVED_STATE
    written.write_text("of another run")
    terraform.apply(terraform.plan(files, lambda text: None), lambda text: None)
    assert terraform.unsaved_state.read_text() == "mine\n"
    assert not written.exists()
    written.write_text("of another run")
    terraform.apply(terraform.plan(files, lambda text: None), lambda text: None)
    assert written.read_text() == "of another run"
    assert terraform.unsaved_state.read_text() == "mine\n"


@pytest.mark.usefixtures("interruptible")
def test_a_state_that_an_interrupted_apply_could_not_save_is_kept(project: Project) -> None:
    terraform, files = runner(project, SLOW.replace("sleep 3", f"echo mine > {UNSAVED_STATE}; sleep 3"), "")
    planned = terraform.plan(files, lambda text: None)

    def say(text: str) -> None:
        if (project.stack / UNSAVED_STATE).exists() and "stopping" not in text:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(InterruptedByUserError):
        terraform.apply(planned, say)
    assert terraform.unsaved_state.read_text() == "mine\n"


@pytest.mark.parametrize("mark", [{}, {"pid": 1, "started": "another"}, {"pid": 2**22 - 1, "started": "5"}])
def test_a_process_that_is_not_ours_is_left_alone(mark: dict) -> None:
    from bbws_access.cli.processes import end_orphan, process_start

    before = process_start(1)
    end_orphan(mark)
    assert process_start(1) == before != ""


def test_the_project_is_found_from_any_folder_below_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bbws_access.cli.project import find_project

    assert find_project(ROOT / "src" / "bbws_access" / "cli").root == ROOT
    place = tmp_path / "with spaces"
    shutil.copytree(ROOT / "contract", place / "contract")
    (place / "terraform" / "stack").mkdir(parents=True)
    (place / "docs").mkdir()
    monkeypatch.chdir(place / "docs")
    assert find_project().root == place
