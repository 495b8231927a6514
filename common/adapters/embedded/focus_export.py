"""FOCUS rows written out for others: Parquet with real types, CSV in the formats of the specification."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from common.adapters.embedded.duckdb_errors import explained
from common.adapters.embedded.focus_files import focus_select
from common.bills.engine import engine
from common.bills.source import literal, quoted
from common.errors import BadConfiguration
from common.focus import TABLE, TIME_TYPE, storage_schema
from common.warehouse.transpile import MACROS, transpile

ORDER = ("x_IntegrationId", "BillingPeriodStart", "ChargePeriodStart", "x_SourceRowId")
"""Rows stand in this order; rows alike in all of it, by a digest of every column."""

_WRITERS = {
    ".parquet": "format parquet, compression zstd",
    ".csv": "format csv, header true, delimiter ',', quote '\"', escape '\"', nullstr ''",
}


def write_focus(paths: Sequence[Path], target: Path, where: str, parameters: Mapping[str, Any], now: datetime) -> int:
    """Write the rows of normalized files that fulfil `where` (BigQuery SQL); returns how many.

    The file appears whole or not at all, and equal rows give equal bytes.
    Raises BadConfiguration for a name that ends in neither .parquet nor .csv, and for a folder that is not there.
    """
    if target.suffix not in _WRITERS:
        raise BadConfiguration(f"cannot tell the format of '{target.name}': the name must end in .parquet or .csv")
    if not target.parent.is_dir():
        raise BadConfiguration(f"there is no folder '{target.parent}'; make it first")
    if target.is_dir():
        raise BadConfiguration(f"'{target}' is a folder; name a file in it")
    chosen = transpile(f"select * from {TABLE} where {where or 'true'}").sql
    with tempfile.TemporaryDirectory(prefix=".costwire-", dir=target.parent) as scratch:
        written = Path(scratch) / target.name
        # one thread: with more of them, sorting wide rows outgrows its memory instead of spilling
        with explained(), engine(Path(scratch), threads=1) as connection:
            connection.execute("set preserve_insertion_order = false")  # the order is that of ORDER BY
            connection.execute(MACROS)
            connection.execute(f"create view {TABLE} as {focus_select(connection, paths)}")
            connection.execute("set variable now = cast($now as timestamptz)", {"now": now.isoformat()})
            count = _copy(connection, chosen, written, target.suffix, parameters)
        written.replace(target)
    return count


def _copy(
    connection: duckdb.DuckDBPyConnection, chosen: str, written: Path, suffix: str, parameters: Mapping[str, Any]
) -> int:
    columns = [f"{_shown(name, kind, suffix)} as {quoted(name)}" for name, kind in storage_schema().items()]
    order = [f"chosen.{quoted(name)}" for name in ORDER]
    digest = f"hash({', '.join(f'chosen.{quoted(name)}' for name in storage_schema())})"
    statement = (
        f"copy (select {', '.join(columns)} from ({chosen}) as chosen order by {', '.join(order)}, {digest}) "
        f"to {literal(str(written))} ({_WRITERS[suffix]})"
    )
    row = connection.execute(statement, dict(parameters) if parameters else None).fetchone()
    assert row is not None  # noqa: S101
    return int(row[0])


def _shown(name: str, kind: str, suffix: str) -> str:
    column = f"chosen.{quoted(name)}"
    if suffix == ".csv" and kind == TIME_TYPE:
        return f"strftime({column}, '%Y-%m-%dT%H:%M:%SZ')"
    if suffix == ".csv" and kind.startswith("DECIMAL"):
        return f"rtrim(rtrim(cast({column} as varchar), '0'), '.')"
    return column
