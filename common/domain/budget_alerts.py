"""The alerts of budgets: one for each budget, period and threshold, and what an evaluation means to it."""

from __future__ import annotations

from datetime import datetime, timedelta

from common.domain.alerts import ACKNOWLEDGED, CLEARED, CROSSED, LAPSED, SNOOZE_PASSED, SNOOZED, Life
from common.domain.budgets import ACTUAL, FORECAST, Budget, BudgetPeriod, Threshold

TYPES = {ACTUAL: "budget_threshold", FORECAST: "forecast_threshold"}
"""The kind of alert of a threshold's basis."""


MOST_AHEAD = timedelta(hours=1)
"""How far a machine's clock may be put back without ending a snooze."""


def alert_id(budget: Budget, period: BudgetPeriod, threshold: Threshold) -> str:
    """The id that every evaluation of this budget, period and threshold gives."""
    return f"{budget.budget_id}-{period.key}-{threshold}"


def observe(life: Life, basis: str, crossed: bool | None, period_open: bool, now: datetime) -> str | None:
    """The event that an evaluation is to this alert; None where it cannot tell (crossed is None: no projection yet)."""
    if basis == FORECAST and not period_open:
        return LAPSED
    if crossed is None:
        return None
    if not crossed:
        return CLEARED
    if life.state == ACKNOWLEDGED and not period_open:
        return LAPSED
    return SNOOZE_PASSED if life.state == SNOOZED and _has_passed(life, now) else CROSSED


def _has_passed(life: Life, now: datetime) -> bool:
    """Whether a snooze is over.  One that began in the future was counted by a clock that has been put back: told once too often is
    better than kept quiet for as long as that clock was ahead."""
    begun = datetime.fromisoformat(life.history[-1].at) if life.history else now
    ends = datetime.fromisoformat(life.snoozed_until) if life.snoozed_until else None
    return begun > now + MOST_AHEAD or (ends is not None and ends <= now)
