"""Costs of OpenAI and Anthropic: every FOCUS rule kept, every unit of money kept, in whatever order the pages come."""

from __future__ import annotations

import itertools
import json
from decimal import Decimal
from pathlib import Path

import pytest

from common.errors import BadBill
from common.formats import container
from common.formats import recognition as formats
from common.formats.control import control_totals
from common.providers.answer_pages import gathered
from common.validation import validate_relation
from tests.contract.mapped_bills import mapped_as, one

FIXTURES = Path(__file__).parents[1] / "fixtures"
OPENAI = sorted((FIXTURES / "bills" / "openai").glob("openai_*_2026-09*.json"))
ANTHROPIC = sorted((FIXTURES / "bills" / "anthropic").glob("*.json"))
TOTALS = {"openai_costs": Decimal("82.7363662749999994694"), "anthropic_costs": Decimal("91.959760925")}
CASES = sorted(path for name in TOTALS for path in (FIXTURES / "mappings" / name).glob("*.jsonl"))
CASES += [FIXTURES / "mappings" / "openrouter_activity" / "days.jsonl"]
CASES += [
    path
    for name in ("xai_invoice", "github_usage", "claude_costs")
    for path in sorted((FIXTURES / "mappings" / name).glob("*.jsonl"))
]
CASES += [FIXTURES / "mappings" / "deepseek_costs" / name for name in ("days.csv", "times_with_offset.csv")]


def answers_of(folder: Path, pages: list[Path]) -> Path:
    target = folder / "answers.jsonl"
    target.write_bytes(gathered({path.name: path.read_bytes() for path in pages}))
    return target


@pytest.fixture(params=TOTALS)
def bill(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path]:
    return request.param, answers_of(tmp_path, OPENAI if request.param == "openai_costs" else ANTHROPIC)


def test_all_results_are_mapped_and_all_money_is_kept(bill: tuple[str, Path]) -> None:
    name, path = bill
    with mapped_as(name, path) as connection:
        assert one(connection, "select count(*) from mapped where quarantine_reason is not null") == 0
        assert one(connection, "select count(*) from mapped") == {"openai_costs": 229, "anthropic_costs": 46}[name]
        assert one(connection, "select sum(BilledCost) from mapped") == TOTALS[name]
        assert one(connection, "select distinct BillingCurrency from mapped") == "USD"


def test_the_second_reader_finds_the_same_total(bill: tuple[str, Path]) -> None:
    name, path = bill
    with container.opened(path, path.name) as opened:
        control = control_totals(opened, formats.recognise(opened.names), path.name)
    (key, total), *others = control.totals.items()
    assert (key, total.amount, total.unreadable, others) == (("2026-09", "USD"), TOTALS[name], 0, [])


def test_usage_adds_tokens_and_requests_and_no_row(tmp_path: Path) -> None:
    asked = json.loads(next(path for path in OPENAI if "usage" in path.name).read_text())
    used = [result for bucket in asked["data"] for result in bucket["results"]]
    with mapped_as("openai_costs", answers_of(tmp_path, OPENAI)) as connection:
        found = connection.execute(
            "select sum(x_Tokens) filter (x_TokenKind = 'input'), sum(x_Tokens) filter (x_TokenKind = 'output'), "
            "sum(x_Requests) from mapped"
        ).fetchone()
    assert found == (
        sum(result["input_uncached_tokens"] for result in used),
        sum(result["output_tokens"] for result in used),
        sum(result["num_model_requests"] for result in used),
    )


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_both_readers_read_each_amount_alike(path: Path) -> None:
    with container.opened(path, path.name) as opened:
        control = control_totals(opened, formats.recognise(opened.names), path.name)
    with mapped_as(path.parent.name, path) as connection:
        lines, amount = connection.execute("select count(*), coalesce(sum(BilledCost), 0) from mapped").fetchall()[0]
        unreadable = one(connection, "select count(*) from mapped where BilledCost is null")
    assert control.lines == lines
    assert sum(total.rounded for total in control.totals.values()) == amount
    assert sum(total.unreadable for total in control.totals.values()) == unreadable


@pytest.mark.parametrize(
    "path", [path for path in CASES if path.name != "unreadable.jsonl"], ids=lambda path: path.name
)
def test_good_rows_break_no_rule_of_focus(path: Path) -> None:
    with mapped_as(path.parent.name, path) as connection:
        connection.execute(
            "create table good as "
            "select * exclude (source_row_id, quarantine_reason) from mapped where quarantine_reason is null"
        )
        report = validate_relation(connection, "good", path.name)
        assert report.rows > 0
        assert report.errors == ()


@pytest.mark.parametrize("pages", [OPENAI, ANTHROPIC], ids=["openai", "anthropic"])
def test_pages_in_any_order_under_any_name_and_repeated_are_the_same_file(pages: list[Path]) -> None:
    bodies = [path.read_bytes() for path in pages]
    wanted = gathered({str(number): body for number, body in enumerate(bodies)})
    for order in itertools.permutations(bodies):
        again = {f"page-{number}": body for number, body in enumerate([*order, order[0]])}
        assert gathered(again) == wanted


def test_a_missing_page_is_refused_and_the_one_before_it_named() -> None:
    first, second = (path for path in OPENAI if "costs" in path.name)
    with pytest.raises(BadBill, match=f"the page behind {first.name} is missing"):
        gathered({first.name: first.read_bytes()})
    assert gathered({second.name: second.read_bytes()})  # a month may begin anywhere


def test_two_answers_about_one_day_are_refused() -> None:
    pages = [path for path in OPENAI if "costs" in path.name]
    twice = FIXTURES / "bills" / "openai" / "openai_costs_string_value.json"
    with pytest.raises(BadBill, match="have the same day"):
        gathered({path.name: path.read_bytes() for path in [*pages, twice]})
