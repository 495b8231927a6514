"""AWS bills as people have them: nothing lost, nothing quarantined, and no MUST rule of FOCUS 1.3 broken."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from common.domain.money import add
from common.formats import container
from common.formats import recognition as formats
from common.formats.engine import engine
from common.formats.source import source_sql
from common.normalization.mapping import adjustments_sql, focus_select, mapping_sql, pairs_sql, prepare
from common.validation import validate_relation

BILLS = Path(__file__).parent.parent / "fixtures" / "bills" / "aws"
SAMPLES = (
    "cur2_nise_2026-01_usd.csv.gz",
    "cur2_nise_2026-01_usd.snappy.parquet",
    "cur_athena_nise_2026-01_usd.snappy.parquet",
    "cur_legacy_commitments_ice_a.csv",
    "cur_legacy_nise_2026-02_eur.csv",
    "cur_legacy_nise_2026-03_usd.csv",
    "cur_legacy_nise_random_2025-11.csv",
    "cur_legacy_real_2023-11_days01-06.csv",
    "cur_legacy_ri_one_row_2017-08.csv",
)
WITHOUT_COSTS = "cur2_mapcells_fivetran_a.csv"
COSTS = {"lineItem/UnblendedCost", "line_item_unblended_cost"}
TYPES = {"lineItem/LineItemType", "line_item_line_item_type"}
MAPPING = focus_select(f"({mapping_sql('aws_cur')})")
PAIRS = pairs_sql("aws_cur")
ADJUSTMENTS = focus_select(f"({adjustments_sql('aws_cur')})")
PAIRED = ("SavingsPlanCoveredUsage", "SavingsPlanNegation")


@contextmanager
def mapped(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with the view `source`, the tables `mapped` (adjustments included) and `pairs` of a file."""
    with container.opened(path, path.name) as opened, engine() as connection:
        matched = formats.recognise(opened.names)
        assert matched.format.name == "aws_cur"
        prepare(connection)
        connection.execute("set variable cost_role = 'whole'; set variable net_costs = false")
        connection.execute(f"create temp view source as {source_sql(opened, matched)}")
        connection.execute(f"create temp table mapped as {MAPPING}")
        connection.execute(f"create temp table pairs as {PAIRS}")
        connection.execute(f"insert into mapped by name {ADJUSTMENTS}")
        yield connection


def lines(path: Path) -> list[tuple[str, Decimal]]:
    """Line item type and cost of every line, read without the code under test."""
    if path.suffix == ".parquet":
        table = pq.read_table(path, columns=["line_item_line_item_type", "line_item_unblended_cost"])
        return [
            (kind, Decimal(repr(cost))) for kind, cost in zip(*(column.to_pylist() for column in table), strict=True)
        ]
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    kind, cost = next(iter(TYPES & rows[0].keys())), next(iter(COSTS & rows[0].keys()))
    return [(row[kind], Decimal(row[cost])) for row in rows]


def total(connection: duckdb.DuckDBPyConnection, where: str = "true") -> Decimal:
    return add(row[0] for row in connection.execute(f"select BilledCost from mapped where {where}").fetchall())


@pytest.mark.parametrize("name", SAMPLES)
def test_no_line_is_quarantined_and_no_cent_is_lost(name: str) -> None:
    source = lines(BILLS / name)
    with mapped(BILLS / name) as connection:
        assert connection.execute("select count(quarantine_reason) from mapped").fetchone() == (0,)
        assert total(connection) == add(cost for _, cost in source)
        made = "ends_with(source_row_id, '#unused') or starts_with(source_row_id, 'pairs@')"
        kept = connection.execute(f"select count(*) from mapped where not ({made})").fetchone()
        assert kept == (sum(kind != "SavingsPlanNegation" for kind, _ in source),)


@pytest.mark.parametrize("name", SAMPLES)
def test_every_row_has_an_id_of_its_own(name: str) -> None:
    with mapped(BILLS / name) as connection:
        rows, ids = connection.execute("select count(*), count(distinct source_row_id) from mapped").fetchone() or ()
        assert rows == ids


@pytest.mark.parametrize("name", SAMPLES)
def test_no_must_rule_is_broken(name: str) -> None:
    with mapped(BILLS / name) as connection:
        connection.execute("create temp table good as select * exclude (source_row_id, quarantine_reason) from mapped")
        report = validate_relation(connection, "good", name)
        assert report.rows > 0
        assert [(failure.rule_id, failure.column, failure.example) for failure in report.errors] == []


@pytest.mark.parametrize("name", SAMPLES)
def test_what_savings_plans_leave_uncancelled_is_an_adjustment(name: str) -> None:
    left = add(cost for kind, cost in lines(BILLS / name) if kind in PAIRED)
    with mapped(BILLS / name) as connection:
        assert total(connection, "starts_with(source_row_id, 'pairs@')") == left


def test_lines_that_cancel_across_chunks_leave_nothing() -> None:
    """The whole generated bill is balanced: its halves are not, and together they are again."""
    with mapped(BILLS / "cur2_nise_2026-01_usd.csv.gz") as connection:
        assert connection.execute("select count(*) from pairs").fetchone() == (0,)
        connection.execute("create temp table lines as select * from source")
        connection.execute("delete from pairs")
        for sign in ("=", "<>"):
            where = f"line_item_line_item_type {sign} 'SavingsPlanNegation'"
            connection.execute(f"create or replace temp view source as select * from lines where {where}")
            (left,) = connection.execute(f"select count(*) from ({PAIRS})").fetchone() or (0,)
            assert left > 0
            connection.execute(f"insert into pairs {PAIRS}")
        assert connection.execute(f"select count(*) from ({ADJUSTMENTS})").fetchone() == (0,)


def test_lines_without_costs_are_quarantined_one_row_each() -> None:
    with mapped(BILLS / WITHOUT_COSTS) as connection:
        found = connection.execute(
            "select count(*), count(quarantine_reason), count(BilledCost) from mapped"
        ).fetchone()
        assert found == (10, 10, 0)


def test_one_service_name_has_one_category() -> None:
    with engine() as connection:
        prepare(connection)
        doubled = connection.execute(
            "select service_name from aws_services group by 1 "
            "having count(distinct (service_category, service_subcategory)) > 1"
        ).fetchall()
        assert doubled == []
        # a name that stands in the bill alone must lead to the same category as its code
        lost = connection.execute(
            "select service_name from aws_services where service_name not in (select service_key from aws_services)"
        ).fetchall()
        assert lost == []
        for table, key in (
            ("aws_services", "service_key"),
            ("aws_regions", "region_id"),
            ("aws_units", "pricing_unit"),
        ):
            assert connection.execute(f"select {key} from {table} group by 1 having count(*) > 1").fetchall() == []
