"""Shows differences as tables, grouped by module."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from rich.markup import escape
from rich.table import Table

from bbws_access.cli.console import out
from bbws_access.cli.terraform import module_of
from bbws_access.verify.compare.attributes import AttributeDifference, as_json
from bbws_access.verify.compare.drift import Drift
from bbws_access.verify.compare.plans import Comparison

LONGEST_VALUE = 48
WIDEST = 200


def show_comparison(comparison: Comparison) -> None:
    """What differs between two environments, on standard output."""
    _widen()
    left, right = comparison.left, comparison.right
    taken = (f"{what} {ours or 'none'} → {theirs or 'none'}" for what, (ours, theirs) in comparison.names.items())
    out.print(f"[dim]Taken for the same: {escape(', '.join(taken))}[/dim]\n")
    if comparison.values:
        table = _table("variable", left, right)
        for item in comparison.values:
            table.add_row(escape(item.path), value(item.left), value(item.right))
        out.print(table)
        out.print()
    for name, addresses in ((left, comparison.only_left), (right, comparison.only_right)):
        if addresses:
            table = _table("module", f"only in {name}")
            for module, members in _by_module((address, address) for address in addresses):
                for number, (block, count) in enumerate(_blocks(module, members)):
                    table.add_row(escape(module) if number == 0 else "", escape(block) + _times(count))
            out.print(table)
            out.print()
    if comparison.different:
        table = _table("in both, and different", left, right)
        found = ((item.address, (item.address, item.attributes)) for item in comparison.different)
        for module, members in _by_module(found):
            table.add_row(f"[bold]{escape(module)}[/bold]")
            previous = ""
            for block, attribute, count in _attributes(module, members):
                if block != previous:
                    table.add_row(f"  {escape(block)}")
                sides = value(attribute.left), value(attribute.right)
                table.add_row(f"    [dim]{escape(attribute.path)}[/dim]{_times(count)}", *sides)
                previous = block
        out.print(table)
        out.print()
    lonely = len(comparison.only_left), len(comparison.only_right)
    out.print(
        f"{_count(lonely[0], 'resource')} only in {left}, {lonely[1]} only in {right}, "
        f"{len(comparison.different)} different, {comparison.same} the same "
        f"[dim]({comparison.names_only} but for their names)[/dim]"
    )


def show_drift(drift: list[Drift]) -> None:
    """What was changed without Terraform, on standard output."""
    _widen()
    if not drift:
        out.print("No drift: everything is as Terraform left it.")
        return
    table = _table("resource", "state", "found")
    for module, members in _by_module((item.address, item) for item in drift):
        table.add_row(f"[bold]{escape(module)}[/bold]")
        for item in members:
            sides = ("there", "[red]deleted[/red]") if item.deleted else ()
            table.add_row(f"  {escape(_short(module, item.address))}", *sides)
            for attribute in item.attributes:
                sides = value(attribute.left), value(attribute.right)
                table.add_row(f"    [dim]{escape(attribute.path)}[/dim]", *sides)
    out.print(table)
    out.print(f"\n{_count(len(drift), 'resource')} differ{'s' if len(drift) == 1 else ''} from Terraform's state.")


def value(content: Any) -> str:
    """A value on one line, cut where it is long."""
    if content is None:
        return "[dim]-[/dim]"
    plain = as_json(content)
    text = plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)
    text = " ".join(text.split()) or '""'
    return escape(text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…")


def _widen() -> None:
    """A file or a pipe has no edge to fold at."""
    if not out.is_terminal:
        out.width = max(out.width, WIDEST)


def _table(*columns: str) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for column in columns:
        # Folded rather than cut: an address is there to be copied.
        table.add_column(column, overflow="fold")
    return table


def _by_module(items: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, list[Any]]]:
    modules: dict[str, list[Any]] = {}
    for address, item in items:
        modules.setdefault(module_of(address), []).append(item)
    yield from sorted(modules.items())


def _short(module: str, address: str) -> str:
    """The address within its module."""
    return re.sub(rf'^module\.{re.escape(module)}(\["[^"]*"\]|\[\d+\])?\.', "", address)


def _block(address: str) -> str:
    """The address without its instances' keys."""
    return re.sub(r'\["[^"]*"\]|\[\d+\]', "[…]", address)


def _blocks(module: str, addresses: list[str]) -> Iterator[tuple[str, int]]:
    """Resources of one block as one line, with how many they are."""
    blocks: dict[str, list[str]] = {}
    for address in addresses:
        short = _short(module, address)
        blocks.setdefault(_block(short), []).append(short)
    for block, members in sorted(blocks.items()):
        yield (members[0] if len(members) == 1 else block), len(members)


def _attributes(
    module: str, members: list[tuple[str, tuple[AttributeDifference, ...]]]
) -> Iterator[tuple[str, AttributeDifference, int]]:
    """The same difference in several places as one line, with how many they are."""
    groups: dict[tuple[str, str, str, str], list[tuple[str, AttributeDifference]]] = {}
    for address, attributes in members:
        short = _short(module, address)
        for item in attributes:
            values = (json.dumps(as_json(side), sort_keys=True) for side in (item.left, item.right))
            key = (_block(short), item.path.rpartition(".")[2], *values)
            groups.setdefault(key, []).append((short, item))
    for (block, last, _, _), found in sorted(groups.items()):
        shorts = {short for short, _ in found}
        paths = {item.path for _, item in found}
        path = paths.pop() if len(paths) == 1 else f"….{last}"
        first = found[0][1]
        yield (
            shorts.pop() if len(shorts) == 1 else block,
            AttributeDifference(path, first.left, first.right),
            len(found),
        )


def _times(count: int) -> str:
    return f" [dim]({count} times)[/dim]" if count > 1 else ""


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
