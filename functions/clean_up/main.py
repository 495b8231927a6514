"""clean_up: clean-up-requested -> what is past its life is removed."""

import functions_framework

from common.messages import CleanUpRequested
from common.retention.requesting import on_request
from common.runtime.bootstrap import runtime
from common.runtime.entrypoint import handles


@functions_framework.cloud_event
@handles(CleanUpRequested)
def clean_up(message: CleanUpRequested) -> None:
    """Remove what of an organization is past its life; without an organization, ask for each.  Safe to repeat.

    Raises BadConfiguration for a life that is not valid, before anything is removed.
    """
    on_request(message, runtime())
