"""Budgets: what was set, what is spent of it, where it is going, and whom its thresholds alerted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from markupsafe import Markup

from common.budgets.manage import find_budget, list_budgets
from common.domain.budgets import Budget, Threshold
from common.reporting.alerts import AlertReport, list_alerts
from common.reporting.arguments import read_metric
from common.reporting.costs import CostsQuestion, ask_costs
from common.warehouse.cost_report import Days
from common.warehouse.dimensions import SHORT, Filter, Operator, dimension
from web import charts
from web.formatting import short_day
from web.pages.budget_views import BudgetView, budget_views, view_of
from web.pages.cost_address import Addresses, CostsPage, condition_text, quoted
from web.pages.screen import Call, Screen, Screens

screens = Screens()
_MOST_BARS = 400


@dataclass(frozen=True)
class ThresholdView:
    """One threshold.  limit: the spend at which it is crossed.  alert: the one of this period, None where it has none."""

    threshold: Threshold
    limit: Decimal
    alert: AlertReport | None


@screens.get("/{org}/budgets")
def budgets(call: Call) -> Screen:
    """Every budget, nearest to its amount first."""
    return Screen("budgets.html", "Budgets", "budgets", {"budgets": budget_views(call.rt, call.org_slug)})


@screens.get("/{org}/budgets/{budget_id}")
def budget(call: Call, budget_id: str) -> Screen:
    """One budget."""
    found = find_budget(call.rt, call.org_slug, budget_id)
    report = next(one for one in list_budgets(call.rt, call.org_slug) if one.budget_id == found["budget_id"])
    shown = view_of(report, call.rt.clock.now())
    alerts = [
        one
        for one in list_alerts(call.rt, call.org_slug, resolved=True)
        if one.document["budget_id"] == report.budget_id
    ]
    key = shown.facts.get("period")
    of_period = [one for one in alerts if key is None or one.document.get("period") == key]
    thresholds = [
        ThresholdView(
            one, one.limit(shown.standing.amount), next((each for each in of_period if _is_of(each, one)), None)
        )
        for one in shown.budget.all_thresholds
    ]
    return Screen(
        "budget.html",
        report.name,
        "budgets",
        {
            "budget": shown,
            "thresholds": thresholds,
            "alerts": alerts,
            "drivers": shown.facts.get("drivers", ()),
            "chart": _chart(call, shown),
            "costs_address": _costs_address(call.org_slug, shown),
        },
    )


def _is_of(alert: AlertReport, threshold: Threshold) -> bool:
    return alert.alert_id.endswith(f"-{threshold}")


def _filters(one: Budget) -> list[Filter] | None:
    """The scope as filters of a question about costs; None where it has a condition that such a question cannot have."""
    scope = one.scope
    if scope.accounts or scope.regions:  # each is compared with two columns
        return None
    found = [Filter(SHORT["provider"], Operator.IS, scope.providers)] if scope.providers else []
    found += [Filter(SHORT["service"], Operator.IS, scope.services)] if scope.services else []
    found += [Filter(SHORT["cluster"], Operator.IS, scope.clusters)] if scope.clusters else []
    found += [Filter(SHORT["namespace"], Operator.IS, scope.namespaces)] if scope.namespaces else []
    if scope.subscription_categories:
        found.append(Filter(SHORT["subscription-category"], Operator.IS, scope.subscription_categories))
    found += [Filter(dimension(f"tag:{key}"), Operator.IS, values) for key, values in scope.tags.items()]
    return found


def _chart(call: Call, shown: BudgetView) -> Markup | None:
    """The running total against the amount; none where the days do not add up to what the budget counts, to the last digit."""
    facts, spend = shown.facts, shown.standing.current_spend
    filters = _filters(shown.budget)
    if spend is None or filters is None:
        return None
    first = datetime.fromisoformat(facts["period_start"]).date()
    last = datetime.fromisoformat(facts["period_end"]).date() - timedelta(days=1)
    length = (last - first).days + 1
    if length > _MOST_BARS:
        return None
    question = CostsQuestion((SHORT["day"],), read_metric(shown.budget.metric), Days(first, last), tuple(filters))
    amounts: dict[date, Decimal] = {}
    for found in ask_costs(call.rt, call.org_slug, question).currencies:
        if found.currency == shown.budget.currency:
            amounts = {date.fromisoformat(str(one.keys[0])): one.amounts.total or Decimal(0) for one in found.groups}
    sums = charts.running_totals(amounts, first, length)
    if next((one for one in reversed(sums) if one is not None), Decimal(0)) != spend:
        return None
    since = date.fromisoformat(facts["filling_from"]) if facts.get("filling_from") else None
    known = sum(one is not None for one in sums)
    bars = [
        charts.Bar(
            short_day(first + timedelta(days=place)),
            since is not None and first + timedelta(days=place) >= since and place < known,
        )
        for place in range(length)
    ]
    made = facts.get("forecast")
    band = charts.Band(*(Decimal(made[name]) for name in ("low", "expected", "high"))) if made and known else None
    title = f"Running total in {shown.budget.currency} against the amount"
    return charts.running_lines("budget", title, bars, [charts.Line("now", sums)], band, shown.standing.amount)


def _costs_address(org_slug: str, shown: BudgetView) -> str | None:
    """Costs with the budget's scope and period; None where its scope has no form there."""
    filters = _filters(shown.budget)
    if filters is None or not shown.facts:
        return None
    first = datetime.fromisoformat(shown.facts["period_start"]).date()
    last = datetime.fromisoformat(shown.facts["period_end"]).date() - timedelta(days=1)
    asked = {
        "from": first.isoformat(),
        "to": last.isoformat(),
        "filter": [_as_text(one) for one in filters],
        "metric": shown.budget.metric.removesuffix("Cost").lower(),
        "show_currency": shown.budget.currency,
        "compare": "previous",
    }
    return Addresses(org_slug, CostsPage.model_validate(asked)).to()


def _as_text(one: Filter) -> str:
    if len(one.values) == 1:
        return condition_text(one.dimension.name, one.values[0])
    inner = ", ".join('"' + value.replace('"', '""') + '"' for value in one.values)
    return f"{quoted(one.dimension.name)} in ({inner})"
