"""Charts against stored pictures, and what every chart must hold to.  CHARTS_WRITE=1 writes the pictures anew, to be looked at."""

from __future__ import annotations

import os
import re
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web import charts
from web.charts import Band, Bar, Line, Series

PICTURES = Path(__file__).parents[1] / "fixtures" / "charts"
DAYS = [Bar("1 Mar"), Bar("2 Mar", restated=True), Bar("3 Mar"), Bar("4 Mar", filling=True)]
AMOUNTS = st.decimals(min_value=-(10**13), max_value=10**13, allow_nan=False, places=24)


def decimals(*texts: str) -> list[Decimal]:
    return [Decimal(text) for text in texts]


MADE = {
    "bars": charts.stacked_bars(
        "costs", "Costs & more", DAYS,
        [
            Series("s0", decimals("10", "12.5", "8", "2")),
            Series("s3", decimals("1", "2", "3", "0.5")),
            Series("so", decimals("-2", "0", "0.1", "0")),
        ],
    ),
    "one-bar": charts.stacked_bars("costs", "Costs", [Bar("1 Mar")], [Series("s0", decimals("0.000000001"))]),
    "no-charges": charts.stacked_bars("costs", "Costs", DAYS, []),
    "lines": charts.running_lines(
        "month", "Running total", DAYS,
        [Line("before", decimals("5", "9", "15", "20")), Line("now", [Decimal(6), Decimal(11), None, None])],
        Band(Decimal(18), Decimal(21), Decimal(25)), Decimal(20),
    ),
    "spark": charts.sparkline(decimals("1", "5", "-2", "3")),
    "budget": charts.budget_bar("81 % of 100", Decimal(81), Decimal(100), Decimal(120), decimals("50", "80", "100")),
}  # fmt: skip


@pytest.mark.parametrize("name", MADE)
def test_a_chart_is_the_stored_picture(name: str) -> None:
    path = PICTURES / f"{name}.html"
    text = re.sub(r"(?<=>)(?=<)", "\n", str(MADE[name])) + "\n"
    if os.environ.get("CHARTS_WRITE"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", MADE)
def test_a_chart_is_well_formed_and_has_no_style_or_script(name: str) -> None:
    ElementTree.fromstring(str(MADE[name]))  # noqa: S314  # our own
    assert not re.search(r"style=|\son\w+=|<script|<style|fill=\"#|stroke=", MADE[name])


def test_a_title_is_escaped() -> None:
    assert "Costs &amp; more" in MADE["bars"]
    assert "<b>" not in charts.stacked_bars("x", "<b>", [Bar("<b>")], [])


@given(st.lists(AMOUNTS, min_size=1, max_size=30))
def test_no_bar_leaves_the_plot(values: list[Decimal]) -> None:
    made = charts.stacked_bars("costs", "Costs", [Bar("") for _ in values], [Series("s0", values)])
    for path in re.findall(r' d="([^"]+)"', str(made)):
        for top, bottom in re.findall(r"M[\d.]+ (-?[\d.]+)h8V(-?[\d.]+)h", path):
            assert Decimal(0) <= Decimal(top) <= Decimal(bottom) + 1 <= Decimal(1001)


@given(st.lists(AMOUNTS, min_size=2, max_size=2))
def test_the_marks_of_an_axis_are_few_and_hold_zero(ends: list[Decimal]) -> None:
    found = charts.ticks(min(ends), max(ends))
    assert 1 <= len(found) <= 7 and any(one == 0 for one in found)


def test_credits_lie_below_the_axis() -> None:
    made = charts.stacked_bars(
        "costs", "Costs", [Bar("1")], [Series("s0", decimals("10")), Series("s1", decimals("-10"))]
    )
    (up, down) = re.findall(r"M\d+ ([\d.]+)h8V([\d.]+)", str(made))
    assert Decimal(up[1]) <= Decimal(down[0]) <= Decimal(up[1]) + 5
