"""What was known on an earlier day: the charges of the deliveries that were shown then.

A delivery was shown then if it is what the first later replacement replaced; where nothing was replaced later, if it still is. A
replacement that changed no cost is not recorded as a restatement: there the delivery of greatest rank of those proved by then counts, whose
costs are the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any

from common.errors import NotFound
from common.ports import Runtime
from common.records.deliveries import CURRENT, WITHDRAWN, Delivery
from common.records.organizations import below
from common.warehouse.catalogued import catalogued
from common.warehouse.cost_report import Ask, ShownSource
from common.warehouse.past_rows import asking_files
from common.warehouse.showing import normalized_files

_Slice = tuple[str, str]


@dataclass(frozen=True)
class Known:
    """The charges as they were known, what they rest on, and what has changed since, in sentences."""

    ask: Ask
    sources: tuple[ShownSource, ...]
    since: tuple[str, ...]


@contextmanager
def known_rows(rt: Runtime, org_slug: str, day: date) -> Iterator[Known]:
    """The charges of the deliveries that were shown at the end of the day (UTC).

    Raises NotFound that names a delivery whose files are gone: without it every sum would be too low.
    """
    ask = partial(rt.warehouse.query, org_slug)
    found = [Delivery.from_document(one) for _, one in rt.documents.list(below(org_slug, "deliveries"))]
    shown = [one for one in found if one.has_been_shown]
    chosen = shown_then(shown, ask(catalogued("replacements"), {}), _end_of(day))
    uris = [uri for one in chosen for uri in _files(rt, one, day)]
    with asking_files(rt.objects, uris) as asked:
        spans = {
            row["integration_id"]: (row["first_start"], row["last_start"]) for row in asked(catalogued("charged"), {})
        }
        newest = {one.integration_id: one.delivered_at for one in sorted(chosen, key=lambda one: one.delivered_at)}
        sources = tuple(ShownSource(name, newest[name], *spans.get(name, (None, None))) for name in sorted(newest))
        yield Known(asked, sources, _since(shown, chosen, day))


def shown_then(shown: Sequence[Delivery], replacements: Sequence[Mapping[str, Any]], until: datetime) -> list[Delivery]:
    """Of the deliveries that were ever shown, those that were shown just before a moment, one per slice that was known then.

    replacements: rows of the query of that name, in their order.
    """
    by_slice: dict[_Slice, list[Delivery]] = {}
    for one in shown:
        by_slice.setdefault((one.integration_id, one.billing_period), []).append(one)
    later: dict[_Slice, str] = {}
    for row in replacements:
        if row["replaced_at"] >= until:
            later.setdefault((row["integration_id"], row["billing_period"]), row["delivery_replaced"])
    found = (_then(by_slice[piece], later.get(piece), until) for piece in sorted(by_slice))
    return [one for one in found if one is not None]


def _then(deliveries: Sequence[Delivery], replaced_later: str | None, until: datetime) -> Delivery | None:
    """None also where the slice was empty then, since what was shown of it had been withdrawn."""
    wanted = [
        one
        for one in deliveries
        if (one.state == CURRENT if replaced_later is None else one.delivery_id == replaced_later)
    ]
    proved = [one for one in deliveries if one.proved_at and datetime.fromisoformat(one.proved_at) < until]
    if not wanted or wanted[0] in proved:
        return wanted[0] if wanted else None
    return max((one for one in proved if one.state != WITHDRAWN), key=lambda one: one.rank, default=None)


def _files(rt: Runtime, delivery: Delivery, day: date) -> Sequence[str]:
    try:
        uris = normalized_files(rt, delivery)
        for uri in uris:
            rt.objects.stat(uri)
    except NotFound:
        raise NotFound(
            f"what was known on {day} cannot be shown: the rows of delivery {delivery.delivery_id} ({delivery.integration_id} "
            f"{delivery.billing_period}) have been deleted; costwire restatements --since {day} shows what has changed by service and day"
        ) from None
    return uris


def _since(shown: Sequence[Delivery], chosen: Sequence[Delivery], day: date) -> tuple[str, ...]:
    """What is different now."""
    current = {(one.integration_id, one.billing_period): one.delivery_id for one in shown if one.state == CURRENT}
    then = {(one.integration_id, one.billing_period): one.delivery_id for one in chosen}
    replaced = sorted(piece for piece, one in then.items() if current.get(piece, one) != one)
    arrived = sorted(current.keys() - then.keys())
    said = []
    if replaced:
        said.append(
            f"{_counted(replaced, 'bill has', 'bills have')} been replaced since ({_named(replaced)}); costwire restatements "
            f"--since {day} shows by how much."
        )
    if arrived:
        said.append(f"Not included, since they arrived later: {_named(arrived)}.")
    return tuple(said)


def _counted(pieces: Sequence[_Slice], one: str, several: str) -> str:
    return f"{len(pieces)} {one if len(pieces) == 1 else several}"


def _named(pieces: Sequence[_Slice]) -> str:
    first = ", ".join(" ".join(piece) for piece in pieces[:3])
    return f"{first} and {len(pieces) - 3} more" if len(pieces) > 3 else first


def _end_of(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), UTC)
