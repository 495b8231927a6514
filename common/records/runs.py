"""Runs: one synchronisation of one integration, from queued to its end (`pipeline_runs`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from common.ports import Clock, DocumentStore
from common.records.deliveries import FINISHED, REJECTED, Delivery, delivery_path
from common.records.organizations import below

QUEUED, RUNNING, SUCCEEDED, FAILED, REFUSED = "queued", "running", "succeeded", "failed", "rejected"
ENDED = frozenset({SUCCEEDED, FAILED, REFUSED})


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
    path = run_path(org_slug, run_id)

    def work(transaction: Any) -> None:
        if transaction.get(path) is None:
            transaction.set(
                path,
                {
                    "run_id": run_id,
                    "org_slug": org_slug,
                    "integration_id": integration_id,
                    "trigger": trigger,
                    "location": location,
                    "delivered_at": delivered_at.isoformat() if delivered_at else None,
                    "corrects": corrects,
                    "force": force,
                    "status": QUEUED,
                    "started_at": clock.now().isoformat(),
                    "ended_at": None,
                    "records": 0,
                    "bytes": 0,
                    "error": None,
                    "delivery_ids": [],
                },
            )

    documents.transact(work)


def begin_run(documents: DocumentStore, org_slug: str, run_id: str) -> None:
    """Note that a queued run is worked on; one that has come further stays as it is."""

    def change(run: dict[str, Any]) -> None:
        if run["status"] == QUEUED:
            run["status"] = RUNNING

    _change(documents, org_slug, run_id, change)


def note_landing(documents: DocumentStore, org_slug: str, run_id: str) -> None:
    """More of the run's deliveries are still to land: it does not end with those that are finished before."""
    _change(documents, org_slug, run_id, lambda run: run.update(status=RUNNING, landing=True))


def has_landed(documents: DocumentStore, org_slug: str, run_id: str) -> bool:
    """Whether all that the run found has landed without fault."""
    run = documents.get(run_path(org_slug, run_id)) or {}
    return bool(run.get("delivery_ids")) and run["status"] in (RUNNING, SUCCEEDED) and not run.get("landing")


def record_deliveries(
    documents: DocumentStore, clock: Clock, org_slug: str, run_id: str, delivery_ids: Sequence[str]
) -> None:
    """Note which deliveries a run landed; it ends with the last of them, at once where all of them have ended."""

    def change(run: dict[str, Any]) -> None:
        run["delivery_ids"] = sorted({*run["delivery_ids"], *delivery_ids})
        run |= {"status": RUNNING, "error": None, "ended_at": None}
        run.pop("landing", None)

    _change(documents, org_slug, run_id, change)
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

    def change(run: dict[str, Any]) -> None:
        if delivery_id:
            run["lost"] = {**run.get("lost", {}), delivery_id: reason}
        if unread:
            run["unread"] = True
        if run["status"] in ENDED and (run["error"] or not rejected):
            return
        run |= {"status": REFUSED if rejected else FAILED, "error": reason, "ended_at": clock.now().isoformat()}

    _change(documents, org_slug, run_id, change)


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
        for run_id, run in documents.list(below(delivery.org_slug, "runs"), where):
            if delivery.delivery_id in run["delivery_ids"]:
                _finish(documents, clock, delivery.org_slug, run_id)


def _finish(documents: DocumentStore, clock: Clock, org_slug: str, run_id: str) -> None:
    run = documents.get(run_path(org_slug, run_id))
    if run is None or _is_done(run) or run.get("landing"):
        return
    deliveries = {one: documents.get(delivery_path(org_slug, one)) or {} for one in run["delivery_ids"]}
    found = [one for one in deliveries.values() if one.get("state") in FINISHED]
    refused = [one for one in found if one["state"] == REJECTED]
    open_ones = [name for name, one in deliveries.items() if one.get("state") not in FINISHED]

    def change(document: dict[str, Any]) -> None:
        if document["delivery_ids"] != run["delivery_ids"] or _is_done(document):
            return  # somebody else knows more
        reasons = [document.get("lost", {}).get(name) for name in open_ones]
        if not all(reasons) or (reasons and document["status"] in ENDED) or (refused and document["status"] == REFUSED):
            return
        document |= {
            "status": FAILED if reasons else REFUSED if refused else SUCCEEDED,
            "error": reasons[0] if reasons else refused[0].get("reason") if refused else None,
            "ended_at": clock.now().isoformat(),
            "records": sum(one.get("rows", 0) for one in found),
            "bytes": sum(part["size_bytes"] for one in found for part in one["parts"]),
        }

    _change(documents, org_slug, run_id, change)


def _is_done(run: Mapping[str, Any]) -> bool:
    """Whether no delivery can change how the run ended."""
    return run["status"] == SUCCEEDED or (run["status"] == REFUSED and bool(run.get("unread")))


def _change(documents: DocumentStore, org_slug: str, run_id: str, change: Any) -> None:
    path = run_path(org_slug, run_id)

    def work(transaction: Any) -> None:
        run = transaction.get(path)
        if run is not None:
            before = dict(run)
            change(run)
            if run != before:
                transaction.set(path, run)

    documents.transact(work)
