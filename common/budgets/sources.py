"""The sources of a budget's charges, from the rows of spend_by_day.sql: which days of each are whole, and which are still filling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from common.domain.completeness import first_filling_day, has_stopped
from common.domain.money import EXACT
from common.domain.outlook import Source
from common.providers.arrivals import stated_pattern

Row = Mapping[str, Any]
Lags = Mapping[str, timedelta]
"""Integration -> its usual lag; of one that is not there its provider's is taken."""


@dataclass(frozen=True, order=True)
class Filling:
    """Since when a provider still fills its days, counted back from its newest delivery (UTC days).

    stopped: others have been delivered since for so long that no more is expected of it, and none is forecast.
    """

    provider: str
    delivered_on: date
    filling_from: date
    stopped: bool


@dataclass(frozen=True, order=True)
class _Key:
    """What the charges of one source share.  charged_until: the newest day with a charge."""

    provider: str
    delivered_on: date
    filling_from: date
    charged_until: date


def sources_of(rows: Sequence[Row], lags: Lags) -> tuple[Source, ...]:
    """Daily totals by source.  rows: of one currency."""
    return tuple(_source(key, mine) for key, mine in _by_source(rows, lags).items())


def filling_of(rows: Sequence[Row], lags: Lags) -> tuple[Filling, ...]:
    """Since when each source that has charges in the period fills its days."""
    found = _by_source(rows, lags)
    newest = max((key.delivered_on for key in found), default=date.min)
    in_period = {
        Filling(
            key.provider or "provider not named",
            key.delivered_on,
            key.filling_from,
            has_stopped(key.delivered_on, newest),
        )
        for key, mine in found.items()
        if any(row["in_period"] for row in mine)
    }
    return tuple(sorted(in_period))


def or_zero(value: Decimal | None) -> Decimal:
    """A sum over no amounts is 0."""
    return Decimal(0) if value is None else value


def _by_source(rows: Sequence[Row], lags: Lags) -> dict[_Key, list[Row]]:
    # rows without a slice, as of a table restored by hand: as if delivered on the newest day that they have
    unknown: dict[str, date] = {}
    for row in rows:
        provider = row["provider"] or ""
        unknown[provider] = max(unknown.get(provider, date.min), row["charge_day"])
    found: dict[_Key, list[Row]] = {}
    for row in rows:
        provider = row["provider"] or ""
        last = unknown[provider]
        delivered_at = row["delivered_at"] or datetime.combine(last, time(), UTC)
        lag = lags.get(row["integration_id"] or "", stated_pattern(provider).lag)
        key = _Key(
            provider,
            delivered_at.astimezone(UTC).date(),
            first_filling_day(lag, delivered_at),
            row["charged_until"] or last,
        )
        found.setdefault(key, []).append(row)
    return found


def _source(key: _Key, rows: Sequence[Row]) -> Source:
    return Source(
        delivered_on=key.delivered_on,
        # a file's own time may be later than what stands in it: the days after its last charge are not taken for free ones
        complete_through=min(key.filling_from - timedelta(days=1), key.charged_until),
        daily=_by_day(rows),
        counted=_by_day([row for row in rows if row["in_period"]]),
    )


def _by_day(rows: Sequence[Row]) -> dict[date, Decimal]:
    daily: dict[date, Decimal] = {}
    for row in rows:
        daily[row["charge_day"]] = EXACT.add(daily.get(row["charge_day"], Decimal(0)), or_zero(row["spend"]))
    return daily
