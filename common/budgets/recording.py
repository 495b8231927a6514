"""What an evaluation writes, each step in one transaction: the status, the alerts and the outbox together."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from common.alerts.raising import Move, Subject, advance, lapse
from common.budgets.assessment import Assessment, threshold_facts
from common.domain import alerts
from common.domain.alerts import Change, Life
from common.domain.budget_alerts import TYPES, alert_id, observe
from common.domain.budgets import FORECAST, Budget, BudgetPeriod, Threshold, percent_value
from common.ports import DocumentStore, Transaction
from common.records.alerts import Alert
from common.records.organizations import below
from common.records.standings import Standing

_ABOUT = (
    "period", "period_start", "period_end", "amount", "current_spend", "percent", "projected", "projected_percent", "currency",
    "as_of", "delivered_at",
)  # fmt: skip
"""What of an evaluation's facts an alert shows."""


def resolve_all(org_slug: str, budget_id: str, documents: DocumentStore, now: datetime, by: str | None) -> None:
    """Resolve every alert of a budget that is going to be removed."""
    for alert in _alerts_of(documents, org_slug, budget_id):
        if alert.life.state in alerts.ACTIVE:
            lapse(documents, org_slug, alert.alert_id, now, by)


def resolve_gone(org_slug: str, budget: Budget, documents: DocumentStore, now: datetime) -> None:
    """Resolve the alerts of thresholds that a budget does not have any more."""
    there = {(TYPES[one.basis], percent_value(one.percent)) for one in budget.all_thresholds}
    for alert in _alerts_of(documents, org_slug, budget.budget_id):
        gone = (alert.kind, alert.about.get("threshold_percent")) not in there
        if gone and alert.life.state in alerts.ACTIVE:
            lapse(documents, org_slug, alert.alert_id, now)


def take_ticket(transaction: Transaction, path: str) -> int:
    """The place of an evaluation among those of its budget and period."""
    standing = Standing.from_document(transaction.get(path) or {})
    taken = replace(standing, ticket_taken=standing.ticket_taken + 1)
    transaction.set(path, taken.as_document())
    return taken.ticket_taken


def record(
    transaction: Transaction,
    org_slug: str,
    path: str,
    ticket: int,
    assessment: Assessment,
    facts: dict[str, Any],
    now: datetime,
) -> None:
    """Write the standing, the alerts and their notifications, unless a later ticket or a removal came before."""
    budget = assessment.budget
    before = transaction.get(path)
    standing = Standing.from_document(before) if before else None
    exists = transaction.get(below(org_slug, "budgets", budget.budget_id)) is not None
    if not exists or standing is None or standing.ticket_written > ticket:
        if not exists:
            transaction.delete(path)
        return
    advance(
        transaction, org_slug, [_move(threshold, assessment, facts, now) for threshold in budget.all_thresholds], now
    )
    written = replace(
        standing, budget_id=budget.budget_id, period_start=facts["period_start"], facts=facts, ticket_written=ticket
    )
    transaction.set(path, written.as_document())


def _move(threshold: Threshold, assessment: Assessment, facts: dict[str, Any], now: datetime) -> Move:
    def event(life: Life) -> str | None:
        return observe(life, threshold.basis, assessment.crossed(threshold), assessment.is_open, now)

    budget = assessment.budget
    subject = Subject(
        kind=TYPES[threshold.basis],
        alert_id=alert_id(budget, assessment.period, threshold),
        facts={**facts, **threshold_facts(threshold, budget)},
        about={"threshold_percent": percent_value(threshold.percent), **{name: facts[name] for name in _ABOUT}},
        budget_id=budget.budget_id,
        budget_name=budget.name,
        channels=budget.channels,
    )
    change = Change(state="", at=now.isoformat(), current_spend=facts["current_spend"], as_of=facts["as_of"])
    return Move(subject, event, change, series=threshold.basis, rank=threshold.percent)


def resolve_past(org_slug: str, budget: Budget, period: BudgetPeriod, documents: DocumentStore, now: datetime) -> None:
    """Resolve what has run out: forecasts of periods that have ended, and what somebody acknowledged in them."""
    for alert in _alerts_of(documents, org_slug, budget.budget_id):
        ended = datetime.fromisoformat(alert.about["period_end"]) <= now
        moot = alert.kind == TYPES[FORECAST] or alert.life.state == alerts.ACKNOWLEDGED
        if alert.about["period"] != period.key and alert.life.state in alerts.ACTIVE and ended and moot:
            lapse(documents, org_slug, alert.alert_id, now)


def _alerts_of(documents: DocumentStore, org_slug: str, budget_id: str) -> list[Alert]:
    found = documents.list(below(org_slug, "alerts"), where={"budget_id": budget_id})
    return [Alert.from_document(document) for _, document in found]
