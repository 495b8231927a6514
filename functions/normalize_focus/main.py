"""normalize_focus: bill-landed -> FOCUS 1.3 rows -> delivery-mapped -> proved, in the warehouse -> charges-normalized."""

import functions_framework

from common.match.alarm import check_delivery
from common.messages import BillLanded, DeliveryMapped
from common.normalization.finish import finish
from common.normalization.normalize import normalize
from common.normalization.splitting import split_after
from common.runtime.bootstrap import runtime
from common.runtime.entrypoint import handles


@functions_framework.cloud_event
@handles(BillLanded, DeliveryMapped)
def normalize_focus(message: BillLanded | DeliveryMapped) -> None:
    """Map one chunk, or prove a delivery whose chunks are all mapped and show it.  Safe to repeat and to reorder."""
    rt = runtime()
    if isinstance(message, DeliveryMapped):
        finish(message, rt)
        split_after(rt, message.org_slug, message.delivery_id)
        check_delivery(rt, message.org_slug, message.provider, message.billing_period)
    else:
        normalize(message, rt)
