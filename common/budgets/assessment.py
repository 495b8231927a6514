"""The status of a budget in one period, computed from its spend alone, without effects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from common.budgets.questions import Driver, Spend
from common.budgets.sources import Filling
from common.domain.budgets import ACTUAL, Budget, BudgetPeriod, Threshold, percent_value, spent_percent
from common.domain.money import EXACT, plain
from common.domain.one_view import OneView
from common.domain.outlook import Forecast, forecast_sources, project_sources

TOP_DRIVERS = 3


@dataclass(frozen=True)
class Assessment:
    """A budget's spend in a period, what it leads to, and what drives it.

    projected, forecast: None once the period has ended, and before there are enough whole days.
    filling_from: the first day of the period of which some source may lack lines; None where all are whole.
    one_view: deliveries that count and whose source does not provide the budget's metric for commitments.
    """

    budget: Budget
    period: BudgetPeriod
    spend: Spend
    drivers: Sequence[Driver]
    is_open: bool
    days_elapsed: int
    filling_from: date | None
    projected: Decimal | None
    forecast: Forecast | None
    one_view: Sequence[OneView] = ()

    def crossed(self, threshold: Threshold) -> bool | None:
        """Whether a threshold is crossed; None where there is no projection to tell by."""
        if threshold.basis == ACTUAL:
            return threshold.is_crossed(self.spend.total, self.budget.amount)
        return None if self.projected is None else threshold.is_crossed(self.projected, self.budget.amount)


def elapsed_days(spend: Spend, period: BudgetPeriod, now: datetime) -> int:
    """Days from the start of the period to its newest day with charges, both counted; all of them once it has ended."""
    if not period.is_open(now):
        return period.days
    if not spend.days_with_charges:
        return 0
    return (spend.days_with_charges[-1] - period.start.date()).days + 1


def still_filling(spend: Spend, period: BudgetPeriod) -> list[Filling]:
    """The sources that lack lines of days of the period, as of their newest delivery."""
    return [one for one in spend.filling if one.filling_from < period.end.date()]


def filling_from(spend: Spend, period: BudgetPeriod, now: datetime) -> date | None:
    """The first day of the period of which some source may lack lines; None where all are whole.

    While the period is open, a source that has stopped is not waited for; once it has ended, what it lacks is reported.
    """
    of_now = [one for one in still_filling(spend, period) if not (one.stopped and period.is_open(now))]
    first = min((one.filling_from for one in of_now), default=None)
    return None if first is None else max(first, period.start.date())


def compared_days(spend: Spend, period: BudgetPeriod, now: datetime) -> int:
    """How many of the period's first days can be held against another period's: those that are whole, and have begun."""
    elapsed = elapsed_days(spend, period, now)
    filling = filling_from(spend, period, now)
    if filling is None or not period.is_open(now):
        return elapsed
    return min(elapsed, (filling - period.start.date()).days)


def assess(
    budget: Budget,
    period: BudgetPeriod,
    spend: Spend,
    drivers: Sequence[Driver],
    now: datetime,
    one_view: Sequence[OneView] = (),
) -> Assessment:
    """Compare spend, projection and forecast with the budget."""
    is_open = period.is_open(now)
    span = period.start.date(), period.end.date()
    return Assessment(
        budget=budget,
        period=period,
        spend=spend,
        drivers=drivers,
        is_open=is_open,
        days_elapsed=elapsed_days(spend, period, now),
        filling_from=filling_from(spend, period, now),
        projected=project_sources(spend.sources, *span) if is_open else None,
        forecast=forecast_sources(spend.sources, *span) if is_open else None,
        one_view=one_view,
    )


def facts_of(assessment: Assessment, now: datetime) -> dict[str, Any]:
    """Everything a message or a table says of a budget's standing, in plain types; amounts are decimal text."""
    budget, period, spend = assessment.budget, assessment.period, assessment.spend
    return {
        "budget_id": budget.budget_id,
        "budget_name": budget.name,
        "owner": budget.owner,
        "amount": plain(budget.amount),
        "currency": budget.currency,
        "metric": budget.metric,
        "scope": budget.scope.describe(),
        "counted_by": "billing period" if budget.counts_by_billing_period else "day of the charge",
        "period": period.key,
        "period_start": period.start.isoformat(),
        "period_end": period.end.isoformat(),
        "period_open": assessment.is_open,
        "days_elapsed": assessment.days_elapsed,
        "days": period.days,
        "current_spend": plain(spend.total),
        "percent": plain(spent_percent(spend.total, budget.amount)),
        "charges": spend.charges,
        "daily": _daily_facts(spend),
        "projected": _text(assessment.projected),
        "projected_percent": None
        if assessment.projected is None
        else plain(spent_percent(assessment.projected, budget.amount)),
        "forecast": _forecast_facts(assessment.forecast),
        "filling_from": assessment.filling_from.isoformat() if assessment.filling_from else None,
        "filling": [_filling_facts(one) for one in still_filling(spend, period)],
        "one_view": [one.as_facts() for one in assessment.one_view],
        "drivers": [_driver_facts(driver) for driver in assessment.drivers[:TOP_DRIVERS]],
        "largest_increase": _largest_increase(assessment.drivers),
        "as_of": spend.latest_charge.isoformat() if spend.latest_charge else None,
        "delivered_at": spend.ingested_at.isoformat() if spend.ingested_at else None,
        "evaluated_at": now.isoformat(),
        "not_counted": [
            {"currency": other.currency, "spend": plain(other.spend), "charges": other.charges}
            for other in spend.not_counted
        ],
    }


def threshold_facts(threshold: Threshold, budget: Budget) -> dict[str, Any]:
    """What a message says of the threshold it is about."""
    return {
        "basis": threshold.basis,
        "threshold_percent": percent_value(threshold.percent),
        "threshold_amount": plain(threshold.limit(budget.amount)),
    }


def _forecast_facts(made: Forecast | None) -> dict[str, Any] | None:
    if made is None:
        return None
    return {
        "expected": plain(made.expected),
        "low": plain(made.low),
        "high": plain(made.high),
        "trained_on_days": made.trained_on_days,
    }


def _filling_facts(one: Filling) -> dict[str, Any]:
    return {
        "provider": one.provider,
        "delivered_on": one.delivered_on.isoformat(),
        "filling_from": one.filling_from.isoformat(),
        "stopped": one.stopped,
    }


def _daily_facts(spend: Spend) -> dict[str, str]:
    """Day -> spend, of the days with charges in the period."""
    days: dict[date, Decimal] = {}
    for source in spend.sources:
        for day, amount in source.counted.items():
            days[day] = EXACT.add(days.get(day, Decimal(0)), amount)
    return {day.isoformat(): plain(amount) for day, amount in sorted(days.items())}


def _driver_facts(driver: Driver) -> dict[str, Any]:
    change = None if driver.previous is None else EXACT.subtract(driver.compared, driver.previous)
    return {
        "service": driver.service,
        "spend": plain(driver.spend),
        "previous": _text(driver.previous),
        "change": _text(change),
    }


def _largest_increase(drivers: Sequence[Driver]) -> dict[str, Any] | None:
    grown = [
        (EXACT.subtract(driver.compared, driver.previous), driver)
        for driver in drivers
        if driver.previous is not None and driver.compared > driver.previous
    ]
    if not grown:
        return None
    return _driver_facts(max(grown, key=lambda pair: (pair[0], pair[1].service))[1])


def _text(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)
