"""Data: can the numbers be trusted?  Sources, deliveries with their proofs, restatements, quarantine, runs."""

from __future__ import annotations

from typing import TypeVar

from pydantic import Field

from common.domain.money import add
from common.errors import NotFound
from common.reporting.deliveries import count_past, list_deliveries, show_delivery
from common.reporting.quarantine import list_quarantine
from common.reporting.restatements import list_restatements, listed_since
from common.reporting.runs import list_runs
from web.api.shapes import Asked
from web.pages.data_state import standing_rejections
from web.pages.data_views import grid, proof_sums, sources_of, state_words
from web.pages.screen import Call, Screen, Screens

screens = Screens()
_ROWS = 50
_RECENT = 8
Row = TypeVar("Row")


class PageOf(Asked):
    """Which page of a long table."""

    page: int = Field(1, ge=1, le=100_000)


class QuarantinePage(PageOf):
    """Which delivery's lines."""

    delivery: str | None = Field(None, max_length=100)


@screens.get("/{org}/data")
def data(call: Call) -> Screen:
    """Everything at a glance."""
    deliveries = list_deliveries(call.rt, call.org_slug)
    months, cells = grid(deliveries)
    context = {
        "tab": "data",
        "sources": sources_of(call.rt, call.org_slug),
        "months": months,
        "cells": cells,
        "rejected": standing_rejections(deliveries),
        "deliveries": deliveries[:_RECENT],
        "delivery_count": len(deliveries),
        "state_words": state_words,
        "runs": list_runs(call.rt, call.org_slug)[:_RECENT],
    }
    return Screen("data.html", "Data", "data", context)


@screens.get("/{org}/data/deliveries")
def deliveries(call: Call, query: PageOf) -> Screen:
    """Every delivery, newest first."""
    found = list_deliveries(call.rt, call.org_slug)
    shown, pages = _cut(found, query.page)
    context = {
        "tab": "deliveries",
        "deliveries": shown,
        "total": len(found),
        "past": count_past(call.rt, call.org_slug),
        "state_words": state_words,
        "page": query.page,
        "pages": pages,
    }
    return Screen("deliveries.html", "Deliveries", "data", context)


@screens.get("/{org}/data/deliveries/{delivery_id}")
def delivery(call: Call, delivery_id: str) -> Screen:
    """One delivery, with its proof written out."""
    found = show_delivery(call.rt, call.org_slug, delivery_id)
    restated = [
        one
        for one in list_restatements(call.rt, call.org_slug, found.integration_id)
        if one.delivery_now == found.delivery_id
    ]
    quarantined = list_quarantine(call.rt, call.org_slug, found.delivery_id) if found.quarantined_rows else []
    context = {
        "tab": "deliveries",
        "delivery": found,
        "state": state_words(found),
        "proof": proof_sums(found),
        "parts": found.document.get("parts", ()),
        "restated": restated[:1],
        "reasons": [reason for one in quarantined for reason in one.reasons()],
    }
    return Screen("delivery.html", f"Delivery {found.integration_id} {found.billing_period}", "data", context)


@screens.get("/{org}/data/restatements")
def restatements(call: Call, query: PageOf) -> Screen:
    """What newer deliveries changed of what had been shown."""
    found = list_restatements(call.rt, call.org_slug)
    shown, pages = _cut(found, query.page)
    context = {
        "tab": "restatements",
        "restatements": [(one, one.services()) for one in shown],
        "total": len(found),
        "since": listed_since(call.rt, call.org_slug),
        "page": query.page,
        "pages": pages,
        "sum_deltas": lambda services, currency: add(
            one.billed_cost_delta for one in services if one.currency == currency
        ),
    }
    return Screen("restatements.html", "Restatements", "data", context)


@screens.get("/{org}/data/quarantine")
def quarantine(call: Call, query: QuarantinePage) -> Screen:
    """Lines that gave no FOCUS row: by reason, and those of one delivery one by one."""
    found = list_quarantine(call.rt, call.org_slug, query.delivery, with_rows=query.delivery is not None)
    lines = [line for one in found for line in one.lines]
    shown, pages = _cut(lines if query.delivery else [], query.page)
    context = {
        "tab": "quarantine",
        "found": found,
        "count_lines": len(lines),
        "chosen": query.delivery,
        "lines": shown,
        "page": query.page,
        "pages": pages,
    }
    return Screen("quarantine.html", "Quarantine", "data", context)


@screens.get("/{org}/data/runs")
def runs(call: Call, query: PageOf) -> Screen:
    """Every run, newest first."""
    found = list_runs(call.rt, call.org_slug)
    shown, pages = _cut(found, query.page)
    context = {"tab": "runs", "runs": shown, "total": len(found), "page": query.page, "pages": pages}
    return Screen("runs.html", "Runs", "data", context)


@screens.get("/{org}/data/runs/{run_id}")
def run(call: Call, run_id: str) -> Screen:
    """One run, with its deliveries."""
    found = next((one for one in list_runs(call.rt, call.org_slug) if one.run_id == run_id), None)
    if found is None:
        raise NotFound(f"there is no run {run_id[:60]}")
    own = [one for one in list_deliveries(call.rt, call.org_slug) if one.delivery_id in found.delivery_ids]
    return Screen(
        "run.html",
        f"Run {found.run_id}",
        "data",
        {"tab": "runs", "run": found, "deliveries": own, "state_words": state_words},
    )


def _cut(found: list[Row], page: int) -> tuple[list[Row], int]:
    """(the rows of a page, number of pages)."""
    pages = max(-(-len(found) // _ROWS), 1)
    start = (min(page, pages) - 1) * _ROWS
    return found[start : start + _ROWS], pages
