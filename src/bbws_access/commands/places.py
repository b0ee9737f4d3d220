"""Where a command works."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bbws_access.cli.account import concurrency_limit, examine_account
from bbws_access.cli.console import remark, step
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
from bbws_access.commands.options import DeployPlace, LocalPlace, Place, SeedPlace, Values

VALUES = "values.json"


def new_target(place: Place, values: Values, port: int | None = None) -> LocalTarget:
    """The local AWS of the environment, running or not, with values of the user's."""
    environment = local_environment(
        find_project(), place.environment, arguments=values.var or (), files=values.var_file or ()
    )
    return LocalTarget(environment, place.folder, port)


def remember_values(target: LocalTarget, values: Values) -> None:
    """Keep them for the commands that work on this local AWS later."""
    files = [str(path.resolve()) for path in values.var_file or ()]
    target.write(VALUES, {"arguments": values.var or [], "files": files})


def known_target(place: Place) -> LocalTarget:
    """The local AWS of the environment, running or not, with the values that `up` was given."""
    remembered: dict[str, Any] = {}
    with contextlib.suppress(FileNotFoundError, ValueError):
        path = local_folder(find_project(), place.environment, place.folder) / VALUES
        remembered = json.loads(path.read_text())
    files = [Path(path) for path in remembered.get("files", ())]
    return new_target(place, Values(remembered.get("arguments"), files))


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
        target = running_target(new_target(place, values) if values else known_target(place))
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
    """The same, with no other run of this tool on it."""
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
        raise UsageError(
            "A running local AWS keeps the values that it was brought up with: leave out --var and --var-file."
        )
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
