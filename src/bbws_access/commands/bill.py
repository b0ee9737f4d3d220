"""What an environment costs."""

import json
from pathlib import Path
from typing import Annotated

import typer

from bbws_access.cli.project import find_project
from bbws_access.commands.options import EnvironmentArgument, JsonOption


def cost(
    *,
    environment: EnvironmentArgument,
    usage: Annotated[
        str, typer.Option("--usage", metavar="NAME|FILE", help="organisations-100, organisations-10000, or a file.")
    ] = "organisations-100",
    with_: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="NAME=VALUE", help="What if, such as user_pool_tier=LITE; may be repeated."),
    ] = None,
    prices: Annotated[Path | None, typer.Option("--prices", help="A price file of your own.")] = None,
    lines: Annotated[bool, typer.Option("--lines", help="Show what each service's sum is made of.")] = False,
    json_: JsonOption = False,
) -> None:
    """Reckon what an environment costs a month, from its plan, what was measured, and prices with their sources."""
    from bbws_access.cost.bill import Reckoner, read_measured
    from bbws_access.cost.facts import MEASURED, changed, read_facts
    from bbws_access.cost.prices import Prices
    from bbws_access.cost.show import show_bill
    from bbws_access.cost.usage import read_usage
    from bbws_access.kernel.contract import load_contract

    facts = changed(read_facts(find_project(), environment), with_ or [])
    operations = list(load_contract().operations)
    used, measured = read_usage(usage, operations), read_measured(MEASURED, operations)
    bill = Reckoner(facts, used, Prices(prices, facts.region), measured).bill()
    if json_:
        print(json.dumps(bill.to_json(), indent=2))
    else:
        show_bill(bill, lines=lines)
