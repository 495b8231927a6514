"""The receipt of an answer, as pages print it: the one place that knows its shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from common.reporting.costs import CostsAnswer


@dataclass(frozen=True)
class ReceiptView:
    """What an answer is worth.  deliveries, proved, rejected, restated, quarantined: None where the answer does not say.

    late: integrations whose next delivery is overdue.  restated: day -> what changed, as (currency, amount).
    """

    as_of: datetime | None = None
    filling_since: date | None = None
    state: str | None = None
    late: tuple[str, ...] = ()
    deliveries: int | None = None
    proved: int = 0
    rejected: int = 0
    restated: Mapping[date, tuple[tuple[str, Decimal], ...]] | None = None
    quarantined: int | None = None
    quarantined_amounts: tuple[tuple[str, Decimal], ...] = ()


def receipt_of(answer: CostsAnswer) -> ReceiptView:
    """The receipt of an answer."""
    return view(answer.receipt.as_json())


def view(found: Mapping[str, Any]) -> ReceiptView:
    """The receipt in JSON, as the API answers it, for a page."""
    completeness = found.get("completeness") or {}
    proof = found.get("proof") or {}
    quarantine = found.get("quarantine") or {}
    since = completeness.get("filling_since") or found.get("filling_since")
    return ReceiptView(
        as_of=datetime.fromisoformat(found["as_of"]) if found.get("as_of") else None,
        filling_since=date.fromisoformat(since) if since else None,
        state=completeness.get("state"),
        late=tuple(completeness.get("late", ())),
        deliveries=proof.get("deliveries"),
        proved=proof.get("proved", 0),
        rejected=proof.get("rejected", 0),
        restated=_restated(found["restated"]) if "restated" in found else None,
        quarantined=quarantine.get("lines"),
        quarantined_amounts=tuple((name, Decimal(amount)) for name, amount in quarantine.get("amounts", {}).items()),
    )


def _restated(found: list[Mapping[str, str]]) -> dict[date, tuple[tuple[str, Decimal], ...]]:
    days: dict[date, tuple[tuple[str, Decimal], ...]] = {}
    for one in found:
        day = date.fromisoformat(one["day"])
        days[day] = (*days.get(day, ()), (one["currency"], Decimal(one["delta"])))
    return days
