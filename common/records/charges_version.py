"""The version of a tenant's charges: an answer cached under a version is valid while the version stays the same.

One small document per tenant, written after each swap and before the swap is announced.  A reader that reads first the
version and then the charges has an answer that is as new as the version, or newer: a swap that the answer does not include
has yet to write its version, and no two versions are equal.

Existing documents do not suffice: reading the current deliveries, or the slices, costs one read for each stored integration
and month, at every check, and slices are documents on the embedded runtime only.  This costs one write per delivery
and one read per check; the write is unconditional, so that no two deliveries conflict.
"""

from __future__ import annotations

import uuid

from common.ports import DocumentStore
from common.records.organizations import below


def note_change(documents: DocumentStore, org_slug: str) -> None:
    """Say that the tenant's charges are not what they were.  Call it after the swap, and again where the swap is repeated."""
    documents.set(_path(org_slug), {"version": uuid.uuid4().hex})


def current_version(documents: DocumentStore, org_slug: str) -> str:
    """The version as it is now; empty before the first delivery."""
    found = documents.get(_path(org_slug))
    return str(found["version"]) if found else ""


def _path(org_slug: str) -> str:
    return below(org_slug, "versions", "charges")
