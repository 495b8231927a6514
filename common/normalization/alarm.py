"""The alert of a delivery whose totals differ from its source: one a slice, taken back when a later delivery of it is proved."""

from __future__ import annotations

from common.domain import alerts
from common.domain.alerts import Change
from common.domain.outbox import new_notification
from common.messages import AlertRaised
from common.ports import Runtime, Transaction
from common.records.deliveries import Delivery
from common.records.organizations import below
from common.telemetry import counted


def sound(delivery: Delivery, reason: str, rt: Runtime) -> None:
    """Raise the alert.  Safe to repeat: one message a state."""
    _tell(delivery, alerts.CROSSED, "Totals differ from the source", {"reason": reason}, rt)


def quiet(delivery: Delivery, rt: Runtime) -> None:
    """Take the alert back, where there is one."""
    if rt.documents.get(_path(delivery)) is not None:
        _tell(delivery, alerts.CLEARED, "Totals are proved again", {}, rt)


def _tell(delivery: Delivery, event: str, title: str, lines: dict[str, str], rt: Runtime) -> None:
    now = rt.clock.now()
    alert_id = _alert_id(delivery)
    shown = {
        "integration": delivery.integration_id,
        "period": delivery.billing_period,
        "delivery": delivery.delivery_id,
    }

    def work(transaction: Transaction) -> tuple[str, bool]:
        before = transaction.get(_path(delivery))
        life, told = alerts.advance(alerts.life_of(before), event, Change("", now.isoformat()))
        state = str(life.state)
        if told:
            facts = {"type": "proof_failed", "title": title, "lines": {**shown, **lines}, "notes": []}
            note = new_notification(alert_id, life.notifications, state, facts, now)
            transaction.set(below(delivery.org_slug, "notifications", note["notification_id"]), note)
        document = {
            **(before or {}),
            **shown,
            "alert_id": alert_id,
            "type": "proof_failed",
            "budget_id": None,
            "budget_name": None,
        }
        transaction.set(_path(delivery), {**document, **lines, **alerts.life_fields(life)})
        return state, told

    state, told = rt.documents.transact(work)
    if told or event == alerts.CROSSED:
        rt.bus.publish(AlertRaised(delivery.org_slug, alert_id, state, delivery.run_id))
        counted(alerts_raised=1)


def _alert_id(delivery: Delivery) -> str:
    return f"proof-{delivery.integration_id}-{delivery.billing_period}"


def _path(delivery: Delivery) -> str:
    return below(delivery.org_slug, "alerts", _alert_id(delivery))
