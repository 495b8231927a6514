"""Which schedules exist, and how often they tick: a tenant's synchronisations, the platform's budget checks and clean-ups.

Intervals are in `orgs/<org>/settings/general`, the platform's own in `settings/general`; an interval in neither has a default.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from common.domain.spread import place
from common.errors import BadConfiguration
from common.messages import BudgetCheckRequested, CleanUpRequested, SubscriptionChanged, SyncRequested
from common.ports import DocumentStore, Runtime, Schedule, Transaction
from common.records.names import check_org_slug
from common.records.organizations import below

DEFAULTS = {"sync_interval_hours": 4, "threshold_check_minutes": 15}
HOURS = (1, 2, 3, 4, 6, 8, 12, 24)
"""Intervals that divide a day, since cron starts anew at midnight."""
MINUTES = (5, 10, 15, 20, 30, 60)
"""Intervals of checks, which divide an hour."""
CHECK_TICK_MINUTES = 5
"""More ticks spread checks further, and cost more; see `check_tick_minutes` of terraform/variables.tf."""
OFF = 0
BUDGET_CHECK = "budget-check"
CLEAN_UP = "clean-up"
PLANS = "plans"
_SYNC = "sync-"


@dataclass(frozen=True)
class SyncSchedule:
    """How often an organization's bills are fetched.  hours: by its settings, OFF for never.  cron: of the scheduler, None for nothing."""

    org_slug: str
    hours: int
    cron: str | None

    @property
    def expected_cron(self) -> str | None:
        """What the scheduler should have, None for nothing.  Raises BadConfiguration for an interval that does not divide a day."""
        return sync_schedule(self.org_slug, self.hours).cron if self.hours != OFF else None

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {"org_slug": self.org_slug, "sync_interval_hours": self.hours, "cron": self.cron}


def shown_sync_schedule(rt: Runtime, org_slug: str) -> SyncSchedule:
    """What the settings say and what the scheduler does.  Raises BadConfiguration for a setting that is not a number."""
    name, hours = sync_name(org_slug), sync_interval_hours(rt.documents, org_slug)
    made = next((one for one in rt.scheduler.list(name) if one.name == name), None)
    return SyncSchedule(org_slug, hours, made.cron if made else None)


def next_sync_at(rt: Runtime, org_slug: str) -> datetime | None:
    """When the scheduler fetches an organization's bills next; None where it does not."""
    made = shown_sync_schedule(rt, org_slug)
    return next_tick(org_slug, made.hours, rt.clock.now()) if made.cron and made.hours != OFF else None


def next_tick(org_slug: str, hours: int, now: datetime) -> datetime:
    """The first tick after a moment, in UTC, of a schedule as `sync_schedule` makes it."""
    minute, first_hour = _offsets(org_slug, hours)
    day = now.replace(hour=0, minute=minute, second=0, microsecond=0)
    ticks = (day + timedelta(hours=hour) for hour in range(first_hour, 24 + hours + first_hour, hours))
    return next(tick for tick in ticks if tick > now)


def sync_name(org_slug: str) -> str:
    """The name of a tenant's schedule."""
    return _SYNC + org_slug


def sync_schedule(org_slug: str, hours: int) -> Schedule:
    """A tenant's schedule.  Minute and first hour are made of the tenant's name, so that not all tick at once.

    Raises BadConfiguration for an interval that does not divide a day.
    """
    if hours not in HOURS:
        raise BadConfiguration(
            f"bills cannot be fetched every {hours} hours: expected one of {', '.join(map(str, HOURS))}"
        )
    minute, first_hour = _offsets(org_slug, hours)
    every = {1: "*", 24: str(first_hour)}.get(hours, f"{first_hour}-23/{hours}")
    return Schedule(sync_name(org_slug), f"{minute} {every} * * *", SyncRequested("", "schedule", org_slug))


def sync_interval_hours(documents: DocumentStore, org_slug: str) -> int:
    """Hours between a tenant's synchronisations; OFF for none."""
    return _setting(documents, "sync_interval_hours", org_slug)


def set_sync_interval(rt: Runtime, org_slug: str, hours: int) -> Schedule | None:
    """Remember the interval and tick by it from now on; OFF ends the schedule.  Raises BadConfiguration."""
    if hours != OFF:
        sync_schedule(org_slug, hours)
    path = _org_settings(org_slug)

    def work(transaction: Transaction) -> None:
        transaction.set(path, {**(transaction.get(path) or {}), "sync_interval_hours": hours})

    rt.documents.transact(work)
    return ensure_schedule(rt, org_slug)


def ensure_schedule(rt: Runtime, org_slug: str) -> Schedule | None:
    """Make a tenant's schedule what its settings say; returns it, or None where it is off.  Safe to repeat."""
    hours = sync_interval_hours(rt.documents, org_slug)
    if hours == OFF:
        rt.scheduler.remove(sync_name(org_slug))
        return None
    schedule = sync_schedule(org_slug, hours)
    rt.scheduler.put(schedule)
    return schedule


def check_interval_minutes(documents: DocumentStore) -> int:
    """Minutes between two checks of an organization's budgets.  Raises BadConfiguration for an interval that does not divide an hour."""
    minutes = _setting(documents, "threshold_check_minutes")
    if minutes not in MINUTES:
        raise BadConfiguration(
            f"budgets cannot be checked every {minutes} minutes: expected one of {', '.join(map(str, MINUTES))}"
        )
    return minutes


def ensure_budget_check(rt: Runtime) -> Schedule:
    """Make the platform's schedule of budget checks.  Safe to repeat.  Raises BadConfiguration for an interval that cannot be kept."""
    check_interval_minutes(rt.documents)
    schedule = budget_check_schedule()
    rt.scheduler.put(schedule)
    return schedule


def budget_check_schedule() -> Schedule:
    """Each tick asks for the checks that are due since the one before (checks.py).  Terraform has a rate of its own."""
    return Schedule(BUDGET_CHECK, f"*/{CHECK_TICK_MINUTES} * * * *", BudgetCheckRequested(""))


def clean_up_schedule() -> Schedule:
    """Once a day: what is past its life is removed, of all tenants.  Terraform has the same times."""
    return Schedule(CLEAN_UP, "40 2 * * *", CleanUpRequested(""))


def ensure_clean_up(rt: Runtime) -> Schedule:
    """Make the platform's schedule of clean-ups, of all tenants.  Safe to repeat."""
    schedule = clean_up_schedule()
    rt.scheduler.put(schedule)
    return schedule


def plans_schedule() -> Schedule:
    """Once a day: plans are compared with the subscriptions of the payment provider, and trials that end are noticed."""
    return Schedule(PLANS, "10 3 * * *", SubscriptionChanged("", "schedule"))


def ensure_plans(rt: Runtime) -> Schedule | None:
    """Make the platform's schedule of plans; None where there are none.  Safe to repeat."""
    schedule = plans_schedule()
    if not rt.settings.plans:
        rt.scheduler.remove(schedule.name)
        return None
    rt.scheduler.put(schedule)
    return schedule


def _setting(documents: DocumentStore, name: str, org_slug: str | None = None) -> int:
    own: dict[str, Any] = (documents.get(_org_settings(org_slug)) or {}) if org_slug else {}
    found = own.get(name)
    if found is None:
        found = (documents.get("settings/general") or {}).get(name, DEFAULTS[name])
    if not isinstance(found, int) or isinstance(found, bool):
        raise BadConfiguration(f"setting {name} is {found!r}, expected a whole number")
    return found


def _org_settings(org_slug: str) -> str:
    return below(check_org_slug(org_slug), "settings", "general")


def _offsets(org_slug: str, hours: int) -> tuple[int, int]:
    own = place(org_slug, 60 * hours)
    return own % 60, own // 60
