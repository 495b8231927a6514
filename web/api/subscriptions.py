"""Subscriptions to software: the ledger, whose charges become rows of a bill."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from common.domain.money import read_number
from common.domain.saas.subscription import DAILY, MODES, InvalidSubscription, Invoiced
from common.domain.saas.terms import CUSTOM, CYCLES
from common.reporting.arguments import read_day
from common.saas import manage, shown
from common.saas.catalogue import categories, vendors
from common.saas.manage import Changes, Written
from common.saas.reading import subscription_of
from web.api.declare import Call, Routes
from web.api.paging import Paged, page
from web.api.shapes import Amount, Asked, Day, Moment

routes = Routes("Subscriptions")
_ORG = "/api/v1/organizations/{org}"
_PATH = f"{_ORG}/subscriptions"
_ONE = f"{_PATH}/{{subscription_id}}"
_ID = r"^[a-z0-9][a-z0-9_-]{0,62}$"
SubscriptionId = Annotated[str, Field(pattern=_ID, description="The subscription's id")]
GivenAmount = Annotated[Amount, Field(max_length=60)]
GivenDay = Annotated[Day, Field(max_length=10)]
Text = Annotated[str, Field(min_length=1, max_length=120)]
Seats = Annotated[int, Field(ge=0, le=1_000_000)]
Months = Annotated[int, Field(ge=1, le=120)]
Notice = Annotated[int, Field(ge=0, le=366)]
Mode = Annotated[str, Field(max_length=20, json_schema_extra={"enum": list(MODES)})]
Tags = Annotated[dict[str, str], Field(max_length=50)]


class SubscriptionSummary(BaseModel):
    """A subscription with its next renewal."""

    model_config = ConfigDict(extra="allow")

    subscription_id: str
    vendor: str
    plan: str
    category: str
    state: str = Field(description="pending, active, disabled, ending or ended")
    cycle: str
    price: Amount = Field(description="Of one seat for one term, or of the plan without seats; of the first term")
    currency: str
    seats: int | None = Field(description="On the first day; null for a plan without seats")
    start: Day
    renews_on: Day | None
    renewal_amount: Amount | None
    notice_from: Day | None = Field(description="From when on an alert about the renewal is raised")
    billed: Amount = Field(description="Of all charges so far, before tax")
    invoiced_difference: Amount = Field(description="What invoices differ from the formula by")


class SubscriptionCharge(BaseModel):
    """One charge, up to the next renewal."""

    kind: str
    start: Day
    end: Day = Field(description="The day after the last")
    seats: int | None
    quantity: Amount
    formula: Amount
    amount: Amount = Field(description="As invoiced where that was noted, else as the formula has it")
    difference: Amount
    tax: Amount
    billed_on: Day
    invoice: str | None


class SubscriptionVersion(BaseModel):
    """One change."""

    number: int
    at: Moment
    by: str
    what: str


class Subscription(SubscriptionSummary):
    """A subscription with its charges and its changes."""

    charges: list[SubscriptionCharge]
    versions: list[SubscriptionVersion]


class Subscriptions(BaseModel):
    """Subscriptions, by id."""

    subscriptions: list[SubscriptionSummary]
    next: str | None


class SubscriptionWritten(BaseModel):
    """What became of a change."""

    subscription: Subscription
    changed: bool = Field(description="False: it was so before")
    run_ids: list[str] = Field(description="The run that fetches its charges; empty where none has begun")


class Vendor(BaseModel):
    """A vendor of the catalogue."""

    name: str
    category: str
    cycles: list[str] = Field(description="The usual ones")
    aliases: list[str]


class Vendors(BaseModel):
    """Vendors by name, and category -> its title; any other vendor can be named too."""

    vendors: list[Vendor]
    categories: dict[str, str]


class SubscriptionWanted(Asked):
    """A subscription to be added."""

    vendor: Text
    plan: Text
    price: GivenAmount = Field(description="Of one seat for one term, or of the plan without seats")
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    start: GivenDay
    cycle: str = Field("monthly", max_length=20, json_schema_extra={"enum": [*CYCLES, CUSTOM]})
    every: str | None = Field(None, max_length=20, description="Length of a custom cycle", examples=["45 days"])
    seats: Seats | None = Field(None, description="Null for a plan without seats")
    category: str | None = Field(None, max_length=120, description="The vendor's usual one by default")
    anchor_day: int | None = Field(None, ge=1, le=31, description="On which terms begin; the start's by default")
    end: GivenDay | None = Field(None, description="The first day that is not charged any more")
    renews: bool = True
    contract_months: Months | None = Field(None, description="How long it is bound; one term by default")
    notice_days: Notice | None = Field(None, description="An alert is raised so many days before a renewal")
    discount_percent: GivenAmount = "0"
    discount_until: GivenDay | None = Field(None, description="Terms from this day on have no discount")
    tax_percent: GivenAmount = "0"
    credits: bool = Field(False, description="Whether the vendor gives back unused time")
    mode: Mode = Field(DAILY, description="With use by day, or the purchase alone")
    account: Text | None = Field(None, description="The vendor's id of your account")
    tags: Tags = Field(default_factory=dict)
    subscription_id: SubscriptionId | None = Field(None, description="Made of vendor and plan by default")


class SubscriptionChanged(Asked):
    """New values; what is not given stays."""

    seats: Seats | None = Field(None, description="From `on` on")
    price: GivenAmount | None = Field(None, description="Of the terms that begin on `on` or later")
    on: GivenDay | None = Field(None, description="The first day of new seats or a new price; today by default")
    plan: Text | None = None
    category: str | None = Field(None, max_length=120)
    account: Text | None = None
    discount_percent: GivenAmount | None = None
    discount_until: GivenDay | None = None
    tax_percent: GivenAmount | None = None
    end: GivenDay | None = None
    renews: bool | None = None
    credits: bool | None = None
    contract_months: Months | None = None
    notice_days: Notice | None = None
    mode: Mode | None = None
    tags: Tags | None = Field(None, description="All of them anew")


class FromDay(Asked):
    """When it takes effect."""

    on: GivenDay | None = Field(None, description="Today by default")


class Cancellation(FromDay):
    """When it takes effect."""

    at_once: bool = Field(False, description="End the running term on that day too")


class InvoiceNoted(Asked):
    """What the vendor invoiced, before tax."""

    day: GivenDay = Field(description="The first day of the charge")
    amount: GivenAmount | None = Field(None, description="It wins over the formula")
    tax: GivenAmount | None = None
    number: Text | None = None
    billed_on: GivenDay | None = Field(None, description="Day of the invoice, which decides its month")


@routes.get(f"{_ORG}/vendors", answer=Vendors)
def list_vendors(call: Call) -> dict[str, Any]:
    """The vendors and categories of subscriptions that are known."""
    found = [
        {"name": one.name, "category": one.category, "cycles": list(one.cycles), "aliases": list(one.aliases)}
        for one in vendors()
    ]
    return {"vendors": found, "categories": dict(categories())}


@routes.get(_PATH, answer=Subscriptions)
def list_all_subscriptions(call: Call, query: Paged) -> dict[str, Any]:
    """The subscriptions, by id."""
    found = shown.list_subscriptions(call.rt, call.org_slug)
    items, after = page(found, lambda one: (one.subscription.subscription_id,), query, descending=False)
    left_out = ("charges", "versions")
    return {
        "subscriptions": [
            {name: value for name, value in one.as_json().items() if name not in left_out} for one in items
        ],
        "next": after,
    }


@routes.get(_ONE, answer=Subscription)
def get_subscription(call: Call, subscription_id: SubscriptionId) -> dict[str, Any]:
    """One subscription: its charges up to the next renewal, how invoices differ from the formula, and its changes."""
    return shown.show_subscription(call.rt, call.org_slug, subscription_id).as_json()


@routes.post(_PATH, answer=SubscriptionWritten, status=201, action="subscription.create")
def add_subscription(call: Call, body: SubscriptionWanted) -> dict[str, Any]:
    """Add a subscription and fetch its charges to date.

    As for every change: where the plan allows no further run (429), the change is stored, and the schedule fetches it.
    """
    category = body.category or manage.category_of(body.vendor)
    wanted = subscription_of({**body.model_dump(), "category": category})
    return _answered(call, manage.add_subscription(call.rt, call.org_slug, wanted, call.caller.name))


@routes.patch(_ONE, answer=SubscriptionWritten, action="subscription.change")
def change_subscription(call: Call, subscription_id: SubscriptionId, body: SubscriptionChanged) -> dict[str, Any]:
    """Change a subscription; only the months whose charges change get a new version."""
    given = body.model_dump(exclude_none=True)
    if not given.keys() - {"on"}:
        raise InvalidSubscription("nothing is to be changed; give seats, price or another field")
    for name in given.keys() & {"price", "discount_percent", "tax_percent"}:
        given[name] = _amount(given[name])
    for name in given.keys() & {"on", "discount_until", "end"}:
        given[name] = read_day(given[name])
    changes = Changes(**given)
    return _answered(
        call, manage.change_subscription(call.rt, call.org_slug, subscription_id, changes, call.caller.name)
    )


@routes.post(f"{_ONE}/invoices", answer=SubscriptionWritten, action="subscription.invoice")
def note_subscription_invoice(call: Call, subscription_id: SubscriptionId, body: InvoiceNoted) -> dict[str, Any]:
    """Note what the vendor invoiced for a charge; a later note of the same charge replaces it."""
    if (body.amount, body.tax, body.number, body.billed_on) == (None, None, None, None):
        raise InvalidSubscription("nothing is to be noted; give amount, tax, number or billed_on")
    invoice = Invoiced(read_day(body.day), _amount(body.amount), body.number, _day(body.billed_on), _amount(body.tax))
    return _answered(call, manage.note_invoice(call.rt, call.org_slug, subscription_id, invoice, call.caller.name))


@routes.post(f"{_ONE}/disable", answer=SubscriptionWritten, action="subscription.disable")
def disable_subscription(call: Call, subscription_id: SubscriptionId, body: FromDay) -> dict[str, Any]:
    """Let no further term begin until the subscription is enabled."""
    written = manage.disable_subscription(call.rt, call.org_slug, subscription_id, _day(body.on), call.caller.name)
    return _answered(call, written)


@routes.post(f"{_ONE}/enable", answer=SubscriptionWritten, action="subscription.enable")
def enable_subscription(call: Call, subscription_id: SubscriptionId, body: FromDay) -> dict[str, Any]:
    """Let terms begin again, and take a cancellation back."""
    written = manage.enable_subscription(call.rt, call.org_slug, subscription_id, _day(body.on), call.caller.name)
    return _answered(call, written)


@routes.post(f"{_ONE}/cancel", answer=SubscriptionWritten, action="subscription.cancel")
def cancel_subscription(call: Call, subscription_id: SubscriptionId, body: Cancellation) -> dict[str, Any]:
    """Cancel a subscription: the running term ends as paid, and no other begins."""
    written = manage.cancel_subscription(
        call.rt, call.org_slug, subscription_id, _day(body.on), body.at_once, call.caller.name
    )
    return _answered(call, written)


def _answered(call: Call, written: Written) -> dict[str, Any]:
    subscription_id = written.recorded.subscription.subscription_id
    return {
        "subscription": shown.show_subscription(call.rt, call.org_slug, subscription_id).as_json(),
        "changed": written.changed,
        "run_ids": list(written.requested.run_ids) if written.requested else [],
    }


def _amount(text: str | None) -> Decimal | None:
    return None if text is None else read_number(text)


def _day(text: str | None) -> date | None:
    return None if text is None else read_day(text)
