"""Filling, provisional, final: by the source's own deliveries, whatever order they are looked at in and whatever the clock shows."""

from datetime import UTC, date, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.domain.completeness import (
    FILLING,
    FINAL,
    FINAL_AFTER,
    PROVISIONAL,
    Slice,
    Watermark,
    first_filling_day,
    state_of,
    watermark,
)

NOVEMBER_ENDS = datetime(2026, 12, 1, tzinfo=UTC)


def november(day: int, month: int = 11, year: int = 2026) -> Slice:
    """The slice of November, delivered on a day."""
    return Slice(NOVEMBER_ENDS, datetime(year, month, day, 6, tzinfo=UTC))


@pytest.mark.parametrize(
    ("delivered", "filling_from", "now", "state"),
    [
        (november(20), date(2026, 11, 18), datetime(2026, 11, 20, 7, tzinfo=UTC), FILLING),
        (november(20), date(2026, 11, 18), datetime(2027, 3, 1, tzinfo=UTC), FILLING),  # a source that has stopped
        (november(30), date(2026, 11, 30), datetime(2026, 12, 1, tzinfo=UTC), FILLING),
        (november(3, 12), date(2026, 12, 1), datetime(2026, 12, 3, 7, tzinfo=UTC), PROVISIONAL),
        (november(3, 12), date(2026, 12, 1), datetime(2026, 12, 13, 5, tzinfo=UTC), PROVISIONAL),
        (november(3, 12), date(2026, 12, 1), datetime(2026, 12, 13, 6, tzinfo=UTC), FINAL),
        (november(20, 1, 2027), date(2027, 1, 18), datetime(2027, 1, 21, tzinfo=UTC), PROVISIONAL),  # restated late
        (november(20, 1, 2027), date(2027, 1, 18), datetime(2027, 1, 30, 6, tzinfo=UTC), FINAL),
    ],
)
def test_a_slice_is_filling_then_provisional_then_final(
    delivered: Slice, filling_from: date, now: datetime, state: str
) -> None:
    assert state_of(delivered, filling_from, now) == state


MOMENTS = st.datetimes(datetime(2026, 11, 1), datetime(2027, 6, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds are naive
LAGS = st.integers(0, 240).map(lambda hours: timedelta(hours=hours))


@given(MOMENTS, LAGS, MOMENTS, st.integers(0, 400))
def test_a_clock_that_is_put_back_makes_nothing_more_complete(
    delivered: datetime, lag: timedelta, now: datetime, back_hours: int
) -> None:
    order = (FILLING, PROVISIONAL, FINAL)
    piece, filling = Slice(NOVEMBER_ENDS, delivered), first_filling_day(lag, delivered)
    earlier = state_of(piece, filling, now - timedelta(hours=back_hours))
    assert order.index(earlier) <= order.index(state_of(piece, filling, now))
    assert (earlier == FILLING) == (state_of(piece, filling, now) == FILLING)  # the clock has no part in that


@given(MOMENTS, LAGS)
def test_nothing_is_final_before_the_month_has_been_closed_for_long(delivered: datetime, lag: timedelta) -> None:
    piece, filling = Slice(NOVEMBER_ENDS, delivered), first_filling_day(lag, delivered)
    for now in (delivered, NOVEMBER_ENDS + FINAL_AFTER - timedelta(seconds=1)):
        assert state_of(piece, filling, now) != FINAL


@given(MOMENTS, LAGS, LAGS)
def test_a_longer_lag_never_makes_more_days_complete(delivered: datetime, one: timedelta, other: timedelta) -> None:
    assert first_filling_day(max(one, other), delivered) <= first_filling_day(min(one, other), delivered)


def test_a_correction_of_an_earlier_month_makes_no_day_complete_whatever_the_order() -> None:
    october = Slice(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 19, tzinfo=UTC))
    for order in permutations({"2026-10": october, "2026-11": november(15)}.items()):
        found = watermark(dict(order), timedelta(days=2), datetime(2026, 11, 19, tzinfo=UTC))
        assert found == Watermark(date(2026, 11, 13), {"2026-10": PROVISIONAL, "2026-11": FILLING})
