"""Deliveries: one version of one slice's bill, its parts, their totals, and its progress.

The document `orgs/<org>/deliveries/<delivery_id>` has the whole state; each finished chunk adds its own document below it, so that many
chunks can finish at once without contending for one document.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from common.domain.one_view import OneView
from common.errors import NotFound
from common.formats.recognition import Pair, formats
from common.formats.totals import Total
from common.messages import BillLanded
from common.ports import Document, DocumentStore, Order, Slice
from common.records.organizations import below
from common.records.parts import Chunk, Part, chunks_of, part_document, read_part
from common.records.unknown import known_and_unknown

LANDED = "landed"
CURRENT = "current"
REPLACED = "replaced"
SUPERSEDED = "superseded"
REJECTED = "rejected"
JOINED = "joined"
HELD = "held"
WITHDRAWN = "withdrawn"
"""The states.  replaced: was shown, a newer one is now.  superseded: never shown, a newer one already was.  joined: shown as a part of
another delivery only.  held: proved, and not shown since another integration shows the same billing account and month.  withdrawn: a user
said that it does not count."""

NOT_COUNTED = frozenset({REJECTED, WITHDRAWN})

FINISHED = frozenset({CURRENT, REPLACED, SUPERSEDED, REJECTED, JOINED, HELD, WITHDRAWN})

WAITING_PAGE = 100
_BEFORE_EVERY_MOMENT: tuple[str, Document] = ("-", {"waits_since": ""})
"""A cursor behind those that do not wait any more, where the field is null."""

Rank = tuple[datetime, int, datetime, int, str]


_MOMENTS = ("delivered_at", "landed_at", "seen_at", "joined_at")
_LISTS = ("unknown_columns", "notes", "joined_from")
_LATER = (
    "cost_column", "rows", "quarantined_rows", "totals", "proof", "conformance", "accounts", "difference", "beyond", "reason",
    "proved_at", "replaced", "joined_into", "was_shown", "was_current", "moved", "withdrawn_at", "files_removed_at", "waits_since",
    "days", "charged_through", "split_from", "split_by", "chosen",
)  # fmt: skip
"""What a document has only once it is known; null where it was known and is not any more."""


@dataclass(frozen=True)
class Delivery:
    """What the document of a delivery holds.

    delivered_at: the provider's time.  seen_at: the newest time that its files themselves had, where a user stated another.
    joined_from: the deliveries whose parts it is made of, where they arrived one by one; completeness: how many belong together here;
    joined_at: the provider's time of the older one of a pair; the mean time of the files of days.
    cost_column: of the source, where it is not the format's own.
    Once its chunks are done: rows and quarantined_rows; totals: currency -> decimal text of what was written; proof, conformance: an
    entry per currency and per failed rule; accounts: `provider` and `billing_account_id` of each; difference, beyond: why it cannot be
    shown, None where it can.  reason: why it is not shown.  proved_at: UTC, ISO 8601.  replaced: the delivery that readers saw before it,
    when it was last shown; None where they saw none.  was_shown: readers saw it once; was_current: they do, while it is landed again;
    moved: its time was put right, so that another one may be the one to show.  withdrawn_at, files_removed_at: UTC, ISO 8601; without its
    files it can be neither shown nor replayed.  waits_since: UTC, ISO 8601; its chunks are mapped, and its turn to be shown has not come.
    days: charge day of the billing period -> currency -> decimal text of its cost.  charged_through: the end of the last charge that had
    ended at delivered_at, ISO 8601.
    split_from: the delivery whose charges for nodes of clusters it splits, of the same parts; split_by: the deliveries of those clusters.
    chosen: which of a delivery and its splits is shown: the one of the greatest number.
    cleared: those of these that the document holds as null.  unknown: fields of another release, which stay as they are.
    """

    delivery_id: str
    org_slug: str
    integration_id: str
    provider: str
    source_format: str
    billing_period: str
    delivered_at: datetime
    state: str
    parts: tuple[Part, ...]
    run_id: str
    landed_at: datetime
    version: str | None = None
    unknown_columns: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    seen_at: datetime | None = None
    joined_from: tuple[str, ...] = ()
    completeness: int = 1
    joined_at: datetime | None = None
    cost_column: str | None = None
    rows: int | None = None
    quarantined_rows: int | None = None
    totals: Mapping[str, str] | None = None
    proof: Sequence[Mapping[str, Any]] | None = None
    conformance: Sequence[Mapping[str, Any]] | None = None
    accounts: Sequence[Mapping[str, str]] | None = None
    difference: str | None = None
    beyond: str | None = None
    reason: str | None = None
    proved_at: str | None = None
    replaced: str | None = None
    joined_into: str | None = None
    was_shown: bool | None = None
    was_current: bool | None = None
    moved: bool | None = None
    withdrawn_at: str | None = None
    files_removed_at: str | None = None
    waits_since: str | None = None
    days: Mapping[str, Mapping[str, str]] | None = None
    charged_through: str | None = None
    split_from: str | None = None
    split_by: Sequence[str] | None = None
    chosen: int | None = None
    cleared: frozenset[str] = frozenset()
    unknown: Mapping[str, Any] = field(default_factory=dict)

    @property
    def rank(self) -> Rank:
        """Of two deliveries of a slice the one of greater rank is shown: the newer one, or the one that contains the other."""
        told = self.delivered_at, self.completeness, self.joined_at or self.delivered_at
        return *told, self.chosen or 0, self.delivery_id

    @property
    def has_been_shown(self) -> bool:
        """Whether readers see it, or saw it once."""
        return self.state in (CURRENT, REPLACED) or bool(self.was_shown)

    @property
    def slice(self) -> Slice:
        """What it replaces."""
        return Slice(self.org_slug, self.integration_id, self.billing_period)

    @property
    def folder(self) -> str:
        """Its place below `raw/`, `focus/` and `quarantine/`."""
        return f"{self.org_slug}/{self.integration_id}/{self.billing_period}/{self.delivery_id}"

    @property
    def chunks(self) -> tuple[Chunk, ...]:
        """What is mapped one by one: each part, or each range of one that is cut."""
        return chunks_of(self.parts)

    @property
    def proves_effective_cost(self) -> bool:
        """The effective view of a month alone says nothing of what was invoiced: its proof runs on EffectiveCost."""
        pair = self._pair
        return pair is not None and all(part.role == pair.effective for part in self.parts)

    @property
    def proved_column(self) -> str:
        """The column of its rows that adds up to what the source says."""
        kind = formats().get(self.source_format)
        if self.proves_effective_cost:
            return "EffectiveCost"
        return kind.proves if kind else "BilledCost"

    def repeats(self, part: Part) -> bool:
        """Whether a part is the effective view beside the billed one: it has the same money again, which does not count."""
        pair = self._pair
        return pair is not None and part.role == pair.effective and not self.proves_effective_cost

    def is_half(self, part: Part) -> bool:
        """Whether a part is one view of a month whose other view the delivery lacks."""
        return self._half is not None and part.role == self._half

    @property
    def one_view(self) -> OneView | None:
        """What is not known since one view of the month came without the other; None where nothing is lacking."""
        pair, role = self._pair, self._half
        if pair is None or role is None:
            return None
        return OneView(
            self.delivery_id, self.integration_id, self.billing_period, pair.not_known[role], pair.alone[role]
        )

    @property
    def _half(self) -> str | None:
        return self._pair.half_of(part.role for part in self.parts) if self._pair else None

    @property
    def _pair(self) -> Pair | None:
        source_format = formats().get(self.source_format)
        return source_format.pair if source_format else None

    @property
    def fallback_currency(self) -> str | None:
        """The currency of lines without one: the format's only one, or where it lets them fall back that of all others."""
        source_format = formats().get(self.source_format)
        if source_format and source_format.currency_is:
            return source_format.currency_is
        found = {currency for part in self.parts for currency in part.control if currency}
        return found.pop() if source_format and source_format.currency_falls_back and len(found) == 1 else None

    def control(self) -> dict[str, Total]:
        """Source totals by currency, of the parts that do not repeat others."""
        totals: dict[str, Total] = {}
        for part in self.parts:
            if self.repeats(part):
                continue
            for currency, total in part.control.items():
                totals.setdefault(currency or self.fallback_currency or "", Total()).include(total)
        return totals

    def messages(self) -> list[BillLanded]:
        """One `bill-landed` a chunk."""
        chunks = self.chunks
        return [
            BillLanded(
                org_slug=self.org_slug,
                integration_id=self.integration_id,
                provider=self.provider,
                source_format=self.source_format,
                billing_period=self.billing_period,
                delivery_id=self.delivery_id,
                delivered_at=_text(self.delivered_at),
                chunk=chunk.number,
                chunks=len(chunks),
                uri=chunk.part.uri,
                size_bytes=chunk.part.size_bytes,
                digest=chunk.part.digest,
                run_id=self.run_id,
            )
            for chunk in chunks
        ]

    def as_document(self) -> dict[str, Any]:
        """Plain types only."""
        later = {name: getattr(self, name) for name in _LATER}
        document = {name: value for name, value in self.__dict__.items() if name not in (*_LATER, "cleared", "unknown")}
        document |= {name: _text(document[name]) if document[name] else None for name in _MOMENTS}
        document |= {name: list(document[name]) for name in _LISTS}
        document["parts"] = [part_document(part) for part in self.parts]
        document |= {name: value for name, value in later.items() if value is not None or name in self.cleared}
        return {**document, **self.unknown}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Delivery:
        """The delivery of a document."""
        known, unknown = known_and_unknown(cls, document)
        known["parts"] = tuple(read_part(entry) for entry in document["parts"])
        known |= {name: datetime.fromisoformat(known[name]) for name in _MOMENTS if known.get(name)}
        known |= {name: tuple(known.get(name, ())) for name in _LISTS}
        cleared = frozenset(name for name in _LATER if name in document and document[name] is None)
        return cls(**known, cleared=cleared, unknown=unknown)

    def with_(self, **changes: Any) -> Delivery:
        """A copy with other values of its fields; None clears one that is known later."""
        cleared = {name for name in _LATER if name in changes and changes[name] is None}
        return replace(self, **changes, cleared=(self.cleared - changes.keys()) | cleared)

    def as_new(self) -> Delivery:
        """A copy of which nothing is known yet but what it was landed with."""
        nothing: dict[str, Any] = dict.fromkeys(_LATER)
        return replace(self, **nothing, cleared=frozenset(), unknown={})


def delivery_path(org_slug: str, delivery_id: str) -> str:
    """Where a delivery's document lies."""
    return below(org_slug, "deliveries", delivery_id)


def chunks_path(org_slug: str, delivery_id: str) -> str:
    """The collection of finished chunks."""
    return f"{delivery_path(org_slug, delivery_id)}/chunks"


def identify(integration_id: str, billing_period: str, parts: Iterable[tuple[str, str]]) -> str:
    """delivery_id: the same bytes in the same roles are the same delivery, whenever and however often they are seen.

    parts: (role, digest) pairs.
    """
    text = "\n".join([integration_id, billing_period, *(f"{role} {digest}" for role, digest in sorted(parts))])
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def load(documents: DocumentStore, org_slug: str, delivery_id: str) -> Delivery | None:
    """The delivery, or None."""
    document = documents.get(delivery_path(org_slug, delivery_id))
    return Delivery.from_document(document) if document else None


def load_known(documents: DocumentStore, org_slug: str, delivery_id: str) -> Delivery:
    """The delivery that a message names.  Raises NotFound."""
    found = load(documents, org_slug, delivery_id)
    if found is None:
        raise NotFound(f"there is no delivery {delivery_id} in {org_slug}; sync the integration again")
    return found


def change(documents: DocumentStore, delivery: Delivery, **changes: Any) -> Delivery:
    """Write changes to a delivery that may have been written by others meanwhile; returns it as it is now.

    One that a user has withdrawn keeps its state, whatever somebody decided who had read it before.
    """
    path = delivery_path(delivery.org_slug, delivery.delivery_id)

    def work(transaction: Any) -> Delivery:
        there = Delivery.from_document(transaction.get(path) or delivery.as_document())
        if there.state == WITHDRAWN and "state" in changes:
            return there
        changed = there.with_(**changes)
        transaction.set(path, changed.as_document())
        return changed

    return documents.transact(work)


def of_integration(documents: DocumentStore, org_slug: str, integration_id: str) -> list[Delivery]:
    """All deliveries of an integration."""
    found = documents.list(below(org_slug, "deliveries"), {"integration_id": integration_id})
    return [Delivery.from_document(document) for _, document in found]


def waiting(documents: DocumentStore, org_slug: str) -> Iterator[Delivery]:
    """The deliveries of an organization that wait to be shown, the longest first; as many pages are read as are asked for."""
    behind = _BEFORE_EVERY_MOMENT
    while True:
        found = documents.list(
            below(org_slug, "deliveries"), order=Order("waits_since"), limit=WAITING_PAGE, after=behind
        )
        yield from (one for _, document in found if (one := Delivery.from_document(document)).state == LANDED)
        if len(found) < WAITING_PAGE:
            return
        behind = found[-1]


def note_waiting(documents: DocumentStore, delivery: Delivery, since: datetime | None) -> None:
    """A delivery waits to be shown from now on; None: not any more, or only for its own message.  Nothing is read."""
    document = {"waits_since": since.isoformat() if since else None}
    documents.update(delivery_path(delivery.org_slug, delivery.delivery_id), document)


def of_slice(documents: DocumentStore, piece: Slice, **where: Any) -> list[Delivery]:
    """All deliveries of a slice, of those whose fields equal `where`."""
    wanted = {"integration_id": piece.integration_id, "billing_period": piece.billing_period, **where}
    found = documents.list(below(piece.org_slug, "deliveries"), wanted)
    return [Delivery.from_document(document) for _, document in found]


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
