"""What came in and what became of it: deliveries, runs, restatements, quarantine."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from common.normalization.replaying import replay_delivery
from common.reporting.arguments import read_day, read_period
from common.reporting.deliveries import list_deliveries, show_delivery
from common.reporting.quarantine import list_quarantine
from common.reporting.restatements import list_restatements
from common.reporting.runs import list_runs
from web.api.declare import Call, Routes
from web.api.paging import Paged, page
from web.api.shapes import Amount, Day, Moment, NoArguments

routes = Routes("History")
_ORG = "/api/v1/organizations/{org}"
DeliveryId = Annotated[str, Field(pattern=r"^[0-9A-Za-z._-]{1,100}$", description="The delivery's id")]


class OfIntegration(Paged):
    """Which ones."""

    integration: str | None = Field(None, max_length=63, description="Only this integration")


class OfSlice(OfIntegration):
    """Which ones."""

    billing_period: str | None = Field(None, description="Only this month, YYYY-MM")


class Proof(BaseModel):
    """The reconciliation of a delivery in one currency: source = written + quarantined + rounded away, and difference is what is left."""

    model_config = ConfigDict(extra="allow")

    currency: str | None
    source: Amount
    difference: Amount = Field(description="0 where the total is proved")


class Delivery(BaseModel):
    """One version of a slice's bill."""

    model_config = ConfigDict(extra="allow")

    delivery_id: str
    integration_id: str
    billing_period: str | None
    state: str
    delivered_at: Moment
    rows: int | None = None
    quarantined_rows: int | None = None
    reason: str | None = Field(None, description="Why it is not shown")
    proof: list[Proof] | None = Field(None, description="Empty while nothing is proved")


class Deliveries(BaseModel):
    """Deliveries, the newest first."""

    deliveries: list[Delivery]
    next: str | None


@routes.get(f"{_ORG}/deliveries", answer=Deliveries)
def list_all_deliveries(call: Call, query: OfSlice) -> dict[str, Any]:
    """The deliveries with their proofs, the newest first."""
    period = read_period(query.billing_period) if query.billing_period else None
    found = list_deliveries(call.rt, call.org_slug, query.integration, period)
    shown, after = page(found, lambda one: (one.delivered_at.isoformat(), one.delivery_id), query)
    return {"deliveries": [one.as_json() for one in shown], "next": after}


@routes.get(f"{_ORG}/deliveries/{{delivery_id}}", answer=Delivery)
def get_delivery(call: Call, delivery_id: DeliveryId) -> dict[str, Any]:
    """One delivery with its proof as a sum written out."""
    return show_delivery(call.rt, call.org_slug, delivery_id).as_json()


class Replayed(BaseModel):
    """A delivery that is processed again."""

    delivery_id: str
    messages: int = Field(description="How many of its files are mapped again")


@routes.post(f"{_ORG}/deliveries/{{delivery_id}}/replay", answer=Replayed, status=202, action="delivery.replay")
def replay_one_delivery(call: Call, delivery_id: DeliveryId, body: NoArguments) -> dict[str, Any]:
    """Normalize a delivery again from its landed files, its quarantined lines included; it ends later."""
    whole = show_delivery(call.rt, call.org_slug, delivery_id).delivery_id
    return {"delivery_id": whole, "messages": replay_delivery(call.rt, call.org_slug, whole).messages}


class Run(BaseModel):
    """One synchronization of one integration."""

    run_id: str
    org_slug: str
    integration_id: str | None
    trigger: str | None
    status: str = Field(description="queued, running, succeeded, failed, rejected or waiting")
    started_at: Moment | None
    ended_at: Moment | None
    records: int | None
    bytes: int | None
    error: str | None
    delivery_ids: list[str]


class Runs(BaseModel):
    """Runs, the newest first."""

    runs: list[Run]
    next: str | None


@routes.get(f"{_ORG}/runs", answer=Runs)
def list_all_runs(call: Call, query: OfIntegration) -> dict[str, Any]:
    """The runs, the newest first."""
    found = list_runs(call.rt, call.org_slug, query.integration)
    shown, after = page(found, lambda one: (one.started_at.isoformat() if one.started_at else "", one.run_id), query)
    return {"runs": [one.as_json() for one in shown], "next": after}


class Restated(BaseModel):
    """What one replacement changed of one service's day in one currency."""

    integration_id: str
    billing_period: str
    delivery_replaced: str
    delivery_now: str
    replaced_at: Moment
    service_name: str | None
    charge_date: Day | None
    currency: str
    billed_cost_before: Amount
    billed_cost_after: Amount
    billed_cost_delta: Amount
    effective_cost_delta: Amount
    rows_before: int
    rows_after: int


class Restatements(BaseModel):
    """What newer deliveries changed, the latest first."""

    restatements: list[Restated]
    next: str | None


class RestatedSince(OfSlice):
    """Which ones."""

    since: str | None = Field(None, description="Only those after the end of this day, YYYY-MM-DD")


@routes.get(f"{_ORG}/restatements", answer=Restatements)
def list_all_restatements(call: Call, query: RestatedSince) -> dict[str, Any]:
    """What newer deliveries changed, by service and day, the latest first."""
    period = read_period(query.billing_period) if query.billing_period else None
    since = read_day(query.since) if query.since else None
    found = list_restatements(call.rt, call.org_slug, query.integration, period, since)
    days = [day for one in found for day in one.days]
    shown, after = page(
        days,
        lambda one: (
            one.replaced_at.isoformat(),
            one.delivery_now,
            one.currency,
            one.service_name or "",
            one.charge_date.isoformat() if one.charge_date else "",
        ),
        query,
    )
    return {"restatements": [one.as_json() for one in shown], "next": after}


class QuarantinedLine(BaseModel):
    """One line of a bill that gave no FOCUS row."""

    integration_id: str
    billing_period: str
    delivery_id: str
    source_row_id: str
    reason: str
    amount: Amount | None = Field(description="Null where its cost cannot be read")
    currency: str | None
    source_row: str | None = Field(None, description="The line as it came, where it was asked for")


class Quarantine(BaseModel):
    """Quarantined lines, by delivery and line."""

    lines: list[QuarantinedLine]
    next: str | None


class QuarantineOf(Paged):
    """Which lines."""

    delivery: str | None = Field(None, pattern=r"^[0-9A-Za-z._-]{1,100}$", description="Only this delivery")
    rows: bool = Field(False, description="With the lines themselves")


@routes.get(f"{_ORG}/quarantine", answer=Quarantine)
def list_quarantined_lines(call: Call, query: QuarantineOf) -> dict[str, Any]:
    """The lines that gave no FOCUS row, each with its reason and its amount."""
    found = list_quarantine(call.rt, call.org_slug, query.delivery, query.rows)
    lines = [line for one in found for line in one.lines]
    shown, after = page(lines, lambda one: (*one.delivery, one.source_row_id), query, descending=False)
    return {"lines": [one.as_json(query.rows) for one in shown], "next": after}
