"""Finished chunks of a delivery: where their rows are and what these add up to (`orgs/<org>/deliveries/<id>/chunks/<number>`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from common.ports import Document, DocumentStore
from common.records.deliveries import Delivery, chunks_path
from common.records.unknown import known_and_unknown

Entries = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Numbers:
    """What normalized rows add up to.  All amounts are decimal text.

    written: an entry per `currency` with BilledCost, EffectiveCost, gross_cost and gross_quantity.  accounts: `provider` and
    `billing_account_id` of each.  conformance: an entry per failed rule of FOCUS 1.3: rule, keyword, text, count.  days: charge day of the
    billing period -> currency -> cost.  charged_through: the end of the last charge that had ended at the delivery, ISO 8601.
    """

    rows: int = 0
    written: Entries = ()
    accounts: Entries = ()
    conformance: Entries = ()
    days: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    charged_through: str | None = None


@dataclass(frozen=True)
class ChunkResult(Numbers):
    """One chunk that is done.  chunk: None for the adjustments of a whole delivery, which have no document.

    quarantined: an entry per currency with amount, lines and unreadable ones.  quarantine_uri, pairs_uri: None where there is nothing.
    unknown: fields of another release, which stay as they are.
    """

    chunk: int | None = None
    focus_uri: str = ""
    quarantine_uri: str | None = None
    pairs_uri: str | None = None
    quarantined: Entries = ()
    quarantined_lines: int = 0
    unknown: Mapping[str, Any] = field(default_factory=dict)

    def as_document(self) -> Document:
        """Plain types only."""
        document = asdict(self)
        del document["unknown"]
        document |= {name: list(document[name]) for name in ("written", "accounts", "conformance", "quarantined")}
        return {**document, **self.unknown}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> ChunkResult:
        """The result of a document."""
        known, unknown = known_and_unknown(cls, document)
        return cls(**known, unknown=unknown)


def chunk_path(org_slug: str, delivery_id: str, chunk: int) -> str:
    """Where the document of a finished chunk lies."""
    return f"{chunks_path(org_slug, delivery_id)}/{chunk:05d}"


def count_chunks(documents: DocumentStore, delivery: Delivery) -> int:
    """How many chunks of a delivery are done."""
    return documents.count(chunks_path(delivery.org_slug, delivery.delivery_id))


def load_chunks(documents: DocumentStore, delivery: Delivery) -> list[ChunkResult]:
    """The chunks of a delivery that are done, in their order."""
    found = documents.list(chunks_path(delivery.org_slug, delivery.delivery_id))
    return [ChunkResult.from_document(document) for _, document in found]
