"""The counts behind the estimate are those of real runs: a run of today takes about as much as the one written down."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.adapters.embedded.folder_objects import FolderObjectStore
from common.adapters.embedded.sqlite_documents import SqliteDocumentStore
from common.running_costs.world import load_measured
from deployment.cost_counting import CountingDocuments, CountingObjects, Counts
from deployment.cost_counts import _run


def test_documents_are_counted_as_firestore_bills(tmp_path: Path) -> None:
    counts = Counts("f")
    store = CountingDocuments(SqliteDocumentStore(tmp_path / "documents.sqlite"), counts)
    store.set("orgs/a", {"n": 1})
    store.create("orgs/b", {"n": 2})
    assert store.get("orgs/nobody") is None
    assert len(store.list("orgs")) == 2
    assert store.list("orgs", {"n": 9}) == []
    store.delete("orgs/b")

    def work(transaction: object) -> None:
        transaction.set("orgs/c", transaction.get("orgs/a"))  # type: ignore[attr-defined]

    store.transact(work)
    assert counts.documents == {"f": {"reads": 1 + 2 + 1 + 1, "writes": 3, "deletes": 1}}


def test_objects_are_counted_as_cloud_storage_bills(tmp_path: Path) -> None:
    import io

    counts = Counts("f")
    store = CountingObjects(FolderObjectStore(tmp_path), counts)
    stored = store.put("raw/a", io.BytesIO(b"four"))
    copied = store.copy(stored.uri, "raw/b")
    store.stat(copied.uri)
    store.open(copied.uri).close()
    with store.local(copied.uri):
        pass
    assert store.readable(copied.uri).size_bytes == 4
    assert len(store.list("raw/")) == 2
    store.delete(copied.uri)
    found = counts.objects["f"]
    assert (found["written"], found["read"], found["read_bytes"], found["listed"], found["looked"]) == (2, 3, 12, 1, 1)
    assert found["deleted"] == 1


@pytest.fixture(scope="module")
def today(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    return _run(tmp_path_factory.mktemp("counts"), 2_000, 1)


def test_a_run_of_today_sends_the_messages_that_are_written_down(today: dict[str, object]) -> None:
    small = load_measured()["runs"]["small"]
    assert today["messages"] == small["messages"], "run python -m deployment.cost_estimate --measure --write"


@pytest.mark.parametrize("table", ["documents", "objects"])
def test_a_run_of_today_touches_about_as_much(today: dict[str, dict[str, dict[str, int]]], table: str) -> None:
    def total(run: dict[str, dict[str, dict[str, int]]]) -> int:
        return sum(
            number for found in run[table].values() for name, number in found.items() if not name.endswith("_bytes")
        )

    small = load_measured()["runs"]["small"]
    assert total(today) == pytest.approx(total(small), rel=0.3), (
        "run python -m deployment.cost_estimate --measure --write"
    )


def test_rows_are_about_as_wide(today: dict[str, dict[str, str]]) -> None:
    small = load_measured()["runs"]["small"]
    wide, before = (sum(map(float, run["column_bytes"].values())) for run in (today, small))
    assert wide == pytest.approx(before, rel=0.1)


def test_a_check_asks_only_where_the_day_or_the_charges_have_changed(
    today: dict[str, dict[str, dict[str, int]]],
) -> None:
    small = load_measured()["runs"]["small"]
    for run in (today, small):
        assert run["questions"] == {"evaluate_budgets": 3}
        assert run["budget_check"]["questions"] == {}
        assert run["budget_check_of_a_new_day"]["questions"] == {"evaluate_budgets": 3}
