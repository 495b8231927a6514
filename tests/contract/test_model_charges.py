"""What providers charged for models, as the match asks for it: every warehouse answers alike."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from common.domain.match import Billed, Cell
from common.match.gathering import charged
from common.warehouse.cost_report import Days
from tests.contract.backends import chosen
from tests.contract.warehouse_cases import ORG, Opened, charge

DAY = date(2026, 3, 10)
MODEL = "gpt-4o-mini-2024-07-18"


@pytest.fixture(params=chosen("WAREHOUSES", "duckdb"))
def opened(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Opened]:
    made = Opened(tmp_path, request.param)
    model = {
        "x_Provider": "openai",
        "x_Model": MODEL,
        "x_ModelFamily": "gpt-4o-mini",
        "x_ApiKeyId": "key_a",
        "x_Batch": "false",
    }
    made.show(
        "d1",
        charge(**model, BilledCost="0.300000000000000000000001", x_TokenKind="input", x_Tokens="2000000"),
        charge(**model, BilledCost="0.1", x_TokenKind="input", x_Tokens="500000.5", x_ServiceTier="flex"),
        charge(**model, BilledCost="0.2", x_TokenKind="output", x_Tokens="100"),
        charge(**model, BilledCost="4", x_TokenKind="input", x_Tokens="1", BillingCurrency="EUR"),
        charge(**model, BilledCost="8", x_TokenKind="input", x_Tokens="1", ChargePeriodStart="2026-03-12T00:00:00Z"),
        charge(x_Provider="openai", BilledCost="0.12", ServiceSubcategory="Generative AI"),
        charge(BilledCost="16"),
    )
    yield made
    made.close()


def test_charges_add_up_by_model_key_and_day_and_other_currencies_stay_apart(opened: Opened) -> None:
    found = charged(opened.warehouse, ORG, ["openai"], Days(DAY, DAY))
    assert found.cells == {
        Cell("openai", DAY, MODEL, "key_a"): Billed(
            {"input": Decimal("0.400000000000000000000001"), "output": Decimal("0.2")},
            {"input": Decimal("2500000.5"), "output": Decimal(100)},
            tiers=frozenset({"flex"}),
            batch=False,
        ),
        Cell("openai", DAY, None, None): Billed({}, {}, Decimal("0.12")),
    }
    assert found.other_currencies == {"EUR": 4}
    assert found.families == {MODEL: "gpt-4o-mini"}
