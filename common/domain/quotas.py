"""Quotas of runs: how many an organization has started today and this month, how many are in progress, and whether more may start.

A day and a month are those of UTC, and their names are part of what is counted, so that a new one begins at zero without any job.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

STALE = timedelta(days=1)
"""A run that has not ended after this long no longer counts as in progress."""


def day_of(moment: datetime) -> str:
    """The day, as in `2026-11-22`."""
    return moment.astimezone(UTC).date().isoformat()


def month_of(moment: datetime) -> str:
    """The month, as in `2026-11`."""
    return day_of(moment)[:7]


def day_ends(moment: datetime) -> datetime:
    """The midnight after a moment."""
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def month_ends(moment: datetime) -> datetime:
    """The beginning of the month after a moment's."""
    first = moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + timedelta(days=32)).replace(day=1)


@dataclass(frozen=True)
class Limits:
    """What a plan allows.  None: as many as wanted."""

    runs_per_day: int | None = None
    runs_per_month: int | None = None
    concurrent_runs: int | None = None
    seats: int | None = None
    providers: int | None = None


@dataclass(frozen=True)
class Usage:
    """Runs that count at one moment."""

    today: int
    this_month: int
    in_progress: int


@dataclass(frozen=True)
class Refusal:
    """Why no more may start.  resets_at: None where no clock frees one."""

    reason: str
    limit: int
    used: int
    resets_at: datetime | None = None


def refused_runs(plan: str, limits: Limits, usage: Usage, wanted: int, now: datetime) -> Refusal | None:
    """Why so many more runs may not start now, by the limit that frees last; None where they may."""
    for name, limit, used, resets_at in (
        ("Monthly", limits.runs_per_month, usage.this_month, month_ends(now)),
        ("Daily", limits.runs_per_day, usage.today, day_ends(now)),
    ):
        if limit is not None and used + wanted > limit:
            words = f"{_used(limit, used, wanted)} on plan {plan}; it resets at {resets_at:%Y-%m-%d %H:%M} UTC"
            return Refusal(f"{name} pipeline limit reached: {words}", limit, used, resets_at)
    limit, used = limits.concurrent_runs, usage.in_progress
    if limit is not None and used + wanted > limit:
        words = f"{_used(limit, used, wanted)} at once on plan {plan}; try again when a run has ended"
        return Refusal(f"Concurrent pipeline limit reached: {words}", limit, used)
    return None


def refused_provider(plan: str, limits: Limits, connected: frozenset[str], provider: str) -> Refusal | None:
    """Why bills of this provider may not be connected too; None where they may."""
    limit, used = limits.providers, len(connected)
    if limit is None or provider in connected or used < limit:
        return None
    words = f"{used} of {limit} providers on plan {plan}; remove the integrations of one, or choose a larger plan"
    return Refusal(f"Provider limit reached: {words}", limit, used)


def refused_seat(plan: str, limits: Limits, used: int) -> Refusal | None:
    """Why nobody more may be invited; None where somebody may.  used: seats of members and of open invitations."""
    limit = limits.seats
    if limit is None or used < limit:
        return None
    words = f"{used} of {limit} seats on plan {plan}; remove a member, or choose a larger plan"
    return Refusal(f"Seat limit reached: {words}", limit, used)


def _used(limit: int, used: int, wanted: int) -> str:
    more = f", {wanted} more requested" if wanted > 1 else ""
    return f"{used} of {limit} runs{more}"
