"""Landing: from files at a location to deliveries in object storage, with their control totals, announced chunk by chunk.

The steps that all ingest functions share.  Idempotent: the same bytes land as the same delivery, and an interrupted
landing continues.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from common.errors import BadBill, NotFound, Retryable
from common.formats.recognition import SourceFormat
from common.formats.totals import Total
from common.ingestion.landed_files import Fetched, Ports
from common.ingestion.listing import Listing
from common.ingestion.reading import (
    IngestRequest,
    Read,
    Unread,
    fetch_all,
    keys_of,
    one_format,
    periods,
    read_all,
    to_unpack,
    unknown_names,
    unread,
)
from common.ingestion.storing import store
from common.ports import StoredObject
from common.providers.discovery import FoundDelivery, FoundPart
from common.providers.provider import ProviderRules
from common.records.deliveries import (
    CURRENT,
    FINISHED,
    HELD,
    JOINED,
    LANDED,
    NOT_COUNTED,
    REJECTED,
    Delivery,
    change,
    delivery_path,
    identify,
    load,
    of_slice,
)
from common.records.joining import best, completeness, joined
from common.records.parts import Part, chunks_of, part_control
from common.telemetry import counted

FEW, SMALL_BYTES = 8, 64 << 20
"""So many files, or so little of them, are read where they were found: messages of their own would take longer."""
MOST_FILES = 20_000
"""Files of all months together where nothing at a location says which month each is of: what is known of them fits a document."""
MOST_PARTS = 1_000
"""Parts of one delivery: what its document holds, with room for what is told of it later (1 MiB; about 570 bytes a part)."""

MOST_CHUNKS = 2_000
"""Chunks of one delivery, for the same reason (about 95 bytes a range)."""


@dataclass(frozen=True)
class _Arrival:
    """What was found and read, and what it is landed with.  notes: on all of it."""

    request: IngestRequest
    found: FoundDelivery
    reads: Sequence[Read]
    source_format: SourceFormat
    notes: Sequence[str]
    ports: Ports

    def store(self, delivery: Delivery) -> Delivery:
        return store(delivery, self.found, self.ports)

    def notes_of(self, parts: Sequence[Part]) -> tuple[str, ...]:
        """Also what is to be said of one view of a month without the other."""
        pair = self.source_format.pair
        role = pair.half_of(part.role for part in parts) if pair else None
        return (*self.notes, pair.alone[role]) if pair and role else tuple(self.notes)


class ManyUnread(Exception):
    """The files of a delivery are too many to be read by one message, or some are to be unpacked first."""

    def __init__(self, unread: Sequence[Unread]) -> None:
        super().__init__(f"{len(unread)} files")
        self.unread = unread


def land(
    request: IngestRequest, listing: Listing, found: FoundDelivery, ports: Ports, rules: ProviderRules
) -> list[Delivery]:
    """Land one found delivery: one Delivery per billing period in it; each chunk is announced as `bill-landed`.

    One that is known, and of which nothing is left to do, is told from its key: nothing of it is read.  A bill that cannot be read
    leaves a rejected delivery that says why.  Raises BadBill after recording it, TimeUsed where the rest is for another message, ManyUnread
    where it is for several.
    """
    key = ports.known.key_of_delivery(listing.uri, found, listing.versions, request.billing_periods)
    before = _landed_before(request, ports.known.landed(key), ports)
    if before is not None:
        return before
    if len(found.parts) > MOST_FILES:
        raise BadBill(_too_many(len(found.parts), MOST_FILES))
    packed = _to_unpack(listing, found, key, ports)
    if packed:
        raise ManyUnread(packed)
    missing = unread(listing, found, ports, rules)
    if len(missing) > FEW and listing.size_of(one.part.name for one in missing) > SMALL_BYTES:
        raise ManyUnread(missing)
    fetched = fetch_all(listing, found, ports)
    try:
        made = _land_fetched(request, found, fetched, key, ports, rules)
    except NotFound as error:
        raise Retryable("another worker landed the same files at the same time; they are checked again") from error
    lasting = {part.digest: part.uri for delivery in made for part in delivery.parts}
    for one in fetched:
        # of a file without lines nothing need be kept but that it has none; one of other months is fetched when they are asked for
        nowhere = "" if ports.known.is_blank(one.key) else None
        ports.known.settle(one.key, lasting.get(one.stored.digest, nowhere))
    _record_outcome(key, fetched, ports, delivery_ids=[one.delivery_id for one in made])
    return made


def _to_unpack(listing: Listing, found: FoundDelivery, key: str, ports: Ports) -> list[Unread]:
    try:
        return to_unpack(listing, found, ports)
    except BadBill as error:
        for one in keys_of(ports.known, listing, found.parts):
            ports.known.settle(one, None)
        _record_outcome(key, (), ports, refused=str(error))
        raise


def _land_fetched(
    request: IngestRequest,
    found: FoundDelivery,
    fetched: Sequence[Fetched],
    key: str,
    ports: Ports,
    rules: ProviderRules,
) -> list[Delivery]:
    try:
        parts, notes = read_all(request, fetched, ports, rules, manifest=found.version is not None)
        arrival = _Arrival(request, found, parts, one_format(parts), notes, ports)
        wanted = periods(parts, request)
        ports.time_limit.check()
        return [delivery for period in wanted for delivery in _deliver(arrival, period)]
    except BadBill as error:
        if len(fetched) <= MOST_PARTS:
            _record_rejected(request, found, fetched, str(error), ports)
        for one in fetched:
            ports.known.settle(one.key, None)
        _record_outcome(key, fetched, ports, refused=str(error))
        raise


def _landed_before(request: IngestRequest, known: Mapping[str, Any], ports: Ports) -> list[Delivery] | None:
    """What a found delivery became; None where that is not known, or something is left to do.  Raises BadBill where this run refused it."""
    if known.get("refused"):
        raise BadBill(known["refused"])
    if "delivery_ids" not in known:
        return None
    loaded = [load(ports.documents, request.org_slug, delivery_id) for delivery_id in known["delivery_ids"]]
    there = [one for one in loaded if one is not None]
    if known["run_id"] != request.run_id and (len(there) < len(loaded) or any(one.state in _OPEN for one in there)):
        return None
    return there


_OPEN = frozenset({LANDED, HELD})
"""What another run left to do: a delivery whose messages may be lost, or that may be shown by now."""


def _record_outcome(key: str, fetched: Sequence[Fetched], ports: Ports, **outcome: Any) -> None:
    ports.known.note_landed(key, [one.key for one in fetched], **outcome)


def _too_many(parts: int, most: int = MOST_PARTS) -> str:
    return f"the delivery has {parts:,} files, at most {most:,} are accepted: export larger files, or one day or account at a time"


def _excess(parts: Sequence[Part]) -> str | None:
    """Why parts are too many for one delivery; None where they are not."""
    if len(parts) > MOST_PARTS:
        return _too_many(len(parts))
    chunks = len(chunks_of(parts))
    if chunks <= MOST_CHUNKS:
        return None
    return f"the delivery is cut into {chunks:,} chunks, at most {MOST_CHUNKS:,} are accepted: export one day or account at a time"


def _deliver(arrival: _Arrival, period: str) -> list[Delivery]:
    """What shows what was found of one month: a delivery itself, or one that it belongs to.  Announces it where work is left.

    Where its time was put right, and another delivery is to be shown now, that one too.
    """
    ports, source_format = arrival.ports, arrival.source_format
    own = arrival.store(_own(arrival, period))
    if own.state in NOT_COUNTED:
        return [own]
    # written first, looked around then: of several that land at once the last one sees all
    others = of_slice(ports.documents, own.slice)
    whole = joined(own, others, source_format)
    if whole.delivery_id == own.delivery_id:
        # what contains the others' files is as new as the newest of them
        now = {"state": LANDED if own.state == JOINED else own.state, "delivered_at": whole.delivered_at}
        delivery = own if own.with_(**now) == own else change(ports.documents, own, **now)
    else:
        excess = _excess(whole.parts)
        if excess:
            return [change(ports.documents, own, state=REJECTED, reason=excess)]
        delivery = arrival.store(_as_landed(whole, arrival))
        if own.state == LANDED:
            # what readers still see keeps its claims until they see the whole
            state = CURRENT if own.was_current else JOINED
            change(ports.documents, own, state=state, joined_into=delivery.delivery_id)
    landed = [delivery]
    if own.moved:
        to_show = _to_show(own, arrival)
        if to_show is not None:
            landed = [to_show, *(one for one in landed if one.delivery_id != to_show.delivery_id)]
    for one in landed:
        if one.state not in FINISHED:
            # each run that lands it hears what becomes of its own messages
            ports.bus.publish_all([replace(message, run_id=arrival.request.run_id) for message in one.messages()])
    if own.moved:
        change(ports.documents, own, moved=False)
    return landed


def _to_show(own: Delivery, arrival: _Arrival) -> Delivery | None:
    """After a time was put right: the delivery of the slice that is to be shown now, to be looked at; None where there is nothing to do."""
    ports = arrival.ports
    wanted = best(of_slice(ports.documents, own.slice), arrival.source_format)
    if wanted is None:
        return None
    if wanted.joined_from:
        wanted = arrival.store(_as_landed(wanted, arrival))
    if wanted.state in (*NOT_COUNTED, CURRENT, LANDED):
        return wanted if wanted.state == LANDED else None
    return change(ports.documents, wanted, state=LANDED, was_shown=wanted.has_been_shown)


def _as_landed(whole: Delivery, arrival: _Arrival) -> Delivery:
    """A delivery that was joined, as it lands now; what is known of the one that it is made from is not known of it."""
    return replace(
        whole.as_new(),
        cost_column=arrival.source_format.cost,
        state=LANDED,
        run_id=arrival.request.run_id,
        landed_at=arrival.ports.clock.now(),
        version=arrival.found.version,
        notes=arrival.notes_of(whole.parts),
    )


def _own(arrival: _Arrival, period: str) -> Delivery:
    """What was found, as a delivery of one month."""
    request, found, reads, source_format = arrival.request, arrival.found, arrival.reads, arrival.source_format
    first = min(found_period for read in reads for found_period in read.control.periods)
    parts: list[Part] = []
    for read in reads:
        # the file's own first month, so that its strays stay there whatever it is delivered with
        takes_strays = period == min(read.control.periods, default=first)
        control, others = part_control(read.control, period, takes_strays)
        if control:
            parts.append(_part(len(parts), read, control, others, takes_strays))
    excess = _excess(parts)
    if excess:
        raise BadBill(f"{period}: {excess}")
    if source_format.adds_up:
        parts = [replace(part, chunk=number) for number, part in enumerate(sorted(parts, key=_by_name))]
    return Delivery(
        delivery_id=identify(request.integration_id, period, [(part.role, part.digest) for part in parts]),
        org_slug=request.org_slug,
        integration_id=request.integration_id,
        provider=request.provider,
        source_format=source_format.name,
        billing_period=period,
        delivered_at=found.delivered_at,
        state=LANDED,
        parts=tuple(parts),
        run_id=request.run_id,
        landed_at=arrival.ports.clock.now(),
        version=found.version,
        unknown_columns=unknown_names(name for read in reads for name in read.unknown),
        notes=arrival.notes_of(parts),
        seen_at=found.seen_at or found.delivered_at,
        completeness=completeness(parts, source_format),
        cost_column=source_format.cost,
    )


def _by_name(part: Part) -> tuple[str, str]:
    return part.name, part.digest


def _part(chunk: int, read: Read, control: Mapping[str, Total], others: int, takes_strays: bool) -> Part:
    stored = read.stored
    return Part(
        chunk, read.found.name, stored.uri, stored.size_bytes, stored.digest, read.role,
        control, others, takes_strays, read.ranges,
    )  # fmt: skip


def _record_rejected(
    request: IngestRequest, found: FoundDelivery, fetched: Sequence[Fetched], reason: str, ports: Ports
) -> None:
    delivery_id = identify(
        request.integration_id, found.billing_period or "", [(one.found.role, one.stored.digest) for one in fetched]
    )
    folder = f"raw/{request.org_slug}/{request.integration_id}/rejected/{delivery_id}"
    parts = [_keep_rejected(number, one.found, one.stored, folder, ports) for number, one in enumerate(fetched)]
    delivery = Delivery(
        delivery_id=delivery_id,
        org_slug=request.org_slug,
        integration_id=request.integration_id,
        provider=request.provider,
        source_format="",
        billing_period=found.billing_period or "",
        delivered_at=found.delivered_at,
        state=REJECTED,
        parts=tuple(parts),
        run_id=request.run_id,
        landed_at=ports.clock.now(),
        version=found.version,
        reason=reason,
    )
    ports.documents.set(delivery_path(request.org_slug, delivery_id), delivery.as_document())
    counted(deliveries_rejected=1)


def _keep_rejected(number: int, part: FoundPart, item: StoredObject, folder: str, ports: Ports) -> Part:
    """The part under a name that its bytes tell, so that they are kept once, however often they come."""
    kept = ports.objects.copy(item.uri, f"{folder}/{item.digest.rpartition(':')[2][:20]}")
    return Part(number, part.name, kept.uri, item.size_bytes, item.digest)
