"""Slice pointers: which delivery's files a tenant's readers see, one document per slice, swapped in one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from common.adapters.shared.names import checked_slice
from common.ports import Document, DocumentStore, Slice
from common.records.names import check_org_slug


@dataclass(frozen=True)
class Restated:
    """One replacement of a slice, and the object that says what it changed; uri: "" where that is nothing."""

    delivery_replaced: str
    delivery_now: str
    replaced_at: datetime
    uri: str


@dataclass(frozen=True)
class Pointer:
    """What readers of one slice see now, and how it came to be.

    daily: the object with the roll-up of the files; "" where they have no rows, None where none was written.
    """

    integration_id: str
    billing_period: str
    current: str
    delivered_at: datetime
    files: tuple[str, ...]
    history: tuple[Restated, ...]
    daily: str | None = None


def collection_of(org_slug: str) -> str:
    """Where a tenant's pointers are kept."""
    return f"orgs/{check_org_slug(org_slug)}/slices"


def path_of(piece: Slice) -> str:
    """The document of a slice.  Raises BadConfiguration for invalid names."""
    checked_slice(piece)
    return f"{collection_of(piece.org_slug)}/{piece.integration_id}_{piece.billing_period}"


def restatements_of(piece: Slice) -> str:
    """The folder of objects that say what replacements of a slice changed."""
    return f"restatements/{piece.org_slug}/{piece.integration_id}/{piece.billing_period}/"


def daily_of(piece: Slice, delivery_id: str, files: Sequence[str]) -> str:
    """The object with the roll-up of a delivery's files, which never change."""
    checked_slice(piece)
    digest = hashlib.sha256("\n".join(files).encode()).hexdigest()[:16]
    return f"daily/{piece.org_slug}/{piece.integration_id}/{piece.billing_period}/{delivery_id}/{digest}.parquet"


def read(document: Document) -> Pointer:
    """A pointer from its document."""
    return Pointer(
        integration_id=document["integration_id"],
        billing_period=document["billing_period"],
        current=document["current"],
        delivered_at=datetime.fromisoformat(document["delivered_at"]),
        files=tuple(document["files"]),
        history=tuple(
            Restated(
                entry["delivery_replaced"],
                entry["delivery_now"],
                datetime.fromisoformat(entry["replaced_at"]),
                entry["uri"],
            )
            for entry in document["history"]
        ),
        daily=document.get("daily"),  # none in those of before there were roll-ups
    )


def read_all(documents: DocumentStore, org_slug: str) -> list[Pointer]:
    """All pointers of a tenant, by slice."""
    return [read(document) for _, document in documents.list(collection_of(org_slug))]


def write(pointer: Pointer) -> Document:
    """The document of a pointer."""
    return {
        "integration_id": pointer.integration_id,
        "billing_period": pointer.billing_period,
        "current": pointer.current,
        "delivered_at": pointer.delivered_at.astimezone(UTC).isoformat(),
        "files": list(pointer.files),
        "history": [
            {
                "delivery_replaced": entry.delivery_replaced,
                "delivery_now": entry.delivery_now,
                "replaced_at": entry.replaced_at.astimezone(UTC).isoformat(),
                "uri": entry.uri,
            }
            for entry in pointer.history
        ],
        "daily": pointer.daily,
    }


def replaced_by(pointer: Pointer, delivery_id: str) -> str | None:
    """The delivery that `delivery_id` took the place of, None where it was the slice's first."""
    found: Sequence[str] = [entry.delivery_replaced for entry in pointer.history if entry.delivery_now == delivery_id]
    return found[-1] if found else None
