"""What a run did with each delivery: new, in place of an earlier one, nothing new, or not shown; and what became of its lines."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from common.domain.money import add, plain
from common.formats.recognition import formats
from common.ports import DocumentStore, Runtime
from common.records.deliveries import CURRENT, FINISHED, JOINED, REJECTED, REPLACED, Delivery, load, of_slice

NEW, REPLACES, NOTHING_NEW, NOT_SHOWN, REFUSED, UNFINISHED = (
    "new", "replaces", "nothing new", "not shown", "rejected", "unfinished"
)  # fmt: skip
OUTCOMES = (NEW, REPLACES, NOTHING_NEW, NOT_SHOWN, REFUSED, UNFINISHED)
"""unfinished: it has landed, and its work was given up or goes on elsewhere."""


@dataclass(frozen=True)
class TotalChange:
    """The billed total of a slice in one currency, "" for none.  before: None where nothing was shown before."""

    currency: str
    before: Decimal | None
    after: Decimal

    @property
    def difference(self) -> Decimal | None:
        """What the total changed by; None where there was none."""
        return None if self.before is None else add((self.after, -self.before))


@dataclass(frozen=True)
class DeliveryOutcome:
    """What a run did with one delivery.

    replaced: the delivery that readers saw before, where the outcome is `replaces`.  totals: what readers see now, and saw before; empty
    where the delivery is not shown.  lines: of the source.  rows, quarantined_rows: None before its proof.  rows_reason: why lines
    and rows differ, beside those in quarantine; None where they do not.
    """

    delivery: Delivery
    outcome: str
    replaced: str | None
    totals: tuple[TotalChange, ...]
    lines: int
    rows: int | None
    quarantined_rows: int | None
    rows_reason: str | None

    def as_json(self) -> dict[str, Any]:
        """For programs; amounts are exact decimals as text."""
        return {
            "delivery_id": self.delivery.delivery_id,
            "integration_id": self.delivery.integration_id,
            "billing_period": self.delivery.billing_period,
            "outcome": self.outcome,
            "replaced": self.replaced,
            "totals": [
                {"currency": one.currency, "before": _text(one.before), "after": _text(one.after), "difference": _text(one.difference)}
                for one in self.totals
            ],
            "lines": self.lines,
            "rows": self.rows,
            "quarantined_rows": self.quarantined_rows,
            "rows_reason": self.rows_reason,
        }  # fmt: skip


def outcomes_of(rt: Runtime, deliveries: Iterable[Delivery], run_ids: Collection[str]) -> list[DeliveryOutcome]:
    """What the runs did with each delivery that they found."""
    return [_outcome_of(rt.documents, one, run_ids) for one in deliveries]


def _outcome_of(documents: DocumentStore, landed: Delivery, run_ids: Collection[str]) -> DeliveryOutcome:
    delivery = _as_seen(documents, landed)
    outcome = _outcome(delivery, run_ids)
    earlier = (
        load(documents, delivery.org_slug, delivery.replaced) if outcome == REPLACES and delivery.replaced else None
    )
    lines = sum(total.lines for part in delivery.parts for total in part.control.values())
    return DeliveryOutcome(
        delivery=delivery,
        outcome=outcome,
        replaced=delivery.replaced if outcome == REPLACES else None,
        totals=_totals(delivery, earlier) if outcome in (NEW, REPLACES) else (),
        lines=lines,
        rows=delivery.rows,
        quarantined_rows=delivery.quarantined_rows,
        rows_reason=_rows_reason(delivery, lines),
    )


def _as_seen(documents: DocumentStore, delivery: Delivery) -> Delivery:
    """A delivery of which readers see the split is shown, whatever its own document says."""
    if delivery.state != REPLACED:
        return delivery
    current = of_slice(documents, delivery.slice, state=CURRENT)
    split = next((one for one in current if one.split_from == delivery.delivery_id), None)
    return delivery.with_(state=CURRENT, notes=split.notes) if split else delivery


def _outcome(delivery: Delivery, run_ids: Collection[str]) -> str:
    if delivery.state == REJECTED:
        return REFUSED
    if delivery.state not in FINISHED:
        return UNFINISHED
    if delivery.run_id not in run_ids:
        return NOTHING_NEW
    if delivery.state not in (CURRENT, JOINED):
        return NOT_SHOWN
    return REPLACES if delivery.replaced else NEW


def _totals(delivery: Delivery, earlier: Delivery | None) -> tuple[TotalChange, ...]:
    now = {currency: Decimal(amount) for currency, amount in (delivery.totals or {}).items()}
    before = {currency: Decimal(amount) for currency, amount in ((earlier and earlier.totals) or {}).items()}
    zero = None if earlier is None else Decimal(0)
    return tuple(
        TotalChange(currency, before.get(currency, zero), now.get(currency, Decimal(0)))
        for currency in sorted({*now, *before})
    )


def _rows_reason(delivery: Delivery, lines: int) -> str | None:
    if delivery.rows is None or delivery.state == REJECTED:
        return None
    more = delivery.rows + (delivery.quarantined_rows or 0) - lines
    kind = formats().get(delivery.source_format)
    if not more or kind is None:
        return None
    return kind.more_rows if more > 0 else kind.fewer_rows


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else plain(amount)
