"""Amounts, shares, days and times as pages show them.

An amount is rounded for the eye only: beside it stands its exact decimal, which is copied and read by programs.  All values from bills
are escaped here or by the templates.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

from markupsafe import Markup, escape

from common.domain.legible import one_line
from common.domain.money import EXACT, plain
from common.records.currencies import minor_digits

MINUS = "\u2212"
MISSING = "\u2013"
_TIMES = "\u00d7"
_MISSING = Markup("&ndash;")
_HUNDRED = Decimal(100)
_SUFFIXES = ((Decimal(10) ** 12, "T"), (Decimal(10) ** 9, "B"), (Decimal(10) ** 6, "M"), (Decimal(10) ** 3, "k"))
_MOST_CHANGE = Decimal(1000)


def amount_text(amount: Decimal | None, currency: str) -> str:
    """`302,241.06`: the minor units of the currency, `<0.01` for what would round to nothing, an en dash for what is not known."""
    if amount is None:
        return MISSING
    quantum = Decimal(1).scaleb(-minor_digits(currency))
    shown = amount.quantize(quantum, rounding=ROUND_HALF_EVEN, context=EXACT)
    if amount and not shown:
        return f"<{quantum}" if amount > 0 else f">{MINUS}{quantum}"
    return f"{shown:,f}".replace("-", MINUS) if shown else f"{abs(shown):,f}"


def fine(amount: Decimal | None, currency: str) -> Markup:
    """An amount to four digits, where cents are too coarse, with the exact decimal."""
    if amount is None:
        return Markup('<span class="missing">{}</span>').format(MISSING)
    shown = amount.quantize(Decimal("0.0001"), rounding=ROUND_HALF_EVEN, context=EXACT)
    text = f"{shown if shown else abs(shown):,f}".replace("-", MINUS)
    return Markup('<data value="{}" title="{} {}">{}</data>').format(plain(amount), plain(amount), currency, text)


def number(amount: Decimal | None, currency: str, sign: bool = False) -> Markup:
    """An amount without its currency, with the exact decimal.  sign: a plus for what is above 0."""
    text = amount_text(amount, currency)
    if amount is None:
        return Markup('<span class="missing">{}</span>').format(text)
    if sign and amount > 0:
        text = f"+{text}"
    exact = plain(amount)
    return Markup('<data value="{}" title="{} {}">{}</data>').format(exact, exact, currency, text)


def money(amount: Decimal | None, currency: str, sign: bool = False) -> Markup:
    """`USD 302,241.06`, with the exact decimal."""
    return Markup('<span class="money"><span class="code">{}</span> {}</span>').format(
        currency, number(amount, currency, sign)
    )


def exact(amount: Decimal) -> Markup:
    """Every digit, thousands separated."""
    text = plain(amount)
    whole, _, fraction = text.partition(".")
    shown = f"{int(whole):,}" if whole not in ("-0", "-") else "-0"
    return Markup('<data value="{}">{}{}</data>').format(
        text, shown.replace("-", MINUS), f".{fraction}" if fraction else ""
    )


def share(part: Decimal | None) -> str:
    """`18.5 %`, of a share in percent."""
    return MISSING if part is None else f"{_tenth(part):,f} %".replace("-", MINUS)


def change(ratio: Decimal | None) -> str:
    """`+24.2 %`, of a ratio; from 1,000 % on how many times what it was."""
    if ratio is None:
        return MISSING
    percent = EXACT.multiply(ratio, _HUNDRED)
    if percent >= _MOST_CHANGE:
        return f"{_TIMES}{_tenth(EXACT.add(ratio, Decimal(1))):,f}"
    rounded = _tenth(percent)
    sign = "+" if rounded > 0 else ""
    return f"{sign}{rounded:,f} %".replace("-", MINUS)


def _tenth(value: Decimal) -> Decimal:
    rounded = value.quantize(Decimal("0.1"), rounding=ROUND_HALF_EVEN, context=EXACT)
    return rounded if rounded else abs(rounded)


def compact(value: Decimal) -> str:
    """A round number on an axis: `2.5k`, `0.02`."""
    for size, suffix in _SUFFIXES:
        if abs(value) >= size:
            return plain(value / size).replace("-", MINUS) + suffix
    return plain(value).replace("-", MINUS)


def count(value: int, one: str, several: str | None = None) -> str:
    """`1 charge`, `2,000 charges`."""
    return f"{value:,} {one if value == 1 else several or one + 's'}"


def long_day(day: date) -> str:
    """`Wed 18 Nov 2026`."""
    return f"{day:%a} {day.day} {day:%b} {day.year}"


def short_day(day: date) -> str:
    """`18 Nov`."""
    return f"{day.day} {day:%b}"


def month_name(day: date) -> str:
    """`November 2026`."""
    return f"{day:%B} {day.year}"


def day_tag(day: date | None) -> Markup:
    """A day for readers and for programs."""
    if day is None:
        return _MISSING
    return Markup('<time datetime="{}">{}</time>').format(day.isoformat(), long_day(day))


def time_tag(moment: datetime | str | None) -> Markup:
    """`20 Nov 2026, 06:14 UTC` for readers and for programs."""
    if moment is None or moment == "":
        return _MISSING
    at = (datetime.fromisoformat(moment) if isinstance(moment, str) else moment).astimezone(UTC)
    shown = f"{at.day} {at:%b} {at.year}, {at:%H:%M} UTC"
    return Markup('<time datetime="{}">{}</time>').format(at.isoformat(timespec="seconds"), shown)


def ago(moment: datetime, now: datetime) -> str:
    """`3 h ago`."""
    passed = now - moment
    if passed < timedelta(minutes=2):
        return "just now"
    if passed < timedelta(hours=2):
        return f"{passed // timedelta(minutes=1)} min ago"
    if passed < timedelta(days=2):
        return f"{passed // timedelta(hours=1)} h ago"
    return f"{passed.days:,} days ago"


def legible(text: object) -> Markup:
    """A name from a bill on one line: what would act on a page or turn its direction is shown as a replacement sign."""
    return escape(one_line(str(text)))
