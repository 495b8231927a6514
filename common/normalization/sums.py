"""Sums of written rows, and whether every query that adds them up can be answered."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC
from decimal import Decimal

import duckdb

from common.domain.money import add, plain
from common.domain.period import BillingPeriod
from common.errors import BadBill
from common.records.chunks import Numbers
from common.records.deliveries import Delivery

BOUND = {"cost": Decimal(10) ** 14, "quantity": Decimal(10) ** 26}
"""What the amounts of a delivery, without their signs, must stay below in a currency: what DECIMAL(38,24) and DECIMAL(38,12) hold, so
that every sum of some of them fits."""
_COLUMNS = {
    "cost": ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"),
    "quantity": ("ConsumedQuantity",),
}


def written_sums(connection: duckdb.DuckDBPyConnection, proved: str = "BilledCost") -> tuple[list[dict[str, str]], int]:
    """Of `focus_rows`: by currency the sums of BilledCost, EffectiveCost and the proved column, and the largest sum without signs; and how
    many rows.

    Raises BadBill where a sum outgrows its column.
    """
    added_up = {**_COLUMNS, "cost": tuple(dict.fromkeys((*_COLUMNS["cost"], proved)))}
    gross = ", ".join(
        f"greatest({', '.join(f'coalesce(sum(abs({name})), 0)' for name in (*names, names[0]))})"
        for names in added_up.values()
    )
    try:
        found = connection.execute(
            f"select BillingCurrency, sum(BilledCost), sum(EffectiveCost), coalesce(sum({proved}), 0), count(*), {gross} "
            "from focus_rows group by all order by all"
        ).fetchall()
    except duckdb.OutOfRangeException:
        raise too_large() from None
    totals = [
        {
            "currency": currency or "",
            "BilledCost": plain(billed),
            "EffectiveCost": plain(effective),
            proved: plain(amount),
            **{name: plain(most) for name, most in zip(_gross_names(), largest, strict=True)},
        }
        for currency, billed, effective, amount, _, *largest in found
    ]
    return totals, sum(row[4] for row in found)


def daily_sums(
    connection: duckdb.DuckDBPyConnection, delivery: Delivery
) -> tuple[dict[str, dict[str, str]], str | None]:
    """Of `focus_rows`: what each day of the billing period cost, by currency; and the end of the last charge that had ended at delivery.

    How long a source's days change is learned from these.  Charges of other months are corrections, and left out.
    """
    if not delivery.billing_period:
        return {}, None
    period = BillingPeriod.parse(delivery.billing_period)
    column = delivery.proved_column
    # the day by arithmetic: a conversion of time zones takes three times as long
    day = "date '1970-01-01' + cast(epoch_us(ChargePeriodStart) // 86400000000 as integer)"
    found = connection.execute(
        f"select {day} as day, coalesce(BillingCurrency, ''), coalesce(sum({column}), 0), "
        "max(ChargePeriodEnd) filter (where ChargePeriodEnd <= $delivered_at) from focus_rows "
        "where ChargePeriodStart >= $start and ChargePeriodStart < $end group by all order by all",
        {"delivered_at": delivery.delivered_at, "start": period.start, "end": period.end},
    ).fetchall()
    days: dict[str, dict[str, str]] = {}
    for on, currency, cost, _ in found:
        days.setdefault(on.isoformat(), {})[currency] = plain(cost)
    ended = max((row[3] for row in found if row[3]), default=None)
    return days, ended.astimezone(UTC).isoformat() if ended else None


def beyond(results: Iterable[Numbers]) -> str | None:
    """Why the chunks together cannot be shown, where their amounts add up to too much."""
    totals: dict[tuple[str, str], Decimal] = {}
    for entry in (entry for result in results for entry in result.written):
        for kind, name in zip(BOUND, _gross_names(), strict=True):
            key = (kind, entry["currency"])
            totals[key] = add((totals.get(key, Decimal(0)), Decimal(entry.get(name, 0))))
    for (kind, currency), total in totals.items():
        if total >= BOUND[kind]:
            return str(too_large(f" in {currency}" if currency else "", kind))
    return None


def too_large(where: str = "", kind: str = "") -> BadBill:
    """What a bill is refused with whose amounts are each readable and together too large to be added up."""
    what = {"cost": "costs", "quantity": "quantities"}.get(kind, "costs or quantities")
    return BadBill(
        f"the {what}{where} add up, without their signs, to more than can be shown: expected less than 10^14 of costs and 10^26 of "
        "quantities a delivery and currency; look for a line with an implausible amount, and export the bill again"
    )


def _gross_names() -> tuple[str, ...]:
    return tuple(f"gross_{kind}" for kind in _COLUMNS)
