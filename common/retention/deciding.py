"""What may be removed: decided from documents and the time alone, without effects.

What is shown, held back or under way stays, and so does all that it is made of.  Within its life an earlier version stays where it was
shown at the end of a day, which is what `--as-known-on` asks for, or is one of the latest, which is what withdrawing goes back to.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from common.formats.recognition import formats
from common.records.deliveries import CURRENT, HELD, LANDED, NOT_COUNTED, REJECTED, WITHDRAWN, Delivery
from common.retention.lives import LATEST_VERSIONS, MOST_RESTATEMENTS, REMAKING, Lives
from common.warehouse.shown_then import end_of, ever_shown, shown_then

_Slice = tuple[str, str]
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Known:
    """What there is of one organization.

    past: deliveries whose files were removed before.  replacements: rows of the query of that name, in its order.  shown: the
    deliveries that the warehouse shows.  under_way: those that runs wait for.
    """

    deliveries: Sequence[Delivery]
    past: Sequence[Delivery] = ()
    replacements: Rows = ()
    shown: Set[str] = frozenset()
    under_way: Set[str] = frozenset()


@dataclass(frozen=True)
class Decision:
    """versions, rejected: deliveries that go with their files.  withdrawn: those that lose only their files."""

    versions: tuple[Delivery, ...] = ()
    rejected: tuple[Delivery, ...] = ()
    withdrawn: tuple[Delivery, ...] = ()

    def __iter__(self) -> Any:
        return iter((*self.versions, *self.rejected, *self.withdrawn))


def decide(known: Known, lives: Lives, now: datetime) -> Decision:
    """Which deliveries may lose their files.  What one of them is made of stays where a delivery that stays names it too."""
    slices: dict[_Slice, list[Delivery]] = defaultdict(list)
    for one in known.deliveries:
        slices[one.integration_id, one.billing_period].append(one)
    past: dict[_Slice, list[Delivery]] = defaultdict(list)
    for one in known.past:
        past[one.integration_id, one.billing_period].append(one)
    replaced: dict[_Slice, list[Mapping[str, Any]]] = defaultdict(list)
    for row in known.replacements:
        replaced[row["integration_id"], row["billing_period"]].append(row)
    found = [_of_slice(known, some, past[piece], replaced[piece], lives, now) for piece, some in slices.items()]
    return Decision(
        versions=tuple(one for each in found for one in each.versions),
        rejected=tuple(one for each in found for one in each.rejected),
        withdrawn=tuple(one for each in found for one in each.withdrawn),
    )


def _of_slice(
    known: Known, deliveries: Sequence[Delivery], past: Sequence[Delivery], replaced: Rows, lives: Lives, now: datetime
) -> Decision:
    staying = {one.delivery_id for one in deliveries if _stays(one, known, lives, now)}
    if len(staying) < len(deliveries):
        staying |= _of_days(deliveries, past, replaced, now - lives["versions"])
        staying |= _latest(deliveries, replaced, now - lives["versions"])
    staying = _with_parts(deliveries, staying)
    going = [one for one in deliveries if one.delivery_id not in staying]
    kept_name = [one for one in going if one.state == WITHDRAWN and not one.joined_from]
    return Decision(
        versions=tuple(one for one in going if one.state != REJECTED and one not in kept_name),
        rejected=tuple(one for one in going if one.state == REJECTED),
        withdrawn=tuple(one for one in kept_name if not one.files_removed_at),
    )


def _stays(one: Delivery, known: Known, lives: Lives, now: datetime) -> bool:
    """Whether a delivery stays whatever the others of its slice are."""
    if one.state in (CURRENT, HELD, LANDED) or one.was_current or one.moved:
        return True
    if one.delivery_id in known.shown or one.delivery_id in known.under_way:
        return True
    if one.state == REJECTED:
        return one.landed_at >= now - lives["rejected"]
    if one.state == WITHDRAWN:
        at = datetime.fromisoformat(one.withdrawn_at) if one.withdrawn_at else one.landed_at
        return at >= now - lives["withdrawn"]
    kind = formats().get(one.source_format)
    if kind is not None and kind.adds_up and not one.joined_from:
        return True  # a file of the month, which the next one is added to
    return kind is not None and kind.pair is not None and one.landed_at >= now - REMAKING


def _of_days(deliveries: Sequence[Delivery], past: Sequence[Delivery], replaced: Rows, since: datetime) -> set[str]:
    """What was shown at the end of each day from a moment on.  It changes only on days on which something happened."""
    ever = ever_shown(deliveries, past)
    moments = [datetime.fromisoformat(one.proved_at) for one in ever if one.proved_at]
    moments += [row["replaced_at"] for row in replaced]
    days = {since.astimezone(UTC).date(), *(moment.astimezone(UTC).date() for moment in moments if moment >= since)}
    return {one.delivery_id for day in days for one in shown_then(ever, replaced, end_of(day))}


def _latest(deliveries: Sequence[Delivery], replaced: Rows, since: datetime) -> set[str]:
    """The latest versions of a slice that has changed since a moment, and what the last replacement replaced."""
    changes = [one.landed_at for one in deliveries] + [row["replaced_at"] for row in replaced]
    if max(changes) < since:
        return set()
    proved = [one for one in deliveries if one.proved_at and one.state not in (*NOT_COUNTED, CURRENT)]
    latest = sorted(proved, key=lambda one: one.rank, reverse=True)[:LATEST_VERSIONS]
    return {*(one.delivery_id for one in latest), *(row["delivery_replaced"] for row in replaced[-1:])}


def _with_parts(deliveries: Sequence[Delivery], staying: set[str]) -> set[str]:
    """What stays, and the deliveries that it is made of."""
    known = {one.delivery_id: one for one in deliveries}
    found, new = set(staying), set(staying)
    while new:
        new = {part for one in new if one in known for part in known[one].joined_from} - found
        found |= new
    return found


def restatements_from(replacements: Rows, lives: Lives, now: datetime) -> dict[_Slice, datetime]:
    """Per slice the moment of its first restatement that stays, where earlier ones go.  The last one always stays."""
    moments: dict[_Slice, list[datetime]] = defaultdict(list)
    for row in replacements:
        moments[row["integration_id"], row["billing_period"]].append(row["replaced_at"])
    found = {}
    for piece, several in moments.items():
        ordered = sorted(several)
        staying = [at for at in ordered[-MOST_RESTATEMENTS:] if at >= now - lives["restatements"]] or ordered[-1:]
        if staying[0] > ordered[0]:
            found[piece] = staying[0]
    return found


def named_elsewhere(deliveries: Iterable[Delivery], going: Set[str]) -> set[str]:
    """The objects that deliveries that stay are made of."""
    return {
        part.uri
        for one in deliveries
        if one.delivery_id not in going and not one.files_removed_at
        for part in one.parts
    }
