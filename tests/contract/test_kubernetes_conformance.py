"""Allocations of clusters: every FOCUS rule kept, every part of a cost kept, and nothing that is unknown taken for 0."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import BadBill
from common.formats import container
from common.formats import recognition as formats
from common.formats.control import control_totals
from common.formats.totals import Total
from common.providers.answer_pages import envelope, gathered
from common.validation import validate_relation
from tests.contract.mapped_bills import mapped_as, one

FIXTURES = Path(__file__).parents[1] / "fixtures"
TWO_DAYS = FIXTURES / "bills" / "opencost" / "opencost_allocation_2026-09-01_02_controller.json"
WEEK = FIXTURES / "bills" / "opencost" / "opencost_allocation_namespace_7d.json"
CASES = sorted((FIXTURES / "mappings" / "opencost_allocation").glob("*.jsonl"))
PARTS = formats.formats()["opencost_allocation"].answers.parts  # type: ignore[union-attr]


def file_of(folder: Path, *pages: Path) -> Path:
    target = folder / "answers.jsonl"
    target.write_bytes(gathered({path.name: path.read_bytes() for path in pages}))
    return target


def second_reading(path: Path) -> Total:
    found = Total()
    with container.opened(path, path.name) as opened:
        for total in control_totals(opened, formats.recognise(opened.names), path.name).totals.values():
            found.include(total)
    return found


@pytest.mark.parametrize(
    ("page", "days"), [(TWO_DAYS, ["10.33956", "8.43055"]), (WEEK, ["1.77815"])], ids=["two days", "a week"]
)
def test_parts_are_added_up_and_both_readers_find_the_same_total(tmp_path: Path, page: Path, days: list[str]) -> None:
    path = file_of(tmp_path, page)
    with mapped_as("opencost_allocation", path) as connection:
        assert one(connection, "select count(*) from mapped where quarantine_reason is not null") == 0
        found = connection.execute(
            "select sum(x_EstimatedCost) from mapped group by ChargePeriodStart order by ChargePeriodStart"
        ).fetchall()
    assert [cost for (cost,) in found] == [Decimal(day) for day in days]
    assert second_reading(path).amount == sum(map(Decimal, days))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_good_rows_break_no_rule_of_focus_and_each_is_read_alike(path: Path) -> None:
    with mapped_as("opencost_allocation", path) as connection:
        connection.execute(
            "create table good as select * exclude (source_row_id, quarantine_reason) from mapped "
            "where quarantine_reason is null"
        )
        report = validate_relation(connection, "good", path.name)
        assert report.rows > 0
        assert report.errors == ()
        written = one(connection, "select sum(x_EstimatedCost) from good")
        refused = "select split_part(source_row_id, '/', 1) from mapped where quarantine_reason is not null"
        quarantined = one(
            connection, f"select coalesce(sum(to_cost(sum_of_parts)), 0) from source where source_row_id in ({refused})"
        )
        unreadable = one(connection, "select count(*) from source where sum_of_parts is null")
    total = second_reading(path)
    assert (total.rounded, total.unreadable) == (written + quarantined, unreadable)


def test_no_cost_of_focus_holds_an_estimate(tmp_path: Path) -> None:
    with mapped_as("opencost_allocation", file_of(tmp_path, TWO_DAYS)) as connection:
        found = connection.execute(
            "select distinct BilledCost, EffectiveCost, ListCost, ContractedCost, ListUnitPrice from mapped"
        ).fetchall()
    assert found == [(Decimal(0),) * 5]


@settings(max_examples=4, deadline=None)
@given(
    st.lists(
        st.dictionaries(st.sampled_from(PARTS), st.decimals(-1000, 1000, places=5), min_size=1), min_size=5, max_size=30
    )
)
def test_any_parts_are_kept_to_the_last_digit_by_both_readers(
    tmp_path_factory: pytest.TempPathFactory, allocations: list[dict[str, Decimal]]
) -> None:
    texts = []
    for number, parts in enumerate(allocations):
        known = {"cpuCost": Decimal(0), "ramCost": Decimal(0)} | parts
        costs = ",".join(f'"{name}":{cost}' for name, cost in known.items())
        window = '"window":{"start":"2026-09-01T00:00:00Z","end":"2026-09-02T00:00:00Z"},"minutes":1440'
        texts.append(f'"n{number}":{{"name":"n{number}",{window},{costs},"totalCost":{sum(known.values())}}}')
    page = f'{{"code":200,"data":[{{{",".join(texts)}}}]}}'
    path = tmp_path_factory.mktemp("any") / "answers.jsonl"
    path.write_bytes(envelope(page, currency="USD"))
    expected = sum((cost for parts in allocations for cost in parts.values()), Decimal(0))
    with mapped_as("opencost_allocation", path) as connection:
        assert one(connection, "select sum(x_EstimatedCost) from mapped where quarantine_reason is null") == expected
    assert second_reading(path).amount == expected


def test_two_answers_about_one_day_of_a_cluster_are_refused_and_of_two_clusters_are_not(tmp_path: Path) -> None:
    body = TWO_DAYS.read_bytes()
    again = body.replace(b'"cpuCost": 1.08364', b'"cpuCost": 1.08365')
    with pytest.raises(BadBill, match="have the same day"):
        gathered({"a.json": body, "b.json": again})
    target = tmp_path / "answers.jsonl"
    target.write_bytes(gathered({"a.json": body, "b.json": body.replace(b"prod-eu", b"prod-us")}))
    assert second_reading(target).amount == 2 * Decimal("18.77011")


def test_an_answer_of_many_megabytes_is_read(tmp_path: Path) -> None:
    page = json.loads(WEEK.read_text(), parse_float=str)
    ((_, allocation), *_) = page["data"][0].items()
    page["data"] = [{f"n{number}": allocation for number in range(2500)}]
    target = tmp_path / "answers.jsonl"
    target.write_bytes(envelope(json.dumps(page), currency="USD"))
    assert target.stat().st_size > 2 << 20
    assert second_reading(target).amount == 2500 * Decimal("1.52743")
