"""Runs: one synchronisation of one integration, from queued to its end (`pipeline_runs`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from common.ports import Clock, Document, DocumentStore, Transaction
from common.records.deliveries import FINISHED, HELD, REJECTED, Delivery, load
from common.records.listed import Listed, note_listed
from common.records.organizations import below
from common.records.unknown import known_and_unknown

QUEUED, RUNNING, SUCCEEDED, FAILED, REFUSED = "queued", "running", "succeeded", "failed", "rejected"
WAITING = "waiting"
"""The states.  waiting: ended since what it was to fetch is not complete yet; a later run looks again."""
ENDED = frozenset({SUCCEEDED, FAILED, REFUSED, WAITING})

WEBHOOK = "webhook"
"""The trigger of a run that its provider asked for, by a call that names new files."""

_ALONE = ("landing", "lost", "tries", "unread", "unchanged", "joined", "listed")
"""What a document has only while there is something to say."""


@dataclass(frozen=True)
class Run:
    """What the document of a run holds.  Moments are UTC, ISO 8601.

    location: read this once instead of the integration's.  delivered_at: how new the bills there are, where no manifest says so;
    corrects: a user says so.  force: a time in the future is taken as it is.  records, bytes: of its finished deliveries.  landing:
    more deliveries are still to land.  lost: delivery -> why a message of it was given up.  tries: event -> when its last try is over.
    unread: a bill of it was refused that became no delivery, so that no replay can undo it.  unchanged: nothing was new at the location.
    joined: the run that was landing the same files.  listed: what the location looked like, as common/records/listed.py has it.
    unknown: fields of another release, which stay as they are.
    """

    run_id: str
    org_slug: str
    integration_id: str
    trigger: str
    started_at: str
    location: str | None = None
    delivered_at: str | None = None
    corrects: bool = False
    force: bool = False
    status: str = QUEUED
    ended_at: str | None = None
    records: int = 0
    bytes: int = 0
    error: str | None = None
    delivery_ids: Sequence[str] = ()
    landing: bool | None = None
    lost: Mapping[str, str] | None = None
    tries: Mapping[str, str] | None = None
    unread: bool | None = None
    unchanged: bool | None = None
    joined: str | None = None
    listed: Mapping[str, Any] | None = None
    unknown: Mapping[str, Any] = field(default_factory=dict)

    def as_document(self) -> Document:
        """Plain types only."""
        document = {name: value for name, value in self.__dict__.items() if name != "unknown"}
        document = {name: value for name, value in document.items() if value is not None or name not in _ALONE}
        return {**document, "delivery_ids": list(self.delivery_ids), **self.unknown}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Run:
        """The run of a document."""
        known, unknown = known_and_unknown(cls, document)
        return cls(**known, unknown=unknown)

    @property
    def has_landed(self) -> bool:
        """Whether all that the run found has landed without fault."""
        return (
            bool(self.delivery_ids or self.unchanged or self.joined)
            and self.status in (RUNNING, SUCCEEDED)
            and not self.landing
        )

    @property
    def is_landing(self) -> bool:
        """Whether files are still to be landed."""
        return self.status not in ENDED and (bool(self.landing) or not self.delivery_ids)


@dataclass(frozen=True)
class Refusal:
    """Why a bill of a run was refused.  unread: it became no delivery of the run, so that no replay can undo it."""

    reason: str
    unread: bool = False


def run_path(org_slug: str, run_id: str) -> str:
    """Where a run's document lies."""
    return below(org_slug, "runs", run_id)


def queue_run(
    documents: DocumentStore,
    clock: Clock,
    org_slug: str,
    run_id: str,
    integration_id: str,
    trigger: str,
    location: str | None = None,
    delivered_at: datetime | None = None,
    corrects: bool = False,
    force: bool = False,
) -> None:
    """Note that a run was asked for; one that is known already stays as it is.

    location: to be read this once instead of the integration's.  delivered_at: how new the bills there are, where no manifest says so;
    corrects: a user says so, whatever was known before.  force: a time in the future is taken as it is.
    """
    queued = Run(
        run_id=run_id,
        org_slug=org_slug,
        integration_id=integration_id,
        trigger=trigger,
        location=location,
        delivered_at=delivered_at.isoformat() if delivered_at else None,
        corrects=corrects,
        force=force,
        started_at=clock.now().isoformat(),
    )
    path = run_path(org_slug, run_id)

    def work(transaction: Transaction) -> None:
        if transaction.get(path) is None:
            transaction.set(path, queued.as_document())

    documents.transact(work)


def load_run(documents: DocumentStore | Transaction, org_slug: str, run_id: str) -> Run | None:
    """The run, or None."""
    document = documents.get(run_path(org_slug, run_id))
    return Run.from_document(document) if document else None


def begin_run(documents: DocumentStore, org_slug: str, run_id: str) -> None:
    """Note that a queued run is worked on; one that has come further stays as it is."""

    change_run(documents, org_slug, run_id, lambda run: replace(run, status=RUNNING) if run.status == QUEUED else run)


def note_landing(documents: DocumentStore, org_slug: str, run_id: str) -> None:
    """More of the run's deliveries are still to land: it does not end with those that are finished before."""
    change_run(documents, org_slug, run_id, lambda run: replace(run, status=RUNNING, landing=True))


def note_unchanged(documents: DocumentStore, clock: Clock, org_slug: str, run_id: str) -> None:
    """End a run that found nothing new; nothing is read for it."""
    documents.update(run_path(org_slug, run_id), {**_succeeded(clock), "unchanged": True})


def note_joined(documents: DocumentStore, clock: Clock, org_slug: str, run_id: str, other: str) -> None:
    """End a run whose files another one is landing."""
    documents.update(run_path(org_slug, run_id), {**_succeeded(clock), "joined": other})


def _succeeded(clock: Clock) -> Document:
    return {"status": SUCCEEDED, "error": None, "ended_at": clock.now().isoformat()}


def record_deliveries(
    documents: DocumentStore,
    clock: Clock,
    org_slug: str,
    run_id: str,
    delivery_ids: Sequence[str],
    listed: Listed | None = None,
    refusal: Refusal | None = None,
) -> None:
    """Note which deliveries a run landed; it ends with the last of them, at once where all of them have ended.

    listed: what the location looked like that they are all of, which counts from when the run has succeeded.  refusal: what else there was.
    """

    def change(run: Run) -> Run:
        landed = sorted({*run.delivery_ids, *delivery_ids})
        told = listed.as_document() if listed else None
        run = replace(run, delivery_ids=landed, status=RUNNING, error=None, ended_at=None, landing=None, listed=told)
        if refusal is None:
            return run
        unread = True if refusal.unread else run.unread
        return replace(run, status=REFUSED, error=refusal.reason, ended_at=clock.now().isoformat(), unread=unread)

    change_run(documents, org_slug, run_id, change)
    _finish(documents, clock, org_slug, run_id)


def fail_run(
    documents: DocumentStore,
    clock: Clock,
    org_slug: str,
    run_id: str,
    reason: str,
    rejected: bool = False,
    delivery_id: str | None = None,
    unread: bool = False,
) -> None:
    """End a run that could not do its work; one that has ended keeps its first reason, one that has done it stays so.

    rejected: a bill of it was refused, which also ends a run whose other bills are shown.  unread: so was one that became no delivery
    of the run, so that no replay can undo it.  delivery_id: the delivery of which a message was given up.  It is remembered, as the note
    of what was landed may come later and would make the run wait for it.
    """

    def change(run: Run) -> Run:
        if delivery_id:
            run = replace(run, lost={**(run.lost or {}), delivery_id: reason})
        if unread:
            run = replace(run, unread=True)
        if run.status in ENDED and (run.error or not rejected):
            return run
        return replace(run, status=REFUSED if rejected else FAILED, error=reason, ended_at=clock.now().isoformat())

    change_run(documents, org_slug, run_id, change)


def end_waiting(documents: DocumentStore, clock: Clock, org_slug: str, run_id: str, reason: str) -> None:
    """End a run that found nothing complete; one that has done its work, or of which a bill was refused, stays so."""

    def change(run: Run) -> Run:
        if run.status in (SUCCEEDED, REFUSED):
            return run
        return replace(run, status=WAITING, error=reason, ended_at=clock.now().isoformat(), landing=None)

    change_run(documents, org_slug, run_id, change)


def fail_queued(documents: DocumentStore, clock: Clock, org_slug: str, request_id: str, reason: str) -> None:
    """End the runs of one request that nobody has begun: the request was given up.  Those that have begun end by themselves."""
    for run_id, _ in documents.list(below(org_slug, "runs"), {"status": QUEUED}):
        if run_id == request_id or run_id.startswith(f"{request_id}."):
            fail_run(documents, clock, org_slug, run_id, reason)


def finish_runs(documents: DocumentStore, clock: Clock, delivery: Delivery) -> None:
    """End every run that waits for this delivery, which is finished, and for no other; also one that was over before a replay.

    The same bytes may have been landed by several runs.  A run that has not noted yet what it landed ends by itself when it does.
    """
    for status in (RUNNING, FAILED, REFUSED):
        where = {"integration_id": delivery.integration_id, "status": status}
        for run_id, document in documents.list(below(delivery.org_slug, "runs"), where):
            if delivery.delivery_id in Run.from_document(document).delivery_ids:
                _finish(documents, clock, delivery.org_slug, run_id)


def _finish(documents: DocumentStore, clock: Clock, org_slug: str, run_id: str) -> None:
    run = load_run(documents, org_slug, run_id)
    if run is None or _is_done(run) or run.landing:
        return
    seen = run.delivery_ids
    deliveries: dict[str, Delivery | None] = {}
    for name in seen:
        deliveries[name] = one = load(documents, org_slug, name)
        if (one is None or one.state not in FINISHED) and not (run.lost or {}).get(name):
            return  # the run waits for it, whatever became of the others
    found = [one for one in deliveries.values() if one is not None and one.state in FINISHED]
    refused = [one for one in found if one.state == REJECTED]
    open_ones = [name for name, one in deliveries.items() if one is None or one.state not in FINISHED]

    def change(run: Run) -> Run:
        if list(run.delivery_ids) != list(seen) or _is_done(run):
            return run  # somebody else knows more
        reasons = [(run.lost or {}).get(name) for name in open_ones]
        if not all(reasons) or (reasons and run.status in ENDED) or (refused and run.status == REFUSED):
            return run
        return replace(
            run,
            status=FAILED if reasons else REFUSED if refused else SUCCEEDED,
            error=reasons[0] if reasons else refused[0].reason if refused else None,
            ended_at=clock.now().isoformat(),
            records=sum(one.rows or 0 for one in found),
            bytes=sum(part.size_bytes for one in found for part in one.parts),
        )

    after = change_run(documents, org_slug, run_id, change)
    if after is not None and after.status == SUCCEEDED and after.listed and not any(one.state == HELD for one in found):
        note_listed(documents, org_slug, after.integration_id, Listed(**after.listed))


def _is_done(run: Run) -> bool:
    """Whether no delivery can change how the run ended."""
    return run.status == SUCCEEDED or (run.status == REFUSED and bool(run.unread))


def change_run(documents: DocumentStore, org_slug: str, run_id: str, change: Callable[[Run], Run]) -> Run | None:
    """Change a run that others may be changing meanwhile; nothing happens where there is none, or nothing changes.  Returns it."""
    path = run_path(org_slug, run_id)

    def work(transaction: Transaction) -> Run | None:
        document = transaction.get(path)
        if document is None:
            return None
        before = Run.from_document(document)
        after = change(before)
        if after != before:
            transaction.set(path, after.as_document())
        return after

    return documents.transact(work)
