"""The clock of the machine."""

from __future__ import annotations

from datetime import UTC, datetime


class SystemClock:
    """Tells the machine's time."""

    def now(self) -> datetime:
        """The present moment, in UTC with its zone."""
        return datetime.now(UTC)


class FixedClock:
    """Stands still: tests in which two runs of the same work must come out byte for byte the same."""

    def __init__(self, moment: datetime) -> None:
        self._moment = moment

    def now(self) -> datetime:
        """The moment that it was set to."""
        return self._moment


def clock(fixed: datetime | None) -> SystemClock | FixedClock:
    """The machine's clock, or one that stands still at a moment with a zone."""
    return SystemClock() if fixed is None else FixedClock(fixed.astimezone(UTC))
