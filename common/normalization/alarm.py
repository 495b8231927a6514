"""The alert of a delivery whose totals differ from its source: one per slice, retracted when a later delivery of it is proved."""

from __future__ import annotations

from common.alerts.raising import Subject, raise_alert
from common.domain import alerts
from common.ports import Runtime
from common.records.alerts import alert_path
from common.records.deliveries import Delivery

KIND = "proof_failed"


def sound(delivery: Delivery, reason: str, rt: Runtime) -> None:
    """Raise the alert.  Safe to repeat: one message per state."""
    _move(delivery, alerts.CROSSED, "Totals differ from the source", {"reason": reason}, rt)


def quiet(delivery: Delivery, rt: Runtime) -> None:
    """Retract the alert, where there is one."""
    if rt.documents.get(alert_path(delivery.org_slug, _alert_id(delivery))) is not None:
        _move(delivery, alerts.CLEARED, "Totals are proved again", {}, rt)


def _move(delivery: Delivery, event: str, title: str, more: dict[str, str], rt: Runtime) -> None:
    lines = {
        "integration": delivery.integration_id,
        "period": delivery.billing_period,
        "delivery": delivery.delivery_id,
        **more,
    }
    subject = Subject(KIND, _alert_id(delivery), title, {"lines": lines, "notes": []}, about=lines)
    raise_alert(delivery.org_slug, subject, event, rt.documents, rt.bus, rt.clock.now(), delivery.run_id)


def _alert_id(delivery: Delivery) -> str:
    return f"proof-{delivery.integration_id}-{delivery.billing_period}"
