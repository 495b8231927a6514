"""Every mapping against fixtures: source rows in, FOCUS rows out.

A case is `tests/fixtures/mappings/<format>/<case>.<csv|jsonl|parquet>` with `<case>.focus.csv` beside it: the expected rows, in
any order, with `source_row_id` and just those columns that the case is about; an empty cell means null.  Lines `name = value`
(SQL literals) in `<case>.variables` set variables of the mapping.  Expected values were worked out by hand from the providers'
documents.
"""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

import pytest

from common.focus import GENAI_COLUMNS, KUBERNETES_COLUMNS, columns
from common.formats import container
from common.formats import recognition as formats
from common.formats.engine import engine
from common.formats.source import source_sql, usage_sql
from common.normalization.mapping import focus_select, mapping_sql, own_columns, prepare

CASES = Path(__file__).parent.parent / "fixtures" / "mappings"
DECIMALS = {column.name for column in columns() if column.data_type == "Decimal"}
DECIMALS |= {name for name, kind in (GENAI_COLUMNS | KUBERNETES_COLUMNS).items() if kind.startswith("DECIMAL")}
TIMES = {column.name for column in columns() if column.data_type == "DateTime"}


def cases() -> list[Path]:
    return sorted(path for path in CASES.glob("*/*.focus.csv"))


def source_of(expected: Path) -> Path:
    stem = expected.name.removesuffix(".focus.csv")
    return next(
        path
        for path in sorted(expected.parent.glob(f"{stem}.*"))
        if not path.name.endswith((".focus.csv", ".variables"))
    )


def variables(expected: Path) -> dict[str, str]:
    path = expected.parent / (expected.name.removesuffix(".focus.csv") + ".variables")
    lines = path.read_text().splitlines() if path.exists() else []
    pairs = (line.split("=", 1) for line in lines if "=" in line)
    return {name.strip(): value.strip() for name, value in pairs}


def map_file(path: Path, settings: dict[str, str]) -> tuple[str, list[dict[str, object]]]:
    with container.opened(path, path.name) as opened, engine() as connection:
        matched = formats.recognise(opened.names)
        prepare(connection)
        connection.execute("set variable cost_role = 'whole'; set variable net_costs = false")
        for name, value in settings.items():
            connection.execute(f"set variable {name} = {value}")
        connection.execute(f"create temp view source as {source_sql(opened, matched)}")
        if usage := usage_sql(opened, matched):
            connection.execute(f"create temp table usage as {usage}")
        mapping = mapping_sql(matched.format.name)
        result = connection.execute(focus_select(f"({mapping})", own=own_columns(matched.format)))
        names = [entry[0] for entry in result.description]
        return matched.format.name, [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def as_expected(name: str, text: str) -> object:
    if text == "":
        return None
    return Decimal(text) if name in DECIMALS else text


def as_found(name: str, value: object) -> object:
    if name in TIMES and value is not None:
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")  # type: ignore[attr-defined]
    return value


@pytest.mark.parametrize(
    "expected", cases(), ids=lambda path: f"{path.parent.name}/{path.name.removesuffix('.focus.csv')}"
)
def test_source_rows_become_the_expected_focus_rows(expected: Path) -> None:
    format_name, rows = map_file(source_of(expected), variables(expected))
    assert format_name == expected.parent.name
    with expected.open(newline="", encoding="utf-8") as handle:
        wanted = list(csv.DictReader(handle))
    assert wanted, "a case without expected rows proves nothing"
    names = list(wanted[0])
    found = {row["source_row_id"]: {name: as_found(name, row[name]) for name in names} for row in rows}
    want = {row["source_row_id"]: {name: as_expected(name, row[name]) for name in names} for row in wanted}
    assert len(found) == len(rows), "source_row_id is not unique"
    assert found == want
