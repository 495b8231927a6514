"""The table and the chart of the Costs screen, from one answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from markupsafe import Markup

from common.domain.legible import one_line
from common.reporting.amounts import Amounts, sum_amounts
from common.reporting.arguments import read_dimension
from common.reporting.costs import CostGroup, CostsAnswer, CurrencyCosts
from common.warehouse.dimensions import NODE
from web import charts
from web.formatting import amount_text, change, legible
from web.pages.cost_address import (
    ROWS,
    TOP,
    Addresses,
    CostsPage,
    condition_text,
    of_row,
    plain_name,
)
from web.pages.cost_colours import colours_of
from web.pages.cost_series import CostSeries, ask_series, buckets, shown_days, usual_step
from web.pages.receipts import ReceiptView
from web.pages.screen import Call

NO_TREND = Markup("")


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
    trend: Markup = NO_TREND


def table_and_chart(
    call: Call,
    query: CostsPage,
    addresses: Addresses,
    answer: CostsAnswer,
    found: CurrencyCosts,
    receipt: ReceiptView,
    mark: str,
    today: date,
) -> dict[str, Any]:
    """What the template shows of one currency.  mark: the version of the charges."""
    first_groups = _first_level(found) if query.group2 else list(found.groups)
    ordered = _ordered(first_groups, query.sort)
    shown, others, pages = _cut(ordered, query)
    charted = [one.keys[0] for one in sorted(shown, key=_cost, reverse=True)[:TOP]]
    colours = colours_of(call.rt, call.org_slug, answer.question.group[0], mark, charted, len(first_groups))
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
                charts.OTHERS, charts.sparkline(values[: series.complete] if series else (), charts.OTHERS))
        )  # fmt: skip
    total = found.amounts
    rows.append(Row("total", Markup("Total"), "Total", total, found.share_percent(total), *_changed(total)))
    return {
        "rows": rows,
        "chart": chart,
        "series": series,
        "pages": pages,
        "page": query.page,
        "changed": _changed(total),
    }


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
    made = [
        CostGroup((key,), ones[0].names[:1], sum_amounts(one.amounts for one in ones)) for key, ones in by_key.items()
    ]
    return sorted(made, key=lambda one: (one.amounts.total is not None, _cost(one)), reverse=True)


def _below(parent: CostGroup, found: CurrencyCosts, query: CostsPage, addresses: Addresses) -> list[Row]:
    inside = [one for one in found.groups if one.keys[0] == parent.keys[0]]
    rows = []
    into = Addresses(addresses.org_slug, query.model_copy(update={"group2": None, "group": query.group2}))
    fixed = into.query.model_copy(update={"filter": [*query.filter, *_filter_of(query.group, parent.keys[0])]})
    into = Addresses(addresses.org_slug, fixed)
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
            Row(
                "below",
                Markup("{}").format(words),
                words,
                left,
                found.share_percent(left),
                *_changed(left),
                addresses.drill(query.group, parent.keys[0]),
            )
        )
    return rows


def _filter_of(dimension: str, key: str | None) -> list[str]:
    return [condition_text(of_row(dimension), key)]


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
    trend = charts.sparkline(values[: series.complete] if series else (), colour or charts.OTHERS)
    return Row(kind, text, title, group.amounts, found.share_percent(group.amounts), *_changed(group.amounts),
               addresses.drill(dimension, key), colour, trend)  # fmt: skip


def _label(key: str | None, name: str | None, dimension: str) -> tuple[Markup, str]:
    """(what the row shows, the same as plain text)."""
    if key is None and dimension.partition(":")[0] == NODE:
        return Markup("<em>Unallocated</em>"), "Unallocated"
    if key is None:
        words = (
            f"Not tagged with {dimension[4:]}"
            if dimension.startswith("tag:")
            else f"No {plain_name(dimension).lower()}"
        )
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
    restated = receipt.restated
    since = receipt.filling_since or answer.filling_from
    series = ask_series(call.rt, call.org_slug, answer, found, charted, steps, each, since)
    bars = [
        charts.Bar(
            one.label, since is not None and one.last >= since, any(one.first <= day <= one.last for day in restated)
        )
        for one in steps
    ]
    names = {
        group.keys[0]: _label(group.keys[0], group.names[0], query.group)[1]
        for group in found.groups
        if group.keys[0] in charted
    }
    stack = [
        (names.get(key, str(key)), colours[key or ""], series.values[key]) for key in charted if key in series.values
    ]
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
    data = {"series": [{"name": one_line(name), "colour": colour} for name, colour, _ in stack], "points": points}
    return series, {
        "drawn": drawn,
        "title": title,
        "bars": bars,
        "data": data,
        "each": each,
        "filling": any(one.filling for one in bars),
    }


def _note(bar: charts.Bar) -> str:
    notes = ["still filling up"] if bar.filling else []
    return ", ".join(notes + (["restated"] if bar.restated else []))
