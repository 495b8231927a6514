"""List prices, and arithmetic with what is billed."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from common.running_costs.world import HERE, Quantities

Part = tuple[str, Quantities]
"""A line of the table, and what it takes."""


@dataclass(frozen=True)
class Price:
    """A list price.  usd for `per` units; free: units of a month that cost nothing."""

    usd: Decimal
    per: Decimal
    free: Decimal
    source: str
    as_of: str

    def of(self, quantity: Decimal) -> Decimal:
        """What so much costs at list price."""
        return self.usd * quantity / self.per


def load_prices() -> tuple[dict[str, Price], bool]:
    """The prices, and whether somebody has checked them against their pages."""
    data = tomllib.loads((HERE / "list_prices.toml").read_text(encoding="utf-8"))
    checked = bool(data.pop("checked"))
    return {
        name: Price(Decimal(one["usd"]), Decimal(one["per"]), Decimal(one["free"]), one["source"], str(one["as_of"]))
        for name, one in data.items()
    }, checked


def in_usd(quantities: Quantities, prices: Mapping[str, Price]) -> Decimal:
    """What so much costs at list price."""
    return sum((prices[name].of(quantity) for name, quantity in quantities.items()), Decimal(0))


def total_of(parts: Sequence[Part]) -> Quantities:
    """All parts together."""
    found: Quantities = {}
    for _, quantities in parts:
        for name, quantity in quantities.items():
            found[name] = found.get(name, Decimal(0)) + quantity
    return found


def times(quantities: Quantities, number: int) -> Quantities:
    """So many of them."""
    return {name: quantity * number for name, quantity in quantities.items()}
