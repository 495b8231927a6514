"""Figures: many runs of one thing, as median and range, beside the target."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One line of the table.  values: of the counted runs.  target: `least` or `most` of what is wanted; None: for the record."""

    benchmark: str
    name: str
    values: tuple[float, ...]
    unit: str
    least: float | None = None
    most: float | None = None
    note: str = ""

    @property
    def median(self) -> float:
        """The middle of the runs."""
        return statistics.median(self.values)

    @property
    def reached(self) -> bool | None:
        """Whether the median reaches the target; None without one."""
        if self.least is not None:
            return self.median >= self.least
        if self.most is not None:
            return self.median <= self.most
        return None

    @property
    def target(self) -> str:
        """The target in words."""
        if self.least is not None:
            return f"at least {written(self.least, self.unit)}"
        return f"under {written(self.most, self.unit)}" if self.most is not None else ""

    @property
    def measured(self) -> str:
        """Median, and the range where there is one."""
        text = written(self.median, self.unit)
        if len(self.values) == 1:
            return text
        return f"{text} ({written(min(self.values), '')} to {written(max(self.values), '')})"

    def as_document(self) -> dict[str, Any]:
        """Plain types only."""
        return {**asdict(self), "median": self.median, "reached": self.reached}


def figure_of(document: dict[str, Any]) -> Figure:
    """The figure of a document."""
    known = {name: document[name] for name in Figure.__dataclass_fields__}
    return Figure(**{**known, "values": tuple(document["values"])})


def written(value: float, unit: str) -> str:
    """A number for people: large ones whole, small ones with the digits that tell."""
    number = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
    return f"{number} {unit}".strip()


def ratios(above: Sequence[float], below: Sequence[float]) -> tuple[float, ...]:
    """One ratio a run, of what was measured side by side."""
    return tuple(one / other for one, other in zip(above, below, strict=True))
