"""A file with more than one chunk may have: where it is cut, and the totals of its ranges.

The result of each step is stored with the file (`known_files`), so that a landing of several messages goes on where the last one ended.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import accumulate
from typing import Any

from common.formats.control import control_totals
from common.formats.cutting import Cut, first_cut, is_cuttable, next_cut, parquet_ranges, ranges_of
from common.formats.ranges import Range
from common.formats.totals import ControlTotals, read_totals, totals_document
from common.ingestion.landed_files import Fetched, Ports, opened
from common.providers.provider import Opened
from common.telemetry import span


@dataclass(frozen=True)
class RangedTotals:
    """The control totals of a whole file, and its ranges, each with the number of rows before it."""

    whole: ControlTotals
    ranges: tuple[Range, ...]


def first_facts(part: Opened, chunk_bytes: int) -> dict[str, Any]:
    """What is to be kept of a file that has just been looked at: where the cutting begins; nothing where it is not to be cut."""
    container, _ = part
    if not is_cuttable(container, chunk_bytes):
        return {}
    if container.kind == "parquet":
        return {"ranges": [asdict(one) for one in parquet_ranges(container, chunk_bytes)]}
    begin = first_cut(container)
    return {"cuts": [_entry(begin)]} if begin else {}


def ranges_once(one: Fetched, ports: Ports) -> tuple[Range, ...]:
    """The ranges of a file, as far as their numbers of rows are not needed; none where it is one chunk."""
    kept = ports.known.get(one.key)
    if "ranges" not in kept and "cuts" in kept:
        cuts = [Cut(**{**entry, "ends": tuple(entry["ends"])}) for entry in kept["cuts"]]
        with opened(one, ports) as (container, _), span("cut part", part=one.found.name):
            while cuts[-1].at < container.content.size_bytes:
                ports.time_limit.check()
                cuts.append(next_cut(container, cuts[-1], ports.chunk_bytes))
                ports.known.keep(one.key, cuts=[_entry(cut) for cut in cuts])
        ports.known.keep(one.key, ranges=[asdict(range_) for range_ in ranges_of(cuts)])
    found = tuple(Range(**entry) for entry in ports.known.get(one.key).get("ranges", ()))
    return found if len(found) > 1 else ()


def of_each(one: Fetched, ranges: Sequence[Range], ports: Ports, fact: str, read: Callable[[Opened], Any]) -> list[Any]:
    """What `read` finds in each range, in order; kept as `fact`."""
    found = list(ports.known.get(one.key).get(fact, ()))
    for only in ranges[len(found) :]:
        ports.time_limit.check()
        with opened(one, ports, only) as part:
            found.append({"found": read(part)})  # a list of Firestore holds no lists
        ports.known.keep(one.key, **{fact: found})
    return [entry["found"] for entry in found]


def totals_of_ranges(one: Fetched, ranges: Sequence[Range], ports: Ports, cost: str | None) -> RangedTotals:
    """The second reader's totals, range by range.  cost: the canonical column, where it is not the format's own.

    Of the ranges that are read the sum is kept, and how many rows each has: the totals of each would outgrow the document.
    """
    kept = ports.known.get(one.key).get("totals")
    if not kept or kept["asked"] != cost:
        kept = {"asked": cost, "rows": [], **totals_document(ControlTotals())}
    for only in ranges[len(kept["rows"]) :]:
        ports.time_limit.check()
        whole = read_totals(kept)
        with (
            opened(one, ports, only) as (container, matched),
            span("control totals", part=one.found.name, first=only.first),
        ):
            found = control_totals(container, matched.with_cost(cost) if cost else matched, one.found.name)
        whole.include(found)
        # lines of another width are no rows to DuckDB, which numbers rows
        kept = {**kept, "rows": [*kept["rows"], found.lines - found.ragged], **totals_document(whole)}
        ports.known.keep(one.key, totals=kept)
    before = accumulate(kept["rows"], initial=0)
    numbered = tuple(replace(only, rows=rows) for only, rows in zip(ranges, before, strict=False))
    return RangedTotals(read_totals(kept), numbered)


def _entry(cut: Cut) -> dict[str, Any]:
    return {**asdict(cut), "ends": list(cut.ends)}
