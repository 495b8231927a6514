"""What one day of one organization took, in the units that Google bills: what was counted, through the model of docs/cost.md."""

from __future__ import annotations

import calendar
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cache

from common.running_costs import seconds, stored
from common.running_costs.model import add, clean_up, clock_checks, delivery, looks, messages
from common.running_costs.world import (
    GIB,
    Quantities,
    Tenant,
    World,
    load_deployments,
    load_measured,
    load_scenarios,
    load_world,
)
from common.warehouse.daily import DAILY_COLUMNS

_QUANTUM = Decimal("1e-12")
"""Quantities are rounded to so much, half to even; a thousandth of a byte of a month."""
SHOWN_PARTS = ("swap in the warehouse", "budgets after a delivery")


@dataclass(frozen=True)
class Delivered:
    """One delivery.  lines: of its source.  proved: whether it came so far that it could be shown."""

    lines: int
    chunks: int
    proved: bool = True


@dataclass(frozen=True)
class Counted:
    """What was counted of a day.

    runs: that started; landed: those that brought a delivery.  of_earlier_months: deliveries of a month before the day's.
    questions: requests of users that asked the warehouse; scanned_bytes: of them, as billed.  stored_bytes: in the bucket; None where it is
    not known.  active, long_term: rows shown, by whether their delivery landed within 90 days; months: that they lie in.
    """

    deliveries: Sequence[Delivered] = ()
    of_earlier_months: int = 0
    runs: int = 0
    landed: int = 0
    integrations: int = 0
    budgets: int = 0
    notifications: int = 0
    questions: int = 0
    scanned_bytes: int = 0
    stored_bytes: int | None = None
    active: int = 0
    long_term: int = 0
    months: int = 0

    def as_counts(self) -> dict[str, int]:
        """For the bill, by name; what is not known is left out."""
        found = {
            "deliveries": len(self.deliveries),
            "lines": sum(one.lines for one in self.deliveries),
            "chunks": sum(one.chunks for one in self.deliveries),
            "rows_shown": self.active + self.long_term,
        }
        names = ("runs", "integrations", "budgets", "notifications", "questions", "scanned_bytes")
        found |= {name: getattr(self, name) for name in names}
        return found if self.stored_bytes is None else {**found, "stored_bytes": self.stored_bytes}


def units_of(counted: Counted, day: date, organizations: int) -> Quantities:
    """Unit of the list prices -> quantity.  organizations: how many the deployment has, by which cold starts and metrics are assumed."""
    world = _world_of(counted, organizations)
    tenant = _tenant(counted)
    found: Quantities = defaultdict(Decimal)
    for one in counted.deliveries:
        for name, quantities in delivery(Decimal(one.lines), max(one.chunks, 1), tenant, world):
            if one.proved or name not in SHOWN_PARTS:
                add(found, quantities, Decimal(1))
    if counted.runs:
        empty = Decimal(max(counted.runs - counted.landed, 0))
        add(found, looks(Decimal(counted.runs) / tenant.integrations, empty, tenant.integrations, world), Decimal(1))
    if counted.budgets:
        add(found, clock_checks(tenant, world), Decimal(1))
    add(found, messages("send_notifications", world, 1, seconds.notifying(world)), Decimal(counted.notifications))
    add(found, clean_up(tenant, world), Decimal(1))
    found["bigquery_scanned_byte"] += counted.scanned_bytes
    add(found, _kept(counted, tenant, world), 1 / Decimal(calendar.monthrange(day.year, day.month)[1]))
    return {name: one.quantize(_QUANTUM, ROUND_HALF_EVEN) for name, one in sorted(found.items()) if one}


def _kept(counted: Counted, tenant: Tenant, world: World) -> Quantities:
    """What is paid by the month: storage as it is, and the schedule."""
    row = world.row_bytes + world.daily_bytes_of(DAILY_COLUMNS)
    found = {
        "bigquery_active_gib_month": counted.active * row / GIB,
        "bigquery_long_term_gib_month": counted.long_term * row / GIB,
        "bucket_gib_month": Decimal(counted.stored_bytes or 0) / GIB,
        "scheduler_job": Decimal(bool(counted.integrations)),
    }
    return found | (stored.document_store(tenant, world) if counted.integrations else {})


def _tenant(counted: Counted) -> Tenant:
    """The organization as the model sees it.  lines: of an average month that is shown."""
    integrations = max(counted.integrations, 1)
    shown = Decimal(counted.active + counted.long_term)
    return Tenant(
        title="", count=1, spend_usd=Decimal(0), lines=max(shown / max(counted.months, 1), Decimal(1)), integrations=integrations,
        refreshes_per_day=math.ceil(len(counted.deliveries) / integrations), closing_deliveries=0, budgets=counted.budgets, alerts=0,
        questions_per_day=0,
    )  # fmt: skip


def _world_of(counted: Counted, organizations: int) -> World:
    world = _world(organizations)
    checks = min(1 + Decimal(counted.of_earlier_months), world.assumed["clock_checks_per_day"])
    changed: Mapping[str, Decimal] = {
        "months_kept": Decimal(counted.months),
        "clock_checks_that_ask_per_day": checks,
    }
    return replace(world, assumed={**world.assumed, **changed})


@cache
def _world(organizations: int) -> World:
    """With the shares of the largest deployment of the scenarios that has no more organizations."""
    assumed, _, _ = load_scenarios()
    sizes = {sum(one.count for one in each.tenants): each.shares for each in load_deployments().values()}
    nearest = max((size for size in sizes if size <= organizations), default=min(sizes))
    return load_world({**assumed, **sizes[nearest]}, load_measured())
