"""Billing periods: calendar months in UTC, starts inclusive and ends exclusive."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime

_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")


@dataclass(frozen=True, order=True)
class BillingPeriod:
    """One calendar month, written `YYYY-MM`."""

    year: int
    month: int

    @classmethod
    def parse(cls, text: str) -> BillingPeriod:
        """Read `YYYY-MM`.  Raises ValueError that names what was found."""
        found = _MONTH.fullmatch(text)
        if not found:
            raise ValueError(f"billing period is '{text}', expected YYYY-MM, as in 2026-03")
        return cls(int(found[1]), int(found[2]))

    @classmethod
    def of(cls, day: date) -> BillingPeriod:
        """The month in which a day lies."""
        return cls(day.year, day.month)

    @property
    def start(self) -> datetime:
        """The first moment, inclusive."""
        return datetime(self.year, self.month, 1, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """The first moment after, exclusive."""
        return self.next().start

    @property
    def days(self) -> int:
        """How many days the month has."""
        return (self.end - self.start).days

    def next(self) -> BillingPeriod:
        """The month after."""
        return BillingPeriod(self.year + self.month // 12, self.month % 12 + 1)

    def previous(self) -> BillingPeriod:
        """The month before."""
        return BillingPeriod(self.year - (self.month == 1), (self.month - 2) % 12 + 1)

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"
