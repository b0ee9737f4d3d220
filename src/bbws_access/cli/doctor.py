"""Checks of the machine and the project."""

import contextlib
import importlib.metadata
import platform
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass

from bbws_access.cli.console import size
from bbws_access.cli.errors import ToolError
from bbws_access.cli.holders import ENABLED, find_holders
from bbws_access.cli.project import Project, find_project
from bbws_access.cli.targets import LEAST_DISK, LocalTarget, Target, check_disk, has_aws_credentials
from bbws_access.cli.terraform import find_provider, find_terraform
from bbws_access.local_aws import LocalAwsError
from bbws_access.packaging import LEAST_NODE

# Any one of them will do.
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DRIVER = "chromedriver"
_NAMED = 5


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. ``state`` is good, warning or bad."""

    what: str
    state: str
    found: str
    advice: str = ""

    def as_json(self) -> dict[str, str]:
        return asdict(self)


def examine(environment: str, local_target: Callable[[], LocalTarget]) -> list[Finding]:
    """Look at everything that the tool needs, whatever may be wrong with the rest.

    ``local_target`` gives the environment's local AWS, with the values that it was brought up with.
    """
    findings = [_python(), _uv()]
    try:
        project = find_project()
    except ToolError as error:
        return [*findings, _bad("project", error)]
    findings.append(Finding("project", "good", str(project.root)))
    checks: list[tuple[str, Callable[[Project], Finding]]] = [
        ("Terraform", _terraform),
        ("provider", _provider),
        ("Node.js", _node),
        ("npm", _npm),
        ("Chromium", _browser),
        (DRIVER, _driver),
        ("disk", _disk),
    ]
    for what, check in checks:
        try:
            findings.append(check(project))
        except ToolError as error:
            findings.append(_bad(what, error))
    try:
        target = local_target()
        values = target.environment
        given = f", given: {' '.join(values.typed[1::2])}" if values.typed else ""
        findings.append(Finding(f"values of {environment}", "good", f"{values.prefix}, {values.region}{given}"))
        findings.append(_local_aws(target))
        if target.folder.is_dir() and target.aws.is_running():
            target.enter()
            findings.append(accounts_of_holders(target))
    except ToolError as error:
        findings.append(_bad(f"values of {environment}", error))
    findings.append(_credentials())
    return findings


def accounts_of_holders(target: Target) -> Finding:
    """Whether everybody who holds something where the process works has an account that may sign in."""
    what = f"people of {target.environment.name}"
    try:
        holders = find_holders(target, target.outputs())
    except ToolError as error:
        return Finding(what, "warning", error.message, error.hint or "")
    without = [one.userId for one in holders if one.account != ENABLED]
    if not without:
        return Finding(what, "good", f"{len(holders)} hold something, and have an account")
    named = ", ".join(without[:_NAMED]) + (f" and {len(without) - _NAMED} more" if len(without) > _NAMED else "")
    everybody = target.advice("user list", "--without-account")
    to_do = f"Who has left: `{target.advice('user deactivate', without[0])}`. `{everybody}` names all."
    return Finding(what, "warning", f"hold something without an account that may sign in: {named}", to_do)


def _bad(what: str, error: ToolError) -> Finding:
    found = error.message + (f" {' '.join(error.details.split())}" if error.details else "")
    return Finding(what, "bad", found, error.hint or "")


def _python() -> Finding:
    return Finding("Python", "good", f"{platform.python_version()}, {sys.executable}")


def _uv() -> Finding:
    try:
        import uv

        uv.find_uv_bin()
        return Finding("uv", "good", importlib.metadata.version("uv"))
    except (ImportError, FileNotFoundError):
        return Finding("uv", "bad", "not installed", "Run `make setup`.")


def _terraform(project: Project) -> Finding:
    binary = find_terraform()
    return Finding("Terraform", "good", f"{binary.version}, {binary.path}")


def _provider(project: Project) -> Finding:
    source = find_provider(project)
    return Finding("provider", "good", f"hashicorp/aws from {source.description}")


def _node(project: Project) -> Finding:
    path = shutil.which("node")
    advice = f"Install Node.js {LEAST_NODE} or newer; only packages for AWS and `make test` need it."
    if path is None:
        return Finding("Node.js", "warning", "not on the PATH", advice)
    shown = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)  # noqa: S603 - no shell; a user asks about their PATH
    found = re.match(r"v(\d+)", shown.stdout)
    if not found or int(found[1]) < LEAST_NODE:
        return Finding("Node.js", "warning", shown.stdout.strip() or "does not run", advice)
    return Finding("Node.js", "good", f"{shown.stdout.strip()}, {path}")


def _npm(project: Project) -> Finding:
    return _program("npm", "Install npm; only packages for AWS and `make test` need it.", "npm")


def _browser(project: Project) -> Finding:
    return _program("Chromium", "Install Chromium; only `make test` needs it.", *BROWSERS)


def _driver(project: Project) -> Finding:
    return _program(DRIVER, "Install Chromium's driver; only `make test` needs it.", DRIVER)


def _program(what: str, advice: str, *names: str) -> Finding:
    path = next(filter(None, map(shutil.which, names)), None)
    return Finding(what, "good", path) if path else Finding(what, "warning", "not on the PATH", advice)


def _disk(project: Project) -> Finding:
    disk = check_disk(project.root)
    if not disk.enough:
        return Finding("disk", "bad", f"{size(disk.free)} free", f"Free some space: {size(LEAST_DISK)} are needed.")
    return Finding("disk", "good", f"{size(disk.free)} free")


def _local_aws(target: LocalTarget) -> Finding:
    what = "local AWS"
    again = f"Run `{target.advice('up')}`."
    if not target.folder.is_dir():
        return Finding(what, "good", "none yet", again)
    try:
        port = target.aws.port
    except LocalAwsError:
        return Finding(what, "warning", "never started", again)
    if target.aws.is_running():
        return Finding(what, "good", f"running, {target.aws.endpoint}")
    with contextlib.suppress(LocalAwsError):
        target.aws.health()
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return Finding(
                what,
                "warning",
                f"does not answer, and port {port} is taken",
                f"{again} If another program holds the port, end it or give --port.",
            )
    return Finding(what, "warning", "not running", again)


def _credentials() -> Finding:
    if has_aws_credentials():
        return Finding("AWS credentials", "good", "configured")
    return Finding("AWS credentials", "good", "none", "Only deploying to AWS needs them.")
