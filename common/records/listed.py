"""What a location looked like when all that lay there had landed: in the field `listed` of its integration's document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from common.ports import Document, DocumentStore, Transaction
from common.records.organizations import below

FIELD = "listed"


@dataclass(frozen=True)
class Listed:
    """What tells one listing of a location from another.

    uri: of the location.  fingerprint: of all files in their versions.  months: billing period -> fingerprint of the files in its folder,
    for each whose manifest lies there too.
    """

    uri: str
    fingerprint: str
    months: Mapping[str, str] = field(default_factory=dict)

    def as_document(self) -> dict[str, Any]:
        """Plain types only."""
        return asdict(self)

    def unchanged(self, before: Listed | None) -> bool:
        """Whether nothing is new since."""
        return before is not None and (before.uri, before.fingerprint) == (self.uri, self.fingerprint)

    def unchanged_months(self, before: Listed | None) -> frozenset[str]:
        """The months of which nothing is new since."""
        if before is None or before.uri != self.uri:
            return frozenset()
        return frozenset(month for month, one in self.months.items() if before.months.get(month) == one)


def listed_of(integration: Document) -> Listed | None:
    """What the integration's location looked like when all of it had landed; None where that is not known."""
    found = integration.get(FIELD)
    return Listed(**found) if found else None


def note_listed(documents: DocumentStore, org_slug: str, integration_id: str, listed: Listed) -> None:
    """All that the listing tells of has landed."""
    path = below(org_slug, "integrations", integration_id)

    def work(transaction: Transaction) -> None:
        document = transaction.get(path)
        if document is not None and document.get(FIELD) != listed.as_document():
            transaction.set(path, {**document, FIELD: listed.as_document()})

    documents.transact(work)
