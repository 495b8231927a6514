"""One subscription of an organization to software, as its ledger has it.  Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import pairwise

from common.domain.saas.terms import CUSTOM, CYCLES, FIRST, LAST, Cycle, read_every

DAILY, PURCHASE = "daily", "purchase"
MODES = (DAILY, PURCHASE)
"""How it becomes rows: one purchase per invoice and its use by day, or the purchase alone."""
TERM_END, AT_ONCE = "term end", "at once"
"""When a cancellation takes effect."""
_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_PRICE_LIMIT = Decimal(10) ** 9
_PRICE_DIGITS = 12
_SEAT_LIMIT = 1_000_000
_LONGEST = 120
_MOST = 200
"""Changes of one kind, and invoices, of a subscription."""


class InvalidSubscription(ValueError):
    """Words that make no subscription; the message says which and what was expected."""


@dataclass(frozen=True, order=True)
class SeatChange:
    """So many seats from a day on."""

    day: date
    seats: int


@dataclass(frozen=True, order=True)
class PriceChange:
    """Another price of the terms that begin on the day or later."""

    day: date
    price: Decimal


@dataclass(frozen=True, order=True)
class Pause:
    """No term begins from the first day on until the second (exclusive), None where it goes on."""

    day: date
    until: date | None = None


@dataclass(frozen=True, order=True)
class Invoiced:
    """What the vendor invoiced, before tax, for the charge that begins on a day.

    amount: None where only the number or the day is known.  number: of the invoice.  billed_on: its day, by default the charge's first.
    tax: as invoiced, None for the formula's.
    """

    day: date
    amount: Decimal | None = None
    number: str | None = None
    billed_on: date | None = None
    tax: Decimal | None = None


@dataclass(frozen=True)
class Subscription:
    """A plan of a vendor.

    price: of one seat for one whole term, or of the whole plan where seats is None.  every: the length of a custom cycle, as `45 days`.
    anchor_day: the day of the month on which terms begin, the start's own by default.  end: no day from here on is charged.
    discount_percent: off the price of terms that begin before discount_until, of all without it.  tax_percent: on top of the amount.
    renews: whether a term follows on a term.  cancelled_on, cancels: no term begins from that day on; `at once` also ends the running one.
    credits: whether the vendor gives back what is left of the term for seats that are removed and for a cancellation at once.
    contract_months: how long it is bound, one cycle by default.  notice_days: how many days before a renewal an alert is raised.
    account: the vendor's id of the account.  Raises InvalidSubscription.
    """

    subscription_id: str
    vendor: str
    plan: str
    category: str
    cycle: str
    price: Decimal
    currency: str
    start: date
    seats: int | None = None
    every: str | None = None
    anchor_day: int | None = None
    seat_changes: tuple[SeatChange, ...] = ()
    price_changes: tuple[PriceChange, ...] = ()
    discount_percent: Decimal = Decimal(0)
    discount_until: date | None = None
    tax_percent: Decimal = Decimal(0)
    end: date | None = None
    renews: bool = True
    cancelled_on: date | None = None
    cancels: str = TERM_END
    credits: bool = False
    contract_months: int | None = None
    notice_days: int | None = None
    mode: str = DAILY
    pauses: tuple[Pause, ...] = ()
    invoices: tuple[Invoiced, ...] = ()
    account: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check(self)

    @property
    def length(self) -> Cycle:
        """How long a term is."""
        named = CYCLES.get(self.cycle)
        return named or read_every(self.every or "") or Cycle(months=1)

    @property
    def is_enabled(self) -> bool:
        """Whether no pause is open."""
        return not any(one.until is None for one in self.pauses)

    def price_on(self, day: date) -> Decimal:
        """The price of a term that begins on the day."""
        return next((one.price for one in reversed(self.price_changes) if one.day <= day), self.price)

    def seats_on(self, day: date) -> int | None:
        """How many seats there are on a day; None for a plan without seats."""
        return next((one.seats for one in reversed(self.seat_changes) if one.day <= day), self.seats)

    def discount_on(self, day: date) -> Decimal:
        """Percent off the price of a term that begins on the day."""
        return self.discount_percent if self.discount_until is None or day < self.discount_until else Decimal(0)


def _check(one: Subscription) -> None:
    if not _ID.fullmatch(one.subscription_id):
        raise InvalidSubscription(
            f"id is '{one.subscription_id[:70]}', expected lower-case letters, digits, dashes, underscores"
        )
    for name in ("vendor", "plan", "category"):
        _check_text(name, getattr(one, name))
    if one.account is not None:
        _check_text("account", one.account)
    if not _CURRENCY.fullmatch(one.currency):
        raise InvalidSubscription(f"currency is '{one.currency[:10]}', expected an ISO 4217 code such as EUR")
    _check_cycle(one)
    _check_days(one)
    for price in (one.price, *(change.price for change in one.price_changes)):
        _check_amount("price", price, least=Decimal(0))
    for name in ("discount_percent", "tax_percent"):
        percent = getattr(one, name)
        if not (percent.is_finite() and 0 <= percent <= 100 and _digits(percent) <= _PRICE_DIGITS):
            raise InvalidSubscription(f"{name} is {percent}, expected a percentage from 0 to 100")
    _check_seats(one)
    if one.mode not in MODES:
        raise InvalidSubscription(f"mode is '{one.mode}', expected {' or '.join(MODES)}")
    if one.cancels not in (TERM_END, AT_ONCE):
        raise InvalidSubscription(f"cancels is '{one.cancels}', expected '{TERM_END}' or '{AT_ONCE}'")
    for bound, least, most in (("contract_months", 1, 120), ("notice_days", 0, 366)):
        value = getattr(one, bound)
        if value is not None and not least <= value <= most:
            raise InvalidSubscription(f"{bound} is {value}, expected {least} to {most}")
    for invoice in one.invoices:
        for amount in (invoice.amount, invoice.tax):
            if amount is not None:
                _check_amount("invoiced amount", amount)
        if invoice.number is not None:
            _check_text("invoice number", invoice.number)
    for key, value in one.tags.items():
        _check_text("tag key", key)
        if len(value) > _LONGEST:
            raise InvalidSubscription(f"tag {key} has {len(value)} characters, expected at most {_LONGEST}")


def _check_cycle(one: Subscription) -> None:
    if one.cycle != CUSTOM and one.cycle not in CYCLES:
        raise InvalidSubscription(f"cycle is '{one.cycle[:40]}', expected {', '.join((*CYCLES, CUSTOM))}")
    if (one.cycle == CUSTOM) != (one.every is not None):
        raise InvalidSubscription("a custom cycle, and no other, has a length, as in 45 days or 4 months")
    if one.every is not None and read_every(one.every) is None:
        raise InvalidSubscription(f"length is '{one.every[:40]}', expected as 45 days, 2 weeks or 4 months")
    if one.anchor_day is not None and not 1 <= one.anchor_day <= 31:
        raise InvalidSubscription(f"anchor_day is {one.anchor_day}, expected a day of the month, 1 to 31")
    if one.anchor_day is not None and one.length.days:
        raise InvalidSubscription("a cycle of days has no anchor_day, since its terms begin on any day of a month")


def _check_days(one: Subscription) -> None:
    days = {
        "start": one.start,
        "end": one.end,
        "cancelled_on": one.cancelled_on,
        "discount_until": one.discount_until,
    }
    for name, day in days.items():
        if day is not None and not FIRST <= day <= LAST:
            raise InvalidSubscription(f"{name} is {day}, expected a day from {FIRST} to {LAST}")
    if one.end is not None and one.end <= one.start:
        raise InvalidSubscription(f"end is {one.end}, expected a day after the start, {one.start}")
    dated: tuple[tuple[str, Sequence[SeatChange | PriceChange | Pause | Invoiced]], ...] = (
        ("seat change", one.seat_changes),
        ("price change", one.price_changes),
        ("pause", one.pauses),
        ("invoice", one.invoices),
    )
    for what, changes in dated:
        if len(changes) > _MOST:
            raise InvalidSubscription(f"there are {len(changes)} entries of a {what}, expected at most {_MOST}")
        if any(left.day >= right.day for left, right in pairwise(changes)):
            raise InvalidSubscription(f"each {what} needs a day of its own, in order")
        if any(not FIRST <= change.day <= LAST for change in changes):
            raise InvalidSubscription(f"each {what} needs a day from {FIRST} to {LAST}")
    if any(pause.until is not None and pause.until <= pause.day for pause in one.pauses):
        raise InvalidSubscription("a pause ends after it begins")


def _check_seats(one: Subscription) -> None:
    for seats in (one.seats, *(change.seats for change in one.seat_changes)):
        if seats is not None and not 0 <= seats <= _SEAT_LIMIT:
            raise InvalidSubscription(f"seats is {seats}, expected 0 to {_SEAT_LIMIT:,}")
    if one.seats is None and one.seat_changes:
        raise InvalidSubscription("a plan without seats has no changes of seats")


def _check_text(name: str, text: str) -> None:
    if not text.strip() or len(text) > _LONGEST or not text.isprintable():
        raise InvalidSubscription(f"{name} is empty, too long or not plain text; expected 1 to {_LONGEST} characters")


def _check_amount(name: str, amount: Decimal, least: Decimal = -_PRICE_LIMIT) -> None:
    if not amount.is_finite() or not least <= amount < _PRICE_LIMIT or _digits(amount) > _PRICE_DIGITS:
        raise InvalidSubscription(f"{name} is {amount}, expected a plain number such as 30 or 211.75")


def _digits(amount: Decimal) -> int:
    exponent = amount.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
