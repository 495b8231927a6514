"""Exact amounts: decimals from the first byte to the last; different currencies are never added."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation

COST_SCALE = 24
COST_INTEGER_DIGITS = 14
EXACT = Context(prec=400, rounding=ROUND_HALF_EVEN)
"""Wide enough to add any number of costs without rounding."""
_QUANTUM = Decimal(1).scaleb(-COST_SCALE)
_LIMIT = Decimal(10) ** COST_INTEGER_DIGITS
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_SPACE = " \t\n\v\f\r"
"""What may stand around a number: what DuckDB's casts pass over, and no other kind of space."""


class CurrencyMismatch(ValueError):
    """Two amounts in different currencies were about to be added or compared."""


def read_number(text: str | None) -> Decimal | None:
    """The exact decimal that a bill's cell holds, or None.

    ASCII digits, one point, a sign and E notation of at most 3 digits are a number, with ASCII space around it; other digits,
    separators, currency signs, `NaN` and `inf` are not.
    """
    bare = text.strip(_SPACE) if text else ""
    if not _NUMBER.fullmatch(bare):
        return None
    try:
        return EXACT.create_decimal(bare)
    except InvalidOperation:
        return None


def read_cost(text: str | None) -> Decimal | None:
    """As `read_number`, and None for what a cost column cannot hold: rounded to 24 digits it must be below 10^14."""
    value = read_number(text)
    return value if value is not None and fits_cost(value) else None


def fits_cost(value: Decimal) -> bool:
    """Whether a cost column can hold the value, rounded to its 24 fractional digits."""
    # copy_abs, since abs() rounds to 28 digits
    return value.adjusted() < COST_INTEGER_DIGITS and round_cost(value).copy_abs() < _LIMIT


def round_cost(value: Decimal) -> Decimal:
    """The value at the 24 fractional digits that cost columns keep, half to even."""
    return value.quantize(_QUANTUM, context=EXACT)


def add(values: Iterable[Decimal]) -> Decimal:
    """The exact sum."""
    total = Decimal(0)
    for value in values:
        total = EXACT.add(total, value)
    return total


def subtract(left: Decimal, right: Decimal) -> Decimal:
    """The exact difference; a bare minus would round to 28 digits."""
    return EXACT.subtract(left, right)


def plain(value: Decimal) -> str:
    """Digits without an exponent and without trailing zeros: how amounts stand in documents and messages."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


@dataclass(frozen=True, order=False)
class Money:
    """An exact amount of one currency (ISO 4217)."""

    amount: Decimal
    currency: str

    def __add__(self, other: Money) -> Money:
        return Money(EXACT.add(self.amount, self._same(other)), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(EXACT.subtract(self.amount, self._same(other)), self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.amount < self._same(other)

    def __ge__(self, other: Money) -> bool:
        return not self < other

    def __str__(self) -> str:
        return f"{self.amount:,.2f} {self.currency}"

    def _same(self, other: Money) -> Decimal:
        if other.currency != self.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency} cannot be added; convert one of them first")
        return other.amount
