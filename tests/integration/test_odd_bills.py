"""One odd cell or line costs itself, never the bill; what cannot be shown ends rejected, never in a dead letter."""

# ruff: noqa: RUF001
from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from common.domain.budgets import Budget, Scope, as_document
from common.errors import BadConfiguration
from common.reporting.quarantine import read_lines
from tests.support import CUR_HEADER, Laptop, cur_line, cur_text, laptop

GCP = Path(__file__).parents[1] / "fixtures" / "bills" / "gcp" / "detailed_nise_2026-03_usd.ndjson"
TWINS = GCP.parents[1] / "azure" / "twins"
WIDEST = "99999999999999." + "9" * 24


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Laptop]:
    with laptop(tmp_path / "home") as made:
        yield made


def brought(rt: Laptop, path: Path, content: bytes | str, **how: Any) -> dict[str, Any]:
    """The only delivery of a bill, after seeing that no message was dead-lettered."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    integration = how.setdefault("integration", "bill")
    assert [outcome.error for outcome in rt.bring(path, **how) if outcome.error] == []
    assert rt.bus.dead_letters() == []
    (delivery,) = rt.deliveries(integration_id=integration)
    return delivery


def as_parquet(path: Path, lines: list[dict[str, str]], **more: list[str]) -> bytes:
    columns = {name: [line[name.split("/", 1)[1]] for line in lines] for name in CUR_HEADER}
    pq.write_table(pa.table({**columns, **more}), path)
    return path.read_bytes()


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("cost", ["٣", "１.５", "1\xa0", "3٣"])
def test_a_cost_in_other_digits_is_one_line_in_quarantine(rt: Laptop, tmp_path: Path, cost: str, kind: str) -> None:
    lines = [cur_line(1, "1.25"), cur_line(2, cost), cur_line(3, "2")]
    content = cur_text(lines) if kind == "csv" else as_parquet(tmp_path / "made", lines)
    delivery = brought(rt, tmp_path / "bill", content)
    assert (delivery["state"], delivery["quarantined_rows"]) == ("current", 1), delivery.get("reason")
    assert rt.billed() == {"USD": Decimal("3.25")}


@pytest.mark.parametrize(
    "column", ["UsageAmount", "publicOnDemandRate", "UnblendedRate", "UsageStartDate", "BillingPeriodStartDate"]
)
@pytest.mark.parametrize("odd", ["٣", "2026-0３-01", "9" * 26, "1e999", "\x00"])
def test_no_odd_cell_refuses_the_bill(rt: Laptop, tmp_path: Path, column: str, odd: str) -> None:
    delivery = brought(rt, tmp_path / "bill.csv", cur_text([cur_line(1, "1.25"), cur_line(2, "2", **{column: odd})]))
    assert delivery["state"] == "current", delivery.get("reason")


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (lambda text: text.replace('"cost":', '"cost": 5, "cost":', 1), "a key occurs twice"),
        (lambda text: text.replace("{", '{"x": "\\ud800", ', 1), "half of a surrogate pair"),
        (
            lambda text: text.replace("{", '{"x": ' + "[" * 10_000 + "]" * 10_000 + ", ", 1),
            "nested deeper than 100 levels",
        ),
        (lambda text: text[:-1] + ",}", "not a JSON object"),
    ],
)
def test_an_odd_json_line_is_one_line_in_quarantine(
    rt: Laptop, tmp_path: Path, broken: Any, why: str, first: bool
) -> None:
    lines = GCP.read_text(encoding="utf-8").splitlines()[:6]
    at = 0 if first else 3
    rest = [line for number, line in enumerate(lines) if number != at]
    whole = brought(rt, tmp_path / "rest.json", "\n".join(rest), provider="gcp", integration="rest")
    lines[at] = broken(lines[at])
    delivery = brought(rt, tmp_path / "bill.json", "\n".join(lines), provider="gcp", allow_overlap=True)
    assert (delivery["state"], delivery["rows"]) == ("current", whole["rows"]), delivery.get("reason")
    (line,) = (line for line in read_lines(rt.objects, "default", with_rows=True))
    assert why in line.reason and line.source_row


def test_credits_with_an_amount_twice_are_one_line_in_quarantine(rt: Laptop, tmp_path: Path) -> None:
    lines = [json.loads(line) for line in GCP.read_text(encoding="utf-8").splitlines()[:3]]
    texts = [json.dumps({**line, "credits": []}) for line in lines]
    texts[1] = texts[1].replace('"credits": []', '"credits": [{"type": "DISCOUNT", "amount": -1, "amount": -2}]')
    delivery = brought(rt, tmp_path / "bill.json", "\n".join(texts), provider="gcp")
    assert (delivery["state"], delivery["quarantined_rows"]) == ("current", 1), delivery.get("reason")


def test_credits_that_outgrow_a_cost_are_one_line_in_quarantine(rt: Laptop, tmp_path: Path) -> None:
    lines = [json.loads(line) for line in GCP.read_text(encoding="utf-8").splitlines()[:3]]
    lines[1]["credits"] = [{"type": "DISCOUNT", "amount": "-9e13"}, {"type": "PROMOTION", "amount": "-9e13"}]
    delivery = brought(rt, tmp_path / "bill.json", "\n".join(map(json.dumps, lines)), provider="gcp")
    assert (delivery["state"], delivery["quarantined_rows"]) == ("current", 1), delivery.get("reason")


def test_the_widest_cost_is_shown_to_its_last_digit(rt: Laptop, tmp_path: Path) -> None:
    delivery = brought(rt, tmp_path / "bill.csv", cur_text([cur_line(1, WIDEST)]))
    assert delivery["state"] == "current", delivery.get("reason")
    assert rt.billed() == {"USD": Decimal(WIDEST)}


@pytest.mark.parametrize("costs", [(WIDEST, "1"), (WIDEST, "-" + WIDEST, WIDEST), ("9e13",) * 4])
def test_costs_that_outgrow_a_sum_reject_the_delivery_in_words(
    rt: Laptop, tmp_path: Path, costs: tuple[str, ...]
) -> None:
    lines = [cur_line(number, cost) for number, cost in enumerate(costs)]
    delivery = brought(rt, tmp_path / "bill.csv", cur_text(lines))
    assert delivery["state"] == "rejected"
    assert "add up, without their signs, to more than can be shown" in delivery["reason"]
    assert "\n" not in delivery["reason"] and "export the bill again" in delivery["reason"]


def test_chunks_that_outgrow_a_sum_together_reject_the_delivery(rt: Laptop, tmp_path: Path) -> None:
    folder = tmp_path / "bills"
    folder.mkdir()
    for number in range(2):
        (folder / f"part-{number}.csv").write_text(cur_text([cur_line(number, "6e13")]))
    assert [outcome.error for outcome in rt.bring(folder) if outcome.error] == []
    assert "rejected" in {delivery["state"] for delivery in rt.deliveries()}
    assert "landed" not in {delivery["state"] for delivery in rt.deliveries()}


def test_deliveries_that_outgrow_a_question_are_named_in_its_answer(rt: Laptop, tmp_path: Path) -> None:
    for number in range(3):
        assert (
            brought(
                rt, tmp_path / "b.csv", cur_text([cur_line(1, "9e13")]), integration=f"b{number}", allow_overlap=True
            )["state"]
            == "current"
        )
    with pytest.raises(BadConfiguration, match="add up to 10\\^14 or more"):
        rt.billed()


def test_a_restatement_too_large_for_its_column_is_refused_in_words(rt: Laptop, tmp_path: Path) -> None:
    for cost in ("9e13", "-9e13"):
        (tmp_path / "b.csv").write_text(cur_text([cur_line(1, cost)]))
        assert [outcome.error for outcome in rt.bring(tmp_path / "b.csv") if outcome.error] == []
    assert sorted(delivery["state"] for delivery in rt.deliveries()) == ["current", "rejected"]


@pytest.mark.parametrize(
    "second", ["lineItem/unblendedcost", "line_item_unblended_cost", "bill/billingperiodstartdate"]
)
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_second_deciding_column_in_other_letters_is_refused_in_words(
    rt: Laptop, tmp_path: Path, second: str, kind: str
) -> None:
    lines = [cur_line(1, "1")]
    text = cur_text(lines).splitlines()
    content = (
        f"{text[0]},{second}\n{text[1]},2" if kind == "csv" else as_parquet(tmp_path / "made", lines, **{second: ["2"]})
    )
    delivery = brought(rt, tmp_path / "bill", content)
    assert delivery["state"] == "rejected"
    assert "have the same name, and which one applies is not known" in delivery["reason"]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_of_other_columns_that_differ_by_letter_case_the_first_counts(rt: Laptop, tmp_path: Path, kind: str) -> None:
    lines = [cur_line(1, "1")]
    text = cur_text(lines).splitlines()
    second = "lineitem/usagetype"
    content = (
        f"{text[0]},{second}\n{text[1]},2" if kind == "csv" else as_parquet(tmp_path / "made", lines, **{second: ["2"]})
    )
    delivery = brought(rt, tmp_path / "bill", content)
    assert delivery["state"] == "current", delivery.get("reason")
    assert second in delivery["unknown_columns"]


@pytest.mark.parametrize(
    ("column", "cell", "amount"),
    [
        ("lineItem/LineItemDescription", b"caf\xe9", Decimal(2)),
        ("lineItem/LineItemType", b"Usag\xe9", Decimal(2)),
        ("lineItem/UnblendedCost", b"2\xe9", None),
        ("lineItem/CurrencyCode", b"US\xe9", Decimal(2)),
        ("bill/PayerAccountId", b"11112222333\xe9", Decimal(2)),
        ("bill/BillingPeriodStartDate", b"2026-\xe9", Decimal(2)),
    ],
)
def test_text_in_parquet_that_is_no_utf8_is_one_line_in_quarantine(
    rt: Laptop, tmp_path: Path, column: str, cell: bytes, amount: Decimal | None
) -> None:
    lines = [cur_line(number, str(number)) for number in range(1, 5)]
    texts = {name: [line[name.split("/", 1)[1]].encode() for line in lines] for name in CUR_HEADER}
    texts["resourceTags/user:note"] = [b"k\xc3\xa4se?", b"", b"\xef\xbf\xbd", b"plain"]
    texts["lineItem/NetUnblendedCost"] = texts["lineItem/UnblendedCost"]
    texts[column][1] = cell
    made = tmp_path / "made"
    pq.write_table(
        pa.table({name: pa.array(cells, pa.binary()).view(pa.string()) for name, cells in texts.items()}), made
    )
    delivery = brought(rt, tmp_path / "bill", made.read_bytes())
    assert (delivery["state"], delivery["rows"]) == ("current", 3), delivery.get("reason")
    assert {proof["difference"] for proof in delivery["proof"]} == {"0"}
    (line,) = read_lines(rt.objects, "default", with_rows=True)
    assert (line.source_row_id, line.reason, line.amount) == ("2", "the line is not UTF-8 text", amount)
    assert rt.billed() == {"USD": Decimal(8)}


def test_text_that_is_no_utf8_in_a_column_of_no_format_costs_nothing(rt: Laptop, tmp_path: Path) -> None:
    text = pa.array([b"caf\xe9"], pa.binary()).view(pa.string())
    delivery = brought(rt, tmp_path / "bill", as_parquet(tmp_path / "made", [cur_line(1, "1")], note=text))
    assert (delivery["state"], delivery["quarantined_rows"]) == ("current", 0), delivery.get("reason")


def test_columns_of_nulls_in_parquet_that_have_no_type_are_empty(rt: Laptop, tmp_path: Path) -> None:
    table = pa.Table.from_pylist([json.loads(line) for line in GCP.read_text(encoding="utf-8").splitlines()[:4]])
    assert pa.null() in table.schema.types
    pq.write_table(table, tmp_path / "made")
    delivery = brought(rt, tmp_path / "bill", (tmp_path / "made").read_bytes(), provider="gcp")
    assert (delivery["state"], delivery["quarantined_rows"]) == ("current", 0), delivery.get("reason")


def test_a_credit_in_parquet_with_text_that_is_no_utf8_counts_with_its_line(rt: Laptop, tmp_path: Path) -> None:
    lines = [json.loads(line) for line in GCP.read_text(encoding="utf-8").splitlines()[:4]]
    for line in lines:
        line["credits"] = [{"type": "DISCOUNT", "name": "bytes here", "amount": -0.25}]
    pq.write_table(
        pa.Table.from_pylist(lines), tmp_path / "made", use_dictionary=False, compression="none", write_statistics=False
    )
    content = (tmp_path / "made").read_bytes()
    assert content.count(b"bytes here") >= 4
    delivery = brought(rt, tmp_path / "bill", content.replace(b"bytes here", b"bytes h\xe9re", 1), provider="gcp")
    assert (delivery["state"], delivery["quarantined_rows"]) == ("current", 1), delivery.get("reason")
    assert {proof["difference"] for proof in delivery["proof"]} == {"0"}


@pytest.mark.parametrize("odd", ["cells", "utf8", "parquet"])
def test_a_line_of_the_amortized_view_that_is_no_row_counts_no_money_again(
    rt: Laptop, tmp_path: Path, odd: str
) -> None:
    actual, amortized = ((TWINS / f"part_0_{view}.csv").read_bytes() for view in ("actual", "amortized"))
    header, line, *rest = amortized.splitlines()
    if odd == "cells":
        line += b",too,many"
    elif odd == "utf8":
        line = line.replace(b"Microsoft", b"Micros\xf6ft", 1)
    amortized = b"\n".join([header, line, *rest, b""])
    if odd == "parquet":
        rows = list(csv.DictReader(io.StringIO(amortized.decode("utf-8-sig"))))
        cells = {name: [row[name].encode() for row in rows] for name in rows[0]}
        cells["ConsumedService"][0] = b"Micros\xf6ft"
        texts = {name: pa.array(column, pa.binary()).view(pa.string()) for name, column in cells.items()}
        pq.write_table(pa.table(texts), tmp_path / "made")
        amortized = (tmp_path / "made").read_bytes()
    folder = tmp_path / "twins"
    folder.mkdir()
    (folder / "part_0_actual.csv").write_bytes(actual)
    (folder / f"part_0_amortized.{'parquet' if odd == 'parquet' else 'csv'}").write_bytes(amortized)
    assert [outcome.error for outcome in rt.bring(folder, provider="azure") if outcome.error] == []
    (delivery,) = (one for one in rt.deliveries() if len(one["parts"]) == 2)
    assert (delivery["state"], delivery["quarantined_rows"]) == ("current", 1), delivery.get("reason")
    assert {proof["difference"] for proof in delivery["proof"]} == {"0"}


def test_a_budget_over_more_than_a_cost_holds_says_so_and_buries_nothing(rt: Laptop, tmp_path: Path) -> None:
    for name, scope in (("everything", Scope()), ("elsewhere", Scope(providers=("gcp",)))):
        budget = Budget(name, name, Decimal(100), "USD", "monthly", scope=scope)
        rt.documents.set(f"orgs/default/budgets/{name}", as_document(budget))
    for number in range(3):
        brought(rt, tmp_path / "b.csv", cur_text([cur_line(1, "9e13")]), integration=f"b{number}", allow_overlap=True)
    budgets = {name: one.get("problem") for name, one in rt.documents.list("orgs/default/budgets")}
    assert "add up to 10^14 or more" in str(budgets["everything"])
    assert budgets["elsewhere"] is None
    for number in range(2):
        (tmp_path / "b.csv").write_text(cur_text([cur_line(1, "1")]))
        rt.bring(tmp_path / "b.csv", integration=f"b{number}")
    assert (rt.documents.get("orgs/default/budgets/everything") or {})["problem"] is None
