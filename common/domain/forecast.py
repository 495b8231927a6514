"""What a source's days to come will cost, learned from its days that are whole.

A weekday effect (the median of each weekday, once there are two weeks) is taken off; single days far from their
neighbours (a yearly fee on the first) are drawn in to six median absolute deviations; the rest is followed by exponential
smoothing (smoothing.py).  The margin is that of the sum of the days to come at 80 %, by Student's distribution: what the
smoothings leave open, plus the uncertainty of the weekday effects, plus, where days far from their neighbours fell on more
than one day of the month, the chance of more such days.

A day that is still filling is forecast like a day to come, and `day_total` joins that with what has been seen of it.

Limits: no holidays, no month-end peaks; a growth is followed with a lag; a charge that is announced but not yet billed is
unknown to it.  Amounts are decimals throughout.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext

from common.domain.money import EXACT, add, round_cost
from common.domain.smoothing import ESTIMATED, smoothings

MIN_DAYS = 5
"""Whole days with charges that there must be before a projection or a forecast says anything."""
HISTORY_DAYS = 56
_NORMAL = Decimal("1.2816")  # 80 % of a normal distribution lies within this many standard deviations
_OUTLIER_DEVIATIONS = 6
_NEIGHBOURS = 3  # days on either side
_OUTLIER_FLOOR = Decimal("0.05")  # of the median, so that a flat series does not make an outlier of a cent
_PRECISION = Context(prec=50, rounding=ROUND_HALF_EVEN)


@dataclass(frozen=True)
class Expectation:
    """What is still to come of a source.

    more: expected beyond what has been seen.  margin: by how much that may be off in 80 of 100 cases, either way.
    only_charges: whether no day was ever negative, so that the period cannot get cheaper.
    """

    more: Decimal
    margin: Decimal
    trained_on_days: int
    only_charges: bool


def project(spend: Decimal, days_elapsed: int, days: int) -> Decimal:
    """Spend to date / days elapsed x days in the period, at 24 fractional digits."""
    if not 0 < days_elapsed <= days:
        raise ValueError(f"{days_elapsed} days elapsed of {days}, expected 1 to {days}")
    return round_cost(EXACT.divide(EXACT.multiply(spend, Decimal(days)), Decimal(days_elapsed)))


def day_total(seen: Decimal, expected: Decimal) -> Decimal:
    """What a day still filling will have cost: what is expected of it, or what has been seen where that is more.

    More means further from zero on the same side.  On opposite sides they add up: a credit that stands there already
    does not take the place of the day's charges.
    """
    if seen.is_signed() != expected.is_signed():
        return EXACT.add(seen, expected)
    return max(seen, expected, key=lambda value: value.copy_abs())


def expect(daily: Mapping[date, Decimal], complete_through: date, start: date, end: date) -> Expectation | None:
    """What the days after `complete_through` will add, of those from `start` to `end` (exclusive).

    daily: totals by day of one currency; a day missing between whole ones cost nothing; what stands on days after
    `complete_through` has been seen, and is not part of what the forecast learns from.
    Returns None with fewer than MIN_DAYS whole days with charges in the last HISTORY_DAYS.
    """
    series, charged = _series(daily, complete_through)
    if charged < MIN_DAYS:
        return None
    ahead = [complete_through + timedelta(days=step) for step in range(1, (end - complete_through).days)]
    wanted = [day for day in ahead if day >= start]
    only_charges = min(series) >= 0 and all(daily.get(day, 0) >= 0 for day in wanted)
    if not wanted:
        return Expectation(Decimal(0), Decimal(0), len(series), only_charges)
    with localcontext(_PRECISION):
        expected, deviation = _ahead(series, complete_through, ahead, wanted)
        more = add(
            day_total(daily.get(day, Decimal(0)), one) - daily.get(day, Decimal(0))
            for day, one in zip(wanted, expected, strict=True)
        )
        return Expectation(more, _student(len(series) - ESTIMATED) * deviation, len(series), only_charges)


def _series(daily: Mapping[date, Decimal], last_day: date) -> tuple[list[Decimal], int]:
    """The whole days, from the first with charges that is not too long ago, and how many of them have charges."""
    known = [day for day in daily if last_day - timedelta(days=HISTORY_DAYS) < day <= last_day]
    if not known:
        return [], 0
    first = min(known)
    days = [first + timedelta(days=step) for step in range((last_day - first).days + 1)]
    return [daily.get(day, Decimal(0)) for day in days], len(known)


def _ahead(
    series: Sequence[Decimal], last_day: date, ahead: Sequence[date], wanted: Sequence[date]
) -> tuple[list[Decimal], Decimal]:
    """What each wanted day is expected to cost, and the standard deviation of their sum.  wanted: the last of those ahead."""
    days = [last_day - timedelta(days=len(series) - 1 - step) for step in range(len(series))]
    weekdays = [day.weekday() for day in days]
    effects = _weekday_effects(series, weekdays)
    level_series = [value - effects[day] for value, day in zip(series, weekdays, strict=True)]
    drawn_in = _without_outliers(level_series)
    skipped = len(ahead) - len(wanted)
    mixed = smoothings(drawn_in)
    paths = [one.ahead(len(ahead))[skipped:] for one in mixed]
    middle = [
        add(one.share * value for one, value in zip(mixed, values, strict=True)) for values in zip(*paths, strict=True)
    ]
    doubtful_effects = _doubtful_effects(weekdays, wanted) if any(effects) else Decimal(0)
    variance = _recurring(days, level_series, drawn_in, len(wanted))
    for one, path in zip(mixed, paths, strict=True):
        apart = add(path) - add(middle)
        variance += one.share * (one.variance * (one.carried(len(ahead), skipped) + doubtful_effects) + apart * apart)
    return [value + effects[day.weekday()] for value, day in zip(middle, wanted, strict=True)], variance.sqrt()


def _student(freedom: int) -> Decimal:
    """How many standard deviations hold 80 % where the deviation itself is taken from few days.

    Source: Abramowitz, Stegun, "Handbook of Mathematical Functions", 26.7.5, two terms; within 0.02 from 3 on.
    """
    z, freedom = _NORMAL, max(freedom, 1)
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom * freedom)


def _doubtful_effects(weekdays: Sequence[int], wanted: Sequence[date]) -> Decimal:
    """What not knowing the weekday effects adds to the variance of the sum, in units of a day's variance."""
    ahead = [sum(day.weekday() == weekday for day in wanted) for weekday in range(7)]
    return add(Decimal(count * count) / weekdays.count(weekday) for weekday, count in enumerate(ahead))


def _weekday_effects(series: Sequence[Decimal], weekdays: Sequence[int]) -> list[Decimal]:
    if len(series) < 14:
        return [Decimal(0)] * 7
    medians = [
        _median([value for value, day in zip(series, weekdays, strict=True) if day == weekday]) for weekday in range(7)
    ]
    middle = add(medians) / 7
    return [value - middle for value in medians]


def _recurring(days: Sequence[date], values: Sequence[Decimal], drawn_in: Sequence[Decimal], wanted: int) -> Decimal:
    """What days far from their neighbours add to the variance of the sum, were more to come as often as before.

    None where all fell on one day of the month, as monthly fees do.  The expected sum stays: few days show no rate.
    """
    excess = {day: value - kept for day, value, kept in zip(days, values, drawn_in, strict=True) if value != kept}
    if len({day.day for day in excess}) < 2:
        return Decimal(0)
    squared = add(one * one for one in excess.values()) / len(days)
    return squared * wanted * (1 + Decimal(wanted) / len(days))


def _without_outliers(values: Sequence[Decimal]) -> list[Decimal]:
    """The values with single days drawn in towards the days around them; a new level that lasts is no outlier."""
    around = [_median(values[max(place - _NEIGHBOURS, 0) : place + _NEIGHBOURS + 1]) for place in range(len(values))]
    spread = _median([abs(value - middle) for value, middle in zip(values, around, strict=True)])
    kept = []
    for value, middle in zip(values, around, strict=True):
        reach = _OUTLIER_DEVIATIONS * max(spread, _OUTLIER_FLOOR * abs(middle))
        kept.append(min(max(value, middle - reach), middle + reach))
    return kept


def _median(values: Sequence[Decimal]) -> Decimal:
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2
