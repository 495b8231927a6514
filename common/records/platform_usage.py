"""What organizations took of the platform, day by day: `orgs/<operator>/platform_usage/<YYYY-MM>.<org>`.

It lies with the operator, whom it cost something, so that removing an organization changes no day that has passed.  A day is written once:
when it is over, from all that was recorded of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from common.domain.money import plain
from common.ports import DocumentStore, Transaction
from common.records.organizations import below

COLLECTION = "platform_usage"


@dataclass(frozen=True)
class TakenDay:
    """counts: what happened, by name.  units: what that took, by unit of the list prices.  unknown: what is not known."""

    org_slug: str
    day: date
    counts: Mapping[str, int]
    units: Mapping[str, Decimal]
    unknown: Sequence[str] = field(default_factory=tuple)


def month_of(day: date) -> str:
    """`YYYY-MM`."""
    return f"{day:%Y-%m}"


def usage_path(operator: str, org_slug: str, month: str) -> str:
    """Where an organization's month lies."""
    return below(operator, COLLECTION, f"{month}.{org_slug}")


def last_day(documents: DocumentStore, operator: str, org_slug: str, today: date) -> date | None:
    """The last day that is written of this month and the one before; None where none is."""
    months = {month_of(today), month_of(date.fromordinal(today.replace(day=1).toordinal() - 1))}
    found = [documents.get(usage_path(operator, org_slug, month)) or {} for month in months]
    days = [day for one in found for day in one.get("days", {})]
    return date.fromisoformat(max(days)) if days else None


def note_days(documents: DocumentStore, operator: str, taken: Sequence[TakenDay]) -> None:
    """Write days of one organization.  One that is written stays as it is; safe to repeat, also by two at once."""
    for month in sorted({month_of(one.day) for one in taken}):
        _note_month(documents, operator, month, [one for one in taken if month_of(one.day) == month])


def _note_month(documents: DocumentStore, operator: str, month: str, taken: Sequence[TakenDay]) -> None:
    org_slug = taken[0].org_slug
    path = usage_path(operator, org_slug, month)

    def work(transaction: Transaction) -> None:
        known = (transaction.get(path) or {}).get("days", {})
        new = {one.day.isoformat(): _document(one) for one in taken}
        transaction.set(path, {"month": month, "org_slug": org_slug, "days": {**new, **known}})

    documents.transact(work)


def days_of(documents: DocumentStore, operator: str, month: str) -> list[TakenDay]:
    """All days of a month that are written, of all organizations, by day and organization."""
    found = [document for _, document in documents.list(below(operator, COLLECTION), {"month": month})]
    taken = [_taken(one["org_slug"], day, each) for one in found for day, each in one["days"].items()]
    return sorted(taken, key=lambda one: (one.day, one.org_slug))


def _document(one: TakenDay) -> dict[str, Any]:
    units = {name: plain(quantity) for name, quantity in sorted(one.units.items()) if quantity}
    return {"counts": dict(sorted(one.counts.items())), "units": units, "unknown": list(one.unknown)}


def _taken(org_slug: str, day: str, document: Mapping[str, Any]) -> TakenDay:
    units = {name: Decimal(text) for name, text in document["units"].items()}
    return TakenDay(org_slug, date.fromisoformat(day), document["counts"], units, tuple(document["unknown"]))
