"""Split of a node's charge among what ran on it, by FOCUS 1.3's allocated columns: exact to the last digit, whatever the weights.

A share is the charge times a weight over the sum of all weights, idle capacity included, rounded to its column's digits.  What is left
is the unallocated remainder, so that all rows together are the charge again.  Source: FOCUS 1.3, AllocatedMethodId and its companions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import cast

from common.domain.money import COST_SCALE, EXACT, add, subtract

METHOD_ID = "opencost-proportional-v1"
"""Weights are what OpenCost computes for CPU, memory and GPU of an allocation on the node."""
QUANTITY_SCALE = 12
RATIO_SCALE = 18


class NoSplit(ValueError):
    """Weights by which a charge cannot be split; it stays whole."""


@dataclass(frozen=True)
class Amounts:
    """What is split of a charge: costs in its currency, the effective cost in the currency of its prices, and quantities; None where it
    has none."""

    billed_cost: Decimal
    effective_cost: Decimal
    list_cost: Decimal
    contracted_cost: Decimal
    consumed_quantity: Decimal | None = None
    pricing_quantity: Decimal | None = None
    commitment_discount_quantity: Decimal | None = None
    pricing_currency_effective_cost: Decimal | None = None

    @classmethod
    def of(cls, values: Iterable[Decimal | None]) -> Amounts:
        """From values in the order of `all`."""
        return cls(*cast("tuple[Decimal, Decimal, Decimal, Decimal]", tuple(values)))

    def share(self, weight: int, total: int) -> Amounts:
        """A part of each, at its column's digits, half to even.  total: of all weights, above 0."""
        return Amounts.of(_share(value, weight, total, scale) for value, scale in zip(self.all, _SCALES, strict=True))

    def less(self, others: Sequence[Amounts]) -> Amounts:
        """What others leave of each."""
        columns = zip(self.all, zip(*(one.all for one in others), strict=True), strict=True)
        return Amounts.of(
            None if whole is None else subtract(whole, add(part or Decimal(0) for part in parts))
            for whole, parts in columns
        )

    @property
    def all(self) -> tuple[Decimal | None, ...]:
        """Each, in the order of the fields."""
        return (
            self.billed_cost, self.effective_cost, self.list_cost, self.contracted_cost, self.consumed_quantity,
            self.pricing_quantity, self.commitment_discount_quantity, self.pricing_currency_effective_cost,
        )  # fmt: skip


_SCALES = tuple(COST_SCALE if one.name.endswith("cost") else QUANTITY_SCALE for one in fields(Amounts))


@dataclass(frozen=True)
class Workload:
    """What ran on a node.  resource_id: cluster/namespace/kind/name.  weight: 0 or more."""

    resource_id: str
    weight: Decimal


@dataclass(frozen=True)
class AllocatedRow:
    """One row instead of the charge.  workload None: the remainder.  ratio: of all rows together 1."""

    amounts: Amounts
    ratio: Decimal
    workload: Workload | None = None


@dataclass(frozen=True)
class NodeShares:
    """How a node is divided among what ran on it: whole numbers, and what they are parts of.

    weighed: workloads with a weight.  largest: which of them takes what rounding leaves, where nothing is idle; None where something is.
    """

    weighed: tuple[tuple[Workload, int], ...]
    total: int
    largest: int | None

    @classmethod
    def of(cls, workloads: Sequence[Workload], idle_weight: Decimal) -> NodeShares:
        """Raises NoSplit for a weight below 0, for two workloads of one id, and where there is nothing to split by."""
        if any(one.weight < 0 for one in workloads):
            raise NoSplit("a workload has a weight below 0")
        if len({one.resource_id for one in workloads}) < len(workloads):
            raise NoSplit("two workloads have the same id")
        found = [one for one in workloads if one.weight > 0]
        if not found:
            raise NoSplit("no workload has a weight")
        idle = max(idle_weight, Decimal(0))
        digits = max(0, *(-int(one.as_tuple().exponent) for one in (idle, *(each.weight for each in found))))
        weighed = tuple((one, _whole(one.weight, digits)) for one in found)
        largest = max(range(len(found)), key=lambda number: (found[number].weight, found[number].resource_id))
        total = sum(weight for _, weight in weighed) + _whole(idle, digits)
        return cls(weighed, total, None if idle else largest)

    def split(self, origin: Amounts) -> list[AllocatedRow]:
        """Rows that replace a charge of the node, the remainder last."""
        one = Decimal(1)
        rows = [
            AllocatedRow(
                origin.share(weight, self.total), _share(one, weight, self.total, RATIO_SCALE) or one, workload
            )
            for workload, weight in self.weighed
        ]
        others = [row for number, row in enumerate(rows) if number != self.largest]
        left = origin.less([row.amounts for row in others]) if others else origin
        ratio_left = subtract(one, add(row.ratio for row in others))
        if self.largest is None:
            return [*rows, AllocatedRow(left, ratio_left)]
        rows[self.largest] = AllocatedRow(left, ratio_left, rows[self.largest].workload)
        return rows


def split_node(origin: Amounts, workloads: Sequence[Workload], idle_weight: Decimal) -> list[AllocatedRow]:
    """Rows that replace a node's charge, the remainder last.

    idle_weight: of what nobody asked for.  Where it is 0 or less, workloads have the whole node, there is no remainder, and the largest
    of them takes what rounding leaves.  A workload of weight 0 has no row.  Raises NoSplit as `NodeShares.of`.
    """
    return NodeShares.of(workloads, idle_weight).split(origin)


def _share(value: Decimal | None, weight: int, total: int, scale: int) -> Decimal | None:
    """value * weight / total at a number of fractional digits, half to even, and nothing else is rounded."""
    if value is None:
        return None
    numerator, digits = value.as_tuple(), scale
    number = int(value.scaleb(-int(numerator.exponent), EXACT)) * weight
    shift = digits + int(numerator.exponent)
    below = total
    if shift >= 0:
        number *= 10**shift
    else:
        below *= 10**-shift
    whole, rest = divmod(number, below)
    if 2 * rest > below or (2 * rest == below and whole % 2):
        whole += 1
    return Decimal(whole).scaleb(-scale, EXACT)


def _whole(weight: Decimal, digits: int) -> int:
    return int(weight.scaleb(digits, EXACT))
