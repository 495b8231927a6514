"""The estimate is arithmetic over counts and prices that are written down; the page shows what it says."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from common.focus import storage_schema
from common.warehouse.daily import ADDED_UP, DAILY_COLUMNS
from deployment import cost_estimate, cost_model
from deployment.cost_estimate import FIXED, TARGET_SHARE, Price, estimate, estimates, load_prices
from deployment.cost_model import GIB, MINIMUM_SCAN, Tenant, World, load_measured, load_scenarios, load_world, month

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "cost.md").read_text(encoding="utf-8")
TENANT = Tenant("one", 1, Decimal(1000), Decimal(100_000), 1, 1, 0, 1, 0, 0)


def world(**changed: object) -> World:
    assumed, _, _ = load_scenarios()
    return load_world({**assumed, **changed}, load_measured())


def parts(tenant: Tenant, **changed: object) -> dict[str, cost_model.Quantities]:
    return dict(month(tenant, world(**changed)))


def test_the_page_has_the_tables() -> None:
    assert cost_estimate.text() in PAGE, "run python -m deployment.cost_estimate --write"


def test_every_unit_has_a_price_with_its_page_and_day() -> None:
    prices, checked = load_prices()
    _, fixed, tenants = load_scenarios()
    used = {name for tenant in tenants.values() for _, found in month(tenant, world()) for name in found} | set(fixed)
    assert used <= set(prices), used - set(prices)
    for name, price in prices.items():
        assert price.source.startswith("https://cloud.google.com/") and re.fullmatch(
            r"20\d\d-\d\d-\d\d", price.as_of
        ), name
        assert price.usd > 0 and price.per > 0 and price.free >= 0, name
    assert checked or "could not be read again" in PAGE


def test_money_is_exact() -> None:
    for found in estimates():
        assert all(isinstance(one, Decimal) for one in [*found.parts.values(), found.fixed, found.after_free])
    assert Price(Decimal("0.10"), Decimal(3), Decimal(0), "", "").of(Decimal(9)) == Decimal("0.30")


def test_what_is_free_is_taken_off_once_and_never_below_nothing() -> None:
    prices = {name: replace(price, free=Decimal(0)) for name, price in load_prices()[0].items()}
    full = estimate(TENANT, world(), {"scheduler_job": Decimal(1)}, prices)
    assert full.after_free == pytest.approx(full.total, abs=Decimal(10) ** -20)
    free = {name: replace(price, free=Decimal(10) ** 30) for name, price in prices.items()}
    assert estimate(TENANT, world(), {"scheduler_job": Decimal(1)}, free).after_free == 0
    job = prices["scheduler_job"]
    once = {**free, "scheduler_job": replace(job, free=Decimal(1))}
    assert estimate(TENANT, world(), {"scheduler_job": Decimal(1)}, once).after_free == job.usd  # two jobs, one free


def test_a_swap_pays_for_what_its_statements_read() -> None:
    here = world()
    rows = Decimal(100_000) * Decimal("0.5")  # half a month, once
    one = cost_model._swap(rows, TENANT, here)["bigquery_scanned_byte"]
    mine = here.bytes_of(["x_IntegrationId", "x_DeliveryId", "ChargePeriodStart"])
    names = ["ServiceName", "ChargePeriodStart", "BillingCurrency", "BilledCost", "EffectiveCost"]
    compared, both = here.bytes_of(names), here.bytes_of([*names, "x_IntegrationId", "x_DeliveryId"])
    whole = here.bytes_of(storage_schema())
    daily = here.daily_bytes_of(DAILY_COLUMNS)
    statements = rows * (mine + both + compared + mine + whole + whole)
    assert one == statements + rows * (here.bytes_of(ADDED_UP) + daily) + 13 * MINIMUM_SCAN
    neighbours = cost_model._swap(rows, replace(TENANT, integrations=3), here)["bigquery_scanned_byte"]
    assert neighbours - one == rows * 2 * (mine + whole + daily)


def scanned_by_an_evaluation(here: World, budgets: int) -> Decimal:
    """Of a tenant of 10 million lines, by the roll-up: where charges lie, of 13 months; then two questions a budget."""
    common = {
        "ChargePeriodStart",
        "BillingPeriodStart",
        "BillingCurrency",
        "EffectiveCost",
        "SubAccountId",
        "BillingAccountId",
    }
    days = 13 * here.daily_bytes_of({"x_FirstChargePeriodStart", "x_LastChargePeriodStart", "BillingPeriodStart"})
    newest = {"x_Charges", "x_LastChargePeriodStart"}
    by_day = Decimal("2.5") * here.daily_bytes_of(common | newest | {"x_IngestedAt", "x_IntegrationId", "x_Provider"})
    by_service = Decimal("1.5") * here.daily_bytes_of(common | {"ServiceName"})
    slices = MINIMUM_SCAN  # a small table, read beside the charges by day
    return 10_000_000 * (days + budgets * (by_day + by_service)) + budgets * slices


def test_a_check_that_asks_asks_two_questions_a_budget_and_one_for_all() -> None:
    here = world()
    tenant = replace(TENANT, lines=Decimal(10_000_000), budgets=4)
    a_day = cost_model._clock_check(tenant, here)["bigquery_scanned_byte"]
    assert a_day == scanned_by_an_evaluation(here, 4)  # once, of 96
    every = cost_model._clock_check(tenant, world(clock_checks_that_ask_per_day=96))["bigquery_scanned_byte"]
    assert every == 96 * a_day


def test_checks_ask_once_a_day_and_after_deliveries_of_earlier_months() -> None:
    assert cost_model.asking_checks(TENANT, world()) == 1
    assert cost_model.asking_checks(replace(TENANT, integrations=3, closing_deliveries=5), world()) == Decimal("1.5")
    assert cost_model.asking_checks(replace(TENANT, closing_deliveries=9_000), world()) == 96


def test_as_many_checks_ask_as_were_counted_to() -> None:
    here = world()
    asks = {"questions": {"evaluate_budgets": 3}}
    talkative = replace(here, small={**here.small, "budget_check": {**here.small["budget_check"], **asks}})
    assert cost_model.asking_checks(TENANT, talkative) == 96


def test_small_questions_pay_the_least_that_there_is() -> None:
    found = parts(replace(TENANT, lines=Decimal(10), questions_per_day=2))["queries of users"]
    assert found["bigquery_scanned_byte"] == 2 * 30 * MINIMUM_SCAN


def test_what_is_kept() -> None:
    here = world()
    found = parts(TENANT)
    row = here.row_bytes + here.daily_bytes_of(DAILY_COLUMNS)
    assert found["stored in the warehouse"]["bigquery_active_gib_month"] == 100_000 * row / GIB * 3
    raw, focus = (Decimal(here.large[name]) / here.large["lines"] for name in ("source_bytes", "focus_bytes"))
    taken_in = Decimal(100_000) * 15  # 30 times half a month
    assert found["stored in the bucket"]["bucket_gib_month"] == taken_in * (raw * 4 + focus * 12) / GIB


def test_a_message_is_paid_from_publication_to_its_note() -> None:
    found = parts(replace(TENANT, alerts=4))["alerts and notifications"]
    assert found["pubsub_byte"] == 4 * 2 * 1000 and found["request"] == 4
    assert (found["firestore_read"], found["firestore_delete"]) == (4, 4)
    assert (found["processed_read"], found["processed_write"]) == (4, 4)
    assert found["vcpu_second"] == 4 * (Decimal("1.5") + 2)
    assert found["gib_second"] == found["vcpu_second"] / 2  # 512 MiB


def test_more_of_anything_costs_more() -> None:
    prices, _ = load_prices()

    def total(**changed: object) -> Decimal:
        return estimate(replace(TENANT, **changed), world(), {}, prices).total

    for changed in (
        {"lines": Decimal(200_000)},
        {"refreshes_per_day": 2},
        {"budgets": 2},
        {"integrations": 2},
        {"questions_per_day": 9},
    ):
        assert total(**changed) > total(), changed
    assert total(count=50) == pytest.approx(50 * total(), abs=Decimal(10) ** -20)


def test_every_function_s_size_is_read_from_terraform() -> None:
    folders = {path.parent.name for path in (ROOT / "functions").glob("*/main.py")}
    sizes = cost_model.function_sizes()
    assert set(sizes) == folders
    assert all(cpus >= 1 and gib > 0 for cpus, gib in sizes.values())


def test_a_million_dollars_is_watched_for_five_hundred() -> None:
    _, large, _ = estimates()
    assert large.tenant.spend_usd == 1_000_000 and large.share <= TARGET_SHARE


def test_nothing_is_paid_while_nothing_happens_but_what_is_named() -> None:
    _, fixed, _ = load_scenarios()
    prices, _ = load_prices()
    idle = replace(TENANT, lines=Decimal(1), refreshes_per_day=0, budgets=0, integrations=1)
    found = estimate(idle, world(clock_checks_per_day=0, clock_checks_that_ask_per_day=0), fixed, prices)
    assert sum(found.parts.values()) < Decimal("0.11")  # its one schedule, and a line that is kept
    named = {name for name in fixed if name not in ("alert_condition", "alert_series")}
    assert sum(prices[name].of(fixed[name]) for name in named) < 1
    assert FIXED in PAGE and all(f"| {name} |" in PAGE for name in fixed)


@pytest.mark.parametrize("name", list(cost_model.READ_MONTHS))
def test_columns_are_those_that_a_question_names(name: str) -> None:
    found = cost_model._budget_columns(name)
    assert {"ChargePeriodStart", "BillingPeriodStart", "BillingCurrency", "SubAccountId"} <= found
    assert found <= set(DAILY_COLUMNS)
    assert cost_model._budget_columns(cost_model.EVERY_MONTH) == {
        "BillingPeriodStart",
        "x_FirstChargePeriodStart",
        "x_LastChargePeriodStart",
    }
