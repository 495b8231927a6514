"""Deliveries whose files were removed at the end of their life: what is still known of them, and finding one by its id.

`orgs/<org>/past_deliveries/<delivery_id>` is the delivery's document without its parts and results.  The same bytes, fetched again,
land as a new delivery.  `orgs/<org>/retention/general` says since when everything is known: before that moment, restatements or such
documents were removed too.
"""

from __future__ import annotations

from datetime import datetime

from common.errors import NotFound
from common.ports import DocumentStore, Slice, Transaction
from common.records.deliveries import Delivery, delivery_path
from common.records.names import one_of
from common.records.organizations import below

PENDING = "pending"
"""A field of the document while files of the delivery are still to be removed; it has its parts until then."""


def past_path(org_slug: str, delivery_id: str) -> str:
    """Where the document of a delivery without files lies."""
    return below(org_slug, "past_deliveries", delivery_id)


def retention_path(org_slug: str) -> str:
    """Where it is noted what was removed for good, and when clean-up ran last."""
    return below(org_slug, "retention", "general")


def past_deliveries(documents: DocumentStore, org_slug: str, piece: Slice | None = None) -> list[Delivery]:
    """The deliveries whose files were removed, of one slice or of all."""
    where = {"integration_id": piece.integration_id, "billing_period": piece.billing_period} if piece else None
    found = documents.list(below(org_slug, "past_deliveries"), where)
    return [Delivery.from_document(document) for _, document in found]


def known_since(documents: DocumentStore, org_slug: str) -> datetime | None:
    """The moment before which it is not known any more what was shown; None where everything is known."""
    text = (documents.get(retention_path(org_slug)) or {}).get("known_since")
    return datetime.fromisoformat(text) if text else None


def forget_before(documents: DocumentStore, org_slug: str, moment: datetime) -> None:
    """Note that what was shown before a moment is not known any more.  Never moves back; safe to repeat."""
    path = retention_path(org_slug)

    def work(transaction: Transaction) -> None:
        document = transaction.get(path) or {}
        before = document.get("known_since")
        if before is None or datetime.fromisoformat(before) < moment:
            transaction.set(path, {**document, "known_since": moment.isoformat()})

    documents.transact(work)


def without_files(delivery: Delivery) -> str:
    """That a delivery's files were removed, and what to do, as one sentence."""
    day = (delivery.files_removed_at or "")[:10]
    name = f"{delivery.integration_id} {delivery.billing_period}".strip()
    return (
        f"the files of delivery {delivery.delivery_id} ({name}) were removed on {day}, at the end of their life; "
        "costwire retention shows the lives, and fetching the same bill again makes it a new delivery"
    )


def find_delivery(documents: DocumentStore, org_slug: str, prefix: str) -> str:
    """The id of the one delivery whose id is, or begins with, `prefix`.

    Raises NotFound for none and for several, and for one whose files were removed, with those words.
    """
    if prefix and documents.get(delivery_path(org_slug, prefix)) is not None:
        return prefix
    names = [name for name, _ in documents.list(below(org_slug, "deliveries"))]
    if prefix and not any(name.startswith(prefix) for name in names):
        gone = [one for one in past_deliveries(documents, org_slug) if one.delivery_id.startswith(prefix)]
        if len(gone) == 1:
            raise NotFound(without_files(gone[0]))
    return one_of(prefix, names, "delivery", "costwire deliveries")
