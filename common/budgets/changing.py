"""Change a budget that is there: its amount, what it counts, when and whom it alerts."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from decimal import Decimal

from common.budgets.evaluation import evaluate_budget_now
from common.budgets.manage import BudgetReport, find_budget
from common.budgets.recording import resolve_gone
from common.domain.budgets import Budget, Scope, as_document, from_document
from common.errors import NotFound
from common.ports import Document, Runtime, Transaction
from common.records.channels import check_channels
from common.records.organizations import below


@dataclass(frozen=True)
class BudgetChanges:
    """New values of a budget's fields; None leaves one as it is.  owner: empty text for nobody.  channels: empty for the default ones.

    Period, currency and metric are not among them: alerts of another measure would be another budget's.
    """

    amount: Decimal | None = None
    scope: Scope | None = None
    thresholds: tuple[Decimal, ...] | None = None
    forecast_thresholds: tuple[Decimal, ...] | None = None
    owner: str | None = None
    channels: tuple[str, ...] | None = None

    def applied(self, budget: Budget) -> Budget:
        """The budget with the new values.  Raises InvalidBudget."""
        given = {one.name: getattr(self, one.name) for one in fields(self)}
        changed = replace(budget, **{name: value for name, value in given.items() if value is not None})
        return replace(changed, owner=changed.owner or None)


def change_budget(rt: Runtime, org_slug: str, name: str, changes: BudgetChanges) -> BudgetReport:
    """Change a budget, by its name or id, and evaluate it at once.  Alerts of thresholds that are gone are resolved.

    Raises NotFound, also for a channel that does not exist, InvalidBudget.
    """
    check_channels(rt.documents, org_slug, changes.channels or ())
    budget_id = find_budget(rt, org_slug, name)["budget_id"]
    path = below(org_slug, "budgets", budget_id)

    def work(transaction: Transaction) -> tuple[Budget, Document]:
        before = transaction.get(path)
        if before is None:
            raise NotFound(f"there is no budget '{name}'; costwire budgets list shows them")
        after = changes.applied(from_document(before))
        document = {**before, **as_document(after)}
        transaction.set(path, document)
        return after, document

    budget, document = rt.documents.transact(work)
    resolve_gone(org_slug, budget, rt.documents, rt.clock.now())
    facts = evaluate_budget_now(org_slug, budget_id, rt.documents, rt.warehouse, rt.bus, rt.clock)
    return BudgetReport(budget_id, budget.name, document, facts)
