"""Reading a delivery's files: copy them into the object store, detect their format, compute their totals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from common.errors import AlreadyExists, BadBill, Changed, NotFound, NotReady, UnknownFormat
from common.formats import container as containers
from common.formats.bounds import check_bounds
from common.formats.control import control_totals
from common.formats.recognition import SourceFormat, formats, recognise
from common.formats.totals import ControlTotals, Total
from common.ingestion.known import Known
from common.ingestion.listing import Listing
from common.ingestion.progress import TimeLimit
from common.ports import Clock, DocumentStore, MessageBus, ObjectStore, StoredObject
from common.providers.discovery import WHOLE, FoundDelivery, FoundPart
from common.providers.provider import Opened, ProviderRules
from common.providers.registry import TITLES
from common.telemetry import counted, span

_MOST_UNKNOWN, _LONGEST_NAME = 500, 200
_MOST_RAGGED = 250_000
"""More lines of another width than the header are no slip of some lines, and too many to keep one by one."""


@dataclass(frozen=True)
class Ports:
    """What landing needs.  known: what is known of the files already; time_limit: how far this message goes."""

    documents: DocumentStore
    objects: ObjectStore
    bus: MessageBus
    clock: Clock
    known: Known
    time_limit: TimeLimit


@dataclass(frozen=True)
class IngestRequest:
    """What was asked for.  billing_periods: empty means all that are found."""

    org_slug: str
    integration_id: str
    provider: str
    run_id: str
    billing_periods: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fetched:
    """One part, copied into the store.  key: what is known of it is kept under this."""

    found: FoundPart
    stored: StoredObject
    key: str


@dataclass(frozen=True)
class Read:
    """One part, landed and read.  period_column: the file's name of the column that tells the month.  unknown: as `unknown_names`."""

    found: FoundPart
    stored: StoredObject
    role: str
    control: ControlTotals
    source_format: SourceFormat
    period_column: str
    unknown: tuple[str, ...]


@dataclass(frozen=True)
class Unread:
    """A part of which not all is known.  cost: the canonical column that its totals are to be of, None where that is not known yet."""

    part: FoundPart
    key: str
    cost: str | None = None


def unread(listing: Listing, found: FoundDelivery, ports: Ports, rules: ProviderRules) -> list[Unread]:
    """The parts of a found delivery that are still to be fetched or read."""
    keys = keys_of(ports.known, listing, found.parts)
    ports.known.look_up(keys)
    missing = [
        Unread(part, key)
        for part, key in zip(found.parts, keys, strict=True)
        if not _is_read(ports.known.get(key), rules)
    ]
    if missing or rules.cost_column_of is None:
        return missing
    facts = [known["cost_facts"] for key in keys if "cost_facts" in (known := ports.known.get(key))]
    cost = rules.cost_column_of(facts) if facts else None
    return [
        Unread(part, key, cost)
        for part, key in zip(found.parts, keys, strict=True)
        if (read := ports.known.get(key).get("read")) and read["asked"] != [part.role, cost]
    ]


def _is_read(known: Mapping[str, Any], rules: ProviderRules) -> bool:
    if known.get("refused") or ("uri" in known and not known["size_bytes"]):
        return True
    steps = ("uri", "whole", "read") + (("cost_facts",) if rules.cost_facts_of else ())
    return all(step in known for step in steps)


def read_one(request: IngestRequest, listing: Listing, one: Unread, ports: Ports, rules: ProviderRules) -> None:
    """Fetch and read one part; all that is found is kept.  Raises BadBill, Changed, TimeUsed."""
    part = fetched(listing, one.part, one.key, ports)
    if not part.stored.size_bytes:
        return
    _check_once(part, request, ports)
    cost = one.cost or _cost_column([part], ports, rules)  # most often that of all its delivery's parts
    _read_once(part, ports, rules, cost)


def fetch_all(listing: Listing, found: FoundDelivery, ports: Ports) -> list[Fetched]:
    """Copy every part that is not known into the store.  Raises Changed for one that changes meanwhile, NotReady for one not whole yet."""
    keys = keys_of(ports.known, listing, found.parts)
    ports.known.look_up(keys)
    return [fetched(listing, part, key, ports) for part, key in zip(found.parts, keys, strict=True)]


def keys_of(known: Known, listing: Listing, parts: Iterable[FoundPart]) -> list[str]:
    """The keys of parts as they were listed."""
    versions = listing.versions
    return [known.key_of_file(listing.uri, part.name, versions.get(part.name, "")) for part in parts]


def fetched(listing: Listing, part: FoundPart, key: str, ports: Ports) -> Fetched:
    """One part, copied unless it is known."""
    stored = ports.known.stored(key)
    if stored is None:
        ports.time_limit.check()
        stored = _fetch(listing, part, ports.known.incoming(key), ports)
        ports.known.keep(key, part=part.name, uri=stored.uri, size_bytes=stored.size_bytes, digest=stored.digest)
    return Fetched(part, stored, key)


def _fetch(listing: Listing, part: FoundPart, name: str, ports: Ports) -> StoredObject:
    """Copy a part into the store, under a name that says which bytes were meant."""
    try:
        with span("fetch part", part=part.name), listing.open(part.name) as stream:
            stored = ports.objects.put(name, stream)
    except (AlreadyExists, NotFound) as error:
        raise Changed(f"{part.name} changed during reading; it is read again") from error
    if part.size_bytes is not None and stored.size_bytes != part.size_bytes:
        ports.objects.delete(stored.uri)
        raise NotReady(
            f"{part.name} has {stored.size_bytes} bytes, its manifest says {part.size_bytes}: the delivery is not complete yet"
        )
    counted(landed_parts=1, landed_bytes=stored.size_bytes)
    return stored


def read_all(
    request: IngestRequest, fetched: Sequence[Fetched], ports: Ports, rules: ProviderRules, manifest: bool
) -> tuple[list[Read], list[str]]:
    """Read every part with lines in it; beside them, notes on those without.  Raises BadBill."""
    parts: list[Read] = []
    notes: list[str] = []
    blank = [one for one in fetched if one.stored.size_bytes == 0 and manifest and len(fetched) > 1]
    notes.extend(f"{one.found.name} is empty: a leftover that the provider blanked" for one in blank)
    filled = [one for one in fetched if one not in blank]
    for one in filled:
        _check_once(one, request, ports)
    cost = _cost_column(filled, ports, rules)
    for one in filled:
        read = _read_once(one, ports, rules, cost)
        if read.control.lines == 0:
            notes.append(f"{one.found.name} contains a header and no lines")
            continue
        parts.append(read)
    if not parts:
        names = ", ".join(one.found.name for one in fetched[:3])
        raise BadBill(f"{names} contains a header and no lines: nothing can be shown")
    return parts, notes


@contextmanager
def _opened(part: FoundPart, item: StoredObject, ports: Ports) -> Iterator[Opened]:
    try:
        readable = ports.objects.readable(item.uri)
    except NotFound as error:
        raise ports.known.gone(item.uri) from error
    with containers.opened(readable, part.name) as container:
        try:
            yield container, recognise(container.names)
        except UnknownFormat as error:
            raise UnknownFormat(f"{part.name}: {error}") from None


def _check_once(one: Fetched, request: IngestRequest, ports: Ports) -> None:
    ports.known.check(one.key)
    if not ports.known.get(one.key).get("whole"):
        ports.time_limit.check()
        _check(one.found, one.stored, request, ports)
        ports.known.keep(one.key, whole=True)


def _check(part: FoundPart, item: StoredObject, request: IngestRequest, ports: Ports) -> None:
    """Raises BadBill for a file that breaks off, or that is no bill of the integration's provider."""
    with _opened(part, item, ports) as (container, matched):
        check_bounds(container.content, container.compression, container.kind, part.name)
        found = matched.format
        if found.provider != request.provider:
            raise BadBill(
                f"{part.name} is a bill of {TITLES[found.provider]} ({found.title}), the integration is one of "
                f"{TITLES[request.provider]}; give it a location and an integration of its own"
            )


def _cost_column(fetched: Sequence[Fetched], ports: Ports, rules: ProviderRules) -> str | None:
    if rules.cost_facts_of is None or rules.cost_column_of is None:
        return None
    return rules.cost_column_of([_cost_facts(one, ports, rules.cost_facts_of) for one in fetched])


def _cost_facts(one: Fetched, ports: Ports, cost_facts_of: Callable[[Opened], Any]) -> Any:
    kept = ports.known.get(one.key)
    if "cost_facts" in kept:
        return kept["cost_facts"]
    ports.time_limit.check()
    with _opened(one.found, one.stored, ports) as opened:
        facts = cost_facts_of(opened)
    ports.known.keep(one.key, cost_facts=facts)
    return facts


def _read_once(one: Fetched, ports: Ports, rules: ProviderRules, cost: str | None) -> Read:
    kept = ports.known.get(one.key).get("read")
    if kept and kept["asked"] == [one.found.role, cost]:
        return _remembered(one, kept)
    ports.time_limit.check()
    read = _read(one.found, one.stored, ports, rules, cost)
    ports.known.keep(one.key, read={**_as_document(read), "asked": [one.found.role, cost]})
    return read


def _read(part: FoundPart, item: StoredObject, ports: Ports, rules: ProviderRules, cost: str | None) -> Read:
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
        if rules.role_of is not None and role == WHOLE and control.lines:
            role = rules.role_of(part.name, (container, matched))
    kind = matched.format
    column = matched.columns.get(kind.billing_period, kind.billing_period)
    return Read(part, item, role, control, kind, column, unknown_names(matched.unknown))


def unknown_names(names: Iterable[str]) -> tuple[str, ...]:
    """The names that belong to nothing; as many, and as much of each, as a document can hold."""
    return tuple(name[:_LONGEST_NAME] for name in dict.fromkeys(names))[:_MOST_UNKNOWN]


def _as_document(read: Read) -> dict[str, Any]:
    control = [
        {"period": period, "currency": currency, **total.as_document()}
        for (period, currency), total in read.control.totals.items()
    ]
    return {
        "role": read.role,
        "format": read.source_format.name,
        "cost": read.source_format.cost,
        "period_column": read.period_column,
        "unknown": list(read.unknown),
        "ragged": read.control.ragged,
        "control": control,
    }


def _remembered(one: Fetched, kept: Mapping[str, Any]) -> Read:
    control = ControlTotals(ragged=kept["ragged"])
    for entry in kept["control"]:
        control.totals[entry["period"], entry["currency"]] = Total.from_document(entry)
    kind = replace(formats()[kept["format"]], cost=kept["cost"])
    return Read(one.found, one.stored, kept["role"], control, kind, kept["period_column"], tuple(kept["unknown"]))


def one_format(parts: Sequence[Read]) -> SourceFormat:
    """The format of all parts.  Raises BadBill that names them where they differ."""
    kinds = {read.source_format.name: read for read in parts}
    if len(kinds) > 1:
        listed = ", ".join(f"{read.found.name} ({read.source_format.title})" for read in kinds.values())
        raise BadBill(f"files of different formats are in one location: {listed}; give each its own location")
    return parts[0].source_format


def periods(parts: Sequence[Read], request: IngestRequest) -> list[str]:
    """The billing periods found, oldest first, of those that were asked for.  Raises BadBill where there is none."""
    found = sorted({period for read in parts for period in read.control.periods})
    if not found:
        raise BadBill(f"no line has a month in its column {parts[0].period_column}, expected a date such as 2026-03-01")
    return [period for period in found if not request.billing_periods or period in request.billing_periods]
