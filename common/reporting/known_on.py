"""What was known on an earlier day: the charges of the deliveries that were shown then (common/warehouse/shown_then.py).

Their files have a life (common/retention), and so has what says which they were: a day before that has no answer, only an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial

from common.errors import NotFound
from common.ports import Runtime
from common.records.deliveries import CURRENT, Delivery
from common.records.organizations import below
from common.records.past_deliveries import known_since, past_deliveries, without_files
from common.warehouse.catalogued import catalogued
from common.warehouse.cost_report import Ask, ShownSlice
from common.warehouse.past_rows import asking_files
from common.warehouse.showing import normalized_files
from common.warehouse.shown_then import end_of, ever_shown, shown_then

_Slice = tuple[str, str]


@dataclass(frozen=True)
class Known:
    """The charges as they were known, what they rest on, and what has changed since, in sentences."""

    ask: Ask
    slices: tuple[ShownSlice, ...]
    since: tuple[str, ...]


@contextmanager
def known_rows(rt: Runtime, org_slug: str, day: date) -> Iterator[Known]:
    """The charges of the deliveries that were shown at the end of the day (UTC).

    Raises NotFound for a day of which not everything is known any more, and that names a delivery whose files are gone: without it
    every sum would be too low.
    """
    ask = partial(rt.warehouse.query, org_slug)
    since = known_since(rt.documents, org_slug)
    if since is not None and end_of(day) <= since:
        raise NotFound(
            f"what was known on {day} cannot be shown: what was shown before {since:%Y-%m-%d %H:%M} UTC "
            "was removed at the end of its life; costwire retention shows the lives"
        )
    found = [Delivery.from_document(one) for _, one in rt.documents.list(below(org_slug, "deliveries"))]
    shown = ever_shown(found, past_deliveries(rt.documents, org_slug))
    chosen = shown_then(shown, ask(catalogued("replacements"), {}), end_of(day))
    uris = [uri for one in chosen for uri in _files(rt, one, day)]
    with asking_files(rt.objects, uris) as asked:
        spans = {
            row["delivery_id"]: (row["first_start"], row["last_start"]) for row in asked(catalogued("charged"), {})
        }
        slices = tuple(
            ShownSlice(
                one.integration_id, one.billing_period, one.delivery_id, one.delivered_at, *spans[one.delivery_id]
            )
            for one in chosen
            if one.delivery_id in spans
        )
        yield Known(asked, slices, _since(shown, chosen, day))


def _files(rt: Runtime, delivery: Delivery, day: date) -> Sequence[str]:
    try:
        if delivery.files_removed_at:
            raise NotFound(without_files(delivery))
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
