"""Budgets: periods, thresholds, scopes, and what is refused."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.domain.budgets import (
    CUSTOM,
    KINDS,
    MONTHS_OF_KIND,
    Budget,
    InvalidBudget,
    Scope,
    Threshold,
    as_document,
    from_document,
    read_amount,
    read_percent,
    read_tags,
    spent_percent,
)
from common.domain.money import EXACT
from common.domain.period import BillingPeriod

AMOUNTS = st.decimals("0.01", "99999999999999", places=4)


def budget(**values: Any) -> Budget:
    known: dict[str, Any] = {
        "budget_id": "b",
        "name": "platform",
        "amount": Decimal(100),
        "currency": "USD",
        "period": "monthly",
    }
    return Budget(**known | values)


@pytest.mark.parametrize(
    ("kind", "key", "start", "end"),
    [
        ("monthly", "2028-02", "2028-02-01", "2028-03-01"),
        ("quarterly", "2028-Q1", "2028-01-01", "2028-04-01"),
        ("yearly", "2028", "2028-01-01", "2029-01-01"),
    ],
)
def test_the_period_of_a_leap_day(kind: str, key: str, start: str, end: str) -> None:
    period = budget(period=kind).period_of(date(2028, 2, 29))
    assert (period.key, str(period.start.date()), str(period.end.date())) == (key, start, end)


@given(st.dates(date(1990, 1, 1), date(2200, 1, 1)), st.sampled_from(sorted(MONTHS_OF_KIND)))
def test_periods_hold_their_day_and_follow_one_another_without_a_gap(day: date, kind: str) -> None:
    made = budget(period=kind)
    period = made.period_of(day)
    assert period.contains(day)
    assert made.period_of(period.end.date() - timedelta(days=1)) == period
    assert made.period_of(period.start.date()) == period
    before = made.previous(period)
    assert before is not None and before.end == period.start and before.key != period.key
    assert made.period_of(BillingPeriod.of(day).start.date()) == period


def test_a_custom_budget_has_one_period_and_none_before_it() -> None:
    made = budget(period=CUSTOM, starts_on=date(2026, 11, 1), ends_on=date(2026, 12, 15))
    period = made.period_of(date(2020, 1, 1))
    assert (period.key, period.days) == ("2026-11-01_2026-12-15", 44)
    assert made.previous(period) is None
    assert not period.contains(date(2026, 12, 15)) and period.contains(date(2026, 12, 14))


def test_a_period_is_open_until_its_end() -> None:
    period = budget().period_of(date(2026, 11, 1))
    assert period.is_open(datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC))
    assert not period.is_open(datetime(2026, 12, 1, tzinfo=UTC))


@given(AMOUNTS, st.integers(1, 200))
def test_a_threshold_is_crossed_at_its_limit_and_by_nothing_less(amount: Decimal, percent: int) -> None:
    threshold = Threshold("actual", Decimal(percent))
    limit = threshold.limit(amount)
    assert threshold.is_crossed(limit, amount)
    assert not threshold.is_crossed(EXACT.subtract(limit, Decimal(1).scaleb(-24)), amount)


@given(AMOUNTS, AMOUNTS, st.integers(1, 200))
def test_a_shown_percent_never_claims_a_threshold_that_is_not_crossed(
    spend: Decimal, amount: Decimal, percent: int
) -> None:
    threshold = Threshold("actual", Decimal(percent))
    assert (spent_percent(spend, amount) >= percent) == threshold.is_crossed(spend, amount)


def test_a_shown_percent_is_rounded_down() -> None:
    assert spent_percent(Decimal("7999.99"), Decimal(10_000)) == Decimal("79.9")
    assert spent_percent(Decimal("-0.01"), Decimal(10_000)) == Decimal("-0.1")


def test_thresholds_come_from_low_to_high_and_actual_ones_first() -> None:
    made = budget(thresholds=(Decimal(100), Decimal("33.5")), forecast_thresholds=(Decimal(90),))
    assert [str(threshold) for threshold in made.all_thresholds] == ["actual-33.5", "actual-100", "forecast-90"]


def test_the_defaults_are_those_promised() -> None:
    assert as_document(budget())["thresholds"] == [50, 80, 95, 100]


@given(
    amount=AMOUNTS,
    kind=st.sampled_from([kind for kind in KINDS if kind != CUSTOM]),
    tags=st.dictionaries(st.text(min_size=1), st.lists(st.text(), min_size=1).map(tuple)),
    thresholds=st.lists(st.decimals("0.1", "300", places=1), min_size=1, unique=True).map(tuple),
)
def test_a_document_gives_back_its_budget(
    amount: Decimal, kind: str, tags: dict[str, tuple[str, ...]], thresholds: tuple[Decimal, ...]
) -> None:
    made = budget(amount=amount, period=kind, scope=Scope(services=("EC2",), tags=tags), thresholds=thresholds)
    assert from_document(as_document(made)) == made


def test_a_custom_document_gives_back_its_dates() -> None:
    made = budget(
        period=CUSTOM, starts_on=date(2026, 11, 1), ends_on=date(2026, 12, 15), channels=("slack",), owner="ada"
    )
    assert from_document(as_document(made)) == made


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"amount": Decimal(0)}, "amount is 0, expected more than 0"),
        ({"amount": Decimal("-5")}, "amount is -5"),
        ({"currency": "usd"}, "currency is 'usd', expected an ISO 4217 code"),
        ({"period": "weekly"}, "period is 'weekly', expected one of monthly, quarterly, yearly, custom"),
        ({"metric": "AmortizedCost"}, "metric is 'AmortizedCost', expected one of BilledCost"),
        ({"channels": ("Fax 1",)}, "channel is 'Fax 1', expected a name of lower-case letters"),
        ({"thresholds": (Decimal(0),)}, "threshold is 0"),
        ({"thresholds": (Decimal(50), Decimal("50.0"))}, "name one twice"),
        ({"thresholds": (), "forecast_thresholds": ()}, "give at least one"),
        ({"name": " "}, "name is empty"),
        ({"name": "a\nb"}, "line breaks"),
        ({"period": CUSTOM}, "needs a start and an end"),
        ({"period": CUSTOM, "starts_on": date(2026, 1, 2), "ends_on": date(2026, 1, 2)}, "is not before end"),
        ({"starts_on": date(2026, 1, 2)}, "takes no start and end"),
    ],
)
def test_what_makes_no_budget_is_refused_in_one_line(values: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidBudget, match=said) as caught:
        budget(**values)
    assert "\n" not in str(caught.value)


def test_words_are_read_as_people_write_them() -> None:
    assert (read_percent("80 %"), read_percent("33.5"), read_amount("2500.50")) == (
        Decimal(80),
        Decimal("33.5"),
        Decimal("2500.5"),
    )
    assert read_tags(["team=platform", "team=data", "a.b/c=x=y", "bare="]) == {
        "team": ("platform", "data"), "a.b/c": ("x=y",), "bare": ("",),
    }  # fmt: skip
    for read, text in (
        (read_percent, "most"),
        (read_percent, "NaN"),
        (read_percent, "inf"),
        (read_amount, "10,000"),
        (read_amount, "NaN"),
    ):
        with pytest.raises(InvalidBudget, match="expected a"):
            read(text)
    for text in ("team", "=platform"):
        with pytest.raises(InvalidBudget, match="expected key=value"):
            read_tags([text])


def test_a_scope_is_described_in_words() -> None:
    assert Scope().describe() == "all charges"
    scope = Scope(providers=("aws",), services=("EC2", "S3"), tags={"team": ("a", "b")})
    assert scope.describe() == "provider aws, service EC2 or S3, tag team=a or b"
