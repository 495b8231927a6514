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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

from common.running_costs.model import asking_checks, lines_taken_in, month
from common.running_costs.prices import Price, in_usd, load_prices, times, total_of
from common.running_costs.world import (
    Deployment,
    Quantities,
    Tenant,
    World,
    load_deployments,
    load_measured,
    load_scenarios,
    load_world,
)

PAGE = Path(__file__).parents[1] / "docs" / "cost.md"
TARGET_SHARE = Decimal("0.0005")
TARGET_MILLION = Decimal(2)
"""US dollars a month, for a tenant of a million lines beside others; the fixed cost is its deployment's."""
TARGET_FIXED = Decimal(1)
ALERTING = ("alert_condition", "alert_series")
FIXED = "fixed cost"
CLOCK = "scheduled budget checks"


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


def estimate(tenant: Tenant, world: World, fixed: Quantities, prices: Mapping[str, Price]) -> Estimate:
    """What a month of these tenants costs in a deployment of their own."""
    parts = [(name, times(quantities, tenant.count)) for name, quantities in month(tenant, world)]
    after_free = Decimal(0)
    for name, quantity in total_of([*parts, (FIXED, fixed)]).items():
        after_free += prices[name].of(max(quantity - prices[name].free, Decimal(0)))
    return Estimate(tenant, {name: in_usd(found, prices) for name, found in parts}, in_usd(fixed, prices), after_free)


def estimates(**changed: Any) -> list[Estimate]:
    """Every scenario, with some assumptions changed."""
    assumed, fixed, tenants = load_scenarios()
    prices, _ = load_prices()
    world = load_world({**assumed, **changed}, load_measured())
    return [estimate(tenant, world, fixed, prices) for tenant in tenants.values()]


@dataclass(frozen=True)
class Whole:
    """A deployment's month in US dollars."""

    deployment: Deployment
    parts: Mapping[str, Decimal]
    fixed: Decimal
    after_free: Decimal

    @property
    def tenants(self) -> int:
        """How many there are, of all kinds."""
        return sum(one.count for one in self.deployment.tenants)

    @property
    def total(self) -> Decimal:
        """All of it at list price."""
        return sum(self.parts.values(), Decimal(0)) + self.fixed

    @property
    def share(self) -> Decimal:
        """Of the spend that is watched."""
        return self.total / sum((one.spend_usd * one.count for one in self.deployment.tenants), Decimal(0))


def whole(deployment: Deployment, **changed: Any) -> Whole:
    """What a month of a deployment costs, with some assumptions changed."""
    assumed, fixed, _ = load_scenarios()
    prices, _ = load_prices()
    world = load_world({**assumed, **deployment.shares, **changed}, load_measured())
    parts = [
        (name, times(quantities, tenant.count))
        for tenant in deployment.tenants
        for name, quantities in month(tenant, world)
    ]
    after_free = sum(
        (
            prices[name].of(max(each - prices[name].free, Decimal(0)))
            for name, each in total_of([*parts, (FIXED, fixed)]).items()
        ),
        Decimal(0),
    )
    usd: dict[str, Decimal] = {}
    for name, found in parts:
        usd[name] = usd.get(name, Decimal(0)) + in_usd(found, prices)
    return Whole(deployment, usd, in_usd(fixed, prices), after_free)


def million(integrations: int) -> Estimate:
    """A tenant of a million lines beside a thousand others, by its number of integrations."""
    assumed, _, tenants = load_scenarios()
    prices, _ = load_prices()
    world = load_world({**assumed, **load_deployments()["thousand"].shares}, load_measured())
    return estimate(replace(tenants["million"], integrations=integrations), world, {}, prices)


def text() -> str:
    """All tables, as docs/cost.md has them."""
    return "\n".join(
        [_targets(), "", _deployments(), "", _months(), "", _checks(), "", _floor(), "", _unit_prices(), ""]
    )


def _targets() -> str:
    large = next(one for one in estimates() if one.tenant.spend_usd == 1_000_000)
    share = [_percent(TARGET_SHARE), _percent(large.share), _verdict(large.share <= TARGET_SHARE), _most(large.parts)]
    rows = [["1 M USD watched, share of the spend", *share]]
    for integrations in (1, 5):
        found = million(integrations)
        name = (
            f"1 million lines beside 1,000 tenants, {integrations} integration{'s' * (integrations > 1)}, USD a month"
        )
        met = _verdict(found.total <= TARGET_MILLION)
        rows.append([name, _shown(TARGET_MILLION), _shown(found.total), met, _most(found.parts)])
    prices, _ = load_prices()
    _, fixed, _ = load_scenarios()
    for name, left_out in (
        ("fixed cost, USD a month", ALERTING),
        ("fixed cost with alert policies (`alert_email`)", ()),
    ):
        paid = {unit: prices[unit].of(quantity) for unit, quantity in fixed.items() if unit not in left_out}
        total = sum(paid.values(), Decimal(0))
        rows.append([name, _shown(TARGET_FIXED), _shown(total), _verdict(total <= TARGET_FIXED), _most(paid)])
    return _table(["target", "at most", "estimated", "met", "most expensive parts"], rows)


def _verdict(met: bool) -> str:
    return "yes" if met else "**no**"


def _most(parts: Mapping[str, Decimal], number: int = 3) -> str:
    first = sorted(parts.items(), key=lambda one: -one[1])[:number]
    return ", ".join(f"{name} {_shown(usd)}" for name, usd in first)


def _deployments() -> str:
    found = [whole(one) for one in load_deployments().values()]
    rows = [[name, *(_shown(one.parts[name]) for one in found)] for name in found[0].parts]
    rows += [
        [FIXED, *(_shown(one.fixed) for one in found)],
        ["**a month, at list price**", *(f"**{_shown(one.total)}**" for one in found)],
        ["a month, less what is free", *(_shown(one.after_free) for one in found)],
        ["per tenant", *(_shown(one.total / one.tenants) for one in found)],
        ["share of the monitored spend", *(_percent(one.share) for one in found)],
    ]
    titles = [
        f"{one.deployment.title}: {', '.join(f'{kind.count} of {kind.title}' for kind in one.deployment.tenants)}"
        for one in found
    ]
    return _table(["USD", *titles], rows)


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
