"""What charges rest on: which source delivered when, and which of its days are still filling."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

from common.domain.filling import STOPPED_AFTER_DAYS, first_filling_day
from common.ports import Runtime
from common.records.organizations import below
from common.reporting.known_on import known_rows
from common.warehouse.cost_report import Ask, Days, ShownSource, read_sources


@dataclass(frozen=True)
class Source:
    """One integration that shows charges.  delivered_at: the provider's time of its newest delivery.

    first_day, last_day: between which its charges start, None without any.  filling_from: the first day that may still lack lines.
    """

    integration_id: str
    provider: str | None
    delivered_at: datetime
    first_day: date | None
    last_day: date | None

    @property
    def filling_from(self) -> date:
        """The first day that may still lack lines."""
        return first_filling_day(self.provider, self.delivered_at.astimezone(UTC).date())

    @property
    def as_of(self) -> str:
        """The time of the newest delivery, ISO 8601."""
        return self.delivered_at.astimezone(UTC).isoformat()

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {"integration_id": self.integration_id, "provider": self.provider, "as_of": self.as_of}


@dataclass(frozen=True)
class Rows:
    """Charges to be asked about, and what they rest on.  since: what has changed since an earlier day, in sentences."""

    ask: Ask
    sources: tuple[Source, ...]
    since: tuple[str, ...] = ()


@contextmanager
def asked_rows(rt: Runtime, org_slug: str, known_on: date | None) -> Iterator[Rows]:
    """The current charges, or those of the deliveries that were shown at the end of a day (UTC).

    Raises NotFound where the files of such a delivery are gone.
    """
    providers = {name: one.get("provider") for name, one in rt.documents.list(below(org_slug, "integrations"))}
    if known_on is None:
        ask = partial(rt.warehouse.query, org_slug)
        yield Rows(ask, _sources(read_sources(ask), providers))
        return
    with known_rows(rt, org_slug, known_on) as known:
        yield Rows(known.ask, _sources(known.sources, providers), known.since)


def within(source: Source, days: Days) -> bool:
    """Whether a source has charges between the days' ends."""
    if source.first_day is None or source.last_day is None:
        return False
    return source.first_day <= (days.last or date.max) and source.last_day >= (days.first or date.min)


def filling_from(sources: Iterable[Source], days: Days) -> date | None:
    """The first of the days that may lack lines of a source that still delivers; None where all are complete."""
    found = list(sources)
    newest = max((one.delivered_at for one in found), default=None)
    if newest is None:
        return None
    live = [one for one in found if newest - one.delivered_at <= timedelta(days=STOPPED_AFTER_DAYS)]
    first = min(one.filling_from for one in live)
    return max(first, days.first or date.min) if first <= (days.last or date.max) else None


def charged_days(sources: Sequence[Source]) -> tuple[date, date] | None:
    """The first and the last day that have charges, None where there are none at all."""
    first = [one.first_day for one in sources if one.first_day]
    last = [one.last_day for one in sources if one.last_day]
    return (min(first), max(last)) if first and last else None


def _sources(shown: Iterable[ShownSource], providers: dict[str, str | None]) -> tuple[Source, ...]:
    return tuple(
        Source(
            one.integration_id,
            providers.get(one.integration_id),
            one.delivered_at,
            one.first_start.date() if one.first_start else None,
            one.last_start.date() if one.last_start else None,
        )
        for one in shown
    )
