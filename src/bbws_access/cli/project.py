"""Where the project's files lie."""

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from bbws_access.cli.errors import ToolError, UsageError

_EFFECTIVE = os.access in os.supports_effective_ids


@dataclass(frozen=True)
class Project:
    """A checkout of this project."""

    root: Path

    @property
    def stack(self) -> Path:
        return self.root / "terraform" / "stack"

    @property
    def modules(self) -> Path:
        return self.root / "terraform" / "modules"

    @property
    def contract(self) -> Path:
        return self.root / "contract"

    @property
    def build(self) -> Path:
        return self.root / ".build"

    @property
    def logs(self) -> Path:
        return self.build / "logs"

    @property
    def snapshots(self) -> Path:
        """Deployments that fresh folders of local AWSs can take over."""
        return self.build / "snapshots"

    @property
    def local_folder(self) -> Path:
        """Holds one folder for each local AWS."""
        return self.root / ".local-aws"

    @property
    def environments(self) -> list[str]:
        """Names that `terraform/environments` has values for."""
        return sorted(path.stem for path in (self.root / "terraform" / "environments").glob("*.tfvars"))

    def tfvars(self, environment: str) -> Path:
        """The file of values of one environment. Raises UsageError when there is none."""
        if environment not in self.environments:
            raise UsageError(
                f"There is no environment {environment!r}.",
                f"The environments are {', '.join(self.environments)}; each is a file in terraform/environments.",
            )
        return self.root / "terraform" / "environments" / f"{environment}.tfvars"


_INSTALLED = Path(__file__).resolve().parents[3]


def _is_project(folder: Path) -> bool:
    return (folder / "terraform" / "stack").is_dir() and (folder / "contract").is_dir()


def require_in_place() -> None:
    """Raise ToolError where this tool is a copy: it would lack the contract, and grow older than what it deploys."""
    if _is_project(_INSTALLED):
        return
    here = Path.cwd()
    checkout = next((str(folder) for folder in (here, *here.parents) if _is_project(folder)), "CHECKOUT")
    raise ToolError(
        "This bbws-access was installed as a copy, apart from the project that it works with.",
        f"Install it in place: uv tool install --force --editable {shlex.quote(checkout)} (pipx takes the same words, "
        "without `tool`).",
    )


def find_project(start: Path | None = None) -> Project:
    """The project that ``start``, the current folder unless given, lies in, or else the one the tool is installed from.

    Raises ToolError when there is none, or it cannot be read.
    """
    try:
        here = (start or Path.cwd()).resolve()
    except FileNotFoundError as error:
        raise ToolError("The current folder is gone.", "Change to the project's folder.") from error
    for folder in (here, *here.parents, _INSTALLED):
        try:
            found = _is_project(folder)
            usable = os.access(folder, os.R_OK | os.W_OK | os.X_OK, effective_ids=_EFFECTIVE)
        except PermissionError:
            found, usable = folder == here, False
        if found and not usable:
            raise ToolError(f"The folder {folder} cannot be read and written.", "Give your user access to it.")
        if found:
            return Project(folder)
    raise ToolError(
        f"{here} does not lie in a checkout of this project.", "Change to a folder that holds terraform/ and contract/."
    )
