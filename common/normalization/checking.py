"""A chunk's message and the bytes in object storage must match what the delivery's document recorded at landing."""

from __future__ import annotations

from common.errors import MalformedMessage, NotFound, Permanent
from common.messages import BillLanded
from common.ports import ObjectStore
from common.records.deliveries import Delivery
from common.records.parts import Chunk

_AGREEING = ("integration_id", "billing_period", "chunks", "uri", "size_bytes", "digest")
_FIX = "restore the landed file, then run costwire replay"


def landed_chunk(message: BillLanded, delivery: Delivery) -> Chunk:
    """The chunk that the message names.  Raises MalformedMessage where the message contradicts the delivery's document."""
    chunks = delivery.chunks
    if not 0 <= message.chunk < len(chunks):
        raise MalformedMessage(f"chunk is {message.chunk}, delivery {message.delivery_id} has {len(chunks)}")
    told = delivery.messages()[message.chunk]
    for name in _AGREEING:
        found, expected = getattr(message, name), getattr(told, name)
        if found != expected:
            raise MalformedMessage(
                f"chunk {message.chunk} of delivery {message.delivery_id}: the message says {name} {str(found)[:200]!r}, "
                f"expected {expected!r} as landed; costwire replay --delivery {message.delivery_id} sends the correct ones"
            )
    return chunks[message.chunk]


def check_stored(chunk: Chunk, objects: ObjectStore) -> None:
    """Nothing where the stored bytes are those that were landed.  Raises NotFound, Permanent for other bytes.

    The store has kept the digest beside the bytes, so nothing is read here.
    """
    part = chunk.part
    try:
        stored = objects.stat(part.uri)
    except NotFound as error:
        raise NotFound(f"object {part.uri}, chunk {chunk.number} of the delivery, is missing: {_FIX}") from error
    if stored.digest != part.digest:
        raise Permanent(
            f"object {part.uri}, chunk {chunk.number} of the delivery, has different content than was landed ({stored.digest}, expected "
            f"{part.digest}): {_FIX}"
        )
