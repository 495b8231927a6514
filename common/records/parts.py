"""Parts of a delivery: its landed files, each with the control totals of its lines; and chunks, which are mapped one by one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from common.formats.ranges import Range
from common.formats.totals import ControlTotals, Total
from common.providers.discovery import WHOLE


@dataclass(frozen=True)
class Part:
    """One landed file.

    chunk: its number in the delivery.  control: currency -> totals of the slice's lines in it; `other_lines`: lines of other billing
    periods.  ranges: how it is cut into chunks; none where it is one chunk.
    """

    chunk: int
    name: str
    uri: str
    size_bytes: int
    digest: str
    role: str = WHOLE
    control: Mapping[str, Total] = field(default_factory=dict)
    other_lines: int = 0
    stray_lines: bool = False
    ranges: tuple[Range, ...] = ()

    def months(self, billing_period: str) -> tuple[str, ...] | None:
        """The months whose lines are the delivery's, "" for lines without one; None where all lines are."""
        if not self.other_lines:
            return None
        return (billing_period, "") if self.stray_lines else (billing_period,)


@dataclass(frozen=True)
class Chunk:
    """What one message maps: a part, or one range of it.  number: in the delivery."""

    number: int
    part: Part
    range: Range | None = None


def chunks_of(parts: Iterable[Part]) -> tuple[Chunk, ...]:
    """The chunks of a delivery's parts, in order."""
    pieces = [(part, one) for part in parts for one in (part.ranges or (None,))]
    return tuple(Chunk(number, part, one) for number, (part, one) in enumerate(pieces))


def part_control(control: ControlTotals, billing_period: str, takes_strays: bool) -> tuple[dict[str, Total], int]:
    """A part's totals by currency for one billing period, and how many lines belong to others.

    takes_strays: lines without a readable period count here, so that exactly one delivery accounts for them.
    """
    mine: dict[str, Total] = {}
    others = 0
    for (period, currency), total in control.totals.items():
        if period == billing_period or (takes_strays and not period):
            mine.setdefault(currency, Total()).include(total)
        else:
            others += total.lines
    return mine, others


def part_document(part: Part) -> dict[str, Any]:
    """Plain types only."""
    control = [{"currency": currency, **total.as_document()} for currency, total in sorted(part.control.items())]
    document = {**asdict(part), "control": control, "ranges": [asdict(one) for one in part.ranges]}
    if not part.ranges:
        del document["ranges"]  # as an earlier release wrote it
    return document


def read_part(entry: Mapping[str, Any]) -> Part:
    """The part of a document."""
    control = {total["currency"]: Total.from_document(total) for total in entry["control"]}
    ranges = tuple(Range(**one) for one in entry.get("ranges", ()))
    return Part(**{**entry, "control": control, "ranges": ranges})
