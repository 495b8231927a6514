"""The questions behind `costwire costs` and `tags`: every warehouse answers them alike."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from common.reporting.arguments import read_dimensions, read_filter
from common.warehouse.cost_report import CostsQuery, Days, Metric, Span, read_costs, read_slices
from tests.contract.backends import chosen
from tests.contract.warehouse_cases import ORG, Opened, charge


@pytest.fixture(params=chosen("WAREHOUSES", "duckdb"))
def opened(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Opened]:
    made = Opened(tmp_path, request.param)
    made.show(
        "d1",
        charge(BilledCost="1", SubAccountName="Shop", Tags='{"team": "a"}', ListCost=None),
        charge(BilledCost="2", ServiceName=None, Tags='{"team": "b", "odd.\\"key": "x"}'),
        charge(BilledCost="4", ServiceName="Storage", SubAccountId="account-2", Tags='{"team": ""}'),
        charge(BilledCost="8.000000000000000000000001", ChargePeriodStart="2026-03-31T23:30:00Z", Tags=None),
        charge(BilledCost="16", BillingCurrency="EUR", ServiceName="Storage"),
    )
    yield made
    made.close()


def costs(opened: Opened, by: str, *conditions: str, **more: Any) -> dict[tuple[Any, ...], Decimal | None]:
    """(currency, keys...) -> cost."""
    query = CostsQuery(read_dimensions(by), filters=tuple(map(read_filter, conditions)), **more)
    return {(one.currency, *one.keys): one.cost for one in read_costs(partial(opened.warehouse.query, ORG), query)}


def total(opened: Opened, *conditions: str) -> Decimal:
    return sum((cost or Decimal(0) for cost in costs(opened, "provider", *conditions).values()), Decimal(0)).normalize()


def test_several_dimensions_group_together_and_names_are_known(opened: Opened) -> None:
    tail = Decimal("8.000000000000000000000001")
    assert costs(opened, "service,sub_account_id,month") == {
        ("USD", "Compute", "account-1", "2026-03"): 1 + tail,
        ("USD", None, "account-1", "2026-03"): Decimal(2),
        ("USD", "Storage", "account-2", "2026-03"): Decimal(4),
        ("EUR", "Storage", "account-1", "2026-03"): Decimal(16),
    }
    query = CostsQuery(read_dimensions("account"))
    found = read_costs(partial(opened.warehouse.query, ORG), query)
    assert {one.names for one in found if one.keys == ("account-1",) and one.currency == "USD"} == {("Shop",)}


def test_days_tags_times_and_numbers_are_dimensions(opened: Opened) -> None:
    assert {keys[1] for keys in costs(opened, "day")} == {"2026-03-10", "2026-03-31"}
    assert {keys[1] for keys in costs(opened, "ChargePeriodStart")} == {"2026-03-10T00:00:00Z", "2026-03-31T23:30:00Z"}
    assert {keys[1:] for keys in costs(opened, 'tag:team,tag:odd."key')} == {
        ("a", None), ("b", "x"), ("", None), (None, None),
    }  # fmt: skip
    assert "16" in {keys[1] for keys in costs(opened, "BilledCost")}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("service=Compute", "9.000000000000000000000001"),
        ("service!=Compute", "22"),  # with the charge that has no service
        ("service in (Compute, Storage)", "29.000000000000000000000001"),
        ("service not in (Compute, Storage)", "2"),
        ("service=", "2"),
        ("service!=", "29.000000000000000000000001"),
        ("service~COMP", "9.000000000000000000000001"),
        ("tag:team=a", "1"),
        ("tag:team!=a", "30.000000000000000000000001"),
        ("tag:team=", "24.000000000000000000000001"),
        ('tag:odd."key=x', "2"),
        ("day=2026-03-31", "8.000000000000000000000001"),
        ("month!=2026-03", "0"),
        ("BillingPeriodStart=2026-03-01", "31.000000000000000000000001"),
        ("billing_currency=EUR", "16"),
        ("service=it's; --", "0"),
    ],
)
def test_a_condition_chooses_charges(opened: Opened, condition: str, expected: str) -> None:
    assert total(opened, condition) == Decimal(expected)


def test_conditions_all_hold(opened: Opened) -> None:
    assert total(opened, "service=Storage", "account=account-2") == 4


def test_an_amount_that_is_not_known_is_counted_and_not_summed(opened: Opened) -> None:
    query = CostsQuery(read_dimensions("service"), Metric.LIST_COST, filters=(read_filter("service=Compute"),))
    (found,) = read_costs(partial(opened.warehouse.query, ORG), query)
    assert (found.cost, found.known, found.charges) == (Decimal("8.000000000000000000000001"), 1, 2)
    query = CostsQuery(read_dimensions("tag:team"), Metric.LIST_COST, filters=(read_filter("tag:team=a"),))
    (found,) = read_costs(partial(opened.warehouse.query, ORG), query)
    assert (found.cost, found.known, found.charges) == (None, 0, 1)


def test_days_before_the_asked_ones_and_days_still_filling_are_summed_apart(opened: Opened) -> None:
    query = CostsQuery(
        read_dimensions("provider"),
        days=Days(date(2026, 3, 20), date(2026, 3, 31)),
        filters=(read_filter("BillingCurrency=USD"),),
        previous=Days(date(2026, 3, 8), date(2026, 3, 10)),
        filling_from=date(2026, 3, 31),
        by_month=True,
    )
    found = read_costs(partial(opened.warehouse.query, ORG), query)
    assert {(one.span, one.cost, one.billing_month) for one in found} == {
        (Span.PREVIOUS, Decimal(7), date(2026, 3, 1)),
        (Span.FILLING, Decimal("8.000000000000000000000001"), date(2026, 3, 1)),
    }


def test_sources_say_when_they_delivered_and_between_which_starts_charges_lie(opened: Opened) -> None:
    (source,) = read_slices(partial(opened.warehouse.query, ORG))
    assert (source.integration_id, source.delivered_at) == ("aws-main", datetime(2026, 4, 1, tzinfo=UTC))
    assert source.first_start == datetime(2026, 3, 10, tzinfo=UTC)
    assert source.last_start == datetime(2026, 3, 31, 23, 30, tzinfo=UTC)
