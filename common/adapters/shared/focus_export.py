"""FOCUS rows written out for others: Parquet with real types, CSV in the formats of the specification."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from common.adapters.shared.kernel_copy import copied
from common.errors import BadConfiguration
from common.focus import TABLE, TIME_TYPE, export_schema, storage_schema
from common.formats.engine import engine
from common.formats.source import literal, quoted
from common.warehouse.duckdb_errors import explained
from common.warehouse.focus_files import focus_select
from common.warehouse.transpile import MACROS, transpile

ORDER = ("ChargePeriodStart", "x_SourceRowId")
"""Slices follow each other by integration and billing period; within one, rows stand in this order, and rows alike in
it by a digest of every column."""

ROW_GROUP_ROWS = 50_000
_SORT_MEMORY = "500MB"
"""What sorting may take before it spills; Arrow and the writer take as much beside it."""
_SHARED_ROWS = 10_000
"""Rows that a thread turns into CSV at a time."""
_OFTEN_SAME = {
    "ContractedCost": "BilledCost",
    "EffectiveCost": "BilledCost",
    "ListCost": "BilledCost",
    "PricingCurrencyEffectiveCost": "BilledCost",
    "ListUnitPrice": "ContractedUnitPrice",
    "PricingCurrencyContractedUnitPrice": "ContractedUnitPrice",
    "PricingCurrencyListUnitPrice": "ContractedUnitPrice",
    "ConsumedQuantity": "PricingQuantity",
}
"""Column -> one of its type that mostly has the same value: to compare two wide decimals costs little beside writing one as text."""

_Write = Callable[[pa.RecordBatch], None]


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
    statement = _ordered(transpile(f"select * from {TABLE} where {where or 'true'}").sql)
    count = 0
    with tempfile.TemporaryDirectory(prefix=".costwire-", dir=target.parent) as scratch:
        written = Path(scratch) / target.name
        # one thread: with more of them, sorting wide rows outgrows its memory instead of spilling
        with explained(), engine(Path(scratch), threads=1) as connection:
            connection.execute(f"set memory_limit = '{_SORT_MEMORY}'")
            connection.execute(MACROS)
            connection.execute("set variable now = cast($now as timestamptz)", {"now": now.isoformat()})
            nothing = _rows(connection, [], statement, parameters)
            with _WRITERS[target.suffix](written, nothing.schema) as write:
                for paths in slices:
                    for batch in _ahead(_rows(connection, paths, statement, parameters)):
                        write(batch)
                        count += batch.num_rows
        written.replace(target)
    return count


def _rows(
    connection: duckdb.DuckDBPyConnection, paths: Sequence[Path], statement: str, parameters: Mapping[str, Any]
) -> pa.RecordBatchReader:
    """The chosen rows of one slice, in order; they are sorted when the first ones are asked for."""
    connection.execute(f"create or replace view {TABLE} as {focus_select(connection, paths)}")
    return connection.sql(statement, params=dict(parameters) or None).to_arrow_reader(ROW_GROUP_ROWS)


def _ahead(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The batches, each fetched while the one before it is written: DuckDB and Arrow release the interpreter lock."""
    with ThreadPoolExecutor(1, thread_name_prefix="sort") as pool:
        coming = pool.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = pool.submit(next, batches, None)
            yield batch


def _ordered(chosen: str) -> str:
    columns = ", ".join(f"chosen.{quoted(name)}" for name in export_schema())
    order = ", ".join(f"chosen.{quoted(name)}" for name in ORDER)
    digest = f"hash({', '.join(f'chosen.{quoted(name)}' for name in storage_schema())})"
    return f"select {columns} from ({chosen}) as chosen order by {order}, {digest}"


@contextmanager
def _parquet(written: Path, schema: pa.Schema) -> Iterator[_Write]:
    with pq.ParquetWriter(written, schema, compression="zstd") as writer:
        yield partial(writer.write_batch, row_group_size=ROW_GROUP_ROWS)


@contextmanager
def _csv(written: Path, schema: pa.Schema) -> Iterator[_Write]:
    part = written.with_suffix(".part")
    to_part = f"to {literal(str(part))} (format csv, delimiter ',', quote '\"', escape '\"', nullstr ''"
    with written.open("wb", buffering=0) as whole, engine() as connection:

        def write(batch: pa.RecordBatch, header: bool = False) -> None:
            # a table of one batch is work for one thread
            shares = [batch.slice(start, _SHARED_ROWS) for start in range(0, len(batch), _SHARED_ROWS)]
            connection.register("sorted", pa.Table.from_batches(shares, schema))
            connection.execute(f"copy ({_as_text('sorted')}) {to_part}, header {header})")
            with part.open("rb") as handle:
                for _ in copied(handle, whole):
                    pass
                shutil.copyfileobj(handle, whole, 1 << 20)

        write(pa.RecordBatch.from_pylist([], schema), header=True)
        yield write


_WRITERS = {".parquet": _parquet, ".csv": _csv}


def _as_text(relation: str) -> str:
    """The rows as the specification writes them in CSV."""
    numbers = ", ".join(f"{_number(name)} as {quoted(_text(name))}" for name in dict.fromkeys(_OFTEN_SAME.values()))
    columns = ", ".join(f"{_shown(name, kind)} as {quoted(name)}" for name, kind in export_schema().items())
    return f"select {columns} from (select *, {numbers} from {relation})"


def _shown(name: str, kind: str) -> str:
    if kind == TIME_TYPE:
        # as a plain timestamp, since one with a zone has a calendar asked for each row
        return f"strftime(make_timestamp(epoch_us({quoted(name)})), '%Y-%m-%dT%H:%M:%SZ')"
    if name in _OFTEN_SAME.values():
        return quoted(_text(name))
    if name in _OFTEN_SAME:
        other = _OFTEN_SAME[name]
        return f"case when {quoted(name)} = {quoted(other)} then {quoted(_text(other))} else {_number(name)} end"
    return _number(name) if kind.startswith("DECIMAL") else quoted(name)


def _number(name: str) -> str:
    return f"rtrim(rtrim(cast({quoted(name)} as varchar), '0'), '.')"


def _text(name: str) -> str:
    return f"{name} as text"
