"""BigQuery SQL through DuckDB gives BigQuery's answers, or is refused with what to write instead."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import BadConfiguration
from common.warehouse.transpile import MACROS, transpile

NOW = datetime(2026, 3, 31, 23, 30, tzinfo=UTC)
WIDE = Context(prec=100, rounding=ROUND_HALF_UP)


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as made:
        made.execute("set TimeZone = 'UTC'")
        made.execute(MACROS)
        made.execute("set variable now = cast($now as timestamptz)", {"now": NOW.isoformat()})
        yield made


def ask(connection: duckdb.DuckDBPyConnection, expression: str, **parameters: Any) -> Any:
    row = connection.execute(transpile(f"select {expression}").sql, parameters or None).fetchone()
    assert row is not None
    return row[0]


@pytest.mark.parametrize(
    ("expression", "answer"),
    [
        ("cast('1.123456789' as numeric)", Decimal("1.123456789")),
        ("cast('0.0000000005' as numeric)", Decimal("1E-9")),
        ("numeric '99999999999999999999999999999.999999999'", Decimal("99999999999999999999999999999.999999999")),
        ("cast('0.000000000000000000000001' as bignumeric)", Decimal("1E-24")),
        ("cast('1.25' as numeric(10, 1))", Decimal("1.3")),
        ("safe_divide(numeric '1', 3)", Decimal("0.333333333")),
        ("safe_divide(numeric '-2', 3)", Decimal("-0.666666667")),
        ("safe_divide(1, 0)", None),
        ("safe_divide(cast(null as numeric), 3)", None),
        ("safe_divide(1, cast(null as numeric))", None),
        ("date_trunc(date '2026-03-15', month)", date(2026, 3, 1)),
        ("date_trunc(date '2026-03-15', week(monday))", date(2026, 3, 9)),
        ("date_sub(date '2026-03-31', interval 1 month)", date(2026, 2, 28)),
        ("date_add(date_trunc(date '2026-03-15', month), interval 1 month)", date(2026, 4, 1)),
        ("last_day(date '2026-02-10', month)", date(2026, 2, 28)),
        ("current_date()", date(2026, 3, 31)),
        ("current_date('UTC')", date(2026, 3, 31)),
        ("current_date('Europe/Berlin')", date(2026, 4, 1)),
        ("date_sub(current_date('UTC'), interval 30 day)", date(2026, 3, 1)),
        ("unix_seconds(current_timestamp())", int(NOW.timestamp())),
        ("extract(isoweek from date '2026-01-01')", 1),
        ("format_timestamp('%Y%m', timestamp '2026-03-31 23:59:59+00')", "202603"),
        ("date(timestamp '2026-03-31 23:30:00+00')", date(2026, 3, 31)),
        ("timestamp_diff(timestamp '2026-03-01 01:00:00+00', timestamp '2026-03-01 00:00:00+00', second)", 3600),
        ('json_value(\'{"a.b": "x"}\', \'$."a.b"\')', "x"),
    ],
)
def test_an_expression_gives_the_answer_of_bigquery(
    connection: duckdb.DuckDBPyConnection, expression: str, answer: object
) -> None:
    found = ask(connection, expression)
    assert found == answer
    assert type(found) is type(answer)


@given(
    dividend=st.decimals(min_value=-(10**20), max_value=10**20, places=9),
    divisor=st.decimals(min_value=-(10**15), max_value=10**15, places=9).filter(bool),
)
def test_safe_divide_is_exact_to_nine_digits(
    connection: duckdb.DuckDBPyConnection, dividend: Decimal, divisor: Decimal
) -> None:
    expression = "safe_divide(cast(@x as numeric), cast(@y as numeric))"
    expected = WIDE.divide(dividend, divisor).quantize(Decimal("1e-9"), context=WIDE)
    assert ask(connection, expression, x=str(dividend), y=str(divisor)) == expected


def test_named_parameters_and_tables_are_known() -> None:
    found = transpile("with t as (select * from cost_daily where provider = @provider) select * from t, cost_hourly")
    assert found.parameters == {"provider"}
    assert found.tables >= {"cost_daily", "cost_hourly"}


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("select BilledCost / 3 from t", "write SAFE_DIVIDE"),
        ("select x from t where y in (select a / b from u)", "write SAFE_DIVIDE"),
        ("select div(a, b) from t", "found DIV"),
        ("select avg(BilledCost) from t", r"write SAFE_DIVIDE\(SUM\(x\), COUNT\(x\)\)"),
        ("select x, o from unnest([1, 2]) as x with offset as o", "WITH OFFSET"),
        ("select array_agg(x limit 3) from t", "ARRAY_AGG with LIMIT"),
        ("delete from t where true", "must be one query"),
        ("drop table t", "must be one query"),
        ("create table t as select 1", "must be one query"),
        ("select 1; select 2", "must be one query"),
        ("", "must be one query"),
        ("select from where", "is not valid BigQuery SQL"),
    ],
)
def test_what_cannot_be_answered_exactly_is_refused(sql: str, message: str) -> None:
    with pytest.raises(BadConfiguration, match=message) as caught:
        transpile(sql)
    assert "\n" not in str(caught.value)
