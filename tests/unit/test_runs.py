"""How a run ends, whoever is faster: the function that notes what it has landed, or those that finish it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from common.adapters.embedded.sqlite_documents import SqliteDocumentStore
from common.messages.subscriptions import named
from common.ports.bus import MAX_PUSHES
from common.records.deliveries import CURRENT, LANDED, REJECTED, Delivery, delivery_path
from common.records.runs import (
    FAILED,
    QUEUED,
    REFUSED,
    RUNNING,
    SUCCEEDED,
    WAITING,
    begin_run,
    end_waiting,
    fail_queued,
    fail_run,
    finish_runs,
    note_landing,
    queue_run,
    record_deliveries,
    run_path,
)
from common.records.stalled import KEPT, end_stalled, given_up_at, note_try

ORG, RUN, TWIN, DELIVERY = "default", "run-1.aws", "run-2.aws", "d1"
NOW = datetime(2026, 4, 1, tzinfo=UTC)


class Clock:
    def __init__(self, moment: datetime = NOW) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment


@pytest.fixture
def documents(tmp_path: Path) -> SqliteDocumentStore:
    made = SqliteDocumentStore(tmp_path / "documents.sqlite")
    for run_id in (RUN, TWIN):
        queue_run(made, Clock(), ORG, run_id, "aws", "manual")
    return made


def deliver(documents: SqliteDocumentStore, state: str, delivery_id: str = DELIVERY) -> Delivery:
    made = Delivery(delivery_id, ORG, "aws", "aws", "aws_cur", "2026-03", NOW, state, (), RUN, NOW, rows=7)
    documents.set(delivery_path(ORG, delivery_id), made.as_document())
    return made


def status(documents: SqliteDocumentStore, run_id: str = RUN) -> tuple[str, int]:
    run = documents.get(run_path(ORG, run_id)) or {}
    return run["status"], run["records"]


def reason(documents: SqliteDocumentStore, run_id: str = RUN) -> tuple[str, str | None]:
    run = documents.get(run_path(ORG, run_id)) or {}
    return run["status"], run["error"]


def test_a_chunk_that_is_faster_than_the_note_of_its_landing_does_not_end_the_run(
    documents: SqliteDocumentStore,
) -> None:
    finish_runs(documents, Clock(), deliver(documents, CURRENT))
    assert status(documents) == (QUEUED, 0)
    record_deliveries(documents, Clock(), ORG, RUN, [DELIVERY])
    assert status(documents) == (SUCCEEDED, 7)


def test_a_run_ends_with_the_last_of_its_deliveries(documents: SqliteDocumentStore) -> None:
    deliver(documents, LANDED)
    record_deliveries(documents, Clock(), ORG, RUN, [DELIVERY])
    assert status(documents) == (RUNNING, 0)
    finish_runs(documents, Clock(), deliver(documents, CURRENT))
    assert status(documents) == (SUCCEEDED, 7)


def test_a_run_that_found_nothing_complete_ends_as_waiting_and_goes_on_where_its_message_comes_again(
    documents: SqliteDocumentStore,
) -> None:
    begin_run(documents, ORG, RUN)
    end_waiting(documents, Clock(), ORG, RUN, "the export is not finished")
    assert reason(documents) == (WAITING, "the export is not finished")
    deliver(documents, CURRENT)
    record_deliveries(documents, Clock(), ORG, RUN, [DELIVERY])
    assert (status(documents), reason(documents)) == ((SUCCEEDED, 7), (SUCCEEDED, None))
    end_waiting(documents, Clock(), ORG, RUN, "its twin came late")
    assert reason(documents) == (SUCCEEDED, None)


def test_a_run_that_found_nothing_new_ends_at_once(documents: SqliteDocumentStore) -> None:
    record_deliveries(documents, Clock(), ORG, RUN, [])
    assert status(documents) == (SUCCEEDED, 0)


def test_every_run_that_landed_a_delivery_ends_with_it(documents: SqliteDocumentStore) -> None:
    deliver(documents, LANDED)
    for run_id in (RUN, TWIN):
        record_deliveries(documents, Clock(), ORG, run_id, [DELIVERY])
    fail_run(documents, Clock(), ORG, TWIN, "the disk was full", delivery_id=DELIVERY)
    finish_runs(documents, Clock(), deliver(documents, CURRENT))
    assert [reason(documents, run_id) for run_id in (RUN, TWIN)] == [(SUCCEEDED, None)] * 2


def test_a_run_waits_for_all_that_it_landed_and_for_no_more(documents: SqliteDocumentStore) -> None:
    for delivery_id in (DELIVERY, "d2"):
        deliver(documents, LANDED, delivery_id)
    record_deliveries(documents, Clock(), ORG, RUN, [DELIVERY, "d2"])
    record_deliveries(documents, Clock(), ORG, TWIN, ["d2"])
    finish_runs(documents, Clock(), deliver(documents, CURRENT, "d2"))
    assert [status(documents, run_id)[0] for run_id in (RUN, TWIN)] == [RUNNING, SUCCEEDED]


def test_a_message_that_is_given_up_before_its_landing_is_noted_ends_the_run(documents: SqliteDocumentStore) -> None:
    deliver(documents, LANDED)
    begin_run(documents, ORG, RUN)
    fail_run(documents, Clock(), ORG, RUN, "the disk is full", delivery_id=DELIVERY)
    note_landing(documents, ORG, RUN)
    record_deliveries(documents, Clock(), ORG, RUN, [DELIVERY])
    assert reason(documents) == (FAILED, "the disk is full")
    finish_runs(documents, Clock(), deliver(documents, CURRENT))
    assert reason(documents) == (SUCCEEDED, None)


def test_a_request_that_is_given_up_ends_those_of_its_runs_that_nobody_has_begun(
    documents: SqliteDocumentStore,
) -> None:
    queue_run(documents, Clock(), ORG, "run-1.gcp", "gcp", "manual")
    begin_run(documents, ORG, "run-1.gcp")
    fail_queued(documents, Clock(), ORG, "run-1", "there is no integration aws")
    found = [reason(documents, run_id) for run_id in (RUN, TWIN, "run-1.gcp")]
    assert found == [(FAILED, "there is no integration aws"), (QUEUED, None), (RUNNING, None)]


def test_a_run_whose_message_pubsub_gave_up_unanswered_ends_once_its_last_try_is_over(
    documents: SqliteDocumentStore,
) -> None:
    own = named("normalize_focus")
    assert own is not None
    until = given_up_at(own, 2, NOW)
    # from the second push on: 99 of 600 seconds, 98 rests of at most 600, and some minutes
    assert until - NOW == timedelta(seconds=99 * 600 + 98 * 600) + timedelta(minutes=5)
    assert given_up_at(own, MAX_PUSHES, NOW) - NOW == timedelta(seconds=600) + timedelta(minutes=5)
    for run_id in (RUN, TWIN):
        begin_run(documents, ORG, run_id)
        note_try(documents, ORG, run_id, "event-1", until)
    note_try(documents, ORG, TWIN, "event-1", None)
    end_stalled(documents, Clock(until), ORG)
    assert reason(documents) == (RUNNING, None)
    end_stalled(documents, Clock(until + timedelta(seconds=1)), ORG)
    found, words = reason(documents)
    assert found == FAILED and words is not None and "attempts without an answer" in words
    assert reason(documents, TWIN) == (RUNNING, None)


def test_a_run_that_is_older_than_any_message_ends(documents: SqliteDocumentStore) -> None:
    end_stalled(documents, Clock(NOW + KEPT), ORG)
    assert reason(documents) == (QUEUED, None)
    end_stalled(documents, Clock(NOW + KEPT + timedelta(seconds=1)), ORG)
    found, words = reason(documents)
    assert found == FAILED and words is not None and "within 8 days" in words


def test_a_run_that_was_rejected_ends_well_once_its_delivery_is_replayed(documents: SqliteDocumentStore) -> None:
    rejected = deliver(documents, REJECTED)
    record_deliveries(documents, Clock(), ORG, RUN, [DELIVERY])
    finish_runs(documents, Clock(), rejected)
    assert status(documents)[0] == REFUSED
    ended_at = (documents.get(run_path(ORG, RUN)) or {})["ended_at"]
    deliver(documents, LANDED)
    fail_run(documents, Clock(), ORG, RUN, "the disk is full", delivery_id=DELIVERY)
    finish_runs(documents, Clock(NOW + timedelta(days=1)), deliver(documents, REJECTED))
    assert status(documents)[0] == REFUSED
    assert (documents.get(run_path(ORG, RUN)) or {})["ended_at"] == ended_at
    finish_runs(documents, Clock(), deliver(documents, CURRENT))
    assert reason(documents) == (SUCCEEDED, None)


def test_a_run_of_which_a_bill_could_not_be_read_stays_rejected(documents: SqliteDocumentStore) -> None:
    deliver(documents, LANDED)
    record_deliveries(documents, Clock(), ORG, RUN, [DELIVERY])
    fail_run(documents, Clock(), ORG, RUN, "no known format", rejected=True, unread=True)
    finish_runs(documents, Clock(), deliver(documents, CURRENT))
    assert reason(documents) == (REFUSED, "no known format")
