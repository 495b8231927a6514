"""Who pays for which plan, as the payment provider says (Stripe).  Its answers are the truth; its events are hints."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from common.domain.stripe_objects import StripeSubscription


@dataclass(frozen=True)
class Checkout:
    """A page on which a plan is paid for.  trial_ends_at: seconds since 1970, None where the first payment is due at once."""

    org_slug: str
    customer_id: str
    price_id: str
    success_url: str
    cancel_url: str
    trial_ends_at: int | None = None


class Payments(Protocol):
    """Every call raises BadConfiguration where no key is set or a request is refused, NotSignedIn for a wrong key, Retryable."""

    def subscription(self, subscription_id: str) -> StripeSubscription | None:
        """One subscription; None where there is none."""
        ...

    def subscriptions(self, customer_id: str | None = None) -> Sequence[StripeSubscription]:
        """All subscriptions of a customer, or of everybody; those that have ended included."""
        ...

    def customer_of(self, object_type: str, object_id: str) -> str | None:
        """The customer of an invoice, a charge, a subscription or a checkout session; None where there is none."""
        ...

    def create_customer(self, org_slug: str, name: str) -> str:
        """The id of a new customer; the same again for the same organization within a day."""
        ...

    def price_of(self, plan: str) -> str | None:
        """The id of the recurring price whose metadata name the plan; None without one."""
        ...

    def start_checkout(self, checkout: Checkout) -> str:
        """The address of the page."""
        ...

    def open_portal(self, customer_id: str, return_url: str) -> str:
        """The address of the page on which a customer changes or ends its subscription."""
        ...
