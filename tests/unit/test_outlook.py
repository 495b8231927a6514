"""Projection and forecast over several sources, with days that are still filling."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.domain.completeness import first_filling_day
from common.domain.forecast import day_total, project
from common.domain.money import add
from common.domain.outlook import Source, forecast_sources, project_sources
from common.providers.arrivals import stated_pattern

START, END = date(2026, 11, 1), date(2026, 12, 1)


def day(number: int) -> date:
    return START + timedelta(days=number - 1)


def source(
    costs: Sequence[int | str | Decimal], through: int, history: int = 0, delivered: int | None = None
) -> Source:
    """Costs from the first of November on, after so many days of October at 100 each; whole through a day of November."""
    counted = {day(number): Decimal(cost) for number, cost in enumerate(costs, 1)}
    before = {START - timedelta(days=number): Decimal(100) for number in range(1, history + 1)}
    return Source(day(delivered or through + 3), day(through), before | counted, counted)


@pytest.mark.parametrize(
    ("provider", "first"), [("aws", 13), ("oci", 13), ("azure", 12), ("gcp", 12), ("focus", 12), (None, 12)]
)
def test_days_are_counted_back_from_the_delivery(provider: str | None, first: int) -> None:
    for hour in (0, 23):
        delivered = datetime(2026, 3, 15, hour, tzinfo=UTC)
        assert first_filling_day(stated_pattern(provider).lag, delivered) == date(2026, 3, first)


def test_the_first_days_of_a_month_fill_the_last_of_the_month_before() -> None:
    assert first_filling_day(timedelta(hours=48), datetime(2026, 4, 1, tzinfo=UTC)) == date(2026, 3, 30)


@pytest.mark.parametrize(
    ("seen", "expected", "total"),
    [
        ("0", "100", "100"),
        ("60", "100", "100"),
        ("250", "100", "250"),
        ("-500", "100", "-400"),  # a credit, and the charges of the day still to come
        ("-10", "-100", "-100"),
        ("-250", "-100", "-250"),
        ("30", "-100", "-70"),
        ("30", "0", "30"),
        ("-30", "0", "-30"),
    ],
)
def test_a_day_still_filling_costs_what_is_expected_or_what_is_seen_already(
    seen: str, expected: str, total: str
) -> None:
    assert day_total(Decimal(seen), Decimal(expected)) == Decimal(total)


COSTS = st.decimals("0", "10000", places=4)


@given(st.decimals("-1000", "1000", places=3), st.decimals("-1000", "1000", places=3), st.decimals("0", "1", places=3))
def test_no_late_line_moves_a_day_by_more_than_itself(seen: Decimal, expected: Decimal, late: Decimal) -> None:
    moved = day_total(seen + late, expected) - day_total(seen, expected)
    assert 0 <= moved <= late


@given(st.lists(COSTS, min_size=8, max_size=28), COSTS)
def test_a_late_line_on_a_filling_day_moves_the_projection_by_at_most_itself(
    costs: list[Decimal], late: Decimal
) -> None:
    through = len(costs) - 3
    before = project_sources([source(costs, through)], START, END)
    after = project_sources([source([*costs[:-1], costs[-1] + late], through)], START, END)
    assert before is not None and after is not None
    assert 0 <= after - before <= late
    # with the day taken as whole it moved by late x days / days elapsed
    taken_as_whole = project(add(costs) + late, len(costs), 30) - project(add(costs), len(costs), 30)
    assert after - before <= taken_as_whole


@given(st.lists(COSTS, min_size=8, max_size=30), st.integers(0, 40))
def test_without_credits_nothing_ends_below_what_is_billed(costs: list[Decimal], history: int) -> None:
    one = source(costs, len(costs) - 3, history)
    projected, forecast = project_sources([one], START, END), forecast_sources([one], START, END)
    assert forecast is not None and forecast.low >= add(costs).quantize(Decimal("0.000001"))
    if len([cost for cost in costs[:-3]]) >= 5:
        assert projected is not None and projected >= add(costs)


@given(st.lists(st.tuples(st.integers(5, 20), st.integers(1, 500)), min_size=1, max_size=4), st.randoms())
def test_sources_may_come_in_any_order(several: list[tuple[int, int]], order: object) -> None:
    sources = [source([cost] * (through + 2), through) for through, cost in several]
    answers = {
        (project_sources(list(some), START, END), forecast_sources(list(some), START, END))
        for some in permutations(sources)
    }
    assert len(answers) == 1


def test_each_source_goes_on_at_its_own_pace_from_its_own_last_whole_day() -> None:
    fast = source([100] * 14 + [70, 20], 14)
    slow = source([10] * 10, 10, delivered=14)
    assert project_sources([fast, slow], START, END) == 3300
    forecast = forecast_sources([fast, slow], START, END)
    assert forecast is not None and forecast.expected == 3300


def test_a_fee_and_an_account_of_three_days_are_counted_with_the_days_of_the_others() -> None:
    busy = source([100] * 12 + [60], 12)
    fee = source([600], 1, delivered=15)
    young = replace(source([], 12), counted={day(number): Decimal(40) for number in (10, 11, 12)})
    assert project_sources([busy, fee, young], START, END) == project(Decimal(1200 + 600 + 120), 12, 30)
    forecast = forecast_sources([busy, fee], START, END)
    assert forecast is not None and abs(forecast.expected - 3600) < 200  # the fee once, not as a pace


def test_a_source_that_has_stopped_counts_and_is_not_forecast() -> None:
    running = source([100] * 20, 20, delivered=23)
    stopped = source([50] * 10, 10, delivered=13)
    forecast = forecast_sources([running, stopped], START, END)
    assert forecast is not None and forecast.expected == 3000 + 500
    alone = forecast_sources([stopped], START, END)  # nothing newer says that it has stopped
    assert alone is not None and alone.expected == 1500


def test_too_few_whole_days_say_nothing_and_days_still_filling_do_not_count_as_whole() -> None:
    assert project_sources([source([100] * 7, 4)], START, END) is None
    assert forecast_sources([source([100] * 7, 4)], START, END) is None
    assert project_sources([], START, END) is None and forecast_sources([], START, END) is None


def test_the_weeks_before_serve_for_the_forecast_at_the_start_of_a_period() -> None:
    young = replace(source([70, 20], 0, history=30), delivered_on=day(2), complete_through=day(-1))
    assert project_sources([young], START, END) is None
    forecast = forecast_sources([young], START, END)
    assert forecast is not None and forecast.expected == 3000  # 31 October is filling too, and no part of the period


def test_a_credit_on_a_filling_day_is_kept_and_does_not_become_the_pace() -> None:
    one = source([100] * 12 + [100, -900], 12)
    assert project_sources([one], START, END) == 3000 - 900
    forecast = forecast_sources([one], START, END)
    assert forecast is not None and forecast.expected == 3000 - 900


def test_charges_that_count_here_and_lie_elsewhere_are_in_the_total() -> None:
    one = source([100] * 12, 12)
    corrected: Mapping[date, Decimal] = {**one.counted, day(-40): Decimal(7), END: Decimal(11)}
    found = forecast_sources([replace(one, counted=corrected)], START, END)
    assert found is not None and found.expected == 3018


def test_a_period_that_is_whole_is_what_it_is() -> None:
    one = source([Decimal("1.000000000000000000000001")] * 30, 30)
    assert project_sources([one], START, END) == Decimal("30.000000000000000000000030")
    found = forecast_sources([one], START, END)
    assert found is not None and found.low == found.expected == found.high == 30


@given(st.integers(1, 10**14), st.integers(6, 25))
def test_large_amounts_keep_their_digits(cost: int, through: int) -> None:
    exact = Decimal(cost).scaleb(-6)
    assert project_sources([source([exact] * (through + 3), through)], START, END) == exact * 30
