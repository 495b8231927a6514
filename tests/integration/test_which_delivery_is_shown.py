"""Which delivery of a month readers see: the most complete one of the newest, in whatever order and at whatever times they come."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from common.messages import ChargesNormalized
from tests.support import NOW, Laptop, cur_line, cur_text, laptop

FIXTURES = Path(__file__).parents[1] / "fixtures" / "bills"
REPORT = FIXTURES / "oci" / "cost_report_nise_2026-03.csv"
TWINS = FIXTURES / "azure" / "twins"
DAY = datetime(2026, 4, 1, tzinfo=UTC)
ORDERS = list(itertools.permutations(range(3)))
HOURS = {
    "equal": (0, 0, 0),
    "rising": (0, 1, 2),
    "falling": (2, 1, 0),
    "two alike": (0, 0, 1),
    "years apart": (0, 9000, 2),
}
# each order and each way of times: all thirty take minutes, and tests/integration/test_any_history.py draws others
EACH_ORDER_AND_TIMES = [(ORDERS[number], list(HOURS)[number % 5]) for number in range(6)]


def reports(folder: Path) -> list[Path]:
    """One month of OCI in three reports."""
    header, *lines = REPORT.read_text().splitlines()
    made = [folder / f"report{number}.csv" for number in range(3)]
    for number, path in enumerate(made):
        path.write_text("\n".join([header, *lines[number::3], ""]))
    return made


def cur(path: Path, *costs: str, account: str = "111122223333") -> Path:
    path.write_text(cur_text([cur_line(number, cost, PayerAccountId=account) for number, cost in enumerate(costs)]))
    return path


def shown(rt: Laptop) -> list[str]:
    return sorted(one["delivery_id"] for one in rt.deliveries(state="current"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, dict[str, Decimal]]:
    """Rows and total of the month in one report."""
    with laptop(tmp_path_factory.mktemp("whole")) as rt:
        rt.bring(REPORT, provider="oci", delivered_at=DAY)
        return len(rt.exported()), rt.billed()


@pytest.mark.parametrize(("order", "hours"), EACH_ORDER_AND_TIMES, ids=str)
def test_reports_that_add_up_are_all_shown(
    tmp_path: Path, order: tuple[int, ...], hours: str, whole: tuple[int, dict[str, Decimal]]
) -> None:
    paths = reports(tmp_path)
    with laptop(tmp_path / "home") as rt:
        for number in order:
            moment = DAY - timedelta(hours=HOURS[hours][number])
            rt.bring(paths[number], provider="oci", delivered_at=moment)
        (current,) = rt.deliveries(state="current")
        assert (len(rt.exported()), rt.billed()) == whole
        assert len(current["parts"]) == 3


@pytest.mark.parametrize("later", [0, 1])
def test_files_that_contain_what_is_shown_are_shown(
    tmp_path: Path, later: int, whole: tuple[int, dict[str, Decimal]]
) -> None:
    paths = reports(tmp_path)
    folder = tmp_path / "all"
    folder.mkdir()
    for path in paths:
        (folder / path.name).write_bytes(path.read_bytes())
    with laptop(tmp_path / "home") as rt:
        rt.bring(paths[1], provider="oci", delivered_at=DAY + timedelta(hours=later))
        rt.bring(folder, provider="oci", delivered_at=DAY)
        assert (len(rt.exported()), rt.billed()) == whole


@pytest.mark.parametrize("hours", [(0, 0), (0, 1), (1, 0), (0, 11)], ids=str)
@pytest.mark.parametrize("order", [("actual", "amortized"), ("amortized", "actual")], ids=str)
def test_a_pair_is_shown_as_one_whatever_the_times(
    tmp_path: Path, order: tuple[str, str], hours: tuple[int, int]
) -> None:
    with laptop(tmp_path / "home") as rt:
        for role, hour in zip(order, hours, strict=True):
            rt.bring(TWINS / f"part_0_{role}.csv", provider="azure", delivered_at=DAY + timedelta(hours=hour))
        (current,) = rt.deliveries(state="current")
        assert {part["role"] for part in current["parts"]} == {"actual", "amortized"}
        assert rt.billed() == {"USD": Decimal("133.21")}


def test_a_pair_of_an_earlier_day_does_not_replace_a_newer_one_of_half(tmp_path: Path) -> None:
    with laptop(tmp_path / "home") as rt:
        newer = tmp_path / "newer_actual.csv"
        newer.write_text((TWINS / "part_0_actual.csv").read_text().replace("133.21", "133.22"))
        rt.bring(newer, provider="azure", delivered_at=DAY + timedelta(days=3))
        for role in ("actual", "amortized"):
            rt.bring(TWINS / f"part_0_{role}.csv", provider="azure", delivered_at=DAY)
        (current,) = rt.deliveries(state="current")
        assert [part["name"] for part in current["parts"]] == ["newer_actual.csv"]


def test_a_half_whose_time_was_wrong_leaves_the_pair_that_it_made(tmp_path: Path) -> None:
    with laptop(tmp_path / "home") as rt:
        actual, amortized = TWINS / "part_0_actual.csv", TWINS / "part_0_amortized.csv"
        rt.bring(actual, provider="azure", delivered_at=DAY)
        rt.bring(amortized, provider="azure", delivered_at=DAY)
        assert len(rt.deliveries(state="current")[0]["parts"]) == 2
        rt.bring(actual, provider="azure", delivered_at=DAY + timedelta(days=2), corrects=True)
        (current,) = rt.deliveries(state="current")
        assert [part["role"] for part in current["parts"]] == ["actual"]
        assert rt.billed() == {"USD": Decimal("133.21")}


def test_a_correction_that_is_taken_back_shows_the_earlier_bytes_again(tmp_path: Path) -> None:
    first, second = cur(tmp_path / "a.csv", "10"), cur(tmp_path / "b.csv", "12")
    with laptop(tmp_path / "home") as rt:
        rt.bus.subscribe(ChargesNormalized.topic, "watcher")
        for day, bill in enumerate((first, second, first)):
            rt.bring(bill, delivered_at=DAY + timedelta(days=day))
        assert rt.billed() == {"USD": Decimal(10)}
        assert sorted(one["state"] for one in rt.deliveries()) == ["current", "replaced"]
        deltas = [row["delta"] for row in rt.ask("select billed_cost_delta as delta from restatements")]
        assert sorted(deltas) == [-2, 2]
        # an older version that arrives late still changes nothing
        rt.bring(second, delivered_at=DAY + timedelta(days=1))
        assert rt.billed() == {"USD": Decimal(10)}


@pytest.mark.parametrize("order", list(itertools.permutations("aba")), ids="".join)
def test_bytes_that_were_delivered_twice_count_as_of_the_last_time(tmp_path: Path, order: tuple[str, ...]) -> None:
    bills = {"a": cur(tmp_path / "a.csv", "10"), "b": cur(tmp_path / "b.csv", "12")}
    days = {"a": iter((0, 2)), "b": iter((1,))}
    with laptop(tmp_path / "home") as rt:
        for name in order:
            rt.bring(bills[name], delivered_at=DAY + timedelta(days=next(days[name])))
        assert rt.billed() == {"USD": Decimal(10)}


def test_a_wrong_time_can_be_put_right(tmp_path: Path) -> None:
    right, wrong = cur(tmp_path / "right.csv", "10"), cur(tmp_path / "wrong.csv", "99")
    with laptop(tmp_path / "home") as rt:
        rt.bring(wrong, delivered_at=NOW)
        rt.bring(right, delivered_at=DAY)
        assert rt.billed() == {"USD": Decimal(99)}
        rt.bring(wrong, delivered_at=DAY - timedelta(days=9), corrects=True)
        assert rt.billed() == {"USD": Decimal(10)}
        assert {one["state"] for one in rt.deliveries()} == {"current", "replaced"}
        # the file's own time, which is newer, is known and changes nothing
        rt.bring(wrong)
        assert rt.billed() == {"USD": Decimal(10)}


def test_a_delivery_of_the_future_is_refused_unless_forced(tmp_path: Path) -> None:
    bill = cur(tmp_path / "a.csv", "10")
    with laptop(tmp_path / "home") as rt:
        rt.bring(bill, delivered_at=NOW + timedelta(hours=3))
        assert (rt.billed(), rt.deliveries()) == ({}, [])
        (run,) = [run for _, run in rt.documents.list("orgs/default/runs")]
        assert run["status"] == "rejected"
        assert "which is in the future" in run["error"] and "--force" in run["error"]
        rt.bring(bill, delivered_at=NOW + timedelta(hours=3), force=True)
        assert rt.billed() == {"USD": Decimal(10)}


def test_a_clock_that_is_a_little_ahead_is_no_future(tmp_path: Path) -> None:
    with laptop(tmp_path / "home") as rt:
        rt.bring(cur(tmp_path / "a.csv", "10"), delivered_at=NOW + timedelta(minutes=59))
        assert rt.billed() == {"USD": Decimal(10)}


def test_a_delivery_that_spoils_what_adds_up_is_left_out_of_the_next(tmp_path: Path) -> None:
    paths = reports(tmp_path)
    header, first, *_ = paths[1].read_text().splitlines()
    spoilt = tmp_path / "spoilt.csv"
    at = header.split(",").index("cost/myCost")
    cells = first.split(",")
    cells[at] = "not a number"
    spoilt.write_text(f"{header}\n{','.join(cells)}\n")
    with laptop(tmp_path / "home") as rt:
        for number, path in enumerate((paths[0], spoilt, paths[2])):
            rt.bring(path, provider="oci", delivered_at=DAY + timedelta(hours=number))
        (current,) = rt.deliveries(state="current")
        names = {part["name"] for part in current["parts"]}
        assert {"report0.csv", "report2.csv"} <= names


class TestTheSameBillUnderTwoIntegrations:
    """No money counts twice unless somebody says so."""

    def test_the_second_one_is_held_back(self, tmp_path: Path) -> None:
        bill = cur(tmp_path / "a.csv", "10")
        with laptop(tmp_path / "home") as rt:
            rt.bring(bill, integration="imported", delivered_at=DAY)
            rt.bring(bill, integration="connected", delivered_at=DAY + timedelta(days=1))
            assert rt.billed() == {"USD": Decimal(10)}
            (held,) = rt.deliveries(integration_id="connected")
            assert held["state"] == "held"
            assert held["proof"][0]["difference"] == "0"
            assert "111122223333" in held["reason"] and "imported" in held["reason"]
            runs = [run["status"] for _, run in rt.documents.list("orgs/default/runs")]
            assert runs == ["succeeded", "succeeded"]

    def test_it_stays_held_back_when_it_is_restated(self, tmp_path: Path) -> None:
        with laptop(tmp_path / "home") as rt:
            rt.bring(cur(tmp_path / "a.csv", "10"), integration="imported", delivered_at=DAY)
            for day in (1, 2):
                rt.bring(
                    cur(tmp_path / f"b{day}.csv", f"1{day}"),
                    integration="connected",
                    delivered_at=DAY + timedelta(days=day),
                )
            assert rt.billed() == {"USD": Decimal(10)}

    def test_the_first_one_goes_on_being_restated(self, tmp_path: Path) -> None:
        with laptop(tmp_path / "home") as rt:
            rt.bring(cur(tmp_path / "a.csv", "10"), integration="imported", delivered_at=DAY)
            rt.bring(cur(tmp_path / "b.csv", "11"), integration="connected", delivered_at=DAY, allow_overlap=True)
            assert rt.billed() == {"USD": Decimal(21)}
            rt.bring(cur(tmp_path / "c.csv", "20"), integration="imported", delivered_at=DAY + timedelta(days=1))
            assert rt.billed() == {"USD": Decimal(31)}

    def test_it_is_shown_on_purpose_and_stays_so(self, tmp_path: Path) -> None:
        bill = cur(tmp_path / "a.csv", "10")
        with laptop(tmp_path / "home") as rt:
            rt.bring(bill, integration="imported", delivered_at=DAY)
            rt.bring(bill, integration="connected", delivered_at=DAY)
            rt.bring(bill, integration="connected", delivered_at=DAY, allow_overlap=True)
            assert rt.billed() == {"USD": Decimal(20)}
            rt.bring(cur(tmp_path / "b.csv", "12"), integration="connected", delivered_at=DAY + timedelta(days=1))
            assert rt.billed() == {"USD": Decimal(22)}

    def test_another_month_or_account_is_no_overlap(self, tmp_path: Path) -> None:
        with laptop(tmp_path / "home") as rt:
            rt.bring(cur(tmp_path / "a.csv", "10"), integration="one", delivered_at=DAY)
            rt.bring(cur(tmp_path / "b.csv", "5", account="999988887777"), integration="two", delivered_at=DAY)
            april = cur_text(
                [
                    cur_line(
                        0,
                        "2",
                        BillingPeriodStartDate="2026-04-01T00:00:00Z",
                        BillingPeriodEndDate="2026-05-01T00:00:00Z",
                    )
                ]
            )
            (tmp_path / "c.csv").write_text(april)
            rt.bring(tmp_path / "c.csv", integration="three", delivered_at=DAY)
            assert rt.billed() == {"USD": Decimal(17)}

    def test_a_bill_and_its_own_focus_export_are_the_same(self, tmp_path: Path) -> None:
        with laptop(tmp_path / "home") as rt:
            rt.bring(cur(tmp_path / "a.csv", "10"), integration="native", delivered_at=DAY)
            out = tmp_path / "focus.csv"
            rt.warehouse.export("default", str(out), "true")
            rt.bring(out, integration="focus", provider="focus", delivered_at=DAY)
            assert rt.billed() == {"USD": Decimal(10)}
            assert [one["state"] for one in rt.deliveries(integration_id="focus")] == ["held"]

    def test_what_the_first_one_no_longer_shows_is_free(self, tmp_path: Path) -> None:
        with laptop(tmp_path / "home") as rt:
            rt.bring(cur(tmp_path / "a.csv", "10"), integration="one", delivered_at=DAY)
            rt.bring(
                cur(tmp_path / "b.csv", "5", account="999988887777"),
                integration="one",
                delivered_at=DAY + timedelta(days=1),
            )
            rt.bring(cur(tmp_path / "a.csv", "10"), integration="two", delivered_at=DAY)
            assert rt.billed() == {"USD": Decimal(15)}
