"""A delivery's document when it lands: written once, and brought up to date when the same bytes are delivered again.

Bytes identify what a delivery contains, not when it was delivered: a provider that withdraws a correction delivers the earlier bytes as the
newest.  So the same bytes again may move a delivery's time, and a delivery that was replaced may be the one to show.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from common.errors import NotFound, Retryable
from common.ingestion.landed_files import Ports
from common.providers.discovery import FoundDelivery
from common.records.deliveries import (
    CURRENT,
    HELD,
    LANDED,
    REJECTED,
    REPLACED,
    SUPERSEDED,
    WITHDRAWN,
    Delivery,
    delivery_path,
    load,
)
from common.records.parts import Part


def store(made: Delivery, found: FoundDelivery, ports: Ports) -> Delivery:
    """Write the document of a delivery, or bring the one there is up to date; returns it as it is now.

    A delivery that was finished, and whose new time may show it or another, is landed once more.
    """
    path = delivery_path(made.org_slug, made.delivery_id)
    before = load(ports.documents, made.org_slug, made.delivery_id)
    copied = before is None or _was_unreadable(before)
    if copied:
        made = replace(made, parts=tuple(_keep(made, part, ports) for part in made.parts))

    def work(transaction: Any) -> Delivery:
        document = transaction.get(path)
        if document is None and not copied:
            raise Retryable(f"delivery {made.delivery_id} was removed during landing; it is landed again")
        there = Delivery.from_document(document) if document else None
        after = made if there is None or _was_unreadable(there) else _again(there, made, found)
        if after != there:
            transaction.set(path, after.as_document())
        return after

    return ports.documents.transact(work)


def _was_unreadable(delivery: Delivery) -> bool:
    """It could not be read when it landed before; now it can."""
    return delivery.state == REJECTED and not delivery.source_format


def _again(before: Delivery, made: Delivery, found: FoundDelivery) -> Delivery:
    """The delivery after it was delivered once more."""
    after = _dated(before, made, found)
    moved = after.rank != before.rank
    if moved and not made.joined_from:
        after = after.with_(moved=True)  # until its slice was looked at
    shown_before = before.state == CURRENT and moved
    shown_later = before.state in (REPLACED, SUPERSEDED) and after.rank > before.rank
    whole_again = before.state == WITHDRAWN and bool(
        made.joined_from
    )  # of parts that count, now that they are put together
    if before.state == HELD or whole_again or shown_before or shown_later:
        known = {"was_shown": before.has_been_shown}
        return after.with_(state=LANDED, run_id=made.run_id, was_current=before.state == CURRENT, **known)
    return after


def _dated(before: Delivery, made: Delivery, found: FoundDelivery) -> Delivery:
    """With its time as it is known now: a user's word counts, else the newest time at which the provider delivered these bytes."""
    if made.joined_from:  # its time is that of its parts, which have been brought up to date
        return replace(before, delivered_at=made.delivered_at, joined_at=made.joined_at)
    known, seen = before.seen_at or before.delivered_at, made.seen_at or made.delivered_at
    newest = max(known, seen)
    if found.corrects:
        return replace(before, delivered_at=made.delivered_at, seen_at=newest)
    told = made.delivered_at if found.seen_at or seen > known else before.delivered_at
    return replace(before, delivered_at=max(before.delivered_at, told), seen_at=newest)


def _keep(delivery: Delivery, part: Part, ports: Ports) -> Part:
    """The part under its lasting name; parts of another delivery stay where they are, and must be there."""
    if "/incoming/" not in part.uri:
        try:
            ports.objects.stat(part.uri)
        except NotFound as error:
            raise ports.known.gone(part.uri) from error
        return part
    suffix = "".join(PurePosixPath(part.name).suffixes[-2:])
    kept = ports.objects.copy(part.uri, f"raw/{delivery.folder}/{part.chunk:05d}{suffix}")
    return replace(part, uri=kept.uri)
