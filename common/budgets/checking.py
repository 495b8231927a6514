"""A scheduled check: what only time changes, such as snoozes that expire, periods that end, late sources, renewals."""

from __future__ import annotations

from common.alerts.lateness import check_sources
from common.alerts.renewals import check_renewals
from common.budgets.evaluation import evaluate_all
from common.ports import Clock, DocumentStore, MessageBus, Warehouse


def check(org_slug: str, documents: DocumentStore, warehouse: Warehouse, bus: MessageBus, clock: Clock) -> None:
    """Look for late sources and renewals, and evaluate the organization's budgets.  Safe to repeat.

    Raises BadConfiguration that names budgets that cannot be read, after the others.
    """
    arrivals = check_sources(org_slug, documents, bus, clock.now())
    check_renewals(org_slug, documents, bus, clock.now())
    evaluate_all(org_slug, documents, warehouse, bus, clock, arrivals)
