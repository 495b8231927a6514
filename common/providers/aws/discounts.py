"""Whether a delivery's costs are taken net of discounts or gross: once for all columns, so that none counts twice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

NET_COST = "line_item_net_unblended_cost"
COST = "line_item_unblended_cost"
KIND = "line_item_line_item_type"


@dataclass(frozen=True)
class Kind:
    """Lines of one line item type.  net: how many have a net cost; without_net: how many have a gross cost alone."""

    line_item_type: str
    net: int
    without_net: int


def kinds_sql(relation: str) -> str:
    """One SELECT over a relation of canonical columns that gives the fields of Kind, one row a line item type."""
    return f"""
        select
            coalesce({KIND}, ''),
            count(*) filter (trim({NET_COST}) <> ''),
            count(*) filter (coalesce(trim({NET_COST}), '') = '' and trim({COST}) <> '')
        from {relation}
        group by all
    """


def use_net_costs(kinds: Iterable[Kind]) -> bool:
    """True where the net column is to be used: it is filled on every line with a cost, and discounts are no lines of their own.

    kinds: of all parts of a delivery that has the column.  CUR 2.0 has the column always, and leaves it empty for payers without
    discounts.  Source: AWS CUR user guide, net columns; AWS Data Exports guide, manual discount compatibility.
    """
    found = list(kinds)
    filled = any(kind.net for kind in found) and not any(kind.without_net for kind in found)
    return filled and not any(is_discount(kind.line_item_type) for kind in found)


def is_discount(line_item_type: str) -> bool:
    """Whether a line item type is a discount's own row (`EdpDiscount`, ...); `DiscountedUsage` is usage."""
    return line_item_type.endswith("Discount")
