"""Runs whose message Pub/Sub gave up silently: no attempt was answered, so no function could record the reason.

From its second attempt on, a message records on its run when Pub/Sub's last attempt is certainly over, and removes the record when an
attempt ends.  One whose instances are killed is given up by the function itself, when its next push arrives (common/runtime/once.py).
A later reader of runs ends those whose time is over.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from common.messages.subscriptions import Subscription
from common.ports import Clock, DocumentStore
from common.ports.bus import MAX_PUSHES
from common.records.organizations import below
from common.records.runs import QUEUED, RUNNING, Run, change_run, fail_run

KEPT = timedelta(days=8)
"""Longer than Pub/Sub keeps a message that nobody acknowledges (7 days): a run that is older has no message left."""

_SLACK = timedelta(minutes=5)
_SILENT = (
    f"given up by Pub/Sub after {MAX_PUSHES} attempts without an answer: the function could not start, or refused the push; "
    "see its log of that time; run costwire replay once the cause is fixed"
)
_LOST = f"it did not end within {KEPT.days} days, and Pub/Sub stores messages no longer than that; sync the integration again"


def given_up_at(own: Subscription, attempt: int, now: datetime) -> datetime:
    """When the last try is over of a message whose given try begins now: each takes its whole deadline, each rest is the longest."""
    tries = max(MAX_PUSHES - attempt + 1, 1)
    seconds = tries * own.ack_deadline_seconds + (tries - 1) * own.maximum_backoff_seconds
    return now + timedelta(seconds=seconds) + _SLACK


def note_try(documents: DocumentStore, org_slug: str, run_id: str, event_id: str, until: datetime | None) -> None:
    """A try of the event begins, and the last one is over at `until`; None: it has ended in an answer.  Safe to repeat."""

    def change(run: Run) -> Run:
        tries = {name: one for name, one in (run.tries or {}).items() if name != event_id}
        if until is not None:
            tries[event_id] = until.isoformat()
        return run if tries == (run.tries or {}) else replace(run, tries=tries)

    change_run(documents, org_slug, run_id, change)


def end_stalled(documents: DocumentStore, clock: Clock, org_slug: str) -> None:
    """End the tenant's runs of which a message was given up unanswered, and those that are older than any message."""
    now = clock.now()
    for status in (QUEUED, RUNNING):
        for run_id, run in documents.list(below(org_slug, "runs"), {"status": status}):
            reason = _reason(Run.from_document(run), now)
            if reason:
                fail_run(documents, clock, org_slug, run_id, reason)


def _reason(run: Run, now: datetime) -> str | None:
    if any(datetime.fromisoformat(until) < now for until in (run.tries or {}).values()):
        return _SILENT
    return _LOST if datetime.fromisoformat(run.started_at) + KEPT < now else None
