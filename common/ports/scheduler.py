"""The scheduler: messages that are published again and again by the clock (Cloud Scheduler; documents on the laptop)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from common.messages import Message


@dataclass(frozen=True)
class Schedule:
    """One message, published at each tick.

    name: lower-case letters, digits, dashes, as `sync-acme_1x`.  cron: five fields, in UTC.  Every publication has an event id of
    its own, and a SyncRequested without a run id takes it from there.
    """

    name: str
    cron: str
    message: Message


class Scheduler(Protocol):
    """All schedules of the platform."""

    def put(self, schedule: Schedule) -> None:
        """Make the schedule, or change the one of that name.  Raises BadConfiguration for a cron text that is none."""
        ...

    def remove(self, name: str) -> None:
        """End a schedule; nothing happens where there is none."""
        ...

    def list(self, prefix: str = "") -> Sequence[Schedule]:
        """The schedules whose names start with `prefix`, by name."""
        ...
