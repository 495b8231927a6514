"""The deliveries that readers may see and that have one view of their month only."""

from __future__ import annotations

from common.domain.one_view import OneView
from common.ports import DocumentStore
from common.records.deliveries import CURRENT, LANDED, Delivery
from common.records.organizations import below


def shown_in_one_view(documents: DocumentStore, org_slug: str, metric: str | None = None) -> tuple[OneView, ...]:
    """Those that lack a cost column, or any.  Landed ones count: until its swap is recorded, a delivery that readers see is one."""
    documents_found = (
        document
        for state in (CURRENT, LANDED)
        for _, document in documents.list(below(org_slug, "deliveries"), {"state": state})
    )
    found = (Delivery.from_document(document).one_view for document in documents_found)
    return tuple(sorted(one for one in found if one and metric in (None, one.metric)))
