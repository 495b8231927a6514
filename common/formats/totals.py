"""Totals of bills: exact sums by billing period and currency, and how their months, codes and amounts are read."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from common.domain.money import add, plain, read_cost
from common.formats.engine import python_to_json
from common.formats.strict_json import parse

_ISO_MONTH = re.compile(r"(\d{4})-(\d{2})", re.ASCII)
_COMPACT_MONTH = re.compile(r"(\d{4})(\d{2})(\d{2})?\Z", re.ASCII)
_US_DATE = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})", re.ASCII)
_THREE_LETTERS = re.compile(r"[A-Za-z]{3}")


@dataclass
class Total:
    """Lines of one billing period and currency.  amount: the exact sum.  rounded: the sum of the amounts as 24 digits keep them.

    unreadable: lines whose cost cell is no number.
    """

    lines: int = 0
    amount: Decimal = Decimal(0)
    rounded: Decimal = Decimal(0)
    unreadable: int = 0

    def include(self, other: Total) -> None:
        """Add another one of the same period and currency."""
        self.lines += other.lines
        self.amount = add((self.amount, other.amount))
        self.rounded = add((self.rounded, other.rounded))
        self.unreadable += other.unreadable

    def as_document(self) -> dict[str, Any]:
        return {
            "lines": self.lines,
            "amount": plain(self.amount),
            "rounded": plain(self.rounded),
            "unreadable": self.unreadable,
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Total:
        return cls(document["lines"], Decimal(document["amount"]), Decimal(document["rounded"]), document["unreadable"])


@dataclass
class ControlTotals:
    """Totals by (billing period or "", currency or "") and the billing accounts seen.

    ragged: lines with more or fewer cells than the header; they count with what stands in the columns' places.
    """

    totals: dict[tuple[str, str], Total] = field(default_factory=lambda: defaultdict(Total))
    accounts: set[str] = field(default_factory=set)
    ragged: int = 0

    @property
    def lines(self) -> int:
        """All lines."""
        return sum(total.lines for total in self.totals.values())

    def include(self, other: ControlTotals) -> None:
        """Add those of another range of the same file."""
        for key, total in other.totals.items():
            self.totals[key].include(total)
        self.accounts |= other.accounts
        self.ragged += other.ragged

    @property
    def periods(self) -> list[str]:
        """The billing periods found, oldest first."""
        return sorted({period for period, _ in self.totals if period})


def totals_document(control: ControlTotals) -> dict[str, Any]:
    """Plain types only; without the accounts."""
    entries = [
        {"period": period, "currency": currency, **total.as_document()}
        for (period, currency), total in control.totals.items()
    ]
    return {"ragged": control.ragged, "control": entries}


def read_totals(document: Mapping[str, Any]) -> ControlTotals:
    """The totals of a document."""
    control = ControlTotals(ragged=document["ragged"])
    for entry in document["control"]:
        control.totals[entry["period"], entry["currency"]] = Total.from_document(entry)
    return control


def read_month(text: str | None) -> str:
    """`YYYY-MM` of a date as bills write it: ISO, M/D/YYYY, YYYYMM or YYYYMMDD; "" where it is none of these."""
    found = None
    if text and (iso := _ISO_MONTH.match(text)):
        found = (iso[1], iso[2])
    elif text and (us := _US_DATE.match(text)):
        found = (us[3], us[1].zfill(2))
    elif text and (compact := _COMPACT_MONTH.match(text)):
        found = (compact[1], compact[2])
    return f"{found[0]}-{found[1]}" if found and "01" <= found[1] <= "12" else ""


def read_code(text: str | None) -> str:
    """A currency cell as totals are kept by it: three letters, or "" for what is no code at all."""
    code = (text or "").strip(" ")
    return code if _THREE_LETTERS.fullmatch(code) else ""


def amounts_of(extra: str | None) -> list[Decimal]:
    """The amounts of a list of records, JSON or Python text; none where it is neither."""
    if not extra or extra == "[]":
        return []
    text = python_to_json(extra)
    entries = parse(text) if text else []
    amounts = (entry.get("amount") for entry in entries if isinstance(entry, dict)) if isinstance(entries, list) else ()
    values = (read_cost(str(amount)) for amount in amounts)
    return [value for value in values if value is not None]
