"""OCI cost reports: every FOCUS rule kept, every unit of money kept."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest

from common.errors import UnknownFormat
from common.formats import container
from common.formats import recognition as formats
from common.formats.control import control_totals
from common.validation import validate_relation
from tests.contract.mapped_bills import lines_of, mapped_as, one

FIXTURES = Path(__file__).parents[1] / "fixtures"
BILLS = sorted((FIXTURES / "bills" / "oci").glob("cost_report_*.csv"))
CASES = sorted(
    path
    for path in (FIXTURES / "mappings" / "oci_cost").glob("*.csv")
    if not path.name.endswith(".focus.csv") and path.name != "unreadable.csv"  # no good row there
)


mapped = partial(mapped_as, "oci_cost")


@pytest.mark.parametrize("path", BILLS, ids=lambda path: path.name)
def test_all_lines_are_mapped_and_all_money_is_kept(path: Path) -> None:
    lines = lines_of(path)
    with mapped(path) as connection:
        assert one(connection, "select count(*) from mapped where quarantine_reason is not null") == 0
        assert one(connection, "select count(distinct source_row_id) from mapped") == len(lines)
        total = sum((Decimal(line["cost/myCost"]) for line in lines), Decimal(0))
        assert one(connection, "select sum(BilledCost) from mapped") == total
        corrections = sum(1 for line in lines if line["lineItem/isCorrection"] == "true")
        assert one(connection, "select count(*) from mapped where ChargeClass = 'Correction'") == corrections


@pytest.mark.parametrize("path", BILLS, ids=lambda path: path.name)
def test_the_control_totals_say_the_same(path: Path) -> None:
    with container.opened(path, path.name) as opened:
        control = control_totals(opened, formats.recognise(opened.names), path.name)
    with mapped(path) as connection:
        found = connection.execute(
            "select strftime(BillingPeriodStart, '%Y-%m'), BillingCurrency, sum(BilledCost) from mapped group by all"
        ).fetchall()
    assert {(month, currency): total for month, currency, total in found} == {
        key: total.amount for key, total in control.totals.items()
    }


@pytest.mark.parametrize("path", [*BILLS, *CASES], ids=lambda path: f"{path.parent.name}/{path.name}")
def test_good_rows_break_no_rule_of_focus(path: Path) -> None:
    with mapped(path) as connection:
        connection.execute(
            "create table good as "
            "select * exclude (source_row_id, quarantine_reason) from mapped where quarantine_reason is null"
        )
        report = validate_relation(connection, "good", path.name)
        assert report.rows > 0
        assert report.errors == ()


def test_tags_keep_their_keys_and_leave_out_empty_cells() -> None:
    with mapped(FIXTURES / "bills" / "oci" / "cost_report_real_2023-11-13.csv") as connection:
        found = connection.execute("select Tags, count(*) from mapped group by 1 order by 2 desc").fetchall()
    wanted: dict[str, int] = {}
    for line in lines_of(FIXTURES / "bills" / "oci" / "cost_report_real_2023-11-13.csv"):
        tags = {name.removeprefix("tags/"): value for name, value in line.items() if name.startswith("tags/") and value}
        text = "{" + ",".join(f'"{key}":"{value}"' for key, value in tags.items()).replace("\\", "\\\\") + "}"
        wanted[text] = wanted.get(text, 0) + 1
    assert dict(found) == wanted
    assert any("DevRel\\\\redbull-analytics-hol-4cb4.release" in text for text in wanted)


def test_a_usage_report_is_no_bill_and_the_message_says_what_it_lacks() -> None:
    path = FIXTURES / "bills" / "oci" / "usage_report_nise_2026-03.csv"
    with (
        container.opened(path, path.name) as opened,
        pytest.raises(
            UnknownFormat, match="nearest is OCI cost report, which also needs cost/myCost, cost/currencyCode"
        ),
    ):
        formats.recognise(opened.names)
