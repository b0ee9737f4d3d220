"""Where the project's files lie."""

import os
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


def find_project(start: Path | None = None) -> Project:
    """The project that ``start``, the current folder unless given, lies in, or else the one the tool is installed from.

    Raises ToolError when there is none, or it cannot be read.
    """
    try:
        here = (start or Path.cwd()).resolve()
    except FileNotFoundError as error:
        raise ToolError("The current folder is gone.", "Change to the project's folder.") from error
    installed = Path(__file__).resolve().parents[3]
    for folder in (here, *here.parents, installed):
        try:
            found = (folder / "terraform" / "stack").is_dir() and (folder / "contract").is_dir()
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
