"""Which of two deliveries of a slice is shown: the rule of every warehouse."""

from __future__ import annotations

from datetime import datetime

from common.ports import Replacement


def settled(
    current: tuple[datetime, str], replaced: str | None, delivery_id: str, delivered_at: datetime
) -> Replacement | None:
    """What to answer where there is nothing to do: the delivery is current already, or a newer one is; else None.

    current: when the current delivery was delivered, and its id.  replaced: the delivery that it took the place of.
    """
    if current[1] == delivery_id:
        return Replacement(shown=True, replaced=replaced)
    if (delivered_at, delivery_id) < current:
        return Replacement(shown=False, newer=current[1])
    return None
