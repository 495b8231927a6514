"""The deliveries that readers may see and that have one view of their month only."""

from __future__ import annotations

from itertools import product

from common.domain.one_view import OneView
from common.formats.recognition import formats
from common.ports import DocumentStore
from common.records.deliveries import CURRENT, LANDED, Delivery
from common.records.organizations import below


def shown_in_one_view(documents: DocumentStore, org_slug: str, metric: str | None = None) -> tuple[OneView, ...]:
    """Those that lack a cost column, or any.  Landed ones count: until its swap is recorded, a delivery that readers see is one.

    Only deliveries of formats with two views are read.
    """
    paired = [
        kind.name
        for kind in formats().values()
        if kind.pair and (metric is None or metric in kind.pair.not_known.values())
    ]
    read = (
        documents.list(below(org_slug, "deliveries"), {"source_format": name, "state": state})
        for name, state in product(paired, (CURRENT, LANDED))
    )
    found = (Delivery.from_document(document).one_view for some in read for _, document in some)
    return tuple(sorted(one for one in found if one and metric in (None, one.metric)))
