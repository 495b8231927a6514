"""Rows from the Storage Read API, written slice by slice for the writer that both warehouses share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from common.focus import TABLE, storage_schema

SLICE = "the_slice"
HELD_ROWS = 50_000
"""Rows that wait in memory before they go to their slices' files."""


def current_rows_sql(where: str) -> str:
    """One statement, so one moment: the rows that fulfil `where`, each with the billing period of its slice."""
    return f"""
        select chosen.*, concat(slices.integration_id, ' ', slices.billing_period) as {SLICE}
        from (
            select * from {TABLE} where {where or "true"}
        ) as chosen
        inner join slices on chosen.x_IntegrationId = slices.integration_id and chosen.x_DeliveryId = slices.delivery_id
    """


def by_slice(batches: Iterable[pa.RecordBatch], folder: Path) -> Iterator[Sequence[Path]]:
    """The files of one slice after the other, by integration and billing period, as the embedded warehouse has them."""
    files = _lay_down(batches, folder)
    for name in sorted(files, key=lambda name: tuple(name.rsplit(" ", 1))):
        yield [files[name]]
        files[name].unlink()


def _lay_down(batches: Iterable[pa.RecordBatch], folder: Path) -> dict[str, Path]:
    files: dict[str, Path] = {}
    writers: dict[str, pq.ParquetWriter] = {}
    held: list[pa.Table] = []

    def write() -> None:
        table = pa.concat_tables(held)
        held.clear()
        for name in pc.unique(table[SLICE]).to_pylist():
            rows = table.filter(pc.equal(table[SLICE], name)).drop_columns([SLICE])
            if name not in files:
                files[name] = folder / f"{len(files)}.slice"
                writers[name] = stack.enter_context(pq.ParquetWriter(files[name], rows.schema, compression="zstd"))
            writers[name].write_table(rows)

    with ExitStack() as stack:
        for batch in batches:
            held.append(_typed(pa.Table.from_batches([batch])))
            if sum(table.num_rows for table in held) >= HELD_ROWS:
                write()
        if held:
            write()
    return files


def _typed(table: pa.Table) -> pa.Table:
    """The columns in their storage types: BigQuery's 76 digits of BIGNUMERIC become the 38 that were written."""
    wanted = [(name, _arrow(kind)) for name, kind in storage_schema().items()]
    return table.select([*(name for name, _ in wanted), SLICE]).cast(pa.schema([*wanted, (SLICE, pa.string())]))


def _arrow(kind: str) -> pa.DataType:
    if kind.startswith("DECIMAL"):
        precision, scale = kind.removeprefix("DECIMAL(").rstrip(")").split(",")
        return pa.decimal128(int(precision), int(scale))
    return pa.timestamp("us", "UTC") if kind.startswith("TIMESTAMP") else pa.string()
