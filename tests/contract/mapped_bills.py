"""A bill as its mapping makes it, for the conformance tests of the formats."""

import csv
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from common.formats import container
from common.formats import recognition as formats
from common.formats.engine import engine
from common.formats.source import source_sql, usage_sql
from common.normalization.mapping import focus_select, mapping_sql, own_columns, prepare
from common.records.contract_prices import ContractPrice


@contextmanager
def mapped_as(
    source_format: str, path: Path, prices: Collection[ContractPrice] = ()
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with the view `source` and the table `mapped`: all rows that the mapping makes of a file of that format."""
    with container.opened(path, path.name) as opened, engine() as connection:
        matched = formats.recognise(opened.names)
        assert matched.format.name == source_format
        prepare(connection, prices=prices)
        connection.execute("set variable cost_role = 'whole'")
        connection.execute(f"create temp view source as {source_sql(opened, matched)}")
        if usage := usage_sql(opened, matched):
            connection.execute(f"create temp table usage as {usage}")
        mapped = focus_select(f"({mapping_sql(source_format)})", own=own_columns(matched.format))
        connection.execute(f"create table mapped as {mapped}")
        yield connection


def one(connection: duckdb.DuckDBPyConnection, sql: str) -> Any:
    """The only value of a question's first row."""
    row = connection.execute(sql).fetchone()
    assert row is not None
    return row[0]


def lines_of(path: Path) -> list[dict[str, str]]:
    """The lines of a CSV file, read by nothing of ours."""
    with path.open(newline="", encoding="utf-8-sig") as handle:
        return list(csv.DictReader(handle))
