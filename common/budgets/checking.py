"""A scheduled check: what only time changes, such as snoozes that expire, periods that end and sources that are late."""

from __future__ import annotations

from common.alerts.lateness import check_sources
from common.budgets.evaluation import evaluate_all
from common.messages import BudgetCheckRequested
from common.ports import Clock, DocumentStore, MessageBus, Warehouse
from common.records.organizations import may_run


def check(
    message: BudgetCheckRequested, documents: DocumentStore, warehouse: Warehouse, bus: MessageBus, clock: Clock
) -> None:
    """Look for late sources and evaluate the tenant's budgets; without a tenant, ask for those of each that may run.  Safe to repeat.

    Raises BadConfiguration that names budgets that cannot be read, after the others.
    """
    if message.org_slug:
        arrivals = check_sources(message.org_slug, documents, bus, clock.now())
        evaluate_all(message.org_slug, documents, warehouse, bus, clock, arrivals)
        return
    running = [org_slug for org_slug, organization in documents.list("orgs") if may_run(organization)]
    bus.publish_all([BudgetCheckRequested(message.check_id, org_slug) for org_slug in running])
