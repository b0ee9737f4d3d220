"""The tool as a user meets it: what it prints, and how it ends."""

import json
import os
import pty
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import pytest
import typer
from typer.testing import CliRunner

from bbws_access.cli import advice, deploy, people, storage
from bbws_access.cli.doctor import BROWSERS, DRIVER
from bbws_access.cli.errors import ToolError
from bbws_access.cli.project import find_project
from bbws_access.cli.targets import NEEDED_OUTPUTS, UNFINISHED, LocalTarget, local_environment
from bbws_access.cli.terraform import Change, Report
from bbws_access.cli.tfvars import read_values
from bbws_access.commands import places
from bbws_access.commands.main import app
from bbws_access.commands.options import DataPlace, Values
from bbws_access.local_aws import LocalAws, LocalAwsError
from tests.support.tool import run_tool

ROOT = Path(__file__).parents[3]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A checkout in a folder whose name has a space."""
    root = tmp_path / "a checkout"
    for name in ("terraform/stack", "terraform/environments", "contract", "requirements"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns(".terraform", "*.tfstate*"))
    (root / "terraform" / "modules").symlink_to(ROOT / "terraform" / "modules")
    (root / "src").symlink_to(ROOT / "src")
    return root


def tool(folder: Path, *arguments: str, path: str | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_", "BBWS_"))}
    kept |= {
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_CONFIG_FILE": os.devnull,
    }
    done = run_tool(folder, arguments, kept | variables | ({"PATH": path} if path else {}))
    assert "Traceback" not in done.stderr + done.stdout
    return done


def tool_at_a_terminal(folder: Path, answer: str, *arguments: str) -> tuple[int, str]:
    """The same in a process of its own, with somebody at the keyboard; its exit code and what it shows."""
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "wb", buffering=0) as keyboard, os.fdopen(theirs, "rb", buffering=0) as terminal:
        keyboard.write(f"{answer}\n".encode())
        done = subprocess.run(
            [sys.executable, "-m", "bbws_access.commands", *arguments],
            cwd=folder,
            stdin=terminal,
            capture_output=True,
            text=True,
            check=False,
        )
    return done.returncode, done.stdout + done.stderr


def one_line(text: str) -> str:
    return " ".join(text.split())


def test_every_command_explains_itself() -> None:
    runner = CliRunner()
    commands = [[], *([command.name or command.callback.__name__] for command in app.registered_commands)]
    for group in app.registered_groups:
        commands.append([group.name])
        commands += [[group.name, command.name] for command in group.typer_instance.registered_commands]
    assert len(commands) == 33
    for command in commands:
        done = runner.invoke(app, [*command, "--help"])
        assert done.exit_code == 0, command
        assert "Usage: " in done.stdout, command


def test_without_arguments_the_commands_of_the_first_hour_are_named(project: Path) -> None:
    done = tool(project)
    assert (done.returncode, done.stderr) == (0, "")
    calls = [line.partition("  # ")[0] for line in done.stdout.splitlines() if "  # " in line]
    assert len(calls) == 5
    for words in map(shlex.split, calls):
        assert words[0] == shlex.split(advice.this_tool())[0]
        # Each is a command that there is, with arguments that it takes.
        group = typer.main.get_command(app)
        context = group.make_context("bbws-access", words[1:])
        name, command, rest = group.resolve_command(context, [*context._protected_args, *context.args])
        command.make_context(name, rest)
    assert "--help" in done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_commands(project: Path, shell: str) -> None:
    """As the script of --install-completion asks."""
    asked = {"bash": {"COMP_WORDS": "bbws-access stat", "COMP_CWORD": "1"}}.get(
        shell, {"_TYPER_COMPLETE_ARGS": "bbws-access stat", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    )
    done = tool(project, _BBWS_ACCESS_COMPLETE=f"complete_{shell}", **asked)
    assert "status" in done.stdout
    assert "bootstrap" not in done.stdout
    assert "--install-completion" in tool(project, "--help").stdout


def test_a_copy_of_the_tool_says_how_to_install_it_in_place(project: Path, tmp_path: Path) -> None:
    copy = tmp_path / "site"
    shutil.copytree(ROOT / "src" / "bbws_access", copy / "bbws_access", ignore=shutil.ignore_patterns("__pycache__"))
    for folder, checkout in (project, f"'{project}'"), (tmp_path, "CHECKOUT"):
        done = subprocess.run(
            [sys.executable, "-m", "bbws_access.commands", "status"],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(copy)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert "This bbws-access was installed as a copy" in done.stderr
        assert f"uv tool install --force --editable {checkout} " in done.stderr


def test_exit_codes_are_documented(project: Path) -> None:
    text = one_line(tool(project, "--help").stdout)
    for words in ("0 done", "1 failure", "2 wrong usage", "3 the local AWS is not running", "130 interrupted"):
        assert words in text


@pytest.mark.parametrize("arguments", [["nonsense"], ["status", "--nonsense"], ["plan"], ["up", "--port", "99999"]])
def test_wrong_usage_ends_with_2(project: Path, arguments: list[str]) -> None:
    done = tool(project, *arguments)
    assert done.returncode == 2
    assert "Error" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["plan", "live"], "There is no environment 'live'."),
        (["status", "-e", "live"], "There is no environment 'live'."),
        (["verify", "--environment", "live"], "There is no environment 'live'."),
        (["verify", "--env", "live"], "There is no environment 'live'."),
        (["package", "--target", "moon"], "There is no target 'moon'."),
        (["package", "--target", "local", "teams"], "There is no function 'teams'."),
        (["plan", "dev", "--var", "log_levle=INFO"], "did you mean 'log_level'?"),
        (["plan", "dev", "--var-file", "none.tfvars"], "does not exist"),
    ],
)
def test_wrong_values_end_with_2_and_say_what(project: Path, arguments: list[str], message: str) -> None:
    done = tool(project, *arguments)
    assert done.returncode == 2
    assert message in one_line(done.stderr)


def test_a_misspelt_key_stops_a_plan_before_terraform(project: Path) -> None:
    path = project / "terraform" / "environments" / "dev.tfvars"
    path.write_text(path.read_text().replace("days = 1", "dasy = 1"))
    done = tool(project, "plan", "dev")
    assert done.returncode == 2
    assert "terraform/environments/dev.tfvars:" in done.stderr
    assert "audit_object_lock has no key 'dasy'; did you mean 'days'?" in one_line(done.stderr)
    assert not (project / ".build" / "terraform").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["env"],
        ["token", "a@b.example"],
        ["api", "GET", "/health"],
        ["org", "list"],
        ["org", "show", "org-x"],
        ["org", "create", "Mine"],
        ["org", "rename", "org-x", "Mine"],
        ["org", "close", "org-x", "--yes"],
        ["user", "list"],
        ["user", "show", "a@b.example"],
        ["user", "create", "a@b.example", "-o", "org-x"],
        ["user", "resend-password", "a@b.example"],
        ["user", "deactivate", "a@b.example"],
        ["seed", "dev"],
        ["apply", "dev", "--local"],
        *([command, "dev", "--folder", "elsewhere"] for command in ("plan", "apply", "destroy", "drift")),
    ],
)
def test_what_needs_the_local_aws_ends_with_3_without_it(project: Path, arguments: list[str]) -> None:
    done = tool(project, *arguments)
    assert done.returncode == 3
    assert "There is no local AWS for dev." in done.stderr
    assert re.search(r"Start it with `\S+/bbws-access up( --folder \S+| --folder '[^']+')?`\.", done.stderr)
    assert done.stdout == ""


def test_status_says_that_nothing_runs(project: Path) -> None:
    done = tool(project, "status", "--json")
    assert done.returncode == 3
    facts = json.loads(done.stdout)
    assert facts["running"] is False
    assert facts["environment"] == "dev"
    assert facts["region"] == "eu-west-1"
    assert facts["folder"] == str(project / ".local-aws" / "dev")
    assert {"api_url", "user_pool_id", "client_id", "tables", "buckets", "endpoint", "ca_bundle"} <= set(facts)
    assert tool(project, "status", "-e", "prod", "--json").stdout.count("af-south-1") == 1


def test_down_without_anything_is_harmless(project: Path) -> None:
    for arguments, doing in (["down"], "stop"), (["down", "--destroy"], "destroy"):
        done = tool(project, *arguments)
        assert done.returncode == 0
        assert one_line(done.stderr) == f"• There is no local AWS of dev: nothing to {doing}."


@pytest.mark.parametrize("command", [["apply", "dev"], ["destroy", "dev"], ["bootstrap", "dev"]])
def test_aws_needs_credentials(project: Path, command: list[str]) -> None:
    done = tool(project, *command, "--var", "account_id=111122223333")
    assert done.returncode == 1
    assert "No AWS credentials were found." in done.stderr


@pytest.fixture
def up(project: Path) -> Iterator[LocalTarget]:
    """The project's local AWS of dev, with a state of Terraform's that has outputs and nothing else."""
    target = LocalTarget(local_environment(find_project(project), "dev"))
    target.folder.mkdir(parents=True)
    target.aws.start()
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in target.aws.environment().items():
                patch.setenv(name, value)
            target.s3  # noqa: B018 - made while the process talks to it
            storage.bootstrap(target.s3, target.environment)
            write_state(target, dict.fromkeys(NEEDED_OUTPUTS, "x") | {"table_names": {}, "bucket_names": {}})
        yield target
    finally:
        target.aws.stop()


def write_state(target: LocalTarget, outputs: dict[str, object], *resources: dict[str, str]) -> None:
    said = {name: {"value": value, "type": "string"} for name, value in outputs.items()}
    state = {"version": 4, "outputs": said, "resources": resources}
    target.s3.put_object(Bucket=target.environment.state_bucket, Key="stack.tfstate", Body=json.dumps(state).encode())


IN_PART = "dev is deployed in part: the last apply was cut off"


def test_what_is_deployed_in_part_is_a_state_of_its_own(project: Path, up: LocalTarget) -> None:
    """As an interrupted first apply leaves it: some outputs, or none and some resources."""
    for outputs in ({"user_pool_id": "eu-west-1_x", "table_names": {}}, {}):
        write_state(up, outputs, {"type": "aws_iam_role", "mode": "managed"})
        for arguments in (
            ["env"],
            ["token", "a@b.example"],
            ["api", "GET", "/health"],
            ["org", "create", "Mine"],
            ["user", "create", "a@b.example", "-o", "org-x"],
            ["user", "deactivate", "a@b.example"],
            ["user", "list"],
            ["review", "org-x"],
            ["seed", "dev"],
            ["drift", "dev", "--local"],
        ):
            done = tool(project, *arguments)
            assert (done.returncode, done.stdout) == (1, ""), arguments
            assert IN_PART in done.stderr
            assert re.search(r"Finish it with `\S+/bbws-access up`\.", done.stderr)
        done = tool(project, "status")
        assert (done.returncode, done.stderr) == (1, "")
        assert IN_PART in done.stdout.splitlines()[0]
        assert re.search(r"Finish it: \S+/bbws-access up$", done.stdout.splitlines()[1])
        assert json.loads(tool(project, "status", "--json").stdout)["state"] == "partly deployed"


def test_status_says_first_whether_all_is_well(project: Path, up: LocalTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    def said(*healthy: bool) -> tuple[int, list[str]]:
        monkeypatch.setattr(deploy, "is_healthy", lambda *_: all(healthy))
        done = tool(project, "status")
        state = json.loads(tool(project, "status", "--json").stdout)["state"]
        return done.returncode, [state, *done.stdout.splitlines()]

    demo = {"organisation_id": "org-demo", "email": "admin@demo.example"}
    assert said()[1][0] == "partly deployed", "without the demo organisation `up` did not come to its end"
    up.write(people.DEMO, demo)
    status, lines = said()
    assert (status, lines[0], lines[1]) == (0, "well", "✓ bbws-access-dev is up, and all is well.")
    text = "\n".join(lines)
    for needed in (up.api_url(up.outputs()), "org-demo, administrator admin@demo.example", "token admin@demo.example"):
        assert needed in text
    assert not re.search(r"None|\{|user_pool", text)
    status, lines = said(False)
    assert (status, lines[0]) == (1, "unhealthy")
    assert lines[1] == "✗ dev is deployed, and its API does not answer as it should."
    (up.folder / UNFINISHED).touch()
    assert said()[1][0] == "partly deployed"
    write_state(up, {})
    status, lines = said()
    assert (status, lines[0]) == (1, "empty")
    up.aws.stop()
    status, lines = said()
    assert (status, lines[:2]) == (3, ["stopped", "✗ The local AWS of dev is not running."])


def test_down_says_one_true_thing(project: Path, up: LocalTarget) -> None:
    def said() -> str:
        done = tool(project, "down")
        assert (done.returncode, done.stdout) == (0, "")
        return re.sub(r" [\d.]+ s$", "", one_line(done.stderr))

    kept = f"{up.folder} keeps its state"
    assert said() == f"✓ Local AWS stopped; {kept}"
    assert said() == f"✓ Local AWS was not running; {kept}"
    up.aws.start()
    pid = json.loads((up.folder / "process.json").read_text())["pid"]
    os.kill(pid, signal.SIGKILL)
    assert said() == f"✓ Local AWS was not running; {kept}"


def test_nothing_is_destroyed_before_somebody_agrees(project: Path, up: LocalTarget) -> None:
    done = tool(project, "down", "--destroy")
    assert done.returncode == 1
    assert "Nobody is at the terminal to agree. Add --yes to go on without being asked." in one_line(done.stderr)
    status, said = tool_at_a_terminal(project, "no", "down", "--destroy")
    assert (status, "Destroy the whole local AWS in dev? Type 'yes' to go on:" in said) == (0, True)
    assert "Nothing was changed." in said
    assert up.aws.is_running()
    # Stopping loses nothing, so it asks nobody.
    assert tool(project, "down").returncode == 0
    assert (up.folder / "state").is_dir()


@pytest.mark.parametrize("agrees", ["--yes", "yes"])
def test_all_is_destroyed_once_somebody_agrees(agrees: str, project: Path, up: LocalTarget) -> None:
    up.s3.delete_object(Bucket=up.environment.state_bucket, Key="stack.tfstate")
    if agrees == "--yes":
        done = tool(project, "down", "--destroy", "--yes")
        status, said = done.returncode, done.stderr
    else:
        status, said = tool_at_a_terminal(project, agrees, "down", "--destroy")
    assert (status, "Local AWS removed" in one_line(said)) == (0, True), said
    assert not up.folder.exists()


def test_where_a_command_works_by_default(project: Path, up: LocalTarget) -> None:
    for where, said in ([], True), (["--local"], False), (["--folder", str(up.folder)], False):
        done = tool(project, "token", "not-an-address", *where)
        assert ("Working on the local AWS of dev\n" in done.stderr) == said
        assert "is not an e-mail address" in done.stderr
        assert done.stdout == ""
    # Values of the user's are for AWS.
    (project / "mine.tfvars").write_text('account_id = "111122223333"\n')
    for values in (["--var", "account_id=111122223333"], ["--var-file", "mine.tfvars"]):
        done = tool(project, "seed", "dev", *values)
        assert done.returncode == 1
        assert "No AWS credentials were found." in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--local", "--var", "account_id=111122223333"], "leave out --var and --var-file"),
        (["--local", "--var-file", "mine.tfvars"], "leave out --var and --var-file"),
        (["--folder", "f", "--var", "account_id=111122223333"], "leave out --var and --var-file"),
        (["--folder", "f", "--aws"], "--folder names a local AWS"),
    ],
)
def test_options_that_name_two_places_are_refused(project: Path, arguments: list[str], message: str) -> None:
    done = tool(project, "seed", "dev", *arguments)
    assert done.returncode == 2
    assert message in one_line(done.stderr)


def test_an_account_that_is_worked_on_by_default_is_named(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    target = SimpleNamespace(environment=SimpleNamespace(account_id="111122223333"), outputs=dict)
    monkeypatch.setattr(places, "aws_target", lambda *_: target)
    values = Values(["account_id=111122223333"])
    places.data_target(DataPlace("dev"), values)
    assert capsys.readouterr().err == "Working on AWS account 111122223333\n"
    places.data_target(DataPlace("dev", False), values)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("command", ["bootstrap", "plan"])
def test_a_shell_that_talks_to_the_local_aws_is_told_so(project: Path, command: str) -> None:
    # Without the provider's lock, planning ends after saying where it plans.
    (project / "terraform" / "stack" / ".terraform.lock.hcl").unlink()
    done = tool(project, command, "dev", "--var", "account_id=111122223333", AWS_ENDPOINT_URL="https://127.0.0.1:1")
    assert done.returncode == 1
    assert "This shell talks to a local AWS" in done.stderr
    assert "open a new shell" in one_line(done.stderr)
    assert "No AWS credentials" not in done.stderr


def test_a_folder_below_the_project_will_do(project: Path) -> None:
    done = tool(project / "terraform" / "environments", "status", "--json")
    assert json.loads(done.stdout)["folder"] == str(project / ".local-aws" / "dev")


def path_without(tmp_path: Path, *names: str) -> str:
    """A PATH with links to everything there is, apart from some programs."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for place in os.environ["PATH"].split(":"):
        for program in Path(place).glob("*") if Path(place).is_dir() else ():
            if program.name not in names and not (folder / program.name).exists():
                (folder / program.name).symlink_to(program)
    return str(folder)


NEED_TERRAFORM = (["up"], ["plan", "dev", "--var", "account_id=111122223333"], ["diff", "dev", "prod"], ["verify"])


@pytest.mark.parametrize("arguments", NEED_TERRAFORM)
def test_a_missing_terraform_is_named_before_anything_is_begun(
    project: Path, tmp_path: Path, arguments: list[str]
) -> None:
    done = tool(project, *arguments, path=path_without(tmp_path, "terraform"))
    assert done.returncode == 1
    expected = "✗ Terraform 1.11 or newer is needed, and there is no `terraform` on the PATH. Install Terraform."
    noted = "• No AWS credentials were found: planning dev against an empty local AWS. "
    assert one_line(done.stderr).removeprefix(noted) == expected
    assert not (project / ".local-aws").exists()
    assert not any((project / ".build" / target).exists() for target in ("aws", "local")), "no package was built"


def test_a_missing_terraform_is_named_before_a_local_aws_is_changed(
    project: Path, tmp_path: Path, up: LocalTarget
) -> None:
    path = path_without(tmp_path, "terraform")
    for arguments in (
        ["plan", "dev", "--local"],
        ["apply", "dev", "--local", "--yes"],
        ["destroy", "dev", "--local", "--yes"],
        ["drift", "dev", "--local"],
        ["down", "--destroy", "--yes"],
    ):
        done = tool(project, *arguments, path=path)
        assert done.returncode == 1, arguments
        assert "there is no `terraform` on the PATH" in one_line(done.stderr)
        assert "✓" not in done.stderr
        assert up.aws.is_running()
    assert not any((project / ".build" / target).exists() for target in ("aws", "local")), "no package was built"


def test_a_local_aws_to_plan_on_that_does_not_start_says_why(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(self: LocalAws) -> None:
        raise LocalAwsError("No free port was found.")

    monkeypatch.setattr(LocalAws, "start", start)
    done = tool(project, "diff", "dev", "prod")
    assert (done.returncode, one_line(done.stderr)) == (1, "✗ No free port was found.")


def test_up_names_a_port_that_is_taken(project: Path) -> None:
    import socket

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = tool(project, "up", "--port", str(port))
    assert done.returncode == 1
    assert f"Port {port} is taken by another program" in one_line(done.stderr)


def test_a_project_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    root = tmp_path / "checkout"
    (root / "terraform" / "stack").mkdir(parents=True)
    (root / "contract").mkdir()
    root.chmod(0o500)
    opened = []
    for folder in root.parents:
        if folder.stat().st_mode & 0o005 != 0o005:
            opened.append((folder, folder.stat().st_mode))
            folder.chmod(folder.stat().st_mode | 0o055)
    everybody = os.geteuid()
    if everybody == 0:
        # The superuser may write anywhere; somebody else may not.
        root.chmod(0o555)
        os.seteuid(65534)
    try:
        with pytest.raises(ToolError, match="cannot be read and written"):
            find_project(root)
    finally:
        os.seteuid(everybody)
        root.chmod(0o700)
        for folder, mode in opened:
            folder.chmod(mode)


def test_a_broken_stack_is_named_with_file_and_line(project: Path) -> None:
    (project / "terraform" / "stack" / "variables.tf").write_text("variable {\n")
    done = tool(project, "status")
    assert done.returncode == 2
    assert "variables.tf:2: this is not valid Terraform language." in one_line(done.stderr)


def test_doctor_looks_at_everything(project: Path, tmp_path: Path) -> None:
    done = tool(project, "doctor", "--json")
    assert done.returncode == 0
    found = {item["what"]: item for item in json.loads(done.stdout)}
    assert {"Python", "uv", "Terraform", "provider", "disk", "local AWS", "AWS credentials"} <= set(found)
    for_some_only = {"Node.js", "npm", "Chromium", "chromedriver"}
    assert for_some_only <= set(found)
    assert all(item["state"] == "good" for item in found.values())

    done = tool(project, "doctor", "--json", path=path_without(tmp_path, "terraform", "node", "npm", *BROWSERS, DRIVER))
    assert done.returncode == 1
    found = {item["what"]: item for item in json.loads(done.stdout)}
    assert found["Terraform"]["state"] == "bad"
    assert found["Terraform"]["advice"] == "Install Terraform."
    for what in for_some_only:
        assert found[what]["state"] == "warning"
        assert "`make test`" in found[what]["advice"]


def test_doctor_looks_at_the_values_that_stay(project: Path) -> None:
    folder = project / ".local-aws" / "dev"
    folder.mkdir(parents=True)
    (folder / places.VALUES).write_text('{"arguments": ["project_name=mine"], "files": []}')
    found = {item["what"]: item["found"] for item in json.loads(tool(project, "doctor", "--json").stdout)}
    assert found["values of dev"] == "mine-dev, eu-west-1, given: project_name=mine"
    (folder / places.VALUES).write_text('{"arguments": ["projct_name=mine"], "files": []}')
    found = {item["what"]: item for item in json.loads(tool(project, "doctor", "--json").stdout)}
    assert found["values of dev"]["state"] == "bad"
    assert "up --unset projct_name" in found["values of dev"]["advice"]


def test_packaging_reports_sizes(project: Path) -> None:
    done = tool(project, "package", "token-claims", "--target", "local", "--json")
    assert done.returncode == 0
    facts = json.loads(done.stdout)["token-claims"]
    assert facts["built"] is True
    assert Path(facts["path"]).stat().st_size == facts["size"]
    assert "unchanged" in tool(project, "package", "token-claims", "--target", "local").stdout


def test_output_that_nobody_reads_is_no_fault(project: Path) -> None:
    done = subprocess.run(
        f"{sys.executable} -m bbws_access.commands status --json | true; echo ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr


# --- Values that stay ------------------------------------------------------------------------------------------------


class Upping:
    """`up` of a project whose Terraform would do what the test says; what it was given, and how it went."""

    def __init__(self, project: Path, patch: pytest.MonkeyPatch) -> None:
        self.project, self.deployed, self.changes = project, [], []
        patch.setattr(deploy, "up", self._up)

    def _up(self, target: LocalTarget, *, from_snapshot: bool, before_apply: Callable[[Report], None]) -> NoReturn:
        target.folder.mkdir(parents=True, exist_ok=True)
        self.deployed.append(target.environment)
        before_apply(Report(changes=list(self.changes)))
        raise ToolError("That is all.")

    def up(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return tool(self.project, "up", *arguments)

    def given(self) -> list[str]:
        """What `status` says."""
        return json.loads(tool(self.project, "status", "--json").stdout)["values"]

    def value(self, name: str) -> object:
        """What Terraform got last; None for the environment's own."""
        files = [read_values(path) for path in self.deployed[-1].files[1:]]
        return next((found[name].plain for found in files if name in found), self.deployed[-1].given.get(name))


@pytest.fixture
def values(project: Path, monkeypatch: pytest.MonkeyPatch) -> Upping:
    return Upping(project, monkeypatch)


def test_values_stay_until_they_are_taken_back(values: Upping) -> None:
    mine = values.project / "mine.tfvars"
    mine.write_text("service_log_retention_days = 60\n")
    values.up("--var", "log_level=ERROR", "--var", "api_throttle_burst_limit=77", "--var-file", "mine.tfvars")
    everything = ["api_throttle_burst_limit=77", "log_level=ERROR", str(mine)]
    for again in ([], ["--var", "log_level=ERROR"], ["--var-file", str(mine)]):
        values.up(*again)
        assert sorted(values.given()) == sorted(everything), again
        assert [values.value(name) for name in ("log_level", "api_throttle_burst_limit")] == ["ERROR", 77]
        assert values.value("service_log_retention_days") == 60
    values.up("--var", "log_level=WARN", "--unset", "api_throttle_burst_limit")
    assert values.given() == ["log_level=WARN", str(mine)]
    assert (values.value("log_level"), values.value("api_throttle_burst_limit")) == ("WARN", None)
    values.up("--unset", "mine.tfvars", "--unset", "log_level")
    assert values.given() == []
    assert values.value("service_log_retention_days") is None


def test_what_cannot_be_taken_back_is_named(values: Upping) -> None:
    mine = values.project / "mine.tfvars"
    mine.write_text("service_log_retention_days = 60\n")
    values.up("--var-file", "mine.tfvars", "--var", "log_level=ERROR")
    count = len(values.deployed)
    for arguments, message in (
        (["--unset", "log_levle"], "--unset log_levle: there is no variable 'log_levle'; did you mean 'log_level'?"),
        (["--unset", "log_level", "--var", "log_level=WARN"], "log_level is given and taken back at once."),
        (["--unset", "service_log_retention_days"], f"is given in {mine}. Take the file back: --unset '{mine}'"),
    ):
        done = values.up(*arguments)
        assert done.returncode == 2
        assert message in one_line(done.stderr)
    assert len(values.deployed) == count
    done = values.up("--unset", "api_throttle_burst_limit")
    assert "api_throttle_burst_limit was not given" in done.stderr
    assert len(values.given()) == 2


def test_values_that_do_not_serve_any_more_say_how_to_take_them_back(values: Upping) -> None:
    mine = values.project / "mine.tfvars"
    mine.write_text("service_log_retention_days = 60\n")
    values.up("--var-file", "mine.tfvars")
    mine.unlink()
    for command in ("up", "status", "down"):
        done = tool(values.project, command)
        assert done.returncode == 2
        assert re.search(r"To take one back: \S+/bbws-access up --unset '.*mine\.tfvars'", one_line(done.stderr))
    values.up("--unset", str(mine))
    assert values.given() == []


def test_a_value_that_nobody_deployed_does_not_stay(values: Upping) -> None:
    """Neither one that is wrong, nor one whose consequences somebody declined."""
    values.up("--var", "log_level=ERROR")
    values.changes = [Change("module.a.aws_sns_topic.one", "delete")]
    for arguments in (["--var", "log_level=WARN"], ["--var", "log_levle=WARN"], ["--unset", "log_level"]):
        assert values.up(*arguments).returncode != 0
        assert values.given() == ["log_level=ERROR"]


@pytest.mark.parametrize(
    ("change", "asks"),
    [
        (Change("module.a.aws_sns_topic.one", "delete"), True),
        (Change("module.a.aws_dynamodb_table.one", "replace", "cannot_update"), True),
        (Change("module.a.aws_api_gateway_deployment_thing.this", "delete"), True),
        (Change("module.a.aws_dynamodb_table.one", "replace", "tainted"), False),
        (Change("module.api_gateway.aws_api_gateway_deployment.this", "replace", "cannot_update"), False),
        (Change("module.a.aws_sns_topic.one", "update"), False),
        (Change("module.a.aws_sns_topic.one", "create"), False),
    ],
)
def test_what_an_up_destroys_is_asked_about(values: Upping, change: Change, asks: bool) -> None:
    values.changes = [Change("module.b.aws_sns_topic.other", "create"), change]
    done = values.up()
    assert done.returncode == 1
    assert ("Nobody is at the terminal to agree. Add --yes" in one_line(done.stderr)) == asks
    assert (change.address in done.stderr) == asks
    assert ("That is all." in done.stderr) == (not asks)
    done = values.up("--yes")
    assert "That is all." in done.stderr
    assert (change.address in done.stderr) == asks


def test_status_shows_what_was_given(project: Path, up: LocalTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deploy, "is_healthy", lambda *_: True)
    up.write(people.DEMO, {"organisation_id": "org-demo", "email": "admin@demo.example"})
    assert "Value given" not in tool(project, "status").stdout
    up.write(places.VALUES, {"arguments": ["log_level=ERROR", 'alert_emails={critical=["a@b.example"]}'], "files": []})
    said = one_line(tool(project, "status").stdout)
    assert 'Value given log_level=ERROR alert_emails={critical=["a@b.example"]}' in said
    assert re.search(r"to take it back: \S+/bbws-access up --unset log_level", said)
