"""An organization's plan follows its subscription: whatever the hint was, the subscription is fetched and applied.

So repeated hints, and those in another order, lead to the same end.  Of two workers that fetched at different moments the later look
counts.  Once a day every organization is compared with the payment provider, and trials that end are noticed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from common.domain import stripe_objects
from common.domain.names import org_slug_fault
from common.domain.plan_status import EXPIRED, TRIAL
from common.domain.stripe_objects import STATUSES, StripeSubscription, current_one
from common.errors import BadConfiguration
from common.messages import SCHEDULE, SubscriptionChanged
from common.ports import Document, Runtime
from common.records import organizations
from common.records.audit import note_event
from common.records.organizations import change_document
from common.records.usage import trial_is_over
from common.telemetry import told
from common.tenancy import plan_notices


def on_hint(message: SubscriptionChanged, rt: Runtime) -> None:
    """Bring the organization of a customer up to date; without a customer, look for those that differ.  Safe to repeat and to reorder.

    Raises BadConfiguration for a status or a plan that is not known, once all that is known has been applied; Retryable.
    """
    if not rt.settings.plans:
        told(ignored="plans are off")
        return
    if message.kind == SCHEDULE and message.customer_id is None:
        reconcile(message, rt)
        return
    customer_id = message.customer_id
    if customer_id is None and message.object_type and message.object_id:
        customer_id = rt.payments.customer_of(message.object_type, message.object_id)
    if customer_id is None:
        told(ignored="no customer")
        return
    _follow(rt, message, customer_id)


def reconcile(message: SubscriptionChanged, rt: Runtime) -> None:
    """Compare every organization with its subscription, publish a hint for each that differs, and look at trials that end."""
    key_is_set = bool(rt.secrets.get("stripe-api-key"))
    by_customer: dict[str, list[StripeSubscription]] = defaultdict(list)
    for one in rt.payments.subscriptions() if key_is_set else ():
        by_customer[one.customer_id].append(one)
    known = {org_slug: document for org_slug, document in rt.documents.list("orgs")}
    hints = []
    for customer_id, several in by_customer.items():
        chosen = current_one(several)
        org_slug = _organization_of(customer_id, several, known)
        if chosen is not None and org_slug is not None and _differs(known[org_slug], customer_id, chosen):
            hints.append(SubscriptionChanged(f"{message.event_id}.{org_slug}", SCHEDULE, org_slug, customer_id))
    rt.bus.publish_all(hints)
    told(differing=len(hints))
    for org_slug, organization in known.items():
        _look_at_trial(rt, org_slug, organization)


def _follow(rt: Runtime, message: SubscriptionChanged, customer_id: str) -> None:
    seen_at = rt.clock.now()
    several = list(rt.payments.subscriptions(customer_id))
    named = rt.documents.list("orgs", {"stripe_customer_id": customer_id})
    known = dict(named) or _named_by_metadata(rt, several)
    org_slug = _organization_of(customer_id, several, known)
    if org_slug is None:
        told(ignored="no organization has this customer")
        return
    stored = (known[org_slug].get("stripe") or {}).get("subscription_id")
    if not several and stored:  # of a customer that was deleted nothing is listed
        found = rt.payments.subscription(stored)
        several = [found] if found is not None else []
    if message.kind.startswith(stripe_objects.NOTED):
        note_event(rt.documents, rt.clock.now(), org_slug, f"stripe.{message.kind}", message.event_id)
    chosen = current_one(several)
    if chosen is None:
        told(ignored="no subscription")
        return
    applied = _apply(rt, org_slug, customer_id, chosen, seen_at)
    if applied is not None:
        plan_notices.of_subscription(rt, applied, chosen)
        _check_known(chosen)


def _apply(
    rt: Runtime, org_slug: str, customer_id: str, chosen: StripeSubscription, seen_at: datetime
) -> Document | None:
    """The organization after it; None where somebody has applied a later look."""
    late: list[bool] = []

    def change(document: Document) -> None:
        late.clear()
        stripe = document.get("stripe") or {}
        before = stripe.get("seen_at")
        if before is not None and datetime.fromisoformat(before) > seen_at:
            late.append(True)
            return
        document["stripe_customer_id"] = customer_id
        document["stripe"] = {
            "subscription_id": chosen.subscription_id,
            "price_id": chosen.price_id,
            "status": chosen.status,
            "period_end": chosen.period_end.isoformat() if chosen.period_end else None,
            "seen_at": seen_at.isoformat(),
        }
        if chosen.plan in organizations.plans():
            document |= {"plan": chosen.plan, "limits": organizations.limits_of(str(chosen.plan))}
        status = STATUSES.get(chosen.status)
        if status is None or document.get("removal_began_at"):
            return
        # what an operator has suspended stays so, and is resumed as what it is then
        document["status_before" if "status_before" in document else "status"] = status
        on_trial = status == TRIAL and chosen.trial_end is not None
        document["trial_ends_at"] = chosen.trial_end.isoformat() if on_trial and chosen.trial_end else None

    after = change_document(rt.documents, rt.clock.now(), org_slug, change)
    return None if late else after


def _check_known(chosen: StripeSubscription) -> None:
    if chosen.status not in STATUSES:
        raise BadConfiguration(
            f"subscription {chosen.subscription_id} has the status '{chosen.status[:40]}', expected one of {', '.join(STATUSES)}; "
            "the organization stays as it is"
        )
    if chosen.plan not in organizations.plans():
        names = ", ".join(organizations.plans())
        raise BadConfiguration(
            f"price {chosen.price_id} of subscription {chosen.subscription_id} names no plan; give it the metadata plan, one of {names}"
        )


def _organization_of(
    customer_id: str, several: Sequence[StripeSubscription], known: Mapping[str, Document]
) -> str | None:
    """Whose customer it is: by the organization's own document, else by the metadata that we, or an operator, gave the subscription."""
    own = next((slug for slug, one in known.items() if one.get("stripe_customer_id") == customer_id), None)
    if own is not None:
        return own
    named = {one.org_slug for one in several if one.org_slug in known}
    free = [slug for slug in named if slug and known[slug].get("stripe_customer_id") in (None, customer_id)]
    return free[0] if len(free) == 1 else None


def _named_by_metadata(rt: Runtime, several: Sequence[StripeSubscription]) -> dict[str, Document]:
    named = {one.org_slug for one in several if one.org_slug and not org_slug_fault(one.org_slug)}
    found = {name: rt.documents.get(organizations.organization_path(name)) for name in sorted(named)}
    return {name: document for name, document in found.items() if document is not None}


def _differs(organization: Document, customer_id: str, chosen: StripeSubscription) -> bool:
    stripe = organization.get("stripe") or {}
    status = organization.get("status_before") or organization.get("status")
    return (
        organization.get("stripe_customer_id") != customer_id
        or (stripe.get("subscription_id"), stripe.get("status"), stripe.get("price_id"))
        != (chosen.subscription_id, chosen.status, chosen.price_id)
        or STATUSES.get(chosen.status, status) != status
        or (chosen.plan in organizations.plans() and organization.get("plan") != chosen.plan)
    )


def _look_at_trial(rt: Runtime, org_slug: str, organization: Document) -> None:
    """Tell that a trial ends, or that it has ended; of one with a subscription Stripe's events say it."""
    now = rt.clock.now()
    if organization.get("removal_began_at"):
        return
    if trial_is_over(organization, now):

        def change(document: Document) -> None:
            if trial_is_over(document, now):
                document["status"] = EXPIRED

        after = change_document(rt.documents, now, org_slug, change)
        if after["status"] == EXPIRED:
            plan_notices.trial_ended(rt, after)
    elif organization.get("status") == TRIAL:
        plan_notices.trial_ending(rt, organization)
