"""What an audit record shows of a change: the listed fields that differ, cut and without secrets, and never more than fits."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from common.adapters.shared.document_rules import MAX_DOCUMENT_BYTES, stored_bytes
from common.domain.audit import difference
from common.records.audit import MOST_CHANGES, RULES, Operation, change_of, new_record, place_of, with_changes

NOW = datetime(2026, 4, 10, 12, tzinfo=UTC)


def changed(path: str, before: dict[str, Any] | None, after: dict[str, Any] | None) -> dict[str, Any] | None:
    place = place_of(path)
    assert place is not None
    return change_of(place, before, after)


def test_a_field_that_is_not_listed_is_in_no_record() -> None:
    for collection, rule in RULES.items():
        path = "orgs/acme_1x" if collection == "organization" else f"orgs/acme_1x/{collection}/one"
        secret = {"ciphertext": "s3cret", "sha256": "s3cret", "endpoint": "s3cret", "new_field": "s3cret"}
        assert changed(path, None, secret) is None or rule.one == "integration", collection
        assert "s3cret" not in str(changed(path, {}, secret))


def test_only_what_differs_is_shown_and_nothing_where_nothing_does() -> None:
    path = "orgs/acme_1x/budgets/cloud"
    before = {"name": "Cloud", "amount": "5", "created_at": "x"}
    assert changed(path, before, {**before, "amount": "6"}) == {
        "target": "budgets/cloud", "before": {"amount": "5"}, "after": {"amount": "6"},
    }  # fmt: skip
    assert changed(path, before, {**before, "created_at": "y"}) is None
    assert changed(path, before, before) is None and changed(path, None, None) is None


def test_plan_and_status_are_shown_together() -> None:
    found = difference(
        {"plan": "A", "status": "B", "x": 1}, {"plan": "C", "status": "B", "x": 1}, frozenset({"plan", "status"})
    )
    assert found == ({"plan": "A", "status": "B"}, {"plan": "C", "status": "B"})


def test_the_query_of_a_location_is_left_out() -> None:
    document = {"config": {"location": "https://bills.example.com/a.csv?sig=s3cret"}}
    found = changed("orgs/acme_1x/integrations/one", None, document)
    assert found is not None and found["after"]["location"] == "https://bills.example.com/a.csv"


@pytest.mark.parametrize(
    "path", ["orgs/a_b/runs/r", "orgs/a_b/audit/x", "places/x", "orgs/a_b/integrations/i/known_files/f", "audit/x"]
)
def test_what_is_not_audited_has_no_place(path: str) -> None:
    assert place_of(path) is None


def test_a_record_fits_in_a_document_however_much_was_changed() -> None:
    changes = [
        {"target": f"budgets/{number}", "before": None, "after": {f"f{one}": "é" * 2000 for one in range(12)}}
        for number in range(3 * MOST_CHANGES)
    ]
    record = new_record(Operation(), "acme_1x", NOW, changes[:150])
    record = with_changes(record, changes[150:])
    assert stored_bytes("orgs/acme_1x/audit/x", record) < MAX_DOCUMENT_BYTES
    assert len(record["changes"]) + record["more_changes"] == len(changes)
