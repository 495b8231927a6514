"""Times that are put right, pairs that part and meet again, accounts that change hands: what is shown follows from what was delivered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from common.ingestion import landing
from common.normalization.facts import Facts
from common.normalization.replaying import replay_delivery
from costwire.worker import work
from tests.integration.shown_state import check_settled, currents
from tests.integration.test_which_delivery_is_shown import TWINS, cur, reports
from tests.support import laptop

DAY = datetime(2026, 4, 1, tzinfo=UTC)
ACTUAL, AMORTIZED = TWINS / "part_0_actual.csv", TWINS / "part_0_amortized.csv"


def days(number: float) -> datetime:
    return DAY + timedelta(days=number)


@pytest.mark.parametrize("wrong", [0, 1, 2])
@pytest.mark.parametrize("right", [0, -9])
def test_a_time_put_right_leaves_all_that_adds_up_shown(tmp_path: Path, wrong: int, right: int) -> None:
    paths = reports(tmp_path)
    with laptop(tmp_path / "home") as rt:
        for number, path in enumerate(paths):
            rt.bring(path, provider="oci", delivered_at=days(5 if number == wrong else 0))
        rt.bring(paths[wrong], provider="oci", delivered_at=days(right), corrects=True)
        (current,) = rt.deliveries(state="current")
        assert len(current["parts"]) == 3
        check_settled(rt)


@pytest.mark.parametrize("order", [(ACTUAL, AMORTIZED), (AMORTIZED, ACTUAL)], ids=["actual first", "amortized first"])
@pytest.mark.parametrize("move", [3, -3])
def test_a_pair_meets_again_when_both_times_are_put_right(tmp_path: Path, order: tuple[Path, Path], move: int) -> None:
    with laptop(tmp_path / "home") as rt:
        for corrects, day in ((False, 0), (True, move)):
            for path in order:
                rt.bring(path, provider="azure", delivered_at=days(day), corrects=corrects)
        (current,) = rt.deliveries(state="current")
        assert {part["role"] for part in current["parts"]} == {"actual", "amortized"}
        check_settled(rt)


@pytest.mark.parametrize("moved", [ACTUAL, AMORTIZED], ids=["actual", "amortized"])
@pytest.mark.parametrize("move", [3, -3])
def test_when_a_pair_parts_the_newer_half_is_shown(tmp_path: Path, moved: Path, move: int) -> None:
    other = AMORTIZED if moved == ACTUAL else ACTUAL
    with laptop(tmp_path / "home") as rt:
        for path in (ACTUAL, AMORTIZED):
            rt.bring(path, provider="azure", delivered_at=DAY)
        rt.bring(moved, provider="azure", delivered_at=days(move), corrects=True)
        (current,) = rt.deliveries(state="current")
        assert [part["name"] for part in current["parts"]] == [(moved if move > 0 else other).name]
        check_settled(rt)


def test_a_half_that_moves_leaves_its_twin_to_another_one(tmp_path: Path) -> None:
    other = tmp_path / "other_actual.csv"
    other.write_text(ACTUAL.read_text().replace("133.21", "133.22"))
    with laptop(tmp_path / "home") as rt:
        rt.bring(other, provider="azure", delivered_at=DAY)
        rt.bring(ACTUAL, provider="azure", delivered_at=DAY + timedelta(hours=5))
        rt.bring(AMORTIZED, provider="azure", delivered_at=DAY)
        rt.bring(ACTUAL, provider="azure", delivered_at=days(-5), corrects=True)
        (current,) = rt.deliveries(state="current")
        assert {part["name"] for part in current["parts"]} == {"other_actual.csv", AMORTIZED.name}
        check_settled(rt)


def test_an_account_that_another_integration_took_over_is_not_shown_twice(tmp_path: Path) -> None:
    mine, other = cur(tmp_path / "a.csv", "10"), cur(tmp_path / "b.csv", "5", account="999988887777")
    with laptop(tmp_path / "home") as rt:
        rt.bring(mine, integration="one", delivered_at=DAY)
        rt.bring(other, integration="one", delivered_at=days(1))
        rt.bring(mine, integration="two", delivered_at=DAY)
        assert rt.billed() == {"USD": Decimal(15)}
        rt.bring(mine, integration="one", delivered_at=days(2))
        assert rt.billed() == {"USD": Decimal(15)}
        check_settled(rt)


def test_what_is_shown_stays_so_where_the_one_to_show_instead_is_held_back(tmp_path: Path) -> None:
    first = cur(tmp_path / "first.csv", "10")
    second = cur(tmp_path / "second.csv", "5", account="999988887777")
    with laptop(tmp_path / "home") as rt:
        rt.bring(first, integration="one", delivered_at=DAY)
        rt.bring(second, integration="one", delivered_at=days(1))
        rt.bring(first, integration="two", delivered_at=DAY)
        rt.bring(second, integration="one", delivered_at=days(-1), corrects=True)  # first is newer now, and is two's
        assert rt.billed() == {"USD": Decimal(15)}
        assert [len(found) for found in currents(rt).values()] == [1, 1]
        check_settled(rt)
        rt.bring(second, integration="three", delivered_at=DAY)
        assert rt.billed() == {"USD": Decimal(15)}


def test_of_several_that_were_held_back_the_newest_is_shown_when_it_is_free(tmp_path: Path) -> None:
    bills = [cur(tmp_path / f"{cost}.csv", cost) for cost in ("10", "11", "12")]
    with laptop(tmp_path / "home") as rt:
        rt.bring(bills[0], integration="one", delivered_at=DAY)
        for number, bill in enumerate(bills):
            rt.bring(bill, integration="two", delivered_at=days(number))
        assert rt.billed() == {"USD": Decimal(10)}
        rt.bring(cur(tmp_path / "other.csv", "5", account="999988887777"), integration="one", delivered_at=days(1))
        rt.bring(bills[0], integration="two", delivered_at=DAY)
        assert rt.billed() == {"USD": Decimal(17)}
        check_settled(rt)


def test_a_file_too_many_is_rejected_and_the_rest_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landing, "MOST_PARTS", 2)
    paths = reports(tmp_path)
    with laptop(tmp_path / "home") as rt:
        for path in paths:
            rt.bring(path, provider="oci", delivered_at=DAY)
        (current,) = rt.deliveries(state="current")
        assert len(current["parts"]) == 2
        check_settled(rt)
        (refused,) = rt.deliveries(state="rejected")
        assert "has 3 files, at most" in refused["reason"]
        runs = sorted(run["status"] for _, run in rt.documents.list("orgs/default/runs"))
        assert runs == ["rejected", "succeeded", "succeeded"]
        rt.bring(paths[0], provider="oci", delivered_at=DAY)
        check_settled(rt)


def test_the_same_file_of_reports_under_two_names_counts_once(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    bill = reports(tmp_path)[0]
    with laptop(tmp_path / "home") as rt:
        rt.bring(bill, provider="oci", integration="alone", delivered_at=DAY)
        alone = rt.billed()
    for name in ("a.csv", "copy of a.csv"):
        (folder / name).write_bytes(bill.read_bytes())
    with laptop(tmp_path / "other") as rt:
        rt.bring(folder, provider="oci", delivered_at=DAY)
        assert rt.billed() == alone
        check_settled(rt)


def test_replay_of_a_file_that_spoilt_what_adds_up_takes_the_whole_up_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = reports(tmp_path)
    with laptop(tmp_path / "home") as rt:
        rt.bring(paths[0], provider="oci", delivered_at=DAY)
        with monkeypatch.context() as broken:
            broken.setattr(Facts, "refusal", property(lambda facts: "totals differ"))
            rt.bring(paths[1], provider="oci", delivered_at=days(1))
        (spoilt,) = (one for one in rt.deliveries(state="rejected") if not one["joined_from"])
        assert len(rt.deliveries(state="current")[0]["parts"]) == 1
        replay_delivery(rt, "default", spoilt["delivery_id"])
        list(work(rt, rt.clock.sleep))
        (current,) = rt.deliveries(state="current")
        assert len(current["parts"]) == 2
        assert rt.deliveries(state="joined")[0]["delivery_id"] == spoilt["delivery_id"]
