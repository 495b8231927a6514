"""How a source usually delivers, and when its next delivery is late."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.domain.freshness import (
    MIN_DAYS,
    MIN_INTERVALS,
    SLACK,
    Freshness,
    Pattern,
    Version,
    incomplete_ages,
    learned,
)

HOUR = timedelta(hours=1)
START = datetime(2026, 11, 1, 6, tzinfo=UTC)
STATED = Pattern(24 * HOUR, 30 * HOUR, 48 * HOUR, 48 * HOUR)
MOMENTS = st.datetimes(datetime(2026, 10, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds are naive


def arrivals(*hours: float) -> list[datetime]:
    """Deliveries so many hours after one another, from the first of November on."""
    found = [START]
    for one in hours:
        found.append(found[-1] + one * HOUR)
    return found


def daily_versions(days: int, whole_after_days: int, cost: str = "10") -> list[Version]:
    """A delivery at 06:00 of each day; a day has all its charges from so many days after it on, before that half of them."""
    versions = []
    for number in range(1, days + 1):
        delivered = START + timedelta(days=number)
        known = {}
        for back in range(number + 1):
            day = delivered.date() - timedelta(days=back)
            whole = back > whole_after_days
            known[day] = {"USD": Decimal(cost) if whole else Decimal(cost) / 2}
        versions.append(Version(delivered, known))
    return versions


def test_the_interval_is_learned_from_the_deliveries_themselves() -> None:
    found = learned(arrivals(*[8] * 9, 20), (), STATED)
    assert (found.interval, found.longest_interval, found.intervals) == (8 * HOUR, 8 * HOUR, 10)
    found = learned(arrivals(*[24] * 4, 72, *[24] * 4, 72), (), STATED)  # never on a weekend
    assert (found.interval, found.longest_interval) == (24 * HOUR, 72 * HOUR)


def test_few_deliveries_and_days_teach_nothing() -> None:
    assert learned(arrivals(*[8] * (MIN_INTERVALS - 1)), [HOUR] * (MIN_DAYS - 1), STATED) == STATED
    assert learned((), (), STATED) == STATED


def test_a_back_fill_of_old_months_says_nothing_of_the_pace_of_today() -> None:
    old = [START - timedelta(days=30 * number) for number in range(2, 14)]
    assert learned([*old, START], (), STATED) == STATED
    assert learned([*old, *arrivals(*[8] * 6)], (), STATED).longest_interval == 8 * HOUR


def test_two_months_of_one_export_are_one_arrival() -> None:
    times = arrivals(*[24] * 6)
    both = [*times, *(one + timedelta(minutes=2) for one in times)]
    assert learned(both, (), STATED) == learned(times, (), STATED)


@pytest.mark.parametrize(("whole_after_days", "lag_hours"), [(0, 0), (1, 7), (2, 31), (3, 55)])
def test_the_lag_is_learned_from_how_long_days_change(whole_after_days: int, lag_hours: int) -> None:
    ages = incomplete_ages(daily_versions(25, whole_after_days))
    assert len(ages) >= MIN_DAYS
    found = learned((), ages.values(), STATED)
    assert (found.lag, found.days) == (lag_hours * HOUR, len(ages))


def test_a_day_counted_by_the_learned_lag_is_whole_in_nine_of_ten_deliveries() -> None:
    versions = daily_versions(25, 2)
    lag = learned((), incomplete_ages(versions).values(), STATED).lag
    for one in versions:
        filling = (one.delivered_at - lag).date()
        for day, costs in one.days.items():
            assert (costs["USD"] == 10) == (day < filling)


def test_a_correction_below_a_hundredth_or_after_ten_days_is_no_lag() -> None:
    versions = daily_versions(25, 0)
    corrected = {day: {"USD": Decimal("10.05")} for day in versions[-1].days}
    assert set(incomplete_ages([*versions, Version(START + timedelta(days=26), corrected)]).values()) == {0 * HOUR}
    restated = {day: {"USD": Decimal(90)} for day in versions[-1].days if day < date(2026, 11, 10)}
    found = incomplete_ages([*versions, Version(START + timedelta(days=26), restated)])
    assert {found[day] for day in restated} == {0 * HOUR}


def test_days_that_may_still_change_teach_nothing() -> None:
    versions = daily_versions(14, 0)
    assert max(incomplete_ages(versions)) == date(2026, 11, 4)  # ended ten days before the newest delivery


def test_a_currency_that_appears_later_makes_a_day_incomplete_before() -> None:
    day, ended = date(2026, 11, 1), datetime(2026, 11, 2, tzinfo=UTC)
    one, both = {"USD": Decimal(1)}, {"USD": Decimal(1), "EUR": Decimal(1)}
    costs: Sequence[dict[str, Decimal]] = (one, one, both, both)
    versions = [Version(ended + timedelta(days=number), {day: known}) for number, known in enumerate(costs, 1)]
    assert incomplete_ages([*versions, Version(ended + timedelta(days=12), {})]) == {day: timedelta(days=2)}


@given(st.lists(MOMENTS, min_size=12, max_size=40), st.randoms(use_true_random=False))
def test_neither_the_order_of_deliveries_nor_a_repeat_changes_what_is_learned(
    times: list[datetime], random: Random
) -> None:
    shuffled = [*times, *times[:3]]
    random.shuffle(shuffled)
    assert learned(shuffled, (), STATED) == learned(sorted(times), (), STATED)


@given(st.integers(12, 25), st.integers(0, 4), st.randoms(use_true_random=False))
def test_neither_the_order_of_versions_nor_a_repeat_changes_how_long_days_change(
    days: int, whole_after: int, random: Random
) -> None:
    versions = daily_versions(days, whole_after)
    shuffled = [*versions, *versions[:3]]
    random.shuffle(shuffled)
    assert incomplete_ages(shuffled) == incomplete_ages(versions)


@given(MOMENTS, MOMENTS, st.integers(0, 2_000))
def test_a_clock_that_is_put_back_finds_nothing_late_that_was_not(
    newest: datetime, now: datetime, back_hours: int
) -> None:
    source = Freshness(newest, None, STATED)
    assert source.is_late(now) == (now > newest + 30 * HOUR + SLACK)
    if source.is_late(now - back_hours * HOUR):
        assert source.is_late(now)
    assert not source.is_late(min(now, newest))


def test_a_source_without_a_known_interval_is_never_late() -> None:
    source = Freshness(START, None, Pattern(None, None, HOUR, HOUR))
    assert (source.expected_next, source.late_from, source.is_late(datetime.max.replace(tzinfo=UTC))) == (None,) * 2 + (
        False,
    )


def test_the_next_delivery_is_expected_after_the_median_and_late_after_the_longest_interval() -> None:
    source = Freshness(START, datetime.combine(START.date(), time(), UTC), STATED)
    assert source.expected_next == START + 24 * HOUR
    assert source.late_from == START + 36 * HOUR
