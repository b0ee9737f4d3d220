"""The commands that prove and compare."""

import json
from pathlib import Path
from typing import Annotated

import typer

from bbws_access.cli.errors import DRIFT_FOUND
from bbws_access.cli.project import find_project
from bbws_access.commands.options import DeployPlace, JsonOption, Values
from bbws_access.commands.places import plan_values, working_target


def verify(
    *,
    env: Annotated[
        list[str] | None,
        typer.Option("--environment", "-e", "--env", metavar="ENV", help="Environment to prove; may be repeated."),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="WORKER", help="Worker, or module, to run alone; may be repeated."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", help="Folder for the files; else .build/verify, in it partial/ for a part of it."),
    ] = None,
    json_: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="Write the report as JSON; - for standard output.")
    ] = None,
    junit: Annotated[Path | None, typer.Option("--junit", metavar="FILE", help="Write JUnit XML for CI.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Answer nothing from earlier runs.")] = False,
    time_limit: Annotated[float, typer.Option("--time-limit", min=1, help="Seconds that a worker may take.")] = 900,
    accept: Annotated[
        bool,
        typer.Option(
            "--accept",
            help="Prove nothing: write what is planned into terraform/inventory.json, which plans are held to.",
        ),
    ] = False,
) -> None:
    """Prove every module for every environment, offline, by its plans, tests and scanners, and write it down."""
    from bbws_access.verify import command
    from bbws_access.verify.engine import Options

    options = Options(tuple(env or ()), tuple(only or ()), output, fresh, time_limit)
    if accept:
        command.accept(options)
        return
    raise typer.Exit(command.run(options, json_, junit))


def drift(*, place: DeployPlace, values: Values, json_: JsonOption = False) -> None:
    """Show what was changed in an environment without Terraform. Exits with 4 when anything was; changes nothing."""
    from bbws_access.cli import deploy
    from bbws_access.verify.compare.drift import find_drift
    from bbws_access.verify.compare.show import show_drift

    with working_target(place, values) as target:
        deploy.require_buckets(target)
        target.outputs()
        found = find_drift(target)
    if json_:
        print(json.dumps([item.to_json() for item in found], indent=2))
    else:
        show_drift(found)
    if found:
        raise typer.Exit(DRIFT_FOUND)


def diff(
    *,
    left: Annotated[str, typer.Argument(metavar="ENV", help="An environment, such as the one to promote from.")],
    right: Annotated[str, typer.Argument(metavar="ENV", help="The one to compare it with.")],
    values: Values,
    json_: JsonOption = False,
) -> None:
    """Show what differs between two environments' plans, their names and regions aside. Needs no AWS credentials."""
    from bbws_access.verify.compare.plans import compare, plan_without_credentials
    from bbws_access.verify.compare.show import show_comparison

    project = find_project()
    pair = [plan_values(project, name, values) for name in (left, right)]
    plans = [plan_without_credentials(environment, project.build / "plans") for environment in pair]
    comparison = compare(pair[0], plans[0], pair[1], plans[1])
    if json_:
        print(json.dumps(comparison.to_json(), indent=2))
    else:
        show_comparison(comparison)
