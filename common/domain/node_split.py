"""Split of a node's charge among what ran on it, by FOCUS 1.3's allocated columns: exact to the last digit, whatever the weights.

A share is the charge times a weight over the sum of all weights, idle capacity included, rounded to its column's digits.  What is left
is the unallocated remainder, so that all rows together are the charge again.  Source: FOCUS 1.3, AllocatedMethodId and its companions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from common.domain.money import COST_SCALE, add, subtract

METHOD_ID = "opencost-proportional-v1"
"""Weights are what OpenCost computes for CPU, memory and GPU of an allocation on the node."""
QUANTITY_SCALE = 12
RATIO_SCALE = 18


class NoSplit(ValueError):
    """Weights by which a charge cannot be split; it stays whole."""


@dataclass(frozen=True)
class Amounts:
    """What is split of a charge: costs in its currency, and quantities, None where it has none."""

    billed_cost: Decimal
    effective_cost: Decimal
    list_cost: Decimal
    contracted_cost: Decimal
    consumed_quantity: Decimal | None = None
    pricing_quantity: Decimal | None = None

    def share(self, ratio: Fraction) -> Amounts:
        """A part of each, at its column's digits, half to even."""
        return Amounts(
            *(_rounded(Fraction(cost) * ratio, COST_SCALE) for cost in self.costs),
            *(None if one is None else _rounded(Fraction(one) * ratio, QUANTITY_SCALE) for one in self.quantities),
        )

    def less(self, others: Sequence[Amounts]) -> Amounts:
        """What others leave of each."""
        costs = zip(self.costs, zip(*(one.costs for one in others), strict=True), strict=True)
        quantities = zip(self.quantities, zip(*(one.quantities for one in others), strict=True), strict=True)
        return Amounts(
            *(subtract(whole, add(parts)) for whole, parts in costs),
            *(
                None if whole is None else subtract(whole, add(part or Decimal(0) for part in parts))
                for whole, parts in quantities
            ),
        )

    @property
    def costs(self) -> tuple[Decimal, Decimal, Decimal, Decimal]:
        """All four."""
        return self.billed_cost, self.effective_cost, self.list_cost, self.contracted_cost

    @property
    def quantities(self) -> tuple[Decimal | None, Decimal | None]:
        """Both."""
        return self.consumed_quantity, self.pricing_quantity


@dataclass(frozen=True)
class Workload:
    """What ran on a node.  resource_id: cluster/namespace/kind/name.  weight: 0 or more; usage: what it is computed from, with its unit."""

    resource_id: str
    resource_name: str
    weight: Decimal
    usage: Decimal | None = None
    usage_unit: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class AllocatedRow:
    """One row instead of the charge.  workload None: the remainder.  ratio: of all rows together 1."""

    amounts: Amounts
    ratio: Decimal
    workload: Workload | None = None

    @property
    def method_details(self) -> dict[str, list[dict[str, Decimal | str]]]:
        """AllocatedMethodDetails."""
        element: dict[str, Decimal | str] = {"AllocatedRatio": self.ratio}
        if self.workload and self.workload.usage is not None and self.workload.usage_unit:
            element |= {"UsageUnit": self.workload.usage_unit, "UsageQuantity": self.workload.usage}
        return {"Elements": [element]}

    def allocated_tags(self, tags: Mapping[str, str]) -> dict[str, str] | None:
        """AllocatedTags beside the Tags of the charge, whose keys they leave out; None on the remainder."""
        if self.workload is None:
            return None
        return {key: value for key, value in self.workload.tags.items() if key not in tags}


def split_node(origin: Amounts, workloads: Sequence[Workload], idle_weight: Decimal) -> list[AllocatedRow]:
    """Rows that replace a node's charge, the remainder last.

    idle_weight: of what nobody asked for.  Where it is 0 or less, workloads have the whole node, there is no remainder, and the largest
    of them takes what rounding leaves.  A workload of weight 0 has no row.  Raises NoSplit for a weight below 0, for two workloads of one
    id, and where there is nothing to split by.
    """
    if any(one.weight < 0 for one in workloads):
        raise NoSplit("a workload has a weight below 0")
    if len({one.resource_id for one in workloads}) < len(workloads):
        raise NoSplit("two workloads have the same id")
    weighed = [one for one in workloads if one.weight > 0]
    if not weighed:
        raise NoSplit("no workload has a weight")
    total = sum((Fraction(one.weight) for one in weighed), Fraction(max(idle_weight, Decimal(0))))
    rows = []
    for one in weighed:
        part = Fraction(one.weight) / total
        rows.append(AllocatedRow(origin.share(part), _rounded(part, RATIO_SCALE), one))
    left = origin.less([row.amounts for row in rows])
    ratio_left = subtract(Decimal(1), add(row.ratio for row in rows))
    if idle_weight > 0:
        return [*rows, AllocatedRow(left, ratio_left)]
    largest = max(range(len(rows)), key=lambda number: (weighed[number].weight, weighed[number].resource_id))
    others = [row for number, row in enumerate(rows) if number != largest]
    whole = origin.less([row.amounts for row in others]) if others else origin
    ratio = subtract(Decimal(1), add(row.ratio for row in others))
    rows[largest] = AllocatedRow(whole, ratio, weighed[largest])
    return rows


def _rounded(value: Fraction, digits: int) -> Decimal:
    """Half to even.  The digits are those of an integer, so nothing else is rounded."""
    whole = round(value * 10**digits)
    return Decimal((int(whole < 0), tuple(map(int, str(abs(whole)))), -digits))
