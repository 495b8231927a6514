"""Amounts, percentages and times, formatted for display."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, Decimal

from common.domain.budgets import rounded
from common.domain.money import Money


def money(text: str, currency: str) -> str:
    """`8,300.00 USD`: two digits, half to even."""
    return str(Money(rounded(Decimal(text)), currency))


def number(text: str) -> str:
    """`8,300.00`."""
    return f"{rounded(Decimal(text)):,.2f}"


def signed(text: str) -> str:
    """`+1,200.00` or `-30.00`."""
    return f"{rounded(Decimal(text)):+,.2f}"


def percent(text: str) -> str:
    """`83.4 %`, as it stands in the facts, where it is rounded down."""
    return f"{Decimal(text):,.1f} %"


def whole_percent(text: str) -> str:
    """`83 %`, rounded down, so that no threshold seems crossed that is not."""
    return f"{Decimal(text).to_integral_value(ROUND_FLOOR):,} %"


def charges(count: int) -> str:
    """`1 charge`, `1,234 charges`."""
    return f"{count:,} charge{'' if count == 1 else 's'}"


def moment(text: str | None) -> str:
    """`2026-11-20 06:12 UTC`."""
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M} UTC" if text else "no charges yet"


def last_day(end: str) -> str:
    """The day before an exclusive end."""
    return f"{datetime.fromisoformat(end) - timedelta(days=1):%Y-%m-%d}"


def day(text: str) -> str:
    """`2026-11-20`."""
    return f"{datetime.fromisoformat(text):%Y-%m-%d}"
