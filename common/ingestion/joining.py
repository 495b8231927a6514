"""Which deliveries belong together: files of a month that add up, and the actual and amortized exports of one run day.

A bill that arrives in several deliveries is shown as one that is made of all their parts.  What is shown depends on the deliveries
alone, not on the order or the times at which they came in: whoever lands one writes its document first and looks at the others then,
so the last of several at once sees them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from common.formats.recognition import SourceFormat
from common.providers.discovery import ACTUAL, AMORTIZED
from common.records.deliveries import REJECTED, Delivery, Part, identify

TWIN_SPAN = timedelta(hours=12)
"""Actual and amortized exports further apart are of different run days: their totals would not meet."""

_OTHER = {frozenset({ACTUAL}): AMORTIZED, frozenset({AMORTIZED}): ACTUAL}


def joined(own: Delivery, others: Sequence[Delivery], source_format: SourceFormat) -> Delivery:
    """The delivery to show for what arrived as `own`: itself, or one that is made of it and what belongs to it.

    others: the deliveries of the slice; rejected ones, and those that are joined themselves, do not count.
    """
    pieces = [one for one in others if one.state != REJECTED and not one.joined_from]
    pieces = [own, *(one for one in pieces if one.delivery_id != own.delivery_id)]
    if source_format.adds_up:
        return _added_up(own, pieces, source_format)
    # of greatest rank, so that it does not matter which half came last
    pairs = [_paired(own, twin, source_format) for twin in _twins(own, pieces[1:])]
    return max(pairs, key=lambda pair: pair.rank, default=own)


def completeness(parts: Sequence[Part], source_format: SourceFormat) -> int:
    """How much of what belongs together the parts are; of two deliveries of one time the more complete one is shown."""
    if source_format.adds_up:
        return len(parts)
    return len({part.role for part in parts} & {ACTUAL, AMORTIZED}) or 1


def too_far_apart(halves: Sequence[Delivery]) -> bool:
    """Whether a pair's halves are of different run days."""
    times = [one.delivered_at for one in halves]
    return max(times) - min(times) > TWIN_SPAN


def _added_up(own: Delivery, pieces: Sequence[Delivery], source_format: SourceFormat) -> Delivery:
    """All files that were seen of the month, each once."""
    parts: dict[str, Part] = {}
    needed = []
    for one in pieces:
        new = {part.digest: part for part in one.parts if part.digest not in parts}
        if new:
            parts |= new
            needed.append(one)
    whole = sorted(parts.values(), key=lambda part: (part.name, part.digest))
    return _made(own, needed, whole, max(one.delivered_at for one in pieces), source_format)


def _twins(own: Delivery, pieces: Sequence[Delivery]) -> list[Delivery]:
    """The deliveries of the same run day with the other view of the month."""
    role = _other_role(own)
    return [one for one in pieces if any(part.role == role for part in one.parts) and not too_far_apart([own, one])]


def _paired(own: Delivery, twin: Delivery, source_format: SourceFormat) -> Delivery:
    other = [part for part in twin.parts if part.role == _other_role(own)]
    times = sorted((own.delivered_at, twin.delivered_at))
    # the actual part first, so that the pair is the same whichever came first
    whole = sorted([*own.parts, *other], key=lambda part: (part.role, part.name, part.digest))
    return replace(_made(own, [own, twin], whole, times[1], source_format), joined_at=times[0])


def _other_role(own: Delivery) -> str | None:
    return _OTHER.get(frozenset(part.role for part in own.parts))


def _made(
    own: Delivery,
    pieces: Sequence[Delivery],
    parts: Sequence[Part],
    delivered_at: datetime,
    source_format: SourceFormat,
) -> Delivery:
    numbered = tuple(replace(part, chunk=number) for number, part in enumerate(parts))
    delivery_id = identify(own.integration_id, own.billing_period, [(part.role, part.digest) for part in numbered])
    alone = delivery_id == own.delivery_id
    return replace(
        own,
        delivery_id=delivery_id,
        parts=own.parts if alone else numbered,
        completeness=completeness(parts, source_format),
        delivered_at=delivered_at,
        seen_at=own.seen_at if alone else None,
        joined_from=() if alone else tuple(sorted(one.delivery_id for one in pieces)),
    )
