"""A bill on the screen."""

from rich.table import Table

from bbws_access.cli.console import out
from bbws_access.cost.bill import Bill


def show_bill(bill: Bill, *, lines: bool) -> None:
    """A table of services, or of all lines, with the sum and what it is worth."""
    usage = bill.usage
    out.print(
        f"{bill.facts.environment} in {bill.facts.region}, {usage.name}: {usage.people:,.0f} people, "
        f"{usage.requests / 1e6:,.1f} million requests a month\n"
    )
    table = Table(box=None, header_style="dim", width=110 if lines else None)
    table.add_column("service", no_wrap=True)
    if lines:
        table.add_column("what", no_wrap=True)
        table.add_column("quantity", justify="right", no_wrap=True)
        table.add_column("unit", no_wrap=True)
    table.add_column("USD a month", justify="right", no_wrap=True)
    services = bill.services()
    for name, usd in services.items():
        of_service = [line for line in bill.lines if line.service == name]
        mark = " *" if any(line.stand_in for line in of_service) else ""
        if not lines:
            table.add_row(name, f"{usd:,.2f}{mark or '  '}")
            continue
        for line in of_service:
            mark = " *" if line.stand_in else "  "
            table.add_row(line.service, line.what, f"{line.quantity:,.1f}", line.unit, f"{line.usd:,.2f}{mark}")
    table.add_section()
    table.add_row("[bold]all[/bold]", *([""] * 3 if lines else []), f"[bold]{bill.total:,.2f}[/bold]  ")
    out.print(table)
    if regions := sorted({line.stand_in for line in bill.lines if line.stand_in}):
        out.print(
            f"\n* No price of {bill.facts.region} was found, so {' and '.join(regions)}'s is reckoned with. "
            "The price file says what that may hide.",
        )
    out.print("\nUsage is assumed (src/bbws_access/cost/usage.json); prices have their source and day beside them "
              "(src/bbws_access/cost/prices.json).")  # fmt: skip
