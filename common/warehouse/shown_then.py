"""Which deliveries were shown at an earlier moment.

A delivery was shown then if it is what the first later replacement replaced; where nothing was replaced later, if it still is. A
replacement that changed no cost is not recorded as a restatement: there the delivery of greatest rank of those proved by then counts, whose
costs are the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from common.records.deliveries import CURRENT, WITHDRAWN, Delivery

_Slice = tuple[str, str]


def end_of(day: date) -> datetime:
    """The first moment after a day (UTC)."""
    return datetime.combine(day + timedelta(days=1), time(), UTC)


def ever_shown(deliveries: Sequence[Delivery], past: Sequence[Delivery]) -> list[Delivery]:
    """The deliveries that were ever shown, each once.  past: those whose files were removed; some may have landed again."""
    shown = [one for one in deliveries if one.has_been_shown]
    there = {one.delivery_id for one in shown}
    return shown + [one for one in past if one.has_been_shown and one.delivery_id not in there]


def shown_then(shown: Sequence[Delivery], replacements: Sequence[Mapping[str, Any]], until: datetime) -> list[Delivery]:
    """Of the deliveries that were ever shown, those that were shown just before a moment, one per slice that was known then.

    replacements: rows of the query of that name, in their order.
    """
    by_slice: dict[_Slice, list[Delivery]] = {}
    for one in shown:
        by_slice.setdefault((one.integration_id, one.billing_period), []).append(one)
    later: dict[_Slice, str] = {}
    for row in replacements:
        if row["replaced_at"] >= until:
            later.setdefault((row["integration_id"], row["billing_period"]), row["delivery_replaced"])
    found = (_then(by_slice[piece], later.get(piece), until) for piece in sorted(by_slice))
    return [one for one in found if one is not None]


def _then(deliveries: Sequence[Delivery], replaced_later: str | None, until: datetime) -> Delivery | None:
    """None also where the slice was empty then, since what was shown of it had been withdrawn."""
    wanted = [
        one
        for one in deliveries
        if (one.state == CURRENT if replaced_later is None else one.delivery_id == replaced_later)
    ]
    proved = [one for one in deliveries if one.proved_at and datetime.fromisoformat(one.proved_at) < until]
    if not wanted or wanted[0] in proved:
        return wanted[0] if wanted else None
    return max((one for one in proved if one.state != WITHDRAWN), key=lambda one: one.rank, default=None)
