"""FOCUS rows written out for others: Parquet with real types, CSV in the formats of the specification."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from common.adapters.shared.duckdb_errors import explained
from common.adapters.shared.focus_files import focus_select
from common.errors import BadConfiguration
from common.focus import TABLE, TIME_TYPE, export_schema, storage_schema
from common.formats.engine import engine
from common.formats.source import literal, quoted
from common.warehouse.transpile import MACROS, transpile

ORDER = ("ChargePeriodStart", "x_SourceRowId")
"""Slices follow each other by integration and billing period; within one, rows stand in this order, and rows alike in
it by a digest of every column."""

ROW_GROUP_ROWS = 50_000


def write_focus(
    slices: Iterable[Sequence[Path]], target: Path, where: str, parameters: Mapping[str, Any], now: datetime
) -> int:
    """Write the rows of normalized files that fulfil `where` (BigQuery SQL), slice after slice; returns how many.

    The file appears whole or not at all, and equal rows give equal bytes.
    Raises BadConfiguration for a name that ends in neither .parquet nor .csv, and for a folder that is not there.
    """
    if target.suffix not in _WRITERS:
        raise BadConfiguration(f"cannot detect the format of {target.name}: the name must end in .parquet or .csv")
    if not target.parent.is_dir():
        raise BadConfiguration(f"there is no folder {target.parent}; create it first")
    if target.is_dir():
        raise BadConfiguration(f"'{target}' is a folder; name a file in it")
    chosen = transpile(f"select * from {TABLE} where {where or 'true'}").sql
    statement = _ordered(chosen, target.suffix)
    with tempfile.TemporaryDirectory(prefix=".costwire-", dir=target.parent) as scratch:
        written = Path(scratch) / target.name
        # one thread: with more of them, sorting wide rows outgrows its memory instead of spilling
        with explained(), engine(Path(scratch), threads=1) as connection:
            connection.execute(MACROS)
            connection.execute("set variable now = cast($now as timestamptz)", {"now": now.isoformat()})
            count = _WRITERS[target.suffix](_shown_in_turn(connection, slices), statement, parameters, written)
        written.replace(target)
    return count


def _shown_in_turn(
    connection: duckdb.DuckDBPyConnection, slices: Iterable[Sequence[Path]]
) -> Iterator[duckdb.DuckDBPyConnection]:
    """The connection with one slice after the other as its table; no rows first, so that a file always has columns."""
    for paths in chain([[]], slices):
        connection.execute(f"create or replace view {TABLE} as {focus_select(connection, paths)}")
        yield connection


def _write_parquet(
    turns: Iterable[duckdb.DuckDBPyConnection], statement: str, parameters: Mapping[str, Any], written: Path
) -> int:
    count = 0
    with ExitStack() as stack:
        writer: pq.ParquetWriter | None = None
        for connection in turns:
            reader = connection.sql(statement, params=dict(parameters) or None).to_arrow_reader(ROW_GROUP_ROWS)
            if writer is None:
                writer = stack.enter_context(pq.ParquetWriter(written, reader.schema, compression="zstd"))
            for batch in reader:
                writer.write_batch(batch, row_group_size=ROW_GROUP_ROWS)
                count += batch.num_rows
    return count


def _write_csv(
    turns: Iterable[duckdb.DuckDBPyConnection], statement: str, parameters: Mapping[str, Any], written: Path
) -> int:
    part = written.with_suffix(".part")
    count = 0
    with written.open("wb") as whole:
        for number, connection in enumerate(turns):
            options = f"format csv, header {number == 0}, delimiter ',', quote '\"', escape '\"', nullstr ''"
            copy = f"copy ({statement}) to {literal(str(part))} ({options})"
            (rows,) = connection.execute(copy, dict(parameters) or None).fetchone() or (0,)
            count += int(rows)
            with part.open("rb") as handle:
                shutil.copyfileobj(handle, whole, 1 << 20)
    return count


_WRITERS = {".parquet": _write_parquet, ".csv": _write_csv}


def _ordered(chosen: str, suffix: str) -> str:
    columns = [f"{_shown(name, kind, suffix)} as {quoted(name)}" for name, kind in export_schema().items()]
    order = [f"chosen.{quoted(name)}" for name in ORDER]
    digest = f"hash({', '.join(f'chosen.{quoted(name)}' for name in storage_schema())})"
    return f"select {', '.join(columns)} from ({chosen}) as chosen order by {', '.join(order)}, {digest}"


def _shown(name: str, kind: str, suffix: str) -> str:
    column = f"chosen.{quoted(name)}"
    if suffix == ".csv" and kind == TIME_TYPE:
        return f"strftime({column}, '%Y-%m-%dT%H:%M:%SZ')"
    if suffix == ".csv" and kind.startswith("DECIMAL"):
        return f"rtrim(rtrim(cast({column} as varchar), '0'), '.')"
    return column
