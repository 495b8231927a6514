"""A budget's questions are answered alike by every warehouse, and so are those answered from what is kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from common.budgets.answers import Answers
from common.budgets.questions import Driver, newest_period, read_charged_days, read_drivers, read_spend
from common.budgets.sources import Filling
from common.domain.budgets import Budget, Scope, as_document
from common.domain.outlook import Source
from common.records.charges_version import note_change
from tests.contract.backends import chosen
from tests.contract.warehouse_cases import ORG, Opened, charge

MARCH = date(2026, 3, 1)
NOW = datetime(2026, 4, 2, tzinfo=UTC)


@pytest.fixture(params=chosen("WAREHOUSES", "duckdb"))
def opened(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Opened]:
    made = Opened(tmp_path, request.param)
    yield made
    made.close()


class NeverAsked:
    """A warehouse that must not be asked."""

    def query(self, *arguments: object) -> list[dict[str, object]]:
        raise AssertionError(f"asked: {arguments}")


@pytest.mark.parametrize(("services", "total"), [((), "12.000000000000000000000001"), (("Elsewhere",), "2")])
def test_spend_and_drivers_come_from_the_days_that_have_charges(
    opened: Opened, services: tuple[str, ...], total: str
) -> None:
    late = {"ChargePeriodStart": "2025-12-05T00:00:00Z", "ChargePeriodEnd": "2025-12-06T00:00:00Z"}
    opened.show(
        "d1",
        charge(BilledCost="10.000000000000000000000001", x_SourceRowId="1"),
        charge(BilledCost="2", x_SourceRowId="2", ServiceName="Elsewhere", **late),
    )
    note_change(opened.documents, ORG)
    budget = Budget("b", "b", Decimal(100), "USD", "monthly", scope=Scope(services=services))
    opened.documents.set(f"orgs/{ORG}/budgets/b", as_document(budget))
    fresh = Answers("b", opened.documents, opened.warehouse, opened.clock)
    (days,) = read_charged_days(fresh, ORG)
    assert (days.first_charge.date(), days.last_charge.date()) == (date(2025, 12, 5), date(2026, 3, 10))
    period = newest_period(fresh, ORG, budget, NOW)
    assert period == budget.period_of(MARCH)
    spend, drivers = read_spend(fresh, ORG, budget, period, NOW), read_drivers(fresh, ORG, budget, period, 31)
    assert spend.total == Decimal(total)
    assert Driver("Elsewhere", Decimal(2), Decimal(2), None) in drivers
    fresh.keep(ORG)
    kept = Answers("b", opened.documents, NeverAsked(), opened.clock)  # type: ignore[arg-type]
    assert newest_period(kept, ORG, budget, NOW) == period
    assert read_spend(kept, ORG, budget, period, NOW) == spend
    assert read_drivers(kept, ORG, budget, period, 31) == drivers


def test_a_scope_without_charges_stands_in_the_period_of_now(opened: Opened) -> None:
    opened.show("d1", charge(BilledCost="10"))
    budget = Budget("b", "b", Decimal(100), "USD", "monthly", scope=Scope(services=("Nowhere",)))
    assert newest_period(opened.warehouse, ORG, budget, NOW).key == "2026-04"


def on(day: int, cost: str, provider: str = "aws", **values: str) -> dict[str, object]:
    """A charge of a day of March."""
    start, end = f"2026-03-{day:02d}T00:00:00Z", f"2026-03-{day + 1:02d}T00:00:00Z"
    return charge(BilledCost=cost, ChargePeriodStart=start, ChargePeriodEnd=end, x_Provider=provider, **values)


def test_each_source_is_whole_through_a_day_that_its_own_delivery_tells(opened: Opened) -> None:
    opened.show("d1", on(10, "1"), on(25, "2"), on(30, "0.5", BillingCurrency="EUR"), day=1)
    opened.show("d3", on(10, "16", "gcp"), on(28, "32", "gcp"), integration="gcp-2", day=2)
    opened.show("d2", on(10, "4", "gcp"), on(28, "8", "gcp"), integration="gcp-main", day=2)
    budget = Budget("b", "b", Decimal(100), "USD", "monthly")
    spend = read_spend(opened.warehouse, ORG, budget, budget.period_of(MARCH), NOW)
    ten, late = date(2026, 3, 10), date(2026, 3, 28)
    assert sorted(spend.sources, key=lambda one: one.complete_through) == [
        Source(date(2026, 4, 2), late, {ten: Decimal(20), late: Decimal(40)}, {ten: Decimal(20), late: Decimal(40)}),
        Source(
            date(2026, 4, 1), date(2026, 3, 29), {ten: Decimal(1), date(2026, 3, 25): Decimal(2)},
            {ten: Decimal(1), date(2026, 3, 25): Decimal(2)},
        ),
    ]  # fmt: skip
    assert spend.filling == (
        Filling("aws", date(2026, 4, 1), date(2026, 3, 30), False),
        Filling("gcp", date(2026, 4, 2), date(2026, 3, 30), False),
    )
    assert [(one.currency, one.spend) for one in spend.not_counted] == [("EUR", Decimal("0.5"))]


def test_a_newer_delivery_moves_the_days_that_are_whole(opened: Opened) -> None:
    budget = Budget("b", "b", Decimal(100), "USD", "monthly")
    for delivery, day, whole in (("d1", 1, 29), ("d2", 3, 30)):
        opened.show(delivery, on(10, "1"), on(30, "1"), day=day)
        (source,) = read_spend(opened.warehouse, ORG, budget, budget.period_of(MARCH), NOW).sources
        assert source.complete_through == date(2026, 3, whole)  # never beyond the last day that has a charge


def test_services_are_compared_over_the_days_that_are_whole(opened: Opened) -> None:
    opened.show("d1", on(10, "1"), on(20, "4"))
    budget = Budget("b", "b", Decimal(100), "USD", "monthly")
    drivers = read_drivers(opened.warehouse, ORG, budget, budget.period_of(MARCH), 15)
    assert drivers == [Driver("Compute", Decimal(5), Decimal(1), None)]
