"""evaluate_budgets: charges-normalized, budget-check-requested -> alerts and the outbox -> alert-raised."""

import functions_framework

from common.budgets.checking import check
from common.budgets.evaluation import evaluate
from common.messages import BudgetCheckRequested, ChargesNormalized
from common.runtime.bootstrap import runtime
from common.runtime.entrypoint import handles
from common.tenancy.checks import request_due_checks


@functions_framework.cloud_event
@handles(ChargesNormalized, BudgetCheckRequested)
def evaluate_budgets(message: ChargesNormalized | BudgetCheckRequested) -> None:
    """Compare the tenant's budgets with what has been spent.  Safe to repeat and to reorder."""
    rt = runtime()
    if isinstance(message, ChargesNormalized):
        evaluate(message, rt.documents, rt.warehouse, rt.bus, rt.clock)
    elif message.org_slug:
        check(message.org_slug, rt.documents, rt.warehouse, rt.bus, rt.clock)
    else:
        request_due_checks(message, rt)
