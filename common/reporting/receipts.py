"""The receipt of an answer, from what is recorded of the deliveries that it rests on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from common.domain.completeness import first_filling_day
from common.domain.money import add
from common.ports import Document, Runtime
from common.records.arrivals import Arrivals, usual_lag
from common.records.deliveries import CURRENT, REJECTED, delivery_path
from common.records.organizations import below
from common.reporting.receipt import Completeness, Proof, Quarantine, Receipt, RestatedDay
from common.reporting.sources import Rows, Source, filling_from, state_of
from common.warehouse.cost_report import Days, Replaced, ShownSlice, read_replaced


def receipt_of(
    rt: Runtime,
    org_slug: str,
    rows: Rows,
    sources: Sequence[Source],
    days: Days,
    version: str,
    currencies: Iterable[str],
    rows_read: int,
) -> Receipt:
    """What an answer about some days is worth.

    sources: those with charges in the days.  version: of the charges, read before they were.
    """
    shown = [piece for one in sources for piece in one.slices if piece.overlaps(days)]
    documents = _documents(rt, org_slug, shown)
    made = Receipt(
        currencies=tuple(sorted(currencies)),
        as_of=max((one.delivered_at for one in sources), default=None),
        completeness=Completeness(
            state_of(sources, days),
            filling_from(sources, days),
            tuple(one.integration_id for one in sources if one.is_late),
        ),
        proof=Proof(
            len(shown),
            sum(_is_proved(documents.get(one.delivery_id)) for one in shown),
            _rejected(rt, org_slug, shown, rows.until),
        ),
        restated=_restated(read_replaced(rows.shown, days), sources, rows) if sources else (),
        quarantine=_quarantine(documents.values()),
        rows_read=rows_read,
    )
    return replace(made, mark=_mark(version, made))


def _documents(rt: Runtime, org_slug: str, shown: Iterable[ShownSlice]) -> dict[str, Document]:
    """The documents of the deliveries that are shown, by id."""
    current = dict(rt.documents.list(below(org_slug, "deliveries"), {"state": CURRENT}))
    found = {
        one.delivery_id: current.get(one.delivery_id) or rt.documents.get(delivery_path(org_slug, one.delivery_id))
        for one in shown
    }
    return {name: document for name, document in found.items() if document is not None}


def _is_proved(document: Document | None) -> bool:
    return bool(document and document.get("proved_at") and not document.get("difference"))


def _rejected(rt: Runtime, org_slug: str, shown: Iterable[ShownSlice], until: datetime) -> int:
    """How many deliveries of the slices were refused that are newer than what is shown."""
    newest = {(one.integration_id, one.billing_period): one.delivered_at for one in shown}
    found = rt.documents.list(below(org_slug, "deliveries"), {"state": REJECTED})
    return sum(_is_newer(document, newest, until) for _, document in found)


def _is_newer(document: Document, shown: Mapping[tuple[str, str], datetime], until: datetime) -> bool:
    before = shown.get((document["integration_id"], document["billing_period"]))
    landed = datetime.fromisoformat(document["landed_at"])
    return before is not None and landed <= until and datetime.fromisoformat(document["delivered_at"]) > before


def _restated(changes: Iterable[Replaced], sources: Sequence[Source], rows: Rows) -> tuple[RestatedDay, ...]:
    """The days that changed after they were complete, oldest first."""
    providers = {one.integration_id: one.provider for one in sources}
    found: dict[tuple[date, str], list[Replaced]] = {}
    for one in changes:
        arrivals = rows.arrivals.get(one.integration_id)
        if one.replaced_at < rows.until and one.charge_date < _complete_before(one, arrivals, providers):
            found.setdefault((one.charge_date, one.currency), []).append(one)
    restated = [
        RestatedDay(day, currency, add(one.delta for one in mine), mine[-1].delivery_now)
        for (day, currency), mine in sorted(found.items())
    ]
    return tuple(one for one in restated if one.delta)


def _complete_before(one: Replaced, arrivals: Arrivals | None, providers: Mapping[str, str | None]) -> date:
    """The first day that the delivery that was replaced did not have whole; of one long gone, by when it was replaced."""
    lag = usual_lag(arrivals, providers.get(one.integration_id))
    replaced = arrivals.deliveries.get(one.delivery_replaced) if arrivals else None
    return first_filling_day(lag, replaced.delivered_at if replaced else one.replaced_at)


def _quarantine(documents: Iterable[Document]) -> Quarantine:
    found = list(documents)
    amounts: dict[str, list[Decimal]] = {}
    for proof in (one for document in found for one in document.get("proof") or ()):
        if Decimal(proof["quarantined"]):
            amounts.setdefault(proof["currency"] or "", []).append(Decimal(proof["quarantined"]))
    return Quarantine(
        sum(document.get("quarantined_rows") or 0 for document in found),
        {currency: add(some) for currency, some in sorted(amounts.items())},
    )


def _mark(version: str, receipt: Receipt) -> str:
    """The same as long as the charges are, and all that is said of them."""
    said: dict[str, Any] = receipt.as_json()
    text = json.dumps([version, said], sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
