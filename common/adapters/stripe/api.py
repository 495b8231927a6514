"""Stripe's API over HTTPS, as far as plans need it: https://docs.stripe.com/api.

The SDK takes 0.24 s to import, and a few calls do not need it.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from http import HTTPStatus
from typing import Any

import httpx
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from common.adapters.shared.outgoing import unlogged
from common.domain.stripe_objects import InvalidEvent, StripeSubscription, parse_subscription, plan_of_price
from common.errors import AGAIN, BadConfiguration, NotSignedIn, Retryable, Throttled
from common.ports.payments import Checkout

ENDPOINT = "COSTWIRE_STRIPE_ENDPOINT"
"""Tests: where a peer answers in place of Stripe."""
VERSION = "2026-10-28.endive"
"""The version of the API whose shapes are asked for."""
_STRIPE = "https://api.stripe.com"
_PAGE = 100
_TRIES = 4
_TIMEOUT = httpx.Timeout(20.0, connect=5.0)
_PATHS = {
    "invoice": "invoices",
    "charge": "charges",
    "subscription": "subscriptions",
    "checkout.session": "checkout/sessions",
}


class StripeApi:
    """Keeps common.ports.payments.Payments.  key: a restricted key in the clear, or None; it is asked for at the first call."""

    def __init__(self, key: Callable[[], str | None], base: str | None = None) -> None:
        self._key, self._base = key, base or os.environ.get(ENDPOINT) or _STRIPE

    def subscription(self, subscription_id: str) -> StripeSubscription | None:
        """One subscription; None where there is none."""
        found = self._get(f"subscriptions/{subscription_id}")
        return _read(found) if found is not None else None

    def subscriptions(self, customer_id: str | None = None) -> Sequence[StripeSubscription]:
        """All subscriptions of a customer, or of everybody; those that have ended included."""
        asked = {"status": "all", **({"customer": customer_id} if customer_id else {})}
        return [_read(one) for one in self._pages("subscriptions", asked)]

    def customer_of(self, object_type: str, object_id: str) -> str | None:
        """The customer of an invoice, a charge, a subscription or a checkout session; None where there is none."""
        folder = _PATHS.get(object_type)
        found = self._get(f"{folder}/{object_id}") if folder else None
        customer = (found or {}).get("customer")
        return str(customer["id"] if isinstance(customer, dict) else customer) if customer else None

    def create_customer(self, org_slug: str, name: str) -> str:
        """The id of a new customer; the same again for the same organization within a day."""
        wanted = {"name": name, "metadata[org_slug]": org_slug}
        return str(self._post("customers", wanted, f"costwire-customer-{org_slug}")["id"])

    def price_of(self, plan: str) -> str | None:
        """The id of the recurring price whose metadata name the plan; None without one."""
        prices = self._pages("prices", {"active": "true", "type": "recurring"})
        return next((str(one["id"]) for one in prices if plan_of_price(one) == plan), None)

    def start_checkout(self, checkout: Checkout) -> str:
        """The address of the page."""
        wanted = {
            "mode": "subscription",
            "customer": checkout.customer_id,
            "client_reference_id": checkout.org_slug,
            "line_items[0][price]": checkout.price_id,
            "line_items[0][quantity]": "1",
            "subscription_data[metadata][org_slug]": checkout.org_slug,
            "success_url": checkout.success_url,
            "cancel_url": checkout.cancel_url,
        }
        if checkout.trial_ends_at is not None:
            wanted["subscription_data[trial_end]"] = str(checkout.trial_ends_at)
        return str(self._post("checkout/sessions", wanted)["url"])

    def open_portal(self, customer_id: str, return_url: str) -> str:
        """The address of the page on which a customer changes or ends its subscription."""
        return str(self._post("billing_portal/sessions", {"customer": customer_id, "return_url": return_url})["url"])

    def _pages(self, path: str, asked: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
        after: dict[str, str] = {}
        while True:
            found = self._get(path, {**asked, "limit": str(_PAGE), **after}) or {}
            rows = found.get("data") or []
            yield from rows
            if not found.get("has_more") or not rows:
                return
            after = {"starting_after": str(rows[-1]["id"])}

    def _get(self, path: str, asked: Mapping[str, str] | None = None) -> Mapping[str, Any] | None:
        return self._asked("GET", path, params=asked)

    def _post(self, path: str, wanted: Mapping[str, str], key: str | None = None) -> Mapping[str, Any]:
        headers = {"Idempotency-Key": key} if key else {}
        found = self._asked("POST", path, data=wanted, headers=headers, again=key is not None)
        if found is None:
            raise BadConfiguration(f"Stripe does not know what {path} was asked for; see the request in Stripe's log")
        return found

    def _asked(self, method: str, path: str, again: bool = True, **more: Any) -> Mapping[str, Any] | None:
        """The answer; None for what does not exist.  again: the request may be sent once more where its answer was lost."""
        retrying = Retrying(
            retry=retry_if_exception_type(Retryable),
            stop=stop_after_attempt(_TRIES if again else 1),
            wait=wait_random_exponential(multiplier=0.3, max=3),
            reraise=True,
        )
        found: Mapping[str, Any] | None = retrying(self._once, method, path, more)
        return found

    def _once(self, method: str, path: str, more: Mapping[str, Any]) -> Mapping[str, Any] | None:
        try:
            with unlogged():
                answer = self._client.request(method, f"/v1/{path}", **more)
            found = answer.json() if answer.is_success else _error(answer)
        except httpx.TransportError as error:
            raise Retryable(f"Stripe cannot be reached, {type(error).__name__}; {AGAIN}") from None
        except ValueError:
            raise Retryable(f"Stripe answered {answer.status_code} without JSON; {AGAIN}") from None
        return _checked(answer.status_code, found)

    @cached_property
    def _client(self) -> httpx.Client:
        key = self._key()
        if not key:
            raise BadConfiguration(
                "COSTWIRE_STRIPE_API_KEY is not set; plans are paid for by Stripe, so give a restricted key"
            )
        headers = {"Authorization": f"Bearer {key}", "Stripe-Version": VERSION}
        client = httpx.Client(base_url=self._base, headers=headers, timeout=_TIMEOUT, follow_redirects=False)
        weakref.finalize(self, client.close)  # nobody closes a runtime
        return client


def _error(answer: httpx.Response) -> Mapping[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found.get("error") or {} if isinstance(found, dict) else {}


def _checked(status: int, found: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The answer.  Of an error only its code is repeated: the words may quote the request."""
    if httpx.codes.is_success(status):
        return found
    code = str(found.get("code") or found.get("type") or "")[:60]
    if status == HTTPStatus.NOT_FOUND or code == "resource_missing":
        return None
    told = f"{status}{f', {code}' if code.replace('_', '').isalnum() else ''}"
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise NotSignedIn(f"Stripe does not accept the key ({told}); check COSTWIRE_STRIPE_API_KEY and what it may do")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise Throttled(f"Stripe asks for fewer requests ({told}); {AGAIN}")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.CONFLICT:
        raise Retryable(f"Stripe is temporarily unavailable ({told}); {AGAIN}")
    raise BadConfiguration(f"Stripe refuses the request ({told}); see the request in Stripe's log")


def _read(found: Mapping[str, Any]) -> StripeSubscription:
    try:
        return parse_subscription(found)
    except InvalidEvent as error:
        raise Retryable(f"Stripe answered what is not known here: {error}; {AGAIN}") from None
