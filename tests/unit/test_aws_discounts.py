"""Net or gross costs of AWS: net only where the column is filled and the discounts are no rows of their own."""

from __future__ import annotations

import pytest

from common.providers.aws.discounts import Kind, use_net_costs


@pytest.mark.parametrize(
    ("kinds", "net"),
    [
        ([Kind("Usage", 5, 0), Kind("Tax", 1, 0)], True),
        ([Kind("Usage", 5, 0), Kind("DiscountedUsage", 2, 0)], True),
        ([Kind("Usage", 5, 0), Kind("EdpDiscount", 1, 0)], False),
        ([Kind("Usage", 5, 0), Kind("BundledDiscount", 1, 0)], False),
        ([Kind("Usage", 0, 5)], False),
        ([Kind("Usage", 5, 0), Kind("Tax", 0, 1)], False),
        ([], False),
    ],
)
def test_net_costs_are_used_where_all_lines_have_one_and_no_row_is_a_discount(kinds: list[Kind], net: bool) -> None:
    assert use_net_costs(kinds) is net
