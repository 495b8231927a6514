"""evaluate_budgets: charges-normalized -> alerts and the outbox -> alert-raised."""

import functions_framework

from common.bootstrap import runtime
from common.entrypoint import handles
from common.messages import ChargesNormalized

from .evaluation import evaluate


@functions_framework.cloud_event
@handles(ChargesNormalized)
def evaluate_budgets(message: ChargesNormalized) -> None:
    """Compare the tenant's budgets with what has been spent.  Safe to repeat and to reorder."""
    rt = runtime()
    evaluate(message, rt.documents, rt.warehouse, rt.bus, rt.clock)
