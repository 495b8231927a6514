"""Scheduled checks of budgets: who is due at a tick.  Each organization has a minute of its own in the interval of checks."""

from __future__ import annotations

from datetime import datetime, timedelta

from common.domain.spread import is_due
from common.messages import BudgetCheckRequested
from common.ports import DocumentStore, Runtime
from common.records.organizations import may_run
from common.tenancy.schedules import check_interval_minutes

_REQUESTED = "settings/budget_checks"


def request_due_checks(message: BudgetCheckRequested, rt: Runtime) -> None:
    """Ask for a check of every organization whose minute has come since the last tick, where it may run.

    Ticks may come at any rate.  The next one makes up for those that were missed; a repeated one asks for nothing, or once more for the
    same.  Raises BadConfiguration for an interval that does not divide an hour.
    """
    every, now = check_interval_minutes(rt.documents), rt.clock.now()
    after = _requested_until(rt.documents, now) or now - timedelta(minutes=every)
    due = [
        org_slug
        for org_slug, organization in rt.documents.list("orgs")
        if may_run(organization, rt.settings.plans) and is_due(org_slug, every, after, now)
    ]
    rt.bus.publish_all([BudgetCheckRequested(message.check_id, org_slug) for org_slug in due])
    rt.documents.set(_REQUESTED, {"until": now.isoformat()})


def _requested_until(documents: DocumentStore, now: datetime) -> datetime | None:
    """The moment of the last tick; None where it is not known, or lies in the future since the clock was put back."""
    document = documents.get(_REQUESTED)
    until = datetime.fromisoformat(document["until"]) if document else None
    return until if until is not None and until <= now else None
