"""How complete charges are: filling, provisional or final.  The one place that decides it.

filling: a day that is younger than its source's usual lag; its lines continue to arrive.  provisional: complete, while the month is open
or changed not long ago.  final: the month is closed, and has not changed for FINAL_AFTER.

Days are counted back from the source's own newest delivery, never from today: a source that has stopped left its last days as they were,
and time alone makes no day complete.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

FILLING, PROVISIONAL, FINAL = "filling", "provisional", "final"
FINAL_AFTER = timedelta(days=10)
"""A closed month that no delivery has changed for so long is final; a change of a day after so long is a restatement."""
STOPPED_AFTER_DAYS = 7
"""A source whose newest delivery is so many days older than another one's has stopped: it may be closed, and is not waited for."""


@dataclass(frozen=True)
class Slice:
    """What is shown of one integration's billing period: at least one charge.

    ends_at: the first moment after the period.  delivered_at: the provider's time of the delivery that is shown.
    """

    ends_at: datetime
    delivered_at: datetime


@dataclass(frozen=True)
class Watermark:
    """filling_from: the first day that may still lack lines.  states: of each billing period."""

    filling_from: date
    states: Mapping[str, str]


def first_filling_day(lag: timedelta, delivered_at: datetime) -> date:
    """The first day (UTC) that a delivery may not have whole, by its source's usual lag; the days before it are complete."""
    return (delivered_at.astimezone(UTC) - lag).date()


def has_stopped(delivered_on: date, newest: date) -> bool:
    """Whether a source's newest delivery is so much older than another source's that no more is to be expected."""
    return newest - delivered_on > timedelta(days=STOPPED_AFTER_DAYS)


def watermark(slices: Mapping[str, Slice], lag: timedelta, now: datetime) -> Watermark:
    """How complete an integration's charges are.  slices: by billing period, at least one; lag: its usual one.

    Its newest billing period's delivery shows how far it is: a correction of an earlier month makes no day of this one complete.
    """
    newest = max(slices.values(), key=lambda one: (one.ends_at, one.delivered_at))
    filling_from = first_filling_day(lag, newest.delivered_at)
    return Watermark(filling_from, {period: state_of(one, filling_from, now) for period, one in slices.items()})


def state_of(piece: Slice, filling_from: date, now: datetime) -> str:
    """The state of a whole slice.  filling_from: the first day that its source may not have whole."""
    if _midnight(filling_from) < piece.ends_at:
        return FILLING
    # a clock that was put back is behind the delivery
    return (
        FINAL if max(now, piece.delivered_at) - max(piece.ends_at, piece.delivered_at) >= FINAL_AFTER else PROVISIONAL
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
