"""The actual and the amortized view of Azure costs, told apart by what the files hold."""

from __future__ import annotations

import duckdb
import pytest

from common.providers.azure.twins import COLUMNS, Kind, kinds_sql, role_of

ON_DEMAND = Kind("usage", False, True)
COVERED_FREE = Kind("usage", True, False)
COVERED_COSTS = Kind("usage", True, True)
PAYMENT = Kind("purchase", True, True)
REFUND = Kind("refund", True, True)
IDLE_RESERVATION = Kind("unusedreservation", True, True)
IDLE_PLAN = Kind("unusedsavingsplan", False, True)


@pytest.mark.parametrize(
    ("kinds", "role"),
    [
        ([ON_DEMAND, PAYMENT, COVERED_FREE], "actual"),
        ([ON_DEMAND, REFUND], "actual"),
        ([ON_DEMAND, COVERED_FREE], "actual"),
        ([ON_DEMAND, COVERED_COSTS], "amortized"),
        ([ON_DEMAND, COVERED_COSTS, COVERED_FREE], "amortized"),
        ([ON_DEMAND, IDLE_RESERVATION], "amortized"),
        ([ON_DEMAND, IDLE_PLAN], "amortized"),
        ([ON_DEMAND, COVERED_FREE, IDLE_PLAN], "amortized"),
        ([PAYMENT, COVERED_COSTS], "whole"),
        ([ON_DEMAND, Kind("purchase", False, True)], "whole"),
        ([Kind("purchase", True, False), ON_DEMAND], "whole"),
        ([], "whole"),
    ],
)
def test_content_tells_the_view(kinds: list[Kind], role: str) -> None:
    assert role_of("part_0_0001.csv", kinds) == role


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("EA_ActualCost.csv", "actual"),
        ("2026/amortized/part_0.csv", "amortized"),
        ("amortized/actual-cost.csv", "actual"),
        ("actual-and-amortized/amort.csv", "amortized"),
        ("actual-and-amortized.csv", "whole"),
        ("march.csv", "whole"),
    ],
)
def test_the_name_counts_only_where_content_could_be_either(name: str, role: str) -> None:
    assert role_of(name, [ON_DEMAND]) == role
    assert role_of(name, [ON_DEMAND, IDLE_RESERVATION]) == "amortized"
    assert role_of(name, [ON_DEMAND, PAYMENT]) == "actual"


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("('Usage', 'OnDemand', null, null, '1.5')", ON_DEMAND),
        ("('Usage', null, null, null, '-1.5')", ON_DEMAND),
        ("('Usage', 'Savings Plan', null, null, '0.00')", COVERED_FREE),
        ("('usage', 'Reservation', null, null, '1E-20')", COVERED_COSTS),
        ("('Usage', null, '/providers/Microsoft.Capacity/x', null, '2')", COVERED_COSTS),
        ("('Usage', '', null, 'f39d1c73-af74-4308-9083-fbf5efab37d1', '0')", COVERED_FREE),
        ("('Usage', '', null, '00000000-0000-0000-0000-000000000000', '1')", ON_DEMAND),
        ("('Usage', 'OnDemand', null, 'f39d1c73-af74-4308-9083-fbf5efab37d1', '1')", ON_DEMAND),
        ("('UnusedSavingsPlan', null, null, null, '3')", IDLE_PLAN),
        ("('Unused Reservation', 'Reservation', null, null, '3')", IDLE_RESERVATION),
        ("(null, null, null, null, 'much')", Kind("", False, False)),
    ],
)
def test_kinds_are_read_from_lines(line: str, kind: Kind) -> None:
    names = "charge_type, pricing_model, benefit_id, reservation_id, cost_in_billing_currency"
    assert set(names.split(", ")) == COLUMNS
    with duckdb.connect() as connection:
        connection.execute(f"create table source as select * from (values {line}, {line}) as lines({names})")
        rows = connection.execute(kinds_sql()).fetchall()
    assert [Kind(*row) for row in rows] == [kind]
    assert role_of("x.csv", rows) == role_of("x.csv", [kind])
