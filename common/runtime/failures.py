"""Permanently failed messages: the reason is written on the run that waits for them."""

from __future__ import annotations

from common.errors import NoSpace, Permanent
from common.messages import AlertRaised, ChargesNormalized, Message, SyncRequested
from common.records.names import check_org_slug
from common.records.runs import fail_queued, fail_run
from common.runtime.bootstrap import runtime


def record_failure(message: Message, reason: str) -> None:
    """Write on the run, if the message belongs to one, why it ended: what a person sees where the message is dead-lettered.

    Raises NoSpace where it cannot be written now; Retryable.
    """
    if isinstance(message, ChargesNormalized | AlertRaised):
        return  # what follows a delivery that is shown; its run has done its work
    org_slug, run_id = getattr(message, "org_slug", None), getattr(message, "run_id", None)
    if not run_id:
        return
    rt = runtime()
    try:
        if isinstance(message, SyncRequested):
            named = [check_org_slug(org_slug)] if org_slug else [name for name, _ in rt.documents.list("orgs")]
            for one in named:
                fail_queued(rt.documents, rt.clock, one, run_id, reason)
        elif org_slug:
            delivery_id = getattr(message, "delivery_id", None)
            fail_run(rt.documents, rt.clock, check_org_slug(org_slug), run_id, reason, delivery_id=delivery_id)
    except NoSpace:
        raise
    except Permanent:  # no names of a tenant and a run: nobody waits, and the reason must stay the message's own
        return
