"""Budgets as pages show them: each with its standing, the ones nearest to a breach first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from markupsafe import Markup

from common.budgets.manage import BudgetReport, Standing, list_budgets
from common.domain.budgets import ACTUAL, Budget, from_document
from common.domain.money import EXACT
from common.ports import Runtime
from web import charts
from web.formatting import amount_text, short_day


@dataclass(frozen=True)
class BudgetView:
    """One budget.  expected: the forecast of its end, else its pace; None where neither is known.  days_left: None once it has ended."""

    report: BudgetReport
    budget: Budget
    standing: Standing
    expected: Decimal | None
    days_left: int | None
    bar: Markup
    crossed: tuple[Decimal, ...]

    @property
    def facts(self) -> Mapping[str, Any]:
        """What its newest evaluation found."""
        return self.report.facts or {}

    @property
    def remaining(self) -> Decimal | None:
        """What is left of the amount, below 0 where it is exceeded; None before the first evaluation."""
        spend = self.standing.current_spend
        return None if spend is None else EXACT.subtract(self.standing.amount, spend)

    @property
    def outlook(self) -> str:
        """Where it is going, in words."""
        amount, spend = self.standing.amount, self.standing.current_spend
        if spend is None:
            return "not evaluated yet"
        if spend >= amount:
            return "exceeded"
        if self.expected is None:
            return (
                "period has ended"
                if not self.standing.period_open
                else "no forecast yet: it needs 5 whole days of charges"
            )
        if self.expected < amount:
            return "likely to stay within"
        day = self.breach_day
        return f"likely to exceed on {short_day(day)}" if day else "likely to exceed"

    @property
    def breach_day(self) -> date | None:
        """The day on which the amount is reached at the expected pace; None where it is not expected to be."""
        spend, expected = self.standing.current_spend, self.expected
        if spend is None or expected is None or expected <= spend or expected < self.standing.amount:
            return None
        end, gone = datetime.fromisoformat(self.facts["period_end"]).date(), self.facts["days_elapsed"]
        left = self.facts["days"] - gone
        if left <= 0:
            return None
        part = (self.standing.amount - spend) / (expected - spend)
        return min(end - timedelta(days=left) + timedelta(days=int(part * left)), end - timedelta(days=1))


def budget_views(rt: Runtime, org_slug: str) -> list[BudgetView]:
    """Every budget, the one nearest to its amount first."""
    found = [view_of(one, rt.clock.now()) for one in list_budgets(rt, org_slug)]
    return sorted(found, key=_nearness, reverse=True)


nearest = budget_views


def view_of(report: BudgetReport, now: datetime) -> BudgetView:
    """One budget as pages show it."""
    budget, standing, facts = from_document(dict(report.document)), report.standing(), report.facts or {}
    made = facts.get("forecast")
    expected = Decimal(made["expected"]) if made else standing.projected
    spend = standing.current_spend or Decimal(0)
    days_left = None
    if facts and standing.period_open:
        days_left = max((datetime.fromisoformat(facts["period_end"]) - now).days, 0)
    words = f"{amount_text(spend, standing.currency)} of {amount_text(standing.amount, standing.currency)} {standing.currency}"
    bar = charts.budget_bar(words, spend, standing.amount, expected, sorted(budget.thresholds))
    crossed = tuple(
        one.percent
        for one in budget.all_thresholds
        if one.basis == ACTUAL and standing.current_spend is not None and one.is_crossed(spend, standing.amount)
    )
    return BudgetView(report, budget, standing, expected, days_left, bar, crossed)


def _nearness(one: BudgetView) -> tuple[Decimal, Decimal]:
    most = max(one.standing.current_spend or Decimal(0), one.expected or Decimal(0))
    return most / one.standing.amount, one.standing.spent_percent or Decimal(0)
