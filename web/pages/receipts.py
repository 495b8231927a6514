"""The receipt of an answer, as pages print it: the one place that knows its shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from common.reporting.receipt import Receipt, RestatedDay


@dataclass(frozen=True)
class ReceiptView:
    """What an answer is worth.

    late: integrations whose next delivery is overdue.  restated: day -> what changed, as (currency, amount).
    """

    as_of: datetime | None
    filling_since: date | None
    state: str
    late: tuple[str, ...]
    deliveries: int
    proved: int
    rejected: int
    restated: Mapping[date, tuple[tuple[str, Decimal], ...]]
    quarantined: int
    quarantined_amounts: tuple[tuple[str, Decimal], ...]


def view(found: Receipt) -> ReceiptView:
    """A receipt for a page."""
    return ReceiptView(
        as_of=found.as_of,
        filling_since=found.completeness.filling_since,
        state=found.completeness.state,
        late=found.completeness.late,
        deliveries=found.proof.deliveries,
        proved=found.proof.proved,
        rejected=found.proof.rejected,
        restated=_restated(found.restated),
        quarantined=found.quarantine.lines,
        quarantined_amounts=tuple(found.quarantine.amounts.items()),
    )


def _restated(found: Sequence[RestatedDay]) -> dict[date, tuple[tuple[str, Decimal], ...]]:
    days: dict[date, tuple[tuple[str, Decimal], ...]] = {}
    for one in found:
        days[one.day] = (*days.get(one.day, ()), (one.currency, one.delta))
    return days
