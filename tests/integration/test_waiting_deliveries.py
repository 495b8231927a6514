"""Deliveries that wait to be shown are listed the longest first, a page at a time, however many others there are."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from common.messages import DeliveryMapped
from common.normalization.finish import finish, reject
from common.records import deliveries
from common.records.deliveries import delivery_path, load_known, note_waiting, waiting
from tests.support import Laptop, cur_line, cur_text, laptop


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Laptop]:
    bill = tmp_path / "bill.csv"
    bill.write_text(cur_text([cur_line(1, "2.5")]))
    with laptop(tmp_path / "home") as made:
        made.bring(bill)
        yield made


def add(rt: Laptop, name: str, **changes: Any) -> None:
    (shown,) = rt.deliveries(state="current")
    path = delivery_path("default", name)
    rt.documents.set(path, {**shown, "delivery_id": name, "state": "landed", "waits_since": None, **changes})


def test_the_longest_waiting_come_first_over_any_number_of_pages(rt: Laptop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "WAITING_PAGE", 3)
    wanted = []
    for number in (5, 2, 9, 1, 7, 3, 8):
        add(rt, f"d{number}", waits_since=f"2026-04-0{number}T00:00:00+00:00")
        wanted.append(f"d{number}")
    add(rt, "also_on_the_second", waits_since="2026-04-02T00:00:00+00:00")
    add(rt, "no_more")
    add(rt, "replaced", state="replaced", waits_since="2026-04-04T00:00:00+00:00")
    found = [one.delivery_id for one in waiting(rt.documents, "default")]
    assert found == ["d1", "also_on_the_second", "d2", "d3", "d5", "d7", "d8", "d9"]


def test_no_more_is_read_than_is_asked_for(rt: Laptop, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(40):
        add(rt, f"landing{number:02}", **{} if number % 2 else {"waits_since": None})
        add(rt, f"waiting{number:02}", waits_since=f"2026-04-01T00:00:{number:02}+00:00")
    monkeypatch.setattr(deliveries, "WAITING_PAGE", 5)
    read: list[int] = []
    listed = rt.documents.list

    def counting(*what: Any, **more: Any) -> Any:
        found = listed(*what, **more)
        read.append(len(found))
        return found

    monkeypatch.setattr(rt.documents, "list", counting)
    assert len(list(islice(waiting(rt.documents, "default"), 7))) == 7
    assert read == [5, 5]


def test_what_is_finished_in_whatever_way_waits_no_more(rt: Laptop) -> None:
    add(rt, "one", waits_since="2026-04-01T00:00:00+00:00")
    add(rt, "two", waits_since="2026-04-01T00:00:00+00:00", state="superseded")
    reject(load_known(rt.documents, "default", "one"), "broken", rt)
    finish(DeliveryMapped("default", "bill", "aws", "2026-03", "two", "run"), rt)
    for name in ("one", "two"):
        document = rt.documents.get(delivery_path("default", name))
        assert document is not None and document["waits_since"] is None


def test_a_delivery_is_listed_from_when_it_waits(rt: Laptop) -> None:
    add(rt, "one")
    assert list(waiting(rt.documents, "default")) == []
    note_waiting(rt.documents, load_known(rt.documents, "default", "one"), rt.clock.now())
    assert [one.delivery_id for one in waiting(rt.documents, "default")] == ["one"]
