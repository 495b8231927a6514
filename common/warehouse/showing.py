"""Which delivery of a slice readers see: the proved one of greatest rank.

The warehouse swaps from one delivery to another or not at all; which one it is to be is decided here, from the deliveries' documents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from common.errors import Contention, NotFound
from common.ports import Runtime
from common.records.deliveries import (
    CURRENT,
    HELD,
    REJECTED,
    REPLACED,
    SUPERSEDED,
    Delivery,
    change,
    chunks_path,
    load,
    of_slice,
)
from common.warehouse import overlap

MAX_TRIES = 10


@dataclass(frozen=True)
class Shown:
    """What became of a delivery.  delivery: the one that readers see, where that is it or an earlier one that it made way for.

    replaced: the one that was shown before.  reason: why it is not shown.
    """

    state: str
    delivery: Delivery | None = None
    replaced: str | None = None
    reason: str | None = None


def show(proved: Delivery, files: Sequence[str], rt: Runtime) -> Shown:
    """Show a proved delivery, unless one of greater rank is shown, or another integration shows the same.  Safe to repeat.

    files: its normalized files.  Where its time was put right, an earlier delivery may be the one to show.
    """
    wanted = _greatest(proved, rt) if proved.extra.get("reconsider") else proved
    if wanted.delivery_id != proved.delivery_id:
        files = normalized_files(rt, wanted)
    known = of_slice(rt.documents, wanted.slice, state=CURRENT)
    current = max(
        (one for one in known if one.delivery_id != wanted.delivery_id), key=lambda one: one.rank, default=None
    )
    return _swapped(wanted, files, current, rt)


def show_again(delivery: Delivery, rt: Runtime) -> Shown:
    """Show a delivery whose warehouse may have lost it, whatever the documents say is shown.  Raises NotFound for files that are gone."""
    return _swapped(delivery, normalized_files(rt, delivery), None, rt)


def _swapped(wanted: Delivery, files: Sequence[str], current: Delivery | None, rt: Runtime) -> Shown:
    """The swap, from what is taken to be shown or from what turns out to be."""
    current_id = current.delivery_id if current else None
    for _ in range(MAX_TRIES):
        if current is not None and current.state != REJECTED and current.rank > wanted.rank:
            return Shown(SUPERSEDED, reason=f"a newer delivery, {current.delivery_id}, is shown already")
        shared = overlap.claim(rt.documents, wanted)
        if shared:
            return Shown(HELD, reason=overlap.words(shared, wanted))
        answer = rt.warehouse.replace_slice(
            wanted.slice, wanted.delivery_id, wanted.delivered_at, files, instead_of=current_id
        )
        if answer.shown:
            return Shown(CURRENT, wanted, answer.replaced)
        current_id = answer.current
        current = load(rt.documents, wanted.org_slug, current_id) if current_id else None
    raise Contention(f"{wanted.slice}: other deliveries kept changing the slice; deliver again")


def note(proved: Delivery, shown: Shown, rt: Runtime) -> None:
    """Write down which deliveries of the slice are what now: of those that were shown, one is current."""
    if shown.delivery is None:
        change(rt.documents, proved, state=shown.state, reason=shown.reason, reconsider=False)
        return
    if shown.delivery.delivery_id != proved.delivery_id:
        change(rt.documents, proved, state=REPLACED, reason=None, reconsider=False)
    change(rt.documents, shown.delivery, state=CURRENT, reason=None, reconsider=False)
    now = of_slice(rt.documents, proved.slice, state=CURRENT)
    for before in sorted(now, key=lambda one: one.rank)[:-1]:
        change(rt.documents, before, state=REPLACED)


def normalized_files(rt: Runtime, delivery: Delivery) -> Sequence[str]:
    """The files of a proved delivery: of every chunk with rows, and the adjustments of the whole.  Raises NotFound."""
    chunks = [one for _, one in rt.documents.list(chunks_path(delivery.org_slug, delivery.delivery_id))]
    if len(chunks) < len(delivery.parts):
        raise NotFound(
            f"{len(chunks)} of {len(delivery.parts)} chunks of delivery {delivery.delivery_id} are known; "
            f"fetch it again: costwire sync --integration {delivery.integration_id} --org {delivery.org_slug}"
        )
    files = [str(one["focus_uri"]) for one in chunks if one["rows"]]
    adjustments = rt.objects.uri(f"focus/{delivery.folder}/adjustments.parquet")
    there = {item.uri for item in rt.objects.list(f"focus/{delivery.folder}/")}
    return [*files, adjustments] if adjustments in there else files


def _greatest(proved: Delivery, rt: Runtime) -> Delivery:
    found = [one for one in of_slice(rt.documents, proved.slice) if one.state in (CURRENT, REPLACED, SUPERSEDED)]
    return max([proved, *(one for one in found if one.extra.get("proved_at"))], key=lambda one: one.rank)
