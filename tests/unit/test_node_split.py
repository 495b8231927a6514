"""A node's charge among what ran on it: whatever the weights, the rows are the charge again, to the last digit."""

from __future__ import annotations

from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.domain.money import add
from common.domain.node_split import METHOD_ID, AllocatedRow, Amounts, NoSplit, Workload, split_node

costs = st.decimals(-(10**9), 10**9, places=18)
quantities = st.none() | st.decimals(-(10**9), 10**9, places=12)
origins = st.builds(Amounts, costs, costs, costs, costs, quantities, quantities, quantities, st.none() | costs)
weights = st.lists(st.decimals(0, 10**6, places=5), min_size=1, max_size=12).filter(any)
idles = st.decimals(-(10**4), 10**6, places=5)


def workloads(given_weights: list[Decimal]) -> list[Workload]:
    return [Workload(f"c1/ns/deployment/{number}", one) for number, one in enumerate(given_weights)]


def of_ten(**amounts: Decimal) -> Amounts:
    return Amounts(Decimal(10), Decimal(8), Decimal(12), Decimal(10), **amounts)


def sums(rows: list[AllocatedRow]) -> Amounts:
    columns = zip(*(row.amounts.all for row in rows), strict=True)
    return Amounts.of(None if None in column else add(filter(None, column)) for column in columns)


@given(origins, weights, idles)
def test_all_rows_are_the_charge_again_and_their_ratios_are_one(
    origin: Amounts, given_weights: list[Decimal], idle: Decimal
) -> None:
    rows = split_node(origin, workloads(given_weights), idle)
    assert sums(rows) == origin
    assert add(row.ratio for row in rows) == 1
    assert [row.workload is None for row in rows] == [False] * sum(map(bool, given_weights)) + [True] * (idle > 0)


@given(origins, weights, idles, st.randoms())
def test_a_share_does_not_depend_on_the_order(
    origin: Amounts, given_weights: list[Decimal], idle: Decimal, chance: Random
) -> None:
    ran = workloads(given_weights)

    def shares() -> dict[str | None, Amounts]:
        rows = split_node(origin, ran, idle)
        return {row.workload.resource_id if row.workload else None: row.amounts for row in rows}

    first = shares()
    chance.shuffle(ran)
    assert shares() == first


def test_shares_follow_the_weights_and_idle_capacity_is_the_remainder() -> None:
    ran = [
        Workload("c1/shop/deployment/web", Decimal("0.5")),
        Workload("c1/shop/job/quiet", Decimal(0)),
        Workload("c1/batch/job/report", Decimal("0.25")),
    ]
    web, report, rest = split_node(of_ten(consumed_quantity=Decimal(24)), ran, Decimal("0.25"))
    assert (web.amounts.billed_cost, report.amounts.billed_cost, rest.amounts.billed_cost) == (
        Decimal(5),
        Decimal("2.5"),
        Decimal("2.5"),
    )
    assert (web.amounts.consumed_quantity, web.amounts.pricing_quantity) == (Decimal(12), None)
    assert [row.ratio for row in (web, report, rest)] == [Decimal("0.5"), Decimal("0.25"), Decimal("0.25")]
    assert METHOD_ID == "opencost-proportional-v1"


@pytest.mark.parametrize(
    ("cost", "share"),
    [("0.000000000000000000000001", "0"), ("0.000000000000000000000003", "0.000000000000000000000002")],
)
def test_half_of_the_last_digit_is_rounded_to_the_even_one(cost: str, share: str) -> None:
    one, _ = split_node(Amounts(*[Decimal(cost)] * 4), workloads([Decimal(1)]), Decimal(1))
    assert one.amounts.billed_cost == Decimal(share)


@pytest.mark.parametrize("idle", ["0", "-3"])
def test_workloads_have_the_whole_of_a_node_that_is_full_or_overcommitted(idle: str) -> None:
    rows = split_node(of_ten(), workloads([Decimal(1), Decimal(1), Decimal(1)]), Decimal(idle))
    assert [row.amounts.billed_cost for row in rows] == [
        Decimal("3." + "3" * 24),
        Decimal("3." + "3" * 24),
        Decimal("3." + "3" * 23 + "4"),
    ]
    assert all(row.workload for row in rows)


@pytest.mark.parametrize(
    ("given_weights", "message"), [(["1", "-1"], "below 0"), (["0"], "no workload"), ([], "no workload")]
)
def test_a_charge_that_cannot_be_split_stays_whole(given_weights: list[str], message: str) -> None:
    with pytest.raises(NoSplit, match=message):
        split_node(of_ten(), workloads([*map(Decimal, given_weights)]), Decimal(1))


def test_two_workloads_of_one_id_are_refused() -> None:
    with pytest.raises(NoSplit, match="same id"):
        split_node(of_ten(), workloads([Decimal(1)]) * 2, Decimal(0))
