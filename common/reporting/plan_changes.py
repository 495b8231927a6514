"""How an organization's plan and status changed: a reading of its audit log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from common.domain.audit import Actor, ActorKind
from common.ports import Runtime
from common.records.audit import ORGANIZATION
from common.reporting.audit import AuditQuestion, AuditRecord, list_audit

OPERATOR, CLOCK = "operator", "clock"
_MOST = 10_000
_EVENT = "stripe."


def list_plan_changes(rt: Runtime, org_slug: str) -> list[dict[str, Any]]:
    """Changes of plan or status, and events of the payment provider that changed neither, the newest first.

    by: operator, stripe, clock, or the kind of an event that changed nothing.
    """
    found, _ = list_audit(rt, org_slug, AuditQuestion(target=ORGANIZATION, limit=_MOST))
    return [change for record in found for change in _changes(record)]


def _changes(record: AuditRecord) -> Iterator[dict[str, Any]]:
    if record.action.startswith(_EVENT) and not record.changes:
        kind = record.action.removeprefix(_EVENT)
        yield {"at": record.at, "by": kind, "event_id": record.request_id, "before": None, "after": None}
    for change in record.changes:
        before, after = change.before, change.after
        if change.target != ORGANIZATION or before is None or after is None or not {"plan", "status"} & set(after):
            continue
        by, stripe = _by(record.actor), record.actor.kind is ActorKind.STRIPE
        yield {
            "at": record.at,
            "by": by,
            "event_id": record.request_id if stripe else None,
            "before": _terms(before),
            "after": _terms(after),
        }


def _terms(fields: dict[str, Any]) -> dict[str, Any]:
    """None for what did not change."""
    return {"plan": fields.get("plan"), "status": fields.get("status")}


def _by(actor: Actor) -> str:
    return {ActorKind.STRIPE: "stripe", ActorKind.JOB: CLOCK}.get(actor.kind, OPERATOR)
