"""Overview: what a month comes to, where it leads, what changed, and what needs a look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from markupsafe import Markup
from pydantic import Field

from common.domain.alerts import OPEN
from common.domain.period import BillingPeriod
from common.reporting.alerts import list_alerts
from common.reporting.amounts import Amounts
from common.reporting.arguments import read_period
from common.reporting.costs import CostGroup, CostsAnswer, CostsQuestion, CurrencyCosts, ask_costs
from common.reporting.forecast import CurrencyForecast, ForecastQuestion, ask_forecast
from common.reporting.unclassified import newest_charge
from common.warehouse.cost_report import Days
from common.warehouse.dimensions import SHORT
from web import charts
from web.api.shapes import Asked
from web.formatting import month_name, short_day
from web.pages.alerts import sentence
from web.pages.budget_views import nearest
from web.pages.cost_address import Addresses, CostsPage
from web.pages.data_views import sources_of
from web.pages.receipts import view
from web.pages.screen import Call, Screen, Screens

screens = Screens()
_CHANGES = 5
_BUDGETS = 4
_ALERTS = 5
_NO_CHARGES = Amounts(Decimal(0), 0, 0, Decimal(0), Decimal(0), 0)


class OverviewPage(Asked):
    """Which month, and in which currency."""

    month: str | None = None
    show_currency: str | None = Field(None, max_length=10)


@dataclass(frozen=True)
class Changed:
    """A service whose cost changed most.  address: its costs."""

    name: str | None
    group: CostGroup
    address: str


@screens.get("/{org}")
def overview(call: Call, query: OverviewPage) -> Screen:
    """The month at a glance."""
    now = call.rt.clock.now()
    newest = newest_charge(call.rt, call.org_slug)
    common = {
        "alerts": list_alerts(call.rt, call.org_slug, OPEN)[:_ALERTS],
        "sentence": sentence,
        "budgets": nearest(call.rt, call.org_slug)[:_BUDGETS],
        "sources": sources_of(call.rt, call.org_slug),
    }
    if newest is None:
        return Screen("overview.html", "Overview", "overview", {**common, "found": None})
    month = read_period(query.month) if query.month else BillingPeriod.of(newest.date())
    days = Days(month.start.date(), month.end.date() - timedelta(days=1))
    answer = ask_costs(call.rt, call.org_slug, CostsQuestion(days=days, compare=True))
    before = ask_costs(call.rt, call.org_slug, by_day(month.previous()))
    daily = ask_costs(call.rt, call.org_slug, by_day(month))
    forecast = ask_forecast(call.rt, call.org_slug, ForecastQuestion(month))
    currencies = sorted({one.currency for one in (*answer.currencies, *before.currencies)})
    if not currencies:
        return Screen(
            "overview.html",
            "Overview",
            "overview",
            {**common, "found": None, "no_charges_in": month_name(days.first or now.date())},
        )
    amounts = {one.currency: one for one in answer.currencies}
    chosen = (
        query.show_currency
        if query.show_currency in currencies
        else max(currencies, key=lambda one: _charges(amounts, one))
    )
    found = amounts.get(chosen) or CurrencyCosts(chosen, _NO_CHARGES, ())
    expected = next((one for one in forecast.currencies if one.currency == chosen), None)
    receipt = view(answer.receipt)
    addresses = Addresses(call.org_slug, CostsPage.model_validate({"month": str(month), "compare": "previous"}))
    return Screen(
        "overview.html",
        "Overview",
        "overview",
        {
            **common,
            "found": found,
            "currencies": currencies,
            "answer": answer,
            "receipt": receipt,
            "month": month,
            "month_title": month_name(month.start.date()),
            "before_title": month_name(month.previous().start.date()),
            "is_present": month == BillingPeriod.of(now.date()),
            "before": next((one.amounts for one in before.currencies if one.currency == chosen), None),
            "expected": expected.forecast if expected else None,
            "is_open": forecast.is_open,
            "changes": _changes(found, addresses),
            "costs_address": addresses.to(),
            "chart": running_chart(month, chosen, daily, before, expected, receipt.filling_since, now.date()),
        },
    )


def by_day(month: BillingPeriod) -> CostsQuestion:
    """What a month cost by day."""
    return CostsQuestion(group=(SHORT["day"],), days=Days(month.start.date(), month.end.date() - timedelta(days=1)))


def _charges(amounts: Mapping[str, CurrencyCosts], currency: str) -> int:
    return amounts[currency].amounts.charges if currency in amounts else 0


def _changes(found: CurrencyCosts, addresses: Addresses) -> list[Changed]:
    changed = [one for one in found.groups if one.amounts.change]
    changed.sort(key=lambda one: abs(one.amounts.change or Decimal(0)), reverse=True)
    return [Changed(one.keys[0], one, addresses.drill("service", one.keys[0])) for one in changed[:_CHANGES]]


def running_chart(
    month: BillingPeriod,
    currency: str,
    daily: CostsAnswer,
    before: CostsAnswer,
    expected: CurrencyForecast | None,
    since: date | None,
    today: date,
    name: str = "month",
) -> Markup:
    """Running totals of this month and the one before, and where this one is expected to end.  name: of the chart, unique on its page."""
    length = max(month.days, month.previous().days)
    now = _running(daily, currency, month, length)
    earlier = _running(before, currency, month.previous(), length)
    known = [place for place, value in enumerate(now) if value is not None]
    last = max(known, default=-1)
    first_day = month.start.date()
    bars = [
        charts.Bar(short_day(first_day + timedelta(days=place)) if place < month.days else "",
                   since is not None and first_day + timedelta(days=place) >= since and place <= last)
        for place in range(length)
    ]  # fmt: skip
    made = expected.forecast if expected else None
    band = charts.Band(made.low, made.expected, made.high) if made and last >= 0 else None
    lines = [charts.Line("before", earlier), charts.Line("now", now)]
    title = f"Running total of {month_name(first_day)} in {currency}, beside the month before"
    return charts.running_lines(name, title, bars, lines, band)


def _running(answer: CostsAnswer, currency: str, month: BillingPeriod, length: int) -> Sequence[Decimal | None]:
    """The sum up to each day, None after the last day with charges."""
    amounts: dict[date, Decimal] = {}
    for found in answer.currencies:
        if found.currency == currency:
            amounts = {date.fromisoformat(str(one.keys[0])): one.amounts.total or Decimal(0) for one in found.groups}
    return charts.running_totals(amounts, month.start.date(), length)
