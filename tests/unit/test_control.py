"""Control totals: exact, by billing period and currency, whatever the container."""

from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from common.domain.money import add, read_cost, round_cost
from common.formats.container import opened
from common.formats.control import _sum, control_totals
from common.formats.recognition import recognise
from common.formats.totals import ControlTotals, read_month

HEADER = (
    "bill/BillingPeriodStartDate,bill/PayerAccountId,lineItem/LineItemType,lineItem/UsageStartDate,"
    "lineItem/UnblendedCost,lineItem/CurrencyCode\n"
)


def line(cost: str, month: str = "2026-03", currency: str = "USD") -> str:
    return f"{month}-01T00:00:00Z,1111,Usage,{month}-02T00:00:00Z,{cost},{currency}\n"


def totals_of(folder: Path, text: str) -> ControlTotals:
    path = folder / "bill.csv"
    path.write_text(text)
    with opened(path, "bill.csv") as found:
        return control_totals(found, recognise(found.names), "bill.csv")


def test_periods_and_currencies_are_kept_apart(tmp_path: Path) -> None:
    text = HEADER + line("1.10") + line("2.20") + line("5", currency="EUR") + line("7", month="2026-02")
    found = totals_of(tmp_path, text)
    amounts = {key: total.amount for key, total in found.totals.items()}
    assert amounts == {
        ("2026-03", "USD"): Decimal("3.30"),
        ("2026-03", "EUR"): Decimal(5),
        ("2026-02", "USD"): Decimal(7),
    }
    assert found.periods == ["2026-02", "2026-03"]
    assert found.accounts == {"1111"}


def test_what_a_cost_column_cannot_keep_is_in_the_exact_sum_and_not_in_the_rounded_one(tmp_path: Path) -> None:
    total = totals_of(tmp_path, HEADER + line("0.1234567890123456789012345") + line("-1e-05")).totals["2026-03", "USD"]
    assert total.amount == Decimal("0.1234467890123456789012345")
    assert total.rounded == Decimal("0.123446789012345678901234")


NEAR_A_LIMB = st.builds(
    lambda limb, off, scale: format(Decimal(limb * 2**64 + off).scaleb(-scale), "f"),
    st.integers(-(10**15), 10**15), st.integers(-9, 9), st.integers(20, 30),
)  # fmt: skip
WITH_EXPONENTS = st.floats(-1e6, 1e6).map(repr)
PLAIN = st.decimals(-(10**9), 10**9, allow_nan=False, allow_infinity=False, places=24).map(lambda one: format(one, "f"))


@settings(max_examples=300)
@given(st.lists(st.one_of(NEAR_A_LIMB, WITH_EXPONENTS, PLAIN), min_size=1, max_size=20))
@example(["-0.000018446744073709551615"])  # 1 - 2^64 in the 24th digit, which Arrow rounds to another number
@example(["1.2345678901234567e-09", "1e-10", "5E-07"])
def test_amounts_in_any_spelling_add_up_as_each_of_them_is_rounded(texts: list[str]) -> None:
    values = [value for text in texts if (value := read_cost(text)) is not None]
    total = _sum(pa.array(texts), None)
    assert (total.lines, total.unreadable) == (len(texts), len(texts) - len(values))
    assert total.amount == add(values)
    assert total.rounded == add(round_cost(one) for one in values)


def test_a_word_in_the_cost_column_is_counted_and_adds_nothing(tmp_path: Path) -> None:
    total = totals_of(tmp_path, HEADER + line("None") + line("") + line("2")).totals["2026-03", "USD"]
    assert (total.lines, total.unreadable, total.amount) == (3, 2, Decimal(2))


def test_lines_of_another_width_count_with_what_stands_in_the_cost_columns_place(tmp_path: Path) -> None:
    short = "2026-03-01T00:00:00Z,1111,Usage,2026-03-02T00:00:00Z,4\n"
    long = line("8").rstrip("\n") + ",extra\n"
    found = totals_of(tmp_path, HEADER + line("2") + short + long)
    assert found.ragged == 2
    assert found.totals["2026-03", "USD"].amount == Decimal(10)
    assert found.totals["2026-03", ""].amount == Decimal(4)


def test_newlines_inside_quotes_do_not_make_lines(tmp_path: Path) -> None:
    text = HEADER + line("2").replace("Usage", '"Usa\nge, ""x"""') + line("3")
    assert totals_of(tmp_path, text).lines == 2


@pytest.mark.parametrize(
    ("text", "month"),
    [
        ("2026-03-01T00:00:00Z", "2026-03"),
        ("3/1/2026", "2026-03"),
        ("12/31/2025", "2025-12"),
        ("202603", "2026-03"),
        ("20260331", "2026-03"),
        ("2026-13-01", ""),
        ("March", ""),
        (None, ""),
    ],
)
def test_a_month_is_read_as_bills_write_it(text: str | None, month: str) -> None:
    assert read_month(text) == month
