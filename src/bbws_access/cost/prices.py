"""The price file: prices by region, each with its source and its day."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from bbws_access.cli.errors import UsageError
from bbws_access.cost.facts import read_json

PRICES = Path(__file__).with_name("prices.json")


class Price(NamedTuple):
    """Tiers of (units up to which it holds, USD a unit), and the region whose price it is if it is another's."""

    tiers: tuple[tuple[float, float], ...]
    unit: str
    stand_in: str | None

    def of(self, quantity: float, name: str) -> float:
        """USD of so many units. Raises UsageError beyond the last tier."""
        total = begin = 0.0
        for end, usd in self.tiers:
            total += (min(quantity, end) - begin) * usd
            if quantity <= end:
                return total
            begin = end
        raise UsageError(
            f"No price of {name} is known beyond {begin:,.0f} units, and {quantity:,.0f} are used.",
            "Add the tier to a price file of your own, with its source, and pass it with --prices.",
        )


class Prices:
    """Prices of one region, stand-ins where the file says that none was found."""

    def __init__(self, path: Path | None, region: str) -> None:
        """Raises UsageError for a file that is none, or that does not know the region."""
        self.path = path or PRICES
        content = read_json(self.path, "prices")
        if not isinstance(content, dict) or not isinstance(content.get("regions"), dict):
            raise UsageError(f"{self.path} has no prices by region.")
        self._regions: Mapping[str, Any] = content["regions"]
        self._stand_ins = content.get("standIn") or {}
        self._sources = content.get("sources") or {}
        self._region = region
        if region not in self._regions:
            raise UsageError(
                f"{self.path.name} has no prices of {region}, only of {', '.join(sorted(self._regions))}.",
                "Add the region with sources and dates to a file of your own, and pass it with --prices.",
            )
        for name, prices in self._regions.items():
            if not isinstance(prices, dict):
                raise UsageError(f"{self.path.name}: the prices of {name} are no object.")
            for key in prices:
                self._entry(name, key)

    def __getitem__(self, name: str) -> Price:
        region: str | None = self._region
        seen: set[str] = set()
        while region is not None and region not in seen:
            seen.add(region)
            entry = self._regions.get(region, {}).get(name) or {}
            if entry.get("usd") is not None:
                return self._entry(region, name)._replace(stand_in=None if region == self._region else region)
            region = entry.get("standIn") or self._stand_ins.get(region)
        raise UsageError(
            f"{self.path.name} has no price {name} of {self._region}, and no region that stands in for it."
        )

    def _entry(self, region: str, name: str) -> Price:
        entry = self._regions[region][name]
        place = f"{self.path.name}: {name} of {region}"
        if not isinstance(entry, dict) or not isinstance(entry.get("unit"), str) or "usd" not in entry:
            raise UsageError(f"{place} needs usd and unit.")
        usd = entry["usd"]
        if usd is None:
            return Price((), entry["unit"], entry.get("standIn"))
        if entry.get("source") not in self._sources:
            raise UsageError(f"{place} names no source of those that the file lists.")
        try:
            date.fromisoformat(entry.get("read", ""))
        except (TypeError, ValueError):
            raise UsageError(f"{place} needs the day on which it was read, such as 2026-09-22.") from None
        tiers = usd if isinstance(usd, list) else [[None, usd]]
        return Price(tuple(self._tiers(tiers, place)), entry["unit"], None)

    @staticmethod
    def _tiers(tiers: list, place: str) -> list[tuple[float, float]]:
        found: list[tuple[float, float]] = []
        for tier in tiers:
            if not isinstance(tier, list) or len(tier) != 2:
                raise UsageError(f"{place}: a tier is [units up to which it holds, USD].")
            end = math.inf if tier[0] is None else tier[0]
            if not is_number(end, infinite=True) or end <= (found[-1][0] if found else 0):
                raise UsageError(f"{place}: tiers end further on, one after the other.")
            if not is_number(tier[1]) or tier[1] < 0:
                raise UsageError(f"{place}: {tier[1]!r} is no price.")
            found.append((float(end), float(tier[1])))
        if not found:
            raise UsageError(f"{place} has no tier.")
        return found


def is_number(value: object, *, infinite: bool = False) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return math.isfinite(value) or (infinite and value == math.inf)
