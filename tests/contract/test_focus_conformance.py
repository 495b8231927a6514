"""Native FOCUS bills lifted to 1.3: every FOCUS rule kept, every unit of money kept, nothing of the file lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from common.formats import container
from common.formats import recognition as formats
from common.formats.control import control_totals
from common.normalization.mapping import mapping_sql
from common.validation import validate_relation
from tests.contract.mapped_bills import lines_of, mapped_as, one

FIXTURES = Path(__file__).parents[1] / "fixtures"
SAMPLE = FIXTURES / "bills" / "focus" / "focus_1_0_sample_a_part.csv"
CASES = sorted(
    path
    for path in (FIXTURES / "mappings" / "focus").iterdir()
    if not path.name.endswith(".focus.csv") and path.suffix in (".csv", ".jsonl", ".parquet")
)


@contextmanager
def mapped(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with the tables `mapped`, all rows that the mapping makes of a file, and `providers`, theirs."""
    with mapped_as("focus", path) as connection:
        sql = mapping_sql("focus")
        connection.execute(f"create table providers as select source_row_id, x_provider_of_row from ({sql})")
        yield connection


def test_billed_and_effective_cost_of_the_sample_are_kept_to_the_last_digit() -> None:
    lines = lines_of(SAMPLE)
    with mapped(SAMPLE) as connection:
        assert one(connection, "select count(*) from mapped where quarantine_reason is not null") == 0
        found = connection.execute("select source_row_id, BilledCost, EffectiveCost from mapped").fetchall()
    assert {int(number): (billed, effective) for number, billed, effective in found} == {
        number: (Decimal(line["BilledCost"]), Decimal(line["EffectiveCost"])) for number, line in enumerate(lines, 1)
    }


@pytest.mark.parametrize("path", [SAMPLE, *CASES], ids=lambda path: path.name)
def test_the_control_totals_say_the_same_as_good_and_quarantined_rows(path: Path) -> None:
    with container.opened(path, path.name) as opened:
        control = control_totals(opened, formats.recognise(opened.names), path.name)
    with mapped(path) as connection:
        good = one(connection, "select coalesce(sum(BilledCost), 0) from mapped where quarantine_reason is null")
        bad = one(connection, "select coalesce(sum(BilledCost), 0) from mapped where quarantine_reason is not null")
        rows = one(connection, "select count(distinct source_row_id) from mapped")
    assert good + bad == sum((total.rounded for total in control.totals.values()), Decimal(0))
    assert rows == control.lines


@pytest.mark.parametrize("path", [SAMPLE, *CASES], ids=lambda path: path.name)
def test_good_rows_break_no_rule_of_focus(path: Path) -> None:
    with mapped(path) as connection:
        connection.execute(
            "create table good as "
            "select * exclude (source_row_id, quarantine_reason) from mapped where quarantine_reason is null"
        )
        report = validate_relation(connection, "good", path.name)
    assert report.rows > 0
    assert report.errors == ()


def test_text_null_is_null_and_a_foreign_column_is_kept() -> None:
    ids = [line["Id"] for line in lines_of(SAMPLE)]
    with mapped(SAMPLE) as connection:
        columns = [row[0] for row in connection.execute("describe mapped").fetchall()]
        for name in columns:
            assert one(connection, f"select count(*) from mapped where cast({name} as varchar) = 'NULL'") == 0
        sources = connection.execute("select x_Source from mapped order by cast(source_row_id as int)").fetchall()
    assert [json.loads(text)["Id"] for (text,) in sources] == ids


def test_every_row_tells_its_provider() -> None:
    wanted = {"AWS": "aws", "Microsoft": "azure", "Oracle": "oci"}
    lines = lines_of(SAMPLE)
    with mapped(SAMPLE) as connection:
        found = connection.execute("select source_row_id, x_provider_of_row from providers").fetchall()
    assert {int(number): provider for number, provider in found} == {
        number: wanted[line["ProviderName"]] for number, line in enumerate(lines, 1)
    }


def test_a_provider_that_no_one_knows_gets_its_name_as_id() -> None:
    with mapped(FIXTURES / "mappings" / "focus" / "unknown_generator.csv") as connection:
        assert one(connection, "select distinct x_provider_of_row from providers") == "snow-flake-inc"


def test_json_notes_are_json() -> None:
    for path in (SAMPLE, *CASES):
        with mapped(path) as connection:
            for name in ("x_Source", "x_CostCategories", "Tags", "SkuPriceDetails", "ContractApplied"):
                for (text,) in connection.execute(f"select {name} from mapped where {name} is not null").fetchall():
                    assert isinstance(json.loads(text), dict)


def test_foreign_columns_are_named_and_own_ones_are_not() -> None:
    names = ["BilledCost", "EffectiveCost", "BillingAccountId", "BillingCurrency", "BillingPeriodStart"]
    names += [
        "ChargeCategory",
        "ChargePeriodStart",
        "ChargePeriodEnd",
        "x_Operation",
        "oci_OverageFlag",
        "Team",
        "x_UsageType",
    ]
    matched = formats.recognise(names)
    assert matched.unknown == ("Team",)
    assert list(matched.bags["x_source"]) == ["x_Operation", "oci_OverageFlag", "Team", "x_UsageType"]
    assert matched.columns["x_UsageType"] == "x_UsageType"


def test_of_json_lines_a_foreign_column_is_kept_however_late_it_shows_up(tmp_path: Path) -> None:
    (line,) = (FIXTURES / "mappings" / "focus" / "google_bigquery.jsonl").read_text("utf-8").splitlines()[:1]
    late = json.dumps(json.loads(line) | {"x_Late": {"a": 1}, "Team": "blue", "SkuMeter": "m"})
    path = tmp_path / "late.jsonl"
    path.write_text("\n".join([line] * 600 + [late]) + "\n", encoding="utf-8")
    with mapped(path) as connection:
        text, meter = connection.execute(
            "select x_Source, SkuMeter from mapped where source_row_id = '601'"
        ).fetchall()[0]
    assert {name: json.loads(text).get(name) for name in ("x_Late", "Team", "SkuMeter")} == {
        "x_Late": {"a": 1},
        "Team": "blue",
        "SkuMeter": None,
    }
    assert meter == "m"


def test_of_parquet_tags_may_be_a_map_a_struct_or_a_list(tmp_path: Path) -> None:
    rows = pq.read_table(FIXTURES / "mappings" / "focus" / "google_parquet.parquet").slice(0, 1).drop_columns(["Tags"])
    kinds: dict[str, tuple[Any, pa.DataType]] = {
        "map": ([("team", "é")], pa.map_(pa.string(), pa.string())),
        "struct": ({"team": "é"}, pa.struct([("team", pa.string())])),
        "text": ('{"team":"é"}', pa.string()),
    }
    for kind, (value, arrow_type) in kinds.items():
        path = tmp_path / f"{kind}.parquet"
        pq.write_table(rows.append_column("Tags", pa.array([value], arrow_type)), path)
        with mapped(path) as connection:
            assert one(connection, "select Tags from mapped") == '{"team":"é"}', kind
