"""What a period will have cost when it ends: the promised projection, and a forecast with an interval.

The projection is spend to date / days elapsed x days in the period: simple, exact, and wrong wherever spend is uneven.

The forecast learns from daily totals.  A weekday effect (the median of each weekday, once there are two weeks) is
taken off; single days far from their neighbours (a yearly fee on the first) are drawn in to six median absolute
deviations; the rest is followed by simple exponential smoothing with six weights, mixed by how likely each makes the
past (so that a short history, which cannot tell drift from noise, gives a wide interval).  The interval is that of
the sum of the days to come under these models (errors carry into the level), plus the uncertainty of the weekday
effects, at 80 %, assuming roughly normal errors.  Source of the sum's variance: Hyndman, Koehler, Ord, Snyder,
"Forecasting with Exponential Smoothing", 2008, chapter 6.

Limits: no trend, no holidays, no month-end peaks; a steady growth is followed with a lag; a charge that is announced
but not yet billed is unknown to it; the last day is taken as complete.  Amounts are decimals throughout.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext

from common.domain.money import EXACT, add, round_cost

MIN_DAYS = 5
"""Days with data that must have passed before a projection or a forecast says anything."""
HISTORY_DAYS = 56
_Z = Decimal("1.2816")  # 80 % of a normal distribution lies within this many standard deviations
_WEIGHTS = tuple(Decimal(text) for text in ("0.05", "0.1", "0.2", "0.35", "0.5", "0.7"))
_OUTLIER_DEVIATIONS = 6
_NEIGHBOURS = 3  # days on either side
_OUTLIER_FLOOR = Decimal("0.05")  # of the median, so that a flat series does not make an outlier of a cent
_PRECISION = Context(prec=50, rounding=ROUND_HALF_EVEN)
_SHOWN = Decimal("0.000001")


@dataclass(frozen=True)
class Forecast:
    """The expected total of a period, and between what it lies in 80 of 100 cases."""

    expected: Decimal
    low: Decimal
    high: Decimal
    trained_on_days: int


def project(spend: Decimal, days_elapsed: int, days: int) -> Decimal:
    """Spend to date / days elapsed x days in the period, at 24 fractional digits."""
    if not 0 < days_elapsed <= days:
        raise ValueError(f"{days_elapsed} days elapsed of {days}, expected 1 to {days}")
    return round_cost(EXACT.divide(EXACT.multiply(spend, Decimal(days)), Decimal(days_elapsed)))


def forecast(spend: Decimal, daily: Mapping[date, Decimal], last_day: date, end: date) -> Forecast | None:
    """Spend to date plus what the days after `last_day`, up to `end` (exclusive), are likely to cost.

    daily: totals by day, before and in the period, of one currency; a day missing between others cost nothing.
    Returns None with fewer than MIN_DAYS of them.
    """
    series = _series(daily, last_day)
    if len(series) < MIN_DAYS:
        return None
    days_ahead = [last_day + timedelta(days=step) for step in range(1, (end - last_day).days)]
    with localcontext(_PRECISION):
        expected, deviation = _remaining(series, last_day, days_ahead)
        total = spend + expected
        low, high = total - _Z * deviation, total + _Z * deviation
        if min(series) >= 0:
            low = max(low, spend)  # without credits a period never gets cheaper
    return Forecast(_shortened(total), _shortened(low), _shortened(high), trained_on_days=len(series))


def _series(daily: Mapping[date, Decimal], last_day: date) -> list[Decimal]:
    known = [day for day in daily if last_day - timedelta(days=HISTORY_DAYS) < day <= last_day]
    if not known:
        return []
    first = min(known)
    return [daily.get(first + timedelta(days=step), Decimal(0)) for step in range((last_day - first).days + 1)]


def _remaining(series: Sequence[Decimal], last_day: date, days_ahead: Sequence[date]) -> tuple[Decimal, Decimal]:
    """Expected sum of the days ahead and its standard deviation."""
    first = last_day - timedelta(days=len(series) - 1)
    weekdays = [(first + timedelta(days=step)).weekday() for step in range(len(series))]
    effects = _weekday_effects(series, weekdays)
    level_series = _without_outliers([value - effects[day] for value, day in zip(series, weekdays, strict=True)])
    smoothings = _smoothings(level_series)
    horizon = len(days_ahead)
    level = add(one.share * one.level for one in smoothings)
    doubtful_effects = _doubtful_effects(weekdays, days_ahead) if any(effects) else Decimal(0)
    variance = Decimal(0)
    for one in smoothings:
        carried = add((1 + one.weight * (horizon - step)) ** 2 for step in range(1, horizon + 1))
        apart = horizon * (one.level - level)
        variance += one.share * (one.variance * (carried + doubtful_effects) + apart * apart)
    return horizon * level + add(effects[day.weekday()] for day in days_ahead), variance.sqrt()


def _doubtful_effects(weekdays: Sequence[int], days_ahead: Sequence[date]) -> Decimal:
    """What not knowing the weekday effects adds to the variance of the sum, in units of a day's variance."""
    ahead = [sum(day.weekday() == weekday for day in days_ahead) for weekday in range(7)]
    return add(Decimal(count * count) / weekdays.count(weekday) for weekday, count in enumerate(ahead))


def _weekday_effects(series: Sequence[Decimal], weekdays: Sequence[int]) -> list[Decimal]:
    if len(series) < 14:
        return [Decimal(0)] * 7
    medians = [
        _median([value for value, day in zip(series, weekdays, strict=True) if day == weekday]) for weekday in range(7)
    ]
    middle = add(medians) / 7
    return [value - middle for value in medians]


def _without_outliers(values: Sequence[Decimal]) -> list[Decimal]:
    """The values with single days drawn in towards the days around them; a new level that lasts is no outlier."""
    around = [_median(values[max(place - _NEIGHBOURS, 0) : place + _NEIGHBOURS + 1]) for place in range(len(values))]
    spread = _median([abs(value - middle) for value, middle in zip(values, around, strict=True)])
    kept = []
    for value, middle in zip(values, around, strict=True):
        reach = _OUTLIER_DEVIATIONS * max(spread, _OUTLIER_FLOOR * abs(middle))
        kept.append(min(max(value, middle - reach), middle + reach))
    return kept


@dataclass(frozen=True)
class _Smoothing:
    """Simple exponential smoothing after the last day.  share: how much its past errors speak for this weight."""

    weight: Decimal
    level: Decimal
    variance: Decimal
    share: Decimal


def _smoothings(values: Sequence[Decimal]) -> list[_Smoothing]:
    start = add(values[:7]) / len(values[:7])
    fitted: list[tuple[Decimal, Decimal, Decimal]] = []
    for weight in _WEIGHTS:
        level, squared = start, Decimal(0)
        for value in values:
            error = value - level
            squared += error * error
            level += weight * error
        fitted.append((weight, level, squared / max(len(values) - 2, 1)))
    smallest = min(variance for _, _, variance in fitted)
    likely = [
        (smallest / variance if variance else Decimal(1)) ** (Decimal(len(values)) / 2) for _, _, variance in fitted
    ]
    total = add(likely)
    return [_Smoothing(*fit, share=one / total) for fit, one in zip(fitted, likely, strict=True)]


def _median(values: Sequence[Decimal]) -> Decimal:
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2


def _shortened(value: Decimal) -> Decimal:
    return value.quantize(_SHOWN, context=EXACT)
