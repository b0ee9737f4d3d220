"""Judges from outside: Checkov reads the code, Parliament the planned policies.

They need other versions of what this project uses, so they live in an environment of their own.
"""

import json
import os
import shutil
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

from bbws_access.cli.project import Project
from bbws_access.verify import slices
from bbws_access.verify.jobs import Planned
from bbws_access.verify.runner import CheckError, Deadline, Runner

FOLDER = "scanners"
_SCRIPT = Path(__file__).parent / "parliament_policies.py"
_MISSING = "{} is not installed: run `make verify`, which installs it beside the tool"

# What Parliament says and AWS does not: the issue and the action, with the reason.
ACCEPTED = {
    ("RESOURCE_MISMATCH", "dynamodb:ListStreams"): "AWS's own examples grant it on a table's streams, as here",
}


class Scanners:
    """Checkov and Parliament for one verification."""

    def __init__(self, project: Project, runner: Runner) -> None:
        self.project = project
        self.runner = runner
        folder = Path(sys.prefix) / FOLDER
        self.checkov = _program(folder / "bin", "checkov")
        self.python = folder / "bin" / "python" if (folder / "bin" / "python").is_file() else None
        self.versions = _versions(folder)
        self._done = threading.Event()
        self._result: dict[str, Any] | None = None
        self._error = ""

    # --- Checkov: once for all modules, because its start takes longer than its work ------------------------------

    def start(self, limit: float, known: dict[str, Any] | None) -> threading.Thread:
        """Scan all modules in a thread of its own; `known` is an earlier answer that still holds."""
        thread = threading.Thread(target=self._scan, args=(limit, known), daemon=True)
        thread.start()
        return thread

    @property
    def result(self) -> dict[str, Any] | None:
        """What Checkov said, to keep for the next time."""
        return self._result

    def _scan(self, limit: float, known: dict[str, Any] | None) -> None:
        try:
            self._result = known if known is not None else self._checkov(Deadline(limit))
        except Exception as error:
            self._error = str(error)
        finally:
            self._done.set()

    def _checkov(self, deadline: Deadline) -> dict[str, Any]:
        if self.checkov is None:
            raise CheckError(_MISSING.format("Checkov"))
        folder = self.project.root / "terraform"
        command = [self.checkov, "--directory", str(folder), "--framework", "terraform", "--skip-download"]
        command += ["--compact", "--output", "json", "--skip-path", "/tests/"]
        outcome = self.runner.run(command, self.project.root, self.project.root, deadline, environment=_environment())
        start = min((at for at in (outcome.text.find("{"), outcome.text.find("[")) if at >= 0), default=-1)
        try:
            answer, _ = json.JSONDecoder().raw_decode(outcome.text[start:]) if start >= 0 else (None, 0)
        except ValueError:
            answer = None
        if answer is None:
            raise CheckError(f"Checkov failed: {' '.join(outcome.text.split())[-300:]}")
        reports = answer if isinstance(answer, list) else [answer]
        found: dict[str, Any] = {"passed": [], "failed": [], "unread": []}
        for report in reports:
            results = report.get("results", {})
            found["passed"] += [item["file_path"].lstrip("/") for item in results.get("passed_checks", [])]
            found["failed"] += [
                {
                    "id": item["check_id"],
                    "name": item["check_name"],
                    "file": item["file_path"].lstrip("/"),
                    "line": item["file_line_range"][0],
                }
                for item in results.get("failed_checks", [])
            ]
            unread = results.get("parsing_errors", [])
            found["unread"] += [Path(name).relative_to(folder).as_posix() for name in unread]
        return found

    def scan(self, module: str, deadline: Deadline) -> tuple[bool, str]:
        """Whether Checkov is content with a module or the stack, and what it says.

        Raises CheckError when it could not look.
        """
        if not self._done.wait(max(deadline.left, 0)):
            raise CheckError("Checkov was still at work when the time limit passed")
        if self._result is None:
            raise CheckError(self._error or "Checkov gave no answer")
        prefix = f"{slices.STACK}/" if module == slices.STACK else f"modules/{module}/"
        passed = sum(name.startswith(prefix) for name in self._result["passed"])
        unread = [name for name in self._result["unread"] if name.startswith(prefix)]
        failed = {
            (item["id"], item["file"], item["line"]): item["name"]
            for item in self._result["failed"]
            if item["file"].startswith(prefix)
        }
        if unread:
            return False, f"Checkov cannot read terraform/{unread[0]}"
        if failed:
            shown = [
                f"{identifier} at terraform/{file}:{line}: {name}" for (identifier, file, line), name in failed.items()
            ]
            return False, "; ".join(shown[:5]) + (f"; and {len(shown) - 5} more" if len(shown) > 5 else "")
        if not self._result["passed"]:
            return False, "Checkov found nothing to look at in any module"
        return True, f"{passed} checks pass" if passed else "none of its checks is about what the module makes"

    # --- Parliament -----------------------------------------------------------------------------------------------

    def analyse(self, resources: list[Planned], deadline: Deadline, root: Path) -> tuple[bool, str]:
        """Whether Parliament is content with the planned policies of roles, and what it says. Raises CheckError."""
        policies: dict[str, Any] = {}
        for item in resources:
            if item.type in ("aws_iam_role_policy", "aws_iam_policy"):
                text = item.values.get("policy")
                if not isinstance(text, str):
                    return False, f"{item.address} cannot be read before it exists"
                name = item.address if item.address not in policies else f"{item.address} ({len(policies)})"
                policies[name] = json.loads(text)
        if not policies:
            return True, "it makes no policies of roles"
        if self.python is None:
            raise CheckError(_MISSING.format("Parliament"))
        command = [str(self.python), str(_SCRIPT)]
        given = json.dumps(policies).encode()
        outcome = self.runner.run(command, root, root, deadline, environment=_environment(), given=given)
        try:
            answer = json.loads(outcome.text[outcome.text.index("{") :])
        except ValueError as error:
            raise CheckError(f"Parliament failed: {' '.join(outcome.text.split())[-300:]}") from error
        found = Counter(
            f"{address.partition(' (')[0]}: {item['title']} {item['detail']}"
            for address, items in answer.items()
            for item in items
            if not any(item["issue"] == issue and action in item["detail"] for issue, action in ACCEPTED)
        )
        if found:
            return False, "; ".join(list(found)[:3])
        return True, f"{len(policies)} policies of roles"


def _program(folder: Path, name: str) -> str | None:
    own = folder / name
    return str(own) if own.is_file() else shutil.which(name)


def _versions(folder: Path) -> dict[str, str]:
    """Installed versions, read from folder names: asking Checkov itself takes five seconds."""
    found = {}
    for name in ("checkov", "parliament"):
        for path in folder.glob(f"lib/python*/site-packages/{name}-*.dist-info"):
            found[name] = path.name.removeprefix(f"{name}-").removesuffix(".dist-info")
    return found


def _environment() -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "TF_", "BC_", "CKV", "PYTHON"))
    }
    return kept | {"LOG_LEVEL": "ERROR", "PYTHONWARNINGS": "ignore"}
