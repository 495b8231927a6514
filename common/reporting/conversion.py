"""Sums of several currencies in US dollars, by the rates that the organization has pinned per billing month."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from common.domain.money import EXACT, plain
from common.errors import BadConfiguration
from common.ports import Runtime
from common.reporting.arguments import CONVERTED_TO
from common.warehouse.catalogued import catalogued
from common.warehouse.cost_report import CostSum
from common.warehouse.rates import missing_rate


@dataclass(frozen=True)
class UsedRate:
    """A rate that an answer rests on: US dollars for one unit, for charges billed in the month that starts on `month`."""

    month: date
    currency: str
    usd_rate: Decimal
    source: str

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {**vars(self), "month": f"{self.month:%Y-%m}", "usd_rate": plain(self.usd_rate)}


def in_dollars(rt: Runtime, org_slug: str, sums: Sequence[CostSum]) -> tuple[list[CostSum], tuple[UsedRate, ...]]:
    """The sums in US dollars, exact to the last digit of the product, and the rates that made them.

    sums: per billing month.  Nothing is guessed: raises BadConfiguration for an amount whose month has no rate.
    """
    needed = {
        (one.billing_month, one.currency)
        for one in sums
        if one.currency != CONVERTED_TO and one.cost is not None and one.cost
    }
    known: dict[tuple[date | None, str], UsedRate] = {}
    if needed:
        rows = rt.warehouse.query(org_slug, catalogued("rates"))
        known = {(row["month"], row["currency"]): UsedRate(**row) for row in rows}
    for month, currency in sorted(needed - known.keys(), key=str):
        named = f"{month:%Y-%m}" if month else "charges without a billing month"
        words = f"no exchange rate from {currency} to {CONVERTED_TO} for {named}"
        raise BadConfiguration(missing_rate(words) or words)
    converted = [
        replace(one, currency=CONVERTED_TO, cost=_converted(one, known.get((one.billing_month, one.currency))))
        for one in sums
    ]
    return converted, tuple(known[one] for one in sorted(needed, key=str))


def _converted(one: CostSum, rate: UsedRate | None) -> Decimal | None:
    return one.cost if rate is None or one.cost is None else EXACT.multiply(one.cost, rate.usd_rate)
