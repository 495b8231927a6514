"""Subscriptions as interfaces show them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, timedelta
from decimal import Decimal
from typing import Any

from common.domain.money import add, plain
from common.domain.saas.charges import Charge, charges
from common.domain.saas.renewals import Renewal, next_renewal
from common.domain.saas.subscription import Subscription
from common.ports import Runtime
from common.records.subscriptions import Recorded, load_recorded, plain_types, recorded_of

ACTIVE, PENDING, PAUSED, ENDING, ENDED = "active", "pending", "disabled", "ending", "ended"


@dataclass(frozen=True)
class Shown:
    """One subscription.  state: as the constants above; renewal: the next one, None where there is none; charges: up to the next renewal.

    billed, invoiced_difference: of all charges so far, before tax; the latter is what invoices differ from the formula by.
    seats, price: today.
    """

    recorded: Recorded
    state: str
    renewal: Renewal | None
    charges: tuple[Charge, ...]
    billed: Decimal
    invoiced_difference: Decimal
    seats: int | None
    price: Decimal

    @property
    def subscription(self) -> Subscription:
        """What it is now."""
        return self.recorded.subscription

    def as_json(self) -> dict[str, Any]:
        """For programs; amounts are exact decimals as text."""
        renewal = self.renewal
        return {
            **plain_types(self.subscription),
            "state": self.state,
            "renews_on": renewal.day.isoformat() if renewal else None,
            "renewal_amount": plain(renewal.amount) if renewal else None,
            "notice_from": renewal.notice_from.isoformat() if renewal and renewal.notice_from else None,
            "billed": plain(self.billed),
            "invoiced_difference": plain(self.invoiced_difference),
            "charges": [_charge_json(one) for one in self.charges],
            "versions": [
                {"number": one.number, "at": one.at, "by": one.by, "what": one.what} for one in self.recorded.versions
            ],
        }


def list_subscriptions(rt: Runtime, org_slug: str) -> list[Shown]:
    """All subscriptions of an organization, by id."""
    today = rt.clock.now().astimezone(UTC).date()
    return [_shown(one, today) for one in recorded_of(rt.documents, org_slug).values()]


def show_subscription(rt: Runtime, org_slug: str, subscription_id: str) -> Shown:
    """One subscription.  Raises NotFound."""
    return _shown(load_recorded(rt.documents, org_slug, subscription_id), rt.clock.now().astimezone(UTC).date())


def _shown(recorded: Recorded, today: date) -> Shown:
    one, digits = recorded.subscription, recorded.entry.digits
    renewal = next_renewal(one, today, digits)
    so_far = charges(one, digits, today + timedelta(days=1))
    found = charges(one, digits, renewal.day + timedelta(days=1)) if renewal else so_far
    differences = add(charge.difference for charge in so_far)
    return Shown(
        recorded, _state(one, so_far, today), renewal, tuple(found), add(charge.amount for charge in so_far), differences,
        one.seats_on(today), one.price_on(today),
    )  # fmt: skip


def _state(one: Subscription, so_far: list[Charge], today: date) -> str:
    running = any(charge.start <= today < charge.used_until for charge in so_far)
    if today < one.start:
        return PENDING
    if one.cancelled_on is not None or (one.end is not None and one.end <= today):
        return ENDING if running else ENDED
    return ACTIVE if one.is_enabled else PAUSED


def _charge_json(one: Charge) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "start": one.start.isoformat(),
        "end": one.end.isoformat(),
        "seats": one.seats,
        "quantity": plain(one.quantity),
        "formula": plain(one.formula),
        "amount": plain(one.amount),
        "difference": plain(one.difference),
        "tax": plain(one.tax),
        "billed_on": one.billed_on.isoformat(),
        "invoice": one.number,
    }
