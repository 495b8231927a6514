"""The sources of a budget's charges, from the rows of spend_by_day.sql: which days of each are whole, and which are still filling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from common.domain.filling import first_filling_day
from common.domain.money import EXACT
from common.domain.outlook import Source, has_stopped

Row = Mapping[str, Any]
Key = tuple[str, date, date]
"""What the charges of one source share: provider, day of the newest delivery, newest day with a charge."""


@dataclass(frozen=True, order=True)
class Filling:
    """Since when a provider still fills its days, counted back from its newest delivery (UTC days).

    stopped: others have been delivered since for so long that no more is expected of it, and none is forecast.
    """

    provider: str
    delivered_on: date
    filling_from: date
    stopped: bool


def sources_of(rows: Sequence[Row]) -> tuple[Source, ...]:
    """Daily totals by source.  rows: of one currency."""
    return tuple(_source(key, mine) for key, mine in _by_source(rows).items())


def filling_of(rows: Sequence[Row]) -> tuple[Filling, ...]:
    """Since when each source that has charges in the period fills its days."""
    found = _by_source(rows)
    newest = max((delivered_on for _, delivered_on, _ in found), default=date.min)
    in_period = {key[:2] for key, mine in found.items() if any(row["in_period"] for row in mine)}
    return tuple(
        Filling(
            provider or "provider not named",
            delivered_on,
            first_filling_day(provider, delivered_on),
            has_stopped(delivered_on, newest),
        )
        for provider, delivered_on in sorted(in_period)
    )


def or_zero(value: Decimal | None) -> Decimal:
    """A sum over no amounts is 0."""
    return Decimal(0) if value is None else value


def _by_source(rows: Sequence[Row]) -> dict[Key, list[Row]]:
    # rows without a slice, as of a table restored by hand: as if delivered on the newest day that they have
    unknown: dict[str, date] = {}
    for row in rows:
        provider = row["provider"] or ""
        unknown[provider] = max(unknown.get(provider, date.min), row["charge_day"])
    found: dict[Key, list[Row]] = {}
    for row in rows:
        provider = row["provider"] or ""
        last = unknown[provider]
        key = provider, row["delivered_on"] or last, row["charged_until"] or last
        found.setdefault(key, []).append(row)
    return found


def _source(key: Key, rows: Sequence[Row]) -> Source:
    provider, delivered_on, charged_until = key
    whole_by_delivery = first_filling_day(provider, delivered_on) - timedelta(days=1)
    return Source(
        delivered_on=delivered_on,
        # a file's own time may be later than what stands in it: the days after its last charge are not taken for free ones
        complete_through=min(whole_by_delivery, charged_until),
        daily=_by_day(rows),
        counted=_by_day([row for row in rows if row["in_period"]]),
    )


def _by_day(rows: Sequence[Row]) -> dict[date, Decimal]:
    daily: dict[date, Decimal] = {}
    for row in rows:
        daily[row["charge_day"]] = EXACT.add(daily.get(row["charge_day"], Decimal(0)), or_zero(row["spend"]))
    return daily
