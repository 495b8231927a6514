"""What a period is expected to cost when it ends: the promised projection, and a forecast with an interval.

The projection is net cost to date / days elapsed x days in the period, over the days that are whole: simple, exact, and
wrong wherever spend is uneven.  The forecast learns from the days before as well (forecast.py).  Both take each source by
itself, since sources are whole through different days, and add up what is exact: nothing that was billed is left out, and
a day still filling counts with at least what has been seen of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal, localcontext

from common.domain.completeness import has_stopped
from common.domain.forecast import MIN_DAYS, Expectation, day_total, expect, project
from common.domain.money import EXACT, add, round_cost

_SHOWN = Decimal("0.000001")


@dataclass(frozen=True)
class Source:
    """Charges of one currency that are whole through the same day.

    delivered_on: the day of the newest delivery.  daily: totals by charge day, history included.
    counted: of these, what counts in the period; where charges count by invoice, some lie outside its days.
    """

    delivered_on: date
    complete_through: date
    daily: Mapping[date, Decimal]
    counted: Mapping[date, Decimal]


@dataclass(frozen=True)
class Forecast:
    """The expected total of a period, and between what it lies in 80 of 100 cases."""

    expected: Decimal
    low: Decimal
    high: Decimal
    trained_on_days: int


def project_sources(sources: Sequence[Source], start: date, end: date) -> Decimal | None:
    """The projection of a period from `start` to `end` (exclusive), at 24 fractional digits.

    Returns None where no source has MIN_DAYS whole days with charges in the period.
    """
    paced = _paced(sources, lambda source: _charged(source, start) >= MIN_DAYS)
    return add(_projected(source, start, end) for source in paced) if paced else None


def forecast_sources(sources: Sequence[Source], start: date, end: date) -> Forecast | None:
    """The forecast of a period from `start` to `end` (exclusive), at six fractional digits.

    Returns None where no source has MIN_DAYS whole days with charges, in the period or in the weeks before it.
    """

    def expected(source: Source) -> Expectation | None:
        return expect(source.daily, source.complete_through, start, end)

    paced = _paced(sources, lambda source: expected(source) is not None)
    found = [one for one in map(expected, paced) if one is not None]
    if not found:
        return None
    spend = add(amount for source in paced for amount in source.counted.values())
    total = EXACT.add(spend, add(one.more for one in found))
    with localcontext(EXACT) as context:
        context.prec = 50
        margin = add(one.margin * one.margin for one in found).sqrt()  # sources err independently
    low, high = EXACT.subtract(total, margin), EXACT.add(total, margin)
    if all(one.only_charges for one in found):
        low = max(low, spend)  # without credits a period never gets cheaper
    trained_on_days = max(one.trained_on_days for one in found)
    return Forecast(_shortened(total), _shortened(low), _shortened(high), trained_on_days)


def _charged(source: Source, start: date) -> int:
    return sum(start <= day <= source.complete_through for day in source.counted)


def _projected(source: Source, start: date, end: date) -> Decimal:
    elapsed = min((source.complete_through - start).days + 1, (end - start).days)
    whole = add(amount for day, amount in source.counted.items() if day <= source.complete_through)
    later = {day: amount for day, amount in source.counted.items() if day > source.complete_through}
    pace = EXACT.divide(whole, Decimal(elapsed))
    beyond = add(
        EXACT.subtract(day_total(seen, pace), pace) if start <= day < end else seen for day, seen in later.items()
    )
    return EXACT.add(project(whole, elapsed, (end - start).days), round_cost(beyond))


def _paced(sources: Sequence[Source], has_pace: Callable[[Source], bool]) -> list[Source]:
    """The sources that show a pace of their own; what the others have is joined to the one that is whole the longest.

    So a monthly fee, or an account of three days, is counted with the days of the others, and multiplied by its own few
    never.  Of a source that has stopped only what counts is taken.  Empty where there is no pace, all taken together.
    """
    if not sources:
        return []
    newest = max(source.delivered_on for source in sources)
    stopped = [replace(one, daily={}) for one in sources if has_stopped(one.delivered_on, newest)]
    running = _by_day(one for one in sources if not has_stopped(one.delivered_on, newest))
    paced = [source for source in running if has_pace(source)]
    if not paced:
        joined = _joined(running, min(source.complete_through for source in running))
        paced, running = ([joined], [joined]) if has_pace(joined) else ([], [])
    if not paced:
        return []
    rest = [source for source in running if source not in paced] + stopped
    longest = max(paced, key=lambda source: source.complete_through)
    paced.remove(longest)
    return [*paced, _joined([longest, *rest], longest.complete_through)]


def _by_day(sources: Iterable[Source]) -> list[Source]:
    """The sources with those that are whole through the same day joined."""
    groups: dict[date, list[Source]] = {}
    for source in sources:
        groups.setdefault(source.complete_through, []).append(source)
    return [_joined(groups[day], day) for day in sorted(groups)]


def _joined(sources: Sequence[Source], complete_through: date) -> Source:
    return Source(
        delivered_on=max(source.delivered_on for source in sources),
        complete_through=complete_through,
        daily=_added(source.daily for source in sources),
        counted=_added(source.counted for source in sources),
    )


def _added(several: Iterable[Mapping[date, Decimal]]) -> dict[date, Decimal]:
    total: dict[date, Decimal] = {}
    for daily in several:
        for day, amount in daily.items():
            total[day] = EXACT.add(total.get(day, Decimal(0)), amount)
    return total


def _shortened(value: Decimal) -> Decimal:
    return value.quantize(_SHOWN, context=EXACT)
