"""Exponential smoothing of a series of days: where it stands, where it heads, and how far its sums may be off.

Simple smoothing with six weights follows a level; two damped trends follow a steady growth or decline once there are two
weeks.  All are mixed by how likely each makes the past, so that a short history, which cannot tell drift from noise,
gives a wide interval.

Source: Hyndman, Koehler, Ord, Snyder, "Forecasting with Exponential Smoothing", 2008, chapters 3 and 6.  Decimal throughout.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from common.domain.money import add

MIN_DAYS_FOR_A_TREND = 14
ESTIMATED = 2
"""Parameters taken from the series: the first level, and the weight."""
_LEVELS = tuple((Decimal(weight), Decimal(0), Decimal(1)) for weight in ("0.05", "0.1", "0.2", "0.35", "0.5", "0.7"))
_TRENDS = tuple(
    (Decimal(weight), Decimal(slope), Decimal(damping))
    for weight, slope, damping in (("0.1", "0.01", "0.97"), ("0.2", "0.02", "0.95"))
)


@dataclass(frozen=True)
class Smoothing:
    """One smoothing after the last day.  variance: of a day's error.  share: how much its past errors speak for it."""

    weight: Decimal
    slope_weight: Decimal
    damping: Decimal
    level: Decimal
    slope: Decimal
    variance: Decimal
    share: Decimal

    def ahead(self, days: int) -> list[Decimal]:
        """What it expects of each of the next days."""
        return [self.level + reach * self.slope for reach in self._reaches(days)]

    def carried(self, days: int, skipped: int) -> Decimal:
        """The variance of the sum over the next days without the first `skipped`, in units of a day's variance.

        A day's error carries into the level and the slope, and so into all days after it.
        """
        effects = [Decimal(1), *(self.weight + self.slope_weight * reach for reach in self._reaches(days))]
        summed = [Decimal(0)]
        for effect in effects:
            summed.append(summed[-1] + effect)
        return add((summed[days - step + 1] - summed[max(skipped - step + 1, 0)]) ** 2 for step in range(1, days + 1))

    def _reaches(self, days: int) -> list[Decimal]:
        """By how many slopes the level has moved after each of the next days."""
        reaches: list[Decimal] = []
        for _ in range(days):
            reaches.append(self.damping * ((reaches[-1] if reaches else 0) + 1))
        return reaches


def smoothings(values: Sequence[Decimal]) -> list[Smoothing]:
    """All smoothings of a series, their shares adding up to 1."""
    start = add(values[:7]) / len(values[:7])
    kinds = (*_LEVELS, *_TRENDS) if len(values) >= MIN_DAYS_FOR_A_TREND else _LEVELS
    fitted = [(*kind, *_followed(values, start, *kind)) for kind in kinds]
    smallest = min(variance for *_, variance in fitted)
    likely = [
        (smallest / variance if variance else Decimal(1)) ** (Decimal(len(values)) / 2) for *_, variance in fitted
    ]
    total = add(likely)
    return [Smoothing(*fit, share=one / total) for fit, one in zip(fitted, likely, strict=True)]


def _followed(
    values: Sequence[Decimal], level: Decimal, weight: Decimal, slope_weight: Decimal, damping: Decimal
) -> tuple[Decimal, Decimal, Decimal]:
    """Level and slope after the last value, and the variance of the errors on the way."""
    slope, squared = Decimal(0), Decimal(0)
    for value in values:
        expected = level + damping * slope
        error = value - expected
        squared += error * error
        level = expected + weight * error
        slope = damping * slope + slope_weight * error
    return level, slope, squared / max(len(values) - ESTIMATED, 1)
