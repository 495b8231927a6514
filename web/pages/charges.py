"""From a sum to the line of the bill: a resource, the charges of a question, and one charge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import Field

from common.errors import NotFound
from common.reporting.charges import MOST_CHARGES, ChargesQuestion, ask_charges, charge_id, show_charge
from common.reporting.costs import ask_costs
from common.reporting.deliveries import DeliveryReport, show_delivery
from common.reporting.marks import charges_mark
from common.warehouse.charges import FoundCharge
from web.api.charges import source_line_of
from web.api.costs import question_of
from web.api.shapes import Asked
from web.pages.cost_address import Addresses, CostsPage, ResourcePage, period_words
from web.pages.cost_table import table_and_chart
from web.pages.costs import chosen_currency
from web.pages.data_views import state_words
from web.pages.receipts import view
from web.pages.screen import Call, Screen, Screens

screens = Screens()
_ROWS = 50
_READ_AT_ONCE = 32 << 20
"""In bytes: a larger file is looked through only when the reader asks for the line."""
_COSTS = ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost")
_OF_RESOURCE = (
    "ServiceName",
    "ServiceCategory",
    "x_Provider",
    "SubAccountId",
    "SubAccountName",
    "RegionId",
    "RegionName",
    "ResourceType",
)


class ChargePage(Asked):
    """Which charge.  line: look for the line of the bill in a large file too."""

    id: str = Field(min_length=3, max_length=4000)
    line: bool = False


@screens.get("/{org}/analytics/resource")
def resource(call: Call, query: ResourcePage) -> Screen:
    """A resource: its spend by day and charge category, what it is, and its charges."""
    today = call.rt.clock.now().date()
    inner = query.as_costs
    links, wide = Addresses(call.org_slug, query, "analytics/resource"), Addresses(call.org_slug, inner)
    question = question_of(inner, inner.groups, today)
    mark = charges_mark(call.rt, call.org_slug)
    answer = ask_costs(call.rt, call.org_slug, replace(question, top=None))
    receipt = view(answer.receipt)
    shown: dict[str, Any] = {
        "id": query.id,
        "name": query.id,
        "query": inner,
        "links": links,
        "wide": wide,
        "answer": answer,
        "receipt": receipt,
        "period": period_words(question.days.first, question.days.last),
        "found": None,
        "charge_id": charge_id,
    }
    if not answer.currencies:
        return Screen("resource.html", query.id, "costs", shown)
    listed = ask_charges(call.rt, call.org_slug, _charges_of(question, _ROWS))
    about = _about(call, listed.charges)
    found = chosen_currency(answer, query.show_currency)
    shown |= {
        "found": found,
        **table_and_chart(call, inner, links, answer, found, receipt, mark, today),
        "charges": listed.charges,
        "charge_count": listed.count,
        "about": {name: about[name] for name in _OF_RESOURCE if about.get(name)},
        "tags": about.get("Tags") or "",
        "name": about.get("ResourceName") or query.id,
    }
    return Screen("resource.html", str(shown["name"]), "costs", shown)


@screens.get("/{org}/analytics/charges")
def charges(call: Call, query: CostsPage) -> Screen:
    """The charges of a question, the largest first."""
    today = call.rt.clock.now().date()
    question = question_of(query, query.groups, today)
    listed = ask_charges(call.rt, call.org_slug, _charges_of(question, MOST_CHARGES))
    pages = max(-(-len(listed.charges) // _ROWS), 1)
    start = (min(query.page, pages) - 1) * _ROWS
    context = {
        "query": query,
        "links": Addresses(call.org_slug, query, "analytics/charges"),
        "wide": Addresses(call.org_slug, query),
        "answer": listed.costs,
        "receipt": view(listed.costs.receipt),
        "period": period_words(question.days.first, question.days.last),
        "charges": listed.charges[start : start + _ROWS],
        "listed": len(listed.charges),
        "charge_count": listed.count,
        "page": query.page,
        "pages": pages,
        "charge_id": charge_id,
    }
    return Screen("charges.html", "Charges", "costs", context)


@screens.get("/{org}/analytics/charge")
def charge(call: Call, query: ChargePage) -> Screen:
    """One charge: its columns, the delivery it came in, and its line of the bill."""
    found = show_charge(call.rt, call.org_slug, query.id)
    delivery = show_delivery(call.rt, call.org_slug, found.delivery_id)
    part = _part(delivery, found.source_row_id)
    large = part is not None and part["size_bytes"] > _READ_AT_ONCE
    line, absent = source_line_of(call, found) if query.line or not large else (None, None)
    columns = found.as_json()["columns"]
    context = {
        "charge": found,
        "columns": {name: value for name, value in columns.items() if value is not None},
        "empty": [name for name, value in columns.items() if value is None],
        "costs": [(name, found.columns.get(name)) for name in _COSTS],
        "currency": found.columns["BillingCurrency"],
        "delivery": delivery,
        "state": state_words(delivery),
        "part": part,
        "line": line,
        "absent": absent,
        "query": query,
    }
    what = found.columns.get("ChargeDescription") or found.columns.get("ChargeCategory") or "Charge"
    return Screen("charge.html", str(what)[:200], "costs", context | {"what": what})


def _charges_of(question: Any, most: int) -> ChargesQuestion:
    return ChargesQuestion(question.metric, question.days, question.filters, most, question.known_on)


def _about(call: Call, listed: Sequence[FoundCharge]) -> Mapping[str, Any]:
    """What the newest of its charges says of a resource; nothing where it is not shown any more."""
    newest = max(listed, key=lambda one: (one.charge_start, one.source_row_id))
    try:
        return show_charge(call.rt, call.org_slug, charge_id(newest.delivery_id, newest.source_row_id)).columns
    except NotFound:
        return {}


def _part(delivery: DeliveryReport, source_row_id: str) -> Mapping[str, Any] | None:
    """The file of a row; None for a row that Costwire made to balance others."""
    number = source_row_id.partition(":")[0]
    parts: Sequence[Mapping[str, Any]] = delivery.document.get("parts", ())
    return next((one for one in parts if str(one["chunk"]) == number), None)
