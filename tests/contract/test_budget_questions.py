"""A budget's questions are answered alike by every warehouse, and so are those answered from what is kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from common.charges_mark import mark_changed
from common.domain.budgets import Budget, Scope, as_document
from functions.evaluate_budgets.answers import Answers
from functions.evaluate_budgets.spend import Driver, newest_period, read_charged_days, read_drivers, read_spend
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
    mark_changed(opened.documents, ORG)
    budget = Budget("b", "b", Decimal(100), "USD", "monthly", scope=Scope(services=services))
    opened.documents.set(f"orgs/{ORG}/budgets/b", as_document(budget))
    fresh = Answers("b", opened.documents, opened.warehouse, opened.clock)
    (days,) = read_charged_days(fresh, ORG)
    assert (days.first_charge.date(), days.last_charge.date()) == (date(2025, 12, 5), date(2026, 3, 10))
    period = newest_period(fresh, ORG, budget, NOW)
    assert period == budget.period_of(MARCH)
    spend, drivers = read_spend(fresh, ORG, budget, period, NOW), read_drivers(fresh, ORG, budget, period, 31)
    assert spend.total == Decimal(total)
    assert Driver("Elsewhere", Decimal(2), None) in drivers
    fresh.keep(ORG)
    kept = Answers("b", opened.documents, NeverAsked(), opened.clock)  # type: ignore[arg-type]
    assert newest_period(kept, ORG, budget, NOW) == period
    assert read_spend(kept, ORG, budget, period, NOW) == spend
    assert read_drivers(kept, ORG, budget, period, 31) == drivers


def test_a_scope_without_charges_stands_in_the_period_of_now(opened: Opened) -> None:
    opened.show("d1", charge(BilledCost="10"))
    budget = Budget("b", "b", Decimal(100), "USD", "monthly", scope=Scope(services=("Nowhere",)))
    assert newest_period(opened.warehouse, ORG, budget, NOW).key == "2026-04"
