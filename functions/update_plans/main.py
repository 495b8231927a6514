"""update_plans: subscription-changed -> the organization's plan, status and limits, notices -> alert-raised."""

import functions_framework

from common.messages import SubscriptionChanged
from common.runtime.bootstrap import runtime
from common.runtime.entrypoint import handles
from common.tenancy.following import on_hint


@functions_framework.cloud_event
@handles(SubscriptionChanged)
def update_plans(message: SubscriptionChanged) -> None:
    """Make an organization's plan what its subscription is now.  Safe to repeat and to reorder."""
    on_hint(message, runtime())
