"""A delivery that should never have counted: withdrawn, so that what was shown before is shown again, and restored."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, replace

from common.errors import BadConfiguration, NotFound
from common.formats.recognition import SourceFormat, formats
from common.messages import ChargesNormalized
from common.normalization.splitting import split_month
from common.ports import Runtime, Transaction
from common.records.arrivals import note_arrival
from common.records.charges_version import note_change
from common.records.deliveries import (
    CURRENT,
    JOINED,
    LANDED,
    NOT_COUNTED,
    WITHDRAWN,
    Delivery,
    change,
    delivery_path,
    load,
    of_slice,
)
from common.records.joining import best, joined
from common.records.past_deliveries import find_delivery, past_deliveries, past_path, without_files
from common.records.runs import queue_run, record_deliveries
from common.warehouse.showing import Shown, show_without


@dataclass(frozen=True)
class Withdrawn:
    """A delivery that does not count any more.  shown: what readers see of its month instead, None for nothing or no change.

    changed: readers saw it.  run_id: of the work on what is left, where it was never put together before.
    """

    delivery: Delivery
    changed: bool
    shown: Delivery | None = None
    run_id: str | None = None


def withdraw(rt: Runtime, org_slug: str, prefix: str) -> Withdrawn:
    """Take a delivery back: readers see what they would without it.  Its files stay for their life; `restore` undoes it.  Safe to repeat.

    prefix: its id, or how that begins.  A delivery that is fetched again stays withdrawn.  Raises NotFound; BadConfiguration for one that
    is still processed, or that is made of others.
    """
    found = _known(rt, org_slug, prefix)
    delivery_id = found.delivery_id
    if found.joined_from:
        raise BadConfiguration(
            f"delivery {delivery_id} is made of {', '.join(found.joined_from)}; withdraw the one of these that is wrong"
        )
    wholes = [one for one in of_slice(rt.documents, found.slice) if delivery_id in one.joined_from]
    for one in (found, *wholes):
        _check_finished(one)
    if any(one.state == CURRENT for one in (found, *wholes)):
        _check_next(rt, found, {one.delivery_id for one in (found, *wholes)})
    moment = f"{rt.clock.now():%Y-%m-%d %H:%M} UTC"
    seen = [one for one in (found, *wholes) if one.state in (CURRENT, WITHDRAWN)]
    after = _withdrawn(rt, found, f"withdrawn on {moment}")
    for one in wholes:
        _withdrawn(rt, one, f"made of {delivery_id}, which was withdrawn on {moment}")
    note_arrival(rt.documents, after)
    left = _left_to_make(rt, found) if seen else None
    if left is not None:  # readers see the slice as it was until this is proved, not without rows
        return Withdrawn(after, True, run_id=_land(rt, left, f"withdraw-{delivery_id}"))
    if not seen:
        return Withdrawn(after, False)
    outcome = show_without(seen[0], rt)
    note_change(rt.documents, org_slug)
    rt.bus.publish(_changed(after, outcome))
    split_month(rt, org_slug, found.billing_period)
    return Withdrawn(after, True, outcome.delivery)


def restore(rt: Runtime, org_slug: str, prefix: str) -> str | None:
    """Let a withdrawn delivery count again; it, or what it belongs to, is proved and shown by the run whose id is returned.

    None where its files were removed: then it counts again once the same bill is fetched again.
    prefix: its id, or how that begins.  Raises NotFound; BadConfiguration for one that was not withdrawn, or that could not be read.
    """
    found = _known(rt, org_slug, prefix)
    delivery_id = found.delivery_id
    if found.state != WITHDRAWN:
        raise BadConfiguration(f"delivery {delivery_id} is {found.state}, not withdrawn; there is nothing to restore")
    if found.joined_from:
        raise BadConfiguration(
            f"delivery {delivery_id} is made of {', '.join(found.joined_from)}; restore the one of these that was withdrawn"
        )
    if not found.source_format:
        raise BadConfiguration(f"delivery {delivery_id} could not be read; there is nothing to restore")
    if found.files_removed_at:
        _forget(rt, found)
        return None
    own = _counted(rt, found)
    whole = joined(own, of_slice(rt.documents, own.slice), _format(own))
    run_id = _land(rt, whole, f"restore-{delivery_id}")
    if whole.delivery_id != own.delivery_id:
        change(rt.documents, own, state=JOINED, joined_into=whole.delivery_id)
    return run_id


def _forget(rt: Runtime, withdrawn: Delivery) -> None:
    """The delivery is no longer known as withdrawn: the same bytes land as a new one."""
    path = delivery_path(withdrawn.org_slug, withdrawn.delivery_id)

    def work(transaction: Transaction) -> None:
        document = transaction.get(path)
        if document is not None and document.get("files_removed_at"):
            transaction.set(past_path(withdrawn.org_slug, withdrawn.delivery_id), document)
            transaction.delete(path)

    rt.documents.transact(work)


def _known(rt: Runtime, org_slug: str, delivery_id: str) -> Delivery:
    found = load(rt.documents, org_slug, find_delivery(rt.documents, org_slug, delivery_id))
    if found is None:
        raise NotFound(f"there is no delivery {delivery_id} in {org_slug}; costwire deliveries shows what there is")
    return found


def _format(delivery: Delivery) -> SourceFormat:
    return formats()[delivery.source_format]


def _check_finished(delivery: Delivery) -> None:
    if delivery.state == LANDED:
        raise BadConfiguration(
            f"delivery {delivery.delivery_id} is still processed; withdraw it once its run has ended: costwire runs"
        )


def _check_next(rt: Runtime, found: Delivery, taken_back: Set[str]) -> None:
    """Raises BadConfiguration where the version before has no files any more: an older one, or nothing, would be shown in its place."""
    known = of_slice(rt.documents, found.slice)
    there = {one.delivery_id for one in known}
    past = past_deliveries(rt.documents, found.org_slug, found.slice)
    gone = [
        one
        for one in past
        if one.has_been_shown and one.state not in NOT_COUNTED and one.delivery_id not in there  # landed again since
    ]
    left = [
        one for one in known if one.delivery_id not in taken_back and one.proved_at and one.state not in NOT_COUNTED
    ]
    newest = max(gone, key=lambda one: one.rank, default=None)
    if newest is not None and all(newest.rank > one.rank for one in left):
        raise BadConfiguration(
            f"delivery {found.delivery_id} cannot be withdrawn: {without_files(newest)}, and it is the version before; "
            "import the right bill instead: costwire import PATH --delivered-at TIME"
        )


def _withdrawn(rt: Runtime, delivery: Delivery, reason: str) -> Delivery:
    path = delivery_path(delivery.org_slug, delivery.delivery_id)

    def work(transaction: Transaction) -> Delivery:
        there = Delivery.from_document(transaction.get(path) or delivery.as_document())
        _check_finished(there)
        if there.state == WITHDRAWN:
            return there
        after = there.with_(
            state=WITHDRAWN,
            reason=reason,
            withdrawn_at=rt.clock.now().isoformat(),
            was_shown=there.has_been_shown,
            was_current=False,
        )
        transaction.set(path, after.as_document())
        return after

    return rt.documents.transact(work)


def _counted(rt: Runtime, delivery: Delivery) -> Delivery:
    """The delivery as it lands once more, whatever else of it is stored."""
    path = delivery_path(delivery.org_slug, delivery.delivery_id)

    def work(transaction: Transaction) -> Delivery:
        document = transaction.get(path)
        if document is None:
            after = replace(delivery.as_new(), state=LANDED)
        else:
            there = Delivery.from_document(document)
            if there.state in (CURRENT, LANDED):
                return there
            after = there.with_(
                state=LANDED, reason=None, withdrawn_at=None, joined_into=None, was_shown=there.has_been_shown
            )
        transaction.set(path, after.as_document())
        return after

    return rt.documents.transact(work)


def _left_to_make(rt: Runtime, withdrawn: Delivery) -> Delivery | None:
    """What is left of the slice, where it was never put together before, or not proved."""
    if not withdrawn.source_format:
        return None
    wanted = best(of_slice(rt.documents, withdrawn.slice), _format(withdrawn))
    if wanted is None:
        return None
    known = load(rt.documents, wanted.org_slug, wanted.delivery_id)
    if known is not None and (known.proved_at or known.state == LANDED):
        return None
    return wanted


def _land(rt: Runtime, delivery: Delivery, request_id: str) -> str:
    """Have a delivery proved and shown; returns the id of the run that ends with it."""
    run_id = f"{request_id}-{rt.clock.now():%Y%m%dT%H%M%S%f}.{delivery.integration_id}"
    pair = _format(delivery).pair
    of_half = set(pair.alone.values()) if pair and delivery.joined_from else set()
    notes = tuple(note for note in delivery.notes if note not in of_half)
    landed = _counted(rt, replace(delivery, notes=notes, run_id=run_id, landed_at=rt.clock.now()))
    queue_run(rt.documents, rt.clock, delivery.org_slug, run_id, delivery.integration_id, "correction")
    record_deliveries(rt.documents, rt.clock, delivery.org_slug, run_id, [landed.delivery_id])
    rt.bus.publish_all([replace(message, run_id=run_id) for message in landed.messages()])
    return run_id


def _changed(withdrawn: Delivery, outcome: Shown) -> ChargesNormalized:
    shown = outcome.delivery
    return ChargesNormalized(
        org_slug=withdrawn.org_slug,
        integration_id=withdrawn.integration_id,
        billing_period=withdrawn.billing_period,
        delivery_id=shown.delivery_id if shown else withdrawn.delivery_id,
        rows=(shown.rows or 0) if shown else 0,
        totals=dict(shown.totals or {}) if shown else {},
        restatement=True,
        run_id=withdrawn.run_id,
    )
