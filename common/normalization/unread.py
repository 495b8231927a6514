"""Lines that DuckDB could not read as rows: their text, the reason, and their amount."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, BinaryIO

import duckdb
import pyarrow as pa

from common.domain.money import add, fits_cost, read_cost, round_cost
from common.errors import BadBill
from common.formats.bounds import MAX_LINE_BYTES
from common.formats.cells import cells_of
from common.formats.container import Container, decompressed
from common.formats.recognition import Matched
from common.formats.second_reader import json_records
from common.formats.strict_json import NotStrict
from common.formats.totals import amounts_of, read_code, read_month

_AT_ONCE = 1000
_PIECE_BYTES = 1 << 20
_KEPT_BYTES = 9_000
"""DuckDB cuts the text of a line that it refuses at 10,000."""
_TEXT_IS_LOST = ("ENCODING", "UNICODE", "LINE SIZE")
"""Kinds of errors with which DuckDB does not keep the line as it stands in the file."""


def count_unread(connection: duckdb.DuckDBPyConnection, container: Container) -> int:
    """How many lines of the file, which has been read, were no rows."""
    if container.kind != "csv":
        return 0
    row = connection.execute("select count(distinct line) from reject_errors").fetchone()
    return int(row[0]) if row else 0


def unread_lines(
    connection: duckdb.DuckDBPyConnection, container: Container, matched: Matched
) -> Iterator[list[tuple[dict[str, Any], str]]]:
    """Lists of lines, once each, as quarantine keeps them, with their month; the amount stands in the cost column's place.

    Raises BadBill where a quoted cell that does not end takes whole lines with it: what they amount to cannot be told.
    """
    found = connection.execute(
        """
        select line, min(line_byte_position), any_value(csv_line), min(cast(error_type as varchar))
        from reject_errors group by line order by min(line_byte_position), line
        """
    )
    file = _Records(container)
    before = container.range.lines if container.range else 0
    try:
        while lines := found.fetchmany(_AT_ONCE):
            yield [
                _line(matched, before + number, _text(file, position, text, kind), kind)
                for number, position, text, kind in lines
            ]
    finally:
        file.close()


def _text(file: _Records, position: int | None, text: str | None, kind: str) -> str:
    kept = text or ""
    if position is None or (len(kept.encode()) < _KEPT_BYTES and not any(word in kind for word in _TEXT_IS_LOST)):
        return kept
    return file.at(position - 1)  # DuckDB counts from 1


def _line(matched: Matched, number: int, text: str, kind: str) -> tuple[dict[str, Any], str]:
    cells, names = cells_of(text), matched.names
    _check_swallows_none(matched, number, text)
    kind_of = matched.format
    value = read_cost(_cell(matched, cells, kind_of.cost))
    also = amounts_of(_cell(matched, cells, kind_of.cost_also))
    amount: Decimal | None = None if value is None else add(round_cost(one) for one in (value, *also))
    if amount is not None and not fits_cost(amount):
        amount = None
    line = {
        "source_row_id": f"line {number}",
        "reason": _reason(kind, len(cells), len(names)),
        "amount": amount,
        "currency": read_code(_cell(matched, cells, kind_of.currency)),
        "source_row": text,
    }
    return line, read_month(_month_cell(matched, cells))


def _month_cell(matched: Matched, cells: list[str]) -> str | None:
    kind = matched.format
    month = _cell(matched, cells, kind.billing_period)
    return month if month and month.strip(" ") else _cell(matched, cells, kind.billing_period_else)


def _cell(matched: Matched, cells: list[str], canonical: str | None) -> str | None:
    name = matched.columns.get(canonical) if canonical else None
    spot = matched.names.index(name) if name in matched.names else len(cells)
    text = cells[spot] if spot < len(cells) else None
    return None if text in ("", *matched.format.null_texts) else text


def _check_swallows_none(matched: Matched, number: int, text: str) -> None:
    for inner in text.splitlines()[1:]:
        cells = cells_of(inner)
        if len(cells) == len(matched.names) and read_cost(_cell(matched, cells, matched.format.cost)) is not None:
            raise BadBill(
                f"line {number} has a quoted cell that does not end and takes the lines behind it with it; export the bill again"
            )


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


class _Records:
    """The records of a CSV file by where they begin, best asked for in their order."""

    def __init__(self, container: Container) -> None:
        self._container = container
        self._stream: BinaryIO | None = None
        self._at = 0

    def at(self, position: int) -> str:
        """The record that begins at a byte; what is no UTF-8 in it stands as \\xNN."""
        if self._stream is None or position < self._at:
            self.close()
            self._stream, self._at = decompressed(self._container.content, self._container.compression), 0
        if self._container.compression == "none":
            self._at = self._stream.seek(position)
        while self._at < position:
            piece = self._stream.read(min(position - self._at, _PIECE_BYTES))
            if not piece:
                break
            self._at += len(piece)
        record = self._stream.readline(4 * MAX_LINE_BYTES)
        while record.count(b'"') % 2 and len(record) < 4 * MAX_LINE_BYTES:
            more = self._stream.readline(4 * MAX_LINE_BYTES)
            if not more:
                break
            record += more
        self._at += len(record)
        return record.rstrip(b"\r\n").decode(errors="backslashreplace")

    def close(self) -> None:
        """Close the file."""
        if self._stream is not None:
            self._stream.close()


def keep_broken_lines(connection: duckdb.DuckDBPyConnection, container: Container, matched: Matched) -> None:
    """Make the table `broken`: number, text and reason of the lines of a JSON lines file that are no objects; empty for other files."""
    connection.execute("create or replace temp table broken (number varchar, text varchar, reason varchar)")
    if container.kind != "json":
        return
    kept: list[dict[str, str]] = []
    first = 1 + (container.range.rows if container.range else 0)
    for number, (line, record) in enumerate(json_records(container, matched), start=first):
        if isinstance(record, NotStrict):
            text = line.rstrip(b"\r\n").decode(errors="backslashreplace")
            kept.append({"number": str(number), "text": text, "reason": str(record)})
        if len(kept) >= _AT_ONCE:
            _insert(connection, kept)
            kept = []
    _insert(connection, kept)


def _insert(connection: duckdb.DuckDBPyConnection, kept: list[dict[str, str]]) -> None:
    lines = pa.Table.from_pylist(kept, pa.schema([(name, pa.string()) for name in ("number", "text", "reason")]))
    connection.register("broken_lines", lines)
    connection.execute("insert into broken select * from broken_lines")
    connection.unregister("broken_lines")
