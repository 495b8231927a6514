"""The version of an organization's charges, for answers that stay valid while it does."""

from __future__ import annotations

from common.ports import Runtime
from common.records.charges_version import current_version


def charges_mark(rt: Runtime, org_slug: str) -> str:
    """Read it before the charges: the answer is then as new as the mark, or newer.  Empty before the first delivery."""
    return current_version(rt.documents, org_slug)
