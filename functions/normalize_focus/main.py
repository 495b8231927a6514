"""normalize_focus: bill-landed -> FOCUS 1.3 rows, proved, in the warehouse -> charges-normalized."""

import functions_framework

from common.bills.deliveries import FINISHED, chunks_path, load
from common.bills.runs import finish_runs
from common.bootstrap import runtime
from common.entrypoint import handles
from common.errors import BadBill, NotFound
from common.messages import BillLanded
from common.telemetry import counted, skipped

from .checking import check_stored, landed_part
from .chunk import normalize_chunk
from .finish import finish, reject


@functions_framework.cloud_event
@handles(BillLanded)
def normalize_focus(message: BillLanded) -> None:
    """Map one chunk; whoever completes the last one proves the delivery and shows it.  Safe to repeat and to reorder.

    Raises NotFound for a delivery that is not known or a raw file that is gone, MalformedMessage for a message that contradicts the
    delivery's document, Permanent for bytes that are not those that were landed, NoSpace on a full disk; what is wrong with the bill
    rejects the delivery instead.
    """
    rt = runtime()
    delivery = load(rt.documents, message.org_slug, message.delivery_id)
    if delivery is None:
        raise NotFound(f"there is no delivery {message.delivery_id} in {message.org_slug}; sync the integration again")
    part = landed_part(message, delivery)
    if delivery.state in FINISHED:
        finish_runs(rt.documents, rt.clock, delivery)  # whoever finished it may have died before this
        skipped()
        return
    path = f"{chunks_path(delivery.org_slug, delivery.delivery_id)}/{message.chunk:05d}"
    if rt.documents.get(path) is None:
        check_stored(part, rt.objects)
        try:
            result = normalize_chunk(delivery, part, rt)
            rt.documents.set(path, result)
            counted(rows=result["rows"], quarantined_rows=result["quarantined_lines"])
        except BadBill as error:
            reject(delivery, str(error), rt, part)
            return
    finish(delivery, rt)
