"""Every row rule can fail: one valid row, one change, and the rule is reported for that row and for no valid one."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from common.focus import columns, storage_schema
from common.formats.engine import engine
from common.validation import Report, validate_file, validate_relation
from common.validation.catalogue import Check, Kind, catalogue
from common.validation.file import staged_file
from common.validation.rows import column_types, typed_rows
from common.validation.running import prepare
from tests.unit.validation_cases import BASE, Row, broken, complete

ROW_RULES = [check for check in catalogue() if check.kind is Kind.ROW and check.text != "type String"]
STRING_TYPES = [check for check in catalogue() if check.kind is Kind.ROW and check.text == "type String"]


def write_csv(path: Path, rows: list[Row]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(column.name for column in columns())
        writer.writerows(complete(row) for row in rows)
    return path


@dataclass(frozen=True)
class Outcome:
    """report: of a file with the valid rows, then one changed row per rule.  rows: rule -> the rows that break it."""

    report: Report
    rows: dict[str, list[int]]


def changed_row(check: Check) -> Row:
    name, change = broken(check)
    return BASE[name] | change


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    rows = [*BASE.values(), *(changed_row(check) for check in ROW_RULES)]
    path = write_csv(tmp_path_factory.mktemp("rules") / "changed.csv", rows)
    with staged_file(path, path.name) as (connection, staged):
        found = {
            check.rule_id: [
                row[0]
                for row in connection.execute(
                    f"select {staged.rows.row_number} from {staged.rows.relation} "
                    f"where {staged.rows.sql(check.predicate)} order by 1"
                ).fetchall()
            ]
            for check in ROW_RULES
        }
    return Outcome(validate_file(path), found)


def test_valid_rows_break_nothing(tmp_path: Path) -> None:
    report = validate_file(write_csv(tmp_path / "valid.csv", list(BASE.values())))
    assert report.failures == ()
    assert report.skipped == ()
    assert report.rows == len(BASE)


@pytest.mark.parametrize("check", ROW_RULES, ids=lambda check: check.rule_id)
def test_a_row_rule_can_fail(check: Check, outcome: Outcome) -> None:
    number = len(BASE) + 1 + ROW_RULES.index(check)
    assert number in outcome.rows[check.rule_id], "the changed row does not break the rule"
    assert not [row for row in outcome.rows[check.rule_id] if row <= len(BASE)], "a valid row breaks the rule"
    reported = [failure for failure in outcome.report.failures if failure.rule_id == check.rule_id]
    assert [failure.count for failure in reported] == [len(outcome.rows[check.rule_id])]
    assert reported[0].example.startswith(f"row {outcome.rows[check.rule_id][0]}: ")
    assert (reported[0].keyword, reported[0].column, reported[0].text) == (check.keyword, check.column, check.text)


@pytest.fixture(scope="module")
def typed_connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """The same rows in storage types, as normalize_focus writes them: the view focus_rows."""
    exact = [check for check in ROW_RULES if "exact" in check.forms]
    rows = [*BASE.values(), *(changed_row(check) for check in exact)]
    schema = storage_schema()
    with engine() as connection:
        names = ", ".join(f'"{column.name}" varchar' for column in columns())
        connection.execute(f"create table written ({names})")
        connection.executemany(
            f"insert into written values ({', '.join('?' * len(columns()))})", [complete(r) for r in rows]
        )
        casts = ", ".join(f'try_cast("{c.name}" as {schema[c.name]}) as "{c.name}"' for c in columns())
        connection.execute(f"create view focus_rows as select {casts} from written")
        yield connection


@pytest.fixture(scope="module")
def typed(typed_connection: duckdb.DuckDBPyConnection) -> Report:
    return validate_relation(typed_connection, "focus_rows")


@pytest.mark.parametrize(
    "check",
    [check for check in ROW_RULES if "exact" in check.forms and not check.text.startswith("UTC in the form")],
    ids=lambda check: check.rule_id,
)
def test_a_row_rule_can_fail_on_typed_columns(check: Check, typed: Report) -> None:
    assert check.rule_id in {failure.rule_id for failure in typed.failures}


def test_what_a_rule_is_left_out_for_cannot_break_it(typed_connection: duckdb.DuckDBPyConnection) -> None:
    """A rule is not tried where a column of `filled` is null in all rows, or one of `null` in none."""
    prepare(typed_connection)
    rows = typed_rows("focus_rows", column_types(typed_connection, "focus_rows"))
    exact = [check for check in ROW_RULES if "exact" in check.forms]
    left_out = 0
    for column in columns():
        nulled = (
            f'(select * replace (cast(null as {storage_schema()[column.name]}) as "{column.name}") from focus_rows)'
        )
        for relation, checks in (
            (nulled, [one for one in exact if column.name in one.filled]),
            (f'focus_rows where "{column.name}" is not null', [one for one in exact if column.name in one.null]),
        ):
            counts = ", ".join(f"count_if({rows.sql(one.predicate)})" for one in checks)
            (found,) = typed_connection.execute(f"select {counts or 'count_if(false)'} from {relation}").fetchall()
            assert not any(found), [one.rule_id for one, count in zip(checks, found, strict=False) if count]
            left_out += len(checks)
    assert left_out > 300


def test_a_rule_over_rows_is_left_out_only_for_what_it_looks_at() -> None:
    over_rows = [check for check in catalogue() if check.kind is Kind.DATASET]
    assert all(check.filled and check.filled <= check.needs for check in over_rows)


def test_valid_typed_rows_break_nothing() -> None:
    with engine() as connection:
        schema = storage_schema()
        names = ", ".join(f'"{column.name}" {schema[column.name]}' for column in columns())
        connection.execute(f"create table focus_rows ({names})")
        marks = ", ".join("?" * len(columns()))
        connection.executemany(f"insert into focus_rows values ({marks})", [complete(row) for row in BASE.values()])
        assert validate_relation(connection, "focus_rows").failures == ()


@pytest.mark.parametrize("column", [column.name for column in columns() if column.data_type == "DateTime"])
def test_a_typed_time_with_a_fraction_has_no_form(column: str) -> None:
    row = BASE["usage"] | {column: "2026-05-20T00:00:00.5Z"}
    with engine() as connection:
        schema = storage_schema()
        names = ", ".join(f'"{known.name}" {schema[known.name]}' for known in columns())
        connection.execute(f"create table focus_rows ({names})")
        connection.execute(f"insert into focus_rows values ({', '.join('?' * len(columns()))})", complete(row))
        found = {(f.column, f.text) for f in validate_relation(connection, "focus_rows").failures}
    assert (column, "UTC in the form YYYY-MM-DDTHH:mm:ssZ") in found


@pytest.fixture(scope="module")
def json_report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """JSON lines: the valid rows, then for each text column one row that holds a number in it."""
    rows: list[dict[str, object]] = [*({**row} for row in BASE.values())]
    rows += [{**BASE["usage"], check.column: 5} for check in STRING_TYPES]
    path = tmp_path_factory.mktemp("json") / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return validate_file(path)


@pytest.mark.parametrize("check", STRING_TYPES, ids=lambda check: check.rule_id)
def test_a_number_in_a_text_column_is_mistyped(check: Check, json_report: Report) -> None:
    place = len(BASE) + 1 + STRING_TYPES.index(check)
    found = [(f.count, f.example.split(":")[0]) for f in json_report.failures if f.rule_id == check.rule_id]
    assert found == [(1, f"row {place}")]
