"""The ledger of an organization's subscriptions (`orgs/<org>/subscriptions/<id>`), with every version that each has had."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from decimal import Decimal
from typing import Any

from common.domain.money import plain
from common.domain.nearest import did_you_mean
from common.domain.saas.lines import Entry
from common.domain.saas.subscription import InvalidSubscription, Invoiced, Pause, PriceChange, SeatChange, Subscription
from common.errors import AlreadyExists, BadConfiguration, NotFound
from common.ports import Document, DocumentStore, Transaction
from common.records.currencies import check_currency, minor_digits
from common.records.organizations import below, org_option

COLLECTION = "subscriptions"
MOST_VERSIONS = 200
"""So many are stored of a subscription; another change is refused then, since an earlier version says which months it had charges in."""
_CHANGES: Mapping[str, type[Any]] = {
    "seat_changes": SeatChange,
    "price_changes": PriceChange,
    "pauses": Pause,
    "invoices": Invoiced,
}


@dataclass(frozen=True)
class Version:
    """What a subscription was from a moment on.  at: UTC, ISO 8601; by: who changed it; what: in words."""

    number: int
    at: str
    by: str
    what: str
    subscription: Subscription


@dataclass(frozen=True)
class Recorded:
    """A subscription as the ledger has it.  versions: oldest first, the last is what it is now.

    renewal_alert: the id of the alert of its next renewal that was raised, None where none was.
    """

    versions: tuple[Version, ...]
    renewal_alert: str | None = None

    @property
    def subscription(self) -> Subscription:
        """What it is now."""
        return self.versions[-1].subscription

    @property
    def entry(self) -> Entry:
        """What bills are made of."""
        now = self.subscription
        earlier = tuple(one.subscription for one in self.versions[:-1])
        return Entry(now, minor_digits(now.currency), earlier)


def subscription_path(org_slug: str, subscription_id: str) -> str:
    """Where a subscription's document lies."""
    return below(org_slug, COLLECTION, subscription_id)


def recorded_of(documents: DocumentStore, org_slug: str) -> dict[str, Recorded]:
    """All subscriptions of an organization, by id."""
    return {name: _read(document) for name, document in documents.list(below(org_slug, COLLECTION))}


def load_recorded(documents: DocumentStore, org_slug: str, subscription_id: str) -> Recorded:
    """One subscription.  Raises NotFound with the nearest id."""
    found = recorded_of(documents, org_slug)
    if subscription_id not in found:
        raise NotFound(
            f"there is no subscription {subscription_id[:70]!r}; costwire subscriptions list{org_option(org_slug)} shows them"
            f"{did_you_mean(subscription_id, found)}"
        )
    return found[subscription_id]


def record(
    documents: DocumentStore, org_slug: str, wanted: Subscription, at: str, by: str, what: str, new: bool
) -> bool:
    """Store a subscription as its newest version; whether that changed anything.

    new: it must not be there yet.  Raises AlreadyExists, BadConfiguration for a currency that no country has, or too many versions.
    """
    check_currency(wanted.currency)
    path = subscription_path(org_slug, wanted.subscription_id)

    def work(transaction: Transaction) -> bool:
        document = transaction.get(path)
        if document is not None and new:
            raise AlreadyExists(
                f"subscription {wanted.subscription_id} exists already; costwire subscriptions change changes it"
            )
        before = _read(document) if document is not None else Recorded(())
        if before.versions and before.subscription == wanted:
            return False
        if len(before.versions) == MOST_VERSIONS:
            raise BadConfiguration(
                f"subscription {wanted.subscription_id} was changed {MOST_VERSIONS} times, which is the most; cancel it and add another one"
            )
        version = Version(len(before.versions) + 1, at, by, what, wanted)
        transaction.set(path, _document(replace(before, versions=(*before.versions, version))))
        return True

    return documents.transact(work)


def note_renewal_alert(documents: DocumentStore, org_slug: str, subscription_id: str, alert_id: str | None) -> None:
    """Write down which alert of a renewal stands."""
    path = subscription_path(org_slug, subscription_id)

    def work(transaction: Transaction) -> None:
        document = transaction.get(path)
        if document is not None:
            transaction.set(path, {**document, "renewal_alert": alert_id})

    documents.transact(work)


def plain_types(one: Subscription) -> Document:
    """A subscription in plain types: days as ISO 8601, amounts as digits."""
    return {entry.name: _plain(getattr(one, entry.name)) for entry in fields(one)}


def from_plain(table: Mapping[str, Any]) -> Subscription:
    """The subscription of its plain types.  Raises InvalidSubscription, KeyError, TypeError for what they are not."""
    raw = dict(table)
    for name, kind in _CHANGES.items():
        raw[name] = tuple(sorted(_of(kind, entry) for entry in raw.get(name, ())))
    return Subscription(**{name: _typed(name, value) for name, value in raw.items()})


_DAYS = frozenset({"start", "end", "cancelled_on", "discount_until", "day", "until", "billed_on"})
_AMOUNTS = frozenset({"price", "discount_percent", "tax_percent", "amount", "tax"})


def _of(kind: type[Any], entry: Mapping[str, Any]) -> Any:
    return kind(**{name: _typed(name, value) for name, value in entry.items()})


def _typed(name: str, value: Any) -> Any:
    if isinstance(value, str) and name in _DAYS:
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise InvalidSubscription(f"{name} is '{value[:40]}', expected a day such as 2026-03-01") from None
    return Decimal(value) if isinstance(value, str) and name in _AMOUNTS else value


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple):
        return [{entry.name: _plain(getattr(one, entry.name)) for entry in fields(one)} for one in value]
    return dict(value) if isinstance(value, Mapping) else value


def _read(document: Document) -> Recorded:
    versions = tuple(
        Version(number, one["at"], one["by"], one["what"], from_plain(one["subscription"]))
        for number, one in enumerate(document["versions"], start=1)
    )
    return Recorded(versions, document.get("renewal_alert"))


def _document(recorded: Recorded) -> Document:
    return {
        "subscription_id": recorded.subscription.subscription_id,
        "versions": [
            {"at": one.at, "by": one.by, "what": one.what, "subscription": plain_types(one.subscription)}
            for one in recorded.versions
        ],
        "renewal_alert": recorded.renewal_alert,
        "updated_at": recorded.versions[-1].at,
    }
