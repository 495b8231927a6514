"""Terms, charges and renewals of subscriptions: whatever the days, seats and currency, no money is lost and none is counted twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import islice, pairwise
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from common.domain.period import BillingPeriod
from common.domain.saas.charges import charges, share
from common.domain.saas.lines import Entry, bills, lines
from common.domain.saas.renewals import next_renewal
from common.domain.saas.subscription import (
    AT_ONCE,
    DAILY,
    PURCHASE,
    InvalidSubscription,
    Invoiced,
    Pause,
    PriceChange,
    SeatChange,
    Subscription,
)
from common.domain.saas.terms import CYCLES, Cycle, read_every, terms
from common.saas.catalogue import categories, vendor_named, vendors

MINOR_DIGITS = {"USD": 2, "JPY": 0, "KWD": 3}
CHAT = Subscription(
    "chat", "OpenAI", "ChatGPT Business", "ai", "monthly", Decimal(30), "USD", date(2026, 9, 1), seats=10
)
DESIGN = Subscription(
    "design", "Figma", "Organization", "design", "annual", Decimal(540), "USD", date(2026, 9, 15), seats=4
)
FAR = date(2031, 1, 1)


def starts(start: str, cycle: Cycle, anchor_day: int | None = None, count: int = 4) -> list[str]:
    return [str(term.start) for term in islice(terms(date.fromisoformat(start), cycle, anchor_day), count)]


@pytest.mark.parametrize(
    ("start", "cycle", "anchor_day", "expected"),
    [
        ("2026-01-31", CYCLES["monthly"], None, ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"]),
        ("2024-01-30", CYCLES["monthly"], None, ["2024-01-30", "2024-02-29", "2024-03-30", "2024-04-30"]),
        ("2024-02-29", CYCLES["annual"], None, ["2024-02-29", "2025-02-28", "2026-02-28", "2027-02-28"]),
        ("2026-08-31", CYCLES["quarterly"], 31, ["2026-08-31", "2026-11-30", "2027-02-28", "2027-05-31"]),
        ("2026-02-28", CYCLES["monthly"], 31, ["2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"]),
        ("2026-03-10", CYCLES["semi-annual"], 15, ["2026-03-10", "2026-03-15", "2026-09-15", "2027-03-15"]),
        ("2026-03-20", CYCLES["monthly"], 15, ["2026-03-20", "2026-04-15", "2026-05-15", "2026-06-15"]),
        ("2026-12-25", Cycle(days=45), None, ["2026-12-25", "2027-02-08", "2027-03-25", "2027-05-09"]),
    ],
)
def test_terms_begin_on_the_anchor_day_or_the_last_day_of_a_shorter_month(
    start: str, cycle: Cycle, anchor_day: int | None, expected: list[str]
) -> None:
    assert starts(start, cycle, anchor_day) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("45 days", Cycle(days=45)), ("2 Weeks", Cycle(days=14)), ("4 months", Cycle(months=4)), ("1 year", Cycle(months=12)),
     ("0 days", None), ("11 years", None), ("monthly", None), ("-1 days", None)],
)  # fmt: skip
def test_the_length_of_a_custom_cycle_is_read(text: str, expected: Cycle | None) -> None:
    assert read_every(text) == expected


def test_the_worked_seats_are_one_purchase_of_300_and_thirty_days_of_10() -> None:
    found = list(lines(CHAT, 2, date(2026, 10, 1)))
    assert [(one.kind, one.billed_cost, one.effective_cost, one.quantity) for one in found[:2]] == [
        ("term", 300, 0, 10),
        ("use", 0, 10, Decimal("0.333333333333")),
    ]
    assert [one.effective_cost for one in found[1:]] == [10] * 30


def test_seats_that_are_added_cost_the_days_that_remain() -> None:
    made = replace(DESIGN, seat_changes=(SeatChange(date(2026, 12, 1), 6),))
    found = [(one.kind, str(one.start), str(one.end), one.amount) for one in charges(made, 2, date(2027, 9, 16))]
    assert found == [
        ("term", "2026-09-15", "2027-09-15", Decimal("2160.00")),
        ("seats", "2026-12-01", "2027-09-15", Decimal("852.16")),  # 2 x 540 x 288 / 365
        ("term", "2027-09-15", "2028-09-15", Decimal("3240.00")),
    ]


def test_an_invoice_wins_over_the_formula_and_the_difference_is_known() -> None:
    """A vendor's own example: 10 seats of 30, 5 more on 15 January, for which it invoices 16 of 31 days on 1 February."""
    day = date(2026, 1, 15)
    made = replace(
        CHAT,
        start=date(2026, 1, 1),
        seat_changes=(SeatChange(day, 15),),
        invoices=(Invoiced(day, Decimal("77.42"), "INV-2", date(2026, 2, 1)),),
    )
    _, added, following = charges(made, 2, date(2026, 2, 2))
    assert (added.formula, added.amount, added.difference) == (Decimal("82.26"), Decimal("77.42"), Decimal("-4.84"))
    assert following.amount == 450
    of_february = [one for one in lines(made, 2, date(2026, 2, 2)) if one.month == BillingPeriod(2026, 2)]
    assert sum(one.billed_cost for one in of_february) == Decimal("527.42")
    assert sum(one.effective_cost for one in lines(made, 2, date(2026, 2, 1))) == Decimal("377.42")


def test_seats_that_are_removed_cost_the_same_until_the_next_term_unless_the_vendor_gives_them_back() -> None:
    fewer = replace(CHAT, seat_changes=(SeatChange(date(2026, 9, 16), 8), SeatChange(date(2026, 9, 21), 11)))
    found = [(one.kind, one.seats, one.amount) for one in charges(fewer, 2, date(2026, 10, 2))]
    assert found == [("term", 10, 300), ("seats", 1, 10), ("term", 11, 330)]
    found = [(one.kind, one.seats, one.amount) for one in charges(replace(fewer, credits=True), 2, date(2026, 10, 1))]
    assert found == [("term", 10, 300), ("credit", -2, -30), ("seats", 3, 30)]


def test_a_renewal_has_the_price_of_its_first_day_and_a_discount_ends() -> None:
    made = replace(
        CHAT,
        price_changes=(PriceChange(date(2026, 10, 15), Decimal(36)),),
        discount_percent=Decimal(10),
        discount_until=date(2026, 10, 1),
    )
    assert [one.amount for one in charges(made, 2, date(2026, 12, 2))] == [270, 300, 360, 360]


def test_a_cancellation_lets_the_running_term_end_and_no_other_begin() -> None:
    quarterly = replace(DESIGN, cycle="quarterly", start=date(2026, 8, 31), cancelled_on=date(2027, 1, 10))
    assert [str(one.end) for one in charges(quarterly, 2, FAR)] == ["2026-11-30", "2027-02-28"]
    on_the_day = replace(quarterly, cancelled_on=date(2026, 11, 30))
    assert [str(one.end) for one in charges(on_the_day, 2, FAR)] == ["2026-11-30"]


@pytest.mark.parametrize(
    ("gives_back", "invoiced", "billed", "of_the_day"),
    [(True, None, 140, 0), (False, None, 300, 160), (False, Decimal(-100), 200, 60)],
)
def test_a_cancellation_at_once_gives_back_what_is_left_or_makes_it_cost_of_the_day(
    gives_back: bool, invoiced: Decimal | None, billed: int, of_the_day: int
) -> None:
    day = date(2026, 9, 15)
    told = (Invoiced(day, invoiced),) if invoiced is not None else ()
    made = replace(CHAT, cancelled_on=day, cancels=AT_ONCE, credits=gives_back, invoices=told)
    found = list(lines(made, 2, FAR))
    assert sum(one.billed_cost for one in found) == sum(one.effective_cost for one in found) == billed
    assert sum(one.effective_cost for one in found if one.start == day) == of_the_day
    assert not [one for one in found if one.start > day]


def test_no_term_begins_while_it_is_disabled() -> None:
    made = replace(CHAT, pauses=(Pause(date(2026, 9, 20), date(2026, 11, 5)),))
    assert [str(one.start) for one in charges(made, 2, date(2026, 12, 2))] == ["2026-09-01", "2026-12-01"]


def test_what_does_not_renew_ends_with_its_contract() -> None:
    made = replace(CHAT, renews=False, contract_months=3)
    assert [str(one.end) for one in charges(made, 2, FAR)] == ["2026-10-01", "2026-11-01", "2026-12-01"]


def test_an_end_within_a_term_is_charged_by_days() -> None:
    assert [one.amount for one in charges(replace(CHAT, end=date(2026, 10, 11)), 2, FAR)] == [300, Decimal("96.77")]


def test_a_month_without_charges_after_a_change_has_a_line_that_replaces_what_was() -> None:
    later = replace(CHAT, start=date(2026, 10, 1))
    found = bills([Entry(later, 2, (CHAT,))], date(2026, 10, 3))
    assert [(str(month), [one.kind for one in made]) for month, made in found.items()] == [
        ("2026-09", ["nothing"]),
        ("2026-10", ["term", "use", "use"]),
    ]
    assert not any(one.billed_cost or one.effective_cost for one in found[BillingPeriod(2026, 9)])


@pytest.mark.parametrize(
    ("today", "changes", "expected"),
    [
        ("2026-10-01", {}, ("2027-09-15", "2027-08-16")),
        ("2026-10-01", {"notice_days": 60}, ("2027-09-15", "2027-07-17")),
        ("2026-10-01", {"notice_days": 0}, ("2027-09-15", None)),
        ("2027-09-15", {}, ("2028-09-15", "2028-08-16")),
        ("2026-10-01", {"cycle": "monthly", "contract_months": 12}, ("2027-09-15", "2027-08-16")),
        ("2026-10-01", {"cycle": "monthly"}, ("2026-10-15", None)),
        ("2026-10-01", {"cancelled_on": date(2027, 1, 1)}, None),
        ("2026-10-01", {"renews": False}, None),
        ("2026-10-01", {"end": date(2027, 9, 15)}, None),
        ("2026-10-01", {"pauses": (Pause(date(2026, 9, 20)),)}, None),
    ],
)
def test_the_next_renewal_and_its_notice(
    today: str, changes: dict[str, Any], expected: tuple[str, str | None] | None
) -> None:
    found = next_renewal(replace(DESIGN, **changes), date.fromisoformat(today), 2)
    shown = found and (str(found.day), str(found.notice_from) if found.notice_from else None)
    assert shown == expected


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"currency": "usd"}, "currency is 'usd'"),
        ({"cycle": "weekly"}, "cycle is 'weekly'"),
        ({"cycle": "custom"}, "a custom cycle"),
        ({"every": "3 days"}, "a custom cycle"),
        ({"cycle": "custom", "every": "soon"}, "length is 'soon'"),
        ({"price": Decimal("-1")}, "price is -1"),
        ({"price": Decimal("NaN")}, "price is NaN"),
        ({"tax_percent": Decimal(101)}, "tax_percent is 101"),
        ({"anchor_day": 32}, "anchor_day is 32"),
        ({"end": date(2026, 1, 1)}, "end is 2026-01-01"),
        ({"seats": -1}, "seats is -1"),
        ({"seats": None, "seat_changes": (SeatChange(FAR, 2),)}, "without seats"),
        ({"seat_changes": (SeatChange(FAR, 2), SeatChange(FAR, 3))}, "a day of its own"),
        ({"mode": "hourly"}, "mode is 'hourly'"),
        ({"notice_days": 367}, "notice_days is 367"),
        ({"contract_months": 0}, "contract_months is 0"),
        ({"vendor": " "}, "vendor is empty"),
        ({"plan": "a\x1b[2Jb"}, "plan is empty"),
        ({"subscription_id": "../x"}, "id is '../x'"),
        ({"pauses": (Pause(FAR, FAR),)}, "a pause ends"),
    ],
)
def test_what_is_no_subscription_is_refused_with_what_was_expected(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidSubscription, match=said.replace("(", "\\(")):
        replace(CHAT, **changes)


days = st.dates(date(2023, 1, 1), date(2025, 12, 31))


@st.composite
def subscriptions(draw: st.DrawFn) -> tuple[Subscription, int]:
    start = draw(days)
    currency, digits = draw(st.sampled_from(sorted(MINOR_DIGITS.items())))
    cycle = draw(st.sampled_from([*CYCLES, "custom"]))
    dates = st.dates(start - timedelta(days=40), start + timedelta(days=800))
    seats = draw(st.none() | st.integers(0, 300))
    changes = draw(st.lists(st.tuples(dates, st.integers(0, 300)), max_size=5, unique_by=lambda one: one[0]))
    every = draw(st.sampled_from(["45 days", "3 weeks", "5 months"])) if cycle == "custom" else None
    invoiced = draw(st.lists(st.tuples(dates, st.integers(-9_999, 99_999)), max_size=3, unique_by=lambda one: one[0]))
    return Subscription(
        "any", "Vendor", "Plan", "other", cycle,
        draw(st.decimals(0, 5000, places=digits)), currency, start,
        seats=seats, every=every,
        anchor_day=None if every and not every.endswith("months") else draw(st.none() | st.integers(1, 31)),
        seat_changes=tuple(SeatChange(*one) for one in sorted(changes)) if seats is not None else (),
        discount_percent=draw(st.sampled_from([Decimal(0), Decimal("12.5"), Decimal(100)])),
        end=draw(st.none() | st.dates(start + timedelta(days=1), start + timedelta(days=700))),
        cancelled_on=draw(st.none() | dates), cancels=draw(st.sampled_from([AT_ONCE, "term end"])), credits=draw(st.booleans()),
        invoices=tuple(Invoiced(day, Decimal(amount).scaleb(-digits)) for day, amount in sorted(invoiced)),
        tax_percent=draw(st.sampled_from([Decimal(0), Decimal("7.7")])),
        mode=draw(st.sampled_from([DAILY, PURCHASE])),
    ), digits  # fmt: skip


@given(subscriptions())
@settings(max_examples=150, deadline=None)
def test_whatever_is_billed_is_used_to_the_last_minor_unit_once_its_terms_are_over(
    made: tuple[Subscription, int],
) -> None:
    one, digits = made
    begins = [charge for charge in charges(one, digits, one.start + timedelta(days=500))]
    assume(begins)  # without seats in this time nothing is billed, and what comes later may not be over
    over = max(charge.end for charge in begins)
    for charge in begins:
        used = [use.cost for use in charge.days_used(over)]
        if charge.left is None and charge.used_until == charge.end:
            assert sum(used) == charge.amount
        assert all(cost == cost.quantize(Decimal(1).scaleb(-digits)) for cost in used)
    ended = replace(one, end=min(one.end or over, over))
    found = list(lines(ended, digits, over + timedelta(days=800)))
    assert sum(line.billed_cost for line in found) == sum(line.effective_cost for line in found)
    assert len({line.key for line in found}) == len(found)


@given(subscriptions(), st.integers(0, 500))
@settings(max_examples=60, deadline=None)
def test_time_that_passes_adds_lines_and_changes_none(made: tuple[Subscription, int], passed: int) -> None:
    one, digits = made
    until = one.start + timedelta(days=passed)
    before = {line.key: line for line in lines(one, digits, until)}
    after = {line.key: line for line in lines(one, digits, until + timedelta(days=30))}
    assert before.items() <= after.items()


@given(st.decimals(-10_000, 10_000, places=3), st.integers(1, 400), st.sampled_from([0, 2, 3]))
@settings(max_examples=100, deadline=None)
def test_shares_of_days_never_differ_by_more_than_a_minor_unit(total: Decimal, whole: int, digits: int) -> None:
    total = total.quantize(Decimal(1).scaleb(-digits))
    given_so_far = [share(total, number, whole, digits) for number in range(whole + 1)]
    each = [later - earlier for earlier, later in pairwise(given_so_far)]
    assert sum(each) == total
    assert max(each) - min(each) <= Decimal(1).scaleb(-digits)


def test_the_catalogue_names_known_categories_and_cycles_and_finds_vendors_by_any_name() -> None:
    assert len(vendors()) >= 40
    assert {one.category for one in vendors()} <= set(categories())
    assert {cycle for one in vendors() for cycle in one.cycles} <= set(CYCLES)
    assert vendor_named("chatgpt team") == vendor_named("OpenAI") != None  # noqa: E711
    assert vendor_named("nobody") is None
