"""Parts of a delivery: its landed files, each with the control totals of its lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from common.formats.totals import ControlTotals, Total
from common.providers.discovery import WHOLE


@dataclass(frozen=True)
class Part:
    """One landed file.  control: currency -> totals of the slice's lines in it; `other_lines`: lines of other billing periods."""

    chunk: int
    name: str
    uri: str
    size_bytes: int
    digest: str
    role: str = WHOLE
    control: Mapping[str, Total] = field(default_factory=dict)
    other_lines: int = 0
    stray_lines: bool = False

    def months(self, billing_period: str) -> tuple[str, ...] | None:
        """The months whose lines are the delivery's, "" for lines without one; None where all lines are."""
        if not self.other_lines:
            return None
        return (billing_period, "") if self.stray_lines else (billing_period,)


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
    return {**asdict(part), "control": control}


def read_part(entry: Mapping[str, Any]) -> Part:
    """The part of a document."""
    control = {total["currency"]: Total.from_document(total) for total in entry["control"]}
    return Part(**{**entry, "control": control})
