"""Answers of OpenAI and Anthropic on disk, through the real functions: proved, repeatable, never half a month."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from common.ingestion.importing import BillOnDisk, import_bills
from common.ingestion.requesting import Outcome
from common.records.organizations import ensure_default
from costwire.waiting import wait
from costwire.worker import subscribe_all
from tests.support import Laptop, laptop

BILLS = Path(__file__).parents[1] / "fixtures" / "bills"
OPENAI = sorted((BILLS / "openai").glob("openai_*_2026-09*.json"))
ANTHROPIC = sorted((BILLS / "anthropic").glob("*.json"))
DAY = 1788220800


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Laptop]:
    with laptop(tmp_path / "home") as made:
        ensure_default(made.documents, made.clock.now())
        subscribe_all(made)
        yield made


def folder_of(path: Path, files: list[Path]) -> Path:
    path.mkdir()
    for file in files:
        shutil.copy(file, path)
    return path


def bring(rt: Laptop, path: Path, **stated: str) -> Outcome:
    requested, _ = import_bills(rt, [BillOnDisk(path, "default", **stated)])  # type: ignore[arg-type]
    return wait(rt, requested)


def billed(rt: Laptop) -> dict[str, Decimal]:
    rows = rt.ask("select x_Provider, sum(BilledCost) as billed from cost_data_standard_1_3 group by x_Provider")
    return {row["x_Provider"]: row["billed"] for row in rows}


def page(*results: str, has_more: bool = False, day: int = DAY) -> str:
    bucket = f'{{"object":"bucket","start_time":{day},"end_time":{day + 86400},"results":[{",".join(results)}]}}'
    return f'{{"object":"page","data":[{bucket}],"has_more":{str(has_more).lower()},"next_page":null}}'


def result(value: str, line_item: str = "gpt-4o, input") -> str:
    named = json.dumps(line_item)
    return f'{{"amount":{{"value":{value},"currency":"usd"}},"line_item":{named},"project_id":null,"api_key_id":null}}'


def test_pages_of_two_providers_in_one_folder_are_two_proved_bills(rt: Laptop, tmp_path: Path) -> None:
    outcome = bring(rt, folder_of(tmp_path / "answers", [*OPENAI, *ANTHROPIC]))
    assert outcome.reasons == ()
    assert [delivery.state for delivery in outcome.deliveries] == ["current", "current"]
    assert billed(rt) == {"openai": Decimal("82.7363662749999994694"), "anthropic": Decimal("91.959760925")}


def test_the_same_answers_again_are_the_same_delivery(rt: Laptop, tmp_path: Path) -> None:
    first = bring(rt, folder_of(tmp_path / "first", OPENAI), integration_id="openai")
    again = bring(rt, folder_of(tmp_path / "again", [*reversed(OPENAI)]), integration_id="openai")
    assert [one.delivery_id for one in first.deliveries] == [one.delivery_id for one in again.deliveries]
    assert billed(rt) == {"openai": Decimal("82.7363662749999994694")}


def test_a_month_with_a_missing_page_is_refused_and_the_earlier_one_stays(rt: Laptop, tmp_path: Path) -> None:
    bring(rt, folder_of(tmp_path / "whole", OPENAI), integration_id="openai")
    outcome = bring(rt, folder_of(tmp_path / "half", OPENAI[:1]), integration_id="openai")
    assert "openai_costs_2026-09_p1.json is missing" in outcome.reasons[0]
    assert billed(rt) == {"openai": Decimal("82.7363662749999994694")}


def test_an_amount_that_is_none_is_in_quarantine_and_the_rest_is_proved(rt: Laptop, tmp_path: Path) -> None:
    saved = tmp_path / "costs.json"
    saved.write_text(page(result("1.25"), result('"soon"'), result("0.1234567890123456789012")))
    (delivery,) = bring(rt, saved).deliveries
    assert (delivery.state, delivery.quarantined_rows) == ("current", 1)
    assert billed(rt) == {"openai": Decimal("1.3734567890123456789012")}


def test_a_later_answer_restates_the_month(rt: Laptop, tmp_path: Path) -> None:
    saved = tmp_path / "costs.json"
    for value in ("1.25", "1.5"):
        saved.write_text(page(result(value)))
        bring(rt, saved, integration_id="openai")
    assert billed(rt) == {"openai": Decimal("1.5")}


def test_usage_alone_is_no_bill(rt: Laptop, tmp_path: Path) -> None:
    usage = [path for path in OPENAI if "usage" in path.name]
    assert "without a cost" in bring(rt, folder_of(tmp_path / "usage", usage)).reasons[0]
    assert billed(rt) == {}


def test_no_line_of_a_bill_is_repeated_in_what_is_said_of_broken_answers(rt: Laptop, tmp_path: Path) -> None:
    saved = tmp_path / "costs.json"
    saved.write_text(page(result("1.25", "secret line")).replace('"line_item"', '"amount":{"value":3},"line_item"'))
    reasons = bring(rt, saved, provider="openai").reasons
    assert "a key occurs twice" in reasons[0]
    assert "secret" not in str(reasons)


def test_an_export_of_deepseek_is_its_cost_file_and_the_amounts_beside_it_are_left_out(rt: Laptop) -> None:
    requested, skipped = import_bills(rt, [BillOnDisk(BILLS / "deepseek", "default")])
    assert wait(rt, requested).reasons == ()
    assert billed(rt) == {"deepseek": Decimal("5.180097832")}
    assert ["amount-2026-07.csv" in line for line in skipped] == [True]
    assert "no costs" in bring(rt, BILLS / "deepseek" / "amount-2026-07.csv", provider="deepseek").reasons[0]


def test_activity_of_openrouter_is_a_bill_without_what_other_providers_charge(rt: Laptop, tmp_path: Path) -> None:
    (file,) = (BILLS / "openrouter").glob("*.json")
    (delivery,) = bring(rt, file, integration_id="router").deliveries
    assert (delivery.state, delivery.quarantined_rows) == ("current", 0)
    assert billed(rt) == {
        "openrouter": Decimal("0.01591")
    }  # 0.012 more were charged by Anthropic, with a key of the tenant's own
    assert rt.ask("select sum(x_Tokens) as tokens, sum(x_Requests) as requests from cost_data_standard_1_3") == [
        {"tokens": 71000, "requests": 9}
    ]


def test_two_pages_of_activity_with_one_day_are_refused(rt: Laptop, tmp_path: Path) -> None:
    (file,) = (BILLS / "openrouter").glob("*.json")
    folder = folder_of(tmp_path / "answers", [file])
    (folder / "later.json").write_text(file.read_text().replace("0.0153", "0.0154"))
    assert "have the same day" in bring(rt, folder).reasons[0]
    (folder / "later.json").write_text(file.read_text().replace("2026-09-01", "2026-09-02"))
    assert bring(rt, folder).reasons == ()
    assert billed(rt) == {"openrouter": Decimal("0.03182")}
