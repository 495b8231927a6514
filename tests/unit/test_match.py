"""The three-way match: every part of a difference has a name from the data, and the rest is unexplained, to the last digit."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.domain import match as m
from common.domain.comparing import compare
from common.domain.match import KINDS, Billed, Cell, Counted, Line, Metered, Prices

DAY = date(2026, 9, 20)
CELL = Cell("openai", DAY, "gpt-4o-mini-2024-07-18", "key_web01")
PAID = {"input": Decimal("0.00000015"), "cache_read": Decimal("0.000000075"), "output": Decimal("0.0000006")}
TOKENS = {
    "input": Decimal(2_000_000),
    "cache_read": Decimal(800_000),
    "cache_write": Decimal(0),
    "output": Decimal(500_000),
}
COSTS = {"input": Decimal("0.3"), "cache_read": Decimal("0.06"), "output": Decimal("0.3")}
AT_LIST, USED, CHARGED = Prices(PAID), Counted(TOKENS, Decimal(10)), Billed(COSTS, TOKENS)
KEYS = frozenset({"key_web01"})


def line(
    cost: str | None = "0.66",
    cell: Cell = CELL,
    tokens: dict[str, Decimal] = TOKENS,
    metered: bool = True,
    counted: Counted | None = USED,
    billed: Billed | None = CHARGED,
    prices: Prices = AT_LIST,
    moved: Decimal = m.ZERO,
) -> Line:
    seen = Metered(tokens, 10, Decimal(cost or 0), {} if cost else tokens) if metered else None
    return compare(cell, seen, counted, billed, prices, KEYS, moved)


def with_(**tokens: int) -> dict[str, Decimal]:
    return {**TOKENS, **{name: Decimal(count) for name, count in tokens.items()}}


def test_a_meter_that_agrees_has_no_difference() -> None:
    found = line()
    assert (found.difference, found.reasons, found.unexplained) == (0, {}, 0)
    assert found.tokens_agree and found.requests_agree


@pytest.mark.parametrize(
    ("found", "reason", "amount"),
    [
        (line("0.72"), m.CACHED_IN_FULL, "0.06"),
        (line("0.72", tokens=with_(input=2_800_000, cache_read=0)), m.CACHED_IN_FULL, "0.06"),
        (line("0.78"), m.CACHED_TWICE, "0.12"),
        (line("0.33", tokens={name: count / 2 for name, count in TOKENS.items()}), m.MISSING_LINES, "-0.33"),
        (line(metered=False), m.MISSING_LINES, "-0.66"),
        (line(metered=False, cell=replace(CELL, api_key_id="key_new")), m.UNKNOWN_KEY, "-0.66"),
        (line(metered=False, cell=replace(CELL, api_key_id=None)), m.NO_KEY, "-0.66"),
        (line("0.72", tokens=with_(output=600_000)), m.NOT_COUNTED, "0.06"),
        (line("0.72", tokens=with_(output=600_000), moved=Decimal(-100_000)), m.DAY_BOUNDARY, "0.06"),
        (line("1.32", billed=Billed(COSTS, TOKENS, batch=True), counted=Counted(TOKENS, batch=True),
              prices=Prices(PAID, {name: price * 2 for name, price in PAID.items()})), m.BATCH, "0.66"),
        (line("1.32", counted=Counted(TOKENS, tiers=frozenset({"flex"})),
              prices=Prices(PAID, {name: price * 2 for name, price in PAID.items()})), m.TIER, "0.66"),
        (line("1.32", prices=Prices(PAID, {name: price * 2 for name, price in PAID.items()}, contract=True)), m.CONTRACT, "0.66"),
        (line("1.32", prices=Prices(PAID, PAID, earlier=({name: price * 2 for name, price in PAID.items()},))), m.OLD_PRICES, "0.66"),
        (line(billed=None, counted=Counted(TOKENS, tiers=frozenset({"priority"}))), m.FREE_TIER, "0.66"),
        (line(metered=False, counted=None, cell=replace(CELL, model=None), billed=Billed({}, {}, Decimal("0.12"))),
         m.NOT_METERED, "-0.12"),
        (line("0.6600000000000001"), m.ROUNDING, "0.0000000000000001"),
    ],
)  # fmt: skip
def test_a_difference_has_the_name_that_the_data_gives_it(found: Line, reason: str, amount: str) -> None:
    assert found.reasons == {reason: Decimal(amount)}
    assert found.unexplained == 0


def test_what_no_cause_gives_is_unexplained() -> None:
    found = line("0.70")
    assert (found.reasons, found.unexplained) == ({}, Decimal("0.04"))


def test_list_prices_explain_nothing_without_a_batch_a_tier_or_a_contract() -> None:
    twice = Prices(PAID, {name: price * 2 for name, price in PAID.items()})
    assert line("1.32", counted=Counted(TOKENS, batch=False), prices=twice).unexplained == Decimal("0.66")


def test_calls_without_a_cost_count_at_the_prices_paid_and_without_a_price_have_none() -> None:
    assert line(None).reported == Decimal("0.66")
    assert line(None, prices=Prices({})).reported is None


@given(
    st.lists(st.integers(0, 10**9), min_size=8, max_size=8),
    st.decimals(0, 10**6, allow_nan=False, allow_infinity=False, places=18),
    st.booleans(),
)
def test_the_parts_add_up_to_the_difference_exactly(counts: list[int], cost: Decimal, has_usage: bool) -> None:
    ours = {kind: Decimal(count) for kind, count in zip(KINDS, counts[:4], strict=True)}
    theirs = {kind: Decimal(count) for kind, count in zip(KINDS, counts[4:], strict=True)}
    prices = Prices({**PAID, "cache_write": Decimal("0.0000003")})
    billed = Billed({kind: count * prices.paid[kind] for kind, count in theirs.items()}, theirs)
    used = Counted(theirs, Decimal(3)) if has_usage else None
    found = compare(CELL, Metered(ours, 3, cost), used, billed, prices, KEYS)
    assert found.difference is not None
    assert m.add((*found.reasons.values(), found.unexplained)) == found.difference


@pytest.mark.parametrize(
    ("reported", "billed", "colour"),
    [
        ("100.5", "100", "green"),
        ("0.01", "0", "green"),
        ("103", "100", "yellow"),
        ("96.9", "100", "red"),
        ("1", "0", "red"),
    ],
)
def test_a_day_has_the_colour_of_its_difference(reported: str, billed: str, colour: str) -> None:
    assert m.band(Decimal(reported), Decimal(billed)) == colour


def test_a_day_is_settled_48_hours_after_its_end() -> None:
    assert m.is_settled(DAY, datetime(2026, 9, 23, tzinfo=UTC))
    assert not m.is_settled(DAY, datetime(2026, 9, 22, 23, 59, tzinfo=UTC))
