"""A delivery that is withdrawn: what was shown before is shown again, and restoring it undoes that, whatever it was a part of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from common.errors import BadConfiguration, NotFound
from common.normalization.withdrawing import restore, withdraw
from common.records.runs import load_run
from costwire.worker import work
from tests.integration.shown_state import check_settled
from tests.integration.test_which_delivery_is_shown import TWINS, cur, reports
from tests.support import Laptop, laptop

DAY = datetime(2026, 4, 1, tzinfo=UTC)
ACTUAL, AMORTIZED = TWINS / "part_0_actual.csv", TWINS / "part_0_amortized.csv"


def named(rt: Laptop, name: str) -> str:
    """The id of the delivery with this file alone."""
    (found,) = [one for one in rt.deliveries() if [part["name"] for part in one["parts"]] == [name]]
    return str(found["delivery_id"])


def withdrawn(rt: Laptop, name: str) -> None:
    withdraw(rt, "default", named(rt, name))
    list(work(rt, rt.clock.sleep))


def restored(rt: Laptop, name: str) -> None:
    run_id = restore(rt, "default", named(rt, name))
    list(work(rt, rt.clock.sleep))
    run = load_run(rt.documents, "default", run_id)
    assert run is not None and run.status == "succeeded"


def test_the_earlier_version_is_shown_again_and_the_later_one_when_it_is_restored(tmp_path: Path) -> None:
    with laptop(tmp_path / "home") as rt:
        rt.bring(cur(tmp_path / "first.csv", "10"), delivered_at=DAY)
        rt.bring(cur(tmp_path / "second.csv", "7"), delivered_at=DAY + timedelta(days=1))
        withdrawn(rt, "second.csv")
        assert rt.billed() == {"USD": Decimal(10)}
        check_settled(rt)
        restored(rt, "second.csv")
        assert rt.billed() == {"USD": Decimal(7)}
        check_settled(rt)


def test_without_an_earlier_version_nothing_is_shown_and_the_restatement_says_what_went(tmp_path: Path) -> None:
    with laptop(tmp_path / "home") as rt:
        rt.bring(cur(tmp_path / "only.csv", "10"), delivered_at=DAY)
        withdrawn(rt, "only.csv")
        assert rt.billed() == {}
        (gone,) = rt.ask("select sum(billed_cost_delta) as delta from restatements")
        assert gone["delta"] == Decimal(-10)
        check_settled(rt)
        restored(rt, "only.csv")
        assert rt.billed() == {"USD": Decimal(10)}
        check_settled(rt)


def test_an_integration_without_rows_takes_the_next_delivery(tmp_path: Path) -> None:
    with laptop(tmp_path / "home") as rt:
        rt.bring(cur(tmp_path / "wrong.csv", "10"), delivered_at=DAY + timedelta(days=5))
        withdrawn(rt, "wrong.csv")
        rt.bring(cur(tmp_path / "right.csv", "3"), delivered_at=DAY)
        assert rt.billed() == {"USD": Decimal(3)}
        check_settled(rt)


def test_a_withdrawn_delivery_that_is_fetched_again_stays_withdrawn(tmp_path: Path) -> None:
    path = cur(tmp_path / "only.csv", "10")
    with laptop(tmp_path / "home") as rt:
        rt.bring(path, delivered_at=DAY)
        withdrawn(rt, "only.csv")
        rt.bring(path, delivered_at=DAY + timedelta(days=3), corrects=True)
        assert rt.billed() == {}
        assert [one["state"] for one in rt.deliveries()] == ["withdrawn"]
        check_settled(rt)


def test_another_integration_may_show_the_account_afterwards(tmp_path: Path) -> None:
    path = cur(tmp_path / "bill.csv", "10")
    with laptop(tmp_path / "home") as rt:
        rt.bring(path, integration="mistyped", delivered_at=DAY)
        withdrawn(rt, "bill.csv")
        rt.bring(path, integration="right", delivered_at=DAY)
        assert rt.billed() == {"USD": Decimal(10)}
        check_settled(rt)


@pytest.mark.parametrize(("order", "wrong"), [((0, 1, 2), 0), ((2, 0, 1), 1), ((2, 0, 1), 2)])
def test_of_reports_that_add_up_the_others_are_shown(tmp_path: Path, order: tuple[int, ...], wrong: int) -> None:
    paths = reports(tmp_path)
    with laptop(tmp_path / "home") as rt:
        for number in order:
            rt.bring(paths[number], provider="oci", delivered_at=DAY)
        everything = rt.billed()
        withdrawn(rt, paths[wrong].name)
        (current,) = rt.deliveries(state="current")
        assert sorted(part["name"] for part in current["parts"]) == sorted(
            path.name for path in paths if path != paths[wrong]
        )
        check_settled(rt)
        restored(rt, paths[wrong].name)
        assert rt.billed() == everything
        check_settled(rt)


@pytest.mark.parametrize("wrong", [ACTUAL, AMORTIZED], ids=["actual", "amortized"])
def test_of_a_pair_the_other_half_is_shown(tmp_path: Path, wrong: Path) -> None:
    other = AMORTIZED if wrong == ACTUAL else ACTUAL
    with laptop(tmp_path / "home") as rt:
        for path in (ACTUAL, AMORTIZED):
            rt.bring(path, provider="azure", delivered_at=DAY)
        withdrawn(rt, wrong.name)
        (current,) = rt.deliveries(state="current")
        assert [part["name"] for part in current["parts"]] == [other.name]
        check_settled(rt)
        restored(rt, wrong.name)
        (current,) = rt.deliveries(state="current")
        assert {part["role"] for part in current["parts"]} == {"actual", "amortized"}
        check_settled(rt)


def test_what_cannot_be_withdrawn_or_restored_is_said(tmp_path: Path) -> None:
    paths = reports(tmp_path)
    with laptop(tmp_path / "home") as rt:
        with pytest.raises(NotFound, match="no delivery ghost"):
            withdraw(rt, "default", "ghost")
        for path in paths[:2]:
            rt.bring(path, provider="oci", delivered_at=DAY)
        (whole,) = rt.deliveries(state="current")
        with pytest.raises(BadConfiguration, match=r"is made of .*withdraw the one of these"):
            withdraw(rt, "default", whole["delivery_id"])
        with pytest.raises(BadConfiguration, match="is current, not withdrawn"):
            restore(rt, "default", whole["delivery_id"])
        rt.bring(cur(tmp_path / "bad.csv", "much"), integration="bad", delivered_at=DAY)
        withdrawn(rt, "bad.csv")
        assert [one["state"] for one in rt.deliveries(integration_id="bad")] == ["withdrawn"]


CASES = st.lists(
    st.tuples(st.sampled_from(("bring", "withdraw", "restore")), st.integers(0, 2)), min_size=1, max_size=7
)


@settings(max_examples=4, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(CASES)
def test_whatever_is_withdrawn_and_restored_the_newest_that_counts_is_shown(
    steps: list[tuple[str, int]],
) -> None:
    with TemporaryDirectory() as folder, laptop(Path(folder) / "home") as rt:
        known: dict[int, bool] = {}
        for what, number in steps:
            path = Path(folder) / f"bill{number}.csv"
            if what == "bring":
                cur(path, str(number + 1))
                rt.bring(path, delivered_at=DAY + timedelta(days=number))
                known.setdefault(number, True)
            elif number in known and what == "withdraw":
                withdrawn(rt, path.name)
                known[number] = False
            elif number in known and not known[number]:
                restored(rt, path.name)
                known[number] = True
            newest = max((one for one, counts in known.items() if counts), default=None)
            assert rt.billed() == ({} if newest is None else {"USD": Decimal(newest + 1)})
            check_settled(rt)
