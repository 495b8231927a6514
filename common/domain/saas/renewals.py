"""When a subscription renews next, and from when on that is worth a notice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from common.domain.saas.charges import charges
from common.domain.saas.subscription import Subscription
from common.domain.saas.terms import LAST, terms

_NOTICE = ((6, 30), (3, 14))
"""Months that a subscription is bound for, at least -> days of notice where none are set."""


@dataclass(frozen=True)
class Renewal:
    """day: on which a new term is bought.  amount: what it will cost before tax.  notice_from: None where nobody wants a notice."""

    day: date
    amount: Decimal
    notice_from: date | None

    def is_near(self, today: date) -> bool:
        """Whether the notice period has begun."""
        return self.notice_from is not None and self.notice_from <= today


def notice_days(one: Subscription) -> int | None:
    """How many days before a renewal somebody wants to know: as set, else by how long it is bound; None for never."""
    if one.notice_days is not None:
        return one.notice_days or None
    months = one.contract_months or one.length.months or one.length.days // 30
    return next((days for least, days in _NOTICE if months >= least), None)


def next_renewal(one: Subscription, today: date, digits: int) -> Renewal | None:
    """The next renewal after a day; None where it ends first, is paused, or does not renew.  digits: of the currency's minor unit."""
    if not one.renews:
        return None
    for day in renewal_days(one):
        if day <= today:
            continue
        bought = [charge for charge in charges(one, digits, day + timedelta(days=1)) if charge.term.start == day]
        if not bought:
            return None
        days = notice_days(one)
        amount = bought[0].formula
        return Renewal(day, amount, None if days is None else day - timedelta(days=days))
    return None


def renewal_days(one: Subscription) -> Iterator[date]:
    """The first days of terms that it is bound for anew, whether or not it ends before."""
    bound = one.contract_months if one.length.months else None
    number = 1
    for term in terms(one.start, one.length, one.anchor_day):
        if term.end > LAST:
            return
        months = (term.end.year - one.start.year) * 12 + term.end.month - one.start.month
        if bound is None or months >= bound * number:
            number += 1
            yield term.end


def without_pause(one: Subscription, day: date) -> Subscription:
    """The same, with the open pause ended on a day; a pause that would be empty goes."""
    kept = tuple(
        pause if pause.until is not None else replace(pause, until=day)
        for pause in one.pauses
        if pause.until is not None or pause.day < day
    )
    return replace(one, pauses=kept)
