"""Landing: from files at a location to deliveries in object storage, with their control totals, announced chunk by chunk.

What every ingest function does alike.  Safe to repeat: the same bytes land as the same delivery, and an interrupted
landing is taken up again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Any

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
from common.bills.discovery import ACTUAL, AMORTIZED, FoundDelivery, FoundPart
from common.bills.formats import SourceFormat
from common.bills.reading import (
    Customs,
    Fetched,
    Order,
    Ports,
    Read,
    fetch_all,
    one_format,
    periods,
    read_all,
    unknown_names,
)
from common.bills.totals import Total
from common.errors import AlreadyExists, BadBill, NotFound, Retryable
from common.ports import Location, StoredObject
from common.telemetry import counted

MOST_PARTS = 1_000
"""Parts of one delivery: what its document holds, with room for what is told of it later (1 MiB; about 570 bytes a part)."""

TWIN_SPAN = timedelta(hours=12)
"""Actual and amortized exports further apart are of different run days: their totals would not meet."""


def land(
    order: Order,
    location: Location,
    found: FoundDelivery,
    versions: Mapping[str, str],
    ports: Ports,
    customs: Customs,
) -> list[Delivery]:
    """Land one found delivery: one Delivery per billing period in it; each chunk is announced as `bill-landed`.

    versions: of the location's files.  A delivery that this run has landed already is told from its mark.  A bill that cannot be read
    leaves a rejected delivery that says why.  Raises BadBill after recording it, TimeUsed where the rest is for another message.
    """
    mark = ports.marks.of_delivery(location.uri, found, versions)
    done = ports.marks.get(mark)
    if done:
        return _landed_before(order, done, ports)
    _check_count(len(found.parts))
    fetched = fetch_all(order, location, found, versions, ports)
    try:
        made = _land_fetched(order, found, fetched, mark, ports, customs)
    except NotFound as error:
        raise Retryable("another worker landed the same files at the same time; they are looked at again") from error
    _settle(mark, fetched, ports, delivery_ids=[one.delivery_id for one in made])
    return made


def _land_fetched(
    order: Order, found: FoundDelivery, fetched: Sequence[Fetched], mark: str, ports: Ports, customs: Customs
) -> list[Delivery]:
    try:
        parts, notes = read_all(order, fetched, ports, customs, manifest=found.version is not None)
        source_format = one_format(parts)
        wanted = periods(parts, order)
        ports.pace.step()
        return [_deliver(order, found, parts, source_format, period, notes, ports) for period in wanted]
    except BadBill as error:
        _record_rejected(order, found, fetched, str(error), ports)
        _settle(mark, fetched, ports, refused=str(error))
        raise


def _landed_before(order: Order, done: Mapping[str, Any], ports: Ports) -> list[Delivery]:
    if done.get("refused"):
        raise BadBill(done["refused"])
    found = [load(ports.documents, order.org_slug, delivery_id) for delivery_id in done["delivery_ids"]]
    return [one for one in found if one is not None]


def _settle(mark: str, fetched: Sequence[Fetched], ports: Ports, **outcome: Any) -> None:
    """The delivery is dealt with: its parts need not be kept where they came in."""
    ports.marks.keep(mark, **outcome)
    ports.marks.drop(one.mark for one in fetched)


def _check_count(parts: int) -> None:
    if parts > MOST_PARTS:
        raise BadBill(
            f"the delivery has {parts:,} files, at most {MOST_PARTS:,} fit: export larger files, or days or accounts by themselves"
        )


def _deliver(
    order: Order,
    found: FoundDelivery,
    reads: Sequence[Read],
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
    _check_count(len(kept))
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
            unknown_columns=unknown_names(name for read in reads for name in read.unknown),
            notes=(*notes, *_role_notes(parts)),
            extra={"cost_column": source_format.cost},
        )
        existing = replace(existing, parts=tuple(_keep(existing, part, ports) for part in parts))
        if refused:  # it could not be read when it landed before, now it can
            ports.documents.set(delivery_path(order.org_slug, delivery_id), existing.as_document())
        try:
            ports.documents.create(delivery_path(order.org_slug, delivery_id), existing.as_document())
        except AlreadyExists:  # messages must agree with the document that is there
            existing = load(ports.documents, order.org_slug, delivery_id) or existing
    if existing.state not in FINISHED:
        for message in existing.messages():
            ports.bus.publish(message)
    return existing


def _part(read: Read, control: Mapping[str, Total], others: int, takes_strays: bool) -> Part:
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

    Files that add up: all that were seen of the month.  An Azure actual export: the amortized twin of the same run day, and the
    other way round.
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
    twins = [one for one in earlier if other and any(part.role == other for part in one.parts)]
    twin = newest([one for one in twins if abs(one.delivered_at - delivered_at) <= TWIN_SPAN])
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


def _record_rejected(order: Order, found: FoundDelivery, fetched: Sequence[Fetched], reason: str, ports: Ports) -> None:
    delivery_id = identify(
        order.integration_id, found.billing_period or "", [(one.found.role, one.stored.digest) for one in fetched]
    )
    folder = f"raw/{order.org_slug}/{order.integration_id}/rejected/{delivery_id}"
    parts = [_keep_rejected(number, one.found, one.stored, folder, ports) for number, one in enumerate(fetched)]
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
    counted(deliveries_rejected=1)


def _keep_rejected(number: int, part: FoundPart, item: StoredObject, folder: str, ports: Ports) -> Part:
    """The part under a name that its bytes tell, so that they are kept once, however often they come."""
    kept = ports.objects.copy(item.uri, f"{folder}/{item.digest.rpartition(':')[2][:20]}")
    return Part(number, part.name, kept.uri, item.size_bytes, item.digest)
