"""Net or gross costs of AWS: net only where the discounts are no rows of their own."""

from __future__ import annotations

import pytest

from functions.ingest_aws.discounts import use_net_costs

NET = {"line_item_unblended_cost", "line_item_net_unblended_cost"}
GROSS = {"line_item_unblended_cost"}


@pytest.mark.parametrize(
    ("columns", "kinds", "net"),
    [
        (NET, ["Usage", "Tax"], True),
        (NET, ["Usage", "DiscountedUsage"], True),
        (NET, ["Usage", "EdpDiscount"], False),
        (NET, ["Usage", "BundledDiscount"], False),
        (GROSS, ["Usage"], False),
        (GROSS, ["Usage", "EdpDiscount"], False),
    ],
)
def test_net_costs_are_used_where_no_row_is_a_discount(columns: set[str], kinds: list[str], net: bool) -> None:
    assert use_net_costs(columns, kinds) is net
