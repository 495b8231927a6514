"""`costwire sql`: the same question has the same answer on every warehouse."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from common.errors import BadConfiguration
from common.reporting.arguments import InvalidQuestion
from common.reporting.sql import SqlAnswer, ask_sql
from common.warehouse.catalogue import relations
from tests.contract.backends import chosen
from tests.contract.warehouse_cases import ORG, Opened, charge


@pytest.fixture(params=chosen("WAREHOUSES", "duckdb"))
def opened(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Opened]:
    made = Opened(tmp_path, request.param)
    made.show("d1", *(charge(BilledCost=f"{number}.5", ServiceName=f"s{number}") for number in range(5)))
    yield made
    made.close()


def ask(opened: Opened, sql: str, limit: int = 1000) -> SqlAnswer:
    rt: Any = SimpleNamespace(warehouse=opened.warehouse)
    return ask_sql(rt, ORG, sql, limit)


def test_amounts_are_exact_and_columns_have_the_names_that_were_given(opened: Opened) -> None:
    (row,) = ask(
        opened, "select sum(BilledCost) as billed, max(date(ChargePeriodStart)) as day from cost_data_standard_1_3"
    ).rows
    assert row["billed"] == Decimal("12.5") and str(row["day"]) == "2026-03-10"


@pytest.mark.parametrize(("limit", "rows", "more"), [(4, 4, True), (5, 5, False), (6, 5, False)])
def test_rows_beyond_the_limit_are_left_out_and_it_is_said(opened: Opened, limit: int, rows: int, more: bool) -> None:
    answer = ask(opened, "select ServiceName from cost_data_standard_1_3 order by ServiceName desc", limit)
    assert [row["ServiceName"] for row in answer.rows] == [f"s{number}" for number in reversed(range(5))][:rows]
    assert answer.more is more


def test_every_described_table_and_view_answers_with_the_described_columns(opened: Opened) -> None:
    opened.set_rates("month,currency,usd_rate,source\n2026-03,EUR,1.1,a bank\n")
    for name, columns in relations().items():
        for column in columns:
            ask(opened, f"select `{column}` from {name}", 1)


@pytest.mark.parametrize("sql", ["select a.*, b.* from slices as a cross join slices as b", "select 1 as a, 2 as a"])
def test_two_columns_of_one_name_are_an_error_and_not_one_column(opened: Opened, sql: str) -> None:
    if "*" in sql:  # the names are known to the warehouse alone
        opened.needs("equal names")
    with pytest.raises(BadConfiguration):
        ask(opened, sql)


def test_a_column_that_does_not_exist_is_named_with_the_nearest(opened: Opened) -> None:
    with pytest.raises(BadConfiguration, match="did you mean 'ServiceName'"):
        ask(opened, "select ServiceNam from cost_data_standard_1_3")


def test_a_limit_out_of_bounds_is_refused(opened: Opened) -> None:
    with pytest.raises(InvalidQuestion, match="expected 1 to 1,000,000"):
        ask(opened, "select 1 as a", 0)
