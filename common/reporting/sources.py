"""What charges rest on: which source delivered when, and how complete its charges are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Any

from common.domain.completeness import FILLING, FINAL, PROVISIONAL, Slice, has_stopped, watermark
from common.domain.period import BillingPeriod
from common.ports import Document, Runtime
from common.records.arrivals import Arrivals, arrivals_of, is_watched, usual_lag
from common.records.charges_version import current_version
from common.records.organizations import below
from common.reporting.kept_queries import KeptQueries
from common.reporting.known_on import known_rows
from common.warehouse.cost_report import Ask, Days, ShownSlice, read_slices
from common.warehouse.dimensions import SHORT, Filter, Operator
from common.warehouse.shown_then import end_of

_ONE_DAY = timedelta(days=1)
BY_ROW = "focus"
"""The provider of integrations whose charges each name their own."""


@dataclass(frozen=True)
class Source:
    """One integration that shows charges.  delivered_at: the provider's time of its newest delivery.

    first_day, last_day: between which its charges start.  filling_from: the first day that may still lack lines.
    states: billing period -> filling, provisional or final.  is_late: its next delivery is overdue.
    """

    integration_id: str
    provider: str | None
    delivered_at: datetime
    first_day: date
    last_day: date
    filling_from: date
    slices: tuple[ShownSlice, ...]
    states: Mapping[str, str]
    is_late: bool = False

    @property
    def as_of(self) -> str:
        """The time of the newest delivery, ISO 8601."""
        return self.delivered_at.astimezone(UTC).isoformat()

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {"integration_id": self.integration_id, "provider": self.provider, "as_of": self.as_of}


@dataclass(frozen=True)
class Rows:
    """Charges to be asked about, and what they rest on.  since: what has changed since an earlier day, in sentences.

    shown: asks the warehouse, also where the charges are read from files of an earlier day.  until: the moment as of which they are
    known.  arrivals: when each integration's deliveries came.  version: of the charges, read before them.  kept: what keeps what is made of
    them; None where they are those of an earlier day.
    """

    ask: Ask
    shown: Ask
    sources: tuple[Source, ...]
    until: datetime
    arrivals: Mapping[str, Arrivals]
    version: str
    kept: KeptQueries | None = None
    since: tuple[str, ...] = ()


@contextmanager
def asked_rows(rt: Runtime, org_slug: str, known_on: date | None) -> Iterator[Rows]:
    """The current charges, or those of the deliveries that were shown at the end of a day (UTC).

    Raises NotFound where the files of such a delivery are gone.
    """
    version = current_version(rt.documents, org_slug)
    integrations = dict(rt.documents.list(below(org_slug, "integrations")))
    arrivals, now = arrivals_of(rt.documents, org_slug), rt.clock.now()
    kept = KeptQueries(rt, org_slug, version)
    ask = kept.ask
    if known_on is None:
        yield Rows(ask, ask, sources_of(read_slices(ask), integrations, arrivals, now), now, arrivals, version, kept)
        return
    until = min(end_of(known_on), now)
    with known_rows(rt, org_slug, known_on) as known:
        sources = sources_of(known.slices, integrations, arrivals, until)
        yield Rows(known.ask, ask, sources, until, arrivals, version, since=known.since)


def sources_of(
    shown: Iterable[ShownSlice],
    integrations: Mapping[str, Document],
    arrivals: Mapping[str, Arrivals],
    now: datetime,
) -> tuple[Source, ...]:
    """The sources of slices, by integration.  shown: sorted by it."""
    return tuple(
        _source(name, tuple(slices), integrations.get(name), arrivals.get(name), now)
        for name, slices in groupby(shown, key=lambda one: one.integration_id)
    )


def within(source: Source, days: Days) -> bool:
    """Whether a source has charges between the days' ends."""
    return source.first_day <= (days.last or date.max) and source.last_day >= (days.first or date.min)


def may_have(source: Source, filters: Iterable[Filter]) -> bool:
    """Whether no condition on the integration or its provider rules out all charges of a source."""
    # native FOCUS bills name the provider of each charge
    by_row = source.provider in (None, BY_ROW)
    known = {
        SHORT["integration"].column: source.integration_id,
        **({} if by_row else {SHORT["provider"].column: source.provider}),
    }
    asked = [(one, known[one.dimension.column]) for one in filters if one.dimension.column in known]
    return all(
        (value in one.values) is (one.operator is Operator.IS)
        for one, value in asked
        if one.operator in (Operator.IS, Operator.IS_NOT)
    )


def filling_from(sources: Iterable[Source], days: Days) -> date | None:
    """The first of the days that may lack lines of a source that still delivers; None where all are complete.

    Days without an end are those up to the end of the newest billing period.
    """
    found = list(sources)
    newest = max((one.delivered_at.date() for one in found), default=None)
    if newest is None:
        return None
    first = min(one.filling_from for one in found if not has_stopped(one.delivered_at.date(), newest))
    last = days.last or max(BillingPeriod.parse(period).end for one in found for period in one.states).date() - _ONE_DAY
    return max(first, days.first or date.min) if first <= last else None


def state_of(sources: Iterable[Source], days: Days) -> str:
    """How complete the charges of the days are, as a whole: filling, provisional or final."""
    found = list(sources)
    if filling_from(found, days) is not None:
        return FILLING
    states = {source.states[one.billing_period] for source in found for one in source.slices if one.overlaps(days)}
    # days of a month that still fills can all be complete themselves
    return FINAL if states <= {FINAL} else PROVISIONAL


def charged_days(sources: Sequence[Source]) -> tuple[date, date] | None:
    """The first and the last day that have charges, None where there are none at all."""
    if not sources:
        return None
    return min(one.first_day for one in sources), max(one.last_day for one in sources)


def _source(
    name: str,
    shown: tuple[ShownSlice, ...],
    integration: Document | None,
    arrivals: Arrivals | None,
    now: datetime,
) -> Source:
    provider = integration.get("provider") if integration else None
    pieces = {one.billing_period: Slice(BillingPeriod.parse(one.billing_period).end, one.delivered_at) for one in shown}
    found = watermark(pieces, usual_lag(arrivals, provider), now)
    freshness = arrivals.freshness if arrivals else None
    return Source(
        name,
        provider,
        max(one.delivered_at for one in shown),
        min(one.first_start.date() for one in shown),
        max(one.last_start.date() for one in shown),
        found.filling_from,
        shown,
        found.states,
        freshness is not None and is_watched(integration) and freshness.is_late(now),
    )
