"""What users are told of their plan: that a trial ends, that it has ended, that a payment failed and that it is settled.

Each is an alert, so that it is sent once, by e-mail and the organization's other channels, and can be acknowledged.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from common.alerts.raising import Subject, lapse, raise_alert
from common.domain import alerts
from common.domain.plan_status import ACTIVE, CANCELLED, TRIAL
from common.domain.stripe_objects import STATUSES, UNPAID, StripeSubscription
from common.ports import Document, Runtime

NOTICE = timedelta(days=3, hours=1)
"""How long before its end a trial is told of: Stripe's own event comes three days before."""
TRIAL_ENDING, TRIAL_ENDED, PAYMENT_FAILED = "trial_ending", "trial_ended", "payment_failed"


def of_subscription(rt: Runtime, organization: Document, subscription: StripeSubscription) -> None:
    """Tell what the state of a subscription asks for.  Safe to repeat: a state is told once."""
    status = STATUSES.get(subscription.status)
    name = f"payment-{subscription.subscription_id}"
    if subscription.status in UNPAID:
        _tell(
            rt,
            organization,
            PAYMENT_FAILED,
            name,
            "A payment for Costwire failed",
            _unpaid(subscription),
            alerts.CROSSED,
        )
    elif status in (TRIAL, ACTIVE):
        settled = {"subscription": subscription.subscription_id, "status": subscription.status}
        _tell(rt, organization, PAYMENT_FAILED, name, "The payment for Costwire is settled", settled, alerts.CLEARED)
    elif status == CANCELLED:
        lapse(rt.documents, organization["org_slug"], name, rt.clock.now())
    if subscription.status == "trialing":
        trial_ending(rt, organization)


def trial_ending(rt: Runtime, organization: Document) -> None:
    """Tell, from three days before, when a trial ends."""
    ends = organization.get("trial_ends_at")
    moment = datetime.fromisoformat(ends) if ends else None
    now = rt.clock.now()
    if moment is None or not now < moment <= now + NOTICE:
        return
    paid = bool((organization.get("stripe") or {}).get("subscription_id"))
    after = "the first payment is due then" if paid else "without a subscription no bills are fetched from then on"
    lines = {"plan": str(organization["plan"]), "ends": f"{moment:%Y-%m-%d %H:%M} UTC", "then": after}
    _tell(
        rt,
        organization,
        TRIAL_ENDING,
        f"trial-{moment:%Y%m%d}",
        f"The trial ends on {moment:%Y-%m-%d}",
        lines,
        alerts.CROSSED,
    )


def trial_ended(rt: Runtime, organization: Document) -> None:
    """Tell that a trial has ended without a subscription."""
    day = str(organization["trial_ends_at"])[:10]
    lines = {
        "plan": str(organization["plan"]),
        "ended": day,
        "now": "no bills are fetched; what is stored stays readable",
        "what to do": "subscribe to a plan",
    }
    _tell(
        rt,
        organization,
        TRIAL_ENDED,
        f"trial-{day.replace('-', '')}-ended",
        "The trial has ended",
        lines,
        alerts.CROSSED,
    )


def _unpaid(subscription: StripeSubscription) -> dict[str, str]:
    return {
        "subscription": subscription.subscription_id,
        "status": subscription.status,
        "now": "no bills are fetched until it is paid; what is stored stays readable",
        "what to do": "pay the open invoice, or give another card, in the billing portal",
    }


def _tell(
    rt: Runtime, organization: Document, kind: str, alert_id: str, title: str, lines: dict[str, str], event: str
) -> None:
    lines = {"organization": str(organization["name"]), **lines}
    subject = Subject(kind, alert_id, title, {"lines": lines, "notes": []}, about=lines)
    raise_alert(organization["org_slug"], subject, event, rt.documents, rt.bus, rt.clock.now())
