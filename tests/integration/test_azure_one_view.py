"""One of two Azure views without the other: what its source does not provide is said in every answer that uses it."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from common.alerts.rendering import budget_letter
from common.budgets.manage import BudgetRequest, add_budget
from common.domain.budgets import Scope
from common.domain.period import BillingPeriod
from common.reporting.costs import CostsQuestion, ask_costs
from common.reporting.exports import ExportRequest, export_rows
from common.validation import validate_file
from common.warehouse.cost_report import Metric
from tests.support import Laptop, laptop

TWINS = Path(__file__).parents[1] / "fixtures" / "bills" / "azure" / "twins"
ACTUAL, AMORTIZED = TWINS / "part_0_actual.csv", TWINS / "part_0_amortized.csv"
BILLED, SPREAD = Decimal("133.21"), Decimal("37.16")
SAID = "2026-03: actual export without its amortized twin"


def bring(rt: Laptop, path: Path, hour: int = 0) -> None:
    rt.bring(path, provider="azure", delivered_at=datetime(2026, 4, 1, hour, tzinfo=UTC))


def asked(rt: Laptop, metric: Metric, **days: date) -> tuple[Decimal, tuple[str, ...]]:
    answer = ask_costs(rt, "default", CostsQuestion(metric=metric, **days))
    assert answer.as_json()["notes"] == list(answer.notes)
    return sum((one.total for one in answer.currencies), Decimal(0)), answer.notes


def noted(notes: tuple[str, ...]) -> bool:
    return len(notes) == 1 and SAID in notes[0] and "purchases count as billed" in notes[0]


def test_costs_of_an_actual_export_alone_lose_no_payment_and_say_what_is_not_known(tmp_path: Path) -> None:
    with laptop(tmp_path / "home") as rt:
        bring(rt, ACTUAL)
        total, notes = asked(rt, Metric.EFFECTIVE_COST)
        assert (total, noted(notes)) == (BILLED, True)
        assert asked(rt, Metric.BILLED_COST) == (BILLED, ())
        (shown,) = rt.deliveries(state="current")
        failed = {entry["rule"] for entry in shown["conformance"]}
        assert "CAU-EffectiveCost-C-005-C" in failed
        assert not any(rule.startswith("x_") for rule in failed)
        bring(rt, AMORTIZED, hour=1)
        assert asked(rt, Metric.EFFECTIVE_COST) == (SPREAD, ())


def test_days_without_charges_of_that_delivery_have_nothing_to_say(tmp_path: Path) -> None:
    with laptop(tmp_path / "home") as rt:
        bring(rt, ACTUAL)
        assert asked(rt, Metric.EFFECTIVE_COST, first_day=date(2026, 4, 1)) == (Decimal(0), ())


def test_an_amortized_export_alone_says_that_purchases_are_not_in_billed_cost(tmp_path: Path) -> None:
    with laptop(tmp_path / "home") as rt:
        bring(rt, AMORTIZED)
        assert asked(rt, Metric.EFFECTIVE_COST) == (SPREAD, ())
        _, notes = asked(rt, Metric.BILLED_COST)
        assert len(notes) == 1
        assert "amortized export without its actual twin" in notes[0]


def test_an_export_says_which_cost_column_is_not_known(tmp_path: Path) -> None:
    with laptop(tmp_path / "home") as rt:
        bring(rt, ACTUAL)
        written = export_rows(rt, "default", ExportRequest(tmp_path / "rows.csv"))
        assert noted(written.notes)
        assert written.as_json()["notes"] == list(written.notes)
        april = ExportRequest(tmp_path / "april.csv", BillingPeriod.parse("2026-04"))
        assert export_rows(rt, "default", april).notes == ()


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_an_export_breaks_no_rule_on_columns(tmp_path: Path, ending: str) -> None:
    with laptop(tmp_path / "home") as rt:
        bring(rt, ACTUAL)
        bring(rt, AMORTIZED, hour=1)
        path = export_rows(rt, "default", ExportRequest(tmp_path / f"rows.{ending}")).path
    assert [one for one in validate_file(path).failures if one.rule_id.startswith("x_ColumnNames")] == []


@pytest.mark.parametrize(
    ("metric", "provider", "is_noted"),
    [("EffectiveCost", "azure", True), ("BilledCost", "azure", False), ("EffectiveCost", "aws", False)],
)
def test_a_budget_and_its_messages_say_it_where_such_charges_count(
    tmp_path: Path, metric: str, provider: str, is_noted: bool
) -> None:
    with laptop(tmp_path / "home") as rt:
        bring(rt, ACTUAL)
        scope = Scope(providers=(provider,))
        request = BudgetRequest("all", Decimal(100), "USD", metric=metric, scope=scope)
        report = add_budget(rt, "default", request)
        assert any(SAID in note for note in report.standing().notes) is is_noted
        facts = report.as_json()["standing"]
        assert [one["billing_period"] for one in facts["one_view"]] == ["2026-03"] * is_noted
        letter = budget_letter(
            {**facts, "basis": "actual", "threshold_percent": "100", "threshold_amount": "100"}, "open"
        )
        assert any(SAID in note for note in letter.notes) is is_noted


def test_an_actual_part_beside_parts_without_commitments_says_it_too(tmp_path: Path) -> None:
    plain = tmp_path / "bill" / "part_1.csv"
    plain.parent.mkdir()
    lines = ACTUAL.read_text(encoding="utf-8-sig").splitlines()
    column = lines[0].split(",").index("ChargeType")
    usage = [line for line in lines[1:] if ",OnDemand," in line and line.split(",")[column] == "Usage"]
    assert usage
    plain.write_text("\n".join([lines[0], *usage]) + "\n")
    (plain.parent / "part_0.csv").write_bytes(ACTUAL.read_bytes())
    with laptop(tmp_path / "home") as rt:
        bring(rt, plain.parent)
        (shown,) = rt.deliveries(state="current")
        assert {part["role"] for part in shown["parts"]} == {"actual", "whole"}
        assert len(shown["notes"]) == 1
        assert noted(asked(rt, Metric.EFFECTIVE_COST)[1])
