"""Where an organization pays for its plan: pages of the payment provider."""

from __future__ import annotations

from datetime import datetime, timedelta

from common.domain.stripe_objects import CANCELLED_STATUSES
from common.errors import AlreadyExists, BadConfiguration
from common.ports import Checkout, Document, Runtime
from common.records.organizations import change_document, load, plans

_LEAST_TRIAL = timedelta(hours=49)
"""Stripe takes an end of a trial that lies at least 48 hours ahead."""


def start_checkout(rt: Runtime, org_slug: str, plan: str, success_url: str, cancel_url: str) -> str:
    """The address of a page on which the plan is paid for; a trial goes on there until its end.

    Raises BadConfiguration for a plan that does not exist or has no price, AlreadyExists where a subscription is running.
    """
    _check_plans(rt)
    if plan not in plans():
        raise BadConfiguration(f"plan is '{plan}', expected one of {', '.join(plans())}")
    organization = load(rt.documents, org_slug)
    stripe = organization.get("stripe") or {}
    if stripe.get("subscription_id") and stripe.get("status") not in CANCELLED_STATUSES:
        raise AlreadyExists(
            f"organization {org_slug} has a subscription; change its plan on the page of the billing portal"
        )
    price_id = rt.payments.price_of(plan)
    if price_id is None:
        raise BadConfiguration(f"plan {plan} has no price: give a recurring price of Stripe the metadata plan={plan}")
    customer_id = organization.get("stripe_customer_id") or _new_customer(rt, organization)
    return rt.payments.start_checkout(
        Checkout(org_slug, customer_id, price_id, success_url, cancel_url, _trial_end(organization, rt.clock.now()))
    )


def open_portal(rt: Runtime, org_slug: str, return_url: str) -> str:
    """The address of the page on which the organization changes its plan, its card, or ends its subscription.

    Raises BadConfiguration for an organization that has never paid.
    """
    _check_plans(rt)
    customer_id = load(rt.documents, org_slug).get("stripe_customer_id")
    if not customer_id:
        raise BadConfiguration(f"organization {org_slug} has no subscription yet; start one by a checkout")
    return rt.payments.open_portal(customer_id, return_url)


def _check_plans(rt: Runtime) -> None:
    if not rt.settings.plans:
        raise BadConfiguration("this deployment has no plans (COSTWIRE_PLANS is off), so nothing is paid for")


def _new_customer(rt: Runtime, organization: Document) -> str:
    """A customer for the organization; of two requests at once both get the one that was stored first."""
    org_slug = organization["org_slug"]
    made = rt.payments.create_customer(org_slug, organization["name"])

    def change(document: Document) -> None:
        document["stripe_customer_id"] = document.get("stripe_customer_id") or made

    return str(change_document(rt.documents, rt.clock.now(), org_slug, change)["stripe_customer_id"])


def _trial_end(organization: Document, now: datetime) -> int | None:
    """When the trial ends that the organization has, in seconds since 1970; None where it is over, or as good as."""
    ends = organization.get("trial_ends_at")
    moment = datetime.fromisoformat(ends) if ends else None
    return int(moment.timestamp()) if moment is not None and moment - now > _LEAST_TRIAL else None
