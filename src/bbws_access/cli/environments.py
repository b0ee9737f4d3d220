"""An environment's values: its file, what the user adds, what the tool supplies."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bbws_access.cli.errors import UsageError
from bbws_access.cli.project import Project
from bbws_access.cli.tfvars import Schema, read_argument, read_values

# What the tool itself works out.
SUPPLIED = ("artifacts_bucket", "packages")
STATE_KEY = "stack.tfstate"


@dataclass(frozen=True)
class Environment:
    """One environment with every value checked, but without the packages, which come later."""

    name: str
    project: Project
    files: tuple[Path, ...]
    given: dict[str, Any]
    """Values from arguments and the tool, which win over the files'."""
    values: dict[str, Any] = field(repr=False)
    """All values, defaults included."""
    typed: tuple[str, ...] = ()
    """The options that the user gave them with, for a command to be given as advice."""

    @property
    def prefix(self) -> str:
        return f"{self.values['project_name']}-{self.values['env_name']}"

    @property
    def region(self) -> str:
        return self.values["region"]

    @property
    def account_id(self) -> str:
        return self.values["account_id"]

    @property
    def state_bucket(self) -> str:
        return f"{self.prefix}-s3-terraform-state{self.values['bucket_suffix']}"

    @property
    def artifacts_bucket(self) -> str:
        return f"{self.prefix}-s3-artifacts{self.values['bucket_suffix']}"

    @property
    def backend(self) -> dict[str, str]:
        """How Terraform is told where its state lies."""
        return {"bucket": self.state_bucket, "key": STATE_KEY, "region": self.region}

    @property
    def chosen(self) -> set[str]:
        """Names of the values that somebody gave, in a file or an argument: all others are defaults."""
        from_files = {name for path in self.files for name in read_values(path)}
        return from_files | set(self.given)

    def with_values(self, values: Mapping[str, Any]) -> "Environment":
        """The same with other values, which win."""
        return replace(self, given=self.given | dict(values), values=self.values | dict(values))

    def write_values(self, folder: Path, packages: Mapping[str, Any]) -> list[Path]:
        """The files for Terraform's ``-var-file``; the last, of JSON, is written below ``folder``."""
        values = self.given | {"artifacts_bucket": self.artifacts_bucket, "packages": dict(packages)}
        path = folder / "values.tfvars.json"
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values, indent=2, sort_keys=True) + "\n")
        return [*self.files, path]


def load_environment(
    project: Project,
    name: str,
    *,
    arguments: Iterable[str] = (),
    files: Iterable[Path] = (),
    supplied: Mapping[str, Any] | None = None,
    stand_ins: Mapping[str, Any] | None = None,
) -> Environment:
    """Read and check the values of the environment ``name``.

    ``arguments`` are ``name=value`` texts and ``files`` further files of the user's, ``supplied`` values win over all
    of them, ``stand_ins`` are used where nothing else gives a value. Raises UsageError that lists all that is wrong.
    """
    schema = Schema.read(project.stack)
    first = project.tfvars(name)
    arguments = list(arguments)
    paths = (first, *(path.resolve() for path in files))
    typed = [word for text in arguments for word in ("--var", text)]
    typed += [word for path in paths[1:] for word in ("--var-file", str(path))]
    given: dict[str, Any] = {}
    for variable, text in os.environ.items():
        if variable.startswith("TF_VAR_") and variable.removeprefix("TF_VAR_") in schema.variables:
            given |= [read_argument(schema, f"{variable.removeprefix('TF_VAR_')}={text}")]
    from_files: dict[str, Any] = {}
    problems: list[str] = []
    for path in paths:
        read = read_values(path)
        problems += [_relative(str(problem), project) for problem in schema.check(path, read)]
        from_files |= {key: value.plain for key, value in read.items()}
    # Terraform's order: the process's environment, files, arguments.
    given = {key: value for key, value in given.items() if key not in from_files}
    given |= dict(read_argument(schema, text) for text in arguments)
    given |= dict(supplied or {})
    given = {key: value for key, value in (stand_ins or {}).items() if key not in from_files} | given
    everything = from_files | given
    problems += [
        f"{key} is worked out by the tool and cannot be given."
        for key in SUPPLIED
        if key in everything and key in schema.variables
    ]
    if everything.get("env_name", name) != name:
        place = _relative(str(first), project)
        problems.append(f"{place}: env_name is {everything['env_name']!r}, and the file's name says {name!r}.")
    for variable in schema.missing(everything):
        if variable.name not in SUPPLIED:
            problems.append(
                f"{variable.name} has no value ({variable.description.rstrip('.')}): add --var {variable.name}=… "
                "or a --var-file."
            )
    if problems:
        raise UsageError(f"The values of {name} are not right.", details="\n".join(problems))
    values = {variable.name: variable.default for variable in schema.variables.values() if not variable.required}
    return Environment(name, project, paths, given, values | everything, tuple(typed))


def _relative(text: str, project: Project) -> str:
    return text.replace(f"{project.root}{os.sep}", "", 1)
