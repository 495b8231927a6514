"""evaluate_budgets: charges-normalized, budget-check-requested -> alerts and the outbox -> alert-raised."""

import functions_framework

from common.bootstrap import runtime
from common.entrypoint import handles
from common.messages import BudgetCheckRequested, ChargesNormalized

from .checking import check
from .evaluation import evaluate


@functions_framework.cloud_event
@handles(ChargesNormalized, BudgetCheckRequested)
def evaluate_budgets(message: ChargesNormalized | BudgetCheckRequested) -> None:
    """Compare the tenant's budgets with what has been spent.  Safe to repeat and to reorder."""
    rt = runtime()
    if isinstance(message, BudgetCheckRequested):
        check(message, rt.documents, rt.warehouse, rt.bus, rt.clock)
    else:
        evaluate(message, rt.documents, rt.warehouse, rt.bus, rt.clock)
