"""Control totals: the sums of a file, computed by a second reader that shares no code with the mapping.

The mapping reads bills with DuckDB; this reads them with Arrow (CSV, Parquet) and Python (JSON lines), so that a line which one of
the two loses or reads otherwise shows as a difference in the proof.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from common import progress
from common.domain.money import COST_SCALE, add, fits_cost, read_cost, round_cost
from common.errors import BadBill, resource_error
from common.formats.bounds import too_long
from common.formats.container import Container, decompressed
from common.formats.recognition import Matched
from common.formats.second_reader import (
    BLOCK_BYTES,
    Batch,
    LineTooLong,
    Wanted,
    answer_batches,
    csv_batches,
    json_batches,
    parquet_batches,
)
from common.formats.totals import ControlTotals, Total, amounts_of, read_code, read_month

_EXACT = pa.decimal256(76, 38)
_SMALL_EXPONENTS = r"^[+-]?[0-9]{1,13}(\.[0-9]{0,26}([eE]-(0?[0-9]|1[0-2]))?)?$"
"""Of texts in E notation, those that Arrow reads as they are meant: at most 38 fractional digits in the end."""
_BEHIND_THE_LAST_DIGIT = r"\.[0-9]{25}|\.[0-9]{17,}[eE]|\.[0-9]{16}[eE]-0?9|[eE]-0*[1-9][0-9]"
"""What may have a digit behind the 24th: Arrow divides wide decimals wrongly near multiples of 2^64, so it rounds none."""
_LONGEST_QUICK = 38


def control_totals(container: Container, matched: Matched, label: str) -> ControlTotals:
    """Read the file's cost, currency, billing period and account columns and add them up, exactly.

    Raises BadBill where the file breaks off.
    """
    wanted = Wanted.of(matched)
    try:
        if container.kind == "csv":
            return _csv_totals(container, wanted, matched)
        reader = {"parquet": parquet_batches, "json": json_batches, "answers": answer_batches}[container.kind]
        return _add_up(reader(container, wanted, matched))
    except LineTooLong:
        raise too_long(label) from None
    except UnicodeDecodeError:
        raise BadBill(f"{label} is a Parquet file with text that is not UTF-8; export it again") from None
    except (pa.ArrowInvalid, EOFError, OSError) as error:
        explained = resource_error(error)
        if explained:
            raise explained from error
        # Arrow's words may hold a line of the bill and are not passed on
        if "straddling" in str(error):
            raise too_long(label) from None
        raise BadBill(f"{label} is incomplete or damaged; fetch it again") from None


def _csv_totals(container: Container, wanted: Wanted, matched: Matched) -> ControlTotals:
    """The quick way, which most files go; once more the careful way where a line is very long, or ragged and no UTF-8."""
    try:
        return _add_up(csv_batches(container, wanted, matched))
    except pa.ArrowInvalid:
        if _is_one_line(container):
            return ControlTotals()
        return _add_up(csv_batches(container, wanted, matched, careful=True))


def _is_one_line(container: Container) -> bool:
    """Whether there is only a header, without the end of line that Arrow waits for."""
    with decompressed(container.content, container.compression) as stream:
        text = stream.read(BLOCK_BYTES).rstrip()
        return b"\n" not in text and b"\r" not in text and not stream.read(1)


def _add_up(batches: Iterable[Batch]) -> ControlTotals:
    totals = ControlTotals()
    for batch in batches:
        include(totals, batch)
        progress.advance(progress.ADDING_UP, len(batch.cost))
        totals.ragged += len(batch.cost) if batch.ragged else 0
    return totals


def include(totals: ControlTotals, batch: Batch) -> None:
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
    if also is not None:
        return _sum_each(cost, also)
    alone = _by_itself(cost)
    total = _sum_at_once(cost if alone is None else cost.filter(pc.invert(alone)))
    if total is None:
        return _sum_each(cost, None)
    if alone is not None:
        total.include(_sum_each(cost.filter(alone), None))
    return total


def _sum_each(cost: pa.Array, also: pa.Array | None) -> Total:
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
        kept = add(round_cost(part) for part in parts)
        if not fits_cost(kept):
            total.unreadable += 1
            continue
        amounts.extend(parts)
        rounded.append(kept)
    total.amount, total.rounded = add(amounts), add(rounded)
    return total


def _by_itself(cost: pa.Array) -> pa.Array | None:
    """Which texts Arrow would read as another number, not survive, or round wrongly; None where none can be."""
    exponents = pc.match_substring(cost, "e", ignore_case=True)
    exponential = pc.any(exponents).as_py()
    if not cost.null_count and not exponential and (pc.max(pc.binary_length(cost)).as_py() or 0) <= COST_SCALE + 1:
        return None  # as in most bills: too short for a digit behind the 24th
    found = pc.match_substring_regex(cost, _BEHIND_THE_LAST_DIGIT)
    if exponential:
        odd = pc.and_(exponents, pc.invert(pc.match_substring_regex(cost, _SMALL_EXPONENTS)))
        found = pc.or_(found, odd)
    found = pc.fill_null(found, True)
    return found if pc.any(found).as_py() else None


def _sum_at_once(cost: pa.Array) -> Total | None:
    """The sum of amounts with at most 24 digits behind the point, where Arrow reads every one exactly; else None."""
    if not len(cost):
        return Total()
    if pc.max(pc.binary_length(cost)).as_py() > _LONGEST_QUICK:
        return None
    try:
        values = cost.cast(_EXACT)
    except pa.ArrowInvalid:
        return None
    bounds = pc.min_max(values).as_py()
    if not fits_cost(bounds["min"]) or not fits_cost(bounds["max"]):
        return None
    exact = pc.sum(values).as_py()
    return Total(len(cost), exact, exact)
