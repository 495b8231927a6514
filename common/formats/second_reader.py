"""The second reader: a file's cost, currency, billing period and account columns, by Arrow and Python.

It shares no code with the mapping's reader, DuckDB, so that what one of the two loses shows in the proof.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from common.formats import answers
from common.formats.bounds import MAX_LINE_BYTES
from common.formats.cells import cells_of
from common.formats.container import Container, decompressed
from common.formats.displayed import plain_text
from common.formats.recognition import Matched
from common.formats.strict_json import NotStrict, has_doubled, is_blank, parse_line, records_of

BLOCK_BYTES = 4 << 20
LONG_BLOCK_BYTES = 16 << 20
"""For files with lines longer than a block.  No line of two blocks passes: DuckDB would lose it without a word."""
_RAGGED_AT_ONCE = 1 << 14


class LineTooLong(ValueError):
    """A line of JSON lines that DuckDB would not read."""


@dataclass(frozen=True)
class Wanted:
    """The file's own names of the columns that count.

    also: a list column whose `amount`s add to the cost.  period_else: the column to go by where the period is empty.
    """

    cost: str
    currency: str | None
    period: str
    account: str | None
    also: str | None
    period_else: str | None = None

    @classmethod
    def of(cls, matched: Matched) -> Wanted:
        names, kind = matched.columns, matched.format
        also = names.get(kind.cost_also) if kind.cost_also else None
        period_else = names.get(kind.billing_period_else) if kind.billing_period_else else None
        account = names.get(kind.billing_account)
        return cls(names[kind.cost], names.get(kind.currency), names[kind.billing_period], account, also, period_else)

    @property
    def all(self) -> list[str]:
        named = (self.cost, self.currency, self.period, self.account, self.also, self.period_else)
        return list(dict.fromkeys(name for name in named if name))


@dataclass
class Batch:
    """Text columns of some lines; also: the JSON of what adds to the cost.  ragged: they had more or fewer cells than the header."""

    cost: pa.Array
    currency: pa.Array | None
    period: pa.Array
    account: pa.Array | None
    also: pa.Array | None
    ragged: bool = False


def csv_batches(container: Container, wanted: Wanted, matched: Matched, careful: bool = False) -> Iterator[Batch]:
    """careful: lines longer than a block are read too, and bytes that are no UTF-8 as if they were Latin-1."""
    ragged: list[dict[str, str | None]] = []
    names = [f"c{number}" for number in range(len(container.names))]
    at = {name: f"c{container.names.index(name)}" for name in wanted.all}

    def keep(row: pa.csv.InvalidRow) -> str:
        cells = cells_of(row.text or "")
        ragged.append({name: cells[int(spot[1:])] if int(spot[1:]) < len(cells) else None for name, spot in at.items()})
        return "skip"

    with ExitStack() as stack:
        stack.enter_context(_undecodable_lines_unsaid())
        content = container.content
        path = content.path if container.compression == "none" and not careful else None
        reader = pa.csv.open_csv(
            # Arrow reads a plain file ahead in its own threads
            str(path) if path else stack.enter_context(decompressed(content, container.compression)),
            read_options=pa.csv.ReadOptions(
                block_size=LONG_BLOCK_BYTES if careful else BLOCK_BYTES,
                column_names=names,
                skip_rows_after_names=1,
                encoding="latin-1" if careful else "utf8",
            ),
            parse_options=pa.csv.ParseOptions(newlines_in_values=True, invalid_row_handler=keep),
            convert_options=pa.csv.ConvertOptions(
                include_columns=sorted(set(at.values())),
                column_types={spot: pa.string() for spot in at.values()},
                strings_can_be_null=True,
                null_values=["", *matched.format.null_texts],
                check_utf8=False,
            ),
        )
        shown = [matched.columns[name] for name in matched.format.displayed if name in matched.columns]
        plain = [name for name in shown if name in at] if container.displayed else []
        for batch in reader:
            columns = {name: batch.column(spot) for name, spot in at.items()}
            columns |= {name: pa.array(map(plain_text, columns[name].to_pylist()), pa.string()) for name in plain}
            yield _batch(wanted, columns)
            if len(ragged) >= _RAGGED_AT_ONCE:
                kept, ragged[:] = ragged[:], []
                yield _ragged_batch(wanted, at, kept)
    if ragged:
        yield _ragged_batch(wanted, at, ragged)


def _ragged_batch(wanted: Wanted, at: Iterable[str], rows: list[dict[str, str | None]]) -> Batch:
    columns = {name: pa.array([row[name] or None for row in rows], pa.string()) for name in at}
    return replace(_batch(wanted, columns), ragged=True)


@contextmanager
def _undecodable_lines_unsaid() -> Iterator[None]:
    """Arrow decodes a ragged line before it hands it over; where that fails it tells Python's hook, with the line, and then us."""
    before = sys.unraisablehook

    def hook(unraisable: sys.UnraisableHookArgs) -> None:
        if not isinstance(unraisable.exc_value, UnicodeDecodeError):
            before(unraisable)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before


def parquet_batches(container: Container, wanted: Wanted, matched: Matched) -> Iterator[Batch]:
    with container.content.open() as stream, pa.parquet.ParquetFile(stream) as file:
        roots = list(dict.fromkeys(name if name in container.top_level else name.split(".")[0] for name in wanted.all))
        for batch in file.iter_batches(batch_size=1 << 16, row_groups=_row_groups(container, file), columns=roots):
            yield _batch(
                wanted, {name: _as_text(_reach(batch, name, container), name == wanted.also) for name in wanted.all}
            )


def _row_groups(container: Container, file: pa.parquet.ParquetFile) -> list[int] | None:
    """Those of the container's range; None for all."""
    if container.range is None:
        return None
    sizes = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
    begins = itertools.accumulate(sizes, initial=0)
    return [number for number, begin in enumerate(begins) if container.range.first <= begin < container.range.end]


def _reach(batch: pa.RecordBatch, name: str, container: Container) -> pa.Array:
    if name in container.top_level:
        return batch.column(name)
    root, *steps = name.split(".")
    column = batch.column(root)
    for step in steps:
        column = pc.struct_field(column, step)
    return column


def _as_text(column: pa.Array, nested: bool) -> pa.Array:
    if nested:
        return pa.array(
            [json.dumps(value, default=_plain) if value else None for value in _undecoded(column).to_pylist()],
            pa.string(),
        )
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        return pc.strftime(column, format="%Y-%m-%d")
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    return _decoded(column) if _is_text(column.type) else column.cast(pa.string())


def _is_text(kind: pa.DataType) -> bool:
    return any(
        is_one(kind)
        for is_one in (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    )


def _decoded(column: pa.Array) -> pa.Array:
    """The text of a column, with U+FFFD for what is not UTF-8; the line is one in quarantine."""
    try:
        text = column.cast(pa.string())
        text.validate(full=True)
    except pa.ArrowInvalid:
        values = column.cast(pa.binary()).to_pylist()
        return pa.array([None if one is None else one.decode(errors="replace") for one in values], pa.string())
    return text


def _undecoded(column: pa.Array) -> pa.Array:
    """A nested column whose text is bytes, since Arrow would decode it strictly."""
    return column.cast(_in_bytes(column.type))


def _in_bytes(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_in_bytes(field.type)) for field in kind])
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_in_bytes(kind.value_type)))
    return pa.binary() if _is_text(kind) else kind


def _plain(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def json_batches(container: Container, wanted: Wanted, matched: Matched) -> Iterator[Batch]:
    rows: list[dict[str, str | None]] = []
    for _, record in json_records(container, matched):
        known = {} if isinstance(record, NotStrict) else record
        rows.append({name: _leaf(known, name, name == wanted.also) for name in wanted.all})
        if len(rows) >= 1 << 14:
            yield _rows_batch(wanted, rows)
            rows = []
    if rows:
        yield _rows_batch(wanted, rows)


def answer_batches(container: Container, wanted: Wanted, matched: Matched) -> Iterator[Batch]:
    """The rows of answers of an API, those about usage left out."""
    kind = matched.format
    assert kind.answers is not None  # noqa: S101  # only such a format is recognised in answers
    canonical = {raw: name for name, raw in matched.columns.items()}
    rows: list[dict[str, str | None]] = []
    with decompressed(container.content, container.compression) as stream:
        for row in answers.bill_rows(answers.read_pages(stream, "the bill"), kind.answers):
            rows.append({raw: answers.cell(row, canonical[raw], kind, raw) for raw in wanted.all})
            if len(rows) >= 1 << 14:
                yield _rows_batch(wanted, rows)
                rows = []
    if rows:
        yield _rows_batch(wanted, rows)


def json_records(container: Container, matched: Matched) -> Iterator[tuple[bytes, dict[str, Any] | NotStrict]]:
    """The lines of a JSON lines file that are not blank, each with its object, or with why it is none."""
    records = records_of(matched.json_names)
    with decompressed(container.content, container.compression) as stream:
        for line in stream:
            if len(line) > MAX_LINE_BYTES:
                raise LineTooLong
            if is_blank(line):
                continue
            try:
                yield line, parse_line(line, records)
            except NotStrict as error:
                yield line, error


def _rows_batch(wanted: Wanted, rows: list[dict[str, str | None]]) -> Batch:
    return _batch(wanted, {name: pa.array([row[name] for row in rows], pa.string()) for name in wanted.all})


def _leaf(record: Any, name: str, nested: bool) -> str | None:
    for step in name.split("."):
        record = record.get(step) if isinstance(record, dict) else None
    if record is None:
        return None
    if not nested:
        return str(record)
    return None if has_doubled(record) else json.dumps(record)


def _batch(wanted: Wanted, columns: dict[str, pa.Array]) -> Batch:
    def one(name: str | None) -> pa.Array | None:
        return columns[name] if name else None

    period = one(wanted.period)
    cost = one(wanted.cost)
    assert period is not None and cost is not None  # noqa: S101  # the format requires both
    instead = one(wanted.period_else)
    if instead is not None:
        period = pc.coalesce(pc.if_else(pc.equal(pc.utf8_trim(period, " "), ""), None, period), instead)
    return Batch(cost, one(wanted.currency), period, one(wanted.account), one(wanted.also))
