"""A delivery of many files is read by messages of their own, and ends as if one message had read them all; one run at a time."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pytest

from common.ingestion import landing, one_file
from common.messages import IngestBill
from common.records.integrations import load_integration
from common.records.runs import load_run, queue_run, run_path
from costwire.worker import deliver, work
from tests.integration.test_landing_in_pieces import aws_folder, everything, incoming, order, run_all, with_net, write
from tests.support import Laptop, cur_line, cur_text, laptop

FILES = 4


def many_files(place: Path, number: int = FILES) -> None:
    for part in range(number):
        write(place / f"part-{part:02d}.csv", with_net(cur_text([cur_line(part, "3")]), "2.5"))


@pytest.fixture(autouse=True)
def two_files_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landing, "FEW", 1)
    monkeypatch.setattr(landing, "SMALL_BYTES", 0)


def read_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landing, "FEW", 1_000)


def test_many_files_end_as_one_message_would_have_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "bills"
    many_files(place)
    found = []
    for name in ("apart", "together"):
        if name == "together":
            read_here(monkeypatch)
        with laptop(tmp_path / name) as rt:
            counts = run_all(rt, order(rt, place))
            found.append(everything(rt))
            # the order, each file, and the order once more
            assert counts["ingest-aws"] == (FILES + 2 if name == "apart" else 1)
            assert incoming(rt.objects) == []
    assert found[0] == found[1]
    assert rt.billed() == {"USD": Decimal(10)}


def test_only_a_window_of_files_is_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_file, "WINDOW", 2)
    place = tmp_path / "bills"
    many_files(place)
    with laptop(tmp_path / "home") as rt:
        rt.bus.publish(order(rt, place))
        most = 0
        while delivery := rt.bus.pull():
            assert deliver(rt, delivery).error is None
            most = max(
                most,
                sum(
                    "/part-" in str(one["data"].get("file")) or bool(one["data"].get("file")) for one in rt.bus.events()
                ),
            )
        assert most == 2
        assert rt.billed() == {"USD": Decimal(10)}


def test_files_whose_cost_column_the_others_decide_are_read_by_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file without net costs alone would be billed by its unblended ones; beside others it is not."""
    place = tmp_path / "bills"
    monkeypatch.setattr(landing, "FEW", 2)
    aws_folder(place)
    found = []
    for few in (2, 1_000):
        monkeypatch.setattr(landing, "FEW", few)
        with laptop(tmp_path / f"home-{few}") as rt:
            run_all(rt, order(rt, place))
            found.append(everything(rt))
    assert found[0] == found[1]


def test_a_file_that_cannot_be_read_refuses_the_delivery(tmp_path: Path) -> None:
    place = tmp_path / "bills"
    many_files(place)
    write(place / "part-02.csv", "no,bill\n1,2\n")
    with laptop(tmp_path / "home") as rt:
        run_all(rt, order(rt, place))
        run = load_run(rt.documents, "default", "run-1")
        assert run is not None and run.status == "rejected" and "part-02.csv" in str(run.error)
        assert rt.billed() == {} and incoming(rt.objects) == []
        write(place / "part-02.csv", with_net(cur_text([cur_line(2, "3")]), "2.5"))
        queue_run(rt.documents, rt.clock, "default", "run-2", "bill", "test")
        run_all(rt, IngestBill("aws", "default", "bill", "run-2"))
        assert rt.billed() == {"USD": Decimal(10)}


def test_a_file_that_changes_under_its_message_is_listed_again(tmp_path: Path) -> None:
    place = tmp_path / "bills"
    many_files(place)
    with laptop(tmp_path / "home") as rt:
        rt.bus.publish(order(rt, place))
        first = rt.bus.pull()
        assert first is not None and deliver(rt, first).error is None
        write(place / "part-03.csv", with_net(cur_text([cur_line(3, "3"), cur_line(70, "4")]), "9"))
        assert [one.error for one in work(rt, rt.clock.sleep) if one.error] == []
        assert rt.billed() == {"USD": Decimal("25.5")}


@pytest.mark.parametrize("seed", range(3))
def test_any_order_repeats_and_lost_processes_change_nothing(tmp_path: Path, seed: int) -> None:
    place = tmp_path / "bills"
    many_files(place)
    chance = random.Random(seed)
    with laptop(tmp_path / "home", fault_seed=seed) as rt:
        rt.bus.publish(order(rt, place))
        for _ in range(400):
            delivery = rt.bus.pull()
            if delivery is None:
                if not rt.bus.pending():
                    break
                rt.clock.sleep(30)
                continue
            if chance.random() < 0.2:
                rt.bus.hold_off(delivery, 0.5)  # its process ended
                continue
            deliver(rt, delivery)
            if chance.random() < 0.2:
                deliver(rt, delivery)
        assert rt.billed() == {"USD": Decimal(10)}
        run = load_run(rt.documents, "default", "run-1")
        assert run is not None and run.status == "succeeded"


def test_several_workers_read_at_once(tmp_path: Path) -> None:
    place = tmp_path / "bills"
    many_files(place)
    with laptop(tmp_path / "home") as rt:
        rt.bus.publish(order(rt, place))
        with ThreadPoolExecutor(3) as pool:
            done = list(pool.map(lambda _: list(work(rt, rt.clock.sleep)), range(3)))
        assert not [one.error for outcomes in done for one in outcomes if one.final]
        assert rt.billed() == {"USD": Decimal(10)}
        assert len(rt.deliveries()) == 1 and incoming(rt.objects) == []


def begin(rt: Laptop, run_id: str, trigger: str) -> str | None:
    """Deliver the order of another run; what it failed with."""
    queue_run(rt.documents, rt.clock, "default", run_id, "bill", trigger)
    rt.bus.publish(IngestBill("aws", "default", "bill", run_id))
    waiting: Counter[str] = Counter()
    while delivery := rt.bus.pull(["ingest_aws"]):
        if delivery.event["data"]["run_id"] == run_id:
            return deliver(rt, delivery).error
        rt.bus.hold_off(delivery, 1)
        waiting["others"] += 1
        assert waiting["others"] < 100
    raise AssertionError("the order was not delivered")


@pytest.mark.parametrize("trigger", ["schedule", "manual"])
def test_one_run_lands_at_a_time(tmp_path: Path, trigger: str) -> None:
    place = tmp_path / "bills"
    many_files(place)
    with laptop(tmp_path / "home") as rt:
        rt.bus.publish(order(rt, place))
        first = rt.bus.pull()
        assert first is not None and deliver(rt, first).error is None
        error = begin(rt, "run-2", trigger)
        second = rt.documents.get(run_path("default", "run-2")) or {}
        if trigger == "schedule":
            assert error is None and (second["status"], second["joined"]) == ("succeeded", "run-1")
        else:
            assert error is not None and "run run-1 reads the files of bill" in error
        assert [one.error for one in work(rt, rt.clock.sleep) if one.final] == []
        assert (rt.documents.get(run_path("default", "run-2")) or {})["status"] == "succeeded"
        assert rt.billed() == {"USD": Decimal(10)}


def test_a_run_that_was_given_up_keeps_no_other_from_landing(tmp_path: Path) -> None:
    place = tmp_path / "bills"
    many_files(place)
    with laptop(tmp_path / "home") as rt:
        rt.bus.publish(order(rt, place))
        first = rt.bus.pull()
        assert first is not None and deliver(rt, first).error is None
        while lost := rt.bus.pull():
            rt.bus.ack(lost)  # all messages of the run are lost
        rt.clock.sleep(3601)
        queue_run(rt.documents, rt.clock, "default", "run-2", "bill", "manual")
        run_all(rt, IngestBill("aws", "default", "bill", "run-2"))
        assert rt.billed() == {"USD": Decimal(10)}
        assert load_integration(rt.documents, "default", "bill")["status"] == "active"


def test_many_small_files_are_read_where_they_were_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landing, "SMALL_BYTES", 1 << 20)
    place = tmp_path / "bills"
    many_files(place)
    with laptop(tmp_path / "home") as rt:
        assert run_all(rt, order(rt, place))["ingest-aws"] == 1
