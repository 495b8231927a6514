"""Sums of one currency: exact, with what is not known of them, and a comparison of like with like."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from common.domain.money import EXACT, add, plain, subtract


@dataclass(frozen=True)
class Amounts:
    """What some charges come to in one currency.

    total: of those that have an amount, None where charges have none at all; unknown: how many of `charges` have none.
    complete: of the total, what lies in days that no source still fills.  previous: of as many days before, with its number of charges.
    Both are None where no comparison was asked for, and where a charge among them has no amount.
    """

    total: Decimal | None = None
    charges: int = 0
    unknown: int = 0
    complete: Decimal | None = None
    previous: Decimal | None = None
    previous_charges: int = 0

    @property
    def change(self) -> Decimal | None:
        """By how much the complete days differ from the days before; None where one of the two is not known."""
        if self.previous is None or self.complete is None:
            return None
        return subtract(self.complete, self.previous)

    @property
    def ratio(self) -> Decimal | None:
        """The change as a part of what it was, to 6 digits; None where that was not above 0."""
        if self.change is None or self.previous is None or self.previous <= 0:
            return None
        return EXACT.divide(self.change, self.previous).quantize(Decimal("0.000001"))

    def as_json(self, compared: bool) -> dict[str, Any]:
        """For programs; amounts are exact decimals as text."""
        found: dict[str, Any] = {"total": text(self.total), "charges": self.charges, "unknown": self.unknown}
        if compared:
            change = {"amount": text(self.change), "ratio": text(self.ratio)}
            found |= {"complete": text(self.complete), "previous": text(self.previous)}
            found |= {"previous_charges": self.previous_charges, "change": change}
        return found


NOTHING = Amounts()


def sum_amounts(several: Iterable[Amounts]) -> Amounts:
    """All together; what is not known of one stays out of the sum and is counted."""
    found = list(several)
    return Amounts(
        sum_known(one.total for one in found),
        sum(one.charges for one in found),
        sum(one.unknown for one in found),
        _sum_all(one.complete for one in found),
        _sum_all(one.previous for one in found),
        sum(one.previous_charges for one in found),
    )


def sum_known(several: Iterable[Decimal | None]) -> Decimal | None:
    """The exact sum of what is known, None where nothing is."""
    known = [one for one in several if one is not None]
    return add(known) if known else None


def _sum_all(several: Iterable[Decimal | None]) -> Decimal | None:
    """The exact sum, None where one of them is not known."""
    found = list(several)
    return None if None in found else sum_known(found)


def text(amount: Decimal | None) -> str | None:
    """Every digit of an amount, as documents have it."""
    return None if amount is None else plain(amount)
