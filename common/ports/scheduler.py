"""The scheduler: messages that are published repeatedly at set times (Cloud Scheduler; embedded: documents)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from common.messages import Message


@dataclass(frozen=True)
class Schedule:
    """One message, published at each tick.

    name: 1 to 100 letters, digits, dashes, underscores, as `sync-acme_1x`.  cron: five fields, in UTC.  message: a SyncRequested
    without run id or a BudgetCheckRequested without check id, since each publication is work of its own and gives its own id.
    """

    name: str
    cron: str
    message: Message


class Scheduler(Protocol):
    """All schedules of the platform."""

    def put(self, schedule: Schedule) -> None:
        """Make the schedule, or change the one of that name.  The same again changes nothing.

        Raises BadConfiguration for a cron text or a name that is none, or a message that no schedule may publish.
        """
        ...

    def remove(self, name: str) -> None:
        """End a schedule; nothing happens where there is none."""
        ...

    def list(self, prefix: str = "") -> Sequence[Schedule]:
        """The schedules whose names start with `prefix`, by name."""
        ...
