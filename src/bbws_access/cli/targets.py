"""Where a command works: an AWS account, or the local AWS of an environment."""

import abc
import contextlib
import fcntl
import json
import os
import re
import shutil
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from bbws_access.cli import advice, storage
from bbws_access.cli.console import note
from bbws_access.cli.environments import Environment, load_environment
from bbws_access.cli.errors import NotRunningError, ToolError, UsageError
from bbws_access.cli.processes import end_orphan, process_start, terraform_processes
from bbws_access.cli.project import Project
from bbws_access.cli.terraform import Terraform, TerraformError, read_log
from bbws_access.local_aws import LocalAws
from bbws_access.local_aws.files import write_atomically

LOCAL_ACCOUNT = "000000000000"
LOCAL_VALUES = {"account_id": LOCAL_ACCOUNT}
# What a local AWS needs to work whole, where nobody says otherwise: mails that can be read there, and no X-Ray.
LOCAL_STAND_INS = {
    "invitation_sender": {
        "identity": "demo.example",
        "from_address": "access@demo.example",
        "from_name": "BBWS Access",
    },
    "invitation_link": "https://portal.demo.example/invitation",
    "xray_sampling_rules_enabled": False,
}
APPLIED = "applied.json"
UNFINISHED = "unfinished"
# Outputs of the stack that commands read; the others may be null, or be newer than what is deployed.
NEEDED_OUTPUTS = (
    "api_url",
    "bucket_names",
    "client_id",
    "function_names",
    "log_group_names",
    "rest_api_id",
    "stage_name",
    "table_names",
    "user_pool_id",
)
SHELL_IS_LOCAL = "This shell talks to a local AWS, since `env` was evaluated in it."
NEW_SHELL = "To work on AWS, open a new shell, or unset AWS_ENDPOINT_URL and set credentials of AWS."
LEAST_DISK = 500 * 1024 * 1024
_LONGEST_WAIT = 1800.0  # seconds for a Terraform that is at work already


class NotDeployedError(ToolError):
    """What is needed is not deployed."""


class PartlyDeployedError(NotDeployedError):
    """Some of it is deployed."""


class Target(abc.ABC):
    """What every command needs of a place to work in."""

    packages: str
    """The kind of packages that run there: aws or local."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.project = environment.project

    @property
    @abc.abstractmethod
    def key(self) -> str:
        """Names the target's files below ``.build``."""

    @abc.abstractmethod
    def process_environment(self) -> Mapping[str, str]:
        """The environment of processes that talk to it."""

    def enter(self) -> None:
        """Make this process talk to it."""
        wanted = dict(self.process_environment())
        os.environ.clear()
        os.environ.update(wanted)

    def client(self, service: str, region: str | None = None) -> Any:
        """A boto3 client, in the environment's region unless another is named, of the target that was entered."""
        import boto3
        from botocore.config import Config

        config = Config(
            retries={"mode": "standard", "max_attempts": 5},
            connect_timeout=5,
            read_timeout=60,
            # So that CloudTrail, and the tests, tell what the tool did from what others did.
            user_agent_extra="bbws-access",
        )
        return boto3.client(service, region_name=region or self.environment.region, config=config)

    @cached_property
    def s3(self) -> Any:
        return self.client("s3")

    @cached_property
    def terraform(self) -> Terraform:
        return Terraform(self.project, self.key, self.process_environment())

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs. Raises NotDeployedError, also where only a part of them is there."""
        state = storage.read_state(self.s3, self.environment) or {}
        found, name = storage.outputs(state), self.environment.name
        if not found and not state.get("resources"):
            raise NotDeployedError(f"{name} is not deployed there.", f"Deploy it with `{self.deploy_command}`.")
        if any(output not in found for output in NEEDED_OUTPUTS):
            raise PartlyDeployedError(
                f"{name} is deployed in part: the last apply was cut off or failed.",
                f"Finish it with `{self.deploy_command}`.",
            )
        return found

    @property
    @abc.abstractmethod
    def deploy_command(self) -> str:
        """What deploys there, to be pasted."""

    @abc.abstractmethod
    def advice(self, command: str, *arguments: str) -> str:
        """A call of another command of the tool that works here, to be pasted."""

    @abc.abstractmethod
    def api_url(self, outputs: Mapping[str, Any]) -> str:
        """The address that clients call."""


class AwsTarget(Target):
    """A real AWS account, through the credentials that the user has configured."""

    packages = "aws"

    @property
    def key(self) -> str:
        return f"aws-{self.environment.name}"

    @property
    def deploy_command(self) -> str:
        return self.advice("apply")

    def advice(self, command: str, *arguments: str) -> str:
        options = self.environment.typed if command in advice.DEPLOYING else ("--aws", *self.environment.typed)
        return advice.about(command, self.environment.name, arguments, options)

    def process_environment(self) -> Mapping[str, str]:
        return os.environ

    def api_url(self, outputs: Mapping[str, Any]) -> str:
        return outputs["api_url"]

    def check_account(self) -> None:
        """Raise UsageError when the credentials are of another account than the environment's."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            account = self.client("sts").get_caller_identity()["Account"]
        except (BotoCoreError, ClientError) as error:
            raise ToolError(
                f"AWS does not accept your credentials in {self.environment.region}: {error}.",
                "Sign in to AWS again. Where they are good elsewhere, the region may be an opt-in region that is not "
                f"enabled: aws account enable-region --region-name {self.environment.region}",
            ) from error
        if account != self.environment.account_id:
            raise UsageError(
                f"Your credentials are of account {account}, and {self.environment.name} belongs to account "
                f"{self.environment.account_id}.",
                "Choose other credentials, or another account_id.",
            )


def has_aws_credentials() -> bool:
    """Whether the user has configured credentials of AWS. Says nothing about whether AWS accepts them."""
    if shell_is_local():
        return False
    import boto3

    with contextlib.suppress(Exception):
        return boto3.Session().get_credentials() is not None
    return False


def shell_is_local() -> bool:
    """Whether the exports of `env` have made this shell talk to a local AWS."""
    return bool(os.environ.get("AWS_ENDPOINT_URL"))


def require_aws_credentials() -> None:
    """Raise ToolError when there are none."""
    local = "add --local to work on the environment's local AWS."
    if shell_is_local():
        raise ToolError(SHELL_IS_LOCAL, f"{NEW_SHELL} Or {local}")
    if not has_aws_credentials():
        raise ToolError("No AWS credentials were found.", f"Sign in to AWS, or {local}")


class LocalTarget(Target):
    """The local AWS of one environment, in a folder of its own."""

    packages = "local"

    def __init__(self, environment: Environment, folder: Path | None = None, port: int | None = None) -> None:
        super().__init__(environment)
        self.folder = local_folder(environment.project, environment.name, folder)
        self.aws = LocalAws(self.folder, environment.region, port)

    @property
    def _is_standard(self) -> bool:
        """Whether its folder is the one that nobody need name."""
        return self.folder == local_folder(self.project, self.environment.name)

    @property
    def key(self) -> str:
        name = f"local-{self.environment.name}"
        return name if self._is_standard else f"{name}-{zlib.crc32(str(self.folder).encode()):x}"

    @property
    def deploy_command(self) -> str:
        return self.advice("up")

    def advice(self, command: str, *arguments: str) -> str:
        options = () if self._is_standard else ("--folder", str(self.folder))
        if not options and command in advice.DEPLOYING:
            options = ("--local",)
        return advice.about(command, self.environment.name, arguments, options)

    def process_environment(self) -> Mapping[str, str]:
        return self.aws.process_environment()

    def api_url(self, outputs: Mapping[str, Any]) -> str:
        return self.aws.api_url(outputs["rest_api_id"], outputs["stage_name"])

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other runs of this tool away from the folder."""
        make_folder(self.folder)
        with self._lock() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                note("Another bbws-access is at work on this local AWS; waiting for it.")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _lock(self) -> IO[str]:
        return (self.folder / "tool.lock").open("a+")

    def resume(self) -> None:
        """Start the local AWS where a run was killed that had stopped it for a moment; one that is alive is let do so
        itself."""
        while self.aws.is_paused():
            with self._lock() as lock, contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self.recover()
                if self.aws.is_paused():
                    note("The last run was cut off while the local AWS was stopped; starting it.")
                    self.aws.start()
                return
            time.sleep(0.1)

    # Going on after a kill
    #
    # Terraform saves its state every twenty seconds. Killed in between, it has made resources that it knows nothing
    # of, and the next apply fails on each of them. So the local AWS is copied before an apply: when an apply did not
    # come to its end, the copy comes back, and with it the state and the resources of the same moment.

    @property
    def _mark(self) -> Path:
        return self.folder / "applying.json"

    @property
    def _saved(self) -> Path:
        return self.folder / "before-apply"

    def recover(self) -> None:
        """Undo what a killed run left half done."""
        try:
            mark = json.loads(self._mark.read_text())
        except FileNotFoundError:
            return
        except ValueError:
            mark = {}
        end_orphan(mark)
        if not read_log(Path(mark.get("log", os.devnull)), self.project).finished:
            note("The last deployment was cut off; going back to the moment before it.")
            self._restore()
        self._forget()

    def before_apply(self) -> None:
        """Copy the local AWS, and note that an apply is under way."""
        shutil.rmtree(self._saved, ignore_errors=True)
        self.terraform.unsaved_state.unlink(missing_ok=True)
        self.forget_applied()
        if storage.read_state(self.s3, self.environment) is None:
            # Nothing was ever deployed: going back means to an empty local AWS.
            self._saved.mkdir()
        else:
            # Stopped, so that what is on the disk is everything that there is.
            with self.aws.paused():
                shutil.copytree(self.folder / "state", self._saved, copy_function=os.link)
        self._note(0)
        self.terraform.on_start = self._note
        self.terraform.is_alive = self.aws.is_there

    def _note(self, pid: int) -> None:
        mark = {"pid": pid, "started": process_start(pid), "log": str(self.terraform.log("apply"))}
        if not pid:
            self.terraform.log("apply").unlink(missing_ok=True)
        write_atomically(self._mark, json.dumps(mark).encode())

    def after_apply(self, error: ToolError | None = None) -> None:
        """Note that the apply came to its end. When it ended without saving its state, undo it."""
        lost = self.terraform.unsaved_state
        if lost.exists() or not self._saved_state(error):
            lost.unlink(missing_ok=True)
            self._restore()
        elif error:
            (self.folder / UNFINISHED).touch()
        else:
            (self.folder / UNFINISHED).unlink(missing_ok=True)
        self._forget()

    @property
    def is_unfinished(self) -> bool:
        """Whether the last apply did not do all of its plan, as far as anybody knows, or is at work."""
        return self._mark.exists() or (self.folder / UNFINISHED).exists()

    def _saved_state(self, error: ToolError | None) -> bool:
        if not isinstance(error, TerraformError):
            return True  # done, or interrupted and ended in good order
        if error.status < 0:
            return False  # killed
        return not any(
            re.search(r"(?i)fail\w* to (save|persist|upload) (the )?state|error saving state", item.summary)
            for item in error.report.errors
        )

    def _restore(self) -> None:
        state = self.folder / "state"
        self.forget_applied()
        with self.aws.paused():
            shutil.rmtree(state, ignore_errors=True)
            if self._saved.is_dir():
                shutil.copytree(self._saved, state, copy_function=os.link)
        if self._saved.is_dir() and not any(self._saved.iterdir()):
            # There was nothing yet but the buckets.
            self.enter()
            storage.bootstrap(self.s3, self.environment)

    def _forget(self) -> None:
        self._mark.unlink(missing_ok=True)
        shutil.rmtree(self._saved, ignore_errors=True)

    def forget_applied(self) -> None:
        """What `up` last deployed is no longer what is there."""
        (self.folder / APPLIED).unlink(missing_ok=True)

    def release_stale_lock(self) -> None:
        """Remove the state's lock when whoever took it is gone: nothing else works on this local AWS now."""
        from botocore.exceptions import ClientError

        with contextlib.suppress(ClientError):
            lock = storage.read_lock(self.s3, self.environment)
            if lock is None:
                return
            self._wait_for_terraform()
            if storage.read_lock(self.s3, self.environment) is None:
                return
            note(f"Removed the state's lock that a killed Terraform of {lock.get('Who', 'somebody')} left behind.")
            storage.remove_lock(self.s3, self.environment)

    def _wait_for_terraform(self) -> None:
        """Let a Terraform come to its end whose tool was killed, or that somebody runs by hand. Raises ToolError."""
        until = time.monotonic() + _LONGEST_WAIT
        waiting = False
        while users := terraform_processes(self.aws.endpoint):
            if not waiting:
                note(f"Terraform (process {users[0]}) is at work on this local AWS; waiting for it.")
                waiting = True
            if time.monotonic() > until:
                raise ToolError(
                    f"Terraform (process {users[0]}) is at work on this local AWS and holds the state's lock.",
                    "Wait for it to end, or end it, then run the command again.",
                )
            time.sleep(0.2)

    # What the tool remembers

    def read(self, name: str) -> dict[str, Any]:
        """A file that the tool keeps beside the local AWS; empty when there is none."""
        try:
            return json.loads((self.folder / name).read_text())
        except (FileNotFoundError, ValueError):
            return {}

    def write(self, name: str, content: Mapping[str, Any]) -> None:
        """Write it so that only its owner can read it."""
        write_atomically(self.folder / name, (json.dumps(content, indent=2) + "\n").encode())


def local_environment(
    project: Project, name: str, *, arguments: Iterable[str] = (), files: Iterable[Path] = ()
) -> Environment:
    """The values of an environment for its local AWS."""
    return load_environment(
        project, name, arguments=arguments, files=files, supplied=LOCAL_VALUES, stand_ins=LOCAL_STAND_INS
    )


def local_folder(project: Project, environment: str, folder: Path | None = None) -> Path:
    """The folder of an environment's local AWS."""
    return (folder or project.local_folder / environment).resolve()


def running_target(target: LocalTarget) -> LocalTarget:
    """``target``, when it is up. Raises NotRunningError when it is not."""
    name = target.environment.name
    hint = f"Start it with `{target.advice('up')}`."
    if not target.folder.is_dir():
        raise NotRunningError(f"There is no local AWS for {name}.", hint)
    target.resume()
    if not target.aws.is_running():
        raise NotRunningError(f"The local AWS of {name} is not running.", hint)
    return target


@dataclass(frozen=True)
class Disk:
    """Free space, in bytes, where the project lies."""

    free: int

    @property
    def enough(self) -> bool:
        return self.free >= LEAST_DISK


def check_disk(folder: Path) -> Disk:
    return Disk(shutil.disk_usage(folder).free)


def make_folder(folder: Path) -> None:
    """Make a private folder. Raises ToolError when that cannot be done."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        raise ToolError(
            f"The folder {folder} cannot be written: {error.strerror}.", "Free some space, or give your user access."
        ) from error
