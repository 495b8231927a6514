"""Quarantine: lines that cannot be read or mapped, each with its reason, so that nothing is lost and the totals account for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from common.formats.container import Container
from common.formats.recognition import Matched
from common.formats.source import NUMBER_END, literal, quoted
from common.normalization.unread import count_unread, keep_broken_lines, unread_lines
from common.records.deliveries import Delivery
from common.records.parts import Part

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
    container: Container,
    matched: Matched,
    delivery: Delivery,
    part: Part,
    target: Path,
    mapping: str,
    unmapped: int,
    see: Callable[[bool, bool], None],
) -> Quarantine | None:
    """Write the lines that gave no good row; None where there are none.

    unmapped: how many the mapping refused.  see(numbered, undecodable): makes the view `source`, as `source_sql` takes them.
    """
    unread = count_unread(connection, container)
    undecodable = container.kind == "parquet" and container.lenient
    if not unmapped and not unread and not undecodable:
        return None
    # a line that repeats a billed one stands for what would have been billed, not for its spread cost
    repeats = delivery.repeats(part)
    with pq.ParquetWriter(target, _SCHEMA, compression="zstd") as writer:
        written = 0
        months = part.months(delivery.billing_period)
        for lines in unread_lines(connection, container, matched) if unread else ():
            mine = [line for line, month in lines if months is None or month in months]
            written += len(mine)
            writer.write_table(pa.Table.from_pylist(mine, _SCHEMA))
        if undecodable:
            see(True, True)
            for batch in _undecodable_lines(connection, matched, mapping, repeats):
                written += batch.num_rows
                writer.write_batch(batch.cast(_SCHEMA))
        if unmapped:
            see(True, False)
            keep_broken_lines(connection, container, matched)
            billed = "refused.billed" if repeats else None
            for batch in _unmapped_lines(connection, matched, mapping, billed):
                writer.write_batch(batch.cast(_SCHEMA))
    return Quarantine(target, unmapped, written) if unmapped or written else None


def _undecodable_lines(connection: duckdb.DuckDBPyConnection, matched: Matched, mapping: str, repeats: bool) -> Any:
    """Batches of the lines of a Parquet file with text that is not UTF-8.  repeats: each stands for what would have been billed."""
    number = f"split_part(source_row_id, {literal(NUMBER_END)}, 1)"
    billed = f"select {number} as number, sum(BilledCost) as billed from ({mapping}) group by all"
    return connection.sql(
        f"""
        select lines.number as source_row_id,
            'the line is not UTF-8 text' as reason,
            cast({"mapped.billed" if repeats else _source_amount(matched)} as decimal(38, 24)) as amount,
            {_currency(matched)} as currency,
            cast(to_json(lines) as varchar) as source_row
        from (select *, {number} as number from source) as lines
        {f"left join ({billed}) as mapped using (number)" if repeats else ""}
        """
    ).to_arrow_reader(10_000)


def _unmapped_lines(connection: duckdb.DuckDBPyConnection, matched: Matched, mapping: str, amount: str | None) -> Any:
    """Batches of the lines that the mapping refused.  amount: how much each stands for, by default what the source says."""
    amount = amount or _source_amount(matched)
    number = f"split_part(source_row_id, {literal(NUMBER_END)}, 1)"
    return connection.sql(
        f"""
        select lines.number as source_row_id,
            coalesce(broken.reason, refused.reason) as reason,
            cast({amount} as decimal(38, 24)) as amount,
            {_currency(matched)} as currency,
            coalesce(broken.text, cast(to_json(lines) as varchar)) as source_row
        from (select *, {number} as number from source) as lines
        join (
            select {number} as number, quarantine_reason as reason, BilledCost as billed
            from ({mapping}) where quarantine_reason is not null
        ) as refused using (number)
        left join broken on broken.number = lines.number
        """
    ).to_arrow_reader(10_000)


def _currency(matched: Matched) -> str:
    cell = quoted(matched.format.currency)
    return f"case when regexp_full_match(trim({cell}), '[A-Za-z]{{3}}') then trim({cell}) else '' end"


def _source_amount(matched: Matched) -> str:
    cost = quoted(matched.format.cost)
    if matched.format.cost_also is None:
        return f"to_cost({cost})"
    entries = f'from_json(python_to_json({quoted(matched.format.cost_also)}), \'[{{"amount": "VARCHAR"}}]\')'
    return f"exact_sum(list_prepend({cost}, coalesce(list_transform({entries}, lambda one: one.amount), [])))"
