"""Landing: from files at a location to deliveries in object storage, with their control totals, announced chunk by chunk.

What every ingest function does alike.  Safe to repeat: the same bytes land as the same delivery, and an interrupted
landing is taken up again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import PurePosixPath

from common.bills import container as containers
from common.bills.container import Container
from common.bills.control import control_totals
from common.bills.deliveries import (
    FINISHED,
    LANDED,
    REJECTED,
    Delivery,
    Part,
    delivery_path,
    identify,
    load,
    newest,
    part_control,
)
from common.bills.discovery import ACTUAL, AMORTIZED, WHOLE, FoundDelivery, FoundPart
from common.bills.formats import Matched, SourceFormat, recognise
from common.bills.integrations import TITLES
from common.bills.totals import ControlTotals, Total
from common.errors import AlreadyExists, BadBill, NotFound, Retryable, UnknownFormat
from common.ports import Clock, DocumentStore, Location, MessageBus, ObjectStore, StoredObject

Opened = tuple[Container, Matched]
_MOST_UNKNOWN, _LONGEST_NAME = 500, 200
_MOST_RAGGED = 250_000
"""More lines of another width than the header are no slip of some lines, and too many to keep one by one."""


@dataclass(frozen=True)
class Customs:
    """What a provider's bills need beside the common way.

    role_of: tells the role of a part by what is in it: (name, part) -> whole, actual or amortized.
    cost_column_of: tells which canonical column is proved and billed, of all parts of a delivery.
    """

    role_of: Callable[[str, Opened], str] | None = None
    cost_column_of: Callable[[Sequence[Opened]], str] | None = None


@dataclass(frozen=True)
class Ports:
    """What landing needs."""

    documents: DocumentStore
    objects: ObjectStore
    bus: MessageBus
    clock: Clock


@dataclass(frozen=True)
class Order:
    """What was asked for.  billing_periods: empty means all that are found."""

    org_slug: str
    integration_id: str
    provider: str
    run_id: str
    billing_periods: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Read:
    """One part, landed and read."""

    found: FoundPart
    stored: StoredObject
    role: str
    control: ControlTotals
    matched: Matched


def land(order: Order, location: Location, found: FoundDelivery, ports: Ports, customs: Customs) -> list[Delivery]:
    """Land one found delivery: one Delivery per billing period in it; each chunk is announced as `bill-landed`.

    A bill that cannot be read leaves a rejected delivery that says why.  Raises BadBill after recording it.
    """
    stored: list[tuple[FoundPart, StoredObject]] = []
    for part in found.parts:
        stored.append((part, _fetch(order, location, part, ports)))
    try:
        parts, notes = _read_all(order, stored, ports, customs, manifest=found.version is not None)
        source_format = _one_format(parts)
        periods = _periods(parts, order)
    except BadBill as error:
        _record_rejected(order, found, stored, str(error), ports)
        raise
    except NotFound as error:
        raise Retryable("another worker landed the same files at the same time; they are looked at again") from error
    made = [_deliver(order, found, parts, source_format, period, notes, ports) for period in periods]
    for _, item in stored:
        ports.objects.delete(item.uri)
    return made


def _fetch(order: Order, location: Location, part: FoundPart, ports: Ports) -> StoredObject:
    """Copy a part into the store, under a name that says which bytes were meant."""
    try:
        version = next((item.version for item in location.list(part.name) if item.name == part.name), "")
        mark = hashlib.sha256(f"{order.run_id}\n{location.uri}\n{part.name}\n{version}".encode()).hexdigest()[:20]
        with location.open(part.name) as stream:
            stored = ports.objects.put(f"raw/{order.org_slug}/{order.integration_id}/incoming/{mark}", stream)
    except AlreadyExists as error:
        raise Retryable(f"{part.name} changed while it was read; it is read again") from error
    if part.size_bytes is not None and stored.size_bytes != part.size_bytes:
        ports.objects.delete(stored.uri)
        raise Retryable(
            f"{part.name} has {stored.size_bytes} bytes, its manifest says {part.size_bytes}: the delivery is not complete yet"
        )
    return stored


def _read_all(
    order: Order, stored: Sequence[tuple[FoundPart, StoredObject]], ports: Ports, customs: Customs, manifest: bool
) -> tuple[list[_Read], list[str]]:
    parts: list[_Read] = []
    notes: list[str] = []
    blank = [part.name for part, item in stored if item.size_bytes == 0 and manifest and len(stored) > 1]
    notes.extend(f"{name} is empty: a leftover that the provider blanked" for name in blank)
    filled = [(part, item) for part, item in stored if part.name not in blank]
    for part, item in filled:
        _check(part, item, order, ports)
    cost = _cost_column(filled, ports, customs)
    for part, item in filled:
        read = _read(part, item, ports, customs, cost)
        if read.control.lines == 0:
            notes.append(f"{part.name} holds a header and no lines")
            continue
        parts.append(read)
    if not parts:
        names = ", ".join(part.name for part, _ in stored[:3])
        raise BadBill(f"{names} holds a header and no lines: there is nothing to show for it")
    return parts, notes


@contextmanager
def _opened(part: FoundPart, item: StoredObject, ports: Ports) -> Iterator[Opened]:
    with ports.objects.local(item.uri) as path, containers.opened(path, part.name) as container:
        try:
            yield container, recognise(container.names)
        except UnknownFormat as error:
            raise UnknownFormat(f"{part.name}: {error}") from None


def _check(part: FoundPart, item: StoredObject, order: Order, ports: Ports) -> None:
    """Raises BadBill for a file that breaks off, or that is no bill of the integration's provider."""
    with _opened(part, item, ports) as (container, matched):
        containers.check_whole(container.path, container.compression, part.name)
        found = matched.format
        if found.provider != order.provider:
            raise BadBill(
                f"{part.name} is a bill of {TITLES[found.provider]} ({found.title}), the integration is one of "
                f"{TITLES[order.provider]}; give it a location and an integration of its own"
            )


def _cost_column(stored: Sequence[tuple[FoundPart, StoredObject]], ports: Ports, customs: Customs) -> str | None:
    if customs.cost_column_of is None:
        return None
    with ExitStack() as stack:
        return customs.cost_column_of([stack.enter_context(_opened(part, item, ports)) for part, item in stored])


def _read(part: FoundPart, item: StoredObject, ports: Ports, customs: Customs, cost: str | None) -> _Read:
    with _opened(part, item, ports) as (container, matched):
        if cost is not None:
            matched = matched.with_cost(cost)
        control = control_totals(container, matched, part.name)
        if control.ragged and (control.ragged == control.lines or control.ragged > _MOST_RAGGED):
            which = "none" if control.ragged == control.lines else f"only {control.lines - control.ragged:,}"
            raise BadBill(
                f"{part.name}: {which} of its {control.lines:,} lines has {len(container.names)} cells as the header does: "
                "the header is broken; export it again"
            )
        role = part.role
        if customs.role_of is not None and role == WHOLE and control.lines:
            role = customs.role_of(part.name, (container, matched))
    return _Read(part, item, role, control, matched)


def _one_format(parts: Sequence[_Read]) -> SourceFormat:
    kinds = {read.matched.format.name: read for read in parts}
    if len(kinds) > 1:
        listed = ", ".join(f"{read.found.name} ({read.matched.format.title})" for read in kinds.values())
        raise BadBill(f"files of different formats lie together: {listed}; give each its own location")
    return parts[0].matched.format


def _periods(parts: Sequence[_Read], order: Order) -> list[str]:
    found = sorted({period for read in parts for period in read.control.periods})
    if not found:
        column = parts[0].matched.columns[parts[0].matched.format.billing_period]
        raise BadBill(f"no line has a month in its column {column}, expected a date such as 2026-03-01")
    return [period for period in found if not order.billing_periods or period in order.billing_periods]


def _deliver(
    order: Order,
    found: FoundDelivery,
    reads: Sequence[_Read],
    source_format: SourceFormat,
    period: str,
    notes: Sequence[str],
    ports: Ports,
) -> Delivery:
    first = period == min(found_period for read in reads for found_period in read.control.periods)
    parts: list[Part] = []
    for read in reads:
        control, others = part_control(read.control, period, takes_strays=first)
        if control:
            parts.append(_part(read, control, others, takes_strays=first))
    earlier = _earlier(order, period, ports)
    kept, delivered_at = _with_earlier(parts, earlier, source_format, found.delivered_at)
    parts = [replace(part, chunk=number) for number, part in enumerate(kept)]
    delivery_id = identify(order.integration_id, period, [(part.role, part.digest) for part in parts])
    existing = load(ports.documents, order.org_slug, delivery_id)
    refused = existing is not None and existing.state == REJECTED and not existing.source_format
    if existing is None or refused:
        existing = Delivery(
            delivery_id=delivery_id,
            org_slug=order.org_slug,
            integration_id=order.integration_id,
            provider=order.provider,
            source_format=source_format.name,
            billing_period=period,
            delivered_at=delivered_at,
            state=LANDED,
            parts=(),
            run_id=order.run_id,
            landed_at=ports.clock.now(),
            version=found.version,
            unknown_columns=_unknown(reads),
            notes=(*notes, *_role_notes(parts)),
            extra={"cost_column": source_format.cost},
        )
        existing = replace(existing, parts=tuple(_keep(existing, part, ports) for part in parts))
        if refused:  # it could not be read when it landed before, now it can
            ports.documents.set(delivery_path(order.org_slug, delivery_id), existing.as_document())
        with suppress(AlreadyExists):
            ports.documents.create(delivery_path(order.org_slug, delivery_id), existing.as_document())
    if existing.state not in FINISHED:
        for message in existing.messages():
            ports.bus.publish(message)
    return existing


def _unknown(reads: Sequence[_Read]) -> tuple[str, ...]:
    """The names that belong to nothing; as many, and as much of each, as a document can hold."""
    names = dict.fromkeys(name for read in reads for name in read.matched.unknown)
    return tuple(name[:_LONGEST_NAME] for name in names)[:_MOST_UNKNOWN]


def _part(read: _Read, control: Mapping[str, Total], others: int, takes_strays: bool) -> Part:
    stored = read.stored
    return Part(
        0, read.found.name, stored.uri, stored.size_bytes, stored.digest, read.role,
        control, others, takes_strays,
    )  # fmt: skip


def _keep(delivery: Delivery, part: Part, ports: Ports) -> Part:
    """The part under its lasting name; parts of an earlier delivery stay where they are."""
    if "/incoming/" not in part.uri:
        return part
    suffix = "".join(PurePosixPath(part.name).suffixes[-2:])
    kept = ports.objects.copy(part.uri, f"raw/{delivery.folder}/{part.chunk:05d}{suffix}")
    return replace(part, uri=kept.uri)


def _earlier(order: Order, period: str, ports: Ports) -> list[Delivery]:
    documents = ports.documents.list(
        f"orgs/{order.org_slug}/deliveries", {"integration_id": order.integration_id, "billing_period": period}
    )
    return [Delivery.from_document(document) for _, document in documents if document["state"] != REJECTED]


def _with_earlier(
    parts: list[Part], earlier: Sequence[Delivery], source_format: SourceFormat, delivered_at: datetime
) -> tuple[list[Part], datetime]:
    """The parts of this delivery with those of earlier ones that belong to it, and the time of the whole.

    Files that add up: all that were seen of the month.  An Azure actual export: the newest amortized twin, and the other way round.
    """
    if source_format.adds_up:
        seen = {part.digest for part in parts}
        for before in sorted(earlier, key=lambda one: (one.delivered_at, one.delivery_id)):
            for part in before.parts:
                if part.digest not in seen:
                    seen.add(part.digest)
                    parts = [*parts, part]
            delivered_at = max(delivered_at, before.delivered_at)
        return sorted(parts, key=lambda part: (part.name, part.digest)), delivered_at
    roles = {part.role for part in parts}
    other = {frozenset({ACTUAL}): AMORTIZED, frozenset({AMORTIZED}): ACTUAL}.get(frozenset(roles))
    twin = newest([one for one in earlier if other and any(part.role == other for part in one.parts)])
    if twin is None:
        return parts, delivered_at
    return [*parts, *(part for part in twin.parts if part.role == other)], max(delivered_at, twin.delivered_at)


def _role_notes(parts: Sequence[Part]) -> list[str]:
    roles = {part.role for part in parts}
    if roles == {ACTUAL}:
        return [
            "actual export without its amortized twin: EffectiveCost is not provided by the source; it equals BilledCost"
        ]
    if roles == {AMORTIZED}:
        return [
            "amortized export without its actual twin: BilledCost of commitment purchases is not provided by the source"
        ]
    return []


def _record_rejected(
    order: Order, found: FoundDelivery, stored: Sequence[tuple[FoundPart, StoredObject]], reason: str, ports: Ports
) -> None:
    delivery_id = identify(
        order.integration_id, found.billing_period or "", [(p.role, item.digest) for p, item in stored]
    )
    folder = f"raw/{order.org_slug}/{order.integration_id}/rejected/{delivery_id}"
    parts = [_keep_rejected(number, part, item, folder, ports) for number, (part, item) in enumerate(stored)]
    delivery = Delivery(
        delivery_id=delivery_id,
        org_slug=order.org_slug,
        integration_id=order.integration_id,
        provider=order.provider,
        source_format="",
        billing_period=found.billing_period or "",
        delivered_at=found.delivered_at,
        state=REJECTED,
        parts=tuple(parts),
        run_id=order.run_id,
        landed_at=ports.clock.now(),
        version=found.version,
        extra={"reason": reason},
    )
    ports.documents.set(delivery_path(order.org_slug, delivery_id), delivery.as_document())


def _keep_rejected(number: int, part: FoundPart, item: StoredObject, folder: str, ports: Ports) -> Part:
    """The part under a name that its bytes tell, so that they are kept once, however often they come."""
    kept = ports.objects.copy(item.uri, f"{folder}/{item.digest.rpartition(':')[2][:20]}")
    ports.objects.delete(item.uri)
    return Part(number, part.name, kept.uri, item.size_bytes, item.digest)
