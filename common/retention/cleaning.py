"""Clean-up: what is past its life goes, in an order in which a run that is killed anywhere leaves the next one the same end.

A delivery first becomes a past one, in one transaction with the check that nobody has changed it since it was decided: from then on it
can be neither shown nor replayed.  Then its files go, then the note that they were still to go.  What says which delivery was shown when
goes after the note that this is not known any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

from common.ports import Runtime, Transaction
from common.records.batches import delete_all, delete_objects
from common.records.charges_version import note_change
from common.records.deliveries import LANDED, WITHDRAWN, Delivery, chunks_path, delivery_path, load, of_integration
from common.records.members import forget_past
from common.records.meter_files import MeterFile, meter_file_path
from common.records.organizations import below
from common.records.past_deliveries import PENDING, forget_before, past_path, retention_path
from common.records.sessions import forget_ended
from common.records.sizes import Sizes, note_sizes
from common.retention.deciding import named_elsewhere
from common.retention.inventory import OF_DELIVERIES, Inventory
from common.retention.planning import Going, Plan, plan

Say = Callable[[str], None]


def _silent(text: str) -> None:
    pass


@dataclass(frozen=True)
class Cleaned:
    """What went, or would go.  sizes: of what is stored afterwards, or now.  left: the time was used up; the next clean-up goes on."""

    going: tuple[Going, ...]
    sizes: Sizes
    left: bool = False


def look(rt: Runtime, org_slug: str) -> Cleaned:
    """What `clean_up` would remove now; nothing is changed."""
    inventory = Inventory(rt.objects, org_slug)
    return Cleaned(plan(rt, org_slug, inventory).going, inventory.sizes())


def clean_up(rt: Runtime, org_slug: str, say: Say = _silent) -> Cleaned:
    """Remove all that is past its life, and note what is left.  Safe to repeat, and to interrupt.

    Raises BadConfiguration for a life that is not valid, before anything is removed.
    """
    began = rt.clock.now()
    planned = plan(rt, org_slug, Inventory(rt.objects, org_slug))
    _forget(rt, org_slug, planned, say)
    left = _remove_deliveries(rt, planned, began, say)
    say("documents")
    delete_objects(rt.objects, planned.copies)
    _remove_logs(rt, org_slug, planned.logs)
    delete_all(rt.documents, planned.paths)
    for member_id in planned.members:
        forget_past(rt.documents, org_slug, member_id, began - planned.lives["members"])
    forget_ended(rt.documents, began)
    rt.bus.forget_dead_letters(began - planned.lives["dead_letters"])
    sizes = Inventory(rt.objects, org_slug).sizes()
    now = rt.clock.now()
    note_sizes(rt.documents, org_slug, now.date(), sizes)
    _note_run(rt, org_slug, now)
    return Cleaned(planned.going, sizes, left)


def _remove_logs(rt: Runtime, org_slug: str, logs: Iterable[MeterFile]) -> None:
    """The documents go first, since one without its calls would stop every match; and again, should a log be imported meanwhile."""
    found = list(logs)
    paths = [meter_file_path(org_slug, one.digest) for one in found]
    delete_all(rt.documents, paths)
    delete_objects(rt.objects, [uri for one in found for uri in (one.uri, one.calls_uri)])
    delete_all(rt.documents, paths)


def _forget(rt: Runtime, org_slug: str, planned: Plan, say: Say) -> None:
    """Restatements, and what is known of deliveries without files."""
    shown = [one for one in planned.past if one.has_been_shown]
    gone = [datetime.fromisoformat(one.files_removed_at) for one in shown if one.files_removed_at]
    gone += [
        row["replaced_at"]
        for piece, at in planned.restatements.items()
        for row in planned.replacements
        if (row["integration_id"], row["billing_period"]) == (piece.integration_id, piece.billing_period)
        and row["replaced_at"] < at
    ]
    if gone:
        forget_before(rt.documents, org_slug, max(gone))
    for piece, at in planned.restatements.items():
        say(f"restatements of {piece}")
        rt.warehouse.forget_restatements(piece, at)
    if planned.restatements:
        note_change(rt.documents, org_slug)  # answers that show them are valid no longer
    delete_all(rt.documents, (past_path(org_slug, one.delivery_id) for one in planned.past))


def _remove_deliveries(rt: Runtime, planned: Plan, began: datetime, say: Say) -> bool:
    """Whether some are left for the next clean-up, since the time was used up."""
    several = sorted((*planned.unfinished, *planned.deliveries), key=lambda one: (str(one.slice), one.delivery_id))
    for piece, found in groupby(several, key=lambda one: one.slice):
        if rt.settings.work_seconds and (rt.clock.now() - began).total_seconds() > rt.settings.work_seconds:
            return True
        say(str(piece))
        going = [after for one in found if (after := one if one.unknown.get(PENDING) else _retired(rt, one))]
        # of any month: a file of several months lies in the folder of one of them
        others = of_integration(rt.documents, piece.org_slug, piece.integration_id)
        named = named_elsewhere(others, {one.delivery_id for one in going})
        for one in going:
            _remove_files(rt, one, named)
    return False


def _retired(rt: Runtime, decided: Delivery) -> Delivery | None:
    """The delivery as a past one, its files still to go; None where somebody has changed it since."""
    path = delivery_path(decided.org_slug, decided.delivery_id)
    moment = rt.clock.now().isoformat()

    def work(transaction: Transaction) -> Delivery | None:
        document, before = transaction.get(path), transaction.get(past_path(decided.org_slug, decided.delivery_id))
        if document is None or Delivery.from_document(document) != decided:
            return None
        after = replace(decided, files_removed_at=moment, unknown={**decided.unknown, PENDING: True})
        if _keeps_its_name(after):
            transaction.set(path, after.as_document())
            return after
        if before is not None:  # landed again since; when it was shown first is still to be known
            earlier = Delivery.from_document(before)
            proved = [one for one in (earlier.proved_at, after.proved_at) if one]
            after = after.with_(
                was_shown=earlier.has_been_shown or after.has_been_shown, proved_at=min(proved, default=None)
            )
        transaction.set(past_path(decided.org_slug, decided.delivery_id), after.as_document())
        transaction.delete(path)
        return after

    return rt.documents.transact(work)


def _keeps_its_name(delivery: Delivery) -> bool:
    """Whether it stays among the deliveries: fetched again, what was withdrawn is not to count."""
    return delivery.state == WITHDRAWN and not delivery.joined_from


def _remove_files(rt: Runtime, delivery: Delivery, named: set[str]) -> None:
    """Its files, save those that other deliveries are made of; then the note that they were to go."""
    if _keeps_its_name(delivery) or load(rt.documents, delivery.org_slug, delivery.delivery_id) is None:
        _delete_files(rt, delivery, named)
        _forget_landed_meanwhile(rt, delivery)
    path = past_path(delivery.org_slug, delivery.delivery_id)
    if _keeps_its_name(delivery):
        path = delivery_path(delivery.org_slug, delivery.delivery_id)

    def work(transaction: Transaction) -> None:
        document = transaction.get(path)
        if document is not None and document.get(PENDING):
            after = Delivery.from_document(document)
            after = replace(after, unknown={name: one for name, one in after.unknown.items() if name != PENDING})
            transaction.set(path, (after if _keeps_its_name(after) else _small(after)).as_document())

    rt.documents.transact(work)


def _delete_files(rt: Runtime, delivery: Delivery, named: set[str]) -> None:
    chunks = chunks_path(delivery.org_slug, delivery.delivery_id)
    delete_all(rt.documents, [f"{chunks}/{name}" for name, _ in rt.documents.list(chunks)])
    # a bill without a month has no folder of its own, only parts
    folders = [f"{kind}/{delivery.folder}/" for kind in OF_DELIVERIES] if delivery.billing_period else []
    uris = {item.uri for folder in folders for item in rt.objects.list(folder)}
    uris |= {part.uri for part in delivery.parts}
    delete_objects(rt.objects, sorted(uris - named))


def _forget_landed_meanwhile(rt: Runtime, delivery: Delivery) -> None:
    """The same bytes may have landed again while their files went: without the document they land once more, as a whole."""
    path = delivery_path(delivery.org_slug, delivery.delivery_id)

    def work(transaction: Transaction) -> None:
        document = transaction.get(path)
        if document is not None and document["state"] == LANDED:
            transaction.delete(path)

    if not _keeps_its_name(delivery) and rt.documents.get(path) is not None:
        rt.documents.transact(work)


def _small(delivery: Delivery) -> Delivery:
    """What is to be known of a delivery without files: what it was, and when it was shown."""
    small = replace(delivery, parts=(), notes=(), unknown_columns=(), cleared=frozenset())
    return replace(small, proof=None, conformance=None, accounts=None, totals=None)


def _note_run(rt: Runtime, org_slug: str, now: datetime) -> None:
    path = retention_path(org_slug)
    left = rt.documents.count(below(org_slug, "deliveries"))

    def work(transaction: Transaction) -> None:
        transaction.set(path, {**(transaction.get(path) or {}), "cleaned_at": now.isoformat(), "deliveries": left})

    rt.documents.transact(work)
