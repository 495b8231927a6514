"""A delivery of Stripe's webhook: verified, noted by its id, and passed on as a message; the work is done afterwards."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from common.domain import stripe_signatures
from common.domain.stripe_objects import InvalidEvent, StripeEvent, parse_event
from common.errors import BadConfiguration
from common.messages import SubscriptionChanged
from common.ports import Document, Runtime, Transaction
from common.telemetry import logs

SECRET = "stripe-webhook-secret"  # noqa: S105  # its name
KEPT = timedelta(days=30)
"""Longer than Stripe repeats a delivery (3 days), and than a person may send an event once more by hand."""
_FUNCTION = "stripe_webhook"
_log = logging.getLogger(logs.LOGGER)


class RefusedDelivery(Exception):
    """A delivery that is not Stripe's, not of now, or no event.  The reason is for the log: who sent it gets none."""


def receive(rt: Runtime, payload: bytes, signature: str) -> StripeEvent:
    """Note the event and publish what it hints at, once; a repeated delivery changes nothing.

    The id is stored before anything else.  A delivery that ends between that and the message is made again by Stripe, and published then.
    Raises RefusedDelivery, BadConfiguration where the signing secret is not set, Retryable.
    """
    secret = rt.secrets.get(SECRET)
    if not secret:
        raise BadConfiguration(
            "COSTWIRE_STRIPE_WEBHOOK_SECRET is not set; copy the signing secret of the webhook in Stripe"
        )
    reason = stripe_signatures.fault(payload, signature, secret, rt.clock.now())
    if reason is not None:
        raise RefusedDelivery(reason)
    try:
        event = parse_event(payload)
    except InvalidEvent as error:
        raise RefusedDelivery(str(error)) from None
    note = _note(rt, event)
    path = f"processed/{_FUNCTION}.{event.event_id}"
    if rt.processed.transact(lambda transaction: _is_done(transaction, path, note, rt.clock.now())):
        _told(event, "repeated")
        return event
    if event.is_hint:
        rt.bus.publish(
            SubscriptionChanged(
                event.event_id,
                event.kind,
                customer_id=event.customer_id,
                object_type=event.object_type,
                object_id=event.object_id,
            )
        )
    rt.processed.set(path, {**note, "done": True})
    _told(event, "received" if event.is_hint else "ignored")
    return event


def _note(rt: Runtime, event: StripeEvent) -> Document:
    ends = (rt.clock.now() + KEPT).isoformat()
    return {"function": _FUNCTION, "event_id": event.event_id, "kind": event.kind[:100], "expires_at": ends}


def _is_done(transaction: Transaction, path: str, note: Document, now: datetime) -> bool:
    known = transaction.get(path)
    if known is not None and datetime.fromisoformat(known["expires_at"]) > now:
        return bool(known.get("done"))
    transaction.set(path, note)
    return False


def _told(event: StripeEvent, outcome: str) -> None:
    fields = {"function": _FUNCTION, "event_id": event.event_id, "kind": event.kind[:100], "outcome": outcome}
    _log.info("stripe_webhook %s %s", outcome, fields["kind"], extra={"fields": fields})
