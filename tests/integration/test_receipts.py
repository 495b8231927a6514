"""The receipt of an answer about costs: what the sums are worth."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from common.formats.totals import ControlTotals
from common.ingestion import reading
from common.records.arrivals import arrivals_path
from common.records.integrations import save_integration
from common.reporting.costs import CostsQuestion, ask_costs
from common.reporting.receipt import Completeness, Proof, Receipt, RestatedDay
from common.warehouse.cost_report import Days
from costwire import cli
from tests.integration.api_world import client
from tests.support import Laptop, cur_line, cur_text, laptop

ORG = "default"
Run = Callable[..., Result]


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Laptop]:
    with laptop(tmp_path / "home") as made:
        yield made


@pytest.fixture
def run(rt: Laptop) -> Run:
    def invoke(*words: str) -> Result:
        result = CliRunner().invoke(cli.app, list(words), catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result

    return invoke


def bring(rt: Laptop, folder: Path, costs: list[str], delivered_at: datetime) -> None:
    """A bill with a cost for each day from 2 March on, imported as soon as it was delivered."""
    rt.clock.moment = delivered_at
    path = folder / "bill.csv"
    path.write_text(cur_text([cur_line(number, cost) for number, cost in enumerate(costs, 1)]))
    rt.bring(path, delivered_at=delivered_at)


def at(day: int, month: int = 3) -> datetime:
    return datetime(2026, month, day, 6, tzinfo=UTC)


def receipt(rt: Laptop, days: Days | None = None, known_on: date | None = None) -> Receipt:
    return ask_costs(rt, ORG, CostsQuestion(days=days or Days(), known_on=known_on)).receipt


def test_a_receipt_says_what_is_proved_complete_and_in_quarantine(rt: Laptop, run: Run, tmp_path: Path) -> None:
    bring(rt, tmp_path, ["5"] * 9 + ["no amount"], at(12))
    found = receipt(rt)
    assert found.currencies == ("USD",) and found.as_of == at(12) and found.rows_read == 9
    assert found.proof == Proof(1, 1, 0) and found.proof.holds
    assert found.completeness == Completeness("filling", date(2026, 3, 10), ())
    assert found.quarantine.lines == 1
    document = json.loads(run("costs", "--json").stdout)["receipt"]
    assert document == found.as_json()
    assert document["completeness"] == {"state": "filling", "filling_since": "2026-03-10", "late": []}
    table = run("costs").stdout
    assert "filling from 2026-03-10, as of 2026-03-12 06:00 UTC" in table
    assert "1 of 1 delivery proved; days from 2026-03-10 on are still being reported; 1 line in quarantine." in table


def test_complete_days_of_an_open_month_are_provisional_and_a_closed_month_becomes_final(
    rt: Laptop, run: Run, tmp_path: Path
) -> None:
    bring(rt, tmp_path, ["5"] * 9, at(12))
    assert receipt(rt, Days(date(2026, 3, 1), date(2026, 3, 9))).completeness == Completeness("provisional")
    bring(rt, tmp_path, ["5"] * 27, at(3, 4))
    assert receipt(rt).completeness == Completeness("provisional")
    assert "provisional, as of" in run("costs").stdout
    rt.clock.moment = at(13, 4) + timedelta(seconds=1)
    assert receipt(rt).completeness == Completeness("final")
    assert "final, as of" in run("costs", "--month", "2026-03").stdout


def test_days_that_were_complete_when_they_changed_are_restated_and_no_others(
    rt: Laptop, run: Run, tmp_path: Path
) -> None:
    bring(rt, tmp_path, ["5"] * 9, at(12))
    bring(
        rt, tmp_path, ["4", "5", "5", "5", "5", "5", "5", "5", "7", "7"], at(13)
    )  # 2 March, and 10 March, which filled
    bring(rt, tmp_path, ["1", "5", "5", "5", "5", "5", "5", "5", "7", "7"], at(14))
    (newest,) = rt.deliveries(state="current")
    assert receipt(rt).restated == (RestatedDay(date(2026, 3, 2), "USD", Decimal(-4), newest["delivery_id"]),)
    assert receipt(rt, Days(date(2026, 3, 3), None)).restated == ()
    assert "1 day restated" in run("costs").stdout
    assert receipt(rt, known_on=date(2026, 3, 13)).restated[0].delta == -1
    assert receipt(rt, known_on=date(2026, 3, 12)).restated == ()


def test_what_was_known_on_an_earlier_day_has_the_receipt_of_that_day(rt: Laptop, tmp_path: Path) -> None:
    bring(rt, tmp_path, ["5"] * 9, at(12))
    before = receipt(rt)
    bring(rt, tmp_path, ["5"] * 27, at(3, 4))
    found = receipt(rt, known_on=date(2026, 3, 12))
    assert (found.as_of, found.completeness, found.proof) == (before.as_of, before.completeness, before.proof)


def test_a_newer_delivery_that_was_refused_is_on_the_receipt(
    rt: Laptop, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(rt, tmp_path, ["5"] * 9, at(12))

    def lossy(totals: ControlTotals) -> ControlTotals:
        for total in totals.totals.values():
            total.amount += Decimal("0.01")
            total.rounded += Decimal("0.01")
        return totals

    read = reading.control_totals
    monkeypatch.setattr(reading, "control_totals", lambda *words: lossy(read(*words)))  # a loss cannot be provoked
    bring(rt, tmp_path, ["6"] * 9, at(13))
    assert receipt(rt).proof == Proof(1, 1, 1) and not receipt(rt).proof.holds
    assert "1 newer delivery rejected" in run("costs").stdout


def test_a_late_source_is_on_the_receipt(rt: Laptop, run: Run, tmp_path: Path) -> None:
    bring(rt, tmp_path, ["5"] * 9, at(12))
    save_integration(rt.documents, rt.clock.now(), ORG, "bill", "aws", tmp_path.as_uri())
    assert receipt(rt).completeness.late == ()
    rt.clock.moment = at(14)
    assert receipt(rt).completeness.late == ("bill",)
    assert "late: bill" in run("costs").stdout
    assert "late" in run("integrations", "list").stdout
    shown = run("integrations", "show", "bill").stdout
    assert "2026-03-13 06:00, late" in shown and "every 24 h, at most 24 h (stated, too few deliveries yet)" in shown
    (listed,) = json.loads(run("integrations", "list", "--json").stdout)
    assert listed["freshness"]["late"] and listed["freshness"]["newest_data"] == "2026-03-10T01:00:00+00:00"


def test_the_learned_lag_of_a_source_moves_what_is_complete_everywhere(rt: Laptop, run: Run, tmp_path: Path) -> None:
    bring(rt, tmp_path, ["5"] * 9, at(12))
    path = arrivals_path(ORG, "bill")
    document = rt.documents.get(path)
    assert document is not None
    ages = {f"2026-02-{day:02d}": 5 * 86_400 for day in range(1, 11)}
    rt.documents.set(path, {**document, "ages": ages})
    assert receipt(rt).completeness.filling_since == date(2026, 3, 7)  # five days and an hour before the delivery
    run("budgets", "add", "All", "--amount", "100", "--currency", "USD")
    (budget,) = json.loads(run("budgets", "list", "--json").stdout)
    assert budget["standing"]["filling_from"] == "2026-03-07"


def test_the_mark_changes_with_the_charges_and_with_what_is_said_of_them(rt: Laptop, tmp_path: Path) -> None:
    bring(rt, tmp_path, ["5"] * 27, at(3, 4))
    first = receipt(rt).mark
    assert receipt(rt).mark == first
    rt.clock.moment = at(20, 4)
    final = receipt(rt).mark
    bring(rt, tmp_path, ["6"] * 27, at(21, 4))
    assert len({first, final, receipt(rt).mark}) == 3


def test_the_list_of_deliveries_says_how_complete_each_month_is(rt: Laptop, run: Run, tmp_path: Path) -> None:
    bring(rt, tmp_path, ["5"] * 9, at(12))
    assert "current, filling" in run("deliveries").stdout
    bring(rt, tmp_path, ["5"] * 27, at(3, 4))
    assert "current, provisional" in run("deliveries", "--period", "2026-03").stdout
    rt.clock.moment = at(20, 4)
    listed = json.loads(run("deliveries", "--json").stdout)
    assert [(one["state"], one["watermark"]) for one in listed] == [("current", "final"), ("replaced", None)]


@pytest.mark.parametrize("path", ["costs?month=2026-03", "costs/forecast?month=2026-03", "charges?month=2026-03"])
def test_an_answer_is_sent_again_once_its_receipt_counts_a_rejected_delivery(
    rt: Laptop, tmp_path: Path, path: str
) -> None:
    bring(rt, tmp_path, ["1", "2"], at(4))
    rt.clock.moment = at(5)
    ask, address = client(rt), f"/api/v1/organizations/{ORG}/{path}"
    first = ask.get(address)
    known = {"If-None-Match": first.headers["ETag"]}
    assert ask.get(address, headers=known).status_code == 304
    refused = tmp_path / "refused.csv"
    refused.write_text(cur_text([cur_line(number, "5", UsageStartDate="not a day") for number in range(20)]))
    rt.bring(refused, "bill", delivered_at=at(5))
    again = ask.get(address, headers=known)
    assert again.status_code == 200 and again.json["receipt"]["proof"]["rejected"] == 1
