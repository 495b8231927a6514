"""What users do with alerts: find one, acknowledge it, snooze it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from common.domain import alerts
from common.domain.alerts import Change
from common.errors import NotFound, Permanent
from common.ports import Document, DocumentStore, Runtime, Transaction
from common.records.alerts import Alert, alert_path
from common.records.names import one_of
from common.records.organizations import below


def acknowledge_alert(rt: Runtime, org_slug: str, prefix: str, by: str) -> Document:
    """Acknowledge the one alert whose id is, or begins with, `prefix`, now.  Returns the alert.  Raises NotFound, Permanent."""
    alert_id = find_alert(rt.documents, org_slug, prefix)
    return acknowledge(rt.documents, org_slug, alert_id, by, rt.clock.now())


def snooze_alert(rt: Runtime, org_slug: str, prefix: str, until: datetime, by: str) -> Document:
    """Snooze the one alert whose id is, or begins with, `prefix`.  until: UTC.  Returns the alert.  Raises NotFound, Permanent."""
    alert_id = find_alert(rt.documents, org_slug, prefix)
    return snooze(rt.documents, org_slug, alert_id, until, by, rt.clock.now())


def find_alert(documents: DocumentStore, org_slug: str, prefix: str) -> str:
    """The id of the one alert whose id is, or begins with, `prefix`.  Raises NotFound for none and for several."""
    names = (alert_id for alert_id, _ in documents.list(below(org_slug, "alerts")))
    return one_of(prefix, names, "alert", "costwire alerts list")


def acknowledge(documents: DocumentStore, org_slug: str, alert_id: str, by: str, now: datetime) -> Document:
    """Somebody has taken the alert on.  Returns the alert.  Raises Permanent where there is nothing to take on."""
    return _act(documents, org_slug, alert_id, alerts.ACKNOWLEDGE, Change("", now.isoformat(), by), None)


def snooze(documents: DocumentStore, org_slug: str, alert_id: str, until: datetime, by: str, now: datetime) -> Document:
    """Keep the alert quiet until a moment; if spend is still over then, the next evaluation opens it again."""
    if until <= now:
        raise Permanent(f"the alert cannot be snoozed until {until:%Y-%m-%d %H:%M} UTC, which has passed")
    change = Change("", now.isoformat(), by)
    return _act(documents, org_slug, alert_id, alerts.SNOOZE, change, until.isoformat())


def _act(
    documents: DocumentStore, org_slug: str, alert_id: str, action: str, change: Change, until: str | None
) -> Document:
    path = alert_path(org_slug, alert_id)

    def work(transaction: Transaction) -> Document:
        document = transaction.get(path)
        if document is None:
            raise NotFound(f"there is no alert {alert_id}; `costwire alerts list` shows them")
        alert = Alert.from_document(document)
        if alert.life.state not in alerts.ACTIVE:
            raise Permanent(f"alert {alert_id} is {alert.life.state}: there is nothing to {action}")
        life, _ = alerts.advance(alert.life, action, change, until)
        changed = replace(alert, life=life).as_document()
        transaction.set(path, changed)
        return changed

    return documents.transact(work)
