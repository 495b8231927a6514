"""The report of a month, to be printed or sent: its costs, changes, budgets, alerts and restatements, and what the numbers are worth.

A page, and the same without links and scripts as a file of its own (`costwire report`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from markupsafe import Markup

from common.domain.period import BillingPeriod
from common.ports import Runtime
from common.reporting.alerts import list_alerts
from common.reporting.amounts import Amounts, sum_amounts
from common.reporting.arguments import read_period
from common.reporting.costs import CostGroup, CostsAnswer, CostsQuestion, CurrencyCosts, ask_costs
from common.reporting.forecast import CurrencyForecast, ForecastQuestion, ask_forecast
from common.reporting.restatements import list_restatements
from common.reporting.unclassified import newest_charge
from common.warehouse.cost_report import Days
from common.warehouse.dimensions import SHORT
from web.api.shapes import Asked
from web.formatting import month_name
from web.pages.alerts import sentence
from web.pages.budget_views import budget_views
from web.pages.overview import by_day, running_chart
from web.pages.receipts import view
from web.pages.screen import Call, Screen, Screens

screens = Screens()
_ROWS = 15
_CHANGES = 5
_PARTS = ("provider", "service", "account")
_LINK = re.compile(r"<a((?: class=\"[^\"]*\")?)[^>]*>|</a>")


class ReportPage(Asked):
    """Which month; that of the newest charge by default."""

    month: str | None = None


@dataclass(frozen=True)
class Part:
    """The costs of one currency by one dimension, the largest first.  others: those that are not listed, None without any."""

    dimension: str
    groups: Sequence[CostGroup]
    others_count: int
    others: Amounts | None


@dataclass(frozen=True)
class CurrencyReport:
    """One currency.  found: this month, compared with the one before.  before: all of that one."""

    found: CurrencyCosts
    before: Amounts | None
    expected: CurrencyForecast | None
    parts: Sequence[Part]
    changes: Sequence[CostGroup]
    chart: Markup


@screens.get("/{org}/report")
def report(call: Call, query: ReportPage) -> Screen:
    """The month, with a button that prints it."""
    context = report_of(call.rt, call.org_slug, read_period(query.month) if query.month else None)
    return Screen("report.html", f"Report {context['month_title']}".strip(), "overview", context)


def report_of(rt: Runtime, org_slug: str, month: BillingPeriod | None) -> dict[str, Any]:
    """What the template shows.  month: None for that of the newest charge.  Without any charges `month` is None."""
    newest = newest_charge(rt, org_slug)
    now = rt.clock.now()
    if month is None and newest is not None:
        month = BillingPeriod.of(newest.date())
    if month is None:
        return {"layout": "base.html", "month": None, "month_title": "", "currencies": [], "now": now}
    days = Days(month.start.date(), month.end.date() - timedelta(days=1))
    by = {name: ask_costs(rt, org_slug, CostsQuestion((SHORT[name],), days=days, compare=True)) for name in _PARTS}
    answer, before, daily = (
        by["provider"],
        ask_costs(rt, org_slug, by_day(month.previous())),
        ask_costs(rt, org_slug, by_day(month)),
    )
    forecast = ask_forecast(rt, org_slug, ForecastQuestion(month))
    expected = {one.currency: one for one in forecast.currencies}
    receipt = view(answer.receipt)
    first = month.start.date()
    return {
        "layout": "base.html",
        "now": now,
        "month": month,
        "month_title": month_name(first),
        "before_title": month_name(month.previous().start.date()),
        "months": (str(month.previous()), str(month.next()) if month.end <= now else None),
        "is_open": forecast.is_open,
        "answer": answer,
        "receipt": receipt,
        "currencies": [
            _of_currency(
                one.currency, by, before, daily, expected.get(one.currency), month, receipt.filling_since, now.date()
            )
            for one in answer.currencies
        ],
        "budgets": [
            one
            for one in budget_views(rt, org_slug)
            if _is_of(one.facts.get("period_start"), one.facts.get("period_end"), first)
        ],
        "alerts": [
            one for one in list_alerts(rt, org_slug, resolved=True) if _is_in(one.document.get("period"), month)
        ],
        "restated": [(one, one.services()) for one in list_restatements(rt, org_slug, billing_period=month)],
        "sentence": sentence,
    }


def alone(text: str) -> str:
    """A page as a file of its own: its links lead nowhere, so they are text."""
    return _LINK.sub(lambda found: "</span>" if found[0] == "</a>" else f"<span{found[1]}>", text)


def _of_currency(
    currency: str,
    by: dict[str, CostsAnswer],
    before: CostsAnswer,
    daily: CostsAnswer,
    expected: CurrencyForecast | None,
    month: BillingPeriod,
    since: date | None,
    today: date,
) -> CurrencyReport:
    found = {name: next(one for one in answer.currencies if one.currency == currency) for name, answer in by.items()}
    changed = [one for one in found["service"].groups if one.amounts.change]
    changed.sort(key=lambda one: abs(one.amounts.change or Decimal(0)), reverse=True)
    return CurrencyReport(
        found["provider"],
        next((one.amounts for one in before.currencies if one.currency == currency), None),
        expected,
        [_part(name, one.groups) for name, one in found.items()],
        changed[:_CHANGES],
        running_chart(month, currency, daily, before, expected, since, today, name=f"month-{currency.lower()}"),
    )


def _part(dimension: str, groups: Sequence[CostGroup]) -> Part:
    keep = _ROWS + 1 if len(groups) == _ROWS + 1 else _ROWS
    left = groups[keep:]
    return Part(dimension, groups[:keep], len(left), sum_amounts(one.amounts for one in left) if left else None)


def _is_of(start: str | None, end: str | None, first: date) -> bool:
    return bool(start and end and start[:10] <= first.isoformat() < end[:10])


def _is_in(period: str | None, month: BillingPeriod) -> bool:
    return period == str(month)
