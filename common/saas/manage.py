"""Write the ledger of subscriptions: add, change, cancel, pause, note invoices; then have its bill fetched where it has one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date
from decimal import Decimal

from common.alerts.renewals import check_renewals
from common.domain.integrations import DISABLED
from common.domain.money import plain
from common.domain.saas.charges import Charge, charges
from common.domain.saas.lines import bills
from common.domain.saas.renewals import without_pause
from common.domain.saas.subscription import (
    AT_ONCE,
    TERM_END,
    InvalidSubscription,
    Invoiced,
    Pause,
    PriceChange,
    SeatChange,
    Subscription,
)
from common.domain.saas.terms import FIRST, LAST
from common.errors import BadConfiguration
from common.ingestion.connecting import Connection, connect
from common.ingestion.requesting import Requested
from common.ingestion.syncing import sync
from common.ports import Runtime
from common.records.currencies import check_currency
from common.records.integrations import integration_path
from common.records.subscriptions import Recorded, load_recorded, record, recorded_of
from common.saas.catalogue import categories, vendor_named
from common.tenancy.schedules import ensure_schedule, shown_sync_schedule

INTEGRATION = "subscriptions"
"""The integration of an organization's ledger."""
PROVIDER = "saas"


@dataclass(frozen=True)
class Changes:
    """What is to be changed; None leaves it.  on: the first day of new seats or a new price, today by default.

    discount_until, end: a day.  tags: all of them anew.
    """

    seats: int | None = None
    price: Decimal | None = None
    on: date | None = None
    plan: str | None = None
    category: str | None = None
    account: str | None = None
    discount_percent: Decimal | None = None
    discount_until: date | None = None
    tax_percent: Decimal | None = None
    end: date | None = None
    renews: bool | None = None
    credits: bool | None = None
    contract_months: int | None = None
    notice_days: int | None = None
    mode: str | None = None
    tags: dict[str, str] | None = None


@dataclass(frozen=True)
class Written:
    """What became of a change.  changed: whether the ledger was another one before; requested: the run that fetches its bill, None where
    there is nothing to fetch.
    """

    recorded: Recorded
    changed: bool
    requested: Requested | None = None


def add_subscription(rt: Runtime, org_slug: str, wanted: Subscription, by: str) -> Written:
    """Add a subscription.  Raises AlreadyExists, BadConfiguration for a currency or a category that is not known."""
    check_category(wanted.category)
    _ensure_schedule(rt, org_slug)
    record(rt.documents, org_slug, wanted, _now(rt), by, "added", new=True)
    return _written(rt, org_slug, wanted.subscription_id, True)


def put_subscription(rt: Runtime, org_slug: str, wanted: Subscription, by: str) -> bool:
    """Make a subscription what a file says; whether that changed the ledger.  What only commands write stays: pauses and invoices, and a
    cancellation that the file does not name.
    """
    check_category(wanted.category)
    known = recorded_of(rt.documents, org_slug).get(wanted.subscription_id)
    if known is not None:
        before = known.subscription
        wanted = replace(wanted, pauses=wanted.pauses or before.pauses, invoices=wanted.invoices or before.invoices)
        if wanted.cancelled_on is None:
            wanted = replace(wanted, cancelled_on=before.cancelled_on, cancels=before.cancels)
    return record(rt.documents, org_slug, wanted, _now(rt), by, "set by a file", new=False)


def put_subscriptions(rt: Runtime, org_slug: str, wanted: Sequence[Subscription], by: str) -> list[str]:
    """The same of several; the ids of those that changed.  Nothing is written where a category or a currency is not known."""
    for one in wanted:
        check_category(one.category)
        check_currency(one.currency)
    return [one.subscription_id for one in wanted if put_subscription(rt, org_slug, one, by)]


def change_subscription(rt: Runtime, org_slug: str, subscription_id: str, changes: Changes, by: str) -> Written:
    """Change a subscription.  Raises NotFound, InvalidSubscription."""
    if changes.category is not None:
        check_category(changes.category)
    today = _today(rt)
    said = ", ".join(f"{name} {_said(value)}" for name, value in vars(changes).items() if value is not None)
    return _edit(rt, org_slug, subscription_id, lambda one: _changed(one, changes, today), by, f"changed: {said}")


def cancel_subscription(
    rt: Runtime, org_slug: str, subscription_id: str, on: date | None, at_once: bool, by: str
) -> Written:
    """Cancel a subscription on a day, today by default: no term begins from then on.  at_once: the running one ends then too."""
    day = on or _today(rt)
    cancels = AT_ONCE if at_once else TERM_END
    return _edit(
        rt, org_slug, subscription_id, lambda one: replace(one, cancelled_on=day, cancels=cancels), by,
        f"cancelled on {day}, {cancels}",
    )  # fmt: skip


def disable_subscription(rt: Runtime, org_slug: str, subscription_id: str, on: date | None, by: str) -> Written:
    """Let no term begin from a day on, today by default; the running one is paid and goes on."""
    day = on or _today(rt)

    def edit(one: Subscription) -> Subscription:
        return replace(one, pauses=tuple(sorted((*one.pauses, Pause(day))))) if one.is_enabled else one

    return _edit(rt, org_slug, subscription_id, edit, by, f"disabled on {day}")


def enable_subscription(rt: Runtime, org_slug: str, subscription_id: str, on: date | None, by: str) -> Written:
    """Let terms begin again from a day on, today by default, and take a cancellation back."""
    day = on or _today(rt)

    def edit(one: Subscription) -> Subscription:
        return replace(without_pause(one, day), cancelled_on=None, cancels=TERM_END)

    return _edit(rt, org_slug, subscription_id, edit, by, f"enabled on {day}")


def note_invoice(rt: Runtime, org_slug: str, subscription_id: str, invoice: Invoiced, by: str) -> Written:
    """Note what the vendor invoiced for the charge that begins on a day; it wins over the formula.  Raises InvalidSubscription for a day
    on which none begins.
    """

    def edit(one: Subscription) -> Subscription:
        others = [known for known in one.invoices if known.day != invoice.day]
        return replace(one, invoices=tuple(sorted((*others, invoice), key=lambda known: known.day)))

    if not FIRST <= invoice.day <= LAST:
        raise InvalidSubscription(f"no charge begins on {invoice.day}, expected a day from {FIRST} to {LAST}")
    amount = "" if invoice.amount is None else f" of {plain(invoice.amount)}"
    known = load_recorded(rt.documents, org_slug, subscription_id)
    days = [one.start for one in _charges(known, invoice.day)]
    if invoice.day not in days:
        near = ", ".join(str(day) for day in days[-3:]) or "none until then"
        raise InvalidSubscription(f"no charge begins on {invoice.day}; the latest begin on: {near}")
    return _edit(rt, org_slug, subscription_id, edit, by, f"invoice{amount} for {invoice.day}")


def fetch_ledger(rt: Runtime, org_slug: str) -> Requested | None:
    """Have the ledger's bill fetched, connecting it first; None where no charge has begun."""
    check_renewals(org_slug, rt.documents, rt.bus, rt.clock.now())
    ledger = [one.entry for one in recorded_of(rt.documents, org_slug).values()]
    if not bills(ledger, date.fromordinal(_today(rt).toordinal() + 1)):
        return None
    integration = rt.documents.get(integration_path(org_slug, INTEGRATION))
    if integration is None:
        _ensure_schedule(rt, org_slug)
        connect(rt, Connection(org_slug, PROVIDER, None, INTEGRATION, requested_by="subscriptions", scheduled=False))
    elif integration["provider"] != PROVIDER:
        raise BadConfiguration(
            f"integration {INTEGRATION} is one of {integration['provider']}; remove it, since the ledger needs the name"
        )
    elif integration["status"] == DISABLED:
        return None
    return sync(rt, org_slug, integration_id=INTEGRATION)


def check_category(category: str) -> None:
    """Raises BadConfiguration for a category that is not in the catalogue."""
    if category not in categories():
        raise BadConfiguration(f"category is '{category[:40]}', expected {', '.join(categories())}")


def category_of(vendor: str) -> str:
    """The usual category of a vendor.  Raises BadConfiguration where the catalogue does not know it."""
    known = vendor_named(vendor)
    if known is None:
        raise BadConfiguration(
            f"category is missing: {vendor[:60]} is not in the catalogue; give {', '.join(categories())}"
        )
    return known.category


def _changed(one: Subscription, changes: Changes, today: date) -> Subscription:
    day = changes.on or today
    simple = {
        name: value
        for name, value in vars(changes).items()
        if value is not None and name not in ("seats", "price", "on")
    }
    made = replace(one, **simple)
    if changes.seats is not None:
        if one.seats is None:
            raise InvalidSubscription(f"{one.subscription_id} is a plan without seats")
        if day <= one.start:
            made = replace(made, seats=changes.seats)
        else:
            seats = [known for known in made.seat_changes if known.day != day]
            made = replace(made, seat_changes=tuple(sorted((*seats, SeatChange(day, changes.seats)))))
    if changes.price is not None:
        if day <= one.start:
            made = replace(made, price=changes.price)
        else:
            prices = [known for known in made.price_changes if known.day != day]
            made = replace(made, price_changes=tuple(sorted((*prices, PriceChange(day, changes.price)))))
    return made


def _charges(recorded: Recorded, day: date) -> list[Charge]:
    return charges(recorded.subscription, recorded.entry.digits, date.fromordinal(day.toordinal() + 1))


def _edit(
    rt: Runtime, org_slug: str, subscription_id: str, edit: Callable[[Subscription], Subscription], by: str, what: str
) -> Written:
    before = load_recorded(rt.documents, org_slug, subscription_id)
    _ensure_schedule(rt, org_slug)
    changed = record(rt.documents, org_slug, edit(before.subscription), _now(rt), by, what, new=False)
    return _written(rt, org_slug, subscription_id, changed)


def _ensure_schedule(rt: Runtime, org_slug: str) -> None:
    """Make the schedule that a ledger without an integration needs, where there is none: before anything is written, since the API's
    account may look at schedules and not make them.
    """
    if rt.documents.get(integration_path(org_slug, INTEGRATION)) is not None:
        return
    made = shown_sync_schedule(rt, org_slug)
    if made.cron is None and made.expected_cron is not None:
        ensure_schedule(rt, org_slug)


def _written(rt: Runtime, org_slug: str, subscription_id: str, changed: bool) -> Written:
    recorded = load_recorded(rt.documents, org_slug, subscription_id)
    return Written(recorded, changed, fetch_ledger(rt, org_slug))


def _said(value: object) -> str:
    return plain(value) if isinstance(value, Decimal) else str(value)


def _now(rt: Runtime) -> str:
    return rt.clock.now().isoformat()


def _today(rt: Runtime) -> date:
    return rt.clock.now().astimezone(UTC).date()
