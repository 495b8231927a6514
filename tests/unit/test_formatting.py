"""Amounts and days as pages show them: rounded for the eye, exact for programs."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from web import formatting as shown

NOW = datetime(2026, 11, 20, 9, 14, tzinfo=UTC)


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        ("302241.064218", "USD", "302,241.06"),
        ("0.005", "USD", "<0.01"),
        ("0.004", "USD", "<0.01"),
        ("-0.004", "USD", ">\u22120.01"),
        ("-1234.5", "USD", "\u22121,234.50"),
        ("0", "USD", "0.00"),
        ("-0", "USD", "0.00"),
        ("1234.5", "JPY", "1,234"),
        ("1235.5", "JPY", "1,236"),
        ("1.2345", "KWD", "1.234"),
        ("2.5", "XYZ", "2.50"),
        ("99999999999999.999999999999999999999999", "USD", "100,000,000,000,000.00"),
    ],
)
def test_an_amount_has_the_minor_units_of_its_currency(amount: str, currency: str, text: str) -> None:
    assert shown.amount_text(Decimal(amount), currency) == text


def test_what_is_not_known_is_a_dash_and_zero_is_not() -> None:
    assert shown.amount_text(None, "USD") == "\u2013"
    assert "value" not in shown.number(None, "USD")


def test_the_exact_decimal_stands_beside_what_is_shown() -> None:
    exact = "41882.360958024307720000000001"
    assert f'value="{exact}"' in shown.number(Decimal(exact), "USD")
    assert shown.exact(Decimal("-1234.50")) == '<data value="-1234.5">\u22121,234.5</data>'
    assert shown.exact(Decimal("-0.5")) == '<data value="-0.5">\u22120.5</data>'


@pytest.mark.parametrize(
    ("ratio", "text"),
    [("0.242", "+24.2 %"), ("-0.031", "\u22123.1 %"), ("0", "0.0 %"), ("-0.0001", "0.0 %"), ("11.6", "\u00d712.6"), ("9.99", "+999.0 %")],
)  # fmt: skip
def test_a_change_has_its_sign(ratio: str, text: str) -> None:
    assert shown.change(Decimal(ratio)) == text


def test_days_and_times_are_for_readers_and_for_programs() -> None:
    assert shown.day_tag(date(2026, 11, 18)) == '<time datetime="2026-11-18">Wed 18 Nov 2026</time>'
    assert "20 Nov 2026, 06:14 UTC" in shown.time_tag("2026-11-20T08:14:00+02:00")
    assert shown.time_tag(None) == shown.day_tag(None) == "&ndash;"


@pytest.mark.parametrize(
    ("passed", "text"),
    [(timedelta(seconds=30), "just now"),
     (timedelta(minutes=5), "5 min ago"), (timedelta(hours=3), "3 h ago"), (timedelta(days=9), "9 days ago")],
)  # fmt: skip
def test_how_long_ago_something_was(passed: timedelta, text: str) -> None:
    assert shown.ago(NOW - passed, NOW) == text


@pytest.mark.parametrize(("value", "text"), [("0", "0"), ("2500", "2.5k"), ("-1000000", "\u22121M"), ("0.02", "0.02")])
def test_an_axis_is_marked_shortly(value: str, text: str) -> None:
    assert shown.compact(Decimal(value)) == text


def test_a_name_of_a_bill_cannot_act_on_a_page() -> None:
    made = shown.legible("<b>\u202eabc\n\x1b[31m")
    assert "<b>" not in made and "\u202e" not in made and "\n" not in made and "&lt;b&gt;" in made
