"""What came in: each delivery with its state, its rows, the proof of its total, and what is to be said of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from common.domain.completeness import Slice, watermark
from common.domain.period import BillingPeriod
from common.errors import NotFound
from common.ports import Document, Runtime
from common.records.arrivals import arrivals_of, usual_lag
from common.records.deliveries import CURRENT
from common.records.integrations import load_integration
from common.records.organizations import below
from common.records.past_deliveries import past_deliveries


@dataclass(frozen=True)
class ProvedTotal:
    """The source's total in one currency, "" for none.  difference: what is not accounted for; 0 where the total is proved."""

    currency: str
    source: Decimal
    difference: Decimal


@dataclass(frozen=True)
class FailedRule:
    """A FOCUS rule that rows break.  keyword: `MUST` and its like, or weaker ones, which are advice."""

    rule: str
    keyword: str
    text: str
    count: int

    @property
    def binding(self) -> bool:
        """Whether the rule is more than advice."""
        return self.keyword.startswith("MUST")


@dataclass(frozen=True)
class DeliveryReport:
    """One delivery.  billing_period: empty where its bill names no month.  proof: empty while nothing is proved.

    reason: why it is not shown.  watermark: of its month, `filling`, `provisional` or `final`; None where it is not shown or has no
    rows.  document: all that is recorded, as programs get it.
    """

    delivery_id: str
    integration_id: str
    billing_period: str
    state: str
    delivered_at: datetime
    rows: int
    quarantined_rows: int
    proof: tuple[ProvedTotal, ...]
    reason: str | None
    notes: tuple[str, ...]
    unknown_columns: tuple[str, ...]
    failed_rules: tuple[FailedRule, ...]
    watermark: str | None
    document: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """For programs: the document, and how complete its month is."""
        return {**self.document, "watermark": self.watermark}


def list_deliveries(
    rt: Runtime, org_slug: str, integration_id: str | None = None, billing_period: BillingPeriod | None = None
) -> list[DeliveryReport]:
    """The deliveries, newest first.  Raises BadConfiguration for what is no organization."""
    where = {"integration_id": integration_id, "billing_period": str(billing_period) if billing_period else None}
    wanted = {name: value for name, value in where.items() if value is not None}
    found = [document for _, document in rt.documents.list(below(org_slug, "deliveries"), wanted or None)]
    found.sort(key=lambda one: (one["delivered_at"], one["delivery_id"]), reverse=True)
    watermarks = _watermarks(rt, org_slug)
    return [_report(document, watermarks.get(document["delivery_id"])) for document in found]


def show_delivery(rt: Runtime, org_slug: str, delivery_id: str) -> DeliveryReport:
    """One delivery by its whole id.  Raises NotFound."""
    document = rt.documents.get(below(org_slug, "deliveries", delivery_id))
    if document is None:
        raise NotFound(f"there is no delivery {delivery_id}; costwire deliveries shows them")
    return _report(document, _watermarks(rt, org_slug).get(delivery_id))


def count_past(
    rt: Runtime, org_slug: str, integration_id: str | None = None, billing_period: BillingPeriod | None = None
) -> int:
    """How many more deliveries there were, whose files were removed at the end of their life."""
    past = past_deliveries(rt.documents, org_slug)
    period = str(billing_period) if billing_period else None
    found = [
        one for one in past if integration_id in (None, one.integration_id) and period in (None, one.billing_period)
    ]
    return len(
        {one.delivery_id for one in found} - {name for name, _ in rt.documents.list(below(org_slug, "deliveries"))}
    )


def check_integration(rt: Runtime, org_slug: str, integration_id: str) -> None:
    """Raises NotFound for an integration that does not exist, with those that do."""
    load_integration(rt.documents, org_slug, integration_id)


def _watermarks(rt: Runtime, org_slug: str) -> dict[str, str]:
    """The state of the month of each delivery that is shown, by its id."""
    arrivals, now = arrivals_of(rt.documents, org_slug), rt.clock.now()
    shown: dict[str, list[Document]] = {}
    for _, one in rt.documents.list(below(org_slug, "deliveries"), {"state": CURRENT}):
        if one.get("rows") and one["billing_period"]:
            shown.setdefault(one["integration_id"], []).append(one)
    found: dict[str, str] = {}
    for name, documents in shown.items():
        lag = usual_lag(arrivals.get(name), documents[0]["provider"])
        slices = {one["billing_period"]: _slice(one) for one in documents}
        states = watermark(slices, lag, now).states
        found |= {one["delivery_id"]: states[one["billing_period"]] for one in documents}
    return found


def _slice(document: Document) -> Slice:
    ends_at = BillingPeriod.parse(document["billing_period"]).end
    return Slice(ends_at, datetime.fromisoformat(document["delivered_at"]))


def _report(document: Document, state: str | None) -> DeliveryReport:
    return DeliveryReport(
        delivery_id=document["delivery_id"],
        integration_id=document["integration_id"],
        billing_period=document["billing_period"] or "",
        state=document["state"],
        delivered_at=datetime.fromisoformat(document["delivered_at"]),
        rows=document.get("rows", 0),
        quarantined_rows=document.get("quarantined_rows", 0),
        proof=tuple(
            ProvedTotal(one["currency"] or "", Decimal(one["source"]), Decimal(one["difference"]))
            for one in document.get("proof", ())
        ),
        reason=document.get("reason"),
        notes=tuple(document.get("notes", ())),
        unknown_columns=tuple(document.get("unknown_columns", ())),
        failed_rules=tuple(
            FailedRule(one["rule"], one["keyword"], one["text"], one["count"])
            for one in document.get("conformance", ())
        ),
        watermark=state,
        document=document,
    )
