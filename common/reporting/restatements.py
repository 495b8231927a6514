"""Restatements: what newer deliveries changed of what had been shown before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any

from common.domain.money import add
from common.domain.period import BillingPeriod
from common.ports import Runtime
from common.records.past_deliveries import known_since
from common.reporting.plain_types import plain_row
from common.warehouse.catalogued import catalogued


@dataclass(frozen=True)
class RestatedDay:
    """What one replacement changed of one service's day in one currency."""

    integration_id: str
    billing_period: str
    delivery_replaced: str
    delivery_now: str
    replaced_at: datetime
    service_name: str | None
    charge_date: date | None
    currency: str
    billed_cost_before: Decimal
    billed_cost_after: Decimal
    billed_cost_delta: Decimal
    effective_cost_delta: Decimal
    rows_before: int
    rows_after: int

    def as_json(self) -> dict[str, Any]:
        """For programs; amounts are exact decimals as text."""
        return plain_row(vars(self))


@dataclass(frozen=True)
class RestatedService:
    """What one replacement changed of one service in one currency.  days: how many of its days changed; costs are of these."""

    service_name: str | None
    currency: str
    days: int
    billed_cost_before: Decimal
    billed_cost_after: Decimal
    billed_cost_delta: Decimal
    effective_cost_delta: Decimal


@dataclass(frozen=True)
class Restatement:
    """One delivery that took another one's place.  days: by currency, service and day."""

    integration_id: str
    billing_period: str
    delivery_replaced: str
    delivery_now: str
    replaced_at: datetime
    days: tuple[RestatedDay, ...]

    def services(self) -> list[RestatedService]:
        """The changes, added up by currency and service."""
        grouped = groupby(self.days, key=lambda day: (day.currency, day.service_name))
        return [_service(service, currency, list(days)) for (currency, service), days in grouped]


def list_restatements(
    rt: Runtime,
    org_slug: str,
    integration_id: str | None = None,
    billing_period: BillingPeriod | None = None,
    since: date | None = None,
) -> list[Restatement]:
    """The replacements that changed a cost or a number of rows, latest first.

    since: only those after the end of that day (UTC): the difference between what was known then and now, but for bills that have
    arrived since.  Raises BadConfiguration for what is no organization.
    """
    after = since + timedelta(days=1) if since else date.min
    names = [one.name for one in fields(RestatedDay)]
    period = str(billing_period) if billing_period else None
    found = [
        RestatedDay(**{name: row[name] for name in names})
        for row in rt.warehouse.query(org_slug, catalogued("restatements"))
        if integration_id in (None, row["integration_id"])
        and period in (None, row["billing_period"])
        and row["replaced_at"].date() >= after
    ]
    return [_restatement(list(days)) for _, days in groupby(found, key=_replacement)]


def listed_since(rt: Runtime, org_slug: str) -> datetime | None:
    """The moment up to which restatements may have been removed at the end of their life; None where all are listed."""
    return known_since(rt.documents, org_slug)


def _replacement(day: RestatedDay) -> tuple[datetime, str, str, str]:
    return day.replaced_at, day.integration_id, day.billing_period, day.delivery_now


def _restatement(days: Sequence[RestatedDay]) -> Restatement:
    first = days[0]
    return Restatement(
        first.integration_id,
        first.billing_period,
        first.delivery_replaced,
        first.delivery_now,
        first.replaced_at,
        tuple(days),
    )


def _service(service_name: str | None, currency: str, days: Sequence[RestatedDay]) -> RestatedService:
    return RestatedService(
        service_name,
        currency,
        len(days),
        add(day.billed_cost_before for day in days),
        add(day.billed_cost_after for day in days),
        add(day.billed_cost_delta for day in days),
        add(day.effective_cost_delta for day in days),
    )
