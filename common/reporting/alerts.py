"""Alerts of an organization: what each is about, where it stands, and what was spent when it was last evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from common.domain.alerts import RESOLVED
from common.ports import Document, Runtime
from common.records.names import one_of
from common.records.organizations import below
from common.reporting.messages import MessageOutcome, message_outcomes


@dataclass(frozen=True)
class AlertReport:
    """One alert.  kind: what it is about, `type` in JSON.  document: all that is recorded, as programs get it.

    budget_name, current_spend, currency, percent, as_of: None where it is not a budget's, or nothing is known yet.
    """

    alert_id: str
    kind: str
    state: str
    triggered_at: str
    threshold_percent: Decimal
    budget_name: str | None
    current_spend: Decimal | None
    currency: str | None
    percent: Decimal | None
    as_of: datetime | None
    document: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """For programs: the document."""
        return dict(self.document)


def list_alerts(rt: Runtime, org_slug: str, state: str | None = None, resolved: bool = False) -> list[AlertReport]:
    """Alerts, the newest first, those of one moment from the lowest threshold to the highest.

    state: only alerts in this state.  resolved: without a state, resolved ones too.  Raises BadConfiguration for what is no organization.
    """
    found = [_report(document) for _, document in rt.documents.list(below(org_slug, "alerts"))]
    wanted = [one for one in found if (one.state == state if state else resolved or one.state != RESOLVED)]
    wanted.sort(key=lambda one: one.threshold_percent)
    wanted.sort(key=lambda one: one.triggered_at, reverse=True)
    return wanted


@dataclass(frozen=True)
class AlertDetails:
    """One alert with what became of its messages, the oldest first."""

    alert: AlertReport
    messages: tuple[MessageOutcome, ...]

    def as_json(self) -> dict[str, Any]:
        """For programs: the document, and the messages."""
        return {**self.alert.as_json(), "messages": [one.as_json() for one in self.messages]}


def show_alert(rt: Runtime, org_slug: str, prefix: str) -> AlertDetails:
    """The alert whose id is, or begins with, `prefix`.  Raises NotFound for none and for several."""
    known = dict(rt.documents.list(below(org_slug, "alerts")))
    found = one_of(prefix, known, "alert", "costwire alerts list --all")
    return AlertDetails(_report(known[found]), tuple(message_outcomes(rt, org_slug, alert_id=found)))


def _report(document: Document) -> AlertReport:
    as_of = document.get("as_of")
    return AlertReport(
        alert_id=document["alert_id"],
        kind=document["type"],
        state=document["state"],
        triggered_at=str(document["triggered_at"]),
        threshold_percent=Decimal(str(document.get("threshold_percent") or 0)),
        budget_name=document.get("budget_name"),
        current_spend=_decimal(document.get("current_spend")),
        currency=document.get("currency"),
        percent=_decimal(document.get("percent")),
        as_of=datetime.fromisoformat(as_of) if as_of else None,
        document=document,
    )


def _decimal(value: Any) -> Decimal | None:
    return None if value is None else Decimal(str(value))
