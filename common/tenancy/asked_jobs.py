"""Jobs that functions do: who runs one publishes the message of its schedule."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping

from common.messages import (
    SCHEDULE,
    BudgetCheckRequested,
    CleanUpRequested,
    Message,
    SubscriptionChanged,
    SyncRequested,
)
from common.ports import Runtime
from common.tenancy.jobs import JOBS, Job, Ran


def _asking(make: Callable[[str], Message], words: str) -> Ran:
    def run(rt: Runtime) -> list[str]:
        rt.bus.publish(make(f"job-{uuid.uuid4().hex[:12]}"))
        return [words]

    return run


ALL_JOBS: Mapping[str, Job] = {
    one.name: one
    for one in (
        Job(
            "dispatch",
            "fetch the bills of every organization that may run",
            "every 4 hours per organization (costwire schedule)",
            _asking(lambda name: SyncRequested(name, "job"), "bills of every organization are requested"),
            by_message=True,
        ),
        Job(
            "threshold-check",
            "compare the budgets that are due with what was spent",
            "every 5 minutes, each organization every 15",
            _asking(BudgetCheckRequested, "checks that are due are requested"),
            by_message=True,
        ),
        Job(
            "clean-up",
            "remove what is past its life, of every organization",
            "daily at 02:40 UTC",
            _asking(CleanUpRequested, "a clean-up of every organization is requested"),
            by_message=True,
        ),
        Job(
            "stripe-reconciliation",
            "compare every plan with its subscription, and look at trials that end",
            "daily at 03:10 UTC, where there are plans",
            _asking(lambda name: SubscriptionChanged(name, SCHEDULE), "a comparison with Stripe is requested"),
            by_message=True,
        ),
        *JOBS.values(),
    )
}
"""Name -> job: every job of the platform."""
