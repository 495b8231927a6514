"""normalize_focus: bill-landed -> FOCUS 1.3 rows -> delivery-mapped -> proved, in the warehouse -> charges-normalized."""

import functions_framework

from common.messages import BillLanded, DeliveryMapped
from common.normalization.finish import finish
from common.normalization.normalize import normalize
from common.runtime.bootstrap import runtime
from common.runtime.entrypoint import handles


@functions_framework.cloud_event
@handles(BillLanded, DeliveryMapped)
def normalize_focus(message: BillLanded | DeliveryMapped) -> None:
    """Map one chunk, or prove a delivery whose chunks are all mapped and show it.  Safe to repeat and to reorder."""
    if isinstance(message, DeliveryMapped):
        finish(message, runtime())
    else:
        normalize(message, runtime())
