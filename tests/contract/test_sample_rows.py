"""What holds for every row that is made of a bill of AWS, Google Cloud or OCI: each line's cost is kept, and signs agree."""

from __future__ import annotations

import ast
import json
from decimal import Decimal
from pathlib import Path

import pytest

from common.domain.money import add
from tests.contract.mapped_bills import lines_of, mapped_as, one

FIXTURES = Path(__file__).parents[1] / "fixtures"
FORMATS = {"aws": "aws_cur", "gcp": "gcp_billing", "oci": "oci_cost"}
BILLS = [path for provider in FORMATS for path in sorted((FIXTURES / "bills" / provider).iterdir())]
BILLS = [path for path in BILLS if not path.name.startswith("usage_report")]
CASES = [
    path
    for name in FORMATS.values()
    for path in sorted((FIXTURES / "mappings" / name).iterdir())
    if not path.name.endswith((".focus.csv", ".variables"))
]


def named(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def format_of(path: Path) -> str:
    return FORMATS.get(path.parent.name, path.parent.name)


def cost_of(line: dict[str, str]) -> Decimal:
    """What a line of Google Cloud or OCI is billed, credits included."""
    if "cost/myCost" in line:
        return Decimal(line["cost/myCost"])
    credits = line["credits"] if isinstance(line["credits"], list) else ast.literal_eval(line["credits"])
    return add((Decimal(str(line["cost"])), *(Decimal(str(entry["amount"])) for entry in credits)))


@pytest.mark.parametrize("path", [path for path in BILLS if path.parent.name != "aws"], ids=named)
def test_each_line_becomes_rows_of_the_same_cost(path: Path) -> None:
    if path.suffix == ".ndjson":
        lines = [json.loads(line, parse_float=Decimal) for line in path.read_text(encoding="utf-8").splitlines()]
    else:
        lines = lines_of(path)
    with mapped_as(format_of(path), path) as connection:
        rows = connection.execute(
            "select split_part(source_row_id, '#', 1), sum(BilledCost) from mapped group by 1"
        ).fetchall()
    # both are identified by the number of the line
    assert {int(line): cost for line, cost in rows} == {i: cost_of(line) for i, line in enumerate(lines, start=1)}


@pytest.mark.parametrize("path", [path for path in BILLS if path.parent.name == "aws"], ids=named)
def test_each_line_item_becomes_rows_of_the_same_cost(path: Path) -> None:
    with mapped_as("aws_cur", path) as connection:
        wrong = """
            with billed as (
                select split_part(source_row_id, '#', 1) as line, sum(BilledCost) as cost from mapped group by 1
            )
            select count(*) from source full join billed on line = source_row_id || '@' || line_item_usage_start_date
            where
                source_row_id is not null
                and line_item_line_item_type <> 'SavingsPlanNegation'
                and cost is distinct from
                    case when line_item_line_item_type = 'SavingsPlanCoveredUsage' then 0 else to_cost(line_item_unblended_cost) end
        """
        assert one(connection, wrong) == 0


@pytest.mark.parametrize("path", [*BILLS, *CASES], ids=named)
def test_signs_agree_on_every_row(path: Path) -> None:
    with mapped_as(format_of(path), path) as connection:
        good = "from mapped where quarantine_reason is null"
        assert one(connection, f"select count(*) {good} and sign(PricingQuantity) * sign(ConsumedQuantity) < 0") == 0
        assert one(connection, f"select count(*) {good} and sign(PricingQuantity) * sign(ListCost) < 0") == 0
        assert one(connection, f"select count(*) {good} and sign(PricingQuantity) * sign(ContractedCost) < 0") == 0
