"""The options that commands share, and the groups of them that a command takes as one parameter."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

EnvironmentArgument = Annotated[str, typer.Argument(metavar="ENV", help="dev, sit, prod or another of yours.")]
EnvironmentOption = Annotated[str, typer.Option("--environment", "-e", help="Environment whose values are used.")]
FolderOption = Annotated[
    Path | None, typer.Option("--folder", help="Folder of the local AWS; .local-aws/ENVIRONMENT unless given.")
]
PortOption = Annotated[int | None, typer.Option("--port", min=1, max=65535, help="Port of the local AWS on 127.0.0.1.")]
VarOption = Annotated[
    list[str] | None,
    typer.Option("--var", metavar="NAME=VALUE", help="A value of a Terraform variable; may be repeated."),
]
VarFileOption = Annotated[
    list[Path] | None, typer.Option("--var-file", help="A file of further values; may be repeated.")
]
LocalOption = Annotated[bool, typer.Option("--local", help="Work on the environment's local AWS, which must be up.")]
WhereOption = Annotated[
    bool | None,
    typer.Option("--local/--aws", help="Where to work; the local AWS if it is up, else AWS, unless given."),
]
SkipAccountOption = Annotated[
    bool, typer.Option("--skip-account-checks", help="Do not look whether the AWS account has what is needed.")
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON for machines.")]
PageSizeOption = Annotated[int, typer.Option("--page-size", min=1, max=10_000, help="How many at most.")]
StartAtOption = Annotated[
    str | None, typer.Option("--start-at", metavar="PLACE", help="What the page before ended with.")
]


@dataclass(frozen=True)
class LocalPlace:
    """The local AWS of an environment."""

    environment: EnvironmentOption = "dev"
    folder: FolderOption = None


@dataclass(frozen=True)
class DeployPlace:
    """Where to deploy to. A folder is one of a local AWS, so it says so by itself."""

    environment: EnvironmentArgument
    local: LocalOption = False
    folder: FolderOption = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "local", self.local or self.folder is not None)


@dataclass(frozen=True)
class SeedPlace:
    """Where to work on data, when the environment is what the command is about."""

    environment: EnvironmentArgument
    local: WhereOption = None
    folder: FolderOption = None


@dataclass(frozen=True)
class DataPlace(SeedPlace):
    """Where to work on data."""

    environment: EnvironmentOption = "dev"


Place = LocalPlace | DeployPlace | SeedPlace


@dataclass(frozen=True)
class Values:
    """Values of Terraform's variables that the user adds to an environment's."""

    var: VarOption = None
    var_file: VarFileOption = None

    def __bool__(self) -> bool:
        return bool(self.var or self.var_file)


def with_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The command with the fields of each group among its parameters as options of its own, where the group stands."""
    signature = inspect.signature(command)
    groups = {name: item.annotation for name, item in signature.parameters.items() if is_dataclass(item.annotation)}
    parameters = []
    for name, item in signature.parameters.items():
        if name not in groups:
            parameters.append(item.replace(kind=inspect.Parameter.KEYWORD_ONLY))
        for field in fields(groups[name]) if name in groups else ():
            default = inspect.Parameter.empty if field.default is MISSING else field.default
            parameters.append(
                inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=field.type)
            )

    @functools.wraps(command)
    def run(**given: Any) -> Any:
        for name, group in groups.items():
            given[name] = group(**{field.name: given.pop(field.name) for field in fields(group)})
        return command(**given)

    run.__signature__ = signature.replace(parameters=parameters)
    return run
