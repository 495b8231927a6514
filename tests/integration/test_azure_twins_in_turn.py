"""Actual and amortized exports that arrive one after the other become one delivery, if they are of one run day."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support import laptop

TWINS = Path(__file__).parents[1] / "fixtures" / "bills" / "azure" / "twins"
ACTUAL, AMORTIZED = TWINS / "part_0_actual.csv", TWINS / "part_0_amortized.csv"


@pytest.mark.parametrize("order", [(ACTUAL, AMORTIZED), (AMORTIZED, ACTUAL)], ids=["actual first", "amortized first"])
def test_twins_of_one_day_meet_whichever_comes_first(tmp_path: Path, order: tuple[Path, Path]) -> None:
    with laptop(tmp_path / "home") as rt:
        for hour, path in enumerate(order):
            rt.bring(path, provider="azure", delivered_at=datetime(2026, 4, 1, hour, tzinfo=UTC))
        (shown,) = rt.deliveries(state="current")
        assert {part["role"] for part in shown["parts"]} == {"actual", "amortized"}
        assert rt.billed() == {"USD": Decimal("133.21")}
        (row,) = rt.ask("select sum(EffectiveCost) as effective from cost_data_standard_1_3")
        assert row["effective"] == Decimal("37.16")


def test_twins_of_different_days_are_not_mixed(tmp_path: Path) -> None:
    with laptop(tmp_path / "home") as rt:
        rt.bring(AMORTIZED, provider="azure", delivered_at=datetime(2026, 4, 1, tzinfo=UTC))
        rt.bring(ACTUAL, provider="azure", delivered_at=datetime(2026, 4, 2, tzinfo=UTC))
        (shown,) = rt.deliveries(state="current")
        assert [part["role"] for part in shown["parts"]] == ["actual"]
        assert "without its amortized twin" in shown["notes"][0]
