"""The lines of a bill that a ledger of subscriptions makes: the purchases, their tax and their use by day, by billing month."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from common.domain.period import BillingPeriod
from common.domain.saas.charges import Charge, charges
from common.domain.saas.subscription import DAILY, Subscription

USE, TAX, NOTHING = "use", "tax", "nothing"
"""Kinds of lines beside those of charges.  nothing: a month that had charges before the ledger was changed."""


@dataclass(frozen=True)
class Line:
    """One line.  kind: a charge's, or one of the others.  seats: None of a plan without; quantity: as a charge's, None without a price."""

    key: str
    kind: str
    subscription: Subscription
    month: BillingPeriod
    start: date
    end: date
    billed_cost: Decimal
    effective_cost: Decimal
    charge: Charge | None = None
    seats: int | None = None
    quantity: Decimal | None = None


@dataclass(frozen=True)
class Entry:
    """One subscription of a ledger.  earlier: what it was before its changes; digits: of its currency's minor unit."""

    subscription: Subscription
    digits: int
    earlier: tuple[Subscription, ...] = ()


def bills(ledger: Iterable[Entry], until: date) -> Mapping[BillingPeriod, list[Line]]:
    """The lines of each billing month, of what begins or is invoiced before a day; months in order, lines by their keys.

    A month that has no charges any more, and had some before a change, has one line without an amount, so that it can replace what was.
    """
    found: dict[BillingPeriod, list[Line]] = defaultdict(list)
    for entry in ledger:
        for line in lines(entry.subscription, entry.digits, until):
            found[line.month].append(line)
    for entry in ledger:
        for before in entry.earlier:
            for month in {line.month for line in lines(before, entry.digits, until)} - set(found):
                found[month].append(_nothing(entry.subscription, month))
    return {month: sorted(found[month], key=lambda line: line.key) for month in sorted(found)}


def lines(one: Subscription, digits: int, until: date) -> Iterator[Line]:
    """The lines of one subscription, of what begins or is invoiced before a day."""
    for charge in charges(one, digits, until):
        if charge.billed_on < until and (charge.left is None or charge.amount or charge.formula):
            yield from _invoiced(one, charge)
        if one.mode == DAILY:
            yield from _used(one, charge, until)


def _invoiced(one: Subscription, charge: Charge) -> Iterator[Line]:
    month = BillingPeriod.of(charge.billed_on)
    key = f"{one.subscription_id}/{charge.start}/{charge.kind}"
    effective = Decimal(0) if one.mode == DAILY else charge.amount
    yield Line(
        key, charge.kind, one, month, charge.start, charge.end, charge.amount, effective, charge, charge.seats, charge.quantity
    )  # fmt: skip
    if charge.tax:
        yield Line(f"{key}/tax", TAX, one, month, charge.start, charge.end, charge.tax, charge.tax, charge)


def _used(one: Subscription, charge: Charge, until: date) -> Iterator[Line]:
    # what is lost with a cancellation is cost without use
    lost = charge.left is not None and charge.seats is not None
    seats = 0 if lost else charge.seats
    for use in charge.days_used(until):
        yield Line(
            f"{one.subscription_id}/{charge.start}/{charge.kind}/{use.day}", USE, one, BillingPeriod.of(use.day), use.day,
            use.day + timedelta(days=1), Decimal(0), use.cost, charge, seats, use.quantity,
        )  # fmt: skip


def _nothing(one: Subscription, month: BillingPeriod) -> Line:
    zero = Decimal(0)
    start, end = month.start.date(), month.end.date()
    return Line(f"{one.subscription_id}/{month}/{NOTHING}", NOTHING, one, month, start, end, zero, zero)
