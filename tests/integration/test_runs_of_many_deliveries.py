"""A run of many deliveries ends with the last of them; until then each that ends reads only until it meets one that has not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from common.records import runs
from common.records.deliveries import delivery_path, load_known
from tests.support import Laptop, cur_line, cur_text, laptop

NAMES = [f"d{number:02}" for number in range(30)]


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Laptop]:
    bill = tmp_path / "bill.csv"
    bill.write_text(cur_text([cur_line(1, "2.5")]))
    with laptop(tmp_path / "home") as made:
        made.bring(bill)
        (shown,) = made.deliveries()
        for name in NAMES:
            made.documents.set(delivery_path("default", name), {**shown, "delivery_id": name, "state": "landed"})
        runs.queue_run(made.documents, made.clock, "default", "run", "bill", "manual")
        runs.record_deliveries(made.documents, made.clock, "default", "run", NAMES)
        yield made


def end(rt: Laptop, name: str, state: str = "current") -> None:
    rt.documents.update(delivery_path("default", name), {"state": state})
    runs.finish_runs(rt.documents, rt.clock, load_known(rt.documents, "default", name))


def status(rt: Laptop) -> str:
    run = runs.load_run(rt.documents, "default", "run")
    assert run is not None
    return run.status


def test_a_run_ends_with_the_last_of_its_deliveries_in_any_order(rt: Laptop) -> None:
    for name in reversed(NAMES):
        assert status(rt) == "running"
        end(rt, name)
    assert status(rt) == "succeeded"


def test_what_is_lost_ends_a_run_whose_others_are_finished(rt: Laptop) -> None:
    for name in NAMES[1:]:
        end(rt, name)
    runs.fail_run(rt.documents, rt.clock, "default", "run", "given up", delivery_id=NAMES[0])
    assert status(rt) == "failed"
    end(rt, NAMES[0])  # it was replayed
    assert status(rt) == "succeeded"


def test_few_documents_are_read_while_the_run_goes_on(rt: Laptop, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    get = rt.documents.get

    def counting(path: str) -> Any:
        read.append(path)
        return get(path)

    monkeypatch.setattr(rt.documents, "get", counting)
    for name in reversed(NAMES[1:]):
        end(rt, name)
    assert status(rt) == "running"
    assert len(read) < 5 * len(NAMES)  # not each of them each time
