"""Lines of a billing export as Arrow, on their way into a Parquet file: what can be stored, and whether all of them came."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Context, Decimal, localcontext

import pyarrow as pa
import pyarrow.compute as pc

from common.errors import Changed
from common.providers.gcp.export_tables import ExportKind, Piece

_DIGITS = Context(prec=200)
_AGREEMENT = Decimal("1e-12")
"""BigQuery writes a float with 15 or 17 digits, Python with as few as tell it; of decimals none is lost."""


def storable(schema: pa.Schema) -> pa.Schema:
    """The schema with text for decimals of more than 38 digits (BIGNUMERIC), which DuckDB would read as floats."""
    return pa.schema([one.with_type(_storable(one.type)) for one in schema])


def _storable(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_decimal256(kind):
        return pa.string()
    if pa.types.is_struct(kind):
        return pa.struct([one.with_type(_storable(one.type)) for one in kind])
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_storable(kind.value_type)))
    return kind


class Extracted:
    """Counts what is extracted, by the columns of a kind of export."""

    def __init__(self, kind: ExportKind) -> None:
        self._kind = kind
        self._lines = 0
        self._newest = datetime(1970, 1, 1, tzinfo=UTC)
        self._cost = self._absolute = Decimal(0)

    def in_groups(self, batches: Iterable[pa.RecordBatch], schema: pa.Schema, rows: int) -> Iterator[pa.Table]:
        """The batches as tables of at least so many rows, but for the last, in types that can be stored."""
        held: list[pa.RecordBatch] = []
        for batch in batches:
            self._count(batch)
            held.append(batch)
            if sum(one.num_rows for one in held) >= rows:
                yield pa.Table.from_batches(held).cast(schema)
                held = []
        if held:
            yield pa.Table.from_batches(held).cast(schema)

    def check(self, piece: Piece) -> None:
        """Raises Changed where it is not what BigQuery counted and added up."""
        with localcontext(_DIGITS):
            expected = sum((cost + credit for _, cost, credit in piece.totals), Decimal(0))
            apart = abs(self._cost - expected) > self._absolute * _AGREEMENT
        if self._lines != piece.lines or self._newest != piece.newest or apart:
            raise Changed(f"{piece.name} has other lines than were counted; it is read again")

    def _count(self, batch: pa.RecordBatch) -> None:
        kind = self._kind
        self._lines += batch.num_rows
        newest = pc.max(batch.column(kind.newest)).as_py()
        self._newest = max(self._newest, newest.astimezone(UTC) if newest else self._newest)
        amounts = [batch.column(kind.cost)]
        if kind.credits:
            amounts.append(pc.struct_field(pc.list_flatten(batch.column(kind.credits)), "amount"))
        with localcontext(_DIGITS):
            for column in amounts:
                for text in column.cast(pa.string()).to_pylist():
                    amount = Decimal(text or 0)
                    if amount.is_finite():
                        self._cost += amount
                        self._absolute += abs(amount)
