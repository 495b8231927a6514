"""Which deliveries belong together: files of a month that add up, and the two views of a month of one run day.

A bill that arrives in several deliveries is shown as one delivery of all their parts.  What is shown depends only on the deliveries,
not on the order or the times of their arrival: each landing first writes its document and then reads the others,
so the last of several at once sees them all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath

from common.formats.recognition import Pair, SourceFormat, formats
from common.records.deliveries import NOT_COUNTED, Delivery, identify
from common.records.parts import Part


def joined(own: Delivery, others: Sequence[Delivery], source_format: SourceFormat) -> Delivery:
    """The delivery to show for what arrived as `own`: itself, or one that is made of it and what belongs to it.

    others: the deliveries of the slice; rejected and withdrawn ones, and those that are joined themselves, do not count.
    """
    pieces = [one for one in others if one.state not in NOT_COUNTED and not one.joined_from]
    pieces = [own, *(one for one in pieces if one.delivery_id != own.delivery_id)]
    if source_format.by_day:
        return _by_day(own, pieces, source_format)
    if source_format.adds_up:
        return _added_up(own, pieces, source_format)
    # of greatest rank, so that it does not matter which half came last
    pair = source_format.pair
    if pair is None:
        return own
    pairs = [_paired(own, other, pair, source_format) for other in _others(own, pieces[1:], pair)]
    return max(pairs, key=lambda pair: pair.rank, default=own)


def best(pieces: Sequence[Delivery], source_format: SourceFormat) -> Delivery | None:
    """Of what can be made of the deliveries of a slice, the one to show."""
    alone = [one for one in pieces if one.state not in NOT_COUNTED and not one.joined_from]
    return max((joined(one, alone, source_format) for one in alone), key=lambda one: one.rank, default=None)


def completeness(parts: Sequence[Part], source_format: SourceFormat) -> int:
    """How much of what belongs together the parts are; of two deliveries of one time the more complete one is shown."""
    if source_format.adds_up:
        return len(parts)
    return len({part.role for part in parts} & source_format.pair.roles) or 1 if source_format.pair else 1


_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
"""What a file is called that holds a day."""
PARTED = "its two halves are of different run days"


def by_preference(candidates: Sequence[Delivery], known: Sequence[Delivery]) -> list[Delivery]:
    """The candidates by rank, the greatest first, save that one made of all of another's parts and more goes before it whatever the times.

    known: the deliveries of the slice as they are now.  Pairs whose halves have become those of different run days are left out; the
    others count with the times that their halves have now.
    """
    current = [_dated(one, known) for one in candidates if not parted(one, known)]
    ordered: list[Delivery] = []
    for one in sorted(current, key=lambda one: one.rank, reverse=True):
        at = next((place for place, other in enumerate(ordered) if _contains(one, other)), len(ordered))
        ordered.insert(at, one)
    originals = {one.delivery_id: one for one in candidates}
    return [originals[one.delivery_id] for one in ordered]


def parted(delivery: Delivery, known: Sequence[Delivery]) -> bool:
    """Whether it is a pair whose halves, as their times are known now, do not belong together."""
    halves = _halves(delivery, known)
    pair = formats()[delivery.source_format].pair
    return bool(halves) and pair is not None and too_far_apart(halves, pair)


def _dated(delivery: Delivery, known: Sequence[Delivery]) -> Delivery:
    origin = next((one for one in known if one.delivery_id == delivery.split_from), None)
    if origin is not None:  # a split is as new as what it splits
        delivery = replace(delivery, delivered_at=origin.delivered_at, joined_at=origin.joined_at)
    times = sorted(one.delivered_at for one in _halves(delivery, known))
    return replace(delivery, delivered_at=times[-1], joined_at=times[0]) if times else delivery


def _halves(delivery: Delivery, known: Sequence[Delivery]) -> list[Delivery]:
    if delivery.joined_at is None or formats()[delivery.source_format].pair is None:
        return []
    return [one for one in known if one.delivery_id in delivery.joined_from]


def _contains(one: Delivery, other: Delivery) -> bool:
    mine, its = ({(part.role, part.digest) for part in it.parts} for it in (one, other))
    return one.completeness > other.completeness and mine > its


def too_far_apart(halves: Sequence[Delivery], pair: Pair) -> bool:
    """Whether a pair's halves are of different run days."""
    times = [one.delivered_at for one in halves]
    return max(times) - min(times) > timedelta(hours=pair.span_hours)


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


def _by_day(own: Delivery, pieces: Sequence[Delivery], source_format: SourceFormat) -> Delivery:
    """The newest file of each day; a file of another name is a whole month and stays alone."""
    if not _is_of_days(own):
        return own
    newest: dict[str, tuple[Part, Delivery]] = {}
    for one in sorted(filter(_is_of_days, pieces), key=lambda one: (one.delivered_at, one.delivery_id)):
        newest |= {part.name: (part, one) for part in one.parts}
    whole = [newest[name][0] for name in sorted(newest)]
    needed = {one.delivery_id: one for _, one in newest.values()}
    made = _made(own, [*needed.values()], whole, max(one.delivered_at for one in needed.values()), source_format)
    # of two that end with the same listing, the one whose other days are newer has the greater rank
    times = [one.delivered_at.timestamp() for _, one in newest.values()]
    return replace(made, joined_at=datetime.fromtimestamp(sum(times) / len(times), UTC))


def _is_of_days(delivery: Delivery) -> bool:
    return all(_DAY.fullmatch(PurePosixPath(part.name).stem) for part in delivery.parts)


def _others(own: Delivery, pieces: Sequence[Delivery], pair: Pair) -> list[Delivery]:
    """The deliveries of the same run day with the other view of the month."""
    role = _other_role(own, pair)
    found = [one for one in pieces if any(part.role == role for part in one.parts)]
    return [one for one in found if not too_far_apart([own, one], pair)]


def _paired(own: Delivery, other: Delivery, pair: Pair, source_format: SourceFormat) -> Delivery:
    parts = [part for part in other.parts if part.role == _other_role(own, pair)]
    times = sorted((own.delivered_at, other.delivered_at))
    # ordered by role, so that the pair is the same whichever came first
    whole = sorted([*own.parts, *parts], key=lambda part: (part.role, part.name, part.digest))
    return replace(_made(own, [own, other], whole, times[1], source_format), joined_at=times[0])


def _other_role(own: Delivery, pair: Pair) -> str | None:
    """The view that a delivery lacks; None where it has both or neither."""
    has = {part.role for part in own.parts}
    return next(iter(pair.roles - has)) if len(has) == 1 and has <= pair.roles else None


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
