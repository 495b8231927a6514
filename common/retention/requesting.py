"""When clean-up runs: once a day, and embedded also after enough deliveries, where no scheduler may be running."""

from __future__ import annotations

from datetime import datetime, timedelta

from common.messages import CleanUpRequested
from common.ports import Runtime
from common.records import audit
from common.records.batches import delete_all
from common.records.organizations import below
from common.records.past_deliveries import retention_path
from common.retention.cleaning import clean_up
from common.retention.lives import lives_of_platform

EVERY = timedelta(days=1)
AFTER_DELIVERIES = 20


def on_request(message: CleanUpRequested, rt: Runtime) -> None:
    """Clean up an organization; without one, ask for each that there is.  Safe to repeat."""
    if message.org_slug:
        clean_up(rt, message.org_slug)
        return
    common = lives_of_platform(rt.documents)
    delete_all(rt.documents, audit.paths_before(rt.documents, audit.PLATFORM, rt.clock.now() - common["audit"]))
    present = [slug for slug, organization in rt.documents.list("orgs") if not organization.get("removal_began_at")]
    rt.bus.publish_all([CleanUpRequested(message.request_id, org_slug) for org_slug in present])


def request_if_due(rt: Runtime, org_slug: str) -> bool:
    """Ask for a clean-up where the last one is a day old, or many deliveries have landed since; whether it was asked for."""
    now = rt.clock.now()
    document = rt.documents.get(retention_path(org_slug)) or {}
    landed = rt.documents.count(below(org_slug, "deliveries")) - document.get("deliveries", 0)
    cleaned = document.get("cleaned_at")
    due = cleaned is not None and now - datetime.fromisoformat(cleaned) >= EVERY
    if not due and landed < AFTER_DELIVERIES:
        return False
    rt.bus.publish(CleanUpRequested(f"due-{now:%Y%m%dT%H%M%S%f}", org_slug))
    return True
