"""Compressed files that are too large to be mapped within one request: a job unpacks each, and it is landed as what is in it.

A compressed stream cannot be cut, and unpacking it may take longer than a request.  So its message notes the file below `unpackings` and
starts the job; the job copies the file, writes it unpacked under the name that its copy would have, and publishes the message again.
From then on it is a plain file, which is cut into ranges.  Decision 24 gives the reasons.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, BinaryIO, cast

from common.errors import AGAIN, BadBill, Changed, CostError, Permanent
from common.formats import container as containers
from common.formats.bounds import TRUNCATED, breaks_off, most_unpacked, too_much
from common.ingestion.landed_files import Ports
from common.ingestion.listing import Listing
from common.ingestion.progress import LandingProgress
from common.ingestion.reading import Unread, fetch
from common.messages import IngestBill
from common.messages.cloudevent import decode, encode
from common.ports import Clock, Document, Runtime, StoredObject, Transaction
from common.ports.bus import MAX_ATTEMPTS
from common.records.integrations import CLAIM, LANDS_WITHIN, claim_landing, load_integration, note_sync
from common.records.names import key_of
from common.records.runs import ENDED, fail_run, load_run
from common.telemetry import counted, span

JOB = "unpack-files"
TAKEN_FOR = timedelta(minutes=10)
"""After which a file whose execution shows no sign of life is another one's."""
SIGN_OF_LIFE = timedelta(minutes=1)
_COLLECTION = "unpackings"
_PIECE_BYTES = 4 << 20

Opened = Callable[[IngestBill, Runtime], tuple[Ports, Listing, Unread]]
"""What a message of one file is about, as one_file.py opens it."""


def request_unpacking(message: IngestBill, one: Unread, rt: Runtime, opened: Opened) -> None:
    """Note the file of a message, and start the job.  Safe to repeat: of several runs that need it, the last one goes on with it."""
    path = f"{_COLLECTION}/{key_of(message.org_slug, message.integration_id, one.key)}"
    event = encode(message, path.rpartition("/")[2], rt.clock.now())

    def work(transaction: Transaction) -> None:
        before = transaction.get(path) or {"tries": 0, "taken": None}
        transaction.set(path, {**before, "event": event, "requested_at": rt.clock.now().isoformat()})

    rt.documents.transact(work)
    rt.jobs.start(JOB, lambda: unpack_noted(rt, path, opened))


def unpack_noted(rt: Runtime, execution: str, opened: Opened) -> None:
    """Unpack every file that is noted and that no other execution works on, one after the other.

    execution: whose tries these are; a repeated one goes on with what it had taken.  A file that cannot be unpacked does not keep the
    others from it.  Raises the last error that another try may get over.
    """
    failed: CostError | None = None
    tried: set[str] = set()
    while waiting := [name for name, _ in rt.documents.list(_COLLECTION) if name not in tried]:
        for name in waiting:
            tried.add(name)
            taken = _take(rt, f"{_COLLECTION}/{name}", execution)
            if taken is None:
                continue
            try:
                _unpack(rt, taken, f"{_COLLECTION}/{name}", execution, opened)
            except CostError as error:
                if isinstance(error, Permanent) or taken["tries"] >= MAX_ATTEMPTS:
                    _give_up(rt, taken, f"{_COLLECTION}/{name}", error)
                else:
                    failed = error
    if failed is not None:
        raise failed


def _take(rt: Runtime, path: str, execution: str) -> Document | None:
    """The document of a file that is this execution's from now on; None where it is another's, or done."""

    def work(transaction: Transaction) -> Document | None:
        document = transaction.get(path)
        now = rt.clock.now()
        if document is None or _is_of_another(document["taken"], execution, now):
            return None
        after = {**document, "tries": document["tries"] + 1, "taken": _taken(execution, now)}
        transaction.set(path, after)
        return after

    return rt.documents.transact(work)


def _is_of_another(taken: Mapping[str, str] | None, execution: str, now: datetime) -> bool:
    return bool(taken and taken["by"] != execution and datetime.fromisoformat(taken["until"]) > now)


def _taken(execution: str, now: datetime) -> dict[str, str]:
    return {"by": execution, "until": (now + TAKEN_FOR).isoformat()}


def _unpack(rt: Runtime, document: Document, path: str, execution: str, opened: Opened) -> None:
    message = _message(document)
    if _is_over(rt, message):
        rt.documents.delete(path)
        return
    ports, listing, one = opened(message, rt)

    def alive() -> None:
        rt.documents.update(path, {"taken": _taken(execution, rt.clock.now())})
        _keep_claim(rt, message)

    try:
        if ports.known.stored(one.key) is None:
            with span("unpack part", part=one.part.name):
                unpack_part(listing, one, ports, alive)
    except (Changed, BadBill) as error:
        if isinstance(error, BadBill):
            ports.known.refuse(one.key, str(error))  # what has changed is found by the next listing instead
        if LandingProgress(rt.documents, message.org_slug, message.run_id).close(one.key):
            rt.bus.publish(replace(message, file=None))
        rt.documents.delete(path)
        return
    rt.bus.publish(_message(rt.documents.get(path) or document))  # of the run that asked last
    rt.documents.delete(path)


def unpack_part(listing: Listing, one: Unread, ports: Ports, alive: Callable[[], None]) -> StoredObject:
    """Copy a part, write it unpacked in the copy's place, and know it by that.  alive: called now and then meanwhile.

    Safe to repeat: a copy that is whole is not made again.  Raises BadBill for a stream that breaks off or holds more than a bill would,
    Changed for a file that is not as it was listed, NotReady for one that is not whole yet.
    """

    def watched(stream: BinaryIO) -> BinaryIO:
        return cast(BinaryIO, _Watched(stream, alive, _any_size, ports.clock))

    packed_key = f"{one.key}.packed"
    packed = ports.known.stored(packed_key)
    if packed is None:
        packed = fetch(listing, one.part, ports.known.incoming(packed_key), ports, watched)
        ports.known.keep(packed_key, part=one.part.name, **vars(packed))
    with _unpacked(packed, one.part.name, ports, alive) as stream:
        plain = ports.objects.put(ports.known.incoming(one.key), stream)
    counted(unpacked_bytes=plain.size_bytes)
    ports.known.keep(one.key, part=one.part.name, **vars(plain))
    ports.known.settle(packed_key, None)
    return plain


@contextmanager
def _unpacked(packed: StoredObject, label: str, ports: Ports, alive: Callable[[], None]) -> Iterator[BinaryIO]:
    content, compression = containers.compressed(ports.objects.readable(packed.uri), label)
    most = most_unpacked(content)

    def bounded(size_bytes: int) -> None:
        if size_bytes > most:
            raise too_much(content, label, "import it unpacked")

    try:
        with closing(containers.decompressed(content, compression)) as stream:
            yield cast(BinaryIO, _Watched(stream, alive, bounded, ports.clock))
    except TRUNCATED as error:
        raise breaks_off(label, compression) from error


class _Watched(io.RawIOBase):
    """A stream that shows signs of life while it is read.  bounded: told how many bytes have come, to raise where they are too many."""

    def __init__(
        self, stream: BinaryIO, alive: Callable[[], None], bounded: Callable[[int], None], clock: Clock
    ) -> None:
        self._stream, self._alive, self._bounded, self._clock = stream, alive, bounded, clock
        self._size_bytes, self._next = 0, clock.now()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        piece = self._stream.read(min(len(view), _PIECE_BYTES))
        view[: len(piece)] = piece
        self._size_bytes += len(piece)
        self._bounded(self._size_bytes)
        if self._clock.now() >= self._next:
            self._next = self._clock.now() + SIGN_OF_LIFE
            self._alive()
        return len(piece)


def _any_size(size_bytes: int) -> None:
    pass


def _message(document: Mapping[str, Any]) -> IngestBill:
    return cast(IngestBill, decode(document["event"]))


def _is_over(rt: Runtime, message: IngestBill) -> bool:
    """Whether nobody waits for the file any more."""
    if rt.documents.get(f"orgs/{message.org_slug}") is None:
        return True
    run = load_run(rt.documents, message.org_slug, message.run_id)
    return run is None or run.has_landed or run.status in ENDED


def _keep_claim(rt: Runtime, message: IngestBill) -> None:
    """A run that lands its integration's files goes on doing so."""
    integration = load_integration(rt.documents, message.org_slug, message.integration_id)
    if (integration.get(CLAIM) or {}).get("run_id") == message.run_id:
        now = rt.clock.now()
        claim_landing(rt.documents, now, message.org_slug, message.integration_id, message.run_id, now + LANDS_WITHIN)


def _give_up(rt: Runtime, document: Mapping[str, Any], path: str, error: CostError) -> None:
    """The run ends with the reason; the next one tries again."""
    message = _message(document)
    reason = str(error).replace(AGAIN, f"given up after {MAX_ATTEMPTS} tries")
    fail_run(rt.documents, rt.clock, message.org_slug, message.run_id, reason)
    note_sync(rt.documents, rt.clock.now(), message.org_slug, message.integration_id, reason)
    LandingProgress(rt.documents, message.org_slug, message.run_id).clear()
    rt.documents.delete(path)
