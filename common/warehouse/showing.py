"""Which delivery of a slice readers see: the proved one of greatest rank that no other integration's delivery holds back.

The warehouse swaps from one delivery to another or not at all; this module decides which one, from the deliveries' documents.
Intermediate writes leave the proved delivery `landed` until the very end, so that a repeated message continues an
interrupted swap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from common.errors import Contention, NotFound
from common.ports import Replacement, Runtime, Swap, Transaction
from common.records.chunks import load_chunks
from common.records.deliveries import (
    CURRENT,
    HELD,
    LANDED,
    NOT_COUNTED,
    REPLACED,
    SUPERSEDED,
    WITHDRAWN,
    Delivery,
    change,
    delivery_path,
    load,
    of_slice,
)
from common.records.joining import PARTED, by_preference, parted
from common.warehouse import overlap

MAX_TRIES = 10
_PROVED = frozenset({CURRENT, REPLACED, SUPERSEDED, HELD, LANDED})


@dataclass(frozen=True)
class Shown:
    """What became of a delivery.  delivery: the one that readers see, where the swap was to that one.

    replaced: the one that was shown before.  reason: why it is not shown.
    """

    state: str
    delivery: Delivery | None = None
    replaced: str | None = None
    reason: str | None = None


def swap_together(proved: Sequence[tuple[Delivery, Sequence[str]]], rt: Runtime) -> dict[str, Replacement]:
    """Show several proved deliveries to readers at once: those that plainly are the ones to show.  `show` is still to be called for each.

    proved: of one organization and of slices that differ, each with its normalized files.  Returns the warehouse's answers by delivery,
    for `show`; one without an answer is left to it.  Raises what `replace_slices` does.
    """
    swaps = [swap for one, files in proved if (swap := _plain_swap(one, files, rt)) is not None]
    if len(swaps) < 2:
        return {}
    answers = zip(swaps, rt.warehouse.replace_slices(swaps), strict=True)
    return {one.delivery_id: answer for one, answer in answers if answer.shown}


def _plain_swap(wanted: Delivery, files: Sequence[str], rt: Runtime) -> Swap | None:
    """The swap to a delivery; None where another one of its slice is better, or another integration shows its account."""
    best = next(iter(_candidates(wanted, rt)), None)
    if best is None or best.delivery_id != wanted.delivery_id or overlap.claim(rt.documents, wanted):
        return None
    current = _current(wanted, rt)
    return Swap(wanted.slice, wanted.delivery_id, wanted.delivered_at, files, current.delivery_id if current else None)


def show(proved: Delivery, files: Sequence[str], rt: Runtime, answer: Replacement | None = None) -> Shown:
    """Show the best delivery of the slice of a proved one: that one, unless one of greater rank is, or is to be, shown.  Safe to repeat.

    files: its normalized files.  answer: the warehouse's, where it was swapped to already.  A delivery of which another integration shows
    an account is passed over.  The answer's state is that of the proved delivery.
    """
    held: Shown | None = None
    for wanted in _candidates(proved, rt):
        if wanted.delivery_id == proved.delivery_id:
            found = _swapped(wanted, files, _current(wanted, rt), rt, answer)
            if found.state != HELD:
                return found
            held = found
        elif wanted.state == CURRENT:
            return held or _outranked(proved, wanted)
        else:
            other = _shown_instead(wanted, rt)
            if other is not None:
                mine = held or _outranked(proved, wanted)
                return Shown(mine.state, other.delivery, other.replaced, mine.reason)
    return held or Shown(SUPERSEDED, reason=PARTED)


def show_again(delivery: Delivery, rt: Runtime) -> Shown:
    """Show a delivery whose warehouse may have lost it, whatever the documents say is shown.  Raises NotFound for files that are gone."""
    return _swapped(delivery, normalized_files(rt, delivery), None, rt)


def show_without(withdrawn: Delivery, rt: Runtime) -> Shown:
    """Show the best delivery that is left of the slice of one that was withdrawn, or no rows where none is.  Safe to repeat."""
    known = of_slice(rt.documents, withdrawn.slice)
    proved = [one for one in known if one.state in _PROVED and one.proved_at]
    for wanted in by_preference(proved, known):
        found = Shown(CURRENT, wanted) if wanted.state == CURRENT else _shown_instead(wanted, rt)
        if found is not None:
            note(wanted, found, rt)
            return found
    return _nothing(withdrawn, rt)


def _nothing(withdrawn: Delivery, rt: Runtime) -> Shown:
    """The slice without rows, unless a delivery that counts is shown by now."""
    empty, instead_of = f"{withdrawn.delivery_id}-withdrawn", withdrawn.delivery_id
    for _ in range(MAX_TRIES):
        answer = rt.warehouse.replace_slice(withdrawn.slice, empty, rt.clock.now(), (), instead_of=instead_of)
        current = load(rt.documents, withdrawn.org_slug, answer.current) if answer.current else None
        if current is None or current.state != WITHDRAWN:
            return Shown(WITHDRAWN)
        instead_of = current.delivery_id
    raise Contention(f"{withdrawn.slice}: other deliveries repeatedly changed the slice; withdraw it again")


def _candidates(proved: Delivery, rt: Runtime) -> list[Delivery]:
    """What could be shown of the slice, the best first."""
    known = of_slice(rt.documents, proved.slice)
    others = [one for one in known if one.state in _PROVED and one.proved_at]
    return by_preference([proved, *(one for one in others if one.delivery_id != proved.delivery_id)], known)


def _current(wanted: Delivery, rt: Runtime) -> Delivery | None:
    known = of_slice(rt.documents, wanted.slice, state=CURRENT)
    others = [one for one in known if one.delivery_id != wanted.delivery_id]
    return max(others, key=lambda one: one.rank, default=None)


def _shown_instead(wanted: Delivery, rt: Runtime) -> Shown | None:
    """Show a delivery that was proved before; None where it cannot be."""
    try:
        files = normalized_files(rt, wanted)
    except NotFound:
        return None
    # under way, so that its claims count from now on
    landed = change(rt.documents, wanted, state=LANDED, was_shown=wanted.has_been_shown)
    if landed.state == WITHDRAWN:  # meanwhile
        return None
    try:
        found = _swapped(landed, files, _current(landed, rt), rt)
    except NotFound:  # its files are gone
        change(rt.documents, landed, state=wanted.state)
        return None
    if found.delivery is None:
        change(rt.documents, landed, state=found.state, reason=found.reason)
        return None
    return found


def _swapped(
    wanted: Delivery, files: Sequence[str], current: Delivery | None, rt: Runtime, done: Replacement | None = None
) -> Shown:
    """The swap, from what is taken to be shown or from what turns out to be."""
    current_id = current.delivery_id if current else None
    for _ in range(MAX_TRIES):
        known = of_slice(rt.documents, wanted.slice) if current is not None else []
        if current is not None and current.state not in NOT_COUNTED and _better(current, wanted, known):
            return _outranked(wanted, current)
        shared = overlap.claim(rt.documents, wanted)
        if shared:
            return Shown(HELD, reason=overlap.words(shared, wanted))
        answer = done or rt.warehouse.replace_slice(
            wanted.slice, wanted.delivery_id, wanted.delivered_at, files, instead_of=current_id
        )
        if answer.shown:
            return Shown(CURRENT, wanted, answer.replaced)
        current_id = answer.current
        current = load(rt.documents, wanted.org_slug, current_id) if current_id else None
    raise Contention(f"{wanted.slice}: other deliveries repeatedly changed the slice; deliver it again")


def _better(one: Delivery, other: Delivery, known: Sequence[Delivery]) -> bool:
    """known: the deliveries of the slice."""
    best = by_preference([one, other], known)
    return bool(best) and best[0].delivery_id == one.delivery_id


def _outranked(delivery: Delivery, by: Delivery) -> Shown:
    return Shown(
        _ended_as(delivery, SUPERSEDED),
        reason=f"a newer delivery, {by.delivery_id}, is shown already",
    )


def _ended_as(delivery: Delivery, state: str) -> str:
    """The state of a delivery that is not shown; one that was shown once is not called superseded."""
    return REPLACED if state == SUPERSEDED and delivery.has_been_shown else state


def note(proved: Delivery, shown: Shown, rt: Runtime) -> None:
    """Write down which deliveries of the slice are what now: of those that were shown, one is current; the proved one's own end comes last.

    Raises Contention where the time of the one that is shown was put right meanwhile.
    """
    if shown.delivery is not None:
        _update_states(shown.delivery, shown.replaced, proved, rt)
    if shown.delivery is None or shown.delivery.delivery_id != proved.delivery_id:
        now = load(rt.documents, proved.org_slug, proved.delivery_id) or proved
        change(rt.documents, proved, state=_ended_as(now, shown.state), reason=shown.reason, was_current=False)


def _update_states(shown: Delivery, replaced: str | None, proved: Delivery, rt: Runtime) -> None:
    if shown.delivery_id != proved.delivery_id:
        _note_current(shown, replaced, rt)
    known = of_slice(rt.documents, shown.slice)
    for one in known:
        if one.delivery_id == shown.delivery_id or one.state not in (CURRENT, HELD) or _better(one, shown, known):
            continue
        if one.state == CURRENT:
            change(rt.documents, one, state=REPLACED, reason=PARTED if parted(one, known) else None)
        else:
            ended = _outranked(one, shown)
            change(rt.documents, one, state=ended.state, reason=ended.reason)
    if shown.delivery_id == proved.delivery_id:
        _note_current(shown, replaced, rt)
    # another one may have been shown, and noted, since
    now = by_preference(of_slice(rt.documents, shown.slice, state=CURRENT), known)
    for one in now[1:]:
        change(rt.documents, one, state=REPLACED)


def _note_current(shown: Delivery, replaced: str | None, rt: Runtime) -> None:
    path = delivery_path(shown.org_slug, shown.delivery_id)

    def work(transaction: Transaction) -> None:
        now = Delivery.from_document(transaction.get(path) or shown.as_document())
        if now.rank != shown.rank:
            raise Contention(
                f"the time of delivery {shown.delivery_id} was corrected while it was shown; it is checked again"
            )
        current = now.with_(state=CURRENT, reason=None, replaced=replaced, was_shown=True, was_current=False)
        transaction.set(path, current.as_document())

    rt.documents.transact(work)


def normalized_files(rt: Runtime, delivery: Delivery) -> Sequence[str]:
    """The files of a proved delivery: of every chunk with rows, and the adjustments of the whole.  Raises NotFound."""
    chunks = load_chunks(rt.documents, delivery)
    if len(chunks) < len(delivery.chunks):
        raise NotFound(
            f"{len(chunks)} of {len(delivery.chunks)} chunks of delivery {delivery.delivery_id} are recorded; "
            f"fetch it again: costwire sync --integration {delivery.integration_id} --org {delivery.org_slug}"
        )
    files = [one.focus_uri for one in chunks if one.rows]
    adjustments = rt.objects.uri(f"focus/{delivery.folder}/adjustments.parquet")
    there = {item.uri for item in rt.objects.list(f"focus/{delivery.folder}/")}
    return [*files, adjustments] if adjustments in there else files
