"""When an integration's deliveries came, and how old its days were when they had all charges (`orgs/<org>/arrivals/<integration>`).

Made of the documents of its deliveries, a slice at a time, and merged: whoever writes last, and however often, the document says the same.
It stays when the integration is removed, as its charges do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from common.domain.freshness import WINDOW, Freshness, Pattern, Version, incomplete_ages, learned
from common.domain.integrations import DISABLED
from common.domain.period import BillingPeriod
from common.ports import Document, DocumentStore, Transaction
from common.providers.arrivals import stated_pattern
from common.records.deliveries import NOT_COUNTED, Delivery, of_slice
from common.records.integrations import is_one_off
from common.records.organizations import below
from common.records.unknown import known_and_unknown

MAX_DELIVERIES = 250
"""Kept at most, the newest: more than five a day over the window that is learned from."""


@dataclass(frozen=True)
class Arrived:
    """One delivery.

    delivered_at: the provider's time.  charged_through: the end of the last charge that had ended by then, None without any.
    """

    delivered_at: datetime
    charged_through: datetime | None = None


@dataclass(frozen=True)
class Arrivals:
    """What the document holds.

    provider: of its rows, where they have one in common, else the integration's.  deliveries: the proved ones by id.  ages: day ->
    how old it was at the last delivery that did not have all its charges.  late: the alert of the delivery that is overdue, None where
    none is.  unknown: fields of another release.
    """

    integration_id: str
    provider: str
    deliveries: Mapping[str, Arrived] = field(default_factory=dict)
    ages: Mapping[date, timedelta] = field(default_factory=dict)
    late: str | None = None
    unknown: Mapping[str, Any] = field(default_factory=dict)

    @property
    def pattern(self) -> Pattern:
        """How the source usually delivers."""
        times = [one.delivered_at for one in self.deliveries.values()]
        return learned(times, self.ages.values(), stated_pattern(self.provider))

    @property
    def freshness(self) -> Freshness | None:
        """What is known of the source; None without deliveries."""
        if not self.deliveries:
            return None
        newest = max(one.delivered_at for one in self.deliveries.values())
        through = [one.charged_through for one in self.deliveries.values() if one.charged_through]
        return Freshness(newest, max(through, default=None), self.pattern)

    def with_slice(self, deliveries: Iterable[Delivery]) -> Arrivals:
        """The same with what a slice's deliveries show, all that there are; those that do not count any more are left out."""
        found = list(deliveries)
        gone = {one.delivery_id for one in found if one.state in NOT_COUNTED}
        counted = [one for one in found if one.proved_at and one.delivery_id not in gone and not one.split_from]
        times = {name: one for name, one in self.deliveries.items() if name not in gone}
        times |= {one.delivery_id: Arrived(one.delivered_at, _moment(one.charged_through)) for one in counted}
        newest = sorted(times, key=lambda name: (times[name].delivered_at, name))[-MAX_DELIVERIES:]
        months = {one.billing_period for one in found}
        ages = {day: age for day, age in self.ages.items() if str(BillingPeriod.of(day)) not in months}
        ages |= incomplete_ages(_version(one) for one in counted if one.days is not None)
        since = (max(ages, default=date.min + WINDOW)) - WINDOW
        return replace(
            self,
            deliveries={name: times[name] for name in newest},
            ages={day: ages[day] for day in sorted(ages) if day > since},
        )

    def as_document(self) -> Document:
        """Plain types only."""
        return {
            "integration_id": self.integration_id,
            "provider": self.provider,
            "deliveries": {
                name: {
                    "delivered_at": one.delivered_at.isoformat(),
                    "charged_through": one.charged_through.isoformat() if one.charged_through else None,
                }
                for name, one in self.deliveries.items()
            },
            "ages": {day.isoformat(): int(age.total_seconds()) for day, age in self.ages.items()},
            "late": self.late,
            **self.unknown,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Arrivals:
        """The arrivals of a document."""
        known, unknown = known_and_unknown(cls, document)
        known["deliveries"] = {
            name: Arrived(datetime.fromisoformat(one["delivered_at"]), _moment(one["charged_through"]))
            for name, one in document["deliveries"].items()
        }
        known["ages"] = {
            date.fromisoformat(day): timedelta(seconds=seconds) for day, seconds in document["ages"].items()
        }
        return cls(**known, unknown=unknown)


def arrivals_path(org_slug: str, integration_id: str) -> str:
    """Where the document of an integration lies."""
    return below(org_slug, "arrivals", integration_id)


def arrivals_of(documents: DocumentStore, org_slug: str) -> dict[str, Arrivals]:
    """What is known of every integration that has delivered, by id."""
    return {name: Arrivals.from_document(one) for name, one in documents.list(below(org_slug, "arrivals"))}


def load_arrivals(documents: DocumentStore, org_slug: str, integration_id: str) -> Arrivals | None:
    """What is known of one integration; None where nothing is."""
    document = documents.get(arrivals_path(org_slug, integration_id))
    return Arrivals.from_document(document) if document else None


def usual_lag(arrivals: Arrivals | None, provider: str | None) -> timedelta:
    """From the end of a day until its charges have stopped arriving: the integration's own, else its provider's."""
    return arrivals.pattern.lag if arrivals else stated_pattern(provider).lag


def is_watched(integration: Document | None) -> bool:
    """Whether an integration's next delivery is waited for: it is connected, neither paused nor removed nor imported by hand."""
    return integration is not None and integration.get("status") != DISABLED and not is_one_off(integration)


def note_arrival(documents: DocumentStore, delivery: Delivery) -> None:
    """Bring the document up to the deliveries of a slice.  Safe to repeat, in any order."""
    known = of_slice(documents, delivery.slice)
    path = arrivals_path(delivery.org_slug, delivery.integration_id)

    def work(transaction: Transaction) -> None:
        document = transaction.get(path)
        before = (
            Arrivals.from_document(document)
            if document
            else Arrivals(delivery.integration_id, _provider(delivery, known))
        )
        after = before.with_slice(known).as_document()
        if after != document:
            transaction.set(path, after)

    documents.transact(work)


def _provider(delivery: Delivery, known: Iterable[Delivery]) -> str:
    """Of its rows: a FOCUS bill says whose it is."""
    named = {one["provider"] for each in (delivery, *known) for one in each.accounts or ()}
    return named.pop() if len(named) == 1 else delivery.provider


def _version(delivery: Delivery) -> Version:
    days = {
        date.fromisoformat(day): {currency: Decimal(cost) for currency, cost in costs.items()}
        for day, costs in (delivery.days or {}).items()
    }
    return Version(delivery.delivered_at, days)


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None
