"""A month of which only one of two views has arrived: a cost column that its source does not provide."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, order=True)
class OneView:
    """A delivery with one view of its month.

    metric: the cost column that is not known of its commitments.  note: what stands in that column instead, without a full stop.
    """

    delivery_id: str
    integration_id: str
    billing_period: str
    metric: str
    note: str

    def as_facts(self) -> dict[str, Any]:
        """In plain types, as a standing stores it and JSON shows it."""
        return dict(vars(self))


def one_view_notes(found: Iterable[Mapping[str, Any]]) -> list[str]:
    """What an answer has to say of such deliveries, in sentences.  found: as `as_facts` writes them."""
    return [f"{one['integration_id']}, {one['billing_period']}: {one['note']}." for one in found]
