"""What a budget would have done in its last periods, from the charges as they are now; nothing is stored and nobody is alerted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from common.budgets.answers import Asked
from common.budgets.manage import BudgetRequest
from common.budgets.questions import Spend, read_charged_days, read_spend
from common.budgets.scope_check import scope_warnings
from common.domain.budgets import ACTUAL, CUSTOM, Budget, BudgetPeriod, Threshold, spent_percent
from common.domain.money import EXACT, add, plain
from common.ports import Runtime

PERIODS = 6


@dataclass(frozen=True)
class Crossing:
    """A threshold on actual spend.  day: that of the charges with which it would have been crossed; None where it would not."""

    threshold: Threshold
    limit: Decimal
    day: date | None


@dataclass(frozen=True)
class PeriodPreview:
    """One period.  running: spend up to each day with charges, in order."""

    period: BudgetPeriod
    is_open: bool
    spend: Decimal
    charges: int
    spent_percent: Decimal
    crossings: tuple[Crossing, ...]
    running: tuple[tuple[date, Decimal], ...]

    @property
    def crossed(self) -> tuple[Crossing, ...]:
        """The thresholds that would have alerted."""
        return tuple(one for one in self.crossings if one.day is not None)

    def as_json(self) -> dict[str, Any]:
        """For programs; amounts are exact decimals as text."""
        return {
            "period": self.period.key,
            "period_start": self.period.start.isoformat(),
            "period_end": self.period.end.isoformat(),
            "period_open": self.is_open,
            "spend": plain(self.spend),
            "percent": plain(self.spent_percent),
            "charges": self.charges,
            "thresholds": [
                {
                    "threshold_percent": plain(one.threshold.percent),
                    "threshold_amount": plain(one.limit),
                    "crossed_on": one.day.isoformat() if one.day else None,
                }
                for one in self.crossings
            ],
        }


@dataclass(frozen=True)
class BudgetPreview:
    """periods: the newest first, of those since the first charge; one of a custom budget.  warnings: of values that no charge has."""

    request: BudgetRequest
    periods: tuple[PeriodPreview, ...]
    warnings: tuple[str, ...]

    @property
    def alerts(self) -> int:
        """How many thresholds would have been crossed."""
        return sum(len(one.crossed) for one in self.periods)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {"periods": [one.as_json() for one in self.periods], "warnings": list(self.warnings)}


def preview_budget(rt: Runtime, org_slug: str, request: BudgetRequest) -> BudgetPreview:
    """Which thresholds on actual spend would have been crossed, and when.

    Those on a forecast are left out: they depend on what was known then.
    """
    budget, now = request.budget("preview", ""), rt.clock.now()
    found = tuple(
        _preview(rt.warehouse, org_slug, budget, one, now) for one in _periods(rt.warehouse, org_slug, budget, now)
    )
    return BudgetPreview(request, found, tuple(scope_warnings(rt, org_slug, budget)))


def _periods(warehouse: Asked, org_slug: str, budget: Budget, now: datetime) -> Iterator[BudgetPeriod]:
    charged = read_charged_days(warehouse, org_slug)
    if budget.period == CUSTOM:
        yield budget.period_of(now.date())
        return
    if not charged:
        return
    first = min(one.billing_period_start for one in charged)
    newest = max(one.billing_period_start for one in charged)
    period: BudgetPeriod | None = budget.period_of(min(newest, now).date())
    for _ in range(PERIODS):
        if period is None or period.end <= first:
            return
        yield period
        period = budget.previous(period)


def _preview(warehouse: Asked, org_slug: str, budget: Budget, period: BudgetPeriod, now: datetime) -> PeriodPreview:
    spend = read_spend(warehouse, org_slug, budget, period, now)
    running = tuple(_running(spend, period))
    return PeriodPreview(
        period,
        period.is_open(now),
        spend.total,
        spend.charges,
        spent_percent(spend.total, budget.amount),
        tuple(
            Crossing(
                one,
                one.limit(budget.amount),
                next((day for day, sum_ in running if one.is_crossed(sum_, budget.amount)), None),
            )
            for one in budget.all_thresholds
            if one.basis == ACTUAL
        ),
        running,
    )


def _running(spend: Spend, period: BudgetPeriod) -> Iterator[tuple[date, Decimal]]:
    """Spend up to each day.  What an invoice counts of other days stands on the nearest day of the period."""
    last = period.end.date().fromordinal(period.end.date().toordinal() - 1)
    daily: dict[date, list[Decimal]] = {}
    for source in spend.sources:
        for day, amount in source.counted.items():
            daily.setdefault(min(max(day, period.start.date()), last), []).append(amount)
    total = Decimal(0)
    for day in sorted(daily):
        total = EXACT.add(total, add(daily[day]))
        yield day, total
