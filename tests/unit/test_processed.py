"""Finished events are noted by function and id, and forgotten in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from common.adapters.embedded.sqlite_documents import SqliteDocumentStore
from common.runtime.processed import KEPT, ProcessedEvents

NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)


class SetClock:
    time = NOW

    def now(self) -> datetime:
        return self.time


@pytest.fixture
def clock():
    return SetClock()


@pytest.fixture
def documents(tmp_path):
    return SqliteDocumentStore(tmp_path / "documents.sqlite")


@pytest.fixture
def events(documents, clock):
    return ProcessedEvents(documents, clock)


def test_an_event_is_seen_by_the_function_that_noted_it(events):
    assert not events.seen("ingest_aws", "e1")
    events.note("ingest_aws", "e1")
    events.note("ingest_aws", "e1")
    assert events.seen("ingest_aws", "e1")
    assert not events.seen("ingest_gcp", "e1")
    assert not events.seen("ingest_aws", "e2")


def test_the_note_says_what_it_is_of_and_until_when(events, documents):
    events.note("ingest_aws", "e1")
    assert documents.list("processed") == [
        ("ingest_aws.e1", {"function": "ingest_aws", "event_id": "e1", "expires_at": (NOW + KEPT).isoformat()})
    ]


def test_an_expired_note_counts_no_more_though_it_is_still_there(events, documents, clock):
    events.note("ingest_aws", "e1")
    clock.time = NOW + KEPT - timedelta(microseconds=1)
    assert events.seen("ingest_aws", "e1")
    clock.time = NOW + KEPT
    assert not events.seen("ingest_aws", "e1")
    assert documents.get("processed/ingest_aws.e1") is not None
    events.note("ingest_aws", "e1")
    assert events.seen("ingest_aws", "e1")


def test_tries_are_counted_by_function_and_do_not_make_an_event_seen(events):
    assert [events.begin_try("f", "e1") for _ in range(3)] == [1, 2, 3]
    assert (events.begin_try("g", "e1"), events.begin_try("f", "e2")) == (1, 1)
    assert not events.seen("f", "e1")
    events.take_back_try("f", "e1")
    assert events.begin_try("f", "e1") == 3
    events.forget_tries("f", "e1")
    assert events.begin_try("f", "e1") == 1


def test_a_finished_event_has_no_further_try(events):
    """Of two tries at once the other one may have finished it."""
    events.begin_try("f", "e1")
    events.note("f", "e1")
    assert events.begin_try("f", "e1") is None
    events.take_back_try("f", "e1")
    events.forget_tries("f", "e1")
    assert events.seen("f", "e1")


def test_tries_are_counted_anew_once_they_have_expired(events, clock):
    events.begin_try("f", "e1")
    clock.time = NOW + KEPT
    assert events.begin_try("f", "e1") == 1


@pytest.mark.parametrize(
    "event_id", ["", "a/b", "..", "__x__", "ä€", "x" * (2 << 20), "a.b", "sha256.abc", "a b", "\ud800"]
)
def test_ids_of_any_form_are_kept_apart(events, event_id):
    events.note("f", event_id)
    assert events.seen("f", event_id)
    for other in ("a", "b", "x", "abc", event_id + "x"):
        assert not events.seen("f", other)
