"""What Stripe's events and subscriptions say, in the shapes of all versions of its API.

An event is only a hint that something of a customer has changed: the state is fetched.  Snapshot events carry the object, thin events its
id (`related_object`).  Current versions have a subscription's period on its items and an invoice's subscription below `parent`; older ones
have both on the object itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from common.domain.plan_status import ACTIVE, CANCELLED, SUSPENDED, TRIAL

STATUSES: Mapping[str, str] = {
    "trialing": TRIAL,
    "active": ACTIVE,
    "past_due": SUSPENDED,
    "unpaid": SUSPENDED,
    "paused": SUSPENDED,
    "incomplete": SUSPENDED,
    "canceled": CANCELLED,
    "incomplete_expired": CANCELLED,
}
"""Stripe's status of a subscription -> the organization's."""
CANCELLED_STATUSES = frozenset(one for one, status in STATUSES.items() if status == CANCELLED)
"""A subscription that never comes back."""
UNPAID = frozenset({"past_due", "unpaid", "incomplete"})
"""A payment has failed, or is to be confirmed."""
_RANKS = {"active": 3, "trialing": 3, "past_due": 2, "unpaid": 2, "paused": 2, "incomplete": 1}
_HINTS = (
    "charge.dispute.", "charge.refunded", "checkout.session.completed", "customer.deleted", "customer.subscription.",
    "invoice.marked_uncollectible", "invoice.paid", "invoice.payment_",
)  # fmt: skip
NOTED = ("charge.dispute.", "charge.refunded")
"""Events that stand in the history even where they change nothing."""
_ID = re.compile(r"[A-Za-z0-9_]{1,255}", re.ASCII)


class InvalidEvent(Exception):
    """A payload that is not one of Stripe's events; the message shows nothing of it."""


@dataclass(frozen=True)
class StripeEvent:
    """One event.  kind: as in `invoice.paid`.  customer_id None: the object that object_type and object_id name has to be asked."""

    event_id: str
    kind: str
    customer_id: str | None = None
    object_type: str | None = None
    object_id: str | None = None

    @property
    def is_hint(self) -> bool:
        """Whether a plan may have changed."""
        return self.kind.startswith(_HINTS) and (self.customer_id is not None or self.object_id is not None)


@dataclass(frozen=True)
class StripeSubscription:
    """A subscription.  plan: what the metadata of its price name, None for nothing.  org_slug: of its own metadata."""

    subscription_id: str
    customer_id: str
    status: str
    created: datetime
    price_id: str | None = None
    plan: str | None = None
    trial_end: datetime | None = None
    period_end: datetime | None = None
    org_slug: str | None = None


def parse_event(payload: bytes) -> StripeEvent:
    """The event of a delivery.  Raises InvalidEvent."""
    try:
        found = json.loads(payload)
    except (ValueError, RecursionError):
        raise InvalidEvent("the payload is not JSON") from None
    if not isinstance(found, dict) or not isinstance(found.get("type"), str) or _text(found.get("id")) is None:
        raise InvalidEvent("the payload is not an event")
    kind = found["type"].removeprefix("v1.")
    related = _mapping(found.get("related_object"))
    if related:
        object_type, object_id = str(related.get("type")), _text(related.get("id"))
        customer = object_id if object_type == "customer" else None
        return StripeEvent(found["id"], kind, customer, object_type, object_id)
    about = _mapping(_mapping(found.get("data")).get("object"))
    object_type, object_id = str(about.get("object")), _text(about.get("id"))
    if object_type == "dispute":  # it names its charge alone
        object_type, object_id = "charge", _reference(about.get("charge"))
    customer = object_id if object_type == "customer" else _reference(about.get("customer"))
    return StripeEvent(found["id"], kind, customer, object_type, object_id)


def parse_subscription(found: Mapping[str, Any]) -> StripeSubscription:
    """A subscription as the API answers it.  Raises InvalidEvent for what is none."""
    subscription_id, customer_id = _text(found.get("id")), _reference(found.get("customer"))
    created = _moment(found.get("created"))
    if subscription_id is None or customer_id is None or created is None:
        raise InvalidEvent("a subscription lacks its id, its customer or its time")
    items = [_mapping(one) for one in _mapping(found.get("items")).get("data") or ()]
    prices = [_mapping(one.get("price")) or _mapping(one.get("plan")) for one in items]
    named = next((one for one in prices if _plan(one)), prices[0] if prices else {})
    ends = [_moment(one.get("current_period_end")) for one in items]
    return StripeSubscription(
        subscription_id,
        customer_id,
        str(found.get("status")),
        created,
        price_id=_text(named.get("id")),
        plan=_plan(named),
        trial_end=_moment(found.get("trial_end")),
        period_end=max((one for one in ends if one), default=_moment(found.get("current_period_end"))),
        org_slug=_metadata(found, "org_slug"),
    )


def plan_of_price(price: Mapping[str, Any]) -> str | None:
    """The plan that a price names in its metadata."""
    return _plan(price)


def current_one(subscriptions: Sequence[StripeSubscription]) -> StripeSubscription | None:
    """The one of a customer's that counts: one that is paid for before one that is not, and of equal ones the newest."""
    return max(
        subscriptions, key=lambda one: (_RANKS.get(one.status, 0), one.created, one.subscription_id), default=None
    )


def _plan(price: Mapping[str, Any]) -> str | None:
    return _metadata(price, "plan")


def _metadata(found: Mapping[str, Any], name: str) -> str | None:
    value = _mapping(found.get("metadata")).get(name)
    return value if isinstance(value, str) and value else None


def _reference(found: Any) -> str | None:
    """The id of an object that is named, or stands there whole."""
    return _text(found.get("id")) if isinstance(found, dict) else _text(found)


def _text(found: Any) -> str | None:
    return found if isinstance(found, str) and _ID.fullmatch(found) else None


def _mapping(found: Any) -> Mapping[str, Any]:
    return found if isinstance(found, dict) else {}


def _moment(found: Any) -> datetime | None:
    return datetime.fromtimestamp(found, UTC) if isinstance(found, int) and 0 < found < 1 << 36 else None
