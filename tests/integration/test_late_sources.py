"""What is learned from deliveries as they come in, and the alert of a source that stops."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.budgets.checking import check
from common.domain.freshness import Freshness
from common.normalization.withdrawing import withdraw
from common.records.arrivals import Arrivals, load_arrivals
from common.records.deliveries import REJECTED, REPLACED, WITHDRAWN, Delivery
from common.records.integrations import save_integration
from common.tenancy.integrations import pause, remove
from costwire.worker import work
from tests.support import Laptop, cur_line, cur_text, laptop

ORG = "default"
FIRST = datetime(2026, 3, 9, 6, tzinfo=UTC)


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Laptop]:
    with laptop(tmp_path / "home") as made:
        yield made


def bring(rt: Laptop, folder: Path, delivered_at: datetime, lines: int) -> None:
    """A bill of so many days of March, imported soon after it was delivered."""
    rt.clock.moment = delivered_at + timedelta(hours=1)
    path = folder / "bill.csv"
    path.write_text(cur_text([cur_line(number, "5") for number in range(lines)]))
    rt.bring(path, delivered_at=delivered_at)


def connect(rt: Laptop, folder: Path) -> None:
    """From now on its location is looked at by the schedule."""
    save_integration(rt.documents, rt.clock.now(), ORG, "bill", "aws", folder.as_uri())


def look(rt: Laptop, moment: datetime) -> None:
    """The scheduled check, and the messages that it leads to."""
    rt.clock.moment = moment
    check(ORG, rt.documents, rt.warehouse, rt.bus, rt.clock)
    list(work(rt, rt.clock.sleep))


def late_alerts(rt: Laptop) -> list[dict[str, Any]]:
    found = [document for _, document in rt.documents.list(f"orgs/{ORG}/alerts")]
    return [one for one in found if one["type"] == "source_late"]


def messages(rt: Laptop) -> list[str]:
    return [path.read_text() for path in sorted((rt.home / "outbox").glob("*"))]


def freshness(rt: Laptop) -> Freshness:
    known = load_arrivals(rt.documents, ORG, "bill")
    assert known is not None and known.freshness is not None
    return known.freshness


def test_each_delivery_is_noted_with_its_newest_data(rt: Laptop, tmp_path: Path) -> None:
    bring(rt, tmp_path, FIRST, 8)  # the days up to the eighth, an hour each
    found = freshness(rt)
    assert (found.newest_delivery, found.newest_data) == (FIRST, datetime(2026, 3, 8, 1, tzinfo=UTC))
    assert found.pattern.lag == timedelta(hours=48)  # stated for aws, too few deliveries to learn from
    (delivery,) = rt.deliveries()
    assert delivery["days"]["2026-03-08"] == {"USD": "5"} and len(delivery["days"]) == 8


def test_a_late_source_raises_one_alert_that_its_next_delivery_takes_back(rt: Laptop, tmp_path: Path) -> None:
    bring(rt, tmp_path, FIRST, 8)
    connect(rt, tmp_path)
    look(rt, FIRST + timedelta(hours=29, minutes=59))  # a day, and 6 hours of patience
    assert late_alerts(rt) == []
    for minutes in (1, 16, 31):
        look(rt, FIRST + timedelta(hours=30, minutes=minutes))
    (alert,) = late_alerts(rt)
    assert (alert["state"], alert["integration"], alert["newest_data"]) == ("open", "bill", "2026-03-08 01:00 UTC")
    (text,) = messages(rt)
    for words in ("bill is late: no delivery for 31 h", "every 24 h", "costwire integrations show bill"):
        assert words in text
    bring(rt, tmp_path, FIRST + timedelta(hours=40), 9)
    look(rt, FIRST + timedelta(hours=41))
    assert [one["state"] for one in late_alerts(rt)] == ["retracted"]
    assert len(messages(rt)) == 2 and any("bill has delivered again" in text for text in messages(rt))
    look(rt, FIRST + timedelta(hours=80))
    assert sorted(one["state"] for one in late_alerts(rt)) == ["open", "retracted"]


def test_a_clock_that_is_put_back_takes_no_alert_back(rt: Laptop, tmp_path: Path) -> None:
    bring(rt, tmp_path, FIRST, 8)
    connect(rt, tmp_path)
    look(rt, FIRST + timedelta(hours=31))
    look(rt, FIRST - timedelta(days=3))
    assert [one["state"] for one in late_alerts(rt)] == ["open"] and len(messages(rt)) == 1


def test_a_withdrawn_delivery_is_no_arrival_and_takes_no_alert_back(rt: Laptop, tmp_path: Path) -> None:
    bring(rt, tmp_path, FIRST, 8)
    bring(rt, tmp_path, FIRST + timedelta(hours=20), 9)
    connect(rt, tmp_path)
    look(rt, FIRST + timedelta(hours=51))
    (newest,) = rt.deliveries(state="current")
    withdraw(rt, ORG, newest["delivery_id"])
    assert freshness(rt).newest_delivery == FIRST
    look(rt, FIRST + timedelta(hours=52))
    states = {one["alert_id"]: one["state"] for one in late_alerts(rt)}
    assert states == {"late-bill-20260310T020000": "resolved", "late-bill-20260309T060000": "open"}
    assert not any("delivered again" in text for text in messages(rt))


def test_what_is_imported_by_hand_paused_or_removed_is_not_waited_for(rt: Laptop, tmp_path: Path) -> None:
    bring(rt, tmp_path, FIRST, 8)
    look(rt, FIRST + timedelta(days=9))
    assert late_alerts(rt) == []
    connect(rt, tmp_path)
    look(rt, FIRST + timedelta(days=9))
    assert [one["state"] for one in late_alerts(rt)] == ["open"]
    pause(rt, ORG, "bill", "test")
    look(rt, FIRST + timedelta(days=10))
    assert [one["state"] for one in late_alerts(rt)] == ["resolved"]
    remove(rt, ORG, "bill")
    look(rt, FIRST + timedelta(days=11))
    assert [one["state"] for one in late_alerts(rt)] == ["resolved"] and len(messages(rt)) == 1


def version(number: int, state: str = REPLACED) -> Delivery:
    """One of many deliveries of March, each with a day more."""
    delivered = FIRST + timedelta(days=number)
    days = {f"2026-03-{day:02d}": {"USD": "10" if day < 8 + number else "6"} for day in range(1, 9 + number)}
    return Delivery(
        delivery_id=f"d{number}", org_slug=ORG, integration_id="bill", provider="aws", source_format="aws_cur",
        billing_period="2026-03", delivered_at=delivered, state=state, parts=(), run_id="r", landed_at=delivered,
        proved_at=delivered.isoformat(), days=days, charged_through=delivered.isoformat(),
    )  # fmt: skip


@settings(max_examples=50, deadline=None)
@given(st.permutations(range(20)), st.integers(0, 19), st.integers(0, 19))
def test_what_is_learned_depends_on_the_deliveries_not_on_the_order_in_which_they_were_noted(
    order: list[int], withdrawn: int, rejected: int
) -> None:
    states = {rejected: REJECTED, withdrawn: WITHDRAWN}
    everything = [version(number, states.get(number, REPLACED)) for number in range(20)]
    expected = Arrivals("bill", "aws").with_slice(everything)
    noted = Arrivals("bill", "aws")
    for count in range(1, len(order) + 1):  # each writer sees what there was when it looked
        noted = noted.with_slice([version(number) for number in order[:count]])
    noted = noted.with_slice(everything)
    noted = Arrivals.from_document(noted.as_document())
    assert noted == expected == noted.with_slice(everything)
    assert expected.freshness is not None and expected.pattern.intervals == len(expected.deliveries) - 1
    assert expected.pattern.days > 0 and expected.pattern.lag <= timedelta(hours=48)
