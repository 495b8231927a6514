"""Whether a delivery's costs are taken net of discounts or gross: once for all columns, so that none counts twice."""

from __future__ import annotations

from collections.abc import Collection

NET_COST = "line_item_net_unblended_cost"
COST = "line_item_unblended_cost"


def use_net_costs(matched_columns: Collection[str], line_item_types: Collection[str]) -> bool:
    """True where the net columns are to be used: the delivery has them, and its discounts are no rows of their own.

    matched_columns: canonical column names that every part of the delivery has.  line_item_types: those of all parts.
    Source: AWS CUR user guide, net columns; AWS Data Exports guide, manual discount compatibility.
    """
    return NET_COST in matched_columns and not any(is_discount(kind) for kind in line_item_types)


def is_discount(line_item_type: str) -> bool:
    """Whether a line item type is a discount's own row (`EdpDiscount`, ...); `DiscountedUsage` is usage."""
    return line_item_type.endswith("Discount")
