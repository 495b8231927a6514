"""The promised views: their names, columns and types, and what they say, worked out by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from common.domain.node_split import METHOD_ID
from common.errors import BadConfiguration
from common.warehouse.promised import view_names
from tests.contract.backends import chosen
from tests.contract.warehouse_cases import ORG, Opened, charge

NUMERIC, BIGNUMERIC, QUANTITY = "DECIMAL(38,9)", "DECIMAL(38,24)", "DECIMAL(38,12)"
TEXT, TIME, DAY, JSON, COUNT = "VARCHAR", "TIMESTAMP WITH TIME ZONE", "DATE", "JSON", "BIGINT"

PROMISED = {
    "cost_daily": {
        "date": DAY,
        "provider": TEXT,
        "account_id": TEXT,
        "service": TEXT,
        "region": TEXT,
        "cost_usd": NUMERIC,
        "usage_quantity": NUMERIC,
        "usage_unit": TEXT,
        "tags": JSON,
        "ingested_at": TIME,
    },
    "cost_hourly": {
        "timestamp": TIME,
        "provider": TEXT,
        "account_id": TEXT,
        "service": TEXT,
        "cost_usd": NUMERIC,
        "ingested_at": TIME,
    },
    "cost_summary": {
        "date": DAY,
        "provider": TEXT,
        "total_cost": NUMERIC,
        "service_count": COUNT,
        "account_count": COUNT,
    },
    "cost_by_service": {"provider": TEXT, "service": TEXT, "total_cost": NUMERIC, "avg_daily_cost": NUMERIC},
    "genai_costs": {
        "date": DAY,
        "provider": TEXT,
        "account_id": TEXT,
        "api_key_id": TEXT,
        "model": TEXT,
        "model_family": TEXT,
        "token_kind": TEXT,
        "service_tier": TEXT,
        "batch": TEXT,
        "currency": TEXT,
        "billed_cost": BIGNUMERIC,
        "list_cost": BIGNUMERIC,
        "tokens": QUANTITY,
        "requests": QUANTITY,
        "cost_per_million_tokens": NUMERIC,
        "list_per_million_tokens": NUMERIC,
    },
    "kubernetes_costs": {
        "date": DAY,
        "cluster": TEXT,
        "namespace": TEXT,
        "controller_kind": TEXT,
        "controller": TEXT,
        "allocation_kind": TEXT,
        "cost_kind": TEXT,
        "currency": TEXT,
        "estimated_cost": BIGNUMERIC,
        "known_cost": BIGNUMERIC,
        "used_cost": NUMERIC,
    },
    "kubernetes_clusters": {
        "date": DAY,
        "cluster": TEXT,
        "currency": TEXT,
        "estimated_cost": BIGNUMERIC,
        "idle_cost": BIGNUMERIC,
        "shared_cost": BIGNUMERIC,
        "idle_share": NUMERIC,
        "efficiency": NUMERIC,
    },
    "kubernetes_node_costs": {
        "date": DAY,
        "cluster": TEXT,
        "namespace": TEXT,
        "controller_kind": TEXT,
        "controller": TEXT,
        "allocation_kind": TEXT,
        "provider": TEXT,
        "service": TEXT,
        "currency": TEXT,
        "billed_cost": BIGNUMERIC,
        "effective_cost": BIGNUMERIC,
        "list_cost": BIGNUMERIC,
    },
    "gcp_billing_costs": {
        "cost_id": TEXT,
        "org_slug": TEXT,
        "billing_account_id": TEXT,
        "project_id": TEXT,
        "project_name": TEXT,
        "service_id": TEXT,
        "service_description": TEXT,
        "sku_id": TEXT,
        "sku_description": TEXT,
        "usage_start_time": TIME,
        "usage_end_time": TIME,
        "cost": BIGNUMERIC,
        "currency": TEXT,
        "credits": BIGNUMERIC,
        "usage_amount": QUANTITY,
        "usage_unit": TEXT,
        "labels": JSON,
        "extracted_at": TIME,
        "invoice_month": TEXT,
    },
    "gcp_billing_summary": {
        "summary_id": TEXT,
        "org_slug": TEXT,
        "summary_date": DAY,
        "project_id": TEXT,
        "service_description": TEXT,
        "daily_cost": NUMERIC,
        "daily_credits": NUMERIC,
        "net_cost": NUMERIC,
        "month_to_date": NUMERIC,
        "projected_monthly": NUMERIC,
        "updated_at": TIME,
    },
}

RATES = "month,currency,usd_rate,source\n2026-03,EUR,1.1,made up for this test\n2026-03,JPY,0.006666667,made up\n"


@pytest.fixture(params=chosen("WAREHOUSES", "duckdb"))
def opened(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Opened]:
    made = Opened(tmp_path, request.param)
    yield made
    made.close()


def on(day: str, hours: int = 24, **values: Any) -> dict[str, Any]:
    """A charge that starts on a day, or at a time of one."""
    start = datetime.fromisoformat(day).replace(tzinfo=UTC)
    end = datetime.fromtimestamp(start.timestamp() + hours * 3600, UTC)
    return charge(ChargePeriodStart=start.isoformat(), ChargePeriodEnd=end.isoformat(), **values)


def google(cost: str | None, billed: str, row: str = "1", day: str = "2026-03-10", **values: Any) -> dict[str, Any]:
    """A charge of Google Cloud; cost None: the export does not tell cost and credits apart."""
    source = None if cost is None else f'{{"cost": "{cost}", "service_id": "6F81", "sku_description": "N1 core"}}'
    named = {"SubAccountId": "project-1", "ServiceName": "Compute Engine", "x_Source": source} | values
    return on(day, BilledCost=billed, x_Provider="gcp", x_SourceRowId=row, **named)


def test_there_are_just_the_promised_views() -> None:
    assert view_names() == set(PROMISED)


@pytest.mark.parametrize("view", PROMISED)
def test_a_view_has_the_promised_columns_and_types(opened: Opened, view: str) -> None:
    assert opened.ask(f"select * from {view}") == []
    promised = PROMISED[view]
    if opened.backend == "bigquery":  # it says BIGNUMERIC without digits of a computed column
        promised = {name: "BIGNUMERIC" if kind in (BIGNUMERIC, QUANTITY) else kind for name, kind in promised.items()}
    assert opened.behind.described(opened.warehouse, ORG, view) == list(promised.items())


def test_cost_daily_adds_up_what_is_alike_and_keeps_the_rest_apart(opened: Opened) -> None:
    opened.show(
        "d1",
        on("2026-03-10", BilledCost="1.000000001", ConsumedQuantity="2"),
        on("2026-03-10T23:00:00", BilledCost="2", ConsumedQuantity="0.5", x_IngestedAt="2026-03-31T11:00:00Z"),
        on("2026-03-10", BilledCost="4", Tags='{"team": "a"}'),
        on("2026-03-11", BilledCost="8", ConsumedQuantity=None, ConsumedUnit=None, RegionId=None),
    )
    rows = opened.ask("select * from cost_daily order by date, cost_usd")
    assert [(row["date"].day, row["cost_usd"], row["usage_quantity"], json.loads(row["tags"])) for row in rows] == [
        (10, Decimal("3.000000001"), Decimal("2.5"), {}),
        (10, Decimal(4), Decimal(2), {"team": "a"}),
        (11, Decimal(8), None, {}),
    ]
    assert rows[0]["ingested_at"] == datetime(2026, 3, 31, 11, tzinfo=UTC)


def test_other_currencies_are_converted_by_the_rate_of_their_billing_month(opened: Opened) -> None:
    opened.set_rates(RATES)
    opened.show(
        "d1",
        on(opened.day(-21), BilledCost="10"),
        on(opened.day(-21), BilledCost="100", BillingCurrency="EUR"),
        on(opened.day(-31), BilledCost="300", BillingCurrency="JPY"),
    )
    rows = opened.ask("select date, cost_usd from cost_daily order by date")
    assert [row["cost_usd"] for row in rows] == [Decimal("2.0000001"), Decimal("120")]
    assert opened.ask("select sum(total_cost) as t from cost_summary")[0]["t"] == Decimal("122.0000001")


_NOT_CONVERTED = (
    "gcp_billing_costs",
    "genai_costs",
    "kubernetes_costs",
    "kubernetes_clusters",
    "kubernetes_node_costs",
)


@pytest.mark.parametrize("view", [name for name in PROMISED if name not in _NOT_CONVERTED])
def test_a_missing_rate_is_an_error_that_names_it(opened: Opened, view: str) -> None:
    opened.set_rates(RATES)
    opened.show("d1", google("1", "1", day=opened.day(-21), BillingCurrency="GBP", hours=1))
    with pytest.raises(BadConfiguration, match="no exchange rate from GBP to USD for 2026-03; add a line") as caught:
        opened.ask(f"select * from {view}")
    assert "\n" not in str(caught.value)


def test_a_rate_that_is_added_is_used_at_once(opened: Opened) -> None:
    opened.show("d1", on("2026-03-10", BilledCost="100", BillingCurrency="EUR"))
    with pytest.raises(BadConfiguration):
        opened.ask("select cost_usd from cost_daily")
    opened.set_rates(RATES)
    assert opened.ask("select cost_usd from cost_daily") == [{"cost_usd": Decimal(110)}]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("2026-3,EUR,1.1,ECB", "line 2: month is '2026-3'"),
        ("2026-03,Euro,1.1,ECB", "line 2: currency is 'Euro'"),
        ("2026-03,EUR,0,ECB", "line 2: usd_rate is '0'"),
        ('2026-03,EUR,"1,1",ECB', "line 2: usd_rate is '1,1'"),
        ("2026-03,EUR,1.0000000001,ECB", "at most 9 fractional digits"),
        ("2026-03,EUR,1.1,", "line 2: source is empty"),
        ("2026-03,EUR,1.1,ECB\n2026-03,EUR,1.2,ECB", "line 3: a second rate for EUR in 2026-03"),
    ],
)
def test_a_rate_that_cannot_be_read_names_its_line(opened: Opened, line: str, message: str) -> None:
    opened.set_rates(f"month,currency,usd_rate,source\n{line}\n")
    with pytest.raises(BadConfiguration, match=message):
        opened.ask("select * from cost_daily")


def test_dollars_need_no_rates_and_keep_large_amounts_exact(opened: Opened) -> None:
    opened.show("d1", on("2026-03-10", BilledCost="99999999999999.123456789"))
    assert opened.ask("select cost_usd from cost_daily") == [{"cost_usd": Decimal("99999999999999.123456789")}]


def test_converted_amounts_are_exact_to_nine_digits(opened: Opened) -> None:
    opened.set_rates("month,currency,usd_rate,source\n2026-03,EUR,1.123456789,made up\n")
    opened.show("d1", on("2026-03-10", BilledCost="12345678901.123456789", BillingCurrency="EUR"))
    exact = Decimal("12345678901.123456789") * Decimal("1.123456789")
    assert opened.ask("select cost_usd from cost_daily") == [{"cost_usd": exact.quantize(Decimal("1e-9"))}]


def test_cost_hourly_has_charges_of_an_hour_or_less(opened: Opened) -> None:
    opened.show(
        "d1",
        on("2026-03-10T05:00:00", hours=1, BilledCost="1"),
        charge(ChargePeriodStart="2026-03-10T05:30:00Z", ChargePeriodEnd="2026-03-10T05:31:00Z", BilledCost="2"),
        on("2026-03-10T05:00:00", hours=2, BilledCost="4"),
        on("2026-03-10T06:00:00", hours=1, BilledCost="8", ServiceName="Storage"),
    )
    rows = opened.ask("select * from cost_hourly order by timestamp")
    assert [(row["timestamp"], row["service"], row["cost_usd"]) for row in rows] == [
        (datetime(2026, 3, 10, 5, tzinfo=UTC), "Compute", 3),
        (datetime(2026, 3, 10, 6, tzinfo=UTC), "Storage", 8),
    ]


def test_cost_summary_has_ninety_days_up_to_today(opened: Opened) -> None:
    today = opened.day(0)
    opened.show(
        "d1",
        on(opened.day(-90), BilledCost="1"),
        on(opened.day(-89), BilledCost="2"),
        on(f"{today}T23:00:00", BilledCost="4"),
        on(today, BilledCost="8", ServiceName="Storage", SubAccountId="account-2"),
        on(today, BilledCost="16", ServiceName="Storage", x_Provider="gcp"),
        on(opened.day(1), BilledCost="32"),
    )
    assert [tuple(row.values()) for row in opened.ask("select * from cost_summary")] == [
        (date.fromisoformat(opened.day(-89)), "aws", 2, 1, 1),
        (date.fromisoformat(today), "aws", 12, 2, 2),
        (date.fromisoformat(today), "gcp", 16, 1, 1),
    ]


def test_a_new_day_comes_by_itself(opened: Opened) -> None:
    opened.needs("moved clock")
    opened.show("d1", on("2026-01-01"), on("2026-03-31"), on("2026-04-01"))
    opened.clock.moment = datetime(2026, 4, 1, 0, tzinfo=UTC)
    assert {row["date"] for row in opened.ask("select date from cost_summary")} == {date(2026, 3, 31), date(2026, 4, 1)}


def test_cost_by_service_has_thirty_days_dearest_first(opened: Opened) -> None:
    opened.show(
        "d1",
        on(opened.day(-30), BilledCost="1000"),
        on(opened.day(-29), BilledCost="10"),
        on(opened.day(0), BilledCost="10"),
        on(opened.day(0), BilledCost="99999999999999.000000001", ServiceName="Big"),
        on(opened.day(0), BilledCost="-1", ServiceName="Refund"),
    )
    assert [tuple(row.values()) for row in opened.ask("select * from cost_by_service")] == [
        ("aws", "Big", Decimal("99999999999999.000000001"), Decimal("3333333333333.300000000")),
        ("aws", "Compute", Decimal(20), Decimal("0.666666667")),
        ("aws", "Refund", Decimal(-1), Decimal("-0.033333333")),
    ]


def test_gcp_billing_costs_tells_cost_and_credits_apart(opened: Opened) -> None:
    opened.show(
        "d1",
        google("10.000000000000000000000001", "7", BillingCurrency="EUR"),
        google("10.000000000000000000000001", "-2", row="1#promotion", BillingCurrency="EUR"),
        google(None, "5", row="2", SubAccountId="project-2", Tags='{"env": "prod"}'),
        google("6", "5.5", row="3#uncovered"),
        charge(BilledCost="99"),
    )
    rows = opened.ask("select * from gcp_billing_costs order by cost_id")
    assert [(row["cost_id"], row["cost"], row["credits"], row["currency"]) for row in rows] == [
        ("d1/1", Decimal("10.000000000000000000000001"), Decimal("-3.000000000000000000000001"), "EUR"),
        ("d1/1#promotion", Decimal(0), Decimal(-2), "EUR"),
        ("d1/2", Decimal(5), Decimal(0), "USD"),
        ("d1/3#uncovered", Decimal(6), Decimal("-0.5"), "USD"),
    ]
    assert (rows[0]["service_id"], rows[0]["sku_description"], rows[0]["invoice_month"]) == (
        "6F81",
        "N1 core",
        "202603",
    )
    assert json.loads(rows[2]["labels"]) == {"env": "prod"}
    assert rows[2]["extracted_at"] == datetime(2026, 3, 31, 10, tzinfo=UTC)


def test_gcp_billing_summary_sums_the_month_and_projects_it(opened: Opened) -> None:
    opened.show(
        "d1",
        google("10", "7"),
        google("10", "-2", row="1#promotion"),
        google("4", "4", row="2", day="2026-03-07"),
        google("1", "1", row="3", day="2026-02-28"),
        google("6", "6", row="4", SubAccountId="project-2"),
    )
    rows = opened.ask("select * from gcp_billing_summary order by project_id, summary_date")
    shown = ("summary_date", "daily_cost", "daily_credits", "net_cost", "month_to_date", "projected_monthly")
    assert [tuple(row[name] for name in shown) for row in rows] == [
        (date(2026, 2, 28), 1, 0, 1, 1, 1),
        (date(2026, 3, 7), 4, 0, 4, 4, Decimal("17.714285714")),
        (date(2026, 3, 10), 10, -5, 5, 9, Decimal("27.9")),
        (date(2026, 3, 10), 6, 0, 6, 6, Decimal("18.6")),
    ]
    assert rows[0]["summary_id"] == "2026-02-28/project-1/Compute Engine"
    assert len({row["summary_id"] for row in rows}) == 4


def test_gcp_billing_summary_converts(opened: Opened) -> None:
    opened.set_rates(RATES)
    opened.show("d1", google("10", "7", BillingCurrency="EUR"), google("1", "1", row="2"))
    row = opened.ask("select * from gcp_billing_summary")[0]
    assert (row["daily_cost"], row["daily_credits"], row["net_cost"]) == (12, Decimal("-3.3"), Decimal("8.7"))


def test_kubernetes_views_show_idle_and_used_parts_of_estimates(opened: Opened) -> None:
    def part(cost: str, kind: str = "workload", **values: Any) -> dict[str, Any]:
        named = {"x_Cluster": "c1", "x_AllocationKind": kind, "x_CostKind": "cpu", "x_EstimatedCost": cost} | values
        return charge(BilledCost="0", **named)

    opened.show(
        "d1",
        part("3", x_Namespace="shop", x_Efficiency="0.25"),
        part("1", x_Namespace="shop", x_Efficiency="0.75"),
        part("2", x_Namespace="shop", x_CostKind="shared"),
        part("-1", "idle"),
        charge(BilledCost="5"),
    )
    (cluster,) = opened.ask("select * from kubernetes_clusters")
    named = ("estimated_cost", "idle_cost", "shared_cost", "idle_share", "efficiency")
    assert [cluster[name] for name in named] == [Decimal(5), Decimal(-1), Decimal(2), Decimal("-0.2"), Decimal("0.375")]
    rows = opened.ask(
        "select allocation_kind, cost_kind, estimated_cost, known_cost, used_cost from kubernetes_costs order by 3"
    )
    assert [tuple(row.values()) for row in rows] == [
        ("idle", "cpu", Decimal(-1), None, None),
        ("workload", "shared", Decimal(2), None, None),
        ("workload", "cpu", Decimal(4), Decimal(4), Decimal("1.5")),
    ]


def test_kubernetes_node_costs_are_those_that_are_split(opened: Opened) -> None:
    share = {"AllocatedMethodId": METHOD_ID, "x_Cluster": "c1"}
    opened.show(
        "d1",
        charge(BilledCost="0.3", x_Namespace="shop", x_AllocationKind="workload", **share),
        charge(BilledCost="0.4", x_Namespace="shop", x_AllocationKind="workload", **share),
        charge(BilledCost="0.1", x_AllocationKind="idle", **share),
        charge(BilledCost="5"),
        charge(BilledCost="0", x_Cluster="c1", x_Namespace="shop", x_AllocationKind="workload", x_EstimatedCost="9"),
    )
    rows = opened.ask("select namespace, allocation_kind, billed_cost from kubernetes_node_costs order by billed_cost")
    assert [tuple(row.values()) for row in rows] == [
        (None, "idle", Decimal("0.1")),
        ("shop", "workload", Decimal("0.7")),
    ]


def test_genai_costs_compares_what_tokens_cost_with_the_list(opened: Opened) -> None:
    known = {"x_Model": "m-1", "x_ModelFamily": "m", "x_TokenKind": "input", "x_Tokens": "1000000"}
    listed = {**known, "x_ListUnitPrice": "0.5", "ListCost": "0.5"}
    opened.show(
        "d1",
        charge(BilledCost="0.3", x_Requests="4", **listed),
        charge(BilledCost="0.3", **listed),
        charge(BilledCost="9", x_Batch="true", **known),
        charge(BilledCost="5"),
    )
    found = opened.ask(
        "select batch, billed_cost, list_cost, tokens, requests, cost_per_million_tokens, list_per_million_tokens "
        "from genai_costs order by billed_cost"
    )
    assert [tuple(row.values()) for row in found] == [
        (None, Decimal("0.6"), Decimal(1), Decimal(2_000_000), Decimal(4), Decimal("0.3"), Decimal("0.5")),
        ("true", Decimal(9), None, Decimal(1_000_000), None, Decimal(9), None),
    ]
