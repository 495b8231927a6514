"""Terms of a subscription: how its cycle cuts time.  Days are UTC, ends are exclusive.

A term begins on the anchor day, or on the last day of a shorter month: after 31 January come 28 February and 31 March.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

CUSTOM = "custom"
_EVERY = re.compile(r"([1-9][0-9]{0,3}) (day|week|month|year)s?")
_IN = {"day": (0, 1), "week": (0, 7), "month": (1, 0), "year": (12, 0)}
MOST_YEARS = 10
"""The longest term."""
FIRST, LAST = date(1990, 1, 1), date(2199, 12, 31)
"""Between which the days of a subscription lie."""


@dataclass(frozen=True)
class Cycle:
    """How long a term is: so many months, or so many days."""

    months: int = 0
    days: int = 0

    @property
    def unit(self) -> str:
        """A seat for one term as FOCUS writes units, behind `Seat-`: `Months`, `Years`, `Days`, with `count` of them."""
        if self.days:
            return "Days"
        return "Years" if self.months % 12 == 0 else "Months"

    @property
    def count(self) -> int:
        """How many of the unit a term has."""
        return self.days or (self.months // 12 if self.months % 12 == 0 else self.months)


CYCLES = {
    "monthly": Cycle(months=1),
    "quarterly": Cycle(months=3),
    "semi-annual": Cycle(months=6),
    "annual": Cycle(months=12),
}
"""The cycles with a name; `custom` says how long a term is."""


@dataclass(frozen=True)
class Term:
    """One term.  whole_days: of a full term in its place, more than it has where it begins late or ends early."""

    start: date
    end: date
    whole_days: int

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.end - self.start).days

    @property
    def is_whole(self) -> bool:
        """Whether it is charged in full."""
        return self.days == self.whole_days

    def cut(self, end: date | None) -> Term:
        """The term up to a day at most."""
        return self if end is None or end >= self.end else Term(self.start, end, self.whole_days)


def read_every(text: str) -> Cycle | None:
    """The length of a custom cycle, as `45 days`, `2 weeks`, `4 months`; None for what is none, or is longer than MOST_YEARS."""
    found = _EVERY.fullmatch(text.strip().lower())
    if found is None:
        return None
    months, days = (int(found[1]) * one for one in _IN[found[2]])
    return Cycle(months, days) if months <= 12 * MOST_YEARS and days <= 366 * MOST_YEARS else None


def anchored(day: date, months: int, anchor_day: int) -> date:
    """The anchor day of the month so many months after the day's, or that month's last day."""
    number = day.year * 12 + day.month - 1 + months
    year, month = divmod(number, 12)
    return date(year, month + 1, min(anchor_day, calendar.monthrange(year, month + 1)[1]))


def terms(start: date, cycle: Cycle, anchor_day: int | None = None) -> Iterator[Term]:
    """The terms from a first day on, without an end before LAST.

    anchor_day: the day of the month on which terms begin, the first day's own by default; before it, the first term is a part of one.
    """
    for number, (begin, end) in enumerate(_grid(start, cycle, anchor_day or start.day)):
        first = max(begin, start) if number == 0 else begin
        yield Term(first, end, (end - begin).days)


def _grid(start: date, cycle: Cycle, anchor_day: int) -> Iterator[tuple[date, date]]:
    number = 0
    if cycle.months and anchored(start, 0, anchor_day) > start:
        number = -1

    def at(step: int) -> date:
        if cycle.days:
            return start + timedelta(days=cycle.days * step)
        return anchored(start, cycle.months * step, anchor_day)

    begin = at(number)
    while begin <= LAST:
        number += 1
        end = at(number)
        yield begin, end
        begin = end
