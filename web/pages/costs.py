"""Costs: what was charged, by any dimensions, with what the numbers are worth; each name leads further down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import flask
from markupsafe import Markup

from common.domain.period import BillingPeriod
from common.errors import BadConfiguration
from common.reporting.amounts import Amounts, sum_amounts
from common.reporting.arguments import read_dimension
from common.reporting.costs import CostGroup, CostsAnswer, CurrencyCosts, ask_costs
from common.reporting.costs_flat import flat_costs
from common.reporting.marks import charges_mark
from common.reporting.unclassified import newest_charge
from web import charts
from web.api.costs import question_of
from web.formatting import amount_text, change, legible, month_name
from web.pages.cost_address import (
    ROWS,
    TOP,
    Addresses,
    CostsPage,
    address_of_form,
    condition_text,
    period_words,
    plain_name,
)
from web.pages.cost_series import CostSeries, ask_series, buckets, shown_days, usual_step
from web.pages.receipts import ReceiptView, receipt_of
from web.pages.screen import Call, Download, Goto, Screen, Screens
from web.pages.spreadsheets import safe_csv

screens = Screens()
_GROUPS = (
    "service", "provider", "account", "region", "resource", "integration", "month", "day", "ChargeCategory", "ServiceCategory",
    "PricingCategory", "BillingAccountId", "InvoiceIssuer", "SkuId",
)  # fmt: skip
_SPANS = {"7d": "Last 7 days", "30d": "Last 30 days", "90d": "Last 90 days", "365d": "Last 365 days"}
_MONTHS = 12
_RECENT = timedelta(days=60)


@dataclass(frozen=True)
class Row:
    """One row of the table.  kind: group, below (of the second group), others or total.  trend: its course."""

    kind: str
    label: Markup
    title: str
    amounts: Amounts
    share: Decimal | None
    change: str
    direction: str
    address: str | None = None
    colour: str = ""
    trend: Markup = Markup("")


@screens.get("/{org}/analytics")
def costs(call: Call, query: CostsPage) -> Screen | Goto:
    """Costs by any dimensions."""
    today = call.rt.clock.now().date()
    if not flask.request.args:
        return Goto(_usual(call, today))
    question = question_of(query, query.groups, today)
    mark = charges_mark(call.rt, call.org_slug)
    addresses = Addresses(call.org_slug, query)
    problem = None
    try:
        answer = ask_costs(call.rt, call.org_slug, replace(question, top=None))
    except BadConfiguration as error:  # a rate is missing: the rest of the page stands
        if question.currency is None:
            raise
        problem = str(error)
        answer = ask_costs(call.rt, call.org_slug, replace(question, top=None, currency=None))
    receipt = receipt_of(mark, answer)
    shown: dict[str, Any] = {
        "query": query,
        "links": addresses,
        "answer": answer,
        "receipt": receipt,
        "problem": problem,
        "controls": _controls(answer, query, today),
        "period": period_words(question.days.first, question.days.last),
        "found": None,
        "plain_name": plain_name,
    }
    if answer.currencies:
        found = _chosen(answer, query.show_currency)
        shown |= {"found": found, **_table_and_chart(call, query, addresses, answer, found, receipt, today)}
    return Screen("costs.html", "Costs", "costs", shown)


@screens.get("/{org}/analytics/show")
def show(call: Call) -> Goto:
    """Where the controls lead: their fields as one address."""
    return Goto(address_of_form(call.org_slug, flask.request.args))


@screens.get("/{org}/analytics.csv")
def costs_csv(call: Call, query: CostsPage) -> Download:
    """The answer as a file: one row per group and currency, exact decimals."""
    question = question_of(query, query.groups, call.rt.clock.now().date())
    answer = ask_costs(call.rt, call.org_slug, question)
    as_of = max((one.as_of for one in answer.sources), default="")
    stamp = f"-as-of-{as_of[:16].replace(':', '')}Z" if as_of else ""
    return Download(f"costs-{call.org_slug}{stamp}.csv", "text/csv", safe_csv(flat_costs(answer)))


def _usual(call: Call, today: date) -> str:
    """The question of a reader who names none: the last 90 days, or the month of the newest charge where that is long ago."""
    newest = newest_charge(call.rt, call.org_slug)
    period = "last=90d"
    if newest is not None and newest.date() < today - _RECENT:
        period = f"month={BillingPeriod.of(newest.date())}"
    return f"/{call.org_slug}/analytics?{period}&group=service&compare=previous"


def _chosen(answer: CostsAnswer, wanted: str | None) -> CurrencyCosts:
    """The currency that is shown: the one that was asked for, else the one with the most charges."""
    by_name = {one.currency: one for one in answer.currencies}
    return by_name.get(wanted or "") or max(answer.currencies, key=lambda one: one.amounts.charges)


def _table_and_chart(
    call: Call,
    query: CostsPage,
    addresses: Addresses,
    answer: CostsAnswer,
    found: CurrencyCosts,
    receipt: ReceiptView,
    today: date,
) -> dict[str, Any]:
    first_groups = _first_level(found) if query.group2 else list(found.groups)
    ordered = _ordered(first_groups, query.sort)
    shown, others, pages = _cut(ordered, query)
    charted = [one.keys[0] for one in sorted(shown, key=_cost, reverse=True)[:TOP]]
    colours = charts.colours(one or "" for one in charted)
    series, chart = _chart(call, query, addresses, answer, found, charted, colours, receipt, today)
    rows = []
    for one in shown:
        rows.append(_row("group", one, found, query.group, addresses, colours, series))
        rows += _below(one, found, query, addresses) if query.group2 else []
    if others:
        left = sum_amounts(one.amounts for one in others)
        words = f"{len(others):,} other{'s' if len(others) > 1 else ''}"
        values = series.others if series and len(charted) == len(shown) else ()
        rows.append(
            Row("others", Markup("{}").format(words), words, left, found.share_percent(left), *_changed(left), addresses.to(rows="all"),
                charts.OTHERS, charts.sparkline(values, charts.OTHERS))
        )  # fmt: skip
    total = found.amounts
    rows.append(Row("total", Markup("Total"), "Total", total, found.share_percent(total), *_changed(total)))
    return {"rows": rows, "chart": chart, "series": series, "pages": pages, "page": query.page, "changed": _changed(total)}


def _cut(ordered: Sequence[CostGroup], query: CostsPage) -> tuple[list[CostGroup], list[CostGroup], int]:
    """(the groups that are shown, those that stand as others, number of pages)."""
    if query.rows != "all" and not read_dimension(query.group).of_time:
        most = query.top or TOP
        keep = most + 1 if len(ordered) == most + 1 else most  # one other is no shorter than its own name
        return list(ordered[:keep]), list(ordered[keep:]), 1
    pages = max(-(-len(ordered) // ROWS), 1)
    start = (min(query.page, pages) - 1) * ROWS
    return list(ordered[start : start + ROWS]), [], pages


def _ordered(groups: list[CostGroup], sort: str) -> list[CostGroup]:
    if sort == "name":
        return sorted(groups, key=lambda one: (one.names[0] or one.keys[0] or "\uffff").lower())
    if sort == "change":
        return sorted(groups, key=lambda one: abs(one.amounts.change or Decimal(0)), reverse=True)
    if sort == "before":
        return sorted(groups, key=lambda one: one.amounts.previous or Decimal(0), reverse=True)
    return groups


def _cost(group: CostGroup) -> Decimal:
    return group.amounts.total or Decimal(0)


def _first_level(found: CurrencyCosts) -> list[CostGroup]:
    """The groups of two dimensions, added up by the first."""
    by_key: dict[str | None, list[CostGroup]] = {}
    for one in found.groups:
        by_key.setdefault(one.keys[0], []).append(one)
    made = [CostGroup((key,), ones[0].names[:1], sum_amounts(one.amounts for one in ones)) for key, ones in by_key.items()]
    return sorted(made, key=lambda one: (one.amounts.total is not None, _cost(one)), reverse=True)


def _below(parent: CostGroup, found: CurrencyCosts, query: CostsPage, addresses: Addresses) -> list[Row]:
    inside = [one for one in found.groups if one.keys[0] == parent.keys[0]]
    rows = []
    into = Addresses(addresses.base.split("/")[1], query.model_copy(update={"group2": None, "group": query.group2}))
    fixed = into.query.model_copy(update={"filter": [*query.filter, *_filter_of(query.group, parent.keys[0])]})
    into = Addresses(addresses.base.split("/")[1], fixed)
    for one in inside[:5]:
        text, title = _label(one.keys[1], one.names[1], query.group2 or "")
        rows.append(
            Row("below", text, title, one.amounts, found.share_percent(one.amounts), *_changed(one.amounts),
                into.drill(query.group2 or "", one.keys[1]))
        )  # fmt: skip
    if len(inside) > 5:
        left = sum_amounts(one.amounts for one in inside[5:])
        words = f"{len(inside) - 5:,} other{'s' if len(inside) > 6 else ''}"
        rows.append(
            Row("below", Markup("{}").format(words), words, left, found.share_percent(left), *_changed(left), addresses.drill(query.group, parent.keys[0]))
        )
    return rows


def _filter_of(dimension: str, key: str | None) -> list[str]:
    return [condition_text(dimension, key)]


def _row(
    kind: str,
    group: CostGroup,
    found: CurrencyCosts,
    dimension: str,
    addresses: Addresses,
    colours: dict[str, str],
    series: CostSeries | None,
) -> Row:
    key = group.keys[0]
    text, title = _label(key, group.names[0], dimension)
    colour = colours.get(key or "", "")
    values = series.values.get(key, ()) if series else ()
    trend = charts.sparkline(values, colour or charts.OTHERS)
    return Row(kind, text, title, group.amounts, found.share_percent(group.amounts), *_changed(group.amounts),
               addresses.drill(dimension, key), colour, trend)  # fmt: skip


def _label(key: str | None, name: str | None, dimension: str) -> tuple[Markup, str]:
    """(what the row shows, the same as plain text)."""
    if key is None:
        words = f"Not tagged with {dimension[4:]}" if dimension.startswith("tag:") else f"No {plain_name(dimension).lower()}"
        return Markup("<em>{}</em>").format(legible(words)), words
    if name and name != key:
        return Markup('{} <span class="id">{}</span>').format(legible(name), legible(key)), f"{name} ({key})"
    return Markup("{}").format(legible(key)), key


def _changed(one: Amounts) -> tuple[str, str]:
    """(the change in words, its direction: up, down, new, gone or none)."""
    if one.previous is None or one.change is None:
        return "", "none"
    if not one.previous_charges:
        return ("new", "new") if one.charges else ("", "none")
    if not one.charges:
        return "gone", "gone"
    if one.ratio is None:
        return "", "none"
    return change(one.ratio), "up" if one.change > 0 else "down" if one.change < 0 else "none"


def _chart(
    call: Call,
    query: CostsPage,
    addresses: Addresses,
    answer: CostsAnswer,
    found: CurrencyCosts,
    charted: Sequence[str | None],
    colours: dict[str, str],
    receipt: ReceiptView,
    today: date,
) -> tuple[CostSeries | None, dict[str, Any] | None]:
    days = shown_days(answer, today)
    if days is None:
        return None, None
    each = usual_step(*days, query.each)
    steps = buckets(*days, each)
    series = ask_series(call.rt, call.org_slug, answer, found, charted, steps, each)
    restated = receipt.restated or {}
    since = receipt.filling_since or answer.filling_from
    bars = [
        charts.Bar(one.label, since is not None and one.last >= since, any(one.first <= day <= one.last for day in restated))
        for one in steps
    ]
    names = {group.keys[0]: _label(group.keys[0], group.names[0], query.group)[1] for group in found.groups}
    stack = [(names.get(key, str(key)), colours[key or ""], series.values[key]) for key in charted if key in series.values]
    if any(series.others):
        stack.append(("others" if stack else "total", charts.OTHERS if stack else "s0", series.others))
    title = f"{answer.question.metric.value} in {found.currency} by {each}"
    drawn = charts.stacked_bars("costs", f"{title}; the tables below hold the same amounts", bars,
                                [charts.Series(colour, values) for _, colour, values in stack])  # fmt: skip
    points = [
        {
            "title": one.title,
            "total": f"{found.currency} {amount_text(series.totals[place], found.currency)}",
            "note": _note(bars[place]),
            "parts": [amount_text(values[place], found.currency) for _, _, values in stack],
            "href": addresses.of_days(one.first, one.last),
        }
        for place, one in enumerate(steps)
    ]
    data = {"series": [{"name": str(legible(name)), "colour": colour} for name, colour, _ in stack], "points": points}
    return series, {"drawn": drawn, "title": title, "bars": bars, "data": data, "each": each, "filling": any(one.filling for one in bars)}


def _note(bar: charts.Bar) -> str:
    notes = ["still filling up"] if bar.filling else []
    return ", ".join(notes + (["restated"] if bar.restated else []))


def _controls(answer: CostsAnswer, query: CostsPage, today: date) -> dict[str, Any]:
    """The choices of each control, with what is chosen."""
    months = []
    if answer.charged_days:
        month = BillingPeriod.of(min(answer.charged_days[1], today))
        while len(months) < _MONTHS and month >= BillingPeriod.of(answer.charged_days[0]):
            months.append((f"month:{month}", month_name(month.start.date())))
            month = month.previous()
    spans = [(f"last:{span}", words) for span, words in _SPANS.items()]
    chosen = "all"
    if query.last or query.month:
        chosen = f"last:{query.last}" if query.last else f"month:{query.month}"
    elif query.first_day or query.last_day:
        chosen = "days"
    periods = [*spans, *months, ("all", "All days"), ("days", "From … to …")]
    if chosen not in dict(periods):
        periods.insert(0, (chosen, month_name(BillingPeriod.parse(query.month).start.date()) if query.month else f"Last {query.last}"))
    groups = [(one, plain_name(one)) for one in _GROUPS]
    for one in filter(None, (query.group, query.group2)):
        if one not in _GROUPS:
            groups.append((one, plain_name(one)))
    seconds = [one for one in groups if one[0] not in ("day", "month")]
    return {"periods": periods, "period": chosen, "groups": groups, "seconds": seconds, "filters": groups[:6] + groups[8:]}


