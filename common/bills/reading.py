"""Reading a delivery's files: into the object store, told what they are, added up."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from common.bills import container as containers
from common.bills.container import Container
from common.bills.control import control_totals
from common.bills.discovery import WHOLE, FoundDelivery, FoundPart
from common.bills.formats import Matched, SourceFormat, recognise
from common.bills.integrations import TITLES
from common.bills.totals import ControlTotals
from common.errors import AlreadyExists, BadBill, Retryable, UnknownFormat
from common.ports import Clock, DocumentStore, Location, MessageBus, ObjectStore, StoredObject
from common.telemetry import counted, span

Opened = tuple[Container, Matched]
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
class Read:
    """One part, landed and read."""

    found: FoundPart
    stored: StoredObject
    role: str
    control: ControlTotals
    matched: Matched


def fetch_all(
    order: Order, location: Location, found: FoundDelivery, ports: Ports
) -> list[tuple[FoundPart, StoredObject]]:
    """Copy every part into the store.  Raises Retryable for one that changes meanwhile or is not there whole."""
    versions = {item.name: item.version for item in location.list()}
    return [(part, _fetch(order, location, part, versions.get(part.name, ""), ports)) for part in found.parts]


def _fetch(order: Order, location: Location, part: FoundPart, version: str, ports: Ports) -> StoredObject:
    """Copy a part into the store, under a name that says which bytes were meant."""
    try:
        mark = hashlib.sha256(f"{order.run_id}\n{location.uri}\n{part.name}\n{version}".encode()).hexdigest()[:20]
        with span("fetch part", part=part.name), location.open(part.name) as stream:
            stored = ports.objects.put(f"raw/{order.org_slug}/{order.integration_id}/incoming/{mark}", stream)
    except AlreadyExists as error:
        raise Retryable(f"{part.name} changed while it was read; it is read again") from error
    if part.size_bytes is not None and stored.size_bytes != part.size_bytes:
        ports.objects.delete(stored.uri)
        raise Retryable(
            f"{part.name} has {stored.size_bytes} bytes, its manifest says {part.size_bytes}: the delivery is not complete yet"
        )
    counted(landed_parts=1, landed_bytes=stored.size_bytes)
    return stored


def read_all(
    order: Order, stored: Sequence[tuple[FoundPart, StoredObject]], ports: Ports, customs: Customs, manifest: bool
) -> tuple[list[Read], list[str]]:
    """Read every part with lines in it; beside them, notes on those without.  Raises BadBill."""
    parts: list[Read] = []
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
    with containers.opened(ports.objects.readable(item.uri), part.name) as container:
        try:
            yield container, recognise(container.names)
        except UnknownFormat as error:
            raise UnknownFormat(f"{part.name}: {error}") from None


def _check(part: FoundPart, item: StoredObject, order: Order, ports: Ports) -> None:
    """Raises BadBill for a file that breaks off, or that is no bill of the integration's provider."""
    with _opened(part, item, ports) as (container, matched):
        containers.check_whole(container.content, container.compression, part.name)
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


def _read(part: FoundPart, item: StoredObject, ports: Ports, customs: Customs, cost: str | None) -> Read:
    with _opened(part, item, ports) as (container, matched):
        if cost is not None:
            matched = matched.with_cost(cost)
        with span("control totals", part=part.name):
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
    return Read(part, item, role, control, matched)


def one_format(parts: Sequence[Read]) -> SourceFormat:
    """The format of all parts.  Raises BadBill that names them where they differ."""
    kinds = {read.matched.format.name: read for read in parts}
    if len(kinds) > 1:
        listed = ", ".join(f"{read.found.name} ({read.matched.format.title})" for read in kinds.values())
        raise BadBill(f"files of different formats lie together: {listed}; give each its own location")
    return parts[0].matched.format


def periods(parts: Sequence[Read], order: Order) -> list[str]:
    """The billing periods found, oldest first, of those that were asked for.  Raises BadBill where there is none."""
    found = sorted({period for read in parts for period in read.control.periods})
    if not found:
        column = parts[0].matched.columns[parts[0].matched.format.billing_period]
        raise BadBill(f"no line has a month in its column {column}, expected a date such as 2026-03-01")
    return [period for period in found if not order.billing_periods or period in order.billing_periods]
