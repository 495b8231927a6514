"""Runs: one synchronisation of one integration, from queued to its end (`pipeline_runs`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from common.bills.deliveries import FINISHED, REJECTED, delivery_path
from common.ports import Clock, DocumentStore

QUEUED, RUNNING, SUCCEEDED, FAILED, REFUSED = "queued", "running", "succeeded", "failed", "rejected"
ENDED = frozenset({SUCCEEDED, FAILED, REFUSED})


def run_path(org_slug: str, run_id: str) -> str:
    """Where a run's document lies."""
    return f"orgs/{org_slug}/runs/{run_id}"


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
    """Note which deliveries a run landed; it ends with the last of them."""

    def change(run: dict[str, Any]) -> None:
        run["delivery_ids"] = sorted({*run["delivery_ids"], *delivery_ids})
        run["status"] = RUNNING
        run.pop("landing", None)

    _change(documents, org_slug, run_id, change)
    _finish(documents, clock, org_slug, run_id)


def fail_run(
    documents: DocumentStore, clock: Clock, org_slug: str, run_id: str, reason: str, rejected: bool = False
) -> None:
    """End a run that could not do its work; one that has ended keeps its first reason, one that has done it stays so.

    rejected: a bill of it was refused, which also ends a run whose other bills are shown.
    """

    def change(run: dict[str, Any]) -> None:
        if run["status"] in ENDED and (run["error"] or not rejected):
            return
        run |= {"status": REFUSED if rejected else FAILED, "error": reason, "ended_at": clock.now().isoformat()}

    _change(documents, org_slug, run_id, change)


def finish_run(documents: DocumentStore, clock: Clock, org_slug: str, run_id: str) -> None:
    """End a run whose deliveries are all finished, also one that had failed before a replay; otherwise nothing changes."""
    run = documents.get(run_path(org_slug, run_id)) or {}
    # a chunk may be faster than the note of what was landed, which then ends the run by itself
    if run.get("delivery_ids"):
        _finish(documents, clock, org_slug, run_id)


def _finish(documents: DocumentStore, clock: Clock, org_slug: str, run_id: str) -> None:
    run = documents.get(run_path(org_slug, run_id))
    if run is None or run["status"] in (SUCCEEDED, REFUSED) or run.get("landing"):
        return
    deliveries = [documents.get(delivery_path(org_slug, one)) for one in run["delivery_ids"]]
    if not all(one is not None and one["state"] in FINISHED for one in deliveries):
        return
    found = [one for one in deliveries if one is not None]
    refused = [one for one in found if one["state"] == REJECTED]

    def change(document: dict[str, Any]) -> None:
        document |= {
            "status": REFUSED if refused else SUCCEEDED,
            "error": refused[0].get("reason") if refused else None,
            "ended_at": clock.now().isoformat(),
            "records": sum(one.get("rows", 0) for one in found),
            "bytes": sum(part["size_bytes"] for one in found for part in one["parts"]),
        }

    _change(documents, org_slug, run_id, change)


def _change(documents: DocumentStore, org_slug: str, run_id: str, change: Any) -> None:
    path = run_path(org_slug, run_id)

    def work(transaction: Any) -> None:
        run = transaction.get(path)
        if run is not None:
            change(run)
            transaction.set(path, run)

    documents.transact(work)
