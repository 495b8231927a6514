"""The query behind `costwire costs`: charges by dimensions, each currency separately."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from common.warehouse.allocation import Allocation
from common.warehouse.catalogued import catalogued
from common.warehouse.dimensions import Dimension, Filter

Ask = Callable[[str, Mapping[str, Any]], list[dict[str, Any]]]
"""Answers a question in BigQuery SQL with its parameters."""


class Metric(StrEnum):
    """What charges are added up by: a cost column."""

    BILLED_COST = "BilledCost"
    EFFECTIVE_COST = "EffectiveCost"
    LIST_COST = "ListCost"
    CONTRACTED_COST = "ContractedCost"
    ESTIMATED_COST = "x_EstimatedCost"

    @property
    def conditions(self) -> tuple[str, ...]:
        """Of an estimate: charges that have none are not asked for, as their costs are no part of it."""
        return (f"{self} is not null",) if self is Metric.ESTIMATED_COST else ()


class Span(StrEnum):
    """Which of the asked days a sum is of: those before (to compare with), the asked ones, and of these the ones still filling."""

    PREVIOUS = "previous"
    ASKED = "asked"
    FILLING = "filling"


@dataclass(frozen=True)
class Days:
    """UTC days of the charges' starts, both included; None: no end."""

    first: date | None = None
    last: date | None = None

    @property
    def start(self) -> datetime:
        """The first moment."""
        return _midnight(self.first or date.min)

    @property
    def end(self) -> datetime:
        """The first moment after."""
        return _midnight(self.last + timedelta(days=1) if self.last else date.max)

    @property
    def count(self) -> int | None:
        """How many; None without both ends."""
        return (self.last - self.first).days + 1 if self.first and self.last else None


ALL_DAYS = Days()


@dataclass(frozen=True)
class CostsQuery:
    """previous: days before `days`, to compare with.  filling_from: the first of `days` that may lack lines.

    by_month: separate sums per billing month, as a conversion of currencies needs.  allocation: separate sums per rule of the hierarchy.
    """

    group: tuple[Dimension, ...]
    metric: Metric = Metric.BILLED_COST
    days: Days = ALL_DAYS
    filters: tuple[Filter, ...] = ()
    previous: Days | None = None
    filling_from: date | None = None
    by_month: bool = False
    allocation: Allocation | None = None

    @property
    def sql(self) -> str:
        """The question in BigQuery SQL."""
        filters = [*self.metric.conditions, *(one.sql(number) for number, one in enumerate(self.filters))]
        between = "(ChargePeriodStart >= @{0} and ChargePeriodStart < @{1})"
        days = between.format("from_time", "until_time")
        if self.previous:
            days = f"({days} or {between.format('previous_from', 'previous_until')})"
        numbered = list(enumerate(self.group))
        names = [f"max({one.label}) as name_{number}" for number, one in numbered if one.label]
        allocated = self.allocation
        return _filled(
            grouped=[f"{one.column} as grouped_{number}" for number, one in numbered]
            + names
            + (allocated.grouped if allocated else []),
            keys=[f"{_key(one, number)} as key_{number}" for number, one in numbered]
            + [f"max(name_{number}) as name_{number}" for number, one in numbered if one.label]
            + (["outcome"] if allocated else []),
            source=[allocated.source if allocated else "charges"],
            outcomes=[allocated.condition if allocated else "true"],
            month=["date_trunc(date(BillingPeriodStart), month)" if self.by_month else "cast(null as date)"],
            metric=[self.metric],
            days=[days],
            filters=[" and ".join(filters) or "true"],
        )

    @property
    def parameters(self) -> dict[str, Any]:
        """What the question names."""
        complete_until = min(self.days.end, _midnight(self.filling_from)) if self.filling_from else self.days.end
        named: dict[str, Any] = {
            "from_time": self.days.start,
            "until_time": self.days.end,
            "complete_until": complete_until,
        }
        if self.previous:
            named |= {"previous_from": self.previous.start, "previous_until": self.previous.end}
        for number, one in enumerate(self.filters):
            named |= one.parameters(number)
        if self.allocation:
            named |= self.allocation.parameters
        return named | {
            f"path_{number}": one.tag_path for number, one in enumerate(self.group) if one.tag_key is not None
        }


@dataclass(frozen=True)
class CostSum:
    """One sum of the answer.  cost: of the charges that have an amount, None where none has; known: how many have one.

    billing_month: its first day, where it was asked for.  outcome: of an allocation, which of its rules.
    """

    span: Span
    keys: tuple[str | None, ...]
    names: tuple[str | None, ...]
    currency: str
    billing_month: date | None
    cost: Decimal | None
    known: int
    charges: int
    outcome: int | None = None


def read_costs(ask: Ask, query: CostsQuery) -> list[CostSum]:
    """Sum a metric of the charges that start in the days.  Nothing is said of the order."""
    return [_sum(row, query.group) for row in ask(query.sql, query.parameters)]


@dataclass(frozen=True)
class ShownSlice:
    """What is shown of one integration's billing period.  first_start, last_start: between which starts its charges lie."""

    integration_id: str
    billing_period: str
    delivery_id: str
    delivered_at: datetime
    first_start: datetime
    last_start: datetime

    def overlaps(self, days: Days) -> bool:
        """Whether it has charges between the days' ends, as far as these can tell."""
        return self.first_start.date() <= (days.last or date.max) and self.last_start.date() >= (days.first or date.min)


def read_slices(ask: Ask) -> list[ShownSlice]:
    """The slices that show charges, by integration and billing period."""
    return [ShownSlice(**row) for row in ask(catalogued("sources"), {})]


@dataclass(frozen=True)
class Replaced:
    """What one replacement changed of the BilledCost of one day in one currency."""

    integration_id: str
    delivery_replaced: str
    delivery_now: str
    replaced_at: datetime
    charge_date: date
    currency: str
    delta: Decimal


def read_replaced(ask: Ask, days: Days) -> list[Replaced]:
    """What replacements changed of some days, the earliest replacement first."""
    named = {"first_day": days.first or date.min, "last_day": days.last or date.max}
    return [Replaced(**row) for row in ask(catalogued("restated"), named)]


def read_charged_deliveries(ask: Ask, delivery_ids: Sequence[str], days: Days) -> frozenset[str]:
    """Which of some deliveries have charges in the days."""
    if not delivery_ids:
        return frozenset()
    named = {"from_time": days.start, "until_time": days.end, "delivery_ids": list(delivery_ids)}
    return frozenset(row["delivery_id"] for row in ask(catalogued("deliveries"), named))


def _sum(row: Mapping[str, Any], group: Sequence[Dimension]) -> CostSum:
    return CostSum(
        Span(row["span"]),
        tuple(one.key(row[f"key_{number}"]) for number, one in enumerate(group)),
        tuple(row[f"name_{number}"] if one.label else None for number, one in enumerate(group)),
        row["currency"],
        row["billing_month"],
        row["cost"] if row["known"] else None,
        row["known"],
        row["charges"],
        row.get("outcome"),
    )


def _filled(**parts: Sequence[str]) -> str:
    sql = catalogued("costs")
    for name, texts in parts.items():
        sql = sql.replace(f"the_{name}", ",\n        ".join(texts))
    return sql


def _key(one: Dimension, number: int) -> str:
    return f"json_value(grouped_{number}, @path_{number})" if one.tag_key is not None else f"grouped_{number}"


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
