"""ingest_saas: ingest-saas -> months of a ledger of subscriptions in object storage, control totals -> bill-landed, one per chunk."""

import functions_framework

from common.ingestion.ingest import ingest
from common.messages import IngestBill
from common.runtime.bootstrap import runtime
from common.runtime.entrypoint import handles


@functions_framework.cloud_event
@handles(IngestBill)
def ingest_saas(message: IngestBill) -> None:
    """Land the months that an organization's ledger of subscriptions has charges in.  Safe to repeat.

    A ledger without a charge ends the run as waiting.  Raises Permanent for a ledger that cannot be read.
    """
    ingest(message, runtime())
