"""Amounts are exact, and currencies never add up silently."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.domain.money import CurrencyMismatch, Money, add, plain, read_cost, round_cost

COSTS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**13), max_value=10**13, places=24)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", "0"),
        ("-3.10", "-3.10"),
        (".5", "0.5"),
        ("7.", "7"),
        ("2.323760000E-9", "0.000000002323760000"),
        ("1e-05", "0.00001"),
        ("1e+3", "1000"),
        ("0.1234567890123456789012345", "0.1234567890123456789012345"),
        (" 12.5 ", "12.5"),
    ],
)
def test_a_number_is_read_to_the_last_digit(text: str, value: str) -> None:
    assert read_cost(text) == Decimal(value)


@pytest.mark.parametrize(
    "text", [None, "", "None", "NaN", "inf", "1,000.00", "$5", "1 2", "0x1", "1e9999", "100000000000000"]
)
def test_what_is_no_cost_is_told_and_not_guessed(text: str | None) -> None:
    assert read_cost(text) is None


@pytest.mark.parametrize(
    ("text", "rounded"),
    [
        ("0.0000000000000000000000005", "0"),
        ("0.0000000000000000000000015", "0.000000000000000000000002"),
        ("-0.0000000000000000000000025", "-0.000000000000000000000002"),
    ],
)
def test_the_25th_digit_is_rounded_half_to_even(text: str, rounded: str) -> None:
    assert round_cost(Decimal(text)) == Decimal(rounded)


@given(st.lists(COSTS))
def test_a_sum_does_not_depend_on_the_order(values: list[Decimal]) -> None:
    assert add(values) == add(reversed(values)) == add(sorted(values))


@given(COSTS)
def test_plain_text_gives_the_amount_back(value: Decimal) -> None:
    text = plain(value)
    assert Decimal(text) == value
    assert "E" not in text and not text.endswith(".") and text != "-0"


def test_different_currencies_do_not_add_up() -> None:
    with pytest.raises(CurrencyMismatch, match="EUR and USD"):
        Money(Decimal(1), "EUR") + Money(Decimal(1), "USD")
