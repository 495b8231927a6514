"""Abandoned runs: each is ended with its reason."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta

from common.errors import MalformedMessage, NoSpace
from common.messages.cloudevent import decode
from common.ports import Runtime
from common.records.organizations import below
from common.records.runs import QUEUED, RUNNING, fail_run
from common.records.stalled import end_stalled
from common.runtime.bootstrap import EmbeddedRuntime
from common.runtime.failures import record_failure

GRACE = timedelta(seconds=10)
"""How long after a run is queued its request may still be on its way to the bus."""

_NEVER_REQUESTED = (
    "its request never reached the queue: the command was stopped, or the disk was full; run the command again"
)


def end_forgotten(rt: Runtime, org_slug: str) -> None:
    """End what nobody will end: before runs are shown.  On a full disk they stay as they are."""
    if not isinstance(rt, EmbeddedRuntime):
        end_stalled(rt.documents, rt.clock, org_slug)
        return
    with suppress(NoSpace):
        record_dead_letters(rt)
        end_unrequested(rt)


def record_dead_letters(rt: EmbeddedRuntime) -> None:
    """Note on their runs why messages were given up: by a worker, or by the bus where each of their workers died.

    Safe to repeat; what cannot be noted now, as on a full disk, is noted by the next command.
    """
    for letter in rt.bus.unrecorded():
        try:
            message = decode(letter.event)
        except MalformedMessage:
            pass  # belongs to no run
        else:
            record_failure(message, letter.reason)
        rt.bus.recorded(letter)


def end_unrequested(rt: EmbeddedRuntime) -> None:
    """End the runs to which no message on the bus belongs: whoever queued them died, or found no room, before asking."""
    now = rt.clock.now()
    waiting = [
        (org_slug, run_id)
        for org_slug, _ in rt.documents.list("orgs")
        for status in (QUEUED, RUNNING)
        for run_id, run in rt.documents.list(below(org_slug, "runs"), {"status": status})
        if abs(now - datetime.fromisoformat(run["started_at"])) > GRACE  # the clock may have been put back
    ]
    if not waiting:
        return
    asked = {str(data.get("run_id")) for event in rt.bus.events() if isinstance(data := event.get("data"), dict)}
    for org_slug, run_id in waiting:
        if not any(run_id == one or run_id.startswith(f"{one}.") for one in asked):
            fail_run(rt.documents, rt.clock, org_slug, run_id, _NEVER_REQUESTED)
