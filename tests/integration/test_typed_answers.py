"""Use cases without a command: typed questions in, typed answers out, nothing printed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from common.budgets.manage import BudgetRequest, add_budget, list_budgets, remove_budget
from common.domain.budgets import InvalidBudget
from common.errors import AlreadyExists, BadConfiguration, NotFound
from common.normalization.replaying import Replayed, replay_dead_letters, replay_delivery
from common.reporting.arguments import InvalidQuestion, read_day, read_days, read_dimension, read_metric, read_period
from common.reporting.costs import CostsPrice, CostsQuestion, ask_costs
from common.reporting.deliveries import list_deliveries
from common.reporting.exports import ExportRequest, export_rows
from common.reporting.health import look
from common.reporting.messages import Fate, lost_messages, message_outcomes
from common.reporting.quarantine import list_quarantine
from common.reporting.restatements import list_restatements
from common.reporting.runs import list_runs
from common.warehouse.cost_report import Days, Metric
from common.warehouse.dimensions import SHORT
from tests.support import Laptop, laptop

ORG = "default"
BILL = Path(__file__).parents[1] / "fixtures" / "bills" / "oci" / "cost_report_nise_2026-03.csv"


@pytest.fixture
def rt(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[Laptop]:
    with laptop(tmp_path / "home") as made:
        yield made
    said = capfd.readouterr()
    assert not said.out and not said.err


def bring(rt: Laptop, path: Path, lines: int, wrong: bool = False) -> None:
    """Import the first lines of the bill, the last of them with an amount that is none."""
    header, *rows = BILL.read_text(encoding="utf-8").splitlines()[: lines + 1]
    if wrong:
        cells = rows[-1].split(",")
        cells[header.split(",").index("cost/myCost")] = "much"
        rows[-1] = ",".join(cells)
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    rt.bring(path, provider="oci")


def test_each_question_has_a_typed_answer(rt: Laptop, tmp_path: Path) -> None:
    bring(rt, tmp_path / "bill.csv", 40, wrong=True)
    answer = ask_costs(rt, ORG, CostsQuestion((SHORT["provider"],), Metric.EFFECTIVE_COST))
    (found,) = answer.currencies
    assert found.amounts.total == sum(one.amounts.total or 0 for one in found.groups) and found.amounts.charges == 39
    assert found.share_percent(found.groups[0].amounts) == 100
    assert answer.as_json()["currencies"][0]["total"] == format(found.amounts.total.normalize(), "f")

    (delivery,) = list_deliveries(rt, ORG, "bill", read_period("2026-03"))
    assert (delivery.state, delivery.rows, delivery.quarantined_rows) == ("current", 39, 1)
    assert {one.difference for one in delivery.proof} == {Decimal(0)}
    assert list_deliveries(rt, ORG, "bill", read_period("2026-04")) == []

    (run,) = list_runs(rt, ORG)
    assert (run.status, run.records, run.delivery_ids) == ("succeeded", 39, [delivery.delivery_id])

    (held,) = list_quarantine(rt, ORG)
    (reason,) = held.reasons()
    assert held.delivery_id == delivery.delivery_id and (reason.lines, reason.amount, reason.unreadable) == (1, None, 1)

    written = export_rows(rt, ORG, ExportRequest(tmp_path / "rows.csv", read_period("2026-03"), "bill"))
    assert (written.rows, written.size_bytes) == (39, (tmp_path / "rows.csv").stat().st_size)
    assert all(one.well for one in look(rt, ORG))
    json.dumps([answer.as_json(), run.as_json(), delivery.as_json(), written.as_json(), held.lines[0].as_json(False)])


def test_a_restatement_says_what_each_service_changed_by(rt: Laptop, tmp_path: Path) -> None:
    bring(rt, tmp_path / "bill.csv", 20)
    rt.clock.sleep(60)
    before = rt.billed()["USD"]
    bring(rt, tmp_path / "bill.csv", 40)
    (change,) = list_restatements(rt, ORG)
    services = change.services()
    assert sum(one.billed_cost_delta for one in services) == rt.billed()["USD"] - before
    assert sum(one.days for one in services) == len(change.days)
    assert list_restatements(rt, ORG, billing_period=read_period("2026-04")) == []


def test_an_answer_without_charges_says_which_days_have_some(rt: Laptop, tmp_path: Path) -> None:
    asked = CostsQuestion(days=Days(date(2020, 1, 1), date(2020, 1, 2)))
    assert ask_costs(rt, ORG, asked).charged_days is None
    bring(rt, tmp_path / "bill.csv", 20)
    first, last = ask_costs(rt, ORG, asked).charged_days or (date.max, date.min)
    assert date(2026, 3, 1) <= first <= last <= date(2026, 3, 31)


def test_a_budget_is_set_listed_and_removed(rt: Laptop, tmp_path: Path) -> None:
    bring(rt, tmp_path / "bill.csv", 20)
    request = BudgetRequest("Cloud", Decimal(1), "USD")
    added = add_budget(rt, ORG, request)
    standing = added.standing()
    assert standing.current_spend == rt.billed()["USD"] and standing.spent_percent and standing.as_of
    assert added.as_json()["standing"]["current_spend"] == format(rt.billed()["USD"].normalize(), "f")
    assert [one.as_json() for one in list_budgets(rt, ORG)] == [added.as_json()]
    with pytest.raises(AlreadyExists, match="'Cloud' already"):
        add_budget(rt, ORG, request)
    assert remove_budget(rt, ORG, added.budget_id).as_json() == dict(added.document)
    assert list_budgets(rt, ORG) == [] and rt.documents.list(f"orgs/{ORG}/budget_status") == []
    states = {alert["state"] for _, alert in rt.documents.list(f"orgs/{ORG}/alerts")}
    assert states == {"resolved"}
    with pytest.raises(NotFound, match="no budget 'Cloud'"):
        remove_budget(rt, ORG, "Cloud")


def test_a_budget_that_was_not_evaluated_has_a_standing_without_spend(rt: Laptop) -> None:
    added = add_budget(rt, ORG, BudgetRequest("Cloud", Decimal("2.50"), "USD", period="quarterly"))
    for name, _ in rt.documents.list(f"orgs/{ORG}/budget_status"):
        rt.documents.delete(f"orgs/{ORG}/budget_status/{name}")
    (listed,) = list_budgets(rt, ORG)
    standing = listed.standing()
    assert (standing.amount, standing.period, standing.current_spend, standing.as_of) == (
        Decimal("2.5"),
        "quarterly",
        None,
        None,
    )
    assert listed.as_json() == {**added.document, "standing": None}


def test_messages_are_sent_waiting_or_lost_and_a_replay_opens_the_lost(rt: Laptop) -> None:
    channels = {
        "slack": {"status": "sent", "where": "Slack"},
        "email:ada@example.com": {"status": "refused", "reason": "no such mailbox"},
        "email:bob@example.com": {"status": "pending", "reason": "busy"},
    }
    rt.documents.set(
        f"orgs/{ORG}/notifications/a_1",
        {
            "alert_id": "a",
            "budget_id": "b",
            "state": "open",
            "status": "failed",
            "channels": channels,
            "facts": {},
            "created_at": datetime(2026, 3, 1, tzinfo=UTC).isoformat(),
        },
    )
    told = {one.recipient: (one.fate, one.where or one.reason) for one in message_outcomes(rt, ORG, "b")}
    assert told == {
        "slack": (Fate.SENT, "Slack"),
        "email to ada@example.com": (Fate.LOST, "no such mailbox"),
        "email to bob@example.com": (Fate.WAITING, "busy"),
    }
    assert [one.recipient for one in lost_messages(rt, ORG)] == ["email to ada@example.com"]
    assert replay_dead_letters(rt, ORG, "bill-landed") == Replayed(0, 0)
    assert replay_dead_letters(rt, ORG) == Replayed(0, 1)
    assert lost_messages(rt, ORG) == []


def test_what_is_not_there_is_not_replayed(rt: Laptop, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no delivery nope"):
        replay_delivery(rt, ORG, "nope")
    (tmp_path / "bill.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    rt.bring(tmp_path / "bill.csv")
    (unreadable,) = list_deliveries(rt, ORG)
    with pytest.raises(BadConfiguration, match="could not be read"):
        replay_delivery(rt, ORG, unreadable.delivery_id)


def test_what_a_question_would_scan_has_a_price() -> None:
    assert CostsPrice(1 << 40).as_json() == {"scanned_bytes": 1 << 40, "list_price_usd": "6.25"}
    assert CostsPrice(None).list_price_usd is None


def test_questions_that_make_no_sense_are_refused() -> None:
    for read, text in ((read_day, "31.3.2026"), (read_dimension, "tag:"), (read_metric, "Cost"), (read_period, "2026")):
        with pytest.raises(InvalidQuestion, match=text):
            read(text)
    with pytest.raises(InvalidQuestion, match="not a dimension"):
        read_dimension("colour")
    with pytest.raises(InvalidQuestion, match="is before"):
        read_days(date(2026, 4, 1), None, None, "2026-03-02", "2026-03-01")
    with pytest.raises(InvalidQuestion, match="two ends"):
        CostsQuestion(days=Days(date(2026, 3, 2)), compare=True)
    with pytest.raises(InvalidQuestion, match="no day in common"):
        CostsQuestion((SHORT["day"],), days=Days(date(2026, 3, 2), date(2026, 3, 3)), compare=True)
    with pytest.raises(InvalidQuestion, match=r"must end in \.parquet or \.csv"):
        ExportRequest(Path("rows.xlsx"))
    with pytest.raises(InvalidBudget, match="currency"):
        BudgetRequest("Cloud", Decimal(1), "usd")
    assert read_metric("listcost") is Metric.LIST_COST
