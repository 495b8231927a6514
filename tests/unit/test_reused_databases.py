"""Databases that a process uses again: what one caller leaves reaches no other, and what failed is closed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from common.formats import reused
from common.formats.engine import engine

MADE: list[duckdb.DuckDBPyConnection] = []


def set_up(connection: duckdb.DuckDBPyConnection) -> None:
    MADE.append(connection)
    connection.execute("create table shared as select 1 as value; create macro twice(x) as 2 * x")


@pytest.fixture(autouse=True)
def _none_kept() -> Iterator[None]:
    reused.close_all()
    MADE.clear()
    yield
    reused.close_all()
    MADE.clear()


def value(connection: duckdb.DuckDBPyConnection, sql: str) -> object:
    row = connection.execute(sql).fetchone()
    assert row is not None
    return row[0]


def test_the_next_caller_finds_what_was_set_up_and_nothing_of_the_one_before(tmp_path: Path) -> None:
    for number in range(2):
        folder = tmp_path / str(number)
        folder.mkdir()
        with engine(folder, 2, set_up, keep=True) as connection:
            assert value(connection, "select twice(value) from shared") == 2
            assert value(connection, "select exact_decimal('1.5', 2)") == "1.50"
            assert value(connection, "select getvariable('of_a_bill')") is None
            assert value(connection, "select current_setting('temp_directory')") == str(folder)
            assert value(connection, "select current_setting('TimeZone')") == "UTC"
            connection.execute("set variable of_a_bill = 1; create temp table shared as select 9 as value")
            connection.execute("create temp view source as select 1")
            connection.execute("set TimeZone = 'Asia/Tokyo'")
    assert len(MADE) == 1


def test_callers_at_the_same_time_have_databases_of_their_own(tmp_path: Path) -> None:
    with engine(tmp_path, 2, set_up, keep=True), engine(tmp_path, 2, set_up, keep=True):
        assert len(MADE) == 2
    with engine(tmp_path, 1, set_up, keep=True):
        assert len(MADE) == 3, "of another number of threads"


def test_a_database_whose_query_failed_or_spilled_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(duckdb.CatalogException), engine(tmp_path, 2, set_up, keep=True) as connection:
        connection.execute("select * from nothing")
    with engine(tmp_path, 2, set_up, keep=True) as connection:
        assert len(MADE) == 2
        connection.execute("set memory_limit = '30MB'")
        connection.execute("create temp table large as select range, md5(range::varchar) from range(2000000)")
    with engine(tmp_path / "other", 2, set_up, keep=True):
        assert len(MADE) == 3


def test_no_more_are_kept_than_a_few(tmp_path: Path) -> None:
    for number in range(reused.MOST + 1):
        with engine(
            tmp_path,
            2,
            lambda connection, name=f"t{number}": connection.execute(f"create table {name} (x int)"),
            keep=True,
        ):  # type: ignore[misc]
            pass
    assert len(reused._idle) == reused.MOST
