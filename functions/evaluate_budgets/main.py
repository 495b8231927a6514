"""evaluate_budgets: charges-normalized, budget-check-requested -> alerts and the outbox -> alert-raised."""

import functions_framework

from common.budgets.checking import check
from common.budgets.evaluation import evaluate
from common.messages import BudgetCheckRequested, ChargesNormalized
from common.runtime.bootstrap import runtime
from common.runtime.entrypoint import handles


@functions_framework.cloud_event
@handles(ChargesNormalized, BudgetCheckRequested)
def evaluate_budgets(message: ChargesNormalized | BudgetCheckRequested) -> None:
    """Compare the tenant's budgets with what has been spent.  Safe to repeat and to reorder."""
    rt = runtime()
    if isinstance(message, BudgetCheckRequested):
        check(message, rt.documents, rt.warehouse, rt.bus, rt.clock)
    else:
        evaluate(message, rt.documents, rt.warehouse, rt.bus, rt.clock)
