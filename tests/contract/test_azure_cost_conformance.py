"""Azure bills as people have them: nothing lost, nothing quarantined, and no MUST rule of FOCUS 1.3 broken."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.domain.money import EXACT, add
from common.formats import container
from common.formats import recognition as formats
from common.formats.control import control_totals
from common.formats.engine import engine
from common.formats.recognition import squeeze
from common.formats.source import source_sql
from common.normalization.mapping import focus_select, mapping_sql, prepare
from common.providers.azure.twins import kinds_sql, role_of
from common.validation import validate_relation

BILLS = Path(__file__).parent.parent / "fixtures" / "bills" / "azure"
SAMPLES = {
    "ea_actualcost_a": ("actual_alone", "Cost"),
    "ea_amortizedcost_a": ("amortized_alone", "Cost"),
    "ea_nise_2026-03_usd": ("whole", "CostInBillingCurrency"),
    "ea_nise_random_2025-11": ("whole", "CostInBillingCurrency"),
    "ea_no_rows": ("whole", "Cost"),
    "ea_reservation_one_row_cad": ("actual_alone", "CostInBillingCurrency"),
    "mca_camel_koku_a": ("whole", "costInBillingCurrency"),
    "payg_camel_koku_2019-07": ("whole", "preTaxCost"),
    "payg_german_one_row": ("whole", "PreTaxCost (PreTaxCost)"),
    "payg_one_row": ("whole", "PreTaxCost"),
}
MAPPING = focus_select(f"({mapping_sql('azure_cost')})")
ACTUAL, AMORTIZED = BILLS / "twins" / "part_0_actual.csv", BILLS / "twins" / "part_0_amortized.csv"


@contextmanager
def mapped(path: Path, cost_role: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with the views `source` and the table `mapped` of a file."""
    with container.opened(path, path.name) as opened, engine() as connection:
        matched = formats.recognise(opened.names)
        assert (matched.format.name, matched.unknown) == ("azure_cost", ())
        prepare(connection)
        connection.execute("set variable net_costs = false")
        connection.execute(f"set variable cost_role = '{cost_role}'")
        connection.execute(f"create temp view source as {source_sql(opened, matched)}")
        connection.execute(f"create temp table mapped as {MAPPING}")
        yield connection


def total(connection: duckdb.DuckDBPyConnection, column: str) -> Decimal:
    return add(row[0] for row in connection.execute(f"select {column} from mapped").fetchall())


def lines(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as handle:
        return list(csv.DictReader(handle))


def cost_of(path: Path, column: str) -> Decimal:
    return add(Decimal(line[column]) for line in lines(path))


@pytest.mark.parametrize("name", SAMPLES)
def test_every_line_becomes_a_row_and_no_cent_is_lost(name: str) -> None:
    cost_role, cost_column = SAMPLES[name]
    path = BILLS / f"{name}.csv"
    proven = "EffectiveCost" if cost_role == "amortized_alone" else "BilledCost"
    with mapped(path, cost_role) as connection:
        assert connection.execute("select count(*), count(quarantine_reason) from mapped").fetchone() == (
            len(lines(path)),
            0,
        )
        assert total(connection, proven) == cost_of(path, cost_column)


@pytest.mark.parametrize("name", SAMPLES)
def test_no_must_rule_is_broken_but_that_on_payments_that_nothing_spreads(name: str) -> None:
    """Decision 16: without the amortized view a payment for a commitment counts when it is billed."""
    with mapped(BILLS / f"{name}.csv", SAMPLES[name][0]) as connection:
        connection.execute("create temp table focus as select * exclude (source_row_id, quarantine_reason) from mapped")
        report = validate_relation(connection, "focus")
    unspread = {"CAU-EffectiveCost-C-005-C", "CAU-PricingCurrencyEffectiveCost-C-005-M"}
    assert "x_BlockPricing-PricingUnit" not in {failure.rule_id for failure in report.failures}
    assert {failure.rule_id for failure in report.errors} == (unspread if name == "ea_actualcost_a" else set())


@pytest.mark.parametrize("name", SAMPLES)
def test_the_second_reader_finds_the_same_billing_periods_and_accounts(name: str) -> None:
    path = BILLS / f"{name}.csv"
    with container.opened(path, path.name) as opened:
        control = control_totals(opened, formats.recognise(opened.names), path.name)
    with mapped(path, SAMPLES[name][0]) as connection:
        rows = connection.execute(
            "select strftime(BillingPeriodStart, '%Y-%m'), BillingCurrency, count(*) from mapped group by all"
        ).fetchall()
        accounts = {row[0] for row in connection.execute("select distinct BillingAccountId from mapped").fetchall()}
    assert {(period, currency): found.lines for (period, currency), found in control.totals.items()} == {
        (period, currency): count for period, currency, count in rows
    }
    assert control.accounts == accounts


def test_a_file_of_a_german_portal_gives_the_rows_of_an_english_one() -> None:
    found = []
    for name in ("payg_one_row", "payg_german_one_row"):
        with mapped(BILLS / f"{name}.csv", "whole") as connection:
            found.append(connection.execute("select * from mapped").fetchall())
    assert found[0] == found[1]


@pytest.mark.parametrize("name", SAMPLES)
def test_the_files_tell_which_view_they_are(name: str) -> None:
    with mapped(BILLS / f"{name}.csv", "whole") as connection:
        kinds = connection.execute(kinds_sql()).fetchall()
    assert role_of("export.csv", kinds) == SAMPLES[name][0].removesuffix("_alone")


def test_a_twin_says_nothing_twice_and_together_they_are_the_invoice() -> None:
    with mapped(ACTUAL, "actual") as connection:
        assert role_of(ACTUAL.name, connection.execute(kinds_sql()).fetchall()) == "actual"
        kinds = connection.execute(
            "select distinct ChargeCategory, CommitmentDiscountId is not null from mapped"
        ).fetchall()
        assert kinds == [("Purchase", True)]
        paid, spread = total(connection, "BilledCost"), total(connection, "EffectiveCost")
    with mapped(AMORTIZED, "amortized") as connection:
        assert role_of(AMORTIZED.name, connection.execute(kinds_sql()).fetchall()) == "amortized"
        billed, effective = total(connection, "BilledCost"), total(connection, "EffectiveCost")
    assert paid == Decimal("100.10")  # 40.15 + 72 - 12.05
    assert paid + billed == cost_of(ACTUAL, "CostInBillingCurrency") == Decimal("133.21")
    assert spread + effective == cost_of(AMORTIZED, "CostInBillingCurrency") == Decimal("37.16")


def test_twins_keep_every_must_rule_together() -> None:
    with mapped(ACTUAL, "actual") as connection:
        connection.execute("attach ':memory:' as twins; create table twins.focus as from mapped")
        with container.opened(AMORTIZED, AMORTIZED.name) as opened:
            matched = formats.recognise(opened.names)
            connection.execute(f"create or replace temp view source as {source_sql(opened, matched)}")
            connection.execute("set variable cost_role = 'amortized'")
            connection.execute(f"insert into twins.focus {MAPPING}")
        connection.execute(
            "create temp table focus as select * exclude (source_row_id, quarantine_reason) from twins.focus"
        )
        report = validate_relation(connection, "focus")
    assert (report.rows, report.errors) == (11, ())


@pytest.mark.parametrize("role", ["amortized", "amortized_alone"])
def test_commitments_are_billed_when_paid(role: str) -> None:
    with mapped(AMORTIZED, role) as connection:
        found = connection.execute(
            "select BilledCost from mapped where ChargeCategory = 'Usage' and CommitmentDiscountId is not null"
        ).fetchall()
    assert found == [(Decimal(0),)] * 4


def test_an_actual_export_alone_loses_no_commitment() -> None:
    with mapped(ACTUAL, "actual_alone") as connection:
        unlike = connection.execute("select count(*) from mapped where EffectiveCost <> BilledCost").fetchone()
        assert unlike == (0,)
        assert total(connection, "EffectiveCost") == cost_of(ACTUAL, "CostInBillingCurrency") == Decimal("133.21")


BLOCKS = {"10K": 10_000, "1M": 1_000_000, "100000000": 10**8, "10 GB": 10, "100 GB": 100, "100 GB/Month": 100}
BLOCKS |= {"100 Hours": 100, "10 Hours": 10, "1000000": 10**6}


def half_of_last_digit(text: str) -> Decimal:
    """By how much a written number may be rounded."""
    exponent = Decimal(text).as_tuple().exponent
    return Decimal(5).scaleb(min(int(exponent), 0) - 1)


@pytest.mark.parametrize("name", [name for name in SAMPLES if name != "ea_no_rows"])
def test_pricing_quantity_times_unit_price_is_the_cost_of_every_row(name: str) -> None:
    """Within half of the last digit that the file writes of the quantity, the price and the cost."""
    cost_role, cost_column = SAMPLES[name]
    compared = 0
    with mapped(BILLS / f"{name}.csv", cost_role) as connection:
        found = connection.execute(
            "select PricingQuantity, ContractedUnitPrice, ContractedCost from mapped order by cast(source_row_id as integer)"
        ).fetchall()
    for line, (quantity, price, contracted_cost) in zip(lines(BILLS / f"{name}.csv"), found, strict=True):
        cells = {squeeze(column.rpartition("(")[2]): cell for column, cell in line.items()}
        units = cells.get("quantity") or cells["usagequantity"]
        charged = cells.get("effectiveprice") or cells.get("resourcerate") or ""
        agreed = cells.get("unitprice") or cells.get("resourcerate") or ""
        cost = line[cost_column]
        if not Decimal(charged or 0) or Decimal(charged) != Decimal(agreed):
            continue  # free, or spread from a reservation: the cost is not of this price
        rounding = abs(Decimal(units)) * half_of_last_digit(charged) + Decimal(charged) * half_of_last_digit(units)
        assert abs(EXACT.multiply(quantity, price) - Decimal(cost)) <= rounding + half_of_last_digit(cost)
        assert contracted_cost == EXACT.multiply(quantity, price)
        block = BLOCKS.get(cells.get("unitofmeasure", ""), 1)
        counted = cells.get("unitofmeasure", "")[-1:] in ("K", "M", "0")
        assert quantity * (1 if counted else block) == pytest.approx(Decimal(units), rel=Decimal("1e-5"))
        compared += 1
    assert compared or name == "ea_reservation_one_row_cad"


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(["1 Hour", "100 Hours", "10 Hours", "10K", "1M", "10 GB", "100 GB/Month", "1000000", "1/Month"]),
    st.lists(st.tuples(st.decimals(1, 10**6, places=3), st.decimals("0.01", 100, places=4)), min_size=1, max_size=8),
    st.booleans(),
)
def test_every_product_of_a_bill_that_multiplies_out_is_its_cost(
    tmp_path_factory: pytest.TempPathFactory, measure: str, drawn: list[tuple[Decimal, Decimal]], per_block: bool
) -> None:
    """Whether its prices are per unit of Quantity or per block; a row of cost zero is priced as the others of its meter."""
    path = tmp_path_factory.mktemp("azure") / "bill.csv"
    block = BLOCKS.get(measure, 1) if per_block else 1
    with path.open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["Quantity", "UnitPrice", "EffectivePrice", "CostInBillingCurrency", "UnitOfMeasure", "ChargeType",
                         "BillingCurrency", "Date", "MeterCategory", "ConsumedService", "BillingAccountId", "MeterId"])  # fmt: skip
        for units, price in drawn:
            for cost in (EXACT.multiply(units, price) / block, Decimal(0)):
                writer.writerow([units, price, price, format(cost, "f"), measure, "Usage", "USD", "03/01/2026",
                                 "Storage", "Microsoft.Storage", "1", "m"])  # fmt: skip
    with mapped(path, "whole") as connection:
        rows = connection.execute(
            "select BilledCost, ContractedCost, PricingUnit, ConsumedQuantity from mapped order by cast(source_row_id as integer)"
        ).fetchall()
    for (billed, charged, unit, consumed), (zero, free, *others) in zip(rows[::2], rows[1::2], strict=True):
        assert charged == pytest.approx(billed, rel=Decimal("1e-6"))
        assert (zero, free) == (0, charged)
        assert others == [unit, consumed]


amounts = st.decimals(-(10**9), 10**9, places=15)
quantities = st.decimals(-(10**7), 10**7, places=9)
prices = st.decimals(0, 10**4, places=8)
measures = st.sampled_from(["1 Hour", "100 Hours", "10K", "1M", "1 GB/Month", "7 Widgets", "", "1024 GB", "100000000"])
kinds = st.sampled_from(["Usage", "Purchase", "Refund", "UnusedReservation", "Tax", "Credit", "RoundingAdjustment"])
models = st.sampled_from(["OnDemand", "Spot", "Reservation", "SavingsPlan", "", "Later"])


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(amounts, quantities, prices, prices, measures, kinds, models), min_size=1, max_size=30))
def test_whatever_a_line_holds_its_money_is_kept_and_its_products_match(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[tuple[Decimal, Decimal, Decimal, Decimal, str, str, str]]
) -> None:
    path = tmp_path_factory.mktemp("azure") / "bill.csv"
    header = [
        "CostInBillingCurrency",
        "Quantity",
        "UnitPrice",
        "PayGPrice",
        "UnitOfMeasure",
        "ChargeType",
        "PricingModel",
    ]
    fixed = {
        "BillingCurrency": "USD",
        "Date": "03/01/2026",
        "MeterCategory": "Storage",
        "ConsumedService": "Microsoft.Storage",
    }
    fixed |= {"BillingAccountId": "1", "MeterId": "m", "Frequency": "UsageBased", "benefitId": "b"}
    with path.open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow([*header, *fixed])
        for cost, quantity, *rest in drawn:
            writer.writerow([format(cost, "f"), format(quantity, "f"), *rest, *fixed.values()])
    with mapped(path, "whole") as connection:
        assert total(connection, "BilledCost") == add(row[0] for row in drawn)
        rows = connection.execute(
            "select PricingQuantity, ListUnitPrice, ListCost, ContractedUnitPrice, ContractedCost from mapped "
            "where quarantine_reason is null and PricingQuantity is not null"
        ).fetchall()
        failed = connection.execute("select distinct quarantine_reason from mapped").fetchall()
    for quantity, list_price, list_cost, contracted_price, contracted_cost in rows:
        assert EXACT.multiply(quantity, list_price) == list_cost
        assert EXACT.multiply(quantity, contracted_price) == contracted_cost
    assert {reason for (reason,) in failed} <= {None, "price times quantity has more than 14 integer digits"}
