"""The message about a delivery that readers see now, after which budgets are evaluated."""

from __future__ import annotations

from common.messages import ChargesNormalized
from common.ports import Runtime
from common.records.deliveries import Delivery


def announce(rt: Runtime, shown: Delivery, restatement: bool, run_id: str) -> None:
    """Publish it.  restatement: readers saw another delivery before."""
    message = ChargesNormalized(
        org_slug=shown.org_slug,
        integration_id=shown.integration_id,
        billing_period=shown.billing_period,
        delivery_id=shown.delivery_id,
        rows=shown.rows or 0,
        totals=dict(shown.totals or {}),
        restatement=restatement,
        run_id=run_id,
    )
    rt.bus.publish(message)
