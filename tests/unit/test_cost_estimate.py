"""The estimate is arithmetic over counts and prices that are written down; the page shows what it says."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from common.focus import storage_schema
from common.ingestion import landing, one_file
from common.retention import planning
from common.running_costs import model as cost_model
from common.running_costs import seconds as cost_time
from common.running_costs import stored as cost_storage
from common.running_costs import world as cost_world
from common.running_costs.model import month
from common.running_costs.prices import Price, load_prices
from common.running_costs.world import (
    GIB,
    MINIMUM_SCAN,
    Tenant,
    World,
    load_deployments,
    load_measured,
    load_scenarios,
    load_world,
)
from common.tenancy.schedules import DEFAULTS
from common.warehouse.daily import ADDED_UP, DAILY_COLUMNS
from deployment import cost_estimate
from deployment.cost_estimate import FIXED, TARGET_MILLION, TARGET_SHARE, estimate, estimates, million, whole

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "cost.md").read_text(encoding="utf-8")
TENANT = Tenant("one", 1, Decimal(1000), Decimal(100_000), 1, 1, 0, 1, 0, 0)


def world(**changed: object) -> World:
    assumed, _, _ = load_scenarios()
    return load_world({**assumed, **changed}, load_measured())


def parts(tenant: Tenant, **changed: object) -> dict[str, cost_world.Quantities]:
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
    a_day = cost_model.clock_checks(tenant, here)["bigquery_scanned_byte"]
    assert a_day == scanned_by_an_evaluation(here, 4)  # once, of 96
    every = cost_model.clock_checks(tenant, world(clock_checks_that_ask_per_day=96))["bigquery_scanned_byte"]
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


def test_what_is_stored() -> None:
    here = world()
    found = parts(TENANT)
    row = here.row_bytes + here.daily_bytes_of(DAILY_COLUMNS)
    assert found["stored in the warehouse"]["bigquery_active_gib_month"] == 100_000 * row / GIB * 3
    raw, focus = (Decimal(here.large[name]) / here.large["lines"] for name in ("source_bytes", "focus_bytes"))
    taken_in, current = Decimal(100_000) * 15, Decimal(100_000) * 13  # 30 times half a month; a whole one of each
    # versions live for three months and can be restored for one more, as can the copy that each landing makes
    stored = taken_in * ((raw + focus) * 4 + raw) + current * (raw + focus)
    assert found["stored in the bucket"]["bucket_gib_month"] == stored / GIB


def test_of_a_day_s_versions_one_is_stored_for_long() -> None:
    once, thrice = (
        parts(replace(TENANT, refreshes_per_day=each))["stored in the bucket"]["bucket_gib_month"] for each in (1, 3)
    )
    never = parts(TENANT, soft_deleted_months=0)["stored in the bucket"]["bucket_gib_month"]
    assert never < once < thrice < 2 * once


def test_lives_and_backups_are_those_of_the_code_and_of_production() -> None:
    assumed, _, _ = load_scenarios()
    variables = (ROOT / "terraform" / "production.tfvars").read_text(encoding="utf-8")
    stated = {name: int(found) for name, found in re.findall(r"^(\w+_days)\s+= (\d+)", variables, re.MULTILINE)}
    assert assumed["backup_days"] == stated["backup_retention_days"]
    assert assumed["soft_deleted_months"] * assumed["days"] == stated["soft_delete_days"]
    assert cost_storage.life_days("versions") == 90 and cost_storage.life_days("runs") == 400
    assert assumed["sync_ticks_per_day"] * DEFAULTS["sync_interval_hours"] == 24
    assert assumed["clock_checks_per_day"] * DEFAULTS["threshold_check_minutes"] == 24 * 60
    assert (cost_model.FEW, cost_model.WINDOW) == (landing.FEW, one_file.WINDOW)


def test_a_backup_of_every_document_is_paid_for_each_day_that_it_is_stored() -> None:
    found = parts(TENANT)["documents and their backups"]
    assert found["firestore_backup_gib_month"] == 14 * found["firestore_gib_month"]
    runs = cost_storage.documents(TENANT, world())["runs"]
    assert runs == 6 * 400 and found["firestore_gib_month"] > runs * 3_000 / GIB


def test_a_clean_up_reads_the_runs_that_go_and_asks_two_questions() -> None:
    found, stored = parts(TENANT)["clean-up"], cost_storage.documents(TENANT, world())
    others = stored["deliveries"] + stored["past_deliveries"] + 3  # the tenant's, and the chunks' of what goes
    assert found["firestore_read"] == 30 * (6 + cost_storage.RUNS_PAGE + others) == 30 * (6 + planning.PAGE + others)
    assert found["bigquery_scanned_byte"] == 30 * 2 * MINIMUM_SCAN
    assert found["request"] == 30


def test_a_sync_that_finds_nothing_is_a_message_and_a_listing() -> None:
    found = parts(replace(TENANT, integrations=2))["syncs that find nothing"]
    assert found["request"] == 30 * (6 + 2 * (6 - 1))
    assert found["bucket_class_a"] == 30 * 2 * 5


def test_many_files_are_read_by_messages_of_their_own() -> None:
    here = world()
    few, many = (cost_model._landing(Decimal(4_000_000), files, here)["request"] for files in (8, 400))
    assert (few, many) == (1, 400 + 13 + 1)


def test_showing_a_delivery_is_paid_while_bigquery_works() -> None:
    swapped = cost_model._swap(Decimal(1_000), TENANT, world())
    cpus, gib = world().sizes["normalize_focus"]
    assert swapped["vcpu_second"] > 90 * cpus and swapped["gib_second"] > 90 * gib


def test_time_is_processor_time_calls_bytes_and_jobs() -> None:
    here = world()
    faster = world(bucket_bytes_per_second=100_000_000, store_seconds_per_call=0, bucket_seconds_per_call=0)
    lines = Decimal(1_000_000)
    raw = Decimal(here.large["source_bytes"]) / here.large["lines"]
    streamed = 2 * lines * raw / 50_000_000
    # 19 reads, 11 writes, a delete; 2 objects written, 2 listed, 3 read, 1 deleted
    calls = 31 * Decimal("0.015") + 8 * Decimal("0.05")
    slower = cost_time.landing(here, lines, 1) - cost_time.landing(faster, lines, 1)
    assert slower == pytest.approx(streamed / 2 + calls, abs=Decimal(10) ** -12)
    assert cost_time.showing(here, Decimal(0), 1) > 90
    assert cost_time.mapping(world(processors_used_by_mapping=1), lines) > cost_time.mapping(here, lines)


def test_a_deployment_costs_what_its_tenants_cost_and_its_fixed_cost_once() -> None:
    forty = load_deployments()["forty"]
    found = whole(forty, cold_share=1, metric_share=1)
    alone = {one.tenant.title: one for one in estimates()}
    tenants = sum((sum(alone[one.title].parts.values(), Decimal(0)) * one.count for one in forty.tenants), Decimal(0))
    assert found.total == pytest.approx(tenants + found.fixed, abs=Decimal(10) ** -12)
    assert found.tenants == 40 and whole(forty).total < found.total  # instances that are warm already


def test_the_page_says_which_targets_are_met() -> None:
    for integrations in (1, 5):
        found = million(integrations)
        met = "yes" if found.total <= TARGET_MILLION else "**no**"
        assert re.search(
            rf"\| 1 million lines .*{integrations} integrations?, .* \| 2.00 \| .* \| {re.escape(met)} \|", PAGE
        )


def test_a_message_is_paid_from_publication_to_its_note() -> None:
    found = parts(replace(TENANT, alerts=4))["alerts and notifications"]
    assert found["pubsub_byte"] == 4 * 2 * 1000 and found["request"] == 4
    assert (found["firestore_read"], found["firestore_delete"]) == (4, 4)
    assert (found["processed_read"], found["processed_write"]) == (4, 4)
    seconds = 4 * (Decimal("1.5") + 2 + 9 * Decimal("0.015"))  # 9 documents
    assert (found["vcpu_second"], found["gib_second"]) == (seconds / 4, seconds / 2)  # a quarter of a vCPU, 512 MiB


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


def test_every_function_s_size_is_that_of_terraform() -> None:
    folders = {path.parent.name for path in (ROOT / "functions").glob("*/main.py")}
    text = (ROOT / "terraform" / "functions.tf").read_text(encoding="utf-8")
    form = r'(\w+) = \{\s+description\s+= "[^"]*"\s+memory\s+= "(\d+)([GM])i"\s+cpu\s+= "([\d.]+)"'
    stated = {
        name: (Decimal(cpu), Decimal(memory) / (1 if unit == "G" else 1024))
        for name, memory, unit, cpu in re.findall(form, text)
    }
    sizes = cost_world.function_sizes()
    assert sizes == stated, "common/running_costs/function_sizes.toml"
    assert set(sizes) == folders
    assert all(cpus > 0 and gib > 0 for cpus, gib in sizes.values())


def test_a_million_dollars_is_watched_for_five_hundred() -> None:
    large = next(one for one in estimates() if one.tenant.title == "tenant watching 1 M USD")
    assert large.tenant.spend_usd == 1_000_000 and large.share <= TARGET_SHARE


def test_nothing_is_paid_while_nothing_happens_but_what_is_named() -> None:
    _, fixed, _ = load_scenarios()
    prices, _ = load_prices()
    idle = replace(TENANT, lines=Decimal(1), refreshes_per_day=0, budgets=0, integrations=1)
    found = estimate(idle, world(clock_checks_per_day=0, clock_checks_that_ask_per_day=0), fixed, prices)
    assert sum(found.parts.values()) < Decimal("0.20")  # its schedule, which looks six times a day, and its clean-up
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
