"""Costs by time for a chart: the groups that are shown, the others as one, in days, weeks or months."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from common.domain.money import EXACT, add
from common.domain.period import BillingPeriod
from common.ports import Runtime
from common.reporting.costs import CostsAnswer, CostsQuestion, CurrencyCosts, ask_costs
from common.warehouse.dimensions import SHORT, Dimension, Filter, Operator
from web.formatting import long_day, month_name, short_day

DAY, WEEK, MONTH = "day", "week", "month"
_MOST = {DAY: 190, WEEK: 1300}
_USUAL = {DAY: 100, WEEK: 400}
_MANY_GROUPS = 300
"""With more groups than these only the days of the shown ones are asked for, and those of the others are what is left of the total."""
Key = str | None


@dataclass(frozen=True)
class Bucket:
    """Some days, both included.  label: short, for an axis; title: for readers."""

    first: date
    last: date
    label: str
    title: str


@dataclass(frozen=True)
class CostSeries:
    """values: group -> an amount per bucket.  others: of all other groups.  complete: how many of the first buckets are complete."""

    each: str
    buckets: tuple[Bucket, ...]
    values: dict[Key, tuple[Decimal, ...]]
    others: tuple[Decimal, ...]
    totals: tuple[Decimal, ...]
    complete: int


def shown_days(answer: CostsAnswer, today: date) -> tuple[date, date] | None:
    """The days of a chart: those that were asked for, within those that can have charges; None without any."""
    charged = answer.charged_days
    if charged is None:
        return None
    first, last = answer.question.days.first or charged[0], answer.question.days.last or charged[1]
    last = min(last, max(today, charged[1]))
    return (first, last) if first <= last else None


def usual_step(first: date, last: date, wanted: str | None = None) -> str:
    """Days, weeks or months, so that bars can be told apart.  wanted: taken where it makes no more than can be drawn."""
    days = (last - first).days + 1
    limits = _MOST if wanted else _USUAL
    start = [DAY, WEEK, MONTH].index(wanted) if wanted else 0
    return next((one for one in (DAY, WEEK)[start:] if days <= limits[one]), MONTH)


def buckets(first: date, last: date, each: str) -> tuple[Bucket, ...]:
    """The steps between two days; those at the ends may be cut."""
    found = []
    day = first
    while day <= last:
        if each == MONTH:
            end = BillingPeriod.of(day).end.date() - timedelta(days=1)
        else:
            end = day + timedelta(days=6 - day.weekday()) if each == WEEK else day
        end = min(end, last)
        if each == DAY:
            found.append(Bucket(day, end, short_day(day), long_day(day)))
        elif each == WEEK:
            found.append(Bucket(day, end, short_day(day), f"{long_day(day)} to {long_day(end)}"))
        else:
            found.append(Bucket(day, end, f"{day:%b %y}", month_name(day)))
        day = end + timedelta(days=1)
    return tuple(found)


def ask_series(
    rt: Runtime,
    org_slug: str,
    answer: CostsAnswer,
    found: CurrencyCosts,
    shown: Sequence[Key],
    steps: Sequence[Bucket],
    each: str,
    filling_since: date | None,
) -> CostSeries:
    """The course of the shown groups of one currency, by the same use case as their sums.  shown: keys of the first dimension."""
    question, dimension = answer.question, answer.question.group[0]
    asked = replace(question, group=(SHORT[DAY],), compare=False, top=None)
    by_day = _days(rt, org_slug, asked, found.currency)
    totals = _in_buckets(by_day.get(None, {}), steps)
    complete = sum(filling_since is None or one.last < filling_since for one in steps)
    if dimension.of_time:
        return CostSeries(each, tuple(steps), {}, totals, totals, complete)
    grouped: dict[Key, dict[date, Decimal]] = {}
    if len(found.groups) + found.others_count <= _MANY_GROUPS:
        grouped = _days(rt, org_slug, replace(asked, group=(dimension, SHORT[DAY])), found.currency)
    else:
        for condition in _conditions(dimension, shown):
            wanted = replace(asked, group=(dimension, SHORT[DAY]), filters=(*question.filters, condition))
            grouped |= _days(rt, org_slug, wanted, found.currency)
    values = {key: _in_buckets(grouped.get(key, {}), steps) for key in shown}
    others = tuple(
        EXACT.subtract(total, add(one[place] for one in values.values())) for place, total in enumerate(totals)
    )
    return CostSeries(each, tuple(steps), values, others, totals, complete)


def _days(rt: Runtime, org_slug: str, question: CostsQuestion, currency: str) -> dict[Key, dict[date, Decimal]]:
    answer = ask_costs(rt, org_slug, question)
    made: dict[Key, dict[date, Decimal]] = {}
    for found in answer.currencies:
        if found.currency != currency:
            continue
        for group in found.groups:
            key = group.keys[0] if len(group.keys) > 1 else None
            made.setdefault(key, {})[date.fromisoformat(str(group.keys[-1]))] = group.amounts.total or Decimal(0)
    return made


def _in_buckets(daily: dict[date, Decimal], steps: Sequence[Bucket]) -> tuple[Decimal, ...]:
    ends = {}
    for place, one in enumerate(steps):
        day = one.first
        while day <= one.last:
            ends[day] = place
            day += timedelta(days=1)
    sums = [Decimal(0)] * len(steps)
    for day, amount in daily.items():
        if day in ends:
            sums[ends[day]] = EXACT.add(sums[ends[day]], amount)
    return tuple(sums)


def _conditions(dimension: Dimension, keys: Sequence[Key]) -> list[Filter]:
    known = tuple(one for one in keys if one is not None)
    found = [Filter(dimension, Operator.IS, known)] if known else []
    return found + ([Filter(dimension, Operator.IS_EMPTY)] if len(known) < len(keys) else [])
