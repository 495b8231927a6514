"""Evaluate budgets: read the spend, update the alerts, write notifications to the outbox, and announce them on the bus.

Evaluations of one budget and period may run at once and finish in any order.  Each takes a ticket before it reads the
warehouse; one that writes after a later ticket has been written changes nothing, since the later one has read
data at least as new.  Cached answers (answers.py) are compared with the version of the charges after the ticket is
taken, so the same holds for them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress

from common.alerts.raising import announce
from common.budgets.answers import Answers, Asked, Shared
from common.budgets.assessment import assess, compared_days, facts_of
from common.budgets.questions import newest_period, read_deliveries, read_drivers, read_spend
from common.budgets.recording import record, resolve_past, take_ticket
from common.domain.budgets import Budget, BudgetPeriod, InvalidBudget, from_document
from common.domain.one_view import OneView
from common.domain.period import BillingPeriod
from common.errors import BadConfiguration, BeyondRange, NotFound
from common.messages import ChargesNormalized
from common.ports import Clock, Document, DocumentStore, MessageBus, Transaction, Warehouse
from common.records.arrivals import Arrivals
from common.records.one_view import shown_in_one_view
from common.records.organizations import below
from common.records.standings import standing_path
from common.telemetry import counted, span


def evaluate(
    message: ChargesNormalized, documents: DocumentStore, warehouse: Warehouse, bus: MessageBus, clock: Clock
) -> None:
    """Evaluate every budget of the tenant whose period holds the billing period that has new charges.

    One budget that cannot be read does not keep the others from it.  Raises BadConfiguration that names it, at the end.
    """
    day = BillingPeriod.parse(message.billing_period).start.date()
    shared = Shared()

    def at(budget: Budget) -> None:
        period = budget.period_of(day)
        counted(budgets_evaluated=1)
        with span("evaluate", budget_id=budget.budget_id, period=period.key):
            evaluate_period(message.org_slug, budget, period, documents, warehouse, bus, clock, shared, message.run_id)

    _for_each_budget(message.org_slug, documents, at)


def evaluate_all(
    org_slug: str,
    documents: DocumentStore,
    warehouse: Warehouse,
    bus: MessageBus,
    clock: Clock,
    arrivals: Mapping[str, Arrivals] | None = None,
) -> None:
    """Evaluate every budget of a tenant without new charges, as a schedule does: snoozes run out, periods end.

    arrivals: of the tenant's integrations, where they have been read already.

    The warehouse is asked only where the tenant's charges, the day or the budget have changed since it was last asked.
    Raises BadConfiguration that names budgets that cannot be read, at the end.
    """
    shared = Shared(arrivals=arrivals)
    _for_each_budget(
        org_slug, documents, lambda budget: _evaluate_newest(org_slug, budget, documents, warehouse, bus, clock, shared)
    )


def evaluate_budget_now(
    org_slug: str, budget_id: str, documents: DocumentStore, warehouse: Warehouse, bus: MessageBus, clock: Clock
) -> Document:
    """Evaluate one budget over the newest period that has charges in its scope, or the current one without any.

    Returns the standing, as `budgets list` shows it.  Raises NotFound.
    """
    document = documents.get(below(org_slug, "budgets", budget_id))
    if document is None:
        raise NotFound(f"there is no budget {budget_id}; `costwire budgets list` shows them")
    return _evaluate_newest(org_slug, from_document(document), documents, warehouse, bus, clock, Shared())


def _evaluate_newest(
    org_slug: str,
    budget: Budget,
    documents: DocumentStore,
    warehouse: Warehouse,
    bus: MessageBus,
    clock: Clock,
    shared: Shared,
) -> Document:
    asked = Answers(budget.budget_id, documents, warehouse, clock, shared)
    period = newest_period(asked, org_slug, budget, clock.now())
    counted(budgets_evaluated=1)
    with span("evaluate", budget_id=budget.budget_id, period=period.key):
        return _stand(org_slug, budget, period, documents, asked, bus, clock)


def evaluate_period(
    org_slug: str,
    budget: Budget,
    period: BudgetPeriod,
    documents: DocumentStore,
    warehouse: Asked,
    bus: MessageBus,
    clock: Clock,
    shared: Shared | None = None,
    run_id: str | None = None,
) -> Document:
    """Bring a budget's standing and alerts in one period up to the charges of now, which are asked for whatever is kept.

    Safe to repeat, in any order.
    """
    asked = Answers(budget.budget_id, documents, warehouse, clock, shared, fresh=True)
    return _stand(org_slug, budget, period, documents, asked, bus, clock, run_id)


def _stand(
    org_slug: str,
    budget: Budget,
    period: BudgetPeriod,
    documents: DocumentStore,
    asked: Answers,
    bus: MessageBus,
    clock: Clock,
    run_id: str | None = None,
) -> Document:
    """The standing and alerts of one period, from answers at least as new as the ticket."""
    path = standing_path(org_slug, budget.budget_id, period.key)
    ticket = documents.transact(lambda transaction: take_ticket(transaction, path))
    asked.renew(org_slug)
    now = clock.now()
    try:
        spend = read_spend(asked, org_slug, budget, period, now, asked.lags(org_slug))
        drivers = read_drivers(asked, org_slug, budget, period, compared_days(spend, period, now))
        one_view = _in_one_view(org_slug, budget, period, documents, asked)
    except BeyondRange as error:
        _note_problem(org_slug, budget.budget_id, documents, str(error))
        raise
    _note_problem(org_slug, budget.budget_id, documents, None)
    assessment = assess(budget, period, spend, drivers, now, one_view)
    facts = facts_of(assessment, now)
    documents.transact(lambda transaction: record(transaction, org_slug, path, ticket, assessment, facts, now))
    resolve_past(org_slug, budget, period, documents, now)
    announce(org_slug, {"budget_id": budget.budget_id}, documents, bus, run_id)
    asked.keep(org_slug)
    return facts


def _in_one_view(
    org_slug: str, budget: Budget, period: BudgetPeriod, documents: DocumentStore, asked: Asked
) -> tuple[OneView, ...]:
    known = shown_in_one_view(documents, org_slug, budget.metric)
    charged = read_deliveries(asked, org_slug, budget, period, [one.delivery_id for one in known])
    return tuple(one for one in known if one.delivery_id in charged)


def _note_problem(org_slug: str, budget_id: str, documents: DocumentStore, problem: str | None) -> None:
    """Say on the budget why its spend cannot be told; None once it can."""
    path = below(org_slug, "budgets", budget_id)

    def work(transaction: Transaction) -> None:
        document = transaction.get(path)
        if document is not None and document.get("problem") != problem:
            transaction.set(path, {**document, "problem": problem})

    documents.transact(work)


def _for_each_budget(org_slug: str, documents: DocumentStore, work: Callable[[Budget], object]) -> None:
    unreadable: list[str] = []
    for budget_id, document in documents.list(below(org_slug, "budgets")):
        try:
            budget = from_document(document)
        except (InvalidBudget, KeyError) as error:
            unreadable.append(f"{budget_id} ({error})")
            continue
        with suppress(BeyondRange):  # it stands on the budget; the next delivery or check asks again
            work(budget)
    if unreadable:
        raise BadConfiguration(f"budgets that cannot be read: {'; '.join(unreadable)}; remove them and add them again")
