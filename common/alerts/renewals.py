"""The alert of a subscription that is about to renew: one per renewal, retracted where it does not renew then after all."""

from __future__ import annotations

from datetime import UTC, date, datetime

from common.alerts.raising import Subject, lapse, raise_alert
from common.domain import alerts
from common.domain.money import plain
from common.domain.saas.renewals import Renewal, next_renewal
from common.domain.saas.subscription import Subscription
from common.ports import DocumentStore, MessageBus
from common.records.currencies import minor_digits
from common.records.organizations import org_option
from common.records.subscriptions import note_renewal_alert, recorded_of

KIND = "subscription_renews"


def check_renewals(org_slug: str, documents: DocumentStore, bus: MessageBus, now: datetime) -> None:
    """Raise the alert of each subscription whose notice period has begun, and retract that of each that no longer renews on that day.

    Safe to repeat; never asks the warehouse.
    """
    today = now.astimezone(UTC).date()
    for name, recorded in recorded_of(documents, org_slug).items():
        one, standing = recorded.subscription, recorded.renewal_alert
        renewal = next_renewal(one, today, minor_digits(one.currency))
        near = renewal if renewal is not None and renewal.is_near(today) else None
        wanted = _alert_id(name, near.day) if near else None
        if standing and standing != wanted:
            if _day_of(standing) <= today:
                lapse(documents, org_slug, standing, now)
            else:
                raise_alert(org_slug, _off(one, standing), alerts.CLEARED, documents, bus, now)
        if near and wanted:
            raise_alert(org_slug, _near(org_slug, one, near, wanted), alerts.CROSSED, documents, bus, now)
        if standing != wanted:
            note_renewal_alert(documents, org_slug, name, wanted)


def _near(org_slug: str, one: Subscription, renewal: Renewal, alert_id: str) -> Subject:
    amount = f"{plain(renewal.amount)} {one.currency}"
    seats = one.seats_on(renewal.day)
    lines = {
        "subscription": one.subscription_id,
        "vendor": one.vendor,
        "plan": one.plan,
        "renews on": renewal.day.isoformat(),
        "amount": amount if seats is None else f"{amount}, seats: {seats}",
        "what to do": "nothing to renew it; where it is cancelled with the vendor: "
        f"costwire subscriptions cancel {one.subscription_id}{org_option(org_slug)}",
    }
    title = f"{one.vendor} {one.plan} renews on {renewal.day}: {amount}"
    return _subject(alert_id, title, lines)


def _off(one: Subscription, alert_id: str) -> Subject:
    day = _day_of(alert_id)
    lines = {"subscription": one.subscription_id, "vendor": one.vendor, "plan": one.plan}
    return _subject(alert_id, f"{one.vendor} {one.plan} no longer needs a decision for {day}", lines)


def _subject(alert_id: str, title: str, lines: dict[str, str]) -> Subject:
    about = {name.replace(" ", "_"): value for name, value in lines.items()}
    return Subject(KIND, alert_id, title, {"lines": lines, "notes": []}, about=about)


def _alert_id(subscription_id: str, day: date) -> str:
    return f"renewal-{subscription_id}-{day}"


def _day_of(alert_id: str) -> date:
    return date.fromisoformat(alert_id[-10:])
