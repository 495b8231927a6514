"""One landed chunk, from its message to its rows; with the last one the delivery is mapped."""

from __future__ import annotations

from common.errors import BadBill
from common.messages import BillLanded, DeliveryMapped
from common.normalization.checking import check_stored, landed_chunk
from common.normalization.chunk import normalize_chunk
from common.normalization.finish import reject
from common.normalization.split_chunk import split_chunk
from common.ports import Runtime
from common.records.chunks import chunk_path, count_chunks
from common.records.deliveries import FINISHED, Delivery, load_known, note_waiting
from common.records.runs import finish_runs
from common.telemetry import counted, skipped


def normalize(message: BillLanded, rt: Runtime) -> None:
    """Map one chunk; whoever completes the last one announces that the delivery is mapped.  Safe to repeat and to reorder.

    Raises NotFound for a delivery that is not known or a raw file that is gone, MalformedMessage for a message that contradicts the
    delivery's document, Permanent for bytes that are not those that were landed, NoSpace on a full disk; what is wrong with the bill
    rejects the delivery instead.
    """
    delivery = load_known(rt.documents, message.org_slug, message.delivery_id)
    chunk = landed_chunk(message, delivery)
    if delivery.state in FINISHED:
        finish_runs(rt.documents, rt.clock, delivery)  # whoever finished it may have died before this
        skipped()
        return
    path = chunk_path(delivery.org_slug, delivery.delivery_id, message.chunk)
    if rt.documents.get(path) is None:
        try:
            if delivery.split_from:
                result = split_chunk(delivery, chunk, rt)
            else:
                check_stored(chunk, rt.objects)
                result = normalize_chunk(delivery, chunk, rt)
            rt.documents.set(path, result.as_document())
            counted(rows=result.rows, quarantined_rows=result.quarantined_lines)
        except BadBill as error:
            reject(delivery, str(error), rt, chunk.part)
            return
    _announce_if_mapped(delivery, rt)


def _announce_if_mapped(delivery: Delivery, rt: Runtime) -> None:
    """Two that finish at once may both announce it, one that is killed before this does so when its message comes again."""
    if count_chunks(rt.documents, delivery) < len(delivery.chunks):
        return
    note_waiting(rt.documents, delivery, rt.clock.now())
    rt.bus.publish(
        DeliveryMapped(
            org_slug=delivery.org_slug,
            integration_id=delivery.integration_id,
            provider=delivery.provider,
            billing_period=delivery.billing_period,
            delivery_id=delivery.delivery_id,
            run_id=delivery.run_id,
        )
    )
