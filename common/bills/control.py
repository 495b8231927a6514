"""Control totals: what a file adds up to, told by a second reader that shares no code with the mapping.

The mapping reads bills with DuckDB; this reads them with Arrow (CSV, Parquet) and Python (JSON lines), so that a line which one of the two
loses or reads otherwise shows as a difference in the proof.
"""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from common.bills.cells import cells_of
from common.bills.container import Container, decompressed
from common.bills.engine import python_to_json
from common.bills.formats import Matched
from common.domain.money import COST_INTEGER_DIGITS, COST_SCALE, add, plain, read_cost, round_cost
from common.errors import BadBill, resource_error

_BLOCK_BYTES = 4 << 20
_LONG_BLOCK_BYTES = 16 << 20
"""For files with lines longer than a block.  No line of two blocks passes: DuckDB would lose it without a word."""
_RAGGED_AT_ONCE = 1 << 14
_ISO_MONTH = re.compile(r"(\d{4})-(\d{2})")
_COMPACT_MONTH = re.compile(r"(\d{4})(\d{2})(\d{2})?$")
_US_DATE = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
_THREE_LETTERS = re.compile(r"[A-Za-z]{3}")
_EXACT = pa.decimal256(76, 38)


@dataclass
class Total:
    """Lines of one billing period and currency.  amount: the exact sum.  rounded: the sum of the amounts as 24 digits keep them.

    unreadable: lines whose cost cell is no number.
    """

    lines: int = 0
    amount: Decimal = Decimal(0)
    rounded: Decimal = Decimal(0)
    unreadable: int = 0

    def include(self, other: Total) -> None:
        """Add another one of the same period and currency."""
        self.lines += other.lines
        self.amount = add((self.amount, other.amount))
        self.rounded = add((self.rounded, other.rounded))
        self.unreadable += other.unreadable

    def as_document(self) -> dict[str, Any]:
        return {
            "lines": self.lines,
            "amount": plain(self.amount),
            "rounded": plain(self.rounded),
            "unreadable": self.unreadable,
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Total:
        return cls(document["lines"], Decimal(document["amount"]), Decimal(document["rounded"]), document["unreadable"])


@dataclass
class ControlTotals:
    """Totals by (billing period or "", currency or "") and the billing accounts seen.

    ragged: lines with more or fewer cells than the header; they count with what stands in the columns' places.
    """

    totals: dict[tuple[str, str], Total] = field(default_factory=lambda: defaultdict(Total))
    accounts: set[str] = field(default_factory=set)
    ragged: int = 0

    @property
    def lines(self) -> int:
        """All lines."""
        return sum(total.lines for total in self.totals.values())

    @property
    def periods(self) -> list[str]:
        """The billing periods found, oldest first."""
        return sorted({period for period, _ in self.totals if period})


def read_month(text: str | None) -> str:
    """`YYYY-MM` of a date as bills write it: ISO, M/D/YYYY, YYYYMM or YYYYMMDD; "" where it is none of these."""
    found = None
    if text and (iso := _ISO_MONTH.match(text)):
        found = (iso[1], iso[2])
    elif text and (us := _US_DATE.match(text)):
        found = (us[3], us[1].zfill(2))
    elif text and (compact := _COMPACT_MONTH.match(text)):
        found = (compact[1], compact[2])
    return f"{found[0]}-{found[1]}" if found and "01" <= found[1] <= "12" else ""


def read_code(text: str | None) -> str:
    """A currency cell as totals are kept by it: three letters, or "" for what is no code at all."""
    code = (text or "").strip(" ")
    return code if _THREE_LETTERS.fullmatch(code) else ""


def control_totals(container: Container, matched: Matched, label: str) -> ControlTotals:
    """Read the file's cost, currency, billing period and account columns and add them up, exactly.

    Raises BadBill where the file breaks off.
    """
    wanted = _Wanted.of(matched)
    try:
        if container.kind == "csv":
            return _csv_totals(container, wanted, matched)
        reader = {"parquet": _parquet_batches, "json": _json_batches}[container.kind]
        return _add_up(reader(container, wanted, matched))
    except (pa.ArrowInvalid, EOFError, OSError) as error:
        explained = resource_error(error)
        if explained:
            raise explained from error
        # Arrow's words may hold a line of the bill and are not passed on
        if "straddling" in str(error):
            raise BadBill(
                f"{label} has a line longer than {_LONG_BLOCK_BYTES >> 20} MB, perhaps since a quoted cell does not end; export it again"
            ) from None
        raise BadBill(f"{label} breaks off or is damaged while it is read; fetch it again") from None


def _csv_totals(container: Container, wanted: _Wanted, matched: Matched) -> ControlTotals:
    """The quick way, which most files go; once more the careful way where a line is very long, or ragged and no UTF-8."""
    try:
        return _add_up(_csv_batches(container, wanted, matched))
    except pa.ArrowInvalid:
        if _is_one_line(container):
            return ControlTotals()
        return _add_up(_csv_batches(container, wanted, matched, careful=True))


def _is_one_line(container: Container) -> bool:
    """Whether there is only a header, without the end of line that Arrow waits for."""
    with decompressed(container.path, container.compression) as stream:
        text = stream.read(_BLOCK_BYTES).rstrip()
        return b"\n" not in text and b"\r" not in text and not stream.read(1)


def _add_up(batches: Iterable[_Batch]) -> ControlTotals:
    totals = ControlTotals()
    for batch in batches:
        _include(totals, batch)
        totals.ragged += len(batch.cost) if batch.ragged else 0
    return totals


@dataclass(frozen=True)
class _Wanted:
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
    def of(cls, matched: Matched) -> _Wanted:
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
class _Batch:
    """Text columns of some lines; also: the JSON of what adds to the cost.  ragged: they had more or fewer cells than the header."""

    cost: pa.Array
    currency: pa.Array | None
    period: pa.Array
    account: pa.Array | None
    also: pa.Array | None
    ragged: bool = False


def _include(totals: ControlTotals, batch: _Batch) -> None:
    count = len(batch.cost)
    none = pa.nulls(count, pa.string())
    period = batch.period.dictionary_encode()
    currency = (batch.currency if batch.currency is not None else none).dictionary_encode()
    if batch.account is not None:
        totals.accounts.update(value for value in pc.unique(batch.account).to_pylist() if value)
    months = [read_month(value) for value in period.dictionary.to_pylist()]
    codes = [read_code(value) for value in currency.dictionary.to_pylist()]
    groups = pc.add(
        pc.multiply(pc.fill_null(period.indices, -1).cast(pa.int64()), 1 << 31),
        pc.fill_null(currency.indices, -1).cast(pa.int64()),
    )
    for group in pc.unique(groups).to_pylist():
        same = pc.equal(groups, group)
        first = same.index(True).as_py()
        month_at, code_at = period.indices[first].as_py(), currency.indices[first].as_py()
        key = (months[month_at] if month_at is not None else "", codes[code_at] if code_at is not None else "")
        also = batch.also.filter(same) if batch.also is not None else None
        totals.totals[key].include(_sum(batch.cost.filter(same), also))


def _sum(cost: pa.Array, also: pa.Array | None) -> Total:
    """Exact sum of cost texts."""
    quick = _sum_at_once(cost) if also is None else None
    if quick is not None:
        return quick
    total = Total(len(cost))
    extras: Iterable[str | None] = also.to_pylist() if also is not None else (None for _ in range(len(cost)))
    amounts: list[Decimal] = []
    rounded: list[Decimal] = []
    for text, extra in zip(cost.to_pylist(), extras, strict=True):
        value = read_cost(text)
        if value is None:
            total.unreadable += 1
            continue
        parts = [value, *amounts_of(extra)]
        amounts.extend(parts)
        rounded.extend(round_cost(part) for part in parts)
    total.amount, total.rounded = add(amounts), add(rounded)
    return total


def _sum_at_once(cost: pa.Array) -> Total | None:
    """The sum, where every text is a number that Arrow reads exactly (at most 38 fractional digits); else None."""
    if cost.null_count or not len(cost):
        return None
    try:
        values = cost.cast(_EXACT)
    except pa.ArrowInvalid:
        return None  # a word, or more digits than fit: each is looked at
    bounds = pc.min_max(values).as_py()
    if max(abs(bounds["min"]), abs(bounds["max"])) >= Decimal(10) ** COST_INTEGER_DIGITS:
        return None
    exact = pc.sum(values).as_py()
    if pc.max(pc.binary_length(cost)).as_py() <= COST_SCALE + 1 and not _has_exponent(cost):
        return Total(len(cost), exact, exact)  # nothing behind the 24th digit
    rounded = pc.sum(pc.round(values, ndigits=COST_SCALE, round_mode="half_to_even")).as_py()
    return Total(len(cost), exact, rounded)


def _has_exponent(cost: pa.Array) -> bool:
    return bool(pc.any(pc.match_substring(cost, "e", ignore_case=True)).as_py())


def amounts_of(extra: str | None) -> list[Decimal]:
    """The amounts of a list of records, JSON or Python text."""
    if not extra or extra == "[]":
        return []
    text = python_to_json(extra)
    entries = json.loads(text, parse_float=_shortest) if text else []
    values = (read_cost(str(entry.get("amount"))) for entry in entries or [] if isinstance(entry, dict))
    return [value for value in values if value is not None]


def _shortest(text: str) -> str:
    """A JSON number as the shortest decimal text of the binary float that it stands for."""
    return repr(float(text))


def _csv_batches(container: Container, wanted: _Wanted, matched: Matched, careful: bool = False) -> Iterator[_Batch]:
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
        as_path = container.compression == "none" and not careful  # Arrow reads a plain file ahead in its own threads
        reader = pa.csv.open_csv(
            str(container.path)
            if as_path
            else stack.enter_context(decompressed(container.path, container.compression)),
            read_options=pa.csv.ReadOptions(
                block_size=_LONG_BLOCK_BYTES if careful else _BLOCK_BYTES,
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
        for batch in reader:
            yield _batch(wanted, {name: batch.column(spot) for name, spot in at.items()})
            if len(ragged) >= _RAGGED_AT_ONCE:
                kept, ragged[:] = ragged[:], []
                yield _ragged_batch(wanted, at, kept)
    if ragged:
        yield _ragged_batch(wanted, at, ragged)


def _ragged_batch(wanted: _Wanted, at: Iterable[str], rows: list[dict[str, str | None]]) -> _Batch:
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


def _parquet_batches(container: Container, wanted: _Wanted, matched: Matched) -> Iterator[_Batch]:
    with pa.parquet.ParquetFile(container.path) as file:
        roots = list(dict.fromkeys(name if name in container.top_level else name.split(".")[0] for name in wanted.all))
        for batch in file.iter_batches(batch_size=1 << 16, columns=roots):
            yield _batch(
                wanted, {name: _as_text(_reach(batch, name, container), name == wanted.also) for name in wanted.all}
            )


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
            [json.dumps(value, default=str) if value else None for value in column.to_pylist()], pa.string()
        )
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        return pc.strftime(column, format="%Y-%m-%d")
    return column.cast(pa.string())


def _json_batches(container: Container, wanted: _Wanted, matched: Matched) -> Iterator[_Batch]:
    rows: list[dict[str, str | None]] = []
    for _, record in json_records(container):
        rows.append({name: _leaf(record, name, name == wanted.also) for name in wanted.all})
        if len(rows) >= 1 << 14:
            yield _rows_batch(wanted, rows)
            rows = []
    if rows:
        yield _rows_batch(wanted, rows)


def json_records(container: Container) -> Iterator[tuple[bytes, dict[str, Any] | None]]:
    """The lines of a JSON lines file that are not blank, each with its object, or None where it is none."""
    with decompressed(container.path, container.compression) as stream:
        for line in stream:
            if not line.strip():
                continue
            try:
                record = json.loads(line, parse_float=_shortest)
            except (ValueError, RecursionError):
                record = None
            yield line, record if isinstance(record, dict) else None


def _rows_batch(wanted: _Wanted, rows: list[dict[str, str | None]]) -> _Batch:
    return _batch(wanted, {name: pa.array([row[name] for row in rows], pa.string()) for name in wanted.all})


def _leaf(record: Any, name: str, nested: bool) -> str | None:
    for step in name.split("."):
        record = record.get(step) if isinstance(record, dict) else None
    if record is None:
        return None
    return json.dumps(record) if nested else str(record)


def _batch(wanted: _Wanted, columns: dict[str, pa.Array]) -> _Batch:
    def one(name: str | None) -> pa.Array | None:
        return columns[name] if name else None

    period = one(wanted.period)
    cost = one(wanted.cost)
    assert period is not None and cost is not None  # noqa: S101  # the format requires both
    instead = one(wanted.period_else)
    if instead is not None:
        period = pc.coalesce(pc.if_else(pc.equal(pc.utf8_trim_whitespace(period), ""), None, period), instead)
    return _Batch(cost, one(wanted.currency), period, one(wanted.account), one(wanted.also))
