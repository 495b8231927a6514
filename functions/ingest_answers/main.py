"""ingest_answers: ingest-openrouter, -xai, -github, -claude -> raw answers of APIs in object storage, control totals -> bill-landed."""

import functions_framework

from common.ingestion.ingest import ingest
from common.messages import IngestBill
from common.runtime.bootstrap import runtime
from common.runtime.entrypoint import handles


@functions_framework.cloud_event
@handles(IngestBill)
def ingest_answers(message: IngestBill) -> None:
    """Land the costs of OpenRouter, xAI, GitHub or Claude Enterprise of one integration.  Safe to repeat.

    A delivery that its provider is still writing ends the run as waiting.  Raises Permanent for a location or a bill that cannot be read.
    """
    ingest(message, runtime())
