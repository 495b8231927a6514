"""Normalized files as one relation of the pinned FOCUS schema, whatever schema version wrote them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import duckdb

from common.focus import storage_schema
from common.formats.source import file_literal, quoted


def focus_select(
    connection: duckdb.DuckDBPyConnection, paths: Sequence[Path], only: Iterable[str] | None = None
) -> str:
    """A SELECT over Parquet files that gives the FOCUS columns and ours, typed; null where no file has a column.

    only: those columns, and no others.  No files: an empty relation of the same schema.
    """
    wanted = storage_schema() if only is None else {name: storage_schema()[name] for name in only}
    if not paths:
        nulls = ", ".join(f"cast(null as {kind}) as {quoted(name)}" for name, kind in wanted.items())
        return f"select {nulls} where false"
    reader = parquet(paths)
    present = {row[0] for row in connection.execute(f"describe select * from {reader}").fetchall()}
    columns = (
        f"cast({quoted(name) if name in present else 'null'} as {kind}) as {quoted(name)}"
        for name, kind in wanted.items()
    )
    return f"select {', '.join(columns)} from {reader}"


def parquet(paths: Sequence[Path], options: str = "") -> str:
    """The table function that reads the files by column name; nothing is read out of folder names."""
    listed = ", ".join(file_literal(str(path)) for path in paths)
    return f"read_parquet([{listed}], union_by_name = true, hive_partitioning = false{options})"
