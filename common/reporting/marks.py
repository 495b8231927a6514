"""The version of an organization's charges, for answers that stay valid while it does."""

from __future__ import annotations

from common.ports import Runtime
from common.records.charges_version import current_version
from common.records.deliveries import REJECTED
from common.records.organizations import below


def charges_mark(rt: Runtime, org_slug: str) -> str:
    """Read it before the charges: the answer is then as new as the mark, or newer.  Empty before the first delivery."""
    return current_version(rt.documents, org_slug)


def receipt_mark(rt: Runtime, org_slug: str) -> str:
    """The same for answers with a receipt: it counts newer deliveries that were rejected, which change no charge."""
    rejected = sorted(name for name, _ in rt.documents.list(below(org_slug, "deliveries"), {"state": REJECTED}))
    return " ".join((charges_mark(rt, org_slug), *rejected))
