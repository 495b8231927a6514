"""The same FOCUS rows are judged alike in whatever file they come; what one format alone can get wrong is found."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
import typer
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from common.errors import BadBill
from common.focus import columns, storage_schema
from common.validation import Report, validate_file
from common.validation.exact import product_differs
from costwire.validate import validate
from tests.unit.validation_cases import BASE, USAGE, Row, complete

NAMES = [column.name for column in columns()]


def csv_bytes(rows: list[Row], names: list[str] = NAMES) -> bytes:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    writer.writerow(names)
    writer.writerows([row.get(name) for name in names] for row in rows)
    return stream.getvalue().encode()


def write_csv(path: Path, rows: list[Row]) -> None:
    path.write_bytes(csv_bytes(rows))


def write_gzip(path: Path, rows: list[Row]) -> None:
    path.write_bytes(gzip.compress(csv_bytes(rows)))


def write_zstd(path: Path, rows: list[Row]) -> None:
    path.write_bytes(zstandard.ZstdCompressor().compress(csv_bytes(rows)))


def write_zip(path: Path, rows: list[Row]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("bill.csv", csv_bytes(rows))


def write_json(path: Path, rows: list[Row]) -> None:
    path.write_text(
        "".join(json.dumps({name: row.get(name) for name in NAMES}) + "\n" for row in rows), encoding="utf-8"
    )


def write_parquet(path: Path, rows: list[Row]) -> None:
    write_typed(path, rows, storage_schema())


def write_typed(path: Path, rows: list[Row], types: dict[str, str]) -> None:
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"create table written ({', '.join(f'{name} varchar' for name in NAMES)})")
        marks = ", ".join("?" * len(NAMES))
        for row in rows:
            connection.execute(f"insert into written values ({marks})", complete(row))
        casts = ", ".join(f"cast({name} as {types[name]}) as {name}" for name in NAMES)
        connection.execute(f"copy (select {casts} from written) to '{path}' (format parquet)")


WRITERS: dict[str, Callable[[Path, list[Row]], None]] = {
    "csv": write_csv,
    "csv.gz": write_gzip,
    "csv.zst": write_zstd,
    "zip": write_zip,
    "jsonl": write_json,
    "parquet": write_parquet,
}


@pytest.mark.parametrize("kind", WRITERS)
def test_a_valid_file_is_valid(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"bill.{kind}"
    WRITERS[kind](path, list(BASE.values()))
    report = validate_file(path)
    assert (report.valid, report.failures, report.rows) == (True, (), len(BASE))


@pytest.mark.parametrize("kind", WRITERS)
def test_one_wrong_value_among_right_ones_fails(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"bill.{kind}"
    WRITERS[kind](path, [USAGE, USAGE | {"ChargeFrequency": "Usage-based"}, USAGE])
    report = validate_file(path)
    found = [(failure.rule_id, failure.count, failure.example) for failure in report.failures]
    assert found == [("CAU-ChargeFrequency-C-003-M", 1, "row 2: ChargeFrequency=Usage-based")]
    assert not report.valid


@pytest.mark.parametrize("kind", WRITERS)
def test_a_file_without_rows_is_judged_by_its_columns(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"bill.{kind}"
    WRITERS[kind](path, [])
    if kind == "jsonl":
        with pytest.raises(BadBill):
            validate_file(path)
    else:
        assert validate_file(path).failures == ()


def rules(report: Report) -> set[str]:
    return {failure.rule_id for failure in report.failures}


def test_an_empty_csv_field_is_null_quoted_or_not(tmp_path: Path) -> None:
    path = tmp_path / "bill.csv"
    quoted = io.StringIO(newline="")
    writer = csv.writer(quoted, quoting=csv.QUOTE_ALL)
    writer.writerow(NAMES)
    writer.writerow(complete(USAGE))
    path.write_text(quoted.getvalue(), encoding="utf-8")
    assert validate_file(path).failures == ()


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_an_empty_text_is_no_null_where_nulls_exist(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"bill.{kind}"
    WRITERS[kind](path, [USAGE | {"AvailabilityZone": ""}])
    assert rules(validate_file(path)) == {"x_NullHandling-AvailabilityZone"}


def test_a_placeholder_is_one_failure_and_not_a_number_gone_wrong(tmp_path: Path) -> None:
    path = tmp_path / "bill.csv"
    write_csv(path, [BASE["tax"] | {"ListUnitPrice": "N/A"}])
    assert rules(validate_file(path)) == {"x_NullHandling-ListUnitPrice"}


def test_parquet_floats_are_decimals_but_not_all_are_finite(tmp_path: Path) -> None:
    path = tmp_path / "bill.parquet"
    floats = storage_schema() | {column.name: "DOUBLE" for column in columns() if column.data_type == "Decimal"}
    write_typed(path, [USAGE], floats)
    assert validate_file(path).failures == ()
    write_typed(path, [USAGE | {"EffectiveCost": "NaN"}], floats)
    assert rules(validate_file(path)) == {"CAU-EffectiveCost-C-004-M"}


@pytest.mark.parametrize(
    ("column", "data_type", "rule_id"),
    [
        ("BilledCost", "VARCHAR", "CAU-BilledCost-C-001-M"),
        ("BillingPeriodStart", "DATE", "CAU-BillingPeriodStart-C-001-M"),
        ("BillingAccountId", "BLOB", "CAU-BillingAccountId-C-002-M"),
    ],
)
def test_a_parquet_column_of_another_type_is_reported(
    column: str, data_type: str, rule_id: str, tmp_path: Path
) -> None:
    path = tmp_path / "bill.parquet"
    write_typed(path, [USAGE], storage_schema() | {column: data_type})
    found = {failure.rule_id: failure.example for failure in validate_file(path).failures}
    assert found == {rule_id: f"column {column} is {data_type}"}


def test_parquet_maps_are_json_objects(tmp_path: Path) -> None:
    path = tmp_path / "bill.parquet"
    row = USAGE | {"Tags": "{team=shop, critical=true}"}
    write_typed(path, [row], storage_schema() | {"Tags": "MAP(VARCHAR, VARCHAR)"})
    assert validate_file(path).failures == ()


def test_json_lines_may_hold_numbers_and_objects(tmp_path: Path) -> None:
    path = tmp_path / "bill.jsonl"
    row: dict[str, object] = {**USAGE, "BilledCost": 1.25, "Tags": {"team": "shop"}}
    path.write_text(json.dumps({name: row.get(name) for name in NAMES}) + "\n", encoding="utf-8")
    assert validate_file(path).failures == ()


def test_a_json_column_that_comes_late_is_there(tmp_path: Path) -> None:
    path = tmp_path / "bill.jsonl"
    first = {name: value for name, value in BASE["tax"].items() if name in NAMES and name != "HostProviderName"}
    first |= {name: None for name in NAMES if name not in first and name != "HostProviderName"}
    last = {name: USAGE.get(name) for name in NAMES}
    lines = [json.dumps(first)] * 600 + [json.dumps(last)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert validate_file(path).failures == ()


@pytest.mark.parametrize("line", [b"caf\xe9" + b"," * (len(NAMES) - 1), b"a,b"])
def test_a_line_that_is_no_row_is_reported(line: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bill.csv"
    path.write_bytes(csv_bytes([USAGE]) + line + b"\r\n")
    report = validate_file(path)
    assert [(failure.rule_id, failure.count) for failure in report.failures] == [("x_Rows-1", 1)]
    assert report.rows == 1


def test_a_broken_json_line_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "bill.jsonl"
    line = json.dumps({name: USAGE.get(name) for name in NAMES})
    path.write_text(f"{line}\n{line[:-5]}\n{line}\n", encoding="utf-8")
    report = validate_file(path)
    assert [(failure.rule_id, failure.count) for failure in report.failures] == [("x_Rows-1", 1)]
    assert report.rows == 2


@pytest.mark.parametrize(
    ("cost", "valid"),
    [
        ("1.5", True),
        ("1.5000000004", True),
        ("1.5000000005", False),
        ("1.499999999500000001", True),
        ("1.4999999995", False),
    ],
)
def test_half_a_unit_of_the_ninth_decimal_is_the_limit_of_rounding(cost: str, valid: bool, tmp_path: Path) -> None:
    path = tmp_path / "bill.csv"
    write_csv(path, [USAGE | {"ListCost": cost}])
    assert validate_file(path).valid is valid


@pytest.mark.parametrize(
    ("price", "quantity", "cost", "valid"),
    [
        ("0.000000000000000000123456", "1234567890123456789", "0.152414813427830505867704", True),
        ("0.3333333333333333", "0.1234567890123", "0.0411522630041", True),
        ("0.3333333333333333", "0.1234567890123", "0.0411522640041", False),
        ("1E-7", "3000000", "0.3", True),
        ("99999999999999", "99999999999999", "9999999999999800000000000001", True),
        ("99999999999999", "99999999999999", "9999999999999800000000000002", False),
    ],
)
def test_products_beyond_a_decimal_are_compared_exactly(
    price: str, quantity: str, cost: str, valid: bool, tmp_path: Path
) -> None:
    path = tmp_path / "bill.csv"
    write_csv(
        path,
        [
            USAGE
            | {
                "ListUnitPrice": price,
                "PricingQuantity": quantity,
                "ListCost": cost,
                "ContractedUnitPrice": price,
                "ContractedCost": cost,
            }
        ],
    )
    assert validate_file(path).valid is valid


@given(
    price=st.decimals(0, 10**6, places=12), quantity=st.decimals(-(10**6), 10**6, places=9), off=st.integers(-20, 20)
)
def test_a_product_differs_from_half_a_billionth_on(price: Decimal, quantity: Decimal, off: int) -> None:
    import decimal

    with decimal.localcontext(decimal.Context(prec=100)):
        cost = price * quantity + Decimal(off) / Decimal(10**10)
    assert product_differs(f"{cost:f}", f"{price:f}", f"{quantity:f}") is (abs(off) >= 5)


@pytest.fixture
def run() -> Callable[..., tuple[int, str]]:
    app = typer.Typer()
    app.command()(validate)

    def invoke(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, list(words), env={"COLUMNS": "100"})
        return done.exit_code, done.output

    return invoke


def test_the_command_tells_by_its_exit_status(run: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    path = tmp_path / "bill.csv"
    write_csv(path, [USAGE])
    assert run(str(path))[0] == 0
    write_csv(path, [USAGE | {"SkuMeter": None}])
    assert run(str(path))[0] == 0, "a SHOULD rule is a warning"
    write_csv(path, [USAGE | {"BilledCost": None}])
    assert run(str(path))[0] == 1
    assert run(str(tmp_path / "no.csv"))[0] == 2


def test_the_command_prints_id_text_count_and_example(run: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    path = tmp_path / "bill.csv"
    write_csv(path, [USAGE, USAGE | {"BilledCost": None}])
    output = run(str(path))[1]
    for words in (
        "CAU-BilledCost-C-003-M",
        "MUST",
        "set on every row",
        "row 2: BilledCost=null",
        "not valid FOCUS 1.3",
    ):
        assert words in output
    assert max(len(line) for line in output.splitlines()) <= 100 + len(path.name)


def test_the_command_gives_json(run: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    path = tmp_path / "bill.csv"
    write_csv(path, [USAGE | {"BilledCost": None}])
    status, output = run(str(path), "--json")
    found = json.loads(output)
    assert (status, found["valid"], found["rows"], found["focus_version"]) == (1, False, 1, "1.3")
    assert found["failures"] == [
        {
            "rule_id": "CAU-BilledCost-C-003-M",
            "keyword": "MUST",
            "column": "BilledCost",
            "text": "set on every row",
            "count": 1,
            "example": "row 1: BilledCost=null",
        }
    ]
