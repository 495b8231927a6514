"""clean_up: clean-up-requested -> what is past its life is removed."""

import functions_framework

from common.messages import CleanUpRequested
from common.running_costs.noting import on_clean_up
from common.runtime.bootstrap import runtime
from common.runtime.entrypoint import handles


@functions_framework.cloud_event
@handles(CleanUpRequested)
def clean_up(message: CleanUpRequested) -> None:
    """Remove what of an organization is past its life; without an organization, ask for each.  Safe to repeat.

    Before, note what the last days took of the platform, where the operator has an organization (docs/platform-bill.md).

    Raises BadConfiguration for a life that is not valid, before anything is removed.
    """
    on_clean_up(message, runtime())
