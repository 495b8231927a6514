"""dispatch_sync: sync-requested -> one ingest-<provider> for each integration that it concerns."""

import functions_framework

from common.ingestion.dispatch import dispatch
from common.messages import SyncRequested
from common.runtime.bootstrap import runtime
from common.runtime.entrypoint import handles


@functions_framework.cloud_event
@handles(SyncRequested)
def dispatch_sync(message: SyncRequested) -> None:
    """Fan one request out over tenants and integrations.  Safe to repeat: the run ids are the same each time.

    Raises NotFound for a tenant or an integration that is named and not there, BadConfiguration for a tenant that may not run.
    """
    dispatch(message, runtime())
