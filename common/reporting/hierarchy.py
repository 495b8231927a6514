"""What another hierarchy would do to a month: each node before and after, and what stays unallocated."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from common.domain.hierarchy import Hierarchy, Node
from common.domain.money import add, plain, subtract
from common.domain.period import BillingPeriod
from common.ports import Runtime
from common.records import hierarchies
from common.records.hierarchies import Version
from common.reporting.allocated import allocated_by, allocated_of
from common.reporting.sources import asked_rows, charged_days
from common.warehouse.cost_report import CostsQuery, CostSum, Days, Metric, read_costs
from common.warehouse.dimensions import NODE, dimension


@dataclass(frozen=True)
class NodeShift:
    """What is allocated to a node itself, without those below it.  node_id: None for what is unallocated."""

    node_id: str | None
    name: str | None
    before: Decimal
    after: Decimal

    @property
    def change(self) -> Decimal:
        """The difference."""
        return subtract(self.after, self.before)

    def as_json(self) -> dict[str, Any]:
        """For programs; amounts are exact decimals as text."""
        amounts = {"before": plain(self.before), "after": plain(self.after), "change": plain(self.change)}
        return {"node": self.node_id, "name": self.name, **amounts}


@dataclass(frozen=True)
class CurrencyShift:
    """One currency; total is the same before and after.  nodes: those with charges, the largest change first; unallocated among them."""

    currency: str
    total: Decimal
    nodes: tuple[NodeShift, ...]

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {"currency": self.currency, "total": plain(self.total), "nodes": [one.as_json() for one in self.nodes]}


@dataclass(frozen=True)
class HierarchyPreview:
    """A month as its versions allocate it, and as another hierarchy would allocate all of it.  based_on: the newest version."""

    month: BillingPeriod
    metric: Metric
    based_on: int
    currencies: tuple[CurrencyShift, ...]

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "month": str(self.month),
            "metric": self.metric.value,
            "based_on": self.based_on,
            "currencies": [one.as_json() for one in self.currencies],
        }


def preview_hierarchy(
    rt: Runtime,
    org_slug: str,
    wanted: Hierarchy,
    month: BillingPeriod | None = None,
    metric: Metric = Metric.BILLED_COST,
) -> HierarchyPreview:
    """What a hierarchy would do to a month, by default the newest one that has ended and has charges.  Nothing is stored."""
    group = (dimension(NODE),)
    latest = hierarchies.newest(rt.documents, org_slug)
    with asked_rows(rt, org_slug, None) as rows:
        month = month or _full_month(rt.clock.now().date(), charged_days(rows.sources))
        days = Days(month.start.date(), month.end.date() - timedelta(days=1))
        now = allocated_of(rt.documents, org_slug, group, (), days)
        then = allocated_by(
            group, (), [Version(latest.number + 1, month.start.date(), "", "", "", wanted)], dict(wanted.nodes)
        )
        query = CostsQuery(group, metric, days)
        assert now is not None  # noqa: S101  it asks for nodes
        before, after = (one.parts(read_costs(rows.ask, one.query(query))) for one in (now, then))
    names = {**now.names, **wanted.nodes}
    currencies = sorted({one.currency for one in before})
    shifts = tuple(_shift(name, _of(name, before), _of(name, after), names) for name in currencies)
    return HierarchyPreview(month, metric, latest.number, shifts)


def _full_month(today: date, charged: tuple[date, date] | None) -> BillingPeriod:
    ended = BillingPeriod.of(today).previous()
    return min(ended, BillingPeriod.of(charged[1])) if charged else ended


def _of(currency: str, sums: Sequence[CostSum]) -> list[CostSum]:
    return [one for one in sums if one.currency == currency and one.cost is not None]


def _shift(currency: str, before: Sequence[CostSum], after: Sequence[CostSum], names: dict[str, Node]) -> CurrencyShift:
    keys = {one.keys[0] for one in (*before, *after)}
    found = [NodeShift(key, names[key].name if key else None, _sum(key, before), _sum(key, after)) for key in keys]
    found.sort(key=lambda one: (-one.change.copy_abs(), one.node_id or ""))
    return CurrencyShift(currency, add(one.cost for one in before if one.cost is not None), tuple(found))


def _sum(key: str | None, sums: Iterable[CostSum]) -> Decimal:
    return add(one.cost for one in sums if one.keys[0] == key and one.cost is not None)
