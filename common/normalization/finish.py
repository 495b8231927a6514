"""After the last chunk: balance what must cancel, prove the totals, show the rows, announce the delivery."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import duckdb

from common.errors import BadBill, Contention, CostError, Permanent
from common.messages import DeliveryMapped
from common.normalization import alarm
from common.normalization.announcing import announce
from common.normalization.facts import Facts, adjustments, facts_of
from common.normalization.splitting import awaits_split
from common.normalization.sums import too_large
from common.ports import Replacement, Runtime
from common.records.arrivals import note_arrival
from common.records.charges_version import note_change
from common.records.chunks import load_chunks
from common.records.deliveries import (
    FINISHED,
    JOINED,
    REJECTED,
    Delivery,
    change,
    load,
    load_known,
    note_waiting,
    waiting,
)
from common.records.integrations import note_sync
from common.records.parts import Part
from common.records.runs import finish_runs
from common.telemetry import counted, skipped, span, told
from common.warehouse.showing import note, show, swap_together

MAX_DELIVERIES = 100
MAX_ROWS = 10_000_000
MAX_FILES = 200
"""What one turn shows at most, unless one delivery alone is more: all of it must end before the message's deadline."""


@dataclass(frozen=True)
class _Mapped:
    """A delivery whose chunks are all mapped.  files: its normalized ones, of those that have rows."""

    delivery: Delivery
    facts: Facts
    files: Sequence[str]


def finish(message: DeliveryMapped, rt: Runtime) -> None:
    """Prove a delivery whose chunks are all done, and show it with others that wait; before that nothing happens.

    Safe to repeat, and from several at once.  A delivery that cannot be proved, or of which every line is in quarantine, is rejected:
    the slice keeps what it has.  Raises NotFound for a delivery that is not known.
    """
    delivery = load_known(rt.documents, message.org_slug, message.delivery_id)
    if delivery.state in FINISHED:
        _finished_before(delivery, rt)
        return
    try:
        own = _mapped(delivery, rt)
    except BadBill as error:
        reject(delivery, str(error), rt)
        return
    if own is None:
        return
    told(totals=own.facts.totals)
    if own.facts.refusal:
        _refuse(own, own.facts.refusal, rt)
        return
    own = _proved(own, rt, waits_since=None)
    others = _waiting_with(own, rt)
    answers = _swapped_with(own, others, rt)
    if _show(own, answers.get(own.delivery.delivery_id), rt):
        _count(delivery, rt)
    finish_runs(rt.documents, rt.clock, delivery)
    for one in others:
        if one.delivery.delivery_id in answers:
            with suppress(CostError):  # its own message is still to come, meets the same, and ends its run
                _show(one, answers[one.delivery.delivery_id], rt)


def _finished_before(delivery: Delivery, rt: Runtime) -> None:
    finish_runs(rt.documents, rt.clock, delivery)  # whoever finished it may have died before this
    if not delivery.waits_since:
        skipped()
        return
    if delivery.has_been_shown:
        told(totals=delivery.totals)  # shown in the turn of another one: each message tells of its own
        _count(delivery, rt)
    else:
        skipped()
    note_waiting(rt.documents, delivery, None)


def _mapped(delivery: Delivery, rt: Runtime) -> _Mapped | None:
    """What a delivery adds up to; None where a chunk is still to be mapped.  Raises BadBill for sums that outgrow a cost."""
    chunks = load_chunks(rt.documents, delivery)
    if len(chunks) < len(delivery.chunks):
        return None
    try:
        extra = adjustments(delivery, chunks, rt)
    except (BadBill, duckdb.OutOfRangeException):
        raise too_large() from None
    results = [*chunks, extra] if extra else chunks
    with span("prove", chunks=len(results)):
        facts = facts_of(delivery, results)
    return _Mapped(delivery, facts, [result.focus_uri for result in results if result.rows])


def _refuse(mapped: _Mapped, reason: str, rt: Runtime) -> None:
    if mapped.facts.difference:
        counted(proofs_failed=1)
        alarm.sound(mapped.delivery, reason, rt)
    reject(mapped.delivery, reason, rt, **vars(mapped.facts))


def _proved(mapped: _Mapped, rt: Runtime, **changes: Any) -> _Mapped:
    """Note the proof, and other changes with it."""
    chosen_again = mapped.delivery.proved_at if mapped.delivery.chosen else None
    proved_at = chosen_again or rt.clock.now().isoformat()  # when it could be shown first is what history asks for
    noted = {"reason": None, "proved_at": proved_at, **vars(mapped.facts), **changes}
    proved = change(rt.documents, mapped.delivery, **noted)
    _trust_parts(proved, rt)
    return replace(mapped, delivery=proved)


def _waiting_with(own: _Mapped, rt: Runtime) -> list[_Mapped]:
    """Proved deliveries of other slices that wait to be shown: as many as one turn takes, those first that wait longest."""
    found, slices = [], {own.delivery.slice}
    rows, files = own.facts.rows, len(own.delivery.chunks)
    for one in waiting(rt.documents, own.delivery.org_slug):
        files += len(one.chunks)
        if len(slices) == MAX_DELIVERIES or rows >= MAX_ROWS or files > MAX_FILES:
            break
        if one.slice in slices:
            continue
        with suppress(CostError):  # its own message is still to come, and meets the same
            mapped = _mapped(one, rt)
            if mapped is None or mapped.facts.refusal:
                continue
            rows += mapped.facts.rows
            if rows <= MAX_ROWS:
                found.append(_proved(mapped, rt))
                slices.add(one.slice)
    return found


def _swapped_with(own: _Mapped, others: Sequence[_Mapped], rt: Runtime) -> Mapping[str, Replacement]:
    """The warehouse's answers to one swap of them all, by delivery; none where it could not be made."""
    if not others:
        return {}
    together = [(one.delivery, one.files) for one in (own, *others)]
    try:
        with span("swap together", rows=sum(one.facts.rows for one in (own, *others)), deliveries=len(together)):
            return swap_together(together, rt)
    except (Permanent, Contention):  # one of them is at fault: which one, the turn of each alone will tell
        for one in others:
            note_waiting(rt.documents, one.delivery, None)
        return {}


def _show(proved: _Mapped, answer: Replacement | None, rt: Runtime) -> bool:
    """Show a delivery, or one of its slice that is better, and announce it; whether readers were shown one.

    answer: the warehouse's, where it was swapped to already.
    """
    delivery = proved.delivery
    with span("swap", rows=proved.facts.rows, files=len(proved.files)):
        try:
            shown = show(delivery, proved.files, rt, answer)
        except BadBill as error:
            reject(delivery, str(error), rt, **vars(proved.facts))
            return False
    if shown.delivery:
        note_change(rt.documents, delivery.org_slug)  # before anybody is told
        alarm.quiet(delivery, rt)
        if not awaits_split(rt, shown.delivery):  # else budgets of namespaces would be evaluated without their shares
            announce(rt, shown.delivery, shown.replaced is not None, delivery.run_id)
    note_arrival(rt.documents, delivery)  # before its end is noted, so that whoever repeats this does it too
    note(delivery, shown, rt)
    return shown.delivery is not None


def _count(delivery: Delivery, rt: Runtime) -> None:
    counted(deliveries_shown=1, landed_to_shown_seconds=(rt.clock.now() - delivery.landed_at).total_seconds())


def reject(delivery: Delivery, reason: str, rt: Runtime, part: Part | None = None, **facts: Any) -> None:
    """End a delivery that may not be shown, with the reason; the slice keeps its earlier version.

    part: the one that is at fault, where that is known.
    """
    change(rt.documents, delivery, state=REJECTED, reason=reason, waits_since=None, **facts)
    _distrust_parts(delivery, reason, rt, part)
    words = f"{delivery.billing_period} is rejected: {reason}"
    note_sync(rt.documents, rt.clock.now(), delivery.org_slug, delivery.integration_id, words)
    finish_runs(rt.documents, rt.clock, delivery)
    counted(deliveries_rejected=1)


def _distrust_parts(delivery: Delivery, reason: str, rt: Runtime, part: Part | None) -> None:
    """What spoiled a delivery that was joined is not joined again: the one that holds the part at fault, else the last that came."""
    found = (load(rt.documents, delivery.org_slug, one) for one in delivery.joined_from)
    pieces = [one for one in found if one is not None and one.state == JOINED]
    if part is not None:
        pieces = [one for one in pieces if part.digest in {own.digest for own in one.parts}]
    for one in sorted(pieces, key=lambda one: (one.landed_at, one.delivery_id))[-1:]:
        change(
            rt.documents,
            one,
            state=REJECTED,
            reason=f"joined into {delivery.delivery_id}, which was rejected: {reason}",
        )


def _trust_parts(delivery: Delivery, rt: Runtime) -> None:
    """A delivery that was rejected and is proved now clears what it was joined from."""
    for name in delivery.joined_from:
        one = load(rt.documents, delivery.org_slug, name)
        if one is not None and one.state == REJECTED:
            change(rt.documents, one, state=JOINED, reason=None)
