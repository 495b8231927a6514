"""normalize_focus: bill-landed -> FOCUS 1.3 rows, proved, in the warehouse -> charges-normalized."""

import functions_framework

from common.messages import BillLanded
from common.normalization.normalize import normalize
from common.runtime.bootstrap import runtime
from common.runtime.entrypoint import handles


@functions_framework.cloud_event
@handles(BillLanded)
def normalize_focus(message: BillLanded) -> None:
    """Map one chunk; whoever completes the last one proves the delivery and shows it.  Safe to repeat and to reorder."""
    normalize(message, runtime())
