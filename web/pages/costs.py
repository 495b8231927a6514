"""Costs: what was charged, by any dimensions, with what the numbers are worth; each name leads further down."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import flask
from pydantic import Field

from common.domain.period import BillingPeriod
from common.errors import BadConfiguration
from common.reporting.arguments import InvalidQuestion
from common.reporting.costs import CostsAnswer, CurrencyCosts, ask_costs
from common.reporting.costs_flat import flat_costs
from common.reporting.dimension_values import LONGEST_PREFIX, ask_values
from common.reporting.marks import charges_mark
from common.reporting.unclassified import newest_charge
from common.warehouse.dimensions import TAG
from web.api.costs import question_of
from web.api.shapes import Asked
from web.pages.cost_address import (
    Addresses,
    CostsPage,
    address_of_form,
    period_words,
    plain_name,
    quoted,
)
from web.pages.cost_controls import controls_of
from web.pages.cost_table import table_and_chart
from web.pages.receipts import view
from web.pages.screen import Call, Download, Goto, Screen, Screens
from web.pages.spreadsheets import safe_csv

screens = Screens()
_RECENT = timedelta(days=60)


class ControlsForm(Asked):
    """The fields of the controls, as a browser sends them: empty where nothing is chosen."""

    period: str = ""
    first_day: str = Field("", alias="from")
    last_day: str = Field("", alias="to")
    group: str = ""
    group2: str = ""
    tag: str = ""
    each: str = ""
    metric: str = ""
    compare: str = ""
    convert: str = ""
    known_on: str = ""
    show_currency: str = ""
    sort: str = ""
    filter: list[str] = Field(default_factory=list)
    filter_by: str = ""
    filter_tag: str = ""
    filter_how: str = ""
    filter_value: str = ""


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
    receipt = view(answer.receipt)
    shown: dict[str, Any] = {
        "query": query,
        "links": addresses,
        "answer": answer,
        "receipt": receipt,
        "problem": problem,
        "controls": controls_of(answer, query, today),
        "period": period_words(question.days.first, question.days.last),
        "found": None,
        "plain_name": plain_name,
    }
    if answer.currencies:
        found = chosen_currency(answer, query.show_currency)
        shown |= {"found": found, **table_and_chart(call, query, addresses, answer, found, receipt, mark, today)}
    return Screen("costs.html", "Costs", "costs", shown)


class ValuesForm(Asked):
    """What is typed in the filter's fields."""

    filter_by: str = Field("", max_length=300)
    filter_tag: str = Field("", max_length=300)
    filter_value: str = Field("", max_length=LONGEST_PREFIX)


@screens.get("/{org}/analytics/values")
def values(call: Call, query: ValuesForm) -> Screen:
    """Values that begin with what is typed in the filter, for its list of suggestions; none for what has no values as text."""
    call.versioned(charges_mark(call.rt, call.org_slug))
    tag = query.filter_tag.strip()
    dimension = quoted(f"{TAG}{tag}" if tag else query.filter_by)
    try:
        found = ask_values(call.rt, call.org_slug, dimension, query.filter_value.strip()).values
    except InvalidQuestion:
        found = ()
    return Screen("cost_values.html", "Values", "costs", {"values": found})


@screens.get("/{org}/analytics/show")
def show(call: Call, query: ControlsForm) -> Goto:
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


def chosen_currency(answer: CostsAnswer, wanted: str | None) -> CurrencyCosts:
    """The currency that is shown: the one that was asked for, else the one with the most charges."""
    by_name = {one.currency: one for one in answer.currencies}
    return by_name.get(wanted or "") or max(answer.currencies, key=lambda one: one.amounts.charges)
