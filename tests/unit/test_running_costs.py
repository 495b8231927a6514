"""A day of an organization takes what docs/cost.md estimates for such a tenant."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal

import pytest

from common.running_costs.bill import kinds
from common.running_costs.day import Counted, Delivered, units_of
from common.running_costs.model import month
from common.running_costs.prices import load_prices
from common.running_costs.world import Tenant, World, load_deployments, load_measured, load_scenarios, load_world

DAY = date(2026, 9, 10)  # of a month of 30 days, as the model has them
LINES = 1_000_000
COUNTED = Counted(
    deliveries=(Delivered(LINES, 1),), runs=6, landed=1, integrations=1, budgets=3, stored_bytes=10 << 30,
    active=3 * LINES, long_term=10 * LINES, months=13,
)  # fmt: skip


def world(**changed: object) -> World:
    assumed, _, _ = load_scenarios()
    return load_world({**assumed, **load_deployments()["thousand"].shares, **changed}, load_measured())


def estimated() -> dict[str, Decimal]:
    """A thirtieth of the month of such a tenant, of what is not its storage in the bucket: that is counted, not estimated."""
    tenant = Tenant("", 1, Decimal(0), Decimal(LINES), 1, 1, 0, 3, 0, 0)
    found: dict[str, Decimal] = defaultdict(Decimal)
    for name, quantities in month(tenant, world(month_to_date=1)):
        for unit, quantity in quantities.items() if name != "stored in the bucket" else ():
            found[unit] += quantity / 30
    return found


def test_a_day_of_a_tenant_of_the_scenarios_takes_a_thirtieth_of_its_month() -> None:
    found = units_of(COUNTED, DAY, organizations=1_000)
    assert found.pop("bucket_gib_month") == (Decimal(10) / 30).quantize(Decimal("1e-12"))
    expected = estimated()
    assert set(found) == set(expected)
    for unit, quantity in found.items():
        assert quantity == pytest.approx(expected[unit], rel=Decimal("1e-6"), abs=Decimal("1e-9")), unit


def test_what_happens_more_takes_more() -> None:
    def cost(**more: object) -> Decimal:
        prices, _ = load_prices()
        units = units_of(Counted(**{**vars(COUNTED), **more}), DAY, 1_000)  # type: ignore[arg-type]
        return sum((prices[name].of(quantity) for name, quantity in units.items()), Decimal(0))

    for more in (
        {"deliveries": (Delivered(LINES, 2),)},
        {"deliveries": (Delivered(2 * LINES, 1),)},
        {"deliveries": COUNTED.deliveries * 2},
        {"of_earlier_months": 1},
        {"runs": 12},
        {"budgets": 4},
        {"notifications": 1},
        {"scanned_bytes": 1 << 30},
        {"stored_bytes": 11 << 30},
        {"active": 4 * LINES},
    ):
        assert cost(**more) > cost(), more
    assert cost(deliveries=(Delivered(LINES, 1, proved=False),)) < cost()


def test_money_and_quantities_are_decimals_and_every_unit_has_a_kind() -> None:
    found = units_of(COUNTED, DAY, 1)
    assert all(isinstance(one, Decimal) and one > 0 for one in found.values())
    assert set(found) <= {unit for kind in kinds() for unit in kind.units}
    assert units_of(COUNTED, DAY, 1) != units_of(COUNTED, DAY, 1_000)  # cold starts are rarer among many
