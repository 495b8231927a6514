"""A mark that changes with a tenant's charges: who kept an answer under a mark may keep it for as long as the mark stays.

One small document a tenant, written after each swap and before anybody is told of it.  Whoever reads the mark first and
the charges then has an answer that is as new as the mark, or newer: a swap that the answer lacks has still to write its
mark, and no two marks are alike.

Why not the documents that there are: looking at the current deliveries, or at slices, costs a read for each integration
and month that is kept, at every look, and slices are documents on the embedded runtime only.  This costs one write a
delivery and one read a look; it is written blindly, so that no two deliveries get in each other's way.
"""

from __future__ import annotations

import uuid

from common.ports import DocumentStore
from common.records.organizations import below


def mark_changed(documents: DocumentStore, org_slug: str) -> None:
    """Say that the tenant's charges are not what they were.  Call it after the swap, and again where the swap is repeated."""
    documents.set(_path(org_slug), {"mark": uuid.uuid4().hex})


def current_mark(documents: DocumentStore, org_slug: str) -> str:
    """The mark as it is now; empty before the first delivery."""
    found = documents.get(_path(org_slug))
    return str(found["mark"]) if found else ""


def _path(org_slug: str) -> str:
    return below(org_slug, "marks", "charges")
