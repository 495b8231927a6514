"""Files of a delivery once they are copied, and what landing needs to work on them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from common.errors import NotFound, UnknownFormat
from common.formats import container as containers
from common.formats.ranges import Range
from common.formats.recognition import recognise
from common.ingestion.known import Known
from common.ingestion.progress import TimeLimit
from common.ports import Clock, DocumentStore, MessageBus, ObjectStore, Runtime, StoredObject
from common.providers.discovery import FoundPart
from common.providers.provider import Opened


@dataclass(frozen=True)
class Ports:
    """What landing needs.  known: what is known of the files already; time_limit: how far this message goes.

    chunk_bytes: a file with more text is cut into chunks.  packed_bytes: a larger compressed one is unpacked by a job.
    """

    documents: DocumentStore
    objects: ObjectStore
    bus: MessageBus
    clock: Clock
    known: Known
    time_limit: TimeLimit
    chunk_bytes: int
    packed_bytes: int


def ports_of(rt: Runtime, known: Known, time_limit: TimeLimit) -> Ports:
    """What a message needs to land files."""
    settings = rt.settings
    return Ports(
        rt.documents, rt.objects, rt.bus, rt.clock, known, time_limit, settings.chunk_bytes, settings.packed_bytes
    )


@dataclass(frozen=True)
class Fetched:
    """One part, copied into the store.  key: what is known of it is kept under this."""

    found: FoundPart
    stored: StoredObject
    key: str


@contextmanager
def opened(one: Fetched, ports: Ports, only: Range | None = None) -> Iterator[Opened]:
    """A part, or a range of it, with its format.  Raises BadBill; Retryable for a copy that is gone."""
    try:
        readable = ports.objects.readable(one.stored.uri)
    except NotFound as error:
        raise ports.known.gone(one.stored.uri) from error
    with containers.opened(readable, one.found.name, only) as container:
        try:
            yield container, recognise(container.names)
        except UnknownFormat as error:
            raise UnknownFormat(f"{one.found.name}: {error}") from None
