"""One landed chunk, from its message to the delivery that is shown."""

from __future__ import annotations

from common.errors import BadBill, NotFound
from common.messages import BillLanded
from common.normalization.checking import check_stored, landed_part
from common.normalization.chunk import normalize_chunk
from common.normalization.finish import finish, reject
from common.ports import Runtime
from common.records.chunks import chunk_path
from common.records.deliveries import FINISHED, load
from common.records.runs import finish_runs
from common.telemetry import counted, skipped


def normalize(message: BillLanded, rt: Runtime) -> None:
    """Map one chunk; whoever completes the last one proves the delivery and shows it.  Safe to repeat and to reorder.

    Raises NotFound for a delivery that is not known or a raw file that is gone, MalformedMessage for a message that contradicts the
    delivery's document, Permanent for bytes that are not those that were landed, NoSpace on a full disk; what is wrong with the bill
    rejects the delivery instead.
    """
    delivery = load(rt.documents, message.org_slug, message.delivery_id)
    if delivery is None:
        raise NotFound(f"there is no delivery {message.delivery_id} in {message.org_slug}; sync the integration again")
    part = landed_part(message, delivery)
    if delivery.state in FINISHED:
        finish_runs(rt.documents, rt.clock, delivery)  # whoever finished it may have died before this
        skipped()
        return
    path = chunk_path(delivery.org_slug, delivery.delivery_id, message.chunk)
    if rt.documents.get(path) is None:
        check_stored(part, rt.objects)
        try:
            result = normalize_chunk(delivery, part, rt)
            rt.documents.set(path, result.as_document())
            counted(rows=result.rows, quarantined_rows=result.quarantined_lines)
        except BadBill as error:
            reject(delivery, str(error), rt, part)
            return
    finish(delivery, rt)
