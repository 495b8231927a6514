"""What running costs: measured counts times list prices, as the tables of docs/cost.md.

    python -m deployment.cost_estimate              prints the tables
    python -m deployment.cost_estimate --write      puts them into docs/cost.md
    python -m deployment.cost_estimate --measure    counts anew on real runs first (half a minute)

list_prices.toml has the prices, cost_scenarios.toml tenants and assumptions, measured_counts.json what was counted.
"""

from __future__ import annotations

import argparse
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from deployment.cost_model import (
    HERE,
    Part,
    Quantities,
    Tenant,
    World,
    asking_checks,
    lines_taken_in,
    load_measured,
    load_scenarios,
    load_world,
    month,
)

PAGE = HERE.parent / "docs" / "cost.md"
TARGET_SHARE = Decimal("0.0005")
FIXED = "fixed cost"
CLOCK = "scheduled budget checks"


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


@dataclass(frozen=True)
class Estimate:
    """A scenario's month in US dollars.  parts: at list price; after_free: the whole, less what is free each month."""

    tenant: Tenant
    parts: Mapping[str, Decimal]
    fixed: Decimal
    after_free: Decimal

    @property
    def total(self) -> Decimal:
        """All of it at list price."""
        return sum(self.parts.values(), Decimal(0)) + self.fixed

    @property
    def share(self) -> Decimal:
        """Of the spend that is watched."""
        return self.total / (self.tenant.spend_usd * self.tenant.count)


def load_prices() -> tuple[dict[str, Price], bool]:
    """The prices, and whether somebody has checked them against their pages."""
    data = tomllib.loads((HERE / "list_prices.toml").read_text(encoding="utf-8"))
    checked = bool(data.pop("checked"))
    return {
        name: Price(Decimal(one["usd"]), Decimal(one["per"]), Decimal(one["free"]), one["source"], str(one["as_of"]))
        for name, one in data.items()
    }, checked


def estimate(tenant: Tenant, world: World, fixed: Quantities, prices: Mapping[str, Price]) -> Estimate:
    """What a month of these tenants costs in a deployment of their own."""
    parts = [(name, _times(quantities, tenant.count)) for name, quantities in month(tenant, world)]
    after_free = Decimal(0)
    for name, quantity in _total([*parts, (FIXED, fixed)]).items():
        after_free += prices[name].of(max(quantity - prices[name].free, Decimal(0)))
    return Estimate(tenant, {name: _usd(found, prices) for name, found in parts}, _usd(fixed, prices), after_free)


def estimates(**changed: Any) -> list[Estimate]:
    """Every scenario, with some assumptions changed."""
    assumed, fixed, tenants = load_scenarios()
    prices, _ = load_prices()
    world = load_world({**assumed, **changed}, load_measured())
    return [estimate(tenant, world, fixed, prices) for tenant in tenants.values()]


def text() -> str:
    """All tables, as docs/cost.md has them."""
    return "\n".join([_months(), "", _checks(), "", _floor(), "", _unit_prices(), ""])


def _months() -> str:
    assumed, _, _ = load_scenarios()
    found = estimates()
    world = load_world(assumed, load_measured())
    taken_in = [lines_taken_in(one.tenant, world) * one.tenant.count for one in found]
    lines = [one.tenant.lines * one.tenant.count for one in found]
    million = Decimal(1_000_000)
    rows = [[name, *(_shown(one.parts[name]) for one in found)] for name in found[0].parts]
    rows += [
        [FIXED, *(_shown(one.fixed) for one in found)],
        ["**a month, at list price**", *(f"**{_shown(one.total)}**" for one in found)],
        ["a month, less what is free", *(_shown(one.after_free) for one in found)],
        ["per tenant", *(_shown(one.total / one.tenant.count) for one in found)],
        ["per million lines of the month's bill", *(_shown(one.total / each * million) for one, each in zip(found, lines, strict=True))],
        ["per million lines imported", *(_shown(one.total / each * million) for one, each in zip(found, taken_in, strict=True))],
        ["share of the monitored spend", *(_percent(one.share) for one in found)],
    ]  # fmt: skip
    return _table(["USD", *(one.tenant.title for one in found)], rows)


def _checks() -> str:
    """The same months by how many of the checks by the clock ask the warehouse: as it is, then as it might be."""
    assumed, _, tenants = load_scenarios()
    every = int(assumed["clock_checks_per_day"])
    world = load_world(assumed, load_measured())
    asking = [f"{asking_checks(tenant, world).normalize():f}" for tenant in tenants.values()]
    rows = [_check_row(f"**{', '.join(dict.fromkeys(asking))}, current**", estimates())]
    rows += [
        _check_row(f"{number}, if that many did", estimates(clock_checks_that_ask_per_day=number))
        for number in (10, 24, every)
    ]
    return _table(["checks a day that query the warehouse", *(one.title for one in tenants.values())], rows)


def _check_row(title: str, found: Sequence[Estimate]) -> list[str]:
    return [title, *(f"{_shown(one.parts[CLOCK])} of {_shown(one.total)}, {_percent(one.share)}" for one in found)]


def _floor() -> str:
    _, fixed, _ = load_scenarios()
    prices, _ = load_prices()
    rows = [
        [name, f"{quantity:,}", _cents(prices[name].of(quantity)), _cents(prices[name].of(max(quantity - prices[name].free, Decimal(0))))]
        for name, quantity in fixed.items()
    ]  # fmt: skip
    return _table(["while nothing happens", "how many", "USD at list price", "USD less what is free"], rows)


def _unit_prices() -> str:
    prices, _ = load_prices()
    rows = [
        [name, f"{one.usd} for {one.per:,}", f"{one.free:,}", f"<{one.source}>", one.as_of]
        for name, one in prices.items()
    ]
    return _table(["unit", "USD", "free a month", "page", "as of"], rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|---|{'---:|' * (len(head) - 1)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _usd(quantities: Quantities, prices: Mapping[str, Price]) -> Decimal:
    return sum((prices[name].of(quantity) for name, quantity in quantities.items()), Decimal(0))


def _total(parts: Sequence[Part]) -> Quantities:
    found: Quantities = {}
    for _, quantities in parts:
        for name, quantity in quantities.items():
            found[name] = found.get(name, Decimal(0)) + quantity
    return found


def _times(quantities: Quantities, times: int) -> Quantities:
    return {name: quantity * times for name, quantity in quantities.items()}


def _shown(usd: Decimal) -> str:
    return f"{usd.quantize(Decimal('0.01'), ROUND_HALF_EVEN):,}"


def _cents(usd: Decimal) -> str:
    return _shown(usd)


def _percent(share: Decimal) -> str:
    return f"{(share * 100).quantize(Decimal('0.0001'), ROUND_HALF_EVEN)} %"


def _write() -> None:
    page = PAGE.read_text(encoding="utf-8")
    begin, end = "<!-- made by python -m deployment.cost_estimate --write -->\n", "<!-- end -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    PAGE.write_text(pattern.sub(lambda _: f"{begin}{text()}{end}", page), encoding="utf-8")


def main() -> None:
    """The command."""
    words = argparse.ArgumentParser(description="What running costs, from measured counts and list prices")
    words.add_argument("--write", action="store_true", help="put the tables into docs/cost.md")
    words.add_argument("--measure", action="store_true", help="count anew on real runs first")
    chosen = words.parse_args()
    if chosen.measure:
        from deployment.cost_counts import TARGET, measure

        TARGET.write_text(json.dumps(measure(), indent=1) + "\n", encoding="utf-8")
    if chosen.write:
        _write()
    else:
        print(text())


if __name__ == "__main__":
    main()
