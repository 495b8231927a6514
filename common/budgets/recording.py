"""What an evaluation writes, each step in one transaction: the standing, the alerts and the outbox together."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from common.budgets.assessment import Assessment, threshold_facts
from common.domain import alerts
from common.domain.alerts import Change, Life
from common.domain.budgets import FORECAST, Budget, BudgetPeriod, Threshold, percent_value
from common.domain.outbox import new_notification
from common.ports import Document, DocumentStore, Transaction
from common.records.organizations import below


def resolve_all(org_slug: str, budget_id: str, documents: DocumentStore, now: datetime, by: str | None) -> None:
    """Resolve every alert of a budget that is going to be removed."""
    for alert_id, document in documents.list(below(org_slug, "alerts"), where={"budget_id": budget_id}):
        if document["state"] in alerts.ACTIVE:
            _lapse(documents, below(org_slug, "alerts", alert_id), now, by)


def take_ticket(transaction: Transaction, path: str) -> int:
    """The place of an evaluation among those of its budget and period."""
    standing = transaction.get(path) or {"ticket_written": 0, "facts": None}
    ticket = int(standing.get("ticket_taken", 0)) + 1
    transaction.set(path, {**standing, "ticket_taken": ticket})
    return ticket


def record(
    transaction: Transaction,
    org_slug: str,
    standing_path: str,
    ticket: int,
    assessment: Assessment,
    facts: dict[str, Any],
    now: datetime,
) -> None:
    """Write the standing, the alerts and their notifications, unless a later ticket or a removal came before."""
    budget = assessment.budget
    standing = transaction.get(standing_path)
    exists = transaction.get(below(org_slug, "budgets", budget.budget_id)) is not None
    if not exists or standing is None or standing["ticket_written"] > ticket:
        if not exists:
            transaction.delete(standing_path)
        return
    thresholds = budget.all_thresholds
    ids = [alerts.alert_id(budget, assessment.period, threshold) for threshold in thresholds]
    found = [transaction.get(below(org_slug, "alerts", alert_id)) for alert_id in ids]
    transaction.set(standing_path, {**standing, **_standing(assessment, facts), "ticket_written": ticket})
    for threshold, alert_id, before in zip(thresholds, ids, found, strict=True):
        for path, document in _alert_writes(alert_id, threshold, before, assessment, facts, now):
            transaction.set(below(org_slug, path), document)


def _standing(assessment: Assessment, facts: dict[str, Any]) -> Document:
    return {"budget_id": assessment.budget.budget_id, "period_start": facts["period_start"], "facts": facts}


def _alert_writes(
    alert_id: str,
    threshold: Threshold,
    before: Document | None,
    assessment: Assessment,
    facts: dict[str, Any],
    now: datetime,
) -> Iterator[tuple[str, Document]]:
    """The alert as it is now, and the notification of its new state where people must be told."""
    life = alerts.life_of(before)
    event = alerts.observe(life, threshold.basis, assessment.crossed(threshold), assessment.is_open, now)
    change = Change(state="", at=now.isoformat(), current_spend=facts["current_spend"], as_of=facts["as_of"])
    after, told = alerts.advance(life, event, change)
    if after.state is None:
        return
    yield f"alerts/{alert_id}", _alert_document(alert_id, threshold, after, facts)
    if told:
        notification = new_notification(
            alert_id,
            after.notifications,
            after.state,
            {"type": alerts.TYPES[threshold.basis], **facts, **threshold_facts(threshold, assessment.budget)},
            now,
            channels=assessment.budget.channels,
            budget_id=assessment.budget.budget_id,
        )
        yield f"notifications/{notification['notification_id']}", notification


def _alert_document(alert_id: str, threshold: Threshold, life: Life, facts: dict[str, Any]) -> Document:
    kept = (
        "budget_id budget_name period period_start period_end amount current_spend percent projected "
        "projected_percent currency as_of delivered_at"
    )
    return {
        "alert_id": alert_id,
        "type": alerts.TYPES[threshold.basis],
        "threshold_percent": percent_value(threshold.percent),
        **{name: facts[name] for name in kept.split()},
        **alerts.life_fields(life),
    }


def resolve_past(org_slug: str, budget: Budget, period: BudgetPeriod, documents: DocumentStore, now: datetime) -> None:
    """Resolve what has run out: forecasts of periods that have ended, and what somebody acknowledged in them."""
    for alert_id, document in documents.list(below(org_slug, "alerts"), where={"budget_id": budget.budget_id}):
        ended = datetime.fromisoformat(document["period_end"]) <= now
        moot = document["type"] == alerts.TYPES[FORECAST] or document["state"] == alerts.ACKNOWLEDGED
        if document["period"] != period.key and document["state"] in alerts.ACTIVE and ended and moot:
            _lapse(documents, below(org_slug, "alerts", alert_id), now, None)


def _lapse(documents: DocumentStore, path: str, now: datetime, by: str | None) -> None:
    def work(transaction: Transaction) -> None:
        document = transaction.get(path)
        if document is None:
            return
        after, _ = alerts.advance(alerts.life_of(document), alerts.LAPSED, Change("", now.isoformat(), by))
        transaction.set(path, {**document, **alerts.life_fields(after)})

    documents.transact(work)
