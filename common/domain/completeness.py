"""How complete charges are: filling, provisional or final.  The one place that decides it.

filling: a day that is younger than its source's usual lag; its lines continue to arrive.  provisional: complete, while the month is open
or changed not long ago.  final: the month is closed, and has not changed for FINAL_AFTER.

Days are counted back from the source's own newest delivery, never from today: a source that has stopped left its last days as they were,
and time alone makes no day complete.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

FILLING, PROVISIONAL, FINAL = "filling", "provisional", "final"
FINAL_AFTER = timedelta(days=10)
"""A closed month that no delivery has changed for so long is final; a change of a day after so long is a restatement."""
STOPPED_AFTER_DAYS = 7
"""A source whose newest delivery is so many days older than another one's has stopped: it may be closed, and is not waited for."""


@dataclass(frozen=True)
class Slice:
    """What is shown of one integration's billing period.

    ends_at: the first moment after the period.  delivered_at: the provider's time of the delivery that is shown.
    first_day, last_day: between which its charges start (UTC), None without any.
    """

    ends_at: datetime
    delivered_at: datetime
    first_day: date | None = None
    last_day: date | None = None


def first_filling_day(lag: timedelta, delivered_at: datetime) -> date:
    """The first day (UTC) that a delivery may not have whole, by its source's usual lag; the days before it are complete."""
    return (delivered_at.astimezone(UTC) - lag).date()


def newest_of(slices: Iterable[Slice]) -> Slice | None:
    """The slice whose delivery shows how far a source is: of its newest billing period with charges.

    A correction of an earlier month makes no day of this one complete.
    """
    return max((one for one in slices if one.last_day), key=lambda one: (one.ends_at, one.delivered_at), default=None)


def state_of(piece: Slice, filling_from: date | None, now: datetime) -> str:
    """The state of a whole slice.  filling_from: the first day that its source may not have whole."""
    if filling_from is not None and _midnight(filling_from) < piece.ends_at:
        return FILLING
    # a clock that was put back is behind the delivery
    return FINAL if max(now, piece.delivered_at) - max(piece.ends_at, piece.delivered_at) >= FINAL_AFTER else PROVISIONAL


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
