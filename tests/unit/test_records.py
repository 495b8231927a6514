"""Each document comes back as it was, with fields that this release does not know."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.domain.alerts import EVENTS, Change, Life, advance, life_fields
from common.records.alerts import Alert
from common.records.chunks import ChunkResult
from common.records.deliveries import REJECTED, Delivery
from common.records.runs import Run
from common.records.standings import Standing

Document = dict[str, Any]

text = st.text(max_size=5)
count = st.integers(0, 10**12)
moment = st.datetimes().map(lambda one: f"{one.isoformat()}Z")
plain = st.recursive(
    st.none() | st.booleans() | count | text,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(text, inner, max_size=2),
)
entries = st.lists(st.dictionaries(text, plain, max_size=2), max_size=2)
strange = st.dictionaries(text.map(lambda name: f"strange_{name}"), plain, max_size=2)
amount = st.decimals(allow_nan=False, allow_infinity=False, places=3).map(lambda one: format(one.normalize(), "f"))


def maybe(value: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | value


def shape(needed: dict[str, Any], later: dict[str, Any] | None = None) -> st.SearchStrategy[Document]:
    """Documents with these fields, some of the later ones, and some that nobody knows."""
    made = st.fixed_dictionaries(needed, optional=later or {})
    return st.tuples(made, strange).map(lambda pair: {**pair[1], **pair[0]})


TOTAL = {
    "currency": text,
    "lines": count,
    "amount": st.just("1.5"),
    "rounded": st.just("1"),
    "unreadable": count,
}
PART = {
    "chunk": count, "name": text, "uri": text, "size_bytes": count, "digest": text, "role": text, "other_lines": count,
    "stray_lines": st.booleans(), "control": st.lists(st.fixed_dictionaries(TOTAL), max_size=1),
}  # fmt: skip
DAYS = st.dictionaries(text, st.dictionaries(text, amount, max_size=2), max_size=2)
DELIVERY = shape(
    {
        "delivery_id": text, "org_slug": text, "integration_id": text, "provider": text, "source_format": text, "billing_period": text,
        "delivered_at": moment, "state": text, "parts": st.lists(st.fixed_dictionaries(PART), max_size=2), "run_id": text,
        "landed_at": moment, "version": maybe(text), "unknown_columns": st.lists(text, max_size=2), "notes": st.lists(text, max_size=2),
        "seen_at": maybe(moment), "joined_from": st.lists(text, max_size=2), "completeness": count, "joined_at": maybe(moment),
    },
    {
        "cost_column": text, "rows": count, "quarantined_rows": count, "totals": st.dictionaries(text, amount, max_size=2),
        "proof": entries, "conformance": entries, "accounts": entries, "difference": maybe(text), "beyond": maybe(text),
        "reason": maybe(text), "proved_at": moment, "joined_into": text, "was_shown": st.booleans(),
        "was_current": st.booleans(), "moved": st.booleans(), "days": DAYS, "charged_through": maybe(moment),
    },
)  # fmt: skip
CHUNK = shape(
    {
        "chunk": count, "focus_uri": text, "quarantine_uri": maybe(text), "pairs_uri": maybe(text), "rows": count, "written": entries,
        "accounts": entries, "conformance": entries, "quarantined": entries, "quarantined_lines": count,
        "days": DAYS, "charged_through": maybe(moment),
    }
)  # fmt: skip
RUN = shape(
    {
        "run_id": text, "org_slug": text, "integration_id": text, "trigger": text, "location": maybe(text), "delivered_at": maybe(moment),
        "corrects": st.booleans(), "force": st.booleans(), "status": text, "started_at": moment, "ended_at": maybe(moment),
        "records": count, "bytes": count, "error": maybe(text), "delivery_ids": st.lists(text, max_size=2),
    },
    {"landing": st.just(True), "lost": st.dictionaries(text, text), "tries": st.dictionaries(text, moment)},
)  # fmt: skip
STANDING = shape({"ticket_taken": count, "ticket_written": count, "facts": st.none()}) | shape(
    {
        "ticket_taken": count, "ticket_written": count, "budget_id": text, "period_start": moment,
        "facts": st.dictionaries(text, plain, max_size=2),
    }
)  # fmt: skip


def lived(events: list[str]) -> Document:
    life = Life()
    for event in events:
        life, _ = advance(life, event, Change("", "2026-04-01T00:00:00+00:00", "ada"), "2026-04-02T00:00:00+00:00")
    return life_fields(life)


ALERT = st.tuples(
    shape({"alert_id": text, "type": text, "budget_id": maybe(text), "budget_name": maybe(text)}),
    st.lists(st.sampled_from(EVENTS), max_size=4).map(lived),
).map(lambda pair: {**pair[0], **pair[1]})

RECORDS: list[tuple[Any, st.SearchStrategy[Document]]] = [
    (Delivery, DELIVERY), (ChunkResult, CHUNK), (Run, RUN), (Standing, STANDING), (Alert, ALERT),
]  # fmt: skip


@pytest.mark.parametrize(("record", "documents"), RECORDS, ids=lambda one: getattr(one, "__name__", ""))
def test_a_document_comes_back_as_it_was(record: Any, documents: st.SearchStrategy[Document]) -> None:
    check: Callable[[], None] = given(documents)(lambda document: _same(record, document))
    check()


def _same(record: Any, document: Document) -> None:
    made = record.from_document(document)
    assert made.as_document() == document
    assert record.from_document(made.as_document()) == made


@given(DELIVERY)
def test_a_change_of_a_delivery_leaves_all_else_as_it_is(document: Document) -> None:
    changed = Delivery.from_document(document).with_(state=REJECTED, reason=None, rows=3)
    assert changed.as_document() == {**document, "state": REJECTED, "reason": None, "rows": 3}
