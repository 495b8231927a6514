"""How a run ends, whoever is faster: the function that notes what it has landed, or those that finish it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from common.adapters.embedded.sqlite_documents import SqliteDocumentStore
from common.bills.deliveries import CURRENT, LANDED, delivery_path
from common.bills.runs import SUCCEEDED, finish_run, queue_run, record_deliveries, run_path

ORG, RUN, DELIVERY = "default", "run-1.aws", "d1"


class Clock:
    def now(self) -> datetime:
        return datetime(2026, 4, 1, tzinfo=UTC)


@pytest.fixture
def documents(tmp_path: Path) -> SqliteDocumentStore:
    made = SqliteDocumentStore(tmp_path / "documents.sqlite")
    queue_run(made, Clock(), ORG, RUN, "aws", "manual")
    return made


def deliver(documents: SqliteDocumentStore, state: str) -> None:
    documents.set(delivery_path(ORG, DELIVERY), {"state": state, "rows": 7, "parts": [{"size_bytes": 10}]})


def status(documents: SqliteDocumentStore) -> tuple[str, int]:
    run = documents.get(run_path(ORG, RUN)) or {}
    return run["status"], run["records"]


def test_a_chunk_that_is_faster_than_the_note_of_its_landing_does_not_end_the_run(
    documents: SqliteDocumentStore,
) -> None:
    deliver(documents, CURRENT)
    finish_run(documents, Clock(), ORG, RUN)
    assert status(documents) == ("queued", 0)
    record_deliveries(documents, Clock(), ORG, RUN, [DELIVERY])
    assert status(documents) == (SUCCEEDED, 7)


def test_a_run_ends_with_the_last_of_its_deliveries(documents: SqliteDocumentStore) -> None:
    deliver(documents, LANDED)
    record_deliveries(documents, Clock(), ORG, RUN, [DELIVERY])
    assert status(documents) == ("running", 0)
    deliver(documents, CURRENT)
    finish_run(documents, Clock(), ORG, RUN)
    assert status(documents) == (SUCCEEDED, 7)


def test_a_run_that_found_nothing_new_ends_at_once(documents: SqliteDocumentStore) -> None:
    record_deliveries(documents, Clock(), ORG, RUN, [])
    assert status(documents) == (SUCCEEDED, 0)
