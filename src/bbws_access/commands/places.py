"""Where a command works."""

import contextlib
import json
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from bbws_access.cli import advice
from bbws_access.cli.account import concurrency_limit, examine_account
from bbws_access.cli.console import note, remark, step
from bbws_access.cli.doctor import Finding
from bbws_access.cli.environments import Environment, load_environment
from bbws_access.cli.errors import NotRunningError, UsageError
from bbws_access.cli.project import Project, find_project
from bbws_access.cli.targets import (
    LOCAL_VALUES,
    AwsTarget,
    LocalTarget,
    Target,
    has_aws_credentials,
    local_environment,
    local_folder,
    require_aws_credentials,
    running_target,
)
from bbws_access.cli.terraform import find_terraform
from bbws_access.cli.tfvars import Schema, read_values
from bbws_access.commands.options import DeployPlace, LocalPlace, Place, SeedPlace, Values

VALUES = "values.json"


NO_VALUES = Values()


def known_target(
    place: Place, values: Values = NO_VALUES, unset: Iterable[str] = (), port: int | None = None
) -> LocalTarget:
    """The local AWS of the environment, running or not, with the values that stay and those that are given now.

    What `up` was given stays until it is taken back: `unset` names variables, and files of values.
    """
    project = find_project()
    stay = _read_values(local_folder(project, place.environment, place.folder))
    wanted = _without(project, _with(stay, values), values, unset)
    try:
        environment = local_environment(
            project, place.environment, arguments=wanted.var or (), files=wanted.var_file or ()
        )
    except UsageError as error:
        if stay and not error.hint:
            take_back = ("--unset", _name(stay.var[0]) if stay.var else str((stay.var_file or ())[0]))
            folder = ("--folder", str(place.folder.resolve())) if place.folder else ()
            command = advice.about("up", place.environment, take_back, folder)
            error.hint = f"Values of before stay: {', '.join(given(stay))}. To take one back: {command}"
        raise
    return LocalTarget(environment, place.folder, port)


def remember_values(target: LocalTarget) -> None:
    """Keep the values that the user gave for what works on this local AWS later."""
    words = target.environment.typed
    pairs = list(zip(words[::2], words[1::2], strict=True))
    arguments, files = ([word for option, word in pairs if option == wanted] for wanted in ("--var", "--var-file"))
    target.write(VALUES, {"arguments": arguments, "files": files})


def given(values: Values) -> list[str]:
    """The values as texts: `name=value`, and paths of files."""
    return [*(values.var or ()), *map(str, values.var_file or ())]


def _read_values(folder: Path) -> Values:
    """What was given to the local AWS in a folder, and stays."""
    remembered: dict[str, Any] = {}
    with contextlib.suppress(FileNotFoundError, ValueError):
        remembered = json.loads((folder / VALUES).read_text())
    return Values(remembered.get("arguments") or [], [Path(path) for path in remembered.get("files") or ()])


def _name(argument: str) -> str:
    return argument.partition("=")[0].strip()


def _with(stay: Values, values: Values) -> Values:
    """Both; of two values for one variable, the one that is given now."""
    arguments = {_name(text): text for text in stay.var or ()} | {_name(text): text for text in values.var or ()}
    files = [path.resolve() for path in values.var_file or ()]
    return Values(list(arguments.values()), [path for path in stay.var_file or () if path not in files] + files)


def _without(project: Project, wanted: Values, values: Values, unset: Iterable[str]) -> Values:
    """All but what is taken back. Raises UsageError for what cannot be."""
    now = {_name(text) for text in values.var or ()} | {path.resolve() for path in values.var_file or ()}
    arguments = {_name(text): text for text in wanted.var or ()}
    files = list(wanted.var_file or ())
    for one in unset:
        file = Path(one).resolve()
        if one in now or file in now:
            raise UsageError(f"{one} is given and taken back at once.", "Leave one of the two out.")
        if one in arguments:
            del arguments[one]
        elif file in files:
            files.remove(file)
        elif holding := next((path for path in files if path.is_file() and one in read_values(path)), None):
            raise UsageError(
                f"{one} is given in {holding}.", f"Take the file back: --unset {shlex.quote(str(holding))}"
            )
        else:
            Schema.read(project.stack).require(one, "--unset")
            note(f"{one} was not given, so there is nothing to take back.")
    return Values(list(arguments.values()), files)


def up_target(place: Place) -> LocalTarget:
    """The same, when it is running. Raises NotRunningError."""
    return running_target(known_target(place))


def plan_values(project: Project, environment: str, values: Values) -> Environment:
    """The values for a plan on an empty local AWS: it is of the local AWS's account, whatever the user's will be."""
    arguments = [item for item in values.var or () if item.partition("=")[0].strip() not in LOCAL_VALUES]
    return load_environment(
        project, environment, arguments=arguments, files=values.var_file or (), supplied=LOCAL_VALUES
    )


def deploy_target(place: DeployPlace, values: Values) -> Target:
    """Where to deploy to: AWS, unless the user says otherwise. The process works there from now on."""
    if place.local:
        target = running_target(known_target(place, values))
        target.enter()
        return target
    return with_real_limits(aws_target(place.environment, values))


def aws_target(environment: str, values: Values) -> AwsTarget:
    """An environment on AWS, with credentials of its account. Raises ToolError and UsageError."""
    require_aws_credentials()
    target = AwsTarget(
        load_environment(find_project(), environment, arguments=values.var or (), files=values.var_file or ())
    )
    target.check_account()
    return target


def account_findings(target: Target) -> list[Finding]:
    """What an AWS account lacks for its environment; nothing of a local AWS, which lacks nothing."""
    if not isinstance(target, AwsTarget):
        return []
    with step("Account") as current:
        found = examine_account(target.environment, target.client)
        lacking = [one for one in found if one.state != "good"]
        current.result = (
            f"{len(found)} checks, {len(lacking)} to look at" if lacking else f"{len(found)} checks, all good"
        )
    return lacking


def with_real_limits(target: AwsTarget) -> AwsTarget:
    """The same, with what the account's own limits say, where the user did not."""
    environment = target.environment
    name = "lambda_concurrency_limit"
    if name not in environment.chosen and (limit := concurrency_limit(environment, target.client)) is not None:
        target.environment = environment.with_values({name: limit})
    return target


@contextlib.contextmanager
def working_target(place: DeployPlace, values: Values) -> Iterator[Target]:
    """The same for work with Terraform, with no other run of this tool on it."""
    find_terraform()
    target = deploy_target(place, values)
    if not isinstance(target, LocalTarget):
        yield target
        return
    with target.alone():
        target.recover()
        target.release_stale_lock()
        yield target


def data_target(place: SeedPlace, values: Values) -> tuple[Target, dict[str, Any]]:
    """Where to work on data, and the outputs of what is deployed there; says where, when the user did not."""
    local = True if place.local is None and place.folder is not None else place.local
    if place.folder is not None and not local:
        raise UsageError("--folder names a local AWS, so it excludes --aws.")
    if local and values:
        raise UsageError("A running local AWS keeps the values that `up` was given: leave out --var and --var-file.")
    named = local is not None
    if not named:
        # Values of the user's are for AWS.
        local = not values and _local_is_up(LocalPlace(place.environment))
    target: Target
    if local:
        target = up_target(place)
        target.enter()
    else:
        target = aws_target(place.environment, values)
    if not named:
        where = f"the local AWS of {place.environment}" if local else f"AWS account {target.environment.account_id}"
        remark(f"Working on {where}")
    return target, target.outputs()


def _local_is_up(place: LocalPlace) -> bool:
    """Raises NotRunningError when it is not, and there are no AWS credentials either."""
    try:
        up_target(place)
    except NotRunningError:
        if not has_aws_credentials():
            raise
        return False
    return True
