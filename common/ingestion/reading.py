"""Reading a delivery's files: copy them into the object store, detect their format, compute their totals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any, BinaryIO

from common.errors import AlreadyExists, BadBill, Changed, NotFound, NotReady
from common.formats.bounds import check_bounds
from common.formats.container import compression_of
from common.formats.control import control_totals
from common.formats.ranges import Range
from common.formats.recognition import SourceFormat, formats
from common.formats.totals import ControlTotals, read_totals, totals_document
from common.ingestion.known import Known
from common.ingestion.landed_files import Fetched, Ports, opened
from common.ingestion.listing import Listing
from common.ingestion.ranging import RangedTotals, first_facts, of_each, ranges_once, totals_of_ranges
from common.ports import StoredObject
from common.providers.discovery import WHOLE, FoundDelivery, FoundPart
from common.providers.provider import Opened, ProviderRules
from common.providers.registry import TITLES
from common.telemetry import counted, span

_MOST_UNKNOWN, _LONGEST_NAME = 500, 200
_MOST_RAGGED = 250_000
"""More lines of another width than the header are no slip of some lines, and too many to keep one by one."""


@dataclass(frozen=True)
class IngestRequest:
    """What was asked for.  billing_periods: empty means all that are found."""

    org_slug: str
    integration_id: str
    provider: str
    run_id: str
    billing_periods: tuple[str, ...] = ()


@dataclass(frozen=True)
class Read:
    """One part, landed and read.  period_column: the file's name of the column that tells the month.  unknown: as `unknown_names`.

    ranges: how it is to be cut into chunks.
    """

    found: FoundPart
    stored: StoredObject
    role: str
    control: ControlTotals
    source_format: SourceFormat
    period_column: str
    unknown: tuple[str, ...]
    ranges: tuple[Range, ...] = ()


@dataclass(frozen=True)
class Unread:
    """A part of which not all is known.

    cost: the canonical column that its totals are to be of, None where that is not known yet.  packed: a job is to unpack it first.
    """

    part: FoundPart
    key: str
    cost: str | None = None
    packed: bool = False


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


def to_unpack(listing: Listing, found: FoundDelivery, ports: Ports) -> list[Unread]:
    """The parts that a job is to unpack before they are read.  Raises BadBill for one that this run has refused."""
    keys = keys_of(ports.known, listing, found.parts)
    large = [
        Unread(part, key, packed=True)
        for part, key in zip(found.parts, keys, strict=True)
        if ports.known.stored(key) is None and _is_packed(listing, part, ports)
    ]
    for one in large:
        ports.known.check(one.key)
    return large


def _is_packed(listing: Listing, part: FoundPart, ports: Ports) -> bool:
    """Whether a part is compressed, and larger than what is read as it is."""
    if listing.sizes.get(part.name, 0) <= ports.packed_bytes:
        return False
    with _opening(listing, part) as stream:
        return compression_of(stream.read(4)) != "none"


def fetched(listing: Listing, part: FoundPart, key: str, ports: Ports) -> Fetched:
    """One part, copied unless it is known."""
    stored = ports.known.stored(key)
    if stored is None:
        ports.time_limit.check()
        stored = fetch(listing, part, ports.known.incoming(key), ports)
        ports.known.keep(key, part=part.name, uri=stored.uri, size_bytes=stored.size_bytes, digest=stored.digest)
    return Fetched(part, stored, key)


def _as_it_comes(stream: BinaryIO) -> BinaryIO:
    return stream


def fetch(
    listing: Listing,
    part: FoundPart,
    name: str,
    ports: Ports,
    through: Callable[[BinaryIO], BinaryIO] = _as_it_comes,
) -> StoredObject:
    """Copy a part into the store, under a name that says which bytes were meant.  Raises Changed, NotReady for one not whole yet."""
    with span("fetch part", part=part.name), _opening(listing, part) as stream:
        stored = ports.objects.put(name, through(stream))
    if part.size_bytes is not None and stored.size_bytes != part.size_bytes:
        ports.objects.delete(stored.uri)
        raise NotReady(
            f"{part.name} has {stored.size_bytes} bytes, its manifest says {part.size_bytes}: the delivery is not complete yet"
        )
    counted(landed_parts=1, landed_bytes=stored.size_bytes)
    return stored


@contextmanager
def _opening(listing: Listing, part: FoundPart) -> Iterator[BinaryIO]:
    try:
        with listing.open(part.name) as stream:
            yield stream
    except (AlreadyExists, NotFound) as error:
        raise Changed(f"{part.name} changed during reading; it is read again") from error


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


def _check_once(one: Fetched, request: IngestRequest, ports: Ports) -> None:
    ports.known.check(one.key)
    if not ports.known.get(one.key).get("whole"):
        ports.time_limit.check()
        facts = _check(one, request, ports)
        ports.known.keep(one.key, whole=True, **facts)


def _check(one: Fetched, request: IngestRequest, ports: Ports) -> dict[str, Any]:
    """What is to be kept of how it is cut.  Raises BadBill for a file that breaks off, or that is no bill of the integration's provider."""
    part = one.found
    with opened(one, ports) as (container, matched):
        check_bounds(container.content, container.compression, container.kind, part.name)
        found = matched.format
        if found.provider != request.provider:
            raise BadBill(
                f"{part.name} is a bill of {TITLES[found.provider]} ({found.title}), the integration is one of "
                f"{TITLES[request.provider]}; give it a location and an integration of its own"
            )
        return first_facts((container, matched), ports.chunk_bytes)


def _cost_column(fetched: Sequence[Fetched], ports: Ports, rules: ProviderRules) -> str | None:
    if rules.cost_facts_of is None or rules.cost_column_of is None:
        return None
    return rules.cost_column_of([_cost_facts(one, ports, rules.cost_facts_of) for one in fetched])


def _cost_facts(one: Fetched, ports: Ports, cost_facts_of: Callable[[Opened], Any]) -> Any:
    kept = ports.known.get(one.key)
    if "cost_facts" in kept:
        return kept["cost_facts"]
    ranges = ranges_once(one, ports)
    if ranges:
        each = of_each(one, ranges, ports, "range_facts", cost_facts_of)
        facts = None if None in each else [fact for found in each for fact in found]
    else:
        ports.time_limit.check()
        with opened(one, ports) as part:
            facts = cost_facts_of(part)
    ports.known.keep(one.key, cost_facts=facts)
    return facts


def _read_once(one: Fetched, ports: Ports, rules: ProviderRules, cost: str | None) -> Read:
    kept = ports.known.get(one.key).get("read")
    if kept and kept["asked"] == [one.found.role, cost]:
        return _remembered(one, kept)
    ranges = ranges_once(one, ports)
    control = totals_of_ranges(one, ranges, ports, cost) if ranges else None
    ports.time_limit.check()
    read = _read(one, ports, rules, cost, control)
    ports.known.keep(one.key, read={**_as_document(read), "asked": [one.found.role, cost]})
    return read


def _read(one: Fetched, ports: Ports, rules: ProviderRules, cost: str | None, ranged: RangedTotals | None) -> Read:
    part = one.found
    with opened(one, ports) as (container, matched):
        if cost is not None:
            matched = matched.with_cost(cost)
        if ranged:
            control = ranged.whole
        else:
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
    ranges = ranged.ranges if ranged else ()
    return Read(part, one.stored, role, control, kind, column, unknown_names(matched.unknown), ranges)


def unknown_names(names: Iterable[str]) -> tuple[str, ...]:
    """The names that belong to nothing; as many, and as much of each, as a document can hold."""
    return tuple(name[:_LONGEST_NAME] for name in dict.fromkeys(names))[:_MOST_UNKNOWN]


def _as_document(read: Read) -> dict[str, Any]:
    return {
        "role": read.role,
        "format": read.source_format.name,
        "cost": read.source_format.cost,
        "period_column": read.period_column,
        "unknown": list(read.unknown),
        **totals_document(read.control),
        "ranges": [asdict(one) for one in read.ranges],
    }


def _remembered(one: Fetched, kept: Mapping[str, Any]) -> Read:
    kind = replace(formats()[kept["format"]], cost=kept["cost"])
    ranges = tuple(Range(**entry) for entry in kept.get("ranges", ()))
    return Read(
        one.found, one.stored, kept["role"], read_totals(kept), kind, kept["period_column"], tuple(kept["unknown"]), ranges
    )  # fmt: skip


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
