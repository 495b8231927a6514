"""Quarantine: lines that cannot be read or mapped, each with its reason, so that nothing is lost and the totals account for it."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from common.bills.control import amounts_of, read_month
from common.bills.deliveries import Delivery, Part
from common.bills.discovery import AMORTIZED
from common.bills.formats import Matched
from common.bills.source import NUMBER_END, literal, quoted
from common.domain.money import add, read_cost, round_cost

QUARANTINE_COLUMNS = ("source_row_id", "reason", "amount", "currency", "source_row")
_SCHEMA = pa.schema(
    [
        ("source_row_id", pa.string()),
        ("reason", pa.string()),
        ("amount", pa.decimal128(38, 24)),
        ("currency", pa.string()),
        ("source_row", pa.string()),
    ]
)


@dataclass(frozen=True)
class Quarantine:
    """A written quarantine file: how many lines had cells that could not be mapped, how many could not be read as rows."""

    path: Path
    unmapped: int
    unread: int


def write_quarantine(
    connection: duckdb.DuckDBPyConnection,
    matched: Matched,
    delivery: Delivery,
    part: Part,
    target: Path,
    mapping: str,
    unmapped: int,
    see: Callable[[bool], None],
) -> Quarantine | None:
    """Write the lines that gave no good row; None where there are none.

    unmapped: how many the mapping refused.  see: makes the view `source`, with numbered lines when called with True.
    """
    unread = _unread_lines(connection, matched, delivery, part)
    if not unmapped and not unread:
        return None
    with pq.ParquetWriter(target, _SCHEMA, compression="zstd") as writer:
        if unread:
            writer.write_table(pa.Table.from_pylist(unread, _SCHEMA))
        if unmapped:
            see(True)
            # beside an actual twin, an amortized line stands for what would have been billed, not for its spread cost
            twin = part.role == AMORTIZED and not delivery.proves_effective_cost
            for batch in _unmapped_lines(connection, matched, mapping, "refused.billed" if twin else None):
                writer.write_batch(batch.cast(_SCHEMA))
    return Quarantine(target, unmapped, len(unread))


def _unmapped_lines(connection: duckdb.DuckDBPyConnection, matched: Matched, mapping: str, amount: str | None) -> Any:
    """Batches of the lines that the mapping refused.  amount: how much each stands for, by default what the source says."""
    currency = quoted(matched.format.currency)
    amount = amount or _source_amount(matched)
    number = f"split_part(source_row_id, {literal(NUMBER_END)}, 1)"
    return connection.sql(
        f"""
        select lines.number as source_row_id, reason, cast({amount} as decimal(38, 24)) as amount,
            coalesce(trim({currency}), '') as currency, cast(to_json(lines) as varchar) as source_row
        from (select *, {number} as number from source) as lines
        join (
            select {number} as number, quarantine_reason as reason, BilledCost as billed
            from ({mapping}) where quarantine_reason is not null
        ) as refused using (number)
        """
    ).to_arrow_reader(10_000)


def _source_amount(matched: Matched) -> str:
    amount = f"to_cost({quoted(matched.format.cost)})"
    if matched.format.cost_also is None:
        return amount
    parts = f'from_json(python_to_json({quoted(matched.format.cost_also)}), \'[{{"amount": "VARCHAR"}}]\')'
    return f"{amount} + coalesce(list_sum(list_transform({parts}, lambda one: coalesce(to_cost(one.amount), 0))), 0)"


def _unread_lines(
    connection: duckdb.DuckDBPyConnection, matched: Matched, delivery: Delivery, part: Part
) -> list[dict[str, Any]]:
    """Lines that DuckDB could not read as rows, once each; their amount stands in the cost column's place, or is unknown."""
    tables = connection.execute("select 1 from duckdb_tables() where table_name = 'reject_errors'").fetchone()
    if not tables:
        return []
    found = connection.execute(
        """
        select line, any_value(csv_line), min(cast(error_type as varchar))
        from reject_errors group by line order by line
        """
    ).fetchall()
    lines = [_unread(matched, number, text, kind) for number, text, kind in found]
    mine = {delivery.billing_period, *([""] if part.stray_lines else [])}
    return [line for line, month in lines if not part.other_lines or month in mine]


def _unread(matched: Matched, number: int, text: str, kind: str) -> tuple[dict[str, Any], str]:
    cells = next(csv.reader(io.StringIO(text or "", newline="")), [])
    names = matched.names
    kind_of = matched.format

    def cell(canonical: str | None) -> str | None:
        name = matched.columns.get(canonical) if canonical else None
        spot = names.index(name) if name in names else len(cells)
        return cells[spot] or None if spot < len(cells) else None

    value = read_cost(cell(kind_of.cost))
    also = amounts_of(cell(kind_of.cost_also))
    amount: Decimal | None = None if value is None else add(round_cost(one) for one in (value, *also))
    line = {
        "source_row_id": f"line {number}",
        "reason": _reason(kind, len(cells), len(names)),
        "amount": amount,
        "currency": (cell(kind_of.currency) or "").strip(),
        "source_row": text,
    }
    return line, read_month(cell(kind_of.billing_period))


def _reason(kind: str, found: int, expected: int) -> str:
    if "COLUMNS" in kind:
        return f"the line has {found} cells, the header has {expected}"
    if "UNQUOTED" in kind:
        return "a quoted cell does not end"
    if "UNICODE" in kind or "ENCODING" in kind:
        return "the line is not UTF-8 text"
    if "LINE SIZE" in kind:
        return "the line is longer than 16 MiB"
    return "the line cannot be read as CSV"
