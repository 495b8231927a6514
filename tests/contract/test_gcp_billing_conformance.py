"""Google Cloud bills: every FOCUS rule kept, every unit of money kept, whatever layout the export comes in."""

from __future__ import annotations

import ast
import csv
import json
import random
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from common.domain.money import add
from common.formats import container
from common.formats import recognition as formats
from common.formats.control import control_totals
from common.validation import validate_relation
from tests.contract.mapped_bills import mapped_as, one

FIXTURES = Path(__file__).parents[1] / "fixtures"
BILLS = sorted((FIXTURES / "bills" / "gcp").iterdir())
CASES = sorted(
    path
    for path in (FIXTURES / "mappings" / "gcp_billing").iterdir()
    if not path.name.endswith((".focus.csv", ".variables"))
)
TEXT = pa.string()
LABELS = pa.list_(pa.struct({"key": TEXT, "value": TEXT}))


mapped = partial(mapped_as, "gcp_billing")


def records(path: Path) -> list[tuple[Decimal, list[Decimal]]]:
    """(cost, credit amounts) of each line, read without any of our code."""
    if path.suffix == ".ndjson":
        lines = [json.loads(line, parse_float=Decimal) for line in path.read_text(encoding="utf-8").splitlines()]
        return [(Decimal(line["cost"]), [Decimal(entry["amount"]) for entry in line["credits"]]) for line in lines]
    with path.open(newline="", encoding="utf-8-sig") as handle:
        return [
            (Decimal(line["cost"]), [Decimal(repr(entry["amount"])) for entry in ast.literal_eval(line["credits"])])
            for line in csv.DictReader(handle)
        ]


@pytest.mark.parametrize("path", BILLS, ids=lambda path: path.name)
def test_all_lines_are_mapped_and_all_money_is_kept(path: Path) -> None:
    lines = records(path)
    with mapped(path) as connection:
        assert one(connection, "select count(*) from mapped where quarantine_reason is not null") == 0
        assert one(connection, "select count(distinct source_row_id) - count(*) from mapped") == 0
        promoted = sum(1 for _, credits in lines if credits)  # the samples have no credits but promotions
        assert one(connection, "select count(*) from mapped") == len(lines) + promoted
        total = sum((cost + sum(credits) for cost, credits in lines), Decimal(0))
        assert one(connection, "select sum(BilledCost) from mapped") == total
        promotions = sum((sum(credits) for _, credits in lines), Decimal(0))
        paid = "select coalesce(sum(BilledCost), 0) from mapped where ChargeCategory = 'Credit'"
        assert one(connection, paid) == promotions


@pytest.mark.parametrize("path", BILLS, ids=lambda path: path.name)
def test_the_control_totals_say_the_same_month_by_month(path: Path) -> None:
    with container.opened(path, path.name) as opened:
        control = control_totals(opened, formats.recognise(opened.names), path.name)
    with mapped(path) as connection:
        found = connection.execute(
            "select strftime(BillingPeriodStart, '%Y-%m'), BillingCurrency, sum(BilledCost) from mapped group by all"
        ).fetchall()
    assert {(month, currency): total for month, currency, total in found} == {
        key: total.amount for key, total in control.totals.items()
    }


@pytest.mark.parametrize("path", [*BILLS, *CASES], ids=lambda path: f"{path.parent.name}/{path.name}")
def test_good_rows_break_no_rule_of_focus(path: Path) -> None:
    with mapped(path) as connection:
        connection.execute(
            "create table good as "
            "select * exclude (source_row_id, quarantine_reason) from mapped where quarantine_reason is null"
        )
        report = validate_relation(connection, "good", path.name)
        assert report.rows > 0
        assert report.errors == ()


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.name)
def test_a_line_is_either_good_or_quarantined_once(path: Path) -> None:
    with mapped(path) as connection:
        twice = """
            select count(*) from (
                select split_part(source_row_id, '#', 1) from mapped group by 1
                having bool_or(quarantine_reason is not null) and count(*) > 1
            )
        """
        assert one(connection, twice) == 0
        lines = one(connection, "select count(distinct split_part(source_row_id, '#', 1)) from mapped")
        assert lines == one(connection, "select count(*) from source")


def test_every_layout_of_the_same_lines_gives_the_same_rows(tmp_path: Path) -> None:
    lines = FIXTURES / "bills" / "gcp" / "detailed_nise_2026-03_usd.ndjson"
    nested = tmp_path / "bill.parquet"
    flat = tmp_path / "bill.csv"
    rows = [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()]
    pq.write_table(_as_bigquery_extracts(rows), nested)
    _write_flat(rows, flat)
    # resource types are made of the same parts; x_Source repeats the layout's own spelling of times
    wanted = "select * exclude (x_Source) from mapped order by source_row_id"
    with mapped(lines) as connection:
        expected = connection.execute(wanted).fetchall()
    for path in (nested, flat):
        with mapped(path) as connection:
            assert connection.execute(wanted).fetchall() == expected


def test_the_promised_view_finds_its_facts() -> None:
    with mapped(FIXTURES / "bills" / "gcp" / "detailed_nise_2026-03_usd.ndjson") as connection:
        facts = [json.loads(text) for (text,) in connection.execute("select x_Source from mapped").fetchall()]
        billed = one(connection, "select sum(BilledCost) from mapped")
    wanted = {"service_id", "sku_description", "invoice_month", "cost", "credits", "export_time", "labels"}
    assert all(wanted <= set(fact) for fact in facts)
    assert all(fact["invoice_month"] in {"202602", "202603"} and isinstance(fact["labels"], list) for fact in facts)
    assert add(Decimal(fact[name]) for fact in facts for name in ("cost", "credits")) == billed


def _as_bigquery_extracts(rows: list[dict[str, Any]]) -> pa.Table:
    def record(*names: str, **others: pa.DataType) -> pa.DataType:
        return pa.struct({**dict.fromkeys(names, TEXT), **others})

    moment, number = pa.timestamp("us", tz="UTC"), pa.float64()
    schema = pa.schema(
        {
            "billing_account_id": TEXT,
            "service": record("id", "description"),
            "sku": record("id", "description"),
            "usage_start_time": moment,
            "usage_end_time": moment,
            "project": record("id", "number", "name", "ancestry_numbers", labels=LABELS),
            "labels": LABELS,
            "system_labels": LABELS,
            "location": record("location", "country", "region", "zone"),
            "tags": pa.list_(record("key", "value", "namespace", inherited=pa.bool_())),
            "transaction_type": TEXT,
            "seller_name": TEXT,
            "export_time": moment,
            "cost": number,
            "currency": TEXT,
            "currency_conversion_rate": number,
            "usage": record("unit", "pricing_unit", amount=number, amount_in_pricing_units=number),
            "credits": pa.list_(record("id", "full_name", "name", "type", amount=number)),
            "invoice": record("month"),
            "cost_type": TEXT,
            "adjustment_info": record("id", "description", "type", "mode"),
            "resource": record("name", "global_name"),
        }
    )
    times = ("usage_start_time", "usage_end_time", "export_time")
    typed = [
        {name: _moment(value) if name in times else value for name, value in row.items() if name in schema.names}
        for row in rows
    ]
    return pa.Table.from_pylist(typed, schema=schema)


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S UTC").replace(tzinfo=UTC)


def _write_flat(rows: list[dict[str, Any]], path: Path) -> None:
    flat = []
    for row in rows:
        cells: dict[str, object] = {}
        for name, value in row.items():
            inner = {f"{name}.{key}": cell for key, cell in value.items()} if isinstance(value, dict) else {name: value}
            cells.update({key: repr(cell) if isinstance(cell, list) else cell for key, cell in inner.items()})
        flat.append(cells)
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, list(dict.fromkeys(name for cells in flat for name in cells)))
        writer.writeheader()
        writer.writerows(flat)


def test_odd_amounts_are_kept_to_the_last_digit(tmp_path: Path) -> None:
    template = json.loads(
        (FIXTURES / "mappings" / "gcp_billing" / "usage.jsonl").read_text(encoding="utf-8").splitlines()[0]
    )
    dice = random.Random(20260301)
    kinds = ["SUSTAINED_USAGE_DISCOUNT", "DISCOUNT", "PROMOTION", "COMMITTED_USAGE_DISCOUNT"]
    total = Decimal(0)
    with (tmp_path / "bill.jsonl").open("w", encoding="utf-8") as handle:
        for _ in range(400):
            cost, amounts = _amount(dice), [_amount(dice) for _ in range(dice.randrange(4))]
            credits = [{"type": dice.choice(kinds), "id": "c", "amount": amount} for amount in amounts]
            quantity = dice.choice([0, 1, -3, 0.25, 1e-07, 123456.789])
            usage = {**template["usage"], "amount_in_pricing_units": quantity}
            price = dice.choice([None, template["price"]])
            handle.write(
                json.dumps({**template, "cost": cost, "credits": credits, "usage": usage, "price": price}) + "\n"
            )
            total = add((total, *(Decimal(str(amount)) for amount in (cost, *amounts))))
    with mapped(tmp_path / "bill.jsonl") as connection:
        assert one(connection, "select count(quarantine_reason) from mapped") == 0
        assert one(connection, "select sum(BilledCost) from mapped") == total
        connection.execute("create table good as select * exclude (source_row_id, quarantine_reason) from mapped")
        assert validate_relation(connection, "good").errors == ()


def test_a_line_that_a_commitment_covers_in_part_adds_up_to_the_last_digit(tmp_path: Path) -> None:
    template = json.loads(
        (FIXTURES / "mappings" / "gcp_billing" / "usage.jsonl").read_text(encoding="utf-8").splitlines()[0]
    )
    dice = random.Random(20260310)
    wanted: dict[str, tuple[Decimal, Decimal, Decimal]] = {}
    with (tmp_path / "bill.jsonl").open("w", encoding="utf-8") as handle:
        for number in range(1, 301):
            sign = dice.choice([1, 1, -1])
            cost = sign * Decimal(dice.randrange(1, 10**9)).scaleb(-dice.randrange(0, 13))
            covered = cost * Decimal(dice.randrange(0, 1100)).scaleb(-3)
            quantity = Decimal(dice.randrange(1, 10**12)).scaleb(-dice.randrange(0, 13))
            consumed = quantity * dice.choice([1, 3600, 2**30 * 3600])
            kind = dice.choice(["COMMITTED_USAGE_DISCOUNT", "COMMITTED_USAGE_DISCOUNT_DOLLAR_BASE"])
            credits = [{"type": kind, "id": kind, "amount": f"{-covered:f}"}]
            if dice.random() < 0.3:
                credits.append({"type": "RESELLER_MARGIN", "id": "m", "amount": f"{-cost * Decimal('0.07'):f}"})
            usage = {**template["usage"], "amount": f"{consumed:f}", "amount_in_pricing_units": f"{quantity:f}"}
            price = dice.choice([None, {**template["price"], "list_price": "0.123456789012345678"}])
            line = {**template, "cost": f"{cost:f}", "credits": credits, "usage": usage, "price": price}
            handle.write(json.dumps(line) + "\n")
            billed = add((cost, *(Decimal(str(entry["amount"])) for entry in credits)))
            wanted[str(number)] = (billed, sign * quantity, sign * consumed)
    with mapped(tmp_path / "bill.jsonl") as connection:
        assert one(connection, "select count(quarantine_reason) from mapped") == 0
        found = connection.execute("""
            select split_part(source_row_id, '#', 1), sum(BilledCost), sum(PricingQuantity), sum(ConsumedQuantity)
            from mapped group by 1
        """).fetchall()
        assert {line: tuple(sums) for line, *sums in found} == wanted
        # the same price, so that the costs add up as well
        assert (
            one(
                connection,
                """
            select max(prices) from (
                select count(distinct (ListUnitPrice, ContractedUnitPrice)) as prices from mapped group by split_part(source_row_id, '#', 1)
            )
            """,
            )
            == 1
        )
        assert one(connection, "select count(*) from mapped where source_row_id like '%#uncovered'") > 200
        assert one(connection, "select count(*) from mapped where PricingQuantity * sign(ConsumedQuantity) < 0") == 0
        facts = [json.loads(text) for (text,) in connection.execute("select x_Source from mapped").fetchall()]
        billed_in_all = one(connection, "select sum(BilledCost) from mapped")
        assert add(Decimal(fact[name]) for fact in facts for name in ("cost", "credits")) == billed_in_all
        connection.execute("create table good as select * exclude (source_row_id, quarantine_reason) from mapped")
        assert validate_relation(connection, "good").errors == ()


def _amount(dice: random.Random) -> float | str:
    """A FLOAT64 of any size, or a NUMERIC of 24 fractional digits as text."""
    if dice.random() < 0.5:
        return dice.uniform(-1, 1) * 10 ** dice.randrange(-6, 7)
    return f"{dice.randrange(-1000, 1000)}.{dice.randrange(10**24):024d}"
