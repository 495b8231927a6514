"""Which deliveries stand rejected: refused, with no newer one of the same month shown since."""

from __future__ import annotations

from collections.abc import Sequence

from common.ports import Runtime
from common.records.deliveries import CURRENT, REJECTED
from common.reporting.deliveries import DeliveryReport, list_deliveries


def standing_rejections(deliveries: Sequence[DeliveryReport]) -> list[DeliveryReport]:
    """Of deliveries with the newest first, those rejected ones that are newer than what is shown of their slice."""
    settled: set[tuple[str, str]] = set()
    found = []
    for one in deliveries:
        piece = (one.integration_id, one.billing_period)
        if one.state == CURRENT:
            settled.add(piece)
        elif one.state == REJECTED and piece not in settled:
            settled.add(piece)
            found.append(one)
    return found


def has_fault(rt: Runtime, org_slug: str) -> bool:
    """Whether a delivery stands rejected."""
    return bool(standing_rejections(list_deliveries(rt, org_slug)))
