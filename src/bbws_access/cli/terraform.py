"""Finds Terraform and its provider, runs it, and turns what it says into steps and errors."""

import contextlib
import hashlib
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bbws_access.cli.errors import InterruptedByUserError, ToolError
from bbws_access.cli.processes import end_providers
from bbws_access.cli.project import Project
from bbws_access.local_aws.files import write_atomically

LEAST_VERSION = (1, 11)
REGISTRY = "registry.terraform.io"
PROVIDER = "hashicorp/aws"

Say = Callable[[str], None]


# --- Finding ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Binary:
    """A Terraform that is new enough."""

    path: str
    version: str


UNSAVED_STATE = "errored.tfstate"
# Collecting garbage takes a third of the processor's time of Terraform's short runs, which are never short of room.
UNCOLLECTED = {"GOGC": "off", "GOMEMLIMIT": "1GiB"}
# Variables of Terraform's that change nothing about what `init` makes.
_PASSING = ("TF_DATA_DIR", "TF_IN_AUTOMATION", "TF_LOG", "TF_LOG_PATH")
_CONFIGURATION = (".tf", ".tf.json", ".hcl", ".tftest.json")


def find_terraform() -> Binary:
    """The Terraform on the PATH. Raises ToolError when it is missing or too old."""
    wanted = ".".join(map(str, LEAST_VERSION))
    path = shutil.which("terraform")
    if path is None:
        raise ToolError(
            f"Terraform {wanted} or newer is needed, and there is no `terraform` on the PATH.", "Install Terraform."
        )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    try:
        shown = subprocess.run(  # noqa: S603 - a list of our own, no shell; the user chose the PATH
            [path, "version"],
            capture_output=True,
            text=True,
            check=False,
            env=environment | {"CHECKPOINT_DISABLE": "1", "TF_CLI_CONFIG_FILE": os.devnull},
        )
    except OSError as error:
        raise ToolError(f"{path} cannot be run: {error.strerror}.", "Install Terraform again.") from error
    found = re.search(r"Terraform v(\d+)\.(\d+)\.(\S+)", shown.stdout)
    if not found:
        raise ToolError(f"{path} does not say which Terraform it is.", f"Install Terraform {wanted} or newer.")
    version = f"{found[1]}.{found[2]}.{found[3]}"
    if (int(found[1]), int(found[2])) < LEAST_VERSION:
        raise ToolError(
            f"Terraform {wanted} or newer is needed, and {path} is {version}.", f"Install Terraform {wanted} or newer."
        )
    return Binary(path, version)


@dataclass(frozen=True)
class ProviderSource:
    """Where Terraform takes the provider from, and the CLI configuration to name; None for Terraform's own."""

    description: str
    config: Path | None


def find_provider(project: Project) -> ProviderSource:
    """Where the provider comes from; writes a CLI configuration below ``.build`` where one is needed.

    A configuration of the user's wins; then a folder that Terraform looks in by itself; then a mirror in a folder for
    add-on software; then the registry.
    """
    named = os.environ.get("TF_CLI_CONFIG_FILE")
    if named and Path(named).is_file():
        return ProviderSource(f"the CLI configuration {named}", Path(named))
    own = Path.home() / ".terraformrc"
    if own.is_file():
        return ProviderSource(f"the CLI configuration {own}", own)
    version = locked_version(project)
    cache = project.build / "terraform" / "plugins"
    config = project.build / "terraform" / "cli.tfrc"
    config.parent.mkdir(parents=True, exist_ok=True)
    for folder in plugin_folders():
        if holds_provider(folder, version):
            _write(config, "# The provider lies in a folder that Terraform looks in by itself.\n")
            return ProviderSource(f"Terraform's plugin folder {folder}", config)
    for folder in mirror_folders():
        if holds_provider(folder, version):
            source = f'{{ path = {json.dumps(str(folder))}, include = ["{REGISTRY}/{PROVIDER}"] }}'
            source = re.sub(r"[{},]", lambda match: {"{": "{\n   ", ",": "\n   ", "}": "\n  }"}[match[0]], source)
            rest = f'{{\n    exclude = ["{REGISTRY}/{PROVIDER}"]\n  }}'
            _write(config, f"provider_installation {{\n  filesystem_mirror {source}\n  direct {rest}\n}}\n")
            return ProviderSource(f"the mirror {folder}", config)
    # Six hundred megabytes: downloaded once, and not for each environment.
    cache.mkdir(parents=True, exist_ok=True)
    _write(config, f"plugin_cache_dir = {json.dumps(str(cache))}\n")
    return ProviderSource(f"the registry {REGISTRY}", config)


def locked_version(project: Project) -> str:
    """The provider's version that the dependency lock pins."""
    lock = project.stack / ".terraform.lock.hcl"
    try:
        found = re.search(
            r'"' + re.escape(f"{REGISTRY}/{PROVIDER}") + r'" \{\s*version\s*=\s*"([^"]+)"', lock.read_text()
        )
    except FileNotFoundError:
        found = None
    if not found:
        raise ToolError(f"{lock} does not pin {PROVIDER}.", "Restore the file from the repository.")
    return found[1]


def plugin_folders() -> list[Path]:
    """Folders that Terraform looks in by itself."""
    home = Path.home()
    if platform.system() == "Darwin":
        data = [home / "Library/Application Support/io.terraform", Path("/Library/Application Support/io.terraform")]
    else:
        shared = os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share"
        data = [Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share") / "terraform"]
        data += [Path(folder) / "terraform" for folder in shared.split(":") if folder]
    return [home / ".terraform.d" / "plugins", *(folder / "plugins" for folder in data)]


def mirror_folders() -> list[Path]:
    """Mirrors one level below the folder for add-on software."""
    return sorted(path.parent for path in Path("/opt").glob(f"*/{REGISTRY}"))


def host_platform() -> str:
    """This machine as Terraform names it, such as linux_amd64."""
    machine = platform.machine().lower()
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)
    return f"{platform.system().lower()}_{machine}"


def holds_provider(folder: Path, version: str) -> bool:
    """Whether a mirror holds the provider for this machine, unpacked or packed."""
    provider = folder / REGISTRY / PROVIDER
    name = PROVIDER.partition("/")[2]
    packed = provider / f"terraform-provider-{name}_{version}_{host_platform()}.zip"
    return (provider / version / host_platform()).is_dir() or packed.is_file()


def _write(path: Path, text: str) -> None:
    if not path.is_file() or path.read_text() != text:
        path.write_text(text)


# --- What Terraform says ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Diagnostic:
    """An error or warning."""

    severity: str
    summary: str
    detail: str
    address: str
    place: str
    """File and line, relative to the project, where Terraform knows them."""

    def __str__(self) -> str:
        head = f"{self.summary}" + (f" ({self.address})" if self.address else "")
        lines = [head] + ([f"  at {self.place}"] if self.place else [])
        lines += [f"  {line}" for line in self.detail.splitlines() if line.strip()]
        return "\n".join(lines)


@dataclass(frozen=True)
class Change:
    """What a plan would do to one resource."""

    address: str
    action: str
    """create, update, delete, replace, import or forget."""
    reason: str = ""
    """Why, where Terraform says so, such as `tainted` for what an earlier apply left half made."""

    @property
    def module(self) -> str:
        """The module that it belongs to, as the stack calls it."""
        return module_of(self.address)


@dataclass
class Report:
    """Everything that one run of Terraform said."""

    changes: list[Change] = field(default_factory=list)
    drift: list[str] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    finished: bool = False
    """Whether it reached its own end; without it the run was cut off."""
    done: int = 0
    running: dict[str, str] = field(default_factory=dict)

    @property
    def errors(self) -> list[Diagnostic]:
        return [item for item in self.diagnostics if item.severity == "error"]

    @property
    def warnings(self) -> list[Diagnostic]:
        return [item for item in self.diagnostics if item.severity == "warning"]

    @property
    def counts(self) -> Counter:
        """How many to create, update and delete; a replacement is one of each."""
        counts: Counter = Counter()
        for change in self.changes:
            counts.update(["create", "delete"] if change.action == "replace" else [change.action])
        return counts

    def read(self, line: str, project: Project) -> None:
        """Take in one line of Terraform's machine-readable output."""
        try:
            event = json.loads(line)
        except ValueError:
            return
        kind = event.get("type") if isinstance(event, dict) else None
        if kind == "diagnostic":
            self.diagnostics.append(_diagnostic(event["diagnostic"], project))
        elif kind == "planned_change":
            change = event["change"]
            if change["action"] not in ("noop", "read", "no-op"):
                self.changes.append(Change(change["resource"]["addr"], change["action"], change.get("reason", "")))
        elif kind == "resource_drift":
            self.drift.append(event["change"]["resource"]["addr"])
        elif kind == "change_summary":
            self.finished = True
        elif kind in ("apply_start", "apply_complete", "apply_errored", "refresh_start", "refresh_complete"):
            self._follow(kind, event["hook"])

    def _follow(self, kind: str, hook: dict[str, Any]) -> None:
        address = hook["resource"]["addr"]
        if kind in ("apply_start", "refresh_start"):
            self.running[address] = hook.get("action", "read")
            return
        action = self.running.pop(address, None)
        if kind == "apply_complete" and action != "read":
            self.done += 1

    def now(self) -> str:
        """What is being worked on, the longest first."""
        return ", ".join(short_address(address) for address in self.running)


def module_of(address: str) -> str:
    """The module that a resource belongs to, as the stack calls it."""
    found = re.match(r"module\.([^.\[]+)", address)
    return found[1] if found else "stack"


def short_address(address: str) -> str:
    """An address without the words that every address has."""
    return re.sub(r"^module\.|(?<=\.)module\.", "", address).replace(".aws_", ".")


def _diagnostic(item: Mapping[str, Any], project: Project) -> Diagnostic:
    place = ""
    if item.get("range"):
        path = (project.stack / item["range"]["filename"]).resolve()
        if path.is_relative_to(project.root):
            path = path.relative_to(project.root)
        place = f"{path}:{item['range']['start']['line']}"
    return Diagnostic(
        item.get("severity", "error"), item.get("summary", ""), item.get("detail", ""), item.get("address", ""), place
    )


class TerraformError(ToolError):
    """A run that failed; ``report`` holds its diagnostics."""

    def __init__(self, what: str, report: Report, log: Path, status: int, message: str = "") -> None:
        self.report = report
        self.status = status
        count = len(report.errors)
        head = f"Terraform {what} failed" + (f" with {count} errors." if count > 1 else ".")
        if status < 0:
            head = f"Terraform {what} was killed by signal {-status}."
        head = message or head
        shown = [str(item) for item in report.errors[:5]]
        if count > 5:
            shown.append(f"… and {count - 5} more.")
        super().__init__(head, f"The whole log is {log}.", "\n".join(shown) or _tail(log))


def _stamp(path: Path) -> tuple[int, int] | None:
    """Changes when the file is written."""
    with contextlib.suppress(FileNotFoundError):
        found = path.stat()
        return found.st_mtime_ns, found.st_ino
    return None


def _tail(log: Path) -> str:
    with contextlib.suppress(OSError):
        lines = [line for line in log.read_text(errors="replace").splitlines() if not line.startswith("{")]
        return "\n".join(lines[-8:])
    return ""


# --- Running ---------------------------------------------------------------------------------------------------------


def data_folder(project: Project, key: str) -> Path:
    """Where Terraform keeps its files of one target: data, plans, logs."""
    return project.build / "terraform" / key


class Terraform:
    """Terraform in the stack's folder, with a data folder of its own for each target and environment.

    ``environment`` is the whole environment of the processes. What Terraform says goes to a file first: killing this
    tool does not take Terraform's state away with a broken pipe.
    """

    def __init__(self, project: Project, key: str, environment: Mapping[str, str]) -> None:
        self.project = project
        self.binary = find_terraform()
        self.provider = find_provider(project)
        self.folder = data_folder(project, key)
        self.folder.mkdir(parents=True, exist_ok=True)
        dropped = ("TF_WORKSPACE", "TF_DATA_DIR", "TF_CLI_CONFIG_FILE", "TF_VAR_")
        kept = {name: value for name, value in environment.items() if not name.startswith((*dropped, "TF_CLI_ARGS"))}
        self.environment = {
            **UNCOLLECTED,
            **kept,
            "TF_DATA_DIR": str(self.folder / "data"),
            "TF_IN_AUTOMATION": "1",
            "CHECKPOINT_DISABLE": "1",
        }
        if self.provider.config:
            self.environment["TF_CLI_CONFIG_FILE"] = str(self.provider.config)
        self.key = key
        self.on_start: Callable[[int], None] = lambda pid: None
        """Called with the process id of each run that changes something."""
        self.is_alive: Callable[[], bool] = lambda: True
        """Asked now and then during such a run whether what it works on is there."""

    @property
    def plan_file(self) -> Path:
        return self.folder / "plan"

    def init(self, backend: Mapping[str, str], say: Say) -> None:
        """Prepare the data folder for a backend. Nothing is downloaded when the provider is there.

        A folder that was prepared for just this stays as it is: Terraform would read the whole provider, of six hundred
        megabytes, to find the checksum that every plan compares anyway.
        """
        wanted = self._wanted(backend)
        if self._prepared_for() == [wanted, self._made()]:
            return
        self._prepared.unlink(missing_ok=True)
        say("preparing")
        arguments = [f"-backend-config={name}={value}" for name, value in backend.items()]
        report, status, log = self._run(
            ["init", "-json", "-input=false", "-reconfigure", "-lockfile=readonly", *arguments], say, "init"
        )
        if status:
            raise TerraformError("init", report, log, status)
        write_atomically(self._prepared, json.dumps([wanted, self._made()]).encode())

    @property
    def _prepared(self) -> Path:
        """What the data folder was prepared for, and what `init` made in it."""
        return self.folder / "prepared.json"

    def _prepared_for(self) -> object:
        with contextlib.suppress(OSError, ValueError):
            return json.loads(self._prepared.read_bytes())
        return None

    def _wanted(self, backend: Mapping[str, str]) -> str:
        """Changes when anything does that `init` reads: every configuration file, the lock, the backend, Terraform."""
        variables = {name: text for name, text in self.environment.items() if name.startswith("TF_")}
        for name in _PASSING:
            variables.pop(name, None)
        said = [dict(backend), self.binary.path, self.binary.version, variables]
        digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode())
        files = [path for path in self.project.stack.parent.rglob("*") if path.name.endswith(_CONFIGURATION)]
        for path in [*sorted(files), Path(variables.get("TF_CLI_CONFIG_FILE", os.devnull))]:
            if path.is_file():
                content = path.read_bytes()
                digest.update(f"{path}\0{len(content)}\0".encode())
                digest.update(content)
        return digest.hexdigest()

    def _made(self) -> list[list[object]]:
        """Every file in the data folder, with what changes when it does; the provider is a link into a mirror."""
        found: list[list[object]] = []
        data = self.folder / "data"
        for folder, _, names in os.walk(data, followlinks=True):
            for name in names:
                path = Path(folder) / name
                found.append([str(path.relative_to(data)), *(_stamp(path) or ())])
        return sorted(found, key=str)

    def plan(
        self,
        var_files: list[Path],
        say: Say,
        *,
        destroy: bool = False,
        lock: bool = True,
        targets: Iterable[str] = (),
    ) -> Report:
        """Write ``plan_file`` and say what it would do.

        targets: addresses of the only things to plan, with what depends on them where they are destroyed
        lock: False for who only wants to know; a plan that is cut off then leaves no lock behind
        """
        arguments = ["plan", "-json", "-input=false", "-detailed-exitcode", f"-out={self.plan_file}"]
        arguments += [f"-var-file={path}" for path in var_files] + (["-destroy"] if destroy else [])
        arguments += [] if lock else ["-lock=false"]
        arguments += [f"-target={address}" for address in targets]
        self.plan_file.unlink(missing_ok=True)
        report, status, log = self._run(arguments, say, "plan")
        if status not in (0, 2):
            raise TerraformError("plan", report, log, status)
        return report

    def adopt(self, var_files: list[Path], address: str, identifier: str) -> None:
        """Take something that exists into the state. Raises ToolError."""
        files = (f"-var-file={path}" for path in var_files)
        self.text("import", "-input=false", "-no-color", *files, address, identifier)

    @property
    def unsaved_state(self) -> Path:
        """The state that an apply could not save where it belongs: the only record of what it made."""
        return self.folder / UNSAVED_STATE

    def apply(self, planned: Report, say: Say) -> Report:
        """Do what ``plan_file`` says. Where its state cannot be saved, it is kept as ``unsaved_state``."""
        total = sum(planned.counts.values())
        arguments = ["apply", "-json", "-input=false", str(self.plan_file)]
        written = self.project.stack / UNSAVED_STATE
        before = _stamp(written)
        try:
            report, status, log = self._run(arguments, say, "apply", total)
        finally:
            if _stamp(written) not in (None, before):
                # Terraform writes it where it runs, which is one folder for all environments.
                shutil.move(written, self.unsaved_state)
        self.plan_file.unlink(missing_ok=True)
        if status:
            raise TerraformError("apply", report, log, status)
        return report

    def text(self, *arguments: str) -> str:
        """What a subcommand prints. Raises ToolError."""
        done = subprocess.run(  # noqa: S603 - a list of our own, no shell
            [self.binary.path, *arguments],
            cwd=self.project.stack,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ToolError(f"terraform {arguments[0]} failed.", details=done.stderr.strip())
        return done.stdout

    def log(self, what: str) -> Path:
        return self.project.logs / f"{self.key}-{what}.jsonl"

    def _run(self, arguments: list[str], say: Say, what: str, total: int = 0) -> tuple[Report, int, Path]:
        log = self.log(what)
        log.parent.mkdir(parents=True, exist_ok=True)
        report = Report()
        interrupted = False
        with log.open("wb") as sink:
            process = subprocess.Popen(  # noqa: S603 - a list of our own, no shell
                [self.binary.path, *arguments],
                cwd=self.project.stack,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                # A group of its own: Ctrl-C reaches it once, from here, and it ends in good order.
                start_new_session=True,
            )
        if what == "apply":
            self.on_start(process.pid)
        watch = _Watch(self.is_alive)
        with log.open(encoding="utf-8", errors="replace") as source:
            while True:
                try:
                    ended = process.poll() is not None
                    for line in _lines(source):
                        report.read(line, self.project)
                    if ended:
                        break
                    if what == "apply" and watch.is_gone():
                        # Terraform would try again for minutes, and could not save its state anywhere.
                        process.kill()
                        continue
                    now = report.now() or ("reading" if what == "plan" else "")
                    prefix = f"{report.done}/{total} " if total else f"{what} "
                    say(("stopping in good order: " if interrupted else "") + prefix + now)
                    time.sleep(0.1)
                except KeyboardInterrupt:
                    interrupted = True
                    with contextlib.suppress(ProcessLookupError):
                        process.send_signal(signal.SIGINT)
        if process.returncode < 0:
            end_providers(process.pid)
        if process.returncode not in (0, 2):
            # Whatever it was: the next run prepares the folder again.
            self._prepared.unlink(missing_ok=True)
        if watch.gone:
            raise TerraformError(
                what, report, log, process.returncode, "The local AWS ended while Terraform was at work."
            )
        if interrupted:
            raise InterruptedByUserError(
                f"Interrupted during terraform {what}; Terraform has saved what it did.",
                "Run the command again to go on.",
            )
        return report, process.returncode, log


class _Watch:
    """Asks once a second whether the place that Terraform works on is there; once gone, it stays gone."""

    PATIENCE = 5

    def __init__(self, is_alive: Callable[[], bool]) -> None:
        self._is_alive = is_alive
        self._next = time.monotonic() + 1
        self._missed = 0
        self.gone = False

    def is_gone(self) -> bool:
        if not self.gone and time.monotonic() >= self._next:
            self._missed = 0 if self._is_alive() else self._missed + 1
            self._next = time.monotonic() + 1
            self.gone = self._missed >= self.PATIENCE
        return self.gone


def _lines(source: Any) -> Iterator[str]:
    """The whole lines that have been written since the last call."""
    while True:
        position = source.tell()
        line = source.readline()
        if not line.endswith("\n"):
            source.seek(position)
            return
        yield line


def read_log(path: Path, project: Project) -> Report:
    """What an earlier run said."""
    report = Report()
    with contextlib.suppress(FileNotFoundError), path.open(encoding="utf-8", errors="replace") as source:
        for line in source:
            report.read(line, project)
    return report
