"""How a source usually delivers, learned from its deliveries: how often, how long a day changes, and when the next one is late.

Everything here is computed from sets of deliveries by the provider's own times, so that neither the order in which they arrived nor a
repeat changes anything.  `now` only decides whether the next delivery is late.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise

from common.domain.completeness import FINAL_AFTER
from common.domain.money import EXACT

MIN_INTERVALS = 5
MIN_DAYS = 7
"""Fewer intervals between deliveries, or days that have stopped changing, teach nothing: the source's stated ones are used."""
WINDOW = timedelta(days=45)
"""How far before the newest delivery others are learned from: a back-fill of old months says nothing of the pace of today."""
SAME_ARRIVAL = timedelta(hours=1)
"""Deliveries that are closer, as those of two months by one export, are one arrival."""
SLACK = timedelta(hours=6)
"""How much longer than usual is not late yet: Costwire itself looks every few hours."""
_TOLERANCE = Decimal("0.01")
"""A day whose costs are within this part of what they become has all its charges; a smaller change is a correction."""
_HOUR = timedelta(hours=1)

Costs = Mapping[str, Decimal]
"""Currency -> cost of one day."""


@dataclass(frozen=True)
class Pattern:
    """How a source usually delivers.

    interval, longest_interval: between deliveries, the median and the 90th percentile; None where nobody states one and too few are known.
    lag_median, lag: from the end of a day until its charges have stopped arriving, likewise.  intervals, days: how many were learned
    from; 0: stated.
    """

    interval: timedelta | None
    longest_interval: timedelta | None
    lag_median: timedelta
    lag: timedelta
    intervals: int = 0
    days: int = 0


@dataclass(frozen=True)
class Version:
    """One delivery of a slice: the provider's time, and what each day of its billing period cost."""

    delivered_at: datetime
    days: Mapping[date, Costs]


@dataclass(frozen=True)
class Freshness:
    """What is known of a source.  newest_data: the end of its last charge that had ended when it was delivered, None without any."""

    newest_delivery: datetime
    newest_data: datetime | None
    pattern: Pattern

    @property
    def expected_next(self) -> datetime | None:
        """When the next delivery is usual; None where no interval is known."""
        return None if self.pattern.interval is None else self.newest_delivery + self.pattern.interval

    @property
    def late_from(self) -> datetime | None:
        """When the next delivery is late; None where no interval is known."""
        longest = self.pattern.longest_interval
        return None if longest is None else self.newest_delivery + longest + SLACK

    def is_late(self, now: datetime) -> bool:
        """Whether the next delivery is overdue.  A clock behind the newest delivery finds nothing late."""
        return self.late_from is not None and now > self.late_from


def learned(delivered: Iterable[datetime], ages: Iterable[timedelta], stated: Pattern) -> Pattern:
    """The pattern of a source.  delivered: the times of its deliveries; ages: of its days, as `incomplete_ages` has them.

    What too few deliveries show is as stated.
    """
    between = sorted(_intervals(delivered))
    settled = sorted(ages)
    interval, longest, lag_median, lag = stated.interval, stated.longest_interval, stated.lag_median, stated.lag
    if len(between) >= MIN_INTERVALS:
        interval, longest = percentile(between, 50), percentile(between, 90)
    if len(settled) >= MIN_DAYS:
        lag_median, lag = _next_hour(percentile(settled, 50)), _next_hour(percentile(settled, 90))
    return Pattern(
        interval,
        longest,
        lag_median,
        lag,
        len(between) if len(between) >= MIN_INTERVALS else 0,
        len(settled) if len(settled) >= MIN_DAYS else 0,
    )


def incomplete_ages(versions: Iterable[Version]) -> dict[date, timedelta]:
    """How old each day of a slice was at the last delivery that did not have all its charges; 0 where every later one had.

    Looked at are deliveries up to FINAL_AFTER after the day: what changes later is a restatement.  Days that are younger, or that fewer
    than two deliveries show, are not among the answers.
    """
    known = sorted(versions, key=lambda one: one.delivered_at)
    newest = known[-1].delivered_at if known else None
    found: dict[date, timedelta] = {}
    for day in sorted({day for one in known for day in one.days}):
        ended = datetime.combine(day + timedelta(days=1), time(), UTC)
        seen = [one for one in known if timedelta(0) <= one.delivered_at - ended <= FINAL_AFTER]
        if newest is None or newest - ended < FINAL_AFTER or len(seen) < 2:
            continue
        settled = seen[-1].days.get(day, {})
        lacking = [one.delivered_at - ended for one in seen if not _has_all(one.days.get(day, {}), settled)]
        found[day] = max(lacking, default=timedelta(0))
    return found


def percentile(ordered: Sequence[timedelta], percent: int) -> timedelta:
    """The smallest value that so many percent do not exceed.  ordered: not empty."""
    return ordered[max(-(-len(ordered) * percent // 100), 1) - 1]


def in_words(span: timedelta | None) -> str:
    """`31 h`, rounded up; from two days on `3 days`, rounded down."""
    if span is None:
        return "not known"
    return f"{-(-span // _HOUR)} h" if span < timedelta(days=2) else f"{span.days} days"


def _intervals(delivered: Iterable[datetime]) -> list[timedelta]:
    """The intervals between arrivals in the window before the newest one."""
    times = sorted(delivered)
    arrivals: list[datetime] = []
    for moment in times:
        if moment > times[-1] - WINDOW and (not arrivals or moment - arrivals[-1] >= SAME_ARRIVAL):
            arrivals.append(moment)
    return [after - before for before, after in pairwise(arrivals)]


def _has_all(costs: Costs, settled: Costs) -> bool:
    """Whether a day's costs are what they become, but for corrections."""
    return all(
        abs(EXACT.subtract(costs.get(one, Decimal(0)), settled.get(one, Decimal(0))))
        <= EXACT.multiply(abs(settled.get(one, Decimal(0))), _TOLERANCE)
        for one in costs.keys() | settled.keys()
    )


def _next_hour(age: timedelta) -> timedelta:
    """The first full hour after an age: at the age itself a day was not complete."""
    return (age // _HOUR + 1) * _HOUR if age else timedelta(0)
