"""Billing periods are calendar months with exclusive ends."""

from datetime import UTC, date, datetime

import pytest

from common.domain.period import BillingPeriod


def test_a_month_ends_where_the_next_one_starts() -> None:
    december = BillingPeriod.parse("2025-12")
    assert december.end == datetime(2026, 1, 1, tzinfo=UTC) == december.next().start
    assert december.next().previous() == december
    assert BillingPeriod.parse("2026-01").previous() == december


def test_a_leap_february_has_29_days() -> None:
    assert BillingPeriod.of(date(2024, 2, 29)).days == 29
    assert BillingPeriod.parse("2025-02").days == 28


@pytest.mark.parametrize("text", ["2026-13", "2026-00", "2026", "26-01", "2026-1", "March"])
def test_what_is_no_month_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=f"'{text}', expected YYYY-MM"):
        BillingPeriod.parse(text)
