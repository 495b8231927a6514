"""What a subscription is charged: one purchase per term, one per change of seats within it, and how each is used day by day.

A purchase is rounded to the currency's minor unit, half to even.  Its days are the differences of rounded running totals, so they
add up to it exactly.  An invoiced amount takes the place of the formula's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

from common.domain.money import EXACT
from common.domain.saas.subscription import AT_ONCE, Invoiced, Subscription
from common.domain.saas.terms import Term, terms

QUANTITY_DIGITS = 12
TERM, SEATS, CREDIT = "term", "seats", "credit"
KINDS = (TERM, SEATS, CREDIT)


@dataclass(frozen=True)
class Use:
    """One day of a purchase: its part of the amount and of the quantity."""

    day: date
    cost: Decimal
    quantity: Decimal


@dataclass(frozen=True)
class Charge:
    """One purchase.

    start, end: what it is for.  seats: how many, below 0 where they are given back, None for a plan without.  quantity: of seats (or of the
    plan) for a whole term.  list_price, price: of one, before and after the discount.  formula: what the rule makes it; amount: what is
    charged, as invoiced where that is known; tax: on top.  used_until: the first day that no longer uses it.  left: on what ends a term at
    once, what was not used of its purchases by then; what is not given back of it is lost on that day.
    """

    kind: str
    term: Term
    start: date
    end: date
    seats: int | None
    quantity: Decimal
    list_price: Decimal
    price: Decimal
    formula: Decimal
    amount: Decimal
    tax: Decimal
    digits: int
    used_until: date
    billed_on: date
    number: str | None = None
    left: Use | None = None

    @property
    def difference(self) -> Decimal:
        """Invoiced less the formula's."""
        return EXACT.subtract(self.amount, self.formula)

    def days_used(self, until: date) -> Iterator[Use]:
        """Its use by day, before the day `until`: as if it were used whole, up to where it ends early."""
        if self.left is not None:
            lost = EXACT.add(self.left.cost, self.amount)
            if lost and self.start < until:
                yield Use(self.start, lost, Decimal(0) if self.amount else self.left.quantity)
            return
        whole = (self.end - self.start).days
        before, before_quantity = Decimal(0), Decimal(0)
        for number in range(1, (min(self.used_until, until) - self.start).days + 1):
            given = share(self.amount, number, whole, self.digits)
            quantity = share(self.quantity, number, whole, QUANTITY_DIGITS)
            day = self.start + timedelta(days=number - 1)
            yield Use(day, EXACT.subtract(given, before), EXACT.subtract(quantity, before_quantity))
            before, before_quantity = given, quantity


def rounded(amount: Decimal, digits: int) -> Decimal:
    """At so many digits behind the point, half to even."""
    return amount.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_EVEN, context=EXACT)


def share(total: Decimal, number: int, whole: int, digits: int) -> Decimal:
    """What of a total is used after so many of its days, rounded; all of it after the last one."""
    if number >= whole:
        return total
    return rounded(_times(total, number, whole), digits)


def charges(one: Subscription, digits: int, until: date) -> list[Charge]:
    """The purchases that begin before a day, in the order of their first days.  digits: of the currency's minor unit."""
    invoices = {invoice.day: invoice for invoice in one.invoices}
    return [charge for term in charged_terms(one, until) for charge in _of_term(one, term, digits, until, invoices)]


def charged_terms(one: Subscription, until: date) -> Iterator[Term]:
    """The terms that are charged and begin before a day; the last one is cut where the subscription ends within it."""
    bound_until = None if one.renews else first_renewal(one)
    for term in terms(one.start, one.length, one.anchor_day):
        if term.start >= until or (one.end is not None and term.start >= one.end):
            return
        if one.cancelled_on is not None and term.start >= one.cancelled_on:
            return
        if bound_until is not None and term.start >= bound_until:
            return
        if not any(
            pause.day <= term.start and (pause.until is None or term.start < pause.until) for pause in one.pauses
        ):
            yield term.cut(one.end)


def first_renewal(one: Subscription) -> date:
    """The first day behind what it was bound for at first."""
    found = terms(one.start, one.length, one.anchor_day)
    term = next(found)
    while one.contract_months and not one.length.days and _months(one.start, term.end) < one.contract_months:
        term = next(found)
    return term.end


def _months(start: date, end: date) -> int:
    return (end.year - start.year) * 12 + end.month - start.month


def _of_term(
    one: Subscription, term: Term, digits: int, until: date, invoices: dict[date, Invoiced]
) -> Iterator[Charge]:
    seats = one.seats_on(term.start)
    charged = seats or 0
    made = [] if seats == 0 else [_charge(one, term, TERM, term.start, seats, digits, invoices)]
    stops = one.cancelled_on if one.cancels == AT_ONCE and one.cancelled_on else term.end
    for change in one.seat_changes:
        more = change.seats - charged
        if term.start < change.day < min(term.end, stops) and (more > 0 or (more < 0 and one.credits)):
            made.append(_charge(one, term, SEATS if more > 0 else CREDIT, change.day, more, digits, invoices))
            charged = change.seats
    if made and term.start < stops < term.end:
        made = _ended_at_once(one, term, made, stops, digits, invoices)
    yield from (charge for charge in made if charge.start < until)


def _ended_at_once(
    one: Subscription, term: Term, made: list[Charge], stops: date, digits: int, invoices: dict[date, Invoiced]
) -> list[Charge]:
    """The purchases of a term up to a cancellation at once, and what it gives back."""
    cost, quantity = Decimal(0), Decimal(0)
    for charge in made:
        number, whole = (stops - charge.start).days, (charge.end - charge.start).days
        cost = EXACT.add(cost, EXACT.subtract(charge.amount, share(charge.amount, number, whole, digits)))
        used = share(charge.quantity, number, whole, QUANTITY_DIGITS)
        quantity = EXACT.add(quantity, EXACT.subtract(charge.quantity, used))
    told = invoices.get(stops)
    formula = EXACT.minus(cost) if one.credits else Decimal(0)
    amount = told.amount if told is not None and told.amount is not None else formula
    credit = replace(
        made[0],
        kind=CREDIT,
        start=stops,
        seats=None if one.seats is None else -sum(charge.seats or 0 for charge in made),
        quantity=EXACT.minus(quantity),
        formula=formula,
        amount=amount,
        tax=_tax(one, amount, told, digits),
        billed_on=told.billed_on if told and told.billed_on else stops,
        number=told.number if told else None,
        left=Use(stops, cost, quantity),
    )
    return [*(replace(charge, used_until=stops) for charge in made), credit]


def _charge(
    one: Subscription,
    term: Term,
    kind: str,
    start: date,
    seats: int | None,
    digits: int,
    invoices: dict[date, Invoiced],
) -> Charge:
    list_price = one.price_on(term.start)
    price = _discounted(list_price, one.discount_on(term.start))
    units = Decimal(1 if seats is None else seats)
    days = (term.end - start).days
    formula = rounded(_times(EXACT.multiply(price, units), days, term.whole_days), digits)
    told = invoices.get(start)
    amount = told.amount if told is not None and told.amount is not None else formula
    return Charge(
        kind, term, start, term.end, seats, rounded(_times(units, days, term.whole_days), QUANTITY_DIGITS), list_price, price,
        formula, amount, _tax(one, amount, told, digits), digits, term.end, told.billed_on if told and told.billed_on else start,
        told.number if told else None,
    )  # fmt: skip


def _tax(one: Subscription, amount: Decimal, told: Invoiced | None, digits: int) -> Decimal:
    if told is not None and told.tax is not None:
        return told.tax
    return rounded(EXACT.divide(EXACT.multiply(amount, one.tax_percent), Decimal(100)), digits)


def _discounted(price: Decimal, percent: Decimal) -> Decimal:
    if not percent:
        return price
    return rounded(EXACT.multiply(price, EXACT.divide(EXACT.subtract(Decimal(100), percent), Decimal(100))), 12)


def _times(value: Decimal, number: int, whole: int) -> Decimal:
    return EXACT.divide(EXACT.multiply(value, Decimal(number)), Decimal(whole))
